"""``jaxlite.experimental``: names that programs written for JAX import from there."""

from jaxlite.control.callbacks import io_callback

__all__ = ["io_callback"]
