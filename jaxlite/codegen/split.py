"""Loops cut into parts that threads share.

    for i in range(1000000):                     for p in range(16):           # any thread, any order
        y[i] = sin(x[i])             ->              for i in range(p * 62528, min(p * 62528 + 62528, 1000000)):
                                                         y[i] = sin(x[i])

    for i in range(1000000):                     for p in range(16):
        c = c + x[i]                 ->              c = 0
                                                     for i in range(…): c = c + x[i]
                                                     parts[p] = c
                                                 for p in range(16):           # in this order
                                                     c = c + parts[p]

The number of parts follows from the loop alone, so results are the same bits for every number of threads, one included.
A loop is cut where its estimated work is worth it, the outermost one first. What is cut must not call Python, must not
leave the program, and every step must write to places of its own: arrays that only this loop touches are given to each
thread (`Buffer.copies`), and arrays that steps add to (`Merge.target`) to each part.
"""

from __future__ import annotations

import math
from dataclasses import replace

from jaxlite.codegen.builder import Builder
from jaxlite.codegen.cost import LONG, LONG_NEST, cost_of, cost_of_block, work_of_call
from jaxlite.codegen.external import ROUTINES
from jaxlite.codegen.loops import (
    INT,
    Address,
    Affine,
    Buffer,
    Call,
    Carry,
    Const,
    For,
    Kernel,
    Let,
    Load,
    LoopProgram,
    Merge,
    Scalar,
    Store,
    Switch,
    blocks,
    walk,
)
from jaxlite.codegen.memory import copy_bytes
from jaxlite.codegen.rows import touches
from jaxlite.codegen.thread_pool import MOST_THREADS

# Loops of less estimated work than this, in nanoseconds, stay whole: a launch takes 0.2 us while the workers look for
# work and 5 us when they sleep. A loop over sin and exp of this estimate takes 48 us, in two threads 26 us, and 45 to
# 57 us where one of them has to wake up first; half as long a one 29, 16, and 35 to 50.
WORTH = 150_000
# Parts are made for at least so much work, and so many: there is always one more for a thread that has time.
WORK_OF_PART, MOST_PARTS = 25_000, 64
# A loop that is longer than `LONG_NEST` looks at Ctrl-C between parts, which should not take longer than this.
LONGEST_PART = 2e7
# An outer loop of fewer steps is divided badly: the loops inside of it are tried first.
FEW_STEPS = 8
# OpenBLAS shares the work of each call among its own threads as well as we share so many calls.
FEW_CALLS = 16
# Innermost loops are cut at multiples of this, so that parts start at cache lines and end at whole registers.
LANES = 64
# Bytes that arrays of threads, or of parts, may take in all, and the work for an element of the result of a part: at 8,
# 32 parts of a matrix factorisation, one block of rows each, took 2.4 ms in one thread, and 8 take 2.1 ms.
MOST_COPIES, WORK_OF_RESULT = 1 << 24, 32
MOST_PARTS_OF_LONG_LOOPS = 1 << 20


def split(program: LoopProgram) -> LoopProgram:
    """Cut the loops of a program that are worth it (in place)."""
    if cost_of(program).nanoseconds > LONG:
        splitter = _Splitter(program)
        splitter.block(program.body, in_kernel=False)
        program.buffers += splitter.partial_results
    return program


class _Splitter:
    def __init__(self, program: LoopProgram):
        self.everywhere = touches(program.body)
        self.partial_results: list[Buffer] = []
        self.num_loops = 0

    def block(self, body: list, in_kernel: bool) -> bool:
        """Cut loops in a block; returns whether there were any."""
        found = False
        for position in reversed(range(len(body))):
            statement = body[position]
            if isinstance(statement, For):
                new = self.loop(statement, in_kernel)
                body[position : position + 1] = new or [statement]
                found |= bool(new)
                continue
            for inner in blocks(statement):
                found |= self.block(inner, in_kernel or isinstance(statement, Kernel))
        return found

    def loop(self, loop: For, in_kernel: bool) -> list | None:
        """Return what a loop becomes, in which it or loops inside of it are cut, None where it stays."""
        work = cost_of_block([loop]).nanoseconds
        if work < WORTH:
            return None
        steps = len(loop.indices or ()) if loop.step > 0 else 0
        new = self.cut(loop, steps, work) if steps >= FEW_STEPS else None
        if new is None and self.block(loop.body, in_kernel):
            return [loop]
        if new is None and 1 < steps < FEW_STEPS:
            new = self.cut(loop, steps, work)
        # All that a kernel touches is alive together, as threads need it.
        return new if in_kernel or new is None else [self.kernel(new)]

    def cut(self, loop: For, steps: int, work: float) -> list | None:
        """Return a loop in parts, None where that cannot be."""
        private = self.private_buffers(loop)
        if not self.may_be_cut(loop, private) or (steps < FEW_CALLS and _has_large_calls(loop)):
            return None
        parts = min(1 << int(math.log2(work / WORK_OF_PART)), MOST_PARTS)
        if work > LONG_NEST:
            parts = max(parts, math.ceil(work / LONGEST_PART))
        parts = min(parts, _most_parts(loop, private, work))
        length = -(-steps // max(parts, 1))
        if length >= LANES and not any(isinstance(s, For) for s in walk(loop.body)):
            length = -(-length // LANES) * LANES
        parts = -(-steps // length)
        if parts < 2:
            return None
        for buffer in private:
            buffer.copies = min(parts, MOST_THREADS)
        return self.in_parts(loop, parts, length)

    def kernel(self, body: list) -> Kernel:
        self.num_loops += 1
        return Kernel(f"s{self.num_loops}", body, False)

    # --- whether

    def may_be_cut(self, loop: For, private: set[Buffer]) -> bool:
        """Whether the steps of a loop may run at the same time."""
        merged = [c for m in loop.merges for c in m.carries]
        if len(merged) != len(loop.carries) or any(not m.carries and m.target is None for m in loop.merges):
            return False
        if loop.kind != "parallel" and not loop.merges:
            return False
        targets = {m.target for m in loop.merges} - {None}
        own = private | targets
        indices = {loop.index}
        for s in walk(loop.body):
            # The spans of a sum begin where a step of the loop around them does.
            if isinstance(s, For) and s.start in indices:
                indices.add(s.index)
        return all(_is_harmless(s, indices, own) for s in walk(loop.body))

    def private_buffers(self, loop: For) -> set[Buffer]:
        """Return the temporary arrays that nothing but this loop touches."""
        inside = touches(loop.body)
        targets = {m.target for m in loop.merges}
        return {
            b
            for b, count in inside.items()
            if b.place in ("arena", "stack") and count == self.everywhere[b] and b not in targets
        }

    # --- how

    def in_parts(self, loop: For, parts: int, length: int) -> list:
        """Return the loop over parts, and what puts their results together."""
        b = Builder()
        start = int(loop.start.value)
        with b.loop(parts, kind="parts") as part:
            low = b.let("mul", part, Const(length * loop.step, INT))
            if start:
                low = b.let("add", low, Const(start, INT))
            high = b.let("min", b.let("add", low, Const(length * loop.step, INT)), loop.stop)
            carries = {c: Carry(c.inside, c.init, c.next, Scalar(c.result.dtype)) for c in loop.carries}
            for merge in loop.merges:
                for carry, component in zip(merge.carries, merge.identity, strict=False):
                    carries[carry].init = component
            places = [(m, self.places(m, parts)) for m in loop.merges]
            for merge, (buffer, size) in places:
                if merge.target is not None:
                    _redirect(loop.body, merge, buffer, Affine.of(part) * size)
                    _fill(b, merge, buffer, Affine.of(part) * size)
            b.add(
                For(
                    loop.index, low, high, loop.step, list(carries.values()), loop.body, loop.kind, loop.polls,
                    loop.last, length,
                )
            )  # fmt: skip
            for merge, (buffer, size) in places:
                for k, carry in enumerate(merge.carries):
                    b.store(buffer, Affine.of(part) * size + k, carries[carry].result)
        for merge, (buffer, size) in places:
            _put_together(b, merge, buffer, size, parts)
        return b.statements

    def places(self, merge: Merge, parts: int) -> tuple[Buffer, int]:
        """Make an array for the results of all parts; returns it and how far they lie apart."""
        dtype = merge.identity[0].dtype
        count = len(merge.carries) if merge.target is None else merge.target.size
        # Cache lines of their own.
        lanes = max(64 // dtype.itemsize, 1)
        size = -(-count // lanes) * lanes
        buffer = Buffer(f"parts{len(self.partial_results)}", dtype, size * parts, "arena")
        self.partial_results.append(buffer)
        return buffer, size


def _most_parts(loop: For, private: set[Buffer], work: float) -> int:
    """Return into how many parts a loop may be cut, so that copies stay small and putting results together quick."""
    copies = sum(copy_bytes(b) for b in private if b.place == "arena")
    targets = [m.target for m in loop.merges if m.target is not None]
    results, elements = sum(b.nbytes for b in targets), sum(b.size for b in targets)
    most = MOST_COPIES // results if results else MOST_PARTS_OF_LONG_LOOPS
    if elements:
        most = min(most, int(work / (WORK_OF_RESULT * elements)))
    return most if min(most, MOST_THREADS) * copies <= MOST_COPIES else MOST_COPIES // copies


def _is_harmless(s, indices: set[Scalar], own: set[Buffer]) -> bool:
    """Whether a statement may run in several threads, each with other values of ``indices``, and its own arrays."""
    if isinstance(s, Let | Load | For | Switch):
        return True
    if isinstance(s, Store):
        return s.buffer in own or _differs(s.index, indices)
    if isinstance(s, Call):
        places = _written(s) if s.symbol in ROUTINES else ()
        return bool(places) and all(a.buffer in own or _differs(a.index, indices) for a in places)
    return False


def _differs(place: Affine, indices: set[Scalar]) -> bool:
    return any(scalar in indices for scalar, _ in place.terms)


def _written(call: Call) -> list[Address]:
    """Return the places that a routine may write to."""
    return [a for a in call.args if isinstance(a, Address)][ROUTINES[call.symbol].results]


def _has_large_calls(loop: For) -> bool:
    return any(
        isinstance(s, Call) and s.symbol in ROUTINES and work_of_call(s) >= ROUTINES[s.symbol].threads_from
        for s in walk(loop.body)
    )


def _redirect(body: list, merge: Merge, buffer: Buffer, start: Affine) -> None:
    """Have a loop add to the array of its part."""
    for s in walk(body):
        if isinstance(s, Load | Store) and s.buffer is merge.target:
            s.buffer, s.index = buffer, s.index + start
        elif isinstance(s, Call):
            s.args = tuple(
                replace(a, buffer=buffer, index=a.index + start)
                if isinstance(a, Address) and a.buffer is merge.target
                else a
                for a in s.args
            )


def _fill(b: Builder, merge: Merge, buffer: Buffer, start: Affine) -> None:
    count = len(merge.identity)
    with b.loop(merge.target.size // count, kind="parallel") as j:
        for k, component in enumerate(merge.identity):
            b.store(buffer, start + Affine.of(j) * count + k, component)


def _put_together(b: Builder, merge: Merge, buffer: Buffer, size: int, parts: int) -> None:
    """Combine the results of parts in their order, in loops that stay loops: 16 over 400 elements took LLVM 0.4 s."""
    if merge.target is None:
        carries = [Carry(Scalar(c.inside.dtype), c.init, None, c.result) for c in merge.carries]
        with b.loop(parts, carries, as_it_is=True) as part:
            found = tuple(b.load(buffer, Affine.of(part) * size + k) for k in range(len(carries)))
            for carry, new in zip(
                carries, merge.combine(b, tuple(c.inside for c in carries), found), strict=True
            ):
                carry.next = new
        return
    count = len(merge.identity)
    elements = merge.target.size // count
    with b.loop(parts, as_it_is=True) as part, b.loop(elements, kind="parallel") as j:
        place = Affine.of(j) * count
        old = tuple(b.load(merge.target, place + k) for k in range(count))
        found = tuple(b.load(buffer, Affine.of(part) * size + place + k) for k in range(count))
        for k, new in enumerate(merge.combine(b, old, found)):
            b.store(merge.target, place + k, new)
