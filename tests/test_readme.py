"""The README tells the truth: its code gives the output shown, its links and files exist, its map is complete."""

import doctest
import re
from pathlib import Path

import jaxlite

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PACKAGE = Path(jaxlite.__file__).parent


def fenced_blocks(text, language):
    """Yield (number of the line before the code, code) for every fenced block of a language."""
    for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield text.count("\n", 0, match.start(1)), match[1]


def with_blank_lines(block):
    """Mark the blank lines of outputs as doctest wants it: in the README the fence ends an output."""
    lines = block.splitlines()
    for i, line in enumerate(lines):
        next_text = next(filter(None, lines[i:]), ">>>")
        if not line and not next_text.startswith(">>>"):
            lines[i] = "<BLANKLINE>"
    return "\n".join(lines) + "\n"


def run(text):
    """Run all Python blocks of a text as one session; return the report of what differs, and the number run."""
    report, names = [], {}
    runner = doctest.DocTestRunner(verbose=False)
    for line, block in fenced_blocks(text, "python"):
        test = doctest.DocTestParser().get_doctest(with_blank_lines(block), {}, "README", "README.md", line)
        test.globs = names
        runner.run(test, out=report.append, clear_globs=False)
    return "".join(report), runner.summarize(verbose=False).attempted


def test_every_python_block_gives_the_output_shown():
    report, attempted = run(README)
    assert not report, report
    assert attempted >= 8


def test_a_wrong_output_is_found():
    report, _ = run("text\n\n```python\n>>> print('a\\n\\nb')\na\n\nc\n```\n")
    assert "line 4" in report and "Expected:\n    a" in report


def test_blank_lines_in_outputs_belong_to_them():
    assert run("```python\n>>> print('a\\n\\nb')\na\n\nb\n\n>>> 1\n1\n```\n") == ("", 2)


def test_the_commands_are_where_the_ci_reads_them():
    for marker in ("test-command", "main-command"):
        block = rf"^<!-- {marker} -->\n```sh\n[^\n]+\n```$"
        assert len(re.findall(block, README, re.MULTILINE)) == 1


def test_links_lead_somewhere():
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert targets
    for target in targets:
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_the_map_names_every_module_and_nothing_else():
    (code_map,) = (block for _, block in fenced_blocks(README, "text") if "ir.py" in block)
    named = set(re.findall(r"\w+\.py|\w+/", code_map))
    modules = {path.name for path in PACKAGE.glob("*.py")}
    folders = {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")} | {"data/"}
    assert named == modules | folders
