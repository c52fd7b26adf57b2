"""Callbacks: Python functions that a program calls while it runs.

    b:f64[3] = pure_callback[ callback=<HostFunction f>  result_avals=(f64[3],)  vmap_method=None ] a
    debug_callback[callback=<HostFunction print>] b

``pure_callback`` computes a value (and may be dropped, repeated or merged), ``io_callback`` does something to
the world besides, ``debug_callback`` only looks. The last two carry an effect, which keeps them in a program
although nothing needs their results.
"""

from __future__ import annotations

import builtins
import string
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxlite.array import Array
from jaxlite.control.scan import scan
from jaxlite.dtypes import as_dtype
from jaxlite.errors import ArgumentError, RuleError
from jaxlite.interpreters.batch import to_front
from jaxlite.ir import ShapedArray
from jaxlite.lowering import UserCall
from jaxlite.ops.structural import expand_dims, move_dim
from jaxlite.primitive import NOT_LINEAR, PURE, RECORD, Primitive, Zero
from jaxlite.source import describe_function
from jaxlite.trace import aval_of, is_value
from jaxlite.tree import keystr, tree_flatten, tree_flatten_with_path, tree_unflatten

VMAP_METHODS = (None, "sequential", "expand_dims", "broadcast_all", "legacy_vectorized")


class HostFunction:
    """A user's function of flat arrays: puts the arguments together, and takes the result apart.

    Arguments that are no arrays (strings, say) stay in ``leaves`` and do not become operands.
    """

    def __init__(self, what: str, callback: Callable, leaves, in_tree, out_tree):
        if not callable(callback):
            raise ArgumentError(f"{what} needs a callable, not {type(callback).__name__}.")
        self.what = what
        self.callback = callback
        self.static = [None if is_value(leaf) else leaf for leaf in leaves]
        self.is_operand = [is_value(leaf) for leaf in leaves]
        self.in_tree = in_tree
        self.out_tree = out_tree
        self.__name__ = getattr(callback, "__name__", type(callback).__name__)

    def __call__(self, *operands):
        given = iter(operands)
        leaves = [
            Array.of(next(given)) if is_operand else static
            for is_operand, static in zip(self.is_operand, self.static, strict=True)
        ]
        args, kwargs = tree_unflatten(self.in_tree, leaves)
        return self.callback(*args, **kwargs)

    def results(self, operands, avals) -> tuple:
        """Call the function, and check its results against the types that were declared."""
        result = self(*operands)
        outs, tree = tree_flatten(result)
        if tree != self.out_tree:
            raise ArgumentError(
                f"{self.what}: {describe_function(self.callback)} returned another structure than declared.",
                details=[f"declared: {self.out_tree}", f"returned: {tree}"],
                fix="return a pytree like result_shape_dtypes.",
            )
        return tuple(
            self._fit(result, i, out, aval) for i, (out, aval) in enumerate(zip(outs, avals, strict=True))
        )

    def _fit(self, result, i: int, out, aval: ShapedArray):
        if is_value(out):
            got = aval_of(out)
            # A Python number has no dtype of its own.
            weak = got.weak_type and np.result_type(got.dtype, aval.dtype).kind == aval.dtype.kind
            if got.shape == aval.shape and (got.dtype == aval.dtype or weak):
                # A copy: the function may keep its array and write into it later.
                return np.array(out, aval.dtype)
        else:
            got = type(out).__name__
        path = keystr(tree_flatten_with_path(result)[0][i][0])
        raise ArgumentError(
            f"{self.what}: {describe_function(self.callback)} returned {got} at result{path}, "
            f"but {aval} was declared.",
            why="the program was recorded with the declared shapes and dtypes.",
            fix="convert in the callback, np.asarray(y, dtype), or declare what it returns.",
        )


def _operands(what: str, callback, args, kwargs, out_tree):
    leaves, in_tree = tree_flatten((args, kwargs))
    function = HostFunction(what, callback, leaves, in_tree, out_tree)
    return function, [leaf for leaf in leaves if is_value(leaf)]


def _declared(what: str, result_shape_dtypes):
    """Return the types that a pytree of shapes and dtypes declares, and its structure."""
    leaves, tree = tree_flatten(result_shape_dtypes)
    for leaf in leaves:
        if not (hasattr(leaf, "shape") and hasattr(leaf, "dtype")):
            raise ArgumentError(
                f"{what}: result_shape_dtypes holds {type(leaf).__name__} {leaf!r:.40}.",
                fix="jaxlite.ShapeDtypeStruct(shape, dtype), or an array like the result.",
            )
    return tuple(ShapedArray(tuple(leaf.shape), as_dtype(leaf.dtype)) for leaf in leaves), tree


def _one_by_one(axis, args, dims, bind: Callable):
    """Call once per element, in order; results are mapped in front."""
    xs = [to_front(x, d, axis.size)[0] if d is not None else None for x, d in zip(args, dims, strict=True)]

    def step(_, xs):
        return (), tuple(bind(*(shared if x is None else x for x, shared in zip(xs, args, strict=True))))

    _, outs = scan(step, (), xs, length=axis.size)
    return outs, (0,) * len(outs)


def _no_derivative(what: str) -> RuleError:
    return RuleError(
        f"{what} cannot be differentiated.",
        why="the derivative of a Python function that is not traced is unknown.",
        fix="wrap it in jaxlite.custom_jvp or jaxlite.custom_vjp and give the rule; "
        "or jaxlite.lax.stop_gradient around its arguments.",
    )


# --- pure_callback ----------------------------------------------------------------------------------


def _declared_abstract_eval(*avals, result_avals, **params):
    return result_avals


def _callback_impl(*args, callback, result_avals, **params):
    return callback.results(args, result_avals)


def _without_tangents(primitive: Primitive, primals, params):
    if any(aval.dtype.kind in "fc" for aval in params["result_avals"]):
        raise _no_derivative(primitive.name)
    outs = primitive.bind(*primals, **params)
    return outs, tuple(map(Zero.like, outs))


def _pure_callback_jvp(primals, tangents, **params):
    return _without_tangents(pure_callback_p, primals, params)


def _pure_callback_batch(axis, args, dims, *, callback, result_avals, vmap_method):
    def bind(args, avals):
        return pure_callback_p.bind(*args, callback=callback, result_avals=avals, vmap_method=vmap_method)

    if vmap_method is None:
        raise RuleError(
            "pure_callback cannot be batched by vmap.",
            why="vmap_method was not given, so it is unknown whether the function takes a whole batch.",
            fix="pure_callback(..., vmap_method='sequential'), or 'expand_dims' if it broadcasts.",
        )
    if vmap_method == "sequential":
        return _one_by_one(axis, args, dims, lambda *values: bind(values, result_avals))
    operands = []
    for x, dim in zip(args, dims, strict=True):
        if dim is not None:
            operands.append(move_dim(x, dim, 0))
        elif vmap_method == "expand_dims":
            operands.append(expand_dims(x, (0,)))
        else:
            operands.append(to_front(x, None, axis.size)[0] if vmap_method == "broadcast_all" else x)
    outs = bind(operands, tuple(aval.mapped(axis.size, 0) for aval in result_avals))
    return outs, (0,) * len(outs)


pure_callback_p = Primitive(
    name="pure_callback",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_declared_abstract_eval,
    impl=_callback_impl,
    jvp=_pure_callback_jvp,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_pure_callback_batch,
    lower=UserCall("a Python function of the user"),
    doc="z = callback(x), a function without side effects",
)


def pure_callback(
    callback: Callable,
    result_shape_dtypes: Any,
    *args: Any,
    sharding: None = None,
    vmap_method: str | None = None,
    **kwargs: Any,
):
    """Call a NumPy function from inside a program.

    Parameters
    ----------
    callback : callable
        Of arrays (pytrees of them); without side effects, as it may be called more or less often than that.
    result_shape_dtypes : pytree
        Of `ShapeDtypeStruct` (or arrays): the shapes and dtypes of what ``callback`` returns.
    *args, **kwargs
        Pytrees of arrays for ``callback``.
    sharding : None
        Accepted for programs written for JAX, and ignored.
    vmap_method : {"sequential", "expand_dims", "broadcast_all", "legacy_vectorized"}, optional
        What `vmap` does: call once per element; or call once with a leading axis on every argument, of size
        1 ("expand_dims") or of full size ("broadcast_all") on those that all elements share; or with the
        leading axis on the mapped arguments only ("legacy_vectorized"). None: an error.

    Returns
    -------
    pytree of arrays

    Raises
    ------
    ArgumentError
        If the function returns something else than declared.
    RuleError
        When it is differentiated (give it a rule by `custom_jvp` or `custom_vjp`), or batched without
        ``vmap_method``.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> @jaxlite.jit
    ... def median(x):
    ...     return jaxlite.pure_callback(np.median, jaxlite.ShapeDtypeStruct((), x.dtype), x)
    >>> median(np.array([3.0, 1.0, 2.0]))
    Array(2., dtype=float64)
    """
    if vmap_method not in VMAP_METHODS:
        methods = ", ".join(map(repr, VMAP_METHODS[1:]))
        raise ArgumentError(f"pure_callback: vmap_method {vmap_method!r} is not one of {methods}.")
    avals, out_tree = _declared("pure_callback", result_shape_dtypes)
    function, operands = _operands("pure_callback", callback, args, kwargs, out_tree)
    outs = pure_callback_p.bind(*operands, callback=function, result_avals=avals, vmap_method=vmap_method)
    return tree_unflatten(out_tree, outs)


# --- io_callback ------------------------------------------------------------------------------------


def _io_callback_jvp(primals, tangents, **params):
    return _without_tangents(io_callback_p, primals, params)


def _io_callback_batch(axis, args, dims, *, callback, result_avals, ordered):
    if ordered:
        raise RuleError(
            "io_callback with ordered=True cannot be batched by vmap.",
            why="the elements of a batch have no order.",
            fix="jaxlite.lax.map runs a function once per element, in order; or ordered=False.",
        )

    def bind(*values):
        return io_callback_p.bind(*values, callback=callback, result_avals=result_avals, ordered=ordered)

    return _one_by_one(axis, args, dims, bind)


io_callback_p = Primitive(
    name="io_callback",
    multiple_results=True,
    effects=frozenset({"io"}),
    abstract_eval=_declared_abstract_eval,
    impl=_callback_impl,
    jvp=_io_callback_jvp,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_io_callback_batch,
    lower=UserCall("a Python function of the user"),
    doc="z = callback(x), a function with side effects",
)


def io_callback(
    callback: Callable,
    result_shape_dtypes: Any,
    *args: Any,
    sharding: None = None,
    ordered: bool = False,
    **kwargs: Any,
):
    """Call a Python function with side effects from inside a program, once each time the program runs.

    Parameters
    ----------
    callback : callable
        Of arrays (pytrees of them).
    result_shape_dtypes : pytree
        Of `ShapeDtypeStruct` (or arrays), or None for a function that returns nothing.
    *args, **kwargs
        Pytrees of arrays for ``callback``.
    sharding : None
        Accepted for programs written for JAX, and ignored.
    ordered : bool
        Whether the order of calls matters; such calls cannot be batched. Calls are made in order either way.

    Returns
    -------
    pytree of arrays

    Raises
    ------
    ArgumentError
        If the function returns something else than declared.
    RuleError
        When it is differentiated, or batched with ``ordered=True``.

    Examples
    --------
    >>> import jaxlite
    >>> seen = []
    >>> @jaxlite.jit
    ... def f(x):
    ...     jaxlite.experimental.io_callback(lambda x: seen.append(float(x)), None, x)
    ...     return 2 * x
    >>> f(1.5), seen
    (Array(3., dtype=float64), [1.5])
    """
    avals, out_tree = _declared("io_callback", result_shape_dtypes)
    function, operands = _operands("io_callback", callback, args, kwargs, out_tree)
    outs = io_callback_p.bind(*operands, callback=function, result_avals=avals, ordered=bool(ordered))
    return tree_unflatten(out_tree, outs)


# --- debug_callback ---------------------------------------------------------------------------------


def _debug_callback_abstract_eval(*avals, callback, ordered):
    return ()


def _debug_callback_impl(*args, callback, ordered):
    callback(*args)
    return ()


def _debug_callback_jvp(primals, tangents, **params):
    debug_callback_p.bind(*primals, **params)
    return (), ()


def _debug_callback_transpose(cts, *args, **params):
    return tuple(None for _ in args)


def _debug_callback_batch(axis, args, dims, **params):
    return _one_by_one(axis, args, dims, lambda *values: debug_callback_p.bind(*values, **params))


debug_callback_p = Primitive(
    name="debug_callback",
    multiple_results=True,
    effects=frozenset({"debug"}),
    abstract_eval=_debug_callback_abstract_eval,
    impl=_debug_callback_impl,
    jvp=_debug_callback_jvp,
    partial_eval=RECORD,
    transpose=_debug_callback_transpose,
    batch=_debug_callback_batch,
    lower=UserCall("a Python function of the user"),
    doc="callback(x), for its side effects; no results, no derivatives",
)


def debug_callback(callback: Callable, *args: Any, ordered: bool = False, **kwargs: Any) -> None:
    """Call a Python function for its side effects; transformations look through it.

    Parameters
    ----------
    callback : callable
        Of arrays (pytrees of them); what it returns is ignored.
    *args, **kwargs
        Pytrees of arrays for ``callback``; leaves that are no arrays are handed over as they are.
    ordered : bool
        Accepted for programs written for JAX: calls are made in order either way.

    Notes
    -----
    ``vmap`` calls it once per element, ``grad`` with the primal values.
    """
    function, operands = _operands("debug.callback", callback, args, kwargs, None)
    debug_callback_p.bind(*operands, callback=function, ordered=bool(ordered))


def debug_print(fmt: str, *args: Any, ordered: bool = False, **kwargs: Any) -> None:
    """Print values while a program runs.

    Parameters
    ----------
    fmt : str
        As for ``str.format``: ``debug.print("x = {x:.3f}", x=x)``.
    *args, **kwargs
        What to print: arrays, pytrees of arrays, and anything else that does not change between runs.
    ordered : bool
        Accepted for programs written for JAX: lines are printed in order either way.

    Raises
    ------
    ArgumentError
        If the format asks for a value that is not there, or a value is not asked for.

    Examples
    --------
    >>> import jaxlite
    >>> @jaxlite.jit
    ... def f(x):
    ...     jaxlite.debug.print("x = {}", x)
    ...     return x
    >>> y = f(1.0)
    x = 1.0
    """
    _check_format(fmt, args, kwargs)
    debug_callback(_Print(fmt), *args, ordered=ordered, **kwargs)


class _Print:
    """Prints its arguments in a given format."""

    __name__ = "print"

    def __init__(self, fmt: str):
        self.fmt = fmt

    def __call__(self, *args, **kwargs):
        builtins.print(self.fmt.format(*args, **kwargs))


def _check_format(fmt: str, args, kwargs) -> None:
    """Raise while the program is recorded, not when it runs, if format and values do not fit together."""
    if not isinstance(fmt, str):
        raise ArgumentError(
            f"debug.print: the format must be a string, not {type(fmt).__name__}.",
            fix='debug.print("{}", x).',
        )
    used = set()
    formatter = _FieldNames(used)
    try:
        formatter.vformat(fmt, args, kwargs)
    except (IndexError, KeyError) as error:
        raise ArgumentError(
            f"debug.print: the format {fmt!r} asks for a value that was not passed ({error}).",
            fix="pass one value per {} and one keyword per {name}; write {{ and }} for braces.",
        ) from None
    unused = [repr(key) for key in [*range(len(args)), *kwargs] if key not in used]
    if unused:
        raise ArgumentError(
            f"debug.print: the format {fmt!r} does not use the arguments {', '.join(unused)}.",
            fix='f-strings format too early; write debug.print("x = {}", x).',
        )


class _FieldNames(string.Formatter):
    """Looks up the values that a format names, and formats nothing."""

    def __init__(self, used: set):
        self.used = used

    def get_value(self, key, args, kwargs):
        value = super().get_value(key, args, kwargs)
        self.used.add(key)
        return value

    def get_field(self, field_name, args, kwargs):
        first = field_name.split(".")[0].split("[")[0]
        self.get_value(int(first) if first.isdigit() else first, args, kwargs)
        return "", first

    def format_field(self, value, format_spec):
        return ""

    def convert_field(self, value, conversion):
        return value
