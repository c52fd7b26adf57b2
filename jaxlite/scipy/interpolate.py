"""``jaxlite.scipy.interpolate``: values between the points of a grid, and cubics through the points of a line.

>>> f = jaxlite.scipy.interpolate.RegularGridInterpolator((jnp.array([0.0, 2.0]),), jnp.array([0.0, 10.0]))
>>> f(jnp.array([[0.5]]))
Array([2.5], dtype=float64)
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.numpy.promotion import promote_inexact
from jaxlite.scipy._piecewise import (
    Akima1DInterpolator,
    CubicHermiteSpline,
    CubicSpline,
    PchipInterpolator,
    PPoly,
    pchip_interpolate,
)
from jaxlite.trace import aval_of
from jaxlite.typing import Array, ArrayLike

__all__ = [
    "Akima1DInterpolator",
    "CubicHermiteSpline",
    "CubicSpline",
    "PPoly",
    "PchipInterpolator",
    "RegularGridInterpolator",
    "pchip_interpolate",
]


class RegularGridInterpolator:
    """Interpolation on a grid whose lines are parallel to the axes, at any distances.

    Parameters
    ----------
    points : sequence of f64[n_i]
        Where the lines are, rising.
    values : f64[n_1, …, n_k, ...]
    method : {"linear", "nearest"}
    bounds_error : bool, default False
        Not supported: whether a point is outside is known at run time only.
    fill_value : number or None, default nan
        What stands outside of the grid; None: the outermost cells go on.

    Raises
    ------
    ArgumentError
        For another ``method``, or ``bounds_error``.
    ShapeError
        If points and values do not fit.
    """

    def __init__(
        self,
        points: Sequence[ArrayLike],
        values: ArrayLike,
        method: str = "linear",
        bounds_error: bool = False,
        fill_value: float | None = np.nan,
    ):
        self._check_method(method)
        if bounds_error:
            raise ArgumentError(
                "RegularGridInterpolator: bounds_error=True is not supported.",
                why="whether a point is outside is known at run time only.",
                fix="fill_value=nan marks such points.",
            )
        self.grid = tuple(jnp.asarray(promote_inexact("RegularGridInterpolator", p)[0]) for p in points)
        self.values = jnp.asarray(promote_inexact("RegularGridInterpolator", values)[0])
        if self.values.shape[: len(self.grid)] != tuple(p.size for p in self.grid) or any(
            p.ndim != 1 or p.size < 2 for p in self.grid
        ):
            raise ShapeError(
                f"RegularGridInterpolator: values have type {aval_of(self.values)}, "
                f"points {', '.join(str(aval_of(p)) for p in self.grid)}.",
                why="each axis needs a vector of its length, with two points at least.",
            )
        self.method, self.fill_value = method, fill_value

    @staticmethod
    def _check_method(method: str):
        if method not in ("linear", "nearest"):
            raise ArgumentError(
                f"RegularGridInterpolator: method is {method!r}.", why="it is 'linear' or 'nearest'."
            )

    def __call__(self, xi: ArrayLike, method: str | None = None) -> Array:
        """Interpolate.

        Parameters
        ----------
        xi : f64[..., k]
        method : {"linear", "nearest"}, optional
            That of the object by default.

        Returns
        -------
        Array
            ``f64[...]``, with what ``values`` has besides the grid.
        """
        method = self.method if method is None else method
        self._check_method(method)
        x = jnp.asarray(promote_inexact("RegularGridInterpolator", xi)[0])
        if not x.ndim or x.shape[-1] != len(self.grid):
            raise ShapeError(
                f"RegularGridInterpolator: xi has type {aval_of(x)}.",
                why=f"the grid has {len(self.grid)} axes.",
            )
        cells, outside = [], False
        for i, line in enumerate(self.grid):
            at = x[..., i]
            low = jnp.clip(jnp.searchsorted(line, at, side="right") - 1, 0, line.size - 2)
            weight = (at - line[low]) / (line[low + 1] - line[low])
            outside = outside | (at < line[0]) | (at > line[-1])
            if method == "nearest":
                cells.append([(low + (weight > 0.5), None)])
            else:
                cells.append([(low, 1 - weight), (low + 1, weight)])
        trailing = (None,) * (self.values.ndim - len(self.grid))
        total = 0.0
        for corner in itertools.product(*cells):
            value = self.values[tuple(index for index, _ in corner)]
            for _, weight in corner:
                value = value if weight is None else value * weight[(..., *trailing)]
            total = total + value
        if method == "nearest":
            # As the weights of "linear" do, and SciPy: no element is near to nan.
            total = jnp.where(jnp.isnan(x).any(-1)[(..., *trailing)], np.nan, total)
        if self.fill_value is None:
            return total
        return jnp.where(outside[(..., *trailing)], jnp.asarray(self.fill_value, total.dtype), total)
