"""``r_`` and ``c_``: arrays written in brackets; and the indices that a mask function gives.

jnp.r_[1:4, x, 0.0]  ->  concatenate([arange(1, 4), x, [0.0]])
jnp.c_[x, y]         ->  x and y as columns
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from jaxlite.api import ensure_compile_time_eval
from jaxlite.errors import ArgumentError
from jaxlite.numpy.creation import arange, linspace, ones
from jaxlite.numpy.promotion import operand, strip_weak
from jaxlite.numpy.selection import nonzero
from jaxlite.numpy.shaping import concatenate, reshape, transpose
from jaxlite.trace import EVAL, current_trace
from jaxlite.typing import Array


class _Brackets:
    """Joins what stands in brackets, with traced values among it.

    Parameters
    ----------
    name : str
        For messages.
    axis : int
        Along which to join.
    ndim : int
        Least number of axes of each part.
    place : int
        Where the axes of a part of fewer axes stand; -1 for the end.
    """

    def __init__(self, name: str, axis: int, ndim: int, place: int):
        self.name = name
        self.defaults = (axis, ndim, place)

    def __getitem__(self, key) -> Array:
        entries = list(key) if isinstance(key, tuple) else [key]
        axis, ndim, place = self.defaults
        if entries and isinstance(entries[0], str):
            axis, ndim, place = self._directive(entries.pop(0))
        parts = [self._part(entry, ndim, place) for entry in entries]
        if not parts:
            raise ArgumentError(f"{self.name}: there is nothing in the brackets.")
        return concatenate(parts, axis)

    def _directive(self, text: str) -> tuple[int, int, int]:
        """Read ``"axis"``, ``"axis,ndim"`` or ``"axis,ndim,place"``."""
        numbers = text.split(",")
        try:
            given = [int(n) for n in numbers]
        except ValueError:
            given = []
        if not 1 <= len(given) <= 3:
            raise ArgumentError(
                f"{self.name}: {text!r} is no directive.",
                why="matrices are not supported.",
                fix="write 'axis', 'axis,ndim' or 'axis,ndim,place'.",
            )
        return (*given, *(0, 1, -1)[len(given) :])

    def _part(self, entry, ndim: int, place: int):
        if isinstance(entry, slice):
            return _lifted(_range(entry), ndim, place)
        if isinstance(entry, list | tuple):
            entry = np.asarray(entry)
        return _lifted(strip_weak(operand(self.name, entry)), ndim, place)


def _range(entry: slice):
    start = 0 if entry.start is None else entry.start
    step = 1 if entry.step is None else entry.step
    if isinstance(step, complex):
        return linspace(start, entry.stop, int(abs(step)))
    return arange(start, entry.stop, step)


def _lifted(x, ndim: int, place: int):
    """Insert axes of size 1 until there are ``ndim``; the old ones begin at ``place``, or end there if it is -1."""
    missing = ndim - x.ndim
    if missing <= 0:
        return x
    lifted = reshape(x, (*(1,) * missing, *x.shape))
    start = missing + 1 + place if place < 0 else place
    new = list(range(missing))
    order = [*new[:start], *range(missing, ndim), *new[start:]]
    return transpose(lifted, order)


r_ = _Brackets("r_", 0, 1, -1)
c_ = _Brackets("c_", -1, 2, 0)


def mask_indices(n: int, mask_func: Callable, k: Any = 0, *, size: int | None = None) -> tuple[Array, Array]:
    """Return the indices of a square matrix's elements that a mask function keeps.

    Parameters
    ----------
    n : int
        Size of the matrix.
    mask_func : callable
        Such as `triu`: called with ones, ``f64[n, n]``, and ``k``; what it leaves nonzero counts.
    k : int, default 0
        For the function.
    size : int, optional
        As for `nonzero`.

    Returns
    -------
    rows, columns : Array
        int64

    Examples
    --------
    >>> jnp.mask_indices(2, jnp.triu)
    (Array([0, 0, 1], dtype=int64), Array([0, 1, 1], dtype=int64))
    """
    # Known while a program is recorded, so that the number of indices is.
    if current_trace() is EVAL:
        mask = mask_func(np.ones((n, n)), k)
    else:
        with ensure_compile_time_eval():
            mask = mask_func(ones((n, n)), k)
    return nonzero(mask) if size is None else nonzero(mask, size=size)
