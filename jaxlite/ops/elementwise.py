"""Elementwise primitives: arithmetic, powers, exponentials, trigonometry, comparison, bits, conversion.

Each section holds the rules that are longer than a line, the declarations, and the user functions::

    tanh_p = elementwise("tanh", np.tanh, derivative=lambda ans, x: sub(1.0, square(ans)), doc="…")

    jvp of tanh:   c:f64[3] = tanh a; d:f64[3] = square c; e:f64[3] = sub 1.0 d; f:f64[3] = mul ȧ e

The user functions have the primitives' names, so ``abs``, ``max``, ``min``, ``pow``, ``round`` and
``complex`` are not Python's here. Only ``and``, ``or`` and ``not`` cannot name a function; with ``xor`` they
are ``bitwise_and`` … as in ``jax.lax``. At kinks and singular points derivatives follow JAX.
"""

from __future__ import annotations

import math
import operator

import numpy as np

from jaxlite.dtypes import as_dtype, complex_dtype, is_inexact, short_name
from jaxlite.errors import ArgumentError, DtypeError
from jaxlite.ir import ShapedArray
from jaxlite.ops.families import (
    COMPLEX,
    FLOAT,
    INEXACT,
    INTEGER,
    INTEGRAL,
    NUMERIC,
    REAL,
    bool_result,
    check_kinds,
    check_same_dtype,
    comparison,
    elementwise,
    elementwise_shape,
    linear_unary,
    match_scalars,
    nary,
    nonlinear,
    piecewise_constant,
    real_result,
    scalar_like,
    sum_terms,
    to_shape,
    unbroadcast,
)
from jaxlite.primitive import NOT_LINEAR, Primitive, Zero, is_linear
from jaxlite.trace import Tracer, aval_of

NUMERIC_REAL = "iuf"


def _bind_checked(primitive: Primitive, x, **params):
    """Bind after checking operand and params: NumPy would accept what the primitive refuses."""
    primitive.abstract_eval(aval_of(x), **params)
    return primitive.bind(x, **params)


def _tangent_or_zero(tangent):
    """Return a tangent as an operand; a symbolic zero as a scalar."""
    return tangent.aval.dtype.type(0) if type(tangent) is Zero else tangent


# --- arithmetic -------------------------------------------------------------------------------------


def _add_jvp(primals, tangents):
    ans = add(*primals)
    shape = aval_of(ans).shape
    return (ans,), (sum_terms([to_shape(t, shape) for t in tangents if type(t) is not Zero], ans),)


def _add_transpose(cts, x, y):
    (z_bar,) = cts
    return tuple(unbroadcast(z_bar, a.aval) if is_linear(a) else None for a in (x, y))


def _sub_jvp(primals, tangents):
    ans = sub(*primals)
    shape = aval_of(ans).shape
    x_dot, y_dot = tangents
    if type(x_dot) is not Zero and type(y_dot) is not Zero:
        return (ans,), (to_shape(sub(x_dot, y_dot), shape),)
    return (ans,), (to_shape(neg(y_dot) if type(x_dot) is Zero else x_dot, shape),)


def _sub_transpose(cts, x, y):
    (z_bar,) = cts
    x_bar = unbroadcast(z_bar, x.aval) if is_linear(x) else None
    return x_bar, unbroadcast(neg(z_bar), y.aval) if is_linear(y) else None


def _mul_jvp(primals, tangents):
    (x, y), (x_dot, y_dot) = primals, tangents
    ans = mul(x, y)
    shape = aval_of(ans).shape
    terms = [] if type(x_dot) is Zero else [to_shape(mul(x_dot, y), shape)]
    terms += [] if type(y_dot) is Zero else [to_shape(mul(x, y_dot), shape)]
    return (ans,), (sum_terms(terms, ans),)


def _mul_transpose(cts, x, y):
    (z_bar,) = cts
    if is_linear(x) and is_linear(y):
        return NOT_LINEAR
    if is_linear(x):
        return unbroadcast(mul(z_bar, y), x.aval), None
    return None, unbroadcast(mul(x, z_bar), y.aval)


def _div_impl(x, y):
    if np.asarray(x).dtype.kind not in INTEGER:
        return np.true_divide(x, y)
    # The difference is a multiple of y, so that rounding down changes nothing; NumPy gives n // 0 = 0.
    return np.floor_divide(np.subtract(x, np.fmod(x, y)), y)


def _is_one(x) -> bool:
    """Whether a value is the number 1, known while tracing."""
    return not isinstance(x, Tracer) and np.ndim(x) == 0 and x == 1


def _div_jvp(primals, tangents):
    # With as few divisions as may be, which take longer than all else here.
    (x, y), (x_dot, y_dot) = primals, tangents
    ans = div(x, y)
    if type(y_dot) is Zero:
        ans_dot = div(x_dot, y)
    elif type(x_dot) is not Zero:
        ans_dot = div(sub(x_dot, mul(ans, y_dot)), y)
    else:
        ans_dot = mul(neg(y_dot), mul(ans, ans) if _is_one(x) else div(ans, y))
    return (ans,), (to_shape(ans_dot, aval_of(ans).shape),)


def _div_transpose(cts, x, y):
    (z_bar,) = cts
    return NOT_LINEAR if is_linear(y) else (unbroadcast(div(z_bar, y), x.aval), None)


def _rem_jvp_y(y_dot, ans, x, y):
    # (x - ans)/y is an integer up to rounding; the truncated quotient x/y could round up to the next one.
    return mul(neg(y_dot), round(div(sub(x, ans), y), TO_NEAREST_EVEN))


def _abs_jvp(primals, tangents):
    (x,), (x_dot,) = primals, tangents
    ans = abs(x)
    if aval_of(x).dtype.kind != "c":
        return (ans,), (mul(x_dot, select_n(ge(x, 0.0), scalar_like(x, -1), scalar_like(x, 1))),)
    modulus = select_n(eq(ans, 0.0), ans, scalar_like(ans, 1))
    return (ans,), (real(mul(x_dot, div(conj(x), complex(modulus, 0.0)))),)


def _tie_weight(x, ans, y):
    """Return what max or min passes on to operand ``x``: 1 where it was chosen, ½ where both were equal."""
    one_or_half = select_n(eq(y, ans), scalar_like(ans, 1), scalar_like(ans, 0.5))
    return select_n(eq(x, ans), scalar_like(ans, 0), one_or_half)


def _choice_jvp_x(x_dot, ans, x, y):
    return mul(x_dot, _tie_weight(x, ans, y))


def _choice_jvp_y(y_dot, ans, x, y):
    return mul(y_dot, _tie_weight(y, ans, x))


def _clamp_impl(min, x, max):
    return np.minimum(np.maximum(min, x), max)


def _where(condition, tangent):
    return select_n(condition, scalar_like(tangent, 0), tangent)


def _clamp_jvp_min(min_dot, ans, min, x, max):
    return _where(bitwise_and(gt(min, x), lt(min, max)), min_dot)


def _clamp_jvp_x(x_dot, ans, min, x, max):
    return _where(bitwise_and(gt(x, min), lt(x, max)), x_dot)


def _clamp_jvp_max(max_dot, ans, min, x, max):
    return _where(bitwise_or(gt(x, max), gt(min, max)), max_dot)


add_p = nary(
    "add", np.add, jvp=_add_jvp, transpose=_add_transpose, keeps_weak=True, doc="z = x + y;  ż = ẋ + ẏ"
)
add_any_p = nary(
    "add_any", np.add, jvp=_add_jvp, transpose=_add_transpose, lower="add", doc="z = x + y, of cotangents"
)
sub_p = nary(
    "sub", np.subtract, jvp=_sub_jvp, transpose=_sub_transpose, kinds=NUMERIC, keeps_weak=True,
    doc="z = x - y;  ż = ẋ - ẏ",
)  # fmt: skip
mul_p = nary(
    "mul", np.multiply, jvp=_mul_jvp, transpose=_mul_transpose, keeps_weak=True, doc="z = x·y;  ż = ẋ·y + x·ẏ"
)
div_p = nary(
    "div", _div_impl, jvp=_div_jvp, transpose=_div_transpose, kinds=NUMERIC, keeps_weak=True,
    doc="z = x/y;  ż = ẋ/y - z·ẏ/y;  integers truncate, n/0 = 0",
)  # fmt: skip
neg_p = linear_unary(
    "neg", np.negative, transpose=lambda ct, aval: neg(ct), kinds=NUMERIC, keeps_weak=True,
    doc="z = -x;  ż = -ẋ",
)  # fmt: skip
rem_p = nonlinear(
    "rem", np.fmod, derivatives=(lambda x_dot, ans, x, y: x_dot, _rem_jvp_y),
    kinds=NUMERIC_REAL, keeps_weak=True, doc="z = x - y·trunc(x/y);  ż = ẋ - trunc(x/y)·ẏ",
)  # fmt: skip
mod_p = nonlinear(
    "mod", np.remainder,
    derivatives=(lambda x_dot, ans, x, y: x_dot, lambda y_dot, ans, x, y: mul(neg(y_dot), floor_div(x, y))),
    kinds=NUMERIC_REAL, keeps_weak=True, doc="z = x - y·⌊x/y⌋;  ż = ẋ - ⌊x/y⌋·ẏ;  integers: n mod 0 = 0",
)  # fmt: skip
floor_div_p = piecewise_constant(
    "floor_div", np.floor_divide, kinds=NUMERIC_REAL, keeps_weak=True, doc="z = ⌊x/y⌋;  integers: ⌊n/0⌋ = 0"
)
abs_p = nary(
    "abs", np.abs, jvp=_abs_jvp, transpose=NOT_LINEAR,
    kinds=NUMERIC, result_dtype=real_result, keeps_weak=True,
    doc="z = |x|;  ż = ẋ where x >= 0, else -ẋ;  complex: ż = Re(ẋ·conj(x)/z), 0 at 0",
)  # fmt: skip
sign_p = piecewise_constant("sign", np.sign, kinds=NUMERIC, doc="z = -1, 0 or 1;  complex: x/|x|, 0 at 0")
max_p = nonlinear(
    "max", np.maximum, derivatives=(_choice_jvp_x, _choice_jvp_y), doc="z = max(x, y) or NaN;  ties share ż"
)
min_p = nonlinear(
    "min", np.minimum, derivatives=(_choice_jvp_x, _choice_jvp_y), doc="z = min(x, y) or NaN;  ties share ż"
)
clamp_p = nonlinear(
    "clamp", _clamp_impl, derivatives=(_clamp_jvp_min, _clamp_jvp_x, _clamp_jvp_max), kinds=REAL,
    doc="z = min(max(min, x), max);  ż = ẋ strictly between the bounds",
)  # fmt: skip
nextafter_p = nonlinear(
    "nextafter", np.nextafter, derivatives=(lambda x_dot, ans, x, y: x_dot, None), kinds=FLOAT,
    doc="z = the number next to x in the direction of y;  ż = ẋ",
)  # fmt: skip


def add(x, y):
    """Add elementwise; operands of one dtype and shape (or rank 0)."""
    return add_p.bind(*match_scalars(x, y))


def add_any(x, y):
    """Add two cotangents."""
    return add_any_p.bind(x, y)


def sub(x, y):
    """Subtract elementwise."""
    return sub_p.bind(*match_scalars(x, y))


def mul(x, y):
    """Multiply elementwise."""
    return mul_p.bind(*match_scalars(x, y))


def div(x, y):
    """Divide elementwise; integer quotients are truncated towards zero, and n / 0 is 0."""
    return div_p.bind(*match_scalars(x, y))


def neg(x):
    """Negate elementwise."""
    return neg_p.bind(x)


def rem(x, y):
    """Remainder of truncated division, with the sign of ``x`` (C's ``fmod``)."""
    return rem_p.bind(*match_scalars(x, y))


def mod(x, y):
    """Remainder of floor division, with the sign of ``y`` (Python's ``%``); integers: n % 0 is 0."""
    return mod_p.bind(*match_scalars(x, y))


def floor_div(x, y):
    """Quotient rounded down (Python's ``//``); integers: n // 0 is 0."""
    return floor_div_p.bind(*match_scalars(x, y))


def abs(x):
    """Absolute value; the modulus of complex numbers, which is real."""
    return abs_p.bind(x)


def sign(x):
    """Sign: -1, 0 or 1; of complex numbers x/|x|."""
    return sign_p.bind(x)


def max(x, y):
    """Larger of two values; NaN if either is."""
    return max_p.bind(*match_scalars(x, y))


def min(x, y):
    """Smaller of two values; NaN if either is."""
    return min_p.bind(*match_scalars(x, y))


def clamp(min, x, max):
    """Limit ``x`` to the range from ``min`` to ``max``."""
    return clamp_p.bind(*match_scalars(min, x, max))


def nextafter(x, y):
    """Next floating-point number after ``x`` in the direction of ``y``."""
    return nextafter_p.bind(*match_scalars(x, y))


# --- powers and roots -------------------------------------------------------------------------------


def _pow_abstract_eval(x, y):
    check_kinds("pow", (x, y), NUMERIC)
    if y.dtype.kind not in INTEGER:
        check_same_dtype("pow", (x, y))
    return (ShapedArray(elementwise_shape("pow", (x, y)), x.dtype, x.weak_type and y.weak_type),)


def _pow_impl(x, y):
    x, y = np.asarray(x), np.asarray(y)
    if x.dtype.kind not in INTEGER or y.dtype.kind == "u" or not np.any(y < 0):
        return np.power(x, y).astype(x.dtype, copy=False)
    # 1/n truncates to 0, as 1/0 does, unless n is 1 or -1.
    inverse = np.where(np.abs(x) == 1, np.power(x, y & 1), 0)
    return np.where(y < 0, inverse, np.power(x, np.maximum(y, 0))).astype(x.dtype, copy=False)


def _pow_jvp_x(x_dot, ans, x, y):
    if aval_of(y).dtype.kind not in INTEGER:
        return mul(x_dot, mul(y, pow(x, sub(y, 1.0))))
    # x**0 is constant at x = 0 too, where y·x**(y - 1) would be 0·inf.
    less_one = select_n(eq(y, 0), sub(y, 1), scalar_like(y, 0))
    return mul(x_dot, mul(convert_element_type(y, aval_of(x).dtype), pow(x, less_one)))


def _pow_jvp_y(y_dot, ans, x, y):
    # 0**y is constant for y > 0, where log(x)·z would be -inf·0.
    nonzero = select_n(eq(x, 0.0), x, scalar_like(x, 1))
    return mul(y_dot, mul(log(nonzero), ans))


def _integer_pow_abstract_eval(x, *, y):
    check_kinds("integer_pow", (x,), NUMERIC)
    if y < 0 and not is_inexact(x.dtype):
        raise DtypeError(
            f"integer_pow: {x} is raised to the power {y}.",
            why="integers cannot be raised to negative powers.",
            fix="convert the operand with x.astype(float).",
        )
    return (x,)


def _integer_pow_impl(x, *, y):
    x = np.asarray(x)
    if y == 2:
        return np.square(x)
    if y == 3:
        return np.multiply(np.square(x), x)
    if is_inexact(x.dtype):
        return np.reciprocal(x) if y == -1 else np.power(x, x.dtype.type(y))
    return np.power(x, np.int64(y)).astype(x.dtype, copy=False)


def _integer_pow_derivative(ans, x, y):
    if y in (0, 1):
        return float(y)
    return mul(x, 2.0) if y == 2 else mul(integer_pow(x, y - 1), float(y))


pow_p = nonlinear(
    "pow", _pow_impl, derivatives=(_pow_jvp_x, _pow_jvp_y), abstract_eval=_pow_abstract_eval,
    doc="z = x^y;  ż = y·x^(y-1)·ẋ + log(x)·z·ẏ;  integers: 1/n truncates",
)  # fmt: skip
integer_pow_p = elementwise(
    "integer_pow", _integer_pow_impl, derivative=_integer_pow_derivative,
    abstract_eval=_integer_pow_abstract_eval, doc="z = x^y for a fixed integer y;  ż = y·x^(y-1)·ẋ",
)  # fmt: skip
square_p = elementwise(
    "square", np.square, derivative=lambda ans, x: mul(x, 2.0), kinds=NUMERIC, doc="z = x²;  ż = 2x·ẋ"
)
sqrt_p = elementwise("sqrt", np.sqrt, derivative=lambda ans, x: div(0.5, ans), doc="z = √x;  ż = ẋ/2z")
rsqrt_p = elementwise(
    "rsqrt", lambda x: np.reciprocal(np.sqrt(x)), derivative=lambda ans, x: mul(div(ans, x), -0.5),
    doc="z = 1/√x;  ż = -z/2x·ẋ",
)  # fmt: skip
cbrt_p = elementwise(
    "cbrt", np.cbrt, derivative=lambda ans, x: mul(integer_pow(ans, -2), 1 / 3), kinds=FLOAT,
    doc="z = ∛x;  ż = ẋ/3z²",
)  # fmt: skip


def pow(x, y):
    """Raise ``x`` to the power ``y``, which has the dtype of ``x`` or an integer one.

    An integer to a negative power is truncated: 1 and -1 keep their powers, all others give 0.
    """
    integer_exponent = aval_of(y).dtype.kind in INTEGER and is_inexact(aval_of(x).dtype)
    return pow_p.bind(x, y) if integer_exponent or type(y) is int else pow_p.bind(*match_scalars(x, y))


def integer_pow(x, y: int):
    """Raise ``x`` to a fixed integer power."""
    return _bind_checked(integer_pow_p, x, y=operator.index(y))


def square(x):
    """Square."""
    return square_p.bind(x)


def sqrt(x):
    """Square root; NaN below 0."""
    return sqrt_p.bind(x)


def rsqrt(x):
    """Reciprocal of the square root."""
    return rsqrt_p.bind(x)


def cbrt(x):
    """Cube root, of negative numbers too."""
    return cbrt_p.bind(x)


# --- exponentials and logarithms --------------------------------------------------------------------


def _logistic_impl(x):
    if np.asarray(x).dtype.kind == "c":
        return np.reciprocal(np.exp(np.negative(x)) + 1)
    # exp(-|x|) does not overflow, so that small results keep their relative accuracy.
    e = np.exp(-np.abs(x))
    return np.where(np.greater_equal(x, 0), 1, e) / (1 + e)


exp_p = elementwise("exp", np.exp, derivative=lambda ans, x: ans, doc="z = exp(x);  ż = z·ẋ")
exp2_p = elementwise(
    "exp2", np.exp2, derivative=lambda ans, x: mul(ans, math.log(2)), kinds=FLOAT,
    doc="z = 2^x;  ż = log(2)·z·ẋ",
)  # fmt: skip
# The derivative is not z + 1, which is 0 below -37.
expm1_p = elementwise(
    "expm1", np.expm1, derivative=lambda ans, x: exp(x), doc="z = exp(x) - 1;  ż = exp(x)·ẋ"
)
log_p = elementwise("log", np.log, derivative=lambda ans, x: div(1.0, x), doc="z = log(x);  ż = ẋ/x")
log1p_p = elementwise(
    "log1p", np.log1p, derivative=lambda ans, x: div(1.0, add(x, 1.0)), doc="z = log(1 + x);  ż = ẋ/(1 + x)"
)
logistic_p = elementwise(
    "logistic", _logistic_impl, derivative=lambda ans, x: mul(ans, sub(1.0, ans)),
    doc="z = 1/(1 + exp(-x));  ż = z·(1 - z)·ẋ",
)  # fmt: skip


def exp(x):
    """Exponential."""
    return exp_p.bind(x)


def exp2(x):
    """Power of two."""
    if aval_of(x).dtype.kind == "c":
        return exp(mul(x, math.log(2)))
    return exp2_p.bind(x)


def expm1(x):
    """Exponential minus one, accurate near 0."""
    return expm1_p.bind(x)


def log(x):
    """Natural logarithm."""
    return log_p.bind(x)


def log1p(x):
    """Natural logarithm of 1 + x, accurate near 0."""
    return log1p_p.bind(x)


def logistic(x):
    """Logistic sigmoid, 1/(1 + exp(-x))."""
    return logistic_p.bind(x)


# --- trigonometric and hyperbolic functions ---------------------------------------------------------


def _one_minus_square(x):
    """Return 1 - x² in the form that is accurate near ±1."""
    return mul(sub(1.0, x), add(1.0, x))


def _acosh_derivative(ans, x):
    # Two roots: x² would overflow early, and for complex x only the product lies on the right branch.
    return mul(rsqrt(sub(x, 1.0)), rsqrt(add(x, 1.0)))


def _atan2_jvp_x(x_dot, ans, x, y):
    return mul(x_dot, div(y, add(square(x), square(y))))


def _atan2_jvp_y(y_dot, ans, x, y):
    return mul(neg(y_dot), div(x, add(square(x), square(y))))


sin_p = elementwise("sin", np.sin, derivative=lambda ans, x: cos(x), doc="z = sin(x);  ż = cos(x)·ẋ")
cos_p = elementwise("cos", np.cos, derivative=lambda ans, x: neg(sin(x)), doc="z = cos(x);  ż = -sin(x)·ẋ")
tan_p = elementwise(
    "tan", np.tan, derivative=lambda ans, x: add(square(ans), 1.0), doc="z = tan(x);  ż = (1 + z²)·ẋ"
)
asin_p = elementwise(
    "asin", np.arcsin, derivative=lambda ans, x: rsqrt(_one_minus_square(x)),
    doc="z = asin(x);  ż = ẋ/√(1 - x²)",
)  # fmt: skip
acos_p = elementwise(
    "acos", np.arccos, derivative=lambda ans, x: neg(rsqrt(_one_minus_square(x))),
    doc="z = acos(x);  ż = -ẋ/√(1 - x²)",
)  # fmt: skip
atan_p = elementwise(
    "atan", np.arctan, derivative=lambda ans, x: div(1.0, add(square(x), 1.0)),
    doc="z = atan(x);  ż = ẋ/(1 + x²)",
)  # fmt: skip
atan2_p = nonlinear(
    "atan2", np.arctan2, derivatives=(_atan2_jvp_x, _atan2_jvp_y), kinds=FLOAT,
    doc="z = the angle whose sine and cosine are as x to y;  ż = (y·ẋ - x·ẏ)/(x² + y²)",
)  # fmt: skip
sinh_p = elementwise("sinh", np.sinh, derivative=lambda ans, x: cosh(x), doc="z = sinh(x);  ż = cosh(x)·ẋ")
cosh_p = elementwise("cosh", np.cosh, derivative=lambda ans, x: sinh(x), doc="z = cosh(x);  ż = sinh(x)·ẋ")
tanh_p = elementwise(
    "tanh", np.tanh, derivative=lambda ans, x: sub(1.0, square(ans)), doc="z = tanh(x);  ż = (1 - z²)·ẋ"
)
asinh_p = elementwise(
    "asinh", np.arcsinh, derivative=lambda ans, x: rsqrt(add(square(x), 1.0)),
    doc="z = asinh(x);  ż = ẋ/√(1 + x²)",
)  # fmt: skip
acosh_p = elementwise(
    "acosh", np.arccosh, derivative=_acosh_derivative, doc="z = acosh(x);  ż = ẋ/(√(x - 1)·√(x + 1))"
)
atanh_p = elementwise(
    "atanh", np.arctanh, derivative=lambda ans, x: div(1.0, _one_minus_square(x)),
    doc="z = atanh(x);  ż = ẋ/(1 - x²)",
)  # fmt: skip


def sin(x):
    """Sine of an angle in radians."""
    return sin_p.bind(x)


def cos(x):
    """Cosine of an angle in radians."""
    return cos_p.bind(x)


def tan(x):
    """Tangent of an angle in radians."""
    return tan_p.bind(x)


def asin(x):
    """Arc sine in radians, from -π/2 to π/2."""
    return asin_p.bind(x)


def acos(x):
    """Arc cosine in radians, from 0 to π."""
    return acos_p.bind(x)


def atan(x):
    """Arc tangent in radians, from -π/2 to π/2."""
    return atan_p.bind(x)


def atan2(x, y):
    """Angle in radians, from -π to π, of the point whose abscissa is ``y`` and whose ordinate is ``x``."""
    return atan2_p.bind(*match_scalars(x, y))


def sinh(x):
    """Hyperbolic sine."""
    return sinh_p.bind(x)


def cosh(x):
    """Hyperbolic cosine."""
    return cosh_p.bind(x)


def tanh(x):
    """Hyperbolic tangent."""
    return tanh_p.bind(x)


def asinh(x):
    """Inverse hyperbolic sine."""
    return asinh_p.bind(x)


def acosh(x):
    """Inverse hyperbolic cosine; NaN below 1."""
    return acosh_p.bind(x)


def atanh(x):
    """Inverse hyperbolic tangent; NaN outside [-1, 1]."""
    return atanh_p.bind(x)


# --- comparison -------------------------------------------------------------------------------------

eq_p = comparison("eq", np.equal, doc="z = x == y")
ne_p = comparison("ne", np.not_equal, doc="z = x != y")
lt_p = comparison("lt", np.less, kinds=REAL, doc="z = x < y")
le_p = comparison("le", np.less_equal, kinds=REAL, doc="z = x <= y")
gt_p = comparison("gt", np.greater, kinds=REAL, doc="z = x > y")
ge_p = comparison("ge", np.greater_equal, kinds=REAL, doc="z = x >= y")


def eq(x, y):
    """Whether x == y."""
    return eq_p.bind(*match_scalars(x, y))


def ne(x, y):
    """Whether x != y."""
    return ne_p.bind(*match_scalars(x, y))


def lt(x, y):
    """Whether x < y."""
    return lt_p.bind(*match_scalars(x, y))


def le(x, y):
    """Whether x <= y."""
    return le_p.bind(*match_scalars(x, y))


def gt(x, y):
    """Whether x > y."""
    return gt_p.bind(*match_scalars(x, y))


def ge(x, y):
    """Whether x >= y."""
    return ge_p.bind(*match_scalars(x, y))


# --- selection --------------------------------------------------------------------------------------


def _select_n_abstract_eval(which, *cases):
    if which.dtype.kind not in INTEGRAL or not cases or (which.dtype.kind == "b" and len(cases) > 2):
        raise DtypeError(
            f"select_n: {which} selects among {len(cases)} cases.",
            why="a bool selects one of two cases, an integer one of any number.",
        )
    check_same_dtype("select_n", cases)
    return (ShapedArray(elementwise_shape("select_n", (which, *cases)), cases[0].dtype),)


def _select_n_impl(which, *cases):
    if len(cases) <= 2:
        second = which if np.asarray(which).dtype.kind == "b" else np.greater_equal(which, 1)
        return np.where(second, cases[-1], cases[0])
    chosen = cases[0]
    for index, case in enumerate(cases[1:], 1):
        chosen = np.where(np.greater_equal(which, index), case, chosen)
    return chosen


def _select_n_jvp(primals, tangents):
    which, *cases = primals
    ans = select_n(which, *cases)
    tangent = select_n(which, *map(_tangent_or_zero, tangents[1:]))
    return (ans,), (to_shape(tangent, aval_of(ans).shape),)


def _select_n_transpose(cts, which, *cases):
    (z_bar,) = cts
    zero = scalar_like(z_bar, 0)

    def case_bar(index):
        chosen = [z_bar if i == index else zero for i in range(len(cases))]
        return unbroadcast(select_n(which, *chosen), cases[index].aval)

    return None, *[case_bar(i) if is_linear(case) else None for i, case in enumerate(cases)]


select_n_p = nary(
    "select_n", _select_n_impl, jvp=_select_n_jvp, transpose=_select_n_transpose,
    abstract_eval=_select_n_abstract_eval, doc="z = cases[which];  ż = tangents of cases[which]",
)  # fmt: skip


def select_n(which, *cases):
    """Choose elementwise among ``cases`` by a bool (False: the first) or an integer, which is clamped."""
    return select_n_p.bind(which, *match_scalars(*cases))


# --- logic and bits ---------------------------------------------------------------------------------


def _unsigned(x):
    x = np.asarray(x)
    return x.view(f"u{x.dtype.itemsize}")


def _shift_right_logical_impl(x, y):
    return np.right_shift(_unsigned(x), _unsigned(y)).view(np.asarray(x).dtype)


def _shift_right_arithmetic_impl(x, y):
    x = np.asarray(x)
    bits = 8 * x.dtype.itemsize
    signed = x.view(f"i{x.dtype.itemsize}")
    # As unsigned, an amount below 0 is a large one: it leaves nothing but copies of the sign.
    amount = np.minimum(_unsigned(y), bits - 1).astype(signed.dtype)
    return np.right_shift(signed, amount).view(x.dtype)


def _population_count_impl(x):
    return np.bitwise_count(_unsigned(x)).astype(np.asarray(x).dtype)


def _clz_impl(x):
    bits = _unsigned(x)
    width = 8 * bits.dtype.itemsize
    shift = 1
    while shift < width:
        bits = bits | (bits >> shift)  # every bit below the highest one becomes 1
        shift *= 2
    return (width - np.bitwise_count(bits)).astype(np.asarray(x).dtype)


and_p = piecewise_constant("and", np.bitwise_and, kinds=INTEGRAL, keeps_weak=True, doc="z = x & y")
or_p = piecewise_constant("or", np.bitwise_or, kinds=INTEGRAL, keeps_weak=True, doc="z = x | y")
xor_p = piecewise_constant("xor", np.bitwise_xor, kinds=INTEGRAL, keeps_weak=True, doc="z = x ^ y")
not_p = piecewise_constant("not", np.invert, kinds=INTEGRAL, keeps_weak=True, doc="z = ~x")
shift_left_p = piecewise_constant(
    "shift_left", np.left_shift, kinds=INTEGER, keeps_weak=True, doc="z = x << y, 0 for y outside the width"
)
shift_right_logical_p = piecewise_constant(
    "shift_right_logical", _shift_right_logical_impl, kinds=INTEGER, keeps_weak=True,
    doc="z = x >> y, filled with 0",
)  # fmt: skip
shift_right_arithmetic_p = piecewise_constant(
    "shift_right_arithmetic", _shift_right_arithmetic_impl, kinds=INTEGER, keeps_weak=True,
    doc="z = x >> y, filled with the sign bit",
)  # fmt: skip
population_count_p = piecewise_constant(
    "population_count", _population_count_impl, kinds=INTEGER, doc="z = the number of bits of x that are 1"
)
clz_p = piecewise_constant(
    "clz", _clz_impl, kinds=INTEGER, doc="z = the number of 0 bits above the highest 1 of x"
)


def bitwise_and(x, y):
    """And of bools, or of the bits of integers."""
    return and_p.bind(*match_scalars(x, y))


def bitwise_or(x, y):
    """Or of bools, or of the bits of integers."""
    return or_p.bind(*match_scalars(x, y))


def bitwise_xor(x, y):
    """Exclusive or of bools, or of the bits of integers."""
    return xor_p.bind(*match_scalars(x, y))


def bitwise_not(x):
    """Negation of bools, or of the bits of integers."""
    return not_p.bind(x)


def shift_left(x, y):
    """Shift the bits of ``x`` left by ``y``; 0 for amounts outside the width."""
    return shift_left_p.bind(*match_scalars(x, y))


def shift_right_logical(x, y):
    """Shift the bits of ``x`` right by ``y``, filling with 0; 0 for amounts outside the width."""
    return shift_right_logical_p.bind(*match_scalars(x, y))


def shift_right_arithmetic(x, y):
    """Shift the bits of ``x`` right by ``y``, filling with the sign bit."""
    return shift_right_arithmetic_p.bind(*match_scalars(x, y))


def population_count(x):
    """Number of bits that are 1."""
    return population_count_p.bind(x)


def clz(x):
    """Number of leading bits that are 0."""
    return clz_p.bind(x)


# --- rounding ---------------------------------------------------------------------------------------

AWAY_FROM_ZERO, TO_NEAREST_EVEN = 0, 1


def _round_abstract_eval(x, *, rounding_method):
    check_kinds("round", (x,), FLOAT)
    if rounding_method not in (AWAY_FROM_ZERO, TO_NEAREST_EVEN):
        raise ArgumentError(
            f"round: {x} is rounded by method {rounding_method}.",
            why="halves go away from zero (0) or to the nearest even integer (1).",
        )
    return (x.strip_weak_type(),)


def _round_impl(x, *, rounding_method):
    if rounding_method == TO_NEAREST_EVEN:
        return np.rint(x)
    whole = np.trunc(x)
    # Not trunc(x + 0.5): the sum rounds up to 1 for the number just below 0.5.
    return whole + np.copysign(np.greater_equal(np.abs(x - whole), 0.5), x)


floor_p = piecewise_constant("floor", np.floor, kinds=FLOAT, doc="z = ⌊x⌋")
ceil_p = piecewise_constant("ceil", np.ceil, kinds=FLOAT, doc="z = ⌈x⌉")
round_p = piecewise_constant(
    "round", _round_impl, abstract_eval=_round_abstract_eval, doc="z = the integer nearest to x"
)
is_finite_p = piecewise_constant(
    "is_finite", np.isfinite, kinds=INEXACT, result_dtype=bool_result, doc="z = x is neither infinite nor NaN"
)


def floor(x):
    """Largest integer not above ``x``."""
    return floor_p.bind(x)


def ceil(x):
    """Smallest integer not below ``x``."""
    return ceil_p.bind(x)


def round(x, rounding_method: int = AWAY_FROM_ZERO):
    """Nearest integer; halves go away from zero (method 0) or to the even neighbour (method 1)."""
    return _bind_checked(round_p, x, rounding_method=int(rounding_method))


def is_finite(x):
    """Whether a value is neither infinite nor NaN."""
    return is_finite_p.bind(x)


# --- complex parts ----------------------------------------------------------------------------------


def _complex_result(x, y):
    if x.itemsize < 4:
        raise DtypeError(
            f"complex: no complex dtype has parts of dtype {short_name(x)}.",
            fix="convert with x.astype(np.float32).",
        )
    return complex_dtype(x)


def _complex_impl(x, y):
    z = np.empty(np.broadcast_shapes(np.shape(x), np.shape(y)), complex_dtype(np.asarray(x).dtype))
    z.real, z.imag = x, y
    return z


def _complex_jvp(primals, tangents):
    ans = complex(*primals)
    return (ans,), (to_shape(complex(*map(_tangent_or_zero, tangents)), aval_of(ans).shape),)


def _complex_transpose(cts, x, y):
    (z_bar,) = cts
    x_bar = unbroadcast(real(z_bar), x.aval) if is_linear(x) else None
    return x_bar, unbroadcast(neg(imag(z_bar)), y.aval) if is_linear(y) else None


# Transposes do not conjugate, as JAX's: the gradient of a real function of z = x + iy is ∂f/∂x - i·∂f/∂y.
real_p = linear_unary(
    "real", np.real, transpose=lambda ct, aval: complex(ct, 0.0), kinds=COMPLEX, result_dtype=real_result,
    doc="z = Re x;  x̄ = z̄ + 0i",
)  # fmt: skip
imag_p = linear_unary(
    "imag", np.imag, transpose=lambda ct, aval: complex(0.0, neg(ct)), kinds=COMPLEX,
    result_dtype=real_result, doc="z = Im x;  x̄ = 0 - z̄i",
)  # fmt: skip
conj_p = linear_unary(
    "conj", np.conj, transpose=lambda ct, aval: conj(ct), kinds=COMPLEX, doc="z = conj(x);  x̄ = conj(z̄)"
)
complex_p = nary(
    "complex", _complex_impl, jvp=_complex_jvp, transpose=_complex_transpose, kinds=FLOAT,
    result_dtype=_complex_result, doc="z = x + iy;  x̄ = Re z̄, ȳ = -Im z̄",
)  # fmt: skip


def real(x):
    """Real part of complex numbers."""
    return real_p.bind(x)


def imag(x):
    """Imaginary part of complex numbers."""
    return imag_p.bind(x)


def conj(x):
    """Complex conjugate; of real numbers, the same as complex numbers."""
    return conj_p.bind(x) if aval_of(x).dtype.kind == "c" else complex(x, 0.0)


def complex(x, y):
    """Complex numbers with real part ``x`` and imaginary part ``y``."""
    return complex_p.bind(*match_scalars(x, y))


# --- conversion -------------------------------------------------------------------------------------


def _convert_element_type_abstract_eval(x, *, new_dtype, weak_type):
    return (ShapedArray(x.shape, new_dtype, weak_type),)


def _convert_element_type_impl(x, *, new_dtype, weak_type):
    x = np.asarray(x)
    # NumPy warns when it drops an imaginary part; as a condition a complex number counts as a whole.
    x = x.real if x.dtype.kind == "c" and new_dtype.kind not in "cb" else x
    return _saturated(x, new_dtype) if x.dtype.kind == "f" and new_dtype.kind in "iu" else x.astype(new_dtype)


def _saturated(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Convert floats to integers: what is out of range becomes the nearest integer there is, NaN 0, as in XLA."""
    info = np.iinfo(dtype)
    # The first floats that are out of range, both exact.
    below, above = float(info.min) - 1.0, float(info.max) + 1.0
    if info.bits == 64:
        below = np.nextafter(float(info.min), -np.inf)
    inside = (x > below) & (x < above)
    if np.all(inside):
        return x.astype(dtype)
    kept = np.where(inside, x, 0).astype(dtype)
    return np.where(x >= above, info.max, np.where(x <= below, info.min, kept)).astype(dtype)


def _convert_element_type_jvp(primals, tangents, *, new_dtype, weak_type):
    (x,), (x_dot,) = primals, tangents
    ans = convert_element_type(x, new_dtype, weak_type)
    return (ans,), (convert_element_type(x_dot, new_dtype) if is_inexact(new_dtype) else Zero.like(ans),)


def _convert_element_type_transpose(cts, x, *, new_dtype, weak_type):
    return (convert_element_type(cts[0], x.aval.dtype),)


def _bitcast_convert_type_abstract_eval(x, *, new_dtype):
    if new_dtype.itemsize != x.dtype.itemsize or "b" in (new_dtype.kind, x.dtype.kind):
        raise DtypeError(
            f"bitcast_convert_type: the bits of {x} cannot be read as {short_name(new_dtype)}.",
            why="both dtypes must have the same width, and not every byte is a bool.",
        )
    return (ShapedArray(x.shape, new_dtype),)


convert_element_type_p = nary(
    "convert_element_type", _convert_element_type_impl, jvp=_convert_element_type_jvp,
    transpose=_convert_element_type_transpose, abstract_eval=_convert_element_type_abstract_eval,
    doc="z = x in another dtype;  ż = ẋ in that dtype, 0 if it is no floating one",
)  # fmt: skip
bitcast_convert_type_p = piecewise_constant(
    "bitcast_convert_type", lambda x, new_dtype: np.asarray(x).view(new_dtype),
    abstract_eval=_bitcast_convert_type_abstract_eval, doc="z = the bits of x read as another dtype",
)  # fmt: skip


def _reduce_precision_impl(x, exponent_bits, mantissa_bits):
    layout = np.finfo(x.dtype)
    unsigned = np.dtype(f"u{x.dtype.itemsize}").type
    bits, one = np.asarray(x).view(unsigned), unsigned(1)
    lost = layout.nmant - mantissa_bits
    if lost > 0:
        # Half of the last place less one, and one more where that place is odd: halves go to the even neighbour.
        odd = (bits >> unsigned(lost)) & one
        bits = (bits + ((one << unsigned(lost - 1)) - one + odd)) & ~((one << unsigned(lost)) - one)
    if exponent_bits < layout.nexp:
        mask, sign = (
            ((one << unsigned(layout.nexp)) - one) << unsigned(layout.nmant),
            one << unsigned(layout.bits - 1),
        )
        least, largest = (
            unsigned(exponent << layout.nmant) for exponent in exponent_range(layout, exponent_bits)
        )
        exponent = bits & mask
        bits = np.where(exponent > largest, (bits & sign) | mask, bits)
        bits = np.where(exponent <= least, bits & sign, bits)
    return np.where(np.isnan(x), x, bits.view(x.dtype))


def exponent_range(layout, exponent_bits: int) -> tuple[int, int]:
    """Return the biased exponents of a dtype from which on a smaller range has zeros, and beyond which infinities."""
    bias, reduced = 2 ** (layout.nexp - 1) - 1, 2 ** (exponent_bits - 1) - 1
    return bias - reduced, bias + reduced


reduce_precision_p = linear_unary(
    "reduce_precision", _reduce_precision_impl, transpose=lambda ct, aval, **params: reduce_precision(ct, **params),
    kinds="f", doc="z = x rounded to fewer bits;  ż = ẋ rounded, x̄ = z̄ rounded",
)  # fmt: skip


def reduce_precision(x, exponent_bits: int, mantissa_bits: int):
    """Round to a format of fewer bits, and keep the dtype.

    Parameters
    ----------
    x : array of float
    exponent_bits : int
        At least 1. What the format has no exponent for is infinite, or zero: it has no subnormal numbers.
    mantissa_bits : int
        Halves go to the neighbour whose last bit is zero.

    Returns
    -------
    Array
        Of the dtype of ``x``.

    Raises
    ------
    ArgumentError
        For fewer bits than that.

    Notes
    -----
    It counts as linear: tangents and cotangents are rounded as well.

    Examples
    --------
    >>> import numpy as np
    >>> reduce_precision(np.float32(3.14159), 8, 7)
    Array(3.140625, dtype=float32)
    """
    exponent_bits, mantissa_bits = operator.index(exponent_bits), operator.index(mantissa_bits)
    if exponent_bits < 1 or mantissa_bits < 0:
        raise ArgumentError(
            f"reduce_precision: no format has {exponent_bits} bits of exponent and {mantissa_bits} of mantissa.",
            why="there is at least one of exponent.",
        )
    return _bind_checked(reduce_precision_p, x, exponent_bits=exponent_bits, mantissa_bits=mantissa_bits)


def convert_element_type(x, new_dtype, weak_type: bool = False):
    """Convert to another dtype.

    Complex numbers lose their imaginary part; what an integer dtype cannot hold gives an unspecified number.
    """
    new_dtype, aval = as_dtype(new_dtype), aval_of(x)
    if aval.dtype == new_dtype and aval.weak_type == weak_type:
        return x
    return convert_element_type_p.bind(x, new_dtype=new_dtype, weak_type=bool(weak_type))


def bitcast_convert_type(x, new_dtype):
    """Read the bits of ``x`` as another dtype of the same width."""
    return _bind_checked(bitcast_convert_type_p, x, new_dtype=as_dtype(new_dtype))
