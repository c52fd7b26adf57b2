"""Collectives: what the elements of a named ``vmap`` axis tell each other.

    vmap(lambda x: x - psum(x, "i"), axis_name="i")

    { lambda ; a:f64[]. let b:f64[] = psum[axis_name=i] a; c:f64[] = sub a b in (c,) }     one element
    { lambda ; a:f64[3]. let b:f64[] = reduce_sum[axes=(0,)] a; c:f64[3] = sub a b … }     the whole axis

A collective is a primitive that names an axis. The trace that maps this axis answers it by its batch rule;
another ``vmap`` passes it on with one more dimension. Outside of such a ``vmap`` it has no meaning.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from jaxlite.errors import ArgumentError, AxisNameError
from jaxlite.interpreters.batch import live_axes
from jaxlite.ir import ShapedArray
from jaxlite.lowering import HostCall
from jaxlite.ops.elementwise import add, convert_element_type, div, eq, mul
from jaxlite.ops.indexing import dynamic_index_in_dim, dynamic_slice_in_dim
from jaxlite.ops.reductions import reduce_max, reduce_min, reduce_sum
from jaxlite.ops.structural import (
    broadcast_dim,
    canonical_dims,
    concatenate,
    expand_dims,
    full,
    iota,
    move_dim,
    reshape,
    slice_in_dim,
    zeros,
)
from jaxlite.primitive import NOT_LINEAR, PURE, RECORD, Primitive, zero_tangent
from jaxlite.trace import aval_of
from jaxlite.tree import tree_map

_LOWER = HostCall("a collective is answered by the vmap that maps its axis; a finished program holds none")
_INDEX = np.dtype(np.int64)


def _unbound_impl(*args, axis_name, **params):
    raise _unbound("a collective", axis_name)


def _unbound(what: str, axis_name) -> AxisNameError:
    live = ", ".join(f"{axis.name!r} (size {axis.size})" for axis in live_axes())
    return AxisNameError(
        f"{what}: unbound axis name: no enclosing vmap maps an axis named {axis_name!r}.",
        why=f"the axes in scope are {live}." if live else "no vmap with an axis_name is in progress here.",
        fix=f"vmap(f, axis_name={axis_name!r}) around the function that uses it.",
    )


def _size_of(what: str, axis_name) -> int:
    """Return the size of a named axis; raises AxisNameError where there is none."""
    for axis in live_axes():
        if axis.name == axis_name:
            return axis.size
    raise _unbound(what, axis_name)


def _names(what: str, axis_name) -> tuple:
    """Return the names in ``axis_name`` (one, or a tuple of several), each of a live axis."""
    names = tuple(axis_name) if isinstance(axis_name, tuple | list) else (axis_name,)
    for name in names:
        _size_of(what, name)
    return names


def _one_name(what: str, axis_name):
    if isinstance(axis_name, tuple | list):
        if len(axis_name) != 1:
            raise ArgumentError(
                f"{what} takes one axis name, got {axis_name!r}.",
                fix="call it once per axis, innermost first.",
            )
        (axis_name,) = axis_name
    _size_of(what, axis_name)
    return axis_name


# --- psum -------------------------------------------------------------------------------------------


def _same_type_abstract_eval(x, *, axis_name):
    return (x.strip_weak_type(),)


def _psum_jvp(primals, tangents, *, axis_name):
    return (psum_p.bind(*primals, axis_name=axis_name),), (psum_p.bind(*tangents, axis_name=axis_name),)


def _psum_transpose(cts, x, *, axis_name):
    # ȳ_j of every element j reaches x_i: x̄_i = Σ_j ȳ_j.
    return (psum_p.bind(cts[0], axis_name=axis_name),)


def _psum_batch(axis, args, dims, *, axis_name):
    (x,), (dim,) = args, dims
    if axis.name != axis_name:
        return (psum_p.bind(x, axis_name=axis_name),), (dim,)
    if dim is None:
        return (mul(x, aval_of(x).dtype.type(axis.size)),), (None,)
    return (reduce_sum(x, (dim,)),), (None,)


psum_p = Primitive(
    name="psum",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_same_type_abstract_eval,
    impl=_unbound_impl,
    jvp=_psum_jvp,
    partial_eval=RECORD,
    transpose=_psum_transpose,
    batch=_psum_batch,
    lower=_LOWER,
    doc="z = Σ_i x_i over the elements of a named axis",
)


def psum(x, axis_name: Hashable | Sequence[Hashable], *, axis_index_groups: None = None):
    """Add up a value over all elements of a named axis.

    Parameters
    ----------
    x : pytree of arrays
    axis_name : hashable, or tuple of hashables
        The ``axis_name`` of an enclosing `vmap`; several names add up over all of these axes.
    axis_index_groups : None
        Accepted for programs written for JAX; groups are not available.

    Returns
    -------
    pytree of arrays
        The same for every element. A Python number gives a Python number, so that ``psum(1, "i")`` is a size.

    Raises
    ------
    AxisNameError
        If no enclosing `vmap` has this name.

    Notes
    -----
    psum is its own transpose: under ``vmap(grad(f))`` the cotangents of all elements are added up.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> jaxlite.vmap(lambda x: x / jaxlite.lax.psum(x, "i"), axis_name="i")(np.array([1.0, 3.0]))
    Array([0.25, 0.75], dtype=float64)
    """
    _refuse_groups("psum", axis_index_groups)
    names = _names("psum", axis_name)
    size = math.prod(_size_of("psum", name) for name in names)

    def sum_leaf(leaf):
        if type(leaf) in (bool, int, float, complex):
            return leaf * size
        if aval_of(leaf).dtype.kind == "b":
            leaf = convert_element_type(leaf, _INDEX)
        for name in names:
            leaf = psum_p.bind(leaf, axis_name=name)
        return leaf

    return tree_map(sum_leaf, x)


def pmean(x, axis_name: Hashable | Sequence[Hashable], *, axis_index_groups: None = None):
    """Average a value over all elements of a named axis; see `psum`."""
    total = psum(x, axis_name, axis_index_groups=axis_index_groups)
    size = math.prod(_size_of("pmean", name) for name in _names("pmean", axis_name))

    def divide_leaf(leaf):
        dtype = aval_of(leaf).dtype
        if dtype.kind not in "fc":
            leaf, dtype = convert_element_type(leaf, np.dtype(np.float64)), np.dtype(np.float64)
        return div(leaf, dtype.type(size))

    return tree_map(divide_leaf, total)


def _refuse_groups(what: str, axis_index_groups) -> None:
    if axis_index_groups is not None:
        raise ArgumentError(
            f"{what}: axis_index_groups is not available.",
            fix="map two nested axes, and reduce over the inner one.",
        )


# --- pmax and pmin ----------------------------------------------------------------------------------


def _extreme_jvp(primals, tangents, primitive, axis_name):
    """Average the tangents of the elements that attain the extreme value, as `reduce_max` does."""
    (x,), (x_dot,) = primals, tangents
    ans = primitive.bind(x, axis_name=axis_name)
    attained = convert_element_type(eq(x, ans), aval_of(x).dtype)
    total = psum_p.bind(mul(x_dot, attained), axis_name=axis_name)
    return (ans,), (div(total, psum_p.bind(attained, axis_name=axis_name)),)


def _extreme_batch(axis, args, dims, primitive, reduce: Callable, axis_name):
    (x,), (dim,) = args, dims
    if axis.name != axis_name:
        return (primitive.bind(x, axis_name=axis_name),), (dim,)
    return (x if dim is None else reduce(x, (dim,)),), (None,)


def _pmax_jvp(primals, tangents, *, axis_name):
    return _extreme_jvp(primals, tangents, pmax_p, axis_name)


def _pmax_batch(axis, args, dims, *, axis_name):
    return _extreme_batch(axis, args, dims, pmax_p, reduce_max, axis_name)


pmax_p = Primitive(
    name="pmax",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_same_type_abstract_eval,
    impl=_unbound_impl,
    jvp=_pmax_jvp,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_pmax_batch,
    lower=_LOWER,
    doc="z = max_i x_i over the elements of a named axis;  ż = mean of ẋ_i where x_i = z",
)


def _pmin_jvp(primals, tangents, *, axis_name):
    return _extreme_jvp(primals, tangents, pmin_p, axis_name)


def _pmin_batch(axis, args, dims, *, axis_name):
    return _extreme_batch(axis, args, dims, pmin_p, reduce_min, axis_name)


pmin_p = Primitive(
    name="pmin",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_same_type_abstract_eval,
    impl=_unbound_impl,
    jvp=_pmin_jvp,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_pmin_batch,
    lower=_LOWER,
    doc="z = min_i x_i over the elements of a named axis;  ż = mean of ẋ_i where x_i = z",
)


def _bind_extreme(primitive: Primitive, x, axis_name):
    names = _names(primitive.name, axis_name)

    def leaf_extreme(leaf):
        for name in names:
            leaf = primitive.bind(leaf, axis_name=name)
        return leaf

    return tree_map(leaf_extreme, x)


def pmax(x, axis_name: Hashable | Sequence[Hashable], *, axis_index_groups: None = None):
    """Return the largest of a value over all elements of a named axis; see `psum`.

    Differs from JAX: it can be differentiated; elements that attain the maximum share the derivative.
    """
    _refuse_groups("pmax", axis_index_groups)
    return _bind_extreme(pmax_p, x, axis_name)


def pmin(x, axis_name: Hashable | Sequence[Hashable], *, axis_index_groups: None = None):
    """Return the smallest of a value over all elements of a named axis; see `pmax`."""
    _refuse_groups("pmin", axis_index_groups)
    return _bind_extreme(pmin_p, x, axis_name)


# --- axis_index -------------------------------------------------------------------------------------


def _axis_index_abstract_eval(*, axis_name):
    return (ShapedArray((), _INDEX),)


def _axis_index_batch(axis, args, dims, *, axis_name):
    return (iota(_INDEX, (axis.size,), 0),), (0,)


axis_index_p = Primitive(
    name="axis_index",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_axis_index_abstract_eval,
    impl=_unbound_impl,
    jvp=zero_tangent,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_axis_index_batch,
    lower=_LOWER,
    doc="z_i = i, the position along a named axis",
)


def axis_index(axis_name: Hashable | Sequence[Hashable]):
    """Return the position of this element along a named axis, i64[].

    Parameters
    ----------
    axis_name : hashable, or tuple of hashables
        Several names count row by row, the last one fastest.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> jaxlite.vmap(lambda x: x * jaxlite.lax.axis_index("i"), axis_name="i")(np.ones(3))
    Array([0., 1., 2.], dtype=float64)
    """
    first, *rest = _names("axis_index", axis_name)
    index = axis_index_p.bind(axis_name=first)
    for name in rest:
        index = add(mul(index, _INDEX.type(_size_of("axis_index", name))), axis_index_p.bind(axis_name=name))
    return index


def axis_size(axis_name: Hashable | Sequence[Hashable]) -> int:
    """Return the number of elements along a named axis (of several: the product), a Python int."""
    return math.prod(_size_of("axis_size", name) for name in _names("axis_size", axis_name))


# --- all_gather -------------------------------------------------------------------------------------


def _all_gather_abstract_eval(x, *, axis_name, axis_size, axis, tiled):
    shape = list(x.shape)
    if tiled:
        shape[axis] *= axis_size
    else:
        shape.insert(axis, axis_size)
    return (ShapedArray(tuple(shape), x.dtype),)


def _all_gather_jvp(primals, tangents, **params):
    return (all_gather_p.bind(*primals, **params),), (all_gather_p.bind(*tangents, **params),)


def _all_gather_transpose(cts, x, *, axis_name, axis_size, axis, tiled):
    # x̄_i = Σ_j ȳ_j at block i
    total = psum_p.bind(cts[0], axis_name=axis_name)
    index = axis_index_p.bind(axis_name=axis_name)
    if not tiled:
        return (dynamic_index_in_dim(total, index, axis, keepdims=False),)
    size = x.aval.shape[axis]
    return (dynamic_slice_in_dim(total, mul(index, _INDEX.type(size)), size, axis),)


def _all_gather_batch(axis_, args, dims, *, axis_name, axis_size, axis, tiled):
    (x,), (dim,) = args, dims
    params = {"axis_name": axis_name, "axis_size": axis_size, "tiled": tiled}
    if axis_.name != axis_name:
        x = move_dim(x, dim, 0)
        return (all_gather_p.bind(x, axis=axis + 1, **params),), (0,)
    gathered = broadcast_dim(x, axis, axis_size) if dim is None else move_dim(x, dim, axis)
    if tiled:
        shape = aval_of(gathered).shape
        gathered = reshape(gathered, (*shape[:axis], axis_size * shape[axis + 1], *shape[axis + 2 :]))
    return (gathered,), (None,)


all_gather_p = Primitive(
    name="all_gather",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_all_gather_abstract_eval,
    impl=_unbound_impl,
    jvp=_all_gather_jvp,
    partial_eval=RECORD,
    transpose=_all_gather_transpose,
    batch=_all_gather_batch,
    lower=_LOWER,
    doc="z = (x_0, x_1, …) of all elements of a named axis",
)


def all_gather(
    x, axis_name: Hashable, *, axis_index_groups: None = None, axis: int = 0, tiled: bool = False,
    axis_size: int | None = None,
):  # fmt: skip
    """Collect a value of all elements of a named axis.

    Parameters
    ----------
    x : pytree of arrays
    axis_name : hashable
        The ``axis_name`` of an enclosing `vmap`.
    axis_index_groups : None
        Accepted for programs written for JAX; groups are not available.
    axis : int
        The dimension of the results along which the elements lie.
    tiled : bool
        Join them along an existing dimension instead of stacking them along a new one.
    axis_size : int, optional
        Size of the named axis, where it is known; it must be the right one.

    Returns
    -------
    pytree of arrays
        The same for every element.

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> jaxlite.vmap(lambda x: jaxlite.lax.all_gather(x, "i")[0], axis_name="i")(np.arange(3.0))
    Array([0., 0., 0.], dtype=float64)
    """
    _refuse_groups("all_gather", axis_index_groups)
    name = _one_name("all_gather", axis_name)
    size = _size_of("all_gather", name)
    if axis_size not in (None, size):
        raise ArgumentError(f"all_gather: axis_size is {axis_size}, but the axis {name!r} has size {size}.")

    def gather_leaf(leaf):
        ndim = aval_of(leaf).ndim
        (dim,) = canonical_dims("all_gather", axis, ndim if tiled else ndim + 1)
        return all_gather_p.bind(leaf, axis_name=name, axis_size=size, axis=dim, tiled=bool(tiled))

    return tree_map(gather_leaf, x)


# --- ppermute ---------------------------------------------------------------------------------------


def _ppermute_abstract_eval(x, *, axis_name, perm):
    return (x.strip_weak_type(),)


def _ppermute_jvp(primals, tangents, **params):
    return (ppermute_p.bind(*primals, **params),), (ppermute_p.bind(*tangents, **params),)


def _ppermute_transpose(cts, x, *, axis_name, perm):
    back = tuple(sorted((destination, source) for source, destination in perm))
    return (ppermute_p.bind(cts[0], axis_name=axis_name, perm=back),)


def _ppermute_batch(axis, args, dims, *, axis_name, perm):
    (x,), (dim,) = args, dims
    if axis.name != axis_name:
        return (ppermute_p.bind(x, axis_name=axis_name, perm=perm),), (dim,)
    source_of = {destination: source for source, destination in perm}
    nothing = zeros(aval_of(x) if dim is None else aval_of(x).unmapped(dim))
    parts = []
    for i in range(axis.size):
        if i not in source_of:
            parts.append(expand_dims(nothing, (0,)))
        elif dim is None:
            parts.append(expand_dims(x, (0,)))
        else:
            parts.append(move_dim(slice_in_dim(x, source_of[i], source_of[i] + 1, 1, dim), dim, 0))
    if not parts:
        return (full((0, *aval_of(nothing).shape), 0, aval_of(x).dtype),), (0,)
    return (concatenate(parts, dimension=0),), (0,)


ppermute_p = Primitive(
    name="ppermute",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_ppermute_abstract_eval,
    impl=_unbound_impl,
    jvp=_ppermute_jvp,
    partial_eval=RECORD,
    transpose=_ppermute_transpose,
    batch=_ppermute_batch,
    lower=_LOWER,
    doc="z_j = x_i for (i, j) in perm, else 0, over the elements of a named axis",
)


def ppermute(x, axis_name: Hashable, perm: Sequence[tuple[int, int]]):
    """Send a value from each element of a named axis to another one.

    Parameters
    ----------
    x : pytree of arrays
    axis_name : hashable
    perm : sequence of (source, destination)
        No source and no destination twice; elements that are no destination get zeros.

    Returns
    -------
    pytree of arrays

    Examples
    --------
    >>> import jaxlite, numpy as np
    >>> shift = lambda x: jaxlite.lax.ppermute(x, "i", [(0, 1), (1, 2), (2, 0)])
    >>> jaxlite.vmap(shift, axis_name="i")(np.arange(3.0))
    Array([2., 0., 1.], dtype=float64)
    """
    name = _one_name("ppermute", axis_name)
    size = _size_of("ppermute", name)
    pairs = tuple(sorted((operator.index(i), operator.index(j)) for i, j in perm))
    distinct = len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    if not distinct or not all(0 <= n < size for pair in pairs for n in pair):
        raise ArgumentError(
            f"ppermute: {list(pairs)} does not permute the axis {name!r} of size {size}.",
            why="sources and destinations must be distinct positions of the axis.",
        )
    return tree_map(lambda leaf: ppermute_p.bind(leaf, axis_name=name, perm=pairs), x)
