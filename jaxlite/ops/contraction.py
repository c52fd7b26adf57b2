"""Contraction: ``dot_general``, the product of two arrays summed over pairs of dimensions.

    c:f64[5,2,4] = dot_general[
      dimension_numbers=(((2,), (1,)), ((0,), (0,)))
      preferred_element_type=None
    ] a b                                    a:f64[5,2,3]  b:f64[5,3,4]

The dimensions of an operand are *batch* (paired, kept), *contracted* (paired, summed over) or *free* (kept).
The result has the batch dimensions in the order given, then the free ones of lhs, then those of rhs.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxlite.dtypes import as_dtype, short_name
from jaxlite.errors import DtypeError, ShapeError
from jaxlite.ir import ShapedArray
from jaxlite.lowering import Contraction
from jaxlite.ops.elementwise import convert_element_type
from jaxlite.ops.families import match_scalars, sum_terms
from jaxlite.ops.structural import inverse_permutation, transpose
from jaxlite.primitive import NOT_LINEAR, PURE, RECORD, Primitive, Zero, is_linear
from jaxlite.trace import aval_of

# Kinds of dtype in which products of operands of a kind may be accumulated.
_ACCUMULATOR_KINDS = {"b": "biufc", "i": "if", "u": "iuf", "f": "f", "c": "c"}


def _free_dims(ndim: int, contract, batch) -> tuple[int, ...]:
    return tuple(d for d in range(ndim) if d not in contract and d not in batch)


def _refuse(lhs, rhs, dimension_numbers, why: str, fix: str = "") -> ShapeError:
    (lhs_contract, rhs_contract), (lhs_batch, rhs_batch) = dimension_numbers
    return ShapeError(
        f"dot_general: operands have types {lhs} and {rhs}; contracted dimensions are {lhs_contract} and "
        f"{rhs_contract}, batch dimensions {lhs_batch} and {rhs_batch}.",
        why=why,
        fix=fix,
    )


def _check_dims(lhs, rhs, dimension_numbers) -> None:
    for name, pair in zip(("contracted", "batch"), dimension_numbers, strict=True):
        if len(pair[0]) != len(pair[1]):
            raise _refuse(lhs, rhs, dimension_numbers, f"{name} dimensions come in pairs.")
    for name, x, *dims in zip(("lhs", "rhs"), (lhs, rhs), *dimension_numbers, strict=True):
        used = sum(dims, ())
        wrong = [d for d in used if not 0 <= d < x.ndim]
        if wrong:
            raise _refuse(lhs, rhs, dimension_numbers, f"{name} has no dimension {wrong[0]}.")
        if len(set(used)) != len(used):
            raise _refuse(lhs, rhs, dimension_numbers, f"a dimension of {name} is named twice.")
    for name, pair in zip(("contracted", "batch"), dimension_numbers, strict=True):
        for i, j in zip(*pair, strict=True):
            if lhs.shape[i] != rhs.shape[j]:
                sizes = lhs.shape[i], rhs.shape[j]
                why = f"{name} dimension {i} of lhs has size {sizes[0]}, {j} of rhs has size {sizes[1]}."
                fix = "paired dimensions need equal sizes; transpose or slice one operand."
                raise _refuse(lhs, rhs, dimension_numbers, why, fix)


def _check_dtypes(lhs, rhs, preferred_element_type) -> None:
    if lhs.dtype != rhs.dtype:
        raise DtypeError(
            f"dot_general: operands have types {lhs} and {rhs}.",
            why="a primitive takes operands of one dtype.",
            fix="jaxlite.numpy promotes: jnp.dot, jnp.matmul; or convert with x.astype(dtype).",
        )
    if preferred_element_type is None:
        return
    kind = preferred_element_type.kind
    narrower = preferred_element_type.itemsize < lhs.dtype.itemsize
    if kind not in _ACCUMULATOR_KINDS[lhs.dtype.kind] or narrower:
        raise DtypeError(
            f"dot_general: preferred_element_type {short_name(preferred_element_type)} does not go with "
            f"operands {lhs} and {rhs}.",
            why="products are accumulated in a dtype of the operands' kind that is at least as wide "
            "(integers also in a floating dtype).",
            fix="convert the result with x.astype(dtype).",
        )


def _dot_general_abstract_eval(lhs, rhs, *, dimension_numbers, preferred_element_type):
    _check_dtypes(lhs, rhs, preferred_element_type)
    _check_dims(lhs, rhs, dimension_numbers)
    (lhs_contract, rhs_contract), (lhs_batch, rhs_batch) = dimension_numbers
    shape = [lhs.shape[d] for d in lhs_batch]
    shape += [lhs.shape[d] for d in _free_dims(lhs.ndim, lhs_contract, lhs_batch)]
    shape += [rhs.shape[d] for d in _free_dims(rhs.ndim, rhs_contract, rhs_batch)]
    return (ShapedArray(tuple(shape), preferred_element_type or lhs.dtype),)


@functools.lru_cache(maxsize=4096)
def _layout(lhs_shape, lhs_dtype, rhs_shape, rhs_dtype, dimension_numbers, preferred_element_type):
    """Return what turns a contraction into a product of (stacks of) matrices.

    ``(permutation, shape)`` of lhs as [batch, free, contracted] and of rhs as [batch, contracted, free], and
    the shape of the result.
    """
    lhs = ShapedArray(lhs_shape, lhs_dtype.newbyteorder("="))
    rhs = ShapedArray(rhs_shape, rhs_dtype.newbyteorder("="))
    # Evaluation does not go through abstract_eval; the check is paid once per combination of types.
    (aval,) = _dot_general_abstract_eval(
        lhs, rhs, dimension_numbers=dimension_numbers, preferred_element_type=preferred_element_type
    )
    (lhs_contract, rhs_contract), (lhs_batch, rhs_batch) = dimension_numbers
    lhs_free = _free_dims(lhs.ndim, lhs_contract, lhs_batch)
    rhs_free = _free_dims(rhs.ndim, rhs_contract, rhs_batch)
    stack = (math.prod(lhs_shape[d] for d in lhs_batch),) if lhs_batch else ()
    m, k = (math.prod(lhs_shape[d] for d in dims) for dims in (lhs_free, lhs_contract))
    n = math.prod(rhs_shape[d] for d in rhs_free)
    return (
        ((*lhs_batch, *lhs_free, *lhs_contract), (*stack, m, k)),
        ((*rhs_batch, *rhs_contract, *rhs_free), (*stack, k, n)),
        aval.shape,
    )


def _dot_general_impl(lhs, rhs, *, dimension_numbers, preferred_element_type):
    lhs, rhs = np.asarray(lhs), np.asarray(rhs)
    (lhs_order, lhs_shape), (rhs_order, rhs_shape), shape = _layout(
        lhs.shape, lhs.dtype, rhs.shape, rhs.dtype, dimension_numbers, preferred_element_type
    )
    if preferred_element_type is not None:
        lhs, rhs = lhs.astype(preferred_element_type), rhs.astype(preferred_element_type)
    lhs, rhs = lhs.transpose(lhs_order).reshape(lhs_shape), rhs.transpose(rhs_order).reshape(rhs_shape)
    if not dimension_numbers[0][0]:
        # Nothing is summed: an outer product, which matmul would do as products of matrices of one column.
        return (np.multiply(lhs, rhs).reshape(shape),)
    return (np.matmul(lhs, rhs).reshape(shape),)


def _dot_general_jvp(primals, tangents, **params):
    (lhs, rhs), (lhs_dot, rhs_dot) = primals, tangents
    ans = dot_general(lhs, rhs, **params)
    terms = [] if type(lhs_dot) is Zero else [dot_general(lhs_dot, rhs, **params)]
    terms += [] if type(rhs_dot) is Zero else [dot_general(lhs, rhs_dot, **params)]
    return (ans,), (sum_terms(terms, ans),)


def _pull_back(ct, other, aval, dims, other_dims, ct_other_free):
    """Return the cotangent of one operand: ct·other, summed over the free dimensions of ``other``.

    ``dims`` and ``other_dims`` are the (contracted, batch) dimensions of the operand and of the other one;
    ``ct_other_free`` are the dimensions of ct that came from the free ones of ``other``.
    """
    (contract, batch), (other_contract, other_batch) = dims, other_dims
    other_free = _free_dims(len(aval_of(other).shape), other_contract, other_batch)
    numbers = ((ct_other_free, other_free), (tuple(range(len(batch))), other_batch))
    # [batch, free of the operand, contracted in the order of `other`]
    bar = dot_general(ct, convert_element_type(other, aval_of(ct).dtype), numbers)
    by_other = tuple(contract[i] for i in np.argsort(other_contract).tolist())
    came_from = (*batch, *_free_dims(aval.ndim, contract, batch), *by_other)
    return convert_element_type(transpose(bar, inverse_permutation(came_from)), aval.dtype)


def _dot_general_transpose(cts, lhs, rhs, *, dimension_numbers, preferred_element_type):
    if is_linear(lhs) and is_linear(rhs):
        return NOT_LINEAR
    (ct,) = cts
    (lhs_contract, rhs_contract), (lhs_batch, rhs_batch) = dimension_numbers
    lhs_dims, rhs_dims = (lhs_contract, lhs_batch), (rhs_contract, rhs_batch)
    ct_ndim = len(aval_of(ct).shape)
    num_batch = len(lhs_batch)
    if is_linear(lhs):
        num_lhs_free = lhs.aval.ndim - len(lhs_contract) - num_batch
        rhs_free_in_ct = tuple(range(num_batch + num_lhs_free, ct_ndim))
        return _pull_back(ct, rhs, lhs.aval, lhs_dims, rhs_dims, rhs_free_in_ct), None
    num_rhs_free = rhs.aval.ndim - len(rhs_contract) - num_batch
    lhs_free_in_ct = tuple(range(num_batch, ct_ndim - num_rhs_free))
    return None, _pull_back(ct, lhs, rhs.aval, rhs_dims, lhs_dims, lhs_free_in_ct)


def _dot_general_batch(axis, args, dims, *, dimension_numbers, preferred_element_type):
    (lhs, rhs), (lhs_dim, rhs_dim) = args, dims
    (lhs_contract, rhs_contract), (lhs_batch, rhs_batch) = dimension_numbers

    def shift(named, dim):
        return named if dim is None else tuple(d + (d >= dim) for d in named)

    lhs_contract, lhs_batch = shift(lhs_contract, lhs_dim), shift(lhs_batch, lhs_dim)
    rhs_contract, rhs_batch = shift(rhs_contract, rhs_dim), shift(rhs_batch, rhs_dim)
    if lhs_dim is not None and rhs_dim is not None:
        lhs_batch, rhs_batch = (lhs_dim, *lhs_batch), (rhs_dim, *rhs_batch)
        out_dim = 0
    elif lhs_dim is not None:
        free = _free_dims(len(aval_of(lhs).shape), lhs_contract, lhs_batch)
        out_dim = len(lhs_batch) + free.index(lhs_dim)
    else:
        free = _free_dims(len(aval_of(rhs).shape), rhs_contract, rhs_batch)
        num_lhs_free = len(aval_of(lhs).shape) - len(lhs_contract) - len(lhs_batch)
        out_dim = len(rhs_batch) + num_lhs_free + free.index(rhs_dim)
    numbers = ((lhs_contract, rhs_contract), (lhs_batch, rhs_batch))
    return (dot_general(lhs, rhs, numbers, preferred_element_type=preferred_element_type),), (out_dim,)


dot_general_p = Primitive(
    name="dot_general",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_dot_general_abstract_eval,
    impl=_dot_general_impl,
    jvp=_dot_general_jvp,
    partial_eval=RECORD,
    transpose=_dot_general_transpose,
    batch=_dot_general_batch,
    lower=Contraction(),
    doc="z[b,m,n] = Σₖ x[b,m,k]·y[b,k,n];  ż = ẋ·y + x·ẏ",
)


def dot_general(
    lhs: Any,
    rhs: Any,
    dimension_numbers: Sequence[Sequence[Sequence[int]]],
    precision: Any = None,
    preferred_element_type: Any = None,
    *,
    out_sharding: Any = None,
):
    """Multiply two arrays, summing over pairs of dimensions.

    Parameters
    ----------
    lhs, rhs : array
        Of one dtype.
    dimension_numbers : ((lhs_contract, rhs_contract), (lhs_batch, rhs_batch))
        Sequences of non-negative ints: the dimensions to sum over, and those to keep side by side.
    precision, out_sharding
        Accepted for programs written for JAX, and ignored.
    preferred_element_type : dtype, optional
        In which to compute and return; by default the dtype of the operands.

    Returns
    -------
    array
        Its dimensions are the batch ones, the remaining ones of ``lhs``, the remaining ones of ``rhs``.

    Raises
    ------
    ShapeError
        If dimensions do not exist, are named twice, or paired ones differ in size.
    DtypeError
        If the operands' dtypes differ.

    Examples
    --------
    >>> lhs, rhs = np.ones((5, 2, 3)), np.ones((5, 3, 4))
    >>> dot_general(lhs, rhs, (((2,), (1,)), ((0,), (0,)))).shape
    (5, 2, 4)
    """
    lhs, rhs = match_scalars(lhs, rhs)
    numbers = tuple(tuple(tuple(int(d) for d in dims) for dims in pair) for pair in dimension_numbers)
    preferred = None if preferred_element_type is None else as_dtype(preferred_element_type)
    return dot_general_p.bind(
        lhs,
        rhs,
        dimension_numbers=numbers,
        preferred_element_type=None if preferred == aval_of(lhs).dtype else preferred,
    )
