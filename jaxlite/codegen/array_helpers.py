"""Routines of BLAS and the runtime, for the Python form of a loop program: on flat arrays, as machine code sees them.

Matrices are column-major with a leading dimension, as in Fortran; flags are the codes of their letters.
"""

from __future__ import annotations

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
