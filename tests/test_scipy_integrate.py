"""`quad` and the rules for points: against SciPy, closed forms and mpmath; derivatives of all that is real."""

import itertools

import mpmath
import numpy as np
import pytest
import scipy.integrate as theirs

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import grad, hessian, jacfwd, jacrev, jit, jvp, vmap
from jaxlite.counters import counters
from jaxlite.errors import ArgumentError, DtypeError, ShapeError, TransposeError
from jaxlite.passes.stable_key import stable_key
from jaxlite.scipy import integrate as ours
from jaxlite.scipy.integrate import quad
from jaxlite.test_util import check_grads

RNG = np.random.default_rng(8)
INF = np.inf

# Function, limits, whether SciPy's intervals are ours (for infinite ones it has another rule).
INTEGRALS = {
    "smooth": (lambda x: np.exp(x) * np.sin(3 * x), 0.0, 2.0, True),
    "reversed": (lambda x: np.exp(x) * np.sin(3 * x), 2.0, -1.0, True),
    "constant": (lambda x: 2.0, 0, 3, True),
    "pole of order 1/2": (lambda x: 1 / np.sqrt(x), 0.0, 1.0, True),
    "pole of order 9/10": (lambda x: x**-0.9, 0.0, 1.0, True),
    "pole at the end": (lambda x: (1 - x) ** -0.5, 0.0, 1.0, True),
    "logarithm": (np.log, 0.0, 1.0, True),
    "both": (lambda x: np.log(x) / np.sqrt(x), 0.0, 1.0, True),
    "many waves": (lambda x: np.sin(20 * x), 0.0, 10.0, True),
    "peak": (lambda x: 1e-3 / ((x - 0.321) ** 2 + 1e-6), 0.0, 1.0, True),
    "kink": (lambda x: np.abs(x - 0.3), 0.0, 1.0, False),
    "step": (lambda x: np.where(x < 0.3, 1.0, 2.0), 0.0, 1.0, False),
    "line": (lambda x: np.exp(-x * x), -INF, INF, False),
    "line reversed": (lambda x: np.exp(-x * x), INF, -INF, False),
    "narrow on a line": (lambda x: np.exp(-((20 * (x - 0.5)) ** 2)), -INF, INF, False),
    "upwards": (lambda x: np.exp(-x), 0.0, INF, False),
    "upwards from a pole": (lambda x: np.exp(-x) / np.sqrt(x), 0.0, INF, False),
    "downwards": (lambda x: 1 / (1 + x * x), -INF, 1.0, False),
    "slow": (lambda x: 1 / (1 + x) ** 2, INF, 0.0, False),
}


@pytest.mark.parametrize(("f", "a", "b", "same"), INTEGRALS.values(), ids=INTEGRALS.keys())
def test_values(f, a, b, same):
    expected, error, info = theirs.quad(f, a, b, full_output=1)
    got, ours_error, ours_info = quad(f, a, b, full_output=1)
    np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-8)
    assert ours_info["converged"]
    if same:
        assert (ours_info["last"], ours_info["neval"]) == (info["last"], info["neval"])
        # Where it is not rounding, the estimate is SciPy's.
        np.testing.assert_allclose(ours_error, error, rtol=1e-3, atol=1e-11)
    # As constants, and as arguments.
    for program, args in ((lambda: quad(f, a, b), ()), (lambda a, b: quad(f, a, b), (float(a), float(b)))):
        before = counters.num_host_calls
        value, compiled_error = jit(program)(*args)
        assert counters.num_host_calls == before
        np.testing.assert_allclose(value, got, rtol=1e-9)
        assert compiled_error < 3e-8 * max(1.0, abs(value))


def test_random_polynomials_and_rational_functions():
    for _ in range(5):
        c, (a, b) = RNG.normal(size=4), RNG.normal(size=2) * 3
        f = lambda x, c: jnp.sum(c * x ** np.arange(4)) / (1.0 + 30.0 * (x - c[0]) ** 2)  # noqa: E731
        expected = theirs.quad(lambda x: np.sum(c * x ** np.arange(4)) / (1 + 30 * (x - c[0]) ** 2), a, b)  # noqa: B023
        np.testing.assert_allclose(quad(f, a, b, (c,))[0], expected[0], rtol=1e-10, atol=1e-12)


def test_points():
    f = lambda x: jnp.where(x < 0.3, 1.0, jnp.where(x < 0.7, x, 3.0))  # noqa: E731
    value, _, info = quad(f, 0.0, 1.0, points=[0.7, 0.3, 0.3, 5.0], full_output=True)
    np.testing.assert_allclose(value, 0.3 + 0.2 + 0.9, rtol=1e-14)
    assert info["last"] == 5
    pole = lambda x: jnp.abs(x - 0.5) ** -0.5  # noqa: E731
    np.testing.assert_allclose(quad(pole, 0.0, 1.0, points=(0.5,))[0], 2 * np.sqrt(2), rtol=1e-9)
    np.testing.assert_allclose(
        jit(lambda p: quad(pole, 1.0, 0.0, points=p)[0])(np.array([0.5])), -2 * np.sqrt(2)
    )
    spike = lambda x: jnp.exp(-((1000 * (x - 2.0)) ** 2))  # noqa: E731
    for a, b in ((-INF, INF), (0.0, INF), (-INF, 5.0), (INF, 0.0)):
        exact = np.sqrt(np.pi) / 1000 * np.sign(b - a)
        np.testing.assert_allclose(quad(spike, a, b, epsabs=1e-13, points=[1.99, 2.01])[0], exact, rtol=1e-8)
    # A derivative does not depend on where it is cut.
    assert grad(lambda p: quad(f, 0.0, 1.0, points=[p])[0])(0.3) == 0.0


def test_equal_limits():
    for a in (0.0, 1.0, INF, -INF):
        for f in (lambda x: 1 / x, jnp.exp):
            assert quad(f, a, a) == (0.0, 0.0)
            assert jit(lambda a, b: quad(f, a, b))(a, a) == (0.0, 0.0)  # noqa: B023
    np.testing.assert_allclose(grad(lambda b: quad(jnp.exp, 1.0, b)[0])(1.0), np.e)


def test_what_does_not_converge_says_so():
    value, error, info = quad(lambda x: jnp.sin(50 * x), 0.0, 10.0, limit=10, full_output=1)
    assert (info["last"], info["converged"]) == (10, False)
    assert error > 1e-6
    assert all(info[name].shape == (10,) for name in ("alist", "blist", "rlist", "elist"))
    np.testing.assert_allclose(np.sum(info["rlist"]), value)
    # ∫ 1/x diverges: nothing gets better, and the loop ends.
    assert not quad(lambda x: 1 / x, 0.0, 1.0, full_output=1)[2]["converged"]
    value, error, info = quad(lambda x: x * np.nan, 0.0, 1.0, full_output=1)
    assert np.isnan(value)
    assert (info["last"], info["converged"]) == (1, False)
    # Nothing is small enough beside zero.
    for f in (np.sin, lambda x: x * 0.0):
        value, error = quad(f, -1.0, 1.0, epsabs=0.0)
        assert abs(value) <= 1e-15
        assert error < 1e-13
    # Rounding ends it too: there is no such precision.
    _, _, info = quad(lambda x: jnp.exp(-x), np.float32(0), np.float32(2), full_output=1)
    assert info["last"] < 30


def test_dtypes():
    value, error = quad(lambda x: jnp.exp(-x), np.float32(0), np.float32(2), epsrel=1e-5)
    assert value.dtype == error.dtype == np.float32
    np.testing.assert_allclose(value, 1 - np.exp(-2), rtol=1e-6)
    assert quad(lambda x: 1, 0, 2)[0].dtype == np.float64
    np.testing.assert_allclose(quad(lambda x: x > 1.0, 0.0, 2.0, points=[1.0])[0], 1.0, rtol=1e-15)
    slope = grad(lambda c: quad(lambda x: c * x, 0.0, 1.0)[0])(np.float32(2))
    assert (slope, slope.dtype) == (0.5, np.float32)


# --- derivatives --------------------------------------------------------------------------------------


def moments(p, b):
    """∫ xᵖ e⁻ˣ from 0 to b: the pole depends on p."""
    return quad(lambda x: x**p * jnp.exp(-x), 0.0, b)[0]


@pytest.mark.parametrize("p", [-0.5, 0.5, 3.0])
@pytest.mark.parametrize("b", [2.0, 0.3])
def test_first_and_second_derivatives(p, b):
    def exact(*order):
        with mpmath.workdps(40):
            return float(mpmath.diff(lambda p, b: mpmath.gammainc(p + 1, 0, b), (p, b), order))

    gradient = [exact(1, 0), exact(0, 1)]
    np.testing.assert_allclose(grad(moments, (0, 1))(p, b), gradient, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(jit(jacfwd(moments, (0, 1)))(p, b), gradient, rtol=1e-8, atol=1e-8)
    second = [[exact(2, 0), exact(1, 1)], [exact(1, 1), exact(0, 2)]]
    for twice in (hessian, lambda f, i: jacrev(jacrev(f, i), i), lambda f, i: jacfwd(jacfwd(f, i), i)):
        np.testing.assert_allclose(jit(twice(moments, (0, 1)))(p, b), second, rtol=1e-8, atol=1e-8)


@pytest.mark.slow
def test_both_limits_and_what_is_closed_over():
    w, scale = RNG.normal(size=(3, 2)), 0.7

    def f(w, scale, a, b):
        return quad(lambda x, s: jnp.sum(jnp.sin(s["s"] * w * x)), a, b, ({"s": scale},))[0]

    def closed(w, scale, a, b):
        c = scale * w
        return jnp.sum((jnp.cos(c * a) - jnp.cos(c * b)) / c)

    for a, b in ((0.2, 1.5), (1.5, 0.2)):
        np.testing.assert_allclose(f(w, scale, a, b), closed(w, scale, a, b), rtol=1e-12)
        for got, expected in zip(
            jit(grad(f, (0, 1, 2, 3)))(w, scale, a, b),
            grad(closed, (0, 1, 2, 3))(w, scale, a, b),
            strict=True,
        ):
            np.testing.assert_allclose(got, expected, rtol=1e-10)
        check_grads(f, (w, scale, a, b), order=2, rtol=1e-5, atol=1e-5)
    tangents = RNG.normal(size=(3, 2)), 0.3, -0.2, 1.1
    np.testing.assert_allclose(
        jvp(f, (w, scale, 0.2, 1.5), tangents), jvp(closed, (w, scale, 0.2, 1.5), tangents), rtol=1e-10
    )


def test_infinite_limits():
    gauss = lambda s, a, b: quad(lambda x: jnp.exp(-s * x * x), a, b)[0]  # noqa: E731
    root = np.sqrt(np.pi)
    for program in (grad(gauss, (0, 1, 2)), jit(grad(gauss, (0, 1, 2))), jit(jacfwd(gauss, (0, 1, 2)))):
        np.testing.assert_allclose(program(2.0, -INF, INF), [-0.5 * root * 2**-1.5, 0, 0], rtol=1e-8)
        np.testing.assert_allclose(program(2.0, 0.5, INF)[1:], [-np.exp(-0.5), 0], rtol=1e-8)
        np.testing.assert_allclose(program(2.0, -INF, 0.5)[1:], [0, np.exp(-0.5)], rtol=1e-8)
    np.testing.assert_allclose(
        jit(hessian(gauss, (0, 1, 2)))(2.0, 0.5, INF)[1],
        [0.25 * np.exp(-0.5), 2 * np.exp(-0.5), 0],
        rtol=1e-8,
    )


def test_derivatives_are_as_exact_for_small_cotangents():
    """Tolerances are for cotangents of size one: 1e-12 times the integral is no reason to stop early."""
    f = lambda w: quad(lambda x: jnp.sum(jnp.cos(30.0 * w * x)), 0.0, 3.0)[0]  # noqa: E731
    w = np.array([0.7, 1.3])
    expected = grad(f)(w)
    c = 90.0 * w
    exact = 3.0 * np.cos(c) / w - 3.0 * np.sin(c) / (c * w)
    np.testing.assert_allclose(expected, exact, rtol=1e-8)
    np.testing.assert_allclose(grad(lambda w: 1e-12 * f(w))(w), 1e-12 * exact, rtol=1e-8)
    np.testing.assert_allclose(jvp(f, (w,), (1e-12 * np.ones(2),))[1], 1e-12 * exact.sum(), rtol=1e-8)
    # A component much smaller than another is as exact.
    together = grad(lambda v: quad(lambda x: 1e6 * jnp.cos(v[0] * x) + jnp.sin(40.0 * v[1] * x), 0.0, 3.0)[0])
    # ∫ 40 x cos(40 x) dx from 0 to 3
    exact = 3.0 * np.sin(120.0) + (np.cos(120.0) - 1.0) / 40.0
    np.testing.assert_allclose(together(np.ones(2))[1], exact, rtol=1e-8)


def test_lanes():
    p, b = np.array([-0.5, 0.0, 2.0]), np.array([0.5, INF, 2.0])
    expected = [moments(*row) for row in zip(p, b, strict=True)]
    np.testing.assert_allclose(vmap(moments)(p, b), expected, rtol=1e-12)
    np.testing.assert_allclose(jit(vmap(moments))(p, b), expected, rtol=1e-12)
    slopes = [grad(moments, (0, 1))(*row) for row in zip(p, b, strict=True)]
    np.testing.assert_allclose(np.transpose(jit(vmap(grad(moments, (0, 1))))(p, b)), slopes, rtol=1e-9)
    total = lambda p: vmap(moments, (0, None))(p, 2.0).sum()  # noqa: E731
    np.testing.assert_allclose(grad(total)(p), [grad(moments)(q, 2.0) for q in p], rtol=1e-9)
    # One parameter for all of the limits.
    total = lambda q: vmap(moments, (None, 0))(q, b).sum()  # noqa: E731
    np.testing.assert_allclose(grad(total)(0.5), sum(grad(moments)(0.5, x) for x in b), rtol=1e-9)
    assert vmap(moments, (None, 0))(0.5, np.zeros(0)).shape == (0,)


def test_double_integrals():
    # ∫₀¹ ∫₀ʸ e^(cxy) dx dy
    f = lambda c: quad(lambda y: quad(lambda x: jnp.exp(c * x * y), 0.0, y)[0], 0.0, 1.0)[0]  # noqa: E731
    with mpmath.workdps(25):
        exact = lambda c: mpmath.quad(lambda y: (mpmath.exp(c * y * y) - 1) / (c * y), [0, 1])  # noqa: E731
        value, slope = float(exact(1)), float(mpmath.diff(exact, 1))
    before = counters.num_host_calls
    np.testing.assert_allclose(jit(jaxlite.value_and_grad(f))(1.0), [value, slope], rtol=1e-10)
    assert counters.num_host_calls == before


def test_programs_within_and_around():
    # A loop inside, a scan around, a quotient of integrals.
    sine = lambda x: jaxlite.lax.fori_loop(0, 3, lambda i, y: jnp.sin(y), x)  # noqa: E731
    expected = theirs.quad(lambda x: np.sin(np.sin(np.sin(x))), 0, 1)[0]
    np.testing.assert_allclose(quad(sine, 0.0, 1.0)[0], expected, rtol=1e-10)

    def mean(s):
        weight = lambda x: jnp.exp(-s * x)  # noqa: E731
        return quad(lambda x: x * weight(x), 0.0, INF)[0] / quad(weight, 0.0, INF)[0]

    np.testing.assert_allclose(jit(jaxlite.value_and_grad(mean))(2.0), [0.5, -0.25], rtol=1e-8)
    step = lambda total, b: (total + quad(jnp.cos, 0.0, b)[0], total)  # noqa: E731
    ends = np.array([0.1, 0.5, 2.0])
    summed = jit(grad(lambda ends: jaxlite.lax.scan(step, 0.0, ends)[0]))
    np.testing.assert_allclose(summed(ends), np.cos(ends), rtol=1e-12)
    with jaxlite.disable_jit():
        np.testing.assert_allclose(quad(jnp.exp, 0.0, 1.0)[0], np.e - 1)
    c = np.arange(3.0)
    value = grad(lambda c, none: quad(lambda x: x * jnp.sum(jaxlite.lax.stop_gradient(c)), 0.0, 1.0)[0])(
        c, None
    )
    np.testing.assert_array_equal(value, np.zeros(3))
    none = grad(lambda c: quad(lambda x: x + jnp.sum(c * x), 0.0, 1.0)[0])(np.zeros((0, 2)))
    assert none.shape == (0, 2)


def test_complex_parameters():
    f = lambda z: quad(lambda x: jnp.real(jnp.exp(z * x)), 0.0, 1.0)[0]  # noqa: E731
    closed = lambda z: jnp.real((jnp.exp(z) - 1.0) / z)  # noqa: E731
    z = 0.3 + 2.0j
    np.testing.assert_allclose(jit(grad(f))(z), grad(closed)(z), rtol=1e-10)


def test_programs_are_kept_on_disk():
    """An array written into a program would keep it from having a key."""
    for f in (moments, grad(moments, (0, 1)), hessian(moments)):
        assert stable_key(jaxlite.make_jaxpr(f)(0.5, 2.0).jaxpr) is not None
    text = jaxlite.make_jaxpr(moments)(0.5, 2.0).to_python()
    assert "def integral_fun" in text


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: quad(jnp.sin, np.zeros(2), 1.0), ArgumentError, r"quad: the limits have types f64\[2\]"),
        (lambda: quad(jnp.sin, 0.0, 1j), ArgumentError, "they are real numbers"),
        (lambda: quad(jnp.sin, 0.0, 1.0, weight="cos"), ArgumentError, "weight is 'cos'"),
        (lambda: quad(jnp.sin, 0.0, 1.0, limit=0.5), ArgumentError, "limit is 0.5"),
        (lambda: quad(jnp.sin, 0.0, 1.0, limit=2, points=[0.1, 0.2]), ArgumentError, "there are 3 intervals at first"),
        (lambda: quad(jnp.sin, 0.0, 1.0, epsabs="small"), ArgumentError, "epsabs is 'small'"),
        (lambda: quad(lambda x: x * np.ones(3), 0.0, 1.0), ShapeError, r"returned f64\[3\] for a number"),
        (lambda: quad(lambda x: None, 0.0, 1.0), ShapeError, "returned nothing for a number"),
        (lambda: quad(lambda x: jnp.exp(1j * x), 0.0, 1.0), DtypeError, "integrate real and imaginary part"),
        (lambda: jaxlite.linear_transpose(lambda b: quad(jnp.sin, 0.0, b)[0], 1.0)(1.0), TransposeError, "its limits"),
        (lambda: ours.fixed_quad(jnp.sin, 0.0, INF), ArgumentError, r"quad\(f, a, b\)"),
        (lambda: ours.cumulative_trapezoid(np.ones(3), initial=1.0), ArgumentError, "it is None or 0"),
        (lambda: ours.simpson(np.float64(1.0)), ShapeError, "it has values along an axis"),
        (lambda: ours.simpson(np.ones((2, 0))), ShapeError, "axis 1 is empty"),
        (lambda: ours.simpson(np.ones((2, 3)), np.ones(2)), ShapeError, "a vector of its 3 places"),
        (lambda: ours.cumulative_simpson(np.ones((2, 3)), dx=np.ones(2)), ShapeError, "one element along axis 1"),
        (lambda: ours.cumulative_simpson(np.ones(3), x=np.zeros(3)), ArgumentError, "x does not increase"),
        (lambda: ours.cumulative_simpson(np.ones(3), initial=np.ones(2)), ShapeError, "initial has type"),
        (lambda: ours.romb(np.ones(4)), ShapeError, "a power of two and one"),
        (lambda: ours.romb(np.ones(5), np.ones(1)), ShapeError, "dx has type"),
        (lambda: ours.romb(np.ones(5), show=True), ArgumentError, "show is true"),
    ],
)  # fmt: skip
def test_errors(call, error, match):
    with pytest.raises(error, match="(?s)" + match):
        call()


# --- rules for points ---------------------------------------------------------------------------------


RULES = ["trapezoid", "simpson", "cumulative_trapezoid", "cumulative_simpson"]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 9])
def test_rules_for_points(name, n):
    f, g = getattr(ours, name), getattr(theirs, name)
    shapes = [((n,), -1), ((n, 2), 0), ((2, n), 1), ((2, n, 3), 1)]
    for (shape, axis), dtype in itertools.product(shapes, (float, complex)):
        y = RNG.normal(size=shape).astype(dtype)
        x = np.cumsum(RNG.uniform(0.5, 1.5, n))
        of_each = np.cumsum(RNG.uniform(0.5, 1.5, shape), axis)
        for options in ({}, {"dx": 0.3}, {"x": x}, {"x": of_each}):
            if name.startswith("cumulative") and dtype is float:
                options = {**options, "initial": 0}
            expected = g(y, axis=axis, **options)
            got = f(y, axis=axis, **options)
            assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
            np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
            compiled = jit(lambda y, options=options, axis=axis: f(y, axis=axis, **options))(y)
            np.testing.assert_allclose(compiled, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", RULES)
def test_derivatives_of_rules_for_points(name):
    x = np.cumsum(RNG.uniform(0.5, 1.5, 6))
    f = getattr(ours, name)
    check_grads(lambda y, x: f(y, x=x), (RNG.normal(size=6), x), order=2, rtol=1e-5)
    check_grads(lambda y, dx: f(y, dx=dx), (RNG.normal(size=6), 0.3), order=2, rtol=1e-5)


def test_places_that_stand_there_twice():
    x, y = np.array([0.0, 1.0, 1.0, 2.0, 3.0, 3.0, 4.0]), RNG.normal(size=7)
    np.testing.assert_allclose(ours.simpson(y, x), theirs.simpson(y, x))
    np.testing.assert_allclose(ours.simpson(y[:6], x[:6]), theirs.simpson(y[:6], x[:6]))
    assert np.isfinite(grad(lambda x: ours.simpson(y, x))(x)).all()


def test_cumulative_simpson_with_widths_of_each_row():
    y, dx = RNG.normal(size=(3, 6)), RNG.uniform(0.5, 1.5, (3, 1))
    start = RNG.normal(size=(3, 1))
    got = ours.cumulative_simpson(y, dx=dx, initial=start)
    np.testing.assert_allclose(got, theirs.cumulative_simpson(y, dx=dx, initial=start), rtol=1e-12)


def test_romb():
    for n, shape in ((2, (2,)), (3, (3, 2)), (9, (9, 2)), (17, (2, 17))):
        y, axis = RNG.normal(size=shape), 1 if shape[-1] == 17 else 0
        expected = theirs.romb(y, 0.2, axis)
        np.testing.assert_allclose(ours.romb(y, 0.2, axis), expected, rtol=1e-12, atol=1e-13)
        compiled = jit(lambda y, axis=axis: ours.romb(y, 0.2, axis))(y)
        np.testing.assert_allclose(compiled, expected, rtol=1e-12, atol=1e-13)
        assert y.shape[axis] == n
    check_grads(ours.romb, (RNG.normal(size=9), 0.3), order=2, rtol=1e-5)


def test_fixed_quad():
    for n in (1, 5, 20):
        expected = theirs.fixed_quad(lambda x, c: np.exp(c * x), -1.0, 2.0, (0.7,), n)[0]
        got, nothing = ours.fixed_quad(lambda x, c: jnp.exp(c * x), -1.0, 2.0, (0.7,), n)
        assert nothing is None
        np.testing.assert_allclose(got, expected, rtol=1e-13)
    rows = ours.fixed_quad(lambda x: jnp.stack([x, x**2]), 0.0, 3.0)[0]
    np.testing.assert_allclose(rows, [4.5, 9.0])
    check_grads(lambda a, b, c: ours.fixed_quad(lambda x: jnp.sin(c * x), a, b)[0], (0.2, 1.0, 2.0), order=2)
