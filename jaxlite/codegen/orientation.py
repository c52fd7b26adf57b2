"""Products whose result is wanted transposed: the other order of the operands gives it at once.

    c = dot_general[(k,k)] a b         c' = dot_general[(k,k)] b a        each element is the same sum
    d = transpose c             ->     (c' stands where d is wanted)

The transpose rules of products leave such pairs in every gradient.
"""

from __future__ import annotations

from collections import Counter

from jaxlite.ir import Eqn, Jaxpr, Var

# What `rules_contraction` lowers by itself; the rest is left as it is.
_NATIVE = ("f4", "f8", "c8", "c16")


def oriented(jaxpr: Jaxpr) -> tuple[Eqn, ...]:
    """Return the equations of a program, pairs of product and transpose as one product.

    Parameters
    ----------
    jaxpr : Jaxpr

    Returns
    -------
    tuple of Eqn
    """
    uses = Counter(a for eqn in jaxpr.eqns for a in eqn.invars if type(a) is Var)
    uses.update(a for a in jaxpr.outvars if type(a) is Var)
    products = {e.outvars[0]: e for e in jaxpr.eqns if e.primitive.name == "dot_general"}
    swapped: dict[Eqn, Eqn] = {}
    dropped = set()
    for eqn in jaxpr.eqns:
        if eqn.primitive.name != "transpose":
            continue
        product = products.get(eqn.invars[0])
        if product is None or uses[eqn.invars[0]] > 1:
            continue
        if _exchanges_sides(product, eqn.params["permutation"]):
            swapped[product] = _swapped(product, eqn)
            dropped.add(eqn)
    if not swapped:
        return jaxpr.eqns
    return tuple(swapped.get(eqn, eqn) for eqn in jaxpr.eqns if eqn not in dropped)


def _exchanges_sides(product: Eqn, permutation: tuple[int, ...]) -> bool:
    lhs, rhs = (atom.aval for atom in product.invars)
    (contract, _), (batch, _) = product.params["dimension_numbers"]
    nb, nm = len(batch), len(lhs.shape) - len(contract) - len(batch)
    size = len(product.outvars[0].aval.shape)
    wanted = (*range(nb), *range(nb + nm, size), *range(nb, nb + nm))
    native = lhs.dtype == rhs.dtype == product.outvars[0].aval.dtype and lhs.dtype.str[1:] in _NATIVE
    return native and tuple(permutation) == wanted


def _swapped(product: Eqn, transpose: Eqn) -> Eqn:
    (contract, batch), (left, right) = product.params["dimension_numbers"], product.invars
    params = {
        **product.params,
        "dimension_numbers": ((contract[1], contract[0]), (batch[1], batch[0])),
    }
    return product.replace(invars=(right, left), outvars=transpose.outvars, params=params)
