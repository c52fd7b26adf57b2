"""Kinks, singular points and the edges of indexing: the conventions that JAX has chosen, written out.

Each row is a gradient (or a value) at one point, as JAX 0.10 gives it in double precision; the rows of
`OURS` are where jaxlite decided otherwise. They hold eagerly, jitted and for one element of a batch.

    row("maximum, tie", jnp.maximum, (1.0, 1.0), (0.5, 0.5))
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import lax
from tests.tolerances import assert_close

NAN, INF = math.nan, math.inf


class Row(NamedTuple):
    """A function, where to differentiate it with respect to all arguments, and the gradients."""

    name: str
    function: object
    args: tuple
    gradients: tuple
    forward: tuple  # the derivatives of forward mode


def row(name, function, args, gradients, forward=None) -> Row:
    forward = gradients if forward is None else forward
    args, gradients, forward = (x if isinstance(x, tuple) else (x,) for x in (args, gradients, forward))
    return Row(name, function, args, gradients, forward)


KINKS = [
    row("abs at 0", jnp.abs, 0.0, 1.0),
    row("abs at -0", jnp.abs, -0.0, 1.0),
    row("sign", jnp.sign, 0.0, 0.0),
    row("maximum(x, 0) at 0", lambda x: jnp.maximum(x, 0), 0.0, 0.5),
    row("maximum, tie", jnp.maximum, (1.0, 1.0), (0.5, 0.5)),
    row("minimum, tie", jnp.minimum, (1.0, 1.0), (0.5, 0.5)),
    row("max, ties", jnp.max, [1.0, 3.0, 3.0, 3.0], [0.0, 1 / 3, 1 / 3, 1 / 3]),
    row("min, ties", jnp.min, [1.0, 1.0, 2.0], [0.5, 0.5, 0.0]),
    row("median", jnp.median, [1.0, 2.0, 3.0, 4.0], [0.0, 0.5, 0.5, 0.0]),
    row("sort", lambda x: jnp.sum(jnp.sort(x) * np.arange(3.0)), [3.0, 1.0, 2.0], [2.0, 0.0, 1.0]),
    row(
        "clip at the bounds",
        lambda x: jnp.sum(jnp.clip(x, 0, 1)),
        [-1.0, 0.0, 0.5, 1.0, 2.0],
        [0.0, 0.5, 1.0, 0.5, 0.0],
    ),
    row(
        "lax.clamp at the bounds",
        lambda x: jnp.sum(lax.clamp(0.0, x, 1.0)),
        [-1.0, 0.0, 0.5, 1.0, 2.0],
        [0.0, 0.0, 1.0, 0.0, 0.0],
    ),
    row("floor", jnp.floor, 2.5, 0.0),
    row("round", jnp.round, 2.5, 0.0),
    row("ceil", jnp.ceil, 2.5, 0.0),
    row("trunc", jnp.trunc, 2.5, 0.0),
    row("mod at the jump", jnp.mod, (3.0, 3.0), (1.0, -1.0)),
    row("mod of a negative number", jnp.mod, (-7.0, 2.0), (1.0, 4.0)),
    row("fmod", jnp.fmod, (7.0, 2.0), (1.0, -3.0)),
    row("fmod of a negative number", jnp.fmod, (-7.0, 2.0), (1.0, 3.0)),
    row("argmax", lambda x: jnp.argmax(x).astype(float), [1.0, 2.0], [0.0, 0.0]),
    row("heaviside", lambda x: jnp.heaviside(x, 0.5), 0.0, 0.0),
    row("where on a comparison", lambda x: jnp.where(x > 0, 1.0, 0.0) * 1.0, 0.0, 0.0),
    row("linalg.norm, ord=1, at 0", lambda x: jnp.linalg.norm(x, 1), [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]),
    row("linalg.norm, ord=inf, tie", lambda x: jnp.linalg.norm(x, np.inf), [1.0, -1.0], [0.5, -0.5]),
]

SINGULAR = [
    row("sqrt at 0", jnp.sqrt, 0.0, INF),
    row("cbrt at 0", jnp.cbrt, 0.0, INF),
    row("log at 0", jnp.log, 0.0, INF),
    row("linalg.norm at 0", jnp.linalg.norm, [0.0, 0.0, 0.0], [NAN, NAN, NAN]),
    row("x**2 at 0", lambda x: x**2, 0.0, 0.0),
    row("x**y at x = 0, y = 2", lambda x, y: x**y, (0.0, 2.0), (0.0, 0.0)),
    row("x**0 at 0", lambda x: x**0, 0.0, 0.0),
    row("x**0. at 0", lambda x: jnp.power(x, jnp.asarray(0.0)), 0.0, NAN),
    row("x**1. at 0", lambda x: x**1.0, 0.0, 1.0),
    row("x**0.5 at 0", lambda x: x**0.5, 0.0, INF),
    row("x**-1 at 0", lambda x: x**-1, 0.0, -INF),
    row("0.**y", lambda y: jnp.power(0.0, y), 2.0, 0.0),
    row("0.**y at 0", lambda y: jnp.power(0.0, y), 0.0, 0.0),
    row("(-2.)**y", lambda y: jnp.power(-2.0, y), 2.0, NAN),
    row("x**2. at -2", lambda x: x**2.0, -2.0, -4.0),
    row(
        "where, infinite slope in the branch not taken",
        lambda x: jnp.where(x > 0, jnp.sqrt(x), 0.0),
        0.0,
        NAN,
        forward=0.0,  # forward mode selects; the reverse multiplies zero by infinity
    ),
    row("where, log outside of its domain", lambda x: jnp.where(x > 0, jnp.log(x), 0.0), -1.0, 0.0),
    row("arctan2 at 0, 0", jnp.arctan2, (0.0, 0.0), (NAN, NAN)),
    row("hypot at 0, 0", jnp.hypot, (0.0, 0.0), (0.5, 0.5)),
    row("logaddexp(-inf, -inf)", jnp.logaddexp, (-INF, -INF), (NAN, NAN)),
    row("logaddexp(0, -inf)", jnp.logaddexp, (0.0, -INF), (1.0, 0.0)),
    row("sinc at 0", jnp.sinc, 0.0, 0.0),
    row("sinc twice at 0", jaxlite.grad(jnp.sinc), 0.0, -(math.pi**2) / 3),
    row("x**2 twice at 0", jaxlite.grad(lambda x: x**2), 0.0, 2.0),
    row("prod with a zero", jnp.prod, [2.0, 0.0, 3.0], [0.0, 6.0, 0.0]),
    row("prod with two zeros", jnp.prod, [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]),
    row("cumprod with a zero", lambda x: jnp.sum(jnp.cumprod(x)), [2.0, 0.0, 3.0], [1.0, 8.0, 0.0]),
    row("std of equal numbers", jnp.std, [1.0, 1.0, 1.0], [NAN, NAN, NAN]),
    row("var of equal numbers", jnp.var, [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]),
    row("det of a singular matrix", jnp.linalg.det, [[1.0, 2.0], [2.0, 4.0]], [[4.0, -2.0], [-2.0, 1.0]]),
]

INDEXING = [
    row(
        "gather of repeated indices",
        lambda x: jnp.sum(x[np.array([0, 0, 1])]),
        [0.0, 1.0, 2.0],
        [2.0, 1.0, 0.0],
    ),
    row("an overwritten element", lambda x: jnp.sum(x.at[0].set(9.0) ** 2), [5.0, 1.0, 2.0], [0.0, 2.0, 4.0]),
    row("at[].max", lambda x: jnp.sum(x.at[0].max(2.0)), [0.0, 1.0, 2.0], [0.0, 1.0, 1.0]),
    row("at[].apply", lambda x: jnp.sum(x.at[1].apply(jnp.sin)), [0.0, 1.0], [1.0, math.cos(1.0)]),
]

ROWS = KINKS + SINGULAR + INDEXING


def by_grad(f):
    return lambda *args: jaxlite.grad(f, tuple(range(len(args))))(*args)


def by_jit(f):
    return jaxlite.jit(by_grad(f))


def by_vmap(f):
    def transformed(*args):
        batched = jaxlite.vmap(by_grad(f))(*(jnp.stack([0.7 * x + 0.3, x]) for x in args))
        return tuple(g[1] for g in batched)

    return transformed


def by_jacfwd(f):
    return lambda *args: jaxlite.jacfwd(f, tuple(range(len(args))))(*args)


@pytest.mark.parametrize("spelling", [by_grad, by_jit, by_vmap, by_jacfwd], ids=lambda f: f.__name__)
@pytest.mark.parametrize("case", ROWS, ids=lambda case: case.name)
def test_gradient(case, spelling):
    args = [jnp.asarray(x, float) for x in case.args]
    derivatives = case.forward if spelling is by_jacfwd else case.gradients
    for got, expected in zip(spelling(case.function)(*args), derivatives, strict=True):
        assert_close(got, np.asarray(expected, float))


X5 = jnp.arange(5.0)
VALUES = [
    ("cholesky, not positive definite", lambda: jnp.linalg.cholesky(jnp.array([[1.0, 2.0], [2.0, 1.0]])), None),
    ("solve, singular", lambda: jnp.linalg.solve(jnp.array([[1.0, 2.0], [2.0, 4.0]]), jnp.ones(2)), None),
    ("inv, singular", lambda: jnp.linalg.inv(jnp.array([[1.0, 2.0], [2.0, 4.0]])), None),
    ("slogdet, singular, sign", lambda: jnp.linalg.slogdet(jnp.array([[1.0, 2.0], [2.0, 4.0]]))[0], 0.0),
    ("slogdet, singular, log", lambda: jnp.linalg.slogdet(jnp.array([[1.0, 2.0], [2.0, 4.0]]))[1], -INF),
    ("get with fill", lambda: X5.at[9].get(mode="fill", fill_value=-1.0), -1.0),
    ("get clipped", lambda: X5.at[9].get(mode="clip"), 4.0),
    ("dynamic_slice is moved inside", lambda: lax.dynamic_slice(X5, (4,), (3,)), [2.0, 3.0, 4.0]),
    ("repeated indices add up", lambda: X5.at[np.array([0, 0])].add(1.0), [2.0, 1.0, 2.0, 3.0, 4.0]),
    ("set counts from the end", lambda: X5.at[-1].set(9.0), [0.0, 1.0, 2.0, 3.0, 9.0]),
    ("set beyond the end, dropped", lambda: X5.at[9].set(9.0, mode="drop"), [0.0, 1.0, 2.0, 3.0, 4.0]),
    ("round half to even", lambda: jnp.round(jnp.array([0.5, 1.5, 2.5])), [0.0, 2.0, 2.0]),
    ("sign of -0", lambda: jnp.sign(-0.0), 0.0),
    ("nan is the maximum", lambda: jnp.max(jnp.array([1.0, NAN])), NAN),
    ("fmax prefers numbers", lambda: jnp.fmax(1.0, NAN), 1.0),
    ("nan sorts last", lambda: jnp.sort(jnp.array([NAN, 1.0, -INF])), [-INF, 1.0, NAN]),
    ("an int overflows silently", lambda: jnp.array([2**63 - 1]) + 1, np.array([-(2**63)])),
    ("nonzero with a size", lambda: jnp.nonzero(jnp.array([0, 3]), size=2, fill_value=-1)[0], np.array([1, -1])),
    ("gradient of a complex modulus", lambda: jaxlite.grad(lambda z: jnp.real(z * z))(1 + 2j), 2 + 4j),
    ("holomorphic", lambda: jaxlite.grad(lambda z: z * z, holomorphic=True)(1 + 2j), 2 + 4j),
]  # fmt: skip


@pytest.mark.parametrize("compute, expected", [v[1:] for v in VALUES], ids=[v[0] for v in VALUES])
def test_value(compute, expected):
    for value in (compute(), jaxlite.jit(compute)()):
        if expected is None:
            assert not np.all(np.isfinite(value))
        else:
            assert_close(value, np.asarray(expected))


OURS = [
    ("1 // 0", lambda x: x // 0, 0),
    ("1 % 0", lambda x: x % 0, 0),
    ("f32 + i64", lambda x: jnp.ones(2, np.float32) + jnp.full(2, x), np.full(2, 2.0)),
    ("int32 / int32", lambda x: x.astype(np.int32) / jnp.array(4, np.int32), 0.25),
]


@pytest.mark.parametrize("f, expected", [v[1:] for v in OURS], ids=[v[0] for v in OURS])
def test_ours(f, expected):
    """Where jaxlite follows NumPy instead of JAX."""
    for function in (f, jaxlite.jit(f)):
        assert_close(function(jnp.array(1)), np.asarray(expected))


@pytest.mark.parametrize(
    "read",
    [
        lambda x: x[9],
        lambda x: x[np.array([9])],
        lambda x: x[-6],
        lambda x: x.at[9].set(1.0),
        lambda x: x.at[np.array([0, 9])].add(1.0),
    ],
)
def test_outside_is_an_index_error(read):
    for f in (read, jaxlite.jit(read), jaxlite.grad(lambda x: jnp.sum(read(x)))):
        with pytest.raises(IndexError, match="out of (range|bounds)"):
            f(X5)


@pytest.mark.parametrize(
    "f, error",
    [
        (lambda: jnp.array(2) ** -1, TypeError),
        (lambda: jnp.array([2, 3]) ** -1, TypeError),
        (lambda: X5[1.5], TypeError),
        (lambda: jaxlite.jit(lambda x: x[x > 1])(X5), jaxlite.errors.NonConcreteBooleanIndexError),
        (lambda: jaxlite.jit(lambda x, i: x[i : i + 2])(X5, 1), IndexError),
        (lambda: jnp.add(X5, X5[:2]), TypeError),
    ],
)  # fmt: skip
def test_refused(f, error):
    with pytest.raises(error):
        f()


def test_memory_of_a_branch_not_taken():
    """A nan of the branch that a batched `cond` does not take stays out of the gradient."""

    def f(x):
        return lax.cond(x > 0, jnp.log, lambda y: y * 3.0, x)

    assert_close(jaxlite.vmap(jaxlite.grad(f))(jnp.array([2.0, 0.0])), np.array([0.5, 3.0]))


def test_reverse_mode_through_a_loop_of_unknown_length():
    def f(x):
        return lax.while_loop(lambda y: y < 50.0, lambda y: y * y, x)

    assert_close(jaxlite.grad(f)(jnp.array(3.0)), np.asarray(4 * 3.0**3))


@pytest.mark.parametrize("dtype", [np.int8, np.int64])
def test_common_divisors_of_the_lowest_integer(dtype):
    info = np.iinfo(dtype)
    x, y = np.meshgrid(*[np.array([0, 1, -1, 6, info.max, info.min, info.min + 1], dtype)] * 2)
    np.testing.assert_array_equal(jaxlite.jit(jaxlite.numpy.gcd)(x, y), np.gcd(x, y))
