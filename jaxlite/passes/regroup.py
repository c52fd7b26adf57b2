"""Regroup: what a loop carries becomes one multiple of its old value, so that a step waits for one multiplication.

    scan[ jaxpr={ lambda ; r:f64[] c:f64[] x:f64[]. let    c is carried, a cotangent
        d:f64[] = sub 1.0 x
        e:f64[] = mul c d
        f:f64[] = mul r e
        g:f64[] = mul r x
        h:f64[] = mul g c
        i:f64[] = sub f h
      in (i,) } … ]
->      j:f64[] = sub (r·d) g
        i:f64[] = mul c j

Steps of a loop wait for each other through what they carry: f and h take three operations one after the other, c·j
takes one, as j does not hang on the carry. Of a sum in which the carry is a factor of several terms, these terms become
one. Numbers change by as much as the order of a sum changes them. Only numbers that are carried alone, in registers,
are looked at: steps over arrays wait for memory.
"""

from __future__ import annotations

import functools
import operator
from collections import Counter
from collections.abc import Sequence

from jaxlite.ir import Atom, Eqn, Jaxpr, Literal, Var, cached_by_jaxpr
from jaxlite.passes.walk import equation, expanded, rebuilt


@cached_by_jaxpr
def regroup(jaxpr: Jaxpr) -> Jaxpr:
    """Make carries of loops one multiple of what they were.

    Parameters
    ----------
    jaxpr : Jaxpr

    Returns
    -------
    Jaxpr
        The same object if no loop carries such a sum.
    """
    return expanded(jaxpr, regroup, RULES)


def _scan(eqn: Eqn) -> list[Eqn]:
    p = eqn.params
    return [_with_body(eqn, "jaxpr", p["num_consts"], p["num_carry"])]


def _while(eqn: Eqn) -> list[Eqn]:
    p = eqn.params
    num_carry = len(eqn.invars) - p["cond_nconsts"] - p["body_nconsts"]
    return [_with_body(eqn, "body_jaxpr", p["body_nconsts"], num_carry)]


def _with_body(eqn: Eqn, name: str, num_consts: int, num_carry: int) -> Eqn:
    body = eqn.params[name]
    carries = body.invars[num_consts : num_consts + num_carry]
    step = _Step(body, carries)
    for carry, result in zip(carries, body.outvars, strict=False):
        _regroup_one(step, carry, result)
    new = rebuilt(body, step.eqns, body.outvars)
    return eqn if new is body else eqn.replace(params={**eqn.params, name: new})


class _Step:
    """The equations of a step; who makes each value, how often it is used, and on which carries it hangs, as bits.

    All carries share it, as there may be as many of them as there are equations.
    """

    def __init__(self, body: Jaxpr, carries: Sequence[Var]):
        self.eqns = list(body.eqns)
        self.makers: dict[Var, Eqn] = {}
        self.uses = Counter(v for v in body.outvars if type(v) is Var)
        self.bits = {carry: 1 << k for k, carry in enumerate(carries)}
        self.note(body.eqns)

    def note(self, eqns: Sequence[Eqn]) -> None:
        for eqn in eqns:
            used = [v for v in eqn.invars if type(v) is Var]
            self.uses.update(used)
            bits = functools.reduce(operator.or_, [self.bits.get(v, 0) for v in used], 0)
            self.bits.update(dict.fromkeys(eqn.outvars, bits))
            self.makers.update(dict.fromkeys(eqn.outvars, eqn))

    def replace(self, old: Eqn, new: list[Eqn]) -> None:
        position = self.eqns.index(old)
        self.eqns[position : position + 1] = new
        self.uses.subtract(v for v in old.invars if type(v) is Var)
        self.note(new)


def _regroup_one(step: _Step, carry: Var, result: Atom) -> None:
    """Make ``result`` hold ``carry`` as a factor once at most, where it is a sum of several multiples of it."""
    if carry.aval.shape or carry.aval.dtype.kind != "f" or type(result) is not Var:
        return
    terms = _Terms(step, carry)
    old = terms.maker(result, "add", "sub")
    if old is None:
        return
    leaves = terms.of_sum(result)
    multiples = [(sign, atom) for sign, atom in leaves if terms.is_multiple(atom)]
    if len(multiples) < 2:
        return
    others = [leaf for leaf in leaves if leaf not in multiples]
    if any(terms.depends(atom) for _, atom in others):
        # What else hangs on the carry takes as long.
        return
    factor = terms.sum_of([(sign, terms.factor(atom)) for sign, atom in multiples])
    total = terms.emit("mul", carry, factor)
    if others:
        terms.emit("add", total, terms.sum_of(others))
    # The last new equation stands for the old one.
    terms.new[-1] = terms.new[-1].replace(outvars=(result,))
    step.replace(old, terms.new)


class _Terms:
    """The sum that a result is, seen as multiples of a carry."""

    def __init__(self, step: _Step, carry: Var):
        self.step, self.carry, self.bit = step, carry, step.bits[carry]
        self.one = Literal(carry.aval.dtype.type(1), carry.aval.strip_weak_type())
        self.new: list[Eqn] = []
        self.source = None

    def depends(self, atom: Atom) -> bool:
        """Whether a value hangs on the carry."""
        return type(atom) is Var and bool(self.step.bits.get(atom, 0) & self.bit)

    def maker(self, atom: Atom, *names: str) -> Eqn | None:
        eqn = self.step.makers.get(atom) if type(atom) is Var else None
        return eqn if eqn is not None and eqn.primitive.name in names else None

    def of_sum(self, result: Var) -> list[tuple[int, Atom]]:
        """Return the terms of a sum with their signs; a partial sum that others use as well is one."""
        leaves, stack = [], [(1, result)]
        while stack:
            sign, atom = stack.pop()
            eqn = self.maker(atom, "add", "sub")
            if eqn is None or (atom is not result and self.step.uses[atom] > 1) or not self.depends(atom):
                leaves.append((sign, atom))
                continue
            x, y = eqn.invars
            self.source = eqn.source
            stack += [(sign if eqn.primitive.name == "add" else -sign, y), (sign, x)]
        return leaves

    def is_multiple(self, atom: Atom) -> bool:
        """Whether a value is the carry times something that does not hang on it."""
        if atom is self.carry:
            return True
        if (eqn := self.maker(atom, "neg")) is not None:
            return self.is_multiple(eqn.invars[0])
        if (eqn := self.maker(atom, "mul")) is not None:
            held = [x for x in eqn.invars if self.depends(x)]
            return len(held) == 1 and self.is_multiple(held[0])
        return False

    def factor(self, atom: Atom) -> Atom:
        """Return by what the carry is multiplied."""
        if atom is self.carry:
            return self.one
        if (eqn := self.maker(atom, "neg")) is not None:
            return self.emit("neg", self.factor(eqn.invars[0]))
        x, y = self.step.makers[atom].invars
        if self.depends(x):
            x, y = y, x
        inner = self.factor(y)
        return x if inner is self.one else self.emit("mul", x, inner)

    def sum_of(self, terms: list[tuple[int, Atom]]) -> Atom:
        (sign, total), *rest = sorted(terms, key=lambda term: -term[0])
        total = total if sign > 0 else self.emit("neg", total)
        for sign, atom in rest:
            total = self.emit("add" if sign > 0 else "sub", total, atom)
        return total

    def emit(self, name: str, *operands: Atom) -> Atom:
        new = equation(name, operands, {}, self.source)
        self.new.append(new)
        return new.outvars[0]


RULES = {"scan": _scan, "tape_scan": _scan, "while": _while}
