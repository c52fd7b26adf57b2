"""When results of jaxlite and JAX agree: equal shapes and dtypes, values up to rounding, nan where nan is.

difference([1.0], [np.float64(2.0)]) == "[1.], JAX has [2.]"
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Relative to the largest element: two libraries' ways through a dozen operations.
TOLERANCE = {np.dtype(np.float32): 3e-5, np.dtype(np.float64): 1e-10, np.dtype(np.complex128): 1e-10}
TOLERANCE[np.dtype(np.float16)] = 5e-3
TOLERANCE[np.dtype(np.complex64)] = TOLERANCE[np.dtype(np.float32)]
# What is left of numbers around 1 that cancel.
CANCELLED = 1e-14


def is_inexact(dtype) -> bool:
    return np.issubdtype(dtype, np.inexact)


def difference(got: list, expected: list, tolerance: Callable | None = None) -> str:
    """Say how two lists of results differ; empty if they agree. ``tolerance`` is a function of the dtype."""
    if len(got) != len(expected):
        return f"{len(got)} results, JAX has {len(expected)}"
    for x, y in zip(got, expected):
        if problem := _difference(x, y, tolerance or TOLERANCE.__getitem__):
            return problem
    return ""


def _difference(x, y, tolerance) -> str:
    if not hasattr(y, "dtype"):
        return "" if x == y else f"{x!r}, JAX has {y!r}"
    x, y = np.asarray(x), np.asarray(y)
    if (x.dtype, x.shape) != (y.dtype, y.shape):
        return f"{x.dtype}{list(x.shape)}, JAX has {y.dtype}{list(y.shape)}"
    return "" if values_agree(x, y, tolerance) else f"{_flat(x)}, JAX has {_flat(y)}"


def values_agree(x: np.ndarray, y: np.ndarray, tolerance: Callable = TOLERANCE.__getitem__) -> bool:
    if y.dtype.kind not in "fc":
        return np.array_equal(x, y)
    magnitude = np.abs(np.where(np.isfinite(y), y, 0))
    rtol = tolerance(y.dtype)
    atol = rtol * float(np.max(magnitude, initial=0.0)) + CANCELLED
    parts = ((x.real, y.real), (x.imag, y.imag)) if y.dtype.kind == "c" else ((x, y),)
    return all(np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True) for a, b in parts)


def _flat(x: np.ndarray) -> str:
    return np.array2string(x.ravel(), precision=6, threshold=6, edgeitems=3, max_line_width=10**6)
