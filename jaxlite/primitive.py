"""The declaration of a primitive: one frozen record holds its name and every rule.

    sin_p = elementwise("sin", np.sin, derivative=lambda ans, x: cos(x), doc="z = sin(x);  ż = cos(x)·ẋ")

No field has a default: what does not apply is written down (``zero_tangent``, ``NOT_LINEAR``,
``NotBatchable("reason")``, ``RECORD``), and using it raises a message that says so. Layer 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jaxlite.errors import InternalError
from jaxlite.ir import PRIMITIVES, Aval
from jaxlite.lowering import Lowering
from jaxlite.trace import aval_of, current_trace

PURE: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False, kw_only=True)
class Primitive:
    """One operation. Rules take and return tuples, always.

    Attributes
    ----------
    name : str
        Unique; the user function in ``jaxlite.lax`` has the same name.
    multiple_results : bool
        Whether `bind` hands back a tuple (True) or a bare value (False).
    effects : frozenset of str
        What running it does besides computing; dead-code elimination and merging respect it.
    abstract_eval : ``(*avals, **params) -> tuple[ShapedArray, ...]``
        Result types; raises the user's shape and dtype errors.
    impl : ``(*arrays, **params) -> tuple[ndarray, ...]``
        The meaning, in NumPy.
    jvp : ``(primals, tangents, **params) -> (primals_out, tangents_out)``, or ``zero_tangent``
        Tangents in and out may be `Zero`. At least one tangent in is not.
    partial_eval : ``(trace, args, **params) -> outs``, or ``RECORD``
        What linearize does when some ``args`` are unknown: record the whole (``RECORD``), or split it.
    transpose : ``(cts, *args, **params) -> tuple[ct | None, ...]``, or ``NOT_LINEAR``
        ``args`` holds ``Linear(aval)`` for linear inputs, values otherwise; one entry per arg, None or `Zero`
        where there is no cotangent. ``cts`` may hold `Zero`, not all of them. A rule returns ``NOT_LINEAR`` when
        it is linear in each of the marked inputs but not in all together, as ``mul`` of two of them.
    batch : ``(axis, args, dims, **params) -> (outs, out_dims)``, or ``NotBatchable(reason)``
        ``axis`` is a `MappedAxis`; ``dims`` are ints or None, at least one is an int.
    lower : Lowering
        What a compiler needs to know, as data.
    doc : str
        One line of maths.
    """

    name: str
    multiple_results: bool
    effects: frozenset[str]
    abstract_eval: Callable[..., tuple[Aval, ...]]
    impl: Callable[..., tuple]
    jvp: Any
    partial_eval: Any
    transpose: Any
    batch: Any
    lower: Lowering
    doc: str = field(repr=False)

    def __post_init__(self):
        if PRIMITIVES.setdefault(self.name, self) is not self:
            raise InternalError(f"two primitives are named {self.name!r}.")

    def bind(self, *args, **params):
        """Apply the primitive under the current trace."""
        outs = current_trace().process(self, args, params)
        return outs if self.multiple_results else outs[0]

    def __str__(self) -> str:
        return self.name


class Zero:
    """A tangent or cotangent that is known to be zero, without an array.

    Parameters
    ----------
    aval : ShapedArray
        The type of the zero (of the tangent, so float0 for integers).
    """

    __slots__ = ("aval",)

    def __init__(self, aval: Aval):
        self.aval = aval

    @staticmethod
    def like(primal) -> Zero:
        """Return the zero tangent of a primal value."""
        return Zero(aval_of(primal).to_tangent())

    def __repr__(self) -> str:
        return f"Zero({self.aval})"


class Linear:
    """Marks an argument of a transpose rule as the unknown of a linear function."""

    __slots__ = ("aval",)

    def __init__(self, aval: Aval):
        self.aval = aval

    def __repr__(self) -> str:
        return f"Linear({self.aval})"


def is_linear(arg) -> bool:
    return type(arg) is Linear


class MappedAxis(NamedTuple):
    """The axis that one ``vmap`` maps over.

    Attributes
    ----------
    size : int
    name
        What collectives know it by.
    side_by_side : bool
        Whether loops keep all elements at the same step, as those around them do.
    """

    size: int
    name: Any = None
    side_by_side: bool = False


class _Declared:
    """A rule that says "does not apply", or "nothing special"."""

    def __init__(self, meaning: str):
        self.meaning = meaning

    def __repr__(self) -> str:
        return self.meaning


zero_tangent = _Declared("the derivative is zero wherever it is defined")
NOT_LINEAR = _Declared("not linear in any argument")
RECORD = _Declared("linearize records the whole equation")


class NotBatchable(_Declared):
    """Declares that an operation cannot be batched, and why."""
