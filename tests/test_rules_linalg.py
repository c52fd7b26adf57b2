"""Linear algebra and large matrix products by LAPACK's and BLAS's symbols: equal to NumPy's up to rounding.

Two forms of each program are run: machine code, and (where it is small) the loop program in plain Python.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import jaxlite.numpy as jnp
from jaxlite import lax
from jaxlite.api import grad, vmap
from jaxlite.codegen import rules  # noqa: F401  (registers the lowering rules)
from jaxlite.codegen.external import LETTERS
from jaxlite.codegen.loops import Call, walk
from jaxlite.codegen.memory import drop_unread, plan
from jaxlite.codegen.render_python import run as run_python
from jaxlite.codegen.rules_contraction import SMALL_PRODUCT
from jaxlite.codegen.rules_linalg import is_tiny
from jaxlite.codegen.schedule import schedule
from jaxlite.interpreters.evaluate import run_jaxpr
from jaxlite.interpreters.stage import stage
from jaxlite.ir import PRIMITIVES
from jaxlite.lowering import HostCall
from jaxlite.ops.contraction import dot_general_p
from jaxlite.ops.linalg import cholesky, eigh, lu, qr, solve, solve_with_lu, svd, triangular_solve
from jaxlite.runtime.compile import compile_jaxpr
from jaxlite.trace import aval_of
from tests.rows import linalg as linalg_rows
from tests.test_primitives import run
from tests.tolerances import assert_close

DTYPES = ["f4", "f8", "c8", "c16"]
# Around the largest sizes that are solved in registers, and a large one.
SIZES = [1, 4, 5, 6, 7, 40]
STACKS = [(), (2, 3)]
FLAGS = ("left_side", "lower", "transpose_a", "conjugate_a", "unit_diagonal")


def program_of(function, *args):
    jaxpr, consts = stage(function, [aval_of(x).strip_weak_type() for x in args])
    assert not consts
    return jaxpr


def calls_of(loops) -> set[str]:
    return {t.symbol for t in walk(loops.body) if isinstance(t, Call)}


def check(function, *args, in_python: bool = True, rtol: float | None = None) -> set[str]:
    """Compare a program with its implementation; returns the routines that it calls."""
    jaxpr = program_of(function, *args)
    copies = [np.array(x) for x in args]
    with np.errstate(all="ignore"):
        expected = run_jaxpr(jaxpr, *args)
    loops = plan(drop_unread(schedule(jaxpr)))
    assert not loops.has_host_calls
    results = [compile_jaxpr(jaxpr)(*args)]
    if in_python:
        results.append(run_python(loops, *args, out_avals=jaxpr.out_avals))
    for result in results:
        for x, y in zip(result, expected, strict=True):
            assert_close(x, y, rtol=rtol)
    for x, y in zip(args, copies, strict=True):
        np.testing.assert_array_equal(x, y)
    return calls_of(loops)


def random(rng, dtype, *shape):
    x = rng.normal(size=shape)
    return (x + 1j * rng.normal(size=shape) if dtype[0] == "c" else x).astype(dtype)


def well_conditioned(rng, dtype, *shape):
    return random(rng, dtype, *shape) + np.asarray(2 * shape[-1] ** 0.5 + 1, dtype) * np.eye(
        *shape[-2:], dtype=dtype
    )


NATIVE = [case for case in linalg_rows.ROWS if not isinstance(PRIMITIVES[case.primitive].lower, HostCall)]


@pytest.mark.parametrize("case", NATIVE, ids=lambda case: case.id)
def test_row(case):
    check(lambda *xs: list(run(case, *xs)), *case.args)


# --- cholesky ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_cholesky(dtype, n, stack, rng):
    # Not Hermitian: what is read of it counts. The imaginary parts of the diagonal do not.
    a = well_conditioned(rng, dtype, *stack, n, n) + 2 * n * np.eye(n, dtype=dtype)
    for symmetrize in (True, False):
        calls = check(lambda x, flag=symmetrize: [cholesky(x, flag)], a, in_python=n < 10)
        assert calls == (set() if is_tiny(a.dtype, n) else {LETTERS[dtype] + "potrf"})


@pytest.mark.parametrize("n", [2, 4, 6, 7, 20])
@pytest.mark.parametrize("dtype", DTYPES)
def test_matrices_without_a_factor_are_nan(n, dtype, rng):
    a = np.stack([np.eye(n, dtype=dtype)] * 4)
    a[1, -1, -1] = -1
    a[2, 0, 0] = 0
    a[3, n // 2, n // 2] = np.inf
    check(lambda x: [cholesky(x)], a)
    got = np.asarray(compile_jaxpr(program_of(lambda x: [cholesky(x)], a))(a)[0])
    assert np.isnan(got[1:3][:, *np.tril_indices(n)]).all()
    assert (got[:, *np.triu_indices(n, 1)] == 0).all()
    np.testing.assert_array_equal(got[0], np.eye(n))


def test_nan_spreads_as_in_lapack():
    for n in (3, 9):
        a = np.eye(n)
        a[n - 1, n - 1] = np.nan
        check(lambda x: [cholesky(x, False)], a)
        a[n - 2, n - 3] = np.nan
        check(lambda x: [cholesky(x, False)], a)


# --- triangular systems -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [3, 7])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("left_side", [True, False])
def test_triangular_solve(dtype, n, k, left_side, rng):
    # The other triangle, and a diagonal of ones, are not read.
    shape = (2, n, k) if left_side else (2, k, n)
    b = random(rng, dtype, *shape)
    for values in itertools.product([False, True], repeat=4):
        params = dict(zip(FLAGS, (left_side, *values), strict=True))
        a = well_conditioned(rng, dtype, 2, n, n)
        if params["unit_diagonal"]:
            a = a / (4 * n)
            a[:, range(n), range(n)] = np.nan
        a[:, *(np.triu_indices(n, 1) if params["lower"] else np.tril_indices(n, -1))] = np.nan
        check(lambda x, y, p=params: [triangular_solve(x, y, **p)], a, b, in_python=n < 10)


@pytest.mark.parametrize("n", [2, 7])
@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_singular_triangles_give_infinities(n, k, dtype, rng):
    a, b = np.eye(n, dtype=dtype), np.ones((n, k), dtype)
    a[-1, -1] = 0
    for lower in (True, False):
        calls = check(lambda x, y, p=lower: [triangular_solve(x, y, left_side=True, lower=p)], a, b)
        assert calls == (set() if is_tiny(a.dtype, n) else {LETTERS[dtype] + ("trsv" if k == 1 else "trsm")})


def test_operands_that_are_views_and_recipes(rng):
    for n in (3, 9):
        a, b = well_conditioned(rng, "f8", n, n), random(rng, "f8", 2, n)
        check(lambda x, y: [triangular_solve(x.T, jnp.sin(y).T, left_side=True)], a, b)
        check(lambda x, y: [lax.transpose(triangular_solve(x + 1.0, y[::-1], lower=True), (1, 0))], a, b)
        check(lambda x: [cholesky(x.T @ x).T + 1.0], a)
        check(lambda x: [part + 1 for part in lu(jnp.exp(x.T))], a)
        check(lambda x, y: [solve(x[::-1], y.T * 2.0).T], a, b)


# --- lu ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(1, 1), (2, 2), (4, 4), (5, 5), (6, 6), (40, 40), (2, 4), (4, 3), (3, 8), (8, 3), (1, 6)]
)
@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_lu(dtype, shape, stack, rng):
    a = random(rng, dtype, *stack, *shape)
    calls = check(lambda x: list(lu(x)), a, in_python=max(shape) < 10)
    assert bool(calls) is not is_tiny(a.dtype, *shape)


@pytest.mark.parametrize("n", [3, 6, 7])
@pytest.mark.parametrize("dtype", DTYPES)
def test_lu_of_singular_matrices_and_permutations(n, dtype, rng):
    zero_column = random(rng, dtype, n, n)
    zero_column[:, 1] = 0
    stack = [
        np.zeros((n, n), dtype),
        zero_column,
        np.eye(n, dtype=dtype)[rng.permutation(n)],
        np.ones((n, n), dtype),
    ]
    check(lambda x: list(lu(x)), np.stack(stack))


def test_lu_without_elements():
    for shape in ((0, 3), (3, 0), (0, 0), (2, 3, 0), (2, 0, 3), (0, 3, 3)):
        check(lambda x: list(lu(x)), np.zeros(shape))


# --- solving with the factors -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_solve_with_lu(dtype, n, stack, rng):
    a = random(rng, dtype, *stack, n, n)[..., ::-1, :] + np.eye(n, dtype=dtype)[::-1] * np.asarray(n, dtype)
    for k, transpose in itertools.product((1, 4), (False, True)):
        b = random(rng, dtype, *stack, n, k)
        calls = check(
            lambda x, y, flag=transpose: [solve_with_lu(x, *lu(x)[:2], y, flag)], a, b, in_python=n < 10
        )
        assert bool(calls) is not is_tiny(a.dtype, n)


@pytest.mark.parametrize("n", [2, 8])
def test_solve_singular(n):
    a, b = np.ones((n, n)), np.arange(2.0 * n).reshape(n, 2)
    (got,) = compile_jaxpr(program_of(lambda x, y: [solve(x, y)], a, b))(a, b)
    assert not np.isfinite(got).all()


@pytest.mark.parametrize("n", [3, 9])
def test_derivatives_and_batches(n, rng):
    a, b = well_conditioned(rng, "f8", 4, n, n), random(rng, "f8", 4, n, 2)

    def loss(x, y):
        return jnp.sum(solve(x, y) ** 2) + jnp.sum(cholesky(x @ x.T))

    check(lambda x, y: [vmap(grad(loss))(x, y)], a, b, rtol=1e-10)


def test_in_loops(rng):
    for n in (3, 9):
        a, b = well_conditioned(rng, "f8", n, n), random(rng, "f8", 5, n, 1)

        def walk_along(x, ys):
            return lax.scan(
                lambda total, y: ((total + solve(x, y)) / 2, cholesky(x.T @ x + total[0, 0] ** 2)), ys[0], ys
            )

        check(lambda x, y, f=walk_along: list(f(x, y)), a, b)


# --- qr ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(1, 1), (4, 4), (5, 3), (3, 5), (1, 4), (4, 1), (40, 40), (70, 50), (50, 70)]
)
@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_qr(dtype, shape, stack, rng):
    a = random(rng, dtype, *stack, *shape)
    names = {"geqrf", "ungqr" if np.dtype(dtype).kind == "c" else "orgqr"}
    for full in (False, True):
        calls = check(lambda x, flag=full: list(qr(x, flag)), a, in_python=max(shape) < 10)
        assert calls == {LETTERS[dtype] + name for name in names}


def test_only_one_factor_of_qr(rng):
    a = random(rng, "f8", 2, 9, 5)
    assert check(lambda x: [qr(x)[1]], a) == {"dgeqrf"}
    assert check(lambda x: [qr(x, False)[0].swapaxes(1, 2) + 1], a) == {"dgeqrf", "dorgqr"}


@pytest.mark.parametrize("dtype", DTYPES)
def test_qr_of_columns_that_are_reflected_already(dtype, rng):
    a = np.stack([np.eye(4), np.zeros((4, 4)), np.triu(random(rng, "f8", 4, 4)), np.full((4, 4), np.nan)])
    check(lambda x: list(qr(x)), a.astype(dtype))


def test_factors_without_elements():
    for shape in ((0, 3), (3, 0), (0, 0), (2, 3, 0), (2, 0, 3), (0, 3, 3)):
        for full in (False, True):
            check(lambda x, flag=full: list(qr(x, flag)), np.zeros(shape))
    for shape in ((0, 0), (2, 0, 0), (0, 3, 3)):
        for with_v in (False, True):
            check(lambda x, flag=with_v: list(eigh(x, compute_v=flag)), np.zeros(shape))
    for shape in ((0, 3), (3, 0), (0, 0), (2, 3, 0), (2, 0, 3), (0, 3, 3)):
        for flags in itertools.product((False, True), repeat=2):
            check(lambda x, flags=flags: list(svd(x, *flags)), np.zeros(shape))


# --- eigh -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 3, 6, 70])
@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_eigh(dtype, n, stack, rng):
    # Values far apart, and vectors that are compared without their signs.
    a = random(rng, dtype, *stack, n, n) + np.diag(4 * n**0.5 * np.arange(n)).astype(dtype)
    routine = LETTERS[dtype] + ("heevd" if a.dtype.kind == "c" else "syevd")
    for lower, symmetrize in itertools.product((True, False), repeat=2):

        def vectors_and_values(x, lower=lower, symmetrize=symmetrize):
            v, w = eigh(x, lower, symmetrize)
            return [linalg_rows.projections(v), w]

        def values(x, lower=lower, symmetrize=symmetrize):
            return list(eigh(x, lower, symmetrize, compute_v=False))

        for function in (vectors_and_values, values):
            # A vector is as exact as its value is far from the next: here to n·eps.
            assert check(function, a, in_python=n < 10, rtol=n * 1e-5 if dtype in ("f4", "c8") else None) == {
                routine
            }


@pytest.mark.parametrize("dtype", DTYPES)
def test_matrices_without_eigenvalues_are_nan(dtype):
    a = np.stack([np.eye(3), np.full((3, 3), np.nan), 2 * np.eye(3)]).astype(dtype)
    for function in (
        lambda x: list(eigh(x)),
        lambda x: [eigh(x)[1]],
        lambda x: list(eigh(x, compute_v=False)),
    ):
        check(function, a)
        for got in compile_jaxpr(program_of(function, a))(a):
            assert np.isnan(got[1]).all() and np.isfinite(got[0]).all() and np.isfinite(got[2]).all()


def test_vectors_that_nothing_reads_are_not_computed(rng):
    a = random(rng, "f8", 9, 9)
    for function, job in (
        (lambda x: [eigh(x)[1]], "N"),
        (lambda x: list(eigh(x)), "V"),
        (lambda x: [svd(x)[1]], "N"),
        (lambda x: [svd(x, False)[0]], "S"),
        (lambda x: [svd(x)[2]], "A"),
    ):
        (call,) = [s for s in walk(schedule(program_of(function, a)).body) if isinstance(s, Call)]
        assert call.args[0].value == ord(job)


# --- svd --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
# Of more than 11/6 times as many rows as columns the R of QR is factored, or L.
@pytest.mark.parametrize(
    "shape", [(1, 1), (4, 4), (5, 4), (4, 5), (1, 4), (4, 1), (9, 3), (3, 9), (40, 40), (60, 30), (30, 60)]
)
@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_svd(dtype, shape, stack, rng):
    # Values far apart, and vectors that are compared without their signs.
    spread = 4 * max(shape) ** 0.5 * np.eye(*shape) * (1 + np.arange(shape[1]))
    a = random(rng, dtype, *stack, *shape) + spread.astype(dtype)
    rtol = max(shape) * 1e-5 if dtype in ("f4", "c8") else None
    for full, with_uv in itertools.product((False, True), repeat=2):
        function = linalg_rows.svd_row(a, full, with_uv).call
        calls = check(lambda x, f=function: list(f(x)), a, in_python=max(shape) < 10, rtol=rtol)
        # The comparison itself multiplies matrices.
        assert LETTERS[dtype] + "gesdd" in calls


@pytest.mark.parametrize("dtype", DTYPES)
def test_matrices_without_singular_values_are_nan(dtype):
    a = np.stack([np.eye(4, 3), np.full((4, 3), np.nan), 2 * np.eye(4, 3)]).astype(dtype)
    for full, with_uv in itertools.product((False, True), repeat=2):

        def function(x, full=full, with_uv=with_uv):
            return list(svd(x, full, with_uv))

        check(function, a)
        for got in compile_jaxpr(program_of(function, a))(a):
            assert np.isnan(got[1]).all() and np.isfinite(got[0]).all() and np.isfinite(got[2]).all()


@pytest.mark.parametrize("n", [3, 9])
def test_factorisations_in_loops_and_batches(n, rng):
    a = well_conditioned(rng, "f8", 4, n, n)

    def root(x):
        v, w = eigh(x @ x.T)
        return v * jnp.sqrt(w) @ v.T

    def step(x, y):
        u, s, vh = svd(x + y, False)
        q, r = qr(u * jnp.log1p(s) @ vh)
        return r + root(x) + q, (svd(y, compute_uv=False)[0], r.T, eigh(x, compute_v=False)[0])

    def along(xs):
        last, (values, triangles, others) = lax.scan(step, xs[0], xs)
        return [last, values, triangles, others]

    def loss(x):
        return jnp.sum(root(x)) + jnp.sum(svd(x, compute_uv=False)[0] ** 3) + jnp.sum(qr(x)[1] ** 3)

    check(along, a, rtol=1e-9)
    check(lambda xs: [vmap(grad(loss))(xs), vmap(along, 1)(jnp.stack([xs, 2 * xs], 1))[0]], a, rtol=1e-9)
    check(lambda xs: [part.swapaxes(0, 1) for part in qr(jnp.sin(xs).swapaxes(1, 2)[::-1])], a)
    check(lambda xs: [grad(lambda xs: jnp.sum(along(xs)[0]))(xs)], a, in_python=n < 9, rtol=1e-7)


# --- products by BLAS -------------------------------------------------------------------------------


def product(dimension_numbers):
    return lambda x, y: [
        dot_general_p.bind(x, y, dimension_numbers=dimension_numbers, preferred_element_type=None)
    ]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "sizes", [(16, 17, 18), (1, 60, 70), (60, 1, 70), (60, 70, 1), (1, 1, 5000), (2, 3, 900)], ids=str
)
def test_products_of_matrices_in_every_orientation(dtype, sizes, rng):
    m, n, k = sizes
    assert m * n * k >= SMALL_PRODUCT
    for flip_x, flip_y in itertools.product([False, True], repeat=2):
        x = random(rng, dtype, *((k, m) if flip_x else (m, k)))
        y = random(rng, dtype, *((n, k) if flip_y else (k, n)))
        numbers = (((0 if flip_x else 1,), (1 if flip_y else 0,)), ((), ()))
        calls = check(product(numbers), x, y, in_python=False)
        # Products of one term each are elementwise; a real matrix times a vector is a loop.
        vector = 1 in (m, n) and np.dtype(dtype).kind == "f"
        assert len(calls) == (k > 1 and not vector)


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_of_stacks_in_every_order_of_axes(dtype, rng):
    sizes = {"b": 2, "m": 15, "k": 16, "n": 17}
    for left, right in itertools.product(itertools.permutations("bmk"), itertools.permutations("bkn")):
        x, y = (random(rng, dtype, *(sizes[axis] for axis in axes)) for axes in (left, right))
        numbers = (((left.index("k"),), (right.index("k"),)), ((left.index("b"),), (right.index("b"),)))
        assert check(product(numbers), x, y, in_python=False)


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_over_two_axes(dtype, rng):
    for left, right in ((0, 1), (1, 0)), ((2, 1), (1, 2)), ((0, 2), (2, 1)), ((0, 1), (0, 1)):
        x = random(rng, dtype, 12, 12, 12)
        y = random(rng, dtype, 12, 12, 12)
        assert check(product(((left, right), ((), ()))), x, y, in_python=False)


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_of_views(dtype, rng):
    x, y = random(rng, dtype, 3, 20, 40), random(rng, dtype, 40, 30)
    for function in (
        lambda x, y: [x[:, ::2, 5:35] @ y[5:35]],
        lambda x, y: [x[0, :, 10:] @ y[:30, ::3]],
        lambda x, y: [(x @ y).swapaxes(0, 2)],
        lambda x, y: [y.T @ x[1].T, x[2, 3] @ y, y.T @ x[0, 1]],
        lambda x, y: [jnp.broadcast_to(x[0, :, :1], (20, 40)) @ y],
        lambda x, y: [(x + 1) @ (y * 2) + 3],
        lambda x, y: [x[:, :, 3] @ y[:20], y[:, 4] @ y],
    ):
        check(function, x, y, in_python=False)


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_in_plain_python(dtype, rng):
    x, y = random(rng, dtype, 13, 14), random(rng, dtype, 14, 15)
    assert check(lambda x, y: [x @ y, y.T @ x.T], x, y)
    x, y = random(rng, dtype, 60, 50), random(rng, dtype, 50)
    calls = check(lambda x, y: [x @ y, y @ x.T], x, y)
    assert bool(calls) == (np.dtype(dtype).kind == "c")
