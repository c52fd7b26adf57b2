"""``jaxlite.scipy.linalg``: values against SciPy, derivatives by finite differences, stacks, errors."""

import numpy as np
import pytest
import scipy.linalg

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.counters import counters
from jaxlite.errors import ArgumentError, RuleError, ShapeError
from jaxlite.scipy import linalg
from jaxlite.test_util import check_grads

RNG = np.random.default_rng(11)
A = RNG.normal(size=(4, 4)) + 3 * np.eye(4)
S = A @ A.T
B = RNG.normal(size=(4, 2))
T = RNG.normal(size=(5, 3))
V, W = RNG.normal(size=4), RNG.normal(size=3)
Z = A + 1j * RNG.normal(size=(4, 4))
L = np.tril(A)

# name of the case: call, and whether it has derivatives
CASES = {
    "block_diag": (lambda la: la.block_diag(A, V, 2.0), True),
    "cholesky": (lambda la: la.cholesky(S), False),
    "cholesky lower": (lambda la: la.cholesky(S, lower=True), False),
    "cho_solve": (lambda la: la.cho_solve(la.cho_factor(S), B), False),
    "cho_solve lower": (lambda la: la.cho_solve(la.cho_factor(S, True), V), False),
    "circulant": (lambda la: la.circulant(V), True),
    "companion": (lambda la: la.companion(V), True),
    "convolution_matrix": (lambda la: la.convolution_matrix(W, 5), True),
    "convolution_matrix same": (lambda la: la.convolution_matrix(W, 5, mode="same"), True),
    "convolution_matrix valid": (lambda la: la.convolution_matrix(W, 5, mode="valid"), True),
    "det": (lambda la: la.det(A), True),
    "dft": (lambda la: la.dft(5, "sqrtn"), False),
    "eigh": (lambda la: la.eigh(S)[0], False),
    "eigh values": (lambda la: la.eigh(S, eigvals_only=True), False),
    "eigh general": (lambda la: la.eigh(A + A.T, S)[0], False),
    "eigh upper": (lambda la: la.eigh(A, lower=False)[0], True),
    "eigh_tridiagonal": (lambda la: la.eigh_tridiagonal(V, W)[0], True),
    "eigh_tridiagonal some": (lambda la: la.eigh_tridiagonal(V, W, True, "i", (1, 2)), False),
    "expm": (lambda la: la.expm(A), True),
    "expm large": (lambda la: la.expm(-20 * S), False),
    "expm complex": (lambda la: la.expm(Z), True),
    "expm_frechet": (lambda la: la.expm_frechet(A, S), False),
    "fiedler": (lambda la: la.fiedler(V), True),
    "fiedler_companion": (lambda la: la.fiedler_companion(V), True),
    "fiedler_companion of 6": (lambda la: la.fiedler_companion(np.arange(1.0, 7.0)), False),
    "fiedler_companion of 7": (lambda la: la.fiedler_companion(np.arange(1.0, 8.0)), False),
    "funm": (lambda la: la.funm(A, lambda w: w * w), True),
    "hadamard": (lambda la: la.hadamard(4), False),
    "hankel": (lambda la: la.hankel(V, W), True),
    "hankel of one": (lambda la: la.hankel(V), True),
    "helmert": (lambda la: la.helmert(4), False),
    "hessenberg": (lambda la: la.hessenberg(A, calc_q=True), False),
    "hilbert": (lambda la: la.hilbert(4), False),
    "inv": (lambda la: la.inv(A), True),
    "invhilbert": (lambda la: la.invhilbert(4), False),
    "invpascal": (lambda la: la.invpascal(4), False),
    "leslie": (lambda la: la.leslie(V, W), True),
    "lu": (lambda la: la.lu(T), False),
    "lu permuted": (lambda la: la.lu(A, permute_l=True), True),
    "lu wide": (lambda la: la.lu(T.T), False),
    "lu_solve": (lambda la: la.lu_solve(la.lu_factor(A), B), True),
    "lu_solve transposed": (lambda la: la.lu_solve(la.lu_factor(A), V, trans=1), True),
    "pascal": (lambda la: la.pascal(4), False),
    "polar": (lambda la: la.polar(T), True),
    "polar left": (lambda la: la.polar(T.T, "left"), True),
    "polar square": (lambda la: la.polar(A), True),
    "qr": (lambda la: la.qr(A), True),
    "qr economic": (lambda la: la.qr(T, mode="economic"), True),
    "qr pivoting": (lambda la: la.qr(A, pivoting=True), False),
    "qr_multiply": (lambda la: la.qr_multiply(A, S), True),
    "qr_multiply left": (lambda la: la.qr_multiply(T, W, "left", True), False),
    "schur": (lambda la: la.schur(A), False),
    "schur complex": (lambda la: la.schur(Z, "complex"), False),
    "solve": (lambda la: la.solve(A, B), True),
    "solve pos": (lambda la: la.solve(S, V, assume_a="pos"), True),
    "solve sym": (lambda la: la.solve(A, B, lower=True, assume_a="sym"), True),
    "solve_sylvester": (lambda la: la.solve_sylvester(A, S[:2, :2], B), True),
    "solve_triangular": (lambda la: la.solve_triangular(A, B, lower=True), True),
    "solve_triangular transposed": (lambda la: la.solve_triangular(Z, V, "C", unit_diagonal=True), True),
    "sqrtm": (lambda la: la.sqrtm(Z), True),
    "svd": (lambda la: la.svd(T, False)[1], True),
    "svd values": (lambda la: la.svd(T, compute_uv=False), True),
    "toeplitz": (lambda la: la.toeplitz(V, W), True),
    "toeplitz of one": (lambda la: la.toeplitz(Z[0]), True),
}


class Applied:
    """The functions of a module with their arrays replaced, in order, by others: what is traced."""

    def __init__(self, arrays):
        self.arrays = arrays

    def __getattr__(self, name):
        function = getattr(linalg, name)

        def call(*args, **kwargs):
            return function(*[self.replaced(x) for x in args], **kwargs)

        return call

    def replaced(self, x):
        return next((new for old, new in self.arrays if x is old), x)


def operands(call):
    """The arrays that a case names."""
    found = []

    class Recorder:
        def __getattr__(self, name):
            function = getattr(linalg, name)

            def call(*args, **kwargs):
                found.extend(x for x in args if isinstance(x, np.ndarray) and type(x) is np.ndarray)
                return function(*args, **kwargs)

            return call

    call(Recorder())
    return list({id(x): x for x in found}.values())


def as_function(call):
    olds = operands(call)
    return lambda *news: call(Applied(list(zip(olds, news, strict=True)))), olds


leaves_of = jaxlite.tree_util.tree_leaves


def leaves(result):
    return [np.asarray(x) for x in jaxlite.tree_util.tree_leaves(result)]


def test_every_name_of_jax_is_there(oracle):
    import jax.scipy.linalg

    assert {n for n in dir(jax.scipy.linalg) if not n.startswith("_")} | {"solve_banded"} == set(
        linalg.__all__
    )
    elsewhere = {"cho_factor", "lu_factor", "rsf2csf", "solve_banded"}
    assert {case.split()[0] for case in CASES} | elsewhere == set(linalg.__all__)


@pytest.mark.parametrize("case", CASES)
def test_values(case):
    call, _ = CASES[case]
    if case == "eigh_tridiagonal some":
        expected = leaves(
            scipy.linalg.eigh_tridiagonal(V, W, eigvals_only=True, select="i", select_range=(1, 2))
        )
        got = linalg.eigh_tridiagonal(V, W, eigvals_only=True, select="i", select_range=(1, 2))
        np.testing.assert_allclose(got, expected[0])
        return
    expected, got = leaves(call(scipy.linalg)), leaves(call(linalg))
    f, olds = as_function(call)
    before = counters.num_host_calls
    compiled = leaves(jaxlite.jit(f)(*olds))
    assert counters.num_host_calls == before
    assert len(expected) == len(got) == len(compiled)
    for e, g, c in zip(expected, got, compiled, strict=True):
        scale = max(1.0, np.abs(e).max())
        np.testing.assert_allclose(g, e, rtol=1e-9, atol=1e-11 * scale)
        np.testing.assert_allclose(c, g, rtol=1e-9, atol=1e-11 * scale)


@pytest.mark.parametrize("case", [case for case, (_, smooth) in CASES.items() if smooth])
def test_derivatives(case):
    f, olds = as_function(CASES[case][0])
    check_grads(f, tuple(olds), order=1, rtol=1e-5, atol=1e-5)


def test_second_derivatives():
    for name in ("expm", "sqrtm", "polar"):
        check_grads(lambda x, name=name: getattr(linalg, name)(x), (A,), order=2, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("n", [1, 2, 5, 16])
def test_roots_of_negative_eigenvalues_are_on_one_side(n, dtype, rng):
    """Eigenvalues -1, -2 ... and, of the larger matrices, pairs: roots i, 1.41i ..., none of them conjugate."""
    blocks = [-np.arange(1.0, n // 2 + 2), *[[[-1.0, 0.5 + k], [-0.5 - k, -1.0]] for k in range(n // 4)]]
    blocks = scipy.linalg.block_diag(np.diag(blocks[0]), *blocks[1:])
    q = np.linalg.qr(rng.normal(size=blocks.shape))[0]
    a = q @ blocks @ q.T
    values, vectors = np.linalg.eig(a)
    # Exactly on the axis: an imaginary part of -0 would choose the other root.
    expected = vectors @ np.diag(np.sqrt(values + 0j)) @ np.linalg.inv(vectors)
    stack = np.stack([a, 2 * a]).astype(dtype)
    rtol = 1e-3 if dtype == "f4" else 1e-11
    for f in (linalg.sqrtm, jaxlite.jit(linalg.sqrtm), jaxlite.vmap(linalg.sqrtm)):
        result = f(stack)
        assert result.dtype == np.result_type(dtype, np.complex64)
        np.testing.assert_allclose(result[0], expected, rtol=rtol, atol=rtol)
        np.testing.assert_allclose(result[1], 2**0.5 * expected, rtol=rtol, atol=rtol)
    if dtype == "f8":
        check_grads(linalg.sqrtm, (a,), order=1, rtol=1e-4, atol=1e-4)


STACKED = ("cholesky", "expm", "hessenberg", "lu", "lu_factor", "polar", "qr", "schur", "sqrtm", "inv", "det")


@pytest.mark.parametrize("name", STACKED)
def test_stacks_and_vmap(name):
    f = getattr(linalg, name)
    stack = np.stack([S, S + np.eye(4), 2 * S])
    each = [leaves(f(x)) for x in stack]
    for whole in (f(stack), jaxlite.jit(f)(stack), jaxlite.vmap(f)(stack)):
        for i, part in enumerate(leaves(whole)):
            np.testing.assert_allclose(part, np.stack([e[i] for e in each]), rtol=1e-9, atol=1e-9)
    assert leaves(f(np.zeros((0, 4, 4))))[0].shape[0] == 0


def test_stacks_of_equations():
    stack, right = np.stack([S, 2 * S]), np.stack([B, B])
    expected = np.stack([np.linalg.solve(S, B), np.linalg.solve(2 * S, B)])
    np.testing.assert_allclose(linalg.cho_solve(linalg.cho_factor(stack), right), expected)
    np.testing.assert_allclose(linalg.lu_solve(linalg.lu_factor(stack), right), expected)
    np.testing.assert_allclose(
        jaxlite.vmap(linalg.solve_sylvester, (0, None, None))(stack, np.eye(2), B),
        np.stack([scipy.linalg.solve_sylvester(a, np.eye(2), B) for a in stack]),
    )
    for name in ("toeplitz", "circulant", "companion", "fiedler", "hankel"):
        f = getattr(linalg, name)
        np.testing.assert_allclose(f(np.stack([V, 2 * V])), np.stack([f(V), f(2 * V)]))


def test_real_schur_becomes_complex():
    t, z = jaxlite.jit(lambda a: linalg.rsf2csf(*linalg.schur(a)))(A)
    np.testing.assert_allclose(z @ t @ np.conj(z.T), A, atol=1e-12)
    np.testing.assert_allclose(np.tril(t, -1), 0, atol=1e-12)


FORMS = {
    "schur": (lambda la, a: la.schur(a), 0),
    "schur complex": (lambda la, a: la.schur(a, "complex"), 0),
    "hessenberg": (lambda la, a: la.hessenberg(a, calc_q=True), 0),
    "rsf2csf": (lambda la, a: la.rsf2csf(*la.schur(a)), 1e-5),
    "qr": (lambda la, a: la.qr(a[:, : len(a) // 2 + 1], pivoting=True), 1e-5),
    "solve_sylvester": (lambda la, a: la.solve_sylvester(a, a[:2, :2], a[:, :2]), 1e-3),
    "sqrtm": (lambda la, a: la.sqrtm(a + 20 * np.eye(len(a), dtype=np.complex64)), 1e-5),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("n", [2, 5, 40, 150])
def test_forms_are_those_of_scipy(name, dtype, n, rng):
    """To the last bit where LAPACK gives the result, with blocks of as many columns too."""
    call, tolerance = FORMS[name]
    a = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
    a = (a if dtype[0] == "c" else a.real).astype(dtype)
    expected, compiled = call(scipy.linalg, a), jaxlite.jit(lambda a: call(linalg, a))(a)
    tolerance = tolerance if dtype in ("f4", "c8") else tolerance * 1e-8
    for e, c in zip(leaves(expected), leaves(compiled), strict=True):
        np.testing.assert_allclose(c, e, rtol=0, atol=tolerance * max(1.0, np.abs(e).max()))


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_nothing(name):
    call, _ = FORMS[name]
    for shape in ((0, 0), (3, 0, 0), (0, 3, 3)):
        if name == "solve_sylvester" or (len(shape) > 2 and name in ("qr", "sqrtm")):
            continue
        f = lambda a: call(linalg, a)  # noqa: E731
        for e, c in zip(leaves(f(np.zeros(shape))), leaves(jaxlite.jit(f)(np.zeros(shape))), strict=True):
            assert e.shape == c.shape
    zeros = np.zeros((0, 0)), np.eye(2), np.zeros((0, 2))
    assert jaxlite.jit(linalg.solve_sylvester)(*zeros).shape == linalg.solve_sylvester(*zeros).shape == (0, 2)


def test_forms_of_what_is_not_finite():
    a = np.stack([np.full((3, 3), np.inf), np.eye(3)])
    for f in (linalg.schur, linalg.sqrtm, jaxlite.jit(linalg.schur), jaxlite.jit(linalg.sqrtm)):
        for part in leaves(f(a)):
            assert np.isnan(part[0]).all()
            np.testing.assert_array_equal(part[1], np.eye(3))


def test_roots_of_singular_matrices():
    root = jaxlite.jit(linalg.sqrtm)
    np.testing.assert_array_equal(root(np.zeros((3, 3))), np.zeros((3, 3)))
    np.testing.assert_array_equal(root(np.diag([4.0, 0.0, 0.0])), np.diag([2.0, 0.0, 0.0]))
    # There is none.
    assert not np.isfinite(root(np.array([[0.0, 1.0], [0.0, 0.0]]))).all()


def test_single_precision_stays():
    x = S.astype(np.float32)
    for name in ("cholesky", "expm", "lu", "polar", "qr", "schur", "hessenberg", "inv"):
        assert {part.dtype.name for part in leaves(getattr(linalg, name)(x))} == {"float32"}, name
    assert linalg.sqrtm(x).dtype == np.complex64
    assert linalg.solve(np.eye(2, dtype=int), np.ones(2, int)).dtype == np.float64


def test_exponentials_of_extremes():
    np.testing.assert_array_equal(linalg.expm(np.zeros((3, 3))), np.eye(3))
    assert np.isnan(linalg.expm(1e7 * np.eye(2))).all()
    np.testing.assert_allclose(linalg.funm(A, np.exp, disp=False)[0], scipy.linalg.expm(A))


def test_errors():
    with pytest.raises(ShapeError, match=r"linalg.expm: the operand has type f64\[5,3\]"):
        linalg.expm(T)
    with pytest.raises(ShapeError, match="linalg.polar: the operand"):
        linalg.polar(T.T)
    with pytest.raises(ArgumentError, match="linalg.polar: side is 'up'"):
        linalg.polar(T, "up")
    with pytest.raises(ArgumentError, match="linalg.schur: output is 'other'"):
        linalg.schur(A, "other")
    with pytest.raises(ArgumentError, match="linalg.lu_solve: trans is 3"):
        linalg.lu_solve(linalg.lu_factor(A), V, 3)
    with pytest.raises(ShapeError, match="linalg.solve_triangular: operands have types"):
        linalg.solve_triangular(A, W)
    with pytest.raises(ShapeError, match="linalg.leslie: operands"):
        linalg.leslie(V, V)
    with pytest.raises(ShapeError, match="linalg.companion: .*\n(.*\n)*.* 2 elements at least"):
        linalg.companion(jnp.ones(1))
    with pytest.raises(ShapeError, match="linalg.block_diag"):
        linalg.block_diag(np.zeros((2, 2, 2)))
    with pytest.raises(ShapeError, match="linalg.eigh_tridiagonal"):
        linalg.eigh_tridiagonal(V, V)
    with pytest.raises(ShapeError, match="linalg.qr_multiply: c has type"):
        linalg.qr_multiply(A, W)
    with pytest.raises(ShapeError, match="linalg.qr_multiply: c has type"):
        linalg.qr_multiply(A, W, "left")
    with pytest.raises(ArgumentError, match="linalg.hadamard: n is 3"):
        linalg.hadamard(3)
    with pytest.raises(ArgumentError, match="linalg.convolution_matrix: n is 0"):
        linalg.convolution_matrix(W, 0)
    with pytest.raises(ShapeError, match=r"linalg.rsf2csf: operands have types f64\[4,4\] and f64\[2,2\]"):
        linalg.rsf2csf(A, A[:2, :2])
    for name in ("schur", "hessenberg"):
        with pytest.raises(RuleError, match=rf"{name} of a matrix of type f64\[4,4\] cannot be diff"):
            jaxlite.grad(lambda a, name=name: leaves_of(getattr(linalg, name)(a))[0].sum())(A)


# JAX has no such arguments, symmetrises what it is given, or computes in single precision.
OTHERWISE_IN_JAX = (
    "eigh general",
    "eigh upper",
    "eigh_tridiagonal some",
    "funm",
    "pascal",
    "qr_multiply left",
    "solve sym",
)


@pytest.mark.slow
@pytest.mark.parametrize("case", [c for c in CASES if c not in OTHERWISE_IN_JAX])
def test_agreement_with_jax(case, oracle):
    import jax.scipy.linalg

    call, smooth = CASES[case]
    expected = leaves(oracle.tree_util.tree_map(np.asarray, call(jax.scipy.linalg)))
    for e, g in zip(expected, leaves(call(linalg)), strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-7, atol=1e-8 * max(1.0, np.abs(e).max()))


@pytest.mark.parametrize(
    ("below", "above", "n"), [(1, 1, 5), (2, 1, 7), (0, 2, 6), (3, 0, 6), (4, 4, 3), (2, 3, 40)]
)
def test_banded_systems(below, above, n):
    rng = np.random.default_rng(below)
    ab = rng.normal(size=(below + above + 1, n))
    dense = np.array(
        [
            [ab[above + i - j, j] if -above <= i - j <= below else 0.0 for j in range(n)]
            for i in range(n)
        ]
    )  # fmt: skip
    f = jaxlite.jit(lambda ab, b: linalg.solve_banded((below, above), ab, b))
    for b in (rng.normal(size=n), rng.normal(size=(n, 3)), rng.normal(size=n) + 1j):
        expected = np.linalg.solve(dense, b)
        np.testing.assert_allclose(f(ab, b), expected, rtol=1e-10, atol=1e-12)
    before = counters.num_host_calls
    f(ab, ab[0])
    assert counters.num_host_calls == before
    stack = np.stack([ab, 2 * ab])
    got = jaxlite.vmap(lambda ab: linalg.solve_banded((below, above), ab, np.ones(n)))(stack)
    np.testing.assert_allclose(got[0], 2 * got[1], rtol=1e-9)
    # What stands outside of the matrix has no influence.
    slopes = jaxlite.grad(lambda ab: linalg.solve_banded((below, above), ab, np.ones(n)).sum())(ab)
    if above:
        assert slopes[0, 0] == 0.0
    if n < 10:
        check_grads(
            lambda ab, b: linalg.solve_banded((below, above), ab, b),
            (ab, np.ones(n)),
            order=2,
            rtol=1e-4,
            atol=1e-4,
        )


def test_errors_of_banded_systems():
    with pytest.raises(ArgumentError, match="linalg.solve_banded: l_and_u is 1"):
        linalg.solve_banded(1, np.ones((3, 4)), np.ones(4))
    with pytest.raises(ShapeError, match=r"ab is \[3, n\], and b is"):
        linalg.solve_banded((1, 1), np.ones((2, 4)), np.ones(4))
    assert not np.isfinite(linalg.solve_banded((0, 0), np.zeros((1, 2)), np.ones(2))).any()
