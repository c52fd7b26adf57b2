"""Kinks and singular points of reductions and cumulative operations, and what their derivatives look like."""

import numpy as np
import pytest

from jaxlite import api
from jaxlite.errors import ShapeError
from jaxlite.ops import cumulative, reductions

NAN = np.nan


def gradient(f, x):
    return np.asarray(api.grad(f)(np.array(x))).tolist()


def total(f):
    return lambda x: reductions.reduce_sum(f(x), (0,))


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([3.0, 1.0, 3.0, 3.0], [1 / 3, 0.0, 1 / 3, 1 / 3]),
        ([0.0, -0.0], [0.5, 0.5]),
        ([np.inf, 1.0], [1.0, 0.0]),
        ([-np.inf, -np.inf], [0.5, 0.5]),
    ],
)
def test_ties_of_max_and_min_share_evenly(x, expected):
    assert gradient(lambda x: reductions.reduce_max(x, (0,)), x) == expected
    negated = (-np.array(x)).tolist()
    assert gradient(lambda x: reductions.reduce_min(x, (0,)), negated) == expected


def test_max_of_nan_has_no_derivative():
    assert np.isnan(gradient(lambda x: reductions.reduce_max(x, (0,)), [1.0, NAN, 2.0])).all()


def test_empty_max_is_refused_in_evaluation_too():
    with pytest.raises(ShapeError, match="reduce_max of no elements has no value"):
        reductions.reduce_max(np.zeros((3, 0)), (1,))
    assert reductions.reduce_max(np.zeros((3, 0)), (0,)).shape == (0,)


@pytest.mark.parametrize(
    ("x", "expected"),
    [([2.0, 0.0, 3.0], [0.0, 6.0, 0.0]), ([0.0, 0.0, 3.0], [0.0, 0.0, 0.0]), ([5.0], [1.0])],
)
def test_product_with_zeros_has_an_exact_gradient(x, expected):
    assert gradient(lambda x: reductions.reduce_prod(x, (0,)), x) == expected


def test_mixed_derivatives_of_a_product_with_two_zeros():
    hessian = api.hessian(lambda x: reductions.reduce_prod(x, (0, 1)))(np.array([[0.0, 2.0], [3.0, 0.0]]))
    expected = np.zeros((2, 2, 2, 2))
    expected[0, 0, 1, 1] = expected[1, 1, 0, 0] = 6.0
    np.testing.assert_array_equal(hessian, expected)


def test_third_derivative_of_a_product_with_three_zeros():
    def f(x):
        return reductions.reduce_prod(x, (0,))

    third = api.jacfwd(api.jacfwd(api.grad(f)))(np.array([0.0, 0.0, 7.0, 0.0]))
    assert third[0, 1, 3] == third[3, 0, 1] == 7.0
    assert third[0, 1, 2] == 0.0


def test_cumprod_with_a_zero_has_an_exact_gradient():
    assert gradient(total(cumulative.cumprod), [2.0, 0.0, 3.0]) == [1.0, 8.0, 0.0]
    second = api.hessian(total(cumulative.cumprod))(np.array([0.0, 0.0, 3.0]))
    np.testing.assert_array_equal(second, [[0.0, 4.0, 0.0], [4.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([1.0, 1.0], [[1, 0], [0.5, 0.5]]),
        ([2.0, 1.0, 2.0], [[1, 0, 0], [1, 0, 0], [0.5, 0, 0.5]]),
        # As max: nothing passes nan.
        ([1.0, NAN, 3.0], [[1, 0, 0], [0, 0, 0], [0, 0, 0]]),
    ],
)
def test_each_step_of_cummax_shares_a_tie(x, expected):
    assert np.asarray(api.jacobian(cumulative.cummax)(np.array(x))).tolist() == expected
    assert np.asarray(api.jacobian(cumulative.cummin)(-np.array(x))).tolist() == expected


def test_cumlogsumexp_after_minus_infinity():
    jacobian = api.jacobian(cumulative.cumlogsumexp)(np.array([-np.inf, 0.0, 0.0]))
    np.testing.assert_allclose(jacobian, [[1, 0, 0], [0, 1, 0], [0, 0.5, 0.5]])


def test_cumlogsumexp_shares_its_derivative_far_from_zero():
    jacobian = api.jacobian(cumulative.cumlogsumexp)(np.full(2, 1e17))
    np.testing.assert_array_equal(jacobian, [[1, 0], [0.5, 0.5]])


def test_gradient_of_a_cumulative_operation_is_one_recurrence():
    eqns = api.make_jaxpr(api.grad(total(cumulative.cumprod)))(np.ones(5)).eqns
    assert [eqn.primitive.name for eqn in eqns].count("linear_recurrence") == 1


def test_axis_may_be_negative_or_a_bare_number():
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(reductions.reduce_sum(x, -1), x.sum(1))
    np.testing.assert_array_equal(reductions.argmax(x, -1), [2, 2])
    assert reductions.argmin(x, 0, np.int8).dtype == np.int8
    np.testing.assert_array_equal(cumulative.cumsum(x, -1, reverse=True)[:, 0], x.sum(1))
