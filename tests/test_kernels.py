"""What the scheduler makes of products, sums and strides: kernels that rows of primitives are too small for."""

import itertools

import numpy as np
import pytest

import jaxlite.numpy as jnp
from jaxlite import jit, lax
from jaxlite.codegen.loops import Call, For, Kernel, walk
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
