"""``jaxlite.scipy.integrate``: integrals of functions, and of what is known at points.

>>> value, error = jaxlite.scipy.integrate.quad(lambda x: jnp.exp(-x * x), -np.inf, np.inf)
>>> value
Array(1.77245385, dtype=float64)
>>> jaxlite.scipy.integrate.simpson(jnp.array([0.0, 1.0, 4.0]))
Array(2.66666667, dtype=float64)
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.control.bodies import stage_body
from jaxlite.control.quadrature import integrate
from jaxlite.errors import ArgumentError, DtypeError, ShapeError
from jaxlite.ir import ShapedArray
from jaxlite.numpy import trapezoid
from jaxlite.numpy.promotion import canonical_axis, convert, inexact_dtype, promote_inexact
from jaxlite.scipy._quadrature import GaussKronrod, kind_of_line
from jaxlite.source import describe_function
from jaxlite.trace import Tracer, aval_of
from jaxlite.tree import tree_flatten
from jaxlite.typing import Array, ArrayLike

__all__ = [
    "cumulative_simpson",
    "cumulative_trapezoid",
    "fixed_quad",
    "quad",
    "romb",
    "simpson",
    "trapezoid",
]


# --- functions --------------------------------------------------------------------------------------


def _limits(name: str, *values) -> list:
    """Return limits in one floating dtype: NumPy's scalars, or what is traced."""
    limits = promote_inexact(name, *values)
    for limit in limits:
        aval = aval_of(limit)
        if aval.shape or aval.dtype.kind != "f":
            raise ArgumentError(
                f"{name}: the limits have types {', '.join(str(aval_of(x)) for x in limits)}.",
                why="they are real numbers.",
                fix=f"jaxlite.vmap(lambda a, b: {name}(f, a, b)[0])(a, b) takes vectors of them.",
            )
    return limits


def quad(
    func: Callable,
    a: ArrayLike,
    b: ArrayLike,
    args: tuple = (),
    full_output: int = 0,
    epsabs: float = 1.49e-8,
    epsrel: float = 1.49e-8,
    limit: int = 50,
    points: Sequence[ArrayLike] | None = None,
    weight: None = None,
) -> tuple:
    """Integrate a function between two limits.

    Parameters
    ----------
    func : callable
        ``(x, *args) -> number``, for a number x. What it closes over may be traced.
    a, b : float
        The limits, which may be infinite, equal, traced, and in any order.
    args : tuple of pytrees
        Handed on to ``func``.
    full_output : int, default 0
        Whether to return ``info`` as well.
    epsabs, epsrel : float
        The absolute or relative error that is small enough; of derivatives, for each component of theirs.
    limit : int, default 50
        The most intervals.
    points : sequence of float, optional
        Where ``func`` is difficult: the first intervals end there. Places that are not between the limits count for
        nothing.
    weight : None
        Not supported.

    Returns
    -------
    value : f64[]
    error : f64[]
        An estimate of the absolute error, without derivative.
    info : dict, if ``full_output``
        ``neval``, how often ``func`` was called; ``last``, the number of intervals; ``alist``, ``blist``, ``rlist``,
        ``elist``, f64[limit], their ends, integrals and errors; ``converged``, bool[], whether the error is as small
        as asked for.

    Raises
    ------
    ArgumentError
        If the limits are no real numbers, or for another of the arguments.
    ShapeError, DtypeError
        If ``func`` does not return one real number.

    Notes
    -----
    As QUADPACK's QAGS, QAGP and QAGI: Kronrod's rule of 21 points, the interval with the largest error is halved, and
    the sums are extrapolated, which finds integrals over singularities at the ends of intervals. Infinite intervals
    are mapped to finite ones. Compiled, it is one loop; under ``vmap``, a loop for each element.

    The derivative is f(b) ḃ − f(a) ȧ + ∫ ∂f/∂args, in both modes and to any order; the integral of the derivative is
    refined by itself, and its tolerances are those for tangents and cotangents of size one. What ``func`` has to be
    at an infinite limit is zero.

    Differs from SciPy: there is no warning, as nobody knows before compiled code has run whether the error became
    small: see ``error``, or ``info["converged"]``. ``func`` is recorded, for all points at once. For infinite intervals
    the rule has 21 points too, so that estimates of errors differ.

    References
    ----------
    .. [1] R. Piessens, E. de Doncker-Kapenga, C. Überhuber, D. Kahaner, "QUADPACK", Springer 1983.

    Examples
    --------
    >>> from jaxlite.scipy.integrate import quad
    >>> def period(k):
    ...     return 4.0 * quad(lambda t: 1.0 / jnp.sqrt(1.0 - (k * jnp.sin(t)) ** 2), 0.0, np.pi / 2)[0]
    >>> print(f"{period(0.5):.8f} {jaxlite.grad(period)(0.5):.8f}")
    6.74300142 2.16692739
    """
    if weight is not None:
        raise ArgumentError(
            f"quad: weight is {weight!r:.40}.",
            why="only None is supported.",
            fix="multiply func by the weight.",
        )
    try:
        limit = operator.index(limit)
    except TypeError:
        raise ArgumentError(f"quad: limit is {limit!r:.40}.", why="it is an int.") from None
    for what, tolerance in (("epsabs", epsabs), ("epsrel", epsrel)):
        if not isinstance(tolerance, float | int | np.number):
            raise ArgumentError(f"quad: {what} is {tolerance!r:.40}.", why="it is a number that is known.")
    args = args if isinstance(args, tuple) else (args,)
    cuts = [] if points is None else [points[i] for i in range(len(points))]
    a, b, *cuts = _limits("quad", a, b, *cuts)
    method = GaussKronrod(float(epsabs), float(epsrel), limit, kind_of_line(a, b))
    first = method.first_intervals(len(cuts))
    if limit < first:
        raise ArgumentError(
            f"quad: limit is {limit}, with {len(cuts)} points.", why=f"there are {first} intervals at first."
        )
    dtype = aval_of(a).dtype
    integrand = _integrand(func, args, dtype)
    value, error, last, starts, ends, values, errors, converged = integrate(
        integrand, method, a, b, *method.tables(dtype), *cuts
    )
    if not full_output:
        return value, error
    info = {
        "neval": 21 * (2 * last - first), "last": last, "alist": starts, "blist": ends,
        "rlist": values[:, 0], "elist": errors[:, 0], "converged": converged,
    }  # fmt: skip
    return value, error, info


def _integrand(func: Callable, args: tuple, dtype: np.dtype):
    """Record the function, for a number of a floating dtype, and check what it returns."""
    name = describe_function(func)

    def one(x):
        value = func(x, *args)
        leaves, _ = tree_flatten(value)
        if len(leaves) != 1 or aval_of(leaves[0]).shape:
            returned = ", ".join(str(aval_of(leaf)) for leaf in leaves) or "nothing"
            raise ShapeError(
                f"quad: {name} returned {returned} for a number.",
                why="it is to return one number.",
                fix="integrate components one by one, or vmap over them: jaxlite.vmap(lambda i: quad(…)[0])(indices).",
            )
        if aval_of(leaves[0]).dtype.kind == "c":
            raise DtypeError(
                f"quad: {name} returned {aval_of(leaves[0])}.",
                why="it integrates real functions.",
                fix="integrate real and imaginary part: lambda x: f(x).real, lambda x: f(x).imag.",
            )
        return convert(leaves[0], inexact_dtype(aval_of(leaves[0]).dtype))

    _, in_tree = tree_flatten((0.0,))
    return stage_body(one, in_tree, [ShapedArray((), dtype)], f"func, {name}")


def fixed_quad(func: Callable, a: ArrayLike, b: ArrayLike, args: tuple = (), n: int = 5) -> tuple:
    """Integrate a function by Gauss's rule, exact for polynomials of degree 2n - 1.

    Parameters
    ----------
    func : callable
        ``(x, *args) -> f64[..., n]``, for f64[n].
    a, b : float
        Finite limits.
    args : tuple
        Handed on to ``func``.
    n : int, default 5
        The number of points.

    Returns
    -------
    value : f64[...]
    None

    Raises
    ------
    ArgumentError
        If a limit is known to be infinite, or is no number.

    Examples
    --------
    >>> jaxlite.scipy.integrate.fixed_quad(lambda x: x**8, 0.0, 1.0)[0]
    Array(0.11111111, dtype=float64)
    """
    a, b = _limits("fixed_quad", a, b)
    if any(not isinstance(x, Tracer) and np.isinf(x) for x in (a, b)):
        raise ArgumentError(
            f"fixed_quad: the limits are {a} and {b}.",
            why="its points lie between finite ones.",
            fix="quad(f, a, b).",
        )
    nodes, weights = (x.astype(aval_of(a).dtype) for x in np.polynomial.legendre.leggauss(n))
    half = 0.5 * (b - a)
    return half * jnp.sum(weights * func(half * (nodes + 1.0) + a, *args), axis=-1), None


# --- points -----------------------------------------------------------------------------------------


def _samples(name: str, y, x, dx, axis: int) -> tuple:
    """Return values with their axis last, the widths between them (a number or an array), and the axis."""
    y, dx = map(jnp.asarray, promote_inexact(name, y, dx)) if x is None else (y, None)
    if x is not None:
        y, x = map(jnp.asarray, promote_inexact(name, y, x))
    if not y.ndim:
        raise ShapeError(f"{name}: y has type {aval_of(y)}.", why="it has values along an axis.")
    axis = canonical_axis(axis, y.ndim)
    size = y.shape[axis]
    if not size:
        raise ShapeError(f"{name}: y has type {aval_of(y)}.", why=f"axis {axis} is empty.")
    if x is None:
        if dx.ndim and dx.shape != (*y.shape[:axis], 1, *y.shape[axis + 1 :]):
            raise ShapeError(
                f"{name}: y has type {aval_of(y)}, dx {aval_of(dx)}.",
                why=f"dx is a number, or like y with one element along axis {axis}.",
            )
        width = jnp.moveaxis(dx, axis, -1) if dx.ndim else dx
        return jnp.moveaxis(y, axis, -1), width, axis
    if x.shape not in ((size,), y.shape):
        raise ShapeError(
            f"{name}: y has type {aval_of(y)}, x {aval_of(x)}.",
            why=f"x is like y, or a vector of its {size} places along axis {axis}.",
        )
    return jnp.moveaxis(y, axis, -1), jnp.diff(x if x.ndim == 1 else jnp.moveaxis(x, axis, -1)), axis


def cumulative_trapezoid(
    y: ArrayLike, x: ArrayLike | None = None, dx: ArrayLike = 1.0, axis: int = -1, initial: int | None = None
) -> Array:
    """Integrate from the first point to each of the others by the trapezoidal rule.

    Parameters
    ----------
    y : f64[..., n, ...] or complex
        Values.
    x : f64[n] or like ``y``, optional
        Places.
    dx : float, default 1.0
        The distance between places, where there is no ``x``.
    axis : int, default -1
        The axis of the points.
    initial : 0, optional
        Whether to begin with the integral to the first point, which is zero.

    Returns
    -------
    Array
        ``[..., n - 1, ...]``, or like ``y`` with ``initial``.

    Raises
    ------
    ShapeError
        If shapes do not fit, or there is no point.
    ArgumentError
        For another ``initial``.

    Examples
    --------
    >>> jaxlite.scipy.integrate.cumulative_trapezoid(jnp.array([0.0, 1.0, 2.0]), initial=0)
    Array([0. , 0.5, 2. ], dtype=float64)
    """
    y, width, axis = _samples("cumulative_trapezoid", y, x, dx, axis)
    if initial is not None and (isinstance(initial, Tracer) or np.ndim(initial) or initial != 0):
        raise ArgumentError(
            f"cumulative_trapezoid: initial is {initial!r:.40}.",
            why="it is None or 0.",
            fix="add it to the result.",
        )
    return jnp.moveaxis(_summed(_trapezoids(y, width), initial), -1, axis)


def _trapezoids(y, width):
    return 0.5 * width * (y[..., 1:] + y[..., :-1])


def _summed(parts, initial):
    """Return sums of the parts up to each, after the first number if there is one."""
    sums = jnp.cumsum(parts, axis=-1)
    if initial is None:
        return sums
    start = jnp.broadcast_to(jnp.asarray(initial), (*sums.shape[:-1], 1)).astype(sums.dtype)
    return jnp.concatenate([start, start + sums], axis=-1)


def _ratio(x, y):
    """Divide; 0 where the divisor is, as for places that stand there twice."""
    return jnp.where(y == 0.0, 0.0, x / jnp.where(y == 0.0, 1.0, y))


def _first_of_two(y, h, k):
    """Integrate the parabola through three points, ``y`` apart by ``h`` and ``k``, over the first interval."""
    part = _ratio(h, h + k)
    bend = part * _ratio(h, k)
    return h / 6.0 * ((3.0 - part) * y[0] + (3.0 + part + bend) * y[1] - bend * y[2])


def simpson(y: ArrayLike, x: ArrayLike | None = None, *, dx: ArrayLike = 1.0, axis: int = -1) -> Array:
    """Integrate by Simpson's rule: parabolas through three points each.

    Parameters
    ----------
    y : f64[..., n, ...] or complex
        Values.
    x : f64[n] or like ``y``, optional
        Places, at any distances.
    dx : float, default 1.0
        The distance between places, where there is no ``x``.
    axis : int, default -1
        The axis of the points.

    Returns
    -------
    Array
        Like ``y`` without the axis.

    Raises
    ------
    ShapeError
        If shapes do not fit, or there is no point.

    Notes
    -----
    Where the number of points is even, the last interval is that of the parabola through the last three points; two
    points give the trapezoidal rule.

    References
    ----------
    .. [1] K. Cartwright, "Simpson's rule cumulative integration with MS Excel and irregularly-spaced data", J. Math.
       Sci. Math. Educ. 12, 2017.

    Examples
    --------
    >>> x = jnp.linspace(0.0, 2.0, 5)
    >>> jaxlite.scipy.integrate.simpson(x**3, x)
    Array(4., dtype=float64)
    """
    y, width, _ = _samples("simpson", y, x, dx, axis)
    n = y.shape[-1]
    if n == 2:
        return _trapezoids(y, width)[..., 0]
    width = jnp.broadcast_to(width, (*width.shape[:-1], n - 1))
    pairs = n - 2 + n % 2
    h, k = width[..., 0 : pairs - 1 : 2], width[..., 1:pairs:2]
    first, middle, last = (y[..., i : i + pairs - 1 : 2] for i in range(3))
    both = h + k
    parts = first * (2.0 - _ratio(k, h)) + middle * both * _ratio(both, h * k) + last * (2.0 - _ratio(h, k))
    total = jnp.sum(both / 6.0 * parts, axis=-1)
    if n % 2 == 0:
        total = total + _first_of_two([y[..., -1], y[..., -2], y[..., -3]], width[..., -1], width[..., -2])
    return total


def cumulative_simpson(
    y: ArrayLike,
    *,
    x: ArrayLike | None = None,
    dx: ArrayLike = 1.0,
    axis: int = -1,
    initial: ArrayLike | None = None,
) -> Array:
    """Integrate from the first point to each of the others by Simpson's rule.

    Parameters
    ----------
    y : f64[..., n, ...] or complex
        Values.
    x : f64[n] or like ``y``, optional
        Places, increasing, at any distances.
    dx : float or f64[..., 1, ...], default 1.0
        The distance between places, where there is no ``x``.
    axis : int, default -1
        The axis of the points.
    initial : float or f64[..., 1, ...], optional
        The integral to the first point, with which to begin.

    Returns
    -------
    Array
        ``[..., n - 1, ...]``, or like ``y`` with ``initial``.

    Raises
    ------
    ShapeError
        If shapes do not fit, or there is no point.
    ArgumentError
        If ``x`` is known and does not increase.

    Notes
    -----
    Each interval is that of the parabola through its ends and one more point, the next one and the one before in turn.
    One or two points give the trapezoidal rule.

    References
    ----------
    .. [1] K. Cartwright, "Simpson's rule cumulative integration with MS Excel and irregularly-spaced data", J. Math.
       Sci. Math. Educ. 12, 2017.

    Examples
    --------
    >>> jaxlite.scipy.integrate.cumulative_simpson(jnp.arange(5.0) ** 2, initial=0.0)
    Array([ 0.        ,  0.33333333,  2.66666667,  9.        , 21.33333333], dtype=float64)
    """
    if x is not None and not isinstance(x, Tracer):
        steps = np.diff(np.asarray(x), axis=axis if np.ndim(x) > 1 else -1)
        if not np.all(steps > 0):
            raise ArgumentError(
                "cumulative_simpson: x does not increase.", why="one place comes after the other."
            )
    y, width, axis = _samples("cumulative_simpson", y, x, dx, axis)
    n = y.shape[-1]
    if n < 3:
        parts = _trapezoids(y, width)
    else:
        width = jnp.broadcast_to(width, (*width.shape[:-1], n - 1))
        h, k = width[..., :-1], width[..., 1:]
        triples = [y[..., i : n - 2 + i] for i in range(3)]
        with_next = _first_of_two(triples, h, k)
        with_last = _first_of_two(triples[::-1], k, h)
        # Interval i: with the point after it if i is even, with the one before it if i is odd or the last.
        shifted = jnp.concatenate([with_last[..., :1], with_last], axis=-1)
        padded = jnp.concatenate([with_next, with_next[..., -1:]], axis=-1)
        place = np.arange(n - 1)
        parts = jnp.where((place % 2 == 0) & (place < n - 2), padded, shifted)
    if initial is not None:
        initial = jnp.asarray(initial)
        if initial.ndim:
            initial = jnp.moveaxis(initial, axis, -1)
        if initial.ndim and initial.shape != (*y.shape[:-1], 1):
            raise ShapeError(
                f"cumulative_simpson: initial has type {aval_of(initial)}.",
                why=f"it is a number, or like y with one element along axis {axis}.",
            )
    return jnp.moveaxis(_summed(parts, initial), -1, axis)


def romb(y: ArrayLike, dx: ArrayLike = 1.0, axis: int = -1, show: bool = False) -> Array:
    """Integrate by Romberg's rule: trapezoidal rules of 1, 2, 4 … intervals, extrapolated.

    Parameters
    ----------
    y : f64[..., 2**k + 1, ...] or complex
        Values at equal distances.
    dx : float, default 1.0
        The distance.
    axis : int, default -1
        The axis of the points.
    show : bool, default False
        Not supported.

    Returns
    -------
    Array
        Like ``y`` without the axis.

    Raises
    ------
    ShapeError
        If the number of points is not a power of two and one.
    ArgumentError
        If ``show`` is true.

    Examples
    --------
    >>> jaxlite.scipy.integrate.romb(jnp.linspace(0.0, 1.0, 5) ** 5, 0.25)
    Array(0.16666667, dtype=float64)
    """
    if show:
        raise ArgumentError("romb: show is true.", why="the values may be known at run time only.")
    y, width, _ = _samples("romb", y, None, dx, axis)
    if width.ndim:
        raise ShapeError(f"romb: dx has type {aval_of(width)}.", why="it is a number.")
    intervals = y.shape[-1] - 1
    levels = intervals.bit_length() - 1
    if intervals < 1 or intervals != 1 << levels:
        raise ShapeError(
            f"romb: y has {y.shape[-1]} points.",
            why="their number is a power of two and one.",
            fix="simpson takes any number of points.",
        )
    row = []
    for level in range(levels, -1, -1):
        step = 1 << level
        new = [jnp.sum(_trapezoids(y[..., ::step], width * step), axis=-1)]
        for j, value in enumerate(row, 1):
            new.append(new[-1] + (new[-1] - value) / (4.0**j - 1.0))
        row = new
    return row[-1]
