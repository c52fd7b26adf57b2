"""``integral``: integrals over an interval, whose derivatives are integrals over the same interval.

    b:f64[] c:f64[] … = integral[
      integrand={ lambda ; d:f64[] e:f64[]. let … in (f,) }
      method=GaussKronrod(epsabs=1.49e-08, epsrel=1.49e-08, limit=50)
      call_jaxpr={ … }  linear=(False,)
    ] d 0.0 1.0

What the integrand closes over comes first among the operands, then the limits, then what the method needs. The method
decides where it looks at the integrand, and nobody differentiates through that. Cotangents of what the integrand
closes over are an integral of as many components.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from jaxlite.control.bodies import Body, is_nonzero, split_list
from jaxlite.control.jit import compile_when_eager, merge
from jaxlite.control.lanes import in_front, in_groups
from jaxlite.errors import TransposeError
from jaxlite.interpreters.batch import batch_jaxpr
from jaxlite.interpreters.evaluate import eval_jaxpr, run_jaxpr
from jaxlite.interpreters.jvp import jvp_jaxpr
from jaxlite.interpreters.stage import stage_rule
from jaxlite.interpreters.transpose import transpose_jaxpr
from jaxlite.ir import Jaxpr, cached_by_jaxpr
from jaxlite.lowering import Region
from jaxlite.ops import elementwise
from jaxlite.ops.elementwise import add, convert_element_type, div, eq, mul, neg, select_n
from jaxlite.ops.reductions import reduce_max
from jaxlite.ops.structural import broadcast_in_dim, full, stop_gradient
from jaxlite.primitive import PURE, RECORD, MappedAxis, Primitive, Zero, is_linear
from jaxlite.trace import aval_of


class Method(Protocol):
    """How to integrate: data, such as a frozen dataclass, by which programs are told apart."""

    def integrate(self, f: Callable, a, b, *own) -> tuple[list, list]:
        """Return the values, and what has no derivative; ``f`` takes ``[n]`` and returns a list of ``[n, ...]``."""
        ...


@cached_by_jaxpr
def _program(integrand: Jaxpr, method: Method, linear: tuple, avals: tuple) -> Jaxpr:
    """Return the program of an integral: ``(consts, a, b, own) -> (values, what else the method returns)``."""
    num_consts = len(linear)

    def program(*operands):
        consts, limits, own = split_list(operands, num_consts, 2)
        scale = _scale([x for x, lin in zip(consts, linear, strict=True) if lin])
        if scale is not None:
            consts = [_scaled(x, scale, div) if lin else x for x, lin in zip(consts, linear, strict=True)]

        def f(x):
            axis = MappedAxis(aval_of(x).shape[0])
            batched, _ = batch_jaxpr(integrand, axis, (*(None,) * num_consts, 0), True)
            return eval_jaxpr(batched, (), *consts, x)

        values, rest = method.integrate(f, *limits, *own)
        return [*(values if scale is None else (_scaled(y, scale, mul) for y in values)), *rest]

    return stage_rule(program, avals, "integral")


def _scale(values):
    """Return the largest element of tangents or cotangents.

    An integral that is linear in them is that many times the one for unit size, also where the method stops at an
    absolute error.
    """
    sizes = [reduce_max(elementwise.abs(x), tuple(range(aval_of(x).ndim))) for x in values if aval_of(x).size]
    if not sizes:
        return None
    dtype = np.result_type(*(aval_of(s).dtype for s in sizes))
    scale = functools.reduce(elementwise.max, [convert_element_type(s, dtype) for s in sizes])
    zero, one = dtype.type(0), dtype.type(1)
    return stop_gradient(select_n(eq(scale, zero), scale, one))


def _scaled(x, scale, operation: Callable):
    aval = aval_of(x)
    return operation(x, broadcast_in_dim(convert_element_type(scale, aval.dtype), aval.shape, ()))


def _bind(integrand: Jaxpr, method: Method, linear: tuple, operands: Sequence) -> list:
    """Integrate; ``linear`` says in which consts the integrand is linear together."""
    if not integrand.outvars:
        return []
    avals = tuple(aval_of(x).strip_weak_type() for x in operands)
    return integral_p.bind(
        *operands,
        integrand=integrand,
        method=method,
        call_jaxpr=_program(integrand, method, linear, avals),
        linear=linear,
    )


def integrate(integrand: Body, method: Method, a, b, *own) -> list:
    """Integrate a recorded function.

    Parameters
    ----------
    integrand : Body
        Of one number of the dtype of the limits; its results are floating or complex.
    method : Method
    a, b : scalars of a floating dtype
    *own : Array
        What the method needs: tables of numbers, and the like. Without derivative.

    Returns
    -------
    list
        The values, and the rest, which has no derivative.
    """
    linear = (False,) * len(integrand.consts)
    return _bind(integrand.jaxpr, method, linear, [*integrand.consts, a, b, *own])


# --- rules ------------------------------------------------------------------------------------------


def _integral_abstract_eval(*avals, call_jaxpr, **params):
    return tuple(a.strip_weak_type() for a in call_jaxpr.out_avals)


def _integral_impl(*args, call_jaxpr, **params):
    return run_jaxpr(call_jaxpr, *args)


@cached_by_jaxpr
def _tangent_integrand(integrand: Jaxpr, nonzero: tuple) -> tuple[Jaxpr, tuple]:
    """Return ``(consts, their tangents, x) -> tangents``, and which results have one."""
    jvp, nonzero_out = jvp_jaxpr(integrand, (*nonzero, False))
    num_consts, num_values = len(nonzero), len(integrand.outvars)

    def tangents(*args):
        *rest, x = args
        return eval_jaxpr(jvp, (), *rest[:num_consts], x, *rest[num_consts:])[num_values:]

    (
        *consts,
        x,
    ) = jvp.in_avals[: num_consts + 1]
    return stage_rule(tangents, [*consts, *jvp.in_avals[num_consts + 1 :], x], "jvp"), nonzero_out


def _integral_jvp(primals, tangents, **params):
    outs = integral_p.bind(*primals, **params)
    integrand, method = params["integrand"], params["method"]
    num_consts, num_values = len(params["linear"]), len(integrand.outvars)
    outs_dot = list(map(Zero.like, outs))
    consts, limits, own = split_list(primals, num_consts, 2)
    consts_dot, limits_dot, _ = split_list(tangents, num_consts, 2)
    nonzero = tuple(map(is_nonzero, consts_dot))
    if any(nonzero):
        # ż = ∫ ∂f/∂c ċ dx
        given = list(filter(is_nonzero, consts_dot))
        tangent, nonzero_out = _tangent_integrand(integrand, nonzero)
        flags = (False,) * num_consts + (True,) * len(given)
        found = iter(_bind(tangent, method, flags, [*consts, *given, *limits, *own]))
        outs_dot[:num_values] = [
            next(found) if nz else zero for nz, zero in zip(nonzero_out, outs_dot[:num_values], strict=True)
        ]
    for which in (0, 1):
        if is_nonzero(limits_dot[which]):
            # ż = f(b) ḃ − f(a) ȧ
            moved = _at_limit(integrand, consts, limits, which, limits_dot[which])
            outs_dot[:num_values] = [_sum(x, y) for x, y in zip(outs_dot, moved, strict=False)]
    return outs, tuple(outs_dot)


def _sum(x, y):
    return add(x, y) if is_nonzero(x) else y


def _at_limit(integrand: Jaxpr, consts, limits, which: int, limit_dot) -> list:
    """Return what moving a limit adds; nothing where it is infinite, as the integrand has to vanish there."""
    limit, other = limits[which], limits[1 - which]
    dtype = aval_of(limit).dtype
    infinite = _is_infinite(limit)
    # Somewhere else instead, so that no nan is multiplied by zero: beside the other limit, or at 1.
    beside = select_n(_is_infinite(other), stop_gradient(other), dtype.type(0))
    at = select_n(infinite, limit, add(beside, dtype.type(1)))
    values = eval_jaxpr(integrand, (), *consts, at)
    direction = limit_dot if which else neg(limit_dot)
    moved = []
    for value in values:
        aval = aval_of(value)
        spread = lambda x, aval=aval: broadcast_in_dim(x, aval.shape, ())  # noqa: E731
        slope = select_n(spread(infinite), value, full(aval.shape, 0, aval.dtype))
        moved.append(mul(slope, spread(convert_element_type(direction, aval.dtype))))
    return moved


def _is_infinite(x):
    return eq(elementwise.abs(x), aval_of(x).dtype.type(np.inf))


@cached_by_jaxpr
def _transposed_integrand(integrand: Jaxpr, linear: tuple, ct_nonzero: tuple) -> tuple[Jaxpr, tuple]:
    """Return ``(other consts, cotangents, x) -> cotangents of linear consts``, and which of these are not zero."""
    transposed, nonzero_out = transpose_jaxpr(integrand, (*linear, False), ct_nonzero)
    num_rest = linear.count(False)

    def cotangents(*args):
        *rest, x = args
        return eval_jaxpr(transposed, (), *rest[:num_rest], x, *rest[num_rest:])

    avals = transposed.in_avals
    return stage_rule(
        cotangents, [*avals[:num_rest], *avals[num_rest + 1 :], avals[num_rest]], "transpose"
    ), nonzero_out


def _integral_transpose(cts, *args, integrand, method, call_jaxpr, linear):
    consts, others = split_list(args, len(linear))
    transposed_in = tuple(map(is_linear, consts))
    if any(map(is_linear, others)):
        raise TransposeError(
            "an integral is not linear in its limits, so it has no transpose with respect to them."
        )
    cts = cts[: len(integrand.outvars)]
    ct_nonzero = tuple(map(is_nonzero, cts))
    given = [ct for ct, nz in zip(cts, ct_nonzero, strict=True) if nz]
    transposed, nonzero_out = _transposed_integrand(integrand, transposed_in, ct_nonzero)
    rest = [x for x, lin in zip(consts, transposed_in, strict=True) if not lin]
    flags = (False,) * len(rest) + (True,) * len(given)
    found = iter(_bind(transposed, method, flags, [*rest, *given, *others]))
    unknown = [x.aval.to_tangent() for x in consts if is_linear(x)]
    bars = [next(found) if nz else Zero(a) for nz, a in zip(nonzero_out, unknown, strict=True)]
    return (*merge(transposed_in, bars, [None] * len(rest)), *(None for _ in others))


def _integral_batch(axis, args, dims, **params):
    # One after the other: each has its own intervals.
    args, dims = in_front(axis, args, dims)
    return in_groups(integral_p, axis, args, dims, params, 1)


integral_p = Primitive(
    name="integral",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_integral_abstract_eval,
    impl=_integral_impl,
    jvp=_integral_jvp,
    partial_eval=RECORD,
    transpose=_integral_transpose,
    batch=_integral_batch,
    lower=Region("call"),
    doc="z = ∫ f(x, c) dx from a to b;  ż = ∫ ∂f/∂c ċ dx + f(b) ḃ − f(a) ȧ",
)
compile_when_eager(integral_p)
