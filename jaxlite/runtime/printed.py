"""What printed loop programs import: functions that run in plain Python and, once registered here, under ``@njit``.

    from jaxlite.runtime.printed import dgemm, erf

Importing this file imports numba.
"""

from __future__ import annotations

import inspect

from jaxlite.codegen import array_helpers, helpers
from jaxlite.runtime import engine

_numba, *_ = engine.numba_parts()
_overload = _numba.extending.overload


def _register(function) -> None:
    """Have numba compile a function wherever compiled code calls it; it stays what it is for Python."""
    _overload(function, strict=False)(lambda *args: function)


def _functions_of(module) -> dict:
    return {
        name: f
        for name, f in vars(module).items()
        if inspect.isfunction(f) and f.__module__ == module.__name__
    }


# Tapes are Python's objects, and compiled code goes through Python at each step of theirs.


@_overload(array_helpers.tape_new)
def _tape_new(columns):
    def tape_new(columns):
        with _numba.objmode(tape="int64"):
            tape = array_helpers.tape_new(columns)
        return tape

    return tape_new


@_overload(array_helpers.tape_mark)
def _tape_mark():
    def tape_mark():
        with _numba.objmode(mark="int64"):
            mark = array_helpers.tape_mark()
        return mark

    return tape_mark


@_overload(array_helpers.tape_release)
def _tape_release(mark):
    def tape_release(mark):
        with _numba.objmode():
            array_helpers.tape_release(mark)

    return tape_release


@_overload(array_helpers.tape_width)
def _tape_width(tape, column, width):
    def tape_width(tape, column, width):
        with _numba.objmode():
            array_helpers.tape_width(tape, column, width)

    return tape_width


@_overload(array_helpers.tape_grow)
def _tape_grow(tape, rows):
    def tape_grow(tape, rows):
        with _numba.objmode():
            array_helpers.tape_grow(tape, rows)

    return tape_grow


@_overload(array_helpers.tape_length)
def _tape_length(tape):
    def tape_length(tape):
        with _numba.objmode(rows="int64"):
            rows = array_helpers.tape_length(tape)
        return rows

    return tape_length


@_overload(array_helpers.tape_data)
def _tape_data(tape, column):
    def tape_data(tape, column):
        with _numba.objmode(data="uint8[::1]"):
            data = array_helpers.tape_data(tape, column)
        return data

    return tape_data


_FUNCTIONS = _functions_of(helpers) | _functions_of(array_helpers)
for _name, _function in _FUNCTIONS.items():
    if not _name.startswith("tape_"):
        _register(_function)
# `sgemm` is `dgemm` under another name.
globals().update(
    {name: f for m in (helpers, array_helpers) for name, f in vars(m).items() if f in _FUNCTIONS.values()}
)
