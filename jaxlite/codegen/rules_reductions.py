"""Reductions and running combinations.

d:f64[] = reduce_sum c        one accumulator that the loops over c carry
e:f64[3] = cumsum a           a sequential loop with one accumulator, for each line along the axis
"""

from __future__ import annotations

import math

import numpy as np

from jaxlite.codegen import elementwise
from jaxlite.codegen.loops import INT, Affine, Const
from jaxlite.codegen.schedule import Scheduler, rule
from jaxlite.codegen.values import Lazy, View, needs_of, storage


@rule("reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_and", "reduce_or", "reduce_xor")
def _reduce(s: Scheduler, eqn, operands):
    (x,), axes = operands, eqn.params["axes"]
    if x.dtype == np.float16:
        return None
    if not axes:
        return [x]
    operation = eqn.primitive.lower.word
    identity, combine = elementwise.COMBINERS[operation]
    start = identity(x.dtype)
    if start is None:
        return None
    return [s.reduce(eqn, x, axes, tuple(start), combine)]


@rule("argmax", "argmin")
def _index_of_extreme(s: Scheduler, eqn, operands):
    (x,), ((axis,), index_dtype) = operands, (eqn.params["axes"], eqn.params["index_dtype"])
    if x.dtype.kind == "c" or x.dtype == np.float16:
        return None
    better = "gt" if eqn.primitive.name == "argmax" else "lt"
    shape = eqn.outvars[0].aval.shape
    source = s.memory(x) if type(x) is Lazy else x

    def compute(b, index):
        def at(i):
            return source.element(b, (*index[:axis], i, *index[axis:]))[0]

        best, place = b.carry(at(Affine())), b.carry(Const(0, INT))
        with b.loop(x.shape[axis], [best, place], start=1) as i:
            value = at(Affine.of(i))
            wins = b.let(better, value, best.inside)
            if x.dtype.kind == "f":
                # The first nan wins over everything, and nothing over it.
                nan_here, nan_there = b.let("ne", value, value), b.let("ne", best.inside, best.inside)
                wins = b.let("and", b.let("or", wins, nan_here), b.let("not", nan_there))
            best.next = b.select(wins, value, best.inside)
            place.next = b.select(wins, i, place.inside)
        return (b.convert(place.result, index_dtype),)

    cost = 4 * x.shape[axis]
    lazy = Lazy(index_dtype, shape, compute, cost, needs_of([source], elsewhere=True))
    if not shape:
        return [lazy]
    target = s.target_for(eqn)
    s.copy(lazy, target)
    return [target]


@rule("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp", "linear_recurrence")
def _cumulative(s: Scheduler, eqn, operands):
    axis, reverse = eqn.params["axis"], eqn.params["reverse"]
    dtype, shape = operands[-1].dtype, operands[-1].shape
    if dtype == np.float16:
        return None
    operation = eqn.primitive.lower.word
    recurrence = operation == "linear_recurrence"
    combine = None if recurrence else elementwise.COMBINERS[operation][1]
    if not recurrence and elementwise.COMBINERS[operation][0](dtype) is None:
        return None
    target = s.target_for(eqn)
    if not math.prod(shape):
        return [target]
    sources = [s.memory(x, row_major=False) if type(x) is View else x for x in operands]
    s.close()
    body: list = []
    b, length = s.b, shape[axis]
    others = [d for d in range(len(shape)) if d != axis]
    _, count = storage(dtype)

    def line(index):
        def place(i):
            return tuple(Affine.of(i) if d == axis else index[d] for d in range(len(shape)))

        first, last = (length - 1, -1) if reverse else (0, length)
        step = -1 if reverse else 1
        start = sources[-1].element(b, place(first))
        target.store(b, place(first), start)
        carries = [b.carry(component) for component in start]
        with b.loop(last, carries, start=first + step, step=step) as i:
            elements = [x.element(b, place(i)) for x in sources]
            old = tuple(c.inside for c in carries)
            if recurrence:
                factor, addend = elements
                new = add(b, addend, multiply(b, factor, old))
            else:
                new = combine(b, dtype, old, elements[0])
            target.store(b, place(i), new)
            for carry, component in zip(carries, new, strict=True):
                carry.next = component

    def multiply(b, x, y):
        return elementwise.COMBINERS["mul"][1](b, dtype, x, y)

    def add(b, x, y):
        return elementwise.COMBINERS["add"][1](b, dtype, x, y)

    def nest(depth, index):
        if depth == len(others):
            line(index)
            return
        d = others[depth]
        with b.loop(shape[d], kind="parallel") as i:
            nest(depth + 1, {**index, d: Affine.of(i)})

    with b.into(body):
        nest(0, {})
    s.kernel(body, math.prod(shape), eqn.primitive.name)
    return [target]
