"""Functions of several variables by series, recurrences and quadrature: zeta, expn, hypergeometric, Owen's T, Bessel.

Each element runs its own loops. Hypergeometric functions themselves come from SciPy, which knows a dozen
transformations of their arguments; their derivatives by the parameters are series here, which SciPy does not have.
"""

from __future__ import annotations

import functools
import math

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.control.while_loop import fori_loop, while_loop
from jaxlite.ops import special as ops
from jaxlite.ops.special import digamma, erf
from jaxlite.scipy._incomplete import slope_of, until_constant
from jaxlite.scipy._rules import elements, rule
from jaxlite.scipy._univariate import SQRT_PI, gamma, ndtr, sinpi

# B₂ⱼ/(2j)!, j = 1 … 12
_EULER_MACLAURIN = (
    1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600,
    -3617 / 10670622842880000, 43867 / 5109094217170944000, -174611 / 802857662698291200000,
    77683 / 14101100039391805440000, -236364091 / 1693824136731743669452800000,
)  # fmt: skip


# --- zeta -----------------------------------------------------------------------------------------------


def _zeta_number(x, q):
    """Hurwitz' zeta function by Euler and Maclaurin's formula (DLMF 25.11.5 to 25.11.7)."""
    # The last term kept is about 2·((x + 24)/2πw)²⁴ of w⁻ˣ: 3e-17 from here on. A fixed w fails as x grows: 8 % off for
    # x = 50 and w = 10.
    enough = jnp.maximum(10.0, 0.8 * (x + 24.0))
    # A term that is nothing beside the second one ends the sum: beside the first one alone, whose logarithm is 0 for
    # q = 1, the derivative by x would lose the others.
    nothing = 1e-18 * jnp.power(jnp.abs(q) + 1.0, -x)

    def more(state):
        _, w, term = state
        return (w < enough) & ((w < 2.0) | (jnp.abs(term) > nothing))

    def step(state):
        total, w, _ = state
        term = jnp.power(w, -x)
        return total + term, w + 1.0, term

    zero = 0.0 * (q + x)
    total, w, _ = while_loop(more, step, (zero, q + 0.0 * x, zero + jnp.inf))
    power = jnp.power(w, -x)
    # Not w·w⁻ˣ, which is nothing for w = 1e300 where w¹⁻ˣ may be a number.
    total = total + jnp.power(w, 1.0 - x) / (x - 1.0) + 0.5 * power
    factor, inverse = x * power / w, 1.0 / (w * w)
    for j, coefficient in enumerate(_EULER_MACLAURIN):
        total = total + coefficient * factor
        factor = factor * (x + (2.0 * j + 1.0)) * (x + (2.0 * j + 2.0)) * inverse
    return total


_zeta_elements = elements(_zeta_number)
_zeta_by_x = slope_of(_zeta_number, 0)


def _inside_zeta(x, q):
    inside = (x > 1) & ((q > 0) | ((q != jnp.floor(q)) & (x == jnp.floor(x)) & (q > -1e6)))
    inside = inside & (q < jnp.inf)
    # 1e300 does for infinity: no number but 1 has a power of it that is neither 0 nor inf.
    return inside, jnp.where(inside, jnp.minimum(x, 1e300), 2.0), jnp.where(inside, q, 1.0)


def _zeta_slope_x(ans, x, q):
    inside, x_safe, q_safe = _inside_zeta(x, q)
    # Where x must be whole there is no slope.
    return jnp.where(inside & (q > 0), _zeta_by_x(x_safe, q_safe), jnp.where(inside, jnp.nan, 0.0))


@rule(_zeta_slope_x, lambda ans, x, q: -x * zeta(x + 1.0, q))
def zeta(x, q):
    """Σ (q + k)⁻ˣ over k >= 0."""
    inside, x_safe, q_safe = _inside_zeta(x, q)
    value = _zeta_elements(x_safe, q_safe)
    pole = (x == 1) | ((q <= 0) & (q == jnp.floor(q)))
    edge = jnp.where((x > 1) & (q == jnp.inf), 0.0, jnp.nan)
    return jnp.where(inside, value, jnp.where((x >= 1) & pole, jnp.inf, edge))


_riemann_elements = elements(lambda x: _zeta_number(x, 1.0 + 0.0 * x))


def riemann_zeta(x):
    """ζ(x) of real numbers; below 0 by reflection, ζ(x) = 2·(2π)ˣ⁻¹·sin(πx/2)·Γ(1 - x)·ζ(1 - x) (DLMF 25.4.1)."""
    # Not for all x < 0: 1 - x would lose the digits of a small x, 4e-8 of the value at -1e-10.
    reflected, is_pole = x < -0.5, x == 1.0
    y = jnp.where(reflected, 1.0 - x, jnp.where(is_pole, 2.0, x))
    value = _riemann_elements(jnp.minimum(y, 1e5))
    turned = jnp.where(reflected, y, 2.0)
    sine = sinpi(0.5 * jnp.where(reflected, x, 0.5))
    factor = 2.0 * jnp.power(2 * math.pi, -turned) * gamma(turned) * sine
    # Γ may be infinite where the sine is 0.
    factor = jnp.where(sine == 0.0, 0.0, factor)
    return jnp.where(reflected, factor * value, jnp.where(is_pole, jnp.inf, value))


# --- exponential integrals ------------------------------------------------------------------------------


def _expn_number(n, x):
    """E_n(x) for a whole n >= 1 and x > 0."""
    by_fraction = x > 1.0

    def fraction(n, state, k):  # Lentz's method for the fraction of DLMF 8.19.17
        value, c, d, _ = state
        b = x + n + 2.0 * k
        numerator = -k * (n + k - 1.0)
        d = 1.0 / (b + numerator * d)
        c = b + numerator / c
        return value * (c * d), c, d, c * d

    start = 1.0 / (x + n)
    begin = (start, 1e290 + 0.0 * x, start, jnp.where(by_fraction, 2.0, 1.0) + 0.0 * x)
    far = until_constant(fraction, begin, n) * jnp.exp(-x)

    def more_series(state):
        _, term, k = state
        return (jnp.abs(term) > 1e-19) & (k < 60.0)

    def series(state):  # DLMF 8.19.8, without the term of the logarithm
        total, term, k = state
        gap = k - n + 1.0
        total = total - jnp.where(gap == 0.0, 0.0, term / jnp.where(gap == 0.0, 1.0, gap))
        return total, -term * x / (k + 1.0), k + 1.0

    near = while_loop(more_series, series, (0.0 * x, jnp.where(by_fraction, 0.0, 1.0) + 0.0 * x, 0.0))[0]

    def power(state):
        return -state[0] * x / state[1], state[1] + 1.0

    # Beyond 60 steps the term is nothing beside the first one.
    capped = jnp.minimum(n, 60.0)
    leading = while_loop(lambda s: s[1] < capped, power, (1.0 + 0.0 * x, 1.0 + 0.0 * x))[0]
    safe = jnp.where(by_fraction, 0.5, x)
    near = near + leading * (digamma(n) - jnp.log(safe))
    return jnp.where(by_fraction, far, near)


_expn_elements = elements(_expn_number)


def _expn_slope(ans, n, x):
    at_zero = jnp.exp(-x) / x
    return jnp.where(n == 0, -at_zero * (1.0 + 1.0 / x), -expn(jnp.maximum(n - 1.0, 0.0), x))


@rule("the order is an integer.", _expn_slope)
def expn(n, x):
    """E_n(x) = ∫ exp(-x·t)/tⁿ dt from 1 to ∞."""
    inside = (n >= 1) & (x > 0) & (x < jnp.inf) & (n == jnp.floor(n))
    value = _expn_elements(jnp.where(inside, n, 1.0), jnp.where(inside, x, 1.0))
    at_zero = jnp.where(n <= 1, jnp.inf, 1.0 / (jnp.where(n <= 1, 2.0, n) - 1.0))
    edge = jnp.where(
        x == 0, at_zero, jnp.where(n == 0, jnp.exp(-x) / x, jnp.where(x == jnp.inf, 0.0, jnp.nan))
    )
    bad = (n < 0) | (n != jnp.floor(n)) | ~(x >= 0)
    return jnp.where(inside, value, jnp.where(bad, jnp.nan, edge))


# --- hypergeometric functions ---------------------------------------------------------------------------


def _power_series(numerators, denominators, x):
    """Σ Π(a)ₖ/Π(c)ₖ·xᵏ/k!; ends where the derivatives by the parameters no longer change either."""

    def more(state):
        total, _, size, k = state
        return (size > 1e-17 * jnp.maximum(jnp.abs(total), 1e-290)) & (k < 100000.0)

    def step(state):
        total, term, size, k = state
        ratio, bound = x / (k + 1.0), jnp.abs(x) / (k + 1.0)
        for a in numerators:
            # A factor that is zero ends the series, but not its derivative.
            ratio, bound = ratio * (a + k), bound * jnp.maximum(jnp.abs(a + k), 0.5)
        for c in denominators:
            ratio, bound = ratio / (c + k), bound / jnp.abs(c + k)
        term = term * ratio
        return total + term, term, size * bound, k + 1.0

    one = 1.0 + 0.0 * x
    return while_loop(more, step, (one, one, one, 0.0))[0]


def _hyp1f1_number(a, b, x):
    # Kummer's transformation: for x < 0 the terms would cancel (DLMF 13.2.39).
    turned = x < 0
    series = _power_series((jnp.where(turned, b - a, a),), (b,), jnp.abs(x))
    return jnp.where(turned, jnp.exp(jnp.minimum(x, 0.0)), 1.0) * series


def _hyp2f1_number(a, b, c, x):
    # Pfaff's transformation takes x < -½ to an argument between 0 and 1 (DLMF 15.8.1).
    turned = x < -0.5
    w = jnp.where(turned, x / (x - 1.0), x)
    series = _power_series((a, jnp.where(turned, c - b, b)), (c,), w)
    return jnp.where(turned, jnp.power(1.0 - jnp.where(turned, x, 0.0), -a), 1.0) * series


_hyp1f1_by_a, _hyp1f1_by_b = slope_of(_hyp1f1_number, 0), slope_of(_hyp1f1_number, 1)


@rule(
    lambda ans, a, b, x: _hyp1f1_by_a(a, b, x),
    lambda ans, a, b, x: _hyp1f1_by_b(a, b, x),
    lambda ans, a, b, x: a / b * hyp1f1(a + 1.0, b + 1.0, x),
)
def hyp1f1(a, b, x):
    """₁F₁(a; b; x)."""
    return ops.hyp1f1(a, b, x)


def _hyp2f1_slope(position: int):
    by_parameter = slope_of(_hyp2f1_number, position)

    def slope(ans, a, b, c, x):
        inside = x < 1.0
        return jnp.where(inside, by_parameter(a, b, c, jnp.where(inside, x, 0.0)), jnp.nan)

    return slope


@rule(
    _hyp2f1_slope(0),
    _hyp2f1_slope(1),
    _hyp2f1_slope(2),
    lambda ans, a, b, c, x: a * b / c * hyp2f1(a + 1.0, b + 1.0, c + 1.0, x),
)
def hyp2f1(a, b, c, x):
    """₂F₁(a, b; c; x)."""
    return ops.hyp2f1(a, b, c, x)


# --- Owen's T -------------------------------------------------------------------------------------------

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)
_NODES, _WEIGHTS = 0.5 * (_NODES + 1.0), 0.5 * _WEIGHTS


def _owens_t_below_one(h, a):
    """T for h >= 0 and 0 <= a <= 1, by Gauss and Legendre's rule with 32 nodes."""
    # Beyond 9/h the integrand is nothing beside its value at 0.
    end = jnp.where(h * a > 9.0, 9.0 / jnp.maximum(h, 1.0), a)
    total = 0.0
    for node, weight in zip(_NODES.tolist(), _WEIGHTS.tolist(), strict=True):
        square = (end * node) ** 2
        total = total + weight * jnp.exp(-0.5 * h * h * square) / (1.0 + square)
    return jnp.exp(-0.5 * h * h) * end * total / (2 * math.pi)


def _owens_t_slopes():
    def by_h(ans, h, a):
        return -jnp.exp(-0.5 * h * h) * erf(math.sqrt(0.5) * a * h) / (2 * math.sqrt(2 * math.pi))

    def by_a(ans, h, a):
        return jnp.exp(-0.5 * h * h * (1.0 + a * a)) / (2 * math.pi * (1.0 + a * a))

    return by_h, by_a


@rule(*_owens_t_slopes())
def owens_t(h, a):
    """∫ exp(-h²·(1 + t²)/2)/(1 + t²) dt/(2π) from 0 to a."""
    size, slope = jnp.minimum(jnp.abs(h), 1e3), jnp.abs(a)
    steep = slope > 1.0
    # T(h, a) + T(a·h, 1/a) = (q + r)/2 - q·r with the tails q of h and r of a·h.
    finite = jnp.where(jnp.isinf(slope), 1.0, slope)
    scaled = jnp.where(size == 0.0, 0.0, jnp.minimum(size * slope, 1e3))
    inner = _owens_t_below_one(
        jnp.where(steep, scaled, size),
        jnp.where(steep, jnp.where(jnp.isinf(slope), 0.0, 1.0 / finite), slope),
    )
    q, r = ndtr(-size), ndtr(-scaled)
    value = jnp.where(steep, 0.5 * (q + r) - q * r - inner, inner)
    return jnp.where(jnp.isnan(h) | jnp.isnan(a), jnp.nan, jnp.where(a < 0, -value, value))


# --- the Faddeeva function ------------------------------------------------------------------------------


@functools.cache
def _weideman(count: int) -> tuple[float, tuple[float, ...]]:
    """Return the scale and the coefficients, highest power first, of Weideman's rational expansion.

    J. A. C. Weideman, "Computation of the complex error function", SIAM J. Numer. Anal. 31, 1994, equation (37).
    """
    scale = math.sqrt(count / math.sqrt(2))
    angles = np.arange(-2 * count + 1, 2 * count) * np.pi / (2 * count)
    t = scale * np.tan(0.5 * angles)
    values = np.concatenate([[0.0], np.exp(-t * t) * (scale * scale + t * t)])
    coefficients = np.real(np.fft.fft(np.fft.fftshift(values))) / (4 * count)
    return scale, tuple(coefficients[count:0:-1].tolist())


@rule(lambda ans, z: 2j / SQRT_PI - 2.0 * z * ans)
def wofz(z):
    """w(z) = exp(-z²)·erfc(-i·z), z complex."""
    scale, coefficients = _weideman(48)
    below = jnp.imag(z) < 0
    upper = jnp.where(below, -z, z)
    denominator = scale - 1j * upper
    ratio = (scale + 1j * upper) / denominator
    total = coefficients[0] + 0.0 * ratio
    for coefficient in coefficients[1:]:
        total = total * ratio + coefficient
    value = 2.0 * total / (denominator * denominator) + (1.0 / SQRT_PI) / denominator
    return jnp.where(below, 2.0 * jnp.exp(-z * z) - value, value)


def _erf_series(z):
    """erf(z) for |z| <= 1, DLMF 7.6.1."""
    square, term = z * z, z
    total = z
    for k in range(1, 20):
        term = -term * square / k
        total = total + term / (2 * k + 1)
    return (2.0 / SQRT_PI) * total


def _erf_pair(z):
    """erf(z) and erfc(z), z complex."""
    near = jnp.abs(z) < 1.0
    left = jnp.real(z) < 0.0
    right = jnp.where(near, 1.0, jnp.where(left, -z, z))
    tail = jnp.exp(-right * right) * wofz(1j * right)
    series = _erf_series(jnp.where(near, z, 0.0))
    value = jnp.where(near, series, jnp.where(left, tail - 1.0, 1.0 - tail))
    return value, jnp.where(near, 1.0 - series, jnp.where(left, 2.0 - tail, tail))


@rule(lambda ans, z: 2.0 / SQRT_PI * jnp.exp(-z * z))
def erf_complex(z):
    """The error function of complex numbers."""
    return _erf_pair(z)[0]


@rule(lambda ans, z: -2.0 / SQRT_PI * jnp.exp(-z * z))
def erfc_complex(z):
    """1 - erf(z) of complex numbers."""
    return _erf_pair(z)[1]


def loggamma_complex(z):
    """log Γ(z), continuous but for a cut along the negative axis."""
    reflected = jnp.real(z) < 0.5
    low = jnp.imag(z) < 0
    up = jnp.where(low, jnp.conj(z), z)
    w = jnp.where(reflected, 1.0 - up, up)
    # Shifted beyond 10, where Stirling's series holds all digits (DLMF 5.11.1).
    shift = 0.0 * w
    for k in range(10):
        shift = shift + jnp.log(w + float(k))
    v = w + 10.0
    inverse, power = 1.0 / (v * v), 1.0 / v
    series = (v - 0.5) * jnp.log(v) - v + 0.5 * math.log(2 * math.pi)
    for coefficient in (
        1 / 12,
        -1 / 360,
        1 / 1260,
        -1 / 1680,
        1 / 1188,
        -691 / 360360,
        1 / 156,
        -3617 / 122400,
    ):
        series, power = series + coefficient * power, power * inverse
    right = series - shift
    # log sin(πz) for Im z >= 0, without overflow.
    turn = jnp.where(reflected, up, 0.25)
    log_sine = 1j * math.pi * (0.5 - turn) - math.log(2.0) + jnp.log1p(-jnp.exp(2j * math.pi * turn))
    value = jnp.where(reflected, math.log(math.pi) - log_sine - right, right)
    return jnp.where(low, jnp.conj(value), value)


# --- Bessel functions and spherical harmonics -----------------------------------------------------------


def bessel_jn(z, order: int, steps: int):
    """J₀(z) … J_order(z), stacked, by Miller's backward recurrence (DLMF 3.6 and 10.74.iv)."""
    safe = jnp.where(z == 0.0, 1.0, z)
    # Squares of all that follows are numbers: second derivatives divide by them.
    after, here, total, found = 0.0 * safe, 1e-40 + 0.0 * safe, 0.0 * safe, []
    for k in range(steps, 0, -1):
        after, here = here, (2.0 * k / safe) * here - after
        # Far above |z| terms grow fast.
        large = jnp.abs(here) > 1e60
        scale = jnp.where(large, 1e-60, 1.0)
        after, here, total = after * scale, here * scale, total * scale
        found = [value * scale for value in found]
        if (k - 1) % 2 == 0 and k > 1:
            total = total + here
        if k - 1 <= order:
            found.append(here)
    # J₀ + 2·(J₂ + J₄ + …) = 1
    norm = found[-1] + 2.0 * total
    at_zero = [1.0 if n == 0 else 0.0 for n in range(order + 1)]
    return jnp.stack(
        [jnp.where(z == 0.0, at, value / norm) for at, value in zip(at_zero, found[::-1], strict=True)]
    )


def sph_harm_y(n, m, theta, phi, most: int):
    """Y_n^m(θ, φ) for whole 0 <= n <= most, by the recurrence of normalised Legendre functions in n."""
    size = jnp.abs(m)
    cosine, sine = jnp.cos(theta), jnp.sin(theta)

    def diagonal(k, value):
        k = jnp.astype(k, np.float64)
        return jnp.where(k <= size, -jnp.sqrt((2.0 * k + 1.0) / (2.0 * k)) * sine * value, value)

    start = fori_loop(1, most + 1, diagonal, math.sqrt(0.25 / math.pi) + 0.0 * theta)

    def upwards(k, state):
        here, before = state
        k = jnp.astype(k, np.float64)
        active = (k > size) & (k <= n)
        gap = jnp.where(active, k * k - size * size, 1.0)
        first = jnp.sqrt((4.0 * k * k - 1.0) / gap)
        second = jnp.sqrt(
            jnp.maximum((k - 1.0) ** 2 - size * size, 0.0) / jnp.maximum(4.0 * (k - 1.0) ** 2 - 1.0, 1.0)
        )
        following = first * (cosine * here - second * before)
        return jnp.where(active, following, here), jnp.where(active, here, before)

    value, _ = fori_loop(1, most + 1, upwards, (start, 0.0 * theta))
    value = jnp.where(size > n, 0.0, value)
    value = jnp.where((m < 0) & (jnp.mod(size, 2.0) == 1.0), -value, value)
    return value * jnp.exp(1j * (m * phi))
