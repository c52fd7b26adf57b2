"""Control flow, checkpointing, custom rules and implicit solvers: against the same thing in plain Python.

A program with loops and branches can be run as it stands or unrolled by Python; both must agree, in value and
in every derivative. ``tests/rows/control.py`` holds the checks of each primitive; this file nests them.
"""

import functools

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import lax
from jaxlite.errors import (
    ArgumentError,
    BranchTypeError,
    CarryTypeError,
    ConcretizationTypeError,
    CustomRuleError,
    TracerBoolConversionError,
    TransposeError,
)
from jaxlite.test_util import check_grads
from tests.tolerances import assert_close

X = np.array([0.5, -1.25, 2.0])
grad = jaxlite.grad

# --- a plain Python double of every loop --------------------------------------------------------------


class Python:
    """``lax`` in plain Python: works wherever loop lengths and predicates are numbers."""

    @staticmethod
    def scan(f, init, xs=None, length=None, reverse=False):
        n = len(xs) if xs is not None else length
        ys = [None] * n
        for i in reversed(range(n)) if reverse else range(n):
            init, ys[i] = f(init, None if xs is None else xs[i])
        return init, None if ys[0] is None else jnp.stack(ys)

    @staticmethod
    def while_loop(cond_fun, body_fun, init):
        while cond_fun(init):
            init = body_fun(init)
        return init

    @staticmethod
    def fori_loop(lower, upper, body_fun, init):
        for i in range(lower, upper):
            init = body_fun(i, init)
        return init

    @staticmethod
    def cond(pred, true_fun, false_fun, *operands):
        return (true_fun if pred else false_fun)(*operands)

    @staticmethod
    def switch(index, branches, *operands):
        return branches[min(max(int(index), 0), len(branches) - 1)](*operands)


def scan_reversed(lax, w, x):
    c, ys = lax.scan(lambda c, x: (jnp.sin(w * c) + x, c * x), w, x * np.arange(1.0, 4.0), reverse=True)
    return c + jnp.sum(ys)


def fori_with_index(lax, w, x):
    return jnp.sum(lax.fori_loop(1, 4, lambda i, c: jnp.sin(c * i) + w, x))


def while_on_value(lax, w, x):
    return lax.while_loop(lambda c: c < 8.0, lambda c: c * (1.5 + 0.1 * jnp.sin(c)) + 0.01 * w**2, w**2 + 0.1)


def while_on_pair(lax, w, x):
    def step(state):
        i, c = state
        return i + 1, jnp.tanh(w * c) + x

    return jnp.sum(lax.while_loop(lambda state: state[0] < 3, step, (0, x))[1])


def while_in_while(lax, w, x):
    def step(c):
        return c + while_on_value(lax, w * jnp.cos(c), x)

    return lax.while_loop(lambda c: c < 30.0, step, w**2)


def while_in_cond(lax, w, x):
    return lax.cond(w > 0.6, lambda w: while_on_value(lax, w, x), lambda w: w**3 * jnp.sum(x), w)


def cond_in_scan(lax, w, x):
    def step(c, x):
        return lax.cond(x > 0.0, lambda c: jnp.sin(c) * w, lambda c: c * x * w, c), c**2

    c, ys = lax.scan(step, w, x)
    return c + jnp.sum(ys)


def while_in_cond_in_scan(lax, w, x):
    def step(c, x):
        return lax.cond(
            x > 0.0, lambda c: 0.1 * while_on_value(lax, c * w, None), lambda c: c * x * w, c
        ), c**2

    c, ys = lax.scan(step, w, x)
    return c + jnp.sum(ys)


def scan_in_while(lax, w, x):
    def step(c):
        return c + jnp.abs(lax.scan(lambda a, x: (jnp.sin(a * w) + x**2, None), c, x)[0])

    return lax.while_loop(lambda c: c < 9.0, step, w**2)


def switch_in_fori(lax, w, x):
    branches = [jnp.sin, lambda c: c * w, lambda c: c**2 - w]
    return lax.fori_loop(0, 4, lambda i, c: lax.switch(i, branches, c), w) + jnp.sum(x)


def jit_in_scan(lax, w, x):
    inner = jaxlite.jit(lambda c, x: jnp.sin(c) * x * w)
    return lax.scan(lambda c, x: (inner(c, x) + w, None), w, x)[0]


def checkpoint_in_scan(lax, w, x):
    inner = jaxlite.checkpoint(lambda c, x: jnp.sin(jnp.sin(c) * x))
    return lax.scan(lambda c, x: (inner(c, x) * w + w, None), w, x)[0]


@jaxlite.custom_jvp
def soft(x):
    return jnp.log1p(jnp.exp(x))


soft.defjvp(lambda primals, tangents: (soft(*primals), tangents[0] / (1.0 + jnp.exp(-primals[0]))))


@jaxlite.custom_vjp
def bent(x, y):
    return jnp.sin(x) * y


bent.defvjp(
    lambda x, y: (bent(x, y), (x, y)),
    lambda saved, ct: (ct * jnp.cos(saved[0]) * saved[1], ct * jnp.sin(saved[0])),
)


def custom_rules_in_loops(lax, w, x):
    c = lax.scan(lambda c, x: (soft(c * x) + bent(c, w), None), w, x)[0]
    return lax.while_loop(lambda c: c < 5.0, lambda c: c + soft(c) + bent(0.1 * c, w) ** 2, c**2)


PROGRAMS = [
    scan_reversed,
    fori_with_index,
    while_on_value,
    while_on_pair,
    while_in_while,
    while_in_cond,
    cond_in_scan,
    while_in_cond_in_scan,
    scan_in_while,
    switch_in_fori,
    jit_in_scan,
    checkpoint_in_scan,
    custom_rules_in_loops,
]
every_program = pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
W = np.float64(0.75)
WS = np.array([0.75, 0.4, 1.1])


def on(program, implementation):
    return functools.partial(program, implementation)


@every_program
def test_value(program):
    expected = on(program, Python)(W, X)
    assert_close(on(program, lax)(W, X), expected)
    assert_close(jaxlite.jit(on(program, lax))(W, X), expected, rtol=1e-13)


@every_program
def test_gradient(program):
    expected = grad(on(program, Python), (0, 1))(W, X)
    f = on(program, lax)
    for g in (grad(f, (0, 1)), jaxlite.jit(grad(f, (0, 1))), grad(jaxlite.jit(f), (0, 1))):
        for x_bar, reference in zip(g(W, X), expected, strict=True):
            assert_close(x_bar, reference, rtol=1e-12, atol=1e-12)


@every_program
def test_forward_mode_and_linearize(program):
    tangents = (np.float64(0.3), X[::-1].copy())
    _, expected = jaxlite.jvp(on(program, Python), (W, X), tangents)
    f = on(program, lax)
    assert_close(jaxlite.jvp(f, (W, X), tangents)[1], expected, rtol=1e-12)
    assert_close(jaxlite.linearize(f, W, X)[1](*tangents), expected, rtol=1e-12)
    assert_close(jaxlite.linearize(jaxlite.jit(f), W, X)[1](*tangents), expected, rtol=1e-12)


@every_program
def test_second_derivative(program):
    def derivatives(f):
        return [
            grad(grad(f))(W, X),
            jaxlite.jacfwd(grad(f, 1))(W, X),
            jaxlite.jvp(grad(f), (W, X), (1.0, X))[1],
        ]

    expected = derivatives(on(program, Python))
    for got, reference in zip(derivatives(on(program, lax)), expected, strict=True):
        assert_close(got, reference, rtol=1e-10, atol=1e-10)
    assert_close(grad(jaxlite.jit(grad(on(program, lax))))(W, X), expected[0], rtol=1e-10)


@every_program
def test_batches(program):
    """Over one argument, so that lengths and predicates differ between elements; over both; and gradients."""
    f, plain = on(program, lax), on(program, Python)
    xs = np.stack([X, 2.0 * X[::-1], -X])
    for g, reference in ((f, plain), (grad(f), grad(plain)), (grad(f, 1), grad(plain, 1))):
        expected = np.stack([reference(w, X) for w in WS])
        assert_close(jaxlite.vmap(g, (0, None))(WS, X), expected, rtol=1e-11, atol=1e-12)
        expected = np.stack([reference(w, x) for w, x in zip(WS, xs, strict=True)])
        assert_close(jaxlite.vmap(jaxlite.jit(g))(WS, xs), expected, rtol=1e-11, atol=1e-12)


@every_program
def test_gradient_of_a_batch(program):
    expected = np.stack([grad(on(program, Python))(w, X) for w in WS])
    total = grad(lambda ws: jaxlite.vmap(on(program, lax), (0, None))(ws, X).sum())
    assert_close(total(WS), expected, rtol=1e-11, atol=1e-12)


@every_program
def test_programs_are_well_typed(program):
    f = on(program, lax)
    for g in (f, grad(f), grad(grad(f))):
        jaxlite.check_jaxpr(jaxlite.make_jaxpr(g)(W, X))
    for g in (f, grad(f)):
        jaxlite.check_jaxpr(jaxlite.make_jaxpr(jaxlite.vmap(g, (0, None)))(WS, X))


# --- scan -------------------------------------------------------------------------------------------


def test_scan_of_pytrees():
    def step(carry, x):
        return {"n": carry["n"] + 1, "sum": carry["sum"] + x["a"]}, (x["a"] * 2.0, {"n": carry["n"]})

    carry, (doubled, counts) = lax.scan(step, {"n": 0, "sum": 0.0}, {"a": X})
    assert carry["n"] == 3
    assert_close(carry["sum"], X.sum())
    assert_close(doubled, 2.0 * X)
    np.testing.assert_array_equal(counts["n"], [0, 1, 2])


def test_scan_of_length_zero():
    def f(x):
        return lax.scan(lambda c, x: (c * x, c + x), x, jnp.zeros(0) * x)

    c, ys = f(2.0)
    assert_close(c, np.float64(2.0))
    assert_close(ys, np.zeros(0))
    assert_close(grad(lambda x: f(x)[0])(2.0), np.float64(1.0))
    assert_close(jaxlite.vmap(lambda x: f(x)[0])(X), X)


def test_scan_takes_its_length_from_length():
    assert_close(lax.scan(lambda c, _: (c * 2.0, None), 1.0, None, length=4)[0], np.float64(16.0))


@pytest.mark.parametrize(
    ("init", "step", "dtype"),
    [
        (0, lambda c, x: (c + x, None), np.float64),
        (0.0, lambda c, x: (c + x.astype(np.float32), None), np.float32),
        (1, lambda c, x: (c * 2, None), np.int64),
    ],
)
def test_a_weak_carry_takes_the_type_of_the_body(init, step, dtype):
    assert lax.scan(step, init, X)[0].dtype == dtype
    assert (
        lax.while_loop(lambda c: c[0] < 1, lambda c: (c[0] + 1, step(c[1], X[0])[0]), (0, init))[1].dtype
        == dtype
    )


def test_loops_close_over_tracers_of_every_transformation():
    def f(w, u):
        return lax.scan(lambda c, x: (jnp.sin(c * w) + x * u, None), w, X)[0]

    mixed = jaxlite.vmap(lambda u: grad(lambda w: jaxlite.jit(lambda: f(w, u))())(0.5))
    expected = [grad(lambda w, u=u: on(closing, Python)(w, u))(0.5) for u in X]
    assert_close(mixed(X), np.stack(expected))


def closing(lax, w, u):
    return lax.scan(lambda c, x: (jnp.sin(c * w) + x * u, None), w, X)[0]


def test_a_body_is_recorded_once_for_any_length():
    calls = []

    def step(c, x):
        calls.append(None)
        return c + x, None

    lax.scan(step, 0.0, np.zeros(50))
    counted = len(calls)
    lax.scan(step, 0.0, np.zeros(500))
    assert len(calls) == 2 * counted <= 4


# --- while ------------------------------------------------------------------------------------------


def test_a_loop_that_never_runs():
    f = functools.partial(lax.while_loop, lambda c: c < 0.0, lambda c: c * 3.0)
    assert_close(grad(f)(2.0), np.float64(1.0))
    assert_close(grad(lambda x: grad(f)(x) * x)(2.0), np.float64(1.0))


def test_fori_runs_backwards_never():
    assert_close(lax.fori_loop(5, 2, lambda i, c: c * 0.0, 1.5), np.float64(1.5))


def test_fori_with_traced_bounds():
    @jaxlite.jit
    def f(n, x):
        return lax.fori_loop(0, n, lambda i, c: c * x + i, x)

    expected = Python.fori_loop(0, 4, lambda i, c: c * 1.5 + i, 1.5)
    assert_close(f(4, 1.5), np.float64(expected))
    assert_close(
        grad(f, 1)(4, 1.5), grad(lambda x: Python.fori_loop(0, 4, lambda i, c: c * x + i, x))(1.5), rtol=1e-13
    )
    assert_close(jaxlite.vmap(f, (0, None))(np.array([0, 4]), 1.5), np.array([1.5, expected]))


# --- cond and switch --------------------------------------------------------------------------------


def test_only_the_chosen_branch_runs():
    seen = []

    def note(name):
        jaxlite.debug.callback(lambda: seen.append(name))
        return name == "true"

    for f in (lax.cond, jaxlite.jit(lambda p, t, f: lax.cond(p, t, f), static_argnums=(1, 2))):
        f(True, lambda: note("true"), lambda: note("false"))
        f(False, lambda: note("true"), lambda: note("false"))
    assert seen == ["true", "false"] * 2


def test_a_mapped_predicate_keeps_singular_branches_out_of_gradients():
    def f(x):
        return lax.cond(x > 0.0, jnp.sqrt, lambda x: 0.0 * x, x)

    assert_close(jaxlite.vmap(grad(f))(np.array([4.0, 0.0, -1.0])), np.array([0.25, 0.0, 0.0]))


def test_numbers_are_predicates():
    assert_close(lax.cond(2, lambda: 1.0, lambda: 0.0), np.float64(1.0))
    assert_close(jaxlite.jit(lambda n: lax.cond(n, lambda: 1.0, lambda: 0.0))(0), np.float64(0.0))


@pytest.mark.parametrize("index", [-3, 0, 1, 7])
def test_switch_clamps(index):
    branches = [lambda x: x, lambda x: 2.0 * x, lambda x: 3.0 * x]
    expected = np.float64(min(max(index, 0), 2) + 1)
    assert_close(lax.switch(index, branches, 1.0), expected)
    assert_close(jaxlite.jit(lambda i: lax.switch(i, branches, 1.0))(index), expected)
    assert_close(jaxlite.vmap(lambda i: lax.switch(i, branches, 1.0))(np.array([index])), expected[None])


def test_branches_with_python_scalars():
    assert lax.cond(True, lambda x: 1.0, lambda x: x, np.float32(2.0)).dtype == np.float32


def test_operand_keyword():
    assert_close(lax.cond(True, lambda x: x, lambda x: -x, operand=2.0), np.float64(2.0))


# --- map and associative_scan -----------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [None, 1, 2, 3, 7, 9])
def test_map(batch_size):
    x = np.arange(14.0).reshape(7, 2)
    doubled, sums = lax.map(lambda x: (2.0 * x, {"sum": x.sum()}), x, batch_size=batch_size)
    assert_close(doubled, 2.0 * x)
    assert_close(sums["sum"], x.sum(1))
    gradient = grad(lambda x: lax.map(lambda x: x[0] * x[1], x, batch_size=batch_size).sum())
    assert_close(gradient(x), x[:, ::-1])


@pytest.mark.parametrize("batch_size", [None, 2])
def test_map_of_nothing(batch_size):
    assert lax.map(lambda x: x.sum(), np.zeros((0, 3)), batch_size=batch_size).shape == (0,)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 8, 13])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan(size, reverse, rng):
    x = rng.standard_normal((2, size))
    step = -1 if reverse else 1
    expected = np.cumsum(x[:, ::step], axis=1)[:, ::step]
    assert_close(lax.associative_scan(jnp.add, x, reverse=reverse, axis=1), expected, atol=1e-14)
    assert_close(lax.associative_scan(jnp.add, x.T, reverse=reverse), expected.T, atol=1e-14)


def test_associative_scan_does_not_commute(rng):
    matrices = rng.standard_normal((6, 2, 2))
    products = [matrices[0]]
    for m in matrices[1:]:
        products.append(products[-1] @ m)
    assert_close(lax.associative_scan(jnp.matmul, matrices), np.stack(products), rtol=1e-13)


def test_associative_scan_of_pairs():
    """A linear recurrence, with its derivative by the formula for the last element."""

    def combine(p, q):
        return {"a": p["a"] * q["a"], "b": p["b"] * q["a"] + q["b"]}

    def last(a, b):
        return lax.associative_scan(combine, {"a": a, "b": b})["b"][-1]

    a, b = np.array([0.5, 2.0, -1.0, 3.0, 0.25]), np.arange(5.0)
    c = 0.0
    for a_i, b_i in zip(a, b, strict=True):
        c = c * a_i + b_i
    assert_close(last(a, b), np.float64(c))
    tails = np.append(np.cumprod(a[:0:-1])[::-1], 1.0)
    assert_close(jaxlite.jit(grad(last, 1))(a, b), tails)


def test_associative_scan_keeps_negative_zeros():
    x = np.array([-0.0, -0.0, -0.0])
    assert np.all(np.signbit(lax.associative_scan(jnp.add, x)))


# --- implicit differentiation -----------------------------------------------------------------------

MATRIX = np.array([[4.0, 1.0, 0.5], [0.0, 3.0, -1.0], [1.0, 0.5, 5.0]])


def implicit_solve(a, b):
    def solve(matvec, b):
        return jnp.linalg.solve(jaxlite.jacobian(matvec)(b), b)

    return lax.custom_linear_solve(lambda x: jnp.dot(a, x), b, solve, transpose_solve=solve)


@pytest.mark.parametrize("wrap", [lambda f: f, jaxlite.jit], ids=["eager", "jit"])
def test_linear_solve(wrap):
    def loss(solve):
        return lambda a, b: jnp.sum(jnp.sin(solve(a, b)))

    ours, reference = wrap(loss(implicit_solve)), loss(jnp.linalg.solve)
    assert_close(wrap(implicit_solve)(MATRIX, X), np.linalg.solve(MATRIX, X))
    for got, expected in zip(grad(ours, (0, 1))(MATRIX, X), grad(reference, (0, 1))(MATRIX, X), strict=True):
        assert_close(got, expected, rtol=1e-13)
    for argnum in (0, 1):
        got, expected = (
            jaxlite.hessian(ours, argnum)(MATRIX, X),
            jaxlite.hessian(reference, argnum)(MATRIX, X),
        )
        assert_close(got, expected, rtol=1e-12, atol=1e-14)
    matrices = np.stack([MATRIX, MATRIX.T])
    expected = np.stack([grad(reference)(a, X) for a in matrices])
    assert_close(jaxlite.vmap(grad(ours), (0, None))(matrices, X), expected, rtol=1e-13)


def test_linear_solve_of_pytrees_with_aux():
    def solve(matvec, b):
        return {"x": b["x"] / 2.0, "y": b["y"] / 4.0}, {"steps": 3}

    def f(b):
        return lax.custom_linear_solve(
            lambda v: {"x": 2.0 * v["x"], "y": 4.0 * v["y"]}, b, solve, symmetric=True, has_aux=True
        )

    x, aux = f({"x": X, "y": 1.0})
    assert_close(x["x"], X / 2.0)
    assert aux["steps"] == 3
    gradient = grad(lambda b: f(b)[0]["y"] ** 2)({"x": X, "y": 1.0})
    assert_close(gradient["y"], np.float64(0.125))
    assert_close(gradient["x"], np.zeros(3))


def test_linear_solve_without_a_transpose():
    def f(b):
        return lax.custom_linear_solve(lambda x: 2.0 * x, b, lambda _, b: b / 2.0)

    assert_close(jaxlite.jvp(f, (1.0,), (3.0,))[1], np.float64(1.5))
    with pytest.raises(
        TransposeError, match="custom_linear_solve has no transpose here(.|\n)*transpose_solve"
    ):
        grad(f)(1.0)


def cube_root(a, guess=1.0):
    def newton(f, x):
        return lax.while_loop(lambda x: jnp.abs(f(x)) > 1e-13, lambda x: x - f(x) / (3.0 * x**2), x)

    return lax.custom_root(lambda x: x**3 - a, guess, newton, lambda g, y: y / g(1.0))


def test_root():
    assert_close(cube_root(8.0), np.float64(2.0))
    for f in (cube_root, jaxlite.jit(cube_root)):
        assert_close(jaxlite.jvp(f, (8.0,), (2.0,))[1], np.float64(1.0 / 6.0))
        assert_close(grad(f)(8.0), np.float64(1.0 / 12.0))
        assert_close(grad(grad(f))(8.0), np.float64(-2.0 / 9.0 * 8.0 ** (-5.0 / 3.0)))
        assert_close(grad(f, 1)(8.0, 1.0), np.float64(0.0))
    a = np.array([1.0, 8.0, 27.0])
    assert_close(jaxlite.vmap(cube_root)(a), np.cbrt(a))
    expected = 1.0 / (3.0 * np.cbrt(a) ** 2)
    assert_close(jaxlite.vmap(grad(cube_root))(a), expected)
    assert_close(grad(lambda a: jaxlite.vmap(cube_root)(a).sum())(a), expected)


def test_root_of_vectors_with_aux():
    def find(a, b):
        def f(x):
            return jnp.dot(a, x) + 0.1 * x**3 - b

        def newton(f, x):
            step = lambda _, x: x - jnp.linalg.solve(jaxlite.jacobian(f)(x), f(x))  # noqa: E731
            return lax.fori_loop(0, 20, step, x), 20

        def tangent_solve(g, y):
            return jnp.linalg.solve(jaxlite.jacobian(g)(y), y)

        return lax.custom_root(f, jnp.zeros(3), newton, tangent_solve, has_aux=True)

    x, steps = find(MATRIX, X)
    assert_close(MATRIX @ x + 0.1 * x**3, X)
    assert steps == 20
    check_grads(lambda a, b: find(a, b)[0], (MATRIX, X), order=2)


# --- checkpoint -------------------------------------------------------------------------------------


def three_sines(x):
    return jnp.sin(jnp.sin(jnp.sin(x)))


def named_layers(w, x):
    hidden = jaxlite.checkpoint_name(jnp.dot(w, jnp.sin(x)), "hidden")
    return jnp.sum(jnp.sin(jaxlite.checkpoint_name(jnp.cos(hidden), "other")))


def count(f, *args, shape):
    return sum(aval.shape == shape for aval in jaxlite.saved_residuals(f, *args))


policies = jaxlite.checkpoint_policies


def test_checkpoint_stores_its_arguments_only():
    assert count(three_sines, X, shape=(3,)) == 3
    assert count(jaxlite.checkpoint(three_sines), X, shape=(3,)) == 1
    assert count(jaxlite.checkpoint(jaxlite.jit(three_sines)), X, shape=(3,)) == 1
    chained = lambda x: jaxlite.checkpoint(three_sines)(jaxlite.checkpoint(three_sines)(x))  # noqa: E731
    assert count(chained, X, shape=(3,)) == 2


@pytest.mark.parametrize(
    ("policy", "vectors"),
    [
        (None, 1),
        (policies.nothing_saveable, 1),
        (policies.dots_saveable, 2),
        (policies.dots_with_no_batch_dims_saveable, 2),
        (policies.save_only_these_names("hidden"), 2),
        (policies.save_only_these_names("none"), 1),
        (policies.save_any_names_but_these("other"), 2),
    ],
)
def test_policies(policy, vectors):
    f = jaxlite.checkpoint(named_layers, policy=policy)
    assert count(f, MATRIX, X, shape=(3,)) == vectors
    for got, expected in zip(grad(f, (0, 1))(MATRIX, X), grad(named_layers, (0, 1))(MATRIX, X), strict=True):
        assert_close(got, expected)


def test_a_checkpointed_body_stores_less_per_step():
    def loop(step):
        return lambda x: lax.scan(lambda c, _: (step(c), None), x, None, length=5)[0].sum()

    plain, checkpointed = loop(three_sines), loop(jaxlite.checkpoint(three_sines))
    assert count(plain, X, shape=(5, 3)) == 3
    assert count(checkpointed, X, shape=(5, 3)) == 1
    assert_close(grad(checkpointed)(X), grad(plain)(X))


# --- error messages ---------------------------------------------------------------------------------


@jaxlite.custom_jvp
def scaled(x):
    return x


def with_jvp(rule):
    @jaxlite.custom_jvp
    def f(x):
        return 2.0 * x

    f.defjvp(rule)
    return f


def with_vjp(fwd, bwd):
    @jaxlite.custom_vjp
    def f(x):
        return 2.0 * x

    f.defvjp(fwd, bwd)
    return f


ERRORS = {
    "scan carry type": (
        lambda: lax.scan(lambda c, x: (c * 0.5, None), np.int64(1), X),
        CarryTypeError,
        r"carry enters as i64\[\] and leaves as f64\[\]",
    ),
    "scan carry shape": (
        lambda: lax.scan(lambda c, x: ({"a": c["a"] * X}, None), {"a": 1.0}, X),
        CarryTypeError,
        r"carry\['a'\] enters as f64\*?\[\] and leaves as f64\[3\]",
    ),
    "scan carry structure": (
        lambda: lax.scan(lambda c, x: ((c, c), None), 1.0, X),
        CarryTypeError,
        "returned a carry of another structure than it was given",
    ),
    "scan without a pair": (
        lambda: lax.scan(lambda c, x: c, 1.0, X),
        CarryTypeError,
        r"must return a pair \(carry, y\)",
    ),
    "scan lengths": (
        lambda: lax.scan(lambda c, x: (c, None), 1.0, {"a": X, "b": X[:2]}),
        ArgumentError,
        r"different leading axis sizes: xs\['a'\]: 3, xs\['b'\]: 2",
    ),
    "scan length and xs": (
        lambda: lax.scan(lambda c, x: (c, None), 1.0, X, length=4),
        ArgumentError,
        "different leading axis sizes: xs: 3, length: 4",
    ),
    "scan without length": (
        lambda: lax.scan(lambda c, x: (c, None), 1.0),
        ArgumentError,
        "fix pass length=n",
    ),
    "scan over a scalar": (
        lambda: lax.scan(lambda c, x: (c, None), 1.0, 2.0),
        ArgumentError,
        "xs is a scalar",
    ),
    "scan of no function": (lambda: lax.scan(3, 1.0, X), ArgumentError, "scan needs a callable, not int"),
    "while carry type": (
        lambda: lax.while_loop(lambda c: c < 3, lambda c: c * 0.5, np.int64(1)),
        CarryTypeError,
        r"while_loop's body, (.|\n)*enters as i64\[\] and leaves as f64\[\]",
    ),
    "while predicate": (
        lambda: lax.while_loop(lambda c: c, lambda c: c, X),
        ArgumentError,
        "must return one bool",
    ),
    **{
        f"while predicate in a {type(wrap(0)).__name__}": (
            lambda wrap=wrap: lax.while_loop(lambda c: wrap(c < 3), lambda c: c + 1, 0),
            ArgumentError,
            r"must return one bool; it returned PyTreeDef\(.*\) of bool\[\](.|\n)*fix return the bool itself",
        )
        for wrap in (lambda x: (x,), lambda x: [x], lambda x: {"done": x})
    },
    "while predicate of nothing": (
        lambda: lax.while_loop(lambda c: None, lambda c: c, 0),
        ArgumentError,
        "must return one bool; it returned PyTreeDef.* of nothing",
    ),
    **{
        f"scan unroll {unroll}": (
            lambda unroll=unroll: lax.scan(lambda c, x: (c, None), 1.0, X, unroll=unroll),
            ArgumentError,
            f"scan got unroll={unroll!r}",
        )
        for unroll in (-1, 1.5, "all")
    },
    "fori unroll": (
        lambda: lax.fori_loop(0, 3, lambda i, c: c, 1.0, unroll=-2),
        ArgumentError,
        "fori_loop got unroll=-2",
    ),
    **{
        f"scan length {length}": (
            lambda length=length: lax.scan(lambda c, x: (c, None), 1.0, length=length),
            ArgumentError,
            f"scan got length={length!r}",
        )
        for length in (-1, "all")
    },
    "scan traced length": (
        lambda: jaxlite.jit(lambda n: lax.scan(lambda c, _: (c, None), 1.0, length=2 * n))(3),
        ConcretizationTypeError,
        "scan: length must be a Python integer, but it is traced(.|\n)*argument 'n'(.|\n)*fix make it static",
    ),
    "fori bounds": (
        lambda: lax.fori_loop(0, 2.5, lambda i, c: c, X),
        ArgumentError,
        "must be an integer scalar",
    ),
    "cond types": (
        lambda: lax.cond(True, lambda x: x, lambda x: x.astype(int), X),
        BranchTypeError,
        r"equal output types but they differ at result(.|\n)*i64\[3\](.|\n)*f64\[3\]",
    ),
    "cond structures": (
        lambda: lax.cond(True, lambda x: x, lambda x: (x, x), X),
        BranchTypeError,
        "same pytree structure",
    ),
    "cond predicate": (
        lambda: lax.cond(X > 0.0, lambda: 1.0, lambda: 0.0),
        ArgumentError,
        r"the predicate must be a scalar, got bool\[3\](.|\n)*jnp.where",
    ),
    "cond of no function": (
        lambda: lax.cond(True, 1.0, lambda: 0.0),
        ArgumentError,
        "cond needs a callable as true_fun, not float",
    ),
    "switch index": (
        lambda: lax.switch(1.5, [lambda: 1.0, lambda: 2.0]),
        ArgumentError,
        r"the index must be an integer scalar, got f64\*?\[\]",
    ),
    "switch without branches": (
        lambda: lax.switch(0, []),
        ArgumentError,
        "a non-empty sequence of callables",
    ),
    "switch types": (
        lambda: lax.switch(0, [lambda: X, lambda: X, lambda: X[:2]]),
        BranchTypeError,
        r"branches\[2\] is",
    ),
    "Python control flow": (
        lambda: lax.scan(lambda c, x: (c if x > 0 else -c, None), 1.0, X),
        TracerBoolConversionError,
        "lax.cond",
    ),
    "map batch size": (
        lambda: lax.map(jnp.sin, X, batch_size=-1),
        ArgumentError,
        "batch_size must be at least 0",
    ),
    "map of no function": (lambda: lax.map(3, X), ArgumentError, "map needs a callable, not int"),
    "map lengths": (
        lambda: lax.map(lambda t: t[0], (X, X[:2]), batch_size=2),
        ArgumentError,
        r"map got values with different leading axis sizes: xs\[0\]: 3, xs\[1\]: 2",
    ),
    "map of a scalar": (lambda: lax.map(jnp.sin, 1.0, batch_size=2), ArgumentError, "map: xs is a scalar"),
    "map of no arrays": (lambda: lax.map(lambda x: x, (), batch_size=2), ArgumentError, "map got no arrays"),
    "associative_scan sizes": (
        lambda: lax.associative_scan(lambda a, b: a, (X, X[:2])),
        ArgumentError,
        r"one size along axis 0, got f64\[3\], f64\[2\]",
    ),
    "associative_scan structure": (
        lambda: lax.associative_scan(lambda a, b: (a, b), X),
        ArgumentError,
        "returned another structure than it was given",
    ),
    "associative_scan of no function": (
        lambda: lax.associative_scan("add", X),
        ArgumentError,
        "associative_scan needs a callable, not str",
    ),
    "root structure": (
        lambda: lax.custom_root(lambda x: (x,), 1.0, lambda f, x: x, lambda g, y: y),
        ArgumentError,
        "custom_root: f, (.|\n)* returned another structure than initial_guess",
    ),
    "root type": (
        lambda: lax.custom_root(lambda x: 1.5 * x, 1, lambda f, x: x, lambda g, y: y),
        ArgumentError,
        r"returned f64\[\] where initial_guess is i64\[\]",
    ),
    "root aux": (
        lambda: lax.custom_root(lambda x: x, 1.0, lambda f, x: x, lambda g, y: y, has_aux=True),
        ArgumentError,
        r"must return a pair \(x, aux\) with has_aux=True",
    ),
    "solve shape": (
        lambda: lax.custom_linear_solve(lambda x: x, X, lambda _, b: b.sum()),
        ArgumentError,
        r"custom_linear_solve: solve, (.|\n)*returned f64\[\] where b is f64\[3\]",
    ),
    "jvp missing": (lambda: scaled(1.0), CustomRuleError, "No JVP defined for custom_jvp function"),
    "jvp without a pair": (
        lambda: grad(with_jvp(lambda p, t: p[0]))(1.0),
        CustomRuleError,
        r"must return a pair \(out, tangent_out\)",
    ),
    "jvp tangent shape": (
        lambda: grad(with_jvp(lambda p, t: (p[0], t[0] * X)))(1.0),
        CustomRuleError,
        r"returned a tangent of type f64\[3\]",
    ),
    "vjp without a pair": (
        lambda: grad(with_vjp(lambda x: x, lambda r, ct: (ct,)))(1.0),
        CustomRuleError,
        r"must return a pair \(out, residuals\)",
    ),
    "vjp count": (
        lambda: grad(with_vjp(lambda x: (x, None), lambda r, ct: (ct, ct)))(1.0),
        CustomRuleError,
        "one cotangent per argument, 1 in all",
    ),
    "vjp shape": (
        lambda: grad(with_vjp(lambda x: (x, None), lambda r, ct: (ct * X,)))(1.0),
        CustomRuleError,
        r"returned a cotangent of type f64\[3\]",
    ),
}


@pytest.mark.parametrize(("f", "error", "match"), ERRORS.values(), ids=ERRORS)
def test_errors(f, error, match):
    with pytest.raises(error, match=match):
        f()


def test_a_rule_that_closes_over_a_differentiated_value():
    def f(w):
        g = jaxlite.custom_jvp(lambda x: w * x)
        g.defjvp(lambda p, t: (g(p[0]), w * t[0]))
        return jaxlite.jit(lambda x: g(x))(2.0)

    with pytest.raises(CustomRuleError, match="closes over a value that is being differentiated"):
        grad(f)(3.0)


@pytest.mark.parametrize(("inner", "outer"), [(3, 2), (3, 0), (0, 2), (0, 0)])
def test_gradient_of_a_loop_that_reads_the_tape_of_another(inner, outer):
    """The tape's cotangent adds up over steps, from a zero that has no rows, and may stay one."""

    def iterate(x, n):
        return lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, jnp.sin(c[1]) * x), (0, x))[1]

    def f(x, m, n):
        value, pullback = jaxlite.vjp(lambda v: iterate(v, m), x)
        step = lambda c: (c[0] + 1, 0.5 * pullback(c[1])[0] + c[1] ** 2)  # noqa: E731
        return lax.while_loop(lambda c: c[0] < n, step, (0, value))[1]

    with jaxlite.disable_jit():
        expected = grad(f)(0.7, inner, outer)
        slope = (f(0.7 + 1e-6, inner, outer) - f(0.7 - 1e-6, inner, outer)) / 2e-6
    assert_close(expected, slope, rtol=1e-8)
    for wrap in (lambda f: f, jaxlite.jit):
        assert_close(wrap(grad(f))(0.7, inner, outer), expected, rtol=1e-12)
        mapped = jaxlite.vmap(grad(f), (0, None, None))(np.array([0.7, 0.7]), inner, outer)
        assert_close(mapped, np.array([expected, expected]), rtol=1e-12)


# --- many elements of a vmap ------------------------------------------------------------------------


def _decay(x, n):
    def step(s):
        return s[0] + 1, s[1] * 0.9 + 0.1 * jnp.sin(s[1])

    return lax.while_loop(lambda s: s[0] < n, step, (0, x))[1]


@pytest.mark.parametrize("size", [32, 33, 64, 100])
def test_elements_run_in_groups(size, rng):
    x, n = rng.normal(size=size), rng.integers(0, 12, size)
    expected = np.array([_decay(a, int(k)) for a, k in zip(x, n, strict=True)])
    slopes = np.array([jaxlite.grad(_decay)(a, int(k)) for a, k in zip(x[-3:], n[-3:], strict=True)])

    def total(x):
        return jnp.sum(jaxlite.vmap(_decay)(x, n))

    for wrap in (lambda f: f, jaxlite.jit):
        np.testing.assert_allclose(wrap(jaxlite.vmap(_decay))(x, n), expected, rtol=1e-12)
        for gradient in (jaxlite.grad(total), lambda x: jaxlite.vmap(jaxlite.grad(_decay))(x, n)):
            np.testing.assert_allclose(wrap(gradient)(x)[-3:], slopes, rtol=1e-12)
    tangent = jaxlite.jvp(lambda x: jaxlite.vmap(_decay)(x, n), (x,), (np.ones(size),))[1]
    np.testing.assert_allclose(tangent[-3:], slopes, rtol=1e-12)
    names = [e.primitive.name for e in jaxlite.make_jaxpr(jaxlite.vmap(_decay))(x, n).eqns]
    assert ("scan" in names, "while" in names) == (size > 32, size == 32)


def test_groups_of_elements_under_two_vmaps_and_by_name(rng):
    x, n = rng.normal(size=(3, 70)), rng.integers(0, 6, (3, 70))
    expected = [[_decay(a, int(k)) for a, k in zip(*row, strict=True)] for row in zip(x, n, strict=True)]
    np.testing.assert_allclose(jaxlite.vmap(jaxlite.vmap(_decay))(x, n), expected, rtol=1e-12)
    shared = jaxlite.vmap(jaxlite.vmap(_decay, (0, None)), (1, 0))(x, n[0])
    for j in (0, 69):
        np.testing.assert_allclose(shared[j], [_decay(a, int(n[0, j])) for a in x[:, j]], rtol=1e-12)

    def meets_the_others(x, n):
        return lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] + lax.psum(1, "i")), (0, x))[1]

    # Elements that meet by name go on together.
    together = jaxlite.vmap(meets_the_others, axis_name="i")(x[0], n[0])
    np.testing.assert_allclose(together, x[0] + 70 * n[0])


def test_elements_that_end_at_different_times_without_jit():
    with jaxlite.disable_jit():
        out = jaxlite.vmap(lambda k: lax.while_loop(lambda c: c < k, lambda c: c + 1, 0))(np.arange(3))
    np.testing.assert_array_equal(out, [0, 1, 2])


@pytest.mark.parametrize("wrap", [lambda x: (x,), lambda x: [x, None], lambda x: x[None]])
def test_a_condition_is_one_bool_in_python_too(wrap):
    """A tuple of False is true in Python: the loop would not end."""
    with jaxlite.disable_jit(), pytest.raises(ArgumentError, match="must return one bool"):
        lax.while_loop(lambda c: wrap(c < 3), lambda c: c + 1, np.int64(5))
