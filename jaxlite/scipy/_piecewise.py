"""Piecewise polynomials: `PPoly`, and the cubic ones that go through given points.

    CubicSpline(x, y) -> PPoly with c : f64[4, n - 1]
    y(t) = c[0, i] (t - x[i])³ + c[1, i] (t - x[i])² + c[2, i] (t - x[i]) + c[3, i],    x[i] <= t < x[i + 1]

All of them are pytrees of coefficients and breakpoints, so that they pass through the ends of ``jit``, ``vmap`` and
``grad``. What a class does is find slopes at the points; Hermite's formula makes coefficients of them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.array import Array as ArrayType
from jaxlite.control.implicit import custom_linear_solve
from jaxlite.errors import ArgumentError, ConcretizationTypeError, DtypeError, ShapeError
from jaxlite.lax.linalg import tridiagonal_solve
from jaxlite.numpy.promotion import common_dtype, convert, inexact_dtype, operand
from jaxlite.ops.structural import stop_gradient
from jaxlite.trace import Tracer, aval_of
from jaxlite.tree import register_pytree_node_class
from jaxlite.typing import Array, ArrayLike

__all__ = [
    "Akima1DInterpolator",
    "CubicHermiteSpline",
    "CubicSpline",
    "PPoly",
    "PchipInterpolator",
    "pchip_interpolate",
]


# --- arguments --------------------------------------------------------------------------------------


def _inexact(name: str, *args) -> list:
    """Return arrays of one floating or complex dtype, the first of them, which is a place, real."""
    operands = [operand(name, arg, i) for i, arg in enumerate(args)]
    if aval_of(operands[0]).dtype.kind == "c":
        raise DtypeError(
            f"{name}: x has type {aval_of(operands[0])}.",
            why="it is a place on the real line.",
            fix="x.real.",
        )
    dtype = inexact_dtype(common_dtype(operands))
    real = np.zeros((), dtype).real.dtype
    first, *rest = operands
    return [jnp.asarray(convert(first, real)), *(jnp.asarray(convert(x, dtype)) for x in rest)]


def _known(x) -> np.ndarray | None:
    """Return the numbers; None where they are traced."""
    return None if isinstance(x, Tracer) else np.asarray(x)


def _check_places(name: str, x, at_least: int, strictly: bool = True):
    """Raise unless ``x`` is a vector of enough places; where they are known, in order and finite as well."""
    aval = aval_of(x)
    if aval.ndim != 1 or aval.size < at_least:
        raise ShapeError(
            f"{name}: x has type {aval}.", why=f"it takes a vector of {at_least} places at least."
        )
    x = _known(x)
    if x is None:
        return
    steps = np.diff(x)
    if strictly:
        good, order = steps > 0, "increase"
    else:
        good, order = (steps >= 0) if x[-1] >= x[0] else (steps <= 0), "increase, or decrease, all the way"
    good &= np.isfinite(x[1:]) & np.isfinite(x[:-1])
    if not good.all():
        i = int(good.argmin())
        raise ArgumentError(
            f"{name}: x[{i}] is {x[i]}, x[{i + 1}] is {x[i + 1]}.",
            why=f"places are finite and {order}.",
            fix="order = np.argsort(x); x, y = x[order], y[order]; of equal places keep one.",
        )


def _prepared(name: str, x, axis: int, *values) -> tuple[Array, list, int]:
    """Return places, values with the axis of the places in front, and which one that was."""
    x, *values = _inexact(name, x, *values)
    _check_places(name, x, 2)
    y = values[0]
    if not y.ndim or not -y.ndim <= axis < y.ndim or y.shape[axis] != x.size:
        raise ShapeError(
            f"{name}: x has type {aval_of(x)}, y {aval_of(y)}, axis is {axis}.",
            why=f"y has no axis {axis} with a value for each of the {x.size} places.",
            fix="axis= names the axis of y that goes with x.",
        )
    if any(v.shape != y.shape for v in values):
        raise ShapeError(
            f"{name}: y has type {aval_of(y)}, dydx {aval_of(values[1])}.", why="each value has one slope."
        )
    return x, [jnp.moveaxis(v, axis, 0) for v in values], axis % y.ndim


def _require_real(name: str, y):
    if aval_of(y).dtype.kind == "c":
        raise DtypeError(
            f"{name}: y has type {aval_of(y)}.",
            why="the slopes depend on the signs of differences.",
            fix=f"interpolate real and imaginary part: {name}(x, y.real), {name}(x, y.imag).",
        )


def _extrapolation(name: str, extrapolate, default=True):
    if isinstance(extrapolate, Tracer):
        raise ArgumentError(f"{name}: extrapolate is traced.", why="it is True, False, None or 'periodic'.")
    if extrapolate is None:
        return default
    if isinstance(extrapolate, str) and extrapolate != "periodic":
        raise ArgumentError(
            f"{name}: extrapolate is {extrapolate!r:.40}.", why="it is True, False, None or 'periodic'."
        )
    return extrapolate if extrapolate == "periodic" else bool(extrapolate)


def _order(name: str, nu, low: int | None = None) -> int:
    try:
        nu = operator.index(nu)
    except TypeError:
        raise ArgumentError(f"{name}: nu is {nu!r:.40}.", why="it is an int.") from None
    if low is not None and nu < low:
        raise ArgumentError(f"{name}: nu is {nu}.", why=f"an order of derivatives is at least {low}.")
    return nu


def _along_front(x, ndim: int):
    """Return ``[n]`` as ``[n, 1, …]``."""
    return jnp.reshape(x, (x.shape[0], *(1,) * (ndim - 1)))


# --- PPoly ------------------------------------------------------------------------------------------


@register_pytree_node_class
class PPoly:
    """A polynomial on each interval between breakpoints, in powers of the distance from its left end.

    Parameters
    ----------
    c : f64[k + 1, m, ...] or complex
        Coefficients, that of the highest power first. With ``axis``, the two axes stand at ``axis`` and ``axis + 1``.
    x : f64[m + 1]
        Breakpoints, increasing or decreasing.
    extrapolate : bool or "periodic", optional
        Whether the outermost polynomials go on beyond the ends, where values are nan otherwise; ``"periodic"``
        repeats what is between the ends. True by default.
    axis : int, default 0
        Where the axis of the places stands in what the object returns.

    Attributes
    ----------
    c : Array
        ``[k + 1, m, ...]``, whatever ``axis`` is.
    x : f64[m + 1]
    extrapolate : bool or "periodic"
    axis : int

    Raises
    ------
    ShapeError
        If the shapes do not fit, or there are fewer than two breakpoints.
    ArgumentError
        If ``x`` is known and not in order, or ``extrapolate`` or ``axis`` is none of the above.

    Notes
    -----
    A pytree of ``c`` and ``x``. Values, derivatives and integrals are differentiable in ``c``, ``x`` and the places.
    Intervals are closed on the left; the last one on both sides.

    Examples
    --------
    >>> p = jaxlite.scipy.interpolate.PPoly(jnp.array([[1.0, 0.0], [0.0, 1.0]]), jnp.array([0.0, 1.0, 2.0]))
    >>> p(jnp.array([0.5, 1.5])), p.integrate(0.0, 2.0)
    (Array([0.5, 1. ], dtype=float64), Array(1.5, dtype=float64))
    """

    # Splines increase; a traced PPoly may decrease.
    _increases = False

    def __init__(self, c: ArrayLike, x: ArrayLike, extrapolate=None, axis: int = 0):
        x, c = _inexact("PPoly", x, c)
        _check_places("PPoly", x, 2, strictly=False)
        if c.ndim < 2 or not 0 <= axis < c.ndim - 1:
            raise ShapeError(
                f"PPoly: c has type {aval_of(c)}, axis is {axis}.",
                why="powers and intervals are two axes of it, axis and axis + 1.",
            )
        c = jnp.moveaxis(c, (axis, axis + 1), (0, 1))
        if not c.shape[0] or c.shape[1] != x.size - 1:
            raise ShapeError(
                f"PPoly: c has type {aval_of(c)}, x {aval_of(x)}.",
                why="there is one polynomial between two breakpoints, with one power at least.",
            )
        self.c, self.x, self.axis = c, x, axis
        self.extrapolate = _extrapolation("PPoly", extrapolate)

    @classmethod
    def construct_fast(cls, c: ArrayLike, x: ArrayLike, extrapolate=None, axis: int = 0):
        """Make an object without any check.

        Parameters
        ----------
        c : Array
            ``[k + 1, m, ...]``, whatever ``axis`` is.
        x : f64[m + 1]
        extrapolate : bool or "periodic", optional
        axis : int, default 0

        Returns
        -------
        PPoly
            Of the class itself.
        """
        self = object.__new__(cls)
        self.c, self.x, self.axis = c, x, axis
        self.extrapolate = True if extrapolate is None else extrapolate
        return self

    def tree_flatten(self):
        """Return coefficients and breakpoints, and what is no array."""
        return (self.c, self.x), (self.extrapolate, self.axis)

    @classmethod
    def tree_unflatten(cls, aux, children):
        """Put an object together again."""
        return cls.construct_fast(*children, *aux)

    def __call__(self, x: ArrayLike, nu: int = 0, extrapolate=None) -> Array:
        """Evaluate the polynomials, or a derivative of theirs.

        Parameters
        ----------
        x : f64[...]
            Places.
        nu : int, default 0
            Which derivative.
        extrapolate : bool or "periodic", optional
            That of the object by default.

        Returns
        -------
        Array
            The axes of ``x`` stand where the interpolated axis was.
        """
        name = type(self).__name__
        nu = _order(name, nu, 0)
        extrapolate = _extrapolation(name, extrapolate, self.extrapolate)
        (x,) = _inexact(name, x)
        ends = self.x[0], self.x[-1]
        if extrapolate == "periodic":
            x = ends[0] + jnp.remainder(x - ends[0], ends[1] - ends[0])
        interval = self._interval(x)
        degree, rest = self.c.shape[0] - 1, self.c.ndim - 2
        distance = jnp.reshape(x - self.x[interval], (*x.shape, *(1,) * rest))
        value = jnp.zeros((*x.shape, *self.c.shape[2:]), jnp.result_type(self.c, x))
        for power in range(degree, nu - 1, -1):
            value = value * distance + math.perm(power, nu) * self.c[degree - power][interval]
        # Powers carry nan on; a constant has none.
        known = ~jnp.isnan(x)
        if extrapolate is not True:
            known = known & (x >= jnp.minimum(*ends)) & (x <= jnp.maximum(*ends))
        if extrapolate is not True or degree <= nu:
            value = jnp.where(jnp.reshape(known, distance.shape), value, jnp.nan)
        places = tuple(range(x.ndim))
        return jnp.moveaxis(value, places, tuple(self.axis + i for i in places))

    def _interval(self, x):
        """Return the interval of each place; beyond the ends, the outermost."""
        breaks, last = self.x, self.x.size - 2
        if not self._increases:
            sign = jnp.where(breaks[-1] >= breaks[0], 1, -1).astype(breaks.dtype)
            breaks, x = sign * breaks, sign * x
        # Steps of a search have no slope.
        found = jnp.searchsorted(stop_gradient(breaks), stop_gradient(x), side="right")
        return jnp.clip(found - 1, 0, last)

    def derivative(self, nu: int = 1):
        """Return the derivative as an object of the same class.

        Parameters
        ----------
        nu : int, default 1
            Which one; a negative number is that of an antiderivative.

        Returns
        -------
        PPoly
            ``nu`` powers less, one at least.
        """
        nu = _order("derivative", nu)
        if nu < 0:
            return self.antiderivative(-nu)
        degree = self.c.shape[0] - 1
        if nu > degree:
            c = jnp.zeros_like(self.c[:1])
        else:
            factors = np.array([math.perm(p, nu) for p in range(degree, nu - 1, -1)], self.c.dtype)
            c = self.c[: degree + 1 - nu] * _along_front(factors, self.c.ndim)
        return self.construct_fast(c, self.x, self.extrapolate, self.axis)

    def antiderivative(self, nu: int = 1):
        """Return the integral from ``x[0]`` on as an object of the same class.

        Parameters
        ----------
        nu : int, default 1
            How often to integrate; a negative number is the order of a derivative.

        Returns
        -------
        PPoly
            ``nu`` powers more. Where the object was periodic, it is nan beyond the ends.
        """
        nu = _order("antiderivative", nu)
        if nu <= 0:
            return self.derivative(-nu)
        c, width = self.c, _along_front(jnp.diff(self.x), self.c.ndim - 1)
        for _ in range(nu):
            powers = np.arange(c.shape[0], 0, -1).astype(c.dtype)
            c = c / _along_front(powers, c.ndim)
            whole = jnp.zeros_like(c[0])
            for coefficient in c:
                whole = (whole + coefficient) * width
            before = jnp.concatenate([jnp.zeros_like(whole[:1]), jnp.cumsum(whole[:-1], axis=0)])
            c = jnp.concatenate([c, before[None]])
        extrapolate = False if self.extrapolate == "periodic" else self.extrapolate
        return self.construct_fast(c, self.x, extrapolate, self.axis)

    def integrate(self, a: ArrayLike, b: ArrayLike, extrapolate=None) -> Array:
        """Integrate between two places.

        Parameters
        ----------
        a, b : f64[]
            The limits; ``b`` may be below ``a``.
        extrapolate : bool or "periodic", optional
            That of the object by default.

        Returns
        -------
        Array
            ``c.shape[2:]``; nan where a limit is beyond the ends and nothing is there.

        Notes
        -----
        Adds up what lies between the limits in each interval: no large numbers cancel.
        """
        extrapolate = _extrapolation("integrate", extrapolate, self.extrapolate)
        limits = [_inexact("integrate", x)[0] for x in (a, b)]
        if any(x.ndim for x in limits):
            raise ShapeError(
                f"integrate: limits have types {aval_of(limits[0])} and {aval_of(limits[1])}.",
                why="they are numbers.",
                fix="jaxlite.vmap(p.integrate)(a, b).",
            )
        first, last = self.x[0], self.x[-1]
        if extrapolate == "periodic":
            turns = [jnp.floor((x - first) / (last - first)) for x in limits]
            places = [x - n * (last - first) for x, n in zip(limits, turns, strict=True)]
            return (turns[1] - turns[0]) * self._between(first, last) + self._between(*places)
        value = self._between(*limits)
        if not extrapolate:
            low, high = jnp.minimum(first, last), jnp.maximum(first, last)
            inside = [(x >= low) & (x <= high) for x in limits]
            value = jnp.where(inside[0] & inside[1], value, jnp.nan)
        return value

    def _between(self, a, b):
        """Return the sum over intervals of the integral over their part between two limits."""
        sign = 1.0
        breaks = self.x
        if not self._increases:
            sign = jnp.where(breaks[-1] >= breaks[0], 1, -1).astype(breaks.dtype)
        # The outermost intervals have no end. One interval owns a limit, so that its derivative is not shared out.
        ends = jnp.concatenate([sign * breaks[1:-1], jnp.full(1, jnp.inf, breaks.dtype)])
        starts = jnp.concatenate([jnp.full(1, -jnp.inf, breaks.dtype), sign * breaks[1:-1]])
        integral = 0.0
        for factor, limit in ((-1.0, a), (1.0, b)):
            at = sign * limit
            place = jnp.where(at < starts, breaks[:-1], jnp.where(at < ends, limit, breaks[1:]))
            distance = _along_front(place - breaks[:-1], self.c.ndim - 1)
            value = jnp.zeros_like(self.c[0])
            for power, coefficient in zip(range(self.c.shape[0], 0, -1), self.c, strict=True):
                value = (value + coefficient / power) * distance
            integral = integral + factor * value
        return jnp.sum(integral, axis=0)

    def solve(self, y: float = 0.0, discontinuity: bool = True, extrapolate=None):
        """Return the places at which the polynomials have a value, found by SciPy.

        Parameters
        ----------
        y : float, default 0
            The value.
        discontinuity : bool, default True
            Whether a jump over the value counts.
        extrapolate : bool or "periodic", optional
            That of the object by default.

        Returns
        -------
        Array, or ndarray of Arrays
            ``f64[number of places]``; for several polynomials, an array of objects with a vector for each of them.

        Raises
        ------
        ConcretizationTypeError
            If the object or ``y`` is traced: how many places there are is known at run time only.
        """
        extrapolate = _extrapolation("solve", extrapolate, self.extrapolate)
        if any(isinstance(value, Tracer) for value in (self.c, self.x, y)):
            raise ConcretizationTypeError(
                f"{type(self).__name__}.solve: the polynomials or the value are traced.",
                why="how many places there are is known at run time only.",
                fix="jaxlite.experimental.implicit.root(lambda t: p(t) - y, near) finds one, with derivatives.",
            )
        from scipy import interpolate

        c, x = (np.asarray(value).astype(np.result_type(value, np.float64)) for value in (self.c, self.x))
        found = interpolate.PPoly(c, x).solve(float(y), discontinuity, extrapolate)
        if found.dtype != object:
            return ArrayType.of(found)
        for index, places in np.ndenumerate(found):
            found[index] = ArrayType.of(places)
        return found

    def roots(self, discontinuity: bool = True, extrapolate=None):
        """Return the places at which the polynomials are zero; see `solve`.

        Parameters
        ----------
        discontinuity : bool, default True
        extrapolate : bool or "periodic", optional

        Returns
        -------
        Array, or ndarray of Arrays
        """
        return self.solve(0.0, discontinuity, extrapolate)


# --- cubics through points --------------------------------------------------------------------------


def _hermite(x, y, slopes):
    """Return the coefficients of the cubics with these values and slopes at both ends of each interval."""
    width = _along_front(jnp.diff(x), y.ndim)
    chord = jnp.diff(y, axis=0) / width
    left, right = slopes[:-1], slopes[1:]
    bend = (left + right - 2.0 * chord) / width
    return jnp.stack([bend / width, (chord - left) / width - bend, left, y[:-1]])


class _Cubic(PPoly):
    """A `PPoly` of degree three that is made from points."""

    _increases = True

    def _set(self, x, y, slopes, extrapolate, axis: int):
        self.c, self.x = _hermite(x, y, slopes), x
        self.extrapolate, self.axis = extrapolate, axis


@register_pytree_node_class
class CubicHermiteSpline(_Cubic):
    """Cubics with given values and slopes at the points.

    Parameters
    ----------
    x : f64[n]
        Places, increasing, two at least.
    y : f64[..., n, ...] or complex
        Values.
    dydx : like y
        Slopes.
    axis : int, default 0
        The axis of ``y`` that goes with ``x``.
    extrapolate : bool or "periodic", optional
        See `PPoly`. True by default.

    Raises
    ------
    ShapeError
        If the shapes do not fit, or there are fewer than two places.
    ArgumentError
        If ``x`` is known and does not increase.

    Notes
    -----
    A `PPoly`, differentiable in ``x``, ``y`` and ``dydx`` as well.

    Examples
    --------
    >>> x = jnp.array([0.0, 1.0])
    >>> f = jaxlite.scipy.interpolate.CubicHermiteSpline(x, x**3, 3.0 * x**2)
    >>> f(0.5)
    Array(0.125, dtype=float64)
    """

    def __init__(self, x: ArrayLike, y: ArrayLike, dydx: ArrayLike, axis: int = 0, extrapolate=None):
        x, (y, slopes), axis = _prepared("CubicHermiteSpline", x, axis, y, dydx)
        self._set(x, y, slopes, _extrapolation("CubicHermiteSpline", extrapolate), axis)


def _pchip_slopes(x, y):
    width = _along_front(jnp.diff(x), y.ndim)
    chord = jnp.diff(y, axis=0) / width
    if x.size == 2:
        return jnp.concatenate([chord, chord])
    before, after = chord[:-1], chord[1:]
    turns = (jnp.sign(before) != jnp.sign(after)) | (before == 0.0)
    # Safe numbers first: 0 · inf would reach the derivatives.
    before, after = jnp.where(turns, 1.0, before), jnp.where(turns, 1.0, after)
    of_after, of_before = 2.0 * width[1:] + width[:-1], width[1:] + 2.0 * width[:-1]
    mean = (of_after / before + of_before / after) / (of_after + of_before)
    inner = jnp.where(turns, 0.0, 1.0 / mean)

    def end(h0, h1, m0, m1):
        slope = ((2.0 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
        steep = (jnp.sign(m0) != jnp.sign(m1)) & (jnp.abs(slope) > 3.0 * jnp.abs(m0))
        slope = jnp.where(steep, 3.0 * m0, jnp.where(jnp.sign(slope) != jnp.sign(m0), 0.0, slope))
        return slope[None]

    first = end(width[0], width[1], chord[0], chord[1])
    last = end(width[-1], width[-2], chord[-1], chord[-2])
    return jnp.concatenate([first, inner, last])


@register_pytree_node_class
class PchipInterpolator(_Cubic):
    """Cubics that go up and down where the points do, and overshoot nowhere.

    Parameters
    ----------
    x : f64[n]
        Places, increasing, two at least.
    y : f64[..., n, ...]
        Values.
    axis : int, default 0
        The axis of ``y`` that goes with ``x``.
    extrapolate : bool or "periodic", optional
        See `PPoly`. True by default.

    Raises
    ------
    ShapeError
        If the shapes do not fit, or there are fewer than two places.
    ArgumentError
        If ``x`` is known and does not increase.
    DtypeError
        If ``y`` is complex.

    Notes
    -----
    A `PPoly`. With chords d and widths h, the slope at an inner point is the weighted harmonic mean of its two chords,
    (w₁ + w₂) / (w₁/d₁ + w₂/d₂), where w₁ = 2h₂ + h₁, w₂ = h₂ + 2h₁; zero where they differ in sign. At the ends it is
    that of the parabola through three points, limited.

    References
    ----------
    .. [1] F. Fritsch, J. Butland, "A method for constructing local monotone piecewise cubic interpolants", SIAM J. Sci.
       Stat. Comput. 5, 1984.
    .. [2] C. Moler, "Numerical Computing with MATLAB", SIAM 2004, section 3.6.

    Examples
    --------
    >>> f = jaxlite.scipy.interpolate.PchipInterpolator(jnp.array([0.0, 1.0, 2.0]), jnp.array([0.0, 0.0, 1.0]))
    >>> f(jnp.array([0.5, 1.5]))
    Array([0.    , 0.3125], dtype=float64)
    """

    def __init__(self, x: ArrayLike, y: ArrayLike, axis: int = 0, extrapolate=None):
        _require_real("PchipInterpolator", y)
        x, (y,), axis = _prepared("PchipInterpolator", x, axis, y)
        self._set(x, y, _pchip_slopes(x, y), _extrapolation("PchipInterpolator", extrapolate), axis)


def pchip_interpolate(
    xi: ArrayLike, yi: ArrayLike, x: ArrayLike, der: int | Sequence[int] = 0, axis: int = 0
) -> Array | list[Array]:
    """Evaluate a `PchipInterpolator`, or derivatives of it.

    Parameters
    ----------
    xi : f64[n]
        Places, increasing, two at least.
    yi : f64[..., n, ...]
        Values there.
    x : f64[...]
        Where to evaluate.
    der : int or sequence of int, default 0
        Which derivatives.
    axis : int, default 0
        The axis of ``yi`` that goes with ``xi``.

    Returns
    -------
    Array, or list of Array
        A list, if ``der`` is a sequence.
    """
    polynomial = PchipInterpolator(xi, yi, axis)
    if isinstance(der, Sequence | np.ndarray) and np.ndim(der):
        return [polynomial(x, nu) for nu in der]
    return polynomial(x, der)


# Below this part of the largest, the sum of weights is rounding: where both chords on either side agree.
_NO_WEIGHT = 1e-9


def _akima_slopes(x, y, modified: bool):
    chord = jnp.diff(y, axis=0) / _along_front(jnp.diff(x), y.ndim)
    if x.size == 2:
        return jnp.concatenate([chord, chord])
    # Two more on either side, on the parabola through the outermost points.
    left, right = 2.0 * chord[0] - chord[1], 2.0 * chord[-1] - chord[-2]
    far_left, far_right = 2.0 * left - chord[0], 2.0 * right - chord[-1]
    chord = jnp.concatenate([far_left[None], left[None], chord, right[None], far_right[None]])
    weight = jnp.abs(jnp.diff(chord, axis=0))
    if modified:
        weight = weight + 0.5 * jnp.abs(chord[1:] + chord[:-1])
    of_before, of_after = weight[2:], weight[:-2]
    total = of_before + of_after
    largest = jnp.max(total, initial=0.0)
    differ = stop_gradient(total > _NO_WEIGHT * largest)
    part = of_after / jnp.where(differ, total, 1.0)
    before, after = chord[1:-2], chord[2:-1]
    return jnp.where(differ, before + part * (after - before), 0.5 * (chord[3:] + chord[:-3]))


@register_pytree_node_class
class Akima1DInterpolator(_Cubic):
    """Cubics whose slopes follow the chords that change least.

    Parameters
    ----------
    x : f64[n]
        Places, increasing, two at least.
    y : f64[..., n, ...]
        Values.
    axis : int, default 0
        The axis of ``y`` that goes with ``x``.
    method : {"akima", "makima"}
        ``"makima"`` overshoots less where values are constant.
    extrapolate : bool or "periodic", optional
        See `PPoly`. False by default.

    Raises
    ------
    ShapeError
        If the shapes do not fit, or there are fewer than two places.
    ArgumentError
        If ``x`` is known and does not increase, or for another ``method``.
    DtypeError
        If ``y`` is complex.

    Notes
    -----
    A `PPoly`. With chords d₁ to d₄ about a point, its slope is (w₁d₂ + w₂d₃) / (w₁ + w₂), w₁ = |d₄ − d₃|,
    w₂ = |d₂ − d₁|; ``"makima"`` adds half of the absolute value of the sums to the weights.

    References
    ----------
    .. [1] H. Akima, "A new method of interpolation and smooth curve fitting based on local procedures", J. ACM 17,
       1970.

    Examples
    --------
    >>> x = jnp.arange(5.0)
    >>> f = jaxlite.scipy.interpolate.Akima1DInterpolator(x, x**2)
    >>> f(jnp.array([0.5, 2.5, 9.0]))
    Array([0.25, 6.25,  nan], dtype=float64)
    """

    def __init__(self, x: ArrayLike, y: ArrayLike, axis: int = 0, *, method: str = "akima", extrapolate=None):
        if method not in ("akima", "makima"):
            raise ArgumentError(
                f"Akima1DInterpolator: method is {method!r:.40}.", why="it is 'akima' or 'makima'."
            )
        _require_real("Akima1DInterpolator", y)
        x, (y,), axis = _prepared("Akima1DInterpolator", x, axis, y)
        slopes = _akima_slopes(x, y, method == "makima")
        self._set(x, y, slopes, _extrapolation("Akima1DInterpolator", extrapolate, False), axis)


# --- the spline -------------------------------------------------------------------------------------


def _end(bc, shape: tuple) -> tuple | str:
    """Return a condition at one end as ``(order, value)``, or ``"not-a-knot"``."""
    named = {"clamped": 1, "natural": 2}
    if isinstance(bc, str) and bc in named:
        return named[bc], 0.0
    if isinstance(bc, str) and bc == "not-a-knot":
        return bc
    try:
        order, value = bc
        order = operator.index(order)
    except (TypeError, ValueError):
        order = value = None
    if order not in (1, 2):
        raise ArgumentError(
            f"CubicSpline: bc_type has {bc!r:.60}.",
            why="an end is 'not-a-knot', 'clamped', 'natural', or (1 or 2, value of that derivative).",
            fix="'periodic' is for both ends: bc_type='periodic'.",
        )
    if aval_of(operand("CubicSpline", value)).shape != shape:
        raise ShapeError(
            f"CubicSpline: bc_type has a derivative of type {aval_of(value)}.",
            why=f"it has the shape of y without the interpolated axis, {shape}.",
        )
    return order, value


def _ends(bc_type, shape: tuple) -> tuple | str:
    if isinstance(bc_type, str):
        return bc_type if bc_type == "periodic" else (_end(bc_type, shape),) * 2
    if not isinstance(bc_type, tuple | list) or len(bc_type) != 2:
        raise ArgumentError(
            f"CubicSpline: bc_type is {bc_type!r:.60}.", why="it is a word, or a pair: one for each end."
        )
    return tuple(_end(bc, shape) for bc in bc_type)


def _solve_tridiagonal(lower, middle, upper, right):
    """Solve for columns of numbers with the three diagonals ``[n]``; the equation is differentiated, not the steps."""
    zero = jnp.zeros_like(right[:1])

    def product(x):
        after, before = jnp.concatenate([x[1:], zero]), jnp.concatenate([zero, x[:-1]])
        return lower[:, None] * before + middle[:, None] * x + upper[:, None] * after

    # Elimination of a spline's rows needs no exchange, nor does the transpose, which has the same pivots.
    return custom_linear_solve(
        product,
        right,
        lambda _, b: tridiagonal_solve(lower, middle, upper, b),
        lambda _, b: tridiagonal_solve(jnp.roll(upper, 1), middle, jnp.roll(lower, -1), b),
    )


def _solve_columns(lower, middle, upper, right):
    """Solve for right-hand sides ``[n, ...]``, real or complex."""
    columns = jnp.reshape(right, (right.shape[0], -1))
    if columns.dtype.kind != "c":
        return jnp.reshape(_solve_tridiagonal(lower, middle, upper, columns), right.shape)
    parts = jnp.concatenate([columns.real, columns.imag], axis=1)
    real, imag = jnp.split(_solve_tridiagonal(lower, middle, upper, parts), 2, axis=1)
    return jnp.reshape(real + 1j * imag, right.shape)


def _inner_rows(width, chord):
    """Return the equations of points that have neighbours: the second derivatives of both cubics agree there."""
    h0, h1 = width[:-1], width[1:]
    wide0, wide1 = _along_front(h0, chord.ndim), _along_front(h1, chord.ndim)
    return h1, 2.0 * (h0 + h1), h0, 3.0 * (wide1 * chord[:-1] + wide0 * chord[1:])


def _end_row(bc, width, chord):
    """Return the equation of the first point: diagonal, what stands beside it, right side."""
    if bc == "not-a-knot":
        # The third derivatives of the first two cubics agree.
        h0, h1 = width[0], width[1]
        right = ((3.0 * h0 + 2.0 * h1) * h1 * chord[0] + h0**2 * chord[1]) / (h0 + h1)
        return h1, h0 + h1, right
    order, value = bc
    value = jnp.broadcast_to(jnp.asarray(value), chord.shape[1:]).astype(chord.dtype)
    one = jnp.ones((), width.dtype)
    if order == 1:
        return one, jnp.zeros((), width.dtype), value
    return 2.0 * one, one, 3.0 * chord[0] - 0.5 * width[0] * value


def _mirrored(bc):
    """Return a condition as it looks from the other end: odd derivatives keep their sign in chords, even ones not."""
    return (2, -jnp.asarray(bc[1])) if bc != "not-a-knot" and bc[0] == 2 else bc


def _spline_slopes(x, y, ends):
    width = jnp.diff(x)
    chord = jnp.diff(y, axis=0) / _along_front(width, y.ndim)
    n = x.size
    if ends == "periodic":
        return _periodic_slopes(width, chord)
    if n == 2:
        ends = tuple((1, chord[0]) if bc == "not-a-knot" else bc for bc in ends)
    if n == 3 and ends == ("not-a-knot", "not-a-knot"):
        # One parabola.
        bend = (chord[1] - chord[0]) / (width[0] + width[1])
        first, last = chord[0] - bend * width[0], chord[1] + bend * width[1]
        return jnp.stack([first, chord[0] + bend * width[0], last])
    first, beside_first, right_first = _end_row(ends[0], width, chord)
    last, beside_last, right_last = _end_row(_mirrored(ends[1]), width[::-1], chord[::-1])
    lower, middle, upper, right = _inner_rows(width, chord)
    return _solve_columns(
        jnp.concatenate([jnp.zeros(1, width.dtype), lower, beside_last[None]]),
        jnp.concatenate([first[None], middle, last[None]]),
        jnp.concatenate([beside_first[None], upper, jnp.zeros(1, width.dtype)]),
        jnp.concatenate([right_first[None], right, right_last[None]]),
    )


def _periodic_slopes(width, chord):
    """Solve the cyclic system: the slope at one point is eliminated, the others depend on it in a line."""
    n = width.shape[0]
    if n == 1:
        return jnp.concatenate([chord, chord])
    if n == 2:
        weights = _along_front(1.0 / width, chord.ndim)
        slope = jnp.sum(chord * weights, axis=0) / jnp.sum(weights, axis=0)
        return jnp.stack([slope, slope, slope])
    # The interval before the first point is the last one.
    around = jnp.concatenate([width[-1:], width])
    lower, middle, upper, right = _inner_rows(around, jnp.concatenate([chord[-1:], chord]))
    # (upper[-1] s[0] + lower[-1] s[n - 2]) + middle[-1] s[n - 1] = right[-1], and s = fixed - s[n - 1] · moved.
    corner = jnp.concatenate([lower[:1], jnp.zeros(n - 2, width.dtype)])
    corner = corner + jnp.concatenate([jnp.zeros(n - 2, width.dtype), upper[-2:-1]])
    shape, columns = right.shape, jnp.reshape(right, (n, -1))
    if columns.dtype.kind == "c":
        columns = jnp.concatenate([columns.real, columns.imag], axis=1)
    sides = jnp.concatenate([columns[:-1], corner[:, None]], axis=1)
    solved = _solve_tridiagonal(lower[:-1], middle[:-1], upper[:-1], sides)
    fixed, moved = solved[:, :-1], solved[:, -1]
    rest = columns[-1] - upper[-1] * fixed[0] - lower[-1] * fixed[-1]
    last = rest / (middle[-1] - upper[-1] * moved[0] - lower[-1] * moved[-1])
    slopes = jnp.concatenate([fixed - last * moved[:, None], last[None]])
    if right.dtype.kind == "c":
        real, imag = jnp.split(slopes, 2, axis=1)
        slopes = real + 1j * imag
    slopes = jnp.reshape(slopes, shape)
    return jnp.concatenate([slopes, slopes[:1]])


@register_pytree_node_class
class CubicSpline(_Cubic):
    """Cubics with continuous first and second derivatives through given points.

    Parameters
    ----------
    x : f64[n]
        Places, increasing, two at least.
    y : f64[..., n, ...] or complex
        Values.
    axis : int, default 0
        The axis of ``y`` that goes with ``x``.
    bc_type : str or pair
        What holds at the ends: ``"not-a-knot"``, the two outermost cubics are one; ``"clamped"`` and ``"natural"``,
        the first or the second derivative is zero; ``"periodic"``, for which the first value is the last. A pair has
        one for each end, among them ``(order, value)``: that derivative, the first or second, has that value, of the
        shape of ``y`` without the interpolated axis.
    extrapolate : bool or "periodic", optional
        See `PPoly`. By default ``"periodic"`` for a periodic spline, else True.

    Raises
    ------
    ShapeError
        If the shapes do not fit, or there are fewer than two places.
    ArgumentError
        If ``x`` is known and does not increase, for another ``bc_type``, or if ``y`` is known, is to be periodic and
        is not.

    Notes
    -----
    A `PPoly`, differentiable in ``x``, ``y``, the values at the ends and the places. The slopes at the points solve a
    tridiagonal system, which takes time in proportion to n, for its derivatives too. With ``"not-a-knot"`` at both
    ends, three points give a parabola, and two a line.

    References
    ----------
    .. [1] C. de Boor, "A Practical Guide to Splines", Springer 1978, chapter IV.

    Examples
    --------
    >>> from jaxlite.scipy.interpolate import CubicSpline
    >>> x = jnp.linspace(0.0, 3.0, 7)
    >>> spline = CubicSpline(x, x**3)
    >>> print(f"{spline(2.2):.4f} {spline(2.2, 1):.4f} {spline.integrate(0.0, 2.0):.4f}")
    10.6480 14.5200 4.0000
    >>> print(np.round(jaxlite.grad(lambda y: CubicSpline(x, y)(0.75))(x**3), 3))
    [-0.046  0.491  0.682 -0.161  0.041 -0.009  0.001]
    """

    def __init__(self, x: ArrayLike, y: ArrayLike, axis: int = 0, bc_type="not-a-knot", extrapolate=None):
        places, (values,), front = _prepared("CubicSpline", x, axis, y)
        ends = _ends(bc_type, values.shape[1:])
        if ends == "periodic":
            _check_periodic(values)
        elif any(bc != "not-a-knot" and aval_of(bc[1]).dtype.kind == "c" for bc in ends):
            values = values.astype(jnp.result_type(values, np.complex64))
        default = "periodic" if ends == "periodic" else True
        extrapolate = _extrapolation("CubicSpline", extrapolate, default)
        self._set(places, values, _spline_slopes(places, values, ends), extrapolate, front)


def _check_periodic(y):
    y = _known(y)
    if y is not None and not np.allclose(y[0], y[-1], rtol=1e-15, atol=1e-15):
        raise ArgumentError(
            f"CubicSpline: bc_type is 'periodic', and the first value {y[0]!s:.40} is not the last one {y[-1]!s:.40}.",
            why="they belong to the same point.",
            fix="y = y.at[-1].set(y[0]).",
        )
