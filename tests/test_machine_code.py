"""Compiled programs from outside: entries, counters, errors, threads, the cache on disk, and the stages to look at."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import grad, jit, jvp, lax, linearize, vjp, vmap
from jaxlite.codegen.cost import polling_interval
from jaxlite.codegen.loops import For, walk
from jaxlite.codegen.source import loop_program
from jaxlite.config import config, disable_jit
from jaxlite.control.jit import NO_MATCH
from jaxlite.counters import counters
from jaxlite.errors import CacheWarning, JAXIndexError
from jaxlite.passes.pipeline import optimize
from jaxlite.passes.stable_key import stable_key
from jaxlite.runtime.cache import Cache

X = np.array([0.3, -1.2, 2.5, 0.7])


class Counted:
    """Counts of the work inside a ``with`` block."""

    def __enter__(self):
        self.before = dict(vars(counters))
        return self

    def __exit__(self, *exc_info):
        after = vars(counters)
        self.of = {k: v - self.before[k] for k, v in after.items() if isinstance(v, int)}

    def __getattr__(self, name):
        return self.of[f"num_{name}"]


def loss(x):
    return jnp.sum(jnp.tanh(x) ** 2)


# --- calls ------------------------------------------------------------------------------------------


def entry_of(f, *args):
    f(*args)
    (entry,) = f._entries
    return entry


def test_the_second_call_is_machine_code_alone():
    f = jit(lambda x, y: (x * y, x + 1.0))
    f(X, X)
    with Counted() as count:
        a, b = f(X, X)
    assert (count.traces, count.compiles, count.ordinary_calls, count.interpreted_calls) == (0, 0, 0, 0)
    assert type(a) is jaxlite.Array
    np.testing.assert_array_equal(a, X * X)
    np.testing.assert_array_equal(b, X + 1.0)


@pytest.mark.parametrize(
    "other",
    [
        X.astype(np.float32),
        X[:3],
        X[::2].repeat(2)[::2],
        X[None],
        list(X),
        2.0,
        np.asfortranarray(np.ones((2, 2))),
    ],
    ids=["dtype", "shape", "strides", "rank", "list", "number", "matrix"],
)
def test_an_entry_takes_only_what_it_was_made_for(other):
    entry = entry_of(jit(lambda x: x * 2.0), X)
    assert entry(other if other is not X else 0) is NO_MATCH or np.shape(other) == X.shape
    assert entry() is NO_MATCH
    assert entry(X, X) is NO_MATCH


@pytest.mark.parametrize(
    "argument",
    [
        np.arange(8.0)[::2],
        np.arange(4.0).astype(">f8"),
        np.arange(4.0)[::-1],
        np.lib.stride_tricks.as_strided(np.ones(1), (4,), (0,)),
        jnp.arange(4.0),
    ],
    ids=["strided", "byte-swapped", "reversed", "broadcast", "Array"],
)
def test_any_layout_is_accepted(argument):
    f = jit(lambda x: jnp.sin(x) + x)
    np.testing.assert_allclose(f(argument), np.sin(argument) + argument, rtol=1e-15)


def test_inputs_may_be_read_only_and_are_not_written():
    x = X.copy()
    x.flags.writeable = False
    y = jit(lambda x: x.at[0].set(9.0))(x)
    assert y[0] == 9.0
    np.testing.assert_array_equal(x, X)


def test_python_numbers_stay_weak_and_have_their_own_program():
    f = jit(lambda x, y: x * y)
    x = X.astype(np.float32)
    for _ in range(2):
        assert f(x, 2.0).dtype == np.float32
        assert f(x, np.float64(2.0)).dtype == np.float64
        assert f(2, 3).dtype == np.int64
        assert f(True, True).dtype == np.bool_
        assert f(2j, 1.0) == 2j


def test_integers_that_do_not_fit_are_refused():
    f = jit(lambda n: n + 1)
    assert f(2**62) == 2**62 + 1
    with pytest.raises(OverflowError):
        f(2**64)


def test_pytrees_go_in_and_come_out():
    f = jit(lambda d: {k: 2 * v for k, v in d.items()} | {"total": sum(v.sum() for v in d.values())})
    d = {f"k{i}": np.full(3, float(i)) for i in range(10)}
    f(d)
    with Counted() as count:
        out = f(d)
    assert (count.traces, count.compiles) == (0, 0)
    assert out["total"] == 135.0
    np.testing.assert_array_equal(out["k4"], [8.0, 8.0, 8.0])


def test_captured_arrays_are_arguments():
    w = np.arange(4.0)
    f = jit(lambda x: x @ w)
    assert f(X) == pytest.approx(X @ w)
    with Counted() as count:
        f(X)
    assert (count.traces, count.compiles) == (0, 0)


def test_a_transformation_does_not_end_in_the_entry():
    f = jit(loss)
    f(X)
    jaxpr = jaxlite.make_jaxpr(lambda y: f(X) + y)(1.0)
    assert [eqn.primitive.name for eqn in jaxpr.eqns] == ["jit", "add"]
    with disable_jit(), Counted() as count:
        f(X)
    assert count.compiles == 0


def test_calls_leak_nothing():
    f = jit(lambda x, y: (x + y, x * 2.0))
    f(X, 1.5)
    none, x_count = sys.getrefcount(None), sys.getrefcount(X)
    descr = sys.getrefcount(np.dtype("f8"))
    for _ in range(20_000):
        f(X, 1.5)
    assert abs(sys.getrefcount(X) - x_count) < 10
    assert abs(sys.getrefcount(None) - none) < 1000
    assert abs(sys.getrefcount(np.dtype("f8")) - descr) < 1000


def test_zero_sizes_and_scalars():
    f = jit(lambda x: (x * 2, jnp.sum(x), jnp.concatenate([x, x])))
    a, b, c = f(np.zeros((0, 3)))
    assert (a.shape, b, c.shape) == ((0, 3), 0.0, (0, 3))


# --- transformations of jitted functions ------------------------------------------------------------


@pytest.mark.parametrize(
    "transformed",
    [
        lambda f: grad(f)(X),
        lambda f: vmap(f)(np.stack([X, X])),
        lambda f: jvp(f, (X,), (X,)),
        lambda f: vjp(f, X)[1](1.0),
        lambda f: linearize(f, X)[1](X),
        lambda f: grad(lambda x: grad(f)(x).sum())(X),
        lambda f: vmap(grad(f))(np.stack([X, X])),
    ],
    ids=["grad", "vmap", "jvp", "vjp", "linearize", "grad of grad", "vmap of grad"],
)
def test_transformed_a_second_time_nothing_is_recorded_or_compiled(transformed):
    f = jit(loss)
    first = transformed(f)
    with Counted() as count:
        second = transformed(f)
    assert (count.traces, count.compiles, count.interpreted_calls, count.host_calls) == (0, 0, 0, 0)
    for a, b in zip(jaxlite.tree.leaves(first), jaxlite.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_tape_goes_from_the_forward_to_the_backward_program():
    def root(a):
        return lax.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: 0.5 * (x + a / x), a)

    f = jit(root)
    assert grad(f)(2.0) == pytest.approx(0.5 / np.sqrt(2.0))
    assert grad(grad(f))(2.0) == pytest.approx(-0.25 / 2**1.5)
    with Counted() as count:
        assert jit(grad(root))(2.0) == pytest.approx(0.5 / np.sqrt(2.0))
    assert (count.host_calls, count.interpreted_calls) == (0, 0)


def test_tapes_are_kept_for_whichever_program_comes_next():
    """Programs with rows of different widths take turns, also in threads, which must not see each other's tapes."""

    def slope(width, functions):
        def body(c):
            v = c[1]
            for _ in range(functions):
                v = jnp.sin(v) * v + 0.1
            return c[0] + 1, v

        def f(x, n):
            return jnp.sum(lax.while_loop(lambda c: c[0] < n, body, (0, x * jnp.ones(width)))[1])

        return jit(jaxlite.vmap(grad(f)))

    programs = [slope(width, functions) for width in (1, 5) for functions in (1, 2)]
    args = np.linspace(0.1, 0.9, 6), np.array([3, 40, 0, 17, 2, 5])
    expected = [program(*args) for program in programs]

    def run(start):
        return all(
            np.array_equal(programs[k % 4](*args), expected[k % 4]) for k in range(start, 100 * start + 100)
        )

    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(run, range(3)))


# --- errors -----------------------------------------------------------------------------------------


def test_an_index_out_of_range_names_the_users_line():
    f = jit(lambda x, i: x[i] * 2.0)
    assert f(X, 1) == X[1] * 2.0
    for _ in range(2):
        with pytest.raises(JAXIndexError, match=r"index 7 is out of bounds for axis 0 with size 4") as caught:
            f(X, 7)
        assert "test_machine_code.py" in str(caught.value)
    with pytest.raises(JAXIndexError, match="index -9 is out of bounds"):
        f(X, -9)
    assert f(X, -1) == X[-1] * 2.0


def test_an_exception_in_a_callback_comes_out_with_its_traceback():
    class Mine(Exception):
        pass

    def callback(x):
        if x[0] > 1:
            raise Mine("too large")
        return x

    f = jit(lambda x: jaxlite.pure_callback(callback, jaxlite.ShapeDtypeStruct((4,), float), x) + 1.0)
    with Counted() as count:
        np.testing.assert_array_equal(f(np.zeros(4)), np.ones(4))
    assert count.host_calls == 1
    with pytest.raises(Mine, match="too large") as caught:
        f(np.full(4, 2.0))
    assert "callback" in [entry.name for entry in caught.traceback]
    np.testing.assert_array_equal(f(np.zeros(4)), np.ones(4))


def test_a_callback_may_enter_the_same_program():
    depth = []

    @jit
    def f(x):
        big = jnp.cumsum(jnp.sin(jnp.arange(500.0) + x))
        return jaxlite.pure_callback(inner, jaxlite.ShapeDtypeStruct((), float), x) + big[-1] - big[-1]

    def inner(x):
        depth.append(1)
        return np.asarray(f(x - 1.0) + 1.0 if x > 0 else 0.0)

    assert f(3.0) == pytest.approx(3.0)
    assert len(depth) == 4


def test_ctrl_c_stops_a_native_loop(tmp_path):
    script = """
        import signal, threading, os, time
        import jaxlite
        from jaxlite import lax
        # A shell's background jobs are started without it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        f = jaxlite.jit(lambda x: lax.while_loop(lambda v: v > -1.0, lambda v: v * 0.5 + 1.0, x))

        def press():
            # Once while the loop runs, and again where the first came while it was being compiled.
            while True:
                time.sleep(3.0)
                os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=press, daemon=True).start()
        try:
            f(1.0)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            print("stopped")
    """
    assert run_script(script, tmp_path).strip() == "stopped"


def test_what_a_signal_handler_raises_comes_out(tmp_path):
    script = """
        import signal
        import jaxlite
        from jaxlite import lax

        class TooLong(Exception):
            pass

        def handler(*args):
            raise TooLong("enough")

        f = jaxlite.jit(lambda x: lax.fori_loop(0, 10**12, lambda i, v: v * 0.5 + 1.0, x))
        signal.signal(signal.SIGALRM, handler)
        signal.alarm(3)
        try:
            f(1.0)
        except TooLong as error:
            print(error)
    """
    assert run_script(script, tmp_path).strip() == "enough"


EAGER = {
    "scan": lambda x: lax.scan(lambda c, y: (c * 0.5 + y, c), x[0], x),
    "while_loop": lambda x: lax.while_loop(lambda c: c < 10.0, lambda c: c * 1.5 + 1.0, x[0]),
    "fori_loop": lambda x: lax.fori_loop(0, 5, lambda i, c: c * 1.5, x),
    "cond": lambda x: lax.cond(x[0] > 0, jnp.sin, jnp.cos, x),
    "gradient": lambda x: grad(lambda a: lax.while_loop(lambda c: c < 10.0, lambda c: c * 1.5 + a, a))(x[0]),
}


@pytest.mark.parametrize("name", EAGER)
def test_eager_control_flow_is_compiled_once(name):
    run = EAGER[name]
    with disable_jit(), Counted() as interpreted:
        expected = run(X)
    first = run(X)
    with Counted() as count:
        again = run(X)
    assert (interpreted.compiles, count.compiles, count.interpreted_calls) == (0, 0, 0)
    for a, b, c in zip(*map(leaves_of, (expected, first, again)), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-14)
        np.testing.assert_array_equal(c, b)


def leaves_of(tree):
    return jaxlite.tree_util.tree_leaves(tree)


def test_cleared_caches_record_again():
    f = jit(lambda x: x * 2.0)
    f(X)
    jaxlite.clear_caches()
    with Counted() as count:
        np.testing.assert_array_equal(f(X), 2 * X)
    assert (count.traces, count.compiles) == (1, 0)


def test_long_sums_of_small_arrays_are_scheduled():
    xs = [np.full(3, float(k)) for k in range(700)]
    np.testing.assert_array_equal(jit(lambda *xs: sum(x * 1.5 for x in xs))(*xs), 3 * [1.5 * sum(range(700))])


@pytest.mark.parametrize("shape", [(), (3,), (100,)])
def test_text_grows_with_the_number_of_arrays_and_not_with_its_square(shape):
    def size(n):
        return len(jit(lambda *xs: [x * 1.5 for x in xs]).lower(*[np.ones(shape)] * n).as_text("llvm"))

    assert size(400) < 2.2 * size(200)


def test_a_signal_within_a_callback_is_never_lost(tmp_path):
    script = """
        import signal
        import numpy as np
        import jaxlite
        from jaxlite import lax

        result = jaxlite.ShapeDtypeStruct((), float)
        step = lambda i, c: jaxlite.pure_callback(lambda v: np.float64(v + 1.0), result, c)
        f = jaxlite.jit(lambda n: lax.fori_loop(0, n, step, 0.0))
        f(10)

        def handler(*args):
            raise TimeoutError

        signal.signal(signal.SIGALRM, handler)
        outcomes = set()
        for k in range(40):
            signal.setitimer(signal.ITIMER_REAL, 0.01 + 0.001 * k)
            try:
                outcomes.add(float(f(100_000)))
            except TimeoutError:
                outcomes.add("stopped")
            signal.setitimer(signal.ITIMER_REAL, 0)
        print(outcomes)
    """
    assert run_script(script, tmp_path).strip() == "{'stopped'}"


def test_loops_look_at_ctrl_c_by_their_work():
    def polls(function, *args):
        # In a loop, or between the parts of one that threads share.
        text = jit(function).lower(*args).as_text("llvm")
        return text.count("call i64 @jl_poll") + text.count("ptr @jl_poll")

    def nest(x, y):
        return jnp.sum(jnp.exp(jnp.sin(x[:, None] * y[None, :])))

    def steps(x):
        return lax.fori_loop(0, 1000, lambda i, c: jnp.sin(c), x)

    small, large = np.ones(100), np.ones(30_000)
    assert polls(nest, small, small) == 0
    assert polls(nest, large, large) == 1
    (loop,) = (s for s in walk(loop_of(steps, np.ones(10**6)).body) if isinstance(s, For) and s.polls)
    assert polling_interval(loop) == 1
    (loop,) = (s for s in walk(loop_of(steps, 1.0).body) if isinstance(s, For) and s.polls)
    assert polling_interval(loop) == 2**16


def loop_of(function, *args):
    return loop_program(optimize(jit(function).trace(*args).jaxpr.jaxpr))


# --- threads ----------------------------------------------------------------------------------------


def test_threads_call_and_compile_at_once():
    f = jit(lambda x: jnp.cumsum(jnp.sin(x)))
    x = np.linspace(0, 1, 1000)
    expected, wrong = np.cumsum(np.sin(x)), []

    def work(k):
        g = jit(lambda x: jnp.sum(x) * float(k))
        for _ in range(50):
            if not np.allclose(f(x), expected) or not np.isclose(g(x), x.sum() * k):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def test_a_forked_child_goes_on(tmp_path):
    script = """
        import os, numpy as np, jaxlite, jaxlite.numpy as jnp
        f = jaxlite.jit(lambda x: jnp.cumsum(x * 2.0))
        f(np.ones(1000))
        pid = os.fork()
        if pid == 0:
            ok = f(np.ones(1000))[-1] == 2000.0 and jaxlite.jit(lambda x: x + 3.0)(1.0) == 4.0
            os._exit(0 if ok else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """
    assert run_script(script, tmp_path).strip() == "0"


def test_a_fork_waits_for_compilations(tmp_path):
    script = """
        import faulthandler, os, threading, jaxlite
        jaxlite.jit(lambda x: x)(1.0)
        count, done = [0], []

        def compile_on():
            while not done:
                count[0] += 1
                jaxlite.jit(lambda x: x * 2 + count[0])(1.0)

        threads = [threading.Thread(target=compile_on) for _ in range(3)]
        for t in threads:
            t.start()
        codes = set()
        for k in range(8):
            pid = os.fork()
            if pid == 0:
                faulthandler.dump_traceback_later(60, exit=True)
                os._exit(0 if jaxlite.jit(lambda x: x * 3 + k)(2.0) == 6 + k else 2)
            codes.add(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        done.append(True)
        for t in threads:
            t.join()
        print(codes)
    """
    assert run_script(script, tmp_path).strip() == "{0}"


# --- the cache --------------------------------------------------------------------------------------


def run_script(script: str, folder, **env) -> str:
    """Run a program in a process of its own, with its cache in ``folder``."""
    env = os.environ | {"JAXLITE_CACHE_DIR": str(folder), "JAXLITE_CACHE": "1"} | env
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        env=env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


PROGRAM = """
    import numpy as np, jaxlite, jaxlite.numpy as jnp
    from jaxlite.counters import counters
    f = jaxlite.jit(jaxlite.grad(lambda x: jnp.sum(jnp.tanh(x @ np.eye(30)) ** 2)))
    out = f(np.full(30, 0.5))
    assert np.allclose(out, 2 * np.tanh(0.5) / np.cosh(0.5) ** 2), out
    print(counters.num_compiles, counters.num_cache_hits)
"""


def files_in(folder):
    return [p for p in folder.glob("*/*") if p.is_file()]


def programs_in(folder):
    """Return the files of programs; links to them and libraries of functions that they call have shorter names."""
    return [p for p in files_in(folder) if len(p.name) == 40]


def test_a_second_process_compiles_nothing(tmp_path):
    assert run_script(PROGRAM, tmp_path) == "1 0\n"
    assert run_script(PROGRAM, tmp_path, PYTHONHASHSEED="7") == "0 1\n"
    (tmp_path).chmod(0o700)
    assert len(programs_in(tmp_path)) == 1


def test_a_damaged_file_is_a_miss(tmp_path):
    run_script(PROGRAM, tmp_path)
    (path,) = programs_in(tmp_path)
    for size in (0, 10, 40, path.stat().st_size // 2):
        path.write_bytes(path.read_bytes()[:size])
        assert run_script(PROGRAM, tmp_path) == "1 0\n"
    assert run_script(PROGRAM, tmp_path) == "0 1\n"


def test_a_damaged_library_of_a_function_is_compiled_again(tmp_path):
    run_script(PROGRAM, tmp_path)
    # For one number, and for a register of them.
    libraries = [p for p in files_in(tmp_path) if len(p.name) == 38]
    sizes = [path.stat().st_size for path in libraries]
    assert libraries
    for path in libraries:
        path.write_bytes(path.read_bytes()[:-10])
    assert run_script(PROGRAM, tmp_path) == "0 1\n"
    assert [path.stat().st_size for path in libraries] == sizes


def test_every_flipped_byte_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXLITE_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("JAXLITE_CACHE", "1")
    cache, key, payload = Cache(), "ab" * 20, os.urandom(3000)
    cache.store(key, payload)
    assert cache.load(key) == payload
    (path,) = files_in(tmp_path)
    whole = path.read_bytes()
    for k in range(len(whole)):
        path.write_bytes(whole[:k] + bytes([whole[k] ^ 0x40]) + whole[k + 1 :])
        assert cache.load(key) is None, k
    path.write_bytes(whole)
    assert cache.load(key) == payload
    path.unlink()
    path.mkdir()
    assert cache.load(key) is None


def test_a_disk_that_cannot_be_written_is_warned_of_once(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXLITE_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("JAXLITE_CACHE", "1")
    cache = Cache()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.warns(CacheWarning, match="No space left"):
        cache.store("ab" * 20, b"x")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.store("cd" * 20, b"x")
    assert files_in(tmp_path) == []


def test_a_folder_that_others_may_write_to_is_not_used(tmp_path, monkeypatch):
    tmp_path.chmod(0o777)
    monkeypatch.setenv("JAXLITE_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("JAXLITE_CACHE", "1")
    cache = Cache()
    with pytest.warns(CacheWarning, match="others may write"):
        assert cache.load("ab" * 20) is None


def test_the_oldest_files_go_first(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXLITE_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("JAXLITE_CACHE", "1")
    monkeypatch.setenv("JAXLITE_CACHE_MAX_MB", "0.01")
    cache = Cache()
    for k in range(4):
        cache.store(f"{k:02d}" * 20, bytes(4000))
        os.utime(cache._path(tmp_path, f"{k:02d}" * 20), (k, k))
    cache.sweep()
    assert sorted(p.name[:2] for p in files_in(tmp_path)) == ["02", "03"]
    cache.clear()
    assert files_in(tmp_path) == []


def test_the_cache_can_be_switched_off(tmp_path):
    run_script(PROGRAM, tmp_path, JAXLITE_CACHE="0")
    assert files_in(tmp_path) == []


def test_many_processes_write_the_same_program(tmp_path):
    env = os.environ | {"JAXLITE_CACHE_DIR": str(tmp_path), "JAXLITE_CACHE": "1"}
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM)]
    running = [subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [p.wait() for p in running] == [0, 0, 0, 0]
    assert run_script(PROGRAM, tmp_path) == "0 1\n"


def key_of(f, *args):
    return stable_key(jaxlite.make_jaxpr(f)(*args).jaxpr)


def test_keys_are_those_of_the_program():
    assert key_of(lambda x: x * 2.0, X) == key_of(lambda y: y * 2.0, X + 1)
    keys = {
        key_of(f, *args)
        for f, args in [
            (lambda x: x * 2.0, (X,)),
            (lambda x: x * -2.0, (X,)),
            (lambda x: x + 0.0, (X,)),
            (lambda x: x + -0.0, (X,)),
            (lambda x: x * 2.0, (X[:2],)),
            (lambda x: x * 2.0, (X.astype(np.float32),)),
            (lambda x: jnp.sum(x, axis=0), (np.ones((2, 2)),)),
            (lambda x: jnp.sum(x, axis=1), (np.ones((2, 2)),)),
            (lambda x: lax.scan(lambda c, a: (c + a, c), 0.0, x), (X,)),
            (lambda x: lax.scan(lambda c, a: (c - a, c), 0.0, x), (X,)),
        ]
    }
    assert len(keys) == 10
    assert None not in keys


def test_a_program_with_a_python_function_has_no_key():
    f = jaxlite.make_jaxpr(lambda x: jaxlite.pure_callback(np.sin, jaxlite.ShapeDtypeStruct((4,), float), x))
    assert stable_key(f(X).jaxpr) is None


# --- looking inside ---------------------------------------------------------------------------------


def test_every_stage_has_a_text():
    lowered = jit(loss).lower(X)
    assert lowered.as_text("jaxpr").startswith("{ lambda")
    assert "tanh" in lowered.as_text("optimized")
    assert "np.tanh(" in lowered.as_text("loops")
    assert "define i64 @jl_" in lowered.as_text("llvm")
    assert "tanh" in lowered.as_text("assembly")
    with pytest.raises(ValueError, match="no stage 'hlo'"):
        lowered.as_text("hlo")


def test_loops_say_which_inputs_the_function_captured():
    captured = np.arange(4.0)
    text = jit(lambda x: x * captured).lower(X).as_text("loops")
    assert text.startswith("# x0 is an array that the function captured: jit(f).trace(…).jaxpr.consts[0]\n")
    space: dict = {}
    exec(text, space)
    result = np.empty(4)
    space["program"](captured, X, result)
    np.testing.assert_array_equal(result, X * captured)


def test_compiled_programs_answer():
    compiled = jit(lambda x, y: {"a": x + y}).lower(X, 1.0).compile()
    np.testing.assert_array_equal(compiled(X, 1.0)["a"], X + 1.0)
    assert compiled.cost_analysis()["flops"] > 0
    assert compiled.memory_analysis().argument_size_in_bytes == X.nbytes + 8
    with pytest.raises(ValueError, match="another structure"):
        compiled(X)


def test_programs_are_called_from_numba(monkeypatch):
    import numba

    x = np.linspace(0.1, 0.9, 6).reshape(2, 3)
    g = jit(grad(lambda x, a: jnp.sum(jnp.sin(x) * a))).lower(x, np.float64(2.0)).compile().njit()
    h = jit(lambda x: (jnp.sum(x), x * 2.0)).lower(x).compile().njit()

    @numba.njit
    def user(x):
        total, double = h(x)
        return g(x, 3.0) + total + double

    np.testing.assert_allclose(user(x), 3.0 * np.cos(x) + x.sum() + 2 * x, rtol=1e-14)
    np.testing.assert_allclose(g(x[:, ::-1], 1.0), np.cos(x[:, ::-1]), rtol=1e-14)
    with pytest.raises(ValueError, match="another shape"):
        g(np.ones((3, 2)), 1.0)
    pick = jit(lambda x, i: x[i]).lower(X, np.int64(1)).compile().njit()
    assert pick(X, 2) == X[2]
    with pytest.raises(IndexError, match="out of range"):
        pick(X, 11)


def test_programs_that_call_python_are_not_for_numba():
    f = jit(lambda x: jaxlite.pure_callback(np.sin, jaxlite.ShapeDtypeStruct((4,), float), x))
    with pytest.raises(ValueError, match="leaves pure_callback to Python"):
        f.lower(X).compile().njit()


TWO_PROGRAMS = """
    import numba, numpy as np, jaxlite, jaxlite.numpy as jnp
    from jaxlite.counters import counters
    x = np.linspace(0.0, 1.0, 50)
    functions = [lambda x: jnp.sin(x) * 2.0, lambda x: jnp.cos(x) + 1.0]
    made = {k: jaxlite.jit(functions[k]).lower(x).compile().njit() for k in ORDER}
    f, g = made[0], made[1]

    @numba.njit
    def both(x):
        return f(x) * 10.0 + g(x)

    assert np.allclose(both(x), 20.0 * np.sin(x) + np.cos(x) + 1.0)
    print(counters.num_compiles)
"""


def test_two_programs_from_the_cache_are_not_taken_for_each_other(tmp_path):
    assert run_script(TWO_PROGRAMS.replace("ORDER", "(0, 1)"), tmp_path) == "2\n"
    assert run_script(TWO_PROGRAMS.replace("ORDER", "(1, 0)"), tmp_path) == "0\n"


def test_a_c_caller_needs_a_table_of_addresses():
    import ctypes

    compiled = jit(lambda x: x * 3.0).lower(X).compile()
    y, error = np.empty(4), np.zeros(8, np.int64)
    table = np.array([X.ctypes.data, y.ctypes.data, error.ctypes.data], np.uintp)
    program = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)(compiled.address)
    assert program(None, table.ctypes.data) == 0
    np.testing.assert_array_equal(y, X * 3.0)


def test_the_debug_ladder(tmp_path):
    script = """if True:
        import numpy as np, jaxlite
        f = jaxlite.jit(lambda x: x * 2.0 * 1.0)
        f(np.ones(3)), f(np.ones(4))
    """
    env = os.environ | {"JAXLITE_CACHE": "0"}

    def printed(level):
        done = subprocess.run(
            [sys.executable, "-c", script], env=env | {"JAXLITE_DEBUG": str(level)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stderr

    assert printed(0) == ""
    assert "compiled in" in printed(1)
    assert "is recorded again: x: f64[3] -> f64[4]" in printed(2)
    assert "after simplify" in printed(3)
    assert "def program(x0, y0):" in printed(4)
    assert "define i64 @jl_" in printed(5)


def test_bounds_checks_find_nothing():
    config.update("jax_bounds_checks", True)
    try:
        f = jit(lambda x: (jnp.cumsum(x), x[::-1], jnp.pad(x, 2), jnp.sort(x), x @ np.outer(x, x)))
        for out, expected in zip(f(X), (np.cumsum(X), X[::-1], np.pad(X, 2), np.sort(X)), strict=False):
            np.testing.assert_allclose(out, expected)
    finally:
        config.update("jax_bounds_checks", False)


def test_constants_and_kernels_have_names_of_their_own():
    x = np.linspace(0, 1, 6400).reshape(80, 80) * (1 + 1j)
    np.testing.assert_allclose(jit(lambda x: jnp.sin(x) @ x)(x), np.sin(x) @ x, rtol=1e-12)


def test_the_work_of_library_calls_is_known():
    cost = jit(lambda x, y: x @ y).lower(np.ones((50, 50)), np.ones((50, 50))).cost_analysis()
    assert cost["flops"] == 2 * 50**3
    assert cost["bytes accessed"] == 3 * 8 * 50**2
    assert cost["library calls"] == 1


def test_programs_from_disk_show_their_assembly_and_size(tmp_path):
    script = """
        import numpy as np, jaxlite
        from jaxlite.counters import counters
        lowered = jaxlite.jit(lambda x: x * 2.0 + 1.0).lower(np.ones(50))
        compiled = lowered.compile()
        size = compiled.memory_analysis().generated_code_size_in_bytes
        print(counters.num_compiles, size > 500, "jl_" in compiled.as_text("assembly"))
    """
    assert run_script(script, tmp_path).split() == ["1", "True", "True"]
    assert run_script(script, tmp_path).split() == ["0", "True", "True"]


def test_a_program_without_inputs_and_outputs_links_into_numba():
    assert jit(lambda: ()).lower().compile().njit()() == ()


def test_a_callable_object_keeps_its_attributes_to_itself():
    class Model:
        def __init__(self):
            self._call, self._entries, self._fun, self.scale = None, None, None, 3.0

        def __call__(self, x):
            return self.scale * x

    np.testing.assert_array_equal(jit(Model())(X), 3.0 * X)


@pytest.mark.parametrize(("size", "from_pool"), [(100, False), (200, True)])
def test_little_working_memory_is_on_the_stack(size, from_pool):
    lowered = jit(lambda x: jnp.cumsum(jnp.sort(x)) + 1.0).lower(np.ones(size))
    f, x = lowered.compile(), np.arange(size)[::-1] / size
    assert (f.memory_analysis().temp_size_in_bytes > 0) == from_pool
    assert ("jl_take_arena" in lowered.as_text("llvm")) == from_pool
    xs = [x + k for k in range(40)]
    with ThreadPoolExecutor(4) as pool:
        for x, y in zip(xs, pool.map(f, xs), strict=True):
            np.testing.assert_allclose(y, np.cumsum(x[::-1]) + 1.0, rtol=1e-12)


@pytest.mark.skipif(
    sys.platform != "linux", reason="macOS does not keep to limits of memory, and Windows has none"
)
def test_working_memory_that_cannot_be_had_is_told(tmp_path):
    script = """
        import resource, numpy as np, jaxlite, jaxlite.numpy as jnp
        table = lambda x: x[:, None] * jnp.arange(1000.0)
        f = jaxlite.jit(lambda x: jnp.sort(table(x), axis=0)[0].sum())
        x = np.ones(100_000)
        needed = f.lower(x).compile().memory_analysis().temp_size_in_bytes
        (size,) = [line for line in open("/proc/self/status") if line.startswith("VmSize")]
        limit = 1024 * int(size.split()[1]) + 2**28
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        try:
            f(x)
        except MemoryError as error:
            print(int(str(error).removeprefix("no room for ").removesuffix(" bytes of working memory")) >= needed)
        print(jaxlite.jit(lambda x: jnp.sort(x)[0])(x))
    """
    assert run_script(script, tmp_path) == "True\n1.0\n"


def test_products_import_no_package_that_they_do_not_need(tmp_path):
    script = """
    import sys
    import numpy as np, jaxlite, jaxlite.numpy as jnp
    f = jaxlite.jit(lambda x: jnp.linalg.solve(x @ x + 100 * np.eye(60), x))
    x = np.arange(3600.0).reshape(60, 60) % 7
    np.testing.assert_allclose(f(x), np.linalg.solve(x @ x + 100 * np.eye(60), x), rtol=1e-9)
    assert "scipy.linalg" not in sys.modules, sorted(sys.modules)
    import scipy.linalg
    import scipy.linalg.cython_blas as blas
    from jaxlite.runtime import extensions
    assert scipy.linalg.cython_blas is blas is extensions.load("scipy.linalg.cython_blas")
    np.testing.assert_allclose(scipy.linalg.sqrtm(4.0 * np.eye(3)), 2.0 * np.eye(3))
    np.testing.assert_allclose(f(x + 1.0), np.linalg.solve((x + 1) @ (x + 1) + 100 * np.eye(60), x + 1), rtol=1e-9)
    """
    run_script(script, tmp_path)
    # A second process, which finds the program on disk.
    run_script(script, tmp_path)
