"""Functions that are no ufuncs in NumPy but work element by element, or on samples and grids.

jnp.sinc  round  unwrap  interp  gradient  trapezoid  cov  corrcoef  argwhere  compress  insert
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxlite.dtypes import as_dtype
from jaxlite.errors import ArgumentError, DtypeError, ShapeError
from jaxlite.numpy import ufuncs
from jaxlite.numpy.contraction import dot
from jaxlite.numpy.promotion import (
    canonical_axes,
    canonical_axis,
    common_dtype,
    convert,
    operand,
    promote_inexact,
    strip_weak,
)
from jaxlite.numpy.reductions import average, diff, sum
from jaxlite.numpy.registry import implements
from jaxlite.numpy.selection import concrete_or_error, nonzero, where
from jaxlite.numpy.shaping import (
    broadcast_to,
    concatenate,
    ravel,
    reject_out,
    reshape,
    stack,
    transpose,
)
from jaxlite.numpy.sorting import searchsorted
from jaxlite.ops import elementwise
from jaxlite.trace import Tracer, aval_of
from jaxlite.typing import Array, ArrayLike, DTypeLike


@implements(np.round, np.around)
def round(a: ArrayLike, decimals: int = 0, out: None = None) -> Array:
    """Round to a number of decimals, halves to the even neighbour. Its derivative is zero.

    Parameters
    ----------
    a : array_like
    decimals : int, default 0
        Negative ones round to tens, hundreds, and so on.
    out : None
        Not supported.

    Returns
    -------
    Array
        Of the shape and dtype of ``a``.

    Examples
    --------
    >>> jnp.round(jnp.array([0.5, 1.5, 2.25]))
    Array([0., 2., 2.], dtype=float64)
    """
    reject_out("round", out)
    x, decimals = operand("round", a), operator.index(decimals)
    dtype = aval_of(x).dtype
    if dtype.kind == "b":
        return round(convert(x, np.dtype(np.float16)), decimals)
    if dtype.kind in "iu":
        if decimals >= 0:
            return strip_weak(x)
        rounded = round(convert(x, np.dtype(np.float64)), decimals)
        return strip_weak(convert(rounded, dtype))
    if decimals == 0:
        return ufuncs.round_to_even(x)
    scale = dtype.type(10.0 ** builtins.abs(decimals))
    shrink, grow = (elementwise.div, elementwise.mul) if decimals > 0 else (elementwise.mul, elementwise.div)
    return shrink(ufuncs.round_to_even(grow(x, scale)), scale)


around = round


@implements(np.fix)
def fix(x: ArrayLike, out: None = None) -> Array:
    """Round toward zero. Its derivative is zero.

    Parameters
    ----------
    x : array_like
    out : None
        Not supported.

    Returns
    -------
    Array
        Of the shape and dtype of ``x``.
    """
    reject_out("fix", out)
    return ufuncs.trunc(x)


# sin(t)/t = 1 - t²/6 + t⁴/120 - …; eleven terms are exact to 1e-17 for |t| <= 1.6, with their derivatives.
_SINC_SERIES = [(-1) ** n / math.factorial(2 * n + 1) for n in range(12)]


@implements(np.sinc)
def sinc(x: ArrayLike, /) -> Array:
    """``sin(πx)/(πx)``, and 1 at 0.

    Parameters
    ----------
    x : array_like

    Returns
    -------
    Array
        Of the shape of ``x``, floating.
    """
    (x,) = promote_inexact("sinc", x)
    dtype = aval_of(x).dtype
    t = ufuncs.multiply(x, dtype.type(math.pi))
    # The quotient has no derivative at 0, and its second one loses digits near 0; the series has them all.
    small = ufuncs.less(ufuncs.absolute(t), 0.5)
    safe = where(small, dtype.type(1), t)
    near = where(small, t, dtype.type(0))
    return where(small, _sinc_series(ufuncs.square(near)), ufuncs.divide(ufuncs.sin(safe), safe))


def _sinc_series(t_squared):
    dtype = aval_of(t_squared).dtype
    result = dtype.type(_SINC_SERIES[-1])
    for coefficient in reversed(_SINC_SERIES[:-1]):
        result = ufuncs.add(ufuncs.multiply(result, t_squared), dtype.type(coefficient))
    return result


@implements(np.unwrap)
def unwrap(
    p: ArrayLike, discont: ArrayLike | None = None, axis: int = -1, period: ArrayLike = 2 * math.pi
) -> Array:
    """Add multiples of a period so that no neighbours differ by more than half of it.

    Parameters
    ----------
    p : array_like
        Angles in radians, or whatever has the period.
    discont : number, optional
        Smallest jump to correct; half the period by default.
    axis : int, default -1
    period : number, default 2π

    Returns
    -------
    Array
        Of the shape of ``p``, floating.
    """
    p, period = strip_weak(operand("unwrap", p)), operand("unwrap", period, 1)
    axis = canonical_axis(axis, p.ndim)
    steps = diff(p, axis=axis)
    dtype = common_dtype([steps, period])
    p = convert(p, dtype)
    limit = period / 2 if discont is None else discont
    half, at_both_ends = (period // 2, period % 2 == 0) if dtype.kind in "iu" else (period / 2, True)
    wrapped = ufuncs.subtract(ufuncs.mod(ufuncs.add(steps, half), period), half)
    at_low_end = ufuncs.logical_and(ufuncs.equal(wrapped, -half), ufuncs.greater(steps, 0))
    wrapped = where(ufuncs.logical_and(at_low_end, at_both_ends), half, wrapped)
    correction = ufuncs.subtract(wrapped, steps)
    correction = where(
        ufuncs.less(ufuncs.absolute(steps), limit), aval_of(correction).dtype.type(0), correction
    )
    first = p[(builtins.slice(None),) * axis + (builtins.slice(0, 1),)]
    rest = convert(ufuncs.add(p[_tail(axis)], correction.cumsum(axis)), dtype)
    return concatenate([first, rest], axis)


def _tail(axis: int):
    return (builtins.slice(None),) * axis + (builtins.slice(1, None),)


def _head(axis: int):
    return (builtins.slice(None),) * axis + (builtins.slice(None, -1),)


@implements(np.interp, arrays=3)
def interp(
    x: ArrayLike,
    xp: ArrayLike,
    fp: ArrayLike,
    left: ArrayLike | None = None,
    right: ArrayLike | None = None,
    period: ArrayLike | None = None,
) -> Array:
    """Interpolate linearly between samples.

    Parameters
    ----------
    x : array_like
        Where to evaluate.
    xp, fp : array_like
        ``[n]``; places of the samples, rising, and their values.
    left, right : number or "extrapolate", optional
        Beyond the samples; by default the first and last value. "extrapolate" goes on along the outermost lines.
    period : number, optional
        Of the places.

    Returns
    -------
    Array
        Of the shape of ``x``.

    Examples
    --------
    >>> jnp.interp(1.5, jnp.arange(3.0), jnp.array([0.0, 1.0, 4.0]))
    Array(2.5, dtype=float64)
    """
    # As in NumPy, in double precision.
    for i, v in enumerate((x, xp)):
        if aval_of(operand("interp", v, i)).dtype.kind == "c":
            raise DtypeError(
                f"interp: {aval_of(operand('interp', v, i))} are no places.",
                why="complex numbers have no order.",
            )
    kind = np.complex128 if aval_of(operand("interp", fp, 2)).dtype.kind == "c" else np.float64
    dtypes = (np.dtype(np.float64), np.dtype(np.float64), np.dtype(kind))
    x, xp, fp = (
        strip_weak(convert(operand("interp", v, i), t)) for i, (v, t) in enumerate(zip((x, xp, fp), dtypes))
    )
    if xp.ndim != 1 or xp.shape != fp.shape or not xp.shape[0]:
        raise ShapeError(
            f"interp: samples of types {aval_of(xp)} and {aval_of(fp)}.", why="both are [n], n > 0."
        )
    if period is not None:
        x, xp = ufuncs.mod(x, period), ufuncs.mod(xp, period)
        order = xp.argsort()
        xp, fp = xp[order], fp[order]
        xp = concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = concatenate([fp[-1:], fp, fp[:1]])
    n = xp.shape[0]
    i = ufuncs.minimum(ufuncs.maximum(searchsorted(xp, x, "right"), 1), builtins.max(n - 1, 1))
    low, high = i - 1, ufuncs.minimum(i, n - 1)
    width, rise = xp[high] - xp[low], fp[high] - fp[low]
    flat = ufuncs.equal(width, 0)
    slope = where(flat, 0.0, rise / where(flat, 1.0, width))
    # Of samples at one place the last one counts.
    base = where(ufuncs.logical_and(flat, x >= xp[high]), high, low)
    # One sample alone is no line: not even nan moves away from it, as in NumPy.
    result = fp[base] + slope * (x - xp[base]) if n > 1 else fp[base]
    if period is not None:
        return result
    for outside, value, end in ((x < xp[0], left, fp[0]), (x > xp[-1], right, fp[-1])):
        if isinstance(value, str) and value != "extrapolate":
            raise ArgumentError(
                f"interp: beyond the samples {value!r}.", fix="pass a number or 'extrapolate'."
            )
        if not isinstance(value, str):
            result = where(outside, end if value is None else value, result)
    return result


@implements(np.gradient)
def gradient(
    f: ArrayLike, *varargs: ArrayLike, axis: int | Sequence[int] | None = None, edge_order: int = 1
) -> Array | list[Array]:
    """Derivative of samples along axes by central differences.

    Parameters
    ----------
    f : array_like
    *varargs : number or vector
        Distance of the samples, for all axes or for each, or their places along an axis.
    axis : int or tuple of int, optional
        All axes by default.
    edge_order : {1, 2}
        Whether the derivative at the edges is exact for straight lines or for parabolas.

    Returns
    -------
    Array, or list of Array
    """
    (f,) = map(strip_weak, promote_inexact("gradient", f))
    axes = canonical_axes(axis, f.ndim)
    if edge_order not in (1, 2):
        raise ArgumentError(f"gradient: edge_order is {edge_order}.", fix="pass 1 or 2.")
    if len(varargs) not in (0, 1, len(axes)):
        raise ArgumentError(f"gradient: {len(varargs)} distances for {len(axes)} axes.")
    spacings = list(varargs) if len(varargs) == len(axes) else list(varargs or (1.0,)) * len(axes)
    results = [_gradient_along(f, h, d, edge_order) for h, d in zip(spacings, axes, strict=True)]
    return results[0] if len(results) == 1 else tuple(results)


def _gradient_along(f, spacing, axis: int, edge_order: int):
    if f.shape[axis] <= edge_order:
        raise ShapeError(f"gradient: axis {axis} of {aval_of(f)} has fewer than {edge_order + 1} samples.")
    steps = diff(f, axis=axis)
    if np.ndim(spacing):
        h = reshape(diff(spacing), [-1 if d == axis else 1 for d in range(f.ndim)])
        slopes = steps / h
        before, after = h[_head(axis)], h[_tail(axis)]
        # Weighted so that parabolas are exact.
        inner = (slopes[_head(axis)] * after + slopes[_tail(axis)] * before) / (before + after)
    else:
        slopes = steps / spacing
        inner = (steps[_head(axis)] + steps[_tail(axis)]) / (2.0 * spacing)
    at = lambda x, start, stop: x[(builtins.slice(None),) * axis + (builtins.slice(start, stop),)]  # noqa: E731
    first, last = at(slopes, 0, 1), at(slopes, -1, None)
    if edge_order == 2:
        # Slopes belong to the middles of steps; the line through two of them goes on for half a step.
        h = h if np.ndim(spacing) else ufuncs.multiply(slopes, 0) + spacing
        bend = (at(slopes, 1, 2) - first) / (at(h, 0, 1) + at(h, 1, 2))
        first, bend_at_end = (
            first - at(h, 0, 1) * bend,
            (last - at(slopes, -2, -1)) / (at(h, -1, None) + at(h, -2, -1)),
        )
        last = last + at(h, -1, None) * bend_at_end
    return concatenate([first, inner, last], axis)


@implements(getattr(np, "trapezoid", None), eager=hasattr(np, "trapezoid"))
def trapezoid(y: ArrayLike, x: ArrayLike | None = None, dx: ArrayLike = 1.0, axis: int = -1) -> Array:
    """Integrate samples by the trapezoidal rule.

    Parameters
    ----------
    y : array_like
    x : array_like, optional
        Places of the samples.
    dx : number, default 1.0
        Distance of the samples, where no places are given.
    axis : int, default -1

    Returns
    -------
    Array
        ``[...]`` without the axis; floating.
    """
    (y,) = map(strip_weak, promote_inexact("trapezoid", y))
    axis = canonical_axis(axis, y.ndim)
    if x is None:
        widths = dx
    else:
        x = strip_weak(operand("trapezoid", x, 1))
        widths = diff(x) if x.ndim == 1 else diff(x, axis=axis)
        if x.ndim == 1:
            widths = reshape(widths, [-1 if d == axis else 1 for d in range(y.ndim)])
    return sum(widths * (y[_tail(axis)] + y[_head(axis)]) * 0.5, axis)


# --- statistics -----------------------------------------------------------------------------------------


def _leaves_no_freedom(arguments, keywords) -> bool:
    """Whether NumPy's function may warn that it divides by no observations."""
    few = np.shape(arguments[0])[-1:] in ((), (0,), (1,))
    return few or len(arguments) > 2 or not keywords.keys() <= {"dtype"}


@implements(np.cov, warns=_leaves_no_freedom)
def cov(
    m: ArrayLike,
    y: ArrayLike | None = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: ArrayLike | None = None,
    aweights: ArrayLike | None = None,
    dtype: DTypeLike | None = None,
) -> Array:
    """Covariance matrix of variables.

    Parameters
    ----------
    m : array_like
        ``[n]`` or ``[variables, n]``
    y : array_like, optional
        Further variables.
    rowvar : bool, default True
        Whether variables are rows and not columns.
    bias : bool, default False
        Whether the divisor is n and not n - 1.
    ddof : int, optional
        The divisor is n - ddof.
    fweights, aweights : array_like, optional
        ``[n]``; how often each observation counts, and its importance.
    dtype : dtype, optional

    Returns
    -------
    Array
        ``[k, k]``, or ``[]`` for one variable.
    """
    m = operand("cov", m)
    others = [] if y is None else [operand("cov", y, 1)]
    # As in NumPy, in double precision at least.
    dtype = np.result_type(common_dtype([m, *others]), np.float64) if dtype is None else as_dtype(dtype)
    x = concatenate([_rows(convert(v, dtype), rowvar) for v in (m, *others)])
    n = x.shape[1]
    ddof = (0 if bias else 1) if ddof is None else ddof
    weights = None
    if fweights is not None:
        weights = strip_weak(operand("cov", fweights))
    if aweights is not None:
        aweights = strip_weak(operand("cov", aweights))
        weights = aweights if weights is None else weights * aweights
    mean, total = average(x, axis=1, weights=weights, returned=True)
    total = n if weights is None else total[0]
    if weights is None:
        divisor = builtins.max(n - ddof, 0)
        divisor = aval_of(x).dtype.type(divisor) if aval_of(x).dtype.kind == "f" else float(divisor)
    elif aweights is None or ddof == 0:
        divisor = total - ddof
    else:
        divisor = total - ddof * sum(weights * aweights) / total
    x = x - mean[:, None]
    right = x if weights is None else x * weights
    return reshape_scalar(ufuncs.divide(dot(x, ufuncs.conjugate(transpose(right))), divisor))


def _rows(x, rowvar: bool):
    x = strip_weak(x)
    if x.ndim > 2:
        raise ShapeError(f"cov: {aval_of(x)} has more than two axes.")
    if x.ndim < 2:
        return reshape(x, (1, -1))
    return x if rowvar or x.shape[0] == 1 else transpose(x)


def reshape_scalar(x):
    """Return a 1 x 1 matrix as a scalar."""
    return reshape(x, ()) if x.shape == (1, 1) else x


@implements(np.corrcoef, warns=_leaves_no_freedom)
def corrcoef(
    x: ArrayLike, y: ArrayLike | None = None, rowvar: bool = True, dtype: DTypeLike | None = None
) -> Array:
    """Matrix of correlation coefficients of variables.

    Parameters
    ----------
    x, y, rowvar, dtype
        As for `cov`.

    Returns
    -------
    Array
        ``[k, k]``, or ``[]`` for one variable.
    """
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviations = ufuncs.sqrt(c.diagonal().real)
    result = c / deviations[:, None] / deviations[None, :]
    if aval_of(result).dtype.kind == "c":
        return elementwise.complex(result.real.clip(-1, 1), result.imag.clip(-1, 1))
    return result.clip(-1, 1)


# --- elements of a shape that depends on values -----------------------------------------------------------


@implements(np.argwhere)
def argwhere(a: ArrayLike, *, size: int | None = None, fill_value: ArrayLike | None = None) -> Array:
    """Return the indices of elements that are not zero, one row each.

    Parameters
    ----------
    a : array_like
        Of any shape.
    size : int, optional
        How many to return: further ones are left out, missing ones are ``fill_value``. Needed where ``a`` is
        traced.
    fill_value : int, default 0
        See ``size``.

    Returns
    -------
    Array
        int64, ``[k, a.ndim]`` or ``[size, a.ndim]``
    """
    x = operand("argwhere", a)
    scalar = not aval_of(x).ndim
    # How many columns a number has nobody can see in what `nonzero` returns for it: none.
    found = nonzero(reshape(x, (1,)) if scalar else x, size=size, fill_value=fill_value)
    return stack(found, axis=1)[:, : 0 if scalar else None]


@implements(np.flatnonzero)
def flatnonzero(a: ArrayLike, *, size: int | None = None, fill_value: ArrayLike | None = None) -> Array:
    """Return the indices of nonzero elements of the flattened array.

    Parameters
    ----------
    a : array_like
        Of any shape.
    size : int, optional
        How many to return: further ones are left out, missing ones are ``fill_value``. Needed where ``a`` is
        traced.
    fill_value : int, default 0
        See ``size``.

    Returns
    -------
    Array
        int64, ``[k]`` or ``[size]``
    """
    return nonzero(ravel(a), size=size, fill_value=fill_value)[0]


def _known(name: str, x) -> np.ndarray:
    return np.asarray(concrete_or_error(name, x) if isinstance(x, Tracer) else x)


@implements(np.compress, arrays=2)
def compress(
    condition: ArrayLike,
    a: ArrayLike,
    axis: int | None = None,
    out: None = None,
    *,
    size: int | None = None,
    fill_value: ArrayLike = 0,
) -> Array:
    """Take the slices along an axis where a condition is true.

    Parameters
    ----------
    condition : array_like of bool
        ``[n]``, or shorter than the axis; not traced by ``jit``, unless ``size`` is given.
    a : array_like
        Of any shape.
    axis : int, optional
        By default the array is flattened.
    out : None
        Not supported.
    size : int, optional
        How many slices to return; missing ones are ``fill_value``.
    fill_value : number, default 0
        See ``size``.

    Returns
    -------
    Array
        ``[..., k, ...]`` or ``[..., size, ...]``
    """
    reject_out("compress", out)
    x = strip_weak(operand("compress", a))
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = canonical_axis(axis, x.ndim)
    along = (builtins.slice(None),) * axis
    if size is None:
        return x[(*along, np.flatnonzero(_known("compress", condition)))]
    mask = operand("compress", condition)
    places = nonzero(mask, size=size, fill_value=x.shape[axis])[0]
    return x.at[(*along, places)].get(mode="fill", fill_value=fill_value)


@implements(np.extract, arrays=2)
def extract(
    condition: ArrayLike, arr: ArrayLike, *, size: int | None = None, fill_value: ArrayLike = 0
) -> Array:
    """Take the elements where a condition is true.

    Parameters
    ----------
    condition : array_like of bool
        Of as many elements as ``arr``; not traced by ``jit``, unless ``size`` is given.
    arr : array_like
        Of any shape.
    size : int, optional
        How many elements to return; missing ones are ``fill_value``.
    fill_value : number, default 0
        See ``size``.

    Returns
    -------
    Array
        ``[k]`` or ``[size]``
    """
    if isinstance(condition, Tracer):
        condition = ravel(condition)
    else:
        condition = np.ravel(condition)
    return compress(condition, arr, size=size, fill_value=fill_value)


@implements(np.delete)
def delete(arr: ArrayLike, obj: Any, axis: int | None = None) -> Array:
    """Remove slices along an axis.

    Parameters
    ----------
    arr : array_like
    obj : int, slice, or array of int or bool
        Which; not traced.
    axis : int, optional
        By default the array is flattened.

    Returns
    -------
    Array
        ``[..., n - k, ...]``, or a vector.
    """
    x = strip_weak(operand("delete", arr))
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = canonical_axis(axis, x.ndim)
    obj = obj if isinstance(obj, builtins.slice) else _known("delete", obj)
    kept = np.delete(np.arange(x.shape[axis]), obj)
    return x[(builtins.slice(None),) * axis + (kept,)]


@implements(np.insert)
def insert(arr: ArrayLike, obj: Any, values: ArrayLike, axis: int | None = None) -> Array:
    """Put values before the given places along an axis.

    Parameters
    ----------
    arr : array_like
    obj : int, slice, or array of int
        Places; not traced.
    values : array_like
    axis : int, optional
        By default the array is flattened.

    Returns
    -------
    Array
        ``[..., n + k, ...]``, or a vector.
    """
    x = strip_weak(operand("insert", arr))
    values = strip_weak(convert(operand("insert", values), aval_of(x).dtype))
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = canonical_axis(axis, x.ndim)
    n = x.shape[axis]
    obj = obj if isinstance(obj, builtins.slice) else _known("insert", obj)
    # NumPy says where everything goes: the places of the values (n, n + 1, …) among those of the elements.
    count = np.insert(np.arange(n), obj, 0).size - n
    places = np.insert(np.arange(n), obj, n + np.arange(count))
    if np.ndim(obj) == 0 and not isinstance(obj, builtins.slice) and values.ndim:
        # A single place takes several values, along the axis.
        values = (
            values
            if values.ndim == x.ndim
            else reshape(values, (*(1,) * (x.ndim - values.ndim), *values.shape))
        )
        count = values.shape[axis]
        places = np.insert(np.arange(n), [int(obj)] * count, n + np.arange(count))
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    joined = concatenate([x, broadcast_to(values, shape)], axis)
    return joined[(builtins.slice(None),) * axis + (places,)]
