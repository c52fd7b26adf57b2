"""``jaxlite.lax.linalg``: linear algebra as strict functions, and tridiagonal systems.

lax.linalg.tridiagonal_solve(lower, diagonal, upper, b)  ->  two scans: elimination, then substitution backwards
"""

from __future__ import annotations

from jaxlite.control.scan import scan
from jaxlite.errors import ShapeError
from jaxlite.ops import elementwise, structural
from jaxlite.ops import linalg as _linalg
from jaxlite.ops.linalg import cholesky, eigh, lu, qr, triangular_solve
from jaxlite.ops.reflections import householder_product, ormqr
from jaxlite.trace import aval_of

__all__ = [
    "cholesky",
    "eigh",
    "householder_product",
    "lu",
    "ormqr",
    "qr",
    "svd",
    "triangular_solve",
    "tridiagonal_solve",
]


def svd(x, *, full_matrices: bool = True, compute_uv: bool = True):
    """Return the singular values of matrices, and their singular vectors.

    Parameters
    ----------
    x : array
        ``[..., m, n]``
    full_matrices : bool, default True
        Whether ``u`` and ``vh`` are square.
    compute_uv : bool, default True
        Whether to return the vectors too.

    Returns
    -------
    u, s, vh : Array
        ``[..., m, k]``, ``[..., k]`` and ``[..., k, n]``; without ``compute_uv`` just ``s``.
    """
    results = _linalg.svd(x, full_matrices, compute_uv)
    return results if compute_uv else results[0]


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
