"""Sorting and searching: sort, argsort, searchsorted, median, quantile.

jnp.argsort(x: f64[4])  ->  iota; sort[num_keys=1] x iota   (its second result)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxlite.errors import ArgumentError, DtypeError, ShapeError
from jaxlite.numpy import ufuncs
from jaxlite.numpy.indexing import take_along_axis
from jaxlite.numpy.promotion import (
    broadcast_array,
    canonical_axes,
    canonical_axis,
    convert,
    inexact_dtype,
    is_weak,
    operand,
    promote_dtypes,
    strip_weak,
)
from jaxlite.numpy.reductions import all as all_
from jaxlite.numpy.reductions import any as any_
from jaxlite.numpy.reductions import has_row_of_nan
from jaxlite.numpy.reductions import sum as sum_
from jaxlite.numpy.registry import implements
from jaxlite.numpy.selection import imag, real, where
from jaxlite.numpy.shaping import flip, moveaxis, ravel, reshape
from jaxlite.ops import cumulative, sorting, structural
from jaxlite.trace import Tracer, aval_of
from jaxlite.typing import Array, ArrayLike, DTypeLike

_INT64 = np.dtype(np.int64)


def _along(name: str, a, axis: int | None):
    x = operand(name, a)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    return x, canonical_axis(axis, aval_of(x).ndim)


def _numpy_sort(a, axis=-1, *, kind=None, order=None, stable=True):
    """NumPy's function, but for its quick sort of float16."""
    # NumPy 2.4.6 with AVX-512: of 1,000 numbers and 3,000 of -inf, some of these come out behind numbers.
    return np.sort(a, axis, stable=True if np.result_type(a) == np.float16 else None)


@implements(_numpy_sort, np.sort)
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
        Of the shape and dtype of ``a``.

    Examples
    --------
    >>> jnp.sort(jnp.array([3, 1, 2]))
    Array([1, 2, 3], dtype=int64)
    """
    x, axis = _along("sort", a, axis)
    result = sorting.sort(x, dimension=axis, is_stable=stable)
    return flip(result, axis) if descending else result


@implements(np.sort_complex)
def sort_complex(a: ArrayLike) -> Array:
    """Sort along the last axis by real part, then by imaginary part.

    Parameters
    ----------
    a : array_like
        ``[..., n]``

    Returns
    -------
    Array
        ``[..., n]``, complex.
    """
    x = sort(operand("sort_complex", a))
    dtype = aval_of(x).dtype
    if dtype.kind == "c":
        return x
    # As in NumPy: single precision is for the narrowest integers alone.
    return strip_weak(convert(x, np.dtype(np.complex64 if dtype.char in "bhBH" else np.complex128)))


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
        Of the shape of ``a``.

    Examples
    --------
    >>> jnp.argsort(jnp.array([3, 1, 2]))
    Array([1, 2, 0], dtype=int64)
    """
    x, axis = _along("argsort", a, axis)
    dtype = _INT64 if dtype is None else np.dtype(dtype)
    places = structural.iota(dtype, aval_of(x).shape, axis)
    if descending:
        # Reversed before and after, equal elements keep their order.
        x, places = flip(x, axis), flip(places, axis)
    _, result = sorting.sort((x, places), dimension=axis, is_stable=stable, num_keys=1)
    return flip(result, axis) if descending else result


@implements(np.lexsort, sequence=True)
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

    Examples
    --------
    >>> jnp.searchsorted(jnp.array([1, 3, 5]), jnp.array([0, 3, 9]))
    Array([0, 1, 3], dtype=int64)
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
    if aval_of(x).dtype.kind == "c":
        return _comes_before(_ordering_parts(x), _ordering_parts(y))
    return ufuncs.logical_or(ufuncs.less(x, y), ufuncs.logical_and(ufuncs.isnan(y), ufuncs.equal(x, x)))


def _not_after(x, y):
    """x <= y, with nan after all numbers."""
    if aval_of(x).dtype.kind == "c":
        return ufuncs.logical_not(_before(y, x))
    return ufuncs.logical_or(ufuncs.less_equal(x, y), ufuncs.isnan(y))


def _ordering_parts(z):
    """Return what `sort` orders complex numbers by, the first counting most: which parts are nan, then the parts."""
    x, y = real(z), imag(z)
    nans = ufuncs.add(ufuncs.multiply(ufuncs.isnan(x), 2), ufuncs.isnan(y))
    return nans, x, y


def _comes_before(xs, ys):
    (x, *xs), (y, *ys) = xs, ys
    if not xs:
        return _before(x, y)
    is_tie = ufuncs.logical_not(ufuncs.logical_or(_before(x, y), _before(y, x)))
    return ufuncs.logical_or(_before(x, y), ufuncs.logical_and(is_tie, _comes_before(xs, ys)))


@implements(np.digitize, arrays=2)
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


def _quantile_of_nan(arguments, keywords) -> bool:
    return has_row_of_nan(arguments, keywords, at=2)


# --- order statistics -----------------------------------------------------------------------------------


def _flatten_axes(x, axes):
    """Join several axes into one, at the end."""
    kept = [d for d in range(aval_of(x).ndim) if d not in axes]
    x = structural.transpose(x, [*kept, *axes])
    shape = aval_of(x).shape
    # Not -1: where another axis is empty, that could be any size.
    return reshape(x, (*shape[: len(kept)], math.prod(shape[len(kept) :])))


def _quantiles(
    name: str, a, q, axis, out, keepdims: bool, method: str, weights, ignore_nan: bool, per: int = 1
):
    """Check what `quantile` and its relatives take; ``q`` counts in parts of ``per``."""
    dtype = aval_of(operand(name, a)).dtype
    if dtype.kind == "c":
        raise DtypeError(f"{name}: {aval_of(operand(name, a))} has no order.", fix="take x.real, or abs(x).")
    share = operand(name, q, 1)
    weak = is_weak(share)
    value = share.concrete() if isinstance(share, Tracer) else np.asarray(share)
    if value is not None and not ((value >= 0) & (value <= per)).all():
        outside = np.extract(~((value >= 0) & (value <= per)), value)[0]
        raise ArgumentError(
            f"{name}: {outside:g} is not in the range of q, from 0 to {per}.",
            fix="jnp.percentile takes percentages." if per == 1 else "jnp.quantile takes shares of 1.",
        )
    if per != 1:
        # As in NumPy: the elements decide in which precision percentages become shares.
        share = ufuncs.divide(share, dtype.type(per) if dtype.kind == "f" else per)
    if weights is not None and method != "inverted_cdf":
        raise ArgumentError(
            f"{name}: method {method!r} takes no weights.", fix="pass method='inverted_cdf', as in NumPy."
        )
    return _quantile(name, a, (share, weak), axis, out, keepdims, method, ignore_nan, weights)


# Methods that return one of the elements, of whichever dtype it is.
_ELEMENTS = ("lower", "higher", "nearest", "inverted_cdf", "closest_observation")


def _quantile(
    name: str, a, q_and_weak, axis, out, keepdims: bool, method: str, ignore_nan: bool, weights=None
):
    if out is not None:
        raise ArgumentError(f"{name}: out= is not supported.", fix="use the returned array.")
    if method not in _METHODS:
        raise ArgumentError(
            f"{name}: method {method!r} is not supported.", fix=f"one of {', '.join(map(repr, _METHODS))}."
        )
    q, weak = q_and_weak
    x, q = operand(name, a), operand(name, q, 1)
    shape, dtype = aval_of(x).shape, aval_of(x).dtype
    # As in NumPy: 0 and 1 as integers name the first and the last element.
    takes_elements = method in _ELEMENTS or (method == "linear" and aval_of(q).dtype.kind in "iu")
    q = convert(q, inexact_dtype(aval_of(q).dtype))
    if not takes_elements:
        dtype = inexact_dtype(dtype) if weak else np.result_type(dtype, aval_of(q).dtype)
    axes = canonical_axes(axis, len(shape))
    if weights is not None:
        weights = _flatten_axes(_weights_of(name, weights, aval_of(x), axis), axes)
    x = _flatten_axes(convert(x, dtype), axes)
    if not aval_of(x).shape[-1]:
        raise ShapeError(f"{name}: {aval_of(a)} is empty along the axes reduced.")
    flat_q = reshape(q, (-1,))
    if weights is None:
        result = _among_equals(method, sort(x, -1), flat_q, ignore_nan)
    else:
        result = _among_weighted(x, weights, flat_q, ignore_nan)
    if dtype.kind in "fc":
        nan = ufuncs.isnan(x)
        unknown = (all_ if ignore_nan else any_)(nan, -1, keepdims=True)
        result = where(unknown, dtype.type(np.nan), result)
    result = moveaxis(result, -1, 0)
    kept = [1 if d in axes else n for d, n in enumerate(shape) if keepdims or d not in axes]
    return reshape(result, (*aval_of(q).shape, *kept))


def _among_equals(method: str, x, q, ignore_nan: bool):
    """Return quantiles of sorted rows. ``[..., n], [k] -> [..., k]``"""
    dtype, q_dtype = aval_of(x).dtype, aval_of(q).dtype
    if ignore_nan and dtype.kind in "fc":
        count = sum_(ufuncs.logical_not(ufuncs.isnan(x)), -1, keepdims=True)
        last = convert(ufuncs.maximum(ufuncs.subtract(count, 1), 0), q_dtype)
    else:
        last = q_dtype.type(aval_of(x).shape[-1] - 1)
    # [..., k]: for each row the places of the k quantiles
    place = _place(method, q, last)
    low = ufuncs.floor(place)
    weight = ufuncs.subtract(place, low)
    low = ufuncs.maximum(low, 0)
    high = ufuncs.minimum(ufuncs.maximum(ufuncs.ceil(place), 0), last)
    if method == "averaged_inverted_cdf":
        exact = ufuncs.equal(weight, 0)
        high = ufuncs.minimum(ufuncs.add(ufuncs.floor(place), 1), last)
        weight = where(exact, q_dtype.type(0.5), q_dtype.type(1))
    below, above = _take_rows(x, low), _take_rows(x, high)
    return _between(method, below, above, weight, place)


def _take_rows(x, place):
    """``[..., n], [k] or [..., k] -> [..., k]``"""
    batch = aval_of(x).shape[:-1]
    place = broadcast_array(convert(place, _INT64), (*batch, aval_of(place).shape[-1]))
    return take_along_axis(x, place, -1)


def _weights_of(name: str, weights, aval, axis):
    """Return weights, one for each element."""
    weights = operand(name, weights, 2)
    shape = aval_of(weights).shape
    if shape != aval.shape:
        axes = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        # In the order that the caller names them, which is that of the axes of the weights.
        axes = [canonical_axis(d, aval.ndim) for d in axes]
        if not axes or shape != tuple(aval.shape[d] for d in axes):
            raise ShapeError(
                f"{name}: weights of type {aval_of(weights)} for elements of type {aval}.",
                why="weights have the shape of the elements, or that of the axes named by axis=.",
            )
        weights = structural.transpose(weights, [int(i) for i in np.argsort(axes)])
        weights = structural.reshape(weights, [n if d in axes else 1 for d, n in enumerate(aval.shape)])
    known = weights.concrete() if isinstance(weights, Tracer) else weights
    if known is not None and (np.asarray(known) < 0).any():
        raise ArgumentError(f"{name}: some weights are negative.")
    return broadcast_array(convert(weights, np.dtype(np.float64)), aval.shape)


def _among_weighted(x, weights, q, ignore_nan: bool):
    """Return the first elements up to which a share ``q`` of all weights lies; nan where weights have no sum."""
    if ignore_nan and aval_of(x).dtype.kind == "f":
        weights = where(ufuncs.isnan(x), 0.0, weights)
    x, weights = sorting.sort((x, weights), dimension=aval_of(x).ndim - 1, num_keys=1)
    share = cumulative.cumsum(weights, aval_of(x).ndim - 1)
    share = ufuncs.divide(share, share[..., -1:])
    # Elements without weight at the beginning are no quantiles, not even for q = 0.
    share = where(ufuncs.equal(share, 0), -1.0, convert(share, aval_of(q).dtype))
    place = sum_(ufuncs.less(share[..., None], q), -2)
    result = _take_rows(x, ufuncs.minimum(place, aval_of(x).shape[-1] - 1))
    if aval_of(x).dtype.kind != "f":
        return result
    return where(ufuncs.isnan(share[..., -1:]), aval_of(x).dtype.type(np.nan), result)


# Where a quantile lies among the sorted elements, counted from 0, by Hyndman's and Fan's two parameters; for the
# others _place says it in words.
_BY_PARAMETERS = {
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}
_METHODS = (
    *("linear", "lower", "higher", "nearest", "midpoint"),
    *("inverted_cdf", "averaged_inverted_cdf", "closest_observation", *_BY_PARAMETERS),
)


def _place(method: str, q, last):
    """Return the places of quantiles, of which ``last`` is the largest; whole numbers where nothing is between."""
    if method in ("linear", "lower", "higher", "nearest", "midpoint"):
        return ufuncs.multiply(q, last)
    steps = ufuncs.multiply(q, ufuncs.add(last, 1))
    if method in _BY_PARAMETERS:
        alpha, beta = _BY_PARAMETERS[method]
        place = ufuncs.add(steps, ufuncs.add(ufuncs.multiply(q, 1.0 - alpha - beta), alpha - 1.0))
        return ufuncs.minimum(ufuncs.maximum(place, 0), last)
    if method == "inverted_cdf":
        return ufuncs.maximum(ufuncs.subtract(ufuncs.ceil(steps), 1), 0)
    if method == "averaged_inverted_cdf":
        return ufuncs.subtract(steps, 1)
    # The closest one; halfway between two of them the one whose number, counted from 1, is even.
    place = ufuncs.subtract(steps, 1.5)
    low = ufuncs.floor(place)
    stays = ufuncs.logical_and(ufuncs.equal(place, low), ufuncs.equal(ufuncs.mod(low, 2), 1))
    return ufuncs.maximum(where(stays, low, ufuncs.add(low, 1)), 0)


def _between(method: str, below, above, weight, place):
    dtype = aval_of(below).dtype
    if method in ("lower", "inverted_cdf", "closest_observation"):
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
    step = ufuncs.multiply(ufuncs.subtract(above, below), convert(weight, dtype))
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
    *,
    weights: ArrayLike | None = None,
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
    method : str, default "linear"
        What to return between two elements: "linear", "lower", "higher", "nearest", "midpoint", or another of NumPy's.
    keepdims : bool, default False
        Whether the reduced axes stay, with size 1.
    weights : array_like, optional
        How much each element counts: of the shape of ``a``, or of the axes named; with the method "inverted_cdf".

    Returns
    -------
    Array
        ``[*q.shape, ...]``
    """
    return _quantiles("quantile", a, q, axis, out, keepdims, method, weights, ignore_nan=False)


@implements(np.percentile, nonempty=True)
def percentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: int | Sequence[int] | None = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: ArrayLike | None = None,
) -> Array:
    """Return what ``q`` percent of the elements do not exceed.

    Parameters
    ----------
    a : array_like
        Of any shape.
    q : array_like
        Percentages, from 0 to 100.
    axis : int or tuple of int, optional
        All axes by default.
    out : None
        Not supported.
    overwrite_input : bool
        Ignored.
    method : str, default "linear"
        What to return between two elements: "linear", "lower", "higher", "nearest", "midpoint", or another of NumPy's.
    keepdims : bool, default False
        Whether the reduced axes stay, with size 1.
    weights : array_like, optional
        How much each element counts: of the shape of ``a``, or of the axes named; with the method "inverted_cdf".

    Returns
    -------
    Array
        ``[*q.shape, ...]``, floating.
    """
    return _quantiles("percentile", a, q, axis, out, keepdims, method, weights, ignore_nan=False, per=100)


@implements(np.nanquantile, nonempty=True, warns=_quantile_of_nan)
def nanquantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: int | Sequence[int] | None = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: ArrayLike | None = None,
) -> Array:
    """Quantile of what is not nan.

    Parameters
    ----------
    a : array_like
        Of any shape.
    q : array_like
        Shares, from 0 to 1.
    axis : int or tuple of int, optional
        All axes by default.
    out : None
        Not supported.
    overwrite_input : bool
        Ignored.
    method : str, default "linear"
        What to return between two elements: "linear", "lower", "higher", "nearest", "midpoint", or another of NumPy's.
    keepdims : bool, default False
        Whether the reduced axes stay, with size 1.
    weights : array_like, optional
        How much each element counts: of the shape of ``a``, or of the axes named; with the method "inverted_cdf".

    Returns
    -------
    Array
        ``[*q.shape, ...]``, floating.
    """
    return _quantiles("nanquantile", a, q, axis, out, keepdims, method, weights, ignore_nan=True)


@implements(np.nanpercentile, nonempty=True, warns=_quantile_of_nan)
def nanpercentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: int | Sequence[int] | None = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: ArrayLike | None = None,
) -> Array:
    """Percentile of what is not nan.

    Parameters
    ----------
    a : array_like
        Of any shape.
    q : array_like
        Percentages, from 0 to 100.
    axis : int or tuple of int, optional
        All axes by default.
    out : None
        Not supported.
    overwrite_input : bool
        Ignored.
    method : str, default "linear"
        What to return between two elements: "linear", "lower", "higher", "nearest", "midpoint", or another of NumPy's.
    keepdims : bool, default False
        Whether the reduced axes stay, with size 1.
    weights : array_like, optional
        How much each element counts: of the shape of ``a``, or of the axes named; with the method "inverted_cdf".

    Returns
    -------
    Array
        ``[*q.shape, ...]``, floating.
    """
    return _quantiles("nanpercentile", a, q, axis, out, keepdims, method, weights, ignore_nan=True, per=100)


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
        ``[...]`` without the reduced axes, or with size 1; floating.

    Examples
    --------
    >>> jnp.median(jnp.array([3, 1, 2]))
    Array(2., dtype=float64)
    """
    return _quantile("median", a, (0.5, True), axis, out, keepdims, "midpoint", ignore_nan=False)


@implements(np.nanmedian, nonempty=True, warns=has_row_of_nan)
def nanmedian(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    out: None = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
) -> Array:
    """Median of what is not nan.

    Parameters
    ----------
    a : array_like
        Of any shape.
    axis : int or tuple of int, optional
        All axes by default.
    out : None
        Not supported.
    overwrite_input : bool
        Ignored.
    keepdims : bool, default False
        Whether the reduced axes stay, with size 1.

    Returns
    -------
    Array
        ``[...]`` without the reduced axes, or with size 1; floating.
    """
    return _quantile("nanmedian", a, (0.5, True), axis, out, keepdims, "midpoint", ignore_nan=True)


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
        Of the shape and dtype of ``a``.
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
