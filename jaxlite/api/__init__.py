"""The transformations that users compose, one file for each kind."""

from jaxlite.api.batching import vmap
from jaxlite.api.devices import block_until_ready, device_get, device_put
from jaxlite.api.forward import jvp, linearize
from jaxlite.api.jacobians import hessian, jacfwd, jacobian, jacrev
from jaxlite.api.programs import (
    closure_convert,
    ensure_compile_time_eval,
    eval_shape,
    make_jaxpr,
    named_call,
    typeof,
)
from jaxlite.api.reverse import (
    fwd_and_bwd,
    grad,
    linear_transpose,
    value_and_grad,
    vjp,
)
