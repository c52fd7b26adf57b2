"""Forward mode: push tangents along with primals.

    jvp_jaxpr({ lambda ; a. let b = sin a in (b,) })
    ->  { lambda ; a ȧ. let b = sin a; c = cos a; ḃ = mul ȧ c in (b, ḃ) }

Tangents that are known to be zero are `Zero` and cost nothing; a result whose tangent is zero is not a tracer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jaxlite.interpreters.evaluate import eval_jaxpr
from jaxlite.interpreters.stage import stage_rule
from jaxlite.ir import Jaxpr, Tape, cached_by_jaxpr
from jaxlite.ops.structural import instantiate
from jaxlite.primitive import PRIMITIVES, Zero, zero_tangent
from jaxlite.trace import Trace, Tracer, ancestors, aval_of, current_trace, set_current


class JVPTracer(Tracer):
    """A primal with its tangent."""

    __slots__ = ("primal", "tangent")

    def __init__(self, trace: JVPTrace, primal, tangent):
        self._trace = trace
        self.primal = primal
        self.tangent = tangent

    @property
    def aval(self):
        return aval_of(self.primal)

    def concrete(self):
        return self.primal.concrete() if isinstance(self.primal, Tracer) else self.primal

    def why_unknown(self) -> str:
        return self.primal.why_unknown() if isinstance(self.primal, Tracer) else super().why_unknown()

    def describe(self) -> str:
        return self.primal.describe() if isinstance(self.primal, Tracer) else str(self.aval)

    def creation_source(self):
        return self.primal.creation_source() if isinstance(self.primal, Tracer) else None

    def __repr__(self) -> str:
        if isinstance(self.tangent, Tracer):
            return f"GradTracer(primal={self.primal}, typeof(tangent)={aval_of(self.tangent)})"
        return f"JVPTracer(primal={self.primal}, tangent={self.tangent})"


class JVPTrace(Trace):
    """Runs the primitives' jvp rules under the parent."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "jvp"

    def process(self, primitive, args, params):
        with set_current(self.parent) as parent:
            if not any(isinstance(arg, JVPTracer) and arg._trace is self for arg in args):
                return parent.process(primitive, args, params)
            primals, tangents = zip(*map(self.split, args), strict=True)
            if primitive.jvp is zero_tangent:
                return parent.process(primitive, primals, params)
            outs, tangents_out = primitive.jvp(primals, tangents, **params)
        return tuple(map(self.join, outs, tangents_out))

    def split(self, value):
        """Return primal and tangent of any value."""
        if isinstance(value, JVPTracer) and value._trace is self:
            return value.primal, value.tangent
        return value, Zero.like(value)

    def join(self, primal, tangent):
        """Pair a primal with its tangent; a zero tangent needs no tracer."""
        return primal if type(tangent) is Zero else JVPTracer(self, primal, tangent)


def jvp_flat(fun: Callable, primals: Sequence, tangents: Sequence) -> tuple[list, list]:
    """Run ``fun`` of flat arguments forward with tangents.

    Parameters
    ----------
    fun : callable
        ``(*values) -> sequence of values``.
    primals, tangents : sequence
        A tangent may be `Zero`.

    Returns
    -------
    primals_out, tangents_out : list
        A tangent may be `Zero`.
    """
    trace = JVPTrace(current_trace())
    with set_current(trace):
        outs = fun(*map(trace.join, primals, tangents))
    pairs = [trace.split(out) for out in outs]
    return [primal for primal, _ in pairs], [tangent for _, tangent in pairs]


def drop_tangents(value):
    """Return the primal of a value that left the jvp it was made in (auxiliary results)."""
    while isinstance(value, JVPTracer) and all(value._trace is not t for t in ancestors(current_trace())):
        value = value.primal
    return value


def instantiate_tangent(primal, tangent):
    """Turn a symbolic zero into the zero of its primal; only the primal knows how long a tape is."""
    if type(tangent) is Zero and isinstance(tangent.aval, Tape):
        return PRIMITIVES["tape_zeros_like"].bind(primal, num_masks=0)
    return instantiate(tangent)


@cached_by_jaxpr
def jvp_jaxpr(jaxpr: Jaxpr, nonzero: tuple[bool, ...], instantiate_outs: tuple[bool, ...] | bool = False):
    """Turn a program into the program of its jvp.

    Parameters
    ----------
    jaxpr : Jaxpr
        ``(x_1, …, x_n) -> (y_1, …, y_m)``, without constvars.
    nonzero : tuple of bool
        Which inputs have a tangent.
    instantiate_outs : tuple of bool, or bool
        Which outputs get an array as tangent even if it is zero.

    Returns
    -------
    jaxpr : Jaxpr
        ``(x_1, …, x_n, ẋ_i where nonzero) -> (y_1, …, y_m, ẏ_j where nonzero_out)``.
    nonzero_out : tuple of bool
    """
    wanted = (
        (instantiate_outs,) * len(jaxpr.outvars) if isinstance(instantiate_outs, bool) else instantiate_outs
    )
    nonzero_out: tuple[bool, ...] = ()

    def jvp_fun(*args):
        nonlocal nonzero_out
        primals, given = args[: len(nonzero)], iter(args[len(nonzero) :])
        tangents = [next(given) if nz else Zero.like(x) for x, nz in zip(primals, nonzero, strict=True)]
        outs, tangents_out = jvp_flat(lambda *xs: eval_jaxpr(jaxpr, (), *xs), primals, tangents)
        tangents_out = [
            instantiate_tangent(x, t) if want else t
            for x, t, want in zip(outs, tangents_out, wanted, strict=True)
        ]
        nonzero_out = tuple(type(t) is not Zero for t in tangents_out)
        return outs + [t for t in tangents_out if type(t) is not Zero]

    tangent_avals = [a.to_tangent() for a, nz in zip(jaxpr.in_avals, nonzero, strict=True) if nz]
    out = stage_rule(jvp_fun, [*jaxpr.in_avals, *tangent_avals], "jvp")
    return out, nonzero_out
