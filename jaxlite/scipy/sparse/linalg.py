"""``jaxlite.scipy.sparse.linalg``: Krylov methods for ``A @ x = b``, where A may be a function and b a pytree.

The equation is differentiated, not the iteration: derivatives are solves of their own, to the same tolerance.

>>> x, _ = jaxlite.scipy.sparse.linalg.cg(lambda x: 2.0 * x, jnp.array([2.0, 4.0]))
>>> x
Array([1., 2.], dtype=float64)
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.control.implicit import custom_linear_solve
from jaxlite.control.while_loop import fori_loop, while_loop
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.flatten_util import ravel_pytree
from jaxlite.numpy.promotion import inexact_dtype
from jaxlite.ops.linalg import triangular_solve
from jaxlite.trace import aval_of
from jaxlite.tree import tree_leaves, tree_map, tree_structure

__all__ = ["bicgstab", "cg", "gmres"]


def _norm(x):
    return jnp.sqrt(jnp.real(jnp.vdot(x, x)))


def _cg(apply, b, x, precondition, limit, maxiter):
    """Conjugate gradients on vectors; M. Hestenes, E. Stiefel, J. Res. Nat. Bur. Standards 49, 1952."""

    def more(state):
        _, r, _, _, k = state
        return (jnp.real(jnp.vdot(r, r)) > limit**2) & (k < maxiter)

    def step(state):
        x, r, p, gamma, k = state
        image = apply(p)
        alpha = gamma / jnp.vdot(p, image)
        x, r = x + alpha * p, r - alpha * image
        z = precondition(r)
        after = jnp.vdot(r, z)
        return x, r, z + after / gamma * p, after, k + 1

    r = b - apply(x)
    z = precondition(r)
    return while_loop(more, step, (x, r, z, jnp.vdot(r, z), 0))[0]


def _bicgstab(apply, b, x, precondition, limit, maxiter):
    """The stabilised biconjugate method; H. A. van der Vorst, SIAM J. Sci. Stat. Comput. 13, 1992."""

    def more(state):
        _, r, _, _, _, alive, k = state
        return (jnp.real(jnp.vdot(r, r)) > limit**2) & (k < maxiter) & alive

    def step(state):
        x, r, shadow, p, rho, _, k = state
        p_hat = precondition(p)
        image = apply(p_hat)
        alpha = rho / jnp.vdot(shadow, image)
        s = r - alpha * image
        s_hat = precondition(s)
        t = apply(s_hat)
        square = jnp.vdot(t, t)
        omega = jnp.where(square == 0, 0, jnp.vdot(t, s) / jnp.where(square == 0, 1, square))
        x = x + alpha * p_hat + omega * s_hat
        r = s - omega * t
        after = jnp.vdot(shadow, r)
        beta = jnp.where(omega == 0, 0, after / rho * alpha / jnp.where(omega == 0, 1, omega))
        alive = (after != 0) & (omega != 0)
        return x, r, shadow, r + beta * (p - omega * image), after, alive, k + 1

    r = b - apply(x)
    return while_loop(more, step, (x, r, r, r, jnp.vdot(r, r), jnp.asarray(True), 0))[0]


def _turn(a, b):
    """Return (c, s) of the rotation that takes (a, b) to (r, 0); none if both are 0."""
    r = jnp.hypot(jnp.abs(a), jnp.abs(b))
    safe = jnp.where(r == 0, 1, r)
    return jnp.stack([jnp.where(r == 0, 1, a / safe), b / safe])


def _turned(v, j, turn):
    """Rotate elements j and j + 1 of a vector."""
    (c, s), (a, b) = turn, (v[j], v[j + 1])
    return v.at[j].set(jnp.conj(c) * a + jnp.conj(s) * b).at[j + 1].set(c * b - s * a)


def _back_substituted(triangle, right):
    """Solve with an upper triangle; unknowns whose column says nothing of them are 0."""
    diagonal = jnp.diagonal(triangle)
    void = jnp.abs(diagonal) <= 1e-14 * jnp.max(jnp.abs(triangle), 0)
    regular = triangle + jnp.diag(jnp.where(void, 1 - diagonal, 0))
    return triangular_solve(regular, jnp.where(void, 0, right)[:, None], left_side=True)[:, 0]


def _gmres(restart: int):
    """Restarted minimal residuals; Y. Saad, M. Schultz, SIAM J. Sci. Stat. Comput. 7, 1986.

    Rotations keep the least-squares problem triangular: what is left of its right side is the residual, and a cycle
    ends as soon as that is small enough.
    """

    def solve(apply, b, x, precondition, limit, maxiter):
        def more(state):
            _, r, k = state
            return (_norm(r) > limit) & (k < maxiter)

        def unfinished(state):
            *_, right, j = state
            return (j < restart) & (jnp.abs(right[j]) > limit)

        def extend(state):
            basis, triangle, turns, right, j = state
            w = apply(precondition(basis[j]))
            column = 0
            # Twice: once leaves what rounding put along the earlier vectors. The later ones are still zero.
            for _ in range(2):
                part = jnp.conj(basis) @ w
                w, column = w - part @ basis, column + part
            norm = _norm(w)
            # The space is exhausted: a zero vector adds nothing.
            gone = norm <= 1e-14 * _norm(column)
            basis = basis.at[j + 1].set(jnp.where(gone, 0, w / jnp.where(gone, 1, norm)))
            column = fori_loop(0, j, lambda i, column: _turned(column, i, turns[i]), column)
            turn = _turn(column[j], jnp.where(gone, 0, norm))
            column = _turned(column.at[j + 1].set(jnp.where(gone, 0, norm)), j, turn)
            return basis, triangle.at[:, j].set(column), turns.at[j].set(turn), _turned(right, j, turn), j + 1

        def cycle(state):
            x, r, k = state
            size = _norm(r)
            basis = jnp.zeros((restart + 1, r.size), r.dtype).at[0].set(r / size)
            triangle = jnp.zeros((restart + 1, restart), r.dtype)
            turns = jnp.zeros((restart, 2), r.dtype)
            right = jnp.zeros(restart + 1, r.dtype).at[0].set(size)
            start = basis, triangle, turns, right, 0
            basis, triangle, _, right, _ = while_loop(unfinished, extend, start)
            y = _back_substituted(triangle[:-1], right[:-1])
            x = x + precondition(y @ basis[:-1])
            return x, b - apply(x), k + 1

        return while_loop(more, cycle, (x, b - apply(x), 0))[0]

    return solve


def _operator(name: str, A, what: str) -> Callable:
    if callable(A):
        return A
    aval = aval_of(A)
    if aval.ndim != 2 or aval.shape[0] != aval.shape[1]:
        raise ShapeError(f"{name}: {what} has type {aval}.", why="it is a square matrix or a function.")
    return functools.partial(operator.matmul, jnp.asarray(A))


def _solve(name, method, A, b, x0, tol, atol, maxiter, M, symmetric):
    A = _operator(name, A, "A")
    M = (lambda x: x) if M is None else _operator(name, M, "M")
    b = tree_map(lambda x: jnp.astype(jnp.asarray(x), inexact_dtype(aval_of(x).dtype)), b)
    x0 = tree_map(jnp.zeros_like, b) if x0 is None else x0
    shapes = [[jnp.shape(x) for x in tree_leaves(tree)] for tree in (b, x0)]
    if tree_structure(b) != tree_structure(x0) or shapes[0] != shapes[1]:
        raise ArgumentError(f"{name}: x0 is not like b.", details=[f"x0: {shapes[1]}", f"b: {shapes[0]}"])
    size = sum(aval_of(x).size for x in tree_leaves(b))
    most = 10 * size if maxiter is None else maxiter

    def solve(matvec, right, start):
        flat, back = ravel_pytree(right)
        apply = lambda v: ravel_pytree(matvec(back(v)))[0]  # noqa: E731
        precondition = lambda v: ravel_pytree(M(back(v)))[0]  # noqa: E731
        limit = jnp.maximum(tol * _norm(flat), atol)
        first = jnp.astype(ravel_pytree(start)[0], flat.dtype)
        return back(method(apply, flat, first, precondition, limit, most))

    def transposed(vecmat, right):
        return solve(vecmat, right, tree_map(jnp.zeros_like, right))

    # The transpose of a Hermitian operator is its conjugate, not itself.
    symmetric = symmetric and not any(map(jnp.iscomplexobj, tree_leaves(b)))
    x = custom_linear_solve(
        A, b, lambda matvec, right: solve(matvec, right, x0), transpose_solve=transposed, symmetric=symmetric
    )
    return x, None


_DOCUMENT = """{summary}

Parameters
----------
A : f64[n, n] or callable
    {matrix}; a function takes and returns pytrees like ``b`` and is linear.
b : pytree of arrays
x0 : pytree like b, optional
    Where to begin; zeros by default. Derivatives do not depend on it.
tol, atol : float
    The residual is at most ``max(tol·‖b‖, atol)``; 1e-5 and 0 by default.
{restart}maxiter : int, optional
    10 times the number of unknowns by default.
M : f64[n, n] or callable, optional
    Approximates the inverse of A.
{last}
Returns
-------
x : pytree like b
info : None

Raises
------
ShapeError
    If a matrix is not square.
ArgumentError
    If ``x0`` is not like ``b``.
"""


def cg(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    tol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
):
    return _solve("cg", _cg, A, b, x0, tol, atol, maxiter, M, True)


def bicgstab(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    tol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
):
    return _solve("bicgstab", _bicgstab, A, b, x0, tol, atol, maxiter, M, False)


def gmres(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    tol: float = 1e-5,
    atol: float = 0.0,
    restart: int = 20,
    maxiter: int | None = None,
    M: Any = None,
    solve_method: str = "batched",
):
    if solve_method not in ("batched", "incremental"):
        raise ArgumentError(
            f"gmres: solve_method is {solve_method!r}.", why="it is 'batched' or 'incremental'."
        )
    size = sum(int(np.prod(jnp.shape(x))) for x in tree_leaves(b))
    return _solve("gmres", _gmres(max(1, min(restart, size))), A, b, x0, tol, atol, maxiter, M, False)


cg.__doc__ = _DOCUMENT.format(
    summary="Solve ``A @ x = b`` by conjugate gradients.",
    matrix="Hermitian and positive definite",
    restart="",
    last="",
)
bicgstab.__doc__ = _DOCUMENT.format(
    summary="Solve ``A @ x = b`` by the stabilised biconjugate gradient method.",
    matrix="Regular",
    restart="",
    last="",
)
gmres.__doc__ = _DOCUMENT.format(
    summary="Solve ``A @ x = b`` by restarted minimal residuals.", matrix="Regular",
    restart="restart : int\n    How many vectors a cycle makes; 20 by default.\n",
    last='solve_method : {"batched", "incremental"}\n    Accepted for programs written for JAX.\n',
)  # fmt: skip
