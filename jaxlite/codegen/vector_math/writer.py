"""Arithmetic written with operators, emitted as LLVM text for one number or for a whole register of them.

    w = Writer("cube", lanes=4)
    w.returns(w.x * w.x * w.x)      ->    %1 = fmul <4 x double> %x0, %x0
                                          %2 = fmul <4 x double> %1, %x0
                                          ret <4 x double> %2

The same text serves scalars and vectors, so that an element of a loop has the same bits whether it is computed in a
register with others or alone, after the last full register.
"""

from __future__ import annotations

import contextlib
import functools
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

PURE = "nounwind willreturn memory(none)"


class Format(NamedTuple):
    """What numbers of a width are made of: types of an element, bits of the mantissa, offset of the exponent."""

    element: str
    integer: str
    mantissa: int
    bias: int

    @property
    def types(self) -> dict[str, str]:
        return {"f": self.element, "i": self.integer, "b": "i1"}

    @property
    def shift(self) -> float:
        """A number that, added to a small one, leaves the nearest integer in the lowest bits of the sum."""
        return 1.5 * 2.0**self.mantissa


DOUBLE, FLOAT = Format("double", "i64", 52, 1023), Format("float", "i32", 23, 127)


def number(value: float, element: str = "double") -> str:
    """Return a constant; LLVM writes a float by the bits of the double of its value."""
    if element == "float":
        with contextlib.suppress(OverflowError):
            (value,) = struct.unpack("<f", struct.pack("<f", float(value)))
    return f"0x{struct.unpack('<Q', struct.pack('<d', float(value)))[0]:016X}"


class Value:
    """A double ("f"), an integer of as many bits ("i") or a truth value ("b"), in every lane; or of floats the same."""

    __slots__ = ("kind", "text", "w")

    def __init__(self, w: Writer, kind: str, text: str):
        self.w, self.kind, self.text = w, kind, text

    def _binary(self, other, floats: str, integers: str) -> Value:
        other = self.w.constant(other, self.kind)
        word = floats if self.kind == "f" else integers
        return self.w.emit(self.kind, f"{word} {self.w.type(self.kind)} {self.text}, {other.text}")

    def _reversed(self, other, floats: str, integers: str) -> Value:
        return self.w.constant(other, self.kind)._binary(self, floats, integers)

    def __add__(self, other):
        return self._binary(other, "fadd", "add")

    def __sub__(self, other):
        return self._binary(other, "fsub", "sub")

    def __mul__(self, other):
        return self._binary(other, "fmul", "mul")

    def __truediv__(self, other):
        return self._binary(other, "fdiv", "sdiv")

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other):
        return self._reversed(other, "fsub", "sub")

    def __rtruediv__(self, other):
        return self._reversed(other, "fdiv", "sdiv")

    def __neg__(self):
        return self.w.emit("f", f"fneg {self.w.type('f')} {self.text}")

    def __and__(self, other):
        return self._binary(other, "", "and")

    def __or__(self, other):
        return self._binary(other, "", "or")

    def __xor__(self, other):
        return self._binary(other, "", "xor")

    def __invert__(self):
        return self._binary(-1 if self.kind == "i" else True, "", "xor")

    def __lshift__(self, count: int):
        return self._binary(count, "", "shl")

    def __rshift__(self, count: int):
        """Shift to the right; zeros come in."""
        return self._binary(count, "", "lshr")

    def ashr(self, count: int) -> Value:
        """Shift to the right; the sign comes in."""
        return self._binary(count, "", "ashr")

    def _compare(self, other, floats: str, integers: str) -> Value:
        other = self.w.constant(other, self.kind)
        word = f"fcmp {floats}" if self.kind == "f" else f"icmp {integers}"
        return self.w.emit("b", f"{word} {self.w.type(self.kind)} {self.text}, {other.text}")

    def __lt__(self, other):
        return self._compare(other, "olt", "slt")

    def __le__(self, other):
        return self._compare(other, "ole", "sle")

    def __gt__(self, other):
        return self._compare(other, "ogt", "sgt")

    def __ge__(self, other):
        return self._compare(other, "oge", "sge")

    def equals(self, other) -> Value:
        return self._compare(other, "oeq", "eq")

    def differs(self, other) -> Value:
        return self._compare(other, "une", "ne")

    def not_below(self, other) -> Value:
        """Compare: at least as large, or nan; of integers, without sign."""
        return self._compare(other, "uge", "uge")

    def is_nan(self) -> Value:
        return self._compare(self, "uno", "")


class Writer:
    """Writes one function.

    Parameters
    ----------
    name : str
        Of the function.
    arity : int
        Number of arguments, ``w.x``, ``w.y``.
    lanes : int
        How many numbers each value holds.
    single : bool
        Arguments and results are floats: `fit` takes the shorter polynomial.
    widened : bool
        What is between is computed in doubles, which rounding errors of floats are nothing to.
    """

    def __init__(
        self,
        name: str,
        arity: int = 1,
        lanes: int = 1,
        *,
        single: bool = False,
        widened: bool = False,
        results: int = 1,
    ):
        self.name, self.arity, self.lanes, self.results = name, arity, lanes, results
        self.single, self.widened = single, single and widened
        self.outer = FLOAT if single else DOUBLE
        self.format = DOUBLE if widened else self.outer
        self.lines: list[str] = []
        self.declarations: dict[str, str] = {}
        self.label = "entry"
        self._count = 0
        self.arguments = [self.widen(f"%x{k}") for k in range(arity)]
        self.x = self.arguments[0]
        self.y = self.arguments[-1]

    def pick(self, double, float_):
        """Choose by the numbers that are computed with."""
        return double if self.format is DOUBLE else float_

    def type(self, kind: str) -> str:
        element = self.format.types[kind]
        return element if self.lanes == 1 else f"<{self.lanes} x {element}>"

    def _outer(self, lanes: int | None = None) -> str:
        element, lanes = self.outer.element, lanes or self.lanes
        return element if lanes == 1 else f"<{lanes} x {element}>"

    def widen(self, text: str) -> Value:
        """Return what the caller gave as a value to compute with."""
        if not self.widened:
            return Value(self, "f", text)
        return self.emit("f", f"fpext {self._outer()} {text} to {self.type('f')}")

    def narrow(self, x: Value) -> str:
        """Return a value as the caller knows it."""
        if not self.widened:
            return x.text
        return self.emit("f", f"fptrunc {self.type('f')} {x.text} to {self._outer()}").text

    # --- statements

    def new(self, prefix: str = "v") -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def emit(self, kind: str, rhs: str) -> Value:
        name = self.new()
        self.lines.append(f"  %{name} = {rhs}")
        return Value(self, kind, f"%{name}")

    def constant(self, value, kind: str = "f") -> Value:
        if isinstance(value, Value):
            return value
        element = self.format.types[kind]
        if kind == "f":
            text = number(value, element)
        elif kind == "i":
            text = str(int(value))
        else:
            text = "true" if value else "false"
        return Value(self, kind, text if self.lanes == 1 else f"splat ({element} {text})")

    def call(self, intrinsic: str, *args: Value) -> Value:
        """Call an intrinsic function."""
        element = "f64" if self.format is DOUBLE else "f32"
        suffix = element if self.lanes == 1 else f"v{self.lanes}{element}"
        kind, symbol = self.type("f"), f"llvm.{intrinsic}.{suffix}"
        self.declarations[symbol] = f"declare {kind} @{symbol}({', '.join([kind] * len(args))})"
        return self.emit("f", f"call {kind} @{symbol}({', '.join(f'{kind} {a.text}' for a in args)})")

    def returns(self, *values: Value) -> str:
        """End the function; returns its text."""
        outer = self._outer()
        texts = [self.narrow(v) for v in values]
        if self.results == 1:
            kind, result = outer, texts[0]
        else:
            kind, result = f"{{ {', '.join([outer] * self.results)} }}", "poison"
            for k, text in enumerate(texts):
                result = self.emit("f", f"insertvalue {kind} {result}, {outer} {text}, {k}").text
        self.lines.append(f"  ret {kind} {result}")
        formals = ", ".join(f"{outer} %x{k}" for k in range(self.arity))
        return "\n".join([f"define {kind} @{self.name}({formals}) {PURE} {{", "entry:", *self.lines, "}"])

    # --- arithmetic

    def fma(self, x: Value, y, z) -> Value:
        """x·y + z, rounded once: where exactness depends on it."""
        return self.call("fma", x, self.constant(y), self.constant(z))

    def mad(self, x: Value, y, z) -> Value:
        """x·y + z, by one instruction where there is one."""
        return self.call("fmuladd", x, self.constant(y), self.constant(z))

    def abs(self, x: Value) -> Value:
        return self.call("fabs", x)

    def sqrt(self, x: Value) -> Value:
        return self.call("sqrt", x)

    def floor(self, x: Value) -> Value:
        return self.call("floor", x)

    def copysign(self, x, sign: Value) -> Value:
        return self.call("copysign", self.constant(x), sign)

    def select(self, condition: Value, yes, no) -> Value:
        kind = yes.kind if isinstance(yes, Value) else no.kind if isinstance(no, Value) else "f"
        yes, no, name = self.constant(yes, kind), self.constant(no, kind), self.type(kind)
        return self.emit(
            kind, f"select {self.type('b')} {condition.text}, {name} {yes.text}, {name} {no.text}"
        )

    def min(self, x: Value, bound) -> Value:
        """The smaller of both; x where it is nan."""
        bound = self.constant(bound)
        return self.select(bound < x, bound, x)

    def max(self, x: Value, bound) -> Value:
        """The larger of both; x where it is nan."""
        bound = self.constant(bound)
        return self.select(bound > x, bound, x)

    def bits(self, x: Value) -> Value:
        return self.emit("i", f"bitcast {self.type('f')} {x.text} to {self.type('i')}")

    def of_bits(self, x: Value) -> Value:
        return self.emit("f", f"bitcast {self.type('i')} {x.text} to {self.type('f')}")

    def polynomial(self, x: Value, coefficients: Sequence[float]) -> Value:
        """c0 + c1·x + c2·x² + …, in pairs: half as many steps that wait for each other as in Horner's form."""
        terms = [self.constant(c) for c in coefficients]
        power = x
        while len(terms) > 2:
            pairs = [self.mad(power, b, a) for a, b in zip(terms[::2], terms[1::2])]
            terms = pairs + terms[len(terms) - 1 :] * (len(terms) % 2)
            power = power * power
        return terms[0] if len(terms) == 1 else self.mad(power, terms[1], terms[0])

    def fit(self, fits: tuple[Sequence[float], Sequence[float]]) -> Sequence[float]:
        """Choose between the coefficients for doubles and those for floats."""
        return fits[self.single]

    def split_polynomial(self, x: Value, fits) -> tuple[float, Value]:
        """Return the first coefficient, and the sum of the other terms and of what rounding took from the first."""
        (first, *others), leading = self.fit(fits[:2]), fits[2]
        return leading, self.polynomial(x, (first - leading if self.single else fits[3], *others))

    # --- pairs of doubles: high + low, low being a rounding error

    def two_sum(self, a: Value, b: Value) -> tuple[Value, Value]:
        s = a + b
        t = s - a
        return s, (a - (s - t)) + (b - t)

    def quick_two_sum(self, a: Value, b: Value) -> tuple[Value, Value]:
        """Of two numbers the first of which is the larger one, or 0."""
        s = a + b
        return s, b - (s - a)

    def two_product(self, a: Value, b: Value) -> tuple[Value, Value]:
        p = a * b
        return p, self.fma(a, b, -p)

    # --- control

    def any(self, condition: Value) -> str:
        """Return the register that tells whether a condition holds in some lane."""
        if self.lanes == 1:
            return condition.text
        symbol = f"llvm.vector.reduce.or.v{self.lanes}i1"
        self.declarations[symbol] = f"declare i1 @{symbol}({self.type('b')})"
        return self.emit("b", f"call i1 @{symbol}({self.type('b')} {condition.text})").text

    def start(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.label = label

    def call_library(self, name: str, *args: Value) -> Value:
        """Call a function of the C library, in each lane."""
        return self.call_alone(name + ("" if self.format is DOUBLE else "f"), "f", *args)[0]

    def call_alone(self, name: str, kinds: str, *args: Value) -> tuple[Value, ...]:
        """Call a function of single numbers, in each lane, for one result or several of these kinds."""
        types = self.format.types
        of_results = [types[kind] for kind in kinds]
        result = of_results[0] if len(kinds) == 1 else f"{{ {', '.join(of_results)} }}"
        of_args = [types[x.kind] for x in args]
        self.declarations[name] = f"declare {result} @{name}({', '.join(of_args)}) {PURE}"

        def call(*operands: str) -> list[str]:
            formals = ", ".join(f"{kind} {x}" for kind, x in zip(of_args, operands, strict=True))
            out = self.emit("f", f"call {result} @{name}({formals})").text
            if len(kinds) == 1:
                return [out]
            return [self.emit("f", f"extractvalue {result} {out}, {k}").text for k in range(len(kinds))]

        if self.lanes == 1:
            return tuple(map(functools.partial(Value, self), kinds, call(*(x.text for x in args))))
        places = [self.emit("f", f"alloca {self.type(x.kind)}").text for x in args]
        targets = [self.emit("f", f"alloca {self.type(kind)}").text for kind in kinds]
        self.lines += [
            f"  store {self.type(x.kind)} {x.text}, ptr {p}" for x, p in zip(args, places, strict=True)
        ]
        loop, done, before = self.new("loop"), self.new("done"), self.label
        lane, following = "%" + self.new("i"), "%" + self.new("n")
        self.lines.append(f"  br label %{loop}")
        self.start(loop)
        self.lines.append(f"  {lane} = phi i64 [ 0, %{before} ], [ {following}, %{loop} ]")

        def slot(kind: str, place: str) -> str:
            return self.emit("f", f"getelementptr {kind}, ptr {place}, i64 {lane}").text

        slots = [slot(kind, place) for kind, place in zip(of_args, places, strict=True)]
        numbers = [
            self.emit("f", f"load {kind}, ptr {p}").text for kind, p in zip(of_args, slots, strict=True)
        ]
        for kind, target, number_ in zip(of_results, targets, call(*numbers), strict=True):
            self.lines.append(f"  store {kind} {number_}, ptr {slot(kind, target)}")
        self.lines.append(f"  {following} = add i64 {lane}, 1")
        more = self.emit("b", f"icmp ult i64 {following}, {self.lanes}").text
        self.lines.append(f"  br i1 {more}, label %{loop}, label %{done}")
        self.start(done)
        return tuple(
            self.emit(kind, f"load {self.type(kind)}, ptr {t}")
            for kind, t in zip(kinds, targets, strict=True)
        )

    def where_any(
        self, condition: Value, slow: Callable[[], Sequence[Value]], values: Sequence[Value]
    ) -> tuple[Value, ...]:
        """Return ``slow()``, which has a value for every lane, if the condition holds in some lane; else ``values``."""
        before, special, join = self.label, self.new("special"), self.new("join")
        self.lines.append(f"  br i1 {self.any(condition)}, label %{special}, label %{join}")
        self.start(special)
        others = tuple(slow())
        after = self.label
        self.lines.append(f"  br label %{join}")
        self.start(join)
        return tuple(
            self.emit(v.kind, f"phi {self.type(v.kind)} [ {v.text}, %{before} ], [ {o.text}, %{after} ]")
            for v, o in zip(values, others, strict=True)
        )

    def fixed(self, condition: Value, slow: Callable[[], Value], value: Value) -> Value:
        """Return ``slow()`` in the lanes where a condition holds, which is seldom anywhere."""
        return self.where_any(condition, lambda: (self.select(condition, slow(), value),), (value,))[0]
