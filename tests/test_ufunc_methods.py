"""``jnp.add.reduce`` and its relatives against NumPy's, ufuncs made of functions, and brackets."""

from __future__ import annotations

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp

X = np.random.default_rng(8).normal(size=(3, 4))
N = np.random.default_rng(9).integers(1, 30, (3, 4))


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "hypot", "subtract", "logaddexp"])
def test_methods(name):
    ours, theirs = getattr(jnp, name), getattr(np, name)
    calls = [
        lambda f, x: f.reduce(x),
        lambda f, x: f.reduce(x, axis=-1, keepdims=True),
        lambda f, x: f.accumulate(x, axis=1),
        lambda f, x: f.outer(x[0], x[1]),
        lambda f, x: f.reduceat(x, [0, 2, 1], axis=1),
    ]
    got = jaxlite.jit(lambda x: [call(ours, x) for call in calls])(X)
    through_numpy = jaxlite.jit(lambda x: [call(theirs, x) for call in calls])(X)
    for mine, other, call in zip(got, through_numpy, calls, strict=True):
        np.testing.assert_allclose(mine, call(theirs, X), rtol=1e-13)
        np.testing.assert_allclose(other, call(theirs, X), rtol=1e-13)
    expected = X[0].copy()
    theirs.at(expected, [0, 1, 1], 2.5)
    at = jaxlite.jit(lambda x: ours.at(x, np.array([0, 1, 1]), 2.5, inplace=False))(X[0])
    np.testing.assert_allclose(at, expected, rtol=1e-13)


@pytest.mark.parametrize("name", ["bitwise_and", "bitwise_or", "bitwise_xor", "gcd", "lcm"])
def test_reductions_of_integers(name):
    got = jaxlite.jit(lambda x: getattr(jnp, name).reduce(x, axis=1))(N)
    np.testing.assert_array_equal(got, getattr(np, name).reduce(N, axis=1))


def test_initial_values_masks_and_empty_axes():
    mask = X > 0
    for f in (jnp.hypot, jnp.add, jnp.logaddexp):
        theirs = getattr(np, f.__name__)
        np.testing.assert_allclose(f.reduce(X, initial=2.0), theirs.reduce(X, initial=2.0), rtol=1e-13)
    np.testing.assert_allclose(
        jaxlite.jit(lambda x: jnp.logaddexp.reduce(x, where=mask))(X), np.logaddexp.reduce(X, where=mask)
    )
    assert jnp.hypot.reduce(np.zeros((0,))) == 0.0
    with pytest.raises(ValueError, match="(?s)is empty, and the function has no identity.*initial="):
        jaxlite.jit(jnp.subtract.reduce)(np.zeros(0))


def test_attributes():
    assert (jnp.add.nin, jnp.add.nout, jnp.add.identity) == (2, 1, 0)
    assert (jnp.frexp.nin, jnp.frexp.nout) == (1, 2)
    f = jnp.frompyfunc(lambda x, y: x * y + 1, 2, 1, identity=3)
    assert (f.nargs, f.identity, repr(f)) == (3, 3, "<jnp.ufunc '<lambda>'>")
    assert isinstance(f, jnp.ufunc)
    assert f.reduce(np.zeros(0)) == 3
    np.testing.assert_array_equal(jaxlite.jit(f)(X, X[0]), X * X[0] + 1)


def test_spacing_and_parts_are_exact():
    x = np.array([0.0, -0.0, 1.5, -3e300, 5e-324, np.inf, np.nan, -2e-310, 1.7e308, 0.5])
    for kind in (np.float64, np.float32, np.float16):
        with np.errstate(all="ignore"):
            values = x.astype(kind)
            gaps = np.spacing(values)
        mantissa, exponent = jaxlite.jit(jnp.frexp)(values)
        expected = np.frexp(values)
        np.testing.assert_array_equal(mantissa, expected[0])
        np.testing.assert_array_equal(exponent, expected[1])
        np.testing.assert_array_equal(jaxlite.jit(jnp.spacing)(values), gaps)
    # x = m·2ᵉ with e constant.
    assert jaxlite.grad(lambda x: jnp.frexp(x)[0])(6.0) == 0.125


def test_brackets():
    x = np.array([1.0, 2.0])
    for key in (
        np.s_[1:4, x, 0.0],
        np.s_[0:1:5j],
        np.s_["0,2", x, x],
        np.s_["-1", x, x],
        np.s_["0,3,1", x],
        [1, 2],
    ):
        np.testing.assert_array_equal(jnp.r_[key], np.r_[key])
    np.testing.assert_array_equal(jnp.c_[x, x], np.c_[x, x])
    assert jaxlite.grad(lambda t: (jnp.r_[t, 1:3, t] * np.arange(4.0)).sum())(5.0) == 3.0
    with pytest.raises(ValueError, match="(?s)'r' is no directive.*matrices are not supported"):
        jnp.r_["r", x]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda x: jnp.sin.reduce(x), "needs a function of two operands"),
        (lambda x: jnp.sin.outer(x, x), "takes 1 operands"),
        (lambda x: jnp.add.at(x, 0, 1.0), "(?s)arrays never change.*inplace=False"),
        (lambda x: jnp.hypot.reduceat(x, [7]), "index 7 is out of range for 3"),
        (lambda x: jnp.add.reduceat(x, x[0].astype(int)), "the indices are traced"),
        (lambda x: jnp.subtract.reduce(x, where=x > 0), "needs an identity"),
        (lambda x: jnp.frompyfunc(jnp.add, 2, 1)(x), "takes 2 arguments, not 1"),
        (lambda x: jnp.packbits(x), "takes bools and integers"),
        (lambda x: jnp.unpackbits(x), "takes uint8"),
        (lambda x: jnp.packbits(x > 0, bitorder="no"), "pass 'big' or 'little'"),
        (lambda x: jnp.choose(x, [x]), "needs integers and choices"),
        (lambda x: jnp.choose(x.astype(int), [x], mode="no"), "mode 'no' is not known"),
        (lambda x: jnp.put(x, np.array([0]), 1.0), "inplace=False"),
        (lambda x: jnp.place(x, x > 0, 1.0), "inplace=False"),
        (lambda x: jnp.place(x, x[0] > 0, 1.0, inplace=False), "it needs as many elements"),
        (lambda x: jnp.place(x, x > 0, x[:0], inplace=False), "there are no values"),
        (lambda x: jnp.hanning(x[0, 0]), "the length is traced"),
        (lambda x: jnp.i0(x + 0j), "is complex"),
        (lambda x: jnp.histogram(x, 0), "at least 1"),
        (lambda x: jnp.histogramdd(x[None], 3), "points are"),
        (lambda x: jnp.histogramdd(x, [1, 2]), "2 numbers of bins"),
        (lambda x: jnp.interp(x, x[0], x[0], left="no"), "pass a number or 'extrapolate'"),
        (lambda x: jnp.gradient(x, edge_order=3), "pass 1 or 2"),
        (lambda x: jnp.quantile(x, 0.5, method="no"), "one of 'linear'"),
    ],
)
def test_errors(call, match):
    with pytest.raises((ValueError, TypeError, IndexError), match=match):
        jaxlite.jit(call)(X)


def test_choose_counts_nothing_from_the_end():
    for index in (-1, 2):
        with pytest.raises(IndexError):
            jaxlite.jit(lambda i: jnp.choose(i, [X, X]))(index)
