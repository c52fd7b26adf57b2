"""``jaxlite.image``: other sizes of images, and scaled and shifted ones.

    resize(x: f64[32, 32, 3], (64, 48, 3), "cubic")  ->  x times a matrix along each axis that changes

A resampling is a product with a matrix of weights for each axis: every number of the result is a weighted mean of those
around the place that it comes from. Of known scales the weights are constants, and where few of a column are not 0,
these few rows are gathered and added up instead.
"""

from __future__ import annotations

import enum
import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.errors import ArgumentError
from jaxlite.numpy.promotion import operand, promote_inexact
from jaxlite.trace import Tracer, aval_of
from jaxlite.typing import Array, ArrayLike

__all__ = ["ResizeMethod", "resize", "scale_and_translate"]


class ResizeMethod(enum.Enum):
    """How numbers between those of an image are found."""

    NEAREST = 0
    LINEAR = 1
    LANCZOS3 = 2
    LANCZOS5 = 3
    CUBIC = 4
    CUBIC_PYTORCH = 5
    AREA = 6

    @staticmethod
    def from_string(s: str) -> ResizeMethod:
        """Return a method by its name.

        Parameters
        ----------
        s : {"nearest", "linear", "cubic", "lanczos3", "lanczos5", "cubic-pytorch", "area"}
            Or "bilinear", "trilinear", "triangle", "bicubic", "tricubic", "bicubic-pytorch".

        Returns
        -------
        ResizeMethod
        """
        for names, method in _NAMES:
            if s in names:
                return method
        known = ", ".join(names[0] for names, _ in _NAMES)
        raise ArgumentError(f"an image cannot be resized by {s!r}.", why=f"there are {known}.")


_NAMES = (
    (("nearest",), ResizeMethod.NEAREST),
    (("linear", "bilinear", "trilinear", "triangle"), ResizeMethod.LINEAR),
    (("lanczos3",), ResizeMethod.LANCZOS3),
    (("lanczos5",), ResizeMethod.LANCZOS5),
    (("cubic", "bicubic", "tricubic"), ResizeMethod.CUBIC),
    (("cubic-pytorch", "bicubic-pytorch"), ResizeMethod.CUBIC_PYTORCH),
    (("area",), ResizeMethod.AREA),
)

# --- weights by distance --------------------------------------------------------------------------------


def _triangle(xp, x):
    return xp.maximum(1 - x, 0)


def _cubic(a: float, xp, x):
    """R. Keys, "Cubic convolution interpolation for digital image processing", 1981, with its parameter."""
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return xp.where(x < 1, near, xp.where(x < 2, far, 0))


def _lanczos(radius: int, xp, x):
    # Close to the middle the quotient is 1 to all digits that count, and without a value at 0.
    away = xp.where(x > 1e-3, x, 1)
    y = radius * xp.sin(math.pi * away) * xp.sin(math.pi * away / radius) / (math.pi * away) ** 2
    return xp.where(x > 1e-3, xp.where(x > radius, 0, y), 1)


# Of each method that weights by distance: how far it reaches, and the weight.
_KERNELS = {
    ResizeMethod.LINEAR: (1, _triangle),
    ResizeMethod.LANCZOS3: (3, functools.partial(_lanczos, 3)),
    ResizeMethod.LANCZOS5: (5, functools.partial(_lanczos, 5)),
    ResizeMethod.CUBIC: (2, functools.partial(_cubic, -0.5)),
    ResizeMethod.CUBIC_PYTORCH: (2, functools.partial(_cubic, -0.75)),
}
# Columns of weights with a smaller sum are taken for empty.
_LEAST_SUM = 1000 * float(np.finfo(np.float32).eps)


def _normalised(xp, weights):
    total = xp.sum(weights, axis=0, keepdims=True)
    return xp.where(xp.abs(total) > _LEAST_SUM, weights / xp.where(total != 0, total, 1), 0)


def _weights(size: int, new_size: int, scale, translation, method: ResizeMethod, antialias: bool):
    """Return the matrix ``[size, new_size]`` of one axis."""
    xp = jnp if isinstance(scale, Tracer) or isinstance(translation, Tracer) else np
    new, old = np.arange(new_size), np.arange(size)[:, None]
    step = 1.0 / scale
    # Elements are as wide as their distance, and stand in the middle of that.
    place = (new + 0.5) * step - translation * step - 0.5
    if method == ResizeMethod.AREA:
        start = new * step - translation * step
        overlap = xp.minimum(start + step, old + 1.0) - xp.maximum(start, old)
        weights = xp.maximum(overlap, 0)
    else:
        reach, kernel = _KERNELS[method]
        if method == ResizeMethod.CUBIC_PYTORCH:
            return _with_repeated_ends(xp, size, place, reach, functools.partial(kernel, xp))
        width = xp.maximum(step, 1.0) if antialias else 1.0
        weights = kernel(xp, xp.abs(place - old) / width)
    inside = (place >= -0.5) & (place <= size - 0.5)
    return xp.where(inside, _normalised(xp, weights), 0)


def _with_repeated_ends(xp, size: int, place, reach: int, kernel):
    """Return weights of an image whose first and last elements go on outside of it."""
    weights = kernel(xp.abs(place - np.arange(-reach, size + reach)[:, None]))
    # What falls before the first element, and behind the last one, counts for these.
    before, behind = xp.sum(weights[:reach], axis=0), xp.sum(weights[size + reach :], axis=0)
    ends = np.arange(size)[:, None]
    weights = (
        weights[reach : size + reach] + xp.where(ends == 0, before, 0) + xp.where(ends == size - 1, behind, 0)
    )
    return _normalised(xp, weights)


def _resampled(image, shape, dims, scales, translations, method: ResizeMethod, antialias: bool):
    if method == ResizeMethod.CUBIC_PYTORCH and antialias:
        method = ResizeMethod.CUBIC
    changed = {
        d: (scale, translation) for d, scale, translation in zip(dims, scales, translations, strict=True)
    }

    # First along axes that become shorter, as less is left for the others; and what has to be moved while it is small.
    def turn(d):
        growth = shape[d] / max(image.shape[d], 1)
        return growth, (d if growth < 1 else -d)

    for d in sorted(changed, key=turn):
        weights = _weights(image.shape[d], shape[d], *changed[d], method, antialias)
        image = _weighted(image, weights, d)
    return image


# Rows that are shorter are moved behind one another first.
_LEAST_ROW = 16
# So many rows are added up one by one, 3 to 7 times as quick as a product of matrices, which takes all there are.
_MOST_ROWS = 12


def _weighted(image, weights, d: int):
    """Return sums of what stands along an axis: column j of ``weights`` says how much of what is in place j."""
    row = math.prod(image.shape[d + 1 :])
    if row < min(_LEAST_ROW, row * math.prod(image.shape[:d])):
        return jnp.moveaxis(_weighted_rows(jnp.moveaxis(image, d, 0), weights, 0), 0, d)
    return _weighted_rows(image, weights, d)


def _weighted_rows(image, weights, d: int):
    before, rest = image.shape[:d], image.shape[d + 1 :]
    stack = image.reshape(math.prod(before), image.shape[d], math.prod(rest))
    band = None if isinstance(weights, Tracer) else _band(weights)
    if band is None:
        result = jnp.matmul(jnp.asarray(weights.T).astype(image.dtype), stack)
    else:
        result = 0
        for places, shares in zip(*band, strict=True):
            shares = shares.astype(image.dtype)[:, None]
            result = result + shares * jnp.take(stack, places, axis=1, mode="clip")
    return result.reshape(*before, weights.shape[1], *rest)


def _band(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return places and weights ``[few, columns]`` of what is not 0 in each column; None if that is too much."""
    size = len(weights)
    if size < 4:
        return None
    used = weights != 0
    first = np.argmax(used, axis=0)
    behind = np.where(used.any(axis=0), size - np.argmax(used[::-1], axis=0), first + 1)
    width = int(np.max(behind - first, initial=1))
    if width > _MOST_ROWS or 4 * width > size:
        return None
    places = np.minimum(first, size - width) + np.arange(width)[:, None]
    return places, np.take_along_axis(weights, places, axis=0)


def _arguments(name: str, image, shape, method) -> tuple[Any, tuple[int, ...], ResizeMethod]:
    image, shape = jnp.asarray(operand(name, image)), tuple(int(n) for n in shape)
    if len(shape) != image.ndim:
        raise ArgumentError(f"{name}: a shape of {len(shape)} sizes for an image of type {aval_of(image)}.")
    return image, shape, ResizeMethod.from_string(method) if isinstance(method, str) else method


def _inexact(name: str, image):
    """Return an image in floats: pictures of bytes in float32, as in JAX, and not in twice as much memory."""
    dtype = aval_of(image).dtype
    if dtype.kind in "biu" and dtype.itemsize < 8:
        return jnp.astype(image, np.float32)
    return promote_inexact(name, image)[0]


# --- user functions -------------------------------------------------------------------------------------


def resize(
    image: ArrayLike,
    shape: Sequence[int],
    method: str | ResizeMethod,
    antialias: bool = True,
    precision: Any = None,
) -> Array:
    """Return an image in another size.

    Parameters
    ----------
    image : array_like
        Of any number of axes.
    shape : sequence of int
        The new size of every axis.
    method : str or ResizeMethod
        See `ResizeMethod.from_string`.
    antialias : bool, default True
        Whether means are taken over wider pieces where an axis becomes shorter.
    precision : any
        Ignored.

    Returns
    -------
    Array
        Of shape ``shape``; floating, but for "nearest": float32 for integers below 64 bits.

    Examples
    --------
    >>> resize(np.array([0.0, 1.0]), (4,), "linear")
    Array([0.  , 0.25, 0.75, 1.  ], dtype=float64)
    """
    image, shape, method = _arguments("resize", image, shape, method)
    dims = [d for d, (old, new) in enumerate(zip(image.shape, shape, strict=True)) if old != new]
    if method == ResizeMethod.NEAREST:
        for d in dims:
            # In float32, as JAX rounds.
            places = (np.arange(shape[d], dtype=np.float32) + np.float32(0.5)) * np.float32(image.shape[d])
            image = jnp.take(image, np.floor(places / np.float32(shape[d])).astype(np.int32), axis=d)
        return image
    image = _inexact("resize", image)
    scales = [shape[d] / image.shape[d] if shape[d] else 1.0 for d in dims]
    return _resampled(image, shape, dims, scales, [0.0] * len(dims), method, antialias)


def scale_and_translate(
    image: ArrayLike,
    shape: Sequence[int],
    spatial_dims: Sequence[int],
    scale: ArrayLike,
    translation: ArrayLike,
    method: str | ResizeMethod,
    antialias: bool = True,
    precision: Any = None,
) -> Array:
    """Return an image that is scaled, then shifted.

    Parameters
    ----------
    image : array_like
        Of any number of axes.
    shape : sequence of int
        Of the result.
    spatial_dims : sequence of int
        The axes that are scaled and shifted.
    scale, translation : array_like
        ``f64[len(spatial_dims)]``: what was at ``x`` comes to ``x·scale + translation``, counted from the outer edge of
        the first element.
    method : str or ResizeMethod
        See `ResizeMethod.from_string`; "nearest" is none here.
    antialias : bool, default True
        Whether means are taken over wider pieces where an axis becomes shorter.
    precision : any
        Ignored.

    Returns
    -------
    Array
        Of shape ``shape``, 0 where it shows what is outside of the image; differentiable by ``scale`` and
        ``translation`` too.
    """
    image, shape, method = _arguments("scale_and_translate", image, shape, method)
    if method == ResizeMethod.NEAREST:
        raise ArgumentError(
            "scale_and_translate: the nearest element is not among the methods.", fix="call resize."
        )
    dims = [d % image.ndim for d in spatial_dims]
    scale, translation = (x if isinstance(x, Tracer) else np.asarray(x) for x in (scale, translation))
    wrong = [aval_of(x).shape for x in (scale, translation) if aval_of(x).shape != (len(dims),)]
    if wrong:
        raise ArgumentError(f"scale_and_translate: shape {wrong[0]} of numbers for {len(dims)} axes.")
    image = _inexact("scale_and_translate", image)
    return _resampled(image, shape, dims, list(scale), list(translation), method, antialias)
