"""Roots and fixed points: closed forms, SciPy, derivatives of both modes and second order, failures that show."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import grad, jit, jvp, vmap
from jaxlite.counters import counters
from jaxlite.errors import ArgumentError, DtypeError
from jaxlite.experimental.implicit import fixed_point, root
from jaxlite.test_util import check_grads

every_method = pytest.mark.parametrize("method", ["newton", "broyden"])
MATRIX = np.array([[4.0, 1.0, 0.5], [0.3, 3.0, -0.2], [0.1, 0.4, 5.0]])
X0, B = np.zeros(3), np.array([1.0, -2.0, 0.5])


def equations(x, matrix, b):
    return matrix @ x + 0.3 * jnp.sin(x) ** 2 - b


@every_method
def test_scalars_and_their_derivatives(method):
    # x² = a: x' = 1/(2 √a), x'' = -1/4 a^(-3/2)
    f = jit(lambda a: root(lambda x, a: x * x - a, 1.0, a, method=method))
    for a in (0.25, 2.0, 9.0):
        np.testing.assert_allclose(f(a), np.sqrt(a), rtol=1e-10)
        np.testing.assert_allclose(jit(grad(f))(a), 0.5 / np.sqrt(a), rtol=1e-9)
        np.testing.assert_allclose(jit(grad(grad(f)))(a), -0.25 * a**-1.5, rtol=1e-8)
        np.testing.assert_allclose(jvp(f, (a,), (2.0,))[1], 1.0 / np.sqrt(a), rtol=1e-9)


@every_method
def test_systems(method):
    solve = jit(lambda matrix, b: root(equations, X0, matrix, b, method=method))
    expected = scipy.optimize.root(lambda x: np.asarray(equations(x, MATRIX, B)), X0, tol=1e-13).x
    np.testing.assert_allclose(solve(MATRIX, B), expected, rtol=1e-9)
    # J ẋ = ḃ
    jacobian = MATRIX + np.diag(0.3 * np.sin(2 * expected))
    np.testing.assert_allclose(jaxlite.jacrev(solve, 1)(MATRIX, B), np.linalg.inv(jacobian), rtol=1e-8)
    np.testing.assert_allclose(jaxlite.jacfwd(solve, 1)(MATRIX, B), np.linalg.inv(jacobian), rtol=1e-8)
    if method == "newton":
        check_grads(solve, (MATRIX, B), order=1, modes=("fwd", "rev"), rtol=1e-4)


def test_lanes():
    a = np.array([0.5, 2.0, 40.0])
    f = lambda a: root(lambda x: x**3 - a, 1.0)  # noqa: E731 (closes over a traced value)
    np.testing.assert_allclose(jit(vmap(f))(a), np.cbrt(a), rtol=1e-9)
    np.testing.assert_allclose(jit(vmap(grad(f)))(a), a ** (-2 / 3) / 3, rtol=1e-9)


@pytest.mark.parametrize("method", ["iterate", "newton", "broyden"])
def test_fixed_points(method):
    # x = a + e sin x, Kepler's equation: x_a = 1/(1 - e cos x)
    f = jit(lambda a, e: fixed_point(lambda x, a, e: a + e * jnp.sin(x), a, a, e, method=method))
    x = f(1.0, 0.3)
    np.testing.assert_allclose(x, 1.0 + 0.3 * np.sin(x), rtol=1e-10)
    slope = 1.0 / (1.0 - 0.3 * np.cos(x))
    np.testing.assert_allclose(jit(grad(f, (0, 1)))(1.0, 0.3), [slope, np.sin(x) * slope], rtol=1e-9)
    np.testing.assert_allclose(jit(grad(grad(f)))(1.0, 0.3), -0.3 * np.sin(x) * slope**3, rtol=1e-8)


def test_trees_and_dtypes():
    def f(x, a):
        return {"u": 0.5 * x["u"] + a, "v": [0.1 * jnp.sum(x["u"]) + 0.2 * x["v"][0]]}

    out = jit(lambda a: fixed_point(f, {"u": np.zeros((2, 2)), "v": [0.0]}, a))(1.0)
    np.testing.assert_allclose(out["u"], np.full((2, 2), 2.0), rtol=1e-9)
    np.testing.assert_allclose(out["v"][0], 1.0, rtol=1e-9)
    single = root(lambda x: x * x - np.float32(2.0), np.ones(1, np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, np.sqrt(2.0), rtol=1e-5)
    assert root(lambda x: x, np.zeros((0, 2))).shape == (0, 2)


@every_method
def test_what_does_not_converge_is_nan_with_its_derivatives(method):
    def f(a, **options):
        return root(lambda x, a: x * x + a, 0.9, a, method=method, **options)

    assert np.isnan(jit(f)(1.0))
    assert np.isnan(jit(grad(f))(1.0))
    x, info = jit(lambda a: f(a, has_info=True, maxiter=7))(1.0)
    assert np.isfinite(x)
    assert not info.converged
    assert info.num_steps <= 7
    x, info = jit(lambda a: f(a, has_info=True))(-4.0)
    assert info.converged
    assert 0 < info.num_steps < 20
    assert info.residual < 1e-10
    assert np.isnan(fixed_point(lambda x: 2.0 * x + 1.0, 1.0))
    assert np.isnan(root(lambda x: x * np.nan, 1.0))


def test_newton_halves_steps_that_go_too_far():
    # From 3 the full steps of Newton's method for atan run away.
    np.testing.assert_allclose(root(lambda x: jnp.arctan(x - 1.0), 4.0), 1.0, rtol=1e-10)


@every_method
def test_compiled_once_and_without_calls_of_numpy(method):
    f = jit(grad(lambda b: jnp.sum(root(equations, X0, MATRIX, b, method=method))))
    before = counters.num_compiles, counters.num_host_calls
    np.testing.assert_array_equal(f(B), f(B))
    assert (counters.num_compiles, counters.num_host_calls) == (before[0] + 1, before[1])


@pytest.mark.parametrize(
    ("use", "error", "message"),
    [
        (lambda: root(lambda x: x, 1), DtypeError, "root needs floating states, got x0 as i64"),
        (lambda: fixed_point(lambda x: x, {"a": 1}), DtypeError, r"fixed_point needs floating states, got x0\['a'\]"),
        (lambda: root(lambda x: (x, x), 1.0), ArgumentError, "root: .*lambda.* returned another structure than x0"),
        (lambda: root(lambda x: x[:2], np.ones(3)), ArgumentError, r"returned f64\[2\] where x0 is f64\[3\]"),
        (lambda: root(lambda x: x, 1.0, method="bisect"), ArgumentError, "root got method='bisect'"),
        (lambda: fixed_point(lambda x: x, 1.0, method=3), ArgumentError, "fixed_point got method=3"),
        (lambda: root(lambda x: x, 1.0, tol=-1.0), ArgumentError, "root needs tol as a positive number, got -1.0"),
    ],
)  # fmt: skip
def test_errors(use, error, message):
    with pytest.raises(error, match=message):
        use()
