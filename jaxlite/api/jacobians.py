"""Jacobians and Hessians: jvp and vjp mapped over the unit vectors by vmap."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from jaxlite.api.flat import (
    FlatFunction,
    as_result,
    check_callable,
    checked_argnums,
    flatten_values,
    materialize,
    normalize_argnums,
    on_arguments,
)
from jaxlite.api.reverse import check_grad_input, vjp_flat
from jaxlite.dtypes import float0
from jaxlite.errors import (
    GradInputError,
)
from jaxlite.interpreters.batch import batch_flat
from jaxlite.interpreters.jvp import jvp_flat
from jaxlite.ops.structural import (
    broadcast_in_dim,
    move_dim,
    reshape,
    transpose,
)
from jaxlite.ops.structural import slice as slice_
from jaxlite.primitive import MappedAxis, Zero
from jaxlite.trace import (
    aval_of,
)
from jaxlite.tree import (
    tree_unflatten,
)


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
    check_callable(fun, "jacfwd")
    argnums = checked_argnums(argnums, "jacfwd")

    @functools.wraps(fun)
    def jacobian_function(*args, **kwargs):
        wanted = normalize_argnums(argnums, len(args), "jacfwd")
        selected = tuple(args[i] for i in wanted)
        leaves, in_tree = flatten_values(selected, "jacfwd argument ")
        for leaf in leaves:
            _check_jac_dtype(leaf, holomorphic, "jacfwd", "real-valued inputs")
        flat = FlatFunction(on_arguments(fun, wanted, args, kwargs), in_tree, "jacfwd", has_aux)

        def push(*tangents):
            outs, tangents_out = jvp_flat(flat, leaves, tangents)
            return [*outs, *materialize(tangents_out)]

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
    check_callable(fun, "jacrev")
    argnums = checked_argnums(argnums, "jacrev")

    @functools.wraps(fun)
    def jacobian_function(*args, **kwargs):
        wanted = normalize_argnums(argnums, len(args), "jacrev")
        selected = tuple(args[i] for i in wanted)
        leaves, in_tree = flatten_values(selected, "jacrev argument ")
        for leaf in leaves:
            check_grad_input(leaf, holomorphic, allow_int, "jacrev")
        flat = FlatFunction(on_arguments(fun, wanted, args, kwargs), in_tree, "jacrev", has_aux)
        outs, pullback, residuals = vjp_flat(flat, leaves, in_tree)
        for out in outs:
            _check_jac_dtype(out, holomorphic, "jacrev", "real-valued outputs")

        def pull(*cts):
            return materialize(pullback.apply(residuals, cts))

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
        blocks.append(as_result(reshape(block, (*shape, *aval.shape))) if columns.dtype != float0 else block)
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
    return as_result(transpose(block, (*range(split, ndim), *range(split))))


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
