"""``Array``: what jaxlite's functions return, a NumPy array that nothing writes into.

Everything that reads works as on ``np.ndarray``, and NumPy's functions give ``Array`` back. Whatever would write
raises, and ``x += y`` rebinds, so that eager and traced code agree. ``np.asarray(x)`` is an ordinary, writable
view for those who know what they do. The methods ``.at``, operators with tracers and indexing by tracers are
installed by ``jaxlite.numpy``.

>>> Array.of(np.arange(3.0)) + 1
Array([1., 2., 3.], dtype=float64)
"""

from __future__ import annotations

import functools
import inspect
import operator

import numpy as np
from numpy._core import umath

from jaxlite.errors import InplaceUpdateError

# --- NumPy without warnings ---------------------------------------------------------------------------


class _Errstate:
    """The documented way to `silence` NumPy, and to give it back its `voice`; it takes 1.5 µs a call."""

    @staticmethod
    def set(_):
        state = np.errstate(all="ignore")
        state.__enter__()
        return state

    @staticmethod
    def reset(state) -> None:
        state.__exit__(None, None, None)


# What ``with np.errstate(all="ignore")`` does, with a state that is made once: 0.1 µs a call. The two names are
# private to NumPy; without them the documented way does the same.
_HAS_STATE = hasattr(umath, "_make_extobj") and hasattr(umath, "_extobj_contextvar")
SILENT = umath._make_extobj(all="ignore") if _HAS_STATE else None
_state = umath._extobj_contextvar if _HAS_STATE else _Errstate
silence, voice = _state.set, _state.reset


# --- arrays -------------------------------------------------------------------------------------------

_OF_NUMPY = (np.ndarray, np.generic)
_WRITING_FUNCTIONS = frozenset((np.copyto, np.put, np.place, np.putmask, np.put_along_axis, np.fill_diagonal))
# Their results are ordinary arrays: SciPy takes in the values of a user's function with ``np.atleast_1d`` and goes
# on to write into what it computes from them, as it does with ``active = np.zeros_like(x); active[mask] = -1``.
_MAKE_PLAIN_ARRAYS = frozenset(
    (
        np.empty_like,
        np.zeros_like,
        np.ones_like,
        np.full_like,
        np.copy,
        np.atleast_1d,
        np.atleast_2d,
        np.atleast_3d,
    )
)


class _ArrayType(type):
    """Makes ``isinstance(x, Array)`` true for traced values too; ``type(x) is Array`` tells them apart."""

    # Set by ``jaxlite.numpy``: traced values are defined a layer above.
    traced: tuple[type, ...] = ()

    def __instancecheck__(cls, instance) -> bool:
        return super().__instancecheck__(instance) or isinstance(instance, _ArrayType.traced)


class Array(np.ndarray, metaclass=_ArrayType):
    """An immutable ``np.ndarray``, the type of all results.

    ``isinstance(x, Array)`` also holds for the values that stand for arrays while a function is transformed.

    Examples
    --------
    >>> import jaxlite.numpy as jnp
    >>> x = jnp.arange(3.0)
    >>> x.at[0].set(5.0)
    Array([5., 1., 2.], dtype=float64)
    """

    __slots__ = ()
    # What ``np.ma`` keeps the data of a masked array as: it writes into it.
    _baseclass = np.ndarray

    @staticmethod
    def of(value) -> Array:
        """View an array or scalar as ``Array`` without copying."""
        return np.asarray(value).view(Array)

    def block_until_ready(self) -> Array:
        """Return the array itself: nothing runs in the background."""
        return self

    @property
    def weak_type(self) -> bool:
        return False

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if "out" in kwargs and any(type(out) is Array for out in kwargs["out"]):
            raise _write_error(f"out= of np.{ufunc.__name__}")
        if method == "at" and type(inputs[0]) is Array:
            raise _write_error(f"np.{ufunc.__name__}.at")
        arrays = []
        for x in inputs:
            if type(x) is Array:
                x = x.view(np.ndarray)
            elif hasattr(type(x), "__array_ufunc__") and not isinstance(x, _OF_NUMPY):
                return NotImplemented
            arrays.append(x)
        for name, value in kwargs.items():
            if type(value) is Array:
                kwargs[name] = value.view(np.ndarray)
        apply = ufunc if method == "__call__" else getattr(ufunc, method)
        token = silence(SILENT)
        try:
            result = apply(*arrays, **kwargs)
        finally:
            voice(token)
        return _wrap_but(kwargs["out"], result) if "out" in kwargs else _wrap(result)

    def __array_function__(self, func, types, args, kwargs):
        if not all(issubclass(t, np.ndarray) for t in types):
            return NotImplemented
        position = _position_of_out(func)
        out = args[position] if position is not None and position < len(args) else kwargs.get("out")
        if type(out) is Array:
            raise _write_error(f"out= of np.{func.__name__}")
        if (func in _WRITING_FUNCTIONS or _is_told_to_write(func, args, kwargs)) and type(args[0]) is Array:
            raise _write_error(f"np.{func.__name__}")
        if kwargs.get("overwrite_input"):
            kwargs = kwargs | {"overwrite_input": False}
        args = _unwrap(args)
        kwargs = {name: _unwrap(value) for name, value in kwargs.items()}
        token = silence(SILENT)
        try:
            result = func(*args, **kwargs)
        finally:
            voice(token)
        return result if result is out or func in _MAKE_PLAIN_ARRAYS else _wrap(result)

    def __setitem__(self, index, value):
        raise _write_error("x[index] = value")

    def __setattr__(self, name: str, value):
        if name == "dtype":
            # ``x.view(dtype)`` sets it on the new view.
            return super().__setattr__(name, value)
        raise _write_error(f"x.{name} = value")

    @property
    def flat(self):
        """A one-dimensional iterator over the elements, for reading."""
        to_read = self.view(np.ndarray)
        to_read.flags.writeable = False
        return to_read.flat

    def fill(self, *args, **kwargs):
        raise _write_error("x.fill")

    def put(self, *args, **kwargs):
        raise _write_error("x.put")

    def itemset(self, *args):
        raise _write_error("x.itemset")

    def resize(self, *args, **kwargs):
        raise _write_error("x.resize")

    def setfield(self, *args, **kwargs):
        raise _write_error("x.setfield")

    def partition(self, *args, **kwargs):
        raise _write_error("x.partition")

    def sort(self, axis=-1, **kwargs) -> Array:
        """Return a sorted copy (NumPy's method sorts in place)."""
        return _wrap(np.sort(self.view(np.ndarray), axis=axis, **kwargs))

    def byteswap(self, inplace: bool = False) -> Array:
        if inplace:
            raise _write_error("x.byteswap(inplace=True)")
        return _wrap(self.view(np.ndarray).byteswap())

    def __round__(self, ndigits: int | None = None):
        return round(self.item(), ndigits) if self.ndim == 0 else _wrap(np.round(self, ndigits or 0))

    def __repr__(self) -> str:
        body = np.array2string(self.view(np.ndarray), separator=", ", prefix="Array(")
        shape = f", shape={self.shape}" if self.size == 0 and self.shape != (0,) else ""
        return f"Array({body}{shape}, dtype={self.dtype})"

    def __reduce__(self):
        return Array.of, (self.view(np.ndarray),)


def _rebinding(binary_operator):
    def rebind(self, other):
        return binary_operator(self, other)

    rebind.__doc__ = "Rebind instead of writing in place."
    return rebind


for _name in (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "lshift",
    "rshift",
    "and",
    "or",
    "xor",
):
    setattr(Array, f"__i{_name}__", _rebinding(getattr(operator, f"__{_name}__")))


def _write_error(what: str) -> InplaceUpdateError:
    return InplaceUpdateError(
        f"{what} would write into an Array.",
        why="results of jaxlite are shared between programs and never change.",
        fix="x = x.at[index].set(value); or np.array(x) for a copy that can be written.",
    )


@functools.cache
def _position_of_out(func) -> int | None:
    """Return where a NumPy function takes ``out`` by position."""
    try:
        parameters = list(inspect.signature(func).parameters.values())
    except (TypeError, ValueError):
        return None
    by_position = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    return by_position.index("out") if "out" in by_position else None


def _is_told_to_write(func, args, kwargs) -> bool:
    return func is np.nan_to_num and not (args[1] if len(args) > 1 else kwargs.get("copy", True))


def _unwrap(value):
    if type(value) is Array:
        return value.view(np.ndarray)
    if type(value) in (list, tuple):
        return type(value)(_unwrap(item) for item in value)
    return value


def _wrap_but(given: tuple, result):
    """Wrap results, but for the arrays that they were to be written into: ``a += x`` keeps ``a`` what it is."""
    if type(result) is tuple:
        return tuple(_wrap_but(given, item) for item in result)
    return result if any(result is out for out in given) else _wrap(result)


def _wrap(result):
    if isinstance(result, np.ndarray):
        return result.view(Array)
    if isinstance(result, np.generic):
        return np.asarray(result).view(Array)
    if type(result) in (list, tuple):
        return type(result)(_wrap(item) for item in result)
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return type(result)(*(_wrap(item) for item in result))
    return result
