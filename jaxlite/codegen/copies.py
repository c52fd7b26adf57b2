"""Copies of statements of a loop program, in which other operands stand for some scalars.

Copy({j: v}).block([Load(x, a, 4*j + 1), Let(y, "sin", (x,))])   ->   [Load(x', a, 4*v + 1), Let(y', "sin", (x',))]
"""

from __future__ import annotations

from dataclasses import replace

from jaxlite.codegen.loops import INT, Affine, Carry, Const, For, Let, Load, Operand, Scalar, Statement, Store

# Loops of so few steps are written out: coordinates, for the most part.
SHORT = 4


def is_short(loop: For) -> bool:
    """Whether a loop is written out."""
    return loop.step == 1 and loop.indices is not None and len(loop.indices) <= SHORT


class Copy:
    """Copies statements, with other operands for some scalars, and short loops written out.

    Parameters
    ----------
    now : dict, optional
        What stands for a scalar.
    anew : bool
        Whether the copy defines scalars of its own.
    writes_out : bool
        Whether short loops become their steps.
    """

    def __init__(
        self, now: dict[Scalar, Operand] | None = None, *, anew: bool = True, writes_out: bool = True
    ):
        self.now = {} if now is None else now
        self.anew, self.writes_out = anew, writes_out
        # Where sums that are written out begin: nothing is added to zero.
        self.zeros: set[Scalar] = set()

    def operand(self, x: Operand) -> Operand:
        return self.now.get(x, x)

    def index(self, affine: Affine) -> Affine:
        total = Affine(affine.constant)
        for scalar, factor in affine.terms:
            total = total + Affine.of(self.operand(scalar)) * factor
        return total

    def defined(self, x: Scalar) -> Scalar:
        if not self.anew:
            return x
        new = self.now[x] = Scalar(x.dtype)
        return new

    def block(self, statements: list[Statement]) -> list[Statement]:
        copied: list[Statement] = []
        for s in statements:
            if isinstance(s, Let):
                args = tuple(map(self.operand, s.args))
                if s.op == "add" and s.args[0] in self.zeros:
                    self.now[s.out] = args[1]
                    continue
                copied.append(Let(self.defined(s.out), s.op, args))
            elif isinstance(s, Load):
                index = self.index(s.index)
                copied.append(Load(self.defined(s.out), s.buffer, index))
            elif isinstance(s, Store):
                copied.append(Store(s.buffer, self.index(s.index), self.operand(s.value)))
            elif isinstance(s, For):
                copied += self.steps(s) if self.writes_out and is_short(s) else [self.loop(s)]
            else:
                copied.append(s)
        return copied

    def steps(self, loop: For) -> list[Statement]:
        """Write out all steps of a loop."""
        outside, self.anew = (self.anew, self.zeros), True
        carried = [self.operand(c.init) for c in loop.carries]
        written: list[Statement] = []
        sums = zip(loop.carries, carried, strict=True) if loop.kind == "reduce" else ()
        starts = {c.inside for c, x in sums if type(x) is Const and x.dtype.kind == "f" and x.value == 0}
        for i in loop.indices:
            self.zeros = starts if i == loop.indices[0] else set()
            self.now[loop.index] = Const(i, INT)
            self.now.update(zip((c.inside for c in loop.carries), carried, strict=True))
            written += self.block(loop.body)
            carried = [self.operand(c.next) for c in loop.carries]
        self.now.update(zip((c.result for c in loop.carries), carried, strict=True))
        self.anew, self.zeros = outside
        return written

    def loop(self, loop: For) -> For:
        start, stop = self.operand(loop.start), self.operand(loop.stop)
        inits = [self.operand(c.init) for c in loop.carries]
        insides = [self.defined(c.inside) for c in loop.carries]
        index, body = self.defined(loop.index), self.block(loop.body)
        nexts = [self.operand(c.next) for c in loop.carries]
        results = [self.defined(c.result) for c in loop.carries]
        carries = list(map(Carry, insides, inits, nexts, results))
        now = dict(zip(loop.carries, carries, strict=True))
        merges = tuple(replace(m, carries=tuple(now[c] for c in m.carries)) for m in loop.merges)
        return replace(loop, index=index, start=start, stop=stop, carries=carries, body=body, merges=merges)
