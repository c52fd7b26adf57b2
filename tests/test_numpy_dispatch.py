"""NumPy's own functions on traced values, and those that raise and name the replacement."""

import math

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.errors import (
    InplaceUpdateError,
    TracerArrayConversionError,
)
from tests.tolerances import assert_close

X = np.array([0.5, 1.25, 2.0])
A = np.arange(6.0).reshape(2, 3)


def check(f, *args):
    result, expected = jaxlite.jit(f)(*args), np.asarray(f(*args))
    assert type(result) is jaxlite.Array
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    assert_close(result, expected)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.add.reduce(x),
        lambda x: np.add.reduce(x, axis=1),
        lambda x: np.add.reduce(x, axis=None, keepdims=True),
        lambda x: np.multiply.reduce(x),
        lambda x: np.maximum.reduce(x, axis=1),
        lambda x: np.minimum.reduce(x),
        lambda x: np.logical_and.reduce(x > 1),
        lambda x: np.logical_or.reduce(x > 1, axis=1),
        lambda x: np.add.accumulate(x),
        lambda x: np.multiply.accumulate(x, axis=1),
        lambda x: np.multiply.outer(x, np.ones(2)),
        lambda x: np.subtract.outer(np.ones(2), x),
        lambda x: np.hypot.reduce(x),
        lambda x: np.hypot.accumulate(x, axis=1),
        lambda x: np.maximum.accumulate(x, axis=1),
        lambda x: np.bitwise_xor.reduce(x.astype(int), axis=1),
        lambda x: np.add.reduceat(x, [0, 2, 1], axis=1),
        lambda x: np.subtract.reduce(x, axis=1, keepdims=True),
        lambda x: np.gcd(x.astype(int), 2),
        lambda x: np.add(x, 1, dtype=np.float32),
        lambda x: np.sin(x, dtype=np.float32),
        lambda x: np.sum(x, axis=0, dtype=np.float32),
        lambda x: np.clip(x, 1, 3),
        lambda x: np.clip(x, a_min=1, a_max=None),
        lambda x: np.ones((2, 3)).clip(0, x),
        lambda x: np.mean(x, axis=(0, 1)),
        lambda x: np.where(x > 2, x, 0),
        lambda x: np.linalg.norm(x),
        lambda x: np.linalg.norm(x, axis=1),
        lambda x: np.einsum("ij->j", x),
        lambda x: np.full_like(x, 2.5),
        lambda x: np.zeros_like(x, dtype=int),
        lambda x: np.concatenate([x, np.ones((1, 3))]),
        lambda x: np.shape(x)[0] * x,
        lambda x: np.ndim(x) * x + np.size(x),
        lambda x: x * np.iscomplexobj(x),
        lambda x: x.astype(np.result_type(x, np.float32)),
        lambda x: np.ones((2, 2)) @ x,
        lambda x: np.matmul(x, np.ones(3)),
        lambda x: np.linalg.trace(x[:, :2]),
        lambda x: np.linalg.outer(x[0], x[1]),
        lambda x: np.linalg.diagonal(x[:, :2]),
        lambda x: np.apply_along_axis(lambda v: v / v.sum(), 1, x),
        lambda x: np.apply_over_axes(np.sum, x, [0, 1]),
        lambda x: np.piecewise(x, [x < 2, x > 4], [lambda x: -x, lambda x: x * 10, 0.5]),
        lambda x: np.float64(2) * x + np.float32(1),
        lambda x: np.unravel_index(np.argmax(x), x.shape)[1],
    ],
)
def test_answered(f):
    check(f, A)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.histogram(x, 4, None, True)[0],
        lambda x: np.histogram2d(x[0], x[1], 2, None, True)[0],
        lambda x: np.full_like(x, 2, None, "K", True, (2,)),
        lambda x: np.zeros_like(x, float, "C"),
        lambda x: np.sort(x, 0, "stable"),
        lambda x: np.argsort(-x, 1, "mergesort"),
        lambda x: np.partition(x, 1, 1, "introselect")[:, 1],
        lambda x: np.copy(x, "C", False),
        lambda x: np.concatenate([x, x], 0, casting="safe"),
        lambda x: np.dot(x, x.T, None),
        lambda x: np.clip(x, 1, 3, None),
        lambda x: np.broadcast_to(x, (2, 2, 3), False),
    ],
)
def test_arguments_in_numpys_order(f):
    check(f, A)


@pytest.mark.parametrize(
    ("f", "option"),
    [
        (lambda x: np.nanvar(x, mean=x), "mean= of np.nanvar"),
        (lambda x: np.partition(x, 1, order="F"), "order= of np.partition"),
    ],
)
def test_options_of_numpy_that_ours_do_not_have(f, option):
    with pytest.raises(
        TracerArrayConversionError, match=f"(?s){option} does not take traced values.*leave it out"
    ):
        jaxlite.jit(f)(A)


def test_a_numpy_program_runs_unchanged():
    def loss(w, x, y):
        z = x @ w
        p = 1 / (1 + np.exp(-z))
        return -np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)) + 0.1 * np.sum(w**2)

    w, x, y = np.array([0.3, -0.2, 0.1]), A, np.array([0.0, 1.0])
    np.testing.assert_allclose(jaxlite.jit(loss)(w, x, y), loss(w, x, y), rtol=1e-14)
    p = 1 / (1 + np.exp(-x @ w))
    np.testing.assert_allclose(jaxlite.grad(loss)(w, x, y), x.T @ (p - y) / 2 + 0.2 * w, rtol=1e-13)


def write_into(f):
    """A function that traces ``f`` inside grad, where values are known, as inside jit."""
    return [jaxlite.jit(f), jaxlite.grad(lambda x: jnp.sum(f(x)))]


WRITES = {
    "copyto": lambda x: np.copyto(np.zeros(3), x),
    "full": lambda x: np.full(3, x[0], dtype=float),
    "full_like": lambda x: np.full_like(np.zeros(3), x[0]),
    "put": lambda x: np.put(x, [0], 1.0),
    "place": lambda x: np.place(x, X > 1, 0.0),
    "putmask": lambda x: np.putmask(x, X > 1, 0.0),
    "put_along_axis": lambda x: np.put_along_axis(x, np.array([0]), 1.0, 0),
    "fill_diagonal": lambda x: np.fill_diagonal(x[:, None], 0.0),
    "add.at": lambda x: np.add.at(np.zeros(3), [0], x[0]),
    "out= of np.add": lambda x: np.add(np.ones(3), x, out=np.zeros(3)),
    "out= of np.sum": lambda x: np.sum(x, out=np.zeros(())),
}


@pytest.mark.parametrize("name", WRITES)
def test_writing_functions_raise(name):
    for transformed in write_into(WRITES[name]):
        with pytest.raises(InplaceUpdateError, match="(?s)would write a traced value.*fix"):
            transformed(X)


def test_in_place_operator_on_ndarray_raises():
    def f(x):
        total = np.zeros(3)
        total += x
        return total

    for transformed in write_into(f):
        with pytest.raises(InplaceUpdateError, match="x = x . t instead of x .= t"):
            transformed(X)


UNREACHABLE = {
    "np.array([t, t])": (lambda x: np.array([x[0], x[1]]), "jnp.stack"),
    "np.asarray(t)": (lambda x: np.asarray(x), "jnp.asarray"),
    "np.full(s, t)": (lambda x: np.full(3, x[0]), "jnp.full"),
    "const.dot(t)": (lambda x: np.ones((3, 3)).dot(x), "jnp.dot"),
}


@pytest.mark.parametrize("name", UNREACHABLE)
def test_calls_that_cannot_reach_a_tracer_raise(name):
    f, replacement = UNREACHABLE[name]
    # Inside grad too: the number is known there, but its derivative would be lost without a word.
    for transformed in write_into(f):
        with pytest.raises(TypeError, match=f"(?s)fix.*{replacement}"):
            transformed(X)


@pytest.mark.parametrize(
    "f",
    [lambda x: math.sin(x[0]), lambda x: np.float64(x[0]), lambda x: float(x[0])],
    ids=["math.sin", "np.float64", "float"],
)
def test_conversions_to_numbers_raise(f):
    with pytest.raises(TypeError, match="needs an? .*, but the value is traced"):
        jaxlite.jit(f)(X)


def test_element_of_constant_by_traced_index():
    with pytest.raises(TypeError, match=r"(?s)but the value is traced: i:i64.*jnp.asarray\(a\)\[t\]"):
        jaxlite.jit(lambda i: X[i])(1)


def test_assignment_into_constant():
    def f(x):
        total = np.zeros(3)
        total[0] = x[0]
        return total

    # NumPy turns the TypeError of the conversion into a ValueError, and keeps it as the cause.
    with pytest.raises(ValueError, match="setting an array element") as error:
        jaxlite.jit(f)(X)
    assert ".at[i].set" in str(error.value.__cause__)


REFUSED = {
    "np.array_repr": (lambda x: np.array_repr(x), "return the value"),
    "np.isnat": (lambda x: np.isnat(x), "functions of jaxlite.numpy"),
    "where": (lambda x: np.sin(x, where=A > 1), r"jnp.where\(mask"),
    "option": (lambda x: np.sin(x, signature="d->d"), "leave it out"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_functions_name_a_way_out(name):
    f, way_out = REFUSED[name]
    with pytest.raises(TracerArrayConversionError, match=f"(?s)does not take traced values.*{way_out}"):
        jaxlite.jit(f)(A)


SIZES_UNKNOWN = {
    "np.union1d": lambda x: np.union1d(x, x),
    "np.intersect1d": lambda x: np.intersect1d(x, x),
    "np.setdiff1d": lambda x: np.setdiff1d(x, x),
    "np.setxor1d": lambda x: np.setxor1d(x, x),
    "np.unique": lambda x: np.unique(x),
    "np.nonzero": lambda x: np.nonzero(x),
    "np.argwhere": lambda x: np.argwhere(x),
    "np.unique_all": lambda x: np.unique_all(x),
}


@pytest.mark.parametrize("name", SIZES_UNKNOWN)
def test_results_of_unknown_size_name_the_way_out(name):
    with pytest.raises(TypeError, match="(?s)the shape of the result depends on a traced value.*size="):
        jaxlite.jit(SIZES_UNKNOWN[name])(A)


def test_foreign_arrays_have_their_say():
    class Foreign:
        def __array_ufunc__(self, *args, **kwargs):
            return "ufunc"

        def __array_function__(self, *args, **kwargs):
            return "function"

    seen = []
    jaxlite.make_jaxpr(lambda x: seen.extend([np.add(x, Foreign()), np.concatenate([x, Foreign()])]) or x)(X)
    assert seen == ["ufunc", "function"]


def test_functions_of_numpy_keep_arrays():
    x = jnp.asarray(X)
    for result in (np.sin(x), np.sum(x), np.concatenate([x, x]), np.linalg.norm(x), x @ x, np.sort(x)):
        assert type(result) is jaxlite.Array
