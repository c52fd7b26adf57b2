"""Write a program as a Python function over ``jaxlite.lax`` that runs and gives the same values.

    { lambda ; a:f64[3]. let b:f64[3] = sin a; c:f64[] = reduce_sum[axes=(0,)] b in (c,) }   ->

    from jaxlite import lax


    def program(a):
        b = lax.sin(a)
        c = lax.reduce_sum(b, axes=(0,))
        return (c,)

An equation becomes a call of the primitive's user function. Primitives that contain programs, and a few
others, are bound by ``lax.apply(name, operands, **params)``; the programs they contain become functions of
the module, turned back into programs by the decorator ``lax.program``. Importing this file gives ``Jaxpr``
and ``ClosedJaxpr`` their ``to_python``. Layer 1.
"""

from __future__ import annotations

import keyword
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from jaxlite.dtypes import PYTHON_SCALAR_DTYPES, is_supported
from jaxlite.errors import ArgumentError
from jaxlite.ir import Atom, Aval, ClosedJaxpr, Eqn, Jaxpr, Literal, ShapedArray, Tape, Var, subjaxprs
from jaxlite.printing import RESERVED_WORDS, format_float, variable_names

_WIDTH = 100
_PYTHON_NAMES = RESERVED_WORDS | frozenset(keyword.kwlist) | frozenset(("lax", "np"))

_TYPES_WITH_TEXT = (bool, int, float, complex, str, Jaxpr, ShapedArray, Tape)
_PYTHON_DTYPES = frozenset(PYTHON_SCALAR_DTYPES.values())

# ``lax.and`` would be no Python; xor goes with the others.
_FUNCTION_NAMES = {name: f"bitwise_{name}" for name in ("and", "or", "xor", "not")}

# Their user functions hand the operand back where there seems to be nothing to do, and so keep a weak type.
_MAY_RETURN_OPERAND = frozenset(("broadcast_in_dim", "reshape", "transpose", "convert_element_type"))


# --- constants --------------------------------------------------------------------------------------


def _number(value: Any, dtype: np.dtype) -> str:
    """Return a Python expression for a number: its value only, as a Python number."""
    if dtype.kind == "b":
        return repr(bool(value))
    if dtype.kind in "iu":
        return repr(int(value))
    if dtype.kind == "f":
        return _python_float(format_float(value, dtype))
    part = np.dtype(np.float32 if dtype.itemsize == 8 else np.float64)
    real, imag = (_python_float(format_float(x, part)) for x in (value.real, value.imag))
    return f"complex({real}, {imag})"


def _python_float(text: str) -> str:
    return text.replace("inf", "np.inf").replace("nan", "np.nan")


def _scalar(literal: Literal, bare: bool) -> str:
    """Return an expression for a literal; ``bare`` where a Python number means the same."""
    dtype = literal.aval.dtype
    if dtype.kind == "V":
        return f"np.zeros((), {_dtype(dtype)})[()]"
    number = _number(literal.val, dtype)
    return number if bare or literal.aval.weak_type or dtype.kind == "b" else f"np.{dtype.name}({number})"


def _array(value: Any) -> str:
    """Return an expression for an array, every element exact."""
    if not isinstance(value, np.ndarray | np.generic):
        raise ArgumentError(
            f"to_python: a constant of the program is {value!r:.60}",
            why="only arrays have a text; this program captured a value that is being traced.",
            fix="jaxpr.jaxpr.to_python() makes the constants arguments.",
        )
    value = np.asarray(value)
    if value.dtype.kind == "V" or not value.size:
        return f"np.zeros({value.shape}, {_dtype(value.dtype)})"
    return f"np.array({_nested(value, value.dtype)}, {_dtype(value.dtype)})"


def _nested(value: np.ndarray, dtype: np.dtype) -> str:
    if not value.ndim:
        return _number(value[()], dtype)
    return f"[{', '.join(_nested(row, dtype) for row in value)}]"


def _dtype(dtype: np.dtype) -> str:
    return 'np.dtype([("float0", "V0")])' if dtype.kind == "V" else f'np.dtype("{dtype.name}")'


def _string(text: str) -> str:
    quoted = repr(text)
    return quoted if '"' in quoted else f'"{quoted[1:-1]}"'


# --- functions --------------------------------------------------------------------------------------


class _Module:
    """The text in the making: one function for each program, inner ones first."""

    def __init__(self):
        self.definitions: list[str] = []
        self.names: dict[tuple[Jaxpr, bool], str] = {}
        self.taken: set[str] = set()

    def function(self, jaxpr: Jaxpr, name: str, constants: Sequence[str] | None = None) -> None:
        """Define the function of a program; ``constants`` name its constvars, which else become arguments."""
        names = variable_names(_PYTHON_NAMES)
        env = dict(zip(jaxpr.constvars, constants or (), strict=False))
        inputs = [v for v in (*jaxpr.constvars, *jaxpr.invars) if v not in env]
        env.update((v, next(names)) for v in inputs)
        args = [env[v] for v in inputs]
        used = {v for eqn in jaxpr.eqns for v in eqn.invars if type(v) is Var}
        used.update(v for v in jaxpr.outvars if type(v) is Var)
        body = []
        for eqn in jaxpr.eqns:
            body += self.statement(eqn, env, used, names)
        body += _fold("return ", _tuple_items([_atom(v, env) for v in jaxpr.outvars]), "(", ")")
        lines = _fold(f"def {name}", args, "(", "):", indent=0)
        self.definitions.append("\n".join([*lines, *(f"    {line}" for line in body)]))

    def statement(self, eqn: Eqn, env: dict[Var, str], used: set[Var], names: Iterator[str]) -> list[str]:
        without_text = [key for key in sorted(eqn.params) if not _has_text(eqn.params[key])]
        if without_text:
            lines, call, multiple = *self.call_without_rules(eqn, env, without_text), True
        else:
            lines, call, multiple = [], self.call(eqn, env), eqn.primitive.multiple_results
        env.update((v, next(names) if v in used else "_") for v in eqn.outvars)
        targets = [env[v] for v in eqn.outvars]
        left = f"({targets[0]},)" if len(targets) == 1 and multiple else ", ".join(targets)
        start, args = call
        return [*lines, *_fold(f"{left} = {start}" if left else start, args, "(", ")")]

    def call(self, eqn: Eqn, env: dict[Var, str]) -> tuple[str, list[str]]:
        """Return the function that an equation calls, and its arguments."""
        params = [f"{key}={self.param(eqn, key, eqn.params[key])}" for key in sorted(eqn.params)]
        if _has_user_function(eqn):
            bare = _allows_python_numbers(eqn.invars)
            name = _FUNCTION_NAMES.get(eqn.primitive.name, eqn.primitive.name)
            return f"lax.{name}", [*(_atom(v, env, bare) for v in eqn.invars), *params]
        operands = _tuple_items([_atom(v, env) for v in eqn.invars])
        return "lax.apply", [f'"{eqn.primitive.name}"', f"({', '.join(operands)})", *params]

    def call_without_rules(self, eqn: Eqn, env: dict[Var, str], without_text: list[str]):
        """Call the program that a custom derivative or a checkpoint is about; with a comment that says so."""
        program = _equivalent_program(eqn)
        if program is None:
            key = without_text[0]
            kind = type(eqn.params[key]).__name__
            raise ArgumentError(
                f"to_python: {eqn.primitive} has no text.",
                where=eqn.source.describe() if eqn.source else "",
                why=f"its param {key} is a {kind}, an object that lives in this process only.",
                fix="print the program instead: str(jaxpr).",
            )
        what = " and ".join(without_text)
        comment = f"# The values of {eqn.primitive} without its {what}, which no text gives back."
        name = self.inner(program, self.inner_name(eqn, "fun"), as_program=False)
        return [comment], (name, [_atom(v, env) for v in eqn.invars])

    def param(self, eqn: Eqn, key: str, value: Any) -> str:
        kind = type(value)
        if isinstance(value, Jaxpr):
            return self.inner(value, self.inner_name(eqn, key), as_program=True)
        if kind is tuple:
            items = _tuple_items([self.param(eqn, key, item) for item in value])
            return f"({', '.join(items)})"
        if isinstance(value, tuple):
            fields = [
                f"{f}={self.param(eqn, key, item)}" for f, item in zip(value._fields, value, strict=True)
            ]
            return f"lax.{kind.__name__}({', '.join(fields)})"
        if isinstance(value, ShapedArray | Tape):
            return f'lax.aval("{value}")'
        if isinstance(value, np.dtype):
            return _dtype(value)
        if isinstance(value, np.generic):
            return f"np.{value.dtype.name}({_number(value, value.dtype)})"
        if kind is str:
            return _string(value)
        return _number(value, np.dtype(kind)) if kind in (float, complex) else repr(value)

    def inner(self, jaxpr: Jaxpr, base: str, *, as_program: bool) -> str:
        """Define the function of an inner program, unless that is done already, and return its name."""
        name = self.names.get((jaxpr, as_program))
        if name is None:
            name = self.names[jaxpr, as_program] = self.fresh(base)
            self.function(jaxpr, name)
            if as_program:
                avals = [f'"{aval}"' for aval in jaxpr.in_avals]
                decorator = "\n".join(_fold("@lax.program", avals, "(", ")", indent=0))
                self.definitions[-1] = f"{decorator}\n{self.definitions[-1]}"
        return name

    def inner_name(self, eqn: Eqn, key: str) -> str:
        # Names of variables have no underscore, so that no variable hides one of these functions.
        given = eqn.params.get("name")
        given = given if isinstance(given, str) and given.isidentifier() else eqn.primitive.name
        return f"{given}_{key}"

    def fresh(self, base: str) -> str:
        name, number = base, 2
        while name in self.taken:
            name, number = f"{base}_{number}", number + 1
        self.taken.add(name)
        return name


def _has_user_function(eqn: Eqn) -> bool:
    name = eqn.primitive.name
    # Functions of several results may return a single one bare; tapes are no matter of users.
    if any(subjaxprs(eqn.params)) or (eqn.primitive.multiple_results and len(eqn.outvars) < 2):
        return False
    if any(isinstance(v.aval, Tape) for v in (*eqn.invars, *eqn.outvars)):
        return False
    # Where all operands are weak, a number among them must not be given the dtype of the others.
    loses_weak_type = any(type(v) is Literal for v in eqn.invars) and any(
        v.aval.weak_type for v in eqn.outvars
    )
    keeps_weak_type = name in _MAY_RETURN_OPERAND and any(v.aval.weak_type for v in eqn.invars)
    return not (loses_weak_type or keeps_weak_type)


def _has_text(value: Any) -> bool:
    if isinstance(value, tuple):
        return (type(value) is tuple or hasattr(value, "_fields")) and all(map(_has_text, value))
    if isinstance(value, np.dtype | np.generic):
        return is_supported(value.dtype if isinstance(value, np.generic) else value)
    return value is None or type(value) in _TYPES_WITH_TEXT


def _allows_python_numbers(operands: Sequence[Atom]) -> bool:
    """Whether a Python number stands for a literal: it gets the same dtype and the result stays strong."""
    dtypes = {v.aval.dtype for v in operands}
    strong = any(type(v) is Var and not v.aval.weak_type for v in operands)
    return strong and len(dtypes) == 1 and dtypes <= _PYTHON_DTYPES


def _equivalent_program(eqn: Eqn) -> Jaxpr | None:
    """Return the one program among the params that maps the operands to the results."""
    inputs, outputs = ([_key(v.aval) for v in variables] for variables in (eqn.invars, eqn.outvars))
    fitting = [
        j
        for j in subjaxprs(eqn.params)
        if [_key(a) for a in j.in_avals] == inputs and [_key(a) for a in j.out_avals] == outputs
    ]
    return fitting[0] if len(fitting) == 1 else None


def _key(aval: Aval) -> tuple:
    return (aval,) if isinstance(aval, Tape) else (aval.shape, aval.dtype)


def _atom(atom: Atom, env: dict[Var, str], bare: bool = False) -> str:
    return _scalar(atom, bare) if type(atom) is Literal else env[atom]


def _tuple_items(items: list[str]) -> list[str]:
    """Write the items of a tuple so that joining them with commas gives one."""
    return [f"{items[0]},"] if len(items) == 1 else items


def _fold(start: str, items: Sequence[str], open: str, close: str, indent: int = 4) -> list[str]:
    """``start(items)`` on one line, or with a line for each item where that is too long."""
    line = f"{start}{open}{', '.join(items)}{close}"
    if indent + len(line) <= _WIDTH or not items:
        return [line]
    return [start + open, *(f"    {item.removesuffix(',')}," for item in items), close]


def _wrap(line: str) -> str:
    options = dict(subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    return textwrap.fill(line, _WIDTH, **options)


# --- what users call --------------------------------------------------------------------------------


def to_python(jaxpr: Jaxpr | ClosedJaxpr, name: str = "program") -> str:
    """Return Python code that does what the program does.

    Parameters
    ----------
    jaxpr : Jaxpr or ClosedJaxpr
        The constants of a `ClosedJaxpr` become part of the text, with all their digits; the constvars of a
        `Jaxpr` become leading arguments.
    name : str, default "program"
        Name of the function.

    Returns
    -------
    str
        A module that defines ``name``: a function of the program's inputs that returns a tuple.

    Raises
    ------
    ArgumentError
        If ``name`` is no name, or a param (a callback) or a constant (a traced value) has no text. Rules of
        custom derivatives are left out, with a comment: the values do not need them.

    Examples
    --------
    >>> import jaxlite
    >>> from jaxlite import lax
    >>> print(jaxlite.make_jaxpr(lambda x: lax.mul(2.0, lax.sin(x)))(np.zeros(3)).to_python())
    from jaxlite import lax
    <BLANKLINE>
    <BLANKLINE>
    def program(a):
        b = lax.sin(a)
        c = lax.mul(2.0, b)
        return (c,)
    <BLANKLINE>
    """
    if not name.isidentifier() or name in _PYTHON_NAMES:
        raise ArgumentError(f"to_python: {name!r} cannot be the name of a function here.")
    module = _Module()
    module.taken.add(name)
    constants = None
    if isinstance(jaxpr, ClosedJaxpr):
        constants = [module.fresh(f"const_{i}") for i in range(len(jaxpr.consts))]
        values = [f"{const} = {_array(value)}" for const, value in zip(constants, jaxpr.consts, strict=True)]
        if values:
            module.definitions.append("\n".join(map(_wrap, values)))
        jaxpr = jaxpr.jaxpr
    module.function(jaxpr, name, constants)
    body = "\n\n\n".join(module.definitions)
    imports = "import numpy as np\n\n" if "np." in body else ""
    return f"{imports}from jaxlite import lax\n\n\n{body}\n"


def _to_python(self, name: str = "program") -> str:
    return to_python(self, name)


_to_python.__doc__ = to_python.__doc__
for _type in (Jaxpr, ClosedJaxpr):
    _type.to_python = _to_python
