"""Decide what is computed where: jaxpr to loop program.

    { lambda ; a:f64[3]. let b:f64[3] = sin a          for i in range(3):
        c:f64[3] = mul b b                  ->             v = sin(a[i])
        d:f64[] = reduce_sum c in (d,) }                   s = s + v * v

One walk over the equations gives each variable a `values` form. Elementwise and structural equations stay recipes
until something needs their elements; what must stand in memory (results, operands of routines, values that are dear
and used twice) becomes a *job*, and jobs over one domain that follow each other share one loop nest, a kernel. The
rules for the kinds of equations stand in ``rules_*.py``; each registers itself in `RULES`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from jaxlite.codegen import elementwise
from jaxlite.codegen.boundary import NotScheduled, number_equations, stored_aval
from jaxlite.codegen.builder import Builder
from jaxlite.codegen.gathers import by_rows
from jaxlite.codegen.loops import (
    Address,
    Buffer,
    Host,
    Kernel,
    LoopProgram,
    Scalar,
)
from jaxlite.codegen.nests import Bundle, Calls, Group, Job, has_few_pieces, same_place
from jaxlite.codegen.orientation import oriented
from jaxlite.codegen.ranges import Range, ranges_of
from jaxlite.codegen.values import (
    Components,
    Index,
    Lazy,
    Numbers,
    Value,
    View,
    below,
    breaks_of,
    constant,
    needs_of,
    permuted,
    storage,
)
from jaxlite.ir import Atom, Eqn, Jaxpr, Literal, ShapedArray, Tape, Var, cached_by_jaxpr
from jaxlite.lowering import Elementwise

# A value that costs more than this and is used more than once is kept in memory.
CHEAP = 6
# LLVM's time for one loop grows faster than its size: a recipe longer than this is cut.
LARGEST_RECIPE = 400
# Arrays of so few elements live on the stack, where LLVM turns them into registers.
SMALL = 16
# Rows of at least so many elements are summed side by side, into results of at most so many.
SIDE_BY_SIDE, LARGEST_RESULT = 4, 1 << 15
# Sums of so few elements are written out by LLVM.
SHORT_SUM = 16
# Kernels over at least so many elements are functions of their own.
OUTLINED_FROM = 64


# What lowers an equation: (scheduler, eqn, operands) -> values of its results, or None: leave it to the host.
Rule = Callable[["Scheduler", Eqn, list[Value]], Sequence[Value] | None]
RULES: dict[str, Rule] = {}


# Rules that read operands at their own index, or hand their breaks on; others get arrays in memory instead.
KNOW_PIECES: set[Rule] = set()


def rule(*names: str, pieces: bool = False):
    """Register a rule for primitives by name; ``pieces`` says that it is one of `KNOW_PIECES`."""

    def register(function: Rule) -> Rule:
        for name in names:
            RULES[name] = function
        if pieces:
            KNOW_PIECES.add(function)
        return function

    return register


class Program:
    """What the schedulers of a program and of its regions share: buffers, names, numbers of equations."""

    def __init__(self, name: str, jaxpr: Jaxpr):
        self.name = name
        self.buffers: list[Buffer] = []
        self.sites = number_equations(jaxpr)
        self.num_kernels = 0
        self.num_names: dict[str, int] = {}

    def new_name(self, prefix: str) -> str:
        n = self.num_names[prefix] = self.num_names.get(prefix, -1) + 1
        return f"{prefix}{n}"

    def new_buffer(self, dtype: np.dtype, size: int, place: str | None = None, **options) -> Buffer:
        """Make a buffer for ``size`` elements of ``dtype``."""
        scalar, count = storage(dtype)
        place = place or ("stack" if size <= SMALL else "arena")
        buffer = Buffer(
            self.new_name("t" if place != "data" else "k"), scalar, size * count, place, **options
        )
        if place != "pointer":
            self.buffers.append(buffer)
        return buffer


def readers_of(eqns: Sequence[Eqn], outvars: Sequence[Atom]) -> dict[Var, frozenset]:
    """Return for each variable who reads it in the end, looking through elementwise equations; two are enough to know.

    What only one reader uses is computed there, once for each index, however many equations lie between, up to
    `LARGEST_RECIPE`: whoever reads more than so many computes none of them.
    """
    readers: dict[Var, frozenset] = {v: frozenset([v]) for v in outvars if type(v) is Var}
    sizes: Counter = Counter()
    for eqn in reversed(eqns):
        if isinstance(eqn.primitive.lower, Elementwise):
            through = readers.get(eqn.outvars[0], frozenset())
            sizes.update(through)
        else:
            through = frozenset([eqn])
        for atom in eqn.invars:
            if type(atom) is Var:
                known = readers.get(atom, frozenset())
                if len(known) < 2:
                    readers[atom] = known | through
    too_large = {reader for reader, size in sizes.items() if size > LARGEST_RECIPE}
    if too_large:
        # None of them has a single reader, then.
        return {v: found for v, found in readers.items() if found.isdisjoint(too_large)}
    return readers


_UPDATES = frozenset(
    ("scatter", "scatter_add", "scatter_mul", "scatter_min", "scatter_max", "dynamic_update_slice")
)


def is_update(eqn: Eqn) -> bool:
    """Whether an equation changes elements of its first operand."""
    return eqn.primitive.name in _UPDATES


@cached_by_jaxpr
def steps_of(jaxpr: Jaxpr) -> tuple[Eqn, ...]:
    """Return the equations of a loop's step: updates as late as may be, when what they change was read.

    (x.at[i].set(x[j]), then .at[j].set(x[i]), both of the old x, change it in place.)
    """
    ordered: list[Eqn] = []
    waiting: dict[Atom, Eqn] = {}

    def add(eqn: Eqn) -> None:
        stack = [eqn]
        while stack:
            before = next((v for v in stack[-1].invars if v in waiting), None)
            if before is None:
                ordered.append(stack.pop())
            else:
                stack.append(waiting.pop(before))

    for eqn in oriented(jaxpr):
        if is_update(eqn):
            waiting[eqn.outvars[0]] = eqn
        else:
            add(eqn)
    while waiting:
        add(waiting.pop(next(iter(waiting))))
    return tuple(ordered)


def schedule(jaxpr: Jaxpr, name: str = "program") -> LoopProgram:
    """Turn a program without constvars into loops.

    Parameters
    ----------
    jaxpr : Jaxpr
        After the passes.
    name : str
        A Python identifier.

    Returns
    -------
    LoopProgram
        Its memory is not planned yet: see `memory.plan`.

    Raises
    ------
    NotScheduled
        If a value has no form in memory (an extended dtype).
    """
    program = Program(name, jaxpr)
    in_avals, out_avals = map(stored_aval, jaxpr.in_avals), map(stored_aval, jaxpr.out_avals)
    operands = [_boundary(f"x{i}", aval, "input") for i, aval in enumerate(in_avals)]
    targets = [_boundary(f"y{i}", aval, "output") for i, aval in enumerate(out_avals)]
    inputs, outputs = ([view.buffer for view in views] for views in (operands, targets))
    scheduler = Scheduler(program, Builder(), top=True)
    operands = [scheduler.numbers(x) if not x.shape else x for x in operands]
    scheduler.run_into(jaxpr, operands, targets)
    hands_out_tapes = any(isinstance(aval, Tape) for aval in jaxpr.out_avals)
    return LoopProgram(name, inputs, outputs, program.buffers, scheduler.b.statements, 0, hands_out_tapes)


def _boundary(name: str, aval: ShapedArray, place: str) -> View:
    """Make the buffer of an input or result."""
    if aval.dtype.kind not in "biufc" or aval.dtype.itemsize > (16 if aval.dtype.kind == "c" else 8):
        raise NotScheduled(f"{aval} enters or leaves the program")
    scalar, count = storage(aval.dtype)
    return View.whole(Buffer(name, scalar, aval.size * count, place), aval.dtype, aval.shape)


class Scheduler:
    """The walk over one program: the whole, or the body of a region (which has a scheduler of its own)."""

    def __init__(self, program: Program, builder: Builder, top: bool = False):
        self.program = program
        self.b = builder
        self.top = top
        self.group: Group | None = None
        self.bundle: Bundle | None = None
        self.targets: dict[Var, View] = {}
        self.uses: dict[Var, int] = {}
        self.readers: dict[Var, frozenset] = {}
        self.ranges: dict[Var, Range] = {}
        # Where recipes stand that were computed into memory, and checks of indices that were made.
        self.kept: dict[Value, View] = {}
        self.checked: set[tuple] = set()
        # Values that stand where the value stood that they are made from.
        self.overwritten: dict[Var, View] = {}

    # --- programs

    def region(self) -> Scheduler:
        """Return a scheduler for a program inside of this one, which writes where this one does."""
        self.close()
        return Scheduler(self.program, self.b)

    def run(
        self, jaxpr: Jaxpr, operands: Sequence[Value], targets: dict[Var, View] | None = None
    ) -> list[Value]:
        """Schedule a program in place and return the values of its results."""
        env: dict[Var, Value] = dict(zip(jaxpr.invars, operands, strict=True))
        eqns = steps_of(jaxpr) if self.overwritten else oriented(jaxpr)
        eqns, stands_for = by_rows(eqns, jaxpr.outvars)
        for new, old in stands_for.items():
            if old in self.program.sites:
                self.program.sites[new] = self.program.sites[old]
        for eqn in eqns:
            for atom in eqn.invars:
                if type(atom) is Var:
                    self.uses[atom] = self.uses.get(atom, 0) + 1
        for atom in jaxpr.outvars:
            if type(atom) is Var:
                self.uses[atom] = self.uses.get(atom, 0) + 1
        self.readers.update(readers_of(eqns, jaxpr.outvars))
        self.ranges.update(ranges_of(eqns))
        self.targets.update(targets or {})

        def read(atom):
            return constant(atom.val, atom.aval.dtype) if type(atom) is Literal else env[atom]

        last_read = {atom: n for n, eqn in enumerate(eqns) for atom in eqn.invars}
        last_read.update(dict.fromkeys(jaxpr.outvars, len(eqns)))
        for position, eqn in enumerate(eqns):
            view = self.overwritten.get(eqn.outvars[0]) if eqn.outvars else None
            if view is not None:
                needed = {v for v in env if last_read.get(v, -1) >= position}
                old = next(a for a in eqn.invars if read(a) is view)
                if last_read[old] == position and eqn.invars.count(old) == 1:
                    needed.discard(old)
                self.keep_old(env, view, needed)
            values = self.equation(eqn, [read(atom) for atom in eqn.invars])
            for var, value in zip(eqn.outvars, values, strict=True):
                env[var] = self.settle(var, value)
        return [read(atom) for atom in jaxpr.outvars]

    def overwrite(self, views: dict[Var, View]) -> None:
        """Let values be written where the values stand that they are made from."""
        self.overwritten = views
        self.targets.update(views)

    def keep_old(self, env: dict[Var, Value], view: View, needed: set[Var]) -> None:
        """Compute what is still read of a place before it is overwritten."""
        for var, value in env.items():
            if var in needed and view.buffer in value.needs:
                env[var] = self.new_view(value.dtype, value.shape)
                self.copy(value, env[var])

    def run_into(
        self, jaxpr: Jaxpr, operands: Sequence[Value], targets: Sequence[View | None]
    ) -> list[Components]:
        """Schedule a program so that its results stand in ``targets``.

        Returns the components of those that have none: results of rank 0.
        """
        direct = {}
        inputs = set(jaxpr.invars)
        for atom, target in zip(jaxpr.outvars, targets, strict=True):
            if type(atom) is Var and atom not in inputs and target is not None and target.shape:
                direct.setdefault(atom, target)
        results = self.run(jaxpr, operands, direct)
        for value, target in zip(results, targets, strict=True):
            if target is not None and value is not target:
                self.copy(value, target)
        self.close()
        return [
            self.components(value) for value, target in zip(results, targets, strict=True) if target is None
        ]

    def equation(self, eqn: Eqn, operands: list[Value]) -> Sequence[Value]:
        lowering = RULES.get(eqn.primitive.name)
        values = None
        if lowering is not None and lowering not in KNOW_PIECES:
            operands = [self.stored(x) if type(x) is Lazy and x.breaks else x for x in operands]
        if not any(isinstance(a.aval, Tape) for a in (*eqn.invars, *eqn.outvars)):
            if lowering is not None:
                values = lowering(self, eqn, operands)
            elif isinstance(eqn.primitive.lower, Elementwise):
                values = self.elementwise(eqn, operands)
        elif lowering is not None and getattr(lowering, "takes_tapes", False):
            values = lowering(self, eqn, operands)
        return self.host_call(eqn, operands) if values is None else values

    def settle(self, var: Var, value: Value) -> Value:
        """Compute now what should not be computed where it is used."""
        target = self.targets.get(var)
        if target is not None:
            if value is not target:
                self.copy(value, target)
            return target
        if type(value) is Lazy:
            if not value.shape:
                return self.numbers(value)
            uses = self.uses.get(var, 0)
            shared = uses > 1 and len(self.readers.get(var, ())) != 1
            if value.cost > LARGEST_RECIPE or (value.cost > CHEAP and shared):
                return self.stored(value)
            if value.cost > CHEAP and uses > 1:
                # Computed once where it is read: those that use it count it once between them.
                return replace(value, cost=max(CHEAP + 1, value.cost // uses))
        elif type(value) is View and not value.shape:
            return self.numbers(value)
        return value

    def target_for(self, eqn: Eqn, k: int = 0) -> View:
        """Return where result ``k`` of an equation should be written: its place in the results, or a new buffer."""
        var = eqn.outvars[k]
        target, aval = self.targets.get(var), stored_aval(var.aval)
        return target if target is not None else self.new_view(aval.dtype, aval.shape)

    def new_view(self, dtype: np.dtype, shape: tuple[int, ...]) -> View:
        return View.whole(self.program.new_buffer(dtype, math.prod(shape)), dtype, shape)

    # --- values

    def numbers(self, value: Value) -> Numbers:
        """Compute a value of rank 0 here and now."""
        if type(value) is Numbers:
            return value
        if self.depends_on_group(value):
            self.close()
        return Numbers(value.dtype, tuple(value.element(self.b, ())))

    def scalar(self, value: Value):
        """Return the one scalar of a real value of rank 0, available at the end of what is written."""
        (component,) = self.components(value)
        return component

    def components(self, value: Value) -> Components:
        numbers = self.numbers(value)
        if self.depends_on_group(numbers):
            self.close()
        return numbers.components

    def depends_on_group(self, value: Value) -> bool:
        group, bundle = self.group, self.bundle
        if bundle is not None and bundle.depends(value):
            return True
        return group is not None and any(k in group.written or k in group.defined for k in value.needs)

    def stored(self, value: Value, *, row_major: bool = False) -> View:
        """Return a view of the value in memory; ``row_major`` asks for its elements one after the other."""
        if type(value) is View and (value.is_row_major or not row_major):
            return value
        if value in self.kept:
            return self.kept[value]
        target = self.kept[value] = self.new_view(value.dtype, value.shape)
        self.copy(value, target)
        return target

    def stored_along(self, value: Value, order: tuple[int, ...]) -> View:
        """Return a view of the value in memory, its axes laid out as ``order`` says unless it stands there already."""
        if type(value) is View:
            return value
        if value in self.kept:
            return self.kept[value]
        target = self.new_view_along(value.dtype, value.shape, order)
        if value.cost > 2:
            # What is cheaper is computed again where it is needed again: a row of it stays in the cache.
            self.kept[value] = target
        self.copy(permuted(value, order), target.permuted(order))
        return target

    def new_view_along(self, dtype: np.dtype, shape: tuple[int, ...], order: tuple[int, ...]) -> View:
        """Make a place for an array whose axes lie in memory in this order, the last one dense."""
        dense = self.new_view(dtype, tuple(shape[d] for d in order))
        return dense.permuted(tuple(order.index(d) for d in range(len(order))))

    def memory(self, value: Value, *, row_major: bool = True) -> View:
        """Return a view as `stored` does, written before whatever comes next."""
        view = self.stored(value, row_major=row_major)
        if self.depends_on_group(view):
            self.close()
        return view

    def address(self, view: View) -> Address:
        _, count = storage(view.dtype)
        return Address(view.buffer, view.offset * count)

    # --- jobs

    def copy(self, value: Value, target: View) -> None:
        """Write a value into a view of the same shape."""
        there = type(value) is View and value.buffer is target.buffer and same_place(value, target)
        if not math.prod(target.shape) or there:
            return
        if not target.shape:
            target.store(self.b, (), self.components(value))
            return
        self.add(Job(target.shape, value, target))

    def fill(self, target: View, numbers: Numbers) -> None:
        """Write a constant everywhere into an array that nothing has touched, before the loops that are waiting."""
        if not math.prod(target.shape):
            return
        group = Group(target.shape, tuple(range(len(target.shape))))
        group.jobs.append(Job(target.shape, numbers_everywhere(numbers, target.shape), target))
        body: list = []
        with self.b.into(body):
            group.write(self.b, 0, {})
        self.kernel(body, math.prod(target.shape))

    def add(self, job: Job, order: tuple[int, ...] | None = None) -> None:
        """Append a job to the open group, or open a new one."""
        if self.group is None or not self.group.admits(job, order):
            self.seal()
            self.group = Group(job.domain, order or tuple(range(len(job.domain))))
        self.group.jobs.append(job)
        self.group.cost += job.value.cost
        if job.target is not None:
            self.group.written[job.target.buffer] = job.target
        self.group.defined.update(job.results)

    def add_calls(self, calls: Calls) -> None:
        """Append calls of a routine for each matrix of a stack."""
        self.seal()
        self.group = calls

    def seal(self) -> None:
        """End the open group; its loops may still share rows with those of the next."""
        group, self.group = self.group, None
        if group is None:
            return
        if self.bundle is not None and self.bundle.admits(group):
            self.bundle.append(group)
            return
        self._write_bundle()
        self.bundle = Bundle(group)

    def close(self) -> None:
        """Write all loops that are waiting."""
        self.seal()
        self._write_bundle()

    def _write_bundle(self) -> None:
        bundle, self.bundle = self.bundle, None
        if bundle is None:
            return
        for part in bundle.parts():
            if len(part.groups) == 1 and isinstance(part.groups[0], Calls):
                part.write(self.b)
                continue
            for calls in part.calls if part.block else ():
                if calls.along == "k":
                    calls.clear()
            body: list = []
            with self.b.into(body):
                part.write(self.b)
            results = tuple(s for job in part.jobs for s in job.results)
            size = max(math.prod(group.domain) for group in part.groups)
            self.kernel(body, size, ", ".join(job.comment for job in part.jobs if job.comment), results)

    def kernel(self, body: list, size: int, comment: str = "", results: tuple[Scalar, ...] = ()) -> None:
        """Append statements as a kernel over ``size`` elements."""
        name = f"k{self.program.num_kernels}"
        self.program.num_kernels += 1
        outlined = size >= (OUTLINED_FROM if self.top else 16 * OUTLINED_FROM)
        self.b.add(Kernel(name, body, outlined, results, comment))

    # --- general rules

    def elementwise(self, eqn: Eqn, operands: list[Value]) -> Sequence[Value] | None:
        operation = eqn.primitive.lower.word
        operands = [self.kept.get(x, x) if type(x) is Lazy and x.cost > CHEAP else x for x in operands]
        rule_of_operation = elementwise.rule_for(operation)
        aval, in_dtypes = eqn.outvars[0].aval, tuple(a.aval.dtype for a in eqn.invars)
        params = eqn.params
        if not elementwise.has_scalar_form(eqn):
            return None

        cost = elementwise.cost(operation) + sum(x.cost for x in operands)
        if not has_few_pieces(operands, cost):
            operands = [self.stored(x) if type(x) is Lazy and x.breaks else x for x in operands]

        def compute(b, index):
            elements = [x.element(b, index if x.shape else ()) for x in operands]
            return rule_of_operation(b, aval.dtype, in_dtypes, *elements, **params)

        cost = elementwise.cost(operation) + sum(x.cost for x in operands)
        deep = below(x for x in operands if x.shape)
        recipe = _memoised(compute)
        return [Lazy(aval.dtype, aval.shape, recipe, cost, needs_of(operands), *deep, breaks_of(operands))]

    def computed(self, aval: ShapedArray, compute, operands: Sequence[Value]) -> Value:
        """Return the value whose elements ``compute(b, index)`` gives, from operands at the same index."""
        cost, breaks = 1 + sum(x.cost for x in operands), breaks_of(operands)
        lazy = Lazy(aval.dtype, aval.shape, compute, cost, needs_of(operands), breaks=breaks)
        return lazy if aval.shape else self.numbers(lazy)

    def host_call(self, eqn: Eqn, operands: list[Value]) -> list[Value]:
        """Leave the equation to its NumPy implementation."""
        for atom in (*eqn.invars, *eqn.outvars):
            if isinstance(atom.aval, Tape):
                raise NotScheduled(f"{eqn.primitive} of {atom.aval}")
        views = [self.memory(self.in_memory(x)) for x in operands]
        results = [self.new_view(v.aval.dtype, v.aval.shape) for v in eqn.outvars]
        self.close()
        self.b.add(
            Host(self.program.sites[eqn], tuple(map(self.address, views)), tuple(map(self.address, results)))
        )
        return [self.numbers(r) if not r.shape else r for r in results]

    def in_memory(self, value: Value) -> Value:
        """Give a value of rank 0 a place in memory."""
        if value.shape:
            return value
        target = self.new_view(value.dtype, ())
        target.store(self.b, (), self.components(value))
        return target

    def reduce(
        self, eqn: Eqn, value: Value, axes: Sequence[int], identity: Components, combine, k: int = 0
    ) -> Value:
        """Combine the elements of ``value`` along ``axes``."""
        aval: ShapedArray = eqn.outvars[k].aval
        return self.reduction(
            value, axes, identity, combine, lambda: self.target_for(eqn, k), aval.dtype, aval.shape
        )

    def reduction(self, value, axes, identity, combine, make_target, dtype, shape) -> Value:
        domain = value.shape
        kept = tuple(d for d in range(len(domain)) if d not in axes)
        if not math.prod(domain):
            target = make_target() if shape else None
            numbers = Numbers(dtype, identity)
            if target is None:
                return numbers
            self.copy(numbers_everywhere(numbers, shape), target)
            return target
        if not shape:
            results = tuple(Scalar(c.dtype) for c in identity)
            self.add(
                Job(domain, value, None, frozenset(axes), identity, combine, results),
                tuple(range(len(domain))),
            )
            return Numbers(dtype, results)
        dense = dense_axis(value)
        short = math.prod(domain[d] for d in axes) <= SHORT_SUM
        if dense in kept[:-1] and not short and math.prod(shape) <= LARGEST_RESULT:
            return self.summed_along(value, dense, kept, identity, combine)
        target = make_target()
        if dense != len(domain) - 1:
            others = tuple(sorted(d for d in axes if d != dense))
            if dense in axes:
                # Along the reduced axis that is walked in order.
                order = (*kept, *others, dense)
            elif short:
                # LLVM writes the short sum out, and takes the elements along the dense axis side by side.
                order = (*(d for d in kept if d != dense), dense, *others)
            else:
                order = ()
            if order:
                turned = permuted(value, order)
                rows = target.permuted(tuple(kept.index(d) for d in order if d in kept))
                reduced = frozenset(k for k, d in enumerate(order) if d in axes)
                self.add(
                    Job(turned.shape, turned, rows, reduced, identity, combine), tuple(range(len(order)))
                )
                return target
        # Rows are summed side by side where the last axis stays: memory is walked in order.
        if kept[-1] == len(domain) - 1 and domain[-1] >= SIDE_BY_SIDE:
            self.fill(target, Numbers(dtype, identity))
            self.add(
                Job(domain, value, target, frozenset(axes), identity, combine, accumulate=True),
                tuple(range(len(domain))),
            )
            return target
        self.add(Job(domain, value, target, frozenset(axes), identity, combine), (*kept, *sorted(axes)))
        return target

    def summed_along(self, value: Value, dense: int, kept, identity: Components, combine) -> View:
        """Combine the elements along all axes but ``kept`` side by side, in a result that lies along one of these."""
        rows = (*(d for d in kept if d != dense), dense)
        order = (*(d for d in range(len(value.shape)) if d not in kept), *rows)
        places = tuple(kept.index(d) for d in rows)
        shape, axes = tuple(value.shape[d] for d in kept), frozenset(range(len(order) - len(rows)))
        result = self.new_view_along(value.dtype, shape, places)
        target = result.permuted(places)
        self.fill(target, Numbers(value.dtype, identity))
        turned = permuted(value, order)
        job = Job(turned.shape, turned, target, axes, identity, combine, accumulate=True)
        self.add(job, tuple(range(len(order))))
        return result


def dense_axis(value: Value) -> int:
    """Return the axis along which most of what a value reads at its own index is dense; the last one if in doubt."""
    last = len(value.shape) - 1
    misses = [0] * len(value.shape)
    for views in value.needs.values():
        for view in views or ():
            for d, (n, step) in enumerate(zip(view.shape, view.strides, strict=True)):
                misses[d] += n > 1 and abs(step) > 1
    long = [d for d, n in enumerate(value.shape) if n >= SHORT_SUM]
    best = min(long, key=lambda d: (misses[d], -d), default=last)
    return best if misses[best] < misses[last] or value.shape[last] < SIDE_BY_SIDE else last


def numbers_everywhere(numbers: Numbers, shape: tuple[int, ...]) -> Lazy:
    """Return the array that has one value at every index."""
    return Lazy(numbers.dtype, shape, lambda b, index: numbers.components, 0, numbers.needs)


def _memoised(compute):
    """Compute a recipe once for each index in each place; the builder remembers for the innermost block."""

    def element(b: Builder, index: Index) -> Components:
        return b.remember((element, index), lambda: compute(b, index))

    return element
