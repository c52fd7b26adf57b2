"""The intermediate representation: a jaxpr is a list of equations over typed variables.

    { lambda ; a:f64[3]. let b:f64[3] = sin a; c:f64[] = reduce_sum[axes=(0,)] b in (c,) }

All of it is immutable data. ``printing`` writes it, ``parsing`` reads it back, ``check`` verifies it, and the
interpreters give it meaning. Layer 1: imports nothing of jaxlite but layer 0.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Union

import numpy as np

from jaxlite.dtypes import short_name, tangent_dtype
from jaxlite.source import Source


@dataclass(frozen=True, slots=True)
class ShapedArray:
    """The abstract value of an array: its shape, dtype, and whether it promotes like a Python scalar."""

    shape: tuple[int, ...]
    dtype: np.dtype
    weak_type: bool = False

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        size = 1
        for n in self.shape:
            size *= n
        return size

    def update(self, **changes) -> ShapedArray:
        return replace(self, **changes)

    def strip_weak_type(self) -> ShapedArray:
        return ShapedArray(self.shape, self.dtype) if self.weak_type else self

    def to_tangent(self) -> ShapedArray:
        """Return the aval of tangents (and cotangents) of this value."""
        return ShapedArray(self.shape, tangent_dtype(self.dtype))

    def mapped(self, size: int, dim: int) -> ShapedArray:
        """Return the aval with a dimension of ``size`` put in at ``dim``."""
        return ShapedArray((*self.shape[:dim], size, *self.shape[dim:]), self.dtype, self.weak_type)

    def unmapped(self, dim: int) -> ShapedArray:
        """Return the aval without dimension ``dim``."""
        return ShapedArray(self.shape[:dim] + self.shape[dim + 1 :], self.dtype, self.weak_type)

    def stacked(self, length: int) -> ShapedArray:
        """Return the aval of ``length`` such values, one a step of a loop."""
        return self.mapped(length, 0).strip_weak_type()

    def str_short(self) -> str:
        return str(self)

    def __str__(self) -> str:
        star = "*" if self.weak_type else ""
        return f"{short_name(self.dtype)}{star}[{','.join(map(str, self.shape))}]"

    __repr__ = __str__


class Groups(NamedTuple):
    """The mapped dimension of a tape, where the elements of a vmap recorded in groups: each group has its own tape.

    Attributes
    ----------
    together : int
        Elements of a group, side by side; 1: every element has its own tape.
    position : int
        Where in the tape's stack the groups are counted.
    """

    together: int
    position: int


@dataclass(frozen=True, slots=True)
class Tape:
    """The abstract value of a record that a loop of unknown length leaves behind: one row of elements a step.

    A tape is an opaque object on the heap; only the primitives that record and replay it look inside.

    Attributes
    ----------
    elements : tuple of ShapedArray or Tape
        What one step records.
    stack : tuple of int
        Sizes of enclosing loops that stacked such tapes.
    """

    elements: tuple[ShapedArray | Tape, ...]
    stack: tuple[int, ...] = ()

    weak_type: ClassVar[bool] = False
    shape: ClassVar[tuple[int, ...]] = ()
    dtype: ClassVar[np.dtype] = np.dtype(object)

    def strip_weak_type(self) -> Tape:
        return self

    def to_tangent(self) -> Tape:
        """Return the aval of a tape's tangent: the tangents of its differentiable elements."""
        return Tape(tuple(e.to_tangent() for e in self.elements if e.dtype.kind in "fcO"), self.stack)

    def mapped(self, size: int, dim: int | Groups) -> Tape:
        """Return the aval of such tapes of ``size`` elements of a vmap, side by side, or in groups.

        Side by side, the last column tells at which steps each of them was active: they may have run for different
        numbers.
        """
        if isinstance(dim, Groups):
            one = self if dim.together == 1 else self.mapped(dim.together, 0)
            count = -(-size // dim.together)
            return Tape(one.elements, (*self.stack[: dim.position], count, *self.stack[dim.position :]))
        active = ShapedArray((size,), np.dtype(np.bool_))
        return Tape((*(e.mapped(size, 0) for e in self.elements), active), self.stack)

    def unmapped(self, dim: int | Groups) -> Tape:
        """Return the aval of one element's tape."""
        if isinstance(dim, Groups):
            one = Tape(self.elements, (*self.stack[: dim.position], *self.stack[dim.position + 1 :]))
            return one if dim.together == 1 else one.unmapped(0)
        return Tape(tuple(e.unmapped(0) for e in self.elements[:-1]), self.stack)

    def stacked(self, length: int) -> Tape:
        return Tape(self.elements, (length, *self.stack))

    def unstacked(self) -> Tape:
        return Tape(self.elements, self.stack[1:])

    def __str__(self) -> str:
        stack = f"[{','.join(map(str, self.stack))}]" if self.stack else ""
        return f"tape{stack}({' '.join(map(str, self.elements))})"

    __repr__ = __str__


Aval = Union[ShapedArray, Tape]  # noqa: UP007 (evaluated at run time by dataclass users)


# The single table of primitives, name -> declaration; every ``Primitive`` enters itself when it is made. It stands
# a layer below the declarations because the parser reads it.
PRIMITIVES: dict[str, Any] = {}


class Var:
    """A variable: bound once, compared by identity."""

    __slots__ = ("__weakref__", "aval")

    def __init__(self, aval: Aval):
        self.aval = aval

    def __repr__(self) -> str:
        return f"Var({self.aval})"


class Literal:
    """A scalar constant that stands in an equation."""

    __slots__ = ("aval", "val")

    def __init__(self, val: Any, aval: ShapedArray):
        self.val = val
        self.aval = aval

    def __repr__(self) -> str:
        return f"Literal({self.val})"


Atom = Union[Var, Literal]  # noqa: UP007


@dataclass(frozen=True, slots=True, eq=False)
class Eqn:
    """One line of a program: ``outvars = primitive[params] invars``."""

    primitive: Any  # Primitive, declared one layer up
    invars: tuple[Atom, ...]
    outvars: tuple[Var, ...]
    params: dict[str, Any]
    source: Source | None

    @property
    def source_info(self) -> Source | None:
        return self.source

    @property
    def effects(self) -> frozenset[str]:
        """Effects of the primitive and of every program among the params."""
        inner = [j.effects for j in subjaxprs(self.params)] if self.params else ()
        return self.primitive.effects.union(*inner) if inner else self.primitive.effects

    def replace(self, **changes) -> Eqn:
        return replace(self, **changes)


@dataclass(frozen=True, eq=False)
class Jaxpr:
    """A program. Programs inside params have no constvars: what they capture is passed as operands."""

    invars: tuple[Var, ...]
    constvars: tuple[Var, ...]
    eqns: tuple[Eqn, ...]
    outvars: tuple[Atom, ...]

    @property
    def in_avals(self) -> tuple[Aval, ...]:
        return tuple(v.aval for v in self.invars)

    @property
    def out_avals(self) -> tuple[Aval, ...]:
        return tuple(v.aval for v in self.outvars)

    @functools.cached_property
    def effects(self) -> frozenset[str]:
        return frozenset().union(*(eqn.effects for eqn in self.eqns))

    @functools.cached_property
    def derived(self) -> dict[tuple, Any]:
        """What `cached_by_jaxpr` keeps; it may hold the program itself, which a table of weak keys would not free."""
        return {}

    def replace(self, **changes) -> Jaxpr:
        return replace(self, **changes)


@dataclass(frozen=True, eq=False)
class ClosedJaxpr:
    """A program together with the values of its constvars."""

    jaxpr: Jaxpr
    consts: tuple[Any, ...]

    @property
    def literals(self) -> tuple[Any, ...]:
        return self.consts

    @property
    def eqns(self) -> tuple[Eqn, ...]:
        return self.jaxpr.eqns

    @property
    def in_avals(self) -> tuple[Aval, ...]:
        return self.jaxpr.in_avals

    @property
    def out_avals(self) -> tuple[Aval, ...]:
        return self.jaxpr.out_avals

    @property
    def effects(self) -> frozenset[str]:
        return self.jaxpr.effects

    def replace(self, **changes) -> ClosedJaxpr:
        return replace(self, **changes)


class ArrayConstant:
    """An array as a param of an equation: compared by identity, printed as its type."""

    __slots__ = ("aval", "value")

    def __init__(self, value):
        self.value = value
        self.aval = ShapedArray(value.shape, value.dtype)

    def __repr__(self) -> str:
        return f"<{self.aval}>"


def subjaxprs(params: dict[str, Any]):
    """Yield every program among the params of an equation."""
    for value in params.values():
        if isinstance(value, Jaxpr):
            yield value
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, Jaxpr):
                    yield item


def lift_constvars(jaxpr: Jaxpr) -> Jaxpr:
    """Turn constvars into leading inputs: ``{ lambda c ; x. … }`` -> ``{ lambda ; c x. … }``."""
    if not jaxpr.constvars:
        return jaxpr
    return Jaxpr(jaxpr.constvars + jaxpr.invars, (), jaxpr.eqns, jaxpr.outvars)


def cached_by_jaxpr(function):
    """Cache ``function(jaxpr, *hashable)`` for as long as the program lives."""

    @functools.wraps(function)
    def cached(jaxpr, *args):
        key = (function, *args)
        try:
            return jaxpr.derived[key]
        except KeyError:
            result = jaxpr.derived[key] = function(jaxpr, *args)
            return result

    return cached
