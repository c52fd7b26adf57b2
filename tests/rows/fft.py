"""Rows of the primitive in ``jaxlite/ops/fft.py``."""

import numpy as np

from jaxlite.errors import DtypeError, ShapeError
from tests.cases import Case, ErrorCase

REAL = np.array([[0.5, -1.0, 2.0, 0.25, 1.5], [1.0, 0.75, -0.5, 3.0, -2.0]])
IMAGINARY = np.array([[1.0, 0.5, -1.5, 0.75, 0.25], [-0.5, 2.0, 1.0, -1.25, 0.5]])
COMPLEX = REAL + 1j * IMAGINARY


def matrix(n: int, sign: int) -> np.ndarray:
    k = np.arange(n)
    return np.exp(sign * 2j * np.pi * np.outer(k, k) / n)


def along(m, x, axis):
    return np.moveaxis(np.tensordot(m, x, (1, axis)), 0, axis)


def half_inverse(n: int, spectrum):
    """Put the conjugates in their places, and invert."""
    full = np.zeros((*spectrum.shape[:-1], n), complex)
    full[..., : n // 2 + 1] = spectrum
    for k in range(1, (n + 1) // 2):
        full[..., n - k] = spectrum[..., k].conj()
    full[..., 0] = full[..., 0].real
    if n % 2 == 0:
        full[..., n // 2] = full[..., n // 2].real
    return along(matrix(n, 1) / n, full, -1).real


def by_matrices(x, fft_type, fft_lengths):
    """Multiply by the matrices of the transforms, axis by axis."""
    kind = x.dtype
    x = x.astype(complex)
    axes = range(-len(fft_lengths), 0)
    for n, axis in zip(fft_lengths, axes):
        if fft_type == "IRFFT" and axis == -1:
            x = half_inverse(n, x)
        elif fft_type in ("FFT", "RFFT"):
            x = along(matrix(n, -1), x, axis)
        else:
            x = along(matrix(n, 1) / n, x, axis)
    if fft_type == "RFFT":
        x = x[..., : fft_lengths[-1] // 2 + 1]
    single = kind in (np.float32, np.complex64)
    return x.astype((np.float32 if single else float) if fft_type == "IRFFT" else np.result_type(kind, 1j))


def row(x, fft_type, *fft_lengths, **options):
    params = {"fft_type": fft_type, "fft_lengths": fft_lengths}
    label = f"{fft_type}{fft_lengths}".replace(" ", "")
    return Case("fft", (x,), params, by_matrices, label=label, **options)


ROWS = [
    row(COMPLEX, "FFT", 5),
    row(COMPLEX, "IFFT", 5),
    row(COMPLEX, "FFT", 2, 5),
    row(COMPLEX, "IFFT", 2, 5),
    row(COMPLEX[0].astype(np.complex64), "FFT", 5, order=1),
    row(REAL, "RFFT", 5),
    row(REAL[:, :4], "RFFT", 4),
    row(REAL[:, :4], "RFFT", 2, 4),
    row(REAL[:, :1], "RFFT", 1),
    row(REAL[0].astype(np.float32), "RFFT", 5, order=1),
    row(COMPLEX, "IRFFT", 8),
    row(COMPLEX, "IRFFT", 9),
    row(COMPLEX, "IRFFT", 2, 9),
    row(COMPLEX[:, :1], "IRFFT", 1),
    row(COMPLEX[0].astype(np.complex64), "IRFFT", 8, order=1),
    row(COMPLEX[:0], "FFT", 5),
]


def refused(x, fft_type, fft_lengths, error, match):
    return ErrorCase("fft", (x,), {"fft_type": fft_type, "fft_lengths": fft_lengths}, error, match)


ERRORS = [
    refused(REAL, "FFT", (5,), DtypeError, "RFFT takes f32 and f64, the others c64 and c128"),
    refused(COMPLEX, "RFFT", (5,), DtypeError, r"operand has type c128\[2,5\], fft_type=RFFT"),
    refused(COMPLEX, "FFT", (4,), ShapeError, r"trailing axes must be \(4,\)"),
    refused(COMPLEX, "IRFFT", (5,), ShapeError, r"trailing axes must be \(3,\)"),
    refused(COMPLEX[:, :0], "FFT", (0,), ShapeError, "of one point at least"),
    refused(COMPLEX, "FFT", (), ShapeError, "of one point at least"),
    refused(COMPLEX, "FFT", (1, 2, 5), ShapeError, r"trailing axes must be \(1, 2, 5\)"),
]
