"""Indexing primitives: dynamic_slice, dynamic_update_slice, gather, and the scatter family.

    c:f64[3] = gather[                                                    a:f64[5]  b:i64[3,1]
      dimension_numbers=GatherDimensionNumbers(offset_dims=(), collapsed_slice_dims=(0,),
        start_index_map=(0,), operand_batching_dims=(), start_indices_batching_dims=())
      fill_value=None  indices_are_sorted=False  mode=raise  slice_sizes=(1,)  unique_indices=False
    ] a b

Indices count from the front here: negative ones are shifted by ``jaxlite.numpy``. What happens to those that
are still not inside is the param ``mode``, a string of `GatherScatterMode`. ``index_numpy`` holds the loops.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxlite.errors import ArgumentError, DtypeError, JAXIndexError, ShapeError, TransposeError
from jaxlite.ir import Eqn, Jaxpr, ShapedArray, cached_by_jaxpr
from jaxlite.lowering import IndexMap, Update
from jaxlite.ops import index_numpy
from jaxlite.ops.elementwise import add, convert_element_type, div, eq, lt, mul, ne, neg, rem, select_n
from jaxlite.ops.families import match_scalars, named, sum_terms
from jaxlite.ops.index_numpy import Windows, gather_windows, scatter_windows
from jaxlite.ops.structural import (
    broadcast_dim,
    broadcast_in_dim,
    canonical_dims,
    concatenate,
    full,
    instantiate,
    iota,
    move_dim,
    pad,
    reshape,
    slice_in_dim,
    squeeze,
    zeros,
)
from jaxlite.ops.structural import slice as slice_
from jaxlite.parsing import register_param_type
from jaxlite.primitive import NOT_LINEAR, PRIMITIVES, PURE, RECORD, Primitive, Zero, is_linear
from jaxlite.trace import Tracer, aval_of

INDEX_DTYPE = np.dtype(np.int64)


class GatherScatterMode:
    """What happens to a window that is not wholly inside of the operand; the params hold these strings.

    Attributes
    ----------
    RAISE
        IndexError, as in NumPy: the default of ``x[...]`` and ``x.at[...]``.
    CLIP
        The start is moved to the nearest one that is inside.
    FILL_OR_DROP
        ``gather`` returns a fill value for the whole window, ``scatter`` writes nothing.
    PROMISE_IN_BOUNDS
        It does not happen; if it does, as with CLIP.
    """

    RAISE = index_numpy.RAISE
    CLIP = index_numpy.CLIP
    FILL_OR_DROP = index_numpy.FILL
    PROMISE_IN_BOUNDS = index_numpy.PROMISE_IN_BOUNDS

    @staticmethod
    def from_any(mode: str | None) -> str:
        """Return the mode that ``mode`` spells; None is FILL_OR_DROP."""
        try:
            return _MODES[mode]
        except (KeyError, TypeError):
            raise ArgumentError(
                f"mode {mode!r} is not known.",
                fix="use 'raise', 'clip', 'fill', 'drop' or 'promise_in_bounds'.",
            ) from None


_MODES = {
    None: GatherScatterMode.FILL_OR_DROP,
    "raise": GatherScatterMode.RAISE,
    "clip": GatherScatterMode.CLIP,
    "fill": GatherScatterMode.FILL_OR_DROP,
    "drop": GatherScatterMode.FILL_OR_DROP,
    "promise_in_bounds": GatherScatterMode.PROMISE_IN_BOUNDS,
}


@register_param_type
class GatherDimensionNumbers(NamedTuple):
    """Which dimension of a ``gather`` is which.

    Attributes
    ----------
    offset_dims : tuple of int
        Dimensions of the result that hold the windows; the others are those of the indices.
    collapsed_slice_dims : tuple of int
        Dimensions of the operand, of window size 1, that the result does not have.
    start_index_map : tuple of int
        The operand dimension for each entry of an index vector.
    operand_batching_dims, start_indices_batching_dims : tuple of int
        Dimensions of operand and indices that go side by side.
    """

    offset_dims: tuple[int, ...]
    collapsed_slice_dims: tuple[int, ...]
    start_index_map: tuple[int, ...]
    operand_batching_dims: tuple[int, ...] = ()
    start_indices_batching_dims: tuple[int, ...] = ()


@register_param_type
class ScatterDimensionNumbers(NamedTuple):
    """Which dimension of a ``scatter`` is which: those of the ``gather`` that reads what it writes.

    Attributes
    ----------
    update_window_dims : tuple of int
        Dimensions of the updates that hold the windows; the others are those of the indices.
    inserted_window_dims : tuple of int
        Dimensions of the operand, of window size 1, that the updates do not have.
    scatter_dims_to_operand_dims : tuple of int
        The operand dimension for each entry of an index vector.
    operand_batching_dims, scatter_indices_batching_dims : tuple of int
        Dimensions of operand and indices that go side by side.
    """

    update_window_dims: tuple[int, ...]
    inserted_window_dims: tuple[int, ...]
    scatter_dims_to_operand_dims: tuple[int, ...]
    operand_batching_dims: tuple[int, ...] = ()
    scatter_indices_batching_dims: tuple[int, ...] = ()


# --- dynamic_slice ----------------------------------------------------------------------------------


def _check_starts(name: str, operand: ShapedArray, sizes, starts: Sequence[ShapedArray]) -> None:
    if len(starts) != operand.ndim or any(start.shape for start in starts):
        raise ShapeError(
            f"{name}: operand {operand} with start indices {', '.join(map(str, starts)) or 'none'}.",
            why=f"it takes one scalar index for each of the {operand.ndim} dimensions.",
        )
    if any(start.dtype.kind not in "iu" for start in starts):
        raise DtypeError(
            f"{name}: start indices have types {', '.join(map(str, starts))}.",
            why="indices are integers.",
            fix="convert with i.astype(int).",
        )
    if len(sizes) != operand.ndim or not all(0 <= n <= m for n, m in zip(sizes, operand.shape, strict=True)):
        raise ShapeError(
            f"{name}: a slice of sizes {sizes} does not fit into {operand}.",
            why="it has one size for each dimension, between 0 and that of the operand.",
        )


def _clamped(starts, shape, sizes) -> tuple[slice, ...]:
    """Return the basic index of a slice, moved to where it is inside."""
    firsts = [min(max(int(i), 0), m - n) for i, m, n in zip(starts, shape, sizes, strict=True)]
    return tuple([slice(i, i + n) for i, n in zip(firsts, sizes, strict=True)])


def _dynamic_slice_abstract_eval(operand, *start_indices, slice_sizes):
    _check_starts("dynamic_slice", operand, slice_sizes, start_indices)
    return (ShapedArray(slice_sizes, operand.dtype),)


def _dynamic_slice_impl(operand, *start_indices, slice_sizes):
    # Evaluation does not go through abstract_eval.
    _check_starts("dynamic_slice", aval_of(operand), slice_sizes, tuple(map(aval_of, start_indices)))
    operand = np.asarray(operand)
    return (operand[_clamped(start_indices, operand.shape, slice_sizes)],)


def _dynamic_slice_jvp(primals, tangents, *, slice_sizes):
    (operand, *starts), (operand_dot, *_) = primals, tangents
    ans = dynamic_slice(operand, *starts, slice_sizes=slice_sizes)
    return (ans,), (dynamic_slice(operand_dot, *starts, slice_sizes=slice_sizes),)


def _dynamic_slice_transpose(cts, operand, *start_indices, slice_sizes):
    operand_bar = dynamic_update_slice(zeros(operand.aval), cts[0], *start_indices)
    return (operand_bar, *[None] * len(start_indices))


def _index_vectors(axis, starts, dims):
    """Stack mapped scalar indices as i64[axis size, number of indices]."""
    columns = []
    for start, dim in zip(starts, dims, strict=True):
        column = convert_element_type(start, INDEX_DTYPE)
        columns.append(broadcast_in_dim(column, (axis.size, 1), () if dim is None else (0,)))
    return concatenate(columns, 1)


def _dynamic_slice_batch(axis, args, dims, *, slice_sizes):
    (operand, *starts), (operand_dim, *start_dims) = args, dims
    if all(dim is None for dim in start_dims):
        starts.insert(operand_dim, INDEX_DTYPE.type(0))
        sizes = (*slice_sizes[:operand_dim], axis.size, *slice_sizes[operand_dim:])
        return (dynamic_slice(operand, *starts, slice_sizes=sizes),), (operand_dim,)
    every_dim = tuple(range(len(slice_sizes)))
    return _gather_batch(
        axis,
        (operand, _index_vectors(axis, starts, start_dims)),
        (operand_dim, 0),
        dimension_numbers=GatherDimensionNumbers(every_dim, (), every_dim),
        slice_sizes=slice_sizes,
        mode=GatherScatterMode.CLIP,
        fill_value=None,
        unique_indices=True,
        indices_are_sorted=True,
    )


dynamic_slice_p = Primitive(
    name="dynamic_slice",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_dynamic_slice_abstract_eval,
    impl=_dynamic_slice_impl,
    jvp=_dynamic_slice_jvp,
    partial_eval=RECORD,
    transpose=_dynamic_slice_transpose,
    batch=_dynamic_slice_batch,
    lower=IndexMap("dynamic_slice"),
    doc="z[j] = x[i + j] with i moved inside;  x̄ = z̄ put at i into zeros",
)


def _normalize_starts(name: str, operand, starts, allow_negative_indices) -> list:
    """Return scalar start indices of a slice.

    ``starts`` are the scalars of the primitive, taken as they are, or one sequence of them (as in JAX), where
    negative ones count from the end.
    """
    shape = aval_of(operand).shape
    if len(starts) == 1 and isinstance(starts[0], list | tuple):
        (starts,) = starts
    elif len(starts) == 1 and aval_of(starts[0]).shape:
        (starts,) = map(_unstack, starts)
    else:
        return [_index_scalar(name, i) for i in starts]
    if len(starts) != len(shape):
        _check_starts(name, aval_of(operand), shape, tuple(map(aval_of, starts)))
    if isinstance(allow_negative_indices, bool):
        allow_negative_indices = (allow_negative_indices,) * len(shape)
    return [
        _from_front(_index_scalar(name, i), n) if negative else _index_scalar(name, i)
        for i, n, negative in zip(starts, shape, allow_negative_indices, strict=True)
    ]


def _unstack(vector) -> list:
    """Return the elements of a vector of indices."""
    aval = aval_of(vector)
    if aval.ndim != 1:
        raise ShapeError(f"start indices have type {aval}.", why="they are a sequence or vector of scalars.")
    if not isinstance(vector, Tracer):
        return list(np.asarray(vector))
    return [squeeze(slice_(vector, (i,), (i + 1,), None), (0,)) for i in range(aval.shape[0])]


def _index_scalar(name: str, i):
    """Return an index as a NumPy scalar or tracer of integer dtype."""
    dtype = aval_of(i).dtype
    if dtype.kind not in "iu":
        raise DtypeError(
            f"{name}: a start index has type {aval_of(i)}.",
            why="indices are integers.",
            fix="convert with i.astype(int).",
        )
    if isinstance(i, Tracer) or aval_of(i).shape:
        return i
    return INDEX_DTYPE.type(i) if type(i) is int else dtype.type(i)


def _from_front(i, size: int):
    """Turn an index that may count from the end into one that counts from the front."""
    if aval_of(i).dtype.kind == "u":
        return i
    i = convert_element_type(i, INDEX_DTYPE)
    if isinstance(i, Tracer):
        return select_n(lt(i, 0), i, add(i, size))
    return INDEX_DTYPE.type(i + size if i < 0 else i)


def dynamic_slice(
    operand: Any,
    *starts: Any,
    start_indices: Any = None,
    slice_sizes: Sequence[int] | None = None,
    allow_negative_indices: bool | Sequence[bool] = True,
):
    """Cut a slice of static sizes at indices that may be traced.

    Parameters
    ----------
    operand : array
    *starts : i64[]
        One index for each dimension, as the primitive takes them; or, as in JAX, the two arguments
        ``start_indices`` (a sequence or vector) and ``slice_sizes``.
    start_indices : sequence of i64[]
        The indices, when given by name; in a sequence, negative ones count from the end.
    slice_sizes : sequence of int
    allow_negative_indices : bool or sequence of bool
        Whether negative indices in a sequence count from the end.

    Returns
    -------
    array
        Of shape ``slice_sizes``. A slice that would reach over an edge is moved inside.

    Examples
    --------
    >>> dynamic_slice(np.arange(5.0), (4,), (3,))
    Array([2., 3., 4.], dtype=float64)
    """
    if start_indices is not None:
        starts = (start_indices, *starts)
    if slice_sizes is None:
        if len(starts) != 2:
            raise ArgumentError("dynamic_slice needs slice_sizes.", fix="dynamic_slice(x, (i, j), (2, 3)).")
        *starts, slice_sizes = starts
    starts = _normalize_starts("dynamic_slice", operand, starts, allow_negative_indices)
    return dynamic_slice_p.bind(operand, *starts, slice_sizes=tuple(map(operator.index, slice_sizes)))


# --- dynamic_update_slice ---------------------------------------------------------------------------


def _check_update(operand: ShapedArray, update: ShapedArray, starts) -> None:
    if update.dtype != operand.dtype:
        raise DtypeError(
            f"dynamic_update_slice: operand has type {operand}, update {update}.",
            why="a primitive takes operands of one dtype.",
            fix="convert with update.astype(operand.dtype).",
        )
    _check_starts("dynamic_update_slice", operand, update.shape, starts)


def _dynamic_update_slice_abstract_eval(operand, update, *start_indices):
    _check_update(operand, update, start_indices)
    return (operand.strip_weak_type(),)


def _dynamic_update_slice_impl(operand, update, *start_indices):
    _check_update(aval_of(operand), aval_of(update), tuple(map(aval_of, start_indices)))
    out = np.array(operand)
    out[_clamped(start_indices, out.shape, np.shape(update))] = update
    return (out,)


def _dynamic_update_slice_jvp(primals, tangents):
    (operand, update, *starts), (operand_dot, update_dot, *_) = primals, tangents
    ans = dynamic_update_slice(operand, update, *starts)
    return (ans,), (dynamic_update_slice(instantiate(operand_dot), instantiate(update_dot), *starts),)


def _dynamic_update_slice_transpose(cts, operand, update, *start_indices):
    (ct,) = cts
    update_aval = update.aval if is_linear(update) else aval_of(update)
    operand_bar = update_bar = None
    if is_linear(operand):
        operand_bar = dynamic_update_slice(ct, zeros(update_aval), *start_indices)
    if is_linear(update):
        update_bar = dynamic_slice(ct, *start_indices, slice_sizes=update_aval.shape)
    return (operand_bar, update_bar, *[None] * len(start_indices))


def _dynamic_update_slice_batch(axis, args, dims):
    (operand, update, *starts), (operand_dim, update_dim, *start_dims) = args, dims
    if all(dim is None for dim in start_dims):
        operand, update = _to_front(axis, operand, operand_dim), _to_front(axis, update, update_dim)
        return (dynamic_update_slice(operand, update, INDEX_DTYPE.type(0), *starts),), (0,)
    every_dim = tuple(range(len(starts)))
    return _scatter_batch(
        scatter_p,
        axis,
        (operand, _index_vectors(axis, starts, start_dims), update),
        (operand_dim, 0, update_dim),
        dimension_numbers=ScatterDimensionNumbers(every_dim, (), every_dim),
        mode=GatherScatterMode.CLIP,
        unique_indices=True,
        indices_are_sorted=True,
    )


def _to_front(axis, x, dim):
    return broadcast_dim(x, 0, axis.size) if dim is None else move_dim(x, dim, 0)


dynamic_update_slice_p = Primitive(
    name="dynamic_update_slice",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_dynamic_update_slice_abstract_eval,
    impl=_dynamic_update_slice_impl,
    jvp=_dynamic_update_slice_jvp,
    partial_eval=RECORD,
    transpose=_dynamic_update_slice_transpose,
    batch=_dynamic_update_slice_batch,
    lower=Update("dynamic_update_slice"),
    doc="z = x with y put at i (moved inside);  x̄ = z̄ with zeros put at i, ȳ = z̄ cut at i",
)


def dynamic_update_slice(
    operand: Any,
    update: Any,
    *starts: Any,
    start_indices: Any = None,
    allow_negative_indices: bool | Sequence[bool] = True,
):
    """Replace a slice at indices that may be traced.

    Parameters
    ----------
    operand, update : array
        Of one dtype and rank; ``update`` is not larger in any dimension.
    *starts : i64[]
        One index for each dimension, as the primitive takes them; or, as in JAX, one sequence or vector of
        them.
    start_indices : sequence of i64[]
        The indices, when given by name; in a sequence, negative ones count from the end.
    allow_negative_indices : bool or sequence of bool
        Whether negative indices in a sequence count from the end.

    Returns
    -------
    array
        A copy of ``operand``; an update that would reach over an edge is moved inside.

    Examples
    --------
    >>> dynamic_update_slice(np.arange(5.0), np.array([7.0, 8.0]), (1,))
    Array([0., 7., 8., 3., 4.], dtype=float64)
    """
    if start_indices is not None:
        starts = (start_indices, *starts)
    operand, update = match_scalars(operand, update)
    starts = _normalize_starts("dynamic_update_slice", operand, starts, allow_negative_indices)
    return dynamic_update_slice_p.bind(operand, update, *starts)


# --- gather -----------------------------------------------------------------------------------------


def _check_dims(dims: tuple[int, ...], bound: int, ascending: bool = True) -> str:
    """Say what is wrong with a list of dimensions, or nothing."""
    if any(not 0 <= d < bound for d in dims):
        return f"must be between 0 and {bound - 1}" if bound > 0 else "must be empty"
    if len(set(dims)) != len(dims):
        return "must not name a dimension twice"
    return "must be in ascending order" if ascending and list(dims) != sorted(dims) else ""


def _windows_error(operand, indices, numbers, sizes) -> str:
    """Say what is wrong with the dimension numbers of a gather or scatter, or nothing."""
    # Both kinds of dimension numbers have their fields in the same order.
    shown_at, collapsed, start_dims, batching, index_batching = numbers
    names = numbers._fields
    if indices.ndim == 0:
        return "the last dimension of the indices holds index vectors, but they have no dimension"
    num_index_dims = indices.ndim - 1
    bounds = (num_index_dims + len(shown_at), operand.ndim, operand.ndim, operand.ndim, num_index_dims)
    for name, dims, bound in zip(names, numbers, bounds, strict=True):
        ascending = name not in (names[2], names[4])
        wrong = _check_dims(dims, bound, ascending)
        if wrong:
            return f"{name} = {dims} {wrong}"
    if indices.shape[-1] != len(start_dims):
        return f"index vectors have {indices.shape[-1]} entries, but {names[2]} = {start_dims}"
    if {*batching} & {*collapsed, *start_dims}:
        return f"{names[3]} = {batching} must not share dimensions with {names[1]} or {names[2]}"
    if len(batching) != len(index_batching):
        return f"{names[3]} = {batching} and {names[4]} = {index_batching} go in pairs"
    for d, i in zip(batching, index_batching, strict=True):
        if operand.shape[d] != indices.shape[i]:
            return (
                f"batching dimension {d} of the operand has size {operand.shape[d]}, "
                f"dimension {i} of the indices size {indices.shape[i]}"
            )
    if len(shown_at) + len(collapsed) + len(batching) != operand.ndim:
        return f"{names[0]}, {names[1]} and {names[3]} must name the operand's {operand.ndim} dimensions"
    if len(sizes) != operand.ndim:
        return f"window sizes {sizes} must be one for each of the {operand.ndim} dimensions of the operand"
    for d, n in enumerate(sizes):
        hidden = d in collapsed or d in batching
        # A hidden dimension may be longer than the operand's, which is empty then: there is nothing inside.
        if not (n == 1 or (n == 0 and d in batching) if hidden else 0 <= n <= operand.shape[d]):
            limit = "1" if hidden else f"at most {operand.shape[d]}"
            return f"the window size of dimension {d} is {n}, but must be {limit}"
    return ""


@functools.lru_cache(maxsize=4096)
def windows_of(
    name: str,
    operand: ShapedArray,
    indices: ShapedArray,
    updates: ShapedArray | None,
    dimension_numbers: GatherDimensionNumbers | ScatterDimensionNumbers,
    slice_sizes: tuple[int, ...],
) -> Windows:
    """Check the operands of a gather or scatter, and return what the two have in common."""

    def refuse(kind, why, fix=""):
        also = f", updates {updates}" if updates else ""
        what = f"{name}: operand has type {operand}, indices {indices}{also}."
        details = [f"{dimension_numbers}, window sizes {slice_sizes}"] if kind is ShapeError else []
        return kind(what, details=details, why=f"{why}.", fix=fix)

    if indices.dtype.kind not in "iu":
        raise refuse(DtypeError, "indices are integers", "convert with indices.astype(int).")
    if updates and updates.dtype != operand.dtype:
        why = "a primitive takes operands of one dtype"
        raise refuse(DtypeError, why, "convert with updates.astype(operand.dtype).")
    wrong = _windows_error(operand, indices, dimension_numbers, slice_sizes)
    if wrong:
        raise refuse(ShapeError, wrong)
    shown_at, collapsed, start_dims, batching, index_batching = dimension_numbers
    hidden = tuple(sorted((*collapsed, *batching)))
    sizes = tuple(1 if d in hidden else n for d, n in enumerate(slice_sizes))
    pairs = tuple(zip(batching, index_batching, strict=True))
    windows = Windows(operand.shape, sizes, hidden, start_dims, pairs, shown_at)
    expected = windows.stack_shape(indices.shape)
    if updates and updates.shape != expected:
        raise refuse(ShapeError, f"these windows at these indices need updates of shape {expected}")
    return windows


def _gather_abstract_eval(operand, indices, *, dimension_numbers, slice_sizes, **_):
    windows = windows_of("gather", operand, indices, None, dimension_numbers, slice_sizes)
    return (ShapedArray(windows.stack_shape(indices.shape), operand.dtype),)


def _gather_impl(operand, indices, *, dimension_numbers, slice_sizes, mode, fill_value, **_):
    operand, indices = np.asarray(operand), np.asarray(indices)
    windows = windows_of("gather", aval_of(operand), aval_of(indices), None, dimension_numbers, slice_sizes)
    return (gather_windows(operand, indices, windows, mode, fill_value),)


def _gather_jvp(primals, tangents, *, fill_value, **params):
    (operand, indices), (operand_dot, _) = primals, tangents
    ans = gather(operand, indices, fill_value=fill_value, **params)
    return (ans,), (gather(operand_dot, indices, fill_value=0, **params),)


def _gather_transpose(cts, operand, indices, *, dimension_numbers, slice_sizes, fill_value, **flags):
    numbers = ScatterDimensionNumbers(*dimension_numbers)
    return scatter_add(zeros(operand.aval), indices, cts[0], numbers, **flags), None


def _shift(dims) -> tuple[int, ...]:
    return tuple(d + 1 for d in dims)


def _gather_batch(axis, args, dims, *, dimension_numbers, slice_sizes, **params):
    (operand, indices), (operand_dim, indices_dim) = args, dims
    offset, collapsed, index_map, batching, index_batching = dimension_numbers
    offset = _shift(offset)
    if operand_dim is not None:
        operand = move_dim(operand, operand_dim, 0)
        collapsed, index_map, batching = _shift(collapsed), _shift(index_map), _shift(batching)
    if indices_dim is not None:
        indices = move_dim(indices, indices_dim, 0)
        index_batching = _shift(index_batching)
    if indices_dim is None:
        # Every window gets the mapped dimension whole, in front.
        offset, slice_sizes = (0, *offset), (axis.size, *slice_sizes)
    elif operand_dim is not None:
        batching, index_batching, slice_sizes = (0, *batching), (0, *index_batching), (1, *slice_sizes)
    else:
        params |= dict(unique_indices=False, indices_are_sorted=False)
    numbers = GatherDimensionNumbers(offset, collapsed, index_map, batching, index_batching)
    return (gather(operand, indices, numbers, slice_sizes, **params),), (0,)


gather_p = Primitive(
    name="gather",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_gather_abstract_eval,
    impl=_gather_impl,
    jvp=_gather_jvp,
    partial_eval=RECORD,
    transpose=_gather_transpose,
    batch=_gather_batch,
    lower=IndexMap("gather"),
    doc="z[n] = the window of x at i[n];  x̄ = the windows z̄[n] added to zeros at i[n]",
)


def gather(
    operand: Any,
    start_indices: Any,
    dimension_numbers: GatherDimensionNumbers,
    slice_sizes: Sequence[int],
    *,
    unique_indices: bool = False,
    indices_are_sorted: bool = False,
    mode: str | None = GatherScatterMode.PROMISE_IN_BOUNDS,
    fill_value: Any = None,
):
    """Collect windows of an array, one for each index vector.

    Parameters
    ----------
    operand : array
    start_indices : i64[..., k]
        Index vectors: where each window starts along the dimensions ``start_index_map``. Not negative.
    dimension_numbers : GatherDimensionNumbers
    slice_sizes : sequence of int
        The size of a window along each dimension of the operand.
    unique_indices, indices_are_sorted : bool
        Promises about the indices; a derivative is faster with the first.
    mode : str
        See `GatherScatterMode`.
    fill_value : number, optional
        For ``mode="fill"``; by default nan, the smallest signed or the largest unsigned integer, or True.

    Returns
    -------
    array
        The windows, at the dimensions ``offset_dims``; the other dimensions are those of the indices.

    Raises
    ------
    JAXIndexError
        If a window is not inside and ``mode`` is "raise".

    Examples
    --------
    >>> numbers = GatherDimensionNumbers(offset_dims=(1,), collapsed_slice_dims=(0,), start_index_map=(0,))
    >>> gather(np.arange(6.0).reshape(3, 2), np.array([[2], [0]]), numbers, (1, 2))
    Array([[4., 5.],
           [0., 1.]], dtype=float64)
    """
    mode = GatherScatterMode.PROMISE_IN_BOUNDS if mode is None else GatherScatterMode.from_any(mode)
    return gather_p.bind(
        operand,
        start_indices,
        dimension_numbers=_as_numbers(GatherDimensionNumbers, dimension_numbers),
        slice_sizes=tuple(map(operator.index, slice_sizes)),
        mode=mode,
        fill_value=_as_fill_value(operand, fill_value) if mode == GatherScatterMode.FILL_OR_DROP else None,
        unique_indices=bool(unique_indices),
        indices_are_sorted=bool(indices_are_sorted),
    )


def _as_numbers(kind, dimension_numbers):
    return kind(*[tuple(map(operator.index, dims)) for dims in dimension_numbers])


def _as_fill_value(operand, fill_value):
    """Return a Python number; None for a nan, which is the default and no good as a key."""
    if fill_value is None:
        return None
    value = fill_value if type(fill_value) in (bool, int, float, complex) else np.asarray(fill_value).item()
    return None if value != value and aval_of(operand).dtype.kind in "fc" else value


# --- scatter ----------------------------------------------------------------------------------------


def inverse_of(dimension_numbers, operand_shape, updates_shape):
    """Return dimension numbers and window sizes of the gather that reads what a scatter writes."""
    numbers = GatherDimensionNumbers(*dimension_numbers)
    hidden = {*numbers.collapsed_slice_dims, *numbers.operand_batching_dims}
    window = iter([updates_shape[d] for d in numbers.offset_dims if d < len(updates_shape)])
    sizes = tuple(1 if d in hidden else next(window, n) for d, n in enumerate(operand_shape))
    return numbers, sizes


def _read_back(written, indices, updates_shape, params, fill_value=0):
    """Gather from an array of the operand's shape what a scatter with ``params`` wrote there."""
    numbers, sizes = inverse_of(params["dimension_numbers"], aval_of(written).shape, updates_shape)
    flags = {name: value for name, value in params.items() if name != "dimension_numbers"}
    return gather(written, indices, numbers, sizes, fill_value=fill_value, **flags)


def _no_target_twice(indices_shape, *, dimension_numbers, unique_indices, **_) -> bool:
    """Whether it is known that no element is written more than once."""
    batching = dimension_numbers.scatter_indices_batching_dims
    return unique_indices or math.prod(n for d, n in enumerate(indices_shape[:-1]) if d not in batching) <= 1


def _element_ids(shape):
    size = math.prod(shape)
    return reshape(iota(INDEX_DTYPE, (size,), 0), shape)


def _wins(operand_aval, indices, updates_aval, params):
    """Return, for each element of the updates, whether it is the last one written to its place."""
    ids = _element_ids(updates_aval.shape)
    written = scatter(full(operand_aval.shape, -1, INDEX_DTYPE), indices, ids, **params)
    return eq(_read_back(written, indices, updates_aval.shape, params, fill_value=-1), ids)


def _scatter_jvp(primals, tangents, **params):
    # For fixed indices, which update wins is fixed too: scatter is linear in operand and updates.
    (operand, indices, updates), (operand_dot, _, updates_dot) = primals, tangents
    ans = scatter(operand, indices, updates, **params)
    return (ans,), (scatter(instantiate(operand_dot), indices, instantiate(updates_dot), **params),)


def _aval(arg):
    return arg.aval if is_linear(arg) else aval_of(arg)


def _scatter_transpose(cts, operand, indices, updates, **params):
    (ct,) = cts
    operand_bar = updates_bar = None
    if is_linear(operand):
        operand_bar = scatter(ct, indices, zeros(_aval(updates)), **params)
    if is_linear(updates):
        updates_bar = _read_back(ct, indices, updates.aval.shape, params)
        if not _no_target_twice(aval_of(indices).shape, **params):
            wins = _wins(_aval(operand), indices, updates.aval, params)
            updates_bar = select_n(wins, updates.aval.dtype.type(0), updates_bar)
    return operand_bar, None, updates_bar


def _scatter_add_jvp(primals, tangents, **params):
    (operand, indices, updates), (operand_dot, _, updates_dot) = primals, tangents
    ans = scatter_add(operand, indices, updates, **params)
    if type(updates_dot) is Zero:
        return (ans,), (operand_dot,)
    return (ans,), (scatter_add(instantiate(operand_dot), indices, updates_dot, **params),)


def _scatter_add_transpose(cts, operand, indices, updates, **params):
    (ct,) = cts
    operand_bar = ct if is_linear(operand) else None
    updates_bar = _read_back(ct, indices, updates.aval.shape, params) if is_linear(updates) else None
    return operand_bar, None, updates_bar


def _scatter_mul_jvp(primals, tangents, **params):
    (operand, indices, updates), (operand_dot, _, updates_dot) = primals, tangents
    ans = scatter_mul(operand, indices, updates, **params)
    terms = []
    if type(operand_dot) is not Zero:
        terms.append(scatter_mul(operand_dot, indices, updates, **params))
    if type(updates_dot) is not Zero:
        if not _no_target_twice(aval_of(indices).shape, **params):
            updates_dot = mul(updates_dot, _product_of_others(aval_of(operand), indices, updates, params))
        sums = scatter_add(zeros(aval_of(operand)), indices, updates_dot, **params)
        terms.append(mul(operand, sums))
    return (ans,), (sum_terms(terms, ans),)


def _product_of_others(operand_aval, indices, updates, params):
    """Return, for each element of the updates, the product of the other elements written to its place.

    A quotient of products would be wrong where an update is zero, and so would its derivatives; this is a
    product of the elements before and of those after it, in the order of their places.
    """
    aval = aval_of(updates)
    ids = _element_ids((aval.size,))
    places = _element_ids(operand_aval.shape)
    places = _read_back(places, indices, aval.shape, params, fill_value=operand_aval.size)
    sort = functools.partial(PRIMITIVES["sort"].bind, dimension=0, is_stable=True, num_keys=1)
    places, order = sort(reshape(places, (aval.size,)), ids)
    _, back = sort(order, ids)
    values = _take(reshape(updates, (aval.size,)), order)
    products = mul(_exclusive_products(places, values, 1), _exclusive_products(places, values, -1))
    return reshape(_take(products, back), aval.shape)


def _take(vector, order):
    numbers = GatherDimensionNumbers((), (0,), (0,))
    return gather(vector, reshape(order, (*aval_of(order).shape, 1)), numbers, (1,), unique_indices=True)


def _exclusive_products(places, values, direction: int):
    """Return, for each value, the product of those before it (after it: -1) that have the same place.

    In log n steps: after the one of length s, every element holds the product of up to 2s of them.
    """
    (size,), dtype = aval_of(values).shape, aval_of(values).dtype
    one = dtype.type(1)

    def from_same_place(x, distance):
        config = ((distance * direction, -distance * direction, 0),)
        same = eq(pad(places, INDEX_DTYPE.type(-1), config), places)
        return select_n(same, one, pad(x, one, config))

    products, distance = values, 1
    while distance < size:
        products = mul(products, from_same_place(products, distance))
        distance *= 2
    return from_same_place(products, 1)


def _scatter_mul_transpose(cts, operand, indices, updates, **params):
    (ct,) = cts
    if is_linear(operand):
        return scatter_mul(ct, indices, updates, **params), None, None
    if not _no_target_twice(aval_of(indices).shape, **params):
        raise TransposeError(
            f"scatter_mul of updates {updates.aval} is not linear in them.",
            why="updates that meet at one place are multiplied with each other.",
            fix="unique_indices=True promises that they do not meet.",
        )
    return None, None, _read_back(mul(ct, operand), indices, updates.aval.shape, params)


def _scatter_extremum_jvp(scatter_extremum, primals, tangents, **params):
    """Give every operand element and update that is equal to the result the same share of its tangent."""
    (operand, indices, updates), (operand_dot, _, updates_dot) = primals, tangents
    ans = scatter_extremum(operand, indices, updates, **params)
    shape, dtype = aval_of(updates).shape, aval_of(ans).dtype
    zero, one = dtype.type(0), dtype.type(1)

    def attains(x, result):
        # A nan is the result wherever it takes part.
        return select_n(ne(x, x), select_n(eq(x, result), zero, one), one)

    operand_hits = attains(operand, ans)
    update_hits = attains(updates, _read_back(ans, indices, shape, params))
    hits = scatter_add(operand_hits, indices, update_hits, **params)
    terms = []
    if type(operand_dot) is not Zero:
        terms.append(mul(operand_dot, div(operand_hits, hits)))
    if type(updates_dot) is not Zero:
        shares = div(update_hits, _read_back(hits, indices, shape, params, fill_value=1))
        terms.append(scatter_add(zeros(aval_of(operand)), indices, mul(updates_dot, shares), **params))
    return (ans,), (sum_terms(terms, ans),)


def _scatter_min_jvp(primals, tangents, **params):
    return _scatter_extremum_jvp(scatter_min, primals, tangents, **params)


def _scatter_max_jvp(primals, tangents, **params):
    return _scatter_extremum_jvp(scatter_max, primals, tangents, **params)


def _scatter_batch(primitive, axis, args, dims, *, dimension_numbers, **params):
    (operand, indices, updates), (operand_dim, indices_dim, updates_dim) = args, dims
    window, inserted, index_map, batching, index_batching = dimension_numbers
    operand, updates = _to_front(axis, operand, operand_dim), _to_front(axis, updates, updates_dim)
    window, inserted, index_map, batching = map(_shift, (window, inserted, index_map, batching))
    if indices_dim is None:
        window = (0, *window)
    else:
        indices = move_dim(indices, indices_dim, 0)
        batching, index_batching = (0, *batching), (0, *_shift(index_batching))
    numbers = ScatterDimensionNumbers(window, inserted, index_map, batching, index_batching)
    return (primitive.bind(operand, indices, updates, dimension_numbers=numbers, **params),), (0,)


def _scatter_primitive(how: str, *, jvp, transpose, doc: str, kinds: str = "biufc") -> Primitive:
    """Declare one member of the scatter family: "set" what is there, or combine it with the updates."""
    name = "scatter" if how == "set" else f"scatter_{how}"

    def check(operand, indices, updates, dimension_numbers):
        if operand.dtype.kind not in kinds:
            raise DtypeError(
                f"{name}: operand has type {operand}, updates {updates}.",
                why="complex numbers are not ordered.",
            )
        _, sizes = inverse_of(dimension_numbers, operand.shape, updates.shape)
        return windows_of(name, operand, indices, updates, dimension_numbers, sizes)

    def abstract_eval(operand, indices, updates, *, dimension_numbers, **_):
        check(operand, indices, updates, dimension_numbers)
        return (ShapedArray(operand.shape, operand.dtype),)

    def impl(operand, indices, updates, *, dimension_numbers, mode, unique_indices, **_):
        arrays = operand, indices, updates = np.asarray(operand), np.asarray(indices), np.asarray(updates)
        windows = check(*map(aval_of, arrays), dimension_numbers)
        return (scatter_windows(how, operand, indices, updates, windows, mode, unique_indices),)

    def batch(axis, args, dims, **params):
        return _scatter_batch(primitive, axis, args, dims, **params)

    primitive = Primitive(
        name=name,
        multiple_results=False,
        effects=PURE,
        abstract_eval=named(abstract_eval, f"_{name}_abstract_eval"),
        impl=named(impl, f"_{name}_impl"),
        jvp=jvp,
        partial_eval=RECORD,
        transpose=transpose,
        batch=named(batch, f"_{name}_batch"),
        lower=Update(name),
        doc=doc,
    )
    return primitive


scatter_p = _scatter_primitive(
    "set", jvp=_scatter_jvp, transpose=_scatter_transpose,
    doc="z = x with the windows at i[n] replaced by u[n], the last one winning;  ū[n] = z̄ at i[n] if it won",
)  # fmt: skip
scatter_add_p = _scatter_primitive(
    "add", jvp=_scatter_add_jvp, transpose=_scatter_add_transpose,
    doc="z = x with u[n] added to the windows at i[n];  x̄ = z̄, ū[n] = the window of z̄ at i[n]",
)  # fmt: skip
scatter_mul_p = _scatter_primitive(
    "mul", jvp=_scatter_mul_jvp, transpose=_scatter_mul_transpose,
    doc="z = x with the windows at i[n] multiplied by u[n]",
)  # fmt: skip
scatter_min_p = _scatter_primitive(
    "min", jvp=_scatter_min_jvp, transpose=NOT_LINEAR, kinds="biuf",
    doc="z = x with the minimum taken with u[n] at i[n];  equal ones share the tangent",
)  # fmt: skip
scatter_max_p = _scatter_primitive(
    "max", jvp=_scatter_max_jvp, transpose=NOT_LINEAR, kinds="biuf",
    doc="z = x with the maximum taken with u[n] at i[n];  equal ones share the tangent",
)  # fmt: skip


def _scatter_params(dimension_numbers, indices_are_sorted, unique_indices, mode) -> dict[str, Any]:
    return dict(
        dimension_numbers=_as_numbers(ScatterDimensionNumbers, dimension_numbers),
        mode=GatherScatterMode.from_any(mode),
        unique_indices=bool(unique_indices),
        indices_are_sorted=bool(indices_are_sorted),
    )


def scatter(
    operand: Any,
    scatter_indices: Any,
    updates: Any,
    dimension_numbers: ScatterDimensionNumbers,
    *,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: str | None = None,
):
    """Replace windows of an array, one for each index vector.

    Parameters
    ----------
    operand, updates : array
        Of one dtype. ``updates`` has the windows at the dimensions ``update_window_dims``; its other
        dimensions are those of the indices.
    scatter_indices : i64[..., k]
        Index vectors: where each window starts along ``scatter_dims_to_operand_dims``. Not negative.
    dimension_numbers : ScatterDimensionNumbers
    indices_are_sorted, unique_indices : bool
        Promises about the indices; the second makes derivatives faster.
    mode : str
        See `GatherScatterMode`; by default windows that are not inside are dropped.

    Returns
    -------
    array
        A copy of ``operand``. Windows that overlap are written in the row-major order of the indices.

    Raises
    ------
    JAXIndexError
        If a window is not inside and ``mode`` is "raise".

    Examples
    --------
    >>> numbers = ScatterDimensionNumbers((), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,))
    >>> scatter(np.zeros(4), np.array([[2], [0]]), np.array([7.0, 8.0]), numbers)
    Array([8., 0., 7., 0.], dtype=float64)
    """
    params = _scatter_params(dimension_numbers, indices_are_sorted, unique_indices, mode)
    operand, updates = match_scalars(operand, updates)
    return scatter_p.bind(operand, scatter_indices, updates, **params)


def scatter_add(
    operand: Any,
    scatter_indices: Any,
    updates: Any,
    dimension_numbers: ScatterDimensionNumbers,
    *,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: str | None = None,
):
    """Add updates to windows of an array; see `scatter`."""
    params = _scatter_params(dimension_numbers, indices_are_sorted, unique_indices, mode)
    operand, updates = match_scalars(operand, updates)
    return scatter_add_p.bind(operand, scatter_indices, updates, **params)


def scatter_sub(
    operand: Any,
    scatter_indices: Any,
    updates: Any,
    dimension_numbers: ScatterDimensionNumbers,
    *,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: str | None = None,
):
    """Subtract updates from windows of an array; see `scatter`."""
    params = _scatter_params(dimension_numbers, indices_are_sorted, unique_indices, mode)
    operand, updates = match_scalars(operand, updates)
    return scatter_add_p.bind(operand, scatter_indices, neg(updates), **params)


def scatter_mul(
    operand: Any,
    scatter_indices: Any,
    updates: Any,
    dimension_numbers: ScatterDimensionNumbers,
    *,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: str | None = None,
):
    """Multiply windows of an array by updates; see `scatter`."""
    params = _scatter_params(dimension_numbers, indices_are_sorted, unique_indices, mode)
    operand, updates = match_scalars(operand, updates)
    return scatter_mul_p.bind(operand, scatter_indices, updates, **params)


def scatter_min(
    operand: Any,
    scatter_indices: Any,
    updates: Any,
    dimension_numbers: ScatterDimensionNumbers,
    *,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: str | None = None,
):
    """Take the minimum of windows of an array and updates; see `scatter`."""
    params = _scatter_params(dimension_numbers, indices_are_sorted, unique_indices, mode)
    operand, updates = match_scalars(operand, updates)
    return scatter_min_p.bind(operand, scatter_indices, updates, **params)


def scatter_max(
    operand: Any,
    scatter_indices: Any,
    updates: Any,
    dimension_numbers: ScatterDimensionNumbers,
    *,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: str | None = None,
):
    """Take the maximum of windows of an array and updates; see `scatter`."""
    params = _scatter_params(dimension_numbers, indices_are_sorted, unique_indices, mode)
    operand, updates = match_scalars(operand, updates)
    return scatter_max_p.bind(operand, scatter_indices, updates, **params)


_TOLERANT_MODE = {
    gather_p: GatherScatterMode.CLIP,
    scatter_p: GatherScatterMode.FILL_OR_DROP,
    scatter_add_p: GatherScatterMode.FILL_OR_DROP,
    scatter_mul_p: GatherScatterMode.FILL_OR_DROP,
    scatter_min_p: GatherScatterMode.FILL_OR_DROP,
    scatter_max_p: GatherScatterMode.FILL_OR_DROP,
}


@cached_by_jaxpr
def without_index_errors(jaxpr: Jaxpr) -> Jaxpr:
    """Return the program with reads clipped and writes dropped where an index would raise.

    Parameters
    ----------
    jaxpr : Jaxpr
        A branch that runs although its result is not taken, for example under ``vmap`` of ``cond``.

    Returns
    -------
    Jaxpr
        ``jaxpr`` itself if nothing in it, or in the programs inside of its params, can raise.
    """
    eqns = tuple(map(_without_index_error, jaxpr.eqns))
    unchanged = all(new is old for new, old in zip(eqns, jaxpr.eqns, strict=True))
    return jaxpr if unchanged else jaxpr.replace(eqns=eqns)


def _without_index_error(eqn: Eqn) -> Eqn:
    params = {name: _tolerant_param(value) for name, value in eqn.params.items()}
    if params.get("mode") == GatherScatterMode.RAISE and eqn.primitive in _TOLERANT_MODE:
        params["mode"] = _TOLERANT_MODE[eqn.primitive]
    unchanged = all(params[name] is value for name, value in eqn.params.items())
    return eqn if unchanged else eqn.replace(params=params)


def _tolerant_param(value):
    if isinstance(value, Jaxpr):
        return without_index_errors(value)
    if isinstance(value, tuple) and any(isinstance(item, Jaxpr) for item in value):
        items = tuple(map(_tolerant_param, value))
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value


# --- one axis at a time -----------------------------------------------------------------------------


def _axis(name: str, operand, axis: int) -> int:
    (axis,) = canonical_dims(name, axis, len(aval_of(operand).shape))
    return axis


def index_in_dim(operand: Any, index: int, axis: int = 0, keepdims: bool = True):
    """Take one static index of an axis; negative ones count from the end.

    Raises
    ------
    JAXIndexError
        If there is no such index.
    """
    axis, index = _axis("index_in_dim", operand, axis), operator.index(index)
    size = aval_of(operand).shape[axis]
    if not -size <= index < size:
        raise JAXIndexError(f"index {index} is out of bounds for axis {axis} with size {size}.")
    index %= size
    result = slice_in_dim(operand, index, index + 1, 1, axis)
    return result if keepdims else squeeze(result, (axis,))


def _starts_along(operand, start_index, axis: int) -> list:
    starts: list = [0] * len(aval_of(operand).shape)
    starts[axis] = start_index
    return starts


def dynamic_slice_in_dim(
    operand: Any, start_index: Any, slice_size: int, axis: int = 0, *, allow_negative_indices: bool = True
):
    """Cut a slice along one axis at an index that may be traced; see `dynamic_slice`."""
    axis = _axis("dynamic_slice_in_dim", operand, axis)
    sizes = list(aval_of(operand).shape)
    sizes[axis] = operator.index(slice_size)
    starts = _starts_along(operand, start_index, axis)
    return dynamic_slice(operand, starts, sizes, allow_negative_indices=allow_negative_indices)


def dynamic_index_in_dim(
    operand: Any, index: Any, axis: int = 0, keepdims: bool = True, *, allow_negative_indices: bool = True
):
    """Take one index of an axis, which may be traced; see `dynamic_slice`."""
    axis = _axis("dynamic_index_in_dim", operand, axis)
    result = dynamic_slice_in_dim(operand, index, 1, axis, allow_negative_indices=allow_negative_indices)
    return result if keepdims else squeeze(result, (axis,))


def dynamic_update_slice_in_dim(
    operand: Any, update: Any, start_index: Any, axis: int, *, allow_negative_indices: bool = True
):
    """Replace a slice along one axis at an index that may be traced; see `dynamic_update_slice`."""
    starts = _starts_along(operand, start_index, _axis("dynamic_update_slice_in_dim", operand, axis))
    return dynamic_update_slice(operand, update, starts, allow_negative_indices=allow_negative_indices)


def dynamic_update_index_in_dim(
    operand: Any, update: Any, index: Any, axis: int, *, allow_negative_indices: bool = True
):
    """Replace what is at one index of an axis; ``update`` may lack that axis; see `dynamic_update_slice`."""
    axis = _axis("dynamic_update_index_in_dim", operand, axis)
    operand, update = match_scalars(operand, update)
    shape = aval_of(update).shape
    if len(shape) == len(aval_of(operand).shape) - 1:
        update = reshape(update, (*shape[:axis], 1, *shape[axis:]))
    return dynamic_update_slice_in_dim(
        operand, update, index, axis, allow_negative_indices=allow_negative_indices
    )


def index_take(src: Any, idxs: Sequence[Any], axes: Sequence[int]):
    """Take the elements of ``axes`` at vectors of indices, which wrap around at the ends.

    Parameters
    ----------
    src : array
    idxs : sequence of i64[n]
        One vector for each of ``axes``.
    axes : sequence of int

    Returns
    -------
    array
        Of shape ``(n, *remaining dimensions)``.
    """
    shape, axes = aval_of(src).shape, tuple(_axis("index_take", src, axis) for axis in axes)
    columns = []
    for index, axis in zip(idxs, axes, strict=True):
        index = convert_element_type(index, INDEX_DTYPE)
        index = rem(add(rem(index, shape[axis]), shape[axis]), shape[axis])
        columns.append(reshape(index, (*aval_of(index).shape, 1)))
    sizes = tuple(1 if d in axes else n for d, n in enumerate(shape))
    offset = tuple(range(1, 1 + len(shape) - len(axes)))
    numbers = GatherDimensionNumbers(offset, tuple(sorted(axes)), axes)
    return gather(src, concatenate(columns, 1), numbers, sizes)
