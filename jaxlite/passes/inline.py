"""Inline: replace calls by the equations of what is called.

    { lambda ; a:f64[]. let b:f64[] = jit[name=f jaxpr={ lambda ; c:f64[]. let d:f64[] = sin c in (d,) }] a in (b,) }
->  { lambda ; a:f64[]. let b:f64[] = sin a in (b,) }

A custom rule, a ``checkpoint`` or the equation behind a solver matters to differentiation, which is over when a
program gets here; so they are calls as well. The barriers that ``checkpoint`` put around its recomputation stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jaxlite.ir import PRIMITIVES, Atom, Eqn, Jaxpr, Literal, Var, cached_by_jaxpr
from jaxlite.passes.walk import map_programs, rebuilt, substitute, with_invars

Call = tuple[Jaxpr, Sequence[Atom]] | None


def _jaxpr_call(eqn: Eqn) -> Call:
    return eqn.params["jaxpr"], eqn.invars


def _custom_rule_call(eqn: Eqn) -> Call:
    call = eqn.params["call_jaxpr"]
    # Made by eager code, it is still a Python function.
    return (call, eqn.invars) if type(call) is Jaxpr else None


def _linear_solve_call(eqn: Eqn) -> Call:
    matvec, vecmat, solve, _ = lengths = eqn.params["const_lengths"]
    consts = eqn.invars[matvec + vecmat : matvec + vecmat + solve]
    return eqn.params["solve"], consts + eqn.invars[sum(lengths) :]


def _root_call(eqn: Eqn) -> Call:
    f, solve, _ = lengths = eqn.params["const_lengths"]
    return eqn.params["solve"], eqn.invars[f : f + solve] + eqn.invars[sum(lengths) :]


def _cond_call(eqn: Eqn) -> Call:
    index, *operands = eqn.invars
    if type(index) is not Literal:
        return None
    branches = eqn.params["branches"]
    return branches[min(max(int(index.val), 0), len(branches) - 1)], operands


def _revolve_call(eqn: Eqn) -> Call:
    """It is a scan, once reverse mode has asked."""
    params = {name: value for name, value in eqn.params.items() if name != "snapshots"}
    invars = tuple([Var(v.aval) for v in eqn.invars])
    outvars = tuple([Var(v.aval) for v in eqn.outvars])
    scan = Eqn(PRIMITIVES["scan"], invars, outvars, params, eqn.source)
    return Jaxpr(invars, (), (scan,), outvars), eqn.invars


# Primitive -> the program that an equation runs, and its operands; None where that is not known.
CALLS: dict[str, Callable[[Eqn], Call]] = {
    "jit": _jaxpr_call,
    "checkpoint": _jaxpr_call,
    "custom_jvp_call": _custom_rule_call,
    "custom_vjp_call": _custom_rule_call,
    "linear_solve": _linear_solve_call,
    "root": _root_call,
    "integral": _custom_rule_call,
    "revolve": _revolve_call,
    "cond": _cond_call,
}


@cached_by_jaxpr
def inline(jaxpr: Jaxpr) -> Jaxpr:
    """Replace every call by the equations of its program, also inside of loops and branches.

    Parameters
    ----------
    jaxpr : Jaxpr
        Without weak types (see ``strengthen``), which a call takes from its results.

    Returns
    -------
    Jaxpr
        The same object if there was no call.
    """
    env: dict[Var, Atom] = {}
    eqns: list[Eqn] = []
    for eqn in jaxpr.eqns:
        eqn = with_invars(eqn, substitute(eqn.invars, env))
        find_call = CALLS.get(eqn.primitive.name)
        call = find_call(eqn) if find_call else None
        if call is None:
            eqns.append(map_programs(eqn, inline))
        else:
            program, operands = call
            env.update(zip(eqn.outvars, splice(inline(program), operands, eqns), strict=True))
    return rebuilt(jaxpr, eqns, substitute(jaxpr.outvars, env))


def splice(jaxpr: Jaxpr, operands: Sequence[Atom], eqns: list[Eqn]) -> tuple[Atom, ...]:
    """Append the equations of a program, with variables of their own, and return its results."""
    env: dict[Var, Atom] = dict(zip(jaxpr.invars, operands, strict=True))
    for eqn in jaxpr.eqns:
        outvars = tuple([Var(v.aval) for v in eqn.outvars])
        eqns.append(Eqn(eqn.primitive, substitute(eqn.invars, env), outvars, eqn.params, eqn.source))
        env.update(zip(eqn.outvars, outvars, strict=True))
    return substitute(jaxpr.outvars, env)
