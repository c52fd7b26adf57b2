"""Reductions over windows, and the derivative of the largest element of each.

    z = reduce_window_max x        for n in range(N):
                                       for y in range(H):
                                           for x in range(W):
                                               for c in range(C): z[…] = max(max(x[…], x[…]), …)

    select_and_scatter_add z̄ x     the same loops find out which element it was, and add z̄ there: at once where windows
                                   do not overlap, else for one line of windows after the other

Where there is padding, each step of the outermost loops makes a padded copy of what it reads.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from dataclasses import dataclass

import numpy as np

from jaxlite.codegen import elementwise
from jaxlite.codegen.loops import Affine, Const
from jaxlite.codegen.rules_linalg import kernel
from jaxlite.codegen.schedule import Scheduler, rule
from jaxlite.codegen.values import Value, View, storage
from jaxlite.ops.windows import Axis, extreme_of, spread, window_axes

# Elements of a window that are written out; larger ones are reduced along one axis after the other, or in a loop.
MOST_TAPS, SEPARATE = 64, 16
# Where a recipe is dearer than this, its elements are computed once and not for each window.
CHEAP_TO_REPEAT = 0


@dataclass
class _Source:
    """What the windows of one step of the outer loops are read from: all of an array, or a padded copy of a part.

    ``view`` has the axes of the array; those of the outer loops have one element where it is a copy, and ``shift``
    says where the first element of the array stands.
    """

    view: Value
    shift: tuple[int, ...]
    is_copy: bool

    def place(self, outer: dict[int, Affine], inner: dict[int, Affine]) -> tuple[Affine, ...]:
        place = []
        for d, shift in enumerate(self.shift):
            if d in outer:
                place.append(Affine() if self.is_copy else outer[d])
            else:
                place.append(Affine.of(inner[d]) + shift)
        return tuple(place)


class _Windows:
    """Loops over the windows of an array."""

    def __init__(self, s: Scheduler, axes: list[Axis]):
        self.s, self.b, self.axes = s, s.b, axes
        trivial = [_is_trivial(axis) for axis in axes]
        first = trivial.index(False) if False in trivial else len(axes)
        self.outer = tuple(range(first))
        self.inner = tuple(range(first, len(axes)))
        self.margins = [axis.margins for axis in axes]

    @property
    def padded(self) -> bool:
        return any(low or high for low, high in self.margins)

    @contextlib.contextmanager
    def loops(self, axes, extents, into: dict[int, Affine]):
        """Write nested loops over some axes; their indices are put into a table."""
        with contextlib.ExitStack() as stack:
            for d in axes:
                if extents[d] == 1:
                    into[d] = Affine()
                else:
                    loop = self.short if d == len(self.axes) - 1 else self.b.loop
                    into[d] = Affine.of(stack.enter_context(loop(extents[d], kind="parallel")))
            yield into

    def short(self, *extent, **options):
        """Write an innermost loop, which LLVM would write out before it thinks of registers."""
        return self.b.loop(*extent, **options, as_it_is=True)

    def new_copy(self, dtype: np.dtype, sizes) -> View:
        """Make a place for a padded copy of what one step of the outer loops reads."""
        shape = [1 if d in self.outer else sizes[d] + sum(self.margins[d]) for d in range(len(self.axes))]
        return self.s.new_view(dtype, tuple(shape))

    def source(self, view: View) -> _Source:
        return _Source(view, tuple(low for low, _ in self.margins), True)

    def fill(self, view: View, number) -> None:
        at: dict[int, Affine] = {}
        with self.loops(self.inner, view.shape, at):
            view.store(self.b, tuple(at.get(d, Affine()) for d in range(len(self.axes))), number)

    def copy_in(self, copy: _Source, x: Value, outer, fill) -> None:
        """Make the padded copy."""
        self.fill(copy.view, fill)
        at: dict[int, Affine] = {}
        with self.loops(self.inner, x.shape, at):
            element = x.element(self.b, tuple(outer.get(d, at.get(d)) for d in range(len(self.axes))))
            copy.view.store(self.b, copy.place(outer, at), element)

    def operand(self, x: Value, outer, fill) -> _Source:
        """Return what windows are read from, inside of the outer loops."""
        if not self.padded:
            return _Source(x, (0,) * len(self.axes), False)
        copy = self.source(self.new_copy(x.dtype, x.shape))
        self.copy_in(copy, x, outer, fill)
        return copy


def _is_trivial(axis: Axis) -> bool:
    """Whether windows are the elements of an axis, one by one."""
    return axis.window == axis.stride == axis.base == 1 and not axis.low and axis.count == axis.size


def _number(value, dtype: np.dtype):
    scalar, count = storage(dtype)
    return (Const(value, scalar), *(Const(0, scalar) for _ in range(count - 1)))


def _ready(s: Scheduler, x: Value, reads: int) -> Value:
    """Return a value whose elements may be read again and again, now."""
    if type(x) is not View and (reads > 1 and x.cost > CHEAP_TO_REPEAT):
        x = s.stored(x)
    if s.depends_on_group(x):
        s.close()
    return x


# --- reductions -----------------------------------------------------------------------------------------


@rule("reduce_window_sum", "reduce_window_max", "reduce_window_min")
def _reduce_window(s: Scheduler, eqn, operands):
    (x,) = operands
    operation = eqn.primitive.lower.word
    identity, combine = elementwise.COMBINERS[operation]
    out = s.target_for(eqn)
    if not math.prod(out.shape):
        return [out]
    axes = window_axes(x.shape, eqn.params)
    taps = [axis.window for axis in axes]
    long = [d for d, n in enumerate(taps) if n > 1]
    if math.prod(taps) > SEPARATE and len(long) > 1:
        # Along one axis after the other, the one first that leaves least.
        long.sort(key=lambda d: axes[d].count / max(axes[d].size, 1))
        for d in long:
            one = [_single(axis) if e != d else axes[d] for e, axis in enumerate(_sizes(axes, x.shape))]
            last = d == long[-1]
            if last:
                one = [axis._replace(size=n) for axis, n in zip(axes, x.shape, strict=True)]
                one = [a if e == d or e not in long else _single(a) for e, a in enumerate(one)]
            target = out if last else s.new_view(x.dtype, tuple(axis.count for axis in one))
            _write_reduction(s, one, x, target, tuple(identity(x.dtype)), combine, eqn.primitive.name)
            x = target
        return [out]
    _write_reduction(s, axes, x, out, tuple(identity(x.dtype)), combine, eqn.primitive.name)
    return [out]


def _sizes(axes: list[Axis], shape) -> list[Axis]:
    return [axis._replace(size=n) for axis, n in zip(axes, shape, strict=True)]


def _single(axis: Axis) -> Axis:
    """Windows of one element each: the array as it is."""
    return Axis(axis.size, axis.size, 1, 1, 1, 1, 0)


def _write_reduction(s: Scheduler, axes, x: Value, out: View, identity, combine, comment: str) -> None:
    windows, b = _Windows(s, axes), s.b
    x = _ready(s, x, math.prod(axis.window for axis in axes))
    outer: dict[int, Affine] = {}
    with kernel(s, math.prod(out.shape), comment):
        b.memo = None
        with windows.loops(windows.outer, out.shape, outer):
            source = windows.operand(x, outer, identity)
            for phases in itertools.product(*(list(axes[d].phases()) for d in windows.inner[:-1])):
                _lines(windows, source, outer, phases, out, identity, combine)


def _lines(windows: _Windows, source: _Source, outer, phases, out: View, identity, combine) -> None:
    """Write the loops over windows of one phase, those of the last axis together: they lie side by side."""
    last = windows.inner[-1:]
    of_last = [list(windows.axes[d].phases()) for d in last]
    choices = of_last[0] if of_last else []
    counts = [phase.count for phase in choices] or [1]
    extents = {d: phase.count for d, phase in zip(windows.inner, phases, strict=False)}
    at: dict[int, Affine] = {}
    with windows.loops(windows.inner[:-1], extents, at):
        for start, stop in itertools.pairwise(sorted({0, *counts})):
            active = [phase for phase in choices if phase.count >= stop] or [None]
            together = math.prod(p.taps for p in phases) * sum(p.taps if p else 1 for p in active)
            for group in [active] if together <= MOST_TAPS else [[phase] for phase in active]:
                span = {"start": start, "kind": "parallel"}
                with windows.short(stop, **span) if stop - start > 1 else contextlib.nullcontext(start) as i:
                    for phase in group:
                        here = dict(at)
                        chosen = list(phases)
                        if phase is not None:
                            here[last[0]] = Affine.of(i)
                            chosen.append(phase)
                        _one_window(windows, source, outer, here, chosen, out, identity, combine)


def _one_window(windows: _Windows, source, outer, at, phases, out: View, identity, combine) -> None:
    b, x = windows.b, source.view
    taps = [phase.taps for phase in phases]
    inner = windows.inner

    def element(index):
        place = {}
        for d, phase, u in zip(inner, phases, index, strict=True):
            place[d] = Affine.of(at[d]) * phase.stride + Affine.of(u) * phase.apart + phase.offset
        return x.element(b, source.place(outer, place))

    def reduced(index, axes_left):
        if not axes_left:
            return element(index)
        extent = axes_left[0]
        if math.prod(axes_left) <= MOST_TAPS:
            parts = [element((*index, *rest)) for rest in itertools.product(*map(range, axes_left))]
            total = parts[0]
            for part in parts[1:]:
                total = tuple(combine(b, x.dtype, total, part))
            return total
        carries = [b.carry(part) for part in identity]
        with b.loop(extent, carries, kind="reduce") as u:
            inside = tuple(carry.inside for carry in carries)
            total = tuple(combine(b, x.dtype, inside, reduced((*index, u), axes_left[1:])))
            for carry, part in zip(carries, total, strict=True):
                carry.next = part
        return tuple(carry.result for carry in carries)

    total = reduced((), taps) if all(taps) else identity
    place = dict(outer)
    for d, phase in zip(inner, phases, strict=True):
        place[d] = Affine.of(at[d]) * phase.every + phase.first
    out.store(b, tuple(place[d] for d in range(len(windows.axes))), total)


# --- the chosen element -----------------------------------------------------------------------------------


class _Choice:
    """Finds the first extreme element of windows."""

    def __init__(self, windows: _Windows, keeps: str):
        self.windows, self.b, self.keeps = windows, windows.b, keeps
        axes = [windows.axes[d] for d in windows.inner]
        self.taps = list(itertools.product(*(range(axis.window) for axis in axes)))

    def place(self, at: dict[int, Affine], tap) -> dict[int, Affine]:
        """Return where an element of a window is, by axes of the inner loops."""
        place = {}
        for d, q in zip(self.windows.inner, tap, strict=True):
            axis = self.windows.axes[d]
            place[d] = Affine.of(at[d]) * axis.stride + (q * axis.apart - axis.low)
        return place

    def sweep(self, source: _Source, outer, at, first, follow):
        """Go through a window: ``follow(kept, number, old)`` says what goes with the element that is chosen."""
        b = self.b

        def element(tap):
            return source.view.element(b, source.place(outer, self.place(at, tap)))[0]

        best, chosen = element(self.taps[0]), first
        for number, tap in enumerate(self.taps[1:], 1):
            other = element(tap)
            kept = b.let(self.keeps, best, other)
            best = b.select(kept, best, other)
            chosen = follow(kept, number, chosen)
        return chosen


def _selection(s: Scheduler, eqn, x: Value):
    params = {key: value for key, value in eqn.params.items() if key != "select_prim"}
    windows = _Windows(s, window_axes(x.shape, params))
    keeps = eqn.params["select_prim"]
    return windows, _Choice(windows, keeps), _number(extreme_of(x.dtype, keeps == "le"), x.dtype)


def _integer(dtype: np.dtype) -> np.dtype:
    """Return the integers of the size of a number, which go well into registers beside it."""
    return np.dtype(f"i{max(dtype.itemsize, 4)}")


@rule("select_and_gather_add")
def _select_and_gather_add(s: Scheduler, eqn, operands):
    tangents, x = operands
    out = s.target_for(eqn)
    if x.dtype == np.float16:
        return None
    if not math.prod(out.shape):
        return [out]
    windows, choice, fill = _selection(s, eqn, x)
    b, count = s.b, len(choice.taps)
    x, tangents = _ready(s, x, count), _ready(s, tangents, count)
    outer: dict[int, Affine] = {}
    with kernel(s, math.prod(out.shape), "select_and_gather_add"):
        b.memo = None
        with windows.loops(windows.outer, out.shape, outer):
            source = windows.operand(x, outer, fill)
            second = windows.operand(tangents, outer, _number(0, x.dtype))
            at: dict[int, Affine] = {}
            with windows.loops(windows.inner, out.shape, at):

                def tangent(tap, at=at):
                    return second.view.element(b, second.place(outer, choice.place(at, tap)))[0]

                def follow(kept, number, old):
                    return b.select(kept, old, tangent(choice.taps[number]))

                chosen = choice.sweep(source, outer, at, tangent(choice.taps[0]), follow)
                out.store(b, tuple({**outer, **at}[d] for d in range(len(out.shape))), (chosen,))
    return [out]


@rule("select_and_scatter_add")
def _select_and_scatter_add(s: Scheduler, eqn, operands):
    source, x = operands
    out = s.target_for(eqn)
    if x.dtype == np.float16:
        return None
    if not math.prod(out.shape):
        return [out]
    windows, choice, fill = _selection(s, eqn, x)
    b, axes = s.b, windows.axes
    alone = all(axis.stride >= spread(axis.window, axis.apart) for axis in axes)
    x = _ready(s, x, len(choice.taps))
    source = _ready(s, source, 1 if alone else 2)
    outer: dict[int, Affine] = {}
    with kernel(s, math.prod(out.shape), "select_and_scatter_add"):
        b.memo = None
        with windows.loops(windows.outer, out.shape, outer):
            read = windows.operand(x, outer, fill)
            zero = _number(0, x.dtype)
            if windows.padded:
                written = windows.source(windows.new_copy(x.dtype, x.shape))
            else:
                written = _Source(out, (0,) * len(axes), False)
            if windows.padded or not (alone and all(_is_tiled(axis) for axis in axes)):
                _clear(windows, written, outer, zero)
            if math.prod(source.shape):
                (_scatter_alone if alone else _scatter_lines)(windows, choice, read, written, source, outer)
            if windows.padded:
                at: dict[int, Affine] = {}
                with windows.loops(windows.inner, out.shape, at):
                    element = written.view.load(b, written.place(outer, at))
                    out.store(b, tuple({**outer, **at}[d] for d in range(len(axes))), element)
    return [out]


def _is_tiled(axis: Axis) -> bool:
    """Whether windows cover an axis without gaps."""
    return axis.apart == 1 and axis.stride == axis.window and axis.count * axis.window == axis.size


def _clear(windows: _Windows, written: _Source, outer, zero) -> None:
    at: dict[int, Affine] = {}
    if written.is_copy:
        windows.fill(written.view, zero)
        return
    with windows.loops(windows.inner, written.view.shape, at):
        written.view.store(windows.b, written.place(outer, at), zero)


def _scatter_alone(windows: _Windows, choice: _Choice, read, written, source: Value, outer) -> None:
    """Each element belongs to one window at most: it is given its cotangent, or zero."""
    b, kind = windows.b, _integer(source.dtype)
    at: dict[int, Affine] = {}
    with windows.loops(windows.inner, source.shape, at):
        chosen = choice.sweep(
            read,
            outer,
            at,
            Const(0, kind),
            lambda kept, number, old: b.select(kept, old, Const(number, kind)),
        )
        (ct,) = source.element(b, tuple({**outer, **at}[d] for d in range(len(windows.axes))))
        for number, tap in enumerate(choice.taps):
            if type(chosen) is not Const:
                here = b.let("eq", chosen, Const(number, kind))
                value = b.select(here, ct, Const(0, ct.dtype))
            else:
                value = ct
            written.view.store(b, written.place(outer, choice.place(at, tap)), (value,))


def _scatter_lines(windows: _Windows, choice: _Choice, read, written, source: Value, outer) -> None:
    """Find the elements of one line of windows; then go through the places of a window, and add up there."""
    b, kind = windows.b, _integer(source.dtype)
    wide = [d for d in windows.inner if windows.axes[d].window > 1]
    line = tuple(d for d in windows.inner if d >= wide[-1])
    lines = tuple(d for d in windows.inner if d < wide[-1])
    shape = tuple(source.shape[d] if d in line else 1 for d in range(len(windows.axes)))
    chosen = windows.s.new_view(kind, shape)
    cts = windows.s.new_view(source.dtype, shape)
    at: dict[int, Affine] = {}
    axes = range(len(windows.axes))
    with windows.loops(lines, source.shape, at):
        here = dict(at)
        with windows.loops(line, source.shape, here):
            found = choice.sweep(
                read,
                outer,
                here,
                Const(0, kind),
                lambda kept, number, old: b.select(kept, old, Const(number, kind)),
            )
            place = tuple(here[d] if d in line else Affine() for d in axes)
            chosen.store(b, place, (found,))
            cts.store(b, place, source.element(b, tuple({**outer, **here}[d] for d in axes)))
        for number, tap in enumerate(choice.taps):
            here = dict(at)
            with windows.loops(line, source.shape, here):
                place = tuple(here[d] if d in line else Affine() for d in axes)
                (which,), (ct,) = chosen.load(b, place), cts.load(b, place)
                value = b.select(b.let("eq", which, Const(number, kind)), ct, Const(0, ct.dtype))
                there = written.place(outer, choice.place(at | here, tap))
                (old,) = written.view.load(b, there)
                written.view.store(b, there, (b.let("add", old, value),))
