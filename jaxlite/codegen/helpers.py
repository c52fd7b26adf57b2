"""Scalar functions that the Python form of a loop program calls by name, and that numba compiles as well.

>>> clz(5, 64)
61
"""

from __future__ import annotations

import importlib
import math

import numpy as np


def divide_signed(a, b):
    """Quotient rounded towards zero; 0 for b = 0."""
    if b == 0:
        return 0 * a
    if b == -1:
        return 0 * a - a
    quotient = a // b
    if quotient < 0 and quotient * b != a:
        quotient += 1
    return quotient


def divide_unsigned(a, b):
    """Quotient; 0 for b = 0."""
    if b == 0:
        return b
    return a // b


def remainder_signed(a, b):
    """Remainder with the sign of ``a``; 0 for b = 0."""
    if b == 0 or b == -1:
        return 0 * a
    remainder = a % b
    if remainder != 0 and (remainder < 0) != (a < 0):
        remainder -= b
    return remainder


def remainder_unsigned(a, b):
    """Remainder; 0 for b = 0."""
    if b == 0:
        return b
    return a % b


def integer_power(x, y):
    """x^y, modulo 2^64, for an int64 and a uint64."""
    product = np.int64(1)
    while y != np.uint64(0):
        if y & np.uint64(1):
            product = product * x
        x = x * x
        y = y >> np.uint64(1)
    return product


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


def rotate_left(x, count, bits):
    """An unsigned integer whose upper ``count`` bits have become its lower ones."""
    wide = np.uint64(x)
    turned = (wide << np.uint64(count)) | (wide >> np.uint64(bits - count))
    return turned & np.uint64((1 << bits) - 1)


def clz(x, bits):
    """Number of leading bits of an unsigned integer that are 0."""
    for k in range(bits):
        if (np.uint64(x) >> np.uint64(bits - 1 - k)) & np.uint64(1):
            return k
    return bits


def exp2(x):
    """Power of two; numba has none of float32."""
    return np.exp2(np.float64(x))


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
    if x <= 0 and (x == -math.inf or x == math.floor(x)) or x > 2.5e305:
        return math.inf
    return math.lgamma(x)


def gamma(x):
    """Gamma function; inf where it is too large."""
    if x > 171.7:
        return math.inf
    if x <= 0.0 and (x == -math.inf or x == math.floor(x)):
        return math.inf if x == 0.0 else math.nan
    return math.gamma(x)


ZETA_DIVISORS = (
    12.0, -720.0, 30240.0, -1209600.0, 47900160.0, -1.8924375803183791606e9, 7.47242496e10,
    -2.950130727918164224e12, 1.1646782814350067249e14, -4.5979787224074726105e15,
    1.8152105401943546773e17, -7.1661652561756670113e18,
)  # fmt: skip


def zeta(s, q):
    """Σ 1/(q + k)^s for k = 0, 1, …: Hurwitz' zeta function."""
    if s == 1.0 or s > 1.0 and q <= 0.0 and (q == -math.inf or q == math.floor(q)):
        return math.inf
    if s < 1.0 or q <= 0.0 and s != math.floor(s):
        return math.nan
    if q > 1e8:
        return (1.0 / (s - 1.0) + 1.0 / (2.0 * q)) * np.power(q, 1.0 - s)
    eps = 2.0**-53
    a = np.float64(q)
    term = np.power(a, -s)
    total = term
    k = 0
    while k < 9 or a <= 9.0:
        k += 1
        a += 1.0
        term = np.power(a, -s)
        total += term
        if abs(np.divide(term, total)) < eps:
            return total
    # The Euler-Maclaurin formula for the rest.
    total += term * a / (s - 1.0) - 0.5 * term
    term = s * (term / a)
    order = 1.0
    for divisor in ZETA_DIVISORS:
        part = term / divisor
        total += part
        if abs(np.divide(part, total)) < eps:
            return total
        term *= (s + order) / a * ((s + order + 1.0) / a)
        order += 2.0
    return total


def psi(x):
    """Digamma function."""
    x = np.float64(x)
    if x == 0.0:
        return -math.copysign(math.inf, x)
    if x == -math.inf or x < 0.0 and x == math.floor(x):
        return math.nan
    total = 0.0
    if x < 0.0:
        total = -math.pi / math.tan(math.pi * np.fmod(x, 1.0))
        x = 1.0 - x
    if x >= 10.0:
        series = 0.0
        for coefficient in _PSI_FAR:
            series = series / x / x + coefficient
        return total + math.log(x) - 0.5 / x - series / x / x
    while x < 1.0:
        total -= 1.0 / x
        x += 1.0
    while x > 2.0:
        x -= 1.0
        total += 1.0 / x
    # Relative to the distance from the zero between 1 and 2, which is given by three numbers.
    distance = x - 1569415565.0 / 2**30 - 381566830.0 / 2**60 - 9.016312093258695918615325e-20
    above = below = 0.0
    for coefficient in _PSI_ABOVE:
        above = above * (x - 1.0) + coefficient
    for coefficient in _PSI_BELOW:
        below = below * (x - 1.0) + coefficient
    return total + (distance * 0.99558162689208984 + distance * above / below)


# Coefficients of the series for large numbers, and of a quotient between 1 and 2; the highest powers first.
_PSI_FAR = (1 / 12, -691 / 32760, 1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12)
_PSI_ABOVE = (
    -0.0020713321167745952, -0.045251321448739056, -0.28919126444774784, -0.65031853770896507,
    -0.32555031186804491, 0.25479851061131551,
)  # fmt: skip
_PSI_BELOW = (
    -0.55789841321675513e-6, 0.0021284987017821144, 0.054151797245674225, 0.43593529692665969,
    1.4606242909763515, 2.0767117023730469, 1.0,
)  # fmt: skip


def trigamma(x):
    """Derivative of the digamma function."""
    x = np.float64(x)
    if x == -math.inf or x <= 0.0 and x == math.floor(x):
        return math.inf
    if x <= -0.5:
        quotient = math.pi / math.sin(math.pi * (x - math.floor(x + 0.5)))
        sign, total, x = -1.0, quotient * quotient, 1.0 - x
    else:
        sign, total = 1.0, 0.0
    own = 0.0
    while x < 10.0:
        own += 1.0 / x / x
        x += 1.0
    series = 0.0
    for coefficient in _TRIGAMMA_FAR:
        series = (series + coefficient) / x / x
    return total + sign * (own + 1.0 / x + 0.5 / x / x + series / x)


# Bernoulli's numbers, the last ones first.
_TRIGAMMA_FAR = (7 / 6, -691 / 2730, 5 / 66, -1 / 30, 1 / 42, -1 / 30, 1 / 6)


def erfinv(x):
    """Inverse of the error function."""
    x = np.float64(x)
    size = abs(x)
    if size >= 1.0 or x != x or x == 0.0:
        return x * math.inf if size == 1.0 else math.nan if size > 1.0 else x
    # A formula that is good to three places (Winitzki), then Halley's steps, each of which triples the places.
    log = math.log1p(-size * size)
    half = 4.3307467508 + 0.5 * log
    z = math.sqrt(math.sqrt(half * half - log / 0.147) - half)
    for _ in range(3):
        gap = math.erf(z) - size if size < 0.5 else (1.0 - size) - math.erfc(z)
        step = gap * math.sqrt(math.pi) / 2.0 * math.exp(z * z)
        z -= step / (1.0 + z * step)
    return math.copysign(z, x)


def hyp1f1(a, b, x):
    """Confluent hypergeometric function; numba calls Python for it."""
    return importlib.import_module("scipy.special").hyp1f1(a, b, x)


def hyp2f1(a, b, c, x):
    """Gauss' hypergeometric function; numba calls Python for it."""
    return importlib.import_module("scipy.special").hyp2f1(a, b, c, x)


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


def float_of_half(bits):
    """The number of which these are the bits as a float16."""
    magnitude = int(bits) & 0x7FFF
    exponent, fraction = magnitude >> 10, magnitude & 0x3FF
    if exponent == 31:
        value = math.inf if fraction == 0 else math.nan
    elif exponent == 0:
        value = fraction * 2.0**-24
    else:
        value = (1024 + fraction) * 2.0 ** (exponent - 25)
    return -value if int(bits) & 0x8000 else value


def bits_of_half(x):
    """The bits of the nearest float16, of two equally near ones the even one."""
    x = float(x)
    sign, size = 0x8000 if math.copysign(1.0, x) < 0 else 0, abs(x)
    if size != size:
        return sign | 0x7E00
    if size >= 65520.0:
        return sign | 0x7C00
    if size == 0.0:
        return sign
    exponent = max(math.frexp(size)[1], -13)
    steps = size * 2.0 ** (11 - exponent)
    whole = int(steps)
    rest = steps - whole
    if rest > 0.5 or (rest == 0.5 and whole % 2 == 1):
        whole += 1
    return sign | (((exponent + 13) << 10) + whole)
