"""``jaxlite.scipy.optimize``: `minimize` by the method of Broyden, Fletcher, Goldfarb and Shanno.

>>> result = jaxlite.scipy.optimize.minimize(lambda x: jnp.sum((x - 1.0) ** 2), jnp.zeros(2), method="BFGS")
>>> result.x
Array([1., 1.], dtype=float64)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.api.reverse import value_and_grad
from jaxlite.control.while_loop import while_loop
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy.promotion import inexact_dtype
from jaxlite.trace import aval_of
from jaxlite.typing import Array

__all__ = ["OptimizeResults", "minimize"]


class OptimizeResults(NamedTuple):
    """What `minimize` found.

    Parameters
    ----------
    x : f64[n]
        The point.
    success : bool[]
        Whether the gradient is as small as asked for.
    status : i64[]
        0: success; 1: the number of steps is used up; 3: no step along the direction lowers the function.
    fun, jac, hess_inv : Array
        f64[], f64[n] and f64[n, n]: value, gradient, and an estimate of the inverse Hessian.
    nfev, njev, nit : i64[]
        Evaluations of the function and its gradient, and steps.
    """

    x: Array
    success: Array
    status: Array
    fun: Array
    jac: Array
    hess_inv: Array
    nfev: Array
    njev: Array
    nit: Array


# Armijo's and Wolfe's conditions; J. Nocedal, S. Wright, "Numerical Optimization", 2nd ed., Springer 2006, chapter 3.
_DECREASE, _CURVATURE = 1e-4, 0.9


def _search(evaluate, x, value, gradient, direction, most: int):
    """Find a step of weak Wolfe type by bisection; ends with the best that lowers the function."""
    slope = gradient @ direction

    def more(state):
        *_, done, k = state
        return ~done & (k < most)

    def step(state):
        low, high, t, best_t, best_value, best_gradient, _, k = state
        here, slope_vector = evaluate(x + t * direction)
        too_long = ~(here <= value + _DECREASE * t * slope)
        too_short = ~too_long & (slope_vector @ direction < _CURVATURE * slope)
        better = ~too_long & (here < best_value)
        accepted = ~too_long & ~too_short
        keep = better | accepted
        best_t, best_value = jnp.where(keep, t, best_t), jnp.where(keep, here, best_value)
        best_gradient = jnp.where(keep, slope_vector, best_gradient)
        low, high = jnp.where(too_short, t, low), jnp.where(too_long, t, high)
        t = jnp.where(jnp.isinf(high), 2.0 * t, 0.5 * (low + high))
        return low, high, t, best_t, best_value, best_gradient, accepted, k + 1

    # Not 0 times the value: that is nan if the value is nan or infinite, and no step of length 0 tells of the failure.
    zero = jnp.zeros_like(value)
    start = (zero, zero + jnp.inf, zero + 1.0, zero, value, gradient, jnp.asarray(False), 0)
    _, _, _, t, value, gradient, _, count = while_loop(more, step, start)
    return t, value, gradient, count


def minimize(
    fun: Callable,
    x0: Any,
    args: tuple = (),
    *,
    method: str,
    tol: float | None = None,
    options: Mapping[str, Any] | None = None,
) -> OptimizeResults:
    """Find a minimum of a smooth function.

    Parameters
    ----------
    fun : callable
        ``(x, *args) -> number``
    x0 : f64[n]
        Where to begin.
    args : tuple, optional
    method : {"BFGS"}
    tol : float, optional
        The largest component of the gradient that is small enough, 1e-5 by default.
    options : mapping, optional
        ``gtol``, instead of ``tol``; ``maxiter``, 200 times the number of unknowns; ``line_search_maxiter``, 30;
        ``norm``, the norm of the gradient, inf.

    Returns
    -------
    OptimizeResults

    Raises
    ------
    ArgumentError
        For another ``method``, an unknown option, or ``args`` that is no tuple.
    ShapeError
        If ``x0`` is no vector.

    References
    ----------
    .. [1] J. Nocedal, S. Wright, "Numerical Optimization", 2nd ed., Springer, 2006, algorithm 6.1.
    """
    options = dict(options or {})
    if method.upper() != "BFGS":
        raise ArgumentError(
            f"minimize: method is {method!r}.", why="only BFGS is here.", fix='method="BFGS".'
        )
    if not isinstance(args, tuple):
        raise ArgumentError(
            f"minimize: args is {type(args).__name__}.", why="it is a tuple.", fix="args=(value,)."
        )
    unknown = set(options) - {"gtol", "maxiter", "norm", "line_search_maxiter"}
    if unknown:
        raise ArgumentError(f"minimize: there is no option {', '.join(sorted(unknown))}.")
    x = jnp.asarray(x0)
    if x.ndim != 1:
        raise ShapeError(
            f"minimize: x0 has type {aval_of(x)}.", why="it is a vector.", fix="flatten_util.ravel_pytree."
        )
    x = jnp.astype(x, inexact_dtype(x.dtype))
    n = x.shape[0]
    gtol = options.get("gtol", 1e-5 if tol is None else tol)
    most = options.get("maxiter")
    most = 200 * n if most is None else most
    searches = options.get("line_search_maxiter", 30)
    order = options.get("norm", np.inf)
    evaluate = value_and_grad(lambda x: fun(x, *args))

    def is_small(gradient):
        return jnp.linalg.norm(gradient, order) <= gtol

    def more(state):
        _, _, gradient, _, k, _, failed = state
        return ~is_small(gradient) & (k < most) & ~failed

    def step(state):
        x, value, gradient, inverse, k, count, _ = state
        direction = -(inverse @ gradient)
        t, after, slope, used = _search(evaluate, x, value, gradient, direction, searches)
        move = t * direction
        change = slope - gradient
        curvature = change @ move
        fine = curvature > 0
        scale = jnp.where(fine, 1.0 / jnp.where(fine, curvature, 1.0), 0.0)
        # The first estimate has the size of the function's curvature.
        square = change @ change
        first = jnp.where(fine & (k == 0), curvature / jnp.where(square > 0, square, 1.0), 1.0)
        # (1 - s·m·cᵀ)·H·(1 - s·c·mᵀ) + s·m·mᵀ without a product of matrices, s = 1/(c·m), H symmetric.
        image = first * (inverse @ change)
        both = jnp.outer(move, image)
        weight = scale * (1.0 + scale * (change @ image))
        updated = first * inverse - scale * (both + both.T) + weight * jnp.outer(move, move)
        inverse = jnp.where(fine, updated, inverse)
        failed = t == 0
        # Zero steps along a direction that is not finite are nan.
        x = jnp.where(failed, x, x + move)
        return x, after, slope, inverse, k + 1, count + used, failed

    value, gradient = evaluate(x)
    start = (x, value, gradient, jnp.eye(n, dtype=x.dtype), 0, 1, jnp.asarray(False))
    x, value, gradient, inverse, k, count, failed = while_loop(more, step, start)
    success = is_small(gradient)
    status = jnp.where(success, 0, jnp.where(failed, 3, 1))
    return OptimizeResults(x, success, status, value, gradient, inverse, count, count, k)
