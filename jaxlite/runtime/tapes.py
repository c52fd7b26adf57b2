"""Tapes that leave a compiled program or enter one: between the memory of `codegen.tapes` and `TapeValue`.

grad(jit(f)) of a loop of unknown length: the forward program hands out a tape, the backward program takes it in
"""

from __future__ import annotations

import ctypes

import numpy as np

from jaxlite.codegen.boundary import stored_aval
from jaxlite.control.tape import TapeStack, TapeValue
from jaxlite.ir import Tape


def enter(value, aval: Tape, keep: list) -> np.ndarray:
    """Return the handles of a tape, an int64 array of the shape of its stack; ``keep`` holds the memory behind them."""
    if aval.stack:
        return np.array([enter(value[i], aval.unstacked(), keep) for i in range(aval.stack[0])], np.int64)
    words = np.zeros(4 + 2 * len(aval.elements), np.int64)
    words[:3] = value.length, value.length, len(aval.elements)
    keep.append(words)
    for j, (element, column) in enumerate(zip(aval.elements, value.columns, strict=True)):
        stored = stored_aval(element)
        if isinstance(element, Tape):
            column = [enter(inner, element, keep) for inner in column]
        rows = np.ascontiguousarray(column, stored.dtype).reshape(value.length, *stored.shape)
        keep.append(rows)
        words[4 + 2 * j : 6 + 2 * j] = rows.ctypes.data, stored.size * stored.dtype.itemsize
    return np.array(words.ctypes.data, np.int64)


def leave(handles: np.ndarray, aval: Tape):
    """Return the tape behind handles, copied out of the program's memory."""
    if aval.stack:
        result = TapeStack(aval)
        for i in range(aval.stack[0]):
            result[i] = leave(handles[i], aval.unstacked())
        return result
    result = TapeValue(aval)
    words = _at(int(handles), np.dtype(np.int64), (4 + 2 * max(len(aval.elements), 1),))
    result.length = int(words[0])
    for j, element in enumerate(aval.elements):
        stored = stored_aval(element)
        rows = _at(int(words[4 + 2 * j]), stored.dtype, (result.length, *stored.shape))
        result.columns[j] = (
            [leave(handle, element) for handle in rows] if isinstance(element, Tape) else list(rows)
        )
    return result


def _at(address: int, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """Return a copy of an array in memory."""
    size = int(np.prod(shape)) * dtype.itemsize
    if not size:
        return np.empty(shape, dtype)
    return np.frombuffer(ctypes.string_at(address, size), dtype).reshape(shape).copy()
