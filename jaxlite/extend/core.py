"""The IR: see ``jaxlite.core``."""

from jaxlite.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Primitive, Var, jaxpr_as_fun
