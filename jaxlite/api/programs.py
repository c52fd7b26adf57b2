"""Looking at programs: make_jaxpr, eval_shape, closure_convert, and what steers recording."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable

from jaxlite.api.flat import FlatFunction, check_callable, checked_argnums, signature
from jaxlite.control.jit import ShapeDtypeStruct, leaf_names
from jaxlite.dtypes import is_inexact
from jaxlite.errors import (
    ArgumentError,
    StaticArgumentError,
)
from jaxlite.interpreters.batch import BatchTrace
from jaxlite.interpreters.evaluate import eval_jaxpr
from jaxlite.interpreters.stage import stage
from jaxlite.ir import ClosedJaxpr, ShapedArray
from jaxlite.primitive import MappedAxis
from jaxlite.source import describe_function, named_scope
from jaxlite.trace import (
    EVAL,
    Tracer,
    aval_of,
    current_trace,
    is_value,
    set_current,
    unsupported_value,
)
from jaxlite.tree import (
    tree_flatten,
    tree_unflatten,
)


def make_jaxpr(fun: Callable, static_argnums=(), axis_env=None, return_shape: bool = False) -> Callable:
    """Return a function that gives the program of ``fun`` instead of its result.

    Parameters
    ----------
    fun : callable
    static_argnums : int or sequence of int
        Arguments that are handed to ``fun`` as they are.
    axis_env : sequence of (name, size), optional
        Named axes that collectives in ``fun`` may use.
    return_shape : bool
        Whether to return ``(jaxpr, shapes)``, shapes being a pytree of `ShapeDtypeStruct`.

    Returns
    -------
    callable
        ``(*args, **kwargs) -> ClosedJaxpr``.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> jaxlite.make_jaxpr(lambda x: np.sum(np.sin(x) * 2.0))(np.ones(3))
    { lambda ; a:f64[3]. let
        b:f64[3] = sin a
        c:f64[3] = mul b 2.0:f64[]
        d:f64[] = reduce_sum[axes=(0,)] c
      in (d,) }
    """
    check_callable(fun, "make_jaxpr")
    static = checked_argnums(static_argnums, "make_jaxpr")
    static = (static,) if isinstance(static, int) else static

    @functools.wraps(fun)
    def make(*args, **kwargs):
        for i in static:
            if not -len(args) <= i < len(args):
                raise StaticArgumentError(
                    f"make_jaxpr: static_argnums holds {i}, but the call has {len(args)} positional arguments."
                )
        positions = {i % len(args) for i in static}
        dynamic = tuple(arg for i, arg in enumerate(args) if i not in positions)
        leaves, in_tree = tree_flatten((dynamic, kwargs))
        names = leaf_names(signature(fun), (dynamic, kwargs), sorted(positions))
        avals = [_aval_of_argument(leaf, name, fun) for leaf, name in zip(leaves, names, strict=True)]

        def with_static(dynamic, kwargs):
            given = iter(dynamic)
            return fun(*(args[i] if i in positions else next(given) for i in range(len(args))), **kwargs)

        with_static.__wrapped__ = fun
        flat = FlatFunction(with_static, in_tree, "make_jaxpr")
        name = getattr(fun, "__name__", type(fun).__name__)
        with _named_axes(axis_env or ()):
            jaxpr, consts = stage(flat, avals, name, names, keep_dead=True)
        closed = ClosedJaxpr(jaxpr, consts)
        if not return_shape:
            return closed
        return closed, tree_unflatten(flat.out_tree, list(map(ShapeDtypeStruct.like, jaxpr.out_avals)))

    return make


def _aval_of_argument(leaf, name: str, fun) -> ShapedArray:
    if not is_value(leaf) and not hasattr(leaf, "aval"):
        raise unsupported_value(leaf, f"argument {name!r} of {describe_function(fun)}")
    return aval_of(leaf)


@contextlib.contextmanager
def _named_axes(axis_env):
    with contextlib.ExitStack() as stack:
        for name, size in axis_env:
            stack.enter_context(set_current(BatchTrace(current_trace(), MappedAxis(size, name))))
        yield


def eval_shape(fun: Callable, *args, **kwargs):
    """Return the shapes and dtypes of ``fun``'s result without computing it.

    Parameters
    ----------
    fun : callable
    *args, **kwargs
        Values or `ShapeDtypeStruct`.

    Returns
    -------
    pytree of ShapeDtypeStruct

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> jaxlite.eval_shape(np.matmul, np.ones((3, 2)), np.ones((2, 5)))
    ShapeDtypeStruct(shape=(3, 5), dtype=float64)
    """
    return make_jaxpr(fun, return_shape=True)(*args, **kwargs)[1]


def closure_convert(fun: Callable, *example_args):
    """Hoist the traced values that ``fun`` closes over into arguments.

    Parameters
    ----------
    fun : callable
    *example_args
        Arguments (or `ShapeDtypeStruct`) of the types ``fun`` will get.

    Returns
    -------
    converted : callable
        ``(*args, *consts)``.
    consts : list
        The hoisted values.

    Notes
    -----
    A ``custom_vjp`` rule may not close over traced values; this turns the closure into explicit arguments.
    """
    leaves, in_tree = tree_flatten(example_args)
    flat = FlatFunction(fun, in_tree, "closure_convert")
    jaxpr, consts = stage(flat, [aval_of(leaf) for leaf in leaves], describe_function(fun))
    hoisted = [isinstance(c, Tracer) and is_inexact(aval_of(c).dtype) for c in consts]

    def converted(*args_and_consts):
        count = len(args_and_consts) - sum(hoisted)
        args, given = args_and_consts[:count], iter(args_and_consts[count:])
        values = [next(given) if h else c for c, h in zip(consts, hoisted, strict=True)]
        arg_leaves, tree = tree_flatten(args)
        if tree != in_tree:
            raise ArgumentError(f"closure_convert was made for arguments {in_tree}, but got {tree}.")
        return tree_unflatten(flat.out_tree, eval_jaxpr(jaxpr, values, *arg_leaves))

    return converted, [c for c, h in zip(consts, hoisted, strict=True) if h]


def named_call(fun: Callable, *, name: str | None = None) -> Callable:
    """Return ``fun`` with its equations recorded under a named scope."""
    scope = name or getattr(fun, "__name__", "call")

    @functools.wraps(fun)
    def call(*args, **kwargs):
        with named_scope(scope):
            return fun(*args, **kwargs)

    return call


@contextlib.contextmanager
def ensure_compile_time_eval():
    """Evaluate right away inside this context, whatever is being traced around it.

    Raises
    ------
    UnexpectedTracerError
        If a traced value is used inside.
    """
    with set_current(EVAL):
        yield


def typeof(x) -> ShapedArray:
    """Return the aval of a value."""
    return aval_of(x)
