"""Making arrays: from values, filled, counted, on grids, with ones on diagonals.

Where a program is recorded, filled and counted arrays are equations (``broadcast_in_dim``, ``iota``), so that
programs hold no large constants; others are constants::

    jnp.arange(3)  ->  iota[dimension=0 dtype=int64 shape=(3,)]
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxlite.array import Array
from jaxlite.dtypes import as_dtype, is_supported
from jaxlite.errors import ArgumentError, ConcretizationTypeError, DtypeError, ShapeError
from jaxlite.ir import ShapedArray
from jaxlite.numpy import ufuncs
from jaxlite.numpy.contraction import diagonal
from jaxlite.numpy.indexing import At, repeated, to_write
from jaxlite.numpy.promotion import (
    broadcast,
    broadcast_array,
    canonical_shape,
    convert,
    dtype_or,
    operand,
    promote_inexact,
    strip_weak,
)
from jaxlite.numpy.registry import REFUSALS, implements, plain, quiet, wrap
from jaxlite.numpy.selection import where
from jaxlite.numpy.shaping import broadcast_arrays, concatenate, expand_dims, moveaxis, reshape, stack
from jaxlite.ops import elementwise, structural
from jaxlite.trace import EVAL, Tracer, aval_of, current_trace, own
from jaxlite.typing import ArrayLike, DTypeLike

_FLOAT64 = np.dtype(np.float64)
_INT64 = np.dtype(np.int64)


# --- from values --------------------------------------------------------------------------------------


def _holds_tracer(obj) -> bool:
    if isinstance(obj, list | tuple):
        return any(map(_holds_tracer, obj))
    return isinstance(obj, Tracer)


def _leaf_dtype(obj) -> list[np.dtype]:
    if isinstance(obj, list | tuple):
        return [dtype for item in obj for dtype in _leaf_dtype(item)]
    return [aval_of(operand("array", obj)).dtype]


def _stack_nested(obj, dtype: np.dtype):
    if isinstance(obj, list | tuple):
        return stack([_stack_nested(item, dtype) for item in obj])
    return convert(operand("array", obj), dtype)


def array(
    object: Any,
    dtype: DTypeLike | None = None,
    copy: bool = True,
    order: str | None = "K",
    ndmin: int = 0,
    *,
    device: Any = None,
) -> Array:
    """Make an array of numbers, nested lists, or traced values.

    Parameters
    ----------
    object : array_like, or nested lists of numbers, arrays and traced values
    dtype : dtype, optional
        By default as ``np.array`` decides.
    copy : bool, default True
        Whether a NumPy array is copied; what is not copied must not be written to later.
    order : any
        Ignored.
    ndmin : int, default 0
        Axes of size 1 are put in front until there are so many.
    device : any
        Ignored.

    Returns
    -------
    Array
        Of the shape of the nested lists.

    Examples
    --------
    >>> jnp.array([1, 2, 3.5])
    Array([1. , 2. , 3.5], dtype=float64)
    """
    dtype = None if dtype is None else as_dtype(dtype)
    if isinstance(object, Tracer):
        result = strip_weak(object if dtype is None else _cast(object, dtype))
    elif _holds_tracer(object):
        result = strip_weak(
            _stack_nested(object, np.result_type(*_leaf_dtype(object)) if dtype is None else dtype)
        )
    else:
        result = _from_numpy(object, dtype, copy)
    missing = ndmin - result.ndim
    return result if missing <= 0 else expand_dims(result, tuple(range(missing)))


def _from_numpy(object, dtype, copy):
    if type(object) is Array and (dtype is None or dtype == object.dtype):
        return object
    if hasattr(object, "__jax_array__"):
        return asarray(object.__jax_array__(), dtype)
    if isinstance(object, np.ndarray) and hasattr(object, "mask"):
        raise DtypeError(
            f"array: {type(object).__name__} would lose its mask.",
            fix="x.filled(value) makes a plain array; jnp.where(mask, a, b) chooses elementwise.",
        )
    result = quiet(np.array if copy else np.asarray, (object,), {"dtype": dtype})
    try:
        native = as_dtype(result.dtype)
    except DtypeError as error:
        raise DtypeError(
            f"array: {type(object).__name__} {object!r:.60} would have dtype {result.dtype}.",
            why="jaxlite computes with booleans, integers, floats and complex numbers.",
        ) from error
    return wrap(result if result.dtype == native else result.astype(native))


def asarray(
    a: Any,
    dtype: DTypeLike | None = None,
    order: str | None = None,
    *,
    copy: bool | None = None,
    device: Any = None,
) -> Array:
    """Convert to an array; an `Array` is not copied, what may be written to is.

    Parameters
    ----------
    a : array_like, or nested lists of numbers, arrays and traced values
    dtype : dtype, optional
    order, device : any
        Ignored.
    copy : bool, optional
        False shares the memory of a NumPy array, which must not be written to any more.

    Returns
    -------
    Array
        Of the shape of ``a``.

    Examples
    --------
    >>> jnp.asarray([1, 2], jnp.float32)
    Array([1., 2.], dtype=float32)
    """
    shared = copy is False or (copy is None and type(a) is Array)
    return array(a, dtype, copy=not shared, order=order)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Array:
    """Make an array of one of another library, through the DLPack protocol.

    Parameters
    ----------
    x : object with ``__dlpack__`` and ``__dlpack_device__``
    device : any
        Ignored.
    copy : bool, optional
        False shares the memory, which must not be written to any more; otherwise it is copied, but for an `Array`.

    Returns
    -------
    Array
        Of the shape and dtype of ``x``.

    Examples
    --------
    >>> jnp.from_dlpack(np.arange(3.0))
    Array([0., 1., 2.], dtype=float64)
    """
    if isinstance(x, Tracer):
        return strip_weak(x)
    if type(x) is Array and not copy:
        return x
    return array(np.from_dlpack(x), copy=copy is not False)


@implements(np.copy, eager=False)
def copy(a: Any, order: str | None = None) -> Array:
    """Return the array itself as a value of its own.

    Parameters
    ----------
    a : array_like
    order : any
        Ignored.

    Returns
    -------
    Array
        Of the shape and dtype of ``a``.
    """
    x = operand("copy", a)
    return structural.copy(x) if isinstance(x, Tracer) else wrap(np.array(x))


def load(file: Any, *args: Any, **kwargs: Any) -> Array:
    """Read what ``np.save`` wrote.

    Parameters
    ----------
    file : file or path
    *args, **kwargs
        For ``np.load``.

    Returns
    -------
    Array
        Of the shape and dtype in the file.
    """
    result = np.load(file, *args, **kwargs)
    return array(result, copy=False) if isinstance(result, np.ndarray) else result


def _cast(x, dtype: np.dtype):
    """Convert to a dtype; complex to real drops the imaginary part, as everywhere."""
    return convert(operand("astype", x), dtype)


@implements(getattr(np, "astype", None), eager=False)
def astype(x: ArrayLike, dtype: DTypeLike, /, *, copy: bool = False, device: Any = None) -> Array:
    """Convert an array to another dtype.

    Parameters
    ----------
    x : array_like
    dtype : dtype
    copy, device : any
        Ignored.

    Returns
    -------
    Array
        Of the shape of ``x`` and the dtype asked for.

    Examples
    --------
    >>> jnp.astype(jnp.array([1.7, 2.2]), int)
    Array([1, 2], dtype=int64)
    """
    dtype = as_dtype(dtype)
    known = type(x) is Array or (type(x) is np.ndarray and is_supported(x.dtype))
    if known and x.dtype.kind != "c":
        return quiet(np.ndarray.astype, (x, dtype))
    x = operand("astype", x)
    return strip_weak(
        convert(x, dtype) if isinstance(x, Tracer) else elementwise.convert_element_type(x, dtype)
    )


# --- filled -------------------------------------------------------------------------------------------


def full(
    shape: int | Sequence[int], fill_value: ArrayLike, dtype: DTypeLike | None = None, *, device: Any = None
) -> Array:
    """Make an array of one value.

    Parameters
    ----------
    shape : int or tuple of int
    fill_value : array_like
        Broadcast to ``shape``.
    dtype : dtype, optional
        By default that of ``fill_value``.
    device : any
        Ignored.

    Returns
    -------
    Array
        ``[*shape]``

    Examples
    --------
    >>> jnp.full(2, 7.0)
    Array([7., 7.], dtype=float64)
    """
    if current_trace() is EVAL:
        if type(fill_value) in (int, float, bool):
            return np.full(shape, fill_value, None if dtype is None else as_dtype(dtype)).view(Array)
        if type(shape) in (int, tuple) and (value := plain((fill_value,), 1)) and hasattr(value[0], "dtype"):
            (value,) = value
            try:
                return wrap(quiet(np.full, (shape, value, value.dtype if dtype is None else as_dtype(dtype))))
            except REFUSALS:
                pass
    shape = canonical_shape(shape)
    value = operand("full", fill_value)
    value = convert(value, aval_of(value).dtype if dtype is None else as_dtype(dtype))
    if current_trace() is EVAL:
        return wrap(np.full(shape, value, value.dtype))
    return strip_weak(broadcast_array(value, shape))


def zeros(shape: int | Sequence[int], dtype: DTypeLike | None = None, *, device: Any = None) -> Array:
    """Make an array of zeros.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : dtype, default float64
    device : any
        Ignored.

    Returns
    -------
    Array
        ``[*shape]``

    Examples
    --------
    >>> jnp.zeros((2, 2))
    Array([[0., 0.],
           [0., 0.]], dtype=float64)
    """
    if current_trace() is EVAL and type(shape) in (int, tuple):
        return np.zeros(shape, dtype_or(dtype, _FLOAT64)).view(Array)
    return full(shape, 0, dtype_or(dtype, _FLOAT64))


def ones(shape: int | Sequence[int], dtype: DTypeLike | None = None, *, device: Any = None) -> Array:
    """Make an array of ones.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : dtype, default float64
    device : any
        Ignored.

    Returns
    -------
    Array
        ``[*shape]``

    Examples
    --------
    >>> jnp.ones((1, 2))
    Array([[1., 1.]], dtype=float64)
    """
    if current_trace() is EVAL and type(shape) in (int, tuple):
        return np.ones(shape, dtype_or(dtype, _FLOAT64)).view(Array)
    return full(shape, 1, dtype_or(dtype, _FLOAT64))


def empty(shape: int | Sequence[int], dtype: DTypeLike | None = None, *, device: Any = None) -> Array:
    """Make an array to be ignored; it holds zeros.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : dtype, default float64
    device : any
        Ignored.

    Returns
    -------
    Array
        ``[*shape]``

    Examples
    --------
    >>> jnp.empty((2, 3)).shape
    (2, 3)
    """
    return zeros(shape, dtype)


def _like(a) -> ShapedArray:
    """Return the aval of an array, or of anything that has a shape and a dtype."""
    if hasattr(a, "shape") and hasattr(a, "dtype") and not isinstance(a, np.ndarray | np.generic | Tracer):
        return ShapedArray(tuple(a.shape), as_dtype(a.dtype))
    return aval_of(operand("full_like", a))


@implements(np.full_like, eager=False)
def full_like(
    a: Any,
    fill_value: ArrayLike,
    dtype: DTypeLike | None = None,
    shape: int | Sequence[int] | None = None,
    *,
    order: Any = None,
    subok: bool = True,
    device: Any = None,
) -> Array:
    """Make an array of one value with the shape and dtype of another.

    Parameters
    ----------
    a : array_like
    fill_value : array_like
    dtype : dtype, optional
    shape : int or tuple of int, optional
    order, subok, device : any
        Ignored.

    Returns
    -------
    Array
        ``[*shape]``

    Examples
    --------
    >>> jnp.full_like(jnp.arange(3), 7)
    Array([7, 7, 7], dtype=int64)
    """
    if (
        current_trace() is EVAL
        and shape is None
        and isinstance(a, np.ndarray)
        and type(fill_value) in (int, float)
    ):
        return np.full(a.shape, fill_value, dtype_or(dtype, a.dtype)).view(Array)
    aval = _like(a)
    return full(aval.shape if shape is None else shape, fill_value, dtype_or(dtype, aval.dtype))


@implements(np.zeros_like, eager=False)
def zeros_like(
    a: Any,
    dtype: DTypeLike | None = None,
    shape: int | Sequence[int] | None = None,
    *,
    order: Any = None,
    subok: bool = True,
    device: Any = None,
) -> Array:
    """Make zeros with the shape and dtype of another array.

    Parameters
    ----------
    a : array_like
        The array to be like.
    dtype : dtype, optional
        Of the result; by default that of the array.
    shape : int or tuple of int, optional
        By default that of the array.
    order : any
        Ignored.
    subok : any
        Ignored.
    device : any
        Ignored: there is one.

    Returns
    -------
    Array
        ``[*shape]``

    Examples
    --------
    >>> jnp.zeros_like(jnp.arange(3))
    Array([0, 0, 0], dtype=int64)
    """
    return full_like(a, 0, dtype, shape)


@implements(np.ones_like, eager=False)
def ones_like(
    a: Any,
    dtype: DTypeLike | None = None,
    shape: int | Sequence[int] | None = None,
    *,
    order: Any = None,
    subok: bool = True,
    device: Any = None,
) -> Array:
    """Make ones with the shape and dtype of another array.

    Parameters
    ----------
    a : array_like
        The array to be like.
    dtype : dtype, optional
        Of the result; by default that of the array.
    shape : int or tuple of int, optional
        By default that of the array.
    order : any
        Ignored.
    subok : any
        Ignored.
    device : any
        Ignored: there is one.

    Returns
    -------
    Array
        ``[*shape]``

    Examples
    --------
    >>> jnp.ones_like(jnp.zeros(2))
    Array([1., 1.], dtype=float64)
    """
    return full_like(a, 1, dtype, shape)


@implements(np.empty_like, eager=False)
def empty_like(
    prototype: ArrayLike,
    dtype: DTypeLike | None = None,
    shape: int | Sequence[int] | None = None,
    *,
    order: Any = None,
    subok: bool = True,
    device: Any = None,
) -> Array:
    """Make an array to be ignored (zeros), like another.

    Parameters
    ----------
    prototype : array_like
        The array to be like.
    dtype : dtype, optional
        Of the result; by default that of the array.
    shape : int or tuple of int, optional
        By default that of the array.
    order : any
        Ignored.
    subok : any
        Ignored.
    device : any
        Ignored: there is one.

    Returns
    -------
    Array
        ``[*shape]``
    """
    return full_like(prototype, 0, dtype, shape)


# --- counted ------------------------------------------------------------------------------------------


def arange(
    start: ArrayLike,
    stop: ArrayLike | None = None,
    step: ArrayLike | None = None,
    dtype: DTypeLike | None = None,
    *,
    device: Any = None,
) -> Array:
    """Count from ``start`` to before ``stop``.

    Parameters
    ----------
    start : number
        Left out, 0: ``arange(stop)``.
    stop : number
    step : number, default 1
    dtype : dtype, optional
        By default as NumPy decides: int64 for integers, float64 for floats.
    device : any
        Ignored.

    Returns
    -------
    Array
        ``[ceil((stop - start) / step)]``

    Examples
    --------
    >>> jnp.arange(3)
    Array([0, 1, 2], dtype=int64)
    """
    bounds = [_static_bound(bound) for bound in (start, stop, step)]
    dtype = None if dtype is None else as_dtype(dtype)
    if bounds[1] is None:
        bounds[:2] = [0, bounds[0]]
    start, stop, step = bounds
    counted = quiet(np.arange, (start, stop, 1 if step is None else step), {"dtype": dtype})
    if current_trace() is EVAL or counted.dtype.kind not in "iu":
        return wrap(counted)
    # Counting is shorter in a program than a constant, and can be fused.
    result = structural.iota(counted.dtype, counted.shape)
    if step not in (None, 1):
        result = ufuncs.multiply(result, counted.dtype.type(step))
    return result if start == 0 else ufuncs.add(result, counted.dtype.type(start))


def _static_bound(bound):
    if isinstance(bound, Tracer):
        value = bound.concrete()
        if value is None:
            raise ConcretizationTypeError(
                f"arange: a bound is traced: {bound.describe()}",
                why=bound.why_unknown(),
                fix="the length must be static: start + jnp.arange(n); or jit(f, static_argnames=...).",
            )
        bound = value
    return bound.item() if isinstance(bound, np.ndarray) else bound


@implements(np.linspace, arrays=2)
def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike | None = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Array | tuple[Array, Array]:
    """Make numbers at equal distances from ``start`` to ``stop``.

    Parameters
    ----------
    start, stop : array_like
    num : int, default 50
    endpoint : bool, default True
        Whether ``stop`` is the last of them.
    retstep : bool, default False
        Whether to return the distance too.
    dtype : dtype, optional
    axis : int, default 0
        Where the numbers lie in the result, if start and stop are arrays.
    device : any
        Ignored.

    Returns
    -------
    Array, or (Array, Array)

    Examples
    --------
    >>> jnp.linspace(0, 1, 3)
    Array([0. , 0.5, 1. ], dtype=float64)
    """
    num = operator.index(num)
    if num < 0:
        raise ArgumentError(f"linspace: {num} numbers; there must not be fewer than none.")
    start, stop = promote_inexact("linspace", start, stop)
    result_dtype = aval_of(start).dtype if dtype is None else as_dtype(dtype)
    start, stop = broadcast_arrays(start, stop)
    working = aval_of(start).dtype
    distance = ufuncs.subtract(stop, start)
    parts = num - 1 if endpoint else num
    step = ufuncs.divide(distance, working.type(parts)) if parts > 0 else full_like(distance, np.nan)
    places = reshape(np.arange(num).astype(working), (num, *(1,) * aval_of(start).ndim))
    numbers = ufuncs.add(ufuncs.multiply(places, step if parts > 0 else distance), start)
    if endpoint and num > 1:
        # The last one exactly, not up to rounding.
        numbers = concatenate([numbers[:-1], expand_dims(stop, 0)])
    if axis != 0:
        numbers = moveaxis(numbers, 0, axis)
    if result_dtype.kind in "iu":
        numbers = ufuncs.floor(numbers)
    numbers = strip_weak(convert(operand("linspace", numbers), result_dtype))
    return (numbers, step) if retstep else numbers


@implements(np.logspace, arrays=2)
def logspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    base: ArrayLike = 10.0,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Array:
    """Make powers of ``base`` with exponents at equal distances.

    Parameters
    ----------
    start : array_like
        First number's exponent.
    stop : array_like
        Last number's exponent.
    num : int, default 50
        How many.
    endpoint : bool, default True
        Whether ``stop`` is among them.
    base : number, default 10
        Whose powers they are.
    dtype : dtype, optional
        Of the result.
    axis : int, default 0
        Where the new axis stands.

    Returns
    -------
    Array
        ``[num, *shape]``, with the new axis at ``axis``; floating or complex.
    """
    exponents = linspace(start, stop, num, endpoint, axis=axis)
    result = ufuncs.power(base, exponents)
    return result if dtype is None else astype(result, dtype)


@implements(np.geomspace, arrays=2)
def geomspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Array:
    """Make numbers with equal quotients from ``start`` to ``stop``.

    Parameters
    ----------
    start : array_like
        First number.
    stop : array_like
        Last number.
    num : int, default 50
        How many.
    endpoint : bool, default True
        Whether ``stop`` is among them.
    dtype : dtype, optional
        Of the result.
    axis : int, default 0
        Where the new axis stands.

    Returns
    -------
    Array
        ``[num, *shape]``, with the new axis at ``axis``; floating or complex.
    """
    start, stop = promote_inexact("geomspace", start, stop)
    sign = ufuncs.sign(start)
    # Both ways a real number loses its sign, and 0 stays 0 by the first alone; of a complex number it is its direction.
    without_sign = ufuncs.divide if aval_of(start).dtype.kind == "c" else ufuncs.multiply
    logs = linspace(
        ufuncs.log(without_sign(start, sign)),
        ufuncs.log(without_sign(stop, sign)),
        num,
        endpoint,
        axis=axis,
    )
    result = ufuncs.multiply(sign if aval_of(sign).ndim == 0 else expand_dims(sign, axis), ufuncs.exp(logs))
    return result if dtype is None else astype(result, dtype)


# --- diagonals and triangles --------------------------------------------------------------------------


def _on_diagonal(n: int, m: int, k: int, compare=ufuncs.equal):
    """Return where column - row compares with ``k``, as bools [n, m]."""
    rows = structural.iota(_INT64, (n, m), 0)
    columns = structural.iota(_INT64, (n, m), 1)
    return compare(columns, rows if k == 0 else ufuncs.add(rows, k))


def eye(
    N: int, M: int | None = None, k: int = 0, dtype: DTypeLike | None = None, *, device: Any = None
) -> Array:
    """Make a matrix with ones on a diagonal.

    Parameters
    ----------
    N : int
        Rows.
    M : int, optional
        Columns; by default as many as rows.
    k : int, default 0
        Above (positive) or below the main diagonal.
    dtype : dtype, default float64
    device : any
        Ignored.

    Returns
    -------
    Array
        ``[N, M]``

    Examples
    --------
    >>> jnp.eye(2)
    Array([[1., 0.],
           [0., 1.]], dtype=float64)
    """
    n = operator.index(N)
    m = n if M is None else operator.index(M)
    dtype = dtype_or(dtype, _FLOAT64)
    if current_trace() is EVAL:
        return wrap(np.eye(n, m, operator.index(k), dtype))
    return astype(_on_diagonal(n, m, operator.index(k)), dtype)


def identity(n: int, dtype: DTypeLike | None = None) -> Array:
    """Make a square matrix with ones on the main diagonal.

    Parameters
    ----------
    n : int
    dtype : dtype, default float64

    Returns
    -------
    Array
        ``[n, n]``

    Examples
    --------
    >>> jnp.identity(2)
    Array([[1., 0.],
           [0., 1.]], dtype=float64)
    """
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike | None = None) -> Array:
    """Make a matrix with ones on and below a diagonal.

    Parameters
    ----------
    N : int
        Rows.
    M : int, optional
        Columns; by default as many as rows.
    k : int, default 0
        Which diagonal: 0 is the main one, 1 the one above.
    dtype : dtype, optional
        Of the result, float64 by default.

    Returns
    -------
    Array
        ``[N, M]``, float64 by default.
    """
    n = operator.index(N)
    m = n if M is None else operator.index(M)
    k, dtype = operator.index(k), dtype_or(dtype, _FLOAT64)
    if current_trace() is EVAL:
        return wrap(np.tri(n, m, k, dtype))
    return astype(_on_diagonal(n, m, k, ufuncs.less_equal), dtype)


def _triangle(name: str, m, k: int, lower: bool):
    x = operand(name, m)
    aval = aval_of(x)
    if not aval.ndim:
        raise ShapeError(f"{name}: {aval} is no matrix, nor a row of one.")
    # Of a vector, as in NumPy: each row of a square matrix is the vector.
    shape = aval.shape if aval.ndim > 1 else aval.shape * 2
    below = tri(*shape[-2:], k if lower else k - 1, bool)
    zero = aval.dtype.type(0)
    below, x = broadcast_array(below, shape), broadcast(x, shape)
    return where(below, x, zero) if lower else where(below, zero, x)


@implements(np.tril)
def tril(m: ArrayLike, k: int = 0) -> Array:
    """Replace what lies above a diagonal by zeros.

    Parameters
    ----------
    m : array_like
        ``[..., n, m]``, or ``[n]`` for a matrix of such rows.
    k : int, default 0
        The diagonal, above (positive) or below the main one.

    Returns
    -------
    Array
        Of the shape and dtype of ``m``; ``[n, n]`` of a vector.

    Examples
    --------
    >>> jnp.tril(jnp.ones((2, 2)))
    Array([[1., 0.],
           [1., 1.]], dtype=float64)
    """
    return _triangle("tril", m, k, lower=True)


@implements(np.triu)
def triu(m: ArrayLike, k: int = 0) -> Array:
    """Replace what lies below a diagonal by zeros.

    Parameters
    ----------
    m : array_like
        ``[..., n, m]``, or ``[n]`` for a matrix of such rows.
    k : int, default 0
        The diagonal, above (positive) or below the main one.

    Returns
    -------
    Array
        Of the shape and dtype of ``m``; ``[n, n]`` of a vector.

    Examples
    --------
    >>> jnp.triu(jnp.ones((2, 2)))
    Array([[1., 1.],
           [0., 1.]], dtype=float64)
    """
    return _triangle("triu", m, k, lower=False)


@implements(np.diag)
def diag(v: ArrayLike, k: int = 0) -> Array:
    """Put a vector on a diagonal of a matrix, or take the diagonal of a matrix.

    Parameters
    ----------
    v : array_like
        ``[n]`` or ``[n, m]``
    k : int, default 0
        The diagonal, above (positive) or below the main one.

    Returns
    -------
    Array
        ``[n, n]`` of a vector, ``[n]`` of a matrix.

    Examples
    --------
    >>> jnp.diag(jnp.array([1, 2]))
    Array([[1, 0],
           [0, 2]], dtype=int64)
    """
    x = operand("diag", v)
    aval = aval_of(x)
    if aval.ndim == 2:
        return diagonal(x, k)
    if aval.ndim != 1:
        raise ShapeError(f"diag: {aval} is neither a vector nor a matrix.")
    zero = aval.dtype.type(0)
    padded = structural.pad(x, zero, ((max(0, k), max(0, -k), 0),))
    n = aval.size + abs(k)
    return where(_on_diagonal(n, n, k), broadcast_array(padded, (n, n)), zero)


@implements(np.diagflat)
def diagflat(v: ArrayLike, k: int = 0) -> Array:
    """Put the elements of an array on a diagonal of a matrix.

    Parameters
    ----------
    v : array_like
        Of any shape.
    k : int, default 0
        Which diagonal: 0 is the main one, 1 the one above.

    Returns
    -------
    Array
        ``[n, n]``, where n is the number of elements and ``abs(k)`` more.
    """
    return diag(reshape(v, (-1,)), k)


def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Array, Array]:
    """Return the indices of a lower triangle.

    Parameters
    ----------
    n : int
        Rows.
    k : int, default 0
    m : int, optional
        Columns; by default as many as rows.

    Returns
    -------
    pair of Array
        int64

    Examples
    --------
    >>> jnp.tril_indices(2)
    (Array([0, 1, 1], dtype=int64), Array([0, 0, 1], dtype=int64))
    """
    return wrap(np.tril_indices(n, k, m))


def triu_indices(n: int, k: int = 0, m: int | None = None) -> Array:
    """Return the indices of an upper triangle.

    Parameters
    ----------
    n : int
        Rows.
    k : int, default 0
        Which diagonal: 0 is the main one, 1 the one above.
    m : int, optional
        Columns; by default as many as rows.

    Returns
    -------
    tuple of two Array
        int64, ``[k]`` each: rows and columns.
    """
    return wrap(np.triu_indices(n, k, m))


@implements(np.tril_indices_from, eager=False)
def tril_indices_from(arr: ArrayLike, k: int = 0) -> tuple[Array, Array]:
    """Return the indices of the lower triangle of an array.

    Parameters
    ----------
    arr : array_like
        ``[n, m]``
    k : int, default 0

    Returns
    -------
    pair of Array
        int64
    """
    n, m = aval_of(arr).shape
    return tril_indices(n, k, m)


@implements(np.triu_indices_from, eager=False)
def triu_indices_from(arr: ArrayLike, k: int = 0) -> Array:
    """Return the indices of the upper triangle of an array.

    Parameters
    ----------
    arr : array_like
        ``[n, m]``, whose shape counts.
    k : int, default 0
        Which diagonal: 0 is the main one, 1 the one above.

    Returns
    -------
    tuple of two Array
        int64, ``[k]`` each: rows and columns.
    """
    n, m = aval_of(arr).shape
    return triu_indices(n, k, m)


def diag_indices(n: int, ndim: int = 2) -> tuple[Array, ...]:
    """Return the indices of a main diagonal.

    Parameters
    ----------
    n : int
    ndim : int, default 2

    Returns
    -------
    tuple of Array
        int64

    Examples
    --------
    >>> jnp.diag_indices(2)
    (Array([0, 1], dtype=int64), Array([0, 1], dtype=int64))
    """
    return wrap(np.diag_indices(n, ndim))


@implements(np.diag_indices_from, eager=False)
def diag_indices_from(arr: ArrayLike) -> tuple[Array, ...]:
    """Return the indices of the main diagonal of an array.

    Parameters
    ----------
    arr : array_like

    Returns
    -------
    tuple of Array
        int64
    """
    shape = aval_of(arr).shape
    if len(shape) < 2 or len(set(shape)) > 1:
        raise ShapeError(f"diag_indices_from: {aval_of(arr)} is not square.")
    return diag_indices(shape[0], len(shape))


# --- grids --------------------------------------------------------------------------------------------


@implements(np.meshgrid, eager=False)
def meshgrid(*xi: ArrayLike, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> list[Array]:
    """Make coordinate arrays from coordinate vectors.

    Parameters
    ----------
    *xi : array_like
        Vectors.
    copy : bool
        Ignored.
    sparse : bool, default False
        Whether other axes have size 1.
    indexing : {"xy", "ij"}
        "xy": the first vector runs along the second axis.

    Returns
    -------
    list of Array
        ``[m, n, ...]``, one axis for each vector; of their dtypes.

    Examples
    --------
    >>> [x.shape for x in jnp.meshgrid(jnp.arange(3), jnp.arange(2))]
    [(2, 3), (2, 3)]
    """
    if current_trace() is EVAL and (arrays := plain(xi, len(xi))):
        try:
            return list(map(wrap, np.meshgrid(*arrays, sparse=sparse, indexing=indexing)))
        except REFUSALS:
            pass
    vectors = [operand("meshgrid", x, i) for i, x in enumerate(xi)]
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"meshgrid: indexing {indexing!r} is not known.", fix="use 'xy' or 'ij'.")
    ndim = len(vectors)
    grids = []
    for i, x in enumerate(vectors):
        # As in NumPy, arrays of more axes are flattened.
        at = (1, 0)[i] if indexing == "xy" and ndim > 1 and i < 2 else i
        grids.append(reshape(x, tuple(aval_of(x).size if d == at else 1 for d in range(ndim))))
    return grids if sparse or not grids else broadcast_arrays(*grids)


def indices(
    dimensions: Sequence[int], dtype: DTypeLike | None = None, sparse: bool = False
) -> Array | tuple[Array, ...]:
    """Return the indices of all elements of a grid, one array per axis.

    Parameters
    ----------
    dimensions : sequence of int
    dtype : dtype, default int64
    sparse : bool, default False
        Whether other axes have size 1; then a tuple is returned.

    Returns
    -------
    Array, or tuple of Array
    """
    return wrap(np.indices(canonical_shape(dimensions), dtype_or(dtype, _INT64), sparse))


class _Grid:
    """``mgrid`` and ``ogrid``: slices in brackets give the coordinates of a grid; see NumPy's."""

    def __init__(self, numpy_grid):
        self._grid = numpy_grid

    def __getitem__(self, key):
        return wrap(self._grid[key])


mgrid, ogrid = _Grid(np.mgrid), _Grid(np.ogrid)


@implements(np.ix_, eager=False)
def ix_(*args: Any) -> tuple[Array, ...]:
    """Make index arrays that take a grid of elements: ``x[jnp.ix_([0, 2], [1, 3])]``.

    Parameters
    ----------
    *args : array_like
        Vectors of integers or bools.

    Returns
    -------
    tuple of Array
        int64, ``[1, ..., n, ..., 1]``: one axis each.
    """
    if current_trace() is EVAL and (arrays := plain(args, len(args))):
        try:
            grid = zip(np.ix_(*arrays), args, strict=True)
            return tuple([wrap(own(x, arrays) if type(arg) is np.ndarray else x) for x, arg in grid])
        except REFUSALS:
            pass
    vectors = [array(x) for x in args]
    vectors = [wrap(np.flatnonzero(x)) if x.dtype.kind == "b" else x for x in vectors]
    return tuple(
        reshape(x, tuple(-1 if d == i else 1 for d in range(len(vectors)))) for i, x in enumerate(vectors)
    )


def _numpy_fill_diagonal(a, val, wrap=False, *, inplace=False):
    array = to_write(a, val, inplace)
    if not getattr(val, "size", 1):
        raise ValueError("NumPy lets it pass")
    np.fill_diagonal(array, val, wrap)
    return array


@implements(eager=_numpy_fill_diagonal, arrays=2)
def fill_diagonal(a: Any, val: ArrayLike, wrap: bool = False, *, inplace: bool = False) -> Array:
    """Return an array with another main diagonal.

    Parameters
    ----------
    a : array_like
        ``[n, m]``, or with more axes that are all of one size.
    val : array_like
        A number, or the elements of the diagonal, repeated as often as needed.
    wrap : bool, default False
        Whether the diagonal of a tall matrix begins again below the square part, one row left out.
    inplace : bool
        Must be False, which NumPy's function is not: arrays never change.

    Returns
    -------
    Array
        Of the shape and dtype of ``a``.

    Examples
    --------
    >>> jnp.fill_diagonal(jnp.zeros((3, 2)), jnp.array([1.0, 2.0]))
    Array([[1., 0.],
           [0., 2.],
           [0., 0.]], dtype=float64)
    """
    if inplace:
        raise ArgumentError("fill_diagonal: arrays never change.", fix="pass inplace=False; use the result.")
    x = operand("fill_diagonal", a)
    shape = aval_of(x).shape
    if len(shape) < 2 or (len(shape) > 2 and len(set(shape)) > 1):
        raise ShapeError(
            f"fill_diagonal: {aval_of(x)} has no main diagonal.",
            why="it needs two axes, or more that are all of one size.",
        )
    if len(shape) == 2 and wrap:
        places = np.divmod(np.arange(0, math.prod(shape), shape[1] + 1), max(shape[1], 1))
    else:
        places = (np.arange(min(shape)),) * len(shape)
    values = operand("fill_diagonal", val, 1)
    if aval_of(values).shape:
        values = repeated("fill_diagonal", values, len(places[0]))
    return At(x, places).set(values)


def fromfunction(
    function: Callable, shape: int | Sequence[int], *, dtype: DTypeLike = float, **kwargs: Any
) -> Array:
    """Call a function with the arrays of indices of a grid.

    Parameters
    ----------
    function : callable
        Of one array per axis.
    shape : sequence of int
    dtype : dtype, default float64
        Of the indices.
    **kwargs
        For the function.

    Returns
    -------
    Array
        Of the shape that the function returns.
    """
    return function(*indices(shape, dtype), **kwargs)


@implements(np.vander)
def vander(x: ArrayLike, N: int | None = None, increasing: bool = False) -> Array:
    """Make a matrix whose columns are powers of a vector.

    Parameters
    ----------
    x : array_like
        ``[n]``
    N : int, optional
        Columns; by default n.
    increasing : bool, default False
        Whether the powers rise.

    Returns
    -------
    Array
        ``[n, N]``
    """
    x = operand("vander", x)
    count = aval_of(x).size if N is None else operator.index(N)
    exponents = range(count) if increasing else range(count - 1, -1, -1)
    return stack([ufuncs.power(x, e) for e in exponents], axis=1)
