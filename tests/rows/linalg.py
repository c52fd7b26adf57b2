"""Rows of the primitives in ``jaxlite/ops/linalg.py``."""

import itertools

import numpy as np
import scipy.linalg

from jaxlite.errors import DtypeError, ShapeError
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

ROWS = [*CHOLESKY, *SOLVES, *LU]

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
]
