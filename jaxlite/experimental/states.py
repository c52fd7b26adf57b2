"""States of solvers: trees of arrays that are one vector inside. Layer 7."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from jaxlite.api import eval_shape
from jaxlite.errors import ArgumentError, DtypeError
from jaxlite.flatten_util import ravel_pytree
from jaxlite.ir import ShapedArray
from jaxlite.source import describe_function
from jaxlite.trace import aval_of
from jaxlite.tree import keystr, tree_flatten, tree_flatten_with_path


def ravel_state(solver: str, name: str, state, kinds: str = "fc") -> tuple:
    """Return a state as a vector, and the way back; an error where a leaf has a dtype of another kind."""
    for path, leaf in tree_flatten_with_path(state)[0]:
        aval = aval_of(leaf)
        if aval.dtype.kind not in kinds:
            wanted = "floating or complex" if "c" in kinds else "floating"
            raise DtypeError(
                f"{solver} needs {wanted} states, got {name}{keystr(path)} as {aval}.",
                fix=f"write 1.0 for 1, or {name}.astype(float).",
            )
    return ravel_pytree(state)


def ravel_like(tree, vector):
    """Return a tree as a vector of the dtype of another one."""
    return ravel_pytree(tree)[0].astype(vector.dtype)


def check_like(solver: str, fun: Callable, name: str, state, call: Callable, args: Sequence) -> None:
    """Raise unless ``call(*args)``, what the user's function returns, is like the state."""
    leaves, tree = tree_flatten(state)
    got, got_tree = tree_flatten(eval_shape(call, *args))
    if got_tree != tree:
        raise ArgumentError(
            f"{solver}: {describe_function(fun)} returned another structure than {name}.",
            details=[f"{name}: {tree}", f"returned: {got_tree}"],
        )
    for (path, _), x, y in zip(tree_flatten_with_path(state)[0], map(aval_of, leaves), got, strict=True):
        if y.shape != x.shape or (np.dtype(y.dtype).kind == "c" and x.dtype.kind != "c"):
            found = ShapedArray(tuple(y.shape), np.dtype(y.dtype))
            raise ArgumentError(
                f"{solver}: {describe_function(fun)} returned {found} where {name}{keystr(path)} is {x}.",
                fix=f"return arrays of the shapes of {name}.",
            )
