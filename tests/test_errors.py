"""Bad input: each misuse raises its class, names the user's line and the way out, and leaves no state behind.

A row is a call that is wrong, the class it raises and what its first line says:

    Misuse("grad of a vector", lambda: jaxlite.grad(np.sin)(VECTOR), GradOutputError, "needs a scalar result")
    ->  GradOutputError: grad needs a scalar result; sin returned f64[3].
          at  test_errors.py:57, in <lambda>:   Misuse("grad of a vector", lambda: …
          why Gradient only defined for scalar-output functions.
          fix return the sum, …

Shapes and dtypes of single functions are refused in the rows of ``tests/rows`` (``ERRORS``).
"""

# ruff: noqa: E501 (one row, one line)

from __future__ import annotations

import inspect
import math
import re
import threading
from collections.abc import Callable
from types import CodeType
from typing import NamedTuple

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import errors, lax
from jaxlite.errors import (
    ArgumentError,
    AxisNameError,
    BatchSizeError,
    BranchTypeError,
    CarryTypeError,
    ConcretizationTypeError,
    CustomRuleError,
    DtypeError,
    GradInputError,
    GradOutputError,
    InplaceUpdateError,
    IntegerRangeError,
    InternalError,
    JaxliteError,
    JaxprTypeError,
    NonConcreteBooleanIndexError,
    ParseError,
    RuleError,
    ShapeError,
    StaticArgumentError,
    TracerArrayConversionError,
    TracerBoolConversionError,
    TracerIntegerConversionError,
    TransposeError,
    TreeError,
    UnexpectedTracerError,
)
from jaxlite.primitive import PRIMITIVES, NotBatchable
from jaxlite.trace import EVAL, current_trace

VECTOR = np.arange(3.0)
MATRIX = np.arange(6.0).reshape(2, 3)
X = jnp.asarray(VECTOR)


class Misuse(NamedTuple):
    """A wrong call, the class it raises, a builtin that catches it, and what its first line says."""

    name: str
    call: Callable
    error: type[JaxliteError]
    builtin: type[Exception]
    what: str
    names_line: bool = True


@jaxlite.custom_vjp
def _without_rule(x):
    return x


@jaxlite.custom_vjp
def _wrong_rule(x):
    return x


_wrong_rule.defvjp(lambda x: (x, None), lambda res, ct: (ct, ct))


def _matrix():
    with pytest.warns(PendingDeprecationWarning):
        return np.matrix([[1.0, 2.0]])


def _twice_the_name():
    sin = lax.sin_p
    type(sin)(**{name: getattr(sin, name) for name in sin.__dataclass_fields__})


def _unbound_variable():
    jaxpr = jaxlite.make_jaxpr(lambda x: x + 1.0)(1.0).jaxpr
    jaxlite.check_jaxpr(jaxpr.replace(eqns=()))


# fmt: off
MISUSES = [
    # Derivatives.
    Misuse("grad of a vector", lambda: jaxlite.grad(np.sin)(VECTOR), GradOutputError, TypeError, r"grad needs a scalar result; sin returned f64\[3\]"),
    Misuse("grad of a tuple", lambda: jaxlite.grad(lambda x: (x, x))(1.0), GradOutputError, TypeError, r"grad needs a scalar result"),
    Misuse("grad of None", lambda: jaxlite.grad(lambda x: None)(1.0), GradOutputError, TypeError, r"returned PyTreeDef\(None\)"),
    Misuse("grad of an integer result", lambda: jaxlite.grad(lambda x: 3)(1.0), GradOutputError, TypeError, r"requires real-valued outputs"),
    Misuse("grad of a complex result", lambda: jaxlite.grad(lambda x: x * 1j)(1.0), GradOutputError, TypeError, r"requires real-valued outputs"),
    Misuse("holomorphic grad of a real result", lambda: jaxlite.grad(jnp.real, holomorphic=True)(1j), GradOutputError, TypeError, r"outputs with complex dtype"),
    Misuse("grad of an integer", lambda: jaxlite.grad(lambda x: x * 2.0)(3), GradInputError, TypeError, r"grad requires real- or complex-valued inputs, but got i64\*\[\]"),
    Misuse("grad of a bool", lambda: jaxlite.grad(lambda x: x * 2.0)(np.True_), GradInputError, TypeError, r"but got bool\[\]"),
    Misuse("grad of an integer leaf", lambda: jaxlite.grad(lambda p: p["x"])({"x": 1.0, "n": 3}), GradInputError, TypeError, r"but got i64"),
    Misuse("holomorphic grad of a float", lambda: jaxlite.grad(lambda x: x, holomorphic=True)(1.0), GradInputError, TypeError, r"inputs with complex dtype"),
    Misuse("jacfwd of an integer", lambda: jaxlite.jacfwd(lambda x: x)(3), GradInputError, TypeError, r"jacfwd requires real-valued inputs"),
    Misuse("jacrev to an integer", lambda: jaxlite.jacrev(lambda x: 3)(1.0), GradInputError, TypeError, r"jacrev requires real-valued outputs"),
    Misuse("grad of a string", lambda: jaxlite.grad(lambda x: x)("text"), DtypeError, TypeError, r"str 'text' at grad argument \[0\]"),
    Misuse("grad without a function", lambda: jaxlite.grad(3.0), ArgumentError, TypeError, r"grad needs a callable, not float"),
    Misuse("grad without arguments", lambda: jaxlite.grad(lambda x: x)(), ArgumentError, TypeError, r"requires at least 1 positional"),
    Misuse("grad of keyword arguments only", lambda: jaxlite.grad(lambda x: x)(x=1.0), ArgumentError, TypeError, r"requires at least 1 positional"),
    Misuse("grad beyond the arguments", lambda: jaxlite.grad(lambda x: x, argnums=1)(1.0), ArgumentError, TypeError, r"argnums=1 requires at least 2 positional"),
    Misuse("grad of a named argument", lambda: jaxlite.grad(lambda x: x, argnums="x"), ArgumentError, TypeError, r"argnums must be an int or a sequence of ints, not 'x'"),
    Misuse("grad twice of one argument", lambda: jaxlite.grad(lambda x, y: x * y, (0, -2))(1.0, 2.0), ArgumentError, TypeError, r"names an argument twice"),
    Misuse("has_aux without aux", lambda: jaxlite.grad(lambda x: x, has_aux=True)(1.0), ArgumentError, TypeError, r"must return a pair \(output, aux\)"),
    Misuse("jvp of bare values", lambda: jaxlite.jvp(np.sin, 1.0, 1.0), ArgumentError, TypeError, r"must be tuples or lists; found float and float"),
    Misuse("jvp with too many tangents", lambda: jaxlite.jvp(np.sin, (1.0,), (1.0, 1.0)), ArgumentError, TypeError, r"primals have structure"),
    Misuse("jvp with a tangent's shape", lambda: jaxlite.jvp(np.sin, (1.0,), (VECTOR,)), ArgumentError, TypeError, r"tangents of type f64\[\], but got f64\[3\]"),
    Misuse("jvp with a tangent's dtype", lambda: jaxlite.jvp(np.sin, (1.0,), (1,)), ArgumentError, TypeError, r"but got i64\*\[\]"),
    Misuse("jvp along an integer", lambda: jaxlite.jvp(lambda n: n * 2.0, (np.arange(3),), (VECTOR,)), ArgumentError, TypeError, r"tangents of type float0\[3\]"),
    Misuse("linearized with a shape", lambda: jaxlite.linearize(np.sin, 1.0)[1](VECTOR), ArgumentError, TypeError, r"linearize: a primal"),
    Misuse("linearized with two", lambda: jaxlite.linearize(np.sin, 1.0)[1](1.0, 1.0), ArgumentError, TypeError, r"the linear function takes"),
    Misuse("cotangent's shape", lambda: jaxlite.vjp(np.sin, 1.0)[1](VECTOR), ShapeError, ValueError, r"cotangent of type f64\[3\], but the output has type f64\[\]"),
    Misuse("cotangent's dtype", lambda: jaxlite.vjp(np.sin, 1.0)[1](np.float32(1)), ShapeError, ValueError, r"cotangent of type f32\[\]"),
    Misuse("complex cotangent", lambda: jaxlite.vjp(np.sin, 1.0)[1](1j), ShapeError, ValueError, r"cotangent of type c128"),
    Misuse("cotangent's structure", lambda: jaxlite.vjp(lambda x: (x, x), 1.0)[1]([1.0, 1.0]), ArgumentError, TypeError, r"the cotangent has structure PyTreeDef\(\[\*, \*\]\)"),
    Misuse("two cotangents", lambda: jaxlite.vjp(np.sin, 1.0)[1](1.0, 1.0), ArgumentError, TypeError, r"takes one cotangent, but got 2"),
    Misuse("cotangent that is text", lambda: jaxlite.vjp(np.sin, 1.0)[1]("1"), DtypeError, TypeError, r"str '1'"),
    Misuse("transpose of sin", lambda: jaxlite.linear_transpose(np.sin, 1.0)(1.0), TransposeError, NotImplementedError, r"sin\(f64\[\]\) is not linear"),
    Misuse("transpose of a square", lambda: jaxlite.linear_transpose(lambda x: x * x, 1.0)(1.0), TransposeError, NotImplementedError, r"mul\(f64\[\], f64\[\]\) is not linear"),
    Misuse("transpose of a quotient", lambda: jaxlite.linear_transpose(lambda x: 2.0 / x, 1.0)(1.0), TransposeError, NotImplementedError, r"div\("),
    Misuse("transpose of a dot product", lambda: jaxlite.linear_transpose(lambda x: x @ x, VECTOR)(1.0), TransposeError, NotImplementedError, r"dot_general\("),
    Misuse("transpose inside jit", lambda: jaxlite.jit(lambda x: jaxlite.linear_transpose(lambda y: y * y, x)(x))(1.0), TransposeError, NotImplementedError, r"mul\("),
    Misuse("transpose of integers", lambda: jaxlite.linear_transpose(lambda x: 2 * x, 1), GradInputError, TypeError, r"real or complex numbers, but <lambda> at test_errors.py:\d+ maps i64\[\] to i64\[\]"),
    Misuse("custom_vjp without a rule", lambda: jaxlite.grad(_without_rule)(1.0), CustomRuleError, TypeError, r"_without_rule"),
    Misuse("custom_vjp with a wrong rule", lambda: jaxlite.grad(_wrong_rule)(1.0), CustomRuleError, TypeError, r"_wrong_rule"),
    # vmap.
    Misuse("vmap of a scalar", lambda: jaxlite.vmap(np.sin)(1.0), BatchSizeError, ValueError, r"rank should be at least 1"),
    Misuse("vmap of two sizes", lambda: jaxlite.vmap(lambda x, w: x)(VECTOR, MATRIX), BatchSizeError, ValueError, r"inconsistent sizes"),
    Misuse("vmap of nothing", lambda: jaxlite.vmap(np.sin, in_axes=None)(VECTOR), BatchSizeError, ValueError, r"at least one non-None value in in_axes"),
    Misuse("vmap with another axis_size", lambda: jaxlite.vmap(np.sin, axis_size=4)(VECTOR), BatchSizeError, ValueError, r"inconsistent sizes"),
    Misuse("vmap with two in_axes for one", lambda: jaxlite.vmap(np.sin, in_axes=(0, 0))(VECTOR), ArgumentError, ValueError, r"in_axes has 2 entries"),
    Misuse("vmap with text as in_axes", lambda: jaxlite.vmap(np.sin, in_axes="0"), ArgumentError, TypeError, r"in_axes must be an int, None, or a tuple"),
    Misuse("vmap with half an axis", lambda: jaxlite.vmap(np.sin, in_axes=(0.5,))(VECTOR), ArgumentError, TypeError, r"in_axes holds 0.5 for argument"),
    Misuse("vmap with another tree", lambda: jaxlite.vmap(lambda d: d, in_axes=({"a": 0},))({"b": VECTOR}), TreeError, ValueError, r"vmap in_axes: not a prefix"),
    Misuse("vmap out of rank", lambda: jaxlite.vmap(np.sin, out_axes=2)(VECTOR), ArgumentError, ValueError, r"out_axes is 2 for a result of rank 1"),
    Misuse("vmap out of half an axis", lambda: jaxlite.vmap(np.sin, out_axes=0.5)(VECTOR), ArgumentError, TypeError, r"out_axes holds 0.5"),
    Misuse("vmap out of None", lambda: jaxlite.vmap(np.sin, out_axes=None)(VECTOR), ArgumentError, ValueError, r"out_axes is None for a result that depends"),
    Misuse("vmap of text", lambda: jaxlite.vmap(lambda x, mode: x)(VECTOR, "mode"), DtypeError, TypeError, r"str 'mode' at argument 'mode' of vmap\(<lambda>"),
    Misuse("vmap without a function", lambda: jaxlite.vmap(VECTOR), ArgumentError, TypeError, r"vmap needs a callable"),
    Misuse("psum over no axis", lambda: lax.psum(1.0, "i"), AxisNameError, NameError, r"'i'"),
    Misuse("psum over another axis", lambda: jaxlite.vmap(lambda x: lax.psum(x, "j"), axis_name="i")(VECTOR), AxisNameError, NameError, r"'j'"),
    # jit.
    Misuse("jit without a function", lambda: jaxlite.jit(3.0), ArgumentError, TypeError, r"jit needs a callable, not float"),
    Misuse("jit returns text", lambda: jaxlite.jit(lambda x: {"name": "text"})(1.0), ArgumentError, TypeError, r"returned str 'text' at result\['name'\]"),
    Misuse("jit of text", lambda: jaxlite.jit(lambda x, mode: x)(1.0, {"a": ["text"]}), DtypeError, TypeError, r"""str 'text' at argument "mode\['a'\]\[0\]" of <lambda>"""),
    Misuse("jit of objects", lambda: jaxlite.jit(lambda x: x)(np.array([None])), DtypeError, TypeError, r"an array of dtype object at argument 'x'"),
    Misuse("jit of strings", lambda: jaxlite.jit(lambda x: x)(np.array(["a"])), DtypeError, TypeError, r"an array of dtype <U1 at argument 'x'"),
    Misuse("jit of dates", lambda: jaxlite.jit(lambda x: x)(np.array(["2020-01-01"], "M8[D]")), DtypeError, TypeError, r"datetime64\[D\] at argument 'x'"),
    Misuse("jit of a structured array", lambda: jaxlite.jit(lambda x: x)(np.zeros(2, [("a", "f8")])), DtypeError, TypeError, r"\[\('a', '<f8'\)\]"),
    Misuse("jit of a masked array", lambda: jaxlite.jit(lambda x: x)(np.ma.array([1.0, 2.0], mask=[0, 1])), DtypeError, TypeError, r"a MaskedArray at argument 'x'"),
    Misuse("jit of a matrix", lambda: jaxlite.jit(lambda x: x * x)(_matrix()), DtypeError, TypeError, r"a matrix at argument 'x'"),
    Misuse("jit of a huge integer", lambda: jaxlite.jit(lambda x: x)(2**70), IntegerRangeError, OverflowError, r"1180591620717411303424 does not fit in int64"),
    Misuse("list as static argument", lambda: jaxlite.jit(lambda x, n: x, static_argnums=1)(1.0, [2]), StaticArgumentError, ValueError, r"static argument 1 of <lambda> cannot be hashed: \[2\]"),
    Misuse("array as static argument", lambda: jaxlite.jit(lambda x, n: x, static_argnames="n")(1.0, n=VECTOR), StaticArgumentError, ValueError, r"cannot be hashed: array"),
    Misuse("static name that is none", lambda: jaxlite.jit(lambda x: x, static_argnames="mode"), StaticArgumentError, ValueError, r"names 'mode', but <lambda> has no such argument"),
    Misuse("static position that is none", lambda: jaxlite.jit(lambda x: x, static_argnums=3), StaticArgumentError, ValueError, r"holds 3, but <lambda> has 1 positional"),
    Misuse("static position that is a float", lambda: jaxlite.jit(lambda x: x, static_argnums=0.5), StaticArgumentError, ValueError, r"static_argnums must be an int or a sequence of ints, not 0.5"),
    Misuse("make_jaxpr of text", lambda: jaxlite.make_jaxpr(lambda name: name)("text"), DtypeError, TypeError, r"str 'text' at argument 'name'"),
    Misuse("make_jaxpr beyond the arguments", lambda: jaxlite.make_jaxpr(lambda x: x, static_argnums=4)(1.0), StaticArgumentError, ValueError, r"static_argnums holds 4, but the call has 1"),
    # Control flow.
    Misuse("carry of another dtype", lambda: lax.scan(lambda c, x: (c * 0.5, x), np.int64(1), VECTOR), CarryTypeError, TypeError, r"carry"),
    Misuse("carry of another structure", lambda: lax.scan(lambda c, x: ((c, c), x), 1.0, VECTOR), CarryTypeError, TypeError, r"carry"),
    Misuse("while carry of another shape", lambda: lax.while_loop(lambda c: True, lambda c: c[:1], VECTOR), CarryTypeError, TypeError, r"carry|body"),
    Misuse("branches of two structures", lambda: lax.cond(True, lambda: 1.0, lambda: (1.0,)), BranchTypeError, TypeError, r"cond"),
    Misuse("branches of two dtypes", lambda: lax.cond(True, lambda: 1.0, lambda: np.arange(2)), BranchTypeError, TypeError, r"cond"),
    # Values.
    Misuse("add of two shapes", lambda: jnp.add(VECTOR, np.ones(4)), ShapeError, ValueError, r"f64\[3\], f64\[4\]"),
    Misuse("dot of two shapes", lambda: jnp.dot(VECTOR, np.ones(4)), ShapeError, ValueError, r"f64\[3\]"),
    Misuse("function of a list", lambda: jnp.sin([1.0, 2.0]), DtypeError, TypeError, r"sin takes arrays and numbers, not list"),
    Misuse("array of objects", lambda: jnp.asarray([object()]), DtypeError, TypeError, r"object"),
    Misuse("array of strings", lambda: jnp.asarray(["a"]), DtypeError, TypeError, r"str|<U1"),
    Misuse("trees of two structures", lambda: jaxlite.tree.map(lambda x, y: x, {"a": 1}, {"b": 1}), TreeError, ValueError, r"'a'|'b'"),
    Misuse("dictionary keys without order", lambda: jaxlite.jit(lambda d: d)({1: 1.0, "a": 2.0}), TreeError, ValueError, r"key"),
    Misuse("mask in jit", lambda: jaxlite.jit(lambda x: x[x > 1.0])(VECTOR), NonConcreteBooleanIndexError, IndexError, r"a traced mask is used as an index"),
    Misuse("nonzero in jit", lambda: jaxlite.jit(jnp.nonzero)(VECTOR), ConcretizationTypeError, TypeError, r"nonzero: the shape of the result depends on a traced value"),
    # Programs.
    Misuse("text that is no program", lambda: jaxlite.parse_jaxpr("{ lambda ; a:f64[]. let b = "), ParseError, ValueError, r"", names_line=False),
    Misuse("program without its equation", _unbound_variable, JaxprTypeError, TypeError, r"", names_line=False),
    Misuse("primitive declared twice", _twice_the_name, InternalError, AssertionError, r"two primitives are named 'sin'. This is a bug in jaxlite", names_line=False),
]
# fmt: on


def lines_of(code: CodeType) -> set[int]:
    """Return the lines of a function and of all functions inside it."""
    own = {line for _, _, line in code.co_lines() if line is not None} | {code.co_firstlineno}
    return own.union(*(lines_of(const) for const in code.co_consts if isinstance(const, CodeType)))


def assert_house_form(error: BaseException, call: Callable) -> None:
    """Fail unless a message is *what*, *where*, and then *why* or *fix*, and *where* is a line of ``call``."""
    what, *rest = str(error).split("\n")
    assert what and not what.startswith(" ")
    (place,) = [line for line in rest if line.startswith("  at  ")]
    found = re.match(r"  at  test_errors\.py:(\d+), in \S+", place)
    assert found, place
    assert int(found[1]) in lines_of(call.__code__), place
    assert all(line.startswith("  ") for line in rest)


def assert_everything_still_works() -> None:
    """No state may stay changed: what the failed call could have left behind is used here."""
    assert current_trace() is EVAL
    f = jaxlite.jit(jaxlite.grad(lambda x: jnp.sum(jnp.sin(x) * x)))
    expected = np.cos(VECTOR) * VECTOR + np.sin(VECTOR)
    np.testing.assert_allclose(f(VECTOR), expected, rtol=1e-14)
    np.testing.assert_allclose(jaxlite.vmap(f)(np.stack([VECTOR, VECTOR]))[1], expected, rtol=1e-14)
    assert jaxlite.make_jaxpr(np.sin)(1.0).eqns[0].source.scope == ""


@pytest.mark.parametrize("row", MISUSES, ids=[row.name for row in MISUSES])
def test_misuse(row):
    with pytest.raises(row.error) as caught:
        row.call()
    assert type(caught.value) is row.error
    assert isinstance(caught.value, row.builtin)
    assert re.search(row.what, str(caught.value).split("\n")[0]), str(caught.value)
    if row.names_line:
        assert_house_form(caught.value, row.call)
    assert_everything_still_works()


# Random numbers, which come later, are the only ones to reuse keys.
NOT_RAISED_YET = {"KeyReuseError"}
BASES = {"JaxliteError", "JAXTypeError", "JAXIndexError"}
IN_OTHER_TESTS = {
    "InplaceUpdateError",
    "RuleError",
    "TracerArrayConversionError",
    "TracerBoolConversionError",
    "TracerIntegerConversionError",
    "UnexpectedTracerError",
}


def test_every_class_is_raised_by_some_misuse():
    classes = {name for name, _ in inspect.getmembers(errors, inspect.isclass) if name.endswith("Error")}
    covered = {row.error.__name__ for row in MISUSES}
    assert classes - covered == NOT_RAISED_YET | BASES | IN_OTHER_TESTS


def test_classes_carry_the_names_of_jax(oracle):
    for name in dir(oracle.errors):
        if name.endswith("Error") and name not in ("JaxRuntimeError", "KeyReuseError"):
            theirs, ours = getattr(oracle.errors, name), getattr(errors, name)
            builtin = {"TypeError", "IndexError", "ValueError"} & {c.__name__ for c in theirs.__mro__}
            assert builtin <= {c.__name__ for c in ours.__mro__}, name
            base = getattr(errors, theirs.__mro__[1].__name__, JaxliteError)
            assert issubclass(ours, base), name


# --- traced values where NumPy or Python need numbers -------------------------------------------------

TRANSFORMATIONS = {
    "jit": lambda f, x: jaxlite.jit(f)(x),
    "grad": lambda f, x: jaxlite.jacrev(f)(x),
    "vmap": lambda f, x: jaxlite.vmap(f)(np.stack([x, x])),
    "jit of grad": lambda f, x: jaxlite.jit(jaxlite.jacrev(f))(x),
    "grad of vmap": lambda f, x: jaxlite.jacrev(jaxlite.vmap(f))(np.stack([x, x])),
    "linearize": lambda f, x: jaxlite.linearize(f, x)[1](x),
}


def _put(array, index, value):
    array[index] = value
    return array


def _add_in_place(array, value):
    array += value
    return array


# fmt: off
NEEDS_NUMBERS = {
    "np.array of a list": (lambda x: np.array([x, x]), TracerArrayConversionError, r"np.array\(\[t, u\]\) -> jnp.stack"),
    "np.asarray": (lambda x: np.asarray(x), TracerArrayConversionError, r"np.asarray\(t\) -> jnp.asarray\(t\)"),
    "np.float64": (lambda x: np.float64(x), TracerArrayConversionError, r"NumPy needs an array"),
    "np.full": (lambda x: np.full(3, x[0]), TracerArrayConversionError, r"np.full\(s, t\) -> jnp.full\(s, t\)"),
    "np.full_like": (lambda x: np.full_like(VECTOR, x), InplaceUpdateError, r"np.full_like\(a, t\) -> jnp.full_like"),
    "np.r_": (lambda x: np.r_[x, x], TracerArrayConversionError, r"jnp\."),
    "dot method": (lambda x: VECTOR.dot(x), TracerArrayConversionError, r"a.dot\(t\) -> jnp.dot\(a, t\)"),
    "np.vectorize": (lambda x: np.vectorize(math.sin)(x), TracerArrayConversionError, r"NumPy needs an array"),
    "np.sin of a list": (lambda x: np.sin([x, x]), TracerArrayConversionError, r"jnp.stack"),
    "math.sin": (lambda x: math.sin(x[0]), ConcretizationTypeError, r"jnp.sin\(x\) instead of math.sin\(x\)"),
    "float": (lambda x: float(x[0]), ConcretizationTypeError, r"x.astype\(dtype\) instead of float\(x\)"),
    "complex": (lambda x: complex(x[0]), ConcretizationTypeError, r"complex\(\) needs a plain number"),
    "item": (lambda x: x[0].item(), ConcretizationTypeError, r"item\(\) needs a plain number"),
    "tolist": (lambda x: x.tolist(), ConcretizationTypeError, r"tolist\(\) needs a plain number"),
    "list operand": (lambda x: x + [1.0, 2.0, 3.0], DtypeError, r"jnp.asarray\(\[1, 2\]\)"),
    "list argument": (lambda x: jnp.sin([x, x]), DtypeError, r"sin takes arrays and numbers, not list"),
    "slice assignment": (lambda x: _put(np.zeros(3), slice(None), x), TracerArrayConversionError, r"NumPy needs an array"),
    "item assignment to a traced value": (lambda x: _put(x, 0, 1.0), InplaceUpdateError, r"x.at\[index\].set\(value\)"),
    "in-place addition to an array": (lambda x: _add_in_place(np.zeros(3), x), InplaceUpdateError, r"x = x \+ t instead of x \+= t"),
    "np.copyto into an array": (lambda x: np.copyto(np.zeros(3), x), InplaceUpdateError, r"np.copyto would write"),
    "np.copyto into a traced value": (lambda x: np.copyto(x, VECTOR), InplaceUpdateError, r"np.copyto would write"),
    "out= of a ufunc": (lambda x: np.sin(x, out=np.zeros(3)), InplaceUpdateError, r"out= of np.sin would write"),
    "out= that is traced": (lambda x: np.sin(VECTOR, out=x), InplaceUpdateError, r"out= of np.sin would write"),
    "out= of a function": (lambda x: np.sum(x, out=np.zeros(())), InplaceUpdateError, r"out= of np.sum would write"),
    "ufunc.at": (lambda x: np.add.at(x, 0, 1.0), InplaceUpdateError, r"x.at\[index\].add\(values\)"),
    "ufunc.at of an array": (lambda x: np.add.at(np.zeros(3), 0, x[0]), InplaceUpdateError, r"np.add.at would write"),
    "fill": (lambda x: x.fill(1.0), InplaceUpdateError, r"x.fill: traced values cannot be written into"),
    "put": (lambda x: x.put(0, 1.0), InplaceUpdateError, r"x.put: traced"),
    "resize": (lambda x: x.resize(2), InplaceUpdateError, r"x.resize: traced"),
    "partition": (lambda x: x.partition(1), InplaceUpdateError, r"x.partition: traced"),
    "np.put": (lambda x: np.put(x, 0, 1.0), InplaceUpdateError, r"np.put would write"),
    "np.fill_diagonal": (lambda x: np.fill_diagonal(x, 1.0), InplaceUpdateError, r"np.fill_diagonal would write"),
}
# Under grad alone these values are known, and a bool or an integer carries no derivative.
NEEDS_KNOWN_NUMBERS = {
    "if": (lambda x: x if x[0] > 0.0 else -x, TracerBoolConversionError, r"jnp.where\(condition, a, b\), or jaxlite.lax.cond"),
    "not": (lambda x: x * (not x[0]), TracerBoolConversionError, r"a Python bool is needed"),
    "and": (lambda x: x[0] > 0.0 and x[1] > 0.0, TracerBoolConversionError, r"a Python bool is needed"),
    "max of Python": (lambda x: max(x), TracerBoolConversionError, r"a Python bool is needed"),
    "in a list": (lambda x: x * (5.0 in [x[0]]), TracerBoolConversionError, r"a Python bool is needed"),
    "np.allclose as a condition": (lambda x: x if np.allclose(x, x) else -x, TracerBoolConversionError, r"reduce_and|bool"),
    "int": (lambda x: x * int(x[0]), ConcretizationTypeError, r"int\(\) needs a plain number"),
    "range": (lambda x: x * len(range(x[1].astype(int))), TracerIntegerConversionError, r"jaxlite.lax.fori_loop"),
    "index of a list": (lambda x: x * [1.0, 2.0][x[1].astype(int)], TracerIntegerConversionError, r"a Python integer is needed"),
    "index of an array": (lambda x: x * VECTOR[x[1].astype(int)], JaxliteError, r"jnp.asarray\(a\)\[i\]|NumPy needs an array"),
    "size": (lambda x: jnp.zeros(x[1].astype(int)), TracerIntegerConversionError, r"a Python integer is needed"),
    "format": (lambda x: x * len(f"{x[0]:.3f}"), ConcretizationTypeError, r"the format '.3f' needs a plain number"),
}
# fmt: on


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
@pytest.mark.parametrize("name", NEEDS_NUMBERS)
def test_traced_value_where_a_number_is_needed(name, transformation):
    call, error, message = NEEDS_NUMBERS[name]
    with pytest.raises(error, match=message) as caught:
        TRANSFORMATIONS[transformation](call, VECTOR)
    assert_house_form(
        caught.value, _put if "assignment" in name else _add_in_place if "addition" in name else call
    )
    assert_everything_still_works()


@pytest.mark.parametrize(
    "transformation", [name for name in TRANSFORMATIONS if name not in ("grad", "linearize")]
)
@pytest.mark.parametrize("name", NEEDS_KNOWN_NUMBERS)
def test_traced_value_where_a_known_number_is_needed(name, transformation):
    call, error, message = NEEDS_KNOWN_NUMBERS[name]
    with pytest.raises(error, match=message) as caught:
        TRANSFORMATIONS[transformation](call, VECTOR)
    assert_house_form(caught.value, call)
    assert_everything_still_works()


@pytest.mark.parametrize("name", [name for name in NEEDS_KNOWN_NUMBERS if name != "and"])
def test_known_numbers_steer_python_under_grad(name):
    call, _, _ = NEEDS_KNOWN_NUMBERS[name]
    # Python's part of each of these is constant near the point.
    point = np.array([0.25, 1.25, 2.25])
    jacobian = jaxlite.jacrev(call)(point)
    step = 1e-6 * np.eye(3)
    columns = [(np.asarray(call(point + h)) - np.asarray(call(point))) / 1e-6 for h in step]
    np.testing.assert_allclose(jacobian, np.stack(columns, axis=-1), atol=1e-6)


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
def test_numpy_hides_our_error_behind_its_own_for_one_element(transformation):
    """``a[0] = t`` raises what NumPy makes of our error; the way out is in its cause."""
    with pytest.raises(ValueError, match="setting an array element with a sequence") as caught:
        TRANSFORMATIONS[transformation](lambda x: _put(np.zeros(3), 0, x[0]), VECTOR)
    assert isinstance(caught.value.__cause__, ConcretizationTypeError)
    assert "jnp.asarray(a).at[i].set(x) instead of a[i] = x" in str(caught.value.__cause__)
    assert_everything_still_works()


def test_condition_names_the_argument_and_the_operation():
    def relu(x, scale):
        y = x * scale
        return y if y > 0 else scale

    expected = r"traced: bool\[\] = gt f64\[\] 0.0(.|\n)*in relu:   return y if y > 0 else scale(.|\n)*arguments 'x', 'scale' of relu"
    with pytest.raises(TracerBoolConversionError, match=expected):
        jaxlite.jit(relu)(np.float64(1.0), np.float64(2.0))


def test_condition_on_a_leaf_names_it():
    with pytest.raises(
        TracerBoolConversionError, match=r"params\['w'\]\[1\]:bool\[\](.|\n)*argument \"params\['w'\]\[1\]\""
    ):
        jaxlite.jit(lambda params: 1.0 if params["w"][1] else 2.0)({"w": (1.0, True)})


def test_condition_in_vmap_says_how_many_values():
    with pytest.raises(TracerBoolConversionError, match="it stands for 3 values at once"):
        jaxlite.vmap(lambda x: x if x > 0 else -x)(VECTOR)


def test_truth_of_several_elements_is_numpys_error():
    with pytest.raises(ValueError, match="more than one element is ambiguous"):
        jaxlite.jit(lambda x: x if x > 0 else -x)(VECTOR)


def test_tracers_have_no_hash_and_no_length_where_arrays_have_none():
    def check(x):
        for wrong in (lambda: hash(x), lambda: {x: 1}, lambda: len(x), lambda: list(x)):
            with pytest.raises(TypeError):
                wrong()
        return x

    for transform in (jaxlite.jit, jaxlite.grad):
        transform(check)(1.0)


def test_error_in_user_code_passes_through():
    class OwnError(Exception):
        pass

    def fails(x):
        raise OwnError("mine")

    for name, apply in TRANSFORMATIONS.items():
        with pytest.raises(OwnError, match="mine"):
            apply(fails, VECTOR)
        assert current_trace() is EVAL, name
    for loop in (
        lambda: lax.scan(lambda c, x: fails(x), 0.0, VECTOR),
        lambda: lax.cond(True, fails, fails, 1.0),
        lambda: lax.while_loop(fails, lambda c: c, 0.0),
        lambda: jaxlite.checkpoint(fails)(1.0),
        lambda: jaxlite.grad(jaxlite.jit(lambda x: lax.scan(lambda c, x: fails(x), 0.0, x)[0]))(VECTOR),
    ):
        with pytest.raises(OwnError, match="mine"):
            loop()
        assert_everything_still_works()


def test_error_while_recording_leaves_nothing_in_the_cache():
    attempts = []

    @jaxlite.jit
    def f(x):
        attempts.append(x)
        if len(attempts) == 1:
            raise RuntimeError("the first time")
        return x * 2.0

    with pytest.raises(RuntimeError):
        f(1.0)
    assert f(1.0) == 2.0
    assert f(2.0) == 4.0
    assert len(attempts) == 2


def test_error_inside_contexts_resets_them():
    with pytest.raises(ZeroDivisionError), jaxlite.disable_jit(), jaxlite.named_scope("a"):
        1 / 0
    with pytest.raises(ZeroDivisionError), jaxlite.ensure_compile_time_eval():
        1 / 0
    assert_everything_still_works()


def test_numpys_error_state_stays_as_it_was():
    with np.errstate(all="raise"):
        before = np.geterr()
        jaxlite.jit(lambda x: 1.0 / x)(0.0)
        jnp.log(X - 1.0)
        with pytest.raises(ShapeError):
            jnp.add(VECTOR, np.ones(4))
        assert np.geterr() == before


# --- traced values that escape ------------------------------------------------------------------------


def leak_from(transformation: str):
    """Return a traced value whose transformation has ended."""
    leaked = []

    def step(x):
        y = x * 2.0
        leaked.append(y)
        return y

    TRANSFORMATIONS[transformation](step, VECTOR)
    return leaked[0]


USES = {
    "operator": lambda y: y + 1.0,
    "NumPy function": lambda y: np.sin(y),
    "function": lambda y: jnp.sum(y),
    "inside jit": lambda y: jaxlite.jit(lambda x: x + y)(VECTOR),
    "inside grad": lambda y: jaxlite.grad(lambda x: jnp.sum(x * y))(VECTOR),
    "inside vmap": lambda y: jaxlite.vmap(lambda x: x * y)(MATRIX),
    "inside scan": lambda y: lax.scan(lambda c, x: (c + jnp.sum(y), x), 0.0, VECTOR),
    "argument of jit": lambda y: jaxlite.jit(lambda x: x)(y),
    "argument of vjp": lambda y: jaxlite.vjp(lambda x: x, y),
    "returned from jit": lambda y: jaxlite.jit(lambda x: y)(1.0),
    "returned from vmap": lambda y: jaxlite.vmap(lambda x: y)(VECTOR),
    "returned from vjp": lambda y: jaxlite.vjp(lambda x: y, 1.0),
    "returned from jvp": lambda y: jaxlite.jvp(lambda x: y, (1.0,), (1.0,)),
}


@pytest.mark.parametrize("transformation", ["jit", "grad", "vmap", "jit of grad", "linearize"])
@pytest.mark.parametrize("use", USES)
def test_leaked_tracer(use, transformation):
    leaked = leak_from(transformation)
    with pytest.raises(UnexpectedTracerError, match="was used outside of it") as caught:
        USES[use](leaked)
    assert_house_form(caught.value, USES[use])
    assert_everything_still_works()


def test_leaked_tracer_of_jit_tells_where_it_was_made():
    leaked = leak_from("jit")
    expected = r"recorded by jit\(step\) was used outside of it: f64\[3\] = mul x 2.0(.|\n)*made at  test_errors.py:\d+, in step:   y = x \* 2.0"
    with pytest.raises(UnexpectedTracerError, match=expected):
        leaked + 1.0


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
def test_tracer_in_another_thread(transformation):
    """While its transformation is in progress, too: the other thread is outside of it."""
    caught = []

    def elsewhere(x):
        try:
            x + 1.0
        except Exception as error:
            caught.append(error)

    def f(x):
        thread = threading.Thread(target=elsewhere, args=(x,))
        thread.start()
        thread.join()
        return x * 2.0

    TRANSFORMATIONS[transformation](f, VECTOR)
    assert [type(error) for error in caught] == [UnexpectedTracerError]
    assert "another thread" in str(caught[0])


def test_tracer_of_an_outer_transformation_in_compile_time_evaluation():
    def f(x):
        with jaxlite.ensure_compile_time_eval():
            return x + 1.0

    with pytest.raises(UnexpectedTracerError, match=r"recorded by jit\(f\)"):
        jaxlite.jit(f)(1.0)
    assert_everything_still_works()


# --- writing into results -----------------------------------------------------------------------------


@pytest.fixture
def unbatchable():
    """A primitive that declares why vmap cannot do it."""
    sin = PRIMITIVES["sin"]
    fields = {name: getattr(sin, name) for name in sin.__dataclass_fields__}
    fields |= {"name": "unbatchable", "batch": NotBatchable("it wants to be alone")}
    yield type(sin)(**fields)
    del PRIMITIVES["unbatchable"]


def test_rule_error_carries_the_declared_reason(unbatchable):
    def f(x):
        return unbatchable.bind(x)

    expected = (
        r"unbatchable cannot be batched by vmap(.|\n)*why it wants to be alone\.(.|\n)*fix jaxlite\.lax\.map"
    )
    with pytest.raises(RuleError, match=expected) as caught:
        jaxlite.vmap(f)(VECTOR)
    assert isinstance(caught.value, NotImplementedError)
    assert_house_form(caught.value, f)
    assert_everything_still_works()


def test_results_are_not_written_into():
    y = jaxlite.jit(np.sin)(VECTOR)
    with pytest.raises(
        InplaceUpdateError, match=r"x\[index\] = value would write into an Array(.|\n)*x.at\[index\]"
    ) as caught:
        _put(y, 0, 1.0)
    assert_house_form(caught.value, _put)
    assert isinstance(caught.value, TypeError)  # JAX's
    assert isinstance(caught.value, ValueError)  # NumPy's, of arrays that are read-only


# --- input that is unusual, but right -----------------------------------------------------------------


def test_other_byte_order_is_converted():
    swapped = VECTOR.astype(">f8")
    for apply in (
        lambda x: jaxlite.jit(lambda y: y * 2.0)(x),
        lambda x: jnp.sin(x),
        lambda x: jaxlite.grad(lambda y: jnp.sum(y * y))(x),
        lambda x: jaxlite.vmap(lambda y: y + 1.0)(x),
        lambda x: jaxlite.jvp(lambda y: y * y, (x,), (x,))[1],
        lambda x: jnp.asarray(x),
    ):
        result = apply(swapped)
        assert result.dtype == np.dtype(np.float64) and result.dtype.isnative
        np.testing.assert_array_equal(result, apply(VECTOR))


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 3)])
def test_empty_arrays(shape):
    x = np.zeros(shape)
    assert jaxlite.jit(lambda x: jnp.sin(x) * 2.0)(x).shape == shape
    assert jaxlite.grad(lambda x: jnp.sum(x * x))(x).shape == shape
    assert jaxlite.vmap(jnp.sin)(x).shape == shape
    assert jaxlite.jacrev(lambda x: x * 2.0)(x).shape == shape * 2
    assert jaxlite.jacfwd(lambda x: x * 2.0)(x).shape == shape * 2
    assert jaxlite.hessian(lambda x: jnp.sum(x**3))(x).shape == shape * 2


def test_huge_shapes_are_typed_without_memory():
    huge = jaxlite.ShapeDtypeStruct((2**20, 2**20), np.float64)
    assert jaxlite.eval_shape(lambda x: jnp.sum(jnp.sin(x), axis=0), huge).shape == (2**20,)


def test_primitives_refuse_the_same_operands_whether_recorded_or_not():
    for call in (lambda f: f, jaxlite.jit):
        with pytest.raises(errors.ShapeError, match="add: operands have types"):
            call(lax.add)(np.ones((2, 3)), np.ones(3))
        with pytest.raises(errors.DtypeError, match="add: operands have types"):
            call(lax.add)(np.ones(3), np.ones(3, np.float32))
