"""Ahead: products of a constant with the inputs of each step of a loop are one product before the loop.

    scan[ … u c x: p = dot_general u x; … ] u c xs
->  ps = dot_general xs u
    scan[ … c p: … ] c ps

A recurrent network multiplies each of its inputs with a matrix; BLAS does so faster for all of them at once. The sums
may be taken in another order. What is computed ahead must fit into the caches.
"""

from __future__ import annotations

from jaxlite.ir import Atom, Eqn, Jaxpr, Literal, Var, cached_by_jaxpr
from jaxlite.passes.walk import equation, expanded

# A smaller constant stays in registers; more bytes than that leave the last cache.
_SMALLEST_CONSTANT = 64
_LARGEST_STACKS = 1 << 23


@cached_by_jaxpr
def ahead(jaxpr: Jaxpr) -> Jaxpr:
    """Take products with constants out of scans.

    Parameters
    ----------
    jaxpr : Jaxpr

    Returns
    -------
    Jaxpr
        The same object if no scan multiplies its inputs with constants.
    """
    return expanded(jaxpr, ahead, {"scan": _without_products})


def _without_products(eqn: Eqn) -> list[Eqn]:
    params, body = eqn.params, eqn.params["jaxpr"]
    num_consts, whole = params["num_consts"], params["num_consts"] + params["num_carry"]
    outside: dict[Atom, Atom] = dict(zip(body.invars, eqn.invars, strict=True))
    constants, inputs = set(body.invars[:num_consts]), set(body.invars[whole:])
    before: list[Eqn] = []
    taken: dict[Var, Var] = {}
    room = _LARGEST_STACKS
    for product in body.eqns:
        if product.primitive.name != "dot_general":
            continue
        step = [k for k, v in enumerate(product.invars) if v in inputs]
        if len(step) != 1 or product.invars[1 - step[0]] not in constants:
            continue
        (out,) = product.outvars
        size = out.aval.size * out.aval.dtype.itemsize * params["length"]
        if product.invars[1 - step[0]].aval.size >= _SMALLEST_CONSTANT and size <= room and size:
            made = _for_all_steps(product, step[0], outside)
            if made:
                before += made
                taken[out] = made[-1].outvars[0]
                room -= size
    if not taken:
        return [eqn]
    inner = Jaxpr(
        (*body.invars, *taken),
        body.constvars,
        tuple([e for e in body.eqns if e.outvars[0] not in taken]),
        body.outvars,
    )
    return [*before, eqn.replace(invars=(*eqn.invars, *taken.values()), params={**params, "jaxpr": inner})]


def _for_all_steps(product: Eqn, step: int, outside: dict[Atom, Atom]) -> list[Eqn]:
    """Return equations that give the product for each step; none where it has batch dimensions."""
    contracted, (batch, _) = product.params["dimension_numbers"]
    x, constant = product.invars[step], product.invars[1 - step]
    operands = outside[x], outside[constant]
    if batch or any(type(v) is Literal for v in operands):
        return []
    dims = tuple([d + 1 for d in contracted[step]]), tuple(contracted[1 - step])
    params = {**product.params, "dimension_numbers": (dims, ((), ()))}
    eqns = [equation("dot_general", operands, params, product.source)]
    # (step, rest of x, rest of the constant), where the loop may want the constant's first.
    rank, rest = len(eqns[0].outvars[0].aval.shape), len(x.aval.shape) - len(contracted[step])
    if step == 1 and rest and rank > 1 + rest:
        permutation = (0, *range(1 + rest, rank), *range(1, 1 + rest))
        eqns.append(equation("transpose", eqns[0].outvars, {"permutation": permutation}, product.source))
    return eqns
