"""Elementwise primitives: arithmetic, comparison, logic, rounding, exponentials, trigonometry, complex parts."""

from __future__ import annotations

import numpy as np

from jaxlite.ops.families import (
    NUMERIC,
    comparison,
    elementwise,
    linear_unary,
    match_scalars,
    nary,
    sum_terms,
    to_shape,
    unbroadcast,
)
from jaxlite.primitive import Zero, is_linear
from jaxlite.trace import aval_of

# --- arithmetic -----------------------------------------------------------------------------------


def _add_jvp(primals, tangents):
    ans = add(*primals)
    shape = aval_of(ans).shape
    return (ans,), (sum_terms([to_shape(t, shape) for t in tangents if type(t) is not Zero], ans),)


def _add_transpose(cts, x, y):
    (z_bar,) = cts
    return tuple(unbroadcast(z_bar, a.aval) if is_linear(a) else None for a in (x, y))


def _sub_jvp(primals, tangents):
    ans = sub(*primals)
    shape = aval_of(ans).shape
    x_dot, y_dot = tangents
    if type(x_dot) is not Zero and type(y_dot) is not Zero:
        return (ans,), (to_shape(sub(x_dot, y_dot), shape),)
    return (ans,), (to_shape(neg(y_dot) if type(x_dot) is Zero else x_dot, shape),)


def _sub_transpose(cts, x, y):
    (z_bar,) = cts
    x_bar = unbroadcast(z_bar, x.aval) if is_linear(x) else None
    return x_bar, unbroadcast(neg(z_bar), y.aval) if is_linear(y) else None


def _mul_jvp(primals, tangents):
    (x, y), (x_dot, y_dot) = primals, tangents
    ans = mul(x, y)
    shape = aval_of(ans).shape
    terms = [] if type(x_dot) is Zero else [to_shape(mul(x_dot, y), shape)]
    terms += [] if type(y_dot) is Zero else [to_shape(mul(x, y_dot), shape)]
    return (ans,), (sum_terms(terms, ans),)


def _mul_transpose(cts, x, y):
    (z_bar,) = cts
    if is_linear(x):
        return unbroadcast(mul(z_bar, y), x.aval), None
    return None, unbroadcast(mul(x, z_bar), y.aval)


def _div_jvp(primals, tangents):
    (x, y), (x_dot, y_dot) = primals, tangents
    ans = div(x, y)
    shape = aval_of(ans).shape
    terms = [] if type(x_dot) is Zero else [to_shape(div(x_dot, y), shape)]
    terms += [] if type(y_dot) is Zero else [to_shape(mul(neg(y_dot), div(ans, y)), shape)]
    return (ans,), (sum_terms(terms, ans),)


def _div_transpose(cts, x, y):
    (z_bar,) = cts
    return unbroadcast(div(z_bar, y), x.aval), None


add_p = nary(
    "add", np.add, jvp=_add_jvp, transpose=_add_transpose, keeps_weak=True, doc="z = x + y;  ż = ẋ + ẏ"
)
add_any_p = nary(
    "add_any", np.add, jvp=_add_jvp, transpose=_add_transpose, lower="add", doc="z = x + y, of cotangents"
)
sub_p = nary(
    "sub", np.subtract, jvp=_sub_jvp, transpose=_sub_transpose, kinds=NUMERIC, keeps_weak=True,
    doc="z = x - y;  ż = ẋ - ẏ",
)  # fmt: skip
mul_p = nary(
    "mul", np.multiply, jvp=_mul_jvp, transpose=_mul_transpose, keeps_weak=True, doc="z = x·y;  ż = ẋ·y + x·ẏ"
)
div_p = nary(
    "div", np.true_divide, jvp=_div_jvp, transpose=_div_transpose, kinds="fc", keeps_weak=True,
    doc="z = x/y;  ż = ẋ/y - z·ẏ/y",
)  # fmt: skip
neg_p = linear_unary(
    "neg", np.negative, transpose=lambda ct, aval: neg(ct), kinds=NUMERIC, keeps_weak=True, doc="z = -x;  ż = -ẋ"
)


def add(x, y):
    """Add elementwise; operands of one dtype and shape (or rank 0)."""
    return add_p.bind(*match_scalars(x, y))


def add_any(x, y):
    """Add two cotangents."""
    return add_any_p.bind(x, y)


def sub(x, y):
    """Subtract elementwise."""
    return sub_p.bind(*match_scalars(x, y))


def mul(x, y):
    """Multiply elementwise."""
    return mul_p.bind(*match_scalars(x, y))


def div(x, y):
    """Divide elementwise; floating or complex operands."""
    return div_p.bind(*match_scalars(x, y))


def neg(x):
    """Negate elementwise."""
    return neg_p.bind(x)


# --- exponentials, logarithms, trigonometry ---------------------------------------------------------

exp_p = elementwise("exp", np.exp, derivative=lambda ans, x: ans, doc="z = exp(x);  ż = z·ẋ")
log_p = elementwise("log", np.log, derivative=lambda ans, x: div(1.0, x), doc="z = log(x);  ż = ẋ/x")
sin_p = elementwise("sin", np.sin, derivative=lambda ans, x: cos(x), doc="z = sin(x);  ż = cos(x)·ẋ")
cos_p = elementwise("cos", np.cos, derivative=lambda ans, x: neg(sin(x)), doc="z = cos(x);  ż = -sin(x)·ẋ")


def exp(x):
    """Exponential."""
    return exp_p.bind(x)


def log(x):
    """Natural logarithm."""
    return log_p.bind(x)


def sin(x):
    """Sine of an angle in radians."""
    return sin_p.bind(x)


def cos(x):
    """Cosine of an angle in radians."""
    return cos_p.bind(x)


# --- comparison -------------------------------------------------------------------------------------

lt_p = comparison("lt", np.less, doc="z = x < y")
gt_p = comparison("gt", np.greater, doc="z = x > y")


def lt(x, y):
    """Whether x < y."""
    return lt_p.bind(*match_scalars(x, y))


def gt(x, y):
    """Whether x > y."""
    return gt_p.bind(*match_scalars(x, y))
