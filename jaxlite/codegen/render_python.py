"""Render a loop program as Python: to read, to run, to compile with numba, to take along.

    def program(x0, y0):
        # k0
        for i in range(3):
            y0[i] = np.float64(np.sin(x0[i]))

Arrays are flat; a complex one is a view of twice as many real numbers. The text runs as it is, and under
``numba.njit(error_model="numpy")`` once its helpers are compiled too; it computes what the machine code computes.
"""

from __future__ import annotations

import linecache
import textwrap

import numpy as np

from jaxlite.codegen import array_helpers, helpers
from jaxlite.codegen.loops import (
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
from jaxlite.codegen.values import stored_aval

LONGEST_CALL = 72
_INDEX_NAMES = "ijklmnopqr"


def render(program: LoopProgram) -> str:
    """Return a loop program as Python source.

    Parameters
    ----------
    program : LoopProgram

    Returns
    -------
    str
        Imports and a function of the input arrays and the output arrays, which it fills. A program with host calls
        takes a function ``host(equation, operands, results)`` besides.
    """
    return _Renderer(program).text()


def namespace(program: LoopProgram) -> tuple[str, dict]:
    """Return the source of a program, and its globals after it was run."""
    source = render(program)
    name = f"<jaxlite {program.name}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space: dict = {}
    exec(compile(source, name, "exec"), space)
    return source, space


def run(program: LoopProgram, *arrays, out_avals, host=None) -> tuple[np.ndarray, ...]:
    """Run a loop program as plain Python.

    Parameters
    ----------
    *arrays : array
        The inputs, of any shape.
    out_avals : sequence of ShapedArray
        Types of the results.
    host : callable, optional
        For programs with host calls.

    Returns
    -------
    tuple of ndarray
    """
    _, space = namespace(program)
    inputs = [flat(np.ascontiguousarray(x), b) for x, b in zip(arrays, program.inputs, strict=True)]
    results = [np.empty(a.shape, a.dtype) for a in map(stored_aval, out_avals)]
    outputs = [flat(x, b) for x, b in zip(results, program.outputs, strict=True)]
    extra = {"host": host} if program.has_host_calls else {}
    with np.errstate(all="ignore"):
        space[program.name](*inputs, *outputs, **extra)
    return tuple(results)


def flat(array: np.ndarray, buffer: Buffer) -> np.ndarray:
    """Return an array as the program sees it: one dimension of real numbers, sharing memory."""
    return array.reshape(-1).view(buffer.dtype)


class _Renderer:
    def __init__(self, program: LoopProgram):
        self.program = program
        self.lines: list[str] = []
        self.names: dict[Scalar, str] = {}
        self.used: set[str] = set()
        self.depth = 1
        self.loops = 0
        self.count = 0
        # Tapes hold bytes; the buffers that begin at a pointer say what the bytes are.
        self.pointed_at = {
            b.base: b.dtype for t in walk(program.body) for b in touched(t) if b.base is not None
        }

    def text(self) -> str:
        program = self.program
        for buffer in program.buffers:
            if buffer.place == "data":
                values = ", ".join(python_const(v, buffer.dtype) for v in buffer.data.tolist())
                self.line(f"{buffer.name} = np.array([{values}], np.{buffer.dtype.name})")
            else:
                self.line(f"{buffer.name} = np.empty({buffer.size}, np.{buffer.dtype.name})")
        self.block(program.body)
        names = [b.name for b in (*program.inputs, *program.outputs)]
        names += ["host"] if program.has_host_calls else []
        body = "\n".join(self.lines)
        imports = ["import numpy as np", ""]
        for module in (helpers, array_helpers):
            wanted = [n for n in _public(module) if f"{n}(" in body and _calls(body, n)]
            if wanted:
                imports.insert(-1, f"from {module.__name__} import {', '.join(wanted)}")
        head = f"def {program.name}({', '.join(names)}):"
        return "\n".join([*imports, "", head, body or "    pass", ""])

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def block(self, body: list) -> None:
        for statement in body:
            _RENDER[type(statement)](self, statement)

    def indented(self, body: list) -> None:
        self.depth += 1
        before = len(self.lines)
        self.block(body)
        if len(self.lines) == before:
            self.line("pass")
        self.depth -= 1

    # --- operands

    def new_name(self, scalar: Scalar) -> str:
        name = f"v{self.count}"
        self.count += 1
        self.names[scalar] = name
        return name

    def read(self, operand: Operand) -> str:
        if type(operand) is Const:
            return python_const(operand.value, operand.dtype)
        return self.names[operand]

    def affine(self, index: Affine) -> str:
        parts = [
            self.read(s) if c == 1 else f"-{self.read(s)}" if c == -1 else f"{c} * {self.read(s)}"
            for s, c in index.terms
        ]
        if index.constant or not parts:
            parts.append(str(index.constant))
        return " + ".join(parts).replace("+ -", "- ")

    def array(self, buffer: Buffer) -> str:
        return self.read(buffer.base) if buffer.place == "pointer" else buffer.name

    def element(self, buffer: Buffer, index: Affine) -> str:
        return f"{self.array(buffer)}[{self.affine(index)}]"

    def address(self, place: Address) -> str:
        start = self.affine(place.index)
        return self.array(place.buffer) + ("" if start == "0" else f"[{start}:]")

    # --- statements

    def let(self, s: Let) -> None:
        types = tuple(a.dtype for a in s.args)
        text = OPERATIONS[s.op].python(s.out.dtype, types, tuple(map(self.read, s.args)))
        self.line(f"{self.new_name(s.out)} = {text}")

    def load(self, s: Load) -> None:
        self.line(f"{self.new_name(s.out)} = {self.element(s.buffer, s.index)}")

    def store(self, s: Store) -> None:
        self.line(f"{self.element(s.buffer, s.index)} = {self.read(s.value)}")

    def base(self, s: Base) -> None:
        self.line(f"{self.new_name(s.out)} = {self.address(Address(s.buffer, s.index))}")

    def begin(self, carries: list[Carry]) -> None:
        """Name the carries and give them their first values."""
        names = [f"c{self.count + k}" for k in range(len(carries))]
        self.count += len(carries)
        for carry, name in zip(carries, names, strict=True):
            self.line(f"{name} = {self.read(carry.init)}")
        for carry, name in zip(carries, names, strict=True):
            self.names[carry.inside] = self.names[carry.result] = name

    def step(self, carries: list[Carry]) -> None:
        changed = [c for c in carries if self.read(c.next) != self.names[c.inside]]
        if changed:
            left = ", ".join(self.names[c.inside] for c in changed)
            self.line(f"{left} = {', '.join(self.read(c.next) for c in changed)}")

    def for_(self, s: For) -> None:
        self.begin(s.carries)
        name = _INDEX_NAMES[self.loops] if self.loops < len(_INDEX_NAMES) else f"i{self.loops}"
        self.names[s.index] = name
        start, stop = self.read(s.start), self.read(s.stop)
        if s.step != 1:
            bounds = f"{start}, {stop}, {s.step}"
        else:
            bounds = stop if start == "0" else f"{start}, {stop}"
        self.line(f"for {name} in range({bounds}):")
        self.loops += 1
        self.depth += 1
        before = len(self.lines)
        self.block(s.body)
        self.step(s.carries)
        if len(self.lines) == before:
            self.line("pass")
        self.depth -= 1
        self.loops -= 1

    def while_(self, s: While) -> None:
        self.begin(s.carries)
        self.line("while True:")
        self.depth += 1
        self.block(s.test)
        self.line(f"if not {self.read(s.condition)}:")
        self.line("    break")
        self.block(s.body)
        self.step(s.carries)
        self.depth -= 1

    def switch(self, s: Switch) -> None:
        index = self.read(s.index)
        names = [self.new_name(r) for r in s.results]
        for k, (branch, values) in enumerate(zip(s.branches, s.values, strict=True)):
            last = k == len(s.branches) - 1
            word = "if" if k == 0 else "elif"
            self.line("else:" if last and k else f"{word} {index} == {k}:" if not last else "if True:")
            self.depth += 1
            before = len(self.lines)
            self.block(branch)
            for name, value in zip(names, values, strict=True):
                self.line(f"{name} = {self.read(value)}")
            if len(self.lines) == before:
                self.line("pass")
            self.depth -= 1

    def check(self, s: Check) -> None:
        self.line(f"if not {self.read(s.condition)}:")
        self.line(f'    raise IndexError("equation {s.site}: an index is out of range")')

    def call(self, s: Call) -> None:
        text = f"{s.symbol}({', '.join(map(self.argument, s.args))})"
        if s.symbol == "tape_data" and s.out in self.pointed_at:
            text += f".view(np.{self.pointed_at[s.out].name})"
        text = text if s.out is None else f"{self.new_name(s.out)} = {text}"
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
            return repr(arg.value.item())
        return self.address(arg) if type(arg) is Address else self.read(arg)

    def host(self, s: Host) -> None:
        operands, results = (
            "".join(f"{self.address(a)}, " for a in side) for side in (s.operands, s.results)
        )
        self.line(f"host({s.site}, ({operands}), ({results}))")

    def kernel(self, s: Kernel) -> None:
        self.line(f"# {s.name}{': ' + s.comment if s.comment else ''}")
        self.block(s.body)


def _public(module) -> list[str]:
    return [
        n for n, f in vars(module).items() if callable(f) and not n.startswith("_") and n != "annotations"
    ]


def _calls(body: str, name: str) -> bool:
    """Whether ``name(`` stands in a text as a word of its own."""
    start = 0
    while (at := body.find(f"{name}(", start)) >= 0:
        if at == 0 or not (body[at - 1].isalnum() or body[at - 1] in "_."):
            return True
        start = at + 1
    return False


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
