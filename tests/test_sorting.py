"""The spellings of sort and top_k, and their derivatives at ties."""

import functools

import numpy as np
import pytest

import jaxlite.numpy as jnp
from jaxlite import api, jit
from jaxlite.errors import ShapeError
from jaxlite.ops import sorting
from jaxlite.ops.elementwise import mul
from jaxlite.ops.reductions import reduce_sum

X = np.array([[3.0, 1.0, 2.0], [0.5, -1.0, 0.0]])
PLACES = np.broadcast_to(np.arange(3), X.shape)


def test_one_operand_gives_an_array_several_a_tuple():
    np.testing.assert_array_equal(sorting.sort(X), np.sort(X))
    np.testing.assert_array_equal(sorting.sort(X, 0), np.sort(X, 0))
    (alone,) = sorting.sort([X])
    np.testing.assert_array_equal(alone, np.sort(X))


@pytest.mark.parametrize(
    "call",
    [
        lambda: sorting.sort((X, PLACES)),
        lambda: sorting.sort([X, PLACES], 1, True, 1),
        lambda: sorting.sort(X, PLACES, dimension=1),
        lambda: sorting.sort_key_val(X, PLACES),
    ],
)
def test_spellings_of_sort(call):
    values, places = call()
    np.testing.assert_array_equal(values, np.sort(X))
    np.testing.assert_array_equal(places, np.argsort(X))
    np.testing.assert_array_equal(sorting.argsort(X), places)


def test_evaluation_refuses_operands_of_different_shapes():
    with pytest.raises(ShapeError, match=r"sort: operands f64\[2,3\], i64\[3\] along dimension 1"):
        sorting.sort([X, PLACES[0]])
    with pytest.raises(ShapeError, match=r"top_k: k = 4 of f64\[2,3\]"):
        sorting.top_k(X, 4)


def test_nan_is_last_and_zeros_keep_their_order():
    x = np.array([np.nan, 0.0, -0.0, -np.inf, np.inf])
    ordered = np.asarray(sorting.sort(x))
    np.testing.assert_array_equal(ordered, [-np.inf, 0.0, -0.0, np.inf, np.nan])
    assert np.signbit(ordered).tolist() == [True, False, True, False, False]


def test_derivative_at_ties_follows_the_stable_order():
    f = lambda x: reduce_sum(mul(sorting.sort(x), np.array([1.0, 2.0, 3.0])), (0,))  # noqa: E731
    np.testing.assert_array_equal(api.grad(f)(np.array([5.0, 5.0, 5.0])), [1.0, 2.0, 3.0])


def test_payload_gets_the_derivative_of_its_place():
    f = lambda keys, x: sorting.sort_key_val(keys, x)[1]  # noqa: E731
    jacobian = api.jacobian(f, 1)(X[0], np.array([10.0, 20.0, 30.0]))
    np.testing.assert_array_equal(jacobian, np.eye(3)[[1, 2, 0]])


def test_top_k_along_another_axis():
    values, places = sorting.top_k(X, 1, axis=0)
    np.testing.assert_array_equal(values, X.max(0, keepdims=True))
    np.testing.assert_array_equal(places, X.argmax(0)[None])
    assert places.dtype == np.int32


def test_top_k_takes_nan_first_and_the_first_of_equal_ones():
    values, places = sorting.top_k(np.array([1.0, np.nan, 3.0, 3.0, np.nan]), 4)
    np.testing.assert_array_equal(values, [np.nan, np.nan, 3.0, 3.0])
    assert places.tolist() == [1, 4, 2, 3]
    gradient = api.grad(lambda x: reduce_sum(sorting.top_k(x, 2)[0], (0,)))(np.array([1.0, 5.0, 3.0]))
    assert gradient.tolist() == [0.0, 1.0, 1.0]


def keys_with_ties(n, dtype):
    rng = np.random.default_rng(n)
    x = rng.integers(-9, 9, n) + (1j * rng.integers(-2, 2, n) if dtype == np.complex128 else 0)
    if np.dtype(dtype).kind in "fc":
        x = np.where(rng.random(n) < 0.05, np.nan, x)
    return x.astype(dtype)


# One run, several, an even and an odd number of merges in a whole column and in each half of one, full runs and not.
@pytest.mark.parametrize("n", [16, 17, 33, 129, 144, 300, 512, 513, 577, 1025, 3000])
@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.complex128, np.int8])
def test_compiled_lines_of_any_length_are_stable(n, dtype):
    keys, values = keys_with_ties(n, dtype), np.arange(n, dtype=float)
    places = np.argsort(keys, kind="stable")
    ordered, moved = jit(sorting.sort_key_val)(keys, values)
    np.testing.assert_array_equal(moved, values[places])
    np.testing.assert_array_equal(ordered, keys[places])
    lines = np.stack([keys, keys[::-1]])
    np.testing.assert_array_equal(jit(sorting.sort)(lines), np.sort(lines, kind="stable"))


@pytest.mark.parametrize("payload", [np.float16, np.complex64, bool, np.uint8, np.int64])
@pytest.mark.parametrize("key", [np.float16, np.int32, np.float64])
def test_compiled_lines_carry_payloads_of_any_type(key, payload):
    for shape, num_payloads in [((15,), 1), ((3, 40), 1), ((40, 2), 2), ((520,), 1)]:
        keys = np.resize(keys_with_ties(shape[0] * shape[-1], key), shape)
        payloads = [
            (np.arange(keys.size).reshape(shape) * (k + 1)).astype(payload) for k in range(num_payloads)
        ]
        results = jit(lambda *x: sorting.sort(x, dimension=0, num_keys=1))(keys, *payloads)
        places = np.argsort(keys, axis=0, kind="stable")
        for x, result in zip([keys, *payloads], results, strict=True):
            assert result.dtype == x.dtype
            np.testing.assert_array_equal(result, np.take_along_axis(x, places, 0))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_long_lines_with_infinities(dtype, rng):
    x = np.concatenate([rng.standard_normal(1000), np.full(3000, -np.inf), np.full(500, np.inf)]).astype(
        dtype
    )
    for values in (x, rng.permutation(x), x[::-1].copy()):
        want = np.sort(values.astype(np.longdouble), kind="stable").astype(dtype)
        unstable = functools.partial(sorting.sort, is_stable=False)
        for function in (jnp.sort, jit(jnp.sort), sorting.sort, unstable):
            np.testing.assert_array_equal(function(jnp.asarray(values)), want)
        lines = jnp.asarray(np.stack([values, values[::-1]], axis=1))
        np.testing.assert_array_equal(jnp.sort(lines, axis=0), np.stack([want, want], axis=1))
        np.testing.assert_array_equal(jnp.sort(lines, axis=None, descending=True), np.repeat(want, 2)[::-1])


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.complex128, np.complex64, np.int8])
def test_compiled_searches_go_by_the_order_of_sort(dtype, side):
    parts = [0.0, 1.0, 2.0, np.inf, np.nan]
    values = keys_with_ties(40, dtype)
    if np.dtype(dtype).kind == "c":
        values = np.append(values, [complex(x, y) for x in parts for y in parts]).astype(dtype)
    ordered = np.sort(values[::2])
    np.testing.assert_array_equal(
        jit(lambda a, v: jnp.searchsorted(a, v, side))(ordered, values),
        np.searchsorted(ordered, values, side),
    )


def test_sorting_a_long_line_takes_half_a_line_besides():
    n = 16 * 1024
    compiled = jit(sorting.argsort).lower(np.zeros(n)).compile()
    assert compiled.memory_analysis().temp_size_in_bytes == 3 * n // 2 * (8 + 4)
