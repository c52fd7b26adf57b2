"""Sorting: ``sort``, ``top_k``, and the two primitives that move elements by a computed order.

    b:f64[5] c:i64[5] = sort[dimension=0 is_stable=True num_keys=1] a i       i = 0, 1, 2 …; c is the order
    ḃ:f64[5] = take_along_dim[dimension=0] ȧ c
    ā:f64[5] = put_along_dim_add[dimension=0 size=5] b̄ c

The order is NumPy's: nan last, complex numbers by real, then imaginary part; equal elements (-0.0 and 0.0
too) keep theirs.
"""

from __future__ import annotations

import operator

import numpy as np

from jaxlite.errors import DtypeError, ShapeError
from jaxlite.ir import ShapedArray
from jaxlite.lowering import IndexMap, Update
from jaxlite.ops.families import REAL, check_kinds
from jaxlite.ops.structural import align_dims, bind_checked, canonical_dims, iota, move_dim
from jaxlite.primitive import NOT_LINEAR, PURE, RECORD, Primitive, Zero
from jaxlite.trace import aval_of

# --- take_along_dim and its adjoint -----------------------------------------------------------------


def _check_along_dim(name: str, x: ShapedArray, indices: ShapedArray, dimension: int) -> None:
    if indices.dtype.kind not in "iu":
        raise DtypeError(f"{name}: indices have type {indices}.", why="indices are integers.")
    if not 0 <= dimension < x.ndim:
        raise ShapeError(f"{name}: dimension {dimension} does not exist in {x}.")
    if x.ndim != indices.ndim or any(
        n != m for d, (n, m) in enumerate(zip(x.shape, indices.shape, strict=True)) if d != dimension
    ):
        raise ShapeError(
            f"{name}: operands {x} and {indices} along dimension {dimension}.",
            why="they may differ in size along that dimension only.",
        )


def _take_along_dim_abstract_eval(x, indices, *, dimension):
    _check_along_dim("take_along_dim", x, indices, dimension)
    return (ShapedArray(indices.shape, x.dtype),)


def _take_along_dim_impl(x, indices, *, dimension):
    return (np.take_along_axis(x, indices, dimension),)


def _take_along_dim_jvp(primals, tangents, *, dimension):
    (x, indices), (x_dot, _) = primals, tangents
    return (take_along_dim(x, indices, dimension),), (take_along_dim(x_dot, indices, dimension),)


def _take_along_dim_transpose(cts, x, indices, *, dimension):
    return put_along_dim_add(cts[0], indices, dimension, x.aval.shape[dimension]), None


def _take_along_dim_batch(axis, args, dims, *, dimension):
    (x, indices), dim = align_dims(axis.size, args, dims)
    return (take_along_dim(x, indices, dimension + (dimension >= dim)),), (dim,)


take_along_dim_p = Primitive(
    name="take_along_dim",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_take_along_dim_abstract_eval,
    impl=_take_along_dim_impl,
    jvp=_take_along_dim_jvp,
    partial_eval=RECORD,
    transpose=_take_along_dim_transpose,
    batch=_take_along_dim_batch,
    lower=IndexMap("take_along_dim"),
    doc="zᵢ = x[indicesᵢ] along dimension;  x̄[indicesᵢ] += z̄ᵢ",
)


def take_along_dim(operand, indices, dimension: int):
    """Pick elements along one dimension, as ``np.take_along_axis``; indices must be in range."""
    return bind_checked(take_along_dim_p, operand, indices, dimension=dimension)


def _put_along_dim_add_abstract_eval(updates, indices, *, dimension, size):
    _check_along_dim("put_along_dim_add", updates, indices, dimension)
    if updates.shape != indices.shape:
        raise ShapeError(f"put_along_dim_add: operands {updates} and {indices}.", why="shapes must be equal.")
    return (ShapedArray((*updates.shape[:dimension], size, *updates.shape[dimension + 1 :]), updates.dtype),)


def _put_along_dim_add_impl(updates, indices, *, dimension, size):
    out = np.zeros((*updates.shape[:dimension], size, *updates.shape[dimension + 1 :]), updates.dtype)
    index = list(np.ogrid[tuple(map(slice, updates.shape))])
    index[dimension] = indices
    np.add.at(out, tuple(index), updates)
    return (out,)


def _put_along_dim_add_jvp(primals, tangents, *, dimension, size):
    (updates, indices), (updates_dot, _) = primals, tangents
    out = put_along_dim_add(updates, indices, dimension, size)
    return (out,), (put_along_dim_add(updates_dot, indices, dimension, size),)


def _put_along_dim_add_transpose(cts, updates, indices, *, dimension, size):
    return take_along_dim(cts[0], indices, dimension), None


def _put_along_dim_add_batch(axis, args, dims, *, dimension, size):
    (updates, indices), dim = align_dims(axis.size, args, dims)
    return (put_along_dim_add(updates, indices, dimension + (dimension >= dim), size),), (dim,)


put_along_dim_add_p = Primitive(
    name="put_along_dim_add",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_put_along_dim_add_abstract_eval,
    impl=_put_along_dim_add_impl,
    jvp=_put_along_dim_add_jvp,
    partial_eval=RECORD,
    transpose=_put_along_dim_add_transpose,
    batch=_put_along_dim_add_batch,
    lower=Update("put_along_dim_add"),
    doc="z = 0;  z[indicesᵢ] += xᵢ along dimension;  x̄ᵢ = z̄[indicesᵢ]",
)


def put_along_dim_add(updates, indices, dimension: int, size: int):
    """Add elements into zeros along one dimension, which gets ``size``: the adjoint of `take_along_dim`."""
    return bind_checked(put_along_dim_add_p, updates, indices, dimension=dimension, size=size)


# --- sort -------------------------------------------------------------------------------------------


def _sort_abstract_eval(*operands, dimension, is_stable, num_keys):
    types = ", ".join(map(str, operands))
    if len({x.shape for x in operands}) != 1 or not 0 <= dimension < operands[0].ndim:
        raise ShapeError(
            f"sort: operands {types} along dimension {dimension}.",
            why="there must be at least one, all of one shape that has that dimension.",
        )
    if not 1 <= num_keys <= len(operands):
        raise ShapeError(
            f"sort: {num_keys} keys of operands {types}.", why="the first `num_keys` are the keys."
        )
    return tuple([x.strip_weak_type() for x in operands])


def _sort_impl(*operands, dimension, is_stable, num_keys):
    # NumPy's quick sort of float16 is wrong where infinities are (2.4.6 with AVX-512).
    kind = "stable" if is_stable or operands[0].dtype == np.float16 else None
    if len(operands) == 1:
        return (np.sort(operands[0], dimension, kind),)
    if num_keys == 1:
        order = np.argsort(operands[0], dimension, kind)
    else:
        # The last key of lexsort is the first to compare.
        order = np.lexsort(operands[:num_keys][::-1], dimension)
    return tuple([np.take_along_axis(x, order, dimension) for x in operands])


def _sort_jvp(primals, tangents, *, dimension, **params):
    places = iota(np.int64, aval_of(primals[0]).shape, dimension)
    *outs, order = sort_p.bind(*primals, places, dimension=dimension, **params)
    tangents_out = [t if type(t) is Zero else take_along_dim(t, order, dimension) for t in tangents]
    return tuple(outs), tuple(tangents_out)


def _sort_batch(axis, args, dims, *, dimension, **params):
    operands, dim = align_dims(axis.size, args, dims)
    return sort_p.bind(*operands, dimension=dimension + (dimension >= dim), **params), (dim,) * len(operands)


sort_p = Primitive(
    name="sort",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_sort_abstract_eval,
    impl=_sort_impl,
    jvp=_sort_jvp,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_sort_batch,
    lower=IndexMap("sort"),
    doc="z₁, z₂, … = x₁, x₂, … in the order of the first num_keys of them;  żᵢ = ẋᵢ in that order",
)


def sort(operand, *more, dimension: int = -1, is_stable: bool = True, num_keys: int = 1):
    """Sort along one dimension, moving all operands in the order of the first ones.

    Called as ``sort(x)``, ``sort([x, y], dimension, is_stable, num_keys)`` or ``sort(x, y, dimension=…)``.

    Parameters
    ----------
    operand, *more : array, or a sequence of arrays
        All of one shape.
    dimension : int
    is_stable : bool
        Whether equal elements keep their order.
    num_keys : int
        How many operands the order depends on: the first, at ties the second, and so on.

    Returns
    -------
    array, or tuple of arrays
        A bare array for one that is not in a sequence.
    """
    if more and isinstance(more[0], int):
        options = dict(zip(("dimension", "is_stable", "num_keys"), more, strict=False))
        return sort(
            operand, **{"dimension": dimension, "is_stable": is_stable, "num_keys": num_keys, **options}
        )
    operands = tuple(operand) if isinstance(operand, list | tuple) else (operand, *more)
    (dimension,) = canonical_dims("sort", dimension, len(aval_of(operands[0]).shape) if operands else 1)
    outs = bind_checked(
        sort_p, *operands, dimension=dimension, is_stable=bool(is_stable), num_keys=operator.index(num_keys)
    )
    return outs if more or isinstance(operand, list | tuple) else outs[0]


def sort_key_val(keys, values, dimension: int = -1, is_stable: bool = True):
    """Sort ``keys`` along one dimension, and ``values`` in the same order."""
    return sort((keys, values), dimension=dimension, is_stable=is_stable, num_keys=1)


def argsort(operand, dimension: int = -1, is_stable: bool = True):
    """Return the indices, int64, that sort an array along one dimension."""
    shape = aval_of(operand).shape
    (dimension,) = canonical_dims("argsort", dimension, len(shape))
    return sort_key_val(operand, iota(np.int64, shape, dimension), dimension, is_stable)[1]


# --- top_k ------------------------------------------------------------------------------------------


def _top_k_abstract_eval(x, *, k):
    check_kinds("top_k", (x,), REAL)
    if not x.shape or not 0 <= k <= x.shape[-1]:
        raise ShapeError(f"top_k: k = {k} of {x}.", why="it must not exceed the size of the last dimension.")
    shape = (*x.shape[:-1], k)
    return ShapedArray(shape, x.dtype), ShapedArray(shape, np.dtype(np.int32))


def _top_k_impl(x, *, k):
    # Reversed before and after a stable ascending sort: largest first, and the first of equal ones first.
    order = x.shape[-1] - 1 - np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1][..., :k]
    return np.take_along_axis(x, order, -1), order.astype(np.int32)


def _top_k_jvp(primals, tangents, *, k):
    values, indices = top_k(*primals, k)
    x_dot = take_along_dim(tangents[0], indices, len(aval_of(indices).shape) - 1)
    return (values, indices), (x_dot, Zero.like(indices))


def _top_k_batch(axis, args, dims, *, k):
    return top_k(move_dim(args[0], dims[0], 0), k), (0, 0)


top_k_p = Primitive(
    name="top_k",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_top_k_abstract_eval,
    impl=_top_k_impl,
    jvp=_top_k_jvp,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_top_k_batch,
    lower=IndexMap("top_k"),
    doc="z = the k largest x, largest first, and their places i;  ż = ẋᵢ",
)


def top_k(operand, k: int, *, axis: int = -1):
    """Find the largest elements along one axis.

    Parameters
    ----------
    operand : array
        Not complex. nan counts as larger than all numbers.
    k : int
        How many; at most the size of the axis.
    axis : int

    Returns
    -------
    values : array
        Largest first.
    indices : i32 array
        Where they stood; of equal elements the first comes first.
    """
    ndim = len(aval_of(operand).shape)
    last = ndim - 1
    (axis,) = canonical_dims("top_k", axis, ndim)
    if axis != last:
        return tuple([move_dim(x, last, axis) for x in top_k(move_dim(operand, axis, last), k)])
    return bind_checked(top_k_p, operand, k=operator.index(k))
