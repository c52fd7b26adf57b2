"""Where nothing is traced NumPy computes: the same values, dtypes and refusals as where something is.

`benchmarks.eager` measures what that saves; here is that it changes nothing else.
"""

import itertools

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.array import Array
from jaxlite.errors import ShapeError

DTYPES = (np.bool_, np.int32, np.uint8, np.float16, np.float32, np.float64, np.complex64, np.complex128)
_R = np.random.default_rng(5)


def _matrix(dtype) -> np.ndarray:
    return (
        (3 * _R.normal(size=(3, 4)))
        .astype(np.complex128 if np.dtype(dtype).kind == "c" else float)
        .astype(dtype)
    )


def _calls(dtype):
    """Yield calls of functions that have one path for plain arrays, and one for all others."""
    m = _matrix(dtype)
    v, w, k = m.ravel()[:5], m.ravel()[7:12], np.array([1, 0, 1, 3, 0])
    column = np.array([[1], [0], [2]])
    static = {"inplace": False}
    yield from (
        ("poly", (v,), {}),
        ("roots", (v,), {}),
        ("roots", (0 * v,), {}),
        ("roots", (v,), {"strip_zeros": True}),
    )
    yield from (("polyfit", (np.arange(5), v, deg), {}) for deg in (2, 7, -1))
    yield from (
        ("bincount", (k, v), {}),
        ("bincount", (k,), {"minlength": 9}),
        ("bincount", (k,), {"length": 2}),
    )
    yield from ((f"unique_{what}", (m,), {}) for what in ("all", "counts", "inverse", "values"))
    yield from (("argwhere", (m,), {}), ("flatnonzero", (m,), {}), ("extract", (m > 0, m), {}))
    yield from (("compress", (mask, m, 0), {}) for mask in (k[:3] > 0, k[:2] > 0, k[:3], k))
    yield from (
        ("put", (m, places, v), static) for places in (np.array([0, -1, 0]), np.array([99]), np.array([0.5]))
    )
    yield from (("put", (m, 2, value), static) for value in (1.5, 1, v[0], v[:0]))
    yield from (("place", (m, mask, v), static) for mask in (m > 0, m > 5, m[:2] > 0, m))
    yield from (("put_along_axis", (m, column, value, 1), static) for value in (1.5, v[:1], m[:, :1], m))
    yield from (("fill_diagonal", (m, value), static) for value in (1.5, v[0], v[:3]))
    yield from (
        ("full", ((2, 3), v[0]), {}),
        ("full", ((2, -3), v[0]), {}),
        ("full", (2, np.array(1)), {"dtype": dtype}),
    )
    yield from (("isclose", (m, m), {}), ("allclose", (v, w), {}), ("isclose", (v, w), {"atol": 1.5}))
    yield from (
        ("tril", (m, 1), {}),
        ("triu", (v, -1), {}),
        ("tril", (v,), {}),
        ("kaiser", (5, np.float64(2.0)), {}),
    )
    yield from (
        ("choose", (k % 2, [v, w]), {}),
        ("select", ([v != 0, w != 0], [v, w]), {}),
        ("ix_", (k, k > 0), {}),
    )
    holes = m.copy()
    if np.dtype(dtype).kind in "fc":
        holes[0, 1:], holes[1] = np.nan, np.nan
    for name in ("nanmean", "nanvar", "nanstd", "nanmax"):
        yield from (
            (name, (x,), keywords)
            for x in (m, holes, m[:0])
            for keywords in ({}, {"axis": 1, "keepdims": True})
        )
    yield from (("nanvar", (holes,), {"axis": axis, "ddof": 2}) for axis in (0, (1, 0), 5))


def _outcome(function, args, keywords):
    """Return the leaves of a result, or the type and first line of the error."""
    try:
        return [(np.asarray(x), type(x)) for x in jaxlite.tree.leaves(function(*args, **keywords))]
    except Exception as error:
        return type(error), str(error).partition("\n")[0]


@pytest.mark.parametrize(
    "functions", [[1, lambda v: v * v], [2.5, lambda v: v + 0.5, 3], [lambda v: v[..., None], 1], [1]]
)
@pytest.mark.parametrize("x", [np.arange(-3.0, 4.0), np.array([2, -1]), 0.5], ids=["f64", "i64", "number"])
def test_piecewise_agrees_with_its_program(x, functions):
    conditions = [np.asarray(x) < 1, np.asarray(x) < 0]

    def chosen(x):
        return jnp.piecewise(x, conditions, functions)

    quick, slow = (_outcome(f, (x,), {}) for f in (chosen, jaxlite.jit(chosen)))
    np.testing.assert_equal(quick, slow)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
@pytest.mark.parametrize("of", [np.asarray, jnp.asarray], ids=["ndarray", "Array"])
def test_both_paths_agree(dtype, of):
    for name, args, keywords in _calls(dtype):
        args = jaxlite.tree.map(lambda x: of(x) if isinstance(x, np.ndarray) else x, args)
        function = getattr(jnp, name)
        # What is decorated is the path of traced values.
        quick, slow = (
            _outcome(f, args, keywords) for f in (function, getattr(function, "__wrapped__", function))
        )
        if isinstance(slow, tuple):
            assert quick == slow, name
            continue
        assert len(quick) == len(slow), (name, quick)
        for (x, x_type), (y, y_type) in zip(quick, slow, strict=True):
            assert (x.dtype, x.shape, x_type) == (y.dtype, y.shape, y_type), (name, args)
            loose = x.dtype in (np.float16, np.float32, np.complex64)
            np.testing.assert_allclose(x, y, 2e-3 if loose else 1e-9, 2e-3 if loose else 1e-12, err_msg=name)


def test_results_are_no_views_of_what_the_user_may_write_to():
    x = np.arange(6.0).reshape(2, 3)
    results = [
        jnp.reshape(x, (3, 2)),
        jnp.transpose(x),
        *jnp.split(x, 2),
        *jnp.ix_(x[0].astype(int)),
        jnp.real(x),
        jnp.concatenate([x]),
        jnp.atleast_2d(x),
    ]
    assert not any(np.shares_memory(x, result) for result in results)


def test_arrays_are_unwrapped_wherever_they_stand(monkeypatch):
    """One that is not would make NumPy ask `Array` at each step of its function."""
    x, y = jnp.arange(6.0).reshape(2, 3), jnp.ones((2, 3))

    def asked(*args):
        raise AssertionError("NumPy saw an Array")

    monkeypatch.setattr(Array, "__array_ufunc__", asked)
    monkeypatch.setattr(Array, "__array_function__", asked)
    jnp.add(x, y)
    jnp.average(x, weights=y)
    jnp.sum(x, where=y > 0)
    jnp.select([x > 1, y > 0], [x, y], jnp.float64(0.5))
    jnp.choose(jnp.array([[0, 1, 0], [1, 1, 0]]), [x, y])
    jnp.concatenate([x, y])
    assert [row.shape for row in x] == [(3,), (3,)]


def test_numpy_keeps_its_error_state():
    with np.errstate(all="raise"):
        assert jnp.isinf(jnp.divide(1.0, jnp.zeros(()))) and jnp.isnan(jnp.zeros(()) / 0)
        with pytest.raises(ShapeError):
            jnp.add(jnp.ones(2), jnp.ones(3))
        with pytest.raises(FloatingPointError):
            np.ones(1) / np.zeros(1)


def test_iteration_ends_without_an_error_to_explain():
    assert [int(n) for n in jnp.arange(3)] == [0, 1, 2] and all(type(n) is Array for n in jnp.arange(3))
    with pytest.raises(TypeError, match="0-d"):
        iter(jnp.ones(()))


# --- traced, as NumPy ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["isclose", "allclose"])
def test_closeness_of_bools_and_unsigned_integers(name):
    pairs = [
        (np.array([True, False]), np.array([True, True])),
        (np.array([1, 9], np.uint8), np.array([3, 9], np.uint8)),
    ]
    for a, b in pairs:
        for keywords in ({}, {"atol": 2.0}):
            ours = jaxlite.jit(lambda a, b, keywords=keywords: getattr(jnp, name)(a, b, **keywords))(a, b)
            np.testing.assert_array_equal(ours, getattr(np, name)(a, b, **keywords))


@pytest.mark.parametrize("name", ["log2", "log10"])
def test_logarithms_of_complex_zero(name):
    x = np.array([0j, 4 + 0j, -1 + 1j])
    with np.errstate(divide="ignore"):
        expected = getattr(np, name)(x)
    np.testing.assert_allclose(jaxlite.jit(getattr(jnp, name))(x), expected, rtol=1e-15)
    assert not np.isnan(jaxlite.jit(getattr(jnp, name))(x)).any()


@pytest.mark.parametrize("name", ["tril", "triu"])
@pytest.mark.parametrize("k", [-1, 0, 2])
def test_triangles_of_a_vector(name, k):
    v = np.array([1.0, np.inf, 3.0])
    np.testing.assert_array_equal(jaxlite.jit(lambda v: getattr(jnp, name)(v, k))(v), getattr(np, name)(v, k))
    with pytest.raises(ShapeError, match="no matrix, nor a row"):
        jaxlite.jit(getattr(jnp, name))(1.0)


def test_an_index_beyond_int64_is_shown():
    x, i = jnp.arange(3), np.uint64(2**64 - 1)
    for read in (lambda: x[i], lambda: x.at[i].set(1), lambda: jaxlite.jit(lambda x: x[i])(x)):
        with pytest.raises(IndexError, match="index 18446744073709551615 is out of bounds"):
            read()
    with pytest.raises(IndexError, match="index 9223372036854775807 or above is out of bounds"):
        jaxlite.jit(lambda x, i: x[i])(x, i)


@pytest.mark.parametrize(("n", "m"), [(2, 7), (4, 7), (4, 6), (5, 2), (3, 3)])
@pytest.mark.parametrize("name", ["correlate", "convolve"])
def test_windows_lie_where_numpy_has_them_when_compiled(name, n, m):
    a, v = np.arange(1.0, n + 1), np.arange(2.0, m + 2)
    compiled = jaxlite.jit(lambda a, v: getattr(jnp, name)(a, v, "same"))(a, v)
    np.testing.assert_allclose(compiled, getattr(np, name)(a, v, "same"))


def test_complex_geometric_steps_keep_their_direction_when_compiled():
    compiled = jaxlite.jit(lambda stop: jnp.geomspace(1j, stop, 4))(-8j)
    np.testing.assert_allclose(compiled, np.geomspace(1j, -8j, 4), atol=1e-14)


def test_functions_of_rows():
    """``apply_along_axis`` where nothing is traced: shapes and dtypes of NumPy and of programs."""
    x = np.arange(24.0).reshape(2, 3, 4)
    functions = [
        lambda v: v.sum(),
        lambda v: jnp.stack([v, 2 * v]),
        lambda v: v.astype(np.float32)[:2],
        lambda v: v.at[0].set(9.0),
        lambda v: jnp.outer(v, v) > 3,
        lambda v: 1,
    ]
    for axis, function in itertools.product((0, 1, -1), functions):
        eager = jnp.apply_along_axis(function, axis, jnp.asarray(x))
        traced = jaxlite.jit(lambda x: jnp.apply_along_axis(function, axis, x))(x)  # noqa: B023
        expected = np.apply_along_axis(lambda v: function(jnp.asarray(v)), axis, x)  # noqa: B023
        assert type(eager) is Array
        for got in (eager, traced):
            assert got.dtype == expected.dtype
            np.testing.assert_array_equal(got, expected)
    # Results that are no arrays, and rows that are not there.
    low, high = jnp.apply_along_axis(lambda v: (v.min(), v.max()), 0, jnp.asarray(x))
    np.testing.assert_array_equal(high - low, np.ptp(x, 0))
    assert jnp.apply_along_axis(lambda v: v.sum(), 0, jnp.zeros((3, 0))).shape == (0,)


def test_functions_of_parts():
    x = np.array([-2.0, -0.5, 0.0, 3.0])
    parts = [lambda v: v.at[:1].set(7.0), 5]
    for conditions in ([x < -1, x > 1], [jnp.asarray(x < -1), jnp.asarray(x > 1)]):
        got = jnp.piecewise(jnp.asarray(x), conditions, [*parts, lambda v: -v])
        assert type(got) is Array
        np.testing.assert_array_equal(got, [7, 0.5, 0, 5])
    # One bool is a condition for all elements.
    np.testing.assert_array_equal(jnp.piecewise(jnp.asarray(x), [True, False], [1, 2, 3]), np.ones(4))
