"""``jaxlite.scipy.integrate``: the trapezoidal rule.

>>> jaxlite.scipy.integrate.trapezoid(jnp.array([0.0, 1.0, 2.0]))
Array(2., dtype=float64)
"""

from __future__ import annotations

from jaxlite.numpy import trapezoid

__all__ = ["trapezoid"]
