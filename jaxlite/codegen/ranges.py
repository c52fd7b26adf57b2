"""Between which integers a value lies, as far as its equations say: indices that are in range need no check.

c:i64[9] = iota[…]                          0 … 8
_ d:i64[9] = sort[num_keys=1] x c           0 … 8: the same numbers in another order
e:bool[9] = lt d 0                          0 … 0: it is never so
f:i64[9] = select_n e d (d + 9)             0 … 8
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from jaxlite.ir import Atom, Eqn, Literal, Var

Range = tuple[int, int]
# From the ranges of the operands, None where nothing is known, to those of the results.
Rule = Callable[[Eqn, Sequence[Range | None]], Sequence[Range | None]]


def ranges_of(eqns: Sequence[Eqn]) -> dict[Var, Range]:
    """Return the ranges of the integers and bools that are known, smallest and largest value."""
    known: dict[Var, Range] = {}

    def read(atom: Atom) -> Range | None:
        if type(atom) is Literal:
            return (int(atom.val),) * 2 if atom.aval.dtype.kind in "biu" else None
        return known.get(atom)

    for eqn in eqns:
        rule = _RULES.get(eqn.primitive.name)
        if rule is None or all(v.aval.dtype.kind not in "biu" for v in eqn.outvars):
            continue
        for var, found in zip(eqn.outvars, rule(eqn, [read(a) for a in eqn.invars]), strict=False):
            if found is not None and _fits(found, var.aval.dtype):
                known[var] = found
    return known


def _fits(found: Range, dtype: np.dtype) -> bool:
    """Whether arithmetic that gives these numbers does not wrap around."""
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return dtype.kind in "biu" and low <= found[0] and found[1] <= high


def _all(ranges: Sequence[Range | None]) -> Range | None:
    if not ranges or None in ranges:
        return None
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _same(eqn: Eqn, operands):
    """The elements of the first operand, some of them, or in other places."""
    return operands[:1]


def _sort(eqn: Eqn, operands):
    return operands


def _iota(eqn: Eqn, operands):
    (out,) = eqn.outvars
    return [(0, max(out.aval.shape[eqn.params["dimension"]] - 1, 0))]


def _places(eqn: Eqn, operands):
    """Where something lies along an axis of the operand."""
    shape = eqn.invars[0].aval.shape
    axis = eqn.params["axes"][0] if "axes" in eqn.params else -1
    return [(0, max(shape[axis] - 1, 0))]


def _top_k(eqn: Eqn, operands):
    return [None, *_places(eqn, operands)]


def _permutation(eqn: Eqn, operands):
    """The third result of an elimination says which row went where."""
    return [None, None, (0, max(eqn.invars[0].aval.shape[-2] - 1, 0))]


def _either(eqn: Eqn, operands):
    return [_all(operands)]


def _select(eqn: Eqn, operands):
    which, *cases = operands
    return [cases[which[0]] if which and which[0] == which[1] else _all(cases)]


def _clamp(eqn: Eqn, operands):
    low, x, high = operands
    if low is None or high is None or low[1] > high[0]:
        return [None]
    return [(low[0], high[1]) if x is None else tuple(min(max(x[k], low[k]), high[k]) for k in range(2))]


def _add(eqn: Eqn, operands):
    x, y = operands
    return [x and y and (x[0] + y[0], x[1] + y[1])]


def _sub(eqn: Eqn, operands):
    x, y = operands
    return [x and y and (x[0] - y[1], x[1] - y[0])]


def _mul(eqn: Eqn, operands):
    x, y = operands
    products = [a * b for a in x for b in y] if x and y else []
    return [(min(products), max(products)) if products else None]


def _whole(eqn: Eqn, operands) -> list[Range]:
    """Return the ranges of operands, of those that nothing is known of all that their type holds."""
    types = [np.iinfo(a.aval.dtype) if a.aval.dtype.kind in "iu" else None for a in eqn.invars]
    return [
        r if r is not None else t and (int(t.min), int(t.max)) for r, t in zip(operands, types, strict=True)
    ]


def _max(eqn: Eqn, operands):
    x, y = _whole(eqn, operands)
    return [x and y and (max(x[0], y[0]), max(x[1], y[1]))]


def _min(eqn: Eqn, operands):
    x, y = _whole(eqn, operands)
    return [x and y and (min(x[0], y[0]), min(x[1], y[1]))]


def _rem(eqn: Eqn, operands):
    """Of the sign of the dividend, and smaller than the divisor."""
    x, y = operands
    if x is None or y is None or x[0] < 0 or y[0] < 1:
        return [None]
    return [(0, min(x[1], y[1] - 1))]


def _and(eqn: Eqn, operands):
    """At most as large as either, if that is not negative."""
    bounds = [r[1] for r in operands if r is not None and r[0] >= 0]
    return [(0, min(bounds)) if bounds else None]


def _compared(never: Callable, always: Callable) -> Rule:
    def rule(eqn: Eqn, operands):
        x, y = operands
        if x is None or y is None:
            return [None]
        return [(1, 1) if always(x, y) else (0, 0) if never(x, y) else None]

    return rule


_below = _compared(lambda x, y: x[0] >= y[1], lambda x, y: x[1] < y[0])
_at_most = _compared(lambda x, y: x[0] > y[1], lambda x, y: x[1] <= y[0])

_ARRANGING = (
    "broadcast_in_dim convert_element_type copy dynamic_slice expand_dims reduce_max reduce_min reshape rev slice "
    "squeeze stop_gradient take_along_dim transpose"
)
_RULES: dict[str, Rule] = {
    **dict.fromkeys(_ARRANGING.split(), _same),
    **dict.fromkeys(("concatenate", "pad"), _either),
    **dict.fromkeys(("argmax", "argmin"), _places),
    "add": _add,
    "and": _and,
    "clamp": _clamp,
    "ge": lambda eqn, operands: _at_most(eqn, operands[::-1]),
    "gt": lambda eqn, operands: _below(eqn, operands[::-1]),
    "iota": _iota,
    "le": _at_most,
    "lt": _below,
    "lu": _permutation,
    "max": _max,
    "min": _min,
    "mul": _mul,
    "rem": _rem,
    "select_n": _select,
    "sort": _sort,
    "sub": _sub,
    "top_k": _top_k,
}
