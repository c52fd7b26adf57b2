"""Recompute: of what a loop leaves to the loop after it, store little and compute the rest again.

    _ b c d = scan[ … x: h = tanh x; s = mul h h; r = sub 1.0 s … in (…, h, s, r) ] …
    … = scan[ reverse=True … h s r … ] b c d
->  the first loop stores h alone, and the second computes s and r from it

The sweep of reverse mode reads what the forward loop stacked for it. Which values to stack, so that all that is read
follows from them (and from the constants and the inputs of the forward loop, which need no storing) is a minimum cut: a
value costs its memory if it is stored, its arithmetic if it is computed again (see `mincut`). Only cheap operations
are done again; the same operations, so that the numbers are the same. Loops of unknown length leave tapes, which are
treated alike.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from jaxlite.ir import Atom, Eqn, Jaxpr, Literal, Tape, Var, cached_by_jaxpr
from jaxlite.passes.mincut import Cut, best_cut
from jaxlite.passes.walk import map_programs, rebuilt


@cached_by_jaxpr
def recompute(jaxpr: Jaxpr) -> Jaxpr:
    """Let loops compute again what is cheaper to compute than to store.

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
        elif eqn.primitive.name == "while":
            for tape, place in _taped_for(eqns, k, results):
                pair = _cheaper_tape(eqns[k], eqns[place], tape)
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


def _taped_for(eqns: list[Eqn], k: int, results: set[Atom]) -> list[tuple[Var, int]]:
    """Return the tapes that a loop records for one replay alone, and where that is."""
    found = []
    for tape in eqns[k].outvars:
        if isinstance(tape.aval, Tape) and tape not in results:
            places = [n for n in range(k + 1, len(eqns)) for v in eqns[n].invars if v is tape]
            if len(places) == 1 and eqns[places[0]].primitive.name == "tape_scan":
                found.append((tape, places[0]))
    return found


# --- what both kinds of loops do ----------------------------------------------------------------------


class _Replay(NamedTuple):
    """Equations that the second loop begins with, and what the values of the first are called there."""

    eqns: list[Eqn]
    names: Mapping[Atom, Atom]
    constants: list[Var]


def _replay(cut: Cut, needed: Iterable[Atom], known: Iterable[Var], constants: Mapping[Var, Atom]) -> _Replay:
    """Compute again what was not stored.

    ``known`` are the values of each step that the second loop gets, ``constants`` those of all steps, and what they
    are outside.
    """
    names: dict[Atom, Atom] = {v: Var(v.aval) for v in known}
    read = {v for eqn in cut.computed for v in eqn.invars} | set(needed)
    more = []
    for v, atom in constants.items():
        if v in read:
            names[v] = atom if type(atom) is Literal else Var(v.aval)
            if type(atom) is not Literal:
                more.append(v)
    eqns = []
    for eqn in cut.computed:
        outs = tuple([Var(v.aval) for v in eqn.outvars])
        invars = tuple([names.get(v, v) for v in eqn.invars])
        names.update(zip(eqn.outvars, outs, strict=True))
        eqns.append(Eqn(eqn.primitive, invars, outs, eqn.params, eqn.source))
    return _Replay(eqns, names, more)


def _begun(body: Jaxpr, invars: tuple, replay: _Replay, replaced: Mapping[Atom, Atom]) -> Jaxpr:
    """Return a body that begins with a replay, and reads what it gives."""

    def substituted(atoms):
        return tuple([replaced.get(v, v) for v in atoms])

    rest = [Eqn(e.primitive, substituted(e.invars), e.outvars, e.params, e.source) for e in body.eqns]
    return Jaxpr(invars, body.constvars, (*replay.eqns, *rest), substituted(body.outvars))


def _is_best(cut: Cut, values: Collection[Atom], free: Collection[Var]) -> bool:
    """Whether a cut stores just the values that are stored already, each of them once."""
    before = {v for v in values if type(v) is Var and v not in free}
    return before == set(cut.stored) - set(free) and len(before) == len(values)


# --- scans --------------------------------------------------------------------------------------------


def _cheaper(first: Eqn, second: Eqn, ys: set[Var]) -> tuple[Eqn, Eqn] | None:
    """Return both loops with other values between them; None where those in ``ys`` are the cheapest."""
    params, body = first.params, first.params["jaxpr"]
    num_consts, num_carry = params["num_consts"], params["num_carry"]
    outside = dict(zip(body.invars, first.invars, strict=True))
    consts, xs = body.invars[:num_consts], body.invars[num_consts + num_carry :]
    value_of = dict(zip(first.outvars[num_carry:], body.outvars[num_carry:], strict=True))
    values = [value_of[y] for y in first.outvars[num_carry:] if y in ys]
    given = {*consts, *xs}
    kept = [n for n, y in enumerate(first.outvars) if y not in ys]
    present = {
        body.outvars[n]: first.outvars[n] for n in kept if n >= num_carry and body.outvars[n] not in given
    }
    cut = best_cut(body, given, present.keys(), values)
    if _is_best(cut, values, {*given, *present}):
        return None

    more = {v: Var(v.aval.stacked(params["length"])) for v in cut.stored if v not in present}
    first_body = body.replace(outvars=(*(body.outvars[n] for n in kept), *more))
    outvars = (*(first.outvars[n] for n in kept), *more.values())
    new_first = first.replace(outvars=outvars, params={**params, "jaxpr": first_body})

    # The second body gets what is stored, and the constants and inputs of the first that it now needs.
    outside |= present | more
    read = {v for eqn in cut.computed for v in eqn.invars} | set(values)
    known = [*cut.stored, *(x for x in xs if x in read)]
    replay = _replay(cut, values, known, {v: outside[v] for v in consts})
    second_body, split = second.params["jaxpr"], second.params["num_consts"]
    whole = split + second.params["num_carry"]
    dropped = {n for n, v in enumerate(second.invars) if n >= whole and v in ys}
    replaced = {}
    for n in dropped:
        value = value_of[second.invars[n]]
        replaced[second_body.invars[n]] = replay.names.get(value, value)

    def arranged(old, constants, by_step):
        old = [v for n, v in enumerate(old) if n not in dropped]
        return (*old[:split], *constants, *old[split:], *by_step)

    names = replay.names
    invars = arranged(second_body.invars, [names[v] for v in replay.constants], [names[v] for v in known])
    operands = arranged(second.invars, [outside[v] for v in replay.constants], [outside[v] for v in known])
    new_params = {
        **second.params,
        "jaxpr": _begun(second_body, invars, replay, replaced),
        "num_consts": split + len(replay.constants),
    }
    return new_first, second.replace(invars=operands, params=new_params)


# --- loops with tapes ---------------------------------------------------------------------------------


def _cheaper_tape(first: Eqn, second: Eqn, tape: Var) -> tuple[Eqn, Eqn] | None:
    """Return both loops with other elements on a tape; None where those that it has are the cheapest."""
    params, body = first.params, first.params["body_jaxpr"]
    start, num_consts, sizes = params["cond_nconsts"], params["body_nconsts"], params["tapes_out"]
    num_carry = len(body.invars) - num_consts
    k = first.outvars.index(tape) - num_carry
    begin = num_carry + sum(sizes[:k])
    values = body.outvars[begin : begin + sizes[k]]
    outside = dict(zip(body.invars[:num_consts], first.invars[start:], strict=False))
    cut = best_cut(body, outside.keys(), (), values)
    if _is_best(cut, values, outside.keys()):
        return None

    new_tape = Var(Tape(tuple([v.aval for v in cut.stored]), tape.aval.stack))
    outvars = (*body.outvars[:begin], *cut.stored, *body.outvars[begin + sizes[k] :])
    new_first = first.replace(
        outvars=tuple([new_tape if v is tape else v for v in first.outvars]),
        params={
            **params,
            "body_jaxpr": body.replace(outvars=outvars),
            "tapes_out": (*sizes[:k], len(cut.stored), *sizes[k + 1 :]),
        },
    )
    replay = _replay(cut, values, cut.stored, outside)
    second_body, split = second.params["jaxpr"], second.params["num_consts"]
    whole = split + second.params["num_carry"]
    at = second.invars.index(tape)
    begin = whole + sum(len(v.aval.elements) for v in second.invars[whole:at])
    end = begin + len(values)
    inner = second_body.invars
    elements = [replay.names.get(v, v) for v in values]
    invars = (
        *inner[:split],
        *(replay.names[v] for v in replay.constants),
        *inner[split:begin],
        *(replay.names[v] for v in cut.stored),
        *inner[end:],
    )
    operands = (
        *second.invars[:split],
        *(outside[v] for v in replay.constants),
        *(new_tape if v is tape else v for v in second.invars[split:]),
    )
    new_params = {
        **second.params,
        "jaxpr": _begun(second_body, invars, replay, dict(zip(inner[begin:end], elements, strict=True))),
        "num_consts": split + len(replay.constants),
    }
    return new_first, second.replace(invars=operands, params=new_params)
