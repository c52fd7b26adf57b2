"""Schur and Hessenberg forms, eigenvalues of any matrix, Sylvester's equation, pivots of columns: LAPACK by symbol.

    t:f64[9,9] z:f64[9,9] = schur a        dgees("V", "N", -, 9, t, 9, …, z, 9, …), where t was a copy of a
    w:c128[9] v:c128[9,9] = eig a          dgeev("N", "V", 9, t, 9, re, im, -, 9, x, 9, …), w and v put together
    h:f64[9,9] q:f64[9,9] = hessenberg a   dgehrd(9, 1, 9, t, 9, tau, …), h copied out of t, dorghr(9, 1, 9, t, …)
    p:i32[9] = column_pivots a             dgeqp3(9, 9, t, 9, p, tau, …)

As in `rules_factorisations`, matrices go by columns, and results are left so. Workspaces have the size that LAPACK asks
for, as in eager code, so that both give the same: rounding decides about the order of eigenvalues. LAPACK's iterations
are not started on matrices that are not finite: their results are nan, as where it does not converge.
"""

from __future__ import annotations

import math

import numpy as np

from jaxlite.codegen.external import letter_of
from jaxlite.codegen.loops import INT, Address, Affine, Const, Operand
from jaxlite.codegen.rules_factorisations import (
    by_vectors,
    identity,
    in_its_place,
    is_used,
    nan_where_failed,
    workspace,
)
from jaxlite.codegen.rules_linalg import (
    INT32,
    batches,
    flag,
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
from jaxlite.codegen.values import Lazy, Value, View, needs_of, storage
from jaxlite.ops.linalg import room_by_query
from jaxlite.ops.schur import room


def copied_by_columns(s: Scheduler, a: Value) -> View:
    """Copy matrices for LAPACK; returns the transposes of the copies."""
    copy = s.new_view(a.dtype, (*a.shape[:-2], a.shape[-1], a.shape[-2]))
    moved(s, a, transposed(copy))
    return copy


def _where_finite(s: Scheduler, matrix: View, index, info: Address, call) -> None:
    """Write a call for those matrices that are finite; it is said to have failed for the others."""
    b, place = s.b, matrix_at(matrix, index)
    dtype, count = storage(matrix.dtype)
    zero = Const(0, dtype)
    # nan as soon as one element is infinite or nan.
    total = b.carry(zero)
    with b.loop(count * math.prod(matrix.shape[-2:]), [total], kind="reduce") as i:
        product = b.let("mul", b.load(place.buffer, place.index + i), zero)
        total.next = b.let("add", total.inside, product)

    def go():
        call()
        return ()

    def stop():
        b.store(info.buffer, 0, Const(1, INT32))
        return ()

    b.if_(b.let("eq", total.result, zero), go, stop)


# --- schur ------------------------------------------------------------------------------------------


@rule("schur")
def _schur(s: Scheduler, eqn, operands):
    (a,) = operands
    if letter_of(a.dtype) is None:
        return None
    if not math.prod(a.shape):
        return [s.new_view(a.dtype, a.shape) for _ in eqn.outvars]
    factors = _lapack_schur(s, a, is_used(s, eqn, 1))
    return [in_its_place(s, eqn, k, x) for k, x in enumerate(factors)]


def _lapack_schur(s: Scheduler, a: Value, wants_z: bool) -> tuple[View, View]:
    *lead, n, _ = a.shape
    letter, is_complex, b = letter_of(a.dtype), a.dtype.kind == "c", s.b
    t = copied_by_columns(s, a)
    z = s.new_view(a.dtype, a.shape)
    real, _ = storage(a.dtype)
    size, info, count = Const(n, INT), lapack_info(s), lapack_info(s)
    values = [Address(s.program.new_buffer(a.dtype, n)) for _ in range(1 if is_complex else 2)]
    work = workspace(s, a.dtype, room("gees", a.dtype, n, n))
    more = [workspace(s, real, n)[0]] if is_complex else []

    def factor(index):
        place = matrix_at(t, index)
        # What is not wanted is not touched, whatever its place: a function that selects, and what it says.
        vectors = matrix_at(z, index) if wants_z else place

        def call():
            jobs = flag("V" if wants_z else "N"), flag("N"), info
            places = place, size, count, *values, vectors, size
            b.call(f"{letter}gees", *jobs, size, *places, *work, *more, info, info)

        _where_finite(s, t, index, info, call)
        nan_where_failed(s, info, index, [t, z] if wants_z else [t])

    with kernel(s, math.prod(a.shape), "schur"):
        batches(s, tuple(lead), factor)
    return transposed(t), transposed(z)


# --- eig --------------------------------------------------------------------------------------------


@rule("eig")
def _eig(s: Scheduler, eqn, operands):
    (a,) = operands
    if letter_of(a.dtype) is None:
        return None
    dtype = eqn.outvars[0].aval.dtype
    if not math.prod(a.shape):
        return [s.new_view(dtype, v.aval.shape) for v in eqn.outvars]
    job = "right" if is_used(s, eqn, 1) else "none"
    if dtype == np.complex128:
        w = by_vectors(s, eqn, 0)
        results = w, _geev(s, a, w, job)
    else:
        w = s.new_view(np.dtype(np.complex128), a.shape[:-1])
        v = _geev(s, a, w, job)
        results = converted(w, dtype), converted(v, dtype)
    return [in_its_place(s, eqn, k, x) for k, x in enumerate(results)]


@rule("left_eigenvectors")
def _left_eigenvectors(s: Scheduler, eqn, operands):
    (a,) = operands
    if letter_of(a.dtype) is None:
        return None
    dtype = eqn.outvars[0].aval.dtype
    if not math.prod(a.shape):
        return [s.new_view(dtype, a.shape)]
    v = _geev(s, a, s.new_view(np.dtype(np.complex128), a.shape[:-1]), "left")
    return [in_its_place(s, eqn, 0, v if dtype == v.dtype else converted(v, dtype))]


def _geev(s: Scheduler, a: Value, w: View, job: str) -> View:
    """Write eigenvalues; returns vectors, which are none, right or left ones."""
    # NumPy computes single precision in double, and in single the eigenvalues come in another order now and then.
    if w.dtype.itemsize > a.dtype.itemsize * (2 if a.dtype.kind == "f" else 1):
        a = converted(a, np.dtype(f"{a.dtype.kind}{2 * a.dtype.itemsize}"))
    return (_complex_eig if a.dtype.kind == "c" else _real_eig)(s, a, w, job)


def _jobs(job: str):
    return flag("V" if job == "left" else "N"), flag("V" if job == "right" else "N")


def converted(a: Value, dtype: np.dtype) -> Lazy:
    """Return an array in another precision, as a recipe."""
    scalar, _ = storage(dtype)

    def compute(b, index):
        return tuple(b.convert(part, scalar) for part in a.element(b, index))

    return Lazy(dtype, a.shape, compute, 1, needs_of([a]))


def _complex_eig(s: Scheduler, a: Value, w: View, job: str) -> View:
    n, b, wants_v = a.shape[-1], s.b, job != "none"
    matrix, v = copied_by_columns(s, a), s.new_view(a.dtype, a.shape)
    jobs, size, info = _jobs(job), Const(n, INT), lapack_info(s)
    work = workspace(
        s, a.dtype, room_by_query("geev", a.dtype, n, compute_vl=job == "left", compute_vr=job == "right")
    )
    more, _ = workspace(s, storage(a.dtype)[0], 2 * n)

    def factor(index):
        place, values, vectors = matrix_at(matrix, index), vector_at(w, index), matrix_at(v, index)

        def call():
            # Of either kind, whichever the jobs ask for.
            places = place, size, values, vectors, size, vectors, size
            b.call(f"{letter_of(a.dtype)}geev", *jobs, size, *places, *work, more, info)

        _where_finite(s, matrix, index, info, call)
        nan_where_failed(s, info, index, [w, v] if wants_v else [w])

    with kernel(s, math.prod(a.shape), "eig"):
        batches(s, a.shape[:-2], factor)
    return transposed(v)


def _real_eig(s: Scheduler, a: Value, w: View, job: str) -> View:
    n, b, wants_v = a.shape[-1], s.b, job != "none"
    matrix, v = copied_by_columns(s, a), s.new_view(w.dtype, a.shape)
    found = s.new_view(a.dtype, (n, n))
    re, im = (s.new_view(a.dtype, (n,)) for _ in range(2))
    jobs, size, info = _jobs(job), Const(n, INT), lapack_info(s)
    work = workspace(
        s, a.dtype, room_by_query("geev", a.dtype, n, compute_vl=job == "left", compute_vr=job == "right")
    )

    def put_together(index):
        with b.loop(n, kind="parallel") as j:
            at = (Affine.of(j),)
            w.store(b, (*index, *at), (*re.load(b, at), *im.load(b, at)))
        if not wants_v:
            return
        with b.loop(n, kind="parallel") as j, b.loop(n, kind="parallel") as i:
            v.store(b, (*index, Affine.of(j), Affine.of(i)), _element(b, im, found, j, i))

    def factor(index):
        place = matrix_at(matrix, index)

        def call():
            parts, vectors = (vector_at(re, ()), vector_at(im, ())), matrix_at(found, ())
            places = place, size, *parts, vectors, size, vectors, size
            b.call(f"{letter_of(a.dtype)}geev", *jobs, size, *places, *work, info)

        _where_finite(s, matrix, index, info, call)
        nan_where_failed(s, info, index, [w, v] if wants_v else [w], lambda: put_together(index))

    with kernel(s, math.prod(a.shape), "eig"):
        batches(s, a.shape[:-2], factor)
    return transposed(v)


def _element(b, im: View, found: View, j: Operand, i: Operand):
    """Return element i of vector j: of a pair, LAPACK leaves the real part in the first column, then the imaginary."""
    (part,) = im.load(b, (Affine.of(j),))
    zero = Const(0, part.dtype)
    is_first, is_second = b.let("gt", part, zero), b.let("lt", part, zero)
    column_of_real = b.let("sub", j, b.convert(is_second, INT))
    column_of_imag = b.let("add", j, b.convert(is_first, INT))
    (real,) = found.load(b, (Affine.of(column_of_real), Affine.of(i)))
    (imag,) = found.load(b, (Affine.of(column_of_imag), Affine.of(i)))
    return real, b.select(is_first, imag, b.select(is_second, b.let("neg", imag), zero))


# --- hessenberg -------------------------------------------------------------------------------------


@rule("hessenberg")
def _hessenberg(s: Scheduler, eqn, operands):
    (a,) = operands
    if letter_of(a.dtype) is None:
        return None
    if not math.prod(a.shape) or a.shape[-1] <= 2:
        return [a, identity(a.dtype, a.shape)]
    h = s.target_for(eqn, 0)
    q = _lapack_hessenberg(s, a, h, is_used(s, eqn, 1))
    return [h, in_its_place(s, eqn, 1, q)]


def _lapack_hessenberg(s: Scheduler, a: Value, h: View, wants_q: bool) -> View:
    n, letter, b = a.shape[-1], letter_of(a.dtype), s.b
    factors = copied_by_columns(s, a)
    by_rows = transposed(factors)
    tau, info = Address(s.program.new_buffer(a.dtype, n - 1)), lapack_info(s)
    rooms = [workspace(s, a.dtype, room_by_query(name, a.dtype, n)) for name in ("gehrd", "orghr")]

    def factor(index):
        size, place = Const(n, INT), matrix_at(factors, index)
        operands = size, Const(1, INT), size, place, size, tau
        b.call(f"{letter}gehrd", *operands, *rooms[0], info)
        with b.loop(n, kind="parallel") as i, b.loop(n, kind="parallel") as j:
            here = (*index, Affine.of(i), Affine.of(j))
            kept = b.let("le", i, b.let("add", j, Const(1, INT)))
            h.store(b, here, selected(b, kept, by_rows.load(b, here), zeros(a.dtype)))
        if wants_q:
            b.call(f"{letter}{'un' if a.dtype.kind == 'c' else 'or'}ghr", *operands, *rooms[1], info)

    with kernel(s, math.prod(a.shape), "hessenberg"):
        batches(s, a.shape[:-2], factor)
    return by_rows


# --- triangular_sylvester ---------------------------------------------------------------------------


@rule("triangular_sylvester")
def _triangular_sylvester(s: Scheduler, eqn, operands):
    a, c, x = operands
    if letter_of(x.dtype) is None:
        return None
    if not math.prod(x.shape):
        return [x]
    a, c = (_in_columns(s, matrix) for matrix in (a, c))
    out, b = copied_by_columns(s, x), s.b
    by_rows = transposed(out)
    real, _ = storage(x.dtype)
    scale, info = Address(s.program.new_buffer(real, 1, "stack")), lapack_info(s)
    adjoint_a = eqn.params["adjoint_a"]
    operations = flag("C" if adjoint_a else "N"), flag("N" if adjoint_a else "C"), Const(1, INT32)
    m, n = (Const(size, INT) for size in x.shape[-2:])

    def solve(index):
        places = matrix_at(a, index), m, matrix_at(c, index), n, matrix_at(out, index), m
        b.call(f"{letter_of(x.dtype)}trsyl", *operations, m, n, *places, scale, info)
        factor = b.load(scale.buffer, 0)
        with b.loop(x.shape[-1], kind="parallel") as j, b.loop(x.shape[-2], kind="parallel") as i:
            here = (*index, Affine.of(i), Affine.of(j))
            by_rows.store(b, here, tuple(b.let("mul", part, factor) for part in by_rows.load(b, here)))

    with kernel(s, math.prod(x.shape), "triangular_sylvester"):
        batches(s, x.shape[:-2], solve)
    return [in_its_place(s, eqn, 0, by_rows)]


def _in_columns(s: Scheduler, a: Value) -> View:
    """Return the transposes of matrices that lie by columns; they are copied where they do not."""
    if type(a) is View and transposed(a).is_row_major:
        return s.memory(transposed(a))
    return copied_by_columns(s, a)


# --- column_pivots ----------------------------------------------------------------------------------


@rule("column_pivots")
def _column_pivots(s: Scheduler, eqn, operands):
    (a,) = operands
    if letter_of(a.dtype) is None:
        return None
    *lead, m, n = a.shape
    if not math.prod(a.shape):
        count = lambda b, index: (b.convert(b.index(index[-1]), INT32),)  # noqa: E731
        return [Lazy(INT32, (*lead, n), count, 1)]
    is_complex, b = a.dtype.kind == "c", s.b
    matrix, pivots = copied_by_columns(s, a), by_vectors(s, eqn, 0)
    tau, info = Address(s.program.new_buffer(a.dtype, min(m, n))), lapack_info(s)
    work = workspace(s, a.dtype, room("geqp3", a.dtype, m, n))
    more = [workspace(s, storage(a.dtype)[0], 2 * n)[0]] if is_complex else []

    def factor(index):
        with b.loop(n, kind="parallel") as j:
            # Each column may be taken at any time.
            pivots.store(b, (*index, Affine.of(j)), (Const(0, INT32),))
        sizes = Const(m, INT), Const(n, INT)
        places = matrix_at(matrix, index), sizes[0], vector_at(pivots, index), tau
        b.call(f"{letter_of(a.dtype)}geqp3", *sizes, *places, *work, *more, info)
        with b.loop(n, kind="parallel") as j:
            here = (*index, Affine.of(j))
            # LAPACK counts from 1.
            pivots.store(b, here, (b.let("sub", *pivots.load(b, here), Const(1, INT32)),))

    with kernel(s, math.prod(a.shape), "column_pivots"):
        batches(s, tuple(lead), factor)
    return [in_its_place(s, eqn, 0, pivots)]
