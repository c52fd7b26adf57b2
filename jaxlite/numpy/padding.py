"""``jnp.pad``: elements around an array, axis by axis, in every mode of NumPy.

Each mode says what stands before and after the elements of one axis; later axes see the axes before them padded,
which is what fills the corners::

    constant edge                       one value or element, broadcast
    reflect symmetric wrap              elements of the array, by a table of places known while recording
    maximum mean median minimum         a reduction of the elements at the border
    linear_ramp                         a line from the border to a value
    a function                          whatever it returns for each vector
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxlite.errors import ArgumentError
from jaxlite.numpy import reductions, ufuncs
from jaxlite.numpy.promotion import broadcast_array, canonical_axis, convert, operand, strip_weak
from jaxlite.numpy.registry import implements
from jaxlite.numpy.shaping import as_array_like, concatenate, reshape, slice_axis
from jaxlite.numpy.sorting import median
from jaxlite.numpy.vectorization import apply_along_axis
from jaxlite.ops import structural
from jaxlite.trace import Tracer, aval_of
from jaxlite.typing import Array, ArrayLike

# What each mode takes besides the widths.
_OPTIONS = {
    "constant": {"constant_values"},
    "edge": set(),
    "empty": set(),
    "linear_ramp": {"end_values"},
    "maximum": {"stat_length"},
    "mean": {"stat_length"},
    "median": {"stat_length"},
    "minimum": {"stat_length"},
    "reflect": {"reflect_type"},
    "symmetric": {"reflect_type"},
    "wrap": set(),
}
_STATISTICS = {
    "maximum": reductions.max,
    "mean": reductions.mean,
    "median": median,
    "minimum": reductions.min,
}


@implements(np.pad)
def _pad(array, pad_width, mode="constant", **kwargs):
    x = strip_weak(operand("pad", array))
    widths = _widths(pad_width, x.ndim)
    _check_mode(mode, kwargs)
    if mode in ("constant", "empty"):
        return _pad_constant(x, widths, kwargs.get("constant_values", 0))
    for axis, (before, after) in enumerate(widths):
        if before or after:
            x = _pad_axis(x, axis, before, after, mode, kwargs)
    return strip_weak(x)


@implements(np.pad, eager=False)
def pad(array: ArrayLike, pad_width: Any, mode: str | Callable = "constant", **kwargs: Any) -> Array:
    """Put elements around an array.

    Parameters
    ----------
    array : array_like
    pad_width : int, or (before, after), or one such pair per axis, or dict from axis to such a pair
    mode : str or callable, default "constant"
        "constant", "edge", "empty" (zeros), "linear_ramp", "maximum", "mean", "median", "minimum", "reflect",
        "symmetric" or "wrap". A callable is called as ``mode(vector, (before, after), axis, kwargs)`` for each
        vector along each axis, padded with zeros, and returns it with its padding filled in.
    **kwargs
        ``constant_values`` for "constant" and ``end_values`` for "linear_ramp", both as ``pad_width`` and by default
        0; ``stat_length``, how many elements at the border count, for "maximum", "mean", "median" and "minimum",
        by default all; ``reflect_type="odd"`` for "reflect" and "symmetric", which then go on beyond the border.

    Returns
    -------
    Array
        ``[before + n + after, ...]``, of the dtype of ``array``.

    Examples
    --------
    >>> jnp.pad(jnp.arange(2), (1, 2))
    Array([0, 0, 1, 0, 0], dtype=int64)
    >>> jnp.pad(jnp.array([1.0, 3.0]), 2, mode="reflect", reflect_type="odd")
    Array([-3., -1.,  1.,  3.,  5.,  7.], dtype=float64)
    """
    if callable(mode):
        return _pad_by_function(array, pad_width, mode, kwargs)
    return _pad(array, pad_width, mode, **kwargs)


# --- arguments --------------------------------------------------------------------------------------


def _widths(pad_width, ndim: int) -> list[tuple[int, int]]:
    if isinstance(pad_width, dict):
        widths = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            widths[canonical_axis(axis, ndim)] = tuple(np.broadcast_to(width, (2,)).tolist())
    else:
        widths = _per_axis("pad_width", pad_width, ndim)
    for pair in widths:
        if any(not isinstance(n, int) or n < 0 for n in pair):
            raise ArgumentError(
                f"pad: pad_width {pad_width} has negative entries, or such that are no whole numbers."
            )
    return widths


def _per_axis(name: str, value, ndim: int) -> list[tuple]:
    """Return one pair for each axis: of ``3``, ``(1, 2)`` or ``((1, 2), (3, 4))``."""
    try:
        return [tuple(pair) for pair in np.broadcast_to(np.asarray(value), (ndim, 2)).tolist()]
    except ValueError:
        raise ArgumentError(
            f"pad: {name} is {value}, for an array of {ndim} axes.",
            fix="pass a number, a pair (before, after), or one pair for each axis.",
        ) from None


def _check_mode(mode, kwargs) -> None:
    if mode not in _OPTIONS:
        raise ArgumentError(
            f"pad: mode {mode!r} is not supported.", fix=f"modes are {', '.join(map(repr, _OPTIONS))}."
        )
    unknown = kwargs.keys() - _OPTIONS[mode]
    if unknown:
        raise ArgumentError(f"pad: mode {mode!r} takes no {', '.join(sorted(unknown))}.")
    if kwargs.get("reflect_type", "even") not in ("even", "odd"):
        raise ArgumentError(f"pad: reflect_type is {kwargs['reflect_type']!r}.", fix="pass 'even' or 'odd'.")


def _values_per_axis(name: str, values, ndim: int) -> list[tuple]:
    """Like `_per_axis`, of values that may be traced."""
    if isinstance(values, Tracer):
        values = as_array_like(broadcast_array(values, (ndim, 2)))
        return [(values[d, 0], values[d, 1]) for d in range(ndim)]
    if isinstance(values, tuple | list) and any(isinstance(v, Tracer) for v in values):
        return [tuple(values)] * ndim
    if isinstance(values, tuple | list) and any(isinstance(v, tuple | list) for v in values):
        pairs = [tuple(pair) if len(pair) == 2 else (pair[0],) * 2 for pair in values]
        return pairs * ndim if len(pairs) == 1 else pairs
    return _per_axis(name, values, ndim)


# --- modes ------------------------------------------------------------------------------------------


def _pad_constant(x, widths, values):
    dtype = aval_of(x).dtype
    if not isinstance(values, tuple | list) and not np.shape(values):
        value = convert(operand("pad", values), dtype)
        return structural.pad(x, value, tuple((before, after, 0) for before, after in widths))
    for axis, (pair, ends) in enumerate(zip(widths, _values_per_axis("constant_values", values, x.ndim))):
        for side in (0, 1):
            config = [(0, 0, 0)] * x.ndim
            config[axis] = (pair[0], 0, 0) if side == 0 else (0, pair[1], 0)
            x = structural.pad(x, convert(operand("pad", ends[side]), dtype), tuple(config))
    return x


def _pad_axis(x, axis: int, before: int, after: int, mode: str, kwargs):
    size = x.shape[axis]
    if size == 0:
        raise ArgumentError(
            f"pad: axis {axis} of {aval_of(x)} is empty.",
            why=f"mode {mode!r} takes the new elements from those that are there.",
            fix="use mode='constant'.",
        )
    if mode in _STATISTICS:
        lengths = kwargs.get("stat_length")
        lengths = (None, None) if lengths is None else _per_axis("stat_length", lengths, x.ndim)[axis]
        ends = [_statistic(mode, x, axis, length, side) for side, length in zip(("before", "after"), lengths)]
        return _around(x, axis, *[_spread(end, axis, n) for end, n in zip(ends, (before, after))])
    if mode == "linear_ramp":
        ends = _values_per_axis("end_values", kwargs.get("end_values", 0), x.ndim)[axis]
        left = _ramp(slice_axis(x, 0, 1, axis), ends[0], axis, before)
        right = _ramp(slice_axis(x, size - 1, size, axis), ends[1], axis, after)
        return _around(x, axis, left, right[_backwards(axis)])
    if mode == "edge":
        first, last = slice_axis(x, 0, 1, axis), slice_axis(x, size - 1, size, axis)
        return _around(x, axis, _spread(first, axis, before), _spread(last, axis, after))
    steps = np.arange(-before, size + after)
    if mode == "wrap":
        return _at(x, axis, steps % size)
    # Mirrored at the elements at the border, or (symmetric) between them and their images.
    if size == 1 and mode == "reflect":
        return _at(x, axis, 0 * steps)
    period = 2 * size if mode == "symmetric" else 2 * (size - 1)
    turns, places = np.divmod(steps, period)
    mirrored = places >= size
    places = np.where(mirrored, (period - 1 if mode == "symmetric" else period) - places, places)
    result = _at(x, axis, places)
    if kwargs.get("reflect_type", "even") == "even":
        return result
    # Odd: f(last + i) = 2·f(last) - f(last - i); each whole period adds twice the rise.
    first, last = slice_axis(x, 0, 1, axis), slice_axis(x, size - 1, size, axis)
    shape = [-1 if d == axis else 1 for d in range(x.ndim)]
    column = lambda values: np.asarray(values, aval_of(x).dtype).reshape(shape)  # noqa: E731
    result = result * column(np.where(mirrored, -1, 1)) + last * column(np.where(mirrored, 2, 0))
    return result + (last - first) * column(2 * turns)


def _at(x, axis: int, places):
    return as_array_like(x)[(builtins.slice(None),) * axis + (places,)]


def _backwards(axis: int) -> tuple:
    return (builtins.slice(None),) * axis + (builtins.slice(None, None, -1),)


def _spread(x, axis: int, count: int):
    return broadcast_array(x, tuple(count if d == axis else n for d, n in enumerate(x.shape)))


def _around(x, axis: int, left, right):
    return concatenate([part for part in (left, x, right) if aval_of(part).shape[axis]], axis)


def _statistic(mode: str, x, axis: int, length: int | None, side: str):
    size = x.shape[axis]
    if length is not None and (not isinstance(length, int) or length < 1):
        raise ArgumentError(f"pad: stat_length is {length}.", why="at least one element must count.")
    count = size if length is None else min(length, size)
    counted = slice_axis(x, 0, count, axis) if side == "before" else slice_axis(x, size - count, size, axis)
    result = _STATISTICS[mode](counted, axis=axis, keepdims=True)
    dtype = aval_of(x).dtype
    if dtype.kind in "iu" and aval_of(result).dtype.kind == "f":
        result = ufuncs.rint(result)
    return convert(result, dtype)


def _ramp(border, end, axis: int, count: int):
    """Return ``count`` steps from ``end`` towards the border, which itself is not among them."""
    dtype = aval_of(border).dtype
    end = broadcast_array(convert(operand("pad", end), dtype), border.shape)
    if not count:
        return _spread(border, axis, 0)
    shape = [-1 if d == axis else 1 for d in range(border.ndim)]
    share = reshape(np.arange(count) / count, shape)
    # As NumPy's linspace: of integers too the steps are floating-point numbers, rounded down.
    working = dtype if dtype.kind in "fc" else np.dtype(np.float64)
    start = convert(end, working)
    rise = ufuncs.subtract(convert(border, working), start)
    line = ufuncs.add(start, ufuncs.multiply(rise, share.astype(working)))
    return as_array_like(convert(line if dtype.kind in "fc" else ufuncs.floor(line), dtype))


def _pad_by_function(array, pad_width, function: Callable, kwargs):
    x = strip_weak(operand("pad", array))
    widths = _widths(pad_width, x.ndim)
    x = as_array_like(_pad_constant(x, widths, 0))
    for axis, pair in enumerate(widths):
        x = apply_along_axis(
            lambda v, pair=pair, axis=axis: _filled(function, v, pair, axis, kwargs), axis, x
        )
    return x


def _filled(function: Callable, vector, pair, axis: int, kwargs):
    result = function(vector, pair, axis, kwargs)
    if result is None:
        raise ArgumentError(
            "pad: the function returned None.",
            why="arrays never change, so that it cannot fill the padding in place.",
            fix="return the padded vector: return vector.at[:before].set(...).",
        )
    return result
