"""Render a loop program as Python: to read, to run, to compile with numba, to take along.

    def program(x0, y0):
        # k0
        for i in range(3):
            y0[i] = np.float64(np.sin(x0[i]))

Arrays are flat; a complex one is a view of twice as many real numbers. The text runs as it is, and its function under
``numba.njit(error_model="numpy")`` too; it computes what the machine code computes.

A scalar that is used once becomes part of the expression that uses it, as long as the line stays short and no store
comes between; the others are variables. What a loop carries is one variable, before, inside and after it.
"""

from __future__ import annotations

import base64
import functools
import keyword
import linecache
import re
import textwrap
from collections import Counter
from dataclasses import dataclass

import numpy as np

from jaxlite.codegen import array_helpers, helpers
from jaxlite.codegen.boundary import stored_aval
from jaxlite.codegen.loops import (
    BOOL,
    INT,
    Address,
    Affine,
    Base,
    Buffer,
    Call,
    Carry,
    Check,
    Const,
    For,
    Host,
    Kernel,
    Let,
    Load,
    LoopProgram,
    Operand,
    Scalar,
    Store,
    Switch,
    While,
    walk,
)
from jaxlite.codegen.memory import touched
from jaxlite.codegen.operations import OPERATIONS, python_const

# Characters: of a line, of a call on one line, of what becomes part of an expression, of what becomes one side of an
# assignment.
WIDTH = 100
LONGEST_CALL = 72
LONGEST_PART = 60
LONGEST_SIDE = 80
# Elements of a constant that are written as numbers; those of a larger one are written as bytes.
MOST_NUMBERS = 64

_INDEX_NAMES = "ijklmnopqr"
# Only a text: it is the reader's process that imports it.
_PRINTED = "jaxlite.runtime.printed"
_RESERVED = {*keyword.kwlist, "np", "base64", "host", "range", "float", "int", "IndexError"}

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "and": "&", "or": "|", "xor": "^"}
_COMPARISONS = {"eq", "ne", "lt", "le", "gt", "ge"}
# Operations whose result is one of their operands.
_CHOICES = {"select", "max", "min"}
_EVERY_INT = (-(2**63), 2**63 - 1)


def render(program: LoopProgram) -> str:
    """Return a loop program as Python source.

    Parameters
    ----------
    program : LoopProgram

    Returns
    -------
    str
        Imports, constants, and a function of the input arrays and the output arrays, which it fills. A program with
        host calls takes a function ``host(equation, operands, results)`` besides.
    """
    return _Renderer(program).text()


def namespace(program: LoopProgram) -> tuple[str, dict]:
    """Return the source of a program, and its globals after it was run; tracebacks show its lines."""
    source = render(program)
    name = f"<jaxlite {program.name}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space: dict = {}
    exec(compile(source, name, "exec"), space)
    return source, space


def run(program: LoopProgram, *arrays, out_avals=None, host=None) -> tuple[np.ndarray, ...]:
    """Run a loop program as plain Python.

    Parameters
    ----------
    *arrays : array
        The inputs, of any shape.
    out_avals : sequence of ShapedArray, optional
        Types of the results. Without them the results are flat, as the program's outputs are.
    host : callable, optional
        For programs with host calls.

    Returns
    -------
    tuple of ndarray
    """
    _, space = namespace(program)
    inputs = [flat(np.ascontiguousarray(x), b) for x, b in zip(arrays, program.inputs, strict=True)]
    if out_avals is None:
        results = [np.empty(b.size, b.dtype) for b in program.outputs]
    else:
        results = [np.empty(a.shape, a.dtype) for a in map(stored_aval, out_avals)]
    outputs = [flat(x, b) for x, b in zip(results, program.outputs, strict=True)]
    extra = {"host": host} if program.has_host_calls else {}
    with np.errstate(all="ignore"):
        space[program.name](*inputs, *outputs, **extra)
    return tuple(results)


def flat(array: np.ndarray, buffer: Buffer) -> np.ndarray:
    """Return an array as the program sees it: one dimension of real numbers, sharing memory."""
    return array.reshape(-1).view(buffer.dtype)


@dataclass(eq=False)
class _Part:
    """An expression that waits for the statement that uses it.

    ``loaded`` are the buffers it reads; ``truth`` is the bool it stands for, where it is one converted to an integer.
    """

    text: str
    loaded: frozenset[Buffer] = frozenset()
    truth: str | None = None


class _Renderer:
    def __init__(self, program: LoopProgram):
        self.program = program
        self.lines: list[str] = []
        self.depth = 1
        self.loops = 0
        self.numbers: Counter = Counter()
        self.names: dict[Scalar, str] = {}
        self.waiting: dict[Scalar, _Part] = {}
        # Scalars that are Python's integers, not NumPy's, and the smallest and largest value of each: their
        # arithmetic does not wrap.
        self.ranges: dict[Scalar, tuple[int, int]] = {}
        self.uses = _count_uses(program.body)
        statements = list(walk(program.body))
        self.symbols = {s.symbol for s in statements if type(s) is Call}
        # Tapes hold bytes; the buffers that begin at a pointer say what the bytes are.
        self.pointed_at = {b.base: b.dtype for t in statements for b in touched(t) if b.base is not None}
        self.based = {s.buffer for s in statements if type(s) is Base}
        at_ends = [*program.inputs, *program.outputs]
        inner = [*program.buffers, *(b for t in statements for b in touched(t) if b not in at_ends)]
        self.inner = [b for b in dict.fromkeys(inner) if b.place != "pointer"]
        self.taken = {*_RESERVED, *_public(helpers), *_public(array_helpers), *self.symbols, program.name}
        self.buffer_names: dict[Buffer, str] = {}
        for buffer in (*at_ends, *self.inner):
            self.buffer_names[buffer] = self.free_name(buffer.name)

    def text(self) -> str:
        program = self.program
        constants: list[str] = []
        for buffer in self.inner:
            name = self.buffer_names[buffer]
            if buffer.place == "data" and buffer in self.based:
                # Pointers go to memory that can be written, as far as numba knows.
                constant = self.free_name(f"{name}_data")
                constants += _constant(constant, buffer)
                self.line(f"{name} = {constant}.copy()")
            elif buffer.place == "data":
                constants += _constant(name, buffer)
            else:
                self.line(f"{name} = np.empty({buffer.size}, np.{buffer.dtype.name})")
        self.block(program.body)
        self.settle()
        names = [self.buffer_names[b] for b in (*program.inputs, *program.outputs)]
        names += ["host"] if program.has_host_calls else []
        if not any(not line.lstrip().startswith("#") for line in self.lines):
            self.line("pass")
        head = _folded(f"def {program.name}(", names, "):")
        constants = [*constants, "", ""] if constants else [""]
        return "\n".join([*self.imports(constants), "", *constants, *head, *self.lines, ""])

    def imports(self, constants: list[str]) -> list[str]:
        code = "\n".join(line for line in self.lines if not line.lstrip().startswith("#"))
        called = set(re.findall(r"(?<![\w.])(\w+)\(", code))
        lines = ["import numpy as np"]
        wanted = [n for n in (*_public(helpers), *_public(array_helpers)) if n in called]
        wanted += sorted(self.symbols - set(wanted))
        if wanted:
            line = f"from {_PRINTED} import {', '.join(wanted)}"
            lines += [line] if len(line) <= WIDTH else _folded(f"from {_PRINTED} import (", wanted, ")")
        return ["import base64", "", *lines] if any("base64." in line for line in constants) else lines

    # --- lines and names

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def free_name(self, wanted: str) -> str:
        name = wanted
        for number in range(2, 2**31):
            if name not in self.taken:
                break
            name = f"{wanted}_{number}"
        self.taken.add(name)
        return name

    def new_name(self, scalar: Scalar | None = None, letter: str = "v") -> str:
        while (name := f"{letter}{self.numbers[letter]}") in self.taken:
            self.numbers[letter] += 1
        self.numbers[letter] += 1
        if scalar is not None:
            self.names[scalar] = name
        return name

    def index_name(self) -> str:
        depth = self.loops
        name = _INDEX_NAMES[depth] if depth < len(_INDEX_NAMES) else f"i{depth}"
        while name in self.taken:
            name += "_"
        return name

    # --- expressions

    def define(self, scalar: Scalar, part: _Part) -> None:
        """Give a scalar its value: at its only use where that is near, as a variable else."""
        if self.uses[scalar] == 1 and len(part.text) <= LONGEST_SIDE:
            self.waiting[scalar] = part
        else:
            self.line(f"{self.new_name(scalar)} = {_bare(part.text)}")

    def settle(self, conflicts=lambda part: True) -> None:
        """Make variables of the expressions that cannot wait any longer."""
        for scalar in [s for s, part in self.waiting.items() if conflicts(part)]:
            self.settle_one(scalar)

    def settle_one(self, scalar: Scalar) -> None:
        part = self.waiting.pop(scalar)
        self.line(f"{self.new_name(scalar)} = {_bare(part.text)}")

    def shorten(self, operands, longest: int = LONGEST_PART) -> None:
        """Make variables of operands until what is left of them fits into one line."""
        operands = list(operands)
        parts = [x for x in operands if type(x) is Scalar and x in self.waiting]
        parts.sort(key=lambda s: len(self.waiting[s].text))
        longest -= sum(len(python_const(x.value, x.dtype)) for x in operands if type(x) is Const)
        while parts and sum(len(self.waiting[s].text) for s in parts) > longest:
            self.settle_one(parts.pop())

    def read(self, operand: Operand) -> str:
        """Return the text of an operand: an atom, or within parentheses."""
        if type(operand) is Const:
            return python_const(operand.value, operand.dtype)
        if operand in self.waiting:
            return self.waiting.pop(operand).text
        return self.names[operand]

    def read_bare(self, operand: Operand) -> str:
        return _bare(self.read(operand))

    def read_number(self, operand: Operand) -> str:
        """Return the text of an operand as a NumPy scalar, whose arithmetic wraps."""
        text = self.read(operand)
        return f"np.int64({_bare(text)})" if self.range(operand) else text

    def range(self, operand: Operand) -> tuple[int, int] | None:
        """Return the bounds of an operand that is one of Python's integers; None for others."""
        if operand.dtype != INT:
            return None
        if type(operand) is Const:
            return int(operand.value), int(operand.value)
        return self.ranges.get(operand)

    def affine(self, index: Affine) -> str:
        self.shorten(s for s, _ in index.terms)
        texts = [(self.read(s), c) for s, c in index.terms]
        parts = [t if c == 1 else f"-{t}" if c == -1 else f"{c} * {t}" for t, c in texts]
        if len(parts) == 1 and not index.constant:
            return _bare(parts[0])
        if index.constant or not parts:
            parts.append(str(index.constant))
        return parts[0] + "".join(f" - {p[1:]}" if p[0] == "-" else f" + {p}" for p in parts[1:])

    def array(self, buffer: Buffer) -> str:
        return self.read(buffer.base) if buffer.place == "pointer" else self.buffer_names[buffer]

    def element(self, buffer: Buffer, index: Affine) -> str:
        return f"{self.array(buffer)}[{self.affine(index)}]"

    def address(self, place: Address) -> str:
        array = self.array(place.buffer)
        start = self.affine(place.index)
        return array if start == "0" else f"{array}[{start}:]"

    def loaded_by(self, operands) -> frozenset[Buffer]:
        waiting = (self.waiting[x] for x in operands if type(x) is Scalar and x in self.waiting)
        return frozenset().union(*(part.loaded for part in waiting))

    # --- statements

    def block(self, body: list) -> None:
        for statement in body:
            _RENDER[type(statement)](self, statement)

    def let(self, s: Let) -> None:
        types = tuple(a.dtype for a in s.args)
        slots = _slots(s.op, s.out.dtype, types)
        for operand, count in zip(s.args, slots, strict=True):
            if count != 1 and type(operand) is Scalar and operand in self.waiting:
                self.settle_one(operand)
        self.shorten(s.args)
        loaded = self.loaded_by(s.args)
        texts = self.arguments(s)
        text = _tidy(OPERATIONS[s.op].python(s.out.dtype, types, texts))
        truth = texts[0] if s.op == "convert" and types == (BOOL,) and s.out.dtype == INT else None
        self.define(s.out, _Part(text, loaded, truth))

    def arguments(self, s: Let) -> tuple[str, ...]:
        """Return the texts of an operation's operands, so that integers wrap where those of the machine do."""
        ranges = [self.range(a) for a in s.args]
        known = [r for r in ranges if r]
        if s.op in _CHOICES and known and s.out.dtype == INT:
            self.ranges[s.out] = _EVERY_INT
        elif s.op in _INFIX and known and len(known) == len(s.args):
            bounds = _range_of(s.op, *known)
            if bounds[0] < _EVERY_INT[0] or bounds[1] > _EVERY_INT[1]:
                return self.read_number(s.args[0]), self.read(s.args[1])
            self.ranges[s.out] = bounds
        elif s.op == "convert" and known and not _fits(known[0], s.out.dtype):
            return (self.read_number(s.args[0]),)
        elif s.op not in (*_INFIX, *_CHOICES, *_COMPARISONS, "convert"):
            # The first operand tells the type; what helps shifts must not be negative.
            return tuple(
                self.read_number(a)
                if r and (a is s.args[0] or type(a) is Scalar or r[0] < 0)
                else self.read(a)
                for a, r in zip(s.args, ranges, strict=True)
            )
        if s.op in _INFIX or s.op in _COMPARISONS:
            # Beside a NumPy scalar a Python number is enough.
            return tuple(
                _plain_float(a) if type(a) is Const and type(b) is Scalar else self.read(a)
                for a, b in zip(s.args, reversed(s.args), strict=True)
            )
        return tuple(map(self.read, s.args))

    def load(self, s: Load) -> None:
        loaded = self.loaded_by([t for t, _ in s.index.terms]) | {s.buffer}
        self.define(s.out, _Part(self.element(s.buffer, s.index), loaded))

    def store(self, s: Store) -> None:
        self.shorten([*(t for t, _ in s.index.terms), s.value], LONGEST_SIDE)
        place = self.element(s.buffer, s.index)
        value = _stored_const(s.value) if type(s.value) is Const else self.read_bare(s.value)
        self.settle(lambda part: any(_may_overlap(s.buffer, b) for b in part.loaded))
        self.line(f"{place} = {value}")

    def base(self, s: Base) -> None:
        text = self.address(Address(s.buffer, s.index))
        if text.isidentifier():
            self.names[s.out] = text
        else:
            self.line(f"{self.new_name(s.out, 'p')} = {text}")

    def begin(self, carries: list[Carry], inits: list[str]) -> None:
        """Name the carries and give them their first values."""
        for carry, init in zip(carries, inits, strict=True):
            name = self.new_name(carry.inside, "c")
            self.names[carry.result] = name
            self.line(f"{name} = {init}")

    def step(self, carries: list[Carry]) -> None:
        """Give the carries the values of the next step: all at once where one is another's next value."""
        self.shorten([c.next for c in carries], LONGEST_SIDE)
        steps = [(self.names[c.inside], _bare(self.read_number(c.next))) for c in carries]
        self.settle()
        steps = [(name, text) for name, text in steps if name != text]
        changed: set[str] = set()
        together = False
        for name, text in steps:
            together = together or not changed.isdisjoint(re.findall(r"\w+", text))
            changed.add(name)
        if not together:
            for name, text in steps:
                self.line(_assignment(name, text))
            return
        left, right = ([step[k] for step in steps] for k in range(2))
        line = f"{', '.join(left)} = {', '.join(right)}"
        if 4 * self.depth + len(line) <= WIDTH:
            self.line(line)
            return
        inner = self.depth + 1
        for text in ("(", *_wrapped(left, inner), ") = (", *_wrapped(right, inner), ")"):
            self.line(text)

    def for_(self, s: For) -> None:
        self.shorten([s.start, s.stop])
        start, stop = self.read_bare(s.start), self.read_bare(s.stop)
        inits = [_bare(self.read_number(c.init)) for c in s.carries]
        self.settle()
        self.begin(s.carries, inits)
        if s.kind == "parts":
            self.line("# parts, which threads may share")
        name = self.names[s.index] = self.index_name()
        self.ranges[s.index] = _range_of_index(s)
        if s.step != 1:
            bounds = f"{start}, {stop}, {s.step}"
        else:
            bounds = stop if start == "0" else f"{start}, {stop}"
        self.line(f"for {name} in range({bounds}):")
        self.loops += 1
        with_body = self.enter()
        self.block(s.body)
        self.step(s.carries)
        self.leave(with_body)
        self.loops -= 1

    def while_(self, s: While) -> None:
        inits = [_bare(self.read_number(c.init)) for c in s.carries]
        self.settle()
        self.begin(s.carries, inits)
        self.line("while True:")
        begin = self.enter()
        self.block(s.test)
        condition = self.read(s.condition)
        self.settle()
        if len(self.lines) == begin:
            self.lines[-1] = "    " * (self.depth - 1) + f"while {_bare(condition)}:"
        else:
            self.line(f"if not {condition}:")
            self.line("    break")
        begin = len(self.lines)
        self.block(s.body)
        self.step(s.carries)
        self.leave(begin)

    def switch(self, s: Switch) -> None:
        part = self.waiting.get(s.index)
        if part and len(s.branches) > 2:
            self.settle_one(s.index)
        index = self.read(s.index)
        self.settle()
        for result in s.results:
            self.new_name(result)
            if result.dtype == INT:
                self.ranges[result] = _EVERY_INT
        if len(s.branches) == 1:
            self.branch(s, 0)
            self.settle()
            return
        order = list(range(len(s.branches)))
        tests = [f"{index} == {k}" for k in order]
        if part and part.truth and len(order) == 2:
            order.reverse()
            tests = [_bare(part.truth)]
        for position, k in enumerate(order):
            last = position == len(order) - 1
            if last and not s.branches[k] and not s.results:
                continue
            self.line("else:" if last else f"{'elif' if position else 'if'} {tests[position]}:")
            begin = self.enter()
            self.branch(s, k)
            self.leave(begin)

    def branch(self, s: Switch, k: int) -> None:
        self.block(s.branches[k])
        values = [self.read_bare(v) for v in s.values[k]]
        self.settle()
        for result, value in zip(s.results, values, strict=True):
            self.line(f"{self.names[result]} = {value}")

    def enter(self) -> int:
        self.depth += 1
        return len(self.lines)

    def leave(self, begin: int) -> None:
        """End the block whose first line is number ``begin``."""
        self.settle()
        if all(line.lstrip().startswith("#") for line in self.lines[begin:]):
            self.line("pass")
        self.depth -= 1

    def check(self, s: Check) -> None:
        self.shorten([s.condition, *s.details])
        condition = self.read(s.condition)
        details = "".join(f", {self.read_bare(d)}" for d in s.details)
        self.line(f"if not {condition}:")
        self.line(f'    raise IndexError("equation {s.site}: an index is out of range"{details})')

    def call(self, s: Call) -> None:
        self.shorten(a for a in s.args if type(a) is Scalar)
        text = f"{s.symbol}({', '.join(map(self.argument, s.args))})"
        self.settle(lambda part: bool(part.loaded))
        if s.symbol == "tape_data" and s.out in self.pointed_at:
            text += f".view(np.{self.pointed_at[s.out].name})"
        if s.out is not None:
            text = f"{self.new_name(s.out)} = {text}"
            if s.out.dtype == INT:
                self.ranges[s.out] = _EVERY_INT
        if len(text) <= LONGEST_CALL:
            self.line(text)
            return
        head, rest = text.split("(", 1)
        self.line(f"{head}(")
        for part in textwrap.wrap(rest.removesuffix(")"), LONGEST_CALL, break_long_words=False):
            self.line(f"    {part}")
        self.line(")")

    def argument(self, arg) -> str:
        """Return an argument of a routine; plain numbers, whose type the routine knows."""
        if type(arg) is Const:
            return _plain_number(arg.value.item())
        return self.address(arg) if type(arg) is Address else self.read_bare(arg)

    def host(self, s: Host) -> None:
        operands, results = (
            f"({', '.join(map(self.address, side))}{',' * (len(side) == 1)})"
            for side in (s.operands, s.results)
        )
        self.settle(lambda part: bool(part.loaded))
        for text in _folded("host(", [str(s.site), operands, results], ")", self.depth):
            self.line(text)

    def kernel(self, s: Kernel) -> None:
        self.settle()
        comment = " ".join(s.comment.split())
        self.line(f"# {s.name}{': ' + comment if comment else ''}")
        self.block(s.body)
        self.settle()


# --- integers -----------------------------------------------------------------------------------------


def _range_of(op: str, a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    """Return the bounds of ``a op b``, of Python's integers."""
    if op == "add":
        return a[0] + b[0], a[1] + b[1]
    if op == "sub":
        return a[0] - b[1], a[1] - b[0]
    if op == "mul":
        products = [x * y for x in a for y in b]
        return min(products), max(products)
    return _EVERY_INT


def _range_of_index(s: For) -> tuple[int, int]:
    steps = s.indices
    if steps is None:
        return _EVERY_INT
    return (min(steps[0], steps[-1]), max(steps[0], steps[-1])) if steps else (0, 0)


def _fits(bounds: tuple[int, int], dtype: np.dtype) -> bool:
    """Whether a Python integer between two bounds converts to a type without an error."""
    if dtype.kind not in "iu":
        return True
    info = np.iinfo(dtype)
    return info.min <= bounds[0] and bounds[1] <= info.max


# --- texts --------------------------------------------------------------------------------------------


def _plain_number(value) -> str:
    text = repr(value)
    return f"np.{text}" if text in ("inf", "nan") else "-np.inf" if text == "-inf" else text


def _plain_float(x: Const) -> str:
    return _plain_number(float(x.value)) if x.dtype == np.float64 else python_const(x.value, x.dtype)


def _stored_const(x: Const) -> str:
    """Return a constant that is stored: the array knows its type."""
    text = _plain_number(x.value.item())
    # Many digits say that the number has fewer of its own.
    return python_const(x.value, x.dtype) if x.dtype == np.float32 and len(text) > 8 else text


def _assignment(name: str, text: str) -> str:
    for sign in "+-*":
        if text.startswith(f"{name} {sign} "):
            return f"{name} {sign}= {_bare(text[len(name) + 3 :])}"
    return f"{name} = {text}"


def _folded(head: str, items: list[str], tail: str, depth: int = 0) -> list[str]:
    """Return ``head items tail`` on one line, or on several, which will be indented."""
    line = f"{head}{', '.join(items)}{tail}"
    if 4 * depth + len(line) <= WIDTH:
        return [line]
    return [head, *_wrapped(items, depth + 1), tail]


def _wrapped(items: list[str], depth: int) -> list[str]:
    """Return items on lines of a block; ``depth`` counts all of its indentation."""
    text = f"{', '.join(items)},"
    return [f"    {part}" for part in textwrap.wrap(text, WIDTH - 4 * depth, break_long_words=False)]


def _constant(name: str, buffer: Buffer) -> list[str]:
    """Return the definition of an array of known elements."""
    data = np.ascontiguousarray(buffer.data).reshape(-1).view(buffer.dtype)
    kind = f"np.{buffer.dtype.name}"
    if data.size <= MOST_NUMBERS:
        numbers = [_plain_number(x) for x in data.tolist()]
        line = f"{name} = np.array([{', '.join(numbers)}], {kind})"
        if len(line) <= WIDTH:
            return [line]
        rows = [f"    {row}" for row in _wrapped(numbers, 2)]
        return [f"{name} = np.array(", "    [", *rows, "    ],", f"    {kind},", ")"]
    letters = base64.b64encode(data.tobytes()).decode()
    pieces = [f'        "{letters[k : k + 80]}"' for k in range(0, len(letters), 80)]
    return [f"{name} = np.frombuffer(", "    base64.b64decode(", *pieces, "    ),", f"    {kind},", ")"]


def _closing(text: str) -> dict[int, int]:
    """Return the positions of opening parentheses, each with that of the one that closes it."""
    pairs, open_ones = {}, []
    for at, letter in enumerate(text):
        if letter == "(":
            open_ones.append(at)
        elif letter == ")":
            pairs[open_ones.pop()] = at
    return pairs


def _bare(text: str) -> str:
    """Leave out parentheses around the whole."""
    while text.startswith("(") and _closing(text)[0] == len(text) - 1:
        text = text[1:-1]
    return text


def _tidy(text: str) -> str:
    """Leave out parentheses around a whole argument: ``f((a + b), c)`` is ``f(a + b, c)``."""
    if "((" not in text and ", (" not in text:
        return text
    pairs = _closing(text)
    spare = {
        a for a, b in pairs.items() if text[:a].endswith(("(", ", ")) and text[b + 1 : b + 2] in (",", ")")
    }
    spare |= {pairs[a] for a in spare}
    return "".join(letter for at, letter in enumerate(text) if at not in spare)


@functools.cache
def _slots(op: str, dtype: np.dtype, in_dtypes: tuple) -> tuple[int, ...]:
    """Return how often each operand stands in the text of an operation."""
    marks = tuple(f"_OPERAND{k}_" for k in range(len(in_dtypes)))
    text = OPERATIONS[op].python(dtype, in_dtypes, marks)
    return tuple(text.count(mark) for mark in marks)


def _public(module) -> list[str]:
    """Return the names of the functions of a module."""
    return [
        name
        for name, f in vars(module).items()
        if not name.startswith("_") and getattr(f, "__module__", None) == module.__name__
    ]


# --- what is used where -------------------------------------------------------------------------------


def _may_overlap(a: Buffer, b: Buffer) -> bool:
    return a is b or "pointer" in (a.place, b.place)


def _operands(s) -> list:
    """Return the scalars and constants that a statement itself reads, each as often as it does."""
    kind = type(s)
    places: list[Affine] = []
    operands: list = [b.base for b in touched(s) if b.base is not None]
    if kind is Let:
        operands += s.args
    elif kind is Load or kind is Base:
        places.append(s.index)
    elif kind is Store:
        operands.append(s.value)
        places.append(s.index)
    elif kind is For or kind is While:
        operands += [x for c in s.carries for x in (c.init, c.next)]
        operands += [s.start, s.stop] if kind is For else [s.condition]
    elif kind is Switch:
        operands += [s.index, *(x for values in s.values for x in values)]
    elif kind is Check:
        operands += [s.condition, *s.details]
    elif kind is Call:
        operands += [a for a in s.args if type(a) is not Address]
        places += [a.index for a in s.args if type(a) is Address]
    elif kind is Host:
        places += [a.index for a in (*s.operands, *s.results)]
    return operands + [t for place in places for t, _ in place.terms]


def _count_uses(body: list) -> Counter:
    return Counter(x for s in walk(body) for x in _operands(s) if type(x) is Scalar)


_RENDER = {
    Let: _Renderer.let,
    Load: _Renderer.load,
    Store: _Renderer.store,
    Base: _Renderer.base,
    For: _Renderer.for_,
    While: _Renderer.while_,
    Switch: _Renderer.switch,
    Check: _Renderer.check,
    Call: _Renderer.call,
    Host: _Renderer.host,
    Kernel: _Renderer.kernel,
}
