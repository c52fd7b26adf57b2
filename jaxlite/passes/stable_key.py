"""A key of a program that another process finds too: a hash of what the program is, and of nothing else.

    stable_key({ lambda ; a:f64[]. let b:f64[] = sin a in (b,) })  ->  '416d…' (64 hexadecimal digits)

`keys` answers whether two programs at hand are equal and may compare callables by identity; here everything must
have bytes of its own. A program that holds a Python function has none, and no key.

What is hashed is a list of short texts, from which the program could be read back::

    consts 0 │ inputs 1 │ <f8() │ eqn sin Elementwise(operation='sin') │ 0 │ 0 1 │ <f8() │ outputs 1
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib

import numpy as np

from jaxlite.ir import Jaxpr, Literal, ShapedArray, Tape, cached_by_jaxpr


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
        SHA-256 over primitives and how they are declared to be lowered, their effects, params, types with weakness,
        bits of literals and the wiring, in hexadecimal; None where a param is a Python function or another object
        without a meaning of its own.

    Examples
    --------
    >>> from jaxlite.parsing import parse_jaxpr
    >>> one = stable_key(parse_jaxpr("{ lambda ; a:f64[]. let b:f64[] = mul a 0.0:f64[] in (b,) }"))
    >>> same = stable_key(parse_jaxpr("{ lambda ; x:f64[]. let y:f64[] = mul x 0.0:f64[] in (y,) }"))
    >>> other = stable_key(parse_jaxpr("{ lambda ; a:f64[]. let b:f64[] = mul a -0.0:f64[] in (b,) }"))
    >>> one == same, one == other
    (True, False)
    """
    try:
        return _digest(jaxpr)
    except _NoBytes:
        return None


@cached_by_jaxpr
def _digest(jaxpr: Jaxpr) -> str:
    """Return the key of a program; those inside of it stand there by their keys, shared or written out."""
    parts: list[str] = []
    numbers: dict = {}
    heads: dict = {}

    def bind(variables):
        for v in variables:
            numbers[v] = len(numbers)
            parts.append(_aval(v.aval))

    def atom(a):
        return _literal(a) if type(a) is Literal else str(numbers[a])

    parts.append(f"consts {len(jaxpr.constvars)}")
    bind(jaxpr.constvars)
    parts.append(f"inputs {len(jaxpr.invars)}")
    bind(jaxpr.invars)
    for eqn in jaxpr.eqns:
        primitive = eqn.primitive
        head = heads.get(primitive)
        if head is None:
            # A user's primitive of the same name may be another one.
            head = heads[primitive] = f"eqn {primitive.name} {primitive.lower} {sorted(primitive.effects)}"
        parts.append(head)
        parts.append(" ".join(map(atom, eqn.invars)))
        parts.append(f"{len(eqn.params)} {len(eqn.outvars)}")
        for name in sorted(eqn.params):
            parts.append(name)
            _param(eqn.params[name], parts)
        bind(eqn.outvars)
    parts.append(f"outputs {' '.join(map(atom, jaxpr.outvars))}")
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _literal(literal: Literal) -> str:
    return f"{_aval(literal.aval)}={np.asarray(literal.val, literal.aval.dtype).tobytes().hex()}"


def _aval(aval) -> str:
    if type(aval) is Tape:
        return f"tape{aval.stack}({' '.join(map(_aval, aval.elements))})"
    return f"{aval.dtype.str}{'*' if aval.weak_type else ''}{aval.shape}"


def _class(value) -> str:
    """Return the name of a value's class: two of one name are in different modules."""
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def _param(value, parts: list[str]) -> None:
    kind = type(value)
    if value is None or kind in (bool, int, str, bytes):
        # The type too: 1 and True are equal. repr() writes control characters out.
        parts.append(f"{kind.__name__} {value!r}")
    elif kind in (float, complex) or isinstance(value, np.generic):
        array = np.asarray(value)
        if array.dtype.hasobject:
            raise _NoBytes(kind.__name__)
        parts.append(f"{kind.__name__} {array.dtype.str} {array.tobytes().hex()}")
    elif isinstance(value, enum.Enum):
        parts.append(f"{_class(value)}.{value.name}")
    elif isinstance(value, np.dtype):
        parts.append(f"dtype {value.descr if value.names else value.str}")
    elif kind is Jaxpr:
        parts.append(f"program {_digest(value)}")
    elif kind is ShapedArray or kind is Tape:
        parts.append(_aval(value))
    elif isinstance(value, tuple | list):
        # A named tuple of the same items as another is not the same.
        parts.append(f"{kind.__name__ if kind in (tuple, list) else _class(value)}[{len(value)}]")
        for item in value:
            _param(item, parts)
    elif kind is frozenset:
        _unordered("frozenset", ([item] for item in value), parts)
    elif kind is dict:
        _unordered("dict", value.items(), parts)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type) and not callable(value):
        fields = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
        parts.append(f"{_class(value)}[{len(fields)}]")
        for name, item in fields:
            parts.append(name)
            _param(item, parts)
    else:
        raise _NoBytes(kind.__name__)


def _unordered(kind: str, groups, parts: list[str]) -> None:
    """Write groups of items, sorted by what is written: the order of a set depends on the process."""
    written = []
    for group in groups:
        own: list[str] = []
        for item in group:
            _param(item, own)
        written.append(own)
    parts.append(f"{kind} {sorted(written)}")
