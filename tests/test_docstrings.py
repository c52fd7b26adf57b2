"""Docstrings: sections as numpydoc reads them; of `jaxlite.numpy` every parameter and result, and examples."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.names import read_names

FUNCTIONS = {
    name: value
    for name in jnp.__all__
    if inspect.isfunction(value := getattr(jnp, name)) and value.__module__.startswith("jaxlite")
}


def section(doc: str, title: str) -> str:
    found = re.search(rf"^{title}\n-+\n(.*?)(?=\n\n\w+\n---|\Z)", doc, re.DOTALL | re.MULTILINE)
    return found.group(1) if found else ""


def documented_names(text: str) -> set[str]:
    heads = [line for line in text.split("\n") if line and not line.startswith(" ")]
    return {name.strip().lstrip("*") for head in heads for name in head.split(" : ")[0].split(",")}


def test_there_are_many_functions():
    assert len(FUNCTIONS) > 330


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_and_result_is_documented(name):
    function, doc = FUNCTIONS[name], inspect.getdoc(FUNCTIONS[name])
    summary = doc.split("\n")[0]
    assert summary.endswith((".", "?")), "the summary is a sentence on one line"
    parameters = set(inspect.signature(function).parameters)
    assert documented_names(section(doc, "Parameters")) == parameters
    result = section(doc, "Returns")
    assert result
    # What an array is like: its shape or dtype, or that it is like an operand.
    assert not re.fullmatch(r"\s*(\w+ : )?(tuple of |list of )?Array\s*", result)


def most_used(count: int) -> list[str]:
    names = [name for name in read_names() if name.module == "jax.numpy"]
    names.sort(key=lambda name: -(name.libraries + name.documents))
    return [short for name in names if (short := name.name.rpartition(".")[2]) in FUNCTIONS][:count]


@pytest.mark.parametrize("name", most_used(100))
def test_the_functions_that_people_use_most_have_an_example(name):
    assert section(inspect.getdoc(FUNCTIONS[name]), "Examples").startswith(">>> ")


HEADS = "Parameters|Returns|Yields|Raises|Notes|Examples|References|Attributes"


def test_sections_are_where_numpydoc_looks_for_them():
    for path in Path(jaxlite.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            doc = ast.get_docstring(node) if isinstance(node, ast.FunctionDef | ast.ClassDef) else None
            lines = (doc or "").splitlines()
            for before, head, rule, first in zip(lines, lines[1:], lines[2:], lines[3:], strict=False):
                if re.fullmatch(rf"\s*({HEADS})", head) and set(rule.strip()) == {"-"}:
                    assert (head, len(rule), before) == (head.strip(), len(head), ""), (path, node.name, head)
                    assert not first.startswith(" ") or head == "Notes", (path, node.name, head)
