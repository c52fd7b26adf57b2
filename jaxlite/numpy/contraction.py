"""Products that sum over axes: dot, matmul, tensordot, einsum and their relatives, all by ``dot_general``.

jnp.einsum("ij,jk->ki", x, y)  ->  dot_general[dimension_numbers=(((1,), (0,)), ((), ()))] x y;  transpose
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxlite.dtypes import as_dtype
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy import ufuncs
from jaxlite.numpy.promotion import (
    broadcast_array,
    canonical_axis,
    common_dtype,
    convert,
    operand,
    promote_dtypes,
    strip_weak,
)
from jaxlite.numpy.reductions import sum as sum_
from jaxlite.numpy.registry import REFUSALS, UFUNCS, implements, plain, quiet, wrap
from jaxlite.numpy.shaping import expand_dims, moveaxis, ravel, reshape, stack, transpose
from jaxlite.ops import contraction, reductions, structural
from jaxlite.trace import EVAL, aval_of, current_trace
from jaxlite.typing import Array, ArrayLike, DTypeLike


def _product(name: str, a, b, lhs_contract, rhs_contract, preferred_element_type, lhs_batch=(), rhs_batch=()):
    """Multiply promoted operands and sum over pairs of axes; raise in terms of the user's function."""
    x, y = aval_of(a), aval_of(b)
    if [x.shape[d] for d in lhs_contract] != [y.shape[d] for d in rhs_contract]:
        raise ShapeError(
            f"{name}: operands have types {x} and {y}.",
            why=f"axes {tuple(lhs_contract)} of the first and {tuple(rhs_contract)} of the second are summed "
            "over, so their sizes must agree.",
            fix=_suggest_transpose(x, y),
        )
    numbers = ((tuple(lhs_contract), tuple(rhs_contract)), (tuple(lhs_batch), tuple(rhs_batch)))
    preferred = x.dtype if preferred_element_type is None else as_dtype(preferred_element_type)
    return contraction.dot_general(a, b, numbers, preferred_element_type=preferred)


def _suggest_transpose(x, y) -> str:
    if x.ndim == y.ndim == 2:
        if x.shape[1] == y.shape[1]:
            return "the sizes agree if the second operand is transposed: x @ y.T."
        if x.shape[0] == y.shape[0]:
            return "the sizes agree if the first operand is transposed: x.T @ y."
    return "transpose or reshape one operand."


@implements(np.dot, arrays=2)
def dot(
    a: ArrayLike, b: ArrayLike, *, precision: Any = None, preferred_element_type: DTypeLike | None = None
) -> Array:
    """Sum of products over the last axis of ``a`` and the second-last of ``b`` (the last, if it is a vector).

    Parameters
    ----------
    a, b : array_like
    precision : any
        Accepted for programs written for JAX, and ignored.
    preferred_element_type : dtype, optional
        In which to compute and return.

    Returns
    -------
    Array
        ``[..., n, k]`` of ``[..., n, m]`` and ``[m, k]``; axes of size m are summed over.

    Raises
    ------
    ShapeError
        If the summed axes differ in size.

    Examples
    --------
    >>> jnp.dot(jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0]))
    Array(11., dtype=float64)
    """
    a, b = promote_dtypes("dot", a, b)
    m, n = aval_of(a).ndim, aval_of(b).ndim
    if m == 0 or n == 0:
        return ufuncs.multiply(a, b)
    return _product("dot", a, b, (m - 1,), (0 if n == 1 else n - 2,), preferred_element_type)


def _matmul(a, b, preferred_element_type=None):
    a, b = promote_dtypes("matmul", a, b)
    x, y = aval_of(a), aval_of(b)
    if not x.shape or not y.shape:
        raise ShapeError(
            f"matmul: operands have types {x} and {y}.",
            why="matmul does not take scalars.",
            fix="multiply by a scalar with *.",
        )
    if y.ndim <= 2:
        return _product(
            "matmul", a, b, (x.ndim - 1,), (y.ndim - 2 if y.ndim == 2 else 0,), preferred_element_type
        )
    if x.ndim == 1:
        return _product("matmul", a, b, (0,), (y.ndim - 2,), preferred_element_type)
    if x.ndim == 2:
        # The free axis of the matrix comes out first, before the batch.
        product = _product("matmul", a, b, (1,), (y.ndim - 2,), preferred_element_type)
        return structural.move_dim(product, 0, y.ndim - 2)
    try:
        batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    except ValueError:
        raise ShapeError(
            f"matmul: operands have types {x} and {y}.", why="the axes before the last two do not broadcast."
        ) from None
    a = broadcast_array(a, (*batch, *x.shape[-2:]))
    b = broadcast_array(b, (*batch, *y.shape[-2:]))
    k = len(batch)
    dims = tuple(range(k))
    return _product("matmul", a, b, (k + 1,), (k,), preferred_element_type, dims, dims)


@implements(np.matmul, arrays=2)
def matmul(
    a: ArrayLike, b: ArrayLike, *, precision: Any = None, preferred_element_type: DTypeLike | None = None
) -> Array:
    """Matrix product; axes before the last two broadcast, vectors are rows on the left, columns on the right.

    Parameters
    ----------
    a : array_like
        ``[..., n, k]`` or ``[k]``
    b : array_like
        ``[..., k, m]`` or ``[k]``
    precision : any
        Accepted for programs written for JAX, and ignored.
    preferred_element_type : dtype, optional
        In which to compute and return.

    Returns
    -------
    Array
        ``[..., n, m]``, without the axes of vectors.

    Raises
    ------
    ShapeError
        If the sizes k differ.

    Examples
    --------
    >>> jnp.matmul(jnp.eye(2), jnp.array([3.0, 4.0]))
    Array([3., 4.], dtype=float64)
    """
    return strip_weak(_matmul(a, b, preferred_element_type))


UFUNCS[np.matmul] = matmul


@implements(np.vdot, arrays=2)
def vdot(
    a: ArrayLike, b: ArrayLike, *, precision: Any = None, preferred_element_type: DTypeLike | None = None
) -> Array:
    """Sum of products of all elements, the first operand conjugated.

    Parameters
    ----------
    a, b : array_like
        Of one size.
    precision : any
        Ignored.
    preferred_element_type : dtype, optional

    Returns
    -------
    Array
        Of rank 0.

    Examples
    --------
    >>> jnp.vdot(jnp.array([1j, 2]), jnp.array([1j, 1]))
    Array(3.+0.j, dtype=complex128)
    """
    a, b = operand("vdot", a), operand("vdot", b, 1)
    return dot(_conjugated(ravel(a)), ravel(b), preferred_element_type=preferred_element_type)


def _conjugated(x):
    # NumPy's conjugate turns booleans into int8, its products do not.
    return ufuncs.conjugate(x) if aval_of(x).dtype.kind == "c" else x


@implements(np.inner, arrays=2)
def inner(
    a: ArrayLike, b: ArrayLike, *, precision: Any = None, preferred_element_type: DTypeLike | None = None
) -> Array:
    """Sum of products over the last axes.

    Parameters
    ----------
    a, b : array_like
    precision : any
        Ignored.
    preferred_element_type : dtype, optional

    Returns
    -------
    Array
        ``[..., ...]``: all axes but the last of both.
    """
    a, b = promote_dtypes("inner", a, b)
    m, n = aval_of(a).ndim, aval_of(b).ndim
    if m == 0 or n == 0:
        return ufuncs.multiply(a, b)
    return _product("inner", a, b, (m - 1,), (n - 1,), preferred_element_type)


@implements(np.outer, arrays=2)
def outer(a: ArrayLike, b: ArrayLike, out: None = None) -> Array:
    """Products of every element of ``a`` with every element of ``b``.

    Parameters
    ----------
    a, b : array_like
        Flattened if they have several axes.
    out : None
        Not supported.

    Returns
    -------
    Array
        ``[a.size, b.size]``

    Examples
    --------
    >>> jnp.outer(jnp.arange(2), jnp.arange(3))
    Array([[0, 0, 0],
           [0, 1, 2]], dtype=int64)
    """
    return ufuncs.multiply(reshape(a, (-1, 1)), reshape(b, (1, -1)))


@implements(np.vecdot, arrays=2)
def vecdot(
    x1: ArrayLike,
    x2: ArrayLike,
    /,
    *,
    axis: int = -1,
    precision: Any = None,
    preferred_element_type: DTypeLike | None = None,
) -> Array:
    """Sum of products along one axis, the first operand conjugated; other axes broadcast.

    Parameters
    ----------
    x1, x2 : array_like
    axis : int, default -1
    precision : any
        Ignored.
    preferred_element_type : dtype, optional

    Returns
    -------
    Array
        ``[...]`` without the axis.
    """
    a, b = promote_dtypes("vecdot", x1, x2)
    a, b = moveaxis(_conjugated(a), axis, -1), moveaxis(b, axis, -1)
    product = _matmul(expand_dims(a, -2), expand_dims(b, -1), preferred_element_type)
    return reshape(product, aval_of(product).shape[:-2])


def _vecdot_ufunc(x1, x2):
    return vecdot(x1, x2)


UFUNCS[np.vecdot] = _vecdot_ufunc


@implements(getattr(np, "matvec", None), arrays=2, eager=hasattr(np, "matvec"))
def matvec(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Matrix-vector product; other axes broadcast.

    Parameters
    ----------
    x1 : array_like
        ``[..., n, k]``
    x2 : array_like
        ``[..., k]``

    Returns
    -------
    Array
        ``[..., n]``
    """
    product = _matmul(x1, expand_dims(x2, -1))
    return reshape(product, aval_of(product).shape[:-1])


@implements(getattr(np, "vecmat", None), arrays=2, eager=hasattr(np, "vecmat"))
def vecmat(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Vector-matrix product, the vector conjugated; other axes broadcast.

    Parameters
    ----------
    x1 : array_like
        ``[..., k]``
    x2 : array_like
        ``[..., k, n]``

    Returns
    -------
    Array
        ``[..., n]``
    """
    product = _matmul(expand_dims(ufuncs.conjugate(x1), -2), x2)
    shape = aval_of(product).shape
    return reshape(product, (*shape[:-2], shape[-1]))


UFUNCS |= {getattr(np, f.__name__): f for f in (matvec, vecmat) if hasattr(np, f.__name__)}


@implements(np.tensordot, arrays=2)
def tensordot(
    a: ArrayLike,
    b: ArrayLike,
    axes: int | Sequence[int] | Sequence[Sequence[int]] = 2,
    *,
    precision: Any = None,
    preferred_element_type: DTypeLike | None = None,
) -> Array:
    """Sum of products over several pairs of axes.

    Parameters
    ----------
    a, b : array_like
    axes : int, or pair of sequences of int
        How many of the last axes of ``a`` and first of ``b`` to sum over, or which.
    precision : any
        Ignored.
    preferred_element_type : dtype, optional

    Returns
    -------
    Array
        The remaining axes of ``a``, then those of ``b``.

    Examples
    --------
    >>> jnp.tensordot(jnp.ones((2, 3)), jnp.ones((3, 4)), axes=1).shape
    (2, 4)
    """
    a, b = promote_dtypes("tensordot", a, b)
    m, n = aval_of(a).ndim, aval_of(b).ndim
    if isinstance(axes, int | np.integer):
        if axes > min(m, n) or axes < 0:
            raise ShapeError(
                f"tensordot: {axes} axes of operands {aval_of(a)} and {aval_of(b)}.",
                why="there are not so many.",
            )
        lhs, rhs = range(m - axes, m), range(axes)
    else:
        lhs, rhs = ((d,) if isinstance(d, int | np.integer) else d for d in axes)
    lhs = [canonical_axis(d, m) for d in lhs]
    rhs = [canonical_axis(d, n) for d in rhs]
    if len(lhs) != len(rhs):
        raise ShapeError(
            f"tensordot: axes {axes} name {len(lhs)} axes on the left and {len(rhs)} on the right."
        )
    return _product("tensordot", a, b, lhs, rhs, preferred_element_type)


@implements(np.kron, arrays=2)
def kron(a: ArrayLike, b: ArrayLike) -> Array:
    """Kronecker product: blocks of ``b`` multiplied by each element of ``a``.

    Parameters
    ----------
    a, b : array_like

    Returns
    -------
    Array
        The sizes of its axes are the products of theirs.
    """
    a, b = promote_dtypes("kron", a, b)
    ndim = max(aval_of(a).ndim, aval_of(b).ndim)
    a = broadcast_array(a, (1,) * (ndim - aval_of(a).ndim) + aval_of(a).shape)
    b = broadcast_array(b, (1,) * (ndim - aval_of(b).ndim) + aval_of(b).shape)
    shape = tuple(n * m for n, m in zip(aval_of(a).shape, aval_of(b).shape, strict=True))
    # [n, 1] · [1, m] along every axis
    blocks = ufuncs.multiply(
        expand_dims(a, tuple(range(1, 2 * ndim, 2))), expand_dims(b, tuple(range(0, 2 * ndim, 2)))
    )
    return reshape(blocks, shape)


def _has_plane_vectors(arguments, keywords) -> bool:
    """Whether these may be vectors of length 2, at which NumPy warns."""
    return bool(keywords) or len(arguments) > 2 or any(np.shape(x)[-1:] != (3,) for x in arguments)


@implements(np.cross, arrays=2, warns=_has_plane_vectors)
def cross(
    a: ArrayLike, b: ArrayLike, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Array:
    """Cross product of vectors of length 3; of two vectors in the plane its only component.

    Parameters
    ----------
    a, b : array_like
    axisa, axisb, axisc : int, default -1
        Where the vectors lie in the operands and in the result.
    axis : int, optional
        All three at once.

    Returns
    -------
    Array
        ``[..., 3]``, or ``[...]`` of vectors of length 2; of the dtype they promote to.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = promote_dtypes("cross", a, b)
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    sizes = [aval_of(a).shape[-1], aval_of(b).shape[-1]]
    if not set(sizes) <= {2, 3}:
        raise ShapeError(
            f"cross: operands have types {aval_of(a)} and {aval_of(b)}.",
            why="vectors must have length 3 along the axis, or lie in the plane and have length 2.",
        )
    zero = aval_of(a).dtype.type(0)
    (a0, a1, a2), (b0, b1, b2) = (
        [x[..., i] if i < n else zero for i in range(3)]
        for x, n in zip((wrap_array(a), wrap_array(b)), sizes)
    )
    if sizes == [2, 2]:
        return a0 * b1 - a1 * b0
    result = stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], axis=-1)
    return moveaxis(result, -1, axisc)


def wrap_array(x):
    """Return an operand as a value with operators: constants as `Array`."""
    return wrap(x) if isinstance(x, np.ndarray | np.generic) else x


# --- einsum -----------------------------------------------------------------------------------------


@implements(np.einsum, eager=False)
def einsum(
    subscripts: Any,
    /,
    *operands: Any,
    out: None = None,
    optimize: Any = "auto",
    precision: Any = None,
    preferred_element_type: DTypeLike | None = None,
) -> Array:
    """Sum of products over named axes.

    Parameters
    ----------
    subscripts : str
        Such as ``"ij,jk->ik"``: one letter per axis; axes that the result does not name are summed over. Or
        operands and lists of axis numbers in turn, as in NumPy.
    *operands : array_like
    out : None
        Not supported.
    optimize : str, bool or list
        In which order to multiply more than two operands, as for ``np.einsum_path``.
    precision : any
        Ignored.
    preferred_element_type : dtype, optional

    Returns
    -------
    Array
        With the axes that the result names, in that order.

    Examples
    --------
    >>> jnp.einsum("ij,ij->i", jnp.ones((2, 3)), jnp.ones((2, 3)))
    Array([3., 3.], dtype=float64)
    """
    if out is not None:
        raise ArgumentError("einsum: out= is not supported.", fix="use the returned array.")
    if not isinstance(subscripts, str):
        subscripts, operands = _from_lists((subscripts, *operands))
    if current_trace() is EVAL and preferred_element_type is None:
        arrays = plain(operands, len(operands))
        if arrays is not None:
            # The plain loop beats the planning only for small operands.
            large = len(arrays) > 2 or max(map(np.size, arrays), default=0) > 1000
            if large and len({np.result_type(x) for x in arrays}) > 1:
                # np.einsum sums what only one operand names in the type of that operand: True + True is True, and
                # 100 + 100 of int8 is -56, beside a float64 as well.
                common = np.result_type(*arrays)
                arrays = [np.asarray(x, common) for x in arrays]
            try:
                return wrap(quiet(np.einsum, (subscripts, *arrays), {"optimize": large}))
            except REFUSALS:
                pass
    operands = [operand("einsum", x, i) for i, x in enumerate(operands)]
    dtype = common_dtype(operands)
    result = _einsum(subscripts, [convert(x, dtype) for x in operands], optimize)
    return strip_weak(
        result if preferred_element_type is None else convert(result, as_dtype(preferred_element_type))
    )


def _from_lists(args):
    """Turn ``(x, [0, 1], y, [1, 2], [0, 2])`` into subscripts and operands."""
    operands, lists = list(args[0::2]), list(args[1::2])
    output = operands.pop() if len(args) % 2 else None

    def letters(axes):
        return "".join(
            "..." if a is Ellipsis else chr(ord("a") + a if a < 26 else ord("A") + a - 26) for a in axes
        )

    text = ",".join(map(letters, lists))
    return (text if output is None else f"{text}->{letters(output)}"), tuple(operands)


def _parse(subscripts: str, shapes) -> tuple[list[list], list]:
    """Return the labels of all operands' axes and of the result's; under ``...`` they are negative ints."""
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(shapes):
        raise ArgumentError(
            f"einsum: {subscripts!r} names {len(inputs)} operands, but {len(shapes)} were given."
        )
    hidden = [len(shape) - len(text.replace("...", "")) for text, shape in zip(inputs, shapes, strict=True)]
    for text, shape, extra in zip(inputs, shapes, hidden, strict=True):
        if extra < 0 or (extra and "..." not in text):
            raise ArgumentError(
                f"einsum: {text!r} names {len(text.replace('...', ''))} axes of an operand of shape {shape}."
            )
    most = max((extra for text, extra in zip(inputs, hidden, strict=True) if "..." in text), default=0)

    def labels(text: str, extra: int) -> list:
        before, dots, after = text.partition("...")
        return [*before, *range(-extra, 0), *after] if dots else list(text)

    parsed = [labels(text, extra) for text, extra in zip(inputs, hidden, strict=True)]
    if arrow:
        output = labels(right, most)
    else:
        named = [label for text in inputs for label in text.replace("...", "")]
        output = [*range(-most, 0), *sorted(label for label in set(named) if named.count(label) == 1)]
    known = {label for operand_labels in parsed for label in operand_labels}
    if len(set(output)) != len(output) or not known.issuperset(output):
        raise ArgumentError(
            f"einsum: the result of {subscripts!r} names an axis twice, or one that no operand has."
        )
    return parsed, output


def _einsum(subscripts: str, operands: list, optimize):
    shapes = [aval_of(x).shape for x in operands]
    labels, output = _parse(subscripts, shapes)
    terms = [_sum_repeated(x, of_x) for x, of_x in zip(operands, labels, strict=True)]
    for chosen in _path(subscripts, shapes, optimize):
        picked = [terms[i] for i in chosen]
        terms = [term for i, term in enumerate(terms) if i not in chosen]
        while len(picked) > 1:
            needed = {label for _, of_x in (*terms, *picked[2:]) for label in of_x} | set(output)
            picked = [_contract(*picked[:2], needed), *picked[2:]]
        terms.append(picked[0])
    x, of_x = _sum_away(*terms[0], set(output))
    return transpose(x, [of_x.index(label) for label in output])


def _path(subscripts: str, shapes, optimize) -> list[tuple[int, ...]]:
    """Return which operands to multiply together, step by step."""
    if len(shapes) <= 2:
        return [tuple(range(len(shapes)))]
    dummies = [np.broadcast_to(np.float64(0), shape) for shape in shapes]
    planned = "greedy" if optimize in ("auto", True) else optimize
    return np.einsum_path(subscripts, *dummies, optimize=planned)[0][1:]


def _sum_repeated(x, labels: list):
    """Take the diagonal over axes that carry one label."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            x = diagonal_of(x, first, second)
            labels = [other for d, other in enumerate(labels) if d not in (first, second)] + [label]
    return x, labels


def diagonal_of(x, axis1: int, axis2: int, offset: int = 0):
    """Return the elements with equal indices along two axes, as a new last axis."""
    x = structural.move_dim(structural.move_dim(x, axis1, -1), axis2 - (axis2 > axis1), -1)
    *batch, n, m = aval_of(x).shape
    count = max(0, min(n, m - offset) if offset >= 0 else min(n + offset, m))
    start = offset if offset >= 0 else -offset * m
    # In row-major order the next diagonal element stands one row and one column further.
    flat = structural.reshape(x, (*batch, n * m))
    zeros, ones = (0,) * len(batch), (1,) * len(batch)
    stop = start + (count - 1) * (m + 1) + 1 if count else start
    start, stop = (start, stop) if count else (0, 0)
    return structural.slice(flat, (*zeros, start), (*batch, stop), (*ones, m + 1))


def _sum_away(x, labels: list, needed: set):
    """Sum over axes that nothing else needs."""
    axes = tuple(d for d, label in enumerate(labels) if label not in needed)
    if not axes:
        return x, labels
    # Sums of truth values are alternatives, as in NumPy.
    reduce = reductions.reduce_or if aval_of(x).dtype.kind == "b" else reductions.reduce_sum
    return reduce(x, axes), [label for label in labels if label in needed]


def _contract(left, right, needed: set):
    """Multiply two labelled operands, summing over the labels that nothing else needs."""
    (x, of_x), (y, of_y) = left, right
    x, of_x, y, of_y = _drop_ones(x, of_x, y, of_y)
    x, of_x = _sum_away(x, of_x, needed.union(of_y))
    y, of_y = _sum_away(y, of_y, needed.union(of_x))
    shared = [label for label in of_x if label in of_y]
    batch = [label for label in shared if label in needed]
    summed = [label for label in shared if label not in needed]
    for label in shared:
        if aval_of(x).shape[of_x.index(label)] != aval_of(y).shape[of_y.index(label)]:
            raise ShapeError(
                f"einsum: operands have types {aval_of(x)} and {aval_of(y)}.",
                why=f"axes named {label!r} have sizes {aval_of(x).shape[of_x.index(label)]} "
                f"and {aval_of(y).shape[of_y.index(label)]}.",
            )
    numbers = (
        (tuple(map(of_x.index, summed)), tuple(map(of_y.index, summed))),
        (tuple(map(of_x.index, batch)), tuple(map(of_y.index, batch))),
    )
    free = [label for label in of_x if label not in shared], [label for label in of_y if label not in shared]
    dtype = aval_of(x).dtype
    return contraction.dot_general(x, y, numbers, preferred_element_type=dtype), [*batch, *free[0], *free[1]]


def _drop_ones(x, of_x, y, of_y):
    """Remove axes of size 1 whose label has another size in the other operand: they broadcast."""
    for label in [label for label in of_x if label in of_y]:
        i, j = of_x.index(label), of_y.index(label)
        n, m = aval_of(x).shape[i], aval_of(y).shape[j]
        if n == 1 and m != 1:
            x, of_x = structural.squeeze(x, (i,)), of_x[:i] + of_x[i + 1 :]
        elif m == 1 and n != 1:
            y, of_y = structural.squeeze(y, (j,)), of_y[:j] + of_y[j + 1 :]
    return x, of_x, y, of_y


@implements(np.einsum_path, eager=False)
def einsum_path(subscripts: Any, /, *operands: Any, optimize: Any = "greedy") -> Array:
    """Return the order in which `einsum` multiplies, and a report.

    Parameters
    ----------
    subscripts : str
        As for `einsum`.
    *operands : array_like
        As for `einsum`.
    optimize : str, bool or list
        As for ``np.einsum_path``.

    Returns
    -------
    list, str
        Which operands to multiply, step by step, and a report.
    """
    # Their shapes are all that it looks at.
    dummies = plain(operands, len(operands))
    if dummies is None:
        dummies = [np.broadcast_to(np.float64(0), aval_of(operand("einsum_path", x)).shape) for x in operands]
    return np.einsum_path(subscripts, *dummies, optimize=optimize)


# --- diagonals and convolutions -----------------------------------------------------------------------


@implements(np.diagonal)
def diagonal(a: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Return the elements on a diagonal of two axes, as a new last axis.

    Parameters
    ----------
    a : array_like
    offset : int, default 0
        Above (positive) or below the main diagonal.
    axis1, axis2 : int

    Returns
    -------
    Array
        ``[..., n]``

    Examples
    --------
    >>> jnp.diagonal(jnp.array([[1, 2], [3, 4]]))
    Array([1, 4], dtype=int64)
    """
    x = operand("diagonal", a)
    ndim = aval_of(x).ndim
    if ndim < 2:
        raise ShapeError(f"diagonal: {aval_of(x)} has fewer than two axes.")
    axis1, axis2 = canonical_axis(axis1, ndim), canonical_axis(axis2, ndim)
    return strip_weak(diagonal_of(x, axis1, axis2, operator.index(offset)))


@implements(np.trace)
def trace(
    a: ArrayLike,
    offset: int = 0,
    axis1: int = 0,
    axis2: int = 1,
    dtype: DTypeLike | None = None,
    out: None = None,
) -> Array:
    """Sum over a diagonal of two axes.

    Parameters
    ----------
    a : array_like
    offset : int, default 0
    axis1, axis2 : int
    dtype : dtype, optional
    out : None
        Not supported.

    Returns
    -------
    Array
        ``[...]`` without the two axes.
    """
    if out is not None:
        raise ArgumentError("trace: out= is not supported.", fix="use the returned array.")
    return sum_(diagonal(a, offset, axis1, axis2), -1, dtype)


def _convolve(name: str, a, v, mode: str, flip: bool):
    a, v = promote_dtypes(name, a, v)
    if aval_of(a).ndim != 1 or aval_of(v).ndim != 1 or not aval_of(a).size or not aval_of(v).size:
        raise ShapeError(
            f"{name}: operands have types {aval_of(a)} and {aval_of(v)}.",
            why="they must be vectors, not empty.",
        )
    n, m = aval_of(a).size, aval_of(v).size
    swapped = n < m
    if swapped:
        a, v, n, m = v, a, m, n
    if flip:
        v = structural.rev(v, (0,))
    elif swapped:
        # The correlation of swapped operands is the same read backwards.
        a, v = structural.rev(a, (0,)), structural.rev(v, (0,))
    low, high = {"full": (m - 1, m - 1), "same": (m // 2, m - 1 - m // 2), "valid": (0, 0)}.get(
        mode, (None, None)
    )
    if low is None:
        raise ArgumentError(f"{name}: mode {mode!r} is not known.", fix="use 'full', 'same' or 'valid'.")
    if swapped and not flip:
        low, high = high, low
    a = structural.pad(a, aval_of(a).dtype.type(0), ((low, high, 0),))
    count = aval_of(a).size - m + 1
    windows = wrap_array(a)[np.arange(count)[:, None] + np.arange(m)]
    return dot(windows, v)


@implements(np.convolve, arrays=2)
def convolve(
    a: ArrayLike,
    v: ArrayLike,
    mode: str = "full",
    *,
    precision: Any = None,
    preferred_element_type: DTypeLike | None = None,
) -> Array:
    """Convolution of two vectors.

    Parameters
    ----------
    a, v : array_like
        ``[n]``, ``[m]``
    mode : {"full", "same", "valid"}
        Lengths n + m - 1, max(n, m), and max(n, m) - min(n, m) + 1.
    precision, preferred_element_type : any
        Ignored.

    Returns
    -------
    Array
        ``[k]``, of the dtype they promote to.
    """
    return _convolve("convolve", a, v, mode, flip=True)


@implements(np.correlate, arrays=2)
def correlate(
    a: ArrayLike,
    v: ArrayLike,
    mode: str = "valid",
    *,
    precision: Any = None,
    preferred_element_type: DTypeLike | None = None,
) -> Array:
    """Correlation of two vectors, the second conjugated.

    Parameters
    ----------
    a, v : array_like
        ``[n]``, ``[m]``
    mode : {"full", "same", "valid"}
    precision, preferred_element_type : any
        Ignored.

    Returns
    -------
    Array
        ``[k]``, of the dtype they promote to.
    """
    return _convolve("correlate", a, ufuncs.conjugate(v), mode, flip=False)
