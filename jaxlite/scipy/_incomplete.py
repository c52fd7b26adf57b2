"""Incomplete gamma and beta functions, and their derivatives by every parameter.

P(a, x) = D(a, x)·Σ xⁿ/((a + 1)…(a + n)), D(a, x) = xᵃ·exp(-x)/Γ(a + 1) = exp(a·log1pmx((x - a)/a) - Δ(a))/√(2πa)

Each element runs its own loops, until a term no longer counts: series and continued fractions of DLMF 8.7, 8.9, 8.17.
The factors in front are written so that large parameters cost no digits [1]_. Slopes by x have closed forms; those by
the parameters are the derivative of these same loops.

References
----------
.. [1] A. Gil, J. Segura, N. Temme, "Efficient and accurate algorithms for the computation and inversion of the
   incomplete gamma function ratios", SIAM J. Sci. Comput. 34, 2012, section 2: the factor D and its Δ.
"""

from __future__ import annotations

import functools
import math
import operator

import jaxlite.numpy as jnp
from jaxlite.api.forward import jvp
from jaxlite.control.while_loop import while_loop
from jaxlite.ops.special import lgamma
from jaxlite.ops.structural import stop_gradient
from jaxlite.scipy._rules import elements, rule
from jaxlite.scipy._univariate import lgamma1p, log1pmx, ndtri, stirling

_EPSILON = 1e-17
# Steps grow as the root of the parameters: this is enough for 1e7.
_MOST = 40000.0
_TINY = 1e-290


def slope_of(kernel, position: int):
    """Return the derivative of a function of numbers by one of them, as a function of arrays."""

    def slope(*operands):
        tangents = [1.0 if i == position else 0.0 for i in range(len(operands))]
        return jvp(kernel, operands, tuple(tangents))[1]

    return elements(slope)


# --- gamma ----------------------------------------------------------------------------------------------


def _log_ratio(r, u):
    """log(r) - u for r = 1 + u, which near 0 knows r better than u."""
    low = r < 0.5
    return jnp.where(low, jnp.log(jnp.where(low, r, 0.5)) - u, log1pmx(jnp.where(low, 0.0, u)))


def gamma_factor(a, x):
    """xᵃ·exp(-x)/Γ(a + 1), x > 0."""
    low = a < 1.0
    large = jnp.where(low, 1.0, a)
    exponent = large * _log_ratio(x / large, (x - large) / large)
    by_stirling = jnp.exp(exponent - stirling(large)) / jnp.sqrt(2 * math.pi * large)
    small = jnp.where(low, a, 0.5)
    return jnp.where(low, jnp.power(x, small) * jnp.exp(-x - lgamma1p(small)), by_stirling)


def _gamma_pair(a, x, slopes=False):
    """P(a, x) and Q(a, x) for numbers a > 0 and 0 < x < ∞."""
    by_fraction = (x > 1.1) & (x > a)
    # Where Q may be the small one although x is: its own series, DLMF 8.7.3.
    by_small = (x <= 1.1) & jnp.where(x < 0.5, a < -0.4 / jnp.log(jnp.minimum(x, 0.5)), a < 0.75 * x)
    by_series = ~(by_fraction | by_small)
    factor = gamma_factor(a, x)

    def more_series(state):
        total, term, n = state
        return (term > _EPSILON * total) & (n < _MOST)

    def series(state):
        total, term, n = state
        term = term * x / (a + n)
        return total + term, term, n + 1.0

    total, _, _ = while_loop(
        more_series, series, (1.0 + 0.0 * x, jnp.where(by_series, 1.0, 0.0) + 0.0 * x, 1.0)
    )

    def fraction(a, state, n):  # Lentz's method for the fraction of DLMF 8.9.2
        value, c, d, _ = state
        b = x + 1.0 - a + 2.0 * n
        numerator = n * (a - n)
        d = 1.0 / _away(b + numerator * d)
        c = _away(b + numerator / c)
        return value * (c * d), c, d, c * d

    start = jnp.where(by_fraction, x + 1.0 - a, 1.0)
    begin = (1.0 / start, 1.0 / _TINY + 0.0 * x, 1.0 / start, jnp.where(by_fraction, 2.0, 1.0) + 0.0 * x)
    ratio = until_constant(fraction, begin, a, slopes)

    def more_small(state):
        total, term, n = state
        return (jnp.abs(term) > _EPSILON) & (n < 60.0)

    def small(state):
        total, term, n = state
        term = -term * x / n
        return total + term * a / (a + n), term, n + 1.0

    rest = while_loop(more_small, small, (0.0 * x, jnp.where(by_small, 1.0, 0.0) + 0.0 * x, 1.0))[0]
    a_small, x_small = jnp.where(by_small, a, 0.5), jnp.where(by_small, x, 0.5)
    logarithm = a_small * jnp.log(x_small) - lgamma1p(a_small)
    q_small = -jnp.expm1(logarithm) - jnp.exp(logarithm) * rest
    p_series, q_fraction = factor * total, factor * a * ratio
    p = jnp.where(by_series, p_series, 1.0 - jnp.where(by_fraction, q_fraction, q_small))
    q = jnp.where(by_series, 1.0 - p_series, jnp.where(by_fraction, q_fraction, q_small))
    return p, q


def until_constant(fraction, begin, parameter, slopes: bool = False):
    """Run ``fraction(parameter, state, n)`` until its last factor is 1; return its first value.

    With a whole ``parameter`` a fraction ends, but its derivative by it does not. For ``slopes`` a second fraction runs
    beside the first, for a parameter that is not whole, and says how many steps are needed.
    """
    parameters = [parameter]
    if slopes:
        distance = parameter - jnp.round(parameter)
        parameters.append(
            stop_gradient(jnp.where(jnp.abs(distance) < 0.25, parameter - distance + 0.5, parameter))
        )

    def more(carry):
        states, n = carry
        changes = [jnp.abs(state[3] - 1.0) > 1e-16 for state in states]
        return functools.reduce(operator.or_, changes) & (n < _MOST)

    def step(carry):
        states, n = carry
        return tuple(fraction(p, state, n) for p, state in zip(parameters, states, strict=True)), n + 1.0

    states, _ = while_loop(more, step, ((begin,) * len(parameters), 1.0))
    return states[0][0]


def _away(x):
    """Keep a denominator of Lentz's method from being 0."""
    return jnp.where(jnp.abs(x) < _TINY, _TINY, x)


_gamma_elements = elements(lambda a, x: _gamma_pair(a, x))
_gamma_by_a = slope_of(lambda a, x: _gamma_pair(a, x, slopes=True)[1], 0)


def _inside_gamma(a, x):
    """Return where loops are needed, and operands that are harmless elsewhere."""
    # Each by itself: what is computed of a constant parameter alone is computed once.
    a_inside, x_inside = (a > 0) & (a < jnp.inf), (x > 0) & (x < jnp.inf)
    return a_inside & x_inside, jnp.where(a_inside, a, 1.0), jnp.where(x_inside, x, 1.0)


def _gamma_ratio(a, x, part: int):
    inside, a_safe, x_safe = _inside_gamma(a, x)
    value = _gamma_elements(a_safe, x_safe)[part]
    bad = (
        (a < 0)
        | (x < 0)
        | jnp.isnan(a)
        | jnp.isnan(x)
        | ((a == 0) & (x == 0))
        | (jnp.isinf(a) & jnp.isinf(x))
    )
    # P is 0 at x = 0 and a = ∞, and 1 at x = ∞ and a = 0.
    is_zero = (x == 0) | jnp.isinf(a)
    edge = jnp.where(is_zero, 0.0, 1.0) if part == 0 else jnp.where(is_zero, 1.0, 0.0)
    return jnp.where(inside, value, jnp.where(bad, jnp.nan, edge))


def _gamma_density(a, x):
    """xᵃ⁻¹·exp(-x)/Γ(a)."""
    inside, a_safe, x_safe = _inside_gamma(a, x)
    at_zero = jnp.where(a < 1.0, jnp.inf, jnp.where(a == 1.0, 1.0, 0.0))
    value = gamma_factor(a_safe, x_safe) * a_safe / x_safe
    return jnp.where(inside, value, jnp.where(x == 0, at_zero, 0.0))


def _gamma_slope_a(a, x):
    inside, a_safe, x_safe = _inside_gamma(a, x)
    return jnp.where(inside, _gamma_by_a(a_safe, x_safe), 0.0)


@rule(lambda ans, a, x: -_gamma_slope_a(a, x), lambda ans, a, x: _gamma_density(a, x))
def gammainc(a, x):
    """P(a, x)."""
    return _gamma_ratio(a, x, 0)


@rule(lambda ans, a, x: _gamma_slope_a(a, x), lambda ans, a, x: -_gamma_density(a, x))
def gammaincc(a, x):
    """Q(a, x)."""
    return _gamma_ratio(a, x, 1)


def _by_newton(start, tail, is_low):
    """Solve for u, where ``tail(u)`` is the logarithm of a tail less its target, and its slope.

    Both tails of the logarithm of a gamma variable are log-concave, and so are those of the logit of a beta variable:
    Newton's method converges from everywhere where they do not underflow. Elsewhere intervals are halved.
    """

    def step(state):
        u, low, high, _, n = state
        value, slope = tail(u)
        is_right = jnp.where(is_low, value < 0.0, value > 0.0)
        low, high = jnp.where(is_right, u, low), jnp.where(is_right, high, u)
        change = jnp.clip(value / slope, -50.0, 50.0)
        change = jnp.where(jnp.isnan(change), jnp.inf, change)
        inside = (u - change >= low) & (u - change <= high)
        middle = jnp.where(
            jnp.isinf(low) | jnp.isinf(high), jnp.where(is_right, u + 4.0, u - 4.0), 0.5 * (low + high)
        )
        accepted = (inside & (change < jnp.inf)) | (jnp.abs(change) <= 1e-13 * (1.0 + jnp.abs(u)))
        following = jnp.where(accepted, u - change, middle)
        return following, low, high, jnp.abs(following - u), n + 1.0

    def more(state):
        u, _, _, change, n = state
        return (change > 1e-15 * (1.0 + jnp.abs(u))) & (n < 200.0)

    zero = 0.0 * start
    return while_loop(more, step, (start, zero - jnp.inf, zero + jnp.inf, zero + 1.0, zero))[0]


def _gamma_inverse_number(a, p, q):
    """The x > 0 where P(a, x) = p and Q(a, x) = q, for numbers a, p, q > 0 and p + q = 1."""
    is_low = p < q
    target = jnp.log(jnp.where(is_low, p, q))
    # Wilson and Hilferty's cube, and for small a the first term of the series.
    z = jnp.where(is_low, 1.0, -1.0) * ndtri(jnp.where(is_low, p, q))
    cube = 1.0 - 1.0 / (9.0 * a) + z / (3.0 * jnp.sqrt(a))
    by_cube = jnp.log(a) + 3.0 * jnp.log(jnp.maximum(cube, 0.05))
    by_power = (jnp.log(p) + lgamma1p(a)) / a
    start = jnp.where(a < 1.0, jnp.minimum(by_power, 0.0), by_cube)
    start = jnp.where((a >= 1.0) & (cube < 0.3), by_power, start)

    def tail(u):
        x = jnp.exp(jnp.maximum(u, -700.0))
        low, high = _gamma_pair(a, x)
        density = gamma_factor(a, x) * a
        value = jnp.where(is_low, low, high)
        return jnp.log(value) - target, jnp.where(is_low, density, -density) / value

    u = jnp.where(start < -690.0, start, _by_newton(jnp.maximum(start, -690.0), tail, is_low))
    return jnp.exp(u)


_gamma_inverse_elements = elements(_gamma_inverse_number)


def _gamma_inverse(a, p, q):
    inside = (a > 0) & (a < jnp.inf) & (p > 0) & (q > 0)
    value = _gamma_inverse_elements(*(jnp.where(inside, v, 0.5) for v in (a, p, q)))
    edge = jnp.where(p == 0, 0.0, jnp.where(q == 0, jnp.inf, jnp.nan))
    return jnp.where(inside, value, jnp.where((a > 0) & (p >= 0) & (q >= 0), edge, jnp.nan))


@rule(
    lambda ans, a, p: _gamma_slope_a(a, ans) / _gamma_density(a, ans),
    lambda ans, a, p: 1.0 / _gamma_density(a, ans),
)
def gammaincinv(a, p):
    """The x where P(a, x) = p."""
    return _gamma_inverse(a, p, 1.0 - p)


@rule(
    lambda ans, a, q: _gamma_slope_a(a, ans) / _gamma_density(a, ans),
    lambda ans, a, q: -1.0 / _gamma_density(a, ans),
)
def gammainccinv(a, q):
    """The x where Q(a, x) = q."""
    return _gamma_inverse(a, 1.0 - q, q)


# --- beta -----------------------------------------------------------------------------------------------


def _beta_factor(a, b, x, y):
    """xᵃ·yᵇ/B(a, b), x + y = 1; around its maximum at x = a/(a + b), as the gamma factor is around a."""
    u, v = (b * x - a * y) / a, (a * y - b * x) / b
    # 1 + u and 1 + v as products; without them far tails would lose digits.
    exponent = a * _log_ratio(x * (1.0 + b / a), u) + b * _log_ratio(y * (1.0 + a / b), v)
    exponent = exponent + stirling(a + b) - stirling(a) - stirling(b)
    scale = jnp.sqrt(jnp.minimum(a, b) / (2 * math.pi * (1.0 + jnp.minimum(a, b) / jnp.maximum(a, b))))
    return scale * jnp.exp(exponent)


def _beta_ratio(a, b, x, slopes=False, y=None):
    """I_x(a, b) for numbers a, b > 0 and 0 < x < 1; ``y`` is 1 - x, if that is known better."""
    swapped = x > (a + 1.0) / (a + b + 2.0)
    y = 1.0 - x if y is None else y
    a, b = jnp.where(swapped, b, a), jnp.where(swapped, a, b)
    x, y = jnp.where(swapped, y, x), jnp.where(swapped, x, y)

    def fraction(b, state, m):  # two steps of Lentz's method for the fraction of DLMF 8.17.22
        value, c, d, _ = state
        twice = a + 2.0 * m
        numerator = m * (b - m) * x / ((twice - 1.0) * twice)
        d = 1.0 / _away(1.0 + numerator * d)
        c = _away(1.0 + numerator / c)
        value = value * (c * d)
        numerator = -(a + m) * (a + b + m) * x / (twice * (twice + 1.0))
        d = 1.0 / _away(1.0 + numerator * d)
        c = _away(1.0 + numerator / c)
        return value * (c * d), c, d, c * d

    d = 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    value = until_constant(fraction, (d, 1.0 + 0.0 * x, d, 2.0 + 0.0 * x), b, slopes)
    value = _beta_factor(a, b, x, y) * value / a
    return jnp.where(swapped, 1.0 - value, value)


_beta_elements = elements(lambda a, b, x: _beta_ratio(a, b, x))
_beta_by_a, _beta_by_b = (
    slope_of(lambda a, b, x: _beta_ratio(a, b, x, slopes=True), position) for position in (0, 1)
)


def _inside_beta(a, b, x):
    a_inside, b_inside = (a > 0) & (a < jnp.inf), (b > 0) & (b < jnp.inf)
    x_inside = (x > 0) & (x < 1)
    inside = a_inside & b_inside & x_inside
    return inside, jnp.where(a_inside, a, 1.0), jnp.where(b_inside, b, 1.0), jnp.where(x_inside, x, 0.5)


def _beta_density(ans, a, b, x):
    """xᵃ⁻¹·(1 - x)ᵇ⁻¹/B(a, b)."""
    inside, a_safe, b_safe, x_safe = _inside_beta(a, b, x)
    y_safe = 1.0 - x_safe
    value = _beta_factor(a_safe, b_safe, x_safe, y_safe) / (x_safe * y_safe)
    at_zero = jnp.where(a < 1, jnp.inf, jnp.where(a == 1, b, 0.0))
    at_one = jnp.where(b < 1, jnp.inf, jnp.where(b == 1, a, 0.0))
    return jnp.where(inside, value, jnp.where(x == 0, at_zero, jnp.where(x == 1, at_one, 0.0)))


def _beta_slope(by_parameter):
    def slope(ans, a, b, x):
        inside, a_safe, b_safe, x_safe = _inside_beta(a, b, x)
        return jnp.where(inside, by_parameter(a_safe, b_safe, x_safe), 0.0)

    return slope


@rule(_beta_slope(_beta_by_a), _beta_slope(_beta_by_b), _beta_density)
def betainc(a, b, x):
    """I_x(a, b)."""
    inside, a_safe, b_safe, x_safe = _inside_beta(a, b, x)
    value = _beta_elements(a_safe, b_safe, x_safe)
    bad = (a < 0) | (b < 0) | ~((x >= 0) & (x <= 1)) | jnp.isnan(a) | jnp.isnan(b)
    bad = bad | ((a == 0) & (b == 0)) | (jnp.isinf(a) & jnp.isinf(b))
    # All of the mass is at 0 for a = 0 or b = ∞, at 1 for b = 0 or a = ∞.
    at_zero = ((a == 0) | jnp.isinf(b)) & (x > 0)
    edge = jnp.where(at_zero | (x == 1), 1.0, 0.0)
    return jnp.where(inside, value, jnp.where(bad, jnp.nan, edge))


def _beta_inverse_number(a, b, p):
    """The x between 0 and 1 where I_x(a, b) = p, for numbers a, b > 0 and 0 < p < 1."""
    q = 1.0 - p
    is_low = p < q
    target = jnp.log(jnp.where(is_low, p, q))
    z = jnp.where(is_low, 1.0, -1.0) * ndtri(jnp.where(is_low, p, q))
    by_normal = jnp.log(a / b) + z * jnp.sqrt(1.0 / a + 1.0 / b)
    # The first terms of the series at both ends.
    logarithm = _beta_logarithm(a, b)
    by_low = (jnp.log(p * a) + logarithm) / a
    by_high = -(jnp.log(q * b) + logarithm) / b
    start = jnp.where(
        is_low & (a < 1.0),
        jnp.minimum(by_low, by_normal),
        jnp.where(~is_low & (b < 1.0), jnp.maximum(by_high, by_normal), by_normal),
    )

    def tail(u):
        u = jnp.clip(u, -700.0, 700.0)
        x, y = 1.0 / (1.0 + jnp.exp(-u)), 1.0 / (1.0 + jnp.exp(u))
        density = _beta_factor(a, b, x, y)
        first, second = jnp.where(is_low, a, b), jnp.where(is_low, b, a)
        value = _beta_ratio(first, second, jnp.where(is_low, x, y), y=jnp.where(is_low, y, x))
        return jnp.log(value) - target, jnp.where(is_low, density, -density) / value

    inside = jnp.abs(start) < 690.0
    u = jnp.where(inside, _by_newton(jnp.where(inside, start, 0.0), tail, is_low), start)
    return 1.0 / (1.0 + jnp.exp(-u))


_beta_inverse_elements = elements(_beta_inverse_number)


@rule(
    lambda ans, a, b, p: -_beta_slope(_beta_by_a)(None, a, b, ans) / _beta_density(None, a, b, ans),
    lambda ans, a, b, p: -_beta_slope(_beta_by_b)(None, a, b, ans) / _beta_density(None, a, b, ans),
    lambda ans, a, b, p: 1.0 / _beta_density(None, a, b, ans),
)
def betaincinv(a, b, p):
    """The x where I_x(a, b) = p."""
    valid = (a > 0) & (b > 0) & (a < jnp.inf) & (b < jnp.inf) & (p >= 0) & (p <= 1)
    inside = valid & (p > 0) & (p < 1)
    value = _beta_inverse_elements(*(jnp.where(inside, v, 0.5) for v in (a, b, p)))
    return jnp.where(inside, value, jnp.where(valid, p, jnp.nan))


def _beta_logarithm(a, b):
    """log B(a, b), a, b > 0: no differences of large logarithms."""
    small, large = jnp.minimum(a, b), jnp.maximum(a, b)
    ratio = small / large
    rest = stirling(a) + stirling(b) - stirling(a + b)
    exponent = small * (jnp.log1p(ratio) - jnp.log(ratio)) + large * jnp.log1p(ratio)
    return 0.5 * jnp.log(2 * math.pi) + 0.5 * (jnp.log1p(ratio) - jnp.log(small)) - exponent + rest


def log_beta(a, b):
    """log|B(a, b)| of any numbers."""
    inside = (a > 0) & (b > 0) & (a < jnp.inf) & (b < jnp.inf)
    value = _beta_logarithm(jnp.where(inside, a, 1.0), jnp.where(inside, b, 1.0))
    return jnp.where(inside, value, lgamma(a) + lgamma(b) - lgamma(a + b))
