"""Ordinary differential equations: adaptive Runge-Kutta loops, run and differentiated as machine code. Layer 7.

    y = odeint(lambda y, t, a: -a * y, 1.0, np.linspace(0.0, 1.0, 5), 2.0)        # y[i] = exp(-2 t[i])

A step of Dormand and Prince gives a value of order 5, an estimate of its error, and a polynomial of order 4 for what
lies between. `odeint` has JAX's signature and does what JAX does; `solve_ivp` is for users of SciPy.

References
----------
.. [1] Dormand, Prince, "A family of embedded Runge-Kutta formulae", J. Comp. Appl. Math. 6, 1980.
.. [2] Shampine, "Some practical Runge-Kutta formulas", Math. Comp. 46, 1986: the polynomial.
.. [3] Hairer, Nørsett, Wanner, "Solving Ordinary Differential Equations I", section II.4: step sizes.
.. [4] Chen, Rubanova, Bettencourt, Duvenaud, "Neural Ordinary Differential Equations", NeurIPS 2018: the adjoint.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.api import closure_convert, vjp, vmap
from jaxlite.control.cond import cond
from jaxlite.control.custom_rules import custom_vjp
from jaxlite.control.jit import merge
from jaxlite.control.scan import scan
from jaxlite.control.while_loop import while_loop
from jaxlite.errors import ArgumentError, DtypeError, ShapeError
from jaxlite.experimental.states import check_like, ravel_like, ravel_state
from jaxlite.flatten_util import Unravel
from jaxlite.lax import stop_gradient
from jaxlite.trace import Tracer, aval_of
from jaxlite.tree import (
    register_pytree_node,
    tree_flatten,
    tree_map,
    tree_unflatten,
)

__all__ = ["DenseOutput", "Solution", "odeint", "solve_ivp"]

# --- one step -----------------------------------------------------------------------------------------

_NODES = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
# Order 5 less order 4.
_ERROR = (
    35 / 384 - 1951 / 21600, 0.0, 500 / 1113 - 22642 / 50085, 125 / 192 - 451 / 720,
    -2187 / 6784 + 12231 / 42400, 11 / 84 - 649 / 6300, -1 / 60,
)  # fmt: skip
# To the middle of the step, of order 4.
_MIDDLE = (
    6025192743 / 30085553152 / 2, 0.0, 51252292925 / 65400821598 / 2, -2691868925 / 45128329728 / 2,
    187940372067 / 1594534317056 / 2, -1776094331 / 19743644256 / 2, 11237099 / 235043384 / 2,
)  # fmt: skip


def _combine(weights, ks):
    # A sum that starts from 0 has one addition more, which nothing may leave out: -0.0 would stay.
    return functools.reduce(operator.add, [w * k for w, k in zip(weights, ks, strict=True) if w])


def _runge_kutta(f, y, slope, t, dt):
    """Return the next value, the slope there, the estimate of the error, and the value in the middle of the step."""
    h = dt.astype(y.dtype)
    ks = [slope]
    for node, weights in zip(_NODES, _STAGES, strict=True):
        # The last stage stands at the next value: its slope is the first of the next step.
        new = y + h * _combine(weights, ks)
        ks.append(f(new, t + node * dt))
    return new, ks[-1], h * _combine(_ERROR, ks), y + h * _combine(_MIDDLE, ks)


def _quartic(y0, y1, middle, slope0, slope1, h):
    """Return the coefficients, highest first, through three values and with two slopes, over [0, 1]."""
    return (
        -2.0 * h * slope0 + 2.0 * h * slope1 - 8.0 * y0 - 8.0 * y1 + 16.0 * middle,
        5.0 * h * slope0 - 3.0 * h * slope1 + 18.0 * y0 + 14.0 * y1 - 32.0 * middle,
        -4.0 * h * slope0 + h * slope1 - 11.0 * y0 - 5.0 * y1 + 16.0 * middle,
        h * slope0,
        y0,
    )


def _polynomial(coefficients, x):
    value, *rest = coefficients
    for c in rest:
        value = value * x + c
    return value


def _abs2(x):
    return x.real**2 + x.imag**2 if jnp.iscomplexobj(x) else x**2


def _first_step(f, t, y, slope, rtol, atol):
    """Guess the size of the first step for order 4 [3]_."""
    scale = atol + jnp.abs(y) * rtol
    d0, d1 = (jnp.sqrt(jnp.sum(_abs2(x / scale))) for x in (y, slope))
    h0 = jnp.where((d0 < 1e-5) | (d1 < 1e-5), 1e-6, 0.01 * d0 / d1)
    new = f(y + h0.astype(y.dtype) * slope, t + h0.astype(t.dtype))
    d2 = jnp.sqrt(jnp.sum(_abs2((new - slope) / scale))) / h0
    h1 = jnp.where(
        (d1 <= 1e-15) & (d2 <= 1e-15), jnp.maximum(1e-6, h0 * 1e-3), (0.01 / jnp.maximum(d1, d2)) ** (1 / 5)
    )
    return jnp.minimum(100.0 * h0, h1).astype(t.dtype)


def _next_size(dt, ratio):
    """Return the size that would have had 0.9 of the error that is allowed."""
    at_least = jnp.where(ratio < 1.0, 1.0, 0.2)
    factor = jnp.minimum(10.0, jnp.maximum(ratio ** (-1 / 5) * 0.9, at_least))
    return (dt * jnp.where(ratio == 0.0, 10.0, factor)).astype(dt.dtype)


# --- many steps ---------------------------------------------------------------------------------------


class _State(NamedTuple):
    """Where the integration is, what the next step tries, and where the last step came from."""

    y: Any
    slope: Any
    t: Any
    dt: Any
    last_y: Any
    last_slope: Any
    last_t: Any
    last_dt: Any
    middle: Any
    accepted: Any
    rejected: Any

    @property
    def attempts(self):
        return self.accepted + self.rejected

    @property
    def coefficients(self):
        """Of the polynomial from ``last_t`` to ``t``. Few steps reach a time that is asked for: others make none."""
        h = self.last_dt.astype(self.y.dtype)
        return _quartic(self.last_y, self.y, self.middle, self.last_slope, self.slope, h)


class _Options(NamedTuple):
    rtol: float
    atol: float
    hmax: float


def _start(f, y, t, options: _Options, first_step=None) -> _State:
    """Begin with a first step of this size, or one of the state's own where there is none or it is 0."""
    slope = f(y, t)

    def guess():
        return _first_step(f, t, y, slope, options.rtol, options.atol)

    if first_step is None:
        first_step = guess()
    else:
        first_step = jnp.asarray(first_step, t.dtype)
        first_step = cond(first_step > 0.0, lambda: first_step, guess)
    dt = jnp.minimum(stop_gradient(jnp.asarray(first_step, t.dtype)), options.hmax).astype(t.dtype)
    return _State(y, slope, t, dt, y, slope, t, jnp.zeros_like(t), y, np.int64(0), np.int64(0))


def _attempt(f, state: _State, options: _Options, limit=None) -> _State:
    """Try one step, which ends at ``limit`` at the latest; too large an error changes the size alone."""
    # Derivatives are those of the steps as they were chosen: the choice of their sizes has none.
    dt = state.dt if limit is None else stop_gradient(jnp.minimum(state.dt, limit - state.t))
    y, slope, error, middle = _runge_kutta(f, state.y, state.slope, state.t, dt)
    allowed = options.atol + options.rtol * jnp.maximum(jnp.abs(state.y), jnp.abs(y))
    ratio = stop_gradient(jnp.sqrt(jnp.mean(_abs2(error / allowed))))
    size = jnp.minimum(_next_size(dt, ratio), options.hmax).astype(dt.dtype)
    good = ratio <= 1.0
    count = good.astype(np.int64)
    size, accepted, rejected = stop_gradient(size), state.accepted + count, state.rejected + 1 - count
    made = _State(y, slope, state.t + dt, size, state.y, state.slope, state.t, dt, middle, accepted, rejected)
    kept = state._replace(dt=size, accepted=accepted, rejected=rejected)
    return tree_map(lambda new, old: new if new is old else jnp.where(good, new, old), made, kept)


def _advance(f, state: _State, target, options: _Options, most, checkpoint, limit=None):
    """Step until ``target``, or ``most`` attempts; return the state and the value there, nan if it was not reached."""

    def goes_on(state):
        more = (state.t < target) & (state.dt > 0.0)
        return more if most is None else more & (state.attempts < most)

    step = lambda state: _attempt(f, state, options, limit)  # noqa: E731
    state = while_loop(goes_on, step, state, checkpoint=checkpoint)
    return state, _value_at(state, target)


def _value_at(state: _State, target):
    span = state.t - state.last_t
    # Before the first step there is no span to divide by.
    x = (target - state.last_t) / jnp.where(span > 0.0, span, 1.0)
    value = _polynomial(state.coefficients, x.astype(state.y.dtype))
    # Differs from JAX: where steps ran out, it extends the last polynomial.
    return jnp.where(state.t >= target, value, jnp.nan)


# --- odeint -------------------------------------------------------------------------------------------


def odeint(
    func: Callable,
    y0,
    t,
    *args,
    rtol: float = 1.4e-8,
    atol: float = 1.4e-8,
    mxstep: float = math.inf,
    hmax: float = math.inf,
    derivatives: str = "adjoint",
    checkpoint=None,
):
    """Integrate dy/dt = func(y, t, *args) by adaptive Dormand-Prince steps.

    Parameters
    ----------
    func : callable
        ``(y, t, *args) -> dy/dt``, a pytree like ``y``. What it closes over may be traced.
    y0 : pytree of float or complex arrays
        At time ``t[0]``.
    t : f64[n]
        The times, which do not decrease, to return values at; f32[n] for times in single precision. Times that are
        traced are not checked: where they decrease, values have no meaning.
    *args : pytrees of arrays
        Handed on to ``func``.
    rtol, atol : float
        Relative and absolute error that one step may have.
    mxstep : int
        The most steps from one time to the next; where they do not do, values are nan.
    hmax : float
        The largest step.
    derivatives : {"adjoint", "loop"}
        ``"adjoint"``: reverse mode integrates the adjoint equation backwards in time, in constant memory, with an error
        of its own; there is no forward mode. ``"loop"``: forward and reverse mode differentiate the steps as they were
        chosen, so that gradients are those of the numbers that came out; reverse mode records each step.
    checkpoint : None, int, True or "sqrt", optional
        With ``"loop"``: which steps reverse mode records; see `lax.while_loop`.

    Returns
    -------
    pytree of arrays
        Like ``y0``, each leaf with a first axis of length n.

    Raises
    ------
    DtypeError
        If ``t`` is not floating, or a leaf of ``y0`` is neither that nor complex.
    ShapeError
        If ``t`` has not one axis, or no element.
    ArgumentError
        If ``func`` returns another structure or other shapes than those of ``y0``, times decrease, or an option is
        unknown.

    Notes
    -----
    With λ = ∂L/∂y, the adjoint equation is dλ/dt = −λᵀ ∂f/∂y, and ∂L/∂args = ∫ λᵀ ∂f/∂args dt. The sweep starts
    anew at each time, from the value that was found there.

    Differs from JAX: ``derivatives`` and ``checkpoint`` are jaxlite's own; JAX has the adjoint. Its sweep guesses the
    size of the first step anew at each time; here it goes on with that of the step before, so that gradients may
    differ by the errors that are allowed.

    References
    ----------
    .. [1] Dormand, Prince, "A family of embedded Runge-Kutta formulae", J. Comp. Appl. Math. 6, 1980.
    .. [2] Chen, Rubanova, Bettencourt, Duvenaud, "Neural Ordinary Differential Equations", NeurIPS 2018.
    .. [3] JAX, jax/experimental/ode.py.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> from jaxlite.experimental.ode import odeint
    >>> decay = lambda a: odeint(lambda y, t, a: -a * y, 1.0, np.array([0.0, 1.0]), a)[1]
    >>> print(f"{decay(2.0):.6f} {jaxlite.grad(decay)(2.0):.6f}")
    0.135335 -0.135335
    """
    options = _options("odeint", rtol, atol, hmax)
    if derivatives not in ("adjoint", "loop"):
        raise ArgumentError(
            f"odeint got derivatives={derivatives!r:.40}.", fix='derivatives="adjoint" or derivatives="loop".'
        )
    if derivatives == "adjoint" and checkpoint is not None:
        raise ArgumentError(
            "odeint takes checkpoint with derivatives='loop' only.", why="the adjoint records no steps."
        )
    times = _times("odeint", t)
    _check_order("odeint", "t", t, 1)
    return _solve(func, y0, times, args, options, mxstep, derivatives, checkpoint)[0]


def _solve(func, y0, times, args, options, mxstep, derivatives="adjoint", checkpoint=None, first_step=None):
    """Return the values at all times, and the size that the next step would have."""
    flat, unravel = ravel_state("odeint", "y0", y0)
    converted, consts = closure_convert(func, y0, times[0], *args)
    check_like("odeint", func, "y0", y0, converted, (y0, times[0], *args, *consts))
    leaves, tree = tree_flatten((*args, *consts))
    leaves = [jnp.asarray(x) for x in leaves]
    mask = [aval_of(x).dtype.kind in "fc" for x in leaves]

    def flat_func(y, t, inexact, exact):
        args = tree_unflatten(tree, merge(mask, inexact, exact))
        return ravel_like(converted(unravel(y), t, *args), y)

    inexact = [x for x, m in zip(leaves, mask, strict=True) if m]
    exact = [x for x, m in zip(leaves, mask, strict=True) if not m]
    solve = _with_adjoint if derivatives == "adjoint" else _through_steps
    ys, dt = solve(flat_func, flat, times, inexact, exact, first_step, options, mxstep, checkpoint)
    return _unravel_rows(unravel, ys), dt


def _through_steps(func, y0, ts, inexact, exact, first_step, options, mxstep, checkpoint=None):
    if not y0.size:
        return jnp.zeros((ts.size, 0), y0.dtype), jnp.zeros((), ts.dtype)

    def f(y, t):
        return func(y, t, inexact, exact)

    def to_target(state, target):
        most = None if math.isinf(mxstep) else state.attempts + mxstep
        return _advance(f, state, target, options, most, checkpoint)

    state, ys = scan(to_target, _start(f, y0, ts[0], options, first_step), ts[1:])
    return jnp.concatenate([y0[None], ys]), state.dt


def _with_adjoint(func, y0, ts, inexact, exact, first_step, options, mxstep, checkpoint=None):
    def solve(y0, ts, inexact, exact, first_step):
        return _through_steps(func, y0, ts, inexact, exact, first_step, options, mxstep)

    # Errors name it.
    solve.__name__ = solve.__qualname__ = "odeint, derivatives='adjoint',"
    solve = custom_vjp(solve)
    solve.forward_mode_fix = (
        'pass derivatives="loop" for forward mode and second derivatives (jvp, jacfwd, hessian), or use reverse '
        "mode alone."
    )

    def forward(*args):
        y0, ts, inexact, exact, first_step = args
        ys, dt = solve(*args)
        return (ys, dt), (ys, ts, inexact, exact)

    def backward(residuals, bars):
        (ys, ts, inexact, exact), (ys_bar, _) = residuals, bars

        def augmented(state, minus_t, inexact, exact):
            y, y_bar, _, _ = state
            slope, pull = vjp(lambda y, t, a: func(y, t, a, exact), y, -minus_t, inexact)
            return -slope, *pull(y_bar)

        def interval(carry, rows):
            y_bar, t0_bar, args_bar, dt = carry
            y, y_bar_here, y_bar_before, t, t_before = rows
            # Moving the time at which y is looked at.
            t_bar = jnp.sum(func(y, t, inexact, exact) * y_bar_here).real.astype(ts.dtype)
            (_, *bars), dt = _solve(
                augmented, (y, y_bar, t0_bar - t_bar, args_bar), jnp.stack([-t, -t_before]), (inexact, exact),
                options, mxstep, first_step=dt,
            )  # fmt: skip
            y_bar, t0_bar, args_bar = tree_map(lambda x: x[1], bars)
            return (y_bar + y_bar_before, t0_bar, args_bar, dt), t_bar

        zero = jnp.zeros((), ts.dtype)
        start = ys_bar[-1], zero, tree_map(jnp.zeros_like, inexact), zero
        rows = ys[1:], ys_bar[1:], ys_bar[:-1], ts[1:], ts[:-1]
        (y_bar, t0_bar, args_bar, _), ts_bar = scan(interval, start, rows, reverse=True)
        return y_bar, jnp.concatenate([t0_bar[None], ts_bar]), args_bar, None, None

    solve.defvjp(forward, backward)
    return solve(y0, ts, inexact, exact, first_step)


# --- solve_ivp ----------------------------------------------------------------------------------------


class DenseOutput:
    """The solution between the ends of its interval, made by `solve_ivp`; a pytree.

    Attributes
    ----------
    starts, ends : f64[max_steps]
        Of the steps, in the order in which they were made, as time gone by; inf where there was none.
    coefficients : tuple of five f64[max_steps, size]
    """

    def __init__(self, t0, direction, starts, ends, coefficients, unravel: Unravel):
        self.t0, self.direction = t0, direction
        self.starts, self.ends, self.coefficients = starts, ends, coefficients
        self._unravel = unravel

    def __call__(self, t):
        """Return the values at any times; outside of the interval the nearest step's polynomial is extended.

        Parameters
        ----------
        t : f64[] or f64[n]

        Returns
        -------
        pytree of arrays
            Like ``y0``, with a first axis of length n for f64[n].
        """
        values = self._flat(jnp.asarray(t))
        return _unravel_rows(self._unravel, values) if values.ndim > 1 else self._unravel(values)

    def _flat(self, t):
        gone = (t - self.t0) * self.direction
        count = jnp.sum(jnp.isfinite(self.ends))
        step = jnp.clip(jnp.searchsorted(self.ends, gone), 0, jnp.maximum(count - 1, 0))
        x = (gone - self.starts[step]) / (self.ends[step] - self.starts[step])
        rows = [c[step] for c in self.coefficients]
        return _polynomial(rows, x.astype(rows[0].dtype)[..., None])


register_pytree_node(
    DenseOutput,
    lambda d: ((d.t0, d.direction, d.starts, d.ends, d.coefficients), d._unravel),
    lambda unravel, children: DenseOutput(*children, unravel),
)


class Solution(NamedTuple):
    """What `solve_ivp` returns.

    Attributes
    ----------
    t : f64[n]
    y : pytree of arrays
        With a first axis of length n; nan where the integration did not get so far.
    sol : DenseOutput or None
    num_steps, num_rejected : i64[]
        Steps that were taken, and attempts that were not.
    nfev : i64[]
        Calls of ``fun``.
    success : bool[]
        Whether the end was reached.
    """

    t: Any
    y: Any
    sol: DenseOutput | None
    num_steps: Any
    num_rejected: Any
    nfev: Any
    success: Any


def solve_ivp(
    fun: Callable,
    t_span,
    y0,
    *,
    t_eval=None,
    dense_output: bool = False,
    args: tuple = (),
    rtol: float = 1e-3,
    atol: float = 1e-6,
    first_step=None,
    max_step: float = math.inf,
    max_steps: int | None = None,
    checkpoint=None,
) -> Solution:
    """Solve an initial value problem by adaptive Dormand-Prince steps, as SciPy's ``RK45``.

    Parameters
    ----------
    fun : callable
        ``(t, y, *args) -> dy/dt``, a pytree like ``y``. What it closes over may be traced.
    t_span : pair of float
        First and last time, traced or not; the last may lie before the first.
    y0 : pytree of float or complex arrays
    t_eval : f64[n], optional
        Times to return values at, in the order in which they are met; by default the two ends. Traced times are not
        checked: before an earlier one, or outside of ``t_span``, values have no meaning.
    dense_output : bool
        Whether to keep the polynomials of all steps, as ``sol``.
    args : tuple of pytrees
        Handed on to ``fun``.
    rtol, atol : float
        Relative and absolute error that one step may have.
    first_step, max_step : float, optional
        Sizes of the first step and of the largest one.
    max_steps : int, optional
        The most attempts; 1000 with ``dense_output``, which has so many places, else without limit.
    checkpoint : None, int, True or "sqrt", optional
        Which steps reverse mode records; see `lax.while_loop`.

    Returns
    -------
    Solution

    Raises
    ------
    DtypeError
        If times are not floating, or a leaf of ``y0`` is neither that nor complex.
    ShapeError
        If ``t_eval`` has not one axis, or no element.
    ArgumentError
        If ``fun`` returns another structure or other shapes than those of ``y0``, or ``t_eval`` is not sorted or
        leaves ``t_span``.

    Notes
    -----
    Forward and reverse mode differentiate the steps as they were chosen. No error is raised where the end is not
    reached, since that is not known before compiled code has run: see ``success``.

    Differs from SciPy: time is the first axis of ``y``; the steps' own times are in ``sol``, as their number is not
    known while a program is recorded.

    References
    ----------
    .. [1] Shampine, "Some practical Runge-Kutta formulas", Math. Comp. 46, 1986.
    .. [2] SciPy, scipy/integrate/_ivp/rk.py.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> from jaxlite.experimental.ode import solve_ivp
    >>> def height(t):
    ...     solution = solve_ivp(lambda t, s: (s[1], -9.81), (0.0, 2.0), (0.0, 9.81), dense_output=True)
    ...     return solution.sol(t)[0]
    >>> print(f"{height(1.0):.4f} {abs(jaxlite.grad(height)(1.0)):.4f}")
    4.9050 0.0000
    """
    options = _options("solve_ivp", rtol, atol, max_step)
    try:
        t0, t1 = t_span
    except (TypeError, ValueError):
        raise ArgumentError(f"solve_ivp needs t_span=(first, last), got {t_span!r:.60}.") from None
    ends = _times("solve_ivp", jnp.stack([1.0 * jnp.asarray(t0), 1.0 * jnp.asarray(t1)]))
    times = ends if t_eval is None else _times("solve_ivp", t_eval)
    if t_eval is not None:
        _check_inside(t_eval, t0, t1)
    if not isinstance(args, tuple | list):
        raise ArgumentError(f"solve_ivp: args is {args!r:.60}.", why="it is a tuple.", fix="args=(value,).")
    _check_positive("solve_ivp", "first_step", first_step)
    if max_steps is not None and not (isinstance(max_steps, int | np.integer) and max_steps >= 0):
        raise ArgumentError(f"solve_ivp needs max_steps as an integer of at least 0, got {max_steps!r:.40}.")
    flat, unravel = ravel_state("solve_ivp", "y0", y0)
    check_like("solve_ivp", fun, "y0", y0, lambda y, t: fun(t, y, *args), (y0, ends[0]))
    t0, t1 = ends
    direction = stop_gradient(jnp.where(t1 < t0, -1.0, 1.0)).astype(ends.dtype)

    def f(y, gone):
        slope = ravel_like(fun(t0 + direction * gone, unravel(y), *args), y)
        return slope * direction.astype(y.dtype)

    limit = (t1 - t0) * direction
    targets = (times - t0) * direction
    start = _start(f, flat, jnp.zeros((), ends.dtype), options, first_step)
    sol = None
    if dense_output:
        state, steps = _dense(f, start, limit, options, 1000 if max_steps is None else max_steps)
        sol = DenseOutput(t0, direction, *steps, unravel)
        reached = (targets <= state.t)[:, None]
        ys = jnp.where(reached, sol._flat(times), jnp.nan)
    else:

        def to_target(state, target):
            return _advance(f, state, target, options, max_steps, checkpoint, limit)

        state, ys = scan(to_target, start, targets)
        state, _ = to_target(state, limit)
    return Solution(
        times, _unravel_rows(unravel, ys), sol, state.accepted, state.rejected,
        1 + (first_step is None) + 6 * state.attempts, state.t >= limit,
    )  # fmt: skip


def _dense(f, state: _State, limit, options: _Options, max_steps: int):
    """Run ``max_steps`` attempts, those after the end without work; collect the step that each one made."""

    def attempt(state):
        new = _attempt(f, state, options, limit)
        made = new.accepted > state.accepted
        return new, (new.last_t, jnp.where(made, new.t, np.inf), new.coefficients)

    def rest(state):
        return state, (state.last_t, jnp.asarray(np.inf, state.t.dtype), state.coefficients)

    def step(state, _):
        return cond((state.t < limit) & (state.dt > 0.0), attempt, rest, state)

    state, (starts, ends, coefficients) = scan(step, state, None, length=max_steps)
    # Attempts that failed go to the end.
    order = jnp.argsort(ends, stable=True)
    return state, (starts[order], ends[order], tuple(c[order] for c in coefficients))


# --- arguments ----------------------------------------------------------------------------------------


def _options(name: str, rtol, atol, hmax) -> _Options:
    for what, value in (("rtol", rtol), ("atol", atol)):
        if not isinstance(value, float | int | np.number) or not value >= 0:
            raise ArgumentError(f"{name} needs {what} as a number of at least 0, got {value!r:.40}.")
    _check_positive(name, "hmax" if name == "odeint" else "max_step", hmax)
    return _Options(float(rtol), float(atol), hmax)


def _check_positive(name: str, what: str, value) -> None:
    """Refuse a size of steps that is known and not positive."""
    known = None if value is None else _known(value)
    if known is not None and not (known.ndim == 0 and known.dtype.kind in "iuf" and known > 0):
        raise ArgumentError(f"{name} needs {what} as a number above 0, got {value!r:.40}.")


def _times(name: str, t):
    t = jnp.asarray(t)
    if t.dtype.kind != "f":
        raise DtypeError(f"{name} needs times of a floating dtype, got {aval_of(t)}.", fix="t.astype(float).")
    if t.ndim != 1 or not t.size:
        raise ShapeError(f"{name} needs times along one axis, at least one, got {aval_of(t)}.")
    return t


def _known(x) -> np.ndarray | None:
    """Return a plain array, as functions of an Array are recorded inside jit; None where something is traced."""
    return None if any(isinstance(leaf, Tracer) for leaf in tree_flatten(x)[0]) else np.asarray(x)


def _check_order(name: str, what: str, times, direction: int):
    """Refuse times that run against ``direction``, where they are known."""
    times = _known(times)
    if times is None:
        return
    against = np.diff(times) * direction < 0
    if against.any():
        i = int(against.argmax())
        raise ArgumentError(
            f"{name}: {what}[{i}] is {times[i]}, {what}[{i + 1}] is {times[i + 1]}.",
            why=f"times must not {'decrease' if direction > 0 else 'increase'}.",
            fix=f"sort {what}, or give each stretch a call of its own.",
        )


def _check_inside(t_eval, t0, t1):
    """Refuse times that `solve_ivp` does not meet on its way, where they and the ends are known."""
    t_eval, t0, t1 = map(_known, (t_eval, t0, t1))
    if t_eval is None or t0 is None or t1 is None:
        return
    _check_order("solve_ivp", "t_eval", t_eval, -1 if t1 < t0 else 1)
    # In double precision: 0.1 of single precision lies beyond 0.1.
    low, high = np.sort(np.stack([t0, t1]).astype(np.float64))
    outside = (t_eval < low) | (t_eval > high)
    if outside.any():
        i = int(outside.argmax())
        raise ArgumentError(
            f"solve_ivp: t_eval[{i}] is {t_eval[i]}, t_span is ({t0}, {t1}).",
            why="values are known inside of t_span.",
            fix="widen t_span.",
        )


def _unravel_rows(unravel: Unravel, rows):
    return vmap(unravel)(rows)
