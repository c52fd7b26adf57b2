"""``jaxlite.nn``: values against their formulas and against JAX, derivatives by finite differences."""

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import nn
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.test_util import check_grads

X = np.array([-750.0, -30.0, -2.5, -0.3, 0.2, 1.7, 5.5, 40.0, 750.0])
Y = np.array([[-1.5, 0.25, 3.0], [0.5, 2.0, -0.75]])
MASK = np.array([True, False, True])

ACTIVATIONS = [
    "celu",
    "elu",
    "gelu",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
]
ACTIVATIONS += [
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "identity",
    "mish",
    "sparse_plus",
    "sparse_sigmoid",
]
ACTIVATIONS += ["squareplus", "silu", "soft_sign", "softplus", "swish", "tanh"]
OTHERS = {
    "softmax": lambda nn, x: nn.softmax(x),
    "softmax over rows": lambda nn, x: nn.softmax(x, axis=0),
    "softmax where": lambda nn, x: nn.softmax(x, where=MASK),
    "log_softmax": lambda nn, x: nn.log_softmax(x),
    "log_softmax over both": lambda nn, x: nn.log_softmax(x, axis=(0, 1)),
    "logsumexp": lambda nn, x: nn.logsumexp(x, axis=1),
    "logsumexp weighted": lambda nn, x: nn.logsumexp(x, b=np.array([1.0, 2.0, 0.5]), keepdims=True),
    "logsumexp signed": lambda nn, x: nn.logsumexp(x, b=np.array([1.0, -2.0, 0.5]), axis=1, return_sign=True)[
        0
    ],
    "logsumexp where": lambda nn, x: nn.logsumexp(x, axis=1, where=MASK),
    "standardize": lambda nn, x: nn.standardize(x),
    "glu": lambda nn, x: nn.glu(x, axis=0),
    "log1mexp": lambda nn, x: nn.log1mexp(x * x),
    "gelu exact": lambda nn, x: nn.gelu(x, approximate=False),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name, oracle):
    ours, theirs = getattr(nn, name), getattr(oracle.nn, name)
    # JAX takes no integers in some of them.
    integers = [] if name in ("sigmoid", "silu", "swish", "log_sigmoid") else [np.array([-2, 0, 3])]
    for x in (X, X.astype(np.float32), *integers):
        expected = np.asarray(theirs(x))
        rtol = 1e-5 if expected.dtype == np.float32 else 1e-13
        for result in (ours(x), jaxlite.jit(ours)(x)):
            assert type(result) is jaxlite.Array
            np.testing.assert_allclose(result, expected, rtol=rtol, atol=1e-300)
        assert ours(x).dtype == jaxlite.jit(ours)(x).dtype
    grad = jaxlite.grad(lambda x: ours(x).sum())(X)
    np.testing.assert_allclose(grad, oracle.grad(lambda x: theirs(x).sum())(X), rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_of_activations(name):
    check_grads(getattr(nn, name), (X[2:7],), order=2)


@pytest.mark.parametrize("name", OTHERS)
def test_functions_over_axes(name, oracle):
    f = OTHERS[name]
    expected = np.asarray(f(oracle.nn, Y))
    for result in (f(nn, Y), jaxlite.jit(lambda x: f(nn, x))(Y)):
        np.testing.assert_allclose(result, expected, rtol=1e-13)
    if "where" not in name or name == "logsumexp where":
        check_grads(lambda x: f(nn, x), (Y,), order=2)


def test_large_arguments_do_not_overflow():
    x = np.array([1000.0, 1000.0, -1000.0])
    np.testing.assert_allclose(nn.softmax(x), [0.5, 0.5, 0.0])
    np.testing.assert_allclose(nn.log_softmax(x), [-np.log(2), -np.log(2), -2000 - np.log(2)])
    np.testing.assert_allclose(nn.logsumexp(x), 1000 + np.log(2))
    np.testing.assert_allclose(nn.softplus(x), [1000, 1000, 0])


def test_single_precision_stays():
    x = Y.astype(np.float32)
    for f in (
        nn.softmax,
        nn.log_softmax,
        nn.logsumexp,
        nn.relu,
        nn.gelu,
        nn.softplus,
        nn.silu,
        nn.standardize,
    ):
        assert f(x).dtype == jaxlite.jit(f)(x).dtype == np.float32


def test_one_hot():
    x = np.array([[0, 2], [1, 5]])
    expected = (x[..., None] == np.arange(3)).astype(float)
    np.testing.assert_array_equal(nn.one_hot(x, 3), expected)
    np.testing.assert_array_equal(
        jaxlite.jit(lambda x: nn.one_hot(x, 3, axis=0))(x), np.moveaxis(expected, -1, 0)
    )
    assert nn.one_hot(x, 3, dtype=jnp.int32).dtype == np.int32


# --- attention and statistics -----------------------------------------------------------------------------

QUERY = np.random.default_rng(1).normal(size=(2, 5, 4, 3))
KEY, VALUE = np.random.default_rng(2).normal(size=(2, 2, 6, 2, 3))
BIAS = np.random.default_rng(3).normal(size=(1, 4, 5, 6))
ATTENTION = {
    "plain": {},
    "scaled": {"scale": 0.3, "bias": BIAS},
    "causal": {"is_causal": True},
    "masked": {"mask": BIAS[:, :1] > -0.5},
    "window": {"local_window_size": (2, 1), "is_causal": True},
    "lengths": {"query_seq_lengths": np.int32([3, 5]), "key_value_seq_lengths": np.int32([6, 2])},
    "residual": {"return_residual": True, "local_window_size": 2},
}


@pytest.mark.parametrize("name", ATTENTION)
def test_attention(name, oracle):
    options = ATTENTION[name]

    def run(library, *arrays):
        out = library.nn.dot_product_attention(*arrays, **options)
        return out if isinstance(out, tuple) else (out,)

    for arrays, alone in (((QUERY, KEY, VALUE), False), ((QUERY[0], KEY[0], VALUE[0]), True)):
        if alone and name == "lengths":
            continue
        wanted = run(oracle, *(x.astype(np.float32) for x in arrays))
        for got in (run(jaxlite, *arrays), jaxlite.jit(lambda *xs: run(jaxlite, *xs))(*arrays)):
            for x, y in zip(got, wanted, strict=True):
                assert (x.dtype, x.shape) == (np.float64, y.shape)
                np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)
    check_grads(lambda *xs: run(jaxlite, *xs)[0], (QUERY, KEY, VALUE), order=1)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: nn.dot_product_attention(QUERY, KEY, VALUE[..., :2]), "keys and values are"),
        (lambda: nn.dot_product_attention(QUERY[..., :3, :], KEY, VALUE), "a multiple of those of the keys"),
        (lambda: nn.dot_product_attention(QUERY, KEY, VALUE, BIAS[None]), "bias or mask of shape"),
        (lambda: nn.dot_product_attention(QUERY, KEY, VALUE, local_window_size=-1), "must not be negative"),
        (lambda: nn.standardize(Y, algorithm="quick"), "algorithm is 'stable' or 'fast'"),
    ],
)
def test_errors_of_attention(call, match):
    with pytest.raises((ArgumentError, ShapeError), match=match):
        call()


def test_means_of_exponentials(oracle):
    for options in ({}, {"axis": 1}, {"axis": 0, "keepdims": True}, {"where": MASK, "axis": 1}):
        np.testing.assert_allclose(
            nn.logmeanexp(Y, **options), oracle.nn.logmeanexp(Y, **options), rtol=1e-13
        )


def test_two_ways_to_standardize(oracle):
    for algorithm in ("fast", "stable"):
        np.testing.assert_allclose(
            nn.standardize(Y, 0, algorithm=algorithm),
            oracle.nn.standardize(Y, 0, algorithm=algorithm),
            rtol=1e-12,
        )


@pytest.mark.parametrize(
    "name", ["relu", "relu6", "hard_sigmoid", "hard_silu", "softplus", "log_sigmoid", "elu"]
)
def test_nan_stays_nan(name):
    f = getattr(nn, name)
    for call in (f, jaxlite.jit(f)):
        assert np.isnan(call(np.array([np.nan, 1.0]))).tolist() == [True, False]


def test_slopes_at_infinity():
    at = np.array([-np.inf, np.inf])
    np.testing.assert_array_equal(jaxlite.vmap(jaxlite.grad(nn.softplus))(at), [0.0, 1.0])
    np.testing.assert_array_equal(jaxlite.vmap(jaxlite.grad(nn.log_sigmoid))(at), [1.0, 0.0])
    np.testing.assert_array_equal(jaxlite.vmap(jaxlite.grad(jaxlite.grad(nn.softplus)))(at), [0.0, 0.0])
    assert jaxlite.grad(jaxlite.grad(nn.softplus))(0.0) == 0.25


def test_relu6_is_a_float():
    assert nn.relu6(np.array([3, 9])).dtype == np.float64
    assert nn.relu6(np.array([3, 9], np.float32)).dtype == np.float32


def test_masks_of_attention_broadcast():
    shape = (QUERY.shape[1], KEY.shape[1])
    mask = np.tri(*shape, dtype=bool)
    expected = nn.dot_product_attention(QUERY, KEY, VALUE, mask=mask[None, None])
    np.testing.assert_array_equal(nn.dot_product_attention(QUERY, KEY, VALUE, mask=mask), expected)
