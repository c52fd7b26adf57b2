"""`jaxlite.test_util` passes what is right and catches what is wrong, with a message that helps."""

import functools

import numpy as np
import pytest

import jaxlite
from jaxlite import lax
from jaxlite.dtypes import float0
from jaxlite.errors import ArgumentError
from jaxlite.test_util import (
    assert_max_traces,
    batch_combinations,
    batch_element,
    check_batch,
    check_grads,
    check_jvp,
    check_vjp,
    tolerance_of,
)

X = np.array([0.5, 1.0, 1.5])


def f(x):
    return lax.mul(lax.sin(x), x)


def with_wrong_jvp(factor):
    """Return sin with a rule whose tangent is off by a factor."""
    wrong_sin = jaxlite.custom_jvp(lax.sin)

    @wrong_sin.defjvp
    def rule(primals, tangents):
        (x,), (x_dot,) = primals, tangents
        return lax.sin(x), lax.mul(lax.mul(lax.cos(x), x_dot), factor)

    return wrong_sin


def with_wrong_vjp(factor):
    wrong_sin = jaxlite.custom_vjp(lax.sin)

    def forward(x):
        return lax.sin(x), x

    def backward(x, ct):
        return (lax.mul(lax.mul(lax.cos(x), ct), factor),)

    wrong_sin.defvjp(forward, backward)
    return wrong_sin


# --- what is right passes ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0)])
def test_smooth_function_passes(dtype, shape, request):
    x = np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape).astype(dtype)
    seed = request.config.getoption("seed")
    check_grads(f, (x,), order=2, seed=seed)
    check_batch(f, (x,), seed=seed)


def test_third_order_passes():
    check_grads(f, (0.5,), order=3)


@pytest.mark.parametrize("modes", ["fwd", "rev", ("fwd",), ("rev", "fwd")])
def test_modes(modes):
    check_grads(f, (X,), 2, modes)


def test_right_custom_rules_pass():
    check_grads(with_wrong_jvp(1.0), (X,), order=2)
    check_grads(with_wrong_vjp(1.0), (X,), order=1, modes="rev")


def test_pytrees_and_fixed_integers_pass():
    def g(tree, n):
        scaled = lax.mul(tree["a"], lax.convert_element_type(n, np.float64))
        return {"sum": lax.reduce_sum(lax.mul(scaled, tree["b"][0]), (0,)), "count": n, "none": None}

    args = ({"a": X, "b": (lax.exp(X), None)}, np.int64(3))
    check_grads(g, args, order=2)
    check_jvp(g, functools.partial(jaxlite.jvp, g), args)
    check_vjp(g, functools.partial(jaxlite.vjp, g), args)
    check_batch(g, args)


def test_functions_that_are_not_holomorphic_pass():
    z = X + 1j * X[::-1]
    check_grads(lambda z: lax.mul(lax.real(z), lax.imag(z)), (z,), order=2)
    check_grads(lambda z: lax.mul(lax.conj(z), z), (z,), order=2)


def test_rounding_noise_of_large_values_is_allowed_for():
    check_grads(lambda x: lax.add(lax.sin(x), 1e9), (X,), order=1)


def test_step_and_tolerances_can_be_chosen():
    def cube(x):
        return lax.mul(x, lax.mul(x, x))

    check_grads(cube, (10.0,), 1, eps=1.0, atol=1e-1)
    with pytest.raises(AssertionError, match="finite differences"):
        check_grads(cube, (10.0,), 1, eps=1.0, atol=1e-6, rtol=1e-9)


# --- what is wrong is caught ------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1.001, -1.0, 0.0, np.nan])
def test_wrong_jvp_is_caught(factor):
    g = with_wrong_jvp(factor)
    with pytest.raises(AssertionError, match="the jvp of f disagrees with finite differences"):
        check_grads(g, (X,), order=1, modes="fwd")
    with pytest.raises(AssertionError, match="the vjp of f disagrees with finite differences"):
        check_grads(g, (X,), order=1, modes="rev")
    with pytest.raises(AssertionError, match="the jvp of f"):
        check_jvp(g, functools.partial(jaxlite.jvp, g), (X,))
    with pytest.raises(AssertionError, match="the vjp of f"):
        check_vjp(g, functools.partial(jaxlite.vjp, g), (X,))


def test_wrong_vjp_is_caught():
    with pytest.raises(AssertionError, match="the vjp of f disagrees with finite differences"):
        check_grads(with_wrong_vjp(1.001), (X,), order=1, modes="rev")


def test_one_wrong_element_is_named():
    def f_jvp(primals, tangents):
        (x,), (x_dot,) = primals, tangents
        wrong = np.array(np.cos(x) * x_dot)
        wrong[1] += 1.0
        return np.sin(x), wrong

    with pytest.raises(
        AssertionError, match=r"output \(f64\[3\]\), element \(1,\): the jvp gives .*\n.*error +1;"
    ):
        check_jvp(np.sin, f_jvp, (X,), seed=5)
    with pytest.raises(AssertionError, match=r"(?s)at +\[0\.5 1\.  1\.5\].*direction +\[.*seed=5"):
        check_jvp(np.sin, f_jvp, (X,), seed=5)


def test_err_msg_names_the_function():
    with pytest.raises(AssertionError, match="the jvp of my function disagrees"):
        check_jvp(np.sin, lambda p, t: (np.sin(p[0]), t[0]), (X,), err_msg="my function")
    with pytest.raises(AssertionError, match="the vjp of my function disagrees"):
        check_vjp(np.sin, lambda x: (np.sin(x), lambda ct: (ct,)), (X,), err_msg="my function")


def test_wrong_second_derivative_is_caught():
    cos = with_wrong_jvp(0.5)
    half_right = jaxlite.custom_jvp(lambda x: lax.neg(lax.cos(x)))

    @half_right.defjvp
    def rule(primals, tangents):
        (x,), (x_dot,) = primals, tangents
        return half_right(x), lax.mul(cos(x), x_dot)

    check_grads(half_right, (X,), order=1)
    with pytest.raises(AssertionError, match="the jvp of the jvp of f disagrees"):
        check_grads(half_right, (X,), order=2, modes="fwd")
    with pytest.raises(AssertionError, match="the vjp of the vjp of f disagrees"):
        check_grads(half_right, (X,), order=2, modes="rev")


def test_kink_is_caught():
    with pytest.raises(AssertionError, match="finite differences"):
        check_grads(lax.abs, (0.0,), order=1)


@pytest.mark.parametrize("check", [check_jvp, check_vjp])
def test_wrong_value_is_caught(check):
    def f_jvp(primals, tangents):
        return np.sin(primals[0]) + 1.0, np.cos(primals[0]) * tangents[0]

    def f_vjp(x):
        return np.sin(x) + 1.0, lambda ct: (np.cos(x) * ct,)

    with pytest.raises(AssertionError, match="returns another value than the function"):
        check(np.sin, f_jvp if check is check_jvp else f_vjp, (X,))


@pytest.mark.parametrize(
    ("tangent", "message"),
    [
        (lambda t: t[:2], r"tangent of another type.\n +type +tangent is f64\[2\], its primal is f64\[3\]"),
        (lambda t: t.astype(np.float32), r"tangent is f32\[3\], its primal is f64\[3\]"),
        (lambda t: (t,), "tangent of another structure"),
        (lambda t: np.zeros(3, float0), r"tangent is float0\[3\], its primal is f64\[3\]"),
    ],
)
def test_tangent_of_another_type_is_caught(tangent, message):
    with pytest.raises(AssertionError, match=message):
        check_jvp(np.sin, lambda p, t: (np.sin(p[0]), tangent(np.cos(p[0]) * t[0])), (X,))


@pytest.mark.parametrize(
    ("cotangent", "message"),
    [
        (lambda ct: (ct[:2],), r"cotangent\[0\] is f64\[2\], its primal is f64\[3\]"),
        (lambda ct: ct, "cotangent of another structure"),
    ],
)
def test_cotangent_of_another_type_is_caught(cotangent, message):
    with pytest.raises(AssertionError, match=message):
        check_vjp(np.sin, lambda x: (np.sin(x), lambda ct: cotangent(np.cos(x) * ct)), (X,))


def test_jvp_that_is_no_pair_is_caught():
    with pytest.raises(AssertionError, match="returns no pair"):
        check_jvp(np.sin, lambda p, t: np.cos(p[0]) * t[0], (X,))


def test_output_of_another_structure_is_caught():
    with pytest.raises(AssertionError, match="has another structure"):
        check_jvp(np.sin, lambda p, t: ((np.sin(p[0]),), (t[0],)), (X,))


@pytest.mark.parametrize(("order", "modes"), [(0, ("fwd",)), (1, ()), (1, ("forward",))])
def test_order_and_modes_are_checked(order, modes):
    with pytest.raises(ArgumentError, match="order is at least 1, modes are 'fwd' and 'rev'"):
        check_grads(f, (X,), order, modes)


def test_nothing_to_differentiate():
    with pytest.raises(ArgumentError, match="no argument is of floating or complex dtype"):
        check_grads(lax.neg, (np.arange(3),), 1)


# --- batching ---------------------------------------------------------------------------------------


def test_wrong_batching_is_caught():
    """A callback sees whether it is called for one element or for a batch."""

    def mean_over_everything(x):
        size = np.size(x.value) if hasattr(x, "value") else np.size(x)
        return lax.mul(x, float(size))

    with pytest.raises(
        AssertionError, match=r"vmap\(f, in_axes=\(0,\)\) with batch size 3 differs from a loop"
    ):
        check_batch(mean_over_everything, (X,))


def test_batch_combinations():
    combinations = batch_combinations([1, 0], 100, np.random.default_rng(0))
    assert set(combinations) == {(None, 0), (0, None), (0, 0), (1, None), (1, 0)}
    sample = batch_combinations([3, 3, 3], 10, np.random.default_rng(0))
    assert len(set(sample)) == 10
    assert {(0, 0, 0), (0, None, None), (None, 0, None), (None, None, 0)} <= set(sample)


def test_batch_elements_stay_in_range():
    indices = np.array([5, -5, 1, 0])
    flags = np.array([True, False])
    for k in range(4):
        assert batch_element(indices, k).dtype == indices.dtype
        assert np.all(np.abs(batch_element(indices, k)) <= np.abs(indices))
        np.testing.assert_array_equal(batch_element(flags, k), flags ^ bool(k % 2))
    symmetric = X[:, None] * X
    np.testing.assert_array_equal(batch_element(symmetric, 1), batch_element(symmetric, 1).T)


# --- counting traces --------------------------------------------------------------------------------


def test_assert_max_traces_counts():
    g = jaxlite.jit(f)
    with assert_max_traces(1):
        g(1.0), g(2.0)
    with (
        pytest.raises(AssertionError, match=r"assert_max_traces\(1\): jit traced 2 times"),
        assert_max_traces(1),
    ):
        g(X), g(X[:2])


def test_assert_max_traces_decorates():
    @assert_max_traces(1)
    def run(x):
        return g(x)

    g = jaxlite.jit(f)
    run(X), run(X), run(X[:2])
    with pytest.raises(AssertionError, match="jit traced 1 times"):
        assert_max_traces(0)(run)(X[:1])


def test_an_exception_inside_is_not_hidden():
    with pytest.raises(ZeroDivisionError), assert_max_traces(0):
        jaxlite.jit(lambda x: lax.neg(x))(1.0)
        1 / 0


# --- tolerances -------------------------------------------------------------------------------------


def test_the_coarsest_dtype_decides():
    single, double = tolerance_of(np.dtype(np.float32)), tolerance_of(np.dtype(np.float64))
    assert tolerance_of(np.dtype(np.float64), np.dtype(np.complex64)) == single
    assert tolerance_of(np.dtype(np.int64), np.dtype(np.complex128)) == double
    assert tolerance_of(np.dtype(np.int64), np.dtype(np.bool_)).derivative == 0.0
