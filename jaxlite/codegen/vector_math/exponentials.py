"""exp and its relatives.

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
# Beyond these bounds e^x is not a normal number.
NORMAL = 708.0


def reduced(w: Writer, x: Value) -> tuple[Value, Value, Value]:
    """Return a double with n in its lowest bits, n, and r."""
    t = w.fma(x, 1.0 / LN2[0], SHIFT)
    n = t - SHIFT
    return t, n, w.fma(n, -LN2[1], w.fma(n, -LN2[0], x))


def exp_of_rest(w: Writer, r: Value) -> Value:
    return 1.0 + w.mad(r * r, w.polynomial(r, w.fit(c.EXP)), r)


def times_power(w: Writer, p: Value, t: Value) -> Value:
    """2^n·p where that is a normal number."""
    return w.of_bits(w.bits(p) + (w.bits(t) << 52))


def times_any_power(w: Writer, p: Value, t: Value) -> Value:
    """2^n·p in two steps, the last of which overflows or rounds to a subnormal number."""
    n = (w.bits(t) << 32).ashr(32)
    half = n.ashr(1)
    for k in (half, n - half):
        p = p * w.of_bits((k + 1023) << 52)
    return p


def exp(w: Writer) -> Value:
    x = w.x
    if w.single:
        # Out of the range of floats: the conversion makes inf and 0 of it.
        x = w.min(w.max(x, -200.0), 200.0)
    t, _, r = reduced(w, x)
    p = exp_of_rest(w, r)
    value = times_power(w, p, t)
    if w.single:
        return value

    def extreme():
        t, _, r = reduced(w, w.min(w.max(x, -746.0), 710.0))
        return times_any_power(w, exp_of_rest(w, r), t)

    return w.fixed(w.abs(x).not_below(NORMAL), extreme, value)
