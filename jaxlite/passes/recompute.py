"""Recompute: of what a loop leaves to the loop after it, store little and compute the rest again.

    _ b c d = scan[ … x: h = tanh x; s = mul h h; r = sub 1.0 s … in (…, h, s, r) ] …
    … = scan[ reverse=True … h s r … ] b c d
->  the first loop stores h alone, and the second computes s and r from it

The sweep of reverse mode reads what the forward loop stacked for it. Which values to stack, so that all that is read
follows from them (and from the constants and the inputs of the forward loop, which need no storing) is a minimum cut: a
value costs its memory if it is stored, its arithmetic if it is computed again. Only cheap operations are done again;
the same operations, so that the numbers are the same.

The formulation follows the partitioner of PyTorch's AOTAutograd (min-cut rematerialisation), with a price for
recomputation besides.
"""

from __future__ import annotations

import itertools
from collections import deque
from typing import NamedTuple

from jaxlite.ir import Atom, Eqn, Jaxpr, Literal, Tape, Var, cached_by_jaxpr
from jaxlite.passes.costs import is_movable, recomputing
from jaxlite.passes.walk import map_programs, rebuilt

# Of one byte, written and read again, in additions: from the caches less, from memory more.
STORING = 1.0
_INFINITE = float("inf")


@cached_by_jaxpr
def recompute(jaxpr: Jaxpr) -> Jaxpr:
    """Let scans compute again what is cheaper to compute than to store.

    Parameters
    ----------
    jaxpr : Jaxpr

    Returns
    -------
    Jaxpr
        The same object if every loop stores what it should.
    """
    eqns = [map_programs(eqn, recompute) for eqn in jaxpr.eqns]
    results = set(jaxpr.outvars)
    for k, eqn in enumerate(eqns):
        if eqn.primitive.name == "scan":
            for place in sorted(_stacked_for(eqns, k, results)):
                # Looked for again: what an earlier pair stores, this one may have as well.
                ys = _stacked_for(eqns, k, results).get(place)
                pair = ys and _cheaper(eqns[k], eqns[place], ys)
                if pair:
                    eqns[k], eqns[place] = pair
    return rebuilt(jaxpr, eqns, jaxpr.outvars)


def _stacked_for(eqns: list[Eqn], k: int, results: set[Atom]) -> dict[int, set[Var]]:
    """Return what a loop stacks for one later loop alone, which reads it step by step."""
    first, places = eqns[k], {}
    stacked = set(first.outvars[first.params["num_carry"] :]) - results
    for place in range(k + 1, len(eqns)):
        for y in stacked.intersection(eqns[place].invars):
            places.setdefault(y, []).append(place)
    found: dict[int, set[Var]] = {}
    for y, (place, *others) in places.items():
        if not others and _reads_by_step(eqns[place], y, first):
            found.setdefault(place, set()).add(y)
    return found


def _reads_by_step(eqn: Eqn, y: Var, first: Eqn) -> bool:
    if eqn.primitive.name != "scan" or eqn.params["length"] != first.params["length"]:
        return False
    whole = eqn.params["num_consts"] + eqn.params["num_carry"]
    return y not in eqn.invars[:whole] and not isinstance(y.aval, Tape)


# --- which values to store ----------------------------------------------------------------------------


class _Cut(NamedTuple):
    """Values of a body to store, and the equations that give the rest, in order."""

    stored: list[Var]
    computed: list[Eqn]


def _best_cut(body: Jaxpr, free: set[Var], stored: set[Var], needed: list[Atom]) -> _Cut:
    """Find the cheapest values to store from which ``needed`` follows.

    Those in ``free`` are there without, and those in ``stored`` are stored in any case.
    """
    makers = {v: eqn for eqn in body.eqns for v in eqn.outvars if len(eqn.outvars) == 1 and is_movable(eqn)}
    flow = _Flow()
    seen: set[Var] = set()
    stack = [v for v in needed if type(v) is Var]
    for v in stack:
        flow.connect((v, "known"), "sink", _INFINITE)
    while stack:
        v = stack.pop()
        if v in seen or v in free:
            continue
        seen.add(v)
        maker = makers.get(v)
        again = recomputing(maker) if maker else _INFINITE
        size = 0 if v in stored else v.aval.size * v.aval.dtype.itemsize
        flow.connect((v, "made"), (v, "known"), STORING * size)
        flow.connect("source", (v, "made"), again)
        if again < _INFINITE:
            for u in maker.invars:
                if type(u) is Var and u not in free:
                    flow.connect((u, "known"), (v, "made"), _INFINITE)
                    stack.append(u)
    reached = flow.reached_from_source()
    again = {v for v in seen if (v, "made") not in reached}
    stored = [v for v in seen if (v, "made") in reached and (v, "known") not in reached]
    order = {v: k for k, v in enumerate((*body.invars, *(v for eqn in body.eqns for v in eqn.outvars)))}
    return _Cut(sorted(stored, key=order.__getitem__), [eqn for eqn in body.eqns if again & set(eqn.outvars)])


class _Flow:
    """A network whose smallest cut is wanted (Dinic's algorithm)."""

    def __init__(self):
        self.rest: dict[object, dict[object, float]] = {"source": {}, "sink": {}}

    def connect(self, u, v, capacity: float) -> None:
        self.rest.setdefault(u, {})[v] = self.rest.get(u, {}).get(v, 0.0) + capacity
        self.rest.setdefault(v, {}).setdefault(u, 0.0)

    def reached_from_source(self) -> set:
        """Push all the flow that there is room for; return what the source still reaches."""
        while "sink" in (levels := self._levels()):
            ways = {u: list(self.rest[u]) for u in levels}
            while self._push(levels, ways):
                pass
        return set(levels)

    def _levels(self) -> dict:
        levels, queue = {"source": 0}, deque(["source"])
        while queue:
            u = queue.popleft()
            for v, room in self.rest[u].items():
                if room > 0 and v not in levels:
                    levels[v] = levels[u] + 1
                    queue.append(v)
        return levels

    def _push(self, levels: dict, ways: dict) -> bool:
        """Fill one way on which the level rises; ``ways`` loses what turns out to lead nowhere."""
        path = ["source"]
        while path[-1] != "sink":
            u = path[-1]
            while ways[u] and not (
                self.rest[u][ways[u][-1]] > 0 and levels.get(ways[u][-1]) == levels[u] + 1
            ):
                ways[u].pop()
            if ways[u]:
                path.append(ways[u][-1])
                continue
            path.pop()
            if not path:
                return False
            ways[path[-1]].pop()
        steps = list(itertools.pairwise(path))
        room = min(self.rest[u][v] for u, v in steps)
        for u, v in steps:
            self.rest[u][v] -= room
            self.rest[v][u] += room
        return True


# --- the two loops ------------------------------------------------------------------------------------


def _cheaper(first: Eqn, second: Eqn, ys: set[Var]) -> tuple[Eqn, Eqn] | None:
    """Return both loops with other values between them; None where those in ``ys`` are the cheapest."""
    params, body = first.params, first.params["jaxpr"]
    num_consts, num_carry = params["num_consts"], params["num_carry"]
    consts, xs = body.invars[:num_consts], body.invars[num_consts + num_carry :]
    value_of = dict(zip(first.outvars[num_carry:], body.outvars[num_carry:], strict=True))
    needed = list(dict.fromkeys(value_of[y] for y in first.outvars[num_carry:] if y in ys))
    given = {*consts, *xs}
    kept = [n for n, y in enumerate(first.outvars) if y not in ys]
    present = {
        body.outvars[n]: first.outvars[n] for n in kept if n >= num_carry and body.outvars[n] not in given
    }
    cut = _best_cut(body, given, present.keys(), needed)
    before = {v for v in needed if type(v) is Var and v not in given and v not in present}
    if before == set(cut.stored) - present.keys() and len(before) == len(ys):
        return None

    more = {v: Var(v.aval.stacked(params["length"])) for v in cut.stored if v not in present}
    first_body = body.replace(outvars=(*(body.outvars[n] for n in kept), *more))
    outvars = (*(first.outvars[n] for n in kept), *more.values())
    new_first = first.replace(outvars=outvars, params={**params, "jaxpr": first_body})

    # The second body gets what is stored, and the constants and inputs of the first that it now needs.
    outer = dict(zip(body.invars, first.invars, strict=True)) | present | more
    inner: dict[Atom, Atom] = {}
    new_consts: list[Var] = []
    new_xs: list[Var] = []
    known = [*cut.stored]
    read = {v for eqn in cut.computed for v in eqn.invars} | set(needed)
    known += [v for v in (*consts, *xs) if v in read]
    constant = set(consts)
    for v in known:
        atom = outer[v]
        if v in constant and type(atom) is Literal:
            inner[v] = atom
            continue
        inner[v] = Var(v.aval)
        (new_consts if v in constant else new_xs).append(v)
    eqns = []
    for eqn in cut.computed:
        outs = tuple([Var(v.aval) for v in eqn.outvars])
        invars = tuple([inner.get(v, v) for v in eqn.invars])
        inner.update(zip(eqn.outvars, outs, strict=True))
        eqns.append(Eqn(eqn.primitive, invars, outs, eqn.params, eqn.source))

    second_body, whole = second.params["jaxpr"], second.params["num_consts"] + second.params["num_carry"]
    dropped = [n for n, v in enumerate(second.invars) if n >= whole and v in ys]
    replaced = {
        second_body.invars[n]: inner.get(value_of[second.invars[n]], value_of[second.invars[n]])
        for n in dropped
    }
    stay = [n for n in range(len(second.invars)) if n not in set(dropped)]
    split = second.params["num_consts"]
    for eqn in second_body.eqns:
        invars = tuple([replaced.get(v, v) if type(v) is Var else v for v in eqn.invars])
        eqns.append(Eqn(eqn.primitive, invars, eqn.outvars, eqn.params, eqn.source))
    outs = tuple([replaced.get(v, v) if type(v) is Var else v for v in second_body.outvars])

    def arranged(old, more_consts, more_xs):
        old = [old[n] for n in stay]
        return (*old[:split], *more_consts, *old[split:], *more_xs)

    invars = arranged(second_body.invars, [inner[v] for v in new_consts], [inner[v] for v in new_xs])
    operands = arranged(second.invars, [outer[v] for v in new_consts], [outer[v] for v in new_xs])
    new_second = second.replace(
        invars=operands,
        params={
            **second.params,
            "jaxpr": Jaxpr(invars, second_body.constvars, tuple(eqns), outs),
            "num_consts": split + len(new_consts),
        },
    )
    return new_first, new_second
