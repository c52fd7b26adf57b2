"""HIPS autograd's names on jaxlite, as far as autograd's own tests use them.

autograd differentiates by one positional argument, ``argnum``, or by a list of them; its gradients take every result
of one element, and its derivatives keep the shape of the argument. Everything else is jaxlite's.
"""

from __future__ import annotations

import builtins
import functools

import jaxlite
import jaxlite.numpy as jnp

# Traced values travel in the containers of Python themselves.
dict, isinstance, list, tuple = builtins.dict, builtins.isinstance, builtins.list, builtins.tuple


def selected(fun, argnum, args, kwargs):
    """Return ``fun`` as a function of the chosen argument alone, a tuple of them for a list, and that argument."""
    many = not isinstance(argnum, int)
    argnums = tuple(argnum) if many else (argnum,)

    def g(x):
        given = list(args)
        for i, value in zip(argnums, x if many else (x,)):
            given[i] = value
        return fun(*given, **kwargs)

    chosen = tuple(args[i] for i in argnums)
    return g, chosen if many else chosen[0]


def of_argument(operator):
    """Make an operator on functions of one argument choose the argument by ``argnum``."""

    @functools.wraps(operator)
    def with_argnum(fun, argnum=0, *rest, **options):
        def called(*args, **kwargs):
            return operator(*selected(fun, argnum, args, kwargs), *rest, **options)

        return called

    return with_argnum


def scalar(fun):
    """Return ``fun`` with its one element as a scalar, which is what `jaxlite.grad` asks for."""

    @functools.wraps(fun, updated=())
    def g(*args):
        y = fun(*args)
        return jnp.reshape(y, ()) if jnp.size(y) == 1 else y

    return g


def ones_like(tree):
    return jaxlite.tree_util.tree_map(jnp.ones_like, tree)


@of_argument
def grad(fun, x):
    return jaxlite.grad(scalar(fun))(x)


@of_argument
def value_and_grad(fun, x):
    return jaxlite.value_and_grad(scalar(fun))(x)


@of_argument
def grad_and_aux(fun, x):
    return jaxlite.grad(fun, has_aux=True)(x)


@of_argument
def holomorphic_grad(fun, x):
    return jaxlite.grad(fun, holomorphic=True)(x)


@of_argument
def elementwise_grad(fun, x):
    y, pullback = jaxlite.vjp(fun, x)
    return pullback(ones_like(y))[0]


@of_argument
def deriv(fun, x):
    return jaxlite.jvp(fun, (x,), (ones_like(x),))[1]


@of_argument
def jacobian(fun, x):
    return jaxlite.jacobian(fun)(x)


@of_argument
def hessian(fun, x):
    return jaxlite.hessian(fun)(x)


@of_argument
def make_vjp(fun, x):
    y, pullback = jaxlite.vjp(fun, x)
    return lambda y_bar: pullback(y_bar)[0], y


@of_argument
def make_jvp(fun, x):
    return lambda x_dot: jaxlite.jvp(fun, (x,), (x_dot,))


@of_argument
def make_hvp(fun, x):
    gradient, product = jaxlite.linearize(jaxlite.grad(fun), x)
    return product, gradient


def _half_square(y):
    return 0.5 * jnp.sum(y**2)


def make_ggnvp(f, g=_half_square, f_argnum=0):
    @of_argument
    def maker(fun, x):
        y, pushforward = jaxlite.linearize(fun, x)
        hessian_product = jaxlite.linearize(jaxlite.grad(g), y)[1]
        pullback = jaxlite.linear_transpose(pushforward, x)
        return lambda x_dot: pullback(hessian_product(pushforward(x_dot)))[0]

    return maker(f, f_argnum)


def hessian_tensor_product(fun, argnum=0):
    def product(*args):
        *args, tensor = args
        g, x = selected(fun, argnum, args, {})
        return jaxlite.jvp(jaxlite.grad(g), (x,), (tensor,))[1]

    return product


def tensor_jacobian_product(fun, argnum=0):
    def product(*args):
        *args, tensor = args
        g, x = selected(fun, argnum, args, {})
        return jaxlite.jacobian(lambda x: jnp.tensordot(tensor, g(x), jnp.ndim(tensor)))(x)

    return product


def checkpoint(fun):
    return jaxlite.checkpoint(fun)
