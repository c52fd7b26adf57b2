"""What programs look like: JAX's form, names in the order of the text, 80 columns, every digit."""

from __future__ import annotations

from textwrap import dedent
from typing import NamedTuple

import numpy as np
import pytest

from jaxlite.control.jit import jit
from jaxlite.dtypes import float0
from jaxlite.ir import ClosedJaxpr, Jaxpr, Literal, ShapedArray, Var
from jaxlite.ops.contraction import dot_general_p
from jaxlite.ops.elementwise import add, cos, lt, mul, sin
from jaxlite.ops.reductions import reduce_sum
from jaxlite.parsing import parse_aval
from jaxlite.printing import format_param, variable_names
from tests.ir_programs import make_primitive, program, program_of, remove_primitives


@pytest.fixture(autouse=True)
def _no_test_primitives():
    yield
    remove_primitives()


def shows(jaxpr, text: str) -> None:
    assert str(jaxpr) == dedent(text).strip("\n")


# --- layout -----------------------------------------------------------------------------------------


def test_short_programs_stand_on_one_line():
    shows(program(lambda x: [sin(x)], "f64[3]"), "{ lambda ; a:f64[3]. let b:f64[3] = sin a in (b,) }")
    shows(
        program(lambda x: [cos(sin(x))], "f64*[]"),
        "{ lambda ; a:f64*[]. let b:f64[] = sin a; c:f64[] = cos b in (c,) }",
    )


def test_longer_programs_have_a_line_for_each_equation():
    jaxpr = program(lambda x, y: [reduce_sum(add(x, mul(sin(y), 3.0)), (0,))], "f32[8]", "f32[8]")
    shows(
        jaxpr,
        """
        { lambda ; a:f32[8] b:f32[8]. let
            c:f32[8] = sin b
            d:f32[8] = mul c 3.0:f32[]
            e:f32[8] = add a d
            f:f32[] = reduce_sum[axes=(0,)] e
          in (f,) }
        """,
    )


def test_programs_without_equations_inputs_or_results():
    shows(program(lambda x: [x], "f64[]"), "{ lambda ; a:f64[]. let  in (a,) }")
    shows(program(lambda: [2.0, np.float32(1)]), "{ lambda ; . let  in (2.0:f64*[], 1.0:f32[]) }")
    shows(program(lambda: []), "{ lambda ; . let  in () }")


def test_constvars_stand_before_the_semicolon():
    c, x, y = (Var(parse_aval(aval)) for aval in ("f64[3]", "f64[]", "f64[3]"))
    jaxpr = program(lambda c, x: [add(c, x)], "f64[3]", "f64[]")
    jaxpr = jaxpr.replace(constvars=jaxpr.invars[:1], invars=jaxpr.invars[1:])
    text = "{ lambda a:f64[3]; b:f64[]. let c:f64[3] = add a b in (c,) }"
    shows(jaxpr, text)
    shows(ClosedJaxpr(jaxpr, (np.zeros(3),)), text)
    assert repr(jaxpr) == repr(ClosedJaxpr(jaxpr, (np.zeros(3),))) == text
    shows(Jaxpr((), (c, x, y), (), (y,)), "{ lambda a:f64[3] b:f64[] c:f64[3]; . let  in (c,) }")


def test_unused_results_have_no_name():
    def f(x):
        mul(x, x)
        return [sin(x)]

    shows(program(f, "f64[]"), "{ lambda ; a:f64[]. let _:f64[] = mul a a; b:f64[] = sin a in (b,) }")


def test_a_program_inside_a_program_continues_the_names():
    def f(x):
        return jit(lambda x: lt(x, 0.0))(x), jit(lambda y: y)(x)

    shows(
        program(f, "f64[]"),
        """
        { lambda ; a:f64[]. let
            b:bool[] = jit[
              name=<lambda>
              jaxpr={ lambda ; c:f64[]. let d:bool[] = lt c 0.0:f64[] in (d,) }
            ] a
            e:f64[] = jit[name=<lambda> jaxpr={ lambda ; f:f64[]. let  in (f,) }] a
          in (b, e) }
        """,
    )


def test_nested_programs_that_do_not_fit_are_indented():
    inner = jit(lambda x: reduce_sum(mul(sin(x), x), (0, 1)))

    def middle(x):
        return [inner(x)]

    shows(
        program(lambda x: jit(middle)(x), "f64[3,4]"),
        """
        { lambda ; a:f64[3,4]. let
            b:f64[] = jit[
              name=middle
              jaxpr={ lambda ; c:f64[3,4]. let
                  d:f64[] = jit[
                    name=<lambda>
                    jaxpr={ lambda ; e:f64[3,4]. let
                        f:f64[3,4] = sin e
                        g:f64[3,4] = mul f e
                        h:f64[] = reduce_sum[axes=(0, 1)] g
                      in (h,) }
                  ] c
                in (d,) }
            ] a
          in (b,) }
        """,
    )


def test_branches_stand_below_each_other():
    branches = (program(lambda x: [sin(x)], "f64[]"), program(lambda x: [x], "f64[]"))
    switch = make_primitive("test_switch")
    shows(
        program_of(switch, "i64[]", "f64[]", branches=branches, outs=["f64[]"]),
        """
        { lambda ; a:i64[] b:f64[]. let
            c:f64[] = test_switch[
              branches=(
                { lambda ; d:f64[]. let e:f64[] = sin d in (e,) }
                { lambda ; f:f64[]. let  in (f,) }
              )
            ] a b
          in (c,) }
        """,
    )
    shows(
        program_of(switch, branches=(None, *branches[1:]), length=3),
        """
        { lambda ; . let
            test_switch[
              branches=(
                None,
                { lambda ; a:f64[]. let  in (a,) },
              )
              length=3
            ]
          in () }
        """,
    )


def test_a_program_used_twice_is_printed_twice_under_different_names():
    f = jit(sin)
    jaxpr = program(lambda x: [f(f(x))], "f64[]")
    assert jaxpr.eqns[0].params["jaxpr"] is jaxpr.eqns[1].params["jaxpr"]
    shows(
        jaxpr,
        """
        { lambda ; a:f64[]. let
            b:f64[] = jit[
              name=sin
              jaxpr={ lambda ; c:f64[]. let d:f64[] = sin c in (d,) }
            ] a
            e:f64[] = jit[
              name=sin
              jaxpr={ lambda ; f:f64[]. let g:f64[] = sin f in (g,) }
            ] b
          in (e,) }
        """,
    )


def test_long_lists_of_variables_are_wrapped():
    combine = make_primitive("test_combine")
    jaxpr = program_of(combine, *["f64[3]"] * 12, axis=0)
    shows(
        jaxpr,
        """
        { lambda ; a:f64[3] b:f64[3] c:f64[3] d:f64[3] e:f64[3] f:f64[3] g:f64[3]
            h:f64[3] i:f64[3] j:f64[3] k:f64[3] l:f64[3]. let
            m:f64[3] n:f64[3] o:f64[3] p:f64[3] q:f64[3] r:f64[3] s:f64[3] t:f64[3]
              u:f64[3] v:f64[3] w:f64[3] x:f64[3] = test_combine[
              axis=0
            ] a b c d e f g h i j k l
          in (m, n, o, p, q, r, s, t, u, v, w, x) }
        """,
    )
    assert max(map(len, jaxpr.pretty_print(width=40).splitlines())) <= 40
    assert len(jaxpr.pretty_print(width=1000).splitlines()) == 1


def test_source_lines_are_comments():
    jaxpr = program(lambda x: [sin(x)], "f64[]")
    source = jaxpr.eqns[0].source
    assert jaxpr.pretty_print(source_info=True, use_color=False) == dedent(
        f"""\
        {{ lambda ; a:f64[]. let
            b:f64[] = sin a  # test_printing.py:{source.line} (<lambda>)
          in (b,) }}"""
    )


def test_equations_print_by_themselves():
    eqn = program(lambda x, y: [add(x, mul(y, 2.0))], "f64[3]", "f64[3]").eqns[0]
    assert str(eqn) == repr(eqn) == "a:f64[3] = mul b 2.0:f64[]"
    eqn = program(lambda x: [jit(sin)(x)], "f64[]").eqns[0]
    assert str(eqn) == dedent(
        """\
        a:f64[] = jit[
          name=sin
          jaxpr={ lambda ; c:f64[]. let d:f64[] = sin c in (d,) }
        ] b"""
    )


def test_unbound_variables_show():
    x, y = Var(parse_aval("f64[3]")), Var(parse_aval("f64[3]"))
    shows(Jaxpr((x,), (), (), (y,)), "{ lambda ; a:f64[3]. let  in (?:f64[3],) }")


def test_long_programs_and_deep_ones():
    def long(x):
        for _ in range(10_000):
            x = sin(x)
        return [x]

    def deep(x):
        f = sin
        for _ in range(100):
            f = jit(f)
        return [f(x)]

    assert len(str(program(long, "f64[]")).splitlines()) == 10_002
    assert str(program(deep, "f64[]")).count("jit[") == 100


def _unused(sin, mul, x):
    mul(x, x)
    return [sin(x)]


@pytest.mark.parametrize(
    "fun",
    [
        lambda sin, mul, x: [sin(x)],
        lambda sin, mul, x: [sin(mul(x, 3.0)), x, np.float64(0.1)],
        lambda sin, mul, x: [mul(sin(mul(sin(x), np.float64(np.inf))), x)],
        lambda sin, mul, x: [],
        lambda sin, mul, x: [x] * 3,
        _unused,
    ],
)
@pytest.mark.parametrize("shape", [(), (3, 4)])
def test_the_text_is_the_one_of_jax(oracle, fun, shape):
    lax = oracle.lax
    theirs = oracle.make_jaxpr(lambda x: fun(lax.sin, lambda a, b: lax.mul(a, oracle.numpy.asarray(b)), x))
    expected = str(theirs(np.zeros(shape)))
    assert str(program(lambda x: fun(sin, mul, x), f"f64[{','.join(map(str, shape))}]")) == expected


# --- names ------------------------------------------------------------------------------------------


def test_names_are_numbers_in_base_26():
    names = variable_names()
    first = [next(names) for _ in range(28)]
    assert first[:3] == ["a", "b", "c"]
    assert first[25:] == ["z", "ba", "bb"]


def test_no_variable_is_called_like_a_word_of_the_grammar():
    names = variable_names()
    thousands = {next(names) for _ in range(20_000)}
    assert not thousands & {"in", "let", "inf", "nan"}


# --- numbers ----------------------------------------------------------------------------------------

NUMBERS = [
    (1.0, "1.0:f64*[]"),
    (2, "2:i64*[]"),
    (1 + 2j, "(1+2j):c128*[]"),
    (True, "True:bool[]"),
    (np.bool_(False), "False:bool[]"),
    (np.float64(0.1), "0.1:f64[]"),
    (np.float32(0.1), "0.1:f32[]"),
    (np.float16(0.1), "0.1:f16[]"),
    (np.float64(np.float32(0.1)), "0.10000000149011612:f64[]"),
    (np.float64(-0.0), "-0.0:f64[]"),
    (np.float64(np.inf), "inf:f64[]"),
    (np.float32(-np.inf), "-inf:f32[]"),
    (np.float64(np.nan), "nan:f64[]"),
    (np.float64(5e-324), "5e-324:f64[]"),
    (np.float32(1e-45), "1e-45:f32[]"),
    (np.float64(1e22), "1e+22:f64[]"),
    (np.complex64(1.5 - 0.1j), "(1.5-0.1j):c64[]"),
    (np.complex128(complex(-0.0, -0.0)), "(-0-0j):c128[]"),
    (np.complex128(complex(0.0, -0.0)), "-0j:c128[]"),
    (np.complex128(complex(np.nan, np.inf)), "(nan+infj):c128[]"),
    (np.complex64(complex(0, np.inf)), "infj:c64[]"),
    (np.int8(-128), "-128:i8[]"),
    (np.uint64(2**64 - 1), "18446744073709551615:u64[]"),
    (np.zeros((), float0)[()], "0:float0[]"),
]


@pytest.mark.parametrize(("value", "text"), NUMBERS, ids=[text for _, text in NUMBERS])
def test_numbers(value, text):
    dtype = np.asarray(value).dtype
    weak = isinstance(value, int | float | complex) and not isinstance(value, np.generic | bool)
    literal = Literal(value, ShapedArray((), dtype, weak))
    shows(Jaxpr((), (), (), (literal,)), f"{{ lambda ; . let  in ({text},) }}")


# --- types and params -------------------------------------------------------------------------------


def test_types_of_tapes_and_float0():
    avals = ["tape(f64[] f64*[3])", "tape[4](tape(i64[]))", "tape()", "float0[2,3]"]
    inputs = tuple(Var(parse_aval(aval)) for aval in avals)
    shows(
        Jaxpr(inputs, (), (), ()),
        """
        { lambda ; a:tape(f64[] f64*[3]) b:tape[4](tape(i64[])) c:tape() d:float0[2,3].
            let
          in () }
        """,
    )


class Numbers(NamedTuple):
    dims: tuple[int, ...]
    mode: str | None


def some_function():
    pass


PARAMS = [
    (None, "None"),
    (True, "True"),
    (-3, "-3"),
    (1e-5, "1e-05"),
    (float("nan"), "nan"),
    (2j, "2j"),
    ((), "()"),
    ((0,), "(0,)"),
    ((1, (2, 3)), "(1, (2, 3))"),
    ("clip", "clip"),
    ("<lambda>", "<lambda>"),
    ("two words", "'two words'"),
    ("it's", '"it\'s"'),
    ("a\nb", r"'a\nb'"),
    ("", "''"),
    ("None", "'None'"),
    ("nan", "'nan'"),
    ("float64", "'float64'"),
    ("3", "'3'"),
    (np.dtype(np.float64), "float64"),
    (np.dtype(bool), "bool"),
    (float0, "float0"),
    (np.float32(0.1), "0.1:f32[]"),
    (np.bool_(True), "True:bool[]"),
    (ShapedArray((2, 3), np.dtype(np.float64)), "f64[2,3]"),
    (Numbers((1, 2), None), "Numbers(dims=(1, 2), mode=None)"),
    (some_function, "<function some_function>"),
    (lambda: None, "<function <lambda>>"),
    (np.sin, "<ufunc sin>"),
    ([1], "<list>"),
]


@pytest.mark.parametrize(("value", "text"), PARAMS, ids=[text for _, text in PARAMS])
def test_params(value, text):
    assert format_param(value) == text


def test_params_are_sorted_with_the_name_first():
    call = make_primitive("test_call")
    shows(
        program_of(call, "f64[]", c=1, name="f", alpha=(2,)),
        "{ lambda ; a:f64[]. let b:f64[] = test_call[name=f alpha=(2,) c=1] a in (b,) }",
    )


def test_dimension_numbers_of_dot_general_are_lists_as_in_jax():
    numbers = (((1,), (0,)), ((), ()))
    jaxpr = program_of(
        dot_general_p,
        "f64[2,3]",
        "f64[3,4]",
        outs=["f64[2,4]"],
        dimension_numbers=numbers,
        preferred_element_type=None,
    )
    shows(
        jaxpr,
        """
        { lambda ; a:f64[2,3] b:f64[3,4]. let
            c:f64[2,4] = dot_general[
              dimension_numbers=(([1], [0]), ([], []))
              preferred_element_type=None
            ] a b
          in (c,) }
        """,
    )


def test_equations_without_results_have_no_equals_sign():
    note = make_primitive("test_note", effects=frozenset(["debug"]))
    shows(
        program_of(note, "f64[]", outs=[], text="x = {}"),
        "{ lambda ; a:f64[]. let test_note[text='x = {}'] a in () }",
    )
