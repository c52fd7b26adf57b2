"""Installs operators, methods and ``.at`` on traced values and on `Array`.

One of the two sanctioned upward links: ``Tracer`` and ``Array`` stand layers below, and get here what the
functions of this package do. The tables at the end say which method is which function::

    x.sum(axis=0)  ->  jnp.sum(x, axis=0)          x + y  ->  jnp.add(x, y)          x.at[i]  ->  At(x, i)
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxlite.array import SILENT, Array, silence, voice
from jaxlite.dtypes import as_dtype
from jaxlite.errors import ArgumentError, DtypeError
from jaxlite.ir import ShapedArray
from jaxlite.numpy import (
    bits,
    contraction,
    elements,
    indexing,
    reductions,
    selection,
    shaping,
    sorting,
    ufuncs,
)
from jaxlite.numpy.creation import astype, copy
from jaxlite.numpy.promotion import is_weak
from jaxlite.numpy.registry import REFUSALS, apply_ufunc, ndarray, view, wrap
from jaxlite.ops import elementwise
from jaxlite.trace import EVAL, Tracer, current_trace, is_value

# --- operators of traced values -----------------------------------------------------------------------


def _accepts(name: str, other) -> bool:
    """Whether ``other`` can be an operand; lists are refused, strangers may have their own operator."""
    if isinstance(other, Tracer) or is_value(other):
        return True
    if isinstance(other, list | tuple):
        raise DtypeError(
            f"operator {name}: a traced value and a {type(other).__name__}.",
            why="lists are not converted silently.",
            fix="convert it: jnp.asarray([1, 2]); several traced values: jnp.stack([x, y]).",
        )
    return False


def _weaken(result):
    """Make a result of weak operands weak again, where its primitives did not keep it so."""
    if isinstance(result, tuple):
        return tuple(map(_weaken, result))
    if isinstance(result, Tracer) and not result.aval.weak_type and result.aval.dtype.kind != "b":
        return elementwise.convert_element_type(result, result.aval.dtype, True)
    return result


def _operate(function: np.ufunc, rule: Callable, *operands):
    result = apply_ufunc(function, rule, operands)
    # Python numbers stay Python numbers under operators.
    return _weaken(result) if all(map(is_weak, operands)) else result


def _binary(name: str, function: np.ufunc, rule: Callable):
    def forward(self, other):
        return _operate(function, rule, self, other) if _accepts(name, other) else NotImplemented

    def reflected(self, other):
        return _operate(function, rule, other, self) if _accepts(name, other) else NotImplemented

    return forward, reflected


def _unary(function: np.ufunc, rule: Callable):
    def apply(self):
        return _operate(function, rule, self)

    return apply


_BINARY = {
    "add": (np.add, ufuncs.add.rule),
    "sub": (np.subtract, ufuncs.subtract.rule),
    "mul": (np.multiply, ufuncs.multiply.rule),
    "truediv": (np.true_divide, ufuncs.divide.rule),
    "floordiv": (np.floor_divide, ufuncs.floor_divide.rule),
    "mod": (np.remainder, ufuncs.remainder.rule),
    "divmod": (np.divmod, ufuncs.divmod.rule),
    "and": (np.bitwise_and, ufuncs.bitwise_and.rule),
    "or": (np.bitwise_or, ufuncs.bitwise_or.rule),
    "xor": (np.bitwise_xor, ufuncs.bitwise_xor.rule),
    "lshift": (np.left_shift, ufuncs.left_shift.rule),
    "rshift": (np.right_shift, ufuncs.right_shift.rule),
}
_COMPARISON = {
    "eq": (np.equal, ufuncs.equal.rule),
    "ne": (np.not_equal, ufuncs.not_equal.rule),
    "lt": (np.less, ufuncs.less.rule),
    "le": (np.less_equal, ufuncs.less_equal.rule),
    "gt": (np.greater, ufuncs.greater.rule),
    "ge": (np.greater_equal, ufuncs.greater_equal.rule),
}
_UNARY = {
    "neg": (np.negative, ufuncs.negative.rule),
    "pos": (np.positive, ufuncs.positive.rule),
    "abs": (np.absolute, ufuncs.absolute.rule),
    "invert": (np.invert, ufuncs.invert.rule),
}


def _pow(self, other, modulo=None):
    if modulo is not None:
        raise TypeError("pow() of a traced value takes no modulus")
    if type(other) is int and other == 2 and self.aval.dtype.kind == "b":
        # ndarray's operator squares: int8, where np.power(bools, 2) is int64.
        return ufuncs.square(self)
    return _power_of(self, other) if _accepts("**", other) else NotImplemented


def _rpow(self, other, modulo=None):
    return _power_of(other, self) if _accepts("**", other) else NotImplemented


def _power_of(base, exponent):
    result = ufuncs.power.rule(base, exponent)
    return _weaken(result) if is_weak(base) and is_weak(exponent) else result


def _matmul(self, other):
    return contraction.matmul(self, other) if _accepts("@", other) else NotImplemented


def _rmatmul(self, other):
    return contraction.matmul(other, self) if _accepts("@", other) else NotImplemented


def _tracer_round(self, ndigits=None):
    return elements.round(self, ndigits or 0)


def _tracer_getitem(self, index):
    return indexing.getitem(self, index)


def _tracer_iter(self):
    if not self.aval.shape:
        raise TypeError("iteration over a 0-d array")
    return iter(shaping.unstack(self))


def _tracer_contains(self, item):
    return bool(reductions.any(ufuncs.equal(self, item)))


# --- operators of Array that NumPy does not give --------------------------------------------------------


def _array_binary(apply: Callable, function: Callable, otherwise: Callable):
    """Make an operator that hands plain operands to NumPy directly, 1 µs sooner than ``__array_ufunc__``."""

    def operate(self, other):
        kind = type(other)
        if kind is Array:
            given = view(other, ndarray)
        elif kind is float or kind is int or kind is ndarray:
            given = other
        else:
            return otherwise(self, other)
        token = silence(SILENT)
        try:
            result = apply(view(self, ndarray), given)
            return view(result, Array) if type(result) is ndarray else wrap(result)
        except REFUSALS:
            pass
        finally:
            voice(token)
        return function(self, other)

    return operate


def _reflected(function: Callable) -> Callable:
    return lambda self, other: function(other, self)


def _array_unary(apply: Callable):
    def operate(self):
        token = silence(SILENT)
        try:
            result = apply(view(self, ndarray))
        finally:
            voice(token)
        return view(result, Array) if type(result) is ndarray else wrap(result)

    return operate


_ARRAY_BINARY = {
    "add": ufuncs.add,
    "sub": ufuncs.subtract,
    "mul": ufuncs.multiply,
    "truediv": ufuncs.divide,
    "floordiv": ufuncs.floor_divide,
    "mod": ufuncs.remainder,
    "pow": ufuncs.power,
    "matmul": contraction.matmul,
    "and": ufuncs.bitwise_and,
    "or": ufuncs.bitwise_or,
    "xor": ufuncs.bitwise_xor,
    "lshift": ufuncs.left_shift,
    "rshift": ufuncs.right_shift,
}
_ARRAY_COMPARISON = {
    "lt": ufuncs.less,
    "le": ufuncs.less_equal,
    "gt": ufuncs.greater,
    "ge": ufuncs.greater_equal,
    "eq": ufuncs.equal,
    "ne": ufuncs.not_equal,
}


def _array_iter(self):
    # Not by `_array_getitem`, whose IndexError at the end would be put into words.
    return map(wrap, iter(view(self, ndarray)))


def _array_getitem(self, index):
    if type(index) is not list:
        try:
            result = np.ndarray.__getitem__(self, index)
            return result if type(result) is Array else wrap(result)
        except (TypeError, ValueError, IndexError, OverflowError):
            # A traced index, which goes to the primitives, or a wrong one, which is refused in our words.
            pass
    return indexing.getitem(self, index)


# --- methods ------------------------------------------------------------------------------------------


def _reshape(self, *shape, order: str = "C"):
    return shaping.reshape(self, shape[0] if len(shape) == 1 else shape, order)


def _transpose(self, *axes):
    if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], list | tuple)):
        axes = axes[0]
    return shaping.transpose(self, axes or None)


def _astype(self, dtype, *args, **kwargs):
    return astype(self, dtype)


def _view(self, dtype=None):
    if dtype is None:
        return self
    return bits.reinterpreted(self, as_dtype(dtype))


def _flatten(self, order: str = "C"):
    return shaping.ravel(self, order)


def _sort(self, axis=-1, **kwargs):
    return sorting.sort(self, axis, **kwargs)


def _clip(self, min=None, max=None, **kwargs):
    return selection.clip(self, min, max, **kwargs)


def _nonzero(self, *, size=None, fill_value=None):
    return selection.nonzero(self, size=size, fill_value=fill_value)


def _compress(self, condition, axis=None):
    return elements.compress(condition, self, axis)


def _at(self):
    """Elements to read or write: ``x.at[index].set(values)`` returns a changed copy; see `At`."""
    return indexing.IndexUpdateHelper(self)


def _aval(self) -> ShapedArray:
    return ShapedArray(self.shape, self.dtype)


def _array_real(self):
    return np.ndarray.real.__get__(self)


def _array_imag(self):
    return np.ndarray.imag.__get__(self)


def _array_namespace(self, /, *, api_version: str | None = None):
    """Return `jaxlite.numpy`, which has the functions of the array API standard.

    Parameters
    ----------
    api_version : str, optional
        "2024.12" or an earlier version.
    """
    if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
        raise ArgumentError(
            f"__array_namespace__: version {api_version!r} of the array API standard is not there.",
            fix="use '2024.12', or leave it out.",
        )
    return sys.modules[__package__]


def _to_device(self, device: Any, /, *, stream: Any = None):
    """Return the array itself: there is one device."""
    return self


def _device(self) -> str:
    """The one device, as ``np.ndarray.device`` says: "cpu"."""
    return "cpu"


# Methods that an array takes from functions whose first parameter is the array.
_SHARED_METHODS = {
    "all": reductions.all,
    "any": reductions.any,
    "argmax": reductions.argmax,
    "argmin": reductions.argmin,
    "argpartition": sorting.argpartition,
    "argsort": sorting.argsort,
    "clip": _clip,
    "compress": _compress,
    "cumprod": reductions.cumprod,
    "cumsum": reductions.cumsum,
    "diagonal": contraction.diagonal,
    "dot": contraction.dot,
    "max": reductions.max,
    "mean": reductions.mean,
    "min": reductions.min,
    "nonzero": _nonzero,
    "prod": reductions.prod,
    "ptp": reductions.ptp,
    "repeat": shaping.repeat,
    "round": elements.round,
    "searchsorted": sorting.searchsorted,
    "std": reductions.std,
    "sum": reductions.sum,
    "take": indexing.take,
    "var": reductions.var,
}
# Of these ndarray's own do on `Array`.
_TRACER_METHODS = {
    "astype": _astype,
    "conj": ufuncs.conjugate,
    "conjugate": ufuncs.conjugate,
    "copy": copy,
    "flatten": _flatten,
    "ravel": shaping.ravel,
    "reshape": _reshape,
    "sort": _sort,
    "squeeze": shaping.squeeze,
    "swapaxes": shaping.swapaxes,
    "transpose": _transpose,
    "view": _view,
}
_TRACER_PROPERTIES = {
    "T": shaping.transpose,
    "mT": shaping.matrix_transpose,
    "real": selection.real,
    "imag": selection.imag,
}


def _as_method(name: str, function: Callable) -> Callable:
    def method(self, *args, **kwargs):
        return function(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"Do what `jaxlite.numpy.{name}` does."
    return method


# Methods that ndarray has itself, and that mean the same there: half the way to the result.
_OF_NDARRAY = frozenset(
    (
        *("all", "any", "argmax", "argmin", "cumprod", "cumsum", "max", "mean"),
        *("min", "prod", "round", "std", "sum", "var"),
    )
)
_AXIS_OPTIONS = frozenset(("axis", "keepdims"))


def _as_array_method(name: str, function: Callable) -> Callable:
    """Make a method of ``Array`` that calls ndarray's own where that can be done without a word from NumPy."""
    otherwise = _as_method(name, function)
    if name not in _OF_NDARRAY:
        return otherwise
    apply = getattr(ndarray, name)

    def method(self, *args, **kwargs):
        # NumPy warns about means of nothing; a second argument by position could be one to write into.
        if len(args) < 2 and self.size and _AXIS_OPTIONS.issuperset(kwargs) and current_trace() is EVAL:
            token = silence(SILENT)
            try:
                result = apply(view(self, ndarray), *args, **kwargs)
                return view(result, Array) if type(result) is ndarray else wrap(result)
            except REFUSALS:
                pass
            finally:
                voice(token)
        return function(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = otherwise.__doc__
    return method


def install() -> None:
    """Give ``Tracer`` and ``Array`` their operators and methods."""
    for name, (function, rule) in _BINARY.items():
        forward, reflected = _binary(name, function, rule)
        setattr(Tracer, f"__{name}__", forward)
        setattr(Tracer, f"__r{name}__", reflected)
    for name, (function, rule) in _COMPARISON.items():
        setattr(Tracer, f"__{name}__", _binary(name, function, rule)[0])
    for name, (function, rule) in _UNARY.items():
        setattr(Tracer, f"__{name}__", _unary(function, rule))
    Tracer.__pow__, Tracer.__rpow__ = _pow, _rpow
    Tracer.__matmul__, Tracer.__rmatmul__ = _matmul, _rmatmul
    Tracer.__round__ = _tracer_round
    Tracer.__getitem__ = _tracer_getitem
    Tracer.__iter__ = _tracer_iter
    Tracer.__contains__ = _tracer_contains
    for name, function in (_ARRAY_BINARY | _ARRAY_COMPARISON).items():
        apply, otherwise = getattr(operator, f"__{name}__"), getattr(ndarray, f"__{name}__")
        setattr(Array, f"__{name}__", _array_binary(apply, function, otherwise))
    for name, function in _ARRAY_BINARY.items():
        apply = getattr(ndarray, f"__r{name}__")
        setattr(Array, f"__r{name}__", _array_binary(apply, _reflected(function), apply))
    for name in _UNARY:
        setattr(Array, f"__{name}__", _array_unary(getattr(operator, f"__{name}__")))
    Array.__hash__ = None  # an array that compares by element has no hash
    Array.__getitem__ = _array_getitem
    Array.__iter__ = _array_iter
    for name, function in _SHARED_METHODS.items():
        setattr(Tracer, name, _as_method(name, function))
        setattr(Array, name, _as_array_method(name, function))
    for name, function in _TRACER_METHODS.items():
        setattr(Tracer, name, _as_method(name, function))
    for name, function in _TRACER_PROPERTIES.items():
        setattr(Tracer, name, property(function))
    Tracer.at = Array.at = property(_at)
    type(Array).traced = (Tracer,)
    Array.aval = property(_aval)
    Tracer.device = property(_device)
    Tracer.__array_namespace__ = Array.__array_namespace__ = _array_namespace
    Tracer.to_device = Array.to_device = _to_device
    Tracer.trace = Array.trace = _as_method("trace", contraction.trace)
    Array.real, Array.imag = property(_array_real), property(_array_imag)
