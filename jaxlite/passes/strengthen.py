"""Forget weak types: which dtype a result has was decided while the program was recorded.

    { lambda ; a:f64*[]. let b:f64*[] = mul a 2.0:f64*[] in (b,) }
->  { lambda ; a:f64[]. let b:f64[] = mul a 2.0:f64[] in (b,) }

Afterwards values of one shape and dtype have one type, so that other passes may put one in the place of another.
"""

from __future__ import annotations

from jaxlite.ir import Atom, Eqn, Jaxpr, Literal, Var, cached_by_jaxpr
from jaxlite.passes.walk import map_programs, rebuilt, substitute, with_invars


@cached_by_jaxpr
def strengthen(jaxpr: Jaxpr) -> Jaxpr:
    """Make every type in a program strong.

    Parameters
    ----------
    jaxpr : Jaxpr

    Returns
    -------
    Jaxpr
        The same object if no type was weak.
    """
    env: dict[Atom, Atom] = {}
    constvars = _strong_vars(jaxpr.constvars, env)
    invars = _strong_vars(jaxpr.invars, env)
    eqns = [_strong_eqn(eqn, env) for eqn in jaxpr.eqns]
    strong = rebuilt(jaxpr, eqns, _strong_atoms(jaxpr.outvars, env), invars)
    return strong if constvars is jaxpr.constvars else strong.replace(constvars=constvars)


def _strong_eqn(eqn: Eqn, env: dict[Atom, Atom]) -> Eqn:
    eqn = map_programs(with_invars(eqn, _strong_atoms(eqn.invars, env)), strengthen)
    if eqn.params.get("weak_type"):
        eqn = eqn.replace(params={**eqn.params, "weak_type": False})
    outvars = _strong_vars(eqn.outvars, env)
    return eqn if outvars is eqn.outvars else eqn.replace(outvars=outvars)


def _strong_vars(variables: tuple[Var, ...], env: dict[Atom, Atom]) -> tuple[Var, ...]:
    for var in variables:
        if var.aval.weak_type:
            env[var] = Var(var.aval.strip_weak_type())
    return substitute(variables, env)


def _strong_atoms(atoms: tuple[Atom, ...], env: dict[Atom, Atom]) -> tuple[Atom, ...]:
    for atom in atoms:
        if type(atom) is Literal and atom.aval.weak_type:
            env[atom] = Literal(atom.aval.dtype.type(atom.val), atom.aval.strip_weak_type())
    return substitute(atoms, env)
