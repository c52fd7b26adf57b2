"""The notebooks run from top to bottom, and show on a web page what they would show when run.

A notebook is committed with its outputs. After a change of a notebook, or of what it prints, this writes them anew,
without anything that differs from run to run:

    python tests/test_notebooks.py
"""

import base64
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SECONDS_FOR_A_CELL = 60
LARGEST_IMAGE = 150_000
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


# --- running a notebook -----------------------------------------------------------------------------


def execute(source: Path, target: Path) -> None:
    """Run the cells of a notebook in a kernel of its own, and write it with the outputs."""
    from nbclient import NotebookClient

    notebook = nbformat.read(source, as_version=4)
    # Coalesced, because a kernel hands over what is printed in pieces whose number depends on the clock.
    options = dict(kernel_name="python3", record_timing=False, coalesce_streams=True)
    NotebookClient(notebook, timeout=SECONDS_FOR_A_CELL, **options).execute()
    tidy(notebook)
    nbformat.write(notebook, target)


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Remove what differs from run to run, or from one editor to the next."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number:02d}", nbformat.NotebookNode()
        for output in cell.get("outputs", ()):
            if "metadata" in output:
                output.metadata = nbformat.NotebookNode()
            if "image/png" in output.get("data", {}):
                output.data.pop("text/plain", None)  # the address of the figure


def environment(folder: Path) -> dict[str, str]:
    """Return what a kernel needs to run: jaxlite on its path, folders to write to, and no debugger's warnings."""
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem[:2])
def pair(request, tmp_path_factory):
    """A notebook as committed, and as it is after a run in a process of its own."""
    folder = tmp_path_factory.mktemp("notebook")
    command = [sys.executable, __file__, str(request.param), str(folder / "run.ipynb")]
    run = subprocess.run(command, env=environment(folder), cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return nbformat.read(request.param, as_version=4), nbformat.read(folder / "run.ipynb", as_version=4)


# --- what is checked --------------------------------------------------------------------------------


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def images(cell):
    data = (output.get("data", {}) for output in cell.outputs)
    return [base64.b64decode(d["image/png"]) for d in data if "image/png" in d]


def shape_of(cell):
    """Return the kinds of a cell's outputs, not the numbers in them, which may differ in the last bits."""
    return [(output.output_type, sorted(output.get("data", {}))) for output in cell.outputs]


def test_there_are_notebooks():
    assert NOTEBOOKS


def test_runs_and_shows_what_is_committed(pair):
    committed, run = (code_cells(notebook) for notebook in pair)
    assert len(committed) == len(run)
    for old, new in zip(committed, run):
        assert shape_of(old) == shape_of(new), f"{old.source}\n\nrun: python tests/test_notebooks.py"
        # Programs are the same everywhere; errors and the pixels of a plot are not.
        if re.search(r"\{ lambda |^def ", printed(new), re.MULTILINE):
            assert printed(old) == printed(new), "run: python tests/test_notebooks.py"


def test_nothing_is_committed_that_changes_from_run_to_run(pair):
    committed, _ = pair
    tidied = nbformat.from_dict(committed)
    tidy(tidied)
    assert committed == tidied
    assert [cell.execution_count for cell in code_cells(committed)] == [
        *range(1, len(code_cells(committed)) + 1)
    ]


def test_nothing_is_written_to_stderr_and_images_are_small(pair):
    for notebook in pair:
        for cell in code_cells(notebook):
            assert not [output for output in cell.outputs if output.get("name") == "stderr"], cell.source
            assert sum(map(len, images(cell))) < LARGEST_IMAGE


if __name__ == "__main__":
    if sys.argv[1:]:
        execute(*map(Path, sys.argv[1:]))
    else:
        for path in NOTEBOOKS:
            execute(path, path)
