"""Addresses of outside routines in this process: BLAS and LAPACK and a few functions, as SciPy exports them. Layer 6.

register({"jl_dgemm"})        from now on, programs that name jl_dgemm can be loaded
"""

from __future__ import annotations

import ctypes
import importlib

from jaxlite.codegen.external import ROUTINES
from jaxlite.errors import InternalError
from jaxlite.locks import new_lock
from jaxlite.runtime import engine

# The double versions of functions in SciPy's Cython interface.
_SPECIAL = {"jl_psi": "__pyx_fuse_1psi", "jl_erfinv": "__pyx_fuse_0erfinv"}

_lock = new_lock()
_known: set[str] = {"jl_host", "jl_pool"}


def register(names) -> None:
    """Give routines their addresses, each once in a process."""
    with _lock:
        for name in set(names) - _known:
            engine.add_symbol(name, _address(name))
            _known.add(name)


def _address(symbol: str) -> int:
    name = symbol.removeprefix("jl_")
    if symbol in _SPECIAL:
        return _exported("scipy.special.cython_special", _SPECIAL[symbol])
    if name in ROUTINES:
        return _exported(ROUTINES[name].module, ROUTINES[name].name)
    raise InternalError(f"a program calls {symbol}, which has no address.", why="this is a bug in jaxlite.")


def _exported(module: str, name: str) -> int:
    """Return the address of a C function that a Cython module exports."""
    capsule = importlib.import_module(module).__pyx_capi__[name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))
