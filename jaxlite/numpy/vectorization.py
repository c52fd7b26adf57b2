"""Functions of functions: vectorize, apply_along_axis, apply_over_axes, piecewise.

jnp.vectorize(f, signature="(n)->()")(x: f64[5,3])  ->  vmap(f)(x)
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from jaxlite.api import vmap
from jaxlite.array import Array as Array_
from jaxlite.dtypes import is_supported
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy.promotion import broadcast_array, canonical_axis, operand, strip_weak
from jaxlite.numpy.registry import REFUSALS, implements, ndarray, plain, quiet, view, wrap
from jaxlite.numpy.selection import select
from jaxlite.trace import EVAL, aval_of, current_trace, own
from jaxlite.typing import Array, ArrayLike

getitem = np.ndarray.__getitem__

_ARGUMENT = r"\(\s*(?:\w+(?:\s*,\s*\w+)*)?\s*\)"
_SIGNATURE = rf"^\s*{_ARGUMENT}(?:\s*,\s*{_ARGUMENT})*\s*->\s*{_ARGUMENT}(?:\s*,\s*{_ARGUMENT})*\s*$"


def _parse_signature(signature: str) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """``"(n,m),(m)->(n)"`` -> ``([("n", "m"), ("m",)], [("n",)])``."""
    if not re.match(_SIGNATURE, signature):
        raise ArgumentError(f"vectorize: {signature!r} is no signature.", fix="write '(n,m),(m)->(n)'.")
    inputs, outputs = (
        [tuple(re.findall(r"\w+", text)) for text in re.findall(r"\(([^)]*)\)", side)]
        for side in signature.split("->")
    )
    return inputs, outputs


def vectorize(
    pyfunc: Callable, *, excluded: Collection[int | str] = frozenset(), signature: str | None = None
) -> Callable:
    """Let a function of single elements (or small arrays) work on whole arrays, which broadcast.

    Parameters
    ----------
    pyfunc : callable
        Of arrays of the rank that the signature says; of scalars by default.
    excluded : set of int or str
        Positions and names of arguments to hand over as they are.
    signature : str, optional
        The axes that one call takes and returns, such as ``"(n,m),(m)->(n)"``.

    Returns
    -------
    callable
        Maps ``pyfunc`` over all other axes, by ``vmap``.

    Examples
    --------
    >>> jnp.vectorize(jnp.dot, signature="(n),(n)->()")(jnp.ones((4, 3)), jnp.ones(3))
    Array([3., 3., 3., 3.], dtype=float64)
    """
    excluded = frozenset(excluded)

    @functools.wraps(pyfunc)
    def vectorized(*args, **kwargs):
        mapped = [i for i in range(len(args)) if i not in excluded]
        names = [name for name in kwargs if name not in excluded]

        def call(*values):
            full = list(args)
            for i, value in zip(mapped, values, strict=False):
                full[i] = value
            return pyfunc(*full, **{**kwargs, **dict(zip(names, values[len(mapped) :], strict=True))})

        values = [operand("vectorize", x) for x in (*[args[i] for i in mapped], *[kwargs[n] for n in names])]
        inputs, outputs = ([()] * len(values), None) if signature is None else _parse_signature(signature)
        if len(inputs) != len(values):
            raise ArgumentError(f"vectorize: {signature!r} takes {len(inputs)} arguments, not {len(values)}.")
        sizes = _core_sizes(values, inputs)
        return _map_over_loops(_checked(call, sizes, outputs), values, inputs)

    return vectorized


def _core_sizes(values, inputs) -> dict[str, int]:
    """Return the size of every named axis, checked to be the same everywhere."""
    sizes: dict[str, int] = {}
    for i, (x, names) in enumerate(zip(values, inputs, strict=True)):
        aval = aval_of(x)
        if aval.ndim < len(names):
            raise ShapeError(f"vectorize: argument {i} has type {aval}.", why=f"it needs the axes {names}.")
        for name, size in zip(names, aval.shape[aval.ndim - len(names) :], strict=True):
            if sizes.setdefault(name, size) != size:
                raise ShapeError(f"vectorize: axis {name!r} has sizes {sizes[name]} and {size}.")
    return sizes


def _checked(call: Callable, sizes: dict[str, int], outputs):
    if outputs is None:
        return call

    def checked(*values):
        results = call(*values)
        several = results if isinstance(results, tuple) else (results,)
        if len(several) != len(outputs):
            raise ArgumentError(
                f"vectorize: the function returned {len(several)} results, not {len(outputs)}."
            )
        for result, names in zip(several, outputs, strict=True):
            shape = np.shape(result)
            expected = tuple(sizes.get(name) for name in names)
            if len(shape) != len(names) or any(
                n is not None and n != m for n, m in zip(expected, shape, strict=True)
            ):
                raise ShapeError(f"vectorize: a result has shape {shape}.", why=f"its axes are {names}.")
        return results

    return checked


def _map_over_loops(call: Callable, values, inputs):
    loops = [
        aval_of(x).shape[: aval_of(x).ndim - len(names)] for x, names in zip(values, inputs, strict=True)
    ]
    shape = np.broadcast_shapes(*loops)
    # One vmap for each loop axis, the first outermost; an argument takes part where it has that axis, not of size 1.
    mapped = call
    ready = [list(loop) for loop in loops]
    for axis in reversed(range(len(shape))):
        in_axes = []
        for i, loop in enumerate(loops):
            at = axis - (len(shape) - len(loop))
            present = at >= 0 and loop[at] == shape[axis] and (shape[axis] != 1 or loop[at] == 1)
            in_axes.append(0 if present else None)
            if at >= 0 and not present:
                ready[i][at] = None
        if any(a is not None for a in in_axes):
            mapped = vmap(mapped, in_axes=tuple(in_axes))
    squeezed = [_drop_unmapped(x, marks) for x, marks in zip(values, ready, strict=True)]
    return mapped(*squeezed)


def _drop_unmapped(x, marks: list):
    axes = tuple(i for i, mark in enumerate(marks) if mark is None)
    x = strip_weak(x)
    return x.squeeze(axes) if axes else x


@implements(np.apply_along_axis, eager=False)
def apply_along_axis(func1d: Callable, axis: int, arr: ArrayLike, *args: Any, **kwargs: Any) -> Array:
    """Apply a function of a vector to every vector along an axis.

    Parameters
    ----------
    func1d : callable
        Of a vector.
    axis : int
    arr : array_like
    *args, **kwargs
        For the function.

    Returns
    -------
    Array
        The result's axes stand where the axis was.
    """
    if current_trace() is EVAL and (given := plain((arr,), 1)):
        try:
            return view(quiet(_along_rows, (func1d, axis, given[0], args, kwargs)), Array_)
        except REFUSALS:
            pass
    x = operand("apply_along_axis", arr)
    ndim = aval_of(x).ndim
    axis = canonical_axis(axis, ndim)
    mapped = lambda v: func1d(v, *args, **kwargs)  # noqa: E731
    for i in range(1, ndim - axis):
        mapped = vmap(mapped, in_axes=i, out_axes=-1)
    for _ in range(axis):
        mapped = vmap(mapped, in_axes=0, out_axes=0)
    return mapped(strip_weak(x))


def _along_rows(function, axis, x, args, kwargs):
    """Call a function for one row after the other, as NumPy does but without its ways to find them."""
    axis = canonical_axis(axis, x.ndim)
    rows = x if axis == x.ndim - 1 else x.transpose(*[d for d in range(x.ndim) if d != axis], axis)
    others = rows.shape[:-1]
    # Not plain arrays, which lack ``.at``.
    flat = view(rows.reshape(-1, rows.shape[-1]), Array_)
    results = None
    for i in range(len(flat)):
        result = function(getitem(flat, i), *args, **kwargs)
        if results is None:
            if isinstance(result, list | tuple | dict):
                raise TypeError("several results")
            first = np.asarray(result)
            results = np.empty((len(flat), *first.shape), first.dtype)
        elif getattr(result, "shape", ()) != first.shape:
            raise ValueError("NumPy might broadcast it")
        results[i] = result
    if results is None:
        raise ValueError("no row, and so no result whose type it could be")
    results = results.reshape(others + first.shape)
    middle = range(len(others), results.ndim)
    return results.transpose((*range(axis), *middle, *range(axis, len(others))))


@implements(np.apply_over_axes, eager=False)
def apply_over_axes(func: Callable, a: ArrayLike, axes: int | Sequence[int]) -> Array:
    """Apply a reduction over several axes, one after the other, keeping the axes.

    Parameters
    ----------
    func : callable
        ``(array, axis) -> array``.
    a : array_like
    axes : int or sequence of int

    Returns
    -------
    Array
        ``[...]`` with size 1 in these axes.
    """
    # NumPy's own functions take NumPy's own arrays sooner.
    eager = type(a) is ndarray and current_trace() is EVAL and is_supported(a.dtype)
    x = a if eager else strip_weak(operand("apply_over_axes", a))
    for axis in (axes,) if isinstance(axes, int) else axes:
        axis = canonical_axis(axis, x.ndim)
        reduced = func(x, axis)
        x = reduced if reduced.ndim == x.ndim else reduced[(slice(None),) * axis + (None,)]
    return wrap(own(x, (a,))) if eager else x


@implements(np.piecewise, eager=False)
def piecewise(
    x: ArrayLike, condlist: Sequence[ArrayLike], funclist: Sequence[Any], *args: Any, **kw: Any
) -> Array:
    """Evaluate different functions on different parts of an array.

    Parameters
    ----------
    x : array_like
    condlist : list of array_like of bool
    funclist : list of callable or number
        One more than conditions: the last is for where none is true.
    *args, **kw
        For the functions.

    Returns
    -------
    Array
        Of the dtype of ``x``. Traced, all functions are evaluated everywhere.
    """
    condlist = list(condlist) if isinstance(condlist, list | tuple) else [condlist]
    if current_trace() is EVAL and (given := plain((x, *condlist), 1 + len(condlist))):
        try:
            return view(quiet(_of_parts, (given[0], given[1:], funclist, args, kw)), Array_)
        except REFUSALS:
            pass
    x = strip_weak(operand("piecewise", x))
    if len(funclist) == len(condlist):
        funclist = [*funclist, 0]
    if len(funclist) != len(condlist) + 1:
        raise ArgumentError(f"piecewise: {len(funclist)} functions for {len(condlist)} conditions.")
    values = [f(x, *args, **kw) if callable(f) else f for f in funclist]
    values = [_of_shape(value, x.shape) for value in values]
    # NumPy lets the last true condition win.
    result = select(condlist[::-1], values[:-1][::-1], values[-1])
    return result if result.dtype == x.dtype else result.astype(x.dtype)


def _of_parts(x, conditions, functions, args, kw):
    """Do what NumPy does: call each function with the elements of its condition, the last true one of which counts."""
    if not 0 <= len(functions) - len(conditions) <= 1:
        raise ValueError("refused in other words")
    for i, condition in enumerate(conditions):
        if type(condition) is not ndarray or condition.shape != x.shape:
            raise TypeError("NumPy takes lists of single bools for one condition")
        if condition.dtype.kind != "b":
            conditions[i] = condition.astype(bool)
    if len(functions) > len(conditions):
        conditions.append(~np.logical_or.reduce(conditions))
    result = np.zeros(x.shape, x.dtype)
    for condition, function in zip(conditions, functions, strict=True):
        if callable(function):
            part = x[condition]
            if part.size:
                # Not a plain array, which lacks ``.at``.
                result[condition] = function(view(part, Array_), *args, **kw)
        else:
            result[condition] = function
    return result


def _of_shape(value, shape):
    value = operand("piecewise", value)
    return value if aval_of(value).shape == shape else broadcast_array(value, shape)
