"""Programs in several modules: how they are divided, and that they compute what they do in one."""

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import grad, lax
from jaxlite.codegen import linking
from jaxlite.runtime import call, engine
from jaxlite.runtime import compile as compiler
from tests.test_compiled import check_program, program_of


@pytest.fixture
def modules(monkeypatch):
    """Divide every program into as many modules as there are functions; returns how many there were."""
    counts = []

    def build(name, texts):
        counts.append(len(texts))
        return whole(name, texts)

    whole = engine.build
    monkeypatch.setattr(engine, "build", build)
    monkeypatch.setattr(linking, "LEAST_TEXT", 1)
    monkeypatch.setattr(compiler.threads, "get_num_threads", lambda: 8)
    return counts


def softmax(x):
    e = jnp.exp(x - jnp.max(x, axis=1, keepdims=True))
    return jnp.sum((e / jnp.sum(e, axis=1, keepdims=True)) ** 2)


def scanned(x):
    def step(c, row):
        c = jnp.tanh(x @ c + row)
        return c, jnp.sum(c)

    c, sums = lax.scan(step, x[0], x)
    return jnp.sum(c) + jnp.sum(sums**2)


PROGRAMS = {
    "kernels": grad(softmax),
    "a loop": grad(scanned),
    "a constant": lambda x: jnp.cumsum(x * np.arange(900.0).reshape(30, 30), axis=0)[::-1] @ x,
    "a sort": lambda x: jnp.sort(x.ravel()) + jnp.median(x),
    "two sorts": lambda x: (jnp.sort(x.ravel()), jnp.argsort(-x.ravel())),
    "indices": lambda x: x[jnp.argmin(x, axis=1)] + jnp.sum(x),
    "a tape": grad(lambda x: jnp.sum(lax.while_loop(lambda v: jnp.sum(v) < 1e3, lambda v: v * 1.1 + 1, x))),
    "the host": lambda x: jaxlite.pure_callback(np.sin, x, x) + jnp.tanh(x).sum(),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_in_several_modules(modules, rng, name):
    function = PROGRAMS[name]
    check_program(lambda x: jaxlite.tree.leaves(function(x)), (rng.random((30, 30)) / 20,))
    assert max(modules) > 1


def test_threads_and_parts(modules, rng):
    before = jaxlite.get_num_threads()
    x = rng.standard_normal((300, 1000))
    with jaxlite.disable_jit():
        expected = grad(softmax)(x)
    jaxlite.set_num_threads(2)
    try:
        np.testing.assert_allclose(jaxlite.jit(grad(softmax))(x), expected, rtol=1e-12, atol=1e-15)
    finally:
        jaxlite.set_num_threads(before)
    assert max(modules) > 1


def test_callers_compiled_by_numba_link_all_modules(modules, rng):
    import numba

    x = rng.random((30, 30))
    g = jaxlite.jit(grad(scanned)).lower(x).compile().njit()

    @numba.njit
    def twice(x):
        return g(x) * 2.0

    np.testing.assert_allclose(twice(x), 2 * np.asarray(grad(scanned)(x)), rtol=1e-12)
    assert max(modules) > 1


def test_a_small_program_stays_whole():
    jaxpr, _ = program_of(lambda x: [jnp.sin(x)], (np.ones(3),))
    assert len(compiler.source_of(jaxpr, "small", 8).texts) == 1


def test_each_module_declares_what_it_calls(monkeypatch):
    monkeypatch.setattr(linking, "LEAST_TEXT", 500)
    jaxpr, _ = program_of(lambda x: [grad(softmax)(x)], (np.ones((400, 50)),))
    assert len(compiler.source_of(jaxpr, "whole").texts) == 1
    texts = compiler.source_of(jaxpr, "whole", 4).texts
    assert 1 < len(texts) <= 4
    for function in ("@jl_whole_k0(", "@jl_whole("):
        assert sum(f"define i64 {function}" in text for text in texts) == 1
    assert "jl_whole" in engine.assembly(texts)


@pytest.mark.parametrize("name", ["kernels", "a loop", "a sort", "indices"])
def test_results_are_the_same_bits_for_every_number_of_modules(modules, monkeypatch, rng, name):
    compiler.prepare()
    jaxpr, operands = program_of(lambda x: [PROGRAMS[name](x)], (rng.random((30, 30)) / 20,))
    results = []
    for most in (1, 2, 5):
        monkeypatch.setattr(compiler.threads, "get_num_threads", lambda most=most: most)
        code = compiler._build(jaxpr, f"bits_{name.replace(' ', '_')}_{most}", False)
        results += call.Program(jaxpr, code, None)(*operands)
    assert modules[0] == 1 < modules[1] <= modules[2]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_where_no_thread_starts_modules_are_compiled_one_after_the_other(modules, monkeypatch, rng):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(engine.Thread, "start", refuse)
    check_program(lambda x: [grad(softmax)(x)], (rng.random((31, 30)),))
    assert max(modules) > 1


def test_an_error_of_any_module_is_raised():
    good = "define i64 @jl_good_module() {\n  ret i64 0\n}"
    for texts in ([good, "no module"], ["no module", good]):
        with pytest.raises(RuntimeError, match="parsing error"):
            engine.build("jl_bad", texts)
