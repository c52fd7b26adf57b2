"""What a compiled program and its caller agree on: words that it returns, types in memory, where objects have what.

A process that finds its programs on disk loads this and none of the rest of the code generator.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from jaxlite.errors import JAXIndexError
from jaxlite.ir import Eqn, Jaxpr, ShapedArray, Tape, subjaxprs
from jaxlite.ops.index_numpy import Windows, out_of_range
from jaxlite.ops.indexing import inverse_of, windows_of

# --- words ------------------------------------------------------------------------------------------

# What a program returns instead of 0, besides the number of a failed check plus one.
PYTHON_ERROR, OUT_OF_BOUNDS, OUT_OF_MEMORY = -1, -2, -3
# Words of the record that a failed check fills; the last two are the program's own.
ERROR_WORDS = 9


class NotScheduled(Exception):
    """Something in the program has no form in loops; the message says what."""


# --- values -----------------------------------------------------------------------------------------

# Offsets behind the header of a Python object, checked at run time by `runtime.call`.
HEADER = object.__basicsize__
DATA, NDIM, DIMENSIONS, DESCR, FLAGS = HEADER, HEADER + 8, HEADER + 16, HEADER + 40, HEADER + 48
C_CONTIGUOUS_AND_ALIGNED = 0x101


def stored_aval(aval) -> ShapedArray:
    """Return the type that a value has in memory: a tape is a handle, an integer."""
    return ShapedArray(aval.stack, np.dtype(np.int64)) if isinstance(aval, Tape) else aval


def descr_symbol(dtype: np.dtype) -> str:
    return f"jl_descr_{dtype.name}"


def scalar_symbol(dtype: np.dtype) -> str:
    return f"jl_scalar_{dtype.name}"


# --- functions of the mathematics -------------------------------------------------------------------

# jl_exp_f64, for one number, and jl_exp_f64_v8, for a register of eight. (Compiled where it is used: 0.2 ms.)
# What reduces numbers far from 0 by multiples of π/2 is a function beside them.
FAR = "jl_far"
_MATHEMATICS = r"jl_([a-z][a-z0-9]*)_(f32|f64)(?:_v([0-9]+))?$"


def symbol_of(name: str, dtype: np.dtype) -> str:
    """Return the symbol of a function for one number."""
    return f"jl_{name}_f{8 * dtype.itemsize}"


def function_of(symbol: str) -> tuple[str, np.dtype, int] | None:
    """Return name, dtype and width of the function of the mathematics that a symbol names, None for others."""
    found = re.match(_MATHEMATICS, symbol)
    if found is None:
        return None
    name, kind, lanes = found.groups()
    return name, np.dtype(np.float32 if kind == "f32" else np.float64), int(lanes or 1)


def variant(symbol: str, lanes: int) -> str:
    """Return the symbol of a function for so many numbers."""
    return symbol if lanes == 1 else f"{symbol}_v{lanes}"


def lanes_of(dtype: np.dtype, registers: tuple[int, ...]) -> tuple[int, ...]:
    """Return how many numbers fit into registers of so many bytes; of floats also half as many, as beside integers."""
    return tuple(sorted({n for r in registers for n in (r // 8, r // dtype.itemsize)}))


# --- products of matrices ---------------------------------------------------------------------------

# Routines of BLAS for which a library of our own stands, which hands on to BLAS what that computes faster.
PRODUCTS = ("jl_sgemm", "jl_dgemm")


def blas_symbol(symbol: str) -> str:
    """Return the symbol of BLAS's own routine."""
    return symbol.replace("jl_", "jl_blas_")


# --- equations --------------------------------------------------------------------------------------


def number_equations(jaxpr: Jaxpr) -> dict[Eqn, int]:
    """Number all equations, those of inner programs after the one that holds them.

    The numbers depend on the structure alone, so that a program from the cache finds its equations again.
    """
    numbers: dict[Eqn, int] = {}

    def visit(jaxpr: Jaxpr):
        for eqn in jaxpr.eqns:
            if eqn not in numbers:
                numbers[eqn] = len(numbers)
                for inner in subjaxprs(eqn.params):
                    visit(inner)

    visit(jaxpr)
    return numbers


def explain(eqn: Eqn, details: Sequence[int]) -> Exception:
    """Return the error for an index out of range, as the interpreter words it.

    Parameters
    ----------
    eqn : Eqn
    details : sequence of int
        The index, and which entry of its index vector it is.
    """
    name, avals = eqn.primitive.name, [a.aval for a in eqn.invars]
    where = {"where": eqn.source.describe()} if eqn.source else {}
    if name == "gather":
        return out_of_range(name, details[0], details[1], gather_windows(eqn), **where)
    if name.startswith("scatter"):
        return out_of_range(name, details[0], details[1], scatter_windows(eqn), **where)
    axis = eqn.params["dimension"]
    size = eqn.params.get("size", avals[0].shape[axis])
    return JAXIndexError(
        f"index {details[0]} is out of bounds for axis {axis} with size {size}",
        why=f"{name} takes indices in range.",
        **where,
    )


def gather_windows(eqn: Eqn) -> Windows:
    operand, indices = (a.aval.strip_weak_type() for a in eqn.invars)
    return windows_of(
        "gather", operand, indices, None, eqn.params["dimension_numbers"], eqn.params["slice_sizes"]
    )


def scatter_windows(eqn: Eqn) -> Windows:
    operand, indices, updates = (a.aval.strip_weak_type() for a in eqn.invars)
    _, sizes = inverse_of(eqn.params["dimension_numbers"], operand.shape, updates.shape)
    return windows_of(eqn.primitive.name, operand, indices, updates, eqn.params["dimension_numbers"], sizes)
