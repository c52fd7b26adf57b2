"""Routines of BLAS and the runtime, for the Python form of a loop program: on flat arrays, as machine code sees them.

Matrices are column-major with a leading dimension, as in Fortran; flags are the codes of their letters: 65 "A",
67 "C", 76 "L", 78 "N", 82 "R", 84 "T", 85 "U", 86 "V". Complex matrices come as pairs of real numbers. All that
numba can compile is written so, for the rest it calls Python: `runtime.printed` tells it of these functions.
"""

from __future__ import annotations

import importlib

import numpy as np


def oriented(a, flag, rows, columns, ld):
    """Copy op(a), of so many rows and columns, out of a column-major array."""
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


def dcontract(
    add, n, step_a, step_b, start_a, start_b,
    m3, a3, b3, c3, m2, a2, b2, c2, m1, a1, b1, c1, m0, a0, b0, c0,
    k3, p3, q3, k2, p2, q2, k1, p1, q1, k0, p0, q0,
    a, b, c,
):  # fmt: skip
    """c[row, j] = Σₖ a[row, k]·b[row, k, j], or add to it; see `codegen.tiles`."""
    for i3, i2, i1, i0 in np.ndindex(m3, m2, m1, m0):
        at_a = start_a + i3 * a3 + i2 * a2 + i1 * a1 + i0 * a0
        at_b = start_b + i3 * b3 + i2 * b2 + i1 * b1 + i0 * b0
        at_c = i3 * c3 + i2 * c2 + i1 * c1 + i0 * c0
        for j in range(n):
            total = c[at_c + j] if add else c.dtype.type(0)
            for j3, j2, j1, j0 in np.ndindex(k3, k2, k1, k0):
                x = a[at_a + j3 * p3 + j2 * p2 + j1 * p1 + j0 * p0 + j * step_a]
                total += x * b[at_b + j3 * q3 + j2 * q2 + j1 * q1 + j0 * q0 + j * step_b]
            c[at_c + j] = total


sgemm, cgemm, sgemv, scontract = dgemm, zgemm, dgemv, dcontract


# --- LAPACK's and BLAS's solvers, in place ------------------------------------------------------------


def dpotrf(triangle, n, a, lda, info):
    """Cholesky factor of one triangle; info is 1 + the row where the matrix is not positive definite."""
    info[0] = 0
    for j in range(n):
        square = a[j + j * lda].real
        for k in range(j):
            x = a[j + k * lda] if triangle == 76 else a[k + j * lda]
            square -= (x * np.conj(x)).real
        if square <= 0:
            info[0] = j + 1
            return
        root = np.sqrt(square)
        a[j + j * lda] = root
        for i in range(j + 1, n):
            at = i + j * lda if triangle == 76 else j + i * lda
            rest = a[at]
            for k in range(j):
                if triangle == 76:
                    rest -= a[i + k * lda] * np.conj(a[j + k * lda])
                else:
                    rest -= np.conj(a[k + j * lda]) * a[k + i * lda]
            a[at] = rest / root


def operated(a, operation, i, j, ld):
    """Element of op(a)."""
    if operation == 78:
        return a[i + j * ld]
    return np.conj(a[j + i * ld]) if operation == 67 else a[j + i * ld]


def solve_vector(forward, operation, diagonal, n, a, lda, x, start, step):
    """Solve op(a)·x = x for the ``n`` numbers of x from ``start`` on; forward where op(a) is a lower triangle."""
    for count in range(n):
        i = count if forward else n - 1 - count
        rest = x[start + i * step]
        for before in range(count):
            k = before if forward else n - 1 - before
            rest -= operated(a, operation, i, k, lda) * x[start + k * step]
        if diagonal != 85:
            rest /= operated(a, operation, i, i, lda)
        x[start + i * step] = rest


def dtrsm(side, triangle, operation, diagonal, m, n, alpha, a, lda, b, ldb):
    """Solve op(a)·x = b for a triangular matrix, or x·op(a) = b where the side is "R", in place of b."""
    forward = (triangle == 76) == (operation == 78)
    if side == 76:
        for j in range(n):
            solve_vector(forward, operation, diagonal, m, a, lda, b, j * ldb, 1)
        return
    for count in range(n):
        j = n - 1 - count if forward else count
        for i in range(m):
            rest = b[i + j * ldb]
            for before in range(count):
                k = n - 1 - before if forward else before
                rest -= b[i + k * ldb] * operated(a, operation, k, j, lda)
            if diagonal != 85:
                rest /= operated(a, operation, j, j, lda)
            b[i + j * ldb] = rest


def dtrsv(triangle, operation, diagonal, n, a, lda, x, step_x):
    """Solve with a triangular matrix for one vector."""
    solve_vector((triangle == 76) == (operation == 78), operation, diagonal, n, a, lda, x, 0, step_x)


def dgetrf(m, n, a, lda, pivots, info):
    """LU factors; pivots count from 1, and so does info, the first pivot that is zero."""
    info[0] = 0
    for j in range(min(m, n)):
        row, largest = j, -1.0
        for i in range(j, m):
            # As BLAS compares complex numbers.
            size = abs(a[i + j * lda].real) + abs(a[i + j * lda].imag)
            if size > largest:
                row, largest = i, size
        pivots[j] = row + 1
        pivot = a[row + j * lda]
        if pivot == 0:
            if info[0] == 0:
                info[0] = j + 1
            continue
        if row != j:
            for k in range(n):
                upper, lower = a[j + k * lda], a[row + k * lda]
                a[j + k * lda], a[row + k * lda] = lower, upper
        for i in range(j + 1, m):
            a[i + j * lda] /= pivot
            factor = a[i + j * lda]
            for k in range(j + 1, n):
                a[i + k * lda] -= factor * a[j + k * lda]


def reflect(start, tau, m, n, a, lda, column):
    """Multiply columns from ``column`` on by 1 - tau·v·vᴴ; v is 1, then what stands below a[start]."""
    for j in range(column, n):
        top = start % lda + j * lda
        total = a[top]
        for i in range(1, m - start % lda):
            total += np.conj(a[start + i]) * a[top + i]
        total *= tau
        a[top] -= total
        for i in range(1, m - start % lda):
            a[top + i] -= a[start + i] * total


def dgeqrf(m, n, a, lda, tau, work, lwork, info):
    """R, and below it the vectors v of the reflections 1 - tau·v·vᴴ that multiply to Q."""
    info[0] = 0
    for k in range(min(m, n)):
        start = k + k * lda
        top, rest = a[start], 0.0
        for i in range(1, m - k):
            rest += a[start + i].real ** 2 + a[start + i].imag ** 2
        if rest == 0.0 and top.imag == 0.0:
            tau[k] = 0.0
            continue
        beta = -np.copysign(np.sqrt(top.real**2 + top.imag**2 + rest), top.real)
        tau[k] = (beta - top) / beta
        for i in range(1, m - k):
            a[start + i] /= top - beta
        reflect(start, np.conj(tau[k]), m, n, a, lda, k + 1)
        a[start] = beta


def dorgqr(m, n, k, a, lda, tau, work, lwork, info):
    """The first ``n`` columns of the product of ``k`` reflections, as geqrf leaves them."""
    info[0] = 0
    for j in range(k, n):
        for i in range(m):
            a[i + j * lda] = 1.0 if i == j else 0.0
    for count in range(k):
        j = k - 1 - count
        start = j + j * lda
        reflect(start, tau[j], m, n, a, lda, j + 1)
        for i in range(1, m - j):
            a[start + i] *= -tau[j]
        a[start] = 1.0 - tau[j]
        for i in range(j):
            a[i + j * lda] = 0.0


def dsyevd(job, triangle, n, a, lda, w, work, lwork, iwork, liwork, info):
    """Eigenvalues of a Hermitian matrix, and its vectors in its place where the job is "V"."""
    matrix = oriented(a, 78, n, n, lda)
    for j in range(n):
        for i in range(j):
            if triangle == 76:
                matrix[i, j] = np.conj(matrix[j, i])
            else:
                matrix[j, i] = np.conj(matrix[i, j])
    info[0] = 0 if np.isfinite(matrix).all() else 1
    if info[0]:
        return
    values, vectors = np.linalg.eigh(matrix)
    w[:n] = values
    if job == 86:
        for j in range(n):
            a[j * lda : j * lda + n] = vectors[:, j]


def dgesdd(job, m, n, a, lda, s, u, ldu, vt, ldvt, work, lwork, iwork, info):
    """Singular values; and vectors, all of them where the job is "A", as many as there are values where it is "S"."""
    matrix = oriented(a, 78, m, n, lda)
    info[0] = 0 if np.isfinite(matrix).all() else 1
    if info[0]:
        return
    left, values, right = np.linalg.svd(matrix, job == 65)
    s[: min(m, n)] = values
    if job == 78:
        return
    for j in range(left.shape[1]):
        u[j * ldu : j * ldu + m] = left[:, j]
    for j in range(n):
        vt[j * ldvt : j * ldvt + right.shape[0]] = right[:, j]


spotrf, strsm, strsv, sgetrf = dpotrf, dtrsm, dtrsv, dgetrf
sgeqrf, sorgqr, ssyevd, sgesdd = dgeqrf, dorgqr, dsyevd, dgesdd


def zpotrf(triangle, n, a, lda, info):
    """As dpotrf."""
    dpotrf(triangle, n, complex128(a), lda, info)


def ztrsm(side, triangle, operation, diagonal, m, n, alpha, a, lda, b, ldb):
    """As dtrsm."""
    dtrsm(side, triangle, operation, diagonal, m, n, alpha, complex128(a), lda, complex128(b), ldb)


def ztrsv(triangle, operation, diagonal, n, a, lda, x, step_x):
    """As dtrsv."""
    dtrsv(triangle, operation, diagonal, n, complex128(a), lda, complex128(x), step_x)


def zgetrf(m, n, a, lda, pivots, info):
    """As dgetrf."""
    dgetrf(m, n, complex128(a), lda, pivots, info)


def zgeqrf(m, n, a, lda, tau, work, lwork, info):
    """As dgeqrf."""
    dgeqrf(m, n, complex128(a), lda, complex128(tau), work, lwork, info)


def zungqr(m, n, k, a, lda, tau, work, lwork, info):
    """As dorgqr."""
    dorgqr(m, n, k, complex128(a), lda, complex128(tau), work, lwork, info)


def zheevd(job, triangle, n, a, lda, w, work, lwork, rwork, lrwork, iwork, liwork, info):
    """As dsyevd."""
    dsyevd(job, triangle, n, complex128(a), lda, w, work, lwork, iwork, liwork, info)


def zgesdd(job, m, n, a, lda, s, u, ldu, vt, ldvt, work, lwork, rwork, iwork, info):
    """As dgesdd."""
    dgesdd(
        job, m, n, complex128(a), lda, s, complex128(u), ldu, complex128(vt), ldvt, work, lwork, iwork, info
    )


def cpotrf(triangle, n, a, lda, info):
    """As dpotrf."""
    dpotrf(triangle, n, complex64(a), lda, info)


def ctrsm(side, triangle, operation, diagonal, m, n, alpha, a, lda, b, ldb):
    """As dtrsm."""
    dtrsm(side, triangle, operation, diagonal, m, n, alpha, complex64(a), lda, complex64(b), ldb)


def ctrsv(triangle, operation, diagonal, n, a, lda, x, step_x):
    """As dtrsv."""
    dtrsv(triangle, operation, diagonal, n, complex64(a), lda, complex64(x), step_x)


def cgetrf(m, n, a, lda, pivots, info):
    """As dgetrf."""
    dgetrf(m, n, complex64(a), lda, pivots, info)


def cgeqrf(m, n, a, lda, tau, work, lwork, info):
    """As dgeqrf."""
    dgeqrf(m, n, complex64(a), lda, complex64(tau), work, lwork, info)


def cungqr(m, n, k, a, lda, tau, work, lwork, info):
    """As dorgqr."""
    dorgqr(m, n, k, complex64(a), lda, complex64(tau), work, lwork, info)


def cheevd(job, triangle, n, a, lda, w, work, lwork, rwork, lrwork, iwork, liwork, info):
    """As dsyevd."""
    dsyevd(job, triangle, n, complex64(a), lda, w, work, lwork, iwork, liwork, info)


def cgesdd(job, m, n, a, lda, s, u, ldu, vt, ldvt, work, lwork, rwork, iwork, info):
    """As dgesdd."""
    dgesdd(job, m, n, complex64(a), lda, s, complex64(u), ldu, complex64(vt), ldvt, work, lwork, iwork, info)


# --- LAPACK's routines by SciPy, for which numba calls Python -------------------------------------------


def by_scipy(routine, a):
    """SciPy's form of a routine, for the type of an array."""
    return importlib.import_module("scipy.linalg").get_lapack_funcs((routine,), dtype=a.dtype)[0]


def as_complex(pairs):
    """View pairs of real numbers as complex ones, of their precision."""
    return complex64(pairs) if pairs.dtype == np.float32 else complex128(pairs)


def put(a, lda, matrix):
    """Write a matrix into a column-major array."""
    for j in range(matrix.shape[1]):
        a[j * lda : j * lda + matrix.shape[0]] = matrix[:, j]


def schur_in_place(job, n, a, lda, vs, ldvs, info):
    """Schur form of a, in its place, and vectors where the job is "V"."""
    gees, matrix = by_scipy("gees", a), oriented(a, 78, n, n, lda)
    t, *_, z, _, info[0] = gees(lambda *eigenvalue: None, matrix, compute_v=job == 86)
    put(a, lda, t)
    if job == 86:
        put(vs, ldvs, z)


def dgees(job, sort, select, n, a, lda, selected, re, im, vs, ldvs, work, lwork, bwork, info):
    """Schur form, without order among the eigenvalues."""
    schur_in_place(job, n, a, lda, vs, ldvs, info)


def zgees(job, sort, select, n, a, lda, selected, w, vs, ldvs, work, lwork, rwork, bwork, info):
    """As dgees."""
    schur_in_place(job, n, as_complex(a), lda, as_complex(vs), ldvs, info)


def chosen_vectors(left, right, vl, ldvl, vr, ldvr, found):
    """Write the vectors of the kind for which the job is "V"."""
    if left == 86:
        put(vl, ldvl, found[0])
    if right == 86:
        put(vr, ldvr, found[1])


def dgeev(left, right, n, a, lda, re, im, vl, ldvl, vr, ldvr, work, lwork, info):
    """Eigenvalues of any matrix; vectors where a job is "V", a complex pair as real and imaginary part."""
    matrix = oriented(a, 78, n, n, lda)
    jobs = {"compute_vl": left == 86, "compute_vr": right == 86}
    re[:n], im[:n], *found, info[0] = by_scipy("geev", a)(matrix, **jobs)
    chosen_vectors(left, right, vl, ldvl, vr, ldvr, found)


def zgeev(left, right, n, a, lda, w, vl, ldvl, vr, ldvr, work, lwork, rwork, info):
    """As dgeev."""
    a = as_complex(a)
    matrix = oriented(a, 78, n, n, lda)
    jobs = {"compute_vl": left == 86, "compute_vr": right == 86}
    values, *found, info[0] = by_scipy("geev", a)(matrix, **jobs)
    as_complex(w)[:n] = values
    chosen_vectors(left, right, as_complex(vl), ldvl, as_complex(vr), ldvr, found)


def dgehrd(n, low, high, a, lda, tau, work, lwork, info):
    """Hessenberg form, and below it the vectors of the reflections that multiply to Q."""
    factors, tau[: n - 1], info[0] = by_scipy("gehrd", a)(oriented(a, 78, n, n, lda))
    put(a, lda, factors)


def dorghr(n, low, high, a, lda, tau, work, lwork, info):
    """The product of the reflections that gehrd leaves."""
    q, info[0] = by_scipy("orghr", a)(oriented(a, 78, n, n, lda), tau[: n - 1])
    put(a, lda, q)


def zgehrd(n, low, high, a, lda, tau, work, lwork, info):
    """As dgehrd."""
    dgehrd(n, low, high, as_complex(a), lda, as_complex(tau), work, lwork, info)


def zunghr(n, low, high, a, lda, tau, work, lwork, info):
    """As dorghr."""
    dorghr(n, low, high, as_complex(a), lda, as_complex(tau), work, lwork, info)


def dtrsyl(operation_a, operation_b, sign, m, n, a, lda, b, ldb, c, ldc, scale, info):
    """Solve op(a)·x + x·op(b) = scale·c, for Schur forms, in place of c."""
    matrices = oriented(a, 78, m, m, lda), oriented(b, 78, n, n, ldb), oriented(c, 78, m, n, ldc)
    x, scale[0], info[0] = by_scipy("trsyl", a)(*matrices, trana=chr(operation_a), tranb=chr(operation_b))
    put(c, ldc, x)


def ztrsyl(operation_a, operation_b, sign, m, n, a, lda, b, ldb, c, ldc, scale, info):
    """As dtrsyl."""
    matrices = as_complex(a), lda, as_complex(b), ldb, as_complex(c), ldc
    dtrsyl(operation_a, operation_b, sign, m, n, *matrices, scale, info)


def dgeqp3(m, n, a, lda, pivots, tau, work, lwork, info):
    """R of a QR with pivots, which count from 1; all columns may be taken at any time."""
    factors, pivots[:n], tau[: min(m, n)], _, info[0] = by_scipy("geqp3", a)(oriented(a, 78, m, n, lda))
    put(a, lda, factors)


def zgeqp3(m, n, a, lda, pivots, tau, work, lwork, rwork, info):
    """As dgeqp3."""
    dgeqp3(m, n, as_complex(a), lda, pivots, as_complex(tau), work, lwork, info)


def dormqr(side, operation, m, n, k, a, lda, tau, c, ldc, work, lwork, info):
    """Multiply c, in its place, by the product of reflections that geqrf leaves."""
    letters, rows = (chr(side), chr(operation)), m if side == 76 else n
    vectors, matrix = oriented(a, 78, rows, k, lda), oriented(c, 78, m, n, ldc)
    # Sums depend on the blocks that a workspace has room for.
    product, _, info[0] = by_scipy("ormqr", a)(*letters, vectors.copy(), tau[:k], matrix, lwork)
    put(c, ldc, product)


def zunmqr(side, operation, m, n, k, a, lda, tau, c, ldc, work, lwork, info):
    """As dormqr."""
    arrays = as_complex(a), lda, as_complex(tau), as_complex(c), ldc
    dormqr(side, operation, m, n, k, *arrays, work, lwork, info)


def three_diagonals(routine, triangle, n, a, lda, d, e, tau, info):
    """Three diagonals of a Hermitian matrix, and beside them the vectors of the reflections that multiply to Q."""
    matrix = oriented(a, 78, n, n, lda)
    factors, d[:n], e[: n - 1], tau[: n - 1], info[0] = by_scipy(routine, a)(matrix, lower=triangle == 76)
    put(a, lda, factors)


def dsytrd(triangle, n, a, lda, d, e, tau, work, lwork, info):
    """As three_diagonals says, of a real matrix."""
    three_diagonals("sytrd", triangle, n, a, lda, d, e, tau, info)


def zhetrd(triangle, n, a, lda, d, e, tau, work, lwork, info):
    """As three_diagonals says."""
    three_diagonals("hetrd", triangle, n, as_complex(a), lda, d, e, as_complex(tau), info)


sormqr, ssytrd, cunmqr, chetrd = dormqr, dsytrd, zunmqr, zhetrd
sgees, sgeev, sgehrd, sorghr, strsyl, sgeqp3 = dgees, dgeev, dgehrd, dorghr, dtrsyl, dgeqp3
cgees, cgeev, cgehrd, cunghr, ctrsyl, cgeqp3 = zgees, zgeev, zgehrd, zunghr, ztrsyl, zgeqp3


def complex128(pairs):
    """View pairs of real numbers as complex ones."""
    return pairs[: pairs.size // 2 * 2].view(np.complex128)


def complex64(pairs):
    """View pairs of real numbers as complex ones."""
    return pairs[: pairs.size // 2 * 2].view(np.complex64)


# --- Fourier transforms, for which numba calls Python ---------------------------------------------------


def by_lines(x, lines, points, between, step):
    """View points as lines, so far from line to line and from point to point."""
    strides = between * x.strides[0], step * x.strides[0]
    return np.lib.stride_tricks.as_strided(x, (lines, points), strides)


def zfft(lines, n, between_x, step_x, between_y, step_y, x, y):
    """y ← transforms of lines of x, both complex."""
    out = by_lines(as_complex(y), lines, n, between_y, step_y)
    out[...] = np.fft.fft(by_lines(as_complex(x), lines, n, between_x, step_x))


def zifft(lines, n, between_x, step_x, between_y, step_y, x, y):
    """y ← inverse transforms of lines of x, both complex."""
    out = by_lines(as_complex(y), lines, n, between_y, step_y)
    out[...] = np.fft.ifft(by_lines(as_complex(x), lines, n, between_x, step_x))


def drfft(lines, n, between_x, step_x, between_y, step_y, x, y):
    """y ← halves of transforms of real lines of x."""
    out = by_lines(as_complex(y), lines, n // 2 + 1, between_y, step_y)
    out[...] = np.fft.rfft(by_lines(x, lines, n, between_x, step_x))


def dirfft(lines, n, between_x, step_x, between_y, step_y, x, y):
    """y ← real lines of which x holds halves of transforms."""
    out = by_lines(y, lines, n, between_y, step_y)
    out[...] = np.fft.irfft(by_lines(as_complex(x), lines, n // 2 + 1, between_x, step_x), n)


cfft, cifft, srfft, sirfft = zfft, zifft, drfft, dirfft


# --- tapes: handles are positions in a list -----------------------------------------------------------

_TAPES: list = []


def tape_new(columns):
    """Make a tape and return its handle."""
    _TAPES.append([0, [np.zeros(0, np.uint8)] * columns, [0] * columns])
    return len(_TAPES) - 1


def tape_mark():
    """The tapes that there are, for `tape_release`."""
    return len(_TAPES)


def tape_release(mark):
    """Give back the tapes made since then."""
    del _TAPES[mark:]


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
