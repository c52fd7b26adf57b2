"""Keys that hold in another process, and the files under them: damaged, foreign, contested, too many, out of reach."""

from __future__ import annotations

import dataclasses
import enum
import errno
import functools
import hashlib
import os
import subprocess
import sys
import textwrap
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import jaxlite
from jaxlite.config import config
from jaxlite.control.jit import jit_p
from jaxlite.counters import counters
from jaxlite.errors import CacheWarning
from jaxlite.ir import ArrayConstant, Eqn, Jaxpr, Literal, ShapedArray, Tape, Var
from jaxlite.lowering import Elementwise
from jaxlite.ops.elementwise import add, mul, sin
from jaxlite.parsing import parse_jaxpr
from jaxlite.passes.pipeline import optimize
from jaxlite.passes.stable_key import stable_key
from jaxlite.runtime import cache as cache_module
from jaxlite.runtime.cache import Cache
from tests.ir_programs import (
    TRANSFORMED,
    make_primitive,
    program,
    program_of,
    program_of_row,
    random_program,
    remove_primitives,
)
from tests.rows import CASES

KEY = "3f" * 20
OTHER_KEY = "3f" * 19 + "40"
PAYLOAD = bytes(range(256)) * 16


# --- keys -------------------------------------------------------------------------------------------


@pytest.fixture
def some_p():
    yield make_primitive("test_some")
    remove_primitives()


def key_with(some_p, value):
    """Return the key of a program with a param."""
    return stable_key(program_of(some_p, "f64[3]", value=value))


def literal(value, dtype, weak_type=False):
    return Literal(value, ShapedArray((), np.dtype(dtype), weak_type))


def with_hash_seed(seed: int, script: str) -> str:
    """Run a script in a process of its own."""
    root = Path(jaxlite.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        env=os.environ | {"PYTHONHASHSEED": str(seed), "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def keys_of_everything():
    """Yield a key for every row and transformed program: what ``test_another_process…`` compares."""
    for case in CASES:
        yield stable_key(optimize(program_of_row(case)[0]))
    for fun, x in TRANSFORMED.values():
        yield stable_key(optimize(jaxlite.make_jaxpr(fun)(x).jaxpr))


def test_another_process_finds_the_same_keys():
    script = """
        from tests.test_cache import keys_of_everything
        print(*keys_of_everything(), sep="\\n")
    """
    here = list(map(str, keys_of_everything()))
    assert with_hash_seed(7, script).split() == here
    assert len(set(here)) > len(here) // 2


def test_programs_recorded_again_have_the_same_key():
    for seed in range(40):
        once, again = (random_program(np.random.default_rng(seed)) for _ in range(2))
        assert once is not again
        assert stable_key(once) == stable_key(again)


def test_random_programs_share_a_key_just_if_they_are_equal():
    programs = [random_program(np.random.default_rng(seed), size=3, depth=1) for seed in range(300)]
    by_key = {}
    for jaxpr in programs:
        by_key.setdefault(stable_key(jaxpr), []).append(jaxpr)
    assert len(by_key) > 200
    texts = {key: {str(jaxpr) for jaxpr in group} for key, group in by_key.items()}
    assert all(len(group) == 1 for group in texts.values())
    assert len(set.union(*texts.values())) == len(by_key)


def test_names_of_variables_and_functions_do_not_count():
    a = parse_jaxpr("{ lambda ; a:f64[]. let b:f64[] = sin a in (b,) }")
    b = parse_jaxpr("{ lambda ; x:f64[]. let y:f64[] = sin x in (y,) }")
    assert stable_key(a) == stable_key(b)

    def recorded(f):
        return stable_key(optimize(jaxlite.make_jaxpr(jaxlite.jit(f))(1.0).jaxpr))

    def first(x):
        return x * 2.0

    assert recorded(first) == recorded(lambda y: y * 2.0)


def test_a_program_at_two_places_counts_like_two_programs():
    def twice(one, other):
        x, y, z = (Var(ShapedArray((), np.dtype(float))) for _ in range(3))
        call = {"name": "f"}
        eqns = tuple(
            Eqn(jit_p, (a,), (b,), call | {"jaxpr": inner}, None)
            for a, b, inner in ((x, y, one), (y, z, other))
        )
        return stable_key(Jaxpr((x,), (), eqns, (z,)))

    one, same = (program(lambda x: [sin(x)], "f64[]") for _ in range(2))
    assert twice(one, one) == twice(one, same)
    assert twice(one, one) != twice(one, program(lambda x: [add(x, x)], "f64[]"))


class Numbers(NamedTuple):
    lo: int
    hi: int


class OtherNumbers(NamedTuple):
    lo: int
    hi: int


class Mode(enum.Enum):
    CLIP = 1
    FILL = 2


@dataclasses.dataclass(frozen=True)
class Options:
    size: int
    mode: Mode


F64 = np.dtype(np.float64)
DISTINCT_PARAMS = (
    None, "None", b"None", False, True, 0, 1, -1, 2**70, 0.0, -0.0, 1.0, 5e-324, np.inf, -np.inf, np.nan,
    0j, -0j, complex(0.0, -0.0), complex(1), "", "1", "a\x1fb", "\ud800", "naïve",
    (), (0,), (False,), (0.0,), ((0,),), (0, 1), (1, 0), ((0,), 1), ((0, 1),), [0, 1], ("0", "1"), ("0, 1",),
    np.int64(1), np.int32(1), np.uint8(1), np.bool_(True), np.float64(1), np.float32(1), np.float64(-0.0),
    np.complex64(1), F64, np.dtype(np.float32), np.dtype(np.int64), jaxlite.dtypes.float0, "<f8",
    Numbers(0, 1), OtherNumbers(0, 1), Mode.CLIP, Mode.FILL, Options(1, Mode.CLIP), Options(1, Mode.FILL),
    frozenset(), frozenset("ab"), frozenset("abc"), {"a": 0, "b": 1}, {"a": 1, "b": 0}, {},
    ShapedArray((), F64), ShapedArray((), F64, True), ShapedArray((1,), F64), ShapedArray((0,), F64),
    Tape((ShapedArray((), F64),)), Tape((ShapedArray((), F64),), (3,)), Tape((ShapedArray((), F64, True),)), Tape(()),
    parse_jaxpr("{ lambda ; a:f64[]. let in (a,) }"), parse_jaxpr("{ lambda ; a:f64[1]. let in (a,) }"),
)  # fmt: skip


def test_every_param_of_another_value_or_type_gives_another_key(some_p):
    keys = [key_with(some_p, value) for value in DISTINCT_PARAMS]
    assert None not in keys
    same = [
        (DISTINCT_PARAMS[i], DISTINCT_PARAMS[keys.index(k)]) for i, k in enumerate(keys) if keys.index(k) < i
    ]
    assert same == []
    assert keys == [key_with(some_p, value) for value in DISTINCT_PARAMS]


def test_sets_and_dicts_count_whatever_their_order(some_p):
    assert key_with(some_p, frozenset("abcdef")) == key_with(some_p, frozenset("fedcba"))
    assert key_with(some_p, {"a": 0, "b": 1}) == key_with(some_p, {"b": 1, "a": 0})


class Opaque:
    pass


@pytest.mark.parametrize(
    "value",
    [len, lambda x: x, Opaque(), Opaque, functools.partial(sin), ArrayConstant(np.ones(3)), np.ones(3), {1}],
    ids=["builtin", "lambda", "object", "class", "partial", "constant", "array", "set"],
)
def test_params_without_bytes_of_their_own_have_no_key(some_p, value):
    assert key_with(some_p, value) is None
    assert key_with(some_p, (1, (value,))) is None
    assert key_with(some_p, program_of(some_p, "f64[]", value=value)) is None


def test_callbacks_have_no_key():
    def call(x):
        return jaxlite.pure_callback(np.sin, jaxlite.ShapeDtypeStruct((), F64), x)

    assert stable_key(jaxlite.make_jaxpr(call)(1.0).jaxpr) is None


def test_names_of_params_count(some_p):
    assert stable_key(program_of(some_p, "f64[]", a=1, b=2)) != stable_key(
        program_of(some_p, "f64[]", a=2, b=1)
    )
    assert stable_key(program_of(some_p, "f64[]", a=1)) != stable_key(program_of(some_p, "f64[]", b=1))


LITERALS = (
    literal(0.0, "f8"), literal(-0.0, "f8"), literal(1.0, "f8"), literal(1, "i8"), literal(True, "?"),
    literal(1.0, "f4"), literal(1, "i4"), literal(1, "u8"), literal(1.0, "f8", weak_type=True),
    literal(1, "i8", weak_type=True), literal(np.nan, "f8"), literal(5e-324, "f8"), literal(1.0, "c16"),
    literal(complex(1.0, -0.0), "c16"), literal(np.nextafter(1.0, 2.0), "f8"),
    literal(np.array(0x7FF8000000000001, np.int64).view("f8")[()], "f8"),
)  # fmt: skip


def test_literals_count_by_type_and_bits(some_p):
    keys = [stable_key(program_of(some_p, x, outs=["f64[]"])) for x in LITERALS]
    assert len(set(keys)) == len(LITERALS)


def test_types_and_their_weakness_count():
    def identity(aval):
        var = Var(aval)
        return stable_key(Jaxpr((var,), (), (), (var,)))

    avals = [
        ShapedArray(shape, np.dtype(dtype), weak)
        for shape in ((), (1,), (3,), (1, 3), (13,), (0,))
        for dtype in ("f8", "f4", "f2", "c8", "c16", "i8", "i4", "u8", "?")
        for weak in (False, True)
    ]
    assert len(set(map(identity, avals))) == len(avals)


def test_wiring_counts():
    texts = [
        "{ lambda ; a:f64[] b:f64[]. let c:f64[] = sub a b in (c,) }",
        "{ lambda ; a:f64[] b:f64[]. let c:f64[] = sub b a in (c,) }",
        "{ lambda ; a:f64[] b:f64[]. let c:f64[] = sub a a in (c,) }",
        "{ lambda ; a:f64[] b:f64[]. let c:f64[] = sub a b in (c, c) }",
        "{ lambda ; a:f64[] b:f64[]. let c:f64[] = sub a b in (a,) }",
        "{ lambda ; a:f64[] b:f64[]. let c:f64[] = sub a b in () }",
        "{ lambda a:f64[] ; b:f64[]. let c:f64[] = sub a b in (c,) }",
        "{ lambda ; a:f64[]. let c:f64[] = sub a 1.0:f64[] in (c,) }",
        "{ lambda ; a:f64[] b:f64[]. let c:f64[] = add a b in (c,) }",
        "{ lambda ; a:f64[] b:f64[]. let c:f64[] = sub a b; d:f64[] = sub a b in (c,) }",
        "{ lambda ; a:f64[] b:f64[]. let c:f64[] = sub a b; d:f64[] = sub a b in (d,) }",
    ]
    assert len({stable_key(parse_jaxpr(text)) for text in texts}) == len(texts)


def test_another_primitive_of_the_same_name_has_another_key():
    keys = set()
    for changes in ({}, {"effects": frozenset({"io"})}, {"lower": Elementwise("sin")}):
        effects = changes.get("effects", frozenset())
        primitive = make_primitive("test_named", effects=effects)
        if "lower" in changes:
            remove_primitives()
            primitive = dataclasses.replace(primitive, lower=changes["lower"])
        keys.add(stable_key(program_of(primitive, "f64[]")))
        remove_primitives()
    assert len(keys) == 3


def test_keys_are_found_fast():
    def chain(x):
        for k in range(1000):
            x = sin(add(mul(x, 0.5 * k), x))
        return [x]

    jaxpr = program(chain, "f64[8]")
    start = time.perf_counter()
    stable_key(jaxpr)
    # Some 5 ms; the bound is for machines that do other things as well.
    assert time.perf_counter() - start < 0.3


# --- files ------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache folder that is not there yet, and caching switched on."""
    monkeypatch.setenv("JAXLITE_CACHE", "1")
    monkeypatch.setenv("JAXLITE_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


def stored(folder, key=KEY, payload=PAYLOAD) -> Path:
    """Store a payload and return its file."""
    Cache().store(key, payload)
    return folder / key[:2] / key


def counted(function) -> dict[str, int]:
    """Run a function; return what it added to the counters of the cache."""
    names = ("hits", "misses", "errors")
    before = [getattr(counters, f"num_cache_{name}") for name in names]
    function()
    after = [getattr(counters, f"num_cache_{name}") for name in names]
    return {name: b - a for name, a, b in zip(names, before, after, strict=True) if b != a}


def test_what_is_stored_is_loaded_and_counted(folder):
    cache = Cache()
    assert counted(lambda: cache.load(KEY)) == {"misses": 1}
    assert not folder.exists()
    assert counted(lambda: cache.store(KEY, PAYLOAD)) == {}
    assert cache.load(KEY) == PAYLOAD
    assert counted(lambda: cache.load(KEY)) == {"hits": 1}
    assert cache.load(OTHER_KEY) is None
    cache.store(OTHER_KEY, b"")
    assert cache.load(OTHER_KEY) == b""
    cache.store(KEY, b"new")
    assert Cache().load(KEY) == b"new"
    assert sorted(path.name for path in cache.files()) == sorted([KEY, OTHER_KEY])


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps folders of a user private by itself")
def test_folder_and_files_are_the_users_alone(folder):
    path = stored(folder)
    assert [p.stat().st_mode & 0o777 for p in (folder, path.parent, path)] == [0o700, 0o700, 0o600]


def is_noticed(cache) -> bool:
    return cache.load(KEY) is None and counted(lambda: cache.load(KEY)) == {"misses": 1, "errors": 1}


def test_a_flipped_bit_is_noticed_wherever_it_is(folder):
    path, cache = stored(folder), Cache()
    whole = path.read_bytes()
    # All of the digest and what follows it, then every seventh byte, each with another bit.
    for k in (*range(80), *range(80, len(whole), 7), len(whole) - 1):
        data = bytearray(whole)
        data[k] ^= 1 << k % 8
        path.write_bytes(data)
        assert is_noticed(cache), k
    path.write_bytes(whole)
    assert cache.load(KEY) == PAYLOAD


def test_a_file_of_another_length_is_noticed(folder):
    path, cache = stored(folder), Cache()
    whole = path.read_bytes()
    for size in (0, 1, 31, 32, 33, 63, 64, 65, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert is_noticed(cache), size
    for data in (whole + b"\0", b"\0" + whole, whole + whole, whole[32:], bytes(len(whole))):
        path.write_bytes(data)
        assert is_noticed(cache)


def test_foreign_files_are_noticed(folder):
    path, cache = stored(folder), Cache()
    plain = hashlib.sha256(PAYLOAD).digest() + PAYLOAD
    other = stored(folder, OTHER_KEY, b"of another program").read_bytes()
    for data in (b"not ours", b"\x80\x04N.", plain, other):
        path.write_bytes(data)
        assert is_noticed(cache)


def test_a_folder_in_place_of_a_file_is_a_miss(folder):
    path, cache = stored(folder), Cache()
    path.unlink()
    path.mkdir()
    assert is_noticed(cache)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.store(KEY, PAYLOAD)
        cache.store(OTHER_KEY, PAYLOAD)
    assert cache.load(OTHER_KEY) == PAYLOAD
    assert [p.name for p in path.parent.iterdir() if p.name.startswith(".")] == []


@pytest.mark.skipif(
    os.name == "nt", reason="Windows has no named pipes in folders, and links for administrators only"
)
def test_links_and_pipes_are_misses(folder, tmp_path):
    path, cache = stored(folder), Cache()
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert is_noticed(cache)
    path.unlink()
    path.symlink_to("nowhere")
    assert is_noticed(cache)
    path.unlink()
    path.symlink_to(path)
    assert is_noticed(cache)
    path.unlink()
    os.mkfifo(path)
    assert is_noticed(cache)
    cache.store(KEY, PAYLOAD)
    assert cache.load(KEY) == PAYLOAD
    assert elsewhere.stat().st_size == 32 + len(PAYLOAD)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no permission bits")
def test_files_that_others_may_write_to_are_misses(folder, monkeypatch):
    path, cache = stored(folder), Cache()
    path.chmod(0o622)
    assert is_noticed(cache)
    path.chmod(0o600)
    assert cache.load(KEY) == PAYLOAD
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert is_noticed(cache)


@pytest.mark.parametrize("error", [PermissionError, MemoryError, ValueError, RuntimeError])
def test_whatever_goes_wrong_while_loading_is_a_miss(folder, monkeypatch, error):
    stored(folder)

    def fail(*args):
        raise error("no")

    monkeypatch.setattr(cache_module, "_digest", fail)
    assert is_noticed(Cache())


WRITERS = """
    import sys, hashlib
    from jaxlite.runtime.cache import cache
    from jaxlite.counters import counters

    def payload(key, writer):
        return f"{key} {writer} ".encode() * 3000

    found = 0
    for round in range(40):
        for key in ("aa" * 20, "ab" * 20, "bb" * 20):
            cache.store(key, payload(key, sys.argv[1]))
            data = cache.load(key)
            assert data is not None
            writer = data.split()[1].decode()
            assert data == payload(key, writer), writer
            found += writer != sys.argv[1]
    assert counters.num_cache_errors == counters.num_cache_misses == 0
"""


def test_eight_processes_write_and_read_the_same_files(folder):
    root = str(Path(jaxlite.__file__).parent.parent)
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(WRITERS)]
    running = [
        subprocess.Popen([*command, f"w{k}"], env=os.environ | {"PYTHONPATH": root}, stderr=subprocess.PIPE)
        for k in range(8)
    ]
    errors = [process.communicate(timeout=120)[1].decode() for process in running]
    assert errors == [""] * 8
    assert len(Cache().files()) == 3
    assert list(folder.rglob(".new-*")) == []


# --- out of reach -----------------------------------------------------------------------------------


def failing(code):
    def fail(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("where", ["mkstemp", "replace", "write"])
def test_a_disk_that_cannot_be_written_is_warned_of_once_and_still_read(folder, monkeypatch, code, where):
    stored(folder)
    cache = Cache()
    with monkeypatch.context() as patch:
        owner, name = {
            "mkstemp": (cache_module.tempfile, "mkstemp"),
            "replace": (os, "replace"),
            "write": (os, "fdopen"),
        }[where]
        patch.setattr(owner, name, failing(code))
        with pytest.warns(CacheWarning, match=os.strerror(code)) as caught:
            for _ in range(3):
                cache.store(OTHER_KEY, PAYLOAD)
        assert len(caught) == 1
    assert [path.name for path in cache.files()] == [KEY]
    assert list(folder.rglob(".new-*")) == []
    # The disk is left alone from then on.
    cache.store(OTHER_KEY, PAYLOAD)
    assert cache.load(OTHER_KEY) is None
    assert cache.load(KEY) == PAYLOAD


@pytest.mark.parametrize("name", ["file", "file/below", "a\0b"])
def test_a_folder_that_cannot_be_made_is_warned_of_once(tmp_path, monkeypatch, name):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("JAXLITE_CACHE", "1")
    cache = Cache()
    config.update("jax_compilation_cache_dir", f"{tmp_path}/{name}")
    try:
        with pytest.warns(CacheWarning) as caught:
            cache.store(KEY, PAYLOAD)
            assert cache.load(KEY) is None
            assert cache.files() == []
            cache.clear()
            cache.sweep()
        assert len(caught) == 1
    finally:
        config.update("jax_compilation_cache_dir", None)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps folders of a user private by itself")
@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_a_folder_that_others_may_write_to_is_refused(folder, mode):
    path, cache = stored(folder), Cache()
    folder.chmod(mode)
    with pytest.warns(CacheWarning, match="others may write to it") as caught:
        assert cache.load(KEY) is None
        cache.store(OTHER_KEY, PAYLOAD)
        cache.clear()
    assert len(caught) == 1
    assert path.exists()
    assert not (folder / OTHER_KEY[:2] / OTHER_KEY).exists()
    folder.chmod(0o755)
    assert cache.load(KEY) == PAYLOAD


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps folders of a user private by itself")
def test_the_folder_of_another_user_is_refused(folder, monkeypatch):
    path = stored(folder)
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    cache = Cache()
    with pytest.warns(CacheWarning, match="belongs to another user"):
        assert cache.load(KEY) is None
    cache.store(OTHER_KEY, PAYLOAD)
    assert list(folder.glob("*/*")) == [path]


def test_a_folder_deleted_meanwhile_is_made_again(folder):
    path, cache = stored(folder), Cache()
    assert cache.load(KEY) == PAYLOAD
    path.unlink()
    path.parent.rmdir()
    (folder / ".swept").unlink()
    folder.rmdir()
    assert cache.load(KEY) is None
    cache.store(KEY, PAYLOAD)
    assert cache.load(KEY) == PAYLOAD


# --- where, how much --------------------------------------------------------------------------------


def test_the_folder_is_the_platforms_unless_it_is_moved(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXLITE_CACHE", "1")
    monkeypatch.delenv("JAXLITE_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    monkeypatch.setenv("HOME", str(tmp_path))
    cache = Cache()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache.folder() == Path.home() / "Library" / "Caches" / "jaxlite"
    monkeypatch.setattr(sys, "platform", "linux")
    if os.name != "nt":
        assert cache.folder() == tmp_path / "xdg" / "jaxlite"
        monkeypatch.delenv("XDG_CACHE_HOME")
        assert cache.folder() == tmp_path / ".cache" / "jaxlite"
    monkeypatch.setenv("JAXLITE_CACHE_DIR", str(tmp_path / "env"))
    assert cache.folder() == tmp_path / "env"
    config.update("jax_compilation_cache_dir", tmp_path / "config")
    try:
        assert cache.folder() == tmp_path / "config"
    finally:
        config.update("jax_compilation_cache_dir", None)
    monkeypatch.setenv("JAXLITE_CACHE_DIR", "~/mine")
    if os.name != "nt":
        assert cache.folder() == tmp_path / "mine"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAXLITE_CACHE_DIR", "relative")
    assert cache.folder() == tmp_path / "relative"


def test_files_stay_in_the_folder_that_was_current(folder, tmp_path, monkeypatch):
    cache = Cache()
    cache.store(KEY, PAYLOAD)
    monkeypatch.setenv("JAXLITE_CACHE_DIR", str(tmp_path / "new"))
    assert cache.load(KEY) is None
    cache.store(KEY, b"here")
    assert cache.load(KEY) == b"here"
    monkeypatch.setenv("JAXLITE_CACHE_DIR", str(folder))
    assert cache.load(KEY) == PAYLOAD


def test_switched_off_nothing_is_read_or_written(folder, monkeypatch):
    path, cache = stored(folder), Cache()
    before = path.stat()

    def nothing_happens():
        assert cache.load(KEY) is None
        cache.store(OTHER_KEY, PAYLOAD)
        cache.sweep()
        cache.clear()
        return True

    monkeypatch.setenv("JAXLITE_CACHE", "0")
    assert counted(nothing_happens) == {}
    monkeypatch.setenv("JAXLITE_CACHE", "1")
    config.update("jax_enable_compilation_cache", False)
    try:
        assert counted(nothing_happens) == {}
    finally:
        config.update("jax_enable_compilation_cache", True)
    assert path.stat() == before
    assert [p.name for p in cache.files()] == [KEY]


def fill(cache, folder, count=4, size=4000) -> list[str]:
    """Store files that were last used 100, 99, … hours ago."""
    keys = [f"{k:02x}" * 20 for k in range(count)]
    for k, key in enumerate(keys):
        cache.store(key, bytes(size))
        then = time.time() - 3600 * (100 - k)
        os.utime(folder / key[:2] / key, (then, then))
    return keys


def test_files_that_were_not_used_for_longest_go_first(folder, monkeypatch):
    cache = Cache()
    keys = fill(cache, folder)
    assert cache.load(keys[0]) is not None
    monkeypatch.setenv("JAXLITE_CACHE_MAX_MB", "0.009")
    cache.sweep()
    assert sorted(p.name for p in cache.files()) == [keys[0], keys[3]]


def test_the_limit_holds_after_a_while_of_writing(folder, monkeypatch):
    monkeypatch.setenv("JAXLITE_CACHE_MAX_MB", "0.1")
    cache = Cache()
    for k in range(600):
        cache.store(hashlib.sha256(bytes([k % 256, k // 256])).hexdigest(), bytes(1000))
    assert sum(p.stat().st_size for p in cache.files()) < 0.1 * 2**20 + 256 * 1032
    for k in range(3):
        (folder / ".swept").unlink()
        Cache().store(f"{k:02x}" * 20, bytes(1000))
        assert sum(p.stat().st_size for p in cache.files()) <= 0.1 * 2**20


def test_a_folder_is_looked_over_only_now_and_then(folder, monkeypatch):
    sweeps = []
    monkeypatch.setattr(Cache, "sweep", lambda self: (sweeps.append(1), (folder / ".swept").touch()))
    for k in range(20):
        Cache().store(f"{k:02x}" * 20, b"x")
    assert len(sweeps) == 1
    then = time.time() - 2 * 3600
    os.utime(folder / ".swept", (then, then))
    Cache().store(KEY, b"x")
    assert len(sweeps) == 2


@pytest.mark.parametrize(
    ("text", "megabytes"),
    [("", 512), ("7", 7), ("0.5", 0.5), ("0", 0)],
)
def test_the_limit_is_read_from_the_environment(monkeypatch, text, megabytes):
    monkeypatch.setenv("JAXLITE_CACHE_MAX_MB", text)
    assert cache_module._limit() == megabytes * 2**20


@pytest.mark.parametrize("text", ["many", "-1", "nan"])
def test_a_limit_that_is_none_is_said_once(monkeypatch, text):
    monkeypatch.setenv("JAXLITE_CACHE_MAX_MB", text)
    cache_module._megabytes.cache_clear()
    with pytest.warns(CacheWarning, match=f"JAXLITE_CACHE_MAX_MB={text} is no size"):
        assert cache_module._limit() == 512 * 2**20
    assert cache_module._limit() == 512 * 2**20


def test_a_folder_that_cannot_be_made_is_said_once(monkeypatch):
    monkeypatch.setenv("JAXLITE_CACHE", "1")
    monkeypatch.setenv("JAXLITE_CACHE_DIR", "/proc/no/such/folder")
    cache = Cache()
    with pytest.warns(CacheWarning, match="cannot be made"):
        cache.store(KEY, PAYLOAD)
    cache.store(KEY, PAYLOAD)
    assert cache.load(KEY) is None


def test_what_is_larger_than_the_limit_is_not_stored(folder, monkeypatch):
    monkeypatch.setenv("JAXLITE_CACHE_MAX_MB", "0")
    cache = Cache()
    cache.store(KEY, PAYLOAD)
    assert cache.load(KEY) is None
    assert cache.files() == []


def test_the_time_of_a_file_is_renewed_at_most_once_an_hour(folder):
    path, cache = stored(folder), Cache()
    recently, long_ago = time.time() - 600, time.time() - 7200
    os.utime(path, (recently, recently))
    cache.load(KEY)
    assert path.stat().st_mtime == pytest.approx(recently, abs=1)
    os.utime(path, (long_ago, long_ago))
    cache.load(KEY)
    assert path.stat().st_mtime > recently


def test_abandoned_files_are_swept_and_fresh_ones_left(folder):
    path, cache = stored(folder), Cache()
    old, fresh = path.with_name(".new-old"), path.with_name(".new-fresh")
    for p in (old, fresh):
        p.write_bytes(b"half")
    os.utime(old, (1, 1))
    cache.sweep()
    assert not old.exists()
    assert fresh.exists()
    assert path.exists()


def test_clear_deletes_programs_and_nothing_else(folder):
    path, cache = stored(folder), Cache()
    stored(folder, "00" * 20)
    mine = [folder / "notes.txt", path.parent / "notes.txt", path.parent / "abcd", folder / "sub" / KEY]
    for p in mine:
        p.parent.mkdir(exist_ok=True)
        p.write_text("mine")
    cache.clear()
    assert cache.files() == []
    assert all(p.exists() for p in mine)
    cache.store(KEY, PAYLOAD)
    assert cache.load(KEY) == PAYLOAD


def test_the_environment_changes_with_the_source_alone(tmp_path):
    digest = cache_module._sources_digest
    package = Path(jaxlite.__file__).parent
    assert digest(package) == digest(package)
    (tmp_path / "codegen").mkdir()
    file = tmp_path / "codegen" / "schedule.py"
    seen = set()
    for content in (b"a = 1", b"a = 2", b""):
        file.write_bytes(content)
        os.utime(file, (1, 1))
        seen.add(digest(tmp_path))
    file.rename(tmp_path / "codegen" / "other.py")
    seen.add(digest(tmp_path))
    (tmp_path / "ir.py").write_bytes(b"")
    assert len(seen) == 4
    assert (
        with_hash_seed(3, "from jaxlite.runtime.cache import cache; print(cache.environment())").strip()
        == Cache().environment()
    )
