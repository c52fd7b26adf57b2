"""``while_loop`` and ``fori_loop``, with reverse mode.

    c:f64[] = while[ cond_jaxpr={ lambda ; d:f64[]. let e:bool[] = lt d 10.0:f64[] in (e,) }
                     body_jaxpr={ lambda ; f:f64[]. let g:f64[] = mul f 2.0:f64[] in (g,) }
                     cond_nconsts=0 body_nconsts=0 tapes_out=() ] a

Operands are ``(cond consts, body consts, carry)``. What the body returns beyond the carry is recorded, one row a
step, on as many tapes as ``tapes_out`` has sizes; users never see it. Linearizing the loop runs it once more
carefully: the known part records its residuals, and the linear part is a ``tape_scan`` over them.

Differs from JAX: reverse mode works, for loops of any length, to any order.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np

from jaxlite.config import jit_is_disabled
from jaxlite.control.bodies import (
    as_arrays,
    is_nonzero,
    permute_inputs,
    permute_outputs,
    promote_weak,
    split_list,
    stage_body,
    to_types,
)
from jaxlite.control.jit import compile_when_eager, merge
from jaxlite.control.lanes import (
    evenly,
    groups_of_tapes,
    has_finite_slopes,
    in_form,
    in_front,
    in_groups,
    may_fail_or_act,
    meet_by_name,
)
from jaxlite.control.loop_checkpoints import as_loop_checkpoints
from jaxlite.control.scan import as_unroll, carry_structure_error, check_carry, scan
from jaxlite.control.tape import (
    TapeValue,
    always_active_body,
    batched_loop_body,
    element_mask,
    jvp_out_order,
    make_tape_aval,
    split_loop_body,
    split_tape_jvp_outs,
    tape_scan_p,
)
from jaxlite.dtypes import result_type
from jaxlite.errors import ArgumentError, TracerBoolConversionError
from jaxlite.interpreters.batch import batch_jaxpr
from jaxlite.interpreters.evaluate import eval_jaxpr, run_jaxpr
from jaxlite.interpreters.jvp import jvp_jaxpr
from jaxlite.interpreters.stage import is_staging, stage_rule
from jaxlite.ir import Groups, Jaxpr, ShapedArray, Tape, cached_by_jaxpr
from jaxlite.lowering import Region
from jaxlite.ops.elementwise import add_p, convert_element_type, lt, select_n
from jaxlite.ops.indexing import dynamic_index_in_dim, without_index_errors
from jaxlite.ops.reductions import argmax, reduce_or
from jaxlite.ops.structural import broadcast_in_dim, instantiate, stop_gradient
from jaxlite.passes.costs import elements_together
from jaxlite.primitive import NOT_LINEAR, PURE, Primitive
from jaxlite.source import describe_function
from jaxlite.trace import Tracer, aval_of
from jaxlite.tree import tree_flatten, tree_unflatten

_ACTIVE = ShapedArray((), np.dtype(bool))

# --- the primitive ----------------------------------------------------------------------------------


def _while_abstract_eval(*avals, cond_jaxpr, body_jaxpr, cond_nconsts, body_nconsts, tapes_out):
    num_carry = len(avals) - cond_nconsts - body_nconsts
    outs = body_jaxpr.out_avals
    carry = tuple(a.strip_weak_type() for a in outs[:num_carry])
    return carry + tuple(map(make_tape_aval, split_list(outs[num_carry:], *tapes_out)[:-1]))


def _while_impl(*args, cond_jaxpr, body_jaxpr, cond_nconsts, body_nconsts, tapes_out):
    cond_consts, body_consts, carry = split_list(args, cond_nconsts, body_nconsts)
    num_carry = len(carry)
    groups = split_list(body_jaxpr.out_avals[num_carry:], *tapes_out)[:-1]
    tapes = [TapeValue(make_tape_aval(group)) for group in groups]
    while run_jaxpr(cond_jaxpr, *cond_consts, *carry)[0]:
        outs = run_jaxpr(body_jaxpr, *body_consts, *carry)
        carry = outs[:num_carry]
        for tape, row in zip(tapes, split_list(outs[num_carry:], *tapes_out), strict=False):
            tape.append(row)
    return (*carry, *tapes)


@cached_by_jaxpr
def _jvp_body(jaxpr, consts_nz, carry_nz, tapes_out):
    """Return the body on (consts, ċonsts, carry, ċarry), the settled carries and the sizes of tangent tapes."""
    num_consts, num_carry = len(consts_nz), len(carry_nz)
    ys_wanted = element_mask(Tape(jaxpr.out_avals[num_carry:]))
    carry_nz = list(carry_nz)
    while True:
        nonzero = (*consts_nz, *carry_nz)
        body, nonzero_out = jvp_jaxpr(jaxpr, nonzero, (*carry_nz, *ys_wanted))
        if list(nonzero_out[:num_carry]) == carry_nz:
            break
        carry_nz = list(nonzero_out[:num_carry])
    n = len(jaxpr.invars)
    dots = iter(range(n, len(body.invars)))
    position = [next(dots) if nz else None for nz in nonzero]
    order = [*range(num_consts), *(p for p in position[:num_consts] if p is not None)]
    order += [*range(num_consts, n), *(p for p in position[num_consts:] if p is not None)]
    body = permute_outputs(permute_inputs(body, order), jvp_out_order(nonzero_out, num_carry))
    groups = split_list(list(nonzero_out[num_carry:]), *tapes_out)[:-1]
    return body, tuple(carry_nz), tuple(map(sum, groups))


@cached_by_jaxpr
def _with_unused_inputs(jaxpr: Jaxpr, avals: tuple) -> Jaxpr:
    """Give a program further inputs that it ignores."""

    def condition(*args):
        return eval_jaxpr(jaxpr, (), *args[: len(jaxpr.invars)])

    return stage_rule(condition, [*jaxpr.in_avals, *avals], "condition")


def _while_jvp(primals, tangents, *, cond_jaxpr, body_jaxpr, cond_nconsts, body_nconsts, tapes_out):
    cond_consts, body_consts, carry = split_list(primals, cond_nconsts, body_nconsts)
    _, consts_t, carry_t = split_list(tangents, cond_nconsts, body_nconsts)
    consts_nz, carry_nz = tuple(map(is_nonzero, consts_t)), tuple(map(is_nonzero, carry_t))
    body, carry_nz, tangent_tapes = _jvp_body(body_jaxpr, consts_nz, carry_nz, tapes_out)
    consts_dot = [t for t in consts_t if is_nonzero(t)]
    carry_dot = [instantiate(t) for t, nz in zip(carry_t, carry_nz, strict=True) if nz]
    outs = while_p.bind(
        *cond_consts, *body_consts, *consts_dot, *carry, *carry_dot,
        cond_jaxpr=_with_unused_inputs(cond_jaxpr, tuple(map(aval_of, carry_dot))),
        body_jaxpr=body, cond_nconsts=cond_nconsts, body_nconsts=body_nconsts + len(consts_dot),
        tapes_out=(*tapes_out, *tangent_tapes),
    )  # fmt: skip
    return split_tape_jvp_outs(outs, body_jaxpr.out_avals[: len(carry)], carry_nz, len(tapes_out))


def _while_partial_eval(trace, args, *, cond_jaxpr, body_jaxpr, cond_nconsts, body_nconsts, tapes_out):
    cond_consts, body_consts, carry = split_list(args, cond_nconsts, body_nconsts)
    known_body, unknown_body, known_carry, known_tapes, constant, num_residuals = split_loop_body(
        body_jaxpr, tuple(map(trace.knows, body_consts)), tuple(map(trace.knows, carry)), (), tapes_out
    )
    needed = _used_inputs(cond_jaxpr)[cond_nconsts:]
    if not all(map(trace.knows, cond_consts)) or any(
        n and not k for n, k in zip(needed, known_carry, strict=True)
    ):
        params = {"cond_nconsts": cond_nconsts, "body_nconsts": body_nconsts, "tapes_out": tapes_out}
        return trace.record(while_p, args, {"cond_jaxpr": cond_jaxpr, "body_jaxpr": body_jaxpr, **params})
    known_consts = [c for c in body_consts if trace.knows(c)]
    unknown_consts = [c for c in body_consts if not trace.knows(c)]
    kept = [i for i in range(len(cond_jaxpr.invars)) if i < cond_nconsts or known_carry[i - cond_nconsts]]
    *outs, residual_tape = while_p.bind(
        *cond_consts,
        *known_consts,
        *(c for c, k in zip(carry, known_carry, strict=True) if k),
        cond_jaxpr=_keep_inputs(cond_jaxpr, tuple(kept)),
        body_jaxpr=known_body, cond_nconsts=cond_nconsts, body_nconsts=len(known_consts),
        tapes_out=(*(n for n, k in zip(tapes_out, known_tapes, strict=True) if k), num_residuals),
    )  # fmt: skip
    operands = [
        *(known_consts[i] for i in constant),
        *unknown_consts,
        *(c for c, k in zip(carry, known_carry, strict=True) if not k),
        residual_tape,
    ]
    params = {
        "jaxpr": unknown_body,
        "num_consts": len(constant) + len(unknown_consts),
        "num_carry": known_carry.count(False),
        "tapes_out": tuple(n for n, k in zip(tapes_out, known_tapes, strict=True) if not k),
        "reverse": False,
    }
    known_out = (*known_carry, *known_tapes)
    unknown_outs = () if all(known_out) else trace.record(tape_scan_p, operands, params)
    return merge(known_out, outs, unknown_outs)


def _used_inputs(jaxpr: Jaxpr) -> list[bool]:
    used = {v for eqn in jaxpr.eqns for v in eqn.invars} | set(jaxpr.outvars)
    return [v in used for v in jaxpr.invars]


@cached_by_jaxpr
def _keep_inputs(jaxpr: Jaxpr, kept: tuple[int, ...]) -> Jaxpr:
    return permute_inputs(jaxpr, kept)


@cached_by_jaxpr
def _lane_body(body_jaxpr: Jaxpr, num_carry: int, tapes_out: tuple[int, ...]) -> Jaxpr:
    """Return the step of one element of a vmap, ``(active, body inputs, carry)``: done, it keeps its carry."""
    quiet = without_index_errors(body_jaxpr)
    num_inputs = len(body_jaxpr.invars)

    def step(active, *args):
        inputs, carry = split_list(args, num_inputs)
        outs = eval_jaxpr(quiet, (), *inputs)
        carry = [select_n(active, old, new) for old, new in zip(carry, outs[:num_carry], strict=True)]
        groups = split_list(outs[num_carry:], *tapes_out)[:-1]
        return [*carry, *(value for group in groups for value in (*group, active))]

    avals = body_jaxpr.in_avals
    return stage_rule(step, [_ACTIVE, *avals, *avals[num_inputs - num_carry :]], "step")


@cached_by_jaxpr
def _ragged_body(body_jaxpr: Jaxpr, cond_jaxpr: Jaxpr, num_carry: int, tapes_out, axis, cond_dims, dims):
    """Return the step of all elements side by side, ``(cond consts, body consts, carry)``, and the dims of its results.

    ``dims`` are those of the body's inputs, of which the carries are all mapped. An element that is done computes the
    step of one that is not, where the step's slope may be infinite: 0·inf would reach the gradient.
    """
    lane = _lane_body(body_jaxpr, num_carry, tapes_out)
    num_inputs = len(body_jaxpr.invars)
    span = (1 + num_inputs, 1 + num_inputs + num_carry)
    body, _, out_dims = batched_loop_body(lane, axis, (0, *dims, *(0,) * num_carry), span, True)
    cond, _ = batch_jaxpr(cond_jaxpr, axis, (*cond_dims, *(0,) * num_carry), True)
    replaces = axis.size > 0 and not has_finite_slopes(body_jaxpr)

    def step(*args):
        cond_consts, inputs = split_list(args, len(cond_dims))
        carry = inputs[num_inputs - num_carry :]
        (active,) = eval_jaxpr(cond, (), *cond_consts, *carry)
        if replaces:
            going = argmax(active, (0,))
            inputs = [
                _where_active(active, x, going) if d == 0 and aval_of(x).dtype.kind in "fc" else x
                for x, d in zip(inputs, dims, strict=True)
            ]
        return eval_jaxpr(body, (), active, *inputs, *carry)

    avals = [*cond.in_avals[: len(cond_dims)], *body.in_avals[1 : 1 + num_inputs]]
    return stage_rule(step, avals, "step"), out_dims


def _where_active(active, x, going):
    """Return the elements that are active, and in the place of the others that of element ``going``."""
    shape = aval_of(x).shape
    other = dynamic_index_in_dim(stop_gradient(x), going, 0, False, allow_negative_indices=False)
    other = broadcast_in_dim(other, shape, tuple(range(1, len(shape))))
    return select_n(broadcast_in_dim(active, shape, (0,)), other, x)


@cached_by_jaxpr
def _any_lane(cond_jaxpr: Jaxpr, axis, dims: tuple) -> Jaxpr:
    """Return the condition that holds while any element goes on."""
    batched_cond, _ = batch_jaxpr(cond_jaxpr, axis, dims, True)

    def any_lane(*args):
        return [reduce_or(eval_jaxpr(batched_cond, (), *args)[0], (0,))]

    return stage_rule(any_lane, batched_cond.in_avals, "condition")


def _together(axis, args, dims, cond_jaxpr: Jaxpr, body_jaxpr: Jaxpr, recorded: bool) -> int | None:
    """Return how many elements of a vmap that end at different times go on side by side; None: all of them."""
    if axis.side_by_side or meet_by_name(axis, cond_jaxpr, body_jaxpr):
        return None
    replayed = groups_of_tapes(args, dims)
    if replayed:
        # What a step reads from another loop's tape says how that loop went.
        (form, *others) = replayed
        return form.together if isinstance(form, Groups) and not others and not form.position else None
    programs = cond_jaxpr, body_jaxpr
    if any(map(may_fail_or_act, programs)):
        return 1
    together = min(elements_together(program, recorded) for program in programs)
    if together > 1 and (together >= axis.size or jit_is_disabled()):
        return None
    return evenly(axis.size, together)


def _while_batch(axis, args, dims, **params):
    cond_jaxpr, body_jaxpr = params["cond_jaxpr"], params["body_jaxpr"]
    cond_nconsts, body_nconsts, tapes_out = (
        params["cond_nconsts"], params["body_nconsts"], params["tapes_out"],
    )  # fmt: skip
    args, dims = in_front(axis, args, dims)
    num_carry = len(args) - cond_nconsts - body_nconsts
    cond_dims, consts_dims, carry_dims = split_list(dims, cond_nconsts, body_nconsts)
    lane = always_active_body(body_jaxpr, tapes_out, num_carry) if tapes_out else body_jaxpr
    span = (body_nconsts, body_nconsts + num_carry)
    body, settled, out_dims = batched_loop_body(
        lane, axis, (*consts_dims, *carry_dims), span, bool(tapes_out)
    )
    new_cond, (pred_dim,) = batch_jaxpr(cond_jaxpr, axis, (*cond_dims, *settled[body_nconsts:]))
    ragged = pred_dim is not None
    if ragged or any(isinstance(a, Tape) for a in body_jaxpr.out_avals[num_carry:]):
        together = _together(axis, args, dims, cond_jaxpr, body_jaxpr, bool(tapes_out))
        if together is not None:
            return in_groups(while_p, axis, args, dims, params, together)
        axis = axis._replace(side_by_side=True)
    if ragged:
        consts_dims, carry_dims = settled[:body_nconsts], (0,) * num_carry
        body, out_dims = _ragged_body(
            body_jaxpr, cond_jaxpr, num_carry, tapes_out, axis, cond_dims, (*consts_dims, *carry_dims)
        )
        new_cond = _any_lane(cond_jaxpr, axis, (*cond_dims, *carry_dims))
    else:
        carry_dims = settled[body_nconsts:]
    wanted = (*cond_dims, *consts_dims, *carry_dims)
    operands = [in_form(x, d, form, axis.size) for x, d, form in zip(args, dims, wanted, strict=True)]
    cond_consts, body_consts, carry = split_list(operands, cond_nconsts, body_nconsts)
    if ragged:
        body_consts = [*cond_consts, *body_consts]
    outs = while_p.bind(
        *cond_consts, *body_consts, *carry,
        cond_jaxpr=new_cond, body_jaxpr=body, cond_nconsts=cond_nconsts, body_nconsts=len(body_consts),
        tapes_out=tuple(n + 1 for n in tapes_out),
    )  # fmt: skip
    return outs, (*out_dims[:num_carry], *(0,) * len(tapes_out))


while_p = Primitive(
    name="while",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_while_abstract_eval,
    impl=_while_impl,
    jvp=_while_jvp,
    partial_eval=_while_partial_eval,
    transpose=NOT_LINEAR,
    batch=_while_batch,
    lower=Region("while"),
    doc="c ← body(c) while cond(c)",
)
compile_when_eager(while_p)


# --- the user's functions ---------------------------------------------------------------------------


def while_loop(cond_fun: Callable, body_fun: Callable, init_val, *, checkpoint=None):
    """Repeat ``body_fun`` while ``cond_fun`` holds.

    Parameters
    ----------
    cond_fun : callable
        ``carry -> bool`` scalar.
    body_fun : callable
        ``carry -> carry``, of the same structure, shapes and dtypes.
    init_val : pytree
        The first carry. Python scalars take the type that the body gives them.
    checkpoint : None, int, True or "sqrt", optional
        Which carries the reverse sweep keeps, of n steps; the steps between are run again, when their turn comes.
        None or False: the tape holds what each step needs. An int k: n/k carries, and what k steps need. True or
        ``"sqrt"``: segments of 1, 2, 3 … steps, hence about √(2n) carries, and what as many steps need.

    Returns
    -------
    pytree
        The carry when ``cond_fun`` no longer holds.

    Raises
    ------
    CarryTypeError
        If the body returns a carry of another structure or type.
    ArgumentError
        If ``cond_fun`` does not return one bool, or ``checkpoint`` is none of the above: `Binomial` and `Budget` take
        to know the length.

    Notes
    -----
    Differentiable forward and backward. Reverse mode records the residuals of each step on a tape that grows with
    the loop; ``checkpoint`` limits it, for one further run of the loop. Under ``vmap``, elements that end at different
    times run in groups of at most 32, with a tape each, so that the work is about the sum of the steps; where a step
    may read at an index out of range, or computes larger arrays, one by one.

    Examples
    --------
    >>> import jaxlite
    >>> double = lambda x: jaxlite.lax.while_loop(lambda v: v < 10.0, lambda v: v * 2.0, x)
    >>> double(1.5), jaxlite.grad(double)(1.5)
    (Array(12., dtype=float64), Array(8., dtype=float64))
    """
    for fun, what in ((cond_fun, "cond_fun"), (body_fun, "body_fun")):
        if not callable(fun):
            raise ArgumentError(f"while_loop needs a callable as {what}, not {type(fun).__name__}.")
    checkpoints = as_loop_checkpoints("while_loop", checkpoint)
    if jit_is_disabled() and not is_staging():
        value = as_arrays(init_val)
        with contextlib.suppress(TracerBoolConversionError):
            while _checked_condition(cond_fun, value):
                value = body_fun(value)
            return value
        # Elements of a vmap that end at different times need the loop itself.
    leaves, init_tree = tree_flatten(init_val)
    _, in_tree = tree_flatten((init_val,))
    avals = [aval_of(leaf) for leaf in leaves]
    while True:
        body = stage_body(body_fun, in_tree, avals, f"the body of while_loop, {describe_function(body_fun)}")
        if body.out_tree != init_tree:
            raise carry_structure_error("while_loop", body_fun, init_tree, body.out_tree)
        promoted = [promote_weak(a, b) for a, b in zip(avals, body.jaxpr.out_avals, strict=True)]
        if not any(promoted):
            break
        avals = [p or a for p, a in zip(promoted, avals, strict=True)]
    check_carry("while_loop", body_fun, init_val, avals, body.jaxpr.out_avals)
    cond = stage_body(cond_fun, in_tree, avals, f"the condition of while_loop, {describe_function(cond_fun)}")
    _check_condition(cond_fun, cond.out_tree, cond.jaxpr.out_avals)
    params = {
        "cond_jaxpr": cond.jaxpr,
        "body_jaxpr": body.jaxpr,
        "cond_nconsts": len(cond.consts),
        "body_nconsts": len(body.consts),
        "tapes_out": (),
    }
    operands = [*cond.consts, *body.consts, *to_types(leaves, avals)]
    results = checkpoints.bind_while(while_p, operands, params)
    return tree_unflatten(init_tree, results)


def _checked_condition(cond_fun: Callable, value):
    holds = cond_fun(value)
    leaves, tree = tree_flatten(holds)
    _check_condition(cond_fun, tree, [aval_of(leaf) for leaf in leaves])
    return holds


def _check_condition(cond_fun: Callable, tree, avals) -> None:
    is_array = tree == tree_flatten(0)[1]
    if is_array and not avals[0].shape and avals[0].dtype.kind == "b":
        return
    returned = str(avals[0]) if is_array else f"{tree} of {', '.join(map(str, avals)) or 'nothing'}"
    compare = "compare: carry < limit; or reduce: jnp.any(mask)."
    raise ArgumentError(
        f"while_loop's cond_fun, {describe_function(cond_fun)}, must return one bool; it returned {returned}.",
        fix=compare
        if is_array or not avals
        else "return the bool itself, and not a container that holds it.",
    )


def fori_loop(
    lower, upper, body_fun: Callable, init_val, *, unroll: int | bool | None = None, checkpoint=None
):
    """Repeat ``body_fun`` for every integer from ``lower`` to ``upper - 1``.

    Parameters
    ----------
    lower, upper : int or i64[]
        Known integers make a `scan`, traced ones a `while_loop`; both are differentiable.
    body_fun : callable
        ``(i, carry) -> carry``.
    init_val : pytree
    unroll : int or bool, optional
        A hint for compilation.
    checkpoint : None, int, True, "sqrt", Binomial or Budget, optional
        Which carries the reverse sweep keeps, as for `scan`, or for `while_loop` if a bound is traced.

    Returns
    -------
    pytree
        The last carry.

    Raises
    ------
    CarryTypeError
        If the body returns a carry of another structure or type.
    ArgumentError
        If a bound is no integer, ``unroll`` is negative, or ``checkpoint`` takes to know bounds that are traced.

    Examples
    --------
    >>> import jaxlite
    >>> jaxlite.lax.fori_loop(0, 4, lambda i, total: total + i, 0)
    Array(6, dtype=int64)
    """
    for bound, what in ((lower, "lower"), (upper, "upper")):
        aval = aval_of(bound)
        if aval.shape or aval.dtype.kind not in "iu":
            raise ArgumentError(f"fori_loop: {what} must be an integer scalar, got {aval}.")
    unroll = as_unroll("fori_loop", 1 if unroll is None else unroll)
    bounds = _counter_bounds(lower, upper)
    # A Python count promotes like a Python integer: with f32 y, y + i stays f32.
    one = 1 if all(aval_of(b).weak_type for b in bounds) else aval_of(bounds[0]).dtype.type(1)

    if not isinstance(lower, Tracer) and not isinstance(upper, Tracer):
        length = max(int(upper) - int(lower), 0)

        def counted(carry, _):
            i, value = carry
            return (add_p.bind(i, one), body_fun(i, value)), None

        counted.__wrapped__ = body_fun
        (_, result), _ = scan(
            counted, (bounds[0], init_val), None, length=length, unroll=unroll, checkpoint=checkpoint
        )
        return result

    def condition(carry):
        return lt(carry[0], carry[1])

    def body(carry):
        i, stop, value = carry
        return add_p.bind(i, one), stop, body_fun(i, value)

    body.__wrapped__ = body_fun
    return while_loop(condition, body, (*bounds, init_val), checkpoint=checkpoint)[2]


def _counter_bounds(lower, upper) -> list:
    """Return the bounds in one type: weak if both are Python integers, or were before they were traced."""
    avals = (aval_of(lower), aval_of(upper))
    if all(a.weak_type for a in avals):
        return [lower, upper]
    dtype, _ = result_type(avals)
    dtype = np.dtype(np.int64) if dtype.kind not in "iu" else dtype
    return [
        b if isinstance(b, np.generic) and b.dtype == dtype else convert_element_type(b, dtype)
        for b in (lower, upper)
    ]
