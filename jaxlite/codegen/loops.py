"""The loop program: the second intermediate representation, between jaxprs and machine code.

    for i0 in range(3):                 For(i0, 0, 3, body)
        v0 = x[i0]                        Load(v0, x, i0)
        v1 = sin(v0)                      Let(v1, "sin", (v0,))
        y[i0] = v1                        Store(y, i0, v1)

Scalars are in static single assignment form and of a real type: a complex number is two of them, and a complex
buffer is one of twice as many real elements, real and imaginary parts in turn. Buffers are flat and row-major; an
index is an affine expression of integer scalars. Loops carry scalars (and pointers to buffers) explicitly, so that
`render_python` and `emit_llvm` are each one walk over the statements.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

INT = np.dtype(np.int64)
BOOL = np.dtype(np.bool_)
# The type of scalars that are addresses: the base of a buffer that a loop carries, or a tape.
POINTER = np.dtype(object)


class Scalar:
    """A scalar that one statement defines; compared by identity.

    ``dtype`` is bool, a (signed or unsigned) integer, float32, float64, or `POINTER`.
    """

    __slots__ = ("dtype", "number")
    _numbers = itertools.count()

    def __init__(self, dtype: np.dtype):
        self.dtype = dtype
        self.number = next(Scalar._numbers)

    def __repr__(self) -> str:
        return f"%{self.number}:{self.dtype.name}"


class Const:
    """A number of a known type."""

    __slots__ = ("dtype", "value")

    def __init__(self, value, dtype: np.dtype):
        self.value = dtype.type(value)
        self.dtype = dtype

    def __repr__(self) -> str:
        return f"{self.value!r}"


Operand = Scalar | Const


@dataclass(frozen=True)
class Affine:
    """``constant + Σ coefficient·scalar``, an index; the scalars are int64."""

    constant: int = 0
    terms: tuple[tuple[Scalar, int], ...] = ()

    @staticmethod
    def of(value: int | Operand | Affine) -> Affine:
        if isinstance(value, Affine):
            return value
        if isinstance(value, Scalar):
            return Affine(0, ((value, 1),))
        return Affine(int(value.value if isinstance(value, Const) else value))

    def __add__(self, other: int | Scalar | Affine) -> Affine:
        other = Affine.of(other)
        if not other.terms:
            return Affine(self.constant + other.constant, self.terms)
        total = dict(self.terms)
        for scalar, coefficient in other.terms:
            total[scalar] = total.get(scalar, 0) + coefficient
        terms = sorted(((s, c) for s, c in total.items() if c), key=lambda term: term[0].number)
        return Affine(self.constant + other.constant, tuple(terms))

    def range(self, ranges: Mapping[Scalar, tuple[int, int]]) -> tuple[int, int] | None:
        """Return the smallest and the largest value, None where those of a scalar are not known."""
        low = high = self.constant
        for scalar, factor in self.terms:
            if scalar not in ranges:
                return None
            ends = [factor * end for end in ranges[scalar]]
            low, high = low + min(ends), high + max(ends)
        return low, high

    def __mul__(self, factor: int) -> Affine:
        if factor == 0:
            return Affine()
        return Affine(self.constant * factor, tuple((s, c * factor) for s, c in self.terms))

    def __sub__(self, other: int | Scalar | Affine) -> Affine:
        return self + Affine.of(other) * -1


class Buffer:
    """A flat array of real elements.

    Attributes
    ----------
    name : str
        Unique in the program, a Python identifier.
    dtype : np.dtype
        bool, integer, float32 or float64; complex values take two elements each.
    size : int
        Number of elements; 0 where only the run tells (``place`` is "pointer").
    place : str
        "input" (read only), "output", "arena" (at byte ``offset`` of it, or of ``within``), "stack", "data"
        (``data`` holds the elements), or "pointer": it begins where the scalar ``base`` points.
    origins : tuple of Buffer
        For a pointer, the buffers that it may point into.
    within : Buffer or None
        The output in which it lies, which is written when nothing reads it any more.
    is_aligned : bool
        Whether it begins where a cache line does, and lies in no output therefore, which NumPy places.
    copies : int
        Threads that may need one of their own: 1, or the number of parts of the only loop that touches it.
    """

    __slots__ = (
        "base", "copies", "data", "dtype", "is_aligned", "name", "offset", "origins", "place", "size", "within",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        dtype: np.dtype,
        size: int,
        place: str,
        *,
        base=None,
        data=None,
        origins=(),
        is_aligned=False,
    ):
        self.name, self.dtype, self.size, self.place = name, dtype, size, place
        self.base: Scalar | None = base
        self.origins: tuple[Buffer, ...] = origins
        self.data: np.ndarray | None = data
        self.offset: int | None = None
        self.within: Buffer | None = None
        self.is_aligned = is_aligned
        self.copies = 1

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __repr__(self) -> str:
        return f"{self.name}:{self.dtype.name}[{self.size}]"


@dataclass(frozen=True)
class Address:
    """The place of an element of a buffer, as an argument of a call.

    ``size`` says how many elements from there on the call touches at most, 0 where nobody has said.
    """

    buffer: Buffer
    index: Affine = Affine()
    size: int = 0


# --- statements -------------------------------------------------------------------------------------


@dataclass(eq=False)
class Let:
    """``out = op(*args)``; `scalars.OPERATIONS` lists the operations. ``params`` completes a few of them."""

    out: Scalar
    op: str
    args: tuple[Operand, ...]


@dataclass(eq=False)
class Load:
    """``out = buffer[index]``"""

    out: Scalar
    buffer: Buffer
    index: Affine


@dataclass(eq=False)
class Store:
    """``buffer[index] = value``"""

    buffer: Buffer
    index: Affine
    value: Operand


@dataclass(eq=False)
class Base:
    """``out = the address of buffer[index]``, a `POINTER`, for loops that exchange buffers."""

    out: Scalar
    buffer: Buffer
    index: Affine


@dataclass(eq=False)
class Carry:
    """A scalar that a loop carries: ``inside`` is ``init`` in the first step and ``next`` of the step before later.

    ``result`` is its value after the loop.
    """

    inside: Scalar
    init: Operand
    next: Operand | None
    result: Scalar


@dataclass(eq=False)
class Merge:
    """How results of two ranges of a loop's steps become one.

    Attributes
    ----------
    identity : tuple of Const
        What each range begins with: one component, or two of a complex number.
    combine : ``(builder, xs, ys) -> components``
    carries : tuple of Carry
        The components, where the loop carries them.
    target : Buffer or None
        Otherwise the array that steps add to; each element has the components.
    """

    identity: tuple[Const, ...]
    combine: Callable
    carries: tuple[Carry, ...] = ()
    target: Buffer | None = None


@dataclass(eq=False)
class For:
    """``for index in range(start, stop, step)``, or downwards where ``step`` is negative.

    ``kind``: "parallel" where the steps are independent of each other, "reduce" where they only meet in carried sums
    (floating point sums may be reassociated), "parts" where each step may run in a thread of its own, "serial"
    otherwise. ``polls`` asks for a look at Ctrl-C now and then. ``last`` is the largest value that the index can take,
    where ``stop`` is no constant but it is known; ``expected`` is the usual number of steps then. ``merges`` tell all
    in which steps meet that are otherwise independent. ``as_it_is`` asks LLVM not to unroll it; ``any_order`` says that
    its steps, one at a time, may come in any order.
    """

    index: Scalar
    start: Operand
    stop: Operand
    step: int
    carries: list[Carry]
    body: list
    kind: str = "serial"
    polls: bool = False
    last: int | None = None
    expected: int | None = None
    merges: tuple[Merge, ...] = ()
    as_it_is: bool = False
    any_order: bool = False

    @property
    def indices(self) -> range | None:
        """The values of the index, None where only the run tells."""
        if type(self.start) is not Const or type(self.stop) is not Const:
            return None
        return range(int(self.start.value), int(self.stop.value), self.step)


@dataclass(eq=False)
class While:
    """``while test: body``: ``test`` computes ``condition`` from the carries before each step."""

    carries: list[Carry]
    test: list
    condition: Operand
    body: list
    polls: bool = True


@dataclass(eq=False)
class Switch:
    """Run one of the branches and take its values; ``index`` (int64) is in range."""

    index: Operand
    branches: list[list]
    values: list[tuple[Operand, ...]]
    results: tuple[Scalar, ...]


@dataclass(eq=False)
class Check:
    """Leave the program with an error unless ``condition``; ``site`` numbers the equation, ``details`` are int64."""

    condition: Operand
    site: int
    details: tuple[Operand, ...] = ()


@dataclass(eq=False)
class Call:
    """``out = symbol(*args)``: a routine of `external.ROUTINES`; its args are addresses, scalars and constants.

    ``expected`` is the usual value of a size that is no constant.
    """

    out: Scalar | None
    symbol: str
    args: tuple[Address | Operand, ...]
    expected: int | None = None


@dataclass(eq=False)
class Host:
    """Leave for Python: equation ``site`` of the program reads ``operands`` and writes ``results``, whole arrays."""

    site: int
    operands: tuple[Address, ...]
    results: tuple[Address, ...]


@dataclass(eq=False)
class Kernel:
    """Statements that belong together; ``outlined`` asks for a machine function of their own.

    An outlined kernel defines no scalar that is used outside it, but for ``results``.
    """

    name: str
    body: list
    outlined: bool
    results: tuple[Scalar, ...] = ()
    comment: str = ""


Statement = Let | Load | Store | Base | For | While | Switch | Check | Call | Host | Kernel


# Bytes of an arena that lives on the stack. Windows wants functions that take a page to touch it step by step.
LARGEST_ON_STACK = 2048


@dataclass(eq=False)
class LoopProgram:
    """A program over buffers.

    Attributes
    ----------
    name : str
        A Python identifier.
    inputs, outputs : list of Buffer
        In the order of the jaxpr's; every output is a buffer of its own.
    buffers : list of Buffer
        All the others.
    body : list of Statement
    arena_bytes : int
        What the buffers in the arena need together; little of it is on the stack.
    hands_out_tapes : bool
        Whether tapes outlive the call: their list is handed out instead of freed.
    """

    name: str
    inputs: list[Buffer]
    outputs: list[Buffer]
    buffers: list[Buffer] = field(default_factory=list)
    body: list = field(default_factory=list)
    arena_bytes: int = 0
    hands_out_tapes: bool = False

    @property
    def has_arena_on_stack(self) -> bool:
        """Whether the arena is so small that taking it from the pool would be most of the work."""
        return self.arena_bytes <= LARGEST_ON_STACK

    @property
    def host_sites(self) -> list[int]:
        """The equations that are left to Python."""
        return sorted({s.site for s in walk(self.body) if isinstance(s, Host)})

    @property
    def has_host_calls(self) -> bool:
        return bool(self.host_sites)


def blocks(statement) -> tuple[list, ...]:
    """Return the lists of statements inside a statement."""
    if isinstance(statement, For | Kernel):
        return (statement.body,)
    if isinstance(statement, While):
        return (statement.test, statement.body)
    return tuple(statement.branches) if isinstance(statement, Switch) else ()


def walk(body: list):
    """Yield every statement, those of inner blocks after the one that holds them."""
    for statement in body:
        yield statement
        for block in blocks(statement):
            yield from walk(block)
