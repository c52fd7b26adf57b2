"""Fold: compute what has only numbers for operands.

    { lambda ; a:f64[3]. let b:f64[] = sqrt 2.0:f64[]; c:f64[3] = mul a b in (c,) }
->  { lambda ; a:f64[3]. let c:f64[3] = mul a 1.4142135623730951:f64[] in (c,) }

Literals are scalars: constant arrays stay as ``iota`` or ``broadcast_in_dim``, which say more than their elements.
"""

from __future__ import annotations

import numpy as np

from jaxlite.ir import Eqn, Jaxpr, Literal, Var, cached_by_jaxpr
from jaxlite.lowering import Elementwise
from jaxlite.passes.walk import map_programs, rebuilt, substitute, with_invars


@cached_by_jaxpr
def fold(jaxpr: Jaxpr) -> Jaxpr:
    """Replace scalar equations on literals by their results.

    Parameters
    ----------
    jaxpr : Jaxpr

    Returns
    -------
    Jaxpr
        The same object if there was no such equation.
    """
    env: dict[Var, Literal] = {}
    eqns: list[Eqn] = []
    for eqn in jaxpr.eqns:
        eqn = map_programs(with_invars(eqn, substitute(eqn.invars, env)), fold)
        if _is_constant(eqn):
            env[eqn.outvars[0]] = _value(eqn)
        else:
            eqns.append(eqn)
    return rebuilt(jaxpr, eqns, substitute(jaxpr.outvars, env))


def _is_constant(eqn: Eqn) -> bool:
    return (
        type(eqn.primitive.lower) is Elementwise
        and all(type(atom) is Literal for atom in eqn.invars)
        # The literal of a weak type would have to be a Python number.
        and not eqn.outvars[0].aval.weak_type
    )


def _value(eqn: Eqn) -> Literal:
    with np.errstate(all="ignore"):
        (out,) = eqn.primitive.impl(*[atom.val for atom in eqn.invars], **eqn.params)
    (var,) = eqn.outvars
    return Literal(var.aval.dtype.type(out), var.aval)
