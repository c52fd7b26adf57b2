"""The transformations that users compose: grad, vjp, jvp, linearize, vmap, jacobians, make_jaxpr, eval_shape.

Each one flattens pytrees, hands a function of flat arguments to one interpreter, and puts the pytrees back::

    grad(f)(x)  =  linearize f at x  ->  { lambda c ; ẋ. … }  ->  backward pass with cotangent 1.0
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxlite.array import Array
from jaxlite.control.jit import ShapeDtypeStruct, check_results, jit, leaf_names
from jaxlite.dtypes import float0, is_inexact
from jaxlite.errors import (
    ArgumentError,
    BatchSizeError,
    GradInputError,
    GradOutputError,
    ShapeError,
    StaticArgumentError,
)
from jaxlite.interpreters.batch import BatchTrace, batch_flat
from jaxlite.interpreters.evaluate import eval_jaxpr
from jaxlite.interpreters.jvp import drop_tangents, jvp_flat
from jaxlite.interpreters.linearize import linearize_flat
from jaxlite.interpreters.stage import stage
from jaxlite.interpreters.transpose import backward_pass
from jaxlite.ir import ClosedJaxpr, Jaxpr, ShapedArray
from jaxlite.ops.elementwise import convert_element_type
from jaxlite.ops.structural import (
    broadcast_dim,
    broadcast_in_dim,
    instantiate,
    move_dim,
    reshape,
    transpose,
)
from jaxlite.ops.structural import slice as slice_
from jaxlite.primitive import Linear, MappedAxis, Zero
from jaxlite.source import describe_function, named_scope
from jaxlite.trace import (
    EVAL,
    Tracer,
    ancestors,
    as_array,
    aval_of,
    current_trace,
    is_value,
    leaked_tracer,
    set_current,
    unsupported_value,
)
from jaxlite.tree import (
    Partial,
    flatten_axes,
    keystr,
    tree_flatten,
    tree_flatten_with_path,
    tree_map,
    tree_structure,
    tree_unflatten,
)

# --- shared pieces ----------------------------------------------------------------------------------


class _FlatFunction:
    """A user's function of flat leaves that remembers the structure (and the auxiliary result) it returned."""

    def __init__(self, fun: Callable, in_tree, transformation: str, has_aux: bool = False):
        self.fun = fun
        self.in_tree = in_tree
        self.transformation = transformation
        self.has_aux = has_aux
        self.out_tree: Any = None
        self._aux: Any = None

    def __call__(self, *leaves):
        result = self.fun(*tree_unflatten(self.in_tree, leaves))
        if self.has_aux:
            if not isinstance(result, tuple | list) or len(result) != 2:
                raise ArgumentError(
                    f"{describe_function(self.fun)} must return a pair (output, aux) because has_aux=True; "
                    f"it returned {type(result).__name__}.",
                    fix="return out, aux; or pass has_aux=False.",
                )
            result, self._aux = result
        outs, self.out_tree = tree_flatten(result)
        check_results(outs, result, self.fun, self.transformation)
        return outs

    @property
    def aux(self):
        """The auxiliary result, free of the tracers of the transformation that has ended."""
        return tree_map(drop_tangents, self._aux)


def _check_callable(fun, name: str) -> None:
    if not callable(fun):
        raise ArgumentError(
            f"{name} needs a callable, not {type(fun).__name__} {fun!r:.40}.",
            fix=f"{name}(f)(x), not {name}(f(x)).",
        )


def _flatten_values(args, what: str):
    """Flatten a tuple of arguments; every leaf must be a value."""
    leaves, treedef = tree_flatten(args)
    for i, leaf in enumerate(leaves):
        if not is_value(leaf):
            path, _ = tree_flatten_with_path(args)[0][i]
            raise unsupported_value(leaf, f"{what}{keystr(path)}")
    return leaves, treedef


def _checked_argnums(argnums, name: str) -> int | tuple[int, ...]:
    """Return ``argnums`` as a Python int or a tuple of them."""
    try:
        if isinstance(argnums, tuple | list):
            return tuple(operator.index(i) for i in argnums)
        return operator.index(argnums)
    except TypeError:
        raise ArgumentError(
            f"{name}: argnums must be an int or a sequence of ints, not {argnums!r}.",
            fix="give positions; to differentiate with respect to a keyword argument, pass it by position.",
        ) from None


def _normalize_argnums(argnums, num_args: int, name: str) -> tuple[int, ...]:
    wanted = (argnums,) if isinstance(argnums, int) else argnums
    for i in wanted:
        if not -num_args <= i < num_args:
            raise ArgumentError(
                f"{name}: argnums={argnums} requires at least {i + 1 if i >= 0 else -i} positional arguments, "
                f"but the call has {num_args}.",
                why="keyword arguments are never differentiated.",
                fix="pass the differentiated arguments by position.",
            )
    positions = tuple(i % num_args for i in wanted)
    if len(set(positions)) < len(positions):
        raise ArgumentError(f"{name}: argnums={argnums} names an argument twice.", fix="name each one once.")
    return positions


def _on_arguments(fun: Callable, argnums: tuple[int, ...], args, kwargs) -> Callable:
    """Return ``fun`` as a function of the selected positional arguments only."""

    def of_selected(*selected):
        full = list(args)
        for i, value in zip(argnums, selected, strict=True):
            full[i] = value
        return fun(*full, **kwargs)

    of_selected.__wrapped__ = fun
    return of_selected


def _as_tangent_zero(zero: Zero):
    """Return the array of a symbolic zero; float0 arrays for integers."""
    return as_array(instantiate(zero)) if zero.aval.dtype != float0 else np.zeros(zero.aval.shape, float0)


def _materialize(values) -> list:
    """Return tangents or cotangents as users see them."""
    return [_as_tangent_zero(v) if type(v) is Zero else _as_result(v) for v in values]


# --- reverse mode -----------------------------------------------------------------------------------


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
        cts = [_check_cotangent(c, aval) for c, aval in zip(cts, self.out_avals, strict=True)]
        return tree_unflatten(self.in_tree, _materialize(self.apply(residuals, cts)))

    def apply(self, residuals, cts) -> list:
        """Pull flat cotangents back; returns one cotangent (or `Zero`) per input."""
        args = [Linear(v.aval) for v in self.jaxpr.invars]
        nonzero_cts = [ct for ct, nz in zip(cts, self.nonzero_out, strict=True) if nz]
        given = iter(backward_pass(self.jaxpr, residuals, args, nonzero_cts))
        return [next(given) if is_inexact(a.dtype) else Zero(a.to_tangent()) for a in self.in_avals]


def _check_cotangent(ct, aval: ShapedArray):
    expected = aval.to_tangent()
    if expected.dtype == float0 and np.shape(ct) == aval.shape:
        return Zero(expected)
    got = aval_of(ct)
    fits = got.dtype == expected.dtype or (
        got.weak_type and (got.dtype.kind != "c" or expected.dtype.kind == "c")
    )
    if got.shape != expected.shape or not fits:
        raise ShapeError(
            f"the pullback got a cotangent of type {got}, but the output has type {expected}.",
            why="a cotangent has the shape and dtype of its output.",
            fix=f"jnp.asarray(ct, dtype='{expected.dtype}') with shape {expected.shape}.",
        )
    return convert_element_type(ct, expected.dtype) if got.dtype != expected.dtype or got.weak_type else ct


def _vjp_flat(fun: _FlatFunction, leaves, in_tree):
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
    _check_callable(fun, "vjp")
    leaves, in_tree = _flatten_values(primals, "vjp primals")
    leaves = list(map(_own_copy, leaves))
    flat = _FlatFunction(fun, in_tree, "vjp", has_aux)
    outs, pullback, residuals = _vjp_flat(flat, leaves, in_tree)
    out = tree_unflatten(flat.out_tree, list(map(_as_result, outs)))
    f_vjp = Partial(pullback, tuple(residuals))
    return (out, f_vjp, flat.aux) if has_aux else (out, f_vjp)


def _own_copy(leaf):
    """Copy an array that the user may write to before the residuals, which may be views of it, are used."""
    return (
        leaf
        if isinstance(leaf, Tracer | Array) or not isinstance(leaf, np.ndarray)
        else as_array(np.array(leaf))
    )


def _as_result(value):
    """Return an output as users see it: an Array, or a tracer of an enclosing transformation."""
    if isinstance(value, Tracer):
        if not any(value.trace is trace for trace in ancestors(current_trace())):
            raise leaked_tracer(value)
        return value
    # What is no Array by now is an argument handed through, which the user may write to.
    return value if type(value) is Array else as_array(np.array(value))


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
    _check_callable(fun, name)
    argnums = _checked_argnums(argnums, name)

    @functools.wraps(fun)
    def value_and_gradient(*args, **kwargs):
        wanted = _normalize_argnums(argnums, len(args), name)
        selected = tuple(args[i] for i in wanted)
        leaves, in_tree = _flatten_values(selected, f"{name} argument ")
        for leaf in leaves:
            _check_grad_input(leaf, holomorphic, allow_int, name)
        flat = _FlatFunction(_on_arguments(fun, wanted, args, kwargs), in_tree, name, has_aux)
        outs, pullback, residuals = _vjp_flat(flat, leaves, in_tree)
        _check_grad_output(outs, flat, holomorphic, name)
        (value,) = outs
        one = aval_of(value).dtype.type(1)
        grads = tree_unflatten(in_tree, _materialize(pullback.apply(residuals, [one])))
        grads = grads[0] if isinstance(argnums, int) else grads
        value = _as_result(value)
        return ((value, flat.aux) if has_aux else value), grads

    return value_and_gradient


def _check_grad_input(leaf, holomorphic: bool, allow_int: bool, name: str) -> None:
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


def _check_grad_output(outs, flat: _FlatFunction, holomorphic: bool, name: str) -> None:
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

    argnums = _checked_argnums(argnums, "fwd_and_bwd")

    def fwd(*args):
        wanted = _normalize_argnums(argnums, len(args), "fwd_and_bwd")
        return vjp(_on_arguments(fun, wanted, args, {}), *(args[i] for i in wanted), has_aux=has_aux)

    def bwd(residuals, ct):
        grads = residuals(ct)
        return grads[0] if isinstance(argnums, int) else grads

    return (jit(fwd), jit(bwd)) if jitted else (fwd, bwd)


# --- forward mode -----------------------------------------------------------------------------------


def jvp(fun: Callable, primals: Sequence, tangents: Sequence, has_aux: bool = False):
    """Run a function forward with tangents.

    Parameters
    ----------
    fun : callable
    primals, tangents : tuple or list
        One entry per argument; tangents have the structure, shapes and dtypes of the primals (float0 for integers).
    has_aux : bool
        Whether ``fun`` returns ``(output, aux)``.

    Returns
    -------
    out, tangent_out
        ``fun(*primals)`` and J ẋ; with ``has_aux`` also ``aux``.

    Raises
    ------
    ArgumentError
        If primals and tangents do not match.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> jaxlite.jvp(np.sin, (0.0,), (2.0,))
    (Array(0., dtype=float64), Array(2., dtype=float64))
    """
    _check_callable(fun, "jvp")
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise ArgumentError(
            "primal and tangent arguments to jvp must be tuples or lists; "
            f"found {type(primals).__name__} and {type(tangents).__name__}.",
            fix="jvp(f, (x,), (x_dot,)).",
        )
    leaves, in_tree = _flatten_values(tuple(primals), "jvp primals")
    tangent_leaves, tangent_tree = tree_flatten(tuple(tangents))
    if tangent_tree != in_tree:
        raise ArgumentError(f"jvp: primals have structure {in_tree}, tangents {tangent_tree}.")
    tangent_leaves = [_check_tangent(x, t, "jvp") for x, t in zip(leaves, tangent_leaves, strict=True)]
    flat = _FlatFunction(fun, in_tree, "jvp", has_aux)
    outs, tangents_out = jvp_flat(flat, leaves, tangent_leaves)
    out = tree_unflatten(flat.out_tree, list(map(_as_result, outs)))
    tangent_out = tree_unflatten(flat.out_tree, _materialize(tangents_out))
    return (out, tangent_out, flat.aux) if has_aux else (out, tangent_out)


def _check_tangent(primal, tangent, name: str):
    expected = aval_of(primal).to_tangent()
    if getattr(tangent, "dtype", None) == float0:
        got = ShapedArray(np.shape(tangent), float0)
    else:
        got = aval_of(tangent)
    if expected.dtype == float0 and (got.dtype == float0 or got.weak_type):
        return Zero(expected)
    if got.shape != expected.shape or (got.dtype != expected.dtype and not _weakly_fits(got, expected)):
        raise ArgumentError(
            f"{name}: a primal of type {aval_of(primal)} has tangents of type {expected}, but got {got}.",
            why="primal and tangent must have equal shapes and dtypes (float0 for integers and bools).",
            fix=f"convert the tangent: jnp.asarray(t, dtype='{expected.dtype}')."
            if expected.dtype != float0
            else "np.zeros(shape, jaxlite.dtypes.float0), or close over the integer argument.",
        )
    return convert_element_type(tangent, expected.dtype) if got.weak_type else tangent


def _weakly_fits(got: ShapedArray, expected: ShapedArray) -> bool:
    """Whether a Python scalar can be a tangent of ``expected``: floats for floats, never ints."""
    return got.weak_type and got.dtype.kind in "fc" and (got.dtype.kind == "f" or expected.dtype.kind == "c")


class _LinearMap:
    """The linear part of a function, applied to residuals and tangents."""

    def __init__(self, jaxpr: Jaxpr, in_avals, nonzero_out, out_avals, in_tree, out_tree):
        self.jaxpr = jaxpr
        self.in_avals = in_avals
        self.nonzero_out = nonzero_out
        self.out_avals = out_avals
        self.in_tree = in_tree
        self.out_tree = out_tree

    def __call__(self, residuals, *tangents):
        leaves, tree = tree_flatten(tuple(tangents))
        if tree != self.in_tree:
            raise ArgumentError(f"the linear function takes {self.in_tree}, but got {tree}.")
        checked = [
            _check_tangent(_Typed(aval), t, "linearize")
            for aval, t in zip(self.in_avals, leaves, strict=True)
        ]
        given = [t for t, aval in zip(checked, self.in_avals, strict=True) if is_inexact(aval.dtype)]
        outs = iter(eval_jaxpr(self.jaxpr, residuals, *given))
        tangents_out = [
            next(outs) if nz else Zero(aval.to_tangent())
            for nz, aval in zip(self.nonzero_out, self.out_avals, strict=True)
        ]
        return tree_unflatten(self.out_tree, list(map(_as_result, _materialize(tangents_out))))


class _Typed:
    """Stands for a value of which only the type matters."""

    def __init__(self, aval):
        self.aval = aval


def linearize(fun: Callable, *primals, has_aux: bool = False):
    """Run a function and return its derivative at that point as a linear function.

    Parameters
    ----------
    fun : callable
    *primals
    has_aux : bool

    Returns
    -------
    out
        ``fun(*primals)``.
    f_jvp : callable
        ``f_jvp(*tangents)`` returns J ẋ without running ``fun`` again. Its program is ``f_jvp.func.jaxpr``.
    aux
        Only with ``has_aux``.

    Raises
    ------
    ArgumentError
        If tangents do not have the types of the primals.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> y, f_jvp = jaxlite.linearize(np.sin, 0.0)
    >>> f_jvp(3.0)
    Array(3., dtype=float64)
    """
    _check_callable(fun, "linearize")
    leaves, in_tree = _flatten_values(primals, "linearize primals")
    leaves = list(map(_own_copy, leaves))
    flat = _FlatFunction(fun, in_tree, "linearize", has_aux)
    outs, jaxpr, residuals, nonzero_out = linearize_flat(flat, leaves)
    in_avals, out_avals = list(map(aval_of, leaves)), list(map(aval_of, outs))
    out = tree_unflatten(flat.out_tree, list(map(_as_result, outs)))
    linear_map = _LinearMap(jaxpr, in_avals, nonzero_out, out_avals, in_tree, flat.out_tree)
    f_jvp = Partial(linear_map, tuple(residuals))
    return (out, f_jvp, flat.aux) if has_aux else (out, f_jvp)


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
    _check_callable(fun, "linear_transpose")
    leaves, in_tree = tree_flatten(primals)
    avals = [aval_of(leaf).strip_weak_type() for leaf in leaves]
    flat = _FlatFunction(fun, in_tree, "linear_transpose")
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
        cts = [_check_cotangent(c, a) for c, a in zip(cts, out_avals, strict=True)]
        cts_in = backward_pass(jaxpr, consts, [Linear(a) for a in avals], cts)
        return tree_unflatten(in_tree, _materialize(cts_in))

    return transposed


# --- Jacobians --------------------------------------------------------------------------------------


def jacfwd(
    fun: Callable, argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable:
    """Return the Jacobian function of ``fun``, column by column (forward mode, vectorised).

    Parameters
    ----------
    fun : callable
    argnums, has_aux, holomorphic
        As in `grad`.

    Returns
    -------
    callable
        Output structure outside, input structure inside; each leaf has shape ``output.shape + input.shape``.

    Raises
    ------
    GradInputError
        If a selected argument holds integers or bools.

    Notes
    -----
    Costs one forward run per input element: best for tall Jacobians.
    """
    _check_callable(fun, "jacfwd")
    argnums = _checked_argnums(argnums, "jacfwd")

    @functools.wraps(fun)
    def jacobian_function(*args, **kwargs):
        wanted = _normalize_argnums(argnums, len(args), "jacfwd")
        selected = tuple(args[i] for i in wanted)
        leaves, in_tree = _flatten_values(selected, "jacfwd argument ")
        for leaf in leaves:
            _check_jac_dtype(leaf, holomorphic, "jacfwd", "real-valued inputs")
        flat = _FlatFunction(_on_arguments(fun, wanted, args, kwargs), in_tree, "jacfwd", has_aux)

        def push(*tangents):
            outs, tangents_out = jvp_flat(flat, leaves, tangents)
            return [*outs, *_materialize(tangents_out)]

        outs, columns = _map_over_basis(push, leaves)
        out_tree = flat.out_tree
        if holomorphic:
            for out in outs:
                _check_jac_dtype(out, True, "jacfwd", "outputs")
        rows = [_split_columns(c, leaves, aval_of(c).ndim - 1) for c in columns]
        rows = [_select(tree_unflatten(in_tree, row), argnums) for row in rows]
        jac = tree_unflatten(out_tree, rows)
        return (jac, flat.aux) if has_aux else jac

    return jacobian_function


def jacrev(
    fun: Callable,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable:
    """Return the Jacobian function of ``fun``, row by row (reverse mode, vectorised).

    Parameters
    ----------
    fun : callable
    argnums, has_aux, holomorphic, allow_int
        As in `grad`.

    Returns
    -------
    callable
        Output structure outside, input structure inside; each leaf has shape ``output.shape + input.shape``.

    Raises
    ------
    GradInputError
        If a selected argument holds integers or bools.

    Notes
    -----
    Costs one run forward and one backward pass per output element: best for wide Jacobians.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> jaxlite.jacrev(lambda x: x ** 2)(np.array([1.0, 2.0]))
    Array([[2., 0.],
           [0., 4.]], dtype=float64)
    """
    _check_callable(fun, "jacrev")
    argnums = _checked_argnums(argnums, "jacrev")

    @functools.wraps(fun)
    def jacobian_function(*args, **kwargs):
        wanted = _normalize_argnums(argnums, len(args), "jacrev")
        selected = tuple(args[i] for i in wanted)
        leaves, in_tree = _flatten_values(selected, "jacrev argument ")
        for leaf in leaves:
            _check_grad_input(leaf, holomorphic, allow_int, "jacrev")
        flat = _FlatFunction(_on_arguments(fun, wanted, args, kwargs), in_tree, "jacrev", has_aux)
        outs, pullback, residuals = _vjp_flat(flat, leaves, in_tree)
        for out in outs:
            _check_jac_dtype(out, holomorphic, "jacrev", "real-valued outputs")

        def pull(*cts):
            return _materialize(pullback.apply(residuals, cts))

        _, columns = _map_over_basis(pull, outs, with_outs=False)
        # columns[i]: (x_i.shape, all output elements); rows are taken apart per output.
        per_input = [_split_columns(c, outs, aval_of(c).ndim - 1) for c in columns]
        rows = []
        for j, out in enumerate(outs):
            blocks = [_outputs_first(block[j], len(aval_of(out).shape)) for block in per_input]
            rows.append(_select(tree_unflatten(in_tree, blocks), argnums))
        jac = tree_unflatten(flat.out_tree, rows)
        return (jac, flat.aux) if has_aux else jac

    return jacobian_function


def _map_over_basis(fun: Callable, leaves, with_outs: bool = True):
    """Apply ``fun`` to every unit vector of the space of ``leaves``; results keep the basis as last dimension."""
    sizes = [aval_of(leaf).size for leaf in leaves]
    total = sum(sizes)
    basis, start = [], 0
    for leaf, size in zip(leaves, sizes, strict=True):
        aval = aval_of(leaf)
        unit = np.zeros((total, size), aval.to_tangent().dtype)
        if aval.to_tangent().dtype != float0:
            unit[np.arange(start, start + size), np.arange(size)] = 1
        basis.append(unit.reshape(total, *aval.shape))
        start += size
    tangents_are_zero = [aval_of(leaf).to_tangent().dtype == float0 for leaf in leaves]

    def run(*units):
        given = iter(units)
        return fun(
            *[
                Zero(aval_of(leaf).to_tangent()) if z else next(given)
                for leaf, z in zip(leaves, tangents_are_zero, strict=True)
            ]
        )

    units = [u for u, z in zip(basis, tangents_are_zero, strict=True) if not z]
    values, dims = batch_flat(run, MappedAxis(total), units, [0] * len(units))
    count = len(values) // 2 if with_outs else 0
    columns = [
        _mapped_last(value, dim, total) for value, dim in zip(values[count:], dims[count:], strict=True)
    ]
    return values[:count], columns


def _mapped_last(value, dim, size: int):
    if dim is None:
        shape = aval_of(value).shape
        dtype = aval_of(value).dtype
        if dtype == float0:
            return np.zeros((*shape, size), float0)
        from_scalar = reshape(value, (*shape, 1))
        return _broadcast_last(from_scalar, (*shape, size))
    return move_dim(value, dim, -1)


def _broadcast_last(value, shape):
    return broadcast_in_dim(value, shape, tuple(range(len(shape))))


def _split_columns(columns, leaves, lead: int) -> list:
    """Cut the last dimension into one block per leaf, of that leaf's shape."""
    blocks, start = [], 0
    shape = aval_of(columns).shape[:lead]
    for leaf in leaves:
        aval = aval_of(leaf)
        block = _slice_last(columns, start, start + aval.size)
        blocks.append(_as_result(reshape(block, (*shape, *aval.shape))) if columns.dtype != float0 else block)
        start += aval.size
    return blocks


def _slice_last(x, start: int, stop: int):
    if aval_of(x).dtype == float0:
        return x[..., start:stop]
    shape = aval_of(x).shape
    starts = (*(0 for _ in shape[:-1]), start)
    return slice_(x, starts, (*shape[:-1], stop), None)


def _outputs_first(block, num_output_dims: int):
    """Reorder ``x.shape + y.shape`` to ``y.shape + x.shape``."""
    ndim = len(aval_of(block).shape)
    split = ndim - num_output_dims
    if aval_of(block).dtype == float0:
        return np.transpose(block, (*range(split, ndim), *range(split)))
    return _as_result(transpose(block, (*range(split, ndim), *range(split))))


def _select(parts, argnums):
    return parts[0] if isinstance(argnums, int) else parts


def _check_jac_dtype(value, holomorphic: bool, name: str, what: str) -> None:
    aval = aval_of(value)
    if holomorphic and aval.dtype.kind != "c":
        raise GradInputError(f"{name} with holomorphic=True requires complex {what}, but got {aval}.")
    if not holomorphic and aval.dtype.kind != "f":
        raise GradInputError(
            f"{name} requires {what}, but got {aval}.",
            fix="pass floats; holomorphic=True for holomorphic functions of complex numbers; "
            "or use jaxlite.jvp or jaxlite.vjp.",
        )


jacobian = jacrev


def hessian(
    fun: Callable, argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable:
    """Return the Hessian function of ``fun``: forward over reverse.

    Parameters
    ----------
    fun : callable
    argnums, has_aux, holomorphic
        As in `grad`.

    Returns
    -------
    callable
        Input structure twice; each leaf has shape ``output.shape + x_i.shape + x_j.shape``.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> jaxlite.hessian(lambda x: np.sum(x ** 3))(np.array([1.0, 2.0]))
    Array([[ 6.,  0.],
           [ 0., 12.]], dtype=float64)
    """
    return jacfwd(
        jacrev(fun, argnums, has_aux=has_aux, holomorphic=holomorphic),
        argnums,
        has_aux=has_aux,
        holomorphic=holomorphic,
    )


# --- vmap -------------------------------------------------------------------------------------------


def vmap(
    fun: Callable, in_axes=0, out_axes=0, axis_name=None, axis_size: int | None = None, spmd_axis_name=None
) -> Callable:
    """Return a function that maps ``fun`` over an axis of its arguments.

    Parameters
    ----------
    fun : callable
    in_axes : int, None, or a pytree prefix of the arguments
        Which axis of each argument to map; None for arguments that all calls share. Keyword arguments are mapped over
        axis 0.
    out_axes : int, None, or a pytree prefix of the results
        Where the mapped axis goes in the results; None for results that do not depend on it.
    axis_name : hashable, optional
        Name for collectives (`lax.psum` …) inside ``fun``.
    axis_size : int, optional
        Size of the mapped axis, where no argument tells it.
    spmd_axis_name
        Accepted for programs written for JAX, and ignored.

    Returns
    -------
    callable

    Raises
    ------
    BatchSizeError
        If mapped axes differ in size or do not exist.

    Notes
    -----
    Nothing loops: every primitive has a rule that works on the whole axis at once.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> jaxlite.vmap(np.dot, in_axes=(0, None))(np.ones((3, 2)), np.ones(2))
    Array([2., 2., 2.], dtype=float64)
    """
    _check_callable(fun, "vmap")
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    if not (in_axes is None or isinstance(in_axes, int | np.integer | tuple)):
        raise ArgumentError(
            f"vmap in_axes must be an int, None, or a tuple with one entry per argument, not {type(in_axes).__name__}."
        )

    @functools.wraps(fun)
    def mapped(*args, **kwargs):
        if isinstance(in_axes, tuple) and len(in_axes) != len(args):
            raise ArgumentError(
                f"vmap in_axes has {len(in_axes)} entries, but {describe_function(fun)} got {len(args)} "
                "positional arguments.",
                fix="give one entry per positional argument.",
            )
        leaves, in_tree = tree_flatten((args, kwargs))
        names = leaf_names(_signature(fun), (args, kwargs))
        for leaf, name in zip(leaves, names, strict=True):
            if not is_value(leaf):
                raise unsupported_value(leaf, f"argument {name!r} of vmap({describe_function(fun)})")
        dims = flatten_axes("vmap in_axes", in_tree, (in_axes, 0))
        dims = [_check_dim(leaf, dim, name) for leaf, dim, name in zip(leaves, dims, names, strict=True)]
        size = _mapped_size(leaves, dims, names, axis_size)
        flat = _FlatFunction(lambda args, kwargs: fun(*args, **kwargs), in_tree, "vmap")
        flat.fun.__wrapped__ = fun
        outs, out_dims = batch_flat(flat, MappedAxis(size, axis_name), leaves, dims)
        wanted = flatten_axes("vmap out_axes", flat.out_tree, out_axes)
        outs = [_place(x, dim, want, size) for x, dim, want in zip(outs, out_dims, wanted, strict=True)]
        return tree_unflatten(flat.out_tree, list(map(_as_result, outs)))

    return mapped


def _signature(fun):
    try:
        return inspect.signature(fun)
    except (TypeError, ValueError):
        return None


def _check_dim(leaf, dim, name: str):
    if dim is None:
        return None
    aval = aval_of(leaf)
    if not isinstance(dim, int | np.integer):
        raise ArgumentError(f"vmap in_axes holds {dim!r} for argument {name!r}; axes are ints or None.")
    if not -aval.ndim <= dim < aval.ndim:
        raise BatchSizeError(
            f"vmap was requested to map argument {name!r} along axis {dim}, which implies that its rank should be at "
            f"least {dim + 1 if dim >= 0 else -dim}, but it is {aval.ndim} (its type is {aval}).",
            fix="pass None in in_axes for an argument that all calls share.",
        )
    return int(dim) % aval.ndim


def _mapped_size(leaves, dims, names, axis_size) -> int:
    sizes = {
        name: aval_of(x).shape[d] for x, d, name in zip(leaves, dims, names, strict=True) if d is not None
    }
    if not sizes and axis_size is None:
        raise BatchSizeError(
            "vmap must have at least one non-None value in in_axes, or axis_size must be specified.",
            why="nothing tells how many elements to map over.",
        )
    if axis_size is not None:
        sizes["axis_size"] = int(axis_size)
    if len(set(sizes.values())) > 1:
        details = [
            f"one size is {aval_of(x).shape[d]}: axis {d} of argument {name!r}, {aval_of(x)}"
            for x, d, name in zip(leaves, dims, names, strict=True)
            if d is not None
        ]
        if axis_size is not None:
            details.append(f"one size is {axis_size}: axis_size")
        raise BatchSizeError(
            "vmap got inconsistent sizes for the mapped axis.",
            details=details,
            fix="choose in_axes so that the sizes agree; None for an argument that all calls share.",
        )
    return next(iter(sizes.values()))


def _place(value, dim, wanted, size: int):
    """Move the mapped axis of a result where out_axes wants it."""
    if wanted is None:
        if dim is not None:
            raise ArgumentError(
                f"vmap out_axes is None for a result that depends on the mapped axis, {aval_of(value)}.",
                fix="give the axis a place in out_axes.",
            )
        return value
    if not isinstance(wanted, int | np.integer):
        raise ArgumentError(f"vmap out_axes holds {wanted!r}; axes are ints or None.")
    ndim = len(aval_of(value).shape) + (dim is None)
    if not -ndim <= wanted < ndim:
        raise ArgumentError(f"vmap out_axes is {wanted} for a result of rank {ndim}.")
    if dim is None:
        return broadcast_dim(value, wanted % ndim, size)
    return move_dim(value, dim, wanted % ndim)


# --- looking at programs ----------------------------------------------------------------------------


def make_jaxpr(fun: Callable, static_argnums=(), axis_env=None, return_shape: bool = False) -> Callable:
    """Return a function that gives the program of ``fun`` instead of its result.

    Parameters
    ----------
    fun : callable
    static_argnums : int or sequence of int
        Arguments that are handed to ``fun`` as they are.
    axis_env : sequence of (name, size), optional
        Named axes that collectives in ``fun`` may use.
    return_shape : bool
        Whether to return ``(jaxpr, shapes)``, shapes being a pytree of `ShapeDtypeStruct`.

    Returns
    -------
    callable
        ``(*args, **kwargs) -> ClosedJaxpr``.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> jaxlite.make_jaxpr(lambda x: np.sum(np.sin(x) * 2.0))(np.ones(3))
    { lambda ; a:f64[3]. let
        b:f64[3] = sin a
        c:f64[3] = mul b 2.0:f64[]
        d:f64[] = reduce_sum[axes=(0,)] c
      in (d,) }
    """
    _check_callable(fun, "make_jaxpr")
    static = _checked_argnums(static_argnums, "make_jaxpr")
    static = (static,) if isinstance(static, int) else static

    @functools.wraps(fun)
    def make(*args, **kwargs):
        for i in static:
            if not -len(args) <= i < len(args):
                raise StaticArgumentError(
                    f"make_jaxpr: static_argnums holds {i}, but the call has {len(args)} positional arguments."
                )
        positions = {i % len(args) for i in static}
        dynamic = tuple(arg for i, arg in enumerate(args) if i not in positions)
        leaves, in_tree = tree_flatten((dynamic, kwargs))
        names = leaf_names(_signature(fun), (dynamic, kwargs), sorted(positions))
        avals = [_aval_of_argument(leaf, name, fun) for leaf, name in zip(leaves, names, strict=True)]

        def with_static(dynamic, kwargs):
            given = iter(dynamic)
            return fun(*(args[i] if i in positions else next(given) for i in range(len(args))), **kwargs)

        with_static.__wrapped__ = fun
        flat = _FlatFunction(with_static, in_tree, "make_jaxpr")
        name = getattr(fun, "__name__", type(fun).__name__)
        with _named_axes(axis_env or ()):
            jaxpr, consts = stage(flat, avals, name, names, keep_dead=True)
        closed = ClosedJaxpr(jaxpr, consts)
        if not return_shape:
            return closed
        return closed, tree_unflatten(flat.out_tree, list(map(ShapeDtypeStruct.like, jaxpr.out_avals)))

    return make


def _aval_of_argument(leaf, name: str, fun) -> ShapedArray:
    if not is_value(leaf) and not hasattr(leaf, "aval"):
        raise unsupported_value(leaf, f"argument {name!r} of {describe_function(fun)}")
    return aval_of(leaf)


@contextlib.contextmanager
def _named_axes(axis_env):
    with contextlib.ExitStack() as stack:
        for name, size in axis_env:
            stack.enter_context(set_current(BatchTrace(current_trace(), MappedAxis(size, name))))
        yield


def eval_shape(fun: Callable, *args, **kwargs):
    """Return the shapes and dtypes of ``fun``'s result without computing it.

    Parameters
    ----------
    fun : callable
    *args, **kwargs
        Values or `ShapeDtypeStruct`.

    Returns
    -------
    pytree of ShapeDtypeStruct

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> jaxlite.eval_shape(np.matmul, np.ones((3, 2)), np.ones((2, 5)))
    ShapeDtypeStruct(shape=(3, 5), dtype=float64)
    """
    return make_jaxpr(fun, return_shape=True)(*args, **kwargs)[1]


def closure_convert(fun: Callable, *example_args):
    """Hoist the traced values that ``fun`` closes over into arguments.

    Parameters
    ----------
    fun : callable
    *example_args
        Arguments (or `ShapeDtypeStruct`) of the types ``fun`` will get.

    Returns
    -------
    converted : callable
        ``(*args, *consts)``.
    consts : list
        The hoisted values.

    Notes
    -----
    A ``custom_vjp`` rule may not close over traced values; this turns the closure into explicit arguments.
    """
    leaves, in_tree = tree_flatten(example_args)
    flat = _FlatFunction(fun, in_tree, "closure_convert")
    jaxpr, consts = stage(flat, [aval_of(leaf) for leaf in leaves], describe_function(fun))
    hoisted = [isinstance(c, Tracer) and is_inexact(aval_of(c).dtype) for c in consts]

    def converted(*args_and_consts):
        count = len(args_and_consts) - sum(hoisted)
        args, given = args_and_consts[:count], iter(args_and_consts[count:])
        values = [next(given) if h else c for c, h in zip(consts, hoisted, strict=True)]
        arg_leaves, tree = tree_flatten(args)
        if tree != in_tree:
            raise ArgumentError(f"closure_convert was made for arguments {in_tree}, but got {tree}.")
        return tree_unflatten(flat.out_tree, eval_jaxpr(jaxpr, values, *arg_leaves))

    return converted, [c for c, h in zip(consts, hoisted, strict=True) if h]


def named_call(fun: Callable, *, name: str | None = None) -> Callable:
    """Return ``fun`` with its equations recorded under a named scope."""
    scope = name or getattr(fun, "__name__", "call")

    @functools.wraps(fun)
    def call(*args, **kwargs):
        with named_scope(scope):
            return fun(*args, **kwargs)

    return call


@contextlib.contextmanager
def ensure_compile_time_eval():
    """Evaluate right away inside this context, whatever is being traced around it.

    Raises
    ------
    UnexpectedTracerError
        If a traced value is used inside.
    """
    with set_current(EVAL):
        yield


def typeof(x) -> ShapedArray:
    """Return the aval of a value."""
    return aval_of(x)


def block_until_ready(tree):
    """Return ``tree``: nothing runs in the background."""
    return tree


def device_put(x, device=None, **_ignored):
    """Return a pytree with every leaf as an `Array`."""
    return tree_map(lambda leaf: leaf if isinstance(leaf, Tracer) else as_array(np.array(leaf)), x)


def device_get(x):
    """Return a pytree with every leaf as a plain NumPy array."""
    return tree_map(np.asarray, x)
