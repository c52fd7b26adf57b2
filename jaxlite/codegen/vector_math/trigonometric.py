"""sin, cos and tan: x = n·π/2 + r with |r| <= π/4, and polynomials for sin(r) and cos(r)."""

from __future__ import annotations

from jaxlite.codegen.vector_math import coefficients as c
from jaxlite.codegen.vector_math.exponentials import SHIFT
from jaxlite.codegen.vector_math.writer import Value, Writer

# π/2 in three parts, of 53 bits each; all positive, so that -0 stays -0.
HALF_PI = (1.5707963267948966, 6.123233995736765e-17, 1.082856673921914e-32)
TWO_OVER_PI = 0.6366197723675814
# Up to here n·π/2 is exact enough in three parts.
NEAR = 2.0**30


def reduced(w: Writer, x: Value) -> tuple[Value, Value, Value]:
    """Return n, in the lowest bits of an integer, r, and its rounding error, which most functions can do without."""
    t = w.fma(x, TWO_OVER_PI, SHIFT)
    n = t - SHIFT
    # x and n·π/2 are multiples of one power of two that is small enough: the first difference is exact.
    first = w.fma(n, -HALF_PI[0], x)
    second = w.fma(n, -HALF_PI[1], first)
    r = w.fma(n, -HALF_PI[2], second)
    lost = w.fma(n, -HALF_PI[1], first - second) + w.fma(n, -HALF_PI[2], second - r)
    return w.bits(t), r, lost


def sin_and_cos(w: Writer, r: Value) -> tuple[Value, Value]:
    z = r * r
    sine = w.mad(z * r, w.polynomial(z, w.fit(c.SIN)), r)
    half = z * 0.5
    one = 1.0 - half
    # What was lost of 1 - r²/2 is given back.
    cosine = one + w.mad(z * z, w.polynomial(z, w.fit(c.COS)), (1.0 - one) - half)
    return sine, cosine


def chosen(w: Writer, n: Value, sine: Value, cosine: Value) -> Value:
    """sin(n·π/2 + r)"""
    value = w.select((n & 1).equals(0), sine, cosine)
    return w.of_bits(w.bits(value) ^ ((n & 2) << 62))


def everywhere(w: Writer, value: Value, name: str) -> Value:
    """Complete a function: far from 0 the C library knows how to reduce x, and at 0 polynomials lose its sign."""
    if name != "cos":
        value = w.select(w.x.equals(0.0), w.x, value)
    return w.fixed(w.abs(w.x).not_below(NEAR), lambda: w.lane_by_lane(name, w.x), value)


def sin(w: Writer) -> Value:
    n, r, _ = reduced(w, w.x)
    return everywhere(w, chosen(w, n, *sin_and_cos(w, r)), "sin")


def cos(w: Writer) -> Value:
    n, r, _ = reduced(w, w.x)
    return everywhere(w, chosen(w, n + 1, *sin_and_cos(w, r)), "cos")


def sincos(w: Writer) -> tuple[Value, Value]:
    n, r, _ = reduced(w, w.x)
    both = sin_and_cos(w, r)
    return everywhere(w, chosen(w, n, *both), "sin"), everywhere(w, chosen(w, n + 1, *both), "cos")


def tan(w: Writer) -> Value:
    n, r, lost = reduced(w, w.x)
    sine, cosine = sin_and_cos(w, r)
    odd = (n & 1).differs(0)
    above, below = w.select(odd, -cosine, sine), w.select(odd, sine, cosine)
    inverse = 1.0 / below
    quotient = above * inverse
    rest = w.fma(-quotient, below, above) * inverse
    # The derivative of tan times the error of r.
    value = quotient + w.mad(lost, w.mad(quotient, quotient, 1.0), rest)
    return everywhere(w, value, "tan")


# --- inverse functions ------------------------------------------------------------------------------

# tan(π/8) and tan(3π/8): between them the angle is counted from π/4, above from π/2.
EIGHTH, THREE_EIGHTHS = 0.41421356237309503, 2.414213562373095
# Multiples of π/4 in two parts.
ANGLES = tuple((k * HALF_PI[0] / 2, k * 6.123233995736766e-17 / 2) for k in (0, 1, 2, 4))
THREE_QUARTERS = (2.356194490192345, 9.184850993605148e-17)


def angle(w: Writer, y: Value, x: Value, turned: Value | None = None) -> Value:
    """The angle of a point with coordinates that are not negative; π minus that where it is ``turned``."""
    high, middle = y > x * THREE_EIGHTHS, y > x * EIGHTH
    difference, difference_low = w.two_sum(y, -x)
    total, total_low = w.two_sum(y, x)
    above = w.select(high, -x, w.select(middle, difference, y))
    below = w.select(high, y, w.select(middle, total, x))
    straight = high | ~middle
    inverse = 1.0 / below
    t = above * inverse
    rest = w.fma(-t, below, above) + w.select(straight, 0.0, difference_low - t * total_low)
    z = t * t
    small = w.mad(z * t, w.polynomial(z, w.fit(c.ATAN)), rest * inverse)
    angles = [ANGLES[2], ANGLES[1], ANGLES[0]]
    base, base_low = (w.select(high, a, w.select(middle, b, d)) for a, b, d in zip(*angles))
    if turned is not None:
        angles = [ANGLES[2], THREE_QUARTERS, ANGLES[3]]
        other, other_low = (w.select(high, a, w.select(middle, b, d)) for a, b, d in zip(*angles))
        base, base_low = w.select(turned, other, base), w.select(turned, other_low, base_low)
        t, small = w.select(turned, -t, t), w.select(turned, -small, small)
    return base + (t + (small + base_low))


def atan(w: Writer) -> Value:
    size = w.min(w.abs(w.x), 1e300)
    return w.copysign(angle(w, size, w.constant(1.0)), w.x)


def atan2(w: Writer) -> Value:
    y, x = w.arguments
    high, wide = w.abs(y), w.abs(x)
    turned = w.bits(x) < 0
    inf = float("inf")

    def special():
        largest = w.select(high > wide, high, wide)
        scale = w.select(largest > 2.0**500, 2.0**-600, w.select(largest < 2.0**-500, 2.0**600, 1.0))
        a, b = high * scale, wide * scale
        far_up, far_out = high.equals(inf), wide.equals(inf)
        a = w.select(far_up, 1.0, w.select(far_out, 0.0, a))
        b = w.select(far_out, 1.0, w.select(far_up, 0.0, b))
        b = w.select(largest.equals(0.0), 1.0, b)
        return w.select(x.is_nan() | y.is_nan(), x + y, angle(w, a, b, turned))

    usual = (high < 2.0**500) & (wide < 2.0**500) & (high > 2.0**-450) & (wide > 2.0**-450)
    return w.copysign(w.fixed(~usual, special, angle(w, high, wide, turned)), y)


def asin_parts(w: Writer) -> tuple[Value, Value, Value, Value]:
    """Return whether |x| <= ½, s, asin(s) - s and |x|, where s is |x|, or else sqrt((1 - |x|)/2)."""
    size = w.abs(w.x)
    small = size <= 0.5
    z = w.select(small, size * size, (1.0 - size) * 0.5)
    s = w.select(small, size, w.sqrt(z))
    return small, s, s * z * w.polynomial(z, w.fit(c.ASIN)), size


def asin(w: Writer) -> Value:
    """asin(x), or π/2 - 2·asin(s)"""
    small, s, tail, _ = asin_parts(w)
    high, low = w.quick_two_sum(w.constant(HALF_PI[0]), -(s + s))
    large = high + (low + (HALF_PI[1] - (tail + tail)))
    return w.copysign(w.select(small, s + tail, large), w.x)


def acos(w: Writer) -> Value:
    """π/2 - asin(x), or 2·asin(s) or π - 2·asin(s)"""
    small, s, tail, _ = asin_parts(w)
    signed, signed_tail = w.copysign(s, w.x), w.copysign(tail, w.x)
    high, low = w.quick_two_sum(w.constant(HALF_PI[0]), -signed)
    near = high + (low + (HALF_PI[1] - signed_tail))
    double = (s + s) + (tail + tail)
    high, low = w.quick_two_sum(w.constant(2 * HALF_PI[0]), -(s + s))
    left = high + (low + (2 * HALF_PI[1] - (tail + tail)))
    return w.select(small, near, w.select(w.x < 0.0, left, double))
