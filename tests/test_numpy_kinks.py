"""Derivatives where there is none: the values that `jaxlite.numpy` chooses at kinks and singular points (JAX's)."""

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import nn

INF, NAN = np.inf, np.nan

# name: (function, arguments, derivative with respect to each)
KINKS = {
    "abs at 0": (jnp.abs, (0.0,), (1.0,)),
    "abs at -0": (jnp.abs, (-0.0,), (1.0,)),
    "sign": (jnp.sign, (0.0,), (0.0,)),
    "relu at 0": (nn.relu, (0.0,), (0.0,)),
    "maximum(x, 0)": (lambda x: jnp.maximum(x, 0), (0.0,), (0.5,)),
    "maximum": (jnp.maximum, (1.0, 1.0), (0.5, 0.5)),
    "minimum": (jnp.minimum, (1.0, 1.0), (0.5, 0.5)),
    "max": (lambda x: jnp.max(x), ([0.0, 2.0, 2.0, 2.0],), ([0, 1 / 3, 1 / 3, 1 / 3],)),
    "min": (lambda x: jnp.min(x), ([1.0, 1.0, 3.0],), ([0.5, 0.5, 0],)),
    "median": (lambda x: jnp.median(x), ([1.0, 2.0, 3.0, 4.0],), ([0, 0.5, 0.5, 0],)),
    "clip": (lambda x: jnp.clip(x, 0.0, 1.0).sum(), ([-1, 0, 0.5, 1, 2],), ([0, 0.5, 1, 0.5, 0],)),
    "floor": (jnp.floor, (1.0,), (0.0,)),
    "round": (jnp.round, (0.5,), (0.0,)),
    "mod": (jnp.mod, (3.0, 3.0), (1.0, -1.0)),
    "fmod": (jnp.fmod, (-7.0, 2.0), (1.0, 3.0)),
    "heaviside": (lambda x: jnp.heaviside(x, 0.5), (0.0,), (0.0,)),
    "sqrt at 0": (jnp.sqrt, (0.0,), (INF,)),
    "cbrt at 0": (jnp.cbrt, (0.0,), (INF,)),
    "log at 0": (jnp.log, (0.0,), (INF,)),
    "norm at 0": (jnp.linalg.norm, ([0.0, 0.0, 0.0],), ([NAN, NAN, NAN],)),
    "1-norm at 0": (lambda x: jnp.linalg.norm(x, ord=1), ([0.0, 0.0, 0.0],), ([1, 1, 1],)),
    "inf-norm tie": (lambda x: jnp.linalg.norm(x, ord=np.inf), ([1.0, -1.0],), ([0.5, -0.5],)),
    "x**2 at 0": (lambda x: x**2, (0.0,), (0.0,)),
    "x**2.0 at 0": (lambda x: x**2.0, (0.0,), (0.0,)),
    "x**0 at 0": (lambda x: x**0, (0.0,), (0.0,)),
    "x**0.0 at 0": (lambda x: x**0.0, (0.0,), (NAN,)),
    "x**1.0 at 0": (lambda x: x**1.0, (0.0,), (1.0,)),
    "x**0.5 at 0": (lambda x: x**0.5, (0.0,), (INF,)),
    "x**-1 at 0": (lambda x: x**-1, (0.0,), (-INF,)),
    "0**y": (lambda y: 0.0**y, (2.0,), (0.0,)),
    "(-2)**y": (lambda y: jnp.power(-2.0, y), (2.0,), (NAN,)),
    "(-2)**2.0": (lambda x: x**2.0, (-2.0,), (-4.0,)),
    "where(x > 0, sqrt(x), 0)": (lambda x: jnp.where(x > 0, jnp.sqrt(x), 0.0), (0.0,), (NAN,)),
    "where(x > 0, log(x), 0)": (lambda x: jnp.where(x > 0, jnp.log(x), 0.0), (-1.0,), (0.0,)),
    "arctan2(0, 0)": (jnp.arctan2, (0.0, 0.0), (NAN, NAN)),
    "hypot(0, 0)": (jnp.hypot, (0.0, 0.0), (0.5, 0.5)),
    "logaddexp(-inf, -inf)": (jnp.logaddexp, (-INF, -INF), (NAN, NAN)),
    "logaddexp(0, -inf)": (jnp.logaddexp, (0.0, -INF), (1.0, 0.0)),
    "logsumexp": (nn.logsumexp, ([-INF, 0.0],), ([0, 1],)),
    "logsumexp of -inf": (nn.logsumexp, ([-INF, -INF],), ([NAN, NAN],)),
    "sinc": (jnp.sinc, (0.0,), (0.0,)),
    "prod with a zero": (jnp.prod, ([2.0, 0.0, 3.0],), ([0, 6, 0],)),
    "prod with two zeros": (jnp.prod, ([2.0, 0.0, 0.0],), ([0, 0, 0],)),
    "cumprod with a zero": (lambda x: jnp.cumprod(x).sum(), ([2.0, 0.0, 3.0],), ([1, 8, 0],)),
    "std of equals": (jnp.std, ([1.0, 1.0, 1.0],), ([NAN, NAN, NAN],)),
    "var of equals": (jnp.var, ([1.0, 1.0, 1.0],), ([0, 0, 0],)),
    "det singular": (jnp.linalg.det, ([[1.0, 2.0], [2.0, 4.0]],), ([[4, -2], [-2, 1]],)),
    "at max": (lambda x: x.at[1:].max(0.5).sum(), ([0.0, 0.0, 1.0],), ([1, 0, 1],)),
    "sort": (lambda x: (jnp.sort(x) * np.array([1.0, 2, 3])).sum(), ([3.0, 1.0, 2.0],), ([3, 1, 2],)),
    "argmax": (lambda x: jnp.argmax(x).astype(float), ([1.0, 2.0],), ([0, 0],)),
}
SECOND = {
    "x**2": (lambda x: x**2, 0.0, 2.0),
    "x**2.0": (lambda x: x**2.0, 0.0, 2.0),
    "sinc": (jnp.sinc, 0.0, -(np.pi**2) / 3),
    "softplus": (nn.softplus, 0.0, 0.25),
    "logaddexp": (lambda x: jnp.logaddexp(x, 1.0), 1.0, 0.25),
    "hypot": (lambda x: jnp.hypot(x, 2.0), 2.0, 0.5 / np.sqrt(8)),
}


@pytest.mark.parametrize("name", KINKS)
def test_first_derivative(name):
    f, args, expected = KINKS[name]
    args = [np.asarray(a, float) for a in args]
    positions = tuple(range(len(args)))
    array = lambda *xs: f(*map(jnp.asarray, xs))  # noqa: E731
    for grads in (jaxlite.grad(array, positions)(*args), jaxlite.jit(jaxlite.grad(array, positions))(*args)):
        for got, want in zip(grads, expected, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("name", SECOND)
def test_second_derivative(name):
    f, x, expected = SECOND[name]
    np.testing.assert_allclose(jaxlite.grad(jaxlite.grad(f))(x), expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(jaxlite.hessian(f)(x), expected, rtol=1e-10, atol=1e-10)


def test_sinc_near_zero():
    x = np.array([0.0, 1e-9, 1e-4, 0.05, 0.159, 0.16, 0.3])
    np.testing.assert_allclose(jaxlite.jit(jnp.sinc)(x), np.sinc(x), rtol=1e-15)
    third = jaxlite.grad(jaxlite.grad(jaxlite.grad(jnp.sinc)))
    # d³/dx³ of sinc is -π⁴x/5·(-1)… odd, so 0 at 0; its slope there is π⁴/5.
    np.testing.assert_allclose(jaxlite.grad(third)(0.0), np.pi**4 / 5, rtol=1e-10)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_gradient_of_det_is_the_cofactor_matrix(n, rng):
    a = rng.normal(size=(n, n))
    cofactors = np.linalg.det(a) * np.linalg.inv(a).T
    np.testing.assert_allclose(jaxlite.grad(jnp.linalg.det)(a), cofactors, rtol=1e-9)
    # Of rank n - 1 the inverse is gone, the cofactors are not.
    singular = a.copy()
    singular[-1] = singular[:-1].sum(0) if n > 1 else 0.0
    minors = np.array([[minor(singular, i, j) for j in range(n)] for i in range(n)])
    np.testing.assert_allclose(jaxlite.grad(jnp.linalg.det)(singular), minors, rtol=1e-8, atol=1e-8)


def minor(a, i, j):
    rest = np.delete(np.delete(a, i, 0), j, 1)
    return (-1) ** (i + j) * (np.linalg.det(rest) if rest.size else 1.0)


@pytest.mark.parametrize("wrap", [lambda f: f, jaxlite.jit], ids=["eager", "jit"])
class TestWhatNumpyRefuses:
    def test_solve_singular(self, wrap):
        result = wrap(jnp.linalg.solve)(np.array([[1.0, 2.0], [2.0, 4.0]]), np.ones(2))
        assert not np.isfinite(result).any()

    def test_inv_singular(self, wrap):
        assert not np.isfinite(wrap(jnp.linalg.inv)(np.zeros((2, 2)))).any()

    def test_cholesky_not_definite(self, wrap):
        result = wrap(jnp.linalg.cholesky)(np.array([[1.0, 2.0], [2.0, 1.0]]))
        np.testing.assert_array_equal(result, [[NAN, 0], [NAN, NAN]])

    def test_slogdet_singular(self, wrap):
        result = wrap(jnp.linalg.slogdet)(np.zeros((2, 2)))
        assert (float(result.sign), float(result.logabsdet)) == (0.0, -INF)

    def test_mean_of_nothing(self, wrap):
        for f in (jnp.mean, jnp.var, jnp.std):
            assert np.isnan(wrap(f)(np.zeros(0)))

    def test_max_of_nothing(self, wrap):
        with pytest.raises(ValueError, match="(?s)max: f64.0. is empty.*initial="):
            wrap(jnp.max)(np.zeros(0))

    def test_logarithm_of_negative(self, wrap):
        assert np.isnan(wrap(jnp.log)(-1.0))
        assert wrap(jnp.log)(0.0) == -INF
