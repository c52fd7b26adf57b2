"""Dtypes under the names ``jnp.float32`` …, and what asks about dtypes.

``jnp.float32`` is a class that makes arrays and that every ``dtype=`` takes::

    jnp.float32(3)  ->  Array(3., dtype=float32)          jnp.float32 == np.float32  ->  True
"""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from jaxlite import dtypes
from jaxlite.array import Array
from jaxlite.dtypes import as_dtype, is_supported
from jaxlite.errors import ArgumentError
from jaxlite.numpy.creation import asarray
from jaxlite.numpy.promotion import operand
from jaxlite.numpy.registry import FUNCTIONS
from jaxlite.trace import Tracer, aval_of
from jaxlite.typing import ArrayLike, DTypeLike


class _ScalarMeta(type):
    """The type of ``jnp.float32`` …: calling it converts, and it equals NumPy's scalar type."""

    dtype: np.dtype

    def __call__(cls, x=0):
        return asarray(x, cls.dtype)

    def __eq__(cls, other):
        # None == a dtype is float64 to NumPy.
        return cls is other or cls.dtype.type is other or (other is not None and other == cls.dtype)

    def __hash__(cls):
        return hash(cls.dtype.type)

    def __instancecheck__(cls, instance):
        return isinstance(instance, cls.dtype.type)

    def __repr__(cls):
        return f"<class 'jaxlite.numpy.{cls.__name__}'>"


def _scalar_type(name: str, dtype) -> _ScalarMeta:
    return _ScalarMeta(
        name, (), {"dtype": np.dtype(dtype), "__doc__": f"Convert to an array of dtype {name}."}
    )


bool_ = _scalar_type("bool_", np.bool_)
int8, int16, int32, int64 = (_scalar_type(name, name) for name in ("int8", "int16", "int32", "int64"))
uint8, uint16, uint32, uint64 = (_scalar_type(name, name) for name in ("uint8", "uint16", "uint32", "uint64"))
float16, float32, float64 = (_scalar_type(name, name) for name in ("float16", "float32", "float64"))
complex64, complex128 = (_scalar_type(name, name) for name in ("complex64", "complex128"))
int_, uint, float_, complex_ = int64, uint64, float64, complex128
half, single, double, csingle, cdouble = float16, float32, float64, complex64, complex128

generic = np.generic
number = np.number
integer, signedinteger, unsignedinteger = np.integer, np.signedinteger, np.unsignedinteger
inexact, floating, complexfloating = np.inexact, np.floating, np.complexfloating
character, flexible, object_ = np.character, np.flexible, np.object_

dtype = np.dtype


def _dtype_of(x: Any) -> np.dtype:
    # NumPy's scalar types have an attribute `dtype` too, which is not one.
    found = getattr(x, "dtype", x)
    return found if isinstance(found, np.dtype) else as_dtype(x)


def finfo(dtype: DTypeLike) -> np.finfo:
    """Return the limits of a floating dtype, as ``np.finfo`` does.

    Parameters
    ----------
    dtype : dtype, or array of it

    Returns
    -------
    numpy.finfo

    Examples
    --------
    >>> jnp.finfo(jnp.float32).bits
    32
    """
    return np.finfo(_dtype_of(dtype))


def iinfo(dtype: DTypeLike) -> np.iinfo:
    """Return the limits of an integer dtype, as ``np.iinfo`` does.

    Parameters
    ----------
    dtype : dtype, or array of it

    Returns
    -------
    numpy.iinfo

    Examples
    --------
    >>> jnp.iinfo(jnp.int8).max
    127
    """
    return np.iinfo(_dtype_of(dtype))


def issubdtype(arg1: DTypeLike, arg2: DTypeLike) -> builtins.bool:
    """Whether a dtype is of a kind, such as ``jnp.floating``.

    Parameters
    ----------
    arg1, arg2 : dtype, or abstract scalar type

    Returns
    -------
    bool

    Examples
    --------
    >>> jnp.issubdtype(jnp.float32, jnp.floating)
    True
    """
    return dtypes.issubdtype(arg1, arg2)


def _plain_type(arg):
    return arg.dtype if isinstance(arg, _ScalarMeta) else arg


def _as_operand(x):
    """Return what ``np.result_type`` takes for an array, dtype, Python scalar or traced value."""
    if type(x) is Array or isinstance(x, _ScalarMeta):
        return x.dtype
    if isinstance(x, Tracer):
        return {"i": 0, "f": 0.0, "c": 0j}[x.aval.dtype.kind] if x.aval.weak_type else x.aval.dtype
    if isinstance(x, np.ndarray | np.generic):
        return x.dtype
    if isinstance(x, builtins.bool | int | float | complex):
        return x
    return as_dtype(x)


def result_type(*args: Any) -> np.dtype:
    """Return the dtype that NumPy promotes arrays, dtypes and Python numbers to.

    Parameters
    ----------
    *args : array_like or dtype

    Returns
    -------
    numpy.dtype

    Examples
    --------
    >>> jnp.result_type(jnp.float32, 1.0)
    dtype('float32')
    """
    return np.result_type(*map(_as_operand, args))


def promote_types(a: DTypeLike, b: DTypeLike) -> np.dtype:
    """Return the dtype that NumPy promotes two dtypes to.

    Parameters
    ----------
    a, b : dtype

    Returns
    -------
    numpy.dtype
    """
    return np.promote_types(as_dtype(a), as_dtype(b))


def can_cast(from_: Any, to: DTypeLike, casting: str = "safe") -> builtins.bool:
    """Whether a dtype can be converted to another, as ``np.can_cast`` says.

    Parameters
    ----------
    from_ : dtype or array
    to : dtype
    casting : str

    Returns
    -------
    bool
    """
    return np.can_cast(_dtype_of(from_), as_dtype(to), casting)


def isdtype(dtype: DTypeLike, kind: Any) -> builtins.bool:
    """Whether a dtype is of a kind named as in the array API standard, such as "real floating".

    Parameters
    ----------
    dtype : dtype
    kind : str, dtype, or tuple of them

    Returns
    -------
    bool
    """
    kind = tuple(map(_plain_type, kind)) if isinstance(kind, tuple) else _plain_type(kind)
    return np.isdtype(as_dtype(dtype), kind)


_KINDS_OF_DTYPES = {
    "bool": (bool_,),
    "signed integer": (int8, int16, int32, int64),
    "unsigned integer": (uint8, uint16, uint32, uint64),
    "real floating": (float32, float64),
    "complex floating": (complex64, complex128),
}
_KINDS_OF_DTYPES["integral"] = _KINDS_OF_DTYPES["signed integer"] + _KINDS_OF_DTYPES["unsigned integer"]
_KINDS_OF_DTYPES["numeric"] = (
    _KINDS_OF_DTYPES["integral"] + _KINDS_OF_DTYPES["real floating"] + _KINDS_OF_DTYPES["complex floating"]
)


class ArrayNamespaceInfo:
    """What this namespace has of the options of the array API standard: `__array_namespace_info__` returns it.

    Examples
    --------
    >>> jnp.__array_namespace_info__().dtypes(kind="complex floating")
    {'complex64': dtype('complex64'), 'complex128': dtype('complex128')}
    """

    def capabilities(self) -> dict[str, Any]:
        """Return what is allowed beyond static shapes, and how many axes an array may have.

        Returns
        -------
        dict of str to bool or int
        """
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """Return the one device, "cpu"."""
        return "cpu"

    def devices(self) -> list[str]:
        """Return all devices: "cpu"."""
        return ["cpu"]

    def default_dtypes(self, *, device: Any = None) -> dict[str, np.dtype]:
        """Return the dtypes of what is made without ``dtype=``.

        Parameters
        ----------
        device : any
            Ignored.

        Returns
        -------
        dict of str to numpy.dtype
        """
        return {
            "real floating": float64.dtype,
            "complex floating": complex128.dtype,
            "integral": int64.dtype,
            "indexing": int64.dtype,
        }

    def dtypes(self, *, device: Any = None, kind: str | tuple[str, ...] | None = None) -> dict[str, np.dtype]:
        """Return the dtypes of the standard, by name.

        Parameters
        ----------
        device : any
            Ignored.
        kind : str or tuple of str, optional
            "bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating" or
            "numeric"; by default all.

        Returns
        -------
        dict of str to numpy.dtype
        """
        kinds = ("bool", "numeric") if kind is None else kind if isinstance(kind, tuple) else (kind,)
        unknown = [name for name in kinds if name not in _KINDS_OF_DTYPES]
        if unknown:
            raise ArgumentError(
                f"dtypes: kind {unknown[0]!r} is not known.",
                fix=f"one of {', '.join(_KINDS_OF_DTYPES)}, or a tuple of them.",
            )
        return {scalar.dtype.name: scalar.dtype for name in kinds for scalar in _KINDS_OF_DTYPES[name]}


def __array_namespace_info__() -> ArrayNamespaceInfo:  # noqa: N807 (the standard's name)
    """Return what this namespace offers: dtypes, devices, and which operations with unknown shapes it has.

    Returns
    -------
    ArrayNamespaceInfo
    """
    return ArrayNamespaceInfo()


def iscomplexobj(x: ArrayLike) -> builtins.bool:
    """Whether a value has a complex dtype.

    Parameters
    ----------
    x : array_like

    Returns
    -------
    bool

    Examples
    --------
    >>> jnp.iscomplexobj(jnp.ones(2))
    False
    """
    if isinstance(x, Tracer | np.ndarray):
        return x.dtype.kind == "c"
    return builtins.bool(np.iscomplexobj(x))


def isrealobj(x: ArrayLike) -> builtins.bool:
    """Whether a value has a dtype that is not complex.

    Parameters
    ----------
    x : array_like

    Returns
    -------
    bool
    """
    return not iscomplexobj(x)


def isscalar(element: Any) -> builtins.bool:
    """Whether a value is a number or an array of rank 0.

    Parameters
    ----------
    element : any

    Returns
    -------
    bool

    Examples
    --------
    >>> jnp.isscalar(2.5)
    True
    """
    if isinstance(element, Tracer | np.ndarray):
        return not element.shape
    return np.isscalar(element) and not isinstance(element, str | bytes)


def _aval(name: str, a):
    """Return what has the shape and dtype of an argument of ``name``: an aval, or the array itself."""
    kind = type(a)
    if kind is Array or (kind is np.ndarray and is_supported(a.dtype)):
        return a
    return aval_of(operand(name, a))


def shape(a: ArrayLike) -> tuple[int, ...]:
    """Return the shape of a value.

    Parameters
    ----------
    a : array_like

    Returns
    -------
    tuple of int

    Examples
    --------
    >>> jnp.shape(jnp.ones((2, 3)))
    (2, 3)
    """
    return _aval("shape", a).shape


def ndim(a: ArrayLike) -> int:
    """Return the number of axes of a value.

    Parameters
    ----------
    a : array_like

    Returns
    -------
    int

    Examples
    --------
    >>> jnp.ndim(jnp.ones((2, 3)))
    2
    """
    return _aval("ndim", a).ndim


def size(a: ArrayLike, axis: int | tuple[int, ...] | None = None) -> int:
    """Return the number of elements of a value, or along some of its axes.

    Parameters
    ----------
    a : array_like
    axis : int or tuple of int, optional

    Returns
    -------
    int

    Examples
    --------
    >>> jnp.size(jnp.ones((2, 3)))
    6
    """
    aval = _aval("size", a)
    if axis is None:
        return aval.size
    count = 1
    for d in axis if isinstance(axis, tuple) else (axis,):
        count *= aval.shape[d]
    return count


FUNCTIONS.update(
    {
        np.shape: shape,
        np.ndim: ndim,
        np.size: size,
        np.iscomplexobj: iscomplexobj,
        np.isrealobj: isrealobj,
        np.result_type: result_type,
        np.can_cast: can_cast,
    }
)
