"""Ordinary differential equations: values against SciPy, JAX and closed forms, derivatives by both ways."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import scipy.integrate

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import grad, hessian, jit, jvp, vmap
from jaxlite.counters import counters
from jaxlite.errors import ArgumentError, CustomRuleError, DtypeError, ShapeError
from jaxlite.experimental.ode import odeint, solve_ivp
from jaxlite.tree_util import tree_leaves

T = np.array([0.0, 0.5, 0.7, 2.0])
P = np.array([1.5, 1.0, 1.0, 3.0])
both_ways = pytest.mark.parametrize("way", ["adjoint", "loop"])


def predators(s, t, p):
    x, y = s
    return p[0] * x - p[1] * x * y, p[2] * x * y - p[3] * y


def decay(y, t, a):
    return -a * y


def measured(solver, times, p, **options):
    x, y = solver(predators, (1.0, 1.0), times, p, rtol=1e-9, atol=1e-9, **options)
    return jnp.sum(x * x) + y[-1]


def test_values_like_scipys():
    x, y = jit(lambda p: odeint(predators, (1.0, 1.0), T, p, rtol=1e-10, atol=1e-10))(P)
    expected = scipy.integrate.solve_ivp(
        lambda t, s: predators(s, t, P), (0.0, 2.0), [1.0, 1.0], t_eval=T, rtol=1e-12, atol=1e-12
    )
    np.testing.assert_allclose(np.stack([x, y]), expected.y, rtol=1e-8)


def test_gradients_like_jaxs(oracle):
    from jax.experimental.ode import odeint as their_odeint

    def theirs(p, times):
        x, y = their_odeint(predators, (1.0, 1.0), times, p, rtol=1e-9, atol=1e-9)
        return oracle.numpy.sum(x * x) + y[-1]

    value, expected = oracle.jit(oracle.value_and_grad(theirs, (0, 1)))(P, oracle.numpy.asarray(T))
    for way, rtol in (("adjoint", 1e-9), ("loop", 1e-5)):
        ours = lambda p, times, way=way: measured(odeint, times, p, derivatives=way)  # noqa: E731
        got_value, got = jit(jaxlite.value_and_grad(ours, (0, 1)))(P, T)
        np.testing.assert_allclose(got_value, value, rtol=1e-12)
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


def test_the_sweep_back_keeps_the_size_of_its_steps():
    """A guess of the first step's size takes an evaluation more, and starts from smaller steps, at each time."""
    evaluations = []

    def counted(y, t, a):
        jaxlite.debug.callback(evaluations.append, t)
        return -a * y

    times = np.linspace(0.0, 1.0, 21)
    last = lambda a: odeint(counted, 1.0, times, a, rtol=1e-6, atol=1e-6)[-1]  # noqa: E731
    last(0.5)
    forward = len(evaluations)
    evaluations.clear()
    np.testing.assert_allclose(grad(last)(0.5), -np.exp(-0.5), rtol=1e-6)
    # At each time: the slope there, that of the augmented state, and a step of six.
    assert len(evaluations) - forward <= 20 * 8 + 10


@both_ways
def test_a_closed_form_and_its_derivatives(way):
    # y = y0 exp(-a t)
    def last(y0, a, t):
        return odeint(decay, y0, jnp.stack([0.0 * t, t]), a, rtol=1e-10, atol=1e-10, derivatives=way)[1]

    y0, a, t = 2.0, 0.7, 1.3
    value = y0 * np.exp(-a * t)
    got = jit(grad(last, (0, 1, 2)))(y0, a, t)
    np.testing.assert_allclose(got, [value / y0, -t * value, -a * value], rtol=1e-6)
    second = jit(grad(grad(last, 1), 1))(y0, a, t)
    np.testing.assert_allclose(second, t * t * value, rtol=1e-5)


def test_forward_mode_through_the_loop():
    def f(p):
        return measured(odeint, T, p, derivatives="loop")

    direction = np.array([0.3, -0.2, 0.5, 0.1])
    _, tangent = jit(lambda p, d: jvp(f, (p,), (d,)))(P, direction)
    np.testing.assert_allclose(tangent, np.dot(jit(grad(f))(P), direction), rtol=1e-9)
    value = jit(f)
    difference = (value(P + 1e-5 * direction) - value(P - 1e-5 * direction)) / 2e-5
    np.testing.assert_allclose(tangent, difference, rtol=1e-5)


def test_forward_mode_of_the_adjoint_is_an_error():
    with pytest.raises(CustomRuleError, match="forward mode of odeint, derivatives='adjoint', transposes"):
        jvp(lambda a: odeint(decay, 1.0, T, a)[1], (1.0,), (1.0,))
    for second in (hessian, lambda f: vmap(hessian(f))):
        with pytest.raises(CustomRuleError, match='fix pass derivatives="loop" for forward mode'):
            second(lambda a: odeint(decay, 1.0, T, a)[1])(np.ones(2) if second is not hessian else 1.0)
    np.testing.assert_allclose(
        hessian(lambda a: odeint(decay, 1.0, T, a, derivatives="loop")[-1])(1.0),
        4.0 * np.exp(-2.0),
        rtol=1e-4,
    )


def test_checkpoints():
    plain = grad(lambda p: measured(odeint, T, p, derivatives="loop"))
    few = grad(lambda p: measured(odeint, T, p, derivatives="loop", checkpoint="sqrt"))
    np.testing.assert_allclose(jit(few)(P), jit(plain)(P), rtol=1e-12)


@both_ways
def test_lanes_have_their_own_steps(way):
    lanes = np.array([0.1, 1.0, 30.0])
    f = lambda a: odeint(decay, 1.0, T, a, derivatives=way)[-1]  # noqa: E731
    np.testing.assert_allclose(jit(vmap(f))(lanes), np.exp(-2.0 * lanes), atol=1e-7)
    np.testing.assert_allclose(jit(vmap(grad(f)))(lanes), -2.0 * np.exp(-2.0 * lanes), atol=1e-6)


@both_ways
def test_compiled_once_and_without_calls_of_numpy(way):
    f = jit(grad(lambda a: jnp.sum(odeint(decay, np.ones(2), T, a, derivatives=way))))
    before = counters.num_compiles, counters.num_host_calls
    first, second = f(1.0), f(1.0)
    assert (counters.num_compiles, counters.num_host_calls) == (before[0] + 1, before[1])
    assert first == second


def test_trees_closures_integers_and_dtypes():
    def f(scale):
        def slope(y, t, k, powers):
            return {"a": -scale * y["a"] * k, "b": [y["b"][0] * 0.0 + t**powers]}

        return odeint(slope, {"a": np.ones((2, 2)), "b": [0.0]}, T, 2, np.int64(1))

    out = jit(f)(0.5)
    assert out["a"].shape == (4, 2, 2)
    np.testing.assert_allclose(out["a"][:, 0, 1], np.exp(-T), rtol=1e-6)
    np.testing.assert_allclose(out["b"][0], T**2 / 2, atol=1e-7)
    np.testing.assert_allclose(grad(lambda s: f(s)["a"][-1, 0, 0])(0.5), -4.0 * np.exp(-2.0), rtol=1e-6)
    single = odeint(decay, np.float32(1.0), T.astype(np.float32), np.float32(1.0), rtol=1e-5, atol=1e-5)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, np.exp(-T), rtol=1e-4)
    turning = odeint(lambda y, t: 1j * y, np.complex128(1.0), T)
    np.testing.assert_allclose(turning, np.exp(1j * T), atol=1e-7)
    assert odeint(lambda y, t: y, np.zeros((0, 3)), T).shape == (4, 0, 3)
    np.testing.assert_array_equal(odeint(decay, 2.0, T[:1], 1.0), [2.0])


def test_steps_that_run_out_leave_nan():
    few = odeint(decay, 1.0, T, 50.0, mxstep=3)
    assert few[0] == 1.0
    assert np.isnan(few[-1])
    assert np.all(np.isfinite(odeint(decay, 1.0, T, 50.0, mxstep=1000)))
    assert np.isnan(odeint(lambda y, t: y * np.nan, 1.0, T)[-1])


# --- solve_ivp ----------------------------------------------------------------------------------------


def pendulum(t, s):
    return s[1], -jnp.sin(s[0])


def reference(t_span, times):
    out = scipy.integrate.solve_ivp(
        lambda t, s: (s[1], -np.sin(s[0])), t_span, [1.0, 0.0], t_eval=times, rtol=1e-11, atol=1e-11
    )
    return out.y


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("t_span", [(0.0, 3.0), (1.0, -2.0)])
def test_solve_ivp(dense, t_span):
    times = np.linspace(*t_span, 5)
    out = jit(
        lambda: solve_ivp(
            pendulum,
            t_span,
            (1.0, 0.0),
            t_eval=times,
            dense_output=dense,
            rtol=1e-8,
            atol=1e-8,
            max_steps=150,
        )
    )()
    np.testing.assert_allclose(np.stack(out.y), reference(t_span, times), atol=1e-6)
    theirs = scipy.integrate.solve_ivp(
        lambda t, s: (s[1], -np.sin(s[0])), t_span, [1.0, 0.0], rtol=1e-8, atol=1e-8
    )
    assert out.success
    assert abs(int(out.num_steps) - (len(theirs.t) - 1)) <= 3
    assert out.nfev == 2 + 6 * (out.num_steps + out.num_rejected)
    assert (out.sol is None) != dense


def test_dense_output_between_the_steps():
    t_span = (0.0, 3.0)
    at = np.array([0.0, 0.123, 1.7, 2.999, 3.0])

    def solve(a):
        return solve_ivp(pendulum, t_span, (a, 0.0), dense_output=True, rtol=1e-8, atol=1e-8, max_steps=150)

    sol = jit(solve)(1.0).sol
    np.testing.assert_allclose(np.stack(sol(at)), reference(t_span, at), atol=1e-6)
    angle, speed = sol(1.7)
    np.testing.assert_allclose(jit(grad(lambda t: sol(t)[0]))(1.7), speed, rtol=1e-5)
    by_start = jit(lambda a, t: grad(lambda a: solve(a).sol(t)[0])(a))(1.0, 1.7)
    value = jit(lambda a: solve(a).sol(1.7)[0])
    difference = (value(1.0 + 1e-4) - value(1.0 - 1e-4)) / 2e-4
    np.testing.assert_allclose(by_start, difference, rtol=1e-5)
    assert vmap(lambda t: sol(t)[0])(at).shape == (5,)


def test_derivatives_of_solve_ivp():
    def last(y0, a, t1):
        return solve_ivp(lambda t, y, a: -a * y, (0.0, t1), y0, args=(a,), rtol=1e-9, atol=1e-9).y[-1]

    value = 2.0 * np.exp(-0.7 * 1.3)
    np.testing.assert_allclose(
        jit(grad(last, (0, 1, 2)))(2.0, 0.7, 1.3), [value / 2.0, -1.3 * value, -0.7 * value], rtol=1e-5
    )
    tangent = jit(lambda a: jvp(lambda a: last(2.0, a, 1.3), (a,), (1.0,)))(0.7)[1]
    np.testing.assert_allclose(tangent, -1.3 * value, rtol=1e-5)


def test_failure_is_told():
    blown_up = jit(lambda: solve_ivp(lambda t, y: y * y, (0.0, 2.0), 1.0, max_steps=100))()
    assert not blown_up.success
    assert np.isnan(blown_up.y[-1])
    assert all(leaf.dtype == np.int64 for leaf in tree_leaves(blown_up[3:6]))


def evaluate(times, t_span):
    return solve_ivp(pendulum, t_span, (1.0, 0.0), t_eval=times, max_steps=100)


def test_equal_times():
    times = np.array([0.0, 1.0, 1.0])
    np.testing.assert_allclose(odeint(decay, 1.0, times, 1.0)[1:], np.exp(-1.0), rtol=1e-7)
    one, other = np.stack(evaluate(times, (0.0, 1.0)).y)[:, 1:].T
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("use", "error", "message"),
    [
        (lambda: odeint(decay, 1.0, np.arange(3), 1.0), DtypeError, "odeint needs times of a floating dtype"),
        (lambda: odeint(decay, 1.0, np.float64(1.0), 1.0), ShapeError, "odeint needs times along one axis"),
        (lambda: odeint(decay, {"a": 1}, T, 1.0), DtypeError, r"needs floating or complex states, got y0\['a'\]"),
        (lambda: odeint(lambda y, t: (y, y), 1.0, T), ArgumentError, "odeint: .*lambda.* returned another structure"),
        (lambda: odeint(lambda y, t: y[None], np.ones(3), T), ArgumentError, r"where y0 is f64\[3\]"),
        (lambda: odeint(decay, 1.0, T, 1.0, rtol=-1.0), ArgumentError, "odeint needs rtol as a number of at least 0"),
        (lambda: odeint(decay, 1.0, T, 1.0, derivatives="both"), ArgumentError, "odeint got derivatives='both'"),
        (lambda: odeint(decay, 1.0, T, 1.0, checkpoint=3), ArgumentError, "checkpoint with derivatives='loop' only"),
        (lambda: odeint(decay, 1.0, T[::-1], 1.0), ArgumentError, r"odeint: t\[0\] is 2.0, t\[1\] is 0.7"),
        (lambda: jit(lambda a: odeint(decay, 1.0, 1.0 - T, a))(1.0), ArgumentError, "times must not decrease"),
        (
            lambda: jit(functools.partial(odeint, decay, 1.0, jnp.linspace(1.0, 0.0, 3)))(1.0),
            ArgumentError,
            "times must not decrease",
        ),
        (lambda: solve_ivp(pendulum, 3.0, (1.0, 0.0)), ArgumentError, r"solve_ivp needs t_span=\(first, last\)"),
        (lambda: evaluate(T, (0.0, 1.5)), ArgumentError, r"t_eval\[3\] is 2.0, t_span is \(0.0, 1.5\)"),
        (lambda: evaluate(T[::-1], (2.0, 0.1)), ArgumentError, r"t_eval\[3\] is 0.0, t_span is \(2.0, 0.1\)"),
        (lambda: jit(lambda: evaluate(T, (1e-3, 9.0)))(), ArgumentError, r"t_eval\[0\] is 0.0, t_span is"),
        (lambda: evaluate(T[::-1], (0.0, 2.0)), ArgumentError, r"t_eval\[0\] is 2.0, t_eval\[1\] is 0.7"),
        (lambda: evaluate(T, (2.0, 0.0)), ArgumentError, "times must not increase"),
        (lambda: evaluate(np.float32([0.1]), (0.0, 0.1)), ArgumentError, "values are known inside of t_span"),
    ],
)  # fmt: skip
def test_errors(use, error, message):
    with pytest.raises(error, match=message):
        use()


@pytest.mark.parametrize("options", [{"hmax": -1.0}, {"hmax": 0}, {"hmax": np.nan}])
def test_odeint_refuses_steps_of_no_size(options):
    with pytest.raises(ArgumentError, match="hmax as a number above 0"):
        odeint(decay, 1.0, T, 1.0, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first_step": -1.0}, "first_step as a number above 0"),
        ({"max_step": 0.0}, "max_step as a number above 0"),
        ({"max_steps": 10.5}, "max_steps as an integer"),
        ({"max_steps": -10, "dense_output": True}, "max_steps as an integer"),
        ({"args": 2.0}, "args is 2.0"),
        ({"t_eval": [0.0, 2.0]}, r"t_eval\[1\] is 2.0"),
        ({"t_eval": [0.5, 0.2]}, r"t_eval\[0\] is 0.5"),
    ],
)
def test_solve_ivp_refuses_what_has_no_meaning(options, message):
    with pytest.raises(ArgumentError, match=message):
        solve_ivp(lambda t, y, *args: -y, (0.0, 1.0), 1.0, **options)


def test_lists_of_times_are_checked_too():
    with pytest.raises(ArgumentError, match="times must not decrease"):
        odeint(decay, 1.0, [0.0, -0.5], 1.0)
    with pytest.raises(ArgumentError, match="times must not decrease"):
        jit(lambda a: odeint(decay, 1.0, [0.0, -0.5], a))(1.0)
    # Traced ones are not.
    assert jit(lambda t: odeint(decay, 1.0, [0.0, t], 1.0))(0.5).shape == (2,)
