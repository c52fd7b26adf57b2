"""Hoist: compute what every step of a loop would compute alike once, before the loop.

    scan[ jaxpr={ lambda ; p:f64[] c:f64[]. let d:f64[] = exp p; e:f64[] = mul c d in (e,) } num_consts=1 … ] a b
->  f:f64[] = exp a
    scan[ jaxpr={ lambda ; p:f64[] d:f64[] c:f64[]. let e:f64[] = mul c d in (e,) } num_consts=2 … ] a f b

What merely arranges elements stays inside, unless something hoisted needs it: fused into its reader it costs nothing
there, and before the loop it would take memory. So does a cheap result that is larger than what it is made of, and
what may fail (an index that is checked), as the loop may not run at all.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from jaxlite.ir import Eqn, Jaxpr, Literal, Var, cached_by_jaxpr
from jaxlite.passes.costs import ARRANGING, is_expensive, is_movable
from jaxlite.passes.walk import expanded


@cached_by_jaxpr
def hoist(jaxpr: Jaxpr) -> Jaxpr:
    """Move what does not depend on the step out of loops.

    Parameters
    ----------
    jaxpr : Jaxpr

    Returns
    -------
    Jaxpr
        The same object if no loop holds anything of the kind.
    """
    return expanded(jaxpr, hoist, RULES)


def _invariant(body: Jaxpr, num_consts: int) -> tuple[list[Eqn], list[Var]]:
    """Return the equations of a body that can stand before the loop, and those of their results that it needs."""
    known: set = set(body.invars[:num_consts])
    makers: dict[Var, Eqn] = {}
    wanted: list[Eqn] = []
    for eqn in body.eqns:
        reads = [v for v in eqn.invars if type(v) is Var]
        if not is_movable(eqn) or not known.issuperset(reads):
            continue
        known.update(eqn.outvars)
        makers.update(dict.fromkeys(eqn.outvars, eqn))
        if eqn.primitive.name not in ARRANGING and (is_expensive(eqn) or _is_no_larger(eqn)):
            wanted.append(eqn)
    taken, stack = set(), list(wanted)
    while stack:
        eqn = stack.pop()
        if id(eqn) not in taken:
            taken.add(id(eqn))
            stack += [makers[v] for v in eqn.invars if v in makers]
    moved = [eqn for eqn in body.eqns if id(eqn) in taken]
    wanted_ids = set(map(id, wanted))
    read = {v for eqn in body.eqns if id(eqn) not in wanted_ids for v in eqn.invars} | set(body.outvars)
    return moved, [v for eqn in wanted for v in eqn.outvars if v in read]


def _is_no_larger(eqn: Eqn) -> bool:
    sizes = [v.aval.size for v in eqn.invars if type(v) is Var]
    return all(v.aval.size <= max(sizes, default=1) for v in eqn.outvars)


def _taken_out(body: Jaxpr, num_consts: int, operands: Sequence) -> tuple[list[Eqn], Jaxpr, list[Var]] | None:
    """Split a body: equations for outside, the body with more constants, and what these are outside."""
    moved, results = _invariant(body, num_consts)
    if not results:
        return None
    outside = dict(zip(body.invars, operands, strict=False))
    eqns = []
    for eqn in moved:
        outvars = tuple([Var(v.aval) for v in eqn.outvars])
        invars = tuple([v if type(v) is Literal else outside[v] for v in eqn.invars])
        outside.update(zip(eqn.outvars, outvars, strict=True))
        eqns.append(Eqn(eqn.primitive, invars, outvars, eqn.params, eqn.source))
    made = set(results)
    inner = [eqn for eqn in body.eqns if made.isdisjoint(eqn.outvars)]
    invars = (*body.invars[:num_consts], *results, *body.invars[num_consts:])
    return eqns, Jaxpr(invars, body.constvars, tuple(inner), body.outvars), [outside[v] for v in results]


def _hoist_scan(eqn: Eqn) -> list[Eqn]:
    num_consts = eqn.params["num_consts"]
    split = _taken_out(eqn.params["jaxpr"], num_consts, eqn.invars[:num_consts])
    if split is None:
        return [eqn]
    eqns, body, values = split
    operands = (*eqn.invars[:num_consts], *values, *eqn.invars[num_consts:])
    params = {**eqn.params, "jaxpr": body, "num_consts": num_consts + len(values)}
    return [*eqns, eqn.replace(invars=operands, params=params)]


def _hoist_while(eqn: Eqn) -> list[Eqn]:
    counts = eqn.params["cond_nconsts"], eqn.params["body_nconsts"]
    start, stop = counts[0], sum(counts)
    groups = [list(eqn.invars[:start]), list(eqn.invars[start:stop])]
    eqns, params = [], dict(eqn.params)
    for k, part in enumerate(("cond", "body")):
        split = _taken_out(params[f"{part}_jaxpr"], counts[k], groups[k])
        if split is not None:
            moved, params[f"{part}_jaxpr"], values = split
            params[f"{part}_nconsts"] += len(values)
            groups[k] += values
            eqns += moved
    if not eqns:
        return [eqn]
    operands = tuple(itertools.chain(*groups, eqn.invars[stop:]))
    return [*eqns, eqn.replace(invars=operands, params=params)]


# Primitive -> the loop, and before it what was taken out.
RULES = {"scan": _hoist_scan, "tape_scan": _hoist_scan, "while": _hoist_while}
