"""Print programs in JAX's form; ``parse_jaxpr`` reads the text back.

    { lambda ; a:f64[3]. let
        b:f64[3] = sin a
        c:f64[] = jit[
          name=f
          jaxpr={ lambda ; d:f64[3]. let e:f64[] = reduce_sum[axes=(0,)] d in (e,) }
        ] b
      in (c,) }

A text is made in two steps, each linear in the length of the program: variables are named in the order of the
text (programs inside params continue the sequence), then everything is laid out, on one line where it fits.
Params are sorted by name, with ``name`` first. Importing this file gives ``Jaxpr``, ``ClosedJaxpr`` and
``Eqn`` their ``str`` and ``pretty_print``. Layer 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxlite.dtypes import float0, is_supported
from jaxlite.ir import Atom, ClosedJaxpr, Eqn, Jaxpr, Literal, ShapedArray, Tape, Var

WIDTH = 80

# Words of the grammar, and the numbers that are spelled with letters: no variable is called that.
RESERVED_WORDS = frozenset(("in", "let", "lambda", "inf", "nan", "infj", "nanj", "True", "False", "None"))

# Strings that stand without quotes, as JAX prints the name of a jitted function.
_BARE_STRING = re.compile(r"[^\W\d]\w*|<lambda>")


def is_bare_string(text: str) -> bool:
    """Whether a string param is printed without quotes: nothing else in the grammar looks like it."""
    return bool(_BARE_STRING.fullmatch(text)) and text not in RESERVED_WORDS and dtype_named(text) is None


def dtype_named(text: str) -> np.dtype | None:
    """Return the dtype whose full name is ``text``, as params show dtypes: ``float64``."""
    return _DTYPES_BY_NAME.get(text)


_DTYPES_BY_NAME = {
    str(np.dtype(code)): np.dtype(code) for code in np.typecodes["All"] if is_supported(np.dtype(code))
} | {"float0": float0}


# --- names ------------------------------------------------------------------------------------------


def variable_names(reserved: frozenset[str] = RESERVED_WORDS) -> Iterator[str]:
    """Yield a, b, …, z, ba, bb, …: numbers in base 26, as JAX does."""
    number = 0
    while True:
        name, rest = "", number
        while rest or not name:
            rest, digit = divmod(rest, 26)
            name = chr(ord("a") + digit) + name
        if name not in reserved:
            yield name
        number += 1


# --- scalars and params -----------------------------------------------------------------------------


def format_float(value, dtype: np.dtype) -> str:
    """Return the shortest text that reads back as the same number of ``dtype``."""
    if dtype.itemsize == 8:
        return repr(float(value))
    number = dtype.type(value)
    text = str(number)
    # Reading goes through float64, and rounding twice can (very rarely) miss: then all digits are given.
    return text if dtype.type(float(text)) == number or number != number else repr(float(number))


def format_scalar(value, dtype: np.dtype) -> str:
    """Return the text of a number as a value of ``dtype``."""
    kind = dtype.kind
    if kind == "f":
        return format_float(value, dtype)
    if kind == "c":
        return _format_complex(complex(value), np.dtype(np.float32 if dtype.itemsize == 8 else np.float64))
    if kind == "b":
        return str(bool(value))
    return "0" if kind == "V" else str(int(value))


def _format_complex(value: complex, part: np.dtype) -> str:
    real, imag = (format_float(x, part).removesuffix(".0") for x in (value.real, value.imag))
    if real == "0":
        return f"{imag}j"
    return f"({real}{'' if imag.startswith('-') else '+'}{imag}j)"


def format_param(value: Any) -> str:
    """Return the text of a param that holds no program.

    What the grammar has no word for, such as a callable, is shown as ``<function f>`` and cannot be parsed.
    """
    kind = type(value)
    if kind is str:
        return value if is_bare_string(value) else repr(value)
    if value is None or kind in (bool, int):
        return repr(value)
    if kind in (float, complex):
        return format_scalar(value, np.dtype(kind))
    if kind is tuple:
        items = ", ".join(map(format_param, value))
        return f"({items},)" if len(value) == 1 else f"({items})"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        fields = [f"{name}={format_param(item)}" for name, item in zip(value._fields, value, strict=True)]
        return f"{kind.__name__}({', '.join(fields)})"
    if isinstance(value, np.dtype) and is_supported(value):
        return "float0" if value == float0 else str(value)
    if isinstance(value, np.generic) and is_supported(value.dtype):
        return f"{format_scalar(value, value.dtype)}:{ShapedArray((), value.dtype)}"
    if isinstance(value, ShapedArray | Tape):
        return str(value)
    name = getattr(value, "__name__", "")
    return f"<{kind.__name__} {name}>" if isinstance(name, str) and name else f"<{kind.__name__}>"


def _format_dimension_numbers(value) -> str:
    # (([1], [0]), ([], [])): JAX keeps lists there. They parse as tuples.
    if type(value) is tuple:
        items = ", ".join(map(_format_dimension_numbers, value))
        return f"[{items}]" if all(type(item) is int for item in value) else f"({items})"
    return format_param(value)


# --- documents: named, not yet laid out -------------------------------------------------------------


@dataclass(slots=True)
class _Line:
    """An equation: texts of its parts, and of the whole where that is short."""

    outvars: list[str]
    primitive: str
    params: list[tuple[str, str | _Program | _Tuple]]
    operands: list[str]
    comment: str
    params_text: str | None
    text: str | None


@dataclass(slots=True)
class _Program:
    head: list[str]
    lines: list[_Line]
    outvars: list[str]
    text: str | None


@dataclass(slots=True)
class _Tuple:
    """A tuple that holds programs, and perhaps other things."""

    open: str
    items: list[tuple[str, str | _Program | _Tuple]]

    # Branches stand below each other, always.
    text = None


class _Writer:
    """Names the variables of one text and takes its programs apart."""

    def __init__(self, width: int, source_info: bool):
        self.names = variable_names()
        self.width = width
        self.source_info = source_info

    def program(self, jaxpr: Jaxpr) -> _Program:
        # A program that appears twice gets two sets of names: the parser makes two programs of it.
        env: dict[Var, str] = {}
        head = ["{ lambda", *_closed([self.bind(v, env) for v in jaxpr.constvars], ";")]
        head += [*_closed([self.bind(v, env) for v in jaxpr.invars], "."), "let"]
        used = {v for eqn in jaxpr.eqns for v in eqn.invars if type(v) is Var}
        used.update(v for v in jaxpr.outvars if type(v) is Var)
        lines = [self.line(eqn, env, used) for eqn in jaxpr.eqns]
        outvars = [_atom(v, env) for v in jaxpr.outvars]
        texts = [line.text for line in lines]
        text = None
        if None not in texts and not any(line.comment for line in lines):
            text = self.short(f"{' '.join(head)} {'; '.join(texts)} in {_tuple_text(outvars)} }}")
        return _Program(head, lines, outvars, text)

    def line(self, eqn: Eqn, env: dict[Var, str], used: set[Var] | None) -> _Line:
        outvars = [
            self.bind(v, env) if used is None or v in used else f"_:{getattr(v, 'aval', '?')}"
            for v in eqn.outvars
        ]
        keys = sorted(eqn.params, key=lambda key: (key != "name", key))
        params = [(key, self.param(eqn.primitive.name, key, eqn.params[key])) for key in keys]
        operands = [_atom(v, env) for v in eqn.invars]
        texts = [value if type(value) is str else value.text for _, value in params]
        params_text = text = None
        if None not in texts:
            pairs = " ".join(f"{key}={text}" for (key, _), text in zip(params, texts, strict=True))
            params_text = f"[{pairs}]" if params else ""
            text = self.short(" ".join([*_left(outvars), eqn.primitive.name + params_text, *operands]))
        comment = f"  # {eqn.source} ({eqn.source.code.co_name})" if self.source_info and eqn.source else ""
        return _Line(outvars, eqn.primitive.name, params, operands, comment, params_text, text)

    def param(self, primitive: str, key: str, value) -> str | _Program | _Tuple:
        if isinstance(value, Jaxpr | ClosedJaxpr):
            return self.program(value.jaxpr if isinstance(value, ClosedJaxpr) else value)
        if isinstance(value, tuple) and any(isinstance(item, Jaxpr | tuple) for item in value):
            if primitive == "dot_general" and key == "dimension_numbers":
                return _format_dimension_numbers(value)
            fields = getattr(value, "_fields", None)
            labels = [f"{field}=" for field in fields] if fields else [""] * len(value)
            texts = [self.param(primitive, key, item) for item in value]
            if any(type(text) is not str for text in texts):
                items = list(zip(labels, texts, strict=True))
                return _Tuple(f"{type(value).__name__}(" if fields else "(", items)
        return format_param(value)

    def bind(self, var: Var, env: dict[Var, str]) -> str:
        name = env.get(var)
        if name is None:
            name = env[var] = next(self.names)
        return f"{name}:{getattr(var, 'aval', '?')}"

    def short(self, text: str) -> str | None:
        return text if len(text) <= self.width else None


def _closed(words: list[str], end: str) -> list[str]:
    """``[a, b]`` -> ``[a, b;]``; ``[]`` -> ``[;]``."""
    return [*words[:-1], words[-1] + end] if words else [end]


def _left(outvars: list[str]) -> list[str]:
    return [*outvars, "="] if outvars else []


def _tuple_text(items: Sequence[str]) -> str:
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def _atom(atom: Atom, env: dict[Var, str]) -> str:
    # Programs that break the rules print too, with question marks: messages of the checker show them.
    if type(atom) is Literal:
        try:
            number = format_scalar(atom.val, atom.aval.dtype)
        except (TypeError, ValueError):
            number = "?"
        return f"{number}:{atom.aval}"
    return env.get(atom) or f"?:{getattr(atom, 'aval', '?')}"


# --- layout -----------------------------------------------------------------------------------------


class _Layout:
    """Lines of text no wider than ``width``, where the words allow it."""

    def __init__(self, width: int):
        self.width = width
        self.lines: list[str] = []

    def fill(self, start: str, words: Sequence[str], indent: int) -> None:
        """Put words behind ``start``; where they need more lines, those are indented by ``indent``."""
        current, room = start, self.width - len(start)
        for i, word in enumerate(words):
            gap = " " if i and current else ""
            if i and room < len(word) + 1:
                self.lines.append(current)
                current, gap = " " * indent, ""
                room = self.width - indent
            current += gap + word
            room -= len(gap) + len(word)
        self.lines.append(current)

    def program(self, start: str, program: _Program, indent: int, end: str = "") -> None:
        if program.text is not None and len(start) + len(program.text) + len(end) <= self.width:
            self.lines.append(start + program.text + end)
            return
        self.fill(start, program.head, indent + 4)
        for line in program.lines:
            self.line(line, indent + 4)
        outs = _tuple_text(program.outvars).split()
        self.fill(" " * (indent + 2), ["in", *outs, "}" + end], indent + 4)

    def line(self, line: _Line, indent: int) -> None:
        if line.text is not None and indent + len(line.text) <= self.width:
            self.lines.append(" " * indent + line.text + line.comment)
            return
        left = _left(line.outvars)
        call = f"{line.primitive}{line.params_text or ''}"
        # Params share a line if an operand fits behind them; programs only if everything does.
        length = indent + len(" ".join([*left, call, *line.operands[:1]]))
        if not line.params or (length <= self.width and all(type(value) is str for _, value in line.params)):
            self.fill(" " * indent, [*left, call, *line.operands], indent + 2)
        else:
            self.fill(" " * indent, [*left, f"{line.primitive}["], indent + 2)
            for key, value in line.params:
                self.value(f"{' ' * (indent + 2)}{key}=", value, indent + 2)
            self.fill(" " * indent, ["]", *line.operands], indent + 2)
        self.lines[-1] += line.comment

    def value(self, start: str, value: str | _Program | _Tuple, indent: int, end: str = "") -> None:
        if type(value) is str:
            self.lines.append(start + value + end)
        elif type(value) is _Program:
            self.program(start, value, indent, end)
        else:
            self.lines.append(start + value.open)
            # JAX writes the branches of a cond without commas between them.
            comma = "" if all(type(item) is _Program for _, item in value.items) else ","
            for label, item in value.items:
                self.value(" " * (indent + 2) + label, item, indent + 2, comma)
            self.lines.append(f"{' ' * indent}){end}")

    def text(self) -> str:
        return "\n".join(self.lines)


# --- what the rest of jaxlite uses ------------------------------------------------------------------


def format_jaxpr(jaxpr: Jaxpr | ClosedJaxpr, *, width: int = WIDTH, source_info: bool = False) -> str:
    """Return the text of a program; see `Jaxpr.pretty_print`."""
    if isinstance(jaxpr, ClosedJaxpr):
        jaxpr = jaxpr.jaxpr
    layout = _Layout(width)
    layout.program("", _Writer(width, source_info).program(jaxpr), 0)
    return layout.text()


def format_eqn(eqn: Eqn, *, width: int = WIDTH) -> str:
    """Return the text of one equation, its variables named from ``a`` on, results first."""
    writer = _Writer(width, source_info=False)
    env: dict[Var, str] = {}
    for var in (*eqn.outvars, *(v for v in eqn.invars if type(v) is Var)):
        writer.bind(var, env)
    layout = _Layout(width)
    layout.line(writer.line(eqn, env, None), 0)
    return layout.text()


def format_eqn_of(jaxpr: Jaxpr, index: int) -> str:
    """Return the first line of an equation as it stands in the text of its program."""
    layout = _Layout(WIDTH)
    line = _Writer(WIDTH, source_info=False).program(jaxpr).lines[index]
    layout.line(line, 0)
    return layout.lines[0] + (" …" if len(layout.lines) > 1 else "")


def pretty_print(self, *, source_info: bool = False, width: int = WIDTH, use_color: bool = False) -> str:
    """Return the text of the program.

    Parameters
    ----------
    source_info : bool, default False
        Whether each equation ends with the user's file, line and function; the parser skips such comments.
    width : int, default 80
        Columns to stay within, where the words allow it.
    use_color : bool, default False
        Accepted for programs written for JAX; texts have no color.

    Returns
    -------
    str
        ``{ lambda constvars ; invars. let equations in outvars }``. Variables that are never used are ``_``.

    Examples
    --------
    >>> import jaxlite
    >>> from jaxlite import lax
    >>> print(jaxlite.make_jaxpr(lambda x: lax.reduce_sum(lax.sin(x), (0,)))(np.zeros(3)).pretty_print())
    { lambda ; a:f64[3]. let
        b:f64[3] = sin a
        c:f64[] = reduce_sum[axes=(0,)] b
      in (c,) }
    """
    return format_jaxpr(self, width=width, source_info=source_info)


def _str_jaxpr(self) -> str:
    return format_jaxpr(self)


def _str_eqn(self) -> str:
    return format_eqn(self)


for _type in (Jaxpr, ClosedJaxpr):
    _type.pretty_print = pretty_print
    _type.__str__ = _type.__repr__ = _str_jaxpr
Eqn.__str__ = Eqn.__repr__ = _str_eqn
