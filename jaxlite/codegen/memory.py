"""Places in memory: which buffers are needed, and where in the arena they lie.

Two buffers share memory where their lifetimes do not overlap. A buffer lives from the first to the last top statement
that touches it; inside a loop, a buffer that is first touched within lives from its first to its last statement of a
step, unless a later step could still read it.
"""

from __future__ import annotations

from jaxlite.codegen.loops import (
    Address,
    Base,
    Buffer,
    Call,
    For,
    Host,
    Kernel,
    Load,
    LoopProgram,
    Store,
    While,
    blocks,
    walk,
)

ALIGNMENT = 64


def plan(program: LoopProgram) -> LoopProgram:
    """Drop buffers that nothing touches, and give the others in the arena their places (in place)."""
    spans = _lifetimes(program.body)
    used = set(spans)
    program.buffers = [b for b in program.buffers if b in used]
    places, program.arena_bytes = _placed(program.buffers, spans)
    for buffer, start in places.items():
        buffer.offset = start
    return program


def bytes_in_use(program: LoopProgram, threads: int) -> int:
    """Return how much of the arena a run touches: copies for more threads than there are take addresses alone."""
    return _placed(program.buffers, _lifetimes(program.body), threads)[1]


def _placed(
    buffers: list[Buffer], spans: dict[Buffer, tuple[int, int]], threads: int | None = None
) -> tuple[dict[Buffer, int], int]:
    """Return where the buffers in the arena lie, and how large it is: first fit in the order of their beginning."""
    free_list: list[tuple[int, int, int]] = []  # (last statement, start, end) of what is placed
    places: dict[Buffer, int] = {}
    total = 0
    arena = [b for b in buffers if b.place == "arena"]
    for buffer in sorted(arena, key=lambda b: (spans[b][0], -b.nbytes)):
        first, last = spans[buffer]
        size = copy_bytes(buffer) * min(buffer.copies, threads or buffer.copies)
        free_list = [entry for entry in free_list if entry[0] >= first]
        start = 0
        for _, taken, end in sorted(free_list, key=lambda entry: entry[1]):
            if taken - start >= size:
                break
            start = max(start, end)
        places[buffer] = start
        free_list.append((last, start, start + size))
        total = max(total, start + size)
    return places, total


def copy_bytes(buffer: Buffer) -> int:
    """Return how far the copies of a buffer lie apart."""
    return -(-max(buffer.nbytes, 1) // ALIGNMENT) * ALIGNMENT


def touched(statement) -> list[Buffer]:
    """Return the buffers that a statement itself names."""
    kind = type(statement)
    if kind in (Load, Store, Base):
        return [statement.buffer]
    if kind is Call:
        return [a.buffer for a in statement.args if type(a) is Address]
    if kind is Host:
        return [a.buffer for a in (*statement.operands, *statement.results)]
    return []


def _lifetimes(body: list) -> dict[Buffer, tuple[int, int]]:
    """Return first and last time that each buffer is touched, times counted over all statements in order."""
    spans: dict[Buffer, list[int]] = {}
    loops: list[tuple[int, int]] = []
    clock = 0

    def visit(block: list, in_kernel: bool):
        nonlocal clock
        for statement in block:
            # A kernel computes all its jobs in one pass: its buffers are alive together.
            clock += not in_kernel
            begin = clock
            for buffer in touched(statement):
                for real in (buffer, *buffer.origins):
                    span = spans.setdefault(real, [clock, clock])
                    span[1] = clock
            for inner in blocks(statement):
                visit(inner, in_kernel or isinstance(statement, Kernel))
            if isinstance(statement, For | While) and not in_kernel:
                clock += 1
                loops.append((begin, clock))

    visit(body, False)
    # Inner loops come before the loops that hold them.
    for begin, end in loops:
        for span in spans.values():
            comes_in, goes_out = span[0] < begin, span[1] > end
            if (comes_in and begin <= span[1] <= end) or (goes_out and begin <= span[0] <= end):
                # What lives into a loop or out of it is needed in every step.
                span[0], span[1] = min(span[0], begin), max(span[1], end)
    return {buffer: (first, last) for buffer, (first, last) in spans.items()}


def drop_unread(program: LoopProgram) -> LoopProgram:
    """Remove stores into buffers that nothing reads (in place): their values were handed on inside a kernel."""
    while True:
        read: set[Buffer] = set(program.outputs)
        for statement in walk(program.body):
            if type(statement) is not Store:
                for buffer in touched(statement):
                    read.update((buffer, *buffer.origins))
        # Whoever points into a buffer may read it.
        if not _without_stores(program.body, read):
            return program


def _without_stores(block: list, read: set[Buffer]) -> bool:
    removed = False
    for statement in list(block):
        if type(statement) is Store and statement.buffer not in read and statement.buffer.place != "pointer":
            block.remove(statement)
            removed = True
        for inner in blocks(statement):
            removed |= _without_stores(inner, read)
    return removed
