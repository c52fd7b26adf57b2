"""Convolutions: `tiles.contract` over the pixels of an image, with the taps of the window as its terms.

    out[n, y, x, :] = Σ_(dy, dx, i) image[n, y + dy, x + dx, i] · kernel[dy, dx, i, :]

    for n in range(N):
        copy image[n] into a padded one                  where there is padding
        contract(rows=(y, x), terms=(dy, dx, i), columns=o)

Nothing is made of all windows: an image is read where it stands. The same nest with other names is the derivative with
respect to the kernel, where rows are taps and terms are pixels; there each image adds to the result. What lies in
neighbouring columns of the result may be features, or pixels of one line, or groups: `_plan` chooses what costs least.
A dilated image is not spread out: its windows fall into phases, each of which meets every so many taps.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
from dataclasses import dataclass, field, replace

import numpy as np

from jaxlite.codegen import elementwise
from jaxlite.codegen.external import letter_of
from jaxlite.codegen.loops import INT, Address, Affine, Const, Merge
from jaxlite.codegen.rules_linalg import kernel
from jaxlite.codegen.schedule import Scheduler, rule
from jaxlite.codegen.tiles import MOST_PIECES, ROWS, TERMS, columns, lanes_of
from jaxlite.codegen.values import Lazy, Value, View, needs_of
from jaxlite.ops.windows import Axis, Phase, conv_axes

# Bytes of a register that choices are made for.
REGISTER = 64
# Additions' worth of copying an element: in its order, and in another.
COPY, TURNED = 0.25, 1.5
# Bytes of a row of kernels, and how often they are used, from which on copying them pays.
WIDE_KERNEL, USES_OF_PANELS = 1024, 128
# Bytes of operands of one call that are read again and again, and operations of a call beyond which it is cut.
IN_CACHE, LARGEST_CALL = 1 << 18, 1e7


@dataclass
class _Loop:
    """One loop of the nest: its extent, and its steps in image, kernel and result."""

    extent: int
    image: int = 0
    kernel: int = 0
    result: int = 0


Loops = dict[str, _Loop]


@dataclass
class _Conv:
    """A convolution in canonical form: names of loops are g, b, o, i, and p0, p1 …, u0, u1 …

    ``by_batch`` says that groups are part of the batch, and not of the image's features. ``sums_over_images`` says
    that i is the outermost loop: each of its steps adds to the result.
    """

    s: Scheduler
    axes: list[Axis]
    groups: int
    batch: int
    o: int
    i: int
    by_batch: bool
    sums_over_images: bool
    # How many panels of output features the kernels lie in, and how far these are apart.
    panels: tuple[int, int] = (1, 0)
    phases: list[tuple[Phase, ...]] = field(default_factory=list)

    @property
    def outer(self) -> list[str]:
        """The loops around everything: one slab of the image for each step."""
        grouped = self.groups > 1 and self.by_batch != self.sums_over_images
        return (["g"] if grouped else []) + ["i" if self.sums_over_images else "b"]

    @property
    def covered(self) -> bool:
        """Whether every window has an element."""
        return bool(self.i) and all(phase.taps for phases in self.phases for phase in phases)

    def extent(self, name: str) -> int:
        return {"g": self.groups, "b": self.batch, "o": self.o, "i": self.i}[name]


@rule("conv_general_dilated")
def _conv_general_dilated(s: Scheduler, eqn, operands):
    lhs, rhs = operands
    params, numbers = eqn.params, eqn.params["dimension_numbers"]
    out = s.target_for(eqn)
    if not math.prod(out.shape):
        return [out]
    axes = conv_axes(lhs.shape, rhs.shape, params)
    by_batch, by_feature = params["batch_group_count"], params["feature_group_count"]
    groups = by_batch * by_feature
    n, o, i = lhs.shape[numbers.lhs_spec[0]], rhs.shape[numbers.rhs_spec[0]], rhs.shape[numbers.rhs_spec[1]]
    taps, windows = (
        (math.prod(sizes) for sizes in zip(*((a.window, a.count) for a in axes))) if axes else (1, 1)
    )
    conv = _Conv(s, axes, groups, n // by_batch, o // groups, i, by_batch > 1, taps > windows)
    conv.phases = list(itertools.product(*(list(axis.phases()) for axis in axes)))
    # What no buffer holds yet would stand there in the order of its axes.
    place = tuple(
        functools.partial(_canonical, spec=spec, grouped=at if groups > 1 else None, groups=groups)
        for spec, at in ((numbers.lhs_spec, int(by_feature > 1)), (numbers.rhs_spec, 0))
    )
    result = _canonical(out, numbers.out_spec, 1 if groups > 1 else None, groups)
    # image [g, b, i, …], weights [g, o, i, …], result [g, b, o, …]
    _write(conv, _Operand(s, lhs, *place[:1]), _Operand(s, rhs, *place[1:]), result)
    return [out]


class _Operand:
    """An operand: its canonical form now, and what it would be in memory."""

    def __init__(self, s: Scheduler, value: Value, canonical):
        self.s, self.value, self.canonical = s, value, canonical
        self.now = canonical(value)
        where = value if type(value) is View else View.whole(None, value.dtype, value.shape)
        self.there: View = canonical(where)

    def in_memory(self) -> View:
        return self.canonical(self.s.memory(self.value, row_major=False))


def _canonical(value: Value, spec, grouped: int | None, groups: int) -> Value:
    """Return a value as [groups, batch or output features, features, space…]; ``grouped`` is split into groups."""
    shape = tuple(value.shape[d] for d in spec)
    at = grouped or 0
    split = (groups, *(n // groups if k == at and grouped is not None else n for k, n in enumerate(shape)))
    if type(value) is View:
        steps = tuple(value.strides[d] for d in spec)
        group = steps[at] * split[1 + at] if grouped is not None else 0
        return View(value.dtype, split, value.buffer, value.offset, (group, *steps))

    def compute(b, index):
        g, *rest = index
        if grouped is not None:
            rest[at] = rest[at] + g * split[1 + at]
        places = dict(zip(spec, rest, strict=True))
        return value.element(b, tuple(places[d] for d in range(len(spec))))

    return Lazy(value.dtype, split, compute, value.cost, needs_of([value], elsewhere=True))


# --- what lies side by side -----------------------------------------------------------------------------


@dataclass
class _Plan:
    """What runs along the columns of the result, and in which order arrays are laid out anew (None: as they are).

    Orders are of the axes of [g, b, i, …], [g, o, i, …] and [g, b, o, …].
    """

    columns: str
    image: tuple[int, ...] | None
    weights: tuple[int, ...] | None
    result: tuple[int, ...] | None
    cost: float
    in_panels: bool = False


def _plan(conv: _Conv, image: View, weights: View, result: View, margins) -> _Plan:
    """Return the cheapest way."""
    price = functools.partial(_priced, conv, image, weights, result, margins)
    return min((price(*column) for column in _columns(conv)), key=lambda plan: plan.cost)


def _columns(conv: _Conv):
    """Yield loops that may run along columns: name, axes in image, weights and result (None: no step), extent."""
    yield "o", None, 1, 2, conv.o
    for d, phase in enumerate(conv.phases[0]):
        # Windows of a phase lie apart in the result: they are put there from an array of their own.
        if phase.stride == 1 and (phase.every == 1 or not conv.sums_over_images):
            yield f"p{d}", 3 + d, None, 3 + d, phase.count
    if conv.groups > 1 and "g" not in conv.outer:
        yield "g", 0, 0, 0, conv.groups
    if conv.sums_over_images:
        yield "b", 1, None, 1, conv.batch


def _priced(
    conv: _Conv,
    image: View,
    weights: View,
    result: View,
    margins,
    name,
    in_image,
    in_weights,
    in_result,
    extent,
) -> _Plan:
    """Return the plan with a loop along columns, and about how many operations on registers it takes."""
    sizes = [math.prod(x.shape) for x in (image, weights, result)]
    steps = sizes[2] // extent * conv.i * math.prod(max(phase.taps, 1) for phase in conv.phases[0])
    rows = sizes[2] // extent // (1 if conv.sums_over_images else conv.batch)
    pieces = len(columns(extent, lanes_of(image.dtype, REGISTER)))
    # A few sums at a time wait for each other, and each term of a row needs a load of one element.
    waiting = max(1.0, 5 / max(min(rows, 14) * pieces, 1))
    # Single elements of an image with its features apart come from a line and a page of their own each.
    apart = in_image is None and conv.i > 1 and not conv.sums_over_images and not _dense(image, 2)
    waiting *= 1.25 if apart else 1.0
    cost = steps * pieces * waiting / 4 + steps / 14
    orders: list[tuple[int, ...] | None] = [None, None, None]
    if any(low or high for low, high in margins):
        cost += sizes[0] * COPY
    if in_image is not None and not _dense_with_margins(image, in_image, margins):
        orders[0] = _with_last(image.shape, in_image)
        cost += sizes[0] * TURNED
    if in_weights is not None and not _dense(weights, in_weights):
        orders[1] = _with_last(weights.shape, in_weights)
        cost += sizes[1] * TURNED
    if not _dense(result, in_result) or _is_in_phases(conv, name):
        orders[2] = _with_last(result.shape, in_result)
        cost += sizes[2] * TURNED
    in_panels = name == "o" and _is_worth_panels(conv, weights, result, orders[1] is not None)
    if in_panels:
        orders[1] = _with_last(weights.shape, in_weights)
    return _Plan(name, *orders, cost, in_panels)


def _is_in_phases(conv: _Conv, name: str) -> bool:
    """Whether a loop goes through every so many places of the result."""
    return name[0] == "p" and conv.phases[0][int(name[1:])].every > 1


def _panel(dtype: np.dtype) -> int:
    """Return how many columns are computed together."""
    return MOST_PIECES * lanes_of(dtype, REGISTER)


def _is_worth_panels(conv: _Conv, weights: View, result: View, moves: bool) -> bool:
    """Whether kernels are copied so that what a tile reads lies together.

    A tile of 32 features that goes through kernels with 512 reads a piece of each line and page: 76 instead of 116
    operations in a nanosecond.
    """
    width = _panel(weights.dtype)
    terms = math.prod(weights.shape) // (conv.groups * conv.o)
    uses = math.prod(result.shape) // (conv.groups * conv.o)
    wide = conv.o * weights.dtype.itemsize >= WIDE_KERNEL and terms >= width
    return conv.o % width == 0 and conv.o > width and (moves or (wide and uses >= USES_OF_PANELS))


def _dense(view: View, axis: int) -> bool:
    return view.strides[axis] == 1 or view.shape[axis] == 1


def _dense_with_margins(image: View, axis: int, margins) -> bool:
    """Whether neighbours along an axis are neighbours in a padded copy as well."""
    padded = axis >= 3 and any(margins[axis - 3])
    return _dense(image, axis) and not (padded and image.shape[axis] == 1)


def _with_last(shape, axis: int) -> tuple[int, ...]:
    """Return the order of axes of a new array: space, the others, and one of them last."""
    rest = [0, *range(3, len(shape)), 1, 2]
    return (*(d for d in rest if d != axis), axis)


# --- writing --------------------------------------------------------------------------------------------


def _write(conv: _Conv, image: _Operand, weights: _Operand, result: View) -> None:
    s = conv.s
    margins = [axis.margins for axis in conv.axes]
    plan = _plan(conv, image.there, weights.there, result, margins)
    if plan.in_panels:
        kernels = _in_panels(conv, weights.now, plan.weights)
    elif plan.weights is not None:
        kernels = _laid_out(s, weights.now, plan.weights)
    else:
        kernels = weights.in_memory()
    kernels = s.memory(kernels, row_major=False)
    padded = any(low or high for low, high in margins) or plan.image is not None
    if padded:
        if s.depends_on_group(image.now):
            s.close()
        source: _Operand | View = image
    else:
        source = image.in_memory()
    target = result
    if plan.result is not None and conv.sums_over_images:
        target = _new_array(s, result.dtype, result.shape, plan.result)
    with kernel(s, math.prod(result.shape), "conv_general_dilated"):
        adds = conv.sums_over_images and (conv.i > 1 or len(_bands(conv, kernels)) > 1)
        if adds or not conv.covered:
            _clear(s, target)
        if conv.i:
            _slabs(conv, plan, source, kernels, result, target, margins, adds)
    if target is not result:
        s.copy(target, result)
        s.close()


def _new_array(s: Scheduler, dtype, shape, order) -> View:
    return s.new_view_along(dtype, tuple(shape), tuple(order))


def _laid_out(s: Scheduler, value: Value, order) -> View:
    """Copy an array with its axes in another order."""
    target = _new_array(s, value.dtype, value.shape, order)
    turned = Lazy(
        value.dtype,
        tuple(value.shape[d] for d in order),
        lambda b, index: value.element(b, tuple(index[order.index(d)] for d in range(len(order)))),
        value.cost,
        needs_of([value], elsewhere=True),
    )
    s.copy(turned, target.permuted(order))
    return target


def _in_panels(conv: _Conv, value: Value, order) -> View:
    """Copy kernels [g, o, i, …] into panels of so many output features as a tile has columns; returns the first."""
    width = _panel(value.dtype)
    g, o, *rest = value.shape
    count = o // width
    split = Lazy(
        value.dtype,
        (count, g, width, *rest),
        lambda b, index: value.element(b, (index[1], index[0] * width + index[2], *index[3:])),
        value.cost,
        needs_of([value], elsewhere=True),
    )
    panels = _laid_out(conv.s, split, (0, *(d + 1 for d in order)))
    conv.panels = count, panels.strides[0]
    return View(value.dtype, (g, width, *rest), panels.buffer, panels.offset, panels.strides[1:])


def _clear(s: Scheduler, target: View) -> None:
    b = s.b
    order = sorted(range(len(target.shape)), key=lambda d: -target.strides[d])
    zero = (Const(0, target.dtype),)
    with _nest(b, {d: target.shape[d] for d in order}) as at:
        target.store(b, tuple(at[d] for d in range(len(target.shape))), zero)


@contextlib.contextmanager
def _nest(b, extents: dict):
    """Write nested loops; yields the indices by name."""
    with contextlib.ExitStack() as stack:
        at = {}
        for name, extent in extents.items():
            if extent == 1:
                at[name] = Affine()
            else:
                # Written out, copies take LLVM longer and gain nothing.
                at[name] = Affine.of(stack.enter_context(b.loop(extent, kind="parallel", as_it_is=True)))
        yield at


def _slabs(
    conv: _Conv,
    plan: _Plan,
    image: _Operand | View,
    weights: View,
    result: View,
    target: View,
    margins,
    adds: bool,
) -> None:
    """Write the loops over slabs: images, or where these are summed, what is summed over."""
    s, b = conv.s, conv.s.b
    outer = {name: conv.extent(name) for name in conv.outer}
    slab = _Slab(s, image, conv, margins, plan.image) if type(image) is _Operand else None
    with contextlib.ExitStack() as stack:
        at: dict[str, Affine] = {}
        for name, extent in outer.items():
            if extent == 1:
                at[name] = Affine()
                continue
            options = {"kind": "parallel"}
            if name == "i" and adds:
                options = {"kind": "serial", "merges": (_adding(target),)}
            at[name] = Affine.of(stack.enter_context(b.loop(extent, **options)))
        if slab is not None:
            slab.fill(at)
            view, origin = slab.view, slab.origin()
        else:
            view, origin = image, image.offset
        part = target
        if _is_in_phases(conv, plan.columns):
            for phases in conv.phases:
                _phase_alone(conv, plan, phases, at, (view, origin), weights, result)
            return
        if plan.result is not None and not conv.sums_over_images:
            part = _part_of_result(conv, result, plan.result)
            if not conv.covered:
                _clear(s, part)
        for phases in conv.phases:
            _phase(conv, plan, phases, at, (view, origin), weights, part, part is target, adds)
        if part is not target:
            _copy_part(conv, at, part, result)


def _phase_alone(conv: _Conv, plan: _Plan, phases, at, source, weights: View, result: View) -> None:
    """Compute the windows of a phase side by side, and put them where they belong."""
    if not all(phase.taps and phase.count for phase in phases):
        return
    shape = [*result.shape[:3], *(phase.count for phase in phases)]
    for name in at:
        shape["gb".index(name)] = 1
    part = _new_array(conv.s, result.dtype, shape, plan.result)
    alone = tuple(phase._replace(first=0, every=1) for phase in phases)
    _phase(conv, plan, alone, at, source, weights, part, False, False)
    b, fixed = conv.s.b, {"gb".index(name): index for name, index in at.items()}
    order = sorted((d for d in range(len(shape)) if d not in fixed), key=lambda d: -result.strides[d])
    with _nest(b, {d: shape[d] for d in order}) as index:
        place = [fixed.get(d, index.get(d)) for d in range(3)]
        place += [index[3 + d] * phase.every + phase.first for d, phase in enumerate(phases)]
        element = part.load(b, tuple(Affine() if d in fixed else index[d] for d in range(len(shape))))
        result.store(b, tuple(place), element)


def _adding(target: View) -> Merge:
    identity, combine = elementwise.COMBINERS["add"]

    def merged(b, xs, ys):
        return tuple(combine(b, target.dtype, xs, ys))

    return Merge(tuple(identity(target.dtype)), merged, (), target.buffer)


class _Slab:
    """A padded copy of what one step of the outer loops reads."""

    def __init__(self, s: Scheduler, image: _Operand, conv: _Conv, margins, order):
        self.s, self.image, self.conv, self.margins = s, image.now, conv, margins
        self.outer = {"g": 0, "b": 1, "i": 2}
        there = image.there
        shape = list(there.shape)
        for name in conv.outer:
            shape[self.outer[name]] = 1
        for d, (low, high) in enumerate(margins):
            shape[3 + d] += low + high
        if order is None:
            # An axis of one element, which may become longer, is not to come between others and their neighbours.
            axes = range(len(shape))
            order = sorted(axes, key=lambda d: (-there.strides[d], there.shape[d] != 1, d))
        self.order = tuple(order)
        self.view = _new_array(s, there.dtype, shape, self.order)

    def origin(self) -> Affine:
        """Return where the first element that there is stands."""
        steps = self.view.strides[3:]
        return self.view.offset + sum(low * t for (low, _), t in zip(self.margins, steps, strict=True))

    def fill(self, at: dict[str, Affine]) -> None:
        b, view, image = self.s.b, self.view, self.image
        if any(low or high for low, high in self.margins):
            _clear(self.s, view)
        fixed = {self.outer[name]: index for name, index in at.items()}
        extents = {d: image.shape[d] for d in self.order if d not in fixed}
        with _nest(b, extents) as index:
            b.memo = {}
            source = tuple(fixed.get(d, index.get(d)) for d in range(len(view.shape)))
            place = [Affine() if d in fixed else index[d] for d in range(len(view.shape))]
            for d, (low, _) in enumerate(self.margins):
                place[3 + d] = place[3 + d] + low
            view.store(b, tuple(place), image.element(b, source))
            b.memo = None


def _part_of_result(conv: _Conv, result: View, order) -> View:
    shape = list(result.shape)
    shape[1] = 1
    if "g" in conv.outer:
        shape[0] = 1
    return _new_array(conv.s, result.dtype, shape, order)


def _copy_part(conv: _Conv, at, part: View, result: View) -> None:
    b, where = conv.s.b, {0: at.get("g"), 1: at["b"]}
    fixed = {d: index for d, index in where.items() if index is not None}
    order = sorted((d for d in range(len(part.shape)) if d not in fixed), key=lambda d: -result.strides[d])
    with _nest(b, {d: result.shape[d] for d in order}) as index:
        source = tuple(Affine() if d in fixed else index[d] for d in range(len(part.shape)))
        place = tuple(fixed.get(d, index.get(d)) for d in range(len(part.shape)))
        result.store(b, place, part.load(b, source))


def _bands(conv: _Conv, weights: View) -> list[tuple[int, int]]:
    """Return pieces (start, length) of the outermost loop over taps that keep what is read again in the cache."""
    if not conv.axes or len(conv.phases) > 1 or not conv.phases[0][0].taps or not conv.i:
        return [(0, 1)]
    taps = conv.phases[0][0].taps
    image = conv.groups * conv.batch * math.prod(axis.size for axis in conv.axes)
    kernels = conv.panels[0] * math.prod(weights.shape)
    size = (image + kernels // conv.i) * weights.dtype.itemsize
    count = min(-(-size // IN_CACHE), taps)
    length = -(-taps // max(count, 1))
    return [(start, min(length, taps - start)) for start in range(0, taps, length)]


def _phase(
    conv: _Conv, plan: _Plan, phases, at, source, weights: View, part: View, whole: bool, adds: bool
) -> None:
    """Write the calls for one class of windows."""
    if any(phase.count == 0 for phase in phases) or not all(phase.taps for phase in phases):
        return
    image, origin = source
    steps = image.strides
    loops: Loops = {
        "g": _Loop(conv.groups, steps[0], weights.strides[0], part.strides[0]),
        "b": _Loop(conv.batch, steps[1], 0, part.strides[1]),
        "o": _Loop(weights.shape[1], 0, weights.strides[1], part.strides[2]),
        "i": _Loop(conv.i, steps[2], weights.strides[2], 0),
    }
    places = [origin, weights.offset, part.offset]
    for d, phase in enumerate(phases):
        t, w, r = steps[3 + d], weights.strides[3 + d], part.strides[3 + d]
        loops[f"p{d}"] = _Loop(phase.count, phase.stride * t, 0, phase.every * r)
        loops[f"u{d}"] = _Loop(phase.taps, phase.apart * t, phase.every_tap * w, 0)
        places = [
            places[0] + phase.offset * t,
            places[1] + phase.first_tap * w,
            places[2] + phase.first * r,
        ]
    for name, index in at.items():
        loop = loops.pop(name)
        moved = [loop.image, loop.kernel, loop.result]
        if image.shape[{"g": 0, "b": 1, "i": 2}[name]] == 1:
            moved[0] = 0
        if not whole and name in ("g", "b"):
            moved[2] = 0
        places = [place + index * step for place, step in zip(places, moved, strict=True)]
    column = loops.pop(plan.columns)
    rows = {name: loop for name, loop in loops.items() if name[0] in "gbop"}
    terms = {name: loop for name, loop in loops.items() if name[0] in "iu"}
    count, apart = conv.panels
    with _nest(conv.s.b, {"panel": count}) as at_panel:
        panel = at_panel["panel"]
        places[1] = places[1] + panel * apart
        places[2] = places[2] + panel * (weights.shape[1] * part.strides[2])
        _calls(conv, column, rows, terms, [image, weights, part], places, adds)


def _ordered_rows(rows: Loops) -> list[_Loop]:
    """Return loops over rows, merged where two are one; the fastest ones last."""
    loops = [loop for loop in rows.values() if loop.extent != 1]
    loops.sort(key=lambda loop: (-abs(loop.result), -abs(loop.image)))
    loops = _merged(loops)
    # A tile is made of the two fastest loops: best if one of them goes through the image, and one through the kernel.
    across = [loop for loop in loops if loop.kernel and not loop.image]
    if across and len(loops) > 1 and loops[-1] is not across[-1]:
        loops.remove(across[-1])
        loops.insert(-1, across[-1])
    return loops


def _ordered_terms(terms: Loops) -> list[_Loop]:
    loops = [loop for loop in terms.values() if loop.extent != 1]
    loops.sort(key=lambda loop: (-abs(loop.image), -abs(loop.kernel)))
    return _merged(loops)


def _merged(loops: list[_Loop]) -> list[_Loop]:
    merged: list[_Loop] = []
    for loop in loops:
        if merged:
            outer = merged[-1]
            fits = all(
                getattr(outer, name) == loop.extent * getattr(loop, name)
                for name in ("image", "kernel", "result")
            )
            if fits:
                merged[-1] = replace(loop, extent=outer.extent * loop.extent)
                continue
        merged.append(loop)
    return merged


def _calls(conv: _Conv, column: _Loop, rows: Loops, terms: Loops, arrays, places, adds: bool) -> None:
    """Write the calls: all rows and terms at once, or bands of them that stay in the cache."""
    b = conv.s.b
    row_loops, term_loops = _ordered_rows(rows), _ordered_terms(terms)
    operations = 2.0 * column.extent
    operations *= math.prod(loop.extent for loop in (*row_loops, *term_loops))
    if conv.sums_over_images and adds and "u0" in terms:
        sizes = _bands(conv, arrays[1])
        if len(sizes) > 1:
            _banded(conv, column, rows, terms, "u0", sizes, arrays, places, True)
            return
    if not conv.sums_over_images and operations > 2 * LARGEST_CALL and "p0" in rows:
        length = max(int(rows["p0"].extent * LARGEST_CALL / operations), 1)
        extent = rows["p0"].extent
        if length * 2 <= extent:
            sizes = [(start, min(length, extent - start)) for start in range(0, extent, length)]
            _banded(conv, column, rows, terms, "p0", sizes, arrays, places, adds)
            return
    extra = row_loops[: max(len(row_loops) - ROWS, 0)], term_loops[: max(len(term_loops) - TERMS, 0)]
    with _nest(b, {k: loop.extent for k, loop in enumerate((*extra[0], *extra[1]))}) as index:
        for k, loop in enumerate((*extra[0], *extra[1])):
            steps = loop.image, loop.kernel, loop.result
            places = [place + index[k] * step for place, step in zip(places, steps, strict=True)]
        _call(conv, column, row_loops[len(extra[0]) :], term_loops[len(extra[1]) :], arrays, places, adds)


def _banded(conv, column, rows, terms, name, sizes, arrays, places, adds) -> None:
    """Write calls for pieces of one loop: those of one length in a loop, and one for the rest."""
    b = conv.s.b
    length = sizes[0][1]
    whole = [start for start, size in sizes if size == length]
    loop = (rows if name in rows else terms)[name]

    def write(size, start: Affine):
        new_rows, new_terms = dict(rows), dict(terms)
        (new_rows if name in rows else new_terms)[name] = replace(loop, extent=size)
        moved = loop.image, loop.kernel, loop.result
        at = [place + start * step for place, step in zip(places, moved, strict=True)]
        ordered = _ordered_rows(new_rows), _ordered_terms(new_terms)
        _call(conv, column, *ordered, arrays, at, adds)

    kind = "parallel" if name in rows else "serial"
    if len(whole) > 1:
        with b.loop(len(whole), kind=kind) as band:
            write(length, Affine.of(band) * length)
    else:
        write(length, Affine())
    if len(whole) < len(sizes):
        start, size = sizes[-1]
        write(size, Affine(start))


def _call(
    conv: _Conv, column: _Loop, rows: list[_Loop], terms: list[_Loop], arrays, places, adds: bool
) -> None:
    none, part = _Loop(1), arrays[2]
    rows = [none] * (ROWS - len(rows)) + rows
    terms = [none] * (TERMS - len(terms)) + terms
    nest = [column, *rows, *terms]
    addresses, starts = [], []
    for array, place, name in zip(arrays, places, ("image", "kernel", "result"), strict=True):
        reaches = [getattr(loop, name) * (loop.extent - 1) for loop in nest]
        starts.append(-sum(min(reach, 0) for reach in reaches))
        size = 1 + sum(map(abs, reaches))
        addresses.append(Address(array.buffer, place - starts[-1], size))
    one = column.extent == 1
    numbers = [int(adds), column.extent, 0 if one else column.image, 0 if one else column.kernel, *starts[:2]]
    for loop in rows:
        numbers += [loop.extent, loop.image, loop.kernel, loop.result]
    for loop in terms:
        numbers += [loop.extent, loop.image, loop.kernel]
    conv.s.b.call(f"{letter_of(part.dtype)}contract", *(Const(x, INT) for x in numbers), *addresses)
