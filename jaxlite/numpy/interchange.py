"""Arrays from buffers, files, iterators and text, and arrays as text: NumPy's own functions with our arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from jaxlite.array import Array
from jaxlite.numpy.promotion import strip_weak
from jaxlite.typing import DTypeLike

ComplexWarning = np.exceptions.ComplexWarning


def frombuffer(buffer: Any, dtype: DTypeLike = float, count: int = -1, offset: int = 0) -> Array:
    """Read a buffer as a vector.

    Parameters
    ----------
    buffer : bytes or object with the buffer protocol
        Read, not shared: the result is a copy.
    dtype : dtype, default float64
        Of the elements.
    count : int, default -1
        How many elements; -1 for all.
    offset : int, default 0
        Where to begin, in bytes.

    Returns
    -------
    Array
        ``[count]``
    """
    return strip_weak(np.frombuffer(buffer, np.dtype(dtype), count, offset).copy())


def fromfile(file: Any, dtype: DTypeLike = float, count: int = -1, sep: str = "", offset: int = 0) -> Array:
    """Read a file of numbers as a vector.

    Parameters
    ----------
    file : path or file
        As written by ``tofile``.
    dtype : dtype, default float64
        Of the elements.
    count : int, default -1
        How many elements; -1 for all.
    sep : str, default ""
        What stands between numbers that are text; empty for binary files.
    offset : int, default 0
        Where to begin, in bytes.

    Returns
    -------
    Array
        ``[count]``
    """
    return strip_weak(np.fromfile(file, np.dtype(dtype), count, sep, offset))


def fromiter(iter: Iterable, dtype: DTypeLike, count: int = -1) -> Array:
    """Collect what an iterator gives.

    Parameters
    ----------
    iter : iterable of number
        Not traced values: join those with ``jnp.stack``.
    dtype : dtype
        Of the elements.
    count : int, default -1
        How many elements; -1 for all.

    Returns
    -------
    Array
        ``[count]``
    """
    return strip_weak(np.fromiter(iter, np.dtype(dtype), count))


def fromstring(string: str, dtype: DTypeLike = float, count: int = -1, *, sep: str) -> Array:
    """Read numbers from text.

    Parameters
    ----------
    string : str
        The text.
    dtype : dtype, default float64
        Of the elements.
    count : int, default -1
        How many elements; -1 for all.
    sep : str
        What stands between them.

    Returns
    -------
    Array
        ``[count]``

    Examples
    --------
    >>> jnp.fromstring("1 2", sep=" ")
    Array([1., 2.], dtype=float64)
    """
    return strip_weak(np.fromstring(string, np.dtype(dtype), count, sep=sep))


def _plain(x: Any):
    return x.view(np.ndarray) if type(x) is Array else x


def array_repr(
    arr: Any,
    max_line_width: int | None = None,
    precision: int | None = None,
    suppress_small: bool | None = None,
) -> str:
    """Return an array as text that says what it is.

    Parameters
    ----------
    arr : array_like
        Not traced.
    max_line_width : int, optional
        In characters.
    precision : int, optional
        Digits after the point.
    suppress_small : bool, optional
        Whether numbers that the precision does not show are zeros.

    Returns
    -------
    str
    """
    return np.array_repr(_plain(arr), max_line_width, precision, suppress_small)


def array_str(
    a: Any,
    max_line_width: int | None = None,
    precision: int | None = None,
    suppress_small: bool | None = None,
) -> str:
    """Return the elements of an array as text.

    Parameters
    ----------
    a : array_like
        Not traced.
    max_line_width : int, optional
        In characters.
    precision : int, optional
        Digits after the point.
    suppress_small : bool, optional
        Whether numbers that the precision does not show are zeros.

    Returns
    -------
    str
    """
    return np.array_str(_plain(a), max_line_width, precision, suppress_small)


def iterable(y: Any) -> bool:
    """Whether an object can be iterated over.

    Parameters
    ----------
    y : any
        The object.

    Returns
    -------
    bool
    """
    return np.iterable(y)
