"""Convolutions and reductions over windows: names and defaults, and what goes beyond the primitives.

    conv(x: f64[n, c, h, w], k: f64[o, c, 3, 3])   ->   conv_general_dilated
    conv(x: i64[n, c, h, w], k: i64[o, c, 3, 3])   ->   nine slices, stacked: [n, c, h', 3, w', 3]; dot_general
    reduce_window(x, -inf, max, (1, 2), …)         ->   reduce_window_max
    reduce_window(x, 1.0, mul, (1, 2), …)          ->   pad; slices, stacked along each axis; reduce_prod
    reduce_window(x, 0.0, f, (1, 2), …)            ->   slices, stacked; f, from element to element

Windows are taken axis by axis, so that a program grows with the sum of a window's sizes and not with their product.
"""

from __future__ import annotations

import builtins
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxlite.api import make_jaxpr, vmap
from jaxlite.control.scan import scan
from jaxlite.dtypes import as_dtype
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy.indexing import getitem
from jaxlite.ops import elementwise, reductions, structural, windows
from jaxlite.ops.contraction import dot_general
from jaxlite.ops.windows import ConvDimensionNumbers, num_windows, spread
from jaxlite.trace import aval_of
from jaxlite.tree import tree_flatten, tree_unflatten

# Windows up to this size are stacked from slices, which fuse into loops; wider ones are one gather.
MOST_SLICES = 16

# --- windows ----------------------------------------------------------------------------------------


def padtype_to_pads(in_shape, window_shape, window_strides, padding: str) -> list[tuple[int, int]]:
    """Return explicit (low, high) paddings for a name.

    Parameters
    ----------
    in_shape, window_shape, window_strides : sequence of int
        One number for each axis.
    padding : {"SAME", "SAME_LOWER", "VALID"}
        "SAME" gives as many windows as there are strides in the axis; an odd rest goes to the end, or with
        "SAME_LOWER" to the front.

    Returns
    -------
    list of (int, int)
    """
    kind = padding.upper()
    if kind == "VALID":
        return [(0, 0)] * len(in_shape)
    if kind not in ("SAME", "SAME_LOWER"):
        raise ArgumentError(f"padding must be 'SAME', 'SAME_LOWER' or 'VALID', got {padding!r}.")
    pads = []
    for size, window, stride in zip(in_shape, window_shape, window_strides, strict=True):
        total = builtins.max((-(-size // stride) - 1) * stride + window - size, 0)
        less, more = total // 2, total - total // 2
        pads.append((less, more) if kind == "SAME" else (more, less))
    return pads


def _windows(x, axis: int, window: int, stride: int, dilation: int):
    """Replace an axis by two: which window, and where in it."""
    shape = aval_of(x).shape
    count = num_windows(shape[axis], window, stride, dilation)
    if count and window > MOST_SLICES:
        places = np.arange(count)[:, None] * stride + np.arange(window) * dilation
        return getitem(x, (builtins.slice(None),) * axis + (places,))
    parts = []
    for k in range(window):
        starts, limits, strides = [0] * len(shape), list(shape), [1] * len(shape)
        # A window that is wider than the axis fits nowhere: its slices are empty, and start inside.
        starts[axis], strides[axis] = (k * dilation, stride) if count else (0, 1)
        limits[axis] = k * dilation + (count - 1) * stride + 1 if count else 0
        part = structural.slice(x, tuple(starts), tuple(limits), tuple(strides))
        parts.append(structural.expand_dims(part, (axis + 1,)))
    return structural.concatenate(parts, axis + 1) if len(parts) > 1 else parts[0]


def _numbers(name: str, what: str, given, count: int) -> tuple[int, ...]:
    numbers = (1,) * count if given is None else tuple(int(n) for n in given)
    if len(numbers) != count:
        raise ArgumentError(f"{name}: {what} has {len(numbers)} entries for {count} axes.")
    return numbers


# --- convolutions -----------------------------------------------------------------------------------


def conv_dimension_numbers(lhs_shape, rhs_shape, dimension_numbers) -> ConvDimensionNumbers:
    """Read the names of a convolution's axes.

    Parameters
    ----------
    lhs_shape, rhs_shape : sequence of int
        Shapes of the operands.
    dimension_numbers : tuple of three str, ConvDimensionNumbers or None
        Such as ``("NHWC", "HWIO", "NHWC")``: N is the batch, C the features, O and I those of the kernel; all other
        letters are space, in the kernel's order. None is ``("NCHW", "OIHW", "NCHW")``.

    Returns
    -------
    ConvDimensionNumbers
    """
    if isinstance(dimension_numbers, ConvDimensionNumbers):
        return dimension_numbers
    ndim = len(lhs_shape)
    if len(rhs_shape) != ndim:
        raise ShapeError(
            f"a convolution of shapes {tuple(lhs_shape)} and {tuple(rhs_shape)}.",
            why="both have a batch or output axis, one of features, and the same number of axes of space.",
        )
    if dimension_numbers is None:
        return ConvDimensionNumbers(*(tuple(range(ndim)),) * 3)
    lhs, rhs, out = dimension_numbers
    for text, marks in ((lhs, "NC"), (rhs, "OI"), (out, "NC")):
        if len(text) != ndim or len(set(text)) != ndim or not set(marks) <= set(text):
            raise ArgumentError(
                f"dimension_numbers: {text!r} does not name {ndim} axes.",
                why=f"each letter stands once, {marks[0]} and {marks[1]} among them.",
            )
    space = [letter for letter in rhs if letter not in "OI"]
    if set(space) != set(lhs) - set("NC") or set(space) != set(out) - set("NC"):
        raise ArgumentError(f"dimension_numbers: {dimension_numbers} name different axes of space.")
    return ConvDimensionNumbers(
        tuple(lhs.index(letter) for letter in ("N", "C", *space)),
        tuple(rhs.index(letter) for letter in ("O", "I", *space)),
        tuple(out.index(letter) for letter in ("N", "C", *space)),
    )


def _conv_pads(name: str, padding, space, kernel, strides, rhs_dilation) -> list[tuple[int, int]]:
    if isinstance(padding, str):
        reach = [spread(k, d) for k, d in zip(kernel, rhs_dilation)]
        return padtype_to_pads(space, reach, strides, padding)
    pads = [(int(low), int(high)) for low, high in padding]
    if len(pads) != len(space):
        raise ArgumentError(f"{name}: {len(pads)} paddings for {len(space)} axes of space.")
    return pads


def _patches(x, kernel, strides, pads, lhs_dilation, rhs_dilation):
    """Return all windows of ``[n, c, *space]`` as ``[n, c, h', kh, w', kw, …]``."""
    config = [(0, 0, 0), (0, 0, 0)]
    config += [(low, high, d - 1) for (low, high), d in zip(pads, lhs_dilation)]
    if any(any(entry) for entry in config):
        x = structural.pad(x, aval_of(x).dtype.type(0), tuple(config))
    for i, (window, stride, dilation) in enumerate(zip(kernel, strides, rhs_dilation)):
        x = _windows(x, 2 + 2 * i, window, stride, dilation)
    return x


def conv_general_dilated(
    lhs,
    rhs,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: Any = None,
    preferred_element_type: Any = None,
):
    """Convolve with a kernel (as neural networks do: without turning it around).

    Parameters
    ----------
    lhs : array
        ``[n, c, *space]``, or as ``dimension_numbers`` say.
    rhs : array
        ``[o, c / feature_group_count, *window]``, of the same dtype.
    window_strides : sequence of int
        Step from window to window along each axis of space.
    padding : {"SAME", "SAME_LOWER", "VALID"} or sequence of (low, high)
        Zeros around each axis of space; negative numbers cut off.
    lhs_dilation, rhs_dilation : sequence of int, optional
        Distance of neighbours in space and in the window; 1 by default.
    dimension_numbers : optional
        As for `conv_dimension_numbers`.
    feature_group_count, batch_group_count : int, default 1
        Into how many groups features or batch fall, each with kernels of its own.
    precision : any
        Ignored.
    preferred_element_type : dtype, optional
        Of the result.

    Returns
    -------
    Array
        ``[n / batch_group_count, o, *windows]``, or as ``dimension_numbers`` say.
    """
    name = "conv_general_dilated"
    left, right = aval_of(lhs), aval_of(rhs)
    if left.dtype != right.dtype:
        raise ArgumentError(f"{name}: operands have types {left} and {right}.", fix="convert one of them.")
    numbers = conv_dimension_numbers(left.shape, right.shape, dimension_numbers)
    n, c, *space = (left.shape[d] for d in numbers.lhs_spec)
    o, i, *window = (right.shape[d] for d in numbers.rhs_spec)
    strides = _numbers(name, "window_strides", window_strides, len(space))
    lhs_dilation = _numbers(name, "lhs_dilation", lhs_dilation, len(space))
    rhs_dilation = _numbers(name, "rhs_dilation", rhs_dilation, len(space))
    groups = feature_group_count * batch_group_count
    if 1 not in (feature_group_count, batch_group_count):
        raise ArgumentError(f"{name}: features and batch cannot both be grouped.")
    if c != i * feature_group_count or o % groups or n % batch_group_count:
        raise ShapeError(
            f"{name}: operands have types {left} and {right}, in {feature_group_count} groups of features "
            f"and {batch_group_count} of the batch.",
            why=f"there are {c} features, the kernel takes {i} in each group and gives {o} in all.",
        )
    params = {
        "window_strides": strides,
        "padding": tuple(_conv_pads(name, padding, space, window, strides, rhs_dilation)),
        "lhs_dilation": lhs_dilation,
        "rhs_dilation": rhs_dilation,
        "dimension_numbers": numbers,
        "feature_group_count": int(feature_group_count),
        "batch_group_count": int(batch_group_count),
    }
    dtype = left.dtype if preferred_element_type is None else as_dtype(preferred_element_type)
    lhs, rhs = (elementwise.convert_element_type(x, dtype) for x in (lhs, rhs))
    if dtype in (np.float32, np.float64):
        return windows.conv_general_dilated(lhs, rhs, **params)
    if dtype == np.float16:
        # Sums of products are kept in float32, as everywhere.
        wide = (elementwise.convert_element_type(x, np.dtype(np.float32)) for x in (lhs, rhs))
        return elementwise.convert_element_type(windows.conv_general_dilated(*wide, **params), dtype)
    if dtype.kind == "c":
        return _conv_of_complex(lhs, rhs, params)
    return _conv_by_product(lhs, rhs, params)


def _conv_of_complex(lhs, rhs, params: dict):
    """Convolve complex numbers by four convolutions of real ones."""
    parts = [(elementwise.real(x), elementwise.imag(x)) for x in (lhs, rhs)]
    (a, b), (c, d) = parts
    conv = functools.partial(windows.conv_general_dilated, **params)
    real = elementwise.sub(conv(a, c), conv(b, d))
    return elementwise.complex(real, elementwise.add(conv(a, d), conv(b, c)))


def _conv_by_product(lhs, rhs, params: dict):
    """Convolve what is not floating: all windows in a row, and one matrix product for each group."""
    numbers, groups = params["dimension_numbers"], params["feature_group_count"] * params["batch_group_count"]
    x, kernel = structural.transpose(lhs, numbers.lhs_spec), structural.transpose(rhs, numbers.rhs_spec)
    (n, _, *space), (o, i, *window) = aval_of(x).shape, aval_of(kernel).shape
    x = _patches(
        x, window, params["window_strides"], params["padding"], params["lhs_dilation"], params["rhs_dilation"]
    )
    rank = len(space)
    inside, outside = tuple(range(3, 3 + 2 * rank, 2)), tuple(range(2, 2 + 2 * rank, 2))
    counts = [aval_of(x).shape[d] for d in outside]
    # [o, c·kh·kw] by [c·kh·kw, n·h'·w'].
    x = structural.transpose(x, (1, *inside, 0, *outside))
    batch, size = n // params["batch_group_count"], i * math.prod(window)
    if params["batch_group_count"] > 1:
        x = structural.reshape(x, (size, groups, batch, math.prod(counts)))
        x = structural.transpose(x, (1, 0, 2, 3))
    x = structural.reshape(x, (groups, size, batch * math.prod(counts)))
    kernel = structural.reshape(kernel, (groups, o // groups, size))
    result = dot_general(kernel, x, (((2,), (1,)), ((0,), (0,))))
    result = structural.reshape(result, (o, batch, *counts))
    result = structural.transpose(result, (1, 0, *range(2, 2 + rank)))
    return structural.transpose(result, tuple(np.argsort(numbers.out_spec).tolist()))


def conv(lhs, rhs, window_strides, padding: str, precision: Any = None, preferred_element_type: Any = None):
    """Convolve ``[n, c, *space]`` with ``[o, c, *window]``; see `conv_general_dilated`."""
    return conv_general_dilated(
        lhs, rhs, window_strides, padding, preferred_element_type=preferred_element_type
    )


def conv_with_general_padding(
    lhs,
    rhs,
    window_strides,
    padding,
    lhs_dilation,
    rhs_dilation,
    precision: Any = None,
    preferred_element_type: Any = None,
):
    """Convolve ``[n, c, *space]`` with ``[o, c, *window]``; see `conv_general_dilated`."""
    return conv_general_dilated(
        lhs,
        rhs,
        window_strides,
        padding,
        lhs_dilation,
        rhs_dilation,
        preferred_element_type=preferred_element_type,
    )


_CHANNELS_LAST = {3: ("NHC", "HIO", "NHC"), 4: ("NHWC", "HWIO", "NHWC"), 5: ("NHWDC", "HWDIO", "NHWDC")}


def conv_transpose(
    lhs,
    rhs,
    strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    transpose_kernel: bool = False,
    precision: Any = None,
    preferred_element_type: Any = None,
):
    """Convolve with fractional strides: the shape of a convolution's input from that of its result.

    Parameters
    ----------
    lhs : array
        ``[n, *space, c]``, or as ``dimension_numbers`` say.
    rhs : array
        ``[*window, c, o]``
    strides : sequence of int
        By how much each axis of space grows.
    padding : {"SAME", "VALID"} or sequence of (low, high)
        A name means that of the convolution that this turns around.
    rhs_dilation : sequence of int, optional
        Distance of neighbours in the window.
    dimension_numbers : optional
        As for `conv_dimension_numbers`; by default features stand last.
    transpose_kernel : bool, default False
        Whether to turn the kernel around and to exchange its features, as the derivative of a convolution does.
    precision : any
        Ignored.
    preferred_element_type : dtype, optional
        Of the result.

    Returns
    -------
    Array
        ``[n, *space, o]``, or as ``dimension_numbers`` say.
    """
    ndim = aval_of(lhs).ndim
    if dimension_numbers is None:
        if ndim not in _CHANNELS_LAST:
            raise ArgumentError(f"conv_transpose: {ndim} axes need dimension_numbers.")
        dimension_numbers = _CHANNELS_LAST[ndim]
    numbers = conv_dimension_numbers(aval_of(lhs).shape, aval_of(rhs).shape, dimension_numbers)
    window = [aval_of(rhs).shape[d] for d in numbers.rhs_spec[2:]]
    dilation = _numbers("conv_transpose", "rhs_dilation", rhs_dilation, len(window))
    strides = _numbers("conv_transpose", "strides", strides, len(window))
    if isinstance(padding, str):
        reach = [spread(k, d) for k, d in zip(window, dilation)]
        padding = [_transposed_pads(k, s, padding) for k, s in zip(reach, strides)]
    if transpose_kernel:
        rhs = structural.rev(rhs, numbers.rhs_spec[2:])
        out_axis, in_axis, *rest = numbers.rhs_spec
        numbers = numbers._replace(rhs_spec=(in_axis, out_axis, *rest))
    return conv_general_dilated(
        lhs,
        rhs,
        (1,) * len(window),
        padding,
        strides,
        dilation,
        numbers,
        preferred_element_type=preferred_element_type,
    )


def _transposed_pads(reach: int, stride: int, padding: str) -> tuple[int, int]:
    if padding == "SAME":
        total = reach + stride - 2
        low = reach - 1 if stride > reach - 1 else -(-total // 2)
    elif padding == "VALID":
        total = reach + stride - 2 + builtins.max(reach - stride, 0)
        low = reach - 1
    else:
        raise ArgumentError(f"conv_transpose: padding must be 'SAME' or 'VALID', got {padding!r}.")
    return low, total - low


def conv_general_dilated_patches(
    lhs,
    filter_shape: Sequence[int],
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    precision: Any = None,
    preferred_element_type: Any = None,
):
    """Return what lies under each window of a convolution, as features.

    Parameters
    ----------
    lhs : array
        ``[n, c, *space]``, or as ``dimension_numbers`` say.
    filter_shape : sequence of int
        Shape of the window.
    window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers, precision, preferred_element_type
        As for `conv_general_dilated`.

    Returns
    -------
    Array
        ``[n, c·prod(filter_shape), *windows]``, or as ``dimension_numbers`` say.
    """
    name = "conv_general_dilated_patches"
    aval = aval_of(lhs)
    numbers = conv_dimension_numbers(aval.shape, aval.shape, dimension_numbers)
    x = structural.transpose(lhs, numbers.lhs_spec)
    n, c, *space = aval_of(x).shape
    window = tuple(int(k) for k in filter_shape)
    strides = _numbers(name, "window_strides", window_strides, len(space))
    lhs_dilation = _numbers(name, "lhs_dilation", lhs_dilation, len(space))
    rhs_dilation = _numbers(name, "rhs_dilation", rhs_dilation, len(space))
    pads = _conv_pads(name, padding, space, window, strides, rhs_dilation)
    x = _patches(x, window, strides, pads, lhs_dilation, rhs_dilation)
    inside, outside = tuple(range(3, aval_of(x).ndim, 2)), tuple(range(2, aval_of(x).ndim, 2))
    counts = [aval_of(x).shape[d] for d in outside]
    x = structural.transpose(x, (0, 1, *inside, *outside))
    x = structural.reshape(x, (n, c * math.prod(window), *counts))
    if preferred_element_type is not None:
        x = elementwise.convert_element_type(x, as_dtype(preferred_element_type))
    return structural.transpose(x, tuple(np.argsort(numbers.out_spec).tolist()))


def conv_general_dilated_local(
    lhs,
    rhs,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    filter_shape: Sequence[int],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    precision: Any = None,
):
    """Convolve with a kernel of its own for each window.

    Parameters
    ----------
    lhs : array
        ``[n, c, *space]``, or as ``dimension_numbers`` say.
    rhs : array
        ``[o, c·prod(filter_shape), *windows]``
    window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers, precision
        As for `conv_general_dilated`.
    filter_shape : sequence of int
        Shape of the window.

    Returns
    -------
    Array
        ``[n, o, *windows]``
    """
    numbers = conv_dimension_numbers(aval_of(lhs).shape, aval_of(rhs).shape, dimension_numbers)
    patches = conv_general_dilated_patches(
        lhs, filter_shape, window_strides, padding, lhs_dilation, rhs_dilation, numbers
    )
    (n, c, *space), (_, i, *places) = numbers.out_spec, numbers.rhs_spec
    # [*windows, n, o]
    out = dot_general(patches, rhs, (((c,), (i,)), (tuple(space), tuple(places))))
    order = [0] * (2 + len(space))
    for place, axis in enumerate((*space, n, c)):
        order[axis] = place
    return structural.transpose(out, tuple(order))


# --- shapes of convolutions ---------------------------------------------------------------------------


def conv_general_permutations(dimension_numbers) -> tuple[tuple[int, ...], ...]:
    """Return the orders of axes in which operands and result of a convolution have batch and features first.

    Parameters
    ----------
    dimension_numbers : tuple of three str
        As for `conv_dimension_numbers`.

    Returns
    -------
    tuple of three tuples of int
    """
    shape = (1,) * len(dimension_numbers[0])
    return tuple(conv_dimension_numbers(shape, shape, tuple(dimension_numbers)))


def conv_shape_tuple(lhs_shape, rhs_shape, strides, pads, batch_group_count: int = 1) -> tuple[int, ...]:
    """Return the shape of the convolution of ``[n, c, *space]`` with ``[o, c, *window]``.

    Parameters
    ----------
    lhs_shape, rhs_shape, strides : sequence of int
    pads : str or sequence of (low, high)
    batch_group_count : int, default 1

    Returns
    -------
    tuple of int
    """
    space, window = lhs_shape[2:], rhs_shape[2:]
    pads = _conv_pads("conv_shape_tuple", pads, space, window, strides, (1,) * len(space))
    sizes = [n + low + high for n, (low, high) in zip(space, pads, strict=True)]
    counts = (num_windows(n, k, s) for n, k, s in zip(sizes, window, strides, strict=True))
    return (lhs_shape[0] // batch_group_count, rhs_shape[0], *counts)


def conv_general_shape_tuple(
    lhs_shape, rhs_shape, window_strides, padding, dimension_numbers
) -> tuple[int, ...]:
    """Return the shape of a convolution without dilations.

    Parameters
    ----------
    lhs_shape, rhs_shape, window_strides : sequence of int
    padding : str or sequence of (low, high)
    dimension_numbers : tuple of three str
        As for `conv_dimension_numbers`.

    Returns
    -------
    tuple of int
    """
    numbers = conv_dimension_numbers(lhs_shape, rhs_shape, dimension_numbers)
    lhs, rhs = (
        [s[d] for d in spec] for s, spec in ((lhs_shape, numbers.lhs_spec), (rhs_shape, numbers.rhs_spec))
    )
    return _placed(conv_shape_tuple(lhs, rhs, window_strides, padding), numbers.out_spec)


def conv_transpose_shape_tuple(
    lhs_shape, rhs_shape, window_strides, padding, dimension_numbers
) -> tuple[int, ...]:
    """Return the shape of a `conv_transpose`.

    Parameters
    ----------
    lhs_shape, rhs_shape, window_strides : sequence of int
    padding : str or sequence of (low, high)
    dimension_numbers : tuple of three str
        As for `conv_dimension_numbers`.

    Returns
    -------
    tuple of int
    """
    numbers = conv_dimension_numbers(lhs_shape, rhs_shape, dimension_numbers)
    n, _, *space = (lhs_shape[d] for d in numbers.lhs_spec)
    o, _, *window = (rhs_shape[d] for d in numbers.rhs_spec)
    if isinstance(padding, str):
        padding = [_transposed_pads(k, s, padding) for k, s in zip(window, window_strides, strict=True)]
    sizes = [
        spread(n, s) + low + high for n, s, (low, high) in zip(space, window_strides, padding, strict=True)
    ]
    return _placed(
        (n, o, *(num_windows(n, k, 1) for n, k in zip(sizes, window, strict=True))), numbers.out_spec
    )


def _placed(shape, spec) -> tuple[int, ...]:
    placed = [0] * len(shape)
    for axis, size in zip(spec, shape, strict=True):
        placed[axis] = size
    return tuple(placed)


# --- reductions by any function -----------------------------------------------------------------------

_REDUCERS = {
    "add": reductions.reduce_sum,
    "mul": reductions.reduce_prod,
    "max": reductions.reduce_max,
    "min": reductions.reduce_min,
    "and": reductions.reduce_and,
    "or": reductions.reduce_or,
    "xor": reductions.reduce_xor,
}


def _named_reducer(computation: Callable, dtype) -> Callable | None:
    """Return the reduction by one primitive that a function of two scalars is, or None."""
    zero = np.zeros((), dtype)
    jaxpr = make_jaxpr(computation)(zero, zero).jaxpr
    if len(jaxpr.eqns) != 1 or jaxpr.outvars != jaxpr.eqns[0].outvars:
        return None
    (eqn,) = jaxpr.eqns
    reducer = _REDUCERS.get(eqn.primitive.name)
    same = len(eqn.invars) == 2 and {id(v) for v in eqn.invars} == {id(v) for v in jaxpr.invars}
    return reducer if same else None


def _combine(computation: Callable, left: list, right: list, treedef) -> list:
    """Apply a function of two pytrees of scalars to lists of arrays of one shape, elementwise."""
    shape = aval_of(left[0]).shape
    flat = lambda xs: tree_unflatten(treedef, [structural.reshape(x, (math.prod(shape),)) for x in xs])  # noqa: E731
    results, _ = tree_flatten(vmap(computation)(flat(left), flat(right)))
    return [structural.reshape(x, shape) for x in results]


def _fold(computation: Callable, xs: list, treedef, axis: int) -> list:
    """Reduce an axis by halves, neighbours first."""
    size = aval_of(xs[0]).shape[axis]
    cut = lambda x, *args: structural.slice_in_dim(x, *args, axis=axis)  # noqa: E731
    while size > 1:
        left = [cut(x, 0, size - size % 2, 2) for x in xs]
        right = [cut(x, 1, size, 2) for x in xs]
        joined = _combine(computation, left, right, treedef)
        if size % 2:
            joined = [structural.concatenate([y, cut(x, size - 1, size)], axis) for x, y in zip(xs, joined)]
        xs, size = joined, (size + 1) // 2
    return [structural.squeeze(x, (axis,)) for x in xs]


def _check_alike(name: str, xs, inits) -> None:
    if not xs or len(xs) != len(inits):
        raise ArgumentError(f"{name}: {len(xs)} operands and {len(inits)} initial values.")
    if len({aval_of(x).shape for x in xs}) > 1:
        raise ShapeError(f"{name}: operands have types {', '.join(str(aval_of(x)) for x in xs)}.")


def reduce(operands: Any, init_values: Any, computation: Callable, dimensions: Sequence[int]):
    """Combine elements along axes by a function.

    Parameters
    ----------
    operands : array, or pytree of arrays of one shape
        What to reduce.
    init_values : number, or pytree of numbers like ``operands``
        What takes part once; usually neutral.
    computation : callable
        ``(x, y) -> z`` of numbers, or of pytrees of them; the order in which it is applied is not fixed.
    dimensions : sequence of int
        Which axes.

    Returns
    -------
    Array, or pytree of Array
        Without these axes.
    """
    xs, treedef = tree_flatten(operands)
    inits, _ = tree_flatten(init_values)
    _check_alike("reduce", xs, inits)
    inits = [_scalar(init, x) for init, x in zip(inits, xs)]
    axes = tuple(sorted(d % aval_of(xs[0]).ndim for d in dimensions))
    if len(xs) == 1:
        reducer = _named_reducer(computation, aval_of(xs[0]).dtype)
        if reducer is not None and aval_of(xs[0]).size:
            reduced = reducer(xs[0], axes)
            return tree_unflatten(treedef, [computation(_full(inits[0], reduced), reduced)])
    if any(aval_of(xs[0]).shape[axis] == 0 for axis in axes):
        # No element takes part, the initial value does.
        shape = tuple(n for d, n in enumerate(aval_of(xs[0]).shape) if d not in axes)
        return tree_unflatten(treedef, [structural.broadcast_in_dim(init, shape, ()) for init in inits])
    for axis in reversed(axes):
        xs = _fold(computation, xs, treedef, axis)
    start = [_full(init, x) for init, x in zip(inits, xs)]
    return tree_unflatten(treedef, _combine(computation, start, xs, treedef))


def _scalar(init, x):
    """Return an initial value as a scalar of the dtype of its operand."""
    if aval_of(init).shape:
        raise ShapeError(f"an initial value has type {aval_of(init)}.", why="it is one number.")
    return elementwise.convert_element_type(init, aval_of(x).dtype)


def _full(init, like):
    return structural.broadcast_in_dim(init, aval_of(like).shape, ())


def reduce_window_shape_tuple(
    operand_shape, window_dimensions, window_strides, padding, base_dilation=None, window_dilation=None
) -> tuple[int, ...]:
    """Return the shape of a `reduce_window`'s result.

    Parameters
    ----------
    operand_shape, window_dimensions, window_strides : sequence of int
        One number for each axis.
    padding : sequence of (low, high)
        For each axis.
    base_dilation, window_dilation : sequence of int, optional
        1 by default.

    Returns
    -------
    tuple of int
    """
    count = len(operand_shape)
    base = _numbers("reduce_window", "base_dilation", base_dilation, count)
    dilation = _numbers("reduce_window", "window_dilation", window_dilation, count)
    sizes = [spread(n, d) + low + high for n, d, (low, high) in zip(operand_shape, base, padding)]
    return tuple(map(num_windows, sizes, window_dimensions, window_strides, dilation))


_OVER_WINDOWS = {
    reductions.reduce_sum: (windows.reduce_window_sum, "iufc"),
    reductions.reduce_max: (windows.reduce_window_max, "iuf"),
    reductions.reduce_min: (windows.reduce_window_min, "iuf"),
}

_NEUTRAL = {
    reductions.reduce_sum: lambda dtype: dtype.type(0),
    reductions.reduce_prod: lambda dtype: dtype.type(1),
    reductions.reduce_max: lambda dtype: windows.extreme_of(dtype, False),
    reductions.reduce_min: lambda dtype: windows.extreme_of(dtype, True),
    reductions.reduce_and: lambda dtype: np.array(-1).astype(dtype)[()],
    reductions.reduce_or: lambda dtype: dtype.type(0),
    reductions.reduce_xor: lambda dtype: dtype.type(0),
}


def _is_number(init, number) -> bool:
    """Whether an initial value is known, and is this number."""
    known = isinstance(init, int | float | complex | np.generic | np.ndarray)
    return known and bool(np.asarray(init) == number)


def _reduce_windows(reducer: Callable, x, neutral, padding, base, params: dict):
    """Reduce every window by one primitive; windows of padding alone give its neutral element."""
    dtype = aval_of(x).dtype
    bind, kinds = _OVER_WINDOWS.get(reducer, (None, ""))
    if dtype.kind not in kinds:
        x = _padded(x, neutral, padding, base)
        for axis, (size, stride, apart) in enumerate(zip(*params.values(), strict=True)):
            if (size, stride) != (1, 1):
                x = reducer(_windows(x, axis, size, stride, apart), (axis + 1,))
        return x
    if dtype == np.float16:
        # Sums are kept in float32, as everywhere.
        x, neutral = elementwise.convert_element_type(x, np.dtype(np.float32)), np.float32(neutral)
    if reducer is reductions.reduce_sum:
        z = bind(x, padding=padding, base_dilation=base, **params)
    else:
        z = bind(_padded(x, neutral, ((0, 0),) * len(base), base), padding=padding, **params)
    return elementwise.convert_element_type(z, dtype)


def _padded(x, value, padding, base):
    """Pad around an array and, where its elements stand apart, between them."""
    config = tuple((low, high, d - 1) for (low, high), d in zip(padding, base, strict=True))
    return structural.pad(x, value, config) if any(any(entry) for entry in config) else x


def _fold_windows(computation: Callable, xs: list, inits: list, treedef, padding, base, params: dict) -> list:
    """Combine every window by any function: first the initial value, then elements in the order of rows.

    As with XLA on the CPU, padding takes no part, so that the initial value need not be neutral. The order is XLA's
    along one axis; along several, XLA's changes with window and padding.
    """
    window = params["window_dimensions"]
    rank = len(window)

    def lined_up(x, outside):
        """``[*shape] -> [prod(window), *windows]``"""
        x = _padded(x, outside, padding, base)
        for axis, (size, stride, apart) in enumerate(zip(*params.values(), strict=True)):
            x = _windows(x, 2 * axis, size, stride, apart)
        x = structural.transpose(x, (*range(1, 2 * rank, 2), *range(0, 2 * rank, 2)))
        return structural.reshape(x, (math.prod(window), *aval_of(x).shape[rank:]))

    shape = aval_of(xs[0]).shape
    lines = [lined_up(x, aval_of(x).dtype.type(0)) for x in xs]
    inside = lined_up(structural.full(shape, True, np.dtype(bool)), np.bool_(False))
    is_padded = any(d > 1 for d in base) or any(low > 0 or high > 0 for low, high in padding)

    def step(before: list, row):
        elements, is_inside = row
        after = _combine(computation, before, elements, treedef)
        if is_padded:
            after = [elementwise.select_n(is_inside, old, new) for old, new in zip(before, after)]
        return after, None

    results = [structural.broadcast_in_dim(init, aval_of(x).shape[1:], ()) for x, init in zip(lines, inits)]
    if math.prod(window) > MOST_SLICES:
        return scan(step, results, (lines, inside))[0]
    row = lambda x, k: structural.squeeze(structural.slice_in_dim(x, k, k + 1), (0,))  # noqa: E731
    for k in range(math.prod(window)):
        results, _ = step(results, ([row(x, k) for x in lines], row(inside, k)))
    return results


def reduce_window(
    operand: Any,
    init_value: Any,
    computation: Callable,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None = None,
    padding: str | Sequence[tuple[int, int]] = "VALID",
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
):
    """Combine the elements of every window by a function.

    Parameters
    ----------
    operand : array, or pytree of arrays of one shape
        What to reduce.
    init_value : number, or pytree of numbers like ``operand``
        Takes part in every window, once; usually neutral. Padding takes no part.
    computation : callable
        ``(x, y) -> z`` of numbers, or of pytrees of them; ``x`` is what came of the initial value and the elements
        before ``y``.
    window_dimensions : sequence of int
        Size of the window along every axis.
    window_strides : sequence of int, optional
        Step from window to window; 1 by default.
    padding : {"SAME", "SAME_LOWER", "VALID"} or sequence of (low, high), default "VALID"
        For every axis.
    base_dilation, window_dilation : sequence of int, optional
        Distance of neighbours in the operand and in the window; 1 by default.

    Returns
    -------
    Array, or pytree of Array
        One element for each window.
    """
    xs, treedef = tree_flatten(operand)
    init_values, _ = tree_flatten(init_value)
    _check_alike("reduce_window", xs, init_values)
    inits = [_scalar(init, x) for init, x in zip(init_values, xs)]
    shape = aval_of(xs[0]).shape
    window = _numbers("reduce_window", "window_dimensions", window_dimensions, len(shape))
    strides = _numbers("reduce_window", "window_strides", window_strides, len(shape))
    base = _numbers("reduce_window", "base_dilation", base_dilation, len(shape))
    dilation = _numbers("reduce_window", "window_dilation", window_dilation, len(shape))
    if isinstance(padding, str):
        # As in JAX, a name is that of the array's own size, whatever its dilation.
        reach = [spread(k, d) for k, d in zip(window, dilation)]
        padding = padtype_to_pads(shape, reach, strides, padding)
    padding = tuple((int(low), int(high)) for low, high in padding)
    if len(padding) != len(shape):
        raise ArgumentError(f"reduce_window: {len(padding)} paddings for {len(shape)} axes.")
    params = {"window_dimensions": window, "window_strides": strides, "window_dilation": dilation}
    dtype = aval_of(xs[0]).dtype
    reducer = _named_reducer(computation, dtype) if len(xs) == 1 else None
    if reducer is None or (
        dtype.kind == "c" and reducer not in (reductions.reduce_sum, reductions.reduce_prod)
    ):
        results = _fold_windows(computation, xs, inits, treedef, padding, base, params)
        return tree_unflatten(treedef, results)
    neutral = _NEUTRAL[reducer](dtype)
    z = _reduce_windows(reducer, xs[0], neutral, padding, base, params)
    if not _is_number(init_values[0], neutral):
        z = computation(_full(inits[0], z), z)
    return tree_unflatten(treedef, [z])
