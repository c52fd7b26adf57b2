"""Piecewise polynomials and the cubics through points: against SciPy, and by finite differences."""

import itertools

import numpy as np
import pytest
import scipy.interpolate as theirs

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import grad, jit, jvp, vmap
from jaxlite.counters import counters
from jaxlite.errors import ArgumentError, ConcretizationTypeError, DtypeError, ShapeError
from jaxlite.scipy import interpolate as ours
from jaxlite.test_util import check_grads

RNG = np.random.default_rng(5)
# Widths between 0.5 and 1.5, so that rounding is of the size of the values.
X = np.cumsum(RNG.uniform(0.5, 1.5, 9))
Y = RNG.normal(size=9)
AT = RNG.uniform(X[0] - 1, X[-1] + 1, (3, 5))
INSIDE = RNG.uniform(X[0], X[-1], 6)


def points(n, shape, axis, dtype=np.float64):
    x = np.cumsum(RNG.uniform(0.5, 1.5, n))
    y = RNG.normal(size=(*shape[:axis], n, *shape[axis:]))
    return x, (y + 1j * RNG.normal(size=y.shape) if dtype == np.complex128 else y)


def places(x):
    at = RNG.uniform(x[0] - 2, x[-1] + 2, (3, 4))
    at[0, :3], at[1, 1] = (np.nan, x[0], x[-1]), x[x.size // 2]
    return at


# Second derivatives of lines are rounding on both sides, 6e-14 each beyond the ends.
def close(got, expected, tolerance=1e-12):
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    scale = max(1.0, np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected)))
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * scale)


def answers(f, x, at):
    """Return everything that an object tells."""
    values = [f.c, *(f(at, nu) for nu in range(5)), f(at, extrapolate=False), f(at, extrapolate="periodic")]
    for g in (f.derivative(), f.derivative(5), f.antiderivative(), f.antiderivative(2), f.derivative(-1)):
        values += [g.c, g(at)]
    a, b = x[0] - 0.3, x[-1] + 0.2
    limits = [(a, b), (x[1], x[0]), (x[0], x[-1], False), (a, b, False), (a, b, "periodic")]
    limits += [(-20.3, 31.2, "periodic"), (31.2, -20.3, "periodic"), (x[0] + 0.1, x[0] + 0.2, "periodic")]
    return values + [np.asarray(f.integrate(*args)) for args in limits]


def compare(make, x, *values):
    """Compare all that an object of ours tells with what SciPy's does."""
    at = places(x)
    expected = answers(make(theirs, x, *values), x, at)
    for got, want in zip(answers(make(ours, x, *values), x, at), expected, strict=True):
        close(got, want)


# --- against SciPy ------------------------------------------------------------------------------------


ENDS = ["not-a-knot", "natural", "clamped", "periodic", "values", "mixed", "other mixed"]


def ends_of(word, shape):
    first, last = RNG.normal(size=(2, *shape))
    pairs = {
        "values": ((1, first), (2, last)),
        "mixed": ("not-a-knot", (2, last)),
        "other mixed": [(1, first), "not-a-knot"],
    }
    return pairs.get(word, word)


@pytest.mark.parametrize("bc_type", ENDS)
@pytest.mark.parametrize("n", [2, 3, 4, 5, 12])
def test_splines(n, bc_type):
    for shape, dtype in itertools.product([(), (2,), (2, 3)], [np.float64, np.complex128]):
        for axis in range(len(shape) + 1):
            x, y = points(n, shape, axis, dtype)
            ends = ends_of(bc_type, shape)
            if bc_type == "periodic":
                np.moveaxis(y, axis, 0)[-1] = np.moveaxis(y, axis, 0)[0]
            compare(lambda m, x, y: m.CubicSpline(x, y, axis, ends), x, y)  # noqa: B023


def test_a_complex_end_makes_a_complex_spline():
    compare(lambda m, x, y: m.CubicSpline(x, y, bc_type=((1, 1j), "natural")), X, Y)


@pytest.mark.parametrize("n", [2, 3, 4, 12])
def test_cubics_of_other_slopes(n):
    for shape in [(), (2,), (2, 3)]:
        for axis in range(len(shape) + 1):
            x, y = points(n, shape, axis)
            # Flat and straight parts.
            flat = np.round(y)
            for values in (y, flat, np.zeros_like(y)):
                compare(lambda m, x, y: m.PchipInterpolator(x, y, axis), x, values)  # noqa: B023
                compare(lambda m, x, y: m.PchipInterpolator(x, y, axis=axis - y.ndim), x, values)  # noqa: B023
                for method in ("akima", "makima"):
                    compare(lambda m, x, y: m.Akima1DInterpolator(x, y, axis, method=method), x, values)  # noqa: B023
            for values in (y, y + 1j * flat):
                compare(lambda m, x, y: m.CubicHermiteSpline(x, y, np.cos(y), axis), x, values)  # noqa: B023
    compare(lambda m, x, y: m.Akima1DInterpolator(x, y, extrapolate=True), X, Y)


def test_polynomials():
    for k, m, shape in itertools.product([1, 2, 5], [1, 4], [(), (2, 3)]):
        c = RNG.normal(size=(k, m, *shape))
        x = np.cumsum(RNG.uniform(0.5, 1.5, m + 1))
        for extrapolate in (None, False, "periodic"):
            compare(lambda lib, x, c: lib.PPoly(c, x, extrapolate), x, c)  # noqa: B023
        compare(lambda lib, x, c: lib.PPoly(c, x), x, c * 1j)
        for axis in range(len(shape) + 1):
            moved = np.moveaxis(c, (0, 1), (axis, axis + 1))
            compare(lambda lib, x, c: lib.PPoly(c, x, axis=axis), x, moved)  # noqa: B023
    # Breakpoints that decrease, known and traced; SciPy integrates no such polynomials.
    c, x = RNG.normal(size=(3, 4)), -np.cumsum(RNG.uniform(0.5, 1.5, 5))
    at = np.linspace(x[-1] - 1, x[0] + 1, 9)
    for extrapolate in (True, False):
        expected = theirs.PPoly(c, x, extrapolate)(at)
        close(ours.PPoly(c, x, extrapolate)(at), expected)
        close(jit(lambda c, x, at: ours.PPoly(c, x, extrapolate)(at))(c, x, at), expected)  # noqa: B023
    fine = np.linspace(x[-1], x[0], 100_001)
    middle = 0.5 * (fine[1:] + fine[:-1])
    expected = np.sum(theirs.PPoly(c, x)(middle)) * (fine[1] - fine[0])
    # The sum misses the jumps by up to a step each.
    np.testing.assert_allclose(ours.PPoly(c, x).integrate(x[-1], x[0]), expected, atol=1e-3)
    # A breakpoint that stands there twice.
    c, x = RNG.normal(size=(2, 3)), np.array([0.0, 1.0, 1.0, 2.0])
    close(ours.PPoly(c, x)(np.array([0.5, 1.0, 1.5])), theirs.PPoly(c, x)(np.array([0.5, 1.0, 1.5])))


def test_pchip_interpolate():
    for der in (0, 1, [0, 2]):
        got, expected = (m.pchip_interpolate(X, Y, AT, der) for m in (ours, theirs))
        np.testing.assert_allclose(got, expected, atol=1e-13)
    assert isinstance(ours.pchip_interpolate(X, Y, AT, [0]), list)


def test_roots_are_found_by_scipy_where_nothing_is_traced():
    mine, other = (m.CubicSpline(X, Y) for m in (ours, theirs))
    np.testing.assert_allclose(mine.roots(), other.roots())
    np.testing.assert_allclose(mine.solve(0.3, extrapolate=False), other.solve(0.3, extrapolate=False))
    several = ours.CubicSpline(X, np.stack([Y, Y + 0.1], 1)).roots()
    assert several.shape == (2,)
    np.testing.assert_allclose(several[0], other.roots())
    with pytest.raises(ConcretizationTypeError, match="how many places there are is known at run time only"):
        jit(lambda y: ours.CubicSpline(X, y).roots())(Y)


def test_single_precision_stays():
    x, y, at = (v.astype(np.float32) for v in (X, Y, INSIDE))
    for make in (ours.CubicSpline, ours.PchipInterpolator, ours.Akima1DInterpolator):
        got = make(x, y)(at)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, make(X, Y)(INSIDE), atol=1e-4)
    assert ours.CubicSpline(x, y.astype(np.complex64))(at).dtype == np.complex64
    close(
        ours.CubicSpline(np.arange(5), np.arange(5) ** 2)(3),
        theirs.CubicSpline(np.arange(5), np.arange(5) ** 2)(3),
    )


# --- transformations ----------------------------------------------------------------------------------

MAKERS = {
    **{word: lambda x, y, word=word: ours.CubicSpline(x, y, bc_type=word) for word in ENDS[:3]},
    "periodic": lambda x, y: ours.CubicSpline(x, jnp.concatenate([y[:-1], y[:1]]), bc_type="periodic"),
    "values": lambda x, y: ours.CubicSpline(x, y, bc_type=((1, y[0]), (2, x[1]))),
    "parabola": lambda x, y: ours.CubicSpline(x[:3], y[:3]),
    "pchip": ours.PchipInterpolator,
    "akima": ours.Akima1DInterpolator,
    "makima": lambda x, y: ours.Akima1DInterpolator(x, y, method="makima", extrapolate=True),
    "hermite": lambda x, y: ours.CubicHermiteSpline(x, y, jnp.sin(y)),
}
every_maker = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())


@every_maker
def test_derivatives_by_everything(make):
    def value(x, y, at):
        f = make(x, y)
        ends = f.integrate(at[0], at[1]), f.antiderivative()(at[2]), f.integrate(*at[:2], "periodic")
        return jnp.concatenate([f(at), f(at, 1), jnp.stack(ends)])

    at = INSIDE if make is not MAKERS["parabola"] else X[0] + 0.3 * np.arange(1, 5)
    check_grads(value, (X, Y, at), order=2, rtol=1e-5, atol=1e-5)


@every_maker
def test_machine_code_alone_gives_the_numbers_of_eager_code(make):
    def program(x, y, at):
        f = make(x, y)
        return f(at), f(at, 2), f.antiderivative()(at), f.integrate(at[0, 0], at[0, 1])

    total = lambda *args: sum(jnp.nansum(v) for v in program(*args))  # noqa: E731
    for f in (program, grad(total, (0, 1, 2))):
        expected = f(X, Y, AT)
        before = counters.num_host_calls
        got = jit(f)(X, Y, AT)
        assert counters.num_host_calls == before
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)


@every_maker
def test_lanes(make):
    x, y, at = X + np.zeros((3, 1)), RNG.normal(size=(3, 9)), np.tile(INSIDE, (3, 1))
    f = lambda x, y, at: make(x, y)(at)  # noqa: E731
    expected = [f(*row) for row in zip(x, y, at, strict=True)]
    np.testing.assert_allclose(vmap(f)(x, y, at), expected, atol=1e-12)
    np.testing.assert_allclose(jit(vmap(f, (None, 0, None)))(X, y, INSIDE), expected, atol=1e-12)


def test_objects_pass_through_the_ends_of_programs():
    make = jit(lambda y: ours.CubicSpline(X, y, extrapolate=False))
    spline = make(Y)
    assert type(spline) is ours.CubicSpline
    assert (spline.axis, spline.extrapolate) == (0, False)
    close(jit(lambda s, at: s(at))(spline, AT), theirs.CubicSpline(X, Y, extrapolate=False)(AT))
    slope = grad(lambda s: jnp.sum(s(INSIDE)))(spline)
    assert type(slope) is ours.CubicSpline
    # Σ (t − x_i)^k, over the places in each interval.
    i = np.searchsorted(X, INSIDE) - 1
    expected = np.zeros((4, 8))
    for power in range(4):
        np.add.at(expected[3 - power], i, (INSIDE - X[i]) ** power)
    np.testing.assert_allclose(slope.c, expected)
    several = vmap(ours.PchipInterpolator, (None, 0))(X, np.stack([Y, 2 * Y]))
    assert several.c.shape == (2, 4, 8)
    np.testing.assert_allclose(
        vmap(lambda s: s(INSIDE))(several)[1], 2 * theirs.PchipInterpolator(X, Y)(INSIDE)
    )


def test_no_places():
    for make in (ours.CubicSpline, ours.PchipInterpolator):
        assert make(X, Y)(np.zeros((0, 2))).shape == (0, 2)
        assert make(X, np.zeros((9, 0)))(INSIDE).shape == (6, 0)
        np.testing.assert_array_equal(grad(lambda y: make(X, y)(np.zeros(0)).sum())(Y), np.zeros(9))  # noqa: B023


def test_the_derivative_of_an_integral_at_a_breakpoint_is_the_value_there():
    for extrapolate, index in itertools.product([True, False], [0, 3, 8]):
        f = ours.CubicSpline(X, Y, extrapolate=extrapolate)
        np.testing.assert_allclose(grad(lambda b: f.integrate(X[1], b))(X[index]), Y[index], atol=1e-12)  # noqa: B023
        np.testing.assert_allclose(grad(lambda a: f.integrate(a, X[1]))(X[index]), -Y[index], atol=1e-12)  # noqa: B023


def test_no_nan_in_derivatives_where_chords_are_flat():
    y = np.array([0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 2.0, 2.0, 2.0])
    for make in (ours.PchipInterpolator, ours.Akima1DInterpolator):
        slopes = grad(lambda x, y: jnp.sum(make(x, y)(INSIDE)), (0, 1))(X, y)  # noqa: B023
        assert all(np.isfinite(s).all() for s in slopes)


def test_second_derivatives_in_both_modes():
    f = lambda y: jnp.sum(ours.CubicSpline(X, jnp.sin(y))(INSIDE) ** 2)  # noqa: E731
    forward = jaxlite.jacfwd(grad(f))(Y)
    np.testing.assert_allclose(jaxlite.jacrev(grad(f))(Y), forward, atol=1e-12)
    np.testing.assert_allclose(forward, forward.T, atol=1e-12)
    np.testing.assert_allclose(jvp(f, (Y,), (np.ones(9),))[1], grad(f)(Y).sum(), rtol=1e-12)


# --- errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: ours.CubicSpline(X[::-1], Y), ArgumentError, r"x\[0\] is .*places are finite and increase"),
        (lambda: ours.PchipInterpolator(np.array([0.0, np.nan]), Y[:2]), ArgumentError, r"x\[1\] is nan"),
        (lambda: ours.CubicSpline(X * 1j, Y), DtypeError, "it is a place on the real line"),
        (lambda: ours.CubicSpline(X[:1], Y[:1]), ShapeError, "a vector of 2 places at least"),
        (lambda: ours.CubicSpline(X, Y[:4]), ShapeError, "no axis 0 with a value for each of the 9 places"),
        (lambda: ours.CubicSpline(X, Y, axis=1), ShapeError, "axis= names the axis of y that goes with x"),
        (lambda: ours.CubicHermiteSpline(X, Y, Y[:4]), ShapeError, "each value has one slope"),
        (lambda: ours.PchipInterpolator(X, Y * 1j), DtypeError, "depend on the signs of differences"),
        (lambda: ours.Akima1DInterpolator(X, Y * 1j), DtypeError, "interpolate real and imaginary part"),
        (lambda: ours.Akima1DInterpolator(X, Y, method="other"), ArgumentError, "method is 'other'"),
        (lambda: ours.CubicSpline(X, Y, bc_type="free"), ArgumentError, "bc_type has 'free'"),
        (lambda: ours.CubicSpline(X, Y, bc_type=("natural", "periodic")), ArgumentError, "'periodic' is for both ends"),
        (lambda: ours.CubicSpline(X, Y, bc_type=((3, 0.0), "natural")), ArgumentError, "value of that derivative"),
        (lambda: ours.CubicSpline(X, Y, bc_type=3), ArgumentError, "it is a word, or a pair"),
        (lambda: ours.CubicSpline(X, Y, bc_type=((1, Y), "natural")), ShapeError, "has a derivative of type f64"),
        (lambda: ours.CubicSpline(X, Y, bc_type="periodic"), ArgumentError, "they belong to the same point"),
        (lambda: ours.CubicSpline(X, Y, extrapolate="other"), ArgumentError, "extrapolate is 'other'"),
        (lambda: ours.CubicSpline(X, Y)(AT, -1), ArgumentError, "nu is -1"),
        (lambda: ours.CubicSpline(X, Y)(AT, 0.5), ArgumentError, "nu is 0.5"),
        (lambda: ours.CubicSpline(X, Y).integrate(AT, 1.0), ShapeError, r"vmap\(p.integrate\)"),
        (lambda: ours.PPoly(np.ones(3), X), ShapeError, "powers and intervals are two axes"),
        (lambda: ours.PPoly(np.ones((2, 3)), X), ShapeError, "there is one polynomial between two breakpoints"),
        (lambda: ours.PPoly(np.ones((2, 2)), np.array([0.0, 1.0, 0.5])), ArgumentError, "all the way"),
    ],
)  # fmt: skip
def test_errors(call, error, match):
    with pytest.raises(error, match="(?s)" + match):
        call()


@pytest.mark.parametrize("method", ["linear", "nearest"])
@pytest.mark.parametrize("fill_value", [np.nan, None, 3.0])
@pytest.mark.parametrize("trailing", [(), (2,)])
def test_a_grid_has_no_value_at_nan(method, fill_value, trailing):
    grid = np.arange(4.0), np.array([0.0, 0.5, 2.0])
    values = np.cos(np.arange(np.prod((4, 3, *trailing)))).reshape(4, 3, *trailing)
    points = np.array([[np.nan, 1.0], [1.0, np.nan], [np.nan, np.nan], [0.5, 0.25], [2.2, 1.8]])
    options = {"method": method, "bounds_error": False, "fill_value": fill_value}
    expected = theirs.RegularGridInterpolator(grid, values, **options)(points)
    found = ours.RegularGridInterpolator(grid, values, **options)
    for call in (found, jaxlite.jit(found)):
        np.testing.assert_allclose(call(points), expected)
