"""Reductions over some dimensions: sum, prod, max, min, and, or, xor, argmax, argmin.

    b:f64[3] = reduce_max[axes=(1,)] a                          a:f64[3,4]
    c:i64[3] = argmax[axes=(1,) index_dtype=int64] a

``axes`` of an empty product, sum, and, or, xor may have size 0; the others have no value there and refuse it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from jaxlite.dtypes import as_dtype
from jaxlite.errors import DtypeError, ShapeError
from jaxlite.ir import ShapedArray
from jaxlite.lowering import Reduction
from jaxlite.ops.cumulative import cumprod, delay
from jaxlite.ops.elementwise import convert_element_type, div, eq, mul
from jaxlite.ops.families import ANY, INTEGRAL, NUMERIC, check_kinds, linear_jvp, named
from jaxlite.ops.structural import (
    bind_checked,
    broadcast_in_dim,
    canonical_dims,
    inverse_permutation,
    reshape,
    shift_dims,
    transpose,
)
from jaxlite.primitive import NOT_LINEAR, PRIMITIVES, PURE, RECORD, Primitive, zero_tangent
from jaxlite.trace import aval_of


def check_axes(name: str, x: ShapedArray, axes: Sequence[int]) -> None:
    if len(set(axes)) != len(axes) or not all(0 <= d < x.ndim for d in axes):
        raise ShapeError(f"{name}: axes {axes} do not exist in {x}, or are named twice.")


def remaining(shape: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    """Return what is left of a shape when ``axes`` are reduced."""
    return tuple([n for d, n in enumerate(shape) if d not in axes])


def _check_not_empty(name: str, x: ShapedArray, axes: Sequence[int]) -> None:
    if any(x.shape[d] == 0 for d in axes):
        raise ShapeError(
            f"{name}: {x} is empty along axes {axes}.",
            why=f"{name} of no elements has no value.",
            fix="reduce what is not empty; jnp.max and jnp.min take initial=.",
        )


def _spread(x, shape: Sequence[int], axes: Sequence[int]):
    """Broadcast a reduced value back to the shape that it was reduced from."""
    return broadcast_in_dim(x, shape, [d for d in range(len(shape)) if d not in axes])


def _bind_reduction(primitive: Primitive, operand, axes):
    axes = canonical_dims(primitive.name, axes, len(aval_of(operand).shape))
    return bind_checked(primitive, operand, axes=axes)


def _reduction(
    name: str,
    ufunc: np.ufunc,
    *,
    jvp,
    transpose,
    lower: str,
    doc: str,
    kinds: str = ANY,
    has_identity: bool = True,
) -> Primitive:
    """Declare the reduction with a scalar operation, which keeps the dtype."""

    def abstract_eval(x, *, axes):
        check_axes(name, x, axes)
        check_kinds(name, (x,), kinds)
        if not has_identity:
            _check_not_empty(name, x, axes)
        return (ShapedArray(remaining(x.shape, axes), x.dtype),)

    def impl(x, *, axes):
        x = np.asarray(x)
        return (ufunc.reduce(x, axis=axes, dtype=x.dtype),)

    def batch(axis, args, dims, *, axes):
        moved = shift_dims(axes, dims[0])
        return (PRIMITIVES[name].bind(*args, axes=moved),), (dims[0] - sum(d < dims[0] for d in moved),)

    return Primitive(
        name=name,
        multiple_results=False,
        effects=PURE,
        abstract_eval=named(abstract_eval, f"_{name}_abstract_eval"),
        impl=named(impl, f"_{name}_impl"),
        jvp=jvp,
        partial_eval=RECORD,
        transpose=transpose,
        batch=named(batch, f"_{name}_batch"),
        lower=Reduction(lower),
        doc=doc,
    )


# --- sum and product --------------------------------------------------------------------------------


def _reduce_sum_transpose(cts, x, *, axes):
    return (_spread(cts[0], x.aval.shape, axes),)


def _others_product(x, axes):
    """Return, for each element, the product of all others along ``axes``: exact where some are zero."""
    if len(axes) != 1:
        shape = aval_of(x).shape
        order = (*(d for d in range(len(shape)) if d not in axes), *axes)
        in_order = [shape[d] for d in order]
        kept = in_order[: len(shape) - len(axes)]
        rows = reshape(transpose(x, order), (*kept, math.prod(in_order[len(kept) :])))
        return transpose(reshape(_others_product(rows, (len(kept),)), in_order), inverse_permutation(order))
    (axis,) = axes
    before = delay(cumprod(x, axis), 1, axis)
    after = delay(cumprod(x, axis, reverse=True), 1, axis, reverse=True)
    return mul(before, after)


def _reduce_prod_jvp(primals, tangents, *, axes):
    (x,), (x_dot,) = primals, tangents
    return (reduce_prod(x, axes),), (reduce_sum(mul(x_dot, _others_product(x, axes)), axes),)


reduce_sum_p = _reduction(
    "reduce_sum", np.add, jvp=linear_jvp("reduce_sum"), transpose=_reduce_sum_transpose, lower="add",
    kinds=NUMERIC, doc="z = Σ x over axes;  x̄ = z̄ broadcast",
)  # fmt: skip
reduce_prod_p = _reduction(
    "reduce_prod", np.multiply, jvp=_reduce_prod_jvp, transpose=NOT_LINEAR, lower="mul", kinds=NUMERIC,
    doc="z = Π x over axes;  ż = Σᵢ ẋᵢ·Π x without xᵢ",
)  # fmt: skip


def reduce_sum(operand, axes: Sequence[int]):
    """Sum over ``axes``; the result has the dtype of the operand."""
    return _bind_reduction(reduce_sum_p, operand, axes)


def reduce_prod(operand, axes: Sequence[int]):
    """Multiply over ``axes``; the result has the dtype of the operand."""
    return _bind_reduction(reduce_prod_p, operand, axes)


# --- max and min ------------------------------------------------------------------------------------


def _choice_jvp(name: str) -> Callable:
    """Return the jvp of max or min: the mean of the tangents where the extreme value is attained."""

    def jvp(primals, tangents, *, axes):
        (x,), (x_dot,) = primals, tangents
        ans = PRIMITIVES[name].bind(x, axes=axes)
        attained = eq(x, _spread(ans, aval_of(x).shape, axes))
        location = convert_element_type(attained, aval_of(x).dtype)
        # 0/0 = nan where the extreme value is nan.
        return (ans,), (div(reduce_sum(mul(x_dot, location), axes), reduce_sum(location, axes)),)

    return named(jvp, f"_{name}_jvp")


reduce_max_p = _reduction(
    "reduce_max", np.maximum, jvp=_choice_jvp("reduce_max"), transpose=NOT_LINEAR, lower="max",
    has_identity=False, doc="z = max x over axes;  ż = mean of ẋ where x = z",
)  # fmt: skip
reduce_min_p = _reduction(
    "reduce_min", np.minimum, jvp=_choice_jvp("reduce_min"), transpose=NOT_LINEAR, lower="min",
    has_identity=False, doc="z = min x over axes;  ż = mean of ẋ where x = z",
)  # fmt: skip


def reduce_max(operand, axes: Sequence[int]):
    """Return the largest element over ``axes``; nan if one is."""
    return _bind_reduction(reduce_max_p, operand, axes)


def reduce_min(operand, axes: Sequence[int]):
    """Return the smallest element over ``axes``; nan if one is."""
    return _bind_reduction(reduce_min_p, operand, axes)


# --- bits -------------------------------------------------------------------------------------------

reduce_and_p = _reduction(
    "reduce_and", np.bitwise_and, jvp=zero_tangent, transpose=NOT_LINEAR, lower="and", kinds=INTEGRAL,
    doc="z = all bits that are set in every x",
)  # fmt: skip
reduce_or_p = _reduction(
    "reduce_or", np.bitwise_or, jvp=zero_tangent, transpose=NOT_LINEAR, lower="or", kinds=INTEGRAL,
    doc="z = all bits that are set in some x",
)  # fmt: skip
reduce_xor_p = _reduction(
    "reduce_xor", np.bitwise_xor, jvp=zero_tangent, transpose=NOT_LINEAR, lower="xor", kinds=INTEGRAL,
    doc="z = all bits that are set in an odd number of x",
)  # fmt: skip


def reduce_and(operand, axes: Sequence[int]):
    """Combine by "and": of bools, whether all are true; of integers, bit by bit."""
    return _bind_reduction(reduce_and_p, operand, axes)


def reduce_or(operand, axes: Sequence[int]):
    """Combine by "or": of bools, whether any is true; of integers, bit by bit."""
    return _bind_reduction(reduce_or_p, operand, axes)


def reduce_xor(operand, axes: Sequence[int]):
    """Combine by "exclusive or": of bools, whether an odd number is true; of integers, bit by bit."""
    return _bind_reduction(reduce_xor_p, operand, axes)


# --- argmax and argmin ------------------------------------------------------------------------------


def _index_reduction(name: str, function: Callable, *, doc: str) -> Primitive:
    """Declare the reduction that tells where along one axis the extreme value is."""

    def abstract_eval(x, *, axes, index_dtype):
        check_axes(name, x, axes)
        if len(axes) != 1:
            raise ShapeError(f"{name}: axes {axes} of {x}.", why="it looks along one axis.")
        if index_dtype.kind not in "iu":
            raise DtypeError(f"{name}: index_dtype {index_dtype}.", why="indices are integers.")
        _check_not_empty(name, x, axes)
        return (ShapedArray(remaining(x.shape, axes), index_dtype),)

    def impl(x, *, axes, index_dtype):
        return (function(x, axes[0]).astype(index_dtype),)

    def batch(axis, args, dims, *, axes, index_dtype):
        moved = shift_dims(axes, dims[0])
        out = PRIMITIVES[name].bind(*args, axes=moved, index_dtype=index_dtype)
        return (out,), (dims[0] - (moved[0] < dims[0]),)

    return Primitive(
        name=name,
        multiple_results=False,
        effects=PURE,
        abstract_eval=named(abstract_eval, f"_{name}_abstract_eval"),
        impl=named(impl, f"_{name}_impl"),
        jvp=zero_tangent,
        partial_eval=RECORD,
        transpose=NOT_LINEAR,
        batch=named(batch, f"_{name}_batch"),
        lower=Reduction(name),
        doc=doc,
    )


argmax_p = _index_reduction("argmax", np.argmax, doc="z = the first i with xᵢ = max x (or xᵢ = nan)")
argmin_p = _index_reduction("argmin", np.argmin, doc="z = the first i with xᵢ = min x (or xᵢ = nan)")


def _bind_index_reduction(primitive, operand, axes, index_dtype):
    axes = canonical_dims(primitive.name, axes, len(aval_of(operand).shape))
    return bind_checked(primitive, operand, axes=axes, index_dtype=as_dtype(index_dtype))


def argmax(operand, axes: int | Sequence[int], index_dtype=np.int64):
    """Return where along one axis the first largest element (or nan) stands.

    Parameters
    ----------
    operand : array
    axes : int, or sequence of one int
    index_dtype : dtype
        Of the result.
    """
    return _bind_index_reduction(argmax_p, operand, axes, index_dtype)


def argmin(operand, axes: int | Sequence[int], index_dtype=np.int64):
    """Return where along one axis the first smallest element (or nan) stands.

    Parameters
    ----------
    operand : array
    axes : int, or sequence of one int
    index_dtype : dtype
        Of the result.
    """
    return _bind_index_reduction(argmin_p, operand, axes, index_dtype)
