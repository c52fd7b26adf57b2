"""Programs for the tests of the IR's text and checks: random ones, and primitives that exist for a test only.

{ lambda ; a:f32[] b:f64[3]. let c:f64[3] = mul -0.0:f64[] b in (c, nan:f32[]) }
"""

from __future__ import annotations

import functools

import numpy as np

from jaxlite.api import grad, vmap
from jaxlite.control.checkpoint import checkpoint
from jaxlite.control.cond import cond
from jaxlite.control.custom_rules import custom_jvp
from jaxlite.control.jit import jit, jit_p
from jaxlite.control.scan import scan
from jaxlite.control.while_loop import while_loop
from jaxlite.interpreters.stage import stage
from jaxlite.ir import (
    PRIMITIVES,
    ArrayConstant,
    Eqn,
    Jaxpr,
    Literal,
    ShapedArray,
    Var,
    lift_constvars,
    subjaxprs,
)
from jaxlite.lowering import HostCall
from jaxlite.ops.elementwise import add, lt, mul, neg, sin
from jaxlite.ops.reductions import reduce_sum
from jaxlite.ops.structural import broadcast_in_dim, reshape, transpose
from jaxlite.parsing import parse_aval
from jaxlite.primitive import NOT_LINEAR, PURE, RECORD, NotBatchable, Primitive, zero_tangent
from jaxlite.scipy._quadrature import GaussKronrod
from jaxlite.trace import aval_of
from jaxlite.tree import tree_leaves


def make_primitive(
    name: str, *, multiple_results: bool = True, effects=PURE, abstract_eval=lambda *avals, **params: avals
) -> Primitive:
    """Declare a primitive for one test; `remove_primitives` takes it out of the table."""
    assert name.startswith("test_")
    return Primitive(
        name=name,
        multiple_results=multiple_results,
        effects=effects,
        abstract_eval=abstract_eval,
        impl=lambda *args, **params: args,
        jvp=zero_tangent,
        partial_eval=RECORD,
        transpose=NOT_LINEAR,
        batch=NotBatchable("it exists for a test"),
        lower=HostCall("it exists for a test"),
        doc="z = x",
    )


def remove_primitives() -> None:
    for name in [name for name in PRIMITIVES if name.startswith("test_")]:
        del PRIMITIVES[name]


def program(fun, *avals: str) -> Jaxpr:
    """Stage ``fun`` at avals such as ``f64[3]``."""
    jaxpr, consts = stage(fun, [parse_aval(aval) for aval in avals], keep_dead=True)
    assert not consts
    return jaxpr


def program_of(primitive, *operands: str | Literal, outs=None, **params) -> Jaxpr:
    """Return the program of one equation; its operands are inputs of the given types, or literals."""
    atoms = tuple(x if isinstance(x, Literal) else Var(parse_aval(x)) for x in operands)
    avals = [v.aval for v in atoms] if outs is None else [parse_aval(aval) for aval in outs]
    outvars = tuple(map(Var, avals))
    inputs = tuple(v for v in atoms if type(v) is Var)
    return Jaxpr(inputs, (), (Eqn(primitive, atoms, outvars, params, None),), outvars)


def program_of_row(case) -> tuple[Jaxpr, list]:
    """Return the program of a row's use of its primitive, and its arguments.

    Scalars among the operands become literals; arrays that the use captures become arguments.
    """
    use = case.call or functools.partial(PRIMITIVES[case.primitive].bind, **case.params)
    traced = [x for x in case.args if isinstance(x, np.ndarray)]

    def fun(*tracers):
        given = iter(tracers)
        args = [next(given) if isinstance(x, np.ndarray) else x for x in case.args]
        return tree_leaves(use(*args))

    jaxpr, consts = stage(fun, list(map(aval_of, traced)), keep_dead=True)
    return lift_constvars(jaxpr), [*consts, *traced]


def params_without_text(jaxpr: Jaxpr):
    """Yield the params, at any depth, that printed programs only name: functions, arrays and other objects."""
    for eqn in jaxpr.eqns:
        for value in eqn.params.values():
            if callable(value) or isinstance(value, ArrayConstant | GaussKronrod):
                yield value
        for inner in subjaxprs(eqn.params):
            yield from params_without_text(inner)


# --- programs of transformations --------------------------------------------------------------------


def _scan(x):
    carry, ys = scan(lambda c, y: (mul(c, sin(y)), add(c, y)), 1.0, x)
    return add(carry, reduce_sum(ys, (0,)))


def _while(x):
    return reduce_sum(
        while_loop(lambda c: lt(reduce_sum(c, (0,)), 90.0), lambda c: mul(c, add(c, c)), x), (0,)
    )


def _cond(x):
    first = reduce_sum(x, (0,))
    return cond(lt(first, 0.0), lambda x: sin(x), lambda x: mul(x, 2.0), first)


def _checkpoint(x):
    return checkpoint(lambda x: reduce_sum(sin(sin(x)), (0,)))(x)


@custom_jvp
def _custom(x):
    return reduce_sum(sin(x), (0,))


@_custom.defjvp
def _custom_jvp(primals, tangents):
    return _custom(*primals), reduce_sum(mul(primals[0], tangents[0]), (0,))


TRANSFORMED = {
    f"{transform_name}-{fun.__name__.strip('_')}": (transform(fun), np.full(shape, 1.5))
    for fun in (_scan, _while, _cond, _checkpoint, _custom)
    for transform_name, transform, shape in (
        ("call", lambda f: f, 3),
        ("grad", grad, 3),
        ("jit_grad", lambda f: jit(grad(f)), 3),
        ("vmap_grad", lambda f: vmap(grad(f)), (2, 3)),
        ("grad_grad", lambda f: grad(lambda x: reduce_sum(grad(f)(x), (0,))), 3),
    )
}


# --- random programs --------------------------------------------------------------------------------

_SHAPES = ((), (3,), (2, 3), (0,))
_FLOATS = ("float64", "float32", "float16")
_DTYPES = (*_FLOATS, "complex128", "complex64", "int64", "int8", "uint32")
_SPECIAL = (0.0, -0.0, 1.0, np.inf, -np.inf, np.nan, 5e-324, 1e300, 0.1)


def random_scalar(rng: np.random.Generator, dtype: np.dtype):
    """Return a NumPy scalar of any bits, or a special one."""
    if dtype.kind == "b":
        return np.bool_(rng.integers(2))
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return dtype.type(rng.integers(info.min, info.max, dtype=dtype, endpoint=True))
    part = np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype
    with np.errstate(all="ignore"):
        parts = [
            part.type(rng.choice(_SPECIAL)) if rng.random() < 0.5 else rng.bytes(part.itemsize)
            for _ in range(2)
        ]
        real, imag = (np.frombuffer(p, part)[0] if isinstance(p, bytes) else p for p in parts)
        return dtype.type(complex(real, imag)) if dtype.kind == "c" else real


def random_program(rng: np.random.Generator, size: int = 12, depth: int = 2) -> Jaxpr:
    """Return a program of about ``size`` equations, with programs inside programs down to ``depth``."""
    avals = [
        ShapedArray(_pick(rng, _SHAPES), np.dtype(_pick(rng, _DTYPES))) for _ in range(rng.integers(1, 4))
    ]

    def fun(*args):
        values = list(args)
        for _ in range(rng.integers(0, size + 1)):
            values += _random_equation(rng, values, size // 2, depth)
        outs = [_pick(rng, values) for _ in range(rng.integers(0, 4))]
        return [*outs, random_scalar(rng, np.dtype(_pick(rng, _DTYPES)))]

    return stage(fun, avals, keep_dead=bool(rng.integers(2)))[0]


def _pick(rng, items):
    return items[rng.integers(len(items))]


def _random_equation(rng, values, size, depth) -> list:
    x = _pick(rng, values)
    dtype, shape = x.dtype, x.shape
    match rng.integers(8 if depth else 7):
        case 0:
            return [sin(x)] if dtype.kind in "fc" else [neg(x)] if dtype.kind in "iu" else []
        case 1:
            return [mul(x, random_scalar(rng, dtype))]
        case 2:
            return [add(x, x)]
        case 3:
            return [lt(x, random_scalar(rng, dtype))] if dtype.kind in "iuf" else []
        case 4:
            return [broadcast_in_dim(x, (2, *shape), range(1, len(shape) + 1))]
        case 5:
            return [reduce_sum(x, [int(rng.integers(len(shape)))])] if shape and dtype.kind != "b" else []
        case 6:
            return [transpose(x, range(len(shape))[::-1]), reshape(x, (1, *shape))]
        case _:
            inner = random_program(rng, size, depth - 1)
            # Twice now and then: a program that is used more than once.
            return [
                out
                for _ in range(rng.integers(1, 3))
                for out in jit_p.bind(*map(_constant, inner.in_avals), jaxpr=inner, name=_pick(rng, _NAMES))
            ]


_NAMES = ("f", "<lambda>", "my fun", "float64", "None", "it's", "f.<locals>.g", "let", "in", "naïve", "")


def _constant(aval: ShapedArray):
    return broadcast_in_dim(aval.dtype.type(1), aval.shape, ())
