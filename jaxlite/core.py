"""The parts of the IR that interpreters written for JAX import from ``jax.core`` and ``jax.extend.core``."""

from jaxlite.check import check_jaxpr
from jaxlite.dtypes import float0
from jaxlite.interpreters.evaluate import eval_jaxpr
from jaxlite.ir import Atom as Atom
from jaxlite.ir import Aval, ClosedJaxpr, Jaxpr, ShapedArray, Tape, Var
from jaxlite.ir import Eqn as JaxprEqn
from jaxlite.ir import Literal as Literal
from jaxlite.primitive import Primitive, Zero
from jaxlite.trace import EVAL, Tracer, current_trace
from jaxlite.trace import aval_of as get_aval


def jaxpr_as_fun(closed_jaxpr: ClosedJaxpr):
    """Return a program as a function of flat arguments that gives a list of results."""
    return lambda *args: eval_jaxpr(closed_jaxpr.jaxpr, closed_jaxpr.consts, *args)


def trace_state_clean() -> bool:
    """Whether no transformation is in progress."""
    return current_trace() is EVAL
