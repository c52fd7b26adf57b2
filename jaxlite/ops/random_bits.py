"""Random bits: threefry2x32, a block cipher that is given a counter.

    b:u64[3] = random_bits[bit_width=64 shape=(3,)] a 0:u64[]        a:u32[2], a key

Element i of the result is the counter's i-th successor, enciphered with the key: a function of key and place alone, so
that elements are computed in any order, in loops over registers and threads, and where they are used. Every random
number of ``jaxlite.random`` begins here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from jaxlite.errors import ArgumentError, DtypeError, ShapeError
from jaxlite.ir import ShapedArray
from jaxlite.lowering import IndexMap
from jaxlite.ops.structural import bind_checked, broadcast_dim, move_dim
from jaxlite.primitive import NOT_LINEAR, PURE, RECORD, Primitive, zero_tangent
from jaxlite.trace import aval_of

WIDTHS = (8, 16, 32, 64)
U32, U64 = np.dtype(np.uint32), np.dtype(np.uint64)
# By how much the second word turns in each of four rounds; the two rows take turns, five times.
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
# The third word of the key is this, changed by both others.
PARITY = 0x1BD11BDA
# Elements that NumPy enciphers at a time: they stay in the cache through 110 operations.
_CHUNK = 1 << 13
# For so few of them Python's integers take less time than 110 operations of NumPy.
_FEW = 8
_MASK = (1 << 32) - 1


def threefry2x32(key: tuple, block: tuple, rotate) -> tuple:
    """Encipher a block of two 32-bit words with a key of two.

    Parameters
    ----------
    key, block : pair of uint32
        Anything that has ``+`` and ``^`` modulo 2³²: arrays, or what stands for a scalar in a loop program. Python's
        integers do too, where ``rotate`` and the caller drop what overflows.
    rotate : ``(word, count) -> word``
        Turns a word to the left.

    Returns
    -------
    pair of uint32

    References
    ----------
    .. [1] Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """
    keys = (*key, key[0] ^ key[1] ^ PARITY)
    x, y = block[0] + keys[0], block[1] + keys[1]
    for turn in range(5):
        for count in ROTATIONS[turn % 2]:
            x = x + y
            y = rotate(y, count) ^ x
        x = x + keys[(turn + 1) % 3]
        y = y + (keys[(turn + 2) % 3] + (turn + 1))
    return x, y


def _rotate(word: np.ndarray, count: int) -> np.ndarray:
    return (word << np.uint32(count)) | (word >> np.uint32(32 - count))


def _rotate_int(word: int, count: int) -> int:
    word &= _MASK
    return (word << count) | (word >> 32 - count)


def _few_bits(key: np.ndarray, start: int, bit_width: int, size: int) -> list[int]:
    """Encipher with one key, in Python's integers."""
    words, out = key.tolist(), []
    for i in range(start, start + size):
        x, y = threefry2x32(words, ((i >> 32) & _MASK, i & _MASK), _rotate_int)
        x, y = x & _MASK, y & _MASK
        out.append(x << 32 | y if bit_width == 64 else (x ^ y) & ((1 << bit_width) - 1))
    return out


def _random_bits_abstract_eval(key, start, *, bit_width, shape):
    if key.dtype != U32 or start.dtype != U64:
        raise DtypeError(
            f"random_bits: operands have types {key}, {start}.", why="a key is u32, a counter is u64."
        )
    if key.shape[-1:] != (2,) or start.shape not in ((), key.shape[:-1]):
        raise ShapeError(
            f"random_bits: operands have types {key}, {start}.",
            why="a key is u32[2], of many of them the last axis has size 2; each has a counter, or all have one.",
        )
    if bit_width not in WIDTHS:
        raise ArgumentError(f"random_bits: bit_width={bit_width} is not one of 8, 16, 32, 64.")
    if any(n < 0 for n in shape):
        raise ShapeError(f"random_bits: {shape} is no shape.", why="sizes must not be negative.")
    return (ShapedArray(key.shape[:-1] + tuple(shape), np.dtype(f"u{bit_width // 8}")),)


def _random_bits_impl(key, start, *, bit_width, shape):
    keys, start = np.asarray(key), np.asarray(start)
    batch, size = keys.shape[:-1], math.prod(shape)
    if not batch and size <= _FEW:
        few = _few_bits(keys, int(start), bit_width, size)
        return (np.array(few, f"u{bit_width // 8}").reshape(shape),)
    out = np.empty((*batch, size), f"u{bit_width // 8}")
    k1, k2 = keys[..., :1], keys[..., 1:]
    step = max(1, _CHUNK // max(1, math.prod(batch)))
    with np.errstate(over="ignore"):
        for first in range(0, size, step):
            count = start[..., None] + np.arange(first, min(first + step, size), dtype=np.uint64)
            block = (count >> np.uint64(32)).astype(np.uint32), count.astype(np.uint32)
            x, y = threefry2x32((k1, k2), block, _rotate)
            part = out[..., first : first + step]
            if bit_width == 64:
                part[...] = (x.astype(np.uint64) << np.uint64(32)) | y
            else:
                part[...] = (x ^ y).astype(out.dtype)
    return (out.reshape(batch + tuple(shape)),)


def _random_bits_batch(axis, args, dims, *, bit_width, shape):
    (key, start), (key_dim, start_dim) = args, dims
    key = broadcast_dim(key, 0, axis.size) if key_dim is None else move_dim(key, key_dim, 0)
    ndim = len(aval_of(key).shape) - 1
    if start_dim is not None:
        start = move_dim(start, start_dim, 0)
        for d in range(1, ndim):
            # One counter for each member, which has many keys.
            start = (
                start if len(aval_of(start).shape) == ndim else broadcast_dim(start, d, aval_of(key).shape[d])
            )
    elif aval_of(start).shape:
        start = broadcast_dim(start, 0, axis.size)
    return (random_bits(key, start, bit_width, shape),), (0,)


random_bits_p = Primitive(
    name="random_bits",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_random_bits_abstract_eval,
    impl=_random_bits_impl,
    jvp=zero_tangent,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_random_bits_batch,
    lower=IndexMap("random_bits"),
    doc="z[k, i] = threefry(key[k], start[k] + i), i counted in row-major order",
)


def random_bits(key, start, bit_width: int, shape: Sequence[int]):
    """Encipher consecutive counters.

    Parameters
    ----------
    key : array
        u32[..., 2]
    start : array or uint64
        u64[...] or u64[], the counter of the first element.
    bit_width : {8, 16, 32, 64}
        A counter gives two words of 32 bits: the first and the second half of 64, or combined by exclusive or, of
        which 16 and 8 are the lower bits.
    shape : sequence of int

    Returns
    -------
    array
        u8, u16, u32 or u64 of shape ``key.shape[:-1] + shape``.
    """
    shape = tuple([int(n) for n in shape])
    return bind_checked(random_bits_p, key, start, bit_width=bit_width, shape=shape)
