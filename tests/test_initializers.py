"""``jaxlite.nn.initializers``: shapes, scales and, for a few, JAX's numbers."""

import numpy as np
import pytest

import jaxlite
from jaxlite import random
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.nn import initializers
from tests.tolerances import assert_close

KEY = random.key(5)
LARGE = (40, 500)

BY_FANS = {
    "glorot_uniform": 2 / 540,
    "glorot_normal": 2 / 540,
    "lecun_uniform": 1 / 40,
    "lecun_normal": 1 / 40,
    "he_uniform": 2 / 40,
    "he_normal": 2 / 40,
}


@pytest.mark.parametrize("name", BY_FANS)
def test_variances(name):
    w = getattr(initializers, name)()(KEY, LARGE)
    assert w.shape == LARGE and w.dtype == np.float64
    np.testing.assert_allclose(w.var(), BY_FANS[name], rtol=0.03)
    np.testing.assert_allclose(w.mean(), 0, atol=0.01)
    assert np.abs(w).max() < np.sqrt(3 * BY_FANS[name]) * (1 if name.endswith("uniform") else 1.4)


@pytest.mark.parametrize("distribution", ["normal", "truncated_normal", "uniform"])
@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_distributions_and_modes(distribution, dtype):
    for mode, divisor in [("fan_in", 40), ("fan_out", 500), ("fan_avg", 270), ("fan_geo_avg", 20_000**0.5)]:
        init = initializers.variance_scaling(3.0, mode, distribution, dtype=dtype)
        w = init(KEY, LARGE)
        assert w.dtype == dtype
        np.testing.assert_allclose((np.abs(w) ** 2).mean(), 3 / divisor, rtol=0.04)


def test_axes():
    shape = (3, 4, 5)
    of_images = initializers.variance_scaling(1.0, "fan_in", "normal")(KEY, shape)
    np.testing.assert_allclose(of_images, random.normal(KEY, shape) * np.sqrt(1 / 12))
    several = initializers.variance_scaling(1.0, "fan_in", "normal", (0, 1), 2)(KEY, shape)
    np.testing.assert_allclose(several, random.normal(KEY, shape) * np.sqrt(1 / 12))
    in_batches = initializers.variance_scaling(1.0, "fan_in", "normal", batch_axis=0)(KEY, shape)
    np.testing.assert_allclose(in_batches, random.normal(KEY, shape) * np.sqrt(1 / 4))


def test_simple_ones():
    for init, want in [(initializers.zeros, 0), (initializers.ones, 1), (initializers.constant(2.5), 2.5)]:
        for dtype in (np.float32, None):
            w = init(KEY, (2, 3), dtype)
            assert w.dtype == (dtype or np.float64)
            np.testing.assert_array_equal(w, np.full((2, 3), want))
    np.testing.assert_array_equal(initializers.constant(np.arange(3.0))(KEY, (2, 3))[1], np.arange(3))
    np.testing.assert_allclose(initializers.uniform(3.0)(KEY, (4,)), 3 * random.uniform(KEY, (4,)))
    np.testing.assert_allclose(initializers.normal(3.0)(KEY, (4,)), 3 * random.normal(KEY, (4,)))
    cut = initializers.truncated_normal(2.0, lower=0.0, upper=1.0)(KEY, (100,))
    assert cut.min() > 0 and cut.max() < 2
    assert initializers.kaiming_normal is initializers.he_normal
    assert initializers.xavier_uniform is initializers.glorot_uniform
    assert isinstance(initializers.zeros, initializers.Initializer)


def test_orthogonal_ones():
    w = initializers.orthogonal(2.0)(KEY, (4, 2, 3))
    np.testing.assert_allclose(w.reshape(8, 3).T @ w.reshape(8, 3), 4 * np.eye(3), atol=1e-14)
    w = initializers.orthogonal(column_axis=0)(KEY, (3, 2, 4))
    np.testing.assert_allclose(w.reshape(3, 8) @ w.reshape(3, 8).T, np.eye(3), atol=1e-14)
    assert initializers.orthogonal()(KEY, (0, 3)).shape == (0, 3)
    for middle in [(3,), (3, 4), (3, 2, 5)]:
        w = initializers.delta_orthogonal()(KEY, (*middle, 2, 3))
        inner = w[tuple((n - 1) // 2 for n in middle)]
        np.testing.assert_allclose(inner @ inner.T, np.eye(2), atol=1e-14)
        assert np.count_nonzero(w) == 6


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
def test_dtypes_are_those_asked_for(dtype):
    names = ["normal", "orthogonal", "delta_orthogonal", *BY_FANS]
    names += [] if dtype.startswith("complex") else ["uniform", "truncated_normal"]
    made = [getattr(initializers, name)() for name in names]
    for init in (*made, initializers.zeros, initializers.ones, initializers.constant(2)):
        for call in (init, jaxlite.jit(init, static_argnums=(1, 2))):
            assert call(KEY, (3, 2, 4), dtype).dtype == dtype


@pytest.mark.parametrize(
    "text",
    [
        "glorot_uniform()(key, (3, 4))",
        "he_normal()(key, (3, 4), 'float32')",
        "truncated_normal(1.0)(key, (3, 4))",
        "variance_scaling(2.0, 'fan_in', 'truncated_normal')(key, (3, 4), 'complex128')",
        "orthogonal()(key, (4, 3))",
    ],
)
def test_numbers_are_those_of_jax(oracle, text):
    want = eval(f"init.{text}", {"init": oracle.nn.initializers, "key": oracle.random.key(5)})
    got = jaxlite.jit(lambda key: eval(f"init.{text}", {"init": initializers, "key": key}))(KEY)
    assert_close(got, np.asarray(want), rtol=2e-6 if "32" in text else 1e-13)


@pytest.mark.parametrize(
    "init,shape,error,match",
    [
        (initializers.he_normal(), (3,), ShapeError, "inputs are counted along axis -2"),
        (
            initializers.variance_scaling(1.0, "fan", "normal"),
            (3, 4),
            ArgumentError,
            "there is no mode 'fan'",
        ),
        (
            initializers.variance_scaling(1.0, "fan_in", "beta"),
            (3, 4),
            ArgumentError,
            "no distribution 'beta'",
        ),
        (initializers.orthogonal(), (3,), ShapeError, "a matrix has two axes at least"),
        (initializers.delta_orthogonal(), (3, 4), ShapeError, "one, two or three axes, inputs and outputs"),
        (
            initializers.delta_orthogonal(),
            (3, 4, 2),
            ShapeError,
            "there must not be more inputs than outputs",
        ),
    ],
)
def test_errors(init, shape, error, match):
    with pytest.raises(error, match=match):
        init(KEY, shape)
