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
from jaxlite.ops.special import digamma
from jaxlite.ops.structural import stop_gradient
from jaxlite.scipy._rules import elements, rule
from jaxlite.scipy._univariate import (
    erfcx,
    gammasgn,
    horner,
    lgamma1p,
    lgamma_step,
    log1pmx,
    ndtri,
    sinpi,
    stirling,
)

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

# Powers of η in cₖ(η), k = 0 … 6 (DLMF 8.12.9 to 8.12.12), as many as count where a >= 200 and |η| <= 0.34.
_UNIFORM = (
    (
        -0.3333333333333333, 0.08333333333333333, -0.014814814814814815, 0.0011574074074074073,
        0.0003527336860670194, -0.0001787551440329218, 3.919263178522438e-05, -2.185448510679992e-06,
        -1.85406221071516e-06, 8.296711340953087e-07, -1.7665952736826078e-07, 6.707853543401498e-09,
        1.0261809784240309e-08, -4.382036018453353e-09, 9.14769958223679e-10,
    ),
    (
        -0.001851851851851852, -0.003472222222222222, 0.0026455026455026454, -0.0009902263374485596,
        0.00020576131687242798, -4.018775720164609e-07, -1.8098550334489977e-05, 7.64916091608111e-06,
        -1.6120900894563446e-06, 4.647127802807434e-09, 1.378633446915721e-07, -5.752545603517705e-08,
        1.1951628599778148e-08,
    ),
    (
        0.004133597883597883, -0.0026813271604938273, 0.0007716049382716049, 2.0093878600823047e-06,
        -0.0001073665322636516, 5.2923448829120125e-05, -1.2760635188618728e-05, 3.423578734096138e-08,
        1.3721957309062934e-06, -6.298992138380055e-07, 1.4280614206064242e-07,
    ),
    (
        0.0006494341563786008, 0.00022947209362139917, -0.0004691894943952557, 0.00026772063206283885,
        -7.561801671883977e-05, -2.396505113867297e-07, 1.1082654115347302e-05, -5.6749528269915965e-06,
        1.4230900732435883e-06,
    ),
    (
        -0.0008618882909167117, 0.0007840392217200666, -0.0002990724803031902, -1.4638452578843418e-06,
        6.641498215465122e-05, -3.968365047179435e-05, 1.1375726970678419e-05,
    ),
    (
        -0.00033679855336635813, -6.972813758365857e-05, 0.0002772753244959392, -0.00019932570516188847,
    ),
    (0.0005313079364639922,),
)  # fmt: skip
_UNIFORM_FROM, _UNIFORM_WIDTH = 200.0, 0.3


def _log_ratio(r, u):
    """log(r) - u for r = 1 + u, which near 0 knows r better than u."""
    low = r < 0.5
    return jnp.where(low, jnp.log(jnp.where(low, r, 0.5)) - u, log1pmx(jnp.where(low, 0.0, u)))


def gamma_factor(a, x, u=None):
    """xᵃ·exp(-x)/Γ(a + 1), x > 0; ``u`` is (x - a)/a, if that is known better."""
    return scaled_gamma_factor(a, x, 0.0, u)


def scaled_gamma_factor(a, x, growth, u=None):
    """exp(growth)·xᵃ·exp(-x)/Γ(a + 1), where only the product may be a number."""
    low = a < 1.0
    large = jnp.where(low, 1.0, a)
    exponent = large * _log_ratio(x / large, (x - large) / large if u is None else u)
    by_stirling = jnp.exp(exponent - stirling(large) + growth) / (math.sqrt(2 * math.pi) * jnp.sqrt(large))
    small = jnp.where(low, a, 0.5)
    return jnp.where(low, jnp.power(x, small) * jnp.exp(growth - x - lgamma1p(small)), by_stirling)


def _gamma_uniform(a, u):
    """The smaller one of P and Q at x = a·(1 + u), by Temme's expansion for large a (DLMF 8.12.3, 8.12.4, 8.12.7)."""
    # η²/2 = u - log(1 + u) = u²·half, the series of `log1pmx` over -u².
    s = u / (2.0 + u)
    half = 1.0 / (2.0 + u) - 2.0 * s * horner([1.0 / (2 * k + 3) for k in range(12)], s * s) / (2.0 + u) ** 2
    eta = u * jnp.sqrt(2.0 * half)
    inverse = 1.0 / a
    total = horner([horner(row, eta) for row in _UNIFORM], inverse)
    # Both parts with their common factor in front: exp of a rounded square would cost digits in the tails.
    right = u >= 0.0
    y = jnp.where(right, eta, -eta) * jnp.sqrt(0.5 * a)
    correction = total * jnp.sqrt(inverse) / math.sqrt(2 * math.pi)
    return jnp.exp(-a * (half * u * u)) * (0.5 * erfcx(y) + jnp.where(right, correction, -correction))


def _gamma_pair(a, x, slopes=False, u=None):
    """P(a, x) and Q(a, x) for numbers a > 0 and 0 < x < ∞; ``u`` is (x - a)/a, if that is known better."""
    u = (x - a) / a if u is None else u
    # Series and fraction take √a steps there, and for a = 1e10 end before they converge.
    by_expansion = (a >= _UNIFORM_FROM) & (jnp.abs(u) < _UNIFORM_WIDTH)
    by_fraction = (x > 1.1) & (x > a) & ~by_expansion
    # Where Q may be the small one although x is: its own series, DLMF 8.7.3.
    by_small = (x <= 1.1) & jnp.where(x < 0.5, a < -0.4 / jnp.log(jnp.minimum(x, 0.5)), a < 0.75 * x)
    by_series = ~(by_fraction | by_small | by_expansion)
    factor = gamma_factor(a, x, u)

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
    expansion = _gamma_uniform(jnp.where(by_expansion, a, _UNIFORM_FROM), jnp.where(by_expansion, u, 0.1))
    p_is_small = by_series | (by_expansion & (u < 0.0))
    small = jnp.where(
        by_expansion, expansion, jnp.where(by_series, p_series, jnp.where(by_fraction, q_fraction, q_small))
    )
    return jnp.where(p_is_small, small, 1.0 - small), jnp.where(p_is_small, 1.0 - small, small)


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
    # For large a the unknown is log(x/a): of log x the last digits would be more than the width of the distribution.
    relative = a >= _UNIFORM_FROM
    scale = jnp.where(relative, a, 1.0)
    # Wilson and Hilferty's cube, and for small a the first term of the series.
    z = jnp.where(is_low, 1.0, -1.0) * ndtri(jnp.where(is_low, p, q))
    excess = z / (3.0 * jnp.sqrt(a)) - 1.0 / (9.0 * a)
    by_cube = jnp.log(a / scale) + 3.0 * jnp.log1p(jnp.maximum(excess, -0.95))
    by_power = (jnp.log(p) + lgamma1p(a)) / a - jnp.log(scale)
    start = jnp.where(a < 1.0, jnp.minimum(by_power, 0.0), by_cube)
    start = jnp.where((a >= 1.0) & (excess < -0.7), by_power, start)

    def tail(u):
        x = scale * jnp.exp(jnp.maximum(u, -700.0))
        distance = jnp.where(relative, jnp.expm1(u), (x - a) / a)
        low, high = _gamma_pair(a, x, u=distance)
        density = gamma_factor(a, x, distance) * a
        value = jnp.where(is_low, low, high)
        return jnp.log(value) - target, jnp.where(is_low, density, -density) / value

    u = jnp.where(start < -690.0, start, _by_newton(jnp.maximum(start, -690.0), tail, is_low))
    return scale * jnp.exp(u)


_gamma_inverse_elements = elements(_gamma_inverse_number)


def _gamma_inverse(a, p, q):
    inside = (a > 0) & (a < jnp.inf) & (p > 0) & (q > 0)
    value = _gamma_inverse_elements(*(jnp.where(inside, v, 0.5) for v in (a, p, q)))
    edge = jnp.where(p == 0, 0.0, jnp.where(q == 0, jnp.inf, jnp.nan))
    return jnp.where(inside, value, jnp.where((a >= 0) & (p >= 0) & (q >= 0), edge, jnp.nan))


def _normal_quantile(a, p, q):
    """Return where the quantile x is a + z·√a + (z² - 1)/3 but for a part of 1/a (DLMF 8.12.18), and z."""
    # There the last digits of x are many for the slopes at it: 1e-10 of the width of the distribution for a = 1e12.
    is_normal = (a > 1e12) & (a < jnp.inf) & (p > 0) & (q > 0)
    is_low = p < q
    z = jnp.where(is_low, 1.0, -1.0) * ndtri(jnp.where(is_normal, jnp.where(is_low, p, q), 0.5))
    return is_normal, z


def _gamma_quantile_by_a(x, a, p, q):
    is_normal, z = _normal_quantile(a, p, q)
    # At 0, where the density may be 0 as well, the quantile remains.
    zero = x == 0
    slope = jnp.where(zero, 0.0, _gamma_slope_a(a, x) / _gamma_density(a, jnp.where(zero, 1.0, x)))
    return jnp.where(is_normal, 1.0 + 0.5 * z / jnp.sqrt(a), slope)


def _gamma_quantile_by_p(x, a, p, q):
    is_normal, z = _normal_quantile(a, p, q)
    slope = (jnp.sqrt(a) + z / 1.5) * (math.sqrt(2 * math.pi) * jnp.exp(0.5 * z * z))
    return jnp.where(is_normal, slope, 1.0 / _gamma_density(a, x))


@rule(
    lambda ans, a, p: _gamma_quantile_by_a(ans, a, p, 1.0 - p),
    lambda ans, a, p: _gamma_quantile_by_p(ans, a, p, 1.0 - p),
)
def gammaincinv(a, p):
    """The x where P(a, x) = p."""
    return _gamma_inverse(a, p, 1.0 - p)


@rule(
    lambda ans, a, q: _gamma_quantile_by_a(ans, a, 1.0 - q, q),
    lambda ans, a, q: -_gamma_quantile_by_p(ans, a, 1.0 - q, q),
)
def gammainccinv(a, q):
    """The x where Q(a, x) = q."""
    return _gamma_inverse(a, 1.0 - q, q)


# --- beta -----------------------------------------------------------------------------------------------


def _beta_factor(a, b, x, y):
    """xᵃ·yᵇ/B(a, b), x + y = 1; around its maximum at x = a/(a + b), as the gamma factor is around a."""
    # minimum and maximum would halve the slopes of equal parameters.
    is_larger = a >= b
    small, large = jnp.where(is_larger, b, a), jnp.where(is_larger, a, b)
    low = small < 1.0
    a_safe, b_safe = jnp.where(low, 2.0, a), jnp.where(low, 2.0, b)
    u, v = (b_safe * x - a_safe * y) / a_safe, (a_safe * y - b_safe * x) / b_safe
    # 1 + u and 1 + v as products; without them far tails would lose digits.
    exponent = a_safe * _log_ratio(x * (1.0 + b_safe / a_safe), u)
    exponent = exponent + b_safe * _log_ratio(y * (1.0 + a_safe / b_safe), v)
    exponent = exponent + stirling(a_safe + b_safe) - stirling(a_safe) - stirling(b_safe)
    least, most = jnp.where(low, 2.0, small), jnp.where(low, 2.0, large)
    scale = jnp.sqrt(least / (2 * math.pi * (1.0 + least / most)))
    # Below 1 the maximum is at an end, and 1/B about the smaller parameter.
    of_large, of_small = jnp.where(is_larger, x, y), jnp.where(is_larger, y, x)
    at_end = large * _log_part(of_large, of_small) + small * _log_part(of_small, of_large)
    small_low = jnp.where(low, small, 0.5)
    at_end = at_end + lgamma_step(jnp.where(low, large, 2.0), small_low) - lgamma1p(small_low)
    return jnp.where(low, small_low, scale) * jnp.exp(jnp.where(low, at_end, exponent))


def _log_part(x, y):
    """log(x) for x + y = 1, where both are known with all digits."""
    low = x < 0.5
    return jnp.where(low, jnp.log(jnp.where(low, x, 0.5)), jnp.log1p(jnp.where(low, -0.5, -y)))


def _beta_pair(a, b, x, y, slopes=False):
    """I_x(a, b) and 1 - I_x(a, b) for numbers a, b > 0 and 0 < x < 1, y = 1 - x."""
    swapped = x > (a + 1.0) / (a + b + 2.0)
    a, b = jnp.where(swapped, b, a), jnp.where(swapped, a, b)
    x, y = jnp.where(swapped, y, x), jnp.where(swapped, x, y)
    # Most of the mass may be left of x: what is right of it has a series of its own, as Q has.
    by_series = a < 0.5

    def more(state):
        _, _, size, n = state
        return (size > 1e-18) & (n < 200.0)

    def series(state):  # DLMF 8.17.7
        total, term, size, n = state
        ratio = x / n
        term = term * ((n - b) * ratio)
        # A factor that is zero ends the series, but not its derivative.
        return total + term / (a + n), term, size * jnp.maximum(jnp.abs(n - b), 0.5) * ratio, n + 1.0

    begin = (0.0 * x, 1.0 + 0.0 * x, jnp.where(by_series, 1.0, 0.0) + 0.0 * x, 1.0)
    a_safe = jnp.where(by_series, a, 0.25)
    rest = a_safe * while_loop(more, series, begin)[0]
    logarithm = a_safe * _log_part(x, y) + lgamma_step(b, a_safe) - lgamma1p(a_safe)
    power = jnp.exp(logarithm)

    def denominator(b, n):
        gap = a * y - b * x + 1.0 + n * (1.0 + y)
        return n + n * (b - n) * x / (a + 2.0 * n - 1.0) + (a + n) * gap / (a + 2.0 * n + 1.0)

    def fraction(b, state, n):
        value, c, d, _ = state
        ratio = x / (a + 2.0 * n - 1.0)
        numerator = (a + n - 1.0) * (a + b + n - 1.0) * n * (b - n) * ratio * ratio
        below = denominator(b, n)
        d = 1.0 / _away(below + numerator * d)
        c = _away(below + numerator / c)
        return value * (c * d), c, d, c * d

    # Every other convergent of DLMF 8.17.22, with a·y - b·x written out: its own terms lose what 1 - x does, 4e-12 for
    # a = 6e4.
    start = 1.0 / (a * (a * y - b * x + 1.0) / (a + 1.0))
    begin = (start, 1.0 / _TINY + 0.0 * x, start, jnp.where(by_series, 1.0, 2.0) + 0.0 * x)
    by_fraction = _beta_factor(a, b, x, y) * until_constant(fraction, begin, b, slopes)
    left = jnp.where(by_series, power * (1.0 + rest), by_fraction)
    right = jnp.where(by_series, -jnp.expm1(logarithm) - power * rest, 1.0 - by_fraction)
    return jnp.where(swapped, right, left), jnp.where(swapped, left, right)


_beta_elements = elements(_beta_pair)
_beta_by_a, _beta_by_b = (
    slope_of(lambda a, b, x: _beta_pair(a, b, x, 1.0 - x, slopes=True)[0], position) for position in (0, 1)
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


def _beta_ratio(a, b, x, part: int):
    inside, a_safe, b_safe, x_safe = _inside_beta(a, b, x)
    value = _beta_elements(a_safe, b_safe, x_safe, 1.0 - x_safe)[part]
    bad = (a < 0) | (b < 0) | ~((x >= 0) & (x <= 1)) | jnp.isnan(a) | jnp.isnan(b)
    bad = bad | ((a == 0) & (b == 0)) | (jnp.isinf(a) & jnp.isinf(b))
    # All of the mass is at 0 for a = 0 or b = ∞, at 1 for b = 0 or a = ∞.
    is_left = (((a == 0) | jnp.isinf(b)) & (x > 0)) | (x == 1)
    edge = jnp.where(is_left, 1.0, 0.0) if part == 0 else jnp.where(is_left, 0.0, 1.0)
    return jnp.where(inside, value, jnp.where(bad, jnp.nan, edge))


@rule(_beta_slope(_beta_by_a), _beta_slope(_beta_by_b), _beta_density)
def betainc(a, b, x):
    """I_x(a, b)."""
    return _beta_ratio(a, b, x, 0)


@rule(
    lambda ans, a, b, x: -_beta_slope(_beta_by_a)(ans, a, b, x),
    lambda ans, a, b, x: -_beta_slope(_beta_by_b)(ans, a, b, x),
    lambda ans, a, b, x: -_beta_density(ans, a, b, x),
)
def betaincc(a, b, x):
    """1 - I_x(a, b)."""
    return _beta_ratio(a, b, x, 1)


# Where the logit of a beta variable ends for Newton's method: exp(-690) is 3e-300.
_END = 690.0


def _beta_inverse_number(a, b, p, q):
    """The x between 0 and 1 where I_x(a, b) = p, for numbers a, b, p, q > 0 and p + q = 1."""
    is_low = p < q
    target = jnp.log(jnp.where(is_low, p, q))
    z = jnp.where(is_low, 1.0, -1.0) * ndtri(jnp.where(is_low, p, q))
    by_normal = jnp.log(a / b) + z * jnp.sqrt(1.0 / a + 1.0 / b)
    # The first terms of the series at both ends.
    logarithm = _beta_logarithm(a, b)
    by_low = (jnp.log(p) + jnp.log(a) + logarithm) / a
    by_high = -(jnp.log(q) + jnp.log(b) + logarithm) / b
    start = jnp.where(
        is_low & (a < 1.0),
        jnp.minimum(by_low, by_normal),
        jnp.where(~is_low & (b < 1.0), jnp.maximum(by_high, by_normal), by_normal),
    )

    def tail(u):
        u = jnp.clip(u, -700.0, 700.0)
        x, y = 1.0 / (1.0 + jnp.exp(-u)), 1.0 / (1.0 + jnp.exp(u))
        density = _beta_factor(a, b, x, y)
        value = jnp.where(is_low, *_beta_pair(a, b, x, y))
        return jnp.log(value) - target, jnp.where(is_low, density, -density) / value

    # So close to an end the first term is all of the series: most of the mass may be there.
    u = _by_newton(jnp.clip(start, -_END, _END), tail, is_low)
    u = jnp.where(by_low < -_END, by_low, jnp.where(by_high > _END, by_high, u))
    return 1.0 / (1.0 + jnp.exp(-u))


_beta_inverse_elements = elements(_beta_inverse_number)


def _beta_inverse(a, b, p, q):
    valid = (a > 0) & (b > 0) & (a < jnp.inf) & (b < jnp.inf) & (p >= 0) & (q >= 0)
    inside = valid & (p > 0) & (q > 0)
    value = _beta_inverse_elements(*(jnp.where(inside, v, 0.5) for v in (a, b, p, q)))
    return jnp.where(inside, value, jnp.where(valid, p, jnp.nan))


def _beta_quantile_by(slope_of_ratio):
    return lambda x, a, b, p: -slope_of_ratio(None, a, b, x) / _beta_density(None, a, b, x)


_beta_quantile_by_a, _beta_quantile_by_b = map(
    _beta_quantile_by, (_beta_slope(_beta_by_a), _beta_slope(_beta_by_b))
)


@rule(_beta_quantile_by_a, _beta_quantile_by_b, lambda ans, a, b, p: 1.0 / _beta_density(None, a, b, ans))
def betaincinv(a, b, p):
    """The x where I_x(a, b) = p."""
    return _beta_inverse(a, b, p, 1.0 - p)


@rule(_beta_quantile_by_a, _beta_quantile_by_b, lambda ans, a, b, q: -1.0 / _beta_density(None, a, b, ans))
def betainccinv(a, b, q):
    """The x where 1 - I_x(a, b) = q."""
    return _beta_inverse(a, b, 1.0 - q, q)


def _beta_logarithm(a, b):
    """log B(a, b), a, b > 0: no differences of large logarithms."""
    is_larger = a >= b
    small, large = jnp.where(is_larger, b, a), jnp.where(is_larger, a, b)
    low = small < 1.0
    small_low = jnp.where(low, small, 0.5)
    near_pole = lgamma1p(small_low) - jnp.log(small_low) - lgamma_step(jnp.where(low, large, 2.0), small_low)
    small, large = jnp.where(low, 2.0, small), jnp.where(low, 2.0, large)
    ratio = small / large
    rest = stirling(small) + stirling(large) - stirling(small + large)
    exponent = small * (jnp.log1p(ratio) - jnp.log(ratio)) + large * jnp.log1p(ratio)
    value = 0.5 * math.log(2 * math.pi) + 0.5 * (jnp.log1p(ratio) - jnp.log(small)) - exponent + rest
    return jnp.where(low, near_pole, value)


def _is_pole(x):
    return (x <= 0) & (x == jnp.floor(x))


def half_turns(x):
    """x less the nearest even number: exact, so that sin(π·(x + y)) knows a sum that is almost whole."""
    return x - 2.0 * jnp.round(0.5 * x)


def log_beta(a, b):
    """log|B(a, b)| of any numbers."""
    above, below = jnp.maximum(a, b), jnp.minimum(a, b)
    total = a + b
    # Γ(z)·Γ(1 - z) = π/sin(πz) turns each negative number around: what is left is B of two positive ones, or 1/B.
    positive, one_turned, both_turned = below > 0, total > 0, above < 0
    first = jnp.where(positive, below, jnp.where(one_turned | both_turned, 1.0 - below, above))
    second = jnp.where(
        positive, above, jnp.where(one_turned, total, jnp.where(both_turned, 1.0 - above, 1.0 - total))
    )
    inside = (first > 0) & (second > 0) & (second < jnp.inf) & (first < jnp.inf)
    value = _beta_logarithm(jnp.where(inside, first, 1.0), jnp.where(inside, second, 1.0))
    sine_total = jnp.abs(sinpi(half_turns(a) + half_turns(b)))
    sine_below, sine_above = jnp.abs(sinpi(below)), jnp.abs(sinpi(above))
    # Where both sines of a quotient are 0, so are both factors: it is 1.
    turned = jnp.where(
        one_turned,
        math.pi / (sine_below * above),
        jnp.where(
            both_turned,
            math.pi * sine_total / (sine_below * sine_above * (1.0 - total)),
            jnp.where((sine_below == 0) & (sine_total == 0), 1.0, sine_total / sine_below),
        ),
    )
    flipped = ~positive & (one_turned | both_turned)
    value = jnp.where(positive, value, jnp.log(turned) + jnp.where(flipped, -value, value))
    pole = _is_pole(below) & ~((above >= 1) & (above == jnp.floor(above)) & (total <= 0)) | _is_pole(above)
    value = jnp.where(pole, jnp.inf, value)
    endless = (above == jnp.inf) & (below > -jnp.inf) & (below < jnp.inf)
    known = inside & (total < jnp.inf)
    return jnp.where(
        endless,
        jnp.where(below > 0, -jnp.inf, jnp.inf),
        jnp.where(known | (pole & jnp.isfinite(total)), value, jnp.nan),
    )


def beta_sign(a, b):
    """The sign of B(a, b), 1 at poles that have none."""
    # At a pole of both Γ(below) and Γ(a + b) their residues' quotient is (-1)^above.
    total = a + b
    above = jnp.maximum(a, b)
    residues = _is_pole(jnp.minimum(a, b)) & _is_pole(total) & (above >= 1)
    by_residues = jnp.where(jnp.mod(above, 2.0) == 1.0, -1.0, 1.0)
    by_signs = gammasgn(a) * gammasgn(b) * gammasgn(total)
    return jnp.where(residues, by_residues, jnp.where(jnp.isnan(by_signs), 1.0, by_signs))


def beta_slope(a, b):
    """∂ log|B(a, b)|/∂a = ψ(a) - ψ(a + b)."""
    # A small b would leave only the last digits of the difference.
    close = (a > 0) & (a < jnp.inf) & (jnp.abs(b) < 0.5 * a)
    a_close, b_close = jnp.where(close, a, 2.0), jnp.where(close, b, 0.5)
    step = jvp(lambda a: lgamma_step(a, b_close), (a_close,), (jnp.ones_like(a_close),))[1]
    return jnp.where(close, -step, digamma(a) - digamma(a + b))
