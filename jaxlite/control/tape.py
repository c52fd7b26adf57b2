"""Tapes: what a loop of unknown length leaves behind, so that it can be replayed backwards.

    x_n, tape = while_record(cond, body)(x_0)          one row of residuals a step
    ẋ_n       = tape_scan(linear body)(ẋ_0, tape)      as many steps as the tape has rows
    x̄_0       = tape_scan(transposed body, reverse)(x̄_n, tape)

``tape_scan`` is a scan whose length is the tape's, over any number of tapes side by side; what it collects is a
tape again. Its rules are those of ``scan``. ``while_record`` lives with ``while_loop``. A tape of no rows, where others
have some, is zero.

Under ``vmap``, the elements of a group have one tape, whose last column says at which steps each was active; groups, or
elements that run alone, stack their tapes (`Groups`).
"""

from __future__ import annotations

import functools

import numpy as np

from jaxlite.control.bodies import is_nonzero, permute_inputs, permute_outputs, split_list
from jaxlite.control.jit import compile_when_eager, merge
from jaxlite.control.lanes import batch_in_form, in_form, in_front, in_groups
from jaxlite.interpreters.evaluate import eval_jaxpr, run_jaxpr
from jaxlite.interpreters.jvp import jvp_jaxpr
from jaxlite.interpreters.linearize import partial_eval_jaxpr
from jaxlite.interpreters.stage import stage_rule
from jaxlite.interpreters.transpose import add_cotangents, backward_pass
from jaxlite.ir import Groups, Jaxpr, ShapedArray, Tape, cached_by_jaxpr
from jaxlite.lowering import Region
from jaxlite.ops.elementwise import bitwise_and, select_n
from jaxlite.ops.indexing import without_index_errors
from jaxlite.ops.structural import instantiate
from jaxlite.primitive import (
    NOT_LINEAR,
    PURE,
    RECORD,
    Linear,
    Primitive,
    Zero,
    is_linear,
    zero_tangent,
)
from jaxlite.trace import aval_of

# --- values -----------------------------------------------------------------------------------------


class TapeValue:
    """A tape: one list of values per element, all as long as the loop ran."""

    __slots__ = ("aval", "columns", "length")

    def __init__(self, aval: Tape):
        self.aval = aval
        self.columns: list[list] = [[] for _ in aval.elements]
        self.length = 0

    def append(self, row) -> None:
        for column, value in zip(self.columns, row, strict=True):
            column.append(value)
        self.length += 1

    def reverse(self) -> None:
        for column in self.columns:
            column.reverse()

    def row(self, i: int) -> list:
        return [column[i] for column in self.columns]

    @property
    def nbytes(self) -> int:
        """Size of everything recorded, in bytes."""
        return sum(value.nbytes for column in self.columns for value in column)


class TapeStack:
    """The tapes that the steps of a scan made: indexed by step."""

    __slots__ = ("aval", "tapes")

    def __init__(self, aval: Tape):
        self.aval = aval
        self.tapes: list = [None] * aval.stack[0]

    def __getitem__(self, i: int):
        return self.tapes[i]

    def __setitem__(self, i: int, tape) -> None:
        self.tapes[i] = tape

    @property
    def nbytes(self) -> int:
        return sum(tape.nbytes for tape in self.tapes)


def map_rows(function, aval: Tape, *tapes):
    """Make a tape of ``aval`` by ``function(*rows) -> row``, through every level of stacking."""
    if aval.stack:
        result = TapeStack(aval)
        for i in range(aval.stack[0]):
            result[i] = map_rows(function, aval.unstacked(), *[tape[i] for tape in tapes])
        return result
    result = TapeValue(aval)
    for i in range(tapes[0].length):
        result.append(function(*[tape.row(i) for tape in tapes]))
    return result


def is_tape(value) -> bool:
    return isinstance(value, TapeValue | TapeStack)


# --- small primitives on tapes ----------------------------------------------------------------------


def _tape_add_abstract_eval(x, y):
    return (x,)


def _tape_add_impl(x, y):
    if x.aval.stack:
        total = TapeStack(x.aval)
        for i in range(x.aval.stack[0]):
            (total[i],) = _tape_add_impl(x[i], y[i])
        return (total,)
    # A tape of no rows is zero.
    if not x.length or not y.length:
        return (x if x.length else y,)
    return (map_rows(_add_rows, x.aval, x, y),)


def _add_rows(x, y):
    return [_tape_add_impl(u, v)[0] if is_tape(u) else np.add(u, v) for u, v in zip(x, y, strict=True)]


def _tape_add_jvp(primals, tangents):
    return (tape_add(*primals),), (add_tapes(*tangents),)


def add_tapes(x, y):
    """Add tangents or cotangents that are tapes or `Zero`."""
    if type(x) is Zero:
        return y
    return x if type(y) is Zero else tape_add(x, y)


def _tape_add_transpose(cts, x, y):
    return tuple(cts[0] if is_linear(a) else None for a in (x, y))


def _tape_add_batch(axis, args, dims):
    form = next(d for d in dims if d is not None)
    x, y = (in_form(x, d, form, axis.size) for x, d in zip(args, dims, strict=True))
    return (tape_add(x, y),), (form,)


tape_add_p = Primitive(
    name="tape_add",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_tape_add_abstract_eval,
    impl=_tape_add_impl,
    jvp=_tape_add_jvp,
    partial_eval=RECORD,
    transpose=_tape_add_transpose,
    batch=_tape_add_batch,
    lower=Region("tape"),
    doc="z = x + y, row by row",
)


def tape_add(x, y):
    """Add two tapes row by row."""
    return tape_add_p.bind(x, y)


def _empty_tape_abstract_eval(*, aval):
    return (aval,)


def _empty_tape_batch(axis, args, dims, *, aval):
    return (empty_tape(aval),), (None,)


def _empty_tape_impl(*, aval):
    return (_empty(aval),)


def _empty(aval: Tape):
    if not aval.stack:
        return TapeValue(aval)
    result = TapeStack(aval)
    for i in range(aval.stack[0]):
        result[i] = _empty(aval.unstacked())
    return result


empty_tape_p = Primitive(
    name="empty_tape",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_empty_tape_abstract_eval,
    impl=_empty_tape_impl,
    jvp=zero_tangent,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_empty_tape_batch,
    lower=Region("tape"),
    doc="a tape of no rows, where a branch was not taken",
)


def empty_tape(aval):
    """Return a tape of no rows."""
    return empty_tape_p.bind(aval=aval)


def _tape_zeros_like_abstract_eval(tape, *, num_masks):
    split = len(tape.elements) - num_masks
    return (Tape(Tape(tape.elements[:split]).to_tangent().elements + tape.elements[split:], tape.stack),)


def _tape_zeros_like_impl(tape, *, num_masks):
    (aval,) = _tape_zeros_like_abstract_eval(tape.aval, num_masks=num_masks)

    def zero_row(row):
        split = len(row) - num_masks
        return [*(_zero_element(v) for v in row[:split] if _has_tangent(v)), *row[split:]]

    return (map_rows(zero_row, aval, tape),)


def _has_tangent(value) -> bool:
    return is_tape(value) or np.asarray(value).dtype.kind in "fc"


def _zero_element(value):
    return _tape_zeros_like_impl(value, num_masks=0)[0] if is_tape(value) else np.zeros_like(value)


def _tape_zeros_like_batch(axis, args, dims, *, num_masks):
    return (tape_zeros_like(args[0], num_masks + _side_by_side(dims[0])),), dims


def _side_by_side(dim) -> int:
    """Return how many leading axes, and masks, the elements of a mapped tape have for it."""
    return 0 if isinstance(dim, Groups) and dim.together == 1 else 1


tape_zeros_like_p = Primitive(
    name="tape_zeros_like",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_tape_zeros_like_abstract_eval,
    impl=_tape_zeros_like_impl,
    jvp=zero_tangent,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_tape_zeros_like_batch,
    lower=Region("tape"),
    doc="the zero tangent of a tape; the masks of batched tapes stay",
)


def tape_zeros_like(tape, num_masks: int = 0):
    """Return the zero tangent of a tape, as long as the tape, with its last ``num_masks`` columns as they are."""
    return tape_zeros_like_p.bind(tape, num_masks=num_masks)


# ``tape_broadcast`` and its transpose, ``tape_sum``, work on tapes that outer vmaps have batched already: ``lead``
# counts the leading axes those added to every element, ``num_masks`` the columns they added behind the elements.


def _tape_broadcast_abstract_eval(tape, *, size, lead, num_masks, mask):
    split = len(tape.elements) - num_masks
    elements = tuple(e.mapped(size, lead) for e in tape.elements[:split])
    own = (_mask_aval(tape.elements[split:], size),) if mask else ()
    return (Tape((*elements, *own, *tape.elements[split:]), tape.stack),)


def _mask_aval(outer_masks, size: int) -> ShapedArray:
    outer = outer_masks[0].shape if outer_masks else ()
    return ShapedArray((*outer, size), np.dtype(np.bool_))


def _tape_broadcast_impl(tape, *, size, lead, num_masks, mask):
    (aval,) = _tape_broadcast_abstract_eval(tape.aval, size=size, lead=lead, num_masks=num_masks, mask=mask)
    split = len(tape.aval.elements) - num_masks
    own = [np.ones(_mask_aval(tape.aval.elements[split:], size).shape, np.bool_)] if mask else []

    def broadcast_row(row):
        return [*(_broadcast_element(v, size, lead) for v in row[:split]), *own, *row[split:]]

    return (map_rows(broadcast_row, aval, tape),)


def _broadcast_element(value, size: int, lead: int):
    if is_tape(value):
        return _tape_broadcast_impl(value, size=size, lead=lead, num_masks=lead, mask=True)[0]
    shape = np.shape(value)
    return np.broadcast_to(np.expand_dims(value, lead), (*shape[:lead], size, *shape[lead:]))


def _tape_broadcast_jvp(primals, tangents, *, size, lead, num_masks, mask):
    out = tape_broadcast(*primals, size=size, lead=lead, num_masks=num_masks, mask=mask)
    return (out,), (tape_broadcast(*tangents, size=size, lead=lead, num_masks=0, mask=False),)


def _tape_broadcast_transpose(cts, tape, *, size, lead, num_masks, mask):
    return (tape_sum(cts[0], size=size, lead=lead, num_masks=num_masks),)


def _tape_broadcast_batch(axis, args, dims, *, size, lead, num_masks, mask):
    more = _side_by_side(dims[0])
    out = tape_broadcast(args[0], size=size, lead=lead + more, num_masks=num_masks + more, mask=mask)
    return (out,), dims


tape_broadcast_p = Primitive(
    name="tape_broadcast",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_tape_broadcast_abstract_eval,
    impl=_tape_broadcast_impl,
    jvp=_tape_broadcast_jvp,
    partial_eval=RECORD,
    transpose=_tape_broadcast_transpose,
    batch=_tape_broadcast_batch,
    lower=Region("tape"),
    doc="every element of every row gets an axis, and the tape a mask of ones",
)


def tape_broadcast(tape, *, size: int, lead: int, num_masks: int, mask: bool):
    """Spread every element of a tape along a new axis ``lead``."""
    return tape_broadcast_p.bind(tape, size=size, lead=lead, num_masks=num_masks, mask=mask)


def _tape_sum_abstract_eval(tape, *, size, lead, num_masks):
    split = len(tape.elements) - num_masks
    return (Tape((*(e.unmapped(lead) for e in tape.elements[:split]), *tape.elements[split:]), tape.stack),)


def _tape_sum_impl(tape, *, size, lead, num_masks):
    (aval,) = _tape_sum_abstract_eval(tape.aval, size=size, lead=lead, num_masks=num_masks)
    split = len(tape.aval.elements) - num_masks
    return (map_rows(lambda row: [*(_sum_element(v, lead) for v in row[:split]), *row[split:]], aval, tape),)


def _sum_element(value, lead: int):
    if is_tape(value):
        return _tape_sum_impl(value, size=0, lead=lead, num_masks=0)[0]
    return np.sum(value, axis=lead, dtype=value.dtype)


def _tape_sum_jvp(primals, tangents, *, size, lead, num_masks):
    out = tape_sum(*primals, size=size, lead=lead, num_masks=num_masks)
    return (out,), (tape_sum(*tangents, size=size, lead=lead, num_masks=0),)


def _tape_sum_transpose(cts, tape, *, size, lead, num_masks):
    return (tape_broadcast(cts[0], size=size, lead=lead, num_masks=num_masks, mask=False),)


def _tape_sum_batch(axis, args, dims, *, size, lead, num_masks):
    more = _side_by_side(dims[0])
    return (tape_sum(args[0], size=size, lead=lead + more, num_masks=num_masks + more),), dims


tape_sum_p = Primitive(
    name="tape_sum",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_tape_sum_abstract_eval,
    impl=_tape_sum_impl,
    jvp=_tape_sum_jvp,
    partial_eval=RECORD,
    transpose=_tape_sum_transpose,
    batch=_tape_sum_batch,
    lower=Region("tape"),
    doc="every element of every row summed over one axis",
)


def tape_sum(tape, *, size: int, lead: int, num_masks: int):
    """Sum every element of a tape over axis ``lead``, which has ``size`` entries."""
    return tape_sum_p.bind(tape, size=size, lead=lead, num_masks=num_masks)


# --- the scan over tapes ----------------------------------------------------------------------------


def _tape_scan_abstract_eval(*avals, jaxpr, num_consts, num_carry, tapes_out, reverse):
    outs = jaxpr.out_avals
    carry = tuple(a.strip_weak_type() for a in outs[:num_carry])
    return carry + tuple(map(make_tape_aval, split_list(outs[num_carry:], *tapes_out)[:-1]))


def make_tape_aval(elements) -> Tape:
    return Tape(tuple(e.strip_weak_type() for e in elements))


def _tape_scan_impl(*args, jaxpr, num_consts, num_carry, tapes_out, reverse):
    consts, carry, tapes = split_list(args, num_consts, num_carry)
    groups = split_list(jaxpr.out_avals[num_carry:], *tapes_out)[:-1]
    results = [TapeValue(make_tape_aval(group)) for group in groups]
    steps = range(tapes[0].length)
    tapes = [tape if tape.length == len(steps) else _zero_tape(tape.aval, len(steps)) for tape in tapes]
    for i in reversed(steps) if reverse else steps:
        row = [value for tape in tapes for value in tape.row(i)]
        outs = run_jaxpr(jaxpr, *consts, *carry, *row)
        carry = outs[:num_carry]
        for tape, values in zip(results, split_list(outs[num_carry:], *tapes_out), strict=False):
            tape.append(values)
    if reverse:
        for tape in results:
            tape.reverse()
    return (*carry, *results)


def _zero_tape(aval: Tape, length: int) -> TapeValue:
    """Return what a tape of no rows stands for, where others have some."""
    tape = TapeValue(aval)
    for _ in range(length):
        tape.append([_empty(e) if isinstance(e, Tape) else _zero_or_mask(e) for e in aval.elements])
    return tape


def _zero_or_mask(aval: ShapedArray):
    """Return the zero of an element of a tangent, of which bools are masks: active throughout."""
    return np.ones(aval.shape, bool) if aval.dtype.kind == "b" else np.zeros(aval.shape, aval.dtype)


def element_mask(tape_aval: Tape) -> list[bool]:
    """Tell which elements of a tape have a place in its tangent."""
    return [e.dtype.kind in "fcO" for e in tape_aval.elements]


@cached_by_jaxpr
def _jvp_body(jaxpr, consts_nz, carry_nz, tapes_nz, tape_avals, tapes_out):
    """Return the body on (consts, ċonsts, carry, ċarry, tapes, tape tangents), settled carries, result order."""
    num_consts, num_carry = len(consts_nz), len(carry_nz)
    elements_nz = [
        m and nz for aval, nz in zip(tape_avals, tapes_nz, strict=True) for m in element_mask(aval)
    ]
    ys = jaxpr.out_avals[num_carry:]
    ys_wanted = [a.dtype.kind in "fcO" for a in ys]
    carry_nz = list(carry_nz)
    while True:
        nonzero = (*consts_nz, *carry_nz, *elements_nz)
        body, nonzero_out = jvp_jaxpr(jaxpr, nonzero, (*carry_nz, *ys_wanted))
        if list(nonzero_out[:num_carry]) == carry_nz:
            break
        carry_nz = list(nonzero_out[:num_carry])
    n = len(jaxpr.invars)
    dots = iter(range(n, len(body.invars)))
    position = [next(dots) if nz else None for nz in nonzero]
    order = []
    for start, stop in ((0, num_consts), (num_consts, num_consts + num_carry), (num_consts + num_carry, n)):
        order += [*range(start, stop), *(p for p in position[start:stop] if p is not None)]
    body = permute_inputs(body, order)
    body = permute_outputs(body, jvp_out_order(nonzero_out, num_carry))
    tangent_tapes = tuple(sum(group) for group in split_list(list(nonzero_out[num_carry:]), *tapes_out)[:-1])
    return body, tuple(carry_nz), tangent_tapes


def jvp_out_order(nonzero_out, num_carry: int) -> list[int]:
    """Order ``(carry, ys, ċarry, ẏs)`` as ``(carry, ċarry, ys, ẏs)``."""
    m = len(nonzero_out)
    dots = iter(range(m, m + sum(nonzero_out)))
    position = [next(dots) if nz else None for nz in nonzero_out]
    return [
        *range(num_carry),
        *(p for p in position[:num_carry] if p is not None),
        *range(num_carry, m),
        *(p for p in position[num_carry:] if p is not None),
    ]


def _tape_scan_jvp(primals, tangents, *, jaxpr, num_consts, num_carry, tapes_out, reverse):
    consts, carry, tapes = split_list(primals, num_consts, num_carry)
    consts_t, carry_t, tapes_t = split_list(tangents, num_consts, num_carry)
    tape_avals = tuple(map(aval_of, tapes))
    masks = [tuple(map(is_nonzero, group)) for group in (consts_t, carry_t, tapes_t)]
    body, carry_nz, tangent_tapes = _jvp_body(jaxpr, *masks, tape_avals, tapes_out)
    carry_dot = [instantiate(t) for t, nz in zip(carry_t, carry_nz, strict=True) if nz]
    consts_dot = [t for t in consts_t if is_nonzero(t)]
    outs = tape_scan_p.bind(
        *consts, *consts_dot, *carry, *carry_dot, *tapes, *(t for t in tapes_t if is_nonzero(t)),
        jaxpr=body, num_consts=num_consts + len(consts_dot), num_carry=num_carry + len(carry_dot),
        tapes_out=(*tapes_out, *tangent_tapes), reverse=reverse,
    )  # fmt: skip
    return split_tape_jvp_outs(outs, jaxpr.out_avals[:num_carry], carry_nz, len(tapes_out))


def split_tape_jvp_outs(outs, carry_avals, carry_nz, num_tapes: int):
    """Split ``(carry, ċarry, tapes, tape tangents)`` into primals and tangents."""
    num_carry = len(carry_avals)
    carry, carry_dot, tapes, tapes_dot = split_list(outs, num_carry, sum(carry_nz), num_tapes)
    given = iter(carry_dot)
    tangents = [
        next(given) if nz else Zero(a.to_tangent()) for nz, a in zip(carry_nz, carry_avals, strict=True)
    ]
    return (*carry, *tapes), (*tangents, *tapes_dot)


@cached_by_jaxpr
def split_loop_body(jaxpr, known_consts, known_carry, known_elements, tapes_out):
    """Split a loop body that records tapes into a known and an unknown one.

    Returns
    -------
    known_body : Jaxpr
        ``(known consts, known carry, known elements) -> (known carry, elements of known tapes, residuals)``.
    unknown_body : Jaxpr
        ``(constant residuals, unknown consts, unknown carry, unknown elements, residuals) ->
        (unknown carry, elements of unknown tapes)``.
    known_carry : tuple of bool
        Settled: a carry is known only if it is known after every step.
    known_tapes : tuple of bool
    constant : tuple of int
        For each constant residual, its position among the known consts.
    num_residuals : int
    """
    num_carry = len(known_carry)
    known_carry = list(known_carry)
    force_ys = [False] * sum(tapes_out)
    while True:
        known = (*known_consts, *known_carry, *known_elements)
        force = (*(not k for k in known_carry), *force_ys)
        known_body, unknown_body, known_out, residual_avals = partial_eval_jaxpr(jaxpr, known, force)
        groups = split_list(list(known_out[num_carry:]), *tapes_out)[:-1]
        known_tapes = tuple(all(group) for group in groups)
        settled = [k and ko for k, ko in zip(known_carry, known_out, strict=False)]
        forced = [not kt for kt, group in zip(known_tapes, groups, strict=True) for _ in group]
        if settled == known_carry and forced == force_ys:
            break
        known_carry, force_ys = settled, forced
    split = len(known_body.outvars) - len(residual_avals)
    const_position = {v: i for i, v in enumerate(known_body.invars[: sum(known_consts)])}
    residuals = known_body.outvars[split:]
    constant = [i for i, v in enumerate(residuals) if v in const_position]
    recorded = [i for i, v in enumerate(residuals) if v not in const_position]
    known_body = permute_outputs(known_body, [*range(split), *(split + i for i in recorded)])
    rest = range(len(residuals), len(unknown_body.invars))
    unknown_body = permute_inputs(unknown_body, [*constant, *rest, *recorded])
    positions = tuple(const_position[residuals[i]] for i in constant)
    return known_body, unknown_body, tuple(known_carry), known_tapes, positions, len(recorded)


def _tape_scan_partial_eval(trace, args, *, jaxpr, num_consts, num_carry, tapes_out, reverse):
    consts, carry, tapes = split_list(args, num_consts, num_carry)
    known_tapes_in = list(map(trace.knows, tapes))
    if not any(known_tapes_in):
        params = {"jaxpr": jaxpr, "num_consts": num_consts, "num_carry": num_carry}
        return trace.record(tape_scan_p, args, {**params, "tapes_out": tapes_out, "reverse": reverse})
    elements = [k for k, tape in zip(known_tapes_in, tapes, strict=True) for _ in aval_of(tape).elements]
    known_body, unknown_body, known_carry, known_tapes, constant, num_residuals = split_loop_body(
        jaxpr, tuple(map(trace.knows, consts)), tuple(map(trace.knows, carry)), tuple(elements), tapes_out
    )
    known_consts = [c for c in consts if trace.knows(c)]
    unknown_consts = [c for c in consts if not trace.knows(c)]
    sizes = tuple(n for n, k in zip(tapes_out, known_tapes, strict=True) if k)
    *outs, residual_tape = tape_scan_p.bind(
        *known_consts,
        *(c for c, k in zip(carry, known_carry, strict=True) if k),
        *(t for t, k in zip(tapes, known_tapes_in, strict=True) if k),
        jaxpr=known_body, num_consts=len(known_consts), num_carry=sum(known_carry),
        tapes_out=(*sizes, num_residuals), reverse=reverse,
    )  # fmt: skip
    operands = [
        *(known_consts[i] for i in constant),
        *unknown_consts,
        *(c for c, k in zip(carry, known_carry, strict=True) if not k),
        *(t for t, k in zip(tapes, known_tapes_in, strict=True) if not k),
        residual_tape,
    ]
    params = {
        "jaxpr": unknown_body,
        "num_consts": len(constant) + len(unknown_consts),
        "num_carry": num_carry - sum(known_carry),
        "tapes_out": tuple(n for n, k in zip(tapes_out, known_tapes, strict=True) if not k),
        "reverse": reverse,
    }
    known_out = (*known_carry, *known_tapes)
    unknown_outs = () if all(known_out) else trace.record(tape_scan_p, operands, params)
    return merge(known_out, outs, unknown_outs)


@cached_by_jaxpr
def _transposed_body(jaxpr, linear_consts, linear_tapes, tape_avals, ct_tapes_nonzero, tapes_out, num_carry):
    """Return ``(residual consts, ct_consts, ct_carry, residual elements, ct elements) -> (ct_consts, ct_carry, …)``."""
    num_consts = len(linear_consts)
    consts_avals, carry_avals, element_avals = split_list(jaxpr.in_avals, num_consts, num_carry)
    linear_elements = [lin for lin, aval in zip(linear_tapes, tape_avals, strict=True) for _ in aval.elements]
    residual_consts = [a for a, lin in zip(consts_avals, linear_consts, strict=True) if not lin]
    ct_consts_avals = [a.to_tangent() for a, lin in zip(consts_avals, linear_consts, strict=True) if lin]
    residual_elements = [a for a, lin in zip(element_avals, linear_elements, strict=True) if not lin]
    groups = split_list(jaxpr.out_avals[num_carry:], *tapes_out)[:-1]
    ct_elements = [a for group, nz in zip(groups, ct_tapes_nonzero, strict=True) if nz for a in group]

    def body(*args):
        res_consts, ct_consts, ct_carry, res_elements, ct_ys = split_list(
            args, len(residual_consts), len(ct_consts_avals), num_carry, len(residual_elements)
        )
        consts, elements, given = iter(res_consts), iter(res_elements), iter(ct_ys)
        primal_args = [
            Linear(a) if lin else next(consts) for a, lin in zip(consts_avals, linear_consts, strict=True)
        ]
        primal_args += [Linear(a) for a in carry_avals]
        primal_args += [
            Linear(a) if lin else next(elements)
            for a, lin in zip(element_avals, linear_elements, strict=True)
        ]
        cts = list(ct_carry)
        for group, nz in zip(groups, ct_tapes_nonzero, strict=True):
            cts += [next(given) if nz else Zero(a.to_tangent()) for a in group]
        cts_in = backward_pass(jaxpr, (), primal_args, cts)
        new_consts, new_carry, ct_xs = split_list(cts_in, len(ct_consts_avals), num_carry)
        summed = [
            old if type(new) is Zero else add_cotangents(old, new)
            for old, new in zip(ct_consts, new_consts, strict=True)
        ]
        return [*summed, *map(instantiate, new_carry), *map(instantiate, ct_xs)]

    avals = [*residual_consts, *ct_consts_avals, *(a.to_tangent() for a in carry_avals)]
    return stage_rule(body, [*avals, *residual_elements, *ct_elements], "loop transpose")


def _tape_scan_transpose(cts, *args, jaxpr, num_consts, num_carry, tapes_out, reverse):
    consts, carry, tapes = split_list(args, num_consts, num_carry)
    ct_carry, ct_tapes = split_list(cts, num_carry)
    linear_consts, linear_tapes = tuple(map(is_linear, consts)), tuple(map(is_linear, tapes))
    tape_avals = tuple(t.aval if is_linear(t) else aval_of(t) for t in tapes)
    ct_nonzero = tuple(map(is_nonzero, ct_tapes))
    body = _transposed_body(jaxpr, linear_consts, linear_tapes, tape_avals, ct_nonzero, tapes_out, num_carry)
    zero_consts = [instantiate(Zero(c.aval.to_tangent())) for c in consts if is_linear(c)]
    residual_consts = [c for c in consts if not is_linear(c)]
    outs = tape_scan_p.bind(
        *residual_consts,
        *zero_consts,
        *map(instantiate, ct_carry),
        *(t for t in tapes if not is_linear(t)),
        *(t for t in ct_tapes if is_nonzero(t)),
        jaxpr=body, num_consts=len(residual_consts), num_carry=len(zero_consts) + num_carry,
        tapes_out=tuple(len(t.aval.elements) for t in tapes if is_linear(t)), reverse=not reverse,
    )  # fmt: skip
    ct_consts, ct_init, ct_xs = map(iter, split_list(outs, len(zero_consts), num_carry))
    result = [next(ct_consts) if is_linear(c) else None for c in consts]
    result += [ct if is_linear(c) else None for c, ct in zip(carry, ct_init, strict=True)]
    return (*result, *(next(ct_xs) if is_linear(t) else None for t in tapes))


@cached_by_jaxpr
def _masked_body(jaxpr, num_consts: int, num_carry: int, tapes_out: tuple[int, ...], tapes: tuple) -> Jaxpr:
    """Return the body for one element of a vmap: where it is not active, nothing changes and nothing leaks.

    Inputs are masked as well as results: 0·nan of a step that never happened would reach the gradient. ``tapes`` are
    pairs ``(elements, batched)``; the mask of a batched tape is an input behind its elements.
    """
    quiet = without_index_errors(jaxpr)
    head = num_consts + num_carry
    avals, elements = split_list(jaxpr.in_avals, head)
    for row, (_, batched) in zip(split_list(elements, *(n for n, _ in tapes)), tapes, strict=False):
        avals = [*avals, *row, *[ShapedArray((), np.dtype(bool))] * batched]

    def body(*args):
        inputs, rows = split_list(args, head)
        masks: list = []
        for row, (n, _) in zip(split_list(rows, *(n + batched for n, batched in tapes)), tapes, strict=False):
            inputs, masks = [*inputs, *row[:n]], [*masks, *row[n:]]
        # Those of one loop say the same, but for a tape of zeros in the place of one without rows: active throughout.
        active = functools.reduce(bitwise_and, masks)
        masked = [
            select_n(active, instantiate(Zero(a)), x)
            if i < head and isinstance(a, ShapedArray) and a.dtype.kind in "fc"
            else x
            for i, (x, a) in enumerate(zip(inputs, jaxpr.in_avals, strict=True))
        ]
        outs = eval_jaxpr(quiet, (), *masked)
        # To a tape that adds up, nothing is added where all that comes in is zero.
        carry = [
            new if isinstance(aval_of(new), Tape) else select_n(active, old, new)
            for old, new in zip(inputs[num_consts:], outs[:num_carry], strict=False)
        ]
        groups = split_list(outs[num_carry:], *tapes_out)[:-1]
        return [*carry, *(value for group in groups for value in (*group, active))]

    return stage_rule(body, avals, "masked step")


@cached_by_jaxpr
def batched_loop_body(jaxpr, axis, dims, carry_slice: tuple[int, int], force_ys: bool):
    """Return the batched body, the dims of its inputs once the carries have settled, and those of its results."""
    start, stop = carry_slice
    dims = list(dims)
    while True:
        forms = (*dims[start:stop], *(0 if force_ys else None,) * (len(jaxpr.outvars) - (stop - start)))
        body, out_dims = batch_in_form(jaxpr, axis, tuple(dims), forms)
        if list(out_dims[: stop - start]) == dims[start:stop]:
            return body, tuple(dims), out_dims
        dims[start:stop] = out_dims[: stop - start]


@cached_by_jaxpr
def always_active_body(jaxpr, tapes_out: tuple[int, ...], num_carry: int) -> Jaxpr:
    """Return the body with a mask of True behind the elements of each tape it writes."""

    def body(*args):
        outs = eval_jaxpr(jaxpr, (), *args)
        groups = split_list(outs[num_carry:], *tapes_out)[:-1]
        return [*outs[:num_carry], *(value for group in groups for value in (*group, np.True_))]

    return stage_rule(body, jaxpr.in_avals, "step")


def _tape_scan_batch(axis, args, dims, **params):
    jaxpr, num_consts, num_carry = params["jaxpr"], params["num_consts"], params["num_carry"]
    tapes_out = params["tapes_out"]
    args, dims = in_front(axis, args, dims)
    head_dims, tape_dims = dims[: num_consts + num_carry], dims[num_consts + num_carry :]
    for dim in tape_dims:
        if isinstance(dim, Groups):
            return in_groups(tape_scan_p, axis, args, dims, params, dim.together)
    tapes = args[num_consts + num_carry :]
    avals = [aval_of(tape) for tape in tapes]
    if any(d is not None for d in tape_dims):
        batched = [d is not None for d in tape_dims]
        counts = tuple((len(a.elements) - b, b) for a, b in zip(avals, batched, strict=True))
        lane_body = _masked_body(jaxpr, num_consts, num_carry, tapes_out, counts)
    else:
        lane_body = always_active_body(jaxpr, tapes_out, num_carry)
    elements = [d for a, d in zip(avals, tape_dims, strict=True) for _ in a.elements]
    span = (num_consts, num_consts + num_carry)
    body, settled, out_dims = batched_loop_body(lane_body, axis, (*head_dims, *elements), span, True)
    head = [in_form(x, d, form, axis.size) for x, d, form in zip(args, head_dims, settled, strict=False)]
    outs = tape_scan_p.bind(
        *head, *tapes, **{**params, "jaxpr": body, "tapes_out": tuple(n + 1 for n in tapes_out)}
    )
    return outs, (*out_dims[:num_carry], *(0,) * len(tapes_out))


tape_scan_p = Primitive(
    name="tape_scan",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_tape_scan_abstract_eval,
    impl=_tape_scan_impl,
    jvp=_tape_scan_jvp,
    partial_eval=_tape_scan_partial_eval,
    transpose=_tape_scan_transpose,
    batch=_tape_scan_batch,
    lower=Region("tape_scan"),
    doc="(c_{i+1}, row_i) = jaxpr(consts, c_i, rows of the tapes)",
)
compile_when_eager(tape_scan_p)
