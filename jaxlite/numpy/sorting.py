"""Sorting and searching: sort, argsort, searchsorted, unique, median, quantile, bincount, histogram.

jnp.argsort(x: f64[4])  ->  iota; sort[num_keys=1] x iota   (its second result)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy import ufuncs
from jaxlite.numpy.indexing import take_along_axis
from jaxlite.numpy.promotion import (
    broadcast_array,
    canonical_axes,
    canonical_axis,
    convert,
    inexact_dtype,
    operand,
    promote_dtypes,
    promote_inexact,
    strip_weak,
)
from jaxlite.numpy.reductions import any as any_
from jaxlite.numpy.reductions import sum as sum_
from jaxlite.numpy.registry import implements
from jaxlite.numpy.selection import concrete_or_error, where
from jaxlite.numpy.shaping import concatenate, expand_dims, flip, moveaxis, ravel, reshape
from jaxlite.ops import sorting, structural
from jaxlite.trace import Tracer, aval_of
from jaxlite.typing import Array, ArrayLike, DTypeLike

_INT64 = np.dtype(np.int64)


def _along(name: str, a, axis: int | None):
    x = operand(name, a)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    return x, canonical_axis(axis, aval_of(x).ndim)


@implements(np.sort)
def sort(
    a: ArrayLike,
    axis: int | None = -1,
    *,
    kind: Any = None,
    order: Any = None,
    stable: bool = True,
    descending: bool = False,
) -> Array:
    """Sort along an axis, nan last.

    Parameters
    ----------
    a : array_like
    axis : int or None, default -1
        None flattens the array first.
    kind, order : any
        Ignored.
    stable : bool, default True
        Whether equal elements keep their order.
    descending : bool, default False

    Returns
    -------
    Array

    Examples
    --------
    >>> jnp.sort(jnp.array([3, 1, 2]))
    Array([1, 2, 3], dtype=int64)
    """
    x, axis = _along("sort", a, axis)
    result = sorting.sort(x, dimension=axis, is_stable=stable)
    return flip(result, axis) if descending else result


def _numpy_argsort(a, axis=-1, *, kind=None, order=None, stable=True):
    """NumPy's function, which is not stable unless it is told to be."""
    return np.argsort(a, axis, stable=stable or None)


@implements(_numpy_argsort, np.argsort)
def argsort(
    a: ArrayLike,
    axis: int | None = -1,
    *,
    kind: Any = None,
    order: Any = None,
    stable: bool = True,
    descending: bool = False,
    dtype: DTypeLike | None = None,
) -> Array:
    """Return the indices that sort along an axis.

    Parameters
    ----------
    a : array_like
    axis : int or None, default -1
        None flattens the array first.
    kind, order : any
        Ignored.
    stable : bool, default True
        Whether equal elements keep their order.
    descending : bool, default False
    dtype : dtype, default int64
        Of the indices.

    Returns
    -------
    Array
    """
    x, axis = _along("argsort", a, axis)
    dtype = _INT64 if dtype is None else np.dtype(dtype)
    places = structural.iota(dtype, aval_of(x).shape, axis)
    if descending:
        # Reversed before and after, equal elements keep their order.
        x, places = flip(x, axis), flip(places, axis)
    _, result = sorting.sort((x, places), dimension=axis, is_stable=stable, num_keys=1)
    return flip(result, axis) if descending else result


@implements(np.lexsort, eager=False)
def lexsort(keys: Sequence[ArrayLike], axis: int = -1) -> Array:
    """Return the indices that sort by several keys, the last of them first.

    Parameters
    ----------
    keys : sequence of array_like
    axis : int, default -1

    Returns
    -------
    Array
        int64
    """
    keys = [operand("lexsort", key, i) for i, key in enumerate(keys)]
    axis = canonical_axis(axis, aval_of(keys[0]).ndim)
    places = structural.iota(_INT64, aval_of(keys[0]).shape, axis)
    return sorting.sort((*reversed(keys), places), dimension=axis, num_keys=len(keys))[-1]


@implements(np.searchsorted, arrays=2)
def searchsorted(
    a: ArrayLike, v: ArrayLike, side: str = "left", sorter: ArrayLike | None = None, *, method: str = "scan"
) -> Array:
    """Find where values belong in a sorted vector.

    Parameters
    ----------
    a : array_like
        ``[n]``, sorted.
    v : array_like
    side : {"left", "right"}
        Whether the place before or after equal elements.
    sorter : array_like of int, optional
        Indices that sort ``a``.
    method : any
        Ignored.

    Returns
    -------
    Array
        int64, of the shape of ``v``.

    Notes
    -----
    A binary search of all values side by side, ⌈log₂(n + 1)⌉ steps.
    """
    if side not in ("left", "right"):
        raise ArgumentError(f"searchsorted: side {side!r} is not known.", fix="use 'left' or 'right'.")
    a, v = promote_dtypes("searchsorted", a, v)
    if sorter is not None:
        a = take_along_axis(a, sorter, 0)
    if aval_of(a).ndim != 1:
        raise ShapeError(f"searchsorted: {aval_of(a)} is not a vector.")
    n, shape = aval_of(a).size, aval_of(v).shape
    low = structural.full(shape, 0, _INT64)
    high = structural.full(shape, n, _INT64)
    belongs_right = _not_after if side == "right" else _before
    for _ in range(n.bit_length()):
        middle = ufuncs.right_shift(ufuncs.add(low, high), 1)
        probe = reshape(take_along_axis(a, ufuncs.minimum(ravel(middle), n - 1), 0), shape)
        right = ufuncs.logical_and(belongs_right(probe, v), ufuncs.less(low, high))
        low, high = where(right, ufuncs.add(middle, 1), low), where(right, high, middle)
    return low


def _before(x, y):
    """x < y, with nan after all numbers."""
    return ufuncs.logical_or(ufuncs.less(x, y), ufuncs.logical_and(ufuncs.isnan(y), ufuncs.equal(x, x)))


def _not_after(x, y):
    """x <= y, with nan after all numbers."""
    return ufuncs.logical_or(ufuncs.less_equal(x, y), ufuncs.isnan(y))


@implements(np.digitize, eager=False)
def digitize(x: ArrayLike, bins: ArrayLike, right: bool = False) -> Array:
    """Return in which bin each value lies.

    Parameters
    ----------
    x : array_like
    bins : array_like
        ``[n]``, sorted, rising or falling.
    right : bool, default False
        Whether bins hold their right edge.

    Returns
    -------
    Array
        int64
    """
    bins = operand("digitize", bins)
    side = "left" if right else "right"
    rising = searchsorted(bins, x, side)
    n = aval_of(bins).size
    if n < 2:
        return rising
    falling = ufuncs.subtract(n, searchsorted(flip(bins), x, side))
    vector = strip_weak(bins)
    return where(ufuncs.less_equal(vector[0], vector[-1]), rising, falling)


# --- order statistics -----------------------------------------------------------------------------------


def _flatten_axes(x, axes):
    """Join several axes into one, at the end."""
    kept = [d for d in range(aval_of(x).ndim) if d not in axes]
    x = structural.transpose(x, [*kept, *axes])
    return reshape(x, (*(aval_of(x).shape[: len(kept)]), -1))


def _quantile(name: str, a, q, axis, out, keepdims: bool, method: str, ignore_nan: bool):
    if out is not None:
        raise ArgumentError(f"{name}: out= is not supported.", fix="use the returned array.")
    if method not in ("linear", "lower", "higher", "nearest", "midpoint"):
        raise ArgumentError(f"{name}: method {method!r} is not supported.")
    x = operand(name, a)
    x = convert(x, inexact_dtype(aval_of(x).dtype))
    shape, dtype = aval_of(x).shape, aval_of(x).dtype
    axes = canonical_axes(axis, len(shape))
    x = sort(_flatten_axes(x, axes), -1)
    q = convert(operand(name, q), dtype)
    q_shape = aval_of(q).shape
    n = aval_of(x).shape[-1]
    if n == 0:
        raise ShapeError(f"{name}: {aval_of(a)} is empty along the axes reduced.")
    is_nan = ufuncs.isnan(x)
    if ignore_nan:
        count = sum_(ufuncs.logical_not(is_nan), -1, keepdims=True)
        last = convert(ufuncs.maximum(ufuncs.subtract(count, 1), 0), dtype)
    else:
        last = dtype.type(n - 1)
    # [..., k]: for each row the places of the k quantiles
    place = ufuncs.multiply(reshape(q, (-1,)), last)
    low, high = ufuncs.floor(place), ufuncs.ceil(place)
    weight = ufuncs.subtract(place, low)
    batch = aval_of(x).shape[:-1]
    take = lambda place: take_along_axis(  # noqa: E731
        x, broadcast_array(convert(place, _INT64), (*batch, aval_of(place).shape[-1])), -1
    )
    below, above = take(low), take(high)
    result = _between(method, below, above, weight, place)
    if ignore_nan:
        result = where(ufuncs.equal(count, 0), dtype.type(np.nan), result)
    else:
        result = where(any_(is_nan, -1, keepdims=True), dtype.type(np.nan), result)
    result = moveaxis(result, -1, 0)
    if keepdims:
        kept = [1 if d in axes else n for d, n in enumerate(shape)]
        return reshape(result, (*q_shape, *kept))
    return reshape(result, (*q_shape, *batch))


def _between(method: str, below, above, weight, place):
    dtype = aval_of(below).dtype
    if method == "lower":
        return below
    if method == "higher":
        return above
    if method == "nearest":
        return where(
            ufuncs.less(weight, 0.5),
            below,
            where(ufuncs.equal(weight, 0.5), _even(below, above, place), above),
        )
    if method == "midpoint":
        return ufuncs.multiply(ufuncs.add(below, above), dtype.type(0.5))
    # Equal neighbours (both infinite, say) need no interpolation.
    step = ufuncs.multiply(ufuncs.subtract(above, below), weight)
    return where(ufuncs.equal(weight, 0), below, ufuncs.add(below, step))


def _even(below, above, place):
    return where(ufuncs.equal(ufuncs.mod(ufuncs.floor(place), 2), 0), below, above)


@implements(np.quantile, nonempty=True)
def quantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: int | Sequence[int] | None = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
) -> Array:
    """Return what a share ``q`` of the elements does not exceed.

    Parameters
    ----------
    a : array_like
    q : array_like
        Shares, from 0 to 1.
    axis : int or tuple of int, optional
        All axes by default.
    out : None
        Not supported.
    overwrite_input : bool
        Ignored.
    method : {"linear", "lower", "higher", "nearest", "midpoint"}
        What to return between two elements.
    keepdims : bool, default False

    Returns
    -------
    Array
        ``[*q.shape, ...]``
    """
    return _quantile("quantile", a, q, axis, out, keepdims, method, ignore_nan=False)


@implements(np.percentile, nonempty=True)
def percentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: int | Sequence[int] | None = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
) -> Array:
    """Return what ``q`` percent of the elements do not exceed; parameters as for `quantile`."""
    q = ufuncs.divide(q, 100)
    return _quantile("percentile", a, q, axis, out, keepdims, method, ignore_nan=False)


@implements(np.nanquantile, eager=False)
def nanquantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: int | Sequence[int] | None = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
) -> Array:
    """Quantile of what is not nan; parameters as for `quantile`."""
    return _quantile("nanquantile", a, q, axis, out, keepdims, method, ignore_nan=True)


@implements(np.nanpercentile, eager=False)
def nanpercentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: int | Sequence[int] | None = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
) -> Array:
    """Percentile of what is not nan; parameters as for `quantile`."""
    return _quantile("nanpercentile", a, ufuncs.divide(q, 100), axis, out, keepdims, method, ignore_nan=True)


@implements(np.median, nonempty=True)
def median(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    out: None = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
) -> Array:
    """Middle element over axes, or the mean of the two in the middle.

    Parameters
    ----------
    a : array_like
    axis : int or tuple of int, optional
        All axes by default.
    out : None
        Not supported.
    overwrite_input : bool
        Ignored.
    keepdims : bool, default False

    Returns
    -------
    Array
    """
    return _quantile("median", a, 0.5, axis, out, keepdims, "midpoint", ignore_nan=False)


@implements(np.nanmedian, eager=False)
def nanmedian(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    out: None = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
) -> Array:
    """Median of what is not nan; parameters as for `median`."""
    return _quantile("nanmedian", a, 0.5, axis, out, keepdims, "midpoint", ignore_nan=True)


@implements(np.partition, eager=False)
def partition(a: ArrayLike, kth: int, axis: int = -1) -> Array:
    """Put element ``kth`` of the sorted order in its place, smaller ones before, larger ones after: it sorts.

    Parameters
    ----------
    a : array_like
    kth : int
    axis : int, default -1

    Returns
    -------
    Array
    """
    return sort(a, axis)


@implements(np.argpartition, eager=False)
def argpartition(a: ArrayLike, kth: int, axis: int = -1) -> Array:
    """Return the indices that `partition` an array; they sort all.

    Parameters
    ----------
    a : array_like
    kth : int
    axis : int, default -1

    Returns
    -------
    Array
        int64
    """
    return argsort(a, axis)


# --- sets and counts --------------------------------------------------------------------------------------


def _concrete(name: str, *arrays) -> list:
    """Return arrays known now, for results whose shape depends on values."""
    values = [operand(name, x, i) for i, x in enumerate(arrays)]
    return [np.asarray(concrete_or_error(name, x) if isinstance(x, Tracer) else x) for x in values]


@implements(np.unique, eager=False)
def unique(
    ar: ArrayLike,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    size: int | None = None,
    fill_value: ArrayLike | None = None,
    sorted: bool = True,
) -> Array | tuple[Array, ...]:
    """Return the different elements, sorted.

    Parameters
    ----------
    ar : array_like
        Not traced, unless ``size`` is given: how many there are must be known.
    return_index, return_inverse, return_counts : bool, default False
        Whether to return where each was found first, which is where, and how often it occurs.
    axis : int, optional
        By default the array is flattened.
    equal_nan : bool, default True
    size : int, optional
        How many to return; missing ones are ``fill_value`` (by default the smallest).
    fill_value : number, optional
    sorted : bool
        Ignored: they are sorted.

    Returns
    -------
    Array, or tuple of Array
    """
    if size is not None and axis is None:
        return _unique_of_size(ar, return_index, return_inverse, return_counts, size, fill_value)
    if size is not None:
        raise ArgumentError("unique: size= together with axis= is not supported.")
    (x,) = _concrete("unique", ar)
    result = np.unique(x, return_index, return_inverse, return_counts, axis, equal_nan=equal_nan)
    return tuple(map(strip_weak, result)) if isinstance(result, tuple) else strip_weak(result)


def _unique_of_size(ar, return_index, return_inverse, return_counts, size: int, fill_value):
    x = ravel(ar)
    n = aval_of(x).size
    order = argsort(x)
    ordered = take_along_axis(x, order, 0)
    starts = concatenate([np.ones(min(n, 1), bool), ufuncs.not_equal(ordered[1:], ordered[:-1])])
    rank = ufuncs.subtract(starts.cumsum(), 1)  # which of the different elements each sorted one is
    place = where(ufuncs.less(rank, size), rank, size)
    fill = _fill_unique(x, fill_value)
    values = structural.full((size,), 0, aval_of(x).dtype)
    values = where(
        ufuncs.less(np.arange(size), starts.sum()), values.at[place].set(ordered, mode="drop"), fill
    )
    results = [values]
    if return_index:
        first = structural.full((size,), n, _INT64).at[place].min(order, mode="drop")
        results.append(where(ufuncs.less(np.arange(size), starts.sum()), first, first[0] if n else 0))
    if return_inverse:
        inverse = structural.full((n,), 0, _INT64).at[order].set(rank)
        results.append(reshape(inverse, aval_of(operand("unique", ar)).shape))
    if return_counts:
        results.append(structural.full((size,), 0, _INT64).at[place].add(1, mode="drop"))
    return tuple(results) if len(results) > 1 else values


def _fill_unique(x, fill_value):
    return x.min() if fill_value is None else convert(operand("unique", fill_value), aval_of(x).dtype)


@implements(np.isin, eager=False)
def isin(
    element: ArrayLike,
    test_elements: ArrayLike,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    kind: Any = None,
    method: Any = "auto",
) -> Array:
    """Whether each element is among some values.

    Parameters
    ----------
    element, test_elements : array_like
    assume_unique : bool
        Ignored.
    invert : bool, default False
        Whether to answer the opposite.
    kind, method : any
        Ignored.

    Returns
    -------
    Array
        bool, of the shape of ``element``.
    """
    element, values = promote_dtypes("isin", element, test_elements)
    found = any_(ufuncs.equal(expand_dims(element, -1), ravel(values)), -1)
    return ufuncs.logical_not(found) if invert else found


@implements(np.bincount, eager=False)
def bincount(
    x: ArrayLike, weights: ArrayLike | None = None, minlength: int = 0, *, length: int | None = None
) -> Array:
    """Count how often each integer occurs.

    Parameters
    ----------
    x : array_like of int
        ``[n]``, not negative.
    weights : array_like, optional
        ``[n]``, added up instead of counted.
    minlength : int, default 0
    length : int, optional
        Of the result; needed where ``x`` is traced. Larger integers are not counted.

    Returns
    -------
    Array
        int64, or the dtype of the weights.
    """
    x = operand("bincount", x)
    if aval_of(x).ndim != 1 or aval_of(x).dtype.kind not in "biu":
        raise ShapeError(f"bincount: {aval_of(x)} is not a vector of integers.")
    if length is None:
        (known,) = _concrete("bincount", x)
        length = max(minlength, int(known.max(initial=-1)) + 1)
    places = ufuncs.maximum(convert(x, _INT64), 0)
    if weights is None:
        weights = np.int64(1)
    else:
        (weights,) = promote_inexact("bincount", weights)
        weights = convert(weights, np.result_type(aval_of(weights).dtype, np.float64))
    counts = strip_weak(structural.full((length,), 0, aval_of(weights).dtype))
    return counts.at[places].add(weights, mode="drop")


@implements(np.histogram_bin_edges, eager=False)
def histogram_bin_edges(
    a: ArrayLike,
    bins: ArrayLike = 10,
    range: Sequence[ArrayLike] | None = None,
    weights: ArrayLike | None = None,
) -> Array:
    """Return the edges of equal bins.

    Parameters
    ----------
    a : array_like
    bins : int or array_like, default 10
        How many, or the edges themselves.
    range : pair of number, optional
        By default the smallest and largest element.
    weights : any
        Ignored.

    Returns
    -------
    Array
    """
    bins = operand("histogram_bin_edges", bins)
    if aval_of(bins).ndim == 1:
        return strip_weak(bins)
    x = ravel(promote_inexact("histogram_bin_edges", a)[0])
    low, high = (x.min(), x.max()) if range is None else map(strip_weak, promote_dtypes("histogram", *range))
    equal = ufuncs.equal(low, high)
    low, high = where(equal, low - 0.5, low), where(equal, high + 0.5, high)
    step = (high - low) / int(bins)
    return low + step * np.arange(int(bins) + 1)


@implements(np.histogram, eager=False)
def histogram(
    a: ArrayLike,
    bins: ArrayLike = 10,
    range: Sequence[ArrayLike] | None = None,
    weights: ArrayLike | None = None,
    density: bool | None = None,
) -> tuple[Array, Array]:
    """Count elements in bins.

    Parameters
    ----------
    a : array_like
    bins : int or array_like, default 10
        How many, or their edges; the last bin holds its right edge.
    range : pair of number, optional
        By default the smallest and largest element.
    weights : array_like, optional
        Added up instead of counted.
    density : bool, optional
        Whether the histogram is scaled to have area 1.

    Returns
    -------
    counts, edges : Array
    """
    x = ravel(a)
    edges = histogram_bin_edges(x, bins, range)
    count = aval_of(edges).size - 1
    place = ufuncs.subtract(searchsorted(edges, x, "right"), 1)
    place = where(ufuncs.equal(x, edges[-1]), count - 1, place)
    place = where(ufuncs.less(place, 0), count, place)
    weights = np.int64(1) if weights is None else ravel(weights)
    counts = (
        strip_weak(structural.full((count,), 0, aval_of(weights).dtype)).at[place].add(weights, mode="drop")
    )
    if density:
        counts = counts / counts.sum() / (edges[1:] - edges[:-1])
    return counts, edges
