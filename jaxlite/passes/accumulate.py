"""Accumulate: a sum of products over the steps of a loop is one product after the loop.

    w = scan[ … w: p = dot_general a b (outer product); v = add w p in (v, …) ] w0 …
->  the loop stacks a and b, and after it  w = w0 + dot_general[contracting the steps too] a b

The gradient by a matrix that a recurrent step multiplies with is such a sum: the loop would read and write the whole
of it at each step, a product of BLAS once. The sum is taken in another order. What is stacked must be smaller than the
sum, and fit into the caches.
"""

from __future__ import annotations

from typing import NamedTuple

from jaxlite.ir import PRIMITIVES, Atom, Eqn, Jaxpr, Var, cached_by_jaxpr
from jaxlite.passes.dce import dce
from jaxlite.passes.walk import equation, expanded

# Sums of fewer elements stay in the first cache; stacks of more bytes would leave the last one.
_SMALLEST_SUM = 512
_LARGEST_STACKS = 1 << 23


class _Sum(NamedTuple):
    """A carry that only adds up: its position, and the products that are added to it."""

    carry: int
    products: list[Eqn]


@cached_by_jaxpr
def accumulate(jaxpr: Jaxpr) -> Jaxpr:
    """Take sums of products out of scans.

    Parameters
    ----------
    jaxpr : Jaxpr

    Returns
    -------
    Jaxpr
        The same object if no scan adds up products.
    """
    return expanded(jaxpr, accumulate, {"scan": _without_sums})


def _sums(eqn: Eqn) -> list[_Sum]:
    body, num_consts = eqn.params["jaxpr"], eqn.params["num_consts"]
    makers = {v: e for e in body.eqns for v in e.outvars}
    uses: dict[Var, int] = {}
    for v in (*(v for e in body.eqns for v in e.invars), *body.outvars):
        if type(v) is Var:
            uses[v] = uses.get(v, 0) + 1
    constant = set(body.invars[:num_consts])
    found, stacked = [], 0.0
    for k in range(eqn.params["num_carry"]):
        carry = body.invars[num_consts + k]
        terms = _terms(body.outvars[k], carry, makers, uses)
        if not terms or carry.aval.size < _SMALLEST_SUM or carry.aval.dtype.kind != "f":
            continue
        products = [makers.get(v) for v in terms]
        if not all(p is not None and _can_wait(p, uses, constant) for p in products):
            continue
        size = sum(v.aval.size * v.aval.dtype.itemsize for p in products for v in p.invars)
        smaller = 4 * size <= carry.aval.size * carry.aval.dtype.itemsize * len(products)
        if smaller and stacked + size * eqn.params["length"] <= _LARGEST_STACKS:
            stacked += size * eqn.params["length"]
            found.append(_Sum(k, products))
    return found


def _terms(total: Atom, carry: Var, makers: dict[Var, Eqn], uses: dict[Var, int]) -> list[Atom]:
    """Return what is added to a carry; nothing where the carry is read otherwise, or parts of the sum are."""
    terms: list[Atom] = []
    while total is not carry:
        eqn = makers.get(total)
        if eqn is None or eqn.primitive.name not in ("add", "add_any") or uses[total] != 1:
            return []
        x, y = eqn.invars
        # The side on which the carry is: no term can be a sum with it inside, as each part is used once.
        onward = y if y is carry or (x is not carry and _leads_to(y, carry, makers)) else x
        terms.append(x if onward is y else y)
        total = onward
    return terms if uses[carry] == 1 else []


def _leads_to(atom: Atom, carry: Var, makers: dict[Var, Eqn]) -> bool:
    while (eqn := makers.get(atom)) is not None and eqn.primitive.name in ("add", "add_any"):
        if carry in eqn.invars:
            return True
        atom = eqn.invars[0]
    return False


def _can_wait(product: Eqn, uses: dict[Var, int], constant: set[Var]) -> bool:
    """Whether a product is of two values of the step, and nothing but the sum reads it."""
    if product.primitive.name != "dot_general" or uses[product.outvars[0]] != 1:
        return False
    _, (batch, _) = product.params["dimension_numbers"]
    return not batch and all(type(v) is Var and v not in constant for v in product.invars)


def _without_sums(eqn: Eqn) -> list[Eqn]:
    sums = _sums(eqn)
    if not sums:
        return [eqn]
    params, body = eqn.params, eqn.params["jaxpr"]
    num_consts, num_carry = params["num_consts"], params["num_carry"]
    gone = {s.carry for s in sums}
    factors = list(dict.fromkeys(v for s in sums for p in s.products for v in p.invars))
    given = dict(
        zip(body.invars[num_consts + num_carry :], eqn.invars[num_consts + num_carry :], strict=True)
    )
    made = [v for v in factors if v not in given]
    stacks = {v: given[v] if v in given else Var(v.aval.stacked(params["length"])) for v in factors}

    removed = {num_consts + k for k in gone}
    inner = Jaxpr(
        tuple([v for n, v in enumerate(body.invars) if n not in removed]),
        body.constvars,
        body.eqns,
        (*(v for k, v in enumerate(body.outvars) if k not in gone), *made),
    )
    loop = eqn.replace(
        invars=tuple([v for n, v in enumerate(eqn.invars) if n not in removed]),
        outvars=(*(v for k, v in enumerate(eqn.outvars) if k not in gone), *(stacks[v] for v in made)),
        params={**params, "jaxpr": dce(inner), "num_carry": num_carry - len(gone)},
    )
    after = [loop]
    for s in sums:
        total = eqn.invars[num_consts + s.carry]
        for n, product in enumerate(s.products):
            summed = _over_steps(product, [stacks[v] for v in product.invars])
            last = n == len(s.products) - 1
            out = eqn.outvars[s.carry] if last else Var(summed.outvars[0].aval)
            after += [summed, Eqn(PRIMITIVES["add"], (total, summed.outvars[0]), (out,), {}, product.source)]
            total = out
    return after


def _over_steps(product: Eqn, operands: list[Atom]) -> Eqn:
    """Return the product of the stacks, which sums over the steps as well."""
    (lhs, rhs), _ = product.params["dimension_numbers"]
    contracted = (0, *(d + 1 for d in lhs)), (0, *(d + 1 for d in rhs))
    params = {**product.params, "dimension_numbers": (contracted, ((), ()))}
    return equation("dot_general", operands, params, product.source)
