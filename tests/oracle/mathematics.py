"""The rows of ``jaxlite.scipy`` for the differential test, and what has none.

`MODULES` and `CLASSES` say what must be covered: the names that JAX has too.
"""

from __future__ import annotations

import functools

import numpy as np

from tests.oracle.rows import Row, Sample, each, find, modulus_of, row

# --- arrays -----------------------------------------------------------------------------------------

V = Sample((4,))
W = Sample((4,), seed=1)
U3 = Sample((3,), seed=2)
A = Sample((2, 3))
B = Sample((2, 3), seed=1)
S = Sample(())
LONG = Sample((24,))
OTHER_LONG = Sample((24,), seed=1)
SQUARE = Sample((3, 3))
REGULAR = Sample((3, 3), form="regular")
DEFINITE = Sample((3, 3), form="definite")
LOWER = Sample((3, 3), form="lower")
STACK = Sample((2, 3, 3), form="regular")
RIGHT = Sample((3, 2))
TALL = Sample((5, 3))
WIDE = Sample((3, 5))
IMAGE = Sample((5, 6))
KERNEL = Sample((2, 3))
SMALL = Sample((3, 3), -0.4, 0.4)
POSITIVE = Sample((2, 3), 0.3, 3.0)
OTHER_POSITIVE = Sample((2, 3), 0.3, 3.0, seed=1)
THIRD_POSITIVE = Sample((2, 3), 0.3, 3.0, seed=2)
ABOVE_ONE = Sample((2, 3), 1.2, 4.0)
OTHER_ABOVE_ONE = Sample((2, 3), 1.2, 4.0, seed=1)
UNIT = Sample((2, 3), 0.05, 0.95)
OTHER_UNIT = Sample((2, 3), 0.05, 0.95, seed=1)
BALL = Sample((2, 3), -0.9, 0.9)
LARGE = Sample((2, 3), 6.0, 30.0)
EMPTY = Sample((0, 3))
ORDERS = np.array([[0, 1, 2], [3, 1, 0]])
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0])

VALUES = ("evaluate", "jit", "vmap", "vmap_first")
FORWARD = ("evaluate", "jit", "jvp", "linearize", "vmap", "vmap_first")

# --- linear algebra -----------------------------------------------------------------------------------

_linalg = functools.partial(each, "scipy.linalg")


def _in(module: str):
    """Make `call` arguments: programs of the module alone."""
    return lambda program: lambda jx, *args, **options: program(find(jx, module), *args, **options)


_la = _in("scipy.linalg")


def _hermitian(a):
    return (a + a.swapaxes(-1, -2).conj()) / 2


def _of_hermitian(name: str):
    """Make a call with the Hermitian part of the matrix: what is in which triangle makes no difference."""
    return _la(lambda la, a, *args, **options: getattr(la, name)(_hermitian(a), *args, **options))


LINEAR_ALGEBRA = [
    row("scipy.linalg.block_diag", A, V, S, on="dfi"),
    row("scipy.linalg.block_diag", on="d", label="nothing", only=("evaluate", "jit")),
    *[row(f"scipy.linalg.{name}", DEFINITE, on="dfc" if not lower else "dc", lower=lower, call=_of_hermitian(name))
      for name in ("cholesky", "cho_factor") for lower in (False, True)],
    *_linalg("cholesky cho_factor", DEFINITE, on="dc", label="triangle", only=("evaluate", "jit", "vmap", "grad")),
    row("scipy.linalg.cholesky", Sample((2, 3, 3), form="definite"), on="d", label="stack",
        call=_of_hermitian("cholesky")),
    *[row("scipy.linalg.cho_solve", DEFINITE, b, on="dfc", label=label,
          call=_la(lambda la, a, b: la.cho_solve(la.cho_factor(_hermitian(a)), b)))
      for b, label in ((RIGHT, ""), (U3, "vector"))],
    row("scipy.linalg.cho_solve", DEFINITE, RIGHT, on="dc", label="lower",
        call=_la(lambda la, a, b: la.cho_solve(la.cho_factor(_hermitian(a), lower=True), b))),
    row("scipy.linalg.cho_solve", LOWER, RIGHT, on="d", label="a triangle",
        call=_la(lambda la, a, b: la.cho_solve((a, True), b))),
    *_linalg("circulant fiedler fiedler_companion companion", Sample((4,), 0.3, 2.0), on="df"),
    *_linalg("circulant fiedler toeplitz hankel", V, on="ic", label="negative"),
    *[row("scipy.linalg.convolution_matrix", V, 5, on="dfc", mode=mode) for mode in ("full", "same", "valid")],
    *_linalg("det inv", REGULAR, on="dfic"),
    *_linalg("det inv", STACK, on="d", label="stack"),
    *[row("scipy.linalg.dft", 4, on="d", scale=scale, only=("evaluate", "jit")) for scale in (None, "n", "sqrtn")],
    *[row("scipy.linalg.eigh", SQUARE, on="dfc" if lower else "d", lower=lower,
          call=lambda jx, a, **options: modulus_of("scipy.linalg.eigh")(jx, _hermitian(a), **options))
      for lower in (True, False)],
    row("scipy.linalg.eigh", SQUARE, on="dfc", eigvals_only=True, call=_of_hermitian("eigh")),
    row("scipy.linalg.eigh", SQUARE, DEFINITE, on="d", label="general", call=_of_hermitian("eigh")),
    row("scipy.linalg.eigh_tridiagonal", V, U3, on="df", eigvals_only=True),
    row("scipy.linalg.eigh_tridiagonal", V, U3, on="d", eigvals_only=True, select="i", select_range=(1, 2)),
    row("scipy.linalg.eigh_tridiagonal", V, U3, on="d", eigvals_only=True, select="v", select_range=(-9.0, 9.0)),
    row("scipy.linalg.expm", SQUARE, on="dfic"),
    row("scipy.linalg.expm", Sample((3, 3), -9.0, 9.0), on="d", label="large"),
    row("scipy.linalg.expm", Sample((2, 3, 3)), on="d", label="stack"),
    row("scipy.linalg.expm", LOWER, on="d", upper_triangular=True,
        call=lambda jx, a, **options: find(jx, "scipy.linalg.expm")(jx.numpy.triu(a.T), **options)),
    row("scipy.linalg.expm_frechet", SQUARE, SMALL, on="dc"),
    row("scipy.linalg.expm_frechet", SQUARE, SMALL, on="d", compute_expm=False),
    row("scipy.linalg.funm", DEFINITE, on="d", only=VALUES,
        call=lambda jx, a: find(jx, "scipy.linalg.funm")(a, jx.numpy.sqrt)),
    *[row("scipy.linalg.hadamard", n, on="d", label=f"{n}", only=("evaluate", "jit")) for n in (1, 4)],
    *_linalg("hilbert invhilbert pascal invpascal helmert", 4, on="d", only=("evaluate", "jit")),
    *[row(f"scipy.linalg.{name}", 4, on="d", kind=kind, only=("evaluate", "jit"))
      for name in ("pascal", "invpascal") for kind in ("lower", "upper")],
    row("scipy.linalg.helmert", 4, on="d", full=True, only=("evaluate", "jit")),
    *_linalg("toeplitz hankel", V, on="df"),
    *_linalg("toeplitz hankel", V, U3, on="dc", label="two"),
    row("scipy.linalg.hessenberg", Sample((4, 4)), on="dfc"),
    row("scipy.linalg.hessenberg", Sample((4, 4)), on="dc", calc_q=True),
    row("scipy.linalg.leslie", V, U3, on="df"),
    *[row("scipy.linalg.lu", a, on="dfc", label=label) for a, label in ((REGULAR, ""), (TALL, "tall"), (WIDE, "wide"))],
    row("scipy.linalg.lu", SQUARE, on="dc", permute_l=True),
    row("scipy.linalg.lu_factor", SQUARE, on="dfc"),
    *[row("scipy.linalg.lu_solve", SQUARE, RIGHT, on="dc", trans=trans,
          call=_la(lambda la, a, b, trans: la.lu_solve(la.lu_factor(a), b, trans))) for trans in (0, 1, 2)],
    row("scipy.linalg.lu_solve", REGULAR, U3, on="df", label="vector",
        call=_la(lambda la, a, b: la.lu_solve(la.lu_factor(a), b))),
    *[row("scipy.linalg.polar", a, on="dfc", label=label) for a, label in ((REGULAR, ""), (TALL, "tall"))],
    row("scipy.linalg.polar", WIDE, on="d", side="left"),
    row("scipy.linalg.polar", REGULAR, on="d", method="svd"),
    *[row("scipy.linalg.qr", SQUARE, on="dfc", mode=mode) for mode in ("full", "economic", "r")],
    *[row("scipy.linalg.qr", TALL, on="d", mode=mode, label=f"tall,{mode}") for mode in ("full", "economic", "r")],
    row("scipy.linalg.qr", TALL, on="d", mode="economic", pivoting=True),
    row("scipy.linalg.qr_multiply", TALL, Sample((2, 5)), on="df"),
    row("scipy.linalg.qr_multiply", SQUARE, RIGHT, on="dc", mode="left", conjugate=True),
    row("scipy.linalg.qr_multiply", TALL, Sample((2, 5)), on="d", pivoting=True, only=VALUES),
    row("scipy.linalg.rsf2csf", Sample((4, 4)), on="d", only=VALUES,
        call=_la(lambda la, a: la.rsf2csf(*la.schur(a)))),
    *[row("scipy.linalg.schur", Sample((4, 4)), on="df", output=output) for output in ("real", "complex")],
    row("scipy.linalg.schur", Sample((4, 4)), on="c", output="complex", label="complex"),
    row("scipy.linalg.solve", REGULAR, RIGHT, on="dfic"),
    row("scipy.linalg.solve", REGULAR, U3, on="dc", label="vector"),
    row("scipy.linalg.solve", DEFINITE, RIGHT, on="d", assume_a="pos", call=_of_hermitian("solve")),
    row("scipy.linalg.solve", DEFINITE, RIGHT, on="c", assume_a="pos", label="complex,pos", call=_of_hermitian("solve"),
        only=("evaluate", "jit", "jvp", "linearize", "vmap", "grad", "jit_grad")),
    row("scipy.linalg.solve", DEFINITE, RIGHT, on="dc", assume_a="her", call=_of_hermitian("solve")),
    row("scipy.linalg.solve", REGULAR, RIGHT, on="dc", assume_a="sym",
        call=_la(lambda la, a, b, **options: la.solve(a + a.T, b, **options))),
    row("scipy.linalg.solve", DEFINITE, RIGHT, on="d", assume_a="pos", lower=True, call=_of_hermitian("solve")),
    row("scipy.linalg.solve", DEFINITE, RIGHT, on="d", assume_a="pos", label="triangle",
        only=("evaluate", "jit", "vmap_first", "grad")),
    row("scipy.linalg.solve_sylvester", REGULAR, Sample((2, 2), form="regular"), RIGHT, on="dfc"),
    *[row("scipy.linalg.solve_triangular", LOWER, RIGHT, on="dc", trans=trans, lower=True, unit_diagonal=unit)
      for trans, unit in ((0, False), (1, True), (2, False), ("C", False))],
    row("scipy.linalg.solve_triangular", LOWER, U3, on="df", label="vector",
        call=_la(lambda la, a, b: la.solve_triangular(a.T, b))),
    row("scipy.linalg.sqrtm", DEFINITE, on="dc"),
    row("scipy.linalg.sqrtm", REGULAR, on="df", label="general"),
    row("scipy.linalg.svd", TALL, on="dfc", full_matrices=False, call=modulus_of("scipy.linalg.svd")),
    row("scipy.linalg.svd", SQUARE, on="d", call=modulus_of("scipy.linalg.svd")),
    row("scipy.linalg.svd", WIDE, on="dc", compute_uv=False),
]  # fmt: skip

# --- special functions --------------------------------------------------------------------------------

_special = functools.partial(each, "scipy.special")

SPECIAL_FUNCTIONS = [
    *_special("erf erfc erfcx dawsn expit i0 i0e i1 i1e log_ndtr ndtr entr", A, on="dfi"),
    *_special("erf erfc erfcx dawsn expit i0 i0e i1 i1e log_ndtr ndtr entr", SPECIAL, on="d", label="special"),
    *_special("erf erfc expit log_ndtr ndtr i0e i1e dawsn erfcx", LARGE, on="df", label="large"),
    *_special("log_ndtr", Sample((2, 3), -40.0, -6.0), on="df", label="negative"),
    *_special("gamma gammaln gammasgn loggamma digamma", POSITIVE, on="dfi"),
    *_special("gamma gammaln gammasgn digamma", Sample((2, 3), -2.8, -2.2), on="df", label="negative"),
    *_special("gamma gammaln gammasgn digamma", SPECIAL, on="d", label="special"),
    *_special("gammaln digamma", LARGE, on="df", label="large"),
    *_special("exp1 expi spence", POSITIVE, on="dfi"),
    *_special("expi", Sample((2, 3), -3.0, -0.3), on="d", label="negative"),
    *_special("exp1 expi spence", LARGE, on="d", label="large"),
    *_special("erfinv", BALL, on="df"),
    *_special("erfinv", np.array([-1.0, 0.0, 1.0, 2.0, np.nan]), on="d", label="special"),
    *_special("ndtri logit", UNIT, on="df"),
    *_special("ndtri logit", np.array([0.0, 1.0, 1e-300, 1.5, np.nan]), on="d", label="special"),
    *_special("fresnel sici", POSITIVE, on="df"),
    *_special("fresnel sici", A, on="di", label="negative"),
    *_special("fresnel sici", LARGE, on="df", label="large"),
    *_special("factorial", POSITIVE, on="di"),
    *_special("beta betaln", POSITIVE, OTHER_POSITIVE, on="dfi"),
    row("scipy.special.betainc", POSITIVE, OTHER_POSITIVE, UNIT, on="df"),
    row("scipy.special.betainc", 1.5, 0.7, UNIT, on="df", label="numbers"),
    row("scipy.special.betainc", 40.0, 70.0, UNIT, on="d", label="large"),
    *_special("gammainc gammaincc", POSITIVE, OTHER_POSITIVE, on="dfi"),
    *_special("gammainc gammaincc", POSITIVE, LARGE, on="d", label="large x"),
    *_special("gammainc gammaincc", LARGE, POSITIVE, on="d", label="large a"),
    *_special("gammainc gammaincc", np.array([0.0, 1.0, np.inf, 2.0]), np.array([1.0, 0.0, 1.0, np.inf]), on="d",
              only=VALUES, label="special"),
    *_special("boxcox boxcox1p", POSITIVE, A, on="df"),
    *_special("boxcox boxcox1p", POSITIVE, 0.0, on="d", label="zero"),
    *_special("comb", LARGE, POSITIVE, on="dfi"),
    row("scipy.special.comb", LARGE, POSITIVE, on="d", repetition=True),
    *_special("kl_div rel_entr", POSITIVE, OTHER_POSITIVE, on="dfi"),
    *_special("kl_div rel_entr", np.array([0.0, 1.0, -1.0]), np.array([1.0, 0.0, 1.0]), on="d", only=VALUES,
              label="special"),
    *_special("xlogy xlog1py", A, POSITIVE, on="dfi"),
    *_special("xlogy xlog1py", A, POSITIVE, on="c", label="complex"),
    *_special("xlogy xlog1py", np.zeros(3), np.array([0.0, 1.0, np.inf]), on="d", label="zero"),
    row("scipy.special.zeta", ABOVE_ONE, on="df"),
    row("scipy.special.zeta", ABOVE_ONE, OTHER_POSITIVE, on="df", label="q"),
    row("scipy.special.polygamma", ORDERS, POSITIVE, on="df"),
    row("scipy.special.polygamma", 1, POSITIVE, on="df", label="int"),
    row("scipy.special.polygamma", 2, LARGE, on="d", label="large"),
    row("scipy.special.poch", POSITIVE, OTHER_POSITIVE, on="df"),
    row("scipy.special.owens_t", A, B, on="df"),
    row("scipy.special.owens_t", LARGE, B, on="d", label="large"),
    *[row("scipy.special.expn", n, POSITIVE, on="d", label=f"{n}") for n in (0, 1, 3)],
    row("scipy.special.expn", ORDERS, LARGE, on="d", label="large"),
    row("scipy.special.expn", np.array([2, 3, 1]), Sample((3,), 0.5, 3.0), on="df"),
    row("scipy.special.hyp1f1", POSITIVE, OTHER_POSITIVE, A, on="df"),
    row("scipy.special.hyp1f1", 1.5, 2.25, A, on="d", label="numbers"),
    row("scipy.special.hyp1f1", 1.5, 2.25, LARGE, on="d", label="large"),
    row("scipy.special.hyp2f1", POSITIVE, OTHER_POSITIVE, THIRD_POSITIVE, BALL, on="df"),
    row("scipy.special.hyp2f1", 1.5, 0.25, 2.125, BALL, on="d", label="numbers"),
    *[row("scipy.special.multigammaln", ABOVE_ONE, d, on="dfi", label=f"{d}") for d in (1, 2)],
    *_special("bernoulli", 6, on="d", only=("evaluate", "jit")),
    row("scipy.special.bessel_jn", POSITIVE, v=3, n_iter=50, on="df", call=_in("scipy.special")(
        lambda sp, x, **options: sp.bessel_jn(x.ravel(), **options))),
    row("scipy.special.bessel_jn", S, v=2, on="d", label="rank 0"),
    row("scipy.special.sph_harm_y", np.array([2, 3]), np.array([1, -2]), Sample((2,), 0.3, 2.8), Sample((2,), 0.3, 6.0),
        n_max=4, on="df"),
    row("scipy.special.wofz", Sample((2, 3)), on="cdf"),
    row("scipy.special.wofz", Sample((2, 3), 5.0, 9.0), on="c", label="large"),
    *_special("expit logit", Sample((2, 3), -0.4, 0.4), on="c", label="complex"),
    *_special("logsumexp", A, on="dfic"),
    *_special("logsumexp", A, on="d", axis=1, keepdims=True),
    *_special("logsumexp", A, on="dc", axis=0, return_sign=True),
    row("scipy.special.logsumexp", A, B, on="dfc", label="b",
        call=_in("scipy.special")(lambda sp, a, b: sp.logsumexp(a, b=b, return_sign=True))),
    row("scipy.special.logsumexp", A, on="d", where=np.array([True, False, True]), axis=1, label="where"),
    row("scipy.special.logsumexp", SPECIAL[3:4], on="d", label="-inf"),
    *_special("softmax log_softmax", A, on="dfi", axis=1),
    *_special("softmax log_softmax", A, on="d"),
    *_special("erf gammaln expit log_ndtr i0", EMPTY, on="d", label="empty"),
    *_special("erf gammaln logit ndtri", Sample((), 0.2, 0.8), on="df", label="rank 0"),
]  # fmt: skip

# --- distributions ------------------------------------------------------------------------------------

_LOC = Sample((2, 3), 0.1, 0.3, seed=7)
_SCALE = Sample((2, 3), 1.0, 1.3, seed=8)
_COUNTS = np.array([[0, 1, 2], [3, 1, 4]])
_SHAPE = Sample((2, 3), 0.6, 3.0, seed=3)
_OTHER_SHAPE = Sample((2, 3), 0.6, 3.0, seed=4)
_CHANCE = Sample((2, 3), 0.1, 0.9, seed=5)
_EDGES = np.array([-1.0, 0.0, 0.5, 1.0, 2.0, np.inf])

# Of each: its methods, the points, its parameters as arrays and as numbers.
_CONTINUOUS = {
    "norm": ("pdf logpdf cdf logcdf sf logsf", A, (), ()),
    "cauchy": ("pdf logpdf cdf logcdf sf logsf", A, (), ()),
    "expon": ("pdf logpdf cdf logcdf sf logsf", POSITIVE, (), ()),
    "laplace": ("pdf logpdf cdf", A, (), ()),
    "logistic": ("pdf logpdf cdf sf", A, (), ()),
    "gumbel_l": ("pdf logpdf cdf logcdf sf logsf", A, (), ()),
    "gumbel_r": ("pdf logpdf cdf logcdf sf logsf", A, (), ()),
    "uniform": ("pdf logpdf cdf", Sample((2, 3), -0.5, 1.8), (), ()),
    "gamma": ("pdf logpdf cdf logcdf sf logsf", ABOVE_ONE, (_SHAPE,), (1.7,)),
    "chi2": ("pdf logpdf cdf logcdf sf logsf", ABOVE_ONE, (_SHAPE,), (2.5,)),
    "beta": ("pdf logpdf cdf logcdf sf logsf", Sample((2, 3), 0.4, 0.9), (_SHAPE, _OTHER_SHAPE), (1.7, 0.8)),
    "t": ("pdf logpdf", A, (_SHAPE,), (2.5,)),
    "pareto": ("pdf logpdf cdf logcdf sf logsf", Sample((2, 3), 2.0, 4.0), (_SHAPE,), (1.7,)),
    "truncnorm": ("pdf logpdf cdf logcdf sf logsf", Sample((2, 3), 0.0, 0.9), (Sample((2, 3), -2.0, -0.5, seed=3),
                  _SHAPE), (-1.5, 2.5)),
}  # fmt: skip
_WITHOUT_PLACE = {
    "gennorm": ("pdf logpdf cdf", A, (Sample((2, 3), 1.1, 3.0, seed=3),), (1.5,)),
    "vonmises": ("pdf logpdf", A, (_SHAPE,), (2.5,)),
    "wrapcauchy": ("pdf logpdf", Sample((2, 3), 0.2, 6.0), (_CHANCE,), (0.4,)),
}
_QUANTILES = {
    "norm": ("ppf isf", ()),
    "cauchy": ("ppf isf", ()),
    "logistic": ("ppf isf", ()),
    "expon": ("ppf", ()),
    "gumbel_l": ("ppf", ()),
    "gumbel_r": ("ppf", ()),
    "uniform": ("ppf", ()),
    "pareto": ("ppf", (_SHAPE,)),
}
# Of each: its methods and parameters.
_DISCRETE = {
    "bernoulli": ("pmf logpmf", (_CHANCE,)),
    "betabinom": ("pmf logpmf", (np.array([5, 7, 9]), _SHAPE, _OTHER_SHAPE)),
    "binom": ("pmf logpmf", (np.array([5, 7, 9]), _CHANCE)),
    "geom": ("pmf logpmf", (_CHANCE,)),
    "nbinom": ("pmf logpmf", (_SHAPE, _CHANCE)),
    "poisson": ("pmf logpmf cdf", (_SHAPE,)),
}


def _distribution_rows() -> list[Row]:
    rows = []
    for name, (methods, x, arrays, numbers) in _CONTINUOUS.items():
        of = functools.partial(each, f"scipy.stats.{name}", methods)
        rows += of(x, *arrays, on="df")
        rows += of(x, *arrays, _LOC, _SCALE, on="d", label="placed")
        rows += of(_EDGES, *numbers, on="d", only=VALUES, label="edges")
        rows += of(x, *numbers, on="fi", label="numbers") if numbers else of(x, on="i", label="int")
    for name, (methods, x, arrays, numbers) in _WITHOUT_PLACE.items():
        rows += each(f"scipy.stats.{name}", methods, x, *arrays, on="df")
        rows += each(f"scipy.stats.{name}", methods, x, *numbers, on="di", label="numbers")
    for name, (methods, arrays) in _QUANTILES.items():
        rows += each(f"scipy.stats.{name}", methods, UNIT, *arrays, on="df")
        rows += each(f"scipy.stats.{name}", methods, UNIT, *arrays, _LOC, _SCALE, on="d", label="placed")
    for name, (methods, arrays) in _DISCRETE.items():
        rows += each(f"scipy.stats.{name}", methods, _COUNTS, *arrays, on="df")
        rows += each(f"scipy.stats.{name}", methods, _COUNTS + 1, *arrays, 1, on="d", label="placed")
        rows += each(f"scipy.stats.{name}", methods, _COUNTS - 2, *arrays, on="d", only=VALUES, label="below")
    return rows


_stats = _in("scipy.stats")


def _density_call(method: str):
    """Make a call of a method of the density estimate from the first array."""
    return _stats(lambda st, data, *args: getattr(st.gaussian_kde(data), method)(*args))


DATA = Sample((2, 9))
_VECTOR_SHAPES = Sample((3,), 0.6, 3.0)
_SIMPLEX = np.array([0.2, 0.3, 0.5])

STATISTICS = [
    *_distribution_rows(),
    row("scipy.stats.bernoulli.cdf", A, _CHANCE, on="d", only=VALUES),
    row("scipy.stats.bernoulli.ppf", UNIT, _CHANCE, on="d", only=VALUES),
    row("scipy.stats.poisson.entropy", Sample((4,), 0.5, 20.0), on="df", only=VALUES),
    row("scipy.stats.poisson.entropy", Sample((4,), 150.0, 300.0), on="df", only=VALUES, label="large"),
    *each("scipy.stats.multinomial", "pmf logpmf", np.array([2, 1, 4]), 7, Sample((3,), 0.2, 0.4), on="d",
          label="any sum"),
    *each("scipy.stats.multinomial", "pmf logpmf", np.array([2, 1, 4]), 7, _SIMPLEX, on="d"),
    *each("scipy.stats.dirichlet", "pdf logpdf", _SIMPLEX, _VECTOR_SHAPES, on="d"),
    *each("scipy.stats.multivariate_normal", "pdf logpdf", Sample((3,)), U3, DEFINITE, on="df"),
    *each("scipy.stats.multivariate_normal", "pdf logpdf", RIGHT, Sample((2,)), Sample((2, 2), form="definite"),
          on="d", label="points"),
    *each("scipy.stats.multivariate_normal", "pdf logpdf", Sample((3,)), U3, Sample((), 0.5, 2.0), on="d",
          label="number"),
    row("scipy.stats.mode", np.array([[1, 2, 2], [0, 3, 3], [1, 3, 2]]), on="d"),
    row("scipy.stats.mode", Sample((4, 3)), on="di", axis=None),
    row("scipy.stats.mode", Sample((4, 3), -1, 1), on="i", axis=1, keepdims=True),
    *[row("scipy.stats.rankdata", Sample((7,), -2, 2), on="dfi", method=method)
      for method in ("average", "min", "max", "dense", "ordinal")],
    row("scipy.stats.rankdata", Sample((4, 3), -2, 2), on="di", axis=1),
    row("scipy.stats.sem", Sample((4, 3)), on="dfi"),
    row("scipy.stats.sem", Sample((4, 3)), on="d", axis=1, keepdims=True),
    row("scipy.stats.sem", Sample((4, 3)), on="d", axis=None, ddof=0),
    *[row(f"scipy.stats.gaussian_kde.{method}", DATA, Sample((2, 4), seed=1), on="df", call=_density_call(method))
      for method in ("evaluate", "pdf", "logpdf")],
    row("scipy.stats.gaussian_kde.evaluate", LONG, V, W, on="d", label="weights",
        call=_stats(lambda st, data, x, w: st.gaussian_kde(data, "silverman", abs(data))(x))),
    row("scipy.stats.gaussian_kde.set_bandwidth", LONG, V, on="d",
        call=_stats(lambda st, data, x: st.gaussian_kde(data, 0.7).pdf(x)),
        oracle=_stats(lambda st, data, x: st.gaussian_kde(data, 0.7).pdf(x))),
    row("scipy.stats.gaussian_kde.integrate_gaussian", DATA, Sample((2,)), Sample((2, 2), form="definite"), on="d",
        call=_stats(lambda st, data, mean, cov: st.gaussian_kde(data).integrate_gaussian(mean, _hermitian(cov)))),
    row("scipy.stats.gaussian_kde.integrate_box_1d", LONG, Sample((), -2.0, -1.0), Sample((), 0.5, 1.0), on="d",
        call=_density_call("integrate_box_1d")),
    row("scipy.stats.gaussian_kde.integrate_kde", LONG, OTHER_LONG, on="d",
        call=_stats(lambda st, x, y: st.gaussian_kde(x).integrate_kde(st.gaussian_kde(y)))),
    row("scipy.stats.gaussian_kde.resample", DATA, np.array([0, 3], np.uint32), on="d",
        call=_stats(lambda st, data, key: st.gaussian_kde(data).resample(key, (5,)))),
]  # fmt: skip

# --- signals, transforms and grids ----------------------------------------------------------------------

_signal = functools.partial(each, "scipy.signal")

SIGNALS = [
    *[r for mode in ("full", "same", "valid") for r in [
        *_signal("convolve correlate fftconvolve", LONG, V, on="dc", mode=mode),
        *_signal("convolve correlate", IMAGE, KERNEL, on="df", mode=mode, label=f"2-d,{mode}"),
        *_signal("convolve2d correlate2d", IMAGE, KERNEL, on="dfc", mode=mode),
    ]],
    *_signal("convolve correlate convolve2d correlate2d", IMAGE, KERNEL, on="i", label="int"),
    *_signal("convolve correlate", LONG, V, on="d", method="fft"),
    row("scipy.signal.fftconvolve", IMAGE, Sample((5, 3), seed=1), on="d", axes=1),
    *[row("scipy.signal.detrend", IMAGE, on="dfi", type=kind, axis=axis)
      for kind, axis in (("linear", -1), ("constant", 0))],
    row("scipy.signal.detrend", LONG, on="d", bp=9),
    row("scipy.signal.stft", LONG, nperseg=8, on="dfc"),
    *[row("scipy.signal.stft", LONG, nperseg=8, boundary=boundary, noverlap=5, detrend="linear", on="d")
      for boundary in (None, "even", "odd", "constant")],
    row("scipy.signal.welch", LONG, nperseg=8, on="dfc"),
    row("scipy.signal.welch", LONG, nperseg=9, scaling="spectrum", window="hamming", nfft=16, fs=2.5, on="d"),
    row("scipy.signal.welch", LONG, nperseg=6, average="median", detrend=False, on="d"),
    row("scipy.signal.csd", LONG, OTHER_LONG, nperseg=8, on="dfc"),
    row("scipy.signal.csd", Sample((2, 24)), Sample((2, 24), seed=1), nperseg=6, on="d", label="2-d"),
    row("scipy.signal.istft", Sample((5, 7)), nperseg=8, on="c"),
    row("scipy.signal.istft", Sample((5, 7)), nperseg=8, noverlap=6, fs=2.0, boundary=False, on="c"),
    row("scipy.signal.istft", Sample((8, 7)), nperseg=8, input_onesided=False, on="c"),
]  # fmt: skip

COSINE_TRANSFORMS = [
    *[r for norm in (None, "ortho") for r in [
        *each("scipy.fft", "dct idct", IMAGE, norm=norm, on="df"),
        *each("scipy.fft", "dctn idctn", IMAGE, norm=norm, on="df"),
    ]],
    *each("scipy.fft", "dct idct", IMAGE, n=4, axis=0, on="d"),
    *each("scipy.fft", "dct idct", IMAGE, n=9, on="d"),
    *each("scipy.fft", "dctn idctn", IMAGE, axes=(0,), on="d"),
    *each("scipy.fft", "dctn idctn", IMAGE, s=(4, 7), on="d"),
    *each("scipy.fft", "dct idct dctn", IMAGE, on="i", label="int"),
]  # fmt: skip

_GRID = (np.array([-2.0, -0.5, 0.3, 2.0]), np.array([-2.5, 0.0, 2.5]))


def _interpolated(jx, values, points, **options):
    return find(jx, "scipy.interpolate.RegularGridInterpolator")(_GRID, values, **options)(points)


_ROWS = Sample((4,), 0.2, 3.7)
_COLUMNS = Sample((4,), 0.3, 4.8, seed=1)

GRIDS = [
    *[row("scipy.ndimage.map_coordinates", IMAGE, [_ROWS, _COLUMNS], order, mode=mode, on="df" if order else "d",
          label=f"{order},{mode}")
      for order in (0, 1) for mode in ("constant", "nearest", "wrap", "mirror", "reflect")],
    *[row("scipy.ndimage.map_coordinates", IMAGE, [Sample((4,), -6.4, 12.3), _COLUMNS], 1, mode=mode, on="dc",
          label=f"outside,{mode}")
      for mode in ("constant", "nearest", "wrap", "mirror", "reflect")],
    row("scipy.ndimage.map_coordinates", IMAGE, [_ROWS, _COLUMNS], 1, on="i", label="int",
        call=_in("scipy.ndimage")(lambda nd, x, at, order: nd.map_coordinates(x, [0.5 * t for t in at], order))),
    row("scipy.ndimage.map_coordinates", IMAGE, [Sample((4,), -2.0, 0.5), _COLUMNS], 1, cval=1.5, on="d"),
    *[row("scipy.interpolate.RegularGridInterpolator", Sample((4, 3)), Sample((5, 2), -1.9, 1.9), method=method,
          on="df", call=_interpolated) for method in ("linear", "nearest")],
    row("scipy.interpolate.RegularGridInterpolator", Sample((4, 3)), Sample((5, 2), -4.0, 4.0), on="d",
        fill_value=None, call=_interpolated),
    row("scipy.interpolate.RegularGridInterpolator", Sample((4, 3)), Sample((5, 2), -4.0, 4.0), on="d",
        fill_value=1.5, call=_interpolated),
    row("scipy.integrate.trapezoid", A, on="dfi"),
    row("scipy.integrate.trapezoid", A, B, on="dc", axis=0),
    row("scipy.integrate.trapezoid", A, on="d", dx=0.5),
    row("scipy.cluster.vq.vq", Sample((6, 2)), Sample((3, 2), seed=1), on="df"),
    row("scipy.cluster.vq.vq", Sample((6,)), Sample((3,), seed=1), on="d", label="1-d"),
]  # fmt: skip

# --- solvers --------------------------------------------------------------------------------------------


def _valley(jx, x, a):
    return jx.numpy.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (a - x[:-1]) ** 2)


def _minimize(jx, x0, a, what, **options):
    found = find(jx, "scipy.optimize.minimize")(
        lambda x, a: _valley(jx, x, a), x0, (a,), method="BFGS", **options
    )
    return getattr(found, what)


_KRYLOV = [
    row(f"scipy.sparse.linalg.{name}", a, U3, on=on, label=label, tol=1e-12,
        call=lambda jx, a, b, name=name, **options: find(jx, f"scipy.sparse.linalg.{name}")(a, b, **options)[0])
    for name, a in (("cg", DEFINITE), ("bicgstab", REGULAR), ("gmres", REGULAR))
    for on, label in (("dc", ""),)
]  # fmt: skip

SOLVERS = [
    *[row("scipy.optimize.minimize", Sample((3,), 0.5, 0.9), Sample((), 0.9, 1.1), what, on="d", only=FORWARD,
          label=what, options={"gtol": 1e-9}, call=_minimize) for what in ("x", "fun")],
    *[row("scipy.optimize.minimize", Sample((3,), 0.5, 0.9), Sample((), 0.9, 1.1), what, on="d",
          only=("evaluate", "jit"), label=what, call=_minimize)
      for what in ("success", "status", "nit", "nfev", "njev")],
    *_KRYLOV,
    *[row(f"scipy.sparse.linalg.{name}", DEFINITE, U3, on="d", label="function and preconditioner",
          call=lambda jx, a, b, name=name: find(jx, f"scipy.sparse.linalg.{name}")(
              lambda x: a @ x, b, x0=0.5 * b, tol=1e-12, M=lambda x: x / jx.numpy.diag(a))[0])
      for name in ("cg", "bicgstab", "gmres")],
    row("scipy.sparse.linalg.gmres", REGULAR, U3, on="d", label="incremental",
        call=lambda jx, a, b: find(jx, "scipy.sparse.linalg.gmres")(
            a, b, tol=1e-12, solve_method="incremental", restart=2)[0]),
    row("scipy.sparse.linalg.cg", DEFINITE, U3, on="d", label="one step",
        call=lambda jx, a, b: find(jx, "scipy.sparse.linalg.cg")(a, b, maxiter=1)[0]),
]  # fmt: skip

# --- rotations ------------------------------------------------------------------------------------------

QUATERNION = Sample((4,), 0.2, 1.0)
QUATERNIONS = Sample((3, 4), 0.2, 1.0)
VECTOR = Sample((3,), -0.9, 0.9)
VECTORS = Sample((3, 3), -0.9, 0.9)
_transform = _in("scipy.spatial.transform")


def _as(how: str, *options):
    """Make a call: rotations from quaternions, in another form."""
    return _transform(lambda tr, q: getattr(tr.Rotation.from_quat(q), how)(*options))


def _from(how: str, *options):
    """Make a call: rotations from another form, as matrices."""
    return _transform(lambda tr, x: getattr(tr.Rotation, how)(*options, x).as_matrix())


_R = "scipy.spatial.transform.Rotation"
ROTATIONS = [
    *[row(f"{_R}.{how}", x, on="df" if x is QUATERNION else "d", call=_as(how), label=label)
      for how in ("as_quat", "as_matrix", "as_rotvec", "as_mrp", "magnitude")
      for x, label in ((QUATERNION, ""), (QUATERNIONS, "several"))],
    *[row(f"{_R}.as_euler", x, on="d", call=_as("as_euler", axes, degrees), label=f"{axes},{label}")
      for axes, degrees in (("xyz", False), ("ZYX", True), ("zxz", False))
      for x, label in ((QUATERNION, ""), (QUATERNIONS, "several"))],
    *[row(f"{_R}.{how}", x, on="df" if x is VECTOR else "d", call=_from(how), label=label)
      for how in ("from_rotvec", "from_mrp") for x, label in ((VECTOR, ""), (VECTORS, "several"))],
    row(f"{_R}.from_quat", QUATERNIONS, on="d", call=_from("from_quat")),
    row(f"{_R}.from_matrix", QUATERNIONS, on="d", call=_transform(
        lambda tr, q: tr.Rotation.from_matrix(tr.Rotation.from_quat(q).as_matrix()).as_quat())),
    *[row(f"{_R}.from_euler", VECTOR, on="df", call=_from("from_euler", axes), label=axes) for axes in ("xyz", "ZYX")],
    row(f"{_R}.from_euler", S, on="d", call=_from("from_euler", "z"), label="z"),
    *[row(f"{_R}.apply", QUATERNION, x, on="d", label=label,
          call=_transform(lambda tr, q, x: tr.Rotation.from_quat(q).apply(x)))
      for x, label in ((VECTOR, ""), (VECTORS, "several"))],
    row(f"{_R}.apply", QUATERNIONS, VECTORS, on="d", label="inverse",
        call=_transform(lambda tr, q, x: tr.Rotation.from_quat(q).apply(x, inverse=True))),
    *[row(f"{_R}.inv", x, on="d", call=_transform(lambda tr, q: tr.Rotation.from_quat(q).inv().as_matrix()),
          label=label)
      for x, label in ((QUATERNION, ""), (QUATERNIONS, "several"))],
    row(f"{_R}.mean", QUATERNIONS, on="d", call=_transform(
        lambda tr, q: tr.Rotation.from_quat(q).mean().as_matrix())),
    row(f"{_R}.concatenate", QUATERNIONS, QUATERNIONS, on="d", call=_transform(
        lambda tr, p, q: tr.Rotation.concatenate([tr.Rotation.from_quat(p), tr.Rotation.from_quat(q)]).as_matrix())),
    row(f"{_R}.single", QUATERNION, on="d", eager=True, call=_transform(lambda tr, q: tr.Rotation.from_quat(q).single)),
    row(f"{_R}.single", QUATERNIONS, on="d", eager=True, label="several",
        call=_transform(lambda tr, q: tr.Rotation.from_quat(q).single)),
    *[row(f"{_R}.identity", on="d", only=("evaluate", "jit"), label=f"{n}",
          call=_transform(lambda tr, n=n: tr.Rotation.identity(n).as_quat())) for n in (None, 3)],
    *[row(f"{_R}.random", np.array([0, 3], np.uint32), on="d", label=f"{n}",
          call=_transform(lambda tr, key, n=n: tr.Rotation.random(key, n).as_quat())) for n in (None, 3)],
    row("scipy.spatial.transform.Rotation.concatenate", QUATERNION, QUATERNIONS, on="d", label="product",
        call=_transform(lambda tr, p, q: (tr.Rotation.from_quat(p) * tr.Rotation.from_quat(q[0])).as_matrix())),
    row("scipy.spatial.transform.Slerp.init", QUATERNIONS, Sample((4,), 0.1, 1.9), on="d", call=_transform(
        lambda tr, q, t: tr.Slerp.init(np.array([0.0, 0.5, 2.0]), tr.Rotation.from_quat(q))(t).as_matrix())),
]  # fmt: skip

ROWS = [
    *LINEAR_ALGEBRA,
    *SPECIAL_FUNCTIONS,
    *STATISTICS,
    *SIGNALS,
    *COSINE_TRANSFORMS,
    *GRIDS,
    *SOLVERS,
    *ROTATIONS,
]

EXCLUDED: dict[str, str] = {}

_DISTRIBUTIONS = (
    "bernoulli beta betabinom binom cauchy chi2 dirichlet expon gamma gennorm geom gumbel_l gumbel_r laplace logistic "
    "multinomial multivariate_normal nbinom norm pareto poisson t truncnorm uniform vonmises wrapcauchy"
)
MODULES = (
    *(f"scipy.{name}" for name in ("linalg", "special", "stats", "signal", "fft", "ndimage", "interpolate")),
    *(
        f"scipy.{name}"
        for name in ("optimize", "sparse.linalg", "integrate", "cluster.vq", "spatial.transform")
    ),
    *(f"scipy.stats.{name}" for name in _DISTRIBUTIONS.split()),
)
# Their methods have rows; of the one without any, calls.
CLASSES = (
    "scipy.interpolate.RegularGridInterpolator",
    "scipy.stats.gaussian_kde",
    "scipy.spatial.transform.Rotation",
    "scipy.spatial.transform.Slerp",
)
