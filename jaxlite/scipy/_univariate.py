"""Functions of one variable, as arithmetic: Chebyshev series in double precision, with their derivatives.

erfcx(x) = Σ cₖ·Tₖ((x - 3)/(x + 3)) / (1 + 2·x), x >= 0

All take arrays of float64, and compile to loops without branches. `_coefficients` holds the series.
"""

from __future__ import annotations

import math

import jaxlite.numpy as jnp
from jaxlite.bessel import in_powers
from jaxlite.ops.special import digamma, erf, erfc, lgamma
from jaxlite.scipy import _coefficients as c
from jaxlite.scipy._rules import rule

SQRT_PI = math.sqrt(math.pi)


def chebyshev(coefficients, t):
    """Evaluate Σ cₖ·Tₖ(t) in powers of t, or by Clenshaw's recursion where powers would cost digits."""
    powers = in_powers(tuple(coefficients))
    if powers is not None:
        return horner(powers, t)
    twice = t + t
    last, before = coefficients[-1], 0.0
    for coefficient in coefficients[-2:0:-1]:
        last, before = twice * last - before + coefficient, last
    return t * last - before + coefficients[0]


def horner(coefficients, x):
    """Evaluate Σ cₖ·xᵏ."""
    total = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total


def between(x, low: float, high: float):
    """Map an interval to [-1, 1]."""
    return (x - 0.5 * (low + high)) * (2.0 / (high - low))


def _square_parts(x):
    """Return x² as the sum of a number and its rounding error, by Dekker's product of halves."""
    # Beyond 1e150 the halves would overflow; no caller needs the low part there.
    split = 134217729.0 * x
    high = split - (split - x)
    low = x - high
    square = x * x
    error = ((high * high - square) + 2.0 * high * low) + low * low
    return square, jnp.where(jnp.abs(x) < 1e150, error, 0.0)


def exp_square(x, sign: float):
    """Return exp(sign·x²) with the error of the square taken into account: it counts 700-fold."""
    square, error = _square_parts(x)
    power = jnp.exp(sign * square)
    correction = jnp.where(
        jnp.isfinite(square) & (power > 0) & jnp.isfinite(power), sign * error * power, 0.0
    )
    return power + correction


def sinpi(x):
    """Return sin(π·x)."""
    rest = x - 2.0 * jnp.round(0.5 * x)
    rest = jnp.where(jnp.abs(rest) > 0.5, jnp.sign(rest) - rest, rest)
    return jnp.sin(math.pi * rest)


# --- error functions ------------------------------------------------------------------------------------


@rule(lambda ans, x: 2.0 * x * ans - 2 / SQRT_PI)
def erfcx(x):
    """exp(x²)·erfc(x); for x < 0 it is 2·exp(x²) - erfcx(-x)."""
    size = jnp.abs(x)
    t = jnp.where(jnp.isinf(size), 1.0, (size - 3.0) / (size + 3.0))
    right = chebyshev(c.ERFCX, t) / (1.0 + 2.0 * size)
    return jnp.where(x < 0, 2.0 * exp_square(x, 1.0) - right, right)


@rule(lambda ans, x: 1.0 - 2.0 * x * ans)
def dawsn(x):
    """Dawson's integral, exp(-x²)·∫₀ˣ exp(t²) dt."""
    square = x * x
    near = x * chebyshev(c.DAWSON_NEAR, between(jnp.minimum(square, 9.0), 0.0, 9.0))
    inverse = 1.0 / jnp.maximum(square, 9.0)
    middle = chebyshev(c.DAWSON_MIDDLE, between(inverse, 1 / 36, 1 / 9))
    far = chebyshev(c.DAWSON_FAR, between(jnp.minimum(inverse, 1 / 36), 0.0, 1 / 36))
    beyond = jnp.where(square < 36.0, middle, far) * (0.5 / x)
    return jnp.where(square < 9.0, near, beyond)


@rule(lambda ans, x: math.sqrt(2 / math.pi) / erfcx(-math.sqrt(0.5) * x))
def log_ndtr(x):
    """log Φ(x). The derivative is φ(x)/Φ(x)."""
    y = math.sqrt(0.5) * x
    # Φ(x) = erfcx(-y)·exp(-y²)/2: below -1 nothing underflows.
    below = jnp.log(0.5 * erfcx(-y)) - 0.5 * x * x
    above = jnp.log1p(-0.5 * erfc(y))
    return jnp.where(x < -1.0, below, above)


# M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics 37, 1988:
# numerators and denominators in powers of 0.425² - (p - 0.5)², of r - 1.6 and of r - 5, r = √(-log min(p, 1 - p)).
_NDTRI_MIDDLE = (
    (
        3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
        45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727,
    ),
    (
        1.0, 42.313330701600911252, 687.18700749205790830, 5394.1960214247511077, 21213.794301586595867,
        39307.895800092710610, 28729.085735721942674, 5226.4952788528545610,
    ),
)  # fmt: skip
_NDTRI_TAIL = (
    (
        1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
        1.27045825245236838258, 0.241780725177450611770, 0.0227238449892691845833, 7.74545014278341407640e-4,
    ),
    (
        1.0, 2.05319162663775882187, 1.67638483018380384940, 0.689767334985100004550, 0.148103976427480074590,
        0.0151986665636164571966, 5.47593808499534494600e-4, 1.05075007164441684324e-9,
    ),
)  # fmt: skip
_NDTRI_FAR = (
    (
        6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 0.296560571828504891230,
        0.0265321895265761230930, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7,
    ),
    (
        1.0, 0.599832206555887937690, 0.136929880922735805310, 0.0148753612908506148525, 7.86869131145613259100e-4,
        1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15,
    ),
)  # fmt: skip


def _fraction(coefficients, x):
    above, below = coefficients
    return horner(above, x) / horner(below, x)


@rule(lambda ans, p: math.sqrt(2 * math.pi) * exp_square(math.sqrt(0.5) * ans, 1.0))
def ndtri(p):
    """The inverse of Φ."""
    distance = p - 0.5
    middle = distance * _fraction(_NDTRI_MIDDLE, jnp.maximum(0.425**2 - distance * distance, 0.0))
    r = jnp.sqrt(-jnp.log(jnp.clip(jnp.minimum(p, 1.0 - p), 5e-324, 0.5)))
    tail = _fraction(_NDTRI_TAIL, jnp.minimum(r, 5.0) - 1.6)
    far = _fraction(_NDTRI_FAR, jnp.maximum(r, 5.0) - 5.0)
    beyond = jnp.copysign(jnp.where(r <= 5.0, tail, far), distance)
    value = jnp.where(jnp.abs(distance) <= 0.425, middle, beyond)
    value = jnp.where(p == 0.0, -jnp.inf, jnp.where(p == 1.0, jnp.inf, value))
    return jnp.where((p < 0.0) | (p > 1.0), jnp.nan, value)


# --- integrals ------------------------------------------------------------------------------------------

# The root of Ei, in two parts.
_ROOT, _ROOT_LOW = 0.3725074107813666, 1.3140183414386028e-17


def _exponential_integral_1(x):
    """E₁(x), x > 0."""
    near = x * chebyshev(c.E1_NEAR, between(jnp.minimum(x, 1.0), 0.0, 1.0)) - jnp.euler_gamma - jnp.log(x)
    inverse = 1.0 / jnp.maximum(x, 1.0)
    far = chebyshev(c.E1_FAR, between(jnp.maximum(inverse, 0.25), 0.25, 1.0))
    furthest = chebyshev(c.E1_FURTHEST, between(jnp.minimum(inverse, 0.25), 0.0, 0.25))
    return jnp.where(x < 1.0, near, jnp.where(x < 4.0, far, furthest) * jnp.exp(-x) * inverse)


def _exponential_integral(x):
    """Ei(x), x > 0."""
    small = jnp.minimum(x, 6.0)
    # Relative to the root, so that no digit is lost near it.
    distance = (small - _ROOT) - _ROOT_LOW
    logarithm = jnp.where(jnp.abs(distance) < 0.2, jnp.log1p(distance / _ROOT), jnp.log(small / _ROOT))
    near = logarithm + distance * chebyshev(c.EI_NEAR, between(small, 0.0, 6.0))
    inverse = 1.0 / jnp.maximum(x, 6.0)
    middle = chebyshev(c.EI_MIDDLE, between(jnp.maximum(inverse, 1 / 14), 1 / 14, 1 / 6))
    far = chebyshev(c.EI_FAR, between(jnp.clip(inverse, 1 / 48, 1 / 14), 1 / 48, 1 / 14))
    furthest = chebyshev(c.EI_FURTHEST, between(jnp.minimum(inverse, 1 / 48), 0.0, 1 / 48))
    half = jnp.exp(0.5 * x)  # exp(x) overflows where exp(x)/x does not
    beyond = jnp.where(x < 14.0, middle, jnp.where(x < 48.0, far, furthest)) * (half * inverse) * half
    return jnp.where(x < 6.0, near, jnp.where(jnp.isinf(x), jnp.inf, beyond))


@rule(lambda ans, x: jnp.exp(x) / x)
def expi(x):
    """Ei(x), the principal value of ∫ exp(t)/t dt from -∞ to x."""
    size = jnp.abs(x)
    value = jnp.where(x > 0, _exponential_integral(size), -_exponential_integral_1(size))
    return jnp.where(size == 0, -jnp.inf, value)


def _sici(x):
    size = jnp.abs(x)
    small = jnp.minimum(size, 4.0)
    t = between(small * small, 0.0, 16.0)
    si_near = small * chebyshev(c.SI_NEAR, t)
    ci_near = jnp.euler_gamma + jnp.log(small) + small * small * chebyshev(c.CIN_NEAR, t)
    inverse = 1.0 / jnp.maximum(size, 4.0)
    t = between(inverse * inverse, 0.0, 1 / 16)
    f, g = chebyshev(c.SICI_F, t) * inverse, chebyshev(c.SICI_G, t) * inverse * inverse
    angle = jnp.where(jnp.isinf(size), 0.0, size)
    sine, cosine = jnp.sin(angle), jnp.cos(angle)
    si = jnp.where(size < 4.0, si_near, 0.5 * math.pi - f * cosine - g * sine)
    ci = jnp.where(size < 4.0, ci_near, f * sine - g * cosine)
    return jnp.where(x < 0, -si, si), jnp.where(x == -jnp.inf, jnp.nan, ci)


@rule(lambda ans, x: jnp.sinc(x / math.pi))
def sine_integral(x):
    """Si(x) = ∫₀ˣ sin(t)/t dt."""
    return _sici(x)[0]


@rule(lambda ans, x: jnp.cos(x) / x)
def cosine_integral(x):
    """Ci(x) = γ + log|x| + ∫₀ˣ (cos(t) - 1)/t dt."""
    return _sici(x)[1]


def _quarter_turns(x):
    """Return sin and cos of π·x²/2; the square is reduced before it is rounded."""
    square, error = _square_parts(x)
    # From 2⁵³ on every x is even, and its square a multiple of 4.
    safe = jnp.where(jnp.abs(x) < 2.0**53, square, 0.0)
    rest = jnp.mod(safe, 4.0) + jnp.where(jnp.abs(x) < 2.0**53, error, 0.0)
    return sinpi(0.5 * rest), sinpi(0.5 * rest + 0.5)


def _fresnel(x):
    size = jnp.abs(x)
    small = jnp.minimum(size, 1.6)
    fourth = small**4
    t = between(fourth, 0.0, 6.5536)
    s_near = small**3 * chebyshev(c.FRESNEL_S, t)
    c_near = small * chebyshev(c.FRESNEL_C, t)
    inverse = 1.0 / jnp.maximum(size, 1.6)
    t = between(inverse**4, 0.0, 1 / 6.5536)
    f = chebyshev(c.FRESNEL_F, t) * inverse / math.pi
    g = chebyshev(c.FRESNEL_G, t) * inverse**3 / math.pi**2
    sine, cosine = _quarter_turns(size)
    s = jnp.where(size < 1.6, s_near, 0.5 - f * cosine - g * sine)
    cos_part = jnp.where(size < 1.6, c_near, 0.5 + f * sine - g * cosine)
    return jnp.where(x < 0, -s, s), jnp.where(x < 0, -cos_part, cos_part)


@rule(lambda ans, x: _quarter_turns(x)[0])
def fresnel_s(x):
    """S(x) = ∫₀ˣ sin(π·t²/2) dt."""
    return _fresnel(x)[0]


@rule(lambda ans, x: _quarter_turns(x)[1])
def fresnel_c(x):
    """C(x) = ∫₀ˣ cos(π·t²/2) dt."""
    return _fresnel(x)[1]


def _dilogarithm(z):
    """Li₂(z), -1 <= z <= ½."""
    return z * chebyshev(c.DILOG, between(z, -1.0, 0.5))


def _spence_slope(ans, x):
    # log(x)/(1 - x); its series beside 1, where the quotient is 0/0 and its own slope ½.
    u = x - 1.0
    near = jnp.abs(u) < 1e-4
    away, close = jnp.where(near, 2.0, x), jnp.where(near, u, 0.0)
    series = -horner([1.0, -1 / 2, 1 / 3, -1 / 4, 1 / 5], close)
    return jnp.where(near, series, jnp.log(away) / (1.0 - away))


@rule(_spence_slope)
def spence(x):
    """Li₂(1 - x) = -∫₁ˣ log(t)/(t - 1) dt."""
    # Three ranges of x, and in each an argument of Li₂ between -1 and ½ (DLMF 25.12.3 and 25.12.6).
    low, high = x < 0.5, x > 2.0
    argument = jnp.where(low, x, jnp.where(high, 1.0 / x, 1.0 - x))
    base = _dilogarithm(jnp.clip(argument, -1.0, 0.5))
    near_zero = math.pi**2 / 6 - jnp.where(x == 0, 0.0, jnp.log(x) * jnp.log1p(-x)) - base
    y = jnp.where(high, 1.0 / x, 0.25)
    logarithm = jnp.log(jnp.where(high, x, 4.0))
    beyond = -0.5 * logarithm**2 - math.pi**2 / 6 - logarithm * jnp.log1p(-y) + base
    value = jnp.where(low, near_zero, jnp.where(high, beyond, base))
    return jnp.where((x < 0) | jnp.isinf(x), jnp.nan, value)


# --- gamma ----------------------------------------------------------------------------------------------


@rule(lambda ans, u: -u / (1.0 + u))
def log1pmx(u):
    """log(1 + u) - u without cancellation, u >= -1."""
    # log(1 + u) = 2·atanh(s) with s = u/(2 + u), and 2·s - u = -u·s. Up to u = 1 s² <= 1/9: 17 terms are enough.
    inside = (u > -0.5) & (u < 1.0)
    near = jnp.where(inside, u, 0.0)
    s = near / (2.0 + near)
    square = s * s
    series = -near * s + 2.0 * s * square * horner([1.0 / (2 * k + 1) for k in range(1, 19)], square)
    return jnp.where(inside, series, jnp.log1p(u) - u)


@rule(lambda ans, z: digamma(z) - jnp.log(z) + 0.5 / z)
def stirling(z):
    """Δ(z) = log Γ(z) - ((z - ½)·log(z) - z + ½·log(2π)), what Stirling's formula leaves; z > 0."""
    low = z < 1.0
    w = jnp.where(low, z + 1.0, z)
    value = chebyshev(c.STIRLING, 2.0 / w - 1.0) / w
    small = jnp.where(low, z, 1.0)
    return jnp.where(low, value + (small + 0.5) * jnp.log1p(1.0 / small) - 1.0, value)


def _stirling_step(w, v, b):
    """Δ(v) - Δ(w) for v = w + b, w >= 1 and v > ½: by the quotient of differences of its series, beside b as well."""
    powers = in_powers(tuple(c.STIRLING))
    first, second = 2.0 / w - 1.0, 2.0 / v - 1.0
    total, quotient = powers[-1], 0.0
    for coefficient in powers[-2::-1]:
        quotient, total = quotient * second + total, total * first + coefficient
    shrink = b / (w * v)
    return -shrink * (total + 2.0 * quotient / v)


def lgamma_step(a, b):
    """log Γ(a + b) - log Γ(a) with all digits for small b as well, a > 0 and b > -a/2."""
    low = a < 1.0
    w = jnp.where(low, a + 1.0, a)
    v, r = w + b, b / w
    # w·log(1 + r) - b = w·(log(1 + r) - r)
    step = b * jnp.log(v) + w * log1pmx(r) - 0.5 * jnp.log1p(r) + _stirling_step(w, v, b)
    # Below 1 a step of 1 first; the quotient of subnormal numbers would be infinite.
    ratio = jnp.where(low, b / jnp.maximum(a, 1e-300), 0.0)
    return step - jnp.log1p(ratio)


@rule(lambda ans, a: digamma(1.0 + a))
def lgamma1p(a):
    """log Γ(1 + a), with all digits for small a; a > -1."""
    near = jnp.abs(a) < 0.5
    inside = jnp.where(near, a, 0.0)
    return jnp.where(
        near, inside * chebyshev(c.LGAMMA1P, 2.0 * inside), lgamma(1.0 + jnp.where(near, 1.0, a))
    )


def _gamma_from_one(z):
    # Two equal factors: z**(z - ½) overflows where Γ(z) does not.
    root = jnp.power(z, 0.5 * z - 0.25)
    return root * (root * jnp.exp(-z)) * (math.sqrt(2 * math.pi) * jnp.exp(stirling(z)))


@rule(lambda ans, x: ans * digamma(x))
def gamma(x):
    """Γ(x)."""
    reflected = x < 0
    z = jnp.where(reflected, 1.0 - x, x)
    below_one = z < 1.0
    size = _gamma_from_one(jnp.clip(jnp.where(below_one, z + 1.0, z), 1.0, 180.0))
    size = jnp.where(z > 172.0, jnp.inf, jnp.where(below_one, size / z, size))
    turned = math.pi / (sinpi(x) * size)
    value = jnp.where(reflected, turned, size)
    value = jnp.where(reflected & (x == jnp.floor(x)), jnp.nan, value)
    return jnp.where(x == -jnp.inf, jnp.nan, jnp.where(jnp.isnan(x), x, value))


def _rgamma_slope(ans, x):
    # 1/Γ has no poles, but digamma does: 1/Γ(x) = sin(πx)·Γ(1 - x)/π turns both around.
    left = x < 0.5
    turned = gamma(jnp.where(left, 1.0 - x, 1.0))
    by_reflection = turned * (sinpi(x + 0.5) - sinpi(x) * digamma(jnp.where(left, 1.0 - x, 1.0)) / math.pi)
    return jnp.where(left, by_reflection, -ans * digamma(jnp.where(left, 1.0, x)))


@rule(_rgamma_slope)
def rgamma(x):
    """1/Γ(x)."""
    left = x < 0.5
    sine = sinpi(jnp.where(left, x, 0.5))
    turned = jnp.where(sine == 0.0, 0.0, sine * gamma(jnp.where(left, 1.0 - x, 1.0)) / math.pi)
    return jnp.where(left, turned, 1.0 / gamma(jnp.where(left, 1.0, x)))


@rule(lambda ans, x: exprel_slope(x))
def exprel(x):
    """(exp(x) - 1)/x."""
    away = jnp.where((x == 0.0) | jnp.isinf(x), 1.0, x)
    value = jnp.where(x == 0.0, 1.0 + 0.5 * x, jnp.expm1(away) / away)
    return jnp.where(jnp.isinf(x), jnp.maximum(x, 0.0), value)


def exprel_slope(x):
    """((x - 1)·exp(x) + 1)/x², the derivative of (exp(x) - 1)/x."""
    small = jnp.abs(x) < 1.0
    near = jnp.where(small, x, 0.0)
    series = horner([1.0 / (math.factorial(k) * (k + 2)) for k in range(20)], near)
    safe = jnp.where(small, 1.0, x)
    return jnp.where(small, series, ((safe - 1.0) * jnp.exp(safe) + 1.0) / safe**2)


@rule(lambda ans, x: 2.0 / SQRT_PI * exp_square(x, 1.0))
def erfi(x):
    """-i·erf(i·x)."""
    power = exp_square(x, 1.0)
    # Dawson's integral is 0 where the power is infinite.
    value = (2.0 / SQRT_PI) * jnp.where(jnp.isinf(power), 1.0, power) * dawsn(x)
    return jnp.where(jnp.isinf(power), jnp.sign(x) * jnp.inf, value)


def erfcinv(y):
    """The inverse of erfc."""
    return -math.sqrt(0.5) * ndtri(0.5 * y)


def gammasgn(x):
    """The sign of Γ(x): it has no derivative."""
    odd = jnp.mod(jnp.floor(x), 2.0) != 0
    sign = jnp.where(odd & (x < 0), -1.0, 1.0)
    pole = (x < 0) & (x == jnp.floor(x))
    at_zero = jnp.where(x == 0, jnp.copysign(1.0, x), sign)
    return jnp.where(jnp.isnan(x) | (x == -jnp.inf), jnp.nan, jnp.where(pole, jnp.nan, at_zero))


def ndtr(x):
    """Φ(x)."""
    y = math.sqrt(0.5) * x
    size = jnp.abs(y)
    tail = 0.5 * erfc(size)
    return jnp.where(size < math.sqrt(0.5), 0.5 + 0.5 * erf(y), jnp.where(y > 0, 1.0 - tail, tail))
