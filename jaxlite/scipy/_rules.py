"""What functions of ``jaxlite.scipy`` are made of: operands, derivative rules, loops per element, values by SciPy.

    rule(a_slope, None)     a derivative rule, one expression for each operand; those that are needed run
    elements(kernel)        a function of numbers, with loops of its own, as one of arrays: a native loop
    by_scipy("gammainc", 2) SciPy computes where nothing is traced: its values, and nothing to compile

Functions that iterate or evaluate long series do so in double precision, whatever they are given.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.api.batching import vmap
from jaxlite.config import disable_jit
from jaxlite.control.custom_rules import custom_jvp
from jaxlite.control.jit import jit
from jaxlite.errors import DtypeError, RuleError
from jaxlite.numpy.promotion import common_dtype, convert, operand
from jaxlite.numpy.registry import implements
from jaxlite.ops.structural import instantiate
from jaxlite.primitive import Zero
from jaxlite.trace import aval_of

_NUMBERS = (bool, int, float, complex)
# Sets, not tuples: np.dtype(np.float64) == None.
_SINGLE = {np.dtype(np.float32), np.dtype(np.complex64)}
_DOUBLE = {np.dtype(np.float64), np.dtype(np.complex128)}
_COMPUTED = tuple(map(np.dtype, (np.float32, np.float64, np.complex64, np.complex128)))


def converted(name: str, *args, kinds: str = "f") -> list:
    """Return operands in the dtype in which SciPy's ufuncs compute: float32, float64, or complex."""
    operands = [operand(name, arg, i) for i, arg in enumerate(args)]
    dtype = common_dtype(operands)
    # SciPy computes integers and float16 in float64.
    if dtype not in _COMPUTED:
        dtype = np.dtype(np.float64)
    if dtype.kind not in kinds:
        raise _complex_error(name, operands)
    return [jnp.asarray(convert(x, dtype)) for x in operands]


def promoted(name: str, *args, kinds: str = "f") -> list:
    """Return `converted` operands of one shape."""
    arrays = converted(name, *args, kinds=kinds)
    return jnp.broadcast_arrays(*arrays) if len(arrays) > 1 else arrays


def _complex_error(name: str, operands) -> DtypeError:
    return DtypeError(
        f"{name}: operands have types {', '.join(str(aval_of(x)) for x in operands)}.",
        why=f"{name} takes real numbers here.",
        fix="take real and imaginary part, x.real and x.imag.",
    )


def apply(name: str, function: Callable, *args):
    """Compute ``function`` in double precision, and give the dtype of the promoted operands."""
    operands = promoted(name, *args)
    dtype = aval_of(operands[0]).dtype
    result = function(*[jnp.astype(x, np.float64) for x in operands])
    if isinstance(result, tuple):
        return tuple(jnp.astype(part, dtype) for part in result)
    return jnp.astype(result, dtype)


def rule(*slopes: Callable | None | str) -> Callable:
    """Give a function of arrays its derivatives.

    Parameters
    ----------
    *slopes : callable, None or str
        For each operand ``(ans, *operands) -> ∂z/∂operand``; None where it is zero, a string where there is none: the
        reason.
    """

    def decorate(function: Callable) -> custom_jvp:
        ruled = custom_jvp(function)

        def jvp(primals, tangents):
            ans = ruled(*primals)
            total = None
            for tangent, slope in zip(tangents, slopes, strict=True):
                if type(tangent) is Zero or slope is None:
                    continue
                if isinstance(slope, str):
                    raise RuleError(
                        f"{function.__name__.strip('_')} is not differentiable with respect to this argument.",
                        why=slope,
                        fix="keep it constant: jaxlite.lax.stop_gradient.",
                    )
                term = tangent * slope(ans, *primals)
                total = term if total is None else total + term
            return ans, instantiate(Zero.like(ans)) if total is None else total

        ruled.defjvp(jvp, symbolic_zeros=True)
        return ruled

    return decorate


def elements(kernel: Callable) -> Callable:
    """Return a function of numbers as one of arrays of one shape; it compiles to one native loop over the elements."""
    mapped = jit(vmap(kernel))

    @functools.wraps(kernel)
    def function(*operands):
        shape = aval_of(operands[0]).shape
        flat = mapped(*[jnp.reshape(x, (-1,)) for x in operands])
        if isinstance(flat, tuple):
            return tuple(jnp.reshape(x, shape) for x in flat)
        return jnp.reshape(flat, shape)

    return function


@functools.cache
def scipy_function(name: str, module: str = "special") -> Callable:
    """Return a function of SciPy, which is imported now."""
    return getattr(importlib.import_module(f"scipy.{module}"), name)


def _are_single(args) -> bool:
    """Whether operands are of single precision and Python numbers, not numbers alone."""
    dtypes = {getattr(arg, "dtype", None) for arg in args if type(arg) not in _NUMBERS}
    return bool(dtypes) and dtypes <= _SINGLE


def by_scipy(name: str, arrays: int = 1, unless: Callable | None = None) -> Callable:
    """Let SciPy's function of this name compute where nothing is traced, and document operands and result.

    Parameters
    ----------
    name : str
    arrays : int, default 1
        How many operands there are.
    unless : callable, optional
        ``(*operands) -> mask``: where SciPy's value is not the one of compiled programs. There the decorated function
        is interpreted, equation by equation: the same number, and nothing to compile.
    """

    def decorate(function: Callable) -> Callable:
        function.__doc__ = _document(function, arrays)

        def call(*args):
            wrong = None if unless is None else _mask(unless, args)
            given = args if wrong is None else [np.where(wrong, 1.0, arg) for arg in args]
            result = scipy_function(name)(*given)
            # Some of SciPy's loops of single precision are not found where an operand is a Python number.
            if getattr(result, "dtype", None) in _DOUBLE and _are_single(args):
                result = result.astype(np.float32 if result.dtype.kind == "f" else np.complex64)
            return result if wrong is None else _corrected(function, wrong, result, args)

        return implements(None, arrays=arrays, eager=call)(function)

    return decorate


def _mask(unless: Callable, args):
    """Return where SciPy must not compute; None where it may everywhere."""
    operands = [np.asarray(arg) for arg in args]
    if any(operand.dtype.kind == "c" for operand in operands):
        return None
    with np.errstate(all="ignore"):
        wrong = unless(*operands)
    return wrong if np.any(wrong) else None


def _corrected(function: Callable, wrong, result, args):
    """Return SciPy's result with the elements replaced that are wrong."""
    operands = np.broadcast_arrays(wrong, *args)[1:]
    corrected = np.array(result)
    wrong = np.broadcast_to(wrong, corrected.shape)
    with disable_jit():
        corrected[wrong] = function(*[operand[wrong] for operand in operands])
    return corrected[()]


def _document(function: Callable, arrays: int) -> str:
    """Put the sections that these functions share between the summary and the notes and examples."""
    head, *tail = re.split(r"\n\n(?=    (?:Notes|Examples)\n)", function.__doc__.rstrip(), maxsplit=1)
    if "Parameters\n" in head:
        return function.__doc__
    names = function.__code__.co_varnames[:arrays]
    shape = "" if arrays == 1 else " They broadcast."
    rest = f"\n{tail[0]}\n" if tail else ""
    return f"""{head}

    Parameters
    ----------
    {", ".join(names)} : f32[...] or f64[...]
        Arrays, numbers or traced values; integers are taken as float64.{shape}

    Returns
    -------
    Array
        f32 where every operand is float32 (or a Python number), else f64.

    Raises
    ------
    DtypeError
        If an operand is complex{"" if arrays == 1 else ", or no array"}.
{rest}    """
