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


def oriented(a, flag, rows, columns, ld):
    """Copy op(a), of so many rows and columns, out of a column-major array; flag 78 is "N", 84 is "T"."""
    out = np.empty((rows, columns), a.dtype)
    if flag == 78:
        for j in range(columns):
            out[:, j] = a[j * ld : j * ld + rows]
    else:
        for i in range(rows):
            out[i, :] = a[i * ld : i * ld + columns]
    return out


def dgemm(flag_a, flag_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
    """c ← op(a)·op(b) + beta·c."""
    product = np.dot(oriented(a, flag_a, m, k, lda), oriented(b, flag_b, k, n, ldb))
    for j in range(n):
        if beta == 0.0:
            c[j * ldc : j * ldc + m] = product[:, j]
        else:
            c[j * ldc : j * ldc + m] = product[:, j] + beta * c[j * ldc : j * ldc + m]


def zgemm(flag_a, flag_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
    """c ← op(a)·op(b), complex, without conjugation."""
    # Pairs of real numbers: the two parts of a leading dimension are twice as far apart.
    for part in range(2):
        for j in range(n):
            for i in range(m):
                total = 0.0
                for p in range(k):
                    u = 2 * (i + p * lda if flag_a == 78 else p + i * lda)
                    v = 2 * (p + j * ldb if flag_b == 78 else j + p * ldb)
                    if part == 0:
                        total += a[u] * b[v] - a[u + 1] * b[v + 1]
                    else:
                        total += a[u] * b[v + 1] + a[u + 1] * b[v]
                c[2 * (i + j * ldc) + part] = total


def dgemv(flag, m, n, alpha, a, lda, x, step_x, beta, y, step_y):
    """y ← op(a)·x + beta·y."""
    rows, columns = (m, n) if flag == 78 else (n, m)
    matrix = oriented(a, flag, rows, columns, lda)
    for i in range(rows):
        total = 0.0
        for j in range(columns):
            total += matrix[i, j] * x[j * step_x]
        y[i * step_y] = total if beta == 0.0 else total + beta * y[i * step_y]


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


def _trsv(letter):
    def trsv(triangle, operation, diagonal, n, a, lda, x, step_x):
        """Solve with a triangular matrix for one vector, in place."""
        matrix, vector = _matrix(_as(a, letter), n, n, lda), _as(x, letter)[: n * step_x : step_x]
        vector[...] = _routine(letter, "blas", "trsv")(
            matrix, vector, lower=int(triangle == 76), trans={78: 0, 84: 1, 67: 2}[int(operation)],
            diag=int(diagonal == 85),
        )  # fmt: skip

    return trsv


spotrf, dpotrf, cpotrf, zpotrf = map(_potrf, "sdcz")
strsm, dtrsm, ctrsm, ztrsm = map(_trsm, "sdcz")
sgetrf, dgetrf, cgetrf, zgetrf = map(_getrf, "sdcz")
strsv, dtrsv, ctrsv, ztrsv = map(_trsv, "sdcz")

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
