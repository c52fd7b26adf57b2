"""``jaxlite.numpy.linalg``: norms, and what is solved with a factored matrix.

    jnp.linalg.solve(a: f64[3,3], b: f64[3])  ->  lu a; solve_with_lu a … b

Where NumPy raises LinAlgError the result is inf or nan, eager and compiled alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxlite.array import Array
from jaxlite.control.custom_rules import custom_jvp
from jaxlite.dtypes import real_dtype
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy import ufuncs
from jaxlite.numpy.contraction import cross, diagonal, matmul, outer, tensordot, trace, vecdot
from jaxlite.numpy.creation import eye
from jaxlite.numpy.promotion import (
    broadcast_array,
    canonical_axes,
    operand,
    promote_inexact,
    strip_weak,
)
from jaxlite.numpy.reductions import max as max_
from jaxlite.numpy.reductions import min as min_
from jaxlite.numpy.reductions import prod
from jaxlite.numpy.reductions import sum as sum_
from jaxlite.numpy.registry import FUNCTIONS, implements
from jaxlite.numpy.selection import real, where
from jaxlite.numpy.shaping import concatenate, expand_dims, matrix_transpose, reshape
from jaxlite.ops import elementwise, linalg
from jaxlite.trace import aval_of
from jaxlite.typing import ArrayLike

__all__ = [
    "SlogdetResult",
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "inv",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "slogdet",
    "solve",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]


def _matrices(name: str, a, square: bool = True):
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


@implements(np.linalg.cholesky, eager=False)
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
    factor = linalg.cholesky(_matrices("cholesky", a), symmetrize_input)
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
    a = _matrices("solve", a)
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
    a = _matrices("inv", a)
    shape = aval_of(a).shape
    return linalg.solve(a, broadcast_array(eye(shape[-1], dtype=aval_of(a).dtype), shape))


# --- determinants ---------------------------------------------------------------------------------------


class SlogdetResult(NamedTuple):
    """Sign and logarithm of the absolute value of a determinant."""

    sign: Array
    logabsdet: Array


def _permutation_sign(pivots, dtype):
    """Return the sign of the row exchanges of an LU factorisation."""
    count = aval_of(pivots).shape[-1]
    swaps = sum_(ufuncs.not_equal(pivots, np.arange(count, dtype=aval_of(pivots).dtype)), -1)
    return where(ufuncs.equal(ufuncs.mod(swaps, 2), 0), dtype.type(1), dtype.type(-1))


@implements(np.linalg.slogdet, eager=False)
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
    a = _matrices("slogdet", a)
    dtype = aval_of(a).dtype
    factors, pivots, _ = linalg.lu(a)
    pivot = diagonal(factors, axis1=-2, axis2=-1)
    sign = ufuncs.multiply(prod(_unit(pivot), -1), _permutation_sign(pivots, dtype))
    return SlogdetResult(sign, sum_(ufuncs.log(ufuncs.absolute(pivot)), -1))


def _unit(z):
    """Return z/|z|, which for complex numbers has a derivative that `sign` has not; 0 at 0."""
    if aval_of(z).dtype.kind != "c":
        return ufuncs.sign(z)
    modulus = ufuncs.absolute(z)
    return ufuncs.divide(z, where(ufuncs.equal(modulus, 0), modulus.dtype.type(1), modulus))


def _det_by_lu(a):
    factors, pivots, _ = linalg.lu(a)
    pivot = diagonal(factors, axis1=-2, axis2=-1)
    return ufuncs.multiply(prod(pivot, -1), _permutation_sign(pivots, aval_of(a).dtype))


def _adjugate(a):
    """Return det(a)·a⁻¹, which exists also where one pivot, the last, is zero.

    With P a = L U it is adj(U)·L⁻¹·P·det(P). In adj(U) = det(U)·U⁻¹ the last pivot cancels: dividing the last
    row by it and multiplying by det(U) is multiplying by the product of the others.
    """
    n, dtype = aval_of(a).shape[-1], aval_of(a).dtype
    factors, pivots, permutation = linalg.lu(a)
    sign = _permutation_sign(pivots, dtype)[..., None, None]
    pivot = diagonal(factors, axis1=-2, axis2=-1)
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
    a = strip_weak(_matrices("det", a))
    n = a.shape[-1]
    if n == 0:
        return strip_weak(broadcast_array(a.dtype.type(1), a.shape[:-2]))
    if n == 1:
        return a[..., 0, 0]
    if n == 2:
        return a[..., 0, 0] * a[..., 1, 1] - a[..., 0, 1] * a[..., 1, 0]
    if n == 3:
        return sum_(a[..., 0, :] * cross(a[..., 1, :], a[..., 2, :]), -1)
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
    """
    x = strip_weak(operand("matrix_power", a))
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"linalg.matrix_power: {aval_of(x)} is not a square matrix.")
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


@implements(np.linalg.multi_dot, eager=False)
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


def _vector_norm(x, order, axes, keepdims: bool):
    if order == 2:
        return ufuncs.sqrt(sum_(_absolute_square(x), axes, keepdims=keepdims))
    if order == np.inf:
        return max_(ufuncs.absolute(x), axes, keepdims=keepdims)
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
        result = (max_ if order > 0 else min_)(sums, chosen, keepdims=True)
        return result if keepdims else result.squeeze(axes)
    if order in (2, -2, "nuc"):
        raise ArgumentError(
            f"linalg.norm: order {order!r} of a matrix needs singular values, which have no rule for traced values.",
            fix="use 'fro', 1, -1, inf or -inf; vectors take any order.",
        )
    raise ArgumentError(f"linalg.norm: order {order!r} of a matrix is not known.")


@implements(np.linalg.norm)
def norm(
    x: ArrayLike, ord: Any = None, axis: int | Sequence[int] | None = None, keepdims: bool = False
) -> Array:
    """Norm of vectors or matrices.

    Parameters
    ----------
    x : array_like
    ord : number, inf, -inf, "fro", optional
        By default the root of the sum of squares. Of vectors: any number; of matrices: "fro", ±1, ±inf.
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


@implements(np.linalg.vector_norm, eager=False)
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


@implements(np.linalg.matrix_norm, eager=False)
def matrix_norm(x: ArrayLike, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """Norm of matrices in the last two axes.

    Parameters
    ----------
    x : array_like
        ``[..., n, m]``
    keepdims : bool, default False
    ord : "fro", 1, -1, inf, -inf

    Returns
    -------
    Array
    """
    x = _matrices("matrix_norm", x, square=False)
    ndim = aval_of(x).ndim
    return _matrix_norm(x, ord, (ndim - 2, ndim - 1), keepdims)


# np.linalg has functions of its own for these.
FUNCTIONS.update(
    {
        np.linalg.cross: cross,
        np.linalg.diagonal: lambda x, /, *, offset=0: diagonal(x, offset, -2, -1),
        np.linalg.matmul: matmul,
        np.linalg.matrix_transpose: matrix_transpose,
        np.linalg.outer: outer,
        np.linalg.tensordot: lambda a, b, /, *, axes=2: tensordot(a, b, axes),
        np.linalg.trace: lambda x, /, *, offset=0, dtype=None: trace(x, offset, -2, -1, dtype),
        np.linalg.vecdot: vecdot,
    }
)
