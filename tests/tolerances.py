"""How far two results may be apart: one table for all tests, per dtype.

``tolerance_of(dtype)`` is the table that `jaxlite.test_util` has for users (``rounding`` for the same
operations in another order, ``derivative`` for finite differences); this file adds ulps, for one operation
against its reference.

    assert_close(x, y)           # one computation done in two ways: relative to the largest element
    assert_within_ulps(x, y, 4)  # element by element
"""

from __future__ import annotations

import numpy as np

from jaxlite.dtypes import float0, is_inexact
from jaxlite.test_util import tolerance_of

# One elementwise operation against NumPy's or SciPy's: another libm, or the same function by another formula.
ELEMENTWISE_ULPS = 4


def assert_same_type(got, expected) -> None:
    """Fail unless shape and dtype agree."""
    types = [f"{np.asarray(x).dtype}{list(np.shape(x))}" for x in (got, expected)]
    assert types[0] == types[1], f"got {types[0]}, expected {types[1]}"


def assert_within_ulps(got, expected, ulps: int = ELEMENTWISE_ULPS) -> None:
    """Fail unless type and every element agree, up to units in the last place; nan agrees with nan."""
    assert_same_type(got, expected)
    got, expected = np.asarray(got), np.asarray(expected)
    if not is_inexact(expected.dtype):
        np.testing.assert_array_equal(got, expected)
        return
    for a, b in zip(_parts(got), _parts(expected)):
        tiny = float(np.finfo(b.dtype).smallest_subnormal)
        np.testing.assert_allclose(a, b, rtol=ulps * float(np.finfo(b.dtype).eps), atol=ulps * tiny)


def _parts(x: np.ndarray) -> tuple[np.ndarray, ...]:
    return (x.real, x.imag) if x.dtype.kind == "c" else (x,)


def assert_close(got, expected, rtol: float | None = None, atol: float = 0.0) -> None:
    """Fail unless type and values agree up to rounding, relative to the largest finite element.

    ``rtol`` replaces the table's value where more operations lie between the two than a handful; ``atol`` is
    for results that may cancel to nothing.
    """
    assert_same_type(got, expected)
    got, expected = np.asarray(got), np.asarray(expected)
    if expected.dtype == float0:
        return
    if not is_inexact(expected.dtype):
        np.testing.assert_array_equal(got, expected)
        return
    rtol = tolerance_of(expected.dtype).rounding if rtol is None else rtol
    magnitude = np.abs(expected)
    largest = float(np.max(magnitude, initial=0.0, where=np.isfinite(magnitude)))
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * largest + atol)
