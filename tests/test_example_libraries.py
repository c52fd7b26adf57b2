"""``example_libraries``: networks and optimisers give JAX's numbers, and train."""

from __future__ import annotations

import functools
import importlib

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import random
from jaxlite.errors import ArgumentError
from jaxlite.example_libraries import optimizers, stax
from tests.optimizer_calls import OPTIMIZERS, SCHEDULES

PARAMS = {"w": np.linspace(-1, 2, 6).reshape(2, 3), "b": [np.array([0.5, -0.5]), np.zeros((2, 1, 2))]}


def steps_of(library, name, schedule=None, count=6):
    """Minimise a function; returns the parameters after each step."""
    opts = importlib.import_module(f"{library.__name__}.example_libraries.optimizers")
    arguments = OPTIMIZERS[name]
    if schedule:
        arguments = (getattr(opts, schedule)(*SCHEDULES[schedule]), *arguments[1:])
    init, update, get_params = getattr(opts, name)(*arguments)
    leaves = library.tree_util.tree_leaves

    def loss(params):
        return sum((library.numpy.cos(x) * (x + 0.3)).sum() for x in leaves(params))

    def step(i, state):
        return update(i, library.grad(loss)(get_params(state)), state)

    # JAX keeps the shapes of parameters in the state of this one, and cannot compile it.
    step = step if (library.__name__, name) == ("jax", "sm3") else library.jit(step)
    state, seen = init(PARAMS), []
    for i in range(count):
        state = step(i, state)
        seen.append([np.asarray(x) for x in leaves(get_params(state))])
    return seen


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name, oracle):
    for got, wanted in zip(steps_of(jaxlite, name), steps_of(oracle, name), strict=True):
        for x, y in zip(got, wanted, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules(schedule, oracle):
    for got, wanted in zip(
        steps_of(jaxlite, "sgd", schedule), steps_of(oracle, "sgd", schedule), strict=True
    ):
        for x, y in zip(got, wanted, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-6)


def test_a_staircase():
    schedule = optimizers.inverse_time_decay(1.0, 10, 1.0, staircase=True)
    assert schedule(9) == 1.0
    assert schedule(10) == 0.5


def test_numbers_are_parameters_too():
    for name, arguments in OPTIMIZERS.items():
        init, update, get_params = getattr(optimizers, name)(*arguments)
        assert get_params(update(0, jnp.array(1.0), init(jnp.array(2.0)))) < 2.0


def test_norms():
    tree = {"a": np.array([3.0, 0.0]), "b": np.array([[4.0]])}
    assert optimizers.l2_norm(tree) == 5.0
    np.testing.assert_allclose(optimizers.clip_grads(tree, 1.0)["b"], [[0.8]])
    np.testing.assert_allclose(optimizers.clip_grads(tree, 10.0)["b"], [[4.0]])


def test_states_are_unpacked_and_packed():
    init, update, get_params = optimizers.adam(0.1)
    state = update(0, jaxlite.tree.map(np.ones_like, PARAMS), init(PARAMS))
    tree = optimizers.unpack_optimizer_state(state)
    assert isinstance(tree["w"], optimizers.JoinPoint)
    (kept,) = tree["w"]
    assert len(kept) == 3
    again = optimizers.pack_optimizer_state(tree)
    assert jaxlite.tree.structure(again) == jaxlite.tree.structure(state)
    np.testing.assert_array_equal(get_params(again)["w"], get_params(state)["w"])


# --- layers -------------------------------------------------------------------------------------------


def networks(stax):
    """Layers of every kind; the last one of each list names the shape of the input."""
    image = (2, 8, 6, 3)
    line = (2, 7, 3)
    residual = stax.serial(stax.FanOut(2), stax.parallel(stax.Dense(3), stax.Identity), stax.FanInSum)
    wide = stax.serial(stax.FanOut(2), stax.parallel(stax.Relu, stax.Tanh), stax.FanInConcat(-1))
    same = {"padding": "SAME"}
    return {
        "dense": (stax.Dense(4), (5, 3)),
        "conv": (stax.serial(stax.Conv(4, (3, 3), (1, 2), **same), stax.BatchNorm(), stax.Relu), image),
        "first": (stax.GeneralConv(("NCHW", "OIHW", "NCHW"), 5, (2, 3)), (2, 3, 6, 7)),
        "transposed": (stax.ConvTranspose(4, (3, 2), (2, 2), **same), image),
        "line": (stax.Conv1DTranspose(4, (3,), (2,)), line),
        "norm": (stax.BatchNorm(axis=(0, 1), center=False), line),
        "max": (stax.MaxPool((2, 3), (2, 1)), image),
        "sum": (stax.SumPool((2, 2), padding="SAME", spec="NCHW"), image),
        "average": (stax.AvgPool((3, 3), (2, 2), padding="SAME"), image),
        "residual": (residual, line),
        "wide": (wide, line),
        "flat": (stax.serial(stax.Flatten, stax.Dense(3), stax.LogSoftmax), image),
        "shaped": (stax.shape_dependent(lambda shape: stax.Dense(shape[-1])), line),
        "kept": (stax.serial(stax.Dropout(0.7), stax.Dropout(0.5, mode="test")), line),
        **{
            name: (getattr(stax, name), line)
            for name in ("Elu", "Exp", "Gelu", "LeakyRelu", "Selu", "Sigmoid", "Softmax", "Softplus", "Tanh")
        },
    }


@pytest.mark.parametrize("name", networks(stax))
def test_layers(name, oracle):
    theirs = importlib.import_module("jax.example_libraries.stax")
    (init, apply), shape = networks(stax)[name]
    (init_there, apply_there), _ = networks(theirs)[name]
    out_shape, params = init(random.PRNGKey(3), shape)
    out_shape_there, params_there = init_there(oracle.random.PRNGKey(3), shape)
    assert jaxlite.tree.map(int, out_shape) == oracle.tree.map(int, out_shape_there)
    for x, y in zip(jaxlite.tree.leaves(params), oracle.tree.leaves(params_there), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-9)
    x = np.cos(np.arange(np.prod(shape))).reshape(shape)
    got = jaxlite.jit(functools.partial(apply, rng=random.PRNGKey(5)))(params, x)
    wanted = apply_there(params_there, x, rng=oracle.random.PRNGKey(5))
    assert got.shape == tuple(out_shape)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-7)


def test_a_network_trains():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 64)
    images = rng.normal(size=(64, 8, 8, 1)) * 0.5
    images[:, :4] += labels[:, None, None, None]
    pool = stax.MaxPool((2, 2), (2, 2))
    init, apply = stax.serial(
        stax.Conv(4, (3, 3)), stax.Relu, pool, stax.Flatten, stax.Dense(2), stax.LogSoftmax
    )
    shape, params = init(random.PRNGKey(0), (-1, 8, 8, 1))
    assert shape == (-1, 2)
    start, update, get_params = optimizers.adam(0.01)

    def loss(params):
        return -apply(params, images)[np.arange(64), labels].mean()

    @jaxlite.jit
    def step(i, state):
        return update(i, jaxlite.grad(loss)(get_params(state)), state)

    state = start(params)
    before = loss(params)
    for i in range(40):
        state = step(i, state)
    assert loss(get_params(state)) < 0.2 * before


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: stax.Dropout(0.5)[1]((), np.ones(3)), "takes a key"),
        (lambda: optimizers.make_schedule(np.ones(2)), "a number or a function of the step"),
        (lambda: optimizers.piecewise_constant([1, 2], [1.0]), "one value more"),
        (lambda: optimizers.pack_optimizer_state([1.0]), "no JoinPoint"),
        (lambda: optimizers.sgd(0.1)[1](0, [1.0], optimizers.sgd(0.1)[0]((1.0,))), "no tree like that"),
        (lambda: optimizers.optimizer(lambda: (lambda x: x, lambda i, g, x: (x, g), lambda x: x))()[1](
            0, 1.0, optimizers.sgd(0.1)[0](1.0)), "changes the structure"),
    ],
)  # fmt: skip
def test_errors(call, match):
    with pytest.raises(ArgumentError, match=match):
        call()
