"""The interpreters nested in each other: perturbation confusion, closures over outer values, high orders,
symbolic zeros, unusual functions, and the memory that derived programs keep.

    grad(x -> x * grad(y -> x + y)(1))(x)    is 1, not 2: the inner derivative must not see the outer one
"""

from __future__ import annotations

import gc
import itertools
import sys
import weakref

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import lax
from jaxlite.array import Array
from jaxlite.dtypes import float0
from jaxlite.ir import Jaxpr
from tests.tolerances import assert_close

X = np.array([0.5, 1.0, 2.0])


def by_grad(f):
    return jaxlite.grad(f)


def by_jvp(f):
    return lambda x: jaxlite.jvp(f, (x,), (1.0,))[1]


def by_vjp(f):
    return lambda x: jaxlite.vjp(f, x)[1](1.0)[0]


def by_linearize(f):
    return lambda x: jaxlite.linearize(f, x)[1](1.0)


def by_jit_grad(f):
    return jaxlite.jit(jaxlite.grad(f))


def by_grad_jit(f):
    return jaxlite.grad(jaxlite.jit(f))


DERIVATIVES = [
    by_grad,
    by_jvp,
    by_vjp,
    by_linearize,
    by_jit_grad,
    by_grad_jit,
    jaxlite.jacfwd,
    jaxlite.jacrev,
]
SOME_DERIVATIVES = [by_grad, by_jvp, by_linearize, by_grad_jit]

# --- nesting ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outer", DERIVATIVES)
@pytest.mark.parametrize("inner", DERIVATIVES)
def test_perturbation_confusion(outer, inner):
    assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0) == 1.0
    assert outer(lambda x: x * inner(lambda y: x * y)(2.0))(3.0) == 6.0
    assert outer(lambda x: inner(lambda y: x * y * y)(x))(3.0) == 12.0
    assert outer(lambda x: inner(lambda y: x)(x))(3.0) == 0.0


@pytest.mark.parametrize(("a", "b", "c"), list(itertools.product(SOME_DERIVATIVES, repeat=3)))
def test_closures_over_two_outer_values(a, b, c):
    """∂z∂y∂x of x²·y²·z² with every inner function closing over all outer values: 8xyz."""
    derivative = a(lambda x: b(lambda y: c(lambda z: (x * y * z) ** 2)(2.0))(3.0))(5.0)
    np.testing.assert_allclose(derivative, 8.0 * 2.0 * 3.0 * 5.0, rtol=1e-15)


@pytest.mark.parametrize("derivative", SOME_DERIVATIVES)
def test_closures_over_values_of_vmap_and_jit(derivative):
    def mapped(scale):
        return jaxlite.vmap(lambda x: derivative(lambda y: scale * x * y * y)(x))(X)

    expected = 2.0 * X * X
    assert_close(mapped(1.0), expected)
    assert_close(jaxlite.jit(mapped)(1.0), expected)
    assert_close(jaxlite.vmap(mapped)(X), np.outer(X, expected))
    assert_close(jaxlite.jacfwd(mapped)(1.0), expected)
    assert_close(
        derivative(lambda s: jnp.sum(jaxlite.jit(lambda x: mapped(s) * x)(X)))(1.0), np.sum(expected * X)
    )


def test_closures_over_values_inside_control_flow():
    def f(x):
        def step(carry, a):
            return lax.cond(
                a > 0.7, lambda c: c * x, lambda c: c + jaxlite.grad(lambda y: y * x)(c), carry
            ), x * a

        carry, ys = lax.scan(step, x, X)
        return carry + jnp.sum(ys)

    # ((x + x)·x)·x + 3.5x
    for derivative in SOME_DERIVATIVES:
        np.testing.assert_allclose(derivative(f)(1.5), 6.0 * 1.5**2 + 3.5, rtol=1e-14)
    assert_close(jaxlite.vmap(jaxlite.grad(f))(X), 6.0 * X**2 + 3.5)


FIFTH = {
    "sin": (np.sin, lambda x: np.cos(x)),
    "exp": (lambda x: np.exp(2.0 * x), lambda x: 32.0 * np.exp(2.0 * x)),
    "power": (lambda x: x**6, lambda x: 720.0 * x),
    "log": (np.log, lambda x: 24.0 / x**5),
    "quotient": (lambda x: 1.0 / x, lambda x: -120.0 / x**6),
    "tanh": (
        np.tanh,
        lambda x: (1 - np.tanh(x) ** 2) * (16 - 120 * np.tanh(x) ** 2 + 120 * np.tanh(x) ** 4),
    ),
}


@pytest.mark.parametrize("name", FIFTH)
@pytest.mark.parametrize(
    "spelling",
    [
        [by_grad] * 5,
        [by_jvp] * 5,
        [by_jit_grad] * 5,
        [by_grad, by_jvp] * 2 + [by_grad],
        [by_linearize, by_vjp, by_jvp] + [by_grad_jit] * 2,
    ],
    ids=["grad", "jvp", "jit of grad", "alternating", "mixed"],
)
def test_fifth_derivative(name, spelling):
    f, expected = FIFTH[name]
    for derivative in spelling:
        f = derivative(f)
    np.testing.assert_allclose(f(0.8), expected(0.8), rtol=1e-12)


def test_vmap_of_every_level():
    f = jaxlite.vmap(jaxlite.vmap(jaxlite.grad(lambda x, y: x**2 * y), (0, None)), (None, 0))
    assert_close(f(X, X), np.outer(X, 2.0 * X))
    assert_close(jaxlite.jit(f)(X, X), np.outer(X, 2.0 * X))


# --- functions that return something unusual ----------------------------------------------------------


def unusual(x):
    """Inputs, constants, None and duplicates."""
    return x, x, 3.0, None, X[:2], x


def test_inputs_constants_and_duplicates_as_results():
    ones = np.ones(2)
    expected = (1.5, 1.5, 3.0, None, X[:2], 1.5)
    for f in (unusual, jaxlite.jit(unusual), jaxlite.jit(jaxlite.jit(unusual)), jaxlite.checkpoint(unusual)):
        for got, want in zip(f(1.5), expected, strict=True):
            assert want is None if got is None else np.array_equal(got, want)
        _, tangents = jaxlite.jvp(f, (1.5,), (2.0,))
        assert tangents[:4] == (2.0, 2.0, 0.0, None) and tangents[4].tolist() == [0.0, 0.0]
        assert jaxlite.vjp(f, 1.5)[1]((1.0, 2.0, 10.0, None, ones, 4.0)) == (7.0,)
        mapped = jaxlite.vmap(f)(X)
        assert_close(mapped[0], X)
        assert_close(mapped[2], np.full(3, 3.0))
        assert mapped[4].shape == (3, 2)
        assert jaxlite.linearize(f, 1.5)[1](2.0)[5] == 2.0


def test_unused_arguments():
    def f(x, unused, n):
        return x * 2.0

    for g in (f, jaxlite.jit(f), jaxlite.checkpoint(f)):
        assert jaxlite.grad(g, (0, 1))(1.0, X, 3)[0] == 2.0
        np.testing.assert_array_equal(jaxlite.grad(g, (0, 1))(1.0, X, 3)[1], np.zeros(3))
        assert jaxlite.jvp(g, (1.0, X, 3), (1.0, X, np.zeros((), float0))) == (2.0, 2.0)
        assert_close(jaxlite.vmap(g, (0, None, None))(X, X, 3), 2.0 * X)
        assert_close(jaxlite.vmap(g, (None, 0, None))(1.0, X, 3), np.full(3, 2.0))


def test_mixed_integers():
    def f(x, n, flag):
        return jnp.where(flag, x * n, x), n + 1, jnp.logical_not(flag)

    for g in (f, jaxlite.jit(f)):
        out, f_vjp = jaxlite.vjp(g, 2.0, 3, True)
        assert [leaf.dtype.kind for leaf in out] == ["f", "i", "b"]
        x_bar, n_bar, flag_bar = f_vjp((1.0, np.zeros((), float0), np.zeros((), float0)))
        assert x_bar == 3.0 and n_bar.dtype == flag_bar.dtype == float0
        assert jaxlite.grad(lambda x, g=g: g(x, 3, False)[0])(2.0) == 1.0


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 2)])
def test_empty_arrays(shape):
    x = np.ones(shape)

    def f(x):
        return jnp.sum(jnp.sin(x) * x, axis=0)

    total = lambda x: jnp.sum(f(x))  # noqa: E731
    for g in (jaxlite.grad(total), jaxlite.jit(jaxlite.grad(total)), jaxlite.grad(jaxlite.jit(total))):
        assert g(x).shape == shape
    assert jaxlite.vmap(jaxlite.grad(total))(np.ones((4, *shape))).shape == (4, *shape)
    assert jaxlite.vmap(jaxlite.grad(total))(np.ones((0, *shape))).shape == (0, *shape)
    assert jaxlite.jacrev(f)(x).shape == f(x).shape + shape


def test_generators_and_iteration():
    def powers(x, n):
        y = x
        for _ in range(n):
            yield y
            y = y * x

    for derivative in SOME_DERIVATIVES:
        # x + x² + x³
        assert derivative(lambda x: sum(powers(x, 3)))(2.0) == 17.0
    assert_close(
        jaxlite.grad(lambda x: sum(a * b for a, b in zip(x, x[1:], strict=False)))(X), [1.0, 2.5, 1.0]
    )
    assert_close(jaxlite.jit(lambda x: jnp.stack(list(reversed([*x]))))(X), X[::-1])
    first, *rest = jaxlite.jit(lambda x: tuple(x))(X)
    assert first == 0.5 and len(rest) == 2


def test_generator_made_in_one_trace_and_used_in_another():
    def f(x):
        def values():
            yield x
            yield x * x

        pair = values()
        slope = jaxlite.grad(lambda y: next(pair) * y * y)(3.0)
        return slope + next(pair)

    assert f(2.0) == 16.0
    assert jaxlite.grad(f)(2.0) == 10.0
    assert jaxlite.jit(jaxlite.grad(f))(2.0) == 10.0


# --- symbolic zeros and dead code ---------------------------------------------------------------------


def primitives_of(f, *args) -> list[str]:
    return [eqn.primitive.name for eqn in jaxlite.make_jaxpr(f)(*args).eqns]


def test_gradient_of_a_constant_records_nothing():
    assert primitives_of(jaxlite.grad(lambda x: 3.0), 1.0) == []
    assert primitives_of(jaxlite.grad(lambda x: np.float64(2.0)), X) in ([], ["broadcast_in_dim"])
    assert jaxlite.grad(lambda x: 3.0)(1.0) == 0.0


def test_no_derivative_of_what_carries_none():
    """sin(y) does not depend on x: no cos y, no multiplication by zero."""
    names = primitives_of(jaxlite.grad(lambda x, y: x * jnp.sin(y)), 1.0, 2.0)
    assert names.count("sin") == 1 and "cos" not in names
    names = primitives_of(lambda x: jaxlite.jvp(lambda y: y * jnp.sin(x), (1.0,), (1.0,)), 2.0)
    assert "cos" not in names
    names = primitives_of(jaxlite.grad(lambda x: x + jnp.sum(jnp.floor(jnp.exp(lax.stop_gradient(x))))), 1.0)
    assert names.count("exp") == 1 and "mul" not in names


def test_result_that_does_not_depend_on_the_input():
    for f in (
        lambda x: jnp.sin(2.0),
        jaxlite.jit(lambda x: jnp.sin(2.0)),
        lambda x: lax.stop_gradient(jnp.sin(x)),
    ):
        assert jaxlite.grad(f)(1.0) == 0.0
        assert jaxlite.jvp(f, (1.0,), (1.0,))[1] == 0.0
        assert jaxlite.hessian(f)(1.0) == 0.0
        assert jaxlite.vmap(jaxlite.grad(f))(X).tolist() == [0.0, 0.0, 0.0]


def test_dead_code_stays_where_the_user_wrote_it_and_goes_from_derivatives():
    def f(x):
        jnp.exp(x)
        return jnp.sin(x)

    assert primitives_of(f, 1.0) == ["exp", "sin"]
    jitted = jaxlite.jit(f)
    _, f_vjp = jaxlite.vjp(jitted, 1.0)
    linear = f_vjp.func.jaxpr
    inner = [eqn.params["jaxpr"] for eqn in linear.eqns if eqn.primitive.name == "jit"]
    assert [eqn.primitive.name for jaxpr in inner for eqn in jaxpr.eqns] == ["mul"]


def test_residuals_are_what_the_linear_part_needs():
    _, f_vjp = jaxlite.vjp(lambda x: jnp.sum(3.0 * x[::-1]), X)
    assert jaxlite.tree.leaves(f_vjp) == []
    _, f_vjp = jaxlite.vjp(lambda x: jnp.sum(jnp.exp(x)), X)
    (residual,) = jaxlite.tree.leaves(f_vjp)
    assert_close(residual, np.exp(X))


# --- memory -------------------------------------------------------------------------------------------


def live_programs() -> int:
    gc.collect()
    return sum(1 for obj in gc.get_objects() if type(obj) is Jaxpr)


def test_derived_programs_die_with_the_function():
    def use():
        f = jaxlite.jit(lambda x: jnp.sum(jnp.sin(x) * lax.scan(lambda c, a: (c * a, c), 1.0, x)[1]))
        jaxlite.grad(f)(X)
        jaxlite.hessian(f)(X)
        jaxlite.vmap(jaxlite.grad(f))(np.stack([X, X]))
        jaxlite.jvp(f, (X,), (X,))
        f.trace(X)
        return weakref.ref(f), weakref.ref(f.trace(X).jaxpr.jaxpr)

    use()
    before = live_programs()
    dead_f, dead_program = use()
    assert live_programs() == before
    assert dead_f() is None and dead_program() is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: jaxlite.custom_jvp(lambda x: x * 2.0),
        lambda: jaxlite.custom_vjp(lambda x: x * 2.0),
        lambda: jaxlite.checkpoint(lambda x: jnp.sin(x) * x),
    ],
)
def test_programs_with_rules_die_too(make):
    def use():
        rule = make()
        if isinstance(rule, jaxlite.custom_jvp):
            rule.defjvp(lambda p, t: (p[0] * 2.0, t[0] * 2.0))
        elif isinstance(rule, jaxlite.custom_vjp):
            rule.defvjp(lambda x: (x * 2.0, None), lambda res, ct: (ct * 2.0,))
        f = jaxlite.jit(lambda x: jnp.sum(rule(x)))
        jaxlite.grad(f)(X)
        jaxlite.vmap(jaxlite.grad(f))(np.stack([X, X]))

    use()
    before = live_programs()
    use()
    assert live_programs() == before


def test_calls_do_not_grow_memory():
    f = jaxlite.jit(lambda x: jnp.sum(jnp.sin(x) * x))
    g = jaxlite.jit(jaxlite.grad(lambda x: jnp.sin(x) * x))
    x = jnp.asarray(X)
    for _ in range(10):
        f(x), g(1.0), jaxlite.grad(f)(x)
    programs = live_programs()
    blocks = sys.getallocatedblocks()
    for i in range(10_000):
        g(float(i))
    for _ in range(200):
        jaxlite.grad(f)(x)
    assert live_programs() == programs
    # One block a call would be 10,000.
    assert sys.getallocatedblocks() - blocks < 2_000


def test_values_that_leave_a_transformation_are_arrays():
    seen = []

    def f(x):
        seen.append(type(x))
        return x * 2.0

    assert type(jaxlite.grad(f)(1.0)) is Array
    assert seen[0] is not Array


# --- bookkeeping --------------------------------------------------------------------------------------


def test_equations_of_derivatives_belong_to_the_users_lines():
    def f(x):
        y = jnp.sin(x)
        return y * x

    first = f.__code__.co_firstlineno
    for program in (
        jaxlite.make_jaxpr(jaxlite.grad(f))(1.0),
        jaxlite.make_jaxpr(jaxlite.vmap(f))(X),
        jaxlite.make_jaxpr(lambda x: jaxlite.jvp(f, (x,), (x,)))(1.0),
    ):
        lines = {eqn.source.line - first for eqn in program.eqns if eqn.source.code is f.__code__}
        assert {1, 2} <= lines


def test_a_buffer_that_is_refilled_while_recording_is_another_constant():
    def f(x):
        buffer, total = np.zeros(2), 0.0
        for k in range(3):
            buffer[:] = k
            total = total + np.sum(x * buffer)
        return total

    x = np.ones(2)
    assert jaxlite.jit(f)(x) == f(x) == 6.0
    for gradient in (jaxlite.grad, jaxlite.jacfwd, jaxlite.jacrev):
        np.testing.assert_array_equal(gradient(f)(x), [3.0, 3.0])
    np.testing.assert_array_equal(jaxlite.grad(jaxlite.jit(f))(x), [3.0, 3.0])


def test_control_flow_runs_in_python_where_jit_is_disabled():
    with jaxlite.disable_jit():
        assert lax.while_loop(lambda c: c < 3, lambda c: c + 1 if c > 0 else c + 2, 0) == 3
        carry, ys = lax.scan(lambda c, x: (c + float(x), c), 0.0, np.arange(3.0), reverse=True)
        assert lax.cond(True, lambda x: x if x > 0 else -x, lambda x: x, 1.0) == 1.0
        assert jaxlite.grad(lambda x: lax.fori_loop(0, 3, lambda i, c: c * x, x))(2.0) == 32.0
    assert carry == 3.0
    np.testing.assert_array_equal(ys, [3.0, 2.0, 0.0])
