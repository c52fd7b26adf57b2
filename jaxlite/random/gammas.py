"""The gamma distribution, and those that are made of it.

gamma(key, a)      one key and one loop for each element, until a number is accepted: in machine code one scan
                   of while loops over scalars
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.control.custom_rules import custom_jvp
from jaxlite.control.derived import map as scan_map
from jaxlite.control.while_loop import while_loop
from jaxlite.errors import ShapeError
from jaxlite.numpy.promotion import canonical_shape, operand
from jaxlite.ops import elementwise, structural
from jaxlite.random.continuous import signs, standard_exponential, standard_normal, unit
from jaxlite.random.drawing import as_float, broadcast, common_shape, float_dtype, run, shape_of
from jaxlite.random.gamma_derivative import random_gamma_grad
from jaxlite.random.keys import halves, single, split_data
from jaxlite.typing import Array, ArrayLike, DTypeLike


def _one(data, a, in_logarithms: bool):
    """Draw one number of one key: Marsaglia's and Tsang's method, which cubes a normal number."""
    dtype = np.dtype(a.dtype)
    zero, one, third = dtype.type(0), dtype.type(1), dtype.type(1 / 3)
    # Below 1 the method draws for a + 1, and the result is made smaller afterwards.
    is_large = a >= one
    d = jnp.where(is_large, a, a + one) - third
    c = third / jnp.sqrt(d)

    def rejected(state):
        _, square, cube, u = state
        outside = u >= one - dtype.type(0.0331) * square * square
        return outside & (jnp.log(u) >= square * dtype.type(0.5) + d * ((one - cube) + jnp.log(cube)))

    def draw(state):
        data, of_x, of_u = halves(state[0], 3)

        def draw_x(inner):
            of_next, of_normal = halves(inner[0])
            x = standard_normal(of_normal, (), dtype)
            return of_next, x, one + x * c

        _, x, v = while_loop(lambda inner: inner[2] <= zero, draw_x, (of_x, zero, dtype.type(-1)))
        return data, x * x, v * v * v, unit(of_u, (), dtype)

    of_draws, of_boost = halves(data)
    _, _, cube, _ = while_loop(rejected, draw, (of_draws, zero, one, dtype.type(2)))
    if not in_logarithms:
        boost = jnp.power(one - unit(of_boost, (), dtype), one / a)
        return d * cube * jnp.where(is_large, one, boost)
    log_u = -standard_exponential(of_boost, (), dtype)
    log_boost = jnp.where(is_large | (log_u == zero), zero, log_u * (one / a))
    return jnp.log(d) + jnp.log(cube) + log_boost


def _sampler(in_logarithms: bool):
    """Return the function that draws for an array of parameters, with its derivative."""

    @custom_jvp
    def sample(data, a):
        shape = shape_of(a)
        keys = split_data(data, math.prod(shape))
        if not shape:
            return _one(keys[0], a, in_logarithms)
        flat = jnp.reshape(a, (math.prod(shape),))
        drawn = scan_map(lambda pair: _one(*pair, in_logarithms), (keys, flat))
        return jnp.reshape(drawn, shape)

    @sample.defjvp
    def _(primals, tangents):
        data, a = primals
        z = sample(data, a)
        return z, tangents[1] * _derivative(z, a, in_logarithms)

    return sample


def _derivative(z, a, in_logarithms: bool):
    """Return dz/da at a fixed level of the distribution function."""
    if not in_logarithms:
        return random_gamma_grad(a, z)
    x = jnp.maximum(jnp.exp(z), np.finfo(z.dtype).tiny)
    return random_gamma_grad(a, x) / x


_sample, _sample_logarithm = _sampler(False), _sampler(True)


def _gamma(data, a, *, shape, dtype):
    return _sample(data, broadcast(a, shape))


def _loggamma(data, a, *, shape, dtype):
    return _sample_logarithm(data, broadcast(a, shape))


def gamma(
    key: ArrayLike,
    a: ArrayLike,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw from the gamma distribution: density proportional to xᵃ⁻¹·exp(-x).

    Parameters
    ----------
    key : key
    a : array_like
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

    Notes
    -----
    Rejection [1]_, in a loop for each element. The derivative with respect to ``a`` is that of a number at a fixed
    level of the distribution function [2]_.

    References
    ----------
    .. [1] Marsaglia, Tsang, "A simple method for generating gamma variables", ACM TOMS 26, 2000.
    .. [2] Figurnov, Mohamed, Mnih, "Implicit reparameterization gradients", NeurIPS 2018.

    Examples
    --------
    >>> jaxlite.random.gamma(jaxlite.random.key(0), 2.5, (3,))
    Array([1.8048802 , 1.5385597 , 4.44249172], dtype=float64)
    """
    data, _ = single("gamma", key)
    dtype = float_dtype("gamma", dtype)
    shape = common_shape("gamma", shape, a)
    return run(_gamma, shape, data, as_float("gamma", a, dtype), loops=True, dtype=dtype)


def loggamma(
    key: ArrayLike,
    a: ArrayLike,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw logarithms of numbers of the gamma distribution, which of a small ``a`` may be too small themselves.

    Parameters
    ----------
    key : key
    a : array_like
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

    Examples
    --------
    >>> jaxlite.random.loggamma(jaxlite.random.key(0), 1e-3, (3,))
    Array([-1113.02584633, -2280.53575798,  -853.36156626], dtype=float64)
    """
    data, _ = single("loggamma", key)
    dtype = float_dtype("loggamma", dtype)
    shape = common_shape("loggamma", shape, a)
    return run(_loggamma, shape, data, as_float("loggamma", a, dtype), loops=True, dtype=dtype)


def _beta(data, a, b, *, shape, dtype):
    x, y = (_loggamma(k, p, shape=shape, dtype=dtype) for k, p in zip(halves(data), (a, b), strict=True))
    largest = jnp.maximum(x, y)
    x, y = jnp.exp(x - largest), jnp.exp(y - largest)
    return x / (x + y)


def beta(
    key: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw from the beta distribution: density proportional to xᵃ⁻¹·(1 - x)ᵇ⁻¹.

    Parameters
    ----------
    key : key
    a, b : array_like
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

    Notes
    -----
    x/(x + y) of two numbers of the gamma distribution.

    Examples
    --------
    >>> jaxlite.random.beta(jaxlite.random.key(0), 2.0, 3.0, (3,))
    Array([0.32795607, 0.61380901, 0.76013421], dtype=float64)
    """
    data, _ = single("beta", key)
    dtype = float_dtype("beta", dtype)
    shape = common_shape("beta", shape, a, b)
    return run(
        _beta, shape, data, as_float("beta", a, dtype), as_float("beta", b, dtype, 2), loops=True, dtype=dtype
    )


def _dirichlet(data, alpha, *, shape, dtype):
    x = _loggamma(data, alpha, shape=(*shape, shape_of(alpha)[-1]), dtype=dtype)
    x = jnp.exp(x - structural.stop_gradient(jnp.max(x, axis=-1, keepdims=True)))
    return x / jnp.sum(x, axis=-1, keepdims=True)


def dirichlet(
    key: ArrayLike,
    alpha: ArrayLike,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw from the Dirichlet distribution: positive numbers whose sum is 1.

    Parameters
    ----------
    key : key
    alpha : array_like
        f64[..., n], positive.
    shape : sequence of int, optional
        That of the result without its last axis; by default ``alpha.shape[:-1]``.
    dtype : dtype, default float64
        Floating.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape, n]``

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating.
    ShapeError
        If the parameters do not broadcast to ``shape``.

    Examples
    --------
    >>> jaxlite.random.dirichlet(jaxlite.random.key(0), np.array([1.0, 2.0, 3.0]))
    Array([0.07065346, 0.16705569, 0.76229085], dtype=float64)
    """
    data, _ = single("dirichlet", key)
    dtype = float_dtype("dirichlet", dtype)
    alpha = as_float("dirichlet", alpha, dtype)
    if not shape_of(alpha):
        raise ShapeError("dirichlet: alpha is one number.", why="it holds a parameter for each of several.")
    shape = common_shape("dirichlet", shape, shape_of(alpha)[:-1])
    return run(_dirichlet, shape, data, alpha, loops=True, dtype=dtype)


def _chisquare(data, df, *, shape, dtype):
    return jnp.exp(_loggamma(data, df / dtype.type(2), shape=shape, dtype=dtype)) * dtype.type(2)


def chisquare(
    key: ArrayLike,
    df: ArrayLike,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw from the χ² distribution: sums of squares of ``df`` normal numbers.

    Parameters
    ----------
    key : key
    df : array_like
        Positive, not necessarily an integer.
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
    >>> jaxlite.random.chisquare(jaxlite.random.key(0), 3.0, (3,))
    Array([1.81389348, 1.44835385, 5.98027483], dtype=float64)
    """
    data, _ = single("chisquare", key)
    dtype = float_dtype("chisquare", dtype)
    shape = common_shape("chisquare", shape, df)
    return run(_chisquare, shape, data, as_float("chisquare", df, dtype), loops=True, dtype=dtype)


def _f(data, dfnum, dfden, *, shape, dtype):
    of_denominator, of_numerator = halves(data)
    above = _chisquare(of_numerator, dfnum, shape=shape, dtype=dtype) / dfnum
    return above / (_chisquare(of_denominator, dfden, shape=shape, dtype=dtype) / dfden)


def f(
    key: ArrayLike,
    dfnum: ArrayLike,
    dfden: ArrayLike,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw from the F distribution: ratios of two numbers of the χ² distribution, each divided by its ``df``.

    Parameters
    ----------
    key : key
    dfnum, dfden : array_like
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

    Examples
    --------
    >>> jaxlite.random.f(jaxlite.random.key(0), 3.0, 4.0, (3,))
    Array([1.54829471, 0.34078744, 0.09088248], dtype=float64)
    """
    data, _ = single("f", key)
    dtype = float_dtype("f", dtype)
    shape = common_shape("f", shape, dfnum, dfden)
    return run(
        _f, shape, data, as_float("f", dfnum, dtype), as_float("f", dfden, dtype, 2), loops=True, dtype=dtype
    )


def _t(data, df, *, shape, dtype):
    of_normal, of_gamma = halves(data)
    half = df / dtype.type(2)
    z = standard_normal(of_normal, shape, dtype)
    return z * jnp.sqrt(half / _gamma(of_gamma, half, shape=shape, dtype=dtype))


def t(
    key: ArrayLike,
    df: ArrayLike,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw from Student's t distribution.

    Parameters
    ----------
    key : key
    df : array_like
        Degrees of freedom, positive.
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
    z·√(df/2/g) of normal numbers z and gamma numbers g.

    Examples
    --------
    >>> jaxlite.random.t(jaxlite.random.key(0), 3.0, (3,))
    Array([ 1.40115888, -0.60724612,  1.12196326], dtype=float64)
    """
    data, _ = single("t", key)
    dtype = float_dtype("t", dtype)
    shape = common_shape("t", shape, df)
    return run(_t, shape, data, as_float("t", df, dtype), loops=True, dtype=dtype)


def _generalized_normal(data, p, *, shape, dtype):
    of_gamma, of_sign = halves(data)
    inverse = elementwise.convert_element_type(1 / p, dtype)
    g = _gamma(of_gamma, inverse, shape=shape, dtype=dtype)
    return signs(of_sign, shape, dtype) * jnp.power(g, inverse)


def generalized_normal(
    key: ArrayLike,
    p: ArrayLike,
    shape: Sequence[int] = (),
    dtype: DTypeLike = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw from the generalized normal distribution: density proportional to exp(-|x|ᵖ).

    Parameters
    ----------
    key : key
    p : float
        Positive.
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
    >>> jaxlite.random.generalized_normal(jaxlite.random.key(0), 1.5, (3,))
    Array([ 1.00520642, -1.6840824 , -0.20287837], dtype=float64)
    """
    name = "generalized_normal"
    data, _ = single(name, key)
    dtype = float_dtype(name, dtype)
    shape = common_shape(name, canonical_shape(shape), operand(name, p, 1))
    return run(
        _generalized_normal, shape, data, as_float(name, p, np.dtype(np.float64)), loops=True, dtype=dtype
    )


def _ball(data, p, *, shape, dtype, d):
    of_direction, of_radius = halves(data)
    g = _generalized_normal(of_direction, p, shape=(*shape, d), dtype=dtype)
    e = standard_exponential(of_radius, shape, dtype)
    p = elementwise.convert_element_type(p, dtype)
    radius = jnp.power(jnp.sum(jnp.power(jnp.abs(g), p), axis=-1) + e, 1 / p)
    return g / radius[..., None]


def ball(
    key: ArrayLike,
    d: int,
    p: float = 2,
    shape: Sequence[int] = (),
    dtype: DTypeLike = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw points of the unit ball, all equally likely.

    Parameters
    ----------
    key : key
    d : int
        Dimension of the space.
    p : float, default 2
        The ball is where Σ|xᵢ|ᵖ ≤ 1.
    shape : sequence of int, default ()
        How many points.
    dtype : dtype, default float64
        Floating.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape, d]``

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating.

    References
    ----------
    .. [1] Barthe, Guédon, Mendelson, Naor, "A probabilistic approach to the geometry of the lₚⁿ-ball", Annals of
       Probability 33, 2005.

    Examples
    --------
    >>> jaxlite.random.ball(jaxlite.random.key(0), 2)
    Array([-0.87015073, -0.45473046], dtype=float64)
    """
    data, _ = single("ball", key)
    dtype = float_dtype("ball", dtype)
    p = as_float("ball", p, np.dtype(np.float64), 2)
    return run(_ball, canonical_shape(shape), data, p, loops=True, dtype=dtype, d=int(d))
