"""``checkpoint`` and its helpers under the module name that JAX gives them."""

from jaxlite.control.checkpoint import (
    checkpoint,
    checkpoint_name,
    checkpoint_policies,
    print_saved_residuals,
    saved_residuals,
)
