"""``jaxlite.scipy.fft``: discrete cosine transforms of type 2 and their inverses, by way of complex transforms [1]_.

References
----------
.. [1] J. Makhoul, "A fast cosine transform in one and two dimensions", IEEE Trans. Acoust. Speech Signal Process. 28,
   1980.

>>> jaxlite.scipy.fft.dct(jnp.array([1.0, 2.0]))
Array([ 6.        , -1.41421356], dtype=float64)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.errors import ArgumentError
from jaxlite.numpy import fft as nfft
from jaxlite.numpy.promotion import canonical_axis, promote_inexact
from jaxlite.typing import Array, ArrayLike

__all__ = ["dct", "dctn", "idct", "idctn"]


def _prepared(name: str, x, type: int, n, axis: int, norm):
    """Return the operand with its axis last, and as long as asked for."""
    if type != 2:
        raise ArgumentError(f"fft.{name}: type is {type}.", why="only the transform of type 2 is here.")
    if norm not in (None, "backward", "ortho"):
        raise ArgumentError(f"fft.{name}: norm is {norm!r}.", why="it is None, 'backward' or 'ortho'.")
    x = jnp.asarray(promote_inexact(name, x)[0])
    axis = canonical_axis(axis, x.ndim)
    x = jnp.moveaxis(x, axis, -1)
    if n is not None:
        x = x[..., :n]
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, n - x.shape[-1])])
    return x, axis


def _turns(n: int, dtype):
    return np.exp(-0.5j * np.pi * np.arange(n) / n).astype(np.result_type(dtype, np.complex64))


def _weights(n: int, dtype):
    scale = np.full(n, np.sqrt(0.5 / n))
    scale[:1] = np.sqrt(0.25 / n)
    return scale.astype(dtype)


def dct(x: ArrayLike, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """Discrete cosine transform, 2·Σ x_j·cos(π·k·(2·j + 1)/(2·n)).

    Parameters
    ----------
    x : f32[...] or f64[...]
    type : {2}
    n : int, optional
        Length of the axis, cut or filled with zeros.
    axis : int, default -1
    norm : {"backward", "ortho"}, optional
        ``"ortho"``: scaled, so that the transform is orthogonal.

    Returns
    -------
    Array
        Of the dtype of ``x``; f64 for integers.

    Raises
    ------
    ArgumentError
        For another ``type`` or ``norm``.
    """
    x, axis = _prepared("dct", x, type, n, axis, norm)
    size = x.shape[-1]
    ordered = jnp.concatenate([x[..., ::2], x[..., 1::2][..., ::-1]], axis=-1)
    result = 2 * jnp.real(nfft.fft(ordered) * _turns(size, x.dtype))
    if norm == "ortho":
        result = result * _weights(size, x.dtype)
    return jnp.moveaxis(jnp.astype(result, x.dtype), -1, axis)


def idct(x: ArrayLike, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """Inverse of `dct`.

    Parameters
    ----------
    x : f32[...] or f64[...]
    type : {2}
    n : int, optional
    axis : int, default -1
    norm : {"backward", "ortho"}, optional

    Returns
    -------
    Array
        Of the dtype of ``x``; f64 for integers.

    Raises
    ------
    ArgumentError
        For another ``type`` or ``norm``.
    """
    x, axis = _prepared("idct", x, type, n, axis, norm)
    size = x.shape[-1]
    if norm == "ortho":
        x = x / _weights(size, x.dtype)
    turned = jnp.concatenate([jnp.zeros_like(x[..., :1]), x[..., :0:-1]], axis=-1)
    spectrum = 0.5 * np.conj(_turns(size, x.dtype)) * (x - 1j * turned)
    ordered = jnp.astype(jnp.real(nfft.ifft(spectrum)), x.dtype)
    half = (size + 1) // 2
    place = np.empty(size, int)
    place[::2], place[1::2] = np.arange(half), np.arange(size - 1, half - 1, -1)
    return jnp.moveaxis(jnp.take(ordered, place, axis=-1), -1, axis)


def _over_axes(one, x, type, s, axes, norm):
    ndim = jnp.ndim(x)
    if axes is None:
        axes = range(ndim) if s is None else range(ndim - len(s), ndim)
    sizes = [None] * len(axes) if s is None else s
    for axis, n in zip(axes, sizes, strict=True):
        x = one(x, type, n, axis, norm)
    return x


def dctn(
    x: ArrayLike,
    type: int = 2,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
) -> Array:
    """`dct` along several axes.

    Parameters
    ----------
    x : f32[...] or f64[...]
    type : {2}
    s : sequence of int, optional
        Lengths of the axes.
    axes : sequence of int, optional
        By default all, or the last ``len(s)``.
    norm : {"backward", "ortho"}, optional

    Returns
    -------
    Array
        Of the dtype of ``x``; f64 for integers.
    """
    return _over_axes(dct, x, type, s, axes, norm)


def idctn(
    x: ArrayLike,
    type: int = 2,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str | None = None,
) -> Array:
    """`idct` along several axes.

    Parameters
    ----------
    x : f32[...] or f64[...]
    type : {2}
    s : sequence of int, optional
        Lengths of the axes.
    axes : sequence of int, optional
        By default all, or the last ``len(s)``.
    norm : {"backward", "ortho"}, optional

    Returns
    -------
    Array
        Of the dtype of ``x``; f64 for integers.
    """
    return _over_axes(idct, x, type, s, axes, norm)
