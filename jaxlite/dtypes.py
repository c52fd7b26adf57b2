"""Dtypes: the ones a program can hold, their short names, and promotion as NumPy does it (NEP 50).

Layer 0: imports numpy and ``errors`` only.

>>> short_name(np.dtype("float64")), short_name(np.dtype("bool")), short_name(float0)
('f64', 'bool', 'float0')
"""

from __future__ import annotations

import numpy as np

from jaxlite.errors import DtypeError

# The dtype of tangents and cotangents of integers and bools: it has one value and holds no bytes.
float0 = np.dtype([("float0", np.void, 0)])

_SHORT_NAMES = {
    np.dtype(name): short
    for name, short in {
        "bool": "bool",
        "int8": "i8",
        "int16": "i16",
        "int32": "i32",
        "int64": "i64",
        "uint8": "u8",
        "uint16": "u16",
        "uint32": "u32",
        "uint64": "u64",
        "float16": "f16",
        "float32": "f32",
        "float64": "f64",
        "complex64": "c64",
        "complex128": "c128",
    }.items()
}
# What users write for them most; `np.dtype` takes five times as long to find them.
_BY_TYPE = {dtype.type: dtype for dtype in _SHORT_NAMES} | {
    t: np.dtype(t) for t in (bool, int, float, complex)
}
_SHORT_NAMES[float0] = "float0"
_BY_SHORT_NAME = {short: dtype for dtype, short in _SHORT_NAMES.items()}

_PYTHON_SCALAR_OF_KIND = {"b": False, "i": 0, "u": 0, "f": 0.0, "c": 0j}
PYTHON_SCALAR_DTYPES = {
    bool: np.dtype(np.bool_),
    int: np.dtype(np.int64),
    float: np.dtype(np.float64),
    complex: np.dtype(np.complex128),
}


class extended(np.generic):
    """The kind of dtypes that NumPy does not have; no array is of it."""


class prng_key(extended):
    """The kind of dtypes of keys, which `issubdtype` asks for; no array is of it."""


class KeyDType:
    """The dtype of keys, for the generator threefry2x32. No array of a program has it: keys hold u32[..., 2]."""

    __slots__ = ()
    type = prng_key
    name = "key<fry>"
    itemsize = 8

    def __eq__(self, other) -> bool:
        return isinstance(other, KeyDType)

    def __hash__(self) -> int:
        return hash(KeyDType)

    def __repr__(self) -> str:
        return self.name


PRNG_KEY = KeyDType()


def issubdtype(a, b) -> bool:
    """Whether a dtype is of a kind, those of keys included.

    Parameters
    ----------
    a, b : dtype, or abstract scalar type

    Returns
    -------
    bool

    Examples
    --------
    >>> issubdtype(jaxlite.random.key(0).dtype, prng_key), issubdtype("float32", np.floating)
    (True, True)
    """
    return np.issubdtype(*map(_scalar_type, (a, b)))


def _scalar_type(dtype):
    if isinstance(dtype, KeyDType):
        return dtype.type
    # Types such as ``jnp.float32`` say what they are themselves, which NumPy's do not.
    own = getattr(dtype, "dtype", None) if isinstance(dtype, type) else None
    return own if isinstance(own, np.dtype) else dtype


def is_supported(dtype: np.dtype) -> bool:
    """Whether arrays of ``dtype`` can be values of a program."""
    return dtype in _SHORT_NAMES


def as_dtype(dtype) -> np.dtype:
    """Return the native-endian ``np.dtype`` that ``dtype`` names, or raise DtypeError."""
    if type(dtype) is type and dtype in _BY_TYPE:
        return _BY_TYPE[dtype]
    found = _scalar_type(dtype)
    if isinstance(found, np.dtype) and is_supported(found):
        return found
    try:
        result = np.dtype(dtype).newbyteorder("=")
    except TypeError as error:
        raise DtypeError(f"{dtype!r} is not a dtype.", why=str(error)) from None
    if not is_supported(result):
        raise DtypeError(
            f"dtype {result} cannot be a value of a program.",
            why="jaxlite computes with booleans, integers, float16/32/64 and complex64/128.",
            fix="convert the data first, for example with x.astype(np.float64).",
        )
    return result


def short_name(dtype: np.dtype) -> str:
    """``f64``, ``i32``, ``bool`` …: how the printed IR writes a dtype."""
    return _SHORT_NAMES.get(dtype) or str(dtype)


def from_short_name(short: str) -> np.dtype | None:
    """Invert `short_name`; None for an unknown name."""
    return _BY_SHORT_NAME.get(short)


def is_inexact(dtype: np.dtype) -> bool:
    """Whether ``dtype`` is floating or complex, that is, differentiable."""
    return dtype.kind in "fc"


def tangent_dtype(dtype: np.dtype) -> np.dtype:
    """Return the dtype of tangents of values of ``dtype``: itself, or float0 for integers and bools."""
    return dtype if dtype.kind in "fc" else float0


def real_dtype(dtype: np.dtype) -> np.dtype:
    """Return the dtype of the real part of a value of ``dtype``."""
    if dtype.kind != "c":
        return dtype
    return np.dtype(np.float32 if dtype.itemsize == 8 else np.float64)


def complex_dtype(dtype: np.dtype) -> np.dtype:
    """Return the complex dtype whose parts can hold values of ``dtype``."""
    return np.dtype(np.complex64 if dtype.char in "efF" else np.complex128)


def result_type(avals) -> tuple[np.dtype, bool]:
    """Promote avals the way NumPy promotes arrays and Python scalars.

    Parameters
    ----------
    avals : iterable of ShapedArray
        An aval with ``weak_type`` takes part as a Python scalar of its kind.

    Returns
    -------
    dtype : numpy.dtype
    weak_type : bool
        True when every operand is weak.
    """
    operands = [_PYTHON_SCALAR_OF_KIND[aval.dtype.kind] if aval.weak_type else aval.dtype for aval in avals]
    weak = all(aval.weak_type for aval in avals)
    return np.result_type(*operands), weak
