"""Loops that record and replay tapes, and the small equations on tapes.

    while (recording)         while test: grow the tape by a row; body, which writes its residuals into the row
    tape_scan                 for i in range(length of the tape): body on row i

A tape is an int64 handle (see `tapes`), stacked tapes are an int64 array; an element of a row that is a tape itself is
a handle in a column.
"""

from __future__ import annotations

import math

import numpy as np

from jaxlite.codegen import elementwise
from jaxlite.codegen.boundary import stored_aval
from jaxlite.codegen.loops import INT, POINTER, Affine, Const, Scalar
from jaxlite.codegen.rules_control import (
    advance,
    finish,
    flat_carries,
    prepared,
    releasing,
    settled,
    slice_of,
)
from jaxlite.codegen.rules_structural import reindexed
from jaxlite.codegen.schedule import RULES, Scheduler, numbers_everywhere, rule
from jaxlite.codegen.values import Numbers, Value, View, constant, row_major, storage
from jaxlite.control.bodies import split_list
from jaxlite.ir import Tape
from jaxlite.primitive import PRIMITIVES


def new_tape(s: Scheduler, elements) -> Scalar:
    """Write the making of an empty tape for rows of ``elements``."""
    handle = s.b.call("tape_new", Const(max(len(elements), 1), INT), result=INT)
    for j, element in enumerate(elements):
        stored = stored_aval(element)
        scalar, count = storage(stored.dtype)
        width = Const(stored.size * count * scalar.itemsize, INT)
        s.b.call("tape_width", handle, Const(j, INT), width)
    return handle


def columns(s: Scheduler, handle: Scalar, elements) -> list[View]:
    """Return the columns of a tape as views [rows, …]; they hold until the tape grows."""
    views = []
    for j, element in enumerate(elements):
        stored = stored_aval(element)
        base = s.b.call("tape_data", handle, Const(j, INT), result=POINTER)
        buffer = s.program.new_buffer(stored.dtype, 0, "pointer", base=base)
        shape = (0, *stored.shape)
        strides = (stored.size, *row_major(stored.shape))
        views.append(View(stored.dtype, shape, buffer, Affine(), strides))
    return views


def row(s: Scheduler, handle: Scalar, elements, i) -> list[View]:
    return [slice_of(column, i) for column in columns(s, handle, elements)]


def taking_tapes(*names: str):
    """Register a rule that knows what a tape is."""

    def register(function):
        function.takes_tapes = True
        return rule(*names)(function)

    return register


@taking_tapes("tape_scan")
def _tape_scan(s: Scheduler, eqn, operands):
    p = eqn.params
    jaxpr, num_consts, num_carry = p["jaxpr"], p["num_consts"], p["num_carry"]
    consts, inits, tapes = split_list(operands, num_consts, num_carry)
    tape_avals = [a.aval for a in eqn.invars[num_consts + num_carry :]]
    consts = [settled(s, x) for x in consts]
    handles = [s.scalar(tape) for tape in tapes]
    s.close()
    states, standing = prepared(s, eqn, jaxpr, num_consts, inits)
    length = s.b.call("tape_length", handles[0], result=INT)
    handles[1:] = [
        _as_long_as(s, h, aval, length) for h, aval in zip(handles[1:], tape_avals[1:], strict=True)
    ]
    groups = split_list(jaxpr.out_avals[num_carry:], *p["tapes_out"])[:-1]
    outputs = [new_tape(s, group) for group in groups]
    for output in outputs:
        s.b.call("tape_grow", output, length)
    sources = [v for h, aval in zip(handles, tape_avals, strict=True) for v in columns(s, h, aval.elements)]
    places = [v for h, group in zip(outputs, groups, strict=True) for v in columns(s, h, group)]
    release = releasing(s, jaxpr)
    last = s.b.let("sub", length, Const(1, INT))
    start, stop, step = (last, -1, -1) if p["reverse"] else (0, length, 1)
    with s.b.loop(stop, flat_carries(states), start=start, step=step, polls=True) as i:
        inner = s.region()
        inner.overwrite(standing)
        rows = [inner.numbers(v) if not v.shape else v for v in (slice_of(x, i) for x in sources)]
        targets = [state.target for state in states] + [slice_of(y, i) for y in places]
        outs = inner.run_into(jaxpr, [*consts, *(state.inside for state in states), *rows], targets)
        advance(inner, states, outs)
        release()
    return [*finish(s, states), *(Numbers(INT, (h,)) for h in outputs)]


def _as_long_as(s: Scheduler, handle: Scalar, aval: Tape, length: Scalar) -> Scalar:
    """Return the tape, or if it has no rows, which is the zero of any length, one of zeros."""

    def zeros():
        made = new_tape(s, aval.elements)
        s.b.call("tape_grow", made, length)
        places = columns(s, made, aval.elements)
        with s.b.loop(length) as i:
            inner = s.region()
            for element, place in zip(aval.elements, places, strict=True):
                inner.copy(_zero(inner, element), slice_of(place, i))
            inner.close()
        return (made,)

    rows = s.b.call("tape_length", handle, result=INT)
    (result,) = s.b.if_(s.b.let("lt", rows, length), zeros, lambda: (handle,), [INT])
    return result


def _zero(s: Scheduler, element) -> Value:
    if isinstance(element, Tape):
        return _no_rows(s, element)
    # Of the tangent of a tape, bools are masks: active throughout.
    zero = constant(True if element.dtype.kind == "b" else 0, element.dtype)
    return numbers_everywhere(zero, element.shape) if element.shape else zero


@taking_tapes("while")
def _while(s: Scheduler, eqn, operands):
    p = eqn.params
    num_test, num_body, body_jaxpr = p["cond_nconsts"], p["body_nconsts"], p["body_jaxpr"]
    consts = [settled(s, x) for x in operands[: num_test + num_body]]
    inits = operands[num_test + num_body :]
    groups = split_list(body_jaxpr.out_avals[len(inits) :], *p["tapes_out"])[:-1]
    s.close()
    states, standing = prepared(s, eqn, body_jaxpr, num_body, inits)
    outputs = [new_tape(s, group) for group in groups]
    release = releasing(s, body_jaxpr, p["cond_jaxpr"])
    # The steps are counted where something is recorded.
    counts = [s.b.carry(Const(0, INT))] if outputs else []
    inside = [state.inside for state in states]

    def test():
        ((condition,),) = s.region().run_into(p["cond_jaxpr"], [*consts[:num_test], *inside], [None])
        return condition

    def body():
        inner = s.region()
        inner.overwrite(standing)
        for count in counts:
            count.next = s.b.let("add", count.inside, Const(1, INT))
            for output in outputs:
                s.b.call("tape_grow", output, count.next)
        places = [
            v for h, g in zip(outputs, groups, strict=True) for v in row(s, h, g, Affine.of(counts[0].inside))
        ]
        targets = [*(state.target for state in states), *places]
        outs = inner.run_into(body_jaxpr, [*consts[num_test:], *inside], targets)
        advance(inner, states, outs)
        release()

    s.b.while_([*flat_carries(states), *counts], test, body)
    return [*finish(s, states), *(Numbers(INT, (h,)) for h in outputs)]


# --- row by row -------------------------------------------------------------------------------------


def map_stack(s: Scheduler, out: Tape, tapes: list[Value], function) -> Value:
    """Return the stack of tapes ``function(scheduler, *tapes)``, one for each place of the outermost stack."""
    result = s.new_view(INT, out.stack)
    tapes = [s.memory(tape) for tape in tapes]
    s.close()
    with s.b.loop(out.stack[0]) as i:
        inner = s.region()
        parts = [slice_of(tape, i) for tape in tapes]
        made = function(inner, *(inner.numbers(x) if not x.shape else x for x in parts))
        inner.copy(made, slice_of(result, i))
        inner.close()
    return result


def map_rows(s: Scheduler, out: Tape, avals: list[Tape], tapes: list[Value], function) -> Value:
    """Return the tape whose rows are ``function(scheduler, *rows)`` of those of ``tapes``, through every stack."""
    if out.stack:
        unstacked = [a.unstacked() for a in avals]
        return map_stack(
            s, out, tapes, lambda s, *parts: map_rows(s, out.unstacked(), unstacked, parts, function)
        )
    handles = [s.scalar(tape) for tape in tapes]
    s.close()
    made = new_tape(s, out.elements)
    length = s.b.call("tape_length", handles[0], result=INT) if handles else Const(0, INT)
    s.b.call("tape_grow", made, length)
    sources = [columns(s, h, aval.elements) for h, aval in zip(handles, avals, strict=True)]
    places = columns(s, made, out.elements)
    with s.b.loop(length) as i:
        inner = s.region()
        rows = [[_loaded(inner, slice_of(x, i)) for x in source] for source in sources]
        for value, place in zip(function(inner, *rows), places, strict=True):
            inner.copy(value, slice_of(place, i))
        inner.close()
    return Numbers(INT, (made,))


def _loaded(s: Scheduler, x: Value) -> Value:
    return x if x.shape else s.numbers(x)


@taking_tapes("empty_tape")
def _empty_tape(s: Scheduler, eqn, operands):
    return [_no_rows(s, eqn.params["aval"])]


def _no_rows(s: Scheduler, out: Tape) -> Value:
    if not out.stack:
        s.close()
        return Numbers(INT, (new_tape(s, out.elements),))
    result = s.new_view(INT, (math.prod(out.stack),))
    s.close()
    with s.b.loop(math.prod(out.stack)) as i:
        result.store(s.b, (Affine.of(i),), (new_tape(s, out.elements),))
    return View(INT, out.stack, result.buffer, result.offset, row_major(out.stack))


@taking_tapes("tape_add")
def _tape_add(s: Scheduler, eqn, operands):
    return [_added(s, eqn.invars[0].aval, *operands)]


def _added(s: Scheduler, aval, x: Value, y: Value) -> Value:
    def add_rows(s, u, v):
        return [_added(s, e, a, b) for e, a, b in zip(aval.elements, u, v, strict=True)]

    if isinstance(aval, Tape) and aval.stack:
        return map_stack(s, aval, [x, y], lambda s, a, b: _added(s, aval.unstacked(), a, b))
    if isinstance(aval, Tape):
        # A tape of no rows is zero.
        handles = [s.scalar(x), s.scalar(y)]
        s.close()
        some = [s.b.let("min", s.b.call("tape_length", h, result=INT), Const(1, INT)) for h in handles]
        which = s.b.let("add", some[0], s.b.let("mul", some[1], Const(2, INT)))

        def both():
            (handle,) = map_rows(s.region(), aval, [aval, aval], [x, y], add_rows).components
            return (handle,)

        alone = [lambda h=h: (h,) for h in handles]
        return Numbers(INT, s.b.switch(which, [alone[0], alone[0], alone[1], both], [INT]))
    sum_of = elementwise.COMBINERS["add"][1]

    def compute(b, index):
        return sum_of(b, aval.dtype, x.element(b, index), y.element(b, index))

    return s.computed(aval, compute, [x, y])


@taking_tapes("tape_zeros_like")
def _tape_zeros_like(s: Scheduler, eqn, operands):
    return [_zeros_like(s, eqn.invars[0].aval, operands[0], eqn.params["num_masks"])]


def _zeros_like(s: Scheduler, aval, x: Value, num_masks: int) -> Value:
    if not isinstance(aval, Tape):
        zero = constant(0, aval.dtype)
        return numbers_everywhere(zero, aval.shape) if aval.shape else zero
    (out,) = PRIMITIVES["tape_zeros_like"].abstract_eval(aval, num_masks=num_masks)
    split = len(aval.elements) - num_masks

    def zero_row(s, values):
        pairs = zip(aval.elements[:split], values, strict=False)
        zeros = [_zeros_like(s, e, v, 0) for e, v in pairs if isinstance(e, Tape) or e.dtype.kind in "fc"]
        return [*zeros, *values[split:]]

    return map_rows(s, out, [aval], [x], zero_row)


@taking_tapes("tape_broadcast")
def _tape_broadcast(s: Scheduler, eqn, operands):
    return [_broadcast(s, eqn.invars[0].aval, operands[0], **eqn.params)]


def _broadcast(s: Scheduler, aval, x: Value, *, size: int, lead: int, num_masks: int, mask: bool) -> Value:
    if not isinstance(aval, Tape):
        shape = (*aval.shape[:lead], size, *aval.shape[lead:])
        return reindexed(x, shape, lambda index: (*index[:lead], *index[lead + 1 :]))
    params = dict(size=size, lead=lead, num_masks=num_masks, mask=mask)
    (out,) = PRIMITIVES["tape_broadcast"].abstract_eval(aval, **params)
    split = len(aval.elements) - num_masks

    def broadcast_row(s, values):
        spread = [
            _broadcast(s, e, v, size=size, lead=lead, num_masks=lead, mask=True)
            for e, v in zip(aval.elements[:split], values, strict=False)
        ]
        own = [numbers_everywhere(constant(True, np.dtype(bool)), out.elements[split].shape)] if mask else []
        return [*spread, *own, *values[split:]]

    return map_rows(s, out, [aval], [x], broadcast_row)


@taking_tapes("tape_sum")
def _tape_sum(s: Scheduler, eqn, operands):
    return [_summed(s, eqn.invars[0].aval, operands[0], **eqn.params)]


def _summed(s: Scheduler, aval, x: Value, *, size: int, lead: int, num_masks: int) -> Value:
    if not isinstance(aval, Tape):
        identity, combine = elementwise.COMBINERS["add"]
        out = aval.unmapped(lead)
        return s.reduction(
            x, (lead,), tuple(identity(aval.dtype)), combine,
            lambda: s.new_view(out.dtype, out.shape), out.dtype, out.shape,
        )  # fmt: skip
    params = dict(size=size, lead=lead, num_masks=num_masks)
    (out,) = PRIMITIVES["tape_sum"].abstract_eval(aval, **params)
    split = len(aval.elements) - num_masks

    def sum_row(s, values):
        summed = [
            _summed(s, e, v, size=0, lead=lead, num_masks=0)
            for e, v in zip(aval.elements[:split], values, strict=False)
        ]
        return [*summed, *values[split:]]

    return map_rows(s, out, [aval], [x], sum_row)


for _name in ("scan", "cond", "optimization_barrier"):
    RULES[_name].takes_tapes = True
