"""The surface beyond NumPy: vectorize, static sizes, creation, dtypes; what has no row in test_numpy_functions.py."""

import functools
import math

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.errors import ArgumentError, ShapeError

A = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize("wrap", [lambda f: f, jaxlite.jit], ids=["eager", "jit"])
class TestVectorize:
    def test_scalars_broadcast(self, wrap):
        f = jnp.vectorize(lambda x, y: jnp.where(x > y, x, y * 2))
        x, y = np.array([1.0, 2.0, 3.0]), np.array([[2.0], [0.0]])
        np.testing.assert_array_equal(wrap(f)(x, y), np.where(x > y, x, y * 2))
        assert wrap(f)(3.0, 1.0) == 3.0

    def test_signature(self, wrap):
        f = jnp.vectorize(jnp.dot, signature="(n,m),(m)->(n)")
        np.testing.assert_allclose(wrap(f)(A, np.ones(4)), A.sum(-1))
        np.testing.assert_allclose(
            wrap(f)(A[0], np.ones((5, 1, 4))), np.broadcast_to(A[0].sum(-1), (5, 1, 3))
        )
        np.testing.assert_allclose(wrap(f)(A[:1], np.ones((2, 4))), np.stack([A[0].sum(-1)] * 2))

    def test_several_results(self, wrap):
        f = jnp.vectorize(lambda v: (v.sum(), v * 2), signature="(n)->(),(n)")
        total, double = wrap(f)(A)
        np.testing.assert_allclose(total, A.sum(-1))
        np.testing.assert_allclose(double, A * 2)

    def test_excluded(self, wrap):
        f = jnp.vectorize(lambda x, powers, *, scale: sum(x**p for p in powers) * scale, excluded={1})
        result = wrap(lambda x: f(x, (1, 2), scale=np.array([1.0, 10.0])))(np.array([2.0, 3.0]))
        np.testing.assert_allclose(result, [6, 120])


def test_vectorize_keeps_the_name():
    def name(x):
        """Say what."""
        return x

    assert jnp.vectorize(name).__doc__ == "Say what."


@pytest.mark.parametrize(
    ("signature", "args", "error", "match"),
    [
        ("n->n", (A,), ArgumentError, "is no signature"),
        ("(n),(n)->()", (A,), ArgumentError, "takes 2 arguments, not 1"),
        ("(n,m,k,l)->()", (A,), ShapeError, "argument 0 has type f64"),
        ("(n),(n)->()", (np.ones(3), np.ones(4)), ShapeError, "axis 'n' has sizes 3 and 4"),
        ("(n)->(),()", (np.ones(3),), ArgumentError, "returned 1 results, not 2"),
        ("(n)->(n,n)", (np.ones(3),), ShapeError, "a result has shape"),
    ],
)
def test_wrong_signatures(signature, args, error, match):
    f = jnp.vectorize(lambda *xs: xs[0].sum(), signature=signature)
    with pytest.raises(error, match=match):
        f(*args)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_apply_along_axis(axis):
    for f in (lambda v: v.sum(), lambda v: v[::-1], lambda v: v[:, None] * v):
        got = jaxlite.jit(lambda x: jnp.apply_along_axis(f, axis, x))(A)  # noqa: B023
        np.testing.assert_allclose(got, np.apply_along_axis(f, axis, A))


def test_apply_over_axes():
    got = jaxlite.jit(lambda x: jnp.apply_over_axes(jnp.sum, x, [0, -1]))(A)
    np.testing.assert_allclose(got, np.apply_over_axes(np.sum, A, [0, -1]))


def test_piecewise():
    x = np.array([-1.0, 0.5, 3.0])
    conditions = [x < 0, x > 1]
    functions = [lambda x: -x, lambda x: x**2, 7.0]
    got = jaxlite.jit(lambda x: jnp.piecewise(x, [x < 0, x > 1], functions))(x)
    np.testing.assert_allclose(got, np.piecewise(x, conditions, functions))
    with pytest.raises(ArgumentError, match="5 functions for 2 conditions"):
        jnp.piecewise(x, conditions, [0, 1, 2, 3, 4])


# --- functions with parameters that NumPy does not have -------------------------------------------------


@pytest.mark.parametrize("wrap", [lambda f: f, jaxlite.jit], ids=["eager", "jit"])
class TestStaticSizes:
    X = np.array([3, 1, 3, 0, 1, 3])

    def test_nonzero(self, wrap):
        (places,) = wrap(lambda x: jnp.nonzero(x, size=3))(self.X)
        np.testing.assert_array_equal(places, [0, 1, 2])
        (places,) = wrap(lambda x: jnp.nonzero(x == 1, size=4, fill_value=-1))(self.X)
        np.testing.assert_array_equal(places, [1, 4, -1, -1])
        rows, columns = wrap(lambda x: jnp.where(x.reshape(2, 3) == 3, size=8, fill_value=9))(self.X)
        np.testing.assert_array_equal(rows, [0, 0, 1, 9, 9, 9, 9, 9])
        np.testing.assert_array_equal(columns, [0, 2, 2, 9, 9, 9, 9, 9])
        np.testing.assert_array_equal(wrap(lambda x: jnp.flatnonzero(x > 2, size=3))(self.X), [0, 2, 5])
        np.testing.assert_array_equal(wrap(lambda x: jnp.argwhere(x > 2, size=3))(self.X), [[0], [2], [5]])

    def test_unique(self, wrap):
        values, index, inverse, counts = wrap(
            lambda x: jnp.unique(x, return_index=True, return_inverse=True, return_counts=True, size=4)
        )(self.X)
        np.testing.assert_array_equal(values, [0, 1, 3, 0])
        np.testing.assert_array_equal(index[:3], [3, 1, 0])
        np.testing.assert_array_equal(inverse, [2, 1, 2, 0, 1, 2])
        np.testing.assert_array_equal(counts, [1, 2, 3, 0])
        np.testing.assert_array_equal(wrap(lambda x: jnp.unique(x, size=2, fill_value=-1))(self.X), [0, 1])

    def test_bincount(self, wrap):
        np.testing.assert_array_equal(wrap(lambda x: jnp.bincount(x, length=5))(self.X), [1, 2, 0, 3, 0])
        weights = np.array([1.0, 2, 3, 4, 5, 6])
        got = wrap(lambda x: jnp.bincount(x, weights, length=3))(self.X)
        np.testing.assert_array_equal(got, [4, 7, 0])

    def test_repeat(self, wrap):
        repeats = np.array([2, 0, 1])
        got = wrap(lambda r: jnp.repeat(np.array([5, 6, 7]), r, total_repeat_length=5))(repeats)
        np.testing.assert_array_equal(got, [5, 5, 7, 7, 7])

    def test_histogram(self, wrap):
        x = np.array([0.1, 0.4, 0.45, 0.9, 1.0])
        counts, edges = wrap(lambda x: jnp.histogram(x, bins=4))(x)
        expected = np.histogram(x, bins=4)
        np.testing.assert_array_equal(counts, expected[0])
        np.testing.assert_allclose(edges, expected[1])
        density, _ = wrap(lambda x: jnp.histogram(x, bins=np.array([0, 0.5, 2]), density=True))(x)
        np.testing.assert_allclose(density, np.histogram(x, np.array([0, 0.5, 2]), density=True)[0])

    def test_put_along_axis(self, wrap):
        x, indices = np.zeros((2, 3)), np.array([[1], [2]])
        got = wrap(lambda x: jnp.put_along_axis(x, indices, 5.0, 1, inplace=False))(x)
        np.testing.assert_array_equal(got, [[0, 5, 0], [0, 0, 5]])

    @pytest.mark.parametrize("shape", [(2, 3), (5, 2), (7, 1), (0, 2), (3, 3, 3)])
    def test_fill_diagonal(self, wrap, shape):
        for values in (2.0, np.array([1.0, 2.0]), np.full((3, 4), 5.0)):
            for again in (False, True):
                expected = np.zeros(shape)
                np.fill_diagonal(expected, values, again)
                fill = functools.partial(jnp.fill_diagonal, wrap=again, inplace=False)
                got = wrap(lambda x, v: fill(x, v))(np.zeros(shape), values)  # noqa: B023
                np.testing.assert_array_equal(got, expected)

    def test_fill_diagonal_that_is_not_there(self, wrap):
        for x in (np.zeros(3), np.zeros((2, 2, 3))):
            with pytest.raises(ShapeError, match="(?s)has no main diagonal.*needs two axes"):
                wrap(lambda x: jnp.fill_diagonal(x, 1.0, inplace=False))(x)
        with pytest.raises(ArgumentError, match="(?s)arrays never change.*inplace=False"):
            wrap(lambda x: jnp.fill_diagonal(x, 1.0, inplace=True))(np.eye(2))

    def test_index_conversions(self, wrap):
        got = wrap(lambda i: jnp.unravel_index(i, (2, 3)))(np.array([4, -1]))
        np.testing.assert_array_equal(got, [[1, 1], [1, 2]])
        pair = (np.array([1, 0]), np.array([2, 1]))
        np.testing.assert_array_equal(wrap(lambda i, j: jnp.ravel_multi_index((i, j), (2, 3)))(*pair), [5, 1])
        clipped = wrap(lambda i, j: jnp.ravel_multi_index((i, j), (2, 3), mode="clip"))(pair[0] + 5, pair[1])
        np.testing.assert_array_equal(clipped, [5, 4])
        for mode in ("clip", "wrap", ("wrap", "clip")):
            far = (pair[0] + 3, pair[1] - 4)
            got = wrap(lambda i, j: jnp.ravel_multi_index((i, j), (2, 3), mode, "F"))(*far)  # noqa: B023
            np.testing.assert_array_equal(got, np.ravel_multi_index(far, (2, 3), mode, "F"))
        got = wrap(lambda i: jnp.unravel_index(i, (2, 3), order="F"))(np.arange(6))
        np.testing.assert_array_equal(got, np.unravel_index(np.arange(6), (2, 3), order="F"))

    def test_argwhere_of_a_number(self, wrap):
        assert wrap(lambda x: jnp.argwhere(x, size=2))(np.float64(2)).shape == (2, 0)
        assert jnp.argwhere(np.float64(0)).shape == (0, 0)

    def test_traced_roll(self, wrap):
        for shift in (2, -1, 7):
            got = wrap(lambda x, n: jnp.roll(x, n))(np.arange(5), shift)
            np.testing.assert_array_equal(got, np.roll(np.arange(5), shift))

    def test_sort_descending(self, wrap):
        np.testing.assert_array_equal(
            wrap(lambda x: jnp.sort(x, descending=True))(self.X), [3, 3, 3, 1, 1, 0]
        )
        # Equal elements keep their order.
        got = wrap(lambda x: jnp.argsort(x, descending=True))(self.X)
        np.testing.assert_array_equal(got, [0, 2, 5, 1, 4, 3])


METHODS = (
    *("linear", "lower", "higher", "nearest", "midpoint"),
    *("inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf"),
    *("hazen", "weibull", "median_unbiased", "normal_unbiased"),
)


@pytest.mark.parametrize("method", METHODS)
def test_quantile_methods(method):
    x = np.random.default_rng(3).normal(size=(3, 8))
    q = np.array([0.0, 0.125, 0.3, 0.3125, 0.5, 0.8, 1.0])
    expected = np.quantile(x, q, axis=1, method=method)
    np.testing.assert_allclose(
        jaxlite.jit(lambda x: jnp.quantile(x, q, axis=1, method=method))(x), expected, rtol=1e-12
    )
    holes = np.where(np.arange(8) == 2, np.nan, x)
    expected = np.nanquantile(holes, q, axis=1, method=method)
    got = jaxlite.jit(lambda x: jnp.nanquantile(x, q, axis=1, method=method))(holes)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_quantile_dtypes(method):
    x = np.array([3, 1, 2, 7, 5])
    for dtype in (np.int8, np.int32, np.float16, np.float32):
        for q in (0.3, np.float32(0.3), np.array([0.3, 0.6])):
            expected = np.quantile(x.astype(dtype), q, method=method)
            got = jaxlite.jit(lambda x: jnp.quantile(x, q, method=method))(x.astype(dtype))  # noqa: B023
            assert got.dtype == expected.dtype
            np.testing.assert_allclose(got, expected, rtol=1e-3 if dtype == np.float16 else 1e-6)


@pytest.mark.parametrize("name", ["quantile", "percentile", "nanquantile", "nanpercentile"])
def test_weighted_quantiles(name):
    rng = np.random.default_rng(2)
    a = rng.integers(0, 5, (3, 4, 2)) / 2
    a[0, 1, 0] = np.nan
    q = np.array([0.0, 0.5, 1.0]) * (100 if "percent" in name else 1)
    for axis, shape in ((None, a.shape), (1, (4,)), (1, a.shape), ((1, 0), (4, 3)), (-1, (2,))):
        weights = rng.integers(0, 3, shape) + np.eye(1, math.prod(shape)).reshape(shape)
        options = dict(axis=axis, method="inverted_cdf", keepdims=axis == 1)
        try:
            expected = getattr(np, name)(a, q, weights=weights, **options)
        except (ValueError, IndexError):
            continue  # NumPy does not take rows whose weights are all zero, nor keepdims= beside some nan
        for wrap in (lambda f: f, jaxlite.jit):
            got = wrap(lambda a, w: getattr(jnp, name)(a, q, weights=w, **options))(a, weights)  # noqa: B023
            np.testing.assert_array_equal(got, expected)
    empty = jaxlite.jit(lambda w: getattr(jnp, name)(a[0], 0.5, weights=w, method="inverted_cdf"))
    assert np.isnan(empty(np.zeros(a[0].shape)))


def test_what_quantiles_do_not_take():
    x, cdf = np.arange(6.0).reshape(2, 3), {"method": "inverted_cdf"}
    for f, message in (
        (lambda x: jnp.quantile(x, 1.5), r"(?s)1\.5 is not in the range of q, from 0 to 1\..*percentile"),
        (lambda x: jnp.percentile(x, np.array([5, -1])), "-1 is not in the range of q, from 0 to 100"),
        (lambda x: jnp.quantile(x, 0.5, weights=x), "(?s)'linear' takes no weights.*inverted_cdf"),
        (
            lambda x: jnp.quantile(x, 0.5, weights=x[0], **cdf),
            "(?s)weights of type f64.3. for .*named by axis=",
        ),
        (lambda x: jnp.quantile(x, 0.5, weights=-np.ones((2, 3)), **cdf), "some weights are negative"),
        (lambda x: jnp.quantile(x * 1j, 0.5), "(?s)c128.2,3. has no order.*x.real"),
    ):
        for wrap in (lambda f: f, jaxlite.jit):
            with pytest.raises(TypeError, match=message):
                wrap(f)(x)


def test_interp_and_modf_as_in_numpy():
    """Where samples share a place, and of infinities and whole numbers below zero."""
    x = np.array([-1.0, 0, 0.5, 1, 1.5, 2, 3, np.nan])
    for places in ([0.0, 0, 1, 1, 2, 2], [1.0, 1, 1, 1, 1, 2], [2.0, 2, 2, 2, 2, 2], [0.0, 1, 2, 2, 2, 3]):
        values = np.array([5.0, -4, 3, 1, 4, 0])
        got = jaxlite.jit(jnp.interp)(x, np.array(places), values)
        np.testing.assert_allclose(got, np.interp(x, places, values), rtol=1e-14)
    assert jaxlite.jit(jnp.interp)(np.nan, np.ones(1), np.full(1, 3.0)) == 3
    x = np.array([np.inf, -np.inf, -0.0, 0.0, -2.0, -2.5, np.nan])
    for got, expected in zip(jaxlite.jit(jnp.modf)(x), np.modf(x), strict=True):
        np.testing.assert_array_equal(got, expected)
        np.testing.assert_array_equal(np.signbit(got), np.signbit(expected))
    assert jaxlite.grad(lambda x: jnp.modf(x)[0])(-2.0) == 1


def test_odd_operands_as_in_numpy():
    """What NumPy flattens, and what it makes of truth values."""
    calls = [
        (lambda x: np.meshgrid(x, x[0], indexing="ij"), np.arange(6.0).reshape(2, 3)),
        (lambda x: np.meshgrid(x, x), np.zeros((0, 3))),
        (lambda x: np.einsum("...i->...", x), np.array([[True, False], [False, False]])),
        (lambda x: x.view(np.uint8), np.array([True, False])),
        (lambda x: x.view(np.uint8), np.zeros((0, 3))),
    ]
    for function, x in calls:
        for got, expected in zip(jaxlite.jit(function)(x), function(x), strict=True):
            assert got.dtype == expected.dtype
            np.testing.assert_array_equal(got, expected)
    with pytest.raises(TypeError, match="(?s)c128.3. are no places.*have no order"):
        jaxlite.jit(lambda x: jnp.interp(x, x.real, x.real))(np.ones(3) * 1j)


def test_dtypes_of_integers_as_in_numpy():
    for dtype in (np.bool_, np.int8, np.uint16, np.int32, np.float16):
        x = np.array([1, 0, 1, 1]).astype(dtype)
        assert jaxlite.jit(jnp.angle)(x).dtype == np.angle(x).dtype
    x = np.array([1, 0, 5, 9, 3, 0, 7, 7, 1])
    for period in (6, 7, 6.5, np.int8(5)):
        for kind in (np.int8, np.int64, np.float32):
            expected = np.unwrap(x.astype(kind), period=period)
            got = jaxlite.jit(lambda x: jnp.unwrap(x, period=period))(x.astype(kind))  # noqa: B023
            assert got.dtype == expected.dtype
            np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_float16_as_in_numpy():
    x = np.array([-1, -0.0, -6e-8, -65504, 1, 65504, -np.inf, -2, 3], np.float16)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(jaxlite.jit(jnp.spacing)(x), np.spacing(x))
    x, y = np.random.default_rng(0).normal(size=(2, 1000)).astype(np.float16) * 8
    np.testing.assert_array_equal(jaxlite.jit(jnp.logaddexp2)(x, y), np.logaddexp2(x, y))


def test_gradient_of_unequal_samples():
    x = np.array([0.0, 0.5, 0.7, 1.6, 2.0])
    for order in (1, 2):
        got = jaxlite.jit(lambda y: jnp.gradient(y, x, edge_order=order))(np.sin(x))  # noqa: B023
        np.testing.assert_allclose(got, np.gradient(np.sin(x), x, edge_order=order), rtol=1e-12)


def test_eager_functions_do_not_warn():
    """NumPy warns about rows of nan and about too few observations; results are nan without a word here."""
    holes = np.array([[np.nan, np.nan], [1.0, np.nan]])
    for f in (jnp.nanmax, jnp.nanmin, jnp.nanmean, jnp.nanvar, jnp.nanstd, jnp.nanmedian):
        assert np.isnan(f(holes, axis=1)[0]), f
        np.testing.assert_allclose(f(holes, axis=1), jaxlite.jit(lambda x: f(x, axis=1))(holes))  # noqa: B023
    assert np.isnan(jnp.nanquantile(holes, 0.5, axis=1)[0])
    assert np.isnan(jnp.var(np.ones(1), ddof=1))
    assert np.isnan(jnp.mean(np.ones((2, 2)), where=np.eye(2) < 0, axis=1)).all()
    assert np.isnan(jnp.nanvar(np.array([1.0, np.nan]), ddof=1))
    assert np.isnan(jnp.cov(np.ones((2, 1)))).all()
    assert np.isnan(jnp.average(np.ones(2), weights=np.zeros(2)))


def test_double_precision_as_in_numpy():
    x = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)
    for f in (
        jnp.cov,
        jnp.corrcoef,
        lambda x: jnp.interp(x, x[0] * 0 + np.arange(5), x[1]),
        lambda x: jnp.polyint(x[0]),
    ):
        eager, traced = f(jnp.asarray(x)), jaxlite.jit(f)(x)
        assert eager.dtype == traced.dtype == np.float64
        np.testing.assert_allclose(eager, traced, rtol=1e-6)


def test_shapes_that_depend_on_values():
    x = np.array([1.0, 0.0, 2.0])
    for f in (jnp.nonzero, jnp.unique, jnp.argwhere, jnp.flatnonzero):
        with pytest.raises(TypeError, match="(?s)depends on a traced value.*size="):
            jaxlite.jit(f)(x)
    with pytest.raises(TypeError, match="depends on a traced value"):
        jaxlite.jit(lambda x: jnp.bincount(x.astype(int)))(x)
    with pytest.raises(ArgumentError, match="(?s)number of repeats is traced.*total_repeat_length"):
        jaxlite.jit(lambda n: jnp.repeat(x, n))(2)
    # Known values: what constants have, and what grad without jit has.
    np.testing.assert_array_equal(jaxlite.jit(lambda: jnp.nonzero(x)[0])(), [0, 2])
    np.testing.assert_array_equal(jaxlite.grad(lambda y: y[jnp.nonzero(y)].sum())(x), [1, 0, 1])


def test_programs_hold_no_large_constants():
    def f(x):
        return (
            x
            + jnp.zeros(1000)
            + jnp.arange(1000)
            + jnp.ones((1000,))
            + jnp.eye(1000)[0]
            + jnp.full(1000, 2.0)
        )

    closed = jaxlite.make_jaxpr(f)(1.0)
    assert closed.consts == ()


def test_creation():
    for ours, theirs in [
        (jnp.zeros((2, 3)), np.zeros((2, 3))),
        (jnp.zeros(3, jnp.float32), np.zeros(3, np.float32)),
        (jnp.ones((), int), np.ones((), int)),
        (jnp.full((2,), 1 + 2j), np.full((2,), 1 + 2j)),
        (jnp.full((2, 2), np.array([1, 2])), np.full((2, 2), [1, 2])),
        (jnp.arange(5), np.arange(5)),
        (jnp.arange(1, 10, 3), np.arange(1, 10, 3)),
        (jnp.arange(0.0, 1.0, 0.1), np.arange(0.0, 1.0, 0.1)),
        (jnp.arange(3, dtype=np.float32), np.arange(3, dtype=np.float32)),
        (jnp.eye(2, 3, 1), np.eye(2, 3, 1)),
        (jnp.identity(2), np.identity(2)),
        (jnp.tri(3, 4, 1), np.tri(3, 4, 1)),
        (jnp.indices((2, 3)), np.indices((2, 3))),
        (jnp.mgrid[0:2, 0:3], np.mgrid[0:2, 0:3]),
        (jnp.ogrid[0:2, 0:3][0], np.ogrid[0:2, 0:3][0]),
        (jnp.fromfunction(lambda i, j: i + j, (2, 2)), np.fromfunction(lambda i, j: i + j, (2, 2))),
        (jnp.tril_indices(3)[0], np.tril_indices(3)[0]),
        (jnp.triu_indices_from(jnp.ones((2, 3)), 1)[1], np.triu_indices_from(np.ones((2, 3)), 1)[1]),
        (jnp.diag_indices(3)[1], np.diag_indices(3)[1]),
        (jnp.ix_(np.array([0, 2]), np.array([True, True]))[1], np.ix_([0, 2], [True, True])[1]),
        (jnp.array([[1, 2], [3, 4]], float, ndmin=3), np.array([[1, 2], [3, 4]], float, ndmin=3)),
        (jnp.float32(2.5), np.float32(2.5)),
        (jnp.int8(3), np.int8(3)),
    ]:
        assert type(ours) is jaxlite.Array
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        np.testing.assert_array_equal(ours, theirs)


def test_traced_creation():
    def f(x):
        return (
            jnp.array([x, [1.0, 2.0]][0:1]),
            jnp.array([[x[0], 1], [2.0, x[1]]]),
            jnp.asarray(x, jnp.float32),
            jnp.float32(x),
            jnp.full((2, 2), x[0]),
            jnp.full_like(np.zeros(3), x[0]),
        )

    results = jaxlite.jit(f)(np.array([5.0, 6.0]))
    expected = [[[5, 6]], [[5, 1], [2, 6]], [5, 6], [5, 6], [[5, 5], [5, 5]], [5, 5, 5]]
    for got, want, dtype in zip(results, expected, "dddffd"[0:2] + "ff" + "dd", strict=True):
        np.testing.assert_array_equal(got, want)
        assert got.dtype == np.dtype(dtype)


def test_array_copies_what_may_be_written_to():
    x = np.zeros(3)
    copies, shared = (
        [jnp.array(x), jnp.asarray(x), jnp.ravel(x), jnp.atleast_1d(x)],
        jnp.asarray(x, copy=False),
    )
    x[0] = 1.0
    assert all(copy[0] == 0.0 for copy in copies)
    assert shared[0] == 1.0


def test_scalar_types():
    assert jnp.float32 == np.float32
    assert np.float32 == jnp.float32
    assert jnp.float32 == np.dtype("float32")
    assert jnp.float32 != jnp.float64
    assert np.dtype(jnp.int32) == np.int32
    assert jnp.issubdtype(jnp.complex64, jnp.complexfloating)
    assert not jnp.issubdtype(jnp.int8, np.floating)
    assert jnp.finfo(jnp.float32).eps == np.finfo(np.float32).eps
    assert jnp.finfo(jnp.ones(2)).bits == 64
    assert jnp.iinfo(jnp.uint8).max == 255
    assert jnp.result_type(jnp.float32, 1.0, np.int8(1)) == np.float32
    assert jnp.promote_types(jnp.int8, jnp.uint8) == np.int16
    assert {jnp.float32: 1}[np.float32] == 1
    assert repr(jnp.float32) == "<class 'jaxlite.numpy.float32'>"
    assert isinstance(np.float32(1), jnp.float32)
    assert jnp.isdtype(jnp.float32, "real floating")
    assert jnp.isscalar(1.0)
    assert jnp.isscalar(jnp.array(1.0))
    assert not jnp.isscalar(jnp.ones(1))
    assert (jnp.shape(1.0), jnp.ndim(np.ones((2, 3))), jnp.size(np.ones((2, 3)), 1)) == ((), 2, 3)


def test_every_public_name_is_there_and_documented():
    for name in jnp.__all__:
        value = getattr(jnp, name)
        if callable(value):
            assert value.__doc__, name
    for name in jnp.linalg.__all__:
        assert getattr(jnp.linalg, name).__doc__, name


def test_save_and_load(tmp_path):
    jnp.save(tmp_path / "x.npy", jnp.arange(3))
    loaded = jnp.load(tmp_path / "x.npy")
    assert type(loaded) is jaxlite.Array
    np.testing.assert_array_equal(loaded, [0, 1, 2])


ERRORS = {
    "reshape": (lambda x: jnp.reshape(x, (4,)), r"reshape: f64\[2,3\] cannot become shape \(4,\)"),
    "reshape order": (lambda x: jnp.reshape(x, (6,), "Q"), "order is 'Q'"),
    "squeeze": (lambda x: jnp.squeeze(x, 0), "axis 0 of .* has size 2"),
    "broadcast_to": (lambda x: jnp.broadcast_to(x, (2, 2)), "does not broadcast to shape"),
    "concatenate": (lambda x: jnp.concatenate([x, x.T]), "concatenate: operands have types"),
    "concatenate scalars": (lambda x: jnp.concatenate([x, 1.0]), "(?s)has no axes.*jnp.stack"),
    "concatenate nothing": (lambda x: jnp.concatenate([]), "needs at least one array"),
    "stack": (lambda x: jnp.stack([x, x[0]]), "(?s)stack: operands have types.*jnp.concatenate"),
    "stack one": (lambda x: jnp.stack(x[0, 0]), "joins several arrays"),
    "split": (lambda x: jnp.split(x, 2, axis=1), "(?s)cannot be split into 2 equal parts.*array_split"),
    "dot": (lambda x: jnp.dot(x, x), "(?s)dot: operands have types.*x @ y.T"),
    "matmul": (lambda x: x @ x, "(?s)matmul: operands have types.*x @ y.T"),
    "matmul scalar": (lambda x: jnp.matmul(x, 2.0), "does not take scalars"),
    "einsum": (lambda x: jnp.einsum("ij,jk", x, x), "axes named 'j' have sizes 3 and 2"),
    "einsum count": (lambda x: jnp.einsum("ij,jk", x), "names 2 operands, but 1"),
    "einsum result": (lambda x: jnp.einsum("ij->k", x), "one that no operand has"),
    "tensordot": (lambda x: jnp.tensordot(x, x, 1), "tensordot: operands have types"),
    "cross": (lambda x: jnp.cross(jnp.zeros(4), x[:, :1]), "length 3"),
    "solve": (lambda x: jnp.linalg.solve(x, x), "square matrix"),
    "inv": (lambda x: jnp.linalg.inv(x), "square matrix"),
    "norm": (lambda x: jnp.linalg.norm(x, "abc"), "order 'abc'"),
    "pad": (lambda x: jnp.pad(x, 1, mode="funny"), "mode 'funny' is not supported"),
    "pad negative": (lambda x: jnp.pad(x, -1), "negative entries"),
    "max where": (lambda x: jnp.max(x, where=x > 0), "needs initial="),
    "out": (lambda x: jnp.sum(x, out=np.zeros(())), "out= is not supported"),
    "where of two": (lambda x: jnp.where(x > 0, x), "the condition alone, or with both"),
    "searchsorted side": (lambda x: jnp.searchsorted(x[0], 1.0, side="up"), "side 'up' is not known"),
    "axis": (lambda x: jnp.sum(x, axis=2), "axis 2 is out of bounds"),
    "axis twice": (lambda x: jnp.sum(x, axis=(0, -2)), "duplicate|names one axis twice"),
    "linspace": (lambda x: jnp.linspace(x, 1.0, -1), "-1 numbers"),
    "diag": (lambda x: jnp.diag(x[None]), "neither a vector nor a matrix"),
    "meshgrid": (lambda x: jnp.meshgrid(x[0], indexing="no"), "indexing 'no'"),
    "repeat": (lambda x: jnp.repeat(x, np.array([1, 2, 3]), axis=0), "do not fit axis 0"),
    "shape": (lambda x: jnp.zeros((2, -1)), "negative"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    f, match = ERRORS[name]
    with pytest.raises((TypeError, ValueError), match=match):
        jaxlite.jit(f)(np.ones((2, 3)))
    # Eager, NumPy may say it in its words; but it raises.
    with pytest.raises((TypeError, ValueError)):
        f(jnp.ones((2, 3)))
