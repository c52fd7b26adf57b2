"""log and its relatives, and the inverse hyperbolic functions.

log(x) = k·ln 2 + log(m) with x = 2^k·m and m between √½ and √2; with f = m - 1 and s = f/(2 + f),
log(m) = f - f²/2 + s·(f²/2 + s²·P(s²)): the first terms are exact, or nearly so.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from jaxlite.codegen.vector_math import coefficients as c
from jaxlite.codegen.vector_math.writer import Value, Writer

INF, NAN = math.inf, math.nan


class Layout(NamedTuple):
    """Bits of √½, of a mantissa, of 1, of the smallest normal number, of inf, and of 2^``mantissa``.

    ``ln2`` is ln 2 in two parts, so that k times the first one is exact; squares of numbers above ``large`` may
    overflow, and sqrt(1 + x²) is x far below; times 2^``lift`` subnormal numbers are normal.
    """

    root_half: int
    mantissa: int
    one: int
    smallest: int
    inf: int
    integer: int
    ln2: tuple[float, float]
    large: float
    lift: int


LAYOUT = Layout(
    0x3FE6A09E667F3BCD, (1 << 52) - 1, 0x3FF0000000000000, 1 << 52, 0x7FF0000000000000, 0x4330000000000000,
    (float.fromhex("0x1.62e42fefa38p-1"), 5.497923018708371e-14), 2.0**500, 54,
)  # fmt: skip
LAYOUT_OF_FLOATS = Layout(
    0x3F3504F3, (1 << 23) - 1, 0x3F800000, 1 << 23, 0x7F800000, 0x4B000000,
    (float.fromhex("0x1.62e4p-1"), 1.428606765330187e-06), 2.0**60, 25,
)  # fmt: skip


def layout(w: Writer) -> Layout:
    return w.pick(LAYOUT, LAYOUT_OF_FLOATS)


def split(w: Writer, x: Value) -> tuple[Value, Value, Value]:
    """Return k, m, and k as an integer with the offset of exponents."""
    bits, places = layout(w), w.format.mantissa
    moved = w.bits(x) + (bits.one - bits.root_half)
    exponent = moved >> places
    # As the last bits of a number whose unit is 1.
    k = w.of_bits(exponent | bits.integer) - (2.0**places + w.format.bias)
    return k, w.of_bits((moved & bits.mantissa) + bits.root_half), exponent


def log_of_parts(w: Writer, k: Value, f: Value) -> Value:
    """k·ln 2 + log(1 + f)"""
    ln2 = layout(w).ln2
    s = f / (f + 2.0)
    z = s * s
    half = (f * 0.5) * f
    tail = w.mad(s, w.mad(z, w.polynomial(z, w.fit(c.LOG)), half), k * ln2[1])
    return w.fma(k, ln2[0], f - (half - tail))


def log_of_normal(w: Writer, x: Value) -> Value:
    k, m, _ = split(w, x)
    return log_of_parts(w, k, m - 1.0)


def is_unusual(w: Writer, x: Value) -> Value:
    """Whether x is not a positive normal number."""
    bits = layout(w)
    return (w.bits(x) - bits.smallest).not_below(bits.inf - bits.smallest)


def log(w: Writer) -> Value:
    x = w.x

    def special():
        lift = layout(w).lift
        k, m, _ = split(w, x * 2.0**lift)
        subnormal = log_of_parts(w, k - float(lift), m - 1.0)
        finite = w.select(x.equals(0.0), -INF, w.select(x < 0.0, NAN, subnormal))
        return w.select(x < INF, finite, x)

    return w.fixed(is_unusual(w, x), special, log_of_normal(w, x))


def log1p_of_pair(w: Writer, high: Value, low: Value | None = None) -> Value:
    """log(1 + high + low) of a sum above -1"""
    u, lost = w.two_sum(w.constant(1.0), high)
    if low is not None:
        lost = lost + low
    k, m, exponent = split(w, u)
    # 2^-k, or 0 where that is subnormal.
    scale = w.of_bits((w.constant(2 * w.format.bias, "i") - exponent) << w.format.mantissa)
    return log_of_parts(w, k, (m - 1.0) + lost * scale)


def log1p(w: Writer) -> Value:
    x = w.x

    def special():
        small = w.select(x.equals(-1.0), -INF, w.select(x < -1.0, NAN, x))
        return w.select((x > 1.0) & (x < INF), log_of_normal(w, x), small)

    value = w.copysign(log1p_of_pair(w, x), x)
    return w.fixed(~((x > -1.0) & (x < layout(w).large)), special, value)


def log_of_double(w: Writer, x: Value) -> Value:
    """log(2·x) of a large x"""
    k, m, _ = split(w, x)
    return w.select(x < INF, log_of_parts(w, k + 1.0, m - 1.0), x)


def root_of_pair(w: Writer, high: Value, low: Value) -> tuple[Value, Value]:
    """Return the square root of a sum, and its error."""
    root = w.sqrt(high)
    return root, (w.fma(-root, root, high) + low) / (w.max(root, w.pick(1e-300, 1e-30)) * 2.0)


def asinh(w: Writer) -> Value:
    """log1p(x + x²/(1 + sqrt(1 + x²)))"""
    x = w.abs(w.x)
    one = w.constant(1.0)
    square, lost = w.two_product(x, x)
    total, low = w.two_sum(one, square)
    root, root_low = root_of_pair(w, total, low + lost)
    below, below_low = w.two_sum(one, root)
    inverse = 1.0 / below
    part = square * inverse
    part_low = (w.fma(-part, below, square) + (lost - part * (below_low + root_low))) * inverse
    high, low = w.two_sum(x, part)
    value = w.fixed(
        x.not_below(layout(w).large),
        lambda: log_of_double(w, x),
        log1p_of_pair(w, high, low + part_low),
    )
    return w.copysign(value, w.x)


def acosh(w: Writer) -> Value:
    """log1p(t + sqrt(t·(t + 2))) with t = x - 1"""
    x = w.x
    t = x - 1.0
    above, lost = w.two_sum(w.constant(2.0), t)
    square, low = w.two_product(t, above)
    root, root_low = root_of_pair(w, square, w.mad(t, lost, low))
    high, low = w.two_sum(t, root)
    value = log1p_of_pair(w, high, low + root_low)

    def special():
        return w.select(x >= 1.0, log_of_double(w, x), NAN)

    return w.fixed(~((x >= 1.0) & (x < layout(w).large)), special, value)


def atanh(w: Writer) -> Value:
    """log1p(2·x/(1 - x))/2"""
    x = w.abs(w.x)
    below, lost = w.two_sum(w.constant(1.0), -x)
    inverse = 1.0 / below
    double = x * 2.0
    high = double * inverse
    low = (w.fma(-high, below, double) - high * lost) * inverse
    value = log1p_of_pair(w, high, low) * 0.5

    def special():
        return w.select(x.equals(1.0), INF, NAN)

    return w.copysign(w.fixed(~(x < 1.0), special, value), w.x)
