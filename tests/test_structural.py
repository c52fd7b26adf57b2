"""What the rows do not reach: the spellings of user functions, pytrees, and programs of markers."""

import numpy as np
import pytest

from jaxlite import api
from jaxlite.errors import DtypeError, ShapeError
from jaxlite.ops import structural
from jaxlite.ops.elementwise import mul, sin
from jaxlite.ops.reductions import reduce_sum
from jaxlite.primitive import PRIMITIVES

X = np.arange(6.0).reshape(2, 3)


def primitives_of(f, *args):
    return [eqn.primitive.name for eqn in api.make_jaxpr(f)(*args).eqns]


@pytest.mark.parametrize(
    "call",
    [
        lambda: structural.concatenate([X, X], 1),
        lambda: structural.concatenate((X, X), dimension=-1),
        lambda: structural.concatenate(X, X, dimension=1),
    ],
)
def test_spellings_of_concatenate(call):
    np.testing.assert_array_equal(call(), np.concatenate([X, X], 1))


def test_dimensions_count_from_the_end():
    assert structural.squeeze(X[:, :1], (-1,)).shape == (2,)
    assert structural.expand_dims(X, -1).shape == (2, 3, 1)
    assert structural.expand_dims(X, (0, -1)).shape == (1, 2, 3, 1)
    np.testing.assert_array_equal(structural.rev(X, (-1,)), X[:, ::-1])
    np.testing.assert_array_equal(structural.iota(np.int32, 3), [0, 1, 2])


def test_dimensions_that_do_not_exist():
    with pytest.raises(ShapeError, match=r"rev: dimensions \(2,\) of a value with 2 dimensions"):
        structural.rev(X, (2,))
    with pytest.raises(ShapeError, match="they must lie between -2 and 1"):
        structural.squeeze(X, (-3,))
    with pytest.raises(ShapeError, match="it has none"):
        structural.rev(1.0, (0,))


@pytest.mark.parametrize(
    ("start", "limit", "stride"), [(1, None, 1), (None, -1, 1), (-2, 5, 2), (4, 2, 1), (None, None, 3)]
)
def test_slice_in_dim_takes_bounds_of_python(start, limit, stride):
    x = np.arange(7.0)
    np.testing.assert_array_equal(structural.slice_in_dim(x, start, limit, stride), x[start:limit:stride])
    assert structural.slice_in_dim(X, start, limit, stride, axis=-1).shape == X[:, start:limit:stride].shape


def test_evaluation_refuses_what_numpy_would_accept():
    with pytest.raises(ShapeError, match="0 <= start <= limit <= size"):
        structural.slice(X, (0, 0), (2, 5))
    with pytest.raises(DtypeError, match="operands of one dtype"):
        structural.concatenate([X, X.astype(np.float32)], 0)
    with pytest.raises(DtypeError, match="the Python scalar 0.5 is no i64"):
        structural.pad(np.arange(3), 0.5, [(1, 1, 0)])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: structural.broadcast_in_dim(x, x.shape, (0, 1)),
        lambda x: structural.reshape(x, x.shape),
        lambda x: structural.transpose(x, (0, 1)),
        lambda x: structural.squeeze(x, ()),
        lambda x: structural.expand_dims(x, ()),
        lambda x: structural.rev(x, ()),
        lambda x: structural.pad(x, 0.0, [(0, 0, 0), (0, 0, 0)]),
    ],
)
def test_what_moves_nothing_is_not_recorded(f):
    assert primitives_of(f, X) == []


def test_reshape_in_the_order_of_dimensions():
    np.testing.assert_array_equal(structural.reshape(X, (6,), dimensions=(1, 0)), X.T.ravel())


def test_full_of_a_traced_value():
    f = lambda x: reduce_sum(structural.full((2, 2), x, np.float64), (0, 1))  # noqa: E731
    assert api.grad(f)(3.0) == 4.0
    assert structural.full(3, 2).dtype == np.int64


def test_stop_gradient_of_a_pytree():
    tree = {"a": X, "b": (np.arange(3), 2.0)}
    stopped = structural.stop_gradient(tree)
    assert list(stopped) == ["a", "b"]
    assert stopped["b"][0] is tree["b"][0]
    f = lambda x: mul(x, structural.stop_gradient(sin(x)))  # noqa: E731
    assert api.grad(f)(2.0) == np.sin(2.0)
    assert api.grad(api.grad(f))(2.0) == 0.0


def test_the_tangent_of_a_named_value_has_no_name():
    f = lambda x: sin(structural.name(x, "saved"))  # noqa: E731
    assert primitives_of(lambda x: api.jvp(f, (x,), (x,)), 1.0).count("name") == 1


def test_barriers_let_derivatives_through_and_keep_tangents_apart():
    def f(x, y):
        x, y = structural.optimization_barrier((x, y))
        return mul(sin(x), y)

    assert api.grad(f, (0, 1))(2.0, 3.0) == (3.0 * np.cos(2.0), np.sin(2.0))
    # One for the primals, one for the tangents, and its transpose is a barrier too.
    assert primitives_of(api.grad(f), 2.0, 3.0).count("optimization_barrier") == 2
    np.testing.assert_allclose(api.vmap(f, (0, None))(X[0], 3.0), np.sin(X[0]) * 3.0)


def test_barrier_keeps_the_structure():
    assert structural.optimization_barrier({"a": 1.0, "b": [2.0]}) == {"a": 1.0, "b": [2.0]}
    assert structural.optimization_barrier(1.0, 2.0) == (1.0, 2.0)
    assert structural.optimization_barrier(()) == ()


def test_padding_with_a_linear_value_ignores_infinite_cotangents_elsewhere():
    """The cotangent of the padding value is a sum over the margin alone."""
    from_value = api.vjp(lambda v: structural.pad(X[0], v, [(1, 0, 1)]), 0.5)[1]
    ct = np.array([1.0, np.inf, 2.0, np.nan, 4.0, -np.inf])
    assert from_value(ct) == (7.0,)


def test_shared_declarations_say_who_they_are():
    assert PRIMITIVES["squeeze"].jvp.__name__ == "_squeeze_jvp"
