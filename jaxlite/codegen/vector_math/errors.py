"""erf, erfc and the inverse of erf."""

from __future__ import annotations

from jaxlite.codegen.vector_math import coefficients as c
from jaxlite.codegen.vector_math.exponentials import exp_of_rest, reduced, times_any_power, times_power
from jaxlite.codegen.vector_math.logarithms import INF, NAN, log_of_normal
from jaxlite.codegen.vector_math.writer import Value, Writer

# Up to here erf is one polynomial; above, 1 less another.
NEAR = 1.0
# erfc(x)·exp(x²)·(1 + 2·x) is a polynomial of (x - MIDDLE)/(x + MIDDLE).
MIDDLE = 3.75
# From here on erf is 1, and erfc 0.
FAR, FARTHEST = 6.0, 27.3
FAR_FLOAT, FARTHEST_FLOAT = 4.0, 11.0
# From here on -log(1 - x²) is far.
FAR_LOG = 5.0
# Where erfc is no longer a normal number.
SUBNORMAL = 26.5


def near(w: Writer, x: Value) -> Value:
    """erf(x) - x"""
    return x * w.polynomial(x * x, w.fit(c.ERF))


def scaled(w: Writer, x: Value) -> tuple[Value, Value, Value]:
    """Return erfc(x)·exp(x²), x², and its rounding error, for x >= ½."""
    t = (x - MIDDLE) / (x + MIDDLE)
    wide, lost = w.two_sum(x * 2.0, w.constant(1.0))
    inverse = 1.0 / wide
    leading, others = w.split_polynomial(t, c.ERFC)
    value = (others + leading) * inverse
    if not w.widened:
        value = w.mad(value, w.fma(-wide, inverse, 1.0) - lost * inverse, value)
    return (value, *w.two_product(x, x))


def erf(w: Writer) -> Value:
    size = w.abs(w.x)
    end, middle = w.pick((FAR, 3.5), (FAR_FLOAT, 2.5))

    def far():
        return 1.0 - w.polynomial(w.min(size, end) - middle, w.fit((c.ERF_FAR[0], c.ERF_FAR_FLOAT[1])))

    value = w.fixed(size.not_below(NEAR), far, size + near(w, size))
    return w.copysign(value, w.x)


def erfc(w: Writer) -> Value:
    x, size = w.x, w.min(w.abs(w.x), FARTHEST_FLOAT if w.widened else FARTHEST)
    factor, square, lost = scaled(w, w.max(size, 0.5))
    t, r = reduced(w, -square)
    p = exp_of_rest(w, r - lost) * factor
    value = times_power(w, p, t)
    if not w.widened:
        value = w.fixed(size > SUBNORMAL, lambda: times_any_power(w, p, t), value)
    value = w.select(x < 0.0, 2.0 - value, value)
    return w.select(size < 0.5, 1.0 - (x + near(w, x)), value)


def erfinv(w: Writer) -> Value:
    """x·P(-log(1 - x²)), and near ±1 a polynomial of the square root of that."""
    x = w.x
    log = -log_of_normal(w, w.fma(-x, x, 1.0))

    def times(v: Value, fits) -> Value:
        leading, others = w.split_polynomial(v, fits)
        return w.fma(x, leading, x * others)

    value = times(log - c.ERFINV_MIDDLE, c.ERFINV)

    def near_one():
        root = w.sqrt(log)
        lost = w.fma(-root, root, log) / (root * 2.0)
        far = times((root - c.ERFINV_FAR_MIDDLE) + lost, c.ERFINV_FAR)
        size = w.abs(x)
        return w.select(size < 1.0, far, w.select(size.equals(1.0), w.copysign(INF, x), NAN))

    return w.fixed(log.not_below(FAR_LOG) | w.abs(x).not_below(1.0), near_one, value)
