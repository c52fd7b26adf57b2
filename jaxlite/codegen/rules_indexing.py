"""Reading and writing at computed places.

    z = gather(x, i)              z's element reads i, then x there: a recipe, computed where z is used
    z = scatter_add(x, i, u)      a copy of x, then one loop over u that adds
    z = dynamic_slice(x, i)       a view of x that begins at i

Where an index out of range is an error, a loop of its own looks at all of them before: the others stay simple.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np

from jaxlite.codegen import elementwise
from jaxlite.codegen.boundary import gather_windows, scatter_windows
from jaxlite.codegen.loops import BOOL, INT, Affine, Const, Merge, Operand
from jaxlite.codegen.rules_structural import reindexed
from jaxlite.codegen.schedule import CHEAP, SHORT_SUM, Scheduler, numbers_everywhere, rule
from jaxlite.codegen.values import Lazy, Numbers, Value, View, constant, needs_of
from jaxlite.ir import Eqn
from jaxlite.ops.index_numpy import FILL, RAISE, Windows, default_fill

HALF = np.dtype(np.float16)
# Windows of so many elements along their last axis are worth vector instructions, whatever the recipe costs up to this.
WIDE, DEAR = 8, 100


# --- indices ----------------------------------------------------------------------------------------


def as_index(b, i: Operand) -> Operand:
    """Convert an index to int64; what is too large for it is the largest."""
    if i.dtype == np.uint64:
        i = b.let("min", i, Const(np.iinfo(np.int64).max, i.dtype))
    return b.convert(i, INT)


def _inside(b, i: Operand, limit: int) -> Operand:
    return b.let("and", b.let("ge", i, Const(0, INT)), b.let("le", i, Const(limit, INT)))


def _clamped(b, i: Operand, limit: int) -> Operand:
    return b.let("min", b.let("max", i, Const(0, INT)), Const(max(limit, 0), INT))


# Fewer index vectors than this are looked at once, with all that an error would say.
FEW = 64


def check_all(
    s: Scheduler, eqn: Eqn, indices: Value, limits: Sequence[tuple[int, int]], *, vectors: bool = True
) -> None:
    """Leave the program unless every index of ``indices[…, k]`` lies between ``limits[k]``.

    Where they are no vectors, each is one of a single entry. They are those of the second operand, which need no check
    where it is known between which numbers they lie.
    """
    low, high = s.ranges.get(eqn.invars[1], (None, None))
    if low is not None and all(start <= low and high <= end for start, end in limits):
        return
    known = (
        (indices.buffer, indices.offset, indices.shape, indices.strides) if type(indices) is View else indices
    )
    if not math.prod(indices.shape) or (known, *limits) in s.checked:
        return
    s.checked.add((known, *limits))
    if not vectors:
        indices = reindexed(indices, (*indices.shape, 1), lambda index: index[:-1])
    s.close()
    b, lead, body = s.b, indices.shape[:-1], []
    nothing = (Const(0, INT), Const(0, INT))
    with b.into(body):
        if math.prod(lead) < FEW:
            index, entry, fine = _first_outside(b, indices, limits)
        else:
            # A loop that finds nothing out runs over many at once; the one that says what it was seldom runs.
            fine = _all_inside(b, indices, limits)
            index, entry = b.if_(
                fine, lambda: nothing, lambda: _first_outside(b, indices, limits)[:2], (INT, INT)
            )
    s.kernel(body, math.prod(lead), "are all indices in range?", (index, entry, fine))
    b.check(fine, s.program.sites[eqn], index, entry)


def _over_vectors(
    b, lead: tuple[int, ...], init: Sequence[Operand], step, kind: str = "serial", combine=None
):
    """Carry scalars through all index vectors: ``step(place, carried) -> carried``.

    ``combine`` says how those of two ranges become one, where each may begin with ``init``.
    """

    def nest(depth, place, carried):
        if depth == len(lead):
            return step(place, carried)
        carries = [b.carry(c) for c in carried]
        merges = () if combine is None else (Merge(tuple(init), combine, tuple(carries)),)
        with b.loop(lead[depth], carries, kind=kind, merges=merges) as i:
            after = nest(depth + 1, (*place, Affine.of(i)), tuple(c.inside for c in carries))
            for carry, value in zip(carries, after, strict=True):
                carry.next = value
        return tuple(c.result for c in carries)

    return nest(0, (), tuple(init))


def _entries(b, indices: Value, place, limits: Sequence[tuple[int, int]]):
    """Yield each entry of an index vector as it is, and whether it lies between its limits."""
    for k, (low, high) in enumerate(limits):
        i = as_index(b, indices.element(b, (*place, Affine(k)))[0])
        yield i, b.let("and", b.let("ge", i, Const(low, INT)), b.let("le", i, Const(high, INT)))


def _all_inside(b, indices: Value, limits: Sequence[tuple[int, int]]) -> Operand:
    def step(place, carried):
        (fine,) = carried
        for _, inside in _entries(b, indices, place, limits):
            fine = b.let("and", fine, inside)
        return (fine,)

    def both(b, xs, ys):
        return (b.let("and", xs[0], ys[0]),)

    (fine,) = _over_vectors(b, indices.shape[:-1], [Const(True, BOOL)], step, "reduce", both)
    return fine


def _first_outside(b, indices: Value, limits: Sequence[tuple[int, int]]) -> tuple[Operand, Operand, Operand]:
    """Return the first index that is not between its limits, its entry, and whether there is none."""

    def step(place, carried):
        index, entry, fine = carried
        for k, (i, inside) in enumerate(_entries(b, indices, place, limits)):
            new = b.let("and", fine, b.let("not", inside))
            index, entry = b.select(new, i, index), b.select(new, Const(k, INT), entry)
            fine = b.let("and", fine, inside)
        return index, entry, fine

    init = [Const(0, INT), Const(0, INT), Const(True, BOOL)]
    return _over_vectors(b, indices.shape[:-1], init, step)


def _readable(s: Scheduler, indices: Value) -> Value:
    """Return indices for several loops to read: what is cheap is computed in each of them."""
    if type(indices) is Lazy and indices.cost > CHEAP:
        indices = s.stored(indices)
    if s.depends_on_group(indices):
        s.close()
    return indices


# --- gather and scatter -----------------------------------------------------------------------------


def _split(windows: Windows, index):
    """Split an index of the stack into that of the indices and that of the window, by operand dimension."""
    of_indices = [i for d, i in enumerate(index) if d not in windows.shown_at]
    of_window = iter([i for d, i in enumerate(index) if d in windows.shown_at])
    shown = [d for d in range(len(windows.sizes)) if d not in windows.hidden]
    return of_indices, dict(zip(shown, of_window, strict=True))


def _starts(b, indices: Value, windows: Windows, place, mode) -> tuple[dict[int, Operand], Operand | None]:
    """Return where a window starts along each dimension, moved inside, and whether it was (None: it is)."""
    starts, all_inside = {}, None
    for k, d in enumerate(windows.start_dims):
        limit = windows.operand_shape[d] - windows.sizes[d]
        i = as_index(b, indices.element(b, (*place, Affine(k)))[0])
        if mode == FILL:
            inside = _inside(b, i, limit)
            all_inside = inside if all_inside is None else b.let("and", all_inside, inside)
        starts[d] = i if mode == RAISE else _clamped(b, i, limit)
    return starts, all_inside


def _position(windows: Windows, starts, of_indices, in_window):
    batching = dict(windows.batching)
    position = []
    for d in range(len(windows.sizes)):
        at = in_window.get(d, Affine())
        if d in starts:
            at = at + starts[d]
        elif d in batching:
            at = of_indices[batching[d]]
        position.append(at)
    return tuple(position)


def _index_limits(windows: Windows) -> list[tuple[int, int]]:
    return [(0, windows.operand_shape[d] - windows.sizes[d]) for d in windows.start_dims]


def _fill(value, dtype: np.dtype) -> Numbers:
    """Return what fills a window that is not inside, converted as NumPy does: integers wrap around."""
    value = default_fill(dtype) if value is None else value
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return constant(np.asarray(value).astype(dtype)[()], dtype)


@rule("gather")
def _gather(s: Scheduler, eqn: Eqn, operands):
    operand, indices = operands
    windows, mode, aval = gather_windows(eqn), eqn.params["mode"], eqn.outvars[0].aval
    fill = _fill(eqn.params["fill_value"], aval.dtype)
    indices = _readable(s, indices)
    if mode == RAISE:
        check_all(s, eqn, indices, _index_limits(windows))
    if not math.prod(operand.shape):
        empty = fill if mode == FILL else constant(0, aval.dtype)
        return [numbers_everywhere(empty, aval.shape) if aval.shape else empty]
    operand = s.stored(operand) if type(operand) is Lazy and operand.cost > 2 else operand
    owner = object()

    def compute(b, index):
        of_indices, in_window = _split(windows, index)
        key = (owner, tuple(of_indices))
        starts, inside = b.remember(key, lambda: _starts(b, indices, windows, of_indices, mode))
        place = _position(windows, starts, of_indices, in_window) if operand.shape else ()
        elements = operand.element(b, place)
        if inside is None:
            return elements
        return tuple(b.select(inside, e, f) for e, f in zip(elements, fill.components, strict=True))

    cost = 4 + 3 * len(windows.start_dims) + operand.cost
    lazy = Lazy(aval.dtype, aval.shape, compute, cost, needs_of([operand, indices], elsewhere=True))
    return [lazy]


@rule("scatter", "scatter_add", "scatter_mul", "scatter_min", "scatter_max")
def _scatter(s: Scheduler, eqn: Eqn, operands):
    operand, indices, updates = operands
    windows, mode, aval = scatter_windows(eqn), eqn.params["mode"], eqn.outvars[0].aval
    how = eqn.primitive.name.removeprefix("scatter").lstrip("_")
    if aval.dtype == HALF and how:
        return None
    combine = elementwise.COMBINERS[how][1] if how else None
    if combine and elementwise.COMBINERS[how][0](aval.dtype) is None:
        return None
    indices = _readable(s, indices) if indices.shape else indices
    if mode == RAISE:
        check_all(s, eqn, indices, _index_limits(windows))
    if not aval.shape:
        target = s.new_view(aval.dtype, ())
    else:
        target = s.target_for(eqn)
    s.copy(operand, target)
    if not math.prod(updates.shape) or not math.prod(operand.shape):
        s.close()
        return [target if aval.shape else s.numbers(target)]
    updates = s.memory(updates, row_major=False) if updates.shape and type(updates) is View else updates
    order = [d for d in range(len(updates.shape)) if d not in windows.shown_at]
    inner = [d for d in range(len(updates.shape)) if d in windows.shown_at]
    if type(updates) is Lazy and updates.cost > (
        DEAR if inner and updates.shape[inner[-1]] >= WIDE else CHEAP
    ):
        # Where windows are narrow, the loop is no vector loop: what is dear is computed in one before.
        updates = s.memory(updates)
    s.close()
    b, body = s.b, []

    def write(index, starts, of_indices, in_window):
        outer, b.memo = b.memo, {}
        place = _position(windows, starts, of_indices, in_window)
        new = updates.element(b, index)
        if combine:
            new = combine(b, aval.dtype, target.load(b, place), new)
        target.store(b, place, new)
        b.memo = outer

    def window(depth, index, starts, of_indices):
        if depth == len(inner):
            full = tuple(index[d] for d in range(len(updates.shape)))
            write(full, starts, of_indices, _split(windows, full)[1])
            return
        # No two elements of a window meet.
        with b.loop(updates.shape[inner[depth]], kind="parallel") as i:
            window(depth + 1, {**index, inner[depth]: Affine.of(i)}, starts, of_indices)

    def vectors(depth, index):
        if depth < len(order):
            with b.loop(updates.shape[order[depth]]) as i:
                vectors(depth + 1, {**index, order[depth]: Affine.of(i)})
            return
        of_indices = [index[d] for d in order]
        starts, inside = _starts(b, indices, windows, of_indices, mode)
        if inside is None:
            window(0, index, starts, of_indices)
        else:
            b.if_(inside, lambda: window(0, index, starts, of_indices))

    with b.into(body):
        vectors(0, {})
    s.kernel(body, math.prod(updates.shape), eqn.primitive.name)
    return [target if aval.shape else s.numbers(target)]


# --- slices -----------------------------------------------------------------------------------------


def _window(s: Scheduler, view: View, starts: Sequence[Value], sizes: tuple[int, ...]) -> View:
    """Return the part of a view that begins at ``starts``, moved inside."""
    offset = view.offset
    for start, n, m, stride in zip(starts, view.shape, sizes, view.strides, strict=True):
        (i,) = s.components(start)
        if n == m:
            continue
        offset = offset + Affine.of(_clamped(s.b, as_index(s.b, i), n - m)) * stride
    return View(view.dtype, sizes, view.buffer, offset, view.strides)


@rule("dynamic_slice")
def _dynamic_slice(s: Scheduler, eqn: Eqn, operands):
    operand, *starts = operands
    if not operand.shape:
        return [operand]
    return [_window(s, s.stored(operand), starts, eqn.params["slice_sizes"])]


@rule("dynamic_update_slice")
def _dynamic_update_slice(s: Scheduler, eqn: Eqn, operands):
    operand, update, *starts = operands
    if not operand.shape:
        return [update]
    if type(update) is Lazy and update.cost > 0:
        update = s.memory(update)
    target = s.target_for(eqn)
    s.copy(operand, target)
    place = _window(s, target, starts, update.shape)
    s.close()
    s.copy(update, place)
    s.close()
    return [target]


# --- along one dimension ----------------------------------------------------------------------------


def _along(s: Scheduler, eqn: Eqn, indices: Value, axis: int, size: int):
    """Check indices, and return a function that reads the place for an index of them."""
    indices = _readable(s, indices)
    check_all(s, eqn, indices, [(-size, size - 1)], vectors=False)
    low, _ = s.ranges.get(eqn.invars[1], (-1, None))

    def place(b, index):
        i = as_index(b, indices.element(b, index)[0])
        if low < 0:
            i = b.select(b.let("lt", i, Const(0, INT)), b.let("add", i, Const(size, INT)), i)
        return tuple(Affine.of(i) if d == axis else index[d] for d in range(len(index)))

    return indices, place


@rule("take_along_dim")
def _take_along_dim(s: Scheduler, eqn: Eqn, operands):
    x, indices = operands
    axis, aval = eqn.params["dimension"], eqn.outvars[0].aval
    x = s.stored(x) if type(x) is Lazy and x.cost > 2 else x
    indices, place = _along(s, eqn, indices, axis, x.shape[axis])
    if not math.prod(aval.shape):
        return [numbers_everywhere(constant(0, aval.dtype), aval.shape)]

    def compute(b, index):
        return x.element(b, place(b, index))

    return [Lazy(aval.dtype, aval.shape, compute, 6 + x.cost, needs_of([x, indices], elsewhere=True))]


@rule("put_along_dim_add")
def _put_along_dim_add(s: Scheduler, eqn: Eqn, operands):
    updates, indices = operands
    axis, aval = eqn.params["dimension"], eqn.outvars[0].aval
    if aval.dtype == HALF:
        return None
    updates = s.memory(updates, row_major=False) if type(updates) is View or updates.cost > CHEAP else updates
    _, place = _along(s, eqn, indices, axis, eqn.params["size"])
    target = s.target_for(eqn)
    s.copy(numbers_everywhere(constant(0, aval.dtype), aval.shape), target)
    s.close()
    b, body, shape = s.b, [], updates.shape
    combine = elementwise.COMBINERS["add"][1]

    def nest(depth, index):
        if depth == len(shape):
            at = place(b, index)
            target.store(b, at, combine(b, aval.dtype, target.load(b, at), updates.element(b, index)))
            return
        with b.loop(shape[depth], as_it_is=shape[depth] > SHORT_SUM) as i:
            nest(depth + 1, (*index, Affine.of(i)))

    if math.prod(shape):
        with b.into(body):
            nest(0, ())
        s.kernel(body, math.prod(shape), "put_along_dim_add")
    return [target]
