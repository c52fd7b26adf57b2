"""Read a program back from its text: the inverse of ``str(jaxpr)``.

    parse_jaxpr("{ lambda ; a:f64[3]. let b:f64[3] = sin a; c:f64[3] = mul b 2.0:f64[] in (c,) }")

The text of every program comes back, but for programs with Python functions among their params. The grammar::

    program   "{" "lambda" binder* ";" binder* "." "let" equation* "in" "(" atom, ... ")" "}"
    equation  [binder+ "="] primitive ["[" name "=" param ... "]"] atom*
    binder    name ":" aval                      atom   name | number ":" aval
    aval      f64[3,4] | f64*[] | tape(aval ...)
    param     None True 3 1.5 (1+2j) name 'text' float64 f64[3] 2.0:f64[] program (param, ...) [param, ...]
              TupleName(field=param, ...)

Equations end at a ``;``, or where a line begins that is not indented further than theirs. Comments go from
``#`` to the end of the line. Layer 1.
"""

from __future__ import annotations

import ast
import bisect
import difflib
import re
from typing import Any, NamedTuple, TypeVar

import numpy as np

from jaxlite.dtypes import PYTHON_SCALAR_DTYPES, from_short_name
from jaxlite.errors import ArgumentError, ParseError
from jaxlite.ir import PRIMITIVES, Atom, Aval, Eqn, Jaxpr, Literal, ShapedArray, Tape, Var
from jaxlite.printing import dtype_named

_NamedTupleType = TypeVar("_NamedTupleType", bound=type)

# Named tuples that may stand in params, by name.
PARAM_TYPES: dict[str, type] = {}


def register_param_type(cls: _NamedTupleType) -> _NamedTupleType:
    """Let the parser build named tuples of this class; a decorator.

    Examples
    --------
    >>> from typing import NamedTuple
    >>> @register_param_type
    ... class Window(NamedTuple):
    ...     sizes: tuple[int, ...]
    """
    if PARAM_TYPES.setdefault(cls.__name__, cls) is not cls:
        raise ArgumentError(f"two kinds of params are named {cls.__name__!r}.")
    return cls


# --- tokens -----------------------------------------------------------------------------------------

_NUMBER = r"(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf|nan)"
_TOKEN = re.compile(
    rf"""
    (?P<space>    (?:\s|\#[^\n]*)+ )
  | (?P<complex>  \([+-]?{_NUMBER}[+-]{_NUMBER}j\) | [+-]?{_NUMBER}j(?!\w) )
  | (?P<number>   [+-]?{_NUMBER}(?!\w) )
  | (?P<string>   '(?:[^'\\\n]|\\.)*' | "(?:[^"\\\n]|\\.)*" )
  | (?P<name>     [^\W\d]\w* )
  | (?P<opaque>   <(?:[^<>\n]|<[^<>\n]*>)*> )
  | (?P<mark>     [{{}}()\[\],;:.=*?] )
    """,
    re.VERBOSE,
)


class _Token(NamedTuple):
    """A word of the text. ``opens_line``: nothing but spaces stands before it on its line."""

    kind: str
    text: str
    start: int
    opens_line: bool
    line_indent: int


class _Text:
    """The text that is parsed: its tokens, and messages that point into it."""

    def __init__(self, text: str):
        self.text = text
        self.line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self.tokens = self._tokens()

    def _tokens(self) -> list[_Token]:
        tokens, position, opens_line, line_indent = [], 0, True, 0
        while position < len(self.text):
            match = _TOKEN.match(self.text, position)
            if match is None:
                raise self.error(position, f"{self.text[position]!r} does not belong in a program")
            word = match.group()
            if match.lastgroup == "space":
                opens_line = opens_line or "\n" in word
            else:
                if opens_line:
                    line_indent = self._column(position)
                tokens.append(_Token(match.lastgroup, word, position, opens_line, line_indent))
                opens_line = False
            position = match.end()
        return [*tokens, _Token("end", "", len(self.text), True, -1)]

    def _column(self, position: int) -> int:
        return position - self.line_starts[bisect.bisect_right(self.line_starts, position) - 1]

    def error(self, position: int, problem: str, **parts) -> ParseError:
        line = bisect.bisect_right(self.line_starts, position)
        column = self._column(position)
        start = self.line_starts[line - 1]
        shown = self.text[start:].split("\n", 1)[0]
        # A window of the line, so that long lines stay readable.
        left = max(0, column - 60)
        details = [f"    {shown[left : left + 100]}", f"    {' ' * (column - left)}^"]
        return ParseError(f"line {line}, column {column + 1}: {problem}.", details=details, **parts)


# --- the parser -------------------------------------------------------------------------------------


class _Parser:
    """Recursive descent: one method for each rule of the grammar."""

    def __init__(self, text: str):
        if not isinstance(text, str):
            raise ArgumentError(
                f"a text is needed, not {type(text).__name__}.",
                fix='parse_jaxpr(str(jaxpr)); @lax.program("f64[3]") above a function.',
            )
        self.source = _Text(text)
        self.tokens = self.source.tokens
        self.index = 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.index]

    def next_is(self, text: str) -> bool:
        """Whether the token after this one is the mark ``text``."""
        token = self.tokens[min(self.index + 1, len(self.tokens) - 1)]
        return token.kind == "mark" and token.text == text

    def at(self, text: str) -> bool:
        token = self.token
        return token.text == text and token.kind in ("mark", "name")

    def skip(self, text: str) -> bool:
        """Step over ``text`` if it is there."""
        found = self.at(text)
        self.index += found
        return found

    def expect(self, text: str, what: str = "") -> None:
        if not self.skip(text):
            raise self.expected(what or repr(text))

    def take(self, kind: str, what: str) -> _Token:
        token = self.token
        if token.kind != kind:
            raise self.expected(what)
        self.index += 1
        return token

    def expected(self, what: str) -> ParseError:
        token = self.token
        found = "the end of the text" if token.kind == "end" else repr(token.text)
        return self.source.error(token.start, f"expected {what}, found {found}")

    # Programs and equations

    def program(self) -> Jaxpr:
        env: dict[str, Var] = {}
        self.expect("{", "a program, which begins with '{ lambda'")
        self.expect("lambda")
        constvars = self.binders(env, "a variable such as a:f64[3], or ';'", ";")
        self.expect(";")
        invars = self.binders(env, "a variable such as a:f64[3], or '.'", ".")
        self.expect(".")
        self.expect("let")
        eqns = []
        while not self.at("in"):
            eqns.append(self.equation(env))
        self.expect("in")
        self.expect("(", "the results in parentheses")
        outvars = []
        while not self.at(")"):
            outvars.append(self.atom(env))
            if not self.skip(","):
                break
        self.expect(")", "',' or ')'")
        self.expect("}")
        return Jaxpr(constvars=constvars, invars=invars, eqns=tuple(eqns), outvars=tuple(outvars))

    def binders(self, env: dict[str, Var], what: str, end: str) -> tuple[Var, ...]:
        variables = []
        while not self.at(end):
            if self.token.kind != "name" or not self.next_is(":"):
                raise self.expected(what)
            variables.append(self.binder(env))
        return tuple(variables)

    def binder(self, env: dict[str, Var]) -> Var:
        token = self.take("name", "a variable")
        self.expect(":")
        var = Var(self.aval())
        if token.text != "_":
            if token.text in env:
                raise self.source.error(token.start, f"variable {token.text!r} is bound a second time")
            env[token.text] = var
        return var

    def equation(self, env: dict[str, Var]) -> Eqn:
        start = self.token
        # Results come into being with the equation: its own operands do not see them.
        bound: dict[str, Var] = {}
        outvars = ()
        if start.kind != "name":
            raise self.expected("an equation such as b:f64[3] = sin a, or 'in'")
        if self.next_is(":"):
            outvars = self.binders(bound, "another result, or '='", "=")
            self.expect("=")
        primitive = self.primitive()
        params = self.params(primitive.name) if self.skip("[") else {}
        invars = []
        while not self.ends_equation(start):
            invars.append(self.atom(env))
        if not self.skip(";") and not self.at("in") and not self.token.kind == "name":
            raise self.expected("an operand, the next equation, or 'in'")
        for name, var in bound.items():
            if env.setdefault(name, var) is not var:
                raise self.source.error(start.start, f"variable {name!r} is bound a second time")
        return Eqn(primitive, tuple(invars), outvars, params, None)

    def ends_equation(self, start: _Token) -> bool:
        token = self.token
        if token.opens_line and token.line_indent <= start.line_indent:
            return True
        if token.kind == "name":
            # ``name:`` begins the next equation; ``True:bool[]`` is an operand.
            return token.text == "in" or (self.next_is(":") and token.text not in _BOOLS)
        return token.kind not in ("number", "complex")

    def primitive(self):
        token = self.take("name", "the name of a primitive")
        primitive = PRIMITIVES.get(token.text)
        if primitive is None:
            close = difflib.get_close_matches(token.text, PRIMITIVES, n=1)
            raise self.source.error(
                token.start,
                f"there is no primitive named {token.text!r}",
                fix=f"did you mean {close[0]!r}?" if close else "",
            )
        return primitive

    # Atoms and avals

    def atom(self, env: dict[str, Var]) -> Atom:
        token = self.token
        if token.kind in ("number", "complex") or token.text in _BOOLS:
            return self.literal()
        self.take("name", "a variable, or a number such as 2.0:f64[]")
        var = env.get(token.text)
        if var is None:
            raise self.source.error(token.start, f"variable {token.text!r} is used before it is bound")
        return var

    def literal(self) -> Literal:
        token = self.token
        self.index += 1
        self.expect(":", "the type of the number, such as :f64[]")
        aval = self.aval()
        if isinstance(aval, Tape) or aval.shape:
            raise self.source.error(token.start, f"a literal is a scalar, and cannot have type {aval}")
        try:
            return Literal(_scalar(token.text, aval), aval)
        except (ValueError, OverflowError, KeyError):
            raise self.source.error(token.start, f"{token.text} is not a value of type {aval}") from None

    def aval(self) -> Aval:
        if self.at("tape"):
            return self.tape()
        token = self.take("name", "a type such as f64[3,4]")
        dtype = from_short_name(token.text)
        if dtype is None:
            raise self.source.error(token.start, f"expected a type such as f64[3,4], found {token.text!r}")
        weak_type = self.skip("*")
        return ShapedArray(self.sizes(), dtype, weak_type)

    def tape(self) -> Tape:
        self.expect("tape")
        stack = self.sizes() if self.at("[") else ()
        self.expect("(")
        elements = []
        while not self.skip(")"):
            elements.append(self.aval())
        return Tape(tuple(elements), stack)

    def sizes(self) -> tuple[int, ...]:
        self.expect("[", "a shape such as [3,4]")
        sizes = []
        while not self.at("]"):
            token = self.take("number", "a size")
            if not token.text.isdecimal():
                raise self.source.error(token.start, f"expected a size, found {token.text!r}")
            sizes.append(int(token.text))
            if not self.skip(","):
                break
        self.expect("]", "',' or ']'")
        return tuple(sizes)

    # Params

    def params(self, primitive: str) -> dict[str, Any]:
        params: dict[str, Any] = {}
        while not self.skip("]"):
            token = self.take("name", f"a param of {primitive}, or ']'")
            if token.text in params:
                raise self.source.error(token.start, f"param {token.text!r} is given twice")
            self.expect("=")
            params[token.text] = self.param(f"param {token.text!r} of {primitive}")
        return params

    def param(self, what: str) -> Any:
        token = self.token
        if token.kind in ("number", "complex") or token.text in _CONSTANTS:
            if self.next_is(":"):
                return self.numpy_scalar()
            self.index += 1
            return _python_constant(token)
        if token.kind == "name":
            return self.named_param(what)
        if token.kind == "string":
            self.index += 1
            return ast.literal_eval(token.text)
        if self.at("{"):
            return self.program()
        if self.skip("("):
            return self.items(")", what)
        if self.skip("["):
            return self.items("]", what)
        if token.text == "<lambda>":
            self.index += 1
            return token.text
        if token.kind == "opaque":
            raise self.source.error(
                token.start,
                f"{what} is the Python object {token.text}, which cannot be made from text",
                why="text gives back numbers, strings, dtypes, tuples and programs, but no Python functions.",
            )
        raise self.expected(f"a value for {what}")

    def numpy_scalar(self) -> np.generic:
        literal = self.literal()
        return literal.aval.dtype.type(literal.val)

    def named_param(self, what: str) -> Any:
        token = self.token
        if self.next_is("("):
            return self.tape() if token.text == "tape" else self.named_tuple(what)
        is_aval = token.text == "tape" or from_short_name(token.text) is not None
        if is_aval and (self.next_is("[") or self.next_is("*")):
            return self.aval()
        self.index += 1
        dtype = dtype_named(token.text)
        return token.text if dtype is None else dtype

    def named_tuple(self, what: str) -> Any:
        token = self.take("name", "the name of a named tuple")
        cls = PARAM_TYPES.get(token.text)
        if cls is None:
            raise self.source.error(
                token.start,
                f"{what} is a {token.text}, a name that is not known",
                why="named tuples in params are made by name.",
                fix=f"@register_param_type above class {token.text}.",
            )
        self.expect("(")
        fields: dict[str, Any] = {}
        while not self.at(")"):
            field = self.take("name", f"a field of {token.text}, or ')'").text
            self.expect("=")
            fields[field] = self.param(what)
            if not self.skip(","):
                break
        self.expect(")", "',' or ')'")
        if sorted(fields) != sorted(cls._fields):
            raise self.source.error(token.start, f"{token.text} has the fields {', '.join(cls._fields)}")
        return cls(**fields)

    def items(self, end: str, what: str) -> tuple:
        items = []
        while not self.skip(end):
            items.append(self.param(what))
            # Commas may be left out behind a program, as JAX does in the branches of a cond.
            if not self.skip(",") and not self.at(end) and type(items[-1]) is not Jaxpr:
                raise self.expected(f"',' or {end!r}")
        return tuple(items)


_BOOLS = {"True": True, "False": False}
_CONSTANTS = _BOOLS | {"None": None}
_PYTHON_TYPES = {dtype: python_type for python_type, dtype in PYTHON_SCALAR_DTYPES.items()}


def _scalar(text: str, aval: ShapedArray):
    """Make the value of a literal: of its dtype, or a Python number where it is weak."""
    kind = aval.dtype.kind
    if kind == "b":
        return np.bool_(_BOOLS[text])
    if kind == "V":
        return np.zeros((), aval.dtype)[()]
    if kind in "iu":
        number = int(text)
    else:
        number = float(text) if kind == "f" else complex(text)
    if aval.weak_type and aval.dtype in _PYTHON_TYPES:
        return _PYTHON_TYPES[aval.dtype](number)
    return aval.dtype.type(number)


def _python_constant(token: _Token):
    if token.text in _CONSTANTS:
        return _CONSTANTS[token.text]
    if token.kind == "complex":
        return complex(token.text)
    try:
        return int(token.text)
    except ValueError:
        return float(token.text)


def parse_jaxpr(text: str) -> Jaxpr:
    """Make the program that a text shows.

    Parameters
    ----------
    text : str
        What ``str`` of a `Jaxpr` or a `ClosedJaxpr` gives, or the like written by hand.

    Returns
    -------
    Jaxpr
        ``str(parse_jaxpr(text)) == text`` for every text that ``str`` made. The values of the constvars are
        not part of the text. Types are taken as they stand: `check_jaxpr` verifies them.

    Raises
    ------
    ParseError
        Where the text is not a program (with line and column, and what was expected there), uses an unknown
        primitive or a variable that is not bound, or where a param is a Python function.

    Examples
    --------
    >>> from jaxlite.interpreters.evaluate import eval_jaxpr
    >>> jaxpr = parse_jaxpr("{ lambda ; a:f64[]. let b:f64[] = sin a; c:f64[] = mul b b in (c,) }")
    >>> eval_jaxpr(jaxpr, (), 0.0)
    [Array(0., dtype=float64)]
    """
    parser = _Parser(text)
    jaxpr = parser.program()
    if parser.token.kind != "end":
        raise parser.expected("the end of the text")
    return jaxpr


def parse_aval(text: str) -> Aval:
    """Make the aval that a text shows, such as ``f64[3,4]``; raises ParseError."""
    parser = _Parser(text)
    aval = parser.aval()
    if parser.token.kind != "end":
        raise parser.expected("the end of the type")
    return aval
