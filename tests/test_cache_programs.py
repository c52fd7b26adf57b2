"""Compiled programs that other processes left behind: used, damaged byte by byte, and met in another order."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import jaxlite

# Functions by name; each is compiled when it is called, in the order of the arguments of the script.
PROGRAMS = """
    import sys
    import numpy as np, jaxlite, jaxlite.numpy as jnp
    from jaxlite import lax
    from jaxlite.counters import counters

    x = np.linspace(0.1, 0.9, 12)
    FUNCTIONS = {
        "times two": (lambda x: x * 2.0, x * 2),
        "times three": (lambda x: x * 3.0, x * 3),
        "sine": (lambda x: jnp.sin(x), np.sin(x)),
        "loop": (lambda x: lax.fori_loop(0, 5, lambda i, v: v * 0.5 + 1.0, x), x / 32 + 1.9375),
        "gradient": (jaxlite.grad(lambda x: jnp.sum(jnp.tanh(x))), 1 / np.cosh(x) ** 2),
        "product": (lambda x: x.reshape(3, 4) @ x.reshape(4, 3), x.reshape(3, 4) @ x.reshape(4, 3)),
        "solve": (lambda x: jnp.linalg.solve(jnp.diag(x) + 1.0, x), np.linalg.solve(np.diag(x) + 1.0, x)),
        "sort": (lambda x: jnp.sort(-x), np.sort(-x)),
        "transform": (lambda x: jnp.abs(jnp.fft.fft(1j * jnp.fft.rfft(x))), np.abs(np.fft.fft(1j * np.fft.rfft(x)))),
    }

    def run(*names):
        for name in names or FUNCTIONS:
            f, expected = FUNCTIONS[name]
            # A function of its own each time, so that nothing is remembered of it.
            np.testing.assert_allclose(jaxlite.jit(lambda x: f(x))(x), expected, rtol=1e-12, err_msg=name)
"""
RUN = (
    PROGRAMS
    + """
    run(*sys.argv[1:])
    print(counters.num_compiles, counters.num_cache_hits, counters.num_cache_misses, counters.num_cache_errors)
"""
)
# Machine code that nobody holds any more is looked for on disk again.
FLIP = (
    PROGRAMS
    + """
    import gc
    from pathlib import Path
    from jaxlite.runtime.cache import cache

    # Links have shorter names.
    (path,) = [path for path in cache.files() if len(path.name) == 40]
    whole = path.read_bytes()
    name, step = sys.argv[1], int(sys.argv[2])
    # All of the digest and the first bytes of the payload, then steps.
    places = (*range(0, 64, 3), *range(64, len(whole), max(1, len(whole) // step)), len(whole) - 1)

    def attempt(data):
        path.write_bytes(data)
        path.chmod(0o600)
        before = counters.num_compiles, counters.num_cache_errors
        run(name)
        jaxlite.clear_caches()
        gc.collect()
        assert (counters.num_compiles, counters.num_cache_errors) == (before[0] + 1, before[1] + 1)

    for k in places:
        attempt(whole[:k] + bytes([whole[k] ^ (1 << k % 8)]) + whole[k + 1:])
        attempt(whole[:k])
    print(len(places))
"""
)


def run_script(script: str, folder, *args, **env) -> str:
    """Run a script in a process of its own, with its cache in ``folder``."""
    root = str(Path(jaxlite.__file__).parent.parent)
    cached = {"JAXLITE_CACHE_DIR": str(folder), "JAXLITE_CACHE": "1", "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, args)],
        env=os.environ | cached | env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_second_process_compiles_nothing(tmp_path):
    compiled, hits, misses, errors = map(int, run_script(RUN, tmp_path).split())
    assert (compiled, hits, misses, errors) == (misses, 0, misses, 0)
    assert compiled >= 8
    assert run_script(RUN, tmp_path, PYTHONHASHSEED="5") == f"0 {compiled} 0 0\n"


@pytest.mark.parametrize("name", ["times two", pytest.param("solve", marks=pytest.mark.slow)])
def test_a_damaged_program_is_compiled_again(tmp_path, name):
    run_script(RUN, tmp_path, name)
    assert int(run_script(FLIP, tmp_path, name, 20)) > 40
    assert run_script(RUN, tmp_path, name) == "0 1 0 0\n"


def test_a_program_under_the_name_of_another_is_not_run(tmp_path):
    def files():
        return {path for path in tmp_path.glob("??/*") if len(path.name) == 40}

    run_script(RUN, tmp_path, "times two")
    (two,) = files()
    run_script(RUN, tmp_path, "times three")
    (three,) = files() - {two}
    saved = two.read_bytes()
    two.write_bytes(three.read_bytes())
    three.write_bytes(saved)
    assert run_script(RUN, tmp_path, "times two", "times three") == "2 0 2 2\n"


def test_a_correct_digest_over_anything_else_is_compiled_again(tmp_path):
    run_script(RUN, tmp_path, "sine")
    script = (
        RUN.replace("run(*sys.argv[1:])", "").replace("print(", "(")
        + """
    import pickle
    from jaxlite.runtime.cache import cache
    # Libraries of functions and links have shorter names.
    (path,) = [path for path in cache.files() if len(path.name) == 40]
    good = pickle.loads(cache.load(path.name))
    payloads = (b"", b"no pickle", pickle.dumps(None), pickle.dumps((1, 2, 3)), pickle.dumps((good[0][:1], *good[1:])))
    cache.store(path.name, payloads[int(sys.argv[1])])
    """
    )
    for k in range(5):
        run_script(script, tmp_path, k)
        assert run_script(RUN, tmp_path, "sine").split()[0] == "1", k
    assert run_script(RUN, tmp_path, "sine") == "0 1 0 0\n"


@pytest.mark.parametrize("payload", [b"", b"no object file"])
def test_a_library_of_a_function_that_is_none_is_compiled_again(tmp_path, payload):
    run_script(RUN, tmp_path, "sine")
    script = f"""
    from jaxlite.runtime.cache import cache
    names = [path.name for path in cache.files() if len(path.name) == 38]
    assert names
    for name in names:
        cache.store(name, {payload!r})
    """
    run_script(script, tmp_path)
    assert run_script(RUN, tmp_path, "sine") == "0 1 0 0\n"
    assert min(path.stat().st_size for path in tmp_path.glob("??/*") if len(path.name) == 38) > 1000


def test_programs_compiled_in_another_order_are_not_confused(tmp_path):
    names = ["times two", "times three", "sine", "loop"]
    first, second = tmp_path / "first", tmp_path / "second"
    run_script(RUN, first, *names[:2])
    assert run_script(RUN, first, *reversed(names)) == "2 2 2 0\n"
    run_script(RUN, second, *reversed(names))
    assert run_script(RUN, second, *names) == "0 4 0 0\n"

    def files(folder):
        return {path.name for path in folder.glob("??/*")}

    assert files(first) == files(second)
    # A process that finds programs of both.
    for path in first.glob("??/*"):
        path.replace(second / path.parent.name / path.name)
    assert run_script(RUN, second, names[2], names[0], names[3], names[1]) == "0 4 0 0\n"


def test_another_version_of_what_is_compiled_with_is_a_miss(tmp_path):
    run_script(RUN, tmp_path, "sine")
    assert run_script(RUN, tmp_path, "sine", NUMBA_OPT="2") == "1 0 1 0\n"
    assert run_script(RUN, tmp_path, "sine") == "0 1 0 0\n"


def test_callbacks_are_compiled_in_each_process(tmp_path):
    script = """
        import numpy as np, jaxlite
        from jaxlite.counters import counters
        shape = jaxlite.ShapeDtypeStruct((), np.dtype(float))
        assert jaxlite.jit(lambda x: jaxlite.pure_callback(np.exp, shape, x))(0.0) == 1.0
        assert jaxlite.jit(lambda x: jaxlite.pure_callback(np.sin, shape, x))(0.0) == 0.0
        print(counters.num_compiles, counters.num_cache_hits)
    """
    for _ in range(2):
        assert run_script(script, tmp_path) == "2 0\n"
    assert list(tmp_path.glob("??/*")) == []


def test_eight_processes_at_once_have_the_same_results(tmp_path):
    root = str(Path(jaxlite.__file__).parent.parent)
    env = os.environ | {"JAXLITE_CACHE_DIR": str(tmp_path), "JAXLITE_CACHE": "1", "PYTHONPATH": root}
    command = [sys.executable, "-c", textwrap.dedent(RUN), "times two", "loop"]
    running = [
        subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(8)
    ]
    errors = [process.communicate(timeout=300)[1].decode() for process in running]
    assert errors == [""] * 8
    assert run_script(RUN, tmp_path, "times two", "loop") == "0 2 0 0\n"


WITHOUT_PASSES = """
    def refused(jaxpr):
        raise AssertionError("the passes ran")

    from jaxlite.runtime import call, compile as compiler
    call.optimize = compiler.optimize = refused
"""


def links(folder) -> list[Path]:
    return [path for path in folder.glob("??/*") if len(path.name) == 36]


def test_a_program_that_is_found_again_goes_through_no_passes(tmp_path):
    names = ["times two", "loop", "gradient", "product", "sort"]
    run_script(RUN, tmp_path, *names)
    assert len(links(tmp_path)) == len(names)
    script = RUN.replace("run(*sys.argv", WITHOUT_PASSES + "\n    run(*sys.argv")
    assert run_script(script, tmp_path, *names) == f"0 {len(names)} 0 0\n"


@pytest.mark.parametrize("payload", [b"../../../../etc/passwd", b"0" * 40])
def test_a_link_that_leads_nowhere_is_made_again(tmp_path, payload):
    run_script(RUN, tmp_path, "times two")
    script = f"""
    from jaxlite.runtime.cache import cache
    (path,) = [path for path in cache.files() if len(path.name) == 36]
    cache.store(path.name, {payload!r})
    """
    run_script(script, tmp_path)
    # A key of the right form is looked for, as a program that was deleted would be.
    misses = int(payload == b"0" * 40)
    assert run_script(RUN, tmp_path, "times two") == f"0 1 {misses} 0\n"
    assert run_script(RUN, tmp_path, "times two") == "0 1 0 0\n"
    (link,) = links(tmp_path)
    link.write_bytes(link.read_bytes()[:-1])
    assert run_script(RUN, tmp_path, "times two") == "0 1 0 1\n"


def test_programs_that_the_passes_make_equal_are_compiled_once(tmp_path):
    script = """
        import numpy as np, jaxlite
        from jaxlite.counters import counters
        x = np.arange(3.0)
        def inner(x): return x * 3.0
        def another(x): return x * 3.0
        for f in (inner, another):
            np.testing.assert_array_equal(jaxlite.jit(lambda x: jaxlite.jit(f)(x) + 1.0)(x), x * 3 + 1)
        print(counters.num_compiles, counters.num_cache_hits)
    """
    assert run_script(script, tmp_path) == "1 0\n"
    assert run_script(script, tmp_path) == "0 1\n"
    assert len(links(tmp_path)) == 2


def test_a_check_in_a_program_from_disk_names_the_line(tmp_path):
    script = """
        import numpy as np, jaxlite, jaxlite.numpy as jnp
        from jaxlite.counters import counters
        f = jaxlite.jit(lambda x, i: jnp.asarray(x)[i] * 2.0)
        assert f(np.arange(3.0), 1) == 2.0
        try:
            f(np.arange(3.0), 5)
        except IndexError as error:
            assert "index 5 is out of bounds" in str(error) and "<string>:4" in str(error), str(error)
            print(counters.num_compiles, counters.num_cache_hits)
    """
    assert run_script(script, tmp_path) == "1 0\n"
    assert run_script(script, tmp_path) == "0 1\n"
    assert links(tmp_path) == []


def test_a_program_from_disk_is_linked_into_compiled_callers(tmp_path):
    script = """
        import numba, numpy as np, jaxlite, jaxlite.numpy as jnp
        from jaxlite.counters import counters
        x = np.arange(3.0)
        g = jaxlite.jit(lambda x: jnp.tanh(x) * 2.0).lower(x).compile().njit()
        h = numba.njit(lambda x: g(x)[1] + 1.0)
        np.testing.assert_allclose(h(x), np.tanh(1.0) * 2 + 1, rtol=1e-12)
        print(counters.num_compiles, counters.num_cache_hits)
    """
    assert run_script(script, tmp_path) == "1 0\n"
    assert run_script(script, tmp_path) == "0 1\n"
