"""Structural equations move no element that they need not move: they turn indices into indices.

transpose, slice, rev, broadcast_in_dim of a View     another View of the same buffer
… of a Lazy                                           a Lazy that asks the old one elsewhere
concatenate, pad                                      a Lazy with breaks, at which loops are cut
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from jaxlite.codegen.elementwise import HALF, bits_of_half
from jaxlite.codegen.loops import INT, Affine, Const
from jaxlite.codegen.nests import LONG_ROW, has_few_pieces
from jaxlite.codegen.schedule import CHEAP, Scheduler, numbers_everywhere, rule
from jaxlite.codegen.values import (
    Index,
    Lazy,
    Numbers,
    Value,
    View,
    moved_breaks,
    needs_of,
    row_major,
    storage,
)


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
    breaks = moved_breaks(value, shape, index_map)
    return Lazy(
        value.dtype, shape, lambda b, index: element(b, index_map(index)), value.cost, needs, breaks=breaks
    )


@rule("broadcast_in_dim", pieces=True)
def _broadcast_in_dim(s: Scheduler, eqn, operands):
    (x,), shape, dims = operands, eqn.params["shape"], eqn.params["broadcast_dimensions"]
    stretched = [n == 1 and shape[d] != 1 for n, d in zip(x.shape, dims, strict=True)]

    def index_map(index):
        return tuple(Affine() if one else index[d] for d, one in zip(dims, stretched, strict=True))

    if type(x) is Lazy and x.cost > 2 and math.prod(shape) > math.prod(x.shape):
        # Each element is used many times.
        x = s.stored(x)
    return [reindexed(x, shape, index_map)]


@rule("transpose", pieces=True)
def _transpose(s: Scheduler, eqn, operands):
    (x,), permutation = operands, eqn.params["permutation"]
    inverse = np.argsort(permutation).tolist()
    shape = tuple(x.shape[p] for p in permutation)
    return [reindexed(x, shape, lambda index: tuple(index[k] for k in inverse))]


@rule("squeeze", pieces=True)
def _squeeze(s: Scheduler, eqn, operands):
    (x,), dims = operands, eqn.params["dimensions"]
    kept = [d for d in range(len(x.shape)) if d not in dims]

    def index_map(index):
        given = dict(zip(kept, index, strict=True))
        return tuple(given.get(d, Affine()) for d in range(len(x.shape)))

    return [reindexed(x, eqn.outvars[0].aval.shape, index_map)]


@rule("expand_dims", pieces=True)
def _expand_dims(s: Scheduler, eqn, operands):
    (x,), dims = operands, eqn.params["dimensions"]
    shape = eqn.outvars[0].aval.shape
    return [reindexed(x, shape, lambda index: tuple(i for d, i in enumerate(index) if d not in dims))]


@rule("rev", pieces=True)
def _rev(s: Scheduler, eqn, operands):
    (x,), dims = operands, eqn.params["dimensions"]

    def index_map(index):
        return tuple(Affine(x.shape[d] - 1) + i * -1 if d in dims else i for d, i in enumerate(index))

    return [reindexed(x, x.shape, index_map)]


@rule("slice", pieces=True)
def _slice(s: Scheduler, eqn, operands):
    (x,), starts, steps = operands, eqn.params["start_indices"], eqn.params["strides"]
    steps = steps or (1,) * len(starts)

    def index_map(index):
        return tuple(i * step + start for i, start, step in zip(index, starts, steps, strict=True))

    return [reindexed(x, eqn.outvars[0].aval.shape, index_map)]


@rule("reshape", pieces=True)
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


@rule("concatenate", pieces=True)
def _concatenate(s: Scheduler, eqn, operands):
    axis, shape = eqn.params["dimension"], eqn.outvars[0].aval.shape
    parts = [x for x in operands if x.shape[axis]]
    starts = list(itertools.accumulate((x.shape[axis] for x in parts), initial=0))
    lazy = _joined(parts, starts, axis, shape)
    # Pieces of short rows would be loops of a few steps each.
    if shape[axis] >= LONG_ROW and has_few_pieces([lazy], lazy.cost):
        return [lazy]
    target = s.target_for(eqn)
    for x, start in zip(parts, starts, strict=False):
        s.copy(x, part(target, axis, start, x.shape[axis]))
    s.close()
    return [target]


def _joined(parts: list[Value], starts: list[int], axis: int, shape: tuple[int, ...]) -> Lazy:
    """Return arrays beside each other as a recipe: an element of one of them."""

    def compute(b, index):
        i, found = index[axis], []
        low, high = b.range_of(i) or (0, shape[axis] - 1)
        for x, start, stop in zip(parts, starts, starts[1:], strict=False):
            if low < stop and high >= start:
                found.append((x, start, stop))
        result = None
        for x, start, stop in reversed(found):
            place = i + -start
            if result is not None or len(found) > 1:
                last = Const(stop - start - 1, INT)
                place = Affine.of(b.let("min", b.let("max", b.index(place), Const(0, INT)), last))
            elements = x.element(b, (*index[:axis], place, *index[axis + 1 :]))
            if result is None:
                result = elements
            else:
                here = b.let("lt", b.index(i), Const(stop, INT))
                result = tuple(b.select(here, e, r) for e, r in zip(elements, result, strict=True))
        return result

    breaks = []
    for d in range(len(shape)):
        cuts = set(starts[1:-1]) if d == axis else set()
        for x, start in zip(parts, starts, strict=False):
            if type(x) is Lazy and x.breaks:
                cuts.update(t + (start if d == axis else 0) for t in x.breaks[d])
        breaks.append(frozenset(cuts))
    cost = 1 + max(x.cost for x in parts)
    return Lazy(parts[0].dtype, shape, compute, cost, needs_of(parts, elsewhere=True), breaks=tuple(breaks))


def part(view: View, axis: int, start: int, size: int, step: int = 1) -> View:
    """Return ``size`` elements of a view along an axis."""
    shape = (*view.shape[:axis], size, *view.shape[axis + 1 :])
    strides = (*view.strides[:axis], view.strides[axis] * step, *view.strides[axis + 1 :])
    return View(view.dtype, shape, view.buffer, view.offset + start * view.strides[axis], strides)


@rule("pad", pieces=True)
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
    # Along short rows, loops would be cut into pieces of a few steps each: asking at each step is better.
    in_pieces = all(shape[d] >= LONG_ROW for d in widened)
    source = s.stored(x) if type(x) is Lazy and x.cost > CHEAP and not in_pieces else x

    def compute(b, index):
        inside, moved = None, [i + -lo for i, (lo, _, _) in zip(index, config, strict=True)]
        for d in widened:
            low, high = b.range_of(moved[d]) or (-config[d][0], x.shape[d] + config[d][1] - 1)
            if high < 0 or low >= x.shape[d]:
                return padding.components
            if low >= 0 and high < x.shape[d]:
                continue
            i, last = b.index(moved[d]), Const(x.shape[d] - 1, INT)
            tests = [b.let("ge", i, Const(0, INT))] if low < 0 else []
            tests += [b.let("le", i, last)] if high >= x.shape[d] else []
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

    inner = source.breaks if type(source) is Lazy and source.breaks else (frozenset(),) * len(shape)
    breaks = tuple(
        frozenset({t for t in (lo, n - hi) if 0 < t < n} | {t + lo for t in cuts})
        for cuts, n, (lo, hi, _) in zip(inner, shape, config, strict=True)
    )
    needs = needs_of([source], elsewhere=True) | padding.needs
    if in_pieces:
        return Lazy(x.dtype, shape, compute, source.cost + 1, needs, breaks=breaks)
    return Lazy(x.dtype, shape, compute, source.cost + 6 * len(widened), needs)


@rule("iota")
def _iota(s: Scheduler, eqn, operands):
    aval, dimension = eqn.outvars[0].aval, eqn.params["dimension"]
    scalar, count = storage(aval.dtype)

    def compute(b, index):
        value = b.index(index[dimension])
        value = bits_of_half(b, value) if aval.dtype == HALF else b.convert(value, scalar)
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
    # Not the array's own shape: `ascontiguousarray` gives a scalar an axis.
    return [View.whole(buffer, array.dtype, eqn.outvars[0].aval.shape)]


@rule("stop_gradient", "name", "optimization_barrier", pieces=True)
def _identity(s: Scheduler, eqn, operands: Sequence[Value]):
    return operands
