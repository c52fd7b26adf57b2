"""Dense linear algebra: LAPACK by symbol, matrix by matrix.

A row-major matrix is its transpose to LAPACK. Cholesky of the lower triangle of a Hermitian A is asked for as that of
the upper triangle of Aᵀ, and triangular systems as their transposes, so that nothing is moved but to where the result
belongs. LU needs columns: a transposed copy goes in and comes out.
"""

from __future__ import annotations

import math

import numpy as np

from jaxlite.codegen.loops import INT, Address, Affine, Const
from jaxlite.codegen.schedule import Scheduler, rule
from jaxlite.codegen.values import Lazy, View, needs_of, storage

LETTERS = {"f4": "s", "f8": "d", "c8": "c", "c16": "z"}
INT32, CHAR = np.dtype(np.int32), np.dtype(np.int8)


def letter_of(dtype: np.dtype) -> str | None:
    return LETTERS.get(dtype.str[1:])


def flag(letter: str) -> Const:
    return Const(ord(letter), CHAR)


def batches(s: Scheduler, lead: tuple[int, ...], write) -> None:
    """Call ``write(index)`` inside loops over the leading dimensions."""

    def nest(depth, index):
        if depth == len(lead):
            write(index)
            return
        with s.b.loop(lead[depth]) as i:
            nest(depth + 1, (*index, Affine.of(i)))

    nest(0, ())


def matrix_at(view: View, index) -> Address:
    """Return the address of one matrix of a stack."""
    _, count = storage(view.dtype)
    return Address(view.buffer, view.position((*index, Affine(), Affine())) * count)


def one_at(s: Scheduler, dtype: np.dtype, value: float = 1.0):
    """Return a number as an argument: real ones by value, complex ones by address."""
    scalar, count = storage(dtype)
    if count == 1:
        return Const(value, scalar)
    data = np.array([value, 0.0], scalar)
    return Address(s.program.new_buffer(dtype, 1, "data", data=data))


def transposed(view: View) -> View:
    """View a stack of matrices as their transposes."""
    *lead, m, n = view.shape
    *strides, r, c = view.strides
    return View(view.dtype, (*lead, n, m), view.buffer, view.offset, (*strides, c, r))


def lapack_info(s: Scheduler) -> Address:
    """Make the place where a routine says how it went."""
    return Address(s.program.new_buffer(INT32, 1, "stack"))


def dense_target(s: Scheduler, eqn) -> View:
    """Return where the result goes, if its matrices are row-major there, or a new place."""
    target = s.target_for(eqn)
    return target if target.is_row_major else s.new_view(target.dtype, target.shape)


def moved(s: Scheduler, value, target: View) -> View:
    """Copy a value before a routine reads or overwrites it there."""
    s.copy(value, target)
    s.close()
    return target


@rule("cholesky")
def _cholesky(s: Scheduler, eqn, operands):
    (a,) = operands
    letter, n = letter_of(a.dtype), a.shape[-1]
    if letter is None:
        return None
    out = dense_target(s, eqn)
    if not math.prod(a.shape):
        return [out]
    if eqn.params["symmetrize_input"]:
        a = _hermitian_part(s.memory(a, row_major=False))
    moved(s, a, out)
    info, size, b = lapack_info(s), Const(n, INT), s.b
    nan = Const(math.nan, storage(a.dtype)[0])

    def factor(index):
        # The upper triangle U of the transpose has UᴴU = conj(A): U is Lᵀ, and L is what stands here.
        b.call(f"{letter}potrf", flag("U"), size, matrix_at(out, index), size, info)
        failed = b.let("ne", b.load(info.buffer, 0), Const(0, INT32))
        with b.loop(n) as i, b.loop(n) as j:
            place = (*index, Affine.of(i), Affine.of(j))
            lower = b.let("le", j, i)
            real, *imag = out.load(b, place)
            zero = Const(0, real.dtype)
            # A matrix that is not positive definite has no factor.
            parts = [b.select(failed, nan, real), *(b.select(failed, zero, part) for part in imag)]
            out.store(b, place, tuple(b.select(lower, part, zero) for part in parts))

    batches(s, a.shape[:-2], factor)
    return [out]


def _hermitian_part(a: View) -> Lazy:
    """Return (a + aᴴ)/2 as a recipe."""

    def compute(b, index):
        *lead, i, j = index
        x, y = a.element(b, index), a.element(b, (*lead, j, i))
        half = Const(0.5, x[0].dtype)
        total = [b.let("add", x[0], y[0]), *(b.let("sub", p, q) for p, q in zip(x[1:], y[1:], strict=True))]
        return tuple(b.let("mul", part, half) for part in total)

    return Lazy(a.dtype, a.shape, compute, 4, needs_of([a], elsewhere=True))


def _conjugated(a) -> Lazy:
    def compute(b, index):
        real, imag = a.element(b, index)
        return real, b.let("neg", imag)

    return Lazy(a.dtype, a.shape, compute, 1, needs_of([a]))


@rule("triangular_solve")
def _triangular_solve(s: Scheduler, eqn, operands):
    (a, b), p = operands, eqn.params
    letter = letter_of(a.dtype)
    if letter is None:
        return None
    if not math.prod(b.shape):
        return [b]
    is_complex = a.dtype.kind == "c"
    if is_complex and p["conjugate_a"] and not p["transpose_a"]:
        a = _conjugated(a)
    matrices = s.memory(a)
    out = moved(s, b, dense_target(s, eqn))
    # Everything is seen transposed: the other side, the other triangle.
    side = flag("R" if p["left_side"] else "L")
    triangle = flag("U" if p["lower"] else "L")
    operation = flag("N" if not p["transpose_a"] else "C" if p["conjugate_a"] and is_complex else "T")
    diagonal = flag("U" if p["unit_diagonal"] else "N")
    rows, columns = b.shape[-2:]
    sizes = Const(columns, INT), Const(rows, INT)
    one = one_at(s, a.dtype)

    def solve(index):
        s.b.call(
            f"{letter}trsm", side, triangle, operation, diagonal, *sizes, one,
            matrix_at(matrices, index), Const(a.shape[-1], INT), matrix_at(out, index), sizes[0],
        )  # fmt: skip

    batches(s, b.shape[:-2], solve)
    return [out]


def _shifted(x, by: int) -> Lazy:
    """Add a number to integers: LAPACK counts from 1."""

    def compute(b, index):
        return (b.let("add", x.element(b, index)[0], Const(by, x.dtype)),)

    return Lazy(x.dtype, x.shape, compute, 1, needs_of([x]))


@rule("lu")
def _lu(s: Scheduler, eqn, operands):
    (a,) = operands
    letter = letter_of(a.dtype)
    if letter is None:
        return None
    *lead, m, n = a.shape
    factors, pivots, permutation = (s.target_for(eqn, k) for k in range(3))
    work = s.new_view(a.dtype, (*lead, n, m))
    found = s.new_view(INT32, (*lead, min(m, n)))
    if math.prod(a.shape):
        moved(s, a, transposed(work))
    info, b = lapack_info(s), s.b

    def factor(index):
        last = Affine()
        if math.prod(a.shape):
            b.call(
                f"{letter}getrf", Const(m, INT), Const(n, INT), matrix_at(work, index), Const(m, INT),
                Address(found.buffer, found.position((*index, last))), info,
            )  # fmt: skip
        with b.loop(m) as i:
            permutation.store(b, (*index, Affine.of(i)), (b.convert(i, INT32),))
        if not math.prod(a.shape):
            return
        with b.loop(min(m, n)) as i:
            here = (*index, Affine.of(i))
            (pivot,) = found.load(b, here)
            there = (*index, Affine(-1) + b.convert(pivot, INT))
            rows = permutation.load(b, here), permutation.load(b, there)
            permutation.store(b, here, rows[1])
            permutation.store(b, there, rows[0])

    s.close()
    if math.prod((*lead, m)):
        batches(s, tuple(lead), factor)
    s.copy(_shifted(found, -1), pivots)
    s.copy(transposed(work), factors)
    s.close()
    return [factors, pivots, permutation]


@rule("solve_with_lu")
def _solve_with_lu(s: Scheduler, eqn, operands):
    _, factors, pivots, b = operands
    letter = letter_of(b.dtype)
    if letter is None:
        return None
    *lead, n, k = b.shape
    if not math.prod(b.shape):
        return [b]
    columns = moved(s, factors, transposed(s.new_view(b.dtype, (*lead, n, n))))
    counted = moved(s, _shifted(pivots, 1), s.new_view(INT32, (*lead, n)))
    work = s.new_view(b.dtype, (*lead, k, n))
    moved(s, b, transposed(work))
    info, size = lapack_info(s), Const(n, INT)
    operation = flag("T" if eqn.params["transpose_a"] else "N")

    def solve(index):
        s.b.call(
            f"{letter}getrs", operation, size, Const(k, INT), matrix_at(columns, index), size,
            Address(counted.buffer, counted.position((*index, Affine()))), matrix_at(work, index), size, info,
        )  # fmt: skip

    batches(s, tuple(lead), solve)
    return [transposed(work)]
