"""Batch: evaluate a function once for a whole axis of its arguments.

    batch_jaxpr({ lambda ; a:f64[] b:f64[3]. … }, axis of size 5, dims (0, None))
    ->  { lambda ; a:f64[5] b:f64[3]. … }

Each tracer knows which dimension of its array is the mapped one; values that do not depend on the mapped arguments
stay as they are. Collectives (``psum`` …) are answered by the trace that maps the axis they name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jaxlite.errors import RuleError
from jaxlite.interpreters.evaluate import eval_jaxpr
from jaxlite.interpreters.stage import stage_rule
from jaxlite.ir import Jaxpr, Tape, cached_by_jaxpr, subjaxprs
from jaxlite.ops.structural import broadcast_dim, move_dim
from jaxlite.primitive import PRIMITIVES, MappedAxis, NotBatchable
from jaxlite.trace import Trace, Tracer, ancestors, aval_of, current_trace, set_current


class BatchTracer(Tracer):
    """An array whose dimension ``dim`` is mapped; to the function it looks as if the dimension were not there."""

    __slots__ = ("dim", "value")

    def __init__(self, trace: BatchTrace, value, dim: int):
        self._trace = trace
        self.value = value
        self.dim = dim

    @property
    def aval(self):
        return aval_of(self.value).unmapped(self.dim)

    def why_unknown(self) -> str:
        return f"it stands for {self._trace.axis.size} values at once, one for each index of the axis mapped by vmap."

    def creation_source(self):
        return self.value.creation_source() if isinstance(self.value, Tracer) else None

    def __repr__(self) -> str:
        return f"VmapTracer(aval={self.aval}, batched={aval_of(self.value)})"


@cached_by_jaxpr
def axis_names(jaxpr: Jaxpr) -> frozenset:
    """Return the names of the axes that collectives in a program refer to."""
    own = {eqn.params["axis_name"] for eqn in jaxpr.eqns if "axis_name" in eqn.params}
    return frozenset(own).union(*(axis_names(j) for eqn in jaxpr.eqns for j in subjaxprs(eqn.params)))


class BatchTrace(Trace):
    """Runs the primitives' batch rules under the parent."""

    __slots__ = ("axis",)

    def __init__(self, parent: Trace, axis: MappedAxis):
        super().__init__(parent)
        self.axis = axis

    def __repr__(self) -> str:
        return "vmap" if self.axis.name is None else f"vmap(axis_name={self.axis.name!r})"

    def process(self, primitive, args, params):
        with set_current(self.parent) as parent:
            if self._answers(params):
                args, dims = zip(*map(self.split, args), strict=True) if args else ((), ())
                outs, out_dims = primitive.batch(self.axis, args, dims, **params)
            elif any(isinstance(arg, BatchTracer) and arg._trace is self for arg in args):
                args, dims = zip(*map(self.split, args), strict=True)
                if isinstance(primitive.batch, NotBatchable):
                    raise RuleError(
                        f"{primitive.name} cannot be batched by vmap.",
                        why=f"{primitive.batch.meaning}.",
                        fix="jaxlite.lax.map runs a function once per element.",
                    )
                outs, out_dims = primitive.batch(self.axis, args, dims, **params)
            else:
                return parent.process(primitive, args, params)
        return tuple(map(self.join, outs, out_dims))

    def _answers(self, params) -> bool:
        """Whether this trace maps an axis that a collective names, here or in a program among the params."""
        name = self.axis.name
        return name is not None and (
            params.get("axis_name") == name or any(name in axis_names(inner) for inner in subjaxprs(params))
        )

    def split(self, value):
        """Return array and mapped dimension of any value."""
        if isinstance(value, BatchTracer) and value._trace is self:
            return value.value, value.dim
        return value, None

    def join(self, value, dim: int | None):
        return value if dim is None else BatchTracer(self, value, dim)


def batch_flat(fun: Callable, axis: MappedAxis, args: Sequence, dims: Sequence) -> tuple[list, list]:
    """Run ``fun`` of flat arguments over a mapped axis; returns its results and their mapped dimensions."""
    trace = BatchTrace(current_trace(), axis)
    with set_current(trace):
        outs = fun(*map(trace.join, args, dims))
    pairs = [trace.split(out) for out in outs]
    return [value for value, _ in pairs], [dim for _, dim in pairs]


@cached_by_jaxpr
def batch_jaxpr(jaxpr: Jaxpr, axis: MappedAxis, dims: tuple, force: tuple[bool, ...] | bool = False):
    """Turn a program into one that maps it over an axis.

    Parameters
    ----------
    jaxpr : Jaxpr
        Without constvars.
    axis : MappedAxis
    dims : tuple of int, Groups or None
        The mapped dimension of each input, None for inputs that all elements share.
    force : tuple of bool, or bool
        Which outputs to map even if they do not depend on a mapped input.

    Returns
    -------
    jaxpr : Jaxpr
        Mapped arrays among the outputs have the mapped axis in front.
    out_dims : tuple
        0 for mapped outputs, None for the others, `Groups` for tapes that were recorded in groups.
    """
    forced = (force,) * len(jaxpr.outvars) if isinstance(force, bool) else force
    dims_out: tuple = ()

    def batched(*args):
        nonlocal dims_out
        outs, out_dims = batch_flat(lambda *xs: eval_jaxpr(jaxpr, (), *xs), axis, args, dims)
        pairs = [
            to_front(x, d, axis.size) if f or d is not None else (x, None)
            for x, d, f in zip(outs, out_dims, forced, strict=True)
        ]
        dims_out = tuple(d for _, d in pairs)
        return [x for x, _ in pairs]

    avals = [a if d is None else a.mapped(axis.size, d) for a, d in zip(jaxpr.in_avals, dims, strict=True)]
    out = stage_rule(batched, avals, "vmap")
    return out, dims_out


def to_front(value, dim, size: int) -> tuple[Any, Any]:
    """Move the mapped dimension to the front, or make one there; returns the value and its new ``dim``.

    Tapes that were recorded in groups stay as they are.
    """
    if isinstance(aval_of(value), Tape):
        if dim is None:
            return PRIMITIVES["tape_broadcast"].bind(value, size=size, lead=0, num_masks=0, mask=True), 0
        return value, dim
    return (broadcast_dim(value, 0, size) if dim is None else move_dim(value, dim, 0)), 0


def live_axes() -> tuple[MappedAxis, ...]:
    """Return the named axes of the enclosing ``vmap`` calls, innermost first."""
    return tuple(
        trace.axis
        for trace in ancestors(current_trace())
        if isinstance(trace, BatchTrace) and trace.axis.name is not None
    )
