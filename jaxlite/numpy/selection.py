"""Choosing elements: where, select, clip, nan_to_num, and the parts of complex numbers.

jnp.where(x > 0, x, 0)   ->   b = gt x 0.0;  select_n b 0.0 x
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxlite.errors import ArgumentError, ConcretizationTypeError
from jaxlite.numpy import ufuncs
from jaxlite.numpy.promotion import (
    broadcast,
    broadcast_shapes_of,
    common_dtype,
    convert,
    inexact_dtype,
    is_weak,
    operand,
    strip_weak,
)
from jaxlite.numpy.registry import implements
from jaxlite.ops import elementwise, reductions, sorting, structural
from jaxlite.trace import Tracer, aval_of
from jaxlite.typing import Array, ArrayLike


def truth(x):
    """Return the truth of each element, as bools."""
    dtype = aval_of(x).dtype
    return x if dtype.kind == "b" else elementwise.ne(x, dtype.type(0))


@implements(np.where, arrays=3)
def where(
    condition: ArrayLike,
    x: ArrayLike | None = None,
    y: ArrayLike | None = None,
    /,
    *,
    size: int | None = None,
    fill_value: ArrayLike | None = None,
) -> Array:
    """Choose elementwise: ``x`` where the condition is true, else ``y``.

    Parameters
    ----------
    condition : array_like of bool
    x, y : array_like
        Without them the indices of true elements are returned, as by `nonzero`.
    size, fill_value : optional
        As for `nonzero`.

    Returns
    -------
    Array
        Of the shape they broadcast to; dtype as ``np.where`` gives.

    Notes
    -----
    The derivative of the branch that is not taken is multiplied by 0, which gives nan where it is infinite.
    Make the argument of such a branch safe first: ``jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1)), 0)``.

    Examples
    --------
    >>> jnp.where(jnp.array([True, False]), 1.0, 2.0)
    Array([1., 2.], dtype=float64)
    """
    if x is None and y is None:
        return nonzero(condition, size=size, fill_value=fill_value)
    if x is None or y is None:
        raise ArgumentError("where takes the condition alone, or with both x and y.")
    condition, x, y = (operand("where", v, i) for i, v in enumerate((condition, x, y)))
    dtype = common_dtype([x, y])
    cases = [truth(condition), convert(y, dtype), convert(x, dtype)]
    shape = broadcast_shapes_of("where", [aval_of(v) for v in (condition, x, y)])
    return strip_weak(elementwise.select_n(*[broadcast(v, shape) for v in cases]))


@implements(np.select, sequence=True)
def select(condlist: Sequence[ArrayLike], choicelist: Sequence[ArrayLike], default: ArrayLike = 0) -> Array:
    """Choose elementwise by the first of several conditions that is true.

    Parameters
    ----------
    condlist : list of array_like of bool
    choicelist : list of array_like
        What to take where the condition of the same position is the first true one.
    default : array_like, default 0
        What to take where none is.

    Returns
    -------
    Array
        Of the shape they broadcast to, and the dtype the choices promote to.
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise ArgumentError(f"select: {len(condlist)} conditions for {len(choicelist)} choices.")
    dtype = common_dtype([operand("select", v) for v in (*choicelist, default)])
    result = convert(operand("select", default), dtype)
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = where(condition, convert(operand("select", choice), dtype), result)
    return result


@implements(np.nonzero)
def nonzero(
    a: ArrayLike, *, size: int | None = None, fill_value: ArrayLike | None = None
) -> tuple[Array, ...]:
    """Return the indices of elements that are not zero, one array per axis.

    Parameters
    ----------
    a : array_like
        Traced only together with ``size``: how many there are must be known.
    size : int, optional
        Number of indices to return: further ones are left out, missing ones are ``fill_value``.
    fill_value : int, or one per axis, default 0

    Returns
    -------
    tuple of Array
        int64

    Examples
    --------
    >>> jnp.nonzero(jnp.array([0, 3, 0, 4]))
    (Array([1, 3], dtype=int64),)
    """
    x = operand("nonzero", a)
    shape = aval_of(x).shape
    if isinstance(x, Tracer) and size is None:
        x = concrete_or_error("nonzero", x)
    if size is None:
        return tuple(strip_weak(i) for i in np.nonzero(np.asarray(x)))
    mask = structural.reshape(truth(x), (aval_of(x).size,))
    places = _first_true(mask, size)
    fill_values = (0,) * len(shape) if fill_value is None else fill_value
    if not isinstance(fill_values, tuple | list):
        fill_values = (fill_values,) * len(shape)
    found = ufuncs.less(places, aval_of(x).size)
    indices, stride = [], aval_of(x).size
    for n, fill in zip(shape, fill_values, strict=True):
        stride = stride // n if n else 1
        indices.append(where(found, ufuncs.mod(ufuncs.floor_divide(places, stride or 1), n or 1), fill))
    return tuple(indices)


def _first_true(mask, size: int):
    """Return the places of the first ``size`` true elements of a vector, and its length for those missing."""
    length = aval_of(mask).size
    places = structural.iota(np.dtype(np.int64), (length,))
    # Sorting moves the places of true elements to the front and keeps their order.
    places = sorting.sort(where(mask, places, length), dimension=0)
    if size <= length:
        return structural.slice(places, (0,), (size,))
    return structural.pad(places, np.int64(length), ((0, size - length, 0),))


def concrete_or_error(name: str, x: Tracer):
    """Return the array behind a tracer, or raise the error that its number of results is unknown."""
    value = x.concrete()
    if value is None:
        raise ConcretizationTypeError(
            f"{name}: the shape of the result depends on a traced value: {x.describe()}",
            why=x.why_unknown(),
            fix=f"pass size= to jnp.{name}, or choose with jnp.where(condition, x, y).",
        )
    return value


@implements(np.clip, arrays=3, eager=False)
def clip(
    arr: ArrayLike | None = None,
    /,
    min: ArrayLike | None = None,
    max: ArrayLike | None = None,
    *,
    a: ArrayLike | None = None,
    a_min: ArrayLike | None = None,
    a_max: ArrayLike | None = None,
) -> Array:
    """Limit elements to the range from ``min`` to ``max``.

    Parameters
    ----------
    arr : array_like
    min, max : array_like, optional
        None leaves a side open.
    a, a_min, a_max : array_like, optional
        The same by their older names.

    Returns
    -------
    Array
        Of the shape they broadcast to, and the dtype they promote to.

    Notes
    -----
    At a bound the derivative is ½.

    Examples
    --------
    >>> jnp.clip(jnp.arange(4), 1, 2)
    Array([1, 1, 2, 2], dtype=int64)
    """
    arr = a if arr is None else arr
    low, high = a_min if min is None else min, a_max if max is None else max
    if low is not None:
        arr = ufuncs.maximum(low, arr)
    if high is not None:
        arr = ufuncs.minimum(high, arr)
    return strip_weak(operand("clip", arr)) if low is None and high is None else arr


@implements(np.nan_to_num)
def nan_to_num(
    x: ArrayLike,
    copy: bool = True,
    nan: ArrayLike = 0.0,
    posinf: ArrayLike | None = None,
    neginf: ArrayLike | None = None,
) -> Array:
    """Replace nan by a number, and infinities by large finite ones.

    Parameters
    ----------
    x : array_like
    copy : bool
        Ignored: arrays never change.
    nan : number, default 0.0
    posinf, neginf : number, optional
        By default the largest and smallest finite numbers of the dtype.

    Returns
    -------
    Array
        Of the shape and dtype of ``x``.

    Examples
    --------
    >>> jnp.nan_to_num(jnp.array([1.0, jnp.nan]))
    Array([1., 0.], dtype=float64)
    """
    x = operand("nan_to_num", x)
    dtype = aval_of(x).dtype
    if dtype.kind == "c":
        parts = (elementwise.real(x), elementwise.imag(x))
        return elementwise.complex(*[nan_to_num(part, copy, nan, posinf, neginf) for part in parts])
    if dtype.kind != "f":
        return strip_weak(x)
    info = np.finfo(dtype)
    x = where(ufuncs.isnan(x), dtype.type(nan), x)
    x = where(ufuncs.equal(x, dtype.type(np.inf)), dtype.type(info.max if posinf is None else posinf), x)
    return where(ufuncs.equal(x, dtype.type(-np.inf)), dtype.type(info.min if neginf is None else neginf), x)


# --- parts of complex numbers -----------------------------------------------------------------------


@implements(np.real)
def real(val: ArrayLike, /) -> Array:
    """Real part; real numbers are their own.

    Parameters
    ----------
    val : array_like

    Returns
    -------
    Array
        Of the shape of ``val``, floating.

    Examples
    --------
    >>> jnp.real(jnp.array([1 + 2j, 3]))
    Array([1., 3.], dtype=float64)
    """
    x = operand("real", val)
    return elementwise.real(x) if aval_of(x).dtype.kind == "c" else strip_weak(x)


@implements(np.imag)
def imag(val: ArrayLike, /) -> Array:
    """Imaginary part; of real numbers 0.

    Parameters
    ----------
    val : array_like

    Returns
    -------
    Array
        Of the shape of ``val``, floating.
    """
    x = operand("imag", val)
    aval = aval_of(x)
    return elementwise.imag(x) if aval.dtype.kind == "c" else structural.full(aval.shape, 0, aval.dtype)


@implements(np.angle)
def angle(z: ArrayLike, deg: bool = False) -> Array:
    """Angle of complex numbers in the complex plane.

    Parameters
    ----------
    z : array_like
    deg : bool, default False
        Whether in degrees and not in radians.

    Returns
    -------
    Array
        From -π to π radians.
    """
    x = operand("angle", z)
    dtype = aval_of(x).dtype
    if dtype.kind != "c":
        result = ufuncs.arctan2(0, x)
    else:
        result = elementwise.atan2(elementwise.imag(x), elementwise.real(x))
    return ufuncs.degrees(result) if deg else result


@implements(np.iscomplex)
def iscomplex(x: ArrayLike) -> Array:
    """Whether the imaginary part is not zero.

    Parameters
    ----------
    x : array_like

    Returns
    -------
    Array
        bool
    """
    return ufuncs.not_equal(imag(x), 0)


@implements(np.isreal)
def isreal(x: ArrayLike) -> Array:
    """Whether the imaginary part is zero.

    Parameters
    ----------
    x : array_like

    Returns
    -------
    Array
        bool
    """
    return ufuncs.equal(imag(x), 0)


# --- comparison with tolerance ----------------------------------------------------------------------


@implements(np.isclose, arrays=2)
def isclose(
    a: ArrayLike, b: ArrayLike, rtol: ArrayLike = 1e-05, atol: ArrayLike = 1e-08, equal_nan: bool = False
) -> Array:
    """Whether elements are equal up to ``atol + rtol·|b|``.

    Parameters
    ----------
    a, b : array_like
    rtol, atol : number
    equal_nan : bool, default False
        Whether two nan count as equal.

    Returns
    -------
    Array
        bool

    Examples
    --------
    >>> jnp.isclose(jnp.array([1.0, 2.0]), jnp.array([1.0 + 1e-9, 2.1]))
    Array([ True, False], dtype=bool)
    """
    a, b = operand("isclose", a), operand("isclose", b, 1)
    # Differences of unsigned integers would wrap, and bools have none.
    b = convert(b, inexact_dtype(aval_of(b).dtype), is_weak(b))
    tolerance = ufuncs.add(atol, ufuncs.multiply(rtol, ufuncs.absolute(b)))
    near = ufuncs.less_equal(ufuncs.absolute(ufuncs.subtract(a, b)), tolerance)
    result = ufuncs.logical_or(ufuncs.logical_and(near, ufuncs.isfinite(b)), ufuncs.equal(a, b))
    if equal_nan:
        result = ufuncs.logical_or(result, ufuncs.logical_and(ufuncs.isnan(a), ufuncs.isnan(b)))
    return result


@implements(np.allclose, arrays=2)
def allclose(
    a: ArrayLike, b: ArrayLike, rtol: ArrayLike = 1e-05, atol: ArrayLike = 1e-08, equal_nan: bool = False
) -> Array:
    """Whether all elements are equal up to ``atol + rtol·|b|``.

    Parameters
    ----------
    a, b : array_like
    rtol, atol : number
    equal_nan : bool, default False
        Whether two nan count as equal.

    Returns
    -------
    Array
        bool[]

    Examples
    --------
    >>> jnp.allclose(jnp.ones(2), 1 + 1e-9)
    Array(True, dtype=bool)
    """
    return _all(isclose(a, b, rtol, atol, equal_nan))


def _all(x):
    return reductions.reduce_and(x, tuple(range(aval_of(x).ndim)))


@implements(np.array_equal, arrays=2)
def array_equal(a1: ArrayLike, a2: ArrayLike, equal_nan: bool = False) -> Array:
    """Whether two arrays have one shape and equal elements.

    Parameters
    ----------
    a1, a2 : array_like
    equal_nan : bool, default False
        Whether two nan count as equal.

    Returns
    -------
    Array
        bool[]
    """
    a1, a2 = operand("array_equal", a1), operand("array_equal", a2, 1)
    if aval_of(a1).shape != aval_of(a2).shape:
        return strip_weak(np.bool_(False))
    same = ufuncs.equal(a1, a2)
    if equal_nan:
        same = ufuncs.logical_or(same, ufuncs.logical_and(ufuncs.isnan(a1), ufuncs.isnan(a2)))
    return _all(same)


@implements(np.array_equiv, arrays=2)
def array_equiv(a1: ArrayLike, a2: ArrayLike) -> Array:
    """Whether two arrays broadcast against each other and are equal.

    Parameters
    ----------
    a1, a2 : array_like

    Returns
    -------
    Array
        bool[]
    """
    a1, a2 = operand("array_equiv", a1), operand("array_equiv", a2, 1)
    try:
        np.broadcast_shapes(aval_of(a1).shape, aval_of(a2).shape)
    except ValueError:
        return strip_weak(np.bool_(False))
    return _all(ufuncs.equal(a1, a2))


@implements(np.isneginf)
def isneginf(x: ArrayLike, /, out: None = None) -> Array:
    """Whether -inf, elementwise.

    Parameters
    ----------
    x : array_like
    out : None
        Not supported.

    Returns
    -------
    Array
        bool
    """
    return ufuncs.equal(x, -np.inf)


@implements(np.isposinf)
def isposinf(x: ArrayLike, /, out: None = None) -> Array:
    """Whether inf, elementwise.

    Parameters
    ----------
    x : array_like
    out : None
        Not supported.

    Returns
    -------
    Array
        bool
    """
    return ufuncs.equal(x, np.inf)
