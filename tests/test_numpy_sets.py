"""Sets against NumPy: eager, and with ``size=`` under jit, on random arrays with many repetitions."""

from __future__ import annotations

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.errors import ArgumentError

SIZE = 12


def pairs():
    rng = np.random.default_rng(11)
    for n, m in ((6, 5), (1, 4), (0, 3), (4, 0), (7, 7)):
        yield rng.integers(0, 6, n), rng.integers(0, 6, m)
        yield rng.integers(0, 4, n) / 2.0, rng.integers(0, 4, m)


@pytest.mark.parametrize("name", ["union1d", "intersect1d", "setdiff1d", "setxor1d"])
def test_two_sets(name):
    ours, theirs = getattr(jnp, name), getattr(np, name)
    for x, y in pairs():
        expected = theirs(x, y)
        np.testing.assert_array_equal(ours(x, y), expected)
        # Known values inside a transformation: what NumPy gives, by our own way.
        values = jaxlite.vjp(lambda x, y: ours(x, y), x + 0.0, y + 0.0)[0]  # noqa: B023
        np.testing.assert_array_equal(values, expected)
        sized = jaxlite.jit(lambda x, y: ours(x, y, size=SIZE, fill_value=-1))(x, y)  # noqa: B023
        np.testing.assert_array_equal(sized, [*expected, *[-1] * (SIZE - len(expected))])
        short = jaxlite.jit(lambda x, y: ours(x, y, size=2, fill_value=-1))(x, y)  # noqa: B023
        np.testing.assert_array_equal(short, [*expected, -1, -1][:2])


def test_missing_elements_are_the_first_of_the_result():
    """And 0 where there is none, as in JAX."""
    for name, x, y, expected in (
        ("setxor1d", [1, 2, 3], [1], [2, 3, 2]),
        ("setxor1d", [3, 4], [4, 3], [0, 0, 0]),
        ("intersect1d", [-5, 4], [4, 7], [4, 4, 4]),
        ("intersect1d", [3], [4], [0, 0, 0]),
    ):
        for wrap in (lambda f: f, jaxlite.jit):
            got = wrap(lambda x, y: getattr(jnp, name)(x, y, size=3))(np.array(x), np.array(y))  # noqa: B023
            np.testing.assert_array_equal(got, expected)


def test_indices_of_common_elements():
    for x, y in pairs():
        for got, expected in zip(
            jaxlite.jit(lambda x, y: jnp.intersect1d(x, y, return_indices=True, size=SIZE))(x, y),
            np.intersect1d(x, y, return_indices=True),
            strict=True,
        ):
            np.testing.assert_array_equal(got[: len(expected)], expected)


def test_unique_rows():
    x = np.random.default_rng(2).integers(0, 2, (7, 3))
    for axis in (0, 1):
        expected = np.unique(x, True, True, True, axis=axis)
        got = jaxlite.jit(lambda x: jnp.unique(x, True, True, True, axis=axis, size=len(expected[1])))(x)  # noqa: B023
        for mine, theirs in zip(got, expected, strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_every_nan_is_one_or_each_is_its_own():
    x = np.array([np.nan, 1.0, np.nan, 1.0])
    for equal in (True, False):
        values, counts = np.unique(x, return_counts=True, equal_nan=equal)
        got = jaxlite.jit(lambda x: jnp.unique(x, return_counts=True, equal_nan=equal, size=len(values)))(x)  # noqa: B023
        np.testing.assert_array_equal(got[0], values)
        np.testing.assert_array_equal(got[1], counts)


def test_derivatives_reach_the_elements():
    x = np.array([3.0, 1.0, 3.0])
    weights = np.array([10.0, 20.0])
    for size in (None, 2):
        gradient = jaxlite.grad(lambda x: (jnp.unique(x, size=size) * weights).sum())(x)  # noqa: B023
        np.testing.assert_array_equal(gradient, [20.0, 10.0, 0.0])


def test_unique_of_nothing_needs_a_value():
    with pytest.raises(ArgumentError, match="(?s)nothing to fill up with.*fill_value"):
        jnp.unique(np.zeros(0), size=2)
    np.testing.assert_array_equal(jnp.unique(np.zeros(0), size=2, fill_value=5.0), [5.0, 5.0])
