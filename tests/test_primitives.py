"""Every primitive under every rule: checks generated from the row table (``tests/rows``).

One test per row and rule. Rules are checked against something independent of them: ``impl`` against NumPy,
``jvp`` against finite differences, ``transpose`` against ``jvp``, ``batch`` against a Python loop, staging
against evaluation.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter

import numpy as np
import pytest

import jaxlite
from jaxlite import lax
from jaxlite.array import Array
from jaxlite.check import check_jaxpr
from jaxlite.dtypes import is_inexact
from jaxlite.errors import RuleError
from jaxlite.interpreters.batch import batch_flat
from jaxlite.interpreters.evaluate import eval_jaxpr
from jaxlite.interpreters.jvp import jvp_flat
from jaxlite.interpreters.linearize import linearize_flat
from jaxlite.interpreters.stage import stage
from jaxlite.interpreters.transpose import backward_pass
from jaxlite.lowering import Elementwise, Lowering
from jaxlite.ops.structural import instantiate
from jaxlite.primitive import (
    NOT_LINEAR,
    PRIMITIVES,
    RECORD,
    Linear,
    MappedAxis,
    NotBatchable,
    Primitive,
    Zero,
    zero_tangent,
)
from jaxlite.test_util import (
    batch_combinations,
    batch_element,
    batched_args,
    check_grads,
    check_jvp,
    inner_product,
    stack_like,
    tolerance_of,
)
from jaxlite.trace import aval_of
from tests.rows import CASES, ERRORS
from tests.tolerances import assert_close, assert_same_type, assert_within_ulps

# Not every name of a primitive can be that of a function; JAX has these.
BITWISE = ("and", "not", "or", "xor")
BATCH_SIZE = 3
MAX_COMBINATIONS = 30

# --- the table itself -------------------------------------------------------------------------------


def test_every_primitive_has_a_row():
    assert {case.primitive for case in CASES} == set(PRIMITIVES)


def test_every_row_has_a_name_of_its_own():
    assert [name for name, count in Counter(case.id for case in CASES).items() if count > 1] == []


def test_every_row_says_what_to_expect():
    assert [case.id for case in CASES if (case.reference is None) == (case.expected is None)] == []


every_primitive = pytest.mark.parametrize("primitive", list(PRIMITIVES.values()), ids=str)


def rows_where(condition):
    """Parametrize a test over the rows that fulfil a condition."""
    return pytest.mark.parametrize("case", [c for c in CASES if condition(c)], ids=lambda case: case.id)


every_row = rows_where(lambda case: True)


@every_primitive
def test_declaration(primitive):
    assert callable(primitive.abstract_eval)
    assert callable(primitive.impl)
    assert callable(primitive.jvp) or primitive.jvp is zero_tangent
    assert callable(primitive.partial_eval) or primitive.partial_eval is RECORD
    assert callable(primitive.transpose) or primitive.transpose is NOT_LINEAR
    assert callable(primitive.batch) or isinstance(primitive.batch, NotBatchable)
    if isinstance(primitive.batch, NotBatchable):
        assert primitive.batch.meaning.strip()
    assert isinstance(primitive.lower, Lowering)
    assert all(isinstance(effect, str) for effect in primitive.effects)
    assert primitive.doc.strip()
    assert "\n" not in primitive.doc


@pytest.mark.parametrize("row", ERRORS, ids=lambda row: row.primitive)
def test_refused_operands(row):
    bind = functools.partial(PRIMITIVES[row.primitive].bind, **row.params)
    with pytest.raises(row.error, match=row.match):
        stage(lambda *xs: [bind(*xs)], [aval_of(x) for x in row.args])


# --- how a row is run -------------------------------------------------------------------------------


def run(case, *args) -> tuple:
    """Bind the row's primitive, or make its call; a tuple of results whatever the primitive gives."""
    use = case.call or functools.partial(PRIMITIVES[case.primitive].bind, **case.params)
    outs = use(*args)
    return tuple(outs) if isinstance(outs, tuple | list) else (outs,)


def differentiable_args(case) -> tuple[int, ...]:
    """Return the positions of the operands that the row is differentiated with respect to."""
    if case.derivatives is None:
        return ()
    if case.derivatives != "auto":
        return tuple(case.derivatives)
    return tuple(i for i, x in enumerate(case.args) if is_inexact(aval_of(x).dtype))


def differentiable_part(case, positions):
    """Return the row as a function of some operands that gives its inexact results, and these operands."""

    def f(*xs):
        full = list(case.args)
        for i, x in zip(positions, xs, strict=True):
            full[i] = x
        return tuple(out for out in run(case, *full) if is_inexact(aval_of(out).dtype))

    return f, [case.args[i] for i in positions]


def subsets(positions) -> list[tuple[int, ...]]:
    """Return all non-empty subsets: an operand may be linear alone or together with others."""
    sizes = range(1, len(positions) + 1)
    return list(itertools.chain.from_iterable(itertools.combinations(positions, n) for n in sizes))[:7]


def random_like(x, rng) -> np.ndarray:
    shape, dtype = np.shape(x), aval_of(x).dtype
    values = rng.standard_normal(shape)
    if dtype.kind == "c":
        values = values + 1j * rng.standard_normal(shape)
    return np.asarray(values, dtype)


def jvp(f, primals, tangents):
    """Forward mode by the interpreter alone."""
    outs, tangents_out = jvp_flat(f, primals, tangents)
    return tuple(outs), tuple(instantiate(t) for t in tangents_out)


def tangents_of(f, primals, tangents):
    return jvp(f, primals, tangents)[1]


def vjp(f, primals, cts):
    """Reverse mode by the interpreters alone: linearize, then transpose."""
    _, jaxpr, residuals, nonzero = linearize_flat(f, primals)
    given = [ct for ct, nz in zip(cts, nonzero, strict=True) if nz]
    cts_in = backward_pass(jaxpr, residuals, [Linear(v.aval) for v in jaxpr.invars], given)
    return tuple(instantiate(ct) for ct in cts_in)


rows_with_derivatives = rows_where(differentiable_args)

# --- values and types -------------------------------------------------------------------------------


@every_row
def test_values(case):
    outs = run(case, *case.args)
    expected = case.expected
    if case.reference is not None:
        with np.errstate(all="ignore"):
            expected = case.reference(*case.args, **case.params)
    expected = expected if isinstance(expected, tuple | list) else (expected,)
    assert len(outs) == len(expected)
    for out, reference in zip(outs, expected, strict=True):
        if isinstance(PRIMITIVES[case.primitive].lower, Elementwise):
            assert_within_ulps(out, reference)
        else:
            assert_close(out, reference)


@rows_where(lambda case: case.call is None)
def test_abstract_eval(case):
    primitive = PRIMITIVES[case.primitive]
    avals = primitive.abstract_eval(*map(aval_of, case.args), **case.params)
    assert isinstance(avals, tuple)
    outs = primitive.bind(*case.args, **case.params)
    if primitive.multiple_results:
        assert isinstance(outs, tuple)
    else:
        outs = (outs,)
    assert [(a.shape, a.dtype) for a in avals] == [(aval_of(out).shape, aval_of(out).dtype) for out in outs]
    assert all(type(out) is Array for out in outs)


@every_row
def test_inputs_stay_and_layout_does_not_matter(case):
    copies = [np.array(x) for x in case.args]
    expected = run(case, *copies)
    for copy, original in zip(copies, case.args, strict=True):
        np.testing.assert_array_equal(copy, original)
    fortran = [np.array(x, order="F") for x in case.args]
    strided = [np.repeat(x, 2, axis=-1)[..., ::2] if np.ndim(x) else x for x in case.args]
    for args in (fortran, strided):
        for out, reference in zip(run(case, *args), expected, strict=True):
            assert_close(out, reference)


@rows_where(lambda case: case.call is not None)
def test_call_uses_the_primitive(case, monkeypatch):
    bound = set()

    def bind(primitive, *args, **params):
        bound.add(primitive.name)
        return original(primitive, *args, **params)

    original = Primitive.bind
    monkeypatch.setattr(Primitive, "bind", bind)
    assert all(type(out) is Array for out in run(case, *case.args))
    assert case.primitive in bound


@rows_where(lambda case: case.call is None)
def test_user_function(case):
    """``lax.name(*operands, **params)`` applies an equation again."""
    name = f"bitwise_{case.primitive}" if case.primitive in BITWISE else case.primitive
    outs = getattr(lax, name)(*case.args, **case.params)
    outs = outs if isinstance(outs, tuple | list) else (outs,)
    for out, reference in zip(outs, run(case, *case.args), strict=True):
        assert_close(out, reference)


# --- staging ----------------------------------------------------------------------------------------


def assert_stages(f, args):
    """Fail unless the program of ``f`` is well typed and gives what ``f`` gives."""
    jaxpr, consts = stage(f, [aval_of(x) for x in args])
    check_jaxpr(jaxpr)
    direct = f(*args)
    staged = eval_jaxpr(jaxpr, consts, *args)
    assert len(direct) == len(staged)
    for x, y, aval in zip(staged, direct, jaxpr.out_avals, strict=True):
        assert_close(x, y)
        assert (aval.shape, aval.dtype) == (aval_of(y).shape, aval_of(y).dtype)


@every_row
def test_staging(case):
    assert_stages(functools.partial(run, case), case.args)


@every_row
def test_jit(case):
    f = functools.partial(run, case)
    for out, reference in zip(jaxlite.jit(f)(*case.args), f(*case.args), strict=True):
        assert_close(out, reference)


@rows_with_derivatives
def test_staging_of_derivatives(case, rng):
    f, xs = differentiable_part(case, differentiable_args(case))
    cts = [random_like(y, rng) for y in f(*xs)]
    tangents = [random_like(x, rng) for x in xs]
    n = len(xs)
    assert_stages(lambda *args: jvp_flat(f, args[:n], args[n:])[0], [*xs, *tangents])
    assert_stages(lambda *args: tangents_of(f, args[:n], args[n:]), [*xs, *tangents])
    if cts:
        assert_stages(lambda *args: vjp(f, args[:n], args[n:]), [*xs, *cts])


# --- derivatives ------------------------------------------------------------------------------------


@rows_with_derivatives
def test_jvp_by_finite_differences(case, request):
    f, xs = differentiable_part(case, differentiable_args(case))
    seed = request.config.getoption("seed")
    check_jvp(f, functools.partial(jvp, f), xs, case.tol, case.tol, seed=seed)


@rows_with_derivatives
def test_jvp_of_some_operands(case, rng):
    """A symbolic zero is as good as an array of zeros."""
    positions = differentiable_args(case)
    f, xs = differentiable_part(case, positions)
    tangents = [random_like(x, rng) for x in xs]
    for chosen in subsets(range(len(xs))):
        zeros = [t if i in chosen else np.zeros_like(t) for i, t in enumerate(tangents)]
        symbolic = [t if i in chosen else Zero.like(x) for i, (x, t) in enumerate(zip(xs, tangents))]
        for x_dot, y_dot in zip(jvp(f, xs, symbolic)[1], jvp(f, xs, zeros)[1], strict=True):
            assert_close(x_dot, y_dot)


@rows_with_derivatives
def test_linearize_agrees_with_jvp(case, rng):
    f, xs = differentiable_part(case, differentiable_args(case))
    tangents = [random_like(x, rng) for x in xs]
    outs, tangents_out = jvp(f, xs, tangents)
    linearized_outs, jaxpr, residuals, nonzero = linearize_flat(f, xs)
    check_jaxpr(jaxpr)
    given = iter(eval_jaxpr(jaxpr, residuals, *tangents))
    for y, y_dot, linearized, nz in zip(outs, tangents_out, linearized_outs, nonzero, strict=True):
        assert_close(linearized, y)
        assert_close(next(given) if nz else np.zeros_like(y_dot), y_dot)


@rows_with_derivatives
def test_transpose_is_the_adjoint(case, rng):
    """⟨ȳ, J ẋ⟩ = ⟨x̄, ẋ⟩ for every set of operands."""
    for positions in subsets(differentiable_args(case)):
        f, xs = differentiable_part(case, positions)
        tangents = [random_like(x, rng) for x in xs]
        outs, tangents_out = jvp(f, xs, tangents)
        cts = [random_like(y, rng) for y in outs]
        cts_in = vjp(f, xs, cts)
        for x, x_bar in zip(xs, cts_in, strict=True):
            assert_same_type(x_bar, np.asarray(x))
        terms = [np.abs(ct) * np.abs(t) for ct, t in zip(cts, tangents_out, strict=True)]
        scale = sum(float(np.sum(term)) for term in terms) + 1.0
        rounding = tolerance_of(*(aval_of(x).dtype for x in [*xs, *outs])).rounding
        error = abs(inner_product(cts, tangents_out) - inner_product(list(cts_in), tangents))
        assert error <= 10 * rounding * scale, f"operands {positions}: ⟨ȳ, J ẋ⟩ and ⟨x̄, ẋ⟩ differ by {error}"


@rows_where(lambda case: differentiable_args(case) and case.order > 1)
def test_second_derivatives(case, request):
    f, xs = differentiable_part(case, differentiable_args(case))
    if not f(*xs):
        return
    check_grads(f, xs, case.order, atol=case.tol, rtol=case.tol, seed=request.config.getoption("seed"))


# --- batching ---------------------------------------------------------------------------------------


def assert_batches(f, args, combinations):
    """Fail unless mapping ``f`` equals a loop, for each combination of mapped dimensions, sizes 3 and 0."""
    one = [np.asarray(y) for y in f(*args)]

    @functools.cache
    def loop(mapped):
        def element(k):
            return [batch_element(x, k) if m else x for x, m in zip(args, mapped)]

        return [[np.asarray(y) for y in f(*element(k))] for k in range(BATCH_SIZE)]

    for dims in combinations:
        for size in (BATCH_SIZE, 0):
            outs, out_dims = batch_flat(f, MappedAxis(size), batched_args(args, dims, size), dims)
            elements = loop(tuple(d is not None for d in dims))[:size]
            for i, (out, dim, reference) in enumerate(zip(outs, out_dims, one, strict=True)):
                expected = stack_like(reference, *(ys[i] for ys in elements))
                if dim is None:
                    out = np.broadcast_to(out, (size, *np.shape(out)))
                else:
                    out = np.moveaxis(np.asarray(out), dim, 0)
                try:
                    assert_close(out, expected)
                except AssertionError as error:
                    raise AssertionError(f"dims {dims}, batch size {size}, output {i}: {error}") from None


@every_row
def test_batch_equals_loop(case, rng):
    primitive = PRIMITIVES[case.primitive]
    ranks = [np.ndim(x) for x in case.args]
    if not case.args or not case.batch:
        return
    f = functools.partial(run, case)
    if isinstance(primitive.batch, NotBatchable) and case.call is None:
        dims = (0,) * len(ranks)
        with pytest.raises(RuleError, match="cannot be batched"):
            batch_flat(f, MappedAxis(BATCH_SIZE), batched_args(case.args, dims, BATCH_SIZE), dims)
        return
    assert_batches(f, case.args, batch_combinations(ranks, MAX_COMBINATIONS, rng))


@rows_where(lambda case: differentiable_args(case) and case.batch)
def test_batch_of_derivatives(case, rng):
    """vmap of jvp and vmap of vjp, with everything mapped and with a random choice."""
    if isinstance(PRIMITIVES[case.primitive].batch, NotBatchable) and case.call is None:
        return
    f, xs = differentiable_part(case, differentiable_args(case))
    outs = f(*xs)
    if not outs:
        return
    n = len(xs)
    operands = [*xs, *(random_like(x, rng) for x in xs)]
    cotangents = [*xs, *(random_like(y, rng) for y in outs)]
    for g, args in (
        (lambda *a: tangents_of(f, a[:n], a[n:]), operands),
        (lambda *a: vjp(f, a[:n], a[n:]), cotangents),
    ):
        ranks = [np.ndim(x) for x in args]
        assert_batches(g, args, [(0,) * len(args), batch_combinations(ranks, 8, rng)[-1]])
