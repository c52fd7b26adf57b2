"""Which function answers for which function of NumPy, and the two decorators that fill the tables.

    @ufunc(np.sin)                 @implements(np.sum)
    def sin(x, /): ...             def sum(a, axis=None, ...): ...

A decorated function has two paths. Where nothing is traced it calls NumPy itself on the unwrapped arrays: the
dtype and value are NumPy's by construction, and the call costs a microsecond more than NumPy's. Otherwise the
body runs; for a ufunc its operands arrive promoted to NumPy's loop dtypes and broadcast to one shape.

    UFUNCS     {np.sin: jnp.sin, ...}       what ``np.sin(tracer)`` does     (see dispatch.py)
    FUNCTIONS  {np.sum: jnp.sum, ...}       what ``np.sum(tracer)`` does
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable

import numpy as np

from jaxlite.array import SILENT, Array, silence, voice
from jaxlite.dtypes import is_supported
from jaxlite.numpy.promotion import (
    broadcast,
    broadcast_shapes_of,
    computes_in,
    convert,
    loop_dtypes,
    operand,
    strip_weak,
)
from jaxlite.trace import EVAL, Tracer, aval_of, current_trace, own

UFUNCS: dict[np.ufunc, Callable] = {}
FUNCTIONS: dict[Callable, Callable] = {}

# Types of arguments that NumPy may have as they are; of ndarrays the dtype is checked too.
_SCALAR_TYPES = (bool, int, float, complex)
_PLAIN = frozenset((Array, *_SCALAR_TYPES, *(np.dtype(char).type for char in "?bBhHiIlLqQefdFD")))
_SEQUENCES = (list, tuple)
_NO_KWARGS: dict = {}
# Looked up once; a call of `Array.view` costs what a small addition does.
ndarray, asarray = np.ndarray, np.asarray
view = ndarray.view

# What NumPy raises at arguments it does not take. The other path then takes them, or says what is wrong in our words.
REFUSALS = (TypeError, ValueError, IndexError, ZeroDivisionError, OverflowError)


# --- NumPy, silently --------------------------------------------------------------------------------


def quiet(function, args, kwargs=_NO_KWARGS):
    """Call a function of NumPy under ``np.errstate(all="ignore")``."""
    token = silence(SILENT)
    try:
        return function(*args, **kwargs)
    finally:
        voice(token)


def wrap(result):
    """View what a NumPy function returned as `Array`."""
    kind = type(result)
    if kind is ndarray:
        return view(result, Array)
    if isinstance(result, _SEQUENCES):
        items = []
        for item in result:
            items.append(view(item, Array) if type(item) is ndarray else wrap(item))
        return items if kind is list else tuple.__new__(kind, items)
    if isinstance(result, np.generic):
        return view(asarray(result), Array)
    return view(asarray(result), Array) if kind in _SCALAR_TYPES else result


def plain(args, arrays: int):
    """Unwrap `Array`; return None if one of the first ``arrays`` arguments is nothing that NumPy may have."""
    unwrapped = []
    for arg in args:
        kind = type(arg)
        if kind is Array:
            arg = view(arg, ndarray)
        elif arrays > 0 and kind not in _PLAIN and not (kind is ndarray and is_supported(arg.dtype)):
            return None
        arrays -= 1
        unwrapped.append(arg)
    return unwrapped


def _unwrapped(value):
    """Unwrap `Array`, in lists and tuples too."""
    if type(value) in _SEQUENCES:
        return type(value)([_unwrapped(item) for item in value])
    return view(value, ndarray) if type(value) is Array else value


# --- ufuncs -----------------------------------------------------------------------------------------


def apply_ufunc(function: np.ufunc, rule: Callable, args):
    """Hand ``args``, promoted and broadcast as NumPy's ``function`` does, to ``rule``; weak stays weak."""
    if len(args) == 2 and isinstance(args[0], Tracer) and isinstance(args[1], Tracer):
        x, y = args[0].aval, args[1].aval
        same = x.dtype is y.dtype and x.shape == y.shape and not x.weak_type and not y.weak_type
        if same and computes_in(function, x.dtype):
            return rule(*args)
    name = function.__name__
    operands = [arg if isinstance(arg, Tracer) else operand(name, arg, i) for i, arg in enumerate(args)]
    avals = [x.aval if isinstance(x, Tracer) else aval_of(x) for x in operands]
    dtypes = loop_dtypes(function, avals)
    weak = all(aval.weak_type for aval in avals)
    try:
        operands = [convert(x, dtype, weak) for x, dtype in zip(operands, dtypes)]
    except OverflowError:
        if function not in _COMPARISONS:
            raise
        # NumPy compares with a Python integer of any size: u8 < 300.
        return apply_ufunc(function, rule, [_widened(x) for x in operands])
    if len(operands) > 1:
        shape = broadcast_shapes_of(name, avals)
        operands = [broadcast(x, shape) for x in operands]
    return rule(*operands)


_COMPARISONS = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)


def _widened(x):
    if type(x) is not int:
        return x
    return np.int64(x) if -(2**63) <= x < 2**63 else np.float64(x)


def ufunc(function: np.ufunc, *aliases: np.ufunc) -> Callable:
    """Make the decorated rule the answer to NumPy's ``function``.

    Parameters
    ----------
    function : numpy.ufunc
        Decides promotion, and computes where nothing is traced.
    *aliases : numpy.ufunc
        Further ufuncs that mean the same.

    Returns
    -------
    callable
        Decorator of ``rule(*operands)``, which get the ufunc's loop dtypes and one shape (or rank 0).
    """

    def decorate(rule):
        # Every microsecond here is one of every eager operation, so that `plain`, `quiet` and `wrap` are written out.
        if function.nin == 1:

            def call(x, /):
                if current_trace() is EVAL:
                    kind = type(x)
                    if kind is Array:
                        given = view(x, ndarray)
                    else:
                        known = kind in _PLAIN or (kind is ndarray and is_supported(x.dtype))
                        given = x if known else None
                    if given is not None:
                        token = silence(SILENT)
                        try:
                            result = function(given)
                            return view(result, Array) if type(result) is ndarray else wrap(result)
                        except REFUSALS:
                            pass
                        finally:
                            voice(token)
                return strong(apply_ufunc(function, rule, (x,)))

        else:

            def call(x1, x2, /):
                if current_trace() is EVAL:
                    kind1, kind2 = type(x1), type(x2)
                    if (kind1 in _PLAIN or (kind1 is ndarray and is_supported(x1.dtype))) and (
                        kind2 in _PLAIN or (kind2 is ndarray and is_supported(x2.dtype))
                    ):
                        token = silence(SILENT)
                        try:
                            result = function(
                                view(x1, ndarray) if kind1 is Array else x1,
                                view(x2, ndarray) if kind2 is Array else x2,
                            )
                            return view(result, Array) if type(result) is ndarray else wrap(result)
                        except REFUSALS:
                            pass
                        finally:
                            voice(token)
                return strong(apply_ufunc(function, rule, (x1, x2)))

        functools.update_wrapper(call, rule)
        call.__doc__ = _document(function, rule.__doc__)
        call.__signature__ = _signature(function)
        call.rule = rule
        for answered in (function, *aliases):
            UFUNCS[answered] = call
        return call

    return decorate


def strong(result):
    """Make weak results strong; of each part where there are several."""
    return tuple(map(strip_weak, result)) if type(result) is tuple else strip_weak(result)


def _names(function: np.ufunc) -> tuple[str, ...]:
    return ("x",) if function.nin == 1 else tuple(f"x{i + 1}" for i in range(function.nin))


def _signature(function: np.ufunc) -> inspect.Signature:
    """Return the signature with NumPy's names, which the documentation uses."""
    kind = inspect.Parameter.POSITIONAL_ONLY
    return inspect.Signature([inspect.Parameter(name, kind) for name in _names(function)])


def _document(function: np.ufunc, doc: str) -> str:
    """Put the sections that all ufuncs share between the summary and the notes and examples."""
    head, *tail = re.split(r"\n\n(?=    (?:Notes|Examples)\n)", doc.rstrip(), maxsplit=1)
    rest = f"\n{tail[0]}\n" if tail else ""
    names = ", ".join(_names(function))
    shape = "shape of ``x``" if function.nin == 1 else "shape they broadcast to"
    results = "Array" if function.nout == 1 else f"tuple of {function.nout} Array"
    return f"""{head}

    Parameters
    ----------
    {names} : array_like
        Arrays, numbers or traced values; lists are refused.

    Returns
    -------
    {results}
        Of the {shape}; dtype as ``np.{function.__name__}`` gives.
{rest}    """


# --- other functions --------------------------------------------------------------------------------


def implements(
    *functions: Callable | None,
    arrays: int = 1,
    sequence: bool = False,
    nonempty: bool = False,
    eager: bool | Callable = True,
    positional: int | None = None,
    warns: Callable | None = None,
    owns: bool = False,
) -> Callable:
    """Make the decorated function the answer to NumPy's ``functions``.

    Where nothing is traced the first of them computes.

    Parameters
    ----------
    *functions : callable or None
        Functions of NumPy with the same parameters; None for one that this version of NumPy does not have.
    arrays : int, default 1
        How many leading arguments are arrays.
    sequence : bool, default False
        Whether the first argument is a sequence of arrays.
    nonempty : bool, default False
        Whether NumPy's function warns about empty arrays, or errs in them, which then take the other path.
    eager : bool or callable, default True
        False where NumPy's function must not be called: it means something else. A callable is called in its place.
    positional : int, optional
        How many arguments NumPy takes in the same order; with more the other path is taken.
    warns : callable, optional
        ``(arguments, keywords) -> bool``: whether NumPy's function may warn about these, which then take the other
        path.
    owns : bool, default False
        Whether no result of NumPy's function (or of ``eager``) is an argument, or a view of one.
    """

    def decorate(traced):
        FUNCTIONS.update((function, traced) for function in functions if function is not None)
        if not eager:
            return traced
        numpy_function = eager if callable(eager) else functions[0]
        code = traced.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        shared = frozenset(names) - {"out"}
        # NumPy takes where=None for a mask that is False; our default means that there is no mask.
        most = names.index("where") if "where" in names[: code.co_argcount] else len(names)
        most = most if positional is None else positional

        masked = "where" in names
        careful = nonempty or warns is not None

        def may_warn(given, kwargs) -> bool:
            return (nonempty and not getattr(given[0], "size", 1)) or (
                warns is not None and warns(given, kwargs)
            )

        def accepts(kwargs) -> bool:
            """Unwrap keywords; return whether NumPy's function has them and means the same."""
            for name, value in kwargs.items():
                if type(value) is Array:
                    kwargs[name] = view(value, ndarray)
            return shared.issuperset(kwargs) and not (masked and kwargs.get("where", True) is None)

        # As of ufuncs: `plain`, `quiet` and `wrap` are written out, with one look at each argument.
        def call(*args, **kwargs):
            if current_trace() is EVAL and arrays <= len(args) <= most and (not kwargs or accepts(kwargs)):
                given, writable, left = [], False, arrays
                for arg in args:
                    kind = type(arg)
                    if kind is Array:
                        arg = view(arg, ndarray)
                    elif left <= 0:
                        arg = _unwrapped(arg) if kind is list else arg
                    elif kind not in _PLAIN:
                        if kind is not ndarray or not is_supported(arg.dtype):
                            break
                        writable = True
                    given.append(arg)
                    left -= 1
                else:
                    token = silence(SILENT)
                    try:
                        if careful and may_warn(given, kwargs):
                            raise TypeError("NumPy would warn")
                        result = numpy_function(*given, **kwargs)
                        if writable and not owns:
                            result = _own_all(result, given)
                        return view(result, Array) if type(result) is ndarray else wrap(result)
                    except REFUSALS:
                        pass
                    finally:
                        voice(token)
            return traced(*args, **kwargs)

        def call_with_sequence(*args, **kwargs):
            if current_trace() is EVAL and 1 <= len(args) <= most and (not kwargs or accepts(kwargs)):
                parts = args[0]
                given = plain(parts, len(parts)) if type(parts) in _SEQUENCES else None
                if given:
                    token = silence(SILENT)
                    try:
                        result = numpy_function(given, *map(_unwrapped, args[1:]), **kwargs)
                        if ndarray in map(type, parts):
                            result = _own_all(result, given)
                        return view(result, Array) if type(result) is ndarray else wrap(result)
                    except REFUSALS:
                        pass
                    finally:
                        voice(token)
            return traced(*args, **kwargs)

        return functools.update_wrapper(call_with_sequence if sequence else call, traced)

    return decorate


def _own_all(result, args):
    if type(result) in _SEQUENCES:
        return type(result)([own(item, args) for item in result])
    return own(result, args)
