"""Indexing of arrays and traced values: ``x[...]``, ``x.at[...]``, take.

An index is made explicit (`Plan`) and then lowered in at most three steps::

    x[2:, 0, None, i]  of x: f64[5,6,7], i: i64[3]
      1  static integers and slices        slice, rev, squeeze          f64[3,7]
      2  arrays and traced integers        one gather                   f64[3,3]    axes where NumPy puts them
      3  new axes                          expand_dims                  f64[3,1,3]

Indices outside of the array raise IndexError: static ones at once, traced ones when the program runs.
``mode=`` chooses otherwise. Differs from JAX, which clamps reads and drops writes.
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxlite.control.scan import scan
from jaxlite.dtypes import PYTHON_SCALAR_DTYPES
from jaxlite.errors import (
    ArgumentError,
    DtypeError,
    JAXIndexError,
    NonConcreteBooleanIndexError,
    ShapeError,
)
from jaxlite.numpy import ufuncs
from jaxlite.numpy.promotion import (
    broadcast_array,
    broadcast_shapes_of,
    canonical_axis,
    canonical_shape,
    common_dtype,
    convert,
    operand,
    promote_dtypes,
    strip_weak,
)
from jaxlite.numpy.registry import REFUSALS, implements, plain, quiet, wrap
from jaxlite.numpy.selection import truth, where
from jaxlite.numpy.shaping import reject_out, stack
from jaxlite.ops import cumulative, elementwise, indexing, structural
from jaxlite.ops.indexing import GatherDimensionNumbers, GatherScatterMode, ScatterDimensionNumbers
from jaxlite.trace import EVAL, Tracer, aval_of, current_trace
from jaxlite.typing import Array, ArrayLike

_INT64 = np.dtype(np.int64)
_FULL = builtins.slice(None)


# --- making an index explicit -------------------------------------------------------------------------


class Advanced(NamedTuple):
    """An integer array (or traced integer) that indexes one axis; negative entries count from the end."""

    axis: int
    index: Any


class Kept(NamedTuple):
    """A slice of one axis; ``step`` is not 0, and ``start``, ``size`` say which elements."""

    axis: int
    start: int
    size: int
    step: int


class Plan(NamedTuple):
    """An index made explicit.

    Attributes
    ----------
    kept : tuple of Kept
        The slices, in the order of the axes.
    fixed : tuple of (int, int)
        Axes that static integers index, and the integers, counted from the front.
    advanced : tuple of Advanced
    shape : tuple of int
        What the arrays of ``advanced`` broadcast to.
    place : int
        How many of ``kept`` stand before the axes of the arrays in the result.
    new_axes : tuple of int
        Positions of new axes in the result.
    """

    kept: tuple[Kept, ...]
    fixed: tuple[tuple[int, int], ...]
    advanced: tuple[Advanced, ...]
    shape: tuple[int, ...]
    place: int
    new_axes: tuple[int, ...]

    def result_shape(self) -> tuple[int, ...]:
        """Return the shape of the result before new axes are put in."""
        sizes = [k.size for k in self.kept]
        return (*sizes[: self.place], *self.shape, *sizes[self.place :])


class _NewMaskAxis(NamedTuple):
    """A single bool as an index: a new axis of size 1 or 0."""

    value: bool


class _Mask(NamedTuple):
    """The indices along one axis of the true elements of a mask, and the size that the axis must have."""

    indices: np.ndarray
    size: int
    axis: int


def _is_array(entry) -> bool:
    return isinstance(entry, Tracer | np.ndarray | np.generic)


def _expand_masks(entries) -> list:
    """Replace bool arrays by the integer arrays of their true elements, and check the kind of every entry."""
    expanded = []
    for entry in entries:
        if isinstance(entry, list | tuple):
            entry = _sequence_as_array(entry)
        if type(entry) is bool:
            expanded.append(_NewMaskAxis(entry))
        elif not _is_array(entry):
            expanded.append(entry)
        elif aval_of(entry).dtype.kind == "b":
            expanded += _mask_indices(entry)
        elif aval_of(entry).dtype.kind in "iu":
            expanded.append(entry)
        else:
            raise _index_type_error(aval_of(entry))
    return expanded


def _sequence_as_array(entry):
    """Return the array of indices that a list or tuple inside an index stands for; traced elements are stacked."""
    if any(isinstance(leaf, Tracer) for leaf in _leaves(entry)):
        parts = [
            _sequence_as_array(part) if isinstance(part, list | tuple) else operand("index", part)
            for part in entry
        ]
        return stack(parts)
    try:
        array = np.asarray(entry)
    except ValueError:
        raise _index_type_error(f"{type(entry).__name__} {entry!r:.40}") from None
    return array if array.size else array.astype(_INT64)


def _leaves(entry):
    if not isinstance(entry, list | tuple):
        yield entry
        return
    for part in entry:
        yield from _leaves(part)


def _index_type_error(what) -> DtypeError:
    return DtypeError(
        f"an index has type {what}.",
        why="indices are integers, bools, slices, None or Ellipsis.",
        fix="convert with i.astype(int).",
    )


def _mask_indices(mask) -> list:
    if isinstance(mask, Tracer):
        value = mask.concrete()
        if value is None:
            raise NonConcreteBooleanIndexError(
                f"a traced mask is used as an index: {mask.describe()}",
                why="how many elements it selects, and so the shape of the result, is unknown now.",
                fix="jnp.where(mask, x, 0) keeps the shape; to write: jnp.where(mask, value, x); or "
                "x[jnp.nonzero(mask, size=n)].",
            )
        mask = value
    mask = np.asarray(mask)
    if not mask.shape:
        return [_NewMaskAxis(bool(mask))]
    return [_Mask(indices, mask.shape[d], d) for d, indices in enumerate(mask.nonzero())]


def _consumes(entry) -> bool:
    """Whether an entry indexes an axis of the operand."""
    return not (entry is None or entry is Ellipsis or type(entry) is _NewMaskAxis)


def plan_index(aval, index, lenient: bool = False) -> Plan:
    """Make an index of a value explicit.

    Parameters
    ----------
    aval : ShapedArray
    index : int, slice, None, Ellipsis, array of int or bool, traced int, or a tuple of them
        In a tuple also lists and tuples of integers, which stand for arrays.
    lenient : bool
        Whether integers outside of the array are let through, for the primitives to deal with.

    Raises
    ------
    JAXIndexError
        If there are too many indices, or a static one lies outside.
    """
    if isinstance(index, list):
        raise DtypeError(
            "a list is used as an index.",
            why="which of several meanings is meant must be written out.",
            fix="x[jnp.array([0, 2])] takes elements 0 and 2; x[0, 2] one element of two axes.",
        )
    entries = _expand_masks(index if type(index) is tuple else (index,))
    num_consumed = builtins.sum(map(_consumes, entries))
    if num_consumed > aval.ndim:
        raise JAXIndexError(
            f"too many indices: {num_consumed} for a value of type {aval}.",
            why=f"it has {aval.ndim} {'axis' if aval.ndim == 1 else 'axes'}.",
        )
    dots = [i for i, entry in enumerate(entries) if entry is Ellipsis]
    if len(dots) > 1:
        raise JAXIndexError("an index can hold one Ellipsis ('...') only.")
    at = dots[0] if dots else len(entries)
    entries[at : at + 1] = [_FULL] * (aval.ndim - num_consumed)
    return _plan(aval, entries, lenient)


def _plan(aval, entries, lenient: bool) -> Plan:
    kept, fixed, advanced = [], [], []
    # What each entry puts into the result: "kept" and "new" one axis each, all "array" together theirs.
    order = []
    axis = 0
    for entry in entries:
        if entry is None:
            order.append("new")
        elif type(entry) is _NewMaskAxis:
            order.append("array")
            advanced.append(Advanced(-1, np.arange(int(entry.value))))
        elif isinstance(entry, builtins.slice):
            order.append("kept")
            kept.append(_plan_slice(aval, entry, axis))
            axis += 1
        else:
            static = _static_int(entry)
            if static is not None and not (lenient and not -aval.shape[axis] <= static < aval.shape[axis]):
                # Beside arrays an integer counts as one of them: it decides whether they stand side by side.
                order.append("integer")
                fixed.append((axis, _from_front_static(static, axis, aval)))
            else:
                order.append("array")
                advanced.append(Advanced(axis, _checked_array(entry, axis, aval, lenient)))
            axis += 1
    return _place(order, tuple(kept), tuple(fixed), tuple(advanced))


def _place(order: list[str], kept, fixed, advanced) -> Plan:
    """Find where NumPy puts the axes of the arrays: in place if all stand side by side, else in front."""
    shape = _broadcast_indices([index for _, index in advanced])
    if not advanced:
        order = [kind for kind in order if kind != "integer"]
    at = [i for i, kind in enumerate(order) if kind in ("array", "integer")]
    together = bool(at) and at == list(range(at[0], at[-1] + 1))
    place = order[: at[0]].count("kept") if together else 0
    axes = [kind for kind in order if kind in ("kept", "new")]
    start = sum(kind in ("kept", "new") for kind in order[: at[0]]) if together else 0
    axes[start:start] = ["array"] * len(shape)
    new_axes = tuple(i for i, kind in enumerate(axes) if kind == "new")
    return Plan(kept, fixed, advanced, shape, place, new_axes)


def _broadcast_indices(indices) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*[aval_of(index).shape for index in indices])
    except ValueError:
        raise JAXIndexError(
            f"indices of types {', '.join(str(aval_of(index)) for index in indices)} do not broadcast.",
            why="integer arrays in one index are read side by side.",
        ) from None


def _static_int(entry) -> int | None:
    """Return an index known now as a Python int; None for arrays and traced values."""
    if isinstance(entry, Tracer):
        value = None if entry.aval.shape else entry.concrete()
        return None if value is None else int(value)
    if isinstance(entry, np.ndarray):
        return None if entry.shape else int(entry)
    if type(entry) is _Mask:
        return None
    try:
        return operator.index(entry)
    except TypeError:
        raise _index_type_error(f"{type(entry).__name__} {entry!r:.40}") from None


def _checked_array(entry, axis: int, aval, lenient: bool):
    """Return an array of indices; a static one as int64, checked against the axis."""
    size = aval.shape[axis]
    if type(entry) is _Mask:
        if entry.size != size:
            raise JAXIndexError(
                f"a mask does not fit {aval}.",
                why=f"axis {entry.axis} of the mask has size {entry.size}, axis {axis} of the value {size}.",
            )
        return entry.indices
    if isinstance(entry, Tracer):
        return entry
    entry = np.asarray(entry)
    if not lenient and entry.size and not (-size <= entry.min() and entry.max() < size):
        outside = entry[(entry < -size) | (entry >= size)]
        raise _out_of_range(int(outside.flat[0]), axis, aval)
    entry = entry.astype(_INT64, copy=False)
    return np.where(entry < 0, entry + size, entry)


def _from_front_static(index: int, axis: int, aval) -> int:
    size = aval.shape[axis]
    if not -size <= index < size:
        raise _out_of_range(index, axis, aval)
    return index + size if index < 0 else index


def _out_of_range(index: int, axis: int, aval) -> JAXIndexError:
    size = aval.shape[axis]
    return JAXIndexError(
        f"index {index} is out of bounds for axis {axis} of {aval}.",
        why=f"the axis has size {size}." if size else "the axis is empty.",
        fix="x.at[i].get(mode='clip') and jnp.take(x, i, mode='clip') move it inside.",
    )


def _plan_slice(aval, entry, axis: int) -> Kept:
    for bound in (entry.start, entry.stop, entry.step):
        if isinstance(bound, Tracer) and bound.concrete() is None:
            raise JAXIndexError(
                f"a bound of a slice is traced: {bound.describe()}",
                why="the size of the result would be unknown while the program is recorded.",
                fix="jaxlite.lax.dynamic_slice(x, (start,), (size,)) takes a slice of static size anywhere; "
                "or jnp.where(jnp.arange(n) < stop, x, 0).",
            )
    try:
        start, stop, step = entry.indices(aval.shape[axis])
    except TypeError:
        raise _index_type_error(entry) from None
    size = len(range(start, stop, step))
    return Kept(axis, start if size else 0, size, step if size > 1 else 1)


# --- reading ------------------------------------------------------------------------------------------


def _slice(x, plan: Plan):
    """Apply slices and static integers; returns the result, and for each axis left the one it was."""
    shape = aval_of(x).shape
    starts, stops, strides = [0] * len(shape), list(shape), [1] * len(shape)
    backwards = []
    for axis, start, size, step in plan.kept:
        if step < 0:
            backwards.append(axis)
            start, step = start + (size - 1) * step, -step
        starts[axis], strides[axis] = start, step
        stops[axis] = start + (size - 1) * step + 1 if size else start
    for axis, index in plan.fixed:
        starts[axis], stops[axis] = index, index + 1
    if any(starts) or tuple(stops) != shape or strides != [1] * len(shape):
        x = structural.slice(x, starts, stops, strides if any(step > 1 for step in strides) else None)
    if backwards:
        x = structural.rev(x, backwards)
    fixed = [axis for axis, _ in plan.fixed]
    return structural.squeeze(x, fixed) if fixed else x


def getitem(x, index, mode: str | None = None, fill_value=None, **promises):
    """Return ``x[index]`` for a traced ``x`` or a traced ``index``.

    Parameters
    ----------
    x : array or tracer
    index
        See `plan_index`.
    mode : str, optional
        What indices outside do: "raise" (None), "clip", "wrap", "fill", "drop" (the same),
        "promise_in_bounds".
    fill_value : number, optional
        For "fill".
    **promises
        ``indices_are_sorted`` and ``unique_indices``.
    """
    gather_mode = _checked_mode(mode)
    plan = plan_index(aval_of(x), index, lenient=gather_mode != GatherScatterMode.RAISE or mode == "wrap")
    x = _slice(x, plan)
    if plan.advanced:
        x = _gather(x, plan, mode, gather_mode, fill_value, promises)
    return structural.expand_dims(x, plan.new_axes) if plan.new_axes else strip_weak(x)


def _gather(x, plan: Plan, mode, gather_mode, fill_value, promises):
    shape = aval_of(x).shape
    rank = len(plan.shape)
    fixed = [axis for axis, _ in plan.fixed]
    indexed = [
        (axis - builtins.sum(f < axis for f in fixed), index) for axis, index in plan.advanced if axis >= 0
    ]
    shown = tuple(d if d < plan.place else d + rank for d in range(len(plan.kept)))
    if not indexed:
        # Only single bools: a new axis of size 1 or 0.
        return structural.broadcast_in_dim(x, plan.result_shape(), shown)
    columns = [_column(index, shape[axis], mode, plan.shape) for axis, index in indexed]
    if gather_mode == GatherScatterMode.RAISE and not any(isinstance(index, Tracer) for _, index in indexed):
        gather_mode = GatherScatterMode.PROMISE_IN_BOUNDS
    axes = tuple(axis for axis, _ in indexed)
    numbers = GatherDimensionNumbers(shown, tuple(sorted(axes)), axes)
    sizes = tuple(1 if d in axes else n for d, n in enumerate(shape))
    vectors = _join_columns(columns)
    return indexing.gather(x, vectors, numbers, sizes, mode=gather_mode, fill_value=fill_value, **promises)


def _column(index, size: int, mode, shape):
    """Return indices along one axis, counted from the front, as the last axis of index vectors."""
    if isinstance(index, Tracer):
        return structural.expand_dims(broadcast_array(_from_front(index, size, mode), shape), (len(shape),))
    if mode == "wrap":
        index = np.mod(index, max(size, 1))
    return np.broadcast_to(index, shape)[..., None]


def _join_columns(columns):
    if len(columns) == 1:
        return columns[0]
    if not any(isinstance(column, Tracer) for column in columns):
        return np.concatenate([np.asarray(column) for column in columns], -1)
    return structural.concatenate(columns, len(aval_of(columns[0]).shape) - 1)


def _from_front(index, size: int, mode):
    """Add the size to negative traced indices, or wrap them all."""
    dtype = aval_of(index).dtype
    if dtype.kind == "u":
        if dtype.itemsize == 8:
            # No element lies beyond the largest int64 either.
            index = elementwise.min(index, dtype.type(2**63 - 1))
        index = convert(index, _INT64)
    else:
        index = convert(index, _INT64)
        if mode != "wrap":
            negative = elementwise.lt(index, _INT64.type(0))
            return elementwise.select_n(negative, index, elementwise.add(index, _INT64.type(size)))
    return elementwise.mod(index, _INT64.type(size)) if mode == "wrap" else index


_MODES = {
    None: GatherScatterMode.RAISE,
    "raise": GatherScatterMode.RAISE,
    "clip": GatherScatterMode.CLIP,
    "wrap": GatherScatterMode.PROMISE_IN_BOUNDS,
    "fill": GatherScatterMode.FILL_OR_DROP,
    "drop": GatherScatterMode.FILL_OR_DROP,
    "promise_in_bounds": GatherScatterMode.PROMISE_IN_BOUNDS,
}


def _checked_mode(mode: str | None) -> str:
    if mode not in _MODES:
        raise ArgumentError(
            f"mode {mode!r} is not known.",
            fix="use 'raise', 'clip', 'wrap', 'fill', 'drop' or 'promise_in_bounds'.",
        )
    return _MODES[mode]


# --- writing ------------------------------------------------------------------------------------------


class _How(NamedTuple):
    """One way to combine elements with updates: by a scatter, on a box of elements, and in NumPy."""

    scatter: Callable
    combine: Callable
    ufunc: np.ufunc | None


_SET = _How(indexing.scatter, lambda old, new: new, None)
_ADD = _How(indexing.scatter_add, elementwise.add, np.add)
_SUBTRACT = _How(indexing.scatter_sub, elementwise.sub, np.subtract)
_MULTIPLY = _How(indexing.scatter_mul, elementwise.mul, np.multiply)
_MIN = _How(indexing.scatter_min, elementwise.min, np.minimum)
_MAX = _How(indexing.scatter_max, elementwise.max, np.maximum)


def setitem(x, index, values, how: _How, mode: str | None = None, **promises):
    """Return ``x`` with ``x[index]`` combined with ``values``; see `At` for the ways to combine."""
    scatter_mode = _checked_mode(mode)
    x, values = operand("at", x), operand("at", values, 1)
    dtype = aval_of(x).dtype
    values = convert(values, dtype)
    plan = plan_index(aval_of(x), index, lenient=scatter_mode != GatherScatterMode.RAISE)
    if any(axis < 0 for axis, _ in plan.advanced):
        raise ArgumentError(
            "x.at[...] takes no single bools as indices.", fix="jnp.where(condition, values, x)."
        )
    if not plan.advanced and all(kept.step == 1 for kept in plan.kept):
        return _write_box(x, values, plan, how)
    values = _fit(values, plan, aval_of(x))
    return _scatter(x, values, plan, how, mode, scatter_mode, promises)


def _fit(values, plan: Plan, aval):
    """Broadcast updates to the elements that the index selects."""
    shape = list(plan.result_shape())
    for axis in plan.new_axes:
        shape.insert(axis, 1)
    values_shape = aval_of(values).shape
    extra = len(values_shape) - len(shape)
    if extra > 0 and values_shape[:extra] == (1,) * extra:
        values = structural.reshape(values, values_shape[extra:])
    try:
        fits = np.broadcast_shapes(aval_of(values).shape, tuple(shape)) == tuple(shape)
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"x.at[...]: updates of type {aval_of(values)} do not fit the elements of {aval} that the index "
            f"selects, of shape {tuple(shape)}.",
            why="updates must broadcast to the shape of x[...].",
        )
    values = broadcast_array(values, tuple(shape))
    return structural.squeeze(values, plan.new_axes) if plan.new_axes else values


def _write_box(x, values, plan: Plan, how: _How):
    """Write into a box of neighbouring elements: a slice of the result is the combined box."""
    shape = aval_of(x).shape
    starts, sizes = [0] * len(shape), list(shape)
    for axis, start, size, _ in plan.kept:
        starts[axis], sizes[axis] = start, size
    for axis, i in plan.fixed:
        starts[axis], sizes[axis] = i, 1
    if aval_of(values).shape:
        values = structural.reshape(_fit(values, plan, aval_of(x)), sizes)
    else:
        values = broadcast_array(values, tuple(sizes))
    if how is not _SET:
        stops = [start + size for start, size in zip(starts, sizes, strict=True)]
        values = how.combine(structural.slice(x, starts, stops), values)
    if tuple(sizes) == shape:
        return strip_weak(values)
    return indexing.dynamic_update_slice(x, values, *map(_INT64.type, starts))


def _spread(column, shape, dims):
    """Broadcast indices to ``shape``, their axes becoming ``dims``; static ones in NumPy."""
    if isinstance(column, Tracer):
        return structural.broadcast_in_dim(column, shape, dims)
    expanded = [1] * len(shape)
    for d, n in zip(dims, column.shape, strict=True):
        expanded[d] = n
    return np.broadcast_to(column.reshape(expanded), shape)


def _scatter(x, values, plan: Plan, how: _How, mode, scatter_mode, promises):
    shape = aval_of(x).shape
    rank = len(plan.shape)
    # Axes of the updates: slices of step 1 are windows; other slices are indexed element by element.
    window_dims, index_dims, windows, columns = [], [], [], []
    result = [*plan.kept[: plan.place], *[None] * rank, *plan.kept[plan.place :]]
    for d, kept in enumerate(result):
        (window_dims if kept is not None and kept.step == 1 else index_dims).append(d)
    index_shape = tuple(aval_of(values).shape[d] for d in index_dims)
    array_dims = [index_dims.index(d) for d in range(plan.place, plan.place + rank)]
    for axis, index in plan.advanced:
        # [*arrays, 1] -> [*index dims, 1]
        column = _column(index, shape[axis], mode, plan.shape)
        columns.append((axis, _spread(column, (*index_shape, 1), (*array_dims, len(index_shape)))))
    for axis, i in plan.fixed:
        columns.append((axis, np.full((*index_shape, 1), i)))
    for d, kept in enumerate(result):
        if kept is None:
            continue
        if d in window_dims:
            windows.append(kept.axis)
            if kept.start:
                columns.append((kept.axis, np.full((*index_shape, 1), kept.start)))
        else:
            places = kept.start + kept.step * np.arange(kept.size)
            at = index_dims.index(d)
            columns.append((kept.axis, _spread(places[:, None], (*index_shape, 1), (at, len(index_shape)))))
    numbers = ScatterDimensionNumbers(
        tuple(window_dims),
        tuple(d for d in range(len(shape)) if d not in windows),
        tuple(axis for axis, _ in columns),
    )
    vectors = _join_columns([column for _, column in columns])
    return how.scatter(x, vectors, values, numbers, mode=scatter_mode, **promises)


class IndexUpdateHelper:
    """What ``x.at`` is: ``x.at[index]`` names elements to read or write."""

    __slots__ = ("array",)

    def __init__(self, array):
        self.array = array

    def __getitem__(self, index) -> At:
        return At(self.array, index)

    def __repr__(self) -> str:
        return f"IndexUpdateHelper({self.array!r})"


class At:
    """Elements of an array, to be read or written: ``x.at[index]``.

    Its methods return a new array; ``x`` itself never changes. All take ``mode``, which says what indices
    outside of the array do: "raise" (the default; IndexError), "clip" (move inside), "wrap" (modulo size),
    "drop" (no write) or "fill" (reads give ``fill_value``), "promise_in_bounds" (unspecified).

    Examples
    --------
    >>> x = jnp.zeros(3)
    >>> x.at[1].set(5.0)
    Array([0., 5., 0.], dtype=float64)
    >>> x.at[jnp.array([0, 0])].add(1.0)
    Array([2., 0., 0.], dtype=float64)
    """

    __slots__ = ("array", "index")

    def __init__(self, array, index):
        self.array = array
        self.index = index

    def __repr__(self) -> str:
        return f"At({self.array!r}, {self.index!r})"

    def get(
        self,
        *,
        indices_are_sorted=False,
        unique_indices=False,
        mode=None,
        fill_value=None,
        wrap_negative_indices=True,
    ):
        """Return the elements."""
        _check_wraps(wrap_negative_indices)
        promises = dict(indices_are_sorted=indices_are_sorted, unique_indices=unique_indices)
        return getitem(operand("at", self.array), self.index, mode, fill_value, **promises)

    def _write(self, values, how: _How, options):
        mode = options.pop("mode", None)
        _check_wraps(options.pop("wrap_negative_indices", True))
        unknown = options.keys() - {"indices_are_sorted", "unique_indices"}
        if unknown:
            raise TypeError(f"unexpected keyword arguments: {', '.join(sorted(unknown))}")
        if type(values) is complex:
            # As an array would: into real elements goes the real part, with NumPy's warning.
            values = np.complex128(values)
        if mode is None and current_trace() is EVAL:
            try:
                result = _write_in_numpy(self.array, self.index, values, how)
            except REFUSALS:
                result = None
            if result is not None:
                return result
        return setitem(self.array, self.index, values, how, mode, **options)

    def set(self, values, **options):
        """Replace the elements; of several updates of one element the last one stays."""
        return self._write(values, _SET, options)

    def add(self, values, **options):
        """Add to the elements; several updates of one element all count."""
        return self._write(values, _ADD, options)

    def subtract(self, values, **options):
        """Subtract from the elements."""
        return self._write(values, _SUBTRACT, options)

    def multiply(self, values, **options):
        """Multiply the elements."""
        return self._write(values, _MULTIPLY, options)

    mul = multiply

    def min(self, values, **options):
        """Take the minimum of elements and updates."""
        return self._write(values, _MIN, options)

    def max(self, values, **options):
        """Take the maximum of elements and updates."""
        return self._write(values, _MAX, options)

    def divide(self, values, **options):
        """Divide the elements."""
        return ufuncs.divide(self.array, self._of_ones(values, options))

    def power(self, values, **options):
        """Raise the elements to powers."""
        return ufuncs.power(self.array, self._of_ones(values, options))

    def _of_ones(self, values, options):
        """Return ones with the product of all updates of an element in its place."""
        values = operand("at", values)
        dtype = common_dtype([operand("at", self.array), values])
        ones = structural.full(aval_of(self.array).shape, 1, dtype)
        return At(ones, self.index)._write(values, _MULTIPLY, options)

    def apply(self, func: Callable, **options):
        """Replace elements by ``func`` of them; of an element that is named n times, by ``func`` applied n times.

        Parameters
        ----------
        func : callable
            Elementwise: of an array, or of one of its elements.
        **options
            ``mode`` and the promises, as for the other methods.
        """
        read = {name: value for name, value in options.items() if name != "wrap_negative_indices"}
        places = None if options.get("unique_indices") else self._repeated_places(options.get("mode"))
        if places is None:
            return self._write(func(self.get(**read)), _SET, options)
        _check_wraps(options.get("wrap_negative_indices", True))
        x = strip_weak(operand("at", self.array))
        flat = structural.reshape(x, (aval_of(x).size,))
        if isinstance(places, Tracer):

            def apply_at(flat, place):
                return At(flat, place).set(func(getitem(flat, place, "clip")), mode="drop"), None

            flat, _ = scan(apply_at, flat, structural.reshape(places, (aval_of(places).size,)))
        else:
            times = np.bincount(places.ravel(), minlength=aval_of(x).size)[: aval_of(x).size]
            for k in range(int(times.max(initial=0))):
                (again,) = np.nonzero(times > k)
                flat = At(flat, again).set(func(getitem(flat, again)), unique_indices=True)
        return strip_weak(structural.reshape(flat, aval_of(x).shape))

    def _repeated_places(self, mode: str | None):
        """Return which elements of the flattened array the index names; None where it names none twice.

        Elements outside, which are dropped, have the number that comes after the last one.
        """
        aval = aval_of(operand("at", self.array))
        lenient = _checked_mode(mode) != GatherScatterMode.RAISE
        if not plan_index(aval, self.index, lenient).advanced:
            return None
        numbers = np.arange(aval.size).reshape(aval.shape)
        index = None if lenient else _plain_index(self.index)
        if index is not None:
            places = numbers[index]
        else:
            mode = "fill" if mode == "drop" else mode
            places = getitem(numbers, self.index, mode, aval.size if mode == "fill" else None)
        if isinstance(places, Tracer):
            return places
        places = np.asarray(places)
        return places if np.unique(places).size < places.size else None


def _check_wraps(wrap_negative_indices: bool) -> None:
    if not wrap_negative_indices:
        raise ArgumentError(
            "wrap_negative_indices=False is not implemented: negative indices count from the end.",
            fix='move them out of range, x.at[jnp.where(i < 0, x.shape[0], i)], with mode="fill" or "drop".',
        )


def _write_in_numpy(x, index, values, how: _How):
    """Write into a copy with NumPy; None where an operand is nothing that NumPy may have."""
    arrays = plain((x, values), 2)
    index = _plain_index(index)
    if arrays is None or index is None:
        return None
    x, values = arrays
    result = np.array(x)
    if how.ufunc is None:
        quiet(result.__setitem__, (index, values))
    else:
        values = values if type(values) in PYTHON_SCALAR_DTYPES else values.astype(result.dtype, copy=False)
        quiet(how.ufunc.at, (result, index, values))
    return wrap(result)


def _plain_index(index):
    """Return an index as NumPy takes it; None where it is a list or holds traced values."""
    if isinstance(index, list):
        return None
    entries = []
    for entry in index if type(index) is tuple else (index,):
        if type(entry) is float or any(isinstance(leaf, Tracer) for leaf in _leaves(entry)):
            return None
        entries.append(entry.view(np.ndarray) if isinstance(entry, np.ndarray) else entry)
    return tuple(entries)


# --- take ---------------------------------------------------------------------------------------------


@implements(np.take, eager=False)
def take(
    a: ArrayLike,
    indices: ArrayLike,
    axis: int | None = None,
    out: None = None,
    mode: str | None = None,
    unique_indices: bool = False,
    indices_are_sorted: bool = False,
    fill_value: ArrayLike | None = None,
) -> Array:
    """Take elements along an axis.

    Parameters
    ----------
    a : array_like
    indices : array_like of int
    axis : int, optional
        By default the array is flattened first.
    out : None
        Not supported.
    mode : {"raise", "clip", "wrap", "fill"}
        What indices outside do; "raise" by default. "clip" moves negative ones to 0, as in NumPy.
    unique_indices, indices_are_sorted : bool, default False
        Promises that make derivatives faster.
    fill_value : number, optional
        For "fill": by default nan, or the smallest integer.

    Returns
    -------
    Array
        ``[..., *indices.shape, ...]``

    Examples
    --------
    >>> jnp.take(jnp.arange(3.0), jnp.array([2, 0]))
    Array([2., 0.], dtype=float64)
    """
    reject_out("take", out)
    if current_trace() is EVAL and mode in (None, "raise", "clip", "wrap"):
        arrays = plain((a, indices), 2)
        if arrays is not None:
            try:
                return wrap(quiet(np.take, (*arrays, axis), {"mode": mode or "raise"}))
            except REFUSALS:
                pass
    x, indices = operand("take", a), operand("take", indices, 1)
    if axis is None:
        x, axis = structural.reshape(x, (aval_of(x).size,)), 0
    axis = canonical_axis(axis, aval_of(x).ndim)
    if aval_of(indices).dtype.kind == "b":
        # As in NumPy: places 0 and 1, no mask.
        indices = convert(indices, _INT64)
    if aval_of(indices).dtype.kind not in "iu":
        raise _index_type_error(aval_of(indices))
    if mode == "clip":
        indices = ufuncs.maximum(indices, 0)
    promises = dict(unique_indices=unique_indices, indices_are_sorted=indices_are_sorted)
    return getitem(x, (*[_FULL] * axis, indices), mode, fill_value, **promises)


@implements(np.take_along_axis, eager=False)
def take_along_axis(
    arr: ArrayLike,
    indices: ArrayLike,
    axis: int | None = -1,
    mode: str | None = None,
    fill_value: ArrayLike | None = None,
) -> Array:
    """Take elements by an array of indices along one axis, the other axes side by side.

    Parameters
    ----------
    arr : array_like
    indices : array_like of int
        With as many axes as ``arr``; other axes than ``axis`` broadcast.
    axis : int or None, default -1
        None flattens ``arr``.
    mode : str, optional
        As for `take`.
    fill_value : number, optional
        As for `take`.

    Returns
    -------
    Array
        Of the shape of ``indices``, broadcast.

    Examples
    --------
    >>> x = jnp.array([[3, 1, 2]])
    >>> jnp.take_along_axis(x, jnp.argsort(x, axis=1), axis=1)
    Array([[1, 2, 3]], dtype=int64)
    """
    if mode is None and current_trace() is EVAL:
        arrays = plain((arr, indices), 2)
        if arrays is not None:
            try:
                return wrap(quiet(np.take_along_axis, (*arrays, axis)))
            except REFUSALS:
                pass
    x, indices = operand("take_along_axis", arr), operand("take_along_axis", indices, 1)
    if axis is None:
        x, axis = structural.reshape(x, (aval_of(x).size,)), 0
    return getitem(x, _side_by_side("take_along_axis", aval_of(x), indices, axis), mode, fill_value)


def _side_by_side(name: str, aval, indices, axis: int) -> tuple:
    """Return the index that takes element ``indices[i, j, k]`` along one axis, and i, j, k along the others."""
    index_aval = aval_of(indices)
    axis = canonical_axis(axis, aval.ndim)
    if index_aval.dtype.kind not in "iu":
        raise _index_type_error(index_aval)
    if index_aval.ndim != aval.ndim:
        raise ShapeError(
            f"{name}: indices of type {index_aval} for an array of type {aval}.",
            why="both must have as many axes.",
        )
    # Size 1 broadcasts against the other operand.
    grid = [
        np.arange(n).reshape([-1 if i == d else 1 for i in range(aval.ndim)])
        for d, n in enumerate(aval.shape)
    ]
    return (*grid[:axis], indices, *grid[axis + 1 :])


def to_write(array, values, inplace: bool) -> np.ndarray:
    """Return a copy for NumPy to write ``values`` into; TypeError if it would have to convert them.

    `implements` then leaves them to the primitives, and what is to be changed in place too.
    """
    array = np.array(array)
    fits = (
        array.dtype == values.dtype
        if hasattr(values, "dtype")
        else array.dtype.kind in "fc" and type(values) in (int, float)
    )
    if inplace or not fits:
        raise TypeError("NumPy would write into it, or convert")
    return array


def _numpy_put_along_axis(arr, indices, values, axis, inplace=False):
    array = to_write(arr, values, inplace)
    np.put_along_axis(array, indices, values, axis)
    return array


def _numpy_put(a, ind, v, *, inplace=True):
    array = to_write(a, v, inplace)
    if not np.size(v):
        raise ValueError("NumPy lets it pass")
    np.put(array, ind, v)
    return array


def _numpy_place(arr, mask, vals, *, inplace=True):
    array = to_write(arr, vals, inplace)
    np.place(array, mask, vals)
    return array


@implements(eager=_numpy_put_along_axis, arrays=3)
def put_along_axis(
    arr: ArrayLike,
    indices: ArrayLike,
    values: ArrayLike,
    axis: int | None,
    inplace: bool = False,
    *,
    mode: str | None = None,
) -> Array:
    """Return an array with elements replaced, by an array of indices along one axis.

    Parameters
    ----------
    arr : array_like
    indices : array_like of int
        With as many axes as ``arr``; other axes than ``axis`` broadcast.
    values : array_like
        Broadcast to the shape of ``indices``.
    axis : int or None
        None flattens ``arr``.
    inplace : bool
        Must be False, which NumPy's function is not: arrays never change.
    mode : str, optional
        As for `At`.

    Returns
    -------
    Array
        Of the shape and dtype of ``arr``.
    """
    if inplace:
        raise ArgumentError("put_along_axis: arrays never change.", fix="pass inplace=False; use the result.")
    x, indices = operand("put_along_axis", arr), operand("put_along_axis", indices, 1)
    shape = aval_of(x).shape
    if axis is None:
        flat = structural.reshape(x, (aval_of(x).size,))
        return structural.reshape(At(flat, indices).set(values, mode=mode), shape)
    entries = _side_by_side("put_along_axis", aval_of(x), indices, axis)
    return At(x, entries).set(values, mode=mode)


@implements(eager=_numpy_put, arrays=3)
def put(
    a: ArrayLike, ind: ArrayLike, v: ArrayLike, mode: str | None = None, *, inplace: bool = True
) -> Array:
    """Return an array with elements of the flattened array replaced.

    Parameters
    ----------
    a : array_like
        Of any shape.
    ind : array_like of int
        Indices into the flattened array.
    v : array_like
        Their new values, repeated as often as needed.
    mode : {None, "clip", "wrap"}
        What indices outside do, as for `At`; by default they are an IndexError where they are known.
    inplace : bool, default True
        Must be given as False: arrays never change.

    Returns
    -------
    Array
        Of the shape and dtype of ``a``.
    """
    if inplace:
        raise ArgumentError("put: arrays never change.", fix="pass inplace=False; use the result.")
    x, places = operand("put", a), operand("put", ind, 1)
    shape = aval_of(x).shape
    places = structural.reshape(places, (aval_of(places).size,))
    values = repeated("put", v, aval_of(places).size)
    mode = None if mode == "raise" else mode
    flat = structural.reshape(x, (aval_of(x).size,))
    return structural.reshape(At(flat, places).set(values, mode=mode), shape)


def repeated(name: str, values, count: int):
    """Return a vector of ``count`` elements that goes round and round through ``values``."""
    values = operand(name, values, 2)
    size = aval_of(values).size
    values = structural.reshape(values, (size,))
    if count and not size:
        raise ShapeError(f"{name}: no values for {count} places.")
    return getitem(values, np.arange(count) % max(size, 1))


@implements(eager=_numpy_place, arrays=3)
def place(arr: ArrayLike, mask: ArrayLike, vals: ArrayLike, *, inplace: bool = True) -> Array:
    """Return an array with the elements under a mask replaced.

    Parameters
    ----------
    arr : array_like
        Of any shape.
    mask : array_like of bool
        Of as many elements as ``arr``.
    vals : array_like
        What the first, second, … true element becomes, repeated as often as needed.
    inplace : bool, default True
        Must be given as False: arrays never change.

    Returns
    -------
    Array
        Of the shape and dtype of ``arr``.
    """
    if inplace:
        raise ArgumentError("place: arrays never change.", fix="pass inplace=False; use the result.")
    x, mask, values = operand("place", arr), operand("place", mask, 1), operand("place", vals, 2)
    aval, count = aval_of(x), aval_of(values).size
    if aval_of(mask).size != aval.size:
        raise ShapeError(
            f"place: a mask of type {aval_of(mask)} for {aval}.", why="it needs as many elements."
        )
    if not count:
        raise ShapeError("place: there are no values.")
    chosen = truth(structural.reshape(mask, (aval.size,)))
    rank = ufuncs.subtract(cumulative.cumsum(convert(chosen, _INT64), 0), 1)
    values = structural.reshape(convert(values, aval.dtype), (count,))
    new = getitem(values, ufuncs.remainder(ufuncs.maximum(rank, 0), count))
    return strip_weak(structural.reshape(where(chosen, new, structural.reshape(x, (aval.size,))), aval.shape))


@implements(np.choose)
def choose(a: ArrayLike, choices: Any, out: None = None, mode: str = "raise") -> Array:
    """Choose elementwise among several arrays, by number.

    Parameters
    ----------
    a : array_like of int
        Which array to take each element from.
    choices : sequence of array_like
        They broadcast against each other and against ``a``.
    out : None
        Not supported.
    mode : {"raise", "clip", "wrap"}
        What numbers outside do.

    Returns
    -------
    Array
        Of the shape they broadcast to, and the dtype the choices promote to.

    Examples
    --------
    >>> jnp.choose(jnp.array([1, 0]), [jnp.array([1, 2]), jnp.array([10, 20])])
    Array([10,  2], dtype=int64)
    """
    reject_out("choose", out)
    index = operand("choose", a)
    choices = (
        list(choices) if isinstance(choices, list | tuple) else list(strip_weak(operand("choose", choices)))
    )
    if not choices or aval_of(index).dtype.kind not in "iub":
        raise ArgumentError(
            f"choose: {len(choices)} choices by {aval_of(index)}.", why="it needs integers and choices."
        )
    options = promote_dtypes("choose", *choices)
    shape = broadcast_shapes_of("choose", [aval_of(x) for x in (index, *options)])
    options = [structural.expand_dims(broadcast_array(x, shape), (0,)) for x in options]
    index = structural.expand_dims(broadcast_array(convert(index, _INT64), shape), (0,))
    count = len(options)
    if mode == "raise":
        # Negative numbers are not counted from the end: they are outside too.
        index = where(ufuncs.less(index, 0), count, index)
    elif mode == "clip":
        index = ufuncs.minimum(ufuncs.maximum(index, 0), count - 1)
    elif mode == "wrap":
        index = ufuncs.remainder(index, count)
    else:
        raise ArgumentError(f"choose: mode {mode!r} is not known.", fix="use 'raise', 'clip' or 'wrap'.")
    stacked = structural.concatenate(options, 0) if len(options) > 1 else options[0]
    found = take_along_axis(stacked, index, 0)
    return strip_weak(structural.squeeze(found, (0,)))


def _checked_order(name: str, order: str) -> bool:
    """Whether the first axis runs fastest."""
    if order not in ("C", "F"):
        raise ArgumentError(f"{name}: order {order!r} is not known.", fix="use 'C' or 'F'.")
    return order == "F"


@implements(np.unravel_index)
def unravel_index(indices: ArrayLike, shape: int | Sequence[int], order: str = "C") -> tuple[Array, ...]:
    """Turn indices into the flattened array into indices along each axis.

    Parameters
    ----------
    indices : array_like of int
    shape : tuple of int
    order : {"C", "F"}
        Whether the array is flattened with the last or with the first axis running fastest.

    Returns
    -------
    tuple of Array
        int64; what lies outside is moved to the nearest element.
    """
    first_is_fastest = _checked_order("unravel_index", order)
    shape = canonical_shape(shape)
    size = math.prod(shape)
    index = convert(operand("unravel_index", indices), _INT64)
    index = ufuncs.minimum(
        ufuncs.maximum(where(ufuncs.less(index, 0), ufuncs.add(index, size), index), 0), size - 1
    )
    places = []
    for n in shape if first_is_fastest else reversed(shape):
        places.append(ufuncs.remainder(index, n))
        index = ufuncs.floor_divide(index, n)
    return tuple(places if first_is_fastest else reversed(places))


@implements(np.ravel_multi_index, eager=False)
def ravel_multi_index(
    multi_index: Sequence[ArrayLike], dims: Sequence[int], mode: str = "raise", order: str = "C"
) -> Array:
    """Turn indices along each axis into indices of the flattened array.

    Parameters
    ----------
    multi_index : tuple of array_like of int
    dims : tuple of int
    mode : {"raise", "wrap", "clip"}
        What indices outside do; "raise" checks those that are known. A tuple gives each axis its own.
    order : {"C", "F"}
        Whether the array is flattened with the last or with the first axis running fastest.

    Returns
    -------
    Array
        int64
    """
    first_is_fastest = _checked_order("ravel_multi_index", order)
    dims = canonical_shape(dims)
    multi_index = tuple(multi_index)
    modes = mode if isinstance(mode, tuple) else (mode,) * len(dims)
    if not len(multi_index) == len(modes) == len(dims):
        raise ArgumentError(
            f"ravel_multi_index: {len(multi_index)} indices and {len(modes)} modes for {len(dims)} axes."
        )
    unknown = [mode for mode in modes if mode not in ("raise", "wrap", "clip")]
    if unknown:
        raise ArgumentError(
            f"ravel_multi_index: mode {unknown[0]!r} is not known.", fix="use 'raise', 'wrap' or 'clip'."
        )
    if not any(isinstance(i, Tracer) for i in multi_index):
        return wrap(np.ravel_multi_index(tuple(np.asarray(i) for i in multi_index), dims, mode, order))
    result = np.int64(0)
    axes = list(zip(multi_index, dims, modes, strict=True))
    for i, n, mode in reversed(axes) if first_is_fastest else axes:
        index = operand("ravel_multi_index", i)
        if aval_of(index).dtype.kind not in "iu":
            raise _index_type_error(aval_of(index))
        index = convert(index, _INT64)
        if mode == "wrap":
            index = ufuncs.remainder(index, n)
        elif mode == "clip":
            index = ufuncs.minimum(ufuncs.maximum(index, 0), n - 1)
        result = ufuncs.add(ufuncs.multiply(result, n), index)
    return result
