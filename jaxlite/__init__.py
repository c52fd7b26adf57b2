"""jaxlite: composable transformations of NumPy programs — grad, jvp, vjp, vmap, jit — with an IR one can read.

>>> import jaxlite, numpy as np
>>> jaxlite.grad(lambda x: np.sum(np.sin(x)))(np.zeros(2))
Array([1., 1.], dtype=float64)
"""

from importlib import import_module

from jaxlite import (
    ad_checkpoint,
    check,
    core,
    debug,
    errors,
    experimental,
    extend,
    flatten_util,
    image,
    lax,
    nn,
    numpy,
    parsing,
    printing,
    random,
    scipy,
    to_python,
    tree,
    tree_util,
    typing,
)
from jaxlite import dtypes as dtypes
from jaxlite.api import (
    block_until_ready,
    closure_convert,
    device_get,
    device_put,
    ensure_compile_time_eval,
    eval_shape,
    fwd_and_bwd,
    grad,
    hessian,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    linear_transpose,
    linearize,
    make_jaxpr,
    named_call,
    typeof,
    value_and_grad,
    vjp,
    vmap,
)
from jaxlite.array import Array
from jaxlite.check import check_jaxpr
from jaxlite.config import config, disable_jit
from jaxlite.control.callbacks import pure_callback
from jaxlite.control.checkpoint import (
    checkpoint,
    checkpoint_name,
    checkpoint_policies,
    print_saved_residuals,
    saved_residuals,
)
from jaxlite.control.custom_rules import custom_gradient, custom_jvp, custom_vjp
from jaxlite.control.jit import ShapeDtypeStruct, clear_caches, install_compiler, jit
from jaxlite.control.revolve import checkpoint_loops
from jaxlite.interpreters.evaluate import eval_jaxpr
from jaxlite.ir import ClosedJaxpr, Eqn, Jaxpr, Literal, ShapedArray, Tape, Var
from jaxlite.lax import stop_gradient
from jaxlite.parsing import parse_jaxpr
from jaxlite.runtime.threads import get_num_threads, set_num_threads
from jaxlite.source import named_scope

# The compiler stands between `control`, which asks for it, and this file: it is loaded at the first compilation, so
# that programs which never compile do not pay for it.
install_compiler(
    compiler=lambda: import_module("jaxlite.runtime.compile"),
    stages=lambda: import_module("jaxlite.runtime.stages"),
)

remat = checkpoint
__version__ = "0.1.0"
