"""sin, cos and tan: x = n·π/2 + r with |r| <= π/4, and polynomials for sin(r) and cos(r)."""

from __future__ import annotations

from jaxlite.codegen.vector_math import coefficients as c
from jaxlite.codegen.vector_math.exponentials import SHIFT
from jaxlite.codegen.vector_math.writer import PURE, Value, Writer, number

# π/2 in three parts, of 53 bits each; all positive, so that -0 stays -0.
HALF_PI = (1.5707963267948966, 6.123233995736765e-17, 1.082856673921914e-32)
TWO_OVER_PI = 0.6366197723675814
# Up to here n·π/2 is exact enough in three parts.
NEAR = 2.0**30


def reduced(w: Writer, x: Value) -> tuple[Value, Value]:
    """Return n, in the lowest bits of an integer, and r."""
    t = w.fma(x, TWO_OVER_PI, SHIFT)
    n = t - SHIFT
    # x and n·π/2 are multiples of one power of two that is small enough: the first difference is exact.
    r = w.fma(n, -HALF_PI[0], x)
    r = w.fma(n, -HALF_PI[2], w.fma(n, -HALF_PI[1], r))
    far = w.abs(x).not_below(NEAR)

    def large():
        m, s = w.lane_by_lane(FAR, "jl_far", "if", x)
        return w.select(far, m, w.bits(t)), w.select(far, s, r)

    return w.where_any(far, large, (w.bits(t), r))


# n and r of a large x = m·2^e, m an integer of 53 bits: the bits of 2/π from that of 2^(1-e) on, times m, are the bits
# of x·2/π modulo 4, of which 190 are fractional. The fraction, with its sign, is brought to the form of a pair of
# doubles and multiplied by π/2.
FAR = f"""@jl_far_bits = internal constant [{len(c.BITS_OF_TWO_OVER_PI)} x i64] [{
    ", ".join(f"i64 {int(word)}" for word in c.BITS_OF_TWO_OVER_PI)
}]
define internal {{ i64, double }} @jl_far(double %x) noinline {PURE} {{
  %bits = bitcast double %x to i64
  %shifted = lshr i64 %bits, 52
  %exponent = and i64 %shifted, 2047
  %infinite = icmp eq i64 %exponent, 2047
  %low = and i64 %bits, 4503599627370495
  %integer = or i64 %low, 4503599627370496
  %first = sub i64 %exponent, {1075 - 62}
  %some = icmp sgt i64 %first, 0
  %from = select i1 %some, i64 %first, i64 0
  %word = lshr i64 %from, 6
  %inside = and i64 %from, 63
  %p0 = getelementptr i64, ptr @jl_far_bits, i64 %word
  %p1 = getelementptr i64, ptr %p0, i64 1
  %p2 = getelementptr i64, ptr %p0, i64 2
  %p3 = getelementptr i64, ptr %p0, i64 3
  %w0 = load i64, ptr %p0
  %w1 = load i64, ptr %p1
  %w2 = load i64, ptr %p2
  %w3 = load i64, ptr %p3
  %e0 = zext i64 %w0 to i256
  %e1 = zext i64 %w1 to i256
  %e2 = zext i64 %w2 to i256
  %e3 = zext i64 %w3 to i256
  %s0 = shl i256 %e0, 192
  %s1 = shl i256 %e1, 128
  %s2 = shl i256 %e2, 64
  %o1 = or i256 %s0, %s1
  %o2 = or i256 %o1, %s2
  %o3 = or i256 %o2, %e3
  %count = zext i64 %inside to i256
  %moved = shl i256 %o3, %count
  %top = lshr i256 %moved, 64
  %window = trunc i256 %top to i192
  %m = zext i64 %integer to i192
  %product = mul i192 %window, %m
  %rounded = add i192 %product, {1 << 189}
  %quarters = lshr i192 %rounded, 190
  %n = trunc i192 %quarters to i64
  %fraction = shl i192 %product, 2
  %below = icmp slt i192 %fraction, 0
  %opposite = sub i192 0, %fraction
  %size = select i1 %below, i192 %opposite, i192 %fraction
  %zeros = call i192 @llvm.ctlz.i192(i192 %size, i1 false)
  %normal = shl i192 %size, %zeros
  %head = lshr i192 %normal, 139
  %head64 = trunc i192 %head to i64
  %rest = lshr i192 %normal, 86
  %rest64 = trunc i192 %rest to i64
  %tail64 = and i64 %rest64, 9007199254740991
  %h = uitofp i64 %head64 to double
  %t0 = uitofp i64 %tail64 to double
  %t = fmul double %t0, {number(2.0**-53)}
  %r0 = fmul double %h, {number(HALF_PI[0])}
  %opposite0 = fneg double %r0
  %lost = call double @llvm.fma.f64(double %h, double {number(HALF_PI[0])}, double %opposite0)
  %more = call double @llvm.fma.f64(double %h, double {number(HALF_PI[1])}, double %lost)
  %all = call double @llvm.fma.f64(double %t, double {number(HALF_PI[0])}, double %more)
  %sum = fadd double %r0, %all
  %zeros64 = trunc i192 %zeros to i64
  %power = sub i64 {1023 - 53}, %zeros64
  %place = shl i64 %power, 52
  %scale = bitcast i64 %place to double
  %r1 = fmul double %sum, %scale
  %minus = fneg double %r1
  %negative = icmp slt i64 %bits, 0
  %turned = xor i1 %negative, %below
  %r2 = select i1 %turned, double %minus, double %r1
  %nan = fsub double %x, %x
  %r = select i1 %infinite, double %nan, double %r2
  %back = sub i64 0, %n
  %n1 = select i1 %negative, i64 %back, i64 %n
  %v = insertvalue {{ i64, double }} poison, i64 %n1, 0
  %both = insertvalue {{ i64, double }} %v, double %r, 1
  ret {{ i64, double }} %both
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
    n, r = reduced(w, w.x)
    return of_zero(w, chosen(w, n, *sin_and_cos(w, r)))


def cos(w: Writer) -> Value:
    n, r = reduced(w, w.x)
    return chosen(w, n + 1, *sin_and_cos(w, r))


def sincos(w: Writer) -> tuple[Value, Value]:
    n, r = reduced(w, w.x)
    both = sin_and_cos(w, r)
    return of_zero(w, chosen(w, n, *both)), chosen(w, n + 1, *both)
