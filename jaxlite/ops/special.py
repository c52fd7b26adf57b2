"""Special functions: the error functions, the gamma family, hypergeometric functions.

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
from jaxlite.ops.elementwise import add, div, exp, mul, neg, square
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


def _by_no_parameter(name: str) -> Callable:
    def jvp(parameter_dot, ans, *primals):
        raise RuleError(
            f"the primitive {name} is not differentiable with respect to its parameters.",
            why="their derivatives are series, which are loops.",
            fix=f"jaxlite.scipy.special.{name} has them.",
        )

    return jvp


def _hyp1f1_jvp_x(x_dot, ans, a, b, x):
    return mul(x_dot, mul(div(a, b), hyp1f1(add(a, 1.0), add(b, 1.0), x)))


def _hyp2f1_jvp_x(x_dot, ans, a, b, c, x):
    return mul(x_dot, mul(div(mul(a, b), c), hyp2f1(add(a, 1.0), add(b, 1.0), add(c, 1.0), x)))


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
# Compiled programs call the same functions of SciPy: it knows a dozen transformations of their arguments.
hyp1f1_p = nonlinear(
    "hyp1f1", scipy_special("hyp1f1"), kinds=FLOAT,
    derivatives=(*[_by_no_parameter("hyp1f1")] * 2, _hyp1f1_jvp_x),
    doc="z = ₁F₁(a; b; x);  ż = a/b·₁F₁(a + 1; b + 1; x)·ẋ",
)  # fmt: skip
hyp2f1_p = nonlinear(
    "hyp2f1", scipy_special("hyp2f1"), kinds=FLOAT,
    derivatives=(*[_by_no_parameter("hyp2f1")] * 3, _hyp2f1_jvp_x),
    doc="z = ₂F₁(a, b; c; x);  ż = a·b/c·₂F₁(a + 1, b + 1; c + 1; x)·ẋ",
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


def hyp1f1(a, b, x):
    """Confluent hypergeometric function ₁F₁(a; b; x)."""
    return hyp1f1_p.bind(*match_scalars(a, b, x))


def hyp2f1(a, b, c, x):
    """Gauss' hypergeometric function ₂F₁(a, b; c; x)."""
    return hyp2f1_p.bind(*match_scalars(a, b, c, x))
