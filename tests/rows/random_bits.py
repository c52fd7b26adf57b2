"""Rows of the primitive in ``jaxlite/ops/random_bits.py``."""

import math

import numpy as np

from jaxlite.errors import ArgumentError, DtypeError, ShapeError
from tests.cases import Case, ErrorCase

KEY = np.array([0x13198A2E, 0x03707344], np.uint32)
KEYS = np.array([[0, 0], [0, 42], [0xFFFFFFFF, 7]], np.uint32)
ZERO = np.uint64(0)


def threefry(key, counter: int) -> tuple[int, int]:
    """Salmon et al. (2011), in Python's integers."""
    mask = (1 << 32) - 1
    k = [int(key[0]), int(key[1]), 0x1BD11BDA ^ int(key[0]) ^ int(key[1])]
    x, y = (counter >> 32) + k[0] & mask, (counter & mask) + k[1] & mask
    for i in range(20):
        turn = (13, 15, 26, 6, 17, 29, 16, 24)[i % 8]
        x = x + y & mask
        y = (y << turn & mask | y >> 32 - turn) ^ x
        if i % 4 == 3:
            j = i // 4 + 1
            x, y = x + k[j % 3] & mask, y + k[(j + 1) % 3] + j & mask
    return x, y


def reference(key, start, bit_width, shape):
    batch, size = key.shape[:-1], math.prod(shape)
    starts = np.broadcast_to(start, batch).reshape(-1)
    out = []
    for k, first in zip(key.reshape(-1, 2), starts, strict=True):
        for i in range(size):
            x, y = threefry(k, (int(first) + i) % (1 << 64))
            out.append(x << 32 | y if bit_width == 64 else (x ^ y) % (1 << bit_width))
    return np.array(out, f"u{bit_width // 8}").reshape(batch + tuple(shape))


def row(key, start, bit_width, *shape):
    params = {"bit_width": bit_width, "shape": shape}
    label = f"{bit_width}{shape}".replace(" ", "")
    return Case("random_bits", (key, start), params, reference, label=label)


# The vectors that the authors publish with their programs: zeros, ones, and digits of pi.
assert threefry((0, 0), 0) == (0x6B200159, 0x99BA4EFE)
assert threefry((0xFFFFFFFF, 0xFFFFFFFF), (1 << 64) - 1) == (0x1CB996FC, 0xBB002BE7)
assert threefry((0x13198A2E, 0x03707344), 0x243F6A8885A308D3) == (0xC4923A9C, 0x483DF7A0)

ROWS = [
    *(row(KEY, ZERO, width, 5) for width in (8, 16, 32, 64)),
    row(KEY, ZERO, 64),
    row(KEY, ZERO, 32, 2, 3),
    row(KEY, ZERO, 16, 0, 3),
    row(KEYS, ZERO, 64, 2),
    row(KEYS, np.array([0, 1 << 40, (1 << 64) - 2], np.uint64), 64, 3),
    row(KEYS, np.array([0, 0xFFFFFFFE, 3], np.uint64), 32, 2, 2),
    row(KEYS[None], np.zeros((1, 3), np.uint64), 8),
    row(KEYS[:0], ZERO, 64, 3),
    row(KEY, np.uint64((1 << 64) - 1), 64, 2),
]


def refused(key, start, error, match, bit_width=32, shape=(3,)):
    return ErrorCase("random_bits", (key, start), {"bit_width": bit_width, "shape": shape}, error, match)


ERRORS = [
    refused(KEY.astype(np.int64), ZERO, DtypeError, "a key is u32, a counter is u64"),
    refused(KEY, np.int64(0), DtypeError, "a key is u32, a counter is u64"),
    refused(KEYS.T, ZERO, ShapeError, "a key is u32"),
    refused(KEYS, np.zeros(2, np.uint64), ShapeError, "each has a counter, or all have one"),
    refused(KEY, ZERO, ArgumentError, "bit_width=12 is not one of 8, 16, 32, 64", bit_width=12),
    refused(KEY, ZERO, ShapeError, r"\(-1,\) is no shape", shape=(-1,)),
]
