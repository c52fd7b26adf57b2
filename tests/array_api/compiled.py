"""``xp``: the namespace whose functions run compiled, each call as a program of its own.

Operators, methods and what has no array among its arguments are as in ``jaxlite.numpy``. So are results whose shape
depends on values, and those that are no arrays: dtypes, bools.
"""

import functools
import types
from pathlib import Path

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.errors import ArgumentError, ConcretizationTypeError
from jaxlite.tree_util import tree_flatten, tree_unflatten

# Answers about types.
UNCOMPILED = {"can_cast", "finfo", "iinfo", "isdtype", "result_type", "from_dlpack"}


def compiled(function):
    """Make a function that traces, compiles and runs ``function`` at every call with an array."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        leaves, tree = tree_flatten((args, kwargs))
        places = [i for i, leaf in enumerate(leaves) if type(leaf) is jaxlite.Array]
        if not places:
            return function(*args, **kwargs)

        def program(arrays):
            filled = list(leaves)
            for i, x in zip(places, arrays, strict=True):
                filled[i] = x
            args, kwargs = tree_unflatten(tree, filled)
            return function(*args, **kwargs)

        try:
            return jaxlite.jit(program)([leaves[i] for i in places])
        except (ConcretizationTypeError, ArgumentError):
            # The shape of the result depends on values, or a wrong argument, at which this raises too.
            return function(*args, **kwargs)

    return call


def namespace(original, prefix: str, names: set[str]) -> types.ModuleType:
    """Return a module like ``original`` whose functions among ``names`` are compiled."""
    module = types.ModuleType(original.__name__ + " (compiled)")
    vars(module).update({name: getattr(original, name) for name in dir(original) if name != "__name__"})
    for name in names:
        head, _, tail = name.rpartition(".")
        if head == prefix and tail not in UNCOMPILED and hasattr(original, tail):
            setattr(module, tail, compiled(getattr(original, tail)))
    return module


_lines = (Path(__file__).parent / "surface.txt").read_text().splitlines()
_names = {line.partition("(")[0] for line in _lines if "(" in line and line[0] not in "#_"}
xp = namespace(jnp, "", _names)
xp.linalg = namespace(jnp.linalg, "linalg", _names)
xp.fft = namespace(jnp.fft, "fft", _names)
