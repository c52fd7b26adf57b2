"""Transpose a linear program: push cotangents from its outputs back to its inputs.

    { lambda c ; ẋ. let ḃ = mul ẋ c in (ḃ,) }   ->   { lambda c ; b̄. let x̄ = mul b̄ c in (x̄,) }

Equations that do not depend on a linear input are evaluated first; the linear ones are then walked backwards, one
transpose rule each, and cotangents that meet at a variable are added.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxlite import source
from jaxlite.errors import TransposeError
from jaxlite.interpreters.stage import stage_rule
from jaxlite.ir import Eqn, Jaxpr, Literal, Tape, Var, cached_by_jaxpr
from jaxlite.ops.elementwise import add_any
from jaxlite.ops.structural import instantiate, optimization_barrier_p
from jaxlite.primitive import NOT_LINEAR, PRIMITIVES, Linear, Zero, is_linear
from jaxlite.trace import EVAL, aval_of, current_trace


def backward_pass(jaxpr: Jaxpr, consts: Sequence, args: Sequence, cts: Sequence) -> list:
    """Pull cotangents back through a program that is linear in the inputs marked `Linear`.

    Parameters
    ----------
    jaxpr : Jaxpr
    consts : sequence
        Values of the constvars.
    args : sequence
        One per invar: a value, or ``Linear(aval)``.
    cts : sequence
        One per outvar; `Zero` where there is none.

    Returns
    -------
    list
        One cotangent (or `Zero`) per `Linear` argument, in order.

    Raises
    ------
    TransposeError
        If an equation is not linear in a linear input (names the equation and its source line).

    Notes
    -----
    One transpose rule per equation plus one ``add_any`` for each extra use of a variable. Satisfies
    ⟨ȳ, J ẋ⟩ = ⟨x̄, ẋ⟩ (``test_util.check_vjp``).

    References
    ----------
    .. [1] Radul, Paszke, Frostig, Johnson, Maclaurin, "You Only Linearize Once", POPL 2023.
    """
    env: dict[Var, object] = dict(zip(jaxpr.constvars, consts, strict=True))
    linear: set[Var] = set()
    for var, arg in zip(jaxpr.invars, args, strict=True):
        if is_linear(arg):
            linear.add(var)
        else:
            env[var] = arg
    linear_eqns = _evaluate_known_part(jaxpr, env, linear)

    def read(atom):
        if type(atom) is Literal:
            return atom.val
        return Linear(atom.aval) if atom in linear else env[atom]

    ct_env: dict[Var, object] = {}

    def accumulate(atom, ct):
        if ct is None or type(ct) is Zero or type(atom) is Literal or atom not in linear:
            return
        known = ct_env.get(atom)
        ct_env[atom] = ct if known is None else add_cotangents(known, ct)

    for atom, ct in zip(jaxpr.outvars, cts, strict=True):
        accumulate(atom, ct)
    tracing = current_trace() is not EVAL
    for eqn in reversed(linear_eqns):
        cts_out = [ct_env.pop(v, None) for v in eqn.outvars]
        if all(ct is None for ct in cts_out):
            continue
        cts_out = [Zero(v.aval) if ct is None else ct for v, ct in zip(eqn.outvars, cts_out, strict=True)]
        token = source.inherit(eqn.source) if tracing else None
        try:
            rule = eqn.primitive.transpose
            cts_in = rule
            if rule is not NOT_LINEAR:
                cts_in = rule(tuple(cts_out), *map(read, eqn.invars), **eqn.params)
            if cts_in is NOT_LINEAR:
                raise _not_linear(eqn)
            for atom, ct in zip(eqn.invars, cts_in, strict=True):
                accumulate(atom, ct)
        finally:
            if token is not None:
                source.disinherit(token)
    return [ct_env.get(v, Zero(v.aval)) for v in jaxpr.invars if v in linear]


def add_cotangents(x, y):
    """Add two cotangents of one value."""
    return PRIMITIVES["tape_add"].bind(x, y) if isinstance(aval_of(x), Tape) else add_any(x, y)


def _evaluate_known_part(jaxpr: Jaxpr, env: dict, linear: set[Var]) -> list[Eqn]:
    """Evaluate into ``env`` what depends on no linear input; mark the rest linear and return its equations."""
    linear_eqns = []
    for eqn in jaxpr.eqns:
        is_linear_in = [type(v) is Var and v in linear for v in eqn.invars]
        if eqn.primitive is optimization_barrier_p and any(is_linear_in):
            # It ties known values to linear ones, but each passes through by itself.
            pairs = list(zip(eqn.invars, eqn.outvars, is_linear_in, strict=True))
            linear.update(out for _, out, lin in pairs if lin)
            env.update((out, v.val if type(v) is Literal else env[v]) for v, out, lin in pairs if not lin)
            linear_eqns.append(eqn)
        elif any(is_linear_in):
            linear.update(eqn.outvars)
            linear_eqns.append(eqn)
        else:
            args = [v.val if type(v) is Literal else env[v] for v in eqn.invars]
            outs = eqn.primitive.bind(*args, **eqn.params)
            env.update(zip(eqn.outvars, outs if eqn.primitive.multiple_results else (outs,), strict=True))
    return linear_eqns


def _not_linear(eqn: Eqn) -> TransposeError:
    avals = ", ".join(str(v.aval) for v in eqn.invars)
    return TransposeError(
        f"{eqn.primitive.name}({avals}) is not linear, so it has no transpose.",
        where=eqn.source.describe() if eqn.source else "",
        why="transposition needs a function that is linear in the inputs that are transposed.",
        fix="jaxlite.vjp(f, x)[1] transposes the linearization of a nonlinear f at x.",
    )


@cached_by_jaxpr
def transpose_jaxpr(
    jaxpr: Jaxpr, linear: tuple[bool, ...], ct_nonzero: tuple[bool, ...], instantiate_cts: bool = False
) -> tuple[Jaxpr, tuple[bool, ...]]:
    """Turn a program into its transpose.

    Parameters
    ----------
    jaxpr : Jaxpr
        ``(x_1, …, x_n) -> (y_1, …, y_m)``, linear in the marked inputs, without constvars.
    linear : tuple of bool
        Which inputs to transpose; the others are residuals.
    ct_nonzero : tuple of bool
        Which outputs have a cotangent.
    instantiate_cts : bool
        Whether zero cotangents come out as arrays.

    Returns
    -------
    jaxpr : Jaxpr
        ``(residuals, ȳ_j where ct_nonzero) -> (x̄_i where linear and nonzero_out)``.
    nonzero_out : tuple of bool
        One per linear input.

    Raises
    ------
    TransposeError
        If an equation is not linear in a linear input.
    """
    nonzero_out: tuple[bool, ...] = ()
    num_residuals = linear.count(False)

    def transposed(*values):
        nonlocal nonzero_out
        residuals, given = iter(values[:num_residuals]), iter(values[num_residuals:])
        args = [Linear(a) if lin else next(residuals) for a, lin in zip(jaxpr.in_avals, linear, strict=True)]
        cts = [
            next(given) if nz else Zero(a.to_tangent())
            for a, nz in zip(jaxpr.out_avals, ct_nonzero, strict=True)
        ]
        cts_in = backward_pass(jaxpr, (), args, cts)
        if instantiate_cts:
            cts_in = [instantiate(ct) for ct in cts_in]
        nonzero_out = tuple(type(ct) is not Zero for ct in cts_in)
        return [ct for ct in cts_in if type(ct) is not Zero]

    avals = [a for a, lin in zip(jaxpr.in_avals, linear, strict=True) if not lin]
    avals += [a.strip_weak_type() for a, nz in zip(jaxpr.out_avals, ct_nonzero, strict=True) if nz]
    out = stage_rule(transposed, avals, "transpose")
    return out, nonzero_out
