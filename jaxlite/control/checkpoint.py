"""``checkpoint``: store less in the forward pass, compute it again in the backward pass.

    b:f64[] = checkpoint[ differentiated=False  jaxpr={ … }  policy=None  prevent_cse=True ] a

Linearizing the primitive keeps only its inputs (and what the policy says may be saved) and records a linear part
that recomputes the rest. The recomputation stands behind an ``optimization_barrier``, which merging of equal
equations does not cross: otherwise the first computation would be found again, and stored after all.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import SimpleNamespace

from jaxlite.control.bodies import is_nonzero, stage_body
from jaxlite.control.jit import Jitted, forward_inputs, jit_p, merge, split_jvp_outs
from jaxlite.errors import ArgumentError
from jaxlite.interpreters.batch import batch_jaxpr
from jaxlite.interpreters.evaluate import eval_jaxpr, run_jaxpr
from jaxlite.interpreters.jvp import jvp_jaxpr
from jaxlite.interpreters.linearize import linearize_flat, partial_eval_jaxpr, rematerialize
from jaxlite.interpreters.stage import stage, stage_rule
from jaxlite.interpreters.transpose import transpose_jaxpr
from jaxlite.ir import Jaxpr, Literal, cached_by_jaxpr
from jaxlite.lowering import Region
from jaxlite.ops.structural import name as name_value
from jaxlite.ops.structural import optimization_barrier
from jaxlite.primitive import PURE, Primitive, is_linear
from jaxlite.source import describe_function
from jaxlite.trace import EVAL, aval_of, current_trace
from jaxlite.tree import tree_flatten, tree_map, tree_unflatten

# --- the primitive ----------------------------------------------------------------------------------


def _checkpoint_abstract_eval(*avals, jaxpr, policy, prevent_cse, differentiated):
    return tuple(a.strip_weak_type() for a in jaxpr.out_avals)


def _checkpoint_impl(*args, jaxpr, policy, prevent_cse, differentiated):
    return run_jaxpr(jaxpr, *args)


def _checkpoint_jvp(primals, tangents, *, jaxpr, **params):
    jvp, nonzero_out = jvp_jaxpr(jaxpr, tuple(map(is_nonzero, tangents)))
    outs = checkpoint_p.bind(*primals, *(t for t in tangents if is_nonzero(t)), jaxpr=jvp, **params)
    return split_jvp_outs(outs, nonzero_out, jaxpr.out_avals)


@cached_by_jaxpr
def inline_calls(jaxpr: Jaxpr) -> Jaxpr:
    """Replace jit equations by the equations of their programs."""

    def flat(*args):
        env = dict(zip(jaxpr.invars, args, strict=True))
        for eqn in jaxpr.eqns:
            operands = [v.val if type(v) is Literal else env[v] for v in eqn.invars]
            if eqn.primitive is jit_p:
                outs = eval_jaxpr(inline_calls(eqn.params["jaxpr"]), (), *operands)
            else:
                outs = eqn.primitive.bind(*operands, **eqn.params)
                outs = outs if eqn.primitive.multiple_results else (outs,)
            env.update(zip(eqn.outvars, outs, strict=True))
        return [v.val if type(v) is Literal else env[v] for v in jaxpr.outvars]

    return stage_rule(flat, jaxpr.in_avals, "inlined")


@cached_by_jaxpr
def _split(jaxpr: Jaxpr, known: tuple[bool, ...], policy):
    """Split into a known part and an unknown part that recomputes what the policy does not save."""
    if policy is not None:
        jaxpr = inline_calls(jaxpr)
    known_jaxpr, unknown_jaxpr, known_out, residual_avals = partial_eval_jaxpr(jaxpr, known)

    def saveable(eqn) -> bool:
        return policy is not None and bool(policy(eqn.primitive, *(v.aval for v in eqn.invars), **eqn.params))

    known_jaxpr, unknown_jaxpr, saved = rematerialize(
        known_jaxpr, unknown_jaxpr, len(residual_avals), saveable
    )
    return known_jaxpr, unknown_jaxpr, known_out, len(saved)


def _checkpoint_partial_eval(trace, args, *, jaxpr, policy, prevent_cse, differentiated):
    known = tuple(map(trace.knows, args))
    known_jaxpr, unknown_jaxpr, known_out, num_saved = _split(jaxpr, known, policy)
    known_args = [a for a, k in zip(args, known, strict=True) if k]
    if current_trace() is EVAL:
        outs = jit_p.bind(*known_args, jaxpr=known_jaxpr, name="checkpoint")
    else:
        # Still a checkpoint: whoever differentiates this again would store what it computes.
        params = {"policy": policy, "prevent_cse": prevent_cse, "differentiated": differentiated}
        outs = checkpoint_p.bind(*known_args, jaxpr=known_jaxpr, **params)
    outs = forward_inputs(known_jaxpr, known_args, outs)
    split = len(outs) - num_saved
    unknown_args = [a for a, k in zip(args, known, strict=True) if not k]
    params = {"jaxpr": unknown_jaxpr, "policy": policy, "prevent_cse": prevent_cse, "differentiated": True}
    unknown_outs = trace.record(checkpoint_p, [*known_args, *outs[split:], *unknown_args], params)
    return merge(known_out, outs[:split], unknown_outs)


def _checkpoint_transpose(cts, *args, jaxpr, policy, prevent_cse, differentiated):
    linear = tuple(map(is_linear, args))
    transposed, nonzero_out = transpose_jaxpr(jaxpr, linear, tuple(map(is_nonzero, cts)))
    residuals = [a for a in args if not is_linear(a)]
    given = [ct for ct in cts if is_nonzero(ct)]
    if prevent_cse and (residuals or given):
        # The barrier ties the residuals to the cotangents, so that recomputing starts when the backward pass does.
        values = optimization_barrier(*residuals, *given)
        residuals, given = values[: len(residuals)], values[len(residuals) :]
    outs = iter(
        checkpoint_p.bind(
            *residuals, *given, jaxpr=transposed, policy=policy, prevent_cse=prevent_cse, differentiated=True
        )
    )
    cts_in = iter([next(outs) if nz else None for nz in nonzero_out])
    return tuple(next(cts_in) if lin else None for lin in linear)


def _checkpoint_batch(axis, args, dims, *, jaxpr, **params):
    batched, out_dims = batch_jaxpr(jaxpr, axis, tuple(dims))
    return checkpoint_p.bind(*args, jaxpr=batched, **params), out_dims


checkpoint_p = Primitive(
    name="checkpoint",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_checkpoint_abstract_eval,
    impl=_checkpoint_impl,
    jvp=_checkpoint_jvp,
    partial_eval=_checkpoint_partial_eval,
    transpose=_checkpoint_transpose,
    batch=_checkpoint_batch,
    lower=Region("call"),
    doc="z = jaxpr(x), recomputed for the backward pass",
)


# --- the user's functions ---------------------------------------------------------------------------


def checkpoint(
    fun: Callable | None = None,
    *,
    prevent_cse: bool = True,
    policy: Callable[..., bool] | None = None,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
):
    """Let the backward pass of ``fun`` recompute intermediate values instead of storing them.

    Parameters
    ----------
    fun : callable
    prevent_cse : bool
        Keep the recomputation apart from the first computation when programs are optimised.
    policy : callable, optional
        ``(primitive, *avals, **params) -> bool``: whether results of an equation may be stored. See
        `checkpoint_policies`. By default only the arguments are.
    static_argnums, static_argnames
        Arguments that Python code needs the values of.

    Returns
    -------
    callable
        The same function, with another trade of memory for time under reverse mode.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> f = jaxlite.checkpoint(lambda x: np.sin(np.sin(x)))
    >>> jaxlite.grad(f)(0.0)
    Array(1., dtype=float64)
    """
    if fun is None:
        return functools.partial(
            checkpoint,
            prevent_cse=prevent_cse,
            policy=policy,
            static_argnums=static_argnums,
            static_argnames=static_argnames,
        )
    if policy is not None and not callable(policy):
        raise ArgumentError(
            f"checkpoint needs a callable as policy, not {policy!r:.40}.",
            fix="see jaxlite.checkpoint_policies.",
        )
    if not callable(fun):
        raise ArgumentError(f"checkpoint needs a callable, not {type(fun).__name__}.")
    splitter = Jitted(fun, static_argnums or None, static_argnames or None)

    @functools.wraps(fun)
    def checkpointed(*args, **kwargs):
        static, dynamic = splitter._split_static(args, kwargs)
        leaves, in_tree = tree_flatten(dynamic)

        def call(dynamic_args, dynamic_kwargs):
            full_args, full_kwargs = splitter._join_static(static, dynamic_args, dynamic_kwargs)
            return fun(*full_args, **full_kwargs)

        call.__wrapped__ = fun
        body = stage_body(
            call, in_tree, [aval_of(x) for x in leaves], f"checkpoint({describe_function(fun)})"
        )
        outs = checkpoint_p.bind(
            *body.consts,
            *leaves,
            jaxpr=body.jaxpr,
            policy=policy,
            prevent_cse=bool(prevent_cse),
            differentiated=False,
        )
        return tree_unflatten(body.out_tree, outs)

    return checkpointed


def checkpoint_name(x, name: str):
    """Name a value, for policies that save by name.

    Parameters
    ----------
    x : pytree of arrays
    name : str

    Returns
    -------
    pytree of arrays
        ``x``.
    """
    return tree_map(lambda leaf: name_value(leaf, name), x)


def everything_saveable(*_, **__) -> bool:
    """Store everything: as without ``checkpoint``."""
    return True


def nothing_saveable(*_, **__) -> bool:
    """Store nothing but the arguments: the default."""
    return False


def dots_saveable(primitive, *_, **__) -> bool:
    """Store the results of matrix products."""
    return primitive.name == "dot_general"


def dots_with_no_batch_dims_saveable(primitive, *_, **params) -> bool:
    """Store the results of matrix products without batch dimensions (of weights with activations)."""
    return primitive.name == "dot_general" and params["dimension_numbers"][1] == ((), ())


def save_only_these_names(*names: str) -> Callable[..., bool]:
    """Store the values named so by `checkpoint_name`, nothing else."""
    wanted = frozenset(names)

    def policy(primitive, *_, **params) -> bool:
        return primitive.name == "name" and params["name"] in wanted

    return policy


def save_any_names_but_these(*names: str) -> Callable[..., bool]:
    """Store the values that have a name other than these."""
    unwanted = frozenset(names)

    def policy(primitive, *_, **params) -> bool:
        return primitive.name == "name" and params["name"] not in unwanted

    return policy


def save_anything_except_these_names(*names: str) -> Callable[..., bool]:
    """Store everything but the values named so."""
    unwanted = frozenset(names)

    def policy(primitive, *_, **params) -> bool:
        return not (primitive.name == "name" and params["name"] in unwanted)

    return policy


def save_from_both_policies(first: Callable[..., bool], second: Callable[..., bool]) -> Callable[..., bool]:
    """Store what either policy stores."""

    def policy(*args, **params) -> bool:
        return first(*args, **params) or second(*args, **params)

    return policy


checkpoint_policies = SimpleNamespace(
    everything_saveable=everything_saveable,
    nothing_saveable=nothing_saveable,
    dots_saveable=dots_saveable,
    checkpoint_dots=dots_saveable,
    dots_with_no_batch_dims_saveable=dots_with_no_batch_dims_saveable,
    checkpoint_dots_with_no_batch_dims=dots_with_no_batch_dims_saveable,
    save_only_these_names=save_only_these_names,
    save_any_names_but_these=save_any_names_but_these,
    save_anything_except_these_names=save_anything_except_these_names,
    save_from_both_policies=save_from_both_policies,
)


def saved_residuals(fun: Callable, *args) -> list:
    """Return the avals of what the backward pass of ``fun`` stores, arguments included.

    Parameters
    ----------
    fun : callable
    *args
        Where to linearize it.

    Returns
    -------
    list of ShapedArray
    """
    leaves, in_tree = tree_flatten(args)
    residuals: list = []

    def residuals_of(*values):
        _, _, saved, _ = linearize_flat(
            lambda *xs: tree_flatten(fun(*tree_unflatten(in_tree, xs)))[0], values
        )
        residuals.extend(aval_of(x) for x in saved)
        return saved

    stage(residuals_of, [aval_of(x) for x in leaves], describe_function(fun))
    return residuals


def print_saved_residuals(fun: Callable, *args) -> None:
    """Print what the backward pass of ``fun`` stores, one type a line.

    Parameters
    ----------
    fun : callable
    *args
        Where to linearize it.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> jaxlite.print_saved_residuals(lambda x: np.sin(np.sin(x)), 1.0)
    f64[]
    f64[]
    """
    for aval in saved_residuals(fun, *args):
        print(aval)
