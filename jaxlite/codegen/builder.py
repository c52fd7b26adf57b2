"""``Builder``: write statements of a loop program in the order in which they run.

b = Builder()
with b.loop(3) as i:
    b.store(y, i, b.let("sin", b.load(x, i)))
b.statements  ->  [For(i, 0, 3, [Load, Let, Store])]
"""

from __future__ import annotations

import contextlib

import numpy as np

from jaxlite.codegen.loops import (
    INT,
    POINTER,
    Address,
    Affine,
    Base,
    Buffer,
    Call,
    Carry,
    Check,
    Const,
    For,
    Let,
    Load,
    Merge,
    Operand,
    Scalar,
    Store,
    Switch,
    While,
)
from jaxlite.codegen.operations import result_dtype


class Builder:
    """A list of statements that grows at its end; inside ``with b.loop(…)`` the end is that of the loop's body."""

    def __init__(self):
        self.statements: list = []
        # Elements computed already in the block that is being written, where a kernel asks to remember them.
        self.memo: dict | None = None
        # The smallest and the largest value of indices of loops, where they are known.
        self.ranges: dict[Scalar, tuple[int, int]] = {}

    def add(self, statement) -> None:
        self.statements.append(statement)

    @contextlib.contextmanager
    def into(self, statements: list):
        """Write into another list of statements inside the context."""
        outer, self.statements = self.statements, statements
        memo = self.memo
        # What an inner block computes is not defined outside of it.
        self.memo = None if memo is None else dict(memo)
        try:
            yield
        finally:
            self.statements, self.memo = outer, memo

    def remember(self, key, compute):
        """Return ``compute()``, once for each key where elements are remembered."""
        if self.memo is None:
            return compute()
        if key not in self.memo:
            self.memo[key] = compute()
        return self.memo[key]

    # --- scalars

    def let(self, op: str, *args: Operand, dtype: np.dtype | None = None) -> Scalar:
        """Define a scalar; ``dtype`` is asked for by operations that do not determine it, such as ``convert``."""
        out = Scalar(result_dtype(op, [a.dtype for a in args]) if dtype is None else dtype)
        self.add(Let(out, op, args))
        return out

    def convert(self, x: Operand, dtype: np.dtype) -> Operand:
        return x if x.dtype == dtype else self.let("convert", x, dtype=dtype)

    def select(self, condition: Operand, yes: Operand, no: Operand) -> Operand:
        return yes if yes is no else self.let("select", condition, yes, no)

    def index(self, affine: Affine | int | Operand) -> Operand:
        """Return the value of an affine index as an int64 scalar."""
        affine = Affine.of(affine)
        total: Operand | None = None
        for scalar, factor in affine.terms:
            term = scalar if factor == 1 else self.let("mul", scalar, Const(factor, INT))
            total = term if total is None else self.let("add", total, term)
        if total is None:
            return Const(affine.constant, INT)
        return self.let("add", total, Const(affine.constant, INT)) if affine.constant else total

    def range_of(self, affine: Affine) -> tuple[int, int] | None:
        """Return the smallest and the largest value that an index can take, None where that is not known."""
        return affine.range(self.ranges)

    # --- memory

    def load(self, buffer: Buffer, index) -> Scalar:
        out = Scalar(buffer.dtype)
        self.add(Load(out, buffer, Affine.of(index)))
        return out

    def store(self, buffer: Buffer, index, value: Operand) -> None:
        self.add(Store(buffer, Affine.of(index), value))

    def base(self, buffer: Buffer, index=0) -> Scalar:
        out = Scalar(POINTER)
        self.add(Base(out, buffer, Affine.of(index)))
        return out

    # --- control

    @contextlib.contextmanager
    def loop(
        self,
        extent,
        carries: list[Carry] | None = None,
        *,
        start=0,
        step: int = 1,
        kind="serial",
        polls=False,
        last: int | None = None,
        expected: int | None = None,
        merges: tuple[Merge, ...] = (),
        within: tuple[int, int] | None = None,
        as_it_is: bool = False,
        any_order: bool = False,
    ):
        """Write the body of a `For` over ``range(start, extent, step)``; yields the index.

        ``within`` are the smallest and the largest value that the index takes, where ``start`` and ``extent`` do not
        tell.
        """
        index = Scalar(INT)
        body: list = []
        start, stop = (self.index(e) for e in (start, extent))
        loop = For(
            index, start, stop, step, carries or [], body, kind, polls, last, expected, merges, as_it_is, any_order
        )  # fmt: skip
        if within is None and loop.indices:
            within = min(loop.indices[0], loop.indices[-1]), max(loop.indices[0], loop.indices[-1])
        if within is not None:
            self.ranges[index] = within
        with self.into(body):
            yield index
        self.add(loop)

    def carry(self, init: Operand) -> Carry:
        """Make a carry of a loop; set its ``next`` inside the body."""
        return Carry(Scalar(init.dtype), init, None, Scalar(init.dtype))

    def while_(self, carries: list[Carry], test, body) -> None:
        """Write a `While`; ``test()`` returns the condition, ``body()`` sets ``next`` of each carry."""
        test_block: list = []
        body_block: list = []
        with self.into(test_block):
            condition = test()
        with self.into(body_block):
            body()
        self.add(While(carries, test_block, condition, body_block))

    def switch(self, index: Operand, branches, dtypes=()) -> tuple[Scalar, ...]:
        """Write a `Switch`; each branch is a function that returns its values, of ``dtypes``."""
        blocks, values = [], []
        for branch in branches:
            block: list = []
            with self.into(block):
                values.append(tuple(branch() or ()))
            blocks.append(block)
        results = tuple(Scalar(dtype) for dtype in dtypes)
        self.add(Switch(index, blocks, values, results))
        return results

    def if_(self, condition: Operand, then, otherwise=lambda: (), dtypes=()) -> tuple[Scalar, ...]:
        """Write a `Switch` on a bool."""
        return self.switch(self.convert(condition, INT), (otherwise, then), dtypes)

    def check(self, condition: Operand, site: int, *details: Operand) -> None:
        self.add(Check(condition, site, details))

    def call(self, symbol: str, *args: Address | Operand, result: np.dtype | None = None) -> Scalar | None:
        out = None if result is None else Scalar(result)
        self.add(Call(out, symbol, args))
        return out
