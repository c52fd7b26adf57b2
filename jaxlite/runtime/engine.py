"""Numba's code generator: LLVM text in, a library of machine code out. The only place that imports numba.

serialized = build("jl_3fa…", text)       optimised and compiled: plain data
load_object(code, symbols)                object code of this process or another one, loaded
library = revive(serialized)              the same as a library, which numba links into callers
"""

from __future__ import annotations

import ctypes
import functools

from jaxlite.locks import hold_across_forks, new_lock

_LOCK = new_lock()


class _Numba:
    """What is used of numba. (No named tuple: to make its class takes 0.15 ms.)"""

    def __init__(self, engine, llvm, lock, version: str):
        self.engine, self.llvm, self.lock, self.version = engine, llvm, lock, version


@functools.cache
def _numba() -> _Numba:
    """Import numba: half a second that only programs pay which compile."""
    with _LOCK:
        import llvmlite
        import llvmlite.binding as llvm
        import numba
        from numba.core.compiler_lock import global_compiler_lock
        from numba.core.registry import cpu_target

        engine = cpu_target.target_context.codegen()
        # Programs that are dropped take LLVM's lock, whichever thread drops them.
        hold_across_forks(global_compiler_lock.acquire, global_compiler_lock.release)
        llvm_lock = llvm.ffi.lib._lock
        hold_across_forks(llvm_lock.__enter__, functools.partial(llvm_lock.__exit__, None, None, None))
        return _Numba(engine, llvm, global_compiler_lock, f"{numba.__version__}/{llvmlite.__version__}")


def numba_parts() -> tuple:
    """Return what `runtime.njit` builds with: numba, llvmlite's IR, helpers, types and the decorator of intrinsics."""
    _numba()
    import numba
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    return numba, ir, cgutils, types, intrinsic


@functools.cache
def host() -> str:
    """Return what machine code depends on: versions of the compiler, the processor and what it can do."""
    numba = _numba()
    features = numba.llvm.get_host_cpu_features().flatten()
    return "|".join(
        (numba.version, numba.llvm.get_process_triple(), numba.llvm.get_host_cpu_name(), features)
    )


@functools.cache
def registers() -> tuple[int, ...]:
    """Return the bytes of the registers that LLVM's vectoriser fills on this machine."""
    # As numba's settings leave them, which may switch instructions off.
    engine = _numba().engine
    features = set(engine._get_host_cpu_features().split(","))
    if "+avx512f" in features:
        # For most of Intel's processors LLVM prefers the halves.
        return (64,) if engine._get_host_cpu_name().startswith("znver") else (32, 64)
    return (32,) if "+avx2" in features else (16,)


def add_symbol(name: str, address: int) -> None:
    """Give a name that programs use its address in this process."""
    _numba().llvm.add_symbol(name, address)


def build(name: str, text: str) -> tuple:
    """Compile a module, which `load_object` loads once whatever it calls has an address.

    Parameters
    ----------
    name : str
        Of the library.
    text : str
        LLVM text.

    Returns
    -------
    tuple
        What `revive` takes: plain data, with the object code that `object_of` returns.
    """
    numba = _numba()
    with numba.lock:
        library = numba.engine.create_library(name)
        module = numba.llvm.parse_assembly(text)
        module.name = name
        module.verify()
        # Linked in as it is: the passes that numba runs over each function first take a fifth of the time, and the
        # pipeline of the whole module does the same again.
        library._final_module.link_in(module)
        library._optimize_final_module()
        module = library._final_module
        code = numba.engine._tm.emit_object(module)
        for function in module.functions:
            if not function.is_declaration and function.linkage == numba.llvm.Linkage.external:
                # As numba's own libraries: callers may link it in more than once.
                function.linkage = numba.llvm.Linkage.linkonce_odr
        return name, "object", (code, module.as_bitcode())


def calls(code: bytes, symbol: str) -> bool:
    """Whether object code names a symbol: all formats of it have names that end with a zero."""
    return symbol.encode() + b"\0" in code


def assembly(text: str) -> str:
    """Return what the processor is given for a module.

    Made anew, and not loaded: a library that came from disk is object code without any text.
    """
    numba = _numba()
    with numba.lock:
        library = numba.engine.create_library("shown")
        library._final_module.link_in(numba.llvm.parse_assembly(text))
        library._optimize_final_module()
        return numba.engine._tm.emit_assembly(library._final_module)


def object_code(text: str, is_quick: bool = True) -> bytes:
    """Compile a module whose text needs no optimisation to an object file, which `load_object` takes.

    Not ``is_quick`` is machine code as it comes, which LLVM writes in a fifth of the time.
    """
    numba = _numba()
    with numba.lock:
        module = numba.llvm.parse_assembly(text)
        module.verify()
        return (numba.engine._tm if is_quick else _plain_machine()).emit_object(module)


@functools.cache
def _plain_machine():
    """Return the target machine of this process, told to optimise nothing."""
    numba = _numba()
    options = {"opt": 0}
    numba.engine._customize_tm_options(options)
    return numba.llvm.Target.from_triple(numba.llvm.get_process_triple()).create_target_machine(**options)


def load_object(code: bytes, symbols: tuple[str, ...]) -> dict[str, int]:
    """Load an object file for good; returns the addresses of its functions. A tenth of the time of a library's."""
    numba = _numba()
    with numba.lock:
        numba.engine._engine._ee.add_object_file(numba.llvm.ObjectFileRef.from_data(code))
        numba.engine._engine.finalize_object()
        return {symbol: numba.engine._engine.get_function_address(symbol) for symbol in symbols}


def object_of(serialized: tuple) -> bytes:
    """Return the object code in what `build` gave."""
    _, _, (code, *_) = serialized
    return code


def revive(serialized: tuple):
    """Return what `build` gave as a library of numba's, without compiling."""
    numba = _numba()
    with numba.lock:
        return numba.engine.unserialize_library(serialized)


def address_of(symbol: str) -> int:
    """Return where a loaded function is; 0 if there is none."""
    return _numba().engine._engine.get_function_address(symbol)


@functools.cache
def memory_pools() -> tuple[ctypes.c_void_p, ...]:
    """Return the words that hold the block of memory, and the tapes, that programs keep between calls."""
    pools = {name: ctypes.c_void_p(0) for name in ("jl_pool", "jl_tape_pool")}
    for name, pool in pools.items():
        add_symbol(name, ctypes.addressof(pool))
    return tuple(pools.values())
