"""``jaxlite.scipy.stats``: values against SciPy, derivatives against JAX and finite differences."""

import math

import mpmath
import numpy as np
import pytest
import scipy.stats

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.errors import ArgumentError, DtypeError, ShapeError
from jaxlite.scipy import special, stats
from jaxlite.test_util import check_grads
from tests.sampling import one_in

X = np.array([-600.0, -3.0, -0.5, 0.0, 0.3, 0.5, 1.0, 2.0, 4.5, 6.0, 40.0])
Q = np.array([-0.1, 0.0, 1e-9, 0.2, 0.5, 0.7, 0.999, 1.0, 1.5])
K = np.array([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 9.0])

# name: parameters, the points where derivatives are compared
ROWS = {
    "norm": ((), (-30.0, -0.5, 2.0)),
    "cauchy": ((), (-3.0, 0.2, 4.0)),
    "expon": ((), (0.6, 2.0)),
    "laplace": ((), (-3.0, 0.2, 4.0)),
    "logistic": ((), (-3.0, 0.2, 4.0)),
    "gumbel_r": ((), (-2.0, 0.2, 4.0)),
    "gumbel_l": ((), (-4.0, 0.2, 2.0)),
    "uniform": ((), (0.7, 1.2)),
    "gamma": ((2.5,), (0.7, 3.0)),
    "chi2": ((3.0,), (0.7, 3.0)),
    "beta": ((2.5, 0.7), (0.7, 1.2)),
    "t": ((4.0,), (-3.0, 0.7)),
    "pareto": ((2.5,), (2.7, 5.0)),
    "gennorm": ((1.5,), (-2.0, 0.7)),
    "truncnorm": ((-0.5, 2.0), (0.7, 2.1)),
    "vonmises": ((3.0,), (-0.7, 2.0)),
    "wrapcauchy": ((0.4,), (0.7, 3.0)),
    "bernoulli": ((0.3,), (0.0, 1.0)),
    "binom": ((7.0, 0.3), (0.0, 3.0)),
    "betabinom": ((7.0, 0.6, 2.0), (0.0, 3.0)),
    "geom": ((0.3,), (1.0, 3.0)),
    "nbinom": ((2.5, 0.3), (0.0, 3.0)),
    "poisson": ((2.5,), (0.0, 3.0)),
}
METHODS = ("pdf", "logpdf", "pmf", "logpmf", "cdf", "logcdf", "sf", "logsf", "ppf", "isf")
CALLS = [(name, m) for name in ROWS for m in METHODS if hasattr(getattr(stats, name), m)]


def is_discrete(name):
    return hasattr(getattr(stats, name), "pmf")


def first_argument(name, method):
    return Q if method in ("ppf", "isf") else K if is_discrete(name) else X


def places(name, method):
    """Positions: a shift, and a scale where there is one."""
    if name in ("vonmises", "wrapcauchy") or (name == "bernoulli" and method in ("cdf", "ppf")):
        return ()
    return (1.0,) if is_discrete(name) else (0.1, 1.3)


def test_every_name_of_jax_is_there(oracle):
    import jax.scipy.stats

    for name in dir(jax.scipy.stats):
        if not name.startswith("_"):
            theirs, ours = getattr(jax.scipy.stats, name), getattr(stats, name)
            assert {n for n in dir(theirs) if not n.startswith("_")} - set(dir(ours)) <= {
                "integrate_box",
                "resample",
            } or callable(theirs)


@pytest.mark.parametrize(("name", "method"), one_in(3, CALLS))
def test_values(name, method):
    ours, theirs = (getattr(getattr(module, name), method) for module in (stats, scipy.stats))
    x, params = first_argument(name, method), ROWS[name][0]
    for place in {(), places(name, method)}:
        given = x
        if place and method not in ("ppf", "isf"):
            given = x * place[1] + place[0] if len(place) > 1 else x + place[0]
        if name == "vonmises":
            given = np.linspace(-3.0, 3.0, 7)
        with np.errstate(all="ignore"):
            expected = theirs(given, *params, *place)
        got = ours(given, *params, *place)
        assert type(got) is jaxlite.Array
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-15)
        np.testing.assert_allclose(jaxlite.jit(ours)(given, *params, *place), got, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize(("name", "method"), one_in(3, CALLS))
def test_derivatives(name, method):
    f, (params, points) = getattr(getattr(stats, name), method), ROWS[name]
    place = places(name, method)
    for x in (0.2, 0.7) if method in ("ppf", "isf") else points:
        args = (x + 1.0 if len(place) == 1 else x, *params, *place)
        # Counts have no derivative, and neither has the probability of one.
        skipped = {0, len(args) - 1} if is_discrete(name) else set()
        skipped |= {1} if name in ("binom", "betabinom") else set()
        for i in set(range(len(args))) - skipped:
            step = 1e-6
            low, high = ((*args[:i], args[i] + s * step, *args[i + 1 :]) for s in (-1, 1))
            expected = (f(*high) - f(*low)) / (2 * step)
            got = jaxlite.grad(f, i)(*args)
            if np.isfinite(expected):
                np.testing.assert_allclose(got, expected, rtol=2e-6, atol=1e-8, err_msg=f"{args} {i}")


# Quantiles have no support.
@pytest.mark.parametrize(("name", "method"), one_in(3, [c for c in CALLS if c[1] not in ("ppf", "isf")]))
def test_no_nan_outside_of_the_support(name, method):
    f, params = getattr(getattr(stats, name), method), ROWS[name][0]
    x = first_argument(name, method)
    slopes = jaxlite.vmap(jaxlite.grad(lambda x: f(x, *params)))(x)
    assert not np.isnan(slopes).any(), slopes


def test_single_precision_stays():
    x = np.array([0.5, 1.0], np.float32)
    for name, method in CALLS:
        f, params = getattr(getattr(stats, name), method), ROWS[name][0]
        assert f(x, *params).dtype == np.float32, (name, method)
        assert jaxlite.eval_shape(lambda x, f=f, params=params: f(x, *params), x).dtype == np.float32
    assert stats.norm.logpdf(1).dtype == np.float64
    assert jaxlite.jit(stats.norm.logpdf)(np.zeros((0, 2))).shape == (0, 2)
    assert stats.gamma.logpdf(np.ones((3, 1)), np.ones(4)).shape == (3, 4)


def test_parameters_outside_of_their_range_give_nan():
    for value in (
        stats.norm.logpdf(1.0, 0.0, -1.0),
        stats.gamma.logpdf(1.0, -1.0),
        stats.truncnorm.logpdf(0.3, 2.0, -1.0),
        stats.poisson.pmf(1.0, -2.0),
        stats.uniform.ppf(0.5, 0.0, -1.0),
        stats.bernoulli.pmf(1.0, 1.5),
    ):
        assert np.isnan(value)


def test_tails():
    np.testing.assert_allclose(stats.norm.logcdf(-40.0), scipy.stats.norm.logcdf(-40.0), rtol=1e-13)
    np.testing.assert_allclose(stats.cauchy.sf(1e20), 1 / (math.pi * 1e20), rtol=1e-13)
    np.testing.assert_allclose(stats.expon.logcdf(1e-20), math.log(1e-20), rtol=1e-13)
    np.testing.assert_allclose(
        jaxlite.jit(stats.truncnorm.logpdf)(31.0, 30.0, 32.0), scipy.stats.truncnorm.logpdf(31.0, 30.0, 32.0)
    )


def test_vectors():
    rng = np.random.default_rng(3)
    x = np.array([2, 1, 4])
    p = np.array([0.3, 0.2, 0.5])
    np.testing.assert_allclose(stats.multinomial.logpmf(x, 7, p), scipy.stats.multinomial.logpmf(x, 7, p))
    np.testing.assert_allclose(
        jaxlite.jit(stats.multinomial.pmf)(x, 7, p), scipy.stats.multinomial.pmf(x, 7, p)
    )
    assert stats.multinomial.logpmf(x, 8, p) == -np.inf
    alpha = np.array([0.7, 2.0, 3.0])
    np.testing.assert_allclose(stats.dirichlet.logpdf(p, alpha), scipy.stats.dirichlet.logpdf(p, alpha))
    np.testing.assert_allclose(stats.dirichlet.pdf(p[:2], alpha), scipy.stats.dirichlet.pdf(p, alpha))
    assert stats.dirichlet.logpdf(np.array([0.5, 0.6, 0.2]), alpha) == -np.inf
    mean, a = rng.normal(size=3), rng.normal(size=(3, 3))
    cov, points = a @ a.T + np.eye(3), rng.normal(size=(5, 3))
    f = stats.multivariate_normal.logpdf
    expected = scipy.stats.multivariate_normal.logpdf(points, mean, cov)
    np.testing.assert_allclose(f(points, mean, cov), expected)
    np.testing.assert_allclose(jaxlite.jit(f)(points, mean, cov), expected)
    np.testing.assert_allclose(jaxlite.vmap(f, in_axes=(0, None, None))(points, mean, cov), expected)
    np.testing.assert_allclose(jaxlite.vmap(f, (0, None, 0))(points, mean, np.stack([cov] * 5)), expected)
    np.testing.assert_allclose(
        f(points, mean, 2.0), scipy.stats.multivariate_normal.logpdf(points, mean, 2.0)
    )
    check_grads(lambda x, m, c: f(x, m, c).sum(), (points, mean, cov), order=2)


@pytest.mark.parametrize("weighted", [False, True])
def test_density_estimates(weighted):
    rng = np.random.default_rng(4)
    for data in (rng.normal(size=20), rng.normal(size=(2, 20))):
        weights = rng.uniform(size=20) if weighted else None
        ours = stats.gaussian_kde(data, "silverman" if weighted else None, weights)
        theirs = scipy.stats.gaussian_kde(data, "silverman" if weighted else None, weights)
        points = rng.normal(size=data.shape[:-1] + (6,))
        np.testing.assert_allclose(ours(points), theirs(points))
        np.testing.assert_allclose(
            jaxlite.jit(lambda kde, x: kde.logpdf(x))(ours, points), theirs.logpdf(points)
        )
        d = np.atleast_2d(data).shape[0]
        np.testing.assert_allclose(
            ours.integrate_gaussian(np.zeros(d), np.eye(d)), theirs.integrate_gaussian(np.zeros(d), np.eye(d))
        )
        np.testing.assert_allclose(ours.integrate_kde(ours), theirs.integrate_kde(theirs))
        if d == 1:
            np.testing.assert_allclose(ours.integrate_box_1d(-1, 0.5), theirs.integrate_box_1d(-1, 0.5))
        check_grads(lambda x, ours=ours: ours.logpdf(x), (points,), order=1)


def test_statistics():
    rng = np.random.default_rng(5)
    a = rng.integers(0, 4, (6, 5))
    for axis in (0, 1, None):
        got, expected = stats.mode(a, axis=axis), scipy.stats.mode(a, axis=axis)
        np.testing.assert_array_equal(got.mode, expected.mode)
        np.testing.assert_array_equal(got.count, expected.count)
        for method in ("average", "min", "max", "dense", "ordinal"):
            np.testing.assert_array_equal(
                jaxlite.jit(lambda a, method=method, axis=axis: stats.rankdata(a, method, axis=axis))(a),
                scipy.stats.rankdata(a, method, axis=axis),
            )
        np.testing.assert_allclose(stats.sem(a, axis), scipy.stats.sem(a, axis))
    x = np.array([1.0, np.nan, 3.0, 7.0])
    np.testing.assert_allclose(stats.sem(x, nan_policy="omit"), scipy.stats.sem(x, nan_policy="omit"))
    check_grads(stats.sem, (rng.normal(size=5),), order=1)


def test_ranks_and_modes_of_ties_infinities_and_nans():
    rows = np.array([[2.0, np.inf, 2.0, -0.0, 0.0, 7.0], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0], [6, 5, 4, 3, 2, 1]])
    for method in ("average", "min", "max", "dense", "ordinal"):
        np.testing.assert_array_equal(
            stats.rankdata(rows, method, axis=1), scipy.stats.rankdata(rows, method, axis=1)
        )
        assert np.isnan(stats.rankdata(np.array([1.0, np.nan]), method)).all()
    got = stats.mode(rows, axis=1)
    np.testing.assert_array_equal(got.mode, [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(got.count, [2, 6, 1])
    # A nan is equal to nothing.
    got = stats.mode(np.array([np.nan, 3.0, np.nan, 3.0]))
    assert (got.mode, got.count) == (3.0, 2)


@pytest.mark.parametrize("function", [stats.mode, stats.rankdata])
def test_ranks_and_modes_hold_no_more_than_rows(function):
    jaxpr = jaxlite.make_jaxpr(function)(np.zeros(100)).jaxpr
    assert max(v.aval.size for eqn in jaxpr.eqns for v in eqn.outvars) <= 101


def test_numbers_do_not_decide_the_dtype():
    x = np.array([0.1, 0.3], np.float32)
    assert stats.multivariate_normal.logpdf(x, 0.0, 2.0).dtype == np.float32
    assert stats.multivariate_normal.logpdf(x, 0.0, np.eye(2)).dtype == np.float64
    assert stats.dirichlet.logpdf(x, np.ones(3, np.float32)).dtype == np.float32
    with pytest.raises(DtypeError, match="dirichlet.logpdf takes real numbers"):
        stats.dirichlet.logpdf(x, np.ones(3, complex))
    with pytest.raises(DtypeError, match="multivariate_normal.logpdf takes arrays and numbers, not list"):
        stats.multivariate_normal.logpdf([0.0], 0.0, 1.0)


def test_entropy_of_poisson():
    mu = np.array([0.0, 0.01, 1.0, 30.0, 900.0, 5e5])
    got = jaxlite.jit(stats.poisson.entropy)(mu)
    np.testing.assert_allclose(got[:5], scipy.stats.poisson.entropy(mu[:5]), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(got[5], 0.5 * np.log(2 * np.pi * np.e * mu[5]), rtol=1e-6)
    check_grads(stats.poisson.entropy, (3.0,), order=1)


def test_distribution_of_t_in_the_middle_and_in_its_tails():
    mp = mpmath.mp

    def cdf(z, df):
        tail = mp.betainc(df / 2, 0.5, 0, df / (df + z * z), regularized=True) / 2
        return tail if z < 0 else 1 - tail

    for z in (-300.0, -3.0, -1e-3, 1e-3, 0.7, 40.0):
        for df in (0.8, 4.0, 90.0):
            # Enough digits for 1 less a probability of 1e-59.
            with mpmath.workdps(160):
                expected = cdf(mpmath.mpf(z), mpmath.mpf(df))
                by_df = mp.diff(lambda v, z=z: cdf(mpmath.mpf(z), v), mpmath.mpf(df))
            np.testing.assert_allclose(jaxlite.jit(stats.t.cdf)(z, df), float(expected), rtol=1e-13)
            np.testing.assert_allclose(stats.t.logcdf(z, df), float(mp.log(expected)), rtol=1e-12, atol=1e-16)
            np.testing.assert_allclose(jaxlite.grad(stats.t.cdf, 1)(z, df), float(by_df), rtol=1e-8)
    assert jaxlite.grad(stats.t.cdf, 1)(0.0, 4.0) == 0.0
    np.testing.assert_allclose(jaxlite.grad(stats.t.cdf)(0.0, 4.0), stats.t.pdf(0.0, 4.0), rtol=1e-14)


@pytest.mark.parametrize("df", [pytest.param(1.0, marks=pytest.mark.slow), 1e3, 1e6, 1e10, 1e15, np.inf])
def test_t_for_few_and_for_endless_degrees_of_freedom(df):
    z, q = np.array([-36.0, -3.0, -1.0, -1e-5, 0.0, 6.0]), np.array([0.0, 1e-300, 1e-20, 0.3, 0.5, 0.99])
    for method, x in (("logpdf", z), ("cdf", z), ("sf", z), ("ppf", q), ("isf", q)):
        f, expected = getattr(stats.t, method), getattr(scipy.stats.t, method)(x, df)
        for g in (f, jaxlite.jit(f)):
            np.testing.assert_allclose(g(x, np.full(x.shape, df)), expected, rtol=1e-11, atol=0)
    slopes = [jaxlite.grad(getattr(stats.t, m), 1)(x, df) for m, x in (("cdf", -2.0), ("ppf", 0.01))]
    assert np.isfinite(slopes).all()


def test_tails_that_a_complement_does_not_know():
    for wrap in (lambda f: f, jaxlite.jit):
        np.testing.assert_allclose(
            wrap(stats.beta.logsf)(1e-300, 0.01, 5.0), float(_log_upper_beta(1e-300, 0.01, 5.0)), rtol=1e-12
        )
        np.testing.assert_allclose(
            wrap(stats.beta.sf)(1e-300, 0.01, 5.0), np.exp(float(_log_upper_beta(1e-300, 0.01, 5.0)))
        )
        np.testing.assert_allclose(wrap(stats.binom.sf)(0.0, 1000.0, 1e-18), 1e-15, rtol=1e-12)
        np.testing.assert_allclose(wrap(stats.nbinom.sf)(0.0, 2.0, 1 - 1e-12), 2e-12, rtol=1e-3)


@pytest.mark.parametrize("a", [-40.0, -5.0, -0.05, 0.0, 0.3, 2.0, 100.0])
@pytest.mark.parametrize("width", [1e-12, 1e-6, 1e-2, 0.09, 0.11, 0.5])
def test_truncation_to_narrow_intervals(a, width):
    b = a + width

    def density(x):
        left, right = (mpmath.erfc(mpmath.mpf(v) / mpmath.sqrt(2)) for v in (a, b))
        return mpmath.exp(-(mpmath.mpf(x) ** 2) / 2) * mpmath.sqrt(2 / mpmath.pi) / (left - right)

    with mpmath.workdps(400):
        at_a, at_b = float(density(a)), float(density(b))
    for wrap in (lambda f: f, jaxlite.jit):
        np.testing.assert_allclose(wrap(stats.truncnorm.pdf)(a, a, b), at_a, rtol=1e-11)
        np.testing.assert_allclose(wrap(jaxlite.grad(stats.truncnorm.logpdf, 2))(a, a, b), -at_b, rtol=1e-11)


# method: its operands, and how much of the mass is not in the part
NEARLY_ALL = {
    "gamma.logcdf": ((40.0, 2.5), lambda x, a: mpmath.gammainc(a, x, mpmath.inf, regularized=True)),
    "gamma.logsf": ((1e-8, 2.5), lambda x, a: mpmath.gammainc(a, 0, x, regularized=True)),
    "chi2.logsf": ((1e-8, 5.0), lambda x, df: mpmath.gammainc(df / 2, 0, x / 2, regularized=True)),
    "cauchy.logcdf": ((1e10,), lambda x: 0.5 - mpmath.atan(x) / mpmath.pi),
    "beta.logcdf": ((1 - 2.0**-30, 2.0, 3.0), lambda x, a, b: mpmath.betainc(a, b, x, 1, regularized=True)),
    "beta.logsf": ((1e-9, 2.0, 3.0), lambda x, a, b: mpmath.betainc(a, b, 0, x, regularized=True)),
    "t.logcdf": (
        (300.0, 4.0),
        lambda x, n: mpmath.betainc(n / 2, 0.5, 0, n / (n + x * x), regularized=True) / 2,
    ),
    "wrapcauchy.logsf": (
        (1e-9, 0.3),
        lambda x, c: mpmath.atan((1 + c) / (1 - c) * mpmath.tan(x / 2)) / mpmath.pi,
    ),
    "truncnorm.logcdf": (
        (2 - 2.0**-33, -1.0, 2.0),
        lambda x, a, b: (mpmath.ncdf(b) - mpmath.ncdf(x)) / (mpmath.ncdf(b) - mpmath.ncdf(a)),
    ),
    "truncnorm.logsf": (
        (-1 + 2.0**-33, -1.0, 2.0),
        lambda x, a, b: (mpmath.ncdf(x) - mpmath.ncdf(a)) / (mpmath.ncdf(b) - mpmath.ncdf(a)),
    ),
    "poisson.logcdf": ((30.0, 2.5), lambda k, mu: mpmath.gammainc(k + 1, 0, mu, regularized=True)),
    "binom.logcdf": ((19.0, 20.0, 0.1), lambda k, n, p: mpmath.betainc(k + 1, n - k, 0, p, regularized=True)),
    "nbinom.logcdf": ((100.0, 2.0, 0.5), lambda k, n, p: mpmath.betainc(n, k + 1, p, 1, regularized=True)),
    "geom.logcdf": ((300.0, 0.3), lambda k, p: (1 - p) ** k),
    "bernoulli.logsf": ((0.0, 1 - 2.0**-40), lambda k, p: 1 - p),
}


@pytest.mark.parametrize("name", NEARLY_ALL)
def test_logarithms_of_nearly_all_of_the_mass(name):
    (operands, rest), (distribution, method) = NEARLY_ALL[name], name.split(".")
    f = getattr(getattr(stats, distribution), method)
    first = int(distribution in ("poisson", "binom", "nbinom", "geom", "bernoulli"))
    with mpmath.workdps(60):
        exact = [mpmath.mpf(v) for v in operands]
        value = float(mpmath.log1p(-rest(*exact)))

        def partial(position):
            moved = lambda v: mpmath.log1p(-rest(*exact[:position], v, *exact[position + 1 :]))  # noqa: E731
            return float(mpmath.diff(moved, exact[position], h=exact[position] * mpmath.mpf(10) ** -25))

        slopes = {i: partial(i) for i in range(first, len(operands))}
    for g in (f, jaxlite.jit(f)):
        np.testing.assert_allclose(g(*operands), value, rtol=1e-12, atol=0)
    for position, slope in slopes.items():
        np.testing.assert_allclose(jaxlite.grad(f, position)(*operands), slope, rtol=1e-8)


def _log_upper_beta(x, a, b):
    with mpmath.workdps(40):
        return mpmath.log(mpmath.betainc(a, b, mpmath.mpf(x), 1, regularized=True))


@pytest.mark.parametrize(
    ("name", "q", "slope"),
    [
        *(("gumbel_r.ppf", 0.0, np.inf), ("gumbel_r.ppf", 1.0, np.inf), ("gumbel_r.isf", 1.0, -np.inf)),
        *(("gumbel_l.ppf", 0.0, np.inf), ("gumbel_l.ppf", 1.0, np.inf), ("gumbel_l.isf", 0.0, -np.inf)),
        *(("gumbel_r.ppf", 0.3, -1 / (0.3 * math.log(0.3))), ("gumbel_l.ppf", 1e-300, 1e300)),
        *(("cauchy.ppf", 0.0, np.inf), ("cauchy.ppf", 1e-300, np.inf), ("cauchy.isf", 0.0, -np.inf)),
        *(("cauchy.isf", 1e-100, -1e200 / math.pi), ("cauchy.isf", 0.5, -math.pi)),
    ],
)
def test_slopes_of_quantiles_at_the_ends(name, q, slope):
    distribution, method = name.split(".")
    f = jaxlite.grad(getattr(getattr(stats, distribution), method))
    for g in (f, jaxlite.jit(f)):
        np.testing.assert_allclose(g(q), slope, rtol=1e-13)


def test_quantiles_at_zero_do_not_depend_on_the_shape():
    for f in (jaxlite.grad(stats.gamma.ppf, 1), jaxlite.jit(jaxlite.grad(stats.chi2.ppf, 1))):
        assert f(0.0, 5.0) == 0


def test_slopes_of_t_for_one_degree_of_freedom():
    # Both parameters of its incomplete beta function are ½ there.
    slope = jaxlite.grad(stats.t.cdf, 1)(-2.0, 1.0)
    with mpmath.workdps(40):

        def tail(df):
            return mpmath.betainc(df / 2, mpmath.mpf(0.5), 0, df / (df + 4), regularized=True) / 2

        np.testing.assert_allclose(slope, float(mpmath.diff(tail, 1)), rtol=1e-10)


@pytest.mark.parametrize(
    ("a", "b", "q"), [(0.01, 5.0, 0.2), (0.01, 5.0, 0.9), (2.0, 1e6, 0.2), (3.0, 0.5, 1e-40)]
)
def test_upper_quantiles_of_beta_near_the_ends(a, b, q):
    def excess(logarithm):
        return mpmath.betainc(a, b, 0, mpmath.exp(logarithm), regularized=True) - (1 - mpmath.mpf(q))

    with mpmath.workdps(60):
        guess = stats.beta.isf(q, a, b)
        x = float(mpmath.exp(mpmath.findroot(excess, mpmath.log(float(guess))))) if guess < 1 else 1.0
        slope = (
            -1 / (mpmath.mpf(x) ** (a - 1) * (1 - mpmath.mpf(x)) ** (b - 1) / mpmath.beta(a, b))
            if x < 1
            else None
        )
    for wrap in (lambda f: f, jaxlite.jit):
        np.testing.assert_allclose(wrap(stats.beta.isf)(q, a, b), x, rtol=1e-12)
        np.testing.assert_allclose(wrap(special.betainccinv)(a, b, q), x, rtol=1e-12)
    if slope is not None:
        np.testing.assert_allclose(jaxlite.grad(stats.beta.isf)(q, a, b), float(slope), rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "z", "shapes"),
    [("gamma", 0.0, (0.5,)), ("chi2", 0.0, (1.0,)), ("beta", 0.0, (0.5, 0.5)), ("beta", 1.0, (0.5, 0.5))],
)
@pytest.mark.slow
def test_distribution_functions_where_the_density_is_infinite(name, z, shapes):
    distribution, theirs = getattr(stats, name), getattr(scipy.stats, name)
    for method in ("cdf", "sf", "logcdf", "logsf"):
        f = getattr(distribution, method)
        assert f(z, *shapes) == getattr(theirs, method)(z, *shapes)
        for position in range(len(shapes) + 3):
            for slope in (jaxlite.grad(f, position), jaxlite.jit(jaxlite.grad(f, position))):
                assert slope(z, *shapes, 0.0, 1.0) == 0


def test_entropy_and_singular_covariances():
    rng = np.random.default_rng(6)
    theirs, ours = scipy.stats.multivariate_normal, stats.multivariate_normal
    a = rng.normal(size=(3, 3))
    cov, flat = a @ a.T + np.eye(3), a[:, :2] @ a[:, :2].T
    np.testing.assert_allclose(jaxlite.jit(ours.entropy)(np.zeros(3), cov), theirs.entropy(np.zeros(3), cov))
    np.testing.assert_allclose(ours.entropy(), theirs.entropy())
    np.testing.assert_allclose(ours.entropy(np.zeros(2), 3.0), theirs.entropy(np.zeros(2), 3.0))
    check_grads(ours.entropy, (np.zeros(3), cov), order=1)
    x = np.stack([flat @ rng.normal(size=3), np.array([9.0, 0.0, 0.0])])
    f = lambda x, mean, cov: ours.logpdf(x, mean, cov, allow_singular=True)  # noqa: E731
    expected = theirs.logpdf(x, np.zeros(3), flat, allow_singular=True)
    assert expected[1] == -np.inf
    np.testing.assert_allclose(f(x, np.zeros(3), flat), expected, rtol=1e-10)
    np.testing.assert_allclose(f(x, np.zeros(3), cov), ours.logpdf(x, np.zeros(3), cov), rtol=1e-10)
    check_grads(lambda x, m: f(x, m, cov), (x, np.zeros(3)), order=1)


def test_draws_from_density_estimates(oracle):
    import jax

    data = np.random.default_rng(7).normal(size=(2, 20))
    ours, theirs = stats.gaussian_kde(data), jax.scipy.stats.gaussian_kde(data)
    for shape in ((), (5,)):
        got = ours.resample(jaxlite.random.key(3), shape)
        np.testing.assert_allclose(got, theirs.resample(jax.random.key(3), shape), rtol=1e-6)
    assert ours.resample(jaxlite.random.key(3), (4, 5)).shape == (2, 4, 5)


def test_errors():
    with pytest.raises(DtypeError, match="norm.logpdf takes real numbers"):
        stats.norm.logpdf(1j)
    with pytest.raises(DtypeError, match="norm.logpdf takes arrays and numbers, not list"):
        stats.norm.logpdf([1.0])
    with pytest.raises(TypeError, match="missing a required argument: 'a'"):
        stats.gamma.logpdf(1.0)
    with pytest.raises(ShapeError, match="x - mean has type f64"):
        stats.multivariate_normal.logpdf(np.zeros(2), 0.0, np.eye(3), allow_singular=True)
    with pytest.raises(ShapeError, match="multivariate_normal.entropy: mean has type f64"):
        stats.multivariate_normal.entropy(np.zeros(2), np.eye(3))
    with pytest.raises(ShapeError, match="dirichlet: x has type"):
        stats.dirichlet.logpdf(jnp.ones(5), jnp.ones(3))
    with pytest.raises(ShapeError, match="multivariate_normal.logpdf: mean has type"):
        stats.multivariate_normal.logpdf(jnp.zeros(2), jnp.zeros(2), jnp.eye(3))
    with pytest.raises(ArgumentError, match="rankdata: method is 'other'"):
        stats.rankdata(jnp.zeros(2), "other")
    with pytest.raises(ArgumentError, match="mode: nan_policy is 'omit'"):
        stats.mode(jnp.zeros(2), nan_policy="omit")
    with pytest.raises(ArgumentError, match="gaussian_kde: bw_method is 'other'"):
        stats.gaussian_kde(jnp.zeros(3), "other")
    with pytest.raises(ShapeError, match="gaussian_kde: dataset has type"):
        stats.gaussian_kde(jnp.zeros((2, 2, 2)))
    with pytest.raises(ShapeError, match="gaussian_kde: weights have type"):
        stats.gaussian_kde(jnp.arange(3.0), weights=jnp.ones(2))
    kde = stats.gaussian_kde(jnp.arange(6.0).reshape(2, 3) ** 2)
    with pytest.raises(ShapeError, match="gaussian_kde: points have type"):
        kde(jnp.zeros((3, 4)))
    with pytest.raises(ShapeError, match="integrate_box_1d"):
        kde.integrate_box_1d(0, 1)
    with pytest.raises(ShapeError, match="integrate_kde"):
        kde.integrate_kde(stats.gaussian_kde(jnp.arange(3.0)))


# --- against JAX ----------------------------------------------------------------------------------------

# Of each distribution, SciPy's methods that JAX does not have.
_LACKING = {
    "expon": ("isf",),
    "laplace": ("logcdf", "sf", "logsf", "ppf", "isf"),
    "logistic": ("logcdf", "logsf"),
    "gumbel_r": ("isf",),
    "gumbel_l": ("isf",),
    "uniform": ("logcdf", "sf", "logsf", "isf"),
    "gamma": ("ppf", "isf"),
    "chi2": ("ppf", "isf"),
    "beta": ("ppf", "isf"),
    "t": ("cdf", "logcdf", "sf", "logsf", "ppf", "isf"),
    "pareto": ("isf",),
    "gennorm": ("sf",),
    "wrapcauchy": ("cdf", "logcdf", "sf", "logsf"),
    "bernoulli": ("logcdf", "sf", "logsf"),
    "binom": ("cdf", "logcdf", "sf", "logsf"),
    "geom": ("cdf", "logcdf", "sf", "logsf"),
    "nbinom": ("cdf", "logcdf", "sf", "logsf"),
    "poisson": ("logcdf", "sf", "logsf"),
}
JAX_LACKS = {(name, method) for name, methods in _LACKING.items() for method in methods}


def test_jax_has_all_methods_but_those_it_is_said_to_lack(oracle):
    import jax.scipy.stats

    lacking = {(name, m) for name, m in CALLS if not hasattr(getattr(jax.scipy.stats, name), m)}
    assert lacking == JAX_LACKS


@pytest.mark.slow
@pytest.mark.parametrize(("name", "method"), [call for call in CALLS if call not in JAX_LACKS])
def test_agreement_with_jax(name, method, oracle):
    import jax.scipy.stats

    ours, theirs = (getattr(getattr(module, name), method) for module in (stats, jax.scipy.stats))
    # gennorm has no place in JAX.
    params, place = ROWS[name][0], () if name == "gennorm" else places(name, method)
    x = first_argument(name, method)
    if method in ("ppf", "isf"):
        # Not at 0, where SciPy and JAX differ: bernoulli's is -1 and 0.
        x = x[(x > 0) & (x < 1)]
    else:
        x = x[x == np.floor(x)] if is_discrete(name) else x[1:]
    expected = np.asarray(theirs(x, *params, *place))
    for f in (ours, jaxlite.jit(ours), lambda x, *rest: jaxlite.vmap(lambda x: ours(x, *rest))(x)):
        # betabinom of JAX has six digits.
        np.testing.assert_allclose(f(x, *params, *place), expected, rtol=3e-6, atol=1e-9)
    if is_discrete(name):
        return
    for i in range(1 + len(params) + len(place)):
        args = (x, *params, *place)
        axes = (0, *(None,) * (len(args) - 1))
        try:
            expected = np.asarray(oracle.vmap(oracle.grad(theirs, i), axes)(*args))
        except (ValueError, TypeError):
            continue  # JAX cannot: parameters of betainc, everything of gumbel
        got = np.asarray(jaxlite.vmap(jaxlite.grad(ours, i), axes)(*args))
        fine = np.isfinite(expected)
        np.testing.assert_allclose(got[fine], expected[fine], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["norm", "cauchy", "laplace", "logistic", "gumbel_r", "gumbel_l"])
def test_densities_far_out(name):
    far = np.array([-np.inf, np.inf, -1e300, 1e300])
    ours, theirs = getattr(stats, name), getattr(scipy.stats, name)
    for f in (ours.pdf, jaxlite.jit(ours.pdf)):
        np.testing.assert_array_equal(f(far), np.zeros(4))
    np.testing.assert_array_equal(ours.logpdf(far[:2]), [-np.inf, -np.inf])
    np.testing.assert_array_equal(jaxlite.vmap(jaxlite.grad(ours.pdf))(far[2:]), np.zeros(2))
    for method in ("logcdf", "logsf"):
        np.testing.assert_array_equal(getattr(ours, method)(far[:2]), getattr(theirs, method)(far[:2]))


def test_entropies_stay_in_single_precision():
    mu = np.array([0.5, 20.0], np.float32)
    for f in (stats.poisson.entropy, jaxlite.jit(stats.poisson.entropy)):
        assert f(mu).dtype == np.float32
        np.testing.assert_allclose(f(mu), scipy.stats.poisson.entropy(mu), rtol=1e-6)
