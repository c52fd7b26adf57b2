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
from jaxlite.numpy.promotion import canonical_axes, promote_dtypes, promote_inexact
from jaxlite.trace import aval_of
from jaxlite.typing import Array, ArrayLike
from jaxlite.windowed import conv_general_dilated

__all__ = ["convolve", "convolve2d", "correlate", "correlate2d", "detrend", "fftconvolve"]


def _check(name: str, parameter: str, value, choices):
    if value not in choices:
        raise ArgumentError(
            f"signal.{name}: {parameter} is {value!r}.", why=f"it is one of {', '.join(map(repr, choices))}."
        )


def _operands(name: str, in1, in2, promote=promote_dtypes):
    x, y = map(jnp.asarray, promote(name, in1, in2))
    if x.ndim != y.ndim:
        raise ShapeError(
            f"signal.{name}: operands have types {aval_of(x)} and {aval_of(y)}.", why="their ranks differ."
        )
    return x, y


def _middle(x_shape, y_shape, mode: str) -> tuple[list[int], tuple[int, ...]]:
    """Return where a mode's part of the full convolution begins, and its shape."""
    full = tuple(m + n - 1 for m, n in zip(x_shape, y_shape, strict=True))
    shape = {
        "full": full,
        "same": x_shape,
        "valid": tuple(abs(m - n) + 1 for m, n in zip(x_shape, y_shape, strict=True)),
    }[mode]
    return [(have - want) // 2 for have, want in zip(full, shape, strict=True)], shape


def _check_valid(name: str, x, y, mode: str, axes: Sequence[int]):
    gaps = [x.shape[a] - y.shape[a] for a in axes]
    if mode == "valid" and any(gap < 0 for gap in gaps) and any(gap > 0 for gap in gaps):
        raise ShapeError(
            f"signal.{name}: operands have types {aval_of(x)} and {aval_of(y)}.",
            why='for mode="valid" one must be at least as large as the other along every axis.',
        )


def _direct(x, y, starts, shape):
    """The part of the full convolution that begins at ``starts``; nothing else is computed."""
    if not x.size or not y.size:
        raise ShapeError(
            f"signal.convolve: operands have types {aval_of(x)} and {aval_of(y)}.", why="one is empty."
        )
    # Each element of the result takes as many products as the second operand has elements.
    x, y = (x, y) if x.size >= y.size else (y, x)
    # Element k of the full convolution lies under a window that ends at k; what is negative cuts off.
    padding = [
        (n - 1 - start, start + want - m)
        for m, n, start, want in zip(x.shape, y.shape, starts, shape, strict=True)
    ]
    return conv_general_dilated(x[None, None], jnp.flip(y)[None, None], (1,) * x.ndim, padding)[0, 0]


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
    _check_valid("convolve", x, y, mode, range(x.ndim))
    return _direct(x, y, *_middle(x.shape, y.shape, mode))


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
        For another ``mode``, or if an axis is named twice.
    ShapeError
        If the ranks differ, or none of the operands holds the other along ``axes`` for ``"valid"``.
    """
    _check("fftconvolve", "mode", mode, ("full", "same", "valid"))
    x, y = _operands("fftconvolve", in1, in2, promote_inexact)
    if x.ndim == 0:
        return x * y
    axes = canonical_axes(axes, x.ndim)
    _check_valid("fftconvolve", x, y, mode, axes)
    sizes = tuple(x.shape[a] + y.shape[a] - 1 for a in axes)
    if x.dtype.kind == "c":
        full = nfft.ifftn(nfft.fftn(x, sizes, axes) * nfft.fftn(y, sizes, axes), sizes, axes)
    else:
        full = nfft.irfftn(nfft.rfftn(x, sizes, axes) * nfft.rfftn(y, sizes, axes), sizes, axes)
    full = jnp.astype(full, x.dtype)
    # Along the other axes all of it is the middle.
    shapes = [
        tuple(s if a in axes else other for a, (s, other) in enumerate(zip(v.shape, whole, strict=True)))
        for v, whole in ((x, full.shape), (y, (1,) * x.ndim))
    ]
    starts, shape = _middle(*shapes, mode)
    return full[tuple(slice(s, s + want) for s, want in zip(starts, shape, strict=True))]


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
    return _direct(x, jnp.conj(jnp.flip(y)), [n // 2 for n in y.shape], x.shape)


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
