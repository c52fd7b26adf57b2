"""``ravel_pytree``: one vector for a tree, and the way back, under transformations too."""

import numpy as np
import pytest

import jaxlite
from jaxlite.errors import DtypeError, ShapeError
from jaxlite.flatten_util import ravel_pytree

TREES = {
    "arrays": {"w": np.arange(6.0).reshape(2, 3), "b": np.ones(2)},
    "float32": [np.ones(2, np.float32), np.zeros((1, 2), np.float32)],
    "mixed": {"x": np.ones((2, 2), np.float32), "n": np.arange(3), "flag": np.array([True, False])},
    "complex": [np.ones(2), 1j],
    "scalars": (1.5, [2, 3]),
    "empty leaf": {"z": np.zeros((0, 2)), "y": np.ones(1)},
    "no leaves": [None, ()],
}


@pytest.mark.parametrize("name", TREES)
def test_there_and_back(name):
    value = TREES[name]
    vector, unravel = ravel_pytree(value)
    leaves, treedef = jaxlite.tree.flatten(value)
    assert vector.shape == (sum(np.size(leaf) for leaf in leaves),)
    assert vector.dtype == (np.result_type(*map(np.asarray, leaves)) if leaves else np.float64)
    back, back_treedef = jaxlite.tree.flatten(unravel(vector))
    assert back_treedef == treedef
    for leaf, original in zip(back, leaves):
        assert leaf.dtype == np.asarray(original).dtype
        np.testing.assert_array_equal(leaf, original)


def test_order_is_that_of_the_leaves():
    vector, unravel = ravel_pytree({"b": [[1.0, 2.0], 3.0], "a": 4.0})
    np.testing.assert_array_equal(vector, [4, 1, 2, 3])
    assert unravel(2 * vector)["b"][1] == 6.0


def test_unravel_takes_other_dtypes_where_all_leaves_have_one():
    _, unravel = ravel_pytree([np.ones(2), np.ones((2, 1))])
    assert [leaf.dtype for leaf in unravel(np.ones(4, np.float32))] == [np.float32, np.float32]


def test_unravel_compares_by_structure():
    (_, first), (_, second), (_, third) = (ravel_pytree(x) for x in ([1.0, 2.0], [3.0, 4.0], [1.0, 2]))
    assert first == second != third and hash(first) == hash(second)


def test_under_transformations():
    value = {"w": np.arange(4.0).reshape(2, 2), "b": np.ones(2)}
    vector, unravel = ravel_pytree(value)

    def loss(vector):
        parts = unravel(vector)
        return (parts["w"] ** 2).sum() + (3.0 * parts["b"]).sum()

    expected = np.array([3, 3, 0, 2, 4, 6.0])
    np.testing.assert_allclose(jaxlite.grad(loss)(vector), expected)
    np.testing.assert_allclose(jaxlite.jit(jaxlite.grad(loss))(vector), expected)
    rows = jaxlite.vmap(jaxlite.grad(loss))(np.stack([vector, vector]))
    np.testing.assert_allclose(rows, [expected, expected])

    def raveled(x):
        return ravel_pytree({"x": x, "total": x.sum()})[0]

    np.testing.assert_allclose(jaxlite.jacfwd(raveled)(np.ones(2)), [[1, 1], [1, 0], [0, 1]])
    np.testing.assert_allclose(jaxlite.vmap(raveled)(np.ones((3, 2))), [[2, 1, 1]] * 3)


def test_wrong_vectors():
    _, unravel = ravel_pytree({"w": np.ones((2, 2)), "b": np.ones(2)})
    with pytest.raises(ShapeError, match=r"unravel: expected f64\[6\], got f64\[5\]"):
        unravel(np.ones(5))
    with pytest.raises(ShapeError, match="the tree has 2 leaves with 6 elements in all"):
        unravel(np.ones((6, 1)))
    _, unravel = ravel_pytree([np.ones(2), 1])
    with pytest.raises(DtypeError, match=r"unravel: expected f64\[3\], got f32\[3\]"):
        unravel(np.ones(3, np.float32))
    with pytest.raises(DtypeError, match="the leaves have different dtypes"):
        unravel(1j * np.ones(3))
