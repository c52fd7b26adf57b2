"""How a number of the gamma distribution moves with its parameter.

At a fixed level of the distribution function P(a, x), dx/da = -(∂P/∂a)/(∂P/∂x). Both have the factor xᵃ·exp(-x)/Γ(a),
which cancels; what is left is the series of P or the continued fraction of 1 - P, and its derivative by a.
"""

from __future__ import annotations

import math

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.control.cond import cond
from jaxlite.control.derived import map as scan_map
from jaxlite.control.while_loop import while_loop
from jaxlite.errors import DtypeError
from jaxlite.numpy.promotion import promote_inexact
from jaxlite.ops import special
from jaxlite.random.drawing import broadcast, common_shape
from jaxlite.trace import aval_of
from jaxlite.typing import Array, ArrayLike

# More terms than any argument needs: near x = a some 6·√a.
_MOST = 1_000_000


def _by_series(a, x, eps):
    """-(∂P/∂a)/(∂P/∂x) from S = Σ xⁿ/((a+1)…(a+n)), P = xᵃ·exp(-x)/Γ(a+1)·S."""

    def go_on(state):
        n, term, slope, total, total_slope = state
        small = (term <= eps * total) & (jnp.abs(slope) <= eps * jnp.abs(total_slope))
        return ~small & (n < _MOST)

    def step(state):
        n, term, slope, total, total_slope = state
        n = n + 1
        ratio = x / (a + n)
        slope = ratio * (slope - term / (a + n))
        term = term * ratio
        return n, term, slope, total + term, total_slope + slope

    one, zero = jnp.ones_like(x), jnp.zeros_like(x)
    # Begins with one step done, where the slope is not zero.
    first = step((zero, one, zero, one, zero))
    _, _, _, total, slope = while_loop(go_on, step, first)
    return -(x / a) * (total * (jnp.log(x) - special.digamma(a + 1)) + slope)


def _by_fraction(a, x, eps):
    """From h = 1/(x+1-a - 1(1-a)/(x+3-a - 2(2-a)/(x+5-a - …))), 1 - P = xᵃ·exp(-x)/Γ(a)·h; Lentz' method."""

    def go_on(state):
        n, h_dot, last, last_dot = state[0], state[7], state[8], state[9]
        done = (jnp.abs(last - 1) <= eps) & (jnp.abs(last_dot) <= eps * jnp.abs(h_dot))
        return ~done & (n < _MOST)

    def step(state):
        n, b, c, c_dot, d, d_dot, h, h_dot, _, _ = state
        n, b = n + 1, b + 2
        top, top_dot = n * (a - n), n
        c_dot = -1 + (top_dot - top * c_dot / c) / c
        c = b + top / c
        below_dot = top_dot * d + top * d_dot - 1
        d = 1 / (top * d + b)
        d_dot = -below_dot * d * d
        factor, factor_dot = c * d, c_dot * d + c * d_dot
        return n, b, c, c_dot, d, d_dot, h * factor, h_dot * factor + h * factor_dot, factor, h * factor_dot

    b, zero = x + 1 - a, jnp.zeros_like(x)
    d = 1 / b
    d_dot = d * d
    start = (zero, b, jnp.full_like(x, 1 / np.finfo(x.dtype).tiny), zero, d, d_dot, d, d_dot, zero, zero)
    result = while_loop(go_on, step, step(start))
    h, h_dot = result[6], result[7]
    return x * (h * (jnp.log(x) - special.digamma(a)) + h_dot)


def _one(a, x):
    eps = np.finfo(x.dtype).eps
    use_series = (x <= 1) | (x <= a)
    # Under vmap both run: each gets arguments that it converges for.
    return cond(
        use_series,
        lambda: _by_series(a, jnp.where(use_series, x, a * 0.5), eps),
        lambda: _by_fraction(a, jnp.where(use_series, a + 2, x), eps),
    )


def random_gamma_grad(a: ArrayLike, x: ArrayLike) -> Array:
    """Derivative of a number of the gamma distribution by its parameter, at a fixed level of the distribution function.

    Parameters
    ----------
    a : array_like
        f64[...] or f32[...], positive.
    x : array_like
        The number, positive.

    Returns
    -------
    Array
        f64[...] or f32[...], broadcast.

    Raises
    ------
    DtypeError
        If an argument is complex.

    Notes
    -----
    -(∂P/∂a)/(∂P/∂x) for the regularized incomplete gamma function P(a, x), by its series up to ``x = a``, and by a
    continued fraction beyond.

    References
    ----------
    .. [1] Figurnov, Mohamed, Mnih, "Implicit reparameterization gradients", NeurIPS 2018.
    .. [2] DLMF 8.7.1 and 8.9.2.

    Examples
    --------
    >>> jaxlite.lax.random_gamma_grad(2.0, 1.5)
    Array(0.93663907, dtype=float64)
    """
    a, x = promote_inexact("random_gamma_grad", a, x)
    given = np.dtype(aval_of(x).dtype)
    if given.kind == "c":
        raise DtypeError("random_gamma_grad takes floating operands, not complex ones.")
    # Half of the digits of float16 would be lost on the way.
    dtype = np.dtype(np.float32) if given == np.float16 else given
    shape = common_shape("random_gamma_grad", None, a, x)
    a, x = (jnp.asarray(v, dtype=dtype) for v in (a, x))
    if not shape:
        return jnp.asarray(_one(a, x), dtype=given)
    size = (math.prod(shape),)
    flat = tuple(jnp.reshape(broadcast(v, shape), size) for v in (a, x))
    return jnp.asarray(jnp.reshape(scan_map(lambda pair: _one(*pair), flat), shape), dtype=given)
