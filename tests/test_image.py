"""``jaxlite.image``: JAX's numbers for all methods, sizes and scales; constants of known scales; derivatives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import jaxlite
from jaxlite import image
from jaxlite.counters import counters
from jaxlite.errors import ArgumentError
from jaxlite.test_util import check_grads
from tests.sampling import one_in

NAMES = ("nearest", "linear", "lanczos3", "lanczos5", "cubic", "cubic-pytorch", "area")
PICTURE = np.random.default_rng(4).normal(size=(7, 12, 3))
SHAPES = [(14, 5, 3), (3, 12, 3), (20, 31, 3), (7, 12, 1), (1, 1, 3)]


@pytest.mark.parametrize(("method", "antialias"), one_in(3, itertools.product(NAMES, (True, False))))
def test_resize(method, antialias, oracle):
    for dtype, tolerance in ((np.float64, 1e-11), (np.float32, 1e-5)):
        for shape in SHAPES:
            x = PICTURE.astype(dtype)
            wanted = oracle.image.resize(x, shape, method, antialias)
            before = counters.num_host_calls
            compiled = jaxlite.jit(lambda x: image.resize(x, shape, method, antialias))(x)  # noqa: B023
            assert counters.num_host_calls == before
            for got in (image.resize(x, shape, method, antialias), compiled):
                assert (got.dtype, got.shape) == (dtype, shape)
                np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.int32, np.uint32, np.int64, np.uint64])
def test_integers(dtype, oracle):
    x = np.arange(12).reshape(3, 4).astype(dtype)
    calls = [
        lambda jx: jx.image.resize(x, (5, 3), "linear"),
        lambda jx: jx.image.resize(x, (3, 4), "cubic"),
        lambda jx: jx.image.resize(x, (5, 3), "nearest"),
        lambda jx: jx.image.scale_and_translate(x, (5, 4), (0,), np.array([1.5]), np.array([0.3]), "linear"),
    ]
    for call in calls:
        got, wanted = call(jaxlite), call(oracle)
        assert got.dtype == wanted.dtype
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("method", "antialias"), one_in(3, itertools.product(NAMES[1:], (True, False))))
def test_scale_and_translate(method, antialias, oracle):
    def f(library, x, scale, translation):
        return library.image.scale_and_translate(
            x, (9, 10, 3), (0, -2), scale, translation, method, antialias
        )

    for scale, translation in (([1.5, 0.7], [0.3, -2.0]), ([0.4, 2.0], [-1.0, 4.5])):
        scale, translation = np.array(scale), np.array(translation)
        wanted = f(oracle, PICTURE, scale, translation)
        got = f(jaxlite, PICTURE, scale, translation)
        traced = jaxlite.jit(lambda *args: f(jaxlite, *args))(PICTURE, scale, translation)
        np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(traced, wanted, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("method", one_in(2, NAMES))
def test_derivatives(method):
    check_grads(lambda x: image.resize(x, (4, 9, 3), method), (PICTURE,), order=1)
    if method in ("lanczos3", "cubic"):
        f = lambda s, t: image.scale_and_translate(PICTURE, (5, 12, 3), (0,), s, t, method)  # noqa: E731
        check_grads(f, (np.array([0.83]), np.array([0.21])), order=1)


def test_weights_of_a_known_scale_are_constants():
    jaxpr = jaxlite.make_jaxpr(lambda x: image.resize(x, (14, 5, 3), "lanczos3"))(PICTURE).jaxpr
    assert [eqn.primitive.name for eqn in jaxpr.eqns].count("sin") == 0
    assert sum(eqn.primitive.name == "dot_general" for eqn in jaxpr.eqns) == 2


@pytest.mark.parametrize(("method", "antialias"), one_in(3, itertools.product(NAMES[1:], (True, False))))
def test_few_weights_of_many(method, antialias, oracle):
    """Of large pictures, whose rows are gathered, along every axis and next to edges."""
    x = np.random.default_rng(5).normal(size=(2, 61, 50, 3))
    for shape in ((2, 122, 90, 3), (2, 40, 100, 3), (1, 61, 23, 3)):
        ours, theirs = (lambda x, m=m: m.image.resize(x, shape, method, antialias) for m in (jaxlite, oracle))  # noqa: B023
        wanted = theirs(x)
        np.testing.assert_allclose(jaxlite.jit(ours)(x), wanted, rtol=1e-11, atol=1e-11)
        # Linear: the gradient of half the squares is the transpose of the result.
        wanted = oracle.grad(lambda x: 0.5 * (theirs(x) ** 2).sum())(x)  # noqa: B023
        got = jaxlite.jit(jaxlite.grad(lambda x: 0.5 * (ours(x) ** 2).sum()))(x)  # noqa: B023
        np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-10)


def test_where_rows_are_gathered():
    names = [
        {eqn.primitive.name for eqn in jaxlite.make_jaxpr(f)(np.ones((2, 40, 30, 3))).jaxpr.eqns}
        for f in (
            lambda x: image.resize(x, (2, 80, 60, 3), "cubic"),
            lambda x: image.resize(x, (2, 5, 3, 3), "cubic"),
            lambda x: image.scale_and_translate(x, (2, 9, 30, 3), (1,), x[0, 0, 0, :1], [0.1], "linear"),
        )
    ]
    assert ["dot_general" in of for of in names] == [False, True, True]
    assert (
        image.scale_and_translate(np.ones((2, 0)), (2, 3), (1,), [2.0], [0.0], "linear").tolist()
        == [[0.0] * 3] * 2
    )


def test_integers_and_names():
    assert image.resize(np.arange(4), (8,), "nearest").tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert image.resize(np.arange(4), (2,), image.ResizeMethod.LINEAR).dtype == np.float64
    assert image.ResizeMethod.from_string("bicubic") is image.ResizeMethod.CUBIC
    assert image.resize(PICTURE, (0, 12, 3), "linear").shape == (0, 12, 3)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: image.resize(PICTURE, (3, 4), "linear"), "a shape of 2 sizes"),
        (lambda: image.resize(PICTURE, (3, 4, 3), "quick"), "cannot be resized by 'quick'"),
        (
            lambda: image.scale_and_translate(PICTURE, (3, 4, 3), (0,), [1.0], [0.0], "nearest"),
            "not among the methods",
        ),
        (
            lambda: image.scale_and_translate(PICTURE, (3, 4, 3), (0,), [1.0, 2.0], [0.0], "linear"),
            "for 1 axes",
        ),
    ],
)
def test_errors(call, match):
    with pytest.raises(ArgumentError, match=match):
        call()
