"""Forward mode: jvp and linearize."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jaxlite.api.flat import (
    FlatFunction,
    as_result,
    check_callable,
    check_tangent,
    flatten_values,
    materialize,
    own_copy,
)
from jaxlite.dtypes import is_inexact
from jaxlite.errors import (
    ArgumentError,
)
from jaxlite.interpreters.evaluate import eval_jaxpr
from jaxlite.interpreters.jvp import jvp_flat
from jaxlite.interpreters.linearize import linearize_flat
from jaxlite.ir import Jaxpr
from jaxlite.primitive import Zero
from jaxlite.trace import (
    aval_of,
)
from jaxlite.tree import (
    Partial,
    tree_flatten,
    tree_unflatten,
)


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
    check_callable(fun, "jvp")
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise ArgumentError(
            "primal and tangent arguments to jvp must be tuples or lists; "
            f"found {type(primals).__name__} and {type(tangents).__name__}.",
            fix="jvp(f, (x,), (x_dot,)).",
        )
    leaves, in_tree = flatten_values(tuple(primals), "jvp primals")
    tangent_leaves, tangent_tree = tree_flatten(tuple(tangents))
    if tangent_tree != in_tree:
        raise ArgumentError(f"jvp: primals have structure {in_tree}, tangents {tangent_tree}.")
    tangent_leaves = [check_tangent(x, t, "jvp") for x, t in zip(leaves, tangent_leaves, strict=True)]
    flat = FlatFunction(fun, in_tree, "jvp", has_aux)
    outs, tangents_out = jvp_flat(flat, leaves, tangent_leaves)
    out = tree_unflatten(flat.out_tree, list(map(as_result, outs)))
    tangent_out = tree_unflatten(flat.out_tree, materialize(tangents_out))
    return (out, tangent_out, flat.aux) if has_aux else (out, tangent_out)


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
            check_tangent(_Typed(aval), t, "linearize") for aval, t in zip(self.in_avals, leaves, strict=True)
        ]
        given = [t for t, aval in zip(checked, self.in_avals, strict=True) if is_inexact(aval.dtype)]
        outs = iter(eval_jaxpr(self.jaxpr, residuals, *given))
        tangents_out = [
            next(outs) if nz else Zero(aval.to_tangent())
            for nz, aval in zip(self.nonzero_out, self.out_avals, strict=True)
        ]
        return tree_unflatten(self.out_tree, list(map(as_result, materialize(tangents_out))))


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
    check_callable(fun, "linearize")
    leaves, in_tree = flatten_values(primals, "linearize primals")
    leaves = list(map(own_copy, leaves))
    flat = FlatFunction(fun, in_tree, "linearize", has_aux)
    outs, jaxpr, residuals, nonzero_out = linearize_flat(flat, leaves)
    in_avals, out_avals = list(map(aval_of, leaves)), list(map(aval_of, outs))
    out = tree_unflatten(flat.out_tree, list(map(as_result, outs)))
    linear_map = _LinearMap(jaxpr, in_avals, nonzero_out, out_avals, in_tree, flat.out_tree)
    f_jvp = Partial(linear_map, tuple(residuals))
    return (out, f_jvp, flat.aux) if has_aux else (out, f_jvp)
