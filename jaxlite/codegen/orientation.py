"""Products whose result is wanted transposed: the other order of the operands gives it at once.

    c = dot_general[(k,k)] a b         c' = dot_general[(k,k)] b a        each element is the same sum
    d = transpose c             ->     (c' stands where d is wanted)

The transpose rules of products leave such pairs in every gradient.
"""

from __future__ import annotations

from collections import Counter

from jaxlite.codegen.external import letter_of
from jaxlite.ir import Eqn, Jaxpr, ShapedArray, Var


def oriented(jaxpr: Jaxpr) -> tuple[Eqn, ...]:
    """Return the equations of a program, products of which a transpose is wanted the other way round.

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
    replaced: dict[Eqn, tuple[Eqn, ...]] = {}
    for eqn in jaxpr.eqns:
        if eqn.primitive.name != "transpose":
            continue
        product = products.get(eqn.invars[0])
        if product is None or uses[eqn.invars[0]] > 1 or not _ends_with_the_left_side(product, eqn):
            continue
        replaced[product], replaced[eqn] = _swapped(product, eqn)
    if not replaced:
        return jaxpr.eqns
    return tuple(new for eqn in jaxpr.eqns for new in replaced.get(eqn, (eqn,)))


def _blocks(product: Eqn) -> tuple[int, int, int]:
    """Return how many axes of a result are batches, free ones of the left side, and of the right side."""
    (contract, _), (batch, _) = product.params["dimension_numbers"]
    lhs, rhs = (len(atom.aval.shape) - len(contract) - len(batch) for atom in product.invars)
    return len(batch), lhs, rhs


def _ends_with_the_left_side(product: Eqn, transpose: Eqn) -> bool:
    """Whether the axis that is walked in order at last is one of the left side: the other order makes it dense."""
    lhs, rhs = (atom.aval.dtype for atom in product.invars)
    if not lhs == rhs == product.outvars[0].aval.dtype or letter_of(lhs) is None:
        return False
    batch, left, _ = _blocks(product)
    return batch <= transpose.params["permutation"][-1] < batch + left


def _swapped(product: Eqn, transpose: Eqn) -> tuple[tuple[Eqn, ...], tuple[Eqn, ...]]:
    """Return what stands for the product, and for its transpose: nothing, where the product is it."""
    (contract, batched), (left, right) = product.params["dimension_numbers"], product.invars
    params = {
        **product.params,
        "dimension_numbers": ((contract[1], contract[0]), (batched[1], batched[0])),
    }
    batch, m, n = _blocks(product)
    moved = (*range(batch), *range(batch + n, batch + n + m), *range(batch, batch + n))
    permutation = tuple(moved[axis] for axis in transpose.params["permutation"])
    if permutation == tuple(range(len(permutation))):
        return (product.replace(invars=(right, left), outvars=transpose.outvars, params=params),), ()
    old = product.outvars[0].aval
    shape = (*old.shape[:batch], *old.shape[batch + m :], *old.shape[batch : batch + m])
    var = Var(ShapedArray(shape, old.dtype))
    turned = transpose.replace(invars=(var,), params={"permutation": permutation})
    return (product.replace(invars=(right, left), outvars=(var,), params=params),), (turned,)
