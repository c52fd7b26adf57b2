"""From a jaxpr to machine code: optimise, schedule, emit, and have Numba's code generator do the rest. Layer 6.

    program = compile_jaxpr(jaxpr)        program(x)  ->  (y,)

Programs of one structure share one compilation: in memory for as long as one of them lives, on disk across processes.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import pickle
import sys
import time
import weakref
from collections import OrderedDict
from importlib import import_module
from typing import NamedTuple

from jaxlite.codegen.boundary import NotScheduled
from jaxlite.config import config, debug_level
from jaxlite.counters import counters
from jaxlite.ir import Jaxpr, Tape, cached_by_jaxpr
from jaxlite.locks import new_lock
from jaxlite.passes.pipeline import optimize, stages
from jaxlite.passes.stable_key import stable_key
from jaxlite.runtime import call, engine, host, symbols, threads
from jaxlite.runtime.cache import cache

# The code generator takes 20 ms to load: a process that finds its programs on disk does without it.
_codegen = functools.cache(lambda: import_module("jaxlite.codegen.source"))
_unstable = itertools.count()
_lock = new_lock()
# What was used last stays when no program holds it any more: eager loops record a new program at each call, and LLVM
# does not give the memory of machine code back in any case.
_KEPT = 1024
_last_used: OrderedDict[str, MachineCode] = OrderedDict()
_libraries: weakref.WeakValueDictionary[str, MachineCode] = weakref.WeakValueDictionary()


class MachineCode:
    """A loaded library, shared by all programs of one structure.

    Attributes
    ----------
    key : str
        Part of every symbol.
    library : numba.core.codegen.CPUCodeLibrary
    external : tuple of str
        Names of the routines that it calls.
    has_entry : bool
        Whether it has a CPython entry.
    size : int
        Bytes of object code.
    """

    __slots__ = ("__weakref__", "external", "has_entry", "key", "library", "size")

    def __init__(self, key: str, library, external: tuple[str, ...], has_entry: bool, size: int):
        self.key, self.library, self.external, self.has_entry = key, library, external, has_entry
        self.size = size

    def address_of(self, suffix: str = "") -> int:
        return engine.address_of(self.library, f"jl_{self.key}{suffix}")


class Recorded(NamedTuple):
    """An optimised program, and the types of its inputs before the passes forgot which of them are weak."""

    jaxpr: Jaxpr
    in_avals: tuple

    @property
    def has_tapes(self) -> bool:
        return any(isinstance(aval, Tape) for aval in (*self.in_avals, *self.jaxpr.out_avals))


@cached_by_jaxpr
def recorded(jaxpr: Jaxpr) -> Recorded:
    """Run the passes on a jaxpr."""
    return Recorded(optimize(jaxpr), jaxpr.in_avals)


def source_of(program: Recorded, key: str):
    """Return loops and LLVM text of a program: `codegen.source.Source`."""
    return _codegen().source_of(
        program.jaxpr,
        program.in_avals,
        key,
        has_entry=not program.has_tapes,
        bounds_checks=_bounds_checks(),
        registers=engine.registers(),
    )


def _bounds_checks() -> bool:
    return bool(config.read("jax_bounds_checks"))


@cached_by_jaxpr
def symbol_key(jaxpr: Jaxpr) -> tuple[str, bool]:
    """Return the key of a recorded program, and whether another process would find the same."""
    program = recorded(jaxpr)
    stable = stable_key(program.jaxpr)
    if stable is None:
        return f"m{os.getpid():x}_{next(_unstable)}_{time.time_ns():x}", False
    weak = "".join("01"[aval.weak_type] for aval in program.in_avals)
    text = f"{stable}|{weak}|{_bounds_checks()}|{engine.host()}|{cache.environment()}"
    return hashlib.sha256(text.encode()).hexdigest()[:40], True


def compile_jaxpr(jaxpr: Jaxpr):
    """Return the compiled program of a jaxpr without constvars.

    Parameters
    ----------
    jaxpr : Jaxpr
        As recorded; the passes run first.

    Returns
    -------
    Program
        Called with arrays, one for each input, it returns a tuple of new arrays.
    """
    program = jaxpr.derived.get(compile_jaxpr)
    if program is None:
        with _lock:
            program = jaxpr.derived.get(compile_jaxpr)
            if program is None:
                program = jaxpr.derived[compile_jaxpr] = _compile(jaxpr)
    return program


def _compile(jaxpr: Jaxpr):
    start = time.perf_counter()
    program = recorded(jaxpr)
    try:
        code, how = machine_code(jaxpr)
    except NotScheduled as reason:
        code, how = None, f"interpreted, as {reason}"
    if debug_level():
        seconds = time.perf_counter() - start
        types = f"({', '.join(map(str, jaxpr.in_avals))}) -> ({', '.join(map(str, jaxpr.out_avals))})"
        _say(f"{how} in {seconds * 1e3:.1f} ms: {len(program.jaxpr.eqns)} equations, {types}")
        _say_stages(jaxpr, program, code)
    if code is None:
        return call.InterpretedProgram(program.jaxpr)
    return call.Program(program.jaxpr, program.in_avals, code, host.explain_failure)


def machine_code(jaxpr: Jaxpr) -> tuple[MachineCode, str]:
    """Return the machine code of a recorded program, and where it came from."""
    prepare()
    key, stable = symbol_key(jaxpr)
    code, how = _libraries.get(key), "found in memory"
    if code is None and stable:
        code, how = _load(key), "loaded from disk"
    if code is None:
        code, how = _build(recorded(jaxpr), key, stable), "compiled"
    _libraries[key] = _last_used[key] = code
    _last_used.move_to_end(key)
    if len(_last_used) > _KEPT:
        _last_used.popitem(last=False)
    return code, how


def forget() -> None:
    """Keep no machine code that no program holds."""
    _last_used.clear()


def prepare() -> None:
    """Make what every program needs, once in a process."""
    threads.get_num_threads()
    engine.memory_pools()
    call.register_symbols()
    host.register()


def _load(key: str) -> MachineCode | None:
    """Return machine code that another process kept."""
    payload = cache.load(key)
    if payload is None:
        return None
    try:
        serialized, external, has_entry = pickle.loads(payload)
        symbols.register(set(external))
        size = engine.code_size(serialized)
        code = MachineCode(key, engine.revive(serialized), external, has_entry, size)
        code.address_of()
    except Exception:
        counters.add("num_cache_errors")
        return None
    return code


def _build(program: Recorded, key: str, stable: bool) -> MachineCode:
    source = source_of(program, key)
    counters.add("num_compiles")
    symbols.register(set(source.external))
    library = engine.build(f"jl_{key}", source.text)
    serialized = engine.serialize(library)
    if stable:
        cache.store(key, pickle.dumps((serialized, source.external, source.has_entry)))
    return MachineCode(key, library, source.external, source.has_entry, engine.code_size(serialized))


def _say(text: str) -> None:
    print(f"jaxlite: {text}", file=sys.stderr)


def _say_stages(jaxpr: Jaxpr, program: Recorded, code: MachineCode | None) -> None:
    level = debug_level()
    if level >= 3:
        for name, after in stages(jaxpr):
            _say(f"after {name}:\n{after}")
    if code is None:
        return
    if level >= 4:
        source = source_of(program, code.key)
        _say(f"loop program:\n{source.loops_text}")
    if level >= 5:
        text = source.text
        _say(f"LLVM:\n{text}")
        _say(f"assembly:\n{engine.assembly(text)}")
