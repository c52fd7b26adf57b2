"""``jaxlite.scipy.cluster.vq``: vector quantisation.

>>> jaxlite.scipy.cluster.vq.vq(jnp.array([[0.0], [9.0]]), jnp.array([[1.0], [8.0]]))
(Array([0, 1], dtype=int64), Array([1., 1.], dtype=float64))
"""

from __future__ import annotations

import jaxlite.numpy as jnp
from jaxlite.errors import ShapeError
from jaxlite.numpy.promotion import promote_inexact
from jaxlite.trace import aval_of
from jaxlite.typing import Array, ArrayLike

__all__ = ["vq"]


def vq(obs: ArrayLike, code_book: ArrayLike, check_finite: bool = True) -> tuple[Array, Array]:
    """Assign to each observation the nearest code.

    Parameters
    ----------
    obs : f64[m, n], or f64[m]
    code_book : f64[k, n], or f64[k]
    check_finite : bool
        Accepted for programs written for SciPy, and ignored.

    Returns
    -------
    code : Array
        ``i64[m]``
    dist : Array
        ``f64[m]``, the Euclidean distance; its derivative at 0 is 0.

    Raises
    ------
    ShapeError
        If the operands do not fit.
    """
    x, codes = map(jnp.asarray, promote_inexact("vq", obs, code_book))
    if x.ndim != codes.ndim or x.ndim not in (1, 2) or x.shape[1:] != codes.shape[1:]:
        raise ShapeError(
            f"vq: operands have types {aval_of(x)} and {aval_of(codes)}.", why="they are [m, n] and [k, n]."
        )
    if x.ndim == 1:
        x, codes = x[:, None], codes[:, None]
    square = jnp.sum((x[:, None] - codes[None]) ** 2, axis=-1)
    code = jnp.argmin(square, axis=-1)
    nearest = jnp.sum((x - codes[code]) ** 2, axis=-1)
    zero = nearest == 0
    return code, jnp.where(zero, 0, jnp.sqrt(jnp.where(zero, 1, nearest)))
