"""The examples in docstrings run and give the output shown. They may use jaxlite, jnp, lax and np unimported."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import lax

NAMES = {"jaxlite": jaxlite, "jnp": jnp, "lax": lax, "np": np}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = ("jaxlite", *sorted(m.name for m in pkgutil.walk_packages(jaxlite.__path__, "jaxlite.")))


def run(module, report):
    """Run the examples of a module, and of the functions and classes defined there."""
    runner = doctest.DocTestRunner(verbose=False, optionflags=FLAGS)
    for test in doctest.DocTestFinder().find(module, extraglobs=NAMES):
        runner.run(test, out=report.append)
    return runner.summarize(verbose=False)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    report = []
    run(importlib.import_module(name), report)
    assert not report, "".join(report)


def test_examples_are_found():
    report = []
    assert run(jaxlite.tree, report).attempted > 10
    assert not report
