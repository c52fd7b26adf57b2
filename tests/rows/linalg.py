"""Rows of the primitives in ``jaxlite/ops/linalg.py``."""

import itertools

import numpy as np
import scipy.linalg

import jaxlite.numpy as jnp
from jaxlite.errors import DtypeError, ShapeError
from jaxlite.ops.linalg import eigh_p, svd_p
from tests.cases import Case, ErrorCase

F32, F16, I64, I32, C64 = (np.dtype(t) for t in ("f4", "f2", "i8", "i4", "c8"))

A = np.array([[2.0, -1.0, 0.5], [0.7, 3.0, -0.2], [-0.4, 0.9, 2.5]])
POSITIVE = A @ A.T + np.eye(3)
HERMITIAN = (A + 0.3j * A.T) @ (A + 0.3j * A.T).conj().T + np.eye(3)
INDEFINITE = np.diag([1.0, -1.0, 2.0])
STACK = np.stack([POSITIVE, 2 * POSITIVE + np.eye(3)])
A_STACK = np.stack([A, A[::-1] + np.eye(3)])
COMPLEX = A + 0.3j * A.T
SINGULAR = np.array([[1.0, 2.0], [0.0, 0.0]])
B = np.array([[1.0, -2.0], [0.5, 0.3], [2.0, 1.5]])
B_STACK = np.stack([B, -2 * B])
NO_MATRICES = np.zeros((0, 3, 3))
NO_ROWS = np.zeros((2, 0, 0))
TRIANGULAR = ("left_side", "lower", "transpose_a", "conjugate_a", "unit_diagonal")


def loop(function):
    """Make a reference for stacks of matrices out of one for a single matrix."""

    def reference(*operands, **params):
        stack = operands[0].shape[:-2]
        if not stack:
            return function(*operands, **params)
        if 0 in stack:
            # A stack of one gives the shapes.
            one = reference(*(np.ones((1, *x.shape[1:])) for x in operands), **params)
            return tuple(x[:0] for x in one) if isinstance(one, tuple) else one[:0]
        outs = [function(*(x[i] for x in operands), **params) for i in np.ndindex(*stack)]
        if isinstance(outs[0], tuple):
            return tuple(np.stack(parts).reshape(*stack, *parts[0].shape) for parts in zip(*outs))
        return np.stack(outs).reshape(*stack, *outs[0].shape)

    return reference


@loop
def cholesky(a, symmetrize_input):
    a = (a + a.conj().T) / 2 if symmetrize_input else a
    if np.linalg.eigvalsh(a).min(initial=1.0) <= 0:
        return np.tril(np.full(a.shape, np.nan, a.dtype))
    return scipy.linalg.cholesky(a, lower=True).astype(a.dtype)


@loop
def triangular_solve(a, b, left_side, lower, transpose_a, conjugate_a, unit_diagonal):
    a = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        np.fill_diagonal(a, 1)
    a = a.T if transpose_a else a
    a = a.conj() if conjugate_a else a
    return np.linalg.solve(a, b) if left_side else np.linalg.solve(a.T, b.T).T


@loop
def lu(a):
    """Gaussian elimination with the largest pivot of each column."""
    a = a.copy()
    m, n = a.shape
    pivots, permutation = np.zeros(min(m, n), I32), np.arange(m, dtype=I32)
    for i in range(min(m, n)):
        p = pivots[i] = i + np.argmax(np.abs(a[i:, i].real) + np.abs(a[i:, i].imag))
        a[[i, p]], permutation[[i, p]] = a[[p, i]], permutation[[p, i]]
        if a[i, i]:
            a[i + 1 :, i] /= a[i, i]
        a[i + 1 :, i + 1 :] -= np.outer(a[i + 1 :, i], a[i, i + 1 :])
    return a, pivots, permutation


def solve_with_lu(a, factors, pivots, b, transpose_a):
    return np.linalg.solve(np.swapaxes(a, -1, -2) if transpose_a else a, b)


def cholesky_row(a, symmetrize_input=True, label="", **options):
    params = {"symmetrize_input": symmetrize_input}
    return Case("cholesky", (a,), params, cholesky, label=label or str(symmetrize_input), **options)


def triangular_row(a, b, flags="", **options):
    """``flags`` are first letters of the params that are true."""
    params = {name: letter in flags for letter, name in zip("sltcu", TRIANGULAR)}
    return Case("triangular_solve", (a, b), params, triangular_solve, label=flags, **options)


def solve_row(a, b, transpose_a=False):
    # Not by the matrix: its derivative stands for that of the factors, which finite differences hold fixed.
    args = (a, *lu(a)[:2], b)
    return Case(
        "solve_with_lu",
        args,
        {"transpose_a": transpose_a},
        solve_with_lu,
        derivatives=(3,),
        label=str(transpose_a),
    )


CHOLESKY = [
    *(cholesky_row(a, flag) for a in (POSITIVE, HERMITIAN, STACK) for flag in (True, False)),
    cholesky_row(POSITIVE.astype(F32), order=1),
    cholesky_row(HERMITIAN.astype(C64), order=1),
    cholesky_row(A + 4 * np.eye(3), label="unsymmetric"),
    cholesky_row(np.tril(POSITIVE) - np.triu(A, 1), False, label="lower triangle only"),
    cholesky_row(np.stack([INDEFINITE, POSITIVE]), label="one indefinite", derivatives=None),
    cholesky_row(INDEFINITE, label="indefinite", derivatives=None),
    cholesky_row(NO_MATRICES),
    cholesky_row(NO_ROWS),
]

SOLVES = [
    *(
        triangular_row(A, B if "s" in flags else B.T, "".join(flags))
        for n in range(5)
        for flags in itertools.combinations("sltu", n)
    ),
    *(triangular_row(COMPLEX, COMPLEX, flags) for flags in ("sl", "c", "stc", "ltcu")),
    triangular_row(A_STACK, B_STACK, "s"),
    triangular_row(A_STACK, np.swapaxes(B_STACK, 1, 2), "lt"),
    triangular_row(A.astype(F32), B.astype(F32), "sl", order=1),
    triangular_row(NO_MATRICES, NO_MATRICES[:, :, :1], "sl"),
    triangular_row(NO_ROWS, NO_ROWS, "sl"),
    triangular_row(A, B[:, :0], "sl"),
    Case(
        "triangular_solve",
        (SINGULAR, np.array([[1.0], [1.0]])),
        {name: name == "left_side" for name in TRIANGULAR},
        expected=np.array([[-np.inf], [np.inf]]),
        derivatives=None,
        label="singular",
    ),
    solve_row(A, B),
    solve_row(A, B, True),
    solve_row(A_STACK, B_STACK),
    solve_row(COMPLEX, COMPLEX),
    solve_row(COMPLEX, COMPLEX, True),
    solve_row(A.astype(F32), B.astype(F32)),
    solve_row(NO_ROWS, NO_ROWS),
    solve_row(A, B[:, :0]),
]

LU = [
    Case("lu", (A,), {}, lu),
    Case("lu", (A[::-1].copy(),), {}, lu, label="permuted"),
    Case("lu", (A_STACK,), {}, lu),
    Case("lu", (COMPLEX,), {}, lu),
    Case("lu", (A.astype(F32),), {}, lu, order=1),
    Case("lu", (B,), {}, lu),
    Case("lu", (B.T,), {}, lu),
    Case("lu", (SINGULAR,), {}, lu, derivatives=None, label="singular"),
    Case("lu", (NO_MATRICES,), {}, lu),
    Case("lu", (NO_ROWS,), {}, lu),
    Case("lu", (B[:0],), {}, lu),
]

TALL, WIDE = B, B.T.copy()
TALL_COMPLEX = B + 0.5j * B[::-1]
SYMMETRIC = (A + A.T) / 2
EIGH_PARAMS = {"lower": True, "symmetrize_input": True, "compute_v": True}


@loop
def qr(a, full_matrices):
    """Householder reflections in the order and with the signs of LAPACK."""
    m, n = a.shape
    q, r = np.eye(m, dtype=a.dtype), a.copy()
    for j in range(min(m, n)):
        x = r[j:, j]
        if not np.any(x[1:]) and not x[0].imag:
            continue
        beta = -np.copysign(np.linalg.norm(x), x[0].real)
        v = x.copy()
        v[0] -= beta
        # A reflection that makes x real needs its factor from both: H = 1 - τ·v·vᴴ, Hᴴ·x = β·e.
        tau = (beta - x[0]) / beta
        v = v / (x[0] - beta)
        h = np.eye(m - j) - np.conj(tau) * np.outer(v, v.conj())
        r[j:] = h @ r[j:]
        q[:, j:] = q[:, j:] @ h.conj().T
    k = m if full_matrices else min(m, n)
    return q[:, :k], np.triu(r)[:k]


def qr_row(a, full_matrices=False, label="", **options):
    label = label or str(full_matrices)
    return Case("qr", (a,), {"full_matrices": full_matrices}, qr, label=label, **options)


QR = [
    qr_row(A),
    qr_row(A, True),
    qr_row(TALL),
    qr_row(TALL, True),
    qr_row(WIDE),
    qr_row(WIDE, True),
    qr_row(COMPLEX),
    qr_row(TALL_COMPLEX),
    qr_row(TALL_COMPLEX.T.copy()),
    qr_row(A_STACK),
    qr_row(A.astype(F32), order=1),
    qr_row(NO_MATRICES),
    qr_row(NO_ROWS),
]


def spectrum(v, w):
    """What of eigenvectors does not depend on their phases: the projections, and the values."""
    v, w = np.asarray(v), np.asarray(w)
    return np.swapaxes(v, -1, -2)[..., :, :, None] * np.conj(np.swapaxes(v, -1, -2))[..., :, None, :], w


def projections(vectors):
    """Return v·vᴴ for each column v."""
    columns = jnp.swapaxes(vectors, -1, -2)
    return columns[..., :, :, None] * jnp.conj(columns)[..., :, None, :]


@loop
def eigh_by_scipy(a, lower, symmetrize_input, compute_v):
    a = (a + a.conj().T) / 2 if symmetrize_input else a
    if not compute_v:
        return scipy.linalg.eigvalsh(a, lower=lower).astype(a.real.dtype) if a.size else a.real[0]
    w, v = scipy.linalg.eigh(a, lower=lower, driver="evr") if a.size else np.linalg.eigh(a)
    return spectrum(v.astype(a.dtype), w.astype(a.real.dtype))


def eigh_row(a, lower=True, symmetrize_input=True, compute_v=True, label="", **options):
    params = {"lower": lower, "symmetrize_input": symmetrize_input, "compute_v": compute_v}

    def use(a):
        if not compute_v:
            return eigh_p.bind(a, **params)
        v, w = eigh_p.bind(a, **params)
        return projections(v), w

    label = label or f"{'L' if lower else 'U'}{symmetrize_input}{'' if compute_v else ',values'}"
    return Case("eigh", (a,), params, eigh_by_scipy, label=label, call=use, **options)


EIGH = [
    eigh_row(SYMMETRIC),
    eigh_row(A, label="unsymmetric"),
    eigh_row(A, True, False),
    eigh_row(A, False, False),
    eigh_row(HERMITIAN),
    eigh_row(HERMITIAN + 0.5j * np.triu(np.ones((3, 3))), True, False, label="complex lower"),
    eigh_row(HERMITIAN + 0.5j * np.tril(np.ones((3, 3))), False, False, label="complex upper"),
    eigh_row(STACK),
    eigh_row(SYMMETRIC.astype(F32), order=1),
    eigh_row(HERMITIAN.astype(C64), order=1),
    eigh_row(NO_MATRICES),
    eigh_row(NO_ROWS),
    *(eigh_row(a, compute_v=False) for a in (A, STACK, HERMITIAN, NO_MATRICES)),
    eigh_row(A, False, False, False),
    eigh_row(HERMITIAN + 0.5j * np.triu(np.ones((3, 3))), True, False, False, label="complex lower, values"),
    eigh_row(SYMMETRIC.astype(F32), compute_v=False, order=1),
    Case(
        "eigh",
        (np.stack([np.full((2, 2), np.nan), np.diag([2.0, 1.0])]),),
        EIGH_PARAMS,
        expected=(np.stack([np.full((2, 2), np.nan), np.eye(2)[::-1]]), np.array([[np.nan] * 2, [1.0, 2.0]])),
        derivatives=None,
        label="one without",
    ),
    # The values have derivatives where they coincide.
    Case(
        "eigh",
        (np.eye(3),),
        EIGH_PARAMS,
        lambda a, **params: a.diagonal(),
        order=1,
        label="identity, values",
        derivatives=None,
        call=lambda a: eigh_p.bind(a, **EIGH_PARAMS)[1],
    ),
]


TURNING = np.array([[0.2, -1.5, 0.3], [1.1, 0.4, -0.2], [0.1, 0.6, -0.8]])


@loop
def eig_by_scipy(a):
    w, v = scipy.linalg.eig(a) if a.size else np.linalg.eig(a)
    dtype = np.result_type(a.dtype, 1j)
    return w.astype(dtype), v.astype(dtype)


@loop
def left_eigenvectors(a):
    """Their signs are LAPACK's; SciPy's form of them is normalised again."""
    return (
        scipy.linalg.eig(a, left=True, right=False)[1].astype(np.result_type(a.dtype, 1j))
        if a.size
        else a + 0j
    )


EIG = [
    Case("eig", (A,), {}, eig_by_scipy),
    Case("eig", (TURNING,), {}, eig_by_scipy, label="complex pair"),
    Case("eig", (COMPLEX,), {}, eig_by_scipy),
    Case("eig", (np.stack([A, TURNING]),), {}, eig_by_scipy),
    Case("eig", (TURNING.astype(F32),), {}, eig_by_scipy, order=1),
    Case("eig", (NO_MATRICES,), {}, eig_by_scipy),
    Case("eig", (NO_ROWS,), {}, eig_by_scipy),
    Case(
        "eig",
        (np.stack([np.full((2, 2), np.inf), np.diag([2.0, 1.0])]),),
        {},
        expected=(
            np.array([[complex(np.nan)] * 2, [2.0, 1.0]]),
            np.stack([np.full((2, 2), complex(np.nan)), np.eye(2)]),
        ),
        derivatives=None,
        label="one without",
    ),
]


@loop
def svd_by_scipy(a, full_matrices, compute_uv):
    if not a.size:
        result = np.linalg.svd(a, full_matrices, compute_uv)
        return tuple(result) if compute_uv else result
    if not compute_uv:
        return scipy.linalg.svdvals(a).astype(a.real.dtype)
    u, s, vh = scipy.linalg.svd(a, full_matrices, lapack_driver="gesvd")
    k = len(s)
    pairs = np.einsum("ik,kj->kij", u[:, :k], vh[:k])
    rest = u[:, k:] @ u[:, k:].conj().T, vh[k:].conj().T @ vh[k:]
    return tuple(x.astype(a.dtype) for x in (pairs, *rest)) + (s.astype(a.real.dtype),)


def svd_row(a, full_matrices=False, compute_uv=True, **options):
    params = {"full_matrices": full_matrices, "compute_uv": compute_uv}

    def use(a):
        if not compute_uv:
            return svd_p.bind(a, **params)
        u, s, vh = svd_p.bind(a, **params)
        k = s.shape[-1]
        pairs = jnp.swapaxes(u[..., :k], -1, -2)[..., :, :, None] * vh[..., :k, None, :]
        rest_u, rest_v = u[..., k:], vh[..., k:, :]
        rest_v = jnp.conj(jnp.swapaxes(rest_v, -1, -2))
        rest = [x @ jnp.conj(jnp.swapaxes(x, -1, -2)) for x in (rest_u, rest_v)]
        return (pairs, *rest, s)

    label = f"{full_matrices},{compute_uv}"
    return Case("svd", (a,), params, svd_by_scipy, label=label, call=use, **options)


SVD = [
    *(svd_row(a, compute_uv=uv) for a in (A, TALL, WIDE, COMPLEX, A_STACK) for uv in (True, False)),
    svd_row(TALL_COMPLEX),
    svd_row(TALL_COMPLEX.T.copy()),
    svd_row(A, True),
    svd_row(TALL, True, derivatives=None),
    svd_row(WIDE, True, derivatives=None),
    svd_row(TALL_COMPLEX, True, False),
    svd_row(A.astype(F32), order=1),
    svd_row(TALL_COMPLEX.astype(C64), order=1),
    Case(
        "svd",
        (np.stack([np.full((2, 2), np.inf), np.diag([1.0, 2.0])]),),
        {"full_matrices": True, "compute_uv": False},
        expected=np.array([[np.nan] * 2, [2.0, 1.0]]),
        derivatives=None,
        label="one without",
    ),
    *(
        Case(
            "svd",
            (a,),
            {"full_matrices": False, "compute_uv": True},
            lambda a, **params: tuple(np.linalg.svd(a, False)),
            label="empty",
        )
        for a in (NO_MATRICES, NO_ROWS)
    ),
]

LEFT_EIGENVECTORS = [
    *(
        Case("left_eigenvectors", (a,), {}, left_eigenvectors, label=str(i))
        for i, a in enumerate((A, TURNING, COMPLEX, np.stack([A, TURNING]), NO_MATRICES, NO_ROWS))
    ),
    Case("left_eigenvectors", (TURNING.astype(F32),), {}, left_eigenvectors, order=1),
    Case("left_eigenvectors", (COMPLEX.astype(C64),), {}, left_eigenvectors, order=1),
    Case(
        "left_eigenvectors",
        (np.stack([np.full((2, 2), np.inf), np.diag([2.0, 1.0])]),),
        {},
        expected=np.stack([np.full((2, 2), complex(np.nan)), np.eye(2)]),
        derivatives=None,
        label="one without",
    ),
]


ROWS = [*LEFT_EIGENVECTORS, *CHOLESKY, *SOLVES, *LU, *QR, *EIGH, *EIG, *SVD]

LEFT = {name: name == "left_side" for name in TRIANGULAR}
FACTORS, PIVOTS, _ = lu(A)
ERRORS = [
    ErrorCase(
        "cholesky", (B,), {"symmetrize_input": True}, ShapeError, r"cholesky: operand has type f64\[3,2\]"
    ),
    ErrorCase("cholesky", (A.astype(I64),), {"symmetrize_input": True}, DtypeError, "LAPACK computes in"),
    ErrorCase("cholesky", (A.astype(F16),), {"symmetrize_input": True}, DtypeError, r"types f16\[3,3\]"),
    ErrorCase("triangular_solve", (B, B), LEFT, ShapeError, "must be a square matrix"),
    ErrorCase("triangular_solve", (A, B.T), LEFT, ShapeError, "as many rows .* as a"),
    ErrorCase("triangular_solve", (A, B[:, 0]), LEFT, ShapeError, "a vector b is a matrix of one column"),
    ErrorCase("triangular_solve", (A_STACK, B), LEFT, ShapeError, "stacks must have equal shapes"),
    ErrorCase("triangular_solve", (A, B.astype(F32)), LEFT, DtypeError, "operands of one dtype"),
    ErrorCase("lu", (A[0],), {}, ShapeError, r"lu: operand has type f64\[3\]"),
    ErrorCase("lu", (A.astype(I64),), {}, DtypeError, "LAPACK computes in"),
    ErrorCase(
        "solve_with_lu", (A, FACTORS, PIVOTS, B.T), {"transpose_a": False}, ShapeError, "as many rows as a"
    ),
    ErrorCase(
        "solve_with_lu",
        (A, FACTORS, PIVOTS, B.astype(F32)),
        {"transpose_a": False},
        DtypeError,
        "of one dtype",
    ),
    ErrorCase("qr", (A[0],), {"full_matrices": True}, ShapeError, r"qr: operand has type f64\[3\]"),
    ErrorCase("qr", (A.astype(I64),), {"full_matrices": True}, DtypeError, "LAPACK computes in"),
    ErrorCase("eigh", (B,), EIGH_PARAMS, ShapeError, "must be a square matrix"),
    ErrorCase("eigh", (A.astype(F16),), EIGH_PARAMS, DtypeError, "LAPACK computes in"),
    ErrorCase("eig", (B,), {}, ShapeError, "must be a square matrix"),
    ErrorCase("eig", (A.astype(I64),), {}, DtypeError, "LAPACK computes in"),
    ErrorCase("left_eigenvectors", (B,), {}, ShapeError, "must be a square matrix"),
    ErrorCase("left_eigenvectors", (A.astype(I64),), {}, DtypeError, "LAPACK computes in"),
    ErrorCase("svd", (A[0],), {"full_matrices": True, "compute_uv": True}, ShapeError, "must be a matrix"),
    ErrorCase(
        "svd",
        (A.astype(I64),),
        {"full_matrices": True, "compute_uv": False},
        DtypeError,
        "LAPACK computes in",
    ),
]
