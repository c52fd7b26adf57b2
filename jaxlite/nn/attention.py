"""Attention: means of values, weighted by how well keys go with queries.

logits = einsum("BTNH,BSNH->BNTS", query, key) · scale + bias
result = einsum("BNTS,BSNH->BTNH", softmax(logits), value)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy.promotion import operand
from jaxlite.numpy.reductions import logsumexp
from jaxlite.ops.structural import stop_gradient
from jaxlite.trace import aval_of
from jaxlite.typing import Array, ArrayLike


def dot_product_attention(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    bias: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    *,
    scale: float | None = None,
    is_causal: bool = False,
    query_seq_lengths: ArrayLike | None = None,
    key_value_seq_lengths: ArrayLike | None = None,
    local_window_size: int | tuple[int, int] | None = None,
    implementation: Any = None,
    return_residual: bool = False,
):
    """Scaled dot-product attention.

    Parameters
    ----------
    query : array_like
        ``[B, T, N, H]``, or without ``B``: batch, places, heads, features.
    key, value : array_like
        ``[B, S, K, H]``, or without ``B``; ``N/K`` heads of the query share one of them.
    bias : array_like, optional
        ``[B, N, T, S]`` or sizes of 1, added to the logits.
    mask : array_like of bool, optional
        ``[B, N, T, S]`` or sizes of 1: what takes part.
    scale : float, optional
        Of the logits; by default ``1/√H``.
    is_causal : bool, default False
        Whether a place sees only itself and what is before it.
    query_seq_lengths, key_value_seq_lengths : array_like of int, optional
        ``[B]``: how many places there really are.
    local_window_size : int or (int, int), optional
        How far a place sees back and ahead.
    implementation : any
        Ignored.
    return_residual : bool, default False
        Whether to return ``log Σ exp`` of the logits as well, ``[B, T, N]``.

    Returns
    -------
    Array, or (Array, Array)
        ``[B, T, N, H]``, or without ``B``.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS 2017.
    """
    arrays = [jnp.asarray(operand("dot_product_attention", x)) for x in (query, key, value)]
    alone = arrays[0].ndim == 3
    if alone:
        arrays = [x[None] for x in arrays]
    q, k, v = arrays
    _check(q, k, v)
    (b, t, n, h), (s, heads) = q.shape, k.shape[1:3]
    q = q.reshape(b, t, heads, n // heads, h)
    logits = jnp.einsum("btkgh,bskh->bkgts", q, k)
    if logits.dtype == np.float16:
        logits = logits.astype(np.float32)
    logits = logits * logits.dtype.type(1 / math.sqrt(h) if scale is None else scale)
    if bias is not None:
        logits = (logits + _grouped(bias, heads, n // heads)).astype(logits.dtype)
    seen = _seen(t, s, is_causal, query_seq_lengths, key_value_seq_lengths, local_window_size)
    if mask is not None:
        seen = _grouped(mask, heads, n // heads) if seen is None else seen & _grouped(mask, heads, n // heads)
    if seen is not None:
        # Not -inf: where nothing is seen, all counts alike, and derivatives are numbers. float32's, as JAX has it.
        logits = jnp.where(seen, logits, logits.dtype.type(-0.7 * float(np.finfo(np.float32).max)))
    # Differs from JAX: a softmax of float64 is float64.
    # Not exp(logits - logsumexp(logits)): of logits of -2e38, log n vanishes in the sum, and weights would be 1 each.
    shifted = jnp.exp(logits - stop_gradient(jnp.max(logits, axis=-1, keepdims=True, initial=-np.inf)))
    weights = (shifted / jnp.sum(shifted, axis=-1, keepdims=True)).astype(k.dtype)
    out = jnp.einsum("bkgts,bskh->btkgh", weights, v).reshape(b, t, n, h)
    if query_seq_lengths is not None:
        there = np.arange(t) < jnp.asarray(query_seq_lengths)[:, None]
        out = jnp.where(there[:, :, None, None], out, out.dtype.type(0))
    results = [out]
    if return_residual:
        total = stop_gradient(logsumexp(logits, axis=-1)).astype(k.dtype)
        results.append(jnp.transpose(total, (0, 3, 1, 2)).reshape(b, t, n))
    results = [x[0] if alone else x for x in results]
    return tuple(results) if return_residual else results[0]


def _check(q: Array, k: Array, v: Array) -> None:
    if not (q.ndim == k.ndim == v.ndim == 4 and k.shape == v.shape):
        raise ShapeError(
            f"dot_product_attention: operands have types {aval_of(q)}, {aval_of(k)} and {aval_of(v)}.",
            why="a query is [B, T, N, H], keys and values are [B, S, K, H]; or all are without B.",
        )
    if (q.shape[0], q.shape[3]) != (k.shape[0], k.shape[3]) or q.shape[2] % k.shape[2]:
        raise ShapeError(
            f"dot_product_attention: a query of type {aval_of(q)} for keys of type {aval_of(k)}.",
            why="batch and features are the same, and the heads of the query a multiple of those of the keys.",
        )


def _grouped(x, heads: int, group: int):
    """Turn ``[B, N, T, S]``, of which the first may be missing, into ``[B, K, N/K, T, S]``."""
    x = jnp.asarray(x)
    x = x.reshape((1,) * (4 - x.ndim) + x.shape)
    if x.ndim != 4 or x.shape[1] not in (1, heads * group):
        raise ShapeError(
            f"dot_product_attention: bias or mask of shape {x.shape} is not [B, {heads * group}, T, S]."
        )
    b, n, t, s = x.shape
    return x.reshape(b, 1, 1, t, s) if n == 1 else x.reshape(b, heads, group, t, s)


def _seen(t: int, s: int, is_causal: bool, query_lengths, key_lengths, window):
    """Return which places see which: ``bool[…, T, S]``, or None for all."""
    here, there = np.arange(t)[:, None], np.arange(s)
    conditions = [here >= there] if is_causal else []
    if window is not None:
        back, ahead = (window, window) if np.ndim(window) == 0 else window
        if back < 0 or ahead < 0:
            raise ArgumentError(
                f"dot_product_attention: local_window_size {window}.", why="it must not be negative."
            )
        conditions.append((here <= there + back) & (here >= there - ahead))
    lengths = ((query_lengths, here), (key_lengths, there))
    conditions += [
        places < jnp.asarray(length)[:, None, None, None, None]
        for length, places in lengths
        if length is not None
    ]
    seen = None
    for condition in conditions:
        seen = condition if seen is None else jnp.logical_and(seen, condition)
    return seen
