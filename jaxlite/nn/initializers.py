"""Initializers: functions of a key, a shape and a dtype that give the first weights of a network.

    init = jaxlite.nn.initializers.he_normal()
    w = init(key, (784, 256))           normal(key, …) of variance 2/784

Those that scale by the number of inputs or outputs are `variance_scaling` with other arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

import jaxlite.numpy as jnp
from jaxlite import random
from jaxlite.dtypes import complex_dtype, real_dtype
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy.promotion import canonical_shape, dtype_or
from jaxlite.typing import Array, ArrayLike, DTypeLike

__all__ = [
    "Initializer",
    "constant",
    "delta_orthogonal",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

Axes = int | Sequence[int]
# Standard deviations of the normal distribution cut off at ±2, and of the complex one cut off at modulus 2.
_CUT_DEVIATION = 0.8796256610342398
_COMPLEX_CUT_DEVIATION = 0.9531116438049121


@runtime_checkable
class Initializer(Protocol):
    """What an initializer is: ``init(key, shape, dtype) -> array`` of this shape and dtype."""

    def __call__(
        self, key, shape: Sequence[int], dtype: DTypeLike = None, out_sharding: Any = None
    ) -> Array: ...


def _inexact(dtype) -> np.dtype:
    return dtype_or(dtype, np.float64)


def zeros(key, shape: Sequence[int], dtype: DTypeLike = None, out_sharding: Any = None) -> Array:
    """Return zeros.

    Parameters
    ----------
    key : key
        Not used.
    shape : sequence of int
    dtype : dtype, default float64
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``

    Examples
    --------
    >>> jaxlite.nn.initializers.zeros(jaxlite.random.key(0), (2,))
    Array([0., 0.], dtype=float64)
    """
    return jnp.zeros(shape, _inexact(dtype))


def ones(key, shape: Sequence[int], dtype: DTypeLike = None, out_sharding: Any = None) -> Array:
    """Return ones.

    Parameters
    ----------
    key : key
        Not used.
    shape : sequence of int
    dtype : dtype, default float64
    out_sharding : optional
        Without effect.

    Returns
    -------
    Array
        ``dtype[*shape]``

    Examples
    --------
    >>> jaxlite.nn.initializers.ones(jaxlite.random.key(0), (2,))
    Array([1., 1.], dtype=float64)
    """
    return jnp.ones(shape, _inexact(dtype))


def _scaled(draw: Callable, factor, dtype) -> Initializer:
    """Return the initializer that multiplies ``draw(key, shape, dtype)`` by a number."""
    default = dtype

    def init(key, shape, dtype=default, out_sharding=None):
        dtype = _inexact(dtype)
        return draw(key, canonical_shape(shape), dtype) * jnp.asarray(factor, dtype=dtype)

    return init


def constant(value: ArrayLike, dtype: DTypeLike = None) -> Initializer:
    """Make an initializer that gives one value.

    Parameters
    ----------
    value : array_like
        What broadcasts to the shape asked for.
    dtype : dtype, default float64
        Used where the initializer is given none.

    Returns
    -------
    Initializer

    Examples
    --------
    >>> jaxlite.nn.initializers.constant(0.5)(jaxlite.random.key(0), (2,))
    Array([0.5, 0.5], dtype=float64)
    """
    default = dtype

    def init(key, shape, dtype=default, out_sharding=None):
        return jnp.full(shape, value, dtype=_inexact(dtype))

    return init


def uniform(scale: float = 1e-2, dtype: DTypeLike = None) -> Initializer:
    """Make an initializer of uniform numbers in [0, scale).

    Parameters
    ----------
    scale : float, default 0.01
    dtype : dtype, default float64
        Used where the initializer is given none.

    Returns
    -------
    Initializer

    Examples
    --------
    >>> jaxlite.nn.initializers.uniform(10.0)(jaxlite.random.key(0), (2,))
    Array([4.18457112, 2.16295455], dtype=float64)
    """
    return _scaled(random.uniform, scale, dtype)


def normal(stddev: float = 1e-2, dtype: DTypeLike = None) -> Initializer:
    """Make an initializer of normal numbers of mean 0.

    Parameters
    ----------
    stddev : float, default 0.01
        Standard deviation.
    dtype : dtype, default float64
        Used where the initializer is given none.

    Returns
    -------
    Initializer

    Examples
    --------
    >>> jaxlite.nn.initializers.normal(1.0)(jaxlite.random.key(0), (2,))
    Array([-0.20584214, -0.78476578], dtype=float64)
    """
    return _scaled(random.normal, stddev, dtype)


def truncated_normal(
    stddev: float = 1e-2, dtype: DTypeLike = None, lower: float = -2.0, upper: float = 2.0
) -> Initializer:
    """Make an initializer of normal numbers that are cut off.

    Parameters
    ----------
    stddev : float, default 0.01
        Standard deviation before they are cut off.
    dtype : dtype, default float64
        Used where the initializer is given none.
    lower, upper : float, default -2 and 2
        Where they are cut off, in standard deviations.

    Returns
    -------
    Initializer

    Examples
    --------
    >>> jaxlite.nn.initializers.truncated_normal(1.0)(jaxlite.random.key(0), (2,))
    Array([-0.19635199, -0.74147057], dtype=float64)
    """

    def draw(key, shape, dtype):
        return random.truncated_normal(key, lower, upper, shape, dtype)

    return _scaled(draw, stddev, dtype)


# --- by the number of inputs and outputs --------------------------------------------------------------


def _size(shape: tuple[int, ...], axes: Axes) -> int:
    return shape[axes] if isinstance(axes, int) else math.prod(shape[d] for d in axes)


def _fans(shape: tuple[int, ...], in_axis: Axes, out_axis: Axes, batch_axis: Axes) -> tuple[float, float]:
    """Return the numbers of inputs of an output and of outputs of an input."""
    if isinstance(in_axis, int) and in_axis == -2 and len(shape) <= 1:
        raise ShapeError(
            f"an initializer by the number of inputs got the shape {shape}.",
            why="inputs are counted along axis -2, which it has not.",
            fix="give it two axes, or say in_axis=.",
        )
    inputs, outputs = _size(shape, in_axis), _size(shape, out_axis)
    places = math.prod(shape) / inputs / outputs / _size(shape, batch_axis)
    return inputs * places, outputs * places


def _in_disc(key, shape, dtype, squared_radius: Callable):
    """Return complex numbers of uniform angle; ``squared_radius`` makes it of uniform numbers."""
    of_radius, of_angle = random.split(key)
    part, dtype = real_dtype(dtype), complex_dtype(dtype)
    radius = jnp.sqrt(squared_radius(random.uniform(of_radius, shape, part), dtype)).astype(dtype)
    angle = 2 * np.pi * random.uniform(of_angle, shape, part).astype(dtype)
    return radius * jnp.exp(1j * angle)


def _cut_complex_normal(key, shape, dtype):
    def squared_radius(u, dtype):
        return -jnp.log(1 - (1 - jnp.exp(jnp.asarray(-4.0, dtype=dtype))) * u.astype(dtype))

    return _in_disc(key, shape, dtype, squared_radius)


def variance_scaling(
    scale: float,
    mode: str,
    distribution: str,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: DTypeLike = None,
) -> Initializer:
    """Make an initializer whose variance is ``scale`` divided by the number of inputs or outputs.

    Parameters
    ----------
    scale : float
        Positive.
    mode : {"fan_in", "fan_out", "fan_avg", "fan_geo_avg"}
        What to divide by: the inputs, the outputs, their mean or their geometric mean.
    distribution : {"truncated_normal", "normal", "uniform"}
    in_axis, out_axis : int or sequence of int, default -2 and -1
        Axes of inputs and outputs; all others, but for ``batch_axis``, multiply both.
    batch_axis : int or sequence of int, default ()
        Axes along which there is one array of weights after the other.
    dtype : dtype, default float64
        Used where the initializer is given none; floating or complex.

    Returns
    -------
    Initializer

    Raises
    ------
    ArgumentError
        When the initializer is called, if ``mode`` or ``distribution`` is unknown.
    ShapeError
        When it is called with a shape without ``in_axis``.

    References
    ----------
    .. [1] Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.
    .. [2] He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015.

    Examples
    --------
    >>> init = jaxlite.nn.initializers.variance_scaling(1.0, "fan_in", "normal")
    >>> init(jaxlite.random.key(0), (2, 2))
    Array([[-0.14555237, -0.5549132 ],
           [ 1.2841672 ,  0.13282578]], dtype=float64)
    """
    default = dtype

    def init(key, shape, dtype=default, out_sharding=None):
        shape, dtype = canonical_shape(shape), _inexact(dtype)
        inputs, outputs = _fans(shape, in_axis, out_axis, batch_axis)
        if mode == "fan_in":
            divisor = inputs
        elif mode == "fan_out":
            divisor = outputs
        elif mode == "fan_avg":
            divisor = (inputs + outputs) / 2
        elif mode == "fan_geo_avg":
            divisor = (inputs * outputs) ** 0.5
        else:
            raise ArgumentError(
                f"variance_scaling: there is no mode {mode!r}.",
                fix='"fan_in", "fan_out", "fan_avg" or "fan_geo_avg".',
            )
        return _of_variance(key, shape, dtype, distribution, jnp.asarray(scale / divisor, dtype=dtype))

    return init


def _of_variance(key, shape, dtype, distribution: str, variance):
    is_real = dtype.kind == "f"
    if distribution == "normal":
        return random.normal(key, shape, dtype) * jnp.sqrt(variance)
    if distribution == "truncated_normal":
        if is_real:
            return random.truncated_normal(key, -2, 2, shape, dtype) * (
                jnp.sqrt(variance) / dtype.type(_CUT_DEVIATION)
            )
        return _cut_complex_normal(key, shape, dtype) * (
            jnp.sqrt(variance) / dtype.type(_COMPLEX_CUT_DEVIATION)
        )
    if distribution == "uniform":
        if is_real:
            return random.uniform(key, shape, dtype, -1) * jnp.sqrt(3 * variance)
        return _in_disc(key, shape, dtype, lambda u, _: 2 * u) * jnp.sqrt(variance)
    raise ArgumentError(
        f"variance_scaling: there is no distribution {distribution!r}.",
        fix='"truncated_normal", "normal" or "uniform".',
    )


def glorot_uniform(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: DTypeLike = None
) -> Initializer:
    """Make an initializer of uniform numbers of variance 2/(inputs + outputs).

    Also called ``xavier_uniform``.

    Parameters
    ----------
    in_axis, out_axis, batch_axis : int or sequence of int, default -2, -1 and ()
        As in `variance_scaling`.
    dtype : dtype, default float64
        Used where the initializer is given none.

    Returns
    -------
    Initializer

    References
    ----------
    .. [1] Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.

    Examples
    --------
    >>> jaxlite.nn.initializers.glorot_uniform()(jaxlite.random.key(0), (2, 2))
    Array([[-0.19973847, -0.69493137],
           [ 1.13980015,  0.18248829]], dtype=float64)
    """
    return variance_scaling(1.0, "fan_avg", "uniform", in_axis, out_axis, batch_axis, dtype)


def glorot_normal(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: DTypeLike = None
) -> Initializer:
    """Make an initializer of normal numbers, cut off, of variance 2/(inputs + outputs).

    Also called ``xavier_normal``.

    Parameters
    ----------
    in_axis, out_axis, batch_axis : int or sequence of int, default -2, -1 and ()
        As in `variance_scaling`.
    dtype : dtype, default float64
        Used where the initializer is given none.

    Returns
    -------
    Initializer

    References
    ----------
    .. [1] Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.

    Examples
    --------
    >>> jaxlite.nn.initializers.glorot_normal()(jaxlite.random.key(0), (2, 2))
    Array([[-0.15784195, -0.59604771],
           [ 1.27863245,  0.14405613]], dtype=float64)
    """
    return variance_scaling(1.0, "fan_avg", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


def lecun_uniform(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: DTypeLike = None
) -> Initializer:
    """Make an initializer of uniform numbers of variance 1/inputs.

    Parameters
    ----------
    in_axis, out_axis, batch_axis : int or sequence of int, default -2, -1 and ()
        As in `variance_scaling`.
    dtype : dtype, default float64
        Used where the initializer is given none.

    Returns
    -------
    Initializer

    References
    ----------
    .. [1] LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998.

    Examples
    --------
    >>> jaxlite.nn.initializers.lecun_uniform()(jaxlite.random.key(0), (2, 2))
    Array([[-0.19973847, -0.69493137],
           [ 1.13980015,  0.18248829]], dtype=float64)
    """
    return variance_scaling(1.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype)


def lecun_normal(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: DTypeLike = None
) -> Initializer:
    """Make an initializer of normal numbers, cut off, of variance 1/inputs.

    Parameters
    ----------
    in_axis, out_axis, batch_axis : int or sequence of int, default -2, -1 and ()
        As in `variance_scaling`.
    dtype : dtype, default float64
        Used where the initializer is given none.

    Returns
    -------
    Initializer

    References
    ----------
    .. [1] LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998.

    Examples
    --------
    >>> jaxlite.nn.initializers.lecun_normal()(jaxlite.random.key(0), (2, 2))
    Array([[-0.15784195, -0.59604771],
           [ 1.27863245,  0.14405613]], dtype=float64)
    """
    return variance_scaling(1.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


def he_uniform(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: DTypeLike = None
) -> Initializer:
    """Make an initializer of uniform numbers of variance 2/inputs.

    Also called ``kaiming_uniform``.

    Parameters
    ----------
    in_axis, out_axis, batch_axis : int or sequence of int, default -2, -1 and ()
        As in `variance_scaling`.
    dtype : dtype, default float64
        Used where the initializer is given none.

    Returns
    -------
    Initializer

    References
    ----------
    .. [1] He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015.

    Examples
    --------
    >>> jaxlite.nn.initializers.he_uniform()(jaxlite.random.key(0), (2, 2))
    Array([[-0.28247285, -0.98278137],
           [ 1.61192083,  0.25807742]], dtype=float64)
    """
    return variance_scaling(2.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype)


def he_normal(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: DTypeLike = None
) -> Initializer:
    """Make an initializer of normal numbers, cut off, of variance 2/inputs.

    Also called ``kaiming_normal``.

    Parameters
    ----------
    in_axis, out_axis, batch_axis : int or sequence of int, default -2, -1 and ()
        As in `variance_scaling`.
    dtype : dtype, default float64
        Used where the initializer is given none.

    Returns
    -------
    Initializer

    References
    ----------
    .. [1] He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015.

    Examples
    --------
    >>> jaxlite.nn.initializers.he_normal()(jaxlite.random.key(0), (2, 2))
    Array([[-0.22322222, -0.84293876],
           [ 1.80825936,  0.20372613]], dtype=float64)
    """
    return variance_scaling(2.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


xavier_uniform = glorot_uniform
xavier_normal = glorot_normal
kaiming_uniform = he_uniform
kaiming_normal = he_normal

# --- orthogonal ---------------------------------------------------------------------------------------


def orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: DTypeLike = None) -> Initializer:
    """Make an initializer of orthogonal matrices, all equally likely.

    Parameters
    ----------
    scale : float, default 1
        By which the matrix is multiplied.
    column_axis : int, default -1
        The axis of columns; all others together are that of rows.
    dtype : dtype, default float64
        Used where the initializer is given none.

    Returns
    -------
    Initializer

    Raises
    ------
    ShapeError
        When it is called with a shape of less than two axes.

    References
    ----------
    .. [1] Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
       networks", ICLR 2014.

    Examples
    --------
    >>> w = jaxlite.nn.initializers.orthogonal()(jaxlite.random.key(0), (3, 2))
    >>> np.allclose(w.T @ w, np.eye(2))
    True
    """
    default = dtype

    def init(key, shape, dtype=default, out_sharding=None):
        shape, dtype = canonical_shape(shape), _inexact(dtype)
        if len(shape) < 2:
            raise ShapeError(f"orthogonal got the shape {shape}.", why="a matrix has two axes at least.")
        if 0 in shape:
            return jnp.zeros(shape, dtype)
        columns = shape[column_axis]
        q = random.orthogonal(key, math.prod(shape) // columns, (), dtype, columns)
        axis = column_axis % len(shape)
        q = jnp.reshape(q, (*shape[:axis], *shape[axis + 1 :], columns))
        return jnp.asarray(scale, dtype=dtype) * jnp.moveaxis(q, -1, column_axis)

    return init


def delta_orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: DTypeLike = None) -> Initializer:
    """Make an initializer of convolutions: an orthogonal matrix in the middle, zeros around it.

    Parameters
    ----------
    scale : float, default 1
        By which the matrix is multiplied.
    column_axis : int, default -1
        The axis of its columns.
    dtype : dtype, default float64
        Used where the initializer is given none.

    Returns
    -------
    Initializer

    Raises
    ------
    ShapeError
        When it is called with a shape that has not 3, 4 or 5 axes, or more inputs than outputs.

    References
    ----------
    .. [1] Xiao, Bahri, Sohl-Dickstein, Schoenholz, Pennington, "Dynamical isometry and a mean field theory of CNNs",
       ICML 2018.

    Examples
    --------
    >>> w = jaxlite.nn.initializers.delta_orthogonal()(jaxlite.random.key(0), (3, 2, 2))
    >>> w[0]
    Array([[0., 0.],
           [0., 0.]], dtype=float64)
    >>> np.allclose(w[1].T @ w[1], np.eye(2))
    True
    """
    default = dtype

    def init(key, shape, dtype=default, out_sharding=None):
        shape, dtype = canonical_shape(shape), _inexact(dtype)
        if len(shape) not in (3, 4, 5):
            raise ShapeError(
                f"delta_orthogonal got the shape {shape}.",
                why="it has one, two or three axes, inputs and outputs.",
            )
        if shape[-1] < shape[-2]:
            raise ShapeError(
                f"delta_orthogonal got the shape {shape}.", why="there must not be more inputs than outputs."
            )
        matrix = orthogonal(scale, column_axis, dtype)(key, shape[-2:])
        middle = tuple((n - 1) // 2 for n in shape[:-2])
        return jnp.zeros(shape, dtype).at[middle].set(matrix)

    return init
