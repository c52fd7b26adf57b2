"""Addresses of outside routines in this process: BLAS and LAPACK as SciPy exports them, and our mathematics.

register({"jl_dgemm"})        from now on, programs that name jl_dgemm can be loaded
register({"jl_exp_f64"})      the library of exp is compiled, or loaded from disk
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib
import pickle

from jaxlite.codegen import vector_math
from jaxlite.codegen.external import ROUTINES
from jaxlite.errors import InternalError
from jaxlite.locks import new_lock
from jaxlite.runtime import engine
from jaxlite.runtime.cache import cache

# Shorter than the keys of programs, which none can be taken for.
_KEY_LENGTH = 38

_lock = new_lock()
# The libraries of the vector mathematics; programs hold addresses in them, so that they stay.
_libraries: dict[str, object] = {}
_known: set[str] = {"jl_host", "jl_pool"}


def register(names) -> None:
    """Give routines their addresses, each once in a process."""
    with _lock:
        for name in set(names) - _known:
            engine.add_symbol(name, _address(name))
            _known.add(name)


def _address(symbol: str) -> int:
    name = symbol.removeprefix("jl_")
    library = vector_math.library_of(symbol)
    if library is not None:
        if library not in _libraries:
            _libraries[library] = _mathematics(library)
        return engine.address_of(_libraries[library], symbol)
    if name in ROUTINES:
        return _exported(ROUTINES[name].module, ROUTINES[name].name)
    raise InternalError(f"a program calls {symbol}, which has no address.", why="this is a bug in jaxlite.")


def _mathematics(name: str):
    """Return the library of a function, from disk where it is kept."""
    text = f"{name}|{engine.registers()}|{engine.host()}|{cache.environment()}"
    key = hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]
    payload = cache.load(key, counted=False)
    if payload is not None:
        with contextlib.suppress(Exception):
            library = engine.revive(pickle.loads(payload))
            engine.address_of(library, name)
            return library
    library = engine.build_as_it_is(name, vector_math.text(name, engine.registers()))
    cache.store(key, pickle.dumps(engine.serialize(library)))
    return library


def _exported(module: str, name: str) -> int:
    """Return the address of a C function that a Cython module exports."""
    capsule = importlib.import_module(module).__pyx_capi__[name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))
