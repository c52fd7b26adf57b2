"""What a compiler needs to know about a primitive, as data. Layer 2.

Each primitive declares one of these as ``lower``. They name shapes of computation, not code: the scheduler
decides how a reduction or an index map becomes loops.

>>> Elementwise("sin")
Elementwise(operation='sin')
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Elementwise:
    """One scalar operation per element; operands have the result's shape or rank 0."""

    operation: str


@dataclass(frozen=True)
class Reduction:
    """Combine along ``axes`` with a scalar operation."""

    operation: str


@dataclass(frozen=True)
class Cumulative:
    """Running combination along one axis."""

    operation: str


@dataclass(frozen=True)
class IndexMap:
    """Every result element is one operand element (or a fill value) at computed indices."""

    operation: str


@dataclass(frozen=True)
class Update:
    """A copy of the first operand with elements replaced or combined at computed indices."""

    operation: str


@dataclass(frozen=True)
class Contraction:
    """Sum of products over contracted dimensions."""


@dataclass(frozen=True)
class Region:
    """Control flow that contains programs."""

    kind: str


@dataclass(frozen=True)
class Library:
    """A routine of BLAS or LAPACK (or an unrolled form of it for tiny matrices)."""

    routine: str


@dataclass(frozen=True)
class HostCall:
    """Runs in NumPy or SciPy, with the reason why."""

    reason: str


@dataclass(frozen=True)
class Identity:
    """No computation: a marker that passes its operands through."""

    reason: str


Lowering = (
    Elementwise
    | Reduction
    | Cumulative
    | IndexMap
    | Update
    | Contraction
    | Region
    | Library
    | HostCall
    | Identity
)
