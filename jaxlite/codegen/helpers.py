"""Scalar functions that the Python form of a loop program calls by name; numba compiles them as well, but
for those that SciPy computes.

>>> clz(5, 64)
61
"""

from __future__ import annotations

import math

import numpy as np


def truncated_div(x, y):
    """Quotient rounded towards zero; n / 0 is 0."""
    if y == 0:
        return x * 0
    q = abs(int(x)) // abs(int(y))
    return q if (x < 0) == (y < 0) else -q


def truncated_rem(x, y):
    """Remainder with the sign of ``x``; n rem 0 is 0."""
    if y == 0:
        return x * 0
    r = abs(int(x)) % abs(int(y))
    return -r if x < 0 else r


def maximum(x, y):
    """Larger of two numbers; nan if either is."""
    if x != x or y != y:
        return x + y
    return x if x > y else y


def minimum(x, y):
    """Smaller of two numbers; nan if either is."""
    if x != x or y != y:
        return x + y
    return x if x < y else y


def saturated(x, low, high):
    """Number between two bounds; 0 for nan."""
    if x != x:
        return 0.0
    return min(max(float(x), low), high)


def popcount(x):
    """Number of bits of an unsigned integer that are 1."""
    count = 0
    for k in range(64):
        count += int((np.uint64(x) >> np.uint64(k)) & np.uint64(1))
    return count


def clz(x, bits):
    """Number of leading bits of an unsigned integer that are 0."""
    for k in range(bits):
        if (np.uint64(x) >> np.uint64(bits - 1 - k)) & np.uint64(1):
            return k
    return bits


def cbrt(x):
    """Cube root."""
    return np.cbrt(x)


def erf(x):
    """Error function."""
    return math.erf(x)


def erfc(x):
    """Complementary error function."""
    return math.erfc(x)


def lgamma(x):
    """Logarithm of the absolute value of the gamma function."""
    if x == -math.inf or (x <= 0 and x == math.floor(x)):
        return math.inf
    return math.lgamma(x)


def _scipy(name, *args):
    import scipy.special

    with np.errstate(all="ignore"):
        return getattr(scipy.special, name)(*args)


def psi(x):
    """Digamma function."""
    return _scipy("psi", x)


def erfinv(x):
    """Inverse of the error function."""
    return _scipy("erfinv", x)


def csqrt(x, y):
    """Complex sqrt."""
    return np.sqrt(complex(x, y))


def cexp(x, y):
    """Complex exp."""
    return np.exp(complex(x, y))


def clog(x, y):
    """Complex log."""
    return np.log(complex(x, y))


def csin(x, y):
    """Complex sin."""
    return np.sin(complex(x, y))


def ccos(x, y):
    """Complex cos."""
    return np.cos(complex(x, y))


def ctan(x, y):
    """Complex tan."""
    return np.tan(complex(x, y))


def casin(x, y):
    """Complex arcsin."""
    return np.arcsin(complex(x, y))


def cacos(x, y):
    """Complex arccos."""
    return np.arccos(complex(x, y))


def catan(x, y):
    """Complex arctan."""
    return np.arctan(complex(x, y))


def csinh(x, y):
    """Complex sinh."""
    return np.sinh(complex(x, y))


def ccosh(x, y):
    """Complex cosh."""
    return np.cosh(complex(x, y))


def ctanh(x, y):
    """Complex tanh."""
    return np.tanh(complex(x, y))


def casinh(x, y):
    """Complex arcsinh."""
    return np.arcsinh(complex(x, y))


def cacosh(x, y):
    """Complex arccosh."""
    return np.arccosh(complex(x, y))


def catanh(x, y):
    """Complex arctanh."""
    return np.arctanh(complex(x, y))


def cpow(x, y, u, v):
    """Complex power."""
    return np.power(complex(x, y), complex(u, v))
