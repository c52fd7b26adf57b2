"""``jaxlite.scipy.ndimage``: values of an array between its elements.

>>> jaxlite.scipy.ndimage.map_coordinates(jnp.array([0.0, 10.0]), [jnp.array([0.25])], order=1)
Array([2.5], dtype=float64)
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy.promotion import inexact_dtype
from jaxlite.ops.elementwise import round as round_half_away
from jaxlite.trace import aval_of
from jaxlite.typing import Array, ArrayLike

__all__ = ["map_coordinates"]


def _mirrored(index, size: int):
    """Reflect at the centres of the first and last element."""
    period = max(2 * (size - 1), 1)
    index = jnp.mod(index, period)
    return jnp.where(index >= size, period - index, index) if size > 1 else 0 * index


def _reflected(index, size: int):
    """Reflect at the edges of the first and last element."""
    index = jnp.mod(index, 2 * size)
    return jnp.where(index >= size, 2 * size - 1 - index, index)


_BEYOND = {
    "constant": lambda index, size: jnp.clip(index, 0, size - 1),
    "nearest": lambda index, size: jnp.clip(index, 0, size - 1),
    "wrap": lambda index, size: jnp.mod(index, size),
    "mirror": _mirrored,
    "reflect": _reflected,
}


def map_coordinates(
    input: ArrayLike,
    coordinates: Sequence[ArrayLike],
    order: int,
    mode: str = "constant",
    cval: ArrayLike = 0.0,
) -> Array:
    """Interpolate an array at coordinates.

    Parameters
    ----------
    input : array_like
        ``[n_1, …, n_k]``
    coordinates : sequence of k arrays, or an array with k rows
        They broadcast.
    order : {0, 1}
        The nearest element (halfway between two, the one away from zero), or linear.
    mode : {"constant", "nearest", "wrap", "mirror", "reflect"}
        What stands beyond the edges: ``cval``, the last element, the array again, or its reflection.
    cval : number, default 0.0
        Converted to the dtype of ``input``.

    Returns
    -------
    Array
        Of the shape of a coordinate and the dtype of ``input``; integers are rounded, halves away from zero.

    Raises
    ------
    ArgumentError
        For another ``order`` or ``mode``.
    ShapeError
        If the number of coordinates is not the rank of ``input``.

    Notes
    -----
    As in JAX, "wrap" has the period n, and beyond the edges "constant" interpolates towards ``cval``.
    """
    if order not in (0, 1):
        raise ArgumentError(f"map_coordinates: order is {order!r}.", why="it is 0 or 1.")
    if mode not in _BEYOND:
        raise ArgumentError(f"map_coordinates: mode is {mode!r}.", why=f"it is one of {', '.join(_BEYOND)}.")
    x = jnp.asarray(input)
    points = jnp.broadcast_arrays(*[jnp.asarray(c) for c in coordinates]) if len(coordinates) else []
    if len(points) != x.ndim:
        raise ShapeError(
            f"map_coordinates: input has type {aval_of(x)}, and there are {len(points)} coordinates.",
            why="there is one for each axis.",
        )
    dtype, cval = inexact_dtype(x.dtype), jnp.asarray(cval, dtype=x.dtype)
    choices = []
    for point, size in zip(points, x.shape, strict=True):
        point = jnp.astype(point, inexact_dtype(point.dtype))
        low = jnp.floor(point) if order else round_half_away(point)
        places = (
            [(low, 1 - (point - low)), (low + 1, point - low)] if order else [(low, jnp.ones_like(point))]
        )
        found = []
        for place, weight in places:
            index = jnp.astype(place, np.int64)
            inside = (index >= 0) & (index < size) if mode == "constant" else None
            found.append((_BEYOND[mode](index, size), inside, weight))
        choices.append(found)
    total = 0.0
    for corner in itertools.product(*choices):
        value = jnp.astype(x[tuple(index for index, _, _ in corner)], dtype)
        for _, inside, _ in corner:
            if inside is not None:
                value = jnp.where(inside, value, cval)
        for _, _, weight in corner:
            value = value * weight
        total = total + value
    return jnp.astype(round_half_away(total) if x.dtype.kind in "iu" else total, x.dtype)
