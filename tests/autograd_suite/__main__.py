"""Run HIPS autograd's own tests on jaxlite: ``python -m tests.autograd_suite --help``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.array_api.__main__ import counts_of

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent

# Not of NumPy's functions: counted apart.
OTHER_FILES = ("test_scipy.py",)


def run(suite: Path, mode: str, arguments: list[str]) -> tuple[int, str]:
    """Run the suite; returns pytest's status and what it printed."""
    own = mode == "autograd"
    paths = [suite] if own else [FOLDER / "shim", ROOT]
    paths = [*map(str, paths), os.environ.get("PYTHONPATH")]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "AUTOGRAD_SHIM": mode,
        "JAXLITE_CACHE": "0",
    }
    # The suite's own options for pytest ask for its plugins and for every core.
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", ".", "-p", "no:cacheprovider"]
    command += ["-q", "-ra", "--tb=short", *(() if own else ("-p", "tests.autograd_suite.plugin"))]
    command += [f"--ignore={name}" for name in OTHER_FILES if not any(name in a for a in arguments)]
    process = subprocess.Popen(
        [*command, *arguments],
        cwd=suite / "tests",
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    printed = []
    for line in process.stdout:
        printed.append(line)
        sys.stdout.write(line)
    return process.wait(), "".join(printed)


def summary(counts: dict[str, int]) -> str:
    """Say how many pass, without the exclusions and with each of them as a failure."""
    passed, failed = counts["passed"] + counts["xpassed"], counts["failed"] + counts["errors"]
    excluded = counts["xfailed"]
    ran = passed + failed
    return (
        f"{passed} of {ran} pass: {100 * passed / max(ran, 1):.1f} %; with the {excluded} exclusions as "
        f"failures {100 * passed / max(ran + excluded, 1):.1f} %; {counts['skipped']} skipped"
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.autograd_suite", description=__doc__)
    parser.add_argument("suite", type=Path, help="a checkout of HIPS/autograd")
    mode = parser.add_mutually_exclusive_group()
    for name, text in (
        ("numpy", "call NumPy's own functions instead of those of jaxlite.numpy"),
        ("jit", "compile what is differentiated"),
        ("autograd", "run on autograd itself, the checkout's"),
    ):
        mode.add_argument(f"--{name}", action="store_const", dest="mode", const=name, help=text)
    parser.epilog = "What stands after -- goes to pytest."
    argv = sys.argv[1:] if argv is None else argv
    end = argv.index("--") if "--" in argv else len(argv)
    options, arguments = parser.parse_args(argv[:end]), argv[end + 1 :]
    if not (options.suite / "tests" / "test_systematic.py").is_file():
        parser.error(f"{options.suite} is no checkout of HIPS/autograd; see {FOLDER / 'README.md'}")
    status, text = run(options.suite.absolute(), options.mode or "", arguments)
    print(f"\n{options.mode or 'jaxlite.numpy'}: {summary(counts_of(text))}")
    return status


if __name__ == "__main__":
    sys.exit(main())
