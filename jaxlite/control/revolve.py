"""``revolve``: a loop of known length whose reverse sweep holds a few carries at a time, by the binomial schedule.

    g:f64[] = revolve[ snapshots=20 length=1000000 jaxpr={ … } num_carry=1 num_consts=0 reverse=False unroll=1 ] a

``revolve`` is ``scan`` with other rules for reverse mode. Linearized, it keeps its operands and nothing of its steps.
Its transpose is a loop of its own, compiled like any other: for each step from the last, go to the last snapshot, run
forward from there and take further snapshots while there is room, transpose the step. With s snapshots and no step run
more than t times it gets through C(s + t, s) steps: 20 snapshots and t = 8 are enough for 3 million.

References
----------
.. [1] Griewank, Walther, "Algorithm 799: revolve", ACM TOMS 26, 2000.
"""

from __future__ import annotations

import bisect
import builtins
import dataclasses
import operator
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np

from jaxlite.control.bodies import is_nonzero, split_list
from jaxlite.control.jit import compile_when_eager, jit_p, merge
from jaxlite.control.loop_checkpoints import STORE_ALL, Every, LoopCheckpoints, LoopShape, bind_in_segments
from jaxlite.control.scan import batch_loop, jvp_of_loop, scan, scan_p, split_body, transposed_body
from jaxlite.control.while_loop import while_loop
from jaxlite.errors import ArgumentError
from jaxlite.interpreters.evaluate import eval_jaxpr
from jaxlite.interpreters.linearize import linearize_flat
from jaxlite.interpreters.stage import stage_rule
from jaxlite.interpreters.transpose import backward_pass
from jaxlite.ir import Jaxpr, Tape, cached_by_jaxpr
from jaxlite.lowering import Region
from jaxlite.ops.elementwise import add, convert_element_type, eq, floor_div, gt, lt, min, mul, select_n, sub
from jaxlite.ops.indexing import dynamic_index_in_dim, dynamic_update_index_in_dim
from jaxlite.ops.structural import broadcast_in_dim, instantiate
from jaxlite.passes.pipeline import optimize
from jaxlite.primitive import PURE, Linear, Primitive, Zero, is_linear
from jaxlite.trace import aval_of

# For so many snapshots one step more is transposed at a time, and what it needs is held.
_SHARE = 4

# The loops of the sweep hand the snapshots to each other, and each has them in a place of its own.
_COPIES = 4

_ZERO, _ONE = np.int64(0), np.int64(1)

# --- the primitive ------------------------------------------------------------------------------------


def _without_snapshots(params) -> dict:
    return {name: value for name, value in params.items() if name != "snapshots"}


def _revolve_abstract_eval(*avals, **params):
    return scan_p.abstract_eval(*avals, **_without_snapshots(params))


def _revolve_impl(*args, **params):
    return scan_p.impl(*args, **_without_snapshots(params))


def _revolve_jvp(primals, tangents, **params):
    return jvp_of_loop(revolve_p, primals, tangents, params)


def _revolve_batch(axis, args, dims, **params):
    return batch_loop(revolve_p, axis, args, dims, params)


@cached_by_jaxpr
def _known_part(jaxpr: Jaxpr, known: tuple[bool, ...], num_consts: int, num_carry: int):
    """Return the body of what is known, which results are, and which operands are; see `split_body`."""
    body, _, known_out, known, _, num_residuals = split_body(jaxpr, known, num_consts, num_carry)
    return body.replace(outvars=body.outvars[: len(body.outvars) - num_residuals]), known_out, known


def _revolve_partial_eval(trace, args, **params):
    num_consts, num_carry = params["num_consts"], params["num_carry"]
    body, known_out, known = _known_part(
        params["jaxpr"], tuple(map(trace.knows, args)), num_consts, num_carry
    )
    counts = {
        "num_consts": sum(known[:num_consts]),
        "num_carry": sum(known[num_consts : num_consts + num_carry]),
    }
    known_args = [a for a, k in zip(args, known, strict=True) if k]
    known_outs = revolve_p.bind(*known_args, **{**params, "jaxpr": body, **counts})
    if all(known_out):
        return known_outs
    # The linear part is the whole loop once more: its transpose runs the known part itself.
    recorded = trace.record(revolve_p, args, params)
    return merge(known_out, known_outs, [o for o, k in zip(recorded, known_out, strict=True) if not k])


def _revolve_transpose(cts, *args, **params):
    num_consts, num_carry = params["num_consts"], params["num_carry"]
    linear = tuple(map(is_linear, args))
    sweep, known, known_out = _reverse_sweep(
        params["jaxpr"],
        tuple(not lin for lin in linear),
        tuple(map(is_nonzero, cts)),
        (num_consts, num_carry, params["length"], params["reverse"], params["snapshots"]),
    )
    given = [ct for ct, k in zip(cts, known_out, strict=True) if not k]
    ct_carry, ct_ys = split_list(given, known_out[:num_carry].count(False))
    outs = jit_p.bind(
        *(a for a, k in zip(args, known, strict=True) if k),
        *map(instantiate, ct_carry),
        *(ct for ct in ct_ys if is_nonzero(ct)),
        jaxpr=sweep,
        name="revolve",
    )
    cts_in = iter(outs)
    # A carry that starts known and becomes unknown has a cotangent that nobody wants.
    by_operand = [None if k else next(cts_in) for k in known]
    return tuple(ct if lin else None for ct, lin in zip(by_operand, linear, strict=True))


# --- the reverse sweep --------------------------------------------------------------------------------


@cached_by_jaxpr
def _reverse_sweep(jaxpr: Jaxpr, known, cts_nonzero, counts):
    """Return the program ``(known operands, ct_carry, ct_ys where nonzero) -> cotangents of unknown operands``.

    With it, which operands and which results are known.
    """
    num_consts, num_carry, length, reverse, snapshots = counts
    known_body, unknown_body, known_out, known, constant, num_residuals = split_body(
        jaxpr, known, num_consts, num_carry
    )
    known_counts = sum(known[:num_consts]), sum(known[num_consts : num_consts + num_carry])
    num_unknown_carry = num_carry - known_counts[1]
    num_unknown_consts = num_consts - known_counts[0]
    num_inputs = len(unknown_body.invars)
    linear = [len(constant) <= i < num_inputs - num_residuals for i in range(num_inputs)]
    ys_nonzero = tuple(
        [nz for nz, k in zip(cts_nonzero, known_out, strict=True) if not k][num_unknown_carry:]
    )
    back = transposed_body(
        unknown_body, tuple(linear), ys_nonzero, len(constant) + num_unknown_consts, num_unknown_carry
    )
    residuals_start = len(known_body.outvars) - num_residuals
    advance = known_body.replace(outvars=known_body.outvars[: known_counts[1]])

    def row(i):
        return sub(np.int64(length - 1), i) if reverse else i

    def sweep(*args):
        consts, init, xs, ct_carry, ct_ys = split_list(
            args, *known_counts, sum(known) - sum(known_counts), num_unknown_carry
        )

        def run(carry, start, stop):
            def step(state):
                i, carry = state
                return add(i, _ONE), eval_jaxpr(advance, (), *consts, *carry, *_rows(xs, row(i)))

            return while_loop(lambda state: lt(state[0], stop), step, (start, list(carry)))[1]

        def transpose_step(carry, rows, cts):
            xs_row, ct_ys_row = rows
            outs = eval_jaxpr(known_body, (), *consts, *carry, *xs_row)
            outs = eval_jaxpr(
                back, (), *(consts[k] for k in constant), *cts, *ct_ys_row, *outs[residuals_start:]
            )
            return split_list(outs, num_unknown_consts + num_unknown_carry)

        cts = [*(instantiate(Zero(a)) for a in back.out_avals[:num_unknown_consts]), *ct_carry]
        step, start = _schedule(init, cts, run, transpose_step, length, snapshots)
        (*_, cts), ct_xs = scan(step, start, (list(xs), list(ct_ys)), length, reverse=not reverse)
        return [*cts, *ct_xs]

    def pick(avals, mask, wanted):
        return [a for a, m in zip(avals, mask, strict=True) if m == wanted]

    in_avals = pick(jaxpr.in_avals, known, True)
    whole = sum(known_counts)
    out_avals = pick(jaxpr.out_avals, known_out, False)
    ct_avals = [a.to_tangent() for a in out_avals[:num_unknown_carry]]
    ct_avals += [
        a.to_tangent().stacked(length)
        for a, nz in zip(out_avals[num_unknown_carry:], ys_nonzero, strict=True)
        if nz
    ]
    avals = [*in_avals[:whole], *(a.stacked(length) for a in in_avals[whole:]), *ct_avals]
    return stage_rule(sweep, avals, "reverse sweep"), known, known_out


def _rows(arrays: Sequence, i) -> list:
    return [dynamic_index_in_dim(x, i, 0, False, allow_negative_indices=False) for x in arrays]


def _with_rows(arrays: Sequence, values: Sequence, i) -> list:
    return [
        dynamic_update_index_in_dim(x, v, i, 0, allow_negative_indices=False)
        for x, v in zip(arrays, values, strict=True)
    ]


def _schedule(init, cts, run, transpose_step, length: int, snapshots: int):
    """Return step and first carry of the loop that transposes the steps ``length - 1, …, 0``.

    Parameters
    ----------
    init : list
        The carry before step 0, the first of ``snapshots`` that are held at a time.
    cts : list
        What ``transpose_step`` hands from step to step.
    run : callable
        ``(carry, i, j) -> carry`` before step j.
    transpose_step : callable
        ``(carry, rows, cts) -> cts, rows``.
    """
    # One place more than there are snapshots: where no room is left, the carry is written there, and not read.
    slots = [
        broadcast_in_dim(x, (snapshots + 1, *aval_of(x).shape), tuple(range(1, aval_of(x).ndim + 1)))
        for x in init
    ]
    room = np.int64(snapshots)

    def approach(end):
        """Run forward to the last step, and take snapshots on the way."""

        def step(state):
            i, carry, held, places, slots = state
            left, free = sub(end, i), sub(room, held)
            has_room = gt(free, _ZERO)
            steps = _steps_to_next(select_n(has_room, _ONE, left), add(free, _ONE))
            stop = add(i, select_n(has_room, sub(left, _ONE), steps))
            carry = run(carry, i, stop)
            slot = min(held, room)
            (places,) = _with_rows([places], [stop], slot)
            return stop, carry, min(add(held, _ONE), room), places, _with_rows(slots, carry, slot)

        return lambda state: gt(sub(end, state[0]), _ONE), step

    def step(state, rows):
        end, held, places, slots, cts = state
        last = sub(held, _ONE)
        (place,) = _rows([places], last)
        start = (place, _rows(slots, last), held, places, slots)
        i, carry, held, places, slots = while_loop(*approach(end), start)
        cts, ct_rows = transpose_step(carry, rows, cts)
        (place,) = _rows([places], sub(held, _ONE))
        held = sub(held, convert_element_type(eq(place, i), np.int64))
        return (i, held, places, slots, cts), ct_rows

    return step, (np.int64(length), _ONE, broadcast_in_dim(_ZERO, (snapshots + 1,), ()), slots, cts)


def _steps_to_next(left, snapshots):
    """Return how far to run before the next snapshot, with ``left`` steps to go; 1 where none is.

    With β(s, t) = C(s + t, s) and the smallest t for which β(s, t) >= n, every split n = m + (n - m) with
    β(s, t-2) <= m <= β(s, t-1) and β(s-1, t-1) <= n - m <= β(s-1, t) runs the fewest steps in all [1]_. This is the
    largest such m.
    """

    def next_bound(state):
        t, _, previous, bound = state
        t = add(t, _ONE)
        return t, previous, bound, floor_div(mul(bound, add(snapshots, t)), t)

    _, older, previous, _ = while_loop(
        lambda state: lt(state[3], left), next_bound, (_ZERO, _ZERO, _ZERO, _ONE)
    )
    # β(s-1, t-1) = β(s, t-1) - β(s, t-2)
    return min(previous, sub(left, sub(previous, older)))


revolve_p = Primitive(
    name="revolve",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_revolve_abstract_eval,
    impl=_revolve_impl,
    jvp=_revolve_jvp,
    partial_eval=_revolve_partial_eval,
    transpose=_revolve_transpose,
    batch=_revolve_batch,
    lower=Region("call"),
    doc="(c_{i+1}, y_i) = jaxpr(consts, c_i, x_i), the carries recomputed from few for the backward pass",
)
compile_when_eager(revolve_p)


# --- what users ask for -------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Binomial(LoopCheckpoints):
    """Checkpoints of a loop of known length by the binomial schedule, with the fewest steps run again.

    Parameters
    ----------
    snapshots : int
        How many carries the reverse sweep holds at a time, the first one included; of s/4 steps, what they need.

    Raises
    ------
    ArgumentError
        If that is less than 1. By `while_loop`, whose length is not known.

    Notes
    -----
    With s snapshots, a loop of C(s + t, s) segments runs no step more than t + 1 times again. Segments have s/4 steps,
    at least one. Compiled, the sweep has each snapshot in up to four places. The derivative of a gradient records
    each step of the reverse sweep, and takes memory as without.

    References
    ----------
    .. [1] Griewank, Walther, "Algorithm 799: revolve", ACM TOMS 26, 2000.

    Examples
    --------
    >>> import jaxlite
    >>> few = jaxlite.checkpoint_loops.Binomial(snapshots=5)
    >>> def power(x):
    ...     return jaxlite.lax.scan(lambda c, _: (c * x, None), x, length=99, checkpoint=few)[0]
    >>> jaxlite.grad(power)(1.0)
    Array(100., dtype=float64)
    """

    snapshots: int

    def __post_init__(self):
        _check_count("Binomial", "snapshots", self.snapshots)

    def bind_scan(self, scan_p, operands, params):
        length, snapshots = params["length"], operator.index(self.snapshots)
        if snapshots >= length:
            # Room for all of them.
            return Every(1).bind_scan(scan_p, operands, params)

        def bind(*operands, **params):
            return revolve_p.bind(*operands, **params, snapshots=snapshots)

        # The sweep moves all snapshots at each of its steps. Its steps are segments, so that it comes to a few carries
        # for each step of the loop.
        return bind_in_segments(scan_p, operands, params, builtins.max(snapshots // _SHARE, 1), bind)


@dataclasses.dataclass(frozen=True)
class Budget(LoopCheckpoints):
    """The fastest checkpoints of a loop of known length whose reverse sweep fits into so many bytes.

    Parameters
    ----------
    bytes : int
        For carries and for what the steps leave to the reverse sweep; of one element, where the loop is under `vmap`.

    Raises
    ------
    ArgumentError
        If one snapshot and one step need more, or steps leave what has no known size: the tape of a `while_loop`. By
        `while_loop`, whose length is not known.

    Notes
    -----
    With a carry of c bytes, and r bytes that each of n steps leaves to the reverse sweep as it is compiled, the first
    of these that fits is taken:

    - all, n r bytes;
    - the carry of every k-th of them, (n/k) c + k r bytes, for the k that makes this least;
    - binomial, with as many snapshots as fit: 4 s c + r s/4 bytes.

    Examples
    --------
    >>> import jaxlite
    >>> little = jaxlite.checkpoint_loops.Budget(bytes=10_000)
    >>> def decay(x):
    ...     return jaxlite.lax.fori_loop(0, 10_000, lambda i, x: x * (1.0 - 1e-4), x, checkpoint=little)
    >>> print(f"{jaxlite.grad(decay)(1.0):.6f}")
    0.367861
    """

    bytes: int

    def __post_init__(self):
        _check_count("Budget", "bytes", self.bytes)

    def bind_scan(self, scan_p, operands, params):
        return self._choose(scan_p, operands, params).bind_scan(scan_p, operands, params)

    def _choose(self, scan_p, operands, params) -> LoopCheckpoints:
        length = params["length"]
        avals = tuple(map(aval_of, operands))
        left = _bytes_left_by_steps(params["jaxpr"], scan_p, avals, length, LoopShape.of(params))
        carry = params["jaxpr"].out_avals[: params["num_carry"]]
        kept = sum(a.size * a.dtype.itemsize for a in carry)
        if left <= self.bytes:
            return STORE_ALL
        step = -(-left // length)
        every = builtins.max(round((length * kept / step) ** 0.5), 1)
        if -(-length // every) * kept + every * step <= self.bytes:
            return Every(every)
        snapshots = self._most_snapshots(kept, step, length)
        if snapshots < 1:
            raise ArgumentError(
                f"checkpoint=Budget(bytes={self.bytes}) is too little for this loop.",
                why=f"a carry has {kept} bytes, and a step leaves {step} to the reverse sweep.",
                fix=f"Budget(bytes={_COPIES * kept + step}) would fit; its time grows with the square of the length.",
            )
        return Binomial(snapshots)

    def _most_snapshots(self, kept: int, step: int, length: int) -> int:
        """Return how many carries fit, with what is left by the steps that are transposed at a time."""

        def needed(snapshots: int) -> int:
            return _COPIES * snapshots * kept + builtins.max(snapshots // _SHARE, 1) * step

        return bisect.bisect_right(range(1, length + 1), self.bytes, key=needed)


@cached_by_jaxpr
def _bytes_left_by_steps(jaxpr: Jaxpr, scan_p: Primitive, avals, length: int, shape: LoopShape) -> int:
    """Return how many bytes a loop stacks for its reverse sweep, after the passes."""
    params = shape.params(jaxpr, length)
    out_avals = scan_p.abstract_eval(**params)
    inexact = [a.to_tangent() for a in out_avals if a.dtype.kind in "fc"]

    def gradient(*args):
        primals, given = split_list(args, len(avals))
        outs, linear, residuals, nonzero = linearize_flat(lambda *xs: scan_p.bind(*xs, **params), primals)
        cts = iter(given)
        all_cts = [next(cts) if a.dtype.kind in "fc" else None for a in out_avals]
        wanted = [ct for ct, nz in zip(all_cts, nonzero, strict=True) if nz]
        cts_in = backward_pass(linear, residuals, [Linear(a) for a in linear.in_avals], wanted)
        return [*outs, *map(instantiate, cts_in)]

    program = optimize(stage_rule(gradient, [*avals, *inexact], "gradient"))
    results, total = set(program.outvars), 0
    for eqn in program.eqns:
        if eqn.primitive is scan_p and eqn.params["length"] == length:
            for v in eqn.outvars[eqn.params["num_carry"] :]:
                if isinstance(v.aval, Tape):
                    raise ArgumentError(
                        "checkpoint=Budget(…) cannot tell how much this loop needs.",
                        why="its body holds a loop of unknown length, whose tape grows with the steps.",
                        fix='checkpoint=k or "sqrt", or checkpoint_loops.Binomial(snapshots=s).',
                    )
                total += 0 if v in results else v.aval.size * v.aval.dtype.itemsize
    return total


def _check_count(name: str, what: str, value) -> None:
    try:
        count = operator.index(value)
    except TypeError:
        count = 0
    if count < 1:
        raise ArgumentError(f"{name} needs {what} of at least 1, an integer, got {value!r:.40}.")


checkpoint_loops = SimpleNamespace(Binomial=Binomial, Budget=Budget)
