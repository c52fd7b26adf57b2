"""Loops over one range that follow each other become one, where one reads what the other has just written.

    for k in range(400): t[k] = …                 for k in range(400):
    for l in range(3):                                v = …
        for k in range(400): c = c + f(t[k], l)  ->   c0 = c0 + f(v, 0)
        y[l] = c                                      c1 = c1 + f(v, 1)
                                                      c2 = c2 + f(v, 2)
                                                  y[0] = c0; y[1] = c1; y[2] = c2

Short loops around or inside of them are written out, as unroll and jam does (F. E. Allen, J. Cocke, A catalogue of
optimizing transformations, 1972). Values pass from one to the next in registers, and what waits, as for a division,
waits while the others compute: the gradient of a Lennard-Jones potential of 400 atoms takes 0.75 of the time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from jaxlite.codegen.copies import Copy, is_short
from jaxlite.codegen.loops import (
    INT,
    Affine,
    Buffer,
    Const,
    For,
    Kernel,
    Let,
    Load,
    LoopProgram,
    Operand,
    Scalar,
    Statement,
    Store,
    blocks,
    walk,
)
from jaxlite.codegen.nests import LARGEST_KERNEL


def jam(program: LoopProgram) -> LoopProgram:
    """Let loops over one range be one where values pass from one to the next (in place)."""
    for statement in walk(program.body):
        if isinstance(statement, Kernel):
            for block in [statement.body, *(b for s in walk(statement.body) for b in blocks(s))]:
                if sum(isinstance(s, For) for s in block) > 1:
                    block[:] = _jammed(block)
    return program


def _jammed(block: list[Statement]) -> list[Statement]:
    done: list[Statement] = []
    current: _Jam | None = None
    for statement in block:
        grown = current.with_loops(_long_loops(statement)) if current else None
        if grown is not None:
            current = grown
        elif (loop := _long_loop(statement)) is not None:
            done += current.statements() if current else []
            current = _Jam(loop, _Effects([statement]))
        elif current is None:
            done.append(statement)
        else:
            current.follow(statement, done)
    return [*done, *(current.statements() if current else [])]


def _long_loops(statement: Statement) -> list[Statement]:
    """Return what a short loop comes to when it is written out, or a long loop itself; nothing for all else."""
    if not isinstance(statement, For) or not _is_plain(statement.body):
        return []
    if not is_short(statement):
        return [statement]
    if statement.carries or not any(isinstance(s, For) and not is_short(s) for s in statement.body):
        return []
    return Copy().steps(statement)


def _is_plain(body: list[Statement]) -> bool:
    return all(isinstance(s, Let | Load | Store | For) for s in walk(body))


def _long_loop(statement: Statement) -> _Long | None:
    """Return a long loop in which only short ones are, or what that is in spans; None for all else."""
    if not isinstance(statement, For) or not statement.indices or not _is_plain(statement.body):
        return None
    if _has_short_loops_only(statement):
        return None if is_short(statement) else _Long(statement, statement.indices)
    kinds = [type(s) for s in statement.body]
    if kinds[:3] != [Let, Let, For] or not all(kind is Let for kind in kinds[3:]):
        return None
    _, end, inner = statement.body[:3]
    in_spans = (
        inner.start is statement.index and inner.stop is end.out and end.op == "min" and inner.step == 1
    )
    if not in_spans or not _has_short_loops_only(inner):
        return None
    return _Long(inner, range(statement.indices.start, statement.indices.stop), statement)


def _has_short_loops_only(loop: For) -> bool:
    return loop.kind in ("parallel", "reduce") and all(
        is_short(s) for s in walk(loop.body) if isinstance(s, For)
    )


@dataclass
class _Long:
    """A long loop, and the loop over spans of it, as sums of many elements are added up.

    Attributes
    ----------
    loop : For
    indices : range
    spans : For or None
        Its first three statements are two that tell where the span ends, and ``loop``.
    """

    loop: For
    indices: range
    spans: For | None = None

    @property
    def statement(self) -> For:
        return self.spans or self.loop

    @property
    def shared(self) -> list[Scalar]:
        """What stands for the place in the loop: of two that run together, the same."""
        outer = [self.spans.index, self.loop.stop] if self.spans else []
        return [self.loop.index, *outer]

    def in_spans_of(self, other: _Long) -> _Long | None:
        """Return the loop in spans as ``other`` is, None where that cannot be."""
        if (self.spans is None) == (other.spans is None):
            return self if other.spans is None or self.spans.step == other.spans.step else None
        if self.spans is not None:
            return self
        if self.loop.carries or self.indices.step != 1:
            return None
        spans = other.spans
        first, after, end = (Scalar(INT) for _ in range(3))
        step, stop = Const(spans.step, INT), Const(self.indices.stop, INT)
        loop = replace(self.loop, start=first, stop=end, last=other.loop.last, expected=other.loop.expected)
        body = [Let(after, "add", (first, step)), Let(end, "min", (after, stop)), loop]
        outer = replace(self.loop, index=first, step=spans.step, body=body)
        return _Long(loop, self.indices, outer)

    def copied(self, copy: Copy) -> _Long:
        new = copy.loop(self.statement)
        return _Long(new.body[2], self.indices, new) if self.spans else _Long(new, self.indices)

    def joined(self, other: _Long) -> _Long:
        """Return one loop that runs the steps of both."""
        loop = _forwarded(_side_by_side(self.loop, other.loop, [*self.loop.body, *other.loop.body]))
        if self.spans is None:
            return _Long(loop, self.indices)
        body = [*self.spans.body[:2], loop, *self.spans.body[3:], *other.spans.body[3:]]
        return _Long(loop, self.indices, _side_by_side(self.spans, other.spans, body))


def _side_by_side(mine: For, other: For, body: list[Statement]) -> For:
    carries = [*mine.carries, *other.carries]
    return replace(
        mine,
        body=body,
        carries=carries,
        merges=(*mine.merges, *other.merges),
        kind="reduce" if carries else "parallel",
        as_it_is=mine.as_it_is or other.as_it_is,
    )


@dataclass
class _Jam:
    """A loop that others were made part of, and what follows it."""

    long: _Long
    effects: _Effects
    after: list[Statement] = field(default_factory=list)

    def statements(self) -> list[Statement]:
        return [self.long.statement, *self.after]

    def follow(self, statement: Statement, before: list[Statement]) -> None:
        """Put a statement behind the loop, or before it where it hangs on nothing there: loops may follow then."""
        effects = _Effects([statement])
        if effects.may_pass(self.effects) and effects.may_pass(_Effects(self.after)):
            before.append(statement)
        else:
            self.after.append(statement)

    def with_loops(self, statements: list[Statement]) -> _Jam | None:
        """Return the loop with all loops of ``statements`` made part of it, None where that cannot be."""
        grown: _Jam | None = None
        for statement in statements:
            if isinstance(statement, For):
                grown = (grown or self).with_loop(statement)
            elif grown is not None:
                grown = replace(grown, after=[*grown.after, statement])
            if grown is None:
                return None
        return grown

    def with_loop(self, statement: For) -> _Jam | None:
        mine, other = self.long, _long_loop(statement)
        if other is None or other.indices != mine.indices:
            return None
        mine, other = mine.in_spans_of(other), other.in_spans_of(mine)
        if mine is None or other is None:
            return None
        mine = mine.copied(Copy(anew=False))
        other = other.copied(Copy(dict(zip(other.shared, mine.shared, strict=True)), anew=False))
        effects, of_mine = _Effects([other.statement]), _Effects([mine.statement])
        if len(mine.loop.body) + len(other.loop.body) > LARGEST_KERNEL or not effects.reads(of_mine):
            return None
        if not effects.may_pass(_Effects(self.after)) or not effects.may_join(of_mine, mine):
            return None
        joined = mine.joined(other)
        return _Jam(joined, _Effects([joined.statement]), self.after)


class _Effects:
    """Which scalars statements define and use, and which places they read and write."""

    def __init__(self, statements: list[Statement]):
        self.defined: set[Scalar] = set()
        self.used: set[Scalar] = set()
        self.loads: dict[Buffer, list[Affine]] = {}
        self.stores: dict[Buffer, list[Affine]] = {}
        self.known = True
        for s in walk(statements):
            if isinstance(s, Let):
                self.defined.add(s.out)
                self.used.update(s.args)
            elif isinstance(s, Load):
                self.defined.add(s.out)
                self._touch(self.loads, s.buffer, s.index)
            elif isinstance(s, Store):
                self.used.add(s.value)
                self._touch(self.stores, s.buffer, s.index)
            elif isinstance(s, For):
                self.defined.add(s.index)
                self.used.update((s.start, s.stop))
                for c in s.carries:
                    self.defined.update((c.inside, c.result))
                    self.used.update((c.init, c.next))
            else:
                self.known = False
        self.used.difference_update(self.defined)

    def _touch(self, places: dict, buffer: Buffer, index: Affine) -> None:
        self.used.update(scalar for scalar, _ in index.terms)
        places.setdefault(buffer, []).append(index)
        self.known &= buffer.place != "pointer"

    def reads(self, earlier: _Effects) -> bool:
        """Whether something is read where earlier statements have written."""
        return any(buffer in earlier.stores for buffer in self.loads)

    def may_pass(self, earlier: _Effects) -> bool:
        """Whether the order of these statements and of earlier ones does not matter."""
        if not (self.known and earlier.known) or not self.used.isdisjoint(earlier.defined):
            return False
        return not any(
            buffer in theirs
            for mine, theirs in (
                (self.stores, earlier.stores),
                (self.stores, earlier.loads),
                (self.loads, earlier.stores),
            )
            for buffer in mine
        )

    def may_join(self, earlier: _Effects, long: _Long) -> bool:
        """Whether the steps of a later loop may run with those of ``long``, which has the same index."""
        if not (self.known and earlier.known):
            return False
        if not self.used.isdisjoint(earlier.defined.difference(long.shared)):
            return False
        pairs = [(self.stores, earlier.stores), (self.stores, earlier.loads), (self.loads, earlier.stores)]
        return all(
            _meet_in_a_step(a, b, long)
            for mine, theirs in pairs
            for buffer in mine
            for a in mine[buffer]
            for b in theirs.get(buffer, ())
        )


def _meet_in_a_step(a: Affine, b: Affine, long: _Long) -> bool:
    """Whether two places are the same in the same step alone, or in none."""
    factor = abs(dict(a.terms).get(long.loop.index, 0))
    if a.terms != b.terms:
        return False
    distance, span = abs(a.constant - b.constant), factor * (max(long.indices) - min(long.indices))
    return distance > span or (distance == 0 and factor > 0)


def _forwarded(loop: For) -> For:
    """Hand on in registers what a step has written."""
    copy, body = Copy(anew=False), []
    written: dict[tuple[Buffer, Affine], Operand] = {}
    for statement in loop.body:
        (s,) = copy.block([statement])
        if isinstance(s, Load) and (s.buffer, s.index) in written:
            copy.now[s.out] = written[s.buffer, s.index]
            continue
        body.append(s)
        if isinstance(s, Store):
            # What lies elsewhere in the buffer may be the same place.
            written = {place: value for place, value in written.items() if place[0] is not s.buffer}
            written[s.buffer, s.index] = s.value
    loop = copy.loop(replace(loop, body=[]))
    return replace(loop, body=body)
