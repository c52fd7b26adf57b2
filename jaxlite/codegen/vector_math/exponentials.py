"""exp and its relatives, and the hyperbolic functions.

exp(x) = 2^n · e^r with n = round(x/ln 2): |r| <= ln(2)/2, where a polynomial gives e^r.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from jaxlite.codegen.vector_math import coefficients as c
from jaxlite.codegen.vector_math.writer import Value, Writer

# ln 2 in two parts; n times the first one, taken from x by a fused multiply-add, leaves no rounding error.
LN2 = (math.log(2.0), 2.3190468138462996e-17)
LN2_OF_FLOATS = (0.6931471824645996, -1.9046542121259336e-09)


class Bounds(NamedTuple):
    """Between ±``normal`` e^x is a normal number, and 2^x between ±``power``.

    e^x is 0 below ``low`` and inf above ``high``, e^x - 1 is -1 below ``minus_one``, tanh is 1 above ``one``.
    """

    normal: float
    power: float
    low: float
    high: float
    minus_one: float
    one: float


BOUNDS = Bounds(708.0, 1022.0, -746.0, 710.0, -40.0, 22.0)
BOUNDS_OF_FLOATS = Bounds(87.0, 126.0, -104.0, 89.0, -20.0, 11.0)


def bounds(w: Writer) -> Bounds:
    return w.pick(BOUNDS, BOUNDS_OF_FLOATS)


def reduced(w: Writer, x: Value) -> tuple[Value, Value]:
    """Return a number with n in its lowest bits, and r."""
    ln2 = w.pick(LN2, LN2_OF_FLOATS)
    t = w.fma(x, 1.0 / LN2[0], w.format.shift)
    n = t - w.format.shift
    return t, w.fma(n, -ln2[1], w.fma(n, -ln2[0], x))


def tail_of_rest(w: Writer, r: Value) -> Value:
    """e^r - 1 - r"""
    return (r * r) * w.polynomial(r, w.fit(c.EXP))


def exp_of_rest(w: Writer, r: Value) -> Value:
    return 1.0 + w.mad(r * r, w.polynomial(r, w.fit(c.EXP)), r)


def times_power(w: Writer, p: Value, t: Value) -> Value:
    """2^n·p where that is a normal number."""
    return w.of_bits(w.bits(p) + (w.bits(t) << w.format.mantissa))


def times_any_power(w: Writer, p: Value, t: Value, less: int = 0) -> Value:
    """2^(n - less)·p in two steps, the last of which overflows or rounds to a subnormal number."""
    unused = w.pick(32, 10)
    n = (w.bits(t) << unused).ashr(unused) - less
    half = n.ashr(1)
    for k in (half, n - half):
        p = p * w.of_bits((k + w.format.bias) << w.format.mantissa)
    return p


def clamped(w: Writer, x: Value, low: float, high: float) -> Value:
    return w.min(w.max(x, low), high)


def exp_of_any(w: Writer, x: Value, less: int = 0) -> Value:
    """e^x/2^less, without haste."""
    t, r = reduced(w, clamped(w, x, bounds(w).low, bounds(w).high + less))
    return times_any_power(w, exp_of_rest(w, r), t, less)


def exp(w: Writer) -> Value:
    x = w.x
    t, r = reduced(w, x)
    value = times_power(w, exp_of_rest(w, r), t)
    return w.fixed(w.abs(x).not_below(bounds(w).normal), lambda: exp_of_any(w, x), value)


def exp2(w: Writer) -> Value:
    shift, limit = w.format.shift, bounds(w).power

    def parts(x):
        t = x + shift
        r = x - (t - shift)
        return w.mad(r, w.polynomial(r, w.fit(c.EXP2)), 1.0), t

    def extreme():
        return times_any_power(w, *parts(clamped(w, w.x, -limit - w.pick(58.0, 29.0), limit + 3.0)))

    return w.fixed(w.abs(w.x).not_below(limit), extreme, times_power(w, *parts(w.x)))


def expm1_of(w: Writer, x: Value) -> tuple[Value, Value]:
    """e^x - 1 as a sum of two numbers: 2^n - 1 + 2^n·(e^r - 1), where e^x is normal"""
    t, r = reduced(w, x)
    power = times_power(w, w.constant(1.0), t)
    high, low = w.quick_two_sum(power - 1.0, power * r)
    return high, w.mad(power, tail_of_rest(w, r), low)


def expm1(w: Writer) -> Value:
    x = w.max(w.x, bounds(w).minus_one)
    high, low = expm1_of(w, x)
    value = w.fixed(x.not_below(bounds(w).normal), lambda: exp_of_any(w, x), high + low)
    return w.copysign(value, w.x)


def tanh(w: Writer) -> Value:
    """E/(E + 2) with E = e^(2·|x|) - 1"""
    x = w.min(w.abs(w.x), bounds(w).one)
    t, r = reduced(w, x * 2.0)
    power = times_power(w, w.constant(1.0), t)
    value = w.fma(power, r + tail_of_rest(w, r), power - 1.0)
    below = value + 2.0
    inverse = 1.0 / below
    quotient = value * inverse
    # What rounding took from the divisor, where E is small, and from the quotient.
    rest = w.mad(-quotient, value - (below - 2.0), w.fma(-quotient, below, value))
    return w.copysign(w.mad(rest, inverse, quotient), w.x)


def halves(w: Writer, x: Value) -> tuple[Value, Value, Value, Value]:
    """Return sinh(r), cosh(r) - 1, and 2^(n-1) -+ 2^(-n-1), for 0 <= x where e^x is normal."""
    t, r = reduced(w, x)
    z = r * r
    sine = w.mad(z * r, w.polynomial(z, w.fit(c.SINH)), r)
    cosine = z * w.polynomial(z, w.fit(c.COSH))
    n, half = w.bits(t) << w.format.mantissa, w.bits(w.constant(0.5))
    up, down = w.of_bits(half + n), w.of_bits(half - n)
    return sine, cosine, up - down, up + down


def sinh(w: Writer) -> Value:
    x = w.abs(w.x)
    sine, cosine, difference, total = halves(w, x)
    value = difference + w.mad(total, sine, difference * cosine)
    value = w.fixed(x.not_below(bounds(w).normal), lambda: exp_of_any(w, x, less=1), value)
    return w.copysign(value, w.x)


def cosh(w: Writer) -> Value:
    x = w.abs(w.x)
    sine, cosine, difference, total = halves(w, x)
    value = total + w.mad(difference, sine, total * cosine)
    return w.fixed(x.not_below(bounds(w).normal), lambda: exp_of_any(w, x, less=1), value)
