"""Rows of the primitives in ``jaxlite/ops/elementwise.py``."""

import math

import numpy as np
from scipy import special

from jaxlite.errors import ArgumentError, DtypeError, ShapeError
from tests.cases import Case, ErrorCase

F64, F32, F16, I64, I32, I8, U8, C128, C64 = (
    np.dtype(t)
    for t in (
        np.float64,
        np.float32,
        np.float16,
        np.int64,
        np.int32,
        np.int8,
        np.uint8,
        np.complex128,
        np.complex64,
    )
)

SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 1e-300, 5e-324, 1e300, -1e300, np.inf, -np.inf, np.nan])
ANYWHERE = np.array([[-2.5, -0.7, 0.1], [0.6, 1.3, 3.2]])
INSIDE_ONE = np.array([[-0.9, -0.3, 0.05], [0.2, 0.5, 0.8]])
POSITIVE = np.array([[0.1, 0.4, 0.9], [1.0, 2.5, 7.0]])
ABOVE_ONE = np.array([[1.1, 1.4, 1.9], [2.0, 3.5, 9.0]])
# Away from the branch cuts of all functions.
COMPLEX = np.array([0.4 + 0.3j, -0.5 - 1.2j, 1.3 - 0.8j])


def quiet(reference):
    """Let a reference divide by zero without a warning."""
    return np.errstate(all="ignore")(reference)


def differentiable(name, reference, x, z=None):
    """Rows of a unary function: dtypes, ranks, no elements, special values."""
    rows = [
        Case(name, (x,), reference=reference),
        Case(name, (x[0].astype(F32),), reference=reference, order=1),
        Case(name, (x[1, 1],), reference=reference),
        Case(name, (x[:0],), reference=reference),
        Case(name, (SPECIAL,), reference=quiet(reference), derivatives=None, label="special"),
    ]
    return rows if z is None else [*rows, Case(name, (z,), reference=reference)]


def on_integers(name, reference, x, dtypes=(I64, I8, U8)):
    """Rows of a unary function on integers; ``x`` fits all of the dtypes."""
    return [Case(name, (np.array(x, dtype),), reference=reference) for dtype in dtypes]


def rsqrt(x):
    return 1 / np.sqrt(x)


def by_bits(function):
    """Make a reference out of a function of a Python integer and its width."""

    def reference(x):
        width = 8 * x.dtype.itemsize
        return np.array([function(int(n) % 2**width, width) for n in x], x.dtype)

    return reference


def reduce_precision(x, exponent_bits, mantissa_bits):
    """Number by number, in exact arithmetic."""
    least, largest = 2 - 2 ** (exponent_bits - 1), 2 ** (exponent_bits - 1) - 1
    out = np.array(x)
    for i, number in np.ndenumerate(x):
        if np.isfinite(number) and number:
            fraction, exponent = math.frexp(float(number))
            # A mantissa of one bit more, that before the point; Python rounds halves to the even neighbour.
            rounded = math.ldexp(round(math.ldexp(fraction, mantissa_bits + 1)), exponent - mantissa_bits - 1)
            exponent = math.frexp(rounded)[1] - 1
            limit = math.inf if exponent > largest else 0.0 if exponent < least else abs(rounded)
            out[i] = math.copysign(limit, number)
    return out


def reduced(x):
    """Formats of fewer bits in either part, in both and in none; derivatives are declared."""
    layout = np.finfo(x.dtype)
    formats = ((5, 10), (8, 7), (4, 3), (2, 1), (1, 5), (layout.nexp, layout.nmant), (layout.nexp, 4))
    for exponent_bits, mantissa_bits in formats:
        # A subnormal number of the dtype itself stays only where its exponents do.
        if exponent_bits < layout.nexp or not np.any((x != 0) & (abs(x) < layout.tiny)):
            params = {"exponent_bits": exponent_bits, "mantissa_bits": min(mantissa_bits, layout.nmant)}
            label = f"{exponent_bits},{mantissa_bits}"
            yield Case("reduce_precision", (x,), params, reduce_precision, derivatives=None, label=label)


UNARY = [
    *differentiable("neg", np.negative, ANYWHERE, COMPLEX),
    *on_integers("neg", np.negative, [0, 1, 100]),
    *differentiable("abs", np.abs, ANYWHERE, COMPLEX),
    *on_integers("abs", np.abs, [0, 1, 100]),
    Case("abs", (np.array([0, -5, -128], I8),), expected=np.array([0, 5, -128], I8), label="negative"),
    Case("abs", (np.array([0j, 3 - 4j], C64),), expected=np.array([0, 5], F32), derivatives=None),
    *differentiable("square", lambda x: x * x, ANYWHERE, COMPLEX),
    *on_integers("square", lambda x: x * x, [0, 1, 100]),
    *differentiable("sqrt", np.sqrt, POSITIVE, COMPLEX),
    *differentiable("rsqrt", rsqrt, POSITIVE, COMPLEX),
    *differentiable("cbrt", np.cbrt, ANYWHERE),
    *differentiable("exp", np.exp, ANYWHERE, COMPLEX),
    *differentiable("exp2", np.exp2, ANYWHERE),
    *differentiable("expm1", np.expm1, ANYWHERE, COMPLEX),
    *differentiable("log", np.log, POSITIVE, COMPLEX),
    *differentiable("log1p", np.log1p, POSITIVE - 0.9, COMPLEX),
    *differentiable("logistic", special.expit, ANYWHERE),
    Case("logistic", (COMPLEX,), reference=lambda x: 1 / (1 + np.exp(-x))),
    Case(
        "logistic",
        (np.array([-745.0, -700.0, -40.0, 40.0, 1000.0]),),
        # exp(x) far below 0; subnormal at -745.
        expected=np.array([math.exp(-745), math.exp(-700), math.exp(-40), 1.0, 1.0]),
        derivatives=None,
        label="tails",
    ),
    *differentiable("sin", np.sin, ANYWHERE, COMPLEX),
    *differentiable("cos", np.cos, ANYWHERE, COMPLEX),
    *differentiable("tan", np.tan, INSIDE_ONE, COMPLEX),
    *differentiable("asin", np.arcsin, INSIDE_ONE, COMPLEX),
    *differentiable("acos", np.arccos, INSIDE_ONE, COMPLEX),
    *differentiable("atan", np.arctan, ANYWHERE, COMPLEX),
    *differentiable("sinh", np.sinh, ANYWHERE, COMPLEX),
    *differentiable("cosh", np.cosh, ANYWHERE, COMPLEX),
    *differentiable("tanh", np.tanh, ANYWHERE, COMPLEX),
    *differentiable("asinh", np.arcsinh, ANYWHERE, COMPLEX),
    *differentiable("acosh", np.arccosh, ABOVE_ONE, COMPLEX),
    *differentiable("atanh", np.arctanh, INSIDE_ONE, COMPLEX),
    *differentiable("sign", np.sign, ANYWHERE),
    *on_integers("sign", np.sign, [0, 1, 100]),
    # Differs from mathematics, as JAX: the derivative of a complex sign is declared to be zero.
    Case("sign", (np.array([0j, 3 - 4j]),), expected=np.array([0j, 0.6 - 0.8j]), derivatives=None),
    *differentiable("floor", np.floor, ANYWHERE),
    *differentiable("ceil", np.ceil, ANYWHERE),
    *differentiable("is_finite", np.isfinite, ANYWHERE, COMPLEX),
    Case("real", (COMPLEX,), reference=np.real),
    Case("real", (COMPLEX[0].astype(C64),), reference=np.real, order=1),
    Case("real", (COMPLEX[:0],), reference=np.real),
    Case("imag", (COMPLEX,), reference=np.imag),
    Case("imag", (COMPLEX[0].astype(C64),), reference=np.imag, order=1),
    Case("imag", (COMPLEX[:0],), reference=np.imag),
    Case("conj", (COMPLEX,), reference=np.conj),
    Case("conj", (COMPLEX[0].astype(C64),), reference=np.conj, order=1),
    Case("conj", (COMPLEX[:0],), reference=np.conj),
    *reduced(
        np.float32([0.0, -0.0, 1.0, -1.0009766, 1.0004883, 3.14159, 65519.0, 65520.0, -1e30, 6.1e-5, 5e-5])
    ),
    *reduced(np.array([[np.nan, np.inf], [-np.inf, 1e300], [0.1, 1e-200], [1 + 2.0**-24, -1e38]])),
    *reduced(np.float16([0.1, -65504, np.inf, 6e-8])),
    *reduced(np.zeros((0, 2))),
    Case("not", (np.array([True, False]),), reference=np.logical_not),
    *on_integers("not", by_bits(lambda n, width: 2**width - 1 - n), [0, 1, 127], (U8,)),
    Case("not", (np.array([0, 1, -128], I8),), expected=np.array([-1, -2, 127], I8)),
    Case("not", (np.zeros(0, I64),), reference=np.invert),
    *on_integers("population_count", by_bits(lambda n, width: n.bit_count()), [0, 1, 100]),
    Case("population_count", (np.array([-1, -(2**63)]),), expected=np.array([64, 1]), label="negative"),
    Case("population_count", (np.zeros((2, 0), I32),), expected=np.zeros((2, 0), I32)),
    *on_integers("clz", by_bits(lambda n, width: width - n.bit_length()), [0, 1, 100]),
    Case("clz", (np.array([-1, 2**62 + 1]),), expected=np.array([0, 1]), label="large"),
    Case("clz", (np.int32(1),), expected=np.int32(31)),
]

X = np.array([[-2.5, -0.7, 0.1], [0.6, 1.3, 3.2]])
Y = np.array([[1.5, -0.4, 2.2], [-3.1, 0.8, 1.1]])
U = np.array([0.4 - 0.9j, -1.5 + 0.2j, 2.0 + 1.0j])
M, N = np.array([7, -7, 7, -7, 0, 5]), np.array([3, 3, -3, -3, 4, 5])


def on_floats(name, reference, x=X, y=Y, scalar=0.75):
    """Rows of a binary function: dtypes, every mix with a scalar, no elements."""
    return [
        Case(name, (x, y), reference=reference),
        Case(name, (x[0].astype(F32), y[0].astype(F32)), reference=reference, order=1),
        Case(name, (x[0], np.float64(scalar)), reference=reference),
        Case(name, (np.float64(scalar), y[1]), reference=reference),
        Case(name, (x[1, 1], y[1, 1]), reference=reference),
        Case(name, (x[:0], y[:0]), reference=reference),
    ]


def on_integer_pairs(name, reference, m=M, n=N, dtypes=(I64, I8)):
    return [Case(name, (m.astype(t), n.astype(t)), reference=reference) for t in dtypes]


def on_special_pairs(name, reference):
    x, y = (a.ravel() for a in np.meshgrid(SPECIAL, SPECIAL))
    return Case(name, (x, y), reference=quiet(reference), derivatives=None, label="special")


def truncated_quotient(x, y):
    return np.array([math.trunc(int(a) / int(b)) for a, b in zip(x, y)], x.dtype)


BINARY = [
    *on_floats("add", np.add),
    *on_integer_pairs("add", np.add, dtypes=(I64,)),
    Case("add", (U, U[::-1].copy()), reference=np.add),
    Case("add", (np.array([True, False]), np.array([True, True])), reference=np.logical_or),
    Case("add", (np.array([200], U8), np.array([100], U8)), expected=np.array([44], U8)),
    *on_floats("add_any", np.add),
    *on_floats("sub", np.subtract),
    *on_integer_pairs("sub", np.subtract, dtypes=(I64,)),
    Case("sub", (U, U[::-1].copy()), reference=np.subtract),
    *on_floats("mul", np.multiply),
    *on_integer_pairs("mul", np.multiply),
    Case("mul", (U, U[::-1].copy()), reference=np.multiply),
    Case("mul", (U, U[0]), reference=np.multiply),
    Case("mul", (np.array([True, False]), np.array([True, True])), reference=np.logical_and),
    *on_floats("div", np.true_divide),
    Case("div", (U, U[::-1].copy()), reference=np.true_divide),
    on_special_pairs("div", np.true_divide),
    *on_integer_pairs("div", truncated_quotient),
    Case("div", (np.array([7, 0], I8), np.int8(0)), expected=np.zeros(2, I8), label="by zero"),
    *on_floats("rem", np.fmod),
    *on_integer_pairs("rem", np.fmod),
    Case("rem", (np.array([7, 0, -7]), np.array(0)), expected=np.zeros(3, I64), label="by zero"),
    on_special_pairs("rem", np.fmod),
    *on_floats("mod", np.mod),
    *on_integer_pairs("mod", np.mod),
    Case("mod", (np.array([7, 0, -7]), np.array(0)), expected=np.zeros(3, I64), label="by zero"),
    on_special_pairs("mod", np.mod),
    *on_floats("floor_div", np.floor_divide),
    *on_integer_pairs("floor_div", np.floor_divide),
    Case("floor_div", (np.array([7, 0, -7]), np.array(0)), expected=np.zeros(3, I64), label="by zero"),
    on_special_pairs("floor_div", np.floor_divide),
    *on_floats("max", np.maximum),
    *on_integer_pairs("max", np.maximum),
    on_special_pairs("max", np.maximum),
    *on_floats("min", np.minimum),
    *on_integer_pairs("min", np.minimum),
    on_special_pairs("min", np.minimum),
    *on_floats("atan2", np.arctan2),
    on_special_pairs("atan2", np.arctan2),
    # A step of finite differences is many ulps, all of which carry over to the result.
    *on_floats("nextafter", np.nextafter),
    *on_floats("complex", lambda x, y: (x + 1j * y).astype(C64 if x.dtype == F32 else C128)),
    Case("complex", (np.array([np.inf, 0.0]), np.array([0.0, np.nan])), derivatives=None,
         expected=np.array([complex(np.inf, 0), complex(0, np.nan)]), label="special"),
    *on_floats("pow", np.power, x=np.abs(X)),
    Case("pow", (U, U[::-1].copy()), reference=np.power),
    on_special_pairs("pow", np.power),
    Case("pow", (X, np.array([[3, -2, 1], [0, 5, -1]])), reference=np.power, derivatives=(0,)),
    Case("pow", (X.astype(F32), np.int64(3)), reference=lambda x, y: x**3, derivatives=(0,), order=1),
    Case("pow", (U, np.array([2, -1, 0], I32)), reference=np.power, derivatives=(0,)),
    Case("pow", (M, np.array([2, 3, 0, 1, 0, 5])), reference=np.power),
    Case(
        "pow",
        (np.array([1, -1, -1, 2, 0, 3], I8), np.array([-3, -3, -2, -1, -1, 100], I8)),
        # 1/n is truncated, overflow wraps.
        expected=np.array([1, -1, 1, 0, 0, pow(3, 100, 256) - 256], I8),
        label="negative powers",
    ),
]  # fmt: skip

BOOLS = np.array([True, True, False, False]), np.array([True, False, True, False])
AMOUNTS = np.array([0, 1, 3, 6, 7, 8, 100, -1], I8)
BYTES = np.array([[1], [100], [-128], [-3]], I8) + np.zeros(8, I8)


def shifted(shift):
    """Make the reference of a shift of bytes out of one of Python integers; the amount is at most 8."""

    def reference(x, y):
        amounts = np.minimum(np.broadcast_to(y, x.shape).astype(U8), 8)
        values = [shift(int(a), int(n)) % 256 for a, n in zip(x.ravel(), amounts.ravel())]
        return np.array(values, U8).view(x.dtype).reshape(x.shape)

    return reference


BITS = [
    *[Case(name, BOOLS, reference=f) for name, f in
      (("and", np.logical_and), ("or", np.logical_or), ("xor", np.logical_xor))],
    *on_integer_pairs("and", np.bitwise_and),
    *on_integer_pairs("or", np.bitwise_or),
    *on_integer_pairs("xor", np.bitwise_xor),
    Case("and", (M, np.int64(6)), reference=np.bitwise_and),
    Case("or", (np.zeros((0, 2), U8), np.zeros((0, 2), U8)), reference=np.bitwise_or),
    Case("xor", (np.int32(12), np.int32(10)), expected=np.int32(6)),
    Case("shift_left", (BYTES, np.tile(AMOUNTS, (4, 1))), reference=shifted(lambda n, k: n << k)),
    Case("shift_left", (np.array([1, 2]), np.int64(62)), expected=np.array([2**62, -(2**63)])),
    Case("shift_left", (np.zeros(0, U8), np.zeros(0, U8)), reference=np.left_shift),
    Case("shift_right_arithmetic", (BYTES, np.tile(AMOUNTS, (4, 1))), reference=shifted(lambda n, k: n >> k)),
    Case("shift_right_arithmetic", (np.array([255, 127], U8), np.uint8(2)), expected=np.array([255, 31], U8)),
    Case("shift_right_arithmetic", (np.int64(-8), np.array([1, 64])), expected=np.array([-4, -1])),
    Case("shift_right_logical", (BYTES, np.tile(AMOUNTS, (4, 1))),
         reference=shifted(lambda n, k: n % 256 >> k)),
    Case("shift_right_logical", (np.array([255, 127], U8), np.uint8(2)), expected=np.array([63, 31], U8)),
    Case("shift_right_logical", (np.int64(-8), np.array([1, 64])), expected=np.array([2**63 - 4, 0])),
]  # fmt: skip

COMPARISON = [
    row
    for name, reference in (
        ("eq", np.equal),
        ("ne", np.not_equal),
        ("lt", np.less),
        ("le", np.less_equal),
        ("gt", np.greater),
        ("ge", np.greater_equal),
    )
    for row in (
        on_special_pairs(name, reference),
        Case(name, (X, np.float64(0.6)), reference=reference),
        Case(name, (np.float32(1.0), np.array([0.5, 1.0, 2.0], F32)), reference=reference),
        Case(name, (M, N), reference=reference),
        Case(name, BOOLS, reference=reference),
        Case(name, (X[:0], Y[:0]), reference=reference),
    )
] + [
    Case("eq", (U, np.array([U[0], 0j, np.nan])), reference=np.equal),
    Case("ne", (U, np.array([U[0], 0j, np.nan])), reference=np.not_equal),
]

HALVES = np.array([-2.5, -1.5, -0.5, -0.3, 0.0, 0.49999999999999994, 0.5, 1.5, 2.5, 2.0**52 + 1, np.inf])

ROUNDING = [
    Case("round", (ANYWHERE + 0.1,), {"rounding_method": 0}, reference=lambda x, rounding_method: np.rint(x)),
    Case(
        "round",
        (HALVES,),
        {"rounding_method": 1},
        reference=lambda x, rounding_method: np.rint(x),
        derivatives=None,
    ),
    Case(
        "round",
        (HALVES,),
        {"rounding_method": 0},
        expected=np.array([-3.0, -2.0, -1.0, -0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 2.0**52 + 1, np.inf]),
        derivatives=None,
        label="away from zero",
    ),
    Case("round", (np.float32(-2.3),), {"rounding_method": 0}, expected=np.float32(-2.0)),
    Case("round", (np.zeros((0, 3), F16),), {"rounding_method": 0}, expected=np.zeros((0, 3), F16)),
]


def power(x, y):
    return x**y


POWERS = [
    *[Case("integer_pow", (X,), {"y": y}, reference=power, label=f"y={y}") for y in (-3, -1, 0, 1, 2, 3, 4)],
    *[Case("integer_pow", (COMPLEX,), {"y": y}, reference=power, label=f"y={y}") for y in (-1, 0, 3)],
    Case("integer_pow", (X[1].astype(F32),), {"y": -2}, reference=power, order=1),
    Case("integer_pow", (X[1, 1],), {"y": 5}, reference=power),
    Case("integer_pow", (X[:0],), {"y": 5}, reference=power),
    Case("integer_pow", (np.array([-3, 0, 5]),), {"y": 4}, reference=power),
    Case("integer_pow", (np.array([3], I8),), {"y": 300}, expected=np.array([pow(3, 300, 256)], I8)),
    *[
        Case(
            "integer_pow", (SPECIAL,), {"y": y}, reference=quiet(f), derivatives=None, label=f"special y={y}"
        )
        for y, f in ((-2, lambda x, y: 1 / x**2), (3, power))
    ],
]

LOW, HIGH = np.full((2, 3), -1.0), np.full((2, 3), 1.2)


def clamped(low, x, high):
    return np.minimum(np.maximum(low, x), high)


def chosen(which, x, y):
    return np.where(which, y, x)


SELECTION = [
    Case("clamp", (LOW, X, HIGH), reference=clamped),
    Case("clamp", (np.float64(-1.0), X, np.float64(1.2)), reference=clamped),
    Case("clamp", (LOW, np.float64(0.3), np.float64(1.2)), reference=clamped),
    Case("clamp", (np.float32(-1), np.float32(3), np.float32(1)), reference=clamped, order=1),
    Case("clamp", (np.int64(-5), M, np.int64(5)), reference=clamped),
    Case("clamp", (LOW[:0], X[:0], HIGH[:0]), reference=clamped),
    Case("clamp", (np.float64(-1), SPECIAL, np.float64(1)), reference=clamped, derivatives=None),
    Case("select_n", (X > 0, X, Y), reference=chosen),
    Case("select_n", (X > 0, X, np.float64(2.0)), reference=chosen),
    Case("select_n", (X > 0, np.float64(1.0), np.float64(2.0)), reference=chosen),
    Case("select_n", (np.bool_(True), X, Y), reference=lambda which, x, y: y),
    Case("select_n", (np.bool_(False), X, np.float64(2.0)), reference=lambda which, x, y: x),
    Case("select_n", (X[0] > 0, X[0].astype(F32), Y[0].astype(F32)), reference=chosen, order=1),
    Case("select_n", (X > 0, X), reference=lambda which, x: x),
    Case("select_n", (X > 0, np.float64(1.0)), expected=np.ones((2, 3))),
    Case("select_n", (np.array([0, 2, 1]), U, -U, 2 * U), expected=np.array([U[0], 2 * U[1], -U[2]])),
    Case("select_n", (np.int32(1), X[0], Y[0], X[1]), reference=lambda which, *cases: cases[1]),
    Case("select_n", (np.array([-1, 0, 1, 2], I32), np.arange(4), np.arange(4, 8)), label="clamped",
         expected=np.array([0, 1, 6, 7])),
    Case("select_n", (np.array([True, False]), *(b[:2] for b in BOOLS)), reference=chosen),
    Case("select_n", (X[:0] > 0, X[:0], Y[:0]), reference=lambda which, x, y: y),
]  # fmt: skip


def converted(x, new_dtype, weak_type):
    return (x.real if new_dtype.kind in "iuf" else x).astype(new_dtype)


def to(dtype, **changes):
    return {"new_dtype": np.dtype(dtype), "weak_type": False, **changes}


CONVERSION = [
    *[
        Case("convert_element_type", (np.array([0, 1, 3]).astype(old),), to(new), reference=converted,
             order=1, label=f"to {new}")
        for old in (F64, F32, C128, I64, U8, np.dtype(bool))
        for new in (F64, F32, C64, I32, U8, np.dtype(bool))
    ],
    Case("convert_element_type", (X,), to(F64), reference=converted, label="to itself"),
    Case("convert_element_type", (X,), to(C128), reference=converted, label="to complex"),
    Case("convert_element_type", (COMPLEX,), to(F64), reference=converted, label="to its real part"),
    Case("convert_element_type", (X[1, 1],), to(F64, weak_type=True), reference=converted, label="weak"),
    Case("convert_element_type", (X[:0],), to(I64), reference=converted),
    Case("convert_element_type", (np.array([1j, 0j]),), to(bool), expected=np.array([True, False])),
    Case("bitcast_convert_type", (np.array([1.0, -0.0]),), {"new_dtype": I64},
         expected=np.array([0x3FF0000000000000, -(2**63)])),
    Case("bitcast_convert_type", (np.int32(0x3F800000),), {"new_dtype": F32}, expected=np.float32(1.0)),
    Case("bitcast_convert_type", (np.array([-1], I8),), {"new_dtype": U8}, expected=np.array([255], U8)),
    Case("bitcast_convert_type", (np.zeros((2, 0)),), {"new_dtype": I64}, expected=np.zeros((2, 0), I64)),
]  # fmt: skip


ROWS = [*UNARY, *BINARY, *BITS, *COMPARISON, *ROUNDING, *POWERS, *SELECTION, *CONVERSION]

THREE = np.arange(3)
ERRORS = [
    ErrorCase(
        "reduce_precision", (X.astype(I64),), {"exponent_bits": 5, "mantissa_bits": 10}, DtypeError, "not i64"
    ),
    ErrorCase("add", (X, X[0]), {}, ShapeError, r"add: operands have types f64\[2,3\], f64\[3\]"),
    ErrorCase("add", (X, X.astype(F32)), {}, DtypeError, r"add: operands have types f64\[2,3\], f32\[2,3\]"),
    ErrorCase("sub", BOOLS, {}, DtypeError, "sub takes .* operands, not bool"),
    ErrorCase("div", BOOLS, {}, DtypeError, "div takes .* operands, not bool"),
    ErrorCase("sin", (THREE,), {}, DtypeError, "sin takes floating, complex operands, not i64"),
    ErrorCase("floor", (THREE,), {}, DtypeError, "floor takes floating operands, not i64"),
    ErrorCase("atan2", (U, U), {}, DtypeError, "atan2 takes floating operands, not c128"),
    ErrorCase("lt", (U, U), {}, DtypeError, "lt takes .* operands, not c128"),
    ErrorCase("rem", (U, U), {}, DtypeError, "rem takes .* operands, not c128"),
    ErrorCase("and", (X, Y), {}, DtypeError, "and takes bool, .* integer operands, not f64"),
    ErrorCase("shift_left", BOOLS, {}, DtypeError, "shift_left takes .* operands, not bool"),
    ErrorCase("real", (X,), {}, DtypeError, "real takes complex operands, not f64"),
    ErrorCase("complex", (THREE, THREE), {}, DtypeError, "complex takes floating operands, not i64"),
    ErrorCase(
        "complex", (X.astype(F16), Y.astype(F16)), {}, DtypeError, "no complex dtype has parts of .* f16"
    ),
    ErrorCase("clamp", (U[0], U, U[0]), {}, DtypeError, "clamp takes .* operands, not c128"),
    ErrorCase("pow", (THREE, X[0]), {}, DtypeError, r"pow: operands have types i64\[3\], f64\[3\]"),
    ErrorCase("pow", (X, THREE), {}, ShapeError, r"pow: operands have types f64\[2,3\], i64\[3\]"),
    ErrorCase("integer_pow", (THREE,), {"y": -1}, DtypeError, r"i64\[3\] is raised to the power -1"),
    ErrorCase("round", (X,), {"rounding_method": 2}, ArgumentError, r"f64\[2,3\] is rounded by method 2"),
    ErrorCase("select_n", (X, X, Y), {}, DtypeError, r"select_n: f64\[2,3\] selects among 2 cases"),
    ErrorCase("select_n", (X > 0,), {}, DtypeError, r"select_n: bool\[2,3\] selects among 0 cases"),
    ErrorCase("select_n", (X > 0, X, X, X), {}, DtypeError, r"select_n: bool\[2,3\] selects among 3 cases"),
    ErrorCase("select_n", (X > 0, X, X.astype(F32)), {}, DtypeError, "select_n: operands have types"),
    ErrorCase("select_n", (X[0] > 0, X, Y), {}, ShapeError, "select_n: operands have types"),
    ErrorCase("bitcast_convert_type", (X,), {"new_dtype": F32}, DtypeError, "cannot be read as f32"),
    ErrorCase(
        "bitcast_convert_type", (np.int8(1),), {"new_dtype": np.dtype(bool)}, DtypeError, "be read as bool"
    ),
]
