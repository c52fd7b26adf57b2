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


def ways(f):
    """Return a function eager and compiled."""
    return f, jaxlite.jit(f)


NOTHING_IN_THE_FIRST_ROW = np.array([[False] * 3, [True, False, True]])
SIGNED = np.array([1.0, -2.0, 0.5])
MASKED = {
    "softmax": lambda m, x, w: m.nn.softmax(x, where=w),
    "softmax, axis 0": lambda m, x, w: m.nn.softmax(x, 0, where=w),
    "log_softmax": lambda m, x, w: m.nn.log_softmax(x, where=w),
    "log_softmax, both": lambda m, x, w: m.nn.log_softmax(x, (0, 1), where=w),
    "logsumexp": lambda m, x, w: m.nn.logsumexp(x, 1, where=w),
    "logsumexp weighted": lambda m, x, w: m.nn.logsumexp(x, 1, b=SIGNED, where=w),
    "logsumexp signed": lambda m, x, w: m.nn.logsumexp(x, 1, b=SIGNED, where=w, return_sign=True)[0],
    "logmeanexp": lambda m, x, w: m.nn.logmeanexp(x, 1, where=w),
    "standardize": lambda m, x, w: m.nn.standardize(x, where=w, algorithm="stable"),
}


@pytest.mark.parametrize("name", MASKED)
@pytest.mark.parametrize("hidden", [0.0, np.inf, np.nan, 1e4])
def test_masks_hide_what_they_exclude(name, hidden, oracle):
    mask = NOTHING_IN_THE_FIRST_ROW
    if name != "standardize":
        x = np.where(mask, Y, hidden)
    else:
        x = np.where(mask, Y, 0.0)
    weights = np.cos(np.arange(6)).reshape(2, 3)

    def total(m, x):
        out = MASKED[name](m, x, mask)
        # -inf + inf would be nan.
        return (out * weights[: out.shape[0], : out.shape[-1]])[1].sum() if out.ndim > 1 else out[1]

    with np.errstate(all="ignore"):
        for f in ways(lambda x: MASKED[name](jaxlite, x, mask)):
            np.testing.assert_allclose(f(x), MASKED[name](oracle, x, mask), rtol=1e-13)
        for f in ways(jaxlite.grad(lambda x: total(jaxlite, x))):
            wanted = oracle.grad(lambda x: total(oracle, x))(x)
            np.testing.assert_allclose(f(x), wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("axis", [-1, 0, None])
def test_softmax_of_nothing_is_zero(axis):
    def softmax(x):
        return nn.softmax(x, axis, where=np.zeros(x.shape, bool))

    with np.errstate(invalid="ignore"):
        for f in (*ways(softmax), *ways(jaxlite.grad(lambda x: (softmax(x) * Y).sum()))):
            np.testing.assert_array_equal(f(Y), np.zeros(Y.shape))
        for f in ways(lambda x: jaxlite.jvp(softmax, (x,), (Y,))[1]):
            np.testing.assert_array_equal(f(Y), np.zeros(Y.shape))


@pytest.mark.parametrize("level", [1e5, 1e17, -1e38, 1e300])
def test_softmax_keeps_its_digits_far_from_zero(level):
    x = np.full(4, level)
    for f in ways(nn.log_softmax):
        np.testing.assert_allclose(f(x), [-np.log(4)] * 4, rtol=1e-15)
    for f in ways(nn.softmax):
        np.testing.assert_allclose(f(x), [0.25] * 4, rtol=1e-15)
    for f in ways(jaxlite.grad(lambda x: nn.log_softmax(x)[0])):
        np.testing.assert_allclose(f(x), [0.75, -0.25, -0.25, -0.25], rtol=1e-15)


def test_a_negative_sum_has_no_logarithm(oracle):
    def f(m, x):
        return m.nn.logsumexp(x, 1, b=np.array([[1.0, -9.0, 0.5], [1.0, 1.0, 0.0]]))

    with np.errstate(invalid="ignore"):
        for way in ways(lambda x: f(jaxlite, x)):
            np.testing.assert_allclose(way(Y), f(oracle, Y), rtol=1e-13)
        for way in ways(jaxlite.grad(lambda x: f(jaxlite, x).sum())):
            np.testing.assert_allclose(way(Y), oracle.grad(lambda x: f(oracle, x).sum())(Y), rtol=1e-12)


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


SEES_NOTHING = {
    "mask": {"mask": np.arange(5)[:, None] != 1},
    "mask and causal": {"mask": np.arange(5)[:, None] != 1, "is_causal": True},
    "window": {"local_window_size": (0, 1)},
    "residual": {"mask": np.arange(5)[:, None] != 1, "return_residual": True},
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", SEES_NOTHING)
def test_a_place_that_sees_nothing_takes_the_mean(name, dtype, oracle):
    options = dict(SEES_NOTHING[name])
    if "mask" in options:
        options["mask"] = np.broadcast_to(options["mask"], (2, 4, 5, 6))
    # More places than keys: the last ones see no key through the window.
    query = np.concatenate([QUERY, QUERY], axis=1) if name == "window" else QUERY
    arrays = [x.astype(dtype) for x in (query, KEY, VALUE)]

    def run(m, *arrays):
        return m.tree_util.tree_leaves(m.nn.dot_product_attention(*arrays, **options))

    wanted = run(oracle, *(x.astype(np.float32) for x in arrays))
    for f in ways(lambda *arrays: run(jaxlite, *arrays)):
        for x, y in zip(f(*arrays), wanted, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)
    place = 1 if "mask" in options else -1
    out = run(jaxlite, *arrays)[0]
    means = arrays[2].mean(axis=1).repeat(2, axis=1)
    np.testing.assert_allclose(out[:, place], means, rtol=1e-5)
    wanted = oracle.grad(lambda *xs: (run(oracle, *xs)[0] ** 2).sum(), (0, 1, 2))(*arrays)
    for f in ways(jaxlite.grad(lambda *xs: (run(jaxlite, *xs)[0] ** 2).sum(), (0, 1, 2))):
        for x, y in zip(f(*arrays), wanted, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)


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


def test_a_fast_variance_is_not_negative():
    # The mean of the squares less the square of the mean: -8e-6 here, and the root of it nan.
    x = np.full(10, 1e6 / 7)
    for f in ways(lambda x: nn.standardize(x, epsilon=1e-9, algorithm="fast")):
        np.testing.assert_allclose(f(x), np.zeros(10), atol=1e-3)


@pytest.mark.parametrize(
    "name", ["relu", "relu6", "hard_sigmoid", "hard_silu", "softplus", "log_sigmoid", "elu"]
)
def test_nan_stays_nan(name):
    f = getattr(nn, name)
    for call in (f, jaxlite.jit(f)):
        assert np.isnan(call(np.array([np.nan, 1.0]))).tolist() == [True, False]


@pytest.mark.parametrize("name", ["relu", "relu6", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_slopes_of_straight_lines_at_their_ends_and_at_nan(name, dtype, oracle):
    x = np.array([-np.inf, -3, -1, -0.0, 0, 1, 3, 6, np.inf, np.nan], dtype)
    f, theirs = getattr(nn, name), getattr(oracle.nn, name)
    for order in range(3):
        for call in ways(jaxlite.vmap(f)):
            np.testing.assert_allclose(call(x), oracle.vmap(theirs)(x), rtol=1e-6, err_msg=f"order {order}")
        f, theirs = jaxlite.grad(f), oracle.grad(theirs)


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
