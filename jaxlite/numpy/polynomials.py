"""Polynomials as vectors of coefficients, highest power first.

jnp.polyval(p: f64[3], x)  ->  (p[0]·x + p[1])·x + p[2]
jnp.roots(p)               ->  eigenvalues of the companion matrix; their derivatives from p(root) = 0
"""

from __future__ import annotations

import builtins
import operator

import numpy as np

from jaxlite.control.custom_rules import custom_jvp
from jaxlite.dtypes import complex_dtype
from jaxlite.errors import ArgumentError, ConcretizationTypeError, ShapeError
from jaxlite.numpy import ufuncs
from jaxlite.numpy.contraction import convolve, dot, outer
from jaxlite.numpy.creation import vander
from jaxlite.numpy.linalg import eigvals
from jaxlite.numpy.promotion import inexact_dtype, operand, promote_dtypes, promote_inexact, strip_weak
from jaxlite.numpy.reductions import argmax
from jaxlite.numpy.reductions import sum as sum_
from jaxlite.numpy.registry import implements
from jaxlite.numpy.selection import where
from jaxlite.numpy.shaping import concatenate, reshape, stack
from jaxlite.numpy.sorting import argsort
from jaxlite.ops import linalg, structural
from jaxlite.trace import Tracer, aval_of
from jaxlite.typing import Array, ArrayLike


def _coefficients(name: str, *polynomials) -> list:
    """Return coefficient vectors of one dtype."""
    vectors = [strip_weak(p) for p in promote_dtypes(name, *polynomials)]
    for p in vectors:
        if p.ndim > 1:
            raise ShapeError(f"{name}: {aval_of(p)} is no vector of coefficients.")
    return [reshape(p, (-1,)) for p in vectors]


def _trimmed(p):
    """Drop leading zeros; the coefficients must be known."""
    known = _known(p)
    if known is None:
        raise ConcretizationTypeError(
            f"the number of leading zeros depends on a traced value: {p.describe()}",
            why=p.why_unknown(),
            fix="leave trim_leading_zeros (strip_zeros) False.",
        )
    places = np.flatnonzero(known)
    return p[places[0] :] if places.size else p[-1:]


def _known(p):
    return p.concrete() if isinstance(p, Tracer) else np.asarray(p)


@implements(np.polyval, arrays=2)
def polyval(p: ArrayLike, x: ArrayLike, *, unroll: int = 16) -> Array:
    """Evaluate a polynomial by Horner's rule.

    Parameters
    ----------
    p : array_like
        ``[n]``, coefficients, highest power first.
    x : array_like
        Where to evaluate.
    unroll : any
        Ignored.

    Returns
    -------
    Array
        Of the shape of ``x``.

    Examples
    --------
    >>> jnp.polyval(jnp.array([1.0, 0.0, 2.0]), 3.0)
    Array(11., dtype=float64)
    """
    p, x = (strip_weak(v) for v in promote_dtypes("polyval", p, x))
    result = ufuncs.multiply(x, 0)
    for i in range(p.shape[0]):
        result = result * x + p[i]
    return result


@implements(np.polyder)
def polyder(p: ArrayLike, m: int = 1) -> Array:
    """Differentiate a polynomial ``m`` times.

    Parameters
    ----------
    p : array_like
        ``[n]``, coefficients, highest power first.
    m : int, default 1
        How often.

    Returns
    -------
    Array
        ``[max(n - m, 0)]``
    """
    m = _order("polyder", m)
    (p,) = _coefficients("polyder", p)
    for _ in range(m):
        p = p[:-1] * np.arange(p.shape[0] - 1, 0, -1)
    return p


def _order(name: str, m) -> int:
    m = operator.index(m)
    if m < 0:
        raise ArgumentError(f"{name}: the order is {m}, but must not be negative.")
    return m


@implements(np.polyint)
def polyint(p: ArrayLike, m: int = 1, k: ArrayLike | None = None) -> Array:
    """Integrate a polynomial ``m`` times.

    Parameters
    ----------
    p : array_like
        ``[n]``, coefficients, highest power first.
    m : int, default 1
        How often.
    k : number or array_like, optional
        ``[m]``, constants of integration, that of the first integration first; one number is for all. By default 0.

    Returns
    -------
    Array
        ``[n + m]``, floating or complex.
    """
    m = _order("polyint", m)
    (p,) = promote_inexact("polyint", p)
    p, k = promote_dtypes("polyint", p, 0 if k is None else k)
    p, k = reshape(p, (-1,)), reshape(k, (-1,))
    if aval_of(k).size not in (1, m):
        raise ShapeError(f"polyint: {aval_of(k).size} constants for {m} integrations.")
    for i in range(m):
        constant = k[:1] if aval_of(k).size == 1 else k[i : i + 1]
        p = concatenate([p / np.arange(p.shape[0], 0, -1), constant])
    return p


@implements(np.polyadd, arrays=2)
def polyadd(a1: ArrayLike, a2: ArrayLike) -> Array:
    """Add polynomials.

    Parameters
    ----------
    a1, a2 : array_like
        ``[n]`` and ``[m]``, coefficients, highest power first.

    Returns
    -------
    Array
        ``[max(n, m)]``
    """
    a1, a2 = _coefficients("polyadd", a1, a2)
    n = builtins.max(a1.shape[0], a2.shape[0])
    return _lengthened(a1, n) + _lengthened(a2, n)


def _lengthened(p, n: int):
    return strip_weak(structural.pad(p, aval_of(p).dtype.type(0), ((n - p.shape[0], 0, 0),)))


@implements(np.polysub, arrays=2)
def polysub(a1: ArrayLike, a2: ArrayLike) -> Array:
    """Subtract polynomials.

    Parameters
    ----------
    a1, a2 : array_like
        ``[n]`` and ``[m]``, coefficients, highest power first.

    Returns
    -------
    Array
        ``[max(n, m)]``
    """
    a1, a2 = _coefficients("polysub", a1, a2)
    n = builtins.max(a1.shape[0], a2.shape[0])
    return _lengthened(a1, n) - _lengthened(a2, n)


@implements(np.polymul, eager=False)
def polymul(a1: ArrayLike, a2: ArrayLike, *, trim_leading_zeros: bool = False) -> Array:
    """Multiply polynomials.

    Parameters
    ----------
    a1, a2 : array_like
        ``[n]`` and ``[m]``, coefficients, highest power first.
    trim_leading_zeros : bool, default False
        Whether to drop leading zeros of the factors first; they must be known then, not traced.

    Returns
    -------
    Array
        ``[n + m - 1]``
    """
    a1, a2 = _coefficients("polymul", a1, a2)
    if trim_leading_zeros:
        a1, a2 = _trimmed(a1), _trimmed(a2)
    return convolve(a1, a2)


@implements(np.polydiv, eager=False)
def polydiv(u: ArrayLike, v: ArrayLike, *, trim_leading_zeros: bool = False) -> tuple[Array, Array]:
    """Divide polynomials, with a remainder.

    Parameters
    ----------
    u, v : array_like
        ``[n]`` and ``[m]``, coefficients of dividend and divisor, highest power first. The first one of ``v`` is not 0.
    trim_leading_zeros : bool, default False
        Whether to drop leading zeros of the remainder; it must be known then, not traced.

    Returns
    -------
    quotient : Array
        ``[max(n - m + 1, 1)]``
    remainder : Array
        ``[n]`` with leading zeros, or shorter without them.
    """
    u, v = (reshape(p, (-1,)) for p in promote_inexact("polydiv", u, v))
    n, m = u.shape[0], v.shape[0]
    if m > n:
        return ufuncs.multiply(u[:1], 0), u
    quotient = []
    for i in range(n - m + 1):
        factor = u[i] / v[0]
        quotient.append(factor)
        u = u.at[i : i + m].add(-factor * v)
    # What stands before the remainder is zero but for rounding.
    u = concatenate([np.zeros(n - m + 1, aval_of(u).dtype), u[n - m + 1 :]])
    return stack(quotient), _trimmed(u) if trim_leading_zeros else u


def _numpy_poly(x):
    """As NumPy's function, but for the dtype: it makes integers and real results of what has another."""
    if np.ndim(x) != 1:
        raise TypeError("a matrix")
    result = np.ones(1, inexact_dtype(x.dtype))
    for root in x.astype(result.dtype):
        result = np.convolve(result, np.array([1, -root], result.dtype))
    return result


@implements(np.poly, eager=_numpy_poly)
def poly(seq_of_zeros: ArrayLike) -> Array:
    """Return the polynomial with given roots, or the characteristic polynomial of a matrix.

    Parameters
    ----------
    seq_of_zeros : array_like
        ``[n]``, roots, or ``[n, n]``, a matrix.

    Returns
    -------
    Array
        ``[n + 1]``, coefficients, highest power first; the first is 1. Floating or complex.

    Notes
    -----
    That of a matrix is found without its eigenvalues, by the recursion of Faddeev and LeVerrier, so that it has all
    derivatives, and no complex numbers on the way.

    Examples
    --------
    >>> jnp.poly(jnp.array([1.0, 2.0]))
    Array([ 1., -3.,  2.], dtype=float64)
    """
    (x,) = map(strip_weak, promote_inexact("poly", seq_of_zeros))
    one = np.ones(1, aval_of(x).dtype)
    if x.ndim == 2 and x.shape[0] == x.shape[1]:
        return _characteristic(x)
    if x.ndim > 1:
        raise ShapeError(f"poly: {aval_of(x)} is neither a vector of roots nor a square matrix.")
    result = strip_weak(one)
    for i in range(x.size):
        result = convolve(result, stack([one[0], -reshape(x, (-1,))[i]]))
    return result


def _characteristic(a):
    n = a.shape[0]
    identity = np.eye(n, dtype=aval_of(a).dtype)
    coefficients, power = [aval_of(a).dtype.type(1)], identity
    for k in range(1, n + 1):
        product = dot(a, power)
        coefficients.append(product.trace() * (-1.0 / k))
        power = product + coefficients[-1] * identity
    return stack(coefficients)


def _numpy_roots(p):
    if np.ndim(p) != 1:
        raise TypeError("p")
    found = np.roots(p)
    return found.astype(complex_dtype(p.dtype), copy=False)


@implements(np.roots, eager=_numpy_roots)
def roots(p: ArrayLike, *, strip_zeros: bool | None = None) -> Array:
    """Find the roots of a polynomial.

    Parameters
    ----------
    p : array_like
        ``[n]``, coefficients, highest power first.
    strip_zeros : bool, optional
        Whether zeros at both ends are dropped, which makes the result shorter (those at the end are roots). By default
        they are where the coefficients are known, and not where they are traced.

    Returns
    -------
    Array
        ``[n - 1]``, complex; nan at the end for each coefficient at the beginning that is 0 and was not dropped.

    Notes
    -----
    They are eigenvalues of the companion matrix, which NumPy computes, also in a compiled program. As p(r) = 0,
    ṙ = -ṗ(r)/p'(r): infinite at multiple roots.

    Examples
    --------
    >>> jnp.sort(jnp.roots(jnp.array([1.0, -3.0, 2.0])).real)
    Array([1., 2.], dtype=float64)
    """
    (p,) = promote_inexact("roots", p)
    p = strip_weak(p)
    if p.ndim != 1:
        raise ShapeError(f"roots: {aval_of(p)} is no vector of coefficients.")
    trailing = 0
    if strip_zeros or (strip_zeros is None and _known(p) is not None):
        p = _trimmed(p)
        places = np.flatnonzero(_known(p))
        trailing = p.shape[0] - 1 - places[-1] if places.size else 0
        p = p[: p.shape[0] - trailing]
    dtype = np.result_type(aval_of(p).dtype, np.complex64)
    if p.shape[0] < 2:
        return concatenate([np.zeros(trailing, dtype)])
    known = _known(p)
    found = _roots(p) if known is not None and known[0] != 0 else _roots_without_leading_zeros(p)
    return concatenate([found, np.zeros(trailing, dtype)])


def _roots_without_leading_zeros(p):
    """Return the roots, nan for each leading coefficient that is zero: as many more as the degree is less."""
    n = aval_of(p).size
    lead = argmax(ufuncs.not_equal(p, 0))
    # Zeros at the end instead: they are roots at zero, which go last and are replaced.
    found = _roots(p[ufuncs.remainder(np.arange(n) + lead, n)])
    found = found[argsort(where(ufuncs.greater(lead, 0), -ufuncs.absolute(found), 0.0))]
    return where(np.arange(n - 1) >= n - 1 - lead, np.nan, found)


@custom_jvp
def _roots(p):
    n = aval_of(p).size - 1
    companion = strip_weak(np.eye(n, k=-1, dtype=aval_of(p).dtype)).at[0].set(-p[1:] / p[0])
    values = eigvals(companion)
    return values.astype(np.result_type(aval_of(p).dtype, np.complex64))


@_roots.defjvp
def _roots_jvp(primals, tangents):
    (p,), (p_dot,) = primals, tangents
    found = _roots(p)
    return found, -polyval(p_dot, found) / polyval(polyder(p), found)


def _numpy_polyfit(x, y, deg, rcond=None):
    """As NumPy's function, which drops columns by ``rcond`` and warns that it did."""
    if not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and x.ndim == 1 and y.ndim in (1, 2)):
        raise TypeError("samples")
    dtype = inexact_dtype(np.result_type(x, y))
    matrix = np.vander(x.astype(dtype), _order("polyfit", deg) + 1)
    scale = np.sqrt(np.add.reduce(np.square(np.absolute(matrix)), 0))
    solution, _, rank, _ = np.linalg.lstsq(matrix / scale, y.astype(dtype), rcond=None)
    if rank < scale.size:
        raise TypeError("dependent columns")
    return (solution.T / scale).T


@implements(np.polyfit, eager=_numpy_polyfit, arrays=2)
def polyfit(
    x: ArrayLike,
    y: ArrayLike,
    deg: int,
    rcond: float | None = None,
    full: bool = False,
    w: ArrayLike | None = None,
    cov: bool | str = False,
) -> Array | tuple[Array, ...]:
    """Fit a polynomial to samples by least squares.

    Parameters
    ----------
    x : array_like
        ``[n]``, places of the samples; more than ``deg`` of them differ.
    y : array_like
        ``[n]`` or ``[n, k]``, samples.
    deg : int
        Degree of the polynomial.
    rcond : any
        Ignored: the columns are orthogonalised one after the other, so that none is dropped.
    full : bool, default False
        Not supported.
    w : array_like, optional
        ``[n]``, weights of the residuals before they are squared.
    cov : bool or "unscaled", default False
        Whether to return the covariance of the coefficients too, scaled by the residuals or as it is.

    Returns
    -------
    coefficients : Array
        ``[deg + 1]`` or ``[deg + 1, k]``, highest power first.
    covariance : Array
        ``[deg + 1, deg + 1]`` or ``[deg + 1, deg + 1, k]``, only with ``cov``.

    Examples
    --------
    >>> x = jnp.arange(4.0)
    >>> jnp.round(jnp.polyfit(x, 3 * x + 1, 1), 12)
    Array([3., 1.], dtype=float64)
    """
    if full:
        raise ArgumentError(
            "polyfit: full=True is not supported.", fix="compute residuals with jnp.polyval(p, x) - y."
        )
    order = _order("polyfit", deg) + 1
    x, y = (strip_weak(v) for v in promote_inexact("polyfit", x, y))
    if x.ndim != 1 or y.ndim not in (1, 2) or y.shape[0] != x.shape[0] or not x.size:
        raise ShapeError(
            f"polyfit: samples of types {aval_of(x)} and {aval_of(y)}.", why="[n], and [n] or [n, k]."
        )
    matrix, right = vander(x, order), y
    if w is not None:
        w = strip_weak(promote_inexact("polyfit", w)[0])
        matrix, right = matrix * w[:, None], right * (w[:, None] if y.ndim == 2 else w)
    # Columns of one length: high powers would drown the others.
    scale = ufuncs.sqrt(sum_(ufuncs.square(ufuncs.absolute(matrix)), 0))
    q, r = _orthogonalized(matrix / scale)
    columns = right if y.ndim == 2 else right[:, None]
    solution = linalg.triangular_solve(r, dot(ufuncs.conjugate(q).T, columns), left_side=True)
    coefficients = solution / scale[:, None]
    coefficients = coefficients if y.ndim == 2 else coefficients[:, 0]
    if not cov:
        return coefficients
    inverse = linalg.triangular_solve(r, np.eye(order, dtype=aval_of(r).dtype), left_side=True)
    covariance = dot(inverse, ufuncs.conjugate(inverse).T) / outer(scale, scale)
    if cov == "unscaled":
        return coefficients, covariance[:, :, None] if y.ndim == 2 else covariance
    if x.size <= order:
        raise ArgumentError(
            f"polyfit: {x.size} samples for {order} coefficients leave nothing to estimate the covariance from.",
            fix="pass more samples, or cov='unscaled'.",
        )
    residuals = sum_(ufuncs.square(ufuncs.absolute(columns - dot(matrix / scale, solution))), 0) / (
        x.size - order
    )
    scaled = covariance[:, :, None] * residuals
    return coefficients, scaled if y.ndim == 2 else scaled[:, :, 0]


def _orthogonalized(a):
    """Return q with orthonormal columns, and r, so that q·r = a: Gram-Schmidt, each column twice."""
    q, r = [], []
    for k in range(a.shape[1]):
        column, parts = a[:, k], [aval_of(a).dtype.type(0)] * a.shape[1]
        # The second time removes what rounding left of the others.
        for _ in range(2):
            for j in range(k):
                part = sum_(ufuncs.conjugate(q[j]) * column)
                column, parts[j] = column - part * q[j], parts[j] + part
        parts[k] = ufuncs.sqrt(sum_(ufuncs.square(ufuncs.absolute(column)))).astype(aval_of(a).dtype)
        q.append(column / parts[k])
        r.append(stack(parts))
    return stack(q, axis=1), stack(r, axis=1)


@implements(np.trim_zeros, eager=False)
def trim_zeros(filt: ArrayLike, trim: str = "fb", axis: int | None = None) -> Array:
    """Drop zeros at the ends.

    Parameters
    ----------
    filt : array_like
        How many are dropped must be known: it is not traced by ``jit``.
    trim : {"fb", "f", "b"}
        At the front, the back, or both.
    axis : int or sequence of int, optional
        Along which axes; all by default.

    Returns
    -------
    Array
        What lies between the first and the last element that is not zero.
    """
    x = strip_weak(operand("trim_zeros", filt))
    known = _known(x)
    if known is None:
        raise ConcretizationTypeError(
            f"trim_zeros: the shape of the result depends on a traced value: {x.describe()}",
            why=x.why_unknown(),
            fix="mask instead: jnp.where(condition, x, 0).",
        )
    trim = trim.lower()
    if trim not in ("fb", "bf", "f", "b"):
        raise ArgumentError(f"trim_zeros: trim is {trim!r}.", fix="pass 'f', 'b' or 'fb'.")
    axes = range(x.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    index = [slice(None)] * x.ndim
    for d in (a % x.ndim for a in axes):
        others = tuple(other for other in range(x.ndim) if other != d)
        places = np.flatnonzero(np.any(known != 0, axis=others))
        first, last = (places[0], places[-1] + 1) if places.size else (x.shape[d], x.shape[d])
        index[d] = slice(first if "f" in trim else None, last if "b" in trim else None)
        if not places.size:
            index[d] = slice(0, 0)
    return x[tuple(index)]
