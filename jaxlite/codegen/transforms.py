"""NumPy's own Fourier transforms, pocketfft, as C functions: the inner loops of its generalised ufuncs.

    void jl_zfft(char **args, intptr_t *sizes, intptr_t *steps, void *jl_zfft_data)
        args    x, the factor, y
        sizes   lines, points of x, points of y
        steps   in bytes from line to line, of x, the factor and y; then from point to point, of x and y

`numpy.fft._pocketfft_umath`, whose ufuncs NumPy 2 calls, is private; the record of a ufunc and the form of an inner
loop are part of NumPy's public C interface (numpy/ufuncobject.h). What is looked for is found exactly as expected, or
not at all, and transforms are left to Python then. The loops know no Python objects and run without Python's lock.

A process that finds its programs on disk loads this file: it must not import any of the rest of the code generator.
"""

from __future__ import annotations

import ctypes
import functools
import importlib

import numpy as np

_MODULE = "numpy.fft._pocketfft_umath"
# Inner loops by symbol: the ufunc, and the types of x, factor and y.
_LOOPS = {
    "jl_zfft": ("fft", "Dd->D"),
    "jl_cfft": ("fft", "Ff->F"),
    "jl_zifft": ("ifft", "Dd->D"),
    "jl_cifft": ("ifft", "Ff->F"),
    "jl_drfft_even": ("rfft_n_even", "dd->D"),
    "jl_srfft_even": ("rfft_n_even", "ff->F"),
    "jl_drfft_odd": ("rfft_n_odd", "dd->D"),
    "jl_srfft_odd": ("rfft_n_odd", "ff->F"),
    "jl_dirfft": ("irfft", "Dd->d"),
    "jl_sirfft": ("irfft", "Ff->f"),
}
# These are told their direction by their data; the others have none.
_HAVE_DATA = ("fft", "ifft")


def data_symbol(symbol: str) -> str:
    """Return the symbol of what an inner loop is handed besides its arguments."""
    return f"{symbol}_data"


class _Ufunc(ctypes.Structure):
    """What follows the header of a PyUFuncObject."""

    _fields_ = [
        ("nin", ctypes.c_int),
        ("nout", ctypes.c_int),
        ("nargs", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int),
        ("reserved", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("types", ctypes.POINTER(ctypes.c_char)),
    ]


@functools.cache
def addresses() -> dict[str, int]:
    """Return the addresses of the loops, and of their data, by symbol; none where one is not as expected."""
    found: dict[str, int] = {}
    try:
        module = importlib.import_module(_MODULE)
        for symbol, (name, types) in _LOOPS.items():
            function, data = _inner_loop(getattr(module, name), types)
            if not function or bool(data) != (name in _HAVE_DATA):
                return {}
            found[symbol] = function
            if data:
                found[data_symbol(symbol)] = data
    except (ImportError, AttributeError, ValueError):
        return {}
    return found


@functools.cache
def computed_in(transform: str, real: np.dtype) -> np.dtype:
    """Return the precision in which NumPy computes: "fft", "ifft", "rfft" or "irfft" of numbers of a real dtype.

    A forward transform hands its ufunc the factor 1 as a Python integer, for which NumPy 2 takes the first loop that
    any integer may go to, which is that of double precision; an inverse transform hands over a number of the dtype.
    """
    is_complex = transform != "rfft"
    x = np.result_type(real, np.complex64) if is_complex else real
    ufunc = getattr(importlib.import_module(_MODULE), "rfft_n_even" if transform == "rfft" else transform)
    return ufunc.resolve_dtypes((x, real if transform.startswith("i") else int, None))[1]


def are_found() -> bool:
    """Whether programs call the loops themselves; a program depends on it."""
    return bool(addresses())


def _inner_loop(ufunc, types: str) -> tuple[int | None, int | None]:
    """Return the addresses of an inner loop and of its data, null where the record is another than expected."""
    inputs, _, outputs = (ufunc.signature or "").partition("->")
    if type(ufunc) is not np.ufunc or inputs not in ("(n),()", "(m),()") or outputs not in ("(m)", "(n)"):
        return None, None
    # All that can be seen from Python as well is compared before an address is believed.
    record = _Ufunc.from_address(id(ufunc) + object.__basicsize__)
    counts = record.nin, record.nout, record.nargs, record.ntypes
    if counts != (ufunc.nin, ufunc.nout, ufunc.nargs, ufunc.ntypes) or counts[:3] != (2, 1, 3):
        return None, None
    letters = "".join(ufunc.types).replace("->", "")
    numbers = bytes(np.dtype(letter).num for letter in letters)
    if record.name != ufunc.__name__.encode() or record.types[: len(numbers)] != numbers:
        return None, None
    which = ufunc.types.index(types)
    return tuple(table[which] if table else None for table in (record.functions, record.data))
