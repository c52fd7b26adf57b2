"""Settings of a process, and the few switches a context can change. Layer 0.

>>> config.read("jax_enable_x64")
True
"""

from __future__ import annotations

import contextlib
import os
from contextvars import ContextVar

from jaxlite.errors import ArgumentError

_DISABLE_JIT: ContextVar[bool] = ContextVar("jaxlite_disable_jit", default=False)


class Config:
    """Settings under the names that programs written for JAX use.

    ``jax_enable_x64`` is True and stays True: double precision is jaxlite's default. Unknown ``jax_`` names are
    kept and have no effect, so that a program's preamble runs.

    ``jax_enable_checks`` checks the program after each pass; ``jax_bounds_checks`` builds a check of every access into
    what is compiled from then on; ``jax_compilation_cache_dir`` and ``jax_enable_compilation_cache`` say where compiled
    programs are kept and whether.
    """

    def __init__(self):
        self._values = {"jax_enable_x64": True, "jax_platform_name": "cpu"}

    def update(self, name: str, value) -> None:
        """Set a value; ``jax_disable_jit`` takes effect for the calling context."""
        if name == "jax_disable_jit":
            _DISABLE_JIT.set(bool(value))
        elif name == "jax_enable_x64" and not value:
            raise ArgumentError(
                "jax_enable_x64=False is not available: jaxlite's default is float64, always.",
                fix="pass dtype=np.float32 where single precision is wanted.",
            )
        elif name in ("jax_debug_nans", "jax_debug_infs") and value:
            raise ArgumentError(
                f"{name} is not available.",
                why="nothing watches for nan and inf yet, and a setting without effect would hide them.",
                fix="test results with jnp.isfinite, or print them with jaxlite.debug.print.",
            )
        elif not name.startswith("jax_"):
            raise ArgumentError(f"config has no setting named {name!r}.", fix="names start with 'jax_'.")
        self._values[name] = value

    def read(self, name: str):
        """Return a setting; None when it was never set."""
        return _DISABLE_JIT.get() if name == "jax_disable_jit" else self._values.get(name)

    @property
    def jax_enable_x64(self) -> bool:
        return True

    @property
    def x64_enabled(self) -> bool:
        return True

    @property
    def jax_disable_jit(self) -> bool:
        return _DISABLE_JIT.get()


config = Config()


def debug_level() -> int:
    """Return how much compilations print to stderr, from ``JAXLITE_DEBUG``; each level includes those below.

    1 a line for each compilation · 2 why a function was recorded again · 3 the program after each pass · 4 the loop
    program as Python · 5 LLVM's text and the assembly.
    """
    text = os.environ.get("JAXLITE_DEBUG", "0")
    return int(text) if text.isdigit() else 0


def jit_is_disabled() -> bool:
    return _DISABLE_JIT.get()


@contextlib.contextmanager
def disable_jit(disable: bool = True):
    """Run ``jit``-decorated functions as plain Python inside this context.

    Parameters
    ----------
    disable : bool, default True
        False switches ``jit`` back on inside an outer ``disable_jit``.

    Examples
    --------
    >>> import jaxlite
    >>> with jaxlite.disable_jit():
    ...     y = jaxlite.jit(lambda x: x if x > 0 else -x)(-2.0)
    >>> float(y)
    2.0
    """
    token = _DISABLE_JIT.set(disable)
    try:
        yield
    finally:
        _DISABLE_JIT.reset(token)
