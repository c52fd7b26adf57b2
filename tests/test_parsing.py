"""Text -> program: every text that ``str`` makes comes back, and other texts say what is wrong where."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxlite.api import make_jaxpr
from jaxlite.check import assert_jaxpr_equal, check_jaxpr, params_equal
from jaxlite.dtypes import float0
from jaxlite.errors import ArgumentError, ParseError
from jaxlite.interpreters.evaluate import eval_jaxpr
from jaxlite.ir import ClosedJaxpr, Jaxpr, Literal, ShapedArray, Tape, Var
from jaxlite.ops.elementwise import sin
from jaxlite.parsing import PARAM_TYPES, parse_aval, parse_jaxpr, register_param_type
from tests.ir_programs import (
    TRANSFORMED,
    make_primitive,
    params_without_text,
    program,
    program_of,
    program_of_row,
    random_program,
    remove_primitives,
)
from tests.rows import CASES
from tests.test_printing import NUMBERS, PARAMS


@pytest.fixture(autouse=True)
def _no_test_primitives():
    yield
    remove_primitives()


def assert_round_trip(jaxpr: Jaxpr) -> Jaxpr:
    text = str(jaxpr)
    parsed = parse_jaxpr(text)
    assert_jaxpr_equal(parsed, jaxpr)
    assert str(parsed) == text
    return parsed


# --- round trips ------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", range(60))
def test_random_programs(rng, index):
    jaxpr = random_program(rng)
    parsed = assert_round_trip(jaxpr)
    check_jaxpr(parsed)
    # However the text is laid out.
    for width in (20, 200):
        assert_jaxpr_equal(parse_jaxpr(jaxpr.pretty_print(width=width, source_info=True)), jaxpr)


@pytest.mark.parametrize("name", sorted({case.primitive for case in CASES}))
def test_every_primitive(name):
    for case in CASES:
        if case.primitive == name:
            jaxpr, _ = program_of_row(case)
            if any(params_without_text(jaxpr)):
                with pytest.raises(ParseError):
                    parse_jaxpr(str(jaxpr))
            else:
                check_jaxpr(assert_round_trip(jaxpr))


@pytest.mark.parametrize("name", [name for name in TRANSFORMED if not name.endswith("custom")])
def test_programs_of_transformations(name):
    fun, x = TRANSFORMED[name]
    jaxpr = make_jaxpr(fun)(x)
    check_jaxpr(jaxpr)
    check_jaxpr(assert_round_trip(jaxpr.jaxpr))


@pytest.mark.parametrize(("value", "text"), NUMBERS, ids=[text for _, text in NUMBERS])
def test_numbers(value, text):
    parsed = parse_jaxpr(f"{{ lambda ; . let  in ({text},) }}").outvars[0]
    assert str(parsed.aval) == text.rpartition(":")[2]
    expected = np.bool_(value) if isinstance(value, bool) else value
    assert type(parsed.val) is type(expected)
    assert repr(parsed.val) == repr(expected)


@given(st.floats(width=16) | st.floats(width=32) | st.floats(), st.sampled_from(["f16", "f32", "f64"]))
def test_every_float_keeps_its_bits(value, dtype):
    aval = parse_aval(f"{dtype}[]")
    with np.errstate(over="ignore"):
        value = aval.dtype.type(value)
    (literal,) = parse_jaxpr(str(Jaxpr((), (), (), (Literal(value, aval),)))).outvars
    assert literal.val.tobytes() == value.tobytes() or np.isnan(value) and np.isnan(literal.val)


ROUND_TRIP_PARAMS = [
    (value, text) for value, text in PARAMS if not text.startswith(("<f", "<u", "<list", "Num"))
]


@pytest.mark.parametrize(("value", "text"), ROUND_TRIP_PARAMS, ids=[text for _, text in ROUND_TRIP_PARAMS])
def test_params(value, text):
    jaxpr = program_of(make_primitive("test_call"), first=value, second=(value, value), third=(value,))
    parsed = assert_round_trip(jaxpr).eqns[0].params
    assert params_equal(parsed["first"], value)
    assert params_equal(parsed["second"], (value, value))


simple_params = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text(max_size=8)
    | st.sampled_from([np.dtype(np.float32), np.dtype(bool), float0, np.int8(3), np.float32(0.1)])
    | st.sampled_from([ShapedArray((2,), np.dtype(np.float64), True), Tape((), (3,)), Jaxpr((), (), (), ())])
)  # fmt: skip
nested_params = st.recursive(simple_params, lambda items: st.lists(items, max_size=3).map(tuple))


@given(nested_params)
def test_any_param(value):
    remove_primitives()
    assert_round_trip(program_of(make_primitive("test_call"), "f64[]", value=value))


@given(st.text(st.sampled_from("abf64<>lambdN.'\"\\ \n{}[](),;:=#?é"), max_size=12))
def test_any_name(name):
    remove_primitives()
    assert_round_trip(program_of(make_primitive("test_call"), "f64[]", name=name, fmt=name, last=1))


@pytest.mark.parametrize("aval", ["f64[]", "f64*[3,4]", "bool[0]", "tape()", "tape[2,3](f64[] tape(i8*[]))"])
def test_types(aval):
    assert str(parse_aval(aval)) == aval
    assert_round_trip(Jaxpr((Var(parse_aval(aval)),), (), (), ()))


def test_constvars_and_closed_programs():
    jaxpr = program(lambda c, x: [sin(x), c], "f64[3]", "f64[]")
    jaxpr = jaxpr.replace(constvars=jaxpr.invars[:1], invars=jaxpr.invars[1:])
    assert_round_trip(jaxpr)
    assert_jaxpr_equal(parse_jaxpr(str(ClosedJaxpr(jaxpr, (np.zeros(3),)))), jaxpr)


def test_named_tuples():
    @register_param_type
    class TestWindow(NamedTuple):
        sizes: tuple[int, ...]
        body: Jaxpr | None

    try:
        call = make_primitive("test_call")
        assert_round_trip(program_of(call, window=TestWindow((1, 2), None), many=(TestWindow((), None),)))
        inner = program(lambda x: [sin(x)], "f64[]")
        assert_round_trip(program_of(call, window=TestWindow((), inner)))
        with pytest.raises(ArgumentError, match="two kinds of params are named 'TestWindow'"):
            register_param_type(type("TestWindow", (), {}))
        with pytest.raises(ParseError, match="TestWindow has the fields sizes, body"):
            parse_jaxpr("{ lambda ; . let test_call[window=TestWindow(sizes=())] in () }")
    finally:
        del PARAM_TYPES["TestWindow"]


def test_equations_without_results_do_not_swallow_each_other():
    note = make_primitive("test_note")
    (eqn,) = program_of(note, "f64[]", outs=[]).eqns
    jaxpr = Jaxpr(eqn.invars, (), (eqn,) * 3, ())
    for width in (10, 80):
        assert len(parse_jaxpr(jaxpr.pretty_print(width=width)).eqns) == 3


def test_long_and_deep_programs():
    def long(x):
        for _ in range(10_000):
            x = sin(x)
        return [x]

    assert_round_trip(program(long, "f64[]"))
    text = "{ lambda ; . let  in () }"
    for _ in range(60):
        text = f"{{ lambda ; . let jit[name=f jaxpr={text}] in () }}"
    assert_round_trip(parse_jaxpr(text))


# --- texts written by hand --------------------------------------------------------------------------


def test_a_program_written_by_hand_runs():
    jaxpr = parse_jaxpr(
        """
        # Twice the sum of the sines.
        {lambda;x:f64[3].let
            y : f64[3] = sin x      # elementwise
            total:f64[] = reduce_sum[ axes=(0,) ]
                y
            twice:f64[] = mul
                total 2.0:f64[]
        in(twice)}
        """
    )
    x = np.array([0.1, 0.2, 0.3])
    np.testing.assert_allclose(eval_jaxpr(jaxpr, (), x), [2 * np.sin(x).sum()])


def test_lists_are_tuples_and_commas_between_programs_may_be_there():
    make_primitive("test_call")
    empty = "{ lambda ; . let in () }"
    jaxpr = parse_jaxpr(f"{{ lambda ; . let test_call[a=([1], []) b=({empty}, {empty})] in () }}")
    assert jaxpr.eqns[0].params["a"] == ((1,), ())
    assert len(jaxpr.eqns[0].params["b"]) == 2


def test_unused_results_are_distinct():
    make_primitive("test_call")
    jaxpr = parse_jaxpr("{ lambda ; a:f64[]. let _:f64[] _:f64[] = test_call a a in () }")
    assert len(set(jaxpr.eqns[0].outvars)) == 2


# --- errors -----------------------------------------------------------------------------------------

ERRORS = [
    ("", "line 1, column 1: expected a program, which begins with '{ lambda', found the end of the text"),
    ("{ lambda ; a:f64[]. let in (a,) } b", "line 1, column 35: expected the end of the text, found 'b'"),
    (
        "{ lambda ; a:f64[] let in (a,) }",
        "column 20: expected a variable such as a:f64[3], or '.', found 'let'",
    ),
    ("{ lambda a. let in () }", "column 10: expected a variable such as a:f64[3], or ';', found 'a'"),
    ("{ lambda ; a:g64[]. let in (a,) }", "column 14: expected a type such as f64[3,4], found 'g64'"),
    ("{ lambda ; a:f64. let in (a,) }", "column 17: expected a shape such as [3,4], found '.'"),
    ("{ lambda ; a:f64[n]. let in (a,) }", "column 18: expected a size, found 'n'"),
    ("{ lambda ; a:f64[-1]. let in (a,) }", "column 18: expected a size, found '-1'"),
    ("{ lambda ; a:f64[3 4]. let in (a,) }", "column 20: expected ',' or ']', found '4'"),
    ("{ lambda ; a:f64[] a:f64[]. let in () }", "column 20: variable 'a' is bound a second time"),
    ("{ lambda ; a:f64[]. let a:f64[] = sin a in (a,) }", "variable 'a' is bound a second time"),
    (
        "{ lambda ; a:f64[]. let b:f64[] = sin b in (b,) }",
        "column 39: variable 'b' is used before it is bound",
    ),
    (
        "{ lambda ; a:f64[]. let b:f64[] = sin a in (c,) }",
        "column 45: variable 'c' is used before it is bound",
    ),
    ("{ lambda ; a:f64[]. let b:f64[] = sni a in (b,) }", "column 35: there is no primitive named 'sni'"),
    (
        "{ lambda ; a:f64[]. let b:f64[] sin a in (b,) }",
        "column 33: expected another result, or '=', found 'sin'",
    ),
    (
        "{ lambda ; a:f64[]. let 3 in (b,) }",
        "column 25: expected an equation such as b:f64[3] = sin a, or 'in'",
    ),
    ("{ lambda ; a:f64[]. let b:f64[] = sin a, in (b,) }", "expected an operand, the next equation, or 'in'"),
    (
        "{ lambda ; a:f64[]. let b:f64[] = = in (b,) }",
        "column 35: expected the name of a primitive, found '='",
    ),
    ("{ lambda ; . let b:f64[] = sin 2.0 in (b,) }", "column 36: expected the type of the number"),
    (
        "{ lambda ; . let b:f64[] = sin 2.0:f64[3] in (b,) }",
        "a literal is a scalar, and cannot have type f64[3]",
    ),
    ("{ lambda ; . let in (2.5:i64[],) }", "column 22: 2.5 is not a value of type i64[]"),
    ("{ lambda ; . let in (300:i8[],) }", "column 22: 300 is not a value of type i8[]"),
    ("{ lambda ; . let in (1.0:bool[],) }", "column 22: 1.0 is not a value of type bool[]"),
    ("{ lambda ; . let in (True:f64[],) }", "column 22: True is not a value of type f64[]"),
    ("{ lambda ; . let in (None:f64[],) }", "column 22: variable 'None' is used before it is bound"),
    ("{ lambda ; a:f64[]. let in (a", "column 30: expected ',' or ')', found the end of the text"),
    ("{ lambda ; a:f64[]. let in (a,)", "column 32: expected '}', found the end of the text"),
    ("{ lambda ; a:f64[]. let b:f64[] = sin[1] a in (b,) }", "column 39: expected a param of sin, or ']'"),
    ("{ lambda ; . let jit[name=f name=g] in () }", "column 29: param 'name' is given twice"),
    ("{ lambda ; . let jit[name=] in () }", "column 27: expected a value for param 'name' of jit, found ']'"),
    ("{ lambda ; . let jit[name=(1 2)] in () }", "column 30: expected ',' or ')', found '2'"),
    (
        "{ lambda ; . let jit[name=Unheard(a=1)] in () }",
        "param 'name' of jit is a Unheard, a name that is not known",
    ),
    (
        "{ lambda ; . let jit[jvp=<function f>] in () }",
        "param 'jvp' of jit is the Python object <function f>",
    ),
    ("{ lambda ; a:f64[]. let in ($,) }", "column 29: '$' does not belong in a program"),
    ("{ lambda ; a:f64[]. let jit[name='f] in () }", '"\'" does not belong in a program'),
]


@pytest.mark.parametrize(("text", "message"), ERRORS)
def test_errors(text, message):
    with pytest.raises(ParseError, match=re.escape(message)):
        parse_jaxpr(text)


def test_an_error_points_into_the_text():
    text = "{ lambda ; a:f64[3]. let\n    b:f64[3] = sin a\n    c:f64[3] = coz b\n  in (c,) }"
    with pytest.raises(ParseError) as error:
        parse_jaxpr(text)
    message = str(error.value)
    assert message.startswith("line 3, column 16: there is no primitive named 'coz'.\n")
    assert "\n          c:f64[3] = coz b\n" + " " * 21 + "^\n" in message
    assert "fix did you mean 'cos'?" in message
    assert "test_parsing.py" in message


@pytest.mark.parametrize("text", ["f64", "f64[3", "f64[3] x", "tape[", "f99[]", "3"])
def test_texts_that_are_no_types(text):
    with pytest.raises(ParseError, match="expected"):
        parse_aval(text)


@pytest.mark.parametrize("value", [None, Jaxpr((), (), (), ()), sin])
@pytest.mark.parametrize("parse", [parse_jaxpr, parse_aval])
def test_what_is_no_text(parse, value):
    with pytest.raises(ArgumentError, match=f"a text is needed, not {type(value).__name__}"):
        parse(value)


def test_a_callable_in_a_program_that_was_printed():
    jaxpr = program_of(make_primitive("test_call"), "f64[]", jvp=lambda x: x)
    with pytest.raises(ParseError, match="cannot be made from text") as error:
        parse_jaxpr(str(jaxpr))
    assert "why text gives back" in str(error.value)
