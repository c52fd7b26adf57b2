"""The scalar operations: one source for their meaning in Python text and in LLVM.

    OPERATIONS["add"].python(f64, (f64, f64), ("a", "b"))        ->  "a + b"
    OPERATIONS["add"].llvm(emitter, f64, (f64, f64), ("%1", "%2"))  ->  "%3", after the line "%3 = fadd double %1, %2"

Python text runs under CPython on NumPy scalars and under numba, which makes int64 of sums of small integers: their
results are converted back by name. Functions that neither has are in ``helpers``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jaxlite.codegen.helpers import ZETA_DIVISORS
from jaxlite.codegen.vector_math import BETTER_ALONE, FUNCTIONS

BOOL = np.dtype(np.bool_)
F64 = np.dtype(np.float64)

# Cost in additions, where it is not 1. Functions as measured in vectorised loops, where exp takes 1 ns and an addition
# 0.1.
COST = {
    "div": 4, "rem": 10, "sqrt": 4, "floor_div": 6, "mod": 6,
    "exp": 10, "exp2": 10, "expm1": 12, "log": 10, "log1p": 15, "sin": 12, "cos": 12, "tan": 20, "sinh": 13,
    "cosh": 10, "tanh": 15, "asin": 12, "acos": 15, "atan": 15, "atan2": 27, "asinh": 32, "acosh": 24, "atanh": 18,
    "cbrt": 20, "hypot": 13, "pow": 38, "erf": 35, "erfc": 38, "erfinv": 32, "lgamma": 80, "psi": 40,
    "trigamma": 40,
}  # fmt: skip
# Of one that is a call for each element.
CALL = 60


def llvm_type(dtype: np.dtype) -> str:
    """Return LLVM's type of a scalar in a register."""
    kind = dtype.kind
    if kind == "f":
        return "double" if dtype.itemsize == 8 else "float"
    return "i1" if kind == "b" else "ptr" if kind == "O" else f"i{8 * dtype.itemsize}"


def memory_type(dtype: np.dtype) -> str:
    """Return LLVM's type of a scalar in memory: a bool takes a byte."""
    return "i8" if dtype.kind == "b" else llvm_type(dtype)


def llvm_const(value, dtype: np.dtype) -> str:
    """Return a constant with all its bits."""
    if dtype.kind == "f":
        # LLVM writes a float by the bits of the double of its value.
        return f"0x{struct.unpack('<Q', struct.pack('<d', float(value)))[0]:016X}"
    if dtype.kind == "b":
        return "true" if value else "false"
    return str(int(value))


def python_const(value, dtype: np.dtype) -> str:
    """Return a constant as Python text, of the dtype under NumPy and numba."""
    if dtype.kind == "b":
        return str(bool(value))
    if dtype.kind in "iu":
        return str(int(value)) if dtype == np.int64 else f"np.{dtype.name}({int(value)})"
    number = float(value)
    text = repr(number) if np.isfinite(number) else "np.nan" if np.isnan(number) else "np.inf"
    if number == -np.inf:
        text = "-np.inf"
    return f"np.{dtype.name}({text})"


@dataclass(frozen=True, eq=False)
class Operation:
    """One scalar operation.

    Attributes
    ----------
    result : ``(dtypes) -> dtype``, or None where the statement says it
    python : ``(dtype, in_dtypes, texts) -> text``
    llvm : ``(emitter, dtype, in_dtypes, registers) -> register``
    """

    result: Callable | None
    python: Callable
    llvm: Callable


OPERATIONS: dict[str, Operation] = {}


def result_dtype(op: str, dtypes) -> np.dtype:
    """Return the dtype of an operation's result."""
    return OPERATIONS[op].result(dtypes)


def _first(dtypes):
    return dtypes[0]


def _bool(dtypes):
    return BOOL


def _wrapped(dtype: np.dtype, text: str) -> str:
    """Convert back what numba widens."""
    return f"np.{dtype.name}({text})" if dtype.kind in "iu" and dtype != np.int64 else f"({text})"


def _infix(name: str, sign: str, floats: str | None, signed: str, unsigned: str | None = None) -> None:
    def python(dtype, in_dtypes, texts):
        return _wrapped(dtype, f"{texts[0]} {sign} {texts[1]}")

    def llvm(e, dtype, in_dtypes, texts):
        word = floats if dtype.kind == "f" else signed if dtype.kind == "i" else unsigned or signed
        return e.emit(f"{word} {llvm_type(dtype)} {texts[0]}, {texts[1]}")

    OPERATIONS[name] = Operation(_first, python, llvm)


_infix("add", "+", "fadd", "add")
_infix("sub", "-", "fsub", "sub")
_infix("mul", "*", "fmul", "mul")
_infix("and", "&", None, "and")
_infix("or", "|", None, "or")
_infix("xor", "^", None, "xor")


def _comparison(name: str, sign: str, ordered: str) -> None:
    def python(dtype, in_dtypes, texts):
        return f"({texts[0]} {sign} {texts[1]})"

    def llvm(e, dtype, in_dtypes, texts):
        kind = in_dtypes[0].kind
        if kind == "f":
            word = f"fcmp {ordered}"
        elif name in ("eq", "ne"):
            word = f"icmp {name}"
        else:
            word = f"icmp {'s' if kind == 'i' else 'u'}{name}"
        return e.emit(f"{word} {llvm_type(in_dtypes[0])} {texts[0]}, {texts[1]}")

    OPERATIONS[name] = Operation(_bool, python, llvm)


for _name, _sign, _ordered in (
    ("eq", "==", "oeq"),
    ("ne", "!=", "une"),
    ("lt", "<", "olt"),
    ("le", "<=", "ole"),
    ("gt", ">", "ogt"),
    ("ge", ">=", "oge"),
):
    _comparison(_name, _sign, _ordered)


def _operation(name: str, result=_first):
    """Register ``(python, llvm)`` returned by the decorated function."""

    def register(make):
        python, llvm = make()
        OPERATIONS[name] = Operation(result, python, llvm)
        return make

    return register


def _wrapped_call(dtype: np.dtype, text: str) -> str:
    return f"np.{dtype.name}({text})" if dtype.kind in "iuf" and dtype != np.int64 else text


@_operation("div")
def _div():
    def python(dtype, in_dtypes, texts):
        if dtype.kind == "f":
            return f"({texts[0]} / {texts[1]})"
        word = "signed" if dtype.kind == "i" else "unsigned"
        return f"np.{dtype.name}(divide_{word}({texts[0]}, {texts[1]}))"

    def llvm(e, dtype, in_dtypes, texts):
        if dtype.kind == "f":
            return e.emit(f"fdiv {llvm_type(dtype)} {texts[0]}, {texts[1]}")
        return _guarded(e, dtype, texts, "sdiv", "udiv", lambda: _negated(e, dtype, texts[0]))

    return python, llvm


def _negated(e, dtype, text):
    return e.emit(f"sub {llvm_type(dtype)} 0, {text}")


def _guarded(e, dtype, texts, signed: str, unsigned: str, by_minus_one) -> str:
    """Divide without a trap: n/0 = 0, and the smallest integer by -1 wraps."""
    kind = llvm_type(dtype)
    x, y = texts
    zero = e.emit(f"icmp eq {kind} {y}, 0")
    if dtype.kind == "u":
        safe = e.emit(f"select i1 {zero}, {kind} 1, {kind} {y}")
        quotient = e.emit(f"{unsigned} {kind} {x}, {safe}")
        return e.emit(f"select i1 {zero}, {kind} 0, {kind} {quotient}")
    minus = e.emit(f"icmp eq {kind} {y}, -1")
    odd = e.emit(f"or i1 {zero}, {minus}")
    safe = e.emit(f"select i1 {odd}, {kind} 1, {kind} {y}")
    quotient = e.emit(f"{signed} {kind} {x}, {safe}")
    quotient = e.emit(f"select i1 {minus}, {kind} {by_minus_one()}, {kind} {quotient}")
    return e.emit(f"select i1 {zero}, {kind} 0, {kind} {quotient}")


@_operation("rem")
def _rem():
    def python(dtype, in_dtypes, texts):
        if dtype.kind == "f":
            return f"np.fmod({texts[0]}, {texts[1]})"
        word = "signed" if dtype.kind == "i" else "unsigned"
        return f"np.{dtype.name}(remainder_{word}({texts[0]}, {texts[1]}))"

    def llvm(e, dtype, in_dtypes, texts):
        if dtype.kind == "f":
            return e.function("rem", dtype, texts) if e.side_by_side else _libm(e, "fmod", dtype, texts)
        return _guarded(e, dtype, texts, "srem", "urem", lambda: "0")

    return python, llvm


@_operation("neg")
def _neg():
    def llvm(e, dtype, in_dtypes, texts):
        if dtype.kind == "f":
            return e.emit(f"fneg {llvm_type(dtype)} {texts[0]}")
        return _negated(e, dtype, texts[0])

    return lambda dtype, in_dtypes, texts: _wrapped(dtype, f"-{texts[0]}"), llvm


@_operation("not")
def _not():
    def python(dtype, in_dtypes, texts):
        return f"(not {texts[0]})" if dtype.kind == "b" else _wrapped(dtype, f"~{texts[0]}")

    def llvm(e, dtype, in_dtypes, texts):
        ones = "true" if dtype.kind == "b" else "-1"
        return e.emit(f"xor {llvm_type(dtype)} {texts[0]}, {ones}")

    return python, llvm


def intrinsic(e, name: str, dtype: np.dtype, texts, flags: str = "") -> str:
    """Call one of LLVM's own functions."""
    kind = llvm_type(dtype)
    symbol = f"llvm.{name}.{'f' if dtype.kind == 'f' else 'i'}{8 * dtype.itemsize}"
    e.declare(symbol, f"declare {kind} @{symbol}({', '.join([kind] * len(texts))})")
    return e.emit(f"call {flags}{kind} @{symbol}({', '.join(f'{kind} {t}' for t in texts)})")


def _libm(e, name: str, dtype: np.dtype, texts) -> str:
    kind = llvm_type(dtype)
    symbol = name + ("f" if dtype.itemsize == 4 else "")
    e.declare(
        symbol, f"declare {kind} @{symbol}({', '.join([kind] * len(texts))}) nounwind willreturn memory(none)"
    )
    return e.emit(f"call {kind} @{symbol}({', '.join(f'{kind} {t}' for t in texts)})")


@_operation("abs")
def _abs():
    def llvm(e, dtype, in_dtypes, texts):
        if dtype.kind == "f":
            return intrinsic(e, "fabs", dtype, texts)
        if dtype.kind == "u":
            return texts[0]
        negative = e.emit(f"icmp slt {llvm_type(dtype)} {texts[0]}, 0")
        opposite = _negated(e, dtype, texts[0])
        return e.emit(f"select i1 {negative}, {llvm_type(dtype)} {opposite}, {llvm_type(dtype)} {texts[0]}")

    return lambda dtype, in_dtypes, texts: _wrapped_call(dtype, f"np.abs({texts[0]})"), llvm


def _extreme(name: str) -> None:
    word = "ogt" if name == "max" else "olt"

    def python(dtype, in_dtypes, texts):
        x, y = texts
        if dtype.kind == "f":
            return f"{name}imum({x}, {y})"
        sign = ">" if name == "max" else "<"
        return f"({x} if {x} {sign} {y} else {y})"

    def llvm(e, dtype, in_dtypes, texts):
        kind = llvm_type(dtype)
        x, y = texts
        if dtype.kind != "f":
            letter = "s" if dtype.kind == "i" else "u"
            chosen = e.emit(f"icmp {letter}{word[1:]} {kind} {x}, {y}")
            return e.emit(f"select i1 {chosen}, {kind} {x}, {kind} {y}")
        # x where it is the larger or nan; y where y is nan: comparisons with nan that are true.
        chosen = e.emit(f"fcmp u{word[1:]} {kind} {x}, {y}")
        larger = e.emit(f"select i1 {chosen}, {kind} {x}, {kind} {y}")
        is_nan = e.emit(f"fcmp uno {kind} {y}, {y}")
        return e.emit(f"select i1 {is_nan}, {kind} {y}, {kind} {larger}")

    OPERATIONS[name] = Operation(_first, python, llvm)


_extreme("max")
_extreme("min")


@_operation("select", lambda dtypes: dtypes[1])
def _select():
    def llvm(e, dtype, in_dtypes, texts):
        kind = llvm_type(dtype)
        return e.emit(f"select i1 {texts[0]}, {kind} {texts[1]}, {kind} {texts[2]}")

    return lambda dtype, in_dtypes, t: f"({t[1]} if {t[0]} else {t[2]})", llvm


def _shift(name: str, word: str) -> None:
    def python(dtype, in_dtypes, texts):
        own, bits = f"np.{dtype.name}", 8 * dtype.itemsize
        unsigned, signed = f"np.uint{bits}", f"np.int{bits}"
        x, y = texts
        inside = f"{unsigned}({y}) < {bits}"
        if name == "ashr":
            last = f"{signed}({bits - 1})"
            return f"{own}({signed}({x}) >> ({signed}({y}) if {inside} else {last}))"
        moved = f"{x} << {y}" if name == "shl" else f"{unsigned}({x}) >> {unsigned}({y})"
        return f"({own}({moved}) if {inside} else {own}(0))"

    def llvm(e, dtype, in_dtypes, texts):
        kind, bits = llvm_type(dtype), 8 * dtype.itemsize
        x, y = texts
        inside = e.emit(f"icmp ult {kind} {y}, {bits}")
        if name == "ashr":
            amount = e.emit(f"select i1 {inside}, {kind} {y}, {kind} {bits - 1}")
            return e.emit(f"ashr {kind} {x}, {amount}")
        amount = e.emit(f"select i1 {inside}, {kind} {y}, {kind} 0")
        shifted = e.emit(f"{word} {kind} {x}, {amount}")
        return e.emit(f"select i1 {inside}, {kind} {shifted}, {kind} 0")

    OPERATIONS[name] = Operation(_first, python, llvm)


_shift("shl", "shl")
_shift("lshr", "lshr")
_shift("ashr", "ashr")


@_operation("rotate_left")
def _rotate_left():
    """Bits of an unsigned integer turn around; by fewer places than it has."""

    def python(dtype, in_dtypes, texts):
        return f"np.{dtype.name}(rotate_left({texts[0]}, {texts[1]}, {8 * dtype.itemsize}))"

    def llvm(e, dtype, in_dtypes, texts):
        kind = llvm_type(dtype)
        e.declare(f"llvm.fshl.{kind}", f"declare {kind} @llvm.fshl.{kind}({kind}, {kind}, {kind})")
        x, count = texts
        return e.emit(f"call {kind} @llvm.fshl.{kind}({kind} {x}, {kind} {x}, {kind} {count})")

    return python, llvm


@_operation("popcount")
def _popcount():
    def python(dtype, in_dtypes, texts):
        return f"np.{dtype.name}(popcount(np.uint{8 * dtype.itemsize}({texts[0]})))"

    return python, lambda e, dtype, in_dtypes, texts: intrinsic(e, "ctpop", dtype, texts)


@_operation("clz")
def _clz():
    def python(dtype, in_dtypes, texts):
        return f"np.{dtype.name}(clz(np.uint{8 * dtype.itemsize}({texts[0]}), {8 * dtype.itemsize}))"

    def llvm(e, dtype, in_dtypes, texts):
        kind = llvm_type(dtype)
        e.declare(f"llvm.ctlz.{kind}", f"declare {kind} @llvm.ctlz.{kind}({kind}, i1)")
        return e.emit(f"call {kind} @llvm.ctlz.{kind}({kind} {texts[0]}, i1 false)")

    return python, llvm


def _by_intrinsic(name: str, llvm_name: str, python_name: str) -> None:
    OPERATIONS[name] = Operation(
        _first,
        lambda dtype, in_dtypes, texts: f"np.{dtype.name}({python_name}({', '.join(texts)}))",
        lambda e, dtype, in_dtypes, texts: intrinsic(e, llvm_name, dtype, texts),
    )


for _name, _llvm_name, _python in (
    ("floor", "floor", "np.floor"),
    ("ceil", "ceil", "np.ceil"),
    ("rint", "rint", "np.rint"),
    ("trunc", "trunc", "np.trunc"),
    ("sqrt", "sqrt", "np.sqrt"),
    ("copysign", "copysign", "np.copysign"),
):
    _by_intrinsic(_name, _llvm_name, _python)


def _by_function(name: str, symbol: str, python_name: str) -> None:
    """Register a function of the vector mathematics, or of the C library where that is as good."""
    COST.setdefault(name, CALL)

    def llvm(e, dtype, in_dtypes, texts):
        if name in FUNCTIONS and (e.side_by_side or name in BETTER_ALONE):
            return e.function(name, dtype, texts)
        return _libm(e, symbol, dtype, texts)

    OPERATIONS[name] = Operation(
        _first,
        lambda dtype, in_dtypes, texts: f"np.{dtype.name}({python_name}({', '.join(texts)}))",
        llvm,
    )


for _name, _symbol, _python in (
    ("sin", "sin", "np.sin"),
    ("cos", "cos", "np.cos"),
    ("tan", "tan", "np.tan"),
    ("asin", "asin", "np.arcsin"),
    ("acos", "acos", "np.arccos"),
    ("atan", "atan", "np.arctan"),
    ("atan2", "atan2", "np.arctan2"),
    ("sinh", "sinh", "np.sinh"),
    ("cosh", "cosh", "np.cosh"),
    ("tanh", "tanh", "np.tanh"),
    ("asinh", "asinh", "np.arcsinh"),
    ("acosh", "acosh", "np.arccosh"),
    ("atanh", "atanh", "np.arctanh"),
    ("exp", "exp", "np.exp"),
    ("exp2", "exp2", "exp2"),
    ("expm1", "expm1", "np.expm1"),
    ("log", "log", "np.log"),
    ("log1p", "log1p", "np.log1p"),
    ("pow", "pow", "np.power"),
    ("cbrt", "cbrt", "cbrt"),
    ("hypot", "hypot", "np.hypot"),
    ("erf", "erf", "erf"),
    ("erfc", "erfc", "erfc"),
    ("lgamma", "lgamma", "lgamma"),
    ("nextafter", "nextafter", "np.nextafter"),
    ("psi", "", "psi"),
    ("trigamma", "", "trigamma"),
    ("erfinv", "", "erfinv"),
):
    _by_function(_name, _symbol, _python)


def _limits(dtype: np.dtype) -> str:
    """The largest doubles that convert without overflow."""
    info = np.iinfo(dtype)
    high = float(info.max) if dtype.itemsize < 8 else float(np.nextafter(float(info.max), 0))
    return f"{float(info.min)!r}, {high!r}"


def _llvm_convert(e, dtype, in_dtypes, texts):
    (source,), (x,) = in_dtypes, texts
    a, b = llvm_type(source), llvm_type(dtype)
    if source == dtype:
        return x
    if dtype.kind == "b":
        return e.emit(f"fcmp une {a} {x}, 0.0" if source.kind == "f" else f"icmp ne {a} {x}, 0")
    if source.kind == "f" and dtype.kind == "f":
        return e.emit(f"{'fpext' if dtype.itemsize == 8 else 'fptrunc'} {a} {x} to {b}")
    if source.kind == "f":
        # Out of range and nan are unspecified, but must not be undefined.
        letter = "s" if dtype.kind == "i" else "u"
        symbol = f"llvm.fpto{letter}i.sat.{b}.f{8 * source.itemsize}"
        e.declare(symbol, f"declare {b} @{symbol}({a})")
        return e.emit(f"call {b} @{symbol}({a} {x})")
    if dtype.kind == "f":
        return e.emit(f"{'sitofp' if source.kind == 'i' else 'uitofp'} {a} {x} to {b}")
    wide, narrow = dtype.itemsize, source.itemsize
    if source.kind == "b":
        return e.emit(f"zext i1 {x} to {b}")
    if wide == narrow:
        return x
    word = "trunc" if wide < narrow else "sext" if source.kind == "i" else "zext"
    return e.emit(f"{word} {a} {x} to {b}")


@_operation("convert", None)
def _convert():
    def python(dtype, in_dtypes, texts):
        if dtype.kind == "b":
            return f"({texts[0]} != 0)"
        if in_dtypes[0].kind == "f" and dtype.kind in "iu":
            return f"np.{dtype.name}(saturated({texts[0]}, {_limits(dtype)}))"
        return f"np.{dtype.name}({texts[0]})"

    return python, _llvm_convert


@_operation("bitcast", None)
def _bitcast():
    def python(dtype, in_dtypes, texts):
        return f"np.array([{texts[0]}], dtype=np.{in_dtypes[0].name}).view(np.{dtype.name})[0]"

    def llvm(e, dtype, in_dtypes, texts):
        a, b = llvm_type(in_dtypes[0]), llvm_type(dtype)
        return texts[0] if a == b else e.emit(f"bitcast {a} {texts[0]} to {b}")

    return python, llvm


def _complex_part(name: str) -> None:
    """Register real and imaginary part of a function of C's library: ``cexp_re(x, y)``, ``cexp_im(x, y)``."""
    for part, suffix in enumerate(("re", "im")):
        COST[f"{name}_{suffix}"] = 40
        OPERATIONS[f"{name}_{suffix}"] = Operation(_first, *_complex_texts(name, part))


def _complex_texts(name: str, part: int):
    def python(dtype, in_dtypes, texts):
        return f"np.{dtype.name}({name}({', '.join(texts)}).{('real', 'imag')[part]})"

    def llvm(e, dtype, in_dtypes, texts):
        wide = ", ".join(f"double {_llvm_convert(e, F64, (dtype,), (t,))}" for t in texts)
        formals = ", ".join(["double"] * len(texts))
        pair = "{ double, double }"
        e.declare(name, f"declare {pair} @{name}({formals}) nounwind willreturn memory(none)")
        both = e.emit(f"call {pair} @{name}({wide})")
        return _llvm_convert(e, dtype, (F64,), (e.emit(f"extractvalue {pair} {both}, {part}"),))

    return python, llvm


COMPLEX_FUNCTIONS = (
    "csqrt", "cexp", "clog", "csin", "ccos", "ctan", "casin", "cacos", "catan",
    "csinh", "ccosh", "ctanh", "casinh", "cacosh", "catanh", "cpow",
)  # fmt: skip
for _name in COMPLEX_FUNCTIONS:
    _complex_part(_name)


# --- functions with a definition of their own ---------------------------------------------------------

# Their names must not begin with jl_: those are looked for outside.
_PURE = "nounwind willreturn memory(none)"
_INTEGER_POWER = f"""define internal TYPE @integer_power_TYPE(TYPE %x, TYPE %y) {_PURE} {{
entry:
  br label %loop
loop:
  %product = phi TYPE [ 1, %entry ], [ %next, %step ]
  %square = phi TYPE [ %x, %entry ], [ %squared, %step ]
  %rest = phi TYPE [ %y, %entry ], [ %halved, %step ]
  %done = icmp eq TYPE %rest, 0
  br i1 %done, label %out, label %step
step:
  %odd = trunc TYPE %rest to i1
  %more = mul TYPE %product, %square
  %next = select i1 %odd, TYPE %more, TYPE %product
  %squared = mul TYPE %square, %square
  %halved = lshr TYPE %rest, 1
  br label %loop
out:
  ret TYPE %product
}}"""


@_operation("integer_power")
def _integer_power():
    """x^y modulo the width of the type, for y >= 0."""
    COST["integer_power"] = 10

    def python(dtype, in_dtypes, texts):
        word = f"np.uint64(np.uint{8 * dtype.itemsize}({texts[1]}))"
        return f"np.{dtype.name}(integer_power(np.int64({texts[0]}), {word}))"

    def llvm(e, dtype, in_dtypes, texts):
        kind = llvm_type(dtype)
        e.declare(f"integer_power_{kind}", _INTEGER_POWER.replace("TYPE", kind))
        return e.emit(f"call {kind} @integer_power_{kind}({kind} {texts[0]}, {kind} {texts[1]})")

    return python, llvm


_by_function("gamma", "tgamma", "gamma")


def _by_scipy(name: str, cost: int) -> None:
    """Register a function of `external.FUNCTIONS`, which takes float64 and an int that says nothing."""
    COST[name] = cost

    def python(dtype, in_dtypes, texts):
        return f"np.{dtype.name}({name}({', '.join(texts)}))"

    def llvm(e, dtype, in_dtypes, texts):
        wide = ", ".join(f"double {_llvm_convert(e, F64, (dtype,), (t,))}" for t in texts)
        e.declare(f"jl_{name}", f"declare double @jl_{name}({'double, ' * len(texts)}i32) {_PURE}")
        return _llvm_convert(e, dtype, (F64,), (e.emit(f"call double @jl_{name}({wide}, i32 0)"),))

    OPERATIONS[name] = Operation(_first, python, llvm)


# 0.1 us and more, as the arguments are.
_by_scipy("hyp1f1", 400)
_by_scipy("hyp2f1", 400)


@_operation("zeta")
def _zeta():
    """Hurwitz' zeta function, of float64."""
    COST["zeta"] = 200

    def llvm(e, dtype, in_dtypes, texts):
        e.declare("pow", f"declare double @pow(double, double) {_PURE}")
        for name in ("fabs", "floor"):
            e.declare(f"llvm.{name}.f64", f"declare double @llvm.{name}.f64(double)")
        e.declare("hurwitz_zeta", _zeta_text())
        return e.emit(f"call double @hurwitz_zeta(double {texts[0]}, double {texts[1]})")

    return lambda dtype, in_dtypes, texts: f"np.float64(zeta({texts[0]}, {texts[1]}))", llvm


def _zeta_text() -> str:
    """Return Hurwitz' zeta function as `helpers.zeta` computes it: a sum, and a formula for the rest of it."""
    nan, inf, eps = llvm_const(np.nan, F64), llvm_const(np.inf, F64), llvm_const(2.0**-53, F64)
    lines = [
        f"define internal double @hurwitz_sum(double %s, double %q) {_PURE} {{",
        "entry:",
        "  %negative = fneg double %s",
        "  %first = call double @pow(double %q, double %negative)",
        "  br label %loop",
        "loop:",
        "  %i = phi i64 [ 0, %entry ], [ %i1, %more ]",
        "  %a = phi double [ %q, %entry ], [ %a1, %more ]",
        "  %sum = phi double [ %first, %entry ], [ %sum1, %more ]",
        "  %i1 = add i64 %i, 1",
        "  %a1 = fadd double %a, 1.0",
        "  %b = call double @pow(double %a1, double %negative)",
        "  %sum1 = fadd double %sum, %b",
        "  %ratio = fdiv double %b, %sum1",
        "  %size = call double @llvm.fabs.f64(double %ratio)",
        f"  %small = fcmp olt double %size, {eps}",
        "  br i1 %small, label %out, label %next",
        "next:",
        "  %few = icmp slt i64 %i1, 9",
        "  %low = fcmp ole double %a1, 9.0",
        "  %on = or i1 %few, %low",
        "  br i1 %on, label %more, label %tail",
        "more:",
        "  br label %loop",
        "tail:",
        "  %less = fsub double %s, 1.0",
        "  %area = fmul double %b, %a1",
        "  %rest = fdiv double %area, %less",
        "  %half = fmul double %b, 0.5",
        "  %whole = fadd double %sum1, %rest",
        "  %t0 = fsub double %whole, %half",
        "  %f0 = fdiv double %b, %a1",
        "  %p0 = fmul double %s, %f0",
    ]
    for k, divisor in enumerate(ZETA_DIVISORS):
        # Terms that no longer count are left out: for a large s the later ones grow again.
        lines += [
            f"  %d{k} = fdiv double %p{k}, {llvm_const(divisor, F64)}",
            f"  %r{k} = fdiv double %d{k}, %t{k}",
            f"  %z{k} = call double @llvm.fabs.f64(double %r{k})",
            f"  %n{k} = fcmp olt double %z{k}, {eps}",
            f"  %o{k} = {f'or i1 %o{k - 1}, %n{k}' if k else 'or i1 false, %n0'}",
            f"  %c{k} = select i1 {f'%o{k - 1}' if k else 'false'}, double 0.0, double %d{k}",
            f"  %t{k + 1} = fadd double %t{k}, %c{k}",
            f"  %x{k} = fadd double %s, {llvm_const(2 * k + 1, F64)}",
            f"  %y{k} = fadd double %s, {llvm_const(2 * k + 2, F64)}",
            f"  %g{k} = fdiv double %x{k}, %a1",
            f"  %h{k} = fdiv double %y{k}, %a1",
            f"  %w{k} = fmul double %p{k}, %g{k}",
            f"  %p{k + 1} = fmul double %w{k}, %h{k}",
        ]
    lines += [
        "  br label %out",
        "out:",
        f"  %value = phi double [ %sum1, %loop ], [ %t{len(ZETA_DIVISORS)}, %tail ]",
        "  ret double %value",
        "}",
        f"define internal double @hurwitz_zeta(double %s, double %q) {_PURE} {{",
        "  %one = fcmp oeq double %s, 1.0",
        "  %below = fcmp olt double %s, 1.0",
        "  %nonpositive = fcmp ole double %q, 0.0",
        "  %floor = call double @llvm.floor.f64(double %q)",
        "  %integer = fcmp oeq double %q, %floor",
        "  %pole = and i1 %nonpositive, %integer",
        "  %floors = call double @llvm.floor.f64(double %s)",
        "  %fraction = fcmp one double %s, %floors",
        "  %complex = and i1 %nonpositive, %fraction",
        "  %far = fcmp ogt double %q, 1.0e8",
        "  %special = or i1 %one, %below",
        "  %special1 = or i1 %special, %pole",
        "  %special2 = or i1 %special1, %complex",
        "  %special3 = or i1 %special2, %far",
        "  br i1 %special3, label %rare, label %usual",
        "rare:",
        "  %order = fsub double %s, 1.0",
        "  %v0 = fdiv double 1.0, %order",
        "  %v1 = fmul double %q, 2.0",
        "  %v2 = fdiv double 1.0, %v1",
        "  %v3 = fadd double %v0, %v2",
        "  %down = fsub double 1.0, %s",
        "  %v4 = call double @pow(double %q, double %down)",
        "  %v5 = fmul double %v3, %v4",
        f"  %u0 = select i1 %complex, double {nan}, double %v5",
        f"  %u1 = select i1 %pole, double {inf}, double %u0",
        f"  %u2 = select i1 %below, double {nan}, double %u1",
        f"  %u3 = select i1 %one, double {inf}, double %u2",
        "  ret double %u3",
        "usual:",
        "  %sum = call double @hurwitz_sum(double %s, double %q)",
        "  ret double %sum",
        "}",
    ]
    return "\n".join(lines)


@_operation("float_of_half", None)
def _float_of_half():
    COST["float_of_half"] = 5

    def llvm(e, dtype, in_dtypes, texts):
        e.declare("float_of_half", _FLOAT_OF_HALF)
        return e.emit(f"call float @float_of_half(i16 {texts[0]})")

    return lambda dtype, in_dtypes, texts: f"np.float32(float_of_half({texts[0]}))", llvm


@_operation("bits_of_half", None)
def _bits_of_half():
    COST["bits_of_half"] = 10

    def llvm(e, dtype, in_dtypes, texts):
        e.declare("bits_of_half_float", _BITS_OF_HALF)
        if in_dtypes[0] == F64:
            e.declare("llvm.fabs.f64", "declare double @llvm.fabs.f64(double)")
            e.declare("bits_of_half_double", _BITS_OF_HALF_OF_DOUBLE)
        of = llvm_type(in_dtypes[0])
        return e.emit(f"call i16 @bits_of_half_{of}({of} {texts[0]})")

    return lambda dtype, in_dtypes, texts: f"np.uint16(bits_of_half({texts[0]}))", llvm


# LLVM has float16, but its conversions are calls of a library where the processor has none. These take a register of
# elements at a time.
_FLOAT_OF_HALF = f"""define internal float @float_of_half(i16 %half) alwaysinline {_PURE} {{
  %wide = zext i16 %half to i32
  %digits = and i32 %wide, 32767
  %magnitude = shl i32 %digits, 13
  %sign0 = and i32 %wide, 32768
  %sign = shl i32 %sign0, 16
  ; The exponent counts from another number: one multiplication, exact for subnormal numbers too.
  %float = bitcast i32 %magnitude to float
  %scaled = fmul float %float, {llvm_const(2.0**112, np.dtype(np.float32))}
  %number = bitcast float %scaled to i32
  %infinite = or i32 %magnitude, {0xFF << 23}
  %special = icmp uge i32 %magnitude, {0x1F << 23}
  %chosen = select i1 %special, i32 %infinite, i32 %number
  %signed = or i32 %chosen, %sign
  %result = bitcast i32 %signed to float
  ret float %result
}}"""
_BITS_OF_HALF = f"""define internal i16 @bits_of_half_float(float %x) alwaysinline {_PURE} {{
  %wide = bitcast float %x to i32
  %high = lshr i32 %wide, 16
  %sign = and i32 %high, 32768
  %magnitude = and i32 %wide, {0x7FFFFFFF}
  ; Half of the last digit that is kept, less one where that is even; and the other exponent.
  %down = lshr i32 %magnitude, 13
  %odd = and i32 %down, 1
  %half = add i32 %magnitude, {0xFFF - (112 << 23)}
  %rounded = add i32 %half, %odd
  %normal = lshr i32 %rounded, 13
  ; Adding one half to a number below 2^-14 rounds it to the digits of a subnormal float16.
  %size = bitcast i32 %magnitude to float
  %raised = fadd float %size, 0.5
  %bits = bitcast float %raised to i32
  %subnormal = sub i32 %bits, {126 << 23}
  %small = icmp ult i32 %magnitude, {113 << 23}
  %finite = select i1 %small, i32 %subnormal, i32 %normal
  %large = icmp uge i32 %magnitude, {143 << 23}
  %number = select i1 %large, i32 {0x7C00}, i32 %finite
  %isnan = icmp ugt i32 %magnitude, {255 << 23}
  %chosen = select i1 %isnan, i32 {0x7E00}, i32 %number
  %signed = or i32 %chosen, %sign
  %result = trunc i32 %signed to i16
  ret i16 %result
}}"""
# By a float32 that rounds to the same float16: an inexact one gets an odd last digit.
_BITS_OF_HALF_OF_DOUBLE = f"""define internal i16 @bits_of_half_double(double %x) alwaysinline {_PURE} {{
  %near = fptrunc double %x to float
  %back = fpext float %near to double
  %bits = bitcast float %near to i32
  %size = call double @llvm.fabs.f64(double %x)
  %nearsize = call double @llvm.fabs.f64(double %back)
  %away = fcmp ogt double %nearsize, %size
  %one = zext i1 %away to i32
  %cut = sub i32 %bits, %one
  %odd = or i32 %cut, 1
  %inexact = fcmp une double %back, %x
  %chosen = select i1 %inexact, i32 %odd, i32 %bits
  %single = bitcast i32 %chosen to float
  %result = call i16 @bits_of_half_float(float %single)
  ret i16 %result
}}"""


def cost(op: str) -> int:
    """Return what an operation costs, in additions."""
    return COST.get(op, 1)
