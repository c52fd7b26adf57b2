"""The parts of the differential test: each has its rows, its exclusions and the names that must be covered.

PARTS["mathematics"].names(jax) == {"scipy.special.erf", "scipy.stats.norm.cdf", …}
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jaxlite
from tests.oracle import functions, libraries, mathematics
from tests.oracle.rows import Row, find


class Part(NamedTuple):
    """Rows of one file."""

    rows: list[Row]
    excluded: Mapping[str, str]  # public functions without a row, each with the reason
    names: Callable[..., set[str]]  # jax -> the functions that must have a row or a reason


def shared_names(jax, modules, classes) -> set[str]:
    """Return the functions of modules and the methods of classes which jaxlite and JAX both have.

    A function that another module made public before, as stax does with those of nn, counts there alone.
    """
    names: set[str] = set()
    for path in modules:
        ours = find(jaxlite, path)
        names |= {
            f"{path}.{name}" for name in _public(ours, find(jax, path)) if _belongs(getattr(ours, name), ours)
        }
    for path in classes:
        ours, theirs = find(jaxlite, path), find(jax, path)
        methods = {f"{path}.{name}" for name in _public(ours, theirs) if not name.startswith("tree_")}
        names |= methods or {path}
    return names


def _public(ours, theirs) -> set[str]:
    own = getattr(ours, "__all__", dir(ours))
    return {name for name in own if not name.startswith("_") and name in dir(theirs)}


def _belongs(value, module) -> bool:
    if inspect.isclass(value) or inspect.ismodule(value):
        return False
    # A layer of stax is a pair of functions; a distribution has a module of its own in JAX.
    if not callable(value):
        return isinstance(value, tuple)
    if hasattr(module, "__all__") or not inspect.ismodule(module):
        return True
    function = value.func if isinstance(value, functools.partial) else value
    return function.__module__ == module.__name__


PARTS = {
    "functions": Part(functions.ROWS, functions.EXCLUDED, lambda jax: functions.function_names()),
    "mathematics": Part(
        mathematics.ROWS,
        mathematics.EXCLUDED,
        lambda jax: shared_names(jax, mathematics.MODULES, mathematics.CLASSES),
    ),
    "libraries": Part(
        libraries.ROWS,
        libraries.EXCLUDED,
        lambda jax: shared_names(jax, libraries.MODULES, libraries.CLASSES),
    ),
}
