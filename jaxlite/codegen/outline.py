"""Loops inside of long functions become functions of their own.

    for i in range(100):             for i in range(100):
        # k0 … k150            ->        k0(…) … k150(…)

LLVM's time grows faster than the size of a function, and short loops are written out before most of it is spent: the
Hessian of a Runge-Kutta scan, mapped over 8 lanes, compiled in 7.1 s, and in 3.2 s with calls, at the same speed.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxlite.codegen.emit_llvm import LONGEST_UNROLLED
from jaxlite.codegen.loops import For, Kernel, LoopProgram, blocks

# Statements, those of short loops once for each step, that one function may have: LLVM takes half a second for 10,000.
LARGEST_FUNCTION = 20_000


def outline(program: LoopProgram) -> LoopProgram:
    """Ask for functions of their own for the loops of a function that is too large (in place)."""
    kernels = list(_written_inside(program.body))
    if sum(_size(kernel.body) for kernel in kernels) > LARGEST_FUNCTION:
        for kernel in kernels:
            kernel.outlined = any(isinstance(statement, For) for statement in kernel.body)
    return program


def _written_inside(body: list) -> Iterator[Kernel]:
    """Yield the kernels that are no functions of their own."""
    for statement in body:
        if not isinstance(statement, Kernel):
            for block in blocks(statement):
                yield from _written_inside(block)
        elif not statement.outlined:
            yield statement


def _size(body: list) -> int:
    """Return how many statements LLVM makes of some."""
    total = 0
    for statement in body:
        size = 1 + sum(map(_size, blocks(statement)))
        steps = statement.indices if isinstance(statement, For) else None
        if steps is not None and len(steps) <= LONGEST_UNROLLED:
            size *= len(steps)
        total += size
    return total
