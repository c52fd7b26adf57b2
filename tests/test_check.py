"""The rules of the IR: one broken program for each, and its message; and equality of programs."""

from __future__ import annotations

import re

import numpy as np
import pytest

from jaxlite.check import assert_jaxpr_equal, check_jaxpr, jaxpr_equal
from jaxlite.control.jit import jit
from jaxlite.errors import JaxprTypeError
from jaxlite.ir import ClosedJaxpr, Eqn, Jaxpr, Literal, Var
from jaxlite.ops.elementwise import add, mul, sin, sin_p
from jaxlite.parsing import parse_aval, parse_jaxpr
from tests.ir_programs import make_primitive, program, program_of, random_program, remove_primitives


@pytest.fixture(autouse=True)
def _no_test_primitives():
    yield
    remove_primitives()


def var(aval: str = "f64[]") -> Var:
    return Var(parse_aval(aval))


def refuses(jaxpr, *parts: str) -> str:
    """Check that a program is refused by a message that holds ``parts`` in that order."""
    with pytest.raises(JaxprTypeError, match="(?s)" + ".*".join(map(re.escape, parts))) as error:
        check_jaxpr(jaxpr)
    return str(error.value)


# --- check ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", range(30))
def test_recorded_programs_pass(rng, index):
    check_jaxpr(random_program(rng))


def test_inputs_are_distinct_variables():
    x = var("f64[3]")
    refuses(Jaxpr((x,), (x,), (), ()), "an input of type f64[3] stands there twice")
    refuses(
        Jaxpr((Literal(1.0, parse_aval("f64*[]")),), (), (), ()),
        "an input is Literal(1.0), which is no variable",
    )


def test_variables_are_bound_before_use():
    x, y, z = var("f64[3]"), var("f64[3]"), var("f64[3]")
    first, second = Eqn(sin_p, (x,), (y,), {}, None), Eqn(sin_p, (y,), (z,), {}, None)
    check_jaxpr(Jaxpr((x,), (), (first, second), (z,)))
    refuses(
        Jaxpr((x,), (), (second, first), (z,)),
        "equation 0, b:f64[3] = sin ?:f64[3]: ",
        "operand 0 is a variable of type f64[3] that is not bound before.",
    )
    refuses(
        Jaxpr((x,), (), (), (y,)), "program: result 0 is a variable of type f64[3] that is not bound before."
    )


def test_variables_are_bound_once():
    x, y = var(), var()
    eqn = Eqn(sin_p, (x,), (y,), {}, None)
    refuses(Jaxpr((x,), (), (eqn, eqn), (y,)), "equation 1", "result 0 is a variable that is bound already")
    refuses(
        Jaxpr((y,), (), (eqn.replace(invars=(y,)),), (y,)), "result 0 is a variable that is bound already"
    )
    pair = make_primitive("test_pair", abstract_eval=lambda x: (x, x))
    refuses(
        Jaxpr((x,), (), (Eqn(pair, (x,), (y, y), {}, None),), ()),
        "result 1 is a variable that is bound already",
    )


def test_operands_are_atoms_and_literals_scalars_of_their_type():
    def with_operand(atom):
        return Jaxpr((), (), (Eqn(sin_p, (atom,), (var(),), {}, None),), ())

    refuses(with_operand(2.0), "_:f64[] = sin ?:?: operand 0 is 2.0, neither a variable nor a literal.")
    refuses(Jaxpr((), (), (), (2.0,)), "program: result 0 is 2.0, neither a variable nor a literal.")
    aval = parse_aval("f64[]")
    refuses(with_operand(Literal(np.zeros(3), aval)), "operand 0 is a literal that is no scalar: ndarray")
    refuses(
        with_operand(Literal(2.0, aval)), "operand 0 is a literal of type f64*[] that is given type f64[]"
    )
    refuses(with_operand(Literal(np.float32(2), aval)), "is a literal of type f32[] that is given type f64[]")
    check_jaxpr(with_operand(Literal(np.float64(2), aval)))
    refuses(Jaxpr((), (), (), (Literal(2, aval),)), "program: result 0 is a literal of type i64*[]")


@pytest.mark.parametrize("given", ["f64[4]", "f32[3]", "f64*[3]", "tape(f64[3])"])
def test_result_types_are_derived_again(given):
    def f(x):
        return [sin(x)]

    jaxpr = program(f, "f64[3]")
    broken = jaxpr.replace(eqns=(jaxpr.eqns[0].replace(outvars=(var(given),)),), outvars=())
    message = refuses(
        broken,
        f"equation 0, _:{given} = sin a: result 0 does not have the type it is given.",
        f"  given    {given}",
        "  derived  f64[3]",
    )
    # The user's line stands first.
    assert re.search(r"\n  at  test_check\.py:\d+, in f:   return \[sin\(x\)\]\n", message)


def test_the_number_of_results_is_derived_again():
    x = var()
    refuses(
        Jaxpr((x,), (), (Eqn(sin_p, (x,), (var(), var()), {}, None),), ()),
        "it has 2 results, but 1 are derived",
    )
    refuses(
        Jaxpr((x,), (), (Eqn(sin_p, (x,), ("y",), {}, None),), ()),
        "equation 0, _:? = sin a: result 0 is 'y', which is no variable",
    )


def test_primitives_may_refuse():
    message = refuses(
        parse_jaxpr("{ lambda ; a:f64[3] b:f64[4]. let c:f64[3] = add a b in (c,) }"),
        "equation 0, c:f64[3] = add a b: the primitive refuses its operands or params.",
        "why ShapeError: add: operands have types f64[3], f64[4].",
    )
    assert message.count("\n") == 1
    refuses(
        parse_jaxpr("{ lambda ; a:f64[3]. let b:f64[] = reduce_sum[axis=1] a in (b,) }"),
        "refuses",
        "why TypeError",
    )


def test_params_can_be_hashed():
    call = make_primitive("test_call")
    refuses(
        program_of(call, axes=[0]), "param axes cannot be hashed", "an object that can change: [0]", "tuples"
    )
    refuses(program_of(call, pads=((0, [1]),)), "param pads cannot be hashed")
    refuses(program_of(call, table=np.zeros(3)), "param table cannot be hashed", "pass arrays as operands")


def test_programs_inside_params():
    call = make_primitive("test_call")
    c = var()
    open_program = Jaxpr((), (c,), (), (c,))
    refuses(
        program_of(call, jaxpr=open_program), "the program in param jaxpr has constvars", "lift_constvars"
    )
    refuses(program_of(call, branches=(open_program,)), "the program in param branches has constvars")
    refuses(program_of(call, jaxpr=ClosedJaxpr(open_program, (1.0,))), "param jaxpr is a ClosedJaxpr")


def test_an_error_inside_a_program_names_the_way_to_it():
    inner = parse_jaxpr("{ lambda ; a:f64[]. let b:f64[] = sin a; c:f32[] = sin b in (c,) }")
    call = make_primitive("test_call")
    middle = program_of(call, "f64[]", jaxpr=inner)
    refuses(
        program_of(call, "f64[]", jaxpr=middle),
        "equation 1, c:f32[] = sin b: result 0 does not have the type it is given.",
        "inside jaxpr of equation 0, test_call > jaxpr of equation 0, test_call",
    )


def test_a_program_used_twice_is_checked_once():
    checked = []
    count = make_primitive("test_count", abstract_eval=lambda x: checked.append(x) or (x,))
    call = make_primitive("test_call")
    jaxpr = program_of(count, "f64[]")
    for _ in range(40):
        jaxpr = program_of(call, "f64[]", branches=(jaxpr, jaxpr))
    check_jaxpr(jaxpr)
    assert len(checked) == 1


def test_constants_have_the_types_of_their_constvars():
    jaxpr = Jaxpr((), (var("f64[3]"),), (), ())
    check_jaxpr(ClosedJaxpr(jaxpr, (np.zeros(3),)))
    refuses(ClosedJaxpr(jaxpr, ()), "it has 1 constvars, but 0 values of them")
    refuses(
        ClosedJaxpr(jaxpr, (np.zeros(4),)),
        "the value of constvar 0 has shape (4,) and dtype float64, its type is f64[3]",
    )
    refuses(ClosedJaxpr(jaxpr, (np.zeros(3, np.float32),)), "dtype float32, its type is f64[3]")


# --- equality ---------------------------------------------------------------------------------------


def test_equality_ignores_names_and_sources():
    a = program(lambda x, y: [add(sin(x), y)], "f64[3]", "f64[3]")
    b = program(lambda y, x: [add(sin(y), x)], "f64[3]", "f64[3]")
    assert jaxpr_equal(a, b)
    assert_jaxpr_equal(ClosedJaxpr(a, ()), b)


TEXT = (
    "{ lambda c:f64[3]; a:f64[3]. let b:f64[3] = sin a; d:f64[] = reduce_sum[axes=(0,)] b in (d, 1.0:f64[]) }"
)
DIFFERENCES = [
    ("c:f64[3]", "c:f64*[3]", "constvars: [f64[3]] and [f64*[3]]"),
    ("; a:f64[3]", "; a:f64[3] x:f64[3]", "invars: [f64[3]] and [f64[3], f64[3]]"),
    ("sin a", "cos a", "equation 0: primitives sin and cos"),
    ("sin a", "sin c", "equation 0: operands, at 0"),
    ("sin a", "sin a a", "equation 0: 1 and 2 operands"),
    ("sin a", "sin 1.0:f64[]", "equation 0: operands, at 0"),
    ("b:f64[3] =", "b:f32[3] =", "equation 0: [f64[3]] and [f32[3]]"),
    ("axes=(0,)", "axes=(1,)", "equation 1: param axes"),
    ("axes=(0,)", "axes=(False,)", "equation 1: param axes"),
    ("axes=(0,)", "axes=(0, 0)", "equation 1: param axes"),
    ("axes=(0,)", "dims=(0,)", "equation 1: params ['axes'] and ['dims']"),
    ("; d:f64[] = reduce_sum[axes=(0,)] b in (d, ", " in (b, ", "2 and 1 equations"),
    ("(d, ", "(b, ", "results, at 0"),
    ("(d, ", "(", "2 and 1 results"),
    ("1.0:f64[]", "-1.0:f64[]", "results, at 1"),
    ("1.0:f64[]", "1.0:f64*[]", "results, at 1"),
]


@pytest.mark.parametrize(("old", "new", "message"), DIFFERENCES)
def test_differences(old, new, message):
    a, b = parse_jaxpr(TEXT), parse_jaxpr(TEXT.replace(old, new))
    assert not jaxpr_equal(a, b)
    with pytest.raises(AssertionError, match=re.escape(f"programs differ: {message}\n\n{{")):
        assert_jaxpr_equal(a, b)


def test_equality_of_numbers_is_that_of_their_bits():
    def text(number):
        return parse_jaxpr(f"{{ lambda ; . let  in ({number},) }}")

    assert jaxpr_equal(text("nan:f64[]"), text("nan:f64[]"))
    assert not jaxpr_equal(text("0.0:f64[]"), text("-0.0:f64[]"))
    assert not jaxpr_equal(text("0j:c64[]"), text("-0j:c64[]"))
    call = make_primitive("test_call")
    assert jaxpr_equal(program_of(call, x=float("nan")), program_of(call, x=float("nan")))
    assert not jaxpr_equal(program_of(call, x=0.0), program_of(call, x=-0.0))
    assert not jaxpr_equal(program_of(call, x=1), program_of(call, x=1.0))


def test_inner_programs_are_compared_too():
    def outer(factor):
        return program(lambda x: [jit(named(lambda y: mul(y, factor)))(x)], "f64[]")

    def named(f):
        f.__name__ = "f"
        return f

    assert jaxpr_equal(outer(2.0), outer(2.0))
    assert not jaxpr_equal(outer(2.0), outer(3.0))
