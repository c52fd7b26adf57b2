"""Checkpoints of loops: which carries reverse mode keeps, so that it can run the steps between them once more.

    d:f64[] = scan[ length=1000 jaxpr={ lambda ; a:f64[]. let
                      b:f64[] = checkpoint[ jaxpr={ … scan[ length=1000 … ] … } ] a
                    in (b,) } … ] c

A loop in segments is a loop of loops, the inner ones under ``checkpoint``: linearizing it keeps the carry before each
segment, and the residuals of one segment at a time. All that is made of primitives that are there anyway, so that every
transformation applies, to any order. `Every` is that form; ``revolve`` holds others. Nothing here imports a loop: the
loops come here with their primitive.

References
----------
.. [1] Griewank, Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapter 12.
"""

from __future__ import annotations

import math
import operator
from typing import NamedTuple

import numpy as np

from jaxlite.control.bodies import split_list
from jaxlite.control.checkpoint import checkpoint_p
from jaxlite.errors import ArgumentError
from jaxlite.interpreters.evaluate import eval_jaxpr
from jaxlite.interpreters.stage import stage_rule
from jaxlite.ir import Jaxpr, ShapedArray, cached_by_jaxpr
from jaxlite.ops.elementwise import add, bitwise_and, lt
from jaxlite.ops.structural import concatenate, reshape, slice_in_dim
from jaxlite.primitive import Primitive
from jaxlite.trace import aval_of

_COUNT = ShapedArray((), np.dtype(np.int64))


class LoopCheckpoints:
    """How a loop of known or unknown length is to be run, so that its reverse sweep keeps less."""

    __slots__ = ()

    def bind_scan(self, scan_p: Primitive, operands, params) -> list:
        """Bind ``scan`` in the form that keeps what this says."""
        raise NotImplementedError

    def bind_while(self, while_p: Primitive, operands, params) -> list:
        """Bind ``while``; an error where that takes to know how many steps there will be."""
        raise ArgumentError(
            f"checkpoint={self!r} needs a loop of known length.",
            why="a while_loop, or a fori_loop with traced bounds, tells its length when it is over.",
            fix='checkpoint=k keeps the carry of every k-th step; checkpoint="sqrt" those of about √(2n).',
        )


class _StoreAll(LoopCheckpoints):
    __slots__ = ()

    def bind_scan(self, scan_p, operands, params):
        return scan_p.bind(*operands, **params)

    def bind_while(self, while_p, operands, params):
        return while_p.bind(*operands, **params)


STORE_ALL = _StoreAll()


class Every(LoopCheckpoints):
    """Keep the carry of every ``steps``-th step; of about √n steps where that is None."""

    __slots__ = ("steps",)

    def __init__(self, steps: int | None):
        self.steps = steps

    def bind_scan(self, scan_p, operands, params):
        length = params["length"]
        steps = segment_length(length) if self.steps is None else self.steps
        if steps >= length:
            return scan_p.bind(*operands, **params)
        shape = LoopShape.of(params)
        body = _segment_body(params["jaxpr"], scan_p, shape, steps)
        return _scan_in_segments(scan_p, operands, params, steps, body, scan_p.bind)

    def bind_while(self, while_p, operands, params):
        return _while_in_segments(while_p, operands, params, self.steps)


def as_loop_checkpoints(loop: str, value) -> LoopCheckpoints:
    """Read the argument ``checkpoint`` of a loop."""
    if isinstance(value, LoopCheckpoints):
        return value
    if value is None or value is False:
        return STORE_ALL
    if value is True or (isinstance(value, str) and value == "sqrt"):
        return Every(None)
    try:
        steps = operator.index(value)
    except TypeError:
        raise ArgumentError(
            f"{loop} got checkpoint={value!r:.40}.",
            why="it says which carries reverse mode keeps.",
            fix='None keeps all, k every k-th, True or "sqrt" about √n; '
            "checkpoint_loops.Binomial(snapshots=s) and checkpoint_loops.Budget(bytes=b) limit the memory.",
        ) from None
    if steps < 1:
        raise ArgumentError(f"{loop} needs checkpoint=k of at least 1 step, got {steps}.")
    return Every(steps)


def segment_length(length: int) -> int:
    """Return about √length: a divisor, where one is within a factor of two, so that no shorter segment is left."""
    root = math.isqrt(length)
    if root == 0:
        return 1
    near = [k for k in range(max(root // 2, min(root, 2)), 2 * root + 1) if length % k == 0]
    return min(near, key=lambda k: k + length // k, default=max(root, 1))


# --- scan ---------------------------------------------------------------------------------------------


class LoopShape(NamedTuple):
    """The params of a scan that do not change with its length."""

    num_carry: int
    num_consts: int
    reverse: bool
    unroll: int

    @classmethod
    def of(cls, params) -> LoopShape:
        return cls(*(params[name] for name in cls._fields))

    def params(self, jaxpr: Jaxpr, length: int) -> dict:
        return {"jaxpr": jaxpr, "length": length, **self._asdict()}


@cached_by_jaxpr
def _segment(jaxpr: Jaxpr, scan_p: Primitive, shape: LoopShape, steps: int) -> Jaxpr:
    """Return ``(consts, carry, xs of the segment) -> (carry, ys of the segment)``."""
    if steps == 1:
        return _single_step(jaxpr, shape)
    whole = shape.num_consts + shape.num_carry
    avals = [*jaxpr.in_avals[:whole], *(a.stacked(steps) for a in jaxpr.in_avals[whole:])]
    return stage_rule(lambda *args: scan_p.bind(*args, **shape.params(jaxpr, steps)), avals, "segment")


def _single_step(jaxpr: Jaxpr, shape: LoopShape) -> Jaxpr:
    whole = shape.num_consts + shape.num_carry
    avals = [*jaxpr.in_avals[:whole], *(a.stacked(1) for a in jaxpr.in_avals[whole:])]

    def step(*args):
        head, xs = split_list(args, whole)
        xs = [reshape(x, a.shape) for x, a in zip(xs, jaxpr.in_avals[whole:], strict=True)]
        carry, ys = split_list(eval_jaxpr(jaxpr, (), *head, *xs), shape.num_carry)
        return [*carry, *(reshape(y, (1, *aval_of(y).shape)) for y in ys)]

    return stage_rule(step, avals, "segment")


@cached_by_jaxpr
def _segment_body(jaxpr: Jaxpr, scan_p: Primitive, shape: LoopShape, steps: int) -> Jaxpr:
    """Return the body of the outer loop."""
    segment = _segment(jaxpr, scan_p, shape, steps)
    # No barrier: what is run again stands in the loop of the reverse sweep, where the first run is not seen.
    return stage_rule(lambda *args: _checkpointed(segment, args, False), segment.in_avals, "segments")


def _checkpointed(jaxpr: Jaxpr, args, prevent_cse: bool):
    return checkpoint_p.bind(*args, jaxpr=jaxpr, policy=None, prevent_cse=prevent_cse, differentiated=False)


def bind_in_segments(scan_p: Primitive, operands, params, steps: int, bind) -> list:
    """Run a scan as a loop over segments of so many steps, ``bind(*operands, **params)``."""
    if steps == 1:
        return bind(*operands, **params)
    body = _segment(params["jaxpr"], scan_p, LoopShape.of(params), steps)
    return _scan_in_segments(scan_p, operands, params, steps, body, bind)


def _scan_in_segments(scan_p: Primitive, operands, params, steps: int, body: Jaxpr, bind) -> list:
    jaxpr, length, shape = params["jaxpr"], params["length"], LoopShape.of(params)
    consts, carry, xs = split_list(operands, shape.num_consts, shape.num_carry)
    count, rest = divmod(length, steps)
    # What is left over comes last: at the end of the axis, or in front when the loop runs from the end.
    start = rest if shape.reverse else 0
    stop = start + count * steps
    blocks = [reshape(_cut(x, start, stop), (count, steps, *aval_of(x).shape[1:])) for x in xs]
    outs = bind(*consts, *carry, *blocks, **{**shape.params(body, count), "unroll": 1})
    carry, ys = split_list(outs, shape.num_carry)
    ys = [reshape(y, (count * steps, *aval_of(y).shape[2:])) for y in ys]
    if not rest:
        return [*carry, *ys]
    ends = (0, rest) if shape.reverse else (stop, length)
    tail = _segment(jaxpr, scan_p, shape, rest)
    outs = _checkpointed(tail, [*consts, *carry, *(_cut(x, *ends) for x in xs)], True)
    carry, last = split_list(outs, shape.num_carry)
    pairs = zip(last, ys, strict=True) if shape.reverse else zip(ys, last, strict=True)
    return [*carry, *(concatenate(pair, dimension=0) for pair in pairs)]


def _cut(x, start: int, stop: int):
    return x if stop - start == aval_of(x).shape[0] else slice_in_dim(x, start, stop)


# --- while --------------------------------------------------------------------------------------------


@cached_by_jaxpr
def _while_segment(body: Jaxpr, while_p: Primitive, cond: Jaxpr, cond_nconsts: int, body_nconsts: int):
    """Return ``(limit, cond consts, body consts, carry) -> carry`` of at most ``limit`` steps."""
    cond_avals, body_avals = cond.in_avals[:cond_nconsts], body.in_avals[:body_nconsts]
    carry_avals = body.in_avals[body_nconsts:]

    def inner_cond(*args):
        limit, *cond_consts, count = args[: cond_nconsts + 2]
        (goes_on,) = eval_jaxpr(cond, (), *cond_consts, *args[cond_nconsts + 2 :])
        return [bitwise_and(lt(count, limit), goes_on)]

    def inner_body(*args):
        body_consts, (count,), carry = split_list(args, body_nconsts, 1)
        return [add(count, np.int64(1)), *eval_jaxpr(body, (), *body_consts, *carry)]

    programs = {
        "cond_jaxpr": stage_rule(inner_cond, [_COUNT, *cond_avals, _COUNT, *carry_avals], "condition"),
        "body_jaxpr": stage_rule(inner_body, [*body_avals, _COUNT, *carry_avals], "step"),
    }

    def segment(limit, *args):
        consts, carry = split_list(args, cond_nconsts + body_nconsts)
        outs = while_p.bind(
            limit, *consts, np.int64(0), *carry,
            cond_nconsts=cond_nconsts + 1, body_nconsts=body_nconsts, tapes_out=(), **programs,
        )  # fmt: skip
        return outs[1:]

    return stage_rule(segment, [_COUNT, *cond_avals, *body_avals, *carry_avals], "segment")


@cached_by_jaxpr
def _while_outer(
    segment: Jaxpr, cond: Jaxpr, cond_nconsts: int, body_nconsts: int, grows: bool
) -> tuple[Jaxpr, Jaxpr]:
    """Return condition and body of the loop over segments, whose carry begins with the length of the next one."""
    avals = segment.in_avals
    carry_avals = avals[1 + cond_nconsts + body_nconsts :]

    def outer_cond(*args):
        return eval_jaxpr(cond, (), *args[:cond_nconsts], *args[cond_nconsts + 1 :])

    def outer_body(*args):
        consts, (limit,), carry = split_list(args, cond_nconsts + body_nconsts, 1)
        carry = _checkpointed(segment, [limit, *consts, *carry], False)
        return [add(limit, np.int64(1)) if grows else limit, *carry]

    return (
        stage_rule(outer_cond, [*avals[1 : 1 + cond_nconsts], _COUNT, *carry_avals], "condition"),
        stage_rule(
            outer_body, [*avals[1 : 1 + cond_nconsts + body_nconsts], _COUNT, *carry_avals], "segments"
        ),
    )


def _while_in_segments(while_p: Primitive, operands, params, steps: int | None) -> list:
    """Run segments of ``steps`` steps; where that is None, of 1, 2, 3 … steps, which are √(2n) segments."""
    cond, body = params["cond_jaxpr"], params["body_jaxpr"]
    counts = params["cond_nconsts"], params["body_nconsts"]
    segment = _while_segment(body, while_p, cond, *counts)
    outer_cond, outer_body = _while_outer(segment, cond, *counts, steps is None)
    cond_consts, body_consts, carry = split_list(operands, *counts)
    outs = while_p.bind(
        *cond_consts, *cond_consts, *body_consts, np.int64(steps or 1), *carry,
        cond_jaxpr=outer_cond, body_jaxpr=outer_body,
        cond_nconsts=counts[0], body_nconsts=sum(counts), tapes_out=(),
    )  # fmt: skip
    return outs[1:]
