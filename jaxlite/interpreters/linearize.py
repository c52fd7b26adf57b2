"""Linearize: split the jvp of a function into a known part, computed now, and a linear part, recorded.

    linearize x ↦ sin(x) at x = 2:   known     b = sin 2; c = cos 2
                                     recorded  { lambda c ; ẋ. let ḃ = mul ẋ c in (ḃ,) }     residuals = (c,)

``jvp`` does the differentiation; the trace below only asks of each equation whether all of its operands are known.
Reference: Radul, Paszke, Frostig, Johnson, Maclaurin, "You Only Linearize Once", POPL 2023.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jaxlite.interpreters.evaluate import eval_jaxpr
from jaxlite.interpreters.jvp import jvp_flat
from jaxlite.interpreters.stage import Recorder, stage_rule
from jaxlite.ir import Aval, Eqn, Jaxpr, Var, cached_by_jaxpr, lift_constvars
from jaxlite.primitive import RECORD, Zero
from jaxlite.trace import Trace, Tracer, aval_of, current_trace, set_current


class UnknownTracer(Tracer):
    """A value that is not known yet: a variable of the recorded part."""

    __slots__ = ("variable",)  # not `var`, which is a method of arrays

    def __init__(self, trace: PartialEvalTrace, var: Var):
        self._trace = trace
        self.variable = var

    @property
    def aval(self):
        return self.variable.aval

    def why_unknown(self) -> str:
        return "it depends on a tangent, which is unknown while the function is being linearized."

    def __repr__(self) -> str:
        return f"UnknownTracer({self.aval})"


class PartialEvalTrace(Trace):
    """Computes under the parent what is known, records the rest."""

    __slots__ = ("recorder",)

    def __init__(self, parent: Trace):
        super().__init__(parent)
        self.recorder = Recorder()

    def __repr__(self) -> str:
        return "linearize"

    def process(self, primitive, args, params):
        with set_current(self.parent) as parent:
            if not any(isinstance(arg, UnknownTracer) and arg._trace is self for arg in args):
                return parent.process(primitive, args, params)
            if primitive.partial_eval is RECORD:
                return self.record(primitive, args, params)
            return tuple(primitive.partial_eval(self, args, **params))

    def new_unknown(self, aval: Aval) -> UnknownTracer:
        return UnknownTracer(self, Var(aval))

    def knows(self, value) -> bool:
        return not (isinstance(value, UnknownTracer) and value._trace is self)

    def record(self, primitive, args, params) -> tuple[UnknownTracer, ...]:
        """Record one equation; known operands become residuals."""
        atoms = [self.recorder.capture(arg) if self.knows(arg) else arg.variable for arg in args]
        return tuple([UnknownTracer(self, var) for var in self.recorder.record(primitive, atoms, params)])

    def build(self, unknowns_in: Sequence[UnknownTracer], outs: Sequence) -> tuple[Jaxpr, tuple]:
        """Return the recorded program from ``unknowns_in`` to ``outs``, and its residuals."""
        outvars = [self.recorder.capture(out) if self.knows(out) else out.variable for out in outs]
        return self.recorder.build([t.variable for t in unknowns_in], outvars)


def linearize_flat(fun: Callable, primals: Sequence, differentiable: Sequence[bool] | None = None):
    """Linearize ``fun`` of flat arguments at ``primals``.

    Parameters
    ----------
    fun : callable
        ``(*values) -> sequence of values``.
    primals : sequence
    differentiable : sequence of bool, optional
        Which primals have a tangent; by default those of floating or complex dtype.

    Returns
    -------
    primals_out : list
    jaxpr : Jaxpr
        The linear part: the tangents of the differentiable primals -> the tangents of those outputs
        whose entry of ``nonzero_out`` is True. Its constvars are the residuals.
    residuals : tuple
        Their values.
    nonzero_out : list of bool
    """
    trace = PartialEvalTrace(current_trace())
    tangents, unknowns = [], []
    for i, primal in enumerate(primals):
        aval = aval_of(primal).to_tangent()
        wanted = aval.dtype.kind in "fc" if differentiable is None else differentiable[i]
        tangent = trace.new_unknown(aval) if wanted else Zero(aval)
        tangents.append(tangent)
        unknowns += [tangent] if wanted else []
    with set_current(trace):
        primals_out, tangents_out = jvp_flat(fun, primals, tangents)
    nonzero_out = [type(t) is not Zero for t in tangents_out]
    jaxpr, residuals = trace.build(unknowns, [t for t in tangents_out if type(t) is not Zero])
    return primals_out, jaxpr, residuals, nonzero_out


@cached_by_jaxpr
def partial_eval_jaxpr(jaxpr: Jaxpr, known: tuple[bool, ...], force_unknown: tuple[bool, ...] | None = None):
    """Split a program into what known inputs determine and the rest.

    Parameters
    ----------
    jaxpr : Jaxpr
        ``(x_1, …, x_n) -> (y_1, …, y_m)``, without constvars.
    known : tuple of bool
        Which inputs are known.
    force_unknown : tuple of bool, optional
        Outputs to treat as unknown even if they are known (a loop's carry, for instance).

    Returns
    -------
    known_jaxpr : Jaxpr
        ``(known x) -> (known y, residuals)``.
    unknown_jaxpr : Jaxpr
        ``(residuals, unknown x) -> (unknown y)``.
    known_out : tuple of bool
    residual_avals : tuple of ShapedArray
    """
    force = force_unknown or (False,) * len(jaxpr.outvars)
    known_avals = [a for a, k in zip(jaxpr.in_avals, known, strict=True) if k]
    result: list = []

    def known_fun(*known_args):
        trace = PartialEvalTrace(current_trace())
        given = iter(known_args)
        args = [
            next(given) if k else trace.new_unknown(a) for a, k in zip(jaxpr.in_avals, known, strict=True)
        ]
        with set_current(trace):
            outs = eval_jaxpr(jaxpr, (), *args)
        known_out = tuple(trace.knows(out) and not f for out, f in zip(outs, force, strict=True))
        unknowns = [arg for arg, k in zip(args, known, strict=True) if not k]
        unknown_jaxpr, residuals = trace.build(
            unknowns, [o for o, k in zip(outs, known_out, strict=True) if not k]
        )
        result.extend((lift_constvars(unknown_jaxpr), known_out, tuple(map(aval_of, residuals))))
        return [o for o, k in zip(outs, known_out, strict=True) if k] + list(residuals)

    known_jaxpr = stage_rule(known_fun, known_avals, "known part")
    unknown_jaxpr, known_out, residual_avals = result
    return known_jaxpr, unknown_jaxpr, known_out, residual_avals


def rematerialize(
    known_jaxpr: Jaxpr, unknown_jaxpr: Jaxpr, num_residuals: int, saveable: Callable[[Eqn], bool]
):
    """Make the unknown part compute its residuals again instead of being handed them.

    Parameters
    ----------
    known_jaxpr, unknown_jaxpr : Jaxpr
        As `partial_eval_jaxpr` returns them.
    num_residuals : int
    saveable : callable
        Whether the outputs of an equation of the known part may be residuals. Inputs always may.

    Returns
    -------
    known_jaxpr : Jaxpr
        ``(known x) -> (known y, saved residuals)``.
    unknown_jaxpr : Jaxpr
        ``(known x, saved residuals, unknown x) -> (unknown y)``.
    saved_avals : tuple of ShapedArray
    """
    split = len(known_jaxpr.outvars) - num_residuals
    residuals = known_jaxpr.outvars[split:]
    may_save = {v for eqn in known_jaxpr.eqns if saveable(eqn) for v in eqn.outvars}
    available = set(known_jaxpr.invars)

    needed = {v for v in residuals if type(v) is Var and v not in available}
    saved: dict[Var, None] = {}
    recomputed: list[Eqn] = []
    for eqn in reversed(known_jaxpr.eqns):
        wanted = needed.intersection(eqn.outvars)
        saved.update(dict.fromkeys(v for v in eqn.outvars if v in wanted and v in may_save))
        if wanted - may_save and not eqn.effects:
            recomputed.append(eqn)
            needed.update(v for v in eqn.invars if type(v) is Var and v not in available)
        elif wanted - may_save:
            saved.update(dict.fromkeys(v for v in eqn.outvars if v in wanted))
    saved_vars = tuple(saved)

    known_out = Jaxpr(known_jaxpr.invars, (), known_jaxpr.eqns, known_jaxpr.outvars[:split] + saved_vars)
    unknown_in = unknown_jaxpr.invars[num_residuals:]

    def recompute_then_rest(*args):
        n_known = len(known_jaxpr.invars)
        recompute = Jaxpr(known_jaxpr.invars + saved_vars, (), tuple(reversed(recomputed)), tuple(residuals))
        values = eval_jaxpr(recompute, (), *args[: n_known + len(saved_vars)])
        return eval_jaxpr(unknown_jaxpr, (), *values, *args[n_known + len(saved_vars) :])

    avals = [v.aval for v in (*known_jaxpr.invars, *saved_vars, *unknown_in)]
    unknown_out = stage_rule(recompute_then_rest, avals, "recomputed part")
    known_out = stage_rule(lambda *xs: eval_jaxpr(known_out, (), *xs), known_out.in_avals, "known part")
    return known_out, unknown_out, tuple(v.aval for v in saved_vars)
