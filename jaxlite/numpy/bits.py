"""Bytes from bits and back, and arrays whose bits are read as another dtype.

jnp.packbits(x: u8[16])  ->  reshape; shift_left; reduce_sum
"""

from __future__ import annotations

import numpy as np

from jaxlite.errors import ArgumentError, DtypeError, ShapeError
from jaxlite.numpy import ufuncs
from jaxlite.numpy.promotion import canonical_axis, convert, operand, strip_weak
from jaxlite.numpy.reductions import sum as sum_
from jaxlite.numpy.registry import implements
from jaxlite.numpy.selection import imag, real, truth
from jaxlite.numpy.shaping import moveaxis, reshape, slice_axis, stack
from jaxlite.ops import elementwise, structural
from jaxlite.trace import aval_of
from jaxlite.typing import Array, ArrayLike

_UINT8 = np.dtype(np.uint8)


def _shifts(bitorder: str) -> np.ndarray:
    if bitorder not in ("big", "little"):
        raise ArgumentError(f"bitorder is {bitorder!r}.", fix="pass 'big' or 'little'.")
    return np.arange(8, dtype=np.uint8)[:: -1 if bitorder == "big" else 1]


def _last_axis(name: str, a, axis: int | None):
    x = strip_weak(operand(name, a))
    if axis is None:
        return reshape(x, (-1,)), 0
    axis = canonical_axis(axis, x.ndim)
    return moveaxis(x, axis, -1), axis


@implements(np.packbits)
def packbits(a: ArrayLike, axis: int | None = None, bitorder: str = "big") -> Array:
    """Pack eight truth values into each byte.

    Parameters
    ----------
    a : array_like of bool or int
        Whatever is not zero is a set bit.
    axis : int, optional
        By default the array is flattened.
    bitorder : {"big", "little"}
        Whether the first value becomes the highest bit or the lowest.

    Returns
    -------
    Array
        uint8, ``[..., ceil(n / 8), ...]``; missing bits are zero.
    """
    shifts = _shifts(bitorder)
    x, axis = _last_axis("packbits", a, axis)
    if aval_of(x).dtype.kind not in "biu":
        raise DtypeError(f"packbits takes bools and integers, not {aval_of(x)}.")
    n = x.shape[-1]
    bits = convert(truth(x), _UINT8)
    bits = structural.pad(bits, np.uint8(0), (*((0, 0, 0),) * (x.ndim - 1), (0, -n % 8, 0)))
    bits = reshape(bits, (*x.shape[:-1], -(-n // 8), 8))
    return moveaxis(sum_(ufuncs.left_shift(bits, shifts), -1, dtype=_UINT8), -1, axis)


@implements(np.unpackbits)
def unpackbits(
    a: ArrayLike, axis: int | None = None, count: int | None = None, bitorder: str = "big"
) -> Array:
    """Unpack bytes into bits.

    Parameters
    ----------
    a : array_like of uint8
        Bytes.
    axis : int, optional
        By default the array is flattened.
    count : int, optional
        How many bits to return; by default all. Missing ones are zero; a negative number leaves out so many.
    bitorder : {"big", "little"}
        Whether the highest bit comes first or the lowest.

    Returns
    -------
    Array
        uint8 of 0 and 1, ``[..., 8·n, ...]`` or ``[..., count, ...]``
    """
    shifts = _shifts(bitorder)
    x, axis = _last_axis("unpackbits", a, axis)
    if aval_of(x).dtype != _UINT8:
        raise DtypeError(f"unpackbits takes uint8, not {aval_of(x)}.", fix="x.astype(np.uint8)")
    bits = ufuncs.bitwise_and(ufuncs.right_shift(x[..., None], shifts), np.uint8(1))
    bits = reshape(bits, (*x.shape[:-1], 8 * x.shape[-1]))
    if count is not None:
        size = bits.shape[-1]
        length = count if count >= 0 else max(size + count, 0)
        bits = slice_axis(bits, 0, min(length, size), bits.ndim - 1)
        missing = max(length - size, 0)
        bits = structural.pad(bits, np.uint8(0), (*((0, 0, 0),) * (x.ndim - 1), (0, missing, 0)))
    return moveaxis(bits, -1, axis)


# --- bits read as another dtype ------------------------------------------------------------------------


def _scalar_of(dtype: np.dtype) -> np.dtype:
    """Return the dtype of the numbers that an element consists of."""
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def reinterpreted(x, dtype: np.dtype):
    """Read the bits of ``x`` as another dtype, as ``ndarray.view``; of another width the last axis changes size."""
    if x.dtype.kind == "b" and dtype.kind != "b":
        x = convert(x, _UINT8)
    old, new = _scalar_of(x.dtype), _scalar_of(dtype)
    if x.dtype.itemsize == dtype.itemsize and not (x.dtype == dtype and dtype.kind == "c"):
        return elementwise.bitcast_convert_type(x, dtype)
    if not x.ndim:
        raise ShapeError(
            f"view: the bits of {x.aval} cannot be read as {dtype}.",
            why="of another width the last axis changes size, and there is none.",
        )
    if x.dtype.kind == "c":
        x = _joined(stack([real(x), imag(x)], -1))
    if old != new:
        x = _rescaled(x, old, new)
    if dtype.kind != "c":
        return x
    x = _in_groups(x, 2, dtype)
    return elementwise.complex(x[..., 0], x[..., 1])


def _rescaled(x, old: np.dtype, new: np.dtype):
    """Read real numbers as others, by way of integers without sign."""
    x = elementwise.bitcast_convert_type(x, np.dtype(f"u{old.itemsize}"))
    words = np.dtype(f"u{new.itemsize}")
    if new.itemsize < old.itemsize:
        shifts = np.arange(0, 8 * old.itemsize, 8 * new.itemsize, dtype=x.dtype)
        x = _joined((x[..., None] >> shifts).astype(words))
    elif new.itemsize > old.itemsize:
        x = _in_groups(x, new.itemsize // old.itemsize, new).astype(words)
        shifts = np.arange(0, 8 * new.itemsize, 8 * old.itemsize, dtype=words)
        # No two words share a bit, so that their sum is what they make together.
        x = (x << shifts).sum(-1, dtype=words)
    return elementwise.bitcast_convert_type(x, new)


def _joined(x):
    """Make one axis of the last two."""
    return x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])


def _in_groups(x, size: int, dtype: np.dtype):
    if x.shape[-1] % size:
        raise ShapeError(
            f"view: the bits of {x.aval} cannot be read as {dtype}.",
            why=f"the last axis, of size {x.shape[-1]}, must be a multiple of {size}.",
        )
    return x.reshape(*x.shape[:-1], x.shape[-1] // size, size)
