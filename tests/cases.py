"""The row table: what every primitive is tested on. A primitive without a row fails ``test_primitives.py``.

    Case("sin", (np.linspace(-3, 3, 5),), reference=np.sin)

Rows live in ``tests/rows/``, one file for each file of ``jaxlite/ops`` and ``jaxlite/control``; the package
puts them together. This file says what a row is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Case:
    """Sample inputs of one primitive and what to expect.

    Attributes
    ----------
    primitive : str
    args : tuple
        Arrays (or NumPy scalars) handed to ``bind``.
    params : dict
    reference : callable, optional
        ``(*args, **params) -> array or tuple of arrays`` in plain NumPy or SciPy. None only where NumPy has
        no word for it; then ``impl`` is checked against `expected`.
    expected : optional
        Results written out, where there is no reference.
    derivatives : tuple of int, or "auto", or None
        Positions of the args to differentiate with respect to; "auto": all of floating or complex dtype;
        None: the sample sits at a kink or a singular point (checked in the golden tests instead).
    order : int
        Highest order of derivative to check by finite differences.
    batch : bool
        Whether to check the batch rule on this sample.
    tol : float, optional
        Relative tolerance of the derivative checks, where the table's does not do; say why in a comment.
    label : str
        Distinguishes samples of one primitive.
    call : callable, optional
        ``(*args) -> array or tuple of arrays``: a use of the primitive that is run in the place of ``bind``.
        For primitives whose params hold programs, or that only appear while others are transformed.
    """

    primitive: str
    args: tuple
    params: dict[str, Any] = field(default_factory=dict)
    reference: Callable | None = None
    expected: Any = None
    derivatives: Any = "auto"
    order: int = 2
    batch: bool = True
    tol: float | None = None
    label: str = ""
    call: Callable | None = None

    def __post_init__(self):
        # Samples are shared by many checks: an operation that writes into its operands fails at once.
        for arg in self.args:
            if isinstance(arg, np.ndarray):
                arg.flags.writeable = False

    @property
    def id(self) -> str:
        avals = ",".join(
            f"{getattr(a, 'dtype', type(a).__name__)}{getattr(a, 'shape', ())}" for a in self.args
        )
        return "-".join(part for part in (self.primitive, self.label, avals.replace(" ", "")) if part)


@dataclass(frozen=True, eq=False)
class ErrorCase:
    """Operands that a primitive refuses, and the message it gives."""

    primitive: str
    args: tuple
    params: dict[str, Any]
    error: type[Exception]
    match: str
