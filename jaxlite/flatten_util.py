"""One vector for a whole tree of arrays, as optimisers and solvers of the outside world want it.

>>> import numpy as np
>>> vector, unravel = ravel_pytree({'b': np.zeros(2), 'w': np.ones((2, 2))})
>>> vector
Array([0., 0., 1., 1., 1., 1.], dtype=float64)
>>> unravel(2 * vector)['w']
Array([[2., 2.],
       [2., 2.]], dtype=float64)
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.dtypes import short_name
from jaxlite.errors import DtypeError, ShapeError
from jaxlite.tree import PyTreeDef, tree_flatten, tree_unflatten

__all__ = ["ravel_pytree"]


def ravel_pytree(pytree: Any) -> tuple[Any, Unravel]:
    """Concatenate the leaves of a tree to one vector.

    Parameters
    ----------
    pytree : pytree of arrays and scalars
        Leaves of different dtypes are promoted to one.

    Returns
    -------
    vector : f64[n]
        The elements of all leaves, in the order of ``tree_flatten``; float64 when there are none.
    unravel : callable
        Turns such a vector into a tree like `pytree`, every leaf in its own shape and dtype. Two of them are
        equal when their trees are alike, so it can be a static argument.

    Examples
    --------
    >>> vector, unravel = ravel_pytree((1.5, [2, 3]))
    >>> vector
    Array([1.5, 2. , 3. ], dtype=float64)
    >>> unravel(vector)
    (Array(1.5, dtype=float64), [Array(2, dtype=int64), Array(3, dtype=int64)])
    """
    leaves, treedef = tree_flatten(pytree)
    arrays = [jnp.asarray(leaf) for leaf in leaves]
    dtypes = tuple(np.dtype(array.dtype) for array in arrays)
    dtype = np.dtype(jnp.result_type(*dtypes)) if dtypes else np.dtype(np.float64)
    unravel = Unravel(treedef, tuple(array.shape for array in arrays), dtypes, dtype)
    if not arrays:
        return jnp.zeros(0, dtype), unravel
    return jnp.concatenate([jnp.ravel(array).astype(dtype) for array in arrays]), unravel


@dataclasses.dataclass(frozen=True)
class Unravel:
    """The way back from a vector to a tree (see ``ravel_pytree``)."""

    treedef: PyTreeDef
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[np.dtype, ...]
    dtype: np.dtype

    @property
    def size(self) -> int:
        """Number of elements of the vector."""
        return sum(math.prod(shape) for shape in self.shapes)

    def __call__(self, vector: Any) -> Any:
        """Build the tree whose leaves are the pieces of a vector.

        Parameters
        ----------
        vector : f64[n]
            Of any dtype, which the leaves get, if all leaves had one dtype; else of the dtype that the vector
            of ``ravel_pytree`` had.

        Returns
        -------
        pytree

        Raises
        ------
        ShapeError
            If the vector has another shape.
        DtypeError
            If it has another dtype and the leaves differ in theirs.
        """
        vector = jnp.asarray(vector)
        self._check(vector)
        ends = list(itertools.accumulate(math.prod(shape) for shape in self.shapes))
        pieces = [vector[start:end] for start, end in zip([0, *ends], ends)]
        leaves = [jnp.reshape(piece, shape) for piece, shape in zip(pieces, self.shapes)]
        if len(set(self.dtypes)) > 1:
            leaves = [_cast(leaf, dtype) for leaf, dtype in zip(leaves, self.dtypes)]
        return tree_unflatten(self.treedef, leaves)

    def _check(self, vector: Any) -> None:
        wanted, found = short_name(self.dtype), short_name(vector.dtype)
        if vector.shape != (self.size,):
            sizes = ",".join(map(str, vector.shape))
            raise ShapeError(
                f"unravel: expected {wanted}[{self.size}], got {found}[{sizes}].",
                why=f"the tree has {len(self.shapes)} leaves with {self.size} elements in all.",
            )
        if len(set(self.dtypes)) > 1 and vector.dtype != self.dtype:
            raise DtypeError(
                f"unravel: expected {wanted}[{self.size}], got {found}[{self.size}].",
                why="the leaves have different dtypes, and the vector holds all of them in their common one.",
                fix=f"unravel(vector.astype({str(self.dtype)!r})).",
            )


def _cast(leaf: Any, dtype: np.dtype) -> Any:
    # A complex vector holds a real leaf as its real part; NumPy warns when a cast drops the other one.
    if leaf.dtype.kind == "c" and dtype.kind != "c":
        leaf = jnp.real(leaf)
    return leaf.astype(dtype)
