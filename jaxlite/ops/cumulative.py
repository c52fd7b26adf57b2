"""Running combinations along one axis: cumsum, cumprod, cummax, cummin, cumlogsumexp, linear_recurrence.

    b:f64[4] = cumprod[axis=0 reverse=False] a
    jvp:       ḃ:f64[4] = linear_recurrence[axis=0 reverse=False] f g      f = a[1:], g = ȧ·(1, b[:-1])

A step of such an operation is zₖ = s(zₖ₋₁, xₖ), so its tangent is żₖ = ∂s/∂z·żₖ₋₁ + ∂s/∂x·ẋₖ: a linear
recurrence, whose own derivatives are linear recurrences again. This is exact to any order, also where a
factor of cumprod is zero, and costs one pass in both modes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jaxlite.errors import ShapeError
from jaxlite.ir import ShapedArray
from jaxlite.lowering import Cumulative
from jaxlite.ops.elementwise import eq, logistic, mul, select_n, sub
from jaxlite.ops.families import (
    FLOAT,
    INEXACT,
    NUMERIC,
    check_kinds,
    check_same_dtype,
    linear_jvp,
    named,
    scalar_like,
    sum_terms,
)
from jaxlite.ops.structural import align_dims, bind_checked, canonical_dims, pad, slice_in_dim
from jaxlite.primitive import NOT_LINEAR, PRIMITIVES, PURE, RECORD, Primitive, Zero
from jaxlite.trace import aval_of


def _check_axis(name: str, x: ShapedArray, axis: int) -> None:
    if not 0 <= axis < x.ndim:
        raise ShapeError(f"{name}: axis {axis} does not exist in {x}.")


def _pad_axis(x, value, axis: int, low: int, high: int):
    config = [(0, 0, 0)] * len(aval_of(x).shape)
    config[axis] = (low, high, 0)
    return pad(x, value, config)


def delay(x, value, axis: int, reverse: bool = False):
    """Shift by one place along an axis: ``value, x₀, x₁, … xₙ₋₂``; the other way when reversed."""
    return _pad_axis(x, value, axis, -1, 1) if reverse else _pad_axis(x, value, axis, 1, -1)


# --- linear_recurrence ------------------------------------------------------------------------------


def _linear_recurrence_abstract_eval(factor, addend, *, axis, reverse):
    check_same_dtype("linear_recurrence", (factor, addend))
    check_kinds("linear_recurrence", (factor,), INEXACT)
    if factor.shape != addend.shape:
        raise ShapeError(
            f"linear_recurrence: operands {factor}, {addend}.", why="their shapes must be equal."
        )
    _check_axis("linear_recurrence", factor, axis)
    return (factor.strip_weak_type(),)


def _linear_recurrence_impl(factor, addend, *, axis, reverse):
    out = np.array(addend)
    f, z = np.moveaxis(factor, axis, 0), np.moveaxis(out, axis, 0)
    if reverse:
        f, z = f[::-1], z[::-1]
    for k in range(1, len(z)):
        z[k] += f[k] * z[k - 1]
    return (out,)


def _linear_recurrence_jvp(primals, tangents, *, axis, reverse):
    (factor, addend), (factor_dot, addend_dot) = primals, tangents
    ans = linear_recurrence(factor, addend, axis, reverse)
    terms = [] if type(addend_dot) is Zero else [addend_dot]
    terms += [] if type(factor_dot) is Zero else [mul(factor_dot, delay(ans, 0, axis, reverse))]
    return (ans,), (linear_recurrence(factor, sum_terms(terms, ans), axis, reverse),)


def _linear_recurrence_transpose(cts, factor, addend, *, axis, reverse):
    (z_bar,) = cts
    # ḡₖ = z̄ₖ + fₖ₊₁·ḡₖ₊₁
    return None, linear_recurrence(delay(factor, 0, axis, not reverse), z_bar, axis, not reverse)


def _linear_recurrence_batch(axis_, args, dims, *, axis, reverse):
    (factor, addend), dim = align_dims(axis_.size, args, dims)
    return (linear_recurrence(factor, addend, axis + (axis >= dim), reverse),), (dim,)


linear_recurrence_p = Primitive(
    name="linear_recurrence",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_linear_recurrence_abstract_eval,
    impl=_linear_recurrence_impl,
    jvp=_linear_recurrence_jvp,
    partial_eval=RECORD,
    transpose=_linear_recurrence_transpose,
    batch=_linear_recurrence_batch,
    lower=Cumulative("linear_recurrence"),
    doc="z₀ = g₀, zₖ = fₖ·zₖ₋₁ + gₖ;  żₖ = fₖ·żₖ₋₁ + (ḟₖ·zₖ₋₁ + ġₖ)",
)


def linear_recurrence(factor, addend, axis: int = 0, reverse: bool = False):
    """Run zₖ = factorₖ·zₖ₋₁ + addendₖ along an axis, from z₀ = addend₀; factor₀ is not used.

    Parameters
    ----------
    factor, addend : array
        Of one shape and one floating or complex dtype.
    axis : int
    reverse : bool
        Whether to run from the last element to the first.
    """
    (axis,) = canonical_dims("linear_recurrence", axis, len(aval_of(addend).shape))
    return bind_checked(linear_recurrence_p, factor, addend, axis=axis, reverse=bool(reverse))


# --- the cumulative operations ----------------------------------------------------------------------


def _cumulative(
    name: str, ufunc: np.ufunc, *, jvp, transpose, lower: str, doc: str, kinds: str = NUMERIC
) -> Primitive:
    """Declare the running combination by a scalar operation, which keeps shape and dtype."""

    def abstract_eval(x, *, axis, reverse):
        check_kinds(name, (x,), kinds)
        _check_axis(name, x, axis)
        return (x.strip_weak_type(),)

    def impl(x, *, axis, reverse):
        x = np.flip(x, axis) if reverse else x
        out = ufunc.accumulate(x, axis=axis, dtype=x.dtype)
        return (np.flip(out, axis) if reverse else out,)

    def batch(axis_, args, dims, *, axis, reverse):
        out = PRIMITIVES[name].bind(*args, axis=axis + (axis >= dims[0]), reverse=reverse)
        return (out,), dims

    return Primitive(
        name=name,
        multiple_results=False,
        effects=PURE,
        abstract_eval=named(abstract_eval, f"_{name}_abstract_eval"),
        impl=named(impl, f"_{name}_impl"),
        jvp=jvp,
        partial_eval=RECORD,
        transpose=transpose,
        batch=named(batch, f"_{name}_batch"),
        lower=Cumulative(lower),
        doc=doc,
    )


def _stepwise_jvp(name: str, partials: Callable) -> Callable:
    """Return the jvp of an operation whose step z = s(z_before, x) has derivatives ``partials``.

    Parameters
    ----------
    partials : ``(z_before, x, z) -> (∂s/∂z_before, ∂s/∂x)``
    """

    def jvp(primals, tangents, *, axis, reverse):
        (x,), (x_dot,) = primals, tangents
        ans = PRIMITIVES[name].bind(x, axis=axis, reverse=reverse)
        n = aval_of(x).shape[axis]
        if n < 2:
            return (ans,), (x_dot,)
        head, tail = ((0, n - 1), (1, n)) if not reverse else ((1, n), (0, n - 1))
        z_before, z = (slice_in_dim(ans, *part, axis=axis) for part in (head, tail))
        by_z_before, by_x = partials(z_before, slice_in_dim(x, *tail, axis=axis), z)
        # The first result is the first element itself, whatever its value: 0 and 1 here, not `partials`.
        low, high = (0, 1) if reverse else (1, 0)
        factor = _pad_axis(by_z_before, 0, axis, low, high)
        addend = mul(x_dot, _pad_axis(by_x, 1, axis, low, high))
        return (ans,), (linear_recurrence(factor, addend, axis, reverse),)

    return named(jvp, f"_{name}_jvp")


def _cumsum_transpose(cts, x, *, axis, reverse):
    return (cumsum(cts[0], axis, not reverse),)


def _cumprod_partials(z_before, x, z):
    return x, z_before


def _choice_partials(z_before, x, z):
    # Each step chooses between two; what they share at a tie is split ½, ½, as max and min do.
    one, half, zero = (scalar_like(z, value) for value in (1, 0.5, 0))
    weight_if_chosen = select_n(eq(z_before, x), one, half)
    return select_n(eq(z_before, z), zero, weight_if_chosen), select_n(eq(x, z), zero, weight_if_chosen)


def _cumlogsumexp_partials(z_before, x, z):
    # Not exp(x - z): of large x, the logarithm of a sum vanishes in z, and both would be 1.
    return logistic(sub(z_before, x)), logistic(sub(x, z_before))


cumsum_p = _cumulative(
    "cumsum", np.add, jvp=linear_jvp("cumsum"), transpose=_cumsum_transpose, lower="add",
    doc="zₖ = Σ x up to k;  x̄ = z̄ summed the other way",
)  # fmt: skip
cumprod_p = _cumulative(
    "cumprod", np.multiply, jvp=_stepwise_jvp("cumprod", _cumprod_partials), transpose=NOT_LINEAR,
    lower="mul", doc="zₖ = xₖ·zₖ₋₁;  żₖ = xₖ·żₖ₋₁ + zₖ₋₁·ẋₖ",
)  # fmt: skip
cummax_p = _cumulative(
    "cummax", np.maximum, jvp=_stepwise_jvp("cummax", _choice_partials), transpose=NOT_LINEAR, lower="max",
    doc="zₖ = max(zₖ₋₁, xₖ)",
)  # fmt: skip
cummin_p = _cumulative(
    "cummin", np.minimum, jvp=_stepwise_jvp("cummin", _choice_partials), transpose=NOT_LINEAR, lower="min",
    doc="zₖ = min(zₖ₋₁, xₖ)",
)  # fmt: skip
cumlogsumexp_p = _cumulative(
    "cumlogsumexp", np.logaddexp, jvp=_stepwise_jvp("cumlogsumexp", _cumlogsumexp_partials),
    transpose=NOT_LINEAR, lower="logaddexp", kinds=FLOAT,
    doc="zₖ = log(exp zₖ₋₁ + exp xₖ);  żₖ = σ(zₖ₋₁ - xₖ)·żₖ₋₁ + σ(xₖ - zₖ₋₁)·ẋₖ",
)  # fmt: skip


def _bind_cumulative(primitive: Primitive, operand, axis: int, reverse: bool):
    (axis,) = canonical_dims(primitive.name, axis, len(aval_of(operand).shape))
    return bind_checked(primitive, operand, axis=axis, reverse=bool(reverse))


def cumsum(operand, axis: int = 0, reverse: bool = False):
    """Running sum along an axis; the result has the dtype of the operand."""
    return _bind_cumulative(cumsum_p, operand, axis, reverse)


def cumprod(operand, axis: int = 0, reverse: bool = False):
    """Running product along an axis; the result has the dtype of the operand."""
    return _bind_cumulative(cumprod_p, operand, axis, reverse)


def cummax(operand, axis: int = 0, reverse: bool = False):
    """Running maximum along an axis; nan from the first nan on."""
    return _bind_cumulative(cummax_p, operand, axis, reverse)


def cummin(operand, axis: int = 0, reverse: bool = False):
    """Running minimum along an axis; nan from the first nan on."""
    return _bind_cumulative(cummin_p, operand, axis, reverse)


def cumlogsumexp(operand, axis: int = 0, reverse: bool = False):
    """Running log of the sum of exponentials along an axis."""
    return _bind_cumulative(cumlogsumexp_p, operand, axis, reverse)
