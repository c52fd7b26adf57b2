"""log and its relatives.

log(x) = k·ln 2 + log(m) with x = 2^k·m and m between √½ and √2; with f = m - 1 and s = f/(2 + f),
log(m) = f - f²/2 + s·(f²/2 + s²·P(s²)): the first terms are exact, or nearly so.
"""

from __future__ import annotations

from jaxlite.codegen.vector_math import coefficients as c
from jaxlite.codegen.vector_math.writer import Value, Writer

ROOT_HALF = 0x3FE6A09E667F3BCD
MANTISSA = 0x000FFFFFFFFFFFFF
ONE = 0x3FF0000000000000
SMALLEST_NORMAL, INF = 0x0010000000000000, 0x7FF0000000000000
# ln 2 in two parts; k times the first one is exact.
LN2 = (float.fromhex("0x1.62e42fefa38p-1"), 5.497923018708371e-14)


def split(w: Writer, bits: Value) -> tuple[Value, Value]:
    """Return k, as a double, and m."""
    moved = bits + (ONE - ROOT_HALF)
    # The exponent as the last bits of a double above 2^52.
    k = w.of_bits((moved >> 52) | 0x4330000000000000) - (2.0**52 + 1023)
    return k, w.of_bits((moved & MANTISSA) + ROOT_HALF)


def log_of_split(w: Writer, k: Value, m: Value) -> Value:
    f = m - 1.0
    s = f / (f + 2.0)
    z = s * s
    half = (f * 0.5) * f
    tail = w.mad(s, w.mad(z, w.polynomial(z, w.fit(c.LOG)), half), k * LN2[1])
    return w.fma(k, LN2[0], f - (half - tail))


def log(w: Writer) -> Value:
    x = w.x
    bits = w.bits(x)
    value = log_of_split(w, *split(w, bits))

    def special():
        k, m = split(w, w.bits(x * 2.0**54))
        subnormal = log_of_split(w, k - 54.0, m)
        finite = w.select(x.equals(0.0), float("-inf"), w.select(x < 0.0, float("nan"), subnormal))
        return w.select(x < float("inf"), finite, x)

    return w.fixed((bits - SMALLEST_NORMAL).not_below(INF - SMALLEST_NORMAL), special, value)
