"""Indexing against NumPy: random indices of every kind, reads and writes, eager and traced; modes; errors."""

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.errors import (
    ArgumentError,
    InplaceUpdateError,
    NonConcreteBooleanIndexError,
    ShapeError,
)
from jaxlite.test_util import check_grads

# --- random indices -----------------------------------------------------------------------------------


def random_slice(rng, n):
    bounds = [None, *range(-n - 1, n + 2)]
    start, stop = rng.choice(len(bounds), 2)
    step = [None, 1, 2, -1, -2, 3][rng.integers(6)]
    return slice(bounds[start], bounds[stop], step)


def random_entry(rng, n):
    kind = rng.integers(7)
    if kind == 0:
        return int(rng.integers(-n, n))
    if kind == 1:
        return random_slice(rng, n)
    if kind == 2:
        return rng.integers(-n, n, size=[(2,), (2, 1)][rng.integers(2)])
    if kind == 3:
        return np.array(rng.integers(-n, n))
    if kind == 4:
        return rng.integers(0, 2, size=n).astype(bool)
    return slice(None)


def random_index(rng, shape):
    """Return an index with up to one entry per axis, masks over two axes, new axes, an ellipsis."""
    entries, axis = [], 0
    end = rng.integers(len(shape) + 1)
    while axis < end:
        if rng.random() < 0.12:
            entries.append(None)
        if rng.random() < 0.03:
            entries.append([True, False, np.True_][rng.integers(3)])
        if rng.random() < 0.1 and axis + 1 < end:
            entries.append(rng.integers(0, 2, size=shape[axis : axis + 2]).astype(bool))
            axis += 2
        else:
            entries.append(random_entry(rng, shape[axis]))
            axis += 1
    if rng.random() < 0.3 and len(shape) > 1:
        entries = [random_entry(rng, shape[0]), Ellipsis, random_entry(rng, shape[-1])]
        if rng.random() < 0.3:
            entries.insert(rng.integers(4), None)
    elif rng.random() < 0.2:
        entries.append(Ellipsis)
    return tuple(entries)


def trace_some(rng, index):
    """Return traced entries of an index, and a function that puts them in."""
    places = [
        i
        for i, entry in enumerate(index)
        if isinstance(entry, np.ndarray | int) and np.asarray(entry).dtype.kind == "i" and rng.random() < 0.5
    ]

    def put(traced):
        entries = list(index)
        for i, value in zip(places, traced, strict=True):
            entries[i] = value
        return tuple(entries)

    return [index[i] for i in places], put


NUMPY_UFUNC = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
}


def write_in_numpy(x, index, how, values):
    result = x.copy()
    if how == "set":
        result[index] = values
    else:
        NUMPY_UFUNC[how].at(result, index, values)
    return result


@pytest.mark.parametrize("seed", range(8))
def test_random_indices(seed, rng):
    for _ in range(60):
        shape = tuple(rng.integers(1, 5, size=rng.integers(1, 5)))
        x, index = rng.normal(size=shape), random_index(rng, shape)
        traced, put = trace_some(rng, index)
        try:
            expected = x[index]
        except IndexError:
            with pytest.raises(IndexError):
                jaxlite.jit(lambda x, *i: x[put(i)])(x, *traced)  # noqa: B023
            continue
        result = jaxlite.jit(lambda x, *i: x[put(i)])(x, *traced)  # noqa: B023
        np.testing.assert_array_equal(result, expected, err_msg=f"{shape} {index}")
        assert result.shape == expected.shape
        eager = jnp.asarray(x)[index]
        assert type(eager) is jaxlite.Array
        np.testing.assert_array_equal(eager, expected)
        if not any(isinstance(entry, bool | np.bool_) for entry in index):
            check_write(rng, x, index, traced, put, expected.shape)


def check_write(rng, x, index, traced, put, shape):
    how = ["set", *NUMPY_UFUNC][rng.integers(6)]
    # Repeated indices may be set in any order, so they are set to one value.
    values = 1.25 if how == "set" or rng.random() < 0.4 else rng.normal(size=shape)
    expected = write_in_numpy(x, index, how, values)
    result = jaxlite.jit(lambda x, v, *i: getattr(x.at[put(i)], how)(v))(x, values, *traced)
    np.testing.assert_allclose(result, expected, rtol=1e-14, err_msg=f"{how} {x.shape} {index}")
    np.testing.assert_array_equal(getattr(jnp.asarray(x).at[index], how)(values), expected)


# --- programs ------------------------------------------------------------------------------------------

X = np.arange(12.0).reshape(3, 4)


def primitives_of(f, *args):
    return [str(eqn.primitive) for eqn in jaxlite.make_jaxpr(f)(*args).eqns]


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x[0], ["slice", "squeeze"]),
        (lambda x: x[:, ::-1], ["rev"]),
        (lambda x: x[1:, None], ["slice", "expand_dims"]),
        (lambda x: x[...], []),
        (lambda x: x[:], []),
        (lambda x: x[np.array([0, 2])], ["gather"]),
        (lambda x: x.at[0].set(1.0), ["broadcast_in_dim", "dynamic_update_slice"]),
        (lambda x: x.at[:, 1:].add(1.0), ["broadcast_in_dim", "slice", "add", "dynamic_update_slice"]),
        (lambda x: x.at[...].set(1.0), ["broadcast_in_dim"]),
    ],
)
def test_static_indices_need_no_gather(f, expected):
    assert primitives_of(f, X) == expected


def test_static_index_arrays_promise_to_be_inside():
    (eqn,) = jaxlite.make_jaxpr(lambda x: x[np.array([0, -1])])(X).eqns
    assert eqn.params["mode"] == "promise_in_bounds"


def test_traced_index_raises_when_the_program_runs():
    (*_, eqn) = jaxlite.make_jaxpr(lambda x, i: x[i])(X, 1).eqns
    assert eqn.params["mode"] == "raise"


# --- out of range ----------------------------------------------------------------------------------------

PLACES = np.array([-1, -7, 7, 2])
V = np.arange(5.0)


@pytest.mark.parametrize("wrap", [lambda f: f, jaxlite.jit], ids=["eager", "jit"])
class TestOutOfRange:
    def test_reads_raise(self, wrap):
        for index in (7, -6, PLACES):
            with pytest.raises(IndexError):
                wrap(lambda x, i: jnp.asarray(x)[i])(V, index)
            with pytest.raises(IndexError):
                wrap(lambda x: jnp.asarray(x)[index])(V)  # noqa: B023

    def test_writes_raise(self, wrap):
        for index in (7, -6, PLACES):
            with pytest.raises(IndexError):
                wrap(lambda x, i: jnp.asarray(x).at[i].set(1.0))(V, index)
            with pytest.raises(IndexError):
                wrap(lambda x: jnp.asarray(x).at[index].add(1.0))(V)  # noqa: B023

    @pytest.mark.parametrize(
        ("mode", "expected"),
        [
            ("clip", [4, 0, 4, 2]),
            ("wrap", [4, 3, 2, 2]),
            ("fill", [4, np.nan, np.nan, 2]),
            ("drop", [4, np.nan, np.nan, 2]),
        ],
    )
    def test_get(self, wrap, mode, expected):
        result = wrap(lambda x, i: jnp.asarray(x).at[i].get(mode=mode))(V, PLACES)
        np.testing.assert_array_equal(result, expected)
        static = wrap(lambda x: jnp.asarray(x).at[PLACES].get(mode=mode))(V)
        np.testing.assert_array_equal(static, expected)

    def test_fill_value(self, wrap):
        read = wrap(lambda x, i: jnp.asarray(x).at[i].get(mode="fill", fill_value=-1))
        np.testing.assert_array_equal(read(V, PLACES), [4, -1, -1, 2])
        assert read(V, 9) == -1
        assert wrap(lambda x: jnp.asarray(x).at[9].get(mode="fill", fill_value=-1))(V) == -1

    @pytest.mark.parametrize(
        ("mode", "expected"),
        [
            ("clip", [9, 1, 9, 3, 9]),
            ("wrap", [0, 1, 9, 9, 9]),
            ("drop", [0, 1, 9, 3, 9]),
            ("fill", [0, 1, 9, 3, 9]),
        ],
    )
    def test_set(self, wrap, mode, expected):
        result = wrap(lambda x, i: jnp.asarray(x).at[i].set(9.0, mode=mode))(V, PLACES)
        np.testing.assert_array_equal(result, expected)
        static = wrap(lambda x: jnp.asarray(x).at[PLACES].set(9.0, mode=mode))(V)
        np.testing.assert_array_equal(static, expected)

    @pytest.mark.parametrize(
        ("mode", "expected"),
        [("clip", [0, 0, 4, 2]), ("wrap", [4, 3, 2, 2]), ("fill", [4, np.nan, np.nan, 2])],
    )
    def test_take(self, wrap, mode, expected):
        np.testing.assert_array_equal(wrap(lambda x, i: jnp.take(x, i, mode=mode))(V, PLACES), expected)

    def test_take_raises(self, wrap):
        with pytest.raises(IndexError):
            wrap(lambda x, i: jnp.take(x, i))(V, PLACES)
        with pytest.raises(IndexError):
            wrap(lambda x, i: jnp.take_along_axis(x, i, 0))(V, PLACES)


def test_unsigned_indices():
    index = np.array([0, 4], np.uint64)
    np.testing.assert_array_equal(jaxlite.jit(lambda x, i: x[i])(V, index), V[index])
    with pytest.raises(IndexError):
        jaxlite.jit(lambda x, i: x[i])(V, np.uint64(2**64 - 1))
    with pytest.raises(IndexError):
        jaxlite.jit(lambda x, i: x[i])(V, np.uint8(200))


# --- .at -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [lambda f: f, jaxlite.jit], ids=["eager", "jit"])
def test_at_divide_power_apply(wrap):
    x = np.array([2.0, 3.0, 4.0])
    index = np.array([1, 1])
    np.testing.assert_allclose(wrap(lambda x: jnp.asarray(x).at[index].divide(2.0))(x), [2, 0.75, 4])
    np.testing.assert_allclose(wrap(lambda x: jnp.asarray(x).at[1:].power(2))(x), [2, 9, 16])
    np.testing.assert_allclose(wrap(lambda x: jnp.asarray(x).at[1].apply(jnp.sqrt))(x), [2, 3**0.5, 4])
    divided = wrap(lambda x: jnp.asarray(x).at[1].divide(2))(np.arange(3))
    assert divided.dtype == np.float64
    np.testing.assert_array_equal(divided, [0, 0.5, 2])


@pytest.mark.parametrize("wrap", [lambda f: f, jaxlite.jit], ids=["eager", "jit"])
def test_at_keeps_the_dtype_of_the_array(wrap):
    result = wrap(lambda x: jnp.asarray(x).at[1].set(2.7))(np.arange(3))
    assert result.dtype == np.int64
    np.testing.assert_array_equal(result, [0, 2, 2])
    added = wrap(lambda x: jnp.asarray(x).at[1].add(np.float64(1)))(np.ones(3, np.float32))
    assert added.dtype == np.float32


def test_at_names():
    x = jnp.arange(3.0)
    assert repr(x.at[0]) == "At(Array([0., 1., 2.], dtype=float64), 0)"
    np.testing.assert_array_equal(x.at[0].mul(3.0), x.at[0].multiply(3.0))
    np.testing.assert_array_equal(x.at[1].get(), 1.0)
    np.testing.assert_array_equal(x, [0, 1, 2])


def test_at_adds_at_new_axes_and_fits_leading_ones():
    x = np.zeros((2, 3))
    np.testing.assert_array_equal(jaxlite.jit(lambda x: x.at[:, None, 0].set(1.0))(x), [[1, 0, 0], [1, 0, 0]])
    values = np.ones((1, 1, 3))
    np.testing.assert_array_equal(jaxlite.jit(lambda x: x.at[0].set(values))(x), [[1, 1, 1], [0, 0, 0]])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[0],
        lambda x: x[:, ::2],
        lambda x: x[::-1, 1],
        lambda x: x[np.array([0, 0, 2])],
        lambda x: x[np.array([0, 2]), None, 1:],
        lambda x: x.at[1].set(2.0) * x,
        lambda x: x.at[:, 1].set(x[:, 0] ** 2),
        lambda x: x.at[np.array([0, 0])].add(x[1:]),
        lambda x: x.at[::2, ::2].multiply(x[::2, 1::2]),
        lambda x: x.at[np.array([0, 2]), 1:].max(x[1:, :3] + 0.3),
        lambda x: x.at[1].divide(x[0] + 2),
        lambda x: jnp.take(x, np.array([3, 0]), axis=1),
        lambda x: jnp.take_along_axis(x, np.array([[0, 3], [1, 1], [2, 0]]), axis=1),
    ],
)
def test_derivatives(f, rng):
    check_grads(lambda x: f(jnp.asarray(x)), (rng.normal(size=(3, 4)),), order=2)


def test_duplicate_reads_accumulate_gradient():
    grad = jaxlite.grad(lambda x: (x[np.array([0, 0, 1])]).sum())(np.arange(5.0))
    np.testing.assert_array_equal(grad, [2, 1, 0, 0, 0])


def test_overwritten_elements_get_no_gradient():
    grad = jaxlite.grad(lambda x: (x.at[0].set(1.0) ** 2).sum())(np.arange(5.0))
    np.testing.assert_array_equal(grad, [0, 2, 4, 6, 8])


def test_iteration_and_length():
    def f(x):
        a, b = x
        return len(x) + sum(row.sum() for row in x) + (a * b)[0]

    x = np.arange(6.0).reshape(2, 3)
    assert jaxlite.jit(f)(x) == f(x)
    assert [type(item) for item in jnp.arange(2)] == [jaxlite.Array] * 2
    for scalar in (jaxlite.jit(lambda x: [*x]), jaxlite.jit(lambda x: len(x))):
        with pytest.raises(TypeError, match="0-d array|unsized"):
            scalar(1.0)


def test_array_indexed_by_traced_integer():
    constant = jnp.arange(5.0)
    assert jaxlite.jit(lambda i: constant[i])(2) == 2.0
    np.testing.assert_array_equal(jaxlite.vmap(lambda i: constant[i + 1])(np.arange(3)), [1, 2, 3])
    np.testing.assert_array_equal(jaxlite.jit(lambda v: constant.at[0].set(v))(7.0), [7, 1, 2, 3, 4])


def test_known_masks_are_read_and_written():
    mask = V > 2
    np.testing.assert_array_equal(jaxlite.jit(lambda x: x[mask])(V), V[mask])
    np.testing.assert_array_equal(jaxlite.jit(lambda x: x.at[mask].set(0.0))(V), [0, 1, 2, 0, 0])
    # Inside grad, without jit, values are known.
    np.testing.assert_array_equal(jaxlite.grad(lambda x: x[x > 2].sum())(V), [0, 0, 0, 1, 1])


# --- errors ------------------------------------------------------------------------------------------------

ERRORS = {
    "list": (lambda x: x[[0, 1]], TypeError, "a list is used as an index"),
    "floats in a list": (lambda x: x[0, [1.5]], TypeError, "an index has type f64"),
    "uneven lists": (lambda x: x[[[0, 1], [2]], 0], TypeError, "an index has type list"),
    "float": (lambda x: x[1.0], TypeError, "an index has type float 1.0"),
    "float array": (lambda x: x[np.array([1.0])], TypeError, r"an index has type f64\[1\]"),
    "text": (lambda x: x["a"], TypeError, "an index has type str 'a'"),
    "too many": (lambda x: x[0, 0, 0], IndexError, r"too many indices: 3 for a value of type f64\[3,4\]"),
    "two ellipses": (lambda x: x[..., ...], IndexError, "one Ellipsis"),
    "outside": (lambda x: x[3], IndexError, r"index 3 is out of bounds for axis 0 of f64\[3,4\]"),
    "array outside": (lambda x: x[:, np.array([1, -5])], IndexError, "index -5 is out of bounds for axis 1"),
    "mask of wrong size": (lambda x: x[np.ones(2, bool)], IndexError, "a mask does not fit"),
    "no broadcast": (lambda x: x[np.array([0, 1]), np.array([0, 1, 2])], IndexError, "do not broadcast"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_wrong_indices(name):
    f, error, match = ERRORS[name]
    with pytest.raises(error, match=match):
        jaxlite.jit(f)(X)
    with pytest.raises(error, match=match):
        f(jnp.asarray(X))


def test_traced_mask():
    with pytest.raises(NonConcreteBooleanIndexError, match="(?s)traced mask.*jnp.where"):
        jaxlite.jit(lambda x: x[x > 0])(V)
    with pytest.raises(NonConcreteBooleanIndexError, match="(?s)traced mask.*jnp.where"):
        jaxlite.jit(lambda x: x.at[x > 0].set(0.0))(V)
    with pytest.raises(NonConcreteBooleanIndexError):
        jaxlite.jit(lambda x: jnp.asarray(V)[x > 0])(V)


def test_traced_slice_bound():
    with pytest.raises(IndexError, match="(?s)a bound of a slice is traced.*dynamic_slice"):
        jaxlite.jit(lambda x, n: x[:n])(V, 2)


def test_writes_in_place_are_refused():
    for x in (jnp.asarray(V), None):
        with pytest.raises(InplaceUpdateError, match=r"(?s)x.at\[index\].set"):
            if x is None:
                jaxlite.jit(lambda x: x.__setitem__(0, 1.0))(V)
            else:
                x[0] = 1.0


def test_updates_that_do_not_fit():
    with pytest.raises(ShapeError, match=r"updates of type f64\[3\] do not fit the elements of f64\[5\]"):
        jaxlite.jit(lambda x: x.at[:2].set(np.ones(3)))(V)


def test_unknown_modes_and_options():
    with pytest.raises(ArgumentError, match="mode 'nearest' is not known"):
        jnp.asarray(V).at[0].get(mode="nearest")
    with pytest.raises(TypeError, match="unexpected keyword arguments: colour"):
        jnp.asarray(V).at[0].set(1.0, colour=1)
    with pytest.raises(ArgumentError, match="no single bools"):
        jaxlite.jit(lambda x: x.at[True].set(1.0))(V)
    with pytest.raises(ShapeError, match="as many axes"):
        jnp.take_along_axis(jnp.ones((2, 2)), jnp.array([0]), 0)
    with pytest.raises(TypeError, match="an index has type f64"):
        jnp.take(jnp.ones(2), jnp.array([0.0]), mode="fill")


@pytest.mark.parametrize(
    "use",
    [
        lambda at: at.get(wrap_negative_indices=False),
        lambda at: at.set(1.0, wrap_negative_indices=False),
        lambda at: at.divide(2.0, wrap_negative_indices=False),
    ],
)
def test_negative_indices_cannot_be_told_not_to_wrap(use):
    with pytest.raises(ArgumentError, match="wrap_negative_indices=False is not implemented"):
        use(jnp.arange(3.0).at[-1])


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_a_complex_number_gives_its_real_part_to_real_elements():
    assert jnp.arange(3.0).at[0].set(5 + 1j).tolist() == [5.0, 1.0, 2.0]
    assert jaxlite.jit(lambda x: x.at[0].add(5 + 1j))(np.arange(3.0)).tolist() == [5.0, 1.0, 2.0]


@pytest.mark.parametrize("wrap", [lambda f: f, jaxlite.jit], ids=["eager", "jit"])
def test_lists_and_tuples_inside_an_index(wrap):
    x = np.arange(12.0).reshape(3, 4)
    for read in (
        lambda x: x[[0, 1], (1, 0)],
        lambda x: x[(0, 1),],
        lambda x: x[[],],
        lambda x: x[[True, False, True],],
        lambda x: x[[[0, 1], [2, 0]], 1:],
        lambda x: x[:, (0, -1), None],
    ):
        np.testing.assert_array_equal(wrap(lambda x: read(jnp.asarray(x)))(x), read(x))  # noqa: B023
    written = wrap(lambda x: jnp.asarray(x).at[[0, 1], (1, 0)].add(9.0))(x)
    assert written[0, 1] == 10 and written[1, 0] == 13 and written.sum() == x.sum() + 18
    np.testing.assert_array_equal(wrap(lambda i: jnp.asarray(x)[[0, i], [i, i]])(2), x[[0, 2], [2, 2]])


@pytest.mark.parametrize("wrap", [lambda f: f, jaxlite.jit], ids=["eager", "jit"])
def test_apply_at_repeated_places(wrap):
    """As often as an element is named, whether the index is known or traced."""
    x, double = np.array([1.0, 2.0, 3.0]), lambda t: 2 * t + 1
    i = np.array([[0, 0], [-2, 0]])
    np.testing.assert_array_equal(wrap(lambda x: jnp.asarray(x).at[i].apply(double))(x), [15, 5, 3])
    np.testing.assert_array_equal(wrap(lambda x, i: jnp.asarray(x).at[i].apply(double))(x, i), [15, 5, 3])
    outside = np.array([0, 7, 0, 2])
    for mode, expected in (("drop", [7, 2, 7]), ("clip", [7, 2, 15])):
        got = wrap(lambda x, i: jnp.asarray(x).at[i].apply(double, mode=mode))(x, outside)  # noqa: B023
        np.testing.assert_array_equal(got, expected)
    slope = jaxlite.grad(lambda x: wrap(lambda x: x.at[i].apply(lambda t: t**2).sum())(x))(x + 1)
    np.testing.assert_array_equal(slope, [8 * 2.0**7, 2 * 3.0, 1])
    rows = jaxlite.vmap(lambda i: jnp.asarray(x).at[i].apply(double))(i)
    np.testing.assert_array_equal(rows, [[7, 2, 3], [3, 5, 3]])
    np.testing.assert_array_equal(jnp.sqrt.at(jnp.array([16.0, 4.0]), i[0], inplace=False), [2, 4])


@pytest.mark.parametrize("wrap", [lambda f: f, jaxlite.jit], ids=["eager", "jit"])
def test_take_by_bools(wrap):
    x, i = np.arange(6.0).reshape(2, 3), np.array([[True, False]])
    np.testing.assert_array_equal(wrap(lambda x, i: jnp.take(x, i, axis=1))(x, i), np.take(x, i, axis=1))
