"""``jaxlite.scipy.linalg``: factorisations, functions of matrices, and matrices with a structure.

Functions are compositions of `jaxlite.numpy.linalg` and `jaxlite.lax` with SciPy's names and defaults: under `jit`
machine code that calls LAPACK for one matrix of a stack after the other. `schur` and `hessenberg` have no derivatives.

>>> jaxlite.scipy.linalg.expm(jnp.zeros((2, 2)))
Array([[1., 0.],
       [0., 1.]], dtype=float64)
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.api.batching import vmap
from jaxlite.api.forward import jvp
from jaxlite.control.cond import cond
from jaxlite.control.custom_rules import custom_jvp
from jaxlite.control.implicit import custom_linear_solve
from jaxlite.control.jit import jit
from jaxlite.control.scan import scan
from jaxlite.control.while_loop import fori_loop
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy import linalg as nl
from jaxlite.numpy.promotion import promote_inexact
from jaxlite.ops import linalg as ops
from jaxlite.ops import schur as ops_schur
from jaxlite.ops.indexing import dynamic_slice, dynamic_update_slice
from jaxlite.ops.schur import column_pivots
from jaxlite.ops.structural import stop_gradient
from jaxlite.scipy._rules import scipy_function
from jaxlite.trace import aval_of
from jaxlite.typing import Array, ArrayLike, DTypeLike

__all__ = [
    "block_diag",
    "cho_factor",
    "cho_solve",
    "cholesky",
    "circulant",
    "companion",
    "convolution_matrix",
    "det",
    "dft",
    "eigh",
    "eigh_tridiagonal",
    "expm",
    "expm_frechet",
    "fiedler",
    "fiedler_companion",
    "funm",
    "hadamard",
    "hankel",
    "helmert",
    "hessenberg",
    "hilbert",
    "inv",
    "invhilbert",
    "invpascal",
    "leslie",
    "lu",
    "lu_factor",
    "lu_solve",
    "pascal",
    "polar",
    "qr",
    "qr_multiply",
    "rsf2csf",
    "schur",
    "solve",
    "solve_banded",
    "solve_sylvester",
    "solve_triangular",
    "sqrtm",
    "svd",
    "toeplitz",
]


# --- operands, and calls of SciPy -----------------------------------------------------------------------


def _matrix(name: str, a, square: bool = True):
    return jnp.asarray(nl.matrix_operand(name, a, square))


def _adjoint(x):
    return jnp.conj(jnp.matrix_transpose(x))


def _scipy(name: str) -> Callable:
    return scipy_function(name, "linalg")


def _check_choice(name: str, parameter: str, value, choices):
    if value not in choices:
        raise ArgumentError(
            f"linalg.{name}: {parameter} is {value!r}.", why=f"it is one of {', '.join(map(repr, choices))}."
        )


# --- factorisations -------------------------------------------------------------------------------------


def cholesky(
    a: ArrayLike, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Array:
    """Return the triangular factor of a positive definite matrix.

    Parameters
    ----------
    a : f64[..., n, n] or c128[..., n, n]
        Hermitian: (a + aᴴ)/2 is factored.
    lower : bool, default False
        Whether to return L with ``L @ L.conj().T == a`` instead of its adjoint.
    overwrite_a, check_finite : bool
        Accepted for programs written for SciPy, and ignored; so everywhere in this module.

    Returns
    -------
    Array
        ``[..., n, n]``; nan where ``a`` is not positive definite.

    Examples
    --------
    >>> jaxlite.scipy.linalg.cholesky(jnp.array([[4.0, 2.0], [2.0, 5.0]]))
    Array([[2., 1.],
           [0., 2.]], dtype=float64)
    """
    return nl.cholesky(a, upper=not lower)


def cho_factor(
    a: ArrayLike, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Array, bool]:
    """Return `cholesky`'s factor and which one it is, for `cho_solve`.

    Parameters
    ----------
    a : f64[..., n, n] or c128[..., n, n]
    lower : bool, default False
    overwrite_a, check_finite : bool

    Returns
    -------
    c : Array
        ``[..., n, n]``
    lower : bool
    """
    return cholesky(a, lower), lower


def cho_solve(
    c_and_lower: tuple[ArrayLike, bool], b: ArrayLike, overwrite_b: bool = False, check_finite: bool = True
) -> Array:
    """Solve ``a @ x = b``, given what `cho_factor` returns for ``a``.

    Parameters
    ----------
    c_and_lower : (f64[..., n, n], bool)
    b : f64[..., n] or f64[..., n, k]
    overwrite_b, check_finite : bool

    Returns
    -------
    Array
        Of the shape of ``b``.

    Examples
    --------
    >>> factor = jaxlite.scipy.linalg.cho_factor(jnp.array([[4.0, 2.0], [2.0, 5.0]]))
    >>> jaxlite.scipy.linalg.cho_solve(factor, jnp.array([2.0, 5.0]))
    Array([0., 1.], dtype=float64)
    """
    c, lower = c_and_lower
    first, second = (0, 2) if lower else (2, 0)
    return solve_triangular(c, solve_triangular(c, b, first, lower), second, lower)


def lu_factor(a: ArrayLike, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Array, Array]:
    """Return the LU factors of a matrix in one array, and the exchanges of rows.

    Parameters
    ----------
    a : f64[..., n, n] or c128[..., n, n]
    overwrite_a, check_finite : bool

    Returns
    -------
    lu : Array
        ``[..., n, n]``
    piv : Array
        ``i32[..., n]``: row i was exchanged with row piv[i].
    """
    factors, pivots, _ = ops.lu(_matrix("lu_factor", a, square=False))
    return factors, pivots


def _permutation(pivots, n: int):
    """Return the permutation that a sequence of exchanges makes; for one vector of pivots."""

    def swap(i, permutation):
        j = pivots[i]
        x, y = permutation[i], permutation[j]
        return permutation.at[i].set(y).at[j].set(x)

    start = jnp.arange(n, dtype=aval_of(pivots).dtype)
    return fori_loop(0, aval_of(pivots).shape[0], swap, start)


def lu_solve(
    lu_and_piv: tuple[ArrayLike, ArrayLike],
    b: ArrayLike,
    trans: int = 0,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Array:
    """Solve ``op(a) @ x = b``, given what `lu_factor` returns for ``a``.

    Parameters
    ----------
    lu_and_piv : (f64[..., n, n], i32[..., n])
    b : f64[n], or f64[..., n, k]
    trans : {0, 1, 2}
        Whether ``op`` does nothing, transposes, or transposes and conjugates.
    overwrite_b, check_finite : bool

    Returns
    -------
    Array
        Of the shape of ``b``.

    Raises
    ------
    ArgumentError
        For another ``trans``.
    """
    _check_choice("lu_solve", "trans", trans, (0, 1, 2))
    factors, b = map(jnp.asarray, promote_inexact("lu_solve", lu_and_piv[0], b))
    pivots = jnp.asarray(lu_and_piv[1])
    n = factors.shape[-1]
    permute = lambda p: _permutation(p, n)  # noqa: E731
    for _ in range(pivots.ndim - 1):
        permute = vmap(permute)
    return ops.lu_solve(factors, permute(pivots), b, trans)


def lu(
    a: ArrayLike, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Array, Array, Array] | tuple[Array, Array]:
    """Factor a matrix as ``p @ l @ u``.

    Parameters
    ----------
    a : f64[..., m, n] or c128[..., m, n]
    permute_l : bool, default False
        Whether to return ``p @ l`` and ``u``.
    overwrite_a, check_finite : bool

    Returns
    -------
    p, l, u : Array
        ``[..., m, m]``, ``[..., m, k]`` and ``[..., k, n]`` with k = min(m, n).
    """
    x = _matrix("lu", a, square=False)
    m, n = x.shape[-2:]
    k = min(m, n)
    factors, _, permutation = ops.lu(x)
    lower = jnp.tril(factors[..., :, :k], -1) + jnp.eye(m, k, dtype=x.dtype)
    upper = jnp.triu(factors[..., :k, :])
    p = jnp.astype(jnp.arange(m)[:, None] == permutation[..., None, :], np.finfo(x.dtype).dtype)
    return (jnp.matmul(jnp.astype(p, x.dtype), lower), upper) if permute_l else (p, lower, upper)


def qr(
    a: ArrayLike,
    overwrite_a: bool = False,
    lwork=None,
    mode: str = "full",
    pivoting: bool = False,
    check_finite: bool = True,
) -> tuple[Array, ...]:
    """Factor a matrix as ``q @ r``.

    Parameters
    ----------
    a : f64[..., m, n] or c128[..., m, n]
    overwrite_a, check_finite : bool
    lwork : None
        Ignored.
    mode : {"full", "economic", "r"}
        Whether ``q`` is square, has min(m, n) columns, or is left out.
    pivoting : bool, default False
        Whether to factor ``a[:, p]`` so that the diagonal of ``r`` falls; LAPACK chooses ``p``.

    Returns
    -------
    q, r, p : Array
        As far as they are asked for, in this order.

    Raises
    ------
    ArgumentError
        For another ``mode``.
    """
    _check_choice("qr", "mode", mode, ("full", "economic", "r"))
    x = _matrix("qr", a, square=False)
    last = ()
    if pivoting:
        p = column_pivots(x)
        last = (p,)
        x = jnp.take_along_axis(x, p[..., None, :], axis=-1)
    q, r = ops.qr(x, mode != "economic")
    return (r, *last) if mode == "r" else (q, r, *last)


def qr_multiply(
    a: ArrayLike,
    c: ArrayLike,
    mode: str = "right",
    pivoting: bool = False,
    conjugate: bool = False,
    overwrite_a: bool = False,
    overwrite_c: bool = False,
) -> tuple[Array, ...]:
    """Multiply with the ``q`` of a QR factorisation.

    Parameters
    ----------
    a : f64[..., m, n] or c128[..., m, n]
    c : f64[..., r, s], or a vector
    mode : {"right", "left"}
        Whether to compute ``c @ q`` or ``q @ c``.
    pivoting, conjugate : bool
        As for `qr`; whether to conjugate ``q``.
    overwrite_a, overwrite_c : bool

    Returns
    -------
    product, r, p : Array
        ``p`` only with ``pivoting``.

    Raises
    ------
    ArgumentError
        For another ``mode``.
    ShapeError
        If ``c`` does not fit.
    """
    _check_choice("qr_multiply", "mode", mode, ("right", "left"))
    q, *rest = qr(a, mode="economic", pivoting=pivoting)
    q = jnp.conj(q) if conjugate else q
    c = jnp.asarray(promote_inexact("qr_multiply", c)[0])
    vector = c.ndim == 1
    if mode == "left":
        if vector and c.shape[0] != q.shape[-1]:
            raise ShapeError(
                f"linalg.qr_multiply: c has type {aval_of(c)}.", why=f"q has {q.shape[-1]} columns."
            )
        return (jnp.matmul(q, c), *rest)
    if c.shape[-1] != q.shape[-2]:
        raise ShapeError(f"linalg.qr_multiply: c has type {aval_of(c)}.", why=f"q has {q.shape[-2]} rows.")
    return (jnp.matmul(c, q), *rest)


def svd(
    a: ArrayLike,
    full_matrices: bool = True,
    compute_uv: bool = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> tuple[Array, Array, Array] | Array:
    """Return singular vectors and values; see `jaxlite.numpy.linalg.svd`.

    Parameters
    ----------
    a : f64[..., m, n] or c128[..., m, n]
    full_matrices, compute_uv : bool
        Whether the vectors form square matrices; whether to return them.
    overwrite_a, check_finite : bool
    lapack_driver : str
        Ignored.

    Returns
    -------
    u, s, vh : Array
        Without ``compute_uv`` just ``s``.
    """
    result = nl.svd(a, full_matrices, compute_uv)
    return tuple(result) if compute_uv else result


def eigh(
    a: ArrayLike,
    b: ArrayLike | None = None,
    lower: bool = True,
    eigvals_only: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    turbo: bool = True,
    eigvals: None = None,
    type: int = 1,
    check_finite: bool = True,
) -> tuple[Array, Array] | Array:
    """Eigenvalues and vectors of a Hermitian matrix, also of ``a @ v = w * b @ v``.

    Parameters
    ----------
    a : f64[..., n, n] or c128[..., n, n]
    b : f64[..., n, n], optional
        Positive definite. Differs from JAX, which does not take it.
    lower : bool, default True
        Which triangle of ``a`` is read.
    eigvals_only : bool, default False
    overwrite_a, overwrite_b, turbo, check_finite : bool
    eigvals : None
    type : {1}
        Other problems are not supported.

    Returns
    -------
    w, v : Array
        ``[..., n]``, ascending, and ``[..., n, n]``, in columns.

    Raises
    ------
    ArgumentError
        For another ``type`` or ``eigvals``.
    """
    _check_choice("eigh", "type", type, (1,))
    _check_choice("eigh", "eigvals", eigvals, (None,))
    x = _matrix("eigh", a)
    if b is not None:
        x = _from_triangle(x, lower)
        factor = nl.cholesky(b)
        x = solve_triangular(factor, _adjoint(solve_triangular(factor, x, lower=True)), lower=True)
        if eigvals_only:
            return nl.eigvalsh(x)
        w, v = nl.eigh(x)
        return w, solve_triangular(factor, v, 2, lower=True)
    *v, w = ops.eigh(x, lower, False, not eigvals_only)
    return w if eigvals_only else (w, *v)


def _from_triangle(x, lower: bool):
    half = jnp.tril(x, -1) if lower else jnp.triu(x, 1)
    diagonal = jnp.real(jnp.diagonal(x, axis1=-2, axis2=-1))
    return (
        half
        + _adjoint(half)
        + jnp.astype(diagonal, x.dtype)[..., None, :] * jnp.eye(x.shape[-1], dtype=x.dtype)
    )


def eigh_tridiagonal(
    d: ArrayLike,
    e: ArrayLike,
    *,
    eigvals_only: bool = False,
    select: str = "a",
    select_range: tuple[float, float] | None = None,
    tol: float | None = None,
    key: None = None,
) -> tuple[Array, Array] | Array:
    """Eigenvalues and vectors of a symmetric tridiagonal matrix.

    Parameters
    ----------
    d : f64[..., n]
        The diagonal.
    e : f64[..., n - 1]
        What stands beside it.
    eigvals_only : bool, default False
    select : {"a", "i"}
        All of them, or those with indices in ``select_range``, its end included.
    select_range : (int, int), optional
    tol, key
        Accepted for programs written for JAX, and ignored.

    Returns
    -------
    w, v : Array
        ``[..., k]``, ascending, and ``[..., n, k]``, in columns.

    Raises
    ------
    ArgumentError
        For another ``select``.
    ShapeError
        If the sizes do not fit.

    Notes
    -----
    The matrix is formed: this costs n³.
    """
    _check_choice("eigh_tridiagonal", "select", select, ("a", "i"))
    d, e = map(jnp.asarray, promote_inexact("eigh_tridiagonal", d, e))
    n = d.shape[-1] if d.ndim else 0
    if not d.ndim or not e.ndim or e.shape[-1] != max(n - 1, 0):
        raise ShapeError(
            f"linalg.eigh_tridiagonal: d has type {aval_of(d)}, e {aval_of(e)}.",
            why="they are [n] and [n - 1].",
        )
    row, column = np.indices((n, n))
    beside = jnp.concatenate([e, jnp.zeros_like(d[..., :1])], axis=-1)
    below = jnp.where(row == column + 1, beside[..., None, :], 0)
    x = jnp.where(row == column, d[..., None, :], 0) + below + _adjoint(below)
    results = (eigh(x, eigvals_only=True),) if eigvals_only else eigh(x)
    if select == "i":
        first, last = select_range
        results = tuple(result[..., first : last + 1] for result in results)
    return results[0] if eigvals_only else results


def schur(a: ArrayLike, output: str = "real") -> tuple[Array, Array]:
    """Factor a square matrix as ``z @ t @ z.conj().T`` with unitary z and (block) triangular t.

    Parameters
    ----------
    a : f64[..., n, n] or c128[..., n, n]
    output : {"real", "complex"}
        Whether a pair of complex eigenvalues is a block of two rows in t.

    Returns
    -------
    t, z : Array
        ``[..., n, n]`` each; complex for ``"complex"``.

    Raises
    ------
    ArgumentError
        For another ``output``.

    Notes
    -----
    It has no derivative. The factors are nan where ``a`` is not finite.
    """
    _check_choice("schur", "output", output, ("real", "complex"))
    x = _matrix("schur", a)
    return ops_schur.schur(_as_complex(x) if output == "complex" else x)


def _as_complex(x):
    return jnp.astype(x, np.result_type(x.dtype, np.complex64))


def rsf2csf(T: ArrayLike, Z: ArrayLike, check_finite: bool = True) -> tuple[Array, Array]:
    """Turn a real Schur form into a complex one.

    Parameters
    ----------
    T, Z : f64[..., n, n]
        As `schur` returns them.
    check_finite : bool

    Returns
    -------
    t, z : Array
        ``c128[..., n, n]`` each.

    Raises
    ------
    ShapeError
        If the shapes differ.
    """
    t, z = map(jnp.asarray, promote_inexact("rsf2csf", T, Z))
    t, z = _matrix("rsf2csf", t), _matrix("rsf2csf", z)
    if t.shape != z.shape:
        raise ShapeError(
            f"linalg.rsf2csf: operands have types {aval_of(t)} and {aval_of(z)}.",
            why="both factors have one shape.",
        )
    return _of_each(_complex_form, t.ndim)(_as_complex(t), _as_complex(z))


def _of_each(function: Callable, ndim: int) -> Callable:
    """Apply a function of one matrix to a stack."""
    for _ in range(ndim - 2):
        function = vmap(function)
    return function


@jit
def _complex_form(t, z):
    """Rotate away what stands below the diagonal, from the last row up; as SciPy does."""
    n, eps = t.shape[-1], np.finfo(np.float64).eps
    if n < 2:
        return t, z
    position = jnp.arange(n)

    def rotated(m, t, z):
        block = dynamic_slice(t, (m - 1, m - 1), (2, 2))
        below = block[1, 0]
        shift = nl.eigvals(block)[0] - block[1, 1]
        length = jnp.astype(jnp.hypot(jnp.abs(shift), jnp.abs(below)), t.dtype)
        c, s = shift / length, below / length
        rotation = jnp.stack([jnp.stack([jnp.conj(c), s]), jnp.stack([-s, c])])
        rows = dynamic_slice(t, (m - 1, 0), (2, n))
        rows = jnp.where(position >= m - 1, jnp.matmul(rotation, rows), rows)
        t = dynamic_update_slice(t, rows, (m - 1, 0))
        columns = dynamic_slice(t, (0, m - 1), (n, 2))
        columns = jnp.where(position[:, None] <= m, jnp.matmul(columns, _adjoint(rotation)), columns)
        t = dynamic_update_slice(t, columns, (0, m - 1))
        vectors = jnp.matmul(dynamic_slice(z, (0, m - 1), (n, 2)), _adjoint(rotation))
        return t, dynamic_update_slice(z, vectors, (0, m - 1))

    def step(k, state):
        t, z = state
        m = n - 1 - k
        size = jnp.abs(t[m - 1, m - 1]) + jnp.abs(t[m, m])
        t, z = cond(jnp.abs(t[m, m - 1]) > eps * size, rotated, lambda m, t, z: (t, z), m, t, z)
        return t.at[m, m - 1].set(0), z

    return fori_loop(0, n - 1, step, (t, z))


def hessenberg(
    a: ArrayLike, *, calc_q: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Array, Array] | Array:
    """Factor a square matrix as ``q @ h @ q.conj().T`` with h zero below its first subdiagonal.

    Parameters
    ----------
    a : f64[..., n, n] or c128[..., n, n]
    calc_q : bool, default False
        Whether to return q too.
    overwrite_a, check_finite : bool

    Returns
    -------
    h, q : Array
        ``[..., n, n]``; without ``calc_q`` just h.

    Notes
    -----
    It has no derivative.
    """
    h, q = ops_schur.hessenberg(_matrix("hessenberg", a))
    return (h, q) if calc_q else h


@custom_jvp
def _polar(a):
    u, s, vh = ops.svd(a, False, True)
    return jnp.matmul(u, vh), jnp.matmul(_adjoint(vh) * s[..., None, :], vh)


@_polar.defjvp
def _polar_jvp(primals, tangents):
    # With a = u·p and p = v·diag(s)·vᴴ:  uᴴ·u̇ = v·(F∘(vᴴ·(uᴴ·ȧ - ȧᴴ·u)·v))·vᴴ, F_ij = 1/(s_i + s_j). No difference of
    # singular values divides, as it would in the derivative of the svd.
    (a,), (a_dot,) = primals, tangents
    u, p = _polar(a)
    _, s, vh = ops.svd(a, False, True)
    inner = jnp.matmul(_adjoint(u), a_dot)
    turned = jnp.matmul(jnp.matmul(vh, inner - _adjoint(inner)), _adjoint(vh))
    omega = jnp.matmul(jnp.matmul(_adjoint(vh), turned / (s[..., :, None] + s[..., None, :])), vh)
    p_dot = inner - jnp.matmul(omega, p)
    outside = a_dot - jnp.matmul(u, inner)
    inverse = jnp.matmul(_adjoint(vh) / s[..., None, :], vh)
    return (u, p), (jnp.matmul(u, omega) + jnp.matmul(outside, inverse), 0.5 * (p_dot + _adjoint(p_dot)))


def polar(
    a: ArrayLike,
    side: str = "right",
    *,
    method: str = "qdwh",
    eps: float | None = None,
    max_iterations: int | None = None,
) -> tuple[Array, Array]:
    """Factor a matrix as ``u @ p`` with orthonormal u and positive semidefinite p.

    Parameters
    ----------
    a : f64[..., m, n] or c128[..., m, n]
        m >= n for ``"right"``, m <= n for ``"left"``.
    side : {"right", "left"}
        ``"left"``: as ``p @ u``.
    method, eps, max_iterations
        Accepted for programs written for JAX, and ignored: the svd gives the factors.

    Returns
    -------
    u, p : Array
        ``[..., m, n]``, and ``[..., n, n]`` or ``[..., m, m]``.

    Raises
    ------
    ArgumentError
        For another ``side``.
    ShapeError
        If the matrix is wide for ``"right"`` or tall for ``"left"``.

    References
    ----------
    .. [1] N. J. Higham, "Functions of Matrices", SIAM, 2008, chapter 8.
    """
    _check_choice("polar", "side", side, ("right", "left"))
    x = _matrix("polar", a, square=False)
    m, n = x.shape[-2:] if side == "right" else x.shape[:-3:-1]
    if m < n:
        raise ShapeError(
            f"linalg.polar: the operand has type {aval_of(x)}, side is {side!r}.",
            why="the orthonormal factor would not have that many columns.",
            fix='side="left" for wide matrices, "right" for tall ones.',
        )
    if side == "right":
        return _polar(x)
    u, p = _polar(_adjoint(x))
    return _adjoint(u), p


# --- equations ------------------------------------------------------------------------------------------


def det(a: ArrayLike, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """Determinant; see `jaxlite.numpy.linalg.det`.

    Parameters
    ----------
    a : f64[..., n, n] or c128[..., n, n]
    overwrite_a, check_finite : bool

    Returns
    -------
    Array
        ``[...]``
    """
    return nl.det(a)


def inv(a: ArrayLike, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """Inverse; see `jaxlite.numpy.linalg.inv`.

    Parameters
    ----------
    a : f64[..., n, n] or c128[..., n, n]
    overwrite_a, check_finite : bool

    Returns
    -------
    Array
        ``[..., n, n]``; inf or nan where the matrix is singular.
    """
    return nl.inv(a)


def solve(
    a: ArrayLike,
    b: ArrayLike,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    debug: bool = False,
    check_finite: bool = True,
    assume_a: str = "gen",
) -> Array:
    """Solve ``a @ x = b``.

    Parameters
    ----------
    a : f64[..., n, n] or c128[..., n, n]
    b : f64[n] or f64[..., n, k]
    lower : bool, default False
        Which triangle is read where ``assume_a`` is not ``"gen"``.
    overwrite_a, overwrite_b, debug, check_finite : bool
    assume_a : {"gen", "sym", "her", "pos"}
        General, symmetric, Hermitian or positive definite.

    Returns
    -------
    Array
        Of the shape of ``b``; inf or nan where ``a`` is singular.

    Raises
    ------
    ArgumentError
        For another ``assume_a``.

    Examples
    --------
    >>> jaxlite.scipy.linalg.solve(jnp.array([[2.0, 1.0], [1.0, 2.0]]), jnp.array([3.0, 3.0]), assume_a="pos")
    Array([1., 1.], dtype=float64)
    """
    _check_choice("solve", "assume_a", assume_a, ("gen", "sym", "her", "pos"))
    if assume_a == "gen":
        return nl.solve(a, b)
    x = _matrix("solve", a)
    if assume_a == "sym":
        half = jnp.tril(x, -1) if lower else jnp.triu(x, 1)
        diagonal = jnp.diagonal(x, axis1=-2, axis2=-1)[..., None, :] * jnp.eye(x.shape[-1], dtype=x.dtype)
        return nl.solve(half + jnp.matrix_transpose(half) + diagonal, b)
    x = _from_triangle(x, lower)
    return cho_solve((nl.cholesky(x), True), b) if assume_a == "pos" else nl.solve(x, b)


def _band_rows(diagonals, lower: int, upper: int):
    """Return the rows of a matrix within its band, ``[n, lower + upper + 1]``, from its columns' diagonals."""
    n = diagonals.shape[1]
    rows = []
    for offset in range(-lower, upper + 1):
        # Element (i, i + offset) stands in column i + offset of its diagonal; what lies outside is never read.
        here = diagonals[upper - offset, max(offset, 0) : n + min(offset, 0)]
        rows.append(jnp.pad(here, (min(max(-offset, 0), n), min(max(offset, 0), n))))
    return jnp.stack(rows, axis=1)


def _band_product(rows, lower: int, x):
    """Multiply a matrix, given by the rows of its band, and columns ``[n, k]``."""
    n, width = rows.shape
    around = jnp.pad(x, ((lower, width - 1 - lower), (0, 0)))
    return sum(rows[:, d, None] * around[d : d + n] for d in range(width))


def _band_solve(rows, lower: int, b):
    """Solve by elimination with exchanges of rows; each step sees the rows below that reach its column."""
    width, k = rows.shape[1], b.shape[1]
    # Row i begins in column i - lower; behind the last row come rows of zeros, which no pivot takes.
    rows = jnp.concatenate([rows, jnp.zeros((lower + 1, width), rows.dtype)])
    b = jnp.concatenate([b, jnp.zeros((lower + 1, k), b.dtype)])
    # At first row i of the window is moved, so that it begins in column 0.
    first = [jnp.pad(rows[i, lower - i :], (0, lower - i)) for i in range(lower + 1)]

    def eliminate(state, coming):
        window, right = state
        pivot = jnp.argmax(jnp.abs(window[:, 0]))
        top, top_right = window[pivot], right[pivot]
        # The first row takes the place of the pivot.
        window = jnp.where(jnp.arange(lower + 1)[:, None] == pivot, window[0], window)[1:]
        right = jnp.where(jnp.arange(lower + 1)[:, None] == pivot, right[0], right)[1:]
        factor = window[:, :1] / top[0]
        window = jnp.pad((window - factor * top)[:, 1:], ((0, 0), (0, 1)))
        row, value = coming
        state = (
            jnp.concatenate([window, row[None]]),
            jnp.concatenate([right - factor * top_right, value[None]]),
        )
        return state, (top, top_right)

    start = jnp.stack(first), b[: lower + 1]
    _, (tops, values) = scan(eliminate, start, (rows[lower + 1 :], b[lower + 1 :]))

    def substitute(found, row):
        top, value = row
        x = (value - jnp.matmul(top[1:], found)) / top[0]
        return jnp.concatenate([x[None], found])[: width - 1], x

    return scan(substitute, jnp.zeros((width - 1, k), b.dtype), (tops, values), reverse=True)[1]


def solve_banded(
    l_and_u: tuple[int, int],
    ab: ArrayLike,
    b: ArrayLike,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Array:
    """Solve ``a @ x = b`` for a matrix with few diagonals, in time that grows as its order.

    Parameters
    ----------
    l_and_u : (int, int)
        How many diagonals lie below and above the main one.
    ab : f64[l + u + 1, n] or c128[l + u + 1, n]
        The diagonals, the highest first: ``ab[u + i - j, j] = a[i, j]``. What stands outside of ``a`` is not read.
    b : f64[n], f64[n, k], or complex
    overwrite_ab, overwrite_b, check_finite : bool
        Accepted for programs written for SciPy, and ignored.

    Returns
    -------
    Array
        Of the shape of ``b``; inf or nan where ``a`` is singular.

    Raises
    ------
    ArgumentError
        If ``l_and_u`` are no two ints >= 0.
    ShapeError
        If the shapes do not fit.

    Notes
    -----
    Gaussian elimination with exchanges of rows in a window of l + 1 rows. The equation is differentiated, and not the
    elimination.

    Examples
    --------
    >>> ab = jnp.array([[0.0, 1.0, 1.0], [4.0, 4.0, 4.0], [1.0, 1.0, 0.0]])
    >>> jaxlite.scipy.linalg.solve_banded((1, 1), ab, jnp.array([5.0, 6.0, 5.0]))
    Array([1., 1., 1.], dtype=float64)
    """
    try:
        lower, upper = map(operator.index, l_and_u)
    except (TypeError, ValueError):
        lower = upper = -1
    if min(lower, upper) < 0:
        raise ArgumentError(
            f"linalg.solve_banded: l_and_u is {l_and_u!r:.60}.",
            why="it counts diagonals.",
            fix="pass two ints >= 0.",
        )
    diagonals, right = map(jnp.asarray, promote_inexact("solve_banded", ab, b))
    fits = diagonals.ndim == 2 and right.ndim in (1, 2) and diagonals.shape[1] == right.shape[0]
    if not fits or diagonals.shape[0] != lower + upper + 1:
        raise ShapeError(
            f"linalg.solve_banded: ab has type {aval_of(diagonals)}, b {aval_of(right)}.",
            why=f"ab is [{lower + upper + 1}, n], and b is [n] or [n, k].",
        )
    n = right.shape[0]
    if n == 0:
        return right
    # Diagonals that lie outside of the matrix are left out.
    kept = slice(upper - min(upper, n - 1), upper + min(lower, n - 1) + 1)
    diagonals, lower, upper = diagonals[kept], min(lower, n - 1), min(upper, n - 1)
    rows = _band_rows(diagonals, lower, upper)
    # The columns of a matrix are the rows of its transpose.
    turned = _band_rows(rows.T, upper, lower)
    columns = jnp.reshape(right, (n, -1))
    x = custom_linear_solve(
        lambda x: _band_product(rows, lower, x),
        columns,
        lambda _, b: _band_solve(rows, lower, b),
        lambda _, b: _band_solve(turned, upper, b),
    )
    return jnp.reshape(x, right.shape)


def solve_triangular(
    a: ArrayLike,
    b: ArrayLike,
    trans: int | str = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    debug=None,
    check_finite: bool = True,
) -> Array:
    """Solve ``op(a) @ x = b`` with a triangular matrix; the other triangle is not read.

    Parameters
    ----------
    a : f64[..., n, n] or c128[..., n, n]
    b : f64[..., n] or f64[..., n, k]
    trans : {0, 1, 2, "N", "T", "C"}
        Whether ``op`` does nothing, transposes, or transposes and conjugates.
    lower, unit_diagonal : bool
        Which triangle ``a`` is; whether its diagonal is taken as ones.
    overwrite_b, debug, check_finite
        Ignored.

    Returns
    -------
    Array
        Of the shape of ``b``.

    Raises
    ------
    ArgumentError
        For another ``trans``.
    ShapeError
        If the operands do not fit.

    Examples
    --------
    >>> jaxlite.scipy.linalg.solve_triangular(jnp.array([[2.0, 0.0], [1.0, 4.0]]), jnp.array([2.0, 5.0]), lower=True)
    Array([1., 1.], dtype=float64)
    """
    _check_choice("solve_triangular", "trans", trans, (0, 1, 2, "N", "T", "C"))
    a, b = map(jnp.asarray, promote_inexact("solve_triangular", a, b))
    a = _matrix("solve_triangular", a)
    vector = b.ndim == 1 or b.ndim == a.ndim - 1
    right = b[..., None] if vector else b
    if right.ndim < 2 or right.shape[-2] != a.shape[-1]:
        raise ShapeError(
            f"linalg.solve_triangular: operands have types {aval_of(a)} and {aval_of(b)}.",
            why=f"the right side must have {a.shape[-1]} rows.",
        )
    stack = np.broadcast_shapes(a.shape[:-2], right.shape[:-2])
    a, right = (
        jnp.broadcast_to(a, (*stack, *a.shape[-2:])),
        jnp.broadcast_to(right, (*stack, *right.shape[-2:])),
    )
    x = ops.triangular_solve(
        a, right, left_side=True, lower=lower, transpose_a=trans not in (0, "N"), conjugate_a=trans in (2, "C"),
        unit_diagonal=unit_diagonal,
    )  # fmt: skip
    return x[..., 0] if vector else x


def _sylvester_solver(a, b):
    def solve(_, c):
        t, u = ops_schur.schur(a)
        s, v = ops_schur.schur(_adjoint(b))
        turned = jnp.matmul(jnp.matmul(_adjoint(u), c), v)
        return jnp.matmul(jnp.matmul(u, ops_schur.triangular_sylvester(t, s, turned)), _adjoint(v))

    return solve


def solve_sylvester(
    A: ArrayLike, B: ArrayLike, C: ArrayLike, *, method: str = "schur", tol: float = 1e-8
) -> Array:
    """Solve ``A @ X + X @ B = C``.

    Parameters
    ----------
    A, B, C : f64[..., m, m], f64[..., n, n], f64[..., m, n], or complex
    method : {"schur", "eigen"}
        Accepted for programs written for JAX: the method is Bartels' and Stewart's [1]_.
    tol : float
        Ignored.

    Returns
    -------
    Array
        ``[..., m, n]``

    Raises
    ------
    ArgumentError
        For another ``method``.

    Notes
    -----
    The equation is differentiated: derivatives are solutions of such equations.

    References
    ----------
    .. [1] R. Bartels, G. Stewart, "Solution of the matrix equation AX + XB = C", Comm. ACM 15, 1972.
    """
    _check_choice("solve_sylvester", "method", method, ("schur", "eigen"))
    a, b, c = map(jnp.asarray, promote_inexact("solve_sylvester", A, B, C))
    a, b, c = (
        _matrix("solve_sylvester", a),
        _matrix("solve_sylvester", b),
        _matrix("solve_sylvester", c, False),
    )
    at, bt = jnp.matrix_transpose(a), jnp.matrix_transpose(b)
    return custom_linear_solve(
        lambda x: jnp.matmul(a, x) + jnp.matmul(x, b), c, _sylvester_solver(a, b), _sylvester_solver(at, bt)
    )


# --- functions of matrices ------------------------------------------------------------------------------

# Numerator of the Padé approximant of order 13; N. J. Higham, "The scaling and squaring method for the matrix
# exponential revisited", SIAM J. Matrix Anal. Appl. 26, 2005, equation (2.2): (26 - j)!·13!/(26!·(13 - j)!·j!), scaled.
_PADE = tuple(
    float(math.factorial(26 - j) // (math.factorial(13 - j) * math.factorial(j))) for j in range(14)
)
_PADE_RADIUS = 5.371920351148152  # the same, table 2.3


def expm(A: ArrayLike, *, upper_triangular: bool = False, max_squarings: int = 16) -> Array:
    """Matrix exponential.

    Parameters
    ----------
    A : f64[..., n, n] or c128[..., n, n]
    upper_triangular : bool, default False
        Accepted for programs written for JAX, and without effect.
    max_squarings : int, default 16
        Where more would be needed, beyond a norm of some 3.5e5, the result is nan.

    Returns
    -------
    Array
        ``[..., n, n]``

    Notes
    -----
    The Padé approximant of order 13 of A/2ˢ, squared s times [1]_. Derivatives are those of the algorithm.

    References
    ----------
    .. [1] N. J. Higham, "The scaling and squaring method for the matrix exponential revisited", SIAM J. Matrix Anal.
       Appl. 26, 2005.

    Examples
    --------
    >>> jaxlite.scipy.linalg.expm(jnp.array([[0.0, 1.0], [0.0, 0.0]]))
    Array([[1., 1.],
           [0., 1.]], dtype=float64)
    """
    x = _matrix("expm", A)
    n, dtype = x.shape[-1], x.dtype
    size = stop_gradient(jnp.max(jnp.sum(jnp.abs(x), axis=-2), axis=-1, initial=0.0))
    needed = jnp.ceil(jnp.log2(jnp.maximum(size / _PADE_RADIUS, 1.0)))
    squarings = jnp.minimum(needed, max_squarings)
    scaled = x * jnp.astype(jnp.exp2(-squarings), dtype)[..., None, None]
    eye, square = jnp.eye(n, dtype=dtype), jnp.matmul(scaled, scaled)
    fourth = jnp.matmul(square, square)
    sixth = jnp.matmul(square, fourth)
    # Divided by the constant term, so that nothing is larger than 1.
    c = [value / _PADE[0] for value in _PADE]
    odd = jnp.matmul(sixth, c[13] * sixth + c[11] * fourth + c[9] * square)
    odd = jnp.matmul(scaled, odd + c[7] * sixth + c[5] * fourth + c[3] * square + c[1] * eye)
    even = jnp.matmul(sixth, c[12] * sixth + c[10] * fourth + c[8] * square)
    even = even + c[6] * sixth + c[4] * fourth + c[2] * square + c[0] * eye
    result = nl.solve(even - odd, even + odd)

    def square_once(i, result):
        return jnp.where((i < squarings)[..., None, None], jnp.matmul(result, result), result)

    most = jnp.astype(jnp.max(squarings, initial=0.0), np.int64)
    result = fori_loop(0, most, square_once, result)
    return jnp.where((needed <= max_squarings)[..., None, None], result, jnp.astype(jnp.nan, dtype))


def expm_frechet(
    A: ArrayLike, E: ArrayLike, *, method: str | None = None, compute_expm: bool = True
) -> tuple[Array, Array] | Array:
    """Derivative of `expm` at ``A`` in the direction ``E``.

    Parameters
    ----------
    A, E : f64[..., n, n] or c128[..., n, n]
    method : str, optional
        Accepted for programs written for SciPy, and ignored.
    compute_expm : bool, default True
        Whether to return the exponential too.

    Returns
    -------
    expm_A, expm_frechet_AE : Array
        Without ``compute_expm`` just the derivative.
    """
    a, e = map(jnp.asarray, promote_inexact("expm_frechet", A, E))
    value, slope = jvp(expm, (_matrix("expm_frechet", a),), (_matrix("expm_frechet", e),))
    return (value, slope) if compute_expm else slope


@jit
def _sqrt_of_triangle(t):
    """Square root u of an upper triangle: t_ij = u_ii·u_ij + u_ij·u_jj + Σ u_ik·u_kj over k between them."""
    n = t.shape[-1]
    if n < 2:
        return jnp.sqrt(t)
    roots = jnp.sqrt(jnp.diagonal(t))

    def next_column(j, u):
        def next_element(k, column):
            i = j - 1 - k
            # What lies between: u has nothing left of its diagonal, the column nothing yet from row i up.
            rest = t[i, j] - jnp.sum(u[i] * column)
            # Where roots of a singular matrix cancel, SciPy has 0 for 0/0.
            value = jnp.where(rest == 0, rest, rest / (roots[i] + roots[j]))
            return column.at[i].set(value)

        column = fori_loop(0, j, next_element, jnp.zeros_like(roots))
        return u.at[:, j].set(column.at[j].set(roots[j]))

    return fori_loop(0, n, next_column, jnp.zeros_like(t))


@custom_jvp
def _sqrtm(a):
    t, z = ops_schur.schur(a)
    if not jnp.iscomplexobj(a):
        # By way of the real form, where real eigenvalues are real: in a complex one those that are negative have
        # imaginary parts of rounding errors, of either sign, and so have their roots, -1.39j and 1.31j of one matrix.
        t, z = _of_each(_complex_form, a.ndim)(_as_complex(t), _as_complex(z))
    root = _of_each(_sqrt_of_triangle, a.ndim)(t)
    return jnp.matmul(jnp.matmul(z, root), _adjoint(z))


@_sqrtm.defjvp
def _sqrtm_jvp(primals, tangents):
    # X·X = A  =>  X·Ẋ + Ẋ·X = Ȧ
    x = _sqrtm(*primals)
    return x, solve_sylvester(x, x, _as_complex(tangents[0]))


def sqrtm(A: ArrayLike, blocksize: int = 1) -> Array:
    """Square root of a matrix, the one whose eigenvalues have positive real parts.

    Parameters
    ----------
    A : f64[..., n, n] or c128[..., n, n]
    blocksize : int
        Ignored.

    Returns
    -------
    Array
        ``c128[..., n, n]``; c64 for single precision. Complex also where SciPy's result is real: that depends on
        values.

    Notes
    -----
    The root of a complex Schur form [1]_. The derivative solves Sylvester's equation. Singular matrices may have no
    root: the result is then not finite, or not accurate.

    References
    ----------
    .. [1] N. J. Higham, "Functions of Matrices", SIAM, 2008, chapter 6.
    """
    x = _matrix("sqrtm", A)
    return _sqrtm(x)


def funm(A: ArrayLike, func: Callable[[Array], Array], disp: bool = True) -> Array | tuple[Array, Array]:
    """Apply a function to a matrix by way of its eigenvalues.

    Parameters
    ----------
    A : f64[..., n, n] or c128[..., n, n]
        With a full set of eigenvectors.
    func : callable
        Of an array of eigenvalues, element by element.
    disp : bool, default True
        False: return an estimate of the relative error too.

    Returns
    -------
    F : Array
        ``c128[..., n, n]``
    error : Array
        ``f64[...]``, the condition number of the eigenvectors times the precision; without ``disp`` only.

    Notes
    -----
    V·diag(f(w))·V⁻¹, which has derivatives. Where eigenvectors are nearly dependent it loses digits.
    """
    x = _matrix("funm", A)
    w, v = nl.eig(x)
    result = jnp.matrix_transpose(
        nl.solve(jnp.matrix_transpose(v), jnp.matrix_transpose(v * func(w)[..., None, :]))
    )
    return result if disp else (result, nl.cond(v) * np.finfo(x.dtype).eps)


# --- matrices with a structure --------------------------------------------------------------------------


def block_diag(*arrs: ArrayLike) -> Array:
    """Put matrices on the diagonal of a larger one.

    Parameters
    ----------
    *arrs : array_like
        Matrices; vectors are rows, numbers 1 by 1.

    Returns
    -------
    Array
        ``[Σ rows, Σ columns]``, of the promoted dtype.

    Raises
    ------
    ShapeError
        If an operand has more than two axes.

    Examples
    --------
    >>> jaxlite.scipy.linalg.block_diag(1.0, jnp.array([2.0, 3.0]))
    Array([[1., 0., 0.],
           [0., 2., 3.]], dtype=float64)
    """
    blocks = [jnp.atleast_2d(x) for x in (arrs or (np.zeros((1, 0)),))]
    for block in blocks:
        if block.ndim > 2:
            raise ShapeError(
                f"linalg.block_diag: an operand has type {aval_of(block)}.", why="it takes matrices."
            )
    dtype = jnp.result_type(*blocks)
    width, rows, before = sum(b.shape[1] for b in blocks), [], 0
    for block in blocks:
        after = width - before - block.shape[1]
        rows.append(jnp.pad(jnp.astype(block, dtype), ((0, 0), (before, after))))
        before += block.shape[1]
    return jnp.concatenate(rows)


def _gathered(values, index):
    return jnp.take(values, index, axis=-1)


def toeplitz(c: ArrayLike, r: ArrayLike | None = None) -> Array:
    """Matrix that is constant along diagonals.

    Parameters
    ----------
    c : array_like
        ``[..., m]``, the first column.
    r : array_like, optional
        ``[..., n]``, the first row, without its first element; conj(c) by default.

    Returns
    -------
    Array
        ``[..., m, n]``

    Examples
    --------
    >>> jaxlite.scipy.linalg.toeplitz(jnp.array([1, 2, 3]))
    Array([[1, 2, 3],
           [2, 1, 2],
           [3, 2, 1]], dtype=int64)
    """
    c = jnp.atleast_1d(c)
    r = jnp.conj(c) if r is None else jnp.atleast_1d(r)
    m, n = c.shape[-1], r.shape[-1]
    stack = np.broadcast_shapes(c.shape[:-1], r.shape[:-1])
    c, r = jnp.broadcast_to(c, (*stack, m)), jnp.broadcast_to(r, (*stack, n))
    values = jnp.concatenate([c[..., ::-1], r[..., 1:]], axis=-1)
    return _gathered(values, (m - 1) - np.arange(m)[:, None] + np.arange(n))


def hankel(c: ArrayLike, r: ArrayLike | None = None) -> Array:
    """Matrix that is constant along anti-diagonals.

    Parameters
    ----------
    c : array_like
        ``[..., m]``, the first column.
    r : array_like, optional
        ``[..., n]``, the last row, without its first element; zeros by default.

    Returns
    -------
    Array
        ``[..., m, n]``
    """
    c = jnp.atleast_1d(c)
    r = jnp.zeros_like(c) if r is None else jnp.atleast_1d(r)
    m, n = c.shape[-1], r.shape[-1]
    stack = np.broadcast_shapes(c.shape[:-1], r.shape[:-1])
    c, r = jnp.broadcast_to(c, (*stack, m)), jnp.broadcast_to(r, (*stack, n))
    return _gathered(jnp.concatenate([c, r[..., 1:]], axis=-1), np.arange(m)[:, None] + np.arange(n))


def circulant(c: ArrayLike) -> Array:
    """Matrix whose columns are a vector, each turned one further.

    Parameters
    ----------
    c : array_like
        ``[..., n]``

    Returns
    -------
    Array
        ``[..., n, n]``
    """
    c = jnp.atleast_1d(c)
    n = c.shape[-1]
    return _gathered(c, (np.arange(n)[:, None] - np.arange(n)) % max(n, 1))


def _vector(name: str, a, least: int):
    x = jnp.atleast_1d(a)
    if x.shape[-1] < least:
        raise ShapeError(
            f"linalg.{name}: the operand has type {aval_of(x)}.", why=f"it needs {least} elements at least."
        )
    return x


def companion(a: ArrayLike) -> Array:
    """Matrix whose eigenvalues are the roots of a polynomial.

    Parameters
    ----------
    a : array_like
        ``[..., n]``, n >= 2, highest power first.

    Returns
    -------
    Array
        ``[..., n - 1, n - 1]``

    Raises
    ------
    ShapeError
        If ``a`` is shorter.
    """
    a = _vector("companion", promote_inexact("companion", a)[0], 2)
    n = a.shape[-1] - 1
    first = -a[..., 1:] / a[..., :1]
    below = jnp.broadcast_to(jnp.eye(n - 1, n, dtype=a.dtype), (*a.shape[:-1], n - 1, n))
    return jnp.concatenate([first[..., None, :], below], axis=-2)


def fiedler(a: ArrayLike) -> Array:
    """Matrix of the distances |a_i - a_j|.

    Parameters
    ----------
    a : array_like
        ``[..., n]``

    Returns
    -------
    Array
        ``[..., n, n]``
    """
    a = jnp.atleast_1d(a)
    return jnp.abs(a[..., :, None] - a[..., None, :])


def fiedler_companion(a: ArrayLike) -> Array:
    """Companion matrix with five diagonals.

    Parameters
    ----------
    a : array_like
        ``[n]``, n >= 3, highest power first.

    Returns
    -------
    Array
        ``[n - 1, n - 1]``

    Raises
    ------
    ShapeError
        If ``a`` is shorter.

    References
    ----------
    .. [1] M. Fiedler, "A note on companion matrices", Linear Algebra Appl. 372, 2003.
    """
    a = _vector("fiedler_companion", promote_inexact("fiedler_companion", a)[0], 3)
    a = a / a[0]
    n = a.size - 1
    c = jnp.zeros((n, n), a.dtype)
    # Odd coefficients stand one way, even ones the other, as in the product of Fiedler's elementary matrices.
    c = c.at[np.arange(0, n - 2, 2), np.arange(2, n, 2)].set(1.0)
    c = c.at[np.arange(3, n, 2), np.arange(1, n - 2, 2)].set(1.0)
    c = c.at[0, 0].set(-a[1]).at[1, 0].set(1.0)
    rows = np.arange(0, n - 1, 2)
    c = c.at[rows, rows + 1].set(-a[2::2][: rows.size])
    rows = np.arange(2, n, 2)
    return c.at[rows, rows - 1].set(-a[3::2][: rows.size])


def leslie(f: ArrayLike, s: ArrayLike) -> Array:
    """Matrix of a population with ages: fecundities in the first row, survival below the diagonal.

    Parameters
    ----------
    f, s : array_like
        ``[..., n]`` and ``[..., n - 1]``

    Returns
    -------
    Array
        ``[..., n, n]``

    Raises
    ------
    ShapeError
        If the sizes do not fit.
    """
    f, s = jnp.atleast_1d(f), jnp.atleast_1d(s)
    n = f.shape[-1]
    if s.shape[-1] != n - 1:
        raise ShapeError(
            f"linalg.leslie: operands have types {aval_of(f)} and {aval_of(s)}.", why="s is one shorter."
        )
    below = jnp.eye(n - 1, n, dtype=s.dtype) * s[..., :, None]
    return jnp.concatenate([f[..., None, :], below], axis=-2)


def convolution_matrix(a: ArrayLike, n: int, mode: str = "full") -> Array:
    """Matrix whose product with a vector is its convolution with ``a``.

    Parameters
    ----------
    a : array_like
        ``[m]``
    n : int
        Length of the vectors.
    mode : {"full", "same", "valid"}

    Returns
    -------
    Array
        ``[k, n]``

    Raises
    ------
    ArgumentError
        For another ``mode``, or n < 1.
    """
    _check_choice("convolution_matrix", "mode", mode, ("full", "same", "valid"))
    if n < 1:
        raise ArgumentError(f"linalg.convolution_matrix: n is {n}.", why="it is the length of a vector.")
    a = jnp.atleast_1d(a)
    m = a.shape[-1]
    full = toeplitz(jnp.concatenate([a, jnp.zeros(n - 1, a.dtype)]), jnp.zeros(n, a.dtype))
    if mode == "full":
        return full
    count = max(m, n) if mode == "same" else max(m, n) - min(m, n) + 1
    start = (m + n - 1 - count) // 2
    return full[start : start + count]


def _constant(name: str, summary: str) -> Callable:
    def function(n: int) -> Array:
        return jnp.asarray(np.asarray(_scipy(name)(n), np.float64))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{summary}

Parameters
----------
n : int

Returns
-------
Array
    f64[n, n]
"""
    return function


hilbert = _constant("hilbert", "Hilbert's matrix, 1/(i + j + 1).")
invhilbert = _constant("invhilbert", "Inverse of `hilbert`, whole numbers that are exact up to n = 14.")


def pascal(n: int, kind: str | None = None) -> Array:
    """Matrix of binomial coefficients.

    Parameters
    ----------
    n : int
    kind : {"symmetric", "upper", "lower"}, optional

    Returns
    -------
    Array
        f64[n, n]

    Raises
    ------
    ArgumentError
        For another ``kind``.
    """
    kind = kind or "symmetric"
    _check_choice("pascal", "kind", kind, ("symmetric", "upper", "lower"))
    return jnp.asarray(np.asarray(_scipy("pascal")(n, kind), np.float64))


def invpascal(n: int, kind: str | None = None) -> Array:
    """Inverse of `pascal`.

    Parameters
    ----------
    n : int
    kind : {"symmetric", "upper", "lower"}, optional

    Returns
    -------
    Array
        f64[n, n]

    Raises
    ------
    ArgumentError
        For another ``kind``.
    """
    kind = kind or "symmetric"
    _check_choice("invpascal", "kind", kind, ("symmetric", "upper", "lower"))
    return jnp.asarray(np.asarray(_scipy("invpascal")(n, kind), np.float64))


def hadamard(n: int, dtype: DTypeLike = int) -> Array:
    """Hadamard's matrix of ones and minus ones with orthogonal rows.

    Parameters
    ----------
    n : int
        A power of 2.
    dtype : dtype, default int

    Returns
    -------
    Array
        ``[n, n]``

    Raises
    ------
    ArgumentError
        If ``n`` is no power of 2.
    """
    if n < 1 or n & (n - 1):
        raise ArgumentError(f"linalg.hadamard: n is {n}.", why="the matrix exists here for powers of 2.")
    return jnp.asarray(_scipy("hadamard")(n, np.dtype(dtype)))


def helmert(n: int, full: bool = False) -> Array:
    """Helmert's matrix of orthonormal contrasts.

    Parameters
    ----------
    n : int
    full : bool, default False
        Whether to keep the first row, of equal weights.

    Returns
    -------
    Array
        f64[n - 1, n], or f64[n, n]
    """
    return jnp.asarray(_scipy("helmert")(n, full))


def dft(n: int, scale: str | None = None, *, dtype: DTypeLike | None = None) -> Array:
    """Matrix of the discrete Fourier transform.

    Parameters
    ----------
    n : int
    scale : {"sqrtn", "n"}, optional
        By what to divide.
    dtype : dtype, default complex128

    Returns
    -------
    Array
        c128[n, n]

    Raises
    ------
    ArgumentError
        For another ``scale``.
    """
    _check_choice("dft", "scale", scale, (None, "sqrtn", "n"))
    return jnp.asarray(_scipy("dft")(n, scale).astype(np.complex128 if dtype is None else np.dtype(dtype)))
