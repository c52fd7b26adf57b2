"""``custom_jvp``, ``custom_vjp`` and ``custom_gradient``: derivatives that the user supplies.

    b:f64[] = custom_jvp_call[ name=f  call_jaxpr={ lambda ; c:f64[]. let d:f64[] = sin c in (d,) }
                               jvp=f_jvp  num_consts=0  symbolic_zeros=False ] a

While a program is being recorded, the function is recorded too (``call_jaxpr``); in eager code it stays a callable,
so that Python control flow on known values works. Either way one primitive carries function and rule, and the rule
is used when a jvp reaches it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence

import numpy as np

from jaxlite.control.jit import check_results
from jaxlite.dtypes import float0
from jaxlite.errors import ArgumentError, CustomRuleError, TransposeError
from jaxlite.interpreters.batch import batch_flat, batch_jaxpr, to_front
from jaxlite.interpreters.evaluate import eval_jaxpr, run_jaxpr
from jaxlite.interpreters.jvp import jvp_flat
from jaxlite.interpreters.stage import is_staging, stage
from jaxlite.interpreters.transpose import backward_pass
from jaxlite.ir import Jaxpr, ShapedArray, lift_constvars
from jaxlite.lowering import Region
from jaxlite.ops.elementwise import convert_element_type
from jaxlite.ops.reductions import reduce_sum
from jaxlite.ops.structural import instantiate, move_dim
from jaxlite.primitive import PURE, RECORD, Linear, Primitive, Zero, is_linear
from jaxlite.source import describe_function
from jaxlite.trace import as_array, aval_of, is_value, set_current
from jaxlite.tree import Partial, keystr, tree_flatten, tree_flatten_with_path, tree_map, tree_unflatten

# --- calls: a Jaxpr where a program is recorded, a callable in eager code ------------------------------


def _apply(call, args) -> Sequence:
    return eval_jaxpr(call, (), *args) if isinstance(call, Jaxpr) else call(*args)


def _batch_call(call, axis, dims):
    """Return the batched call; all of its results have the mapped axis in front."""
    if isinstance(call, Jaxpr):
        return batch_jaxpr(call, axis, tuple(dims), True)[0]
    return _batch_function(call, axis, dims)


def _batch_function(fun: Callable, axis, dims):
    def batched(*args):
        outs, out_dims = batch_flat(fun, axis, args, dims)
        return [to_front(x, d, axis.size)[0] for x, d in zip(outs, out_dims, strict=True)]

    return batched


def _call_abstract_eval(*avals, call_jaxpr, **params):
    if not isinstance(call_jaxpr, Jaxpr):
        return None  # eager: the callable tells when it runs
    return tuple(a.strip_weak_type() for a in call_jaxpr.out_avals)


def _call_impl(*args, call_jaxpr, **params):
    if isinstance(call_jaxpr, Jaxpr):
        return run_jaxpr(call_jaxpr, *args)
    return tuple(call_jaxpr(*map(as_array, args)))


def _call_partial_eval(trace, args, *, call_jaxpr, **params):
    """A function that is asked for values, not derivatives, is just called."""
    with set_current(trace):
        return _apply(call_jaxpr, args)


def _call_transpose(cts, *args, call_jaxpr, **params):
    """Transpose the function itself: a linear function with a rule of its own for other uses."""
    if not isinstance(call_jaxpr, Jaxpr):
        avals = [a.aval if is_linear(a) else aval_of(a) for a in args]
        jaxpr, consts = stage(call_jaxpr, avals, "custom call")
    else:
        jaxpr, consts = call_jaxpr, ()
    given = iter(backward_pass(jaxpr, consts, args, cts))
    return tuple(next(given) if is_linear(a) else None for a in args)


def _require_constant(tangents, num_consts: int, name: str) -> None:
    if any(type(t) is not Zero for t in tangents[:num_consts]):
        raise CustomRuleError(
            f"{name} has a custom derivative rule and closes over a value that is being differentiated.",
            why="the rule only knows the arguments of the function.",
            fix="pass the value as an argument, or use jaxlite.closure_convert.",
        )


# --- custom_jvp -------------------------------------------------------------------------------------


def _custom_jvp_call_jvp(primals, tangents, *, call_jaxpr, jvp, name, num_consts, symbolic_zeros):
    _require_constant(tangents, num_consts, name)
    primals, tangents = primals[num_consts:], tangents[num_consts:]
    if not symbolic_zeros:
        tangents = [_tangent_array(t) for t in tangents]
    outs = jvp(*primals, *tangents)
    split = len(outs) // 2
    return tuple(outs[:split]), tuple(
        Zero.like(x) if aval_of(x).dtype.kind not in "fc" else t
        for x, t in zip(outs[:split], outs[split:], strict=True)
    )


def _tangent_array(tangent):
    if type(tangent) is Zero and tangent.aval.dtype == float0:
        return np.zeros(tangent.aval.shape, float0)
    return instantiate(tangent)


def _custom_jvp_call_batch(axis, args, dims, *, call_jaxpr, jvp, name, num_consts, symbolic_zeros):
    rule_dims = [*dims[num_consts:], *dims[num_consts:]]

    def batched_jvp(*primals_and_tangents):
        actual = [
            None if type(x) is Zero or getattr(x, "dtype", None) == float0 else d
            for x, d in zip(primals_and_tangents, rule_dims, strict=True)
        ]
        return _batch_function(jvp, axis, actual)(*primals_and_tangents)

    outs = custom_jvp_call_p.bind(
        *args,
        call_jaxpr=_batch_call(call_jaxpr, axis, dims),
        jvp=batched_jvp,
        name=name,
        num_consts=num_consts,
        symbolic_zeros=symbolic_zeros,
    )
    return outs, (0,) * len(outs)


custom_jvp_call_p = Primitive(
    name="custom_jvp_call",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_call_abstract_eval,
    impl=_call_impl,
    jvp=_custom_jvp_call_jvp,
    partial_eval=_call_partial_eval,
    transpose=_call_transpose,
    batch=_custom_jvp_call_batch,
    lower=Region("call"),
    doc="z = f(x);  ż = the user's jvp rule",
)


class custom_jvp:  # noqa: N801 (a decorator under the name that JAX gave it)
    """A function with a derivative rule of its own.

    Parameters
    ----------
    fun : callable
    nondiff_argnums : sequence of int
        Positions of arguments that are not differentiated (functions, for instance).
    nondiff_argnames : sequence of str
        Their names.

    Notes
    -----
    The rule gives both modes: reverse mode transposes it, so it must be linear in the tangents.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> @jaxlite.custom_jvp
    ... def f(x):
    ...     return np.sin(x)
    >>> @f.defjvp
    ... def f_jvp(primals, tangents):
    ...     (x,), (x_dot,) = primals, tangents
    ...     return f(x), 10.0 * x_dot
    >>> jaxlite.grad(f)(1.0)
    Array(10., dtype=float64)
    """

    def __init__(
        self, fun: Callable, nondiff_argnums: Sequence[int] = (), nondiff_argnames: Sequence[str] = ()
    ):
        functools.update_wrapper(self, fun, updated=())
        self.fun = fun
        self.nondiff_argnums = _nondiff_positions(fun, nondiff_argnums, nondiff_argnames)
        self.jvp: Callable | None = None
        self.symbolic_zeros = False

    def defjvp(self, jvp: Callable, symbolic_zeros: bool = False) -> Callable:
        """Define the rule.

        Parameters
        ----------
        jvp : callable
            ``(*nondiff, primals, tangents) -> (out, tangent_out)``, linear in the tangents.
        symbolic_zeros : bool
            Whether known-zero tangents are handed over as `SymbolicZero`.

        Returns
        -------
        callable
            ``jvp``, so that this is a decorator.
        """
        self.jvp = jvp
        self.symbolic_zeros = symbolic_zeros
        return jvp

    def defjvps(self, *jvps: Callable | None) -> None:
        """Define the rule as one function per argument.

        Parameters
        ----------
        *jvps : callable or None
            ``(t, ans, *primals) -> contribution`` of that argument's tangent ``t``; None for zero.
        """

        def jvp(primals, tangents):
            ans = self(*primals)
            terms = [
                rule(t, ans, *primals) for rule, t in zip(jvps, tangents, strict=True) if rule is not None
            ]
            if not terms:
                return ans, tree_map(lambda x: instantiate(Zero.like(x)), ans)
            return ans, functools.reduce(lambda a, b: tree_map(lambda u, v: u + v, a, b), terms)

        self.jvp = jvp

    def __get__(self, instance, owner=None):
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args, **kwargs):
        name = describe_function(self.fun)
        if self.jvp is None:
            raise CustomRuleError(
                f"No JVP defined for custom_jvp function {name}.", fix="call f.defjvp(rule) first."
            )
        args = _positional(self.fun, args, kwargs)
        nondiff, dynamic, call = _split_nondiff(self.fun, args, self.nondiff_argnums)
        leaves, in_tree = _value_leaves(dynamic, name)
        function = _FlatCall(call, in_tree, self.fun, "custom_jvp")

        def jvp_rule(*flat):
            primals = tree_unflatten(in_tree, flat[: in_tree.num_leaves])
            tangents = tree_unflatten(in_tree, flat[in_tree.num_leaves :])
            return _flat_jvp_result(self.jvp(*nondiff, primals, tangents), function, name)

        call_jaxpr, consts = function.record_if_staging(leaves)
        outs = custom_jvp_call_p.bind(
            *consts,
            *leaves,
            call_jaxpr=call_jaxpr,
            jvp=jvp_rule,
            name=getattr(self.fun, "__name__", "custom_jvp"),
            num_consts=len(consts),
            symbolic_zeros=self.symbolic_zeros,
        )
        return tree_unflatten(function.out_tree, outs)


class _FlatCall:
    """A user's function of flat leaves; whoever runs it first, or runs its rule, notes the output structure."""

    def __init__(self, call: Callable, in_tree, fun: Callable, what: str):
        self.call = call
        self.in_tree = in_tree
        self.fun = fun
        self.what = what
        self.out_tree = None

    def __call__(self, *leaves):
        result = self.call(*tree_unflatten(self.in_tree, leaves))
        outs, self.out_tree = tree_flatten(result)
        check_results(outs, result, self.fun, self.what)
        return outs

    def record_if_staging(self, leaves):
        """Return ``(program, consts)`` where a program is being recorded, else ``(self, ())``."""
        if not is_staging():
            return self, ()
        avals = [aval_of(x) for x in leaves]
        jaxpr, consts = stage(self, avals, describe_function(self.fun), keep_dead=True)
        return lift_constvars(jaxpr), consts


def _positional(fun, args, kwargs) -> tuple:
    """Turn keyword arguments into positional ones and fill in defaults."""
    if not kwargs:
        return args
    try:
        bound = inspect.signature(fun).bind(*args, **kwargs)
    except TypeError as error:
        raise ArgumentError(f"{describe_function(fun)}: {error}.") from None
    bound.apply_defaults()
    if bound.kwargs:
        raise ArgumentError(
            f"{describe_function(fun)} has keyword-only arguments, which a custom derivative rule cannot take.",
            fix="make them positional.",
        )
    return bound.args


def _nondiff_positions(fun, argnums, argnames) -> tuple[int, ...]:
    argnums = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if argnames:
        names = list(inspect.signature(fun).parameters)
        argnums += tuple(names.index(name) for name in argnames)
    return tuple(sorted(set(argnums)))


def _split_nondiff(fun, args, positions):
    """Return the non-differentiated arguments, the others, and the function of the others."""
    positions = tuple(i % len(args) for i in positions)
    nondiff = tuple(args[i] for i in positions)
    dynamic = tuple(arg for i, arg in enumerate(args) if i not in positions)

    fixed = dict(zip(positions, nondiff, strict=True))
    num_args = len(args)

    # Recorded programs hold on to this function, so it must not hold on to the tracers among the arguments.
    def call(*dynamic):
        given = iter(dynamic)
        return fun(*(fixed[i] if i in fixed else next(given) for i in range(num_args)))

    return nondiff, dynamic, call


def _value_leaves(args, name: str):
    leaves, treedef = tree_flatten(args)
    for i, leaf in enumerate(leaves):
        if not is_value(leaf):
            path, _ = tree_flatten_with_path(args)[0][i]
            raise ArgumentError(
                f"{name} got {type(leaf).__name__} {leaf!r:.40} as args{keystr(path)}.",
                why="only arrays and numbers can be differentiated.",
                fix="name such arguments in nondiff_argnums.",
            )
    return leaves, treedef


def _flat_jvp_result(pair, function: _FlatCall, name: str) -> list:
    """Check what a jvp rule returned, and flatten it."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise CustomRuleError(
            f"the jvp rule of {name} must return a pair (out, tangent_out); it returned {type(pair).__name__}.",
            fix="return primal_out, tangent_out.",
        )
    outs, out_tree = tree_flatten(pair[0])
    tangents, tangent_tree = tree_flatten(pair[1])
    if out_tree != tangent_tree:
        raise CustomRuleError(
            f"the jvp rule of {name} must return primal and tangent of one structure.",
            details=[f"primal:  {out_tree}", f"tangent: {tangent_tree}"],
        )
    if function.out_tree is not None and function.out_tree != out_tree:
        raise CustomRuleError(
            f"the jvp rule of {name} returned another structure than the function.",
            details=[f"function: {function.out_tree}", f"rule:     {out_tree}"],
        )
    function.out_tree = out_tree
    return [*outs, *(_fit_tangent(x, t, name) for x, t in zip(outs, tangents, strict=True))]


def _fit_tangent(primal, tangent, name: str):
    """Return a tangent of the type its primal asks for; Python scalars and weak values are converted."""
    expected = aval_of(primal).to_tangent()
    if type(tangent) is Zero or expected.dtype == float0:
        return Zero(expected)
    got = aval_of(tangent)
    if got.shape != expected.shape or (got.dtype != expected.dtype and not got.weak_type):
        raise CustomRuleError(
            f"the jvp rule of {name} returned a tangent of type {got} for an output of type {aval_of(primal)}.",
            why=f"the tangent must have type {expected}.",
            fix="check the shape and dtype of tangent_out.",
        )
    return convert_element_type(tangent, expected.dtype) if got != expected else tangent


# --- custom_vjp -------------------------------------------------------------------------------------


def _custom_vjp_call_jvp(primals, tangents, *, call_jaxpr, fwd, bwd, name, num_consts, symbolic_zeros):
    _require_constant(tangents, num_consts, name)
    primals, tangents = primals[num_consts:], tangents[num_consts:]
    perturbed = tuple(type(t) is not Zero for t in tangents)
    outs, residuals, residual_tree = fwd(perturbed, *primals)
    out_avals = tuple(aval_of(x).strip_weak_type().to_tangent() for x in outs)
    differentiable = tuple(a.dtype != float0 for a in out_avals)
    given = [instantiate(t) for t, p in zip(tangents, perturbed, strict=True) if p]
    tangents_out = iter(
        custom_lin_p.bind(
            *residuals,
            *given,
            bwd=_Backward(bwd, residual_tree, perturbed, differentiable, tuple(aval_of(x) for x in outs)),
            num_residuals=len(residuals),
            out_avals=tuple(a for a, d in zip(out_avals, differentiable, strict=True) if d),
            name=name,
        )
    )
    return tuple(outs), tuple(
        next(tangents_out) if d else Zero(a) for a, d in zip(out_avals, differentiable, strict=True)
    )


class _Backward:
    """A backward rule on flat values: ``(*residuals, *cts of differentiable outputs) -> cts of perturbed inputs``."""

    def __init__(self, bwd, residual_tree, perturbed, differentiable, out_avals):
        self.bwd = bwd
        self.forward_mode_fix = bwd.forward_mode_fix
        self.residual_tree = residual_tree
        self.perturbed = perturbed
        self.differentiable = differentiable
        self.out_avals = out_avals

    def __call__(self, *residuals_and_cts):
        count = self.residual_tree.num_leaves
        given = iter(residuals_and_cts[count:])
        cts = [
            next(given) if d else np.zeros(a.shape, float0)
            for a, d in zip(self.out_avals, self.differentiable, strict=True)
        ]
        residuals = tree_unflatten(self.residual_tree, residuals_and_cts[:count])
        cts_in = self.bwd(residuals, cts)
        return [ct for ct, p in zip(cts_in, self.perturbed, strict=True) if p]


def _custom_vjp_call_batch(axis, args, dims, *, call_jaxpr, fwd, bwd, name, num_consts, symbolic_zeros):
    rule_dims = dims[num_consts:]

    def batched_fwd(perturbed, *primals):
        notes = []

        def flat(*xs):
            outs, residuals, residual_tree = fwd(perturbed, *xs)
            notes.append((len(outs), residual_tree))
            return [*outs, *residuals]

        values = _batch_function(flat, axis, rule_dims)(*primals)
        count, residual_tree = notes[0]
        return values[:count], values[count:], residual_tree

    def batched_bwd(residuals, cts):
        leaves, tree = tree_flatten(residuals)
        live = [getattr(ct, "dtype", None) != float0 for ct in cts]

        def flat(*values):
            given = iter(values[len(leaves) :])
            lane_cts = [
                next(given) if used else np.zeros(ct.shape[1:], float0)
                for ct, used in zip(cts, live, strict=True)
            ]
            return bwd(tree_unflatten(tree, values[: len(leaves)]), lane_cts)

        operands = [*leaves, *(ct for ct, used in zip(cts, live, strict=True) if used)]
        zeros, values, value_dims = _run_batched_bwd(flat, axis, operands)
        summed = []
        for zero, value, dim, wanted in zip(zeros, values, value_dims, rule_dims, strict=True):
            if zero is not None:
                summed.append(zero if wanted is None else Zero(zero.aval.mapped(axis.size, wanted)))
            elif wanted is None:
                summed.append(_sum_lanes(value, dim, axis.size))
            else:
                summed.append(move_dim(to_front(value, dim, axis.size)[0], 0, wanted))
        return summed

    batched_bwd.forward_mode_fix = bwd.forward_mode_fix
    outs = custom_vjp_call_p.bind(
        *args,
        call_jaxpr=_batch_call(call_jaxpr, axis, dims),
        fwd=batched_fwd,
        bwd=batched_bwd,
        name=name,
        num_consts=num_consts,
        symbolic_zeros=symbolic_zeros,
    )
    return outs, (0,) * len(outs)


def _run_batched_bwd(flat, axis, operands):
    """Run a backward rule over a mapped axis; zeros it returns are kept apart."""
    zeros: list = []

    def without_zeros(*values):
        cts = flat(*values)
        zeros[:] = [ct if type(ct) is Zero else None for ct in cts]
        return [ct for ct in cts if type(ct) is not Zero]

    values, dims = batch_flat(without_zeros, axis, operands, [0] * len(operands))
    given, given_dims = iter(values), iter(dims)
    return (
        zeros,
        [None if z is not None else next(given) for z in zeros],
        [None if z is not None else next(given_dims) for z in zeros],
    )


def _sum_lanes(value, dim, size: int):
    """Add up the cotangents that all elements send to an argument they share."""
    value, _ = to_front(value, dim, size)
    return reduce_sum(value, (0,))


custom_vjp_call_p = Primitive(
    name="custom_vjp_call",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_call_abstract_eval,
    impl=_call_impl,
    jvp=_custom_vjp_call_jvp,
    partial_eval=_call_partial_eval,
    transpose=_call_transpose,
    batch=_custom_vjp_call_batch,
    lower=Region("call"),
    doc="z = f(x);  x̄ = the user's vjp rule",
)


# The linear part of a function with a custom vjp: ``(residuals, ẋ) -> ẏ`` with the transpose given by the user.


def _custom_lin_abstract_eval(*avals, bwd, num_residuals, out_avals, name):
    return out_avals


def _forward_from_backward(bwd, num_residuals: int, out_avals, name: str) -> Callable:
    """Derive ẋ ↦ ẏ by transposing the backward rule, which is linear in the cotangents."""

    def forward(*args):
        residuals, tangents = args[:num_residuals], args[num_residuals:]
        backward, consts = stage(
            lambda *cts: list(map(instantiate, bwd(*residuals, *cts))), out_avals, f"bwd of {name}"
        )
        try:
            return backward_pass(backward, consts, [Linear(a) for a in out_avals], tangents)
        except TransposeError as error:
            raise CustomRuleError(
                f"forward mode of {name} transposes its bwd rule, but that is not linear in the cotangent.",
                details=str(error).splitlines()[:2],
                fix=bwd.forward_mode_fix,
            ) from error

    return forward


def _custom_lin_impl(*args, bwd, num_residuals, out_avals, name):
    outs = _forward_from_backward(bwd, num_residuals, out_avals, name)(*map(as_array, args))
    return tuple(np.asarray(instantiate(out)) for out in outs)


def _custom_lin_jvp(primals, tangents, *, bwd, num_residuals, out_avals, name):
    forward = _forward_from_backward(bwd, num_residuals, out_avals, name)
    outs, tangents_out = jvp_flat(lambda *xs: list(map(instantiate, forward(*xs))), primals, tangents)
    return tuple(outs), tuple(tangents_out)


def _custom_lin_transpose(cts, *args, bwd, num_residuals, out_avals, name):
    residuals = args[:num_residuals]
    return (*(None for _ in residuals), *bwd(*residuals, *map(instantiate, cts)))


def _custom_lin_batch(axis, args, dims, *, bwd, num_residuals, out_avals, name):
    forward = _forward_from_backward(bwd, num_residuals, out_avals, name)
    outs, out_dims = batch_flat(lambda *xs: list(map(instantiate, forward(*xs))), axis, args, dims)
    return tuple(outs), tuple(out_dims)


custom_lin_p = Primitive(
    name="custom_lin",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_custom_lin_abstract_eval,
    impl=_custom_lin_impl,
    jvp=_custom_lin_jvp,
    partial_eval=RECORD,
    transpose=_custom_lin_transpose,
    batch=_custom_lin_batch,
    lower=Region("call"),
    doc="ẏ = J·ẋ;  x̄ = bwd(residuals, ȳ)",
)


class custom_vjp:  # noqa: N801 (a decorator under the name that JAX gave it)
    """A function with a backward rule of its own.

    Parameters
    ----------
    fun : callable
    nondiff_argnums : sequence of int
        Positions of arguments that are not differentiated.
    nondiff_argnames : sequence of str
        Their names.

    Notes
    -----
    Differs from JAX: forward mode works too, by transposing the backward rule, where that rule is made of primitives
    that can be transposed.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> @jaxlite.custom_vjp
    ... def clip_gradient(x):
    ...     return x
    >>> clip_gradient.defvjp(lambda x: (x, None), lambda _, g: (np.clip(g, -1.0, 1.0),))
    >>> jaxlite.grad(lambda x: 5.0 * clip_gradient(x))(2.0)
    Array(1., dtype=float64)
    """

    def __init__(
        self, fun: Callable, nondiff_argnums: Sequence[int] = (), nondiff_argnames: Sequence[str] = ()
    ):
        functools.update_wrapper(self, fun, updated=())
        self.fun = fun
        self.nondiff_argnums = _nondiff_positions(fun, nondiff_argnums, nondiff_argnames)
        self.fwd: Callable | None = None
        self.bwd: Callable | None = None
        self.symbolic_zeros = False
        # What an error of forward mode advises: jaxlite's own functions may have another way.
        self.forward_mode_fix = "use reverse mode (grad, vjp), or define the function with custom_jvp."

    def defvjp(
        self, fwd: Callable, bwd: Callable, symbolic_zeros: bool = False, optimize_remat: bool = False
    ) -> None:
        """Define the rule.

        Parameters
        ----------
        fwd : callable
            ``(*args) -> (out, residuals)``.
        bwd : callable
            ``(*nondiff, residuals, ct) -> tuple`` with one cotangent per differentiated argument; None for zero.
        symbolic_zeros : bool
            Whether ``fwd`` gets `CustomVJPPrimal` objects that tell which arguments are perturbed.
        optimize_remat : bool
            Accepted for programs written for JAX, and ignored.
        """
        self.fwd, self.bwd, self.symbolic_zeros = fwd, bwd, symbolic_zeros

    def __get__(self, instance, owner=None):
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args, **kwargs):
        name = describe_function(self.fun)
        if self.fwd is None or self.bwd is None:
            raise CustomRuleError(
                f"No VJP defined for custom_vjp function {name}.", fix="call f.defvjp(fwd, bwd) first."
            )
        args = _positional(self.fun, args, kwargs)
        nondiff, dynamic, call = _split_nondiff(self.fun, args, self.nondiff_argnums)
        _, _, call_fwd = _split_nondiff(self.fwd, args, self.nondiff_argnums)
        leaves, in_tree = _value_leaves(dynamic, name)
        function = _FlatCall(call, in_tree, self.fun, "custom_vjp")

        def fwd_rule(perturbed, *leaves):
            if self.symbolic_zeros:
                leaves = [CustomVJPPrimal(x, p) for x, p in zip(leaves, perturbed, strict=True)]
            return _flat_fwd_result(call_fwd(*tree_unflatten(in_tree, leaves)), function, name)

        in_avals = [aval_of(x) for x in leaves]

        def bwd_rule(residuals, cts):
            result = self.bwd(*nondiff, residuals, tree_unflatten(function.out_tree, cts))
            return _flat_bwd_result(result, in_tree, in_avals, name)

        bwd_rule.forward_mode_fix = self.forward_mode_fix
        call_jaxpr, consts = function.record_if_staging(leaves)
        outs = custom_vjp_call_p.bind(
            *consts,
            *leaves,
            call_jaxpr=call_jaxpr,
            fwd=fwd_rule,
            bwd=bwd_rule,
            name=getattr(self.fun, "__name__", "custom_vjp"),
            num_consts=len(consts),
            symbolic_zeros=self.symbolic_zeros,
        )
        return tree_unflatten(function.out_tree, outs)


class CustomVJPPrimal:
    """An argument of ``fwd`` with ``symbolic_zeros=True``: its ``value``, and whether it is ``perturbed``."""

    __slots__ = ("perturbed", "value")

    def __init__(self, value, perturbed: bool):
        self.value = value
        self.perturbed = perturbed


def _flat_fwd_result(pair, function: _FlatCall, name: str):
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise CustomRuleError(
            f"the fwd rule of {name} must return a pair (out, residuals); it returned {type(pair).__name__}.",
            fix="return out, residuals.",
        )
    outs, out_tree = tree_flatten(pair[0])
    if function.out_tree is not None and function.out_tree != out_tree:
        raise CustomRuleError(
            f"the fwd rule of {name} returned another structure than the function.",
            details=[f"function: {function.out_tree}", f"fwd:      {out_tree}"],
        )
    function.out_tree = out_tree
    residuals, residual_tree = tree_flatten(pair[1])
    return outs, residuals, residual_tree


def _flat_bwd_result(result, in_tree, in_avals, name: str) -> list:
    """Check what a bwd rule returned against the arguments; None stands for zero."""
    if not isinstance(result, tuple | list) or len(result) != len(in_tree.children()):
        got = tree_flatten(result)[1] if isinstance(result, tuple | list) else type(result).__name__
        raise CustomRuleError(
            f"the bwd rule of {name} must return a tuple with one cotangent per argument, "
            f"{len(in_tree.children())} in all; it returned {got}.",
            fix="return (x_bar, y_bar), or (x_bar,) for one argument.",
        )
    cts: list = []
    for i, (part, child) in enumerate(zip(result, in_tree.children(), strict=True)):
        if part is None:
            cts += [None] * child.num_leaves
            continue
        leaves, tree = tree_flatten(part, is_leaf=lambda x: x is None)
        if tree != child and tree_flatten(part)[1] != child:
            raise CustomRuleError(
                f"the bwd rule of {name} returned a cotangent of another structure than argument {i}.",
                details=[f"argument:  {child}", f"cotangent: {tree}"],
            )
        cts += leaves
    return [_fit_cotangent(ct, aval, i, name) for i, (ct, aval) in enumerate(zip(cts, in_avals, strict=True))]


def _fit_cotangent(ct, aval: ShapedArray, i: int, name: str):
    expected = aval.to_tangent()
    if ct is None or type(ct) is Zero or expected.dtype == float0:
        return Zero(expected)
    got = aval_of(ct)
    if got.shape != expected.shape or (got.dtype != expected.dtype and not got.weak_type):
        raise CustomRuleError(
            f"the bwd rule of {name} returned a cotangent of type {got} at output[{i}] for an input of type {aval}.",
            why=f"the cotangent must have type {expected}, so shapes and dtypes must agree.",
        )
    return convert_element_type(ct, expected.dtype) if got != expected else ct


def custom_gradient(fun: Callable) -> Callable:
    """Define a function together with its vjp in one body.

    Parameters
    ----------
    fun : callable
        ``(*args) -> (out, vjp)``, ``vjp(ct)`` giving a tuple of cotangents (or one, for one argument).

    Returns
    -------
    callable

    Examples
    --------
    >>> import jaxlite
    >>> @jaxlite.custom_gradient
    ... def f(x):
    ...     return x ** 2, lambda g: (g * 2 * x,)
    >>> jaxlite.grad(f)(3.0)
    Array(6., dtype=float64)
    """

    @custom_vjp
    @functools.wraps(fun)
    def with_rule(*args):
        return fun(*args)[0]

    def fwd(*args):
        out, rule = fun(*args)
        out_leaves, out_tree = tree_flatten(out)
        avals = [aval_of(x).to_tangent() for x in out_leaves]
        rule_tree = None

        def flat_rule(*cts):
            nonlocal rule_tree
            result = rule(tree_unflatten(out_tree, cts))
            result = result if isinstance(result, tuple | list) else (result,)
            leaves, rule_tree = tree_flatten(tuple(result))
            return leaves

        jaxpr, consts = stage(flat_rule, avals, describe_function(fun))
        return out, Partial(_Rule(jaxpr, rule_tree), tuple(consts))

    def bwd(rule, ct):
        return rule(ct)

    with_rule.defvjp(fwd, bwd)
    return with_rule


class _Rule:
    """A recorded backward rule, applied to what it had captured and a cotangent."""

    def __init__(self, jaxpr: Jaxpr, out_tree):
        self.jaxpr = jaxpr
        self.out_tree = out_tree

    def __call__(self, consts, ct):
        return tree_unflatten(self.out_tree, eval_jaxpr(self.jaxpr, consts, *tree_flatten(ct)[0]))
