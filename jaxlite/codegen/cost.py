"""What a loop program costs, estimated from its loops: for the decisions of the runtime, and for users who ask.

for i in range(1000): y[i] = sin(x[i])   ->   Cost(flops=1000, transcendentals=1000, bytes_accessed=16000)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from jaxlite.codegen.elementwise import cost as operation_cost
from jaxlite.codegen.external import ROUTINES, TRANSFORMS
from jaxlite.codegen.loops import (
    Address,
    Buffer,
    Call,
    Const,
    For,
    Host,
    Let,
    Load,
    LoopProgram,
    Store,
    Switch,
    While,
    blocks,
)
from jaxlite.codegen.tiles import CONTRACTIONS

# Loops whose length only the run tells are taken to have so many steps.
UNKNOWN_LENGTH = 100
# Nanoseconds, on a machine of 2024: of an addition in a vectorised loop, of a transcendental function, of a byte
# from the cache, of a call of a routine, of a call of Python.
_NS_FLOP, _NS_TRANSCENDENTAL, _NS_BYTE, _NS_CALL, _NS_HOST = 0.3, 2.0, 0.05, 300.0, 5000.0
# Of an operation of `tiles.contract`, which fills registers.
_NS_TILED = 0.02
# Programs whose estimated work takes longer than this many nanoseconds release the GIL.
LONG = 50_000
# How long a program may run without a look at Ctrl-C, in nanoseconds, and at most so many steps of a loop.
POLL_AFTER = 1e6
POLL_AT_MOST_EVERY = 1 << 16
# Nests of loops that compute for longer than this look as well, loops without an inner loop do not: it would keep
# LLVM from vectorising them, and they cannot take longer than it takes to walk the memory there is.
LONG_NEST = 1e8


# Bytes that stay in the second level of the cache, of 1 to 2 MB on machines of 2024; nanoseconds until BLAS has copied
# an element of the operand that it reads for every block.
CACHE, _NS_PACKED = 1 << 20, 0.8
# Bytes that stay in the first level, of 32 to 48 KB.
FIRST_CACHE = 1 << 15
# Rows of which BLAS makes a product at full speed.
LEAST_BLOCK = 32


def rows_in_block(rows: int, width: int, saved: int, packed: list[int]) -> int:
    """Return how many rows to compute at a time, 0 where all at once is faster.

    Parameters
    ----------
    rows : int
    width : int
        Bytes of a row of all arrays together.
    saved : int
        Bytes that are read from the cache and not from memory, if blocks stay there.
    packed : list of int
        For each product, the elements that each of its calls copies for itself.
    """
    block = 1 << max(CACHE // max(width, 1), 1).bit_length() - 1
    if block < LEAST_BLOCK or rows < 2 * block or rows * width < 2 * CACHE:
        return 0
    calls = -(-rows // block)
    more = calls * sum(_NS_CALL + _NS_PACKED * elements for elements in packed)
    return block if more < _NS_BYTE * saved else 0


@dataclass
class Cost:
    """Estimated work of one call.

    Attributes
    ----------
    flops, tiled_flops, transcendentals : float
        Scalar operations, those of them in tiles of registers, and those that are functions such as sin.
    bytes_accessed : float
        Read and written.
    calls, host_calls : float
        Of BLAS and LAPACK, and of Python.
    """

    flops: float = 0.0
    tiled_flops: float = 0.0
    transcendentals: float = 0.0
    bytes_accessed: float = 0.0
    calls: float = 0.0
    host_calls: float = 0.0

    @property
    def nanoseconds(self) -> float:
        return (
            _NS_FLOP * (self.flops - self.tiled_flops)
            + _NS_TILED * self.tiled_flops
            + _NS_TRANSCENDENTAL * self.transcendentals
            + _NS_BYTE * self.bytes_accessed
            + _NS_CALL * self.calls
            + _NS_HOST * self.host_calls
        )


def cost_of(program: LoopProgram) -> Cost:
    """Estimate the work of a loop program."""
    return cost_of_block(program.body)


def cost_of_block(body: list) -> Cost:
    """Estimate the work of statements."""
    total = Cost()
    _add(total, body, 1.0)
    return total


def polls_between_parts(loop: For) -> bool:
    """Return whether a loop over parts takes so long that it looks at Ctrl-C."""
    return loop.kind == "parts" and cost_of_block([loop]).nanoseconds > LONG_NEST


def polling_interval(loop: For | While) -> int:
    """Return after how many steps of a loop to look at Ctrl-C, a power of two; 0 where there is no need to."""
    if getattr(loop, "kind", "") == "parts":
        return 0
    step = Cost()
    for block in blocks(loop):
        _add(step, block, 1.0)
    if not loop.polls:
        nested = any(isinstance(s, For | While) for block in blocks(loop) for s in block)
        if not nested or step.nanoseconds * _steps(loop) < LONG_NEST:
            return 0
    steps = min(max(POLL_AFTER / max(step.nanoseconds, 1.0), 1.0), POLL_AT_MOST_EVERY)
    return 1 << math.floor(math.log2(steps))


def _add(total: Cost, body: list, times: float) -> None:
    for statement in body:
        kind = type(statement)
        if kind is Let:
            dear = operation_cost(statement.op) >= 10
            total.transcendentals += times * dear
            total.flops += times
        elif kind in (Load, Store):
            total.bytes_accessed += times * statement.buffer.dtype.itemsize
        elif kind is Call:
            total.calls += times
            work = times * work_of_call(statement)
            total.flops += work
            if statement.symbol in CONTRACTIONS:
                total.tiled_flops += work
            operands = {a.buffer for a in statement.args if isinstance(a, Address)}
            total.bytes_accessed += times * _bytes_of_call(statement, operands)
        elif kind is Host:
            total.host_calls += times
        inner = times * _steps(statement)
        for block in blocks(statement):
            _add(total, block, inner / (len(statement.branches) if kind is Switch else 1))


def _steps(statement) -> float:
    if isinstance(statement, For):
        if statement.indices is not None:
            return len(statement.indices)
        return UNKNOWN_LENGTH if statement.expected is None else statement.expected
    return UNKNOWN_LENGTH if isinstance(statement, While) else 1


def _bytes_of_call(call: Call, operands: set[Buffer]) -> float:
    """Return the bytes that a routine reads and writes: of each array at most a matrix of the largest sizes."""
    sizes = [int(a.value) for a in call.args if type(a) is Const and a.dtype == np.int64]
    if call.symbol in TRANSFORMS:
        # Lines and points; pairs of real numbers, at most.
        return sum(min(b.nbytes, 2 * b.dtype.itemsize * math.prod(sizes[:2])) for b in operands)
    sizes = sorted(sizes)
    return sum(min(b.nbytes, b.dtype.itemsize * math.prod(sizes[-2:])) for b in operands)


def work_of_call(call: Call) -> float:
    """Return the floating-point operations of a routine; sizes that only the run tells count as `UNKNOWN_LENGTH`."""
    if call.symbol not in ROUTINES:
        return 0.0
    integers = [a for a in call.args if not isinstance(a, Address) and a.dtype == np.int64]
    unknown = call.expected or UNKNOWN_LENGTH
    sizes = [int(a.value) if type(a) is Const else unknown for a in integers]
    return ROUTINES[call.symbol].work(*sizes)
