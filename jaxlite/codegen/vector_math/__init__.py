"""Functions such as exp and sin as arithmetic, for one number and for a register of them.

    text("jl_exp_f64")       LLVM text of jl_exp_f64(double)
    text("jl_exp_f64_v8")    LLVM text of jl_exp_f64_v8(<8 x double>)

Each function, dtype and width is a library of its own, compiled once and kept like any other program; programs call it
by name, with an attribute that tells LLVM's vectoriser which function takes a whole register. What was measured, on one
core with AVX-512, for a loop of n calls of exp over 10^6 elements:

====================  ==================  ==================  =====================
                      inlined             called              libm
====================  ==================  ==================  =====================
n = 1                 1.1-1.6 ns          1.0 ns              9 ns
compile, n = 1        22 ms               13 ms               13 ms
compile, n = 10       130 ms              13 ms
compile, n = 100      1560 ms             26 ms
====================  ==================  ==================  =====================

Inlining (or functions inside each program, whose vector form is as long) costs time in every program and gains none: a
call handles eight elements at once. A library takes 2 to 11 ms to compile, once on a machine, and 0.1 ms to load. As
functions are not inlined, they may also look whether any element is special, and leave the usual way only then.
`benchmarks/vector_math.py` compares with NumPy and JAX; `tests/test_vector_math.py` holds the bounds of all errors: 2
units in the last place, 3 for trigamma, 4 for pow, erfc and lgamma.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxlite.codegen.boundary import FAR, function_of, lanes_of, symbol_of, variant
from jaxlite.codegen.vector_math import errors, exponentials, gamma, logarithms, powers, trigonometric
from jaxlite.codegen.vector_math.writer import PURE, Writer


class Function(NamedTuple):
    """A function: ``write(writer)`` returns its value, or a tuple of ``results`` values.

    Of floats, most are computed in doubles, with shorter polynomials and without a care for rounding; ``in_floats``
    marks those that are quicker in floats.
    """

    write: Callable
    arity: int = 1
    results: int = 1
    in_floats: bool = False


FUNCTIONS: dict[str, Function] = {
    "exp": Function(exponentials.exp, in_floats=True),
    "exp2": Function(exponentials.exp2, in_floats=True),
    "expm1": Function(exponentials.expm1, in_floats=True),
    "sinh": Function(exponentials.sinh, in_floats=True),
    "cosh": Function(exponentials.cosh, in_floats=True),
    "tanh": Function(exponentials.tanh, in_floats=True),
    "log": Function(logarithms.log, in_floats=True),
    "log1p": Function(logarithms.log1p, in_floats=True),
    "asinh": Function(logarithms.asinh),
    "acosh": Function(logarithms.acosh),
    "atanh": Function(logarithms.atanh),
    "pow": Function(powers.pow_, 2),
    "cbrt": Function(powers.cbrt),
    "hypot": Function(powers.hypot, 2),
    "rem": Function(powers.rem, 2, in_floats=True),
    "sin": Function(trigonometric.sin),
    "cos": Function(trigonometric.cos),
    "sincos": Function(trigonometric.sincos, results=2),
    "tan": Function(trigonometric.tan),
    "asin": Function(trigonometric.asin),
    "acos": Function(trigonometric.acos),
    "atan": Function(trigonometric.atan),
    "atan2": Function(trigonometric.atan2, 2),
    "erf": Function(errors.erf, in_floats=True),
    "erfc": Function(errors.erfc),
    "erfinv": Function(errors.erfinv),
    "lgamma": Function(gamma.lgamma),
    "psi": Function(gamma.digamma),
    "trigamma": Function(gamma.trigamma),
}

# One after the other, as in a sequential loop, these take less time than the C library's, or it has none: for the
# others the library's tables are 10 to 50 % faster than long polynomials (exp 10 ns instead of 14, log 14 instead of
# 18), and nothing needs to be compiled.
BETTER_ALONE = frozenset(("expm1", "sinh", "cosh", "tanh", "sincos", "erfinv", "psi", "trigamma"))


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


def text(symbol: str) -> str:
    """Return the LLVM text of a library: of a function, for one number or for a register.

    Parameters
    ----------
    symbol : str
        Such as ``jl_exp_f64`` or ``jl_exp_f64_v8``, or `FAR`, which some of the others call.
    """
    if symbol == FAR:
        return trigonometric.FAR_TEXT
    name, dtype, lanes = function_of(symbol)
    function = FUNCTIONS[name]
    w = Writer(
        symbol,
        function.arity,
        lanes,
        single=dtype.itemsize == 4,
        widened=not function.in_floats,
        results=function.results,
    )
    values = function.write(w)
    written = w.returns(*(values if isinstance(values, tuple) else (values,)))
    return "\n".join([*w.declarations.values(), written, ""])
