"""Networks as pairs of functions: ``init(key, input_shape) -> output_shape, params`` and ``apply(params, x) -> y``.

    init, apply = serial(Conv(16, (3, 3)), Relu, MaxPool((2, 2)), Flatten, Dense(10), LogSoftmax)
    _, params = init(random.key(0), (-1, 28, 28, 1))
    scores = apply(params, images)

Layers are values; those without parameters are pairs, those with some are functions that return pairs. -1 in a shape
stands for a size that is not known yet.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np

import jaxlite.numpy as jnp
from jaxlite import lax, random
from jaxlite.api import eval_shape
from jaxlite.control.jit import ShapeDtypeStruct
from jaxlite.errors import ArgumentError
from jaxlite.nn import elu, gelu, leaky_relu, log_softmax, relu, selu, sigmoid, softmax, softplus, standardize
from jaxlite.nn.initializers import glorot_normal, normal, ones, zeros

Layer = tuple[Callable, Callable]
glorot = glorot_normal
randn = normal
logsoftmax = log_softmax
_GLOROT, _NORMAL, _SMALL = glorot_normal(), normal(), normal(1e-6)


def _shape_after(f: Callable, *shapes) -> tuple[int, ...]:
    """Return the shape of a result; a size of -1 comes out as -1 where it went in."""
    sizes = [tuple(1 if n == -1 else n for n in shape) for shape in shapes]
    shape = eval_shape(f, *(ShapeDtypeStruct(size, np.dtype(np.float32)) for size in sizes)).shape
    return (-1, *shape[1:]) if shapes[0] and shapes[0][0] == -1 else shape


# --- with parameters ------------------------------------------------------------------------------------


def Dense(out_dim: int, W_init: Callable = _GLOROT, b_init: Callable = _NORMAL) -> Layer:
    """Multiply by a matrix, and add a row.

    Parameters
    ----------
    out_dim : int
    W_init, b_init : callable
        ``(key, shape) -> array``

    Returns
    -------
    (init, apply)
    """

    def init(rng, input_shape):
        key_w, key_b = random.split(rng)
        shape = (*input_shape[:-1], out_dim)
        return shape, (W_init(key_w, (input_shape[-1], out_dim)), b_init(key_b, (out_dim,)))

    def apply(params, inputs, **kwargs):
        w, b = params
        return jnp.dot(inputs, w) + b

    return init, apply


def GeneralConv(
    dimension_numbers,
    out_chan: int,
    filter_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    padding="VALID",
    W_init: Callable | None = None,
    b_init: Callable = _SMALL,
) -> Layer:
    """Convolve, and add a number for each feature.

    Parameters
    ----------
    dimension_numbers : tuple of three str
        As of `jaxlite.lax.conv_general_dilated`.
    out_chan : int
        Features of the result.
    filter_shape, strides : sequence of int
        Along each axis of space.
    padding : str or sequence of (low, high), default "VALID"
    W_init, b_init : callable
        ``(key, shape) -> array``

    Returns
    -------
    (init, apply)
    """
    return _convolution(
        lax.conv_general_dilated, dimension_numbers, out_chan, filter_shape, strides, padding, W_init, b_init
    )


def GeneralConvTranspose(
    dimension_numbers,
    out_chan: int,
    filter_shape: Sequence[int],
    strides: Sequence[int] | None = None,
    padding="VALID",
    W_init: Callable | None = None,
    b_init: Callable = _SMALL,
) -> Layer:
    """Convolve with fractional strides, and add a number for each feature; parameters are those of `GeneralConv`."""
    return _convolution(
        lax.conv_transpose, dimension_numbers, out_chan, filter_shape, strides, padding, W_init, b_init
    )


def _convolution(
    convolve, dimension_numbers, out_chan, filter_shape, strides, padding, W_init, b_init
) -> Layer:
    lhs_spec, rhs_spec, out_spec = dimension_numbers
    strides = tuple(strides or (1,) * len(filter_shape))
    W_init = W_init or glorot_normal(rhs_spec.index("I"), rhs_spec.index("O"))

    def convolved(inputs, w):
        return convolve(inputs, w, strides, padding, dimension_numbers=dimension_numbers)

    def init(rng, input_shape):
        window = iter(filter_shape)
        sizes = {"O": out_chan, "I": input_shape[lhs_spec.index("C")]}
        kernel_shape = [sizes[letter] if letter in sizes else next(window) for letter in rhs_spec]
        bias_shape = [out_chan if letter == "C" else 1 for letter in out_spec]
        key_w, key_b = random.split(rng)
        output_shape = _shape_after(convolved, input_shape, kernel_shape)
        return output_shape, (W_init(key_w, kernel_shape), b_init(key_b, bias_shape))

    def apply(params, inputs, **kwargs):
        w, b = params
        return convolved(inputs, w) + b

    return init, apply


Conv = functools.partial(GeneralConv, ("NHWC", "HWIO", "NHWC"))
ConvTranspose = functools.partial(GeneralConvTranspose, ("NHWC", "HWIO", "NHWC"))
Conv1DTranspose = functools.partial(GeneralConvTranspose, ("NHC", "HIO", "NHC"))


def BatchNorm(
    axis=(0, 1, 2),
    epsilon: float = 1e-5,
    center: bool = True,
    scale: bool = True,
    beta_init: Callable = zeros,
    gamma_init: Callable = ones,
) -> Layer:
    """Shift and scale to mean 0 and variance 1 of the batch at hand, then to learnt ones.

    Parameters
    ----------
    axis : int or tuple of int, default (0, 1, 2)
        What is averaged over.
    epsilon : float, default 1e-5
        Added to the variance.
    center, scale : bool, default True
        Whether there are parameters for mean and deviation.
    beta_init, gamma_init : callable
        ``(key, shape) -> array``

    Returns
    -------
    (init, apply)
    """
    axes = (axis,) if jnp.isscalar(axis) else tuple(axis)

    def init(rng, input_shape):
        shape = tuple(n for d, n in enumerate(input_shape) if d not in axes)
        key_beta, key_gamma = random.split(rng)
        beta = beta_init(key_beta, shape) if center else ()
        gamma = gamma_init(key_gamma, shape) if scale else ()
        return input_shape, (beta, gamma)

    def apply(params, x, **kwargs):
        beta, gamma = params
        places = tuple(None if d in axes else slice(None) for d in range(jnp.ndim(x)))
        z = standardize(x, axes, epsilon=epsilon)
        z = z * gamma[places] if scale else z
        return z + beta[places] if center else z

    return init, apply


# --- without --------------------------------------------------------------------------------------------


def elementwise(fun: Callable, **fun_kwargs) -> Layer:
    """Apply a function to arrays that keeps their shape.

    Parameters
    ----------
    fun : callable
    **fun_kwargs
        Handed to it.

    Returns
    -------
    (init, apply)
    """
    return lambda rng, input_shape: (input_shape, ()), lambda params, inputs, **kwargs: fun(
        inputs, **fun_kwargs
    )


Tanh = elementwise(jnp.tanh)
Relu = elementwise(relu)
Exp = elementwise(jnp.exp)
LogSoftmax = elementwise(log_softmax, axis=-1)
Softmax = elementwise(softmax, axis=-1)
Softplus = elementwise(softplus)
Sigmoid = elementwise(sigmoid)
Elu = elementwise(elu)
LeakyRelu = elementwise(leaky_relu)
Selu = elementwise(selu)
Gelu = elementwise(gelu)
Identity = elementwise(lambda x: x)


def _pooling(reducer: Callable, init_value: float, rescale: Callable | None = None) -> Callable:
    def pool(window_shape, strides=None, padding="VALID", spec: str | None = None) -> Layer:
        rank = len(window_shape)
        strides = strides or (1,) * rank
        kept = (0, rank + 1) if spec is None else tuple(sorted((spec.index("N"), spec.index("C"))))
        window, steps = list(window_shape), list(strides)
        for d in kept:
            window.insert(d, 1)
            steps.insert(d, 1)

        def pooled(inputs):
            start = np.asarray(init_value, inputs.dtype)
            out = lax.reduce_window(inputs, start, reducer, window, steps, padding)
            if rescale is None:
                return out
            of_space = tuple(n for d, n in enumerate(inputs.shape) if d not in kept)
            counts = lax.reduce_window(
                np.ones(of_space, inputs.dtype), start, lax.add, window_shape, strides, padding
            )
            return rescale(out, jnp.expand_dims(counts, kept))

        def init(rng, input_shape):
            return _shape_after(pooled, input_shape), ()

        return init, lambda params, inputs, **kwargs: pooled(inputs)

    return pool


_POOLING_DOC = """{summary}

    Parameters
    ----------
    window_shape, strides : sequence of int
        Along each axis of space; strides are 1 by default.
    padding : str or sequence of (low, high), default "VALID"
    spec : str, optional
        Names of the axes, such as "NCHW"; by default features stand last.

    Returns
    -------
    (init, apply)
    """


def _named(layer: Callable, name: str, summary: str) -> Callable:
    layer.__name__ = layer.__qualname__ = name
    layer.__doc__ = _POOLING_DOC.format(summary=summary)
    return layer


MaxPool = _named(_pooling(lax.max, -math.inf), "MaxPool", "Take the largest element of every window.")
SumPool = _named(_pooling(lax.add, 0.0), "SumPool", "Add up the elements of every window.")
AvgPool = _named(
    _pooling(lax.add, 0.0, jnp.divide), "AvgPool", "Take the mean of every window, of what is not padding."
)


def _flatten() -> Layer:
    def init(rng, input_shape):
        return (input_shape[0], math.prod(input_shape[1:])), ()

    return init, lambda params, inputs, **kwargs: jnp.reshape(inputs, (inputs.shape[0], -1))


Flatten = _flatten()


def Dropout(rate: float, mode: str = "train") -> Layer:
    """Keep elements at random, scaled so that their mean stays, and set the others to zero.

    Parameters
    ----------
    rate : float
        Probability that an element is *kept*, as in JAX.
    mode : {"train", "test"}
        All are kept unless it is "train".

    Returns
    -------
    (init, apply)
        ``apply`` takes a key, ``rng=``.
    """

    def apply(params, inputs, **kwargs):
        rng = kwargs.get("rng")
        if rng is None:
            raise ArgumentError("Dropout: apply takes a key.", fix="call apply(params, inputs, rng=key).")
        if mode != "train":
            return inputs
        keep = random.bernoulli(rng, rate, inputs.shape)
        return jnp.where(keep, inputs / rate, 0)

    return lambda rng, input_shape: (input_shape, ()), apply


# --- put together ---------------------------------------------------------------------------------------


def FanOut(num: int) -> Layer:
    """Hand the input on several times, to layers in `parallel`.

    Parameters
    ----------
    num : int

    Returns
    -------
    (init, apply)
    """
    return lambda rng, input_shape: ([input_shape] * num, ()), lambda params, inputs, **kwargs: [inputs] * num


def _fan_in_sum() -> Layer:
    return lambda rng, input_shape: (input_shape[0], ()), lambda params, inputs, **kwargs: sum(inputs)


FanInSum = _fan_in_sum()


def FanInConcat(axis: int = -1) -> Layer:
    """Concatenate what layers in `parallel` give.

    Parameters
    ----------
    axis : int, default -1

    Returns
    -------
    (init, apply)
    """

    def init(rng, input_shape):
        d = axis % len(input_shape[0])
        shape = list(input_shape[0])
        shape[d] = sum(one[d] for one in input_shape)
        return tuple(shape), ()

    return init, lambda params, inputs, **kwargs: jnp.concatenate(inputs, axis)


def _keys(rng, count: int):
    return (None,) * count if rng is None else random.split(rng, count)


def serial(*layers: Layer) -> Layer:
    """Apply layers one after the other.

    Parameters
    ----------
    *layers : (init, apply)

    Returns
    -------
    (init, apply)
        Parameters are a list, one entry for each layer.
    """
    inits, applies = zip(*layers) if layers else ((), ())

    def init(rng, input_shape):
        params = []
        for one in inits:
            rng, key = random.split(rng)
            input_shape, param = one(key, input_shape)
            params.append(param)
        return input_shape, params

    def apply(params, inputs, **kwargs):
        keys = _keys(kwargs.pop("rng", None), len(layers))
        for one, param, key in zip(applies, params, keys, strict=True):
            inputs = one(param, inputs, rng=key, **kwargs)
        return inputs

    return init, apply


def parallel(*layers: Layer) -> Layer:
    """Apply each layer to an input of its own.

    Parameters
    ----------
    *layers : (init, apply)

    Returns
    -------
    (init, apply)
        Shapes, parameters, inputs and results are lists, one entry for each layer.
    """
    inits, applies = zip(*layers) if layers else ((), ())

    def init(rng, input_shape):
        keys = random.split(rng, len(layers))
        both = [one(key, shape) for one, key, shape in zip(inits, keys, input_shape, strict=True)]
        return [shape for shape, _ in both], [param for _, param in both]

    def apply(params, inputs, **kwargs):
        keys = _keys(kwargs.pop("rng", None), len(layers))
        return [
            one(param, x, rng=key, **kwargs)
            for one, param, x, key in zip(applies, params, inputs, keys, strict=True)
        ]

    return init, apply


def shape_dependent(make_layer: Callable) -> Layer:
    """Make a layer when the shape of its input is known.

    Parameters
    ----------
    make_layer : callable
        ``input_shape -> (init, apply)``

    Returns
    -------
    (init, apply)
    """

    def init(rng, input_shape):
        return make_layer(input_shape)[0](rng, input_shape)

    def apply(params, inputs, **kwargs):
        return make_layer(inputs.shape)[1](params, inputs, **kwargs)

    return init, apply
