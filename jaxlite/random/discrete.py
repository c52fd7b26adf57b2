"""Distributions of integers, choices and permutations.

poisson, binomial     whole arrays go through a while loop, until every element is accepted
permutation           sorts by random keys, often enough that ties do not matter
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.control.scan import scan
from jaxlite.control.while_loop import while_loop
from jaxlite.dtypes import short_name
from jaxlite.errors import ArgumentError, DtypeError, ShapeError
from jaxlite.numpy.promotion import canonical_axis, canonical_shape, dtype_or, operand, promote_inexact
from jaxlite.ops import elementwise, sorting, special
from jaxlite.random.continuous import gumbel_mode, signs, standard_gumbel, unit
from jaxlite.random.drawing import (
    as_float,
    broadcast,
    common_shape,
    float_dtype,
    integer_dtype,
    run,
    shape_of,
)
from jaxlite.random.keys import bits_of, halves, single, split_data
from jaxlite.trace import aval_of
from jaxlite.typing import Array, ArrayLike, DTypeLike

F32, I32 = np.dtype(np.float32), np.dtype(np.int32)

# --- integers -----------------------------------------------------------------------------------------


def _clipped(x, dtype: np.dtype):
    """Convert integers to ``dtype``; what is outside of its range becomes its ends."""
    own, target = np.iinfo(aval_of(x).dtype), np.iinfo(dtype)
    if target.min > own.min:
        x = jnp.maximum(x, own.dtype.type(target.min))
    if target.max < own.max:
        x = jnp.minimum(x, own.dtype.type(target.max))
    return elementwise.convert_element_type(x, dtype)


def uniform_integers(data, low, high, shape: tuple[int, ...], dtype: np.dtype, beyond=None):
    """Return integers from ``low`` to below ``high``; where ``beyond`` holds, to the last one of the dtype."""
    unsigned = np.dtype(f"u{dtype.itemsize}")
    one = unsigned.type(1)
    upper, lower = (bits_of(k, 8 * dtype.itemsize, shape) for k in halves(data))
    span = elementwise.convert_element_type(high - low, unsigned)
    span = jnp.where(high <= low, one, span)
    if beyond is not None:
        span = jnp.where(beyond & (high > low), span + one, span)
    # Twice as many bits as the result has, modulo the span. A span of 0 stands for all numbers: n % 0 is to be n.
    half = unsigned.type(1 << 4 * dtype.itemsize)
    factor = _remainder(half, span)
    factor = _remainder(factor * factor, span)
    offset = _remainder(upper, span) * factor + _remainder(lower, span)
    return low + elementwise.convert_element_type(_remainder(offset, span), dtype)


def _remainder(x, span):
    return jnp.where(span == span.dtype.type(0), x, jnp.remainder(x, span))


def _randint(data, low, high, *, shape, dtype):
    drawn_in = I32 if dtype.itemsize < 4 else dtype
    beyond = None
    if drawn_in is not dtype:
        info = np.iinfo(dtype)
        low = jnp.clip(elementwise.convert_element_type(low, I32), info.min, info.max)
        high = jnp.clip(elementwise.convert_element_type(high, I32), info.min, int(info.max) + 1)
    elif np.iinfo(aval_of(high).dtype).max > np.iinfo(dtype).max:
        beyond = high > np.iinfo(dtype).max
    low, high = _clipped(low, drawn_in), _clipped(high, drawn_in)
    z = uniform_integers(data, low, high, shape, drawn_in, beyond)
    return elementwise.convert_element_type(z, dtype)


def randint(
    key: ArrayLike,
    shape: Sequence[int],
    minval: ArrayLike,
    maxval: ArrayLike,
    dtype: DTypeLike = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw integers, all equally likely.

    Parameters
    ----------
    key : key
    shape : sequence of int
    minval, maxval : array_like
        From ``minval`` to below ``maxval``, which may be one more than ``dtype`` holds; they must broadcast to
        ``shape``.
    dtype : dtype, default int64
        Of integers.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``; ``minval`` where ``maxval`` is not larger.

    Raises
    ------
    ArgumentError
        If ``dtype`` is not of integers.
    ShapeError
        If the bounds do not broadcast to ``shape``.

    Notes
    -----
    Twice as many random bits as the result has, modulo ``maxval - minval``: of no number more likely than of another
    by more than a part in 2³² (of 64-bit integers and spans below 2³², in 2⁹⁶).

    Examples
    --------
    >>> jaxlite.random.randint(jaxlite.random.key(0), (5,), 0, 10)
    Array([5, 1, 5, 7, 3], dtype=int64)
    """
    data, _ = single("randint", key)
    dtype = integer_dtype("randint", dtype)
    shape = common_shape("randint", canonical_shape(shape), minval, maxval)
    low, high = (_integers(x, i) for i, x in enumerate((minval, maxval), 2))
    return run(_randint, shape, data, low, high, dtype=dtype)


def _integers(x, position: int):
    if type(x) is int and x >= 1 << 63:
        x = np.asarray(x)
    x = operand("randint", x, position)
    kind = aval_of(x).dtype.kind
    if type(x) is int or kind not in "iu":
        return elementwise.convert_element_type(x, np.dtype(np.int64))
    return x


def _bernoulli(data, p, *, shape, dtype, mode):
    if mode == "low":
        return unit(data, shape, dtype) < p
    u, rest = unit(data, (2, *shape), dtype)
    return rest * dtype.type(2.0 ** -np.finfo(dtype).nmant) < p - u


def bernoulli(
    key: ArrayLike,
    p: ArrayLike = 0.5,
    shape: Sequence[int] | None = None,
    mode: str = "low",
    *,
    out_sharding=None,
) -> Array:
    """Draw True with probability ``p``.

    Parameters
    ----------
    key : key
    p : array_like, default 0.5
        Floating.
    shape : sequence of int, optional
        That of the result, to which the parameters must broadcast; by default what they broadcast to.
    mode : {"low", "high"}
        "high" takes twice the bits, for a ``p`` that is very small.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        bool[*shape]

    Raises
    ------
    DtypeError
        If ``p`` is not floating.
    ArgumentError
        If ``mode`` is unknown.
    ShapeError
        If ``p`` does not broadcast to ``shape``.

    Examples
    --------
    >>> jaxlite.random.bernoulli(jaxlite.random.key(0), 0.3, (5,))
    Array([False,  True, False, False, False], dtype=bool)
    """
    if mode not in ("low", "high"):
        raise ArgumentError(f"bernoulli: there is no mode {mode!r}.", fix='"low" or "high".')
    data, _ = single("bernoulli", key)
    p = operand("bernoulli", p, 1)
    dtype = aval_of(p).dtype
    if dtype.kind != "f":
        raise DtypeError(f"bernoulli: p is {aval_of(p)}.", why="a probability is floating.", fix="float(p).")
    shape = common_shape("bernoulli", shape, p)
    return run(_bernoulli, shape, data, as_float("bernoulli", p, dtype), dtype=dtype, mode=mode)


def _rademacher(data, *, shape, dtype):
    return signs(data, shape, dtype)


def rademacher(
    key: ArrayLike, shape: Sequence[int] = (), dtype: DTypeLike = None, *, out_sharding=None
) -> Array:
    """Draw 1 and -1, equally likely.

    Parameters
    ----------
    key : key
    shape : sequence of int, default ()
    dtype : dtype, default int64
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``

    Examples
    --------
    >>> jaxlite.random.rademacher(jaxlite.random.key(0), (5,))
    Array([ 1,  1, -1, -1, -1], dtype=int64)
    """
    data, _ = single("rademacher", key)
    return run(_rademacher, canonical_shape(shape), data, dtype=dtype_or(dtype, np.int64))


def _geometric(data, p, *, shape, dtype):
    u = unit(data, shape, np.dtype(p.dtype))
    u = jnp.where(u == 0, p.dtype.type(1), u)
    z = jnp.floor(jnp.log(u) / jnp.log1p(-p)) + 1
    return elementwise.convert_element_type(z, dtype)


def geometric(
    key: ArrayLike,
    p: ArrayLike,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw the number of trials up to the first success.

    Parameters
    ----------
    key : key
    p : array_like
        Probability of success, in (0, 1].
    shape : sequence of int, optional
        That of the result, to which the parameters must broadcast; by default what they broadcast to.
    dtype : dtype, default int64
        Of integers.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``, at least 1.

    Raises
    ------
    ArgumentError
        If ``dtype`` is not of integers.
    ShapeError
        If ``p`` does not broadcast to ``shape``.

    Examples
    --------
    >>> jaxlite.random.geometric(jaxlite.random.key(0), 0.2, (5,))
    Array([4, 7, 1, 3, 3], dtype=int64)
    """
    data, _ = single("geometric", key)
    dtype = integer_dtype("geometric", dtype)
    shape = common_shape("geometric", shape, p)
    (p,) = promote_inexact("geometric", p)
    return run(_geometric, shape, data, as_float("geometric", p, aval_of(p).dtype), dtype=dtype)


# --- counts -------------------------------------------------------------------------------------------


def _poisson_by_products(data, rate, shape, dtype, most: int):
    """Count uniform numbers until their product is below exp(-rate): for small rates."""

    def go_on(state):
        i, _, _, log_product = state
        return jnp.any(log_product > -rate) & (i < most)

    def step(state):
        i, count, data, log_product = state
        data, of_u = halves(data)
        count = jnp.where(log_product > -rate, count + dtype.type(1), count)
        return i + 1, count, data, log_product + jnp.log(unit(of_u, shape, F32))

    start = (np.int64(0), jnp.zeros(shape, dtype), data, jnp.zeros(shape, F32))
    return while_loop(go_on, step, start)[1] - dtype.type(1)


def _poisson_by_rejection(data, rate, shape, dtype, most: int):
    """Hörmann's transformed rejection: for rates from 10 on."""
    b = 0.931 + 2.53 * jnp.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_limit = 0.9277 - 3.6224 / (b - 2)
    log_rate = jnp.log(rate)

    def go_on(state):
        return ~jnp.all(state[2]) & (state[0] < most)

    def step(state):
        i, count, accepted, data = state
        data, of_u, of_v = halves(data, 3)
        u, v = unit(of_u, shape, F32) - F32.type(0.5), unit(of_v, shape, F32)
        u_inside = 0.5 - jnp.abs(u)
        k = jnp.floor((2 * a / u_inside + b) * u + rate + 0.43)
        s = jnp.log(v * inverse_alpha / (a / (u_inside * u_inside) + b))
        density = -rate + k * log_rate - special.lgamma(k + 1)
        rejected = (k < 0) | ((u_inside < 0.013) & (v > u_inside))
        accept = ((u_inside >= 0.07) & (v <= v_limit)) | (~rejected & (s <= density))
        return i + 1, jnp.where(accept, k, count), accepted | accept, data

    start = (np.int64(0), jnp.full(shape, -1, F32), jnp.zeros(shape, bool), data)
    return elementwise.convert_element_type(while_loop(go_on, step, start)[1], dtype)


def _poisson(data, rate, *, shape, dtype):
    rate = broadcast(rate, shape)
    most = int(np.iinfo(dtype).max) if dtype.itemsize < 8 else (1 << 63) - 1
    is_small = jnp.isnan(rate) | (rate < 10)
    small = _poisson_by_products(data, jnp.where(is_small, rate, F32.type(0)), shape, dtype, most)
    large = _poisson_by_rejection(data, jnp.where(is_small, F32.type(1e5), rate), shape, dtype, most)
    return jnp.where(rate == 0, dtype.type(0), jnp.where(is_small, small, large))


def poisson(
    key: ArrayLike,
    lam: ArrayLike,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw from the Poisson distribution.

    Parameters
    ----------
    key : key
    lam : array_like
        The mean, taken as float32.
    shape : sequence of int, optional
        That of the result, to which the parameters must broadcast; by default what they broadcast to.
    dtype : dtype, default int64
        Of integers.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``; -1 where ``lam`` is nan.

    Raises
    ------
    ArgumentError
        If ``dtype`` is not of integers.
    ShapeError
        If ``lam`` does not broadcast to ``shape``.

    References
    ----------
    .. [1] Knuth, "The art of computer programming", volume 2, 3.4.1 (means below 10).
    .. [2] Hörmann, "The transformed rejection method for generating Poisson random variables", Insurance: Mathematics
       and Economics 12, 1993.

    Examples
    --------
    >>> jaxlite.random.poisson(jaxlite.random.key(0), 4.0, (5,))
    Array([0, 1, 5, 5, 2], dtype=int64)
    """
    data, _ = single("poisson", key)
    dtype = integer_dtype("poisson", dtype)
    shape = common_shape("poisson", shape, lam)
    return run(_poisson, shape, data, as_float("poisson", lam, F32), loops=True, dtype=dtype)


# log k! - ((k + 1/2)·log(k + 1) - (k + 1) + log(2π)/2), for k up to 9; beyond by the first terms of Stirling's series.
_TAIL = tuple(
    math.lgamma(k + 1) - ((k + 0.5) * math.log(k + 1) - (k + 1) + 0.5 * math.log(2 * math.pi))
    for k in range(10)
)


def _stirling_tail(k):
    near = jnp.clip(k, 0.0, 9.0)
    square = (near + 1) * (near + 1)
    far = (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (near + 1)
    table = jnp.asarray(np.array(_TAIL, k.dtype))
    return jnp.where(k <= 9, table[elementwise.convert_element_type(jnp.floor(near), I32)], far)


def _binomial_by_waiting(data, count, p, shape, most: int):
    """Add up waiting times until they are longer than the number of trials: for few successes."""
    log_failure = jnp.log1p(-p)
    dtype = np.dtype(p.dtype)

    def go_on(state):
        return jnp.any(state[2] <= count) & (state[0] < most)

    def step(state):
        i, successes, waited, data = state
        of_u, data = halves(data)
        successes = jnp.where(waited <= count, successes + 1, successes)
        waited = waited + jnp.ceil(jnp.log(unit(of_u, shape, dtype)) / log_failure)
        return i + 1, successes, waited, data

    start = (np.int64(0), jnp.zeros(shape, dtype), jnp.zeros(shape, dtype), data)
    return while_loop(go_on, step, start)[1] - 1


def _binomial_by_rejection(data, count, p, shape, most: int):
    """Hörmann's transformed rejection with squeeze: for more than 10 expected successes."""
    dtype = np.dtype(p.dtype)
    deviation = jnp.sqrt(count * p * (1 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    c = count * p + 0.5
    v_limit = 0.92 - 4.2 / b
    odds = p / (1 - p)
    alpha = (2.83 + 5.1 / b) * deviation
    mode = jnp.floor((count + 1) * p)

    def go_on(state):
        return ~jnp.all(state[2]) & (state[0] < most)

    def step(state):
        i, result, accepted, data = state
        data, of_u, of_v = halves(data, 3)
        u, v = unit(of_u, shape, dtype) - dtype.type(0.5), unit(of_v, shape, dtype)
        inside = 0.5 - jnp.abs(u)
        k = jnp.floor((2 * a / inside + b) * u + c)
        at_once = (inside >= 0.07) & (v <= v_limit)
        v = jnp.log(v * alpha / (a / (inside * inside) + b))
        bound = (
            (mode + 0.5) * jnp.log((mode + 1) / (odds * (count - mode + 1)))
            + (count + 1) * jnp.log((count - mode + 1) / (count - k + 1))
            + (k + 0.5) * jnp.log(odds * (count - k + 1) / (k + 1))
            + _stirling_tail(mode)
            + _stirling_tail(count - mode)
            - _stirling_tail(k)
            - _stirling_tail(count - k)
        )
        rejected = (k < 0) | (k > count)
        accept = at_once | (~rejected & (v <= bound))
        return i + 1, jnp.where(accept, k, result), accepted | accept, data

    start = (np.int64(0), jnp.full(shape, -1, dtype), jnp.zeros(shape, bool), data)
    return while_loop(go_on, step, start)[1]


def _binomial(data, count, p, *, shape, dtype):
    count, p = broadcast(count, shape), broadcast(p, shape)
    most = int(min(float(np.finfo(dtype).max), 2.0**62))
    # Of the two outcomes the rarer one is counted.
    is_rare = p < 0.5
    q = jnp.where(is_rare, p, 1 - p)
    no_count = jnp.isnan(count) | (count < 0)
    endless = jnp.isinf(count)
    no_probability, below = jnp.isnan(q), q < 0
    q = jnp.where(no_probability | below, q.dtype.type(0.01), q)
    few = no_count | (count * q <= 10)
    count = jnp.floor(count)
    number = count.dtype.type
    by_waiting = _binomial_by_waiting(data, jnp.where(few, count, number(0)), q, shape, most)
    by_rejection = _binomial_by_rejection(
        data, jnp.where(few, number(1e4), count), jnp.where(few, number(0.5), q), shape, most
    )
    cast = elementwise.convert_element_type
    z = jnp.where(few, cast(by_waiting, dtype), cast(by_rejection, dtype))
    invalid = below | no_probability | no_count
    z = jnp.where(invalid, dtype.type(np.nan), z)
    z = jnp.where(endless & ~invalid, dtype.type(np.inf), z)
    return jnp.where(is_rare | no_count | no_probability | endless, z, cast(count, dtype) - z)


def binomial(
    key: ArrayLike,
    n: ArrayLike,
    p: ArrayLike,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike = None,
) -> Array:
    """Draw the number of successes in ``n`` trials.

    Parameters
    ----------
    key : key
    n : array_like
        Number of trials.
    p : array_like
        Probability of success.
    shape : sequence of int, optional
        That of the result, to which the parameters must broadcast; by default what they broadcast to.
    dtype : dtype, default float64
        Floating.

    Returns
    -------
    Array
        ``dtype[*shape]``, whole numbers; nan where ``n`` is negative or ``p`` no probability.

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating.
    ShapeError
        If the parameters do not broadcast to ``shape``.

    References
    ----------
    .. [1] Kachitvichyanukul, Schmeiser, "Binomial random variate generation", CACM 31, 1988 (few successes).
    .. [2] Hörmann, "The generation of binomial random variates", J. Statist. Comput. Simul. 46, 1993.

    Examples
    --------
    >>> jaxlite.random.binomial(jaxlite.random.key(0), 20, 0.3, (5,))
    Array([7., 3., 4., 5., 5.], dtype=float64)
    """
    data, _ = single("binomial", key)
    dtype = float_dtype("binomial", dtype)
    shape = common_shape("binomial", shape, n, p)
    (p,) = promote_inexact("binomial", p)
    inner = aval_of(p).dtype
    return run(
        _binomial,
        shape,
        data,
        as_float("binomial", n, inner),
        as_float("binomial", p, inner),
        loops=True,
        dtype=dtype,
    )


def _multinomial(data, n, p, *, shape, dtype, unroll):
    n, p = broadcast(n, shape[:-1]), jnp.moveaxis(broadcast(p, shape), -1, 0)
    left = jnp.cumsum(p[::-1], axis=0)[::-1]
    ratios = p / jnp.where(left == 0, left.dtype.type(1), left)

    def step(remaining, ratio_and_key):
        ratio, data = ratio_and_key
        count = _binomial(data, remaining, jnp.clip(ratio, 0, 1), shape=shape[:-1], dtype=np.dtype(n.dtype))
        return remaining - count, count

    _, counts = scan(step, n, (ratios, split_data(data, shape[-1])), unroll=unroll)
    return elementwise.convert_element_type(jnp.moveaxis(counts, 0, -1), dtype)


def multinomial(
    key: ArrayLike,
    n: ArrayLike,
    p: ArrayLike,
    *,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike = None,
    unroll: int | bool = 1,
) -> Array:
    """Draw how often each of several outcomes comes in ``n`` trials.

    Parameters
    ----------
    key : key
    n : array_like
        Number of trials, of the shape of ``p`` without its last axis, or what broadcasts to it.
    p : array_like
        f64[..., k], the probabilities of the outcomes.
    shape : sequence of int, optional
        That of the result, last axis included; by default ``p.shape``.
    dtype : dtype, default float64
        Floating.
    unroll : int or bool, default 1
        For the `scan` over the outcomes.

    Returns
    -------
    Array
        ``dtype[*shape]``, whole numbers that add up to ``n`` along the last axis.

    Raises
    ------
    ArgumentError
        If ``dtype`` is not floating.
    ShapeError
        If the parameters do not broadcast to ``shape``.

    Examples
    --------
    >>> jaxlite.random.multinomial(jaxlite.random.key(0), 10, np.array([0.2, 0.3, 0.5]))
    Array([1., 4., 5.], dtype=float64)
    """
    data, _ = single("multinomial", key)
    n, p = promote_inexact("multinomial", n, p)
    dtype = float_dtype("multinomial", dtype)
    if not shape_of(p):
        raise ShapeError("multinomial: p is one number.", why="it holds the probability of each outcome.")
    shape = common_shape("multinomial", shape_of(p) if shape is None else shape, p)
    common_shape("multinomial", shape[:-1], n)
    return run(_multinomial, shape, data, n, p, loops=True, dtype=dtype, unroll=unroll)


# --- choices ------------------------------------------------------------------------------------------


def _categorical(data, logits, *, shape, axis, replace, mode, prefix):
    dtype = np.dtype(logits.dtype)
    if replace:
        of_logits = list(shape[len(prefix) :])
        of_logits.insert(axis, shape_of(logits)[axis])
        noise = standard_gumbel(data, (*prefix, *of_logits), dtype, mode)
        return jnp.argmax(noise + logits, axis=axis - len(shape_of(logits)))
    logits = logits + standard_gumbel(data, shape_of(logits), dtype, mode)
    _, indices = sorting.top_k(jnp.moveaxis(logits, axis, -1), math.prod(prefix))
    return jnp.reshape(jnp.moveaxis(indices, -1, 0), shape)


def categorical(
    key: ArrayLike,
    logits: ArrayLike,
    axis: int = -1,
    shape: Sequence[int] | None = None,
    replace: bool = True,
    mode: str | None = None,
    *,
    out_sharding=None,
) -> Array:
    """Draw indices with given log-probabilities.

    Parameters
    ----------
    key : key
    logits : array_like
        Logarithms of the probabilities, up to a constant.
    axis : int, default -1
        Along which the categories lie.
    shape : sequence of int, optional
        That of the result: more axes, and the shape of ``logits`` without ``axis``.
    replace : bool, default True
        Whether a category may be drawn again along the first axes of the result.
    mode : {"low", "high", "highest"}, optional
        As in `gumbel`.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        i64[*shape]

    Raises
    ------
    ShapeError
        If ``logits`` does not broadcast to ``shape``.
    ArgumentError
        If there are fewer categories than are to be drawn without replacement.

    Notes
    -----
    The index of the largest of ``logits + gumbel``; without replacement those of the largest.

    Examples
    --------
    >>> logits = np.log([0.1, 0.2, 0.7])
    >>> jaxlite.random.categorical(jaxlite.random.key(0), logits, shape=(5,))
    Array([2, 2, 2, 1, 1], dtype=int64)
    """
    name = "categorical"
    data, _ = single(name, key)
    mode = gumbel_mode(name, mode)
    (logits,) = promote_inexact(name, logits)
    own = shape_of(logits)
    axis = canonical_axis(axis, len(own))
    of_rows = own[:axis] + own[axis + 1 :]
    shape = common_shape(name, shape, of_rows)
    prefix = shape[: len(shape) - len(of_rows)]
    if not replace and math.prod(prefix) > own[axis]:
        raise ArgumentError(
            f"{name}: {math.prod(prefix)} of {own[axis]} categories are to be drawn without replacement.",
            fix="replace=True, or a smaller shape.",
        )
    drawn = (math.prod(shape) if replace else math.prod(of_rows)) * own[axis]
    return run(
        _categorical, shape, data, logits,
        drawn=drawn, axis=axis, replace=bool(replace), mode=mode, prefix=prefix,
    )  # fmt: skip


def _shuffled(data, x, axis: int):
    """Sort by random keys, so many times that equal keys no longer count."""
    size = math.prod(shape_of(x))
    for _ in range(math.ceil(3 * math.log(max(1, size)) / math.log(0xFFFFFFFF))):
        data, of_bits = halves(data)
        _, x = sorting.sort_key_val(bits_of(of_bits, 32, shape_of(x)), x, axis)
    return x


def _permutation(data, x, *, shape, axis, independent):
    if independent or len(shape) == 1:
        return _shuffled(data, x, axis)
    return jnp.take(x, _shuffled(data, jnp.arange(shape[axis]), 0), axis)


def permutation(
    key: ArrayLike, x: int | ArrayLike, axis: int = 0, independent: bool = False, *, out_sharding=None
) -> Array:
    """Bring an array into random order.

    Parameters
    ----------
    key : key
    x : int or array_like
        An integer ``n`` stands for ``arange(n)``.
    axis : int, default 0
        Along which elements are moved.
    independent : bool, default False
        Whether each line along the axis gets an order of its own, instead of all the same.
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        Of the shape and dtype of ``x``.

    Raises
    ------
    DtypeError
        If ``x`` is one number that is no integer.

    Notes
    -----
    Sorts by 32 random bits, again for large arrays: equal ones keep their order.

    Examples
    --------
    >>> jaxlite.random.permutation(jaxlite.random.key(0), 5)
    Array([0, 1, 4, 3, 2], dtype=int64)
    """
    data, _ = single("permutation", key)
    x = _population("permutation", x)
    shape = shape_of(x)
    axis = canonical_axis(axis, len(shape))
    drawn = math.prod(shape) if independent else shape[axis]
    return run(_permutation, shape, data, x, drawn=drawn, axis=axis, independent=bool(independent))


def _population(name: str, x):
    """Return an array as it is, and ``arange(n)`` for a number."""
    x = operand(name, x, 1)
    aval = aval_of(x)
    if aval.shape:
        return x
    if aval.dtype.kind not in "iu":
        raise DtypeError(
            f"{name}: one number of dtype {short_name(aval.dtype)}.",
            why="it stands for arange(n).",
            fix="int(n).",
        )
    return jnp.arange(int(x))


def _choice(data, population, *p, shape, axis, replace, mode):
    n, draws = shape_of(population)[axis], math.prod(shape)
    if not p:
        if not replace:
            z = _permutation(data, population, shape=shape_of(population), axis=axis, independent=False)
            return z[(slice(None),) * axis + (slice(draws),)]
        i = _randint(data, np.int64(0), np.int64(n), shape=(draws,), dtype=np.dtype(np.int64))
    elif replace:
        total = jnp.cumsum(p[0])
        level = total[-1] * (1 - unit(data, (draws,), np.dtype(total.dtype)))
        i = jnp.searchsorted(total, level)
    else:
        noise = standard_gumbel(data, (n,), np.dtype(p[0].dtype), mode)
        _, i = sorting.top_k(noise + jnp.log(p[0]), draws)
    return jnp.take(population, i, axis)


def choice(
    key: ArrayLike,
    a: int | ArrayLike,
    shape: Sequence[int] = (),
    replace: bool = True,
    p: ArrayLike | None = None,
    axis: int = 0,
    mode: str | None = None,
) -> Array:
    """Choose elements of an array.

    Parameters
    ----------
    key : key
    a : int or array_like
        What to choose from; an integer ``n`` stands for ``arange(n)``.
    shape : sequence of int, default ()
        How many.
    replace : bool, default True
        Whether an element may be chosen again.
    p : array_like, optional
        f64[n], the probability of each; all are equally likely without it.
    axis : int, default 0
        Of ``a``, along which elements lie.
    mode : {"low", "high", "highest"}, optional
        As in `gumbel`, for choices without replacement and with ``p``.

    Returns
    -------
    Array
        Of the dtype of ``a``; its shape, with ``shape`` in the place of ``axis``.

    Raises
    ------
    ArgumentError
        If there is nothing to choose from, or not enough without replacement, or ``shape`` is no sequence.
    ShapeError
        If ``p`` has another shape.

    Examples
    --------
    >>> jaxlite.random.choice(jaxlite.random.key(0), np.array([2.0, 3.0, 5.0]), (4,), p=np.array([0.5, 0.3, 0.2]))
    Array([3., 3., 2., 2.], dtype=float64)
    """
    data, _ = single("choice", key)
    if not isinstance(shape, Sequence):
        raise ArgumentError(f"choice: shape={shape!r} is no sequence.", fix=f"shape=({shape},).")
    shape, mode = canonical_shape(shape), gumbel_mode("choice", mode)
    population = _population("choice", a)
    own = shape_of(population)
    axis = canonical_axis(axis, len(own))
    n, draws = own[axis], math.prod(shape)
    if not draws:
        return jnp.zeros(own[:axis] + shape + own[axis + 1 :], population.dtype)
    if not n or (not replace and draws > n):
        raise ArgumentError(
            f"choice: {draws} of {n} elements are to be chosen{'' if replace else ' without replacement'}.",
            fix="replace=True, or a smaller shape." if n else "there must be an element.",
        )
    parameters = () if p is None else promote_inexact("choice", p)
    if parameters and shape_of(parameters[0]) != (n,):
        raise ShapeError(
            f"choice: p has shape {shape_of(parameters[0])}.", why=f"of {n} elements it is ({n},)."
        )
    z = run(
        _choice, shape, data, population, *parameters,
        drawn=draws if replace else n, axis=axis, replace=bool(replace), mode=mode,
    )  # fmt: skip
    return jnp.reshape(z, own[:axis] + shape + own[axis + 1 :])
