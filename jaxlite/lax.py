"""``jaxlite.lax``: the primitives as strict functions, control flow, and collectives.

Functions here take operands of one dtype and one shape (or rank 0); ``jaxlite.numpy`` promotes and broadcasts above
them. ``lax.sin(x)`` binds the primitive ``lax.sin_p``.
"""

from __future__ import annotations

import builtins
import enum
import math

import numpy as np

from jaxlite.control.collectives import all_gather, axis_index, axis_size, pmax, pmean, pmin, ppermute, psum
from jaxlite.control.cond import cond, switch
from jaxlite.control.derived import associative_scan, map
from jaxlite.control.implicit import custom_linear_solve, custom_root
from jaxlite.control.scan import scan
from jaxlite.control.while_loop import fori_loop, while_loop
from jaxlite.dtypes import as_dtype
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.interpreters.reapply import apply, aval, program
from jaxlite.ir import PRIMITIVES
from jaxlite.ops.composite import hypot, logaddexp
from jaxlite.ops.contraction import dot_general
from jaxlite.ops.cumulative import cumlogsumexp, cummax, cummin, cumprod, cumsum, linear_recurrence
from jaxlite.ops.elementwise import (
    abs,
    acos,
    acosh,
    add,
    add_any,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    bitcast_convert_type,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    cbrt,
    ceil,
    clamp,
    clz,
    complex,
    conj,
    convert_element_type,
    cos,
    cosh,
    div,
    eq,
    exp,
    exp2,
    expm1,
    floor,
    floor_div,
    ge,
    gt,
    imag,
    integer_pow,
    is_finite,
    le,
    log,
    log1p,
    logistic,
    lt,
    max,
    min,
    mod,
    mul,
    ne,
    neg,
    nextafter,
    population_count,
    pow,
    real,
    rem,
    round,
    rsqrt,
    select_n,
    shift_left,
    shift_right_arithmetic,
    shift_right_logical,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    sub,
    tan,
    tanh,
)
from jaxlite.ops.fft import FftType, fft
from jaxlite.ops.indexing import (
    GatherDimensionNumbers,
    GatherScatterMode,
    ScatterDimensionNumbers,
    dynamic_index_in_dim,
    dynamic_slice,
    dynamic_slice_in_dim,
    dynamic_update_index_in_dim,
    dynamic_update_slice,
    dynamic_update_slice_in_dim,
    gather,
    index_in_dim,
    index_take,
    scatter,
    scatter_add,
    scatter_max,
    scatter_min,
    scatter_mul,
    scatter_sub,
)
from jaxlite.ops.linalg import (
    cholesky,
    eig,
    eigh,
    lu,
    lu_solve,
    qr,
    solve,
    solve_with_lu,
    svd,
    triangular_solve,
)
from jaxlite.ops.reductions import (
    argmax,
    argmin,
    reduce_and,
    reduce_max,
    reduce_min,
    reduce_or,
    reduce_prod,
    reduce_sum,
    reduce_xor,
)
from jaxlite.ops.sorting import argsort, put_along_dim_add, sort, sort_key_val, take_along_dim, top_k
from jaxlite.ops.special import digamma, erf, erf_inv, erfc, lgamma, polygamma
from jaxlite.ops.structural import (
    broadcast_in_dim,
    concatenate,
    constant,
    copy,
    expand_dims,
    full,
    name,
    optimization_barrier,
    pad,
    reshape,
    rev,
    slice,
    slice_in_dim,
    squeeze,
    stop_gradient,
    transpose,
)
from jaxlite.ops.structural import iota as _iota
from jaxlite.trace import aval_of


class Precision(enum.Enum):
    """Accepted for programs written for JAX: on the CPU every product has full precision."""

    DEFAULT = 0
    HIGH = 1
    HIGHEST = 2


class RoundingMethod(enum.IntEnum):
    """How `round` treats halves."""

    AWAY_FROM_ZERO = 0
    TO_NEAREST_EVEN = 1


def iota(dtype, size=None, *, shape=None, dimension: int = 0):
    """Return ``0, 1, 2, …`` along one dimension.

    Parameters
    ----------
    dtype : dtype-like
    size : int, optional
        Length of a one-dimensional result.
    shape : tuple of int, optional
        Shape of the result, instead of ``size``.
    dimension : int
        Along which to count.
    """
    return _iota(
        dtype=as_dtype(dtype), shape=(int(size),) if shape is None else tuple(shape), dimension=dimension
    )


def broadcasted_iota(dtype, shape, dimension: int):
    """Return an array of ``shape`` that counts along ``dimension``."""
    return iota(dtype, shape=shape, dimension=dimension)


def select(pred, on_true, on_false):
    """Choose elementwise: ``on_true`` where ``pred``, else ``on_false``."""
    return select_n(pred, on_false, on_true)


def reciprocal(x):
    """Return 1/x."""
    return integer_pow(x, -1)


def broadcast(x, sizes):
    """Add leading dimensions of the given sizes."""
    sizes = tuple(sizes)
    shape = (*sizes, *aval_of(x).shape)
    return broadcast_in_dim(x, shape, tuple(range(len(sizes), len(shape))))


def broadcast_shapes(*shapes) -> tuple[int, ...]:
    """Return the shape NumPy broadcasting gives; raises ShapeError where it gives none."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(
            f"shapes {', '.join(builtins.map(str, shapes))} do not broadcast together.",
            why="from the right, sizes must be equal or 1.",
        ) from None


def collapse(x, start_dimension: int, stop_dimension: int | None = None):
    """Merge neighbouring dimensions into one."""
    shape = aval_of(x).shape
    stop = len(shape) if stop_dimension is None else stop_dimension
    return reshape(x, (*shape[:start_dimension], math.prod(shape[start_dimension:stop]), *shape[stop:]))


def full_like(x, fill_value, dtype=None, shape=None):
    """Return an array of one value with the shape and dtype of ``x``."""
    like = aval_of(x)
    return full(
        like.shape if shape is None else shape, fill_value, like.dtype if dtype is None else as_dtype(dtype)
    )


def dot(lhs, rhs, precision=None, preferred_element_type=None):
    """Multiply vectors or matrices (rank 1 or 2)."""
    left, right = aval_of(lhs), aval_of(rhs)
    if not (1 <= left.ndim <= 2 and 1 <= right.ndim <= 2):
        raise ShapeError(f"dot: operands have types {left}, {right}.", why="dot takes vectors and matrices.")
    return dot_general(
        lhs, rhs, (((left.ndim - 1,), (0,)), ((), ())), preferred_element_type=preferred_element_type
    )


def batch_matmul(lhs, rhs, precision=None):
    """Multiply matrices that lie in the last two dimensions."""
    ndim = aval_of(lhs).ndim
    batch = tuple(range(ndim - 2))
    return dot_general(lhs, rhs, (((ndim - 1,), (ndim - 2,)), (batch, batch)))


def with_sharding_constraint(x, *_, **__):
    """Return ``x``: there is one device."""
    return x


def dtype(x) -> np.dtype:
    """Return the dtype of a value."""
    return aval_of(x).dtype


def padtype_to_pads(in_shape, window_shape, window_strides, padding: str) -> list[tuple[int, int]]:
    """Return explicit (low, high) paddings for "SAME" and "VALID"."""
    if padding.upper() == "VALID":
        return [(0, 0)] * len(in_shape)
    if padding.upper() != "SAME":
        raise ArgumentError(f"padding must be 'SAME' or 'VALID', got {padding!r}.")
    pads = []
    for size, window, stride in zip(in_shape, window_shape, window_strides, strict=True):
        total = builtins.max((-(-size // stride) - 1) * stride + window - size, 0)
        pads.append((total // 2, total - total // 2))
    return pads


# Every primitive under JAX's name for it: ``lax.sin_p``.
def __getattr__(attribute: str):
    if attribute.endswith("_p") and attribute[:-2] in PRIMITIVES:
        return PRIMITIVES[attribute[:-2]]
    raise AttributeError(f"module 'jaxlite.lax' has no attribute {attribute!r}")
