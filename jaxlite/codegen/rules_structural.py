"""Structural equations move no element that they need not move: they turn indices into indices.

transpose, slice, rev, broadcast_in_dim of a View     another View of the same buffer
… of a Lazy                                           a Lazy that asks the old one elsewhere
concatenate, pad                                      one loop for each piece
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from jaxlite.codegen.loops import INT, Affine, Const
from jaxlite.codegen.schedule import Scheduler, numbers_everywhere, rule
from jaxlite.codegen.values import Index, Lazy, Numbers, Value, View, needs_of, row_major, storage


def reindexed(value: Value, shape: tuple[int, ...], index_map: Callable[[Index], Index]) -> Value:
    """Return the array whose element at ``index`` is that of ``value`` at ``index_map(index)``.

    The map is affine in each index and has no term that mixes two: a View stays one.
    """
    if type(value) is Numbers:
        return numbers_everywhere(value, shape) if shape else value
    if type(value) is View:
        origin = index_map(tuple(Affine() for _ in shape))
        offset = value.position(origin)
        strides = []
        for d in range(len(shape)):
            unit = index_map(tuple(Affine(int(e == d)) for e in range(len(shape))))
            step = value.position(unit) + offset * -1
            strides.append(step.constant)
        return View(value.dtype, shape, value.buffer, offset, tuple(strides))
    element = value.element
    # What the recipe reads at its own index, the result reads at the same index of the view mapped alike.
    needs = {
        key: None if views is None else tuple(reindexed(view, shape, index_map) for view in views)
        for key, views in value.needs.items()
    }
    return Lazy(value.dtype, shape, lambda b, index: element(b, index_map(index)), value.cost, needs)


@rule("broadcast_in_dim")
def _broadcast_in_dim(s: Scheduler, eqn, operands):
    (x,), shape, dims = operands, eqn.params["shape"], eqn.params["broadcast_dimensions"]
    stretched = [n == 1 and shape[d] != 1 for n, d in zip(x.shape, dims, strict=True)]

    def index_map(index):
        return tuple(Affine() if one else index[d] for d, one in zip(dims, stretched, strict=True))

    if type(x) is Lazy and x.cost > 2 and math.prod(shape) > math.prod(x.shape):
        # Each element is used many times.
        x = s.stored(x)
    return [reindexed(x, shape, index_map)]


@rule("transpose")
def _transpose(s: Scheduler, eqn, operands):
    (x,), permutation = operands, eqn.params["permutation"]
    inverse = np.argsort(permutation).tolist()
    shape = tuple(x.shape[p] for p in permutation)
    return [reindexed(x, shape, lambda index: tuple(index[k] for k in inverse))]


@rule("squeeze")
def _squeeze(s: Scheduler, eqn, operands):
    (x,), dims = operands, eqn.params["dimensions"]
    kept = [d for d in range(len(x.shape)) if d not in dims]

    def index_map(index):
        given = dict(zip(kept, index, strict=True))
        return tuple(given.get(d, Affine()) for d in range(len(x.shape)))

    return [reindexed(x, eqn.outvars[0].aval.shape, index_map)]


@rule("expand_dims")
def _expand_dims(s: Scheduler, eqn, operands):
    (x,), dims = operands, eqn.params["dimensions"]
    shape = eqn.outvars[0].aval.shape
    return [reindexed(x, shape, lambda index: tuple(i for d, i in enumerate(index) if d not in dims))]


@rule("rev")
def _rev(s: Scheduler, eqn, operands):
    (x,), dims = operands, eqn.params["dimensions"]

    def index_map(index):
        return tuple(Affine(x.shape[d] - 1) + i * -1 if d in dims else i for d, i in enumerate(index))

    return [reindexed(x, x.shape, index_map)]


@rule("slice")
def _slice(s: Scheduler, eqn, operands):
    (x,), starts, steps = operands, eqn.params["start_indices"], eqn.params["strides"]
    steps = steps or (1,) * len(starts)

    def index_map(index):
        return tuple(i * step + start for i, start, step in zip(index, starts, steps, strict=True))

    return [reindexed(x, eqn.outvars[0].aval.shape, index_map)]


@rule("reshape")
def _reshape(s: Scheduler, eqn, operands):
    (x,), shape = operands, eqn.params["new_sizes"]
    if not shape:
        return [reindexed(x, (), lambda index: (Affine(),) * len(x.shape))]
    if type(x) is Numbers:
        return [numbers_everywhere(x, shape)]
    of_ones = _adds_or_drops_ones(x.shape, shape)
    if of_ones is not None:
        return [reindexed(x, shape, of_ones)]
    view = s.stored(x, row_major=True)
    return [View(view.dtype, shape, view.buffer, view.offset, row_major(shape))]


def _adds_or_drops_ones(old: tuple[int, ...], new: tuple[int, ...]) -> Callable[[Index], Index] | None:
    """Return the map of indices of a reshape that only adds or drops dimensions of size 1."""
    if [n for n in old if n != 1] != [n for n in new if n != 1] or 0 in old:
        return None
    places = [d for d, n in enumerate(new) if n != 1]

    def index_map(index):
        rest = iter(places)
        return tuple(Affine() if n == 1 else index[next(rest)] for n in old)

    return index_map


@rule("concatenate")
def _concatenate(s: Scheduler, eqn, operands):
    axis, target, start = eqn.params["dimension"], s.target_for(eqn), 0
    for x in operands:
        s.copy(x, part(target, axis, start, x.shape[axis]))
        start += x.shape[axis]
    s.close()
    return [target]


def part(view: View, axis: int, start: int, size: int, step: int = 1) -> View:
    """Return ``size`` elements of a view along an axis."""
    shape = (*view.shape[:axis], size, *view.shape[axis + 1 :])
    strides = (*view.strides[:axis], view.strides[axis] * step, *view.strides[axis + 1 :])
    return View(view.dtype, shape, view.buffer, view.offset + start * view.strides[axis], strides)


@rule("pad")
def _pad(s: Scheduler, eqn, operands):
    (x, padding), config = operands, eqn.params["padding_config"]
    shape = eqn.outvars[0].aval.shape
    if all(lo >= 0 and hi >= 0 and gap == 0 for lo, hi, gap in config) and math.prod(x.shape) > 0:
        return [_padded(s, x, s.numbers(padding), shape, config)]
    target = s.target_for(eqn)
    s.copy(numbers_everywhere(s.numbers(padding), shape), target)
    inner, source = target, x
    for d, (lo, _, gap) in enumerate(config):
        # Elements of x that are cropped away at the low end, and where the first one that stays goes.
        skipped = -(lo // (gap + 1)) if lo < 0 else 0
        first = lo + skipped * (gap + 1)
        room = -(-(shape[d] - first) // (gap + 1)) if shape[d] > first else 0
        count = max(min(x.shape[d] - skipped, room), 0)
        inner = part(inner, d, first, count, gap + 1)
        source = _cut(source, d, skipped, count)
    s.copy(source, inner)
    s.close()
    return [target]


def _cut(x: Value, axis: int, start: int, size: int) -> Value:
    shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
    return reindexed(
        x, shape, lambda index: tuple(i + start if d == axis else i for d, i in enumerate(index))
    )


def _padded(s: Scheduler, x: Value, padding: Numbers, shape, config) -> Lazy:
    """Return a margin around an array as a recipe: an element inside, moved there where it is not, or the padding."""
    widened = [d for d, (lo, hi, _) in enumerate(config) if lo or hi]
    source = s.stored(x) if type(x) is Lazy and x.cost > 6 else x

    def compute(b, index):
        inside, moved = None, list(index)
        for d, (lo, hi, _) in enumerate(config):
            moved[d] = index[d] + -lo
            if d not in widened:
                continue
            i, last = b.index(moved[d]), Const(x.shape[d] - 1, INT)
            tests = ([b.let("ge", i, Const(0, INT))] if lo else []) + ([b.let("le", i, last)] if hi else [])
            for test in tests:
                inside = test if inside is None else b.let("and", inside, test)
            if d != len(config) - 1:
                moved[d] = Affine.of(b.let("min", b.let("max", i, Const(0, INT)), last))
        if inside is None:
            return source.element(b, tuple(moved))
        if widened[-1:] == [len(config) - 1]:
            # A branch, which becomes a load under a mask: at clamped indices there are no neighbours to load at once.
            dtypes = [p.dtype for p in padding.components]
            return b.if_(inside, lambda: source.element(b, tuple(moved)), lambda: padding.components, dtypes)
        # The index of a row is the same for all of its elements.
        elements = source.element(b, tuple(moved))
        return tuple(b.select(inside, e, p) for e, p in zip(elements, padding.components, strict=True))

    needs = needs_of([source], elsewhere=True) | padding.needs
    return Lazy(x.dtype, shape, compute, source.cost + 6 * len(widened), needs)


@rule("iota")
def _iota(s: Scheduler, eqn, operands):
    aval, dimension = eqn.outvars[0].aval, eqn.params["dimension"]
    scalar, count = storage(aval.dtype)
    if aval.dtype == np.float16:
        return None

    def compute(b, index):
        value = b.convert(b.index(index[dimension]), scalar)
        return (value,) if count == 1 else (value, Const(0, scalar))

    return [Lazy(aval.dtype, aval.shape, compute, 1)]


@rule("constant")
def _constant(s: Scheduler, eqn, operands):
    array = np.ascontiguousarray(eqn.params["value"].value)
    scalar, _ = storage(array.dtype)
    if array.size > 1 << 16:
        return None
    data = array.reshape(-1).view(scalar)
    buffer = s.program.new_buffer(array.dtype, array.size, "data", data=data)
    return [View.whole(buffer, array.dtype, array.shape)]


@rule("stop_gradient", "name", "optimization_barrier")
def _identity(s: Scheduler, eqn, operands: Sequence[Value]):
    return operands
