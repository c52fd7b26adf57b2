"""``jaxlite.scipy.signal``: convolutions, correlations, trends, and spectra.

convolve(x, h)  ->  the primitive convolution; fftconvolve(x, h)  ->  irfft(rfft(x)·rfft(h))
stft(x)  ->  windows of x, gathered, times the window, and one call of rfft for all; welch(x)  ->  their mean square

>>> jaxlite.scipy.signal.convolve(jnp.array([1.0, 2.0]), jnp.array([1.0, 1.0]))
Array([1., 3., 2.], dtype=float64)
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Sequence

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy import fft as spectral
from jaxlite.numpy.promotion import canonical_axes, promote_dtypes, promote_inexact
from jaxlite.scipy._rules import scipy_function
from jaxlite.trace import aval_of
from jaxlite.typing import Array, ArrayLike
from jaxlite.windowed import conv_general_dilated

__all__ = [
    "convolve",
    "convolve2d",
    "correlate",
    "correlate2d",
    "csd",
    "detrend",
    "fftconvolve",
    "istft",
    "periodogram",
    "stft",
    "welch",
]


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
    # Longer ones, of small factors, take a tenth of the time of lengths with large ones.
    fast_length = scipy_function("next_fast_len", "fft")
    sizes = tuple(fast_length(x.shape[a] + y.shape[a] - 1, x.dtype.kind != "c") for a in axes)
    if x.dtype.kind == "c":
        full = spectral.ifftn(spectral.fftn(x, sizes, axes) * spectral.fftn(y, sizes, axes), sizes, axes)
    else:
        full = spectral.irfftn(spectral.rfftn(x, sizes, axes) * spectral.rfftn(y, sizes, axes), sizes, axes)
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


# --- spectra --------------------------------------------------------------------------------------------


def _integer(name: str, parameter: str, value, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        raise ArgumentError(
            f"signal.{name}: {parameter} is {value!r:.60}.",
            why="it decides shapes.",
            fix=f"pass a Python int >= {least}.",
        )
    return number


def _window_values(name: str, window, nperseg: int, dtype):
    """Return a window by its name, as SciPy spells them, or the given one."""
    if isinstance(window, str | tuple):
        if window == "hann":
            values = np.sin(np.pi / nperseg * np.arange(nperseg)) ** 2 if nperseg > 1 else np.ones(1)
        else:
            values = scipy_function("get_window", "signal")(window, nperseg)
        return jnp.asarray(values.astype(dtype))
    values = jnp.asarray(window)
    if values.shape != (nperseg,):
        raise ShapeError(
            f"signal.{name}: the window has type {aval_of(values)}.",
            why=f"it is a vector, and nperseg is {nperseg}.",
        )
    return values if values.dtype.kind == "c" else jnp.astype(values, dtype)


def _segments(name: str, length: int, window, nperseg, noverlap, nfft) -> tuple[int, int, int]:
    """Return the length of a segment, how many points two of them share, and the length of the transform."""
    if nperseg is None:
        nperseg = 256 if isinstance(window, str | tuple) else np.shape(window)[0]
    nperseg = _integer(name, "nperseg", nperseg, 1)
    if nperseg > length:
        if not isinstance(window, str | tuple):
            raise ShapeError(
                f"signal.{name}: the window has {nperseg} points.", why=f"the signal has {length}."
            )
        warnings.warn(
            f"signal.{name}: nperseg is {nperseg}, the signal has {length} points: one segment.", stacklevel=4
        )
        nperseg = length
    return nperseg, *_overlap_and_transform(name, nperseg, noverlap, nfft)


def _overlap_and_transform(name: str, nperseg: int, noverlap, nfft) -> tuple[int, int]:
    """Return how many points two segments share, by default half, and the length of the transform, by default all."""
    noverlap = nperseg // 2 if noverlap is None else _integer(name, "noverlap", noverlap, 0)
    nfft = nperseg if nfft is None else _integer(name, "nfft", nfft, 1)
    if noverlap >= nperseg or nfft < nperseg:
        raise ArgumentError(
            f"signal.{name}: nperseg is {nperseg}, noverlap {noverlap}, nfft {nfft}.",
            why="noverlap < nperseg <= nfft is needed.",
        )
    return noverlap, nfft


def _extended(name: str, x, boundary: str | None, width: int):
    """Continue signals beyond both ends."""
    _check(name, "boundary", boundary, (None, "zeros", "even", "odd", "constant"))
    if boundary is None or width == 0:
        return x
    if boundary in ("even", "odd") and width > x.shape[-1] - 1:
        raise ShapeError(
            f"signal.{name}: the signal has {x.shape[-1]} points.",
            why=f"boundary={boundary!r} mirrors {width} of them.",
        )
    margins = [(0, 0)] * (x.ndim - 1) + [(width, width)]
    if boundary == "odd":
        return jnp.pad(x, margins, mode="reflect", reflect_type="odd")
    return jnp.pad(x, margins, mode={"zeros": "constant", "even": "reflect", "constant": "edge"}[boundary])


def _trend_remover(name: str, kind) -> Callable:
    if callable(kind):
        return kind
    if kind is False or kind is None:
        return lambda segments: segments
    _check(name, "detrend", kind, ("linear", "constant", False))
    return lambda segments: detrend(segments, type=kind)


def _spectra(
    name, x, y, fs, window, nperseg, noverlap, nfft, trend, return_onesided, scaling, axis, boundary, padded, square
):  # fmt: skip
    """Transform segments of signals; return frequencies, times, and ``[..., frequency, segment]``."""
    _check(name, "scaling", scaling, ("density", "spectrum"))
    signals = [jnp.asarray(v) for v in promote_inexact(name, *((x,) if y is None else (x, y)))]
    if any(v.ndim == 0 for v in signals) or len({v.ndim for v in signals}) > 1:
        raise ShapeError(
            f"signal.{name}: operands have types {', '.join(str(aval_of(v)) for v in signals)}.",
            why="signals have an axis of time, and two of them the same rank.",
        )
    (axis,) = canonical_axes(axis, signals[0].ndim)
    signals = [jnp.moveaxis(v, axis, -1) for v in signals]
    length = max(v.shape[-1] for v in signals)
    # The shorter one is continued by zeros.
    signals = [
        jnp.pad(v, [(0, 0)] * (v.ndim - 1) + [(0, length - v.shape[-1])]) if v.shape[-1] < length else v
        for v in signals
    ]
    nperseg, noverlap, nfft = _segments(name, length, window, nperseg, noverlap, nfft)
    step = nperseg - noverlap
    real_dtype = np.finfo(signals[0].dtype).dtype
    values = _window_values(name, window, nperseg, real_dtype)
    signals = [_extended(name, v, boundary, nperseg // 2) for v in signals]
    length = signals[0].shape[-1]
    more = -(length - nperseg) % step if padded else 0
    if more:
        signals = [jnp.pad(v, [(0, 0)] * (v.ndim - 1) + [(0, more)]) for v in signals]
        length += more
    is_complex = any(v.dtype.kind == "c" for v in (*signals, values))
    if return_onesided and is_complex:
        warnings.warn(f"signal.{name}: the data are complex; return_onesided=False is used.", stacklevel=3)
    onesided = return_onesided and not is_complex
    starts = np.arange(0, length - nperseg + 1, step)
    places = starts[:, None] + np.arange(nperseg)
    remove = _trend_remover(name, trend)
    transform = spectral.rfft if onesided else spectral.fft
    parts = [transform(remove(v[..., places]) * values, nfft) for v in signals]
    weight = fs * jnp.sum(values * values) if scaling == "density" else jnp.sum(values) ** 2
    result = jnp.conj(parts[0]) * parts[-1] / weight if square else parts[0] / jnp.sqrt(weight)
    if square and onesided:
        # A frequency stands for its negative too, but for 0 and, with an even length, the last one.
        both = np.full(result.shape[-1], 2.0, real_dtype)
        both[0] = 1.0
        both[len(both) - 1 if nfft % 2 == 0 else 0] = 1.0
        result = result * both
    if square and y is None:
        result = jnp.real(result)
    elif result.dtype.kind != "c":
        result = jnp.astype(result, np.result_type(result.dtype, np.complex64))
    frequencies = (np.fft.rfftfreq if onesided else np.fft.fftfreq)(nfft).astype(real_dtype) * fs
    times = (starts + nperseg / 2 - (nperseg / 2 if boundary is not None else 0)).astype(real_dtype) / fs
    return jnp.asarray(frequencies), jnp.asarray(times), jnp.moveaxis(result, -1, axis)


def stft(
    x: ArrayLike,
    fs: ArrayLike = 1.0,
    window: str | tuple | ArrayLike = "hann",
    nperseg: int = 256,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: str | bool | Callable = False,
    return_onesided: bool = True,
    boundary: str | None = "zeros",
    padded: bool = True,
    axis: int = -1,
) -> tuple[Array, Array, Array]:
    """Short-time Fourier transform: spectra of windows that move along a signal.

    Parameters
    ----------
    x : f64[..., n] or c128[..., n]
    fs : f64[], default 1.0
        Samples per unit of time.
    window : str, tuple or f64[nperseg], default "hann"
        Its values, or a name and parameters as `scipy.signal.get_window` takes them.
    nperseg : int, default 256
        Points of a segment; fewer where the signal is shorter, with a warning.
    noverlap : int, optional
        Points that two segments share; by default half of them.
    nfft : int, optional
        The length of the transform, to which segments are continued by zeros.
    detrend : {False, "constant", "linear"} or callable, default False
        What is subtracted from a segment; or ``segments -> segments``, along the last axis.
    return_onesided : bool, default True
        Whether to leave out negative frequencies; a warning for complex data, which have them.
    boundary : {"zeros", "even", "odd", "constant", None}
        How the signal continues for half a segment at both ends.
    padded : bool, default True
        Whether zeros complete the last segment.
    axis : int, default -1
        That of time.

    Returns
    -------
    f, t, Zxx : Array
        Frequencies, times, and ``[..., frequency, time]``, complex, with the frequencies at ``axis``.

    Raises
    ------
    ArgumentError
        For an option that is none of these, or sizes that do not fit.
    ShapeError
        If the signal or the window has another rank or length.

    Notes
    -----
    The transform is a counted call of NumPy's FFT, one for all segments.

    Examples
    --------
    >>> f, t, z = jaxlite.scipy.signal.stft(jnp.array([1.0, 2.0, 3.0, 2.0]), nperseg=2)
    >>> z.shape
    (2, 5)
    """
    return _spectra(
        "stft", x, None, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, "spectrum", axis,
        boundary, padded, square=False,
    )  # fmt: skip


def csd(
    x: ArrayLike,
    y: ArrayLike | None,
    fs: ArrayLike = 1.0,
    window: str | tuple | ArrayLike = "hann",
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: str | bool | Callable = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
    average: str = "mean",
) -> tuple[Array, Array]:
    """Cross spectral density of two signals by Welch's method.

    Parameters
    ----------
    x : f64[..., n] or c128[..., n]
    y : f64[..., n] or c128[..., n], optional
        Without it the density of ``x``, a real number.
    fs, window, noverlap, nfft, return_onesided, axis
        As for `stft`.
    nperseg : int, optional
        Points of a segment: 256, or all there are. Differs from JAX, where the default is all of them.
    detrend : {"constant", "linear", False} or callable
    scaling : {"density", "spectrum"}
        Whether the result is a power per frequency or a power.
    average : {"mean", "median"}
        Over the segments; the median less its bias [1]_.

    Returns
    -------
    f, Pxy : Array
        Frequencies, and ``[..., frequency]``, c128 (f64 without ``y``).

    Raises
    ------
    ArgumentError, ShapeError
        As for `stft`.

    References
    ----------
    .. [1] B. Allen, W. Anderson, P. Brady, D. Brown, J. Creighton, "FINDCHIRP", Physical Review D 85, 2012, appendix B.

    Examples
    --------
    >>> jaxlite.scipy.signal.csd(jnp.array([1.0, 2.0, 3.0, 2.0]), jnp.ones(4), nperseg=4)[1].shape
    (3,)
    """
    _check("csd", "average", average, ("mean", "median"))
    frequencies, _, result = _spectra(
        "csd", x, y, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis, None, False,
        square=True,
    )  # fmt: skip
    if average == "mean":
        return frequencies, jnp.mean(result, -1)
    bias = 1.0 + sum(1.0 / (k + 1) - 1.0 / k for k in range(2, result.shape[-1], 2))
    parts = (result,) if result.dtype.kind == "f" else (jnp.real(result), jnp.imag(result))
    middle = [jnp.median(part, -1) / bias for part in parts]
    return frequencies, middle[0] if len(middle) == 1 else middle[0] + 1j * middle[1]


def welch(
    x: ArrayLike,
    fs: ArrayLike = 1.0,
    window: str | tuple | ArrayLike = "hann",
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: str | bool | Callable = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
    average: str = "mean",
) -> tuple[Array, Array]:
    """Power spectral density of a signal by Welch's method: the mean over segments.

    Parameters
    ----------
    x : f64[..., n] or c128[..., n]
    fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis, average
        As for `csd`.

    Returns
    -------
    f, Pxx : Array
        Frequencies, and ``f64[..., frequency]``.

    Raises
    ------
    ArgumentError, ShapeError
        As for `stft`.

    Examples
    --------
    >>> jaxlite.scipy.signal.welch(jnp.array([1.0, 2.0, 3.0, 2.0]), nperseg=4)[1].shape
    (3,)
    """
    return csd(x, None, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis, average)


def periodogram(
    x: ArrayLike,
    fs: ArrayLike = 1.0,
    window: str | tuple | ArrayLike = "boxcar",
    nfft: int | None = None,
    detrend: str | bool | Callable = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
) -> tuple[Array, Array]:
    """Power spectral density of a signal, by one transform of all of it.

    Parameters
    ----------
    x : f64[..., n] or c128[..., n]
    fs, window, detrend, return_onesided, scaling, axis
        As for `csd`.
    nfft : int, optional
        At least as long as the signal; by default as long.

    Returns
    -------
    f, Pxx : Array
        Frequencies, and ``f64[..., frequency]``.

    Raises
    ------
    ArgumentError, ShapeError
        As for `stft`.

    Examples
    --------
    >>> jaxlite.scipy.signal.periodogram(jnp.array([1.0, 2.0, 3.0, 2.0]))[1]
    Array([0., 2., 0.], dtype=float64)
    """
    length = np.shape(x)[axis] if np.ndim(x) else 1
    return csd(x, None, fs, window, length, 0, nfft, detrend, return_onesided, scaling, axis)


def _overlap_add(segments, step: int):
    """Add segments ``[..., segment, point]``, each ``step`` points after the one before."""
    count, size = segments.shape[-2:]
    places = step * np.arange(count)[:, None] + np.arange(size)
    total = jnp.zeros((*segments.shape[:-2], step * (count - 1) + size), segments.dtype)
    return total.at[..., places].add(segments)


def istft(
    Zxx: ArrayLike,
    fs: ArrayLike = 1.0,
    window: str | tuple | ArrayLike = "hann",
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    input_onesided: bool = True,
    boundary: bool = True,
    time_axis: int = -1,
    freq_axis: int = -2,
) -> tuple[Array, Array]:
    """Return the signal of which `stft` gives this transform.

    Parameters
    ----------
    Zxx : c128[..., frequency, time]
    fs, window, noverlap
        As for `stft`.
    nperseg, nfft : int, optional
        By default what the number of frequencies says, an even one.
    input_onesided : bool, default True
        Whether negative frequencies are left out.
    boundary : bool, default True
        Whether the signal was continued at both ends, by half a segment, which is cut off.
    time_axis, freq_axis : int

    Returns
    -------
    t, x : Array
        Times, and ``f64[..., n]``; complex unless ``input_onesided``.

    Raises
    ------
    ArgumentError
        If the axes are the same one, or sizes do not fit.
    ShapeError
        If ``Zxx`` has no two axes, or the window another length.

    Examples
    --------
    >>> x = jnp.array([1.0, 2.0, 3.0, 2.0])
    >>> jaxlite.scipy.signal.istft(jaxlite.scipy.signal.stft(x, nperseg=2)[2])[1]
    Array([1., 2., 3., 2.], dtype=float64)
    """
    z = jnp.asarray(promote_inexact("istft", Zxx)[0])
    if z.ndim < 2:
        raise ShapeError(f"signal.istft: Zxx has type {aval_of(z)}.", why="it has two axes.")
    frequency, time = (canonical_axes(axis, z.ndim)[0] for axis in (freq_axis, time_axis))
    if frequency == time:
        raise ArgumentError(
            f"signal.istft: time_axis is {time_axis}, freq_axis {freq_axis}.", why="they are the same one."
        )
    points = z.shape[frequency]
    usual = 2 * (points - 1) if input_onesided else points
    nperseg = usual if nperseg is None else _integer("istft", "nperseg", nperseg, 1)
    if nfft is None:
        # An odd length has as many frequencies as the even one below it.
        nfft = usual + 1 if input_onesided and nperseg == usual + 1 else usual
    noverlap, nfft = _overlap_and_transform("istft", nperseg, noverlap, nfft)
    z = jnp.moveaxis(z, (time, frequency), (-2, -1))
    segments = (spectral.irfft if input_onesided else spectral.ifft)(z, nfft)[..., :nperseg]
    values = _window_values("istft", window, nperseg, np.finfo(z.dtype).dtype)
    step = nperseg - noverlap
    x = _overlap_add(segments * (values * jnp.sum(values)), step)
    squares = jnp.broadcast_to(values * values, (z.shape[-2], nperseg))
    norm = _overlap_add(squares, step)
    if boundary and nperseg > 1:
        x, norm = (v[..., nperseg // 2 : -(nperseg // 2)] for v in (x, norm))
    # Where no window reaches there is nothing to divide by.
    x = x / jnp.where(jnp.abs(norm) > 1e-10, norm, 1)
    # Differs from JAX: there the times are as many as the first axis of x has elements.
    times = jnp.asarray(np.arange(x.shape[-1], dtype=np.finfo(x.dtype).dtype) / fs)
    return times, jnp.moveaxis(x, -1, time - (frequency < time))
