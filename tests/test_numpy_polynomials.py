"""Polynomials against NumPy, with their derivatives, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.test_util import check_grads

P = np.array([1.0, -6.0, 11.5, -6.5])
RNG = np.random.default_rng(4)


def test_roots():
    for p in (P, P + 0j, np.array([0.0, 2.0, -3.0, 1.0, 0.0]), np.array([0.0, 0.0]), np.array([2.0])):
        expected = np.roots(p)
        np.testing.assert_allclose(np.sort_complex(jnp.roots(p)), np.sort_complex(expected), rtol=1e-12)
    got = jaxlite.jit(jnp.roots)(P)
    np.testing.assert_allclose(np.sort_complex(got), np.sort_complex(np.roots(P)), rtol=1e-12)
    batch = jaxlite.jit(jaxlite.vmap(jnp.roots))(np.stack([P, P[::-1]]))
    np.testing.assert_allclose(np.sort_complex(batch[1]), np.sort_complex(np.roots(P[::-1])), rtol=1e-12)


def test_derivatives_of_roots():
    check_grads(lambda p: jnp.abs(jnp.roots(p)).sum(), (P,), order=2)
    # Of x² - a the roots are ±√a.
    slopes = jaxlite.jacobian(lambda a: jnp.sort(jnp.roots(jnp.stack([1.0, 0.0, -a])).real))(4.0)
    np.testing.assert_allclose(slopes, [-0.25, 0.25])


@pytest.mark.parametrize("find", [jaxlite.jit(jnp.roots), lambda p: jnp.roots(p, strip_zeros=False)])
@pytest.mark.parametrize(
    ("coefficients", "expected"),
    [
        ([0.0, 1.0, 2.0], [-2.0, np.nan]),
        ([0.0, 1.0, -3.0, 2.0, 0.0], [2.0, 1.0, 0.0, np.nan]),
        ([1.0, -6.0, 11.0, -6.0], [3.0, 2.0, 1.0]),
    ],
)
def test_roots_of_leading_coefficients_that_are_zero_are_nan(find, coefficients, expected):
    np.testing.assert_allclose(find(np.array(coefficients)), np.array(expected) + 0j, rtol=1e-12, atol=1e-14)


def test_fit():
    x, y = np.linspace(1980.0, 2020.0, 30), RNG.normal(size=(30, 2))
    w = RNG.uniform(1, 2, 30)
    for degree in (0, 1, 3):
        expected = np.polyfit(x - 2000, y, degree, w=w)
        got = jaxlite.jit(lambda x, y, w: jnp.polyfit(x - 2000, y, degree, w=w))(x, y, w)  # noqa: B023
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-16)
    for scaling in (True, "unscaled"):
        expected = np.polyfit(x - 2000, y, 2, cov=scaling)
        got = jaxlite.jit(lambda x, y: jnp.polyfit(x - 2000, y, 2, cov=scaling))(x, y)  # noqa: B023
        for mine, theirs in zip(got, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-16)


def test_characteristic_polynomial():
    for n in (1, 2, 5):
        a = RNG.normal(size=(n, n))
        np.testing.assert_allclose(jaxlite.jit(jnp.poly)(a), np.poly(a), rtol=1e-9, atol=1e-12)


def test_division():
    u, v = RNG.normal(size=6), RNG.normal(size=3)
    quotient, remainder = jaxlite.jit(jnp.polydiv)(u, v)
    expected = np.polydiv(u, v)
    np.testing.assert_allclose(quotient, expected[0], rtol=1e-12)
    np.testing.assert_allclose(remainder, [0, 0, 0, 0, *expected[1]], rtol=1e-9)
    np.testing.assert_allclose(jnp.polyadd(jnp.polymul(quotient, v), remainder), u, atol=1e-12)
    np.testing.assert_array_equal(jnp.polydiv(v, u)[1], v)


def test_integration_constants():
    p, k = RNG.normal(size=3), np.array([5.0, 7.0])
    np.testing.assert_allclose(jaxlite.jit(lambda p, k: jnp.polyint(p, 2, k))(p, k), np.polyint(p, 2, k))
    np.testing.assert_allclose(jaxlite.jit(lambda p: jnp.polyder(p, 2))(p), np.polyder(p, 2))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda x: jnp.polyval(x, 1.0) + jnp.polyadd(x[None], x), "is no vector of coefficients"),
        (
            lambda x: jnp.polymul(x, x, trim_leading_zeros=True),
            "number of leading zeros depends on a traced value",
        ),
        (lambda x: jnp.polyder(x, -1), "order is -1"),
        (lambda x: jnp.polyint(x, 3, x[:2]), "2 constants for 3 integrations"),
        (lambda x: jnp.poly(x[None]), "neither a vector of roots nor a square matrix"),
        (lambda x: jnp.roots(x[None]), "is no vector of coefficients"),
        (lambda x: jnp.roots(x, strip_zeros=True), "number of leading zeros depends on a traced value"),
        (lambda x: jnp.polyfit(x, x, 1, full=True), "full=True is not supported"),
        (lambda x: jnp.polyfit(x, x[:2], 1), "samples of types"),
        (lambda x: jnp.polyfit(x, x, 3, cov=True), "leave nothing to estimate"),
        (lambda x: jnp.trim_zeros(x), "depends on a traced value"),
        (lambda x: jnp.trim_zeros(np.ones(2), "x"), "trim is 'x'"),
    ],
)
def test_errors(call, match):
    with pytest.raises((ValueError, TypeError), match=match):
        jaxlite.jit(call)(P)
