"""Factors with orthonormal columns, eigenvalues and singular values, by LAPACK's symbols, matrix by matrix.

    q:f64[50,20] r:f64[20,20] = qr A        dgeqrf(50, 20, t, 50, tau, …), R copied out of t, dorgqr(50, 20, 20, t, …)
    v:f64[50,50] w:f64[50] = eigh A         dsyevd("V", "L", 50, v, 50, w, …), where v was a copy of A
    s:f64[20] = svd A                       dgesdd("N", 50, 20, t, 50, s, …), where t is a copy of A

LAPACK is handed what NumPy hands it, a copy by columns, so that signs of vectors are NumPy's, but for those that
rounding decides: SciPy's LAPACK, which JAX calls as well, is another build, and singular vectors of float32 differ now
and then. Vectors come back by columns too, and stay so where nothing asks for a place of its own. Workspaces follow
LAPACK's formulas, for blocks of `BLOCK` columns, and lie in the arena.
"""

from __future__ import annotations

import contextlib
import math

import numpy as np

from jaxlite.codegen.external import letter_of
from jaxlite.codegen.loops import INT, Address, Affine, Const
from jaxlite.codegen.rules_linalg import (
    INT32,
    batches,
    flag,
    hermitian_part,
    kernel,
    lapack_info,
    matrix_at,
    moved,
    selected,
    transposed,
    vector_at,
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


def in_its_place(s: Scheduler, eqn, k: int, value: Value) -> Value:
    """Copy a result to its place, if it has one."""
    target = s.targets.get(eqn.outvars[k])
    return value if target is None else moved(s, value, target)


def by_vectors(s: Scheduler, eqn, k: int) -> View:
    """Return the place of a result, if its vectors are dense there, or a new one."""
    target = s.target_for(eqn, k)
    return target if target.strides[-1] == 1 else s.new_view(target.dtype, target.shape)


def nan_where_failed(s: Scheduler, info: Address, index, results: list[View], otherwise=lambda: None) -> None:
    """Write nan over the results at an index, where LAPACK says that it did not converge."""
    b = s.b

    def fill():
        for view in results:
            nan = (Const(math.nan, storage(view.dtype)[0]), *zeros(view.dtype)[1:])
            with contextlib.ExitStack() as loops:
                sizes = view.shape[len(index) :]
                inner = [Affine.of(loops.enter_context(b.loop(n, kind="parallel"))) for n in sizes]
                view.store(b, (*index, *inner), nan)
        return ()

    def go_on():
        otherwise()
        return ()

    b.if_(b.let("ne", b.load(info.buffer, 0), Const(0, INT32)), fill, go_on)


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
    return [in_its_place(s, eqn, 0, q), r]


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


# --- eigh -------------------------------------------------------------------------------------------


@rule("eigh")
def _eigh(s: Scheduler, eqn, operands):
    (a,) = operands
    if letter_of(a.dtype) is None:
        return None
    with_v, symmetrize = eqn.params["compute_v"], eqn.params["symmetrize_input"]
    if symmetrize:
        a = hermitian_part(s.memory(a, row_major=False))
    w = by_vectors(s, eqn, len(eqn.outvars) - 1)
    if not math.prod(a.shape):
        return [s.new_view(a.dtype, a.shape), w][-len(eqn.outvars) :]
    v = _lapack_eigh(s, a, w, eqn.params["lower"], symmetrize, with_v and is_used(s, eqn, 0))
    w = in_its_place(s, eqn, len(eqn.outvars) - 1, w)
    return [in_its_place(s, eqn, 0, v), w] if with_v else [w]


def _lapack_eigh(s: Scheduler, a: Value, w: View, lower: bool, symmetric: bool, wants_v: bool) -> View:
    """Write the eigenvalues; returns the vectors, which are left by columns."""
    n, b, is_complex = a.shape[-1], s.b, a.dtype.kind == "c"
    matrix = s.new_view(a.dtype, a.shape)
    # The columns of a symmetric matrix are its rows.
    moved(s, a, matrix if symmetric and not is_complex else transposed(matrix))
    integers = workspace(s, INT32, 3 + 5 * n if wants_v else 1)
    blocked = (1 if is_complex else 2) * n + BLOCK * n
    if is_complex:
        sizes = (2 * n + n * n, 1 + 5 * n + 2 * n * n) if wants_v else (blocked, n)
        rooms = *workspace(s, a.dtype, max(sizes[0], blocked)), *workspace(s, w.dtype, sizes[1])
    else:
        rooms = workspace(s, a.dtype, max(1 + 6 * n + 2 * n * n, blocked) if wants_v else blocked)
    job, triangle, info = flag("V" if wants_v else "N"), flag("L" if lower else "U"), lapack_info(s)
    routine = f"{letter_of(a.dtype)}{'he' if is_complex else 'sy'}evd"

    def factor(index):
        size, place = Const(n, INT), matrix_at(matrix, index)
        b.call(routine, job, triangle, size, place, size, vector_at(w, index), *rooms, *integers, info)
        nan_where_failed(s, info, index, [matrix, w] if wants_v else [w])

    with kernel(s, math.prod(a.shape), "eigh"):
        batches(s, a.shape[:-2], factor)
    return transposed(matrix)


# --- svd --------------------------------------------------------------------------------------------


@rule("svd")
def _svd(s: Scheduler, eqn, operands):
    (a,) = operands
    if letter_of(a.dtype) is None:
        return None
    with_uv, full = eqn.params["compute_uv"], eqn.params["full_matrices"]
    which = 1 if with_uv else 0
    values = by_vectors(s, eqn, which)
    if not math.prod(a.shape):
        if not with_uv:
            return [values]
        u, vt = (identity(a.dtype, eqn.outvars[k].aval.shape) for k in (0, 2))
        return [u, values, vt]
    job = "N"
    if with_uv and (is_used(s, eqn, 0) or is_used(s, eqn, 2)):
        job = "A" if full else "S"
    u, vt = _lapack_svd(s, a, values, job, full)
    values = in_its_place(s, eqn, which, values)
    return [in_its_place(s, eqn, 0, u), values, in_its_place(s, eqn, 2, vt)] if with_uv else [values]


def _lapack_svd(s: Scheduler, a: Value, values: View, job: str, full: bool) -> tuple[View, View]:
    """Write the singular values; returns the vectors, which are left by columns."""
    *lead, m, n = a.shape
    k, b = min(m, n), s.b
    letter, is_complex = letter_of(a.dtype), a.dtype.kind == "c"
    matrix = s.new_view(a.dtype, (*lead, n, m))
    moved(s, a, transposed(matrix))
    u = s.new_view(a.dtype, (*lead, m if full else k, m))
    vt = s.new_view(a.dtype, (*lead, n, n if full else k))
    # LAPACK's least, and a block of columns of everything.
    least = _least_complex(job, m, n) if is_complex else _least_real(job, m, n)
    rooms = workspace(s, a.dtype, least + BLOCK * (m + n))
    if is_complex:
        rooms = *rooms, workspace(s, values.dtype, _room_of_reals(job, m, n))[0]
    integers, _ = workspace(s, INT32, 8 * k)
    info = lapack_info(s)

    def factor(index):
        sizes, place = (Const(m, INT), Const(n, INT)), matrix_at(matrix, index)
        # What is not wanted is not touched, whatever its place.
        left, right = (place, place) if job == "N" else (matrix_at(u, index), matrix_at(vt, index))
        vectors = left, sizes[0], right, Const(vt.shape[-1], INT)
        b.call(
            f"{letter}gesdd", flag(job), *sizes, place, sizes[0], vector_at(values, index), *vectors, *rooms,
            integers, info,
        )  # fmt: skip
        nan_where_failed(s, info, index, [values] if job == "N" else [u, values, vt])

    with kernel(s, math.prod(a.shape), "svd"):
        batches(s, tuple(lead), factor)
    return transposed(u), transposed(vt)


def _least_real(job: str, m: int, n: int) -> int:
    small, large = min(m, n), max(m, n)
    if job == "N":
        return 3 * small + max(large, 7 * small)
    return 4 * small * small + (6 * small + large if job == "A" else 7 * small)


def _least_complex(job: str, m: int, n: int) -> int:
    small, large = min(m, n), max(m, n)
    if job == "N":
        return 2 * small + large
    return small * small + (2 * small + large if job == "A" else 3 * small)


def _room_of_reals(job: str, m: int, n: int) -> int:
    small, large = min(m, n), max(m, n)
    if job == "N":
        # 5 suffice since LAPACK 3.7.
        return 7 * small
    return max(5 * small * small + 5 * small, 2 * large * small + 2 * small * small + small)
