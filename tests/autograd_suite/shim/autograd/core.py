"""Derivatives of functions of one argument, and new primitives: a custom rule of jaxlite."""

from __future__ import annotations

import jaxlite

from . import make_vjp as _make_vjp


def make_vjp(fun, x):
    return _make_vjp(fun)(x)


class primitive:  # noqa: N801
    """A function whose derivative `defvjp` gives, one rule ``(ans, *args) -> (ȳ -> x̄)`` per argument."""

    def __init__(self, fun):
        self.fun = jaxlite.custom_vjp(fun)
        self.__name__ = fun.__name__

    def __call__(self, *args):
        return self.fun(*args)


def defvjp(fun, *rules):
    def forward(*args):
        ans = fun.fun.fun(*args)
        return ans, (ans, args)

    def backward(residuals, y_bar):
        ans, args = residuals
        return tuple(rule(ans, *args)(y_bar) for rule in rules)

    fun.fun.defvjp(forward, backward)


# The rules of jaxlite stand in its declarations; no table of them can be changed.
primitive_vjps = {}


def vspace(value):
    raise NotImplementedError("autograd's vector spaces have no counterpart: jaxlite's trees are mapped over")
