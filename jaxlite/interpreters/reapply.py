"""Put equations and programs back together: what the code that ``to_python`` writes calls.

    @lax.program("f64[3]")
    def f_jaxpr(a):
        b = lax.sin(a)
        return (b,)

    def program(a):
        (b,) = lax.apply("jit", (a,), jaxpr=f_jaxpr, name="f")
        return (b,)

``f_jaxpr`` is the Jaxpr again that the function was written from.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from jaxlite.errors import ArgumentError
from jaxlite.interpreters.stage import stage
from jaxlite.ir import Aval, Jaxpr
from jaxlite.parsing import parse_aval
from jaxlite.primitive import PRIMITIVES


def apply(primitive: str, operands: Sequence, /, **params):
    """Bind a primitive by its name.

    Parameters
    ----------
    primitive : str
    operands : sequence of arrays
    **params
        All params of the primitive.

    Returns
    -------
    array, or tuple of arrays
        A tuple where the primitive has several results, as ``Primitive.bind`` does.

    Raises
    ------
    ArgumentError
        If there is no such primitive.

    Examples
    --------
    >>> import numpy as np
    >>> from jaxlite import lax
    >>> lax.apply("reduce_sum", (np.arange(3.0),), axes=(0,))
    Array(3., dtype=float64)
    """
    declared = PRIMITIVES.get(primitive)
    if declared is None:
        close = difflib.get_close_matches(primitive, PRIMITIVES, n=1)
        raise ArgumentError(
            f"there is no primitive named {primitive!r}.", fix=f"did you mean {close[0]!r}?" if close else ""
        )
    return declared.bind(*operands, **params)


def aval(text: str) -> Aval:
    """Return the type that a text shows.

    Examples
    --------
    >>> from jaxlite import lax
    >>> lax.aval("f64[3,4]").shape
    (3, 4)
    """
    return parse_aval(text)


def program(*avals: str) -> Callable[[Callable], Jaxpr]:
    """Turn a function into a program; a decorator.

    Parameters
    ----------
    *avals : str
        Types of the arguments as programs show them: ``"f64[3,4]"``, ``"f64*[]"``.

    Returns
    -------
    callable
        ``(function) -> Jaxpr``. The function returns a tuple, and captures no arrays.

    Raises
    ------
    ParseError
        If a text is no type.
    ArgumentError
        If the function captures arrays.

    Examples
    --------
    >>> from jaxlite import lax
    >>> @lax.program("f64[3]")
    ... def double(a):
    ...     return (lax.add(a, a),)
    >>> double
    { lambda ; a:f64[3]. let b:f64[3] = add a a in (b,) }
    """
    types = list(map(parse_aval, avals))

    def record(function: Callable) -> Jaxpr:
        jaxpr, consts = stage(function, types, function.__name__, keep_dead=True)
        if consts:
            raise ArgumentError(
                f"{function.__name__} captures {len(consts)} arrays.",
                why="a program inside a param gets all it needs as operands.",
                fix="make them arguments of the function.",
            )
        return jaxpr

    return record
