"""Loop nests: jobs over one domain share one, and nests over the same rows share their outermost loop.

    t[i] = max(x[i, :])                     for i in range(n):
    u[i] = sum(exp(x[i, :] - t[i]))   ->        for j in range(m): …        (the row stays in the cache)
    y[i, j] = exp(x[i, j] - t[i]) / u[i]        for j in range(m): …
                                                for j in range(m): …

A `Job` is something to compute for each index of a domain, a `Group` the jobs of one nest, a `Bundle` the groups of
one kernel.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from jaxlite.codegen.builder import Builder
from jaxlite.codegen.cost import rows_in_block
from jaxlite.codegen.loops import INT, Affine, Buffer, Const, Merge, Operand, Scalar
from jaxlite.codegen.values import Components, Index, Value, View, breaks_of, num_pieces, storage

# Of all the recipes in one kernel together: 1,000 equations in one vectorised loop compile in 0.2 s, 3,000 in 0.6 s,
# 10,000 in 7 s.
LARGEST_KERNEL = 400
# And so many arrays that one kernel writes, as LLVM compares each access with those to all other arrays. With 16, what
# cuts leave to be computed twice grows: 1,000 equations over earlier values take 0.6 s to compile, 0.45 with 32; with
# 64, loops over large arrays take 4 % longer.
MOST_TARGETS = 32
# Additions of one part of a long sum, and parts in a part of the next order.
SPAN, SPANS_IN_ONE = 512, 64
# Parts of the highest order are made shorter so that there are so many.
MOST_LONGEST = 32
# Rows of fewer elements gain nothing from staying in the cache, and their lone numbers lose vector instructions.
LONG_ROW = 32
# Cost of a number that is a function such as exp.
_DEAR = 10
# Groups of one kernel.
MOST_GROUPS = 12
# Boxes that a domain is cut into where recipes change.
MOST_PIECES = 16


@dataclass(eq=False)
class Job:
    """Something to compute for each index of a domain.

    ``write(b, index, components)`` is called at each index, or, where ``axes`` are reduced, once for each index of
    the others with the combined components.
    """

    domain: tuple[int, ...]
    value: Value
    target: View | None
    axes: frozenset[int] = frozenset()
    identity: Components = ()
    combine: Callable | None = None
    results: tuple[Scalar, ...] = ()
    accumulate: bool = False
    comment: str = ""


@dataclass(eq=False)
class Group:
    """Jobs that share a loop nest; ``order`` lists the axes of the domain from the outermost loop inwards."""

    domain: tuple[int, ...]
    order: tuple[int, ...]
    jobs: list[Job] = field(default_factory=list)
    written: dict[Buffer, View] = field(default_factory=dict)
    defined: set[Scalar] = field(default_factory=set)
    cost: int = 0

    def admits(self, job: Job, order: tuple[int, ...] | None) -> bool:
        if job.domain != self.domain or (order is not None and order != self.order):
            return False
        if self.cost + job.value.cost > LARGEST_KERNEL or len(self.written) >= MOST_TARGETS:
            return False
        if not has_few_pieces([*(j.value for j in self.jobs), job.value], self.cost + job.value.cost):
            return False
        for key, views in job.value.needs.items():
            if key in self.defined:
                return False
            if key in self.written and not _only(views, self.written[key]):
                return False
        if job.target is None:
            return True
        # What stands there is read before at the very place, or not at all.
        read = (j.value.needs.get(job.target.buffer, ()) for j in self.jobs)
        return job.target.buffer not in self.written and all(_only(views, job.target) for views in read)

    def cuts(self, axis: int) -> frozenset[int]:
        """Return where loops over an axis are cut, as recipes change there."""
        breaks = breaks_of(job.value for job in self.jobs)
        return breaks[axis] if breaks else frozenset()

    def write(self, b: Builder, depth: int, index: dict[int, Scalar | Affine]) -> None:
        """Write the loops from ``depth`` inwards."""
        Nest(b, self).level(depth, index)


def has_few_pieces(values: list[Value], cost: int) -> bool:
    """Whether loops that compute ``values``, for so much together, are not too many once they are cut."""
    pieces = num_pieces(breaks_of(values))
    return pieces == 1 or (pieces <= MOST_PIECES and pieces * cost <= LARGEST_KERNEL)


@dataclass(eq=False)
class Calls(Group):
    """Calls of a routine for each matrix of a stack; ``call(index)`` writes one.

    They share the loop over the first dimension of the stack with the loops that make their operands and use their
    results, so that one matrix of each is in the cache, and not all of them in memory. A product of two large matrices
    is such a stack as well, of blocks of its rows or of the terms of its sums.

    Attributes
    ----------
    call : ``call(index)``, or ``call((), along, first, count, block)``
    along : str
        Whether the first axis is that of the rows, "m", or of the terms of the sums, "k"; empty for a true stack.
    packed : int
        Elements that each call of a block reads or writes besides its rows.
    clear : callable
        Writes loops that make the result zero, which blocks of terms add to.
    """

    call: Callable[..., None] = None
    along: str = ""
    packed: int = 0
    clear: Callable[[], None] | None = None

    def admits(self, job: Job, order: tuple[int, ...] | None) -> bool:
        return False

    def write(self, b: Builder, depth: int, index: dict[int, Scalar | Affine]) -> None:
        if self.along or depth == len(self.order):
            self.call(() if self.along else tuple(Affine.of(index[d]) for d in range(depth)))
            return
        with b.loop(self.domain[depth], kind="parallel") as i:
            self.write(b, depth + 1, {**index, depth: i})


def _only(views: tuple[View, ...] | None, written: View) -> bool:
    """Whether what is read of a buffer are the very elements that were written at the same index."""
    return views is not None and all(same_place(view, written) for view in views)


def same_place(a: View, b: View) -> bool:
    """Whether two views of one buffer show the same elements at the same indices."""
    return a is b or (a.shape, a.strides, a.offset, a.dtype) == (b.shape, b.strides, b.offset, b.dtype)


class Bundle:
    """Groups whose nests can run row by row: what one writes at a row, the next reads at that row only."""

    def __init__(self, group: Group):
        self.groups: list[Group] = []
        self.written: dict[Buffer, Job] = {}
        self.defined: set[Scalar] = set()
        self.read: set[Buffer] = set()
        self.block = 0
        self.append(group)

    @property
    def jobs(self) -> list[Job]:
        return [job for group in self.groups for job in group.jobs]

    def append(self, group: Group) -> None:
        self.groups.append(group)
        self.defined |= group.defined
        for job in group.jobs:
            self.read.update(key for key in job.value.needs if isinstance(key, Buffer))
            if job.target is not None:
                self.written[job.target.buffer] = job

    def depends(self, value: Value) -> bool:
        return any(key in self.written or key in self.defined for key in value.needs)

    def admits(self, group: Group) -> bool:
        """Whether a further group may share the loop over rows."""
        groups = (*self.groups, group)
        if len(groups) > MOST_GROUPS or sum(g.cost for g in groups) > LARGEST_KERNEL:
            return False
        if not all(map(_has_rows, groups)) or len({g.domain[0] for g in groups}) > 1:
            return False
        if max(math.prod(g.domain[1:]) for g in groups) < LONG_ROW:
            return False
        # Blocks of rows are long enough for functions of one number a row.
        in_blocks = any(isinstance(g, Calls) and g.along for g in groups)
        if not in_blocks and _loses_registers(groups):
            return False
        for job in group.jobs:
            if job.target is not None and job.target.buffer in (*self.read, *self.written):
                return False
            # Sums of short rows stay in registers in a loop of their own: k-means in 8 dimensions took 1.3 of the time.
            if job.accumulate and 0 in job.axes and group.domain[group.order[-1]] < LONG_ROW:
                return False
            for key, views in job.value.needs.items():
                if key in self.defined:
                    return False
                if key in self.written and not self._in_row(views, self.written[key]):
                    return False
        return True

    def _in_row(self, views: tuple[View, ...] | None, writer: Job) -> bool:
        written = writer.target
        if views is None or 0 in writer.axes:
            return False
        return all(
            same_place(view, written)
            or (view.offset == written.offset and view.strides[:1] == written.strides[:1])
            and max(map(_width, (view, written))) <= written.strides[0]
            for view in views
        )

    @property
    def calls(self) -> list[Calls]:
        """The products that could be made in blocks of rows."""
        return [group for group in self.groups if isinstance(group, Calls) and group.along]

    def parts(self) -> list[Bundle]:
        """Return what is written as a kernel each: all of it, in blocks, where that pays."""
        if len(self.groups) == 1 or not self.calls:
            return [self]
        self.block = self._block()
        if self.block:
            return [self]
        parts: list[Bundle] = []
        for group in self.groups:
            alone = not parts or group in self.calls or parts[-1].calls
            if not alone and not _loses_registers((*parts[-1].groups, group)):
                parts[-1].append(group)
            else:
                parts.append(Bundle(group))
        return parts

    def _runs(self):
        """Yield products one by one, and the groups between them, whose rows are in the cache together in any case."""
        for are_calls, groups in itertools.groupby(self.groups, key=lambda group: group in self.calls):
            if are_calls:
                yield from ((True, [group]) for group in groups)
            else:
                yield False, list(groups)

    def _block(self) -> int:
        """Return how many rows stay in the cache together, 0 where blocks of them do not pay."""
        rows = self.groups[0].domain[0]
        bytes_of_row: dict[Buffer, int] = {}
        touches: dict[Buffer, int] = {}
        for _, groups in self._runs():
            touched: set[Buffer] = set()
            for job in (job for group in groups for job in group.jobs):
                views = [view for views in job.value.needs.values() for view in views or ()]
                if job.target is not None and 0 not in job.axes:
                    views.append(job.target)
                for view in views:
                    if view.shape[:1] == (rows,) and view.strides[0]:
                        touched.add(view.buffer)
                        bytes_of_row[view.buffer] = _width(view) * view.buffer.dtype.itemsize
            for buffer in touched:
                touches[buffer] = touches.get(buffer, 0) + 1
        width = sum(bytes_of_row.values())
        saved = rows * sum((touches[buffer] - 1) * size for buffer, size in bytes_of_row.items())
        return rows_in_block(rows, width, saved, [calls.packed for calls in self.calls])

    def write(self, b: Builder) -> None:
        """Write the loops."""
        if len(self.groups) == 1:
            self.groups[0].write(b, 0, {})
            return
        if self.block:
            self._write_blocks(b)
            return
        with b.loop(self.groups[0].domain[0], **_independent(self.jobs)) as i:
            for group in self.groups:
                group.write(b, 1, {0: i})

    def _write_blocks(self, b: Builder) -> None:
        rows, block = self.groups[0].domain[0], self.block
        with b.loop(rows, step=block, last=rows - 1, **_independent(self.jobs)) as first:
            count: Operand = Const(block, INT)
            if rows % block:
                count = b.let("min", count, b.let("sub", Const(rows, INT), first))
            for are_calls, groups in self._runs():
                if are_calls:
                    (calls,) = groups
                    calls.call((), calls.along, first, count, block)
                    continue
                jobs = [job for group in groups for job in group.jobs]
                with b.loop(count, last=block - 1, expected=block, **_independent(jobs)) as i:
                    for group in groups:
                        group.write(b, 1, {0: Affine.of(first) + i})


def _independent(jobs: list[Job]) -> dict:
    """Return what is said of a loop over the first axis: which arrays its steps add to, if they do."""
    accumulating = [job for job in jobs if 0 in job.axes]
    return {"kind": "serial" if accumulating else "parallel", "merges": _merges({}, accumulating)}


def _has_rows(group: Group) -> bool:
    """Whether the outermost loop of a nest is over the first axis, and carries nothing."""
    if group.order[:1] != (0,) or group.cuts(0):
        return False
    return not any(0 in job.axes and not job.accumulate for job in group.jobs)


def _loses_registers(groups: tuple[Group, ...]) -> bool:
    """Whether functions of one number a row, which alone would fill registers, cost more than the rows' other work.

    A step h = tanh(w @ h + b) with 32 rows takes 0.47 us in one nest, and 0.40 us in two.
    """
    lone = sum(g.cost for g in groups if math.prod(g.domain[1:]) == 1 and g.cost >= _DEAR)
    return 8 * lone > sum(math.prod(g.domain[1:]) * g.cost for g in groups)


def _width(view: View) -> int:
    """Return how many elements lie between the first and the last one of a row."""
    return 1 + sum((n - 1) * abs(step) for n, step in zip(view.shape[1:], view.strides[1:], strict=True))


def _merges(carries: dict[Job, list], accumulating: list[Job]) -> tuple[Merge, ...]:
    """Return how parts of a loop are put together that carries components of jobs, and adds to arrays of others."""
    return tuple(
        Merge(job.identity, functools.partial(_combined, job), tuple(carries.get(job, ())), buffer)
        for job, buffer in [(j, None) for j in carries] + [(j, _whole(j.target)) for j in accumulating]
    )


def _combined(job: Job, b: Builder, xs: Components, ys: Components) -> Components:
    return tuple(job.combine(b, job.value.dtype, xs, ys))


def _whole(view: View) -> Buffer | None:
    """Return the buffer that a view shows all of, in its order."""
    whole = view.is_row_major and view.offset == Affine()
    elements = math.prod(view.shape) * storage(view.dtype)[1]
    return view.buffer if whole and view.buffer.size == elements else None


def _sums_floats(job: Job) -> bool:
    return all(type(c) is Const and c.dtype.kind == "f" and c.value == 0.0 for c in job.identity)


def _spans(extent: int) -> tuple[int, ...]:
    """Return the lengths of the parts, the parts of the parts … that a long sum is made of.

    The rounding error of a sum grows with the number of additions in a row: 10^7 times 0.1 in float32 was 1.5e-3 off
    in one row, and is 9e-7 off in parts (N. J. Higham, The accuracy of floating point summation, 1993).
    """
    spans, span = [], SPAN
    while span * 2 <= extent:
        spans.append(span)
        span *= SPANS_IN_ONE
    if len(spans) > 1:
        # The longest ones are what threads share: there are some, and they are alike.
        spans[-1] = min(spans[-1], -(-extent // (MOST_LONGEST * spans[-2])) * spans[-2])
    return tuple(reversed(spans))


class Nest:
    """Writes the loops of a group."""

    def __init__(self, b: Builder, group: Group):
        self.b = b
        self.group = group
        depth = len(group.order)
        # The depth at which a reduction starts: the loops from there on run over reduced axes.
        self.starts = {job: depth - len(job.axes) for job in group.jobs if job.axes and not job.accumulate}

    def level(self, depth: int, index: dict[int, Scalar | Affine], accumulators: dict | None = None) -> dict:
        """Write the loops from ``depth`` inwards; returns the components of the reductions under way."""
        group, accumulators = self.group, accumulators or {}
        if depth == len(group.order):
            return self.innermost(tuple(Affine.of(index[d]) for d in range(depth)), accumulators)
        starting = [job for job in group.jobs if self.starts.get(job) == depth]
        values = {**accumulators, **{job: job.identity for job in starting}}
        axis = group.order[depth]
        extent = group.domain[axis]
        if not values and extent == 1:
            return self.level(depth + 1, {**index, axis: Affine()})
        sums = values and depth == len(group.order) - 1 and all(map(_sums_floats, values))
        ends = [*sorted(group.cuts(axis)), extent]
        results, start = values, 0
        for stop in ends:
            names = {job: job.results for job in starting} if stop == extent else None
            if not values and stop - start == 1 and len(ends) > 1:
                self.level(depth + 1, {**index, axis: Affine(start)})
            else:
                spans = _spans(stop - start) if sums else ()
                ends_of_piece = Const(start, INT), Const(stop, INT)
                results = self.steps(depth, index, results, *ends_of_piece, spans, names, (start, stop - 1))
            start = stop
        for job in starting:
            self.finish(job, index, results.pop(job))
        return results

    def steps(
        self, depth: int, index: dict, values: dict, start, stop, spans, names, within, expected=None
    ) -> dict:
        """Write one loop, or a nest of loops over spans of it; returns the components that it carried.

        ``within`` are the smallest and the largest index; ``expected`` is the usual number of steps where ``stop`` is
        no constant.
        """
        b, group, axis = self.b, self.group, self.group.order[depth]
        carries = {job: [b.carry(c) for c in components] for job, components in values.items()}
        for job, results in (names or {}).items():
            for carry, result in zip(carries[job], results, strict=False):
                carry.result = result
        flat = [c for cs in carries.values() for c in cs]
        accumulates = any(job.accumulate and axis in job.axes for job in group.jobs)
        kind = "reduce" if flat else "serial" if accumulates else "parallel"
        step, last = spans[0] if spans else 1, within[1]
        options = {
            "start": start,
            "step": step,
            "kind": kind,
            "last": last,
            "expected": expected,
            "within": within,
        }
        merges = _merges(carries, [job for job in group.jobs if job.accumulate and axis in job.axes])
        with b.loop(stop, flat, merges=merges, **options) as i:
            inside = {job: tuple(c.inside for c in cs) for job, cs in carries.items()}
            fresh = {job: job.identity for job in values}
            deeper = math.prod(group.domain[d] for d in group.order[depth + 1 :])
            if spans:
                end = b.let("min", b.let("add", i, Const(spans[0], INT)), stop)
                inner = spans[0] // (spans[1] if spans[1:] else 1)
                parts = self.steps(depth, index, fresh, i, end, spans[1:], None, within, inner)
            elif values and deeper >= SPAN and all(map(_sums_floats, values)):
                parts = self.level(depth + 1, {**index, axis: i}, fresh)
            else:
                after, parts = self.level(depth + 1, {**index, axis: i}, inside), None
            if parts is not None:
                after = {job: job.combine(b, job.value.dtype, inside[job], parts[job]) for job in values}
            for job, cs in carries.items():
                for carry, component in zip(cs, after[job], strict=True):
                    carry.next = component
        return {job: tuple(c.result for c in cs) for job, cs in carries.items()}

    def finish(self, job: Job, index: dict[int, Scalar | Affine], components: Components) -> None:
        if job.target is not None:
            kept = tuple(Affine.of(index[d]) for d in range(len(job.domain)) if d not in job.axes)
            job.target.store(self.b, kept, components)

    def innermost(self, index: Index, accumulators: dict) -> dict:
        b, outer = self.b, self.b.memo
        b.memo = {}
        results = {}
        for job in self.group.jobs:
            components = job.value.element(b, index if job.value.shape else ())
            if job in self.starts:
                results[job] = tuple(job.combine(b, job.value.dtype, accumulators[job], components))
            elif job.accumulate:
                kept = tuple(i for d, i in enumerate(index) if d not in job.axes)
                old = job.target.element(b, kept)
                job.target.store(b, kept, tuple(job.combine(b, job.value.dtype, old, components)))
            else:
                job.target.store(b, index, components)
                # What the kernel has just written is not loaded again.
                b.memo[job.target, index] = tuple(components)
        b.memo = outer
        return results
