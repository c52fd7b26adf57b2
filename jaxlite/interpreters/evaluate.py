"""Evaluate a program: bind its equations one after the other under the current trace.

    eval_jaxpr({ lambda ; a:f64[]. let b:f64[] = sin a in (b,) }, (), 1.0)  ->  [sin(1.0)]

Under the evaluation trace this computes; under any other trace it transforms. That is the whole trick.
"""

from __future__ import annotations

from jaxlite import source
from jaxlite.errors import ArgumentError
from jaxlite.ir import Jaxpr, Literal
from jaxlite.trace import EVAL, current_trace


def eval_jaxpr(jaxpr: Jaxpr, consts, *args) -> list:
    """Evaluate ``jaxpr`` under the current trace.

    Parameters
    ----------
    jaxpr : Jaxpr
    consts : sequence
        Values of the constvars.
    *args
        Values of the invars.

    Returns
    -------
    list
        Values of the outvars.
    """
    if len(args) != len(jaxpr.invars) or len(consts) != len(jaxpr.constvars):
        raise ArgumentError(
            f"the program takes {len(jaxpr.invars)} arguments and {len(jaxpr.constvars)} constants, "
            f"but got {len(args)} and {len(consts)}."
        )
    env = dict(zip(jaxpr.constvars, consts, strict=True))
    env.update(zip(jaxpr.invars, args, strict=True))

    def read(atom):
        return atom.val if type(atom) is Literal else env[atom]

    tracing = current_trace() is not EVAL
    for eqn in jaxpr.eqns:
        # New equations belong to the line of the old one.
        token = source.inherit(eqn.source) if tracing else None
        try:
            outs = eqn.primitive.bind(*map(read, eqn.invars), **eqn.params)
        finally:
            if token is not None:
                source.disinherit(token)
        if eqn.primitive.multiple_results:
            env.update(zip(eqn.outvars, outs, strict=True))
        else:
            env[eqn.outvars[0]] = outs
    return [read(atom) for atom in jaxpr.outvars]


def run_jaxpr(jaxpr: Jaxpr, *args) -> tuple:
    """Run a program without constvars on plain arrays: NumPy calls, one after the other.

    The ``impl`` of primitives that contain programs; `eval_jaxpr` is the general form.
    """
    env = dict(zip(jaxpr.invars, args, strict=True))
    for eqn in jaxpr.eqns:
        operands = [atom.val if type(atom) is Literal else env[atom] for atom in eqn.invars]
        env.update(zip(eqn.outvars, eqn.primitive.impl(*operands, **eqn.params), strict=True))
    return tuple([atom.val if type(atom) is Literal else env[atom] for atom in jaxpr.outvars])
