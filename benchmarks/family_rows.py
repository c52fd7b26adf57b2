"""Families of functions: ``python -m benchmarks --families``. One source for jaxlite, JAX and SciPy.

Rows are registered as in `rows`. Where SciPy has the functions, the loss runs by NumPy and SciPy as it stands:
``scipy`` is what the compiled loss takes of that time. A gradient is taken of whatever JAX can take it of: it has none
of `minimize` (loops of unknown length) nor by the parameters of ``betainc``.
"""

from __future__ import annotations

import functools
import importlib

import numpy as np

from benchmarks.rows import Row, registering

FAMILY_ROWS: list[Row] = []
row = functools.partial(registering, FAMILY_ROWS, scipy=True)
# What SciPy has not, or has in another form.
row_without_scipy = functools.partial(registering, FAMILY_ROWS)


def module(lib, name: str):
    """Return ``scipy.special`` or the like of a library."""
    path = name if lib.name == "SciPy" else f"{lib.name.lower()}.{name}"
    return importlib.import_module(path)


# --- linear algebra ---------------------------------------------------------------------------------


def regular(rng, *shape):
    """Return matrices near the unit matrix, which have a determinant and a condition of ordinary size."""
    return np.eye(shape[-1]) + 0.3 * rng.normal(size=shape) / np.sqrt(shape[-1])


def definite(rng, *shape):
    root = rng.normal(size=shape)
    return root @ np.swapaxes(root, -1, -2) / shape[-1] + np.eye(shape[-1])


@row("solve", (5, 1), (100, 8), (300, 8))
def solve(lib, rng, n, k):
    xp = lib.np
    return lambda a, b: xp.sum(xp.linalg.solve(a, b) ** 2), (regular(rng, n, n), rng.normal(size=(n, k)))


@row("inverse", 50, 200)
def inverse(lib, rng, n):
    xp = lib.np
    return lambda a: xp.sum(xp.linalg.inv(a) ** 2), (regular(rng, n, n),)


@row("determinant", 5, 200)
def determinant(lib, rng, n):
    return lib.np.linalg.det, (regular(rng, n, n),)


# Those of 5 and 50 are among the kernels.
@row("log-determinant", 200)
def log_determinant(lib, rng, n):
    return lambda a: lib.np.linalg.slogdet(a)[1], (regular(rng, n, n),)


@row("cholesky", 5, 50, 200)
def cholesky(lib, rng, n):
    xp = lib.np
    return lambda a: xp.sum(xp.linalg.cholesky(a) ** 3), (definite(rng, n, n),)


@row("qr", 20, 100)
def qr(lib, rng, n):
    xp = lib.np

    def loss(a, weights):
        q, r = xp.linalg.qr(a)
        return xp.sum(weights * q) + xp.sum(r**2)

    return loss, (rng.normal(size=(n, n)), rng.normal(size=(n, n)))


@row("root by eigh", 10, 100)
def root_by_eigh(lib, rng, n):
    xp = lib.np

    def loss(a, weights):
        w, v = xp.linalg.eigh(a)
        return xp.sum(weights * ((v * xp.sqrt(w)) @ v.T))

    return loss, (definite(rng, n, n), rng.normal(size=(n, n)))


@row("eigvalsh", 100)
def eigenvalues(lib, rng, n):
    xp = lib.np
    return lambda a: xp.sum(xp.log(xp.linalg.eigvalsh(a)) ** 2), (definite(rng, n, n),)


@row("threshold of svd", 10, 60)
def threshold_of_svd(lib, rng, n):
    xp = lib.np

    def loss(a, weights):
        u, s, vt = xp.linalg.svd(a, full_matrices=False)
        return xp.sum(weights * ((u * xp.log1p(s)) @ vt))

    return loss, (rng.normal(size=(n, n)), rng.normal(size=(n, n)))


@row("singular values", 60)
def singular_values(lib, rng, n):
    xp = lib.np
    return lambda a: xp.sum(xp.linalg.svd(a, compute_uv=False) ** 3), (rng.normal(size=(n, n)),)


@row("pinv", (50, 20))
def pseudo_inverse(lib, rng, n, m):
    xp = lib.np
    return lambda a: xp.sum(xp.linalg.pinv(a) ** 2), (rng.normal(size=(n, m)),)


@row("lstsq", (100, 20))
def least_squares(lib, rng, n, m):
    xp = lib.np

    def loss(a, b):
        return xp.sum(xp.linalg.lstsq(a, b, rcond=None)[0] ** 2)

    return loss, (rng.normal(size=(n, m)), rng.normal(size=n))


@row("matrix_power 7", 50)
def matrix_power(lib, rng, n):
    xp = lib.np
    return lambda a: xp.sum(xp.linalg.matrix_power(a, 7) ** 2), (regular(rng, n, n),)


@row("expm", 10, 50)
def exponential_of_matrix(lib, rng, n):
    xp, linalg = lib.np, module(lib, "scipy.linalg")
    return lambda a: xp.sum(linalg.expm(a) ** 2), (rng.normal(size=(n, n)) / np.sqrt(n),)


def norm(order, n):
    @row(f"norm {order}", (n, n))
    def make(lib, rng, n, m):
        return lambda a: lib.np.linalg.norm(a, order), (rng.normal(size=(n, m)),)


norm("fro", 300)
norm("nuc", 50)
norm(2, 50)


@row("condition", 50)
def condition(lib, rng, n):
    return lambda a: lib.np.log(lib.np.linalg.cond(a)), (rng.normal(size=(n, n)),)


@row("solve_triangular", (200, 20))
def solve_triangular(lib, rng, n, k):
    xp, linalg = lib.np, module(lib, "scipy.linalg")

    def loss(a, b):
        return xp.sum(linalg.solve_triangular(a, b, lower=True) ** 2)

    return loss, (np.tril(regular(rng, n, n)), rng.normal(size=(n, k)))


@row("lu", 100)
def lu(lib, rng, n):
    xp, linalg = lib.np, module(lib, "scipy.linalg")

    def loss(a):
        _, lower, upper = linalg.lu(a)
        return xp.sum(lower**2) + xp.sum(upper**2)

    return loss, (rng.normal(size=(n, n)),)


@row("kron", (20, 30))
def kron(lib, rng, n, m):
    xp = lib.np
    return lambda a, b: xp.sum(xp.tanh(xp.kron(a, b))), (rng.normal(size=(n, n)), rng.normal(size=(m, m)))


@row("multi_dot", (300, 20, 200))
def multi_dot(lib, rng, n, k, m):
    xp = lib.np
    factors = [rng.normal(size=shape) for shape in ((n, k), (k, n), (n, m), (m, k))]
    return lambda *factors: xp.sum(xp.linalg.multi_dot(factors) ** 2), tuple(factors)


@row("solve each of", (1000, 4, 4))
def solve_each(lib, rng, *shape):
    xp = lib.np

    def loss(a, b):
        return xp.sum(xp.linalg.solve(a, b) ** 2)

    return loss, (regular(rng, *shape), rng.normal(size=(*shape[:-1], 1)))


@row("inverse of each of", (1000, 4, 4))
def inverse_of_each(lib, rng, *shape):
    xp = lib.np
    return lambda a: xp.sum(xp.linalg.inv(a) ** 2), (regular(rng, *shape),)


@row("cholesky of each of", (1000, 4, 4))
def cholesky_of_each(lib, rng, *shape):
    xp = lib.np
    return lambda a: xp.sum(xp.linalg.cholesky(a) ** 3), (definite(rng, *shape),)


@row("log-determinant of each of", (1000, 4, 4))
def log_determinant_of_each(lib, rng, *shape):
    xp = lib.np
    return lambda a: xp.sum(xp.linalg.slogdet(a)[1]), (regular(rng, *shape),)


@row("root by eigh of each of", (1000, 3, 3))
def root_of_each(lib, rng, *shape):
    xp = lib.np

    def loss(a, weights):
        w, v = xp.linalg.eigh(a)
        return xp.sum(weights * ((v * xp.sqrt(w)[..., None, :]) @ xp.swapaxes(v, -1, -2)))

    return loss, (definite(rng, *shape), rng.normal(size=shape))


# --- special functions ------------------------------------------------------------------------------


def special(name: str, n: int, draw, by_name=None, **options):
    """Register the sum of a special function, of arguments that `draw` makes of a generator and their number."""

    @row(f"{name}, {n}", **options)
    def make(lib, rng):
        functions = module(lib, "scipy.special")
        function = getattr(functions, name) if by_name is None else by_name(functions)
        return lambda *args: lib.np.sum(function(*args)), draw(rng, n)


def between(low: float, high: float, count: int = 1):
    return lambda rng, n: tuple(rng.uniform(low, high, n) for _ in range(count))


def normal(rng, n):
    return (rng.normal(size=n),)


special("gammaln", 10**5, between(0.1, 20.0))
special("digamma", 10**5, between(0.1, 20.0))
# JAX's is wrong by 1e-6 for a = 0.1.
special("betaln", 10**5, between(0.1, 20.0, 2), tolerance=1e-6)
special("gammainc by x", 10**4, between(0.1, 8.0), lambda f: lambda x: f.gammainc(2.5, x))
special("gammainc by a", 10**4, between(0.5, 8.0, 2), lambda f: f.gammainc)
special("betainc by x", 10**4, between(0.01, 0.99), lambda f: lambda x: f.betainc(2.5, 1.5, x))
special("erf", 10**5, normal)
special("erfinv", 10**5, between(-0.99, 0.99))
special("ndtri", 10**5, between(0.001, 0.999))
special("log_ndtr", 10**5, between(-8.0, 4.0))
special("logit and expit", 10**5, between(0.01, 0.99), lambda f: lambda x: f.expit(2.0 * f.logit(x)))
special("xlogy", 10**5, between(0.1, 3.0, 2))
special("zeta by q", 10**4, between(0.5, 9.0), lambda f: lambda q: f.zeta(2.5, q))
special("i0e", 10**5, between(0.0, 20.0))
special("i1e", 10**5, between(0.0, 20.0))
special("expi", 10**4, between(0.1, 20.0))
special("exp1", 10**4, between(0.1, 20.0))
special("hyp1f1", 10**3, between(-3.0, 3.0), lambda f: lambda x: f.hyp1f1(0.5, 1.5, x))
special("hyp2f1", 10**3, between(-0.9, 0.9), lambda f: lambda x: f.hyp2f1(0.5, 1.5, 2.2, x))


@row("logsumexp of rows", (1000, 100))
def logsumexp(lib, rng, n, m):
    xp, functions = lib.np, module(lib, "scipy.special")
    return lambda x: xp.sum(functions.logsumexp(x, axis=1) ** 2), (rng.normal(size=(n, m)),)


# SciPy has one order at a time.
@row_without_scipy("bessel_jn, orders to 5", 1000)
def bessel(lib, rng, n):
    xp, functions = lib.np, module(lib, "scipy.special")
    return lambda x: xp.sum(functions.bessel_jn(x, v=5) ** 2), (rng.uniform(0.5, 20.0, n),)


# SciPy has no largest degree, which JAX must know.
@row_without_scipy("spherical harmonics to 4", 1000)
def spherical_harmonics(lib, rng, n):
    xp, functions = lib.np, module(lib, "scipy.special")
    degree = rng.integers(0, 5, n)
    order = rng.integers(0, 5, n) % (degree + 1)

    def loss(polar, azimuth, degree, order):
        return xp.sum(functions.sph_harm_y(degree, order, polar, azimuth, n_max=4).real ** 2)

    return loss, (rng.uniform(0.1, 3.0, n), rng.uniform(0.0, 6.0, n), degree, order)


# --- statistics -------------------------------------------------------------------------------------


def likelihood(name: str, n: int, parameters, draw):
    """Register the log-likelihood of `n` draws by the parameters of a distribution."""
    method = "logpmf" if name in ("poisson", "nbinom") else "logpdf"

    @row(f"likelihood of {name}, {n}")
    def make(lib, rng):
        log_density = getattr(getattr(module(lib, "scipy.stats"), name), method)
        return lambda theta, x: lib.np.sum(log_density(x, *theta)), (np.array(parameters), draw(rng, n))


likelihood("norm", 10**5, (0.3, 1.2), lambda rng, n: rng.normal(size=n))
likelihood("t", 10**4, (4.0, 0.3, 1.2), lambda rng, n: rng.standard_t(3.0, n))
likelihood("gamma", 10**4, (2.5, 0.0, 1.2), lambda rng, n: rng.gamma(2.0, 1.0, n))
likelihood("beta", 10**4, (2.5, 1.5), lambda rng, n: rng.beta(2.0, 2.0, n))
likelihood("poisson", 10**4, (3.5,), lambda rng, n: rng.poisson(4.0, n))
likelihood("nbinom", 10**4, (3.5, 0.4), lambda rng, n: rng.negative_binomial(4, 0.4, n))


@row("multivariate_normal", (1000, 5))
def multivariate_normal(lib, rng, n, d):
    xp, stats = lib.np, module(lib, "scipy.stats")

    def loss(theta, x):
        mean, covariance = theta
        return xp.sum(stats.multivariate_normal.logpdf(x, mean, covariance))

    return loss, ((rng.normal(size=d), definite(rng, d, d)), rng.normal(size=(n, d)))


@row("dirichlet", (5, 1000))
def dirichlet(lib, rng, d, n):
    xp, stats = lib.np, module(lib, "scipy.stats")

    def loss(alpha, x):
        return xp.sum(stats.dirichlet.logpdf(x, alpha))

    return loss, (rng.uniform(0.5, 3.0, d), rng.dirichlet(np.ones(d), n).T)


@row("gaussian_kde", (500, 1000))
def kernel_density(lib, rng, n, m):
    xp, stats = lib.np, module(lib, "scipy.stats")

    def loss(data, points):
        return xp.sum(stats.gaussian_kde(data).logpdf(points))

    return loss, (rng.normal(size=n), rng.normal(size=m))


def distribution_function(name: str, n: int, parameters, low: float, high: float):
    """Register the sum of a distribution function, by the points."""

    @row(f"cdf of {name}, {n}")
    def make(lib, rng):
        cdf = getattr(module(lib, "scipy.stats"), name).cdf
        return lambda x: lib.np.sum(cdf(x, *parameters) ** 2), (rng.uniform(low, high, n),)


distribution_function("norm", 10**5, (0.3, 1.2), -3.0, 3.0)
distribution_function("gamma", 10**4, (2.5,), 0.1, 9.0)
distribution_function("beta", 10**4, (2.5, 1.5), 0.01, 0.99)


# --- gradients through samples ----------------------------------------------------------------------


@row_without_scipy("normal samples by mean and scale", 10**5)
def normal_samples(lib, rng, n):
    xp, random = lib.np, module(lib, "random")

    def loss(theta, key):
        return xp.mean(xp.cos(theta[0] + theta[1] * random.normal(random.wrap_key_data(key), (n,))))

    return loss, (np.array([0.3, 1.2]), np.array([0, 7], np.uint32))


@row_without_scipy("gamma samples by shape", 10**4)
def gamma_samples(lib, rng, n):
    xp, random = lib.np, module(lib, "random")

    def loss(shape, key):
        return xp.mean(xp.log1p(random.gamma(random.wrap_key_data(key), shape)))

    return loss, (rng.uniform(0.5, 5.0, n), np.array([0, 7], np.uint32))


@row_without_scipy("multivariate normal samples", (1000, 10))
def multivariate_samples(lib, rng, n, d):
    xp, random = lib.np, module(lib, "random")

    def loss(theta, key):
        mean, covariance = theta
        samples = random.multivariate_normal(random.wrap_key_data(key), mean, covariance, (n,))
        return xp.mean(xp.sum(xp.tanh(samples), axis=1) ** 2)

    return loss, ((rng.normal(size=d), definite(rng, d, d)), np.array([0, 7], np.uint32))


# --- neural networks --------------------------------------------------------------------------------


def activation(name: str, n: int):
    @row_without_scipy(f"{name}, f32, {n}")
    def make(lib, rng):
        function = getattr(module(lib, "nn"), name)
        return lambda x: lib.np.sum(function(x) ** 2), (rng.normal(size=n).astype(np.float32),)


activation("gelu", 10**5)
activation("silu", 10**5)


@row_without_scipy("softmax of rows, f32", (512, 256))
def softmax(lib, rng, n, m):
    xp, nn = lib.np, module(lib, "nn")
    x, weights = (rng.normal(size=(n, m)).astype(np.float32) for _ in range(2))
    return lambda x, weights: xp.sum(nn.softmax(x) * weights), (x, weights)


@row_without_scipy("cross entropy of labels, f32", (512, 1000))
def cross_entropy(lib, rng, n, classes):
    xp, nn = lib.np, module(lib, "nn")

    def loss(scores, labels):
        return -xp.mean(xp.take_along_axis(nn.log_softmax(scores), labels[:, None], 1))

    return loss, (rng.normal(size=(n, classes)).astype(np.float32), rng.integers(0, classes, n))


@row_without_scipy("cross entropy by one_hot, f32", (512, 1000))
def cross_entropy_by_one_hot(lib, rng, n, classes):
    xp, nn = lib.np, module(lib, "nn")

    def loss(scores, labels):
        ones = nn.one_hot(labels, classes, dtype=np.float32)
        return -xp.mean(xp.sum(ones * nn.log_softmax(scores), axis=1))

    return loss, (rng.normal(size=(n, classes)).astype(np.float32), rng.integers(0, classes, n))


@row_without_scipy("dot_product_attention, f32", (2, 256, 4, 32))
def attention(lib, rng, *shape):
    xp, nn = lib.np, module(lib, "nn")

    def loss(qkv):
        return xp.sum(nn.dot_product_attention(*qkv, is_causal=True) ** 2)

    return loss, (tuple(rng.normal(size=shape).astype(np.float32) for _ in range(3)),)


@row_without_scipy("image.resize to twice, f32", (4, 64, 64, 3))
def resize(lib, rng, batch, height, width, channels):
    xp, image = lib.np, module(lib, "image")

    def loss(x):
        return xp.sum(image.resize(x, (batch, 2 * height, 2 * width, channels), "bilinear") ** 2)

    return loss, (rng.normal(size=(batch, height, width, channels)).astype(np.float32),)


@row_without_scipy("stax step, f32", (128, 64, 10))
def stax_step(lib, rng, batch, inputs, classes):
    xp, stax = lib.np, module(lib, "example_libraries.stax")
    layers = stax.Dense(64), stax.Relu, stax.BatchNorm(axis=0), stax.Dense(classes), stax.LogSoftmax
    _, predict = stax.serial(*layers)
    dense = [(64, inputs), (classes, 64)]
    first, second = (
        tuple(rng.normal(size=shape).astype(np.float32) / 8 for shape in ((rows, columns), (columns,)))
        for columns, rows in dense
    )
    params = first, (), (np.zeros((1, 64), np.float32), np.ones((1, 64), np.float32)), second, ()
    labels = np.eye(classes, dtype=np.float32)[rng.integers(0, classes, batch)]

    def loss(params, x, labels):
        return -xp.mean(xp.sum(predict(list(params), x) * labels, axis=1))

    return loss, (params, rng.normal(size=(batch, inputs)).astype(np.float32), labels)


# --- signals, interpolation, optimisation -----------------------------------------------------------


def spectrum(name: str, *shape: int):
    @row(name, shape)
    def make(lib, rng, *shape):
        xp, transform = lib.np, getattr(lib.np.fft, name)

        def loss(x, weights):
            return xp.sum(xp.log1p(weights * xp.abs(transform(x)) ** 2))

        x = rng.normal(size=shape)
        return loss, (x, rng.uniform(size=getattr(np.fft, name)(x).shape))


spectrum("fft", 1000)
spectrum("fft", 10**5)
spectrum("rfft", 10**5)
spectrum("fft2", 256, 256)


def convolution(name: str, n: int, m: int):
    @row(name, (n, m))
    def make(lib, rng, n, m):
        xp, convolve = lib.np, getattr(module(lib, "scipy.signal"), name)

        def loss(kernel, x):
            return xp.sum(convolve(x, kernel, mode="same") ** 2)

        return loss, (rng.normal(size=m), rng.normal(size=n))


convolution("convolve", 10**4, 101)
convolution("fftconvolve", 10**5, 1000)


@row("welch", 10**5)
def welch(lib, rng, n):
    xp, signal = lib.np, module(lib, "scipy.signal")
    return lambda x: xp.sum(xp.log(signal.welch(x, nperseg=256)[1])), (rng.normal(size=n),)


@row("dct of rows", (100, 1000))
def cosine_transform(lib, rng, n, m):
    xp, fft = lib.np, module(lib, "scipy.fft")
    return lambda x: xp.sum(xp.abs(fft.dct(x, axis=1)) ** 1.5), (rng.normal(size=(n, m)),)


@row("map_coordinates", (256, 256))
def map_coordinates(lib, rng, n, m):
    xp, ndimage = lib.np, module(lib, "scipy.ndimage")

    def loss(shift, image, places):
        moved = ndimage.map_coordinates(image, places + shift[:, None, None], order=1, mode="nearest")
        return xp.sum((moved - image) ** 2)

    return loss, (np.array([0.3, -0.4]), rng.normal(size=(n, m)), np.mgrid[:n, :m].astype(np.float64))


@row("RegularGridInterpolator", (50, 60, 10**4))
def interpolation(lib, rng, n, m, points):
    xp, interpolate = lib.np, module(lib, "scipy.interpolate")
    axes = np.linspace(0.0, 1.0, n), np.linspace(0.0, 1.0, m)

    def loss(values, at):
        return xp.sum(interpolate.RegularGridInterpolator(axes, values)(at) ** 2)

    return loss, (rng.normal(size=(n, m)), rng.uniform(size=(points, 2)))


# The searches along a line differ, and so does where they stop: JAX has no gradient of any.
@row("minimize by BFGS", 10, derivative="none", tolerance=1e-4)
def minimize(lib, rng, n):
    xp, optimize = lib.np, module(lib, "scipy.optimize")

    def rosenbrock(x):
        return xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    return lambda x: optimize.minimize(rosenbrock, x, method="BFGS").x, (1.0 + 0.3 * rng.normal(size=n),)


def iterative(name: str, n: int):
    """Register an iterative solution, by the right side; SciPy's has its own names of the tolerance."""

    @row_without_scipy(name, n)
    def make(lib, rng, n):
        xp, solve = lib.np, getattr(module(lib, "scipy.sparse.linalg"), name)
        matrix = definite(rng, n, n) if name == "cg" else regular(rng, n, n)
        return lambda b, a: xp.sum(solve(a, b, tol=1e-12)[0] ** 2), (rng.normal(size=n), matrix)


iterative("cg", 300)
iterative("gmres", 100)
iterative("bicgstab", 100)
