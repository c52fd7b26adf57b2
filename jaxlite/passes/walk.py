"""What every pass does: replace operands, and go into the programs among the params."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from jaxlite.ir import PRIMITIVES, Atom, Eqn, Jaxpr, Var
from jaxlite.source import Source


def substitute(atoms: tuple[Atom, ...], env: Mapping[Var, Atom]) -> tuple[Atom, ...]:
    """Replace variables; the same tuple back when none is replaced."""
    for atom in atoms:
        if atom in env:
            return tuple([env.get(atom, atom) for atom in atoms])
    return atoms


def with_invars(eqn: Eqn, invars: tuple[Atom, ...]) -> Eqn:
    return eqn if invars is eqn.invars else Eqn(eqn.primitive, invars, eqn.outvars, eqn.params, eqn.source)


def equation(name: str, operands: Sequence[Atom], params: dict, source: Source | None) -> Eqn:
    """Return a new equation with new results."""
    primitive = PRIMITIVES[name]
    avals = primitive.abstract_eval(*[atom.aval for atom in operands], **params)
    return Eqn(primitive, tuple(operands), tuple(map(Var, avals)), params, source)


def expanded(
    jaxpr: Jaxpr, run_pass: Callable[[Jaxpr], Jaxpr], rules: Mapping[str, Callable[[Eqn], Sequence[Eqn]]]
) -> Jaxpr:
    """Replace equations by what the rules for their primitives make of them, inside programs first."""
    eqns: list[Eqn] = []
    for eqn in jaxpr.eqns:
        eqn = map_programs(eqn, run_pass)
        rule = rules.get(eqn.primitive.name)
        eqns += rule(eqn) if rule else (eqn,)
    return rebuilt(jaxpr, eqns, jaxpr.outvars)


def map_programs(eqn: Eqn, function: Callable[[Jaxpr], Jaxpr]) -> Eqn:
    """Apply a pass to every program among the params; the same equation back when none changes."""
    if not eqn.params:
        return eqn
    changed = {}
    for name, value in eqn.params.items():
        new = _map_param(value, function)
        if new is not value:
            changed[name] = new
    return eqn.replace(params={**eqn.params, **changed}) if changed else eqn


def _map_param(value, function):
    if type(value) is Jaxpr:
        return function(value)
    if type(value) is tuple and any(type(item) is Jaxpr for item in value):
        items = tuple([function(item) if type(item) is Jaxpr else item for item in value])
        return value if same_items(items, value) else items
    return value


def same_items(xs: Sequence, ys: Sequence) -> bool:
    """Whether two sequences hold the very same objects."""
    return len(xs) == len(ys) and all(x is y for x, y in zip(xs, ys, strict=True))


def rebuilt(
    jaxpr: Jaxpr, eqns: Sequence[Eqn], outvars: tuple[Atom, ...], invars: tuple[Var, ...] | None = None
) -> Jaxpr:
    """Return the program with other equations and results; the same object when nothing is different."""
    invars = jaxpr.invars if invars is None or same_items(invars, jaxpr.invars) else invars
    outvars = jaxpr.outvars if same_items(outvars, jaxpr.outvars) else outvars
    if invars is jaxpr.invars and outvars is jaxpr.outvars and same_items(eqns, jaxpr.eqns):
        return jaxpr
    return Jaxpr(invars, jaxpr.constvars, tuple(eqns), outvars)


def select(items: Sequence, mask: Sequence[bool]) -> tuple:
    """Return the items where the mask holds."""
    return tuple([item for item, wanted in zip(items, mask, strict=True) if wanted])
