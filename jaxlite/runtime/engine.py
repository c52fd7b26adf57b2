"""Numba's code generator: LLVM text in, a library of machine code out. The only place that imports numba.

serialized = build("jl_3fa…", texts)      optimised and compiled: plain data
load_objects(codes, symbols)              object codes of this process or another one, loaded
library = revive(serialized)              the same as a library, which numba links into callers
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import functools
from collections.abc import Sequence
from threading import Thread

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


def build(name: str, texts: Sequence[str]) -> tuple:
    """Compile modules, each in a thread; `load_objects` loads them once whatever they call has an address.

    Parameters
    ----------
    name : str
        Of the library.
    texts : sequence of str
        LLVM text of each module.

    Returns
    -------
    tuple
        What `revive` takes: plain data, with the object code that `objects_of` returns.
    """
    results: list = [None] * len(texts)

    def compile_one(position: int) -> None:
        try:
            results[position] = _compiled(f"{name}_{position}", texts[position], position)
        except BaseException as error:
            results[position] = error

    with _numba().lock:
        here, threads = [0], []
        for position in range(1, len(texts)):
            thread = Thread(target=compile_one, args=(position,))
            try:
                thread.start()
                threads.append(thread)
            except RuntimeError:
                # There may be no more of them, or Python is about to end.
                here.append(position)
        for position in here:
            compile_one(position)
        for thread in threads:
            thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    codes, bitcodes = zip(*results, strict=True)
    return name, codes, bitcodes


def _compiled(name: str, text: str, machine: int) -> tuple[bytes, bytes]:
    """Return object code and bitcode of a module."""
    llvm = _numba().llvm
    with _optimized(name, text, machine) as (module, generator):
        with llvm.ffi.OutputString() as error:
            buffer = _without_lock("LLVMPY_TargetMachineEmitToMemory")(generator._tm, module, 1, error)
            if not buffer:
                raise RuntimeError(str(error))
        start, size = (getattr(llvm.ffi.lib, f"LLVMPY_GetBuffer{part}")(buffer) for part in ("Start", "Size"))
        code = ctypes.string_at(start, size)
        llvm.ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)
        for function in module.functions:
            if not function.is_declaration and function.linkage == llvm.Linkage.external:
                # As numba's own libraries: callers may link it in more than once.
                function.linkage = llvm.Linkage.linkonce_odr
        return code, module.as_bitcode()


@contextlib.contextmanager
def _optimized(name: str, text: str, machine: int = 0):
    """Yield a module after numba's passes, in a context of its own, and the code generator for it.

    What takes long runs without llvmlite's lock: contexts share nothing, and each thread has a target machine.
    """
    llvm, generator = _numba().llvm, _generator(machine)
    with llvm.create_context() as context, llvm.parse_assembly(text, context) as module:
        module.name, module.triple, module.data_layout = (
            name,
            llvm.get_process_triple(),
            generator._data_layout,
        )
        module.verify()
        # The passes that numba runs over each function first are left out: they take a fifth of the time, and the
        # pipeline of the whole module does the same again.
        options = {"loop_vectorize": generator._loopvect, "opt": generator._opt_level, "slp_vectorize": False}
        for passes, builder in (
            generator._module_pass_manager(cost="cheap", **options),
            generator._module_pass_manager(),
        ):
            with passes, builder:
                _without_lock("LLVMPY_RunNewModulePassManager")(passes, module, builder)
        yield module, generator


def _without_lock(name: str):
    """Return a function of llvmlite that other threads of this process need not wait for."""
    function = getattr(_numba().llvm.ffi.lib, name)
    return getattr(function, "_cfn", function)


@functools.cache
def _generator(machine: int):
    """Return numba's code generator, with a target machine of its own for each but the first."""
    engine = _numba().engine
    if machine == 0:
        return engine
    other = copy.copy(engine)
    other._tm = _target_machine(3, machine)
    return other


def calls(codes: Sequence[bytes], symbol: str) -> bool:
    """Whether object codes name a symbol: all formats of them have names that end with a zero."""
    return any(symbol.encode() + b"\0" in code for code in codes)


def assembly(texts: Sequence[str]) -> str:
    """Return what the processor is given for modules.

    Made anew, and not loaded: a library that came from disk is object code without any text.
    """
    shown = []
    for text in texts:
        with _numba().lock, _optimized("shown", text) as (module, generator):
            shown.append(generator._tm.emit_assembly(module))
    return "\n".join(shown)


def object_code(text: str, effort: int = 3) -> bytes:
    """Compile a module whose text needs no optimisation to an object file, which `load_objects` takes.

    ``effort``, from 0 to 3, is what LLVM takes care of besides: with 1 not of the order of instructions, which took
    chains of functions such as exp 1.4 times as long, and products, whose order is good, a tenth less to compile;
    with 0 of nothing, which takes a fifth of the time.
    """
    numba = _numba()
    with numba.lock:
        module = numba.llvm.parse_assembly(text)
        module.verify()
        return _target_machine(effort).emit_object(module)


@functools.cache
def _target_machine(effort: int, number: int = 0):
    """Return a target machine as numba's own, but for its level of optimisation; the ``number``-th of its kind."""
    numba = _numba()
    options = {"opt": effort}
    numba.engine._customize_tm_options(options)
    return numba.llvm.Target.from_triple(numba.llvm.get_process_triple()).create_target_machine(**options)


def load_objects(codes: Sequence[bytes], symbols: tuple[str, ...]) -> dict[str, int]:
    """Load object files for good; returns the addresses of their functions. A tenth of the time of a library's."""
    numba = _numba()
    with numba.lock:
        for code in codes:
            numba.engine._engine._ee.add_object_file(numba.llvm.ObjectFileRef.from_data(code))
        numba.engine._engine.finalize_object()
        return {symbol: numba.engine._engine.get_function_address(symbol) for symbol in symbols}


def objects_of(serialized: tuple) -> tuple[bytes, ...]:
    """Return the object codes in what `build` gave."""
    return serialized[1]


def revive(serialized: tuple):
    """Return what `build` gave as a library of numba's: compiled again where it is several modules."""
    numba = _numba()
    name, codes, (first, *others) = serialized
    with numba.lock:
        if not others:
            return numba.engine.unserialize_library((name, "object", (*codes, first)))
        whole = numba.llvm.parse_bitcode(first)
        for bitcode in others:
            whole.link_in(numba.llvm.parse_bitcode(bitcode))
        return numba.engine.unserialize_library((name, "bitcode", whole.as_bitcode()))


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
