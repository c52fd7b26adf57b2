"""Threads in compiled programs: the pool itself, what is split, and results that are the same bits for every number.

Values are compared with NumPy's; `counters.num_launches` tells that the path through threads was taken.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
import scipy

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import grad, jit, lax, nn
from jaxlite.codegen import thread_pool
from jaxlite.codegen.loops import For, walk
from jaxlite.codegen.render_python import run
from jaxlite.codegen.source import loop_program
from jaxlite.config import config
from jaxlite.counters import counters
from jaxlite.errors import ArgumentError
from jaxlite.passes.pipeline import optimize
from jaxlite.runtime import symbols, threads

NUMBERS = (1, 2, 3, 8)
CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.fixture(autouse=True)
def _number_of_threads():
    before = jaxlite.get_num_threads()
    yield
    jaxlite.set_num_threads(before)


def launches_of(call) -> int:
    before = counters.num_launches
    call()
    return counters.num_launches - before


def is_split(f, *args) -> bool:
    return "@jl_launch" in jit(f).lower(*args).as_text("llvm")


# --- the pool ---------------------------------------------------------------------------------------

PART = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
POLL = ctypes.CFUNCTYPE(ctypes.c_int64)


@pytest.fixture(scope="module")
def launch():
    """Launch a Python function: ``launch(part, number)``; the pool's threads take Python's lock for it."""
    jit(lambda x: x)(1.0)
    kind = ctypes.CFUNCTYPE(
        ctypes.c_int64, PART, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_bool
    )
    function = kind(symbols.address_of("jl_launch"))
    return lambda part, parts, poll=None, blas=False: function(PART(part), None, parts, poll, blas)


@pytest.mark.parametrize("number", NUMBERS)
def test_each_part_runs_once(launch, number):
    jaxlite.set_num_threads(number)
    for parts in (1, 2, 5, 64):
        for _ in range(10):
            seen = []

            def note(context, part, thread, seen=seen):
                seen.append((part, thread))
                return 0

            assert launch(note, parts) == 0
            assert sorted(part for part, _ in seen) == list(range(parts))
            assert {thread for _, thread in seen} <= set(range(min(number, parts)))


def test_no_part_is_lost_while_workers_fall_asleep(launch):
    jaxlite.set_num_threads(3)
    for spins in (0, 1, 20):
        threads._words[thread_pool.SPINS] = spins
        for parts in (2, 3, 4) * 50:
            seen = []
            launch(lambda context, part, thread, seen=seen: seen.append(part) or 0, parts)
            assert sorted(seen) == list(range(parts))


@pytest.mark.parametrize("number", NUMBERS)
def test_threads_work_at_the_same_time(launch, number):
    jaxlite.set_num_threads(number)
    together = threading.Barrier(number)

    def part(context, k, thread):
        together.wait(timeout=60)
        return 0

    before = counters.num_launches
    assert launch(part, number) == 0
    assert counters.num_launches - before == (number > 1)


@pytest.mark.parametrize("number", [1, 3])
def test_a_part_that_fails_ends_the_launch(launch, number):
    jaxlite.set_num_threads(number)
    seen = []

    def part(context, k, thread):
        seen.append(k)
        return 7 if k == 5 else 0

    assert launch(part, 10_000) == 7
    assert 6 <= len(seen) < 10_000
    assert launch(lambda context, k, thread: 0, 10) == 0


@pytest.mark.parametrize("number", [1, 3])
def test_the_caller_polls_between_its_parts(launch, number):
    jaxlite.set_num_threads(number)
    main, polled, seen = threading.get_ident(), [], []

    @POLL
    def poll():
        polled.append(threading.get_ident())
        return -1 if len(polled) == 3 else 0

    def part(context, k, thread):
        seen.append(k)
        # Leaves parts to the caller, which may be slow to come.
        while thread and len(polled) < 3:
            pass
        return 0

    assert launch(part, 10_000, ctypes.cast(poll, ctypes.c_void_p)) == -1
    assert set(polled) == {main}
    assert len(seen) < 10_000


def test_a_launch_inside_of_a_part_runs_in_its_thread(launch):
    jaxlite.set_num_threads(3)
    inner = []

    def part(context, k, thread):
        me = threading.get_ident()
        assert (
            launch(lambda context, j, thread: inner.append((k, j, me == threading.get_ident())) or 0, 4) == 0
        )
        return 0

    before = counters.num_launches
    assert launch(part, 6) == 0
    assert counters.num_launches == before + 1
    assert sorted(inner) == [(k, j, True) for k in range(6) for j in range(4)]


def test_launches_of_several_threads_do_not_meet(launch):
    jaxlite.set_num_threads(3)
    results = []

    def call(name):
        for _ in range(30):
            seen = []
            launch(lambda context, k, thread, seen=seen: seen.append(k) or 0, 7)
            results.append(sorted(seen) == list(range(7)))

    callers = [threading.Thread(target=call, args=(k,)) for k in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert results == [True] * 120


# --- the setting ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, -1, 257, 1.5, "2.0", None, True])
def test_what_is_no_number_of_threads_is_refused(n):
    before = jaxlite.get_num_threads()
    with pytest.raises(ArgumentError, match=r"is no number of threads[\s\S]*integer from 1 to 256[\s\S]*fix"):
        jaxlite.set_num_threads(n)
    assert jaxlite.get_num_threads() == before


def test_the_number_is_read_back():
    for n in (3, np.int64(2), 1):
        jaxlite.set_num_threads(n)
        assert jaxlite.get_num_threads() == n


@pytest.fixture(scope="module")
def openblas_threads():
    """What tells how many threads SciPy's OpenBLAS uses; SciPy may have been built with another BLAS."""
    import scipy.linalg.cython_blas as cython_blas

    library = ctypes.CDLL(cython_blas.__file__)
    for spelling in threads._SPELLINGS:
        if hasattr(library, spelling % "get"):
            return library[spelling % "get"]
    blas = scipy.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    assert blas != "scipy-openblas", "a wheel that brings OpenBLAS along, whose functions are not found"
    pytest.skip(
        f"this SciPy was built for the BLAS {blas!r} and calls no OpenBLAS, as wheels for macOS that use Accelerate: "
        "jaxlite sets the threads of no other"
    )


def test_openblas_follows(openblas_threads):
    for n in (1, 2, 100):
        jaxlite.set_num_threads(n)
        assert openblas_threads() == min(n, CPUS)


def test_openblas_keeps_to_its_caller_inside_of_parts(launch, openblas_threads):
    jit(lambda a: a @ a)(np.ones((100, 100)))
    get_threads = threads._words[thread_pool.GET_BLAS]
    assert get_threads == threads._address(openblas_threads)
    getter = ctypes.CFUNCTYPE(ctypes.c_int)(get_threads)
    jaxlite.set_num_threads(3)
    seen = []

    def part(context, k, thread):
        seen.append(getter())
        return 0

    launch(part, 8, None, True)
    assert seen == [1] * 8
    assert getter() == min(3, CPUS)


def run_script(script: str, **env) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        env=os.environ | {"JAXLITE_CACHE": "0"} | env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_the_variable_sets_the_number():
    script = """
        import jaxlite
        try:
            print(jaxlite.get_num_threads())
        except jaxlite.errors.ArgumentError as error:
            print(str(error).splitlines()[0])
    """
    assert run_script(script, JAXLITE_NUM_THREADS="5") == "5"
    assert "JAXLITE_NUM_THREADS: 'many' is no number" in run_script(script, JAXLITE_NUM_THREADS="many")
    assert run_script(script, JAXLITE_NUM_THREADS="") == str(min(CPUS, 256))


# --- programs ---------------------------------------------------------------------------------------


def positive(n: int, size: int) -> np.ndarray:
    m = np.random.default_rng(1).normal(size=(n, size, size))
    return m @ np.swapaxes(m, 1, 2) + size * np.eye(size)


def steps(x):
    def body(c, _):
        c = jnp.sin(c) + 0.1 * jnp.exp(-c * c)
        return c, jnp.sum(c)

    return lax.scan(body, x, None, length=3)


def layer_norm(x, gain):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-5) * gain


V = np.linspace(-3.0, 3.0, 40_001)
A = np.sin(np.arange(30_000.0)).reshape(150, 200)
NARROW = np.cos(np.arange(60_000.0)).reshape(20_000, 3)
COMPLEX = V * (1.0 - 0.5j)
M, RIGHT = positive(300, 12), np.ones((300, 12, 1))
PLACES = (np.arange(40_001) * 7919) % 40_001

PROGRAMS = {
    "elements": (lambda x: np.sin(x) * np.exp(-x), (V,)),
    "floats": (lambda x: np.sin(x) * np.exp(-x), (V.astype(np.float32),)),
    "bools": (lambda x: np.sin(x) * np.exp(x) > 0.3, (V,)),
    "complex elements": (lambda x: np.exp(x) * x, (COMPLEX,)),
    "matrix and its transpose": (lambda x: np.sin(x.T) * np.exp(x.T), (A,)),
    "two long rows": (lambda x: np.sin(x) * np.exp(x), (V[:-1].reshape(2, 20_000).repeat(3, 1),)),
    "sum": (lambda x: np.sum(np.sin(x) * np.exp(x)), (V,)),
    "complex sum": (lambda x: np.sum(np.exp(x)), (COMPLEX,)),
    "maximum": (lambda x: np.max(np.sin(x) * np.exp(x)), (V,)),
    "product of integers": (lambda x: np.prod(x), (2 * np.arange(300_000) + 1,)),
    "sum of a matrix": (lambda x: np.sum(np.sin(x) * np.exp(x)), (A,)),
    "sums of rows": (lambda x: np.sum(np.sin(x) * np.exp(x), 1), (A,)),
    "sums of columns": (lambda x: np.sum(np.sin(x) * np.exp(x), 0), (A,)),
    "maxima of narrow columns": (lambda x: np.max(np.sin(x) * np.exp(x), 0), (NARROW,)),
    "complex sums of columns": (lambda x: np.sum(np.exp(x), 0), (COMPLEX[:-1].reshape(-1, 8),)),
    "several": (lambda x: (np.sum(np.sin(x)), np.max(np.exp(x)), np.cos(x)), (V,)),
    "softmax": (nn.softmax, (A,)),
    "gradient of softmax": (grad(lambda x: np.sum(nn.softmax(x) ** 2)), (A,)),
    "gradient of layer norm": (
        grad(lambda g, x: np.sum(np.sin(layer_norm(x, g))), argnums=(0, 1)), (np.ones(200), A)
    ),
    "cholesky": (jnp.linalg.cholesky, (M,)),
    "solve": (jnp.linalg.solve, (M, RIGHT)),
    "small inverses": (jnp.linalg.inv, (positive(6_000, 3),)),
    "products of a batch": (lambda m: m @ m, (positive(100, 20),)),
    "sorted rows": (lambda x: np.sort(x, 1), (A,)),
    "sorted columns": (lambda x: np.argsort(x, 0), (A,)),
    "running sums of rows": (lambda x: np.cumsum(np.sin(x) * np.exp(x), 1), (A,)),
    "gather": (lambda x: np.sin(jnp.take(x, PLACES)) * jnp.exp(x), (V,)),
    "scan": (steps, (V,)),
    "gradient of scan": (grad(lambda x: steps(x)[1].sum()), (V,)),
    "branch": (lambda x: lax.cond(x[0] < 0, lambda x: np.sin(x) * np.exp(x), lambda x: x, x), (V,)),
}  # fmt: skip


def arrays(out) -> list[np.ndarray]:
    return [np.asarray(x) for x in jaxlite.tree.leaves(out)]


@pytest.mark.parametrize("name", PROGRAMS)
def test_results_are_the_same_bits_for_every_number(name):
    f, args = PROGRAMS[name]
    expected, g = arrays(f(*args)), jit(f)
    results = {}
    for number in NUMBERS:
        jaxlite.set_num_threads(number)
        before = counters.num_launches
        results[number] = arrays(g(*args))
        assert (counters.num_launches > before) == (number > 1)
    compiles = counters.num_compiles
    jaxlite.set_num_threads(2)
    g(*args)
    assert counters.num_compiles == compiles
    for found in results.values():
        for x, first, known in zip(found, results[1], expected, strict=True):
            assert x.dtype == known.dtype
            np.testing.assert_array_equal(x, first)
            tolerance = 1e-5 if known.dtype == np.float32 else 1e-11
            np.testing.assert_allclose(x, known, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["elements", "gradient of layer norm", "solve", "scan", "sorted columns"])
def test_no_access_leaves_its_buffer(name):
    f, args = PROGRAMS[name]
    config.update("jax_bounds_checks", True)
    try:
        jaxlite.set_num_threads(3)
        found = arrays(jit(lambda *x: f(*x))(*args))
    finally:
        config.update("jax_bounds_checks", False)
    for x, known in zip(found, arrays(f(*args)), strict=True):
        np.testing.assert_allclose(x, known, rtol=1e-11, atol=1e-11)


def loops_of(f, *args):
    return loop_program(optimize(jaxlite.make_jaxpr(f)(*args).jaxpr))


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: (np.sum(np.exp(x)), np.sin(x)), np.linspace(0.0, 1.0, 40_000)),
        (lambda x: np.sum(np.sin(x) * np.exp(x), 0), np.linspace(0.0, 1.0, 40_000).reshape(5_000, 8)),
    ],
)
def test_the_text_of_a_split_program_runs(f, x):
    loops = loops_of(f, x)
    assert any(isinstance(s, For) and s.kind == "parts" for s in walk(loops.body))
    found = run(loops, x)
    known = arrays(jit(f)(x))
    for a, b in zip(found, known, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


def test_little_work_is_not_split():
    for f, x in [
        (lambda x: np.sin(x), np.ones(100)),
        (lambda x: x + 1.0, np.ones(10_000)),
        (lambda x: np.sum(x), np.ones(10_000)),
        (lambda x: lax.scan(lambda c, a: (c * a, np.sin(c)), 1.0, x)[0], np.ones(100_000)),
    ]:
        assert not is_split(f, x)


def test_additions_to_computed_places_stay_in_one_thread():
    x, places = np.linspace(0.0, 1.0, 100_000), np.arange(100_000) % 17

    def f(x):
        return jnp.zeros(17).at[places].add(x)

    jaxlite.set_num_threads(3)
    np.testing.assert_allclose(jit(f)(x), np.bincount(places, x), rtol=1e-12)


def test_large_products_are_left_to_openblas():
    a = np.ones((20, 200, 200))
    assert not is_split(lambda a: a @ a, a[0])
    assert not is_split(lambda a: a @ a, a[:4])
    assert is_split(lambda a: a @ a, a)


def test_threads_have_copies_of_rows():
    one_row = 200 * 8
    memory = jit(lambda x: nn.softmax(x)).lower(A).compile().memory_analysis()
    assert memory.temp_size_in_bytes % (-(-one_row // 64) * 64) == 0
    assert memory.temp_size_in_bytes > one_row


# --- callers ----------------------------------------------------------------------------------------


def test_many_callers_at_once():
    jaxlite.set_num_threads(2)
    f = jit(PROGRAMS["gradient of layer norm"][0])
    args = [(np.full(200, 1.0 + k), A + k) for k in range(4)]
    expected = [arrays(f(*a)) for a in args]
    fine = []

    def call(k):
        for _ in range(20):
            found = arrays(f(*args[k]))
            fine.append(all((x == y).all() for x, y in zip(found, expected[k], strict=True)))

    callers = [threading.Thread(target=call, args=(k,)) for k in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert fine == [True] * 80


def test_the_number_may_change_while_programs_run():
    f, args = jit(PROGRAMS["softmax"][0]), PROGRAMS["softmax"][1]
    expected = arrays(f(*args))[0]
    done, fine = threading.Event(), []

    def call():
        while not done.is_set():
            fine.append((arrays(f(*args))[0] == expected).all())

    caller = threading.Thread(target=call)
    caller.start()
    for k in range(200):
        jaxlite.set_num_threads(1 + k % 4)
        f(*args)
    done.set()
    caller.join()
    assert all(fine)


def test_a_callback_calls_another_split_program():
    jaxlite.set_num_threads(2)
    inner = jit(lambda x: np.sin(x) * np.exp(-x))
    inner(V)
    split_inside = []

    def callback(x):
        split_inside.append(launches_of(lambda: inner(np.asarray(x))))
        return np.asarray(inner(np.asarray(x)))

    @jit
    def outer(x):
        y = jaxlite.pure_callback(
            callback, jaxlite.ShapeDtypeStruct(V.shape, V.dtype), np.cos(x) * np.exp(-x * x)
        )
        return np.sum(np.sin(y) * np.exp(y))

    y = np.cos(V) * np.exp(-V * V)
    y = np.sin(y) * np.exp(-y)
    np.testing.assert_allclose(outer(V), np.sum(np.sin(y) * np.exp(y)), rtol=1e-11)
    assert split_inside == [1]


def test_an_exception_in_a_callback_leaves_the_pool_free():
    jaxlite.set_num_threads(2)

    def fail(x):
        raise RuntimeError("not today")

    @jit
    def f(x):
        y = jaxlite.pure_callback(fail, jaxlite.ShapeDtypeStruct(V.shape, V.dtype), np.sin(x) * np.exp(x))
        return np.sin(y) * np.exp(y)

    with pytest.raises(RuntimeError, match="not today"):
        f(V)
    g = jit(PROGRAMS["elements"][0])
    assert launches_of(lambda: g(V)) == 1


def test_programs_are_split_inside_of_numba():
    import numba

    f = PROGRAMS["sum"][0]
    compiled = jit(f).lower(V).compile()
    inner = compiled.njit()

    @numba.njit
    def twice(x):
        return inner(x) + inner(x)

    jaxlite.set_num_threads(2)
    before = counters.num_launches
    assert twice(V) == 2.0 * float(compiled(V))
    assert counters.num_launches - before == 3


# --- processes --------------------------------------------------------------------------------------

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
PREPARE = """
    import os, sys, threading, numpy as np, jaxlite
    from jaxlite.counters import counters
    x = np.linspace(0.0, 1.0, 40_000)
    f = jaxlite.jit(lambda x: np.sin(x) * np.exp(-x))
    jaxlite.set_num_threads(2)
    expected = np.array(f(x))
"""


@needs_fork
def test_a_forked_child_starts_threads_of_its_own():
    script = """
        stop = threading.Event()
        def call():
            while not stop.is_set():
                f(x)
        # Forks happen while the pool is idle, and while another thread uses it.
        codes = []
        for k in range(10):
            if k == 3:
                callers = [threading.Thread(target=call) for _ in range(2)]
                for caller in callers:
                    caller.start()
            pid = os.fork()
            if pid == 0:
                before = counters.num_launches
                same = all((np.array(f(x)) == expected).all() for _ in range(20))
                os._exit(0 if same and counters.num_launches == before + 20 else 1)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        stop.set()
        for caller in callers:
            caller.join()
        assert (np.array(f(x)) == expected).all()
        print(codes)
    """
    script = textwrap.dedent(PREPARE) + textwrap.dedent(script)
    # Python 3.12 warns of forks beside threads.
    assert run_script(f"import warnings; warnings.simplefilter('ignore')\n{script}") == str([0] * 10)


@pytest.mark.parametrize("busy", [False, True])
def test_a_process_ends_while_its_threads_live(busy):
    script = """
        def call():
            while True:
                f(x)
        if BUSY:
            threading.Thread(target=call, daemon=True).start()
        print("done", flush=True)
    """
    script = textwrap.dedent(PREPARE) + textwrap.dedent(script).replace("BUSY", str(busy))
    assert run_script(script) == "done"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals of POSIX")
def test_ctrl_c_ends_a_long_launch():
    script = """
        import signal
        def handler(*_):
            raise KeyboardInterrupt
        signal.signal(signal.SIGALRM, handler)
        y = np.linspace(0.0, 1.0, 2_000_000)
        def many(x):
            for _ in range(60):
                x = np.sin(x) + np.exp(-x)
            return x
        g = jaxlite.jit(many)
        c = g.lower(y).compile()
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            while True:
                c(y)
        except KeyboardInterrupt:
            print("interrupted")
        assert (np.array(f(x)) == expected).all()
    """
    assert run_script(textwrap.dedent(PREPARE) + textwrap.dedent(script)) == "interrupted"


def test_the_pool_is_known_by_its_words():
    """The state that machine code and Python share lies at a cache line and begins with the number of threads."""
    jaxlite.set_num_threads(2)
    address = threads.address_of_words()
    assert address % 64 == 0
    assert ctypes.c_int64.from_address(address).value == 2
