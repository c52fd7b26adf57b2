"""Where jaxlite differs from JAX on purpose: what it gives instead, and why.

Each entry names rows and checks the result itself, so that an expected difference is as exact as an
agreement:

    numpy.sin b evaluate         NumPy's dtype, JAX's values in it
    numpy.floor_divide[by zero]  the values written below
    indexing.outside[read]       an IndexError
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tests.oracle.compare import is_inexact, values_agree

_NUMPY = types.SimpleNamespace(__name__="numpy", numpy=np)


def _flat(tree) -> list:
    if isinstance(tree, list | tuple):
        return [leaf for item in tree for leaf in _flat(item)]
    return [tree]


def of_numpy(row, letter) -> list | Exception:
    """Return what NumPy gives for the row, or its exception."""
    try:
        with np.errstate(all="ignore"):
            return [np.asarray(leaf) for leaf in _flat(row.function(_NUMPY)(*row.arrays(letter)))]
    except Exception as error:
        return error


def has_numpys_dtypes(row, letter, transformation, got, expected) -> bool:
    """Whether the dtypes are NumPy's and the values JAX's, as far as the coarser of the two dtypes tells."""
    reference = of_numpy(row, letter)
    if isinstance(reference, Exception):
        refused = isinstance(got, TypeError) and "did not contain a loop" in str(reference)
        return refused and transformation in ("evaluate", "jit", "vmap")
    if isinstance(got, Exception) or transformation in ("grad", "jit_grad", "vmap_grad", "hvp"):
        return False
    dtypes = [leaf.dtype for leaf in reference]
    if transformation in ("jvp", "linearize"):
        # A result that JAX makes a float and NumPy an integer has no tangent here.
        expected = [y for y, dtype in zip(_of_inexact(expected, dtypes), dtypes) if is_inexact(dtype)]
        dtypes = [dtype for dtype in dtypes if is_inexact(dtype)]
    if len(got) != len(dtypes) or [np.asarray(x).dtype for x in got] != dtypes:
        return False
    return all(_agree_in_coarser(np.asarray(x), np.asarray(y)) for x, y in zip(got, expected))


def _of_inexact(expected, dtypes):
    return expected if len(expected) == len(dtypes) else [None] * len(dtypes)


def _agree_in_coarser(x, y) -> bool:
    if x.shape != y.shape:
        return False
    if is_inexact(x.dtype) and is_inexact(y.dtype):
        coarser = min(x.dtype, y.dtype, key=lambda dtype: np.finfo(dtype).precision)
        return values_agree(x.astype(coarser), y.astype(coarser))
    return np.array_equal(x, y)


def _raises(kind: type[Exception]) -> Callable:
    return lambda row, letter, transformation, got, expected: isinstance(got, kind)


def _zero_where_divided_by_zero(row, letter, transformation, got, expected) -> bool:
    """0 for x // 0 and x % 0, JAX's values elsewhere."""
    if isinstance(got, Exception) or transformation not in ("evaluate", "jit", "vmap", "vmap_first"):
        return False
    _, divisor = row.arrays(letter)
    if transformation == "vmap":
        divisor = np.stack([divisor, np.flip(divisor)])
    return all(
        x.dtype == y.dtype and np.array_equal(x, np.where(np.broadcast_to(divisor, x.shape) == 0, 0, y))
        for x, y in zip(map(np.asarray, got), map(np.asarray, expected), strict=True)
    )


class Expected(NamedTuple):
    """A deviation: the rows (by id, or by name for all of its labels), why, and what must hold instead."""

    rows: tuple[str, ...]
    reason: str
    holds: Callable  # (row, letter, transformation, got, expected) -> bool


EXPECTED = (
    Expected(
        ("numpy.floor_divide", "numpy.remainder", "numpy.fmod", "lax.div", "lax.rem"),
        "integers divided by zero give 0, as in NumPy",
        _zero_where_divided_by_zero,
    ),
    Expected(
        ("indexing.outside",),
        "an index out of range is an IndexError, not clamped or dropped",
        _raises(IndexError),
    ),
    Expected(
        ("numpy.*", "linalg.*", "fft.*", "operators.*", "methods.*", "indexing.*"),
        "dtypes are NumPy's",
        has_numpys_dtypes,
    ),
)


def expectation(row, letter, transformation, got, expected) -> str:
    """Return the reason if this difference is one that is expected, and is exactly that; empty otherwise."""
    for entry in EXPECTED:
        named = row.id in entry.rows or row.name in entry.rows or row.name.split(".")[0] + ".*" in entry.rows
        if named and entry.holds(row, letter, transformation, got, expected):
            return entry.reason
    return ""
