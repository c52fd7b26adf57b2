"""``scan``: a loop with a carry over the leading axis of arrays, and its transformations.

    c:f64[] d:f64[16] = scan[ jaxpr={ lambda ; e:f64[] f:f64[]. let g:f64[] = add e f in (g, e) }
                              length=16 num_carry=1 num_consts=0 reverse=False unroll=1 ] 0.0 a

Operands are ``(consts, carry, xs)``, results ``(carry, ys)``. Every rule makes a new body with an interpreter and
binds ``scan`` again: the jvp scans pairs, linearize scans the known part and stacks residuals, the transpose scans
backwards, and vmap scans the batched body.
"""

from __future__ import annotations

import operator
from collections.abc import Callable

import numpy as np

from jaxlite.config import jit_is_disabled
from jaxlite.control.bodies import (
    as_arrays,
    is_nonzero,
    permute_inputs,
    promote_weak,
    same_type,
    split_list,
    stage_body,
    to_types,
)
from jaxlite.control.jit import compile_when_eager, merge, split_jvp_outs
from jaxlite.control.lanes import in_form, in_front, in_groups
from jaxlite.control.loop_checkpoints import as_loop_checkpoints
from jaxlite.control.tape import TapeStack, batched_loop_body
from jaxlite.errors import ArgumentError, CarryTypeError, ConcretizationTypeError, TransposeError
from jaxlite.interpreters.evaluate import run_jaxpr
from jaxlite.interpreters.jvp import jvp_jaxpr
from jaxlite.interpreters.linearize import partial_eval_jaxpr
from jaxlite.interpreters.stage import is_staging, stage_rule
from jaxlite.interpreters.transpose import add_cotangents, backward_pass
from jaxlite.ir import Groups, Jaxpr, ShapedArray, Tape, cached_by_jaxpr
from jaxlite.lowering import Region
from jaxlite.ops.structural import concatenate, expand_dims, instantiate, move_dim, slice_in_dim, squeeze
from jaxlite.primitive import PURE, Linear, Primitive, Zero, is_linear
from jaxlite.source import describe_function
from jaxlite.trace import Tracer, aval_of
from jaxlite.tree import keystr, tree_flatten, tree_flatten_with_path, tree_unflatten

# --- the primitive ----------------------------------------------------------------------------------


def _scan_abstract_eval(*avals, jaxpr, length, num_carry, num_consts, reverse, unroll):
    outs = jaxpr.out_avals
    carry = tuple(a.strip_weak_type() for a in outs[:num_carry])
    return carry + tuple(a.stacked(length) for a in outs[num_carry:])


def _scan_impl(*args, jaxpr, length, num_carry, num_consts, reverse, unroll):
    consts, carry, xs = split_list(args, num_consts, num_carry)
    ys = [_allocate(aval, length) for aval in jaxpr.out_avals[num_carry:]]
    steps = range(length - 1, -1, -1) if reverse else range(length)
    for i in steps:
        outs = run_jaxpr(jaxpr, *consts, *carry, *[x[i] for x in xs])
        carry = outs[:num_carry]
        for y, out in zip(ys, outs[num_carry:], strict=True):
            y[i] = out
    return (*carry, *ys)


def _allocate(aval, length: int):
    if isinstance(aval, Tape):
        return TapeStack(aval.stacked(length))
    return np.empty((length, *aval.shape), aval.dtype)


@cached_by_jaxpr
def _jvp_body(jaxpr: Jaxpr, nonzero: tuple[bool, ...], num_consts: int, num_carry: int):
    """Return the body on (consts, ċonsts, carry, ċarry, xs, ẋs), and which carries and ys have tangents."""
    nonzero = list(nonzero)
    carry_slice = slice(num_consts, num_consts + num_carry)
    num_ys = len(jaxpr.outvars) - num_carry
    while True:
        wanted = (*nonzero[carry_slice], *(False,) * num_ys)
        body, nonzero_out = jvp_jaxpr(jaxpr, tuple(nonzero), wanted)
        if list(nonzero_out[:num_carry]) == nonzero[carry_slice]:
            break
        nonzero[carry_slice] = nonzero_out[:num_carry]
    n = len(jaxpr.invars)
    tangent_position = dict(zip([i for i in range(n) if nonzero[i]], range(n, n + sum(nonzero)), strict=True))
    order = []
    for group in (
        range(num_consts),
        range(num_consts, num_consts + num_carry),
        range(num_consts + num_carry, n),
    ):
        order += [*group, *(tangent_position[i] for i in group if nonzero[i])]
    body = permute_inputs(body, order)
    carry_nonzero = nonzero_out[:num_carry]
    m = len(jaxpr.outvars)
    dots = iter(range(m, len(body.outvars)))
    dot_position = [next(dots) if nz else None for nz in nonzero_out]
    out_order = [*range(num_carry), *(p for p in dot_position[:num_carry] if p is not None)]
    out_order += [*range(num_carry, m), *(p for p in dot_position[num_carry:] if p is not None)]
    body = body.replace(outvars=tuple(body.outvars[i] for i in out_order))
    return body, tuple(nonzero), carry_nonzero, nonzero_out[num_carry:]


def _scan_jvp(primals, tangents, **params):
    return jvp_of_loop(scan_p, primals, tangents, params)


def jvp_of_loop(loop: Primitive, primals, tangents, params):
    """Differentiate forward a loop with the operands of ``scan``, and with its params at least."""
    jaxpr, num_carry, num_consts = params["jaxpr"], params["num_carry"], params["num_consts"]
    given = tuple(map(is_nonzero, tangents))
    body, nonzero, carry_nz, ys_nz = _jvp_body(jaxpr, given, num_consts, num_carry)
    tangents = [instantiate(t) if nz else t for t, nz in zip(tangents, nonzero, strict=True)]
    operands = []
    for start, stop in (
        (0, num_consts),
        (num_consts, num_consts + num_carry),
        (num_consts + num_carry, None),
    ):
        operands += primals[start:stop]
        operands += [t for t, nz in zip(tangents[start:stop], nonzero[start:stop], strict=True) if nz]
    num_consts_dot = sum(nonzero[:num_consts])
    num_carry_dot = sum(carry_nz)
    counts = {"num_carry": num_carry + num_carry_dot, "num_consts": num_consts + num_consts_dot}
    outs = loop.bind(*operands, **{**params, "jaxpr": body, **counts})
    num_ys = len(jaxpr.outvars) - num_carry
    carry, carry_dot, ys, ys_dot = split_list(outs, num_carry, num_carry_dot, num_ys)
    avals = loop.abstract_eval(**params)
    return split_jvp_outs([*carry, *ys, *carry_dot, *ys_dot], (*carry_nz, *ys_nz), avals)


@cached_by_jaxpr
def split_body(jaxpr: Jaxpr, known: tuple[bool, ...], num_consts: int, num_carry: int):
    """Split the body into a known and an unknown one; a carry is known only if it is after every step.

    Returns
    -------
    known_body : Jaxpr
        ``(known consts, known carry, known xs) -> (known carry, known ys, stacked residuals)``.
    unknown_body : Jaxpr
        ``(constant residuals, unknown consts, unknown carry, unknown xs, stacked residuals) ->
        (unknown carry, unknown ys)``.
    known_out : tuple of bool
    known : tuple of bool
        Which inputs, after the carries have been settled.
    constant : tuple of int
        For each constant residual, its position among the known consts.
    num_stacked : int
    """
    known = list(known)
    carry_slice = slice(num_consts, num_consts + num_carry)
    num_ys = len(jaxpr.outvars) - num_carry
    while True:
        force = (*(not k for k in known[carry_slice]), *(False,) * num_ys)
        known_body, unknown_body, known_out, residual_avals = partial_eval_jaxpr(jaxpr, tuple(known), force)
        if list(known_out[:num_carry]) == known[carry_slice]:
            break
        known[carry_slice] = [k and ko for k, ko in zip(known[carry_slice], known_out, strict=False)]
    num_known_consts = sum(known[:num_consts])
    split = len(known_body.outvars) - len(residual_avals)
    const_position = {v: i for i, v in enumerate(known_body.invars[:num_known_consts])}
    residuals = known_body.outvars[split:]
    constant = [i for i, v in enumerate(residuals) if v in const_position]
    stacked = [i for i, v in enumerate(residuals) if v not in const_position]
    known_body = known_body.replace(outvars=known_body.outvars[:split] + tuple(residuals[i] for i in stacked))
    num_residuals = len(residuals)
    rest = range(num_residuals, len(unknown_body.invars))
    unknown_body = permute_inputs(unknown_body, [*constant, *rest, *stacked])
    positions = tuple(const_position[residuals[i]] for i in constant)
    return known_body, unknown_body, known_out, tuple(known), positions, len(stacked)


def split_scan(args, known, params):
    """Run the known part of a scan; return its results and the operands and params of the unknown part."""
    num_consts, num_carry = params["num_consts"], params["num_carry"]
    known_body, unknown_body, known_out, known, constant, num_stacked = split_body(
        params["jaxpr"], known, num_consts, num_carry
    )
    known_args = [a for a, k in zip(args, known, strict=True) if k]
    num_known_consts, num_known_carry = (
        sum(known[:num_consts]),
        sum(known[num_consts : num_consts + num_carry]),
    )
    outs = scan_p.bind(
        *known_args,
        **{**params, "jaxpr": known_body, "num_consts": num_known_consts, "num_carry": num_known_carry},
    )
    split = len(outs) - num_stacked
    unknown_args = [a for a, k in zip(args, known, strict=True) if not k]
    operands = [*(known_args[i] for i in constant), *unknown_args, *outs[split:]]
    unknown_params = {
        **params,
        "jaxpr": unknown_body,
        "num_consts": len(constant) + num_consts - num_known_consts,
        "num_carry": num_carry - num_known_carry,
    }
    return outs[:split], known_out, operands, unknown_params


def _scan_partial_eval(trace, args, **params):
    known = tuple(map(trace.knows, args))
    known_outs, known_out, operands, unknown_params = split_scan(args, known, params)
    if all(known_out):
        return known_outs
    return merge(known_out, known_outs, trace.record(scan_p, operands, unknown_params))


@cached_by_jaxpr
def transposed_body(jaxpr, linear, ct_ys_nonzero, num_consts, num_carry):
    """Return the body of the backward scan.

    ``(residual consts, ct_consts, ct_carry, ct_ys where nonzero, residual xs) -> (ct_consts, ct_carry, ct_xs)``,
    the cotangents of constants being a carry that adds up.
    """
    linear_consts, linear_carry, linear_xs = split_list(linear, num_consts, num_carry)
    avals = jaxpr.in_avals
    consts_avals, carry_avals, xs_avals = split_list(avals, num_consts, num_carry)

    def pick(items, mask, wanted):
        return [a for a, m in zip(items, mask, strict=True) if m == wanted]

    ct_const_avals = [a.to_tangent() for a in pick(consts_avals, linear_consts, True)]
    ct_carry_avals = [a.to_tangent() for a in carry_avals]
    ys_avals = jaxpr.out_avals[num_carry:]
    ct_ys_avals = [a.to_tangent() for a, nz in zip(ys_avals, ct_ys_nonzero, strict=True) if nz]
    residual_consts = pick(consts_avals, linear_consts, False)
    residual_xs = pick(xs_avals, linear_xs, False)

    def body(*args):
        res_consts, ct_consts, ct_carry, ct_ys, res_xs = split_list(
            args, len(residual_consts), len(ct_const_avals), num_carry, len(ct_ys_avals)
        )
        consts, xs, given = iter(res_consts), iter(res_xs), iter(ct_ys)
        primal_args = [
            Linear(a) if lin else next(consts) for a, lin in zip(consts_avals, linear_consts, strict=True)
        ]
        primal_args += [Linear(a) for a in carry_avals]
        primal_args += [Linear(a) if lin else next(xs) for a, lin in zip(xs_avals, linear_xs, strict=True)]
        cts = list(ct_carry) + [
            next(given) if nz else Zero(a.to_tangent()) for a, nz in zip(ys_avals, ct_ys_nonzero, strict=True)
        ]
        cts_in = backward_pass(jaxpr, (), primal_args, cts)
        new_consts, new_carry, ct_xs = split_list(cts_in, len(ct_const_avals), num_carry)
        summed = [
            old if type(new) is Zero else add_cotangents(old, new)
            for old, new in zip(ct_consts, new_consts, strict=True)
        ]
        return [*summed, *map(instantiate, new_carry), *map(instantiate, ct_xs)]

    in_avals = [*residual_consts, *ct_const_avals, *ct_carry_avals, *ct_ys_avals, *residual_xs]
    return stage_rule(body, in_avals, "scan transpose")


def _scan_transpose(cts, *args, **params):
    num_consts, num_carry = params["num_consts"], params["num_carry"]
    linear = tuple(map(is_linear, args))
    carry_avals = params["jaxpr"].in_avals[num_consts : num_consts + num_carry]
    if any(a.dtype.kind in "biu" for a in carry_avals):
        return _transpose_with_known_carry(cts, args, linear, params)
    linear = (*linear[:num_consts], *(True,) * num_carry, *linear[num_consts + num_carry :])
    ct_carry, ct_ys = split_list(cts, num_carry)
    ys_nonzero = tuple(map(is_nonzero, ct_ys))
    body = transposed_body(params["jaxpr"], linear, ys_nonzero, num_consts, num_carry)
    consts, _, xs = split_list(args, num_consts, num_carry)
    residual_consts = [c for c in consts if not is_linear(c)]
    linear_consts = [c for c in consts if is_linear(c)]
    operands = [
        *residual_consts,
        *(instantiate(Zero(c.aval.to_tangent())) for c in linear_consts),
        *map(instantiate, ct_carry),
        *(ct for ct in ct_ys if is_nonzero(ct)),
        *(x for x in xs if not is_linear(x)),
    ]
    outs = scan_p.bind(
        *operands,
        jaxpr=body,
        length=params["length"],
        num_carry=len(linear_consts) + num_carry,
        num_consts=len(residual_consts),
        reverse=not params["reverse"],
        unroll=params["unroll"],
    )
    ct_consts, ct_init, ct_xs = map(iter, split_list(outs, len(linear_consts), num_carry))
    result = [next(ct_consts) if is_linear(c) else None for c in consts]
    result += [ct if is_linear(a) else None for ct, a in zip(ct_init, args[num_consts:], strict=False)]
    result += [next(ct_xs) if is_linear(x) else None for x in xs]
    return tuple(result)


def _transpose_with_known_carry(cts, args, linear, params):
    """Transpose a loop that also counts: run the known carries first, transpose what is left."""
    known = tuple(not lin for lin in linear)
    _, known_out, operands, unknown_params = split_scan(args, known, params)
    start = unknown_params["num_consts"]
    for aval in unknown_params["jaxpr"].in_avals[start : start + unknown_params["num_carry"]]:
        if aval.dtype.kind in "biu":
            raise TransposeError(
                "scan is not linear here, so it has no transpose.",
                why=f"a carry {aval} depends on what it should be linear in.",
            )
    unknown_cts = tuple(ct for ct, k in zip(cts, known_out, strict=True) if not k)
    unknown_result = _scan_transpose(unknown_cts, *operands, **unknown_params)
    by_operand = {id(arg): ct for arg, ct in zip(operands, unknown_result, strict=True) if is_linear(arg)}
    return tuple(by_operand.get(id(arg)) if is_linear(arg) else None for arg in args)


def _scan_batch(axis, args, dims, **params):
    return batch_loop(scan_p, axis, args, dims, params)


def batch_loop(loop: Primitive, axis, args, dims, params):
    """Batch a loop with the operands of ``scan``, and with its params at least."""
    jaxpr, num_carry, num_consts = params["jaxpr"], params["num_carry"], params["num_consts"]
    whole = num_consts + num_carry
    if any(isinstance(d, Groups) and d.position == 0 for d in dims[whole:]):
        # Each group has run the loop, and stacked its own tapes.
        together = next(d.together for d in dims if isinstance(d, Groups))
        return in_groups(loop, axis, *in_front(axis, args, dims), params, together)
    head, head_dims = in_front(axis, args[:whole], dims[:whole])
    given = (*head_dims, *map(_dim_in_step, dims[whole:]))
    body, settled, out_dims = batched_loop_body(jaxpr, axis, given, (num_consts, whole), False)
    operands = [in_form(x, d, form, axis.size) for x, d, form in zip(head, head_dims, settled, strict=False)]
    for x, d in zip(args[whole:], dims[whole:], strict=True):
        operands.append(x if d is None or isinstance(aval_of(x), Tape) else move_dim(x, d, 1))
    outs = loop.bind(*operands, **{**params, "jaxpr": body})
    ys = zip(outs[num_carry:], out_dims[num_carry:], strict=True)
    return outs, (*out_dims[:num_carry], *(_dim_when_stacked(y, d) for y, d in ys))


def _dim_in_step(dim):
    """Return the mapped dimension of what a step gets, of operands of which each step gets a part."""
    if isinstance(dim, Groups):
        return dim._replace(position=dim.position - 1)
    return None if dim is None else 0


def _dim_when_stacked(y, dim):
    if isinstance(dim, Groups):
        return dim._replace(position=dim.position + 1)
    return 1 if dim == 0 and not isinstance(aval_of(y), Tape) else dim


scan_p = Primitive(
    name="scan",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_scan_abstract_eval,
    impl=_scan_impl,
    jvp=_scan_jvp,
    partial_eval=_scan_partial_eval,
    transpose=_scan_transpose,
    batch=_scan_batch,
    lower=Region("scan"),
    doc="(c_{i+1}, y_i) = jaxpr(consts, c_i, x_i)",
)
compile_when_eager(scan_p)


# --- the user's function ----------------------------------------------------------------------------


def scan(
    f: Callable,
    init,
    xs=None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
    *,
    checkpoint=None,
):
    """Loop over the leading axis of arrays, carrying state.

    Parameters
    ----------
    f : callable
        ``(carry, x) -> (carry, y)``; the carry keeps its structure, shapes and dtypes.
    init : pytree
        The first carry. Python scalars take the type that the body gives them.
    xs : pytree of arrays, optional
        Each of shape ``[length, …]``; ``f`` gets the slices.
    length : int, optional
        Number of steps, where ``xs`` does not tell.
    reverse : bool
        Run from the last index to the first; ``ys`` stay aligned with ``xs``.
    unroll : int or bool
        A hint for compilation.
    checkpoint : None, int, True, "sqrt", Binomial or Budget, optional
        Which carries the reverse sweep keeps, of n steps; the steps between are run again, when their turn comes.
        None or False: what each step needs is stored, n times. An int k: n/k carries, and what k steps need. True or
        ``"sqrt"``: the same, for k of about √n. ``checkpoint_loops.Binomial(snapshots=s)``: s carries at a time, and
        what one step needs. ``checkpoint_loops.Budget(bytes=b)``: the fastest of these that fits into b bytes.

    Returns
    -------
    carry : pytree
        After the last step.
    ys : pytree of arrays
        The stacked ``y``, each of shape ``[length, …]``.

    Raises
    ------
    CarryTypeError
        If the body returns a carry of another structure or type.
    ArgumentError
        If the lengths of ``xs`` differ or are unknown, ``unroll`` is negative, or ``checkpoint`` is none of the above.
    ConcretizationTypeError
        If ``length`` is traced.

    Notes
    -----
    Equivalent to a Python loop that collects ``y`` and stacks; recorded once whatever the length. Differentiable
    both ways: the backward pass is a scan over stored residuals. ``checkpoint`` changes no value and nothing in
    forward mode; an int costs one further run of the loop. ``jaxlite.checkpoint(f, policy=…)`` for the body goes
    together with it: that says what each step keeps, while its segment is being run again.

    Differs from JAX: ``checkpoint`` is jaxlite's own. There, a scan of a scan under ``jax.checkpoint`` says the same.

    References
    ----------
    .. [1] Griewank, Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapter 12.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> jaxlite.lax.scan(lambda c, x: (c + x, c * x), 0.0, np.arange(4.0))
    (Array(6., dtype=float64), Array([0., 0., 2., 9.], dtype=float64))
    >>> def power(x):
    ...     return jaxlite.lax.scan(lambda c, _: (c * x, None), x, length=99, checkpoint="sqrt")[0]
    >>> jaxlite.grad(power)(1.0)
    Array(100., dtype=float64)
    """
    if not callable(f):
        raise ArgumentError(f"scan needs a callable, not {type(f).__name__}.")
    checkpoints = as_loop_checkpoints("scan", checkpoint)
    init_leaves, init_tree = tree_flatten(init)
    xs_leaves, xs_tree = tree_flatten(xs)
    length = _scan_length(xs, xs_leaves, length)
    unroll = as_unroll("scan", unroll)
    _, in_tree = tree_flatten((init, xs))
    if jit_is_disabled() and length and not is_staging():
        return _python_scan(f, as_arrays(init), xs_leaves, xs_tree, length, reverse)
    carry_avals = [aval_of(x) for x in init_leaves]
    x_avals = [aval_of(x) for x in xs_leaves]
    x_avals = [ShapedArray(a.shape[1:], a.dtype) for a in x_avals]
    while True:
        body = stage_body(f, in_tree, [*carry_avals, *x_avals], f"the body of scan, {describe_function(f)}")
        carry_out_tree, ys_tree = _carry_and_ys(body.out_tree, f)
        if carry_out_tree != init_tree:
            raise carry_structure_error("scan", f, init_tree, carry_out_tree)
        outs = body.jaxpr.out_avals[: len(carry_avals)]
        promoted = [promote_weak(a, b) for a, b in zip(carry_avals, outs, strict=True)]
        if not any(promoted):
            break
        carry_avals = [p or a for p, a in zip(promoted, carry_avals, strict=True)]
    check_carry("scan", f, init, carry_avals, outs)
    params = {
        "jaxpr": body.jaxpr,
        "length": length,
        "num_carry": len(init_leaves),
        "num_consts": len(body.consts),
        "reverse": bool(reverse),
        "unroll": unroll,
    }
    operands = [*body.consts, *to_types(init_leaves, carry_avals), *xs_leaves]
    results = checkpoints.bind_scan(scan_p, operands, params)
    carry, ys = split_list(results, len(init_leaves))
    return tree_unflatten(init_tree, carry), tree_unflatten(ys_tree, ys)


def _python_scan(f: Callable, carry, xs_leaves, xs_tree, length: int, reverse: bool):
    """Loop in Python, step by step, so that the body can be looked into."""
    ys: list = [None] * length
    for i in reversed(range(length)) if reverse else range(length):
        slices = [squeeze(slice_in_dim(x, i, i + 1), (0,)) for x in xs_leaves]
        carry, ys[i] = f(carry, tree_unflatten(xs_tree, slices))
    leaves_of_steps = [tree_flatten(y)[0] for y in ys]
    stacked = [
        concatenate([expand_dims(leaf, (0,)) for leaf in leaves], 0)
        for leaves in zip(*leaves_of_steps, strict=True)
    ]
    return carry, tree_unflatten(tree_flatten(ys[0])[1], stacked)


def as_unroll(loop: str, unroll) -> int:
    """Return the hint as it stands in equations; an error names the loop that was called."""
    try:
        steps = operator.index(unroll)
    except TypeError:
        steps = -1
    if steps < 0:
        raise ArgumentError(
            f"{loop} got unroll={unroll!r:.40}.",
            fix="unroll=True, unroll=False, or how many steps, 0 or more.",
        )
    return steps


def _known_length(length) -> int:
    if isinstance(length, Tracer) and length.concrete() is None:
        raise ConcretizationTypeError(
            f"scan: length must be a Python integer, but it is traced: {length.describe()}",
            why=length.why_unknown(),
            fix="make it static: jit(f, static_argnames=...) with the name of the argument it comes from; or loop with "
            "jaxlite.lax.fori_loop(0, length, f, init) or jaxlite.lax.while_loop.",
        )
    try:
        known = int(length)
    except (TypeError, ValueError):
        known = -1
    if known < 0:
        raise ArgumentError(f"scan got length={length!r:.40}.", fix="pass how many steps, 0 or more.")
    return known


def _scan_length(xs, leaves, length) -> int:
    sizes = {}
    for path, leaf in tree_flatten_with_path(xs)[0]:
        aval = aval_of(leaf)
        if not aval.shape:
            raise ArgumentError(
                f"scan: xs{keystr(path)} is a scalar, {aval}.",
                why="scan goes along the leading axis of every array.",
            )
        sizes[keystr(path)] = aval.shape[0]
    if length is not None:
        sizes["length"] = _known_length(length)
    if not sizes:
        raise ArgumentError(
            "scan got no values to scan over and `length` not provided.", fix="pass length=n."
        )
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{'length' if k == 'length' else 'xs' + k}: {n}" for k, n in sizes.items())
        raise ArgumentError(f"scan got values with different leading axis sizes: {listed}.")
    return next(iter(sizes.values()))


def _carry_and_ys(out_tree, f):
    children = out_tree.children()
    if len(children) != 2 or out_tree.node_data()[0] is not tuple:
        raise CarryTypeError(
            f"scan's body, {describe_function(f)}, must return a pair (carry, y); it returned {out_tree}.",
            fix="return carry, y; with y = None where nothing is collected.",
        )
    return children


def carry_structure_error(loop: str, f, tree_in, tree_out) -> CarryTypeError:
    return CarryTypeError(
        f"{loop}'s body, {describe_function(f)}, returned a carry of another structure than it was given.",
        details=[f"in:  {tree_in}", f"out: {tree_out}"],
        fix="return a carry of the structure of init.",
    )


def check_carry(loop: str, f, init, avals_in, avals_out) -> None:
    """Raise unless every carry keeps its shape and dtype."""
    for (path, _), a, b in zip(tree_flatten_with_path(init)[0], avals_in, avals_out, strict=True):
        if not same_type(a, b):
            raise CarryTypeError(
                f"{loop}'s body, {describe_function(f)}, returned a carry of another type than it was given.",
                why=f"carry{keystr(path)} enters as {a} and leaves as {b}.",
                fix=f"start it as {b.strip_weak_type()}, or convert what the body returns to {a.strip_weak_type()}.",
            )
