"""What a compiler needs to know about a primitive, as data. Layer 2.

Each primitive declares one of these as ``lower``. They name shapes of computation, not code: the scheduler
decides how a reduction or an index map becomes loops.

>>> Elementwise("sin")
Elementwise('sin')
"""

from __future__ import annotations


class Lowering:
    """One word about a primitive. No dataclass: making ten of them took 3 ms of each start."""

    __slots__ = ("word",)
    __match_args__ = ("word",)

    def __init__(self, word: str = ""):
        self.word = word

    def __eq__(self, other) -> bool:
        return type(self) is type(other) and self.word == other.word

    def __hash__(self) -> int:
        return hash((type(self), self.word))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.word!r})" if self.word else f"{type(self).__name__}()"


class Elementwise(Lowering):
    """One scalar operation per element; operands have the result's shape or rank 0. The word is the operation."""

    __slots__ = ()


class Reduction(Lowering):
    """Combine along ``axes`` with a scalar operation."""

    __slots__ = ()


class Cumulative(Lowering):
    """Running combination along one axis by a scalar operation."""

    __slots__ = ()


class IndexMap(Lowering):
    """Every result element is one operand element (or a fill value) at computed indices."""

    __slots__ = ()


class Update(Lowering):
    """A copy of the first operand with elements replaced or combined at computed indices."""

    __slots__ = ()


class Contraction(Lowering):
    """Sum of products over contracted dimensions."""

    __slots__ = ()


class Region(Lowering):
    """Control flow that contains programs. The word is its kind."""

    __slots__ = ()


class Library(Lowering):
    """A routine of BLAS or LAPACK (or an unrolled form of it for tiny matrices)."""

    __slots__ = ()


class HostCall(Lowering):
    """Runs in NumPy or SciPy. The word is the reason why."""

    __slots__ = ()


class UserCall(HostCall):
    """Runs a Python function of the user, which may keep what it is given."""

    __slots__ = ()


class Identity(Lowering):
    """No computation: a marker that passes its operands through. The word is the reason."""

    __slots__ = ()
