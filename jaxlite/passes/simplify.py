"""Simplify: rewrite equations by a table of rules, one row each (``RULES`` at the end).

    { lambda ; a:f64[3]. let
        b:f64[3] = broadcast_in_dim[broadcast_dimensions=() shape=(3,)] 2.0:f64[]
        c:f64[3] = mul a b
        d:f64[3] = neg c
        e:f64[3] = sub a d
      in (e,) }
->  { lambda ; a:f64[3]. let c:f64[3] = mul a 2.0:f64[]; e:f64[3] = add a c in (e,) }

(dead equations left out). A rule looks at one equation, and at the equations that made its operands. Every rule is
exact but two for cotangents, which say so, for floating-point numbers too: x·1 is x, but x + 0 is not where x is -0.0,
and x·0 not where it is nan or infinite. Complex numbers are mostly left alone: NumPy multiplies them with or without
fused operations, depending on the shape.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from jaxlite.ir import Atom, Eqn, Jaxpr, Literal, ShapedArray, cached_by_jaxpr
from jaxlite.passes.walk import equation, map_programs, rebuilt, same_items, select, substitute, with_invars
from jaxlite.source import Source

# --- the machine ------------------------------------------------------------------------------------


class Rewriter:
    """A program in the making: what rules read and add to."""

    def __init__(self):
        self.eqns: list[Eqn] = []
        self.makers: dict[Atom, Eqn] = {}
        self.source: Source | None = None

    def maker(self, atom: Atom, *names: str) -> Eqn | None:
        """Return the equation that made a value, if its primitive has one of these names."""
        eqn = self.makers.get(atom)
        return eqn if eqn is not None and eqn.primitive.name in names else None

    def add(self, eqn: Eqn) -> tuple[Atom, ...]:
        """Append an equation, or what a rule makes of it; return its results."""
        for rule in _BY_NAME.get(eqn.primitive.name, ()):
            length = len(self.eqns)
            atom = rule(self, eqn)
            if atom is not None:
                if atom.aval == eqn.outvars[0].aval:
                    return (atom,)
                # Of another type, it cannot stand in the same place.
                del self.eqns[length:]
        self.eqns.append(eqn)
        for var in eqn.outvars:
            self.makers[var] = eqn
        return eqn.outvars

    def emit(self, name: str, *operands: Atom, **params) -> Atom:
        """Add a new equation, simplified in its turn."""
        return self.add(equation(name, operands, params, self.source))[0]

    def full(self, atom: Atom, shape: tuple[int, ...]) -> Atom:
        """Broadcast a scalar to a shape; leave arrays of that shape alone."""
        if atom.aval.shape == shape:
            return atom
        return self.emit("broadcast_in_dim", atom, shape=shape, broadcast_dimensions=())


@cached_by_jaxpr
def simplify(jaxpr: Jaxpr) -> Jaxpr:
    """Rewrite every equation for which there is a rule; leaves unused equations behind.

    Parameters
    ----------
    jaxpr : Jaxpr

    Returns
    -------
    Jaxpr
        The same object if no rule fitted.
    """
    rewriter, env = Rewriter(), {}
    for eqn in jaxpr.eqns:
        eqn = map_programs(with_invars(eqn, substitute(eqn.invars, env)), simplify)
        rewriter.source = eqn.source
        outs = rewriter.add(eqn)
        if outs is not eqn.outvars:
            env.update(zip(eqn.outvars, outs, strict=True))
    return rebuilt(jaxpr, rewriter.eqns, substitute(jaxpr.outvars, env))


class Rule(NamedTuple):
    """One row: for which primitives, what it says, and the value it finds, None where it does not fit."""

    primitives: str
    text: str
    apply: Callable[[Rewriter, Eqn], Atom | None]


# --- what rules ask ---------------------------------------------------------------------------------


def _kind(atom: Atom) -> str:
    return atom.aval.dtype.kind


def _scalar(value, aval: ShapedArray) -> Literal:
    return Literal(aval.dtype.type(value), ShapedArray((), aval.dtype))


def _is(atom: Atom, value) -> bool:
    """Whether an operand is a certain number; 0.0 is not -0.0."""
    if type(atom) is not Literal or atom.val != value:
        return False
    return value != 0 or _kind(atom) != "f" or math.copysign(1, atom.val) == math.copysign(1, value)


def _split_literal(eqn: Eqn) -> tuple[Atom, Literal] | None:
    """Return the operands of a commutative operation, a literal last; None when there is no literal."""
    x, y = eqn.invars
    if type(y) is Literal:
        return x, y
    return (y, x) if type(x) is Literal else None


def _scalar_behind(rewriter: Rewriter, atom: Atom) -> Atom | None:
    """Return the scalar that a value repeats; None if it is no repeated scalar."""
    if not atom.aval.shape:
        return atom
    maker = rewriter.makers.get(atom)
    if maker is None or maker.primitive.name != "broadcast_in_dim" or maker.invars[0].aval.shape:
        return None
    return maker.invars[0]


# --- scalars among operands -------------------------------------------------------------------------

# Elementwise operations whose result does not depend on how NumPy runs through the elements, as that of exp does.
EXACT = (
    "add add_any sub mul div rem neg abs sign max min clamp floor ceil round is_finite sqrt square eq ne lt le gt ge "
    "select_n and or xor not shift_left shift_right_logical shift_right_arithmetic population_count clz real imag "
    "complex convert_element_type bitcast_convert_type"
)


def _scalar_operands(rewriter, eqn):
    operands = [_scalar_behind(rewriter, atom) or atom for atom in eqn.invars]
    if same_items(operands, eqn.invars) or any(_kind(atom) == "c" for atom in (*operands, *eqn.outvars)):
        return None
    if any(atom.aval.shape for atom in operands):
        return rewriter.emit(eqn.primitive.name, *operands, **eqn.params)
    scalar = rewriter.emit(eqn.primitive.name, *operands, **eqn.params)
    return rewriter.full(scalar, eqn.outvars[0].aval.shape)


# --- arithmetic -------------------------------------------------------------------------------------


def _add_cotangents(rewriter, eqn):
    return rewriter.emit("add", *eqn.invars)


def _add_zero(rewriter, eqn):
    operands = _split_literal(eqn)
    # x + 0.0 turns -0.0 into 0.0.
    if operands and _is(operands[1], -0.0 if _kind(operands[1]) == "f" else 0) and _kind(operands[1]) != "c":
        return operands[0]
    return None


def _add_padded(rewriter, eqn):
    """Put parts beside each other that pads with zeros brought to one shape, as the transposes of slices do.

    This rule, and that for margins, may change a bit: the sign of a zero, which in a cotangent says nothing.
    """
    pads = [rewriter.maker(x, "pad") for x in eqn.invars]
    if not all(pads) or not all(_is(p.invars[1], 0) for p in pads) or _kind(eqn.outvars[0]) == "c":
        return None
    config, other = (p.params["padding_config"] for p in pads)
    apart = [d for d, (x, y) in enumerate(zip(config, other, strict=True)) if x != y]
    if len(apart) != 1 or any(
        low < 0 or high < 0 or inner for c in (config, other) for low, high, inner in c
    ):
        return None
    (d,) = apart
    if config[d][0] > other[d][0]:
        pads.reverse()
    (first, _), (second, zero) = (p.invars for p in pads)
    (low, _, _), (start, high, _) = (p.params["padding_config"][d] for p in pads)
    if low + first.aval.shape[d] != start:
        return None
    whole = rewriter.emit("concatenate", first, second, dimension=d)
    config = (*config[:d], (low, high, 0), *config[d + 1 :])
    return rewriter.emit("pad", whole, zero, padding_config=config)


def _add_margin(rewriter, eqn):
    """Have the zeros around a part be of the kind that changes nothing when it is added."""
    for k, x in enumerate(eqn.invars):
        part = rewriter.maker(x, "pad")
        if part is not None and _is(part.invars[1], 0) and _kind(x) == "f":
            padded = rewriter.emit("pad", part.invars[0], _scalar(-0.0, x.aval), **part.params)
            return rewriter.emit("add_any", *(padded if n == k else y for n, y in enumerate(eqn.invars)))
    return None


def _add_negated(rewriter, eqn):
    x, y = eqn.invars
    if negated := rewriter.maker(y, "neg"):
        return rewriter.emit("sub", x, *negated.invars)
    if negated := rewriter.maker(x, "neg"):
        return rewriter.emit("sub", y, *negated.invars)
    return None


def _sub_zero(rewriter, eqn):
    x, y = eqn.invars
    return x if _is(y, 0) and _kind(y) != "c" else None


def _sub_from_zero(rewriter, eqn):
    x, y = eqn.invars
    # 0.0 - x would be 0.0 where neg x is -0.0.
    if _is(x, -0.0 if _kind(x) == "f" else 0) and _kind(x) != "c":
        return rewriter.emit("neg", y)
    return None


def _sub_negated(rewriter, eqn):
    x, y = eqn.invars
    negated = rewriter.maker(y, "neg")
    return rewriter.emit("add", x, *negated.invars) if negated else None


def _neg_neg(rewriter, eqn):
    negated = rewriter.maker(eqn.invars[0], "neg")
    return negated.invars[0] if negated else None


def _neg_sub(rewriter, eqn):
    # Floats would differ where x = y: -(x - y) is -0.0, and y - x is 0.0.
    difference = rewriter.maker(eqn.invars[0], "sub")
    if difference and _kind(eqn.invars[0]) in "iu":
        return rewriter.emit("sub", *difference.invars[::-1])
    return None


def _mul_one(rewriter, eqn):
    operands = _split_literal(eqn)
    return operands[0] if operands and _kind(operands[1]) != "c" and _is(operands[1], 1) else None


def _mul_minus_one(rewriter, eqn):
    operands = _split_literal(eqn)
    if operands and _kind(operands[1]) in "if" and _is(operands[1], -1):
        return rewriter.emit("neg", operands[0])
    return None


def _mul_zero(rewriter, eqn):
    operands = _split_literal(eqn)
    # Not floats: 0·inf is nan, and 0·(-1) is -0.0.
    if operands and _kind(operands[1]) in "iub" and _is(operands[1], 0):
        return rewriter.full(operands[1], eqn.outvars[0].aval.shape)
    return None


def _mul_negated(rewriter, eqn):
    makers = [rewriter.maker(atom, "neg") for atom in eqn.invars]
    if not any(makers) or _kind(eqn.invars[0]) == "c":
        return None
    if all(makers):
        return rewriter.emit("mul", *[maker.invars[0] for maker in makers])
    x, y = eqn.invars if makers[0] else eqn.invars[::-1]
    if type(y) is not Literal or _kind(y) == "u":
        return None
    with np.errstate(over="ignore"):
        return rewriter.emit("mul", *rewriter.maker(x, "neg").invars, _scalar(-y.val, y.aval))


def _div_one(rewriter, eqn):
    x, y = eqn.invars
    return x if _is(y, 1) and _kind(y) != "c" else None


def _div_power_of_two(rewriter, eqn):
    x, y = eqn.invars
    if type(y) is not Literal or _kind(y) != "f" or not np.isfinite(y.val) or y.val == 0:
        return None
    mantissa, exponent = math.frexp(float(y.val))
    # The reciprocal must be as exact, so neither infinite nor subnormal.
    if abs(mantissa) != 0.5 or abs(exponent) >= np.finfo(y.aval.dtype).maxexp - 1:
        return None
    return rewriter.emit("mul", x, _scalar(1.0 / float(y.val), y.aval))


def _integer_pow(rewriter, eqn):
    (x,) = eqn.invars
    match eqn.params["y"]:
        case 1:
            return x
        case 2:
            return rewriter.emit("square", x)
    return None


def _even_of_negated(rewriter, eqn):
    negated = rewriter.maker(eqn.invars[0], "neg")
    if negated and _kind(eqn.invars[0]) != "c":
        return rewriter.emit(eqn.primitive.name, *negated.invars)
    return None


def _idempotent(rewriter, eqn):
    x, y = eqn.invars
    return x if x is y else None


def _and_or_literal(rewriter, eqn):
    operands = _split_literal(eqn)
    if not operands:
        return None
    x, literal = operands
    zero, ones = _is(literal, 0), _is(literal, literal.aval.dtype.type(True) if _kind(x) == "b" else -1)
    keeps = ones if eqn.primitive.name == "and" else zero
    if keeps:
        return x
    if zero or ones:
        return rewriter.full(literal, eqn.outvars[0].aval.shape)
    return None


def _xor_zero(rewriter, eqn):
    operands = _split_literal(eqn)
    return operands[0] if operands and _is(operands[1], 0) else None


def _not_not(rewriter, eqn):
    inverted = rewriter.maker(eqn.invars[0], "not")
    return inverted.invars[0] if inverted else None


# --- selection --------------------------------------------------------------------------------------


def _select_equal_cases(rewriter, eqn):
    _, first, *others = eqn.invars
    if all(case is first or _same_literal(case, first) for case in others):
        return rewriter.full(first, eqn.outvars[0].aval.shape)
    return None


def _same_literal(x: Atom, y: Atom) -> bool:
    return type(x) is type(y) is Literal and np.asarray(x.val).tobytes() == np.asarray(y.val).tobytes()


def _select_known_case(rewriter, eqn):
    which, *cases = eqn.invars
    if type(which) is not Literal:
        return None
    return rewriter.full(cases[min(max(int(which.val), 0), len(cases) - 1)], eqn.outvars[0].aval.shape)


def _select_inverted(rewriter, eqn):
    which, *cases = eqn.invars
    inverted = rewriter.maker(which, "not") if _kind(which) == "b" and len(cases) == 2 else None
    return rewriter.emit("select_n", *inverted.invars, *cases[::-1]) if inverted else None


# --- dtypes and complex parts -----------------------------------------------------------------------


def _convert_nothing(rewriter, eqn):
    (x,) = eqn.invars
    return x if x.aval.dtype == eqn.params["new_dtype"] else None


def _convert_twice(rewriter, eqn):
    first = rewriter.maker(eqn.invars[0], "convert_element_type")
    if first is None:
        return None
    (x,) = first.invars
    start, middle, end = x.aval.dtype, eqn.invars[0].aval.dtype, eqn.params["new_dtype"]
    # What does not fit into an integer is another number from every dtype.
    if not _holds(middle, start) or (end.kind in "iu" and middle.kind in "fc" and not _holds(end, start)):
        return None
    return rewriter.emit("convert_element_type", x, new_dtype=end, weak_type=False)


def _holds(wide: np.dtype, narrow: np.dtype) -> bool:
    """Whether a dtype has every value of another."""
    if wide == narrow or narrow.kind == "b":
        return True
    if narrow.kind in "iu" and wide.kind in "fc":
        return np.iinfo(narrow).bits - (narrow.kind == "i") <= np.finfo(wide).nmant + 1
    return wide.kind != "b" and np.can_cast(narrow, wide)


def _part_of_complex(rewriter, eqn):
    made = rewriter.maker(eqn.invars[0], "complex")
    if made is None:
        return None
    return rewriter.full(made.invars[eqn.primitive.name == "imag"], eqn.outvars[0].aval.shape)


def _complex_of_parts(rewriter, eqn):
    real, imag = rewriter.maker(eqn.invars[0], "real"), rewriter.maker(eqn.invars[1], "imag")
    return real.invars[0] if real and imag and real.invars[0] is imag.invars[0] else None


def _conj_conj(rewriter, eqn):
    conjugated = rewriter.maker(eqn.invars[0], "conj")
    return conjugated.invars[0] if conjugated else None


# --- reductions -------------------------------------------------------------------------------------


def _reduce_nothing(rewriter, eqn):
    (x,), axes = eqn.invars, eqn.params["axes"]
    if any(x.aval.shape[d] != 1 for d in axes):
        return None
    if eqn.primitive.name == "reduce_sum" and _kind(x) not in "iu":
        if _kind(x) == "c":
            return None
        # A sum starts at 0.0, which shows where x is -0.0.
        x = rewriter.emit("add", x, _scalar(0, x.aval))
    return rewriter.emit("squeeze", x, dimensions=axes) if axes else x


def _reduce_repeated(rewriter, eqn):
    scalar = _scalar_behind(rewriter, eqn.invars[0])
    if scalar is None or any(eqn.invars[0].aval.shape[d] == 0 for d in eqn.params["axes"]):
        return None
    return rewriter.full(scalar, eqn.outvars[0].aval.shape)


# --- structure --------------------------------------------------------------------------------------


def _marker(rewriter, eqn):
    return eqn.invars[0]


def _move_repeated(rewriter, eqn):
    """Whatever moves equal elements about gives as many of them as its result has."""
    scalar = _scalar_behind(rewriter, eqn.invars[0])
    return None if scalar is None else rewriter.full(scalar, eqn.outvars[0].aval.shape)


def _same_shape(rewriter, eqn):
    (x,) = eqn.invars
    return x if x.aval.shape == eqn.outvars[0].aval.shape else None


_VIEWS = ("reshape", "squeeze", "expand_dims")


def _view_of_view(rewriter, eqn):
    first = rewriter.maker(eqn.invars[0], *_VIEWS)
    if first is None:
        return None
    (x,), shape = first.invars, eqn.outvars[0].aval.shape
    return x if x.aval.shape == shape else rewriter.emit("reshape", x, new_sizes=shape)


def _broadcast_nothing(rewriter, eqn):
    (x,), shape = eqn.invars, eqn.params["shape"]
    return x if x.aval.shape == shape else None


def _broadcast_twice(rewriter, eqn):
    dimensions = eqn.params["broadcast_dimensions"]
    first = rewriter.maker(eqn.invars[0], "broadcast_in_dim", "expand_dims")
    if first is None:
        return None
    if first.primitive.name == "expand_dims":
        kept = [d for d in range(len(dimensions)) if d not in first.params["dimensions"]]
    else:
        kept = first.params["broadcast_dimensions"]
    moved = tuple([dimensions[d] for d in kept])
    return rewriter.emit(
        "broadcast_in_dim", *first.invars, shape=eqn.params["shape"], broadcast_dimensions=moved
    )


def _transpose_nothing(rewriter, eqn):
    permutation = eqn.params["permutation"]
    return eqn.invars[0] if permutation == tuple(range(len(permutation))) else None


def _transpose_twice(rewriter, eqn):
    first = rewriter.maker(eqn.invars[0], "transpose")
    if first is None:
        return None
    permutation = tuple([first.params["permutation"][d] for d in eqn.params["permutation"]])
    return rewriter.emit("transpose", *first.invars, permutation=permutation)


def _rev_twice(rewriter, eqn):
    first = rewriter.maker(eqn.invars[0], "rev")
    if first is None:
        return None
    dimensions = tuple(sorted(set(first.params["dimensions"]) ^ set(eqn.params["dimensions"])))
    return rewriter.emit("rev", *first.invars, dimensions=dimensions) if dimensions else first.invars[0]


def _slice_all(rewriter, eqn):
    (x,), strides = eqn.invars, eqn.params["strides"] or ()
    whole = x.aval.shape == eqn.outvars[0].aval.shape and all(n == 1 for n in strides)
    return x if whole else None


def _slice_twice(rewriter, eqn):
    first = rewriter.maker(eqn.invars[0], "slice")
    # Bounds of an empty slice might lie outside of the first operand.
    if first is None or eqn.outvars[0].aval.size == 0:
        return None
    (starts, limits, steps), (inner_starts, _, inner_steps) = _bounds(eqn), _bounds(first)
    inner = list(zip(inner_starts, inner_steps, strict=True))
    return rewriter.emit(
        "slice",
        *first.invars,
        start_indices=tuple([start + step * i for i, (start, step) in zip(starts, inner, strict=True)]),
        limit_indices=tuple(
            [start + step * (i - 1) + 1 for i, (start, step) in zip(limits, inner, strict=True)]
        ),
        strides=tuple([outer * step for outer, (_, step) in zip(steps, inner, strict=True)]),
    )


def _bounds(eqn: Eqn) -> tuple[Sequence[int], ...]:
    starts = eqn.params["start_indices"]
    return starts, eqn.params["limit_indices"], eqn.params["strides"] or (1,) * len(starts)


def _pad_nothing(rewriter, eqn):
    return eqn.invars[0] if not any(map(any, eqn.params["padding_config"])) else None


def _concatenate_few(rewriter, eqn):
    dimension = eqn.params["dimension"]
    parts = [_parts(rewriter, x, dimension) for x in eqn.invars]
    if any(len(p) > 1 for p in parts):
        return rewriter.emit("concatenate", *itertools.chain(*parts), dimension=dimension)
    filled = [x.aval.shape[dimension] > 0 for x in eqn.invars]
    operands = select(eqn.invars, filled) or eqn.invars[:1]
    if len(operands) == 1:
        return operands[0]
    if len(operands) < len(eqn.invars):
        return rewriter.emit("concatenate", *operands, dimension=dimension)
    return None


def _parts(rewriter, atom, dimension) -> Sequence[Atom]:
    """Return what a value was put together of along a dimension."""
    inner = rewriter.maker(atom, "concatenate")
    return inner.invars if inner is not None and inner.params["dimension"] == dimension else (atom,)


# --- the table --------------------------------------------------------------------------------------

RULES = (
    # Scalars first: other rules look for literals.
    Rule(EXACT, "f(broadcast of a scalar, y) = f(scalar, y)", _scalar_operands),
    # arithmetic
    Rule("add_any", "cotangents of neighbouring parts: their concatenation, but for -0.0 + 0.0", _add_padded),
    Rule("add_any", "cotangent of a part: its margin is -0.0, and x + -0.0 = x", _add_margin),
    Rule("add_any", "adding cotangents is adding", _add_cotangents),
    Rule("add", "x + 0 = x; floats: x + -0.0 = x", _add_zero),
    Rule("add", "x + -y = x - y", _add_negated),
    Rule("sub", "x - 0 = x", _sub_zero),
    Rule("sub", "0 - x = -x; floats: -0.0 - x = -x", _sub_from_zero),
    Rule("sub", "x - -y = x + y", _sub_negated),
    Rule("neg", "--x = x", _neg_neg),
    Rule("neg", "integers: -(x - y) = y - x", _neg_sub),
    Rule("mul", "x·1 = x", _mul_one),
    Rule("mul", "x·-1 = -x", _mul_minus_one),
    Rule("mul", "integers and bools: x·0 = 0", _mul_zero),
    Rule("mul", "-x·-y = x·y; -x·2 = x·-2", _mul_negated),
    Rule("div", "x/1 = x", _div_one),
    Rule("div", "floats: x/4 = x·0.25, for powers of 2", _div_power_of_two),
    Rule("integer_pow", "x¹ = x, and x² is called square", _integer_pow),
    Rule("abs square", "|-x| = |x|; (-x)² = x²", _even_of_negated),
    Rule("max min and or", "f(x, x) = x", _idempotent),
    Rule("and or", "x & -1 = x, x & 0 = 0, x | 0 = x, x | -1 = -1; bools: -1 is True", _and_or_literal),
    Rule("xor", "x ^ 0 = x", _xor_zero),
    Rule("not", "~~x = x", _not_not),
    # selection
    Rule("select_n", "every case the same: that case", _select_equal_cases),
    Rule("select_n", "a literal selects: that case", _select_known_case),
    Rule("select_n", "select(not p, x, y) = select(p, y, x)", _select_inverted),
    # dtypes and complex parts
    Rule("convert_element_type", "to the dtype that it has: nothing", _convert_nothing),
    Rule("convert_element_type", "through a dtype that loses nothing: directly", _convert_twice),
    Rule("real imag", "real(complex(x, y)) = x, imag(complex(x, y)) = y", _part_of_complex),
    Rule("complex", "complex(real z, imag z) = z", _complex_of_parts),
    Rule("conj", "conj(conj z) = z", _conj_conj),
    # reductions
    Rule("reduce_max reduce_min reduce_and reduce_or", "of equal elements: one of them", _reduce_repeated),
    Rule(
        "reduce_sum reduce_prod reduce_max reduce_min reduce_and reduce_or reduce_xor",
        "of one element: that element (+ 0.0 in a sum of floats)",
        _reduce_nothing,
    ),
    # structure
    Rule("copy stop_gradient name", "nothing is left to mark", _marker),
    Rule("reshape squeeze expand_dims transpose rev slice", "of equal elements: a broadcast", _move_repeated),
    Rule("reshape squeeze expand_dims", "to the shape that it has: nothing", _same_shape),
    Rule("reshape squeeze expand_dims", "of another of these: one reshape", _view_of_view),
    Rule("broadcast_in_dim", "to the shape that it has: nothing", _broadcast_nothing),
    Rule("broadcast_in_dim", "of a broadcast or expand_dims: one broadcast", _broadcast_twice),
    Rule("transpose", "in the order that it has: nothing", _transpose_nothing),
    Rule("transpose", "of a transpose: one transpose", _transpose_twice),
    Rule("rev", "of a rev: only what one of them reverses", _rev_twice),
    Rule("slice", "of everything: nothing", _slice_all),
    Rule("slice", "of a slice: one slice", _slice_twice),
    Rule("pad", "by nothing: nothing", _pad_nothing),
    Rule(
        "concatenate",
        "parts of parts are parts; empty ones add nothing; one alone is the result",
        _concatenate_few,
    ),
)

_BY_NAME: dict[str, list[Callable[[Rewriter, Eqn], Atom | None]]] = {}
for _rule in RULES:
    for _name in _rule.primitives.split():
        _BY_NAME.setdefault(_name, []).append(_rule.apply)
