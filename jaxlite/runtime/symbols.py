"""Addresses of outside routines in this process: BLAS, LAPACK and functions that SciPy exports, libraries of our own.

register({"jl_dpotrf"})       from now on, programs that name jl_dpotrf can be loaded
register({"jl_hyp1f1"})       the same of a function of scipy.special
register({"jl_zfft"})         the same of a loop of numpy.fft
register({"jl_dgemm"})        the library of products is compiled, or loaded from disk; it may call BLAS's
register({"jl_exp_f64"})      the library of exp is compiled, or loaded from disk
register({"jl_launch"})       the same of the pool of threads, and of tapes
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib
import platform
from collections.abc import Callable

from jaxlite.codegen import thread_pool, transforms
from jaxlite.codegen.boundary import FAR, PRODUCTS, blas_symbol, function_of
from jaxlite.errors import InternalError
from jaxlite.locks import new_lock
from jaxlite.runtime import engine, extensions, threads
from jaxlite.runtime.cache import cache

# Shorter than the keys of programs, which none can be taken for.
_KEY_LENGTH = 38
# What a kept library begins with: LLVM ends the process where it is handed anything else.
_MARK = b"jaxlite object file\n"

# Loaded where they are wanted, as few programs call a routine; and where a library is not found on disk: 3 ms.
_text_of_tapes = functools.cache(lambda: importlib.import_module("jaxlite.codegen.tapes"))
_external = functools.cache(lambda: importlib.import_module("jaxlite.codegen.external"))
_vector_math = functools.cache(lambda: importlib.import_module("jaxlite.codegen.vector_math"))
_text_of_tiles = functools.cache(lambda: importlib.import_module("jaxlite.codegen.tiles"))
_text_of_products = functools.cache(lambda: importlib.import_module("jaxlite.codegen.products"))

_lock = new_lock()
# The addresses of what is loaded, which stay where they are.
_loaded: dict[str, int] = {}
_known: set[str] = {"jl_host", "jl_pool", "jl_tape_pool"}


def register(names) -> None:
    """Give routines their addresses, each once in a process."""
    with _lock:
        for name in set(names) - _known:
            engine.add_symbol(name, _address(name))
            _known.add(name)


def address_of(name: str) -> int:
    """Return the address of a routine."""
    register({name})
    return _address(name)


def _address(symbol: str) -> int:
    if symbol not in _loaded:
        _loaded.update(_load(symbol))
    return _loaded[symbol]


def _load(symbol: str) -> dict[str, int]:
    """Load what defines a symbol; returns addresses by symbol, among them those of its like."""
    name = symbol.removeprefix("jl_")
    if function_of(symbol) is not None:
        return _library(symbol, (symbol,), lambda: _vector_math().text(symbol), may_call=FAR)
    if symbol == FAR:
        return _library(symbol, (symbol,), lambda: _vector_math().text(symbol), effort=0)
    if symbol in transforms.addresses():
        return transforms.addresses()
    if name.startswith(("scontract_", "dcontract_")):
        return _of_widest_registers(symbol, _text_of_tiles)
    if name in _external().FUNCTIONS:
        return {symbol: _exported(*_external().FUNCTIONS[name])}
    routine = _external().ROUTINES.get(name)
    if routine is not None:
        address = _exported(routine.module, routine.name)
        # The library that has just been loaded follows the number of threads as well.
        threads.tell_openblas()
        if symbol not in PRODUCTS:
            return {symbol: address}
        engine.add_symbol("jl_threads", threads.address_of_words())
        engine.add_symbol(blas_symbol(symbol), address)
        return _of_widest_registers(symbol, _text_of_products)
    if name == "launch":
        return _thread_pool()
    if symbol.startswith("jl_tape"):
        return _tapes()
    raise InternalError(f"a program calls {symbol}, which has no address.", why="this is a bug in jaxlite.")


def _of_widest_registers(symbol: str, module: Callable) -> dict[str, int]:
    """Load the library of a routine, whose text a module makes for the widest registers of the machine."""
    registers = max(engine.registers())
    return _library(f"{symbol}|{registers}", (symbol,), lambda: module().text(symbol, registers), effort=1)


def _thread_pool() -> dict[str, int]:
    """Load the pool of threads; it and programs share its global state."""
    engine.add_symbol("jl_threads", threads.address_of_words())
    for name, address in threads.addresses().items():
        engine.add_symbol(name, address)
    return _library("jl_launch", ("jl_launch",), lambda: thread_pool.text(platform.machine()), effort=0)


def _tapes() -> dict[str, int]:
    """Load what makes and frees tapes."""
    tapes = _text_of_tapes()
    return _library("jl_tapes", tuple(tapes.DECLARATIONS), lambda: tapes.LIBRARY)


def _library(
    name: str, symbols: tuple[str, ...], text: Callable[[], str], effort: int = 3, may_call: str = ""
) -> dict[str, int]:
    """Load a library, from disk where it is kept; returns the addresses of its functions.

    ``may_call`` is a function of another library that some of its forms call. What is rare, or waits, takes no care of
    LLVM's: 3 ms instead of 14 for the pool of threads.
    """
    key_text = f"{name}|{engine.host()}|{cache.environment()}"
    key = hashlib.sha256(key_text.encode()).hexdigest()[:_KEY_LENGTH]
    kept = cache.load(key, counted=False) or b""
    if kept.startswith(_MARK):
        code = kept.removeprefix(_MARK)
    else:
        code = engine.object_code(text(), effort)
        cache.store(key, _MARK + code)
    if may_call and engine.calls((code,), may_call):
        engine.add_symbol(may_call, _address(may_call))
    return engine.load_objects((code,), symbols)


def _exported(module: str, name: str) -> int:
    """Return the address of a C function that a Cython module exports."""
    capsule = extensions.load(module).__pyx_capi__[name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))
