"""Results that take the place of an operand which is not needed any more.

    t0 = np.empty(n); t1 = np.empty(n)           t0 = np.empty(n)
    for i in range(n): t0[i] = …                 for i in range(n): t0[i] = …
    for i in range(n): t1[i] = exp(t0[i])   ->   for i in range(n): t0[i] = exp(t0[i])
    …t1…                                         …t0…

Within one kernel both would be alive at the same time (see `memory`). What computes a result of the program in this way
writes into its place from the beginning.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace

from jaxlite.codegen.loops import (
    Address,
    Base,
    Buffer,
    Call,
    For,
    Host,
    Kernel,
    Let,
    Load,
    LoopProgram,
    Store,
    blocks,
    walk,
)
from jaxlite.codegen.memory import touched


def in_place(program: LoopProgram) -> LoopProgram:
    """Let kernels write where they read, element by element (in place)."""
    first: dict[Buffer, int] = {}
    last: dict[Buffer, int] = {}
    pointed_at: set[Buffer] = set()
    for time, statement in enumerate(program.body):
        for s in walk([statement]):
            for buffer in touched(s):
                pointed_at.update(buffer.origins)
                for b in (buffer, *buffer.origins):
                    first.setdefault(b, time)
                    last[b] = time
    becomes: dict[Buffer, Buffer] = {}

    def now(buffer: Buffer) -> Buffer:
        while buffer in becomes:
            buffer = becomes[buffer]
        return buffer

    for time, statement in enumerate(program.body):
        if not isinstance(statement, Kernel):
            continue
        uses = _uses(statement)
        for target, stores in uses.stores.items():
            new = now(target)
            if target in uses.otherwise or target in uses.loads or first[new] != time or new in pointed_at:
                continue
            for source, loads in uses.loads.items():
                old = now(source)
                ends_here = last[old] == time and first[old] < time and old not in pointed_at
                alike = (old.dtype, old.size) == (new.dtype, new.size) and old.place == "arena"
                free = source not in uses.otherwise and source not in uses.stores
                if not (ends_here and alike and free and new.place in ("arena", "output")):
                    continue
                if _same_elements(loads, stores) and sum(s.times for s in stores) == new.size:
                    kept, gone = (new, old) if new.place == "output" else (old, new)
                    becomes[gone] = kept
                    first[kept], last[kept] = min(first[old], first[new]), max(last[old], last[new])
                    break
    if becomes:
        _rename(program.body, now)
        _drop_copies_to_itself(program.body)
    program.buffers = [b for b in program.buffers if b not in becomes]
    return program


@dataclass
class _Access:
    """A load or store: its block, its place in there, and how often it happens (0: not known)."""

    statement: Load | Store
    block: int
    position: int
    times: int


@dataclass
class _Uses:
    loads: dict[Buffer, list[_Access]] = field(default_factory=lambda: defaultdict(list))
    stores: dict[Buffer, list[_Access]] = field(default_factory=lambda: defaultdict(list))
    otherwise: set[Buffer] = field(default_factory=set)


def _uses(kernel: Kernel) -> _Uses:
    uses = _Uses()

    def visit(block: list, times: int):
        for position, s in enumerate(block):
            if isinstance(s, Load | Store):
                found = uses.loads if isinstance(s, Load) else uses.stores
                found[s.buffer].append(_Access(s, id(block), position, times))
            else:
                uses.otherwise.update(touched(s))
                uses.otherwise.update(m.target for m in getattr(s, "merges", ()) if m.target is not None)
            for inner in blocks(s):
                visit(inner, times * _steps(s))

    visit(kernel.body, 1)
    return uses


def _steps(statement) -> int:
    """Return how often the blocks of a statement run, 0 where it is not known."""
    return len(statement.indices or ()) if isinstance(statement, For) else 0


def _same_elements(loads: list[_Access], stores: list[_Access]) -> bool:
    """Whether each element is read only where it is about to be written.

    As many stores as there are elements write each of them once, so that no other step reads it.
    """
    begins: dict[int, int] = {}
    written: dict[int, set] = defaultdict(set)
    for s in stores:
        begins[s.block] = min(begins.get(s.block, s.position), s.position)
        written[s.block].add(s.statement.index)
    return all(x.statement.index in written[x.block] and x.position < begins[x.block] for x in loads)


def _rename(body: list, now) -> None:
    def address(a):
        return replace(a, buffer=now(a.buffer)) if isinstance(a, Address) else a

    for s in walk(body):
        if isinstance(s, Load | Store | Base):
            s.buffer = now(s.buffer)
        elif isinstance(s, Call):
            s.args = tuple(map(address, s.args))
        elif isinstance(s, Host):
            s.operands, s.results = tuple(map(address, s.operands)), tuple(map(address, s.results))
        elif isinstance(s, For):
            for merge in s.merges:
                if merge.target is not None:
                    merge.target = now(merge.target)


def _drop_copies_to_itself(block: list) -> None:
    """Remove stores of what was loaded from the same place, and loops in which nothing is left to do."""
    loaded: dict = {}
    for s in list(block):
        if isinstance(s, Load):
            loaded[s.out] = (s.buffer, s.index)
        elif isinstance(s, Store):
            if loaded.get(s.value) == (s.buffer, s.index):
                block.remove(s)
            loaded = {out: place for out, place in loaded.items() if place[0] is not s.buffer}
        elif isinstance(s, For | Kernel) and not getattr(s, "carries", ()) and not getattr(s, "results", ()):
            _drop_copies_to_itself(s.body)
            if all(isinstance(x, Load) for x in s.body):
                block.remove(s)
            else:
                loaded.clear()
        elif not isinstance(s, Let):
            # It may write, or hold what does.
            loaded.clear()
            for inner in blocks(s):
                _drop_copies_to_itself(inner)
