"""What a variable of a jaxpr is while it is scheduled: numbers, a view of a buffer, or a recipe for an element.

    b:f64[3,2] = transpose a      View(a's buffer, shape=(3, 2), strides=(1, 3)): nothing is moved
    c:f64[3,2] = sin b            Lazy: element (i, j) is sin of a's element (j, i), computed where it is used
    d:f64[] = reduce_sum c        Numbers: the scalar that a loop left behind

An element of a complex array is a pair of scalars, of any other array a tuple of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from jaxlite.codegen.builder import Builder
from jaxlite.codegen.loops import Affine, Buffer, Const, Operand, Scalar

Index = tuple[Affine, ...]
Components = tuple[Operand, ...]


def storage(dtype: np.dtype) -> tuple[np.dtype, int]:
    """Return the type of the scalars that make up an element, and how many there are."""
    if dtype.kind == "c":
        return np.dtype(f"f{dtype.itemsize // 2}"), 2
    if dtype == np.float16:
        return np.dtype(np.uint16), 1  # moved, but never computed with
    return dtype, 1


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[d + 1 :]) for d in range(len(shape)))


@dataclass(frozen=True, eq=False)
class Numbers:
    """A value of rank 0, in scalars."""

    dtype: np.dtype
    components: Components
    shape: tuple[int, ...] = ()
    cost: int = 0

    def element(self, b, index: Index) -> Components:
        return self.components

    @property
    def needs(self) -> dict:
        return {c: None for c in self.components if type(c) is Scalar}


@dataclass(frozen=True, eq=False)
class View:
    """Elements of a buffer at ``offset + Σ index·stride``, counted in elements of ``dtype``."""

    dtype: np.dtype
    shape: tuple[int, ...]
    buffer: Buffer
    offset: Affine
    strides: tuple[int, ...]
    cost: int = 0

    @staticmethod
    def whole(buffer: Buffer, dtype: np.dtype, shape: tuple[int, ...], offset: Affine | int = 0) -> View:
        return View(dtype, shape, buffer, Affine.of(offset), row_major(shape))

    @property
    def is_row_major(self) -> bool:
        return all(
            n == 1 or s == t for n, s, t in zip(self.shape, self.strides, row_major(self.shape), strict=True)
        )

    def position(self, index: Index) -> Affine:
        total = self.offset
        for i, stride in zip(index, self.strides, strict=True):
            total = total + i * stride
        return total

    def element(self, b: Builder, index: Index) -> Components:
        return b.remember((self, index), lambda: self.load(b, index))

    def load(self, b: Builder, index: Index) -> Components:
        position, (_, count) = self.position(index), storage(self.dtype)
        return tuple(b.load(self.buffer, position * count + k) for k in range(count))

    def store(self, b: Builder, index: Index, components: Components) -> None:
        position = self.position(index)
        for k, component in enumerate(components):
            b.store(self.buffer, position * len(components) + k, component)

    def permuted(self, order: tuple[int, ...]) -> View:
        """Return a view whose axis ``k`` is axis ``order[k]`` of this one."""
        shape, strides = (tuple(t[d] for d in order) for t in (self.shape, self.strides))
        return View(self.dtype, shape, self.buffer, self.offset, strides)

    @property
    def needs(self) -> dict:
        return {self.buffer: (self,), **{scalar: None for scalar, _ in self.offset.terms}}


@dataclass(frozen=True, eq=False)
class Lazy:
    """An array that is computed element by element where it is used.

    Attributes
    ----------
    compute : ``(builder, index) -> components``
    cost : int
        Of one element, in additions.
    needs : dict
        The buffers and scalars that it reads: buffer -> the views that are read at the very index asked for, or None
        where it is read elsewhere too.
    depth : int
        How many recipes deep it goes down before it comes to ``anchors``.
    anchors : tuple of Lazy
        Recipes at the same index, far below, that are computed before it: Python's stack is finite.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    compute: Callable[[Builder, Index], Components]
    cost: int
    needs: dict = field(default_factory=dict)
    depth: int = 0
    anchors: tuple[Lazy, ...] = ()

    def element(self, b: Builder, index: Index) -> Components:
        if self.anchors and b.memo is not None:
            waiting = [self]
            while waiting:
                lazy = waiting[-1]
                missing = [a for a in lazy.anchors if (a.compute, index) not in b.memo]
                if missing:
                    waiting += missing
                else:
                    waiting.pop()
                    components = lazy.compute(b, index)
            return components
        return self.compute(b, index)


# So many recipes may lie on top of each other before one of them becomes an anchor; each takes five of the thousand
# frames that Python has.
DEEP = 32


def below(operands: Iterable[Value]) -> tuple[int, tuple[Lazy, ...]]:
    """Return depth and anchors of a recipe that reads ``operands`` at its own index."""
    depth, anchors = 0, {}
    for x in operands:
        if type(x) is not Lazy:
            continue
        if x.depth >= DEEP:
            anchors[x] = None
        else:
            depth = max(depth, x.depth + 1)
            anchors.update(dict.fromkeys(x.anchors))
    return depth, tuple(anchors)


Value = Numbers | View | Lazy


def needs_of(values: Iterable[Value], elsewhere: bool = False) -> dict:
    """Merge what several values need; ``elsewhere`` says that they are not read at the index asked for."""
    merged: dict = {}
    for value in values:
        for key, views in value.needs.items():
            known = merged.get(key, ())
            if elsewhere or views is None or known is None:
                merged[key] = None
            else:
                merged[key] = known + tuple(view for view in views if view not in known)
    return merged


def permuted(value: Value, order: tuple[int, ...]) -> Value:
    """Return an array whose axis ``k`` is axis ``order[k]`` of ``value``."""
    if type(value) is View:
        return value.permuted(order)
    if order == tuple(range(len(order))) or not value.shape:
        return value
    places = [order.index(d) for d in range(len(order))]

    def compute(b, index):
        return value.element(b, tuple(index[k] for k in places))

    needs = {
        key: None if views is None else tuple(view.permuted(order) for view in views)
        for key, views in value.needs.items()
    }
    return Lazy(value.dtype, tuple(value.shape[d] for d in order), compute, value.cost, needs)


def constant(value, dtype: np.dtype) -> Numbers:
    """Return a literal as numbers."""
    scalar, count = storage(dtype)
    if count == 2:
        value = complex(value)
        return Numbers(dtype, (Const(value.real, scalar), Const(value.imag, scalar)))
    if dtype == np.float16:
        value = np.float16(value).view(np.uint16)
    return Numbers(dtype, (Const(value, scalar),))
