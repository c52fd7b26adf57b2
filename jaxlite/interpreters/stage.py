"""Stage a function: run it on tracers that record, and keep the program.

    stage(lambda x: [mul(sin(x), 2.0)], [f64[]])
    ->  { lambda ; a:f64[]. let b:f64[] = sin a; c:f64[] = mul b 2.0:f64[] in (c,) },  consts = ()

Scalars become literals; arrays and tracers of outer traces become constvars, arrays by copy, so that writing to
them later does not change the program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from jaxlite import source
from jaxlite.array import Array
from jaxlite.ir import PRIMITIVES, ArrayConstant, Aval, Eqn, Jaxpr, Literal, Var
from jaxlite.trace import Trace, Tracer, ancestors, aval_of, current_trace, leaked_tracer, set_current


class StageTracer(Tracer):
    """A variable of the program being recorded."""

    __slots__ = ("variable",)  # not `var`, which is a method of arrays

    def __init__(self, trace: StageTrace, var: Var):
        self._trace = trace
        self.variable = var

    @property
    def aval(self):
        return self.variable.aval

    def __repr__(self) -> str:
        return f"JitTracer({self.aval})"

    def describe(self) -> str:
        return self._trace.describe(self.variable)

    def why_unknown(self) -> str:
        return self._trace.why_unknown(self.variable)

    def creation_source(self):
        eqn = self._trace.defining_eqn(self.variable)
        return eqn.source if eqn else None


class Recorder:
    """Equations and captured constants of a program in the making."""

    def __init__(self):
        self.eqns: list[Eqn] = []
        self.constvars: list[Var] = []
        self.consts: list = []
        self._const_of_id: dict[int, Var] = {}
        self._captured: list = []  # keeps every captured value alive, so that no id is used twice

    def capture(self, value) -> Var | Literal:
        """Return the literal or constvar that stands for a value from outside."""
        aval = aval_of(value)
        if not isinstance(value, Tracer) and not aval.shape and isinstance(value, _LITERAL_TYPES):
            return Literal(value, aval)
        var = self._const_of_id.get(id(value))
        if var is not None and type(value) is np.ndarray:
            # A work buffer that was refilled since it was captured is another constant.
            copy = self.consts[self.constvars.index(var)]
            var = var if copy.tobytes() == value.tobytes() else None
        if var is None:
            var = Var(aval)
            self._const_of_id[id(value)] = var
            self._captured.append(value)
            self.constvars.append(var)
            # An Array never changes; what the user may still write to is copied.
            self.consts.append(Array.of(np.array(value, aval.dtype)) if type(value) is np.ndarray else value)
        return var

    def record(self, primitive, atoms, params) -> tuple[Var, ...]:
        avals = primitive.abstract_eval(*[atom.aval for atom in atoms], **params)
        outvars = tuple([Var(aval) for aval in avals])
        self.eqns.append(Eqn(primitive, tuple(atoms), outvars, params, source.capture()))
        return outvars

    def build(self, invars, outvars, keep_dead: bool = False) -> tuple[Jaxpr, tuple]:
        """Return the program and the values of its constvars, by default without what no output needs."""
        eqns, used = live_eqns(self.eqns, outvars)
        if keep_dead:
            eqns = tuple(self.eqns)
            used.update(v for eqn in eqns for v in eqn.invars if type(v) is Var)
        captured = [(v, c) for v, c in zip(self.constvars, self.consts, strict=True) if v in used]
        constvars = tuple(v for v, _ in captured)
        return Jaxpr(tuple(invars), constvars, eqns, tuple(outvars)), tuple(c for _, c in captured)


_LITERAL_TYPES = (bool, int, float, complex, np.generic)


def live_eqns(eqns, outvars) -> tuple[tuple[Eqn, ...], set[Var]]:
    """Drop the equations that neither an output needs nor an effect keeps; also return the used variables."""
    used = {v for v in outvars if type(v) is Var}
    kept = []
    for eqn in reversed(eqns):
        if eqn.effects or not used.isdisjoint(eqn.outvars):
            kept.append(eqn)
            used.update(v for v in eqn.invars if type(v) is Var)
    return tuple(reversed(kept)), used


class StageTrace(Trace):
    """Records every primitive. Its parent is only the place where captured tracers must come from."""

    __slots__ = ("_literals", "arg_names", "invars", "keep_all", "name", "recorder")

    def __init__(self, name: str, arg_names: Sequence[str] = ()):
        super().__init__(current_trace())
        self.name = name
        self.arg_names = arg_names
        self.recorder = Recorder()
        self.invars: list[Var] = []

    def __repr__(self) -> str:
        return f"jit({self.name})"

    def new_arg(self, aval: Aval) -> StageTracer:
        var = Var(aval)
        self.invars.append(var)
        return StageTracer(self, var)

    def process(self, primitive, args, params):
        atoms = [self.atom(arg) for arg in args]
        outvars = self.recorder.record(primitive, atoms, params)
        return tuple([StageTracer(self, var) for var in outvars])

    def atom(self, value) -> Var | Literal:
        if isinstance(value, Tracer):
            if value._trace is self:
                return value.variable
            if not any(value._trace is trace for trace in ancestors(self.parent)):
                raise leaked_tracer(value)
        return self.recorder.capture(value)

    def build(self, outs, keep_dead: bool) -> tuple[Jaxpr, tuple]:
        # A number as a result is a literal, whatever wrapped it.
        outs = [out.view(np.ndarray)[()] if type(out) is Array and not out.shape else out for out in outs]
        return self.recorder.build(self.invars, [self.atom(out) for out in outs], keep_dead)

    def defining_eqn(self, var: Var) -> Eqn | None:
        return next((eqn for eqn in self.recorder.eqns if var in eqn.outvars), None)

    def describe(self, var: Var) -> str:
        eqn = self.defining_eqn(var)
        if eqn is None:
            return f"{self._arg_name(var)}:{var.aval}"
        operands = " ".join(
            str(v.val) if type(v) is Literal else self._arg_name(v) or str(v.aval) for v in eqn.invars
        )
        return f"{var.aval} = {eqn.primitive.name} {operands}"

    def why_unknown(self, var: Var) -> str:
        names = self._depends_on(var)
        if not names:
            return f"it is computed inside {self!r}, whose program is being recorded."
        noun = "argument" if len(names) == 1 else "arguments"
        listed = ", ".join(repr(name) for name in names)
        return (
            f"it depends on {noun} {listed} of {self.name}, "
            "whose value is unknown while the program is being recorded."
        )

    def _arg_name(self, var: Var) -> str:
        if var in self.invars:
            index = self.invars.index(var)
            return self.arg_names[index] if index < len(self.arg_names) else f"arg{index}"
        return ""

    def _depends_on(self, var: Var) -> list[str]:
        needed = {var}
        for eqn in reversed(self.recorder.eqns):
            if not needed.isdisjoint(eqn.outvars):
                needed.update(v for v in eqn.invars if type(v) is Var)
        return [self._arg_name(v) for v in self.invars if v in needed]


def stage(
    fun: Callable,
    avals: Sequence[Aval],
    name: str = "fun",
    arg_names: Sequence[str] = (),
    keep_dead: bool = False,
) -> tuple[Jaxpr, tuple]:
    """Record a function of flat arguments.

    Parameters
    ----------
    fun : callable
        ``(*tracers) -> sequence of values``.
    avals : sequence of ShapedArray
        Types of the arguments.
    name, arg_names : str, sequence of str
        For error messages.
    keep_dead : bool
        Whether equations that no result needs stay: True for what the user wrote, False for what rules derive.

    Returns
    -------
    jaxpr : Jaxpr
    consts : tuple
        Values of its constvars: arrays, and tracers of enclosing traces.
    """
    trace = StageTrace(name, arg_names)
    args = [trace.new_arg(aval) for aval in avals]
    with set_current(trace):
        outs = fun(*args)
    return trace.build(outs, keep_dead)


def stage_rule(fun: Callable, avals: Sequence[Aval], name: str) -> Jaxpr:
    """Record a function derived from a program: the result has no constvars.

    Programs inside params have none, so what a rule leads to must not have any. Arrays that a user's custom rule
    brings along become ``constant`` equations; a traced value it closes over is an error.
    """
    jaxpr, consts = stage(fun, avals, name)
    if not consts:
        return jaxpr
    for const in consts:
        if isinstance(const, Tracer):
            raise leaked_tracer(const)
    constant = PRIMITIVES["constant"]
    eqns = tuple(
        Eqn(constant, (), (var,), {"value": ArrayConstant(const)}, None)
        for var, const in zip(jaxpr.constvars, consts, strict=True)
    )
    return Jaxpr(jaxpr.invars, (), eqns + jaxpr.eqns, jaxpr.outvars)


def is_staging() -> bool:
    """Whether some enclosing trace records a program."""
    return any(isinstance(trace, StageTrace) for trace in ancestors(current_trace()))
