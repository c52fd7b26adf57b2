"""Functions such as exp and sin as arithmetic, for one number and for a register of them.

    text("jl_exp_f64", (1, 8))      LLVM text of jl_exp_f64(double) and jl_exp_f64_v8(<8 x double>)

Each function and dtype is a library of its own, compiled once and kept like any other program; programs call it by
name, with an attribute that tells LLVM's vectoriser which function takes a whole register. What was measured, on one
core with AVX-512, for a loop of n calls of exp over 10^6 elements:

====================  ==================  ==================  =====================
                      inlined             called              libm
====================  ==================  ==================  =====================
n = 1                 1.1-1.6 ns          1.0 ns              9 ns
compile, n = 1        22 ms               13 ms               13 ms
compile, n = 10       130 ms              13 ms
compile, n = 100      1560 ms             26 ms
====================  ==================  ==================  =====================

Inlining (or functions inside each program, whose vector form is as long) costs time in every program and gains none:
a call handles eight elements at once. A library takes 5 to 15 ms, once on a machine. As functions are not inlined,
they may also look whether any element is special, and leave the usual way only then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxlite.codegen.vector_math import errors, exponentials, gamma, logarithms, powers, trigonometric
from jaxlite.codegen.vector_math.writer import PURE, Writer


class Function(NamedTuple):
    """A function: ``write(writer)`` returns its value, or a tuple of ``results`` values."""

    write: Callable
    arity: int = 1
    results: int = 1


FUNCTIONS: dict[str, Function] = {
    "exp": Function(exponentials.exp),
    "exp2": Function(exponentials.exp2),
    "expm1": Function(exponentials.expm1),
    "sinh": Function(exponentials.sinh),
    "cosh": Function(exponentials.cosh),
    "tanh": Function(exponentials.tanh),
    "log": Function(logarithms.log),
    "log1p": Function(logarithms.log1p),
    "asinh": Function(logarithms.asinh),
    "acosh": Function(logarithms.acosh),
    "atanh": Function(logarithms.atanh),
    "pow": Function(powers.pow_, 2),
    "cbrt": Function(powers.cbrt),
    "hypot": Function(powers.hypot, 2),
    "sin": Function(trigonometric.sin),
    "cos": Function(trigonometric.cos),
    "sincos": Function(trigonometric.sincos, results=2),
    "tan": Function(trigonometric.tan),
    "asin": Function(trigonometric.asin),
    "acos": Function(trigonometric.acos),
    "atan": Function(trigonometric.atan),
    "atan2": Function(trigonometric.atan2, 2),
    "erf": Function(errors.erf),
    "erfc": Function(errors.erfc),
    "erfinv": Function(errors.erfinv),
    "lgamma": Function(gamma.lgamma),
    "psi": Function(gamma.digamma),
}

# One after the other, as in a sequential loop, these take less time than the C library's, or it has none: for the
# others the library's tables are 10 to 50 % faster than long polynomials (exp 10 ns instead of 14, log 14 instead of
# 18), and nothing needs to be compiled.
BETTER_ALONE = frozenset(("expm1", "sinh", "cosh", "tanh", "sincos", "erfinv", "psi"))


def symbol_of(name: str, dtype: np.dtype) -> str:
    """Return the symbol of a function for one number."""
    return f"jl_{name}_f{8 * dtype.itemsize}"


def library_of(symbol: str) -> str | None:
    """Return the library that defines a symbol, which is the symbol for one number."""
    parts = symbol.removeprefix("jl_").split("_")
    if len(parts) < 2 or parts[0] not in FUNCTIONS or parts[1] not in ("f32", "f64"):
        return None
    return f"jl_{parts[0]}_{parts[1]}"


def variant(symbol: str, lanes: int) -> str:
    """Return the symbol of a function for so many numbers."""
    return symbol if lanes == 1 else f"{symbol}_v{lanes}"


def lanes_of(dtype: np.dtype, registers: tuple[int, ...]) -> tuple[int, ...]:
    """Return how many numbers fit into registers of so many bytes."""
    return tuple(r // dtype.itemsize for r in registers)


def declarations(name: str, dtype: np.dtype, registers: tuple[int, ...]) -> dict[str, str]:
    """Return by symbol how programs declare a function, that for one number first."""
    function, symbol = FUNCTIONS[name], symbol_of(name, dtype)
    element = "float" if dtype.itemsize == 4 else "double"

    def line(lanes: int) -> str:
        kind = element if lanes == 1 else f"<{lanes} x {element}>"
        result = kind if function.results == 1 else f"{{ {', '.join([kind] * function.results)} }}"
        formals = ", ".join([kind] * function.arity)
        return f"declare {result} @{variant(symbol, lanes)}({formals}) {PURE}"

    lanes = lanes_of(dtype, registers)
    letters = "v" * function.arity
    mangled = ",".join(f"_ZGV_LLVM_N{n}{letters}_{symbol}({variant(symbol, n)})" for n in lanes)
    lines = {variant(symbol, n): line(n) for n in (1, *lanes)}
    if lanes:
        lines[symbol] += f' "vector-function-abi-variant"="{mangled}"'
    return lines


def text(symbol: str, registers: tuple[int, ...]) -> str:
    """Return the LLVM text of a library.

    Parameters
    ----------
    symbol : str
        For one number, such as ``jl_exp_f64``.
    registers : tuple of int
        Bytes of the registers that it has variants for.
    """
    name, kind = symbol.removeprefix("jl_").split("_")
    function, dtype = FUNCTIONS[name], np.dtype(f"f{int(kind[1:]) // 8}")
    declared: dict[str, str] = {}
    written = []
    for lanes in (1, *lanes_of(dtype, registers)):
        w = Writer(variant(symbol, lanes), function.arity, lanes, dtype.itemsize == 4, function.results)
        values = function.write(w)
        written.append(w.returns(*(values if isinstance(values, tuple) else (values,))))
        declared |= w.declarations
    return "\n".join([*declared.values(), *written, ""])
