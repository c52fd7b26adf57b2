"""The row table under ``jit``: NumPy's implementation, the loop program in plain Python and the machine code agree.

Each row is run as it is, and as what the transformations make of it: pushed forward, pulled back, batched.
"""

from __future__ import annotations

import numba
import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import lax
from jaxlite.codegen.builder import Builder
from jaxlite.codegen.emit_llvm import emit
from jaxlite.codegen.loops import Buffer, LoopProgram
from jaxlite.codegen.render_python import flat, namespace
from jaxlite.codegen.render_python import run as run_python
from jaxlite.codegen.source import loop_program
from jaxlite.config import config, disable_jit
from jaxlite.dtypes import is_inexact
from jaxlite.interpreters.evaluate import run_jaxpr
from jaxlite.interpreters.stage import stage
from jaxlite.ir import Tape, lift_constvars
from jaxlite.passes.pipeline import optimize
from jaxlite.runtime.compile import compile_jaxpr
from jaxlite.test_util import tolerance_of
from jaxlite.trace import aval_of
from tests.rows import CASES
from tests.sampling import one_in
from tests.test_passes import random_case
from tests.test_primitives import run

F64 = np.dtype(np.float64)
# Larger rows would only make the plain Python loops slow.
LARGEST_IN_PYTHON = 20_000


def compare(got, expected, what: str, operands=()) -> None:
    """Fail unless type and value agree, up to some ulps for each of the operations that lie between."""
    assert len(got) == len(expected)
    for a, b in zip(got, expected, strict=True):
        if not isinstance(b, np.ndarray | np.generic):
            continue
        a, b = np.asarray(a), np.asarray(b)
        assert (a.dtype, a.shape) == (b.dtype, b.shape), what
        if not is_inexact(b.dtype):
            np.testing.assert_array_equal(a, b, err_msg=what)
            continue
        rtol = tolerance_of(b.dtype).rounding
        # What cancels to nothing is as exact as what it was computed from.
        atol = rtol * max(_largest(x) for x in (b, *operands))
        # Sums of numbers near the largest overflow in the comparison itself.
        with np.errstate(over="ignore"):
            for u, v in zip(parts(a), parts(b), strict=True):
                np.testing.assert_allclose(u, v, rtol=rtol, atol=atol, equal_nan=True, err_msg=what)


def parts(x: np.ndarray) -> tuple[np.ndarray, ...]:
    """Split complex numbers: where one part is infinite, the other is compared all the same."""
    return (x.real, x.imag) if x.dtype.kind == "c" else (x,)


def _largest(x) -> float:
    x = np.abs(np.asarray(x)) if np.asarray(x).dtype.kind in "fc" else np.zeros(0)
    return float(x[np.isfinite(x)].max(initial=0.0))


def program_of(function, args):
    jaxpr, consts = stage(function, [aval_of(x).strip_weak_type() for x in args])
    return lift_constvars(jaxpr), [*map(np.asarray, consts), *map(np.asarray, args)]


def check_program(function, args) -> None:
    jaxpr, operands = program_of(function, args)
    with np.errstate(all="ignore"):
        expected = run_jaxpr(optimize(jaxpr), *operands)
    copies = [np.array(x) for x in operands]
    compare(compile_jaxpr(jaxpr)(*operands), expected, "machine code", operands)
    for x, copy in zip(operands, copies, strict=True):
        np.testing.assert_array_equal(x, copy, err_msg="an input was written")
    avals = (*jaxpr.in_avals, *jaxpr.out_avals)
    small = sum(x.size for x in operands) <= LARGEST_IN_PYTHON
    if small and not any(isinstance(aval, Tape) for aval in avals):
        loops = loop_program(optimize(jaxpr))
        if not loops.has_host_calls:
            with np.errstate(all="ignore"):
                got = run_python(loops, *operands, out_avals=jaxpr.out_avals)
                compare(got, expected, "loop program in Python", operands)


every_row = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
some_rows = pytest.mark.parametrize("case", one_in(6, CASES), ids=lambda case: case.id)


@pytest.mark.parametrize("case", one_in(4, CASES), ids=lambda case: case.id)
def test_row(case):
    check_program(lambda *xs: list(run(case, *xs)), case.args)


# What is told to be constant, or has no derivative without a rule of the user's.
CONSTANT_ARGS = {"polygamma": (0,), "hyp1f1": (0, 1), "hyp2f1": (0, 1, 2), "ormqr": (0, 1)}
NOT_DIFFERENTIABLE = (
    *("pure_callback", "io_callback", "schur", "hessenberg"),
    *("geqrf", "gehrd", "tridiagonal", "householder_product"),
)


def has_free_basis(case) -> bool:
    """Whether some of the singular vectors are any basis of what the others leave."""
    return case.primitive == "svd" and case.params["full_matrices"] and case.derivatives is None


def differentiable(case):
    constant = CONSTANT_ARGS.get(case.primitive, ())
    return [i for i, x in enumerate(case.args) if is_inexact(np.asarray(x).dtype) and i not in constant]


@some_rows
def test_row_forward_and_backward(case):
    at = differentiable(case)
    if not at or has_free_basis(case):
        check_program(lambda *xs: list(run(case, *xs)), case.args)
        return

    if case.primitive in NOT_DIFFERENTIABLE:
        return

    def of_floats(*some):
        args = list(case.args)
        for i, x in zip(at, some, strict=True):
            args[i] = x
        return [y for y in run(case, *args) if is_inexact(aval_of(y).dtype)]

    primals = [np.asarray(case.args[i]) for i in at]
    if not of_floats(*primals):
        return

    def forward(*xs):
        outs, tangents = jaxlite.jvp(lambda *p: of_floats(*p), tuple(xs), tuple(xs))
        return [*outs, *tangents]

    def backward(*xs):
        outs, pull = jaxlite.vjp(lambda *p: of_floats(*p), *xs)
        return list(pull(outs))

    check_program(forward, primals)
    check_program(backward, primals)


def test_results_are_new_arrays():
    jaxpr, operands = program_of(lambda x: [x, x], (np.arange(3.0),))
    a, b = compile_jaxpr(jaxpr)(*operands)
    assert not np.shares_memory(a, b)
    assert not np.shares_memory(a, operands[0])


def njit_form(loops):
    """Compile the Python form with numba."""
    _, space = namespace(loops)
    return numba.njit(error_model="numpy")(space[loops.name])


def _grown(x):
    return lax.while_loop(lambda c: c.sum() < 50, lambda c: 1.5 * abs(c) + jnp.sin(c), x).sum()


PROGRAMS = {
    "elementwise": (lambda x, y: (jnp.sin(x) * y + jnp.exp(-x), jnp.where(x > y, x, jnp.tanh(y))), 2),
    "reductions": (lambda x, y: (jnp.sum(x * y), jnp.max(x, 0), jnp.argmin(y, 1), jnp.cumsum(x, 1)), 2),
    "structure": (
        lambda x, y: (jnp.pad(x.T, 1)[::-1], jnp.concatenate([x, y[:, ::-1]]), jnp.roll(x, 2, 0)),
        2,
    ),
    "products": (lambda x, y: (x @ y.T, jnp.tanh(x.T @ y)), 2),
    "integers": (
        lambda x, y: ((7 * x).astype(int) // 3 % 5, (9 * y).astype(np.int32) << 2, jnp.sort(x, 1)),
        2,
    ),
    "indexing": (
        lambda x, y: (
            x[:, np.array([2, 0])],
            x.at[1].add(y[0]),
            jnp.take_along_axis(x, jnp.argsort(y, 1), 1),
        ),
        2,
    ),
    "scan": (lambda x, y: lax.scan(lambda c, a: (c * 0.5 + a, jnp.sin(c)), x[0], y), 2),
    "while": (
        lambda x: lax.while_loop(lambda c: c[0].sum() < 50, lambda c: (c[0] * 1.5 + 1, c[1] + 1), (x, 0)),
        1,
    ),
    "cond": (lambda x: lax.cond(jnp.sum(x) > 0, lambda x: (x * 2, 1.0), lambda x: (-x, jnp.sum(x)), x), 1),
    "tapes": (lambda x: jaxlite.grad(_grown)(x[0]), 1),
    "factors": (
        lambda x, y: (
            jnp.linalg.cholesky(x @ x.T + jnp.eye(4)),
            jnp.linalg.solve(x[:, :4], y),
            jnp.linalg.slogdet(y[:, :4] + 1j * x[:, :4]),
            lax.linalg.triangular_solve(jnp.tril(x[:, :4]) + 1j * y[:, :4], y + 1j * x, left_side=True),
        ),
        2,
    ),
    "complex": (lambda x, y: (jnp.exp(x + 1j * y) * (x - 1j), jnp.abs((x + 1j * y) / (y + 2j))), 2),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_python_form_runs_under_numba(name, rng):
    function, number = PROGRAMS[name]
    args = tuple(rng.normal(size=(4, 5)) for _ in range(number))
    jaxpr, operands = program_of(lambda *xs: jaxlite.tree.leaves(function(*xs)), args)
    loops = loop_program(optimize(jaxpr))
    assert not loops.has_host_calls
    check_under_numba(jaxpr, operands, loops)


def check_under_numba(jaxpr, operands, loops) -> None:
    program = njit_form(loops)
    results = [np.empty(a.shape, a.dtype) for a in jaxpr.out_avals]
    inputs = [flat(x, b) for x, b in zip(operands, loops.inputs, strict=True)]
    program(*inputs, *(flat(y, b) for y, b in zip(results, loops.outputs, strict=True)))
    with np.errstate(all="ignore"):
        expected = run_jaxpr(optimize(jaxpr), *operands)
    compare(results, expected, "compiled by numba", operands)


# Numba takes a second for each: every run of the slow tests has a sample.
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES[::16], ids=lambda case: case.id)
def test_row_under_numba(case):
    jaxpr, operands = program_of(lambda *xs: list(run(case, *xs)), case.args)
    loops = loop_program(optimize(jaxpr))
    takes_tapes = any(isinstance(aval, Tape) for aval in (*jaxpr.in_avals, *jaxpr.out_avals))
    if not loops.has_host_calls and not takes_tapes:
        check_under_numba(jaxpr, operands, loops)


def check_random(seeds) -> None:
    for seed in seeds:
        jaxpr, operands = random_case(seed)
        with np.errstate(all="ignore"), disable_jit():
            expected = run_jaxpr(optimize(jaxpr), *operands)
        compare(compile_jaxpr(jaxpr)(*operands), expected, f"seed {seed}", operands)


def test_random_programs_agree():
    check_random(range(40))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_a_thousand_random_programs_agree(block):
    check_random(range(50 * block, 50 * (block + 1)))


@pytest.mark.slow
@every_row
def test_row_with_bounds_checks(case):
    config.update("jax_bounds_checks", True)
    try:
        check_program(lambda *xs: list(run(case, *xs)), case.args)
    finally:
        config.update("jax_bounds_checks", False)


def test_bounds_checks_see_a_wild_access():
    loops = LoopProgram("program", [Buffer("x0", F64, 3, "input")], [Buffer("y0", F64, 1, "output")])
    b = Builder()
    b.store(loops.outputs[0], 0, b.load(loops.inputs[0], 5))
    loops.body = b.statements
    (text,) = emit(loops, "wild", bounds_checks=True).texts()
    assert "icmp ult i64" in text and "ret i64 -2" in text
