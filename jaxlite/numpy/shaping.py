"""Functions that move elements: reshape, transpose, join, split, repeat.

All of them are a few structural primitives::

    jnp.vstack([x: f64[3], y: f64[3]])  ->  broadcast_in_dim x; broadcast_in_dim y; concatenate[dimension=0]
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy.promotion import (
    broadcast_array,
    broadcast_shapes_of,
    canonical_axes,
    canonical_axis,
    canonical_shape,
    common_dtype,
    convert,
    operand,
    strip_weak,
)
from jaxlite.numpy.registry import REFUSALS, implements, plain, wrap
from jaxlite.ops import elementwise, structural
from jaxlite.ops import indexing as indexing_ops
from jaxlite.trace import EVAL, Tracer, as_array, aval_of, current_trace
from jaxlite.typing import Array, ArrayLike, DTypeLike


def _operands(name: str, arrays) -> list:
    """Return the members of a sequence of arrays, or of an array's first axis, as operands."""
    if isinstance(arrays, Tracer | np.ndarray):
        if not arrays.ndim:
            raise ArgumentError(
                f"{name} joins several arrays, not one of type {aval_of(arrays)}.",
                fix=f"pass a list: jnp.{name}([x, y]).",
            )
        return [arrays[i] for i in range(arrays.shape[0])]
    if not isinstance(arrays, list | tuple):
        raise ArgumentError(f"{name} joins a list of arrays, not {type(arrays).__name__} {arrays!r:.60}.")
    if not arrays:
        raise ArgumentError(f"{name} needs at least one array.")
    return [operand(name, x, i) for i, x in enumerate(arrays)]


# --- shape ------------------------------------------------------------------------------------------


def _new_shape(name: str, size: int, shape, text: str) -> tuple[int, ...]:
    """Return the target shape with -1 replaced."""
    if isinstance(shape, int | np.integer | Tracer) or (isinstance(shape, np.ndarray) and not shape.shape):
        shape = (shape,)
    shape = [operator.index(n) for n in shape]
    if shape.count(-1) == 1:
        known = math.prod(n for n in shape if n != -1)
        if known and size % known == 0:
            shape[shape.index(-1)] = size // known
    if math.prod(shape) != size or any(n < 0 for n in shape):
        raise ShapeError(
            f"{name}: {text} cannot become shape {tuple(shape)}.",
            why=f"{size} elements do not fill that shape.",
        )
    return tuple(shape)


@implements(np.reshape)
def reshape(a: ArrayLike, shape: int | Sequence[int], order: str = "C", *, copy: bool | None = None) -> Array:
    """Give an array another shape with as many elements.

    Parameters
    ----------
    a : array_like
    shape : int or tuple of int
        One size may be -1: it is found from the others.
    order : {"C", "F"}
        Which index runs fastest, the last (C) or the first (F).
    copy : bool, optional
        Accepted and ignored: arrays never change.

    Returns
    -------
    Array
        ``[*shape]``, of the dtype of ``a``.

    Raises
    ------
    ShapeError
        If the elements do not fill the shape.

    Examples
    --------
    >>> jnp.reshape(jnp.arange(4), (2, -1))
    Array([[0, 1],
           [2, 3]], dtype=int64)
    """
    x = operand("reshape", a)
    aval = aval_of(x)
    shape = _new_shape("reshape", aval.size, shape, str(aval))
    if order == "F":
        axes = tuple(range(aval.ndim))[::-1]
        return transpose(structural.reshape(transpose(x, axes), shape[::-1]))
    if order not in ("C", "A", "K"):
        raise ArgumentError(f"reshape: order is {order!r}.", fix="pass 'C' or 'F'.")
    return strip_weak(structural.reshape(x, shape))


@implements(np.ravel)
def ravel(a: ArrayLike, order: str = "C") -> Array:
    """Return the elements as a vector.

    Parameters
    ----------
    a : array_like
    order : {"C", "F"}

    Returns
    -------
    Array
        ``[a.size]``
    """
    return reshape(a, (aval_of(operand("ravel", a)).size,), order)


@implements(np.transpose)
def transpose(a: ArrayLike, axes: Sequence[int] | None = None) -> Array:
    """Permute the axes; reverse them where none are given.

    Parameters
    ----------
    a : array_like
    axes : sequence of int, optional
        Axis ``k`` of the result is axis ``axes[k]`` of ``a``.

    Returns
    -------
    Array
        Of the dtype of ``a``.

    Examples
    --------
    >>> jnp.transpose(jnp.ones((2, 3))).shape
    (3, 2)
    """
    x = operand("transpose", a)
    ndim = aval_of(x).ndim
    if axes is None:
        return strip_weak(structural.transpose(x, tuple(range(ndim))[::-1]))
    return strip_weak(structural.transpose(x, [canonical_axis(axis, ndim) for axis in axes]))


permute_dims = transpose


@implements(np.matrix_transpose)
def matrix_transpose(x: ArrayLike, /) -> Array:
    """Swap the last two axes.

    Parameters
    ----------
    x : array_like
        ``[..., n, m]``

    Returns
    -------
    Array
        ``[..., m, n]``
    """
    return swapaxes(x, -1, -2)


@implements(np.swapaxes)
def swapaxes(a: ArrayLike, axis1: int, axis2: int) -> Array:
    """Exchange two axes.

    Parameters
    ----------
    a : array_like
    axis1, axis2 : int

    Returns
    -------
    Array
        Of the dtype of ``a``.

    Examples
    --------
    >>> jnp.swapaxes(jnp.ones((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    ndim = aval_of(operand("swapaxes", a)).ndim
    order = list(range(ndim))
    i, j = canonical_axis(axis1, ndim), canonical_axis(axis2, ndim)
    order[i], order[j] = j, i
    return transpose(a, order)


@implements(np.moveaxis)
def moveaxis(a: ArrayLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Array:
    """Move axes to other places; the others keep their order.

    Parameters
    ----------
    a : array_like
    source, destination : int or sequence of int

    Returns
    -------
    Array
        Of the dtype of ``a``.

    Examples
    --------
    >>> jnp.moveaxis(jnp.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    ndim = aval_of(operand("moveaxis", a)).ndim
    sources, destinations = canonical_axes(source, ndim), canonical_axes(destination, ndim)
    if len(sources) != len(destinations):
        raise ArgumentError(f"moveaxis: {len(sources)} source axes, but {len(destinations)} destinations.")
    order = [axis for axis in range(ndim) if axis not in sources]
    for to, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(to, axis)
    return transpose(a, order)


@implements(np.rollaxis)
def rollaxis(a: ArrayLike, axis: int, start: int = 0) -> Array:
    """Move one axis backwards until it lies before ``start``.

    Parameters
    ----------
    a : array_like
    axis, start : int

    Returns
    -------
    Array
        Of the dtype of ``a``.
    """
    ndim = aval_of(operand("rollaxis", a)).ndim
    axis = canonical_axis(axis, ndim)
    start = start + ndim if start < 0 else start
    return moveaxis(a, axis, start - 1 if axis < start else start)


@implements(np.squeeze)
def squeeze(a: ArrayLike, axis: int | Sequence[int] | None = None) -> Array:
    """Remove axes of size 1.

    Parameters
    ----------
    a : array_like
    axis : int or sequence of int, optional
        By default all axes of size 1.

    Returns
    -------
    Array
        Without these axes.

    Raises
    ------
    ShapeError
        If a named axis has another size.

    Examples
    --------
    >>> jnp.squeeze(jnp.ones((1, 3, 1))).shape
    (3,)
    """
    x = operand("squeeze", a)
    aval = aval_of(x)
    if axis is None:
        axes = tuple(d for d, n in enumerate(aval.shape) if n == 1)
    else:
        axes = canonical_axes(axis, aval.ndim)
    for d in axes:
        if aval.shape[d] != 1:
            raise ShapeError(
                f"squeeze: axis {d} of {aval} has size {aval.shape[d]}.",
                why="only axes of size 1 can be removed.",
            )
    return strip_weak(structural.squeeze(x, tuple(sorted(axes))) if axes else x)


@implements(np.expand_dims)
def expand_dims(a: ArrayLike, axis: int | Sequence[int]) -> Array:
    """Insert axes of size 1.

    Parameters
    ----------
    a : array_like
    axis : int or sequence of int
        Where they stand in the result.

    Returns
    -------
    Array
        ``[..., 1, ...]``

    Examples
    --------
    >>> jnp.expand_dims(jnp.arange(3), 1).shape
    (3, 1)
    """
    x = operand("expand_dims", a)
    shape = aval_of(x).shape
    num_new = len(axis) if isinstance(axis, tuple | list) else 1
    axes = canonical_axes(axis, len(shape) + num_new)
    sizes = iter(shape)
    new = tuple(1 if d in axes else next(sizes) for d in range(len(shape) + num_new))
    kept = tuple(d for d in range(len(new)) if d not in axes)
    return strip_weak(structural.broadcast_in_dim(x, new, kept))


def _at_least(ndim: int, places: Sequence[tuple[int, ...]], arrays):
    """Insert axes of size 1 until arrays have ``ndim`` axes; ``places[k]`` says where for one with k axes."""
    results = [
        expand_dims(x, places[n])
        if (n := aval_of(operand(f"atleast_{ndim}d", x)).ndim) < ndim
        else strip_weak(x)
        for x in arrays
    ]
    return results[0] if len(results) == 1 else results


@implements(np.atleast_1d, positional=1)
def atleast_1d(*arrays: ArrayLike) -> Array | list[Array]:
    """View arrays as having one axis at least.

    Parameters
    ----------
    *arrays : array_like

    Returns
    -------
    Array, or list of Array

    Examples
    --------
    >>> jnp.atleast_1d(2.0)
    Array([2.], dtype=float64)
    """
    return _at_least(1, [(0,)], arrays)


@implements(np.atleast_2d, positional=1)
def atleast_2d(*arrays: ArrayLike) -> Array | list[Array]:
    """View arrays as having two axes at least; a vector becomes a row.

    Parameters
    ----------
    *arrays : array_like

    Returns
    -------
    Array, or list of Array
    """
    return _at_least(2, [(0, 1), (0,)], arrays)


@implements(np.atleast_3d, positional=1)
def atleast_3d(*arrays: ArrayLike) -> Array | list[Array]:
    """View arrays as having three axes at least.

    Parameters
    ----------
    *arrays : array_like

    Returns
    -------
    Array, or list of Array
    """
    return _at_least(3, [(0, 1, 2), (0, 2), (2,)], arrays)


# --- broadcasting -----------------------------------------------------------------------------------


@implements(np.broadcast_to, eager=False)
def broadcast_to(array: ArrayLike, shape: int | Sequence[int]) -> Array:
    """Repeat an array along new axes, and along those of size 1, until it has ``shape``.

    Parameters
    ----------
    array : array_like
    shape : int or tuple of int

    Returns
    -------
    Array
        ``[*shape]``, of the dtype of ``array``.

    Raises
    ------
    ShapeError
        If the shapes do not fit.

    Examples
    --------
    >>> jnp.broadcast_to(jnp.arange(2), (2, 2))
    Array([[0, 1],
           [0, 1]], dtype=int64)
    """
    shape = canonical_shape(shape)
    if current_trace() is EVAL:
        arrays = plain((array,), 1)
        if arrays is not None:
            try:
                # A copy: one element of NumPy's view stands for many.
                return wrap(np.array(np.broadcast_to(arrays[0], shape)))
            except REFUSALS:
                pass
    x = operand("broadcast_to", array)
    aval = aval_of(x)
    fits = aval.ndim <= len(shape) and builtins.all(
        n in (1, m) for n, m in zip(aval.shape[::-1], shape[::-1], strict=False)
    )
    if not fits:
        raise ShapeError(
            f"broadcast_to: {aval} does not broadcast to shape {shape}.",
            why="counted from the end, each size must be 1 or the one asked for.",
        )
    return strip_weak(broadcast_array(x, shape))


@implements(np.broadcast_arrays, eager=False)
def broadcast_arrays(*args: Any) -> list[Array]:
    """Broadcast arrays against each other.

    Parameters
    ----------
    *args : array_like

    Returns
    -------
    list of Array
        All of one shape.
    """
    if current_trace() is EVAL and (arrays := plain(args, len(args))):
        try:
            # Copies: one element of NumPy's views stands for many.
            return [wrap(np.array(x)) for x in np.broadcast_arrays(*arrays)]
        except REFUSALS:
            pass
    operands = [operand("broadcast_arrays", x, i) for i, x in enumerate(args)]
    if not operands:
        return []
    shape = broadcast_shapes_of("broadcast_arrays", [aval_of(x) for x in operands])
    return [strip_weak(broadcast_array(x, shape)) for x in operands]


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """Return the shape that arrays of these shapes broadcast to.

    Parameters
    ----------
    *shapes : int or tuple of int

    Returns
    -------
    tuple of int

    Examples
    --------
    >>> jnp.broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    return np.broadcast_shapes(*shapes)


# --- joining ----------------------------------------------------------------------------------------


def _concatenate(name: str, arrays: list, axis: int, dtype=None):
    dtype = common_dtype(arrays) if dtype is None else np.dtype(dtype)
    arrays = [convert(x, dtype) for x in arrays]
    avals = [aval_of(x) for x in arrays]
    axis = canonical_axis(axis, avals[0].ndim)
    rest = avals[0].shape[:axis] + avals[0].shape[axis + 1 :]
    for aval in avals:
        if aval.ndim != avals[0].ndim or aval.shape[:axis] + aval.shape[axis + 1 :] != rest:
            raise ShapeError(
                f"{name}: operands have types {', '.join(map(str, avals))}.",
                why=f"all axes but axis {axis}, along which they are joined, must agree.",
            )
    return structural.concatenate(arrays, axis) if len(arrays) > 1 else strip_weak(arrays[0])


@implements(np.concatenate, sequence=True)
def concatenate(arrays: Sequence[ArrayLike], axis: int | None = 0, dtype: DTypeLike | None = None) -> Array:
    """Join arrays along an axis that they have.

    Parameters
    ----------
    arrays : sequence of array_like
        Equal in all axes but ``axis``.
    axis : int or None, default 0
        None joins the flattened arrays.
    dtype : dtype, optional
        Of the result; by default what NumPy promotes to.

    Returns
    -------
    Array
        ``[..., n + m, ...]``

    Raises
    ------
    ShapeError
        If the other axes differ.

    Examples
    --------
    >>> jnp.concatenate([jnp.zeros(2), jnp.ones(1)])
    Array([0., 0., 1.], dtype=float64)
    """
    arrays = _operands("concatenate", arrays)
    if axis is None:
        arrays, axis = [ravel(x) for x in arrays], 0
    if any(not aval_of(x).shape for x in arrays):
        raise ShapeError(
            "concatenate: an operand has no axes.",
            why="arrays are joined along an axis that they have.",
            fix="jnp.stack([x, y]) makes a new axis.",
        )
    return _concatenate("concatenate", arrays, axis, dtype)


concat = concatenate


@implements(np.stack, sequence=True)
def stack(
    arrays: Sequence[ArrayLike], axis: int = 0, out: None = None, dtype: DTypeLike | None = None
) -> Array:
    """Join arrays of one shape along a new axis.

    Parameters
    ----------
    arrays : sequence of array_like
    axis : int, default 0
        Where the new axis stands in the result.
    out : None
        Not supported: arrays never change.
    dtype : dtype, optional

    Returns
    -------
    Array
        ``[..., k, ...]``

    Examples
    --------
    >>> jnp.stack([jnp.arange(2), jnp.arange(2)], axis=1)
    Array([[0, 0],
           [1, 1]], dtype=int64)
    """
    reject_out("stack", out)
    arrays = _operands("stack", arrays)
    shapes = {aval_of(x).shape for x in arrays}
    if len(shapes) > 1:
        raise ShapeError(
            f"stack: operands have types {', '.join(str(aval_of(x)) for x in arrays)}.",
            why="arrays that are stacked must have one shape.",
            fix="jnp.concatenate joins arrays of different lengths.",
        )
    axis = canonical_axis(axis, len(shapes.pop()) + 1)
    return _concatenate("stack", [expand_dims(x, axis) for x in arrays], axis, dtype)


def reject_out(name: str, out) -> None:
    """Raise ArgumentError for an ``out=`` argument."""
    if out is not None:
        raise ArgumentError(
            f"{name}: out= is not supported.",
            why="arrays never change, and traced values cannot be written into.",
            fix="use the returned array.",
        )


@implements(np.vstack, sequence=True)
def vstack(tup: Sequence[ArrayLike], dtype: DTypeLike | None = None) -> Array:
    """Join arrays along the first axis; vectors become rows.

    Parameters
    ----------
    tup : sequence of array_like
    dtype : dtype, optional

    Returns
    -------
    Array
        ``[n + m, ...]``

    Examples
    --------
    >>> jnp.vstack([jnp.arange(2), jnp.ones(2)])
    Array([[0., 1.],
           [1., 1.]], dtype=float64)
    """
    return _concatenate("vstack", [atleast_2d(x) for x in _operands("vstack", tup)], 0, dtype)


@implements(np.hstack, sequence=True)
def hstack(tup: Sequence[ArrayLike], dtype: DTypeLike | None = None) -> Array:
    """Join arrays along the second axis; vectors along their only one.

    Parameters
    ----------
    tup : sequence of array_like
    dtype : dtype, optional

    Returns
    -------
    Array
        ``[n, m + k, ...]``, or ``[m + k]`` of vectors.

    Examples
    --------
    >>> jnp.hstack([jnp.arange(2), jnp.arange(3)])
    Array([0, 1, 0, 1, 2], dtype=int64)
    """
    arrays = [atleast_1d(x) for x in _operands("hstack", tup)]
    return _concatenate("hstack", arrays, 0 if aval_of(arrays[0]).ndim == 1 else 1, dtype)


@implements(np.dstack, sequence=True)
def dstack(tup: Sequence[ArrayLike], dtype: DTypeLike | None = None) -> Array:
    """Join arrays along the third axis.

    Parameters
    ----------
    tup : sequence of array_like
    dtype : dtype, optional

    Returns
    -------
    Array
        ``[n, m, k]``
    """
    return _concatenate("dstack", [atleast_3d(x) for x in _operands("dstack", tup)], 2, dtype)


@implements(np.column_stack, sequence=True)
def column_stack(tup: Sequence[ArrayLike]) -> Array:
    """Join arrays along the second axis; vectors become columns.

    Parameters
    ----------
    tup : sequence of array_like

    Returns
    -------
    Array
        ``[n, k]``
    """
    arrays = [x if aval_of(x).ndim > 1 else reshape(x, (-1, 1)) for x in _operands("column_stack", tup)]
    return _concatenate("column_stack", arrays, 1)


@implements(np.append, arrays=2)
def append(arr: ArrayLike, values: ArrayLike, axis: int | None = None) -> Array:
    """Join ``values`` to the end of an array.

    Parameters
    ----------
    arr, values : array_like
    axis : int, optional
        By default both are flattened first.

    Returns
    -------
    Array
        ``[..., n + m, ...]``, or a vector.

    Examples
    --------
    >>> jnp.append(jnp.arange(2), 5)
    Array([0, 1, 5], dtype=int64)
    """
    if axis is None:
        return concatenate([ravel(arr), ravel(values)])
    return concatenate([arr, values], axis)


@implements(np.block, eager=False)
def block(arrays: Any) -> Array:
    """Join nested lists of blocks: the innermost lists along the last axis, the next along the one before.

    Parameters
    ----------
    arrays : nested list of array_like

    Returns
    -------
    Array
        Of the dtype the blocks promote to.

    Examples
    --------
    >>> jnp.block([[jnp.ones((1, 1)), jnp.zeros((1, 1))], [jnp.zeros((1, 2))]])
    Array([[1., 0.],
           [0., 0.]], dtype=float64)
    """
    if current_trace() is EVAL:
        try:
            return wrap(np.block(_as_numpy_has_them(arrays)))
        except REFUSALS:
            pass
    depth = _list_depth(arrays)
    ndim = max(depth, _largest_rank(arrays))
    return _join_blocks(arrays, depth, ndim)


def _as_numpy_has_them(arrays):
    """Unwrap the blocks of nested lists."""
    if isinstance(arrays, list):
        return [_as_numpy_has_them(part) for part in arrays]
    blocks = plain((arrays,), 1)
    if blocks is None:
        raise TypeError("no array that NumPy may have")
    return blocks[0]


def _list_depth(arrays) -> int:
    return 1 + max(map(_list_depth, arrays), default=0) if isinstance(arrays, list) else 0


def _largest_rank(arrays) -> int:
    if isinstance(arrays, list):
        return max(map(_largest_rank, arrays), default=1)
    return aval_of(operand("block", arrays)).ndim


def _join_blocks(arrays, depth: int, ndim: int):
    if not isinstance(arrays, list):
        x = operand("block", arrays)
        missing = ndim - aval_of(x).ndim
        return expand_dims(x, tuple(range(missing))) if missing > 0 else strip_weak(x)
    return concatenate([_join_blocks(part, depth - 1, ndim) for part in arrays], axis=-depth)


# --- splitting --------------------------------------------------------------------------------------


def slice_axis(x, start: int, stop: int, axis: int, stride: int = 1):
    """Return ``x[start:stop:stride]`` along one axis, with start and stop inside of it."""
    shape = aval_of(x).shape
    starts, limits, strides = [0] * len(shape), list(shape), [1] * len(shape)
    starts[axis], limits[axis], strides[axis] = start, stop, stride
    return structural.slice(x, tuple(starts), tuple(limits), None if stride == 1 else tuple(strides))


def _split(name: str, x, bounds: Sequence[int], axis: int) -> list:
    size = aval_of(x).shape[axis]
    # A section before the one it follows is empty, as with Python's slices.
    limits = [
        range(size)[slice(start, stop)] for start, stop in zip([0, *bounds], [*bounds, None], strict=True)
    ]
    return [slice_axis(x, r.start, max(r.start, r.stop), axis) for r in limits]


def _of_copy(function: Callable) -> Callable:
    """Return a function of NumPy that makes views, of one copy instead of copies of each of them."""
    return lambda ary, *args, **kwargs: function(np.array(ary), *args, **kwargs)


@implements(np.array_split, eager=_of_copy(np.array_split), owns=True)
def array_split(ary: ArrayLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Array]:
    """Split an array into parts, of nearly equal size where a number of parts is given.

    Parameters
    ----------
    ary : array_like
    indices_or_sections : int or sequence of int
        How many parts, or where they begin.
    axis : int, default 0

    Returns
    -------
    list of Array
        ``[..., k, ...]`` each, of the dtype of ``ary``.
    """
    x = operand("array_split", ary)
    shape = aval_of(x).shape
    axis = canonical_axis(axis, len(shape))
    if isinstance(indices_or_sections, int | np.integer):
        sections = int(indices_or_sections)
        if sections <= 0:
            raise ArgumentError(f"split: {sections} sections; the number must be larger than 0.")
        each, extra = divmod(shape[axis], sections)
        sizes = [each + 1] * extra + [each] * (sections - extra)
        bounds = [sum(sizes[: i + 1]) for i in range(sections - 1)]
    else:
        bounds = [operator.index(i) for i in indices_or_sections]
    return _split("split", x, bounds, axis)


@implements(np.split, eager=_of_copy(np.split), owns=True)
def split(ary: ArrayLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Array]:
    """Split an array into parts.

    Parameters
    ----------
    ary : array_like
    indices_or_sections : int or sequence of int
        Into how many equal parts, or where the parts begin.
    axis : int, default 0

    Returns
    -------
    list of Array
        ``[..., k, ...]`` each, of the dtype of ``ary``.

    Raises
    ------
    ShapeError
        If a number of parts does not divide the axis.

    Examples
    --------
    >>> jnp.split(jnp.arange(4), 2)
    [Array([0, 1], dtype=int64), Array([2, 3], dtype=int64)]
    """
    aval = aval_of(operand("split", ary))
    size = aval.shape[canonical_axis(axis, aval.ndim)]
    if isinstance(indices_or_sections, int | np.integer) and size % indices_or_sections:
        raise ShapeError(
            f"split: axis {axis} of {aval} cannot be split into {indices_or_sections} equal parts.",
            fix="jnp.array_split makes parts of nearly equal size.",
        )
    return array_split(ary, indices_or_sections, axis)


@implements(np.vsplit, eager=_of_copy(np.vsplit), owns=True)
def vsplit(ary: ArrayLike, indices_or_sections: int | Sequence[int]) -> list[Array]:
    """Split along the first axis.

    Parameters
    ----------
    ary : array_like
    indices_or_sections : int or sequence of int

    Returns
    -------
    list of Array
        ``[k, ...]`` each, of the dtype of ``ary``.
    """
    return split(ary, indices_or_sections, 0)


@implements(np.hsplit, eager=_of_copy(np.hsplit), owns=True)
def hsplit(ary: ArrayLike, indices_or_sections: int | Sequence[int]) -> list[Array]:
    """Split along the second axis; a vector along its only one.

    Parameters
    ----------
    ary : array_like
    indices_or_sections : int or sequence of int

    Returns
    -------
    list of Array
        ``[n, k, ...]`` each, of the dtype of ``ary``.
    """
    return split(ary, indices_or_sections, 0 if aval_of(operand("hsplit", ary)).ndim == 1 else 1)


@implements(np.dsplit, eager=_of_copy(np.dsplit), owns=True)
def dsplit(ary: ArrayLike, indices_or_sections: int | Sequence[int]) -> list[Array]:
    """Split along the third axis.

    Parameters
    ----------
    ary : array_like
    indices_or_sections : int or sequence of int

    Returns
    -------
    list of Array
        ``[n, m, k, ...]`` each, of the dtype of ``ary``.
    """
    return split(ary, indices_or_sections, 2)


@implements(getattr(np, "unstack", None), eager=hasattr(np, "unstack"))
def unstack(x: ArrayLike, /, *, axis: int = 0) -> tuple[Array, ...]:
    """Return the slices along an axis as a tuple.

    Parameters
    ----------
    x : array_like
    axis : int, default 0

    Returns
    -------
    tuple of Array
        Without the axis; of the dtype of ``x``.
    """
    x = operand("unstack", x)
    axis = canonical_axis(axis, aval_of(x).ndim)
    return tuple(squeeze(slice_axis(x, i, i + 1, axis), axis) for i in range(aval_of(x).shape[axis]))


# --- repeating and rearranging ------------------------------------------------------------------------


@implements(np.tile)
def tile(A: ArrayLike, reps: int | Sequence[int]) -> Array:
    """Repeat an array as a whole along its axes.

    Parameters
    ----------
    A : array_like
    reps : int or sequence of int
        How often along each axis, counted from the last.

    Returns
    -------
    Array
        ``[*(r·n)]``, of the dtype of ``A``.

    Examples
    --------
    >>> jnp.tile(jnp.arange(2), 2)
    Array([0, 1, 0, 1], dtype=int64)
    """
    x, reps = operand("tile", A), canonical_shape(reps)
    shape = aval_of(x).shape
    ndim = max(len(shape), len(reps))
    reps = (1,) * (ndim - len(reps)) + reps
    shape = (1,) * (ndim - len(shape)) + shape
    x = structural.reshape(x, shape)
    # [n, m] -> [r, n, s, m] -> [r·n, s·m]
    interleaved = tuple(n for pair in zip(reps, shape, strict=True) for n in pair)
    x = structural.broadcast_in_dim(x, interleaved, tuple(range(1, 2 * ndim, 2)))
    return strip_weak(structural.reshape(x, tuple(r * n for r, n in zip(reps, shape, strict=True))))


@implements(np.resize)
def resize(a: ArrayLike, new_shape: int | Sequence[int]) -> Array:
    """Fill another shape with the elements of an array, from the beginning again where they do not suffice.

    Parameters
    ----------
    a : array_like
        Of any shape.
    new_shape : int or tuple of int
        With any number of elements.

    Returns
    -------
    Array
        ``[*new_shape]``

    Examples
    --------
    >>> jnp.resize(jnp.arange(3), (2, 2))
    Array([[0, 1],
           [2, 0]], dtype=int64)
    """
    x, shape = ravel(operand("resize", a)), canonical_shape(new_shape)
    count, size = math.prod(shape), x.size
    if not size:
        return strip_weak(structural.full(shape, 0, aval_of(x).dtype))
    return reshape(slice_axis(tile(x, max(-(-count // size), 1)), 0, count, 0), shape)


@implements(np.repeat)
def repeat(
    a: ArrayLike, repeats: ArrayLike, axis: int | None = None, *, total_repeat_length: int | None = None
) -> Array:
    """Repeat each element.

    Parameters
    ----------
    a : array_like
    repeats : int, or array of int
        How often, for all elements or for each along ``axis``.
    axis : int, optional
        By default the array is flattened first.
    total_repeat_length : int, optional
        Length of the result; needed where ``repeats`` is traced. The last element fills what is left.

    Returns
    -------
    Array
        ``[..., k, ...]``, or a vector.

    Examples
    --------
    >>> jnp.repeat(jnp.array([3, 4]), 2)
    Array([3, 3, 4, 4], dtype=int64)
    """
    x = operand("repeat", a)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    shape = aval_of(x).shape
    if not shape:
        raise ShapeError("repeat: the operand has no axes.", fix="leave out axis=.")
    axis = canonical_axis(axis, len(shape))
    if isinstance(repeats, Tracer) or total_repeat_length is not None:
        return _repeat_to_length(x, repeats, axis, total_repeat_length)
    repeats = np.asarray(repeats)
    if repeats.ndim == 0 or repeats.shape == (1,):
        return _repeat_each(x, int(repeats.reshape(())), axis)
    if repeats.shape != (shape[axis],):
        raise ShapeError(
            f"repeat: {repeats.shape} repeats do not fit axis {axis} of {aval_of(x)}.",
            why="there must be one number for each element.",
        )
    return as_array(x)[_index(axis, np.repeat(np.arange(shape[axis]), repeats))]


def _index(axis: int, indices) -> tuple:
    return (builtins.slice(None),) * axis + (indices,)


def _repeat_each(x, times: int, axis: int):
    shape = aval_of(x).shape
    new = (*shape[: axis + 1], times, *shape[axis + 1 :])
    kept = tuple(d for d in range(len(new)) if d != axis + 1)
    x = structural.broadcast_in_dim(x, new, kept)
    return strip_weak(structural.reshape(x, (*shape[:axis], shape[axis] * times, *shape[axis + 1 :])))


def _repeat_to_length(x, repeats, axis: int, length: int | None):
    """Repeat a traced number of times: at each place take the element whose copies have not ended yet."""
    if length is None:
        raise ArgumentError(
            f"repeat: the number of repeats is traced: {repeats.describe()}",
            why="the length of the result must be known while the program is recorded.",
            fix="pass total_repeat_length=, or mark the argument static: jit(f, static_argnames=...).",
        )
    size = aval_of(x).shape[axis]
    repeats = broadcast_to(repeats, (size,))
    ends = repeats.cumsum()
    place = elementwise.convert_element_type(structural.iota(np.dtype(np.int64), length), aval_of(ends).dtype)
    ended = (as_array_like(ends)[None, :] <= as_array_like(place)[:, None]).sum(axis=1)
    indices = elementwise.min(ended, aval_of(ended).dtype.type(max(size - 1, 0)))
    return as_array_like(x)[_index(axis, indices)]


def as_array_like(x):
    """Return a tracer as it is, anything else as `Array`."""
    return x if isinstance(x, Tracer) else as_array(x)


@implements(np.flip)
def flip(m: ArrayLike, axis: int | Sequence[int] | None = None) -> Array:
    """Reverse the order along axes, all of them by default.

    Parameters
    ----------
    m : array_like
    axis : int or sequence of int, optional

    Returns
    -------
    Array
        Of the shape and dtype of ``m``.

    Examples
    --------
    >>> jnp.flip(jnp.arange(3))
    Array([2, 1, 0], dtype=int64)
    """
    x = operand("flip", m)
    return strip_weak(structural.rev(x, canonical_axes(axis, aval_of(x).ndim)))


@implements(np.flipud)
def flipud(m: ArrayLike) -> Array:
    """Reverse the order of rows.

    Parameters
    ----------
    m : array_like
        ``[n, ...]``

    Returns
    -------
    Array
        Of the shape and dtype of ``m``.
    """
    return flip(m, 0)


@implements(np.fliplr)
def fliplr(m: ArrayLike) -> Array:
    """Reverse the order of columns.

    Parameters
    ----------
    m : array_like
        ``[n, m, ...]``

    Returns
    -------
    Array
        Of the shape and dtype of ``m``.
    """
    return flip(m, 1)


@implements(np.rot90)
def rot90(m: ArrayLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """Turn by ``k`` quarter turns in the plane of two axes, from the first to the second.

    Parameters
    ----------
    m : array_like
    k : int, default 1
    axes : pair of int

    Returns
    -------
    Array
        Of the dtype of ``m``.
    """
    ndim = aval_of(operand("rot90", m)).ndim
    first, second = canonical_axes(axes, ndim)
    turns = k % 4
    if turns == 0:
        return strip_weak(operand("rot90", m))
    if turns == 2:
        return flip(m, (first, second))
    swapped = (
        swapaxes(flip(m, second), first, second) if turns == 1 else flip(swapaxes(m, first, second), second)
    )
    return swapped


@implements(np.roll)
def roll(
    a: ArrayLike, shift: int | Sequence[int] | ArrayLike, axis: int | Sequence[int] | None = None
) -> Array:
    """Shift elements along axes; what leaves at the end comes in at the front.

    Parameters
    ----------
    a : array_like
    shift : int, sequence of int, or traced int
    axis : int or sequence of int, optional
        By default the flattened array is shifted.

    Returns
    -------
    Array
        Of the shape and dtype of ``a``.

    Examples
    --------
    >>> jnp.roll(jnp.arange(4), 1)
    Array([3, 0, 1, 2], dtype=int64)
    """
    x = operand("roll", a)
    if axis is None:
        return reshape(roll(reshape(x, (-1,)), shift, 0), aval_of(x).shape)
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    shifts = (
        shift
        if isinstance(shift, tuple | list)
        else [shift] * len(axes)
        if _is_scalar(shift)
        else list(shift)
    )
    if len(axes) == 1 and len(shifts) > 1:
        axes = tuple(axes) * len(shifts)
    for amount, d in zip(shifts, axes, strict=True):
        x = _roll_axis(x, amount, canonical_axis(d, aval_of(x).ndim))
    return strip_weak(x)


def _is_scalar(x) -> bool:
    return not aval_of(x).shape


def _roll_axis(x, shift, axis: int):
    size = aval_of(x).shape[axis]
    if size == 0:
        return x
    if isinstance(shift, Tracer) and shift.concrete() is None:
        # Twice the array, and a window of it at a traced place.
        twice = structural.concatenate([x, x], axis)
        start = (size - shift % size) % size
        return indexing_ops.dynamic_slice_in_dim(twice, start, size, axis)
    cut = size - operator.index(shift) % size
    if cut == size:
        return x
    return structural.concatenate([slice_axis(x, cut, size, axis), slice_axis(x, 0, cut, axis)], axis)
