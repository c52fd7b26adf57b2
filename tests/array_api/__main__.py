"""Run the public test suite of the array API standard on ``jaxlite.numpy``: ``python -m tests.array_api --help``."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
VERSION = "2024.12"
COMPILED = "exec('from tests.array_api.compiled import xp')"
OUTCOMES = ("passed", "failed", "xfailed", "xpassed", "errors", "skipped")


def reasons(path: Path) -> dict[str, str]:
    """Read a file of test names under comments; returns the comment above each name."""
    found, comment, fresh = {}, [], False
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            comment = [*comment, line[1:].strip()] if fresh else [line[1:].strip()]
            fresh = True
        elif line.strip():
            found[line] = " ".join(comment)
            fresh = False
        else:
            comment, fresh = [], False
    return found


def counts_of(text: str) -> dict[str, int]:
    """Read how many tests had which outcome from the last line that pytest prints."""
    for line in reversed(text.splitlines()):
        if re.search(r" in [\d.]+s", line):
            found = {name: int(number) for number, name in re.findall(r"(\d+) (\w+)", line)}
            found["errors"] = found.get("errors", found.get("error", 0))
            return {name: found.get(name, 0) for name in OUTCOMES}
    raise ValueError("pytest printed no line of counts")


def run(suite: Path, module: str, examples: int, arguments: list[str]) -> tuple[int, str]:
    """Run the suite on a module; returns pytest's status and what it printed."""
    environment = os.environ | {
        "ARRAY_API_TESTS_MODULE": module,
        "ARRAY_API_TESTS_VERSION": VERSION,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        "JAXLITE_CACHE": "0",
        "JAX_ENABLE_X64": "1",
        "JAX_PLATFORMS": "cpu",
    }
    command = [sys.executable, "-m", "pytest", "array_api_tests", "-q", "-ra", "--tb=short"]
    command += [f"--max-examples={examples}", "--disable-deadline", "--derandomize", *arguments]
    process = subprocess.Popen(
        command, cwd=suite, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    printed = []
    for line in process.stdout:
        printed.append(line)
        sys.stdout.write(line)
    return process.wait(), "".join(printed)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.array_api", description=__doc__)
    parser.add_argument(
        "suite", type=Path, help="a checkout of data-apis/array-api-tests, with its submodule"
    )
    parser.add_argument("--module", default="jaxlite.numpy", help="what to test, such as jax.numpy")
    parser.add_argument(
        "--compiled", action="store_true", help="test functions under jit, each call a program of its own"
    )
    parser.add_argument("--examples", type=int, default=20, help="random examples for each test (default 20)")
    parser.epilog = "What stands after -- goes to pytest."
    argv = sys.argv[1:] if argv is None else argv
    end = argv.index("--") if "--" in argv else len(argv)
    options, arguments = parser.parse_args(argv[:end]), argv[end + 1 :]
    if not (options.suite / "array-api" / "spec" / VERSION).is_dir():
        parser.error(
            f"{options.suite} is no checkout of the suite with its submodule; see {FOLDER / 'README.md'}"
        )
    if options.module == "jaxlite.numpy":
        arguments = [*arguments, f"--xfails-file={FOLDER / 'xfails.txt'}"]
    module = COMPILED if options.compiled else options.module
    status, text = run(options.suite, module, options.examples, arguments)
    counts = counts_of(text)
    passed = counts["passed"] + counts["xpassed"]
    run_at_all = passed + counts["failed"] + counts["xfailed"] + counts["errors"]
    print(f"\n{options.module}: " + ", ".join(f"{counts[name]} {name}" for name in OUTCOMES))
    print(
        f"{options.module}: {passed} of {run_at_all} that ran pass: {100 * passed / max(run_at_all, 1):.1f} %"
    )
    return status


if __name__ == "__main__":
    sys.exit(main())
