"""``jaxlite.lax.linalg``: linear algebra as strict functions, and tridiagonal systems.

lax.linalg.tridiagonal_solve(lower, diagonal, upper, b)  ->  two scans: elimination, then substitution backwards
"""

from __future__ import annotations

import enum

import numpy as np

from jaxlite.control.scan import scan
from jaxlite.errors import ArgumentError, DtypeError, ShapeError
from jaxlite.ops import elementwise, sorting, structural
from jaxlite.ops import linalg as _linalg
from jaxlite.ops import reflections as _reflections
from jaxlite.ops import schur as _schur
from jaxlite.ops.linalg import cholesky, lu, triangular_solve
from jaxlite.ops.reflections import householder_product, ormqr
from jaxlite.trace import aval_of

__all__ = [
    "EigImplementation",
    "EighImplementation",
    "SvdAlgorithm",
    "cholesky",
    "cholesky_update",
    "eig",
    "eigh",
    "hessenberg",
    "householder_product",
    "lu",
    "lu_pivots_to_permutation",
    "ormqr",
    "qr",
    "schur",
    "svd",
    "symmetric_product",
    "triangular_solve",
    "tridiagonal",
    "tridiagonal_solve",
]


class EigImplementation(enum.Enum):
    """Where `eig` is computed: LAPACK alone is here."""

    CUSOLVER = "cusolver"
    MAGMA = "magma"
    LAPACK = "lapack"


class EighImplementation(enum.Enum):
    """How `eigh` is computed: QR stands for LAPACK's routine, the others are not for CPUs."""

    QR = "qr"
    JACOBI = "jacobi"
    QDWH = "qdwh"


class SvdAlgorithm(enum.Enum):
    """How `svd` is computed: by LAPACK's division and conquest, JACOBI and POLAR are not for CPUs."""

    DEFAULT = "default"
    QR = "QR"
    JACOBI = "Jacobi"
    POLAR = "polar"
    DIVIDE_AND_CONQUER = "divide_and_conquer"


def _check_method(name: str, method, known) -> None:
    if method is not None and method not in known:
        raise ArgumentError(
            f"{name}: {method} is not computed on CPUs.", fix=f"leave it out, or use {known[0]}."
        )


def _some(x, subset: tuple[int, int] | None, axis: int):
    return x if subset is None else structural.slice_in_dim(x, *subset, axis=axis % aval_of(x).ndim)


# --- factorisations ---------------------------------------------------------------------------------


def qr(x, *, pivoting: bool = False, full_matrices: bool = True, use_magma: bool | None = None):
    """Factor a matrix into one with orthonormal columns and an upper triangle.

    Parameters
    ----------
    x : array
        ``[..., m, n]``
    pivoting : bool, default False
        Whether to factor ``x[:, p]`` so that the diagonal of ``r`` falls; LAPACK chooses ``p``.
    full_matrices : bool, default True
        Whether ``q`` is square; otherwise it has min(m, n) columns.
    use_magma : bool, optional
        Ignored: it chooses between libraries for GPUs.

    Returns
    -------
    q, r, p : Array
        ``[..., m, k]``, ``[..., k, n]`` and, with ``pivoting``, int32 ``[..., n]``.
    """
    if not pivoting:
        return _linalg.qr(x, full_matrices)
    p = _schur.column_pivots(x)
    shape = aval_of(x).shape
    columns = structural.broadcast_in_dim(p, shape, (*range(len(shape) - 2), len(shape) - 1))
    return *_linalg.qr(sorting.take_along_dim(x, columns, len(shape) - 1), full_matrices), p


def eigh(
    x,
    *,
    lower: bool = True,
    symmetrize_input: bool = True,
    sort_eigenvalues: bool = True,
    subset_by_index: tuple[int, int] | None = None,
    implementation: EighImplementation | None = None,
):
    """Return the eigenvectors and eigenvalues of a Hermitian matrix.

    Parameters
    ----------
    x : array
        ``[..., n, n]``
    lower : bool, default True
        Which triangle to read, where the input is not symmetrised.
    symmetrize_input : bool, default True
        Whether to use (x + xᴴ)/2.
    sort_eigenvalues : bool, default True
        Ignored: they always rise.
    subset_by_index : tuple of int, optional
        The first eigenvalue to return, and the one to stop at.
    implementation : EighImplementation, optional

    Returns
    -------
    v : Array
        ``[..., n, k]``, the eigenvectors in columns.
    w : Array
        ``[..., k]``

    Raises
    ------
    ArgumentError
        For an implementation that is not for CPUs.
    """
    _check_method("eigh", implementation, (EighImplementation.QR,))
    v, w = _linalg.eigh(x, lower, symmetrize_input)
    return _some(v, subset_by_index, -1), _some(w, subset_by_index, -1)


def eig(
    x,
    *,
    compute_left_eigenvectors: bool = True,
    compute_right_eigenvectors: bool = True,
    enable_eigvec_derivs: bool = False,
    implementation: EigImplementation | None = None,
) -> list:
    """Return the eigenvalues of a square matrix, and its left and right eigenvectors.

    Parameters
    ----------
    x : array
        ``[..., n, n]``
    compute_left_eigenvectors, compute_right_eigenvectors : bool, default True
        Which vectors to return.
    enable_eigvec_derivs : bool, default False
        Ignored: vectors always have derivatives, as in ``numpy.linalg.eig``: those of vectors of length 1
        whose largest element is real.
    implementation : EigImplementation, optional

    Returns
    -------
    list of Array
        The eigenvalues ``[..., n]``, then left vectors and right ones, ``[..., n, n]``, as far as asked for; complex.
        They are nan where LAPACK does not converge.

    Raises
    ------
    ArgumentError
        For an implementation that is not for CPUs.
    """
    _check_method("eig", implementation, (EigImplementation.LAPACK,))
    w, v = _linalg.eig(x)
    left = [_linalg.left_eigenvectors(x)] if compute_left_eigenvectors else []
    return [w, *left, *([v] if compute_right_eigenvectors else [])]


def schur(
    x, *, compute_schur_vectors: bool = True, sort_eig_vals: bool = False, select_callable=None
) -> list:
    """Factor a square matrix into a unitary matrix and a triangle.

    Parameters
    ----------
    x : array
        ``[..., n, n]``
    compute_schur_vectors : bool, default True
        Whether to return the unitary matrix too.
    sort_eig_vals, select_callable
        Ignored, as in JAX.

    Returns
    -------
    list of Array
        ``t``, of real matrices with blocks of two rows for pairs of complex eigenvalues, and ``z``: x = z @ t @ zᴴ.
        There are no derivatives.
    """
    t, z = _schur.schur(x)
    return [t, z] if compute_schur_vectors else [t]


def hessenberg(a):
    """Reduce a square matrix to Hessenberg's form by reflections.

    Parameters
    ----------
    a : array
        ``[..., n, n]``

    Returns
    -------
    factors : Array
        ``[..., n, n]``: the upper triangle and the first diagonal below it; further below, the vectors of reflections.
    taus : Array
        ``[..., n - 1]``: the factors of the reflections. There are no derivatives.
    """
    return _reflections.gehrd(a)


def tridiagonal(a, *, lower: bool = True):
    """Reduce a Hermitian matrix to three diagonals by reflections.

    Parameters
    ----------
    a : array
        ``[..., n, n]``
    lower : bool, default True
        Which triangle to read; the other one stays as it is.

    Returns
    -------
    factors : Array
        ``[..., n, n]``: the diagonal and the first one beside it; further off, the vectors of the reflections.
    d, e : Array
        ``[..., n]`` and ``[..., n - 1]``, real: these diagonals.
    taus : Array
        ``[..., n - 1]``: the factors of the reflections. There are no derivatives.
    """
    return _reflections.tridiagonal(a, lower)


def svd(
    x,
    *,
    full_matrices: bool = True,
    compute_uv: bool = True,
    subset_by_index: tuple[int, int] | None = None,
    algorithm: SvdAlgorithm | None = None,
):
    """Return the singular values of matrices, and their singular vectors.

    Parameters
    ----------
    x : array
        ``[..., m, n]``
    full_matrices : bool, default True
        Whether ``u`` and ``vh`` are square.
    compute_uv : bool, default True
        Whether to return the vectors too.
    subset_by_index : tuple of int, optional
        The first singular value to return, and the one to stop at; not with ``full_matrices`` and vectors.
    algorithm : SvdAlgorithm, optional

    Returns
    -------
    u, s, vh : Array
        ``[..., m, k]``, ``[..., k]`` and ``[..., k, n]``; without ``compute_uv`` just ``s``.

    Raises
    ------
    ArgumentError
        For an algorithm that is not for CPUs, and for a subset of vectors with ``full_matrices``.
    """
    _check_method("svd", algorithm, (SvdAlgorithm.DEFAULT, SvdAlgorithm.QR, SvdAlgorithm.DIVIDE_AND_CONQUER))
    if subset_by_index is not None and full_matrices and compute_uv:
        raise ArgumentError(
            "svd: a subset has no full matrices.",
            why="these hold vectors that belong to no singular value.",
            fix="full_matrices=False.",
        )
    results = _linalg.svd(x, full_matrices, compute_uv)
    if not compute_uv:
        return _some(results[0], subset_by_index, -1)
    u, s, vh = results
    return tuple(_some(part, subset_by_index, axis) for part, axis in ((u, -1), (s, -1), (vh, -2)))


# --- what is computed with factors ------------------------------------------------------------------


def lu_pivots_to_permutation(pivots, permutation_size: int):
    """Return the permutation that exchanges of rows, one after the other, make.

    Parameters
    ----------
    pivots : array of int32
        ``[..., k]``: row i is exchanged for row ``pivots[i]``.
    permutation_size : int
        At least ``k``.

    Returns
    -------
    Array
        int32 ``[..., permutation_size]``

    Examples
    --------
    >>> lu_pivots_to_permutation(np.array([2, 2, 2], np.int32), 4)
    Array([2, 0, 1, 3], dtype=int32)
    """
    aval = aval_of(pivots)
    if aval.dtype != np.int32:
        raise DtypeError(f"lu_pivots_to_permutation: pivots have type {aval}.", why="they are int32.")
    if not aval.ndim or permutation_size < aval.shape[-1]:
        raise ShapeError(
            f"lu_pivots_to_permutation: pivots of type {aval} do not fit {permutation_size} rows.",
            why="there are at least as many rows as exchanges.",
        )
    *stack, k = aval.shape
    last, shape = len(stack), (*stack, permutation_size)
    rows = structural.iota(dtype=np.dtype(np.int32), shape=shape, dimension=last)
    wide = lambda x: structural.broadcast_in_dim(x, shape, range(last + 1))  # noqa: E731

    def exchange(permutation, step):
        i, pivot = step
        here, there = structural.full((*stack, 1), 0, np.int32), structural.expand_dims(pivot, (last,))
        here = elementwise.add(here, i)
        first, second = (sorting.take_along_dim(permutation, place, last) for place in (here, there))
        moved = elementwise.select_n(elementwise.eq(rows, wide(there)), permutation, wide(first))
        return elementwise.select_n(elementwise.eq(rows, wide(here)), moved, wide(second)), None

    steps = structural.iota(dtype=np.dtype(np.int32), shape=(k,), dimension=0)
    return scan(exchange, rows, (steps, structural.move_dim(pivots, last, 0)))[0]


def symmetric_product(
    a_matrix, c_matrix, *, alpha: float = 1.0, beta: float = 0.0, symmetrize_output: bool = False
):
    """Return α·A·Aᵀ + β·C.

    Parameters
    ----------
    a_matrix : array of float
        ``[..., m, n]``
    c_matrix : array of float
        ``[..., m, m]``, symmetric.
    alpha, beta : float
    symmetrize_output : bool, default False
        Whether to write the lower triangle over the upper one.

    Returns
    -------
    Array
        ``[..., m, m]``

    Raises
    ------
    DtypeError, ShapeError
        For complex numbers or different dtypes, and for matrices that do not fit.
    """
    a, c = aval_of(a_matrix), aval_of(c_matrix)
    _check_real("symmetric_product", a, c)
    if a.ndim < 2 or c.shape != (*a.shape[:-1], a.shape[-2]):
        raise ShapeError(
            f"symmetric_product: operands have types {a}, {c}.", why="they are [..., m, n] and [..., m, m]."
        )
    product = _linalg.matmul(a_matrix, _linalg.adjoint(a_matrix))
    result = elementwise.add(elementwise.mul(product, alpha), elementwise.mul(c_matrix, beta))
    if not symmetrize_output:
        return result
    lower = _linalg.adjoint(_linalg.upper_triangle(_linalg.adjoint(result)))
    return elementwise.add(lower, _linalg.upper_triangle(_linalg.adjoint(result), 1))


def _check_real(name: str, *avals) -> None:
    if avals[0].dtype.kind != "f" or len({aval.dtype for aval in avals}) > 1:
        raise DtypeError(
            f"{name}: operands have types {', '.join(map(str, avals))}.", why="they are real, of one dtype."
        )


def cholesky_update(r_matrix, w_vector):
    """Return the factor R of RᵀR + wwᵀ from that of RᵀR, in n² steps.

    Parameters
    ----------
    r_matrix : array of float
        ``[n, n]``, upper triangular.
    w_vector : array of float
        ``[n]``

    Returns
    -------
    Array
        ``[n, n]``, upper triangular.

    Raises
    ------
    DtypeError, ShapeError
        For complex numbers or different dtypes, and for stacks, which ``vmap`` maps over.
    """
    r, w = aval_of(r_matrix), aval_of(w_vector)
    _check_real("cholesky_update", r, w)
    if r.ndim != 2 or r.shape != 2 * w.shape:
        raise ShapeError(f"cholesky_update: operands have types {r}, {w}.", why="they are [n, n] and [n].")

    def rotate(rest, step):
        # A rotation of this row and what is left of w makes the first element of w zero.
        k, row = step
        x, y = (sorting.take_along_dim(vector, structural.expand_dims(k, (0,)), 0) for vector in (row, rest))
        one, zero = structural.full((1,), 1, r.dtype), structural.full((1,), 0, r.dtype)
        done = elementwise.eq(y, zero)
        x = elementwise.select_n(elementwise.bitwise_and(done, elementwise.eq(x, zero)), x, one)
        # Where nothing is left to do the row stays, though its derivatives move, whatever its sign.
        way = elementwise.select_n(done, one, elementwise.sign(x))
        scale = elementwise.max(elementwise.abs(x), elementwise.abs(y))
        x, y = elementwise.div(x, scale), elementwise.div(y, scale)
        length = elementwise.sqrt(elementwise.add(elementwise.square(x), elementwise.square(y)))
        cosine, sine = (
            _widened(elementwise.div(elementwise.mul(part, way), length), w.shape) for part in (x, y)
        )
        turned = elementwise.add(elementwise.mul(cosine, row), elementwise.mul(sine, rest))
        return elementwise.sub(elementwise.mul(cosine, rest), elementwise.mul(sine, row)), turned

    places = structural.iota(dtype=np.dtype(np.int64), shape=w.shape, dimension=0)
    return scan(rotate, w_vector, (places, r_matrix))[1]


def tridiagonal_solve(dl, d, du, b):
    """Solve systems whose matrices have three diagonals, by elimination without pivots.

    Parameters
    ----------
    dl : array
        ``[..., n]``, below the diagonal; the first element is ignored.
    d : array
        ``[..., n]``, the diagonal.
    du : array
        ``[..., n]``, above the diagonal; the last element is ignored.
    b : array
        ``[..., n, k]``, right-hand sides.

    Returns
    -------
    Array
        ``[..., n, k]``
    """
    avals = [aval_of(x) for x in (dl, d, du, b)]
    if len({aval.shape for aval in avals[:3]}) > 1 or avals[3].shape[:-1] != avals[1].shape:
        raise ShapeError(
            f"tridiagonal_solve: operands have types {', '.join(map(str, avals))}.",
            why="diagonals are [..., n], right-hand sides [..., n, k].",
        )
    front = lambda x, axis: structural.move_dim(x, axis, 0)  # noqa: E731
    lower, middle, upper = (structural.expand_dims(front(x, -1), (avals[1].ndim,)) for x in (dl, d, du))
    right = front(b, -2)

    def eliminate(before, row):
        ratio, value = before
        below, diagonal, above, rhs = row
        pivot = elementwise.sub(diagonal, elementwise.mul(below, ratio))
        ratio = elementwise.div(above, pivot)
        wide = aval_of(rhs).shape
        below, pivot = _widened(below, wide), _widened(pivot, wide)
        value = elementwise.div(elementwise.sub(rhs, elementwise.mul(below, value)), pivot)
        return (ratio, value), (ratio, value)

    zero = lambda x: structural.full(aval_of(x).shape[1:], 0, aval_of(x).dtype)  # noqa: E731
    _, (ratios, values) = scan(eliminate, (zero(upper), zero(right)), (lower, middle, upper, right))

    def substitute(after, row):
        ratio, value = row
        x = elementwise.sub(value, elementwise.mul(_widened(ratio, aval_of(value).shape), after))
        return x, x

    _, solution = scan(substitute, zero(right), (ratios, values), reverse=True)
    return structural.move_dim(solution, 0, avals[3].ndim - 2)


def _widened(x, shape):
    """Broadcast ``[..., 1]`` to ``[..., k]``."""
    return structural.broadcast_in_dim(x, shape, tuple(range(len(shape))))
