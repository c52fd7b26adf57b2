"""``jaxlite.debug``: look at values while a program runs.

debug.print("x = {}", x)          prints under jit, vmap (once per element), grad and scan
debug.callback(f, x)              calls f(x) there
"""

from jaxlite.control.callbacks import debug_callback as callback
from jaxlite.control.callbacks import debug_print as print

__all__ = ["callback", "print"]
