"""NumPy's ufuncs: arithmetic, comparison, logic, bits, exponentials, trigonometry, rounding, complex parts.

Each function is one decorated rule. Its operands arrive promoted to the dtypes of NumPy's own loops and
broadcast to one shape (see registry.py), so that most bodies are one primitive::

    np.add(x: f32[3], y: i64[])   ->   add(x: f64[3], y: f64[])
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from jaxlite.control.while_loop import while_loop
from jaxlite.errors import DtypeError
from jaxlite.numpy.promotion import broadcast, broadcast_shapes_of, convert, loop_dtypes, operand
from jaxlite.numpy.registry import REFUSALS, UFUNCS, plain, quiet, strong, ufunc, wrap
from jaxlite.ops import composite, elementwise, reductions, structural
from jaxlite.trace import EVAL, Tracer, aval_of, current_trace
from jaxlite.typing import Array, ArrayLike

BOOL = np.dtype(np.bool_)


def _dtype(x) -> np.dtype:
    return aval_of(x).dtype


def _constant(x, value):
    """Return a scalar of the dtype of ``x``."""
    return _dtype(x).type(value)


def _select(condition, on_true, on_false):
    return elementwise.select_n(condition, on_false, on_true)


def _nonzero(x):
    """Return the truth of each element."""
    return x if _dtype(x) == BOOL else elementwise.ne(x, _constant(x, 0))


# --- arithmetic -------------------------------------------------------------------------------------


@ufunc(np.add)
def add(x: ArrayLike, y: ArrayLike) -> Array:
    """Add elementwise.

    Examples
    --------
    >>> jnp.add(jnp.arange(3.0), 1)
    Array([1., 2., 3.], dtype=float64)
    """
    return elementwise.add_p.bind(x, y)


@ufunc(np.subtract)
def subtract(x: ArrayLike, y: ArrayLike) -> Array:
    """Subtract elementwise.

    Examples
    --------
    >>> jnp.subtract(jnp.arange(3), 1)
    Array([-1,  0,  1], dtype=int64)
    """
    return elementwise.sub_p.bind(x, y)


@ufunc(np.multiply)
def multiply(x: ArrayLike, y: ArrayLike) -> Array:
    """Multiply elementwise.

    Examples
    --------
    >>> jnp.multiply(jnp.arange(3), 2.0)
    Array([0., 2., 4.], dtype=float64)
    """
    return elementwise.bitwise_and(x, y) if _dtype(x) == BOOL else elementwise.mul_p.bind(x, y)


@ufunc(np.true_divide)
def divide(x: ArrayLike, y: ArrayLike) -> Array:
    """Divide elementwise; integers give a floating result.

    Examples
    --------
    >>> jnp.divide(jnp.arange(3), 2)
    Array([0. , 0.5, 1. ], dtype=float64)
    """
    return elementwise.div_p.bind(x, y)


true_divide = divide


@ufunc(np.floor_divide)
def floor_divide(x: ArrayLike, y: ArrayLike) -> Array:
    """Divide and round down; ``x // 0`` is 0 for integers.

    Examples
    --------
    >>> jnp.floor_divide(jnp.array([-3, 3]), 2)
    Array([-2,  1], dtype=int64)
    """
    return elementwise.floor_div_p.bind(x, y)


@ufunc(np.remainder)
def remainder(x: ArrayLike, y: ArrayLike) -> Array:
    """Remainder with the sign of the divisor; ``x % 0`` is 0 for integers.

    Notes
    -----
    ż = ẋ - floor(x/y)·ẏ

    Examples
    --------
    >>> jnp.mod(jnp.array([-3.0, 3.5]), 2.0)
    Array([1. , 1.5], dtype=float64)
    """
    return elementwise.mod_p.bind(x, y)


mod = remainder


@ufunc(np.divmod)
def divmod(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Quotient rounded down and remainder, together."""
    return elementwise.floor_div_p.bind(x, y), elementwise.mod_p.bind(x, y)


@ufunc(np.fmod)
def fmod(x: ArrayLike, y: ArrayLike) -> Array:
    """Remainder with the sign of the dividend, as C's."""
    return elementwise.rem(x, y)


@ufunc(np.negative)
def negative(x: ArrayLike) -> Array:
    """Negate elementwise."""
    return elementwise.neg(x)


@ufunc(np.positive)
def positive(x: ArrayLike) -> Array:
    """Return the argument."""
    return x


@ufunc(np.absolute)
def absolute(x: ArrayLike) -> Array:
    """Absolute value; the modulus of complex numbers.

    Notes
    -----
    ż = sign(x)·ẋ; at 0 the derivative is 1.

    Examples
    --------
    >>> jnp.abs(jnp.array([-2, 3]))
    Array([2, 3], dtype=int64)
    """
    return x if _dtype(x).kind in "bu" else elementwise.abs(x)


abs = absolute


@ufunc(np.fabs)
def fabs(x: ArrayLike) -> Array:
    """Absolute value of real numbers, as a floating number."""
    return elementwise.abs(x)


@ufunc(np.sign)
def sign(x: ArrayLike) -> Array:
    """Sign: -1, 0 or 1; ``x/|x|`` for complex numbers. Its derivative is zero.

    Examples
    --------
    >>> jnp.sign(jnp.array([-2.5, 0.0, 3.0]))
    Array([-1.,  0.,  1.], dtype=float64)
    """
    return elementwise.sign(x)


@ufunc(np.square)
def square(x: ArrayLike) -> Array:
    """Square elementwise.

    Examples
    --------
    >>> jnp.square(jnp.array([2, -3]))
    Array([4, 9], dtype=int64)
    """
    return elementwise.integer_pow(x, 2)


@ufunc(np.reciprocal)
def reciprocal(x: ArrayLike) -> Array:
    """``1/x``."""
    return elementwise.integer_pow(x, -1) if _dtype(x).kind in "fc" else elementwise.div(_constant(x, 1), x)


def _static_integer(x1, x2) -> int | None:
    """Return an exponent that is a Python integer (or a NumPy one that promotes nothing)."""
    if type(x2) is int:
        return x2
    if isinstance(x2, np.integer) and np.result_type(_dtype(x1), x2.dtype) == _dtype(x1):
        return int(x2)
    return None


def _power(x1, x2):
    x1, x2 = operand("power", x1), operand("power", x2, 1)
    exponent = _static_integer(x1, x2)
    if exponent is not None and _dtype(x1) != BOOL:
        if exponent < 0 and _dtype(x1).kind in "iu":
            raise DtypeError(
                f"power: integers cannot be raised to negative powers: {aval_of(x1)} ** {exponent}.",
                why="the result would not be an integer.",
                fix="use a floating base: x.astype(np.float64) ** n, or 1.0 / x ** -n.",
            )
        return elementwise.integer_pow(x1, exponent)
    avals = [aval_of(x1), aval_of(x2)]
    dtypes = loop_dtypes(np.power, avals)
    weak = avals[0].weak_type and avals[1].weak_type
    shape = broadcast_shapes_of("power", avals)
    x, y = (broadcast(convert(v, d, weak), shape) for v, d in zip((x1, x2), dtypes))
    return elementwise.pow_p.bind(x, y)


def power(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Raise ``x1`` to the power ``x2``.

    A Python integer as exponent multiplies (``integer_pow``), and keeps integers integers.

    Parameters
    ----------
    x1, x2 : array_like

    Returns
    -------
    Array
        Of the shape they broadcast to; dtype as ``np.power`` gives.

    Raises
    ------
    DtypeError
        If an integer is raised to a negative Python integer.

    Examples
    --------
    >>> jnp.power(jnp.array([1.0, 2.0, 3.0]), 2)
    Array([1., 4., 9.], dtype=float64)
    """
    if current_trace() is EVAL:
        arrays = plain((x1, x2), 2)
        if arrays is not None:
            try:
                return wrap(quiet(np.power, arrays))
            except REFUSALS:
                pass
    return strong(_power(x1, x2))


power.rule = _power
UFUNCS[np.power] = power
pow = power


@ufunc(np.float_power)
def float_power(x: ArrayLike, y: ArrayLike) -> Array:
    """Raise to a power in double precision at least."""
    return elementwise.pow(x, y)


# --- comparison -------------------------------------------------------------------------------------


def _compare(function: np.ufunc, compare: Callable, x, y):
    """Compare operands of one dtype, or (the one mixed loop of NumPy) int64 with uint64 without rounding."""
    if _dtype(x) == _dtype(y):
        return compare(x, y) if _dtype(x).kind != "c" else _compare_complex(compare, x, y)
    x_is_signed = _dtype(x).kind == "i"
    signed = x if x_is_signed else y
    negative = elementwise.lt(signed, _constant(signed, 0))
    unsigned = np.dtype(np.uint64)
    among_positive = compare(convert(x, unsigned), convert(y, unsigned))
    if_negative = function(-1, 0) if x_is_signed else function(0, -1)
    return _select(negative, if_negative, among_positive)


def _compare_complex(compare: Callable, x, y):
    """Compare by real part, then by imaginary part; nan is in no order."""
    if compare in (elementwise.eq, elementwise.ne):
        return compare(x, y)
    re_x, re_y, im_x, im_y = (
        elementwise.real(x),
        elementwise.real(y),
        elementwise.imag(x),
        elementwise.imag(y),
    )
    strict = elementwise.lt if compare in (elementwise.lt, elementwise.le) else elementwise.gt
    by_real = elementwise.bitwise_and(strict(re_x, re_y), elementwise.eq(im_x, im_x))
    by_real = elementwise.bitwise_and(by_real, elementwise.eq(im_y, im_y))
    return elementwise.bitwise_or(
        by_real, elementwise.bitwise_and(elementwise.eq(re_x, re_y), compare(im_x, im_y))
    )


@ufunc(np.equal)
def equal(x: ArrayLike, y: ArrayLike) -> Array:
    """Whether ``x1 == x2``, elementwise.

    Examples
    --------
    >>> jnp.equal(jnp.arange(3), 1)
    Array([False,  True, False], dtype=bool)
    """
    return _compare(np.equal, elementwise.eq, x, y)


@ufunc(np.not_equal)
def not_equal(x: ArrayLike, y: ArrayLike) -> Array:
    """Whether ``x1 != x2``, elementwise."""
    return _compare(np.not_equal, elementwise.ne, x, y)


@ufunc(np.less)
def less(x: ArrayLike, y: ArrayLike) -> Array:
    """Whether ``x1 < x2``, elementwise."""
    return _compare(np.less, elementwise.lt, x, y)


@ufunc(np.less_equal)
def less_equal(x: ArrayLike, y: ArrayLike) -> Array:
    """Whether ``x1 <= x2``, elementwise."""
    return _compare(np.less_equal, elementwise.le, x, y)


@ufunc(np.greater)
def greater(x: ArrayLike, y: ArrayLike) -> Array:
    """Whether ``x1 > x2``, elementwise.

    Examples
    --------
    >>> jnp.greater(jnp.arange(3), 1)
    Array([False, False,  True], dtype=bool)
    """
    return _compare(np.greater, elementwise.gt, x, y)


@ufunc(np.greater_equal)
def greater_equal(x: ArrayLike, y: ArrayLike) -> Array:
    """Whether ``x1 >= x2``, elementwise."""
    return _compare(np.greater_equal, elementwise.ge, x, y)


@ufunc(np.maximum)
def maximum(x: ArrayLike, y: ArrayLike) -> Array:
    """Larger of two elements; nan where one of them is nan.

    Notes
    -----
    Equal operands share the derivative: ½ each.

    Examples
    --------
    >>> jnp.maximum(jnp.array([-1.0, 2.0]), 0.0)
    Array([0., 2.], dtype=float64)
    """
    return elementwise.max(x, y)


@ufunc(np.minimum)
def minimum(x: ArrayLike, y: ArrayLike) -> Array:
    """Smaller of two elements; nan where one of them is nan.

    Notes
    -----
    Equal operands share the derivative: ½ each.

    Examples
    --------
    >>> jnp.minimum(jnp.array([1, 5]), 3)
    Array([1, 3], dtype=int64)
    """
    return elementwise.min(x, y)


@ufunc(np.fmax)
def fmax(x: ArrayLike, y: ArrayLike) -> Array:
    """Larger of two elements; a nan loses against a number."""
    return _ignoring_nan(elementwise.max, x, y)


@ufunc(np.fmin)
def fmin(x: ArrayLike, y: ArrayLike) -> Array:
    """Smaller of two elements; a nan loses against a number."""
    return _ignoring_nan(elementwise.min, x, y)


def _ignoring_nan(choose: Callable, x, y):
    if _dtype(x).kind not in "fc":
        return choose(x, y)
    chosen = _select(elementwise.ne(y, y), x, choose(x, y))
    return _select(elementwise.ne(x, x), y, chosen)


# --- logic and bits ---------------------------------------------------------------------------------


@ufunc(np.logical_and)
def logical_and(x: ArrayLike, y: ArrayLike) -> Array:
    """Whether both elements are true (not zero).

    Examples
    --------
    >>> jnp.logical_and(jnp.array([True, False]), True)
    Array([ True, False], dtype=bool)
    """
    return elementwise.bitwise_and(_nonzero(x), _nonzero(y))


@ufunc(np.logical_or)
def logical_or(x: ArrayLike, y: ArrayLike) -> Array:
    """Whether one of the elements is true (not zero).

    Examples
    --------
    >>> jnp.logical_or(jnp.array([True, False]), False)
    Array([ True, False], dtype=bool)
    """
    return elementwise.bitwise_or(_nonzero(x), _nonzero(y))


@ufunc(np.logical_xor)
def logical_xor(x: ArrayLike, y: ArrayLike) -> Array:
    """Whether exactly one of the elements is true (not zero)."""
    return elementwise.bitwise_xor(_nonzero(x), _nonzero(y))


@ufunc(np.logical_not)
def logical_not(x: ArrayLike) -> Array:
    """Whether the element is zero.

    Examples
    --------
    >>> jnp.logical_not(jnp.array([0, 2]))
    Array([ True, False], dtype=bool)
    """
    return elementwise.bitwise_not(_nonzero(x))


@ufunc(np.bitwise_and)
def bitwise_and(x: ArrayLike, y: ArrayLike) -> Array:
    """Bits that are set in both operands."""
    return elementwise.bitwise_and(x, y)


@ufunc(np.bitwise_or)
def bitwise_or(x: ArrayLike, y: ArrayLike) -> Array:
    """Bits that are set in one of the operands."""
    return elementwise.bitwise_or(x, y)


@ufunc(np.bitwise_xor)
def bitwise_xor(x: ArrayLike, y: ArrayLike) -> Array:
    """Bits that are set in exactly one of the operands."""
    return elementwise.bitwise_xor(x, y)


@ufunc(np.invert)
def invert(x: ArrayLike) -> Array:
    """Flip all bits; logical not of bools.

    Examples
    --------
    >>> jnp.invert(jnp.array([0, 5]))
    Array([-1, -6], dtype=int64)
    """
    return elementwise.bitwise_not(x)


bitwise_not = bitwise_invert = invert


@ufunc(np.left_shift)
def left_shift(x: ArrayLike, y: ArrayLike) -> Array:
    """Shift bits to the left."""
    return elementwise.shift_left(x, y)


@ufunc(np.right_shift)
def right_shift(x: ArrayLike, y: ArrayLike) -> Array:
    """Shift bits to the right; signed integers keep their sign."""
    shift = elementwise.shift_right_arithmetic if _dtype(x).kind == "i" else elementwise.shift_right_logical
    return shift(x, y)


bitwise_left_shift, bitwise_right_shift = left_shift, right_shift


@ufunc(np.bitwise_count)
def bitwise_count(x: ArrayLike) -> Array:
    """Number of bits that are set in the absolute value."""
    magnitude = elementwise.abs(x) if _dtype(x).kind == "i" else x
    return convert(elementwise.population_count(magnitude), np.dtype(np.uint8))


# --- exponentials and logarithms ----------------------------------------------------------------------


@ufunc(np.exp)
def exp(x: ArrayLike) -> Array:
    """Exponential.

    Examples
    --------
    >>> jnp.exp(0.0)
    Array(1., dtype=float64)
    """
    return elementwise.exp(x)


@ufunc(np.exp2)
def exp2(x: ArrayLike) -> Array:
    """``2**x``."""
    if _dtype(x).kind == "c":
        return elementwise.exp(elementwise.mul(x, _constant(x, math.log(2.0))))
    return elementwise.exp2(x)


@ufunc(np.expm1)
def expm1(x: ArrayLike) -> Array:
    """``exp(x) - 1``, accurate near 0."""
    return elementwise.expm1(x)


@ufunc(np.log)
def log(x: ArrayLike) -> Array:
    """Natural logarithm; nan for negative numbers, -inf at 0.

    Examples
    --------
    >>> jnp.log(jnp.array([1.0, jnp.e]))
    Array([0., 1.], dtype=float64)
    """
    return elementwise.log(x)


@ufunc(np.log1p)
def log1p(x: ArrayLike) -> Array:
    """``log(1 + x)``, accurate near 0.

    Examples
    --------
    >>> jnp.log1p(jnp.array([0.0, 1e-12]))
    Array([0.e+00, 1.e-12], dtype=float64)
    """
    return elementwise.log1p(x)


@ufunc(np.log2)
def log2(x: ArrayLike) -> Array:
    """Logarithm to base 2."""
    return _logarithm(x, 2.0)


@ufunc(np.log10)
def log10(x: ArrayLike) -> Array:
    """Logarithm to base 10."""
    return _logarithm(x, 10.0)


def _logarithm(x, base: float):
    natural = elementwise.log(x)
    if _dtype(x).kind != "c":
        return elementwise.div(natural, _constant(x, math.log(base)))
    # By parts: a complex quotient of -inf, at 0, has the imaginary part nan.
    parts = elementwise.real(natural), elementwise.imag(natural)
    return elementwise.complex(*[elementwise.div(part, _constant(part, math.log(base))) for part in parts])


@ufunc(np.logaddexp)
def logaddexp(x: ArrayLike, y: ArrayLike) -> Array:
    """``log(exp(x1) + exp(x2))`` without overflow.

    Notes
    -----
    ż = exp(x - z)·ẋ + exp(y - z)·ẏ

    Examples
    --------
    >>> jnp.logaddexp(1000.0, 1000.0)
    Array(1000.69314718, dtype=float64)
    """
    return composite.logaddexp(x, y)


@ufunc(np.logaddexp2)
def logaddexp2(x: ArrayLike, y: ArrayLike) -> Array:
    """``log2(2**x1 + 2**x2)`` without overflow."""
    if _dtype(x) == np.float16:
        # As NumPy computes it, and so that it is right to the last digit.
        x, y = (convert(v, np.dtype(np.float32)) for v in (x, y))
        return convert(logaddexp2.rule(x, y), np.dtype(np.float16))
    log_2 = _constant(x, math.log(2.0))
    return elementwise.div(composite.logaddexp(elementwise.mul(x, log_2), elementwise.mul(y, log_2)), log_2)


@ufunc(np.sqrt)
def sqrt(x: ArrayLike) -> Array:
    """Square root; nan for negative numbers.

    Notes
    -----
    ż = ẋ/(2z), which is inf at 0.

    Examples
    --------
    >>> jnp.sqrt(jnp.array([4.0, 2.25]))
    Array([2. , 1.5], dtype=float64)
    """
    return elementwise.sqrt(x)


@ufunc(np.cbrt)
def cbrt(x: ArrayLike) -> Array:
    """Cube root."""
    return elementwise.cbrt(x)


# --- trigonometry -------------------------------------------------------------------------------------


@ufunc(np.sin)
def sin(x: ArrayLike) -> Array:
    """Sine of an angle in radians.

    Examples
    --------
    >>> jnp.sin(jnp.array([0.0, jnp.pi / 2]))
    Array([0., 1.], dtype=float64)
    """
    return elementwise.sin(x)


@ufunc(np.cos)
def cos(x: ArrayLike) -> Array:
    """Cosine of an angle in radians.

    Examples
    --------
    >>> jnp.cos(jnp.array([0.0, jnp.pi]))
    Array([ 1., -1.], dtype=float64)
    """
    return elementwise.cos(x)


@ufunc(np.tan)
def tan(x: ArrayLike) -> Array:
    """Tangent of an angle in radians."""
    return elementwise.tan(x)


@ufunc(np.arcsin)
def arcsin(x: ArrayLike) -> Array:
    """Angle in radians, from -π/2 to π/2, whose sine is ``x``."""
    return elementwise.asin(x)


@ufunc(np.arccos)
def arccos(x: ArrayLike) -> Array:
    """Angle in radians, from 0 to π, whose cosine is ``x``."""
    return elementwise.acos(x)


@ufunc(np.arctan)
def arctan(x: ArrayLike) -> Array:
    """Angle in radians, from -π/2 to π/2, whose tangent is ``x``.

    Examples
    --------
    >>> jnp.arctan(jnp.array([0.0, 1.0]))
    Array([0.        , 0.78539816], dtype=float64)
    """
    return elementwise.atan(x)


@ufunc(np.arctan2)
def arctan2(y: ArrayLike, x: ArrayLike) -> Array:
    """Angle in radians, from -π to π, of the point with ordinate ``x1`` and abscissa ``x2``."""
    return elementwise.atan2(y, x)


@ufunc(np.hypot)
def hypot(x: ArrayLike, y: ArrayLike) -> Array:
    """``sqrt(x1**2 + x2**2)`` without overflow; at (0, 0) both derivatives are ½."""
    return composite.hypot(x, y)


@ufunc(np.sinh)
def sinh(x: ArrayLike) -> Array:
    """Hyperbolic sine."""
    return elementwise.sinh(x)


@ufunc(np.cosh)
def cosh(x: ArrayLike) -> Array:
    """Hyperbolic cosine.

    Examples
    --------
    >>> jnp.cosh(0.0)
    Array(1., dtype=float64)
    """
    return elementwise.cosh(x)


@ufunc(np.tanh)
def tanh(x: ArrayLike) -> Array:
    """Hyperbolic tangent.

    Examples
    --------
    >>> jnp.tanh(jnp.array([0.0, 20.0]))
    Array([0., 1.], dtype=float64)
    """
    return elementwise.tanh(x)


@ufunc(np.arcsinh)
def arcsinh(x: ArrayLike) -> Array:
    """Number whose hyperbolic sine is ``x``."""
    return elementwise.asinh(x)


@ufunc(np.arccosh)
def arccosh(x: ArrayLike) -> Array:
    """Non-negative number whose hyperbolic cosine is ``x``."""
    return elementwise.acosh(x)


@ufunc(np.arctanh)
def arctanh(x: ArrayLike) -> Array:
    """Number whose hyperbolic tangent is ``x``."""
    return elementwise.atanh(x)


acos, acosh, asin, asinh = arccos, arccosh, arcsin, arcsinh
atan, atanh, atan2 = arctan, arctanh, arctan2


@ufunc(np.rad2deg, np.degrees)
def rad2deg(x: ArrayLike) -> Array:
    """Convert an angle from radians to degrees."""
    return elementwise.mul(x, _constant(x, 180.0 / math.pi))


@ufunc(np.deg2rad, np.radians)
def deg2rad(x: ArrayLike) -> Array:
    """Convert an angle from degrees to radians."""
    return elementwise.mul(x, _constant(x, math.pi / 180.0))


degrees, radians = rad2deg, deg2rad


# --- rounding and floating-point parts ------------------------------------------------------------------


@ufunc(np.floor)
def floor(x: ArrayLike) -> Array:
    """Largest integer that is not larger, as a number of the same dtype. Its derivative is zero.

    Examples
    --------
    >>> jnp.floor(jnp.array([-0.5, 1.7]))
    Array([-1.,  1.], dtype=float64)
    """
    return x if _dtype(x).kind in "biu" else elementwise.floor(x)


@ufunc(np.ceil)
def ceil(x: ArrayLike) -> Array:
    """Smallest integer that is not smaller, as a number of the same dtype. Its derivative is zero.

    Examples
    --------
    >>> jnp.ceil(jnp.array([-0.5, 1.2]))
    Array([-0.,  2.], dtype=float64)
    """
    return x if _dtype(x).kind in "biu" else elementwise.ceil(x)


@ufunc(np.trunc)
def trunc(x: ArrayLike) -> Array:
    """Integer part, rounded toward zero. Its derivative is zero."""
    if _dtype(x).kind in "biu":
        return x
    return _select(elementwise.lt(x, _constant(x, 0)), elementwise.ceil(x), elementwise.floor(x))


@ufunc(np.rint)
def rint(x: ArrayLike) -> Array:
    """Nearest integer, halves to the even one. Its derivative is zero."""
    return round_to_even(x)


def round_to_even(x):
    """Round to the nearest integer, halves to even; of complex numbers, both parts."""
    if _dtype(x).kind == "c":
        return elementwise.complex(round_to_even(elementwise.real(x)), round_to_even(elementwise.imag(x)))
    return elementwise.round(x, elementwise.TO_NEAREST_EVEN)


@ufunc(np.isfinite)
def isfinite(x: ArrayLike) -> Array:
    """Whether neither inf nor nan.

    Examples
    --------
    >>> jnp.isfinite(jnp.array([1.0, jnp.inf, jnp.nan]))
    Array([ True, False, False], dtype=bool)
    """
    return _test_parts(elementwise.is_finite, elementwise.bitwise_and, x, of_integers=True)


@ufunc(np.isnan)
def isnan(x: ArrayLike) -> Array:
    """Whether nan (not a number).

    Examples
    --------
    >>> jnp.isnan(jnp.array([1.0, jnp.nan]))
    Array([False,  True], dtype=bool)
    """
    return elementwise.ne(x, x)


@ufunc(np.isinf)
def isinf(x: ArrayLike) -> Array:
    """Whether inf or -inf.

    Examples
    --------
    >>> jnp.isinf(jnp.array([jnp.inf, -jnp.inf, jnp.nan]))
    Array([ True,  True, False], dtype=bool)
    """
    return _test_parts(_is_inf, elementwise.bitwise_or, x, of_integers=False)


def _is_inf(x):
    return elementwise.eq(elementwise.abs(x), _constant(x, np.inf))


def _test_parts(test: Callable, combine: Callable, x, of_integers: bool):
    """Test floats, or both parts of complex numbers; integers have one answer."""
    kind = _dtype(x).kind
    if kind == "f":
        return test(x)
    if kind == "c":
        return combine(test(elementwise.real(x)), test(elementwise.imag(x)))
    return structural.full(aval_of(x).shape, of_integers, BOOL)


@ufunc(np.signbit)
def signbit(x: ArrayLike) -> Array:
    """Whether the sign bit is set: true for negative numbers, -0.0, and a nan that has it."""
    # By the bit itself: of a nan too.
    bits = elementwise.bitcast_convert_type(x, np.dtype(f"i{aval_of(x).dtype.itemsize}"))
    return elementwise.lt(bits, aval_of(bits).dtype.type(0))


@ufunc(np.copysign)
def copysign(x: ArrayLike, y: ArrayLike) -> Array:
    """``x1`` with the sign of ``x2``."""
    magnitude = elementwise.abs(x)
    return _select(signbit.rule(y), elementwise.neg(magnitude), magnitude)


@ufunc(np.nextafter)
def nextafter(x: ArrayLike, y: ArrayLike) -> Array:
    """Next floating-point number after ``x1`` in the direction of ``x2``."""
    return elementwise.nextafter(x, y)


@ufunc(np.heaviside)
def heaviside(x: ArrayLike, y: ArrayLike) -> Array:
    """Step function: 0 for negative ``x1``, ``x2`` at 0, 1 for positive ``x1``."""
    zero, one = _constant(x, 0), _constant(x, 1)
    is_zero, is_negative, is_nan = elementwise.eq(x, zero), elementwise.lt(x, zero), elementwise.ne(x, x)
    step = _select(is_negative, zero, one)
    return _select(is_nan, x, _select(is_zero, y, step))


@ufunc(np.ldexp)
def ldexp(x: ArrayLike, y: ArrayLike) -> Array:
    """``x1 * 2**x2`` with an integer ``x2``."""
    return elementwise.mul(x, elementwise.exp2(convert(y, _dtype(x))))


@ufunc(np.modf)
def modf(x: ArrayLike) -> tuple[Array, Array]:
    """Fractional and integral part, both with the sign of ``x``; of infinities the fraction is 0."""
    whole = trunc.rule(x)
    # Differs from JAX: infinities have a fraction, and one that is 0 has the sign of x.
    zero = _constant(x, 0)
    infinite = elementwise.eq(elementwise.abs(x), _constant(x, np.inf))
    part, rest = _select(infinite, zero, whole), _select(infinite, zero, x)
    fraction = _select(
        signbit.rule(x), elementwise.neg(elementwise.sub(part, rest)), elementwise.sub(rest, part)
    )
    return fraction, whole


# --- parts of floating-point numbers ------------------------------------------------------------------

# Of each floating-point type: the integers of its size, the bits of its mantissa, and the bias of its exponent.
_LAYOUTS = {
    np.dtype(np.float16): (np.dtype(np.int16), 10, 15),
    np.dtype(np.float32): (np.dtype(np.int32), 23, 127),
    np.dtype(np.float64): (np.dtype(np.int64), 52, 1023),
}


def _biased_exponent(x):
    """Return the bits of the exponent as integers of the size of ``x``."""
    integers, bits, bias = _LAYOUTS[_dtype(x)]
    shifted = elementwise.shift_right_logical(
        elementwise.bitcast_convert_type(x, integers), integers.type(bits)
    )
    return elementwise.bitwise_and(shifted, integers.type(2 * bias + 1))


def _power_of_two(exponent, dtype: np.dtype):
    """Return 2**exponent exactly, for exponents of normal numbers."""
    integers, bits, bias = _LAYOUTS[dtype]
    raised = elementwise.shift_left(elementwise.add(exponent, integers.type(bias)), integers.type(bits))
    return elementwise.bitcast_convert_type(raised, dtype)


@ufunc(np.frexp)
def frexp(x: ArrayLike) -> tuple[Array, Array]:
    """Mantissa, of size ½ to 1, and exponent of 2, so that ``x = mantissa * 2**exponent``."""
    dtype = _dtype(x)
    if not isinstance(x, Tracer):
        x = dtype.type(x) if np.ndim(x) == 0 else x
    integers, bits, bias = _LAYOUTS[dtype]
    # Subnormal numbers are scaled up first.
    tiny = elementwise.lt(elementwise.abs(x), _constant(x, np.finfo(dtype).tiny))
    lifted = _select(tiny, elementwise.mul(x, _constant(x, 2.0**bits)), x)
    exponent = elementwise.sub(_biased_exponent(lifted), integers.type(bias - 1))
    # Two factors: one would be out of range for the largest numbers.
    half = elementwise.shift_right_arithmetic(exponent, integers.type(1))
    rest = elementwise.sub(exponent, half)
    scales = [_power_of_two(elementwise.neg(part), dtype) for part in (half, rest)]
    mantissa = elementwise.mul(elementwise.mul(lifted, scales[0]), scales[1])
    exponent = _select(tiny, elementwise.sub(exponent, integers.type(bits)), exponent)
    special = elementwise.bitwise_or(
        elementwise.eq(x, _constant(x, 0)), elementwise.bitwise_not(elementwise.is_finite(x))
    )
    mantissa = _select(special, x, mantissa)
    exponent = _select(special, integers.type(0), exponent)
    return mantissa, convert(exponent, np.dtype(np.int32))


@ufunc(np.spacing)
def spacing(x: ArrayLike) -> Array:
    """Distance to the next number away from zero, with the sign of ``x``. Its derivative is zero.

    Notes
    -----
    Of float16 it is the distance to the next larger number, as in NumPy.
    """
    dtype = _dtype(x)
    if not isinstance(x, Tracer):
        x = dtype.type(x) if np.ndim(x) == 0 else x
    x = structural.stop_gradient(x)
    if dtype == np.float16:
        # NumPy's loop for this type alone goes up from negative numbers too.
        up = elementwise.sub(elementwise.nextafter(x, _constant(x, np.inf)), x)
        return _select(elementwise.eq(x, _constant(x, -np.inf)), _constant(x, np.nan), up)
    size = elementwise.abs(x)
    gap = elementwise.sub(elementwise.nextafter(size, _constant(x, np.inf)), size)
    return _select(elementwise.lt(x, _constant(x, 0)), elementwise.neg(gap), gap)


# --- whole numbers ------------------------------------------------------------------------------------


def _of_one_shape(x, y):
    """Return both operands with the shape they share, rank 0 included, as loops need them."""
    shape = broadcast_shapes_of("gcd", [aval_of(x), aval_of(y)])
    return tuple(
        v if aval_of(v).shape == shape else structural.broadcast_in_dim(v, shape, ()) for v in (x, y)
    )


@ufunc(np.gcd)
def gcd(x: ArrayLike, y: ArrayLike) -> Array:
    """Greatest common divisor of integers, not negative."""
    x, y = (elementwise.abs(v) if _dtype(v).kind == "i" else v for v in _of_one_shape(x, y))
    zero = _constant(x, 0)
    everywhere = tuple(range(aval_of(x).ndim))

    def goes_on(pair):
        return reductions.reduce_or(elementwise.ne(pair[1], zero), everywhere)

    def step(pair):
        larger, smaller = pair
        done = elementwise.eq(smaller, zero)
        return (
            _select(done, larger, smaller),
            _select(done, smaller, elementwise.rem(larger, _select(done, _constant(x, 1), smaller))),
        )

    divisor = while_loop(goes_on, step, (x, y))[0]
    # The lowest integer has no absolute value: remainders of it are negative.
    return elementwise.abs(divisor) if _dtype(divisor).kind == "i" else divisor


@ufunc(np.lcm)
def lcm(x: ArrayLike, y: ArrayLike) -> Array:
    """Least common multiple of integers, not negative; 0 if one of them is 0."""
    divisor = gcd.rule(x, y)
    x, y = (elementwise.abs(v) if _dtype(v).kind == "i" else v for v in _of_one_shape(x, y))
    safe = _select(elementwise.eq(divisor, _constant(divisor, 0)), _constant(divisor, 1), divisor)
    return elementwise.mul(elementwise.div(x, safe), y)


# --- complex numbers --------------------------------------------------------------------------------


@ufunc(np.conjugate)
def conjugate(x: ArrayLike) -> Array:
    """Complex conjugate; real numbers are their own.

    Examples
    --------
    >>> jnp.conj(jnp.array([1 + 2j]))
    Array([1.-2.j], dtype=complex128)
    """
    return elementwise.conj(x) if _dtype(x).kind == "c" else x


conj = conjugate
