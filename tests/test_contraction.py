"""What the rows of ``dot_general`` do not reach: how it is called, the programs of its rules, and JAX."""

import random

import numpy as np
import pytest

from jaxlite import api
from jaxlite.errors import DtypeError, ShapeError
from jaxlite.ops.contraction import dot_general
from tests.tolerances import assert_close

A, B = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
MATMUL = (((1,), (0,)), ((), ()))


def primitives_of(f, *args):
    return [eqn.primitive.name for eqn in api.make_jaxpr(f)(*args).eqns]


def test_params_are_tuples_of_ints():
    numbers = [[np.array([1]), [np.int64(0)]], ((), [])]
    (eqn,) = api.make_jaxpr(lambda x, y: dot_general(x, y, numbers, preferred_element_type=float))(A, B).eqns
    assert eqn.params == {"dimension_numbers": MATMUL, "preferred_element_type": None}


def test_what_jax_takes_besides_is_ignored():
    np.testing.assert_array_equal(dot_general(A, B, MATMUL, "highest", None, out_sharding=None), A @ B)


def test_a_python_scalar_has_the_dtype_of_the_other_operand():
    assert dot_general(2, A.astype("f4"), (((), ()), ((), ()))).dtype == np.float32


def test_evaluation_refuses_what_numpy_would_accept():
    column = np.ones((3, 1))
    with pytest.raises(ShapeError, match="batch dimension 1 of lhs has size 1, 1 of rhs has size 4"):
        dot_general(column, B, (((0,), (0,)), ((1,), (1,))))
    with pytest.raises(DtypeError, match="operands of one dtype"):
        dot_general(A, B.astype(int), MATMUL)


def test_batching_moves_nothing():
    for dims in ((0, None), (1, None), (2, None), (None, 0), (None, 2), (1, 1)):
        f = api.vmap(lambda x, y: dot_general(x, y, MATMUL), dims)
        x = A if dims[0] is None else np.zeros(np.insert(A.shape, dims[0], 5))
        y = B if dims[1] is None else np.zeros(np.insert(B.shape, dims[1], 5))
        moved = [name for name in primitives_of(f, x, y) if name != "dot_general"]
        assert moved in ([], ["transpose"])  # at most to bring the result's mapped dimension to the front


def test_derivatives_of_a_wider_product_have_the_dtypes_of_the_operands():
    x, y = A.astype("f4"), B.astype("f4")
    ans, pull = api.vjp(lambda x, y: dot_general(x, y, MATMUL, preferred_element_type="f8"), x, y)
    x_bar, y_bar = pull(np.ones(ans.shape))
    assert (ans.dtype, x_bar.dtype, y_bar.dtype) == (np.float64, np.float32, np.float32)
    assert_close(x_bar, np.ones((2, 4), "f4") @ y.T)


def random_contraction(rng: random.Random):
    """Return shapes of two operands and dimension numbers."""
    counts = {"batch": rng.randint(0, 2), "contracted": rng.randint(0, 2)}
    shared = [(kind, i, rng.randint(0, 3)) for kind, n in counts.items() for i in range(n)]
    lhs, rhs = (
        [*shared, *(("free", i, rng.randint(0, 3)) for i in range(rng.randint(0, 2)))] for _ in range(2)
    )
    rng.shuffle(lhs)
    rng.shuffle(rhs)

    def dims(kind):
        pairs = [axis for axis in shared if axis[0] == kind]
        rng.shuffle(pairs)
        return tuple(map(lhs.index, pairs)), tuple(map(rhs.index, pairs))

    numbers = (dims("contracted"), dims("batch"))
    return [n for *_, n in lhs], [n for *_, n in rhs], numbers


@pytest.mark.parametrize("seed", range(12))
def test_as_in_jax(oracle, rng, seed):
    lhs_shape, rhs_shape, numbers = random_contraction(random.Random(seed))
    x, y = (rng.standard_normal(s) + 1j * rng.standard_normal(s) for s in (lhs_shape, rhs_shape))
    expected, pull = oracle.vjp(lambda x, y: oracle.lax.dot_general(x, y, numbers), x, y)
    ans, pull_here = api.vjp(lambda x, y: dot_general(x, y, numbers), x, y)
    assert_close(ans, expected)
    ct = rng.standard_normal(ans.shape) + 0.5j
    for x_bar, reference in zip(pull_here(ct), pull(ct), strict=True):
        assert_close(x_bar, reference)
