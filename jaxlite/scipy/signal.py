"""``jaxlite.scipy.signal``: convolutions, correlations, and trends.

convolve(x, h)  ->  the primitive convolution; fftconvolve(x, h)  ->  irfft(rfft(x)·rfft(h))

>>> jaxlite.scipy.signal.convolve(jnp.array([1.0, 2.0]), jnp.array([1.0, 1.0]))
Array([1., 3., 2.], dtype=float64)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy import fft as nfft
from jaxlite.numpy.promotion import promote_dtypes, promote_inexact
from jaxlite.trace import aval_of
from jaxlite.typing import Array, ArrayLike
from jaxlite.windowed import conv_general_dilated

__all__ = ["convolve", "convolve2d", "correlate", "correlate2d", "detrend", "fftconvolve"]


def _check(name: str, parameter: str, value, choices):
    if value not in choices:
        raise ArgumentError(
            f"signal.{name}: {parameter} is {value!r}.", why=f"it is one of {', '.join(map(repr, choices))}."
        )


def _operands(name: str, in1, in2):
    x, y = map(jnp.asarray, promote_dtypes(name, in1, in2))
    if x.ndim != y.ndim:
        raise ShapeError(
            f"signal.{name}: operands have types {aval_of(x)} and {aval_of(y)}.", why="their ranks differ."
        )
    return x, y


def _cut(full, x_shape, y_shape, mode: str):
    """Cut the full convolution down."""
    if mode == "full":
        return full
    shape = (
        x_shape if mode == "same" else tuple(abs(m - n) + 1 for m, n in zip(x_shape, y_shape, strict=True))
    )
    starts = [(have - want) // 2 for have, want in zip(full.shape, shape, strict=True)]
    return full[tuple(slice(s, s + want) for s, want in zip(starts, shape, strict=True))]


def _check_valid(name: str, x, y, mode: str):
    gaps = [m - n for m, n in zip(x.shape, y.shape, strict=True)]
    if mode == "valid" and min(gaps) < 0 < max(gaps):
        raise ShapeError(
            f"signal.{name}: operands have types {aval_of(x)} and {aval_of(y)}.",
            why='for mode="valid" one must be at least as large as the other along every axis.',
        )


def _direct(x, y):
    """The full convolution."""
    if not x.size or not y.size:
        raise ShapeError(
            f"signal.convolve: operands have types {aval_of(x)} and {aval_of(y)}.", why="one is empty."
        )
    flipped = jnp.flip(y)
    padding = [(n - 1, n - 1) for n in y.shape]
    result = conv_general_dilated(x[None, None], flipped[None, None], (1,) * x.ndim, padding)
    return result[0, 0]


def convolve(
    in1: ArrayLike, in2: ArrayLike, mode: str = "full", method: str = "auto", precision=None
) -> Array:
    """Convolve two arrays of one rank.

    Parameters
    ----------
    in1, in2 : array_like
    mode : {"full", "same", "valid"}
        All of it, the middle with the size of ``in1``, or what needs no values beyond the edges.
    method : {"auto", "direct", "fft"}
        ``"auto"`` is direct.
    precision : object
        Ignored.

    Returns
    -------
    Array
        Of the promoted dtype.

    Raises
    ------
    ArgumentError
        For another ``mode`` or ``method``.
    ShapeError
        If the ranks differ, or none of the operands holds the other for ``"valid"``.
    """
    if method == "fft":
        return fftconvolve(in1, in2, mode)
    _check("convolve", "method", method, ("auto", "direct", "fft"))
    _check("convolve", "mode", mode, ("full", "same", "valid"))
    x, y = _operands("convolve", in1, in2)
    if x.ndim == 0:
        return x * y
    _check_valid("convolve", x, y, mode)
    return _cut(_direct(x, y), x.shape, y.shape, mode)


def fftconvolve(
    in1: ArrayLike, in2: ArrayLike, mode: str = "full", axes: int | Sequence[int] | None = None
) -> Array:
    """`convolve` by way of Fourier transforms, for long operands.

    Parameters
    ----------
    in1, in2 : array_like
    mode : {"full", "same", "valid"}
    axes : int or sequence of int, optional
        Along which to convolve; the others broadcast. By default all.

    Returns
    -------
    Array
        Floating or complex.

    Raises
    ------
    ArgumentError
        For another ``mode``.
    ShapeError
        If the ranks differ.
    """
    _check("fftconvolve", "mode", mode, ("full", "same", "valid"))
    x, y = _operands("fftconvolve", *promote_inexact("fftconvolve", in1, in2))
    if x.ndim == 0:
        return x * y
    axes = tuple(range(x.ndim)) if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)
    axes = tuple(a % x.ndim for a in axes)
    _check_valid("fftconvolve", x, y, mode)
    sizes = tuple(x.shape[a] + y.shape[a] - 1 for a in axes)
    if x.dtype.kind == "c":
        full = nfft.ifftn(nfft.fftn(x, sizes, axes) * nfft.fftn(y, sizes, axes), sizes, axes)
    else:
        full = nfft.irfftn(nfft.rfftn(x, sizes, axes) * nfft.rfftn(y, sizes, axes), sizes, axes)
    full = jnp.astype(full, x.dtype)
    shapes = [tuple(s if a in axes else full.shape[a] for a, s in enumerate(v.shape)) for v in (x, y)]
    if mode == "valid":
        shapes[1] = tuple(s if a in axes else 1 for a, s in enumerate(shapes[1]))
    return _cut(full, *shapes, mode)


def correlate(
    in1: ArrayLike, in2: ArrayLike, mode: str = "full", method: str = "auto", precision=None
) -> Array:
    """Correlate two arrays of one rank: `convolve` with ``in2`` turned and conjugated.

    Parameters
    ----------
    in1, in2 : array_like
    mode : {"full", "same", "valid"}
    method : {"auto", "direct", "fft"}
    precision : object
        Ignored.

    Returns
    -------
    Array
        Of the promoted dtype.

    Raises
    ------
    ArgumentError, ShapeError
        As for `convolve`.
    """
    x, y = _operands("correlate", in1, in2)
    return convolve(x, jnp.conj(jnp.flip(y)), mode, method)


def _two_dimensional(name: str, in1, in2, boundary, fillvalue):
    if boundary != "fill" or not isinstance(fillvalue, int | float) or fillvalue != 0:
        raise ArgumentError(
            f"signal.{name}: boundary is {boundary!r}, fillvalue {fillvalue!r}.",
            why="what lies beyond the edges is 0.",
            fix="pad first, with jnp.pad.",
        )
    x, y = _operands(name, in1, in2)
    if x.ndim != 2:
        raise ShapeError(
            f"signal.{name}: operands have types {aval_of(x)} and {aval_of(y)}.", why="it takes matrices."
        )
    return x, y


def convolve2d(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: str = "full",
    boundary: str = "fill",
    fillvalue: float = 0,
    precision=None,
) -> Array:
    """`convolve` of matrices.

    Parameters
    ----------
    in1, in2 : array_like
        ``[m, n]`` and ``[k, l]``
    mode : {"full", "same", "valid"}
    boundary : {"fill"}
    fillvalue : {0}
    precision : object
        Ignored.

    Returns
    -------
    Array
        Of the promoted dtype.

    Raises
    ------
    ArgumentError
        For another ``boundary`` or ``fillvalue``.
    ShapeError
        If the operands are no matrices.
    """
    return convolve(*_two_dimensional("convolve2d", in1, in2, boundary, fillvalue), mode)


def correlate2d(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: str = "full",
    boundary: str = "fill",
    fillvalue: float = 0,
    precision=None,
) -> Array:
    """`correlate` of matrices.

    Parameters
    ----------
    in1, in2 : array_like
        ``[m, n]`` and ``[k, l]``
    mode : {"full", "same", "valid"}
    boundary : {"fill"}
    fillvalue : {0}
    precision : object
        Ignored.

    Returns
    -------
    Array
        Of the promoted dtype.

    Raises
    ------
    ArgumentError
        For another ``boundary`` or ``fillvalue``.
    ShapeError
        If the operands are no matrices.
    """
    x, y = _two_dimensional("correlate2d", in1, in2, boundary, fillvalue)
    if mode != "same":
        return correlate(x, y, mode)
    # As in SciPy, where the middle of an even size is another one than for convolutions.
    starts = [n // 2 for n in y.shape]
    return correlate(x, y)[tuple(slice(s, s + m) for s, m in zip(starts, x.shape, strict=True))]


def detrend(data: ArrayLike, axis: int = -1, type: str = "linear", bp: int = 0, overwrite_data=None) -> Array:
    """Subtract the straight line (or the mean) that fits best along an axis.

    Parameters
    ----------
    data : array_like
    axis : int, default -1
    type : {"linear", "constant"}
    bp : int or sequence of int, default 0
        Where a new line begins.
    overwrite_data : None
        Ignored.

    Returns
    -------
    Array
        Of the shape of ``data``.

    Raises
    ------
    ArgumentError
        For another ``type``, or a break beyond the data.
    """
    _check("detrend", "type", type, ("linear", "constant"))
    x = jnp.asarray(promote_inexact("detrend", data)[0])
    if type == "constant":
        return x - jnp.mean(x, axis, keepdims=True)
    x = jnp.moveaxis(x, axis, -1)
    n = x.shape[-1]
    breaks = sorted({0, *np.atleast_1d(bp).tolist(), n})
    if breaks[-1] > n or breaks[0] < 0:
        raise ArgumentError(f"signal.detrend: bp is {bp}.", why=f"there are {n} points.")
    pieces = []
    for first, last in zip(breaks[:-1], breaks[1:], strict=True):
        piece = x[..., first:last]
        t = np.arange(last - first) - 0.5 * (last - first - 1)
        square = float(t @ t) or 1.0
        t = t.astype(np.finfo(x.dtype).dtype)
        slope = jnp.sum(piece * t, -1, keepdims=True) / square
        pieces.append(piece - jnp.mean(piece, -1, keepdims=True) - slope * t)
    return jnp.moveaxis(jnp.concatenate(pieces, -1), -1, axis)
