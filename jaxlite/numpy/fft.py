"""``jaxlite.numpy.fft``: discrete Fourier transforms, differentiable, under the names of ``numpy.fft``.

jnp.fft.rfft(x: f64[8], norm="ortho")  ->  fft[fft_lengths=(8,) fft_type=RFFT] x;  mul by 8 ** -0.5
jnp.fft.fft(x: f64[8])                 ->  the same RFFT, and three conjugates in reverse behind its five points
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxlite.array import Array
from jaxlite.dtypes import as_dtype, complex_dtype, real_dtype
from jaxlite.errors import ArgumentError, DtypeError
from jaxlite.numpy import ufuncs
from jaxlite.numpy.creation import astype
from jaxlite.numpy.promotion import canonical_axes, canonical_axis, convert, operand, strip_weak
from jaxlite.numpy.registry import implements
from jaxlite.numpy.shaping import moveaxis, roll
from jaxlite.ops import fft as primitives
from jaxlite.ops import structural
from jaxlite.trace import Tracer, aval_of
from jaxlite.typing import ArrayLike, DTypeLike

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]

_OPPOSITE = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


# --- what all transforms share --------------------------------------------------------------------------


def _prepared(name: str, kind: str, a):
    """Return an operand in a dtype that the transform takes."""
    x = operand(name, a)
    dtype = aval_of(x).dtype
    if kind == "RFFT" and dtype.kind == "c":
        raise DtypeError(
            f"{name}: the operand has type {aval_of(x)}.",
            why="the transform of a complex signal has no half that says it all.",
            fix="use jnp.fft.fft, or take jnp.real(x).",
        )
    if dtype == np.float16:
        dtype = np.dtype(np.float32)  # as NumPy
    if dtype.kind not in "fc":
        dtype = np.dtype(np.float64)
    return convert(x, complex_dtype(dtype) if kind == "IRFFT" else dtype)


def _resized(x, lengths, axes):
    """Cut or pad with zeros at the end, so that the axes have these lengths."""
    shape = list(aval_of(x).shape)
    limits = [min(shape[d], n) for d, n in zip(axes, lengths)]
    if any(shape[d] != n for d, n in zip(axes, limits)):
        stops = list(shape)
        for d, n in zip(axes, limits):
            stops[d] = n
        x = structural.slice(x, (0,) * len(shape), stops)
    if any(n != m for n, m in zip(limits, lengths)):
        config = [(0, 0, 0)] * len(shape)
        for d, n, m in zip(axes, limits, lengths):
            config[d] = (0, m - n, 0)
        x = structural.pad(x, aval_of(x).dtype.type(0), config)
    return x


def _scale(name: str, kind: str, norm, points: int) -> float:
    """Return the factor that makes of the transform of the primitive the one that ``norm`` asks for."""
    if norm not in _OPPOSITE:
        raise ArgumentError(
            f"{name}: norm {norm!r} is not known.", fix='use "backward", "ortho" or "forward".'
        )
    inverse = kind in ("IFFT", "IRFFT")
    if norm == "ortho":
        return math.sqrt(points) if inverse else 1 / math.sqrt(points)
    if norm == "forward":
        return points if inverse else 1 / points
    return 1


def _transform(name: str, kind: str, a, lengths, axes, norm):
    """Transform along ``axes``; None among the lengths stands for what the operand has."""
    x = _prepared(name, kind, a)
    aval = aval_of(x)
    axes = [canonical_axis(axis, aval.ndim) for axis in axes]
    sizes = [aval.shape[axis] for axis in axes]
    if kind == "IRFFT" and lengths[-1] is None:
        sizes[-1] = 2 * (sizes[-1] - 1)
    lengths = [n if m is None else operator.index(m) for n, m in zip(sizes, lengths)]
    if any(n < 1 for n in lengths):
        raise ArgumentError(
            f"{name}: {aval} along axes {tuple(axes)} to lengths {tuple(lengths)}.",
            why="a transform has at least one point.",
        )
    needed = [*lengths[:-1], lengths[-1] // 2 + 1] if kind == "IRFFT" else lengths
    if len(set(axes)) < len(axes):
        # NumPy transforms an axis named twice two times, the last one first.
        return _one_by_one(name, kind, x, lengths, axes, norm)
    factor = _scale(name, kind, norm, math.prod(lengths))
    x = _resized(x, needed, axes)
    last = list(range(aval.ndim - len(axes), aval.ndim))
    moved = x if axes == last else moveaxis(x, axes, last)
    if aval.dtype.kind == "f" and kind in ("FFT", "IFFT"):
        result = _of_real(moved, kind, lengths)
    else:
        result = primitives.fft(moved, kind, lengths)
    if factor != 1:
        result = ufuncs.multiply(result, real_dtype(aval.dtype).type(factor))
    if kind == "IRFFT" and len(axes) == 1 and aval_of(a).dtype == np.float16:
        result = convert(result, np.dtype(np.float16))  # as NumPy, whose other transforms give complex64
    return strip_weak(result if axes == last else moveaxis(result, last, axes))


def _of_real(x, kind: str, lengths):
    """Transform a real array: half of the spectrum is computed, the other half are conjugates of it."""
    half = primitives.fft(x, "RFFT", lengths)
    if kind == "IFFT":
        half = ufuncs.multiply(
            ufuncs.conjugate(half), real_dtype(aval_of(x).dtype).type(1 / math.prod(lengths))
        )
    ndim = aval_of(x).ndim
    stop = (lengths[-1] + 1) // 2
    if stop == 1:
        return half
    # The point -k has the conjugate of the point k: along the last axis what is missing, the others from 0 on.
    rest = structural.rev(ufuncs.conjugate(_between(half, ndim - 1, 1, stop)), (ndim - 1,))
    for axis, n in zip(range(ndim - len(lengths), ndim - 1), lengths):
        if n > 2:
            others = structural.rev(_between(rest, axis, 1, n), (axis,))
            rest = structural.concatenate([_between(rest, axis, 0, 1), others], axis)
    return structural.concatenate([half, rest], ndim - 1)


def _between(x, axis: int, start: int, stop: int):
    shape = aval_of(x).shape
    starts, stops = [0] * len(shape), list(shape)
    starts[axis], stops[axis] = start, stop
    return structural.slice(x, starts, stops)


def _one_by_one(name: str, kind: str, x, lengths, axes, norm):
    """Transform along one axis after the other, the real one first or last."""
    complex_kind = {"RFFT": "FFT", "IRFFT": "IFFT"}.get(kind, kind)
    steps = list(zip(lengths, axes))
    if kind == "IRFFT":
        for n, axis in steps[:-1]:
            x = _transform(name, complex_kind, x, [n], [axis], norm)
        return _transform(name, kind, x, [steps[-1][0]], [steps[-1][1]], norm)
    x = _transform(name, kind, x, [steps[-1][0]], [steps[-1][1]], norm)
    for n, axis in reversed(steps[:-1]):
        x = _transform(name, complex_kind, x, [n], [axis], norm)
    return x


def _transform_n(name: str, kind: str, a, s, axes, norm):
    """Transform along several axes: all of them, or the last ``len(s)``, unless told otherwise."""
    ndim = aval_of(operand(name, a)).ndim
    if axes is None:
        axes = range(ndim) if s is None else range(ndim - len(s), ndim)
    axes = list(axes)
    lengths = [None] * len(axes) if s is None else [None if n == -1 else n for n in s]
    if len(lengths) != len(axes):
        raise ArgumentError(
            f"{name}: {len(lengths)} lengths and {len(axes)} axes.", why="each axis needs its length."
        )
    if not axes:
        if kind in ("RFFT", "IRFFT"):
            raise ArgumentError(f"{name}: no axes.", why="one of them is the real one.")
        x = _prepared(name, kind, a)
        return strip_weak(convert(x, complex_dtype(aval_of(x).dtype)))
    return _transform(name, kind, a, lengths, axes, norm)


def _document_1d(summary: str, result: str, notes: str = "", takes: str = "") -> str:
    return f"""{summary}

    Parameters
    ----------
    a : array_like
        {takes or "``[..., m, ...]``"}
    n : int, optional
        How many points; the array is cut, or padded with zeros at its end. By default what is there.
    axis : int, default -1
    norm : {{"backward", "ortho", "forward"}}, optional
        Where to divide by the number of points: in the inverse transform (by default), by its root in both, or
        in the forward one.

    Returns
    -------
    Array
        {result}
{notes}    """


def _document_nd(summary: str, result: str) -> str:
    return f"""{summary}

    Parameters
    ----------
    a : array_like
    s : sequence of int, optional
        How many points along each of ``axes``; the array is cut, or padded with zeros at its end.
    axes : sequence of int, optional
        By default all, or the last ``len(s)``; of the functions of two axes the last two.
    norm : {{"backward", "ortho", "forward"}}, optional
        Where to divide by the number of points: in the inverse transform (by default), by its root in both, or
        in the forward one.

    Returns
    -------
    Array
        {result}
    """


def _documented(text: str):
    def document(function):
        function.__doc__ = text
        return function

    return document


_COMPLEX = "c64 or c128, of the shape of ``a`` with ``n`` points."
_REAL = "f32 or f64, with ``n`` points."
_HALF = "c64 or c128, with ``n // 2 + 1`` points: the others are their conjugates."
_HALF_TAKEN = "Half a spectrum: its first ``n // 2 + 1`` points, the others being their conjugates."
_EXAMPLE = """
    Examples
    --------
    >>> jnp.fft.rfft(jnp.array([1.0, 0.0, 0.0, 0.0]))
    Array([1.+0.j, 1.+0.j, 1.+0.j], dtype=complex128)
"""


# --- one axis -------------------------------------------------------------------------------------------


@implements(np.fft.fft)
@_documented(_document_1d("Fourier transform along one axis: z_k = Σ_j a_j exp(-2πi jk/n).", _COMPLEX))
def fft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    return _transform("fft.fft", "FFT", a, [n], [axis], norm)


@implements(np.fft.ifft)
@_documented(
    _document_1d("Inverse Fourier transform along one axis: z_j = Σ_k a_k exp(2πi jk/n)/n.", _COMPLEX)
)
def ifft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    return _transform("fft.ifft", "IFFT", a, [n], [axis], norm)


@implements(np.fft.rfft)
@_documented(_document_1d("Fourier transform of a real signal along one axis.", _HALF, _EXAMPLE))
def rfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    return _transform("fft.rfft", "RFFT", a, [n], [axis], norm)


# nonempty: NumPy 2 takes the first point of no points from memory that it has not written.
@implements(np.fft.irfft, nonempty=True)
@_documented(
    _document_1d(
        "Invert `rfft`; ``n`` is 2·(m - 1) unless it is given.",
        _REAL,
        takes=_HALF_TAKEN,
    )
)
def irfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    return _transform("fft.irfft", "IRFFT", a, [n], [axis], norm)


@implements(np.fft.hfft, nonempty=True)
@_documented(
    _document_1d(
        "Fourier transform of a signal that is its own conjugate in reverse; its spectrum is real.",
        _REAL,
        takes=_HALF_TAKEN,
    )
)
def hfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    _scale("fft.hfft", "FFT", norm, 1)
    x = ufuncs.conjugate(operand("fft.hfft", a))
    return _transform("fft.hfft", "IRFFT", x, [n], [axis], _OPPOSITE[norm])


@implements(np.fft.ihfft)
@_documented(_document_1d("Invert `hfft`.", _HALF))
def ihfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    _scale("fft.ihfft", "FFT", norm, 1)
    return ufuncs.conjugate(_transform("fft.ihfft", "RFFT", a, [n], [axis], _OPPOSITE[norm]))


# --- several axes ---------------------------------------------------------------------------------------


def _unless_lengths_alone(function):
    """Make NumPy's function hand on what it warns of: lengths without axes."""

    def call(a, s=None, axes=None, norm=None):
        if s is not None and axes is None:
            raise TypeError("lengths without axes")
        return function(a, s, axes, norm)

    return call


@implements(_unless_lengths_alone(np.fft.fftn), np.fft.fftn)
@_documented(_document_nd("Fourier transform along several axes.", "c64 or c128"))
def fftn(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
) -> Array:
    return _transform_n("fft.fftn", "FFT", a, s, axes, norm)


@implements(_unless_lengths_alone(np.fft.ifftn), np.fft.ifftn)
@_documented(_document_nd("Invert `fftn`.", "c64 or c128"))
def ifftn(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
) -> Array:
    return _transform_n("fft.ifftn", "IFFT", a, s, axes, norm)


@implements(_unless_lengths_alone(np.fft.rfftn), np.fft.rfftn)
@_documented(
    _document_nd(
        "Fourier transform of a real array along several axes.",
        "c64 or c128; the last of the axes has ``n // 2 + 1`` points.",
    )
)
def rfftn(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
) -> Array:
    return _transform_n("fft.rfftn", "RFFT", a, s, axes, norm)


@implements(_unless_lengths_alone(np.fft.irfftn), np.fft.irfftn, nonempty=True)
@_documented(
    _document_nd("Invert `rfftn`; the last of the axes gets 2·(m - 1) points unless told.", "f32 or f64")
)
def irfftn(
    a: ArrayLike,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
) -> Array:
    return _transform_n("fft.irfftn", "IRFFT", a, s, axes, norm)


@implements(np.fft.fft2)
@_documented(_document_nd("Fourier transform along two axes.", "c64 or c128"))
def fft2(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1), norm: str | None = None
) -> Array:
    return _transform_n("fft.fft2", "FFT", a, s, axes, norm)


@implements(np.fft.ifft2)
@_documented(_document_nd("Invert `fft2`.", "c64 or c128"))
def ifft2(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1), norm: str | None = None
) -> Array:
    return _transform_n("fft.ifft2", "IFFT", a, s, axes, norm)


@implements(np.fft.rfft2)
@_documented(
    _document_nd(
        "Fourier transform of a real array along two axes.",
        "c64 or c128; the second of the axes has ``n // 2 + 1`` points.",
    )
)
def rfft2(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1), norm: str | None = None
) -> Array:
    return _transform_n("fft.rfft2", "RFFT", a, s, axes, norm)


@implements(np.fft.irfft2, nonempty=True)
@_documented(
    _document_nd("Invert `rfft2`; the second of the axes gets 2·(m - 1) points unless told.", "f32 or f64")
)
def irfft2(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1), norm: str | None = None
) -> Array:
    return _transform_n("fft.irfft2", "IRFFT", a, s, axes, norm)


# --- frequencies ----------------------------------------------------------------------------------------


def _frequencies(name: str, numbers: np.ndarray, n: int, d, dtype):
    if n < 1:
        raise ArgumentError(f"{name}: {n} points; a transform has at least one.")
    if isinstance(d, Tracer):
        result = ufuncs.divide(numbers, ufuncs.multiply(n, d))
    else:
        result = ufuncs.multiply(numbers, 1.0 / (n * d))
    return result if dtype is None else astype(result, as_dtype(dtype))


def fftfreq(n: int, d: ArrayLike = 1.0, *, dtype: DTypeLike | None = None, device: Any = None) -> Array:
    """Return the frequencies of the points of `fft`.

    Parameters
    ----------
    n : int
        How many points.
    d : number, default 1.0
        The distance of samples, in seconds for frequencies in hertz.
    dtype : dtype, default float64
    device : any
        Ignored.

    Returns
    -------
    Array
        ``[n]``: 0, 1, …, then the negative ones up to -1, each divided by ``n * d``.

    Examples
    --------
    >>> jnp.fft.fftfreq(4, 0.5)
    Array([ 0. ,  0.5, -1. , -0.5], dtype=float64)
    """
    n = operator.index(n)
    numbers = np.concatenate([np.arange((n + 1) // 2), np.arange(-(n // 2), 0)])
    return _frequencies("fft.fftfreq", numbers, n, d, dtype)


def rfftfreq(n: int, d: ArrayLike = 1.0, *, dtype: DTypeLike | None = None, device: Any = None) -> Array:
    """Return the frequencies of the points of `rfft`, which are not negative; parameters as for `fftfreq`."""
    n = operator.index(n)
    return _frequencies("fft.rfftfreq", np.arange(n // 2 + 1), n, d, dtype)


def _shifted(name: str, x, axes, sign: int):
    x = operand(name, x)
    shape = aval_of(x).shape
    axes = canonical_axes(axes, len(shape))
    shifts = [shape[axis] // 2 if sign > 0 else -(shape[axis] // 2) for axis in axes]
    return roll(x, tuple(shifts), axes)


@implements(np.fft.fftshift)
def fftshift(x: ArrayLike, axes: int | Sequence[int] | None = None) -> Array:
    """Move the frequency zero to the middle.

    Parameters
    ----------
    x : array_like
    axes : int or sequence of int, optional
        By default all.

    Returns
    -------
    Array
    """
    return _shifted("fft.fftshift", x, axes, 1)


@implements(np.fft.ifftshift)
def ifftshift(x: ArrayLike, axes: int | Sequence[int] | None = None) -> Array:
    """Invert `fftshift`; parameters as there."""
    return _shifted("fft.ifftshift", x, axes, -1)
