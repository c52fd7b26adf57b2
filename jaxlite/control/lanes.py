"""Elements of a vmap that take different ways: some at a time, so that a long one keeps only its own group waiting.

    vmap(while_loop) of 1,000 elements  ->  a scan of 32 steps, each a while_loop of 32 elements side by side

A group of one element runs the equation as it was before vmap: with the branch it takes, for the steps it takes.
"""

from __future__ import annotations

from jaxlite.control.bodies import split_list
from jaxlite.control.jit import merge
from jaxlite.errors import RuleError
from jaxlite.interpreters.batch import axis_names, batch_jaxpr, to_front
from jaxlite.interpreters.evaluate import eval_jaxpr
from jaxlite.interpreters.stage import stage_rule
from jaxlite.ir import PRIMITIVES, Groups, Jaxpr, Tape, cached_by_jaxpr, subjaxprs
from jaxlite.ops.indexing import without_index_errors
from jaxlite.ops.structural import broadcast_in_dim, concatenate, reshape, slice_in_dim, stop_gradient
from jaxlite.primitive import MappedAxis, Primitive
from jaxlite.trace import aval_of


def groups_of_tapes(args, dims) -> set[Groups | int]:
    """Return how the mapped tapes among operands were recorded."""
    pairs = zip(args, dims, strict=True)
    return {d for x, d in pairs if d is not None and isinstance(aval_of(x), Tape)}


def may_fail_or_act(program: Jaxpr) -> bool:
    """Whether a program must not run for an element that does not come to it."""
    return bool(program.effects) or without_index_errors(program) is not program


# Where numbers are finite, their slopes are; exp is not among them, as it overflows.
_LINES = (
    "abs add add_any and argmax argmin atan broadcast_in_dim ceil clamp concatenate convert_element_type copy cos",
    "dot_general dynamic_slice dynamic_update_slice eq erf expand_dims floor gather ge gt iota le logistic lt max min",
    "mul ne neg not or pad reduce_and reduce_max reduce_min reduce_or reduce_sum reshape rev round scatter scatter_add",
    "select_n sign sin slice square squeeze stop_gradient sub tanh transpose xor",
)
_FINITE_SLOPES = frozenset(" ".join(_LINES).split())


def has_finite_slopes(program: Jaxpr) -> bool:
    """Whether no derivative of a program is infinite or nan where its operands are finite."""
    return all(
        eqn.primitive.name in _FINITE_SLOPES
        or all(v.aval.dtype.kind in "biu" for v in eqn.outvars)
        or (
            eqn.primitive.name in ("cond", "jit", "scan")
            and all(map(has_finite_slopes, subjaxprs(eqn.params)))
        )
        for eqn in program.eqns
    )


def meet_by_name(axis: MappedAxis, *programs: Jaxpr) -> bool:
    """Whether elements talk to each other, so that none can go ahead."""
    return axis.name is not None and any(axis.name in axis_names(program) for program in programs)


def evenly(size: int, together: int) -> int:
    """Return how large to make groups of at most so many elements, so that the last one has none or few to fill up."""
    if together == 1 or size == 0:
        return together
    sizes = range(together - together % _VECTOR, together // 2, -_VECTOR)
    count = -(-size // together)
    fewest = min(together, _VECTOR * -(-size // (count * _VECTOR)))
    return next((n for n in sizes if n and size % n == 0), fewest)


# Two instructions' worth of elements: groups of 20 or 28 take twice the time of 24 or 32.
_VECTOR = 8


def in_groups(primitive: Primitive, axis: MappedAxis, args, dims, params: dict, together: int):
    """Batch an equation in groups of so many elements, one group after the other.

    Parameters
    ----------
    primitive : Primitive
        Its first program among ``params`` is where the batched one is cached.
    axis : MappedAxis
    args, dims, params
        As batch rules take them; tapes among ``args`` were recorded in the same groups.
    together : int
        Elements of a group.

    Returns
    -------
    outs : list
    dims : tuple
        0 for arrays, `Groups` for tapes.
    """
    size = axis.size
    count = -(-size // together)
    if groups_of_tapes(args, dims) - {Groups(together, 0)}:
        raise RuleError(
            f"{primitive.name} cannot be batched by vmap here.",
            why="it reads what loops recorded for the elements in different ways.",
            fix="jaxlite.lax.map runs a function once per element.",
        )
    dims = tuple(None if d is None else 0 for d in dims)
    shared = [x for x, d in zip(args, dims, strict=True) if d is None]
    mapped = [x for x, d in zip(args, dims, strict=True) if d is not None]
    avals = tuple(aval_of(x).strip_weak_type() for x in args)
    first, names = _first_program(params), tuple(params.items())
    outs = PRIMITIVES["scan"].bind(
        *shared,
        *(_cut_into_groups(x, count, together) for x in mapped),
        jaxpr=_group(first, primitive, names, together, dims, avals),
        length=count,
        num_carry=0,
        num_consts=len(shared),
        reverse=False,
        unroll=1,
    )
    return [_join_groups(y, size, together) for y in outs], tuple(
        Groups(together, 0) if isinstance(aval_of(y), Tape) else 0 for y in outs
    )


@cached_by_jaxpr
def batch_in_form(jaxpr: Jaxpr, axis: MappedAxis, dims: tuple, forms: tuple) -> tuple[Jaxpr, tuple]:
    """Batch a program as `batch_jaxpr` does, with results spread as ``forms`` say: None as they come."""
    force = tuple(form is not None and not isinstance(form, Groups) for form in forms)
    batched, out_dims = batch_jaxpr(jaxpr, axis, dims, force)
    if all(form is None or d is not None for d, form in zip(out_dims, forms, strict=True)):
        return batched, out_dims

    def spread(*args):
        outs = zip(eval_jaxpr(batched, (), *args), out_dims, forms, strict=True)
        return [in_form(x, d, form, axis.size) for x, d, form in outs]

    settled = tuple(form if d is None else d for d, form in zip(out_dims, forms, strict=True))
    return stage_rule(spread, batched.in_avals, "vmap"), settled


def in_form(value, dim, form: Groups | int | None, size: int):
    """Spread a value that all elements of a vmap share, a tape as if they had recorded it in that form."""
    if dim is not None or form is None:
        return value
    if not isinstance(form, Groups):
        return to_front(value, None, size)[0]
    tape = value
    if form.position:
        tapes, count, inner = (), aval_of(tape).stack[0], form._replace(position=form.position - 1)
        body = stage_rule(lambda x: [in_form(x, None, inner, size)], [aval_of(tape).unstacked()], "spread")
    else:
        if form.together > 1:
            tape, _ = to_front(tape, None, form.together)
        tapes, count = (tape,), -(-size // form.together)
        body = stage_rule(lambda x: [x], [aval_of(tape)], "spread")
    (out,) = PRIMITIVES["scan"].bind(
        tape, jaxpr=body, length=count, num_carry=0, num_consts=len(tapes), reverse=False, unroll=1
    )
    return out


def in_front(axis: MappedAxis, args, dims) -> tuple[list, tuple]:
    """Move the mapped dimensions of operands to the front."""
    pairs = [(x, d) if d is None else to_front(x, d, axis.size) for x, d in zip(args, dims, strict=True)]
    return [x for x, _ in pairs], tuple([d for _, d in pairs])


def _first_program(params: dict) -> Jaxpr:
    values = [v[0] if isinstance(v, tuple) and v else v for v in params.values()]
    return next(v for v in values if isinstance(v, Jaxpr))


@cached_by_jaxpr
def _group(first: Jaxpr, primitive: Primitive, names: tuple, together: int, dims: tuple, avals: tuple):
    """Return the program of a group: ``(what elements share, what each has) -> results``."""
    params = dict(names)

    def group(*args):
        shared, own = split_list(args, dims.count(None))
        operands = merge([d is None for d in dims], shared, own)
        if together == 1:
            outs = primitive.bind(*operands, **params)
            return outs if primitive.multiple_results else [outs]
        axis = MappedAxis(together)
        outs, out_dims = primitive.batch(axis, operands, dims, **params)
        return [to_front(y, d, together)[0] for y, d in zip(outs, out_dims, strict=True)]

    shared = [a for a, d in zip(avals, dims, strict=True) if d is None]
    own = [_aval_of_group(a, together) for a, d in zip(avals, dims, strict=True) if d is not None]
    return stage_rule(group, [*shared, *own], "elements of a vmap")


def _aval_of_group(aval, together: int):
    if isinstance(aval, Tape):
        return aval.unstacked()
    return aval.unmapped(0) if together == 1 else aval.unmapped(0).mapped(together, 0)


def _cut_into_groups(x, count: int, together: int):
    """Return [groups, elements of a group, …]; the last element fills up the last group."""
    aval = aval_of(x)
    if together == 1 or isinstance(aval, Tape):
        return x
    rest = count * together - aval.shape[0]
    if rest:
        # Whatever the last element does, those that repeat it do as well: they are done when it is, and cannot fail
        # where it does not.
        last = stop_gradient(slice_in_dim(x, aval.shape[0] - 1, aval.shape[0]))
        last = reshape(last, aval.shape[1:])
        last = broadcast_in_dim(last, (rest, *aval.shape[1:]), range(1, len(aval.shape)))
        x = concatenate([x, last], 0)
    return reshape(x, (count, together, *aval.shape[1:]))


def _join_groups(y, size: int, together: int):
    aval = aval_of(y)
    if together == 1 or isinstance(aval, Tape):
        return y
    y = reshape(y, (aval.shape[0] * together, *aval.shape[2:]))
    return y if aval_of(y).shape[0] == size else slice_in_dim(y, 0, size)
