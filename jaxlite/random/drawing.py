"""What all random functions share: how they run, and the checks of their arguments.

normal(key, (10,))          NumPy computes it, primitive by primitive
normal(key, (10_000,))      compiled at the first call, as one loop
gamma(key, 2.0)             compiled in any case, for it has loops of its own
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np

from jaxlite.array import Array
from jaxlite.control.jit import jit
from jaxlite.dtypes import short_name
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy.promotion import canonical_shape, dtype_or, operand
from jaxlite.ops import elementwise, structural
from jaxlite.trace import EVAL, Tracer, aval_of, current_trace

# NumPy takes some 200 operations for each block of bits, a compilation some 20 ms.
COMPILED_FROM = 1 << 12


def run(
    body: Callable,
    shape: tuple[int, ...],
    *arrays,
    loops: bool = False,
    drawn: int | None = None,
    **static,
):
    """Return ``body(*arrays, shape=shape, **static)``, compiled where it is large and nothing else compiles it.

    Parameters
    ----------
    body : callable
        Of a key's words and other operands; a function of a module, for its program is kept.
    loops : bool
        Whether it goes round until numbers are accepted: that is compiled at any size.
    drawn : int, optional
        How many numbers it draws, where that is not the size of ``shape``.
    """
    static["shape"] = shape
    large = loops or (math.prod(shape) if drawn is None else drawn) >= COMPILED_FROM
    if large and current_trace() is EVAL and not any(isinstance(x, Tracer) for x in arrays):
        return _compiled(body, tuple(sorted(static.items(), key=lambda item: item[0])))(*arrays)
    result = body(*arrays, **static)
    return result if isinstance(result, Tracer) else Array.of(result)


@functools.lru_cache(maxsize=1024)
def _compiled(body: Callable, static: tuple) -> Callable:
    @functools.wraps(body)
    def program(*arrays):
        return body(*arrays, **dict(static))

    del program.__wrapped__  # Its parameters are not these.
    return jit(program)


# --- dtypes -------------------------------------------------------------------------------------------


def _dtype_of_kind(name: str, dtype, default, kinds: str, words: str) -> np.dtype:
    dtype = dtype_or(dtype, default)
    if dtype.kind not in kinds:
        raise ArgumentError(
            f"{name}: dtype {short_name(dtype)} is not {words}.",
            fix="leave dtype out, or convert the result.",
        )
    return dtype


def float_dtype(name: str, dtype) -> np.dtype:
    """Return the floating dtype a user asked for, float64 by default."""
    return _dtype_of_kind(name, dtype, np.float64, "f", "floating")


def inexact_dtype(name: str, dtype) -> np.dtype:
    """Return the floating or complex dtype a user asked for, float64 by default."""
    return _dtype_of_kind(name, dtype, np.float64, "fc", "floating or complex")


def integer_dtype(name: str, dtype) -> np.dtype:
    """Return the dtype of integers a user asked for, int64 by default."""
    return _dtype_of_kind(name, dtype, np.int64, "iu", "of integers")


# --- shapes and parameters ----------------------------------------------------------------------------


def as_float(name: str, value, dtype: np.dtype, position: int = 1):
    """Return a parameter of a distribution in the dtype of the result."""
    value = operand(name, value, position)
    if aval_of(value).dtype.kind == "c":
        raise ArgumentError(f"{name}: parameter {position} is complex.", why="it must be real.")
    return elementwise.convert_element_type(value, dtype)


def shape_of(value) -> tuple[int, ...]:
    return aval_of(value).shape


def common_shape(name: str, shape: Sequence[int] | None, *parameters) -> tuple[int, ...]:
    """Return the shape of a result: what was asked for, or what parameters of these shapes broadcast to.

    Raises
    ------
    ShapeError
        If the parameters do not broadcast to it.
    """
    shapes = [parameter if type(parameter) is tuple else shape_of(parameter) for parameter in parameters]
    try:
        together = np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(
            f"{name}: parameters have shapes {', '.join(map(str, shapes))}.",
            why="they do not broadcast together.",
            fix="insert an axis with x[:, None], or reshape one of them.",
        ) from None
    if shape is None:
        return together
    shape = canonical_shape(shape)
    try:
        fits = np.broadcast_shapes(shape, together) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"{name}: shape={shape}, and the parameters have shapes {', '.join(map(str, shapes))}.",
            why="shape is that of the whole result, to which the parameters must broadcast.",
            fix=f"shape={together}, or leave it out.",
        )
    return shape


def broadcast(x, shape: tuple[int, ...]):
    """Broadcast a value of any rank to ``shape``."""
    own = shape_of(x)
    if own == shape:
        return x
    return structural.broadcast_in_dim(x, shape, tuple(range(len(shape) - len(own), len(shape))))
