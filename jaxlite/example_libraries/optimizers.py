"""First-order optimisers as triples of functions over pytrees.

    init, update, get_params = adam(1e-3)
    state = init(params)
    for i in range(steps):
        state = update(i, grad(loss)(get_params(state), batch(i)), state)

Each optimiser is written for one array; `optimizer` makes it one for trees. A state holds the arrays that belong to
each parameter in flat lists, so that it is a pytree whose structure says what belongs to what.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jaxlite.numpy as jnp
from jaxlite.errors import ArgumentError
from jaxlite.tree import register_pytree_node, tree_flatten, tree_leaves, tree_map, tree_unflatten

Schedule = Callable[[Any], Any]


class Optimizer(NamedTuple):
    """What an optimiser consists of.

    Attributes
    ----------
    init_fn : ``params -> state``
    update_fn : ``(i, gradient, state) -> state``
        ``i`` is the number of the step.
    params_fn : ``state -> params``
    """

    init_fn: Callable
    update_fn: Callable
    params_fn: Callable


class OptimizerState(NamedTuple):
    """The arrays that an optimiser keeps, parameter by parameter, and the structure of both.

    Attributes
    ----------
    packed_state : tuple of tuple of arrays
    tree_def : PyTreeDef
        Of the parameters.
    subtree_defs : tuple of PyTreeDef
        For each parameter, of what is kept for it.
    """

    packed_state: tuple
    tree_def: Any
    subtree_defs: tuple


register_pytree_node(
    OptimizerState,
    lambda state: ((state.packed_state,), (state.tree_def, state.subtree_defs)),
    lambda data, children: OptimizerState(children[0], *data),
)


class JoinPoint:
    """Marks where the tree of parameters ends and that of what is kept for one of them begins: a leaf.

    Parameters
    ----------
    subtree : pytree
    """

    def __init__(self, subtree):
        self.subtree = subtree

    def __iter__(self):
        yield self.subtree


def _packed(states: list, tree_def) -> OptimizerState:
    flat = [tree_flatten(state) for state in states]
    return OptimizerState(tuple(tuple(leaves) for leaves, _ in flat), tree_def, tuple(d for _, d in flat))


def _unpacked(state: OptimizerState) -> list:
    return [
        tree_unflatten(d, leaves) for d, leaves in zip(state.subtree_defs, state.packed_state, strict=True)
    ]


def optimizer(opt_maker: Callable) -> Callable:
    """Turn an optimiser of one array into one of pytrees.

    Parameters
    ----------
    opt_maker : callable
        Returns ``(init, update, get_params)`` over arrays; a state may be any pytree.

    Returns
    -------
    callable
        Takes the same arguments and returns an `Optimizer`.
    """

    @functools.wraps(opt_maker)
    def make(*args, **kwargs) -> Optimizer:
        init, update, get_params = opt_maker(*args, **kwargs)

        def tree_init(params) -> OptimizerState:
            leaves, tree_def = tree_flatten(params)
            return _packed([init(x) for x in leaves], tree_def)

        def tree_update(i, grad_tree, opt_state: OptimizerState) -> OptimizerState:
            grads, given = tree_flatten(grad_tree)
            if given != opt_state.tree_def:
                raise ArgumentError(
                    "the gradient is no tree like that of the parameters.",
                    why=f"one is {given}, the other {opt_state.tree_def}.",
                )
            states = [update(i, g, state) for g, state in zip(grads, _unpacked(opt_state), strict=True)]
            new = _packed(states, given)
            if new.subtree_defs != opt_state.subtree_defs:
                raise ArgumentError(f"{opt_maker.__name__}: a step changes the structure of its state.")
            return new

        def tree_params(opt_state: OptimizerState):
            params = [get_params(state) for state in _unpacked(opt_state)]
            return tree_unflatten(opt_state.tree_def, params)

        return Optimizer(tree_init, tree_update, tree_params)

    return make


# --- the optimisers -----------------------------------------------------------------------------------


@optimizer
def sgd(step_size):
    """Gradient descent: ``x - s·g``.

    Parameters
    ----------
    step_size : float or schedule

    Returns
    -------
    Optimizer
    """
    step_size = make_schedule(step_size)
    return lambda x: x, lambda i, g, x: x - step_size(i) * g, lambda x: x


@optimizer
def momentum(step_size, mass: float):
    """Gradient descent with a velocity that decays: ``v = m·v + g``, ``x - s·v``.

    Parameters
    ----------
    step_size : float or schedule
    mass : float

    Returns
    -------
    Optimizer
    """
    return _with_velocity(step_size, mass, lambda velocity, g: velocity)


@optimizer
def nesterov(step_size, mass: float):
    """Gradient descent with a velocity, looking one step ahead: ``v = m·v + g``, ``x - s·(m·v + g)``.

    Parameters
    ----------
    step_size : float or schedule
    mass : float

    Returns
    -------
    Optimizer
    """
    return _with_velocity(step_size, mass, lambda velocity, g: mass * velocity + g)


def _with_velocity(step_size, mass, direction: Callable):
    step_size = make_schedule(step_size)

    def update(i, g, state):
        x, velocity = state
        velocity = mass * velocity + g
        return x - step_size(i) * direction(velocity, g), velocity

    return lambda x: (x, jnp.zeros_like(x)), update, lambda state: state[0]


def _inverse_root(x):
    """Return 1/√x, and 0 where x is 0."""
    positive = x > 0
    return jnp.where(positive, 1.0 / jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)


@optimizer
def adagrad(step_size, momentum: float = 0.9):
    """Steps divided by the root of all squared gradients so far.

    Parameters
    ----------
    step_size : float or schedule
    momentum : float, default 0.9

    Returns
    -------
    Optimizer
    """
    step_size = make_schedule(step_size)

    def update(i, g, state):
        x, squares, average = state
        squares = squares + jnp.square(g)
        average = (1.0 - momentum) * (g * _inverse_root(squares)) + momentum * average
        return x - step_size(i) * average, squares, average

    return lambda x: (x, jnp.zeros_like(x), jnp.zeros_like(x)), update, lambda state: state[0]


@optimizer
def rmsprop(step_size, gamma: float = 0.9, eps: float = 1e-8):
    """Steps divided by the root of a running average of squared gradients.

    Parameters
    ----------
    step_size : float or schedule
    gamma : float, default 0.9
        How much of the average stays.
    eps : float, default 1e-8
        Added below the root.

    Returns
    -------
    Optimizer
    """
    step_size = make_schedule(step_size)

    def update(i, g, state):
        x, squares = state
        squares = gamma * squares + (1.0 - gamma) * jnp.square(g)
        return x - step_size(i) * g / jnp.sqrt(squares + eps), squares

    return lambda x: (x, jnp.zeros_like(x)), update, lambda state: state[0]


@optimizer
def rmsprop_momentum(step_size, gamma: float = 0.9, eps: float = 1e-8, momentum: float = 0.9):
    """`rmsprop` whose steps build up a velocity.

    Parameters
    ----------
    step_size : float or schedule
    gamma, eps : float
        As for `rmsprop`.
    momentum : float, default 0.9

    Returns
    -------
    Optimizer
    """
    step_size = make_schedule(step_size)

    def update(i, g, state):
        x, squares, velocity = state
        squares = gamma * squares + (1.0 - gamma) * jnp.square(g)
        velocity = momentum * velocity + step_size(i) * g / jnp.sqrt(squares + eps)
        return x - velocity, squares, velocity

    return lambda x: (x, jnp.zeros_like(x), jnp.zeros_like(x)), update, lambda state: state[0]


@optimizer
def adam(step_size, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8):
    """Steps along a running average of gradients, divided by the root of that of their squares.

    Parameters
    ----------
    step_size : float or schedule
    b1, b2 : float
        How much of the averages stays.
    eps : float, default 1e-8
        Added to the root.

    Returns
    -------
    Optimizer

    References
    ----------
    .. [1] D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """
    step_size = make_schedule(step_size)

    def update(i, g, state):
        x, mean, squares = state
        mean = (1.0 - b1) * g + b1 * mean
        squares = (1.0 - b2) * jnp.square(g) + b2 * squares
        # Both begin at zero, which is taken out again.
        unbiased = mean / (1.0 - jnp.asarray(b1, mean.dtype) ** (i + 1))
        root = jnp.sqrt(squares / (1.0 - jnp.asarray(b2, mean.dtype) ** (i + 1)))
        return x - step_size(i) * unbiased / (root + eps), mean, squares

    return lambda x: (x, jnp.zeros_like(x), jnp.zeros_like(x)), update, lambda state: state[0]


@optimizer
def adamax(step_size, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8):
    """`adam` with the largest gradient of late in place of the root of squares.

    Parameters
    ----------
    step_size : float or schedule
    b1, b2 : float
        How much of the average and of the largest gradient stays.
    eps : float, default 1e-8
        Added to the largest gradient.

    Returns
    -------
    Optimizer
    """
    step_size = make_schedule(step_size)

    def update(i, g, state):
        x, mean, largest = state
        mean = (1.0 - b1) * g + b1 * mean
        largest = jnp.maximum(b2 * largest, jnp.abs(g))
        step = step_size(i) / (1.0 - jnp.asarray(b1, mean.dtype) ** (i + 1))
        return x - step * mean / (largest + eps), mean, largest

    return lambda x: (x, jnp.zeros_like(x), jnp.zeros_like(x)), update, lambda state: state[0]


@optimizer
def sm3(step_size, momentum: float = 0.9):
    """`adagrad` that keeps one number for each row, column … in the place of one for each element.

    Parameters
    ----------
    step_size : float or schedule
    momentum : float, default 0.9

    Returns
    -------
    Optimizer

    References
    ----------
    .. [1] R. Anil, V. Gupta, T. Koren, Y. Singer, "Memory-efficient adaptive optimization", NeurIPS 2019.
    """
    step_size = make_schedule(step_size)

    def init(x):
        x = jnp.asarray(x)
        return x, jnp.zeros_like(x), [jnp.zeros(n, x.dtype) for n in x.shape or ((),)]

    def update(i, g, state):
        x, average, bounds = state
        along = (
            [bound.reshape((-1,) + (1,) * (g.ndim - 1 - d)) for d, bound in enumerate(bounds)]
            if g.ndim
            else bounds
        )
        squares = functools.reduce(jnp.minimum, along) + jnp.square(g)
        average = (1.0 - momentum) * (g * _inverse_root(squares)) + momentum * average
        x = x - step_size(i) * average
        bounds = [squares.max(tuple(e for e in range(g.ndim) if e != d)) for d in range(g.ndim)] or [squares]
        return x, average, bounds

    return init, update, lambda state: state[0]


# --- schedules ----------------------------------------------------------------------------------------


def make_schedule(scalar_or_schedule) -> Schedule:
    """Return a schedule: a constant one of a number.

    Parameters
    ----------
    scalar_or_schedule : float or callable

    Returns
    -------
    callable
        ``i -> step size``
    """
    if callable(scalar_or_schedule):
        return scalar_or_schedule
    if jnp.ndim(scalar_or_schedule) == 0:
        return constant(scalar_or_schedule)
    raise ArgumentError(
        f"a step size is a number or a function of the step, not {type(scalar_or_schedule).__name__}."
    )


def constant(step_size) -> Schedule:
    """Return the schedule of one step size.

    Parameters
    ----------
    step_size : float

    Returns
    -------
    callable
    """
    return lambda i: step_size


def exponential_decay(step_size, decay_steps, decay_rate) -> Schedule:
    """Return ``step_size · decay_rate^(i/decay_steps)``.

    Parameters
    ----------
    step_size, decay_steps, decay_rate : float

    Returns
    -------
    callable
    """
    return lambda i: step_size * decay_rate ** (i / decay_steps)


def inverse_time_decay(step_size, decay_steps, decay_rate, staircase: bool = False) -> Schedule:
    """Return ``step_size / (1 + decay_rate·i/decay_steps)``.

    Parameters
    ----------
    step_size, decay_steps, decay_rate : float
    staircase : bool, default False
        Whether ``i/decay_steps`` is rounded down.

    Returns
    -------
    callable
    """

    def schedule(i):
        time = i / decay_steps
        return step_size / (1 + decay_rate * (jnp.floor(time) if staircase else time))

    return schedule


def polynomial_decay(step_size, decay_steps, final_step_size, power: float = 1.0) -> Schedule:
    """Return a schedule from one step size to another, ``(1 - i/decay_steps)^power`` of the way from the last.

    Parameters
    ----------
    step_size, decay_steps, final_step_size : float
    power : float, default 1.0

    Returns
    -------
    callable
    """

    def schedule(i):
        left = (1 - jnp.minimum(i, decay_steps) / decay_steps) ** power
        return left * (step_size - final_step_size) + final_step_size

    return schedule


def piecewise_constant(boundaries, values) -> Schedule:
    """Return a schedule that changes after some steps.

    Parameters
    ----------
    boundaries : sequence of int
        The last step of each value but the last.
    values : sequence of float
        One more.

    Returns
    -------
    callable
    """
    boundaries, values = jnp.array(boundaries), jnp.array(values)
    if not boundaries.ndim == values.ndim == 1 or values.shape[0] != boundaries.shape[0] + 1:
        raise ArgumentError(
            f"piecewise_constant: {boundaries.shape} boundaries for {values.shape} values.",
            why="there is one value more, and both are lists.",
        )
    return lambda i: values[jnp.sum(i > boundaries)]


# --- gradients and states -------------------------------------------------------------------------------


def l2_norm(tree):
    """Return the Euclidean norm of all numbers of a pytree.

    Parameters
    ----------
    tree : pytree of arrays

    Returns
    -------
    Array
    """
    return jnp.sqrt(sum(jnp.vdot(x, x) for x in tree_leaves(tree)))


def clip_grads(grad_tree, max_norm):
    """Scale a gradient down to a norm, if its own is larger.

    Parameters
    ----------
    grad_tree : pytree of arrays
    max_norm : float

    Returns
    -------
    pytree of Array
    """
    norm = l2_norm(grad_tree)
    return tree_map(lambda g: jnp.where(norm < max_norm, g, g * (max_norm / norm)), grad_tree)


def unpack_optimizer_state(opt_state: OptimizerState):
    """Turn a state into a tree like that of the parameters, whose leaves are `JoinPoint`: to be stored.

    Parameters
    ----------
    opt_state : OptimizerState

    Returns
    -------
    pytree of JoinPoint
    """
    return tree_unflatten(opt_state.tree_def, [JoinPoint(state) for state in _unpacked(opt_state)])


def pack_optimizer_state(marked_pytree) -> OptimizerState:
    """Turn what `unpack_optimizer_state` gave into a state again.

    Parameters
    ----------
    marked_pytree : pytree of JoinPoint

    Returns
    -------
    OptimizerState
    """
    points, tree_def = tree_flatten(marked_pytree)
    if not all(isinstance(point, JoinPoint) for point in points):
        raise ArgumentError("pack_optimizer_state: a leaf is no JoinPoint.")
    return _packed([point.subtree for point in points], tree_def)
