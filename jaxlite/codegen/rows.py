"""Temporary arrays of a loop over rows, cut to one row.

    t = np.empty((n, m))                         t = np.empty(m)
    for i in range(n):                           for i in range(n):
        for j in range(m): t[i, j] = …    ->         for j in range(m): t[j] = …
        for j in range(m): … t[i, j] …               for j in range(m): … t[j] …

A row stays in the cache; what has one element to a row becomes a register.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from jaxlite.codegen.loops import (
    Address,
    Affine,
    Buffer,
    Call,
    Const,
    For,
    Kernel,
    Load,
    LoopProgram,
    Scalar,
    Store,
    walk,
)
from jaxlite.codegen.memory import touched
from jaxlite.codegen.schedule import SMALL


def cut_to_rows(program: LoopProgram) -> LoopProgram:
    """Cut what only one loop over rows touches, and only in its own row (in place)."""
    everywhere = touches(program.body)
    for statement in walk(program.body):
        if isinstance(statement, Kernel) and len(statement.body) == 1 and isinstance(statement.body[0], For):
            _cut(statement.body[0], everywhere)
    return program


def touches(body: list) -> Counter[Buffer]:
    counts: Counter[Buffer] = Counter()
    for statement in walk(body):
        for buffer in touched(statement):
            counts.update((buffer, *buffer.origins))
    return counts


def _cut(rows: For, everywhere: Counter[Buffer]) -> None:
    ranges: dict[Scalar, tuple[int, int]] = {}
    accesses: dict[Buffer, list[Load | Store | Address]] = {}
    calls: list[Call] = []
    for statement in walk(rows.body):
        if isinstance(statement, For):
            limits = _limits(statement, ranges)
            if limits is not None:
                ranges[statement.index] = limits
        elif isinstance(statement, Load | Store):
            accesses.setdefault(statement.buffer, []).append(statement)
        elif isinstance(statement, Call):
            calls.append(statement)
            for arg in statement.args:
                if type(arg) is Address:
                    accesses.setdefault(arg.buffer, []).append(arg)
    moved: dict[Address, Address] = {}
    for buffer, uses in accesses.items():
        if buffer.place not in ("arena", "stack") or len(uses) != everywhere[buffer]:
            continue
        steps = {dict(use.index.terms).get(rows.index, 0) for use in uses}
        step = steps.pop()
        size = step * rows.step
        if steps or step <= 0 or not all(_within(use, rows.index, size, ranges) for use in uses):
            continue
        for use in uses:
            index = use.index + Affine.of(rows.index) * -step
            if type(use) is Address:
                moved[use] = replace(use, index=index)
            else:
                use.index = index
        buffer.size = size
        if size <= SMALL:
            buffer.place = "stack"
    for call in calls:
        call.args = tuple(moved.get(arg, arg) if type(arg) is Address else arg for arg in call.args)


def _limits(loop: For, ranges: dict[Scalar, tuple[int, int]]) -> tuple[int, int] | None:
    """Return the smallest and the largest value of an index, where they are known."""
    if loop.step <= 0:
        return None
    first = int(loop.start.value) if type(loop.start) is Const else ranges.get(loop.start, (None,))[0]
    last = int(loop.stop.value) - 1 if type(loop.stop) is Const else loop.last
    return None if first is None or last is None else (first, last)


def _within(
    use: Load | Store | Address, row: Scalar, step: int, ranges: dict[Scalar, tuple[int, int]]
) -> bool:
    """Whether what is touched, but for its row, lies in [0, step)."""
    size = (use.size or step + 1) if type(use) is Address else 1
    coefficient = dict(use.index.terms).get(row, 0)
    bounds = (use.index + Affine.of(row) * -coefficient).range(ranges)
    return bounds is not None and bounds[0] >= 0 and bounds[1] + size - 1 < step
