"""Closure under transformations: every composition of up to three works on every program, and all
spellings of one derivative agree.

A transformation here turns a function of ``f64[3]`` into another one, so that any composition is well
typed. Each has a kind: it changes nothing (``jit``, ``checkpoint`` …), it is a derivative along a fixed
direction (``jvp``, ``linearize`` …), a derivative with fixed weights (``grad``, ``vjp`` …), or a map over
a batch. Compositions of the same kinds must agree, and the plainest spelling is checked against finite
differences or a loop:

    jit∘vmap∘grad ~ vmap∘checkpoint∘vjp ~ loop∘vjp;   loop∘vjp is a loop over vjp;   vjp ~ differences
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import lax
from tests.tolerances import assert_close

# What two spellings may differ by, relative to the largest element: third derivatives of a dozen
# operations, whose partial results are larger than the result.
SPELLING = 1e-9
# What a finite difference may be off by: its truncation grows with the derivative three orders up.
DIFFERENCE = 1e-5
STEP = 1e-5

# --- programs ---------------------------------------------------------------------------------------

X = jnp.asarray(np.array([0.3, 1.1, 0.7]))
MATRIX = np.array([[0.5, -1.0, 0.3], [0.2, 0.4, -0.6]])


def polynomial(x):
    return x**3 - 2.0 * x * x[::-1] + 1.0


def network(x):
    return jnp.tanh(MATRIX @ jnp.sin(x)) @ MATRIX


def scalar_result(x):
    return jnp.sum(jnp.exp(-x) * jnp.cos(x[::-1]))


def softmax(x):
    unnormalized = jnp.exp(x - jnp.max(x))
    return unnormalized / jnp.sum(unnormalized)


def elementwise_choice(x):
    return jnp.where(x > 0.5, jnp.sin(x), x * x)


def plain_numpy(x):
    return np.sin(x) * np.sum(x) + np.where(x > 0.5, np.exp(x), 2.0)


def indexing(x):
    picked = x[np.array([2, 0, 0])]
    return picked * x.at[1].add(x[0] * 2.0).at[::2].multiply(x[1])


def sorting(x):
    return jnp.sort(x) * jnp.cumprod(x) + jnp.cumsum(x * x)


def linear_algebra(x):
    matrix = 3.0 * jnp.eye(3) + jnp.outer(x, x)
    return jnp.linalg.solve(matrix, jnp.sin(x)) + jnp.diag(jnp.linalg.cholesky(matrix))


def complex_numbers(x):
    z = lax.complex(x, x[::-1])
    return jnp.abs(z * z) + jnp.real(jnp.exp(1j * z))


def pytrees(x):
    tree = {"a": x, "b": [jnp.sin(x), (2.0 * x, None)]}
    doubled = jaxlite.tree.map(lambda leaf: leaf * 2.0, tree)
    return doubled["a"] * doubled["b"][0] + doubled["b"][1][0]


def inner_jit_with_closure(x):
    return jaxlite.jit(lambda y: y * jnp.cos(x))(jnp.sin(x))


def inner_grad_with_closure(x):
    """Perturbation confusion would show here: the inner gradient closes over the outer variable."""
    return x * jaxlite.grad(lambda y: jnp.sum(jnp.sin(y) * x * y))(x)


def inner_vmap(x):
    return jaxlite.vmap(lambda a, b: a * jnp.sin(b * a), (0, None))(x, x[1])


def custom_jvp(x):
    @jaxlite.custom_jvp
    def log1pexp(y):
        return jnp.log(1.0 + jnp.exp(y))

    @log1pexp.defjvp
    def rule(primals, tangents):
        (y,), (y_dot,) = primals, tangents
        return log1pexp(y), y_dot * (1.0 - 1.0 / (1.0 + jnp.exp(y)))

    return log1pexp(x) * x


def custom_vjp(x):
    @jaxlite.custom_vjp
    def scaled_sin(y, scale):
        return jnp.sin(y) * scale

    def forward(y, scale):
        return scaled_sin(y, scale), (y, scale)

    def backward(residuals, ct):
        y, scale = residuals
        return ct * scale * jnp.cos(y), jnp.sum(ct * jnp.sin(y))

    scaled_sin.defvjp(forward, backward)
    return scaled_sin(x, x[0]) * x


def cond(x):
    return lax.cond(x[0] > 0.2, lambda y: jnp.sin(y) * y, lambda y: y * y, x * 1.5)


def switch(x):
    index = jnp.argmax(x)
    return lax.switch(index, [jnp.sin, lambda y: y * y * x, jnp.cos], x)


def scan(x):
    def step(carry, t):
        return jnp.sin(carry) * t + x[0], carry * t

    carry, ys = lax.scan(step, 1.0, x)
    return ys * carry


def scan_in_reverse(x):
    def step(carry, t):
        return {"a": carry["a"] * t, "n": carry["n"] + 1}, carry["a"] + jnp.cos(t)

    carry, ys = lax.scan(step, {"a": x[1], "n": 0}, x, reverse=True)
    return ys * carry["a"]


def fori_loop(x):
    return lax.fori_loop(0, 3, lambda i, y: y * jnp.cos(y) + 0.1 * i, x)


def while_loop(x):
    """How often it runs depends on the data, so differently for the elements of a batch."""
    return lax.while_loop(lambda y: jnp.sum(y * y) > 0.3, lambda y: 0.6 * jnp.sin(y) * (1.0 + 0.1 * x[0]), x)


def scan_of_cond_of_while(x):
    def shrink(y):
        return lax.while_loop(lambda z: z > 0.5, lambda z: 0.7 * z * jnp.cos(0.3 * z), y)

    def step(carry, t):
        carry = lax.cond(t > 0.5, shrink, lambda y: y * t, carry)
        return carry + jnp.sin(t), carry

    return lax.scan(step, 1.3, x)[1]


def three_steps(x):
    return lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, jnp.sin(s[1]) * x), (0, x))[1]


def while_loop_in_cond(x):
    """The elements of a batch take different branches, so that only some of them leave a tape."""
    return lax.cond(x[0] > 0.5, three_steps, jnp.sin, x)


def while_loop_over_constants_in_cond(x):
    return lax.cond(x[0] > 0.5, lambda y: three_steps(y[1] * MATRIX[0]) * y, jnp.sin, x)


PROGRAMS = {
    program.__name__: program
    for program in (
        polynomial,
        network,
        scalar_result,
        softmax,
        elementwise_choice,
        plain_numpy,
        indexing,
        sorting,
        linear_algebra,
        complex_numbers,
        pytrees,
        inner_jit_with_closure,
        inner_grad_with_closure,
        inner_vmap,
        custom_jvp,
        custom_vjp,
        cond,
        switch,
        scan,
        scan_in_reverse,
        fori_loop,
        while_loop,
        scan_of_cond_of_while,
        while_loop_in_cond,
        while_loop_over_constants_in_cond,
    )
}

# --- transformations --------------------------------------------------------------------------------


def direction(shape) -> np.ndarray:
    """Return the fixed tangent of a shape."""
    return np.sin(1.0 + np.arange(np.prod(shape, dtype=int))).reshape(shape)


def weights(shape) -> np.ndarray:
    """Return the fixed cotangent of a shape."""
    return np.cos(2.0 + np.arange(np.prod(shape, dtype=int))).reshape(shape)


def batch_of(x):
    """Return the two inputs that batch transformations map over."""
    return jnp.stack([x, 0.9 * x[::-1] + 0.1])


def with_custom_jvp(f):
    wrapped = jaxlite.custom_jvp(f)
    wrapped.defjvp(lambda primals, tangents: jaxlite.jvp(f, primals, tangents))
    return wrapped


def with_custom_vjp(f):
    wrapped = jaxlite.custom_vjp(f)
    wrapped.defvjp(lambda x: jaxlite.vjp(f, x), lambda f_vjp, ct: f_vjp(ct))
    return wrapped


def in_cond(f):
    return lambda x: lax.cond(jnp.sum(x) > -100.0, f, lambda y: 2.0 * f(y), x)


def in_scan(f):
    return lambda x: lax.scan(lambda carry, y: (carry, f(y)), 0.0, x[None])[1][0]


def by_jvp(f):
    return lambda x: jaxlite.jvp(f, (x,), (direction(x.shape),))[1]


def by_linearize(f):
    return lambda x: jaxlite.linearize(f, x)[1](direction(x.shape))


def by_jacfwd(f):
    return lambda x: jaxlite.jacfwd(f)(x) @ direction(x.shape)


def by_vjp(f):
    def transformed(x):
        y, f_vjp = jaxlite.vjp(f, x)
        return f_vjp(weights(y.shape))[0]

    return transformed


def by_grad(f):
    def weighted(x):
        y = f(x)
        return jnp.sum(y * weights(y.shape))

    return jaxlite.grad(weighted)


def by_jacrev(f):
    def transformed(x):
        jacobian = jaxlite.jacrev(f)(x)
        return weights(jacobian.shape[:-1]).reshape(-1) @ jacobian.reshape(-1, x.size)

    return transformed


def by_linear_transpose(f):
    def transformed(x):
        y, f_jvp = jaxlite.linearize(f, x)
        return jaxlite.linear_transpose(f_jvp, x)(weights(y.shape))[0]

    return transformed


def by_loop(f):
    return lambda x: jnp.stack([f(batch_of(x)[0]), f(batch_of(x)[1])])


def by_vmap(f):
    return lambda x: jaxlite.vmap(f)(batch_of(x))


def by_vmap_of_last_axis(f):
    def transformed(x):
        return jnp.moveaxis(jaxlite.vmap(f, in_axes=1, out_axes=-1)(batch_of(x).T), -1, 0)

    return transformed


def by_lax_map(f):
    return lambda x: lax.map(f, batch_of(x))


class Transformation(NamedTuple):
    name: str
    kind: str  # "" | forward | reverse | batch
    apply: Callable


TRANSFORMATIONS = [
    Transformation("jit", "", jaxlite.jit),
    Transformation("checkpoint", "", jaxlite.checkpoint),
    Transformation("custom_jvp", "", with_custom_jvp),
    Transformation("custom_vjp", "", with_custom_vjp),
    Transformation("cond", "", in_cond),
    Transformation("scan", "", in_scan),
    Transformation("jvp", "forward", by_jvp),
    Transformation("linearize", "forward", by_linearize),
    Transformation("jacfwd", "forward", by_jacfwd),
    Transformation("vjp", "reverse", by_vjp),
    Transformation("grad", "reverse", by_grad),
    Transformation("jacrev", "reverse", by_jacrev),
    Transformation("linear_transpose", "reverse", by_linear_transpose),
    Transformation("vmap", "batch", by_vmap),
    Transformation("vmap_of_last_axis", "batch", by_vmap_of_last_axis),
    Transformation("map", "batch", by_lax_map),
]
PLAIN = {"forward": by_jvp, "reverse": by_vjp, "batch": by_loop}


def compose(transformations, f):
    """``compose([jit, vmap, grad], f)`` is ``jit(vmap(grad(f)))``."""
    for transformation in reversed(transformations):
        f = transformation(f)
    return f


@functools.cache
def plain_value(name: str, kinds: tuple[str, ...]) -> np.ndarray:
    """Return the value of the plainest spelling, after checking it without any derivative rule."""
    f = compose([PLAIN[kind] for kind in kinds], PROGRAMS[name])
    value = np.asarray(f(X))
    assert np.all(np.isfinite(value)), "the program is not smooth here"
    if kinds:
        inner = compose([PLAIN[kind] for kind in kinds[1:]], PROGRAMS[name])
        check_plain_value(value, kinds[0], inner)
    return value


def check_plain_value(value, kind, inner):
    if kind == "batch":
        assert_close(value, np.stack([inner(x) for x in batch_of(X)]), SPELLING)
        return
    v = direction(X.shape)

    def quotient(h):
        return (np.asarray(inner(X + h * v)) - np.asarray(inner(X - h * v))) / (2 * h)

    # Of fourth order: third derivatives of a program are often a hundred times its values.
    difference = (4.0 * quotient(STEP) - quotient(2 * STEP)) / 3.0
    if kind == "forward":
        assert_close(value, difference, DIFFERENCE)
    else:
        # ⟨x̄, ẋ⟩ = ⟨ȳ, J ẋ⟩; the sum of the terms' sizes says how well that can be known.
        y_bar = weights(difference.shape)
        scale = np.sum(np.abs(y_bar * difference)) + 1e-3
        assert abs(np.sum(value * v) - np.sum(y_bar * difference)) <= DIFFERENCE * scale


def check(name, transformations):
    kinds = tuple(t.kind for t in transformations if t.kind)
    value = compose([t.apply for t in transformations], PROGRAMS[name])(X)
    assert_close(value, plain_value(name, kinds), SPELLING)


# --- tests ------------------------------------------------------------------------------------------


def text(transformations) -> str:
    return ".".join(t.name for t in transformations)


def pytest_generate_tests(metafunc):
    """Draw the compositions of two and three that the default suite tests."""
    if "composition" in metafunc.fixturenames:
        length, count = metafunc.function.sample
        everything = list(itertools.product(PROGRAMS, itertools.product(TRANSFORMATIONS, repeat=length)))
        seed = metafunc.config.getoption("seed")
        chosen = random.Random(f"{seed} {length}").sample(everything, count)
        metafunc.parametrize("composition", chosen, ids=[f"{name}-{text(ts)}" for name, ts in chosen])


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("transformation", TRANSFORMATIONS, ids=lambda t: t.name)
def test_one(name, transformation):
    check(name, [transformation])


def test_two(composition):
    check(*composition)


test_two.sample = (2, 250)


def test_three(composition):
    check(*composition)


test_three.sample = (3, 125)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("outer", TRANSFORMATIONS, ids=lambda t: t.name)
def test_full_product(name, outer, request):
    """Every twelfth composition of three: each compiles its programs. Another ``--seed`` takes another twelfth."""
    failures = []
    start = request.config.getoption("seed") % 12
    compositions = itertools.product([outer], TRANSFORMATIONS, TRANSFORMATIONS)
    for transformations in itertools.islice(compositions, start, None, 12):
        try:
            check(name, transformations)
        except Exception as error:
            summary = str(error).strip().partition("\n")[0]
            failures.append(f"{text(transformations)}: {type(error).__name__}: {summary}")
    assert not failures, "\n".join(failures)
