"""The discrete Fourier transform over trailing axes: one primitive, linear, with its transposes.

    b:c128[2,5] = fft[fft_lengths=(8,) fft_type=RFFT] a          a:f64[2,8]

Lengths are those of the real side, or of both sides where both are complex; ``jaxlite.numpy.fft`` pads, cuts and
scales. The inverse transforms divide by the number of points.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence

import numpy as np

from jaxlite.dtypes import complex_dtype, real_dtype
from jaxlite.errors import ArgumentError, DtypeError, ShapeError
from jaxlite.ir import ShapedArray
from jaxlite.lowering import Library
from jaxlite.ops.elementwise import conj, mul
from jaxlite.ops.families import linear_jvp, scalar_like
from jaxlite.ops.structural import bind_checked, broadcast_in_dim, move_dim
from jaxlite.primitive import PURE, RECORD, Primitive
from jaxlite.trace import aval_of


class FftType(enum.Enum):
    """Which transform `fft` does."""

    FFT = "FFT"
    IFFT = "IFFT"
    RFFT = "RFFT"
    IRFFT = "IRFFT"


_TRANSFORMS = {"FFT": np.fft.fftn, "IFFT": np.fft.ifftn, "RFFT": np.fft.rfftn, "IRFFT": np.fft.irfftn}
# The same along the last axis, with less ado.
_OF_ONE_AXIS = {"FFT": np.fft.fft, "IFFT": np.fft.ifft, "RFFT": np.fft.rfft, "IRFFT": np.fft.irfft}
_OPERAND_DTYPES = frozenset(map(np.dtype, ("float32", "float64", "complex64", "complex128")))


def _half(lengths) -> tuple[int, ...]:
    """Return the shape of the half of a spectrum that a real signal needs."""
    return (*lengths[:-1], lengths[-1] // 2 + 1)


def _fft_abstract_eval(x, *, fft_type, fft_lengths):
    if x.dtype not in _OPERAND_DTYPES or (x.dtype.kind == "f") != (fft_type == "RFFT"):
        raise DtypeError(
            f"fft: operand has type {x}, fft_type={fft_type}.",
            why="RFFT takes f32 and f64, the others c64 and c128.",
            fix="jaxlite.numpy.fft converts; or convert with x.astype(dtype).",
        )
    count = len(fft_lengths)
    expected = _half(fft_lengths) if fft_type == "IRFFT" and fft_lengths else fft_lengths
    if not count or min(fft_lengths) < 1 or x.ndim < count or x.shape[-count:] != expected:
        raise ShapeError(
            f"fft: operand has type {x}, fft_type={fft_type}, fft_lengths={fft_lengths}.",
            why=f"the trailing axes must be {expected}, of one point at least.",
            fix="jaxlite.numpy.fft pads and cuts.",
        )
    stack = x.shape[:-count]
    if fft_type == "RFFT":
        return (ShapedArray((*stack, *_half(fft_lengths)), complex_dtype(x.dtype)),)
    if fft_type == "IRFFT":
        return (ShapedArray((*stack, *fft_lengths), real_dtype(x.dtype)),)
    return (x.strip_weak_type(),)


def _fft_impl(x, *, fft_type, fft_lengths):
    if len(fft_lengths) == 1:
        return (_OF_ONE_AXIS[fft_type](x, fft_lengths[0]),)
    axes = tuple(range(-len(fft_lengths), 0))
    return (_TRANSFORMS[fft_type](x, fft_lengths, axes),)


def _occurrences(n: int, dtype: np.dtype) -> np.ndarray:
    """Return how often each element of half a spectrum stands in the whole: once at both ends, else twice."""
    times = np.full(n // 2 + 1, 2, dtype)
    times[0] = 1
    if n % 2 == 0:
        times[-1] = 1
    return times


def _along_last(vector, shape):
    return broadcast_in_dim(vector, shape, (len(shape) - 1,))


def _fft_transpose(cts, x, *, fft_type, fft_lengths):
    (z_bar,) = cts
    if fft_type in ("FFT", "IFFT"):
        # The matrix of the transform is symmetric.
        return (fft(z_bar, fft_type, fft_lengths),)
    points = math.prod(fft_lengths)
    if fft_type == "RFFT":
        times = _occurrences(fft_lengths[-1], real_dtype(aval_of(z_bar).dtype))
        shares = (points / times).astype(aval_of(z_bar).dtype)
        weighted = mul(conj(z_bar), _along_last(shares, aval_of(z_bar).shape))
        return (fft(weighted, "IRFFT", fft_lengths),)
    spectrum = conj(fft(z_bar, "RFFT", fft_lengths))
    aval = aval_of(spectrum)
    shares = _occurrences(fft_lengths[-1], real_dtype(aval.dtype)) / scalar_like(z_bar, points)
    return (mul(spectrum, _along_last(shares.astype(aval.dtype), aval.shape)),)


def _fft_batch(axis, args, dims, *, fft_type, fft_lengths):
    return (fft(move_dim(args[0], dims[0], 0), fft_type, fft_lengths),), (0,)


fft_p = Primitive(
    name="fft",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_fft_abstract_eval,
    impl=_fft_impl,
    jvp=linear_jvp("fft"),
    partial_eval=RECORD,
    transpose=_fft_transpose,
    batch=_fft_batch,
    lower=Library("pocketfft"),
    doc="z_k = Σ_j x_j exp(-2πi jk/n), linear: ż = fft(ẋ); IFFT with +2πi and divided by n",
)


def fft(x, fft_type: FftType | str, fft_lengths: Sequence[int]):
    """Transform the trailing axes of an array.

    Parameters
    ----------
    x : array
        c64 or c128 [..., n_1, …, n_d]; of "RFFT" f32 or f64; of "IRFFT" the last size is ``n_d // 2 + 1``.
    fft_type : FftType or {"FFT", "IFFT", "RFFT", "IRFFT"}
    fft_lengths : sequence of int
        ``(n_1, …, n_d)``

    Returns
    -------
    array
        Of the shape and dtype of ``x``; of "RFFT" complex, with last size ``n_d // 2 + 1``; of "IRFFT" real,
        ``[..., n_1, …, n_d]``.
    """
    kind = str(getattr(fft_type, "name", fft_type)).upper()
    if kind not in _TRANSFORMS:
        raise ArgumentError(f"fft: fft_type {fft_type!r} is not one of {', '.join(_TRANSFORMS)}.")
    return bind_checked(fft_p, x, fft_type=kind, fft_lengths=tuple(map(int, fft_lengths)))
