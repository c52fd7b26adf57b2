"""Reductions over axes: sums, products, extremes, means, variances, logic, running sums.

    jnp.mean(x: i64[2,3], axis=0)  ->  convert_element_type[f64]; reduce_sum[axes=(0,)]; div … 2.0

Dtypes are NumPy's: sums of bools and of narrow integers are 64-bit integers, means of integers are float64.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxlite.dtypes import as_dtype, real_dtype
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy import ufuncs
from jaxlite.numpy.promotion import (
    broadcast_array,
    canonical_axes,
    canonical_axis,
    convert,
    inexact_dtype,
    operand,
    promote_inexact,
    strip_weak,
)
from jaxlite.numpy.registry import REFUSALS, implements
from jaxlite.numpy.selection import real, truth
from jaxlite.numpy.selection import where as where_
from jaxlite.numpy.shaping import concatenate, ravel, reject_out, reshape, slice_axis
from jaxlite.ops import cumulative, elementwise, reductions, structural
from jaxlite.trace import aval_of
from jaxlite.typing import Array, ArrayLike, DTypeLike


def _prepare(name: str, a, axis):
    """Return the operand and the reduced axes."""
    x = operand(name, a)
    return x, canonical_axes(axis, aval_of(x).ndim)


def _keep(x, shape, axes, keepdims: bool):
    """Put reduced axes back with size 1 if they are to be kept."""
    if not keepdims:
        return strip_weak(x)
    return strip_weak(structural.reshape(x, tuple([1 if d in axes else n for d, n in enumerate(shape)])))


def _masked(x, mask, neutral):
    """Replace what does not count by a value that does not matter."""
    return x if mask is None else where_(mask, x, aval_of(x).dtype.type(neutral))


def sum_dtype(dtype: np.dtype) -> np.dtype:
    """Return the dtype in which NumPy sums."""
    if dtype.kind in "bi":
        return np.dtype(np.int64)
    return np.dtype(np.uint64) if dtype.kind == "u" else dtype


def _count(shape, axes) -> int:
    count = 1
    for axis in axes:
        count *= shape[axis]
    return count


def _accumulating(name: str, primitive, a, axis, dtype, out, keepdims, initial, where, neutral, combine):
    reject_out(name, out)
    x, axes = _prepare(name, a, axis)
    aval = aval_of(x)
    x = convert(x, sum_dtype(aval.dtype) if dtype is None else as_dtype(dtype))
    x = _masked(x, where, neutral)
    result = _keep(primitive(x, axes), aval_of(x).shape, axes, keepdims)
    return (
        result if initial is None else combine(result, convert(operand(name, initial), aval_of(result).dtype))
    )


@implements(np.sum)
def sum(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Add up elements over axes.

    Parameters
    ----------
    a : array_like
    axis : int or tuple of int, optional
        All axes by default.
    dtype : dtype, optional
        In which to add; by default int64 (uint64) for bools and integers, else that of ``a``.
    out : None
        Not supported.
    keepdims : bool, default False
        Whether the reduced axes stay, with size 1.
    initial : number, optional
        Added to the result.
    where : array of bool, optional
        Which elements count.

    Returns
    -------
    Array
        ``[...]`` without the reduced axes, or with size 1.

    Examples
    --------
    >>> jnp.sum(jnp.arange(6).reshape(2, 3), axis=0)
    Array([3, 5, 7], dtype=int64)
    """
    return _accumulating(
        "sum", reductions.reduce_sum, a, axis, dtype, out, keepdims, initial, where, 0, ufuncs.add
    )


@implements(np.prod)
def prod(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Multiply elements over axes.

    Parameters
    ----------
    a : array_like
    axis : int or tuple of int, optional
        All axes by default.
    dtype, out, keepdims, initial, where
        As for `sum`.

    Returns
    -------
    Array
        ``[...]`` without the reduced axes, or with size 1.

    Examples
    --------
    >>> jnp.prod(jnp.array([2, 3, 4]))
    Array(24, dtype=int64)
    """
    return _accumulating(
        "prod", reductions.reduce_prod, a, axis, dtype, out, keepdims, initial, where, 1, ufuncs.multiply
    )


def _extreme(name: str, primitive, a, axis, out, keepdims, initial, where, worst, combine):
    reject_out(name, out)
    x, axes = _prepare(name, a, axis)
    aval = aval_of(x)
    if where is not None:
        if initial is None:
            raise ArgumentError(
                f"{name}: where= needs initial=.", why="there is no result where no element counts."
            )
        x = _masked(x, where, worst(aval.dtype))
    if initial is not None:
        start = convert(operand(name, initial), aval.dtype)
        if _count(aval_of(x).shape, axes) == 0:
            kept = [n for d, n in enumerate(aval.shape) if d not in axes]
            return _keep(broadcast_array(start, tuple(kept)), aval.shape, axes, keepdims)
    shape = aval_of(x).shape
    if _count(shape, axes) == 0:
        raise ShapeError(
            f"{name}: {aval} is empty along the axes reduced.",
            why=f"the {name} of no elements has no value.",
            fix="pass initial=.",
        )
    result = _keep(primitive(x, axes), shape, axes, keepdims)
    return result if initial is None else combine(result, start)


def _lowest(dtype: np.dtype):
    if dtype.kind in "fc":
        return -np.inf
    return False if dtype.kind == "b" else np.iinfo(dtype).min


def _highest(dtype: np.dtype):
    if dtype.kind in "fc":
        return np.inf
    return True if dtype.kind == "b" else np.iinfo(dtype).max


@implements(np.max, np.amax)
def max(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Largest element over axes; nan if one of them is nan.

    Parameters
    ----------
    a : array_like
    axis : int or tuple of int, optional
        All axes by default.
    out : None
        Not supported.
    keepdims : bool, default False
    initial : number, optional
        A lower bound of the result; needed where there may be no element.
    where : array of bool, optional
        Which elements count.

    Returns
    -------
    Array
        ``[...]`` without the reduced axes, or with size 1; of the dtype of ``a``.

    Notes
    -----
    k equal largest elements share the derivative: 1/k each.

    Examples
    --------
    >>> jnp.max(jnp.array([[1, 5], [7, 2]]), axis=1)
    Array([5, 7], dtype=int64)
    """
    return _extreme(
        "max", reductions.reduce_max, a, axis, out, keepdims, initial, where, _lowest, ufuncs.maximum
    )


@implements(np.min, np.amin)
def min(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Smallest element over axes; nan if one of them is nan.

    Parameters
    ----------
    a : array_like
    axis : int or tuple of int, optional
        All axes by default.
    out : None
        Not supported.
    keepdims : bool, default False
    initial : number, optional
        An upper bound of the result; needed where there may be no element.
    where : array of bool, optional
        Which elements count.

    Returns
    -------
    Array
        ``[...]`` without the reduced axes, or with size 1; of the dtype of ``a``.

    Examples
    --------
    >>> jnp.min(jnp.array([[1, 5], [7, 2]]), axis=0)
    Array([1, 2], dtype=int64)
    """
    return _extreme(
        "min", reductions.reduce_min, a, axis, out, keepdims, initial, where, _highest, ufuncs.minimum
    )


amax, amin = max, min


@implements(np.ptp)
def ptp(
    a: ArrayLike, axis: int | Sequence[int] | None = None, out: None = None, keepdims: bool = False
) -> Array:
    """Largest minus smallest element over axes.

    Parameters
    ----------
    a : array_like
    axis : int or tuple of int, optional
    out : None
        Not supported.
    keepdims : bool, default False

    Returns
    -------
    Array
        ``[...]`` without the reduced axes, or with size 1; of the dtype of ``a``.
    """
    reject_out("ptp", out)
    return ufuncs.subtract(max(a, axis, keepdims=keepdims), min(a, axis, keepdims=keepdims))


@implements(np.all)
def all(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    out: None = None,
    keepdims: bool = False,
    *,
    where: ArrayLike | None = None,
) -> Array:
    """Whether all elements over axes are true (not zero).

    Parameters
    ----------
    a : array_like
    axis : int or tuple of int, optional
    out : None
        Not supported.
    keepdims : bool, default False
    where : array of bool, optional
        Which elements count.

    Returns
    -------
    Array
        bool

    Examples
    --------
    >>> jnp.all(jnp.array([[True, False], [True, True]]), axis=1)
    Array([False,  True], dtype=bool)
    """
    reject_out("all", out)
    x, axes = _prepare("all", a, axis)
    x = _masked(truth(x), where, True)
    return _keep(reductions.reduce_and(x, axes), aval_of(x).shape, axes, keepdims)


@implements(np.any)
def any(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    out: None = None,
    keepdims: bool = False,
    *,
    where: ArrayLike | None = None,
) -> Array:
    """Whether any element over axes is true (not zero).

    Parameters
    ----------
    a : array_like
    axis : int or tuple of int, optional
    out : None
        Not supported.
    keepdims : bool, default False
    where : array of bool, optional
        Which elements count.

    Returns
    -------
    Array
        bool

    Examples
    --------
    >>> jnp.any(jnp.array([[True, False], [False, False]]), axis=1)
    Array([ True, False], dtype=bool)
    """
    reject_out("any", out)
    x, axes = _prepare("any", a, axis)
    x = _masked(truth(x), where, False)
    return _keep(reductions.reduce_or(x, axes), aval_of(x).shape, axes, keepdims)


@implements(np.count_nonzero)
def count_nonzero(a: ArrayLike, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Array:
    """Count the elements that are not zero.

    Parameters
    ----------
    a : array_like
    axis : int or tuple of int, optional
    keepdims : bool, default False

    Returns
    -------
    Array
        int64

    Examples
    --------
    >>> jnp.count_nonzero(jnp.array([0, 3, 4]))
    Array(2, dtype=int64)
    """
    return sum(truth(operand("count_nonzero", a)), axis, keepdims=keepdims)


# --- means and variances ----------------------------------------------------------------------------


def _count_where(where, shape, axis, dtype: np.dtype, keepdims: bool):
    counted = convert(operand("where", where), dtype)
    return sum(broadcast_array(counted, shape), axis, keepdims=keepdims)


def _divides_by_none(arguments, keywords) -> bool:
    """Whether NumPy's mean, var or std may warn that too few elements count."""
    if "where" in keywords or len(arguments) > 4:
        return True
    ddof = keywords.get("ddof", 0)
    if not ddof:
        return False
    shape, axis = np.shape(arguments[0]), arguments[1] if len(arguments) > 1 else keywords.get("axis")
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return ddof >= _count(shape, axes)


@implements(np.mean, nonempty=True, warns=_divides_by_none)
def mean(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    keepdims: bool = False,
    *,
    where: ArrayLike | None = None,
) -> Array:
    """Mean over axes.

    Parameters
    ----------
    a : array_like
    axis : int or tuple of int, optional
        All axes by default.
    dtype : dtype, optional
        Of the result; by default float64 for bools and integers, else that of ``a``.
    out : None
        Not supported.
    keepdims : bool, default False
    where : array of bool, optional
        Which elements count.

    Returns
    -------
    Array
        ``[...]`` without the reduced axes, or with size 1; floating or complex.

    Examples
    --------
    >>> jnp.mean(jnp.arange(4))
    Array(1.5, dtype=float64)
    """
    reject_out("mean", out)
    x, axes = _prepare("mean", a, axis)
    shape = aval_of(x).shape
    result_dtype = inexact_dtype(aval_of(x).dtype) if dtype is None else as_dtype(dtype)
    # Half precision is summed in single precision, as NumPy does: 65504 is soon exceeded.
    working = np.dtype(np.float32) if result_dtype == np.float16 else result_dtype
    total = sum(x, axis, working, keepdims=keepdims, where=where)
    if where is None:
        count = working.type(_count(shape, axes))
    else:
        count = _count_where(where, shape, axis, working, keepdims)
    return strip_weak(convert(ufuncs.divide(total, count), result_dtype))


@implements(np.var, nonempty=True, warns=_divides_by_none)
def var(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    ddof: int | float = 0,
    keepdims: bool = False,
    *,
    where: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    correction: ArrayLike | None = None,
) -> Array:
    """Variance over axes: the mean of |a - mean(a)|².

    Parameters
    ----------
    a : array_like
    axis : int or tuple of int, optional
        All axes by default.
    dtype : dtype, optional
        In which to compute.
    out : None
        Not supported.
    ddof, correction : number, default 0
        The divisor is the number of elements minus this.
    keepdims : bool, default False
    where : array of bool, optional
        Which elements count.
    mean : array_like, optional
        The mean, if it is known, with the axes kept.

    Returns
    -------
    Array
        Real, also for complex ``a``.

    Examples
    --------
    >>> jnp.var(jnp.arange(3.0))
    Array(0.66666667, dtype=float64)
    """
    reject_out("var", out)
    x, axes = _prepare("var", a, axis)
    shape = aval_of(x).shape
    working = inexact_dtype(aval_of(x).dtype) if dtype is None else as_dtype(dtype)
    result_dtype = real_dtype(working)
    if working == np.float16:
        working = np.dtype(np.float32)
    x = convert(x, working)
    center = _mean(x, axis, keepdims=True, where=where) if mean is None else mean
    centered = ufuncs.subtract(x, center)
    if working.kind == "c":
        squares = elementwise.real(elementwise.mul(centered, elementwise.conj(centered)))
    else:
        squares = ufuncs.square(centered)
    total = sum(squares, axis, keepdims=keepdims, where=where)
    if where is None:
        count = _count(shape, axes)
    else:
        count = _count_where(where, shape, axis, np.dtype(np.float64), keepdims)
    divisor = count - (ddof if correction is None else correction)
    if where is None:
        # NumPy never divides by a negative number of degrees of freedom.
        divisor = real_dtype(working).type(divisor if divisor > 0 else 0)
    else:
        divisor = convert(ufuncs.maximum(divisor, 0.0), real_dtype(working))
    return strip_weak(convert(ufuncs.divide(total, divisor), result_dtype))


_mean = mean


@implements(np.std, nonempty=True, warns=_divides_by_none)
def std(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    ddof: int | float = 0,
    keepdims: bool = False,
    *,
    where: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    correction: ArrayLike | None = None,
) -> Array:
    """Standard deviation over axes: the square root of the variance.

    Parameters
    ----------
    a : array_like
    axis, dtype, out, ddof, keepdims, where, mean, correction
        As for `var`.

    Returns
    -------
    Array
        Real. The derivative is nan where all elements are equal.

    Examples
    --------
    >>> jnp.std(jnp.array([1.0, 3.0]))
    Array(1., dtype=float64)
    """
    return ufuncs.sqrt(
        var(a, axis, dtype, out, ddof, keepdims, where=where, mean=mean, correction=correction)
    )


@implements(np.average)
def average(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    weights: ArrayLike | None = None,
    returned: bool = False,
    keepdims: bool = False,
) -> Array | tuple[Array, Array]:
    """Weighted mean over axes.

    Parameters
    ----------
    a : array_like
    axis : int or tuple of int, optional
    weights : array_like, optional
        Of the shape of ``a``, or one per element of ``axis``.
    returned : bool, default False
        Whether to return the sum of weights too.
    keepdims : bool, default False

    Returns
    -------
    Array, or pair of Array
    """
    x = operand("average", a)
    shape = aval_of(x).shape
    axes = canonical_axes(axis, len(shape))
    if weights is None:
        result = mean(x, axis, keepdims=keepdims)
        total = aval_of(result).dtype.type(_count(shape, axes))
    else:
        x, weights = promote_inexact("average", x, weights)
        if aval_of(weights).shape != shape:
            if len(axes) != 1 or aval_of(weights).shape != (shape[axes[0]],):
                raise ShapeError(
                    f"average: weights of type {aval_of(weights)} do not fit axis {axis} of {aval_of(x)}.",
                    why="weights have the shape of the array, or are one vector along one axis.",
                )
            weights = reshape(weights, [n if d == axes[0] else 1 for d, n in enumerate(shape)])
            weights = broadcast_array(weights, shape)
        total = sum(weights, axis, keepdims=keepdims)
        result = ufuncs.divide(sum(ufuncs.multiply(x, weights), axis, keepdims=keepdims), total)
    if not returned:
        return result
    return result, strip_weak(broadcast_array(operand("average", total), aval_of(result).shape))


# --- where the extreme is ---------------------------------------------------------------------------


def _index_of_extreme(name: str, primitive, a, axis, out, keepdims):
    reject_out(name, out)
    x = operand(name, a)
    shape = aval_of(x).shape
    if axis is None:
        x, axis, kept = ravel(x), 0, (1,) * len(shape)
    else:
        axis = canonical_axis(axis, len(shape))
        kept = tuple(1 if d == axis else n for d, n in enumerate(shape))
    result = primitive(x, (axis,), np.dtype(np.int64))
    return structural.reshape(result, kept) if keepdims else result


@implements(np.argmax)
def argmax(a: ArrayLike, axis: int | None = None, out: None = None, keepdims: bool = False) -> Array:
    """Index of the first largest element, or of the first nan.

    Parameters
    ----------
    a : array_like
    axis : int, optional
        By default the index is into the flattened array.
    out : None
        Not supported.
    keepdims : bool, default False

    Returns
    -------
    Array
        int64

    Examples
    --------
    >>> jnp.argmax(jnp.array([[1, 5], [7, 2]]), axis=1)
    Array([1, 0], dtype=int64)
    """
    return _index_of_extreme("argmax", reductions.argmax, a, axis, out, keepdims)


@implements(np.argmin)
def argmin(a: ArrayLike, axis: int | None = None, out: None = None, keepdims: bool = False) -> Array:
    """Index of the first smallest element, or of the first nan.

    Parameters
    ----------
    a : array_like
    axis : int, optional
        By default the index is into the flattened array.
    out : None
        Not supported.
    keepdims : bool, default False

    Returns
    -------
    Array
        int64

    Examples
    --------
    >>> jnp.argmin(jnp.array([3, 1, 2]))
    Array(1, dtype=int64)
    """
    return _index_of_extreme("argmin", reductions.argmin, a, axis, out, keepdims)


# --- ignoring nan -----------------------------------------------------------------------------------


def _without_nan(name: str, a, replacement):
    """Return the operand with nan replaced, and where there was none."""
    x = operand(name, a)
    if aval_of(x).dtype.kind not in "fc":
        return x, None
    present = ufuncs.logical_not(ufuncs.isnan(x))
    return where_(present, x, aval_of(x).dtype.type(replacement)), present


def _place_or_none(find, x, present, axis, out, keepdims: bool):
    """Return what ``find`` finds; -1 where nothing was present."""
    place = find(x, axis, out, keepdims)
    return place if present is None else where_(any(present, axis, keepdims=keepdims), place, -1)


def _largest_number(a, axis=None, out=None, keepdims=False, **options):
    """Do what ``np.nanmax`` does, without its warning where all are nan."""
    if out is not None:
        raise TypeError("out")
    return np.fmax.reduce(a, axis=axis, keepdims=keepdims, **options)


def _smallest_number(a, axis=None, out=None, keepdims=False, **options):
    if out is not None:
        raise TypeError("out")
    return np.fmin.reduce(a, axis=axis, keepdims=keepdims, **options)


def has_row_of_nan(arguments, keywords, at: int = 1) -> bool:
    """Whether some reduced row may be all nan, at which NumPy's functions warn; argument ``at`` is the axis."""
    a = arguments[0]
    if not isinstance(a, np.ndarray) or a.dtype.kind not in "fc":
        return False
    axis = arguments[at] if len(arguments) > at else keywords.get("axis")
    if axis is None and a.size and (first := a.item(0)) == first:
        return False
    try:
        largest = np.fmax.reduce(a, axis=axis)
        # The maximum is nan where one of them is.
        worst = np.maximum.reduce(largest, axis=None) if type(largest) is np.ndarray else largest
        return bool(worst != worst)
    except REFUSALS:
        return True


@implements(np.nansum)
def nansum(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Sum over axes of what is not nan.

    Parameters
    ----------
    a : array_like
        Of any shape.
    axis : int or tuple of int, optional
        All axes by default.
    dtype : dtype, optional
        In which to compute, as for `sum`.
    out : None
        Not supported.
    keepdims : bool, default False
        Whether the reduced axes stay, with size 1.
    initial : number, optional
        As for `sum`.
    where : array of bool, optional
        Which elements count.

    Returns
    -------
    Array
        ``[...]`` without the reduced axes, or with size 1; of the dtype that `sum` gives.
    """
    return sum(_without_nan("nansum", a, 0)[0], axis, dtype, out, keepdims, initial, where)


@implements(np.nanprod)
def nanprod(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Product over axes of what is not nan.

    Parameters
    ----------
    a : array_like
        Of any shape.
    axis : int or tuple of int, optional
        All axes by default.
    dtype : dtype, optional
        In which to compute, as for `prod`.
    out : None
        Not supported.
    keepdims : bool, default False
        Whether the reduced axes stay, with size 1.
    initial : number, optional
        As for `prod`.
    where : array of bool, optional
        Which elements count.

    Returns
    -------
    Array
        ``[...]`` without the reduced axes, or with size 1; of the dtype that `prod` gives.
    """
    return prod(_without_nan("nanprod", a, 1)[0], axis, dtype, out, keepdims, initial, where)


def _nan_extreme(name: str, reduce, a, axis, out, keepdims, initial, where, worst):
    x, present = _without_nan(name, a, worst)
    result = reduce(x, axis, out, keepdims, initial, where)
    if present is None or initial is not None:
        return result
    return where_(any(present, axis, keepdims=keepdims), result, aval_of(result).dtype.type(np.nan))


@implements(np.nanmax, eager=_largest_number)
def nanmax(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Largest element over axes that is not nan.

    Parameters
    ----------
    a : array_like
        Of any shape.
    axis : int or tuple of int, optional
        All axes by default.
    out : None
        Not supported.
    keepdims : bool, default False
        Whether the reduced axes stay, with size 1.
    initial : number, optional
        As for `max`.
    where : array of bool, optional
        Which elements count.

    Returns
    -------
    Array
        ``[...]`` without the reduced axes, or with size 1; of the dtype of ``a``. nan where all are.
    """
    return _nan_extreme("nanmax", max, a, axis, out, keepdims, initial, where, -np.inf)


@implements(np.nanmin, eager=_smallest_number)
def nanmin(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Array:
    """Smallest element over axes that is not nan.

    Parameters
    ----------
    a : array_like
        Of any shape.
    axis : int or tuple of int, optional
        All axes by default.
    out : None
        Not supported.
    keepdims : bool, default False
        Whether the reduced axes stay, with size 1.
    initial : number, optional
        As for `min`.
    where : array of bool, optional
        Which elements count.

    Returns
    -------
    Array
        ``[...]`` without the reduced axes, or with size 1; of the dtype of ``a``. nan where all are.
    """
    return _nan_extreme("nanmin", min, a, axis, out, keepdims, initial, where, np.inf)


def _numpy_nanmean(a, axis=None, *, keepdims=False):
    """The steps of NumPy's function, without its warnings, which would have to be foreseen."""
    if _is_of_integers(a):
        return np.mean(a, axis, keepdims=keepdims)
    absent, present, count = _present(a, axis, keepdims)
    return _divided(np.add.reduce(present, axis, keepdims=keepdims), count)


def _numpy_nanvar(a, axis=None, *, ddof=0, keepdims=False):
    if _is_of_integers(a):
        if ddof:
            raise TypeError("np.var may warn")
        return np.var(a, axis, keepdims=keepdims)
    absent, present, count = _present(a, axis, True)
    deviation = present - _divided(np.add.reduce(present, axis, keepdims=True), count)
    deviation[absent] = 0
    square = (deviation * deviation.conj()).real if a.dtype.kind == "c" else deviation * deviation
    freedom = np.maximum(count - ddof, 0)
    variance = _divided(np.add.reduce(square, axis, keepdims=True), freedom)
    variance = variance if np.all(freedom) else np.where(freedom, variance, variance.dtype.type(np.nan))
    return variance if keepdims else np.squeeze(variance, axis)


def _is_of_integers(a) -> bool:
    """Whether no element can be nan; TypeError where nothing is to be averaged, of which NumPy warns."""
    if not isinstance(a, np.ndarray) or not a.size:
        raise TypeError("no elements")
    return a.dtype.kind in "biu"


def _numpy_nanstd(a, axis=None, *, ddof=0, keepdims=False):
    return np.sqrt(_numpy_nanvar(a, axis, ddof=ddof, keepdims=keepdims))


def _present(a, axis, keepdims):
    """Return where elements are nan, the array with zeros there, and how many others there are."""
    absent = np.isnan(a)
    present = a.copy()
    present[absent] = 0
    return absent, present, np.add.reduce(~absent, axis, np.intp, keepdims=keepdims)


def _divided(total, count):
    """Return the quotient in the dtype of ``total``."""
    return np.true_divide(total, count).astype(total.dtype, copy=False)


@implements(np.nanmean, eager=_numpy_nanmean)
def nanmean(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    keepdims: bool = False,
    where: ArrayLike | None = None,
) -> Array:
    """Mean over axes of what is not nan.

    Parameters
    ----------
    a : array_like
        Of any shape.
    axis : int or tuple of int, optional
        All axes by default.
    dtype : dtype, optional
        In which to compute, as for `mean`.
    out : None
        Not supported.
    keepdims : bool, default False
        Whether the reduced axes stay, with size 1.
    where : array of bool, optional
        Which elements count.

    Returns
    -------
    Array
        ``[...]`` without the reduced axes, or with size 1; floating or complex.
    """
    _, present = _without_nan("nanmean", a, 0)
    return mean(a, axis, dtype, out, keepdims, where=_both(present, where))


@implements(np.nanvar, eager=_numpy_nanvar)
def nanvar(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    ddof: int | float = 0,
    keepdims: bool = False,
    where: ArrayLike | None = None,
) -> Array:
    """Variance over axes of what is not nan.

    Parameters
    ----------
    a : array_like
        Of any shape.
    axis : int or tuple of int, optional
        All axes by default.
    dtype : dtype, optional
        In which to compute, as for `var`.
    out : None
        Not supported.
    ddof : number, default 0
        The divisor is the number of elements that count, less this.
    keepdims : bool, default False
        Whether the reduced axes stay, with size 1.
    where : array of bool, optional
        Which elements count.

    Returns
    -------
    Array
        ``[...]`` without the reduced axes, or with size 1; floating.
    """
    # Without the nan itself: its derivative is zero times nan.
    x, present = _without_nan("nanvar", a, 0)
    counted = _both(present, where)
    result = var(x, axis, dtype, out, ddof, keepdims, where=counted)
    if present is None or not ddof:
        return result
    # nan where nothing is free to vary, which `var` makes inf of.
    free = ufuncs.greater(sum(counted, axis, keepdims=keepdims), ddof)
    return where_(free, result, aval_of(result).dtype.type(np.nan))


@implements(np.nanstd, eager=_numpy_nanstd)
def nanstd(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
    out: None = None,
    ddof: int | float = 0,
    keepdims: bool = False,
    where: ArrayLike | None = None,
) -> Array:
    """Standard deviation over axes of what is not nan.

    Parameters
    ----------
    a : array_like
        Of any shape.
    axis : int or tuple of int, optional
        All axes by default.
    dtype : dtype, optional
        In which to compute, as for `std`.
    out : None
        Not supported.
    ddof : number, default 0
        The divisor is the number of elements that count, less this.
    keepdims : bool, default False
        Whether the reduced axes stay, with size 1.
    where : array of bool, optional
        Which elements count.

    Returns
    -------
    Array
        ``[...]`` without the reduced axes, or with size 1; floating.
    """
    return ufuncs.sqrt(nanvar(a, axis, dtype, out, ddof, keepdims, where))


def _both(present, where):
    if present is None or where is None:
        return where if present is None else present
    return ufuncs.logical_and(present, where)


@implements(np.nanargmax)
def nanargmax(a: ArrayLike, axis: int | None = None, out: None = None, keepdims: bool = False) -> Array:
    """Index of the first largest element that is not nan.

    Parameters
    ----------
    a : array_like
        Of any shape.
    axis : int, optional
        By default the array is flattened first.
    out : None
        Not supported.
    keepdims : bool, default False
        Whether the reduced axes stay, with size 1.

    Returns
    -------
    Array
        int64, ``[...]`` without the reduced axes, or with size 1; -1 where all are nan, as in JAX
    """
    return _place_or_none(argmax, *_without_nan("nanargmax", a, -np.inf), axis, out, keepdims)


@implements(np.nanargmin)
def nanargmin(a: ArrayLike, axis: int | None = None, out: None = None, keepdims: bool = False) -> Array:
    """Index of the first smallest element that is not nan.

    Parameters
    ----------
    a : array_like
        Of any shape.
    axis : int, optional
        By default the array is flattened first.
    out : None
        Not supported.
    keepdims : bool, default False
        Whether the reduced axes stay, with size 1.

    Returns
    -------
    Array
        int64, ``[...]`` without the reduced axes, or with size 1; -1 where all are nan, as in JAX
    """
    return _place_or_none(argmin, *_without_nan("nanargmin", a, np.inf), axis, out, keepdims)


# --- running --------------------------------------------------------------------------------------


def _running(name: str, primitive, a, axis, dtype, out):
    reject_out(name, out)
    x = operand(name, a)
    x = convert(x, sum_dtype(aval_of(x).dtype) if dtype is None else as_dtype(dtype))
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    return primitive(x, canonical_axis(axis, aval_of(x).ndim))


@implements(np.cumsum)
def cumsum(a: ArrayLike, axis: int | None = None, dtype: DTypeLike | None = None, out: None = None) -> Array:
    """Running sum along an axis.

    Parameters
    ----------
    a : array_like
    axis : int, optional
        By default the array is flattened.
    dtype : dtype, optional
        By default as for `sum`.
    out : None
        Not supported.

    Returns
    -------
    Array
        ``[..., n, ...]``, or a vector.

    Examples
    --------
    >>> jnp.cumsum(jnp.arange(4))
    Array([0, 1, 3, 6], dtype=int64)
    """
    return _running("cumsum", cumulative.cumsum, a, axis, dtype, out)


@implements(np.cumprod)
def cumprod(a: ArrayLike, axis: int | None = None, dtype: DTypeLike | None = None, out: None = None) -> Array:
    """Running product along an axis.

    Parameters
    ----------
    a : array_like
    axis : int, optional
        By default the array is flattened.
    dtype : dtype, optional
        By default as for `sum`.
    out : None
        Not supported.

    Returns
    -------
    Array
        ``[..., n, ...]``, or a vector.

    Examples
    --------
    >>> jnp.cumprod(jnp.array([1, 2, 3]))
    Array([1, 2, 6], dtype=int64)
    """
    return _running("cumprod", cumulative.cumprod, a, axis, dtype, out)


def _cumulative(name: str, primitive, x, axis, dtype, include_initial: bool, neutral):
    x = operand(name, x)
    if axis is None:
        if aval_of(x).ndim != 1:
            raise ArgumentError(
                f"{name}: axis= is needed for {aval_of(x)}.", why="it has other than one axis."
            )
        axis = 0
    axis = canonical_axis(axis, aval_of(x).ndim)
    result = _running(name, primitive, x, axis, dtype, None)
    if not include_initial:
        return result
    shape = [1 if d == axis else n for d, n in enumerate(aval_of(x).shape)]
    return concatenate([np.full(shape, neutral, aval_of(result).dtype), result], axis)


@implements(getattr(np, "cumulative_sum", None), eager=hasattr(np, "cumulative_sum"))
def cumulative_sum(
    x: ArrayLike, /, *, axis: int | None = None, dtype: DTypeLike | None = None, include_initial: bool = False
) -> Array:
    """Running sum along an axis.

    Parameters
    ----------
    x : array_like
        Of any shape.
    axis : int, optional
        By default the array is flattened first.
    dtype : dtype, optional
        In which to compute, as for `cumsum`.
    include_initial : bool, default False
        Whether to begin with 0, which makes the result longer by one.

    Returns
    -------
    Array
        ``[..., n, ...]`` or ``[..., n + 1, ...]``
    """
    return _cumulative("cumulative_sum", cumulative.cumsum, x, axis, dtype, include_initial, 0)


@implements(getattr(np, "cumulative_prod", None), eager=hasattr(np, "cumulative_prod"))
def cumulative_prod(
    x: ArrayLike, /, *, axis: int | None = None, dtype: DTypeLike | None = None, include_initial: bool = False
) -> Array:
    """Running product along an axis.

    Parameters
    ----------
    x : array_like
        Of any shape.
    axis : int, optional
        By default the array is flattened first.
    dtype : dtype, optional
        In which to compute, as for `cumprod`.
    include_initial : bool, default False
        Whether to begin with 1, which makes the result longer by one.

    Returns
    -------
    Array
        ``[..., n, ...]`` or ``[..., n + 1, ...]``
    """
    return _cumulative("cumulative_prod", cumulative.cumprod, x, axis, dtype, include_initial, 1)


@implements(np.nancumsum)
def nancumsum(
    a: ArrayLike, axis: int | None = None, dtype: DTypeLike | None = None, out: None = None
) -> Array:
    """Running sum of what is not nan.

    Parameters
    ----------
    a : array_like
        Of any shape.
    axis : int, optional
        By default the array is flattened first.
    dtype : dtype, optional
        In which to compute, as for `cumsum`.
    out : None
        Not supported.

    Returns
    -------
    Array
        ``[..., n, ...]``, of the dtype that `cumsum` gives.
    """
    return cumsum(_without_nan("nancumsum", a, 0)[0], axis, dtype, out)


@implements(np.nancumprod)
def nancumprod(
    a: ArrayLike, axis: int | None = None, dtype: DTypeLike | None = None, out: None = None
) -> Array:
    """Running product of what is not nan.

    Parameters
    ----------
    a : array_like
        Of any shape.
    axis : int, optional
        By default the array is flattened first.
    dtype : dtype, optional
        In which to compute, as for `cumprod`.
    out : None
        Not supported.

    Returns
    -------
    Array
        ``[..., n, ...]``, of the dtype that `cumprod` gives.
    """
    return cumprod(_without_nan("nancumprod", a, 1)[0], axis, dtype, out)


@implements(np.diff)
def diff(
    a: ArrayLike,
    n: int = 1,
    axis: int = -1,
    prepend: ArrayLike | None = None,
    append: ArrayLike | None = None,
) -> Array:
    """Differences of neighbours along an axis, ``n`` times.

    Parameters
    ----------
    a : array_like
    n : int, default 1
    axis : int, default -1
    prepend, append : array_like, optional
        Put before and after ``a`` first.

    Returns
    -------
    Array
        ``[..., m - n, ...]``, where m is the size of the axis.

    Examples
    --------
    >>> jnp.diff(jnp.array([1.0, 4.0, 9.0]))
    Array([3., 5.], dtype=float64)
    """
    x = operand("diff", a)
    shape = aval_of(x).shape
    if n < 0:
        raise ArgumentError(f"diff: the order is {n}; it must not be negative.")
    if not shape:
        raise ShapeError(f"diff: {aval_of(x)} has no axis along which to take differences.")
    axis = canonical_axis(axis, len(shape))
    if n == 0:
        return strip_weak(x)
    parts = [_edge(prepend, shape, axis), x, _edge(append, shape, axis)]
    parts = [part for part in parts if part is not None]
    x = concatenate(parts, axis) if len(parts) > 1 else x
    for _ in range(n):
        size = aval_of(x).shape[axis]
        start = 1 if size else 0
        later, earlier = slice_axis(x, start, size, axis), slice_axis(x, 0, size - start, axis)
        # NumPy's difference of bools is "not equal".
        x = (ufuncs.not_equal if aval_of(x).dtype.kind == "b" else ufuncs.subtract)(later, earlier)
    return x


def _edge(value, shape, axis):
    if value is None:
        return None
    value = operand("diff", value)
    if aval_of(value).ndim:
        return value
    return broadcast_array(value, tuple(1 if d == axis else n for d, n in enumerate(shape)))


@implements(np.ediff1d)
def ediff1d(ary: ArrayLike, to_end: ArrayLike | None = None, to_begin: ArrayLike | None = None) -> Array:
    """Differences of neighbours of the flattened array.

    Parameters
    ----------
    ary : array_like
    to_end, to_begin : array_like, optional
        Put after and before the differences.

    Returns
    -------
    Array
        ``[n - 1]`` and what is put around.
    """
    result = diff(ravel(ary))
    dtype = aval_of(result).dtype
    parts = [to_begin, result, to_end]
    parts = [ravel(convert(operand("ediff1d", part), dtype)) for part in parts if part is not None]
    return concatenate(parts)


# --- log of sums of exponentials ----------------------------------------------------------------------


def logsumexp(
    a: ArrayLike,
    axis: int | Sequence[int] | None = None,
    b: ArrayLike | None = None,
    keepdims: bool = False,
    return_sign: bool = False,
    where: ArrayLike | None = None,
) -> Array | tuple[Array, Array]:
    """``log(sum(b * exp(a)))`` over axes, without overflow.

    Parameters
    ----------
    a : array_like
    axis : int or tuple of int, optional
        All axes by default.
    b : array_like, optional
        Weights.
    keepdims : bool, default False
    return_sign : bool, default False
        Whether to return the logarithm of the absolute value, and the sign.
    where : array of bool, optional
        Which elements count.

    Returns
    -------
    Array, or pair of Array

    Notes
    -----
    ż = Σ softmax(a)·ȧ; -inf elements have derivative 0, and it is nan where all are -inf.

    Examples
    --------
    >>> logsumexp(jnp.array([1000.0, 1000.0]))
    Array(1000.69314718, dtype=float64)
    """
    if b is None:
        (x,) = promote_inexact("logsumexp", a)
    else:
        x, b = promote_inexact("logsumexp", a, b)
        x = where_(ufuncs.not_equal(b, 0), x, aval_of(x).dtype.type(-np.inf))
    if where is not None:
        # Not left to the sum alone: the derivative of an overflowing exponential, times 0, is nan.
        x = where_(where, x, aval_of(x).dtype.type(-np.inf))
    axes = canonical_axes(axis, aval_of(x).ndim)
    largest = max(real(x), axes, keepdims=True, initial=-np.inf, where=where)
    # Constant: the derivative is softmax whatever the shift; and not infinite: inf - inf is nan.
    largest = structural.stop_gradient(
        where_(ufuncs.isfinite(largest), largest, aval_of(largest).dtype.type(0))
    )
    terms = ufuncs.exp(ufuncs.subtract(x, largest))
    total = sum(terms if b is None else ufuncs.multiply(b, terms), axes, keepdims=keepdims, where=where)
    # Logarithms of weights' sums may be those of negative numbers: nan, with derivative 0.
    signed = b is not None and not return_sign and aval_of(total).dtype.kind != "c"
    size = ufuncs.absolute(total) if signed or return_sign else total
    result = ufuncs.add(ufuncs.log(size), largest if keepdims else reshape(largest, aval_of(total).shape))
    if signed:
        result = where_(ufuncs.less(total, 0), aval_of(result).dtype.type(np.nan), result)
    return (result, ufuncs.sign(total)) if return_sign else result
