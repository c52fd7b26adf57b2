"""Promotion and broadcasting: from what a user passes to the strict operands that primitives take.

    add(x: f32[3], 2)            ->  f32[3], f32 2.0        a scalar stays a scalar
    add(x: f32[3], y: f64[2,1])  ->  f64[2,3], f64[2,3]

Dtypes are NumPy's own decision (``ufunc.resolve_dtypes``, NEP 50); a weak aval takes part as a Python scalar.
Constants are converted here and now; only traced values are converted by an equation.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence

import numpy as np

from jaxlite.dtypes import PYTHON_SCALAR_DTYPES, as_dtype
from jaxlite.errors import ArgumentError, DtypeError, ShapeError
from jaxlite.ir import ShapedArray
from jaxlite.ops import elementwise, structural
from jaxlite.trace import Tracer, as_array, aval_of

_PYTHON_TYPE_OF_KIND = {"b": bool, "i": int, "u": int, "f": float, "c": complex}


# --- operands ---------------------------------------------------------------------------------------


def operand_aval(name: str, arg, position: int = 0) -> ShapedArray:
    """Return the aval of one argument of the public function ``name``."""
    try:
        return aval_of(arg)
    except DtypeError:
        pass
    if isinstance(arg, np.ndarray | np.generic):
        what, fix = (
            f"an array of dtype {arg.dtype}",
            "convert it to numbers first, for example with x.astype(np.float64).",
        )
    else:
        what, fix = (
            f"{type(arg).__name__} {arg!r:.60}",
            "convert it: jnp.asarray(x); several traced values: jnp.stack([x, y]).",
        )
    raise DtypeError(
        f"{name} takes arrays and numbers, not {what} (argument {position}).",
        why="a list would be converted element by element at every call, so that must be written out.",
        fix=fix,
    )


def operand(name: str, arg, position: int = 0):
    """Return an argument as primitives take it: a tracer, an ndarray, or (of rank 0) a scalar."""
    if isinstance(arg, Tracer):
        return arg
    operand_aval(name, arg, position)
    if isinstance(arg, np.ndarray):
        if not arg.dtype.isnative:
            arg = arg.astype(arg.dtype.newbyteorder("="))
        if not arg.shape:
            return arg.view(np.ndarray)[()]
    return arg


def strip_weak(x):
    """Make a weak result strong, as results of functions (not of operators) are."""
    if isinstance(x, Tracer):
        return elementwise.convert_element_type(x, x.aval.dtype, False) if x.aval.weak_type else x
    # A plain array that came through unchanged is still the user's to write to.
    return as_array(x.copy() if type(x) is np.ndarray else x)


def is_weak(x) -> bool:
    """Whether ``x`` promotes like a Python number."""
    return x.aval.weak_type if isinstance(x, Tracer) else type(x) in (int, float, complex)


# --- dtypes -----------------------------------------------------------------------------------------


def convert(x, dtype: np.dtype, weak: bool = False):
    """Convert an operand to ``dtype``; ``weak`` keeps Python scalars Python scalars."""
    if isinstance(x, Tracer):
        return x if x.aval.dtype == dtype else elementwise.convert_element_type(x, dtype, weak)
    if type(x) in PYTHON_SCALAR_DTYPES:
        return _PYTHON_TYPE_OF_KIND[dtype.kind](x) if weak else dtype.type(x)
    return x if x.dtype == dtype else x.astype(dtype)


@functools.lru_cache(maxsize=4096)
def _resolve(ufunc: np.ufunc, operands: tuple) -> tuple[np.dtype, ...]:
    return ufunc.resolve_dtypes((*operands, *(None,) * ufunc.nout))


def loop_dtypes(ufunc: np.ufunc, avals: Sequence[ShapedArray]) -> tuple[np.dtype, ...]:
    """Return the dtypes that NumPy's ``ufunc`` computes in and gives, operands first.

    Raises
    ------
    DtypeError
        If NumPy has no loop for these operands.
    """
    # Python numbers among themselves promote as arrays of their dtypes do.
    all_weak = all(a.weak_type for a in avals)
    operands = tuple(
        [_PYTHON_TYPE_OF_KIND[a.dtype.kind] if a.weak_type and not all_weak else a.dtype for a in avals]
    )
    try:
        return _resolve(ufunc, operands)
    except TypeError as error:
        raise DtypeError(
            f"{ufunc.__name__}: operands have types {', '.join(map(str, avals))}.",
            why=str(error).rstrip("."),
            fix="convert with x.astype(dtype).",
        ) from None


@functools.lru_cache(maxsize=1024)
def computes_in(ufunc: np.ufunc, dtype: np.dtype) -> bool:
    """Whether NumPy's binary ``ufunc`` takes two operands of ``dtype`` as they are."""
    try:
        return _resolve(ufunc, (dtype, dtype))[:2] == (dtype, dtype)
    except TypeError:
        return False


def promote_dtypes(name: str, *args) -> list:
    """Convert arguments to the one dtype that NumPy promotes them to."""
    operands = [operand(name, arg, i) for i, arg in enumerate(args)]
    dtype = common_dtype(operands)
    return [convert(x, dtype) for x in operands]


def promote_inexact(name: str, *args) -> list:
    """Like `promote_dtypes`, with integers and bools becoming float64."""
    operands = [operand(name, arg, i) for i, arg in enumerate(args)]
    dtype = inexact_dtype(common_dtype(operands))
    return [convert(x, dtype) for x in operands]


def common_dtype(operands) -> np.dtype:
    """Return the dtype NumPy promotes arrays and Python scalars to."""
    kinds = {"i": 0, "f": 0.0, "c": 0j}
    avals = [aval_of(x) for x in operands]
    return np.result_type(*[kinds[a.dtype.kind] if a.weak_type else a.dtype for a in avals])


def inexact_dtype(dtype: np.dtype) -> np.dtype:
    """Return ``dtype`` if it is floating or complex, else float64."""
    return dtype if dtype.kind in "fc" else np.dtype(np.float64)


def dtype_or(dtype, default) -> np.dtype:
    """Return the dtype a user asked for, or ``default`` where none was given."""
    return np.dtype(default) if dtype is None else as_dtype(dtype)


# --- shapes -----------------------------------------------------------------------------------------


def broadcast_shapes_of(name: str, avals: Sequence[ShapedArray]) -> tuple[int, ...]:
    """Return the shape that all avals broadcast to, or raise ShapeError."""
    shape = avals[0].shape
    if all(aval.shape == shape or not aval.shape for aval in avals):
        return shape
    try:
        return np.broadcast_shapes(*[aval.shape for aval in avals])
    except ValueError:
        pass
    raise ShapeError(
        f"{name}: operands have types {', '.join(map(str, avals))}.",
        why=_explain_mismatch([aval.shape for aval in avals]),
        fix=_suggest(avals),
    )


def _explain_mismatch(shapes) -> str:
    rank = max(map(len, shapes))
    for axis in range(-1, -rank - 1, -1):
        sizes = [shape[axis] for shape in shapes if len(shape) >= -axis and shape[axis] != 1]
        if len(set(sizes)) > 1:
            listed = " and ".join(map(str, dict.fromkeys(sizes)))
            return (
                f"counted from the end, axis {axis} has sizes {listed}; broadcasting needs equal sizes or 1."
            )
    return "broadcasting needs equal sizes or 1."


def _suggest(avals) -> str:
    shapes = [aval.shape for aval in avals if aval.shape]
    if len(shapes) == 2 and shapes[0] == shapes[1][::-1]:
        return "the shapes agree if one operand is transposed: x.T."
    return "insert an axis with x[:, None], or reshape one operand."


def broadcast(x, shape: tuple[int, ...]):
    """Broadcast an operand to ``shape``; rank-0 operands stay as they are."""
    x_shape = x.shape if isinstance(x, Tracer | np.ndarray) else ()
    return x if not x_shape or x_shape == shape else broadcast_array(x, shape)


def broadcast_array(x, shape: tuple[int, ...]):
    """Broadcast a value of any rank to ``shape``."""
    rank = len(aval_of(x).shape)
    return structural.broadcast_in_dim(x, shape, tuple(range(len(shape) - rank, len(shape))))


def canonical_shape(shape) -> tuple[int, ...]:
    """Return a shape given as an int or a sequence of ints (NumPy's too) as a tuple of Python ints."""
    if isinstance(shape, int | np.integer) or (isinstance(shape, Tracer | np.ndarray) and not shape.shape):
        shape = (shape,)
    shape = tuple([operator.index(n) for n in shape])
    if any(n < 0 for n in shape):
        raise ShapeError(f"a shape has no negative sizes: {shape}.")
    return shape


def canonical_axis(axis, ndim: int) -> int:
    """Return an axis counted from the front, or raise as NumPy does."""
    axis = operator.index(axis)
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis + ndim if axis < 0 else axis


def canonical_axes(axis, ndim: int) -> tuple[int, ...]:
    """Return reduced axes as a tuple: None stands for all of them."""
    if axis is None:
        return tuple(range(ndim))
    if not isinstance(axis, tuple | list):
        return (canonical_axis(axis, ndim),)
    axes = tuple([canonical_axis(a, ndim) for a in axis])
    if len(set(axes)) != len(axes):
        raise ArgumentError(f"axis {axis} names one axis twice.")
    return axes
