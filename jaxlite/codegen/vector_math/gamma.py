"""lgamma, digamma and trigamma.

Polynomials from 1.25 to 2.25, recurrences from ½ and up to 7.25, Stirling's series above, reflection below. trigamma,
whose terms all have one sign, takes its recurrence up to 4½, and one series of y = x - ½, which has no even powers.
"""

from __future__ import annotations

import math

from jaxlite.codegen.vector_math import coefficients as c
from jaxlite.codegen.vector_math.logarithms import INF, NAN, log_of_normal, split
from jaxlite.codegen.vector_math.powers import log_in_pair
from jaxlite.codegen.vector_math.trigonometric import sin_and_cos
from jaxlite.codegen.vector_math.writer import Value, Writer

LOW, HIGH = 1.25, 2.25
# So many steps of the recurrence lead below HIGH.
STEPS = 5
FAR = HIGH + STEPS
# From here on lgamma is too large.
HUGE = 2.556348163871691e305
# So many terms lead trigamma from -½ to where its series begins.
TERMS = 5
LOG_PI = math.log(math.pi)
# What the double π leaves of it.
PI_LOW = 1.2246467991473532e-16
SQUARE_OF_PI = 9.869604401089358
# The same, divided by π².
SQUARE_OF_PI_LOW = 6.348071568145304e-17
HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def sine_and_cosine_of_turns(w: Writer, x: Value) -> tuple[Value, Value]:
    """|sin(π·x)|, and cos(π·x) with the sign that makes the quotient of both a tangent."""
    rest = x - w.floor(x + 0.5)
    quarter = w.abs(rest) > 0.25
    size = w.abs(rest)
    sine, cosine = sin_and_cos(w, w.select(quarter, 0.5 - size, size) * math.pi)
    above, below = w.select(quarter, cosine, sine), w.select(quarter, sine, cosine)
    return above, w.copysign(below, rest)


def lgamma_from_half(w: Writer, x: Value) -> tuple[Value, Value]:
    """lgamma(x) for x >= ½, as a sum of two numbers"""
    d, product = x - 2.0, w.constant(1.0)
    for _ in range(STEPS):
        again = d >= HIGH - 2.0
        d = w.select(again, d - 1.0, d)
        product = w.select(again, product * (d + 2.0), product)
    below = x < LOW
    d = w.select(below, x - 1.0, d)
    k, m, _ = split(w, w.select(below, x, product))
    log, low = log_in_pair(w, k, m)
    log, low = w.select(below, -log, log), w.select(below, -low, low)
    leading, others = w.split_polynomial(d + c.LGAMMA_SHIFT, c.LGAMMA)
    factor, factor_low = w.two_product(d, d + 1.0)
    main, main_low = w.two_product(factor, w.constant(leading))
    near, lost = w.two_sum(log, main)
    low = low + w.mad(factor, others, w.mad(factor_low, leading, main_low))

    def far():
        k, m, _ = split(w, x)
        log, low = log_in_pair(w, k, m)
        less = x - 0.5
        log, lost = w.quick_two_sum(log, w.constant(-1.0))
        value, rounding = w.two_product(less, log)
        inverse = 1.0 / x
        series = inverse * w.polynomial(inverse * inverse, c.STIRLING[0])
        tail = w.mad(less, low + lost, rounding) + (series + (HALF_LOG_TWO_PI - 0.5))
        infinite = ~(x < HUGE)
        return w.select(infinite, x * INF, value), w.select(infinite, 0.0, tail)

    large = x.not_below(FAR)

    def chosen():
        return [w.select(large, a, b) for a, b in zip(far(), (near, lost + low))]

    return w.where_any(large, chosen, (near, lost + low))


def lgamma(w: Writer) -> Value:
    x = w.x
    reflected = x < 0.5
    value, low = lgamma_from_half(w, w.select(reflected, 1.0 - x, x))

    def left():
        sine, _ = sine_and_cosine_of_turns(w, x)
        # Next to 0, where the sine is π·|x|, π cancels; x is scaled as if it were normal.
        tiny = w.abs(x) < 2.0**-60
        k, m, _ = split(w, w.select(tiny, w.abs(x), sine) * 2.0**54)
        log, log_low = log_in_pair(w, k - 54.0, m)
        total, lost = w.two_sum(value, log)
        other = (w.select(tiny, 0.0, LOG_PI) - total) - (lost + (low + log_low))
        return w.select(w.floor(x).equals(x), INF, other)

    return w.fixed(reflected, left, value + low)


def digamma(w: Writer) -> Value:
    x = w.x
    reflected = x < 0.5
    size = w.select(reflected, 1.0 - x, x)
    d = size - 2.0
    above, below = w.constant(0.0), w.constant(1.0)
    for _ in range(STEPS):
        # The sum of 1/(d + 2) as a quotient.
        again = d >= HIGH - 2.0
        d = w.select(again, d - 1.0, d)
        factor = w.select(again, d + 2.0, 1.0)
        above = w.mad(above, factor, w.select(again, below, 0.0))
        below = below * factor
    short = size < LOW
    d = w.select(short, size - 1.0, d)
    above, below = w.select(short, -1.0, above), w.select(short, size, below)
    root = (d + (2.0 - c.DIGAMMA_ROOT[0])) - c.DIGAMMA_ROOT[1]
    near = w.mad(root, w.polynomial(d + c.LGAMMA_SHIFT, c.DIGAMMA[0]), above / below)

    def far():
        inverse = 1.0 / size
        series = w.polynomial(inverse * inverse, c.DIGAMMA_FAR[0])
        value = log_of_normal(w, size) - inverse * w.mad(inverse, series, 0.5)
        return w.select(size < INF, value, size)

    value = w.fixed(size.not_below(FAR), far, near)

    def left():
        sine, cosine = sine_and_cosine_of_turns(w, x)
        other = value - cosine / sine * math.pi
        other = w.select(w.floor(x).equals(x), NAN, other)
        return w.select(x.equals(0.0), -w.copysign(INF, x), other)

    return w.fixed(reflected, left, value)


def trigamma(w: Writer) -> Value:
    x = w.x
    reflected = x <= -0.5
    size = w.select(reflected, 1.0 - x, x)
    short = size < TERMS - 0.5
    inverse = 1.0 / (w.select(short, size + TERMS, size) - 0.5)
    # Small to large, as their sum is rounded.
    tail = w.mad(inverse * (inverse * inverse), w.polynomial(inverse * inverse, c.TRIGAMMA[0]), inverse)
    # The sum of 1/(size + k)² as a quotient, without its first term, which alone grows without a bound.
    squares = [(size + float(k)) * (size + float(k)) for k in range(1, TERMS)]
    above, below = w.constant(1.0), squares[-1]
    for square in squares[-2::-1]:
        above, below = w.mad(above, square, below), below * square
    first = 1.0 / size
    near = w.mad(first, first, above / below + tail)
    value = w.select(short, near, tail)

    def left():
        rest = x - w.floor(x + 0.5)
        quarter = w.abs(rest) > 0.25
        turns = w.select(quarter, 0.5 - w.abs(rest), rest)
        angle, low = w.two_product(turns, w.constant(math.pi))
        sine, cosine = sin_and_cos(w, angle)
        low = w.mad(turns, PI_LOW, low)
        root, slope = w.select(quarter, cosine, sine), w.select(quarter, -sine, cosine)
        quotient = SQUARE_OF_PI / (root * root)
        # What the roundings of π² and of the angle took from the quotient.
        lost = quotient * (SQUARE_OF_PI_LOW - (low + low) * (slope / root))
        return w.select(w.floor(x).equals(x), INF, quotient + (lost - value))

    return w.fixed(reflected, left, value)
