"""Continuous distributions that are functions of uniform numbers.

normal(key, (3,))     b:u64[3] = random_bits[bit_width=64 shape=(3,)] key 0
                      u = bits 52 of b as the digits of a float in [1, 2), minus 1, stretched to (-1, 1)
                      z = √2·erf_inv(u)

All of it is elementwise, so that compiled programs draw a number where it is used, and parameters have derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy.promotion import canonical_shape, promote_inexact
from jaxlite.ops import elementwise, special, structural
from jaxlite.random.drawing import (
    as_float,
    broadcast,
    common_shape,
    float_dtype,
    inexact_dtype,
    run,
    shape_of,
)
from jaxlite.random.keys import bits_of, halves, single
from jaxlite.typing import Array, ArrayLike, DTypeLike

# --- uniform ------------------------------------------------------------------------------------------


def unit(data, shape: tuple[int, ...], dtype: np.dtype):
    """Return multiples of the dtype's ``eps`` in [0, 1), equally likely."""
    info = np.finfo(dtype)
    unsigned = np.dtype(f"u{dtype.itemsize}")
    # The upper bits become the digits of a number in [1, 2).
    digits = elementwise.shift_right_logical(
        bits_of(data, info.bits, shape), unsigned.type(info.bits - info.nmant)
    )
    one = dtype.type(1).view(unsigned)
    return elementwise.bitcast_convert_type(elementwise.bitwise_or(digits, one), dtype) - dtype.type(1)


def between(data, shape: tuple[int, ...], dtype: np.dtype, low, high):
    """Return numbers in [low, high); both are scalars or arrays of ``dtype``."""
    # Rounding may give less than the lower bound.
    return jnp.maximum(low, unit(data, shape, dtype) * (high - low) + low)


def _uniform(data, low, high, *, shape, dtype):
    return between(data, shape, dtype, low, high)


def uniform(
    key: ArrayLike,
    shape: Sequence[int] = (),
    dtype: DTypeLike = None,
    minval: ArrayLike = 0.0,
    maxval: ArrayLike = 1.0,
    *,
    out_sharding=None,
) -> Array:
    """Draw from the uniform distribution on [minval, maxval).

    Parameters
    ----------
    key : key
    shape : sequence of int, default ()
    dtype : dtype, default float64
        Floating.
    minval, maxval : array_like, default 0 and 1
        Must broadcast to ``shape``.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating.
    ShapeError
        If the parameters do not broadcast to ``shape``.

    Notes
    -----
    The upper bits of `bits` are the binary digits: 52, 23 or 10 of them. On [0, 1) the numbers are JAX's, bit for bit;
    on other intervals up to a unit in the last place, since JAX may multiply and add with one rounding.

    Examples
    --------
    >>> jaxlite.random.uniform(jaxlite.random.key(0), (3,))
    Array([0.41845711, 0.21629545, 0.96532146], dtype=float64)
    """
    data, _ = single("uniform", key)
    dtype = float_dtype("uniform", dtype)
    shape = common_shape("uniform", canonical_shape(shape), minval, maxval)
    if type(minval) in (int, float) and type(maxval) in (int, float) and (minval, maxval) == (0, 1):
        return run(_unit, shape, data, dtype=dtype)
    return run(
        _uniform,
        shape,
        data,
        as_float("uniform", minval, dtype, 3),
        as_float("uniform", maxval, dtype, 4),
        dtype=dtype,
    )


def _unit(data, *, shape, dtype):
    return unit(data, shape, dtype)


# --- normal -------------------------------------------------------------------------------------------


def standard_normal(data, shape: tuple[int, ...], dtype: np.dtype):
    """Return numbers of mean 0 and variance 1."""
    low = np.nextafter(dtype.type(-1), dtype.type(0))
    u = between(data, shape, dtype, low, dtype.type(1))
    return dtype.type(np.sqrt(2)) * special.erf_inv(u)


def _normal(data, *, shape, dtype):
    if dtype.kind == "f":
        return standard_normal(data, shape, dtype)
    part = np.dtype(f"f{dtype.itemsize // 2}")
    real, imaginary = (standard_normal(k, shape, part) for k in halves(data))
    root = part.type(np.sqrt(2))
    return elementwise.complex(real / root, imaginary / root)


def normal(key: ArrayLike, shape: Sequence[int] = (), dtype: DTypeLike = None, *, out_sharding=None) -> Array:
    """Draw from the normal distribution of mean 0 and variance 1.

    Parameters
    ----------
    key : key
    shape : sequence of int, default ()
    dtype : dtype, default float64
        Floating, or complex: then the real and the imaginary part have variance 1/2 each.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``

    Raises
    ------
    ArgumentError
        If ``dtype`` is neither floating nor complex.

    Notes
    -----
    √2·erf⁻¹(u) of `uniform` numbers on (-1, 1), as in JAX; the last digits are those of this library's ``erf_inv``.

    Examples
    --------
    >>> key = jaxlite.random.key(0)
    >>> mean, deviation = 10.0, 2.0
    >>> mean + deviation * jaxlite.random.normal(key, (3,))
    Array([ 9.58831572,  8.43046845, 13.63217335], dtype=float64)
    """
    data, _ = single("normal", key)
    return run(_normal, canonical_shape(shape), data, dtype=inexact_dtype("normal", dtype))


def _truncated_normal(data, lower, upper, *, shape, dtype):
    root = dtype.type(np.sqrt(2))
    u = between(data, shape, dtype, special.erf(lower / root), special.erf(upper / root))
    inside = (
        elementwise.nextafter(structural.stop_gradient(bound), dtype.type(to))
        for bound, to in ((lower, np.inf), (upper, -np.inf))
    )
    return jnp.clip(root * special.erf_inv(u), *inside)


def truncated_normal(
    key: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw from the normal distribution of mean 0 and variance 1 between two bounds.

    Parameters
    ----------
    key : key
    lower, upper : array_like
    shape : sequence of int, optional
        That of the result, to which the parameters must broadcast; by default what they broadcast to.
    dtype : dtype, default float64
        Floating.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``, strictly between the bounds.

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating.
    ShapeError
        If the parameters do not broadcast to ``shape``.

    Notes
    -----
    √2·erf⁻¹(u), u uniform between erf(lower/√2) and erf(upper/√2).

    Examples
    --------
    >>> jaxlite.random.truncated_normal(jaxlite.random.key(0), -1.0, 1.0, (3,))
    Array([-0.13999612, -0.50631466,  0.90652156], dtype=float64)
    """
    data, _ = single("truncated_normal", key)
    dtype = float_dtype("truncated_normal", dtype)
    shape = common_shape("truncated_normal", shape, lower, upper)
    bounds = (as_float("truncated_normal", x, dtype, i) for i, x in enumerate((lower, upper), 1))
    return run(_truncated_normal, shape, data, *bounds, dtype=dtype)


def _lognormal(data, sigma, *, shape, dtype):
    return jnp.exp(_normal(data, shape=shape, dtype=dtype) * sigma)


def lognormal(
    key: ArrayLike,
    sigma: ArrayLike = 1.0,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw numbers whose logarithm is normal, of mean 0 and standard deviation ``sigma``.

    Parameters
    ----------
    key : key
    sigma : array_like, default 1
    shape : sequence of int, optional
        That of the result, to which the parameters must broadcast; by default what they broadcast to.
    dtype : dtype, default float64
        Floating.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating.
    ShapeError
        If the parameters do not broadcast to ``shape``.

    Examples
    --------
    >>> jaxlite.random.lognormal(jaxlite.random.key(0), 0.5, (3,))
    Array([0.90219818, 0.67544544, 2.4794663 ], dtype=float64)
    """
    data, _ = single("lognormal", key)
    dtype = inexact_dtype("lognormal", dtype)
    shape = common_shape("lognormal", shape, sigma)
    return run(_lognormal, shape, data, as_float("lognormal", sigma, dtype), dtype=dtype)


def _multivariate_normal(data, mean, cov, *, shape, dtype, method):
    if method == "cholesky":
        factor = jnp.linalg.cholesky(cov)
    elif method == "eigh":
        values, vectors = jnp.linalg.eigh(cov)
        factor = vectors * jnp.sqrt(values[..., None, :])
    else:
        left, values, _ = jnp.linalg.svd(cov)
        factor = left * jnp.sqrt(values[..., None, :])
    z = standard_normal(data, (*shape, shape_of(mean)[-1]), dtype)
    return mean + jnp.einsum("...ij,...j->...i", factor, z)


def multivariate_normal(
    key: ArrayLike,
    mean: ArrayLike,
    cov: ArrayLike,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike = None,
    method: str = "cholesky",
    *,
    out_sharding=None,
) -> Array:
    """Draw vectors from a normal distribution.

    Parameters
    ----------
    key : key
    mean : array_like
        f64[..., n]
    cov : array_like
        f64[..., n, n], symmetric and positive definite.
    shape : sequence of int, optional
        That of the result without its last axis; by default what the leading axes broadcast to.
    dtype : dtype, optional
        Floating; by default that of ``mean`` and ``cov``.
    method : {"cholesky", "eigh", "svd"}
        How the covariance is factored; the last two take semidefinite ones.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape, n]``

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating, or ``method`` unknown.
    ShapeError
        If ``mean`` and ``cov`` do not fit each other or ``shape``.

    Notes
    -----
    mean + A·z of `normal` numbers z, A·Aᵀ = cov.

    Examples
    --------
    >>> cov = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> jaxlite.random.multivariate_normal(jaxlite.random.key(0), np.zeros(2), cov)
    Array([-0.29110475, -1.10669023], dtype=float64)
    """
    name = "multivariate_normal"
    data, _ = single(name, key)
    if method not in ("cholesky", "eigh", "svd"):
        raise ArgumentError(f"{name}: there is no method {method!r}.", fix='"cholesky", "eigh" or "svd".')
    mean, cov = promote_inexact(name, mean, cov)
    dtype = float_dtype(name, np.result_type(mean.dtype) if dtype is None else dtype)
    m, c = shape_of(mean), shape_of(cov)
    if not m or c[-2:] != (m[-1], m[-1]):
        raise ShapeError(
            f"{name}: mean and cov have shapes {m} and {c}.",
            why="of n variables, mean ends in n and cov in n, n.",
        )
    shape = common_shape(name, shape, m[:-1], c[:-2])
    drawn = math.prod(shape) * m[-1]
    return run(_multivariate_normal, shape, data, mean, cov, drawn=drawn, dtype=dtype, method=method)


def _orthogonal(data, *, shape, dtype, n, m):
    z = _normal(data, shape=(*shape, max(n, m), min(n, m)), dtype=dtype)
    q, r = jnp.linalg.qr(z)
    # Of the two factorisations in each column, the one whose r is positive makes q uniform.
    q = q * jnp.sign(jnp.diagonal(r, axis1=-2, axis2=-1))[..., None, :]
    # A factorisation of float16 is one of float32.
    return (jnp.swapaxes(q, -1, -2) if n < m else q).astype(dtype)


def orthogonal(
    key: ArrayLike,
    n: int,
    shape: Sequence[int] = (),
    dtype: DTypeLike = None,
    m: int | None = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw orthogonal matrices, all equally likely.

    Parameters
    ----------
    key : key
    n : int
        Number of rows.
    shape : sequence of int, default ()
        How many matrices.
    dtype : dtype, default float64
        Floating or complex.
    m : int, optional
        Number of columns, ``n`` by default.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape, n, m]``, with orthonormal columns, or rows where there are fewer of them.

    Raises
    ------
    ArgumentError
        If ``dtype`` is neither floating nor complex.

    References
    ----------
    .. [1] Mezzadri, "How to generate random matrices from the classical compact groups", Notices of the AMS 54, 2007.

    Examples
    --------
    >>> q = jaxlite.random.orthogonal(jaxlite.random.key(0), 2)
    >>> np.round(q @ q.T, 12)
    Array([[ 1., -0.],
           [-0.,  1.]], dtype=float64)
    """
    data, _ = single("orthogonal", key)
    dtype = inexact_dtype("orthogonal", dtype)
    shape, n, m = canonical_shape(shape), int(n), int(n if m is None else m)
    return run(_orthogonal, shape, data, drawn=math.prod(shape) * n * m, dtype=dtype, n=n, m=m)


def _maxwell(data, *, shape, dtype):
    return jnp.linalg.norm(standard_normal(data, (*shape, 3), dtype), axis=-1)


def maxwell(
    key: ArrayLike, shape: Sequence[int] = (), dtype: DTypeLike = None, *, out_sharding=None
) -> Array:
    """Draw from the Maxwell distribution: lengths of vectors of three normal numbers.

    Parameters
    ----------
    key : key
    shape : sequence of int, default ()
    dtype : dtype, default float64
        Floating.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating.

    Examples
    --------
    >>> jaxlite.random.maxwell(jaxlite.random.key(0), (3,))
    Array([1.98906991, 0.42460738, 1.24030791], dtype=float64)
    """
    data, _ = single("maxwell", key)
    shape, dtype = canonical_shape(shape), float_dtype("maxwell", dtype)
    return run(_maxwell, shape, data, drawn=3 * math.prod(shape), dtype=dtype)


def signs(data, shape: tuple[int, ...], dtype: np.dtype):
    """Return 1 and -1, equally likely."""
    heads = unit(data, shape, np.dtype(np.float64)) < 0.5
    return 2 * elementwise.convert_element_type(heads, dtype) - dtype.type(1)


def _double_sided_maxwell(data, loc, scale, *, shape, dtype):
    of_length, of_sign = halves(data)
    sign = signs(of_sign, shape, dtype)
    return sign * _maxwell(of_length, shape=shape, dtype=dtype) * scale + loc


def double_sided_maxwell(
    key: ArrayLike, loc: ArrayLike, scale: ArrayLike, shape: Sequence[int] = (), dtype: DTypeLike = None
) -> Array:
    """Draw from the Maxwell distribution with either sign, stretched and moved.

    Parameters
    ----------
    key : key
    loc, scale : array_like
        The centre, and by how much lengths are multiplied.
    shape : sequence of int, default ()
        Stands before the shape that ``loc`` and ``scale`` broadcast to, which stands for it where it is ().
    dtype : dtype, default float64
        Floating.

    Returns
    -------
    Array
        ``dtype[*shape, *parameters]``

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating.

    Examples
    --------
    >>> jaxlite.random.double_sided_maxwell(jaxlite.random.key(0), 0.0, 2.0, (3,))
    Array([ 3.96922408, -4.9564148 , -3.26696301], dtype=float64)
    """
    name = "double_sided_maxwell"
    data, _ = single(name, key)
    dtype = float_dtype(name, dtype)
    of_parameters = common_shape(name, None, loc, scale)
    shape = (canonical_shape(shape) or of_parameters) + of_parameters
    loc, scale = as_float(name, loc, dtype), as_float(name, scale, dtype, 2)
    return run(_double_sided_maxwell, shape, data, loc, scale, drawn=4 * math.prod(shape), dtype=dtype)


# --- by logarithms ------------------------------------------------------------------------------------


def standard_exponential(data, shape: tuple[int, ...], dtype: np.dtype):
    """Return numbers of rate 1."""
    return -jnp.log1p(-unit(data, shape, dtype))


def _exponential(data, *, shape, dtype):
    return standard_exponential(data, shape, dtype)


def exponential(
    key: ArrayLike, shape: Sequence[int] = (), dtype: DTypeLike = None, *, out_sharding=None
) -> Array:
    """Draw from the exponential distribution of mean 1.

    Parameters
    ----------
    key : key
    shape : sequence of int, default ()
    dtype : dtype, default float64
        Floating.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating.

    Notes
    -----
    -log(1 - u) of `uniform` numbers.

    Examples
    --------
    >>> jaxlite.random.exponential(jaxlite.random.key(0), (3,))
    Array([0.54207056, 0.24372319, 3.36163426], dtype=float64)
    """
    data, _ = single("exponential", key)
    return run(_exponential, canonical_shape(shape), data, dtype=float_dtype("exponential", dtype))


def standard_gumbel(data, shape: tuple[int, ...], dtype: np.dtype, mode: str):
    """Return numbers of the Gumbel distribution; ``mode`` as in `gumbel`."""
    info = np.finfo(dtype)
    if mode == "low":
        return -jnp.log(-jnp.log(between(data, shape, dtype, info.tiny, dtype.type(1))))
    if mode == "highest" and dtype == np.float32:
        return _gumbel_of_64_bits(data, shape)
    high, low = unit(data, (2, *shape), dtype)
    # Below 1/2 there is room for more digits.
    more = high + dtype.type(2.0**-info.nmant) * low + info.tiny
    return -jnp.log(-jnp.log1p(-jnp.where(high >= 0.5, high, more)))


def _gumbel_of_64_bits(data, shape):
    """Use 64 bits for each float32: they are the digits of u or of 1 - u, whichever is smaller."""
    u32 = np.uint32
    upper, lower = bits_of(data, 32, (2, *shape))
    is_low = upper < u32(1 << 31)
    # Two's complement of 64 bits, in two words.
    other_upper = elementwise.bitwise_not(upper) + elementwise.convert_element_type(
        lower == u32(0), np.dtype(u32)
    )
    other_lower = elementwise.bitwise_not(lower) + u32(1)
    x = _fraction_of_64_bits(jnp.where(is_low, upper, other_upper), jnp.where(is_low, lower, other_lower))
    return -jnp.log(-jnp.where(is_low, jnp.log1p(-x), jnp.log(x)))


def _fraction_of_64_bits(upper, lower):
    """Return (upper·2³² + lower)/2⁶⁴ as float32, cut off after 24 digits."""
    u32 = np.uint32
    left, right, either = elementwise.shift_left, elementwise.shift_right_logical, elementwise.bitwise_or
    zeros, more_zeros = elementwise.clz(upper), elementwise.clz(lower)
    none = zeros == u32(32)
    below = jnp.where(none, left(lower, more_zeros), right(lower, u32(32) - zeros))
    digits = either(left(upper, zeros), below)
    digits = elementwise.bitwise_and(right(digits, u32(8)), u32((1 << 23) - 1))
    exponent = u32(126) - jnp.where(none, u32(32) + more_zeros, zeros)
    exponent = elementwise.bitwise_and(left(exponent, u32(23)), u32((1 << 30) - (1 << 22)))
    return elementwise.bitcast_convert_type(either(exponent, digits), np.dtype(np.float32))


def gumbel_mode(name: str, mode: str | None) -> str:
    mode = "low" if mode is None else mode
    if mode not in ("low", "high", "highest"):
        raise ArgumentError(f"{name}: there is no mode {mode!r}.", fix='"low", "high" or "highest".')
    return mode


def _gumbel(data, *, shape, dtype, mode):
    return standard_gumbel(data, shape, dtype, mode)


def gumbel(
    key: ArrayLike,
    shape: Sequence[int] = (),
    dtype: DTypeLike = None,
    mode: str | None = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw from the Gumbel distribution, that of the largest of many numbers.

    Parameters
    ----------
    key : key
    shape : sequence of int, default ()
    dtype : dtype, default float64
        Floating.
    mode : {"low", "high", "highest"}, optional
        "low" by default; "high" spends twice the bits, for large numbers that are finer; "highest" of float32 has all
        digits of 64 bits.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating, or ``mode`` unknown.

    Notes
    -----
    -log(-log u) of `uniform` numbers.

    Examples
    --------
    >>> jaxlite.random.gumbel(jaxlite.random.key(0), (3,))
    Array([ 0.13790566, -0.42599294,  3.34403911], dtype=float64)
    """
    data, _ = single("gumbel", key)
    mode = gumbel_mode("gumbel", mode)
    return run(_gumbel, canonical_shape(shape), data, dtype=float_dtype("gumbel", dtype), mode=mode)


def _laplace(data, *, shape, dtype):
    low = dtype.type(-1) + np.finfo(dtype).epsneg
    u = between(data, shape, dtype, low, dtype.type(1))
    return jnp.sign(u) * jnp.log1p(-jnp.abs(u))


def laplace(
    key: ArrayLike, shape: Sequence[int] = (), dtype: DTypeLike = None, *, out_sharding=None
) -> Array:
    """Draw from the Laplace distribution: exponential numbers with either sign.

    Parameters
    ----------
    key : key
    shape : sequence of int, default ()
    dtype : dtype, default float64
        Floating.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating.

    Examples
    --------
    >>> jaxlite.random.laplace(jaxlite.random.key(0), (3,))
    Array([ 0.17803369,  0.83796278, -2.66848708], dtype=float64)
    """
    data, _ = single("laplace", key)
    return run(_laplace, canonical_shape(shape), data, dtype=float_dtype("laplace", dtype))


def _logistic(data, *, shape, dtype):
    u = between(data, shape, dtype, np.finfo(dtype).tiny, dtype.type(1))
    return jnp.log(u) - jnp.log1p(-u)


def logistic(
    key: ArrayLike, shape: Sequence[int] = (), dtype: DTypeLike = None, *, out_sharding=None
) -> Array:
    """Draw from the logistic distribution: log(u/(1 - u)) of uniform numbers.

    Parameters
    ----------
    key : key
    shape : sequence of int, default ()
    dtype : dtype, default float64
        Floating.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating.

    Examples
    --------
    >>> jaxlite.random.logistic(jaxlite.random.key(0), (3,))
    Array([-0.32911032, -1.28738678,  3.32634015], dtype=float64)
    """
    data, _ = single("logistic", key)
    return run(_logistic, canonical_shape(shape), data, dtype=float_dtype("logistic", dtype))


def _cauchy(data, *, shape, dtype):
    u = between(data, shape, dtype, np.finfo(dtype).eps, dtype.type(1))
    return jnp.tan(dtype.type(np.pi) * (u - dtype.type(0.5)))


def cauchy(key: ArrayLike, shape: Sequence[int] = (), dtype: DTypeLike = None, *, out_sharding=None) -> Array:
    """Draw from the Cauchy distribution: tan(π(u - 1/2)) of uniform numbers.

    Parameters
    ----------
    key : key
    shape : sequence of int, default ()
    dtype : dtype, default float64
        Floating.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating.

    Examples
    --------
    >>> jaxlite.random.cauchy(jaxlite.random.key(0), (3,))
    Array([-0.26192951, -1.23784602,  9.14252843], dtype=float64)
    """
    data, _ = single("cauchy", key)
    return run(_cauchy, canonical_shape(shape), data, dtype=float_dtype("cauchy", dtype))


def _pareto(data, b, *, shape, dtype):
    return jnp.exp(standard_exponential(data, shape, dtype) / b)


def pareto(
    key: ArrayLike,
    b: ArrayLike,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw from the Pareto distribution: density b/xᵇ⁺¹ from 1 on.

    Parameters
    ----------
    key : key
    b : array_like
        The exponent, positive.
    shape : sequence of int, optional
        That of the result, to which the parameters must broadcast; by default what they broadcast to.
    dtype : dtype, default float64
        Floating.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating.
    ShapeError
        If the parameters do not broadcast to ``shape``.

    Examples
    --------
    >>> jaxlite.random.pareto(jaxlite.random.key(0), 2.0, (3,))
    Array([1.31132133, 1.12959775, 5.36994212], dtype=float64)
    """
    data, _ = single("pareto", key)
    dtype = float_dtype("pareto", dtype)
    shape = common_shape("pareto", shape, b)
    return run(_pareto, shape, data, as_float("pareto", b, dtype), dtype=dtype)


def _rayleigh(data, scale, *, shape, dtype):
    return scale * jnp.sqrt(jnp.log(unit(data, shape, dtype)) * dtype.type(-2))


def rayleigh(
    key: ArrayLike,
    scale: ArrayLike,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw from the Rayleigh distribution: lengths of vectors of two normal numbers.

    Parameters
    ----------
    key : key
    scale : array_like
        The standard deviation of the normal numbers.
    shape : sequence of int, optional
        That of the result, to which the parameters must broadcast; by default what they broadcast to.
    dtype : dtype, default float64
        Floating.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating.
    ShapeError
        If the parameters do not broadcast to ``shape``.

    Notes
    -----
    scale·√(-2·log u) of `uniform` numbers.

    Examples
    --------
    >>> jaxlite.random.rayleigh(jaxlite.random.key(0), 2.0, (3,))
    Array([2.63997102, 3.49983995, 0.53136889], dtype=float64)
    """
    data, _ = single("rayleigh", key)
    dtype = float_dtype("rayleigh", dtype)
    shape = common_shape("rayleigh", shape, scale)
    return run(_rayleigh, shape, data, as_float("rayleigh", scale, dtype), dtype=dtype)


def _weibull_min(data, scale, concentration, *, shape, dtype):
    return jnp.power(standard_exponential(data, shape, dtype), 1.0 / concentration) * scale


def weibull_min(
    key: ArrayLike,
    scale: ArrayLike,
    concentration: ArrayLike,
    shape: Sequence[int] = (),
    dtype: DTypeLike = None,
) -> Array:
    """Draw from the Weibull distribution.

    Parameters
    ----------
    key : key
    scale, concentration : array_like
        Positive; they must broadcast with ``shape``.
    shape : sequence of int, default ()
    dtype : dtype, default float64
        Floating.

    Returns
    -------
    Array
        ``dtype[*shape]``, broadcast with the parameters.

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating.

    Notes
    -----
    scale·e^(1/concentration) of `exponential` numbers.

    Examples
    --------
    >>> jaxlite.random.weibull_min(jaxlite.random.key(0), 2.0, 1.5, (3,))
    Array([1.32963939, 0.78035921, 4.48811149], dtype=float64)
    """
    data, _ = single("weibull_min", key)
    dtype = float_dtype("weibull_min", dtype)
    parameters = (as_float("weibull_min", x, dtype, i) for i, x in enumerate((scale, concentration), 1))
    return run(_weibull_min, canonical_shape(shape), data, *parameters, dtype=dtype)


def _wald(data, mean, *, shape, dtype):
    of_normal, of_uniform = halves(data)
    mean = broadcast(mean, shape)
    y = jnp.square(standard_normal(of_normal, shape, dtype))
    z = unit(of_uniform, shape, dtype)
    square = jnp.square(mean)
    x = mean + square * y / 2 - mean / 2 * jnp.sqrt(4 * mean * y + square * jnp.square(y))
    return jnp.where(z <= mean / (mean + x), x, square / x)


def wald(
    key: ArrayLike,
    mean: ArrayLike,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw from the Wald distribution (inverse Gaussian) of scale 1.

    Parameters
    ----------
    key : key
    mean : array_like
        Positive.
    shape : sequence of int, optional
        That of the result, to which the parameters must broadcast; by default what they broadcast to.
    dtype : dtype, default float64
        Floating.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating.
    ShapeError
        If the parameters do not broadcast to ``shape``.

    References
    ----------
    .. [1] Michael, Schucany, Haas, "Generating random variates using transformations with multiple roots", The
       American Statistician 30, 1976.

    Examples
    --------
    >>> jaxlite.random.wald(jaxlite.random.key(0), 2.0, (3,))
    Array([0.22327945, 3.90085525, 3.56995724], dtype=float64)
    """
    data, _ = single("wald", key)
    dtype = float_dtype("wald", dtype)
    shape = common_shape("wald", shape, mean)
    return run(_wald, shape, data, as_float("wald", mean, dtype), dtype=dtype)


def _triangular(data, left, mode, right, *, shape, dtype):
    u = unit(data, shape, dtype)
    at_mode = (mode - left) / (right - left)
    rising = left + jnp.sqrt(u * (right - left) * (mode - left))
    falling = right - jnp.sqrt((1 - u) * (right - left) * (right - mode))
    return jnp.where(u < at_mode, rising, falling)


def triangular(
    key: ArrayLike,
    left: ArrayLike,
    mode: ArrayLike,
    right: ArrayLike,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw from the triangular distribution.

    Parameters
    ----------
    key : key
    left, mode, right : array_like
        Where the density begins, is largest and ends.
    shape : sequence of int, optional
        That of the result, to which the parameters must broadcast; by default what they broadcast to.
    dtype : dtype, default float64
        Floating.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating.
    ShapeError
        If the parameters do not broadcast to ``shape``.

    Examples
    --------
    >>> jaxlite.random.triangular(jaxlite.random.key(0), 0.0, 1.0, 4.0, (3,))
    Array([1.35831216, 0.9301515 , 3.35490895], dtype=float64)
    """
    data, _ = single("triangular", key)
    dtype = float_dtype("triangular", dtype)
    shape = common_shape("triangular", shape, left, mode, right)
    parameters = (as_float("triangular", x, dtype, i) for i, x in enumerate((left, mode, right), 1))
    return run(_triangular, shape, data, *parameters, dtype=dtype)
