"""What equations cost, as far as passes ask: roughly, from their names and sizes.

The unit is an addition of one element, vectorised: 0.3 ns on a machine of 2024.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from jaxlite.ir import Eqn, Jaxpr, ShapedArray, cached_by_jaxpr, subjaxprs


def _names(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


# Puts elements elsewhere; fused into what reads it, it is an index.
ARRANGING = _names(
    "broadcast_in_dim reshape squeeze expand_dims transpose rev slice pad concatenate iota copy"
)
_CHEAP = _names(
    "add add_any sub mul neg abs sign max min clamp square select_n and or xor not eq ne lt le gt ge",
    "convert_element_type reduce_precision real imag complex conj floor ceil round is_finite",
    "shift_left shift_right_logical shift_right_arithmetic",
)
_DIVIDING = _names("div sqrt rsqrt")
# Not worth doing twice, nor at each step.
_EXPENSIVE = _names(
    "exp exp2 expm1 log log1p sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh logistic logaddexp",
    "pow integer_pow cbrt hypot erf erfc erf_inv lgamma digamma polygamma hyp1f1 hyp2f1 rem mod floor_div",
    "dot_general cholesky triangular_solve lu qr eigh eig svd schur hessenberg triangular_sylvester column_pivots",
    "geqrf gehrd tridiagonal householder_product ormqr left_eigenvectors",
    "fft sort cumsum cumprod cummax cummin cumlogsumexp",
    "reduce_sum reduce_prod reduce_max reduce_min argmax argmin scan",
)


def is_movable(eqn: Eqn) -> bool:
    """Whether an equation may be computed at another place: known here, without effects, and never failing."""
    name = eqn.primitive.name
    known = name in ARRANGING or name in _CHEAP or name in _DIVIDING or name in _EXPENSIVE
    return known and not eqn.effects


def is_expensive(eqn: Eqn) -> bool:
    """Whether an equation is not worth computing at each step, however large its result is."""
    if eqn.primitive.name == "dot_general":
        (contracted, _), _ = eqn.params["dimension_numbers"]
        return bool(contracted)
    return eqn.primitive.name in _EXPENSIVE


def recomputing(eqn: Eqn) -> float:
    """Return what computing an equation again costs; infinite where that is out of the question."""
    name, size = eqn.primitive.name, sum([v.aval.size for v in eqn.outvars])
    if name in ARRANGING:
        return 0.5 * size
    if name in _CHEAP:
        return 1.0 * size
    if name in _DIVIDING:
        return 4.0 * size
    return float("inf")


# --- elements of a vmap -------------------------------------------------------------------------------

# Loops whose length only the run tells.
UNKNOWN_LENGTH = 100
_LOOPS = _names("while tape_scan")
# Solved by a routine, one matrix after the other.
_ROUTINES = _names(
    "cholesky triangular_solve lu qr eigh eig svd schur hessenberg triangular_sylvester column_pivots fft sort",
    "geqrf gehrd tridiagonal householder_product ormqr left_eigenvectors",
)
# Left to Python, which takes so long for a call.
_HOST, _HOST_CALL = _names("pure_callback io_callback"), 15_000.0
# How much faster operations are on the elements of a vmap side by side than on one scalar after the other: measured
# of 1,000 logistic maps 4, of sines 4 to 10. Of arrays of so many elements threads are left, and of products with a
# matrix that elements may share that it is read once.
_GAIN, _DEAR_GAIN, _FILLS_REGISTERS, _THREADS_GAIN = 4.0, 7.0, 8, 2.0
# A jump that the processor did not foresee, and what a loop does around it.
_JUMP = 20.0


class Work(NamedTuple):
    """What a program costs one element of a vmap: done for all elements side by side, or for it alone."""

    side_by_side: float
    alone: float


@cached_by_jaxpr
def work(jaxpr: Jaxpr) -> Work:
    """Return what a program costs one element of a vmap."""
    parts = [_work(eqn) for eqn in jaxpr.eqns]
    return Work(sum(p.side_by_side for p in parts), sum(p.alone for p in parts))


def _work(eqn: Eqn) -> Work:
    name = eqn.primitive.name
    inner = [work(j) for j in subjaxprs(eqn.params)]
    if name == "cond":
        total = sum(w.side_by_side for w in inner)
        alone = sum(w.alone for w in inner) / len(inner) + _JUMP
        return Work(total, alone)
    if inner:
        steps = UNKNOWN_LENGTH if name in _LOOPS else eqn.params.get("length", 1)
        return Work(steps * sum(w.side_by_side for w in inner), steps * sum(w.alone for w in inner))
    size = max(sum([a.size for a in avals if isinstance(a, ShapedArray)]) for avals in _avals(eqn))
    if name == "dot_general":
        (contracted, _), _ = eqn.params["dimension_numbers"]
        shape = eqn.invars[0].aval.shape
        size = eqn.outvars[0].aval.size * math.prod(shape[d] for d in contracted)
        shared = eqn.outvars[0].aval.ndim < 2
        return Work(1.0 * size, size * (_GAIN if shared else 1.0))
    if name in _HOST or name in _ROUTINES:
        each = math.sqrt(size) + 10.0
        return Work(each * size, each * size + (_HOST_CALL if name in _HOST else 0.0))
    if name in ARRANGING:
        each, gain = 0.5, _GAIN
    elif name in _CHEAP or name.startswith("reduce_"):
        each, gain = 1.0, _GAIN
    elif name in _DIVIDING:
        each, gain = 4.0, _DEAR_GAIN
    else:
        each, gain = 6.0, _DEAR_GAIN
    gain = _THREADS_GAIN if size >= _FILLS_REGISTERS else gain
    return Work(each * size, each * size * gain)


def _avals(eqn: Eqn):
    return [v.aval for v in eqn.invars], [v.aval for v in eqn.outvars]


def taken_branch_is_cheaper(branches: tuple[Jaxpr, ...]) -> bool:
    """Whether elements of a vmap, each with the branch it takes, are faster than all with every branch."""
    works = [work(branch) for branch in branches]
    alone = sum(w.alone for w in works) / len(works) + _JUMP
    return alone < sum(w.side_by_side for w in works)


@cached_by_jaxpr
def has_loops(jaxpr: Jaxpr) -> bool:
    """Whether a program may run for ever, if its inputs are not those it was made for."""
    return any(
        eqn.primitive.name in _LOOPS or any(has_loops(j) for j in subjaxprs(eqn.params)) for eqn in jaxpr.eqns
    )


@cached_by_jaxpr
def has_loops_in_branches(jaxpr: Jaxpr) -> bool:
    return any(
        (eqn.primitive.name == "cond" and any(map(has_loops, subjaxprs(eqn.params))))
        or any(has_loops_in_branches(j) for j in subjaxprs(eqn.params))
        for eqn in jaxpr.eqns
    )


@cached_by_jaxpr
def contracts(jaxpr: Jaxpr) -> bool:
    """Whether there are products of matrices or vectors in a program."""
    return any(
        (eqn.primitive.name == "dot_general" and is_expensive(eqn))
        or any(map(contracts, subjaxprs(eqn.params)))
        for eqn in jaxpr.eqns
    )


@cached_by_jaxpr
def widest(jaxpr: Jaxpr) -> int:
    """Return the size of the largest array that is computed."""
    own = [v.aval.size for eqn in jaxpr.eqns for v in eqn.outvars if isinstance(v.aval, ShapedArray)]
    return max([1, *own, *(widest(inner) for eqn in jaxpr.eqns for inner in subjaxprs(eqn.params))])


# Numbers that a step of a group of elements works on side by side. 256 loops of 10 steps but for one of 1,000 took
# 489 us all together, 64 us in groups of 32, 26 us in groups of 8, which are slower where all are as long (321 to 202).
LANES = 32
# Fewer are slower than one alone: by half in groups of 3, of an adaptive integrator's steps of 10 numbers.
_FEWEST = 4


@cached_by_jaxpr
def elements_together(jaxpr: Jaxpr, recorded: bool) -> int:
    """Return how many elements of a vmap, of which each ends a loop in its own time, are fastest side by side.

    As many as fill the registers. A product of a matrix that they share is faster for all of them (of size 8: 0.35 ms
    to 1.0), unless each step is ``recorded`` (1.4 ms to 2.1).
    """
    if has_loops_in_branches(jaxpr):
        return 1
    if contracts(jaxpr):
        return 1 if recorded else LANES
    together = LANES // widest(jaxpr)
    return together if together >= _FEWEST else 1
