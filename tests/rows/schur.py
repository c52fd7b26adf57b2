"""Rows of the primitives in ``jaxlite/ops/schur.py``."""

import numpy as np
import scipy.linalg

from jaxlite.errors import DtypeError, ShapeError
from tests.cases import Case, ErrorCase
from tests.rows.linalg import A_STACK, COMPLEX, F32, I64, NO_MATRICES, NO_ROWS, TURNING, A, B, loop

C64 = np.dtype("c8")
NOT_FINITE = np.stack([np.full((3, 3), np.nan), np.diag([3.0, 2.0, 1.0])])


@loop
def schur(a):
    if not a.size:
        return a, a
    t, z = scipy.linalg.schur(a) if np.isfinite(a).all() else (np.full_like(a, np.nan),) * 2
    return t.astype(a.dtype), z.astype(a.dtype)


@loop
def hessenberg(a):
    return tuple(x.astype(a.dtype) for x in scipy.linalg.hessenberg(a, calc_q=True))


@loop
def column_pivots(a):
    return scipy.linalg.qr(a, mode="r", pivoting=True)[1]


@loop
def triangular_sylvester(a, b, c, adjoint_a):
    """As a system of equations for the columns of x, one below the other."""
    (m, n), eye = c.shape, np.eye
    left, right = (a.conj().T, b) if adjoint_a else (a, b.conj().T)
    system = np.kron(eye(n), left) + np.kron(right.T, eye(m))
    return np.linalg.solve(system, c.T.reshape(-1)).reshape(n, m).T.astype(c.dtype)


def sylvester_row(a, b, c, adjoint_a=False, **options):
    params = {"adjoint_a": adjoint_a}
    label = f"{adjoint_a}"
    return Case("triangular_sylvester", (a, b, c), params, triangular_sylvester, label=label, **options)


REAL_T, REAL_S = schur(TURNING)[0], schur(A[:2, :2] + 4 * np.eye(2))[0]
COMPLEX_T, COMPLEX_S = np.triu(COMPLEX), np.triu(COMPLEX)[:2, :2] + 1j * np.eye(2)
UPPER, UPPER_2 = np.triu(A), np.triu(A)[:2, :2]
MATRICES = (A, TURNING, COMPLEX, A_STACK, TURNING.astype(F32), COMPLEX.astype(C64), NO_MATRICES, NO_ROWS)

ROWS = [
    *(Case("schur", (a,), {}, schur, derivatives=None, label=str(i)) for i, a in enumerate(MATRICES)),
    Case("schur", (NOT_FINITE,), {}, schur, derivatives=None, label="one without"),
    *(
        Case("hessenberg", (a,), {}, hessenberg, derivatives=None, label=str(i))
        for i, a in enumerate((*MATRICES, A[:2, :2], COMPLEX[:2, :2]))
    ),
    *(
        Case("column_pivots", (a,), {}, column_pivots, derivatives=None, label=str(i))
        for i, a in enumerate((*MATRICES, B, B.T, B[:0], B[:, :0]))
    ),
    # Which elements below the diagonal are read depends on them, so the derivatives by triangles are those of others.
    sylvester_row(REAL_T, REAL_S, B, derivatives=(2,)),
    sylvester_row(REAL_T, REAL_S, B, True, derivatives=(2,)),
    sylvester_row(REAL_T.astype(F32), REAL_S.astype(F32), B.astype(F32), derivatives=(2,), order=1),
    sylvester_row(COMPLEX_T, COMPLEX_S, B + 1j * B[::-1]),
    sylvester_row(COMPLEX_T, COMPLEX_S, B + 1j * B[::-1], True),
    sylvester_row(np.stack([UPPER, 2 * UPPER]), np.stack([UPPER_2] * 2), np.stack([B, -B]), derivatives=(2,)),
    sylvester_row(UPPER[:0, :0], UPPER_2, B[:0]),
    sylvester_row(UPPER, UPPER_2[:0, :0], B[:, :0]),
]

ERRORS = [
    ErrorCase("schur", (B,), {}, ShapeError, "must be a square matrix"),
    ErrorCase("schur", (A.astype(I64),), {}, DtypeError, "LAPACK computes in"),
    ErrorCase("hessenberg", (A[0],), {}, ShapeError, "must be a square matrix"),
    ErrorCase("hessenberg", (A.astype(I64),), {}, DtypeError, "LAPACK computes in"),
    ErrorCase("column_pivots", (A[0],), {}, ShapeError, "must be a matrix"),
    ErrorCase("triangular_sylvester", (A, A, B), {"adjoint_a": False}, ShapeError, r"\[\.\.\., m, n\]"),
    ErrorCase("triangular_sylvester", (A, B, B), {"adjoint_a": False}, ShapeError, "must be a square matrix"),
    ErrorCase(
        "triangular_sylvester", (A, A, A.astype(F32)), {"adjoint_a": False}, DtypeError, "of one dtype"
    ),
]
