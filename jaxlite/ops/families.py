"""Constructors for families of primitives that share their rules.

An elementwise primitive is one line; its derivative is an expression::

    sin_p = elementwise("sin", np.sin, derivative=lambda ans, x: cos(x), doc="z = sin(x);  ż = cos(x)·ẋ")

Operands of an elementwise primitive have the shape of the result or rank 0, and (where not said otherwise)
equal dtypes; promotion and broadcasting happen above, in ``jaxlite.numpy``. Rank 0 is there for scalar
constants: it keeps programs short and costs the rules below a line each.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence

import numpy as np

from jaxlite.dtypes import PYTHON_SCALAR_DTYPES, is_inexact, real_dtype, short_name
from jaxlite.errors import DtypeError, ShapeError
from jaxlite.ir import ShapedArray
from jaxlite.lowering import Elementwise
from jaxlite.primitive import NOT_LINEAR, PRIMITIVES, PURE, RECORD, Primitive, Zero, is_linear, zero_tangent
from jaxlite.trace import aval_of

FLOAT = "f"
COMPLEX = "c"
INEXACT = "fc"
INTEGER = "iu"
INTEGRAL = "biu"
NUMERIC = "iufc"
REAL = "biuf"
ANY = "biufc"
_KIND_NAMES = {"b": "bool", "i": "signed integer", "u": "unsigned integer", "f": "floating", "c": "complex"}

BOOL = np.dtype(np.bool_)


def named(function: Callable, name: str) -> Callable:
    """Return a copy of a rule under a name of its own, which stack traces show too."""
    code = function.__code__.replace(co_name=name, co_qualname=name)
    return types.FunctionType(code, function.__globals__, name, function.__defaults__, function.__closure__)


def match_scalars(*args):
    """Give Python scalars the dtype of the others: ``mul(x, 2)`` with x:f32[3] multiplies by 2:f32[]."""
    if not any(type(arg) in PYTHON_SCALAR_DTYPES for arg in args):
        return args
    dtype = next((aval_of(arg).dtype for arg in args if type(arg) not in PYTHON_SCALAR_DTYPES), None)
    if dtype is None:
        return args
    return tuple(cast_scalar(arg, dtype) if type(arg) in PYTHON_SCALAR_DTYPES else arg for arg in args)


_KIND_ORDER = "biufc"


def cast_scalar(value, dtype: np.dtype):
    """Return a Python scalar as a scalar of ``dtype``; raises DtypeError where that would change it."""
    if _KIND_ORDER.index(PYTHON_SCALAR_DTYPES[type(value)].kind) <= _KIND_ORDER.index(dtype.kind):
        try:
            return dtype.type(value)
        except OverflowError:
            pass
    raise DtypeError(
        f"the Python scalar {value!r} is no {short_name(dtype)}, the dtype of the other operand.",
        why="a primitive takes operands of one dtype.",
        fix="jaxlite.numpy promotes; or convert the array with x.astype(dtype).",
    )


def scalar_like(x, value):
    """Return ``value`` as a scalar of the dtype of ``x``."""
    return aval_of(x).dtype.type(value)


def elementwise_shape(name: str, avals: Sequence[ShapedArray]) -> tuple[int, ...]:
    """Return the shape shared by all operands that are not of rank 0, or raise ShapeError."""
    shape: tuple[int, ...] = ()
    for aval in avals:
        if aval.shape and aval.shape != shape:
            if shape:
                raise ShapeError(
                    f"{name}: operands have types {', '.join(map(str, avals))}.",
                    why="an elementwise primitive takes operands of one shape (or rank 0).",
                    fix="jaxlite.numpy broadcasts; or use jnp.broadcast_to.",
                )
            shape = aval.shape
    return shape


def check_kinds(name: str, avals: Sequence[ShapedArray], kinds: str) -> None:
    for aval in avals:
        if aval.dtype.kind not in kinds:
            allowed = ", ".join(_KIND_NAMES[kind] for kind in kinds)
            raise DtypeError(
                f"{name}: operands have types {', '.join(map(str, avals))}.",
                why=f"{name} takes {allowed} operands, not {short_name(aval.dtype)}.",
                fix="convert with x.astype(dtype).",
            )


def check_same_dtype(name: str, avals: Sequence[ShapedArray]) -> None:
    if any(aval.dtype != avals[0].dtype for aval in avals):
        raise DtypeError(
            f"{name}: operands have types {', '.join(map(str, avals))}.",
            why="a primitive takes operands of one dtype.",
            fix="jaxlite.numpy promotes; or convert with x.astype(dtype).",
        )


def unbroadcast(ct, aval: ShapedArray):
    """Sum a cotangent down to the rank-0 operand that was used at every element."""
    if aval.shape or type(ct) is Zero or not aval_of(ct).shape:
        return ct
    axes = tuple(range(len(aval_of(ct).shape)))
    return PRIMITIVES["reduce_sum"].bind(ct, axes=axes)


def to_shape(x, shape: tuple[int, ...]):
    """Broadcast a rank-0 value to ``shape``; leave others alone."""
    if type(x) is Zero or aval_of(x).shape == shape:
        return x
    return PRIMITIVES["broadcast_in_dim"].bind(x, shape=shape, broadcast_dimensions=())


def nary(
    name: str,
    impl: Callable,
    *,
    jvp,
    transpose,
    doc: str,
    kinds: str = ANY,
    result_dtype: Callable[..., np.dtype] | None = None,
    same_dtype: bool = True,
    keeps_weak: bool = False,
    abstract_eval: Callable | None = None,
    lower: str | None = None,
) -> Primitive:
    """Declare an elementwise primitive with explicit derivative rules.

    Parameters
    ----------
    impl : ``(*arrays, **params) -> ndarray``
    jvp, transpose
        As in `Primitive`.
    kinds : str
        ``dtype.kind`` letters the operands may have.
    result_dtype : ``(*dtypes) -> dtype``, optional
        By default the dtype of the first operand.
    same_dtype : bool
        Whether all operands must have one dtype.
    keeps_weak : bool
        Whether the result of weak operands is weak: the arithmetic that Python scalars have themselves.
    abstract_eval : optional
        As in `Primitive`; replaces the rule that the four options above describe.
    lower : str, optional
        The scalar operation, ``name`` by default.
    """

    def result_aval(*avals, **params):
        check_kinds(name, avals, kinds)
        if same_dtype:
            check_same_dtype(name, avals)
        dtype = result_dtype(*[a.dtype for a in avals], **params) if result_dtype else avals[0].dtype
        weak = keeps_weak and all(a.weak_type for a in avals)
        return (ShapedArray(elementwise_shape(name, avals), dtype, weak),)

    def run(*arrays, **params):
        return (impl(*arrays, **params),)

    def batch(axis, args, dims, **params):
        args, dim = align_batch(args, dims)
        return (PRIMITIVES[name].bind(*args, **params),), (dim,)

    return Primitive(
        name=name,
        multiple_results=False,
        effects=PURE,
        abstract_eval=abstract_eval or named(result_aval, f"_{name}_abstract_eval"),
        impl=named(run, f"_{name}_impl"),
        jvp=jvp,
        partial_eval=RECORD,
        transpose=transpose,
        batch=named(batch, f"_{name}_batch"),
        lower=Elementwise(lower or name),
        doc=doc,
    )


def align_batch(args, dims):
    """Bring elementwise operands to one layout; returns them and their mapped dimension."""
    ndims = [len(aval_of(x).shape) - (d is not None) for x, d in zip(args, dims, strict=True)]
    rank = max(ndims)
    mapped = {d for d in dims if d is not None}
    aligned = all(n == rank if d is not None else n == 0 for n, d in zip(ndims, dims, strict=True))
    if len(mapped) == 1 and aligned:
        return args, mapped.pop()
    shape = _batched_shape(args, dims, ndims, rank)
    return [_to_layout(x, d, n, shape) for x, d, n in zip(args, dims, ndims, strict=True)], 0


def _batched_shape(args, dims, ndims, rank):
    size = next(aval_of(x).shape[d] for x, d in zip(args, dims, strict=True) if d is not None)
    x, d = next((x, d) for x, d, n in zip(args, dims, ndims, strict=True) if n == rank)
    shape = aval_of(x).shape
    return (size, *(shape if d is None else shape[:d] + shape[d + 1 :]))


def _to_layout(x, dim, ndim, shape):
    """Broadcast an operand to ``shape``, whose first axis is the mapped one; unmapped scalars stay."""
    broadcast = PRIMITIVES["broadcast_in_dim"].bind
    if dim is None:
        return x if ndim == 0 else broadcast(x, shape=shape, broadcast_dimensions=tuple(range(1, len(shape))))
    if ndim == 0:
        return broadcast(x, shape=shape, broadcast_dimensions=(0,)) if len(shape) > 1 else x
    if dim == 0:
        return x
    order = (dim, *(i for i in range(len(shape)) if i != dim))
    return PRIMITIVES["transpose"].bind(x, permutation=order)


def elementwise(
    name: str, impl: Callable, *, derivative, doc: str, kinds: str = INEXACT, **options
) -> Primitive:
    """Declare a differentiable unary primitive.

    Parameters
    ----------
    derivative : ``(ans, x, **params) -> dz/dx``
        An expression in primitives.
    """
    derivative = named(derivative, f"_{name}_derivative")

    def jvp(primals, tangents, **params):
        (x,), (x_dot,) = primals, tangents
        ans = PRIMITIVES[name].bind(x, **params)
        return (ans,), (mul_tangent(x_dot, derivative(ans, _typed(x), **params)),)

    jvp = named(jvp, f"_{name}_jvp")
    return nary(name, impl, jvp=jvp, transpose=NOT_LINEAR, doc=doc, kinds=kinds, **options)


def _typed(x):
    # Rules write their constants as Python floats; beside a Python complex nothing would say which dtype they take.
    return np.complex128(x) if type(x) is complex else x


def mul_tangent(x_dot, factor):
    return PRIMITIVES["mul"].bind(*match_scalars(x_dot, factor))


def nonlinear(name: str, impl: Callable, *, derivatives, doc: str, **options) -> Primitive:
    """Declare a differentiable primitive of several operands.

    Parameters
    ----------
    derivatives : tuple of ``(x_dot, ans, *primals, **params) -> ż``
        For each operand the contribution of its tangent, an expression linear in the tangent; None where the
        derivative is zero.
    """
    rules = tuple(rule and named(rule, f"_{name}_jvp_{i}") for i, rule in enumerate(derivatives))

    def jvp(primals, tangents, **params):
        ans = PRIMITIVES[name].bind(*primals, **params)
        shape = aval_of(ans).shape
        primals = [_typed(x) for x in primals]
        terms = [
            to_shape(rule(t, ans, *primals, **params), shape)
            for rule, t in zip(rules, tangents, strict=True)
            if rule is not None and type(t) is not Zero
        ]
        return (ans,), (sum_terms(terms, ans),)

    return nary(name, impl, jvp=named(jvp, f"_{name}_jvp"), transpose=NOT_LINEAR, doc=doc, **options)


def piecewise_constant(name: str, impl: Callable, *, doc: str, **options) -> Primitive:
    """Declare a primitive whose derivative is zero wherever it is defined: comparisons, rounding, bits."""
    return nary(name, impl, jvp=zero_tangent, transpose=NOT_LINEAR, doc=doc, **options)


def sum_terms(terms, ans):
    """Add the contributions to a tangent."""
    if not terms:
        return Zero.like(ans)
    total = terms[0]
    for term in terms[1:]:
        total = PRIMITIVES["add_any"].bind(total, term)
    return total


def linear_unary(name: str, impl: Callable, *, transpose: Callable, doc: str, **options) -> Primitive:
    """Declare a unary primitive that is linear.

    Parameters
    ----------
    transpose : ``(ct, aval, **params) -> x̄``
    """

    def jvp(primals, tangents, **params):
        bind = PRIMITIVES[name].bind
        return (bind(*primals, **params),), (bind(*tangents, **params),)

    def transpose_rule(cts, x, **params):
        return (transpose(cts[0], x.aval, **params),)

    return nary(
        name,
        impl,
        jvp=named(jvp, f"_{name}_jvp"),
        transpose=named(transpose_rule, f"_{name}_transpose"),
        doc=doc,
        **options,
    )


def linear_jvp(name: str) -> Callable:
    """Return the jvp rule of a primitive that is linear in all of its operands together (structural ones)."""

    def jvp(primals, tangents, **params):
        bind = PRIMITIVES[name].bind
        instantiate = [_zeros_like(t) if type(t) is Zero else t for t in tangents]
        return (bind(*primals, **params),), (bind(*instantiate, **params),)

    return named(jvp, f"_{name}_jvp")


def _zeros_like(zero: Zero):
    scalar = zero.aval.dtype.type(0)
    if not zero.aval.shape:
        return scalar
    return PRIMITIVES["broadcast_in_dim"].bind(scalar, shape=zero.aval.shape, broadcast_dimensions=())


def real_result(dtype, *others, **params) -> np.dtype:
    return real_dtype(dtype)


def bool_result(*dtypes, **params) -> np.dtype:
    return BOOL


def comparison(name: str, impl: Callable, *, doc: str, kinds: str = ANY) -> Primitive:
    """Declare a comparison: equal dtypes in, bool out, no derivative."""
    return piecewise_constant(name, impl, doc=doc, kinds=kinds, result_dtype=bool_result)


def is_differentiable(x) -> bool:
    return is_linear(x) or is_inexact(aval_of(x).dtype)
