"""pow, cbrt and hypot, and the remainder of a division."""

from __future__ import annotations

from jaxlite.codegen.vector_math import coefficients as c
from jaxlite.codegen.vector_math.exponentials import (
    BOUNDS,
    clamped,
    exp_of_rest,
    reduced,
    times_any_power,
    times_power,
)
from jaxlite.codegen.vector_math.logarithms import INF, LAYOUT, NAN, is_unusual, split
from jaxlite.codegen.vector_math.writer import DOUBLE, Value, Writer

SHIFT = DOUBLE.shift
THIRD = (1.0 / 3.0, 1.850371707708594e-17)


def log_in_pair(w: Writer, k: Value, m: Value) -> tuple[Value, Value]:
    """k·ln 2 + log(m) to 65 bits: 2·s + 2·s·(s²/3 + s⁴·R(s²)) with s = (m - 1)/(m + 1)"""
    f = m - 1.0
    below, lost = w.quick_two_sum(w.constant(2.0), f)
    inverse = 1.0 / below
    s = f * inverse
    s_low = (w.fma(-s, below, f) - s * lost) * inverse
    z, z_low = w.two_product(s, s)
    z_low = w.mad(s + s, s_low, z_low)
    third, third_low = w.two_product(z, w.constant(THIRD[0]))
    tail = w.mad(z * z, w.polynomial(z, c.LOG_TAIL[0]), w.mad(z, THIRD[1], z_low * THIRD[0]))
    third_low = third_low + tail
    double = s + s
    product, product_low = w.two_product(double, third)
    product_low = product_low + w.mad(double, third_low, (s_low + s_low) * third)
    high, low = w.quick_two_sum(double, product)
    low = low + (product_low + (s_low + s_low))
    whole, rest = w.quick_two_sum(k * LAYOUT.ln2[0], high)
    return whole, w.mad(k, LAYOUT.ln2[1], rest + low)


def pow_(w: Writer) -> Value:
    x, y = w.arguments

    def exponent(k, m):
        """y·log(x), and its error"""
        high, low = log_in_pair(w, k, m)
        product, lost = w.two_product(y, high)
        return product, w.mad(y, low, lost)

    k, m, _ = split(w, x)
    high, low = exponent(k, m)
    t, r = reduced(w, high)
    value = times_power(w, exp_of_rest(w, r + low), t)

    def special():
        size = w.abs(x)
        tiny = size < 2.0**-1022
        k, m, _ = split(w, w.select(tiny, size * 2.0**54, size))
        high, low = exponent(w.select(tiny, k - 54.0, k), m)
        log = w.select(size.equals(0.0), -INF, w.select(size.equals(INF), INF, 0.0))
        # Where the logarithm or y is infinite, or the product is, there is no rest.
        high = w.select(size.equals(0.0) | size.equals(INF), log * y, high)
        low = w.select(w.abs(high) < BOUNDS.high * 1.5, low, 0.0)
        t, r = reduced(w, clamped(w, high, BOUNDS.low, BOUNDS.high))
        power = times_any_power(w, exp_of_rest(w, r + low), t)
        integer = w.floor(y).equals(y)
        odd = integer & w.floor(y * 0.5).differs(y * 0.5)
        negative = w.bits(x) < 0
        power = w.select(negative & odd, -power, power)
        power = w.select((x < 0.0) & (size < INF) & ~integer, NAN, power)
        power = w.select(size.equals(1.0) & w.abs(y).equals(INF), 1.0, power)
        power = w.select(x.is_nan() | y.is_nan(), x + y, power)
        return w.select(x.equals(1.0) | y.equals(0.0), 1.0, power)

    return w.fixed(is_unusual(w, x) | w.abs(high).not_below(BOUNDS.normal), special, value)


def cbrt(w: Writer) -> Value:
    """x = 2^(3·k)·m with m between ½ and 4: a polynomial for m^(-1/3), and steps that each treble its places."""
    size = w.abs(w.x)

    def of_normal(x: Value, less: int) -> Value:
        bits = w.bits(x)
        exponent = w.of_bits((bits >> 52) | LAYOUT.integer) - (2.0**52 + 1023)
        t = w.fma(exponent, 1.0 / 3.0, SHIFT)
        rest = exponent - (t - SHIFT) * 3.0
        m = w.of_bits(((bits & LAYOUT.mantissa) | LAYOUT.one) + (w.bits(rest + SHIFT) << 52))
        inverse = w.polynomial(m, c.CBRT[0])
        for _ in range(2):
            gap = 1.0 - m * (inverse * inverse * inverse)
            inverse = w.mad(inverse * gap, w.mad(gap, 2.0 / 9.0, 1.0 / 3.0), inverse)
        square = inverse * inverse
        root = m * square
        if not w.widened:
            power, lost = w.two_product(root, root)
            gap = w.fma(-power, root, m) - lost * root
            root = w.mad(gap, square * (1.0 / 3.0), root)
        return w.of_bits(w.bits(root) + ((w.bits(t) - less) << 52))

    def special():
        return w.select(size.equals(0.0) | ~(size < INF), size, of_normal(size * 2.0**54, 18))

    return w.copysign(w.fixed(is_unusual(w, size), special, of_normal(size, 0)), w.x)


def hypot(w: Writer) -> Value:
    first, second = (w.abs(x) for x in w.arguments)
    swap = second > first
    a, b = w.select(swap, second, first), w.select(swap, first, second)

    def of_moderate(a: Value, b: Value) -> Value:
        square, low = w.two_product(a, a)
        other, other_low = w.two_product(b, b)
        total, lost = w.quick_two_sum(square, other)
        root = w.sqrt(total)
        rest = w.fma(-root, root, total) + (lost + (low + other_low))
        return w.mad(rest, 0.5 / root, root)

    if w.widened:
        value = w.sqrt(w.mad(a, a, b * b))
        return w.select(first.equals(INF) | second.equals(INF), INF, value)

    def special():
        large = a > 1.0
        down, up = w.constant(2.0**-600), w.constant(2.0**600)
        scale, back = w.select(large, down, up), w.select(large, up, down)
        value = of_moderate(a * scale, b * scale) * back
        value = w.select(a.equals(0.0), b, value)
        value = w.select(a.is_nan() | b.is_nan(), a + b, value)
        return w.select(first.equals(INF) | second.equals(INF), INF, value)

    usual = (a < 2.0**500) & (a > 2.0**-450) & ~b.is_nan()
    return w.fixed(~usual, special, of_moderate(a, b))


def rem(w: Writer) -> tuple[Value, ...]:
    """x - q·y with q = trunc(x/y), which is exact where q is; rounding can make q too large by one."""
    x, y = (w.abs(v) for v in w.arguments)
    quotient = w.call("trunc", x / y)
    rest = w.fma(-quotient, y, x)
    value = w.copysign(w.select(rest < 0.0, rest + y, rest), w.x)
    unusual = quotient.not_below(2.0 ** (w.format.mantissa - 1)) | ~(y < INF)

    def special():
        return (w.call_library("fmod", *w.arguments),)

    return w.where_any(unusual, special, (value,))
