"""Programs as Python: the text runs, alone, and gives the values of the program, bit for bit."""

from __future__ import annotations

import ast
from textwrap import dedent

import numpy as np
import pytest

from jaxlite import lax
from jaxlite.api import grad, make_jaxpr, vmap
from jaxlite.check import assert_jaxpr_equal, check_jaxpr
from jaxlite.control.jit import jit
from jaxlite.errors import ArgumentError, ParseError
from jaxlite.interpreters.evaluate import eval_jaxpr
from jaxlite.interpreters.reapply import apply
from jaxlite.interpreters.reapply import program as lax_program
from jaxlite.ir import ClosedJaxpr, Jaxpr, Literal, Var
from jaxlite.ops.elementwise import add, mul, sin
from jaxlite.ops.reductions import reduce_sum
from jaxlite.parsing import parse_aval, parse_jaxpr
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
from tests.test_printing import NUMBERS
from tests.tolerances import assert_within_ulps


@pytest.fixture(autouse=True)
def _no_test_primitives():
    yield
    remove_primitives()


def load(text: str, name: str = "program"):
    namespace: dict = {}
    exec(compile(text, "<to_python>", "exec"), namespace)
    return namespace[name]


def assert_same_bits(actual, expected) -> None:
    assert len(actual) == len(expected)
    for x, y in zip(actual, expected, strict=True):
        x, y = np.asarray(x), np.asarray(y)
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        np.testing.assert_array_equal(x, y)
        if x.dtype.kind in "fc":
            np.testing.assert_array_equal(np.signbit(x.real), np.signbit(y.real))


def assert_runs(jaxpr: Jaxpr, *args) -> str:
    """Check that the Python of a program gives its values, and its types when recorded; return the text."""
    text = jaxpr.to_python()
    function = load(text)
    assert_same_bits(function(*args), eval_jaxpr(jaxpr, (), *args))
    again = program(function, *map(str, jaxpr.in_avals))
    check_jaxpr(again)
    assert again.out_avals == jaxpr.out_avals
    return text


def ones(avals):
    return [np.ones(aval.shape, aval.dtype) for aval in avals]


# --- texts ------------------------------------------------------------------------------------------


def test_a_line_for_each_equation():
    jaxpr = program(lambda x: [reduce_sum(mul(sin(x), 2.0), (0,))], "f64[3]")
    assert assert_runs(jaxpr, np.arange(3.0)) == dedent(
        """\
        from jaxlite import lax


        def program(a):
            b = lax.sin(a)
            c = lax.mul(b, 2.0)
            d = lax.reduce_sum(c, axes=(0,))
            return (d,)
        """
    )


def test_programs_inside_become_functions_defined_once():
    def square(x):
        return mul(x, x)

    square = jit(square)
    jaxpr = program(lambda x: [add(square(x), square(sin(x)))], "f64[3]")
    assert jaxpr.eqns[0].params["jaxpr"] is jaxpr.eqns[2].params["jaxpr"]
    assert assert_runs(jaxpr, np.arange(3.0)) == dedent(
        """\
        from jaxlite import lax


        @lax.program("f64[3]")
        def square_jaxpr(a):
            b = lax.mul(a, a)
            return (b,)


        def program(a):
            (b,) = lax.apply("jit", (a,), jaxpr=square_jaxpr, name="square")
            c = lax.sin(a)
            (d,) = lax.apply("jit", (c,), jaxpr=square_jaxpr, name="square")
            e = lax.add(b, d)
            return (e,)
        """
    )


def test_different_programs_of_one_name_get_different_names():
    def f(x):
        return sin(x)

    jaxpr = program(lambda x, y: [jit(f)(x), jit(f)(y)], "f64[3]", "f32[]")
    text = assert_runs(jaxpr, np.arange(3.0), np.float32(1))
    assert "def f_jaxpr(a):" in text
    assert "def f_jaxpr_2(a):" in text


def test_constants_of_closed_programs_are_written_out():
    c = np.array([[0.1, np.nan, -0.0], [np.inf, 5e-324, 1e300]])
    d = np.array([1 + 2j, complex(-0.0, np.inf)], np.complex64)
    u, v, x = (Var(parse_aval(aval)) for aval in ("f64[2,3]", "c64[2]", "f64[]"))
    jaxpr = Jaxpr((x,), (u, v), (), (u, v, x))
    closed = ClosedJaxpr(jaxpr, (c, d))
    text = closed.to_python("f")
    assert text == dedent(
        """\
        import numpy as np

        from jaxlite import lax


        const_0 = np.array([[0.1, np.nan, -0.0], [np.inf, 5e-324, 1e+300]], np.dtype("float64"))
        const_1 = np.array([complex(1.0, 2.0), complex(-0.0, np.inf)], np.dtype("complex64"))


        def f(a):
            return (const_0, const_1, a)
        """
    )
    assert_same_bits(load(text, "f")(3.0), (c, d, 3.0))
    # Without their values they are arguments.
    assert "def program(a, b, c):" in jaxpr.to_python()
    empty = ClosedJaxpr(Jaxpr((), (u,), (), (u,)), (np.zeros((0, 3), np.float32),))
    assert load(empty.to_python())()[0].shape == (0, 3)


def test_long_lines_are_folded():
    values = np.linspace(0.0, 1.0, 100)
    c = Var(parse_aval("f64[100]"))
    text = ClosedJaxpr(Jaxpr((), (c,), (), (c,)), (values,)).to_python()
    assert max(map(len, text.splitlines())) <= 100
    assert_same_bits(load(text)(), [values])

    combine = make_primitive("test_combine")
    jaxpr = program_of(combine, *["f64[]"] * 40, first="x" * 50, second="y" * 50)
    text = jaxpr.to_python()
    assert "        second=" in text
    assert_runs(program(lambda *xs: xs, *["f64[]"] * 60), *[np.float64(i) for i in range(60)])


def test_unused_results_have_no_name():
    def f(x):
        sin(x)
        return []

    text = assert_runs(program(f, "f64[]"), 1.0)
    assert "    _ = lax.sin(a)\n    return ()\n" in text


def test_variables_are_no_python_words():
    jaxpr = program(lambda *xs: [xs[-1]], *["f64[]"] * 1000)
    names = [arg.arg for arg in ast.parse(jaxpr.to_python()).body[-1].args.args]
    assert len(set(names)) == 1000
    assert not {"as", "if", "in", "is", "or", "np"} & set(names)


def test_several_results():
    jaxpr = program_of(make_primitive("test_pair"), "f64[]", "f64[]", k=2)
    assert "    c, d = lax.test_pair(a, b, k=2)\n    return (c, d)" in jaxpr.to_python()
    jaxpr = program_of(make_primitive("test_list"), "f64[]")
    assert '    (b,) = lax.apply("test_list", (a,))\n' in jaxpr.to_python()
    jaxpr = program_of(make_primitive("test_note"), "f64[]", outs=[], text="a 'b'", more='"')
    assert (
        """    lax.apply("test_note", (a,), more='"', text="a 'b'")\n    return ()\n""" in jaxpr.to_python()
    )


# --- values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "text"), NUMBERS, ids=[text for _, text in NUMBERS])
def test_numbers(value, text):
    jaxpr = parse_jaxpr(f"{{ lambda ; . let  in ({text},) }}")
    (out,) = load(jaxpr.to_python())()
    # A bool is never weak, so Python's does as well.
    assert repr(out) == repr(bool(value) if isinstance(value, np.bool_) else value)


def test_a_python_number_stands_only_where_it_means_the_same():
    def text(line, inputs="a:f64[3] b:f64*[] c:f32[3] d:bool[3]"):
        out = line.partition(":")[0]
        jaxpr = parse_jaxpr(f"{{ lambda ; {inputs}. let {line} in ({out},) }}")
        args = ones(jaxpr.in_avals)
        args[1] = 1.0
        return assert_runs(jaxpr, *args).partition("e = ")[2].partition("\n")[0]

    assert text("e:f64[3] = mul a 2.0:f64[]") == "lax.mul(a, 2.0)"
    assert text("e:f64[3] = mul a 2.0:f64*[]") == "lax.mul(a, 2.0)"
    assert text("e:f64[] = mul b 2.0:f64[]") == "lax.mul(b, np.float64(2.0))"
    assert text("e:f64*[] = mul b 2.0:f64*[]") == 'lax.apply("mul", (b, 2.0))'
    assert text("e:f64*[] = mul b b") == "lax.mul(b, b)"
    assert text("e:bool[3] = and d True:bool[]") == "lax.bitwise_and(d, True)"
    assert text("e:f32[3] = mul c 0.1:f32[]") == "lax.mul(c, np.float32(0.1))"
    assert text("e:f64[] = sin 2.0:f64[]") == "lax.sin(np.float64(2.0))"
    assert text("e:f64[] = broadcast_in_dim[broadcast_dimensions=() shape=()] b").startswith("lax.apply")


@pytest.mark.parametrize("index", range(60))
def test_random_programs(rng, index):
    jaxpr = random_program(rng)
    with np.errstate(all="ignore"):
        assert_runs(jaxpr, *ones(jaxpr.in_avals))


# Python text cannot hold what these call, or the array that they are.
NEED_THEIR_FUNCTIONS = ("constant", "custom_lin", "debug_callback", "io_callback", "pure_callback")

# Its loop is compiled for limits that are known, and for others: the sums round otherwise.
COMPILED_WHEN_EVALUATED = ("integral",)


@pytest.mark.parametrize("name", sorted({case.primitive for case in CASES}))
def test_every_primitive(name):
    for case in CASES:
        if case.primitive == name:
            jaxpr, args = program_of_row(case)
            if name in NEED_THEIR_FUNCTIONS:
                with pytest.raises(ArgumentError):
                    jaxpr.to_python()
            elif name in COMPILED_WHEN_EVALUATED:
                for x, y in zip(load(jaxpr.to_python())(*args), eval_jaxpr(jaxpr, (), *args), strict=True):
                    assert_within_ulps(x, y)
            elif any(params_without_text(jaxpr)):
                assert_same_bits(load(jaxpr.to_python())(*args), eval_jaxpr(jaxpr, (), *args))
            else:
                assert_runs(jaxpr, *args)


@pytest.mark.parametrize("name", TRANSFORMED)
def test_programs_of_transformations(name):
    fun, x = TRANSFORMED[name]
    jaxpr = make_jaxpr(fun)(x)
    assert_same_bits(load(jaxpr.to_python())(x), eval_jaxpr(jaxpr.jaxpr, jaxpr.consts, x))


def test_the_text_can_be_transformed():
    def f(x):
        return mul(jit(lambda y: sin(y))(x), 3.0)

    function = load(program(lambda x: [f(x)], "f64[]").to_python())
    x = 0.7
    np.testing.assert_allclose(grad(lambda x: function(x)[0])(x), 3 * np.cos(x))
    np.testing.assert_allclose(vmap(function)(np.full(4, x))[0], 3 * np.sin(np.full(4, x)))


def test_rules_of_custom_derivatives_are_left_out():
    inner = program(lambda x: [sin(x)], "f64[3]")
    call = make_primitive("test_custom")
    jaxpr = program_of(call, "f64[3]", call_jaxpr=inner, jvp=lambda: None, name="f")
    text = jaxpr.to_python()
    assert text == dedent(
        """\
        from jaxlite import lax


        def f_fun(a):
            b = lax.sin(a)
            return (b,)


        def program(a):
            # The values of test_custom without its jvp, which no text gives back.
            (b,) = f_fun(a)
            return (b,)
        """
    )
    assert_same_bits(load(text)(np.arange(3.0)), [np.sin(np.arange(3.0))])


# --- errors -----------------------------------------------------------------------------------------


def test_a_callback_has_no_text():
    jaxpr = program_of(make_primitive("test_callback"), "f64[3]", callback=print)
    with pytest.raises(ArgumentError, match="to_python: test_callback has no text") as error:
        jaxpr.to_python()
    assert "why its param callback is a builtin_function_or_method" in str(error.value)


def test_a_traced_constant_has_no_text():
    c = Var(parse_aval("f64[3]"))

    def f(x):
        ClosedJaxpr(Jaxpr((), (c,), (), (c,)), (x,)).to_python()

    with pytest.raises(ArgumentError, match="a constant of the program is JitTracer"):
        program(f, "f64[3]")


@pytest.mark.parametrize("name", ["2", "", "def", "lax", "np", "a b"])
def test_names_that_are_none(name):
    with pytest.raises(ArgumentError, match="cannot be the name of a function here"):
        Jaxpr((), (), (), ()).to_python(name)


# --- lax.apply and lax.program ----------------------------------------------------------------------


def test_apply():
    assert lax.apply is apply
    assert float(apply("reduce_sum", [np.arange(4.0)], axes=(0,))) == 6.0
    inner = program(lambda x: [sin(x)], "f64[]")
    assert_same_bits(apply("jit", (1.0,), jaxpr=inner, name="f"), (np.sin(1.0),))
    with pytest.raises(ArgumentError, match="there is no primitive named 'reduce_smu'") as error:
        apply("reduce_smu", ())
    assert "fix did you mean 'reduce_sum'?" in str(error.value)


def test_program():
    assert lax.program is lax_program

    @lax_program("f64[3]", "f64*[]")
    def f(a, b):
        return add(a, b), np.float32(1)

    assert_jaxpr_equal(
        f, parse_jaxpr("{ lambda ; a:f64[3] b:f64*[]. let c:f64[3] = add a b in (c, 1.0:f32[]) }")
    )
    with pytest.raises(ParseError, match="expected a type"):
        lax_program("float64")
    with pytest.raises(ArgumentError, match="a text is needed, not function"):
        lax_program(sin)
    with pytest.raises(ArgumentError, match="g captures 1 arrays"):

        @lax_program()
        def g():
            return (sin(np.arange(3.0)),)


def test_literals_keep_their_types_in_programs_inside():
    body = Jaxpr(
        (), (), (), (Literal(np.float64(0), parse_aval("f64[]")), Literal(0.0, parse_aval("f64*[]")))
    )
    jaxpr = program_of(make_primitive("test_call"), outs=[], jaxpr=body)
    namespace: dict = {}
    exec(jaxpr.to_python(), namespace)
    assert namespace["test_call_jaxpr"].out_avals == body.out_avals
