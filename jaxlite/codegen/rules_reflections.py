"""Householder's reflections by LAPACK's symbols, matrix by matrix.

    f:f64[50,20] tau:f64[20] = geqrf a         dgeqrf(50, 20, f, 50, tau, …), where f was a copy of a
    q:f64[50,20] = householder_product f tau   dorgqr(50, 20, 20, q, 50, tau, …), where q was a copy of f
    y:f64[50,2] = ormqr f tau c                dormqr("L", "N", 50, 2, 20, f, 50, tau, y, 50, …), y a copy of c
    h:f64[9,9] tau:f64[8] = gehrd a            dgehrd(9, 1, 9, h, 9, tau, …), where h was a copy of a
    t:f64[9,9] d:f64[9] … = tridiagonal a      dsytrd("L", 9, t, 9, d, e, tau, …), where t was a copy of a

As in `rules_schur`, matrices go by columns, and results are left so; workspaces are those of eager code.
"""

from __future__ import annotations

import math

from jaxlite.codegen.external import letter_of
from jaxlite.codegen.loops import INT, Const
from jaxlite.codegen.rules_factorisations import by_vectors, in_its_place, workspace
from jaxlite.codegen.rules_linalg import (
    batches,
    flag,
    kernel,
    lapack_info,
    matrix_at,
    moved,
    transposed,
    vector_at,
)
from jaxlite.codegen.rules_schur import copied_by_columns
from jaxlite.codegen.schedule import Scheduler, rule
from jaxlite.codegen.values import Value, View
from jaxlite.ops.linalg import room_by_query
from jaxlite.ops.reflections import (
    operation_of,
    room_of_ormqr,
    room_of_product,
    side_of,
    tridiagonal_routine,
)


def _empty(s: Scheduler, eqn) -> list[View]:
    return [s.new_view(v.aval.dtype, v.aval.shape) for v in eqn.outvars]


def _dense(s: Scheduler, vectors: Value) -> View:
    """Return vectors whose elements lie side by side."""
    if type(vectors) is View and vectors.strides[-1] == 1:
        return s.memory(vectors)
    return moved(s, vectors, s.new_view(vectors.dtype, vectors.shape))


def _factored(s: Scheduler, eqn, a: Value, call) -> list[Value]:
    """Factor copies of matrices; ``call`` is handed the place of one, and those of the vectors beside it."""
    matrix, vectors = copied_by_columns(s, a), [by_vectors(s, eqn, k) for k in range(1, len(eqn.outvars))]

    def factor(index):
        call(matrix_at(matrix, index), [vector_at(vector, index) for vector in vectors])

    with kernel(s, math.prod(a.shape), eqn.primitive.name):
        batches(s, a.shape[:-2], factor)
    places = [in_its_place(s, eqn, k, vector) for k, vector in enumerate(vectors, 1)]
    return [in_its_place(s, eqn, 0, transposed(matrix)), *places]


@rule("geqrf")
def _geqrf(s: Scheduler, eqn, operands):
    (a,) = operands
    if letter_of(a.dtype) is None:
        return None
    if not math.prod(a.shape):
        return _empty(s, eqn)
    m, n = a.shape[-2:]
    rows, info = Const(m, INT), lapack_info(s)
    work = workspace(s, a.dtype, room_by_query("geqrf", a.dtype, m, n))

    def call(place, tau):
        s.b.call(f"{letter_of(a.dtype)}geqrf", rows, Const(n, INT), place, rows, *tau, *work, info)

    return _factored(s, eqn, a, call)


@rule("gehrd")
def _gehrd(s: Scheduler, eqn, operands):
    (a,) = operands
    if letter_of(a.dtype) is None:
        return None
    n = a.shape[-1]
    if not math.prod(a.shape):
        return _empty(s, eqn)
    if n == 1:
        return [a, s.new_view(a.dtype, eqn.outvars[1].aval.shape)]
    size, info = Const(n, INT), lapack_info(s)
    work = workspace(s, a.dtype, room_by_query("gehrd", a.dtype, n))

    def call(place, tau):
        s.b.call(f"{letter_of(a.dtype)}gehrd", size, Const(1, INT), size, place, size, *tau, *work, info)

    return _factored(s, eqn, a, call)


@rule("tridiagonal")
def _tridiagonal(s: Scheduler, eqn, operands):
    (a,) = operands
    if letter_of(a.dtype) is None:
        return None
    if not math.prod(a.shape):
        return _empty(s, eqn)
    n, lower, name = a.shape[-1], eqn.params["lower"], tridiagonal_routine(a.dtype)
    size, info = Const(n, INT), lapack_info(s)
    work = workspace(s, a.dtype, room_by_query(name, a.dtype, n, lower=lower))

    def call(place, vectors):
        triangle = flag("L" if lower else "U")
        s.b.call(f"{letter_of(a.dtype)}{name}", triangle, size, place, size, *vectors, *work, info)

    return _factored(s, eqn, a, call)


@rule("householder_product")
def _householder_product(s: Scheduler, eqn, operands):
    a, taus = operands
    if letter_of(a.dtype) is None:
        return None
    if not math.prod(a.shape):
        return _empty(s, eqn)
    m, n, k = *a.shape[-2:], taus.shape[-1]
    columns, taus, info = copied_by_columns(s, a), _dense(s, taus), lapack_info(s)
    work = workspace(s, a.dtype, room_of_product(a.dtype, m, n, k))
    routine = f"{letter_of(a.dtype)}{'un' if a.dtype.kind == 'c' else 'or'}gqr"

    def multiply(index):
        rows, place = Const(m, INT), matrix_at(columns, index)
        s.b.call(
            routine, rows, Const(n, INT), Const(k, INT), place, rows, vector_at(taus, index), *work, info
        )

    with kernel(s, math.prod(a.shape), "householder_product"):
        batches(s, a.shape[:-2], multiply)
    return [in_its_place(s, eqn, 0, transposed(columns))]


@rule("ormqr")
def _ormqr(s: Scheduler, eqn, operands):
    a, taus, c = operands
    if letter_of(c.dtype) is None:
        return None
    k, (m, n) = taus.shape[-1], c.shape[-2:]
    if not math.prod(c.shape) or not k:
        return [c]
    left, transpose = eqn.params["left"], eqn.params["transpose"]
    # LAPACK writes into the vectors as well, so they are a copy too.
    vectors, taus, out = copied_by_columns(s, a), _dense(s, taus), copied_by_columns(s, c)
    info = lapack_info(s)
    work = workspace(s, c.dtype, room_of_ormqr(c.dtype, a.shape[-2], (m, n), k, left, transpose))
    routine = f"{letter_of(c.dtype)}{'un' if c.dtype.kind == 'c' else 'or'}mqr"
    letters = flag(side_of(left)), flag(operation_of(c.dtype, transpose))

    def multiply(index):
        reflections = (
            Const(k, INT),
            matrix_at(vectors, index),
            Const(a.shape[-2], INT),
            vector_at(taus, index),
        )
        target = matrix_at(out, index), Const(m, INT)
        s.b.call(routine, *letters, Const(m, INT), Const(n, INT), *reflections, *target, *work, info)

    with kernel(s, math.prod(c.shape), "ormqr"):
        batches(s, c.shape[:-2], multiply)
    return [in_its_place(s, eqn, 0, transposed(out))]
