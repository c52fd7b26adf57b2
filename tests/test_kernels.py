"""What the scheduler makes of products, sums and strides: kernels that rows of primitives are too small for."""

import itertools

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import grad, hessian, jit, lax, vjp, vmap
from jaxlite.codegen import nests, outline
from jaxlite.codegen.cost import rows_in_block
from jaxlite.codegen.loops import Call, For, Kernel, Let, Switch, blocks, walk
from jaxlite.codegen.memory import touched
from jaxlite.codegen.source import loop_program
from jaxlite.passes.pipeline import optimize
from tests.test_compiled import check_program, program_of

KINDS = ["f4", "f8", "c8", "c16", "i8"]


def array(rng, shape, kind):
    x = rng.standard_normal(shape)
    if kind[0] == "c":
        x = x + 1j * rng.standard_normal(shape)
    return (4 * x if kind[0] == "i" else x).astype(kind)


def check(function, args):
    """Compare machine code and loops with the interpreter."""
    check_program(lambda *xs: [function(*xs)], args)


def loops_of(function, *args):
    jaxpr, _ = program_of(lambda *xs: [function(*xs)], args)
    return loop_program(optimize(jaxpr))


def kernels_of(function, *args):
    return [s for s in loops_of(function, *args).body if isinstance(s, Kernel)]


# --- stacks of products -----------------------------------------------------------------------------

# Axes of the operands: batch, rows, contracted; batch, contracted, columns; and of the result.
LAYOUTS = list(itertools.product(["bmk", "mbk", "kmb"], ["bkn", "nbk", "knb"], ["bmn", "nmb"]))


@pytest.mark.parametrize("kind", KINDS)
def test_stacks_of_products_in_every_layout(rng, kind):
    sizes = {"b": 3, "m": 40, "k": 9, "n": 8}
    for left, right, out in LAYOUTS:
        x, y = (array(rng, [sizes[c] for c in axes], kind) for axes in (left, right))
        check(lambda x, y, e=f"{left},{right}->{out}": jnp.einsum(e, x + 1, y) * 2, (x, y))


@pytest.mark.parametrize(
    "sizes", [(0, 40, 9, 8), (3, 0, 9, 8), (3, 40, 0, 8), (3, 2000, 3, 1), (3, 1, 9, 300)]
)
def test_stacks_of_products_of_odd_sizes(rng, sizes):
    b, m, k, n = sizes
    x, y = array(rng, (b, m, k), "f8"), array(rng, (b, k, n), "f8")
    check(lambda x, y: jnp.sin(x) @ jnp.cos(y), (x, y))
    check(lambda x, y: jnp.sum((jnp.sin(x) @ y) ** 2, axis=2), (x, y))


def test_two_dimensions_of_stacks(rng):
    x, y = array(rng, (2, 3, 30, 12), "f8"), array(rng, (2, 12, 3, 11), "f8")
    check(lambda x, y: jnp.einsum("abmk,akbn->abmn", jnp.exp(x), y) + 1.0, (x, y))
    check(lambda x, y: jnp.einsum("abmk,akbn->banm", jnp.exp(x), y) + 1.0, (x, y))


def whitened(factor, x, means):
    centred = x[:, None, :] - means[None, :, :]
    return jnp.sum(jnp.einsum("kij,nkj->nki", factor, centred) ** 2, axis=2)


def test_one_matrix_of_a_stack_is_in_memory_at_a_time(rng):
    args = array(rng, (7, 10, 10), "f8"), array(rng, (50, 10), "f8"), array(rng, (7, 10), "f8")
    check(whitened, args)
    loops = loops_of(whitened, *args)
    (kernel,) = (s for s in loops.body if isinstance(s, Kernel) and any(type(t) is Call for t in walk([s])))
    # Operands, product and sum of squares in one loop over the stack, none of them whole.
    assert sum(isinstance(s, For) for s in kernel.body) == 1
    assert max(b.size for b in loops.buffers) <= 50 * 10


# --- sums along the axis that is dense --------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_sums_of_transposed_arrays(rng, kind):
    x = array(rng, (20, 3, 33), kind)
    for axes, order in itertools.product([0, 1, 2, (0, 1), (0, 2), (1, 2)], itertools.permutations(range(3))):
        check(lambda x, a=axes, o=order: jnp.sum(jnp.transpose(x, o) * 2, axis=a) + 1, (x,))


def test_a_sum_along_the_dense_axis_is_carried(rng):
    x = array(rng, (20, 33), "f8")
    (kernel,) = kernels_of(lambda x: jnp.sum(x.T * 2.0, axis=0), x)
    assert [loop.kind for loop in walk([kernel]) if isinstance(loop, For)] == ["parallel", "reduce"]


@pytest.mark.parametrize("operation", [jnp.max, jnp.min, jnp.prod, jnp.any])
def test_other_reductions_of_transposed_arrays(rng, operation):
    x = array(rng, (20, 4, 33), "f8")
    check(lambda x: operation(jnp.transpose(x, (2, 0, 1)) + 1.0, axis=2), (x,))
    check(lambda x: operation(jnp.transpose(x, (2, 0, 1)) + 1.0, axis=0), (x,))


# --- panels: what is read in strides many times -----------------------------------------------------


def distances(x, y):
    return jnp.sum((x.T[None, :, :] - y[:, :, None]) ** 2, axis=1) * 1.5


@pytest.mark.parametrize("kind", ["f4", "f8", "c16", "i8"])
def test_strided_operands(rng, kind):
    for n, d, k in [(40, 3, 9), (17, 20, 5), (40, 1, 5), (1, 3, 9), (40, 3, 1), (0, 3, 9), (40, 3, 0)]:
        check(distances, (array(rng, (n, d), kind), array(rng, (k, d), kind)))
        check(
            lambda x, y: (x.T[None] - y[:, :, None]) * 2, (array(rng, (n, d), kind), array(rng, (k, d), kind))
        )


def test_a_strided_operand_is_copied_in_order(rng):
    x, y = array(rng, (40, 3), "f8"), array(rng, (9, 3), "f8")
    copy, _ = kernels_of(lambda x, y: (x.T[None] - y[:, :, None]) * 2, x, y)
    assert copy.comment == "in order"


def test_a_panel_inside_a_loop(rng):
    coefficients, x = array(rng, (300, 30), "f8"), array(rng, (30, 10, 300), "f8")

    def f(coefficients, x):
        return jnp.sum(coefficients.T[:, None, :] * x, axis=2)

    check(f, (coefficients, x))
    check(
        lambda c, x: lax.fori_loop(0, 3, lambda i, s: s + f(c * i, x + s[:, :, None]), f(c, x)),
        (coefficients, x),
    )


def test_what_a_loop_writes_is_no_panel(rng):
    x = array(rng, (32, 32), "f8")

    def step(_, x):
        return x.T[None].sum(0) * 0.5 + x

    check(lambda x: lax.fori_loop(0, 5, step, x), (x,))
    np.testing.assert_allclose(jit(step)(0, x), step(0, x))


# --- gathers ----------------------------------------------------------------------------------------


def rows_of(table, index):
    return jnp.sum(jnp.tanh(table[index]) ** 2)


@pytest.mark.parametrize("kind", ["f4", "f8", "c16"])
def test_gradients_of_gathered_rows(rng, kind):
    for shape, names in [((5, 4), (60,)), ((5, 3, 2), (7, 9)), ((6,), (40,)), ((5, 4), (0,)), ((1, 4), (8,))]:
        table, index = array(rng, shape, kind), rng.integers(-shape[0], shape[0], names)

        def gradient(table, index):
            out, pull = vjp(lambda t: jnp.sum(jnp.tanh(t[index]) * t[index] * 0.5), table)
            return pull(jnp.ones_like(out))[0]

        check(gradient, (table, index))
        check(lambda t, i: jnp.sum(jnp.exp(t[i]) * 2.0, axis=0), (table, index))


@pytest.mark.parametrize("mode", ["clip", "fill", "wrap", "drop"])
def test_modes_of_indices_out_of_range(rng, mode):
    table, index = array(rng, (5, 4), "f8"), rng.integers(-9, 9, 60)
    if mode != "drop":
        check(lambda t, i: jnp.sin(jnp.take(t, i, axis=0, mode=mode)) + 1.0, (table, index))

    def both(t, i):
        return t.at[i].add(jnp.cos(t.at[i].get(mode=mode)), mode=mode)

    check(both, (table, index))


def test_rows_along_other_dimensions(rng):
    table, index = array(rng, (3, 5, 4), "f8"), rng.integers(0, 4, 60)
    check(lambda t, i: t.at[:, :, i].add(jnp.exp(t[:, :, i])), (table, index))
    check(lambda t, i: t.at[i % 3, :, i].add(jnp.exp(t[i % 3, :, i])), (table, index))
    check(lambda t, i: t.at[i % 3, :, i].add(jnp.exp(t[i, :, i % 3])), (table, index % 3))
    check(lambda t, i: t.at[i % 3].add(jnp.exp(t[i % 3]) * t[(i + 1) % 3]), (table, index))
    windows = rng.integers(0, 3, (30, 1))
    check(vmap(lambda t, i: t.at[i].add(t[i] * 2.0)), (table, rng.integers(0, 5, (3, 20))))
    check(lambda t, i: vmap(lambda k: lax.dynamic_slice(t[0], (k[0], 0), (2, 4)))(i) * 3.0, (table, windows))


def test_a_function_of_gathered_rows_runs_over_the_table(rng):
    table, index = array(rng, (50, 4), "f8"), rng.integers(0, 50, 400)
    kernels = kernels_of(grad(rows_of), table, index)
    (inner,) = (s for s in kernels if any(getattr(t, "op", None) == "tanh" for t in walk([s])))
    extents = [int(s.stop.value) for s in walk([inner]) if isinstance(s, For)]
    assert extents == [50, 4]


def test_what_no_index_names_stays_as_it_is():
    table, index = np.array([[np.inf], [1.0], [np.nan]]), np.ones(9, int)
    got = jit(lambda t, i: jnp.zeros((3, 1)).at[i].add(t[i] * 2.0))(table, index)
    np.testing.assert_array_equal(got, [[0.0], [18.0], [0.0]])


def test_an_index_out_of_range_is_told_of_the_gather():
    table = np.ones((3, 2))
    with pytest.raises(IndexError, match=r"t\[i\]"):
        jit(lambda t, i: jnp.sum(jnp.tanh(t[i])))(table, np.array([0, 1, 2, 3, 0, 0, 0]))


# --- the largest of many ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_the_largest_of_many(rng, kind):
    for n, axis in itertools.product([1, 7, 64, 1001], [0, 1]):
        x = array(rng, (3, n), kind)
        x[0, n // 2], x[1] = np.nan, -np.inf
        for f, g in ((jnp.max, np.max), (jnp.min, np.min)):
            np.testing.assert_array_equal(jit(lambda x, f=f, a=axis: f(x, axis=a))(x), g(x, axis=axis))
            np.testing.assert_array_equal(jit(f)(x[1:]), g(x[1:]))


# --- blocks of rows ---------------------------------------------------------------------------------


def factorisation(u, v, ratings, known):
    errors = known * (ratings - u @ v.T)
    return errors @ v + u, errors.T @ u


def regression(x, y, w):
    z = x @ w
    return x.T @ (y / (1.0 + jnp.exp(y * z)))


@pytest.mark.parametrize("kind", ["f4", "f8", "c16"])
@pytest.mark.parametrize("block", [1, 3, 8, 20])
def test_products_in_blocks_of_rows(rng, kind, block, monkeypatch):
    monkeypatch.setattr(nests, "rows_in_block", lambda rows, *_: block if rows == 20 else 0)
    u, v = array(rng, (20, 18), kind), array(rng, (35, 18), kind)
    ratings = array(rng, (20, 35), kind)
    check(lambda *xs: jnp.concatenate(factorisation(*xs)), (u, v, ratings, ratings + 1))
    check(lambda *xs: jnp.concatenate(factorisation(*xs)), (u, v, ratings.T.copy().T, ratings))
    x, y, w = array(rng, (20, 130), kind), array(rng, (20,), kind), array(rng, (130,), kind)
    check(regression, (x, y, w))
    check(regression, (x.T.copy().T, y, w))
    check(lambda x, y, w: regression(x, y, w[:, None][:, 0])[None] @ jnp.ones((130, 3), x.dtype), (x, y, w))
    check(
        lambda u, r: jnp.sum(jnp.exp(r @ r.T) @ (r @ u), axis=1),
        (array(rng, (35, 60), kind) / 9, ratings / 9),
    )


def test_a_matrix_is_read_once_for_both_of_its_products(rng, monkeypatch):
    monkeypatch.setattr(nests, "rows_in_block", lambda rows, *_: 16)
    loops = loops_of(
        regression, array(rng, (64, 130), "f8"), array(rng, (64,), "f8"), array(rng, (130,), "f8")
    )
    (kernel,) = (s for s in loops.body if isinstance(s, Kernel))
    assert [s.symbol for s in walk([kernel]) if type(s) is Call] == ["dgemv", "dgemv"]
    # What lies between them is a block long.
    assert max((b.size for b in loops.buffers), default=0) <= 16


def test_a_large_regression_is_made_in_blocks(rng):
    loops = loops_of(regression, np.zeros((40_000, 50)), np.zeros(40_000), np.zeros(50))
    assert max(b.size for b in loops.buffers) < 40_000


def test_blocks_where_memory_is_saved():
    # Rows of two matrices of 4 MB each between products with thin ones; and those of a small program.
    assert rows_in_block(1000, 16_000, 12_000_000, [10_000, 2_500, 10_000]) == 64
    assert rows_in_block(100_000, 424, 41_600_000, [0, 50]) == 2048
    assert rows_in_block(64, 16_000, 700_000, [10_000]) == 0
    assert rows_in_block(100_000, 100_000, 1_000_000_000, [10]) == 0
    assert rows_in_block(1000, 16_000, 1_000_000, [100_000]) == 0


@pytest.mark.parametrize("threads", [1, 2])
def test_blocks_and_stacks_in_threads(rng, threads):
    before = jaxlite.get_num_threads()
    jaxlite.set_num_threads(threads)
    try:
        u, v, ratings = (
            array(rng, (1000, 20), "f8"),
            array(rng, (500, 20), "f8"),
            array(rng, (1000, 500), "f8"),
        )
        for _ in range(3):
            for got, expected in zip(
                jit(factorisation)(u, v, ratings, ratings), factorisation(u, v, ratings, ratings), strict=True
            ):
                np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)
        x, y, w = array(rng, (50_000, 50), "f8"), array(rng, (50_000,), "f8"), array(rng, (50,), "f8")
        np.testing.assert_allclose(jit(regression)(x, y, w), regression(x, y, w), rtol=1e-9, atol=1e-8)
        args = array(rng, (40, 10, 10), "f8"), array(rng, (1000, 10), "f8"), array(rng, (40, 10), "f8")
        np.testing.assert_allclose(jit(whitened)(*args), whitened(*args), rtol=1e-9)
    finally:
        jaxlite.set_num_threads(before)


# --- pairs ------------------------------------------------------------------------------------------


def forces(x):
    away = x[:, None] - x[None]
    size = jnp.exp(-jnp.sum(away**2, axis=2))[:, :, None] * away
    return jnp.sum(size, axis=1) - jnp.sum(size * 2.0, axis=0)


@pytest.mark.parametrize("kind", ["f4", "f8", "c16"])
def test_sums_over_pairs(rng, kind):
    for n, d in [(40, 3), (33, 1), (17, 2), (20, 5), (1, 3), (0, 3)]:
        check(forces, (array(rng, (n, d), kind) / 4,))
    check(lambda x: jnp.max(x[:, :, None] * x[None], axis=0), (array(rng, (40, 40), "f4"),))
    check(lambda x: jnp.sum((x[:, :, None] - 1) * x.T[:, :, None], axis=0), (array(rng, (40, 40), kind),))


def test_both_sums_over_pairs_share_a_loop(rng):
    loops = loops_of(forces, array(rng, (40, 3), "f8"))
    assert not any(b.size >= 1600 for b in loops.buffers)
    assert (
        sum(
            isinstance(s, Kernel) and any(getattr(t, "op", "") == "exp" for t in walk([s]))
            for s in loops.body
        )
        == 1
    )


# --- margins ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_margins(rng, kind):
    x, y = array(rng, (40,), kind), array(rng, (5, 33), kind)
    for config in [(1, 0, 0), (0, 2, 0), (3, 1, 0), (-1, 2, 0), (1, 1, 1)]:
        check(lambda x, c=config: lax.pad(x * 2, x[0], [c]) + 1, (x,))
        check(lambda y, c=config: jnp.sum(lax.pad(y, y[0, 0], [(1, 0, 0), c]), axis=1), (y,))
        check(lambda y, c=config: lax.pad(y, y[0, 0], [c, (0, 0, 0)]).T * 2, (y,))
    check(lambda x: jnp.pad(jnp.pad(x, 1), 2) - jnp.pad(x, (6, 0)), (x,))


def test_differences_of_neighbours(rng):
    x = array(rng, (300,), "f8")
    check(grad(lambda x: jnp.sum(jnp.diff(x) ** 2) + jnp.sum(jnp.exp(x[2:] - x[:-2]))), (x,))
    check(vmap(grad(lambda x: jnp.sum((x[1:] - x[:-1] ** 2) ** 2))), (x.reshape(10, 30),))
    check(hessian(lambda x: jnp.sum((x[1:] - x[:-1] ** 2) ** 2)), (x[:30],))


def test_a_margin_of_a_short_row_is_a_branch(rng):
    (kernel,) = kernels_of(lambda x: jnp.pad(x, ((0, 0), (1, 0))) + 1.0, array(rng, (300, 20), "f8"))
    assert any(isinstance(s, Switch) for s in walk([kernel]))


# --- results in the place of operands ---------------------------------------------------------------


def arena_of(function, *args) -> int:
    """Return the elements of all arrays in the arena."""
    return sum(b.size for b in loops_of(function, *args).buffers if b.place == "arena")


def test_what_a_product_becomes_takes_its_place(rng):
    x = array(rng, (40, 40), "f8")
    # In the place of the result from the beginning, or of the operand that ends there.
    assert arena_of(lambda x: jnp.exp(x @ x) * 2.0, x) == 0
    assert arena_of(lambda x: jnp.exp(x @ x) @ x, x) == 1600
    for kind in KINDS:
        y = array(rng, (40, 40), kind) / 8
        check(lambda y: jnp.abs(y @ y) * 2, (y,))
        check(lambda y: (y @ y * 2 + y) @ y, (y,))


def test_operands_that_are_read_elsewhere_stay(rng):
    x = array(rng, (40, 40), "f8")
    for function in (
        lambda x: jnp.exp((x @ x).T),
        lambda x: (x @ x)[::-1] * 2.0,
        lambda x: jnp.roll(x @ x, 1, 0) + x @ x,
        lambda x: (x @ x) * jnp.sum(x @ x, axis=0),
        lambda x: (x @ x) / jnp.sum(jnp.exp(x @ x), axis=1, keepdims=True),
        lambda x: jnp.concatenate([(x @ x)[20:], (x @ x)[:20]]) * 3.0,
        lambda x: (jnp.tanh(x @ x), x @ x),
        lambda x: lax.fori_loop(0, 3, lambda i, y: jnp.tanh(y @ x) + y[::-1], x @ x),
        lambda x: jnp.where(x > 0, x @ x, 0.0) + (x @ x)[:, :1],
    ):
        check_program(lambda *xs, f=function: jaxlite.tree.leaves(f(*xs)), (x,))
    assert arena_of(lambda x: jnp.exp((x @ x).T) + (x @ x), x) >= 1600


# --- carries of loops in one place ------------------------------------------------------------------

IN_PLACE = {
    "the element before": lambda x: lax.fori_loop(
        1, 40, lambda i, x: x.at[i].set(0.5 * x[i - 1] + jnp.sin(x[i])), x
    ),
    "two updates": lambda x: lax.fori_loop(0, 39, lambda i, x: x.at[i].set(x[i + 1]).at[i + 1].set(x[i]), x),
    "two carries": lambda x: lax.fori_loop(
        0, 39, lambda i, s: (s[0].at[i].add(s[1][i + 1]), s[1].at[i].multiply(s[0][i])), (x, x * 2)
    ),
    "a sum": lambda x: lax.scan(lambda c, a: (c + a * x, None), x, jnp.arange(5.0)),
    "a window": lambda x: lax.fori_loop(
        0, 30, lambda i, x: lax.dynamic_update_slice(x, x[::-1][3:8] * 0.5, (i,)), x
    ),
    "indices from itself": lambda x: lax.fori_loop(
        0, 9, lambda i, c: c.at[(jnp.abs(c[:5]) * 3).astype(int) % 40].set(c[5:10] + i), x
    ),
    "until": lambda x: lax.while_loop(
        lambda s: s[0] < 39, lambda s: (s[0] + 1, s[1].at[s[0]].set(s[1][s[0] + 1] + jnp.max(s[1]))), (0, x)
    ),
}
NOT_IN_PLACE = {
    "the old value is handed out": lambda x: lax.scan(lambda c, i: (c.at[i].set(2.0), c), x, jnp.arange(5)),
    "another carry reads it": lambda x: lax.fori_loop(
        0, 9, lambda i, s: (s[0] + x * i, s[1] * 0.5 + s[0]), (x, x)
    ),
    "read backwards": lambda x: lax.fori_loop(0, 9, lambda i, c: c[::-1] + x, x),
}


@pytest.mark.parametrize("name", [*IN_PLACE, *NOT_IN_PLACE])
def test_carries_that_change_in_place(rng, name):
    function = IN_PLACE.get(name) or NOT_IN_PLACE[name]
    x = array(rng, (40,), "f8")

    def leaves(x):
        return jaxlite.tree.leaves(function(x))

    check_program(leaves, (x,))
    jaxpr, _ = program_of(leaves, (x,))
    pointers = [
        b for s in walk(loop_program(optimize(jaxpr)).body) for b in touched(s) if b.place == "pointer"
    ]
    # Two places that change roles are reached through pointers.
    assert bool(pointers) == (name in NOT_IN_PLACE)


def test_what_is_still_to_be_read_is_read_before_the_sum_stands_there(rng):
    # Adding back to rows becomes one elementwise sum, which might share a loop with what reads backwards.
    def function(x, at):
        def step(x, _):
            backwards = x[::-1]
            return x.at[at].add(jnp.tanh(x[at])), backwards * 2

        return lax.scan(step, x, None, length=2)

    args = array(rng, (40,), "f8"), rng.integers(0, 40, 200)
    check_program(lambda *xs: list(function(*xs)), args)


def test_a_step_of_two_updates_touches_two_elements(rng):
    (loop,) = (
        s
        for s in loops_of(IN_PLACE["two updates"], array(rng, (40,), "f8")).body
        if isinstance(s, For) and len(range(int(s.start.value), int(s.stop.value))) == 39
    )
    assert not any(isinstance(s, For) and s is not loop for s in walk([loop]))


def test_carries_of_rows_and_of_every_dtype(rng):
    for kind in KINDS:
        m = array(rng, (6, 20), kind)
        check(lambda m: lax.fori_loop(1, 6, lambda i, m: m.at[i].set(m[i - 1][::-1] + m[i]), m), (m,))
        check(lambda m: lax.fori_loop(0, 6, lambda i, m: m.at[i].set(jnp.cumsum(m[i])[::-1]), m), (m,))
        check(lambda m: lax.fori_loop(0, 4, lambda i, m: m.at[:, i].add(m[:, i + 1]), m), (m,))
    x = array(rng, (30,), "f8")

    def sorted_by_exchange(x):
        def pass_over(i, x):
            def exchange(j, x):
                a, b = x[j], x[j + 1]
                return x.at[j].set(jnp.minimum(a, b)).at[j + 1].set(jnp.maximum(a, b))

            return lax.fori_loop(0, 29, exchange, x)

        return lax.fori_loop(0, 30, pass_over, x)

    np.testing.assert_array_equal(jit(sorted_by_exchange)(x), np.sort(x))
    check(grad(lambda x: jnp.sum(sorted_by_exchange(x) * jnp.arange(30.0))), (x,))


# --- buffers that a loop exchanges ------------------------------------------------------------------

STENCILS = {
    "products of neighbours": lambda c: jnp.roll(c, -1) * c,
    "third neighbours": lambda c: jnp.roll(c, -3) * c,
    "heat": lambda c: c + 0.1 * (jnp.roll(c, -1) - 2 * c + jnp.roll(c, 1)),
    "edges of their own": lambda c: jnp.concatenate([c[:1], 0.5 * (c[2:] + c[:-2]), c[-1:] * 1.1 + c[:1]]),
    "one long one": lambda c: jnp.concatenate([c[:-1] + c[1:], c[-1:] * 1.5]),
}


@pytest.mark.parametrize("name", STENCILS)
def test_steps_that_llvm_writes_out_beside_each_other(rng, name):
    # What one step writes the next reads under another name.
    for size, steps in [(33, 3), (65, 4), (65, 7), (129, 3), (500, 5)]:
        x = expected = array(rng, (size,), "f8") / 2
        for _ in range(steps):
            expected = np.asarray(STENCILS[name](expected))
        got = jit(lambda x, n=steps: lax.fori_loop(0, n, lambda i, c: STENCILS[name](c), x))(x)
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


# --- how large kernels get --------------------------------------------------------------------------


@pytest.mark.parametrize("equations", [300, 1000, 3000])
def test_kernels_of_values_that_are_used_again_stay_small(equations, rng):
    """LLVM's time grows faster than a loop, and each cut leaves something to be computed twice."""

    def f(x):
        values = [x, x * 1.5, x + 1.0]
        for k in range(equations):
            u, v = values[-1], values[(7 * k + 3) % len(values)]
            values.append(u + v if k % 3 == 0 else u - v if k % 3 == 1 else u * v * 0.1)
        return values[-1]

    sizes = [
        sum(isinstance(s, Let) for s in walk([kernel])) for kernel in kernels_of(f, rng.normal(size=1000))
    ]
    assert max(sizes) < 500
    assert sum(sizes) < 2 * equations


# --- functions of their own -------------------------------------------------------------------------


def _steps(x, steps):
    """A loop of small matrices, with a branch and a check of an index, whose gradients are many kernels."""

    def step(x, i):
        y = jnp.where(x > 0, jnp.tanh(x @ x.T) @ x, jnp.sin(x))
        y = lax.cond(i % 2 == 0, lambda y: y * 0.5, lambda y: y + jnp.cumsum(y, 0), y)
        return y.at[i % 3].add(y[i % 2]), jnp.linalg.norm(y)

    x, norms = lax.scan(step, x, np.arange(steps))
    return jnp.sum(x) + jnp.sum(norms)


def test_loops_of_large_functions_are_functions(rng, monkeypatch):
    x = rng.standard_normal((2, 3, 4)) / 3
    function = vmap(grad(lambda x: _steps(x, 4)))

    def num_written_inside():
        def kernels(body):
            for s in body:
                yield from (
                    [s] if isinstance(s, Kernel) else (k for block in blocks(s) for k in kernels(block))
                )

        found = list(kernels(loops_of(function, x).body))
        return sum(not k.outlined and any(isinstance(s, For) for s in k.body) for k in found)

    assert num_written_inside() > 10
    monkeypatch.setattr(outline, "LARGEST_FUNCTION", 100)
    assert num_written_inside() == 0
    check(function, (x,))
