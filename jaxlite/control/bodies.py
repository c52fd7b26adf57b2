"""What the control-flow functions share: recording a user's body once, and checking what it returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxlite.array import Array
from jaxlite.control.jit import check_results
from jaxlite.dtypes import result_type
from jaxlite.interpreters.stage import stage
from jaxlite.ir import Jaxpr, ShapedArray, lift_constvars
from jaxlite.ops.elementwise import convert_element_type
from jaxlite.primitive import Zero
from jaxlite.trace import aval_of
from jaxlite.tree import tree_flatten, tree_map, tree_unflatten


class Body(NamedTuple):
    """A recorded function: its program takes ``consts`` first; ``out_tree`` is the structure it returned."""

    jaxpr: Jaxpr
    consts: tuple
    out_tree: Any


def stage_body(fun: Callable, in_tree, avals: Sequence, name: str) -> Body:
    """Record ``fun(*tree)`` for arguments of the given structure and types."""
    out_tree = None

    def flat_fun(*leaves):
        nonlocal out_tree
        result = fun(*tree_unflatten(in_tree, leaves))
        outs, out_tree = tree_flatten(result)
        check_results(outs, result, fun, name)
        return outs

    jaxpr, consts = stage(flat_fun, avals, name, keep_dead=True)
    return Body(lift_constvars(jaxpr), consts, out_tree)


def same_type(a: ShapedArray, b: ShapedArray) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype


def promote_weak(carry_in: ShapedArray, carry_out: ShapedArray) -> ShapedArray | None:
    """Return the type a Python-scalar carry must start with to stay stable; None when nothing is to change."""
    if not isinstance(carry_in, ShapedArray) or not carry_in.weak_type or carry_out.shape != carry_in.shape:
        return None
    if same_type(carry_in, carry_out) and carry_out.weak_type:
        return None
    dtype, _ = result_type((carry_in, carry_out))
    return ShapedArray(carry_in.shape, np.dtype(dtype))


def to_types(values: Sequence, avals: Sequence) -> list:
    """Convert values whose dtype a promotion changed."""
    return [
        v if aval_of(v).dtype == a.dtype else convert_element_type(v, a.dtype)
        for v, a in zip(values, avals, strict=True)
    ]


def split_list(values: Sequence, *sizes: int) -> list:
    """Cut a sequence into pieces of the given sizes and the rest."""
    pieces, start = [], 0
    for size in sizes:
        pieces.append(values[start : start + size])
        start += size
    return [*pieces, values[start:]]


def is_nonzero(tangent) -> bool:
    return type(tangent) is not Zero


def permute_inputs(jaxpr: Jaxpr, order: Sequence[int]) -> Jaxpr:
    """Reorder the inputs: input ``k`` of the result is input ``order[k]``."""
    return jaxpr.replace(invars=tuple(jaxpr.invars[i] for i in order))


def permute_outputs(jaxpr: Jaxpr, order: Sequence[int]) -> Jaxpr:
    """Reorder the outputs: output ``k`` of the result is output ``order[k]``."""
    return jaxpr.replace(outvars=tuple(jaxpr.outvars[i] for i in order))


def as_arrays(tree):
    """Give plain arrays in a tree what traced ones have, ``.at`` among it, for bodies that run as Python."""
    return tree_map(lambda x: Array.of(np.array(x)) if type(x) is np.ndarray else x, tree)
