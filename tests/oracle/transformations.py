"""The transformations of the differential test, written once for jaxlite and for JAX.

    TRANSFORMATIONS["vmap_grad"](jx, f)(*arrays) -> list of arrays

Each takes a function of arrays and returns one, so that they compose. Tangents and cotangents are fixed;
arrays and results that have no derivative (integers, booleans) stay out of it.
"""

from __future__ import annotations

import numpy as np


def _is_inexact(x) -> bool:
    # Not np.result_type(x), which would ask a traced value of JAX for its numbers.
    return np.issubdtype(x.dtype if hasattr(x, "dtype") else np.result_type(x), np.inexact)


def wave(shape, dtype, phase: float) -> np.ndarray:
    """Return the numbers that tangents and cotangents have."""
    x = np.cos(phase + np.arange(int(np.prod(shape)))).reshape(shape)
    return np.asarray(x * (1 - 0.5j) if np.dtype(dtype).kind == "c" else x, dtype)


def _tangents(jx, arrays):
    return tuple(jx.numpy.asarray(wave(np.shape(x), x.dtype, 1.0 + i)) for i, x in enumerate(arrays))


def _leaves(jx, tree) -> list:
    return jx.tree_util.tree_leaves(tree)


def _differentiable(jx, f, arrays):
    """Return ``f`` from its inexact arguments to its inexact results, and those arguments."""
    active = [i for i, x in enumerate(arrays) if _is_inexact(x)]

    def g(*xs):
        filled = list(arrays)
        for i, x in zip(active, xs):
            filled[i] = x
        return [y for y in _leaves(jx, f(*filled)) if _is_inexact(y)]

    return g, tuple(arrays[i] for i in active)


def evaluate(jx, f):
    return lambda *arrays: _leaves(jx, f(*arrays))


def jit(jx, f):
    return lambda *arrays: _leaves(jx, jx.jit(f)(*arrays))


def jvp(jx, f):
    def transformed(*arrays):
        g, xs = _differentiable(jx, f, arrays)
        return jx.jvp(g, xs, _tangents(jx, xs))[1] if xs else []

    return transformed


def linearize(jx, f):
    def transformed(*arrays):
        g, xs = _differentiable(jx, f, arrays)
        return jx.linearize(g, *xs)[1](*_tangents(jx, xs)) if xs else []

    return transformed


def grad(jx, f):
    """Vector-Jacobian product with a fixed cotangent: ``grad`` of a weighted sum."""

    def transformed(*arrays):
        g, xs = _differentiable(jx, f, arrays)
        if not xs:
            return []
        ys, g_vjp = jx.vjp(g, *xs)
        return list(g_vjp([jx.numpy.asarray(wave(np.shape(y), y.dtype, 2.0)) for y in ys])) if ys else []

    return transformed


def vmap(jx, f):
    """Map over a batch of each array and the array turned around."""

    def transformed(*arrays):
        batches = [jx.numpy.stack([x, jx.numpy.flip(x)]) for x in arrays]
        return _leaves(jx, jx.vmap(f)(*batches)) if arrays else []

    return transformed


def vmap_first(jx, f):
    """Map over a batch of the first array alone."""

    def transformed(x, *arrays):
        batch = jx.numpy.stack([x, jx.numpy.flip(x)])
        return _leaves(jx, jx.vmap(f, in_axes=(0, *[None] * len(arrays)))(batch, *arrays))

    return lambda *arrays: transformed(*arrays) if len(arrays) > 1 else []


def jit_grad(jx, f):
    return jit(jx, grad(jx, f))


def vmap_grad(jx, f):
    return vmap(jx, grad(jx, f))


def hvp(jx, f):
    """Hessian-vector product, forward over reverse."""
    return jvp(jx, grad(jx, f))


TRANSFORMATIONS = {
    function.__name__: function
    for function in (
        evaluate,
        jit,
        jvp,
        linearize,
        grad,
        jit_grad,
        vmap,
        vmap_first,
        vmap_grad,
        hvp,
    )
}

# What JAX is asked for; where two transformations mean the same, it is asked once.
MEANING = {
    "evaluate": "evaluate",
    "jit": "evaluate",
    "jvp": "jvp",
    "linearize": "jvp",
    "grad": "grad",
    "jit_grad": "grad",
    "vmap": "vmap",
    "vmap_first": "vmap_first",
    "vmap_grad": "vmap_grad",
    "hvp": "hvp",
}

DISCRETE = ("evaluate", "jit", "vmap")
# Single precision takes the paths of double precision; what it can get wrong are dtypes.
SINGLE = ("evaluate", "jit", "grad", "jit_grad")


def transformations_for(row, letter: str) -> tuple[str, ...]:
    """Return which transformations to test on a row for one dtype."""
    if row.only:
        return row.only
    if row.eager:
        return ("evaluate",)
    return {"f": SINGLE, "i": DISCRETE, "b": DISCRETE}.get(letter, tuple(TRANSFORMATIONS))
