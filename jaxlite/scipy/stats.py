"""``jaxlite.scipy.stats``: distributions, each with the methods that JAX gives it, and a few statistics.

A distribution is an object whose methods are functions: ``norm.logpdf(x, loc, scale)``. Derivatives exist by every real
argument. `jaxlite.scipy._distributions` says what they share; the table below holds a formula for each.

>>> jaxlite.grad(jaxlite.scipy.stats.norm.logpdf)(1.0)
Array(-1., dtype=float64)
"""

from __future__ import annotations

import math
import sys
import types
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import jaxlite.numpy as jnp
from jaxlite import random
from jaxlite.api.forward import jvp
from jaxlite.control.while_loop import while_loop
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.nn import log1mexp, log_sigmoid
from jaxlite.numpy.linalg import cholesky, eigh, inv
from jaxlite.ops.cumulative import cummax, cummin
from jaxlite.ops.linalg import triangular_solve
from jaxlite.ops.special import lgamma
from jaxlite.scipy import special as sp
from jaxlite.scipy._distributions import Distribution
from jaxlite.scipy._rules import converted, elements, promoted, rule
from jaxlite.trace import aval_of
from jaxlite.tree import register_pytree_node_class
from jaxlite.typing import Array, ArrayLike

_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
_ALL = "pdf logpdf cdf logcdf sf logsf"
_ALL_OF_COUNTS = "pmf logpmf cdf logcdf sf logsf"


def _zero(*shapes):
    return 0.0


def _one(*shapes):
    return 1.0


def _half(*shapes):
    return 0.5


def _positive(*shapes):
    return jnp.all(jnp.stack([jnp.asarray(s) > 0 for s in shapes]), axis=0)


# exp(-exp(80)) is 0 in every precision.
def _bounded_exp(z):
    """exp(z), constant where exp(-exp(z)) is 0: its slope inf would meet that 0."""
    return jnp.exp(jnp.minimum(z, 80))


def _gumbel_logpdf(z):
    # Where the exponential is inf, as z may be, z counts no more.
    return jnp.minimum(z, 1e3) - jnp.exp(z)


def _gumbel_pdf(z):
    z = jnp.minimum(z, 80)
    return jnp.exp(z - jnp.exp(z))


@rule(lambda ans, q: -1 / jnp.abs(sp.xlogy(q, q)))
def _log_minus_log(q):
    """log(-log(q)); the slopes at both ends are infinite, and not 0·inf."""
    return jnp.log(-jnp.log(q))


@rule(lambda ans, q: 1 / jnp.abs(sp.xlog1py(1 - q, -q)))
def _log_minus_log1p(q):
    """log(-log(1 - q))."""
    return jnp.log(-jnp.log1p(-q))


@rule(lambda ans, q: -math.pi * (1 + ans * ans))
def _cotangent(q):
    """cot(π·q), from the nearest of 0, ½ and 1."""
    distance = q - 0.5
    end = jnp.minimum(q, 1 - q)
    in_middle = jnp.abs(distance) < 0.25
    outside = -jnp.sign(distance) / jnp.tan(math.pi * jnp.where(in_middle, 0.25, end))
    return jnp.where(in_middle, -jnp.tan(math.pi * jnp.where(in_middle, distance, 0)), outside)


def _apart(is_edge, value, function, z, inside):
    """Return ``value`` at an edge of the support, where the slope of ``function`` would be 0·inf."""
    return jnp.where(is_edge, value, function(jnp.where(is_edge, inside, z)))


def _gamma_pdf(z, a):
    value = jnp.where(a < 1, z.dtype.type(np.inf), z.dtype.type(0))
    return _apart((z == 0) & (a != 1), value, lambda z: jnp.exp(_gamma_logpdf(z, a)), z, 1)


def _gamma_logpdf(z, a):
    return sp.xlogy(a - 1, z) - z - lgamma(a)


# The distribution function has the slope 0 where the density is inf: that of the other side, and 0·inf is none.
def _gamma_cdf(z, a):
    return _apart((z == 0) & (a < 1), 0, lambda z: sp.gammainc(a, z), z, 1)


def _gamma_sf(z, a):
    return _apart((z == 0) & (a < 1), 1, lambda z: sp.gammaincc(a, z), z, 1)


def _beta_logpdf(z, a, b):
    return sp.xlogy(a - 1, z) + sp.xlog1py(b - 1, -z) - sp.betaln(a, b)


def _beta_pdf(z, a, b):
    is_edge = ((z == 0) & (a != 1)) | ((z == 1) & (b != 1))
    value = jnp.where(jnp.where(z == 0, a, b) < 1, z.dtype.type(np.inf), z.dtype.type(0))
    return _apart(is_edge, value, lambda z: jnp.exp(_beta_logpdf(z, a, b)), z, 0.5)


def _is_beta_pole(z, a, b):
    return ((z == 0) & (a < 1)) | ((z == 1) & (b < 1))


def _beta_cdf(z, a, b):
    return _apart(_is_beta_pole(z, a, b), z > 0, lambda z: sp.betainc(a, b, z), z, 0.5)


def _beta_sf(z, a, b):
    return _apart(_is_beta_pole(z, a, b), z < 1, lambda z: sp.betaincc(a, b, z), z, 0.5)


# --- continuous distributions ---------------------------------------------------------------------------

norm = Distribution(
    "norm", "the normal distribution", methods=f"{_ALL} ppf isf",
    logpdf=lambda z: -0.5 * z * z - _LOG_SQRT_2PI,
    cdf=sp.ndtr, logcdf=sp.log_ndtr, sf=lambda z: sp.ndtr(-z), logsf=lambda z: sp.log_ndtr(-z),
    ppf=sp.ndtri, isf=lambda q: -sp.ndtri(q),
)  # fmt: skip

cauchy = Distribution(
    "cauchy", "the Cauchy distribution", methods=f"{_ALL} ppf isf",
    logpdf=lambda z: -math.log(math.pi) - jnp.log1p(z * z),
    # As angles: ½ + arctan(z)/π would lose the tail.
    cdf=lambda z: jnp.arctan2(1.0, -z) / math.pi, sf=lambda z: jnp.arctan2(1.0, z) / math.pi,
    ppf=lambda q: -_cotangent(q), isf=_cotangent,
)  # fmt: skip

expon = Distribution(
    "expon", "the exponential distribution", methods=f"{_ALL} ppf isf", lower=_zero, inside=_one,
    logpdf=lambda z: -z, cdf=lambda z: -jnp.expm1(-z), logcdf=lambda z: _log1mexp(z), logsf=lambda z: -z,
    ppf=lambda q: -jnp.log1p(-q), isf=lambda q: -jnp.log(q),
)  # fmt: skip


def _laplace_cdf(z):
    tail = 0.5 * jnp.exp(-jnp.abs(z))
    return jnp.where(z < 0, tail, 1 - tail)


def _laplace_logcdf(z):
    return jnp.where(z < 0, z - math.log(2.0), jnp.log1p(-0.5 * jnp.exp(-jnp.abs(z))))


def _laplace_ppf(q):
    low = q < 0.5
    return jnp.where(low, jnp.log(2 * jnp.where(low, q, 0.5)), -jnp.log(2 * (1 - jnp.where(low, 0.5, q))))


laplace = Distribution(
    "laplace", "the Laplace distribution", methods=f"{_ALL} ppf isf",
    logpdf=lambda z: -jnp.abs(z) - math.log(2.0),
    cdf=_laplace_cdf, sf=lambda z: _laplace_cdf(-z),
    logcdf=_laplace_logcdf, logsf=lambda z: _laplace_logcdf(-z),
    ppf=_laplace_ppf, isf=lambda q: -_laplace_ppf(q),
)  # fmt: skip

logistic = Distribution(
    "logistic", "the logistic distribution", methods=f"{_ALL} ppf isf",
    logcdf=log_sigmoid, logsf=lambda z: log_sigmoid(-z),
    logpdf=lambda z: log_sigmoid(z) + log_sigmoid(-z), cdf=sp.expit, sf=lambda z: sp.expit(-z),
    ppf=sp.logit, isf=lambda q: -sp.logit(q),
)  # fmt: skip

gumbel_r = Distribution(
    "gumbel_r", "the Gumbel distribution of maxima", methods=f"{_ALL} ppf isf",
    logpdf=lambda z: _gumbel_logpdf(-z), pdf=lambda z: _gumbel_pdf(-z),
    logcdf=lambda z: -jnp.exp(-z), cdf=lambda z: jnp.exp(-_bounded_exp(-z)),
    sf=lambda z: -jnp.expm1(-_bounded_exp(-z)), logsf=lambda z: _log1mexp(_bounded_exp(-z)),
    ppf=lambda q: -_log_minus_log(q), isf=lambda q: -_log_minus_log1p(q),
)  # fmt: skip

gumbel_l = Distribution(
    "gumbel_l", "the Gumbel distribution of minima", methods=f"{_ALL} ppf isf",
    logpdf=_gumbel_logpdf, pdf=_gumbel_pdf,
    logsf=lambda z: -jnp.exp(z), sf=lambda z: jnp.exp(-_bounded_exp(z)),
    cdf=lambda z: -jnp.expm1(-_bounded_exp(z)), logcdf=lambda z: _log1mexp(_bounded_exp(z)),
    ppf=_log_minus_log1p, isf=_log_minus_log,
)  # fmt: skip

uniform = Distribution(
    "uniform", "the uniform distribution on [loc, loc + scale]", methods=f"{_ALL} ppf isf",
    lower=_zero, upper=_one, inside=_half,
    logpdf=lambda z: 0 * z, cdf=lambda z: z, sf=lambda z: 1 - z, ppf=lambda q: q, isf=lambda q: 1 - q,
    logcdf=lambda z: _apart(z == 0, -jnp.inf, jnp.log, z, 0.5),
    logsf=lambda z: _apart(z == 1, -jnp.inf, lambda z: jnp.log1p(-z), z, 0.5),
)  # fmt: skip

gamma = Distribution(
    "gamma", "the gamma distribution", methods=f"{_ALL} ppf isf", shapes="a", lower=_zero, inside=_one, valid=_positive,
    logpdf=_gamma_logpdf, pdf=_gamma_pdf, cdf=_gamma_cdf, sf=_gamma_sf,
    ppf=lambda q, a: sp.gammaincinv(a, q), isf=lambda q, a: sp.gammainccinv(a, q),
)  # fmt: skip

chi2 = Distribution(
    "chi2", "the chi-squared distribution", methods=f"{_ALL} ppf isf", shapes="df", lower=_zero, inside=_one,
    valid=_positive,
    logpdf=lambda z, df: _gamma_logpdf(0.5 * z, 0.5 * df) - math.log(2.0),
    pdf=lambda z, df: 0.5 * _gamma_pdf(0.5 * z, 0.5 * df),
    cdf=lambda z, df: _gamma_cdf(0.5 * z, 0.5 * df), sf=lambda z, df: _gamma_sf(0.5 * z, 0.5 * df),
    ppf=lambda q, df: 2 * sp.gammaincinv(0.5 * df, q), isf=lambda q, df: 2 * sp.gammainccinv(0.5 * df, q),
)  # fmt: skip

beta = Distribution(
    "beta", "the beta distribution", methods=f"{_ALL} ppf isf", shapes="a b", lower=_zero, upper=_one, inside=_half,
    valid=_positive,
    logpdf=_beta_logpdf, pdf=_beta_pdf, cdf=_beta_cdf, sf=_beta_sf,
    ppf=lambda q, a, b: sp.betaincinv(a, b, q), isf=lambda q, a, b: sp.betainccinv(a, b, q),
)  # fmt: skip


def _t_finite(df):
    """Return the degrees of freedom, or as many as make no difference from the normal distribution."""
    return jnp.minimum(df, 1e30)


def _t_logpdf(z, df):
    df = _t_finite(df)
    return -0.5 * (df + 1) * jnp.log1p(z * z / df) - 0.5 * jnp.log(df) - sp.betaln(0 * df + 0.5, 0.5 * df)


def _t_tail(middle, square, df):
    """The probability beyond a size whose square is ``square``·df."""
    half = 0 * df + 0.5
    # In the middle 1/(1 + square) would no longer know the square: 8 % off for df = 1e15.
    inner = sp.betaincc(half, 0.5 * df, jnp.where(middle, square / (1 + square), 0.5))
    return 0.5 * jnp.where(middle, inner, sp.betainc(0.5 * df, half, 1 / (1 + square)))


def _t_slope_df(ans, z, df):
    # By the shape alone, and by the size, on whose quotient with √df the rest depends.
    df = _t_finite(df)
    square = (z / jnp.sqrt(df)) ** 2
    middle = square < 1
    _, by_shape = jvp(lambda df: _t_tail(middle, square, df), (df,), (jnp.ones_like(df),))
    slope = by_shape + 0.5 * jnp.abs(z) / df * jnp.exp(_t_logpdf(z, df))
    return jnp.where(z < 0, slope, -slope)


@rule(lambda ans, z, df: jnp.exp(_t_logpdf(z, df)), _t_slope_df)
def _t_cdf(z, df):
    # A quotient of squares would overflow before it is 0.
    df = _t_finite(df)
    square = (z / jnp.sqrt(df)) ** 2
    tail = _t_tail(square < 1, square, df)
    return jnp.where(z < 0, tail, 1 - tail)


@rule(
    lambda ans, q, df: jnp.exp(-_t_logpdf(ans, df)),
    lambda ans, q, df: -_t_slope_df(None, ans, df) * jnp.exp(-_t_logpdf(ans, df)),
)
def _t_ppf(q, df):
    half, low = 0 * df + 0.5, q < 0.5
    p = jnp.where(low, q, 1 - q)
    # In the middle by the argument that is small there.
    middle = p > 0.25
    inner = sp.betaincinv(half, 0.5 * df, jnp.where(middle, 1 - 2 * p, 0.5))
    outer = sp.betaincinv(0.5 * df, half, jnp.where(middle, 0.5, 2 * p))
    size = jnp.sqrt(df * jnp.where(middle, inner / (1 - inner), (1 - outer) / outer))
    # The first term of the series, where the square would overflow.
    far = outer < 1e-290
    logarithm = jnp.log(jnp.where(far, p * df, 1)) + sp.betaln(half, 0.5 * df)
    size = jnp.where(far, jnp.sqrt(df) * jnp.exp(-logarithm / df), size)
    size = jnp.where(df > 1e5, _t_near_normal(-sp.ndtri(p), df), size)
    return jnp.where(low, -size, size)


def _t_near_normal(z, df):
    """The quantile where the normal distribution has z: Abramowitz and Stegun 26.7.5."""
    # 4e-14 off for df = 1e5 and z = 38; 1 - outer in `_t_ppf` has the error 1e-16·df there.
    endless, given = jnp.isinf(z), z
    z = jnp.where(endless, 0, z)
    square = z * z
    terms = (
        (square + 1) / 4,
        ((5 * square + 16) * square + 3) / 96,
        (((3 * square + 19) * square + 17) * square - 15) / 384,
        ((((79 * square + 776) * square + 1482) * square - 1920) * square - 945) / 92160,
    )
    total = 0 * z
    for term in terms[::-1]:
        total = (total + term) / df
    return jnp.where(endless, given, z + z * total)


t = Distribution(
    "t", "Student's t distribution", methods=f"{_ALL} ppf isf", shapes="df", valid=_positive,
    ppf=_t_ppf, isf=lambda q, df: -_t_ppf(q, df),
    logpdf=_t_logpdf, cdf=_t_cdf, sf=lambda z, df: _t_cdf(-z, df),
)  # fmt: skip

pareto = Distribution(
    "pareto", "the Pareto distribution", methods=f"{_ALL} ppf isf", shapes="b", lower=_one,
    inside=lambda b: 2.0, valid=_positive,
    logpdf=lambda z, b: jnp.log(b) - (b + 1) * jnp.log(z), logsf=lambda z, b: -b * jnp.log(z),
    cdf=lambda z, b: -jnp.expm1(-b * jnp.log(z)), logcdf=lambda z, b: _log1mexp(b * jnp.log(z)),
    ppf=lambda q, b: jnp.exp(-jnp.log1p(-q) / b), isf=lambda q, b: jnp.exp(-jnp.log(q) / b),
)  # fmt: skip


def _gennorm_cdf(z, beta):
    size = jnp.abs(z)
    # At 0 the power has no derivative by z for beta < 1, and the distribution function is ½.
    power = jnp.where(size == 0, 0, jnp.where(size == 0, 1, size) ** beta)
    tail = 0.5 * sp.gammaincc(1 / beta, power)
    return jnp.where(z < 0, tail, 1 - tail)


def _gennorm_logpdf(z, beta):
    size = jnp.abs(z)
    power = jnp.where(size == 0, 0, jnp.where(size == 0, 1, size) ** beta)
    return jnp.log(0.5 * beta) - lgamma(1 / beta) - power


gennorm = Distribution(
    "gennorm", "the generalised normal distribution", methods="pdf logpdf cdf sf", shapes="beta", valid=_positive,
    logpdf=_gennorm_logpdf, cdf=_gennorm_cdf, sf=lambda z, beta: _gennorm_cdf(-z, beta),
)  # fmt: skip


def _log1mexp(x):
    """log(1 - exp(-x)), x >= 0; -inf at 0."""
    zero = x == 0
    return jnp.where(zero, -jnp.inf, log1mexp(jnp.where(zero, 1, x)))


def _log_mass(a, b):
    """Logarithm of the normal probability of [a, b], computed in the tail in which it lies."""
    right = a > 0
    # The mass right of 0 is mirrored to the left, where distribution functions are small numbers.
    low, high = jnp.where(right, -b, a), jnp.where(right, -a, b)
    in_tail = high <= 0
    log_high = sp.log_ndtr(jnp.where(in_tail, high, 0))
    log_low = sp.log_ndtr(jnp.where(in_tail, low, -1))
    tail = log_high + _log1mexp(log_high - log_low)
    middle = jnp.log1p(-jnp.where(in_tail, 0, sp.ndtr(low) + sp.ndtr(-high)))
    width = high - low
    narrow = (width > 0) & (width * jnp.maximum(1, -low) < 0.1)
    narrow_mass = _log_narrow_mass(jnp.where(narrow, low, 0), jnp.where(narrow, high, 0.1))
    return jnp.where(narrow, narrow_mass, jnp.where(in_tail, tail, middle))


def _log_narrow_mass(low, high):
    """Logarithm of the normal probability of an interval, by Taylor's series of the density around its middle."""
    # The difference of two distribution functions knows a width of 1e-10 to 3e-7; terms left out are 1e-16.
    mean, width = 0.5 * (low + high), high - low
    m, w = mean * mean, width * width
    terms = ((m - 1) / 24, ((m - 6) * m + 3) / 1920, (((m - 15) * m + 45) * m - 15) / 322560)
    rest = ((terms[2] * w + terms[1]) * w + terms[0]) * w
    return jnp.log(width) + jnp.log1p(rest) - 0.5 * m - _LOG_SQRT_2PI


def _truncated(log_part, log_rest, is_end):
    """Logarithm of a part of the mass, of which at the end of the support nothing is missing."""
    # The difference of two masses has the error 1e-16: of log(part) near 1 as much as all of it.
    by_part = (log_part < -math.log(2.0)) | is_end
    by_rest = _log1mexp(-jnp.where(by_part, -1, log_rest))
    return jnp.where(by_part, log_part, by_rest)


def _truncnorm_log_parts(z, a, b):
    total = _log_mass(a, b)
    return _log_mass(a, z) - total, _log_mass(z, b) - total


def _truncnorm_logcdf(z, a, b):
    return _truncated(*_truncnorm_log_parts(z, a, b), z == b)


def _truncnorm_logsf(z, a, b):
    return _truncated(*_truncnorm_log_parts(z, a, b)[::-1], z == a)


truncnorm = Distribution(
    "truncnorm", "the normal distribution between a and b", methods=_ALL, shapes="a b",
    lower=lambda a, b: a, upper=lambda a, b: b, inside=lambda a, b: jnp.where(jnp.isinf(a), b - 1, a),
    valid=lambda a, b: a < b,
    logpdf=lambda z, a, b: -0.5 * z * z - _LOG_SQRT_2PI - _log_mass(a, b),
    logcdf=_truncnorm_logcdf, logsf=_truncnorm_logsf,
)  # fmt: skip

vonmises = Distribution(
    "vonmises", "the von Mises distribution", methods="pdf logpdf", shapes="kappa", located=False,
    valid=lambda kappa: kappa >= 0,
    logpdf=lambda z, kappa: kappa * (jnp.cos(z) - 1) - jnp.log(2 * math.pi * sp.i0e(kappa)),
)  # fmt: skip


def _wrapcauchy_cdf(z, c):
    return jnp.arctan2((1 + c) * jnp.sin(0.5 * z), (1 - c) * jnp.cos(0.5 * z)) / math.pi


wrapcauchy = Distribution(
    "wrapcauchy", "the wrapped Cauchy distribution on [0, 2π]", methods=_ALL, shapes="c", located=False,
    lower=_zero, upper=lambda c: 2 * math.pi, inside=_one, valid=lambda c: (c > 0) & (c < 1),
    cdf=_wrapcauchy_cdf,
    sf=lambda z, c: jnp.arctan2((1 + c) * jnp.sin(0.5 * z), (c - 1) * jnp.cos(0.5 * z)) / math.pi,
    logpdf=lambda z, c: jnp.log((1 - c * c) / (2 * math.pi * (1 + c * c - 2 * c * jnp.cos(z)))),
)  # fmt: skip

# --- discrete distributions -----------------------------------------------------------------------------


def _probability(p):
    return (p >= 0) & (p <= 1)


def _log_comb(n, k):
    return -jnp.log1p(n) - sp.betaln(n - k + 1, k + 1)


bernoulli = Distribution(
    "bernoulli", "the Bernoulli distribution", methods=f"{_ALL_OF_COUNTS} ppf", shapes="p", discrete=True, whole=True,
    lower=_zero, upper=_one, inside=_one, valid=_probability,
    logpmf=lambda k, p: sp.xlogy(k, p) + sp.xlog1py(1 - k, -p), cdf=lambda k, p: jnp.where(k < 1, 1 - p, 1),
    sf=lambda k, p: jnp.where(k < 1, p, 0),
    ppf=lambda q, p: jnp.where(q == 0, 0 * q - 1, jnp.where(q <= 1 - p, 0 * q, 0 * q + 1)),
)  # fmt: skip

binom = Distribution(
    "binom", "the binomial distribution", methods=_ALL_OF_COUNTS, shapes="n p", discrete=True, whole=True,
    lower=_zero, upper=lambda n, p: n, inside=_zero,
    valid=lambda n, p: (n >= 0) & _probability(p),
    logpmf=lambda k, n, p: _log_comb(n, k) + sp.xlogy(k, p) + sp.xlog1py(n - k, -p),
    cdf=lambda k, n, p: jnp.where(k >= n, 1, sp.betaincc(k + 1, jnp.where(k >= n, 1, n - k), p)),
    sf=lambda k, n, p: jnp.where(k >= n, 0, sp.betainc(k + 1, jnp.where(k >= n, 1, n - k), p)),
)  # fmt: skip

betabinom = Distribution(
    "betabinom", "the beta-binomial distribution", methods="pmf logpmf", shapes="n a b", discrete=True, whole=True,
    lower=_zero, upper=lambda n, a, b: n, inside=_zero,
    valid=lambda n, a, b: (n >= 0) & (a > 0) & (b > 0),
    logpmf=lambda k, n, a, b: _log_comb(n, k) + sp.betaln(k + a, n - k + b) - sp.betaln(a, b),
)  # fmt: skip

geom = Distribution(
    "geom", "the geometric distribution", methods=_ALL_OF_COUNTS, shapes="p", discrete=True, whole=True,
    lower=_one, inside=_one, valid=lambda p: (p > 0) & (p <= 1),
    logpmf=lambda k, p: sp.xlog1py(k - 1, -p) + jnp.log(p),
    cdf=lambda k, p: -jnp.expm1(sp.xlog1py(k, -p)), logsf=lambda k, p: sp.xlog1py(k, -p),
)  # fmt: skip

nbinom = Distribution(
    "nbinom", "the negative binomial distribution", methods=_ALL_OF_COUNTS, shapes="n p", discrete=True, whole=True,
    lower=_zero, inside=_one, valid=lambda n, p: (n > 0) & (p > 0) & (p <= 1),
    logpmf=lambda k, n, p: (
        lgamma(k + n) - lgamma(n) - lgamma(k + 1) + n * jnp.log(p) + sp.xlog1py(k, -p)
    ),
    cdf=lambda k, n, p: sp.betainc(n, k + 1, p), sf=lambda k, n, p: sp.betaincc(n, k + 1, p),
)  # fmt: skip

poisson = Distribution(
    "poisson", "the Poisson distribution", methods=_ALL_OF_COUNTS, shapes="mu", discrete=True, whole=True,
    lower=_zero, inside=_one, valid=lambda mu: mu >= 0,
    logpmf=lambda k, mu: sp.xlogy(k, mu) - mu - lgamma(k + 1), cdf=lambda k, mu: sp.gammaincc(k + 1, mu),
    sf=lambda k, mu: sp.gammainc(k + 1, mu),
)  # fmt: skip


def _expected_log_factorial(mu):
    """E log k! of a Poisson variable, over the numbers within 12 standard deviations."""
    width = 12 * jnp.sqrt(mu) + 20
    first, last = jnp.floor(jnp.maximum(mu - width, 0)), mu + width

    def step(state):
        total, k = state
        return total + jnp.exp(sp.xlogy(k, mu) - mu - lgamma(k + 1)) * lgamma(k + 1), k + 1

    return while_loop(lambda state: state[1] <= last, step, (0 * mu, first))[0]


_expected = elements(_expected_log_factorial)


def _poisson_entropy(mu: ArrayLike, loc: ArrayLike = 0) -> Array:
    """Entropy of the Poisson distribution, in nats.

    Parameters
    ----------
    mu : f32[...] or f64[...]
    loc : f32[...] or f64[...], default 0
        Has no influence.

    Returns
    -------
    Array
        f32 where both are float32, else f64.

    Notes
    -----
    The sum over its values up to mu = 1e4, the asymptotic series in 1/mu beyond.

    Examples
    --------
    >>> jaxlite.scipy.stats.poisson.entropy(2.0)
    Array(1.70488264, dtype=float64)
    """
    mu, _ = promoted("poisson.entropy", mu, loc)
    # The sum is of single precision only at the end.
    dtype = aval_of(mu).dtype
    mu = jnp.astype(mu, np.float64)
    low, possible = mu < 1e4, mu > 0
    safe = jnp.where(low & possible, mu, 1)
    by_sum = safe - sp.xlogy(safe, safe) + _expected(safe)
    large = jnp.where(low, 1e4, mu)
    by_series = 0.5 * jnp.log(2 * math.pi * math.e * large) - 1 / (12 * large) - 1 / (24 * large**2)
    value = jnp.where(low, by_sum, by_series)
    return jnp.astype(jnp.where(possible, value, jnp.where(mu == 0, 0, jnp.nan)), dtype)


poisson.entropy = _poisson_entropy


# --- distributions of vectors ---------------------------------------------------------------------------


class _Vectors(types.ModuleType):
    """A distribution of vectors: its public methods are functions of arrays."""

    def __init__(self, name: str, **methods: Callable):
        super().__init__(f"jaxlite.scipy.stats.{name}")
        vars(self).update(methods)


def _multinomial_logpmf(x: ArrayLike, n: ArrayLike, p: ArrayLike) -> Array:
    """Logarithm of the probability of counts ``x`` in ``n`` trials.

    Parameters
    ----------
    x : i64[..., k] or f64[..., k]
    n : i64[...] or f64[...]
    p : f64[..., k]
        Probabilities.

    Returns
    -------
    Array
        f64[...]; -inf where ``x`` is no vector of counts whose sum is ``n``.
    """
    x, p = promoted("multinomial.logpmf", x, p)
    n = jnp.asarray(n)
    possible = (jnp.sum(x, -1) == n) & jnp.all((x >= 0) & (x == jnp.floor(x)), axis=-1)
    safe = jnp.where(possible[..., None], x, 0)
    value = sp.gammaln(n + 1) + jnp.sum(sp.xlogy(safe, p) - lgamma(safe + 1), axis=-1)
    return jnp.where(possible, value, -jnp.inf)


def _dirichlet_logpdf(x: ArrayLike, alpha: ArrayLike) -> Array:
    """Logarithm of the density of the Dirichlet distribution.

    Parameters
    ----------
    x : f64[k, ...]
        On the simplex; or f64[k - 1, ...], and the last component is what remains to 1.
    alpha : f64[k]

    Returns
    -------
    Array
        f64[...]; -inf outside of the simplex, nan unless all ``alpha`` are positive.

    Raises
    ------
    ShapeError
        If the sizes do not fit.
    """
    x, alpha = converted("dirichlet.logpdf", x, alpha)
    if alpha.ndim != 1 or not x.ndim or alpha.shape[0] - x.shape[0] not in (0, 1):
        raise ShapeError(
            f"dirichlet: x has type {aval_of(x)}, alpha {aval_of(alpha)}.",
            why="alpha is [k], x is [k, ...] or [k - 1, ...].",
            fix="put the components of x in front: jnp.moveaxis(x, -1, 0).",
        )
    if x.shape[0] != alpha.shape[0]:
        x = jnp.concatenate([x, 1 - jnp.sum(x, 0, keepdims=True)])
    total = jnp.sum(x, 0)
    possible = jnp.all((x >= 0) & (x <= 1), axis=0) & (
        jnp.abs(total - 1) < (1e-6 if x.dtype.itemsize == 4 else 1e-10)
    )
    weights = jnp.reshape(alpha, (-1,) + (1,) * (x.ndim - 1))
    safe = jnp.where(possible, x, 1 / x.shape[0])
    value = jnp.sum(sp.xlogy(weights - 1, safe), 0) - jnp.sum(lgamma(alpha)) + lgamma(jnp.sum(alpha))
    return jnp.where(jnp.all(alpha > 0), jnp.where(possible, value, -jnp.inf), jnp.nan)


def _multivariate_normal_logpdf(
    x: ArrayLike, mean: ArrayLike, cov: ArrayLike, allow_singular: bool | None = None
) -> Array:
    """Logarithm of the density of the multivariate normal distribution.

    Parameters
    ----------
    x : f64[..., n]
    mean : f64[..., n], or a number
    cov : f64[..., n, n]
        Positive definite; a number stands for a multiple of the unit matrix.
    allow_singular : bool, optional
        Whether ``cov``, one matrix, may be singular: the density is that on its range, by its eigenvectors.

    Returns
    -------
    Array
        f64[...]; nan where ``cov`` is not positive definite. With ``allow_singular`` -inf beside the range.

    Raises
    ------
    ShapeError
        If the shapes do not fit.

    Examples
    --------
    >>> jaxlite.scipy.stats.multivariate_normal.logpdf(jnp.zeros(2), jnp.zeros(2), jnp.eye(2))
    Array(-1.83787707, dtype=float64)
    """
    x, mean, cov = converted("multivariate_normal.logpdf", x, mean, cov)
    if allow_singular and cov.ndim == 2:
        return _singular_normal_logpdf(x - mean, cov)
    if mean.ndim == 0:
        distance = x - mean
        if x.ndim == 0 or cov.ndim == 0:
            variance = cov if cov.ndim == 0 else cov[..., 0, 0]
            value = -0.5 * distance**2 / variance - 0.5 * jnp.log(variance) - _LOG_SQRT_2PI
            return jnp.sum(value, -1) if x.ndim else value
    n = mean.shape[-1] if mean.ndim else x.shape[-1]
    if cov.ndim == 0:
        distance = x - mean
        return -0.5 * jnp.sum(distance**2, -1) / cov - 0.5 * n * jnp.log(2 * math.pi * cov)
    if cov.ndim < 2 or cov.shape[-2:] != (n, n):
        raise ShapeError(
            f"multivariate_normal.logpdf: mean has type {aval_of(mean)}, cov {aval_of(cov)}.",
            why=f"cov must be [..., {n}, {n}].",
        )
    distance = x - mean
    factor = cholesky(cov)
    stack = np.broadcast_shapes(distance.shape[:-1], cov.shape[:-2])
    distance = jnp.broadcast_to(distance, (*stack, n))
    if cov.ndim == 2:
        columns = jnp.reshape(distance, (-1, n)).T
        white = triangular_solve(factor, columns, left_side=True, lower=True)
        square = jnp.reshape(jnp.sum(white**2, 0), stack)
    else:
        factor = jnp.broadcast_to(factor, (*stack, n, n))
        white = triangular_solve(factor, distance[..., None], left_side=True, lower=True)[..., 0]
        square = jnp.sum(white**2, -1)
    log_determinant = jnp.sum(jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)), -1)
    return -0.5 * square - n * _LOG_SQRT_2PI - log_determinant


def _singular_normal_logpdf(distance, cov):
    """The density on the range of a matrix, of which eigenvalues below a threshold count as 0."""
    if distance.ndim == 0 or distance.shape[-1] != cov.shape[-1] or cov.shape[0] != cov.shape[1]:
        raise ShapeError(
            f"multivariate_normal.logpdf: x - mean has type {aval_of(distance)}, cov {aval_of(cov)}.",
            why="they are [..., n] and [n, n].",
        )
    values, vectors = eigh(cov)
    # SciPy's threshold.
    smallest = 1e6 * np.finfo(cov.dtype).eps * jnp.max(jnp.abs(values))
    is_range = values > smallest
    safe = jnp.where(is_range, values, 1)
    parts = jnp.matmul(distance, vectors)
    square = jnp.sum(jnp.where(is_range, parts**2 / safe, 0), -1)
    beside = jnp.sum(jnp.where(is_range, 0, parts**2), -1) > (1e3 * smallest) ** 2
    rank = jnp.astype(jnp.sum(is_range), cov.dtype)
    value = -0.5 * square - rank * _LOG_SQRT_2PI - 0.5 * jnp.sum(jnp.log(safe))
    return jnp.where(jnp.any(values < -smallest), jnp.nan, jnp.where(beside, -jnp.inf, value))


def _multivariate_normal_entropy(mean: ArrayLike | None = None, cov: ArrayLike = 1) -> Array:
    """Entropy of the multivariate normal distribution, in nats.

    Parameters
    ----------
    mean : f64[n], optional
        Has no influence but by its length, where ``cov`` is a number.
    cov : f64[..., n, n], or a number
        Positive definite; a number stands for a multiple of the unit matrix.

    Returns
    -------
    Array
        f64[...]; nan where ``cov`` is not positive definite.

    Raises
    ------
    ShapeError
        If ``cov`` is no square matrix.

    Examples
    --------
    >>> jaxlite.scipy.stats.multivariate_normal.entropy(jnp.zeros(2), jnp.eye(2))
    Array(2.83787707, dtype=float64)
    """
    mean, cov = converted("multivariate_normal.entropy", 0 if mean is None else mean, cov)
    n = mean.shape[-1] if mean.ndim else 1
    if cov.ndim == 0:
        return 0.5 * n * (1 + jnp.log(2 * math.pi * cov))
    if cov.ndim == 1 or cov.shape[-1] != cov.shape[-2] or (mean.ndim and cov.shape[-1] != n):
        raise ShapeError(
            f"multivariate_normal.entropy: mean has type {aval_of(mean)}, cov {aval_of(cov)}.",
            why="they are [n] and [..., n, n].",
        )
    diagonal = jnp.diagonal(cholesky(cov), axis1=-2, axis2=-1)
    return cov.shape[-1] * (0.5 + _LOG_SQRT_2PI) + jnp.sum(jnp.log(diagonal), -1)


def _exponential_of(log_method: Callable, name: str) -> Callable:
    def method(*args, **kwargs):
        return jnp.exp(log_method(*args, **kwargs))

    method.__name__ = method.__qualname__ = name
    method.__doc__ = (
        f"Exponential of `{log_method.__name__.rpartition('_')[2]}`, which has the same arguments."
    )
    return method


multinomial = _Vectors(
    "multinomial", logpmf=_multinomial_logpmf, pmf=_exponential_of(_multinomial_logpmf, "pmf")
)
dirichlet = _Vectors("dirichlet", logpdf=_dirichlet_logpdf, pdf=_exponential_of(_dirichlet_logpdf, "pdf"))
multivariate_normal = _Vectors(
    "multivariate_normal",
    logpdf=_multivariate_normal_logpdf,
    pdf=_exponential_of(_multivariate_normal_logpdf, "pdf"),
    entropy=_multivariate_normal_entropy,
)

# `import jaxlite.scipy.stats.norm` and `from jaxlite.scipy.stats.norm import logpdf` find them, as JAX's modules.
sys.modules.update(
    {
        value.__name__: value
        for value in list(globals().values())
        if isinstance(value, Distribution | _Vectors)
    }
)

# --- statistics -----------------------------------------------------------------------------------------


class ModeResult(NamedTuple):
    """The most frequent value, and how often it occurs."""

    mode: Array
    count: Array


def _along_axis(a, axis, keepdims: bool):
    """Return an array whose last axis is the one to work along, and how to put the result back."""
    x = jnp.asarray(a)
    if axis is None:
        ndim, x = x.ndim, jnp.ravel(x)
        return x, lambda r: jnp.reshape(r, r.shape + (1,) * ndim) if keepdims else r
    x = jnp.moveaxis(x, axis, -1)
    return x, lambda r: jnp.expand_dims(r, axis) if keepdims else r


def _runs(ordered):
    """Return where a run of equal elements of sorted rows begins, and for each place the ends of its run."""
    places = np.arange(ordered.shape[-1])
    differs = ordered[..., 1:] != ordered[..., :-1]
    edge = jnp.ones_like(ordered[..., :1], dtype=bool)
    is_new = jnp.concatenate([edge, differs], axis=-1)
    is_last = jnp.concatenate([differs, edge], axis=-1)
    first = cummax(jnp.where(is_new, places, 0), -1)
    return is_new, first, cummin(jnp.where(is_last, places, places.size), -1, reverse=True)


def _check_policy(name: str, nan_policy: str):
    if nan_policy != "propagate":
        raise ArgumentError(
            f"{name}: nan_policy is {nan_policy!r}.",
            why="only 'propagate' has a shape that does not depend on values.",
            fix="leave it out.",
        )


def mode(
    a: ArrayLike, axis: int | None = 0, nan_policy: str = "propagate", keepdims: bool = False
) -> ModeResult:
    """Return the most frequent value along an axis, the smallest of them where there are several.

    Parameters
    ----------
    a : array_like
    axis : int or None, default 0
        None: of all elements.
    nan_policy : {"propagate"}
    keepdims : bool, default False

    Returns
    -------
    ModeResult
        ``mode``, of the dtype of ``a``, and ``count``, i64.

    Raises
    ------
    ArgumentError
        For another ``nan_policy``.

    Examples
    --------
    >>> jaxlite.scipy.stats.mode(jnp.array([1, 2, 2]))
    ModeResult(mode=Array(2, dtype=int64), count=Array(2, dtype=int64))
    """
    _check_policy("mode", nan_policy)
    x, back = _along_axis(a, axis, keepdims)
    ordered = jnp.sort(x, axis=-1)
    _, first, last = _runs(ordered)
    # A nan is equal to nothing, itself included.
    counts = jnp.where(ordered == ordered, last - first + 1, 0)
    most = jnp.argmax(counts, axis=-1)
    value = jnp.take_along_axis(ordered, most[..., None], axis=-1)[..., 0]
    return ModeResult(back(value), back(jnp.max(counts, axis=-1)))


def rankdata(
    a: ArrayLike, method: str = "average", *, axis: int | None = None, nan_policy: str = "propagate"
) -> Array:
    """Return the ranks of elements, from 1 on.

    Parameters
    ----------
    a : array_like
    method : {"average", "min", "max", "dense", "ordinal"}
        What equal elements share: the mean, smallest or largest of their ranks; consecutive ranks; none.
    axis : int, optional
        By default the array is flattened.
    nan_policy : {"propagate"}

    Returns
    -------
    Array
        f64, of the shape of ``a``, flattened without ``axis``.

    Raises
    ------
    ArgumentError
        For another ``method`` or ``nan_policy``.

    Examples
    --------
    >>> jaxlite.scipy.stats.rankdata(jnp.array([10.0, 30.0, 10.0]))
    Array([1.5, 3. , 1.5], dtype=float64)
    """
    _check_policy("rankdata", nan_policy)
    if method not in ("average", "min", "max", "dense", "ordinal"):
        raise ArgumentError(
            f"rankdata: method is {method!r}.", why="it is one of average, min, max, dense, ordinal."
        )
    x, _ = _along_axis(a, axis, False)
    order = jnp.argsort(x, axis=-1, stable=True)
    place = jnp.argsort(order, axis=-1, stable=True)
    ordered = jnp.take_along_axis(x, order, axis=-1)
    if method == "ordinal":
        ranks = place + 1
    else:
        is_new, first, last = _runs(ordered)
        if method == "dense":
            of_run = jnp.cumsum(is_new, axis=-1)
        else:
            of_run = {"min": first + 1, "max": last + 1, "average": 0.5 * (first + last) + 1}[method]
        ranks = jnp.take_along_axis(of_run, place, axis=-1)
    ranks = jnp.astype(ranks, np.float64)
    if x.dtype.kind == "f":
        ranks = jnp.where(jnp.any(jnp.isnan(x), axis=-1, keepdims=True), jnp.nan, ranks)
    return ranks if axis is None else jnp.moveaxis(ranks, -1, axis)


def sem(
    a: ArrayLike,
    axis: int | None = 0,
    ddof: int = 1,
    nan_policy: str = "propagate",
    *,
    keepdims: bool = False,
) -> Array:
    """Standard error of the mean.

    Parameters
    ----------
    a : f32[...] or f64[...]
    axis : int or None, default 0
    ddof : int, default 1
        The divisor of the variance is n - ddof.
    nan_policy : {"propagate", "omit"}
        Whether nan takes part.
    keepdims : bool, default False

    Returns
    -------
    Array
        Of the dtype of ``a``; f64 for integers.

    Raises
    ------
    ArgumentError
        For another ``nan_policy``.

    Examples
    --------
    >>> jaxlite.scipy.stats.sem(jnp.array([1.0, 2.0, 3.0, 4.0]))
    Array(0.64549722, dtype=float64)
    """
    (x,) = promoted("sem", a)
    if nan_policy == "omit":
        count = jnp.sum(~jnp.isnan(x), axis=axis, keepdims=keepdims)
        return jnp.nanstd(x, axis, ddof=ddof, keepdims=keepdims) / jnp.sqrt(jnp.astype(count, x.dtype))
    _check_policy("sem", nan_policy)
    count = x.size if axis is None else x.shape[axis]
    return jnp.std(x, axis, ddof=ddof, keepdims=keepdims) / math.sqrt(count)


# --- density estimates ----------------------------------------------------------------------------------


@register_pytree_node_class
class gaussian_kde:  # noqa: N801 (SciPy's name)
    """Density estimate: a normal distribution around each point.

    Parameters
    ----------
    dataset : f64[n] or f64[d, n]
    bw_method : "scott", "silverman", a number or a callable, optional
        The factor by which the covariance of the data is scaled, or ``kde -> factor``.
    weights : f64[n], optional

    Attributes
    ----------
    dataset, weights, covariance, inv_cov, neff : Array

    Raises
    ------
    ArgumentError
        For an unknown ``bw_method``.
    ShapeError
        If ``dataset`` has more than two axes or fewer than two points, or ``weights`` another length.

    Notes
    -----
    A pytree, so that it passes through `jit`, `grad` and `vmap`.

    References
    ----------
    .. [1] D. W. Scott, "Multivariate Density Estimation", Wiley, 1992.

    Examples
    --------
    >>> kde = jaxlite.scipy.stats.gaussian_kde(jnp.array([-1.0, 0.0, 1.0]))
    >>> kde(0.0)
    Array([0.31815622], dtype=float64)
    """

    def __init__(self, dataset, bw_method=None, weights=None):
        (data,) = promoted("gaussian_kde", dataset)
        data = data[None] if data.ndim == 1 else data
        if data.ndim != 2 or data.shape[1] < 2:
            raise ShapeError(
                f"gaussian_kde: dataset has type {aval_of(dataset)}.",
                why="it is [n] or [d, n], with two points at least.",
            )
        self.dataset = data
        self.d, self.n = data.shape
        if weights is None:
            self.weights = jnp.full(self.n, 1.0 / self.n, data.dtype)
        else:
            (weights,) = promoted("gaussian_kde", weights)
            if weights.shape != (self.n,):
                raise ShapeError(
                    f"gaussian_kde: weights have type {aval_of(weights)}.", why=f"there are {self.n} points."
                )
            self.weights = weights / jnp.sum(weights)
        self.neff = 1 / jnp.sum(self.weights**2)
        self.set_bandwidth(bw_method)

    def set_bandwidth(self, bw_method=None):
        """Choose the width of the kernels.

        Parameters
        ----------
        bw_method : "scott", "silverman", a number or a callable, optional
        """
        if bw_method in (None, "scott"):
            factor = self.neff ** (-1.0 / (self.d + 4))
        elif isinstance(bw_method, str) and bw_method == "silverman":
            factor = (self.neff * (self.d + 2) / 4.0) ** (-1.0 / (self.d + 4))
        elif callable(bw_method):
            factor = bw_method(self)
        elif isinstance(bw_method, str):
            raise ArgumentError(
                f"gaussian_kde: bw_method is {bw_method!r}.",
                why='it is "scott", "silverman", a number or a callable.',
            )
        else:
            factor = bw_method
        mean = self.dataset @ self.weights
        centred = self.dataset - mean[:, None]
        data_covariance = (centred * self.weights) @ centred.T / (1 - jnp.sum(self.weights**2))
        self.covariance = data_covariance * factor**2
        self.inv_cov = inv(data_covariance) / factor**2

    def tree_flatten(self):
        """Return the arrays, and nothing else."""
        return (self.dataset, self.weights, self.neff, self.covariance, self.inv_cov), None

    @classmethod
    def tree_unflatten(cls, aux, children):
        """Put the arrays together again."""
        kde = object.__new__(cls)
        kde.dataset, kde.weights, kde.neff, kde.covariance, kde.inv_cov = children
        kde.d, kde.n = getattr(kde.dataset, "shape", (None, None))
        return kde

    def _points(self, points):
        x = jnp.atleast_2d(points)
        if x.shape[0] != self.d:
            if not (x.shape[0] == 1 and x.shape[1] == self.d):
                raise ShapeError(
                    f"gaussian_kde: points have type {aval_of(points)}.",
                    why=f"the data have {self.d} components.",
                )
            x = x.T
        return x

    def _log_kernels(self, x, mean, weights, covariance):
        """log Σ_j w_j·N(x_i; mean_j, covariance) for each i."""
        factor = cholesky(covariance)
        white = triangular_solve(factor, x, left_side=True, lower=True)
        centres = triangular_solve(factor, mean, left_side=True, lower=True)
        square = jnp.sum((white[:, :, None] - centres[:, None, :]) ** 2, axis=0)
        norm_ = self.d * _LOG_SQRT_2PI + jnp.sum(jnp.log(jnp.diagonal(factor)))
        return sp.logsumexp(-0.5 * square + jnp.log(weights), axis=1) - norm_

    def logpdf(self, x):
        """Logarithm of the estimate.

        Parameters
        ----------
        x : f64[m] or f64[d, m]

        Returns
        -------
        Array
            f64[m]
        """
        return self._log_kernels(self._points(x), self.dataset, self.weights, self.covariance)

    def evaluate(self, points):
        """The estimate; like `logpdf`, of which it is the exponential."""
        return jnp.exp(self.logpdf(points))

    __call__ = pdf = evaluate

    def integrate_gaussian(self, mean, cov):
        """Integrate the product with a normal density.

        Parameters
        ----------
        mean : f64[d]
        cov : f64[d, d]

        Returns
        -------
        Array
            f64[]
        """
        mean, cov = jnp.atleast_1d(mean), jnp.atleast_2d(cov)
        return jnp.exp(self._log_kernels(mean[:, None], self.dataset, self.weights, self.covariance + cov))[0]

    def integrate_box_1d(self, low, high):
        """Integrate over an interval, for data of one component.

        Parameters
        ----------
        low, high : number

        Returns
        -------
        Array
            f64[]
        """
        if self.d != 1:
            raise ShapeError(f"integrate_box_1d: the data have {self.d} components.", why="it is for one.")
        width = jnp.sqrt(self.covariance[0, 0])
        points = self.dataset[0]
        return jnp.sum(self.weights * (sp.ndtr((high - points) / width) - sp.ndtr((low - points) / width)))

    def resample(self, key, shape=()):
        """Draw from the estimate.

        Parameters
        ----------
        key : key
            Of `jaxlite.random`.
        shape : tuple of int, default ()

        Returns
        -------
        Array
            ``[d, *shape]``, of the dtype of the data.
        """
        which, noise = random.split(key)
        points = random.choice(which, self.n, shape=shape, p=self.weights)
        zero = jnp.zeros(self.d, self.covariance.dtype)
        draws = random.multivariate_normal(
            noise, zero, self.covariance, shape=shape, dtype=self.dataset.dtype
        )
        return self.dataset[:, points] + jnp.moveaxis(draws, -1, 0)

    def integrate_kde(self, other):
        """Integrate the product with another estimate.

        Parameters
        ----------
        other : gaussian_kde

        Returns
        -------
        Array
            f64[]
        """
        if other.d != self.d:
            raise ShapeError(
                f"integrate_kde: the data have {self.d} and {other.d} components.", why="they must agree."
            )
        logs = self._log_kernels(
            other.dataset, self.dataset, self.weights, self.covariance + other.covariance
        )
        return jnp.sum(other.weights * jnp.exp(logs))
