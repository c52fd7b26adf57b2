"""vmap: map a function over an axis of its arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from jaxlite.api.flat import FlatFunction, as_result, check_callable, signature
from jaxlite.control.jit import leaf_names
from jaxlite.errors import (
    ArgumentError,
    BatchSizeError,
)
from jaxlite.interpreters.batch import batch_flat
from jaxlite.ops.structural import (
    broadcast_dim,
    move_dim,
)
from jaxlite.primitive import MappedAxis
from jaxlite.source import describe_function
from jaxlite.trace import (
    aval_of,
    is_value,
    unsupported_value,
)
from jaxlite.tree import (
    flatten_axes,
    tree_flatten,
    tree_unflatten,
)


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
    check_callable(fun, "vmap")
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
        names = leaf_names(signature(fun), (args, kwargs))
        for leaf, name in zip(leaves, names, strict=True):
            if not is_value(leaf):
                raise unsupported_value(leaf, f"argument {name!r} of vmap({describe_function(fun)})")
        args_tree, kwargs_tree = in_tree.children()
        dims = [*flatten_axes("vmap in_axes", args_tree, in_axes), *(0,) * kwargs_tree.num_leaves]
        dims = [_check_dim(leaf, dim, name) for leaf, dim, name in zip(leaves, dims, names, strict=True)]
        size = _mapped_size(leaves, dims, names, axis_size)
        flat = FlatFunction(lambda args, kwargs: fun(*args, **kwargs), in_tree, "vmap")
        flat.fun.__wrapped__ = fun
        outs, out_dims = batch_flat(flat, MappedAxis(size, axis_name), leaves, dims)
        wanted = flatten_axes("vmap out_axes", flat.out_tree, out_axes)
        outs = [_place(x, dim, want, size) for x, dim, want in zip(outs, out_dims, wanted, strict=True)]
        return tree_unflatten(flat.out_tree, list(map(as_result, outs)))

    return mapped


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
