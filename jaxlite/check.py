"""Verify that a program keeps the rules of the IR, and compare programs.

    check_jaxpr({ lambda ; a:f64[3]. let b:f64[4] = sin a in (b,) })

    JaxprTypeError: equation 0, b:f64[4] = sin a: result 0 does not have the type it is given.
      at  model.py:7, in f:   return np.sin(x)
      given    f64[4]
      derived  f64[3]

The rules: a variable is bound once, before it is used; literals are scalars of the type they are given;
programs inside params have no constvars; params can be hashed; and every result has the type that the
primitive's ``abstract_eval`` derives from the types of the operands. Tests run the check after every pass.
Layer 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxlite.dtypes import PYTHON_SCALAR_DTYPES, is_supported
from jaxlite.errors import JaxprTypeError
from jaxlite.ir import Atom, Aval, ClosedJaxpr, Eqn, Jaxpr, Literal, ShapedArray, Tape, Var, subjaxprs
from jaxlite.printing import format_eqn_of, format_scalar

# --- check ------------------------------------------------------------------------------------------


def check_jaxpr(jaxpr: Jaxpr | ClosedJaxpr) -> None:
    """Raise unless a program, and every program inside it, keeps the rules of the IR.

    Parameters
    ----------
    jaxpr : Jaxpr or ClosedJaxpr

    Raises
    ------
    JaxprTypeError
        Names the equation, the user's line that it comes from, and the types that differ.

    Examples
    --------
    >>> from jaxlite.parsing import parse_jaxpr
    >>> check_jaxpr(parse_jaxpr("{ lambda ; a:f64[3]. let b:f64[3] = sin a in (b,) }"))
    """
    if isinstance(jaxpr, ClosedJaxpr):
        _check_consts(jaxpr)
        jaxpr = jaxpr.jaxpr
    _Checker().check(jaxpr, ())


class _Checker:
    """Remembers which programs were checked: large programs share theirs."""

    def __init__(self):
        self.checked: set[Jaxpr] = set()

    def check(self, jaxpr: Jaxpr, path: tuple[str, ...]) -> None:
        if jaxpr in self.checked:
            return
        bound: set[Var] = set()
        for var in (*jaxpr.constvars, *jaxpr.invars):
            if type(var) is not Var:
                raise _program_error(f"an input is {var!r}, which is no variable", path)
            if var in bound:
                raise _program_error(f"an input of type {var.aval} stands there twice", path)
            bound.add(var)
        for index, eqn in enumerate(jaxpr.eqns):
            self.check_eqn(_Place(jaxpr, index, path), eqn, bound)
        for index, atom in enumerate(jaxpr.outvars):
            problem = _atom_problem(atom, bound)
            if problem:
                raise _program_error(f"result {index} {problem}", path)
        self.checked.add(jaxpr)

    def check_eqn(self, place: _Place, eqn: Eqn, bound: set[Var]) -> None:
        for index, atom in enumerate(eqn.invars):
            problem = _atom_problem(atom, bound)
            if problem:
                raise place.error(f"operand {index} {problem}")
        self.check_params(place, eqn.params)
        derived = _derive_avals(place, eqn)
        if len(derived) != len(eqn.outvars):
            raise place.error(f"it has {len(eqn.outvars)} results, but {len(derived)} are derived")
        for index, (var, aval) in enumerate(zip(eqn.outvars, derived, strict=True)):
            if type(var) is not Var:
                raise place.error(f"result {index} is {var!r:.60}, which is no variable")
            if var in bound:
                raise place.error(f"result {index} is a variable that is bound already")
            if var.aval != aval:
                raise place.error(
                    f"result {index} does not have the type it is given",
                    details=(f"given    {var.aval}", f"derived  {aval}"),
                )
            bound.add(var)

    def check_params(self, place: _Place, params: dict[str, Any]) -> None:
        for name, value in params.items():
            try:
                hash(value)
            except TypeError:
                raise place.error(
                    f"param {name} cannot be hashed",
                    why=f"it is or holds an object that can change: {value!r:.60}",
                    fix="use tuples for lists, and pass arrays as operands.",
                ) from None
            if isinstance(value, ClosedJaxpr):
                raise place.error(
                    f"param {name} is a ClosedJaxpr",
                    why="a program inside a param gets what it captures as operands.",
                    fix="lift_constvars(closed.jaxpr), with closed.consts as leading operands.",
                )
            for inner in subjaxprs({name: value}):
                if inner.constvars:
                    raise place.error(
                        f"the program in param {name} has constvars",
                        why="a program inside a param gets what it captures as operands.",
                        fix="lift_constvars(jaxpr), with the constants as leading operands.",
                    )
                self.check(inner, (*place.path, f"{name} of equation {place.index}, {place.eqn.primitive}"))


class _Place:
    """An equation and where it stands, for messages."""

    __slots__ = ("index", "jaxpr", "path")

    def __init__(self, jaxpr: Jaxpr, index: int, path: tuple[str, ...]):
        self.jaxpr = jaxpr
        self.index = index
        self.path = path

    @property
    def eqn(self) -> Eqn:
        return self.jaxpr.eqns[self.index]

    def error(self, problem: str, *, details: Sequence[str] = (), **parts) -> JaxprTypeError:
        source = self.eqn.source
        return JaxprTypeError(
            f"equation {self.index}, {format_eqn_of(self.jaxpr, self.index)}: {problem}.",
            where=source.describe() if source else "",
            details=(*_inside(self.path), *details),
            **parts,
        )


def _inside(path: tuple[str, ...]) -> list[str]:
    return [f"inside {' > '.join(path)}"] if path else []


def _program_error(problem: str, path: tuple[str, ...]) -> JaxprTypeError:
    return JaxprTypeError(f"program: {problem}.", where="", details=_inside(path))


def _atom_problem(atom: Atom, bound: set[Var]) -> str:
    """Say what is wrong with an operand or result; empty when nothing is."""
    if type(atom) is Var:
        return "" if atom in bound else f"is a variable of type {atom.aval} that is not bound before"
    if type(atom) is not Literal:
        return f"is {atom!r:.60}, neither a variable nor a literal"
    aval = _scalar_aval(atom.val)
    if aval is None:
        return f"is a literal that is no scalar: {type(atom.val).__name__}"
    return "" if aval == atom.aval else f"is a literal of type {aval} that is given type {atom.aval}"


def _scalar_aval(value: Any) -> ShapedArray | None:
    dtype = PYTHON_SCALAR_DTYPES.get(type(value))
    if dtype is not None:
        return ShapedArray((), dtype, dtype.kind != "b")
    if isinstance(value, np.generic) and is_supported(value.dtype):
        return ShapedArray((), value.dtype)
    return None


def _derive_avals(place: _Place, eqn: Eqn) -> tuple[Aval, ...]:
    try:
        return tuple(eqn.primitive.abstract_eval(*[atom.aval for atom in eqn.invars], **eqn.params))
    except Exception as error:
        text = str(error).split("\n", 1)[0]
        raise place.error(
            "the primitive refuses its operands or params", why=f"{type(error).__name__}: {text}"
        ) from error


def _check_consts(closed: ClosedJaxpr) -> None:
    constvars = closed.jaxpr.constvars
    if len(constvars) != len(closed.consts):
        raise _program_error(
            f"it has {len(constvars)} constvars, but {len(closed.consts)} values of them", ()
        )
    for index, (var, value) in enumerate(zip(constvars, closed.consts, strict=True)):
        if isinstance(var.aval, Tape):
            continue
        shape, dtype = np.shape(value), getattr(value, "dtype", PYTHON_SCALAR_DTYPES.get(type(value)))
        if shape != var.aval.shape or dtype != var.aval.dtype:
            problem = (
                f"the value of constvar {index} has shape {shape} and dtype {dtype}, its type is {var.aval}"
            )
            raise _program_error(problem, ())


# --- compare ----------------------------------------------------------------------------------------


def jaxpr_equal(a: Jaxpr, b: Jaxpr) -> bool:
    """Whether two programs are the same but for the names of their variables and the lines they come from.

    Numbers are compared by their bits (nan equals nan, 0.0 differs from -0.0), types with their weak types.
    """
    return not _difference(a, b)


def assert_jaxpr_equal(a: Jaxpr | ClosedJaxpr, b: Jaxpr | ClosedJaxpr) -> None:
    """Raise AssertionError, with both programs, unless `jaxpr_equal`; for tests.

    Parameters
    ----------
    a, b : Jaxpr or ClosedJaxpr
        Of closed programs the constants are not compared.
    """
    a, b = (j.jaxpr if isinstance(j, ClosedJaxpr) else j for j in (a, b))
    difference = _difference(a, b)
    if difference:
        raise AssertionError(f"programs differ: {difference}\n\n{a}\n\n{b}")


def _difference(a: Jaxpr, b: Jaxpr) -> str:
    """Describe the first difference between two programs; empty when there is none."""
    if a is b:
        return ""
    pairs: dict[Var, Var] = {}
    for what in ("constvars", "invars"):
        difference = _bind_pairs(getattr(a, what), getattr(b, what), pairs)
        if difference:
            return f"{what}: {difference}"
    if len(a.eqns) != len(b.eqns):
        return f"{len(a.eqns)} and {len(b.eqns)} equations"
    for index, (x, y) in enumerate(zip(a.eqns, b.eqns, strict=True)):
        difference = _eqn_difference(x, y, pairs)
        if difference:
            return f"equation {index}: {difference}"
    return _atoms_difference(a.outvars, b.outvars, pairs, "results")


def _bind_pairs(xs: Sequence[Var], ys: Sequence[Var], pairs: dict[Var, Var]) -> str:
    avals, others = ([v.aval for v in variables] for variables in (xs, ys))
    if avals != others:
        return f"{avals} and {others}"
    pairs.update(zip(xs, ys, strict=True))
    return ""


def _eqn_difference(x: Eqn, y: Eqn, pairs: dict[Var, Var]) -> str:
    if x.primitive is not y.primitive:
        return f"primitives {x.primitive} and {y.primitive}"
    if x.params.keys() != y.params.keys():
        return f"params {sorted(x.params)} and {sorted(y.params)}"
    for name in sorted(x.params):
        if not params_equal(x.params[name], y.params[name]):
            return f"param {name}"
    return _atoms_difference(x.invars, y.invars, pairs, "operands") or _bind_pairs(
        x.outvars, y.outvars, pairs
    )


def _atoms_difference(xs: Sequence[Atom], ys: Sequence[Atom], pairs: dict[Var, Var], what: str) -> str:
    if len(xs) != len(ys):
        return f"{len(xs)} and {len(ys)} {what}"
    for index, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if type(x) is Literal and type(y) is Literal:
            equal = x.aval == y.aval and _same_bits(x.val, y.val, x.aval.dtype)
        else:
            equal = type(x) is type(y) is Var and pairs.get(x) is y
        if not equal:
            return f"{what}, at {index}"
    return ""


def params_equal(x: Any, y: Any) -> bool:
    """Whether two params are of one type and equal; programs by `jaxpr_equal`, numbers by their bits."""
    if type(x) is not type(y):
        return False
    if isinstance(x, Jaxpr):
        return jaxpr_equal(x, y)
    if isinstance(x, tuple):
        return len(x) == len(y) and all(map(params_equal, x, y))
    if isinstance(x, float | complex | np.generic):
        dtype = np.asarray(x).dtype
        return dtype == np.asarray(y).dtype and _same_bits(x, y, dtype)
    return bool(x == y)


def _same_bits(x: Any, y: Any, dtype: np.dtype) -> bool:
    # The text tells -0.0 from 0.0, and nan equals nan whatever its payload.
    return format_scalar(x, dtype) == format_scalar(y, dtype)
