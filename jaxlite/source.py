"""Where in the user's code something happened.

``capture()`` notes the code object and the instruction of the first frame outside jaxlite and the libraries that
call back into it (about 1 µs); the text is made only when somebody asks for it. Layer 0: imports nothing of jaxlite.

>>> str(Source(capture.__code__, 0)).split(":")[0]
'source.py'
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import linecache
import os
import sys
from contextvars import ContextVar
from types import CodeType
from typing import NamedTuple

import numpy as np

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep
_CALLBACK_LIBRARIES = (functools.__file__, contextlib.__file__, _NUMPY, "<__array_function__ internals>")

# code object -> does it belong to the user? Code objects live as long as their functions.
_IS_USER_CODE: dict[CodeType, bool] = {}


# While a program is transformed, its new equations belong to the lines of the old ones.
_INHERITED: ContextVar[Source | None] = ContextVar("jaxlite_inherited_source", default=None)
_SCOPE: ContextVar[str] = ContextVar("jaxlite_named_scope", default="")


class Source(NamedTuple):
    """A place in the user's code: a code object, the offset of an instruction in it, and the named scope."""

    code: CodeType
    lasti: int
    scope: str = ""

    @property
    def file(self) -> str:
        return self.code.co_filename

    @property
    def function(self) -> str:
        return self.code.co_qualname

    @property
    def line(self) -> int:
        positions = itertools.islice(self.code.co_positions(), self.lasti // 2, None)
        return next(positions, (None,))[0] or self.code.co_firstlineno

    @property
    def text(self) -> str:
        return linecache.getline(self.file, self.line).strip()

    def describe(self) -> str:
        """``file:line, in function:   source text``."""
        return f"{self}, in {self.code.co_name}:   {self.text}".rstrip(" :")

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"


def _is_user_code(code: CodeType) -> bool:
    known = _IS_USER_CODE.get(code)
    if known is None:
        name = code.co_filename
        # ``python -m jaxlite`` is a program over the library, so its lines are a user's lines.
        ours = name.startswith(_PACKAGE) and os.path.basename(name) != "__main__.py"
        # What dataclasses write has no line that anybody could look at.
        ours |= code.co_qualname.startswith("__create_fn__.")
        known = _IS_USER_CODE[code] = not ours and not name.startswith(_CALLBACK_LIBRARIES)
    return known


def capture() -> Source | None:
    """Return the innermost place outside jaxlite, or None where there is no such frame."""
    inherited = _INHERITED.get()
    if inherited is not None:
        return inherited
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        # Every equation walks half a dozen frames: all but the first time the answer is known.
        known = _IS_USER_CODE.get(code)
        if known or (known is None and _is_user_code(code)):
            return Source(code, frame.f_lasti, _SCOPE.get())
        frame = frame.f_back
    return None


def user_location() -> str:
    """Describe the user's current line, for an error message; empty when there is none."""
    source = capture()
    return source.describe() if source else ""


def describe_function(fun) -> str:
    """``name at file:line`` of a callable, as far as it can be known."""
    while isinstance(fun, functools.partial):
        fun = fun.func
    fun = getattr(fun, "__wrapped__", fun)
    code = getattr(fun, "__code__", None)
    name = getattr(fun, "__name__", None) or type(fun).__name__
    if code is None or not _is_user_code(code):
        return name
    return f"{name} at {os.path.basename(code.co_filename)}:{code.co_firstlineno}"


def inherit(source: Source | None):
    """Let `capture` answer ``source`` until the returned token is handed to `disinherit`."""
    return _INHERITED.set(source)


def disinherit(token) -> None:
    _INHERITED.reset(token)


@contextlib.contextmanager
def named_scope(name: str):
    """Name the equations recorded inside this context (``Eqn.source.scope``); scopes nest with ``/``.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> import jaxlite
    >>> def f(x):
    ...     with jaxlite.named_scope("layer"):
    ...         return x * 2.0
    >>> jaxlite.make_jaxpr(f)(1.0).eqns[0].source.scope
    'layer'
    """
    outer = _SCOPE.get()
    token = _SCOPE.set(f"{outer}/{name}" if outer else name)
    try:
        yield
    finally:
        _SCOPE.reset(token)
