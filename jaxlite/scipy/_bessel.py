"""Bessel functions: orders 0 and 1 as arithmetic, real orders by quadrature and recurrences, and their derivatives.

H(x) = (2/πi)·exp(ix - iμπ/2)·∫ exp(-x·s²)·cosh(μ·t)·dt/ds ds,  cosh t = 1 + i·s²,  s >= 0
K(x) = exp(-x)·∫ exp(-x·(cosh t - 1))·cosh(μ·t) dt,  t >= 0

For x >= 2 and orders μ from -½ to 3/2 the trapezoidal rule of these integrals (DLMF 10.32.9, along the path of steepest
descent for H = J + i·Y) has all digits with three dozen nodes, in a width that shrinks as 1/√x; below 2 Temme's series
[1]_ serve. Y, K, and J up to the order x follow by recurrence upwards (DLMF 10.74.iv); J and I beyond from the ratio of
neighbours, by recurrence downwards, and their Wronskian; or, where x² < 4·(ν + 1), from their power series. Every step
is smooth in the order, so that the derivative by it is that of the same loops.

References
----------
.. [1] N. M. Temme, "On the numerical evaluation of the ordinary Bessel function of the second kind", J. Comput. Phys.
   21, 1976, and "On the numerical evaluation of the modified Bessel function of the third kind", ibid. 19, 1975.
"""

from __future__ import annotations

import functools
import math

import jaxlite.numpy as jnp
from jaxlite.bessel import bessel_i0, bessel_i1
from jaxlite.control.while_loop import while_loop
from jaxlite.scipy import _coefficients as c
from jaxlite.scipy._incomplete import scaled_gamma_factor, slope_of
from jaxlite.scipy._rules import elements, rule
from jaxlite.scipy._univariate import between, chebyshev, horner, sinpi

_TWO_OVER_PI = 2 / math.pi
# Recurrences take as many steps as the order: beyond this one results are nan.
_MOST = 1e7

# --- orders 0 and 1 -------------------------------------------------------------------------------------


def _near(coefficients, size, end: float):
    return chebyshev(coefficients, between(jnp.minimum(size, end) ** 2, 0.0, end * end))


def _far_parts(order: int, size):
    """Return √(2/πx) times P, Q, and the cosine and sine of x - π/4, for x >= 8."""
    x = jnp.maximum(size, 8.0)
    t = between((8.0 / x) ** 2, 0.0, 1.0)
    p_series, q_series = (c.J0_P, c.J0_Q) if order == 0 else (c.J1_P, c.J1_Q)
    # The cosine and sine of the rounded difference would lose what the difference does.
    sine, cosine = jnp.sin(x), jnp.cos(x)
    scale = 1.0 / jnp.sqrt(math.pi * x)
    return (
        scale * chebyshev(p_series, t),
        scale * chebyshev(q_series, t) / x,
        cosine + sine,
        sine - cosine,
    )


def _finite(x, function, at_infinity: float):
    """Return ``function`` of |x|, and its limit where that is infinite."""
    size = jnp.abs(x)
    endless = jnp.isinf(size)
    return jnp.where(endless, at_infinity, function(jnp.where(endless, 1.0, size)))


@rule(lambda ans, x: -j1(x))
def j0(x):
    """J₀(x)."""

    def right(size):
        p, q, cosine, sine = _far_parts(0, size)
        return jnp.where(size < 8.0, _near(c.J0_NEAR, size, 8.0), p * cosine - q * sine)

    return _finite(x, right, 0.0)


def _j1_right(size):
    p, q, cosine, sine = _far_parts(1, size)
    # ω = x - 3π/4: another quarter turn.
    return jnp.where(size < 8.0, size * _near(c.J1_NEAR, size, 8.0), p * sine + q * cosine)


def _j1_over_x(x):
    size = jnp.abs(x)
    low = size < 8.0
    return jnp.where(low, _near(c.J1_NEAR, size, 8.0), _finite(x, _j1_right, 0.0) / jnp.where(low, 8.0, size))


@rule(lambda ans, x: j0(x) - _j1_over_x(x))
def j1(x):
    """J₁(x)."""
    return jnp.sign(x) * _finite(x, _j1_right, 0.0)


def _from_right(function, at_zero: float, at_infinity: float = 0.0):
    """Return a function of x > 0 with its limits, and nan below 0."""

    def whole(x):
        value = jnp.where(x == 0.0, at_zero, function(jnp.where((x > 0.0) & jnp.isfinite(x), x, 1.0)))
        return jnp.where(x >= 0.0, jnp.where(jnp.isinf(x), at_infinity, value), jnp.nan)

    return whole


def _y0_right(x):
    p, q, cosine, sine = _far_parts(0, x)
    near = _TWO_OVER_PI * jnp.log(0.5 * x) * _near(c.J0_NEAR, x, 8.0) + _near(c.Y0_NEAR, x, 8.0)
    return jnp.where(x < 8.0, near, p * sine + q * cosine)


@rule(lambda ans, x: -y1(x))
def y0(x):
    """Y₀(x)."""
    return _from_right(_y0_right, -jnp.inf)(x)


def _y1_right(x):
    p, q, cosine, sine = _far_parts(1, x)
    near = _TWO_OVER_PI * jnp.log(0.5 * x) * _near(c.J1_NEAR, x, 8.0) + _near(c.Y1_NEAR, x, 8.0)
    return jnp.where(x < 8.0, near * x - _TWO_OVER_PI / x, q * sine - p * cosine)


@rule(lambda ans, x: y0(x) - ans / x)
def y1(x):
    """Y₁(x)."""
    return _from_right(_y1_right, -jnp.inf)(x)


def _k_pieces(order: int, x):
    """Return K(x) of order 0 or 1 for x <= 2, and exp(x)·K(x) for x >= 2."""
    low = jnp.minimum(x, 2.0)
    logarithm = jnp.log(0.5 * low)
    if order == 0:
        near = _near(c.K0_NEAR, low, 2.0) - logarithm * bessel_i0(low)
    else:
        near = low * _near(c.K1_NEAR, low, 2.0) + logarithm * bessel_i1(low) + 1.0 / low
    high = jnp.maximum(x, 2.0)
    far = chebyshev((c.K0_FAR, c.K1_FAR)[order], 4.0 / high - 1.0) / jnp.sqrt(high)
    return near, far


def _k_plain(order: int):
    def right(x):
        near, far = _k_pieces(order, x)
        return jnp.where(x < 2.0, near, far * jnp.exp(-x))

    return _from_right(right, jnp.inf)


def _k_scaled(order: int):
    def right(x):
        near, far = _k_pieces(order, x)
        return jnp.where(x < 2.0, near * jnp.exp(jnp.minimum(x, 2.0)), far)

    return _from_right(right, jnp.inf)


@rule(lambda ans, x: -k1(x))
def k0(x):
    """K₀(x)."""
    return _k_plain(0)(x)


@rule(lambda ans, x: -k0(x) - ans / x)
def k1(x):
    """K₁(x)."""
    return _k_plain(1)(x)


@rule(lambda ans, x: ans - k1e(x))
def k0e(x):
    """exp(x)·K₀(x)."""
    return _k_scaled(0)(x)


@rule(lambda ans, x: ans - k0e(x) - ans / x)
def k1e(x):
    """exp(x)·K₁(x)."""
    return _k_scaled(1)(x)


# --- real orders: where recurrences begin ---------------------------------------------------------------

# 1/Γ(1 + μ) = Σ eₖ·μ²ᵏ + μ·Σ oₖ·μ²ᵏ, DLMF 5.7.1
_RECIPROCAL_EVEN = (
    1.0, -0.6558780715202539, 0.16653861138229148, -0.009621971527876973, -0.0011651675918590652,
    0.0001280502823881162, -1.2504934821426706e-06, -2.056338416977607e-07, 5.002007644469223e-09,
    1.0434267116911005e-10, -3.696805618642206e-12,
)  # fmt: skip
_RECIPROCAL_ODD = (
    0.5772156649015329, -0.04200263503409524, -0.04219773455554433, 0.0072189432466631, -0.00021524167411495098,
    -2.013485478078824e-05, 1.133027231981696e-06, 6.116095104481416e-09, -1.18127457048702e-09,
    7.782263439905071e-12, 5.100370287454476e-13,
)  # fmt: skip


def _sinhc(x):
    """sinh(x)/x."""
    near = jnp.abs(x) < 1.0
    small, large = jnp.where(near, x, 0.0), jnp.where(near, 1.0, x)
    return jnp.where(
        near,
        horner([1.0 / math.factorial(2 * k + 1) for k in range(10)], small * small),
        jnp.sinh(large) / large,
    )


def _sinc_half(mu):
    """sin(π·μ/2)/(π·μ/2) for |μ| <= ½."""
    return horner([(-1.0) ** k / math.factorial(2 * k + 1) for k in range(9)], (0.5 * math.pi * mu) ** 2)


def _temme(mu, x, sign: float):
    """Return Σ cₖ·fₖ and Σ cₖ·(p_k - k·fₖ), and Temme's further sums for Y, for 0 < x < 2 and |μ| <= ½."""
    square = mu * mu
    even, odd = horner(_RECIPROCAL_EVEN, square), horner(_RECIPROCAL_ODD, square)
    logarithm = -jnp.log(0.5 * x)
    sigma = mu * logarithm
    # πμ/sin(πμ) = 1/(sinc(πμ/2)·cos(πμ/2))
    half_sinc = _sinc_half(mu)
    turn = 1.0 / (half_sinc * jnp.cos(0.5 * math.pi * mu))
    f = turn * (even * logarithm * _sinhc(sigma) - odd * jnp.cosh(sigma))
    p = 0.5 * jnp.exp(sigma) / (even + mu * odd)
    q = 0.5 * jnp.exp(-sigma) / (even - mu * odd)
    # (2/μ)·sin²(πμ/2), for Y
    extra = 0.5 * math.pi**2 * mu * half_sinc * half_sinc
    scale = sign * 0.25 * x * x
    is_y = sign < 0
    coefficient, first = 1.0 + 0.0 * x, (f + extra * q) if is_y else f
    second = p + 0.0 * x
    for k in range(1, 16):
        f = (k * f + p + q) / (k * k - square)
        p, q = p / (k - mu), q / (k + mu)
        coefficient = coefficient * scale / k
        term = f + extra * q if is_y else f
        first = first + coefficient * term
        second = second + coefficient * (p - k * term)
    return first, second


def _hankel_start(mu, x):
    """J and Y of orders μ and μ + 1, for x >= 2 and |μ| <= ½, by the trapezoidal rule."""
    # The error is exp(-2π·b/width + x·b²) for every b <= 1, where the integrand's poles are.
    width = jnp.minimum(6.2 / (40.0 + x), 0.49 / jnp.sqrt(x))
    last = jnp.ceil(6.3 / (jnp.sqrt(x) * width))

    def node(state):
        k, here_real, here_imag, next_real, next_imag = state
        s = k * width
        s2 = s * s
        # cosh t = 1 + i·s² for t = a + i·b, by the sum and the difference of |cosh t + 1| and |cosh t - 1|.
        root = jnp.sqrt(4.0 + s2 * s2)
        part = s2 / (root + 2.0)
        a = 2.0 * jnp.arcsinh(0.5 * s * jnp.sqrt(1.0 + part))
        b = 2.0 * jnp.arcsin(0.5 * s * jnp.sqrt(1.0 - part))
        # dt/ds = √2·exp(iπ/4)/√(1 + i·s²/2); the constant comes last.
        size = 0.5 * root
        real_root = jnp.sqrt(0.5 * (size + 1.0))
        slope_real, slope_imag = real_root / size, -0.25 * s2 / (real_root * size)
        weight = jnp.where(k == 0.0, 0.5, 1.0) * jnp.exp(-x * s2)

        def term(order):
            real, imag = jnp.cosh(order * a) * jnp.cos(order * b), jnp.sinh(order * a) * jnp.sin(order * b)
            return (
                weight * (real * slope_real - imag * slope_imag),
                weight * (real * slope_imag + imag * slope_real),
            )

        (r0, i0), (r1, i1) = term(mu), term(mu + 1.0)
        return k + 1.0, here_real + r0, here_imag + i0, next_real + r1, next_imag + i1

    zero = 0.0 * x + 0.0 * mu
    _, r0, i0, r1, i1 = while_loop(lambda state: state[0] <= last, node, (0.0 * x, zero, zero, zero, zero))
    # (2/πi)·√2·exp(iπ/4)·exp(ix - iμπ/2): the angle besides x, in units of π.
    scale = _TWO_OVER_PI * math.sqrt(2.0) * width
    sine, cosine = jnp.sin(x), jnp.cos(x)

    def turned(order, real, imag):
        angle = -0.25 - 0.5 * order
        turn_cos, turn_sin = sinpi(angle + 0.5), sinpi(angle)
        c_, s_ = cosine * turn_cos - sine * turn_sin, sine * turn_cos + cosine * turn_sin
        return scale * (real * c_ - imag * s_), scale * (real * s_ + imag * c_)

    j_here, y_here = turned(mu, r0, i0)
    j_next, y_next = turned(mu + 1.0, r1, i1)
    return j_here, y_here, j_next, y_next


def _k_start(mu, x):
    """exp(x)·K of orders μ and μ + 1, for x >= 2 and |μ| <= ½, by the trapezoidal rule."""
    # The error is exp(-2π·b/width + x·(1 - cos b)) for every b <= π/2.
    width = jnp.minimum(9.8 / (40.0 + x), 0.7 / jnp.sqrt(x))
    # exp(-x·(cosh t - 1)) < 1e-19 from here on.
    last = jnp.ceil(2.0 * jnp.arcsinh(jnp.sqrt(22.0 / x)) / width)

    def node(state):
        k, here, beyond = state
        t = k * width
        weight = jnp.where(k == 0.0, 0.5, 1.0) * jnp.exp(-2.0 * x * jnp.sinh(0.5 * t) ** 2)
        return k + 1.0, here + weight * jnp.cosh(mu * t), beyond + weight * jnp.cosh((mu + 1.0) * t)

    zero = 0.0 * x + 0.0 * mu
    _, here, beyond = while_loop(lambda state: state[0] <= last, node, (0.0 * x, zero, zero))
    return width * here, width * beyond


def _power_series(order, x, sign: float, growth):
    """exp(growth) times J or I, where x² is below 4·(ν + 1)."""
    scale = sign * 0.25 * x * x
    term = total = 1.0 + 0.0 * x + 0.0 * order
    for k in range(1, 22):
        term = term * (scale / (k * (order + k)))
        total = total + term
    return scaled_gamma_factor(order, 0.5 * x, 0.5 * x + growth) * total


def _i_expansion(order, x):
    """exp(-x)·I for x > 50 and ν² < x, DLMF 10.40.1."""
    term = total = 1.0 + 0.0 * x + 0.0 * order
    # As many terms for every order: for half of an odd number they end, but their derivatives do not.
    for k in range(1, 19):
        term = term * (((k - 0.5) ** 2 - order * order) / (2.0 * k * x))
        total = total + term
    return total / jnp.sqrt(2.0 * math.pi * x)


def _upwards(mu, count, x, here, beyond):
    """Recur from the orders μ and μ + 1 of Y by ``count``: Y₊ = 2ν/x·Y - Y₋."""

    def step(state):
        k, here, beyond = state
        return k + 1.0, beyond, (2.0 * (mu + k) / x) * beyond - here

    start = (1.0 + 0.0 * x, here, beyond)
    return while_loop(lambda state: (state[0] <= count) & jnp.isfinite(state[1]), step, start)[1:]


# What is taken out of large numbers at once, as a logarithm: whole, so that it cancels against x without rounding.
_REST = 300.0


def _upwards_scaled(mu, count, x, here, beyond):
    """Recur so for K, K₊ = 2ν/x·K + K₋; return two orders without a factor exp(scale), and the scale."""

    def step(state):
        k, here, beyond, scale = state
        following = (2.0 * (mu + k) / x) * beyond + here
        large = following > 1e150
        shrink = jnp.where(large, math.exp(-_REST), 1.0)
        return k + 1.0, beyond * shrink, following * shrink, scale + jnp.where(large, _REST, 0.0)

    start = (1.0 + 0.0 * x, here, beyond, 0.0 * x)
    # Until the lower order of the two is infinite, not the higher one: that lower order is the result.
    return while_loop(lambda state: (state[0] <= count) & jnp.isfinite(state[1]), step, start)[1:]


def _ratio(order, x, count, sign: float):
    """The ratio of the orders ν + 1 and ν of J (sign = 1) or I (-1), by recurrence downwards from ν + count."""

    def step(state):
        k, ratio = state
        return k - 1.0, 1.0 / (2.0 * (order + k) / x - sign * ratio)

    return while_loop(lambda state: state[0] > 0.0, step, (count, 0.0 * x + 0.0 * order))[1]


# --- real orders ----------------------------------------------------------------------------------------


def _jy_number(order, x):
    """J and Y of one order >= 0, for 0 < x < ∞."""
    count = jnp.round(order)
    mu = order - count
    low = x < 2.0
    small, large = jnp.where(low, x, 1.0), jnp.where(low, 2.0, x)
    first, second = _temme(mu, small, -1.0)
    j_start, y_start, j_second, y_second = _hankel_start(mu, large)
    y_start = jnp.where(low, -_TWO_OVER_PI * first, y_start)
    y_second = jnp.where(low, -2.0 * _TWO_OVER_PI / small * second, y_second)
    y, y_next = _upwards(mu, count, x, y_start, y_second)
    by_series = x * x <= 4.0 * (order + 1.0)
    by_recurrence = ~by_series & (order <= x)
    j_up = _upwards(mu, jnp.where(by_recurrence, count, 0.0), x, j_start, j_second)[0]
    # Beyond x the function falls as exp(-(2k/∛x)^(3/2)) does.
    by_ratio = ~(by_series | by_recurrence)
    steps = jnp.where(by_ratio, jnp.ceil(30.0 + 10.0 * jnp.cbrt(x)), 0.0)
    ratio = _ratio(order, x, steps, 1.0)
    j_down = _TWO_OVER_PI / (x * (ratio * y - y_next))
    j_down = jnp.where(jnp.isfinite(y_next), j_down, 0.0)
    j_series = _power_series(order, jnp.where(by_series, x, 0.5), -1.0, 0.0)
    return jnp.where(by_series, j_series, jnp.where(by_recurrence, j_up, j_down)), y


def _ik_number(order, x, scaled: bool):
    """I and K of one order >= 0, for 0 < x < ∞; ``scaled`` exp(-x)·I and exp(x)·K."""
    count = jnp.round(order)
    mu = order - count
    low = x < 2.0
    small, large = jnp.where(low, x, 1.0), jnp.where(low, 2.0, x)
    first, second = _temme(mu, small, 1.0)
    k_start, k_second = _k_start(mu, large)
    growth = jnp.exp(small)
    k_start = jnp.where(low, growth * first, k_start)
    k_second = jnp.where(low, growth * (2.0 / small) * second, k_second)
    # exp(x)·K may overflow where K does not: 1e322 and 3e279 for ν = 500, x = 100. So may exp(-x)·I vanish.
    k, k_next, scale = _upwards_scaled(mu, count, x, k_start, k_second)
    by_series = x * x <= 4.0 * (order + 1.0)
    # After n steps exp(-(n² + 2νn)/x) of the start of the ratio is left.
    by_expansion = (x > 50.0) & (order * order < x)
    steps = jnp.ceil(20.0 + jnp.sqrt(order * order + 50.0 * x) - order)
    steps = jnp.where(by_series | by_expansion, 0.0, steps)
    i_down = 1.0 / (x * (k_next + _ratio(order, x, steps, -1.0) * k))
    change = 0.0 if scaled else x
    x_series = jnp.where(by_series, x, 0.5)
    i_series = _power_series(order, x_series, 1.0, -x_series if scaled else 0.0)
    i_large = jnp.where(by_expansion, _i_expansion(order, jnp.where(by_expansion, x, 1e3)), i_down)
    exponent = jnp.where(by_expansion, 0.0, -scale) + change
    return jnp.where(by_series, i_series, _grown(i_large, exponent)), _grown(k, scale - change)


def _grown(value, exponent):
    """exp(exponent)·value, where the power alone may overflow."""
    half = jnp.exp(0.5 * exponent)
    return half * value * half


_jy = elements(_jy_number)
_j_by_order, _y_by_order = (slope_of(lambda v, x, i=i: _jy_number(v, x)[i], 0) for i in (0, 1))
_ik, _ik_scaled = (elements(functools.partial(_ik_number, scaled=scaled)) for scaled in (False, True))


def _ik_by_order(part: int, scaled: bool):
    slope = slope_of(lambda v, x: _ik_number(v, x, scaled)[part], 0)
    return lambda ans, v, x: slope(v, x)


# --- all orders, and both sides of 0 --------------------------------------------------------------------

# Of orders a >= 0 and 0 < x < ∞. Slopes by x are those of DLMF 10.6.2 and 10.29.2.


@rule(lambda ans, a, x: _j_by_order(a, x), lambda ans, a, x: a / x * ans - _j_right(a + 1.0, x))
def _j_right(a, x):
    return _jy(a, x)[0]


@rule(lambda ans, a, x: _y_by_order(a, x), lambda ans, a, x: a / x * ans - _y_right(a + 1.0, x))
def _y_right(a, x):
    return _jy(a, x)[1]


@rule(_ik_by_order(0, True), lambda ans, a, x: (a / x - 1.0) * ans + _i_right_scaled(a + 1.0, x))
def _i_right_scaled(a, x):
    return _ik_scaled(a, x)[0]


@rule(_ik_by_order(1, True), lambda ans, a, x: (a / x + 1.0) * ans - _k_right_scaled(a + 1.0, x))
def _k_right_scaled(a, x):
    return _ik_scaled(a, x)[1]


@rule(_ik_by_order(0, False), lambda ans, a, x: a / x * ans + _i_right(a + 1.0, x))
def _i_right(a, x):
    return _ik(a, x)[0]


@rule(_ik_by_order(1, False), lambda ans, a, x: a / x * ans - _k_right(a + 1.0, x))
def _k_right(a, x):
    return _ik(a, x)[1]


def _operands(v, x):
    """Return |ν| and |x|, and 1 for what the functions of a right side do not take; and where they take it."""
    # The slope of abs at 0 would lose the derivative by the order there.
    order, size = jnp.where(v < 0.0, -v, v), jnp.where(x < 0.0, -x, x)
    inside = (size > 0.0) & (size < jnp.inf) & (order <= _MOST)
    return order, size, jnp.where(inside, order, 1.0), jnp.where(inside, size, 1.0), inside


def _at_zero(order, x, sign: float):
    """J or I around x = 0, as far as second derivatives see, for an order >= 0."""
    return jnp.where(
        order == 0.0,
        1.0 + sign * 0.25 * x * x,
        jnp.where(order == 1.0, 0.5 * x, jnp.where(order == 2.0, 0.125 * x * x, 0.0)),
    )


def _of_first_kind(v, x, value, sign: float, at_infinity):
    """Extend J or I of |x|, given where it is regular, to 0, to infinity, and to x < 0."""
    order, size, _, _, inside = _operands(v, x)
    whole = v == jnp.floor(v)
    turn = jnp.where((v < 0.0) & (jnp.mod(order, 2.0) == 1.0) & (sign < 0), -1.0, 1.0)
    edge = turn * _at_zero(order, size, sign)
    edge = jnp.where((size == 0.0) & (v < 0.0) & ~whole, jnp.inf, edge)
    edge = jnp.where(size == jnp.inf, at_infinity, edge)
    value = jnp.where(inside, value, jnp.where(jnp.isnan(v + x) | (order > _MOST), jnp.nan, edge))
    odd = jnp.where(jnp.mod(order, 2.0) == 1.0, -1.0, 1.0)
    value = jnp.where(x < 0.0, odd * value, value)
    return jnp.where((x < 0.0) & ~whole, jnp.nan, value)


def jv(v, x, positive: bool = False):
    """J_ν(x); ``positive`` says that ν >= 0, which saves half."""
    _, _, a, size, _ = _operands(v, x)
    value = _j_right(a, size)
    if not positive:  # DLMF 10.4.7
        low = v < 0.0
        other = _y_right(jnp.where(low, a, 1.0), jnp.where(low, size, 1.0))
        part = jnp.where(jnp.isfinite(other), sinpi(a) * other, jnp.where(v == jnp.floor(v), 0.0, -other))
        value = jnp.where(low, sinpi(a + 0.5) * value - part, value)
    return _of_first_kind(v, x, value, -1.0, 0.0)


def _i_whole(v, x, positive: bool, scaled: bool):
    _, _, a, size, _ = _operands(v, x)
    value = (_i_right_scaled if scaled else _i_right)(a, size)
    if not positive:  # DLMF 10.27.2
        low = v < 0.0
        a_low, x_low = jnp.where(low, a, 1.0), jnp.where(low, size, 1.0)
        other = (_k_right_scaled if scaled else _k_right)(a_low, x_low)
        if scaled:
            other = other * jnp.exp(-2.0 * x_low)
        part = jnp.where(jnp.isfinite(other), sinpi(a) * other, jnp.where(v == jnp.floor(v), 0.0, other))
        value = jnp.where(low, value + _TWO_OVER_PI * part, value)
    return _of_first_kind(v, x, value, 1.0, 0.0 if scaled else jnp.inf)


def iv(v, x, positive: bool = False):
    """I_ν(x)."""
    return _i_whole(v, x, positive, False)


def ive(v, x, positive: bool = False):
    """exp(-|x|)·I_ν(x)."""
    return _i_whole(v, x, positive, True)


def _of_second_kind(v, x, value, at_zero):
    """Extend Y or K, given where it is regular, to 0 and infinity."""
    edge = jnp.where(x == 0.0, at_zero, jnp.where(x == jnp.inf, 0.0, jnp.nan))
    inside = (x > 0.0) & (x < jnp.inf)
    value = jnp.where(inside, value, edge)
    return jnp.where(jnp.abs(v) <= _MOST, value, jnp.nan)


def yv(v, x, positive: bool = False):
    """Y_ν(x)."""
    _, _, a, size, _ = _operands(v, x)
    value = _y_right(a, size)
    at_zero = -jnp.inf
    if not positive:  # DLMF 10.4.7
        low = v < 0.0
        turn = sinpi(a + 0.5)
        other = _j_right(jnp.where(low, a, 1.0), jnp.where(low, size, 1.0))
        part = jnp.where((turn == 0.0) & jnp.isinf(value), 0.0, turn * value)
        value = jnp.where(low, sinpi(a) * other + part, value)
        side = sinpi(jnp.where(low, -v, 0.0) + 0.5)
        at_zero = jnp.where(side == 0.0, 0.0, jnp.where(side > 0.0, -jnp.inf, jnp.inf))
    return _of_second_kind(v, x, value, at_zero)


def kv(v, x):
    """K_ν(x)."""
    _, _, a, size, _ = _operands(v, x)
    return _of_second_kind(v, x, _k_right(a, size), jnp.inf)


def kve(v, x):
    """exp(x)·K_ν(x)."""
    _, _, a, size, _ = _operands(v, x)
    return _of_second_kind(v, x, _k_right_scaled(a, size), jnp.inf)


@rule("the order is an integer.", lambda ans, n, x: n / x * ans - yn(n + 1.0, x))
def yn(n, x):
    """Y_n(x) of whole orders."""
    return jnp.where(n == jnp.floor(n), yv(n, x), jnp.nan)


@rule("the order is an integer.", lambda ans, n, x: n / x * ans - kn(n + 1.0, x))
def kn(n, x):
    """K_n(x) of whole orders."""
    return jnp.where(n == jnp.floor(n), kv(n, x), jnp.nan)


# --- spherical Bessel functions (DLMF 10.47, and 10.51 for the derivatives) -----------------------------


def _spherical(n, z, right, at_zero, at_infinity, flip: int):
    """Extend √(π/2z) times a function of order n + ½ to all z; ``flip`` says by which sign it goes on below 0."""
    whole = (n >= 0.0) & (n == jnp.floor(n)) & (n <= _MOST)
    size = jnp.where(z < 0.0, -z, z)
    inside = (size > 0.0) & (size < jnp.inf) & whole
    safe = jnp.where(inside, size, 1.0)
    value = jnp.sqrt(0.5 * math.pi / safe) * right(jnp.where(inside, n + 0.5, 1.5), safe)
    value = jnp.where(inside, value, jnp.where(size == 0.0, at_zero(n, size), at_infinity))
    odd = jnp.where(jnp.mod(n + flip, 2.0) == 1.0, -1.0, 1.0)
    value = jnp.where(z < 0.0, odd * value, value)
    return jnp.where(whole & ~jnp.isnan(z), value, jnp.nan)


def _spherical_at_zero(n, z, sign: float):
    return jnp.where(
        n == 0.0,
        1.0 + sign * z * z / 6.0,
        jnp.where(n == 1.0, z / 3.0, jnp.where(n == 2.0, z * z / 15.0, 0.0)),
    )


def _lower(n):
    """Return n - 1, where there is one; what it is multiplied by is 0 otherwise."""
    return jnp.where(n == 0.0, 0.0, n - 1.0)


def _spherical_rule(sign_below: float, sign_above: float):
    """(2n + 1)·f' = ±n·f₋ ± (n + 1)·f₊, which needs no division by z."""

    def decorate(function):
        ruled = None

        def slope(ans, n, z):
            below, above = ruled(_lower(n), z), ruled(n + 1.0, z)
            below = jnp.where(n == 0.0, 0.0, n * jnp.where(n == 0.0, 0.0, below))
            return (sign_below * below + sign_above * (n + 1.0) * above) / (2.0 * n + 1.0)

        ruled = rule("the order is an integer.", slope)(function)
        ruled.slope = lambda n, z: slope(None, n, z)
        return ruled

    return decorate


@_spherical_rule(1.0, -1.0)
def spherical_jn(n, z):
    """The spherical Bessel function of the first kind."""
    return _spherical(n, z, _j_right, lambda n, z: _spherical_at_zero(n, z, -1.0), 0.0, 0)


@_spherical_rule(1.0, -1.0)
def spherical_yn(n, z):
    """The spherical Bessel function of the second kind."""
    return _spherical(n, z, _y_right, lambda n, z: -jnp.inf, 0.0, 1)


@_spherical_rule(1.0, 1.0)
def spherical_in(n, z):
    """The modified spherical Bessel function of the first kind."""
    return _spherical(n, z, _i_right, lambda n, z: _spherical_at_zero(n, z, 1.0), jnp.inf, 0)


@_spherical_rule(-1.0, -1.0)
def spherical_kn(n, z):
    """The modified spherical Bessel function of the second kind."""
    value = _spherical(n, z, _k_right, lambda n, z: jnp.inf, 0.0, 1)
    # DLMF 10.34.2 in a half turn.
    below = jnp.where(z < 0.0, z, -1.0)
    return jnp.where(z < 0.0, value - math.pi * spherical_in(n, -below), value)
