"""Merge duplicates: equations that compute the same from the same operands (common subexpressions).

    { lambda ; a:f64[]. let b:f64[] = sin a; c:f64[] = sin a; d:f64[] = mul b c in (d,) }
->  { lambda ; a:f64[]. let b:f64[] = sin a; d:f64[] = mul b b in (d,) }

An equation with an effect stays: it has to happen as often as it was written. So does ``optimization_barrier``, for
whose sake alone what ``checkpoint`` recomputes is not merged with what was computed before.
"""

from __future__ import annotations

from jaxlite.ir import Atom, Eqn, Jaxpr, Var, cached_by_jaxpr
from jaxlite.passes.keys import eqn_key
from jaxlite.passes.walk import map_programs, rebuilt, substitute, with_invars

# Not max and min: of 0.0 and -0.0 they may return either.
COMMUTATIVE = frozenset(("add", "add_any", "mul", "eq", "ne", "and", "or", "xor"))
BARRIER = "optimization_barrier"


@cached_by_jaxpr
def cse(jaxpr: Jaxpr) -> Jaxpr:
    """Let equal equations be computed once.

    Parameters
    ----------
    jaxpr : Jaxpr

    Returns
    -------
    Jaxpr
        The same object if no two equations were equal.
    """
    env: dict[Var, Atom] = {}
    seen: dict[tuple, tuple[Var, ...]] = {}
    eqns: list[Eqn] = []
    for eqn in jaxpr.eqns:
        eqn = map_programs(with_invars(eqn, substitute(eqn.invars, env)), cse)
        name = eqn.primitive.name
        if name == BARRIER or eqn.effects:
            eqns.append(eqn)
            continue
        outvars = seen.setdefault(eqn_key(eqn, name in COMMUTATIVE), eqn.outvars)
        if outvars is eqn.outvars:
            eqns.append(eqn)
        else:
            env.update(zip(eqn.outvars, outvars, strict=True))
    return rebuilt(jaxpr, eqns, substitute(jaxpr.outvars, env))
