"""Drop dead code: equations that neither a result needs nor an effect keeps.

    { lambda ; a:f64[]. let b:f64[] = sin a; c:f64[] = cos a in (b,) }
->  { lambda ; a:f64[]. let b:f64[] = sin a in (b,) }

A loop or a branch loses the results that nobody reads, and then the carries, operands and equations that only those
needed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from jaxlite.ir import Eqn, Jaxpr, cached_by_jaxpr
from jaxlite.passes.walk import map_programs, rebuilt, select

Mask = tuple[bool, ...]


def dce(jaxpr: Jaxpr) -> Jaxpr:
    """Drop what no result needs; the inputs stay.

    Parameters
    ----------
    jaxpr : Jaxpr

    Returns
    -------
    Jaxpr
        The same object if everything was needed.
    """
    return prune(jaxpr, (True,) * len(jaxpr.outvars))[0]


@cached_by_jaxpr
def prune(jaxpr: Jaxpr, used_out: Mask) -> tuple[Jaxpr, Mask]:
    """Keep some of the results and what they need.

    Parameters
    ----------
    jaxpr : Jaxpr
    used_out : tuple of bool
        Which results to keep.

    Returns
    -------
    jaxpr : Jaxpr
        With all inputs of the old one.
    used_in : tuple of bool
        Which inputs it needs.
    """
    outvars = jaxpr.outvars if all(used_out) else select(jaxpr.outvars, used_out)
    live = set(outvars)
    kept: list[Eqn] = []
    for eqn in reversed(jaxpr.eqns):
        used = tuple([v in live for v in eqn.outvars])
        if any(used) or eqn.effects:
            rule = RULES.get(eqn.primitive.name)
            eqn = rule(eqn, used) if rule else map_programs(eqn, dce)
            kept.append(eqn)
            live.update(eqn.invars)
    kept.reverse()
    return rebuilt(jaxpr, kept, outvars), tuple([v in live for v in jaxpr.invars])


def _keep_inputs(jaxpr: Jaxpr, mask: Sequence[bool]) -> Jaxpr:
    return jaxpr if all(mask) else jaxpr.replace(invars=select(jaxpr.invars, mask))


def _narrowed(eqn: Eqn, keep_in: Sequence[bool], keep_out: Sequence[bool], **params) -> Eqn:
    """Return the equation with some of its operands and results; the same object if all stay."""
    if all(keep_in) and all(keep_out) and all(eqn.params[k] == new for k, new in params.items()):
        return eqn
    return eqn.replace(
        invars=select(eqn.invars, keep_in),
        outvars=select(eqn.outvars, keep_out),
        params={**eqn.params, **params},
    )


def _barrier_dce(eqn: Eqn, used: Mask) -> Eqn:
    return _narrowed(eqn, used, used)


def _call_dce(eqn: Eqn, used: Mask) -> Eqn:
    body, used_in = prune(eqn.params["jaxpr"], used)
    return _narrowed(eqn, used_in, used, jaxpr=_keep_inputs(body, used_in))


def _cond_dce(eqn: Eqn, used: Mask) -> Eqn:
    pruned = [prune(branch, used) for branch in eqn.params["branches"]]
    used_in = [any(column) for column in zip(*[mask for _, mask in pruned], strict=True)]
    branches = tuple([_keep_inputs(branch, used_in) for branch, _ in pruned])
    return _narrowed(eqn, (True, *used_in), used, branches=branches)


def _prune_loop(body: Jaxpr, num_consts: int, used_carry: Mask, used_ys: Mask) -> tuple[Jaxpr, Mask, Mask]:
    """Prune a loop body: a carry that one step needs, the steps before it have to make."""
    while True:
        pruned, used_in = prune(body, used_carry + used_ys)
        needed = used_in[num_consts : num_consts + len(used_carry)]
        settled = tuple([u or n for u, n in zip(used_carry, needed, strict=True)])
        if settled == used_carry:
            return pruned, used_in, used_carry
        used_carry = settled


def _scan_dce(eqn: Eqn, used: Mask) -> Eqn:
    num_consts, num_carry = eqn.params["num_consts"], eqn.params["num_carry"]
    used_ys = used[num_carry:]
    body, used_in, carry = _prune_loop(eqn.params["jaxpr"], num_consts, used[:num_carry], used_ys)
    keep_in = (*used_in[:num_consts], *carry, *used_in[num_consts + num_carry :])
    return _narrowed(
        eqn,
        keep_in,
        (*carry, *used_ys),
        jaxpr=_keep_inputs(body, keep_in),
        num_consts=sum(used_in[:num_consts]),
        num_carry=sum(carry),
    )


def _spread(mask: Sequence[bool], sizes: Sequence[int]) -> Mask:
    """Repeat each entry for the elements of a tape."""
    return tuple([m for m, size in zip(mask, sizes, strict=True) for _ in range(size)])


def _kept_sizes(sizes: tuple[int, ...], mask: Sequence[bool]) -> tuple[int, ...]:
    return sizes if all(mask) else select(sizes, mask)


def _while_dce(eqn: Eqn, used: Mask) -> Eqn:
    params = eqn.params
    cond_nconsts, body_nconsts = params["cond_nconsts"], params["body_nconsts"]
    tapes_out = params["tapes_out"]
    num_carry = len(eqn.invars) - cond_nconsts - body_nconsts
    used_tapes = used[num_carry:]
    cond, cond_in = prune(params["cond_jaxpr"], (True,))
    wanted = tuple([u or c for u, c in zip(used[:num_carry], cond_in[cond_nconsts:], strict=True)])
    body, body_in, carry = _prune_loop(
        params["body_jaxpr"], body_nconsts, wanted, _spread(used_tapes, tapes_out)
    )
    cond_consts, body_consts = cond_in[:cond_nconsts], body_in[:body_nconsts]
    return _narrowed(
        eqn,
        (*cond_consts, *body_consts, *carry),
        (*carry, *used_tapes),
        cond_jaxpr=_keep_inputs(cond, (*cond_consts, *carry)),
        body_jaxpr=_keep_inputs(body, (*body_consts, *carry)),
        cond_nconsts=sum(cond_consts),
        body_nconsts=sum(body_consts),
        tapes_out=_kept_sizes(tapes_out, used_tapes),
    )


def _tape_scan_dce(eqn: Eqn, used: Mask) -> Eqn:
    params = eqn.params
    num_consts, num_carry, tapes_out = params["num_consts"], params["num_carry"], params["tapes_out"]
    used_tapes = used[num_carry:]
    body, used_in, carry = _prune_loop(
        params["jaxpr"], num_consts, used[:num_carry], _spread(used_tapes, tapes_out)
    )
    sizes = [len(tape.aval.elements) for tape in eqn.invars[num_consts + num_carry :]]
    ends = list(itertools.accumulate(sizes, initial=num_consts + num_carry))
    # A tape is kept or dropped as a whole; one stays in any case, to tell the number of steps.
    tapes = [any(used_in[start:end]) for start, end in itertools.pairwise(ends)]
    tapes[0] |= not any(tapes)
    consts = used_in[:num_consts]
    return _narrowed(
        eqn,
        (*consts, *carry, *tapes),
        (*carry, *used_tapes),
        jaxpr=_keep_inputs(body, (*consts, *carry, *_spread(tapes, sizes))),
        num_consts=sum(consts),
        num_carry=sum(carry),
        tapes_out=_kept_sizes(tapes_out, used_tapes),
    )


# Primitive -> (equation, which results are used) -> the equation with what they need.
RULES: dict[str, Callable[[Eqn, Mask], Eqn]] = {
    "optimization_barrier": _barrier_dce,
    "jit": _call_dce,
    "checkpoint": _call_dce,
    "cond": _cond_dce,
    "scan": _scan_dce,
    "while": _while_dce,
    "tape_scan": _tape_scan_dce,
}
