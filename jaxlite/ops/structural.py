"""Structural primitives: they move elements and compute nothing.

All are linear; each one's transpose puts the cotangent back where the element came from.
"""

from __future__ import annotations

import numpy as np

from jaxlite.errors import ShapeError
from jaxlite.ir import ShapedArray
from jaxlite.lowering import IndexMap
from jaxlite.ops.families import linear_jvp
from jaxlite.primitive import PRIMITIVES, PURE, RECORD, Primitive, Zero
from jaxlite.trace import aval_of

# --- broadcast_in_dim -------------------------------------------------------------------------------


def _broadcast_in_dim_abstract_eval(x, *, shape, broadcast_dimensions):
    fits = len(broadcast_dimensions) == x.ndim and all(
        0 <= d < len(shape) and n in (1, shape[d]) for d, n in zip(broadcast_dimensions, x.shape, strict=False)
    )
    if not fits or list(broadcast_dimensions) != sorted(set(broadcast_dimensions)):
        raise ShapeError(
            f"broadcast_in_dim: {x} does not broadcast to shape {shape} along dimensions {broadcast_dimensions}.",
            why="each operand dimension goes to one result dimension, in order, of the same size (or from size 1).",
        )
    return (ShapedArray(tuple(shape), x.dtype),)


def _broadcast_in_dim_impl(x, *, shape, broadcast_dimensions):
    x = np.asarray(x)
    expanded = [1] * len(shape)
    for d, n in zip(broadcast_dimensions, x.shape, strict=True):
        expanded[d] = n
    return (np.broadcast_to(x.reshape(expanded), shape).copy(),)


def _broadcast_in_dim_transpose(cts, x, *, shape, broadcast_dimensions):
    (z_bar,) = cts
    stretched = tuple(
        d for d in range(len(shape))
        if d not in broadcast_dimensions or x.aval.shape[broadcast_dimensions.index(d)] != shape[d]
    )  # fmt: skip
    x_bar = PRIMITIVES["reduce_sum"].bind(z_bar, axes=stretched) if stretched else z_bar
    return (reshape(x_bar, x.aval.shape),)


def _broadcast_in_dim_batch(axis, args, dims, *, shape, broadcast_dimensions):
    (x,) = args
    x = move_dim(x, dims[0], 0)
    dimensions = (0, *(d + 1 for d in broadcast_dimensions))
    return (broadcast_in_dim(x, (axis.size, *shape), dimensions),), (0,)


broadcast_in_dim_p = Primitive(
    name="broadcast_in_dim",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_broadcast_in_dim_abstract_eval,
    impl=_broadcast_in_dim_impl,
    jvp=linear_jvp("broadcast_in_dim"),
    partial_eval=RECORD,
    transpose=_broadcast_in_dim_transpose,
    batch=_broadcast_in_dim_batch,
    lower=IndexMap("broadcast_in_dim"),
    doc="z[i] = x[i[broadcast_dimensions]];  x̄ = sum of z̄ over the new dimensions",
)


def broadcast_in_dim(x, shape, broadcast_dimensions):
    """Broadcast ``x`` to ``shape``, its dimension ``k`` becoming dimension ``broadcast_dimensions[k]``."""
    shape, broadcast_dimensions = tuple(shape), tuple(broadcast_dimensions)
    aval = aval_of(x)
    if aval.shape == shape and broadcast_dimensions == tuple(range(len(shape))):
        return x
    return broadcast_in_dim_p.bind(x, shape=shape, broadcast_dimensions=broadcast_dimensions)


# --- reshape ----------------------------------------------------------------------------------------


def _reshape_abstract_eval(x, *, new_sizes):
    if ShapedArray(new_sizes, x.dtype).size != x.size or any(n < 0 for n in new_sizes):
        raise ShapeError(
            f"reshape: {x} cannot become shape {new_sizes}.",
            why=f"{x.size} elements do not fill that shape.",
        )
    return (ShapedArray(tuple(new_sizes), x.dtype),)


def _reshape_impl(x, *, new_sizes):
    return (np.reshape(x, new_sizes),)


def _reshape_transpose(cts, x, *, new_sizes):
    return (reshape(cts[0], x.aval.shape),)


def _reshape_batch(axis, args, dims, *, new_sizes):
    x = move_dim(args[0], dims[0], 0)
    return (reshape(x, (axis.size, *new_sizes)),), (0,)


reshape_p = Primitive(
    name="reshape",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_reshape_abstract_eval,
    impl=_reshape_impl,
    jvp=linear_jvp("reshape"),
    partial_eval=RECORD,
    transpose=_reshape_transpose,
    batch=_reshape_batch,
    lower=IndexMap("reshape"),
    doc="z = the elements of x, in row-major order, in another shape",
)


def reshape(x, new_sizes):
    """Give ``x`` another shape with as many elements, in row-major order."""
    new_sizes = tuple(new_sizes)
    return x if aval_of(x).shape == new_sizes else reshape_p.bind(x, new_sizes=new_sizes)


# --- transpose --------------------------------------------------------------------------------------


def _transpose_abstract_eval(x, *, permutation):
    if sorted(permutation) != list(range(x.ndim)):
        raise ShapeError(
            f"transpose: {permutation} is no permutation of the dimensions of {x}.",
            why=f"it must hold each of 0 … {x.ndim - 1} once." if x.ndim else "the operand has no dimensions.",
        )
    return (ShapedArray(tuple(x.shape[d] for d in permutation), x.dtype),)


def _transpose_impl(x, *, permutation):
    return (np.transpose(x, permutation),)


def _transpose_transpose(cts, x, *, permutation):
    return (transpose(cts[0], inverse_permutation(permutation)),)


def _transpose_batch(axis, args, dims, *, permutation):
    (x,), (dim,) = args, dims
    new = tuple(d + (d >= dim) for d in permutation)
    return (transpose(x, (dim, *new)),), (0,)


transpose_p = Primitive(
    name="transpose",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_transpose_abstract_eval,
    impl=_transpose_impl,
    jvp=linear_jvp("transpose"),
    partial_eval=RECORD,
    transpose=_transpose_transpose,
    batch=_transpose_batch,
    lower=IndexMap("transpose"),
    doc="z[i] = x[i permuted];  x̄ = z̄ permuted back",
)


def transpose(x, permutation):
    """Permute the dimensions: dimension ``k`` of the result is dimension ``permutation[k]`` of ``x``."""
    permutation = tuple(permutation)
    return x if permutation == tuple(range(len(permutation))) else transpose_p.bind(x, permutation=permutation)


def inverse_permutation(permutation) -> tuple[int, ...]:
    return tuple(np.argsort(permutation).tolist())


# --- what the interpreters need ---------------------------------------------------------------------


def full(shape, fill_value, dtype):
    """Return an array of one value."""
    return broadcast_in_dim(np.dtype(dtype).type(fill_value), shape, ())


def zeros(aval):
    """Return the zero of a type (of float0 too)."""
    if aval.dtype.kind == "V":
        return np.zeros(aval.shape, aval.dtype)
    return full(aval.shape, 0, aval.dtype)


def instantiate(tangent):
    """Turn a symbolic zero into an array; leave others alone."""
    return zeros(tangent.aval) if type(tangent) is Zero else tangent


def move_dim(x, source: int, destination: int):
    """Move one dimension of ``x``."""
    ndim = len(aval_of(x).shape)
    source %= ndim
    order = [d for d in range(ndim) if d != source]
    order.insert(destination % ndim, source)
    return transpose(x, order)


def broadcast_dim(x, dim: int, size: int):
    """Insert a new dimension of a given size."""
    shape = aval_of(x).shape
    dimensions = [d for d in range(len(shape) + 1) if d != dim]
    return broadcast_in_dim(x, (*shape[:dim], size, *shape[dim:]), dimensions)
