"""``contract``: sums of products over nests of loops, in tiles of the result that stay in registers.

    c[row, j] = Σₖ a[row, k]·b[row, k, j]        rows and terms are nests of up to four loops each, with constant steps

    dcontract(add, n, step_a, step_b, start_a, start_b, 4 rows of (extent, in a, in b, in c),
              4 sums of (extent, in a, in b), a, b, c)

Every operand is read where it stands, as often as the nest says: a convolution is one of them over the pixels of an
image, with the taps of its window as terms, and so needs no copy of the windows. ``step_a`` and ``step_b`` are 0 where
an operand has one element for all j, or 1; the result has steps of 1. ``start_a`` and ``start_b`` are not 0 where steps
are negative. ``add`` says that it adds to what is there.

The text is made for each nest: a tile of, say, 14 rows of two registers each is computed in 28 registers, for which a
term needs two loads of registers and 14 of single elements. It is a library of its own, named by its numbers, that all
programs share: there is nothing left for the passes over a program to improve, which took most of a second for a large
one.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np

from jaxlite.codegen.operations import llvm_type

# Loops over rows, and over terms.
ROWS, TERMS = 4, 4
# Multiplications that are written out in a row.
MOST_WRITTEN_OUT = 32
# Registers of the result side by side.
MOST_PIECES = 2
# Sums in a tile whose columns fill no register.
MOST_CELLS_OF_PARTS = 12
# Bytes of a register, with how many there are.
_NUM_REGISTERS = {64: 32, 32: 16, 16: 16}
_FORMALS = "ptr noalias readonly %a, ptr noalias readonly %b, ptr noalias %c"


class Nest(NamedTuple):
    """What one call computes."""

    add: bool
    n: int
    step_a: int
    step_b: int
    start_a: int
    start_b: int
    rows: tuple[tuple[int, int, int, int], ...]
    terms: tuple[tuple[int, int, int], ...]

    @staticmethod
    def of(numbers: list[int]) -> Nest:
        add, n, step_a, step_b, start_a, start_b, *rest = numbers
        rows = tuple(tuple(rest[4 * k : 4 * k + 4]) for k in range(ROWS))
        rest = rest[4 * ROWS :]
        terms = tuple(tuple(rest[3 * k : 3 * k + 3]) for k in range(TERMS))
        return Nest(bool(add), n, step_a, step_b, start_a, start_b, rows, terms)

    @property
    def numbers(self) -> tuple[int, ...]:
        head = int(self.add), self.n, self.step_a, self.step_b, self.start_a, self.start_b
        return (*head, *itertools.chain(*self.rows), *itertools.chain(*self.terms))


def work(*numbers) -> float:
    """Return the operations of a call."""
    nest = Nest.of(list(numbers))
    return 2.0 * nest.n * math.prod(m for m, *_ in nest.rows) * math.prod(k for k, *_ in nest.terms)


class Contract(NamedTuple):
    """The routine of a dtype; as `external.Fortran`, but there is one for each nest."""

    name: str
    dtype: np.dtype

    work = staticmethod(work)
    # It has no threads of its own, and writes to the last operand.
    threads_from, results = math.inf, slice(-1, None)

    def emit(self, function, texts: list[str], out) -> str:
        """Write the call."""
        numbers = [int(text.split(" ")[1]) for text in texts[:-3]]
        symbol = f"jl_{self.name}_{'_'.join(str(x).replace('-', 'm') for x in numbers)}"
        function.declare(
            symbol, f"declare void @{symbol}(ptr noalias readonly, ptr noalias readonly, ptr noalias)"
        )
        function.line(f"call void @{symbol}({', '.join(texts[-3:])})")
        return ""


def text(symbol: str, registers: int) -> str:
    """Return the LLVM text of a nest, which its symbol tells, for registers of so many bytes."""
    name, *numbers = symbol.removeprefix("jl_").split("_")
    nest = Nest.of([int(x.replace("m", "-")) for x in numbers])
    return _Writer(CONTRACTIONS[name].dtype, registers, nest, symbol).write()


# --- tiles --------------------------------------------------------------------------------------------


def columns(n: int, lanes: int) -> list[tuple[int, int]]:
    """Return pieces (start, length) of n columns that fill registers.

    >>> columns(28, 16)
    [(0, 16), (12, 16)]
    >>> columns(40, 16)
    [(0, 16), (16, 16), (32, 8)]
    """
    while lanes > n:
        lanes //= 2
    whole, rest = divmod(n, lanes)
    pieces = [(k * lanes, lanes) for k in range(whole)]
    if rest and rest & (rest - 1):
        # Columns that two pieces share are computed twice.
        return [*pieces, (n - lanes, lanes)]
    return [*pieces, (n - rest, rest)] if rest else pieces


def groups_of(pieces: list[tuple[int, int]], most: int) -> list[list[tuple[int, int]]]:
    """Put pieces together that are computed at the same time; two that overlap never fall into two groups."""
    count = -(-len(pieces) // most)
    size = -(-len(pieces) // count)
    groups = [pieces[k : k + size] for k in range(0, len(pieces), size)]
    if len(groups) > 1 and groups[-1][0][0] < sum(groups[-2][-1]):
        groups[-2:] = [groups[-2] + groups[-1]]
    return groups


def tile_of(inner: int, outer: int, most: int, across: bool = False) -> tuple[int, int]:
    """Return how many rows of the two innermost loops make a tile, (inner, outer).

    ``across`` says that each of the loops moves through one operand alone: a square tile needs the fewest loads.
    """
    if across:
        side = max(math.isqrt(most), 1)
        inner_side = min(inner, max(side, most // outer))
        inner = -(-inner // -(-inner // inner_side))
        return inner, -(-outer // -(-outer // max(most // inner, 1)))
    if inner > most:
        return -(-inner // -(-inner // most)), 1
    outer_most = max(most // inner, 1)
    return inner, -(-outer // -(-outer // outer_most))


def lanes_of(dtype: np.dtype, registers: int) -> int:
    return registers // dtype.itemsize


# --- text ---------------------------------------------------------------------------------------------


class _Writer:
    """Writes the functions of one nest."""

    def __init__(self, dtype: np.dtype, register: int, nest: Nest, name: str):
        self.dtype, self.nest, self.name = dtype, nest, name
        self.kind = llvm_type(dtype)
        self.lanes, self.registers = lanes_of(dtype, register), _NUM_REGISTERS[register]
        self.functions: list[str] = []
        self.intrinsics: dict[str, str] = {}
        self.tiles: dict[tuple, str] = {}
        self.lines: list[str] = []
        self.label = "entry"
        self.count = 0

    # --- lines

    def new(self, prefix: str = "v") -> str:
        self.count += 1
        return f"%{prefix}{self.count}"

    def emit(self, rhs: str) -> str:
        register = self.new()
        self.lines.append(f"  {register} = {rhs}")
        return register

    def start(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.label = label

    def at(self, pointer: str, elements: int) -> str:
        if not elements:
            return pointer
        return self.emit(f"getelementptr {self.kind}, ptr {pointer}, i64 {elements}")

    def loop(self, extent: int, starts: list[tuple[str, str, int | None]], body) -> list[str]:
        """Write a loop of constant length.

        ``starts`` are (type, value, step): pointers that move by so many elements, and with None values that
        ``body(registers)`` returns anew. Returns these as they are after the loop.
        """
        if extent == 1:
            return body([value for _, value, _ in starts])
        head, done = (f"{p}{self.count}" for p in ("loop", "done"))
        self.count += 1
        before = self.label
        self.lines.append(f"  br label %{head}")
        self.start(head)
        phis = len(self.lines)
        index, inside = self.new("i"), [self.new("c") for _ in starts]
        after = iter(body(list(inside)))
        nexts = [
            next(after) if step is None else self.at(register, step) if step else register
            for register, (_, _, step) in zip(inside, starts, strict=True)
        ]
        following = self.emit(f"add nuw nsw i64 {index}, 1")
        more = self.emit(f"icmp ult i64 {following}, {extent}")
        self.lines.append(f"  br i1 {more}, label %{head}, label %{done}")
        heads = [f"  {index} = phi i64 [ 0, %{before} ], [ {following}, %{self.label} ]"]
        heads += [
            f"  {register} = phi {kind} [ {value}, %{before} ], [ {new}, %{self.label} ]"
            for register, (kind, value, _), new in zip(inside, starts, nexts, strict=True)
        ]
        self.lines[phis:phis] = heads
        self.start(done)
        return [new for new, (_, _, step) in zip(nexts, starts, strict=True) if step is None]

    def function(self, name: str, body) -> None:
        outer = self.lines, self.label
        self.lines, self.label = [], "entry"
        body("%a", "%b", "%c")
        linkage = "" if name == self.name else "internal "
        head = f"define {linkage}void @{name}({_FORMALS}) noinline nounwind {{\nentry:"
        self.functions.append("\n".join([head, *self.lines, "  ret void", "}"]))
        self.lines, self.label = outer

    # --- tiles

    def write(self) -> str:
        """Write all functions; returns the text."""
        groups = groups_of(columns(self.nest.n, self.lanes), MOST_PIECES)

        def body(a, b, c):
            a, b = self.at(a, self.nest.start_a), self.at(b, self.nest.start_b)
            for group in groups:
                self.rows(group, self.nest.rows, a, b, c)

        self.function(self.name, body)
        return "\n".join([*self.intrinsics.values(), *self.functions])

    def rows(self, group, rows, a: str, b: str, c: str) -> None:
        """Write the loops over tiles of rows."""
        rows = sorted(rows, key=lambda row: row[0] != 1)
        (outer, inner) = rows[-2:]
        most = max((self.registers - 2 - len(group)) // len(group), 1)
        across = outer[1:3].count(0) == inner[1:3].count(0) == 1 and bool(outer[1]) != bool(inner[1])
        if len(group) == 1:
            most = min(most, 24 if across else 16)
        if group[0][1] < self.lanes:
            # Of parts of registers there is no need for many: that they do not wait for each other is enough.
            most = min(most, max(MOST_CELLS_OF_PARTS // len(group), 1))
        tile = tile_of(inner[0], outer[0], most, across)

        def level(k: int, a, b, c, sizes: tuple[int, ...]):
            if k == len(rows):
                self.tile(group, ((sizes[0], *outer[1:]), (sizes[1], *inner[1:])), a, b, c)
                return
            extent, *steps = rows[k]
            size = {len(rows) - 2: tile[1], len(rows) - 1: tile[0]}.get(k, 0)
            whole, rest = divmod(extent, size) if size else (extent, 0)
            more = (size,) if size else ()
            places = list(zip((a, b, c), steps, strict=True))
            if whole:
                self.loop(
                    whole,
                    [("ptr", pointer, step * max(size, 1)) for pointer, step in places],
                    lambda inside: (level(k + 1, *inside, (*sizes, *more)), [])[1],
                )
            if rest:
                level(k + 1, *(self.at(p, t * whole * size) for p, t in places), (*sizes, rest))

        level(0, a, b, c, ())

    def tile(self, group, rows, a: str, b: str, c: str) -> None:
        """Call the function of one tile, which is written when it is asked for."""
        start = group[0][0]
        key = tuple((s - start, n) for s, n in group), rows
        if key not in self.tiles:
            self.tiles[key] = f"{self.name}_t{len(self.tiles)}"
            self.function(self.tiles[key], lambda a, b, c: self.tile_body(*key, a, b, c))
        nest = self.nest
        places = self.at(a, start * nest.step_a), self.at(b, start * nest.step_b), self.at(c, start)
        self.lines.append(f"  call void @{self.tiles[key]}({', '.join(f'ptr {p}' for p in places)})")

    def vector(self, lanes: int) -> str:
        return f"<{lanes} x {self.kind}>" if lanes > 1 else self.kind

    def load(self, pointer: str, elements: int, lanes: int) -> str:
        where = self.at(pointer, elements)
        return self.emit(f"load {self.vector(lanes)}, ptr {where}, align {self.dtype.itemsize}")

    def everywhere(self, scalar: str, lanes: int) -> str:
        if lanes == 1:
            return scalar
        vector = self.vector(lanes)
        one = self.emit(f"insertelement {vector} poison, {self.kind} {scalar}, i64 0")
        zeros = f"<{lanes} x i32> zeroinitializer"
        return self.emit(f"shufflevector {vector} {one}, {vector} poison, {zeros}")

    def tile_body(self, pieces, rows, a: str, b: str, c: str) -> None:
        nest = self.nest
        (outer, *outer_steps), (inner, *inner_steps) = rows
        places = [
            tuple(i * s + j * t for s, t in zip(outer_steps, inner_steps, strict=True))
            for i in range(outer)
            for j in range(inner)
        ]
        cells = [(place, piece) for place in places for piece in pieces]
        kinds = [self.vector(lanes) for _, (_, lanes) in cells]
        sums = [
            self.load(c, place[2] + start, lanes) if nest.add else "zeroinitializer" if lanes > 1 else "0.0"
            for place, (start, lanes) in cells
        ]
        levels = [level for level in nest.terms if level[0] != 1]

        def term(at_a: int, at_b: int, a, b, sums):
            known: dict[tuple, str] = {}

            def operand(pointer, which: str, at: int, step: int, start: int, lanes: int) -> str:
                key = which, at, start if step else None, lanes
                if key not in known and step:
                    known[key] = self.load(pointer, at + start, lanes)
                elif key not in known:
                    one = known.get((which, at)) or self.load(pointer, at, 1)
                    known[which, at] = one
                    known[key] = self.everywhere(one, lanes)
                return known[key]

            new = []
            for (place, (start, lanes)), kind, total in zip(cells, kinds, sums, strict=True):
                x = operand(a, "a", place[0] + at_a, nest.step_a, start, lanes)
                y = operand(b, "b", place[1] + at_b, nest.step_b, start, lanes)
                suffix = f"{f'v{lanes}' if lanes > 1 else ''}f{8 * self.dtype.itemsize}"
                name = f"llvm.fmuladd.{suffix}"
                self.intrinsics[name] = f"declare {kind} @{name}({kind}, {kind}, {kind})"
                new.append(self.emit(f"call {kind} @{name}({kind} {x}, {kind} {y}, {kind} {total})"))
            return new

        def sweep(k: int, a, b, sums):
            if k == len(levels):
                return term(0, 0, a, b, sums)
            count = math.prod(extent for extent, *_ in levels[k:])
            if count * len(cells) <= MOST_WRITTEN_OUT:
                for index in itertools.product(*(range(extent) for extent, *_ in levels[k:])):
                    steps = [sum(i * level[w] for i, level in zip(index, levels[k:])) for w in (1, 2)]
                    sums = term(*steps, a, b, sums)
                return sums
            extent, step_a, step_b = levels[k]
            written_out = 1
            if k == len(levels) - 1:
                fits = (u for u in (8, 4, 2) if extent % u == 0 and u * len(cells) <= MOST_WRITTEN_OUT)
                written_out = next(fits, 1)

            def body(inside):
                a, b, *sums = inside
                for u in range(written_out):
                    if k == len(levels) - 1:
                        sums = term(u * step_a, u * step_b, a, b, sums)
                    else:
                        sums = sweep(k + 1, a, b, sums)
                return sums

            starts = [("ptr", a, step_a * written_out), ("ptr", b, step_b * written_out)]
            starts += [(kind, total, None) for kind, total in zip(kinds, sums, strict=True)]
            return self.loop(extent // written_out, starts, body)

        sums = sweep(0, a, b, sums)
        for (place, (start, _)), kind, total in zip(cells, kinds, sums, strict=True):
            where = self.at(c, place[2] + start)
            self.lines.append(f"  store {kind} {total}, ptr {where}, align {self.dtype.itemsize}")


CONTRACTIONS = {
    name: Contract(name, np.dtype(kind)) for name, kind in (("scontract", "f4"), ("dcontract", "f8"))
}
