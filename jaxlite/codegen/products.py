"""Products of matrices in tiles that stay in registers, as LLVM text; a library that is compiled once for a dtype.

    jl_dgemm(…)         takes what BLAS's ``dgemm`` takes, and hands on to it what it does not compute faster itself

    z[r, c] = Σₚ x[r, p]·y[p, c]          z in rows; x and y with any steps, which are known at run time only

A tile of, say, 14 rows of two registers is summed in 28 registers: a term takes two loads of registers and 14 of single
elements. Operands are read where they stand; only where neighbours of y are no neighbours in memory, two registers'
worth of columns are copied first. BLAS copies everything, which pays for large matrices alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np

from jaxlite.codegen import thread_pool
from jaxlite.codegen.boundary import PRODUCTS, blas_symbol
from jaxlite.codegen.operations import llvm_type

_DTYPES = dict(zip(PRODUCTS, map(np.dtype, ("f4", "f8")), strict=True))
# Rows of tiles by the bytes of a register, of which there are 32 or 16: the highest, and lower ones for the rest. Each
# takes LLVM some milliseconds.
_HEIGHTS = {64: (14, 4, 1), 32: (6, 2, 1), 16: (6, 2, 1)}
# Terms, and tiles of rows, that are looked at together: so much of x stays in the second level of the cache.
_TERMS, _TILES = 256, 8
# Multiplications from which OpenBLAS uses threads where it has them, and from which its copies pay.
_SHARED, _LARGE = 64**3, 320**3
# Elements so many bytes apart drive each other out of the cache.
_PAGE = 4096

_OPERANDS = "i64 %k, ptr %x, i64 %x_row, i64 %x_term, ptr %y, i64 %y_term, ptr %z, i64 %z_row, i64 %add"


def text(symbol: str, registers: int) -> str:
    """Return the LLVM text of the product of a dtype, for registers of so many bytes."""
    return _Library(symbol, _DTYPES[symbol], registers).text()


class _Function:
    """Lines of a function. What repeats it counts in memory: only tiles are worth registers."""

    def __init__(self, head: str, kind: str):
        self.head, self.kind = head, kind
        self.slots: list[str] = []
        self.lines: list[str] = []
        self.count = 0

    def __str__(self) -> str:
        body = ["entry:", *self.slots, *self.lines, "  ret void", "}"]
        return "\n".join([f"define {self.head} noinline nounwind {{", *body])

    def line(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def name(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def emit(self, rhs: str) -> str:
        name = f"%{self.name()}"
        self.line(f"{name} = {rhs}")
        return name

    def at(self, pointer: str, *steps) -> str:
        """Return an address some elements further on: a number, or a product of numbers."""
        first, *others = steps
        for other in others:
            first = self.emit(f"mul i64 {first}, {other}")
        return self.emit(f"getelementptr {self.kind}, ptr {pointer}, i64 {first}")

    def least(self, a: str, b) -> str:
        smaller = self.emit(f"icmp ult i64 {a}, {b}")
        return self.emit(f"select i1 {smaller}, i64 {a}, i64 {b}")

    @contextlib.contextmanager
    def when(self, condition: str) -> Iterator[None]:
        label = self.name()
        self.line(f"br i1 {condition}, label %{label}, label %{label}e")
        self.lines.append(f"{label}:")
        yield
        self.line(f"br label %{label}e")
        self.lines.append(f"{label}e:")

    @contextlib.contextmanager
    def repeat(self, count: str) -> Iterator[str]:
        slot, label = f"%{self.name()}", self.name()
        self.slots.append(f"  {slot} = alloca i64")
        self.line(f"store i64 0, ptr {slot}")
        self.line(f"br label %{label}")
        self.lines.append(f"{label}:")
        index = self.emit(f"load i64, ptr {slot}")
        more = self.emit(f"icmp ult i64 {index}, {count}")
        with self.when(more):
            yield index
            following = self.emit(f"add i64 {index}, 1")
            self.line(f"store i64 {following}, ptr {slot}")
            self.lines.append(f"  br label %{label}")
            # What `when` adds is never reached.
            self.lines.append(f"{label}x:")


class _Library:
    def __init__(self, symbol: str, dtype: np.dtype, registers: int):
        self.symbol, self.dtype, self.kind = symbol, dtype, llvm_type(dtype)
        self.lanes, self.heights = registers // dtype.itemsize, _HEIGHTS[registers]
        # Narrow registers have no masks: there are parts for each number of columns that may be left over.
        self.masked = registers > 16
        parts = 2 if self.masked else self.lanes.bit_length()
        self.parts = [self.lanes >> k for k in range(parts)]
        self.functions: list[_Function] = []
        self.declared: set[str] = set()

    def text(self) -> str:
        for lanes in (2 * self.lanes, *self.parts):
            for height in self.heights:
                self.tile(height, lanes)
            self.rows(lanes)
        self.transpose()
        self.columns()
        self.blocks()
        self.entry()
        return "\n".join([*sorted(self.declared), *map(str, self.functions)])

    def function(self, head: str) -> _Function:
        self.functions.append(_Function(f"internal void @{head}", self.kind))
        return self.functions[-1]

    # --- tiles

    def intrinsic(self, name: str, lanes: int, result: str, arguments: str) -> str:
        kind = f"{f'v{lanes}' if lanes > 1 else ''}f{8 * self.dtype.itemsize}"
        full = f"@llvm.{name}.{kind}{'.p0' if name.startswith('masked') else ''}"
        self.declared.add(f"declare {result} {full}({arguments})")
        return full

    def tile(self, height: int, columns: int) -> None:
        """Write a tile of so many rows; of a part of a register there are ``w`` columns, where there are masks."""
        f = self.function(f"tile_{height}_{columns}({_OPERANDS}, i64 %w)")
        lanes = min(columns, self.lanes)
        pieces = range(0, columns, lanes)
        vector, align = f"<{lanes} x {self.kind}>" if lanes > 1 else self.kind, self.dtype.itemsize
        memory = (
            _Masked(self, f, lanes) if self.masked and columns <= self.lanes else _Plain(f, vector, align)
        )
        fma = self.intrinsic("fmuladd", lanes, vector, ", ".join([vector] * 3))

        # An address is a pointer and a step, once or twice, which instructions add themselves: three rows share one.
        twice = f.emit("shl i64 %x_row, 1")
        thrice = f.emit(f"add i64 {twice}, %x_row")
        starts = ["%x"]
        for _ in range(3, height, 3):
            starts.append(f.at(starts[-1], thrice))
        starts.append("%y")
        f.line("br label %loop")
        f.lines.append("loop:")
        heads = len(f.lines)
        *xs, y = (f"%p{k}" for k in range(len(starts)))
        ys = [memory.load(f.at(y, c)) for c in pieces]
        sums = []
        for r in range(height):
            place = f.at(xs[r // 3], (0, "%x_row", twice)[r % 3])
            element = f.emit(f"load {self.kind}, ptr {place}, align {align}")
            if lanes > 1:
                one = f.emit(f"insertelement {vector} poison, {self.kind} {element}, i64 0")
                zeros = f"<{lanes} x i32> zeroinitializer"
                element = f.emit(f"shufflevector {vector} {one}, {vector} poison, {zeros}")
            for y_part in ys:
                total = f"{vector} %s{len(sums)}"
                sums.append(f.emit(f"call {vector} {fma}({vector} {element}, {vector} {y_part}, {total})"))
        steps = [*["%x_term"] * len(xs), "%y_term"]
        nexts = [f.at(p, step) for p, step in zip((*xs, y), steps, strict=True)]
        following = f.emit("add nuw i64 %i, 1")
        more = f.emit(f"icmp ult i64 {following}, %k")
        f.line(f"br i1 {more}, label %loop, label %done")
        zero = "zeroinitializer" if lanes > 1 else "0.0"
        values = [("i64", "%i", "0", following)]
        values += [("ptr", *names) for names in zip((*xs, y), starts, nexts, strict=True)]
        values += [(vector, f"%s{n}", zero, total) for n, total in enumerate(sums)]
        f.lines[heads:heads] = [
            f"  {name} = phi {kind} [ {start}, %entry ], [ {new}, %loop ]"
            for kind, name, start, new in values
        ]
        f.lines.append("done:")

        def write(adds: bool) -> None:
            rest = iter(sums)
            for r in range(height):
                row = f.at("%z", "%z_row", r)
                for c in pieces:
                    place, total = f.at(row, c), next(rest)
                    if adds:
                        total = f.emit(f"fadd {vector} {memory.load(place)}, {total}")
                    memory.store(total, place)

        with f.when(f.emit("icmp ne i64 %add, 0")):
            write(adds=True)
            f.line("ret void")
            f.lines.append("unreached:")
        write(adds=False)

    def rows(self, columns: int) -> None:
        """Write the tiles of some columns: as many as there can be of each height, the highest first."""
        f = self.function(f"rows_{columns}(i64 %rows, {_OPERANDS}, i64 %w)")
        left, start = "%rows", "0"
        for height in self.heights:
            number = f.emit(f"udiv i64 {left}, {height}")
            with f.repeat(number) as i:
                row = f.emit(f"add i64 {start}, {f.emit(f'mul i64 {i}, {height}')}")
                x, z = f.at("%x", row, "%x_row"), f.at("%z", row, "%z_row")
                operands = _OPERANDS.replace("%x,", f"{x},").replace("%z,", f"{z},")
                f.line(f"call void @tile_{height}_{columns}({operands}, i64 %w)")
            left = f.emit(f"urem i64 {left}, {height}")
            start = f.emit(f"sub i64 %rows, {left}")

    # --- blocks

    def transpose(self) -> None:
        """Write the copy of columns, whose elements lie one after the other, into rows: squares in registers."""
        f = self.function("transpose(i64 %k, i64 %w, ptr %y, i64 %y_col, ptr %copy)")
        lanes, vector = self.lanes, f"<{self.lanes} x {self.kind}>"
        last = f.emit("sub i64 %w, 1")
        pieces = f.emit(f"udiv i64 {f.emit(f'add i64 {last}, {lanes}')}, {lanes}")
        squares = f.emit(f"udiv i64 {f.emit(f'add i64 %k, {lanes - 1}')}, {lanes}")
        with f.repeat(pieces) as piece, f.repeat(squares) as block:
            term, first = f.emit(f"mul i64 {block}, {lanes}"), f.emit(f"mul i64 {piece}, {lanes}")
            # What is beyond the last column is another copy of it, and never read.
            columns = [f.least(f.emit(f"add i64 {first}, {c}"), last) for c in range(lanes)]
            places = [f.at(f.at("%y", c, "%y_col"), term) for c in columns]
            left = f.least(f.emit(f"sub i64 %k, {term}"), lanes)
            memory = _Masked(self, f, lanes, left)
            square = [memory.load(place) for place in places]
            step = 1
            while step < lanes:
                for i in range(lanes):
                    if not i & step:
                        masks = [
                            ", ".join(
                                f"i32 {(k & ~step | upper * step) + lanes * bool(k & step)}"
                                for k in range(lanes)
                            )
                            for upper in (0, 1)
                        ]
                        pair = f"{vector} {square[i]}, {vector} {square[i + step]}"
                        square[i], square[i + step] = (
                            f.emit(f"shufflevector {pair}, <{lanes} x i32> <{mask}>") for mask in masks
                        )
                step *= 2
            for k, row in enumerate(square):
                place = f.at("%copy", f.emit(f"add i64 {term}, {k}"), 2 * lanes)
                f.line(f"store {vector} {row}, ptr {f.at(place, first)}, align {self.dtype.itemsize}")

    def columns(self) -> None:
        """Write the loop over columns, of which two registers' worth are looked at together."""
        f = self.function(f"columns(i64 %rows, i64 %cols, i64 %y_col, {_OPERANDS})")
        width = 2 * self.lanes
        f.slots.append(f"  %copy = alloca {self.kind}, i64 {_TERMS * width}, align 64")
        dense = f.emit("icmp eq i64 %y_col, 1")
        strided = f.emit("icmp ne i64 %y_col, 1")
        term = f.emit(f"select i1 {dense}, i64 %y_term, i64 {width}")
        blocks = f.emit(f"udiv i64 {f.emit(f'add i64 %cols, {width - 1}')}, {width}")
        with f.repeat(blocks) as block:
            first = f.emit(f"mul i64 {block}, {width}")
            w = f.least(f.emit(f"sub i64 %cols, {first}"), width)
            y, z = f.at("%y", first, "%y_col"), f.at("%z", first)
            with f.when(strided):
                f.line(f"call void @transpose(i64 %k, i64 {w}, ptr {y}, i64 %y_col, ptr %copy)")
            y = f.emit(f"select i1 {dense}, ptr {y}, ptr %copy")

            def call(lanes: int, start, number) -> None:
                at_y, at_z = f.at(y, start), f.at(z, start)
                operands = _OPERANDS.replace("%y,", f"{at_y},").replace("%z,", f"{at_z},")
                operands = operands.replace("%y_term", term)
                f.line(f"call void @rows_{lanes}(i64 %rows, {operands}, i64 {number})")

            with f.when(f.emit(f"icmp eq i64 {w}, {width}")):
                call(width, 0, width)
            # Of a whole block nothing is left over.
            left, start = f.emit(f"urem i64 {w}, {width}"), "0"
            for lanes in self.parts[:1] if self.masked else self.parts:
                with f.when(f.emit(f"icmp uge i64 {left}, {lanes}")):
                    call(lanes, start, lanes)
                left = f.emit(f"urem i64 {left}, {lanes}")
                start = f.emit(f"sub i64 {w}, {left}")
            if self.masked:
                whole, half = self.parts
                with f.when(f.emit(f"icmp ugt i64 {left}, {half}")):
                    call(whole, start, left)
                few = f.emit(f"icmp ule i64 {left}, {half}")
                with f.when(f.emit(f"and i1 {few}, {f.emit(f'icmp ne i64 {left}, 0')}")):
                    call(half, start, left)

    def blocks(self) -> None:
        """Write the loops over blocks of terms and of rows."""
        f = self.function(f"blocks(i64 %rows, i64 %cols, i64 %y_col, {_OPERANDS})")
        high = _TILES * self.heights[0]

        def parts(total: str, size: int) -> str:
            return f.emit(f"udiv i64 {f.emit(f'add i64 {total}, {size - 1}')}, {size}")

        with f.repeat(parts("%k", _TERMS)) as p, f.repeat(parts("%rows", high)) as r:
            term, row = f.emit(f"mul i64 {p}, {_TERMS}"), f.emit(f"mul i64 {r}, {high}")
            k = f.least(f.emit(f"sub i64 %k, {term}"), _TERMS)
            rows = f.least(f.emit(f"sub i64 %rows, {row}"), high)
            x = f.at(f.at("%x", row, "%x_row"), term, "%x_term")
            y, z = f.at("%y", term, "%y_term"), f.at("%z", row, "%z_row")
            add = f.emit(f"or i64 %add, {p}")
            f.line(
                f"call void @columns(i64 {rows}, i64 %cols, i64 %y_col, i64 {k}, ptr {x}, i64 %x_row, i64 %x_term, "
                f"ptr {y}, i64 %y_term, ptr {z}, i64 %z_row, i64 {add})"
            )

    def entry(self) -> None:
        """Write what BLAS is called by: the transposed product, zᵀ = yᵀ·xᵀ, of matrices in columns."""
        names = [
            "y_flag",
            "x_flag",
            "cols",
            "rows",
            "k",
            "alpha",
            "y",
            "y_step",
            "x",
            "x_step",
            "beta",
            "z",
            "z_step",
        ]
        formals = ", ".join(f"ptr %{name}" for name in names)
        blas = blas_symbol(self.symbol)
        self.declared |= {
            f"declare void @{blas}({', '.join(['ptr'] * len(names))})",
            f"@jl_threads = external global [{thread_pool.WORDS} x i64], align 64",
        }
        f = _Function(f"void @{self.symbol}({formals})", self.kind)
        self.functions.append(f)
        size = {}
        for name in ("cols", "rows", "k", "y_step", "x_step", "z_step"):
            narrow = f.emit(f"load i32, ptr %{name}")
            size[name] = f.emit(f"sext i32 {narrow} to i64")
        steps = {}
        for name in "xy":
            flag = f.emit(f"load i8, ptr %{name}_flag")
            plain = f.emit(f"icmp eq i8 {flag}, {ord('N')}")
            step = size[f"{name}_step"]
            steps[name] = (
                f.emit(f"select i1 {plain}, i64 1, i64 {step}"),
                f.emit(f"select i1 {plain}, i64 {step}, i64 1"),
            )
        (x_term, x_row), (y_col, y_term) = steps["x"], steps["y"]
        alpha, beta = (f.emit(f"load {self.kind}, ptr %{name}") for name in ("alpha", "beta"))
        zero, one = (f.emit(f"fcmp oeq {self.kind} {beta}, {number}") for number in ("0.0", "1.0"))
        of_result = f.emit(f"mul i64 {size['rows']}, {size['cols']}")
        work = f.emit(f"mul i64 {of_result}, {size['k']}")
        conditions = [
            f.emit(f"fcmp oeq {self.kind} {alpha}, 1.0"),
            f.emit(f"or i1 {zero}, {one}"),
            f.emit(f"icmp sgt i64 {size['k']}, 0"),
            f.emit(f"icmp ult i64 {work}, {_LARGE}"),
            f.emit(f"icmp uge i64 {size['cols']}, {2 * self.lanes}"),
        ]
        for step in (x_row, y_term, size["z_step"]):
            far = f.emit(f"urem i64 {step}, {_PAGE // self.dtype.itemsize}")
            conditions.append(f.emit(f"icmp ne i64 {far}, 0"))
        slot = "%alone"
        f.slots.append(f"  {slot} = alloca i1")
        f.line(f"store i1 true, ptr {slot}")
        with f.when(f.emit(f"icmp uge i64 {work}, {_SHARED}")):
            f.line(f"store i1 false, ptr {slot}")
            word = f.emit(f"getelementptr i64, ptr @jl_threads, i64 {thread_pool.GET_BLAS}")
            getter = f.emit(f"load ptr, ptr {word}")
            with f.when(f.emit(f"icmp ne ptr {getter}, null")):
                number = f.emit(f"call i32 {getter}()")
                f.line(f"store i1 {f.emit(f'icmp eq i32 {number}, 1')}, ptr {slot}")
        ours = f.emit(f"load i1, ptr {slot}")
        for condition in conditions:
            ours = f.emit(f"and i1 {ours}, {condition}")
        with f.when(ours):
            add = f.emit(f"zext i1 {one} to i64")
            f.line(
                f"call void @blocks(i64 {size['rows']}, i64 {size['cols']}, i64 {y_col}, i64 {size['k']}, ptr %x, "
                f"i64 {x_row}, i64 {x_term}, ptr %y, i64 {y_term}, ptr %z, i64 {size['z_step']}, i64 {add})"
            )
            f.line("ret void")
            f.lines.append("unreached:")
        f.line(f"call void @{blas}({formals})")


class _Plain:
    """Loads and stores of whole registers."""

    def __init__(self, f: _Function, vector: str, align: int):
        self.f, self.vector, self.align = f, vector, align

    def load(self, place: str) -> str:
        return self.f.emit(f"load {self.vector}, ptr {place}, align {self.align}")

    def store(self, value: str, place: str) -> None:
        self.f.line(f"store {self.vector} {value}, ptr {place}, align {self.align}")


class _Masked:
    """Loads and stores of the first elements of a register."""

    def __init__(self, library: _Library, f: _Function, lanes: int, number: str = "%w"):
        self.f, self.align = f, library.dtype.itemsize
        self.vector, bits = f"<{lanes} x {library.kind}>", f"<{lanes} x i1>"
        self.loads = library.intrinsic("masked.load", lanes, self.vector, f"ptr, i32, {bits}, {self.vector}")
        self.stores = library.intrinsic("masked.store", lanes, "void", f"{self.vector}, ptr, i32, {bits}")
        numbers = f"<{lanes} x i64>"
        one = f.emit(f"insertelement {numbers} poison, i64 {number}, i64 0")
        every = f.emit(f"shufflevector {numbers} {one}, {numbers} poison, <{lanes} x i32> zeroinitializer")
        places = ", ".join(f"i64 {k}" for k in range(lanes))
        self.mask = f"{bits} {f.emit(f'icmp ult {numbers} <{places}>, {every}')}"

    def load(self, place: str) -> str:
        operands = f"ptr {place}, i32 {self.align}, {self.mask}, {self.vector} zeroinitializer"
        return self.f.emit(f"call {self.vector} {self.loads}({operands})")

    def store(self, value: str, place: str) -> None:
        operands = f"{self.vector} {value}, ptr {place}, i32 {self.align}, {self.mask}"
        self.f.line(f"call void {self.stores}({operands})")
