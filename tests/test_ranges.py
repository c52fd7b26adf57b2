"""Ranges of integers: what a program computes lies between them, and indices that do are not checked."""

from __future__ import annotations

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import lax
from jaxlite.codegen.loops import Check, walk
from jaxlite.codegen.ranges import ranges_of
from jaxlite.codegen.source import loop_program
from jaxlite.passes.pipeline import optimize

X = np.array([3.0, -1.0, 2.0, 9.0, 0.5, 7.0])
K = np.array([5, -2, 0, 3, 9, -7])

# Text -> function of floats and integers that nothing is known of, and the range of its result (None: not known).
FUNCTIONS = {
    "iota": (lambda x, k: jnp.arange(6), (0, 5)),
    "argsort": (lambda x, k: jnp.argsort(x), (0, 5)),
    "argsort backwards": (lambda x, k: jnp.flip(jnp.argsort(x)), (0, 5)),
    "argmax": (lambda x, k: jnp.argmax(x), (0, 5)),
    "top_k": (lambda x, k: lax.top_k(x, 2)[1], (0, 5)),
    "lu": (lambda x, k: lax.linalg.lu(x.reshape(3, 2))[2], (0, 2)),
    "clip": (lambda x, k: jnp.clip(k, -1, 4), (-1, 4)),
    "clamp": (lambda x, k: lax.clamp(np.int64(-1), k, np.int64(4)), (-1, 4)),
    "remainder of what is not negative": (lambda x, k: lax.rem(jnp.arange(9), jnp.full(9, 4)), (0, 3)),
    "and": (lambda x, k: k & 3, (0, 3)),
    "sum": (lambda x, k: jnp.arange(6) + jnp.arange(6) * 2 - 4, (-4, 11)),
    "product": (lambda x, k: (jnp.arange(4) - 3) * (jnp.arange(4) - 1), (-6, 3)),
    "negative indices": (
        lambda x, k: jnp.where(jnp.argsort(x) < 0, jnp.argsort(x) + 6, jnp.argsort(x)),
        (0, 5),
    ),
    "either": (lambda x, k: jnp.where(x > 2, jnp.arange(6), 40), (0, 40)),
    "put together": (lambda x, k: jnp.concatenate([jnp.arange(2), jnp.arange(3) + 7]), (0, 9)),
    "padded": (lambda x, k: jnp.pad(jnp.arange(2) + 3, 1), (0, 4)),
    "smaller type": (lambda x, k: jnp.arange(6).astype(np.int8), (0, 5)),
    "type that is too small": (lambda x, k: (jnp.arange(6) * 100).astype(np.int8), None),
    "sum that wraps around": (lambda x, k: jnp.arange(6).astype(np.int8) + np.int8(125), None),
    "an input": (lambda x, k: k + 1, None),
    "floats": (lambda x, k: jnp.floor(x).astype(np.int64), None),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_lie_in_the_range(name):
    f, expected = FUNCTIONS[name]
    jaxpr = optimize(jaxlite.make_jaxpr(f)(X, K).jaxpr)
    found = ranges_of(jaxpr.eqns).get(jaxpr.outvars[0])
    value = np.asarray(f(X, K))
    if expected is None:
        assert found is None
        return
    assert found[0] <= value.min()
    assert value.max() <= found[1]
    assert expected[0] <= found[0]
    assert found[1] <= expected[1]


def checks(f, *args) -> int:
    loops = loop_program(optimize(jaxlite.make_jaxpr(f)(*args).jaxpr))
    return sum(isinstance(s, Check) for s in walk(loops.body))


def test_indices_in_range_are_not_checked():
    def by(index):
        return lambda x, k: jnp.sum(jnp.take_along_axis(x, index(x, k), 0) ** 2 + x.at[index(x, k)].add(1.0))

    for index in (
        lambda x, k: jnp.argsort(x),
        lambda x, k: jnp.clip(k, 0, 5),
        lambda x, k: 5 - jnp.argsort(x),
    ):
        assert checks(jaxlite.grad(by(index)), X, K) == 0
    for index in (lambda x, k: k, lambda x, k: jnp.clip(k, 0, 6), lambda x, k: jnp.argsort(x) + 1):
        assert checks(jaxlite.grad(by(index)), X, K) > 0
        with pytest.raises(IndexError, match="out of bounds"):
            jaxlite.jit(by(index))(X, K)
