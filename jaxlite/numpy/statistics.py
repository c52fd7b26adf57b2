"""Counts: how often integers occur, and histograms of one and several dimensions.

jnp.histogram(x: f64[n], 4)  ->  edges from reduce_min and reduce_max; searchsorted; scatter_add
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy import ufuncs
from jaxlite.numpy.promotion import convert, operand, promote_dtypes, promote_inexact, strip_weak
from jaxlite.numpy.registry import implements
from jaxlite.numpy.selection import where
from jaxlite.numpy.sets import known
from jaxlite.numpy.shaping import ravel, reshape, stack
from jaxlite.numpy.sorting import searchsorted
from jaxlite.ops import structural
from jaxlite.trace import Tracer, aval_of
from jaxlite.typing import Array, ArrayLike

_INT64 = np.dtype(np.int64)

# --- integers ---------------------------------------------------------------------------------------


def _numpy_bincount(x, weights=None, minlength=0):
    # Lists of weights are refused; those of another dtype are left to the other path.
    if weights is not None and not (isinstance(weights, np.ndarray) and weights.dtype.kind in "biuf"):
        raise TypeError("weights")
    return np.bincount(x, weights, minlength)


@implements(np.bincount, eager=_numpy_bincount)
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
        Least length of the result.
    length : int, optional
        Of the result; needed where ``x`` is traced. Larger integers are not counted.

    Returns
    -------
    Array
        int64, or the dtype of the weights.

    Examples
    --------
    >>> jnp.bincount(jnp.array([0, 2, 2]))
    Array([1, 0, 2], dtype=int64)
    """
    x = operand("bincount", x)
    if aval_of(x).ndim != 1 or aval_of(x).dtype.kind not in "biu":
        raise ShapeError(f"bincount: {aval_of(x)} is not a vector of integers.")
    if length is None:
        (values,) = known("bincount", x)
        length = max(minlength, int(values.max()) + 1 if values.size else minlength)
    places = ufuncs.maximum(convert(x, _INT64), 0)
    if weights is None:
        weights = np.int64(1)
    else:
        (weights,) = promote_inexact("bincount", weights)
        weights = convert(weights, np.result_type(aval_of(weights).dtype, np.float64))
    counts = strip_weak(structural.full((length,), 0, aval_of(weights).dtype))
    return counts.at[places].add(weights, mode="drop")


# --- histograms -------------------------------------------------------------------------------------


@implements(np.histogram_bin_edges)
def histogram_bin_edges(
    a: ArrayLike,
    bins: ArrayLike | str = 10,
    range: Sequence[ArrayLike] | None = None,
    weights: ArrayLike | None = None,
) -> Array:
    """Return the edges of equal bins.

    Parameters
    ----------
    a : array_like
        Of any shape.
    bins : int, array_like or str, default 10
        How many, or ``[k + 1]`` the edges themselves, or the name of one of NumPy's rules, such as "auto", which needs
        to know the elements.
    range : pair of number, optional
        By default the smallest and largest element.
    weights : any
        Ignored.

    Returns
    -------
    Array
        ``[k + 1]``, floating.
    """
    if isinstance(bins, str):
        return strip_weak(np.histogram_bin_edges(known("histogram_bin_edges", a)[0], bins, range, weights))
    bins = operand("histogram_bin_edges", bins)
    if aval_of(bins).ndim == 1:
        return strip_weak(bins)
    count = _count(bins)
    x = ravel(promote_inexact("histogram_bin_edges", a)[0])
    if range is not None:
        low, high = map(strip_weak, promote_inexact("histogram", *range))
    elif x.size:
        low, high = x.min(), x.max()
    else:
        low, high = map(strip_weak, (aval_of(x).dtype.type(0), aval_of(x).dtype.type(1)))
    equal = ufuncs.equal(low, high)
    low, high = where(equal, low - 0.5, low), where(equal, high + 0.5, high)
    share = np.arange(count + 1) / count
    edges = low + (high - low) * share.astype(aval_of(low).dtype)
    # The last edge is the bound itself, not what rounding makes of it.
    return where(np.arange(count + 1) == count, high, edges)


def _count(bins) -> int:
    if isinstance(bins, Tracer) or int(bins) != bins or bins < 1:
        raise ArgumentError(
            f"histogram: {bins} bins.", why="the number of bins must be known and at least 1."
        )
    return int(bins)


def _places(x, edges):
    """Return the bin of each element, and the number of bins for those outside; the last bin has both its edges."""
    count = aval_of(edges).size - 1
    place = ufuncs.subtract(searchsorted(edges, x, "right"), 1)
    place = where(ufuncs.equal(x, edges[-1]), count - 1, place)
    return where(ufuncs.less(place, 0), count, place)


@implements(np.histogram, positional=3)
def histogram(
    a: ArrayLike,
    bins: ArrayLike | str = 10,
    range: Sequence[ArrayLike] | None = None,
    weights: ArrayLike | None = None,
    density: bool | None = None,
) -> tuple[Array, Array]:
    """Count elements in bins.

    Parameters
    ----------
    a : array_like
        Of any shape.
    bins : int, array_like or str, default 10
        As for `histogram_bin_edges`; the last bin holds its right edge.
    range : pair of number, optional
        By default the smallest and largest element.
    weights : array_like, optional
        Of the shape of ``a``; added up instead of counted.
    density : bool, optional
        Whether the histogram is scaled to have area 1.

    Returns
    -------
    counts : Array
        ``[k]``, int64, or of the dtype of the weights, or floating for a density.
    edges : Array
        ``[k + 1]``

    Examples
    --------
    >>> jnp.histogram(jnp.array([0.0, 0.1, 1.0]), bins=2)
    (Array([2, 1], dtype=int64), Array([0. , 0.5, 1. ], dtype=float64))
    """
    x = ravel(a)
    edges = histogram_bin_edges(x, bins, range)
    count = aval_of(edges).size - 1
    weights = np.int64(1) if weights is None else ravel(weights)
    counts = strip_weak(structural.full((count,), 0, aval_of(weights).dtype))
    counts = counts.at[_places(x, edges)].add(weights, mode="drop")
    if density:
        counts = counts / counts.sum() / (edges[1:] - edges[:-1])
    return counts, edges


@implements(np.histogramdd, positional=3)
def histogramdd(
    sample: Any,
    bins: Any = 10,
    range: Sequence | None = None,
    weights: ArrayLike | None = None,
    density: bool | None = None,
) -> tuple[Array, list[Array]]:
    """Count points in boxes.

    Parameters
    ----------
    sample : array_like
        ``[n, d]``, points; or a sequence of their d coordinates, ``[n]`` each.
    bins : int, or sequence of int or array_like, default 10
        For each coordinate how many, or the edges.
    range : sequence of (pair of number or None), optional
        For each coordinate; by default its smallest and largest.
    weights : array_like, optional
        ``[n]``, added up instead of counted.
    density : bool, optional
        Whether the histogram is scaled to have volume 1.

    Returns
    -------
    counts : Array
        ``[k_1, ..., k_d]``, floating.
    edges : list of Array
        ``[k_i + 1]`` each.
    """
    if isinstance(sample, list | tuple):
        sample = stack([strip_weak(operand("histogramdd", x, i)) for i, x in enumerate(sample)], axis=-1)
    x = strip_weak(operand("histogramdd", sample))
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2:
        raise ShapeError(f"histogramdd: {aval_of(x)} are no points.", why="points are [n, d].")
    d = x.shape[1]
    per_axis = (
        list(bins) if isinstance(bins, list | tuple | np.ndarray) and np.ndim(bins[0:1]) else [bins] * d
    )
    ranges = [None] * d if range is None else list(range)
    if len(per_axis) != d or len(ranges) != d:
        raise ArgumentError(
            f"histogramdd: {len(per_axis)} numbers of bins and {len(ranges)} ranges for {d} coordinates."
        )
    edges = [histogram_bin_edges(x[:, i], per_axis[i], ranges[i]) for i in builtins.range(d)]
    shape = tuple(aval_of(e).size - 1 for e in edges)
    flat, outside = np.int64(0), np.bool_(False)
    for i in builtins.range(d):
        place = _places(x[:, i], edges[i])
        flat = ufuncs.add(ufuncs.multiply(flat, shape[i]), place)
        outside = ufuncs.logical_or(outside, ufuncs.equal(place, shape[i]))
    flat = where(outside, math.prod(shape), flat)
    weights = np.float64(1) if weights is None else ravel(promote_dtypes("histogramdd", weights, 1.0)[0])
    counts = strip_weak(structural.full((math.prod(shape),), 0, aval_of(weights).dtype))
    counts = reshape(counts.at[flat].add(weights, mode="drop"), shape)
    if density:
        counts = counts / counts.sum()
        for i, e in enumerate(edges):
            counts = counts / reshape(e[1:] - e[:-1], [-1 if k == i else 1 for k in builtins.range(d)])
    return counts, edges


@implements(np.histogram2d, arrays=2, positional=4)
def histogram2d(
    x: ArrayLike,
    y: ArrayLike,
    bins: Any = 10,
    range: Sequence | None = None,
    weights: ArrayLike | None = None,
    density: bool | None = None,
) -> tuple[Array, Array, Array]:
    """Count points of the plane in boxes.

    Parameters
    ----------
    x, y : array_like
        ``[n]`` each, coordinates.
    bins : int, array_like, or pair of them, default 10
        For both coordinates or for each: how many, or the edges.
    range : pair of (pair of number or None), optional
        For each coordinate; by default its smallest and largest.
    weights : array_like, optional
        ``[n]``, added up instead of counted.
    density : bool, optional
        Whether the histogram is scaled to have volume 1.

    Returns
    -------
    counts : Array
        ``[k_x, k_y]``, floating.
    x_edges, y_edges : Array
        ``[k_x + 1]`` and ``[k_y + 1]``
    """
    # As in NumPy: anything but one or two entries are edges for both.
    if np.ndim(bins if not isinstance(bins, list | tuple) else [0] * len(bins)) and len(bins) not in (1, 2):
        bins = [operand("histogram2d", np.asarray(bins) if isinstance(bins, list | tuple) else bins)] * 2
    elif isinstance(bins, list | tuple) and len(bins) == 1:
        bins = bins[0]
    counts, (x_edges, y_edges) = histogramdd([ravel(x), ravel(y)], bins, range, weights, density)
    return counts, x_edges, y_edges
