"""Special functions: the error functions and the gamma family.

SciPy computes them, and is imported when the first of them runs::

    erf_p = elementwise("erf", scipy_special("erf"), derivative=…, kinds=FLOAT, doc="…")
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable

import numpy as np

from jaxlite.errors import RuleError
from jaxlite.ops.elementwise import add, exp, mul, neg, square
from jaxlite.ops.families import FLOAT, elementwise, match_scalars, nonlinear, scalar_like


@functools.cache
def _scipy_function(name: str) -> Callable:
    return getattr(importlib.import_module("scipy.special"), name)


def scipy_special(name: str) -> Callable:
    """Return an ``impl`` that calls ``scipy.special.<name>`` and keeps the dtype of its last operand."""

    def impl(*arrays):
        return np.asarray(_scipy_function(name)(*arrays)).astype(np.asarray(arrays[-1]).dtype, copy=False)

    return impl


def _gaussian(x, factor: float):
    """Return factor·exp(-x²)."""
    return mul(exp(neg(square(x))), factor)


def _polygamma_jvp_m(m_dot, ans, m, x):
    raise RuleError(
        "polygamma is not differentiable with respect to its order m.",
        why="the order is an integer.",
        fix="keep m constant: jaxlite.lax.stop_gradient(m).",
    )


erf_p = elementwise(
    "erf", scipy_special("erf"), kinds=FLOAT,
    derivative=lambda ans, x: _gaussian(x, 2 / math.sqrt(math.pi)),
    doc="z = 2/√π·∫₀ˣ exp(-t²) dt;  ż = 2/√π·exp(-x²)·ẋ",
)  # fmt: skip
erfc_p = elementwise(
    "erfc", scipy_special("erfc"), kinds=FLOAT,
    derivative=lambda ans, x: _gaussian(x, -2 / math.sqrt(math.pi)),
    doc="z = 1 - erf(x);  ż = -2/√π·exp(-x²)·ẋ",
)  # fmt: skip
erf_inv_p = elementwise(
    "erf_inv", scipy_special("erfinv"), kinds=FLOAT,
    derivative=lambda ans, x: mul(exp(square(ans)), math.sqrt(math.pi) / 2),
    doc="erf(z) = x;  ż = √π/2·exp(z²)·ẋ",
)  # fmt: skip
lgamma_p = elementwise(
    "lgamma", scipy_special("gammaln"), derivative=lambda ans, x: digamma(x), kinds=FLOAT,
    doc="z = log|Γ(x)|;  ż = ψ(x)·ẋ",
)  # fmt: skip
digamma_p = elementwise(
    "digamma", scipy_special("psi"), derivative=lambda ans, x: polygamma(scalar_like(x, 1), x), kinds=FLOAT,
    doc="z = ψ(x) = d/dx log|Γ(x)|;  ż = ψ⁽¹⁾(x)·ẋ",
)  # fmt: skip
polygamma_p = nonlinear(
    "polygamma", scipy_special("polygamma"), kinds=FLOAT,
    derivatives=(_polygamma_jvp_m, lambda x_dot, ans, m, x: mul(x_dot, polygamma(add(m, 1.0), x))),
    doc="z = ψ⁽ᵐ⁾(x), the derivative of order m of ψ;  ż = ψ⁽ᵐ⁺¹⁾(x)·ẋ",
)  # fmt: skip


def erf(x):
    """Error function."""
    return erf_p.bind(x)


def erfc(x):
    """Complementary error function, 1 - erf(x), accurate for large ``x``."""
    return erfc_p.bind(x)


def erf_inv(x):
    """Inverse of the error function."""
    return erf_inv_p.bind(x)


def lgamma(x):
    """Logarithm of the absolute value of the gamma function."""
    return lgamma_p.bind(x)


def digamma(x):
    """Derivative of `lgamma`."""
    return digamma_p.bind(x)


def polygamma(m, x):
    """Derivative of order ``m`` (whole numbers, in floating point) of `digamma`."""
    return polygamma_p.bind(*match_scalars(m, x))
