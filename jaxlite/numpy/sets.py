"""Sets: unique elements, and union, intersection and differences of arrays.

How many elements a result has depends on values. Where they are known (not traced by ``jit``), they decide; otherwise
``size=`` says how many to return, and everything is sorting and comparing neighbours::

    jnp.unique(x: i64[6], size=4)  ->  sort[num_keys=1] x iota; ne; cumsum; scatter
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from jaxlite.errors import ArgumentError
from jaxlite.numpy import ufuncs
from jaxlite.numpy.promotion import canonical_axis, convert, operand, promote_dtypes, strip_weak
from jaxlite.numpy.reductions import any as any_
from jaxlite.numpy.registry import implements
from jaxlite.numpy.selection import concrete_or_error, nonzero, where
from jaxlite.numpy.shaping import concatenate, expand_dims, moveaxis, ravel, reshape
from jaxlite.ops import sorting, structural
from jaxlite.trace import Tracer, aval_of
from jaxlite.typing import Array, ArrayLike

_INT64 = np.dtype(np.int64)


def known(name: str, *arrays) -> list[np.ndarray]:
    """Return the values of arrays, for results whose shape depends on them."""
    values = [operand(name, x, i) for i, x in enumerate(arrays)]
    return [np.asarray(concrete_or_error(name, x) if isinstance(x, Tracer) else x) for x in values]


def _vector(name: str, x):
    return strip_weak(ravel(operand(name, x)))


# --- unique -----------------------------------------------------------------------------------------


@implements(np.unique)
def unique(
    ar: ArrayLike,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    size: int | None = None,
    fill_value: ArrayLike | None = None,
    sorted: bool = True,
) -> Array | tuple[Array, ...]:
    """Return the different elements, sorted.

    Parameters
    ----------
    ar : array_like
        Not traced by ``jit``, unless ``size`` is given: how many there are must be known.
    return_index, return_inverse, return_counts : bool, default False
        Whether to return where each was found first, which is where, and how often it occurs.
    axis : int, optional
        Along which slices are compared; by default the array is flattened.
    equal_nan : bool, default True
        Whether all nan count as one.
    size : int, optional
        How many to return; missing ones are ``fill_value`` (by default the smallest).
    fill_value : number, optional
        See ``size``.
    sorted : bool
        Ignored: they are sorted.

    Returns
    -------
    Array, or tuple of Array
        Unique elements, of the dtype of ``ar``; then the indices, inverse and counts that were asked for, int64.

    Examples
    --------
    >>> jnp.unique(jnp.array([3, 1, 3]))
    Array([1, 3], dtype=int64)
    """
    x = strip_weak(operand("unique", ar))
    if size is None:
        (values,) = known("unique", x)
        results = np.unique(values, True, return_inverse, return_counts, axis, equal_nan=equal_nan)
        # The elements are taken from the operand itself, which may carry derivatives.
        places = results[1]
        elements = (
            reshape(x, (-1,))[places] if axis is None else x[_along(canonical_axis(axis, x.ndim), places)]
        )
        rest = results[1:] if return_index else results[2:]
        results = (elements, *map(strip_weak, rest))
        return results if len(results) > 1 else elements
    rows = reshape(x, (-1,)) if axis is None else moveaxis(x, canonical_axis(axis, x.ndim), 0)
    found = _unique_rows(rows, size, fill_value, equal_nan)
    elements = found.values if axis is None else moveaxis(found.values, 0, canonical_axis(axis, x.ndim))
    inverse = reshape(found.inverse, x.shape) if axis is None else found.inverse
    asked = ((return_index, found.index), (return_inverse, inverse), (return_counts, found.counts))
    results = (elements, *[result for wanted, result in asked if wanted])
    return results if len(results) > 1 else elements


def _along(axis: int, places) -> tuple:
    return (slice(None),) * axis + (places,)


class _Unique(NamedTuple):
    values: Array  # [size, ...]
    index: Array  # [size]
    inverse: Array  # [n]
    counts: Array  # [size]
    count: Array  # [], how many there really are


def _differs_from_left(columns, n: int, equal_nan: bool):
    """Whether each row differs from the one before it; the first does. ``[n]``"""
    differs = np.zeros(max(n - 1, 0), bool)
    for column in columns:
        left, right = column[:-1], column[1:]
        different = ufuncs.not_equal(left, right)
        if equal_nan and aval_of(column).dtype.kind in "fc":
            both = ufuncs.logical_and(ufuncs.isnan(left), ufuncs.isnan(right))
            different = ufuncs.logical_and(different, ufuncs.logical_not(both))
        differs = ufuncs.logical_or(differs, different)
    return concatenate([np.ones(min(n, 1), bool), differs])


def _unique_rows(x, size: int, fill_value, equal_nan: bool) -> _Unique:
    n = x.shape[0]
    if not n and size and fill_value is None:
        raise ArgumentError(
            "unique: of an empty array there is nothing to fill up with.", fix="pass fill_value=."
        )
    columns = [reshape(x, (n, math.prod(x.shape[1:])))[:, j] for j in range(math.prod(x.shape[1:]))]
    places = structural.iota(_INT64, (n,))
    *columns, order = sorting.sort((*columns, places), dimension=0, num_keys=max(len(columns), 1))
    starts = _differs_from_left(columns, n, equal_nan) if columns else _first_only(n)
    rank = ufuncs.subtract(starts.cumsum(), 1)  # which of the different rows each sorted one is
    count = starts.sum()
    place = where(ufuncs.less(rank, size), rank, size)
    first = structural.full((size,), n, _INT64).at[place].min(order, mode="drop")
    missing = ufuncs.greater_equal(np.arange(size), count)
    # Missing ones stand where the first, the smallest, does.
    index = where(missing, first[0], first) if n and size else ufuncs.multiply(first, 0)
    values = x[index] if n else structural.full((size, *x.shape[1:]), 0, aval_of(x).dtype)
    if fill_value is not None:
        mask = reshape(missing, (size, *(1,) * (x.ndim - 1)))
        values = where(mask, convert(operand("unique", fill_value), aval_of(x).dtype), values)
    inverse = structural.full((n,), 0, _INT64).at[order].set(rank)
    counts = structural.full((size,), 0, _INT64).at[place].add(1, mode="drop")
    return _Unique(values, index, inverse, counts, count)


def _first_only(n: int):
    return strip_weak(np.arange(n) == 0)


class UniqueAllResult(NamedTuple):
    """What `unique_all` returns."""

    values: Array
    indices: Array
    inverse_indices: Array
    counts: Array


class UniqueCountsResult(NamedTuple):
    """What `unique_counts` returns."""

    values: Array
    counts: Array


class UniqueInverseResult(NamedTuple):
    """What `unique_inverse` returns."""

    values: Array
    inverse_indices: Array


def _numpy_unique_all(x, /):
    return UniqueAllResult(*np.unique(x, True, True, True, equal_nan=False))


def _numpy_unique_counts(x, /):
    return UniqueCountsResult(*np.unique(x, return_counts=True, equal_nan=False))


def _numpy_unique_inverse(x, /):
    return UniqueInverseResult(*np.unique(x, return_inverse=True, equal_nan=False))


def _numpy_unique_values(x, /):
    """NumPy's function of this name does not sort."""
    return np.unique(x, equal_nan=False)


@implements(np.unique_all, eager=_numpy_unique_all)
def unique_all(
    x: ArrayLike, /, *, size: int | None = None, fill_value: ArrayLike | None = None
) -> UniqueAllResult:
    """Return the different elements, where each is first, which is where, and how often it occurs.

    Parameters
    ----------
    x : array_like
        Of any shape; every nan is an element of its own.
    size, fill_value : optional
        As for `unique`.

    Returns
    -------
    values, indices, inverse_indices, counts : Array
        ``[k]``, ``[k]``, the shape of ``x``, and ``[k]``; all int64 but the values.
    """
    return UniqueAllResult(*unique(x, True, True, True, equal_nan=False, size=size, fill_value=fill_value))


@implements(np.unique_counts, eager=_numpy_unique_counts)
def unique_counts(
    x: ArrayLike, /, *, size: int | None = None, fill_value: ArrayLike | None = None
) -> UniqueCountsResult:
    """Return the different elements and how often each occurs.

    Parameters
    ----------
    x : array_like
        Of any shape; every nan is an element of its own.
    size, fill_value : optional
        As for `unique`.

    Returns
    -------
    values, counts : Array
        ``[k]`` both; the counts are int64.
    """
    return UniqueCountsResult(
        *unique(x, return_counts=True, equal_nan=False, size=size, fill_value=fill_value)
    )


@implements(np.unique_inverse, eager=_numpy_unique_inverse)
def unique_inverse(
    x: ArrayLike, /, *, size: int | None = None, fill_value: ArrayLike | None = None
) -> UniqueInverseResult:
    """Return the different elements and which of them is where.

    Parameters
    ----------
    x : array_like
        Of any shape; every nan is an element of its own.
    size, fill_value : optional
        As for `unique`.

    Returns
    -------
    values, inverse_indices : Array
        ``[k]``, and int64 of the shape of ``x``.
    """
    return UniqueInverseResult(
        *unique(x, return_inverse=True, equal_nan=False, size=size, fill_value=fill_value)
    )


@implements(np.unique_values, eager=_numpy_unique_values)
def unique_values(x: ArrayLike, /, *, size: int | None = None, fill_value: ArrayLike | None = None) -> Array:
    """Return the different elements, sorted.

    Parameters
    ----------
    x : array_like
        Of any shape; every nan is an element of its own.
    size, fill_value : optional
        As for `unique`.

    Returns
    -------
    Array
        ``[k]``
    """
    return unique(x, equal_nan=False, size=size, fill_value=fill_value)


# --- two sets ---------------------------------------------------------------------------------------


@implements(np.isin, arrays=2)
def isin(
    element: ArrayLike,
    test_elements: ArrayLike,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    kind: Any = None,
    method: Any = "auto",
) -> Array:
    """Whether each element is among some values.

    Parameters
    ----------
    element, test_elements : array_like
        Of any shapes.
    assume_unique : bool
        Ignored.
    invert : bool, default False
        Whether to answer the opposite.
    kind, method : any
        Ignored.

    Returns
    -------
    Array
        bool, of the shape of ``element``.

    Examples
    --------
    >>> jnp.isin(jnp.arange(4), jnp.array([1, 3]))
    Array([False,  True, False,  True], dtype=bool)
    """
    element, values = promote_dtypes("isin", element, test_elements)
    found = any_(ufuncs.equal(expand_dims(element, -1), ravel(values)), -1)
    return ufuncs.logical_not(found) if invert else found


@implements(np.union1d, arrays=2)
def union1d(
    ar1: ArrayLike, ar2: ArrayLike, *, size: int | None = None, fill_value: ArrayLike | None = None
) -> Array:
    """Return the elements of either array, sorted, each once.

    Parameters
    ----------
    ar1, ar2 : array_like
        Of any shapes; not traced by ``jit``, unless ``size`` is given.
    size : int, optional
        How many to return; missing ones are ``fill_value`` (by default the smallest).
    fill_value : number, optional
        See ``size``.

    Returns
    -------
    Array
        ``[k]`` or ``[size]``
    """
    return unique(
        concatenate([_vector("union1d", ar1), _vector("union1d", ar2)]), size=size, fill_value=fill_value
    )


def _pick(x, mask, size: int | None, fill_value):
    """Return the elements where ``mask`` is true: as many as there are, or ``size``.

    Without a ``fill_value`` missing ones are the first, and 0 where there is none.
    """
    (places,) = nonzero(mask, size=size)
    picked = x[places] if x.size else structural.full((size or 0,), 0, aval_of(x).dtype)
    if size is None:
        return picked
    count = mask.sum()
    missing = ufuncs.greater_equal(np.arange(size), count)
    if fill_value is None:
        fill_value = where(ufuncs.greater(count, 0), picked[0], aval_of(x).dtype.type(0)) if size else 0
    return where(missing, convert(operand("fill_value", fill_value), aval_of(x).dtype), picked)


@implements(np.setdiff1d, arrays=2)
def setdiff1d(
    ar1: ArrayLike,
    ar2: ArrayLike,
    assume_unique: bool = False,
    *,
    size: int | None = None,
    fill_value: ArrayLike | None = None,
) -> Array:
    """Return the elements of the first array that are not in the second, sorted, each once.

    Parameters
    ----------
    ar1, ar2 : array_like
        Of any shapes; not traced by ``jit``, unless ``size`` is given.
    assume_unique : bool, default False
        Whether the elements of ``ar1`` are known to differ; they keep their order then.
    size : int, optional
        How many to return; missing ones are ``fill_value``.
    fill_value : number, default 0
        See ``size``.

    Returns
    -------
    Array
        ``[k]`` or ``[size]``
    """
    x, others = (strip_weak(ravel(v)) for v in promote_dtypes("setdiff1d", ar1, ar2))
    new = np.ones(x.size, bool)
    if size is None:
        known("setdiff1d", ar1, ar2)
    if not assume_unique:
        if size is None:
            x = unique(x)
            new = np.ones(x.size, bool)
        else:
            x, new = _sorted_with_starts(x)
    mask = ufuncs.logical_and(new, isin(x, others, invert=True))
    return _pick(x, mask, size, 0 if fill_value is None else fill_value)


def _sorted_with_starts(x):
    x = sorting.sort(x, dimension=0)
    return x, _differs_from_left([x], x.size, True)


@implements(np.setxor1d, arrays=2)
def setxor1d(
    ar1: ArrayLike,
    ar2: ArrayLike,
    assume_unique: bool = False,
    *,
    size: int | None = None,
    fill_value: ArrayLike | None = None,
) -> Array:
    """Return the elements that are in exactly one of two arrays, sorted, each once.

    Parameters
    ----------
    ar1, ar2 : array_like
        Of any shapes; not traced by ``jit``, unless ``size`` is given.
    assume_unique : bool, default False
        Whether the elements of each array are known to differ.
    size : int, optional
        How many to return; missing ones are ``fill_value`` (by default the smallest of the result).
    fill_value : number, optional
        See ``size``.

    Returns
    -------
    Array
        ``[k]`` or ``[size]``
    """
    if size is None:
        known("setxor1d", ar1, ar2)
    values, of_second = _merged("setxor1d", ar1, ar2, assume_unique)
    n = values.size
    starts = _differs_from_left([values], n, True)
    ends = concatenate([starts[1:], np.ones(min(n, 1), bool)])
    # A group of equal elements counts where all are of one array.
    group = ufuncs.subtract(starts.cumsum(), 1)
    in_first = structural.full((n,), False, np.dtype(bool)).at[group].max(ufuncs.logical_not(of_second))
    in_second = structural.full((n,), False, np.dtype(bool)).at[group].max(of_second)
    alone = ufuncs.logical_xor(in_first, in_second)[group] if n else starts
    mask = ufuncs.logical_and(starts if not assume_unique else ufuncs.logical_and(starts, ends), alone)
    return _pick(values, mask, size, fill_value)


def _merged(name: str, ar1, ar2, assume_unique: bool):
    """Return all elements sorted, those of the first array first among equals, and which are of the second."""
    x, y = (strip_weak(ravel(v)) for v in promote_dtypes(name, ar1, ar2))
    of_second = np.arange(x.size + y.size) >= x.size
    return tuple(sorting.sort((concatenate([x, y]), of_second), dimension=0, num_keys=1))


@implements(np.intersect1d, arrays=2)
def intersect1d(
    ar1: ArrayLike,
    ar2: ArrayLike,
    assume_unique: bool = False,
    return_indices: bool = False,
    *,
    size: int | None = None,
    fill_value: ArrayLike | None = None,
) -> Array | tuple[Array, Array, Array]:
    """Return the elements that are in both arrays, sorted, each once.

    Parameters
    ----------
    ar1, ar2 : array_like
        Of any shapes; not traced by ``jit``, unless ``size`` is given.
    assume_unique : bool, default False
        Ignored: repeated elements do no harm.
    return_indices : bool, default False
        Whether to return where each stands first in the two arrays.
    size : int, optional
        How many to return; missing ones are ``fill_value`` (by default the smallest of the result).
    fill_value : number, optional
        See ``size``.

    Returns
    -------
    Array, or tuple of three Array
        ``[k]`` or ``[size]`` each. Missing places are the sizes of the arrays.
    """
    if size is None:
        known("intersect1d", ar1, ar2)
    x, y = (strip_weak(ravel(v)) for v in promote_dtypes("intersect1d", ar1, ar2))
    n, m = x.size, y.size
    values, places = sorting.sort(
        (concatenate([x, y]), structural.iota(_INT64, (n + m,))), dimension=0, num_keys=1
    )
    starts = _differs_from_left([values], n + m, False)
    group = ufuncs.subtract(starts.cumsum(), 1)
    of_first = ufuncs.less(places, n)
    firsts = structural.full((n + m,), n, _INT64).at[group].min(where(of_first, places, n))
    seconds = (
        structural.full((n + m,), m, _INT64).at[group].min(where(of_first, m, ufuncs.subtract(places, n)))
    )
    shared = ufuncs.logical_and(ufuncs.less(firsts, n), ufuncs.less(seconds, m))
    mask = ufuncs.logical_and(starts, shared[group]) if n + m else starts
    result = _pick(values, mask, size, fill_value)
    if not return_indices:
        return result
    groups = _pick(group, mask, size, n + m)
    ends = [
        concatenate([where_, np.full(1, missing)])[groups] for where_, missing in ((firsts, n), (seconds, m))
    ]
    return result, *ends
