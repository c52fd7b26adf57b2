"""Routines outside of a program that it calls by name: BLAS and LAPACK, through the pointers that SciPy exports.

    Call(None, "dgemm", (b"N", b"N", n, m, k, 1.0, B, n, A, k, 0.0, C, n))

The runtime gives every name its address before a program is loaded; machine code holds names only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fortran:
    """A subroutine that takes every argument by address, integers as int32, characters as int8.

    ``module`` is the SciPy module that exports its pointer.
    """

    name: str
    module: str

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


_BLAS = ("gemm", "gemv", "trsm", "trsv")
_LAPACK = ("potrf", "getrf")

ROUTINES: dict[str, Fortran] = {
    letter + name: Fortran(letter + name, module)
    for names, module in ((_BLAS, "scipy.linalg.cython_blas"), (_LAPACK, "scipy.linalg.cython_lapack"))
    for name in names
    for letter in "sdcz"
}
