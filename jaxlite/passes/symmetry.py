"""Symmetry: of sums along the rows and along the columns of what is equal but for the order of axes and for sign, one.

    { lambda ; a:f64[9]. let              h[i, j] = a[i] - a[j], h[j, i] = -h[i, j]
        b:f64[9,9] = broadcast_in_dim[broadcast_dimensions=(0,) shape=(9, 9)] a
        c:f64[9,9] = broadcast_in_dim[broadcast_dimensions=(1,) shape=(9, 9)] a
        h:f64[9,9] = sub b c
        d:f64[9] = reduce_sum[axes=(1,)] h
        e:f64[9] = reduce_sum[axes=(0,)] h
      in (d, e) }
->      e:f64[9] = sub 0.0:f64[] d

The gradient of whatever pairs interact by adds up what each one does to all others, and what all others do to it. Each
value gets a number, the same for all that are equal once their axes are permuted, and a sign. Elements are the same
bits then, but for the sign of zeros, which is why nothing that tells 0.0 from -0.0 (a divisor) is read with a sign.
Sums add them up in another order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator

from jaxlite.ir import Atom, Eqn, Jaxpr, Literal, ShapedArray, Var, cached_by_jaxpr
from jaxlite.lowering import Elementwise
from jaxlite.passes.cse import COMMUTATIVE
from jaxlite.passes.keys import literal_key, params_key
from jaxlite.passes.walk import equation, map_programs, rebuilt, substitute, with_invars

# f(-x) = -f(x), and f(-x) = f(x) whatever the sign of a zero.
_ODD = frozenset(
    ("sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh", "erf", "cbrt", "convert_element_type", "copy")
)  # fmt: skip
_EVEN = frozenset(("square", "abs", "cos", "cosh"))

# What is asked for: a value, how its axes are permuted (axis k is axis order[k] of it), and whether up to a sign.
_Request = tuple[Atom, tuple[int, ...], bool]
# A sign, 0 for zeros, which have either, and a number.
_Signed = tuple[int, int]


@cached_by_jaxpr
def symmetry(jaxpr: Jaxpr) -> Jaxpr:
    """Let sums that are equal by symmetry be computed once.

    Parameters
    ----------
    jaxpr : Jaxpr

    Returns
    -------
    Jaxpr
        The same object if no two sums were equal.
    """
    alike = Counter(map(_kind_of_sum, jaxpr.eqns))
    del alike[None]
    numbers = _Numbers(jaxpr) if any(count > 1 for count in alike.values()) else None
    env: dict[Var, Atom] = {}
    first: dict[int, tuple[int, Var]] = {}
    eqns: list[Eqn] = []
    for eqn in jaxpr.eqns:
        kind = _kind_of_sum(eqn)
        eqn = map_programs(with_invars(eqn, substitute(eqn.invars, env)), symmetry)
        if alike.get(kind, 0) < 2:
            eqns.append(eqn)
            continue
        (out,) = eqn.outvars
        sign, number = numbers.of((out, tuple(range(len(out.aval.shape))), True))
        if number not in first:
            turn, inner = _innermost(eqn, numbers)
            eqns.append(inner)
            first[number] = sign * turn, inner.outvars[0]
        known_sign, known = first[number]
        if sign != known_sign:
            # No sum is -0.0, which neg makes of those that cancel.
            zero = Literal(out.aval.dtype.type(0), ShapedArray((), out.aval.dtype))
            eqns.append(equation("sub", (zero, known), {}, eqn.source).replace(outvars=(out,)))
        elif known is not out:
            env[out] = known
    return rebuilt(jaxpr, eqns, substitute(jaxpr.outvars, env))


def _innermost(eqn: Eqn, numbers: _Numbers) -> tuple[int, Eqn]:
    """Return what sums along the last axis that gives the same numbers, and the sign that these have then."""
    (x,), axes = eqn.invars, eqn.params["axes"]
    shape = x.aval.shape
    if len(axes) == 1:
        (axis,) = axes
        order = lambda d: (d, *(e for e in range(len(shape)) if e != d))  # noqa: E731
        sign, number = numbers.of((x, order(axis), True))
        for last in reversed(range(axis + 1, len(shape))):
            if shape[last] == shape[axis]:
                its_sign, its_number = numbers.of((x, order(last), True))
                if its_number == number:
                    return sign * its_sign, equation(
                        "reduce_sum", (x,), {**eqn.params, "axes": (last,)}, eqn.source
                    )
    return 1, eqn


def _kind_of_sum(eqn: Eqn) -> tuple | None:
    """Return what two sums must have in common to be equal, None for whatever is no sum."""
    if eqn.primitive.name != "reduce_sum":
        return None
    return eqn.outvars[0].aval, tuple(sorted(eqn.invars[0].aval.shape))


class _Numbers:
    """Numbers of values, computed when they are asked for."""

    def __init__(self, jaxpr: Jaxpr):
        self.makers = {var: eqn for eqn in jaxpr.eqns for var in eqn.outvars}
        self.known: dict[_Request, _Signed] = {}
        self.numbers: dict[tuple, int] = {}

    def of(self, request: _Request) -> _Signed:
        """Return sign and number of a value; programs are deeper than Python's stack."""
        stack, answer = [(request, self._steps(request))], None
        while stack:
            asked, steps = stack[-1]
            try:
                wanted = steps.send(answer)
            except StopIteration as end:
                answer = self.known[asked] = end.value
                stack.pop()
                continue
            answer = self.known.get(wanted)
            if answer is None:
                stack.append((wanted, self._steps(wanted)))
        return answer

    def _number(self, *term) -> int:
        return self.numbers.setdefault(term, len(self.numbers))

    def _steps(self, request: _Request) -> Generator[_Request, _Signed, _Signed]:
        """Compute a number from those of the operands, which are asked for."""
        atom, order, signed = request
        signed = signed and atom.aval.dtype.kind == "f"
        if type(atom) is Literal:
            return self._literal(atom, signed)
        eqn = self.makers.get(atom)
        if eqn is None or len(eqn.outvars) > 1 or eqn.effects:
            return 1, self._number(atom, order)
        name, rule = eqn.primitive.name, _RULES.get(eqn.primitive.name)
        if name == "iota":
            return 1, self._of_iota(eqn, order)
        if rule is not None:
            return (yield from rule(self, eqn, order, signed))
        if not isinstance(eqn.primitive.lower, Elementwise):
            return 1, self._number(atom, order)
        operands = [(x, order if x.aval.shape else ()) for x in eqn.invars]
        rule = _SIGNED_RULES.get(name) if signed else None
        if rule is not None:
            return (yield from rule(self, eqn, operands))
        is_even = name in _EVEN or (
            name == "integer_pow" and eqn.params["y"] % 2 == 0 and eqn.params["y"] > 0
        )
        _, found = yield from self._each(operands, is_even)
        if name == "mul" and found[0] == found[1]:
            # x·x of what is the same up to a sign.
            _, found = yield from self._each(operands, True)
        if name in COMMUTATIVE:
            found.sort()
        return 1, self._number(eqn.primitive, params_key(eqn.params), *found)

    def _each(self, operands, signed: bool):
        signs, found = [], []
        for x, order in operands:
            sign, number = yield x, order, signed
            signs.append(sign)
            found.append(number)
        return signs, found

    def _literal(self, atom: Literal, signed: bool) -> _Signed:
        if signed and atom.val == 0:
            return 0, self._number(0.0, atom.aval)
        if signed and atom.val < 0:
            return -1, self._number(literal_key(Literal(-atom.val, atom.aval)))
        return 1, self._number(literal_key(atom))

    def _of_iota(self, eqn: Eqn, order) -> int:
        shape, place = eqn.params["shape"], order.index(eqn.params["dimension"])
        return self._number("iota", place, tuple(shape[d] for d in order), eqn.outvars[0].aval.dtype)

    # --- operations whose sign follows from those of their operands: generators (eqn, [(operand, order), …])

    def _odd(self, eqn: Eqn, operands):
        (sign, *_), found = yield from self._each(operands, True)
        return sign, self._number(eqn.primitive, params_key(eqn.params), *found)

    def _neg(self, eqn: Eqn, operands):
        (sign,), (number,) = yield from self._each(operands, True)
        return -sign, number

    def _sum(self, eqn: Eqn, operands):
        (x_sign, y_sign), (x, y) = yield from self._each(operands, True)
        if eqn.primitive.name == "sub":
            y_sign = -y_sign
        (a, first), (b, second) = sorted(((x, x_sign), (y, y_sign)), key=lambda term: term[0])
        return first or second, self._number("sum", a, b, first * second)

    def _product(self, eqn: Eqn, operands):
        (x_sign, y_sign), found = yield from self._each(operands, True)
        return x_sign * y_sign, self._number("product", *sorted(found))

    def _quotient(self, eqn: Eqn, operands):
        dividend, divisor = operands
        (sign,), (number,) = yield from self._each([dividend], True)
        _, (by,) = yield from self._each([divisor], False)
        return sign, self._number("quotient", number, by)

    def _choice(self, eqn: Eqn, operands):
        which, *cases = operands
        _, (condition,) = yield from self._each([which], False)
        signs, found = yield from self._each(cases, True)
        sign = next((s for s in signs if s), 0)
        return sign, self._number("choice", condition, *found, *(sign * s for s in signs))

    # --- operations on axes: generators (eqn, order, signed)

    def _broadcast(self, eqn: Eqn, order, signed: bool):
        (x, *_), dims = eqn.invars, eqn.params["broadcast_dimensions"]
        places = [order.index(d) for d in dims]
        its_order = tuple(sorted(range(len(places)), key=places.__getitem__))
        shape = tuple(eqn.params["shape"][d] for d in order)
        sign, number = yield x, its_order, signed
        return sign, self._number("broadcast", tuple(sorted(places)), shape, number)

    def _transpose(self, eqn: Eqn, order, signed: bool):
        (x,), permutation = eqn.invars, eqn.params["permutation"]
        return (yield x, tuple(permutation[d] for d in order), signed)

    def _total(self, eqn: Eqn, order, signed: bool):
        (x,), axes = eqn.invars, eqn.params["axes"]
        kept = [d for d in range(len(x.aval.shape)) if d not in axes]
        sign, number = yield x, (*sorted(axes), *(kept[d] for d in order)), signed
        return sign, self._number("total", len(axes), number)


_RULES = {
    "broadcast_in_dim": _Numbers._broadcast,
    "transpose": _Numbers._transpose,
    "reduce_sum": _Numbers._total,
}
_SIGNED_RULES = {
    **dict.fromkeys(_ODD, _Numbers._odd),
    "neg": _Numbers._neg,
    "add": _Numbers._sum,
    "add_any": _Numbers._sum,
    "sub": _Numbers._sum,
    "mul": _Numbers._product,
    "div": _Numbers._quotient,
    "select_n": _Numbers._choice,
}
