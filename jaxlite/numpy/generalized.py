"""The methods of ufuncs, ``jnp.add.reduce(x)``, and ufuncs made of functions of numbers.

    jnp.add.reduce(x)              jnp.sum(x, axis=0)
    jnp.hypot.reduce(x: f64[n])    a scan over x[1:], whatever the function is
    jnp.add.at(x, i, y, inplace=False)    x.at[i].add(y)

Functions of jaxlite.numpy stay plain functions, which are the fastest to call; `install` hangs the methods on them.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxlite.control.scan import scan
from jaxlite.dtypes import as_dtype
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy import reductions
from jaxlite.numpy.indexing import At
from jaxlite.numpy.promotion import canonical_axes, canonical_axis, convert, operand, strip_weak
from jaxlite.numpy.registry import UFUNCS
from jaxlite.numpy.selection import where as where_
from jaxlite.numpy.shaping import broadcast_to, concatenate, expand_dims, moveaxis, reject_out, reshape
from jaxlite.numpy.vectorization import vectorize
from jaxlite.ops import cumulative, structural
from jaxlite.ops import reductions as reduction_ops
from jaxlite.trace import Tracer, aval_of
from jaxlite.typing import Array, ArrayLike, DTypeLike

# Functions whose reductions have a name of their own.
_REDUCE = {
    np.add: reductions.sum,
    np.multiply: reductions.prod,
    np.maximum: reductions.max,
    np.minimum: reductions.min,
    np.logical_and: reductions.all,
    np.logical_or: reductions.any,
}
_REDUCE_BITS = {
    np.bitwise_and: reduction_ops.reduce_and,
    np.bitwise_or: reduction_ops.reduce_or,
    np.bitwise_xor: reduction_ops.reduce_xor,
}
_ACCUMULATE = {np.add: reductions.cumsum, np.multiply: reductions.cumprod}
_ACCUMULATE_EXTREMES = {np.maximum: cumulative.cummax, np.minimum: cumulative.cummin}
# What `.at[...]` calls them.
_AT = {
    np.add: "add",
    np.subtract: "subtract",
    np.multiply: "multiply",
    np.divide: "divide",
    np.power: "power",
    np.maximum: "max",
    np.minimum: "min",
}


class ufunc:
    """An elementwise function with NumPy's methods: reduce, accumulate, outer, at, reduceat.

    Parameters
    ----------
    func : callable
        Of ``nin`` numbers, returning ``nout``; or, with ``call``, whatever has the name.
    nin, nout : int
        How many operands and results there are.
    identity : number, optional
        What a reduction of no elements gives.
    call : callable, optional
        The function on whole arrays; by default `vectorize` of ``func``.
    of_numpy : numpy.ufunc, optional
        Which function of NumPy it is.

    Attributes
    ----------
    nin, nout, nargs, identity
        As in NumPy.
    """

    def __init__(
        self,
        func: Callable,
        /,
        nin: int,
        nout: int,
        *,
        identity: Any = None,
        call: Callable | None = None,
        of_numpy: np.ufunc | None = None,
    ):
        self.__name__ = getattr(func, "__name__", "ufunc")
        self.__doc__ = getattr(func, "__doc__", None)
        self.nin, self.nout, self.nargs = nin, nout, nin + nout
        self.identity = identity
        self._on_arrays = vectorize(func) if call is None else call
        self._numpy = of_numpy

    def __call__(self, *args):
        if len(args) != self.nin:
            raise TypeError(f"{self.__name__}() takes {self.nin} arguments, not {len(args)}")
        return self._on_arrays(*args)

    def __repr__(self) -> str:
        return f"<jnp.ufunc '{self.__name__}'>"

    def _binary(self, method: str) -> None:
        if (self.nin, self.nout) != (2, 1):
            raise ArgumentError(
                f"{self.__name__}.{method}: the function takes {self.nin} operands and gives {self.nout} results.",
                why="the method needs a function of two operands with one result.",
            )

    def reduce(
        self,
        a: ArrayLike,
        axis: int | tuple[int, ...] | None = 0,
        dtype: DTypeLike | None = None,
        out: None = None,
        keepdims: bool = False,
        initial: ArrayLike | None = None,
        where: ArrayLike | None = None,
    ) -> Array:
        """Combine all elements along axes, from the first to the last.

        Parameters
        ----------
        a : array_like
            Of any shape.
        axis : int, tuple of int or None, default 0
            None for all axes.
        dtype : dtype, optional
            In which to compute.
        out : None
            Not supported.
        keepdims : bool, default False
            Whether the reduced axes stay, with size 1.
        initial : number, optional
            What to begin with.
        where : array of bool, optional
            Which elements count; the others become the identity.

        Returns
        -------
        Array
        """
        self._binary("reduce")
        reject_out(f"{self.__name__}.reduce", out)
        named = _REDUCE.get(self._numpy)
        if named is not None:
            options = {"axis": axis, "keepdims": keepdims, "where": where}
            if self._numpy not in (np.logical_and, np.logical_or):
                options["initial"] = initial
            if dtype is not None:
                a = strip_weak(convert(operand(self.__name__, a), as_dtype(dtype)))
            return named(a, **options)
        x = strip_weak(operand(f"{self.__name__}.reduce", a))
        x = x if dtype is None else x.astype(as_dtype(dtype))
        if where is not None:
            if self.identity is None:
                raise ArgumentError(
                    f"{self.__name__}.reduce: where= needs an identity, which it does not have."
                )
            x = where_(where, x, aval_of(x).dtype.type(self.identity))
        axes = canonical_axes(axis, x.ndim)
        shape = [1 if d in axes else n for d, n in enumerate(x.shape)]
        if self._numpy in _REDUCE_BITS and initial is None:
            result = _REDUCE_BITS[self._numpy](x, axes)
        else:
            kept = [d for d in range(x.ndim) if d not in axes]
            rows = structural.transpose(x, (*axes, *kept))
            rows = reshape(rows, (-1 if x.size else self._count(x, axes), *[x.shape[d] for d in kept]))
            result = self._fold(rows, initial)
        return reshape(result, shape) if keepdims else strip_weak(result)

    @staticmethod
    def _count(x, axes) -> int:
        return int(np.prod([x.shape[d] for d in axes], dtype=int))

    def _fold(self, rows, initial):
        """Combine along the first axis."""
        if initial is not None:
            first = broadcast_to(strip_weak(operand(self.__name__, initial)), rows.shape[1:])
            rows = rows.astype(np.result_type(aval_of(rows).dtype, aval_of(first).dtype))
            rows = concatenate([first[None], rows])
        if not rows.shape[0]:
            if self.identity is None:
                raise ShapeError(
                    f"{self.__name__}.reduce: {aval_of(rows)} is empty, and the function has no identity.",
                    fix="pass initial=.",
                )
            return structural.full(rows.shape[1:], self.identity, aval_of(rows).dtype)
        return self._scan(rows)[0]

    def _scan(self, rows):
        """Return the last of the running results, and all of them."""
        if rows.shape[0] == 1:
            return rows[0], rows
        # The first step decides the dtype: comparisons and divisions have another than their operands.
        second = self._on_arrays(rows[0], rows[1])
        dtype = aval_of(second).dtype

        def step(carry, row):
            carry = self._on_arrays(carry, row).astype(dtype)
            return carry, carry

        last, running = scan(step, second, rows[2:])
        return last, concatenate([rows[:1].astype(dtype), second[None], running])

    def accumulate(
        self, a: ArrayLike, axis: int = 0, dtype: DTypeLike | None = None, out: None = None
    ) -> Array:
        """Combine elements along an axis, and return every result on the way.

        Parameters
        ----------
        a : array_like
            With one axis at least.
        axis : int, default 0
            Along which to go.
        dtype : dtype, optional
            In which to compute.
        out : None
            Not supported.

        Returns
        -------
        Array
            Of the shape of ``a``.
        """
        self._binary("accumulate")
        reject_out(f"{self.__name__}.accumulate", out)
        if self._numpy in _ACCUMULATE:
            return _ACCUMULATE[self._numpy](a, axis=axis, dtype=dtype)
        x = strip_weak(operand(f"{self.__name__}.accumulate", a))
        x = x if dtype is None else x.astype(as_dtype(dtype))
        axis = canonical_axis(axis, x.ndim)
        if self._numpy in _ACCUMULATE_EXTREMES and aval_of(x).dtype.kind in "fiu":
            return strip_weak(_ACCUMULATE_EXTREMES[self._numpy](x, axis))
        return moveaxis(self._scan(moveaxis(x, axis, 0))[1], 0, axis) if x.shape[axis] else x

    def outer(self, A: ArrayLike, B: ArrayLike, /) -> Array:
        """Combine every element of one array with every element of another.

        Parameters
        ----------
        A, B : array_like
            Of any shapes.

        Returns
        -------
        Array
            ``[*A.shape, *B.shape]``
        """
        if self.nin != 2:
            raise ArgumentError(f"{self.__name__}.outer: the function takes {self.nin} operands.")
        left, right = operand(self.__name__, A), operand(self.__name__, B, 1)
        rank, further = aval_of(left).ndim, aval_of(right).ndim
        return self._on_arrays(
            expand_dims(left, tuple(range(rank, rank + further))) if further else left, right
        )

    def at(self, a: ArrayLike, indices: Any, b: ArrayLike | None = None, /, *, inplace: bool = True) -> Array:
        """Apply the function at some places of an array, repeated places one after the other.

        Parameters
        ----------
        a : array_like
            Of any shape.
        indices : index
            What could stand in ``a[...]``.
        b : array_like, optional
            Second operand.
        inplace : bool, default True
            Must be given as False: arrays never change.

        Returns
        -------
        Array
            Of the shape and dtype of ``a``.
        """
        if inplace:
            raise ArgumentError(
                f"{self.__name__}.at: arrays never change.", fix="pass inplace=False; use the result."
            )
        place = At(strip_weak(operand(f"{self.__name__}.at", a)), indices)
        if self.nin == 1:
            return place.apply(self._on_arrays)
        self._binary("at")
        if self._numpy in _AT:
            return getattr(place, _AT[self._numpy])(b)
        return self._at_one_by_one(a, indices, b)

    def _at_one_by_one(self, a, indices, b):
        x = strip_weak(operand(self.__name__, a))
        # The places as numbers of elements, so that each step updates one.
        places = reshape(np.arange(x.size), x.shape)[indices]
        values = reshape(broadcast_to(operand(self.__name__, b, 1), aval_of(places).shape), (-1,))

        def step(flat, place_and_value):
            place, value = place_and_value
            return flat.at[place].set(self._on_arrays(flat[place], value)), None

        flat, _ = scan(step, reshape(x, (-1,)), (reshape(places, (-1,)), values))
        return reshape(flat, x.shape)

    def reduceat(
        self, a: ArrayLike, indices: Any, axis: int = 0, dtype: DTypeLike | None = None, out: None = None
    ) -> Array:
        """Reduce slices along an axis, each from one index to the next.

        Parameters
        ----------
        a : array_like
            With one axis at least.
        indices : sequence of int
            ``[k]``, not traced. Where the next index is not larger, the element itself is taken.
        axis : int, default 0
            Along which to go.
        dtype : dtype, optional
            In which to compute.
        out : None
            Not supported.

        Returns
        -------
        Array
            ``[..., k, ...]``
        """
        self._binary("reduceat")
        reject_out(f"{self.__name__}.reduceat", out)
        if isinstance(indices, Tracer):
            raise ArgumentError(
                f"{self.__name__}.reduceat: the indices are traced: {indices.describe()}",
                why="the lengths of the slices must be known while the program is recorded.",
            )
        x = strip_weak(operand(f"{self.__name__}.reduceat", a))
        axis = canonical_axis(axis, x.ndim)
        rows, n = moveaxis(x, axis, 0), x.shape[axis]
        starts = [int(i) for i in np.asarray(indices)]
        outside = [i for i in starts if not 0 <= i < n]
        if outside:
            raise IndexError(
                f"{self.__name__}.reduceat: index {outside[0]} is out of range for {n} elements."
            )
        ends = [*starts[1:], n]
        parts = [
            self.reduce(rows[start : builtins.max(end, start + 1)], 0, dtype)[None]
            for start, end in zip(starts, ends, strict=True)
        ]
        return moveaxis(concatenate(parts), 0, axis)


def frompyfunc(func: Callable, /, nin: int, nout: int, *, identity: Any = None) -> ufunc:
    """Make a ufunc of a function of numbers.

    Parameters
    ----------
    func : callable
        Of ``nin`` numbers, which may be traced; returns one number, or a tuple of ``nout``.
    nin, nout : int
        How many operands and results there are.
    identity : number, optional
        What a reduction of no elements gives.

    Returns
    -------
    ufunc
        Maps it over arrays, which broadcast.

    Examples
    --------
    >>> jnp.frompyfunc(lambda x, y: 2 * x + y, 2, 1).reduce(jnp.arange(4))
    Array(11, dtype=int64)
    """
    return ufunc(func, nin, nout, identity=identity)


METHODS: dict[np.ufunc, ufunc] = {}


def install() -> None:
    """Give the functions of jaxlite.numpy the methods and attributes of ufuncs."""
    for function, call in UFUNCS.items():
        METHODS[function] = methods = ufunc(
            call, function.nin, function.nout, identity=function.identity, call=call, of_numpy=function
        )
        if hasattr(call, "rule"):
            for name in (
                "nin",
                "nout",
                "nargs",
                "identity",
                "reduce",
                "accumulate",
                "outer",
                "at",
                "reduceat",
            ):
                setattr(call, name, getattr(methods, name))
