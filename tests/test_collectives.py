"""Collectives over named axes: against sums by hand, under every other transformation, and nested."""

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import lax
from jaxlite.errors import ArgumentError, AxisNameError
from tests.tolerances import assert_close

X = np.array([0.5, -1.25, 2.0])
MATRIX = np.arange(6.0).reshape(3, 2)


def over_i(f, in_axes=0):
    return jaxlite.vmap(f, in_axes, axis_name="i")


# --- values -----------------------------------------------------------------------------------------


def test_sums_of_pytrees():
    def f(x):
        return lax.psum({"a": x, "b": (2.0 * x, x > 0.0)}, "i")

    sums = over_i(f)(X)
    assert_close(sums["a"], np.full(3, X.sum()))
    assert_close(sums["b"][0], np.full(3, 2.0 * X.sum()))
    np.testing.assert_array_equal(sums["b"][1], [2, 2, 2])


def test_a_python_number_gives_the_size():
    sizes = []

    def f(x):
        sizes.append((lax.psum(1, "i"), lax.axis_size("i"), lax.psum(0.5, "i")))
        return x

    over_i(f)(X)
    assert sizes == [(3, 3, 1.5)]
    assert type(sizes[0][0]) is int


def test_mean_of_integers_is_a_float():
    assert_close(over_i(lambda n: lax.pmean(n, "i"))(np.arange(3)), np.ones(3))


def test_a_value_that_all_elements_share():
    assert_close(over_i(lambda x, y: x + lax.psum(y, "i"), (0, None))(X, 2.0), X + 6.0)
    assert_close(over_i(lambda x, y: x + lax.pmax(y, "i"), (0, None))(X, 2.0), X + 2.0)
    gathered = over_i(lambda x, y: x + lax.all_gather(y, "i"), (0, None))(X, 2.0)
    assert_close(gathered, np.broadcast_to(X[:, None] + 2.0, (3, 3)))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("tiled", [False, True])
def test_gathered_dimension(axis, tiled, oracle):
    x = np.arange(12.0).reshape(3, 2, 2)
    ours = over_i(lambda x: lax.all_gather(x, "i", axis=axis, tiled=tiled))(x)
    f = oracle.vmap(lambda x: oracle.lax.all_gather(x, "i", axis=axis, tiled=tiled), axis_name="i")
    assert_close(ours, np.asarray(f(x)))


def test_sent_values():
    shift = [(0, 1), (1, 2), (2, 0)]
    assert_close(over_i(lambda x: lax.ppermute(x, "i", shift))(X), np.roll(X, 1))
    assert_close(
        over_i(lambda x: lax.ppermute(x, "i", [(2, 0)]))(MATRIX), np.stack([MATRIX[2], [0, 0], [0, 0]])
    )


def test_several_names():
    def f(x):
        return lax.psum(x, ("i", "j")), lax.axis_index(("i", "j")), lax.pmax(x, ("j", "i"))

    x = MATRIX**2
    sums, indices, largest = jaxlite.vmap(jaxlite.vmap(f, axis_name="j"), axis_name="i")(x)
    assert_close(sums, np.full((3, 2), x.sum()))
    np.testing.assert_array_equal(indices, np.arange(6).reshape(3, 2))
    assert_close(largest, np.full((3, 2), 25.0))


def test_the_inner_axis_of_two_with_one_name_answers():
    nested = over_i(lambda row: over_i(lambda x: lax.psum(x, "i"))(row))
    assert_close(nested(MATRIX), np.repeat(MATRIX.sum(1, keepdims=True), 2, axis=1))


def test_another_axis_is_one_more_dimension():
    def f(x):
        inner = jaxlite.vmap(lambda y: lax.psum(x * y, "i"))(np.arange(2.0))
        gathered = jaxlite.vmap(lambda y: lax.all_gather(x * y, "i"))(np.arange(2.0))
        return inner, gathered

    inner, gathered = over_i(f)(X)
    assert_close(inner, np.tile([0.0, X.sum()], (3, 1)))
    assert_close(gathered, np.tile(np.stack([0 * X, X]), (3, 1, 1)))


# --- derivatives ------------------------------------------------------------------------------------


def test_gradient_outside_of_the_map():
    gradient = jaxlite.grad(lambda x: over_i(lambda x: x * lax.psum(x**2, "i"))(x).sum())
    assert_close(gradient(X), jaxlite.grad(lambda x: x.sum() * (x**2).sum())(X))


def test_gradient_inside_of_the_map_adds_up_cotangents(oracle):
    def f(lax, x):
        return lax.psum(x**2, "i") * x + lax.all_gather(x**3, "i")[1] + lax.pmean(x, "i")

    ours = over_i(jaxlite.grad(lambda x: f(lax, x)))(X)
    theirs = oracle.vmap(oracle.grad(lambda x: f(oracle.lax, x)), axis_name="i")(X)
    assert_close(ours, np.asarray(theirs))


def test_extremes_share_their_derivative():
    x = np.array([1.0, 3.0, 3.0])
    gradient = jaxlite.grad(lambda x: over_i(lambda x: lax.pmax(x, "i"))(x)[0])
    assert_close(gradient(x), np.array([0.0, 0.5, 0.5]))


def test_second_derivatives():
    ours = jaxlite.hessian(lambda x: over_i(lambda x: x**2 * lax.pmean(x**2, "i"))(x).sum())(X)
    assert_close(ours, jaxlite.hessian(lambda x: (x**2).sum() * (x**2).mean())(X))


# --- inside of other transformations ----------------------------------------------------------------

BODIES = {
    "jit": lambda x: jaxlite.jit(lambda x: lax.psum(x, "i"))(x),
    "checkpoint": lambda x: jaxlite.checkpoint(lambda x: lax.psum(x, "i"))(x),
    "scan": lambda x: lax.scan(lambda c, _: (c, lax.psum(c, "i")), x, length=2)[1][1],
    "cond": lambda x: lax.cond(True, lambda: lax.psum(x, "i"), lambda: x),
    "batched cond": lambda x: lax.cond(x < 9.0, lambda: lax.psum(x, "i"), lambda: x),
    "while": lambda x: lax.while_loop(lambda c: c[0] < 1, lambda c: (c[0] + 1, lax.psum(c[1], "i")), (0, x))[
        1
    ],
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_inside_of_control_flow(body):
    for f in (over_i(body), jaxlite.jit(over_i(body)), over_i(jaxlite.jit(body))):
        assert_close(f(X), np.full(3, X.sum()))
    gradient = jaxlite.grad(lambda x: (over_i(body)(x) * np.arange(3.0)).sum())
    assert_close(gradient(X), np.full(3, 3.0))


UNMAPPED_BODIES = {
    "jit": lambda: jaxlite.jit(lambda: lax.axis_index("i"))(),
    "scan": lambda: lax.scan(lambda c, _: (c + lax.axis_index("i"), None), 0, length=1)[0],
    "cond": lambda: lax.cond(True, lambda: lax.axis_index("i"), lambda: 0),
    "nested": lambda: jaxlite.jit(lambda: lax.cond(True, lambda: lax.axis_index("i"), lambda: 0))(),
}


@pytest.mark.parametrize("body", UNMAPPED_BODIES.values(), ids=UNMAPPED_BODIES)
def test_a_body_without_a_mapped_operand(body):
    np.testing.assert_array_equal(over_i(lambda x: body())(X), np.arange(3))


def test_a_recorded_function_knows_its_axes():
    """One jitted function under axes of different sizes: one record each."""
    f = jaxlite.jit(lambda x: x * lax.psum(1, "i"))
    assert_close(over_i(f)(X), 3.0 * X)
    assert_close(over_i(f)(X[:2]), 2.0 * X[:2])


def test_a_loop_that_waits_for_the_last():
    f = over_i(lambda x: lax.while_loop(lambda c: lax.pmax(c, "i") < 10.0, lambda c: 2.0 * c, x))
    assert_close(f(np.array([1.0, 2.0, 3.0])), np.array([4.0, 8.0, 12.0]))


# --- text and errors --------------------------------------------------------------------------------


def test_text():
    programs = []

    def f(x):
        programs.append(jaxlite.make_jaxpr(lambda x: lax.all_gather(lax.psum(x, "i"), "i"))(x))
        return x

    over_i(f)(X)
    assert str(programs[0]) == (
        "{ lambda ; a:f64[]. let\n"
        "    b:f64[] = psum[axis_name=i] a\n"
        "    c:f64[3] = all_gather[axis=0 axis_name=i axis_size=3 tiled=False] b\n"
        "  in (c,) }"
    )
    with pytest.raises(AxisNameError, match="unbound axis name: no enclosing vmap maps an axis named 'i'"):
        jaxlite.eval_jaxpr(programs[0].jaxpr, (), 1.0)


COLLECTIVES = [
    lambda x: lax.psum(x, "i"),
    lambda x: lax.pmean(x, "i"),
    lambda x: lax.pmax(x, "i"),
    lambda x: lax.pmin(x, "i"),
    lambda x: lax.axis_index("i"),
    lambda x: lax.axis_size("i"),
    lambda x: lax.all_gather(x, "i"),
    lambda x: lax.ppermute(x, "i", []),
]


@pytest.mark.parametrize("collective", COLLECTIVES)
def test_unbound_names(collective):
    with pytest.raises(AxisNameError, match="'i'(.|\n)*no vmap with an axis_name"):
        collective(1.0)
    with pytest.raises(NameError, match=r"the axes in scope are 'j' \(size 3\)"):
        jaxlite.vmap(collective, axis_name="j")(X)
    with pytest.raises(AxisNameError, match="fix vmap"):
        jaxlite.jit(collective)(1.0)


ERRORS = [
    (lambda x: lax.psum(x, "i", axis_index_groups=[[0, 1], [2]]), "axis_index_groups is not available"),
    (lambda x: lax.all_gather(x, ("i", "j")), "all_gather takes one axis name"),
    (lambda x: lax.all_gather(x, "i", axis_size=4), "axis_size is 4, but the axis 'i' has size 3"),
    (lambda x: lax.ppermute(x, "i", [(0, 1), (2, 1)]), "does not permute the axis 'i' of size 3"),
    (lambda x: lax.ppermute(x, "i", [(0, 3)]), "does not permute"),
]


@pytest.mark.parametrize(("f", "match"), ERRORS, ids=[match for _, match in ERRORS])
def test_errors(f, match):
    with pytest.raises(ArgumentError, match=match):
        over_i(f)(X)


def test_gathering_along_a_dimension_that_is_not_there():
    with pytest.raises(jaxlite.errors.ShapeError, match="all_gather: dimensions"):
        over_i(lambda x: lax.all_gather(x, "i", axis=2))(X)


def test_numpy_functions_take_collectives():
    assert_close(over_i(lambda x: jnp.exp(x) / lax.psum(np.exp(x), "i"))(X), np.exp(X) / np.exp(X).sum())
