"""Threads: traces belong to the thread that made them, caches are shared.

    main thread      EVAL <- jit(f)          worker thread     EVAL

A new thread starts outside of any trace, whatever its parent is doing.
"""

from __future__ import annotations

import concurrent.futures
import contextvars
import threading

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import lax
from jaxlite.config import jit_is_disabled
from jaxlite.counters import counters
from jaxlite.errors import UnexpectedTracerError
from jaxlite.trace import EVAL, current_trace

NUM_THREADS = 8
X = np.array([0.3, 1.1, 0.7])


def run_together(*jobs) -> list:
    """Run functions in one thread each, all started at the same moment; returns their results in order."""
    barrier = threading.Barrier(len(jobs))

    def run(job):
        barrier.wait()
        return job()

    with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result() for future in [pool.submit(run, job) for job in jobs]]


def cubic(x):
    return jnp.sum(x**3)


def with_loop(x):
    return lax.scan(lambda carry, a: (carry * a + jnp.sin(carry), carry), 0.5, x)[0]


def with_python_branch(x):
    return jnp.sum(jnp.exp(x)) if np.size(x) > 2 else jnp.sum(x)


TRANSFORMED = {
    "grad": jaxlite.grad(cubic),
    "jit of grad": jaxlite.jit(jaxlite.grad(cubic)),
    "grad of jit": jaxlite.grad(jaxlite.jit(cubic)),
    "hessian": jaxlite.hessian(cubic),
    "vmap of grad": lambda x: jaxlite.vmap(jaxlite.grad(cubic))(jnp.stack([x, 2.0 * x])),
    "grad of scan": jaxlite.grad(with_loop),
    "jvp": lambda x: jaxlite.jvp(with_python_branch, (x,), (x,))[1],
    "jacfwd of grad of scan": jaxlite.jacfwd(jaxlite.grad(jaxlite.jit(with_loop))),
}


def test_different_transformations_at_once():
    expected = [np.asarray(f(X)) for f in TRANSFORMED.values()]
    jobs = [lambda f=f: [np.asarray(f(X)) for _ in range(20)] for f in TRANSFORMED.values()]
    assert len(jobs) == NUM_THREADS
    for repeated, one in zip(run_together(*jobs), expected, strict=True):
        for result in repeated:
            np.testing.assert_array_equal(result, one)
    assert current_trace() is EVAL


def test_functions_made_in_each_thread():
    def job(scale):
        f = jaxlite.jit(lambda x: jnp.sum(jnp.sin(scale * x)))
        return np.asarray(jaxlite.grad(f)(X))

    results = run_together(*(lambda k=k: job(float(k)) for k in range(NUM_THREADS)))
    for k, result in enumerate(results):
        np.testing.assert_allclose(result, k * np.cos(k * X), rtol=1e-14)


@pytest.mark.parametrize(
    "apply", [lambda f, x: f(x), lambda f, x: jaxlite.grad(f)(x), lambda f, x: jaxlite.hessian(f)(x)]
)
def test_first_call_of_one_jitted_function_from_many_threads(apply):
    f = jaxlite.jit(lambda x: jnp.sum(jnp.sin(x) * x))
    before = counters.num_traces
    results = run_together(*(lambda: np.asarray(apply(f, X)) for _ in range(NUM_THREADS)))
    assert counters.num_traces - before <= NUM_THREADS
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])
    after = counters.num_traces
    apply(f, X)
    assert counters.num_traces == after


def test_threads_with_different_types_share_a_function():
    f = jaxlite.jit(lambda x: x * 2)
    dtypes = [np.float64, np.float32, np.int64, np.int32, np.complex128, np.float16, np.int8, np.uint8]
    results = run_together(*(lambda d=d: [f(np.ones(n, d)) for n in range(1, 5)] for d in dtypes))
    for of_dtype, dtype in zip(results, dtypes, strict=True):
        assert [(r.dtype, r.shape) for r in of_dtype] == [(np.dtype(dtype), (n,)) for n in range(1, 5)]


def test_counting_is_exact():
    before = counters.num_traces
    run_together(*(lambda: [jaxlite.jit(lambda x: x)(1.0) for _ in range(50)] for _ in range(NUM_THREADS)))
    assert counters.num_traces - before == 50 * NUM_THREADS


def in_thread(call):
    """Run a function in a new thread and return its result, or the exception it raised."""
    results = []

    def run():
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return results[0]


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: jaxlite.jit(f)(1.0),
        lambda f: jaxlite.grad(f)(1.0),
        lambda f: jaxlite.vmap(f)(X),
        lambda f: jaxlite.jvp(f, (1.0,), (1.0,)),
        lambda f: lax.scan(lambda c, x: (c, f(x)), 0.0, X),
        lambda f: jaxlite.checkpoint(f)(1.0),
    ],
)
def test_new_thread_starts_outside_of_any_trace(transform):
    seen = []

    def f(x):
        seen.append(in_thread(lambda: (current_trace(), jaxlite.grad(np.sin)(0.0))))
        return x

    transform(f)
    assert seen
    assert all(trace is EVAL and slope == 1.0 for trace, slope in seen)


def test_settings_of_a_context_stay_in_its_thread():
    with jaxlite.disable_jit():
        assert jit_is_disabled()
        assert in_thread(jit_is_disabled) is False


def test_tracer_sent_to_another_thread():
    def f(x):
        result = in_thread(lambda: x * 2.0)
        assert isinstance(result, UnexpectedTracerError)
        assert "jit(f)" in str(result)
        return x

    assert jaxlite.jit(f)(3.0) == 3.0


def test_context_copied_to_another_thread_carries_the_trace():
    """Who copies the context on purpose, as asyncio does, goes on tracing."""

    def f(x):
        context = contextvars.copy_context()
        return in_thread(lambda: context.run(lambda: x * 2.0))

    assert jaxlite.grad(f)(3.0) == 2.0


def test_exception_in_one_thread_leaves_the_others_alone():
    def fails():
        for _ in range(20):
            with pytest.raises(ZeroDivisionError):
                jaxlite.grad(jaxlite.jit(lambda x: x / (1 // 0)))(1.0)
        return current_trace() is EVAL

    def works():
        return [float(jaxlite.grad(lambda x: x**3)(2.0)) for _ in range(20)]

    results = run_together(fails, works, fails, works)
    assert results == [True, [12.0] * 20, True, [12.0] * 20]


def test_generator_of_traced_values_advances_in_its_own_trace():
    """Two gradients that take turns with one generator each do not mix."""

    def powers(x):
        y = x
        while True:
            yield y
            y = y * x

    def f(x):
        mine = powers(x)
        next(mine)
        inner = jaxlite.grad(lambda z: next(mine) * z)(1.0)
        return inner + next(mine)

    # x² + x³, the square being a constant of the inner gradient.
    assert jaxlite.grad(f)(2.0) == 4.0 + 12.0
