"""Rows of the primitives in ``jaxlite/ops/reflections.py``."""

import numpy as np

from jaxlite.errors import DtypeError, ShapeError
from tests.cases import Case, ErrorCase
from tests.rows.linalg import A_STACK, COMPLEX, F32, I64, NO_MATRICES, NO_ROWS, TURNING, A, B, loop

C64 = np.dtype("c8")
TALL = np.stack([np.vstack([B, B[::-1] + 1.0]), np.vstack([B - 0.5, B])])
WIDE_COMPLEX = TALL[0].T + 0.5j * TALL[1].T


def reflection(x):
    """Return v, τ and β so that (1 - τ·v·vᴴ)ᴴ·x is β and then zeros, as LAPACK chooses them."""
    v = np.zeros_like(x)
    v[:1] = 1.0
    if not np.any(x[1:]) and not (len(x) and x[0].imag):
        return v, x.dtype.type(0), x[0]
    beta = -np.copysign(np.linalg.norm(x), x[0].real)
    v[1:] = x[1:] / (x[0] - beta)
    return v, (beta - x[0]) / beta, beta


def matrix_of(v, tau):
    return np.eye(len(v)) - tau * np.outer(v, v.conj())


@loop
def geqrf(a):
    r, k = a.astype(np.result_type(a, np.float64)), min(a.shape)
    out, taus = r.copy(), np.zeros(k, r.dtype)
    for j in range(k):
        v, taus[j], _ = reflection(r[j:, j])
        r[j:] = matrix_of(v, taus[j]).conj().T @ r[j:]
        out[j + 1 :, j] = v[1:]
    out[np.triu_indices(*a.shape[:1], m=a.shape[1])] = r[np.triu_indices(*a.shape[:1], m=a.shape[1])]
    return out.astype(a.dtype), taus.astype(a.dtype)


@loop
def gehrd(a):
    h = a.astype(np.result_type(a, np.float64))
    n = len(a)
    vectors, taus = np.zeros_like(h), np.zeros(max(n - 1, 0), h.dtype)
    for j in range(n - 1):
        v, taus[j], _ = reflection(h[j + 1 :, j])
        one = matrix_of(v, taus[j])
        h[j + 1 :] = one.conj().T @ h[j + 1 :]
        h[:, j + 1 :] = h[:, j + 1 :] @ one
        vectors[j + 2 :, j] = v[1:]
    return (np.triu(h, -1) + vectors).astype(a.dtype), taus.astype(a.dtype)


@loop
def tridiagonal(a, lower):
    """From the last row to the first where the upper triangle is read."""
    n, wide = len(a), np.result_type(a, np.float64)
    full = np.tril(a) + np.tril(a, -1).conj().T if lower else np.triu(a) + np.triu(a, 1).conj().T
    t, out, taus = full.astype(wide), a.astype(wide), np.zeros(n - 1, wide)
    np.fill_diagonal(t, t.diagonal().real)
    for step in range(n - 1):
        if lower:
            rows, column, place = np.arange(step + 1, n), step, step
        else:
            rows, column, place = np.arange(n - 1 - step)[::-1], n - 1 - step, n - 2 - step
        v, taus[place], _ = reflection(t[rows, column])
        one = matrix_of(v, taus[place])
        t[rows] = one.conj().T @ t[rows]
        t[:, rows] = t[:, rows] @ one
        out[rows[1:], column] = v[1:]
        out[rows[0], column] = t[rows[0], column]
    d = t.diagonal().real
    np.fill_diagonal(out, d)
    e = t.diagonal(-1 if lower else 1).real
    real = a.real.dtype
    return out.astype(a.dtype), d.astype(real), e.astype(real), taus.astype(a.dtype)


def product(a, taus):
    q = np.eye(len(a), dtype=np.result_type(a, np.float64))
    for j, tau in enumerate(taus):
        v = np.concatenate([np.zeros(j), [1.0], a[j + 1 :, j]])
        q = q @ matrix_of(v, tau)
    return q


@loop
def householder_product(a, taus):
    return product(a, taus)[:, : a.shape[1]].astype(a.dtype)


@loop
def ormqr(a, taus, c, left, transpose):
    q = product(a, taus)
    q = q.conj().T if transpose else q
    return (q @ c if left else c @ q).astype(c.dtype)


def ormqr_row(a, c, left=True, transpose=False, k=None, **options):
    factors, taus = geqrf(a)
    params = {"left": left, "transpose": transpose}
    label = f"{left}-{transpose}-{k}"
    return Case("ormqr", (factors, taus[..., :k], c), params, ormqr, label=label, derivatives=(2,), **options)


def product_row(a, k=None):
    factors, taus = geqrf(a)
    return Case(
        "householder_product",
        (factors, taus[..., :k]),
        {},
        householder_product,
        derivatives=None,
        label=str(k),
    )


MATRICES = (A, TURNING, COMPLEX, A_STACK, TURNING.astype(F32), COMPLEX.astype(C64), NO_MATRICES, NO_ROWS)
TALL_ONES = (A, B, B.astype(F32), TALL, COMPLEX, WIDE_COMPLEX.T, COMPLEX.astype(C64), NO_ROWS, B[:, :0])
C = np.stack([B[:, :1], B[:, 1:]])

ROWS = [
    *(
        Case("geqrf", (a,), {}, geqrf, derivatives=None, label=str(i))
        for i, a in enumerate(
            (*MATRICES, B, B.T, TALL, WIDE_COMPLEX, WIDE_COMPLEX.T, np.diag([2.0, 3.0]), B[:0])
        )
    ),
    *(
        Case("gehrd", (a,), {}, gehrd, derivatives=None, label=str(i))
        for i, a in enumerate((*MATRICES, A[:1, :1], COMPLEX[:2, :2]))
    ),
    *(
        Case("tridiagonal", (a,), {"lower": lower}, tridiagonal, derivatives=None, label=f"{lower}-{i}")
        for i, a in enumerate((*MATRICES[:6], A[:1, :1], COMPLEX[:2, :2]))
        for lower in (True, False)
    ),
    Case("tridiagonal", (NO_MATRICES,), {"lower": True}, tridiagonal, derivatives=None),
    *map(product_row, TALL_ONES),
    product_row(B, 1),
    product_row(B, 0),
    *(
        ormqr_row(a, c, True, transpose)
        for a, c in ((A, B), (B, A), (TALL, TALL))
        for transpose in (False, True)
    ),
    *(ormqr_row(a, c.T, False, t) for a, c in ((A, B), (B, A), (B, B)) for t in (False, True)),
    *(ormqr_row(COMPLEX, B + 1j * B[::-1], True, t) for t in (False, True)),
    *(ormqr_row(COMPLEX, (B + 1j * B[::-1]).T, False, t) for t in (False, True)),
    ormqr_row(COMPLEX.astype(C64), (B + 1j * B[::-1]).astype(C64), True, True, order=1),
    ormqr_row(A.astype(F32), B.astype(F32), order=1),
    ormqr_row(A_STACK, C.swapaxes(-1, -2)[..., :], False),
    ormqr_row(A, B, True, False, 2),
    ormqr_row(A, B, True, False, 0),
    ormqr_row(A, B[:, :0]),
    ormqr_row(NO_MATRICES, NO_MATRICES),
]

_ORMQR = {"left": True, "transpose": False}
ERRORS = [
    ErrorCase("geqrf", (A[0],), {}, ShapeError, "must be a matrix"),
    ErrorCase("geqrf", (A.astype(I64),), {}, DtypeError, "LAPACK computes in"),
    ErrorCase("gehrd", (B,), {}, ShapeError, "must be a square matrix"),
    ErrorCase("gehrd", (A.astype(I64),), {}, DtypeError, "LAPACK computes in"),
    ErrorCase("tridiagonal", (B,), {"lower": True}, ShapeError, "must be a square matrix"),
    ErrorCase("tridiagonal", (NO_ROWS,), {"lower": True}, ShapeError, "no diagonals"),
    ErrorCase("householder_product", (B.T, B[0]), {}, ShapeError, "at least as many"),
    ErrorCase("householder_product", (B, A[0]), {}, ShapeError, "k is at most"),
    ErrorCase("householder_product", (B, B[0].astype(F32)), {}, DtypeError, "of one dtype"),
    ErrorCase("ormqr", (A, A[0], B.T), _ORMQR, ShapeError, "do not fit"),
    ErrorCase("ormqr", (A, A, B), _ORMQR, ShapeError, "k is at most"),
    ErrorCase("ormqr", (A, A[0], B.astype(F32)), _ORMQR, DtypeError, "of one dtype"),
]
