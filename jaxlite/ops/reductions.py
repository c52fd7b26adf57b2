"""Reductions: sum, prod, max, min, and, or, argmax, argmin, and the cumulative operations."""

from __future__ import annotations

import numpy as np

from jaxlite.errors import ShapeError
from jaxlite.ir import ShapedArray
from jaxlite.lowering import Reduction
from jaxlite.ops.families import linear_jvp
from jaxlite.ops.structural import broadcast_in_dim
from jaxlite.primitive import PURE, RECORD, Primitive


def check_axes(name: str, x: ShapedArray, axes) -> None:
    if len(set(axes)) != len(axes) or not all(0 <= d < x.ndim for d in axes):
        raise ShapeError(f"{name}: axes {axes} do not exist in {x}, or are named twice.")


def remaining(shape, axes) -> tuple[int, ...]:
    return tuple(n for d, n in enumerate(shape) if d not in axes)


def _reduce_sum_abstract_eval(x, *, axes):
    check_axes("reduce_sum", x, axes)
    return (ShapedArray(remaining(x.shape, axes), x.dtype),)


def _reduce_sum_impl(x, *, axes):
    return (np.sum(x, axis=axes, dtype=np.asarray(x).dtype),)


def _reduce_sum_transpose(cts, x, *, axes):
    kept = tuple(d for d in range(x.aval.ndim) if d not in axes)
    return (broadcast_in_dim(cts[0], x.aval.shape, kept),)


def shift_axes(axes, dim: int) -> tuple[tuple[int, ...], int]:
    """Return reduced axes and result dimension when dimension ``dim`` of the operand is mapped."""
    moved = tuple(d + (d >= dim) for d in axes)
    return moved, dim - sum(d < dim for d in moved)


def _reduce_sum_batch(axis, args, dims, *, axes):
    moved, out_dim = shift_axes(axes, dims[0])
    return (reduce_sum(args[0], moved),), (out_dim,)


reduce_sum_p = Primitive(
    name="reduce_sum",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_reduce_sum_abstract_eval,
    impl=_reduce_sum_impl,
    jvp=linear_jvp("reduce_sum"),
    partial_eval=RECORD,
    transpose=_reduce_sum_transpose,
    batch=_reduce_sum_batch,
    lower=Reduction("add"),
    doc="z = Σ x over axes;  x̄ = z̄ broadcast",
)


def reduce_sum(x, axes):
    """Sum over ``axes`` (non-negative ints); the result has the dtype of ``x``."""
    return reduce_sum_p.bind(x, axes=tuple(axes))
