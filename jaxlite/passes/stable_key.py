"""A key of a program that another process finds too: a hash of what the program is, and of nothing else.

    stable_key({ lambda ; a:f64[]. let b:f64[] = sin a in (b,) })  ->  'c1f0…' (64 hexadecimal digits)

`keys` answers whether two programs at hand are equal and may compare callables by identity; here everything must
have bytes of its own. A program that holds a Python function has none, and no key.
"""

from __future__ import annotations

import enum
import hashlib

import numpy as np

from jaxlite.ir import Jaxpr, Literal, ShapedArray, Tape


class _NoBytes(Exception):
    """A param has no bytes that mean the same in another process."""


def stable_key(jaxpr: Jaxpr) -> str | None:
    """Return the key of a program.

    Parameters
    ----------
    jaxpr : Jaxpr

    Returns
    -------
    str or None
        SHA-256 over primitives, params, types with weakness, bits of literals and the wiring, in hexadecimal; None
        where a param is a Python function or another object without a meaning of its own.
    """
    parts: list[str] = []
    try:
        _program(jaxpr, parts, {})
    except _NoBytes:
        return None
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _program(jaxpr: Jaxpr, parts: list[str], seen: dict[Jaxpr, int]) -> None:
    # A program that stands at two places is written once.
    if jaxpr in seen:
        parts.append(f"again {seen[jaxpr]}")
        return
    seen[jaxpr] = len(seen)
    numbers: dict = {}

    def bind(variables):
        for v in variables:
            numbers[v] = len(numbers)
            parts.append(_aval(v.aval))

    def atom(a):
        if type(a) is Literal:
            bits = np.asarray(a.val, a.aval.dtype).tobytes().hex()
            return f"{_aval(a.aval)}={bits}"
        return str(numbers[a])

    parts.append("consts")
    bind(jaxpr.constvars)
    parts.append("inputs")
    bind(jaxpr.invars)
    for eqn in jaxpr.eqns:
        parts.append(f"eqn {eqn.primitive.name} {' '.join(map(atom, eqn.invars))}")
        for name in sorted(eqn.params):
            parts.append(name)
            _param(eqn.params[name], parts, seen)
        bind(eqn.outvars)
    parts.append(f"outputs {' '.join(map(atom, jaxpr.outvars))}")


def _aval(aval) -> str:
    if isinstance(aval, Tape):
        return f"tape{aval.stack}({' '.join(map(_aval, aval.elements))})"
    return f"{aval.dtype.str}{'*' if aval.weak_type else ''}{aval.shape}"


def _param(value, parts: list[str], seen) -> None:
    kind = type(value)
    if value is None or kind in (bool, int, str):
        parts.append(f"{kind.__name__} {value!r}")
    elif kind in (float, complex) or isinstance(value, np.generic):
        array = np.asarray(value)
        parts.append(f"{kind.__name__} {array.dtype.str} {array.tobytes().hex()}")
    elif isinstance(value, enum.Enum):
        parts.append(f"{kind.__qualname__}.{value.name}")
    elif isinstance(value, np.dtype):
        parts.append(f"dtype {value.str}")
    elif kind is Jaxpr:
        _program(value, parts, seen)
    elif isinstance(value, ShapedArray | Tape):
        parts.append(_aval(value))
    elif isinstance(value, tuple | list):
        parts.append(f"{kind.__name__}[{len(value)}]")
        for item in value:
            _param(item, parts, seen)
    elif isinstance(value, frozenset):
        items = [[] for _ in value]
        for item, own in zip(value, items, strict=True):
            _param(item, own, seen)
        parts.append(f"frozenset {sorted(map(tuple, items))}")
    else:
        raise _NoBytes(kind.__name__)
