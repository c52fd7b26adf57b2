"""Callbacks: what the host function sees, how often it is called, and what may not be asked of it."""

import re

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import lax
from jaxlite.errors import ArgumentError, InplaceUpdateError, RuleError
from jaxlite.experimental import io_callback
from tests.tolerances import assert_close

X = np.array([1.0, 2.0, 3.0])
SCALAR = jaxlite.ShapeDtypeStruct((), np.float64)
VECTOR = jaxlite.ShapeDtypeStruct((3,), np.float64)

# --- pure_callback ----------------------------------------------------------------------------------


@pytest.mark.parametrize("transformation", [lambda f: f, jaxlite.jit, jaxlite.checkpoint])
def test_pytrees_and_keywords(transformation):
    def host(tree, *, scale):
        return {"sum": tree["a"] + tree["b"], "scaled": scale * tree["a"]}

    @transformation
    def f(a, b):
        return jaxlite.pure_callback(host, {"sum": VECTOR, "scaled": VECTOR}, {"a": a, "b": b}, scale=2.0)

    out = f(X, 2.0 * X)
    assert_close(out["sum"], 3.0 * X)
    assert_close(out["scaled"], 2.0 * X)


def test_a_result_declared_by_an_array():
    assert_close(jaxlite.pure_callback(np.cos, X, X), np.cos(X))


def test_python_numbers_take_the_declared_dtype():
    out = jaxlite.pure_callback(lambda: 3, jaxlite.ShapeDtypeStruct((), np.float32))
    assert_close(out, np.float32(3.0))


def test_arguments_cannot_be_written():
    def host(x):
        x[0] = 0.0

    with pytest.raises(InplaceUpdateError, match="would write into an Array"):
        jaxlite.pure_callback(host, VECTOR, X)


def test_results_are_copied():
    buffer = np.zeros(3)

    def host(x):
        buffer[:] = x
        return buffer

    first = jaxlite.pure_callback(host, VECTOR, X)
    jaxlite.pure_callback(host, VECTOR, 2.0 * X)
    assert_close(first, X)


WRONG_RESULTS = [
    (lambda x: np.zeros(4), r"returned f64\[4\] at result, but f64\[3\] was declared"),
    (lambda x: np.zeros(3, np.float32), r"returned f32\[3\] at result, but f64\[3\] was declared"),
    (lambda x: x.tolist(), "returned another structure than declared"),
    (lambda x: "text", r"returned str at result, but f64\[3\] was declared"),
]


@pytest.mark.parametrize(("host", "match"), WRONG_RESULTS, ids=["shape", "dtype", "tree", "type"])
@pytest.mark.parametrize("callback", [jaxlite.pure_callback, io_callback])
def test_wrong_results(callback, host, match):
    f = jaxlite.jit(lambda x: callback(host, VECTOR, x))
    with pytest.raises(ArgumentError, match=match):
        f(X)


def test_exceptions_pass_through():
    def host(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        jaxlite.jit(lambda x: lax.scan(lambda c, x: (jaxlite.pure_callback(host, SCALAR, x), None), 0.0, x))(
            X
        )


def test_integer_results_have_no_derivative():
    def f(x):
        n = jaxlite.pure_callback(lambda x: np.int64(np.floor(x)), jaxlite.ShapeDtypeStruct((), np.int64), x)
        return x * n

    assert_close(jaxlite.grad(f)(2.5), np.float64(2.0))


@pytest.mark.parametrize(
    "callback", [jaxlite.pure_callback, io_callback], ids=["pure_callback", "io_callback"]
)
def test_derivatives_need_a_rule(callback):
    def f(x):
        return callback(np.sin, SCALAR, x)

    for g in (jaxlite.grad(f), jaxlite.jit(jaxlite.grad(f)), jaxlite.grad(jaxlite.jit(f))):
        with pytest.raises(RuleError, match="_callback cannot be differentiated(.|\n)*custom_jvp"):
            g(1.0)


def test_a_rule_makes_it_differentiable():
    @jaxlite.custom_vjp
    def f(x):
        return jaxlite.pure_callback(np.sin, SCALAR, x, vmap_method="sequential")

    f.defvjp(lambda x: (f(x), x), lambda x, ct: (ct * jnp.cos(x),))
    assert_close(jaxlite.vmap(jaxlite.grad(f))(X), np.cos(X))


# --- pure_callback and vmap -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "shapes"),
    [
        ("sequential", [((2,), (2,))] * 3),
        ("expand_dims", [((3, 2), (1, 2))]),
        ("broadcast_all", [((3, 2), (3, 2))]),
        ("legacy_vectorized", [((3, 2), (2,))]),
    ],
)
@pytest.mark.parametrize("transformation", [lambda f: f, jaxlite.jit], ids=["eager", "jit"])
def test_what_vmap_hands_over(method, shapes, transformation):
    seen = []

    def host(a, b):
        seen.append((a.shape, b.shape))
        return a + b

    pair = jaxlite.ShapeDtypeStruct((2,), np.float64)
    f = jaxlite.vmap(lambda a, b: jaxlite.pure_callback(host, pair, a, b, vmap_method=method), (1, None))
    a, b = np.arange(6.0).reshape(2, 3), np.array([10.0, 20.0])
    assert_close(transformation(f)(a, b), a.T + b)
    assert seen == shapes


def test_a_batch_needs_a_method():
    with pytest.raises(
        RuleError, match="pure_callback cannot be batched by vmap(.|\n)*vmap_method='sequential'"
    ):
        jaxlite.vmap(lambda x: jaxlite.pure_callback(np.sin, SCALAR, x))(X)
    with pytest.raises(ArgumentError, match="vmap_method 'parallel' is not one of 'sequential'"):
        jaxlite.pure_callback(np.sin, SCALAR, 1.0, vmap_method="parallel")


def test_refused_arguments():
    with pytest.raises(ArgumentError, match="pure_callback needs a callable, not int"):
        jaxlite.pure_callback(3, SCALAR)
    with pytest.raises(ArgumentError, match="result_shape_dtypes holds float 1.0"):
        jaxlite.pure_callback(np.sin, 1.0, X)


# --- io_callback ------------------------------------------------------------------------------------


def test_effects_happen_although_nothing_needs_the_result():
    seen = []

    @jaxlite.jit
    def f(x):
        io_callback(lambda x: seen.append(float(x)), None, x)
        return 2.0 * x

    f(1.0)
    f(2.0)
    assert seen == [1.0, 2.0]


@pytest.mark.parametrize("transformation", [lambda f: f, jaxlite.jit])
def test_effects_in_loops_and_branches(transformation):
    seen = []

    def note(x):
        io_callback(lambda x: seen.append(float(x)), None, x, ordered=True)
        return x

    @transformation
    def f(x):
        lax.scan(lambda c, x: (note(c), None), 1.0, length=2)
        lax.while_loop(lambda c: c < 4.0, lambda c: note(c + 1.0), 2.0)
        return lax.cond(x > 0.0, lambda: note(5.0), lambda: note(6.0))

    f(1.0)
    assert seen == [1.0, 1.0, 3.0, 4.0, 5.0]


def test_an_effect_per_element():
    count = iter(range(10))
    f = jaxlite.vmap(lambda x: x + io_callback(lambda: float(next(count)), SCALAR))
    g = jaxlite.vmap(lambda x: io_callback(lambda x: x + next(count), SCALAR, x))
    # Without a mapped argument there is one call for all.
    assert_close(f(X), X)
    assert_close(g(X), X + np.array([1.0, 2.0, 3.0]))


def test_ordered_effects_have_no_batch():
    with pytest.raises(RuleError, match="io_callback with ordered=True cannot be batched"):
        jaxlite.vmap(lambda x: io_callback(np.sin, SCALAR, x, ordered=True))(X)


# --- debug ------------------------------------------------------------------------------------------


def printed(capsys, f, *args):
    f(*args)
    return capsys.readouterr().out.splitlines()


def square(x):
    jaxlite.debug.print("x = {x}", x=x)
    return x**2


def test_formats(capsys):
    def f(x):
        jaxlite.debug.print("{0:.2f} {a[k]} {{}} {s!r} {n}", 1.0 / x, a={"k": x}, s="text", n=None)

    assert printed(capsys, jaxlite.jit(f), 3.0) == ["0.33 3.0 {} 'text' None"]
    assert printed(capsys, lambda: jaxlite.debug.print("{}", X)) == ["[1. 2. 3.]"]


TRANSFORMED = {
    "eager": square,
    "jit": jaxlite.jit(square),
    "grad": jaxlite.grad(square),
    "jit of grad": jaxlite.jit(jaxlite.grad(square)),
    "grad of jit": jaxlite.grad(jaxlite.jit(square)),
    "second derivative": jaxlite.grad(jaxlite.grad(jaxlite.jit(square))),
    "linearize": lambda x: jaxlite.linearize(square, x)[1](1.0),
    "vmap of grad": lambda x: jaxlite.vmap(jaxlite.grad(square))(np.array([x])),
}


@pytest.mark.parametrize("f", TRANSFORMED.values(), ids=TRANSFORMED)
def test_each_line_is_printed_once(f, capsys):
    assert printed(capsys, f, 3.0) == ["x = 3.0"]


LOOPS = {
    "scan": lambda x: lax.scan(lambda c, _: (c * square(c) / c**2 + 1.0, None), x, length=3)[0],
    "while": lambda x: lax.while_loop(lambda c: c < 4.0, lambda c: c * square(c) / c**2 + 1.0, x),
    "fori": lambda x: lax.fori_loop(0, 3, lambda _, c: c * square(c) / c**2 + 1.0, x),
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_loops_print_once_a_step(loop, capsys):
    lines = ["x = 1.0", "x = 2.0", "x = 3.0"]
    for f in (loop, jaxlite.jit(loop), jaxlite.grad(loop), jaxlite.jit(jaxlite.grad(loop))):
        assert printed(capsys, f, 1.0) == lines


def test_elements_print_one_by_one(capsys):
    def f(x, y):
        jaxlite.debug.print("{} {}", x, y)

    assert printed(capsys, jaxlite.vmap(f, (0, None)), X, 5.0) == ["1.0 5.0", "2.0 5.0", "3.0 5.0"]
    assert printed(capsys, jaxlite.vmap(lambda x: f(1.0, 2.0)), X) == ["1.0 2.0"]


def test_debug_callback():
    seen = []
    f = jaxlite.jit(lambda x: jaxlite.debug.callback(lambda x, *, to: to.append(x.shape), x, to=Box(seen)))
    f(X)
    assert seen == [(3,)]


class Box:
    """Not a pytree, so handed over as it is."""

    def __init__(self, items):
        self.append = items.append


@pytest.mark.parametrize(
    ("args", "match"),
    [
        (("{} {}", 1.0), "asks for a value that was not passed"),
        (("{name}",), "asks for a value that was not passed ('name')"),
        (("hello", 1.0), "does not use the arguments 0"),
        ((1.0,), "the format must be a string, not float"),
    ],
)
def test_formats_are_checked_when_recorded(args, match):
    with pytest.raises(ArgumentError, match=re.escape(match)):
        jaxlite.make_jaxpr(lambda: jaxlite.debug.print(*args))()


def test_text():
    def f(x):
        jaxlite.debug.print("{}", x)
        return jaxlite.pure_callback(np.sin, VECTOR, x)

    assert str(jaxlite.make_jaxpr(f)(X)) == (
        "{ lambda ; a:f64[3]. let\n"
        "    debug_callback[callback=<HostFunction print> ordered=False] a\n"
        "    b:f64[3] = pure_callback[\n"
        "      callback=<HostFunction sin>\n"
        "      result_avals=(f64[3],)\n"
        "      vmap_method=None\n"
        "    ] a\n"
        "  in (b,) }"
    )
