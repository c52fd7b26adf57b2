"""exp and its relatives, and the hyperbolic functions.

exp(x) = 2^n · e^r with n = round(x/ln 2): |r| <= ln(2)/2, where a polynomial gives e^r.
"""

from __future__ import annotations

import math

from jaxlite.codegen.vector_math import coefficients as c
from jaxlite.codegen.vector_math.writer import Value, Writer

# Added to a number below 2^51, this leaves the nearest integer in the lowest bits.
SHIFT = 1.5 * 2.0**52
# ln 2 in two parts; n times the first one, taken from x by a fused multiply-add, leaves no rounding error.
LN2 = (math.log(2.0), 2.3190468138462996e-17)
# Beyond these bounds e^x, or 2^x, is not a normal number.
NORMAL, NORMAL_POWER = 708.0, 1022.0
# Beyond these it is 0 or inf.
LOWEST, HIGHEST = -746.0, 710.0


def reduced(w: Writer, x: Value) -> tuple[Value, Value]:
    """Return a double with n in its lowest bits, and r."""
    t = w.fma(x, 1.0 / LN2[0], SHIFT)
    n = t - SHIFT
    return t, w.fma(n, -LN2[1], w.fma(n, -LN2[0], x))


def tail_of_rest(w: Writer, r: Value) -> Value:
    """e^r - 1 - r"""
    return (r * r) * w.polynomial(r, w.fit(c.EXP))


def exp_of_rest(w: Writer, r: Value) -> Value:
    return 1.0 + w.mad(r * r, w.polynomial(r, w.fit(c.EXP)), r)


def times_power(w: Writer, p: Value, t: Value) -> Value:
    """2^n·p where that is a normal number."""
    return w.of_bits(w.bits(p) + (w.bits(t) << 52))


def times_any_power(w: Writer, p: Value, t: Value, less: int = 0) -> Value:
    """2^(n - less)·p in two steps, the last of which overflows or rounds to a subnormal number."""
    n = (w.bits(t) << 32).ashr(32) - less
    half = n.ashr(1)
    for k in (half, n - half):
        p = p * w.of_bits((k + 1023) << 52)
    return p


def clamped(w: Writer, x: Value, low: float, high: float) -> Value:
    return w.min(w.max(x, low), high)


def exp_of_any(w: Writer, x: Value, less: int = 0) -> Value:
    """e^x/2^less, without haste."""
    t, r = reduced(w, clamped(w, x, LOWEST, HIGHEST + less))
    return times_any_power(w, exp_of_rest(w, r), t, less)


def exp(w: Writer) -> Value:
    x = w.x
    if w.single:
        # Out of the range of floats: the conversion makes inf and 0 of it.
        x = clamped(w, x, -200.0, 200.0)
    t, r = reduced(w, x)
    value = times_power(w, exp_of_rest(w, r), t)
    if w.single:
        return value
    return w.fixed(w.abs(x).not_below(NORMAL), lambda: exp_of_any(w, x), value)


def exp2(w: Writer) -> Value:
    x = clamped(w, w.x, -200.0, 200.0) if w.single else w.x

    def parts(x):
        t = x + SHIFT
        r = x - (t - SHIFT)
        return w.mad(r, w.polynomial(r, w.fit(c.EXP2)), 1.0), t

    value = times_power(w, *parts(x))
    if w.single:
        return value

    def extreme():
        return times_any_power(w, *parts(clamped(w, x, -1080.0, 1025.0)))

    return w.fixed(w.abs(x).not_below(NORMAL_POWER), extreme, value)


def expm1_of(w: Writer, x: Value) -> tuple[Value, Value]:
    """e^x - 1 as a sum of two numbers: 2^n - 1 + 2^n·(e^r - 1), for -40 <= x <= 708"""
    t, r = reduced(w, x)
    power = times_power(w, w.constant(1.0), t)
    high, low = w.quick_two_sum(power - 1.0, power * r)
    return high, w.mad(power, tail_of_rest(w, r), low)


def expm1(w: Writer) -> Value:
    x = clamped(w, w.x, -40.0, 200.0) if w.single else w.max(w.x, -40.0)
    high, low = expm1_of(w, x)
    value = high + low
    if not w.single:
        value = w.fixed(x.not_below(NORMAL), lambda: exp_of_any(w, x), value)
    return w.copysign(value, w.x)


def tanh(w: Writer) -> Value:
    """E/(E + 2) with E = e^(2·|x|) - 1"""
    x = w.min(w.abs(w.x), 22.0)
    high, low = expm1_of(w, x * 2.0)
    value = high + low
    below = value + 2.0
    if w.single:
        return w.copysign(value / below, w.x)
    inverse = 1.0 / below
    quotient = value * inverse
    # What rounding took from the divisor, where E is small, and from the quotient.
    rest = w.mad(-quotient, value - (below - 2.0), w.fma(-quotient, below, value))
    return w.copysign(w.mad(rest, inverse, quotient), w.x)


def halves(w: Writer, x: Value) -> tuple[Value, Value, Value, Value]:
    """Return sinh(r), cosh(r) - 1, and 2^(n-1) -+ 2^(-n-1), for 0 <= x <= 708."""
    t, r = reduced(w, x)
    z = r * r
    sine = w.mad(z * r, w.polynomial(z, w.fit(c.SINH)), r)
    cosine = z * w.polynomial(z, w.fit(c.COSH))
    n, half = w.bits(t) << 52, w.bits(w.constant(0.5))
    up, down = w.of_bits(half + n), w.of_bits(half - n)
    return sine, cosine, up - down, up + down


def sinh(w: Writer) -> Value:
    x = w.min(w.abs(w.x), 200.0) if w.single else w.abs(w.x)
    sine, cosine, difference, total = halves(w, x)
    value = difference + w.mad(total, sine, difference * cosine)
    if not w.single:
        value = w.fixed(x.not_below(NORMAL), lambda: exp_of_any(w, x, less=1), value)
    return w.copysign(value, w.x)


def cosh(w: Writer) -> Value:
    x = w.min(w.abs(w.x), 200.0) if w.single else w.abs(w.x)
    sine, cosine, difference, total = halves(w, x)
    value = total + w.mad(difference, sine, total * cosine)
    if w.single:
        return value
    return w.fixed(x.not_below(NORMAL), lambda: exp_of_any(w, x, less=1), value)
