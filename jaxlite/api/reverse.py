"""Reverse mode: vjp, grad, value_and_grad, fwd_and_bwd, linear_transpose.

grad(f)(x)  =  linearize f at x  ->  { lambda c ; ẋ. … }  ->  backward pass with cotangent 1.0
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from jaxlite.api.flat import (
    FlatFunction,
    as_result,
    check_callable,
    check_cotangent,
    checked_argnums,
    flatten_values,
    materialize,
    normalize_argnums,
    on_arguments,
    own_copy,
)
from jaxlite.control.jit import jit
from jaxlite.dtypes import is_inexact
from jaxlite.errors import (
    ArgumentError,
    GradInputError,
    GradOutputError,
)
from jaxlite.interpreters.linearize import linearize_flat
from jaxlite.interpreters.stage import stage
from jaxlite.interpreters.transpose import backward_pass
from jaxlite.ir import Jaxpr
from jaxlite.primitive import Linear, Zero
from jaxlite.source import describe_function
from jaxlite.trace import (
    aval_of,
)
from jaxlite.tree import (
    Partial,
    tree_flatten,
    tree_structure,
    tree_unflatten,
)


class _Pullback:
    """The linear part of a function and the structures around it; applied to residuals and a cotangent."""

    def __init__(self, jaxpr: Jaxpr, in_avals, nonzero_out, out_avals, in_tree, out_tree):
        self.jaxpr = jaxpr
        self.in_avals = in_avals
        self.nonzero_out = nonzero_out
        self.out_avals = out_avals
        self.in_tree = in_tree
        self.out_tree = out_tree

    def __call__(self, residuals, *cts):
        if len(cts) != 1:
            raise ArgumentError(
                f"the pullback takes one cotangent, but got {len(cts)}.",
                fix="pass one pytree of the structure of the output: f_vjp((ct_1, ct_2)).",
            )
        cts, ct_tree = tree_flatten(cts[0])
        if ct_tree != self.out_tree:
            raise ArgumentError(
                f"the cotangent has structure {ct_tree}, but the function returned {self.out_tree}.",
                fix="pass a cotangent of the structure of the output.",
            )
        cts = [check_cotangent(c, aval) for c, aval in zip(cts, self.out_avals, strict=True)]
        return tree_unflatten(self.in_tree, materialize(self.apply(residuals, cts)))

    def apply(self, residuals, cts) -> list:
        """Pull flat cotangents back; returns one cotangent (or `Zero`) per input."""
        args = [Linear(v.aval) for v in self.jaxpr.invars]
        nonzero_cts = [ct for ct, nz in zip(cts, self.nonzero_out, strict=True) if nz]
        given = iter(backward_pass(self.jaxpr, residuals, args, nonzero_cts))
        return [next(given) if is_inexact(a.dtype) else Zero(a.to_tangent()) for a in self.in_avals]


def vjp_flat(fun: FlatFunction, leaves, in_tree):
    """Run ``fun`` and linearize it; returns outputs, pullback and residuals."""
    outs, jaxpr, residuals, nonzero_out = linearize_flat(fun, leaves)
    in_avals = [aval_of(leaf) for leaf in leaves]
    out_avals = [aval_of(out) for out in outs]
    return outs, _Pullback(jaxpr, in_avals, nonzero_out, out_avals, in_tree, fun.out_tree), residuals


def vjp(fun: Callable, *primals, has_aux: bool = False, reduce_axes=()):
    """Run a function and return its pullback.

    Parameters
    ----------
    fun : callable
        Of pytrees of arrays.
    *primals
        Where to run it.
    has_aux : bool
        Whether ``fun`` returns ``(output, aux)``; ``aux`` is not differentiated.
    reduce_axes : tuple
        Accepted for programs written for JAX, and ignored.

    Returns
    -------
    out
        ``fun(*primals)``.
    f_vjp : callable
        ``f_vjp(ct)`` returns a tuple with one cotangent for each primal: ȳ ↦ Jᵀȳ. It is a pytree whose leaves are
        the residuals.
    aux
        Only with ``has_aux``.

    Raises
    ------
    ShapeError
        If a cotangent does not have the type of the output.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> y, f_vjp = jaxlite.vjp(lambda x, w: x * w, 2.0, 3.0)
    >>> f_vjp(1.0)
    (Array(3., dtype=float64), Array(2., dtype=float64))
    """
    check_callable(fun, "vjp")
    leaves, in_tree = flatten_values(primals, "vjp primals")
    leaves = list(map(own_copy, leaves))
    flat = FlatFunction(fun, in_tree, "vjp", has_aux)
    outs, pullback, residuals = vjp_flat(flat, leaves, in_tree)
    out = tree_unflatten(flat.out_tree, list(map(as_result, outs)))
    f_vjp = Partial(pullback, tuple(residuals))
    return (out, f_vjp, flat.aux) if has_aux else (out, f_vjp)


def value_and_grad(
    fun: Callable,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    reduce_axes=(),
) -> Callable:
    """Return a function that gives ``fun``'s value and its gradient.

    Parameters
    ----------
    fun : callable
        Returns a real scalar (with ``has_aux``: a pair of one and anything).
    argnums : int or sequence of int
        Positions of the arguments to differentiate with respect to; a sequence gives a tuple.
    has_aux, holomorphic, allow_int, reduce_axes
        As in `grad`.

    Returns
    -------
    callable
        ``(*args, **kwargs) -> (value, gradient)``, with ``has_aux`` ``((value, aux), gradient)``.

    Raises
    ------
    GradOutputError, GradInputError
        As `grad`.

    Examples
    --------
    >>> import jaxlite
    >>> jaxlite.value_and_grad(lambda x: x ** 2)(3.0)
    (Array(9., dtype=float64), Array(6., dtype=float64))
    """
    return _value_and_grad(fun, argnums, has_aux, holomorphic, allow_int, "value_and_grad")


def _value_and_grad(fun, argnums, has_aux, holomorphic, allow_int, name):
    check_callable(fun, name)
    argnums = checked_argnums(argnums, name)

    @functools.wraps(fun)
    def value_and_gradient(*args, **kwargs):
        wanted = normalize_argnums(argnums, len(args), name)
        selected = tuple(args[i] for i in wanted)
        leaves, in_tree = flatten_values(selected, f"{name} argument ")
        for leaf in leaves:
            check_grad_input(leaf, holomorphic, allow_int, name)
        flat = FlatFunction(on_arguments(fun, wanted, args, kwargs), in_tree, name, has_aux)
        outs, pullback, residuals = vjp_flat(flat, leaves, in_tree)
        _check_grad_output(outs, flat, holomorphic, name)
        (value,) = outs
        one = aval_of(value).dtype.type(1)
        grads = tree_unflatten(in_tree, materialize(pullback.apply(residuals, [one])))
        grads = grads[0] if isinstance(argnums, int) else grads
        value = as_result(value)
        return ((value, flat.aux) if has_aux else value), grads

    return value_and_gradient


def check_grad_input(leaf, holomorphic: bool, allow_int: bool, name: str) -> None:
    aval = aval_of(leaf)
    if holomorphic and aval.dtype.kind != "c":
        raise GradInputError(
            f"{name} with holomorphic=True requires inputs with complex dtype, but got {aval}.",
            fix="pass a complex argument, or drop holomorphic=True.",
        )
    if not is_inexact(aval.dtype) and not allow_int:
        raise GradInputError(
            f"{name} requires real- or complex-valued inputs, but got {aval}.",
            why=f"a function of {aval.dtype} has no derivative.",
            fix="pass a float (2.0 instead of 2); leave the argument out of argnums; or use vjp, or allow_int=True.",
        )


def _check_grad_output(outs, flat: FlatFunction, holomorphic: bool, name: str) -> None:
    at = describe_function(flat.fun)
    if flat.out_tree.num_leaves != 1 or flat.out_tree != tree_structure(0.0):
        raise GradOutputError(
            f"{name} needs a scalar result; {at} returned {flat.out_tree}.",
            why="Gradient only defined for scalar-output functions.",
            fix="return one scalar (has_aux=True returns more), or use jaxlite.jacrev.",
        )
    aval = aval_of(outs[0])
    if aval.shape:
        raise GradOutputError(
            f"{name} needs a scalar result; {at} returned {aval}.",
            why="Gradient only defined for scalar-output functions.",
            fix="return the sum, differentiate a scalar loss, or use jaxlite.jacrev for the full Jacobian "
            f"(here {aval.size} rows: one backward pass each).",
        )
    if holomorphic and aval.dtype.kind != "c":
        raise GradOutputError(
            f"{name} with holomorphic=True requires outputs with complex dtype; {at} returned {aval}."
        )
    if aval.dtype.kind == "c" and not holomorphic:
        raise GradOutputError(
            f"{name} requires real-valued outputs; {at} returned {aval}.",
            fix="pass holomorphic=True for a holomorphic function, or use jaxlite.vjp.",
        )
    if not is_inexact(aval.dtype):
        raise GradOutputError(
            f"{name} requires real-valued outputs; {at} returned {aval}.",
            why="a function with integer results is constant wherever it is differentiable.",
            fix="use jaxlite.vjp to differentiate functions with integer outputs.",
        )


def grad(
    fun: Callable,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    reduce_axes=(),
) -> Callable:
    """Return the gradient function of ``fun``.

    Parameters
    ----------
    fun : callable
        Returns a real scalar.
    argnums : int or sequence of int
        Positions of the arguments (pytrees) to differentiate with respect to; may be negative; a sequence gives a
        tuple. Keyword arguments are never differentiated.
    has_aux : bool
        Whether ``fun`` returns ``(scalar, aux)``; the result is then ``(gradient, aux)``.
    holomorphic : bool
        Promise that ``fun`` is holomorphic: complex in, complex out.
    allow_int : bool
        Allow integer arguments; their gradients are zeros of dtype float0.
    reduce_axes : tuple
        Accepted for programs written for JAX, and ignored.

    Returns
    -------
    callable
        ``(*args, **kwargs) -> gradient``, of the structure, shapes and dtypes of the selected arguments.

    Raises
    ------
    GradOutputError
        If the result is not one real scalar.
    GradInputError
        If a selected argument holds integers or bools.

    Notes
    -----
    Reverse mode: one run of ``fun`` that records its linear part, one walk back over it. For real ``f`` of a complex
    ``z = x + iy`` the result is ``∂f/∂x - i ∂f/∂y``, so gradient descent steps along the conjugate.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> jaxlite.grad(lambda x: np.sin(x))(0.0)
    Array(1., dtype=float64)
    """
    both = _value_and_grad(fun, argnums, has_aux, holomorphic, allow_int, "grad")

    @functools.wraps(fun)
    def gradient(*args, **kwargs):
        value, grads = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return gradient


def fwd_and_bwd(fun: Callable, argnums: int | Sequence[int], has_aux: bool = False, jitted: bool = True):
    """Return the forward and the backward function of ``fun``.

    Parameters
    ----------
    fun : callable
    argnums : int or sequence of int
    has_aux : bool
    jitted : bool
        Whether both are jitted.

    Returns
    -------
    fwd : callable
        ``(*args) -> (out, residuals)``, with ``has_aux`` ``(out, residuals, aux)``.
    bwd : callable
        ``(residuals, ct) -> gradients`` of the selected arguments.
    """

    argnums = checked_argnums(argnums, "fwd_and_bwd")

    def fwd(*args):
        wanted = normalize_argnums(argnums, len(args), "fwd_and_bwd")
        return vjp(on_arguments(fun, wanted, args, {}), *(args[i] for i in wanted), has_aux=has_aux)

    def bwd(residuals, ct):
        grads = residuals(ct)
        return grads[0] if isinstance(argnums, int) else grads

    return (jit(fwd), jit(bwd)) if jitted else (fwd, bwd)


def linear_transpose(fun: Callable, *primals, reduce_axes=()) -> Callable:
    """Transpose a function that is linear in all of its arguments.

    Parameters
    ----------
    fun : callable
    *primals
        Values or `ShapeDtypeStruct`; only their types are used.

    Returns
    -------
    callable
        ``ct -> tuple`` with one cotangent per primal.

    Raises
    ------
    TransposeError
        If ``fun`` is not linear (names the equation and its line).

    Examples
    --------
    >>> import jaxlite
    >>> jaxlite.linear_transpose(lambda x: 3.0 * x, 0.0)(2.0)
    (Array(6., dtype=float64),)
    """
    check_callable(fun, "linear_transpose")
    leaves, in_tree = tree_flatten(primals)
    avals = [aval_of(leaf).strip_weak_type() for leaf in leaves]
    flat = FlatFunction(fun, in_tree, "linear_transpose")
    jaxpr, consts = stage(flat, avals, describe_function(fun))
    out_avals = [a.strip_weak_type() for a in jaxpr.out_avals]
    if not all(is_inexact(a.dtype) for a in (*avals, *out_avals)):
        raise GradInputError(
            f"linear_transpose takes functions of real or complex numbers, but {describe_function(fun)} maps "
            f"{', '.join(map(str, avals))} to {', '.join(map(str, out_avals))}.",
            fix="pass floats: linear_transpose(f, 0.0).",
        )

    def transposed(ct):
        cts, ct_tree = tree_flatten(ct)
        if ct_tree != flat.out_tree:
            raise ArgumentError(
                f"the cotangent has structure {ct_tree}, but the function returns {flat.out_tree}."
            )
        cts = [check_cotangent(c, a) for c, a in zip(cts, out_avals, strict=True)]
        cts_in = backward_pass(jaxpr, consts, [Linear(a) for a in avals], cts)
        return tree_unflatten(in_tree, materialize(cts_in))

    return transposed
