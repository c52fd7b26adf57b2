"""sin, cos and tan: x = n·π/2 + r with |r| <= π/4, and polynomials for sin(r) and cos(r)."""

from __future__ import annotations

from jaxlite.codegen.boundary import FAR
from jaxlite.codegen.vector_math import coefficients as c
from jaxlite.codegen.vector_math.writer import DOUBLE, PURE, Value, Writer, number

# π/2 in three parts, of 53 bits each; all positive, so that -0 stays -0.
HALF_PI = (1.5707963267948966, 6.123233995736765e-17, 1.082856673921914e-32)
SHIFT = DOUBLE.shift
TWO_OVER_PI = 0.6366197723675814
# Up to here n·π/2 is exact enough in three parts.
NEAR = 2.0**30


def reduced(w: Writer, x: Value, exact: bool = False) -> tuple[Value, Value, Value]:
    """Return n, in the lowest bits of an integer, r, and its rounding error, or 0 where nobody needs that."""
    t = w.fma(x, TWO_OVER_PI, SHIFT)
    n = t - SHIFT
    # x and n·π/2 are multiples of one power of two that is small enough: the first difference is exact.
    first = w.fma(n, -HALF_PI[0], x)
    if exact:
        product, product_low = w.two_product(n, w.constant(HALF_PI[1]))
        r, low = w.two_sum(first, -product)
        r, lost = w.two_sum(r, w.fma(n, -HALF_PI[2], low - product_low))
    else:
        r = w.fma(n, -HALF_PI[2], w.fma(n, -HALF_PI[1], first))
        lost = w.constant(0.0)
    values = w.bits(t), r, lost
    is_far = w.abs(x).not_below(NEAR)

    def far():
        found = w.call_alone(FAR, "iff", w.select(is_far, x, w.constant(NEAR)))
        return [w.select(is_far, new, old) for new, old in zip(found, values, strict=True)]

    return w.where_any(is_far, far, values)


# The same of a large x = m·2^e, m an integer of 53 bits: three words of bits of 2/π from that of 2^(1-e) on, times m,
# are x·2/π modulo 4 in units of 2^-190. The fraction, with its sign, is brought to the form of a pair of doubles and
# multiplied by π/2; a library of its own. (No double is nearer to a multiple of π/2 than the first word tells.) The C
# library is no help: it loses three places next to such multiples.
FAR_TEXT = f"""@jl_far_bits = internal constant [{len(c.BITS_OF_TWO_OVER_PI)} x i64] [{
    ", ".join(f"i64 {int(word)}" for word in c.BITS_OF_TWO_OVER_PI)
}]
declare i64 @llvm.fshl.i64(i64, i64, i64)
declare i64 @llvm.ctlz.i64(i64, i1)
define {{ i64, double, double }} @{FAR}(double %x) {PURE} {{
  %bits = bitcast double %x to i64
  %shifted = lshr i64 %bits, 52
  %exponent = and i64 %shifted, 2047
  %infinite = icmp eq i64 %exponent, 2047
  %low = and i64 %bits, 4503599627370495
  %integer = or i64 %low, 4503599627370496
  %first = sub i64 %exponent, {1075 - 62}
  %word = lshr i64 %first, 6
  %inside = and i64 %first, 63
  %p0 = getelementptr i64, ptr @jl_far_bits, i64 %word
  %p1 = getelementptr i64, ptr %p0, i64 1
  %p2 = getelementptr i64, ptr %p0, i64 2
  %p3 = getelementptr i64, ptr %p0, i64 3
  %w0 = load i64, ptr %p0
  %w1 = load i64, ptr %p1
  %w2 = load i64, ptr %p2
  %w3 = load i64, ptr %p3
  %a0 = call i64 @llvm.fshl.i64(i64 %w0, i64 %w1, i64 %inside)
  %a1 = call i64 @llvm.fshl.i64(i64 %w1, i64 %w2, i64 %inside)
  %a2 = call i64 @llvm.fshl.i64(i64 %w2, i64 %w3, i64 %inside)
  %m = zext i64 %integer to i128
  %b1 = zext i64 %a1 to i128
  %b2 = zext i64 %a2 to i128
  %t2 = mul i128 %b2, %m
  %over2 = lshr i128 %t2, 64
  %t1a = mul i128 %b1, %m
  %t1 = add i128 %t1a, %over2
  %over1 = lshr i128 %t1, 64
  %carry = trunc i128 %over1 to i64
  %t0a = mul i64 %a0, %integer
  %q0 = add i64 %t0a, %carry
  %q1 = trunc i128 %t1 to i64
  %q2 = trunc i128 %t2 to i64
  %rounded = add i64 %q0, {1 << 61}
  %n = lshr i64 %rounded, 62
  %f0 = call i64 @llvm.fshl.i64(i64 %q0, i64 %q1, i64 2)
  %f1 = call i64 @llvm.fshl.i64(i64 %q1, i64 %q2, i64 2)
  %f2 = shl i64 %q2, 2
  %mask = ashr i64 %f0, 63
  %below = icmp slt i64 %f0, 0
  %g0 = xor i64 %f0, %mask
  %g1 = xor i64 %f1, %mask
  %g2 = xor i64 %f2, %mask
  %zeros = call i64 @llvm.ctlz.i64(i64 %g0, i1 false)
  %h0 = call i64 @llvm.fshl.i64(i64 %g0, i64 %g1, i64 %zeros)
  %h1 = call i64 @llvm.fshl.i64(i64 %g1, i64 %g2, i64 %zeros)
  %head = lshr i64 %h0, 11
  %few = shl i64 %h0, 42
  %few53 = and i64 %few, 9007199254740991
  %many = lshr i64 %h1, 22
  %tail = or i64 %few53, %many
  %h = uitofp i64 %head to double
  %t0 = uitofp i64 %tail to double
  %t = fmul double %t0, {number(2.0**-53)}
  %r0 = fmul double %h, {number(HALF_PI[0])}
  %opposite = fneg double %r0
  %lost = call double @llvm.fma.f64(double %h, double {number(HALF_PI[0])}, double %opposite)
  %more = call double @llvm.fma.f64(double %h, double {number(HALF_PI[1])}, double %lost)
  %all = call double @llvm.fma.f64(double %t, double {number(HALF_PI[0])}, double %more)
  %sum = fadd double %r0, %all
  %gone = fsub double %r0, %sum
  %lower = fadd double %gone, %all
  %power = sub i64 {1023 - 53}, %zeros
  %place = shl i64 %power, 52
  %scale = bitcast i64 %place to double
  %negative = icmp slt i64 %bits, 0
  %turned = xor i1 %negative, %below
  %minus = fneg double %scale
  %signed = select i1 %turned, double %minus, double %scale
  %r1 = fmul double %sum, %signed
  %l = fmul double %lower, %signed
  %nan = fsub double %x, %x
  %r = select i1 %infinite, double %nan, double %r1
  %back = sub i64 0, %n
  %n1 = select i1 %negative, i64 %back, i64 %n
  %v = insertvalue {{ i64, double, double }} poison, i64 %n1, 0
  %both = insertvalue {{ i64, double, double }} %v, double %r, 1
  %three = insertvalue {{ i64, double, double }} %both, double %l, 2
  ret {{ i64, double, double }} %three
}}"""


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


def of_zero(w: Writer, value: Value) -> Value:
    """Return x where it is 0: the polynomial has lost its sign."""
    return w.select(w.x.equals(0.0), w.x, value)


def sin(w: Writer) -> Value:
    n, r, _ = reduced(w, w.x)
    return of_zero(w, chosen(w, n, *sin_and_cos(w, r)))


def cos(w: Writer) -> Value:
    n, r, _ = reduced(w, w.x)
    return chosen(w, n + 1, *sin_and_cos(w, r))


def sincos(w: Writer) -> tuple[Value, ...]:
    n, r, _ = reduced(w, w.x)
    both = sin_and_cos(w, r)
    return of_zero(w, chosen(w, n, *both)), chosen(w, n + 1, *both)


def tan(w: Writer) -> Value:
    n, r, lost = reduced(w, w.x, exact=not w.widened)
    sine, cosine = sin_and_cos(w, r)
    odd = (n & 1).differs(0)
    above, below = w.select(odd, -cosine, sine), w.select(odd, sine, cosine)
    inverse = 1.0 / below
    quotient = above * inverse
    rest = w.fma(-quotient, below, above) * inverse
    # The derivative of tan times the error of r.
    return of_zero(w, quotient + w.mad(lost, w.mad(quotient, quotient, 1.0), rest))


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
        # So that neither sums nor inverses leave the range of normal numbers.
        scale = w.select(largest > 2.0**1000, 2.0**-10, w.select(largest < 2.0**-500, 2.0**600, 1.0))
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
