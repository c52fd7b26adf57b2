"""Solving with factors: derivatives of every order, singular matrices, batches, and agreement with JAX."""

import functools

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import api
from jaxlite.counters import counters
from jaxlite.errors import ArgumentError, DtypeError, RuleError, ShapeError, TracerIntegerConversionError
from jaxlite.ops import linalg
from jaxlite.ops.elementwise import mul, real, sin
from jaxlite.ops.reductions import reduce_sum
from jaxlite.ops.schur import column_pivots, hessenberg, schur
from jaxlite.test_util import check_batch, check_grads
from jaxlite.tree_util import tree_leaves
from tests.tolerances import assert_close, assert_same_type

A = np.array([[2.0, -1.0, 0.5], [0.7, 3.0, -0.2], [-0.4, 0.9, 2.5]])
B = np.array([[1.0, -2.0], [0.5, 0.3], [2.0, 1.5]])
COMPLEX = A + 0.3j * A.T
A_STACK = np.stack([A, A[::-1] + np.eye(3)])
SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
# Sums of two elements do not fit in uint8.
POSITIVE_INTEGERS = np.array([[250, 100, 30], [100, 200, 50], [30, 50, 240]])


def sum_all(x):
    return reduce_sum(x, tuple(range(x.ndim)))


def test_solve_of_vectors_matrices_and_stacks():
    assert_close(linalg.solve(A, B), np.linalg.solve(A, B))
    assert_close(linalg.solve(A, B[:, 0]), np.linalg.solve(A, B[:, 0]))
    stack = np.stack([A, A.T])
    assert_close(linalg.solve(stack, np.stack([B, B])), np.linalg.solve(stack, np.stack([B, B])))
    assert linalg.solve(A.astype(np.float32), B.astype(np.float32)).dtype == np.float32


def test_derivatives_of_solve():
    check_grads(linalg.solve, (COMPLEX, B.astype(COMPLEX.dtype)), order=2)
    check_grads(linalg.solve, (A, B), order=3, modes=["fwd"])


def test_solve_factors_once_for_all_derivatives():
    def second(a):
        return api.jvp(api.grad(lambda a: sum_all(sin(linalg.solve(a, B)))), (a,), (A.T,))[1]

    assert [eqn.primitive.name for eqn in api.make_jaxpr(second)(A).eqns].count("lu") == 1


def test_batches_of_solve():
    check_batch(linalg.solve, (A, B))
    check_batch(linalg.solve, (np.stack([A, A.T]), np.stack([B, -B])))


def test_solve_with_one_matrix_is_one_solve():
    eqns = api.make_jaxpr(api.vmap(linalg.solve, (None, 0)))(A, np.ones((5, 3, 2))).eqns
    (solve,) = [eqn for eqn in eqns if eqn.primitive.name == "solve_with_lu"]
    assert solve.invars[-1].aval.shape == (3, 10)


def test_singular_matrices_give_inf_or_nan():
    assert not np.isfinite(linalg.solve(SINGULAR, np.ones(2))).any()
    assert not np.isfinite(linalg.solve(np.zeros((2, 2)), np.ones(2))).any()
    gradient = api.grad(lambda a: sum_all(linalg.solve(a, np.ones(2))))(SINGULAR)
    assert not np.isfinite(gradient).any()


def test_one_singular_matrix_spoils_nothing_else():
    out = np.asarray(linalg.solve(np.stack([SINGULAR, 2 * np.eye(2)]), np.ones((2, 2, 1))))
    assert not np.isfinite(out[0]).any()
    np.testing.assert_array_equal(out[1], np.full((2, 1), 0.5))


@pytest.mark.parametrize("trans", [0, 1, 2])
@pytest.mark.parametrize("a", [A, COMPLEX, np.stack([A, A.T])], ids=["real", "complex", "stack"])
def test_lu_solve(a, trans):
    factors, _, permutation = linalg.lu(a)
    op = (a, np.swapaxes(a, -1, -2), np.conj(np.swapaxes(a, -1, -2)))[trans]
    b = np.broadcast_to(B, (*a.shape[:-2], 3, 2)).astype(a.dtype)
    assert_close(linalg.lu_solve(factors, permutation, b, trans), np.linalg.solve(op, b))
    check_grads(lambda lu, b: linalg.lu_solve(lu, permutation, b, trans), (factors, b), order=2)


def test_lu_solve_of_a_vector():
    factors, _, permutation = linalg.lu(A)
    assert_close(linalg.lu_solve(factors, permutation, B[:, 0]), np.linalg.solve(A, B[:, 0]))


def test_solve_refuses_what_does_not_fit():
    with pytest.raises(ShapeError, match=r"solve: operands have types f64\[3,3\] and f64\[2,3\]"):
        linalg.solve(A, B.T)
    with pytest.raises(ShapeError, match="triangular_solve: operands have types"):
        linalg.triangular_solve(A, B)


def test_gradient_of_cholesky_is_symmetric():
    positive = A @ A.T
    gradient = np.asarray(api.grad(lambda a: sum_all(sin(linalg.cholesky(a))))(positive))
    np.testing.assert_array_equal(gradient, gradient.T)


def test_cholesky_of_an_indefinite_matrix_is_nan_in_the_lower_triangle():
    factor = np.asarray(linalg.cholesky(np.stack([np.diag([1.0, -1.0]), np.eye(2)])))
    np.testing.assert_array_equal(factor, [[[np.nan, 0.0], [np.nan, np.nan]], np.eye(2)])


def test_bases_that_are_free_have_no_derivative():
    for a in (B, B.T):
        with pytest.raises(RuleError, match="the last 1 singular vectors are any basis"):
            api.jvp(linalg.svd, (a,), (a,))
    api.jvp(lambda a: linalg.svd(a, True, False), (B,), (B,))


@pytest.mark.parametrize("shape", [(5, 3), (2, 4, 1), (4, 4)])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_derivatives_of_a_completed_basis(rng, shape, dtype):
    """The columns that complete Q are those of LAPACK's reflections."""
    a, t = rng.normal(size=shape), rng.normal(size=shape)
    if dtype is np.complex128:
        a, t = a + 1j * rng.normal(size=shape), t + 1j * rng.normal(size=shape)
    step = 1e-6
    got = api.jvp(lambda a: linalg.qr(a, True), (a,), (t,))[1]
    ahead, behind = (linalg.qr(a + s * step * t, True) for s in (1, -1))
    for x, high, low in zip(got, ahead, behind, strict=True):
        np.testing.assert_allclose(x, (high - low) / (2 * step), atol=1e-7)


def test_values_have_derivatives_where_they_coincide():
    """Under jit the vectors, whose derivative is nan, are never computed."""
    for wrap in (lambda f: f, jaxlite.jit):
        gradient = api.grad(wrap(lambda a: sum_all(linalg.eigh(a)[1])))(np.eye(3))
        assert_close(gradient, np.eye(3))
        gradient = api.grad(wrap(lambda a: sum_all(linalg.svd(a, False, False)[0])))(np.eye(3))
        assert_close(gradient, np.eye(3))
    assert np.isnan(api.grad(lambda a: sum_all(sin(linalg.eigh(a)[0])))(np.eye(3))).any()


def test_one_matrix_that_does_not_converge_spoils_nothing_else():
    stack = np.stack([np.full((2, 2), np.nan), np.diag([3.0, 1.0])])
    for f in (linalg.svd, linalg.eigh, lambda a: linalg.svd(a, compute_uv=False), linalg.qr):
        for out, good in zip(f(stack), f(stack[1]), strict=True):
            assert np.isnan(out[0]).any()
            np.testing.assert_array_equal(out[1], good)


def test_eager_results_are_those_of_programs():
    """Where nothing is traced NumPy computes: dtypes, classes of results and meaning must be the same."""
    positive = POSITIVE_INTEGERS
    functions = [
        *(jnp.linalg.qr, jnp.linalg.eigh, jnp.linalg.eigvalsh, jnp.linalg.svd, jnp.linalg.svdvals),
        *(jnp.linalg.eigvals, jnp.linalg.pinv, jnp.linalg.slogdet, jnp.linalg.cholesky),
        *(jnp.linalg.matrix_rank, jnp.linalg.cond, lambda a: jnp.linalg.lstsq(a, a[0])),
        lambda a: jnp.linalg.lstsq(a[:, :1], a),
        lambda a: jnp.linalg.lstsq(a[:2], a[:2]),
        lambda a: jnp.linalg.eigh(a + jnp.tri(3, k=-1, dtype=a.dtype), "U"),
        lambda a: jnp.linalg.eigh(a + jnp.tri(3, k=-1, dtype=a.dtype), "U", symmetrize_input=False),
    ]
    for dtype in (np.uint8, np.float32, np.complex128):
        a = positive.astype(dtype)
        programs = jaxlite.jit(lambda a: [f(a) for f in functions])(a)
        for f, compiled in zip(functions, programs, strict=True):
            eager = f(jnp.asarray(a))
            assert type(eager) is type(compiled)
            for x, y in zip(tree_leaves(eager), tree_leaves(compiled), strict=True):
                assert_same_type(x, y)
                np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-3)


def test_no_factorisation_is_a_host_call():
    for f in (linalg.qr, linalg.eigh, linalg.svd, linalg.eig, schur, hessenberg, column_pivots):
        before = counters.num_host_calls
        jaxlite.jit(f)(A)
        assert counters.num_host_calls == before


def test_derivatives_of_factors_agree_with_jax(oracle):
    """By losses that do not depend on signs and phases."""
    jax, jnp = oracle, oracle.numpy

    def of_eigh(v, w):
        return (abs(v) ** 2 * w).sum() + (w**3).sum()

    def of_svd(u, s, vh):
        return (abs(u) ** 4).sum() + (s**3).sum() + ((u[..., 0, :] * vh[..., 0]).real ** 2).sum()

    def of_qr(q, r):
        return (q.real * r.imag).sum() + (abs(r) ** 3).sum()

    hermitian = COMPLEX @ COMPLEX.conj().T + np.eye(3)
    pairs = [
        (lambda a: of_eigh(*linalg.eigh(a)), lambda a: of_eigh(*jax.lax.linalg.eigh(a)), A),
        (
            lambda a: of_eigh(*linalg.eigh(a)),
            lambda a: of_eigh(*jnp.linalg.eigh(a)[::-1]),
            hermitian,
        ),
        (lambda a: of_svd(*linalg.svd(a, False)), lambda a: of_svd(*jnp.linalg.svd(a, False)), B),
        (lambda a: of_qr(*linalg.qr(a, False)), lambda a: of_qr(*jnp.linalg.qr(a)), COMPLEX),
    ]
    for ours, theirs, x in pairs:
        assert_close(api.grad(ours)(x), np.asarray(jax.grad(theirs)(x)), rtol=1e-9)


def test_derivatives_agree_with_jax(oracle):
    jax, jnp = oracle, oracle.numpy
    hermitian = COMPLEX @ COMPLEX.conj().T + np.eye(3)
    pairs = [
        (lambda a: linalg.solve(a, mul(a, a)), lambda a: jnp.linalg.solve(a, a * a), COMPLEX),
        (linalg.cholesky, jnp.linalg.cholesky, hermitian),
        (lambda a: linalg.lu(a)[0], lambda a: jax.lax.linalg.lu(a)[0], COMPLEX),
    ]
    for ours, theirs, x in pairs:
        gradient = api.grad(lambda x, f=ours: sum_all(real(mul(f(x), sin(f(x))))))(x)
        expected = jax.grad(lambda x, f=theirs: (f(x) * jnp.sin(f(x))).real.sum())(x)
        assert_close(gradient, np.asarray(expected), rtol=1e-10)


@pytest.mark.parametrize("wrap", [lambda f: f, jaxlite.jit], ids=["eager", "jit"])
def test_pinv_of_a_product_of_low_rank(wrap, rng):
    # Its singular values that should be zero are a few eps: more than max(m, n)·eps of the largest, now and then.
    for _ in range(20):
        x = rng.normal(size=(5, 7))
        inverse = wrap(jnp.linalg.pinv)(x.T @ x)
        np.testing.assert_allclose(inverse, np.linalg.pinv(x) @ np.linalg.pinv(x).T, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(wrap(jnp.linalg.pinv)(np.array([[2, 0], [0, 0]])), [[0.5, 0], [0, 0]])


@pytest.mark.parametrize("options", [{}, {"rtol": None}, {"rtol": 1e-2}, {"rcond": 1e-2}], ids=str)
def test_pinv_of_numpy_keeps_its_defaults(options):
    a = np.diag(np.array([1.0, 1e-3, 1e-9], np.float32))
    result = jaxlite.jit(lambda a: np.linalg.pinv(a, **options))(a)
    np.testing.assert_allclose(result, np.linalg.pinv(a, **options), rtol=1e-5)


def test_factors_of_matrices_that_are_not_positive_definite():
    """Eager and compiled: nan in the triangle of the factor, of this matrix alone."""
    a = np.stack([np.eye(3), -np.eye(3)])
    for upper in (False, True):
        for dtype in (np.float32, np.float64, np.complex128):
            factor = functools.partial(jnp.linalg.cholesky, upper=upper)
            triangle = np.tri(3, dtype=bool).T if upper else np.tri(3, dtype=bool)
            for got in (factor(a.astype(dtype)), jaxlite.jit(factor)(a.astype(dtype))):
                assert got.dtype == dtype
                np.testing.assert_array_equal(got[0], np.eye(3))
                np.testing.assert_array_equal(np.isnan(got[1]), triangle)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,)])
@pytest.mark.parametrize("order", [1, 2, np.inf])
def test_norms_of_nothing_are_zero(shape, order):
    norm = functools.partial(jnp.linalg.norm, ord=order)
    assert norm(np.zeros(shape)) == jaxlite.jit(norm)(np.zeros(shape)) == 0
    assert api.grad(norm)(np.zeros(shape)).shape == shape


def test_exponents_of_matrix_power_are_integers(rng):
    a = rng.standard_normal((3, 3))
    for n in (2, np.int64(2), np.array(2), True + True):
        np.testing.assert_allclose(jnp.linalg.matrix_power(a, n), a @ a)
    for n in (1.5, 2.0, "2", None):
        for call in (jnp.linalg.matrix_power, jaxlite.jit(np.linalg.matrix_power, static_argnums=1)):
            with pytest.raises(
                DtypeError, match=r"the exponent must be an integer, got .*\n(.|\n)*fix pass n=2"
            ):
                call(a, n)
    with pytest.raises(TracerIntegerConversionError, match="static_argnames"):
        jaxlite.jit(jnp.linalg.matrix_power)(a, 2)


# --- Householder's reflections ------------------------------------------------------------------------

STACKS = {
    "f4": np.float32(A_STACK),
    "f8": np.concatenate([A_STACK, A_STACK + 1.0], axis=-2),
    "c8": (A_STACK + 1j * A_STACK[::-1]).astype(np.complex64),
    "c16": np.concatenate([A_STACK, 1j * A_STACK[::-1] - 0.5], axis=-2),
}


@pytest.mark.parametrize(
    "transform", [lambda f: f, jaxlite.jit, api.vmap, lambda f: jaxlite.jit(api.vmap(f))]
)
@pytest.mark.parametrize("dtype", STACKS)
def test_reflections_multiply_to_q(dtype, transform):
    a = STACKS[dtype]
    h, tau = transform(lambda a: jnp.linalg.qr(a, mode="raw"))(a)
    assert (h.dtype, tau.dtype) == (a.dtype, a.dtype)
    if dtype in ("f8", "c16"):
        # NumPy computes single precision in double.
        for x, y in zip((h, tau), np.linalg.qr(a, mode="raw"), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-14, atol=1e-15)
    tolerance = 100 * np.finfo(dtype).eps
    r = np.triu(h.mT)[..., : a.shape[-1], :]
    q = transform(jaxlite.lax.linalg.householder_product)(h.mT, tau)
    np.testing.assert_allclose(q @ r, a, rtol=tolerance, atol=tolerance)
    back = transform(lambda *x: jaxlite.lax.linalg.ormqr(*x, transpose=True))(h.mT, tau, a)
    np.testing.assert_allclose(back, np.triu(h.mT), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
def test_reflections_are_the_oracles(dtype, rng, oracle):
    """Larger than LAPACK's blocks, so that workspaces count.

    The same routines, so mostly the same bits; BLAS may sum in another order where an array stands elsewhere.
    """

    def check(x, wanted):
        wanted = np.asarray(wanted)
        assert x.dtype == wanted.dtype
        np.testing.assert_allclose(x, wanted, rtol=0, atol=100 * np.finfo(x.dtype).eps * np.abs(wanted).max())

    a = rng.standard_normal((2, 70, 50)).astype(dtype)
    a = (a + 1j * a[::-1]).astype(dtype) if a.dtype.kind == "c" else a
    raw = lambda jx: lambda a: jx.numpy.linalg.qr(a, mode="raw")  # noqa: E731
    wanted = raw(oracle)(a)
    for f in (raw(jaxlite), jaxlite.jit(raw(jaxlite))):
        for x, y in zip(f(a), wanted, strict=True):
            check(x, y)
    factors, tau = np.asarray(wanted[0].mT), np.asarray(wanted[1])
    product, ormqr = (lambda jx: jx.lax.linalg.householder_product), (lambda jx: jx.lax.linalg.ormqr)
    for function, args in ((product, (factors, tau)), (ormqr, (factors, tau, a))):
        for f in (function(jaxlite), jaxlite.jit(function(jaxlite))):
            check(f(*args), function(oracle)(*args))


def test_products_of_reflections_have_derivatives_by_what_they_multiply():
    factors, tau = jaxlite.lax.geqrf(COMPLEX)
    for left in (True, False):
        check_grads(
            lambda c, left=left: jaxlite.lax.linalg.ormqr(factors, tau, c, left=left), (COMPLEX.T,), 2
        )


@pytest.mark.parametrize(
    "f",
    [
        lambda a: jnp.linalg.qr(a, mode="raw")[0],
        lambda a: jaxlite.lax.linalg.householder_product(a, np.ones(3)),
        lambda a: jaxlite.lax.linalg.ormqr(a, np.ones(3), A),
    ],
)
def test_reflections_have_no_derivatives(f):
    with pytest.raises(
        RuleError, match=r"cannot be differentiated[\s\S]*reflections as LAPACK[\s\S]*eigh\(x\)"
    ):
        api.jvp(f, (A,), (A,))


# --- lax.linalg ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
def test_left_eigenvectors_are_those_of_the_eigenvalues(dtype, rng):
    """In their order, for pairs of complex numbers and real ones, of a matrix larger than LAPACK's blocks too."""
    for n in (5, 40):
        a = rng.standard_normal((2, n, n))
        a = (a + 1j * a[::-1] if dtype[0] == "c" else a).astype(dtype)
        for f in (jaxlite.lax.linalg.eig, jaxlite.jit(jaxlite.lax.linalg.eig)):
            w, left, right = (np.asarray(x) for x in f(a))
            scale = 1e3 * np.finfo(dtype).eps
            np.testing.assert_allclose(left.conj().mT @ a, w[..., None] * left.conj().mT, atol=n * scale)
            np.testing.assert_allclose(a @ right, right * w[..., None, :], atol=n * scale)
            np.testing.assert_allclose(np.linalg.norm(left, axis=-2), 1.0, rtol=scale)


def test_permutations_of_pivots(rng):
    _, pivots, permutation = linalg.lu(rng.standard_normal((2, 6, 4)))
    to_permutation = functools.partial(jaxlite.lax.linalg.lu_pivots_to_permutation, permutation_size=6)
    for f in (to_permutation, jaxlite.jit(to_permutation), api.vmap(to_permutation)):
        np.testing.assert_array_equal(f(pivots), permutation)
    np.testing.assert_array_equal(to_permutation(np.zeros(0, np.int32)), np.arange(6))


def test_update_of_a_cholesky_factor(rng):
    """As the factor of the sum, and its derivatives are those of that factor."""
    r = np.triu(A)

    def factored(r, w):
        return jnp.linalg.cholesky(r.T @ r + jnp.outer(w, w)).T

    update = jaxlite.lax.linalg.cholesky_update
    for w in (rng.standard_normal(3), np.array([0.0, 1.0, 0.0]), np.zeros(3)):
        assert_close(update(r, w), factored(r, w))
        (by_r, by_w), (wanted_r, wanted_w) = (api.jacrev(f, (0, 1))(r, w) for f in (update, factored))
        assert_close(np.triu(by_r), np.triu(wanted_r))
        assert_close(by_w, wanted_w)
    assert_close(update(-r, np.zeros(3)), -r)
    stack = np.stack([r, 2 * r])
    assert_close(api.vmap(update)(stack, np.stack([w, w])), np.stack([update(x, w) for x in stack]))
    assert update(r[:0, :0], w[:0]).shape == (0, 0)


def test_symmetric_products_have_derivatives():
    f = functools.partial(jaxlite.lax.linalg.symmetric_product, alpha=0.5, beta=2.0, symmetrize_output=True)
    check_grads(f, (B, A), order=2)


LAX_ERRORS = {
    "eigh": (
        lambda la: la.eigh(A, implementation=la.EighImplementation.JACOBI),
        ArgumentError,
        "not computed on CPUs",
    ),
    "eig": (
        lambda la: la.eig(A, implementation=la.EigImplementation.MAGMA),
        ArgumentError,
        "EigImplementation.LAPACK",
    ),
    "svd": (lambda la: la.svd(A, algorithm=la.SvdAlgorithm.POLAR), ArgumentError, "not computed on CPUs"),
    "subset": (lambda la: la.svd(A, subset_by_index=(0, 1)), ArgumentError, "full_matrices=False"),
    "pivots": (lambda la: la.lu_pivots_to_permutation(np.arange(3), 4), DtypeError, "they are int32"),
    "rows": (lambda la: la.lu_pivots_to_permutation(np.zeros(3, np.int32), 2), ShapeError, "as many rows"),
    "complex": (lambda la: la.symmetric_product(COMPLEX, COMPLEX), DtypeError, "they are real"),
    "product": (lambda la: la.symmetric_product(B, A[:2, :2]), ShapeError, r"\[\.\.\., m, m\]"),
    "update": (lambda la: la.cholesky_update(A_STACK, B), ShapeError, r"are \[n, n\] and \[n\]"),
    "mixed": (lambda la: la.cholesky_update(A, np.float32(A[0])), DtypeError, "of one dtype"),
}


@pytest.mark.parametrize("name", LAX_ERRORS)
def test_what_lax_linalg_refuses(name):
    call, error, message = LAX_ERRORS[name]
    with pytest.raises(error, match=message):
        call(jaxlite.lax.linalg)


def test_implementations_that_are_lapack():
    la = jaxlite.lax.linalg
    np.testing.assert_array_equal(la.eigh(A, implementation=la.EighImplementation.QR)[1], la.eigh(A)[1])
    np.testing.assert_array_equal(la.svd(A, algorithm=la.SvdAlgorithm.QR)[1], la.svd(A)[1])
    np.testing.assert_array_equal(la.eigh(A, subset_by_index=(1, 3))[1], la.eigh(A)[1][1:])
