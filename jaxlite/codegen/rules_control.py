"""Loops and branches: a region of the program becomes a loop or a switch that holds a region of the loop program.

    scan                       for i in range(n):
                                   …body, with x[i] a view and y[i] written in place…
                                   c = new c            scalars are carried in registers
    cond                       switch

Loops of unknown length stand with the tapes that they may record, in ``rules_tapes``.

A small array that a loop carries has a place of its own, which each step overwrites at its end; a large one has two,
which the steps read and write in turn. Of which a step changes some elements, or each from itself alone, it has one
(`kept_in_place`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from jaxlite.codegen.boundary import stored_aval
from jaxlite.codegen.loops import INT, Affine, Carry, Const
from jaxlite.codegen.schedule import SMALL, Scheduler, is_update, rule, steps_of
from jaxlite.codegen.values import Components, Lazy, Numbers, Value, View, needs_of, storage
from jaxlite.ir import Atom, Eqn, Jaxpr, ShapedArray, Tape, Var, cached_by_jaxpr, subjaxprs
from jaxlite.lowering import Elementwise


class CarriedNumbers:
    """A carry of rank 0, in registers."""

    def __init__(self, s: Scheduler, init: Value, aval: ShapedArray):
        self.dtype = aval.dtype
        self.carries = [s.b.carry(c) for c in s.components(init)]
        self.inside = Numbers(aval.dtype, tuple(c.inside for c in self.carries))
        self.target = None

    def step(self, s: Scheduler, components: Components) -> None:
        for carry, component in zip(self.carries, components, strict=True):
            carry.next = component

    def result(self, s: Scheduler) -> Value:
        return Numbers(self.dtype, tuple(c.result for c in self.carries))


class CarriedSmall:
    """A small array: a place that each step overwrites at its end."""

    carries: tuple[Carry, ...] = ()

    def __init__(self, s: Scheduler, init: Value, aval: ShapedArray, place: View):
        self.place = place
        self.inside = s.new_view(aval.dtype, aval.shape)
        self.target = s.new_view(aval.dtype, aval.shape)
        s.copy(init, self.inside)
        s.close()

    def step(self, s: Scheduler, components) -> None:
        s.copy(self.target, self.inside)

    def result(self, s: Scheduler) -> Value:
        return self.inside


class CarriedLarge:
    """A large array: two places, one read and one written, that change roles with each step.

    Where the number of steps is known, one of them is the place of the result, and so chosen that it ends there.
    """

    def __init__(self, s: Scheduler, init: Value, aval: ShapedArray, place: View, length: int | None):
        self.views = [s.new_view(aval.dtype, aval.shape) for _ in range(2)]
        self.place, self.ends_there = place, False
        if length is not None and place.is_row_major and place.offset == Affine():
            self.ends_there, self.views[length % 2] = True, place
        s.copy(init, self.views[0])
        s.close()
        self.carries = [s.b.carry(s.b.base(view.buffer)) for view in self.views]
        self.inside, self.target = (self.at(s, c.inside) for c in self.carries)

    def at(self, s: Scheduler, base) -> View:
        like = self.views[0]
        origins = tuple(b for view in self.views for b in view.buffer.origins or (view.buffer,))
        buffer = s.program.new_buffer(
            like.dtype, math.prod(like.shape), "pointer", base=base, origins=origins
        )
        return View.whole(buffer, like.dtype, like.shape)

    def step(self, s: Scheduler, components) -> None:
        read, written = self.carries
        read.next, written.next = written.inside, read.inside

    def result(self, s: Scheduler) -> Value:
        return self.place if self.ends_there else self.at(s, self.carries[0].result)


class CarriedInPlace:
    """An array in one place, of which each step changes elements; a large one stands where the result shall stand."""

    carries: tuple[Carry, ...] = ()

    def __init__(self, s: Scheduler, init: Value, aval: ShapedArray, place: View):
        self.place = place
        self.inside = self.target = place if aval.size > SMALL else s.new_view(aval.dtype, aval.shape)
        s.copy(init, self.inside)
        s.close()

    def step(self, s: Scheduler, components) -> None:
        pass

    def result(self, s: Scheduler) -> Value:
        return self.inside


def kept_in_place(jaxpr: Jaxpr, num_consts: int, num_carry: int) -> dict[int, list[Var]]:
    """Return the carries that steps can change in place, and the values that stand there one after the other.

    Either updates of elements lead from the old value to the new one, and nothing reads the old one after the first of
    them; or one elementwise equation does, and nothing else reads the old value at all.
    """
    eqns = steps_of(jaxpr)
    makers = {eqn.outvars[0]: n for n, eqn in enumerate(eqns) if len(eqn.outvars) == 1}
    readers: dict[Atom, list[int]] = {}
    for n, eqn in enumerate(eqns):
        for atom in eqn.invars:
            readers.setdefault(atom, []).append(n)
    found = {}
    for k, carry in enumerate(jaxpr.invars[num_consts : num_consts + num_carry]):
        new = jaxpr.outvars[k]
        chain: list[Var] = []
        while new in makers and new not in chain and is_update(eqns[makers[new]]):
            chain.insert(0, new)
            new = eqns[makers[new]].invars[0]
        last = jaxpr.outvars[k]
        if not chain and last in makers and _keeps_places(eqns[makers[last]], carry):
            chain, new = [last], carry
            alone = len(readers[carry]) == 1
        else:
            alone = bool(chain) and max(readers.get(carry, [0])) == makers[chain[0]]
        passed_on = all(len(readers.get(v, ())) == 1 for v in chain[:-1]) and not readers.get(last)
        outside = jaxpr.outvars.count(last) == 1 and not {carry, *chain[:-1]} & set(jaxpr.outvars)
        if new is carry and alone and passed_on and outside and carry.aval.shape:
            found[k] = chain
    return found


def _keeps_places(eqn: Eqn, carry: Var) -> bool:
    """Whether each element of a result comes from the element of ``carry`` at the same place."""
    same = eqn.outvars[0].aval.strip_weak_type() == carry.aval.strip_weak_type()
    return isinstance(eqn.primitive.lower, Elementwise) and same and eqn.invars.count(carry) == 1


def prepared(
    s: Scheduler, eqn: Eqn, jaxpr: Jaxpr, num_consts: int, inits: Sequence[Value], length: int | None = None
) -> tuple[list, dict[Var, View]]:
    """Prepare all carries of a loop, its first results; also return which values of its body stand in their places."""
    standing = kept_in_place(jaxpr, num_consts, len(inits))
    states = []
    for k, (init, var) in enumerate(zip(inits, jaxpr.invars[num_consts:], strict=False)):
        aval = stored_aval(var.aval)
        if not aval.shape:
            states.append(CarriedNumbers(s, init, aval))
        elif k in standing:
            states.append(CarriedInPlace(s, init, aval, s.target_for(eqn, k)))
        elif aval.size <= SMALL:
            states.append(CarriedSmall(s, init, aval, s.target_for(eqn, k)))
        else:
            states.append(CarriedLarge(s, init, aval, s.target_for(eqn, k), length))
    return states, {v: states[k].inside for k, chain in standing.items() for v in chain}


def flat_carries(states) -> list[Carry]:
    return [carry for state in states for carry in state.carries]


def finish(s: Scheduler, states) -> list[Value]:
    """Return the values of the carries after the loop."""
    results = []
    for state in states:
        value = state.result(s)
        if type(value) is View and value is not state.place:
            # Out of the places that the next loop may take over.
            s.copy(value, state.place)
            value = state.place
        results.append(value)
    s.close()
    return results


def settled(s: Scheduler, x: Value) -> Value:
    """Compute before a loop what each of its steps would compute again."""
    x = s.stored(x) if type(x) is Lazy and x.cost > 0 else x
    if s.depends_on_group(x):
        s.close()
    return x


@cached_by_jaxpr
def _works_with_tapes(jaxpr: Jaxpr) -> bool:
    return any(
        any(isinstance(v.aval, Tape) for v in (*eqn.invars, *eqn.outvars))
        or any(map(_works_with_tapes, subjaxprs(eqn.params)))
        for eqn in jaxpr.eqns
    )


def releasing(s: Scheduler, body: Jaxpr, *others: Jaxpr) -> Callable[[], None]:
    """Return what gives back, at the end of a step, the tapes that the step made for itself.

    A gradient of a loop in a loop would need more memory with each step, and so would checkpoints, whose steps record
    what a part of the loop does.
    """
    made = any(map(_works_with_tapes, (body, *others)))
    if not made or any(isinstance(aval, Tape) for aval in body.out_avals):
        return lambda: None
    mark = s.b.call("tape_mark", result=INT)
    return lambda: s.b.call("tape_release", mark)


def slice_of(x: Value, i) -> Value:
    """Return ``x[i]``."""
    i = Affine.of(i)
    if type(x) is View:
        return View(x.dtype, x.shape[1:], x.buffer, x.offset + i * x.strides[0], x.strides[1:])
    element = x.element
    return Lazy(
        x.dtype,
        x.shape[1:],
        lambda b, index: element(b, (i, *index)),
        x.cost,
        needs_of([x], elsewhere=True),
    )


@rule("scan")
def _scan(s: Scheduler, eqn, operands: Sequence[Value]):
    p = eqn.params
    jaxpr, length, num_carry, num_consts = p["jaxpr"], p["length"], p["num_carry"], p["num_consts"]
    consts = [settled(s, x) for x in operands[:num_consts]]
    inits, xs = operands[num_consts : num_consts + num_carry], operands[num_consts + num_carry :]
    xs = [s.stored(x) if type(x) is Lazy and x.cost > 2 else x for x in xs]
    ys = [s.target_for(eqn, k) for k in range(num_carry, len(eqn.outvars))]
    s.close()
    states, standing = prepared(s, eqn, jaxpr, num_consts, inits, length)
    release = releasing(s, jaxpr)
    start, stop, step = (length - 1, -1, -1) if p["reverse"] else (0, length, 1)
    with s.b.loop(stop, flat_carries(states), start=start, step=step, polls=True) as i:
        inner = s.region()
        inner.overwrite(standing)
        slices = [inner.numbers(v) if not v.shape else v for v in (slice_of(x, i) for x in xs)]
        targets = [state.target for state in states] + [slice_of(y, i) for y in ys]
        outs = inner.run_into(jaxpr, [*consts, *(state.inside for state in states), *slices], targets)
        advance(inner, states, outs)
        release()
    return [*finish(s, states), *ys]


def advance(s: Scheduler, states, outs: list[Components]) -> None:
    """End a step: every carry takes its new value."""
    given = iter(outs)
    for state in states:
        state.step(s, next(given) if state.target is None else ())
    s.close()


@rule("cond")
def _cond(s: Scheduler, eqn, operands: Sequence[Value]):
    index, *operands = operands
    branches = eqn.params["branches"]
    operands = [settled(s, x) for x in operands]
    avals = [stored_aval(v.aval) for v in eqn.outvars]
    targets = [s.target_for(eqn, k) if aval.shape else None for k, aval in enumerate(avals)]
    chosen = s.b.convert(s.scalar(index), INT)
    chosen = s.b.let("min", s.b.let("max", chosen, Const(0, INT)), Const(len(branches) - 1, INT))
    s.close()

    def write(branch):
        def body():
            outs = s.region().run_into(branch, operands, targets)
            return [component for components in outs for component in components]

        return body

    dtypes = [scalar for aval in avals if not aval.shape for scalar in scalar_types(aval)]
    results = iter(s.b.switch(chosen, [write(branch) for branch in branches], dtypes))
    values = []
    for aval, target in zip(avals, targets, strict=True):
        if target is None:
            components = tuple(next(results) for _ in scalar_types(aval))
            values.append(Numbers(aval.dtype, components))
        else:
            values.append(target)
    return values


def scalar_types(aval: ShapedArray):
    """Return the scalar types of an element."""
    scalar, count = storage(aval.dtype)
    return (scalar,) * count
