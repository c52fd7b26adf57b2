"""Loops that keep few carries for their reverse sweep: same numbers, less memory, the same bounds to the byte."""

from __future__ import annotations

import functools
import math
import os
import subprocess
import sys

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import grad, jit, jvp, lax, vmap
from jaxlite.control import revolve
from jaxlite.control.loop_checkpoints import segment_length
from jaxlite.counters import counters
from jaxlite.errors import ArgumentError
from jaxlite.runtime.compile import symbol_key
from jaxlite.tree_util import tree_leaves
from tests.tolerances import assert_close

Binomial, Budget = jaxlite.checkpoint_loops.Binomial, jaxlite.checkpoint_loops.Budget

FORMS = {
    "1": 1,
    "3": 3,
    "sqrt": "sqrt",
    "one snapshot": Binomial(1),
    "three snapshots": Binomial(3),
    "nine snapshots": Binomial(9),
}


def network(checkpoint, reverse=False):
    """A loop with a constant, an integer and two floats in the carry, slices, collected values."""

    def loss(w, start, xs):
        def step(carry, x):
            i, state, total = carry
            state = jnp.tanh(w @ state + x + 0.1 * i)
            return (i + 1, state, total + jnp.sum(state)), (state * x, i)

        (_, state, total), (ys, counts) = lax.scan(
            step, (0, start, 0.0), xs, reverse=reverse, checkpoint=checkpoint
        )
        return jnp.sum(state**2) + jnp.sum(ys * ys * (1.0 + counts[:, None])) + jnp.sin(total)

    return loss


def operands(rng, length):
    return 0.5 * rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=(length, 3))


def agree(f, g, *args):
    for got, expected in zip(tree_leaves(f(*args)), tree_leaves(g(*args)), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("form", "length"),
    [(form, 13) for form in FORMS.values()] + [(Binomial(1), n) for n in (0, 1, 2)] + [(1, 0), (3, 2)],
    ids=str,
)
def test_gradients_for_any_length(form, length, rng):
    for reverse in (False, True) if form in (3, Binomial(3)) else (False,):
        gradients = [jit(jaxlite.value_and_grad(network(c, reverse), (0, 1, 2))) for c in (form, None)]
        agree(*gradients, *operands(rng, length))


def gradient_norm(f):
    return lambda *args: sum(jnp.sum(jnp.sin(g)) for g in grad(f, (0, 1, 2))(*args))


@pytest.mark.parametrize("form", [pytest.param(3, marks=pytest.mark.slow), Binomial(2)], ids=str)
def test_lanes_and_second_order(form, rng):
    w, start, xs = operands(rng, 7)
    second = (jit(vmap(grad(gradient_norm(network(c)), (0, 1, 2)), (None, 0, None))) for c in (form, None))
    agree(*second, w, np.stack([start, -start]), xs)


@pytest.mark.slow
@pytest.mark.parametrize("form", [1, 3, "sqrt", Binomial(1), Binomial(2), Binomial(5), Budget(400)], ids=str)
def test_every_transformation(form, rng):
    w, start, xs = args = operands(rng, 7)
    loss, plain = network(form), network(None)

    agree(loss, plain, *args)
    agree(grad(loss, (0, 1, 2)), grad(plain, (0, 1, 2)), *args)
    agree(lambda *a: jit(jvp, static_argnums=0)(loss, a, a), lambda *a: jvp(plain, a, a), *args)
    agree(jit(grad(gradient_norm(loss), (0, 1, 2))), jit(grad(gradient_norm(plain), (0, 1, 2))), *args)
    lanes = np.stack([start, -start])
    agree(
        *(jit(vmap(grad(f, (0, 1, 2)), (None, 0, None))) for f in (loss, plain)),
        w, lanes, xs,
    )  # fmt: skip
    agree(*(jit(lambda s, f=f: jaxlite.hessian(f, 1)(w, s, xs)) for f in (loss, plain)), start)
    agree(*(jit(lambda s, f=f: jaxlite.jacfwd(grad(f, 1), 1)(w, s, xs)) for f in (loss, plain)), start)


def test_derivatives_against_a_closed_form():
    # xₙ = x₀ aⁿ, so ∂xₙ/∂a = n x₀ aⁿ⁻¹
    for form in (3, Binomial(2)):
        power = lambda a, form=form: lax.fori_loop(0, 23, lambda _, x: x * a, 2.0, checkpoint=form)  # noqa: E731
        assert_close(jit(grad(power))(1.1), 46.0 * 1.1**22)
        assert_close(jit(grad(grad(power)))(1.1), 46.0 * 22.0 * 1.1**21)


@pytest.mark.parametrize(
    ("dtype", "form"), [(np.float32, Binomial(2)), (np.complex128, Binomial(2)), (np.float32, 3)]
)
def test_other_dtypes(dtype, form):
    x = np.linspace(0.5, 1.0, 3).astype(dtype)

    def loss(x, form=form):
        return jnp.abs(jnp.sum(lax.scan(lambda c, _: (c * x, c), x, length=8, checkpoint=form)[1])) ** 2

    got = jit(grad(loss))(x)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, grad(lambda x: loss(x, None))(x), rtol=1e-5)


@pytest.mark.parametrize("form", [2, Binomial(2)], ids=str)
def test_states_without_elements(form):
    loss = lambda x: jnp.sum(lax.scan(lambda c, _: (jnp.sin(c), None), x, length=5, checkpoint=form)[0])  # noqa: E731
    assert jit(grad(loss))(np.zeros((0, 2))).shape == (0, 2)


@pytest.mark.parametrize("form", [2, Binomial(2)], ids=str)
def test_policies_inside_of_the_body(form):
    policy = jaxlite.checkpoint_policies.save_only_these_names("kept")

    def loss(x, checkpoint, wrap):
        def step(c, _):
            kept = jaxlite.checkpoint_name(jnp.sin(c * x), "kept")
            return jnp.exp(-kept * kept), None

        return jnp.sum(lax.scan(wrap(step), x, length=11, checkpoint=checkpoint)[0])

    x = np.linspace(0.1, 1.0, 3)
    with_policy = lambda x: loss(x, form, lambda f: jaxlite.checkpoint(f, policy=policy))  # noqa: E731
    agree(jit(grad(with_policy)), grad(lambda x: loss(x, None, lambda f: f)), x)
    agree(
        jit(grad(lambda x: jnp.sum(grad(with_policy)(x)))), grad(lambda x: jnp.sum(grad(with_policy)(x))), x
    )


# --- what is stored -----------------------------------------------------------------------------------


def long_loop(steps, checkpoint):
    def loss(x):
        step = lambda c, _: (c + 1e-3 * jnp.sin(c * x), None)  # noqa: E731
        return jnp.sum(lax.scan(step, x, length=steps, checkpoint=checkpoint)[0] ** 2)

    return loss


def temporaries(checkpoint, steps=10_000):
    gradient = jit(grad(long_loop(steps, checkpoint)))
    return gradient.lower(np.ones(10)).compile().memory_analysis().temp_size_in_bytes


def test_working_memory():
    carry = 80
    everything = temporaries(None)
    assert everything >= 10_000 * carry
    assert temporaries(100) <= (100 + 100) * 2 * carry
    assert temporaries("sqrt") == temporaries(True) == temporaries(100)
    assert temporaries(Binomial(20)) <= 100 * carry
    for budget in (10**7, 10**5, 10**4):
        assert temporaries(Budget(budget)) <= budget
    assert temporaries(Budget(10**7)) == everything


def test_second_derivatives_keep_as_little():
    def curvature(checkpoint):
        second = jit(grad(lambda x: jnp.sum(grad(long_loop(10_000, checkpoint))(x))))
        return second.lower(np.ones(10)).compile().memory_analysis().temp_size_in_bytes

    assert 20 * curvature("sqrt") < curvature(None)


def test_compiled_once_and_without_calls_of_numpy():
    for form in (100, "sqrt", Binomial(5), Budget(5000)):
        gradient = jit(grad(long_loop(3000, form)))
        x, before = np.linspace(0.1, 1.0, 10), (counters.num_compiles, counters.num_host_calls)
        first, second = gradient(x), gradient(x)
        assert counters.num_compiles == before[0] + 1
        assert counters.num_host_calls == before[1]
        np.testing.assert_array_equal(first, second)


def reversed_by(schedule_of, length, snapshots):
    """Run the schedule in Python; return the steps in the order of their reversal, and how many ran forward."""
    runs = 0

    def run(carry, start, stop):
        nonlocal runs
        assert int(carry[0]) == int(start)
        runs += int(stop) - int(start)
        return [np.int64(stop)]

    with jaxlite.disable_jit():
        step, state = schedule_of(
            [np.int64(0)], [], run, lambda carry, rows, cts: (cts, []), length, snapshots
        )
        order = []
        for _ in range(length):
            state, _ = step(state, ())
            order.append(int(state[0]))
    return order, runs


@pytest.mark.parametrize(("length", "snapshots"), [(2, 1), (5, 1), (9, 2), (17, 3), (23, 4), (40, 3)])
def test_the_schedule_runs_the_fewest_steps(length, snapshots):
    order, runs = reversed_by(revolve._schedule, length, snapshots)
    assert order == list(range(length))[::-1]
    # Griewank & Walther: t n − β(s + 1, t − 1), where the last step of each run is the one that is transposed.
    t = next(t for t in range(length) if math.comb(snapshots + t, snapshots) >= length)
    assert runs == t * length - math.comb(snapshots + t, t - 1)


def test_segments_of_about_the_root():

    assert [segment_length(n) for n in (1, 2, 16, 100, 10**6)] == [1, 1, 4, 10, 1000]
    for n in (7, 13, 10_007, 999_983):
        assert segment_length(n) == math.isqrt(n)


# --- loops of unknown length --------------------------------------------------------------------------


def decay(checkpoint):
    def f(x, limit):
        step = lambda c: (c[0] + 0.1, jnp.sin(c[1]) * limit)  # noqa: E731
        return lax.while_loop(lambda c: c[0] < limit, step, (0.0, x), checkpoint=checkpoint)[1]

    return f


@pytest.mark.parametrize("form", [4, "sqrt"])
def test_while_loops(form):
    loss, plain, args = decay(form), decay(None), (0.3, 1.7)
    agree(*(jit(jaxlite.value_and_grad(f, (0, 1))) for f in (loss, plain)), *args)
    agree(*(jit(grad(grad(f, 1), 0)) for f in (loss, plain)), *args)
    agree(*(jit(lambda *a, f=f: jvp(f, a, a)) for f in (loss, plain)), *args)
    ragged = np.array([0.3, 0.2, 0.1]), np.array([1.2, -1.0, 2.5])
    agree(*(jit(vmap(grad(f, (0, 1)))) for f in (loss, plain)), *ragged)


def test_a_traced_bound():
    def power(n, a, checkpoint):
        return lax.fori_loop(0, n, lambda _, x: x * a, 1.0, checkpoint=checkpoint)

    for form in (4, "sqrt"):
        gradient = jit(grad(lambda n, a, form=form: power(n, a, form), 1))
        assert_close(gradient(9, 1.1), 9 * 1.1**8)
        assert gradient(0, 1.1) == 0.0


# --- errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda x: lax.scan(lambda c, _: (c, None), x, length=3, checkpoint="all"), "scan got checkpoint='all'"),
        (lambda x: lax.scan(lambda c, _: (c, None), x, length=3, checkpoint=0.5), "scan got checkpoint=0.5"),
        (lambda x: lax.scan(lambda c, _: (c, None), x, length=3, checkpoint=-1), "at least 1 step, got -1"),
        (lambda x: lax.while_loop(lambda c: c < 1, lambda c: c, x, checkpoint=0), "while_loop needs checkpoint=k"),
        (lambda x: decay(Binomial(3))(x, 1.0), r"checkpoint=Binomial\(snapshots=3\) needs a loop of known length"),
        (lambda x: decay(Budget(100))(x, 1.0), r"checkpoint=Budget\(bytes=100\) needs a loop of known length"),
        (lambda x: Binomial(0), "Binomial needs snapshots of at least 1, an integer, got 0"),
        (lambda x: Budget(2.5), "Budget needs bytes of at least 1, an integer, got 2.5"),
        (lambda x: long_loop(100, Budget(100))(np.ones(10)), r"Budget\(bytes=100\) is too little for this loop"),
        (
            lambda x: lax.scan(lambda c, _: (decay(None)(c, 1.0), None), x, length=3, checkpoint=Budget(999)),
            "cannot tell how much this loop needs",
        ),
    ],
)  # fmt: skip
def test_errors(use, message):
    with pytest.raises(ArgumentError, match=message):
        use(1.0)


def test_no_steps_at_all():
    for checkpoint in (True, "sqrt", 3):

        def f(x, checkpoint=checkpoint):
            return lax.scan(lambda c, y: (jnp.sin(c) * y, None), x, np.zeros(0), checkpoint=checkpoint)[0]

        assert jaxlite.grad(f)(1.5) == 1.0


def test_programs_of_all_forms_are_found_on_disk():
    """No form puts an array of its own into the program, which no other process could know again."""

    def loss(x, checkpoint):
        step = lambda x, _: (jnp.sin(x) * x, None)  # noqa: E731
        return jnp.sum(lax.scan(step, x, None, length=40, checkpoint=checkpoint)[0])

    for checkpoint in (*FORMS.values(), Budget(bytes=200)):
        jaxpr = jaxlite.make_jaxpr(grad(functools.partial(loss, checkpoint=checkpoint)))(np.ones(2)).jaxpr
        assert symbol_key(jaxpr)[1], checkpoint
        assert str(jaxlite.parse_jaxpr(str(jaxpr))) == str(jaxpr)


def test_the_line_of_a_bad_form_is_the_users():
    with pytest.raises(ArgumentError, match=r"test_loop_checkpoints.py:\d+"):
        Binomial(snapshots=0)


# --- memory that no analysis tells ----------------------------------------------------------------------


GROWTH = """
import resource
import sys

import numpy as np

import jaxlite
from jaxlite import grad, jit, lax, vmap

def wave(x, n, checkpoint=None):
    return lax.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, np.sin(c[1])), (0, x), checkpoint=checkpoint)[1]

def descent(x, n):
    return lax.fori_loop(0, n, lambda i, x: x - 0.01 * grad(lambda x: (wave(x, 20) ** 2).sum())(x), x)

PROGRAMS = {
    # Rows of 80 bytes, 160 MB without the checkpoints.
    "sqrt": (lambda x, n: grad(lambda x: wave(x, n, "sqrt").sum())(x), 2_000_000),
    "every 1,000": (lambda x, n: grad(lambda x: wave(x, n, 1_000).sum())(x), 2_000_000),
    # A tape of 20 rows in each step.
    "descent": (descent, 100_000),
    "descents": (lambda x, n: vmap(descent, (0, None))(np.stack([x[:1], x[:1]]), n), 50_000),
    "adjoint of descent": (lambda x, n: grad(lambda x: lax.while_loop(
        lambda c: c[0] < n, lambda c: (c[0] + 1, descent(c[1], 3)), (0, x), checkpoint="sqrt")[1].sum())(x), 30_000),
}
PROGRAM
f, n = PROGRAMS[name]
f, x = jit(f), np.ones(10)
f(x, 10)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
f(x, n)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(grown * (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.skipif(
    os.name == "nt", reason="Python on Windows has no module resource, which tells the memory taken"
)
@pytest.mark.parametrize("name", ["sqrt", "every 1,000", "descent", "descents", "adjoint of descent"])
def test_tapes_of_a_step_do_not_outlive_it(name):
    script = GROWTH.replace("\nPROGRAM\n", f"\nname = {name!r}\n", 1)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    # Each of these took 31 MB to 1.4 GB.
    assert int(done.stdout) < 16_000_000
