"""Keys: hashable values that are equal for equal equations and programs.

    mul a 2.0:f64[]   ->   (mul, (), (a, (f64[], b'\\x00…@')))

Numbers count by their bits (0.0 differs from -0.0, and nan equals nan), programs by their structure and not by the
names of variables or the lines they come from, callables by identity.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxlite.ir import Atom, Eqn, Jaxpr, Literal, cached_by_jaxpr


class Key:
    """A hashable value that hashes once."""

    __slots__ = ("_hash", "value")

    def __init__(self, value):
        self.value = value
        self._hash = hash(value)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other) -> bool:
        return self is other or (
            type(other) is Key and self._hash == other._hash and self.value == other.value
        )


@cached_by_jaxpr
def program_key(jaxpr: Jaxpr) -> Key:
    """Return what a program has in common with all programs of the same structure.

    Parameters
    ----------
    jaxpr : Jaxpr

    Returns
    -------
    Key
        Equal for two programs if `jaxpr_equal` holds for them.
    """
    numbers: dict[Any, int] = {}
    for var in (*jaxpr.constvars, *jaxpr.invars):
        numbers[var] = len(numbers)

    def operand(atom: Atom):
        return literal_key(atom) if type(atom) is Literal else numbers[atom]

    eqns = []
    for eqn in jaxpr.eqns:
        eqns.append((eqn.primitive, params_key(eqn.params), tuple(map(operand, eqn.invars))))
        for var in eqn.outvars:
            numbers[var] = len(numbers)
    consts = tuple(v.aval for v in jaxpr.constvars)
    return Key((consts, jaxpr.in_avals, tuple(eqns), tuple(map(operand, jaxpr.outvars))))


def eqn_key(eqn: Eqn, commutes: bool = False) -> tuple:
    """Return what an equation has in common with all that compute the same from the same variables."""
    operands = tuple([literal_key(a) if type(a) is Literal else a for a in eqn.invars])
    if commutes:
        operands = frozenset(operands) if operands[0] != operands[1] else operands
    return (eqn.primitive, params_key(eqn.params), operands)


def literal_key(literal: Literal) -> tuple:
    return (literal.aval, np.asarray(literal.val, literal.aval.dtype).tobytes())


def params_key(params: dict[str, Any]) -> tuple:
    return tuple([(name, _param_key(params[name])) for name in sorted(params)]) if params else ()


def _param_key(value):
    if type(value) is Jaxpr:
        return program_key(value)
    if isinstance(value, tuple):
        return (type(value), tuple(map(_param_key, value)))
    if isinstance(value, float | complex | np.generic):
        return (type(value), np.asarray(value).tobytes())
    # The type too: 1, 1.0 and True are equal.
    return (type(value), value)
