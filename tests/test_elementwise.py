"""Elementwise primitives where the row table does not reach: kinks, singular points, scalars, dtypes."""

import numpy as np
import pytest

import jaxlite.numpy as jnp
from jaxlite import api, jit, lax
from jaxlite.errors import ArgumentError, DtypeError, RuleError
from jaxlite.interpreters.stage import stage
from jaxlite.ir import ShapedArray
from jaxlite.ops import elementwise as ew
from jaxlite.ops import special
from jaxlite.ops.elementwise import select_n

INF, NAN = np.inf, np.nan


def safe_log(x):
    return select_n(ew.gt(x, 0.0), ew.mul(x, 0.0), ew.log(x))


# Values of JAX: what a derivative is where mathematics has no word for it.
@pytest.mark.parametrize(
    "f, args, expected",
    [
        pytest.param(ew.abs, (0.0,), (1,), id="abs"),
        pytest.param(ew.abs, (-0.0,), (1,), id="abs of -0"),
        pytest.param(ew.abs, (0j,), (0,), id="complex abs"),
        pytest.param(ew.sign, (0.0,), (0,), id="sign"),
        pytest.param(ew.max, (1.0, 1.0), (0.5, 0.5), id="max tie"),
        pytest.param(ew.min, (1.0, 1.0), (0.5, 0.5), id="min tie"),
        pytest.param(ew.max, (2.0, NAN), (0, 0), id="max of nan"),
        pytest.param(ew.clamp, (0.0, 0.0, 1.0), (0, 0, 0), id="clamp at the lower bound"),
        pytest.param(ew.clamp, (0.0, 1.0, 1.0), (0, 0, 0), id="clamp at the upper bound"),
        pytest.param(ew.clamp, (0.0, 2.0, 1.0), (0, 0, 1), id="clamp outside"),
        pytest.param(ew.floor, (2.0,), (0,), id="floor"),
        pytest.param(ew.sqrt, (0.0,), (INF,), id="sqrt"),
        pytest.param(ew.cbrt, (0.0,), (INF,), id="cbrt"),
        pytest.param(ew.log, (0.0,), (INF,), id="log"),
        pytest.param(ew.pow, (0.0, 2.0), (0, 0), id="0**2."),
        pytest.param(ew.pow, (0.0, 1.0), (1, 0), id="0**1."),
        pytest.param(ew.pow, (0.0, 0.5), (INF, 0), id="0**.5"),
        pytest.param(ew.pow, (0.0, 0.0), (NAN, 0), id="0**0."),
        pytest.param(ew.pow, (-2.0, 2.0), (-4, NAN), id="(-2)**2."),
        pytest.param(lambda x: ew.pow(x, 0), (0.0,), (0,), id="0**0"),
        pytest.param(lambda x: ew.integer_pow(x, 0), (0.0,), (0,), id="integer_pow 0"),
        pytest.param(lambda x: ew.integer_pow(x, 2), (0.0,), (0,), id="integer_pow 2"),
        pytest.param(lambda x: ew.integer_pow(x, -1), (0.0,), (-INF,), id="integer_pow -1"),
        pytest.param(ew.atan2, (0.0, 0.0), (NAN, NAN), id="atan2"),
        pytest.param(ew.mod, (3.0, 3.0), (1, -1), id="mod"),
        pytest.param(ew.mod, (-7.0, 2.0), (1, 4), id="mod of a negative number"),
        pytest.param(ew.rem, (7.0, 2.0), (1, -3), id="rem"),
        pytest.param(ew.rem, (-7.0, 2.0), (1, 3), id="rem of a negative number"),
        pytest.param(lambda x: select_n(ew.gt(x, 0.0), 0.0, ew.sqrt(x)), (0.0,), (NAN,), id="select of sqrt"),
        pytest.param(safe_log, (-1.0,), (0,), id="select of log"),
    ],
)
def test_derivative_at_kinks_and_singular_points(f, args, expected):
    grads = api.grad(f, tuple(range(len(args))))(*args)
    np.testing.assert_array_equal(np.array(grads), expected)


def test_second_derivative_of_an_integer_power_at_zero():
    assert api.grad(api.grad(lambda x: ew.integer_pow(x, 2)))(0.0) == 2.0
    assert api.grad(api.grad(lambda x: ew.pow(x, 2.0)))(0.0) == 2.0


def test_gradient_of_a_real_function_of_a_complex_number():
    assert api.grad(lambda z: ew.real(ew.mul(z, z)))(1 + 2j) == 2 + 4j
    assert api.grad(lambda z: ew.imag(z))(1 + 2j) == -1j
    np.testing.assert_allclose(api.grad(ew.abs)(3 + 4j), 0.6 - 0.8j, rtol=1e-15)


# The derivatives that lose their digits in the obvious form; values by mpmath.
@pytest.mark.parametrize(
    "f, x, expected",
    [
        (ew.expm1, -60.0, 8.75651076269652e-27),
        (ew.asin, 1 - 1e-12, 707114.6025256453),
        (ew.acos, 1 - 1e-12, -707114.6025256453),
        (ew.atanh, 1 - 1e-12, 500011061105.0014),
        (ew.acosh, 1e200, 1e-200),
        (lambda y: ew.rem(1.0, y), 1e-8, -99999999.0),
    ],
    ids=["expm1", "asin", "acos", "atanh", "acosh", "rem"],
)
def test_derivative_keeps_its_digits(f, x, expected):
    np.testing.assert_allclose(api.grad(f)(x), expected, rtol=1e-15)


SMOOTH = (
    *("neg", "abs", "square", "sqrt", "rsqrt", "cbrt", "exp", "exp2", "expm1", "log", "log1p", "logistic"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "atanh"),
    *("erf", "erfc", "erf_inv", "lgamma", "digamma"),
)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("name", SMOOTH)
def test_rules_keep_the_dtype(name, dtype):
    f = getattr(ew, name, None) or getattr(special, name)
    for derivative in (api.grad(f), api.grad(api.grad(f))):
        result = derivative(dtype(0.5))
        assert result.dtype == dtype
        np.testing.assert_allclose(result, derivative(0.5), rtol=20 * np.finfo(dtype).eps)
        # Staging catches what evaluation would promote: a rule that mixes dtypes.
        jaxpr, _ = stage(lambda x, derivative=derivative: [derivative(x)], [ShapedArray((), np.dtype(dtype))])
        assert jaxpr.out_avals[0].dtype == dtype


def test_scalars_take_the_dtype_of_the_array():
    x = np.ones(3, np.float32)
    for result in (
        ew.mul(x, 2),
        ew.add(2.5, x),
        ew.max(x, 0),
        ew.clamp(0, x, 1.0),
        ew.select_n(x > 0, x, 0.0),
    ):
        assert result.dtype == np.float32


@pytest.mark.parametrize(
    "f, scalar",
    [
        (lambda: ew.mul(np.arange(3), 2.5), "2.5 is no i64"),
        (lambda: ew.add(np.ones(3), 1j), "1j is no f64"),
        (lambda: ew.add(np.uint8(3), -1), "-1 is no u8"),
        (lambda: ew.bitwise_and(np.array([True]), 2), "2 is no bool"),
    ],
    ids=["float", "complex", "negative", "int"],
)
def test_scalars_that_would_change_are_refused(f, scalar):
    with pytest.raises(DtypeError, match=f"the Python scalar {scalar}"):
        f()


def test_params_are_checked_without_staging_too():
    with pytest.raises(DtypeError, match="integers cannot be raised to negative powers"):
        ew.integer_pow(np.arange(3), -1)
    with pytest.raises(ArgumentError, match="is rounded by method 2"):
        ew.round(np.ones(3), 2)
    with pytest.raises(DtypeError, match="cannot be read as f32"):
        ew.bitcast_convert_type(np.ones(3), np.float32)


def test_polygamma_has_no_derivative_in_its_order():
    with pytest.raises(RuleError, match="not differentiable with respect to its order"):
        api.grad(lambda m: special.polygamma(m, 2.0))(1.0)


@pytest.mark.parametrize("new_dtype", [np.int32, np.uint8, np.bool_])
def test_conversion_out_of_range_neither_raises_nor_warns(new_dtype):
    x = np.array([NAN, INF, -INF, 1e300, -1.0])
    assert ew.convert_element_type(x, new_dtype).dtype == new_dtype
    assert ew.convert_element_type(x + 1j, new_dtype).dtype == new_dtype


def test_conversion_to_integers_stops_derivatives():
    def f(x):
        return ew.mul(ew.convert_element_type(ew.convert_element_type(x, np.int64), np.float64), x)

    assert api.grad(f)(2.75) == 2.0


def test_weak_operands_give_weak_results_only_in_the_arithmetic_of_python():
    weak = ShapedArray((), np.dtype(np.float64), True)
    jaxpr, _ = stage(lambda x: [ew.mul(x, x), ew.pow(x, x), ew.mod(x, x), ew.abs(x), ew.sin(x)], [weak])
    assert [aval.weak_type for aval in jaxpr.out_avals] == [True, True, True, True, False]


# Around the ends of int8, uint8, int64 and uint64.
EDGES = [
    np.nan,
    np.inf,
    -np.inf,
    1e300,
    255.9,
    256.0,
    -129.0,
    -128.5,
    -0.9,
    127.9,
    2.0**63,
    -(2.0**63),
    2.0**64,
]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "int64", "uint64"])
def test_floats_out_of_range_become_the_nearest_integer(dtype):
    x, info = np.array(EDGES), np.iinfo(dtype)
    eager = ew.convert_element_type(x, dtype)
    exact = [0 if v != v else int(min(max(v, info.min), info.max)) for v in x.tolist()]
    assert eager.tolist() == exact
    np.testing.assert_array_equal(jit(lambda x: ew.convert_element_type(x, dtype))(x), eager)


@pytest.mark.parametrize(
    "f",
    [
        *(jnp.log, jnp.log2, jnp.log10, jnp.log1p, jnp.expm1, jnp.tan, jnp.tanh, jnp.sqrt, jnp.reciprocal),
        *(jnp.arcsin, jnp.arccos, jnp.arctan, jnp.arcsinh, jnp.arccosh, jnp.arctanh, jnp.abs, jnp.square),
        *(lambda x: x**2, lambda x: x**3.5, lambda x: 2.0**x, lambda x: x / (1 + x)),
    ],
)
def test_derivatives_at_a_python_complex_number(f):
    z, z_dot = 1.2 + 0.5j, 0.3 - 0.7j
    expected = api.jvp(f, (np.complex128(z),), (np.complex128(z_dot),))
    for got in (api.jvp(f, (z,), (z_dot,)), jit(lambda: api.jvp(f, (z,), (z_dot,)))()):
        for x, y in zip(got, expected, strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_allclose(x, y, rtol=1e-13)


@pytest.mark.parametrize("name", ["int8", "uint16", "int32", "uint32", "int64", "uint64"])
def test_upper_halves_of_products(name, rng):
    info = np.iinfo(name)
    ends = [info.min, info.max, 0, 1]
    drawn = rng.integers(info.min, info.max, (2, 50), dtype=name, endpoint=True)
    x, y = (np.concatenate([row, np.array(ends, name)]) for row in drawn)
    x, y = (grid.ravel() for grid in np.meshgrid(x, y))
    wanted = np.array([(int(a) * int(b)) >> info.bits for a, b in zip(x, y)], name)
    for mulhi in (lax.mulhi, jit(lax.mulhi)):
        np.testing.assert_array_equal(mulhi(x, y), wanted, strict=True)


def test_mulhi_is_of_integers():
    for x, y in ((1.0, 2.0), (np.int32(1), np.int64(2))):
        with pytest.raises(DtypeError, match=r"mulhi: operands have types (.|\n)*integers of one dtype"):
            lax.mulhi(x, y)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_formats_of_fewer_bits_are_the_oracles_bit_for_bit(dtype, rng, oracle):
    unsigned = f"u{np.dtype(dtype).itemsize}"
    x = rng.integers(0, np.iinfo(unsigned).max, 2000, dtype=unsigned, endpoint=True).view(dtype)
    x = np.concatenate([x, rng.standard_normal(100).astype(dtype)])
    for bits in ((1, 3), (4, 3), (5, 2), (5, 10), (8, 7), (8, 0), (11, 23), (11, 52)):
        wanted = np.asarray(oracle.lax.reduce_precision(x, *bits))
        for f in (lax.reduce_precision, jit(lax.reduce_precision, static_argnums=(1, 2))):
            got = np.asarray(f(x, *bits))
            np.testing.assert_array_equal(got, wanted)
            known = ~np.isnan(wanted)
            np.testing.assert_array_equal(np.signbit(got[known]), np.signbit(wanted[known]))


def test_derivatives_have_fewer_bits_too():
    value, slope = api.jvp(lambda x: lax.reduce_precision(x, 5, 2), (1.1,), (1.2,))
    assert (value, slope) == (1.0, 1.25)
    assert api.grad(lambda x: lax.reduce_precision(x, 5, 2) * 1.2)(1.1) == 1.25


@pytest.mark.parametrize("bits", [(0, 3), (3, -1)])
def test_formats_that_there_are_not(bits):
    with pytest.raises(ArgumentError, match="no format has"):
        lax.reduce_precision(1.0, *bits)
