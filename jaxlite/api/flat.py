"""What the transformations share: flat functions, and checks of arguments, tangents and cotangents."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxlite.array import Array
from jaxlite.control.jit import check_results
from jaxlite.dtypes import float0
from jaxlite.errors import (
    ArgumentError,
    ShapeError,
)
from jaxlite.interpreters.jvp import drop_tangents
from jaxlite.ir import ShapedArray
from jaxlite.ops.elementwise import convert_element_type
from jaxlite.ops.structural import (
    instantiate,
)
from jaxlite.primitive import Zero
from jaxlite.source import describe_function
from jaxlite.trace import (
    Tracer,
    ancestors,
    as_array,
    aval_of,
    current_trace,
    is_value,
    leaked_tracer,
    unsupported_value,
)
from jaxlite.tree import (
    keystr,
    tree_flatten,
    tree_flatten_with_path,
    tree_map,
    tree_unflatten,
)


class FlatFunction:
    """A user's function of flat leaves that remembers the structure (and the auxiliary result) it returned."""

    def __init__(self, fun: Callable, in_tree, transformation: str, has_aux: bool = False):
        self.fun = fun
        self.in_tree = in_tree
        self.transformation = transformation
        self.has_aux = has_aux
        self.out_tree: Any = None
        self._aux: Any = None

    def __call__(self, *leaves):
        result = self.fun(*tree_unflatten(self.in_tree, leaves))
        if self.has_aux:
            if not isinstance(result, tuple | list) or len(result) != 2:
                raise ArgumentError(
                    f"{describe_function(self.fun)} must return a pair (output, aux) because has_aux=True; "
                    f"it returned {type(result).__name__}.",
                    fix="return out, aux; or pass has_aux=False.",
                )
            result, self._aux = result
        outs, self.out_tree = tree_flatten(result)
        check_results(outs, result, self.fun, self.transformation)
        return outs

    @property
    def aux(self):
        """The auxiliary result, free of the tracers of the transformation that has ended."""
        return tree_map(drop_tangents, self._aux)


def check_callable(fun, name: str) -> None:
    if not callable(fun):
        raise ArgumentError(
            f"{name} needs a callable, not {type(fun).__name__} {fun!r:.40}.",
            fix=f"{name}(f)(x), not {name}(f(x)).",
        )


def flatten_values(args, what: str):
    """Flatten a tuple of arguments; every leaf must be a value."""
    leaves, treedef = tree_flatten(args)
    for i, leaf in enumerate(leaves):
        if not is_value(leaf):
            path, _ = tree_flatten_with_path(args)[0][i]
            raise unsupported_value(leaf, f"{what}{keystr(path)}")
    return leaves, treedef


def checked_argnums(argnums, name: str) -> int | tuple[int, ...]:
    """Return ``argnums`` as a Python int or a tuple of them."""
    try:
        if isinstance(argnums, tuple | list):
            return tuple(operator.index(i) for i in argnums)
        return operator.index(argnums)
    except TypeError:
        raise ArgumentError(
            f"{name}: argnums must be an int or a sequence of ints, not {argnums!r}.",
            fix="give positions; to differentiate with respect to a keyword argument, pass it by position.",
        ) from None


def normalize_argnums(argnums, num_args: int, name: str) -> tuple[int, ...]:
    wanted = (argnums,) if isinstance(argnums, int) else argnums
    for i in wanted:
        if not -num_args <= i < num_args:
            raise ArgumentError(
                f"{name}: argnums={argnums} requires at least {i + 1 if i >= 0 else -i} positional arguments, "
                f"but the call has {num_args}.",
                why="keyword arguments are never differentiated.",
                fix="pass the differentiated arguments by position.",
            )
    positions = tuple(i % num_args for i in wanted)
    if len(set(positions)) < len(positions):
        raise ArgumentError(f"{name}: argnums={argnums} names an argument twice.", fix="name each one once.")
    return positions


def on_arguments(fun: Callable, argnums: tuple[int, ...], args, kwargs) -> Callable:
    """Return ``fun`` as a function of the selected positional arguments only."""

    def of_selected(*selected):
        full = list(args)
        for i, value in zip(argnums, selected, strict=True):
            full[i] = value
        return fun(*full, **kwargs)

    of_selected.__wrapped__ = fun
    return of_selected


def _as_tangent_zero(zero: Zero):
    """Return the array of a symbolic zero; float0 arrays for integers."""
    return as_array(instantiate(zero)) if zero.aval.dtype != float0 else np.zeros(zero.aval.shape, float0)


def materialize(values) -> list:
    """Return tangents or cotangents as users see them."""
    return [_as_tangent_zero(v) if type(v) is Zero else as_result(v) for v in values]


def own_copy(leaf):
    """Copy an array that the user may write to before the residuals, which may be views of it, are used."""
    return (
        leaf
        if isinstance(leaf, Tracer | Array) or not isinstance(leaf, np.ndarray)
        else as_array(np.array(leaf))
    )


def as_result(value):
    """Return an output as users see it: an Array, or a tracer of an enclosing transformation."""
    if isinstance(value, Tracer):
        if not any(value._trace is trace for trace in ancestors(current_trace())):
            raise leaked_tracer(value)
        return value
    # What is no Array by now is an argument handed through, which the user may write to.
    return value if type(value) is Array else as_array(np.array(value))


def check_cotangent(ct, aval: ShapedArray):
    expected = aval.to_tangent()
    if expected.dtype == float0 and np.shape(ct) == aval.shape:
        return Zero(expected)
    got = aval_of(ct)
    fits = got.dtype == expected.dtype or (
        got.weak_type and (got.dtype.kind != "c" or expected.dtype.kind == "c")
    )
    if got.shape != expected.shape or not fits:
        raise ShapeError(
            f"the pullback got a cotangent of type {got}, but the output has type {expected}.",
            why="a cotangent has the shape and dtype of its output.",
            fix=f"jnp.asarray(ct, dtype='{expected.dtype}') with shape {expected.shape}.",
        )
    return convert_element_type(ct, expected.dtype) if got.dtype != expected.dtype or got.weak_type else ct


def check_tangent(primal, tangent, name: str):
    expected = aval_of(primal).to_tangent()
    if getattr(tangent, "dtype", None) == float0:
        got = ShapedArray(np.shape(tangent), float0)
    else:
        got = aval_of(tangent)
    if expected.dtype == float0 and (got.dtype == float0 or got.weak_type):
        return Zero(expected)
    if got.shape != expected.shape or (got.dtype != expected.dtype and not _weakly_fits(got, expected)):
        raise ArgumentError(
            f"{name}: a primal of type {aval_of(primal)} has tangents of type {expected}, but got {got}.",
            why="primal and tangent must have equal shapes and dtypes (float0 for integers and bools).",
            fix=f"convert the tangent: jnp.asarray(t, dtype='{expected.dtype}')."
            if expected.dtype != float0
            else "np.zeros(shape, jaxlite.dtypes.float0), or close over the integer argument.",
        )
    return convert_element_type(tangent, expected.dtype) if got.weak_type else tangent


def _weakly_fits(got: ShapedArray, expected: ShapedArray) -> bool:
    """Whether a Python scalar can be a tangent of ``expected``: floats for floats, never ints."""
    return got.weak_type and got.dtype.kind in "fc" and (got.dtype.kind == "f" or expected.dtype.kind == "c")


def signature(fun):
    try:
        return inspect.signature(fun)
    except (TypeError, ValueError):
        return None
