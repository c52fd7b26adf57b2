"""Gather, scatter, slices and sorts in loops: equal to their NumPy implementations to the bit, and never left to them.

Two forms of each program are run: machine code, and (where it is small) the loop program in plain Python.
"""

from __future__ import annotations

import numpy as np
import pytest

import jaxlite.numpy as jnp
from jaxlite import lax
from jaxlite.codegen import rules  # noqa: F401  (registers the lowering rules)
from jaxlite.codegen.memory import drop_unread, plan
from jaxlite.codegen.render_python import run as run_python
from jaxlite.codegen.schedule import schedule
from jaxlite.errors import JAXIndexError
from jaxlite.interpreters.evaluate import run_jaxpr
from jaxlite.interpreters.stage import stage
from jaxlite.ops import sorting
from jaxlite.ops.indexing import gather_p, scatter_add_p, scatter_p
from jaxlite.runtime.compile import compile_jaxpr
from jaxlite.trace import aval_of
from tests.rows import indexing as indexing_rows
from tests.rows import sorting as sorting_rows
from tests.rows.indexing import ELEMENTS, LINES, PAIRS, VECTOR, WILD, gather_row, of_dtype, scatter_row
from tests.test_primitives import run

ROWS = [*indexing_rows.ROWS, *sorting_rows.ROWS]
NAMES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]
HALF = np.dtype(np.float16)
# What moves float16 is native, what computes with it is not.
COMPUTING = ("scatter_add", "scatter_mul", "scatter_min", "scatter_max", "put_along_dim_add")


def program_of(function, *args):
    jaxpr, consts = stage(function, [aval_of(x).strip_weak_type() for x in args])
    assert not consts
    return jaxpr


def assert_same_bits(got, expected) -> None:
    for a, b in zip(got, expected, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)
        if b.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(a), np.signbit(b))


def check(function, *args, native: bool = True, in_python: bool = True) -> None:
    """Compare a program with its implementation; no pass runs before, so that the primitive itself is compiled."""
    jaxpr = program_of(function, *args)
    copies = [np.array(x) for x in args]
    with np.errstate(all="ignore"):
        expected = run_jaxpr(jaxpr, *args)
    loops = plan(drop_unread(schedule(jaxpr)))
    assert loops.has_host_calls is not native
    assert_same_bits(compile_jaxpr(jaxpr)(*args), expected)
    if native and in_python:
        with np.errstate(all="ignore"):
            assert_same_bits(run_python(loops, *args, out_avals=jaxpr.out_avals), expected)
    assert_same_bits(args, copies)


@pytest.mark.parametrize("case", ROWS, ids=lambda case: case.id)
def test_row(case):
    native = case.primitive not in COMPUTING or np.asarray(case.args[0]).dtype != HALF
    check(lambda *xs: list(run(case, *xs)), *case.args, native=native)


# --- gather and scatter -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fill", [None, -1, 300, 0.5, np.nan, 1e30, True], ids=str)
@pytest.mark.filterwarnings("ignore:invalid value", "ignore:overflow")
def test_fill_is_converted_as_in_numpy(name, fill):
    x = of_dtype(VECTOR, "c16").astype(name) if name[0] == "c" else of_dtype(VECTOR, name)
    params = gather_row(x, WILD, ELEMENTS, (1,), "fill", fill).params
    check(lambda *xs: [gather_p.bind(*xs, **params)], x, WILD)


@pytest.mark.parametrize("name", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
@pytest.mark.parametrize("mode", ["clip", "fill", "promise_in_bounds"])
def test_indices_of_any_integer_type_outside_of_the_operand(name, mode):
    info = np.iinfo(name)
    indices = np.array([[info.max], [0], [info.min], [4], [5], [3]], name)
    params = gather_row(VECTOR, indices, ELEMENTS, (1,), mode, 0.5).params
    check(lambda *xs: [gather_p.bind(*xs, **params)], VECTOR, indices)
    updates = np.arange(6.0)
    params = scatter_row("scatter", VECTOR, indices, updates, ELEMENTS, mode).params
    check(lambda *xs: [scatter_p.bind(*xs, **params)], VECTOR, indices, updates)


@pytest.mark.parametrize("name", ["scatter", "scatter_add", "scatter_mul", "scatter_min", "scatter_max"])
def test_updates_are_applied_in_order(name, rng):
    x, indices, updates = rng.normal(size=(7, 3)), rng.integers(0, 7, (500, 1)), rng.normal(size=(500, 3))
    updates[::50, 1] = np.nan
    row = scatter_row(name, x, indices, updates, LINES)
    check(lambda *xs: list(run(row, *xs)), *row.args)


def test_empty_operands_and_indices():
    for indices in (np.zeros((0, 1), int), np.zeros((2, 0, 1), int)):
        for mode in ("raise", "clip", "fill"):
            offset = ((indices.ndim - 1,), (0,), (0,))
            params = gather_row(np.ones((4, 3)), indices, offset, (1, 3), mode).params
            check(lambda *xs, params=params: [gather_p.bind(*xs, **params)], np.ones((4, 3)), indices)
    for mode in ("clip", "fill", "promise_in_bounds"):
        params = gather_row(VECTOR[:0], WILD, ELEMENTS, (1,), mode).params
        check(lambda *xs, params=params: [gather_p.bind(*xs, **params)], VECTOR[:0], WILD)


def test_a_gather_is_computed_where_it_is_used():
    x, i = np.arange(200.0), np.arange(0, 200, 2)[:, None]
    params = gather_row(x, i, ELEMENTS, (1,), "clip").params
    jaxpr = program_of(lambda x, i: [jnp.sum(jnp.sin(gather_p.bind(x, i, **params)))], x, i)
    assert not plan(drop_unread(schedule(jaxpr))).buffers


def test_a_dynamic_slice_is_not_copied():
    x = np.arange(60.0).reshape(20, 3)
    jaxpr = program_of(lambda x, i: [jnp.sin(lax.dynamic_slice(x, (i, 0), (15, 2)))], x, np.int64(0))
    assert not plan(drop_unread(schedule(jaxpr))).buffers
    for start in (-100, 0, 3, 100):
        check(lambda x, i: [lax.dynamic_slice(x, (i, 0), (15, 2))], x, np.int64(start))


# --- indices out of range ---------------------------------------------------------------------------


def indexed(row):
    return lambda *xs: list(run(row, *xs))


MANY = np.arange(200)[:, None] % 5
MANY_WILD = np.where(np.isin(np.arange(200), [150, 160])[:, None], [[-3]], MANY)
PAIRS_WILD = np.array([[0, 1], [2, 6], [9, 9]])
HUGE = np.array([[1], [2**64 - 1]], "u8")
OUTSIDE = {
    "gather": gather_row(VECTOR, WILD, ELEMENTS, (1,)),
    "gather of one": gather_row(VECTOR, np.array([5]), ((), (0,), (0,)), (1,)),
    "gather of many": gather_row(VECTOR, MANY_WILD, ELEMENTS, (1,)),
    "second entry": gather_row(np.ones((4, 3)), PAIRS_WILD, PAIRS, (1, 1)),
    "window": gather_row(VECTOR, np.array([[1], [4]]), ((1,), (), (0,)), (2,)),
    "too large for int64": gather_row(VECTOR, HUGE, ELEMENTS, (1,)),
    "no elements": gather_row(VECTOR[:0], MANY[:2], ELEMENTS, (1,)),
    **{
        name: scatter_row(name, VECTOR, WILD, VECTOR[:3], ELEMENTS)
        for name in ("scatter", "scatter_add", "scatter_mul", "scatter_min", "scatter_max")
    },
    "scatter of many": scatter_row("scatter_add", VECTOR, MANY_WILD, np.ones(200), ELEMENTS),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_an_index_out_of_range_is_told_as_by_the_interpreter(name):
    row = OUTSIDE[name]
    jaxpr = program_of(indexed(row), *row.args)
    with pytest.raises(JAXIndexError) as expected:
        run_jaxpr(jaxpr, *row.args)
    with pytest.raises(JAXIndexError) as got:
        compile_jaxpr(jaxpr)(*row.args)
    told, rest = str(got.value).splitlines(), str(expected.value).splitlines()
    # The compiled program knows the user's line; the interpreter adds it on its way up.
    assert [line for line in told if "  at  " not in line] == [line for line in rest if "  at  " not in line]


@pytest.mark.parametrize("index", [2, -3])
@pytest.mark.parametrize("size", [2, 100])
def test_indices_along_a_dimension(index, size):
    x, indices = np.arange(2.0 * size).reshape(2, size), np.zeros((1, size), int)
    check(lambda x, i: [sorting.take_along_dim(x, i, 0)], x, indices - 1)
    check(lambda u, i: [sorting.put_along_dim_add(u, i, 0, 2)], x[:1], indices - 1)
    indices[0, 1] = index
    for function, args in (
        (lambda x, i: [sorting.take_along_dim(x, i, 0)], (x, indices)),
        (lambda u, i: [sorting.put_along_dim_add(u, i, 0, 2)], (x[:1], indices)),
    ):
        with pytest.raises(IndexError, match=f"index {index} is out of bounds for axis 0 with size 2"):
            compile_jaxpr(program_of(function, *args))(*args)


def test_all_is_well_again_after_an_error():
    row = OUTSIDE["scatter of many"]
    program = compile_jaxpr(program_of(lambda *xs: [scatter_add_p.bind(*xs, **row.params)], *row.args))
    with pytest.raises(JAXIndexError):
        program(*row.args)
    (got,) = program(VECTOR, MANY, np.ones(200))
    np.testing.assert_allclose(got, VECTOR + 40)


# --- sorting ----------------------------------------------------------------------------------------


def elements(rng, name: str, shape) -> np.ndarray:
    """Draw from few values, so that there are ties, and all that are special."""
    dtype = np.dtype(name)
    if dtype.kind in "fc":
        special = np.array([0.0, -0.0, 1.0, -1.0, 0.5, np.inf, -np.inf, np.nan, 7.0, -2.5], dtype)
        if dtype.kind == "f":
            return rng.choice(special, shape)
        parts = [rng.choice(special.real, shape) for _ in range(2)]
        # Not by 1j, which would make nan of infinite parts.
        return np.stack(parts, -1).astype(dtype.char.lower()).view(dtype)[..., 0]
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    info = np.iinfo(dtype)
    return rng.choice(np.array([info.min, info.max, 0, 1, 2, 3, info.max - 1], dtype), shape)


def sort(*operands, dimension=0, num_keys=1):
    return sorting.sort_p.bind(*operands, dimension=dimension, num_keys=num_keys, is_stable=True)


# Around one run, one merge, a filled up last run, and several levels of merges.
@pytest.mark.parametrize("n", [0, 1, 2, 15, 16, 17, 33, 300])
@pytest.mark.parametrize("name", NAMES)
def test_sort_of_ties_and_specials(name, n, rng):
    x = elements(rng, name, n)
    check(lambda x, i: sort(x, i), x, np.arange(n), in_python=n < 100)


@pytest.mark.parametrize("n", [3, 20, 1000])
@pytest.mark.parametrize("dimension", [0, 1])
@pytest.mark.parametrize("num_keys", [1, 2, 3])
def test_sort_of_several_operands(n, dimension, num_keys, rng):
    shape = (n, 4) if dimension == 0 else (4, n)
    operands = [elements(rng, name, shape) for name in ("i1", "f8", "c16", "?", "f2")]
    check(lambda *xs: sort(*xs, dimension=dimension, num_keys=num_keys), *operands, in_python=n < 100)


def test_sort_of_one_operand_keeps_signs_of_zeros(rng):
    for n in (5, 40):
        check(lambda x: sort(x, dimension=1), elements(rng, "f8", (3, n)))


@pytest.mark.parametrize("n", range(1, 70))
def test_sort_of_every_length(n, rng):
    x = rng.integers(0, 9, n)
    check(lambda x, i: sort(x, i), x, np.arange(n), in_python=False)


@pytest.mark.parametrize("k", [1, 5, 16, 17, 60])
@pytest.mark.parametrize("name", [name for name in NAMES if name[0] != "c"])
def test_top_k_of_ties_and_specials(name, k, rng):
    x = elements(rng, name, (2, 60))
    check(lambda x: sorting.top_k_p.bind(x, k=k), x)


@pytest.mark.parametrize("k", [1, 3, 16, 40])
def test_top_k_of_lines_in_order(k):
    x = np.arange(40.0)
    for line in (x, x[::-1].copy(), np.zeros(40)):
        check(lambda x: sorting.top_k_p.bind(x, k=k), line)
