"""Window functions of signal processing, and the Bessel function that one of them is made of.

jnp.hanning(5)      ->  a constant
jnp.kaiser(5, beta) ->  i0(beta·√(1 - t²)) / i0(beta), differentiable in beta
"""

from __future__ import annotations

import operator

import numpy as np

from jaxlite.bessel import bessel_i0
from jaxlite.errors import ArgumentError
from jaxlite.numpy import ufuncs
from jaxlite.numpy.promotion import operand, promote_inexact, strip_weak
from jaxlite.numpy.registry import implements
from jaxlite.trace import Tracer, aval_of
from jaxlite.typing import Array, ArrayLike


def _length(name: str, M) -> int:
    if isinstance(M, Tracer):
        raise ArgumentError(
            f"{name}: the length is traced: {M.describe()}",
            why="the shape of the result must be known while the program is recorded.",
            fix="mark it static: jit(f, static_argnames=...).",
        )
    return operator.index(M)


@implements(np.bartlett, eager=False)
def bartlett(M: int) -> Array:
    """Triangular window that is zero at its ends.

    Parameters
    ----------
    M : int
        Length.

    Returns
    -------
    Array
        ``f64[M]``
    """
    return strip_weak(np.bartlett(_length("bartlett", M)))


@implements(np.blackman, eager=False)
def blackman(M: int) -> Array:
    """Blackman window: the sum of three cosines.

    Parameters
    ----------
    M : int
        Length.

    Returns
    -------
    Array
        ``f64[M]``
    """
    return strip_weak(np.blackman(_length("blackman", M)))


@implements(np.hamming, eager=False)
def hamming(M: int) -> Array:
    """Hamming window: a raised cosine that does not reach zero.

    Parameters
    ----------
    M : int
        Length.

    Returns
    -------
    Array
        ``f64[M]``
    """
    return strip_weak(np.hamming(_length("hamming", M)))


@implements(np.hanning, eager=False)
def hanning(M: int) -> Array:
    """Hann window: a raised cosine.

    Parameters
    ----------
    M : int
        Length.

    Returns
    -------
    Array
        ``f64[M]``

    Examples
    --------
    >>> jnp.hanning(5)
    Array([0. , 0.5, 1. , 0.5, 0. ], dtype=float64)
    """
    return strip_weak(np.hanning(_length("hanning", M)))


def _numpy_kaiser(M, beta):
    if np.result_type(beta, 0.0) != np.float64:
        raise TypeError("NumPy computes in double precision")
    return np.kaiser(operator.index(M), beta)


@implements(np.kaiser, eager=_numpy_kaiser, arrays=2)
def kaiser(M: int, beta: ArrayLike) -> Array:
    """Kaiser window.

    Parameters
    ----------
    M : int
        Length.
    beta : number
        Shape: 0 is a rectangle, 14 is narrow.

    Returns
    -------
    Array
        ``f64[M]``
    """
    count = _length("kaiser", M)
    if count == 1:
        return strip_weak(np.ones(1))
    beta = strip_weak(promote_inexact("kaiser", operand("kaiser", beta, 1))[0])
    middle = (count - 1) / 2
    root = np.sqrt(1.0 - ((np.arange(count) - middle) / (middle or 1.0)) ** 2)
    return ufuncs.divide(i0(ufuncs.multiply(beta, root)), i0(beta))


@implements(np.i0)
def i0(x: ArrayLike) -> Array:
    """Modified Bessel function of the first kind of order 0, elementwise.

    Parameters
    ----------
    x : array_like
        Real.

    Returns
    -------
    Array
        Of the shape of ``x``, floating. Its derivative is I₁.
    """
    (x,) = promote_inexact("i0", x)
    if aval_of(x).dtype.kind == "c":
        raise ArgumentError(f"i0: {aval_of(x)} is complex.", why="it is defined for real numbers here.")
    return bessel_i0(strip_weak(x))
