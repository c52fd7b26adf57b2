"""Scalar functions that the Python form of a loop program calls by name; numba compiles each of them as well.

>>> shl(5, 1, 64)
10
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


def shl(x, y, bits):
    """Shift to the left; 0 for amounts outside the width."""
    if y < 0 or y >= bits:
        return 0
    r = (int(x) << int(y)) & ((1 << bits) - 1)
    return r - (1 << bits) if type(x).__name__[0] == "i" and r >> (bits - 1) else r


def lshr(x, y, bits):
    """Shift to the right, filled with zeros."""
    if y < 0 or y >= bits:
        return 0
    r = (int(x) & ((1 << bits) - 1)) >> int(y)
    return r - (1 << bits) if type(x).__name__[0] == "i" and r >> (bits - 1) else r


def ashr(x, y, bits):
    """Shift to the right, filled with the sign."""
    amount = bits - 1 if y < 0 or y >= bits else int(y)
    if type(x).__name__[0] == "u":
        signed = int(x) - (1 << bits) if int(x) >> (bits - 1) else int(x)
        return (signed >> amount) & ((1 << bits) - 1)
    return int(x) >> amount


def popcount(x, bits):
    """Number of bits that are 1."""
    return bin(int(x) & ((1 << bits) - 1)).count("1")


def clz(x, bits):
    """Number of leading bits that are 0."""
    return bits - (int(x) & ((1 << bits) - 1)).bit_length()


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


def _complex(function):
    def of_parts(*parts):
        numbers = [np.complex128(complex(parts[i], parts[i + 1])) for i in range(0, len(parts), 2)]
        with np.errstate(all="ignore"):
            return function(*numbers)

    return of_parts


csqrt, cexp, clog = _complex(np.sqrt), _complex(np.exp), _complex(np.log)
csin, ccos, ctan = _complex(np.sin), _complex(np.cos), _complex(np.tan)
casin, cacos, catan = _complex(np.arcsin), _complex(np.arccos), _complex(np.arctan)
csinh, ccosh, ctanh = _complex(np.sinh), _complex(np.cosh), _complex(np.tanh)
casinh, cacosh, catanh = _complex(np.arcsinh), _complex(np.arccosh), _complex(np.arctanh)
cpow = _complex(np.power)
