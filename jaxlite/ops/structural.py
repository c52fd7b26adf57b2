"""Structural primitives: they move elements and compute nothing.

    b:f64[5] = pad[padding_config=((1, 1, 0),)] a 0.0:f64[]          a:f64[3]
    c:f64[2] = slice[limit_indices=(4,) start_indices=(1,) strides=(2,)] b
    d:f64[7] = concatenate[dimension=0] b c

All are linear; each one's transpose puts the cotangent back where the element came from. At the end stand the
primitives that do not even move elements: ``copy`` and the markers ``stop_gradient``, ``name``,
``optimization_barrier``. Of the other ``ops`` this file imports ``families`` alone: all are built on it.
"""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxlite.dtypes import as_dtype, is_inexact
from jaxlite.errors import DtypeError, ShapeError
from jaxlite.ir import ShapedArray, Tape
from jaxlite.lowering import Identity, IndexMap
from jaxlite.ops.families import check_same_dtype, linear_jvp, linear_unary, match_scalars, scalar_like
from jaxlite.primitive import (
    NOT_LINEAR,
    PRIMITIVES,
    PURE,
    RECORD,
    NotBatchable,
    Primitive,
    Zero,
    is_linear,
    zero_tangent,
)
from jaxlite.trace import Tracer, aval_of
from jaxlite.tree import tree_flatten, tree_map, tree_unflatten


def canonical_dims(name: str, dims: int | Sequence[int], ndim: int) -> tuple[int, ...]:
    """Return dimensions as a tuple of non-negative ints; negative ones count from the end.

    Raises
    ------
    ShapeError
        If one of them does not exist.
    """
    dims = (dims,) if isinstance(dims, int | np.integer) else dims
    dims = tuple([operator.index(d) for d in dims])
    if not all(-ndim <= d < ndim for d in dims):
        raise ShapeError(
            f"{name}: dimensions {dims} of a value with {ndim} dimensions.",
            why=f"they must lie between {-ndim} and {ndim - 1}." if ndim else "it has none.",
        )
    return tuple([d + ndim if d < 0 else d for d in dims])


def shift_dims(dims: Sequence[int], mapped: int) -> tuple[int, ...]:
    """Return where ``dims`` are once a mapped dimension stands at ``mapped``."""
    return tuple([d + (d >= mapped) for d in dims])


def bind_checked(primitive: Primitive, *operands, **params):
    """Bind after checking the operands: NumPy, which evaluates, accepts some that a primitive refuses."""
    primitive.abstract_eval(*map(aval_of, operands), **params)
    return primitive.bind(*operands, **params)


def _as_ints(values) -> tuple[int, ...]:
    return tuple([operator.index(n) for n in values])


def _structural(
    name: str, *, abstract_eval: Callable, impl: Callable, transpose: Callable, batch: Callable, doc: str
) -> Primitive:
    """Declare a primitive with one result that moves elements; jvp and lowering are the same for all."""
    return Primitive(
        name=name,
        multiple_results=False,
        effects=PURE,
        abstract_eval=abstract_eval,
        impl=impl,
        jvp=linear_jvp(name),
        partial_eval=RECORD,
        transpose=transpose,
        batch=batch,
        lower=IndexMap(name),
        doc=doc,
    )


# --- broadcast_in_dim -------------------------------------------------------------------------------


def _broadcast_in_dim_abstract_eval(x, *, shape, broadcast_dimensions):
    fits = len(broadcast_dimensions) == x.ndim and all(
        0 <= d < len(shape) and n in (1, shape[d])
        for d, n in zip(broadcast_dimensions, x.shape, strict=False)
    )
    if not fits or list(broadcast_dimensions) != sorted(set(broadcast_dimensions)):
        raise ShapeError(
            f"broadcast_in_dim: {x} does not broadcast to shape {shape} along {broadcast_dimensions}.",
            why="each operand dimension goes to one result dimension, in order, of the same size (or 1).",
            fix="jnp.broadcast_to aligns trailing dimensions.",
        )
    return (ShapedArray(tuple(shape), x.dtype),)


def _broadcast_in_dim_impl(x, *, shape, broadcast_dimensions):
    x = np.asarray(x)
    expanded = [1] * len(shape)
    for d, n in zip(broadcast_dimensions, x.shape, strict=True):
        expanded[d] = n
    # A copy: a broadcast view is read-only, and results must not be.
    return (np.broadcast_to(x.reshape(expanded), shape).copy(),)


def _broadcast_in_dim_transpose(cts, x, *, shape, broadcast_dimensions):
    (z_bar,) = cts
    size_before = dict(zip(broadcast_dimensions, x.aval.shape, strict=True))
    stretched = tuple([d for d, n in enumerate(shape) if size_before.get(d) != n])
    x_bar = PRIMITIVES["reduce_sum"].bind(z_bar, axes=stretched) if stretched else z_bar
    return (reshape(x_bar, x.aval.shape),)


def _broadcast_in_dim_batch(axis, args, dims, *, shape, broadcast_dimensions):
    x = move_dim(args[0], dims[0], 0)
    dimensions = (0, *(d + 1 for d in broadcast_dimensions))
    return (broadcast_in_dim(x, (axis.size, *shape), dimensions),), (0,)


broadcast_in_dim_p = _structural(
    "broadcast_in_dim",
    abstract_eval=_broadcast_in_dim_abstract_eval,
    impl=_broadcast_in_dim_impl,
    transpose=_broadcast_in_dim_transpose,
    batch=_broadcast_in_dim_batch,
    doc="z[i] = x[i[broadcast_dimensions]];  x̄ = sum of z̄ over the new dimensions",
)


def broadcast_in_dim(operand, shape: Sequence[int], broadcast_dimensions: Sequence[int]):
    """Broadcast to ``shape``, dimension ``k`` becoming dimension ``broadcast_dimensions[k]``."""
    shape, broadcast_dimensions = _as_ints(shape), _as_ints(broadcast_dimensions)
    if aval_of(operand).shape == shape and broadcast_dimensions == tuple(range(len(shape))):
        return operand
    return broadcast_in_dim_p.bind(operand, shape=shape, broadcast_dimensions=broadcast_dimensions)


# --- reshape ----------------------------------------------------------------------------------------


def _reshape_abstract_eval(x, *, new_sizes):
    if ShapedArray(new_sizes, x.dtype).size != x.size or any(n < 0 for n in new_sizes):
        raise ShapeError(
            f"reshape: {x} cannot become shape {new_sizes}.",
            why=f"{x.size} elements do not fill that shape.",
            fix="jnp.reshape computes one size that is given as -1." if -1 in new_sizes else "",
        )
    return (ShapedArray(tuple(new_sizes), x.dtype),)


def _reshape_impl(x, *, new_sizes):
    return (np.reshape(x, new_sizes),)


def _reshape_transpose(cts, x, *, new_sizes):
    return (reshape(cts[0], x.aval.shape),)


def _reshape_batch(axis, args, dims, *, new_sizes):
    x = move_dim(args[0], dims[0], 0)
    return (reshape(x, (axis.size, *new_sizes)),), (0,)


reshape_p = _structural(
    "reshape",
    abstract_eval=_reshape_abstract_eval,
    impl=_reshape_impl,
    transpose=_reshape_transpose,
    batch=_reshape_batch,
    doc="z = the elements of x, in row-major order, in another shape",
)


def reshape(operand, new_sizes: Sequence[int], dimensions: Sequence[int] | None = None):
    """Give an array another shape with as many elements, in row-major order (of ``dimensions``, if given)."""
    new_sizes = _as_ints(new_sizes)
    if dimensions is not None:
        operand = transpose(operand, dimensions)
    return operand if aval_of(operand).shape == new_sizes else reshape_p.bind(operand, new_sizes=new_sizes)


# --- squeeze and expand_dims ------------------------------------------------------------------------


def _squeeze_abstract_eval(x, *, dimensions):
    if len(set(dimensions)) != len(dimensions) or not all(0 <= d < x.ndim for d in dimensions):
        raise ShapeError(f"squeeze: dimensions {dimensions} do not exist in {x}, or are named twice.")
    if any(x.shape[d] != 1 for d in dimensions):
        raise ShapeError(
            f"squeeze: dimensions {dimensions} of {x} cannot all be dropped.",
            why="only dimensions of size 1 can.",
            fix="index them, x[0], or reduce them, jnp.sum(x, axis).",
        )
    return (ShapedArray(tuple([n for d, n in enumerate(x.shape) if d not in dimensions]), x.dtype),)


def _squeeze_impl(x, *, dimensions):
    return (np.squeeze(x, dimensions),)


def _squeeze_transpose(cts, x, *, dimensions):
    return (expand_dims(cts[0], dimensions),)


def _squeeze_batch(axis, args, dims, *, dimensions):
    (x,), (dim,) = args, dims
    moved = shift_dims(dimensions, dim)
    return (squeeze(x, moved),), (dim - sum(d < dim for d in moved),)


squeeze_p = _structural(
    "squeeze",
    abstract_eval=_squeeze_abstract_eval,
    impl=_squeeze_impl,
    transpose=_squeeze_transpose,
    batch=_squeeze_batch,
    doc="z = x without dimensions of size 1",
)


def squeeze(array, dimensions: Sequence[int]):
    """Drop dimensions of size 1."""
    dimensions = canonical_dims("squeeze", dimensions, len(aval_of(array).shape))
    return squeeze_p.bind(array, dimensions=dimensions) if dimensions else array


def _expand_dims_abstract_eval(x, *, dimensions):
    ndim = x.ndim + len(dimensions)
    if len(set(dimensions)) != len(dimensions) or not all(0 <= d < ndim for d in dimensions):
        raise ShapeError(
            f"expand_dims: {x} cannot get new dimensions at {dimensions}.",
            why=f"they are positions in the result, each once, below {ndim}.",
        )
    sizes = iter(x.shape)
    return (ShapedArray(tuple([1 if d in dimensions else next(sizes) for d in range(ndim)]), x.dtype),)


def _expand_dims_impl(x, *, dimensions):
    return (np.expand_dims(x, dimensions),)


def _expand_dims_transpose(cts, x, *, dimensions):
    return (squeeze(cts[0], dimensions),)


def _expand_dims_batch(axis, args, dims, *, dimensions):
    (x,), (dim,) = args, dims
    ndim = len(aval_of(x).shape) - 1 + len(dimensions)
    old = [d for d in range(ndim) if d not in dimensions]
    # The mapped dimension stays in front of the operand dimension that it was in front of.
    out_dim = old[dim] if dim < len(old) else ndim
    return (expand_dims(x, shift_dims(dimensions, out_dim)),), (out_dim,)


expand_dims_p = _structural(
    "expand_dims",
    abstract_eval=_expand_dims_abstract_eval,
    impl=_expand_dims_impl,
    transpose=_expand_dims_transpose,
    batch=_expand_dims_batch,
    doc="z = x with new dimensions of size 1",
)


def expand_dims(array, dimensions: Sequence[int]):
    """Insert dimensions of size 1, at these positions in the result."""
    dimensions = (dimensions,) if isinstance(dimensions, int | np.integer) else tuple(dimensions)
    dimensions = canonical_dims("expand_dims", dimensions, len(aval_of(array).shape) + len(dimensions))
    return expand_dims_p.bind(array, dimensions=dimensions) if dimensions else array


# --- transpose --------------------------------------------------------------------------------------


def _transpose_abstract_eval(x, *, permutation):
    if sorted(permutation) != list(range(x.ndim)):
        raise ShapeError(
            f"transpose: {permutation} is no permutation of the dimensions of {x}.",
            why=f"the numbers below {x.ndim} must stand there once each.",
        )
    return (ShapedArray(tuple(x.shape[d] for d in permutation), x.dtype),)


def _transpose_impl(x, *, permutation):
    return (np.transpose(x, permutation),)


def _transpose_transpose(cts, x, *, permutation):
    return (transpose(cts[0], inverse_permutation(permutation)),)


def _transpose_batch(axis, args, dims, *, permutation):
    (x,), (dim,) = args, dims
    return (transpose(x, (dim, *shift_dims(permutation, dim))),), (0,)


transpose_p = _structural(
    "transpose",
    abstract_eval=_transpose_abstract_eval,
    impl=_transpose_impl,
    transpose=_transpose_transpose,
    batch=_transpose_batch,
    doc="z[i] = x[i permuted];  x̄ = z̄ permuted back",
)


def transpose(operand, permutation: Sequence[int]):
    """Permute dimensions: dimension ``k`` of the result is dimension ``permutation[k]`` of ``operand``."""
    permutation = canonical_dims("transpose", permutation, len(aval_of(operand).shape))
    if permutation == tuple(range(len(aval_of(operand).shape))):
        return operand
    return transpose_p.bind(operand, permutation=permutation)


def inverse_permutation(permutation: Sequence[int]) -> tuple[int, ...]:
    return tuple(np.argsort(permutation).tolist())


# --- rev --------------------------------------------------------------------------------------------


def _rev_abstract_eval(x, *, dimensions):
    if len(set(dimensions)) != len(dimensions) or not all(0 <= d < x.ndim for d in dimensions):
        raise ShapeError(f"rev: dimensions {dimensions} do not exist in {x}, or are named twice.")
    return (x.strip_weak_type(),)


def _rev_impl(x, *, dimensions):
    return (np.flip(x, dimensions),)


def _rev_transpose(cts, x, *, dimensions):
    return (rev(cts[0], dimensions),)


def _rev_batch(axis, args, dims, *, dimensions):
    return (rev(args[0], shift_dims(dimensions, dims[0])),), (dims[0],)


rev_p = _structural(
    "rev",
    abstract_eval=_rev_abstract_eval,
    impl=_rev_impl,
    transpose=_rev_transpose,
    batch=_rev_batch,
    doc="z[i] = x[n - 1 - i] along dimensions;  x̄ = z̄ reversed",
)


def rev(operand, dimensions: Sequence[int]):
    """Reverse the order of elements along dimensions."""
    dimensions = canonical_dims("rev", dimensions, len(aval_of(operand).shape))
    return rev_p.bind(operand, dimensions=dimensions) if dimensions else operand


# --- slice and pad ----------------------------------------------------------------------------------


def _slice_abstract_eval(x, *, start_indices, limit_indices, strides):
    steps = (1,) * len(start_indices) if strides is None else strides
    if not len(start_indices) == len(limit_indices) == len(steps) == x.ndim:
        raise ShapeError(
            f"slice: {x} from {start_indices} to {limit_indices}, strides {strides}.",
            why="each dimension of the operand needs a start, a limit and (if any has one) a stride.",
        )
    bounds = list(zip(start_indices, limit_indices, steps, x.shape, strict=True))
    if not all(0 <= start <= limit <= n and step >= 1 for start, limit, step, n in bounds):
        raise ShapeError(
            f"slice: {x} from {start_indices} to {limit_indices}, strides {strides}.",
            why="0 <= start <= limit <= size and stride >= 1 must hold along each dimension.",
            fix="indexing, x[a:b:c], takes negative and out-of-range bounds.",
        )
    return (ShapedArray(tuple([-((start - limit) // step) for start, limit, step, _ in bounds]), x.dtype),)


def _slice_impl(x, *, start_indices, limit_indices, strides):
    steps = (1,) * len(start_indices) if strides is None else strides
    return (np.asarray(x)[tuple(map(builtins.slice, start_indices, limit_indices, steps))],)


def _slice_transpose(cts, x, *, start_indices, limit_indices, strides):
    (z_bar,) = cts
    sizes, kept = x.aval.shape, aval_of(z_bar).shape
    steps = (1,) * len(sizes) if strides is None else strides
    # The last kept element stands at start + (kept - 1)·step; what follows it is filled up.
    config = [
        (start, n - start - (1 + (m - 1) * step if m else 0), step - 1)
        for start, step, n, m in zip(start_indices, steps, sizes, kept, strict=True)
    ]
    return (pad(z_bar, 0, config),)


def _slice_batch(axis, args, dims, *, start_indices, limit_indices, strides):
    (x,), (dim,) = args, dims
    start_indices = (*start_indices[:dim], 0, *start_indices[dim:])
    limit_indices = (*limit_indices[:dim], axis.size, *limit_indices[dim:])
    strides = None if strides is None else (*strides[:dim], 1, *strides[dim:])
    return (slice(x, start_indices, limit_indices, strides),), (dim,)


slice_p = _structural(
    "slice",
    abstract_eval=_slice_abstract_eval,
    impl=_slice_impl,
    transpose=_slice_transpose,
    batch=_slice_batch,
    doc="z[i] = x[start + stride·i];  x̄ = z̄ in its place, zero elsewhere",
)


def slice(
    operand, start_indices: Sequence[int], limit_indices: Sequence[int], strides: Sequence[int] | None = None
):
    """Cut a box out of an array; one start, limit and stride per dimension, all inside of the array."""
    strides = None if strides is None else _as_ints(strides)
    return bind_checked(
        slice_p,
        operand,
        start_indices=_as_ints(start_indices),
        limit_indices=_as_ints(limit_indices),
        strides=None if strides is None or set(strides) <= {1} else strides,
    )


def slice_in_dim(operand, start_index: int | None, limit_index: int | None, stride: int = 1, axis: int = 0):
    """Slice along one dimension, with the bounds of Python's slices (negative, None)."""
    shape = aval_of(operand).shape
    (axis,) = canonical_dims("slice_in_dim", axis, len(shape))
    start, limit, _ = builtins.slice(start_index, limit_index).indices(shape[axis])
    starts, limits, strides = [0] * len(shape), list(shape), [1] * len(shape)
    starts[axis], limits[axis], strides[axis] = start, max(start, limit), operator.index(stride)
    return slice(operand, starts, limits, strides)


def _padded_sizes(shape, padding_config):
    return [n + max(n - 1, 0) * gap + lo + hi for n, (lo, hi, gap) in zip(shape, padding_config, strict=True)]


def _pad_abstract_eval(x, padding_value, *, padding_config):
    check_same_dtype("pad", (x, padding_value))
    if padding_value.shape:
        raise ShapeError(f"pad: padding_value has type {padding_value}.", why="it must be a scalar.")
    if len(padding_config) != x.ndim:
        raise ShapeError(
            f"pad: {x} with padding_config {padding_config}.",
            why="each dimension needs one (low, high, interior).",
        )
    sizes = _padded_sizes(x.shape, padding_config)
    if any(n < 0 for n in sizes) or any(gap < 0 for _, _, gap in padding_config):
        raise ShapeError(
            f"pad: {x} with padding_config {padding_config}.",
            why="interior padding and the sizes of the result must not be negative.",
        )
    return (ShapedArray(tuple(sizes), x.dtype),)


def _pad_impl(x, padding_value, *, padding_config):
    x = np.asarray(x)
    buffer_shape, filled, kept = [], [], []
    for n, size, (lo, hi, gap) in zip(
        x.shape, _padded_sizes(x.shape, padding_config), padding_config, strict=True
    ):
        spread = n + max(n - 1, 0) * gap
        first = max(lo, 0)
        buffer_shape.append(first + spread + max(hi, 0))
        filled.append(builtins.slice(first, first + spread, gap + 1))
        # Negative padding crops the padded array.
        kept.append(builtins.slice(max(-lo, 0), max(-lo, 0) + size))
    buffer = np.full(buffer_shape, padding_value, x.dtype)
    buffer[tuple(filled)] = x
    return (buffer[tuple(kept)],)


def _pad_transpose(cts, x, padding_value, *, padding_config):
    (z_bar,) = cts
    x_bar = value_bar = None
    shape = aval_of(z_bar).shape
    if is_linear(x):
        config = [(-lo, -hi, 0) for lo, hi, _ in padding_config]
        spread = pad(z_bar, 0, config)
        strides = [gap + 1 for _, _, gap in padding_config]
        x_bar = slice(spread, (0,) * len(shape), aval_of(spread).shape, strides)
    if is_linear(padding_value):
        # Selecting, not Σz̄ - Σx̄, which would cancel digits and turn an infinite cotangent of x into nan.
        is_x = pad(full(aval_of(x).shape, True, bool), False, padding_config)
        outside = PRIMITIVES["select_n"].bind(is_x, z_bar, zeros(aval_of(z_bar)))
        value_bar = PRIMITIVES["reduce_sum"].bind(outside, axes=tuple(range(len(shape))))
    return x_bar, value_bar


def _pad_batch(axis, args, dims, *, padding_config):
    (x, padding_value), (dim, value_dim) = args, dims
    if value_dim is None:
        config = (*padding_config[:dim], (0, 0, 0), *padding_config[dim:])
        return (pad(x, padding_value, config),), (dim,)
    x = broadcast_dim(x, 0, axis.size) if dim is None else move_dim(x, dim, 0)
    config = ((0, 0, 0), *padding_config)
    padded = pad(x, scalar_like(x, 0), config)
    shape = aval_of(padded).shape
    is_x = pad(full(aval_of(x).shape, True, bool), False, config)
    return (PRIMITIVES["select_n"].bind(is_x, broadcast_in_dim(padding_value, shape, (0,)), padded),), (0,)


pad_p = _structural(
    "pad",
    abstract_eval=_pad_abstract_eval,
    impl=_pad_impl,
    transpose=_pad_transpose,
    batch=_pad_batch,
    doc="z = x with a margin (cropped where negative) and gaps between elements, all of one value",
)


def pad(operand, padding_value, padding_config: Sequence[tuple[int, int, int]]):
    """Surround and space out an array with one value.

    Parameters
    ----------
    operand : array
    padding_value : scalar of the same dtype
    padding_config : sequence of (int, int, int)
        For each dimension: how many to put before the first element, after the last, and between any two.
        Negative numbers before and after crop.
    """
    padding_config = tuple([_as_ints(config) for config in padding_config])
    if not any(map(any, padding_config)):
        return operand
    operand, padding_value = match_scalars(operand, padding_value)
    return bind_checked(pad_p, operand, padding_value, padding_config=padding_config)


# --- concatenate ------------------------------------------------------------------------------------


def _concatenate_abstract_eval(*operands, dimension):
    types = ", ".join(map(str, operands))
    if not operands:
        raise ShapeError("concatenate: there are no operands.", fix="pass at least one array.")
    check_same_dtype("concatenate", operands)
    shapes = [x.shape for x in operands]
    if not 0 <= dimension < operands[0].ndim:
        raise ShapeError(
            f"concatenate: operands {types} along dimension {dimension}.",
            why="they have no such dimension.",
            fix="jnp.stack joins along a new dimension.",
        )
    if len({(len(s), s[:dimension], s[dimension + 1 :]) for s in shapes}) > 1:
        raise ShapeError(
            f"concatenate: operands {types} along dimension {dimension}.",
            why="they may differ in size along that dimension only.",
        )
    size = sum(s[dimension] for s in shapes)
    return (ShapedArray((*shapes[0][:dimension], size, *shapes[0][dimension + 1 :]), operands[0].dtype),)


def _concatenate_impl(*operands, dimension):
    return (np.concatenate(operands, dimension),)


def _concatenate_transpose(cts, *operands, dimension):
    (z_bar,) = cts
    operand_cts, start = [], 0
    for x in operands:
        limit = start + aval_of(x).shape[dimension]
        operand_cts.append(slice_in_dim(z_bar, start, limit, axis=dimension) if is_linear(x) else None)
        start = limit
    return tuple(operand_cts)


def _concatenate_batch(axis, args, dims, *, dimension):
    operands, dim = align_dims(axis.size, args, dims)
    return (concatenate(operands, dimension=dimension + (dimension >= dim)),), (dim,)


concatenate_p = _structural(
    "concatenate",
    abstract_eval=_concatenate_abstract_eval,
    impl=_concatenate_impl,
    transpose=_concatenate_transpose,
    batch=_concatenate_batch,
    doc="z = x₁, x₂, … one after the other along dimension;  x̄ᵢ = its part of z̄",
)


def concatenate(operands, *more, dimension: int | None = None):
    """Join arrays along an existing dimension.

    Called as ``concatenate([x, y], dimension)`` or ``concatenate(x, y, dimension=dimension)``.
    """
    if isinstance(operands, list | tuple):
        operands, dimension = tuple(operands), (more[0] if dimension is None else dimension)
    else:
        operands = (operands, *more)
    ndim = len(aval_of(operands[0]).shape) if operands else 1
    (dimension,) = canonical_dims("concatenate", dimension, ndim)
    return bind_checked(concatenate_p, *operands, dimension=dimension)


# --- iota -------------------------------------------------------------------------------------------


def _iota_abstract_eval(*, dtype, shape, dimension):
    if not 0 <= dimension < len(shape):
        raise ShapeError(f"iota: shape {shape} has no dimension {dimension}.")
    if any(n < 0 for n in shape):
        raise ShapeError(f"iota: {shape} is no shape.", why="sizes must not be negative.")
    if dtype.kind not in "iufc":
        raise DtypeError(f"iota: dtype {dtype} does not count.", why="it must be a dtype of numbers.")
    return (ShapedArray(tuple(shape), dtype),)


def _iota_impl(*, dtype, shape, dimension):
    column = [1] * len(shape)
    column[dimension] = shape[dimension]
    return (np.broadcast_to(np.arange(shape[dimension]).astype(dtype).reshape(column), shape).copy(),)


iota_p = Primitive(
    name="iota",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_iota_abstract_eval,
    impl=_iota_impl,
    jvp=zero_tangent,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=NotBatchable("it has no operands"),
    lower=IndexMap("iota"),
    doc="z[i] = i[dimension]",
)


def iota(dtype, shape: int | Sequence[int], dimension: int = 0):
    """Count 0, 1, 2 … along one dimension of an array."""
    shape = _as_ints((shape,) if isinstance(shape, int | np.integer) else shape)
    (dimension,) = canonical_dims("iota", dimension, len(shape))
    return bind_checked(iota_p, dtype=as_dtype(dtype), shape=shape, dimension=dimension)


# --- copy and the markers ---------------------------------------------------------------------------

copy_p = linear_unary(
    "copy", np.array, transpose=lambda ct, aval: ct, doc="z = x, in memory of its own;  ż = ẋ"
)


def copy(x):
    """Return the value in memory of its own."""
    return copy_p.bind(x)


# --- constant ---------------------------------------------------------------------------------------


def _constant_abstract_eval(*, value):
    return (value.aval,)


def _constant_impl(*, value):
    return (np.asarray(value.value),)


def _constant_batch(axis, args, dims, *, value):
    return (constant(value),), (None,)


constant_p = Primitive(
    name="constant",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_constant_abstract_eval,
    impl=_constant_impl,
    jvp=zero_tangent,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_constant_batch,
    lower=IndexMap("constant"),
    doc="z = an array that a custom rule brought into a program",
)


def constant(value):
    """Return the array of an ``ArrayConstant``."""
    return constant_p.bind(value=value)


# --- markers ----------------------------------------------------------------------------------------


def _identity_abstract_eval(x, **params):
    return (x.strip_weak_type(),)


def _identity_impl(x, **params):
    return (x,)


def _stop_gradient_transpose(cts, x):
    # Reached where a rule of the user's is linear in a tangent that `cond` guards under vmap.
    return (Zero(x.aval),)


def _stop_gradient_batch(axis, args, dims):
    return (stop_gradient_p.bind(*args),), dims


stop_gradient_p = Primitive(
    name="stop_gradient",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_identity_abstract_eval,
    impl=_identity_impl,
    jvp=zero_tangent,
    partial_eval=RECORD,
    transpose=_stop_gradient_transpose,
    batch=_stop_gradient_batch,
    lower=Identity("only derivatives see it"),
    doc="z = x;  ż = 0",
)


def _stop_gradient_leaf(x):
    return stop_gradient_p.bind(x) if is_inexact(aval_of(x).dtype) else x


def stop_gradient(x: Any) -> Any:
    """Return the value as a constant to differentiation.

    Parameters
    ----------
    x : pytree of arrays

    Returns
    -------
    pytree of arrays
        The same values; their derivatives of every order are zero.

    Examples
    --------
    >>> import jaxlite
    >>> jaxlite.grad(lambda x: x * stop_gradient(x))(3.0)
    Array(3., dtype=float64)
    """
    return tree_map(_stop_gradient_leaf, x)


def _name_jvp(primals, tangents, *, name):
    # The tangent stays unnamed: a policy that saves `name` means the primal.
    return (name_p.bind(*primals, name=name),), tangents


def _name_transpose(cts, x, *, name):
    return cts


def _name_batch(axis, args, dims, *, name):
    return (name_p.bind(*args, name=name),), dims


name_p = Primitive(
    name="name",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_identity_abstract_eval,
    impl=_identity_impl,
    jvp=_name_jvp,
    partial_eval=RECORD,
    transpose=_name_transpose,
    batch=_name_batch,
    lower=Identity("the policies of checkpoint look for it"),
    doc="z = x, known to the policies of checkpoint by a name;  ż = ẋ",
)


def name(x: Any, name: str) -> Any:
    """Name the arrays of a pytree for the policies of ``checkpoint`` (also called ``checkpoint_name``)."""
    return tree_map(lambda leaf: name_p.bind(leaf, name=name), x)


def _optimization_barrier_abstract_eval(*operands):
    # Exactly the types that came in: programs around a barrier were recorded without it.
    return operands


def _optimization_barrier_impl(*operands):
    return operands


def _optimization_barrier_jvp(primals, tangents):
    # Tangents pass a barrier of their own, so that linearize can compute the primals now.
    nonzero = [t for t in tangents if type(t) is not Zero]
    passed = iter(optimization_barrier_p.bind(*nonzero))
    tangents_out = tuple([t if type(t) is Zero else next(passed) for t in tangents])
    return optimization_barrier_p.bind(*primals), tangents_out


def _optimization_barrier_transpose(cts, *operands):
    wanted = [is_linear(x) and type(ct) is not Zero for x, ct in zip(operands, cts, strict=True)]
    passed = iter(optimization_barrier_p.bind(*[ct for ct, w in zip(cts, wanted, strict=True) if w]))
    return tuple([next(passed) if w else None for w in wanted])


def _optimization_barrier_batch(axis, args, dims):
    return optimization_barrier_p.bind(*args), dims


optimization_barrier_p = Primitive(
    name="optimization_barrier",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_optimization_barrier_abstract_eval,
    impl=_optimization_barrier_impl,
    jvp=_optimization_barrier_jvp,
    partial_eval=RECORD,
    transpose=_optimization_barrier_transpose,
    batch=_optimization_barrier_batch,
    lower=Identity("keeps passes from merging what is before it with what is after it"),
    doc="zᵢ = xᵢ, which no pass looks through;  żᵢ = ẋᵢ",
)


def optimization_barrier(*operands: Any) -> Any:
    """Keep passes from merging equal equations before and after this point.

    Parameters
    ----------
    *operands : array
        Or one pytree of arrays.

    Returns
    -------
    tuple of arrays
        The same values; for one pytree, that pytree.
    """
    tree = operands[0] if len(operands) == 1 else operands
    leaves, treedef = tree_flatten(tree)
    return tree_unflatten(treedef, optimization_barrier_p.bind(*leaves)) if leaves else tree


# --- what the interpreters and other rules need -----------------------------------------------------


def full(shape, fill_value, dtype=None):
    """Return an array of one value."""
    dtype = aval_of(fill_value).dtype if dtype is None else np.dtype(dtype)
    if isinstance(fill_value, Tracer):
        value = PRIMITIVES["convert_element_type"].bind(fill_value, new_dtype=dtype, weak_type=False)
    else:
        value = dtype.type(fill_value)
    return broadcast_in_dim(value, (shape,) if isinstance(shape, int | np.integer) else shape, ())


def zeros(aval):
    """Return the zero of a type (of float0 too; of a tape, the empty one)."""
    if isinstance(aval, Tape):
        return PRIMITIVES["empty_tape"].bind(aval=aval)
    if aval.dtype.kind == "V":
        return np.zeros(aval.shape, aval.dtype)
    return full(aval.shape, 0, aval.dtype)


def instantiate(tangent):
    """Turn a symbolic zero into an array; leave others alone."""
    return zeros(tangent.aval) if type(tangent) is Zero else tangent


def move_dim(x, source: int, destination: int):
    """Move one dimension of ``x``."""
    ndim = len(aval_of(x).shape)
    source %= ndim
    order = [d for d in range(ndim) if d != source]
    order.insert(destination % ndim, source)
    return transpose(x, order)


def broadcast_dim(x, dim: int, size: int):
    """Insert a new dimension of a given size."""
    shape = aval_of(x).shape
    dimensions = [d for d in range(len(shape) + 1) if d != dim]
    return broadcast_in_dim(x, (*shape[:dim], size, *shape[dim:]), dimensions)


def align_dims(size: int, args: Sequence, dims: Sequence[int | None]) -> tuple[list, int]:
    """Bring the mapped dimension of operands of equal rank to one place; operands without one get it."""
    if len(set(dims)) == 1:
        return list(args), dims[0]
    return [
        broadcast_dim(x, 0, size) if d is None else move_dim(x, d, 0) for x, d in zip(args, dims, strict=True)
    ], 0
