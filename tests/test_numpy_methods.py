"""Operators, methods and properties of traced values and of ``Array``: one answer for both, and NumPy's."""

import operator

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.counters import counters
from jaxlite.errors import DtypeError, InplaceUpdateError

X = np.array([[0.5, -1.25, 2.0], [3.0, 0.25, -0.75]])
I = np.array([[3, -1, 2], [0, 5, -4]])  # noqa: E741
Z = np.array([1 + 2j, -0.5j])
S = np.array([[2.0]])

METHODS = [
    (X, "all", (), {}),
    (X, "any", (), dict(axis=0)),
    (X, "argmax", (), {}),
    (X, "argmin", (1,), {}),
    (X, "argsort", (), {}),
    (X, "clip", (0.0, 1.0), {}),
    (X, "clip", (), dict(max=1.0)),
    (Z, "conj", (), {}),
    (Z, "conjugate", (), {}),
    (X, "copy", (), {}),
    (X, "cumprod", (), dict(axis=1)),
    (X, "cumsum", (), {}),
    (X, "diagonal", (), {}),
    (X, "dot", (X.T,), {}),
    (X, "flatten", (), {}),
    (X, "max", (), dict(axis=0, keepdims=True)),
    (I, "mean", (), {}),
    (X, "min", (), {}),
    (X, "prod", (), dict(axis=1)),
    (X, "ravel", (), {}),
    (X, "repeat", (2,), dict(axis=1)),
    (X, "reshape", (3, 2), {}),
    (X, "reshape", ((3, -1),), {}),
    (X, "round", (), {}),
    (X, "round", (1,), {}),
    (X[0], "searchsorted", (0.3,), {}),
    (S, "squeeze", (), {}),
    (X, "std", (), {}),
    (X, "sum", (0,), {}),
    (I, "sum", (), dict(dtype=np.float32)),
    (X, "swapaxes", (0, 1), {}),
    (X, "take", (np.array([0, 5]),), {}),
    (X, "transpose", (), {}),
    (X, "transpose", (1, 0), {}),
    (X, "transpose", ((1, 0),), {}),
    (X, "var", (), dict(ddof=1)),
    (X, "astype", (np.float32,), {}),
    (X, "astype", (int,), {}),
    (X, "view", (np.int64,), {}),
]


def assert_equal(got, expected):
    assert type(got) is jaxlite.Array
    expected = np.asarray(expected)
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(got, expected, rtol=1e-14)


@pytest.mark.parametrize(("x", "name", "args", "kwargs"), METHODS)
def test_methods(x, name, args, kwargs):
    expected = getattr(x, name)(*args, **kwargs)
    assert_equal(jaxlite.jit(lambda x: getattr(x, name)(*args, **kwargs))(x), expected)
    assert_equal(getattr(jnp.asarray(x), name)(*args, **kwargs), expected)


def test_methods_that_differ_from_numpy():
    for call in (lambda f: f(jnp.asarray(X)), lambda f: jaxlite.jit(f)(X)):
        # Arrays never change, so sort returns.
        np.testing.assert_array_equal(call(lambda x: x.sort()), np.sort(X))
        np.testing.assert_array_equal(call(lambda x: x.sort(axis=0)), np.sort(X, axis=0))
        np.testing.assert_array_equal(call(lambda x: x.ptp()), np.ptp(X))
        np.testing.assert_array_equal(call(lambda x: x.nonzero(size=2)[1]), [0, 1])
        np.testing.assert_array_equal(call(lambda x: x.argpartition(1))[..., 0], np.argmin(X, -1))
        np.testing.assert_array_equal(call(lambda x: x.compress(np.array([True, False]), axis=0)), X[:1])
    assert jnp.asarray(X).trace() == np.trace(X)
    assert [type(i) for i in jnp.asarray(X).nonzero()] == [jaxlite.Array] * 2


@pytest.mark.parametrize(
    "name", ["T", "mT", "real", "imag", "shape", "ndim", "size", "dtype", "nbytes", "itemsize"]
)
def test_properties(name):
    for x in (X, X[:, :, None] + 1j):
        seen = []

        def f(x):
            value = getattr(x, name)
            seen.append(value)  # noqa: B023
            return value if isinstance(value, jaxlite.Array) else x

        result = jaxlite.jit(f)(x)
        expected = getattr(x, name)
        for value in (result if isinstance(expected, np.ndarray) else seen[0], getattr(jnp.asarray(x), name)):
            np.testing.assert_array_equal(value, expected)


BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
    divmod,
]
BITS = [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift]


@pytest.mark.parametrize("apply", [*BINARY, *BITS], ids=lambda f: f.__name__)
def test_binary_operators(apply):
    x, y = (I, np.array([2, 1, 3])) if apply in BITS else (np.abs(X), np.array([0.5, 2.0, 1.5]))
    expected = apply(x, y)
    array = jnp.asarray
    results = [
        jaxlite.jit(apply)(x, y),
        jaxlite.jit(lambda x: apply(x, y))(x),  # traced with constant
        jaxlite.jit(lambda y: apply(x, y))(y),  # ndarray with traced
        jaxlite.jit(lambda y: apply(array(x), y))(y),  # Array with traced
        jaxlite.jit(lambda x: apply(x, array(y)))(x),
        apply(array(x), y),
        apply(x, array(y)),
        apply(array(x), array(y)),
    ]
    for result in results:
        for got, want in zip(parts(result), parts(expected), strict=True):
            assert_equal(got, want)


def parts(x):
    return x if isinstance(x, tuple) else (x,)


@pytest.mark.parametrize("apply", BINARY, ids=lambda f: f.__name__)
def test_binary_operators_with_numbers(apply):
    x = np.abs(X)
    for number in (2, 1.5, np.float64(0.5)):
        for f in (lambda x: apply(x, number), lambda x: apply(number, x)):  # noqa: B023
            for got, want in zip(parts(jaxlite.jit(f)(x)), parts(f(x)), strict=True):
                assert_equal(got, want)
            for got, want in zip(parts(f(jnp.asarray(x))), parts(f(x)), strict=True):
                assert_equal(got, want)


@pytest.mark.parametrize("apply", [operator.neg, operator.pos, abs, round], ids=lambda f: f.__name__)
def test_unary_operators(apply):
    expected = np.round(X) if apply is round else apply(X)
    assert_equal(jaxlite.jit(apply)(X), expected)
    assert_equal(apply(jnp.asarray(X)), expected)


def test_invert():
    assert_equal(jaxlite.jit(operator.invert)(I), ~I)
    assert_equal(jaxlite.jit(operator.invert)(X > 0), ~(X > 0))


def test_matmul():
    for f in (lambda x: x @ X, lambda x: X.T @ x.T, lambda x: jnp.asarray(X.T) @ x.T):
        assert_equal(jaxlite.jit(f)(X.T), f(X.T))


def test_in_place_operators_rebind():
    def f(x):
        y = x
        y += 1
        y *= x
        return y

    assert_equal(jaxlite.jit(f)(X), (X + 1) * X)
    x = jnp.asarray(X)
    assert_equal(f(x), (X + 1) * X)
    np.testing.assert_array_equal(x, X)


def test_contains():
    assert 2.0 in jnp.asarray(X)
    assert jaxlite.grad(lambda x: x.sum() if 2.0 in x else 0.0)(X)[0, 0] == 1


def test_integer_to_negative_power():
    for call in (lambda f: f(jnp.array(2)), lambda f: jaxlite.jit(f)(np.array([2]))):
        with pytest.raises(
            TypeError, match="(?s)integers cannot be raised to negative powers.*floating base"
        ):
            call(lambda x: x**-1)
        with pytest.raises(TypeError, match="integers cannot be raised to negative powers"):
            call(lambda x: jnp.power(x, -2))


def test_operator_with_list():
    with pytest.raises(DtypeError, match=r"(?s)operator add: a traced value and a list.*jnp.asarray"):
        jaxlite.jit(lambda x: x + [1.0, 2.0, 3.0])(X)


def test_operator_with_stranger():
    class Stranger:
        __array_ufunc__ = None

        def __radd__(self, other):
            return "mine"

    seen = []
    jaxlite.make_jaxpr(lambda x: seen.append(x + Stranger()) or x)(X)
    assert seen == ["mine"]
    assert jnp.asarray(X) + Stranger() == "mine"
    with pytest.raises(TypeError, match="unsupported operand"):
        jaxlite.jit(lambda x: x + "text")(X)
    with pytest.raises(TypeError, match="modulus"):
        jaxlite.jit(lambda x: pow(x, 2, 3))(X)


def test_traced_values_are_arrays_to_isinstance():
    seen = []
    jaxlite.make_jaxpr(
        lambda x: seen.append((isinstance(x, jnp.ndarray), isinstance(x, jaxlite.Array))) or x
    )(X)
    assert seen == [(True, True)]
    assert isinstance(jnp.asarray(X), jnp.ndarray)
    assert not isinstance(X, jnp.ndarray)
    assert not isinstance(1.0, jnp.ndarray)


def test_arrays_have_no_hash():
    with pytest.raises(TypeError, match="unhashable"):
        hash(jnp.asarray(X))


def test_array_aval():
    assert str(jnp.asarray(X).aval) == "f64[2,3]"


def test_real_and_imaginary_parts_are_not_written():
    z = jnp.asarray(Z)
    with pytest.raises(InplaceUpdateError, match=r"x.real = value would write"):
        z.real = 0.0


def test_shape_argument_that_is_traced():
    with pytest.raises(TypeError, match="(?s)a Python integer is needed.*static_argnames"):
        jaxlite.jit(lambda n: jnp.zeros(n))(3)
    with pytest.raises(TypeError, match="(?s)arange: a bound is traced.*static"):
        jaxlite.jit(lambda n: jnp.arange(n))(3)


VIEWED = np.random.default_rng(4).normal(size=(2, 8))


@pytest.mark.parametrize("dtype", "hLefdFD")
def test_view_of_traced_values(dtype):
    """Natively, of every width; where the numbers stay the same, with their derivatives."""
    arrays = [
        VIEWED,
        VIEWED.astype(np.float16),
        VIEWED.view(complex),
        VIEWED.astype(np.complex64),
        VIEWED.astype(int),
    ]
    before = counters.num_host_calls
    for x in arrays:
        got, expected = jaxlite.jit(lambda x: x.view(dtype))(x), x.view(dtype)
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
        assert np.asarray(got).tobytes() == expected.tobytes()
    assert counters.num_host_calls == before
    slope = jaxlite.grad(lambda z: (jnp.asarray(z).view(float) ** 2).sum())(VIEWED.view(complex))
    np.testing.assert_allclose(slope, 2 * VIEWED.view(complex).conj())


def test_views_that_do_not_fit():
    with pytest.raises(ValueError, match="(?s)last axis, of size 3, must be a multiple of 2"):
        jaxlite.jit(lambda x: x.view(complex))(np.ones(3))
    with pytest.raises(ValueError, match="(?s)of another width the last axis changes size"):
        jaxlite.jit(lambda x: x.view(np.float32))(1.0)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128, np.float16])
def test_places_of_extremes(dtype):
    """Of complex numbers and float16 too they are found by machine code; nan wins."""
    rng = np.random.default_rng(1)
    x = rng.integers(0, 3, (4, 9)).astype(dtype)
    if dtype != np.float16:
        x = x + 1j * rng.integers(0, 3, (4, 9)).astype(dtype)
    holes = x.copy()
    holes[1, 3] = holes[2, 5] = np.nan
    before = counters.num_host_calls
    for array in (x, holes):
        for function in (np.argmax, np.argmin):
            for axis in (0, 1, None):
                got = jaxlite.jit(lambda x: function(x, axis=axis))(array)  # noqa: B023
                np.testing.assert_array_equal(got, function(array, axis=axis))
    assert counters.num_host_calls == before
