"""Dense linear algebra: LAPACK by symbol, matrix by matrix, and tiny matrices in registers.

    L:f64[3,3] = cholesky A           every element a scalar, the elimination written out
    L:f64[50,50] = cholesky A         dpotrf("U", 50, L, 50, info), after A was copied to L

A row-major matrix is its transpose to LAPACK. Cholesky of the lower triangle of a Hermitian A is asked for as that of
the upper triangle of Aᵀ, and triangular systems as their transposes, so that nothing is moved but to where the result
belongs. LU needs columns: a transposed copy goes in and comes out.
"""

from __future__ import annotations

import contextlib
import itertools
import math

import numpy as np

from jaxlite.codegen.elementwise import div, mul
from jaxlite.codegen.external import letter_of
from jaxlite.codegen.loops import INT, Address, Affine, Const
from jaxlite.codegen.schedule import Scheduler, rule
from jaxlite.codegen.values import Components, Lazy, Value, View, needs_of, storage

INT32, CHAR = np.dtype(np.int32), np.dtype(np.int8)
# Real and complex matrices of up to so many rows and columns are eliminated in registers: calls of LAPACK take 5 to 30
# times as long. At 8, LLVM needs 0.2 s for the LU factors of a real one.
TINY = {"f": 6, "c": 4}


def is_tiny(dtype: np.dtype, *sizes: int) -> bool:
    return max(sizes) <= TINY[dtype.kind]


def flag(letter: str) -> Const:
    return Const(ord(letter), CHAR)


@contextlib.contextmanager
def kernel(s: Scheduler, size: int, comment: str):
    """Write a kernel of one's own; operands are to be in memory, or recipes, before it starts."""
    s.close()
    body: list = []
    with s.b.into(body):
        yield
    s.kernel(body, size, comment)


def batches(s: Scheduler, lead: tuple[int, ...], write) -> None:
    """Call ``write(index)`` inside loops over the leading dimensions."""

    def nest(index):
        if len(index) == len(lead):
            # What is read twice for one matrix is loaded once.
            s.b.memo = {}
            write(index)
            return
        with s.b.loop(lead[len(index)], kind="parallel") as i:
            nest((*index, Affine.of(i)))

    nest(())


def matrix_at(view: View, index) -> Address:
    """Return the address of one matrix of a stack."""
    _, count = storage(view.dtype)
    return Address(view.buffer, view.position((*index, Affine(), Affine())) * count)


def vector_at(view: View, index) -> Address:
    """Return the address of one vector of a stack."""
    _, count = storage(view.dtype)
    return Address(view.buffer, view.position((*index, Affine())) * count)


def one_at(s: Scheduler, dtype: np.dtype):
    """Return 1 as an argument: a real one by value, a complex one by address."""
    scalar, count = storage(dtype)
    if count == 1:
        return Const(1, scalar)
    return Address(s.program.new_buffer(dtype, 1, "data", data=np.array([1, 0], scalar)))


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


def moved(s: Scheduler, value: Value, target: View) -> View:
    """Copy a value before a routine reads or overwrites it there."""
    s.copy(value, target)
    s.close()
    return target


def conjugated(b, x: Components) -> Components:
    return (x[0], b.let("neg", x[1])) if len(x) == 2 else x


def minus_product(b, x: Components, y: Components, z: Components) -> Components:
    """x - y·z"""
    return tuple(b.let("sub", p, q) for p, q in zip(x, mul(b, y, z), strict=True))


def selected(b, condition, yes: Components, no: Components) -> Components:
    return tuple(b.select(condition, p, q) for p, q in zip(yes, no, strict=True))


def zeros(dtype: np.dtype) -> Components:
    scalar, count = storage(dtype)
    return (Const(0, scalar),) * count


# --- cholesky ---------------------------------------------------------------------------------------


@rule("cholesky")
def _cholesky(s: Scheduler, eqn, operands):
    (a,) = operands
    if letter_of(a.dtype) is None:
        return None
    symmetrize = eqn.params["symmetrize_input"]
    if is_tiny(a.dtype, a.shape[-1]):
        return [_tiny_cholesky(s, eqn, s.memory(a, row_major=False), symmetrize)]
    if symmetrize:
        a = hermitian_part(s.memory(a, row_major=False))
    return [_lapack_cholesky(s, eqn, a)]


def _lapack_cholesky(s: Scheduler, eqn, a: Value) -> View:
    out = dense_target(s, eqn)
    if not math.prod(a.shape):
        return out
    moved(s, a, out)
    n, b, info = a.shape[-1], s.b, lapack_info(s)
    nan, zero = (Const(x, storage(a.dtype)[0]) for x in (math.nan, 0))
    no_factor = (nan, zero)[: len(zeros(a.dtype))]

    def factor(index):
        size = Const(n, INT)
        # The upper triangle U of the transpose has UᴴU = conj(A): U is Lᵀ, and L is what stands here.
        b.call(f"{letter_of(a.dtype)}potrf", flag("U"), size, matrix_at(out, index), size, info)
        failed = b.let("ne", b.load(info.buffer, 0), Const(0, INT32))
        with b.loop(n, kind="parallel") as i, b.loop(n, kind="parallel") as j:
            place = (*index, Affine.of(i), Affine.of(j))
            # A matrix that is not positive definite has no factor.
            element = selected(b, failed, no_factor, out.load(b, place))
            out.store(b, place, selected(b, b.let("le", j, i), element, zeros(a.dtype)))

    with kernel(s, math.prod(a.shape), "cholesky"):
        batches(s, a.shape[:-2], factor)
    return out


def hermitian_part(a: View) -> Lazy:
    """Return (a + aᴴ)/2 as a recipe."""

    def compute(b, index):
        *lead, i, j = index
        other = conjugated(b, a.element(b, (*lead, j, i)))
        half = Const(0.5, storage(a.dtype)[0])
        return tuple(
            b.let("mul", b.let("add", p, q), half) for p, q in zip(a.element(b, index), other, strict=True)
        )

    return Lazy(a.dtype, a.shape, compute, 4, needs_of([a], elsewhere=True))


def _tiny_cholesky(s: Scheduler, eqn, a: View, symmetrize: bool) -> View:
    out, n, b = s.target_for(eqn), a.shape[-1], s.b
    source = hermitian_part(a) if symmetrize else a
    nan = (Const(math.nan, storage(a.dtype)[0]), *zeros(a.dtype)[1:])

    def factor(index):
        def element(i, j):
            return source.element(b, (*index, Affine(i), Affine(j)))

        rows, failed = _factor_in_registers(b, [[element(i, j) for j in range(i + 1)] for i in range(n)])
        for i, j in itertools.product(range(n), range(n)):
            found = selected(b, failed, nan, rows[i][j]) if j <= i else zeros(a.dtype)
            out.store(b, (*index, Affine(i), Affine(j)), found)

    if math.prod(a.shape):
        with kernel(s, math.prod(a.shape), "cholesky"):
            batches(s, a.shape[:-2], factor)
    return out


def _factor_in_registers(b, rows: list[list[Components]]):
    """Turn the lower triangle of a Hermitian matrix into its factor; returns it, and whether there is none."""
    failed = None
    for j in range(len(rows)):
        for i in range(j, len(rows)):
            for k in range(j):
                rows[i][j] = minus_product(b, rows[i][j], rows[i][k], conjugated(b, rows[j][k]))
        square, *imag = rows[j][j]
        zero = Const(0, square.dtype)
        # Not "unless greater": nan goes on into the factor, as in LAPACK.
        negative = b.let("le", square, zero)
        failed = negative if failed is None else b.let("or", failed, negative)
        root = b.let("sqrt", square)
        rows[j][j] = (root, *(zero for _ in imag))
        for i in range(j + 1, len(rows)):
            rows[i][j] = tuple(b.let("div", part, root) for part in rows[i][j])
    return rows, failed


# --- triangular systems -----------------------------------------------------------------------------


@rule("triangular_solve")
def _triangular_solve(s: Scheduler, eqn, operands):
    (a, x), p = operands, eqn.params
    if letter_of(a.dtype) is None:
        return None
    if not math.prod(x.shape):
        return [x]
    left, lower, unit = p["left_side"], p["lower"], p["unit_diagonal"]
    transpose, conjugate = p["transpose_a"], p["conjugate_a"] and a.dtype.kind == "c"
    size = math.prod(x.shape) * a.shape[-1]
    if is_tiny(a.dtype, a.shape[-1]):
        matrix, right = s.memory(a, row_major=False), s.memory(x, row_major=False)
        out = s.target_for(eqn)

        def solve(index):
            triangle = _Triangle(s.b, matrix, index, lower, transpose != (not left), conjugate, unit)
            _for_each_vector(s, right, out, index, left, triangle.solve)

        with kernel(s, size, "triangular_solve"):
            batches(s, x.shape[:-2], solve)
        return [out]
    if conjugate and _operation(x.shape, left, transpose, True) is None:
        a, conjugate = _conjugate_of(a), False
    matrix = s.memory(a)
    out = moved(s, x, dense_target(s, eqn))
    write = _triangular_routine(s, matrix, out, left, lower, transpose, conjugate, unit)
    with kernel(s, size, "triangular_solve"):
        batches(s, x.shape[:-2], write)
    return [out]


def _conjugate_of(a: Value) -> Lazy:
    return Lazy(a.dtype, a.shape, lambda b, index: conjugated(b, a.element(b, index)), 1, needs_of([a]))


def _is_vector(shape: tuple[int, ...], left: bool) -> bool:
    return shape[-1 if left else -2] == 1


def _operation(shape: tuple[int, ...], left: bool, transpose: bool, conjugate: bool) -> str | None:
    """Return BLAS's name of an operation, said of the matrix as BLAS sees it: transposed."""
    if _is_vector(shape, left) and left:
        # A column is a row: nothing is seen transposed but the matrix.
        names = {(False, False): "T", (True, False): "N", (False, True): "C"}
        if (transpose, conjugate) in names:
            return names[transpose, conjugate]
    # Everything is transposed, and the operation with it.
    return {(False, False): "N", (True, False): "T", (True, True): "C"}.get((transpose, conjugate))


def _triangular_routine(s: Scheduler, a: View, x: View, left, lower, transpose, conjugate, unit):
    """Return what writes the call that solves op(a)·x = x or x·op(a) = x for the matrices at an index, in place."""
    letter, (rows, columns), n = letter_of(a.dtype), x.shape[-2:], Const(a.shape[-1], INT)
    operation = _operation(x.shape, left, transpose, conjugate)
    triangle, diagonal = flag("U" if lower else "L"), flag("U" if unit else "N")
    # The one operation that vectors from the left cannot have is that of matrices.
    if _is_vector(x.shape, left) and not (left and transpose and conjugate):

        def solve(index):
            places = matrix_at(a, index), n, matrix_at(x, index), Const(1, INT)
            s.b.call(f"{letter}trsv", triangle, flag(operation), diagonal, n, *places)

        return solve
    one, side = one_at(s, a.dtype), flag("R" if left else "L")

    def solve_all(index):
        sizes = Const(columns, INT), Const(rows, INT)
        places = matrix_at(a, index), n, matrix_at(x, index), sizes[0]
        s.b.call(f"{letter}trsm", side, triangle, flag(operation), diagonal, *sizes, one, *places)

    return solve_all


class _Triangle:
    """A triangle of a tiny matrix, in registers: solves op(a)·x = x for one vector."""

    def __init__(self, b, a: View, index, lower: bool, transpose: bool, conjugate: bool, unit: bool):
        self.b, self.unit = b, unit
        self.lower = lower != transpose
        n = a.shape[-1]
        self.entries = {}
        for i, j in itertools.product(range(n), range(n)):
            if (j < i if self.lower else j > i) or (i == j and not unit):
                entry = a.element(b, (*index, *map(Affine, (j, i) if transpose else (i, j))))
                self.entries[i, j] = conjugated(b, entry) if conjugate else entry

    def solve(self, b, x: list[Components]) -> list[Components]:
        order = range(len(x)) if self.lower else range(len(x) - 1, -1, -1)
        for step, i in enumerate(order):
            for j in order[:step]:
                x[i] = minus_product(b, x[i], self.entries[i, j], x[j])
            x[i] = x[i] if self.unit else div(b, x[i], self.entries[i, i])
        return x


def _for_each_vector(s: Scheduler, source: View, out: View, index, columns: bool, compute) -> None:
    """Apply ``compute(b, elements)`` to each column (or row) of a matrix."""
    source, out = (x if columns else transposed(x) for x in (source, out))
    n, count = source.shape[-2:]
    with s.b.loop(count, kind="parallel") as j:
        places = [(*index, Affine(i), Affine.of(j)) for i in range(n)]
        found = compute(s.b, [source.element(s.b, place) for place in places])
        for place, element in zip(places, found, strict=True):
            out.store(s.b, place, element)


# --- lu ---------------------------------------------------------------------------------------------


@rule("lu")
def _lu(s: Scheduler, eqn, operands):
    (a,) = operands
    if letter_of(a.dtype) is None:
        return None
    results = [s.target_for(eqn, k) for k in range(3)]
    if not math.prod(a.shape):
        _without_elements(s, *results)
    elif is_tiny(a.dtype, *a.shape[-2:]):
        _tiny_lu(s, s.memory(a, row_major=False), *results)
    else:
        factors = transposed(_lapack_lu(s, a, *results[1:]))
        if s.targets.get(eqn.outvars[0]) is None:
            # LAPACK leaves them by columns, which `_blas_solve` takes as well.
            results[0] = factors
        else:
            moved(s, factors, results[0])
    return results


def _without_elements(s: Scheduler, factors: View, pivots: View, permutation: View) -> None:
    """A matrix without columns has rows that stay in their order."""
    s.copy(
        Lazy(INT32, permutation.shape, lambda b, index: (b.convert(b.index(index[-1]), INT32),), 1),
        permutation,
    )
    s.close()


def _lapack_lu(s: Scheduler, a: Value, pivots: View, permutation: View) -> View:
    """Eliminate; returns the transposes of the factors."""
    *lead, m, n = a.shape
    work, found = s.new_view(a.dtype, (*lead, n, m)), s.new_view(INT32, (*lead, min(m, n)))
    moved(s, a, transposed(work))
    info, b = lapack_info(s), s.b

    def factor(index):
        sizes = Const(m, INT), Const(n, INT)
        places = matrix_at(work, index), sizes[0], vector_at(found, index), info
        b.call(f"{letter_of(a.dtype)}getrf", *sizes, *places)
        with b.loop(m, kind="parallel") as i:
            permutation.store(b, (*index, Affine.of(i)), (b.convert(i, INT32),))
        with b.loop(min(m, n)) as i:
            here = (*index, Affine.of(i))
            # LAPACK counts from 1.
            pivot = b.let("sub", *found.load(b, here), Const(1, INT32))
            there = (*index, Affine.of(b.convert(pivot, INT)))
            pivots.store(b, here, (pivot,))
            rows = permutation.load(b, here), permutation.load(b, there)
            permutation.store(b, here, rows[1])
            permutation.store(b, there, rows[0])

    with kernel(s, math.prod(a.shape), "lu"):
        batches(s, tuple(lead), factor)
    return work


def _tiny_lu(s: Scheduler, a: View, factors: View, pivots: View, permutation: View) -> None:
    *lead, m, n = a.shape
    b = s.b

    def factor(index):
        rows = [[a.element(b, (*index, Affine(i), Affine(j))) for j in range(n)] for i in range(m)]
        order = [(Const(i, INT32),) for i in range(m)]
        for i, pivot in enumerate(_eliminate_in_registers(b, rows, order)):
            pivots.store(b, (*index, Affine(i)), (pivot,))
        for i, row in enumerate(rows):
            permutation.store(b, (*index, Affine(i)), order[i])
            for j, element in enumerate(row):
                factors.store(b, (*index, Affine(i), Affine(j)), element)

    with kernel(s, math.prod(a.shape), "lu"):
        batches(s, tuple(lead), factor)


def _eliminate_in_registers(b, rows: list[list[Components]], order: list[Components]) -> list:
    """Turn a matrix into its factors, moving ``order`` along with the rows; returns the pivots."""
    pivots = []
    for i in range(min(len(rows), len(rows[0]))):
        largest, pivot = _modulus(b, rows[i][i]), Const(i, INT32)
        for r in range(i + 1, len(rows)):
            modulus = _modulus(b, rows[r][i])
            greater = b.let("gt", modulus, largest)
            largest = b.select(greater, modulus, largest)
            pivot = b.select(greater, Const(r, INT32), pivot)
        pivots.append(pivot)
        _exchange(b, rows, i, pivot)
        together = [[x] for x in order]
        _exchange(b, together, i, pivot)
        order[:] = [x for (x,) in together]
        # A column of zeros is left as it is.
        usable = b.let("ne", largest, Const(0, largest.dtype))
        for row in rows[i + 1 :]:
            row[i] = selected(b, usable, div(b, row[i], rows[i][i]), row[i])
            for j in range(i + 1, len(row)):
                row[j] = minus_product(b, row[j], row[i], rows[i][j])
    return pivots


def _modulus(b, x: Components):
    """What LAPACK compares: |re| + |im|."""
    parts = [b.let("abs", part) for part in x]
    return parts[0] if len(parts) == 1 else b.let("add", *parts)


def _exchange(b, rows: list[list[Components]], i: int, pivot) -> None:
    """Exchange row ``i`` with a later one whose number only the run tells."""
    first = rows[i]
    for r in range(i + 1, len(rows)):
        here = b.let("eq", pivot, Const(r, INT32))
        rows[i] = [selected(b, here, new, old) for new, old in zip(rows[r], rows[i], strict=True)]
        rows[r] = [selected(b, here, new, old) for new, old in zip(first, rows[r], strict=True)]


# --- solving with the factors -----------------------------------------------------------------------


@rule("solve_with_lu")
def _solve_with_lu(s: Scheduler, eqn, operands):
    _, factors, pivots, x = operands
    if letter_of(x.dtype) is None:
        return None
    if not math.prod(x.shape):
        return [x]
    pivots = s.memory(pivots, row_major=False)
    solve = _tiny_solve if is_tiny(x.dtype, x.shape[-2]) else _blas_solve
    return [solve(s, eqn, factors, pivots, x, eqn.params["transpose_a"])]


def _tiny_solve(s: Scheduler, eqn, factors: Value, pivots: View, x: Value, transpose: bool) -> View:
    factors, x = s.memory(factors, row_major=False), s.memory(x, row_major=False)
    out, n, b = s.target_for(eqn), x.shape[-2], s.b

    def solve(index):
        lower = _Triangle(b, factors, index, True, transpose, False, True)
        upper = _Triangle(b, factors, index, False, transpose, False, False)
        numbers = [pivots.element(b, (*index, Affine(i)))[0] for i in range(n)]

        def solve_one(b, vector):
            rows = [[element] for element in vector]
            for i in () if transpose else range(n):
                _exchange(b, rows, i, numbers[i])
            vector = [element for (element,) in rows]
            for triangle in (upper, lower) if transpose else (lower, upper):
                vector = triangle.solve(b, vector)
            rows = [[element] for element in vector]
            for i in reversed(range(n)) if transpose else ():
                _exchange(b, rows, i, numbers[i])
            return [element for (element,) in rows]

        _for_each_vector(s, x, out, index, True, solve_one)

    with kernel(s, math.prod(x.shape) * n, "solve_with_lu"):
        batches(s, x.shape[:-2], solve)
    return out


def _blas_solve(s: Scheduler, eqn, factors: Value, pivots: View, x: Value, transpose: bool) -> View:
    # Not LAPACK's getrs, which would need both matrices by columns.
    by_columns = type(factors) is View and transposed(factors).is_row_major
    factors = s.memory(transposed(factors) if by_columns else factors)
    out = moved(s, x, dense_target(s, eqn))
    *lead, n, columns = out.shape
    b = s.b
    lower, upper = (
        _triangular_routine(
            s, factors, out, True, is_lower != by_columns, transpose != by_columns, False, is_lower
        )
        for is_lower in (True, False)
    )

    def exchange_rows(index):
        span = {"start": n - 1, "step": -1} if transpose else {}
        with b.loop(-1 if transpose else n, **span) as i:
            (pivot,) = pivots.load(b, (*index, Affine.of(i)))
            other = b.convert(pivot, INT)
            with b.loop(columns) as j:
                places = [(*index, Affine.of(row), Affine.of(j)) for row in (i, other)]
                values = [out.load(b, place) for place in places]
                out.store(b, places[0], values[1])
                out.store(b, places[1], values[0])

    def solve(index):
        steps = (exchange_rows, lower, upper)
        for step in (upper, lower, exchange_rows) if transpose else steps:
            step(index)

    with kernel(s, math.prod(out.shape) * n, "solve_with_lu"):
        batches(s, tuple(lead), solve)
    return out
