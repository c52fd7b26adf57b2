"""Factors with orthonormal columns, by LAPACK's symbols, matrix by matrix.

    q:f64[50,20] r:f64[20,20] = qr A        dgeqrf(50, 20, t, 50, tau, …), R copied out of t, dorgqr(50, 20, 20, t, …)

LAPACK is handed what NumPy hands it, a copy by columns, so that signs of vectors are NumPy's. Vectors come back by
columns too, and stay so where nothing asks for a place of its own. Workspaces follow LAPACK's formulas, for blocks of
`BLOCK` columns, and lie in the arena.
"""

from __future__ import annotations

import math

import numpy as np

from jaxlite.codegen.external import letter_of
from jaxlite.codegen.loops import INT, Address, Affine, Const
from jaxlite.codegen.rules_linalg import (
    INT32,
    batches,
    kernel,
    lapack_info,
    matrix_at,
    moved,
    selected,
    transposed,
    zeros,
)
from jaxlite.codegen.schedule import Scheduler, rule
from jaxlite.codegen.values import Lazy, Value, View, storage

# What LAPACK's ilaenv names for all these routines: with less, it takes one column at a time.
BLOCK = 32


def workspace(s: Scheduler, dtype: np.dtype, size: int) -> tuple[Address, Const]:
    """Make room for a routine; returns it, and its size."""
    # No INT: these are the sizes of the problem, from which its work is estimated.
    return Address(s.program.new_buffer(dtype, size)), Const(size, INT32)


def first_rows(view: View, count: int) -> View:
    """View the first rows of each matrix of a stack."""
    return View(view.dtype, (*view.shape[:-2], count, view.shape[-1]), view.buffer, view.offset, view.strides)


def identity(dtype: np.dtype, shape: tuple[int, ...]) -> Lazy:
    """Return a stack of matrices with ones on the diagonal, as a recipe."""
    scalar, _ = storage(dtype)
    one = (Const(1, scalar), *zeros(dtype)[1:])

    def compute(b, index):
        return selected(b, b.let("eq", *map(b.index, index[-2:])), one, zeros(dtype))

    return Lazy(dtype, shape, compute, 1)


def is_used(s: Scheduler, eqn, k: int) -> bool:
    """Whether anything reads result ``k`` of an equation."""
    return bool(s.uses.get(eqn.outvars[k]))


def settled(s: Scheduler, eqn, k: int, value: View) -> View:
    """Copy a result to its place, if it has one."""
    target = s.targets.get(eqn.outvars[k])
    return value if target is None else moved(s, value, target)


# --- qr ---------------------------------------------------------------------------------------------


@rule("qr")
def _qr(s: Scheduler, eqn, operands):
    (a,) = operands
    if letter_of(a.dtype) is None:
        return None
    q_shape, r_shape = (v.aval.shape for v in eqn.outvars)
    if not math.prod(a.shape):
        return [identity(a.dtype, q_shape), s.new_view(a.dtype, r_shape)]
    r = s.target_for(eqn, 1)
    q = _lapack_qr(s, a, q_shape[-1], r, is_used(s, eqn, 0))
    return [settled(s, eqn, 0, q), r]


def _lapack_qr(s: Scheduler, a: Value, columns: int, r: View, wants_q: bool) -> View:
    """Write R; returns Q, which is left by columns."""
    *lead, m, n = a.shape
    letter, b = letter_of(a.dtype), s.b
    factors = s.new_view(a.dtype, (*lead, max(n, columns), m))
    by_rows = transposed(first_rows(factors, n))
    moved(s, a, by_rows)
    tau = Address(s.program.new_buffer(a.dtype, min(m, n)))
    work, room = workspace(s, a.dtype, BLOCK * max(n, columns))
    info = lapack_info(s)

    def factor(index):
        place, rows = matrix_at(factors, index), Const(m, INT)
        b.call(f"{letter}geqrf", rows, Const(n, INT), place, rows, tau, work, room, info)
        with b.loop(r.shape[-2], kind="parallel") as i, b.loop(n, kind="parallel") as j:
            here = (*index, Affine.of(i), Affine.of(j))
            r.store(b, here, selected(b, b.let("le", i, j), by_rows.load(b, here), zeros(a.dtype)))
        if wants_q:
            routine = f"{letter}{'un' if a.dtype.kind == 'c' else 'or'}gqr"
            sizes = rows, Const(columns, INT), Const(min(m, n), INT)
            b.call(routine, *sizes, place, rows, tau, work, room, info)

    with kernel(s, math.prod(a.shape), "qr"):
        batches(s, tuple(lead), factor)
    return transposed(first_rows(factors, columns))
