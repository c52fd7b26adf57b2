"""``jaxlite.scipy``: what is neither special nor stats nor linalg, against SciPy and by finite differences."""

import numpy as np
import pytest
import scipy.cluster.vq
import scipy.fft
import scipy.interpolate
import scipy.ndimage
import scipy.signal

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.ir import subjaxprs
from jaxlite.scipy import cluster, fft, integrate, interpolate, ndimage, optimize, signal, sparse
from jaxlite.test_util import check_grads

RNG = np.random.default_rng(2)
X, H = RNG.normal(size=9), RNG.normal(size=4)
M, K = RNG.normal(size=(6, 7)), RNG.normal(size=(3, 2))
A = RNG.normal(size=(8, 8)) + 8 * np.eye(8)
B = RNG.normal(size=8)


def count(jaxpr) -> int:
    return sum(1 + sum(map(count, subjaxprs(eqn.params))) for eqn in jaxpr.eqns)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(
    ("name", "args"),
    [("convolve", (X, H)), ("convolve", (M, K)), ("fftconvolve", (X, H)), ("fftconvolve", (M, K)),
     ("correlate", (X, H)), ("correlate", (M, K)), ("correlate", (X, H + 1j * H[::-1])),
     ("convolve2d", (M, K)), ("correlate2d", (M, K))],
)  # fmt: skip
def test_convolutions(name, args, mode):
    ours, theirs = getattr(signal, name), getattr(scipy.signal, name)
    expected = theirs(*args, mode=mode)
    np.testing.assert_allclose(ours(*args, mode=mode), expected, atol=1e-12)
    np.testing.assert_allclose(jaxlite.jit(lambda *args: ours(*args, mode=mode))(*args), expected, atol=1e-12)
    check_grads(lambda *args: ours(*args, mode=mode), args, order=1, rtol=1e-5, atol=1e-6)


def test_convolutions_of_integers_and_of_long_kernels():
    got = signal.convolve(np.arange(4), np.arange(3))
    assert got.dtype == np.int64
    np.testing.assert_array_equal(got, np.convolve(np.arange(4), np.arange(3)))
    np.testing.assert_allclose(signal.convolve(H, X, mode="valid"), scipy.signal.convolve(H, X, mode="valid"))
    np.testing.assert_allclose(
        signal.fftconvolve(M, M, axes=1), scipy.signal.fftconvolve(M, M, axes=1), atol=1e-12
    )
    with pytest.raises(ArgumentError, match="signal.convolve: mode is 'other'"):
        signal.convolve(X, H, "other")
    with pytest.raises(ShapeError, match="their ranks differ"):
        signal.convolve(X, K)
    with pytest.raises(ShapeError, match="one must be at least as large"):
        signal.convolve(np.ones((2, 5)), np.ones((3, 4)), "valid")
    with pytest.raises(ShapeError, match="one is empty"):
        signal.convolve(X, np.zeros(0))
    with pytest.raises(ArgumentError, match="what lies beyond the edges is 0"):
        signal.convolve2d(M, K, boundary="wrap")
    with pytest.raises(ShapeError, match="it takes matrices"):
        signal.correlate2d(X, H)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(("m", "n"), [(4, 9), (5, 8), (9, 4), (1, 6), (6, 6)])
def test_convolutions_compute_what_they_return(m, n, mode):
    x, y = RNG.normal(size=m), RNG.normal(size=n)
    expected = scipy.signal.convolve(x, y, mode)
    np.testing.assert_allclose(signal.convolve(x, y, mode), expected, atol=1e-12)
    np.testing.assert_allclose(signal.correlate(x, y, mode), scipy.signal.correlate(x, y, mode), atol=1e-12)
    u, v = np.outer(x, x[:4]), np.outer(y, y[:4])
    np.testing.assert_allclose(
        signal.correlate2d(u, v, mode), scipy.signal.correlate2d(u, v, mode), atol=1e-12
    )
    jaxpr = jaxlite.make_jaxpr(lambda x, y: signal.convolve(x, y, mode))(x, y).jaxpr
    (product,) = [eqn for eqn in jaxpr.eqns if eqn.primitive.name == "conv_general_dilated"]
    assert product.outvars[0].aval.size == expected.size
    assert min(v.aval.size for v in product.invars) == min(m, n)


def test_axes_of_convolutions():
    # The sizes along the first axis broadcast.
    for mode in ("full", "same", "valid"):
        rows = [scipy.signal.convolve(M[0], row, mode) for row in M[:, :3]]
        np.testing.assert_allclose(signal.fftconvolve(M[:1], M[:, :3], mode, axes=-1), rows, atol=1e-12)
    with pytest.raises(np.exceptions.AxisError, match="axis 2 is out of bounds"):
        signal.fftconvolve(M, K, axes=2)
    with pytest.raises(ArgumentError, match="names one axis twice"):
        signal.fftconvolve(M, K, axes=(0, -2))
    with pytest.raises(ShapeError, match="one must be at least as large"):
        signal.fftconvolve(np.ones((2, 5)), np.ones((3, 4)), "valid", (0, 1))


def test_trends():
    for options in ({}, {"type": "constant"}, {"axis": 0}, {"bp": 3}):
        np.testing.assert_allclose(
            signal.detrend(M, **options), scipy.signal.detrend(M, **options), atol=1e-12
        )
    with pytest.raises(ArgumentError, match="signal.detrend: bp is 9"):
        signal.detrend(M, bp=9)
    with pytest.raises(ArgumentError, match="signal.detrend: type"):
        signal.detrend(M, type="square")


SPECTRA = [
    ("stft", {"nperseg": 8}),
    ("stft", {"nperseg": 9, "noverlap": 3, "nfft": 16, "fs": 2.5}),
    ("stft", {"nperseg": 8, "detrend": "linear", "boundary": "odd"}),
    ("stft", {"nperseg": 8, "boundary": "even", "padded": False}),
    ("stft", {"nperseg": 8, "boundary": None, "window": "hamming"}),
    ("stft", {"nperseg": 8, "boundary": "constant", "return_onesided": False}),
    ("stft", {"nperseg": 2, "axis": 0}),
    ("welch", {}),
    ("welch", {"nperseg": 9, "average": "median", "scaling": "spectrum"}),
    ("welch", {"nperseg": 8, "nfft": 11, "detrend": False}),
    ("welch", {"nperseg": 7, "window": ("tukey", 0.3)}),
    ("welch", {"window": np.hamming(8)}),
    ("welch", {"nperseg": 2, "axis": 0}),
    ("csd", {"nperseg": 8, "average": "median"}),
    ("csd", {"nperseg": 8, "axis": -1}),
    ("periodogram", {"nfft": 64, "fs": 3.0}),
    ("periodogram", {"window": "hann", "scaling": "spectrum"}),
]
SIGNALS = RNG.normal(size=(2, 40))


@pytest.mark.parametrize(("name", "options"), SPECTRA)
def test_spectra(name, options, oracle):
    import jax.scipy.signal

    ours, theirs = getattr(signal, name), getattr(scipy.signal, name)
    args = (SIGNALS, SIGNALS[::-1] ** 2) if name == "csd" else (SIGNALS,)
    expected = [theirs(*args, **{"nperseg": 40, **options} if name == "welch" and not options else options)]
    # JAX's median is over fewer values where segments are few.
    if hasattr(jax.scipy.signal, name):
        expected.append(getattr(jax.scipy.signal, name)(*args, **options))
    f = lambda *args: ours(*args, **options)  # noqa: E731
    if name == "welch" and not options:
        f = lambda x: ours(x, nperseg=40)  # noqa: E731
    for results in expected:
        for got, want in zip(f(*args), results, strict=True):
            assert got.dtype == want.dtype
            np.testing.assert_allclose(got, want, atol=1e-13)
    for got, want in zip(jaxlite.jit(f)(*args), expected[0], strict=True):
        np.testing.assert_allclose(got, want, atol=1e-13)
    if options.get("axis") != 0:
        np.testing.assert_allclose(jaxlite.vmap(f)(*args)[-1], expected[0][-1], atol=1e-13)
    check_grads(lambda *args: jnp.abs(f(*args)[-1]) ** 2, args, order=1, rtol=1e-4, atol=1e-4)


def test_inverse_of_the_short_time_transform():
    for options in ({}, {"nperseg": 8, "noverlap": 4}):
        z = scipy.signal.stft(SIGNALS, nperseg=8)[2]
        got, expected = signal.istft(z, **options), scipy.signal.istft(z, **options)
        np.testing.assert_allclose(jaxlite.jit(lambda z, o=options: signal.istft(z, **o))(z)[1], expected[1])
        np.testing.assert_allclose(got[1], expected[1])
    # Where no window reaches, SciPy warns; x begins inside of half a segment.
    _, x = signal.istft(signal.stft(SIGNALS, nperseg=8)[2], boundary=False)
    np.testing.assert_allclose(x[:, 4:-4], SIGNALS, atol=1e-13)
    z = scipy.signal.stft(SIGNALS, nperseg=9)[2]
    np.testing.assert_allclose(signal.istft(z, nperseg=9)[1][:, :40], SIGNALS, atol=1e-13)
    turned = np.moveaxis(scipy.signal.stft(SIGNALS, nperseg=8)[2], (-1, -2), (0, 1))
    t, x = signal.istft(turned, fs=2.0, time_axis=0, freq_axis=1)
    np.testing.assert_allclose(x, SIGNALS.T, atol=1e-13)
    np.testing.assert_array_equal(t, np.arange(40) / 2)
    z = signal.stft(SIGNALS, nperseg=8, return_onesided=False)[2]
    np.testing.assert_allclose(signal.istft(z, input_onesided=False)[1], SIGNALS, atol=1e-13)
    check_grads(lambda x: signal.istft(2 * signal.stft(x, nperseg=8)[2])[1], (SIGNALS,), order=1)


def test_errors_of_spectra():
    with pytest.warns(UserWarning, match="signal.welch|signal.csd: nperseg is 99, the signal has 40 points"):
        signal.welch(SIGNALS, nperseg=99)
    with pytest.warns(UserWarning, match="return_onesided=False is used"):
        signal.csd(SIGNALS + 0j, None, nperseg=8)
    with pytest.raises(ArgumentError, match="signal.stft: nperseg is 8, noverlap 8, nfft 8"):
        signal.stft(SIGNALS, nperseg=8, noverlap=8)
    with pytest.raises(ArgumentError, match="signal.stft: nperseg is 2.5"):
        signal.stft(SIGNALS, nperseg=2.5)
    with pytest.raises(ArgumentError, match="signal.stft: boundary is 'other'"):
        signal.stft(SIGNALS, nperseg=8, boundary="other")
    with pytest.raises(ArgumentError, match="signal.csd: average is 'other'"):
        signal.welch(SIGNALS, average="other")
    with pytest.raises(ShapeError, match="signals have an axis of time"):
        signal.csd(SIGNALS, SIGNALS[0], nperseg=8)
    with pytest.raises(ShapeError, match="the window has type f64"):
        signal.stft(SIGNALS, window=np.ones(7), nperseg=8)
    with pytest.raises(ShapeError, match="the window has 50 points"):
        signal.welch(SIGNALS, window=np.ones(50))
    with pytest.raises(ShapeError, match="Zxx has type"):
        signal.istft(SIGNALS[0])
    with pytest.raises(ArgumentError, match="they are the same one"):
        signal.istft(SIGNALS, time_axis=0, freq_axis=0)
    with pytest.raises(ArgumentError, match="signal.istft: nperseg is 9, noverlap 9"):
        signal.istft(SIGNALS, nperseg=9, noverlap=9)


@pytest.mark.parametrize("norm", [None, "ortho"])
def test_cosine_transforms(norm):
    for name in ("dct", "idct", "dctn", "idctn"):
        ours, theirs = getattr(fft, name), getattr(scipy.fft, name)
        expected = theirs(M, norm=norm)
        np.testing.assert_allclose(ours(M, norm=norm), expected, atol=1e-12)
        np.testing.assert_allclose(
            jaxlite.jit(lambda x, ours=ours: ours(x, norm=norm))(M), expected, atol=1e-12
        )
        assert ours(M.astype(np.float32), norm=norm).dtype == np.float32
        check_grads(lambda x, ours=ours: ours(x, norm=norm), (M,), order=1)
    for options in ({"n": 4}, {"n": 9}, {"axis": 0}):
        np.testing.assert_allclose(
            fft.dct(M, norm=norm, **options), scipy.fft.dct(M, norm=norm, **options), atol=1e-12
        )
    with pytest.raises(ArgumentError, match="fft.dct: type is 3"):
        fft.dct(X, 3)
    with pytest.raises(ArgumentError, match="fft.idct: norm is 'forward'"):
        fft.idct(X, norm="forward")


@pytest.mark.parametrize("name", ["cg", "bicgstab", "gmres"])
def test_krylov_methods(name):
    solver = getattr(sparse.linalg, name)
    matrix = A @ A.T if name == "cg" else A

    def solve(matrix, b):
        return solver(matrix, b, tol=1e-13)[0]

    expected = np.linalg.solve(matrix, B)
    for f in (solve, jaxlite.jit(solve)):
        np.testing.assert_allclose(f(matrix, B), expected, rtol=1e-8)
    np.testing.assert_allclose(
        jaxlite.vmap(solve, (None, 0))(matrix, np.stack([B, 2 * B])), [expected, 2 * expected], rtol=1e-8
    )
    np.testing.assert_allclose(
        solver(matrix, B, tol=1e-13, M=np.diag(1 / np.diag(matrix)), x0=np.ones(8))[0], expected, rtol=1e-8
    )
    symmetrized = (lambda a: 0.5 * (a + a.T)) if name == "cg" else (lambda a: a)
    check_grads(lambda a, b: solve(symmetrized(a), b), (matrix, B), order=1, rtol=1e-4, atol=1e-4)
    tree, _ = solver(
        lambda t: {"u": 2.0 * t["u"], "v": 3.0 * t["v"]}, {"u": jnp.ones(2), "v": 3.0}, tol=1e-12
    )
    np.testing.assert_allclose(tree["u"], [0.5, 0.5])
    np.testing.assert_allclose(tree["v"], 1.0)
    np.testing.assert_array_equal(solver(matrix, np.zeros(8))[0], np.zeros(8))
    with pytest.raises(ShapeError, match=f"{name}: A has type"):
        solver(M, B)
    with pytest.raises(ArgumentError, match=f"{name}: x0 is not like b"):
        solver(matrix, B, np.zeros(3))


def test_gradients_of_hermitian_equations():
    matrix = A @ A.T + 1j * (A - A.T)

    def loss(solve, a, b):
        return jnp.sum(jnp.abs(solve((a + a.conj().T) / 2, b) - 1j) ** 2)

    def solve(a, b):
        return sparse.linalg.cg(a, b, tol=1e-13)[0]

    got = jaxlite.grad(lambda a, b: loss(solve, a, b), (0, 1))(matrix, B + 1j)
    expected = jaxlite.grad(lambda a, b: loss(jnp.linalg.solve, a, b), (0, 1))(matrix, B + 1j)
    for x, y in zip(got, expected, strict=True):
        np.testing.assert_allclose(x, y, atol=1e-10)


def test_restarted_residuals_are_loops():
    def size(restart):
        matrix = 4 * np.eye(30) + 1j * np.eye(30, k=1)
        solve = lambda b: sparse.linalg.gmres(matrix, b, tol=1e-12, restart=restart)[0]  # noqa: E731
        b = RNG.normal(size=30) + 1j
        np.testing.assert_allclose(solve(b), np.linalg.solve(matrix, b), rtol=1e-9)
        return count(jaxlite.make_jaxpr(solve)(b).jaxpr)

    assert size(5) == size(20) < 600


def test_residuals_of_singular_matrices():
    root = RNG.normal(size=(20, 4))
    matrix, wanted = root @ root.T, RNG.normal(size=20)
    x, _ = sparse.linalg.gmres(matrix, matrix @ wanted, tol=1e-10)
    np.testing.assert_allclose(matrix @ x, matrix @ wanted, rtol=1e-8)
    # What no x reaches stays; the rest is solved.
    x, _ = sparse.linalg.gmres(np.diag([1.0, 2.0, 0.0]), np.array([1.0, 2.0, 1.0]), maxiter=3)
    np.testing.assert_allclose(x[:2], [1.0, 1.0])


def test_a_cycle_ends_where_the_residual_is_small():
    steps = []

    def apply(x):
        jaxlite.debug.callback(lambda: steps.append(1))
        return jnp.array([1.0, 1.0, 2.0, 2.0] * 10) * x

    sparse.linalg.gmres(apply, np.arange(40.0))
    # One residual before, one after, and as many steps as there are eigenvalues.
    assert len(steps) <= 4


def test_trapezoids():
    assert integrate.trapezoid is jnp.trapezoid


@pytest.mark.parametrize("mode", ["constant", "nearest", "mirror", "reflect", "wrap"])
@pytest.mark.parametrize("order", [0, 1])
def test_coordinates(mode, order):
    coordinates = RNG.uniform(-0.9, 5.9, (2, 20))
    theirs = "grid-wrap" if mode == "wrap" else "grid-constant" if mode == "constant" else mode
    expected = scipy.ndimage.map_coordinates(M, coordinates, order=order, mode=theirs, cval=2.0)

    def ours(x, c):
        return ndimage.map_coordinates(x, c, order, mode, cval=2.0)

    np.testing.assert_allclose(ours(M, coordinates), expected)
    np.testing.assert_allclose(jaxlite.jit(ours)(M, coordinates), expected)
    if order:
        check_grads(ours, (M, coordinates), order=1, rtol=1e-5, atol=1e-6)
    with pytest.raises(ArgumentError, match="map_coordinates: order is 3"):
        ndimage.map_coordinates(M, coordinates, 3)
    with pytest.raises(ArgumentError, match="map_coordinates: mode is 'other'"):
        ndimage.map_coordinates(M, coordinates, 1, "other")
    with pytest.raises(ShapeError, match="there are 1 coordinates"):
        ndimage.map_coordinates(M, coordinates[:1], 1)


@pytest.mark.parametrize("dtype", ["int32", "uint8", "float32", "float64"])
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("mode", ["constant", "nearest", "mirror", "reflect", "wrap"])
def test_coordinates_halfway_between_elements(mode, order, dtype, oracle):
    import jax.scipy.ndimage as theirs

    x = np.array([1, 2, 5, 6, 9, 14]).astype(dtype)
    at = np.arange(-4.5, 12, 0.5)
    expected = theirs.map_coordinates(x, [at], order, mode, cval=0.5)
    for call in (ndimage.map_coordinates, jaxlite.jit(ndimage.map_coordinates, static_argnums=(2, 3))):
        result = call(x, [at], order, mode, cval=0.5)
        assert result.dtype == dtype
        np.testing.assert_allclose(result, expected, rtol=1e-6)


def rosenbrock(x, a):
    return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (a - x[:-1]) ** 2)


def test_minimize():
    x0 = np.array([-1.2, 1.0, 0.5])
    result = optimize.minimize(rosenbrock, x0, (1.0,), method="BFGS", tol=1e-8)
    assert result.success
    np.testing.assert_allclose(result.x, np.ones(3), atol=1e-7)
    assert result.nit < 60
    assert result.nfev < 120
    jitted = jaxlite.jit(lambda x: optimize.minimize(rosenbrock, x, (1.0,), method="BFGS", tol=1e-8).x)
    np.testing.assert_allclose(jitted(x0), np.ones(3), atol=1e-7)
    both = jaxlite.vmap(jitted)(np.stack([x0, x0 + 1.0]))
    np.testing.assert_allclose(both, np.ones((2, 3)), atol=1e-7)
    short = optimize.minimize(rosenbrock, x0, (1.0,), method="bfgs", options={"maxiter": 2})
    assert not short.success
    assert short.status == 1
    none = optimize.minimize(rosenbrock, x0, (1.0,), method="BFGS", options={"maxiter": 0})
    assert (none.nit, none.nfev, none.status) == (0, 1, 1)
    np.testing.assert_array_equal(none.x, x0)
    # Of a quadratic it learns the inverse of the Hessian.
    square = A @ A.T
    quadratic = optimize.minimize(
        lambda x: 0.5 * x @ square @ x - B @ x, np.zeros(8), method="BFGS", tol=1e-7
    )
    np.testing.assert_allclose(quadratic.hess_inv, quadratic.hess_inv.T, rtol=1e-12)
    np.testing.assert_allclose(quadratic.hess_inv, np.linalg.inv(square), atol=1e-3)
    with pytest.raises(ArgumentError, match="minimize: method is 'Newton'"):
        optimize.minimize(rosenbrock, x0, (1.0,), method="Newton")
    with pytest.raises(ArgumentError, match="minimize: there is no option disp"):
        optimize.minimize(rosenbrock, x0, (1.0,), method="BFGS", options={"disp": True})
    with pytest.raises(ArgumentError, match="minimize: args is float"):
        optimize.minimize(rosenbrock, x0, 1.0, method="BFGS")
    with pytest.raises(ShapeError, match="minimize: x0 has type"):
        optimize.minimize(rosenbrock, np.zeros((2, 2)), (1.0,), method="BFGS")


@pytest.mark.parametrize("method", ["linear", "nearest"])
@pytest.mark.parametrize("fill", [np.nan, None])
def test_interpolation_on_grids(method, fill):
    grid = (np.array([0.0, 1.0, 2.5, 3.0, 4.0, 7.0]), np.linspace(-1.0, 1.0, 7))
    points = RNG.uniform((-0.5, -1.2), (7.5, 1.2), (20, 2))
    for values in (M, np.stack([M, 2 * M], -1)):
        expected = scipy.interpolate.RegularGridInterpolator(grid, values, method, False, fill)(points)

        def ours(values, points):
            return interpolate.RegularGridInterpolator(grid, values, method, fill_value=fill)(points)

        np.testing.assert_allclose(ours(values, points), expected)
        np.testing.assert_allclose(jaxlite.jit(ours)(values, points), expected)
    inside = points[(np.abs(points[:, 1]) < 1) & (points[:, 0] > 0) & (points[:, 0] < 7)][:3]
    check_grads(ours, (values, inside), order=1, rtol=1e-5)
    with pytest.raises(ArgumentError, match="method is 'cubic'"):
        interpolate.RegularGridInterpolator(grid, M, "cubic")
    with pytest.raises(ArgumentError, match="bounds_error=True is not supported"):
        interpolate.RegularGridInterpolator(grid, M, bounds_error=True)
    with pytest.raises(ShapeError, match="values have type"):
        interpolate.RegularGridInterpolator(grid[:1], M.T)
    with pytest.raises(ShapeError, match="xi has type"):
        interpolate.RegularGridInterpolator(grid, M)(np.zeros(3))


def test_vector_quantisation():
    for obs, book in ((RNG.normal(size=(9, 3)), RNG.normal(size=(4, 3))), (X, H)):
        expected = scipy.cluster.vq.vq(obs, book)
        for result in (cluster.vq.vq(obs, book), jaxlite.jit(cluster.vq.vq)(obs, book)):
            np.testing.assert_array_equal(result[0], expected[0])
            np.testing.assert_allclose(result[1], expected[1])
    check_grads(lambda x, c: cluster.vq.vq(x, c)[1], (X, H), order=1)
    assert not np.isnan(jaxlite.grad(lambda x: cluster.vq.vq(x, X)[1].sum())(X)).any()
    with pytest.raises(ShapeError, match="vq: operands have types"):
        cluster.vq.vq(X, M)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("f", [lambda x, v: x.sum() * v, lambda x, v: jnp.where(x > 9, x, v * x).sum()])
def test_minimisation_ends_where_there_is_no_value(value, f):
    start = np.array([1.0, 0.5, 2.0])
    for call in (optimize.minimize, jaxlite.jit(optimize.minimize, static_argnames=("fun", "method"))):
        result = call(f, start, (value,), method="BFGS")
        assert not result.success and result.status == 3
        assert result.nit == 1
        np.testing.assert_array_equal(result.x, start)
