"""``jaxlite.experimental``: names that programs written for JAX import from there, and solvers.

``experimental.ode``: ordinary differential equations. ``experimental.implicit``: roots and fixed points.
"""

from jaxlite.control.callbacks import io_callback

__all__ = ["io_callback"]
