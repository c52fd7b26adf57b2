"""Sorting: a merge sort of places, line by line.

    order = 0, 1, 2, …                 w = 1, 2, 4, …: merge neighbouring runs of w places into runs of 2w
    z[k] = x[order[k]]                 for each operand

Stable, n log n whatever the data. nan comes last, as in NumPy.
"""

from __future__ import annotations

import math

import numpy as np

from jaxlite.codegen.loops import INT, Affine, Const
from jaxlite.codegen.schedule import Scheduler, rule
from jaxlite.codegen.values import View

_ONE = Const(1, INT)


def _less(b, x, y):
    """Whether x comes before y."""
    smaller = b.let("lt", x, y)
    if x.dtype.kind != "f":
        return smaller
    return b.let("or", smaller, b.let("and", b.let("ne", y, y), b.let("eq", x, x)))


def _comes_before(b, xs, ys):
    """Whether a tuple of keys comes before another, the first key counting most."""
    result = None
    for x, y in zip(reversed(xs), reversed(ys), strict=True):
        smaller = _less(b, x, y)
        if result is None:
            result = smaller
        else:
            larger = _less(b, y, x)
            result = b.let("or", smaller, b.let("and", b.let("not", larger), result))
    return result


def _order(s: Scheduler, n: int, keys) -> View:
    """Write the merge sort of one line; ``keys(b, place)`` reads the keys there. Returns the sorted places."""
    b = s.b
    places = [s.new_view(np.dtype(np.int64), (n,)) for _ in range(2)]
    with b.loop(n) as i:
        places[0].store(b, (Affine.of(i),), (i,))
    carries = [b.carry(b.base(view.buffer)) for view in places]
    width = b.carry(_ONE)
    size = Const(n, INT)
    origins = tuple(view.buffer for view in places)

    def at(base):
        buffer = s.program.new_buffer(np.dtype(np.int64), n, "pointer", base=base, origins=origins)
        return View.whole(buffer, np.dtype(np.int64), (n,))

    def body():
        source, target = (at(c.inside) for c in carries)
        double = b.let("add", width.inside, width.inside)
        blocks = b.let("div", b.let("add", size, b.let("sub", double, _ONE)), double)
        with b.loop(blocks) as block:
            low = b.let("mul", block, double)
            middle = b.let("min", b.let("add", low, width.inside), size)
            high = b.let("min", b.let("add", low, double), size)
            _merge(b, source, target, low, middle, high, n, keys)
        read, written = carries
        read.next, written.next, width.next = written.inside, read.inside, double

    b.while_([*carries, width], lambda: b.let("lt", width.inside, size), body)
    return at(carries[0].result)


def _merge(b, source: View, target: View, low, middle, high, n: int, keys) -> None:
    left, right = b.carry(low), b.carry(middle)
    last = Const(n - 1, INT)
    with b.loop(high, [left, right], start=low) as k:
        p = source.element(b, (Affine.of(b.let("min", left.inside, last)),))[0]
        q = source.element(b, (Affine.of(b.let("min", right.inside, last)),))[0]
        # Of equal ones the left one goes first: the sort is stable.
        right_first = _comes_before(b, keys(b, q), keys(b, p))
        left_over = b.let("ge", right.inside, high)
        left_stays = b.let("lt", left.inside, middle)
        takes_left = b.let("and", left_stays, b.let("or", left_over, b.let("not", right_first)))
        target.store(b, (Affine.of(k),), (b.select(takes_left, p, q),))
        left.next = b.select(takes_left, b.let("add", left.inside, _ONE), left.inside)
        right.next = b.select(takes_left, right.inside, b.let("add", right.inside, _ONE))


def _lines(s: Scheduler, shape, axis: int, write) -> None:
    """Call ``write(index)`` inside loops over all axes but one; ``index(i)`` is the place i of the line."""
    others = [d for d in range(len(shape)) if d != axis]

    def nest(depth, fixed):
        if depth == len(others):
            write(lambda i: tuple(Affine.of(i) if d == axis else fixed[d] for d in range(len(shape))))
            return
        with s.b.loop(shape[others[depth]]) as i:
            nest(depth + 1, {**fixed, others[depth]: Affine.of(i)})

    nest(0, {})


@rule("sort")
def _sort(s: Scheduler, eqn, operands):
    num_keys, axis = eqn.params["num_keys"], eqn.params["dimension"]
    if any(x.dtype.kind == "c" or x.dtype == np.float16 for x in operands[:num_keys]):
        return None
    shape = operands[0].shape
    targets = [s.target_for(eqn, k) for k in range(len(operands))]
    if not math.prod(shape):
        return targets
    sources = [s.memory(x, row_major=False) for x in operands]
    s.close()
    b, body = s.b, []

    def line(index):
        def keys(b, place):
            return [x.element(b, index(place))[0] for x in sources[:num_keys]]

        order = _order(s, shape[axis], keys)
        with b.loop(shape[axis]) as k:
            place = order.element(b, (Affine.of(k),))[0]
            for x, target in zip(sources, targets, strict=True):
                target.store(b, index(k), x.element(b, index(place)))

    with b.into(body):
        _lines(s, shape, axis, line)
    s.kernel(body, 0, "sort")
    return targets


@rule("top_k")
def _top_k(s: Scheduler, eqn, operands):
    (x,), k = operands, eqn.params["k"]
    if x.dtype == np.float16:
        return None
    shape = x.shape
    values, places = (s.target_for(eqn, j) for j in range(2))
    if not math.prod(values.shape):
        return [values, places]
    source = s.memory(x, row_major=False)
    s.close()
    b, body, axis = s.b, [], len(shape) - 1
    last = Const(shape[axis] - 1, INT)

    def line(index):
        # A stable ascending sort of the reversed line, read from its end: of equal ones the first comes first.
        def keys(b, place):
            return [source.element(b, index(b.let("sub", last, place)))[0]]

        order = _order(s, shape[axis], keys)
        with b.loop(k) as j:
            place = order.element(b, (Affine(shape[axis] - 1) + Affine.of(j) * -1,))[0]
            place = b.let("sub", last, place)
            values.store(b, index(j), source.element(b, index(place)))
            places.store(b, index(j), (b.convert(place, np.dtype(np.int32)),))

    with b.into(body):
        _lines(s, shape, axis, line)
    s.kernel(body, 0, "top_k")
    return [values, places]
