"""``cond`` and ``switch``: one of several branches, chosen while the program runs.

    d:f64[] = cond[ branches=( { lambda ; e:f64[]. let f:f64[] = sub e 3.0:f64[] in (f,) }
                               { lambda ; g:f64[]. let h:f64[] = add g 3.0:f64[] in (h,) } ) ] c a

The first operand is the index (int32, clamped; for ``cond`` False is branch 0). Every branch takes all the other
operands, constants of the branches among them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from jaxlite.config import jit_is_disabled
from jaxlite.control.bodies import is_nonzero, same_type, split_list, stage_body, to_types
from jaxlite.control.jit import compile_when_eager, merge, split_jvp_outs
from jaxlite.control.lanes import (
    batch_in_form,
    groups_of_tapes,
    in_front,
    in_groups,
    may_fail_or_act,
    meet_by_name,
)
from jaxlite.dtypes import result_type
from jaxlite.errors import ArgumentError, BranchTypeError
from jaxlite.interpreters.batch import batch_jaxpr, to_front
from jaxlite.interpreters.evaluate import eval_jaxpr, run_jaxpr
from jaxlite.interpreters.jvp import jvp_jaxpr
from jaxlite.interpreters.linearize import partial_eval_jaxpr
from jaxlite.interpreters.stage import stage, stage_rule
from jaxlite.interpreters.transpose import transpose_jaxpr
from jaxlite.ir import Groups, Jaxpr, Tape, cached_by_jaxpr
from jaxlite.lowering import Region
from jaxlite.ops.elementwise import clamp, convert_element_type, eq, select_n
from jaxlite.ops.indexing import without_index_errors
from jaxlite.ops.structural import broadcast_in_dim, move_dim, stop_gradient, zeros
from jaxlite.passes.costs import has_loops, taken_branch_is_cheaper
from jaxlite.primitive import PURE, Primitive, is_linear
from jaxlite.source import describe_function
from jaxlite.trace import Tracer, aval_of
from jaxlite.tree import keystr, tree_flatten, tree_flatten_with_path, tree_unflatten

_INDEX = np.dtype(np.int32)

# --- the primitive ----------------------------------------------------------------------------------


def _cond_abstract_eval(index, *avals, branches):
    return tuple(a.strip_weak_type() for a in branches[0].out_avals)


def _cond_impl(index, *args, branches):
    return run_jaxpr(branches[min(max(int(index), 0), len(branches) - 1)], *args)


def _cond_jvp(primals, tangents, *, branches):
    index, *operands = primals
    nonzero = tuple(map(is_nonzero, tangents[1:]))
    nonzero_out = [False] * len(branches[0].outvars)
    for branch in branches:
        nonzero_out = [a or b for a, b in zip(nonzero_out, jvp_jaxpr(branch, nonzero)[1], strict=True)]
    jvps = tuple(jvp_jaxpr(branch, nonzero, tuple(nonzero_out))[0] for branch in branches)
    outs = cond_p.bind(index, *operands, *(t for t in tangents[1:] if is_nonzero(t)), branches=jvps)
    return split_jvp_outs(outs, nonzero_out, branches[0].out_avals)


@cached_by_jaxpr
def _split_branches(first: Jaxpr, branches: tuple[Jaxpr, ...], known: tuple[bool, ...]):
    """Split every branch alike; residuals of all branches share slots where their types agree.

    Returns
    -------
    known_branches : tuple of Jaxpr
        ``(known operands) -> (known results, slots)``; slots of other branches are zeros (empty tapes).
    unknown_branches : tuple of Jaxpr
        ``(slots, unknown operands) -> (unknown results)``.
    known_out : tuple of bool
    num_slots : int
    """
    force = (False,) * len(first.outvars)
    while True:
        parts = [partial_eval_jaxpr(branch, known, force) for branch in branches]
        known_out = tuple(all(part[2][i] for part in parts) for i in range(len(force)))
        if all(part[2] == known_out for part in parts):
            break
        force = tuple(not k for k in known_out)
    slots: list = []
    assignments = []
    for _, _, _, residual_avals in parts:
        free = list(range(len(slots)))
        places = []
        for aval in residual_avals:
            shareable = [i for i in free if slots[i] == aval and not isinstance(aval, Tape)]
            place = shareable[0] if shareable else len(slots)
            if shareable:
                free.remove(place)
            else:
                slots.append(aval)
            places.append(place)
        assignments.append(places)
    pairs = [
        (_fill_slots(part[0], tuple(places), tuple(slots)), _read_slots(part[1], tuple(places), tuple(slots)))
        for part, places in zip(parts, assignments, strict=True)
    ]
    return tuple(k for k, _ in pairs), tuple(u for _, u in pairs), known_out, len(slots)


def _fill_slots(known_branch: Jaxpr, places, slots) -> Jaxpr:
    def branch(*args):
        outs = eval_jaxpr(known_branch, (), *args)
        split = len(outs) - len(places)
        given = dict(zip(places, outs[split:], strict=True))
        return [*outs[:split], *(given[i] if i in given else zeros(a) for i, a in enumerate(slots))]

    return stage_rule(branch, known_branch.in_avals, "branch")


def _read_slots(unknown_branch: Jaxpr, places, slots) -> Jaxpr:
    def branch(*args):
        given, unknown = split_list(args, len(slots))
        return eval_jaxpr(unknown_branch, (), *(given[i] for i in places), *unknown)

    return stage_rule(branch, [*slots, *unknown_branch.in_avals[len(places) :]], "branch")


def _cond_partial_eval(trace, args, *, branches):
    index, *operands = args
    if not trace.knows(index):
        return trace.record(cond_p, args, {"branches": branches})
    known = tuple(map(trace.knows, operands))
    known_branches, unknown_branches, known_out, num_slots = _split_branches(branches[0], branches, known)
    known_operands = [x for x, k in zip(operands, known, strict=True) if k]
    outs = cond_p.bind(index, *known_operands, branches=known_branches)
    split = len(outs) - num_slots
    unknown_operands = [x for x, k in zip(operands, known, strict=True) if not k]
    unknown_outs = ()
    if not all(known_out):
        unknown_outs = trace.record(
            cond_p, [index, *outs[split:], *unknown_operands], {"branches": unknown_branches}
        )
    return merge(known_out, outs[:split], unknown_outs)


def _cond_transpose(cts, index, *args, branches):
    linear = tuple(map(is_linear, args))
    nonzero = tuple(map(is_nonzero, cts))
    transposed = tuple(transpose_jaxpr(branch, linear, nonzero, True)[0] for branch in branches)
    residuals = [x for x in args if not is_linear(x)]
    outs = iter(cond_p.bind(index, *residuals, *(ct for ct in cts if is_nonzero(ct)), branches=transposed))
    return (None, *(next(outs) if lin else None for lin in linear))


def _cond_batch(axis, args, dims, *, branches):
    (index, *operands), (index_dim, *operand_dims) = args, dims
    if index_dim is not None:
        if _goes_alone(axis, operands, operand_dims, branches):
            return in_groups(cond_p, axis, *in_front(axis, args, dims), {"branches": branches}, 1)
        return _select_branches(axis, index, index_dim, operands, operand_dims, branches)
    dims_in = tuple(operand_dims)
    dims_out = [batch_jaxpr(branch, axis, dims_in)[1] for branch in branches]
    forms = tuple(next((d for d in dims if d is not None), None) for dims in zip(*dims_out, strict=True))
    batched = tuple(batch_in_form(branch, axis, dims_in, forms)[0] for branch in branches)
    return cond_p.bind(index, *operands, branches=batched), forms


def _goes_alone(axis, operands, dims, branches) -> bool:
    """Whether each element of a vmap runs the branch it takes, instead of all elements every branch."""
    if meet_by_name(axis, *branches) or groups_of_tapes(operands, dims) - {Groups(1, 0)}:
        return False
    if any(isinstance(a, Tape) for a in branches[0].out_avals) and axis.side_by_side:
        return False
    must = any(may_fail_or_act(branch) or has_loops(branch) for branch in branches)
    return must or taken_branch_is_cheaper(branches)


def _select_branches(axis, index, index_dim, operands, operand_dims, branches):
    """Run every branch for every element, then choose.

    A branch's operands carry derivatives only for the elements that take it, so that a singular point of a branch
    that was not taken cannot reach a gradient.
    """
    last = len(branches) - 1
    index = clamp(np.int32(0), move_dim(index, index_dim, 0), np.int32(last))
    operands = [
        x if d is None and aval_of(x).dtype.kind not in "fc" else to_front(x, d, axis.size)[0]
        for x, d in zip(operands, operand_dims, strict=True)
    ]
    dims = tuple(
        None if d is None and aval_of(x).dtype.kind not in "fc" else 0
        for x, d in zip(operands, operand_dims, strict=True)
    )
    results = []
    for k, branch in enumerate(branches):
        taken = eq(index, np.int32(k))
        guarded = [
            _select_lanes(taken, stop_gradient(x), x) if aval_of(x).dtype.kind in "fc" else x
            for x in operands
        ]
        batched, out_dims = batch_jaxpr(without_index_errors(branch), axis, dims, _arrays_only(branch))
        results.append((eval_jaxpr(batched, (), *guarded), out_dims))
    outs, dims_out = [], []
    for i, aval in enumerate(branches[0].out_avals):
        if isinstance(aval, Tape):
            tape, dim = _taken_tape(i, branches, results)
        else:
            cases = [outs_k[i] for outs_k, _ in results]
            tape, dim = _select_lanes(index, *cases), 0
        outs.append(tape)
        dims_out.append(dim)
    return outs, tuple(dims_out)


def _arrays_only(branch: Jaxpr) -> tuple[bool, ...]:
    return tuple(not isinstance(a, Tape) for a in branch.out_avals)


def _taken_tape(i: int, branches, results):
    """Return the tape of the one branch that records it; in the others the slot is empty."""
    rows = [_has_rows(branch, branch.outvars[i]) for branch in branches]
    outs, dims = results[rows.index(max(rows))]
    return outs[i], dims[i]


_NO, _PERHAPS, _YES = range(3)
_KEEPS_LENGTH = ("empty_tape", "tape_add", "tape_broadcast", "tape_sum", "tape_zeros_like")


def _has_rows(branch: Jaxpr, tape) -> int:
    """Say whether a tape has rows: not if it was made empty; one that comes from outside may have been."""
    maker = next((eqn for eqn in branch.eqns if tape in eqn.outvars), None)
    if maker is None:
        return _PERHAPS
    sources = [_has_rows(branch, operand) for operand in maker.invars if isinstance(operand.aval, Tape)]
    if maker.primitive.name in _KEEPS_LENGTH:
        return max(sources, default=_NO)
    # What another loop's tape is replayed for is recorded by the branch that owns both.
    return _NO if maker.primitive.name == "tape_scan" and max(sources) == _NO else _YES


def _select_lanes(which, *cases):
    """Choose per element of the leading axis."""
    shape = aval_of(cases[0]).shape
    return select_n(broadcast_in_dim(which, shape, (0,)), *cases)


cond_p = Primitive(
    name="cond",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_cond_abstract_eval,
    impl=_cond_impl,
    jvp=_cond_jvp,
    partial_eval=_cond_partial_eval,
    transpose=_cond_transpose,
    batch=_cond_batch,
    lower=Region("cond"),
    doc="z = branches[index](x)",
)
compile_when_eager(cond_p)


# --- the user's functions ---------------------------------------------------------------------------

_UNSET = object()


def cond(pred, true_fun: Callable, false_fun: Callable, *operands, operand=_UNSET):
    """Apply ``true_fun`` or ``false_fun``, chosen while the program runs.

    Parameters
    ----------
    pred : bool[] or number
        A scalar; numbers count as True unless zero.
    true_fun, false_fun : callable
        Of the operands; they return the same structure, shapes and dtypes.
    *operands
        Pytrees.

    Returns
    -------
    pytree

    Raises
    ------
    BranchTypeError
        If the branches return different structures or types.
    ArgumentError
        If ``pred`` is not a scalar.

    Notes
    -----
    Only the chosen branch runs. Under ``vmap`` with a mapped ``pred`` each element runs its own where that is less
    work, and always where branches hold loops of unknown length, effects, or indices that may be out of range; of short
    branches all elements run both and choose. No derivative leaks out of the branch that was not taken.

    Examples
    --------
    >>> import jaxlite
    >>> jaxlite.lax.cond(True, lambda x: x + 1.0, lambda x: x - 1.0, 2.0)
    Array(3., dtype=float64)
    """
    operands = operands if operand is _UNSET else (operand,)
    for fun, what in ((true_fun, "true_fun"), (false_fun, "false_fun")):
        if not callable(fun):
            raise ArgumentError(f"cond needs a callable as {what}, not {type(fun).__name__}.")
    aval = aval_of(pred)
    if aval.shape:
        raise ArgumentError(
            f"cond: the predicate must be a scalar, got {aval}.",
            fix="jnp.where(pred, a, b) chooses elementwise; vmap maps cond over an axis.",
        )
    if not isinstance(pred, Tracer):
        pred = bool(pred)
        index = np.int32(pred)
    else:
        index = convert_element_type(pred if aval.dtype.kind == "b" else _is_nonzero_number(pred), _INDEX)
    return _switch(index, (false_fun, true_fun), ("false_fun", "true_fun"), operands, "cond")


def _is_nonzero_number(pred):
    return convert_element_type(pred, np.dtype(np.bool_))


def switch(index, branches: Sequence[Callable], *operands, operand=_UNSET):
    """Apply ``branches[index]``, chosen while the program runs.

    Parameters
    ----------
    index : i64[]
        Clamped to the range of ``branches``.
    branches : sequence of callables
        Of the operands; they return the same structure, shapes and dtypes.
    *operands
        Pytrees.

    Returns
    -------
    pytree

    Raises
    ------
    BranchTypeError
        If the branches return different structures or types.

    Examples
    --------
    >>> import jaxlite
    >>> jaxlite.lax.switch(5, [lambda x: -x, lambda x: x], 2.0)
    Array(2., dtype=float64)
    """
    operands = operands if operand is _UNSET else (operand,)
    branches = tuple(branches)
    if not branches or not all(map(callable, branches)):
        raise ArgumentError("switch needs a non-empty sequence of callables.")
    aval = aval_of(index)
    if aval.shape or aval.dtype.kind not in "iu":
        raise ArgumentError(f"switch: the index must be an integer scalar, got {aval}.")
    if len(branches) == 1:
        return branches[0](*operands)
    if isinstance(index, Tracer):
        index = convert_element_type(clamp(0, index, len(branches) - 1), _INDEX)
    else:
        index = np.int32(min(max(int(index), 0), len(branches) - 1))
    names = tuple(f"branches[{i}]" for i in range(len(branches)))
    return _switch(index, branches, names, operands, "switch")


def _switch(index, funs, names, operands, what: str):
    if jit_is_disabled() and not isinstance(index, Tracer):
        return funs[int(index)](*operands)
    leaves, in_tree = tree_flatten(operands)
    avals = [aval_of(x) for x in leaves]
    bodies = [stage_body(f, in_tree, avals, f"{what}, branch {describe_function(f)}") for f in funs]
    first = bodies[0]
    for name, body, fun in zip(names[1:], bodies[1:], funs[1:], strict=True):
        if body.out_tree != first.out_tree:
            raise BranchTypeError(
                f"{what}: branch outputs must have the same pytree structure, but they differ.",
                details=[
                    f"{names[0]} is {describe_function(funs[0])} and returned {first.out_tree}",
                    f"{name} is {describe_function(fun)} and returned {body.out_tree}",
                ],
                fix="return the same containers from every branch.",
            )
    out_avals = _common_types(bodies, names, funs, what)
    consts: dict[int, object] = {}
    for body in bodies:
        consts.update((id(c), c) for c in body.consts)
    branches = tuple(_as_branch(body, tuple(consts.values()), out_avals) for body in bodies)
    outs = cond_p.bind(index, *consts.values(), *leaves, branches=branches)
    return tree_unflatten(first.out_tree, outs)


def _common_types(bodies, names, funs, what: str) -> list:
    """Return the result types all branches share; Python scalars give way to arrays."""
    common = []
    for i, avals in enumerate(zip(*(body.jaxpr.out_avals for body in bodies), strict=True)):
        dtype, _ = result_type(avals)
        strong = [a for a in avals if not a.weak_type]
        fits = all(a.shape == avals[0].shape for a in avals) and all(a.dtype == dtype for a in strong)
        if not fits:
            k = next(k for k, a in enumerate(avals) if not same_type(a, avals[0]))
            tree = tree_unflatten(bodies[0].out_tree, [0] * len(bodies[0].jaxpr.out_avals))
            path = keystr(tree_flatten_with_path(tree)[0][i][0])
            raise BranchTypeError(
                f"{what}: branches must have equal output types but they differ at result{path}.",
                details=[
                    f"{names[0]} is {describe_function(funs[0])} and returned {avals[0]}",
                    f"{names[k]} is {describe_function(funs[k])} and returned {avals[k]}",
                ],
                fix="convert in one branch: x.astype(dtype), or write 0.0 instead of 0.",
            )
        common.append(avals[0].update(dtype=dtype, weak_type=False))
    return common


def _as_branch(body, consts, out_avals) -> Jaxpr:
    """Let a branch take the constants of all branches, and convert its weak results."""
    position = {id(c): i for i, c in enumerate(consts)}
    own = [position[id(c)] for c in body.consts]
    if own == list(range(len(consts))) and all(map(same_type, body.jaxpr.out_avals, out_avals)):
        return body.jaxpr

    def branch(*args):
        given, operands = split_list(args, len(consts))
        outs = eval_jaxpr(body.jaxpr, (), *(given[i] for i in own), *operands)
        return to_types(outs, out_avals)

    avals = [*map(aval_of, consts), *body.jaxpr.in_avals[len(own) :]]
    return stage(branch, avals, "branch", keep_dead=True)[0]
