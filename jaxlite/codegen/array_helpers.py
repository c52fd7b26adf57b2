"""Routines of BLAS and the runtime, for the Python form of a loop program: on flat arrays, as machine code sees them.

Matrices are column-major with a leading dimension, as in Fortran; flags are the codes of their letters.
"""

from __future__ import annotations

import importlib

import numpy as np


def _matrix(a, rows, columns, ld):
    """View a column-major matrix."""
    step = a.itemsize
    return np.lib.stride_tricks.as_strided(a, (rows, columns), (step, ld * step))


def _oriented(a, flag, rows, columns, ld):
    if flag == 78:
        return _matrix(a, rows, columns, ld)
    return _matrix(a, columns, rows, ld).T


def dgemm(flag_a, flag_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
    """c ← op(a)·op(b)."""
    _matrix(c, m, n, ldc)[...] = _oriented(a, flag_a, m, k, lda) @ _oriented(b, flag_b, k, n, ldb)


def zgemm(flag_a, flag_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
    """c ← op(a)·op(b), complex, without conjugation."""
    kind = np.complex64 if a.dtype == np.float32 else np.complex128
    a, b, c = (x[: x.size // 2 * 2].view(kind) for x in (a, b, c))
    _matrix(c, m, n, ldc)[...] = _oriented(a, flag_a, m, k, lda) @ _oriented(b, flag_b, k, n, ldb)


def dgemv(flag, m, n, alpha, a, lda, x, step_x, beta, y, step_y):
    """y ← op(a)·x."""
    matrix = _matrix(a, m, n, lda)
    matrix = matrix if flag == 78 else matrix.T
    y[: matrix.shape[0] * step_y : step_y] = matrix @ x[: matrix.shape[1] * step_x : step_x]


sgemm, cgemm, sgemv = dgemm, zgemm, dgemv


def _as(a, letter):
    kind = {"c": np.complex64, "z": np.complex128}.get(letter)
    return a if kind is None else a[: a.size // 2 * 2].view(kind)


def _routine(letter, module, name):
    return getattr(importlib.import_module(f"scipy.linalg.{module}"), letter + name)


def _potrf(letter):
    def potrf(triangle, n, a, lda, info):
        """Cholesky factor of one triangle, in place."""
        matrix = _matrix(_as(a, letter), n, n, lda)
        factor, info[0] = _routine(letter, "lapack", "potrf")(matrix, lower=triangle == 76, clean=0)
        matrix[...] = factor

    return potrf


def _trsm(letter):
    def trsm(side, triangle, operation, diagonal, m, n, alpha, a, lda, b, ldb):
        """Solve with a triangular matrix, in place of the right-hand side."""
        order = m if side == 76 else n
        matrix, right = _matrix(_as(a, letter), order, order, lda), _matrix(_as(b, letter), m, n, ldb)
        right[...] = _routine(letter, "blas", "trsm")(
            1.0, matrix, right, side=int(side == 82), lower=int(triangle == 76),
            trans_a={78: 0, 84: 1, 67: 2}[int(operation)], diag=int(diagonal == 85),
        )  # fmt: skip

    return trsm


def _getrf(letter):
    def getrf(m, n, a, lda, pivots, info):
        """LU factors in place; pivots count from 1."""
        matrix = _matrix(_as(a, letter), m, n, lda)
        matrix[...], found, info[0] = _routine(letter, "lapack", "getrf")(matrix)
        pivots[: min(m, n)] = found + 1

    return getrf


def _getrs(letter):
    def getrs(operation, n, k, a, lda, pivots, b, ldb, info):
        """Solve with LU factors, in place of the right-hand side."""
        matrix, right = _matrix(_as(a, letter), n, n, lda), _matrix(_as(b, letter), n, k, ldb)
        trans = {78: 0, 84: 1, 67: 2}[int(operation)]
        right[...], info[0] = _routine(letter, "lapack", "getrs")(matrix, pivots[:n] - 1, right, trans=trans)

    return getrs


spotrf, dpotrf, cpotrf, zpotrf = map(_potrf, "sdcz")
strsm, dtrsm, ctrsm, ztrsm = map(_trsm, "sdcz")
sgetrf, dgetrf, cgetrf, zgetrf = map(_getrf, "sdcz")
sgetrs, dgetrs, cgetrs, zgetrs = map(_getrs, "sdcz")

# --- tapes: handles are positions in a list -----------------------------------------------------------

_TAPES: list = []


def tape_new(columns):
    """Make a tape and return its handle."""
    _TAPES.append([0, [np.zeros(0, np.uint8)] * columns, [0] * columns])
    return len(_TAPES) - 1


def tape_width(tape, column, width):
    """Say how many bytes a row has in a column."""
    _TAPES[tape][2][column] = width
    _TAPES[tape][1][column] = np.zeros(16 * max(width, 1), np.uint8)


def tape_grow(tape, rows):
    """Make room for rows; all of them count."""
    record = _TAPES[tape]
    for j, width in enumerate(record[2]):
        data = record[1][j]
        if data.size < rows * width:
            larger = np.zeros(2 * rows * width, np.uint8)
            larger[: data.size] = data
            record[1][j] = larger
    record[0] = rows


def tape_length(tape):
    """Number of rows."""
    return _TAPES[tape][0]


def tape_data(tape, column):
    """The bytes of a column."""
    return _TAPES[tape][1][column]
