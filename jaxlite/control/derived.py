"""``map`` and ``associative_scan``: loops made of other loops and of whole-array operations.

map(f, xs)                    scan over the leading axis, no carry
associative_scan(add, x)      [x0, x1, x2, x3]  ->  pairs [x0+x1, x2+x3]  ->  their scan [x0+x1, x0+x1+x2+x3]
                              ->  filled in between  [x0, x0+x1, (x0+x1)+x2, x0+x1+x2+x3]
"""

from __future__ import annotations

import operator
from collections.abc import Callable

from jaxlite.control.scan import scan
from jaxlite.errors import ArgumentError
from jaxlite.interpreters.batch import batch_flat, to_front
from jaxlite.ops.structural import canonical_dims, concatenate, expand_dims, reshape, rev, slice_in_dim
from jaxlite.primitive import MappedAxis
from jaxlite.source import describe_function
from jaxlite.trace import aval_of
from jaxlite.tree import keystr, tree_flatten, tree_flatten_with_path, tree_map, tree_unflatten

# --- map --------------------------------------------------------------------------------------------


def map(f: Callable, xs, *, batch_size: int | None = None):  # noqa: A001 (JAX's name)
    """Apply a function to each slice along the leading axis, one after the other.

    Parameters
    ----------
    f : callable
        ``x -> y``, pytrees.
    xs : pytree of arrays
        Each of shape ``[n, …]``.
    batch_size : int, optional
        How many slices to work on at once, by `vmap`; 0 for all of them.

    Returns
    -------
    pytree of arrays
        The results, stacked: ``[n, …]``.

    Raises
    ------
    ArgumentError
        If ``xs`` has no arrays, or their leading axes differ.

    Notes
    -----
    Uses the memory of one slice at a time, where ``vmap(f)`` uses that of all.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> jaxlite.lax.map(lambda x: x ** 2, np.arange(4.0))
    Array([0., 1., 4., 9.], dtype=float64)
    """
    if batch_size is None:
        return _map_by_scan(f, xs)
    size = operator.index(batch_size)
    if size < 0:
        raise ArgumentError(f"map: batch_size must be at least 0, got {size}.")
    length = _leading_size("map", xs)
    if not size:
        return _mapped(f)(xs)
    whole, rest = divmod(length, size)
    batched = _mapped(f)
    if not rest:
        return tree_map(
            _merge_leading, _map_by_scan(batched, tree_map(lambda x: _split_leading(x, whole), xs))
        )
    tail = batched(tree_map(lambda x: slice_in_dim(x, whole * size, length), xs))
    if not whole:
        return tail
    head = tree_map(lambda x: _split_leading(slice_in_dim(x, 0, whole * size), whole), xs)
    done = _map_by_scan(batched, head)
    return tree_map(lambda a, b: concatenate([_merge_leading(a), b], dimension=0), done, tail)


def _map_by_scan(f, xs):
    if not callable(f):
        raise ArgumentError(f"map needs a callable, not {type(f).__name__}.")
    return scan(lambda _, x: ((), f(x)), (), xs)[1]


def _leading_size(what: str, xs) -> int:
    sizes = {}
    for path, leaf in tree_flatten_with_path(xs)[0]:
        aval = aval_of(leaf)
        if not aval.shape:
            raise ArgumentError(
                f"{what}: xs{keystr(path)} is a scalar, {aval}.", why="it goes along the leading axis."
            )
        sizes[keystr(path)] = aval.shape[0]
    if len(set(sizes.values())) != 1:
        listed = ", ".join(f"xs{path}: {n}" for path, n in sizes.items())
        raise ArgumentError(
            f"{what} got values with different leading axis sizes: {listed}."
            if sizes
            else f"{what} got no arrays."
        )
    return next(iter(sizes.values()))


def _mapped(f: Callable) -> Callable:
    """Return ``f`` over the leading axis of all leaves at once."""

    def batched(xs):
        leaves, in_tree = tree_flatten(xs)
        size = aval_of(leaves[0]).shape[0]
        out_tree = None

        def flat(*values):
            nonlocal out_tree
            outs, out_tree = tree_flatten(f(tree_unflatten(in_tree, values)))
            return outs

        outs, dims = batch_flat(flat, MappedAxis(size), leaves, (0,) * len(leaves))
        return tree_unflatten(out_tree, [to_front(x, d, size)[0] for x, d in zip(outs, dims, strict=True)])

    return batched


def _split_leading(x, count: int):
    n, *rest = aval_of(x).shape
    return reshape(x, (count, n // count if count else 0, *rest))


def _merge_leading(x):
    a, b, *rest = aval_of(x).shape
    return reshape(x, (a * b, *rest))


# --- associative_scan -------------------------------------------------------------------------------


def associative_scan(fn: Callable, elems, reverse: bool = False, axis: int = 0):
    """Combine the elements of an axis from the first to each, for an associative operation.

    Parameters
    ----------
    fn : callable
        ``(a, b) -> c`` on pytrees like ``elems``, elementwise along ``axis``; associative.
    elems : pytree of arrays
        All of one size along ``axis``.
    reverse : bool
        Combine from the last to each, instead: ``fn(later, earlier)`` is called in that order.
    axis : int

    Returns
    -------
    pytree of arrays
        Like ``elems``; at position k the combination of the elements 0 … k.

    Raises
    ------
    ArgumentError
        If the sizes along ``axis`` differ, or ``fn`` is not a function.

    Notes
    -----
    For n elements: 2 log₂ n rounds of whole-array calls of ``fn``, at most 2n combinations in all.

    References
    ----------
    .. [1] Blelloch, "Prefix sums and their applications", CMU-CS-90-190, 1990.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> jaxlite.lax.associative_scan(np.add, np.arange(5.0))
    Array([ 0.,  1.,  3.,  6., 10.], dtype=float64)
    """
    if not callable(fn):
        raise ArgumentError(f"associative_scan needs a callable, not {type(fn).__name__}.")
    leaves, tree = tree_flatten(elems)
    if not leaves:
        return elems
    dims = [canonical_dims("associative_scan", axis, aval_of(x).ndim)[0] for x in leaves]
    sizes = [aval_of(x).shape[d] for x, d in zip(leaves, dims, strict=True)]
    if len(set(sizes)) > 1:
        avals = ", ".join(str(aval_of(x)) for x in leaves)
        raise ArgumentError(
            f"associative_scan: all arrays must have one size along axis {axis}, got {avals}.",
            fix="stack what belongs to one element along the same axis.",
        )
    if reverse:
        leaves = [rev(x, (d,)) for x, d in zip(leaves, dims, strict=True)]

    def combine(a, b):
        outs, out_tree = tree_flatten(fn(tree_unflatten(tree, a), tree_unflatten(tree, b)))
        if out_tree != tree:
            raise ArgumentError(
                f"associative_scan: {describe_function(fn)} returned another structure than it was given.",
                details=[f"in:  {tree}", f"out: {out_tree}"],
            )
        return outs

    outs = _scan_pairs(combine, leaves, dims)
    if reverse:
        outs = [rev(x, (d,)) for x, d in zip(outs, dims, strict=True)]
    return tree_unflatten(tree, outs)


def _scan_pairs(combine, elems, dims) -> list:
    """Scan neighbouring pairs, which gives every second result, then fill in the others."""

    def cut(xs, start, stop, stride=1):
        return [slice_in_dim(x, start, stop, stride, d) for x, d in zip(xs, dims, strict=True)]

    size = aval_of(elems[0]).shape[dims[0]]
    if size < 2:
        return list(elems)
    even = size - size % 2
    odd_results = _scan_pairs(combine, combine(cut(elems, 0, even, 2), cut(elems, 1, even, 2)), dims)
    later = cut(elems, 2, size, 2)
    num_later = (size - 1) // 2
    if num_later:
        filled = combine(cut(odd_results, 0, num_later), later)
        even_results = [
            concatenate([a, b], dimension=d) for a, b, d in zip(cut(elems, 0, 1), filled, dims, strict=True)
        ]
    else:
        even_results = cut(elems, 0, 1)
    return [_interleave(a, b, d) for a, b, d in zip(even_results, odd_results, dims, strict=True)]


def _interleave(a, b, dim: int):
    """``[a0, b0, a1, b1, …]``; ``a`` is as long as ``b`` or one longer."""
    num_a, num_b = aval_of(a).shape[dim], aval_of(b).shape[dim]
    shape = list(aval_of(b).shape)
    shape[dim] = 2 * num_b
    first = slice_in_dim(a, 0, num_b, 1, dim) if num_a > num_b else a
    pairs = concatenate([expand_dims(first, (dim + 1,)), expand_dims(b, (dim + 1,))], dimension=dim + 1)
    woven = reshape(pairs, tuple(shape))
    return (
        concatenate([woven, slice_in_dim(a, num_b, num_a, 1, dim)], dimension=dim) if num_a > num_b else woven
    )
