"""``jaxlite.lax``: the primitives as strict functions, control flow, and collectives.

Functions here take operands of one dtype and one shape (or rank 0); ``jaxlite.numpy`` promotes and broadcasts above
them. ``lax.sin(x)`` binds the primitive ``lax.sin_p``.
"""

from __future__ import annotations

import builtins
import enum
import math
from collections.abc import Sequence as _Sequence

import numpy as np

from jaxlite import scipy as _scipy
from jaxlite.bessel import bessel_i0e, bessel_i1e
from jaxlite.control.collectives import all_gather, axis_index, axis_size, pmax, pmean, pmin, ppermute, psum
from jaxlite.control.cond import cond, switch
from jaxlite.control.derived import associative_scan, map
from jaxlite.control.implicit import custom_linear_solve, custom_root
from jaxlite.control.scan import scan
from jaxlite.control.while_loop import fori_loop, while_loop
from jaxlite.dtypes import as_dtype
from jaxlite.errors import ArgumentError, DtypeError, ShapeError
from jaxlite.interpreters.reapply import apply, aval, program
from jaxlite.ir import PRIMITIVES
from jaxlite.lax import linalg
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
    reduce_precision,
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
    left_eigenvectors,
    lu,
    lu_solve,
    qr,
    solve,
    solve_with_lu,
    svd,
    triangular_solve,
)
from jaxlite.ops.random_bits import random_bits
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
from jaxlite.ops.reflections import gehrd, geqrf, householder_product, ormqr, tridiagonal
from jaxlite.ops.schur import column_pivots, hessenberg, schur, triangular_sylvester
from jaxlite.ops.sorting import argsort, put_along_dim_add, sort, sort_key_val, take_along_dim, top_k
from jaxlite.ops.special import digamma, erf, erf_inv, erfc, hyp1f1, hyp2f1, lgamma, polygamma
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
from jaxlite.ops.structural import move_dim as _move_dim
from jaxlite.ops.windows import (
    reduce_window_max,
    reduce_window_min,
    reduce_window_sum,
    select_and_gather_add,
    select_and_scatter_add,
)
from jaxlite.random.gamma_derivative import random_gamma_grad
from jaxlite.trace import aval_of
from jaxlite.windowed import (
    ConvDimensionNumbers,
    conv,
    conv_dimension_numbers,
    conv_general_dilated,
    conv_general_dilated_local,
    conv_general_dilated_patches,
    conv_general_permutations,
    conv_general_shape_tuple,
    conv_shape_tuple,
    conv_transpose,
    conv_transpose_shape_tuple,
    conv_with_general_padding,
    padtype_to_pads,
    reduce,
    reduce_window,
    reduce_window_shape_tuple,
)


class Precision(enum.Enum):
    """Accepted for programs written for JAX: on the CPU every product has full precision."""

    DEFAULT = 0
    HIGH = 1
    HIGHEST = 2


# What annotations of programs written for JAX name.
PrecisionLike = None | str | Precision | tuple[str, str] | tuple[Precision, Precision]
DotDimensionNumbers = tuple[tuple[_Sequence[int], _Sequence[int]], tuple[_Sequence[int], _Sequence[int]]]
ConvGeneralDilatedDimensionNumbers = None | tuple[str, str, str] | ConvDimensionNumbers


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


def mulhi(x, y):
    """Return the upper half of the bits of a product of integers.

    Parameters
    ----------
    x, y : array of int
        Of one dtype and shape.

    Returns
    -------
    Array
        Of that dtype.

    Examples
    --------
    >>> mulhi(np.uint32(2**31), np.uint32(6))
    Array(3, dtype=uint32)
    """
    dtype_in = aval_of(x).dtype
    if dtype_in.kind not in "iu" or dtype_in != aval_of(y).dtype:
        raise DtypeError(
            f"mulhi: operands have types {aval_of(x)}, {aval_of(y)}.",
            why="it multiplies integers of one dtype.",
        )
    bits = 8 * dtype_in.itemsize
    shift = shift_right_arithmetic if dtype_in.kind == "i" else shift_right_logical
    if bits < 64:
        wide = np.dtype(f"{dtype_in.kind}8")
        product = mul(convert_element_type(x, wide), convert_element_type(y, wide))
        return convert_element_type(shift(product, full_like(product, bits)), dtype_in)
    # (2³²·a + b)·(2³²·c + d), a and c signed: no sum below leaves 64 bits.
    half, low = full_like(x, 32), full_like(x, 2**32 - 1)
    a, b, c, d = shift(x, half), bitwise_and(x, low), shift(y, half), bitwise_and(y, low)
    carried = add(mul(a, d), shift_right_logical(mul(b, d), half))
    crossed = add(mul(b, c), bitwise_and(carried, low))
    return add(mul(a, c), add(shift(carried, half), shift(crossed, half)))


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


def broadcast_to_rank(x, rank: int):
    """Add leading dimensions of size 1 until there are ``rank``.

    Parameters
    ----------
    x : array
    rank : int

    Returns
    -------
    Array
    """
    missing = rank - aval_of(x).ndim
    if missing < 0:
        raise ShapeError(f"broadcast_to_rank: {aval_of(x)} has more than {rank} dimensions.")
    return expand_dims(x, tuple(range(missing)))


def broadcast_like(arr, like_arr):
    """Broadcast an array, by NumPy's rules, to the shape of another.

    Parameters
    ----------
    arr, like_arr : array

    Returns
    -------
    Array
        Of the shape of ``like_arr``.
    """
    shape = aval_of(like_arr).shape
    return broadcast_in_dim(arr, shape, tuple(range(len(shape) - aval_of(arr).ndim, len(shape))))


def empty(shape, dtype):
    """Return an array of any content: of zeros.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype-like

    Returns
    -------
    Array
    """
    return full(shape, 0, as_dtype(dtype))


def split(operand, sizes, axis: int = 0) -> list:
    """Cut an array into parts of given sizes.

    Parameters
    ----------
    operand : array
    sizes : sequence of int
        Their sum is the size of the dimension.
    axis : int, default 0

    Returns
    -------
    list of Array
    """
    axis = axis % aval_of(operand).ndim
    total = aval_of(operand).shape[axis]
    if builtins.sum(sizes) != total:
        raise ShapeError(
            f"split: sizes {tuple(sizes)} do not add up to {total}, axis {axis} of {aval_of(operand)}."
        )
    ends = np.cumsum(sizes).tolist()
    return [slice_in_dim(operand, end - size, end, axis=axis) for size, end in zip(sizes, ends, strict=True)]


def stack(operands, axis: int = 0):
    """Join arrays of one shape along a new dimension.

    Parameters
    ----------
    operands : sequence of array
    axis : int, default 0

    Returns
    -------
    Array
    """
    axis = axis % (aval_of(operands[0]).ndim + 1)
    return concatenate([expand_dims(x, (axis,)) for x in operands], axis)


def unstack(x, axis: int = 0) -> tuple:
    """Return the slices along a dimension.

    Parameters
    ----------
    x : array
    axis : int, default 0

    Returns
    -------
    tuple of Array
    """
    axis = axis % aval_of(x).ndim
    return tuple(index_in_dim(x, i, axis, False) for i in range(aval_of(x).shape[axis]))


def tile(operand, reps):
    """Repeat an array as a whole along its dimensions.

    Parameters
    ----------
    operand : array
    reps : sequence of int
        How often, for each dimension.

    Returns
    -------
    Array
    """
    shape = aval_of(operand).shape
    if len(reps) != len(shape):
        raise ShapeError(
            f"tile: {len(reps)} numbers for {aval_of(operand)}.", why="there is one for each dimension."
        )
    interleaved = tuple(n for pair in zip(reps, shape) for n in pair)
    repeated = broadcast_in_dim(operand, interleaved, tuple(range(1, 2 * len(shape), 2)))
    return reshape(repeated, tuple(r * n for r, n in zip(reps, shape)))


def approx_max_k(
    operand,
    k: int,
    reduction_dimension: int = -1,
    recall_target: float = 0.95,
    reduction_input_size_override: int = -1,
    aggregate_to_topk: bool = True,
) -> tuple:
    """Return the ``k`` largest elements along a dimension and their places: exactly, on the CPU.

    Parameters
    ----------
    operand : array
    k : int
    reduction_dimension : int, default -1
    recall_target, reduction_input_size_override, aggregate_to_topk : any
        Ignored.

    Returns
    -------
    values, indices : Array
        The indices are int32.
    """
    axis = reduction_dimension % aval_of(operand).ndim
    values, places = top_k(_move_dim(operand, axis, -1), k)
    return _move_dim(values, -1, axis), convert_element_type(_move_dim(places, -1, axis), np.dtype(np.int32))


def approx_min_k(
    operand,
    k: int,
    reduction_dimension: int = -1,
    recall_target: float = 0.95,
    reduction_input_size_override: int = -1,
    aggregate_to_topk: bool = True,
) -> tuple:
    """Return the ``k`` smallest elements along a dimension and their places; as `approx_max_k`.

    Parameters
    ----------
    operand : array
    k : int
    reduction_dimension : int, default -1
    recall_target, reduction_input_size_override, aggregate_to_topk : any
        Ignored.

    Returns
    -------
    values, indices : Array
        The indices are int32.
    """
    values, places = approx_max_k(neg(operand), k, reduction_dimension)
    return neg(values), places


def ragged_dot(lhs, rhs, group_sizes, precision=None, preferred_element_type=None):
    """Multiply groups of rows by a matrix each.

    Parameters
    ----------
    lhs : array
        ``[m, k]``; rows of one group follow each other.
    rhs : array
        ``[g, k, n]``, one matrix for each group.
    group_sizes : array of int
        ``[g]``, how many rows; rows beyond their sum give zeros.
    precision : any
        Ignored.
    preferred_element_type : dtype, optional
        Of the result.

    Returns
    -------
    Array
        ``[m, n]``
    """
    rows, groups = aval_of(lhs).shape[0], aval_of(rhs).shape[0]
    ends = cumsum(group_sizes, 0)
    row = iota(aval_of(ends).dtype, shape=(rows, groups), dimension=0)
    before_end = lt(row, broadcast_in_dim(ends, (rows, groups), (1,)))
    after_start = ge(row, broadcast_in_dim(sub(ends, group_sizes), (rows, groups), (1,)))
    mask = convert_element_type(bitwise_and(before_end, after_start), aval_of(lhs).dtype)
    # Each row stands in the block of its group; the others are zero.
    blocks = mul(broadcast_in_dim(lhs, (rows, groups, aval_of(lhs).shape[1]), (0, 2)),
                 broadcast_in_dim(mask, (rows, groups, aval_of(lhs).shape[1]), (0, 1)))  # fmt: skip
    return dot_general(
        blocks, rhs, (((1, 2), (0, 1)), ((), ())), preferred_element_type=preferred_element_type
    )


def all_to_all(
    x, axis_name, split_axis: int, concat_axis: int, *, axis_index_groups=None, tiled: bool = False
):
    """Exchange parts: each member sends one part of an axis to every other, and collects what it is sent.

    Parameters
    ----------
    x : array
        The size of ``split_axis`` is that of the named axis, or (tiled) a multiple of it.
    axis_name : hashable
        Of the mapped axis.
    split_axis : int
        Which axis is cut into parts.
    concat_axis : int
        Where the parts are put together.
    axis_index_groups : None
        Not supported.
    tiled : bool, default False
        Whether parts are joined along an axis that is there, and not along a new one.

    Returns
    -------
    Array
    """
    if axis_index_groups is not None:
        raise ArgumentError("all_to_all: axis_index_groups is not supported.")
    count, shape = axis_size(axis_name), aval_of(x).shape
    split_axis, concat_axis = split_axis % len(shape), concat_axis % len(shape)
    part, rest = divmod(shape[split_axis], count)
    if rest or (part != 1 and not tiled):
        raise ShapeError(
            f"all_to_all: axis {split_axis} of {aval_of(x)} for {count} members.",
            why="it needs one part for each member" + (", of equal size." if tiled else "."),
        )
    everything = all_gather(x, axis_name)
    mine = dynamic_slice_in_dim(everything, mul(axis_index(axis_name), part), part, split_axis + 1)
    if not tiled:
        return _move_dim(squeeze(mine, (split_axis + 1,)), 0, concat_axis)
    joined = _move_dim(mine, 0, concat_axis)
    new = aval_of(joined).shape
    return reshape(
        joined, (*new[:concat_axis], new[concat_axis] * new[concat_axis + 1], *new[concat_axis + 2 :])
    )


def pswapaxes(x, axis_name, axis: int, *, axis_index_groups=None):
    """Exchange the mapped axis with an axis of the array.

    Parameters
    ----------
    x : array
    axis_name : hashable
    axis : int
        Of the size of the mapped axis.
    axis_index_groups : None
        Not supported.

    Returns
    -------
    Array
        Of the type of ``x``.
    """
    return all_to_all(x, axis_name, axis, axis, axis_index_groups=axis_index_groups)


def pshuffle(x, axis_name, perm):
    """Let each member have the value of another.

    Parameters
    ----------
    x : array
    axis_name : hashable
    perm : sequence of int
        Member ``i`` gets the value of member ``perm[i]``.

    Returns
    -------
    Array
    """
    return ppermute(x, axis_name, [(source, i) for i, source in enumerate(perm)])


def psum_scatter(x, axis_name, *, scatter_dimension: int = 0, axis_index_groups=None, tiled: bool = False):
    """Add up over the mapped axis, and keep the member's own part of the sum.

    Parameters
    ----------
    x : array
    axis_name : hashable
    scatter_dimension : int, default 0
        Which axis is cut into parts.
    axis_index_groups : None
        Not supported.
    tiled : bool, default False
        Whether parts may be longer than 1, and the axis stays.

    Returns
    -------
    Array
    """
    total = psum(x, axis_name, axis_index_groups=axis_index_groups)
    size = aval_of(x).shape[scatter_dimension]
    part, rest = divmod(size, axis_size(axis_name))
    if rest or (part != 1 and not tiled):
        raise ShapeError(
            f"psum_scatter: axis {scatter_dimension} of {aval_of(x)} for {axis_size(axis_name)} members."
        )
    mine = dynamic_slice_in_dim(total, mul(axis_index(axis_name), part), part, scatter_dimension)
    return mine if tiled else squeeze(mine, (scatter_dimension,))


def pbroadcast(x, axis_name, source: int):
    """Let all members have the value of one.

    Parameters
    ----------
    x : array
    axis_name : hashable
    source : int
        Which member.

    Returns
    -------
    Array
    """
    return index_in_dim(all_gather(x, axis_name), source, 0, False)


def platform_dependent(*args, default=None, cpu=None, **others):
    """Call the function for the CPU, or the default one: there is no other platform.

    Parameters
    ----------
    *args : any
        For the function.
    default, cpu : callable, optional
        One of them is called.
    **others : callable
        Ignored.

    Returns
    -------
    any
    """
    chosen = default if cpu is None else cpu
    if chosen is None:
        raise ArgumentError(
            f"platform_dependent: there is a function for {', '.join(others)} alone.",
            fix="pass cpu= or default=.",
        )
    return chosen(*args)


def composite(decomposition, name: str, version: int = 0):  # noqa: F811
    """Return the function itself: compilers here do not know composites by name.

    Parameters
    ----------
    decomposition : callable
    name : str
    version : int, default 0

    Returns
    -------
    callable
    """
    return decomposition


# Functions of JAX's lax which are SciPy's under other names; loaded when they are first asked for.
_OF_SCIPY = {"betainc": "betainc", "igamma": "gammainc", "igammac": "gammaincc", "zeta": "zeta"}


# Every primitive under JAX's name for it: ``lax.sin_p``.
def __getattr__(attribute: str):
    if attribute in _OF_SCIPY:
        return getattr(_scipy.special, _OF_SCIPY[attribute])
    if attribute.endswith("_p") and attribute[:-2] in PRIMITIVES:
        return PRIMITIVES[attribute[:-2]]
    raise AttributeError(f"module 'jaxlite.lax' has no attribute {attribute!r}")


def __dir__():
    return sorted([*globals(), *_OF_SCIPY])
