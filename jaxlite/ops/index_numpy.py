"""Gather and scatter on NumPy arrays: what the primitives of ``indexing`` mean. Knows nothing of traces.

Both move *windows*, boxes of one size, between an operand and a stack of windows; an array of start indices
says where in the operand each window lies. ``x[[4, 1, 4], 2:]`` of x:f64[5,6] is three windows of sizes
(1, 4), whose first dimension is not shown in the result::

    Windows(operand_shape=(5, 6), sizes=(1, 4), hidden=(0,), start_dims=(0, 1), batching=(), shown_at=(1,))
    starts = [[4, 2], [1, 2], [4, 2]]        result: f64[3,4]
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

from jaxlite.errors import JAXIndexError

# What happens to a window that does not lie inside of the operand.
RAISE = "raise"
CLIP = "clip"
FILL = "fill"
PROMISE_IN_BOUNDS = "promise_in_bounds"


class Windows(NamedTuple):
    """The static part of a gather or scatter.

    Attributes
    ----------
    operand_shape : tuple of int
    sizes : tuple of int
        Of a window, along each dimension of the operand.
    hidden : tuple of int
        Operand dimensions that the stack of windows does not have; their size is 1.
    start_dims : tuple of int
        The operand dimension of each entry of an index vector; along the others a window starts at 0.
    batching : tuple of (int, int)
        Pairs (operand dimension, dimension of the indices) that go side by side.
    shown_at : tuple of int
        The dimensions of the stack that hold the windows, in order; the others are those of the indices.
    """

    operand_shape: tuple[int, ...]
    sizes: tuple[int, ...]
    hidden: tuple[int, ...]
    start_dims: tuple[int, ...]
    batching: tuple[tuple[int, int], ...]
    shown_at: tuple[int, ...]

    def stack_shape(self, indices_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the stack of windows."""
        of_indices = iter(indices_shape[:-1])
        of_window = iter([n for d, n in enumerate(self.sizes) if d not in self.hidden])
        ndim = len(indices_shape) - 1 + len(self.shown_at)
        return tuple([next(of_window if d in self.shown_at else of_indices) for d in range(ndim)])


class _Plan(NamedTuple):
    """How to index the operand: cut a prefix ``[:n]`` of each dimension, then index some by arrays."""

    stack_shape: tuple[int, ...]
    prefix: tuple[slice, ...]
    leading: tuple[int, ...]  # operand dimensions indexed by arrays
    partial: tuple[int, ...]  # of these, the ones whose windows are longer than 1 and not the whole dimension
    trailing: tuple[int, ...]  # operand dimensions taken whole
    gathered_axes: tuple[int, ...]  # from [indices, partial, trailing] to the axes of the stack
    taken_axes: tuple[int, ...] | None  # the same from the axes of np.take, where that will do
    stacked_axes: tuple[int, ...]  # from the axes of the stack to [indices, window in the operand's order]
    strides: tuple[int, ...]  # of the operand in C order, in elements


@functools.lru_cache(maxsize=4096)
def _plan(windows: Windows, indices_shape: tuple[int, ...]) -> _Plan:
    shape, sizes, hidden = windows.operand_shape, windows.sizes, windows.hidden
    ndim, num_index_dims = len(shape), len(indices_shape) - 1
    shown = tuple(d for d in range(ndim) if d not in hidden)
    partial = tuple(d for d in windows.start_dims if d in shown and sizes[d] < shape[d])
    leading = tuple(sorted({*hidden, *partial}))
    trailing = tuple(d for d in range(ndim) if d not in leading)
    prefix = tuple(
        slice(sizes[d]) if d in shown and d not in windows.start_dims else slice(None) for d in range(ndim)
    )

    # Name every axis of the stack ("index", i) or ("window", d), and find it in the layouts at hand.
    index_axes = [("index", i) for i in range(num_index_dims)]
    window_axes = [("window", d) for d in shown]
    of_index, of_window = iter(index_axes), iter(window_axes)
    num_axes = num_index_dims + len(shown)
    stack = [next(of_window if d in windows.shown_at else of_index) for d in range(num_axes)]
    gathered = [*index_axes, *(("window", d) for d in (*partial, *trailing))]
    taken = None
    if len(leading) == 1 and leading[0] in windows.start_dims and not partial:
        taken = [("window", d) for d in range(ndim)]
        taken[leading[0] : leading[0] + 1] = index_axes
    return _Plan(
        stack_shape=windows.stack_shape(indices_shape),
        prefix=prefix,
        leading=leading,
        partial=partial,
        trailing=trailing,
        gathered_axes=tuple(map(gathered.index, stack)),
        taken_axes=taken and tuple(map(taken.index, stack)),
        stacked_axes=tuple(map(stack.index, [*index_axes, *window_axes])),
        strides=tuple(math.prod(shape[d + 1 :]) for d in range(ndim)),
    )


def out_of_range(name: str, index: int, entry: int, windows: Windows, **where) -> JAXIndexError:
    """Make the error for a window that does not lie inside of the operand.

    ``index`` is entry ``entry`` of its index vector; ``where`` goes to the error.
    """
    axis = windows.start_dims[entry]
    size, length = windows.operand_shape[axis], windows.sizes[axis]
    if size == 0:
        why = f"axis {axis} has no elements."
    elif index < 0:
        # Indices from the end were shifted by the size on their way here; say what the user wrote.
        why = f"it counts from the end, and {index - size} + {size} is still negative."
        index -= size
    else:
        why = f"axis {axis} ends at index {size - 1}."
    # Larger ones, of uint64, became this one on their way here.
    shown = f"{index} or above" if index == 2**63 - 1 else f"{index}"
    what = f"index {shown}" if length == 1 else f"a window of {length} elements at index {shown}"
    return JAXIndexError(
        f"{name}: {what} is out of bounds for axis {axis} with size {size}.",
        why=why,
        fix="x.at[...] and jnp.take do something else with mode='clip', 'wrap', 'fill' or 'drop'.",
        **where,
    )


def _starts(name: str, indices: np.ndarray, windows: Windows, mode: str):
    """Return start indices that lie inside of the operand, and which windows count (None: all of them)."""
    if indices.dtype == np.uint64:
        indices = np.minimum(indices, np.uint64(np.iinfo(np.intp).max))
    starts = indices.astype(np.intp, copy=False)
    limits = np.array([windows.operand_shape[d] - windows.sizes[d] for d in windows.start_dims], np.intp)
    outside = (starts < 0) | (starts > limits)
    if not outside.any():
        return starts, None
    if mode == RAISE:
        position = tuple(np.argwhere(outside)[0])
        raise out_of_range(name, int(indices[position]), int(position[-1]), windows)
    return np.clip(starts, 0, np.maximum(limits, 0)), ~outside.any(axis=-1) if mode == FILL else None


def _single_window(starts, windows: Windows) -> tuple:
    """Return the basic index of the only window; it gives a view also of an array of rank 0."""
    first = [0] * len(windows.sizes)
    for d, start in zip(windows.start_dims, starts.ravel().tolist(), strict=True):
        first[d] = start
    return (*[slice(i, i + n) for i, n in zip(first, windows.sizes, strict=True)], ...)


def _index_arrays(starts, windows: Windows, plan: _Plan, index_of_batching) -> list[np.ndarray]:
    """Return one index array for each leading dimension.

    Their axes are those of ``starts``, then one for each partial dimension. ``index_of_batching`` maps a
    dimension of the indices to the index array of the operand dimension that goes along with it.
    """
    batching = dict(windows.batching)
    new_axes = (1,) * len(plan.partial)
    arrays = []
    for d in plan.leading:
        if d in batching:
            index = index_of_batching(batching[d])
        elif d in windows.start_dims:
            index = np.ascontiguousarray(starts[..., windows.start_dims.index(d)])
        else:
            index = np.zeros((1,) * (starts.ndim - 1), np.intp)
        index = index.reshape(index.shape + new_axes)
        if d in plan.partial:
            along = [1] * index.ndim
            along[plan.partial.index(d) - len(plan.partial)] = windows.sizes[d]
            index = index + np.arange(windows.sizes[d]).reshape(along)
        arrays.append(index)
    return arrays


def default_fill(dtype: np.dtype):
    """Return what a window is filled with by default: nan, the smallest (unsigned: largest) integer, True."""
    if dtype.kind in "fc":
        return np.nan
    if dtype.kind == "b":
        return True
    info = np.iinfo(dtype)
    return info.min if dtype.kind == "i" else info.max


def gather_windows(operand, indices, windows: Windows, mode: str, fill_value) -> np.ndarray:
    """Return the stack of windows of ``operand`` that start at ``indices``."""
    plan = _plan(windows, indices.shape)
    starts, inside = _starts("gather", indices, windows, mode)
    if fill_value is None:
        fill_value = default_fill(operand.dtype)
    if operand.size == 0:
        # A window can be larger than this operand: nothing is inside.
        return np.full(plan.stack_shape, fill_value if mode == FILL else 0, operand.dtype)
    result = _gather_inside(operand, starts, windows, plan)
    if inside is None:
        return result
    in_stack = [1] * len(plan.stack_shape)
    for axis, n in zip(plan.stacked_axes, inside.shape, strict=False):
        in_stack[axis] = n
    return np.where(inside.reshape(in_stack), result, np.asarray(fill_value).astype(operand.dtype))


def _gather_inside(operand, starts, windows: Windows, plan: _Plan) -> np.ndarray:
    index_shape = starts.shape[:-1]
    if math.prod(index_shape) == 1:
        return operand[_single_window(starts, windows)].reshape(plan.stack_shape)
    view = operand[plan.prefix]
    # np.take is the faster one, but copies an operand that is not contiguous as a whole.
    if plan.taken_axes is not None and view.flags.c_contiguous:
        (d,) = plan.leading
        along = starts[..., windows.start_dims.index(d)]
        return view.take(along, axis=d).transpose(plan.taken_axes)

    def index_of_batching(i):
        return np.arange(index_shape[i]).reshape([-1 if j == i else 1 for j in range(len(index_shape))])

    arrays = _index_arrays(starts, windows, plan, index_of_batching)
    view = view.transpose(plan.leading + plan.trailing)
    if not any(d in windows.start_dims for d in plan.leading):
        # None of the arrays has the shape of the indices: index a new axis of size 1 by one that has.
        view = np.expand_dims(view, len(plan.leading))
        arrays.append(np.zeros(index_shape, np.intp))
    return view[tuple(arrays)].transpose(plan.gathered_axes)


_COMBINE = {"add": np.add, "mul": np.multiply, "min": np.minimum, "max": np.maximum}


def scatter_windows(
    how: str, operand, indices, updates, windows: Windows, mode: str, unique: bool
) -> np.ndarray:
    """Return a copy of ``operand`` with windows replaced by updates ("set"), or combined with them ("add" …).

    They are written one after the other in the row-major order of ``indices``, so that the last one wins.
    """
    plan = _plan(windows, indices.shape)
    name = "scatter" if how == "set" else f"scatter_{how}"
    starts, inside = _starts(name, indices, windows, mode)
    out = np.array(operand, order="C")
    if updates.size == 0 or operand.size == 0:
        return out
    combine = _COMBINE.get(how)
    updates = updates.transpose(plan.stacked_axes)
    index_shape = starts.shape[:-1]
    num_windows = math.prod(index_shape)
    if num_windows == 1:
        if inside is None or inside.all():
            region = out[_single_window(starts, windows)]
            updates = updates.reshape(region.shape)
            region[...] = updates if combine is None else combine(region, updates)
        return out

    # One axis for all indices: NumPy then writes in order.
    updates = updates.reshape(num_windows, *updates.shape[len(index_shape) :])
    starts = starts.reshape(num_windows, starts.shape[-1])
    kept = slice(None) if inside is None else np.flatnonzero(inside)
    starts, updates = starts[kept], updates[kept]

    def index_of_batching(i):
        along = [-1 if j == i else 1 for j in range(len(index_shape))]
        return np.broadcast_to(np.arange(index_shape[i]).reshape(along), index_shape).reshape(-1)[kept]

    if plan.partial or not (unique or combine is None) or not plan.leading:
        first = np.zeros(len(starts), np.intp)
        for d, i in windows.batching:
            first += index_of_batching(i) * plan.strides[d]
        for k, d in enumerate(windows.start_dims):
            first += starts[:, k] * plan.strides[d]
        return _scatter_flat(combine, out, first, updates, windows, plan)
    arrays = _index_arrays(starts, windows, plan, index_of_batching)
    view = out[plan.prefix].transpose(plan.leading + plan.trailing)
    index = tuple([np.broadcast_to(array, len(updates)) for array in arrays])
    view[index] = updates if combine is None else combine(view[index], updates)
    return out


def _scatter_flat(combine, out, first, updates, windows: Windows, plan: _Plan) -> np.ndarray:
    """Scatter by positions in the flattened operand: also windows that overlap are written in order.

    ``first`` holds the position of the first element of each window.
    """
    shown = [d for d in range(out.ndim) if d not in windows.hidden]
    along = [np.arange(windows.sizes[d]) * plan.strides[d] for d in shown]
    in_window = functools.reduce(np.add.outer, along, np.zeros((), np.intp)).reshape(-1)
    position = np.add.outer(first, in_window).reshape(-1)
    updates, flat = updates.reshape(-1), out.reshape(-1)
    if combine is None:
        flat[position] = updates
    else:
        combine.at(flat, position, updates)
    return out
