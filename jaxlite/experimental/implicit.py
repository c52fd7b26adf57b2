"""Roots and fixed points of functions, with the derivatives of the equation they solve. Layer 7.

    x = root(lambda x, a: x * x - a, 1.0, 2.0)               # √2;  dx/da = 1 / (2 x)
    x = fixed_point(lambda x, a: a * np.cos(x), 0.5, 1.0)    # x = cos x

The loops are compiled; derivatives do not go through them. With f(x, a) = 0 they follow from ∂f/∂x ẋ = −∂f/∂a ȧ, in
both modes and to any order, at the cost of one linear system. It is `lax.custom_root` that says so.

References
----------
.. [1] Krantz, Parks, "The Implicit Function Theorem", Birkhäuser 2002.
.. [2] Nocedal, Wright, "Numerical Optimization", 2nd ed., Springer 2006, chapter 11.
.. [3] Broyden, "A class of methods for solving nonlinear simultaneous equations", Math. Comp. 19, 1965.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.api import jacfwd
from jaxlite.control.implicit import custom_root
from jaxlite.control.while_loop import while_loop
from jaxlite.errors import ArgumentError
from jaxlite.experimental.states import check_like, ravel_like, ravel_state

__all__ = ["SolverInfo", "fixed_point", "root"]


class SolverInfo(NamedTuple):
    """How a solver ended; without derivatives.

    Attributes
    ----------
    converged : bool[]
    num_steps : i64[]
    residual : f64[]
        The largest element of |f(x)|, or of |f(x) − x| for a fixed point.
    """

    converged: Any
    num_steps: Any
    residual: Any


def root(
    f: Callable,
    x0,
    *args,
    method: str = "newton",
    tol: float | None = None,
    maxiter: int = 50,
    has_info: bool = False,
):
    """Solve f(x, *args) = 0 for x.

    Parameters
    ----------
    f : callable
        ``(x, *args) -> r``, a pytree like ``x``. What it closes over may be traced.
    x0 : pytree of float arrays
        Where to begin. Derivatives with respect to it are zero.
    *args : pytrees of arrays
        Handed on to ``f``.
    method : {"newton", "broyden"}
        ``"newton"`` computes the Jacobian at each step, and halves steps that do not bring r nearer to zero.
        ``"broyden"`` computes it once and corrects its inverse: more steps, which cost one call of ``f`` each.
    tol : float, optional
        The largest element of r that counts as zero; by default ε^(2/3), 4e-11 for float64.
    maxiter : int
        The most steps.
    has_info : bool
        Whether to return ``(x, info)``.

    Returns
    -------
    x : pytree of float arrays
        Like ``x0``. Where it did not converge: nan, derivatives too; with ``has_info`` the last value.
    info : SolverInfo, only if ``has_info``

    Raises
    ------
    DtypeError
        If a leaf of ``x0`` is not floating.
    ArgumentError
        If ``f`` returns another structure or other shapes than those of ``x0``, or there is no such method.

    Notes
    -----
    With J = ∂f/∂x at the solution, ẋ = −J⁻¹ ∂f/∂a ȧ and ā = −(∂f/∂a)ᵀ J⁻ᵀ x̄. J is a dense matrix of n² elements for n
    unknowns. Whether the steps converged is not known before compiled code has run, so that no error is raised.

    References
    ----------
    .. [1] Nocedal, Wright, "Numerical Optimization", 2nd ed., Springer 2006, chapter 11.
    .. [2] Broyden, "A class of methods for solving nonlinear simultaneous equations", Math. Comp. 19, 1965.

    Examples
    --------
    >>> import jaxlite
    >>> from jaxlite.experimental.implicit import root
    >>> square_root = lambda a: root(lambda x, a: x * x - a, 1.0, a)
    >>> square_root(4.0), jaxlite.grad(square_root)(4.0)
    (Array(2., dtype=float64), Array(0.25, dtype=float64))
    """
    solvers = {"newton": _newton, "broyden": _broyden}
    if method not in solvers:
        raise ArgumentError(f"root got method={method!r:.40}.", fix='method="newton" or method="broyden".')
    check_like("root", f, "x0", x0, f, (x0, *args))
    vector, unravel = ravel_state("root", "x0", x0, "f")

    def residual(x):
        return ravel_like(f(unravel(x), *args), x)

    return _solve(
        residual, vector, unravel, solvers[method], _tolerance("root", tol, vector), maxiter, has_info
    )


def fixed_point(
    f: Callable,
    x0,
    *args,
    method: str = "iterate",
    tol: float | None = None,
    maxiter: int = 1000,
    has_info: bool = False,
):
    """Solve x = f(x, *args) for x.

    Parameters
    ----------
    f : callable
        ``(x, *args) -> x``, a pytree like ``x``. What it closes over may be traced.
    x0 : pytree of float arrays
        Where to begin. Derivatives with respect to it are zero.
    *args : pytrees of arrays
        Handed on to ``f``.
    method : {"iterate", "newton", "broyden"}
        ``"iterate"`` repeats x ← f(x), which converges where f contracts; the others solve f(x) − x = 0, see `root`.
    tol : float, optional
        The largest element of f(x) − x that counts as zero; by default ε^(2/3), 4e-11 for float64.
    maxiter : int
        The most steps.
    has_info : bool
        Whether to return ``(x, info)``.

    Returns
    -------
    x : pytree of float arrays
        Like ``x0``. Where it did not converge: nan, derivatives too; with ``has_info`` the last value.
    info : SolverInfo, only if ``has_info``

    Raises
    ------
    DtypeError
        If a leaf of ``x0`` is not floating.
    ArgumentError
        If ``f`` returns another structure or other shapes than those of ``x0``, or there is no such method.

    Notes
    -----
    (I − ∂f/∂x) ẋ = ∂f/∂a ȧ at the solution, solved as a dense system.

    References
    ----------
    .. [1] Krantz, Parks, "The Implicit Function Theorem", Birkhäuser 2002.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> from jaxlite.experimental.implicit import fixed_point
    >>> x = lambda a: fixed_point(lambda x, a: a * np.cos(x), 0.5, a)
    >>> print(f"{x(1.0):.6f} {jaxlite.grad(x)(1.0):.6f}")
    0.739085 0.441611
    """
    solvers = {"iterate": _iterate, "newton": _newton, "broyden": _broyden}
    if method not in solvers:
        raise ArgumentError(
            f"fixed_point got method={method!r:.40}.", fix='method="iterate", "newton" or "broyden".'
        )
    check_like("fixed_point", f, "x0", x0, f, (x0, *args))
    vector, unravel = ravel_state("fixed_point", "x0", x0, "f")

    def residual(x):
        return ravel_like(f(unravel(x), *args), x) - x

    tol = _tolerance("fixed_point", tol, vector)
    return _solve(residual, vector, unravel, solvers[method], tol, maxiter, has_info)


# --- solvers ------------------------------------------------------------------------------------------


def _tolerance(solver: str, tol, x) -> float:
    if tol is None:
        return float(np.finfo(x.dtype).eps) ** (2 / 3)
    if not isinstance(tol, float | int | np.number) or not tol > 0:
        raise ArgumentError(f"{solver} needs tol as a positive number, got {tol!r:.40}.")
    return float(tol)


def _solve(residual, x0, unravel, solver, tol: float, maxiter: int, has_info: bool):
    def solve(f, x0):
        state = solver(f, x0, tol, maxiter)
        largest = _largest(state.value)
        return state.x, SolverInfo(largest <= tol, state.steps, largest)

    def tangent_solve(g, y):
        return jnp.linalg.solve(jacfwd(g)(y), y)

    x, info = custom_root(residual, x0, solve, tangent_solve, has_aux=True)
    if has_info:
        return unravel(x), info
    # A product, so that derivatives are nan as well.
    return unravel(x * jnp.where(info.converged, 1.0, np.nan).astype(x.dtype))


class _Iterate(NamedTuple):
    """The unknowns, the residual there, what a method remembers."""

    x: Any
    value: Any
    memory: Any
    steps: Any


def _largest(value):
    return jnp.max(jnp.abs(value)) if value.size else jnp.zeros((), value.dtype)


def _repeat(step, start, memory, tol: float, maxiter: int) -> _Iterate:
    x, value = start

    def goes_on(state):
        largest = _largest(state.value)
        # nan is no way to go on from.
        return (largest > tol) & jnp.isfinite(largest) & (state.steps < maxiter)

    return while_loop(goes_on, step, _Iterate(x, value, memory, np.int64(0)))


def _iterate(f, x, tol: float, maxiter: int) -> _Iterate:
    def step(state):
        x = state.x + state.value
        return _Iterate(x, f(x), (), state.steps + 1)

    return _repeat(step, (x, f(x)), (), tol, maxiter)


def _newton(f, x, tol: float, maxiter: int) -> _Iterate:
    def step(state):
        direction = jnp.linalg.solve(jacfwd(f)(state.x), -state.value)
        before = jnp.sum(state.value**2)

        def too_far(trial):
            size, _, value = trial
            after = jnp.sum(value**2)
            return ~(after < before) & (size > 1e-3)

        def halved(trial):
            size = 0.5 * trial[0]
            x = state.x + size * direction
            return size, x, f(x)

        x = state.x + direction
        _, x, value = while_loop(too_far, halved, (jnp.ones((), x.dtype), x, f(x)))
        return _Iterate(x, value, (), state.steps + 1)

    return _repeat(step, (x, f(x)), (), tol, maxiter)


def _broyden(f, x, tol: float, maxiter: int) -> _Iterate:
    def step(state):
        inverse = state.memory
        move = -(inverse @ state.value)
        x = state.x + move
        value = f(x)
        # Sherman and Morrison: the inverse of the Jacobian that agrees with the last move.
        changed = inverse @ (value - state.value)
        along = jnp.dot(move, changed)
        correction = jnp.outer(move - changed, move @ inverse) / jnp.where(along == 0.0, 1.0, along)
        return _Iterate(x, value, inverse + correction, state.steps + 1)

    return _repeat(step, (x, f(x)), jnp.linalg.inv(jacfwd(f)(x)), tol, maxiter)
