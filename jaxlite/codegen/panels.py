"""Elements that a nest of loops reads again and again in strides are first copied in the order in which it reads them.

    for i in range(100):                         for j in range(10):
        for j in range(10):                          for k in range(1000): p[1000*j + k] = x[10*k + j]
            for k in range(1000):         ->     for i in range(100):
                … x[10*k + j] …                      for j in range(10):
                                                         for k in range(1000): … p[1000*j + k] …

Loads of neighbours fill a vector register at once; loads in strides fill it one element after the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxlite.codegen.loops import (
    INT,
    Affine,
    Buffer,
    Call,
    Const,
    For,
    Host,
    Kernel,
    Load,
    LoopProgram,
    Scalar,
    Store,
    Switch,
    While,
    blocks,
    walk,
)
from jaxlite.codegen.memory import touched
from jaxlite.codegen.schedule import SMALL

# Elements of a copy: it is to stay in the cache.
LARGEST_PANEL = 1 << 14
# How often an element is to be read at least for the copy to pay.
LEAST_READS = 4
# Steps of a loop that is vectorised.
SHORTEST_LOOP = 16


@dataclass(eq=False)
class _Panel:
    """One copy: the loop before which it is made, and which of the loops inside it counts."""

    buffer: Buffer
    before: For
    loops: tuple[For, ...]
    terms: tuple[tuple[Scalar, int], ...]
    extents: tuple[int, ...]
    constants: dict[int, None]
    loads: list[Load]


def with_panels(program: LoopProgram) -> LoopProgram:
    """Copy what is read in strides many times (in place)."""
    for block in [program.body, *(b for s in walk(program.body) for b in blocks(s))]:
        for statement in list(block):
            if isinstance(statement, Kernel):
                _of_kernel(program, block, statement)
    return program


def _of_kernel(program: LoopProgram, block: list, kernel: Kernel) -> None:
    panels: dict[tuple, _Panel] = {}
    for statement in kernel.body:
        if isinstance(statement, For):
            _collect((), statement, panels)
    for number, panel in enumerate(panels.values()):
        copy = _copied(program, panel, f"{kernel.name}p{number}")
        if copy is None:
            continue
        if panel.before in kernel.body:
            size = math.prod(panel.extents) * len(panel.constants)
            block.insert(
                block.index(kernel), Kernel(f"{kernel.name}p{number}", copy, size >= 64, (), "in order")
            )
            continue
        for inner in (b for s in walk(kernel.body) for b in blocks(s)):
            if panel.before in inner:
                at = inner.index(panel.before)
                inner[at:at] = copy


def _extents(nest: tuple[For, ...]) -> dict[For, int]:
    """Return how far each loop counts from zero, at once or in spans; 0 for others, and for a loop over spans."""
    extents: dict[For, int] = {}
    from_zero: set[Scalar] = set()
    for loop in nest:
        extents[loop] = 0
        if (type(loop.start) is Const and loop.start.value == 0) or loop.start in from_zero:
            from_zero.add(loop.index)
            if loop.step == 1 and loop.indices is not None:
                extents[loop] = len(loop.indices)
            elif loop.step == 1 and loop.start in from_zero and loop.last is not None:
                extents[loop] = loop.last + 1
    return extents


def _collect(outer: tuple[For, ...], loop: For, panels: dict) -> None:
    nest = (*outer, loop)
    if any(isinstance(s, While | Switch | Host) for s in loop.body):
        return
    inner = [s for s in loop.body if isinstance(s, For)]
    for statement in inner:
        _collect(nest, statement, panels)
    if _extents(nest)[loop] < SHORTEST_LOOP or any(_extents((*nest, s))[s] >= SHORTEST_LOOP for s in inner):
        return
    # The loop that is vectorised, and short ones inside it that LLVM writes out.
    for path, load in _loads(nest, loop.body):
        _consider(path, len(outer), load, panels)


def _loads(nest: tuple[For, ...], body: list):
    """Yield each load of a block that runs in every step, and the loops around it."""
    for statement in body:
        if type(statement) is Load:
            yield nest, statement
        elif isinstance(statement, For):
            yield from _loads((*nest, statement), statement.body)


def _consider(nest: tuple[For, ...], position: int, load: Load, panels: dict) -> None:
    """Note a load, if it is one in strides of the loop at ``position`` that is repeated."""
    vector, steps, extents = nest[position], dict(load.index.terms), _extents(nest)
    in_spans = {loop.start for loop in nest}
    if load.buffer.place == "pointer":
        return
    if abs(steps.get(vector.index, 0)) < 2:
        return
    for depth, before in enumerate(nest[:position]):
        if before.index in steps or not extents[before]:
            continue
        inner = [loop for loop in nest[depth + 1 :] if loop.index in steps and loop is not vector]
        loops = (*inner, vector)
        others = [loop for loop in nest[depth:] if loop.index not in steps and loop.index not in in_spans]
        reads = math.prod(extents[loop] for loop in others)
        size = math.prod(extents[loop] for loop in loops)
        outside = set(steps) - {loop.index for loop in loops} - {loop.index for loop in nest[:depth]}
        if reads < LEAST_READS or not 0 < size <= LARGEST_PANEL or _defines(before, outside):
            continue
        if any(load.buffer in _written(s) for s in walk(before.body)):
            continue
        key = (load.buffer, before, loops, load.index.terms)
        of_loops = tuple(extents[loop] for loop in loops)
        new = _Panel(load.buffer, before, loops, load.index.terms, of_loops, {}, [])
        panel = panels.setdefault(key, new)
        panel.constants[load.index.constant] = None
        panel.loads.append(load)
        return


def _written(statement) -> tuple[Buffer, ...]:
    if type(statement) is Store:
        return (statement.buffer, *statement.buffer.origins)
    return tuple(touched(statement)) if type(statement) is Call else ()


def _defines(loop: For, scalars: set[Scalar]) -> bool:
    """Whether one of the scalars is defined in the body of a loop or carried by it."""
    defined = {carry.inside for carry in loop.carries}
    for s in walk(loop.body) if scalars else ():
        defined.add(getattr(s, "out", None))
        if isinstance(s, For):
            defined.update((s.index, *(x for carry in s.carries for x in (carry.inside, carry.result))))
    return not scalars.isdisjoint(defined)


def _copied(program: LoopProgram, panel: _Panel, name: str) -> list | None:
    """Turn the loads to a new buffer; returns the loops that fill it."""
    extents = panel.extents
    size = math.prod(extents)
    total = size * len(panel.constants)
    if total > LARGEST_PANEL:
        return None
    steps = [math.prod(extents[k + 1 :]) for k in range(len(extents))]
    place = "stack" if total <= SMALL else "arena"
    copy = Buffer(f"p{len(program.buffers)}_{name}", panel.buffer.dtype, total, place)
    program.buffers.append(copy)
    starts = {constant: k * size for k, constant in enumerate(panel.constants)}
    for load in panel.loads:
        start = starts[load.index.constant]
        load.buffer = copy
        load.index = Affine(start, tuple((loop.index, t) for loop, t in zip(panel.loops, steps, strict=True)))
    body: list = []
    for constant, start in starts.items():
        indices = [Scalar(INT) for _ in panel.loops]
        new = {loop.index: i for loop, i in zip(panel.loops, indices, strict=True)}
        source, target = Affine(constant), Affine(start)
        for scalar, step in panel.terms:
            source = source + Affine.of(new.get(scalar, scalar)) * step
        for i, step in zip(indices, steps, strict=True):
            target = target + Affine.of(i) * step
        element = Scalar(copy.dtype)
        block: list = [Load(element, panel.buffer, source), Store(copy, target, element)]
        for i, extent in reversed(list(zip(indices, extents, strict=True))):
            block = [For(i, Const(0, INT), Const(extent, INT), 1, [], block, "parallel")]
        body += block
    return body
