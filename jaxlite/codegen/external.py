"""What lies outside of a program that it calls by name: BLAS, LAPACK and functions, by pointers that SciPy exports,
and NumPy's Fourier transforms.

    Call(None, "dgemm", (b"N", b"N", n, m, k, 1.0, B, n, A, k, 0.0, C, n))
    Let(v, "hyp1f1", (a, b, x))
    Call(None, "zfft", (lines, n, n, 1, n, 1, x, y))

The runtime gives every name its address before a program is loaded; machine code holds names only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxlite.codegen.boundary import OUT_OF_MEMORY
from jaxlite.codegen.operations import llvm_const, llvm_type
from jaxlite.codegen.tiles import CONTRACTIONS, Contract
from jaxlite.codegen.transforms import data_symbol

# BLAS's letters of the dtypes that it knows.
LETTERS = {"f4": "s", "f8": "d", "c8": "c", "c16": "z"}


def letter_of(dtype: np.dtype) -> str | None:
    """Return BLAS's letter of a dtype, None where it has none."""
    return LETTERS.get(dtype.str[1:])


class Fortran(NamedTuple):
    """A subroutine that takes every argument by address, integers as int32, characters as int8.

    ``module`` is the SciPy module that exports its pointer; ``work`` gives its floating-point operations from the
    sizes, which lead its integers, and from ``threads_from`` operations on it uses threads of its own. ``results`` says
    which of the addresses that it is given it may write to.
    """

    name: str
    module: str
    work: Callable[..., float]
    threads_from: float
    results: slice

    @property
    def symbol(self) -> str:
        return f"jl_{self.name}"

    def emit(self, function, texts: list[str], out) -> str:
        """Write the call; ``texts`` are typed operands."""
        pointers = []
        for text in texts:
            kind, value = text.split(" ", 1)
            if kind == "ptr":
                pointers.append(text)
                continue
            if kind == "i64":
                value = (
                    str(int(value))
                    if value.lstrip("-").isdigit()
                    else function.emit(f"trunc i64 {value} to i32")
                )
                kind = "i32"
            slot = function.alloca(kind)
            function.line(f"store {kind} {value}, ptr {slot}")
            pointers.append(f"ptr {slot}")
        function.declare(self.symbol, f"declare void @{self.symbol}({', '.join(['ptr'] * len(pointers))})")
        function.line(f"call void @{self.symbol}({', '.join(pointers)})")
        return ""


class Transform(NamedTuple):
    """Fourier transforms of lines: an inner loop of NumPy's, or one of two for even and odd numbers of points.

    Where its working memory runs out, the loop says so by an exception of its thread, which the caller's finds; that of
    a worker is lost, so a worker marks the last element and looks whether anything was written there.

    Its arguments are constants: lines, points (of the real side, where there is one), and how many elements lie from
    line to line and from point to point, first of x and then of y; then x and y.
    """

    name: str
    dtype: np.dtype

    # Of each call, whatever it computes: none of them has threads of its own.
    threads_from = math.inf
    results = slice(-1, None)

    @property
    def kind(self) -> str:
        """The transform, whatever the precision: its name without the letter."""
        return self.name[1:]

    def work(self, lines: int, points: int, *_: int) -> float:
        # The usual count for powers of 2, which others exceed.
        return (5.0 if self.kind in ("fft", "ifft") else 2.5) * lines * points * math.log2(points + 1)

    def emit(self, function, texts: list[str], out) -> str:
        """Write the call; ``texts`` are typed operands."""
        *numbers, x, y = texts
        lines, points, *steps = (int(text.removeprefix("i64 ")) for text in numbers)
        symbol, half, bytes_of = f"jl_{self.name}", points // 2 + 1, 2 * self.dtype.itemsize
        sizes, bytes_x, bytes_y = (lines, points, points), bytes_of, bytes_of
        if self.kind == "rfft":
            symbol += "_odd" if points % 2 else "_even"
            sizes, bytes_x = (lines, points, half), self.dtype.itemsize
        elif self.kind == "irfft":
            sizes, bytes_y = (lines, half, points), self.dtype.itemsize
        between_x, step_x, between_y, step_y = steps
        strides = between_x * bytes_x, 0, between_y * bytes_y, step_x * bytes_x, step_y * bytes_y
        # Rounded as NumPy does.
        factor = self.dtype.type(1) / self.dtype.type(points) if self.kind.startswith("i") else 1
        kind = llvm_type(self.dtype)
        place = function.alloca(kind)
        function.line(f"store {kind} {llvm_const(factor, self.dtype)}, ptr {place}")
        table = _table(function, [x, f"ptr {place}", y])
        words = [_table(function, [f"i64 {n}" for n in ns]) for ns in (sizes, strides)]
        data = "null"
        if self.kind in ("fft", "ifft"):
            data = f"@{data_symbol(symbol)}"
            function.declare(data_symbol(symbol), f"{data} = external global i8")
        function.declare(symbol, f"declare void @{symbol}(ptr, ptr, ptr, ptr)")
        call = f"call void @{symbol}(ptr {table}, ptr {words[0]}, ptr {words[1]}, ptr {data})"
        if not function.in_part:
            function.line(call)
            return ""
        word = f"i{8 * self.dtype.itemsize}"
        last = (lines - 1) * strides[2] + (sizes[2] - 1) * strides[4]
        place = function.emit(f"getelementptr i8, {y}, i64 {last}")
        function.line(f"store {word} {_MARKS[word]}, ptr {place}")
        function.line(call)
        found = function.emit(f"load {word}, ptr {place}")
        written = function.emit(f"icmp ne {word} {found}, {_MARKS[word]}")
        function.leave_unless(written, OUT_OF_MEMORY, [f"store i64 {bytes_of * points}, ptr %error"])
        return ""


# The bits of a nan that no arithmetic makes.
_MARKS = {"i32": 0x7FCA5A5A, "i64": 0x7FFCA5A5A5A5A5A5}


def _table(function, operands: list[str]) -> str:
    """Write operands of one type side by side on the stack; returns where."""
    kind = operands[0].split(" ", 1)[0]
    table = function.alloca(f"[{len(operands)} x {kind}]")
    for k, operand in enumerate(operands):
        function.line(f"store {operand}, ptr {function.emit(f'getelementptr {kind}, ptr {table}, i64 {k}')}")
    return table


# Operations of real routines by their leading sizes (LAPACK Working Note 41); trsm solves from the left or the right.
# OpenBLAS uses threads from about so many on (interface/*.c): for matrix products from 64^3 elements, for those of a
# vector from 96^2, for the factors of LAPACK from some 64 rows, for those with orthonormal columns from some 96.
_BLAS = {
    "gemm": (lambda m, n, k, *_: 2.0 * m * n * k, 2.0 * 64**3),
    "gemv": (lambda m, n, *_: 2.0 * m * n, 2.0 * 96**2),
    "trsm": (lambda m, n, *_: 1.0 * m * n * min(m, n), 1.0 * 64**3),
    "trsv": (lambda n, *_: 1.0 * n * n, 1.0 * 96**2),
}
_LAPACK = {
    "potrf": (lambda n, *_: n**3 / 3.0, 64**3 / 3.0),
    "getrf": (lambda m, n, *_: m * n * min(m, n) - min(m, n) ** 3 / 3.0, 2.0 / 3.0 * 64**3),
    # Between the operations with and without vectors, as for syevd.
    "gesdd": (lambda m, n, *_: 4.0 * m * n * min(m, n) + 8.0 * min(m, n) ** 3, 12.0 * 96**3),
    "geqp3": (lambda m, n, *_: 4.0 * m * n * min(m, n) - 2.0 * (m + n) * min(m, n) ** 2, 4.0 / 3.0 * 96**3),
    # LAPACK Users' Guide, table 3.13, with vectors and without.
    "gees": (lambda n, *_: 25.0 * n**3, 25.0 * 96**3),
    "geev": (lambda n, *_: 25.0 * n**3, 25.0 * 96**3),
    "gehrd": (lambda n, *_: 10.0 / 3.0 * n**3, 10.0 / 3.0 * 96**3),
    "trsyl": (lambda m, n, *_: 1.0 * m * n * (m + n), 2.0 * 96**3),
    "geqrf": (lambda m, n, *_: 2.0 * m * n * min(m, n) - 2.0 / 3.0 * min(m, n) ** 3, 4.0 / 3.0 * 96**3),
}
# Of the same routine, which has a name of its own for complex matrices.
_GQR = (lambda m, n, k, *_: 4.0 * m * n * k - 2.0 * (m + n) * k**2 + 4.0 / 3.0 * k**3, 4.0 / 3.0 * 96**3)
_EVD = (lambda n, *_: 4.0 * n**3, 4.0 * 96**3)
_GHR = (lambda n, *_: 4.0 / 3.0 * n**3, 4.0 / 3.0 * 96**3)
_MQR = (lambda m, n, k, *_: 4.0 * m * n * k, 4.0 * 96**3)
_TRD = (lambda n, *_: 4.0 / 3.0 * n**3, 4.0 / 3.0 * 96**3)
_REAL = {"orgqr": _GQR, "syevd": _EVD, "orghr": _GHR, "ormqr": _MQR, "sytrd": _TRD}
_COMPLEX = {"ungqr": _GQR, "heevd": _EVD, "unghr": _GHR, "unmqr": _MQR, "hetrd": _TRD}
_LAST, _ALL = slice(-1, None), slice(None)

_COMPLEX_LINES, _REAL_LINES = {"f4": "c", "f8": "z"}, {"f4": "s", "f8": "d"}
TRANSFORMS = {
    letter + kind: Transform(letter + kind, np.dtype(dtype))
    for letters, kinds in ((_COMPLEX_LINES, ("fft", "ifft")), (_REAL_LINES, ("rfft", "irfft")))
    for dtype, letter in letters.items()
    for kind in kinds
}

ROUTINES: dict[str, Fortran | Contract | Transform] = (
    {
        letter + name: Fortran(letter + name, module, work, threads_from, results)
        for routines, letters, module, results in (
            (_BLAS, "sdcz", "scipy.linalg.cython_blas", _LAST),
            (_LAPACK, "sdcz", "scipy.linalg.cython_lapack", _ALL),
            (_REAL, "sd", "scipy.linalg.cython_lapack", _ALL),
            (_COMPLEX, "cz", "scipy.linalg.cython_lapack", _ALL),
        )
        for name, (work, threads_from) in routines.items()
        for letter in letters
    }
    | CONTRACTIONS
    | TRANSFORMS
)

# Functions of real numbers that `operations` knows, the module that exports each, and its name there: of those with
# one name for several types, the one of float64.
FUNCTIONS = {
    "hyp1f1": ("scipy.special.cython_special", "__pyx_fuse_1hyp1f1"),
    "hyp2f1": ("scipy.special.cython_special", "__pyx_fuse_1hyp2f1"),
}
