"""``jaxlite.numpy.linalg``: norms, factorisations, and what is solved with them.

    jnp.linalg.solve(a: f64[3,3], b: f64[3])  ->  lu a; solve_with_lu a … b

Where NumPy raises LinAlgError the result is inf or nan, eager and compiled alike.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxlite.array import Array
from jaxlite.control.custom_rules import custom_jvp
from jaxlite.dtypes import complex_dtype, real_dtype
from jaxlite.errors import ArgumentError, DtypeError, ShapeError
from jaxlite.numpy import contraction, ufuncs
from jaxlite.numpy.contraction import diagonal as diagonal_of
from jaxlite.numpy.contraction import matmul, tensordot, vecdot
from jaxlite.numpy.creation import asarray, astype, eye, tril, triu, zeros_like
from jaxlite.numpy.indexing import take_along_axis
from jaxlite.numpy.promotion import (
    broadcast_array,
    canonical_axes,
    canonical_axis,
    convert,
    operand,
    promote_inexact,
    strip_weak,
)
from jaxlite.numpy.reductions import any as any_
from jaxlite.numpy.reductions import max as max_
from jaxlite.numpy.reductions import min as min_
from jaxlite.numpy.reductions import prod
from jaxlite.numpy.reductions import sum as sum_
from jaxlite.numpy.registry import FUNCTIONS, implements
from jaxlite.numpy.selection import real, where
from jaxlite.numpy.shaping import concatenate, expand_dims, matrix_transpose, moveaxis, ravel, reshape
from jaxlite.numpy.sorting import argsort
from jaxlite.ops import elementwise, linalg
from jaxlite.ops.reflections import geqrf
from jaxlite.ops.structural import stop_gradient
from jaxlite.trace import Tracer, aval_of
from jaxlite.typing import ArrayLike, DTypeLike

__all__ = [
    "EigResult",
    "EighResult",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "tensorinv",
    "tensorsolve",
    "trace",
    "vecdot",
    "vector_norm",
]


# --- results of several arrays ----------------------------------------------------------------------------


class SlogdetResult(NamedTuple):
    """Sign and logarithm of the absolute value of a determinant."""

    sign: Array
    logabsdet: Array


class QRResult(NamedTuple):
    """A matrix with orthonormal columns and an upper triangle."""

    Q: Array
    R: Array


class EigResult(NamedTuple):
    """The eigenvalues of a matrix, and its eigenvectors, in columns."""

    eigenvalues: Array
    eigenvectors: Array


class EighResult(NamedTuple):
    """The eigenvalues of a Hermitian matrix, ascending, and its eigenvectors, in columns."""

    eigenvalues: Array
    eigenvectors: Array


class SVDResult(NamedTuple):
    """Singular values, descending, between the left vectors (columns) and the right ones (rows)."""

    U: Array
    S: Array
    Vh: Array


# --- NumPy's functions, called where nothing is traced -----------------------------------------------------
#
# They have the parameters and results of ours. A TypeError hands on to our function, which the primitives compute.


def _numpy_symmetrized(a, symmetrize_input: bool):
    if not symmetrize_input:
        return a
    if type(a) is not np.ndarray:
        a = np.asarray(a)
    kind = a.dtype.kind
    if kind == "f":
        total = a + a.mT
    elif kind == "c":
        total = a + a.conj().mT
    else:
        a = a.astype(np.float64)  # sums of small integers would wrap
        total = a + a.mT
    total *= 0.5
    return total


def _hermitian_function(name: str) -> Callable:
    """Return a function of NumPy's for Hermitian matrices, ``(a, triangle, **options of the public one)``.

    It takes half the time. Of double precision it is what ``np.linalg`` itself calls. That is private to NumPy; without
    it the public one does the same. Where that raises LinAlgError this one gives nan.
    """
    kernels, public = getattr(np.linalg, "_umath_linalg", None), getattr(np.linalg, name)
    lower, upper = (getattr(kernels, f"{name}_{end}", None) for end in ("lo", "up"))

    def apply(a, triangle, **option):
        kernel = lower if triangle == "L" else upper if triangle == "U" else None
        return public(a, **option) if kernel is None or a.dtype.char not in "dD" else kernel(a)

    return apply


_CHOLESKY = _hermitian_function("cholesky")
_EIGH, _EIGVALSH = _hermitian_function("eigh"), _hermitian_function("eigvalsh")


def _numpy_cholesky(a, *, upper=False, symmetrize_input=True):
    factor = _CHOLESKY(_numpy_symmetrized(a, symmetrize_input), "L")
    total = np.add.reduce(factor, axis=None)
    if total != total:
        raise ValueError("where nan stands in a matrix that is not positive definite the primitive says")
    return factor.conj().mT if upper else factor


def _numpy_slogdet(a):
    return SlogdetResult(*np.linalg.slogdet(a))


def _numpy_qr(a, mode="reduced"):
    if mode not in ("reduced", "complete", "r"):
        raise TypeError(mode)
    result = np.linalg.qr(a, mode)
    return result if mode == "r" else QRResult(*result)


def _numpy_eig(a):
    result = EigResult(*np.linalg.eig(a))
    if result.eigenvalues.dtype.kind == "c":
        return result
    dtype = complex_dtype(result.eigenvalues.dtype)
    return EigResult(*[x.astype(dtype) for x in result])


def _numpy_eigvals(a):
    values = np.linalg.eigvals(a)
    return values.astype(complex_dtype(values.dtype), copy=False)


def _numpy_eigh(a, UPLO=None, symmetrize_input=True):
    UPLO = UPLO or "L"
    return EighResult(*_EIGH(_numpy_symmetrized(a, symmetrize_input), UPLO, UPLO=UPLO))


def _numpy_eigvalsh(a, UPLO="L", *, symmetrize_input=True):
    UPLO = UPLO or "L"
    return _EIGVALSH(_numpy_symmetrized(a, symmetrize_input), UPLO, UPLO=UPLO)


def _numpy_svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    if hermitian:
        raise TypeError("NumPy reads one triangle alone")
    result = np.linalg.svd(a, full_matrices, compute_uv)
    return SVDResult(*result) if compute_uv else result


def _numpy_pinv(a, rtol=None, hermitian=False, *, rcond=None):
    if hermitian:
        raise TypeError("NumPy reads one triangle alone")
    rtol = rcond if rtol is None else rtol
    x = np.asarray(a)
    if rtol is None and (x.ndim < 2 or x.dtype.kind not in "fc"):
        raise TypeError("no default for these")
    return np.linalg.pinv(x, rtol=_pinv_tolerance(x) if rtol is None else rtol)


def _numpy_matrix_rank(M, rtol=None, *, hermitian=False, tol=None):
    if hermitian or (tol is not None and rtol is not None):
        raise TypeError("NumPy reads one triangle alone, and takes one tolerance")
    return np.linalg.matrix_rank(M, tol, rtol=rtol)


def _numpy_lstsq(a, b, rcond=None, *, numpy_resid=False):
    x, residuals, rank, s = np.linalg.lstsq(a, b, rcond)
    if not residuals.size and not numpy_resid:
        residual = np.reshape(b, (len(b), -1)) - a @ np.reshape(x, (len(x), -1))
        residuals = np.sum(np.abs(residual) ** 2, 0)
    return x, residuals, rank, s


def matrix_operand(name: str, a, square: bool = True):
    """Return an inexact operand that is a stack of (square) matrices."""
    (x,) = promote_inexact(name, a)
    shape = aval_of(x).shape
    if len(shape) < 2 or (square and shape[-1] != shape[-2]):
        raise ShapeError(
            f"linalg.{name}: the operand has type {aval_of(x)}.",
            why="the last two axes must form a square matrix."
            if square
            else "it must have two axes at least.",
        )
    return x


@implements(_numpy_cholesky)
def cholesky(a: ArrayLike, *, upper: bool = False, symmetrize_input: bool = True) -> Array:
    """Return the triangular factor L of a positive definite matrix, with ``L @ L.conj().T == a``.

    Parameters
    ----------
    a : array_like
        ``[..., n, n]``, Hermitian.
    upper : bool, default False
        Whether to return the upper factor, ``L.conj().T``.
    symmetrize_input : bool, default True
        Whether to use (a + aᴴ)/2, which makes the gradient symmetric.

    Returns
    -------
    Array
        ``[..., n, n]``; nan where the matrix is not positive definite.

    Examples
    --------
    >>> jnp.linalg.cholesky(jnp.array([[4.0, 2.0], [2.0, 5.0]]))
    Array([[2., 0.],
           [1., 2.]], dtype=float64)
    """
    factor = linalg.cholesky(matrix_operand("cholesky", a), symmetrize_input)
    return ufuncs.conjugate(matrix_transpose(factor)) if upper else factor


def _same_stacks(a, b, rank: int):
    """Broadcast the stacks of two operands against each other; ``rank`` is that of one problem in ``b``."""
    x, y = aval_of(a).shape, aval_of(b).shape
    try:
        stack = np.broadcast_shapes(x[:-2], y[: len(y) - rank])
    except ValueError:
        raise ShapeError(
            f"linalg.solve: operands have types {aval_of(a)} and {aval_of(b)}.",
            why="their stacks do not broadcast.",
        ) from None
    return broadcast_array(a, (*stack, *x[-2:])), broadcast_array(b, (*stack, *y[len(y) - rank :]))


@implements(np.linalg.solve, arrays=2)
def solve(a: ArrayLike, b: ArrayLike) -> Array:
    """Solve ``a @ x = b``.

    Parameters
    ----------
    a : array_like
        ``[..., n, n]``
    b : array_like
        ``[n]`` or ``[..., n, k]``

    Returns
    -------
    Array
        Of the shape of ``b``; inf or nan where ``a`` is singular.

    Raises
    ------
    ShapeError
        If the operands do not fit.

    Examples
    --------
    >>> jnp.linalg.solve(jnp.array([[2.0, 0.0], [0.0, 4.0]]), jnp.array([2.0, 2.0]))
    Array([1. , 0.5], dtype=float64)
    """
    a, b = promote_inexact("solve", a, b)
    a = matrix_operand("solve", a)
    y = aval_of(b)
    rank = 1 if y.ndim == 1 else 2
    if not y.shape or y.shape[-rank] != aval_of(a).shape[-1]:
        raise ShapeError(
            f"linalg.solve: operands have types {aval_of(a)} and {y}.",
            why=f"the right side must have {aval_of(a).shape[-1]} rows.",
        )
    a, b = _same_stacks(a, b if rank == 2 else expand_dims(b, -1), 2)
    x = linalg.solve(a, b)
    return x if rank == 2 else reshape(x, aval_of(x).shape[:-1])


@implements(np.linalg.inv)
def inv(a: ArrayLike) -> Array:
    """Invert square matrices.

    Parameters
    ----------
    a : array_like
        ``[..., n, n]``

    Returns
    -------
    Array
        ``[..., n, n]``; inf or nan where the matrix is singular.
    """
    a = matrix_operand("inv", a)
    shape = aval_of(a).shape
    return linalg.solve(a, broadcast_array(eye(shape[-1], dtype=aval_of(a).dtype), shape))


# --- determinants ---------------------------------------------------------------------------------------


def _permutation_sign(pivots, dtype):
    """Return the sign of the row exchanges of an LU factorisation."""
    count = aval_of(pivots).shape[-1]
    swaps = sum_(ufuncs.not_equal(pivots, np.arange(count, dtype=aval_of(pivots).dtype)), -1)
    return where(ufuncs.equal(ufuncs.mod(swaps, 2), 0), dtype.type(1), dtype.type(-1))


@implements(_numpy_slogdet, np.linalg.slogdet)
def slogdet(a: ArrayLike) -> SlogdetResult:
    """Sign and logarithm of the absolute value of the determinant.

    Parameters
    ----------
    a : array_like
        ``[..., n, n]``

    Returns
    -------
    SlogdetResult
        ``(sign, logabsdet)``; (0, -inf) where the matrix is singular.

    Notes
    -----
    The derivative of logabsdet is Re tr(a⁻¹ȧ).
    """
    return SlogdetResult(*_slogdet(matrix_operand("slogdet", a)))


@custom_jvp
def _slogdet(a):
    factors, pivots, _ = linalg.lu(a)
    pivot = diagonal_of(factors, axis1=-2, axis2=-1)
    sign = ufuncs.multiply(prod(_unit(pivot), -1), _permutation_sign(pivots, aval_of(a).dtype))
    return sign, sum_(ufuncs.log(ufuncs.absolute(pivot)), -1)


@_slogdet.defjvp
def _slogdet_jvp(primals, tangents):
    """The inverse stands for all that the elimination's derivative would do, which takes three times as long."""
    (a,), (a_dot,) = primals, tangents
    sign, logabsdet = _slogdet(a)
    shape, dtype = aval_of(a).shape, aval_of(a).dtype
    factors, pivots, _ = linalg.lu(stop_gradient(a))
    identity = broadcast_array(eye(shape[-1], dtype=dtype), shape)
    transposed_inverse = linalg.solve_with_lu(a, factors, pivots, identity, transpose_a=True)
    growth = sum_(ufuncs.multiply(transposed_inverse, a_dot), (-2, -1))
    if dtype.kind != "c":
        return (sign, logabsdet), (zeros_like(sign), growth)
    return (sign, logabsdet), (sign * (growth - real(growth)), real(growth))


def _unit(z):
    """Return z/|z|, which for complex numbers has a derivative that `sign` has not; 0 at 0."""
    if aval_of(z).dtype.kind != "c":
        return ufuncs.sign(z)
    modulus = ufuncs.absolute(z)
    return ufuncs.divide(z, where(ufuncs.equal(modulus, 0), modulus.dtype.type(1), modulus))


def _det_by_lu(a):
    factors, pivots, _ = linalg.lu(a)
    pivot = diagonal_of(factors, axis1=-2, axis2=-1)
    return ufuncs.multiply(prod(pivot, -1), _permutation_sign(pivots, aval_of(a).dtype))


def _adjugate(a):
    """Return det(a)·a⁻¹, which exists also where one pivot, the last, is zero.

    With P a = L U it is adj(U)·L⁻¹·P·det(P). In adj(U) = det(U)·U⁻¹ the last pivot cancels: dividing the last
    row by it and multiplying by det(U) is multiplying by the product of the others.
    """
    n, dtype = aval_of(a).shape[-1], aval_of(a).dtype
    factors, pivots, permutation = linalg.lu(a)
    sign = _permutation_sign(pivots, dtype)[..., None, None]
    pivot = diagonal_of(factors, axis1=-2, axis2=-1)
    others = prod(pivot[..., :-1], -1)
    rows = ufuncs.equal(permutation[..., :, None], np.arange(n, dtype=aval_of(permutation).dtype)).astype(
        dtype
    )
    options = {"left_side": True, "unit_diagonal": True, "lower": True}
    right = sign * linalg.triangular_solve(factors, rows, **options)
    determinant = (others * pivot[..., -1])[..., None, None]
    right = concatenate([determinant * right[..., :-1, :], right[..., -1:, :]], -2)
    last = (np.arange(n) == n - 1)[:, None] & (np.arange(n) == n - 1)
    upper = where(last, (1 / others)[..., None, None], factors)
    return linalg.triangular_solve(upper, right, left_side=True)


@custom_jvp
def _det_large(a):
    return _det_by_lu(a)


@_det_large.defjvp
def _det_large_jvp(primals, tangents):
    (a,), (a_dot,) = primals, tangents
    return _det_large(a), sum_(ufuncs.multiply(matrix_transpose(_adjugate(a)), a_dot), (-2, -1))


@implements(np.linalg.det)
def det(a: ArrayLike) -> Array:
    """Determinant.

    Parameters
    ----------
    a : array_like
        ``[..., n, n]``

    Returns
    -------
    Array
        ``[...]``

    Notes
    -----
    ż = tr(adj(a)·ȧ), also at singular matrices of rank n - 1.
    """
    a = strip_weak(matrix_operand("det", a))
    n = a.shape[-1]
    if n == 0:
        return strip_weak(broadcast_array(a.dtype.type(1), a.shape[:-2]))
    if n == 1:
        return a[..., 0, 0]
    if n == 2:
        return a[..., 0, 0] * a[..., 1, 1] - a[..., 0, 1] * a[..., 1, 0]
    if n == 3:
        return sum_(a[..., 0, :] * contraction.cross(a[..., 1, :], a[..., 2, :]), -1)
    return _det_large(a)


# --- powers and products ----------------------------------------------------------------------------------


@implements(np.linalg.matrix_power)
def matrix_power(a: ArrayLike, n: int) -> Array:
    """Multiply a square matrix by itself.

    Parameters
    ----------
    a : array_like
        ``[..., m, m]``
    n : int
        How many factors; negative powers are those of the inverse.

    Returns
    -------
    Array

    Raises
    ------
    DtypeError
        If ``n`` is no integer.
    """
    x = strip_weak(operand("matrix_power", a))
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"linalg.matrix_power: {aval_of(x)} is not a square matrix.")
    n = _exponent(n)
    if n < 0:
        x, n = inv(x), -n
    if n == 0:
        return strip_weak(broadcast_array(eye(x.shape[-1], dtype=x.dtype), x.shape))
    result = None
    while n:
        if n & 1:
            result = x if result is None else matmul(result, x)
        n >>= 1
        if n:
            x = matmul(x, x)
    return result


def _exponent(n) -> int:
    try:
        return operator.index(n)
    except TypeError:
        if isinstance(n, Tracer):
            raise
        raise DtypeError(
            f"linalg.matrix_power: the exponent must be an integer, got {n!r:.40}.",
            why="the power is a number of factors.",
            fix="pass n=2; scipy.linalg.funm(a, lambda x: x**p) or a factorisation by eigh for other powers.",
        ) from None


@implements(np.linalg.multi_dot, sequence=True)
def multi_dot(arrays: Sequence[ArrayLike], *, precision: Any = None) -> Array:
    """Multiply several matrices, in the order that needs the fewest operations.

    Parameters
    ----------
    arrays : sequence of array_like
        The first and the last may be vectors.
    precision : any
        Ignored.

    Returns
    -------
    Array
    """
    arrays = [strip_weak(operand("multi_dot", x)) for x in arrays]
    shapes = [x.shape for x in arrays]
    if len(arrays) < 2:
        raise ArgumentError("linalg.multi_dot: at least two arrays are needed.")
    sizes = [shapes[0][0] if len(shapes[0]) == 2 else 1, *(shape[-1] for shape in shapes)]
    if len(shapes[-1]) == 1:
        sizes[-2:] = [shapes[-1][0], 1]
    order = _chain_order(sizes)

    def multiply(i: int, j: int):
        return arrays[i] if i == j else matmul(multiply(i, order[i, j]), multiply(order[i, j] + 1, j))

    return multiply(0, len(arrays) - 1)


def _chain_order(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Return where to split each product ``i … j`` of a chain of matrices ``sizes[i] x sizes[i + 1]``."""
    n = len(sizes) - 1
    cost, order = {(i, i): 0 for i in range(n)}, {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            costs = {
                k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)
            }
            order[i, j] = min(costs, key=costs.get)
            cost[i, j] = costs[order[i, j]]
    return order


# --- norms ------------------------------------------------------------------------------------------------


def _absolute_square(x):
    if aval_of(x).dtype.kind == "c":
        return real(elementwise.mul(x, elementwise.conj(x)))
    return ufuncs.square(x)


def _largest_length(x, axes, keepdims: bool = False):
    """Largest of numbers that are not negative: 0 of none."""
    return max_(x, axes, keepdims=keepdims, initial=0)


def _vector_norm(x, order, axes, keepdims: bool):
    if order == 2:
        return ufuncs.sqrt(sum_(_absolute_square(x), axes, keepdims=keepdims))
    if order == np.inf:
        return _largest_length(ufuncs.absolute(x), axes, keepdims)
    if order == -np.inf:
        return min_(ufuncs.absolute(x), axes, keepdims=keepdims)
    if order == 0:
        return sum_(ufuncs.not_equal(x, 0).astype(real_dtype(aval_of(x).dtype)), axes, keepdims=keepdims)
    if order == 1:
        return sum_(ufuncs.absolute(x), axes, keepdims=keepdims)
    if isinstance(order, str):
        raise ArgumentError(
            f"linalg.norm: order {order!r} is for matrices.", fix="use a number, inf or -inf."
        )
    power = real_dtype(aval_of(x).dtype).type(order)
    total = sum_(ufuncs.power(ufuncs.absolute(x), power), axes, keepdims=keepdims)
    return ufuncs.power(total, 1 / power)


def _matrix_norm(x, order, axes, keepdims: bool):
    row, column = axes
    if order in (None, "fro"):
        return ufuncs.sqrt(sum_(_absolute_square(x), axes, keepdims=keepdims))
    if order in (1, -1, np.inf, -np.inf):
        summed, chosen = (row, column) if abs(order) == 1 else (column, row)
        sums = sum_(ufuncs.absolute(x), summed, keepdims=True)
        result = (_largest_length if order > 0 else min_)(sums, chosen, keepdims=True)
        return result if keepdims else result.squeeze(axes)
    if order in (2, -2, "nuc"):
        values = svdvals(moveaxis(x, axes, (-2, -1)))
        chosen = {2: _largest_length, -2: min_, "nuc": sum_}[order](values, -1)
        return expand_dims(chosen, tuple(axes)) if keepdims else chosen
    raise ArgumentError(f"linalg.norm: order {order!r} of a matrix is not known.")


@implements(np.linalg.norm)
def norm(
    x: ArrayLike, ord: Any = None, axis: int | Sequence[int] | None = None, keepdims: bool = False
) -> Array:
    """Norm of vectors or matrices.

    Parameters
    ----------
    x : array_like
    ord : number, inf, -inf, "fro", "nuc", optional
        By default the root of the sum of squares. Of vectors: any number; of matrices: "fro", "nuc", ±1, ±2, ±inf.
    axis : int or pair of int, optional
        One axis holds vectors, two hold matrices. By default all of ``x`` is one vector or matrix.
    keepdims : bool, default False

    Returns
    -------
    Array
        Real.

    Notes
    -----
    The derivative of the 2-norm is nan at 0.

    Examples
    --------
    >>> jnp.linalg.norm(jnp.array([3.0, 4.0]))
    Array(5., dtype=float64)
    """
    (x,) = promote_inexact("norm", x)
    ndim = aval_of(x).ndim
    if axis is None and ord is None:
        return _vector_norm(x, 2, tuple(range(ndim)), keepdims)
    axes = canonical_axes(axis, ndim)
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ArgumentError(
        f"linalg.norm: {len(axes)} axes hold neither vectors nor matrices.", fix="pass axis=."
    )


@implements(np.linalg.vector_norm)
def vector_norm(
    x: ArrayLike, /, *, axis: int | Sequence[int] | None = None, keepdims: bool = False, ord: Any = 2
) -> Array:
    """Norm of vectors, which may lie along several axes; all by default.

    Parameters
    ----------
    x : array_like
    axis : int or tuple of int, optional
    keepdims : bool, default False
    ord : number, inf, -inf, default 2

    Returns
    -------
    Array
    """
    (x,) = promote_inexact("vector_norm", x)
    return _vector_norm(x, ord, canonical_axes(axis, aval_of(x).ndim), keepdims)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: ArrayLike, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """Norm of matrices in the last two axes.

    Parameters
    ----------
    x : array_like
        ``[..., n, m]``
    keepdims : bool, default False
    ord : "fro", "nuc", 1, -1, 2, -2, inf, -inf

    Returns
    -------
    Array
    """
    x = matrix_operand("matrix_norm", x, square=False)
    ndim = aval_of(x).ndim
    return _matrix_norm(x, ord, (ndim - 2, ndim - 1), keepdims)


# --- factorisations ---------------------------------------------------------------------------------------


def _factorable(name: str, a, square: bool = False):
    """Return stacks of matrices in a dtype that LAPACK computes in."""
    x = matrix_operand(name, a, square=square)
    return convert(x, np.dtype(np.float32)) if aval_of(x).dtype == np.float16 else x


@implements(_numpy_qr, np.linalg.qr)
def qr(a: ArrayLike, mode: str = "reduced") -> QRResult | Array:
    """Factor a matrix into one with orthonormal columns and an upper triangle.

    Parameters
    ----------
    a : array_like
        ``[..., m, n]``
    mode : {"reduced", "complete", "r", "raw"}
        "reduced": min(m, n) columns in Q; "complete": m; "r": only R is returned; "raw": what LAPACK leaves.

    Returns
    -------
    QRResult, or Array
        ``(Q, R)`` with ``Q @ R == a``; of "raw" ``(h, tau)``, the transpose of the matrix whose upper triangle is R
        and that holds the vectors of Householder's reflections below it, and the factors of these.

    Notes
    -----
    Derivatives exist where the first min(m, n) columns are independent. In mode "complete" the columns of ``Q`` after
    the first n are those that Householder's reflections leave there, and move with them. In mode "raw" there are none.
    `jaxlite.lax.linalg.householder_product` and `jaxlite.lax.linalg.ormqr` take what "raw" returns.

    Examples
    --------
    >>> jnp.linalg.qr(jnp.array([[3.0, 1.0], [4.0, 1.0]])).R
    Array([[-5. , -1.4],
           [ 0. , -0.2]], dtype=float64)
    """
    if mode not in ("reduced", "complete", "r", "raw"):
        raise ArgumentError(
            f"linalg.qr: mode {mode!r} is not known.", fix='use "reduced", "complete", "r" or "raw".'
        )
    if mode == "raw":
        factors, tau = geqrf(_factorable("qr", a))
        return QRResult(matrix_transpose(factors), tau)
    q, r = linalg.qr(_factorable("qr", a), mode == "complete")
    return r if mode == "r" else QRResult(q, r)


def _triangle(name: str, UPLO: str | None) -> str:
    triangle = "L" if UPLO is None else str(UPLO).upper()
    if triangle not in "LU":
        raise ArgumentError(f"linalg.{name}: UPLO is {UPLO!r}.", fix='use "L" or "U".')
    return triangle


@implements(_numpy_eigh)
def eigh(a: ArrayLike, UPLO: str | None = None, symmetrize_input: bool = True) -> EighResult:
    """Return the eigenvalues and eigenvectors of a Hermitian matrix.

    Parameters
    ----------
    a : array_like
        ``[..., n, n]``
    UPLO : {"L", "U"}, optional
        Which triangle to read, where the input is not symmetrised.
    symmetrize_input : bool, default True
        Whether to use (a + aᴴ)/2, which makes the gradient symmetric.

    Returns
    -------
    EighResult
        ``(eigenvalues, eigenvectors)``, ascending; the vectors are columns.

    Notes
    -----
    The derivative of the vectors is nan where eigenvalues coincide, that of the values is not.

    Examples
    --------
    >>> jnp.linalg.eigh(jnp.array([[2.0, 1.0], [1.0, 2.0]])).eigenvalues
    Array([1., 3.], dtype=float64)
    """
    lower = _triangle("eigh", UPLO) == "L"
    v, w = linalg.eigh(_factorable("eigh", a, square=True), lower, symmetrize_input)
    return EighResult(w, v)


@implements(_numpy_eigvalsh)
def eigvalsh(a: ArrayLike, UPLO: str | None = "L", *, symmetrize_input: bool = True) -> Array:
    """Return the eigenvalues of a Hermitian matrix, ascending; parameters as for `eigh`."""
    lower = _triangle("eigvalsh", UPLO) == "L"
    return linalg.eigh(_factorable("eigvalsh", a, square=True), lower, symmetrize_input, compute_v=False)[0]


@implements(_numpy_eig, np.linalg.eig)
def eig(a: ArrayLike) -> EigResult:
    """Return the eigenvalues and eigenvectors of a square matrix.

    Parameters
    ----------
    a : array_like
        ``[..., n, n]``

    Returns
    -------
    EigResult
        ``(eigenvalues, eigenvectors)``, in no order; the vectors are columns of length 1. Complex always, where
        NumPy's are real if all values are.

    Notes
    -----
    The derivative of the vectors is nan where eigenvalues coincide.
    """
    return EigResult(*linalg.eig(_factorable("eig", a, square=True)))


@implements(_numpy_eigvals, np.linalg.eigvals)
def eigvals(a: ArrayLike) -> Array:
    """Return the eigenvalues of a square matrix, complex always; see `eig`."""
    return eig(a).eigenvalues


@implements(_numpy_svd)
def svd(
    a: ArrayLike, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> SVDResult | Array:
    """Return the singular values of a matrix and its singular vectors.

    Parameters
    ----------
    a : array_like
        ``[..., m, n]``
    full_matrices : bool, default True
        Whether U and Vh are square; otherwise they hold min(m, n) vectors each.
    compute_uv : bool, default True
        Whether to return the vectors too.
    hermitian : bool, default False
        Whether the matrix is Hermitian, which is faster.

    Returns
    -------
    SVDResult, or Array
        ``(U, S, Vh)``, or ``S`` alone.

    Notes
    -----
    The derivative of the vectors is nan where singular values coincide, that of the values is not. With
    ``full_matrices`` vectors of matrices that are not square have none.

    Examples
    --------
    >>> jnp.linalg.svd(jnp.array([[3.0, 0.0], [0.0, 4.0]]), compute_uv=False)
    Array([4., 3.], dtype=float64)
    """
    x = _factorable("svd", a, square=hermitian)
    if hermitian:
        return _svd_of_hermitian(x, compute_uv)
    outs = linalg.svd(x, full_matrices, compute_uv)
    return SVDResult(*outs) if compute_uv else outs[0]


def _svd_of_hermitian(x, compute_uv: bool):
    """Singular values are the absolute eigenvalues; the signs go to the right vectors."""
    *v, w = linalg.eigh(x, compute_v=compute_uv)
    s = ufuncs.absolute(w)
    order = argsort(ufuncs.negative(s), -1)
    s = take_along_axis(s, order, -1)
    if not compute_uv:
        return s
    (v,) = v
    u = take_along_axis(v, order[..., None, :], -1)
    sign = take_along_axis(where(ufuncs.less(w, 0), -1, 1), order, -1)
    return SVDResult(u, s, ufuncs.multiply(sign[..., :, None], ufuncs.conjugate(matrix_transpose(u))))


@implements(np.linalg.svdvals)
def svdvals(x: ArrayLike, /) -> Array:
    """Return the singular values of a matrix, descending.

    Parameters
    ----------
    x : array_like
        ``[..., m, n]``

    Returns
    -------
    Array
        Real, ``[..., min(m, n)]``.
    """
    return svd(x, compute_uv=False)


# --- rank, condition, pseudo-inverse, least squares ---------------------------------------------------------


def _default_tolerance(a) -> float:
    """Return the relative size below which a singular value counts as zero: max(m, n)·eps."""
    return max(a.shape[-2:]) * _precision(a.dtype)


@functools.cache
def _precision(dtype: np.dtype) -> float:
    return float(np.finfo(real_dtype(dtype)).eps)


def _largest(values):
    return max_(values, -1, keepdims=True, initial=0)


def _is_kept(s, rtol):
    """Whether singular values count, next to the largest of them."""
    rtol = rtol if aval_of(rtol).ndim == 0 else expand_dims(rtol, -1)
    return ufuncs.greater(s, ufuncs.multiply(rtol, _largest(s)))


@implements(_numpy_matrix_rank)
def matrix_rank(
    M: ArrayLike, rtol: ArrayLike | None = None, *, hermitian: bool = False, tol: ArrayLike | None = None
) -> Array:
    """Count the singular values that are not negligible.

    Parameters
    ----------
    M : array_like
        ``[..., m, n]``
    rtol : array_like, optional
        Relative to the largest singular value; by default max(m, n)·eps.
    hermitian : bool, default False
        Whether the matrix is Hermitian, which is faster.
    tol : array_like, optional
        The absolute size, instead of ``rtol``.

    Returns
    -------
    Array
        int64 ``[...]``
    """
    x = operand("matrix_rank", M)
    if aval_of(x).ndim < 2:
        return astype(any_(ufuncs.not_equal(x, 0)), np.int64)
    s = svd(x, compute_uv=False, hermitian=hermitian)
    if tol is None:
        kept = _is_kept(
            s, _default_tolerance(aval_of(_factorable("matrix_rank", x))) if rtol is None else rtol
        )
    else:
        kept = ufuncs.greater(s, tol if aval_of(tol).ndim == 0 else expand_dims(tol, -1))
    return sum_(kept, -1)


def _pinv_tolerance(a) -> float:
    # JAX's: products such as a.T @ a have singular values of a few eps where they should have zeros.
    return 10 * _default_tolerance(a)


def _factors_of_pinv(a, rtol, hermitian: bool = False):
    """Return v, the inverse singular values, and uᴴ: the Moore-Penrose inverse is their product."""
    u, s, vh = svd(a, full_matrices=False, hermitian=hermitian)
    kept = _is_kept(s, rtol)
    inverse = where(kept, ufuncs.divide(1, where(kept, s, s.dtype.type(1))), s.dtype.type(0))
    v, uh = map(_adjoint, (vh, u))
    return v, inverse, uh


def _adjoint(a):
    return ufuncs.conjugate(matrix_transpose(a))


def _pinv_by_svd(a, rtol, hermitian: bool):
    v, inverse, uh = _factors_of_pinv(a, rtol, hermitian)
    return matmul(v, ufuncs.multiply(inverse[..., :, None], uh))


@functools.partial(custom_jvp, nondiff_argnums=(2,))
def _pinv(a, rtol, hermitian):
    return _pinv_by_svd(a, rtol, hermitian)


@_pinv.defjvp
def _pinv_jvp(hermitian, primals, tangents):
    """ṗ = -p·ȧ·p + p·pᴴ·ȧᴴ·(1 - a·p) + (1 - p·a)·ȧᴴ·pᴴ·p, for constant rank."""
    (a, rtol), (a_dot, _) = primals, tangents
    p = _pinv(a, rtol, hermitian)
    ah_dot, ph = map(_adjoint, (a_dot, p))
    right, left = matmul(p, matmul(ph, ah_dot)), matmul(matmul(ah_dot, ph), p)
    p_dot = (
        right - matmul(matmul(right, a), p) + left - matmul(p, matmul(a, left)) - matmul(p, matmul(a_dot, p))
    )
    return p, p_dot


@implements(_numpy_pinv)
def pinv(
    a: ArrayLike, rtol: ArrayLike | None = None, hermitian: bool = False, *, rcond: ArrayLike | None = None
) -> Array:
    """Return the Moore-Penrose inverse of a matrix.

    Parameters
    ----------
    a : array_like
        ``[..., m, n]``
    rtol : array_like, optional
        Singular values up to so much of the largest count as zero; by default 10·max(m, n)·eps.
    hermitian : bool, default False
        Whether the matrix is Hermitian, which is faster.
    rcond : array_like, optional
        Another name of ``rtol``.

    Returns
    -------
    Array
        ``[..., n, m]``

    Notes
    -----
    Differentiable where the rank is constant, also where singular values coincide.
    """
    a = strip_weak(_factorable("pinv", a, square=hermitian))
    if hermitian:
        a = (a + ufuncs.conjugate(matrix_transpose(a))) / 2
    rtol = rcond if rtol is None else rtol
    if 0 in a.shape:
        return matrix_transpose(a)
    rtol = _pinv_tolerance(aval_of(a)) if rtol is None else rtol
    return _pinv(a, asarray(rtol, real_dtype(a.dtype)), bool(hermitian))


@implements(_numpy_lstsq, np.linalg.lstsq, arrays=2, owns=True)
def lstsq(
    a: ArrayLike, b: ArrayLike, rcond: float | None = None, *, numpy_resid: bool = False
) -> tuple[Array, Array, Array, Array]:
    """Find the shortest x that minimises ‖a·x - b‖.

    Parameters
    ----------
    a : array_like
        ``[m, n]``
    b : array_like
        ``[m]`` or ``[m, k]``
    rcond : float, optional
        Singular values up to so much of the largest count as zero; by default max(m, n)·eps.
    numpy_resid : bool, default False
        Whether to leave out residuals where the rank is below n or m ≤ n, as NumPy does; not under `jit`.

    Returns
    -------
    x : Array
        ``[n]`` or ``[n, k]``
    residuals : Array
        ``[1]`` or ``[k]``: ‖a·x - b‖² of each column.
    rank : Array
        int32 ``[]``
    s : Array
        The singular values of ``a``.
    """
    a, b = promote_inexact("lstsq", a, b)
    a, b = strip_weak(_factorable("lstsq", a)), strip_weak(b)
    if a.ndim != 2 or b.ndim not in (1, 2) or b.shape[0] != a.shape[0]:
        raise ShapeError(
            f"linalg.lstsq: operands have types {aval_of(a)} and {aval_of(b)}.",
            why="a is one matrix, and b a vector or matrix with as many rows.",
        )
    rtol = _default_tolerance(aval_of(a)) if rcond is None else rcond
    x = _by_pinv(a, b, asarray(rtol, real_dtype(a.dtype)), False)
    s = svdvals(a)
    rank = sum_(_is_kept(s, rtol), dtype=np.int32)  # as NumPy
    residual = b - matmul(a, x)
    residuals = sum_(_absolute_square(residual if b.ndim == 2 else residual[:, None]), 0)
    if numpy_resid and (a.shape[0] <= a.shape[1] or int(rank) < a.shape[1]):
        residuals = residuals[:0]
    return x, residuals, rank, s


@functools.partial(custom_jvp, nondiff_argnums=(3,))
def _by_pinv(a, b, rtol, adjoint):
    """Return p·b, or pᴴ·b, where p is the Moore-Penrose inverse of a: without p itself."""
    v, inverse, uh = _factors_of_pinv(a, rtol)
    first, second = (_adjoint(v), _adjoint(uh)) if adjoint else (uh, v)
    turned = matmul(first, b)
    return matmul(second, ufuncs.multiply(inverse if turned.ndim == 1 else inverse[:, None], turned))


@_by_pinv.defjvp
def _by_pinv_jvp(adjoint, primals, tangents):
    """ẋ = p·(ḃ - ȧ·x + pᴴ·ȧᴴ·(b - a·x) - a·y) + y with y = ȧᴴ·pᴴ·x, for constant rank."""
    (a, b, rtol), (a_dot, b_dot, _) = primals, tangents
    x = _by_pinv(a, b, rtol, adjoint)
    y = _by_pinv(a, x, rtol, not adjoint)
    if adjoint:
        operator, operator_dot = _adjoint(a), _adjoint(a_dot)
    else:
        operator, operator_dot = a, a_dot
    y_dot = matmul(_adjoint(operator_dot), y)
    rest_dot = _by_pinv(a, matmul(_adjoint(operator_dot), b - matmul(operator, x)), rtol, not adjoint)
    right_dot = b_dot - matmul(operator_dot, x) + rest_dot - matmul(operator, y_dot)
    return x, _by_pinv(a, right_dot, rtol, adjoint) + y_dot


@implements(np.linalg.cond)
def cond(x: ArrayLike, p: Any = None) -> Array:
    """Return by how much solving with a matrix can magnify errors: ‖x‖·‖x⁻¹‖.

    Parameters
    ----------
    x : array_like
        ``[..., m, n]``, square unless ``p`` is None, 2 or -2.
    p : any
        The norm, as of `norm`; by default 2.

    Returns
    -------
    Array
        Real, ``[...]``; inf where ``x`` is singular.
    """
    a = strip_weak(_factorable("cond", x, square=p not in (None, 2, -2)))
    if p in (None, 2, -2):
        s = svdvals(a)
        result = ufuncs.divide(s[..., -1], s[..., 0]) if p == -2 else ufuncs.divide(s[..., 0], s[..., -1])
    else:
        result = matrix_norm(a, ord=p) * matrix_norm(inv(a), ord=p)
    unknown = ufuncs.logical_and(
        ufuncs.isnan(result), ufuncs.logical_not(any_(ufuncs.isnan(a), axis=(-2, -1)))
    )
    return where(unknown, result.dtype.type(np.inf), result)


@implements(np.linalg.tensorinv)
def tensorinv(a: ArrayLike, ind: int = 2) -> Array:
    """Invert `tensordot` with an array: ``tensordot(tensorinv(a), tensordot(a, x, …), …)`` is ``x``.

    Parameters
    ----------
    a : array_like
        The sizes before ``ind`` multiply to what those from there on do.
    ind : int, default 2
        How many axes go to the end of the result.

    Returns
    -------
    Array
    """
    x = strip_weak(operand("tensorinv", a))
    if ind < 1:
        raise ArgumentError(f"linalg.tensorinv: ind is {ind}; one axis at least must move.")
    rows = math.prod(x.shape[:ind])
    if rows * rows != x.size:
        raise ShapeError(
            f"linalg.tensorinv: {aval_of(x)} with ind={ind}.",
            why=f"the sizes before axis {ind} must multiply to what the others do.",
        )
    return reshape(inv(reshape(x, (rows, rows))), (*x.shape[ind:], *x.shape[:ind]))


@implements(np.linalg.tensorsolve, arrays=2)
def tensorsolve(a: ArrayLike, b: ArrayLike, axes: tuple[int, ...] | None = None) -> Array:
    """Solve ``tensordot(a, x, x.ndim) == b``.

    Parameters
    ----------
    a : array_like
        Its first axes are those of ``b``, the others those of ``x``.
    b : array_like
    axes : tuple of int, optional
        Axes of ``a`` to move to the end first.

    Returns
    -------
    Array
    """
    a, b = (strip_weak(operand("tensorsolve", x, i)) for i, x in enumerate((a, b)))
    if axes is not None:
        a = moveaxis(a, axes, tuple(range(a.ndim - len(axes), a.ndim)))
    shape = a.shape[b.ndim :]
    if math.prod(shape) != b.size or a.size != b.size**2:
        raise ShapeError(
            f"linalg.tensorsolve: operands have types {aval_of(a)} and {aval_of(b)}.",
            why="there must be as many equations as unknowns.",
        )
    return reshape(solve(reshape(a, (b.size, b.size)), ravel(b)), shape)


# --- functions that jnp has too, on the last two axes -------------------------------------------------------


@implements(np.linalg.diagonal)
def diagonal(x: ArrayLike, /, *, offset: int = 0) -> Array:
    """Return the diagonals of the matrices in the last two axes.

    Parameters
    ----------
    x : array_like
        ``[..., m, n]``
    offset : int, default 0
        Above (positive) or below the main diagonal.

    Returns
    -------
    Array
    """
    return diagonal_of(x, offset, -2, -1)


@implements(np.linalg.trace)
def trace(x: ArrayLike, /, *, offset: int = 0, dtype: DTypeLike | None = None) -> Array:
    """Sum the diagonals of the matrices in the last two axes.

    Parameters
    ----------
    x : array_like
        ``[..., m, n]``
    offset : int, default 0
        Above (positive) or below the main diagonal.
    dtype : dtype, optional

    Returns
    -------
    Array
        ``[...]``
    """
    return contraction.trace(x, offset, -2, -1, dtype)


@implements(np.linalg.cross, arrays=2)
def cross(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Array:
    """Return the vector product of vectors of length 3 along an axis.

    Parameters
    ----------
    x1, x2 : array_like
    axis : int, default -1

    Returns
    -------
    Array
    """
    for x in (x1, x2):
        shape = aval_of(operand("cross", x)).shape
        if not shape or shape[canonical_axis(axis, len(shape))] != 3:
            raise ShapeError(
                f"linalg.cross: operands have types {aval_of(x1)} and {aval_of(x2)}.",
                why="vectors must have length 3.",
            )
    return contraction.cross(x1, x2, axis=axis)


@implements(np.linalg.outer, arrays=2)
def outer(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Multiply each element of one vector with each of another.

    Parameters
    ----------
    x1, x2 : array_like
        ``[n]`` and ``[m]``

    Returns
    -------
    Array
        ``[n, m]``
    """
    avals = [aval_of(operand("outer", x, i)) for i, x in enumerate((x1, x2))]
    if any(aval.ndim != 1 for aval in avals):
        raise ShapeError(
            f"linalg.outer: operands have types {avals[0]} and {avals[1]}.", why="they must be vectors."
        )
    return contraction.outer(x1, x2)


FUNCTIONS.update(
    {
        np.linalg.matmul: matmul,
        np.linalg.matrix_transpose: matrix_transpose,
        np.linalg.tensordot: lambda a, b, /, *, axes=2: tensordot(a, b, axes),
        np.linalg.vecdot: vecdot,
    }
)


# --- NumPy's own functions on traced values, which read one triangle ---------------------------------------
#
# Differs from JAX, which has no such calls: np.linalg.cholesky(a) is to be the same, traced or not, also where ``a`` is
# not symmetric. The derivative is that of what is read.


def _of_triangle(a, lower: bool = True):
    """Return what has the Hermitian matrix of one triangle of ``a`` as its symmetric part."""
    kept, beside = (tril(a), tril(a, -1)) if lower else (triu(a), triu(a, 1))
    return kept + beside


@implements(np.linalg.cholesky, eager=False)
def _cholesky_of_triangle(a, *, upper=False):
    return cholesky(_of_triangle(matrix_operand("cholesky", a), not upper), upper=upper)


@implements(np.linalg.eigh, eager=False)
def _eigh_of_triangle(a, UPLO="L"):
    # LAPACK chooses the signs of the vectors by the triangle that it reads.
    return eigh(_of_triangle(_factorable("eigh", a, square=True), _triangle("eigh", UPLO) == "L"), UPLO)


@implements(np.linalg.eigvalsh, eager=False)
def _eigvalsh_of_triangle(a, UPLO="L"):
    return _eigh_of_triangle(a, UPLO).eigenvalues


@implements(np.linalg.svd, eager=False)
def _svd_of_triangle(a, full_matrices=True, compute_uv=True, hermitian=False):
    a = _of_triangle(_factorable("svd", a, square=True)) if hermitian else a
    return svd(a, full_matrices, compute_uv, hermitian)


_NOT_GIVEN = object()


@implements(np.linalg.pinv, eager=False)
def _pinv_of_triangle(a, rcond=None, hermitian=False, *, rtol=_NOT_GIVEN):
    a = _factorable("pinv", a, square=hermitian)
    if rcond is None and rtol is _NOT_GIVEN:
        rcond = 1e-15  # NumPy's, for every dtype
    elif rcond is None:
        rcond = _default_tolerance(aval_of(a)) if rtol is None else rtol
    return pinv(_of_triangle(a) if hermitian else a, rcond, hermitian)


@implements(np.linalg.matrix_rank, eager=False)
def _rank_of_triangle(A, tol=None, hermitian=False, *, rtol=None):
    A = _of_triangle(_factorable("matrix_rank", A, square=True)) if hermitian else A
    return matrix_rank(A, rtol, hermitian=hermitian, tol=tol)
