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


# What compiled code calls Python for, and the type of its result: tapes are Python's objects, and numba does not know
# SciPy's functions, nor NumPy's Fourier transforms.
_THROUGH_PYTHON = {
    "hyp1f1": "float64",
    "hyp2f1": "float64",
    **dict.fromkeys(("dgees", "zgees", "dgeev", "zgeev", "dgehrd", "zgehrd", "dorghr", "zunghr")),
    **dict.fromkeys(("zfft", "zifft", "drfft", "dirfft")),
    **dict.fromkeys(("dtrsyl", "ztrsyl", "dgeqp3", "zgeqp3", "dormqr", "zunmqr", "dsytrd", "zhetrd")),
    "tape_new": "int64",
    "tape_mark": "int64",
    "tape_release": None,
    "tape_width": None,
    "tape_grow": None,
    "tape_length": "int64",
    "tape_data": "uint8[::1]",
}


def _register_through_python(function, result: str | None) -> None:
    """Have compiled code leave for Python to call a function; numba wants one with these very arguments."""
    arguments = ", ".join(inspect.signature(function).parameters)
    typed, assigned, returned = (f"result='{result}'", "result = ", "result") if result else ("", "", "None")
    space = {"objmode": _numba.objmode, "function": function}
    exec(
        f"def through_python({arguments}):\n"
        f"    with objmode({typed}):\n"
        f"        {assigned}function({arguments})\n"
        f"    return {returned}\n"
        f"def implementation({arguments}):\n"
        f"    return through_python\n",
        space,
    )
    _overload(function)(space["implementation"])


_FUNCTIONS = _functions_of(helpers) | _functions_of(array_helpers)
for _name, _function in _FUNCTIONS.items():
    if _name in _THROUGH_PYTHON:
        _register_through_python(_function, _THROUGH_PYTHON[_name])
    else:
        _register(_function)
# `sgemm` is `dgemm` under another name.
globals().update(
    {name: f for m in (helpers, array_helpers) for name, f in vars(m).items() if f in _FUNCTIONS.values()}
)
