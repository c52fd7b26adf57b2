"""Functions of neural networks: activations, softmax, one-hot codes.

softplus(x)  ->  logaddexp x 0.0          relu(x)  ->  select_n (x > 0) (max x 0.0) x
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.errors import ArgumentError
from jaxlite.nn import initializers
from jaxlite.nn.attention import dot_product_attention
from jaxlite.numpy.promotion import canonical_axis, operand, promote_inexact
from jaxlite.numpy.reductions import logsumexp
from jaxlite.ops import elementwise, special, structural
from jaxlite.trace import aval_of
from jaxlite.typing import Array, ArrayLike, DTypeLike

__all__ = [
    "celu",
    "dot_product_attention",
    "elu",
    "gelu",
    "glu",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "identity",
    "initializers",
    "leaky_relu",
    "log1mexp",
    "log_sigmoid",
    "log_softmax",
    "logmeanexp",
    "logsumexp",
    "mish",
    "one_hot",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_sign",
    "softmax",
    "softplus",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "standardize",
    "swish",
    "tanh",
]

tanh = jnp.tanh


def relu(x: ArrayLike) -> Array:
    """Rectified linear unit, max(x, 0).

    Parameters
    ----------
    x : array_like

    Returns
    -------
    Array

    Notes
    -----
    The derivative at 0 and at nan is 0.

    Examples
    --------
    >>> jaxlite.nn.relu(jnp.array([-1.0, 2.0]))
    Array([0., 2.], dtype=float64)
    """
    x = operand("relu", x)
    # A maximum that has no derivative: nan stays nan, and its slope is 0 as where the unit is off.
    return jnp.where(jnp.greater(x, 0), x, jnp.maximum(structural.stop_gradient(x), 0))


def relu6(x: ArrayLike) -> Array:
    """Rectified linear unit that ends at 6: min(max(x, 0), 6).

    Parameters
    ----------
    x : array_like

    Returns
    -------
    Array

    Notes
    -----
    The derivative at 0, 6 and nan is 0.
    """
    (x,) = promote_inexact("relu6", x)
    is_between = jnp.logical_and(jnp.greater(x, 0), jnp.less(x, 6))
    limited = jnp.minimum(jnp.maximum(structural.stop_gradient(x), 0), 6)
    return jnp.where(is_between, x, limited)


def leaky_relu(x: ArrayLike, negative_slope: ArrayLike = 1e-2) -> Array:
    """``x`` where it is positive or zero, ``negative_slope * x`` elsewhere.

    Parameters
    ----------
    x : array_like
    negative_slope : number, default 0.01

    Returns
    -------
    Array
    """
    return jnp.where(jnp.greater_equal(x, 0), x, jnp.multiply(negative_slope, x))


def elu(x: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """Exponential linear unit: ``x`` where it is positive, ``alpha * (exp(x) - 1)`` elsewhere.

    Parameters
    ----------
    x : array_like
    alpha : number, default 1.0

    Returns
    -------
    Array
    """
    positive = jnp.greater(x, 0)
    # The branch that is not taken must not overflow, for the sake of the derivative.
    return jnp.where(positive, x, jnp.multiply(alpha, jnp.expm1(jnp.where(positive, 0.0, x))))


def celu(x: ArrayLike, alpha: ArrayLike = 1.0) -> Array:
    """``x`` where it is positive, ``alpha * (exp(x / alpha) - 1)`` elsewhere.

    Parameters
    ----------
    x : array_like
    alpha : number, default 1.0

    Returns
    -------
    Array
    """
    positive = jnp.greater(x, 0)
    below = jnp.expm1(jnp.divide(jnp.where(positive, 0.0, x), alpha))
    return jnp.where(positive, x, jnp.multiply(alpha, below))


def selu(x: ArrayLike) -> Array:
    """Scaled exponential linear unit.

    Parameters
    ----------
    x : array_like

    Returns
    -------
    Array
    """
    return jnp.multiply(1.0507009873554804934193349852946, elu(x, 1.6732632423543772848170429916717))


def sigmoid(x: ArrayLike) -> Array:
    """Logistic sigmoid, 1/(1 + exp(-x)).

    Parameters
    ----------
    x : array_like

    Returns
    -------
    Array
    """
    return elementwise.logistic(*promote_inexact("sigmoid", x))


def log_sigmoid(x: ArrayLike) -> Array:
    """Logarithm of the logistic sigmoid, -softplus(-x).

    Parameters
    ----------
    x : array_like

    Returns
    -------
    Array
    """
    return jnp.negative(softplus(jnp.negative(x)))


def softplus(x: ArrayLike) -> Array:
    """``log(1 + exp(x))`` without overflow.

    Parameters
    ----------
    x : array_like

    Returns
    -------
    Array

    Notes
    -----
    ż = sigmoid(x)·ẋ
    """
    return jnp.logaddexp(x, 0.0)


def silu(x: ArrayLike) -> Array:
    """``x * sigmoid(x)``, also called swish.

    Parameters
    ----------
    x : array_like

    Returns
    -------
    Array
    """
    return jnp.multiply(x, sigmoid(x))


swish = silu


def soft_sign(x: ArrayLike) -> Array:
    """``x / (1 + |x|)``.

    Parameters
    ----------
    x : array_like

    Returns
    -------
    Array
    """
    return jnp.divide(x, jnp.add(jnp.abs(x), 1))


def hard_tanh(x: ArrayLike) -> Array:
    """``x`` limited to the range from -1 to 1.

    Parameters
    ----------
    x : array_like

    Returns
    -------
    Array
    """
    return jnp.where(jnp.greater(x, 1), 1, jnp.where(jnp.less(x, -1), -1, x))


def gelu(x: ArrayLike, approximate: bool = True) -> Array:
    """Gaussian error linear unit, ``x`` times the normal distribution function of ``x``.

    Parameters
    ----------
    x : array_like
    approximate : bool, default True
        Whether by a formula with tanh (up to 5e-4) and not by the error function.

    Returns
    -------
    Array
    """
    (x,) = promote_inexact("gelu", x)
    if approximate:
        inner = jnp.multiply(math.sqrt(2 / math.pi), jnp.add(x, jnp.multiply(0.044715, jnp.power(x, 3))))
        return jnp.multiply(x, jnp.multiply(0.5, jnp.add(1.0, jnp.tanh(inner))))
    scaled = jnp.multiply(x, -math.sqrt(0.5))
    # erfc keeps the digits of the small values far to the left.
    return jnp.multiply(jnp.multiply(0.5, x), special.erfc(operand("gelu", scaled)))


def softmax(x: ArrayLike, axis: int | Sequence[int] | None = -1, where: ArrayLike | None = None) -> Array:
    """Exponentials divided by their sum over axes.

    Parameters
    ----------
    x : array_like
    axis : int or tuple of int, default -1
    where : array of bool, optional
        Which elements count; the others give 0.

    Returns
    -------
    Array

    Examples
    --------
    >>> jaxlite.nn.softmax(jnp.zeros(4))
    Array([0.25, 0.25, 0.25, 0.25], dtype=float64)
    """
    (x,) = promote_inexact("softmax", x)
    terms = jnp.exp(_below_largest(x, axis, where))
    result = jnp.divide(terms, jnp.sum(terms, axis, keepdims=True))
    # 0/0 where nothing counts.
    return result if where is None else jnp.where(where, result, 0)


def _below_largest(x, axis, where):
    """Return ``x`` less its largest element, and -inf for what does not count: its exponential and derivative are 0."""
    largest = structural.stop_gradient(jnp.max(x, axis, keepdims=True, initial=-np.inf, where=where))
    shifted = jnp.subtract(x, largest)
    return shifted if where is None else jnp.where(where, shifted, -np.inf)


def log_softmax(x: ArrayLike, axis: int | Sequence[int] | None = -1, where: ArrayLike | None = None) -> Array:
    """Logarithm of `softmax`, without overflow.

    Parameters
    ----------
    x : array_like
    axis : int or tuple of int, default -1
    where : array of bool, optional
        Which elements count; the others give -inf.

    Returns
    -------
    Array
    """
    (x,) = promote_inexact("log_softmax", x)
    # Not x - logsumexp(x): the logarithm of a sum, at most log n, would be rounded as the largest x is.
    shifted = _below_largest(x, axis, where)
    result = jnp.subtract(shifted, jnp.log(jnp.sum(jnp.exp(shifted), axis, keepdims=True)))
    return result if where is None else jnp.where(where, result, -np.inf)


def standardize(
    x: ArrayLike,
    axis: int | Sequence[int] | None = -1,
    mean: ArrayLike | None = None,
    variance: ArrayLike | None = None,
    epsilon: ArrayLike = 1e-5,
    where: ArrayLike | None = None,
    *,
    algorithm: str = "stable",
) -> Array:
    """Shift and scale to mean 0 and variance 1 along axes.

    Parameters
    ----------
    x : array_like
    axis : int or tuple of int, default -1
    mean, variance : array_like, optional
        If they are known, with the axes kept.
    epsilon : number, default 1e-5
        Added to the variance.
    where : array of bool, optional
        Which elements count.
    algorithm : {"stable", "fast"}, default "stable"
        Whether a variance is the mean square of distances from the mean, or the mean of squares less the square of the
        mean, which loses digits where the mean is large.

    Returns
    -------
    Array
    """
    # Differs from JAX: the default is the one that loses no digits.
    if algorithm not in ("stable", "fast"):
        raise ArgumentError(f"standardize: algorithm is 'stable' or 'fast', not {algorithm!r}.")
    mean = jnp.mean(x, axis, keepdims=True, where=where) if mean is None else mean
    if variance is None and algorithm == "fast":
        variance = jnp.mean(jnp.square(x), axis, keepdims=True, where=where) - jnp.square(mean)
        # Digits that cancel may leave less than nothing.
        variance = jnp.clip(variance, 0)
    elif variance is None:
        variance = jnp.var(x, axis, keepdims=True, where=where)
    return jnp.divide(jnp.subtract(x, mean), jnp.sqrt(jnp.add(variance, epsilon)))


def glu(x: ArrayLike, axis: int = -1) -> Array:
    """Gated linear unit: the first half of an axis times the sigmoid of the second.

    Parameters
    ----------
    x : array_like
        ``[..., 2·n, ...]``
    axis : int, default -1
        Which axis is halved.

    Returns
    -------
    Array
        ``[..., n, ...]``
    """
    first, second = jnp.split(x, 2, axis)
    return jnp.multiply(first, sigmoid(second))


def hard_sigmoid(x: ArrayLike) -> Array:
    """Straight lines in the place of a sigmoid: relu6(x + 3)/6.

    Parameters
    ----------
    x : array_like
        Of any shape.

    Returns
    -------
    Array
        Of the shape of ``x``, floating.
    """
    return jnp.divide(relu6(jnp.add(x, 3.0)), 6.0)


def hard_silu(x: ArrayLike) -> Array:
    """Return ``x`` times `hard_sigmoid`.

    Parameters
    ----------
    x : array_like
        Of any shape.

    Returns
    -------
    Array
        Of the shape of ``x``, floating.
    """
    return jnp.multiply(x, hard_sigmoid(x))


hard_swish = hard_silu


def identity(x: ArrayLike) -> Array:
    """Return the argument as an array.

    Parameters
    ----------
    x : array_like
        Of any shape.

    Returns
    -------
    Array
        Of the shape and dtype of ``x``.
    """
    return jnp.asarray(x)


def log1mexp(x: ArrayLike) -> Array:
    """Return log(1 - exp(-x)) without cancellation, for positive ``x``.

    Parameters
    ----------
    x : array_like
        Of any shape, positive.

    Returns
    -------
    Array
        Of the shape of ``x``, floating.
    """
    (x,) = promote_inexact("log1mexp", x)
    near = jnp.less(x, math.log(2.0))
    # Each formula sees harmless arguments where the other one counts.
    small, large = jnp.where(near, x, 1), jnp.where(near, 1, x)
    return jnp.where(near, jnp.log(jnp.negative(jnp.expm1(-small))), jnp.log1p(jnp.negative(jnp.exp(-large))))


def mish(x: ArrayLike) -> Array:
    """Return ``x`` times the hyperbolic tangent of its softplus.

    Parameters
    ----------
    x : array_like
        Of any shape.

    Returns
    -------
    Array
        Of the shape of ``x``, floating.
    """
    return jnp.multiply(x, jnp.tanh(softplus(x)))


def sparse_plus(x: ArrayLike) -> Array:
    """Return 0 up to -1, x from 1 on, and the parabola (x + 1)²/4 between.

    Parameters
    ----------
    x : array_like
        Of any shape.

    Returns
    -------
    Array
        Of the shape of ``x``, floating.
    """
    parabola = jnp.multiply(jnp.square(jnp.add(x, 1.0)), 0.25)
    return jnp.where(jnp.less_equal(x, -1.0), 0.0, jnp.where(jnp.greater_equal(x, 1.0), x, parabola))


def sparse_sigmoid(x: ArrayLike) -> Array:
    """Return (x + 1)/2, limited to the range from 0 to 1.

    Parameters
    ----------
    x : array_like
        Of any shape.

    Returns
    -------
    Array
        Of the shape of ``x``, floating.
    """
    return jnp.multiply(jnp.clip(jnp.add(x, 1.0), 0.0, 2.0), 0.5)


def squareplus(x: ArrayLike, b: ArrayLike = 4) -> Array:
    """Return (x + √(x² + b))/2, a smooth relu of algebra alone.

    Parameters
    ----------
    x : array_like
        Of any shape.
    b : array_like, default 4
        How smooth; 0 is relu.

    Returns
    -------
    Array
        Of the shape they broadcast to, floating.
    """
    return jnp.multiply(jnp.add(x, jnp.sqrt(jnp.add(jnp.square(x), b))), 0.5)


def logmeanexp(
    x: ArrayLike,
    axis: int | Sequence[int] | None = None,
    where: ArrayLike | None = None,
    keepdims: bool = False,
) -> Array:
    """Logarithm of the mean of exponentials, without overflow.

    Parameters
    ----------
    x : array_like
    axis : int or tuple of int, optional
        All by default.
    where : array of bool, optional
        Which elements count.
    keepdims : bool, default False

    Returns
    -------
    Array
    """
    total = logsumexp(x, axis=axis, where=where, keepdims=keepdims)
    if where is None:
        # As many for each result.
        counts = jnp.size(x) // max(jnp.size(total), 1)
    else:
        counts = jnp.sum(jnp.broadcast_to(where, jnp.shape(x)), axis, keepdims=keepdims)
    return total - jnp.log(jnp.asarray(counts, total.dtype))


def one_hot(x: ArrayLike, num_classes: int, *, dtype: DTypeLike = float, axis: int = -1) -> Array:
    """Code integers as vectors with one 1 among zeros; numbers outside give zeros.

    Parameters
    ----------
    x : array_like of int
    num_classes : int
        Length of the vectors.
    dtype : dtype, default float64
    axis : int, default -1
        Where the vectors lie in the result.

    Returns
    -------
    Array

    Examples
    --------
    >>> jaxlite.nn.one_hot(jnp.array([0, 2]), 3)
    Array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float64)
    """
    x = operand("one_hot", x)
    ndim = aval_of(x).ndim + 1
    axis = canonical_axis(axis, ndim)
    classes = jnp.reshape(jnp.arange(num_classes), [-1 if d == axis else 1 for d in range(ndim)])
    return jnp.astype(jnp.equal(jnp.expand_dims(x, axis), classes), dtype)
