"""NumPy's own functions on traced values: ``np.sin(x)``, ``np.sum(x, axis=0)``, ``np.add.reduce(x)``.

Installs ``__array_ufunc__`` and ``__array_function__`` on ``Tracer``. They look the function up in the tables
of registry.py, and what stands in none of them raises an error that names the replacement.
"""

from __future__ import annotations

import functools
import inspect

import numpy as np
from numpy._core import umath

from jaxlite.dtypes import as_dtype
from jaxlite.errors import InplaceUpdateError, TracerArrayConversionError
from jaxlite.numpy import selection, ufuncs
from jaxlite.numpy.generalized import METHODS
from jaxlite.numpy.promotion import convert, loop_dtypes, operand
from jaxlite.numpy.registry import FUNCTIONS, UFUNCS
from jaxlite.trace import Tracer, aval_of

# ndarray.clip(low, high) is this ufunc, which has no public name.
UFUNCS[umath.clip] = selection.clip

# Functions that write into their first argument. np.full and np.full_like end up in copyto.
_WRITING = {
    np.copyto: "np.full(s, t) -> jnp.full(s, t); np.full_like(a, t) -> jnp.full_like(a, t); x.at[...].set(t)",
    np.put: "x.at[...].set(values)",
    np.place: "jnp.where(mask, values, x)",
    np.putmask: "jnp.where(mask, values, x)",
    np.put_along_axis: "jnp.put_along_axis(x, indices, values, axis, inplace=False)",
    np.fill_diagonal: "jnp.fill_diagonal(x, value, inplace=False)",
}


def _writes(name: str, fix: str) -> InplaceUpdateError:
    return InplaceUpdateError(
        f"{name} would write a traced value into an array, or into a traced value.",
        why="every transformation needs to see each value as it was made.",
        fix=fix,
    )


def _no_such(name: str, traced, fix: str) -> TracerArrayConversionError:
    return TracerArrayConversionError(
        f"{name} does not take traced values: {traced.describe()}",
        why="it is no function of jaxlite.numpy.",
        fix=fix,
    )


def _array_ufunc(self, ufunc, method, *inputs, out=None, where=True, dtype=None, **options):
    name = f"np.{ufunc.__name__}" if method == "__call__" else f"np.{ufunc.__name__}.{method}"
    if out is not None and any(target is not None for target in out):
        raise _writes(f"out= of {name}", "x = x + t instead of x += t; and use the result that is returned.")
    if method == "at":
        raise _writes(name, "x.at[index].add(values), and .multiply, .min, .max.")
    for x in inputs:
        if not _is_ours(x):
            return NotImplemented
    if method == "__call__":
        return _call(name, self, ufunc, inputs, where, dtype, options)
    if ufunc in METHODS and method in ("reduce", "accumulate", "outer", "reduceat"):
        options = {key: value for key, value in options.items() if not _is_no_value(value)}
        options |= {} if where is True else {"where": where}
        options |= {} if dtype is None else {"dtype": dtype}
        return getattr(METHODS[ufunc], method)(*inputs, **options)
    raise _no_such(name, self, "write it with the functions of jaxlite.numpy.")


def _call(name, traced, ufunc, inputs, where, dtype, options):
    function = UFUNCS.get(ufunc)
    if function is None:
        raise _no_such(name, traced, "write it with the functions of jaxlite.numpy.")
    if where is not True:
        raise _no_such(f"where= of {name}", traced, f"jnp.where(mask, {name}(...), otherwise).")
    unknown = options.keys() - {"casting", "order", "subok"}
    if unknown:
        raise _no_such(f"{', '.join(sorted(unknown))}= of {name}", traced, "leave it out.")
    if dtype is None:
        return function(*inputs)
    dtype = as_dtype(dtype)
    if all(d.kind == dtype.kind for d in loop_dtypes(ufunc, [aval_of(x) for x in inputs])[: ufunc.nin]):
        return function(*[convert(operand(name, x), dtype) for x in inputs])
    return ufuncs.strong(convert(function(*inputs), dtype))


def _is_no_value(value) -> bool:
    return value is np._NoValue


def _is_ours(x) -> bool:
    """Whether no other library has a say about this operand."""
    return isinstance(x, Tracer | np.ndarray | np.generic) or not hasattr(type(x), "__array_ufunc__")


def _array_function(self, func, types, args, kwargs):
    if not all(issubclass(t, Tracer | np.ndarray) for t in types):
        return NotImplemented
    name = f"np.{_qualified_name(func)}"
    if func in _WRITING:
        raise _writes(name, _WRITING[func])
    handler = FUNCTIONS.get(func)
    if handler is None:
        raise _no_such(name, self, _REPLACEMENTS.get(func, "write it with the functions of jaxlite.numpy."))
    args, kwargs = _arguments(func, handler, args, kwargs)
    if kwargs.pop("out", None) is not None:
        raise _writes(f"out= of {name}", "use the result that is returned.")
    known = _parameters(handler)
    for option in (
        [] if any(p.kind is p.VAR_KEYWORD for p in known.values()) else kwargs.keys() - known.keys()
    ):
        if option not in _WITHOUT_EFFECT and not (
            option == "order" and kwargs[option] in (None, "C", "A", "K")
        ):
            raise _no_such(f"{option}= of {name}", self, "leave it out.")
        del kwargs[option]
    return handler(*args, **kwargs)


# Options of NumPy's that change nothing here: how memory is laid out, which algorithm sorts, what a cast may lose.
_WITHOUT_EFFECT = {"subok", "casting", "kind", "like"}

_parameters = functools.cache(lambda function: inspect.signature(function).parameters)


@functools.cache
def _shared_order(func, handler) -> int | None:
    """Return how many leading parameters NumPy's function and ours have in common; None if all of them."""
    try:
        theirs, ours = list(_parameters(func)), _parameters(handler)
    except ValueError:
        # A function written in C, of a NumPy that does not tell its parameters.
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in ours.values()):
        return None
    names = [name for name, p in ours.items() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    for i, name in enumerate(theirs):
        mine = names[i] if i < len(names) else None
        renamed = mine is not None and mine not in theirs and name not in ours
        if mine != name and not renamed:
            return i
    return None


def _arguments(func, handler, args, kwargs):
    """Hand arguments over by NumPy's names from where ours stand in another order.

    ``np.histogram(x, 4, None, True)`` asks for a density; the fourth of ours are weights.
    """
    kwargs = {key: value for key, value in kwargs.items() if not _is_no_value(value)}
    count = _shared_order(func, handler)
    if count is None or len(args) <= count:
        return args, kwargs
    names = list(_parameters(func))[count : len(args)]
    return args[:count], {**dict(zip(names, args[count:], strict=True)), **kwargs}


def _qualified_name(func) -> str:
    module = getattr(func, "__module__", None) or ""
    return f"{module.partition('numpy.')[2]}.{func.__name__}".lstrip(".")


# What to write instead, of functions that have no jaxlite.numpy one of their own.
_REPLACEMENTS = {
    **dict.fromkeys(
        (
            np.array_repr,
            np.array_str,
            np.array2string,
            np.save,
            np.savetxt,
            np.savez,
            np.savez_compressed,
        ),
        "return the value from the transformed function and print or save it there.",
    ),
    np.real_if_close: "the values decide what it returns: take jnp.real(x), or x as it is.",
    np.common_type: "jnp.result_type(x, y, jnp.float16).",
    np.min_scalar_type: "the values decide what it returns: x.dtype.",
    **dict.fromkeys(
        (np.may_share_memory, np.shares_memory), "traced values never change, so that it never matters."
    ),
}


def install() -> None:
    """Give ``Tracer`` NumPy's two protocols."""
    Tracer.__array_ufunc__ = _array_ufunc
    Tracer.__array_function__ = _array_function
