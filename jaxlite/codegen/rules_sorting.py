"""Sorting, line by line: short runs by counting, then merges of neighbouring runs.

    line           5 2 9 1 | 7 7 0 3       n = r·2^k places: runs of r, the end filled up with what comes last
    runs           1 2 5 9 | 0 3 7 7       each element goes to its rank: how many of its run come before it
    merged         0 1 2 3   5 7 7 9       k times: two runs of w make one of 2w

All runs of a level are of one length w, so that a merge fills its first w places from the front of both runs and the
others from their ends, and neither can run out. Stable, n log n whatever the data; nan comes last, as in NumPy.

What is sorted are *columns*: the components of the keys, and one more that moves along, the operand that is no key
or, where there are several, the place that the element had. A short column has a second one beside it, to merge from
one to the other. Of a long one each half is sorted so, the left one into the room beside; from there it is merged with
the right one, where nothing that is written meets what is still to be read:

    room beside the column          2 5 9    2 5 9    · · 9
    column                   · · ·  1 7 8 -> 1 · · -> 1 2 5 7 8 · -> 1 2 5 7 8 9
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from jaxlite.codegen.builder import Builder
from jaxlite.codegen.loops import INT, Affine, Const, Kernel, Operand
from jaxlite.codegen.schedule import Scheduler, rule
from jaxlite.codegen.values import Components, Value, View, constant, storage
from jaxlite.ir import ShapedArray

I32 = np.dtype(np.int32)
HALF = np.dtype(np.float16)
# Runs of so many elements are sorted by counting, which takes no decisions but quadratic time. Loops over more of them
# are not unrolled: without decisions to foresee that gains nothing, and LLVM takes a fifth longer.
LONGEST_RUN = 16
# From so many levels on, the last merge is not from both ends and saves a fourth of the memory; it takes a tenth of
# the time more for 1,000 elements, 3 % for 10^5.
LEVELS_OF_HALVES = 6


# --- the order --------------------------------------------------------------------------------------


def _comparable(b: Builder, dtype: np.dtype, components: Components) -> list[Operand]:
    """Return the scalars that order an element, the first counting most."""
    if dtype == HALF:
        return [_half_as_integer(b, *components)]
    if dtype.kind != "c":
        return list(components)
    # Numbers, then those whose imaginary part is nan, then those whose real part is, then those of both.
    real_is_nan, imaginary_is_nan = (b.convert(b.let("ne", x, x), INT) for x in components)
    return [b.let("add", b.let("mul", real_is_nan, Const(2, INT)), imaginary_is_nan), *components]


def _half_as_integer(b: Builder, bits: Operand) -> Operand:
    """Return an integer that is ordered as the float16 of these bits; every nan is the largest."""
    bits = b.convert(bits, I32)
    magnitude = b.let("and", bits, Const(0x7FFF, I32))
    negative = b.let("gt", bits, magnitude)
    number = b.select(negative, b.let("sub", Const(0, I32), magnitude), magnitude)
    return b.select(b.let("gt", magnitude, Const(0x7C00, I32)), Const(0x7FFF, I32), number)


def _less(b: Builder, x: Operand, y: Operand) -> Operand:
    """Whether x comes before y."""
    if x.dtype.kind != "f":
        return b.let("lt", x, y)
    return b.let("and", b.let("not", b.let("le", y, x)), b.let("eq", x, x))


def _comes_before(b: Builder, xs: Sequence[Operand], ys: Sequence[Operand]) -> Operand:
    """Whether a tuple of keys comes before another, the first key counting most."""
    *earlier, (x, y) = zip(xs, ys, strict=True)
    result = _less(b, x, y)
    for x, y in reversed(earlier):
        tie_or_less = b.let("not", _less(b, y, x))
        result = b.let("or", _less(b, x, y), b.let("and", tie_or_less, result))
    return result


def _extreme(dtype: np.dtype, largest: bool) -> Components:
    """Return the components of the element that comes last, or first."""
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return constant(info.max if largest else info.min, dtype).components
    if dtype.kind == "b":
        return constant(largest, dtype).components
    return constant(
        complex(np.nan, np.nan) if dtype.kind == "c" else np.nan if largest else -np.inf, dtype
    ).components


@dataclass(frozen=True)
class Order:
    """How elements of some keys are ordered: upwards, or downwards; equal ones keep their order in both.

    Any two elements must be ordered or equal, and equality transitive, nan included: only then are the ranks in a run
    all different, and only then does a merge stay inside of its runs.
    """

    dtypes: tuple[np.dtype, ...]
    downwards: bool = False

    def before(self, b: Builder, xs: Components, ys: Components) -> Operand:
        """Whether an element comes before another; both are the components of all keys."""
        xs, ys = self._scalars(b, xs), self._scalars(b, ys)
        return _comes_before(b, ys, xs) if self.downwards else _comes_before(b, xs, ys)

    def _scalars(self, b: Builder, components: Components) -> list[Operand]:
        rest, scalars = iter(components), []
        for dtype in self.dtypes:
            scalars += _comparable(b, dtype, tuple(next(rest) for _ in range(storage(dtype)[1])))
        return scalars

    def last(self) -> Components:
        """Return an element that no other comes after."""
        return tuple(c for dtype in self.dtypes for c in _extreme(dtype, not self.downwards))


# --- sorting one line -------------------------------------------------------------------------------


class Columns:
    """Memory for what is sorted: the components of the keys, and a component that moves along.

    Attributes
    ----------
    order : Order
    length : int
        Of a column: n, filled up to ``run * 2**levels``.
    run, levels : int
    parts : int
        How many there are that merges from both ends sort.
    kernel : str
        Of a function that sorts a part, which LLVM can compile beside what merges both; empty for many lines, which
        threads share.
    """

    def __init__(self, s: Scheduler, n: int, order: Order, moved: np.dtype | None, lines: int):
        self.order, self.n = order, n
        self.kernel = s.program.new_name("sorted") if lines == 1 else ""
        self.levels = max(0, (n - 1).bit_length() - LONGEST_RUN.bit_length() + 1)
        self.run = -(-n // 2**self.levels)
        self.length = self.run * 2**self.levels
        self.parts = 2 if self.levels >= LEVELS_OF_HALVES else 1
        keys = [storage(d) for d in order.dtypes for _ in range(storage(d)[1])]
        dtypes = [d for d, _ in keys] + ([] if moved is None else [storage(moved)[0]])
        self.num_keys = len(keys)
        self.views = [s.new_view(d, (self.length + self.part,)) for d in dtypes]
        self.ranks = s.new_view(I32, (self.run,))

    @property
    def part(self) -> int:
        """The length of a part, and of the room beside the column."""
        return self.length // self.parts

    def load(self, b: Builder, place: Affine) -> Components:
        return tuple(view.load(b, (place,))[0] for view in self.views)

    def keys(self, b: Builder, place: Affine) -> Components:
        return tuple(view.load(b, (place,))[0] for view in self.views[: self.num_keys])

    def store(self, b: Builder, place: Affine, components: Components) -> None:
        for view, component in zip(self.views, components, strict=True):
            view.store(b, (place,), (component,))

    def sorted_view(self, k: int, shape: tuple[int, ...]) -> View:
        """Return sorted column ``k`` as an array of a single line."""
        column = self.views[k]
        return View.whole(column.buffer, column.dtype, shape)

    def result(self, b: Builder, i: Operand) -> Components:
        """Return the components of sorted element ``i``."""
        return self.load(b, Affine.of(i))


def _sort_line(b: Builder, columns: Columns, read: Callable[[Operand], Components]) -> None:
    """Sort the elements ``read(i)``; `Columns.result` tells them."""
    part = columns.part
    if columns.parts == 1:
        _sort_part(b, columns, read, Affine(), Affine(), Affine(part))
        return
    # The right half first: the left one ends in the room where the right one is sorted.
    with b.loop(2) as left:
        right = Affine(1) - left
        body: list = []
        with b.into(body):
            _sort_part(b, columns, read, right * part, Affine.of(left) * part + part, right * (2 * part))
        for statement in [Kernel(columns.kernel, body, True)] if columns.kernel else body:
            b.add(statement)
    _merge_halves(b, columns)


def _sort_part(
    b: Builder,
    columns: Columns,
    read: Callable[[Operand], Components],
    first: Affine,
    end: Affine,
    room: Affine,
) -> None:
    """Sort the elements of a part, from that at ``first`` on, into the places at ``end``, with ``room`` beside them."""
    levels = columns.levels - columns.parts + 1
    source, target = (room, end) if levels % 2 == 0 else (end, room)
    with b.loop(columns.part, kind="parallel") as i:
        place = b.index(first + i)
        if columns.n == columns.length:
            components = read(place)
        else:
            inside = b.let("lt", place, Const(columns.n, INT))
            known = read(b.let("min", place, Const(columns.n - 1, INT)))
            last = (*columns.order.last(), *known[columns.num_keys :])
            components = tuple(b.select(inside, x, y) for x, y in zip(known, last, strict=True))
        columns.store(b, source + i, components)
    with b.loop(2**levels, polls=True) as block:
        low = Affine.of(block) * columns.run
        _sort_run(b, columns, source + low, target + low)
    if levels:
        _merge_runs(b, columns, levels, target, source)


def _rank(b: Builder, n: int, order: Order, keys: Callable[[Operand], Components], ranks: View) -> None:
    """Write how many of ``n`` elements come before each of them.

    All are compared with one after the other, side by side in registers: counted for one element at a time, sorting
    1,000 of them took 1.6 times as long.
    """
    with b.loop(n, kind="parallel") as i:
        ranks.store(b, (Affine.of(i),), (Const(0, I32),))
    with b.loop(n) as j:
        other = keys(j)
        with b.loop(n, kind="parallel", as_it_is=True) as i:
            mine = keys(i)
            not_after = b.let("not", order.before(b, mine, other))
            comes_before = b.select(b.let("lt", j, i), not_after, order.before(b, other, mine))
            (rank,) = ranks.load(b, (Affine.of(i),))
            ranks.store(b, (Affine.of(i),), (b.let("add", rank, b.convert(comes_before, I32)),))


def _sort_run(b: Builder, columns: Columns, source: Affine, target: Affine) -> None:
    """Sort one run into another place."""
    _rank(b, columns.run, columns.order, lambda j: columns.keys(b, source + j), columns.ranks)
    with b.loop(columns.run, as_it_is=True) as i:
        (rank,) = columns.ranks.load(b, (Affine.of(i),))
        columns.store(b, target + b.convert(rank, INT), columns.load(b, source + i))


def _merge_runs(b: Builder, columns: Columns, levels: int, source: Affine, target: Affine) -> None:
    """Merge the runs of a part, from one place to the other, until there is one."""
    width, count = b.carry(Const(columns.run, INT)), b.carry(Const(2 ** (levels - 1), INT))
    source, target = b.carry(b.index(source)), b.carry(b.index(target))
    # On the average of the levels.
    blocks = max(2**levels // levels, 1)
    with b.loop(levels, [width, count, source, target]):
        double = b.let("add", width.inside, width.inside)
        with b.loop(count.inside, polls=True, expected=blocks) as block:
            low = b.let("mul", block, double)
            starts = (b.let("add", low, place.inside) for place in (source, target))
            _merge(b, columns, *starts, width.inside, columns.part // (2 * blocks))
        width.next, source.next, target.next = double, target.inside, source.inside
        count.next = b.let("div", count.inside, Const(2, INT))


def _merge_halves(b: Builder, columns: Columns) -> None:
    """Merge the left half, which is in the room beside the column, with the right half, which is in its place."""
    part = columns.part
    left, right = b.carry(Const(2 * part, INT)), b.carry(Const(part, INT))
    steps = b.index(_count_before_last(b, columns) + part)
    with b.loop(steps, [left, right], expected=2 * part, as_it_is=True) as i:
        # Of the right half nothing may be left; what is read then is not taken.
        x, y = (columns.load(b, Affine.of(carry.inside)) for carry in (right, left))
        before = columns.order.before(b, x[: columns.num_keys], y[: columns.num_keys])
        takes_right = b.let("and", before, b.let("lt", right.inside, Const(2 * part, INT)))
        columns.store(b, Affine.of(i), tuple(b.select(takes_right, *pair) for pair in zip(x, y, strict=True)))
        moves = b.convert(takes_right, INT)
        right.next = b.let("add", right.inside, moves)
        left.next = b.let("add", left.inside, b.let("sub", Const(1, INT), moves))


def _count_before_last(b: Builder, columns: Columns) -> Affine:
    """Return how many elements of the right half come before the last one of the left half, by bisection."""
    part = columns.part
    last = columns.keys(b, Affine.of(3 * part - 1))
    low, width = b.carry(Const(0, INT)), b.carry(Const(part, INT))
    with b.loop(part.bit_length(), [low, width], as_it_is=True):
        half = b.let("div", b.let("add", width.inside, Const(1, INT)), Const(2, INT))
        middle = Affine.of(low.inside) + half + (part - 1)
        comes = columns.order.before(b, columns.keys(b, middle), last)
        low.next = b.select(comes, b.let("add", low.inside, half), low.inside)
        width.next = b.select(comes, b.let("sub", width.inside, half), b.let("sub", half, Const(1, INT)))
    return Affine.of(low.result)


def _merge(
    b: Builder, columns: Columns, source: Operand, target: Operand, width: Operand, expected: int
) -> None:
    """Merge the runs at ``source`` and ``source + width``, which is ``expected`` on average, from both ends at once."""
    one = Const(1, INT)
    middle = b.let("add", source, width)
    left, right = b.carry(source), b.carry(middle)
    left_end, right_end = b.carry(b.let("sub", middle, one)), b.carry(b.index(Affine.of(middle) + width - 1))
    end = Affine.of(target) + Affine.of(width) * 2 - 1

    def read(right_at: Operand, left_at: Operand) -> tuple[Components, Components, Operand]:
        """Return an element of each run, and whether the right one comes before the left one."""
        x, y = (columns.load(b, Affine.of(at)) for at in (right_at, left_at))
        return x, y, columns.order.before(b, x[: columns.num_keys], y[: columns.num_keys])

    def put(to: Affine, condition: Operand, x: Components, y: Components) -> None:
        columns.store(b, to, tuple(b.select(condition, *pair) for pair in zip(x, y, strict=True)))

    with b.loop(width, [left, right, left_end, right_end], expected=expected, as_it_is=True) as k:
        # Of equal ones that of the left run comes first.
        x, y, takes_right = read(right.inside, left.inside)
        put(Affine.of(target) + k, takes_right, x, y)
        step = b.convert(takes_right, INT)
        right.next = b.let("add", right.inside, step)
        left.next = b.let("add", left.inside, b.let("sub", one, step))

        x, y, takes_left = read(right_end.inside, left_end.inside)
        put(end - k, takes_left, y, x)
        step = b.convert(takes_left, INT)
        left_end.next = b.let("sub", left_end.inside, step)
        right_end.next = b.let("sub", right_end.inside, b.let("sub", one, step))


def _lines(s: Scheduler, shape, axis: int, write) -> None:
    """Call ``write(index)`` inside loops over all axes but one; ``index(i)`` is the place i of the line."""
    others = [d for d in range(len(shape)) if d != axis]

    def nest(depth, fixed):
        if depth == len(others):
            write(lambda i: tuple(Affine.of(i) if d == axis else fixed[d] for d in range(len(shape))))
            return
        with s.b.loop(shape[others[depth]], kind="parallel") as i:
            nest(depth + 1, {**fixed, others[depth]: Affine.of(i)})

    nest(0, {})


# --- the rules --------------------------------------------------------------------------------------


@rule("sort")
def _sort(s: Scheduler, eqn, operands):
    num_keys, axis = eqn.params["num_keys"], eqn.params["dimension"]
    shape = operands[0].shape
    n = shape[axis]
    if n == 1:
        return operands
    if not math.prod(shape):
        return [s.target_for(eqn, k) for k in range(len(operands))]
    keys, others = operands[:num_keys], operands[num_keys:]
    # One operand that is no key moves along; several are read again, through the places that their elements had.
    direct = len(others) <= 1 and all(storage(x.dtype)[1] == 1 for x in others)
    if not direct:
        others = [s.memory(x, row_major=False) for x in others]
    s.close()
    b, body = s.b, []
    order = Order(tuple(x.dtype for x in keys))
    moved = None if not others else _narrow(s, eqn) if direct else INT
    columns = Columns(s, n, order, moved, math.prod(shape) // n)
    # Of a single line, the columns themselves are the result, where no other place is asked for.
    one_line = direct and math.prod(shape) == n
    stay = [
        one_line and s.targets.get(v) is None and storage(v.aval.dtype) == (v.aval.dtype, 1)
        for v in eqn.outvars
    ]
    # A complex key has two columns, and does not stay.
    first = [sum(storage(x.dtype)[1] for x in operands[:k]) for k in range(len(operands))]
    values = [
        columns.sorted_view(first[k], shape) if stays else s.target_for(eqn, k)
        for k, stays in enumerate(stay)
    ]

    def line(index):
        def read(i):
            components = [c for x in keys for c in x.element(b, index(i))]
            rest = [b.convert(x.element(b, index(i))[0], moved) for x in others] if direct else [i]
            return (*components, *rest)

        _sort_line(b, columns, read)
        if all(stay):
            return
        with b.loop(n) as i:
            components = iter(columns.result(b, i))
            for x, value, stays in zip(keys, values, stay, strict=False):
                element = tuple(next(components) for _ in range(storage(x.dtype)[1]))
                if not stays:
                    value.store(b, index(i), element)
            last = next(components, None)
            for x, value, stays in zip(others, values[num_keys:], stay[num_keys:], strict=True):
                if not stays:
                    element = (b.convert(last, storage(x.dtype)[0]),) if direct else x.load(b, index(last))
                    value.store(b, index(i), element)

    with b.into(body):
        _lines(s, shape, axis, line)
    s.kernel(body, math.prod(shape), "sort")
    return [_of_dtype(s, x, v.aval) for x, v in zip(values, eqn.outvars, strict=True)]


def _of_dtype(s: Scheduler, value: View, aval: ShapedArray) -> Value:
    """Return a value that is held in a narrower type."""
    if value.dtype == aval.dtype:
        return value
    return s.computed(aval, lambda b, index: (b.convert(value.element(b, index)[0], aval.dtype),), [value])


def _narrow(s: Scheduler, eqn) -> np.dtype:
    """Return the type in which the operand that is no key moves along: an index takes half of the memory."""
    dtype = eqn.outvars[-1].aval.dtype
    low, high = s.ranges.get(eqn.invars[-1], (None, None))
    fits = low is not None and np.iinfo(np.int32).min <= low and high <= np.iinfo(np.int32).max
    return I32 if fits and dtype.itemsize > I32.itemsize else storage(dtype)[0]


@rule("top_k")
def _top_k(s: Scheduler, eqn, operands):
    (x,), k = operands, eqn.params["k"]
    shape = x.shape
    values, places = (s.target_for(eqn, j) for j in range(2))
    if not math.prod(values.shape):
        return [values, places]
    source = s.memory(x, row_major=False)
    s.close()
    b, body, axis = s.b, [], len(shape) - 1
    n, order = shape[axis], Order((x.dtype,), downwards=True)
    columns = Columns(s, n, order, I32, math.prod(shape) // n) if k > LONGEST_RUN else None
    ranks = s.new_view(I32, (k,)) if columns is None else columns.ranks

    def line(index):
        if columns is None:
            _select_largest(b, n, k, order, source, values, places, index, ranks)
            return
        _sort_line(b, columns, lambda i: (*source.load(b, index(i)), b.convert(i, I32)))
        with b.loop(k) as i:
            value, place = columns.result(b, i)
            values.store(b, index(i), (value,))
            places.store(b, index(i), (place,))

    with b.into(body):
        _lines(s, shape, axis, line)
    s.kernel(body, math.prod(shape), "top_k")
    return [values, places]


def _select_largest(
    b: Builder, n: int, k: int, order: Order, source: View, values, places, index, ranks: View
) -> None:
    """Keep the k largest in order while going through the line once: few elements are among them, when they come."""

    def put(at: Operand | int, value: Components, place: Operand) -> None:
        values.store(b, index(at), value)
        places.store(b, index(at), (place,))

    _rank(b, k, order, lambda j: source.load(b, index(j)), ranks)
    with b.loop(k) as i:
        (rank,) = ranks.load(b, (Affine.of(i),))
        put(b.convert(rank, INT), source.load(b, index(i)), b.convert(i, I32))

    def insert(value: Components, place: Operand) -> None:
        # From the smallest upwards: each makes room, until there is one that stays.
        with b.loop(0, start=k - 1, step=-1) as j:
            above = b.index(Affine.of(j) - 1)
            old, old_place = values.load(b, index(j)), places.load(b, index(j))[0]
            next_, next_place = values.load(b, index(above)), places.load(b, index(above))[0]
            moves = order.before(b, value, next_)
            lands = order.before(b, value, old)
            kept = b.select(lands, value[0], old[0]), b.select(lands, place, old_place)
            put(j, (b.select(moves, next_[0], kept[0]),), b.select(moves, next_place, kept[1]))
        first = values.load(b, index(0))
        wins = order.before(b, value, first)
        put(0, (b.select(wins, value[0], first[0]),), b.select(wins, place, places.load(b, index(0))[0]))

    with b.loop(n, start=k) as i:
        value = source.load(b, index(i))
        enters = order.before(b, value, values.load(b, index(k - 1)))
        b.if_(enters, lambda: insert(value, b.convert(i, I32)))
