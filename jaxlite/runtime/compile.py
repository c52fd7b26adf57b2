"""From a jaxpr to machine code: optimise, schedule, emit, and have Numba's code generator do the rest. Layer 6.

    program = compile_jaxpr(jaxpr)        program(x)  ->  (y,)

Programs of one structure share one compilation: in memory for as long as one of them lives, on disk across processes.
Machine code goes by the key of the program after the passes, so that what they make equal is compiled once. A link from
the key of the program before them spares the passes where they would change nothing else.
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

from jaxlite.codegen import transforms
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
# From keys of programs before the passes to keys after them; forgotten together when there are too many.
_links: dict[str, str] = {}
# Hexadecimal digits of a program's name on disk, and of a link's.
_KEY_LENGTH, _LINK_LENGTH = 40, 36


class MachineCode:
    """Loaded machine code, shared by all programs of one structure.

    Parameters
    ----------
    key : str
        Part of every symbol.
    serialized : tuple
        What `engine.build` gave.
    has_entry : bool
        Whether it has a CPython entry.
    names_equations : bool
        Whether it may ask for an equation of its program by number.
    """

    __slots__ = ("__weakref__", "_library", "_serialized", "has_entry", "key", "names_equations", "size")

    def __init__(self, key: str, serialized: tuple, has_entry: bool, names_equations: bool):
        self.key, self.has_entry, self.names_equations = key, has_entry, names_equations
        self.size = sum(map(len, engine.objects_of(serialized)))
        self._library, self._serialized = None, serialized

    @property
    def library(self):
        """The library that numba links into callers: made when it is first wanted, which few programs are."""
        if self._library is None:
            self._library, self._serialized = engine.revive(self._serialized), None
        return self._library

    def address_of(self, suffix: str = "") -> int:
        return engine.address_of(f"jl_{self.key}{suffix}")


def source_of(jaxpr: Jaxpr, key: str, modules: int = 1):
    """Return loops and LLVM text of a recorded program, in at most so many modules: `codegen.source.Source`."""
    return _codegen().source_of(
        optimize(jaxpr),
        jaxpr.in_avals,
        key,
        has_entry=not _has_tapes(jaxpr),
        bounds_checks=_bounds_checks(),
        registers=engine.registers(),
        modules=modules,
    )


def _has_tapes(jaxpr: Jaxpr) -> bool:
    return any(isinstance(aval, Tape) for aval in (*jaxpr.in_avals, *jaxpr.out_avals))


def _bounds_checks() -> bool:
    return bool(config.read("jax_bounds_checks"))


def _hashed(*parts) -> str:
    """Return a key of a program, with what its machine code depends on besides."""
    facts = _bounds_checks(), transforms.are_found(), engine.host(), cache.environment()
    text = "|".join(map(str, (*parts, *facts)))
    return hashlib.sha256(text.encode()).hexdigest()


@cached_by_jaxpr
def symbol_key(jaxpr: Jaxpr) -> tuple[str, bool]:
    """Return the key of a recorded program, and whether another process would find the same."""
    stable = stable_key(optimize(jaxpr))
    if stable is None:
        return f"m{os.getpid():x}_{next(_unstable)}_{time.time_ns():x}", False
    # Which inputs are Python numbers, which the passes forgot.
    weak = "".join("01"[aval.weak_type] for aval in jaxpr.in_avals)
    return _hashed(stable, weak)[:_KEY_LENGTH], True


@cached_by_jaxpr
def _link_name(jaxpr: Jaxpr) -> str | None:
    """Return the name of the link for a recorded program, or None where another one would not find it."""
    stable = stable_key(jaxpr)
    return None if stable is None else _hashed("link", stable)[:_LINK_LENGTH]


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
    try:
        code, how = machine_code(jaxpr)
    except NotScheduled as reason:
        code, how = None, f"interpreted, as {reason}"
    if debug_level():
        seconds = time.perf_counter() - start
        types = f"({', '.join(map(str, jaxpr.in_avals))}) -> ({', '.join(map(str, jaxpr.out_avals))})"
        _say(f"{how} in {seconds * 1e3:.1f} ms: {len(optimize(jaxpr).eqns)} equations, {types}")
        _say_stages(jaxpr, code)
    if code is None:
        return call.InterpretedProgram(optimize(jaxpr))
    return call.Program(jaxpr, code, host.explain_failure)


def machine_code(jaxpr: Jaxpr) -> tuple[MachineCode, str]:
    """Return the machine code of a recorded program, and where it came from."""
    prepare()
    name = _link_name(jaxpr)
    linked = name and _follow(name)
    code, how = _find(linked) if linked else (None, "")
    if code is None:
        key, stable = symbol_key(jaxpr)
        if key != linked:
            code, how = _find(key, on_disk=stable)
        if code is None:
            code, how = _build(jaxpr, key, stable), "compiled"
        if name and not code.names_equations:
            _link(name, key)
    key = code.key
    _libraries[key] = _last_used[key] = code
    _last_used.move_to_end(key)
    if len(_last_used) > _KEPT:
        _last_used.popitem(last=False)
    return code, how


def _find(key: str, *, on_disk: bool = True) -> tuple[MachineCode | None, str]:
    """Return the machine code of a key, and where it came from."""
    code = _libraries.get(key)
    if code is None and on_disk:
        return _load(key), "loaded from disk"
    return code, "found in memory"


def _follow(name: str) -> str | None:
    """Return the key that a link leads to."""
    key = _links.get(name)
    if key is None:
        kept = cache.load(name, counted=False) or b""
        if len(kept) == _KEY_LENGTH and kept.isalnum():
            key = kept.decode()
    return key


def _link(name: str, key: str) -> None:
    """Let a program be found without the passes.

    Not one whose machine code names its equations by number: they are those of the program after the passes, and have
    to be seen to be the same.
    """
    if len(_links) >= 4 * _KEPT:
        _links.clear()
    _links[name] = key
    cache.store(name, key.encode())


def forget() -> None:
    """Keep no machine code that no program holds."""
    _last_used.clear()
    _links.clear()


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
        serialized, external, has_entry, names_equations = pickle.loads(payload)
        symbols.register(set(external))
        engine.load_objects(engine.objects_of(serialized), (f"jl_{key}",))
        code = MachineCode(key, serialized, has_entry, names_equations)
    except Exception:
        counters.add("num_cache_errors")
        return None
    return code


def _build(jaxpr: Jaxpr, key: str, stable: bool) -> MachineCode:
    source = source_of(jaxpr, key, threads.get_num_threads())
    counters.add("num_compiles")
    serialized = engine.build(f"jl_{key}", source.texts)
    codes = engine.objects_of(serialized)
    # Of a function of the mathematics LLVM has chosen the form for one number, or for a register.
    external = tuple(name for name in source.external if engine.calls(codes, name))
    symbols.register(external)
    engine.load_objects(codes, (f"jl_{key}",))
    facts = source.has_entry, source.names_equations
    if stable:
        cache.store(key, pickle.dumps((serialized, external, *facts)))
    return MachineCode(key, serialized, *facts)


def _say(text: str) -> None:
    print(f"jaxlite: {text}", file=sys.stderr)


def _say_stages(jaxpr: Jaxpr, code: MachineCode | None) -> None:
    level = debug_level()
    if level >= 3:
        for name, after in stages(jaxpr):
            _say(f"after {name}:\n{after}")
    if code is None:
        return
    if level >= 4:
        source = source_of(jaxpr, code.key)
        _say(f"loop program:\n{source.loops_text}")
    if level >= 5:
        _say(f"LLVM:\n{source.text}")
        _say(f"assembly:\n{engine.assembly(source.texts)}")
