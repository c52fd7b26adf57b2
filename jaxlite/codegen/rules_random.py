"""Random bits in loops: each element enciphers its own place.

for i in range(n):     count = i;  x, y = threefry(key, count);  z[i] = x << 32 | y

All of it is arithmetic of 32-bit words without branches, of which LLVM takes a register full at a time.
"""

from __future__ import annotations

import math

from jaxlite.codegen.loops import Affine, Const
from jaxlite.codegen.schedule import Scheduler, rule
from jaxlite.codegen.values import Lazy, needs_of, row_major
from jaxlite.ops.random_bits import U32, U64, threefry2x32

# As measured in a vectorised loop, where exp costs 10.
COST = 16


class _Word:
    """A 32-bit word of a loop program, with the operators that the cipher uses."""

    __slots__ = ("b", "scalar")

    def __init__(self, b, scalar):
        self.b, self.scalar = b, scalar

    def _with(self, operation, other):
        scalar = other.scalar if type(other) is _Word else Const(other, U32)
        return _Word(self.b, self.b.let(operation, self.scalar, scalar))

    def __add__(self, other):
        return self._with("add", other)

    def __xor__(self, other):
        return self._with("xor", other)


def _rotate(word: _Word, count: int) -> _Word:
    return _Word(word.b, word.b.let("rotate_left", word.scalar, Const(count, U32)))


def _halves(b, start, position: Affine, size: int) -> tuple:
    """Return the two words of a counter: ``start + position``."""
    if type(start) is Const and int(start.value) == 0 and size < 1 << 32:
        return Const(0, U32), b.convert(b.index(position), U32)
    count = b.let("add", start, b.convert(b.index(position), U64))
    return b.convert(b.let("lshr", count, Const(32, U64)), U32), b.convert(count, U32)


@rule("random_bits")
def _random_bits(s: Scheduler, eqn, operands):
    key, start = operands
    width, shape = eqn.params["bit_width"], eqn.params["shape"]
    aval, rank = eqn.outvars[0].aval, len(key.shape) - 1
    # Each element reads all of its key.
    key = s.stored(key)
    start = s.stored(start) if start.shape else s.numbers(start)
    size, strides = math.prod(shape), row_major(shape)

    def compute(b, index):
        of, place = index[:rank], index[rank:]
        words = tuple(_Word(b, key.element(b, (*of, Affine(k)))[0]) for k in range(2))
        (first,) = start.element(b, of if start.shape else ())
        position = Affine()
        for i, stride in zip(place, strides, strict=True):
            position = position + i * stride
        block = tuple(_Word(b, half) for half in _halves(b, first, position, size))
        x, y = threefry2x32(words, block, _rotate)
        if width < 64:
            return (b.convert((x ^ y).scalar, aval.dtype),)
        high = b.let("shl", b.convert(x.scalar, U64), Const(32, U64))
        return (b.let("or", high, b.convert(y.scalar, U64)),)

    def element(b, index):
        return b.remember((element, index), lambda: compute(b, index))

    lazy = Lazy(aval.dtype, aval.shape, element, COST, needs_of([key, start], elsewhere=True))
    return [lazy if aval.shape else s.numbers(lazy)]
