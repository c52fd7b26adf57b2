"""Places in memory: which buffers are needed, and where in the arena they lie.

Two buffers share memory where their lifetimes do not overlap, and a buffer may lie in a result of the program that
nothing has been written to yet. A buffer lives from the first to the last top statement
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
    spans = _lifetimes(program)
    used = set(spans)
    program.buffers = [b for b in program.buffers if b in used]
    places, program.arena_bytes = _placed(program, spans)
    for buffer, (within, start) in places.items():
        buffer.within, buffer.offset = within, start
    return program


def bytes_in_use(program: LoopProgram, threads: int) -> int:
    """Return how much memory besides the stack a run touches: copies for more threads than there are take addresses."""
    return 0 if program.has_arena_on_stack else _placed(program, _lifetimes(program), threads)[1]


class _Room:
    """A stretch of memory in which buffers are placed, in the order of their beginning: each in the first gap."""

    def __init__(self):
        self.taken: list[tuple[int, int, int]] = []  # (last statement, start, end)

    def gap(self, first: int, size: int) -> int:
        """Return where ``size`` bytes are free from statement ``first`` on."""
        self.taken = [entry for entry in self.taken if entry[0] >= first]
        start = 0
        for _, begin, end in sorted(self.taken, key=lambda entry: entry[1]):
            if begin - start >= size:
                break
            start = max(start, end)
        return start

    def take(self, last: int, start: int, size: int) -> None:
        self.taken.append((last, start, start + size))


def _placed(
    program: LoopProgram, spans: dict[Buffer, tuple[int, int]], threads: int | None = None
) -> tuple[dict[Buffer, tuple[Buffer | None, int]], int]:
    """Return for each buffer the result that it lies in (None: the arena) and the byte, and how large the arena is."""
    results, arena = {b: _Room() for b in program.outputs if b in spans}, _Room()
    places: dict[Buffer, tuple[Buffer | None, int]] = {}
    total = 0
    buffers = [b for b in program.buffers if b.place == "arena"]
    for buffer in sorted(buffers, key=lambda b: (spans[b][0], -b.nbytes)):
        first, last = spans[buffer]
        # Other numbers of threads must not move it.
        size = copy_bytes(buffer) * buffer.copies
        for result, room in results.items():
            start = room.gap(first, size)
            is_free = last < spans[result][0] and start + size <= result.nbytes
            if is_free and not buffer.is_aligned:
                places[buffer] = result, start
                room.take(last, start, size)
                break
        else:
            size = copy_bytes(buffer) * min(buffer.copies, threads or buffer.copies)
            start = arena.gap(first, size)
            places[buffer] = None, start
            arena.take(last, start, size)
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


def _lifetimes(program: LoopProgram) -> dict[Buffer, tuple[int, int]]:
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

    visit(program.body, False)
    for result in program.outputs:
        # It outlives the program, so that all of a loop that writes it is its own.
        if result in spans:
            spans[result][1] = clock + 1
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
