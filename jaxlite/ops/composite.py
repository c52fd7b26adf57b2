"""Elementwise primitives of two operands whose value needs a scaled formula and whose derivative does not.

    logaddexp:  z = max(x, y) + log1p(exp(-|x - y|)),   but   ∂z/∂x = 1/(1 + exp(y - x))

Written in smaller primitives, the maximum and the absolute value in these formulas would bring kinks that the
functions do not have: the second derivative of softplus at 0 would be 0 and not ¼.
"""

from __future__ import annotations

import numpy as np

from jaxlite.ops.elementwise import div, eq, logistic, mul, select_n, sub
from jaxlite.ops.families import FLOAT, match_scalars, nonlinear, scalar_like


# exp(x - z), but a number where x and z are inf: 1/(1 + exp(y - x)).
def _logaddexp_jvp_x(x_dot, ans, x, y):
    return mul(x_dot, logistic(sub(x, y)))


def _logaddexp_jvp_y(y_dot, ans, x, y):
    return mul(y_dot, logistic(sub(y, x)))


def _slope(x, ans):
    """Return x/ans, and ½ where both are zero."""
    return select_n(eq(ans, 0.0), div(x, ans), scalar_like(ans, 0.5))


def _hypot_jvp_x(x_dot, ans, x, y):
    return mul(x_dot, _slope(x, ans))


def _hypot_jvp_y(y_dot, ans, x, y):
    return mul(y_dot, _slope(y, ans))


logaddexp_p = nonlinear(
    "logaddexp", np.logaddexp, derivatives=(_logaddexp_jvp_x, _logaddexp_jvp_y), kinds=FLOAT,
    doc="z = log(exp(x) + exp(y));  ż = σ(x - y)·ẋ + σ(y - x)·ẏ",
)  # fmt: skip
hypot_p = nonlinear(
    "hypot", np.hypot, derivatives=(_hypot_jvp_x, _hypot_jvp_y), kinds=FLOAT,
    doc="z = √(x² + y²);  ż = (x·ẋ + y·ẏ)/z, and (ẋ + ẏ)/2 at 0",
)  # fmt: skip


def logaddexp(x, y):
    """Logarithm of exp(x) + exp(y), without overflow."""
    return logaddexp_p.bind(*match_scalars(x, y))


def hypot(x, y):
    """Length of the hypotenuse, without overflow."""
    return hypot_p.bind(*match_scalars(x, y))
