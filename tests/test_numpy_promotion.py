"""Every ufunc of the table on every combination of dtypes: dtype and value as NumPy's, or an error where NumPy errs."""

import itertools
import warnings

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.errors import DtypeError, ShapeError
from jaxlite.numpy.registry import UFUNCS
from jaxlite.trace import Tracer

LEFT = {
    "?": [True, False, True],
    "u": [1, 2, 5],
    "i": [-3, 2, 5],
    "f": [-0.75, 0.5, 0.25],
    "c": [0.3 + 0.4j, -0.5j, 0.25],
}
RIGHT = {
    "?": [True, True, False],
    "u": [3, 1, 2],
    "i": [2, 1, 3],
    "f": [0.75, 0.5, -0.25],
    "c": [0.3 + 0.2j, 0.5j, 1.25],
}
DTYPES = ["?", "i1", "i4", "i8", "u1", "u8", "f2", "f4", "f8", "c8", "c16", int, float, complex]
PYTHON_NUMBERS = {int: 3, float: 0.5, complex: 0.5j}
# Half precision is computed in other steps; single precision in SIMD loops with other rounding.
RTOL = {"float16": 1e-2, "float32": 1e-5, "complex64": 1e-5, "float64": 1e-12, "complex128": 1e-12}

ufuncs = [u for u in UFUNCS if u.signature is None and u.__name__ != "clip"]


def operands_of(dtypes):
    for dtype, samples in zip(dtypes, (LEFT, RIGHT), strict=False):
        yield PYTHON_NUMBERS[dtype] if isinstance(dtype, type) else np.array(samples[dtype[0]], dtype)


def call_numpy(ufunc, operands):
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ufunc(*operands)
    except (TypeError, ValueError):
        return None


def parts(result):
    return result if isinstance(result, tuple) else (result,)


def assert_agrees(got, expected, what):
    for g, e in zip(parts(got), parts(expected), strict=True):
        g, e = np.asarray(g), np.asarray(e)
        assert (g.dtype, g.shape) == (e.dtype, e.shape), what
        if e.dtype.kind in "fc":
            rtol = RTOL[e.dtype.name]
            np.testing.assert_allclose(g, e, rtol=rtol, atol=rtol if rtol > 1e-12 else 0, err_msg=what)
        else:
            np.testing.assert_array_equal(g, e, err_msg=what)


@pytest.mark.parametrize("ufunc", ufuncs, ids=lambda u: u.__name__)
def test_traced_ufunc_promotes_as_numpy(ufunc):
    for dtypes in itertools.product(DTYPES, repeat=ufunc.nin):
        operands = list(operands_of(dtypes))
        what = f"{ufunc.__name__} of {dtypes}"
        expected = call_numpy(ufunc, operands)
        # A Python number among the arguments is weak, so NumPy's own function treats it as one.
        record = jaxlite.make_jaxpr(lambda *xs: UFUNCS[ufunc](*xs))  # noqa: B023
        if expected is None:
            with pytest.raises(TypeError):
                record(*operands)
        else:
            program = record(*operands)
            outs = jaxlite.eval_jaxpr(program.jaxpr, program.consts, *operands)
            assert_agrees(tuple(outs) if ufunc.nout > 1 else outs[0], expected, what)


NUMBERS = [2, 0.5, 1j, np.float32(2), np.int8(3), np.float64(0.5), True]
OPERATORS = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "==": lambda x, y: x == y,
}


@pytest.mark.parametrize("dtype", ["i1", "i8", "u1", "f2", "f4", "f8", "c8"])
@pytest.mark.parametrize("number", NUMBERS, ids=repr)
@pytest.mark.parametrize("symbol", OPERATORS)
def test_operators_with_constants_promote_as_numpy(symbol, number, dtype):
    x = np.array([1, 2, 3], dtype)
    for f in (lambda x: OPERATORS[symbol](x, number), lambda x: OPERATORS[symbol](number, x)):
        expected = f(x)
        assert_agrees(jaxlite.jit(f)(x), expected, symbol)
        assert_agrees(f(jnp.asarray(x)), expected, symbol)


WEAK = {
    "x + 1": lambda x: x + 1,
    "1 - x": lambda x: 1 - x,
    "x * 2.0": lambda x: x * 2.0,
    "x / 2": lambda x: x / 2,
    "x // 2": lambda x: x // 2,
    "x % 2": lambda x: x % 2,
    "x ** 2": lambda x: x**2,
    "2 ** x": lambda x: 2**x,
    "x ** 0.5": lambda x: x**0.5,
    "-x": lambda x: -x,
    "abs(x)": lambda x: abs(x),
    "divmod": lambda x: divmod(x, 2)[1],
    "x + x": lambda x: x + x,
}


@pytest.mark.parametrize("name", WEAK)
@pytest.mark.parametrize("argument", [3, 2.5])
def test_operators_keep_python_numbers_weak(name, argument):
    jaxpr = jaxlite.make_jaxpr(WEAK[name])(argument)
    (aval,) = jaxpr.out_avals
    assert aval.weak_type
    assert aval.dtype == np.asarray(WEAK[name](argument)).dtype
    # Weak, so that single precision stays single precision.
    single = np.ones(3, np.float32)
    assert jaxlite.jit(lambda x: WEAK[name](x) * single)(argument).dtype == np.float32


@pytest.mark.parametrize("function", [jnp.add, jnp.multiply, jnp.negative, jnp.sin, jnp.where, jnp.asarray])
def test_functions_make_python_numbers_strong(function):
    def call(x):
        if function is jnp.where:
            return jnp.where(True, x, x)
        return function(x) if function in (jnp.negative, jnp.sin, jnp.asarray) else function(x, x)

    (aval,) = jaxlite.make_jaxpr(call)(2.0).out_avals
    assert aval.dtype == np.float64
    assert not aval.weak_type


def test_comparison_with_python_integer_out_of_range():
    x = np.array([1, 255], np.uint8)
    for bound in (300, -1, 2**70):
        np.testing.assert_array_equal(jaxlite.jit(lambda x: x < bound)(x), x < bound)  # noqa: B023


def test_arithmetic_with_python_integer_out_of_range():
    with pytest.raises(OverflowError, match="300 out of bounds for uint8"):
        jaxlite.jit(lambda x: x + 300)(np.array([1], np.uint8))


def test_integer_division_by_zero_gives_zero():
    x = np.array([5, -5])
    for f in (lambda x: x // 0, lambda x: x % 0):
        np.testing.assert_array_equal(jaxlite.jit(f)(x), [0, 0])
        np.testing.assert_array_equal(f(jnp.asarray(x)), [0, 0])


def test_mixed_int64_and_uint64_compare_exactly():
    u, i = np.array([2**63, 5, 0], np.uint64), np.array([-1, 5, 2**62])
    for f in (np.less, np.greater_equal, np.equal):
        np.testing.assert_array_equal(jaxlite.jit(f)(u, i), f(u, i))
        np.testing.assert_array_equal(jaxlite.jit(f)(i, u), f(i, u))


def test_scalars_stay_scalars():
    jaxpr = jaxlite.make_jaxpr(lambda x: x * 2 + np.float64(1))(np.ones(3))
    assert [str(eqn.primitive) for eqn in jaxpr.eqns] == ["mul", "add"]


def test_bool_subtract_is_refused():
    with pytest.raises(DtypeError, match="subtract: operands have types bool"):
        jaxlite.jit(lambda x: x - x)(np.array([True]))


def test_shape_mismatch_is_explained():
    with pytest.raises(ShapeError, match=r"add: operands have types f64\[3,4\], f64\[4,3\]") as error:
        jaxlite.jit(lambda x: x + x.T)(np.ones((3, 4)))
    assert "axis -1 has sizes 4 and 3" in str(error.value)
    assert "x.T" in str(error.value)
    with pytest.raises(ShapeError, match="insert an axis"):
        jaxlite.jit(lambda x, y: x + y)(np.ones(3), np.ones((2, 4)))


@pytest.mark.parametrize("function", [jnp.sum, jnp.sin, jnp.mean, jnp.reshape, jnp.dot, jnp.where, jnp.sort])
def test_lists_are_refused(function):
    args = {jnp.reshape: ([1.0, 2.0], (2,)), jnp.dot: ([1.0], [2.0]), jnp.where: ([True], 1, 2)}
    with pytest.raises(TypeError, match="(?s)takes arrays and numbers, not list .*jnp.asarray"):
        function(*args.get(function, ([1.0, 2.0],)))


@pytest.mark.parametrize("value", ["text", None, object()])
def test_other_objects_are_refused(value):
    with pytest.raises(TypeError, match="add takes arrays and numbers"):
        jnp.add(1.0, value)


def test_dtype_without_a_place_in_programs_is_refused():
    with pytest.raises(DtypeError, match="an array of dtype <U1"):
        jnp.sin(np.array(["a"]))
    with pytest.raises(DtypeError, match="would have dtype object"):
        jnp.array([1, object()])


def test_big_endian_arrays_are_converted():
    x = np.arange(3.0).astype(">f8")
    assert jnp.sin(x).dtype == np.dtype("f8")
    np.testing.assert_array_equal(jaxlite.jit(jnp.sin)(x), np.sin(x))


def test_results_of_eager_functions_are_arrays():
    for result in (
        jnp.add(1, 2),
        jnp.sum(np.ones(3)),
        jnp.float32(1),
        jnp.max(np.arange(3)),
        *jnp.divmod(7, 2),
    ):
        assert type(result) is jaxlite.Array
        assert not isinstance(result, Tracer)
