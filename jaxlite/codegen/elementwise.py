"""Elementwise primitives as scalar operations, written once for Python and LLVM.

    logistic(x)  ->  e = exp(-|x|);  select(x >= 0, 1, e) / (1 + e)

A rule ``(b, out_dtype, in_dtypes, *operands, **params) -> components`` writes the operations of one element; operands
and result are tuples of components, one for a real number and two for a complex one. It returns None where the
operation has no native form for these dtypes.
"""

from __future__ import annotations

import math

import numpy as np

from jaxlite.codegen import operations
from jaxlite.codegen.builder import Builder
from jaxlite.codegen.loops import Const, Scalar
from jaxlite.codegen.values import storage
from jaxlite.ir import Eqn
from jaxlite.ops.elementwise import exponent_range

ELEMENTWISE: dict = {}
HALF = np.dtype(np.float16)


def rule(*names: str):
    """Register a rule for operations by name."""

    def register(function):
        for name in names:
            ELEMENTWISE[name] = function
        return function

    return register


def rule_for(operation):
    """Return the rule of an operation: a name, or an expression ``(b, *operands) -> result`` of real operands."""
    if callable(operation):
        return _of_halves(
            None, lambda b, out, ins, *xs, **params: (operation(b, *(x for (x,) in xs), **params),)
        )
    found = ELEMENTWISE.get(operation)
    return _never if found is None else _of_halves(operation, found)


def has_scalar_form(eqn: Eqn) -> bool:
    """Whether an elementwise equation has a form in scalars, for its dtypes."""
    out, ins = eqn.outvars[0].aval.dtype, tuple(a.aval.dtype for a in eqn.invars)
    samples = [tuple(Scalar(s) for _ in range(n)) for s, n in map(storage, ins)]
    write = rule_for(eqn.primitive.lower.word)
    return write(Builder(), out, ins, *samples, **eqn.params) is not None


def _never(b, out, ins, *xs, **params):
    return None


# --- float16 ----------------------------------------------------------------------------------------

# Operations that only move bits, which a float16 is kept as; and those that need to know its neighbours.
_MOVING = ("select_n", "copy", "bitcast_convert_type", "reduce_precision")
_OF_NEIGHBOURS = ("nextafter",)
_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
_U16, _U32, _U64 = (np.dtype(f"u{size}") for size in (2, 4, 8))


def _of_halves(name, found):
    """Let a rule compute with float16 as NumPy does: in float32, each result rounded."""

    def checked(b, out, ins, *xs, **params):
        if HALF not in (out, *ins):
            return found(b, out, ins, *xs, **params)
        if name in _OF_NEIGHBOURS:
            return None
        if name in _MOVING:
            return found(b, _U16 if out == HALF else out, ins, *xs, **params)
        if name == "convert_element_type" and out == HALF:
            return (bits_of_half(b, float_of_half(b, xs[0][0]) if ins[0] == HALF else xs[0][0]),)
        xs = [(float_of_half(b, x[0]),) if dtype == HALF else x for x, dtype in zip(xs, ins, strict=True)]
        ins = tuple(_F32 if dtype == HALF else dtype for dtype in ins)
        result = found(b, _F32 if out == HALF else out, ins, *xs, **params)
        return result if result is None or out != HALF else (bits_of_half(b, *result),)

    return checked


def float_of_half(b, bits):
    """Return the float32 of a float16 that is given by its bits."""
    return b.let("float_of_half", bits, dtype=_F32)


def bits_of_half(b, x):
    """Return the bits of the nearest float16, of two equally near ones the even one."""
    return b.let("bits_of_half", x if x.dtype == _F64 else b.convert(x, _F32), dtype=_U16)


def cost(operation) -> int:
    """Return what an elementwise operation costs, in additions."""
    known = {
        "logistic": 16,
        "logaddexp": 30,
        "integer_pow": 6,
        "polygamma": 280,
        "digamma": operations.COST["psi"],
        "erf_inv": operations.COST["erfinv"],
    }
    return 10 if callable(operation) else known.get(operation) or operations.cost(operation)


def _c(value, like) -> Const:
    return Const(value, like.dtype)


# --- the same operation for all real dtypes, and complex ones where they are simple ------------------


def _real(operation: str, name: str | None = None):
    """Register an operation of real operands."""

    def of_reals(b, out, ins, *xs, **params):
        return (b.let(operation, *(x[0] for x in xs)),) if all(len(x) == 1 for x in xs) else None

    ELEMENTWISE[name or operation] = of_reals


for _name in ("and", "or", "xor", "not", "floor", "ceil", "nextafter", "atan2", "hypot",
              "cbrt", "exp2", "erf", "erfc", "lt", "le", "gt", "ge"):  # fmt: skip
    _real(_name)
_real("shl", "shift_left")
_real("lshr", "shift_right_logical")
_real("popcount", "population_count")
_real("clz")
_real("psi", "digamma")
_real("erfinv", "erf_inv")
_real("hyp1f1")
_real("hyp2f1")

_C_NAMES = {
    "sqrt": "csqrt", "exp": "cexp", "log": "clog", "sin": "csin", "cos": "ccos", "tan": "ctan", "asin": "casin",
    "acos": "cacos", "atan": "catan", "sinh": "csinh", "cosh": "ccosh", "tanh": "ctanh", "asinh": "casinh",
    "acosh": "cacosh", "atanh": "catanh",
}  # fmt: skip


def _function(name: str, complex_name: str):
    def of_any(b, out, ins, x):
        return (b.let(name, *x),) if len(x) == 1 else call_complex(b, complex_name, *x)

    ELEMENTWISE[name] = of_any


def call_complex(b, name, *parts):
    return tuple(b.let(f"{name}_{part}", *parts) for part in ("re", "im"))


for _name, _complex_name in _C_NAMES.items():
    _function(_name, _complex_name)


@rule("expm1")
def _expm1(b, out, ins, x):
    if len(x) == 1:
        return (b.let("expm1", x[0]),)
    # As NumPy: cos(q) - 1 = -2·sin(q/2)² where the exponential is near 1.
    p, q = x
    half = b.let("sin", b.let("div", q, _c(2, q)))
    lost = b.let("mul", b.let("mul", _c(2, q), half), half)
    real = b.let("sub", b.let("mul", b.let("expm1", p), b.let("cos", q)), lost)
    return real, b.let("mul", b.let("exp", p), b.let("sin", q))


@rule("log1p")
def _log1p(b, out, ins, x):
    if len(x) == 1:
        return (b.let("log1p", x[0]),)
    real = b.let("add", x[0], _c(1, x[0]))
    return b.let("log", b.let("hypot", real, x[1])), b.let("atan2", x[1], real)


# The orders that have a function of their own.
_POLYGAMMA = {0: "psi", 1: "trigamma"}


@rule("polygamma")
def _polygamma(b, out, ins, m, x):
    known = m[0].value if isinstance(m[0], Const) else None
    if known in _POLYGAMMA:
        return (b.let(_POLYGAMMA[known], x[0]),)
    order, point = b.convert(m[0], operations.F64), b.convert(x[0], operations.F64)
    following = b.let("add", order, _c(1, order))
    factor = b.let("mul", b.let("pow", _c(-1, order), following), b.let("gamma", following))
    derivative = b.let("mul", factor, b.let("zeta", following, point))
    result = b.select(b.let("eq", order, _c(0, order)), b.let("psi", point), derivative)
    return (b.convert(result, out),)


@rule("lgamma")
def _lgamma(b, out, ins, x):
    (x,) = x
    # Differs from the C library at -inf, where SciPy says -inf.
    infinite = b.let("eq", x, _c(-math.inf, x))
    return (b.select(infinite, x, b.let("lgamma", x)),)


# --- arithmetic -------------------------------------------------------------------------------------


def add(b, x, y):
    if x[0].dtype.kind == "b":
        return (b.let("or", x[0], y[0]),)
    return tuple(_sum(b, p, q) for p, q in zip(x, y, strict=True))


def _sum(b, x, y):
    """Return x + y: x alone in the margin that a pad fills with -0.0, which changes no number."""
    for p, q in ((x, y), (y, x)):
        if type(q) is Const and q.dtype.kind == "f" and q.value == 0 and np.signbit(q.value):
            return p
    return b.let("add", x, y)


@rule("add")
def _add(b, out, ins, x, y):
    return add(b, x, y)


@rule("sub")
def _sub(b, out, ins, x, y):
    if out.kind == "b":
        return None
    return tuple(b.let("sub", p, q) for p, q in zip(x, y, strict=True))


def mul(b, x, y):
    if x[0].dtype.kind == "b":
        return (b.let("and", x[0], y[0]),)
    if len(x) == 1:
        return (b.let("mul", x[0], y[0]),)
    (a, c), (d, e) = x, y
    real = b.let("sub", b.let("mul", a, d), b.let("mul", c, e))
    return real, b.let("add", b.let("mul", a, e), b.let("mul", c, d))


@rule("mul")
def _mul(b, out, ins, x, y):
    return mul(b, x, y)


def div(b, x, y):
    if len(x) == 1:
        return (b.let("div", x[0], y[0]),)
    # Smith's method, as NumPy: divides by the larger part, so that squares do not overflow.
    (a, c), (d, e) = x, y
    abs_d, abs_e = b.let("abs", d), b.let("abs", e)
    by_real = b.let("ge", abs_d, abs_e)
    large, small = b.select(by_real, d, e), b.select(by_real, e, d)
    zero = b.let("and", b.let("eq", abs_d, _c(0, d)), b.let("eq", abs_e, _c(0, d)))
    ratio = b.let("div", small, large)
    scale = b.let("div", _c(1, d), b.let("add", large, b.let("mul", small, ratio)))
    u, v = b.select(by_real, a, c), b.select(by_real, c, a)
    real = b.let("mul", b.let("add", u, b.let("mul", v, ratio)), scale)
    cross = b.let("mul", u, ratio)
    imag = b.let("mul", b.select(by_real, b.let("sub", v, cross), b.let("sub", cross, v)), scale)
    imag_by_imag = b.let("mul", b.let("sub", b.let("mul", c, ratio), a), scale)
    imag = b.select(by_real, imag, imag_by_imag)
    at_zero = b.let("div", a, abs_d), b.let("div", c, abs_d)
    return b.select(zero, at_zero[0], real), b.select(zero, at_zero[1], imag)


@rule("div")
def _div(b, out, ins, x, y):
    return None if out.kind == "b" else div(b, x, y)


@rule("neg")
def _neg(b, out, ins, x):
    return tuple(b.let("neg", p) for p in x)


@rule("rem")
def _rem(b, out, ins, x, y):
    return (b.let("rem", x[0], y[0]),) if len(x) == 1 and out.kind != "b" else None


@rule("mod")
def _mod(b, out, ins, x, y):
    if len(x) != 1 or out.kind == "b":
        return None
    (x,), (y,) = x, y
    r, zero = b.let("rem", x, y), _c(0, x)
    if out.kind == "u":
        return (r,)
    differs = b.let("and", b.let("ne", r, zero), b.let("ne", b.let("lt", r, zero), b.let("lt", y, zero)))
    shifted = b.select(differs, b.let("add", r, y), r)
    if out.kind == "f":
        # A remainder of zero has the sign of the divisor.
        signed = b.let("copysign", zero, y)
        shifted = b.select(b.let("eq", r, zero), signed, shifted)
    return (shifted,)


@rule("floor_div")
def _floor_div(b, out, ins, x, y):
    if len(x) != 1 or out.kind == "b":
        return None
    (x,), (y,) = x, y
    zero = _c(0, x)
    if out.kind == "u":
        return (b.let("div", x, y),)
    if out.kind == "i":
        q, r = b.let("div", x, y), b.let("rem", x, y)
        down = b.let("and", b.let("ne", r, zero), b.let("ne", b.let("lt", r, zero), b.let("lt", y, zero)))
        return (b.select(down, b.let("sub", q, _c(1, x)), q),)
    # NumPy's divmod: the quotient of what is left after the remainder, rounded to the nearest integer.
    r = b.let("rem", x, y)
    q = b.let("div", b.let("sub", x, r), y)
    differs = b.let("and", b.let("ne", r, zero), b.let("ne", b.let("lt", r, zero), b.let("lt", y, zero)))
    q = b.select(differs, b.let("sub", q, _c(1, x)), q)
    whole = b.let("floor", q)
    whole = b.select(b.let("gt", b.let("sub", q, whole), _c(0.5, x)), b.let("add", whole, _c(1, x)), whole)
    signed = b.let("copysign", zero, b.let("div", x, y))
    result = b.select(b.let("eq", q, zero), signed, whole)
    return (b.select(b.let("eq", y, zero), b.let("div", x, y), result),)


@rule("abs")
def _abs(b, out, ins, x):
    return (b.let("hypot", *x),) if len(x) == 2 else x if out.kind == "b" else (b.let("abs", x[0]),)


@rule("sign")
def _sign(b, out, ins, x):
    if len(x) == 2:
        modulus = b.let("hypot", *x)
        zero = b.let("eq", modulus, _c(0, modulus))
        return tuple(b.select(zero, _c(0, p), b.let("div", p, modulus)) for p in x)
    (x,) = x
    if out.kind == "b":
        return None
    zero = _c(0, x)
    up = b.select(b.let("gt", x, zero), _c(1, x), zero)
    if out.kind == "u":
        return (up,)
    both = b.select(b.let("lt", x, zero), _c(-1, x), up)
    return (b.select(b.let("ne", x, x), x, both) if out.kind == "f" else both,)


def _extreme(name: str, strict: str, weak: str):
    """Register max or min: complex numbers compare by real parts, then by imaginary ones; the first nan wins."""

    def of_any(b, out, ins, x, y):
        if len(x) == 1:
            return (b.let(name, x[0], y[0]),)
        nan_x, nan_y = (b.let("or", *(b.let("ne", p, p) for p in z)) for z in (x, y))
        tie = b.let("and", b.let("eq", x[0], y[0]), b.let(weak, x[1], y[1]))
        ahead = b.let("or", b.let(strict, x[0], y[0]), tie)
        first = b.let("or", nan_x, b.let("and", ahead, b.let("not", nan_y)))
        return tuple(b.select(first, p, q) for p, q in zip(x, y, strict=True))

    ELEMENTWISE[name] = of_any


_extreme("max", "gt", "ge")
_extreme("min", "lt", "le")


@rule("clamp")
def _clamp(b, out, ins, low, x, high):
    return (b.let("min", b.let("max", low[0], x[0]), high[0]),)


@rule("square")
def _square(b, out, ins, x):
    return mul(b, x, x)


def reciprocal(b, x):
    one = _c(1, x[0])
    if len(x) == 1:
        return (b.let("div", one, x[0]),)
    # NumPy's way, whose 1/0 is nan in both parts.
    p, q = x
    by_real = b.let("le", b.let("abs", q), b.let("abs", p))
    large, small = b.select(by_real, p, q), b.select(by_real, q, p)
    ratio = b.let("div", small, large)
    divisor = b.let("add", large, b.let("mul", small, ratio))
    first, second = b.let("div", one, divisor), b.let("div", ratio, divisor)
    return b.select(by_real, first, second), b.let("neg", b.select(by_real, second, first))


@rule("rsqrt")
def _rsqrt(b, out, ins, x):
    return reciprocal(b, ELEMENTWISE["sqrt"](b, out, ins, x))


@rule("integer_pow")
def _integer_pow(b, out, ins, x, *, y):
    if out.kind == "b":
        return None
    if y == 0:
        return (_c(1, x[0]), _c(0, x[0]))[: len(x)]
    if len(x) == 2 and abs(y) >= 100:
        return _complex_pow(b, out, x, (_c(y, x[0]), _c(0, x[0])))
    if out.kind == "f" and abs(y) > 8:
        return (b.let("pow", x[0], _c(y, x[0])),)
    # The reciprocal of a product that overflows would be 0 where the power is not.
    first = y < 0 and len(x) == 1
    power, square, n = None, reciprocal(b, x) if first else x, abs(y)
    while n:
        if n & 1:
            power = square if power is None else mul(b, power, square)
        n >>= 1
        square = mul(b, square, square) if n else square
    return power if y > 0 or first else reciprocal(b, power)


@rule("pow")
def _pow(b, out, ins, x, y):
    x_dtype, y_dtype = ins
    if out.kind == "c":
        return _complex_pow(b, out, x, y)
    if out.kind == "f":
        if y_dtype == out:
            return (b.let("pow", x[0], y[0]),)
        # In float64: an odd integer that float32 does not hold would become even.
        power = b.let("pow", b.convert(x[0], operations.F64), b.convert(y[0], operations.F64))
        return (b.convert(power, out),)
    return (_power_of_integers(b, x[0], y[0]),)


def _power_of_integers(b, x, y):
    wide = max(x.dtype, y.dtype, key=lambda dtype: dtype.itemsize)
    if y.dtype.kind == "u":
        return b.convert(b.let("integer_power", b.convert(x, wide), b.convert(y, wide)), x.dtype)
    zero, one = _c(0, y), _c(1, x)
    negative = b.let("lt", y, zero)
    exponent = b.convert(b.select(negative, zero, y), wide)
    power = b.let("integer_power", b.convert(x, wide), exponent)
    # 1/n truncates to 0, unless n is 1 or -1.
    odd = b.let("ne", b.let("and", y, _c(1, y)), zero)
    inverse = b.select(b.let("eq", b.let("abs", x), one), b.select(odd, x, one), _c(0, x))
    return b.select(negative, inverse, b.convert(power, x.dtype))


def _complex_pow(b, out, x, y):
    base = tuple(b.convert(p, operations.F64) for p in x)
    zero, one, nan = (Const(value, operations.F64) for value in (0, 1, math.nan))
    exponent = b.convert(y[0], operations.F64), b.convert(y[1], operations.F64) if len(y) == 2 else zero
    parts = call_complex(b, "cpow", *base, *exponent)
    # As NumPy, which does not ask the C library about zeros.
    of_zero, to_zero = (b.let("and", *(b.let("eq", p, zero) for p in z)) for z in (base, exponent))
    at_zero = b.select(b.let("gt", exponent[0], zero), zero, nan)
    parts = [b.select(of_zero, at_zero, p) for p in parts]
    parts = [b.select(to_zero, exact, p) for exact, p in zip((one, zero), parts, strict=True)]
    return tuple(b.convert(p, x[0].dtype) for p in parts)


@rule("logistic")
def _logistic(b, out, ins, x):
    if len(x) == 2:
        e = call_complex(b, "cexp", *(b.let("neg", p) for p in x))
        return reciprocal(b, (b.let("add", e[0], _c(1, e[0])), e[1]))
    (x,) = x
    e = b.let("exp", b.let("neg", b.let("abs", x)))
    top = b.select(b.let("ge", x, _c(0, x)), _c(1, x), e)
    return (b.let("div", top, b.let("add", _c(1, x), e)),)


def logaddexp(b, x, y):
    """log(exp x + exp y) = max + log1p(exp(-|x - y|)); equal infinities have no difference."""
    same = b.let("eq", x, y)
    gap = b.let("sub", x, y)
    tail = b.let("log1p", b.let("exp", b.let("neg", b.let("abs", gap))))
    at_tie = b.let("add", x, _c(math.log(2), x))
    return b.select(same, at_tie, b.let("add", b.let("max", x, y), tail))


@rule("logaddexp")
def _logaddexp(b, out, ins, x, y):
    return (logaddexp(b, x[0], y[0]),)


# --- comparison, choice and rounding ----------------------------------------------------------------


@rule("eq")
def _eq(b, out, ins, x, y):
    tests = [b.let("eq", p, q) for p, q in zip(x, y, strict=True)]
    return (tests[0] if len(tests) == 1 else b.let("and", *tests),)


@rule("ne")
def _ne(b, out, ins, x, y):
    tests = [b.let("ne", p, q) for p, q in zip(x, y, strict=True)]
    return (tests[0] if len(tests) == 1 else b.let("or", *tests),)


def _lexicographic(name: str):
    real_rule = ELEMENTWISE[name]
    strict = {"le": "lt", "ge": "gt"}.get(name, name)

    def of_any(b, out, ins, x, y):
        if len(x) == 1:
            return real_rule(b, out, ins, x, y)
        (a, c), (d, e) = x, y
        tie = b.let("and", b.let("eq", a, d), b.let(name, c, e))
        first = b.let("and", b.let(strict, a, d), b.let("and", b.let("eq", c, c), b.let("eq", e, e)))
        return (b.let("or", first, tie),)

    ELEMENTWISE[name] = of_any


for _name in ("lt", "le", "gt", "ge"):
    _lexicographic(_name)


@rule("select_n")
def _select_n(b, out, ins, which, *cases):
    (which,) = which
    if len(cases) == 1:
        return cases[0]
    if which.dtype.kind == "b":
        return tuple(b.select(which, yes, no) for no, yes in zip(*cases, strict=True))
    chosen = cases[0]
    for k, case in enumerate(cases[1:], 1):
        beyond = b.let("ge", which, _c(k, which))
        chosen = tuple(b.select(beyond, new, old) for new, old in zip(case, chosen, strict=True))
    return chosen


@rule("shift_right_arithmetic")
def _shift_right_arithmetic(b, out, ins, x, y):
    return (b.let("ashr", x[0], y[0]),)


@rule("round")
def _round(b, out, ins, x, *, rounding_method):
    (x,) = x
    if rounding_method:
        return (b.let("rint", x),)
    whole = b.let("trunc", x)
    up = b.let("ge", b.let("abs", b.let("sub", x, whole)), _c(0.5, x))
    return (b.let("add", whole, b.let("copysign", b.convert(up, x.dtype), x)),)


@rule("is_finite")
def _is_finite(b, out, ins, x):
    tests = [b.let("lt", b.let("abs", p), _c(math.inf, p)) for p in x]
    return (tests[0] if len(tests) == 1 else b.let("and", *tests),)


# --- parts and types --------------------------------------------------------------------------------


@rule("real")
def _real_part(b, out, ins, x):
    return x[:1]


@rule("imag")
def _imag_part(b, out, ins, x):
    return x[1:]


@rule("conj")
def _conj(b, out, ins, x):
    return x[0], b.let("neg", x[1])


@rule("complex")
def _complex(b, out, ins, x, y):
    return x[0], y[0]


@rule("copy")
def _copy(b, out, ins, x):
    return x


@rule("convert_element_type")
def convert(b, out, ins, x, *, new_dtype, weak_type):
    part = np.dtype(f"f{out.itemsize // 2}") if out.kind == "c" else out
    if out.kind == "b" and len(x) == 2:
        return (b.let("or", *(b.convert(p, out) for p in x)),)
    if out.kind != "c":
        return (b.convert(x[0], out),)
    return b.convert(x[0], part), b.convert(x[1], part) if len(x) == 2 else Const(0, part)


@rule("bitcast_convert_type")
def _bitcast(b, out, ins, x, *, new_dtype):
    if out == ins[0]:
        return x
    if len(x) == 2:
        # The real part comes first, in the lower half.
        low, high = (b.convert(b.let("bitcast", part, dtype=_U32), _U64) for part in x)
        x = (b.let("or", low, b.let("shl", high, Const(32, _U64))),)
    elif out.kind == "c":
        bits = x[0] if x[0].dtype == _U64 else b.let("bitcast", x[0], dtype=_U64)
        halves = bits, b.let("lshr", bits, Const(32, _U64))
        return tuple(b.let("bitcast", b.convert(half, _U32), dtype=_F32) for half in halves)
    return (x[0] if x[0].dtype == out else b.let("bitcast", x[0], dtype=out),)


@rule("reduce_precision")
def _reduce_precision(b, out, ins, x, *, exponent_bits, mantissa_bits):
    layout = np.finfo(ins[0])
    unsigned = np.dtype(f"u{ins[0].itemsize}")
    number = lambda value: Const(int(value), unsigned)  # noqa: E731
    start = bits = x[0] if x[0].dtype == unsigned else b.let("bitcast", x[0], dtype=unsigned)
    lost = layout.nmant - mantissa_bits
    exponents, sign = number((2**layout.nexp - 1) << layout.nmant), number(1 << (layout.bits - 1))
    if lost > 0:
        odd = b.let("and", b.let("lshr", bits, number(lost)), number(1))
        bits = b.let("add", bits, b.let("add", odd, number(2 ** (lost - 1) - 1)))
        bits = b.let("and", bits, number(2**layout.bits - 2**lost))
    if exponent_bits < layout.nexp:
        least, largest = (number(e << layout.nmant) for e in exponent_range(layout, exponent_bits))
        exponent, zero = b.let("and", bits, exponents), b.let("and", bits, sign)
        bits = b.select(b.let("gt", exponent, largest), b.let("or", zero, exponents), bits)
        bits = b.select(b.let("le", exponent, least), zero, bits)
    magnitude = b.let("and", start, number(2 ** (layout.bits - 1) - 1))
    bits = b.select(b.let("gt", magnitude, exponents), start, bits)
    return (bits if out == unsigned else b.let("bitcast", bits, dtype=out),)


# --- what reductions combine with -------------------------------------------------------------------


def _everywhere(value):
    def identity(dtype):
        if dtype.kind == "c":
            part = np.dtype(f"f{dtype.itemsize // 2}")
            return Const(value, part), Const(0, part)
        return (Const(value, dtype),)

    return identity


def _extreme_identity(sign: int):
    def identity(dtype):
        if dtype.kind == "c":
            part = np.dtype(f"f{dtype.itemsize // 2}")
            return Const(sign * math.inf, part), Const(sign * math.inf, part)
        if dtype == HALF:
            return None
        if dtype.kind == "b":
            return (Const(sign > 0, dtype),)
        if dtype.kind == "f":
            return (Const(sign * math.inf, dtype),)
        info = np.iinfo(dtype)
        return (Const(info.max if sign > 0 else info.min, dtype),)

    return identity


def _all_bits(dtype):
    return (Const(True, dtype),) if dtype.kind == "b" else (Const(~dtype.type(0), dtype),)


def _combining(operation: str):
    return lambda b, dtype, x, y: ELEMENTWISE[operation](b, dtype, (dtype, dtype), x, y)


def _logaddexp_identity(dtype):
    return (Const(-math.inf, dtype),) if dtype.kind == "f" else None


COMBINERS = {
    "add": (_everywhere(0), lambda b, dtype, x, y: add(b, x, y)),
    "mul": (_everywhere(1), lambda b, dtype, x, y: mul(b, x, y)),
    "max": (_extreme_identity(-1), _combining("max")),
    "min": (_extreme_identity(1), _combining("min")),
    "and": (_all_bits, _combining("and")),
    "or": (_everywhere(0), _combining("or")),
    "xor": (_everywhere(0), _combining("xor")),
    "logaddexp": (_logaddexp_identity, lambda b, dtype, x, y: (logaddexp(b, x[0], y[0]),)),
}
