"""Random programs: every way to run or differentiate one gives the same numbers.

A program is a list of instructions drawn from a grammar, over a pool of values that starts with the
arguments::

    v2 = cumsum(v1, axis=1)
    v3 = scan(v2, reverse=True)        # one of the grammar's functions, with control flow inside

The seed of a program is ``--seed`` and the number in the test's name; a failure prints the program and the
command.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import lax
from jaxlite.check import assert_jaxpr_equal, check_jaxpr
from jaxlite.interpreters.evaluate import eval_jaxpr
from jaxlite.parsing import parse_jaxpr
from jaxlite.test_util import batch_element, check_jvp, check_vjp
from tests.tolerances import assert_close

# No round numbers: their sums and differences must not meet each other or a threshold of the grammar.
ARGS = (
    np.array([0.43729, -1.21874, 0.88351]),
    np.array([[0.31167, 1.14233, -0.52711], [-0.83597, 0.67119, 1.37923]]),
)
NUM_INSTRUCTIONS = 8
# What ways to compute one value may differ by, relative to the largest element: eight instructions of up
# to ten operations each, and second derivatives of them.
ROUNDING = 1e-9
# A sum of terms of about 1 may cancel to rounding noise.
CANCELLATION = 1e-12
# A program's third derivatives, which limit its finite differences, are up to a hundred times its values.
DIFFERENCE = 1e-4

# --- the grammar ------------------------------------------------------------------------------------


class Function(NamedTuple):
    """One kind of instruction: ``apply(*values, **draw(rng, *shapes))`` where ``fits(*shapes)``."""

    name: str
    arity: int
    apply: Callable
    fits: Callable
    draw: Callable


GRAMMAR: list[Function] = []


def anything(*shapes):
    return True


def broadcastable(*shapes):
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


def has_axes(n):
    return lambda *shapes: all(len(shape) >= n for shape in shapes)


def nothing(rng, *shapes):
    return {}


def an_axis(rng, shape, *others):
    return {"axis": int(rng.integers(-len(shape), len(shape)))}


def instruction(fits=anything, draw=nothing, arity=1):
    """Add a function to the grammar."""

    def add(apply):
        GRAMMAR.append(Function(apply.__name__, arity, apply, fits, draw))
        return apply

    return add


for _name, _function in {
    "sin": jnp.sin,
    "cos": jnp.cos,
    "tanh": jnp.tanh,
    "arctan": jnp.arctan,
    "square": jnp.square,
    "negative": jnp.negative,
    "abs": jnp.abs,
    "gauss": lambda x: jnp.exp(-x * x),
    "root": lambda x: jnp.sqrt(1.0 + x * x),
    "log1p": lambda x: jnp.log1p(x * x),
    "logistic": lambda x: 1.0 / (1.0 + jnp.exp(-x)),
    "expm1": lambda x: jnp.expm1(jnp.tanh(x)),
    "cube": lambda x: 0.3 * x**3,
    "erf": lax.erf,
    "power": lambda x: (1.0 + x * x) ** 0.7,
    "relu": lambda x: jnp.maximum(x, 0.05),
    "clip": lambda x: jnp.clip(x, -0.77, 0.83),
    "where": lambda x: jnp.where(x > 0.21, x * x, jnp.sin(x)),
    "plain_numpy": lambda x: np.sin(x) * np.cos(0.5 * x) + np.where(x > 0.1, x, 2.0 * x),
    "round_trip": lambda x: x.astype(np.complex128).real + jnp.imag(jnp.exp(1j * x)),
    "flatten": lambda x: jnp.reshape(x, (-1,)),
    "transpose": jnp.transpose,
    "new_axis": lambda x: x[None],
    "all_reversed": lambda x: x[(slice(None, None, -1),) * x.ndim],
    "mean": jnp.mean,
    "dictionary": lambda x: jaxlite.tree.map(jnp.sin, {"a": x, "b": (x, None)})["b"][0],
}.items():
    GRAMMAR.append(Function(_name, 1, _function, anything, nothing))

for _name, _function in {
    "add": jnp.add,
    "subtract": jnp.subtract,
    "multiply": lambda x, y: 0.5 * x * y,
    "divide": lambda x, y: x / (2.0 + jnp.sin(y)),
    "maximum": lambda x, y: jnp.maximum(x, y + 0.013),
    "arctan2": lambda x, y: jnp.arctan2(x, 2.0 + y * y),
    "choose": lambda x, y: jnp.where(x > y, jnp.sin(x), y),
    "logaddexp": jnp.logaddexp,
    "hypot": lambda x, y: jnp.hypot(x, 1.0 + y * y),
    "power_of_two": lambda x, y: (1.0 + x * x) ** jnp.tanh(y),
}.items():
    GRAMMAR.append(Function(_name, 2, _function, broadcastable, nothing))

for _name, _function in {
    "sum": jnp.sum,
    "max": jnp.max,
    "prod": jnp.prod,
    "sort": jnp.sort,
    "cumsum": jnp.cumsum,
    "flip": jnp.flip,
    "softmax": lambda x, axis: jnp.exp(x) / jnp.sum(jnp.exp(x), axis=axis, keepdims=True),
    "variance": jnp.var,
    "repeat": lambda x, axis: jnp.concatenate([x, 2.0 * x], axis=axis),
    "center": lambda x, axis: x - jnp.mean(x, axis=axis, keepdims=True),
}.items():
    GRAMMAR.append(Function(_name, 1, _function, has_axes(1), an_axis))


@instruction(has_axes(1), lambda rng, shape: {"index": int(rng.integers(-shape[0], shape[0]))})
def pick(x, index):
    return x[index]


@instruction(has_axes(1), lambda rng, shape: {"indices": tuple(map(int, rng.integers(0, shape[0], 3)))})
def gather(x, indices):
    return x[np.array(indices)]


@instruction(has_axes(1), lambda rng, shape: {"index": int(rng.integers(0, shape[0]))})
def scatter(x, index):
    return x.at[index].add(jnp.sum(x) * 0.1).at[0].multiply(1.5)


@instruction(
    has_axes(1), lambda rng, shape: {"start": int(rng.integers(0, 3)), "step": int(rng.integers(1, 3))}
)
def strided(x, start, step):
    return x[..., min(start, x.shape[-1] - 1) :: step]


@instruction(
    has_axes(1), lambda rng, shape: {"low": int(rng.integers(0, 3)), "high": int(rng.integers(0, 3))}
)
def padded(x, low, high):
    return jnp.pad(x, [(low, high)] + [(0, 0)] * (x.ndim - 1))


def contractible(x, y):
    return len(x) >= 1 and len(y) in (1, 2) and x[-1] == y[0]


@instruction(contractible, arity=2)
def matmul(x, y):
    return 0.3 * (x @ y)


@instruction(lambda x, y: len(x) == len(y) == 1, arity=2)
def outer(x, y):
    return jnp.einsum("i,j->ij", x, jnp.sin(y))


@instruction()
def inner_jit(x):
    return jaxlite.jit(lambda y: jnp.sin(y) * x)(x * 0.5)


@instruction()
def inner_grad(x):
    return jaxlite.grad(lambda y: jnp.sum(jnp.sin(y) * x))(x)


@instruction()
def inner_jvp(x):
    return jaxlite.jvp(lambda y: jnp.tanh(y) * x, (x,), (jnp.cos(x),))[1]


@instruction()
def rematerialized(x):
    return jaxlite.checkpoint(lambda y: jnp.sin(jnp.cos(y)) * y)(x)


@jaxlite.custom_jvp
def _softplus(x):
    return jnp.log1p(jnp.exp(x))


@_softplus.defjvp
def _softplus_jvp(primals, tangents):
    (x,), (x_dot,) = primals, tangents
    return _softplus(x), x_dot / (1.0 + jnp.exp(-x))


@instruction()
def custom_rule(x):
    return _softplus(x)


@instruction()
def conditional(x):
    return lax.cond(jnp.sum(x) > 0.17, jnp.sin, lambda y: 0.5 * y * y, x)


@instruction()
def while_loop(x):
    def halve(state):
        count, y = state
        return count + 1, 0.6 * jnp.sin(y) * (1.0 + 0.1 * jnp.tanh(x))

    return lax.while_loop(lambda state: jnp.max(jnp.abs(state[1])) > 0.31, halve, (0, jnp.tanh(x)))[1]


@instruction(draw=lambda rng, shape: {"steps": int(rng.integers(0, 4))})
def fori_loop(x, steps):
    return lax.fori_loop(0, steps, lambda i, y: jnp.sin(y + 0.1 * i) * x, x)


@instruction(has_axes(1), lambda rng, shape: {"reverse": bool(rng.integers(2))})
def scan(x, reverse):
    def step(carry, row):
        return 0.5 * carry + jnp.sum(row), jnp.tanh(row * carry)

    return lax.scan(step, jnp.mean(x), x, reverse=reverse)[1]


@instruction(has_axes(1))
def mapped(x):
    return jaxlite.vmap(lambda row, whole: jnp.sin(row) * jnp.sum(whole), (0, None))(x, x)


# --- programs ---------------------------------------------------------------------------------------


class Instruction(NamedTuple):
    function: Function
    operands: tuple[int, ...]
    options: dict


class Program(NamedTuple):
    """Instructions over a pool of values; the result is the last value and a mean over all of them."""

    instructions: tuple[Instruction, ...]

    def __call__(self, *args):
        pool = [jnp.asarray(arg) for arg in args]
        for function, operands, options in self.instructions:
            pool.append(function.apply(*(pool[i] for i in operands), **options))
        return pool[-1], sum(jnp.mean(value) for value in pool)

    def scalar(self, *args):
        last, mean = self(*args)
        return jnp.sum(jnp.sin(last)) + mean

    def __str__(self) -> str:
        lines = []
        for k, (function, operands, options) in enumerate(self.instructions):
            names = [f"v{i}" for i in operands] + [f"{name}={value}" for name, value in options.items()]
            lines.append(f"v{len(ARGS) + k} = {function.name}({', '.join(names)})")
        return "\n".join(lines)


def draw_program(rng: np.random.Generator, length: int = NUM_INSTRUCTIONS) -> Program:
    """Draw instructions whose operands fit and whose values stay small."""
    pool: list = [jnp.asarray(x) for x in ARGS]
    instructions: list[Instruction] = []
    while len(instructions) < length:
        function = GRAMMAR[rng.integers(len(GRAMMAR))]
        # Late values are likelier operands, so that programs are deep.
        back = np.minimum(rng.geometric(0.4, function.arity), len(pool))
        operands = tuple((len(pool) - back).tolist())
        shapes = [pool[i].shape for i in operands]
        if not function.fits(*shapes):
            continue
        options = function.draw(rng, *shapes)
        value = function.apply(*(pool[i] for i in operands), **options)
        if value.size <= 40 and np.all(np.abs(value) < 20.0):
            pool.append(value)
            instructions.append(Instruction(function, operands, options))
    return Program(tuple(instructions))


@functools.cache
def program_of(seed: int, number: int) -> Program:
    return draw_program(np.random.default_rng([seed, number]))


@pytest.fixture
def program(request) -> Program:
    return program_of(request.config.getoption("seed"), request.param)


def assert_all_close(got, expected):
    got, expected = jaxlite.tree.leaves(got), jaxlite.tree.leaves(expected)
    assert len(got) == len(expected)
    for x, y in zip(got, expected, strict=True):
        assert_close(x, y, ROUNDING, atol=CANCELLATION)


# --- checks -----------------------------------------------------------------------------------------


def check_evaluation(program):
    """Eager, jit, and the program as data: evaluated, printed and read back, as Python."""
    expected = program(*ARGS)
    assert_all_close(jaxlite.jit(program)(*ARGS), expected)
    with jaxlite.disable_jit():
        assert_all_close(program(*ARGS), expected)
    closed = jaxlite.make_jaxpr(program)(*ARGS)
    check_jaxpr(closed)
    assert_all_close(eval_jaxpr(closed.jaxpr, closed.consts, *ARGS), expected)
    if not any(i.function.apply is custom_rule for i in program.instructions):  # rules have no text
        assert_jaxpr_equal(parse_jaxpr(str(closed)), closed.jaxpr)
    namespace: dict = {}
    exec(closed.to_python(), namespace)
    assert_all_close(namespace["program"](*ARGS), expected)


def check_first_derivatives(program):
    tolerances = {"atol": DIFFERENCE, "rtol": DIFFERENCE}
    check_jvp(program, functools.partial(jaxlite.jvp, program), ARGS, **tolerances)
    check_vjp(program, functools.partial(jaxlite.vjp, program), ARGS, **tolerances)
    gradient = jaxlite.grad(program.scalar, (0, 1))(*ARGS)
    assert_all_close(jaxlite.jit(jaxlite.grad(program.scalar, (0, 1)))(*ARGS), gradient)
    assert_all_close(jaxlite.grad(jaxlite.jit(program.scalar), (0, 1))(*ARGS), gradient)
    assert_all_close(jaxlite.jacfwd(program.scalar, (0, 1))(*ARGS), gradient)
    out, f_jvp = jaxlite.linearize(program, *ARGS)
    tangents = tuple(np.cos(x) for x in ARGS)
    assert_all_close((out, f_jvp(*tangents)), jaxlite.jvp(program, ARGS, tangents))


def check_second_derivatives(program):
    """Hessian times vector in four orders, and against differences of the gradient."""
    gradient = jaxlite.grad(program.scalar, (0, 1))
    tangents = tuple(np.cos(x) for x in ARGS)

    def product(*args):
        return sum(jnp.sum(g * t) for g, t in zip(gradient(*args), tangents, strict=True))

    def slope(*args):
        return jaxlite.jvp(program.scalar, args, tangents)[1]

    forward_over_reverse = jaxlite.jvp(gradient, ARGS, tangents)[1]
    assert_all_close(jaxlite.grad(product, (0, 1))(*ARGS), forward_over_reverse)
    assert_all_close(jaxlite.grad(slope, (0, 1))(*ARGS), forward_over_reverse)
    assert_all_close(jaxlite.jit(jaxlite.grad(jaxlite.jit(slope), (0, 1)))(*ARGS), forward_over_reverse)
    check_jvp(gradient, functools.partial(jaxlite.jvp, gradient), ARGS, DIFFERENCE, DIFFERENCE)


def check_batching(program):
    elements = [tuple(batch_element(x, k) for x in ARGS) for k in range(3)]
    batch = [np.stack(xs) for xs in zip(*elements, strict=True)]
    for f in (program, jaxlite.grad(program.scalar, (0, 1)), jaxlite.jit(program)):
        loop = [f(*xs) for xs in elements]
        expected = jaxlite.tree.map(lambda *ys: np.stack(ys), *loop)
        assert_all_close(jaxlite.vmap(f)(*batch), expected)
        assert_all_close(jaxlite.jit(jaxlite.vmap(f))(*batch), expected)
        mixed = [f(elements[k][0], ARGS[1]) for k in range(3)]
        expected = jaxlite.tree.map(lambda *ys: np.stack(ys), *mixed)
        last = np.moveaxis(batch[0], 0, -1)
        assert_all_close(jaxlite.vmap(f, in_axes=(-1, None))(last, ARGS[1]), expected)

    def total(*batch):
        return jnp.sum(jaxlite.vmap(program.scalar)(*batch))

    gradients = jaxlite.vmap(jaxlite.grad(program.scalar, (0, 1)))(*batch)
    assert_all_close(jaxlite.grad(total, (0, 1))(*batch), gradients)


CHECKS: Sequence[Callable] = (
    check_evaluation,
    check_first_derivatives,
    check_second_derivatives,
    check_batching,
)


def run_check(check, program):
    try:
        check(program)
    except Exception as error:
        error.add_note(f"the program:\n{program}")
        raise


every_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)


@every_check
@pytest.mark.parametrize("program", range(24), indirect=True)
def test_program(check, program):
    run_check(check, program)


@pytest.mark.slow
@every_check
@pytest.mark.parametrize("program", range(24, 160), indirect=True)
def test_more_programs(check, program):
    run_check(check, program)


@every_check
@pytest.mark.parametrize("function", GRAMMAR, ids=lambda function: function.name)
def test_every_function_of_the_grammar(check, function):
    """Programs are random; this makes sure that each of their parts is tested."""
    rng = np.random.default_rng(0)
    shapes = [x.shape for x in ARGS]
    operands = next(ops for ops in ((0,), (1,), (0, 0), (1, 0), (1, 1)) if len(ops) == function.arity)
    if not function.fits(*(shapes[i] for i in operands)):
        operands = (1, 0) if function.arity == 2 else (1,)
    options = function.draw(rng, *(shapes[i] for i in operands))
    program = Program((Instruction(function, operands, options),))
    run_check(check, program)


def test_a_failure_shows_the_program():
    program = draw_program(np.random.default_rng(0))

    def check(program):
        raise AssertionError("wrong")

    with pytest.raises(AssertionError) as caught:
        run_check(check, program)
    assert str(program) in caught.value.__notes__[0]
