"""What the rows of gather, scatter and dynamic slices do not reach: spellings, errors, ties, and JAX."""

import random

import numpy as np
import pytest

import jaxlite
from jaxlite.errors import ArgumentError, DtypeError, JAXIndexError, ShapeError, TransposeError
from jaxlite.ops import indexing
from jaxlite.ops.elementwise import mul
from jaxlite.ops.indexing import (
    GatherDimensionNumbers,
    GatherScatterMode,
    ScatterDimensionNumbers,
    dynamic_slice,
    dynamic_update_slice,
    gather,
    scatter,
    scatter_add,
    scatter_max,
    scatter_min,
    scatter_mul,
    scatter_sub,
    without_index_errors,
)
from tests.tolerances import assert_close

X = np.arange(5.0)
MATRIX = np.arange(12.0).reshape(4, 3)
ELEMENTS = GatherDimensionNumbers((), (0,), (0,))
INTO_ELEMENTS = ScatterDimensionNumbers((), (0,), (0,))
SCATTERS = (scatter, scatter_add, scatter_sub, scatter_mul, scatter_min, scatter_max)


def take(x, indices, **options):
    return gather(x, np.asarray(indices)[:, None], ELEMENTS, (1,), **options)


def put(how, x, indices, updates, **options):
    return how(x, np.asarray(indices)[:, None], updates, INTO_ELEMENTS, **options)


def modes_of(jaxpr):
    return [eqn.params["mode"] for eqn in jaxpr.eqns if "mode" in eqn.params]


# --- slices -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda i, j: dynamic_slice(MATRIX, (i, j), (2, 2)),
        lambda i, j: dynamic_slice(MATRIX, [i, j], [2, 2]),
        lambda i, j: dynamic_slice(MATRIX, start_indices=(i, j), slice_sizes=(2, 2)),
        lambda i, j: dynamic_slice(MATRIX, np.array([i, j]), (2, 2)),
        lambda i, j: dynamic_slice(operand=MATRIX, start_indices=(np.int8(i), j), slice_sizes=(2, 2)),
        lambda i, j: jaxlite.jit(lambda v: dynamic_slice(MATRIX, v, (2, 2)))(np.array([i, j])),
        lambda i, j: jaxlite.jit(lambda i, j: dynamic_slice(MATRIX, (i, j), (2, 2)))(i, j),
    ],
)
def test_spellings_of_dynamic_slice(call):
    np.testing.assert_array_equal(call(1, 0), MATRIX[1:3, :2])
    np.testing.assert_array_equal(call(-3, -2), MATRIX[1:3, 1:])
    np.testing.assert_array_equal(call(9, -9), MATRIX[2:, :2])


def test_indices_of_the_primitive_do_not_count_from_the_end():
    np.testing.assert_array_equal(dynamic_slice(X, np.int64(-2), slice_sizes=(2,)), X[:2])
    np.testing.assert_array_equal(dynamic_slice(X, (-2,), (2,), allow_negative_indices=False), X[:2])
    np.testing.assert_array_equal(dynamic_slice(X, (np.uint8(250),), (2,)), X[-2:])


@pytest.mark.parametrize(
    "call",
    [
        lambda i: dynamic_update_slice(X, np.ones(2), (i,)),
        lambda i: dynamic_update_slice(X, np.ones(2), start_indices=[i]),
        lambda i: dynamic_update_slice(X, np.ones(2), np.array([i])),
        lambda i: jaxlite.jit(lambda i: dynamic_update_slice(X, np.ones(2), (i,)))(i),
    ],
)
def test_spellings_of_dynamic_update_slice(call):
    for i, j in ((1, 1), (-2, 3), (9, 3), (-9, 0)):
        expected = X.copy()
        expected[j : j + 2] = 1
        np.testing.assert_array_equal(call(i), expected)


def test_slices_that_are_refused():
    with pytest.raises(ShapeError, match="one scalar index for each of the 2 dimensions"):
        dynamic_slice(MATRIX, (1,), (1, 1))
    with pytest.raises(ShapeError, match=r"sizes \(6,\) does not fit into f64\[5\]"):
        dynamic_slice(X, (1,), (6,))
    with pytest.raises(DtypeError, match=r"dynamic_slice: a start index has type f64\*\[\]"):
        dynamic_slice(X, (1.0,), (2,))
    with pytest.raises(ShapeError, match="a sequence or vector of scalars"):
        dynamic_slice(X, np.zeros((1, 1), int), (2,))
    with pytest.raises(ArgumentError, match="needs slice_sizes"):
        dynamic_slice(X, (1,))
    with pytest.raises(DtypeError, match="dynamic_update_slice: operand has type"):
        dynamic_update_slice(X, np.ones(2, int), (1,))
    with pytest.raises(ShapeError, match="does not fit"):
        dynamic_update_slice(X, np.ones(6), (1,))


def test_slices_along_one_axis():
    np.testing.assert_array_equal(indexing.dynamic_slice_in_dim(MATRIX, -2, 2, -1), MATRIX[:, 1:])
    np.testing.assert_array_equal(indexing.dynamic_index_in_dim(MATRIX, 9, 0), MATRIX[3:])
    np.testing.assert_array_equal(indexing.dynamic_index_in_dim(MATRIX, -1, 1, keepdims=False), MATRIX[:, 2])
    np.testing.assert_array_equal(indexing.index_in_dim(MATRIX, -1, 1), MATRIX[:, 2:])
    np.testing.assert_array_equal(indexing.index_in_dim(MATRIX, 1, keepdims=False), MATRIX[1])
    expected = MATRIX.copy()
    expected[:, 1] = 7
    for update in (np.full(4, 7.0), np.full((4, 1), 7.0)):
        changed = indexing.dynamic_update_index_in_dim(MATRIX, update, -2, axis=1)
        np.testing.assert_array_equal(changed, expected)
    changed = indexing.dynamic_update_slice_in_dim(MATRIX, np.full((4, 1), 7.0), 1, axis=-1)
    np.testing.assert_array_equal(changed, expected)
    np.testing.assert_array_equal(indexing.dynamic_update_index_in_dim(X, 7, 1, 0), [0, 7, 2, 3, 4])


def test_an_index_or_axis_that_does_not_exist():
    with pytest.raises(JAXIndexError, match="index 4 is out of bounds for axis 0 with size 4"):
        indexing.index_in_dim(MATRIX, 4)
    with pytest.raises(ShapeError, match="dynamic_index_in_dim: dimensions .* of a value with 2"):
        indexing.dynamic_index_in_dim(MATRIX, 0, 2)


def test_index_take_wraps_around():
    rows, columns = np.array([-1, 4, 5]), np.array([2, -4, 0])
    taken = indexing.index_take(MATRIX, (rows, columns), (0, 1))
    np.testing.assert_array_equal(taken, MATRIX[rows % 4, columns % 3])
    np.testing.assert_array_equal(indexing.index_take(MATRIX, (columns,), (-1,)), MATRIX[:, columns % 3].T)


# --- modes ------------------------------------------------------------------------------------------


def test_spellings_of_modes():
    for spelling in (None, "fill", "drop", GatherScatterMode.FILL_OR_DROP):
        assert GatherScatterMode.from_any(spelling) == "fill"
    for spelling in ("clip", "raise", "promise_in_bounds"):
        assert GatherScatterMode.from_any(spelling) == spelling
    for wrong in ("clamp", 3, ["clip"]):
        with pytest.raises(ArgumentError, match="is not known"):
            GatherScatterMode.from_any(wrong)


def test_modes_of_gather():
    assert_close(take(X, [1, 9]), X[[1, 4]])  # None promises that it does not happen
    assert_close(take(X, [1, 9], mode="clip"), X[[1, 4]])
    assert_close(take(X, [1, 9], mode="fill"), np.array([1.0, np.nan]))
    assert_close(take(X, [1, 9], mode="fill", fill_value=7), np.array([1.0, 7.0]))
    assert_close(take(X, [1, 9], mode="fill", fill_value=np.nan), np.array([1.0, np.nan]))
    assert_close(take(X.astype("u1"), [1, 9], mode="fill"), np.array([1, 255], "u1"))
    assert_close(take(X > 5, [1, 9], mode="fill"), np.array([False, True]))


def test_modes_of_scatter():
    updates = np.array([7.0, 8.0])
    assert_close(put(scatter, X, [1, 9], updates), np.array([0.0, 7.0, 2.0, 3.0, 4.0]))
    assert_close(put(scatter, X, [1, 9], updates, mode="drop"), np.array([0.0, 7.0, 2.0, 3.0, 4.0]))
    assert_close(put(scatter, X, [1, 9], updates, mode="clip"), np.array([0.0, 7.0, 2.0, 3.0, 8.0]))


def test_params_can_be_compared():
    """nan would not be equal to itself: no param holds it."""
    for fill_value in (np.nan, np.array(np.nan), float("nan")):
        (eqn,) = jaxlite.make_jaxpr(lambda x: take(x, [9], mode="fill", fill_value=fill_value))(X).eqns  # noqa: B023
        assert eqn.params["fill_value"] is None
    (eqn,) = jaxlite.make_jaxpr(lambda x: take(x, [9], mode="clip", fill_value=3.0))(X).eqns
    assert eqn.params["fill_value"] is None
    (eqn,) = jaxlite.make_jaxpr(lambda x: take(x, [9], mode="fill", fill_value=np.float32(3)))(X).eqns
    assert type(eqn.params["fill_value"]) is float


def mapped(f):
    return lambda x, i: jaxlite.vmap(f, (None, 0))(x, i[None])


@pytest.mark.parametrize("transform", [lambda f: f, jaxlite.jit, jaxlite.grad, mapped])
def test_an_index_out_of_bounds_raises(transform):
    f = transform(lambda x, i: gather(x, i, ELEMENTS, (1,), mode="raise"))
    with pytest.raises(JAXIndexError, match="gather: index 5 is out of bounds for axis 0 with size 5"):
        f(X, np.array([5]))
    with pytest.raises(IndexError, match=r"index -6 (.|\n)* from the end, and -6 \+ 5 is still negative"):
        f(X, np.array([-1]))


def test_a_window_out_of_bounds_raises():
    numbers = GatherDimensionNumbers((1, 2), (), (0,))
    with pytest.raises(JAXIndexError, match="a window of 2 elements at index 3 is out of bounds for axis 0"):
        gather(MATRIX, np.array([[0], [3]]), numbers, (2, 3), mode="raise")


@pytest.mark.parametrize("how", SCATTERS)
def test_an_update_out_of_bounds_raises(how):
    with pytest.raises(JAXIndexError, match="scatter.*: index 5 is out of bounds for axis 0 with size 5"):
        put(how, X, [1, 5], np.ones(2), mode="raise")


def test_an_empty_axis_has_no_indices():
    empty = MATRIX[:0]
    lines = GatherDimensionNumbers((1,), (0,), (0,))
    with pytest.raises(JAXIndexError, match="axis 0 has no elements"):
        gather(empty, np.array([[0]]), lines, (1, 3), mode="raise")
    assert_close(gather(empty, np.array([[0]]), lines, (1, 3), mode="fill"), np.full((1, 3), np.nan))
    assert_close(gather(empty, np.array([[0]]), lines, (1, 3), mode="clip"), np.zeros((1, 3)))
    into_lines = ScatterDimensionNumbers((1,), (0,), (0,))
    assert_close(scatter_add(empty, np.array([[0]]), np.ones((1, 3)), into_lines), empty)


def test_without_index_errors():
    def f(x, i):
        y = jaxlite.jit(lambda x, i: gather(x, i, ELEMENTS, (1,), mode="raise"))(x, i)
        y = scatter_add(x, i, y, INTO_ELEMENTS, mode="raise")
        return gather(y, i, ELEMENTS, (1,), mode="fill")

    jaxpr = jaxlite.make_jaxpr(f)(X, np.array([[9]])).jaxpr
    quiet = without_index_errors(jaxpr)
    assert modes_of(jaxpr) == ["raise", "fill"]
    assert modes_of(quiet) == ["fill", "fill"]
    (inner,) = [eqn.params["jaxpr"] for eqn in quiet.eqns if eqn.primitive.name == "jit"]
    assert modes_of(inner) == ["clip"]
    assert without_index_errors(quiet) is quiet
    assert without_index_errors(jaxpr) is quiet


# --- derivatives ------------------------------------------------------------------------------------


def gradient(f, *args):
    ans, pull = jaxlite.vjp(f, *args)
    return pull(np.arange(1.0, 1 + ans.size).reshape(ans.shape))


def test_only_the_winning_update_has_a_derivative():
    x_bar, u_bar = gradient(lambda x, u: put(scatter, x, [1, 3, 1, 1], u), X, X[:4])
    assert_close(x_bar, np.array([1.0, 0.0, 3.0, 0.0, 5.0]))
    assert_close(u_bar, np.array([0.0, 4.0, 0.0, 2.0]))


def test_second_derivative_of_the_winning_update():
    def u_bar(u):
        return gradient(lambda u: put(scatter, X, [1, 3, 1, 1], mul(u, u)), u)[0]

    first, second = jaxlite.jvp(u_bar, (X[:4],), (np.ones(4),))
    assert_close(first, np.array([0.0, 8.0, 0.0, 12.0]))
    assert_close(second, np.array([0.0, 8.0, 0.0, 4.0]))


def test_overlapping_windows_win_in_order():
    numbers = ScatterDimensionNumbers((1,), (), (0,))
    indices, updates = np.array([[1], [0], [2]]), np.arange(10.0, 19.0).reshape(3, 3)
    ans, pull = jaxlite.vjp(lambda u: scatter(X, indices, u, numbers), updates)
    assert_close(ans, np.array([13.0, 14.0, 16.0, 17.0, 18.0]))
    assert_close(pull(np.ones(5))[0], np.array([[0.0, 0, 0], [1, 1, 0], [1, 1, 1]]))


def test_the_last_of_many_duplicates_wins(rng):
    indices, updates = rng.integers(0, 7, 10_000), rng.standard_normal(10_000)
    last = [updates[np.flatnonzero(indices == i)[-1]] for i in range(5)]
    assert_close(put(scatter, X, indices, updates), np.array(last))


@pytest.mark.parametrize("how", [scatter_min, scatter_max])
def test_equal_ones_share_the_derivative(how):
    updates = np.ones(4)
    x_bar, u_bar = gradient(lambda x, u: put(how, x, [0, 1, 1, 1], u), np.ones(5), updates)
    assert_close(x_bar, np.array([1 / 2, 2 / 4, 3.0, 4.0, 5.0]))
    assert_close(u_bar, np.array([1 / 2, 2 / 4, 2 / 4, 2 / 4]))


def test_nan_elsewhere_does_not_disturb_an_extremum():
    x = np.array([np.nan, 0.0, 1.0])
    x_bar, u_bar = gradient(lambda x, u: put(scatter_max, x, [1], u), x, np.ones(1))
    assert_close(x_bar, np.array([1.0, 0.0, 3.0]))
    assert_close(u_bar, np.array([2.0]))


@pytest.mark.parametrize("updates", [[2.0, 3.0, 5.0], [0.0, 3.0, 5.0], [0.0, 0.0, 5.0], [0.0, 0.0, 0.0]])
def test_products_of_duplicates_are_differentiated_to_any_order(updates):
    def f(u):
        return put(scatter_mul, np.full(2, 2.0), [1, 1, 1], u)

    a, b, c = updates
    (u_bar,) = jaxlite.vjp(f, np.array(updates))[1](np.array([7.0, 1.0]))
    assert_close(u_bar, np.array([2 * b * c, 2 * a * c, 2 * a * b]))
    hessian = jaxlite.jacfwd(lambda u: jaxlite.vjp(f, u)[1](np.array([7.0, 1.0]))[0])(np.array(updates))
    assert_close(hessian, 2 * np.array([[0, c, b], [c, 0, a], [b, a, 0.0]]))


def test_scatter_mul_is_linear_in_updates_that_do_not_meet():
    transposed = jaxlite.linear_transpose(
        lambda u: put(scatter_mul, X, [3, 1], u, unique_indices=True), np.ones(2)
    )
    assert_close(transposed(np.ones(5))[0], X[[3, 1]])
    with pytest.raises(TransposeError, match=r"scatter_mul of updates f64\[2\] is not linear"):
        jaxlite.linear_transpose(lambda u: put(scatter_mul, X, [3, 1], u), np.ones(2))(np.ones(5))


def test_one_update_needs_no_search_for_the_winner():
    def program(indices):
        pull = jaxlite.make_jaxpr(lambda u: gradient(lambda u: put(scatter, X, indices, u), u))
        return [eqn.primitive.name for eqn in pull(np.ones(len(indices))).eqns]

    assert "iota" in program([2, 3])
    assert "iota" not in program([2])


def test_batches_go_side_by_side():
    """One gather for a whole vmap, with batching dimensions where operand and indices are mapped."""
    f = jaxlite.vmap(lambda x, i: gather(x, i, ELEMENTS, (1,)))
    (eqn,) = jaxlite.make_jaxpr(f)(MATRIX, np.zeros((4, 2, 1), int)).eqns
    assert eqn.params["dimension_numbers"].operand_batching_dims == (0,)
    assert eqn.params["dimension_numbers"].start_indices_batching_dims == (0,)
    assert eqn.params["slice_sizes"] == (1, 1)


# --- JAX --------------------------------------------------------------------------------------------


def random_windows(rng: random.Random):
    """Return shapes of operand and indices, window sizes, and dimension numbers."""
    shape = [rng.randint(1, 4) for _ in range(rng.randint(1, 4))]
    roles = [rng.choice(("batching", "point", "window", "whole", "cut")) for _ in shape]
    roles[rng.randrange(len(shape))] = "point"
    batching = [d for d, role in enumerate(roles) if role == "batching"]
    index_axes = [*batching, *(None for _ in range(rng.randint(0, 2)))]
    rng.shuffle(index_axes)
    index_shape = [rng.randint(1, 3) if d is None else shape[d] for d in index_axes]
    collapsed = [d for d, role in enumerate(roles) if role == "point"]
    index_map = [d for d, role in enumerate(roles) if role in ("point", "window")]
    rng.shuffle(index_map)
    sizes = [
        1 if role in ("batching", "point") else n if role == "whole" else rng.randint(1, n)
        for n, role in zip(shape, roles)
    ]
    num_shown = len(shape) - len(collapsed) - len(batching)
    shown_at = sorted(rng.sample(range(len(index_shape) + num_shown), num_shown))
    numbers = [shown_at, collapsed, index_map, batching, [index_axes.index(d) for d in batching]]
    return shape, (*index_shape, len(index_map)), sizes, tuple(map(tuple, numbers))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("mode", ["clip", "fill"])
def test_gather_as_in_jax(oracle, rng, seed, mode):
    shape, indices_shape, sizes, numbers = random_windows(random.Random(seed))
    x, indices = rng.standard_normal(shape), rng.integers(-2, 5, indices_shape)
    lax = oracle.lax
    theirs = lax.GatherDimensionNumbers(*numbers)
    expected, pull = oracle.vjp(lambda x: lax.gather(x, indices, theirs, tuple(sizes), mode=mode), x)
    ours = GatherDimensionNumbers(*numbers)
    ans, pull_here = jaxlite.vjp(lambda x: gather(x, indices, ours, sizes, mode=mode), x)
    assert_close(ans, expected)
    ct = rng.standard_normal(ans.shape)
    assert_close(pull_here(ct)[0], pull(ct)[0])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("how", SCATTERS, ids=lambda how: how.__name__)
def test_scatter_as_in_jax(oracle, rng, seed, how):
    shape, indices_shape, sizes, numbers = random_windows(random.Random(seed))
    x, indices = rng.standard_normal(shape), rng.integers(-2, 5, indices_shape)
    ours, theirs = ScatterDimensionNumbers(*numbers), oracle.lax.ScatterDimensionNumbers(*numbers)
    u = rng.standard_normal(gather(x, indices, GatherDimensionNumbers(*numbers), sizes).shape)
    scatter_there = getattr(oracle.lax, how.__name__)
    if how is scatter_mul:  # JAX has no derivative for duplicates
        assert_close(how(x, indices, u, ours), scatter_there(x, indices, u, theirs))
        return
    expected, pull = oracle.vjp(lambda x, u: scatter_there(x, indices, u, theirs), x, u)
    ans, pull_here = jaxlite.vjp(lambda x, u: how(x, indices, u, ours), x, u)
    assert_close(ans, expected)
    ct = rng.standard_normal(ans.shape)
    for bar, reference in zip(pull_here(ct), pull(ct), strict=True):
        assert_close(bar, reference)
