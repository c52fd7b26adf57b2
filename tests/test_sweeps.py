"""Loops over what every step reads: which go back and forth, which inputs are aligned, and that results stay."""

import pytest

import jaxlite.numpy as jnp
from jaxlite import grad, lax
from jaxlite.codegen import sweeps
from jaxlite.codegen.loops import For, Kernel, Let, Switch, walk
from tests.test_kernels import check, loops_of


@pytest.fixture
def small_caches(monkeypatch):
    monkeypatch.setattr(sweeps, "FIRST_CACHE", 256)
    monkeypatch.setattr(sweeps, "SMALLEST_COPY", 256)
    monkeypatch.setattr(sweeps, "LEAST_READS", 16)


def network(h, w, x):
    def step(h, x):
        h = jnp.tanh(w @ h + x)
        return h, h[0]

    h, heads = lax.scan(step, h, x)
    return jnp.sum(h**2) + jnp.sum(heads)


def network_args(rng, steps, n):
    return rng.standard_normal(n), rng.standard_normal((n, n)) / n, rng.standard_normal((steps, n))


def turned(loops) -> list[For]:
    """Return the loops that begin with twice the parity of the step around them."""
    odd = {s.out for s in walk(loops.body) if isinstance(s, Let) and s.op == "and"}
    nests = [s for s in walk(loops.body) if isinstance(s, For) and isinstance(s.body[0], Let)]
    return [s for s in nests if s.body[0].op == "mul" and s.body[0].args[0] in odd]


def aligned(loops) -> list[str]:
    return names_of_copies(loops.body)


def names_of_copies(block) -> list[str]:
    return [s.name for s in block if isinstance(s, Kernel) and s.comment == "aligned"]


@pytest.mark.parametrize("steps", [1, 2, 16, 17, 21])
@pytest.mark.parametrize("n", [8, 24, 13])
def test_networks_compute_what_they_did(small_caches, rng, steps, n):
    args = network_args(rng, steps, n)
    check(network, args)
    check(lambda *args: jnp.concatenate([x.ravel() for x in grad(network, argnums=(0, 1, 2))(*args)]), args)


def test_products_of_both_loops_are_turned_and_read_one_copy(small_caches, rng):
    loops = loops_of(grad(network, argnums=1), *network_args(rng, 40, 24))
    assert len(turned(loops)) == 2
    assert len(aligned(loops)) == 1


def test_what_fits_into_the_first_cache_is_not_turned(rng):
    loops = loops_of(network, *network_args(rng, 40, 24))
    assert not turned(loops)


def test_rows_that_begin_within_lines_are_not_copied(small_caches, rng):
    assert not aligned(loops_of(network, *network_args(rng, 40, 21)))


def test_few_steps_do_not_copy(small_caches, rng):
    assert not aligned(loops_of(network, *network_args(rng, 4, 24)))


def test_branches_copy_what_their_own_loops_read(small_caches, rng):
    def run(i, h, w, x):
        def inner(h):
            return lax.cond(i > 2, lambda h: network(h, w, x), lambda h: network(h, w, -x), h)

        return lax.switch(i, [lambda h: h[0], lambda h: network(h, w.T, x), inner], h)

    args = network_args(rng, 20, 24)
    for i in range(4):
        check(run, (i, *args))
        check(lambda *args: grad(run, argnums=2)(*args).ravel(), (i, *args))
    loops = loops_of(run, 1, *args)
    assert not aligned(loops)
    (switch,) = [s for s in loops.body if isinstance(s, Switch)]
    (inner,) = [s for s in switch.branches[2] if isinstance(s, Switch)]
    copies = [names_of_copies(block) for block in (*switch.branches, *inner.branches)]
    assert [len(names) for names in copies] == [0, 1, 0, 1, 1]
    assert len({name for names in copies for name in names}) == 3


def test_what_a_step_changes_stays(small_caches, rng):
    def run(w):
        def step(i, w):
            h = w @ w[0]
            return w.at[i % 24].set(h / 10)

        return lax.fori_loop(0, 40, step, w)

    w = rng.standard_normal((24, 24)) / 5
    check(run, (w,))
    loops = loops_of(run, w)
    assert not turned(loops) and not aligned(loops)


def test_copies_lie_in_no_output(small_caches, rng):
    loops = loops_of(grad(network, argnums=1), *network_args(rng, 40, 24))
    (copy,) = [b for b in loops.buffers if b.is_aligned]
    assert copy.within is None and copy.offset % 64 == 0
