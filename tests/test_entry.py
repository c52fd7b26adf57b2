"""Machine entries by themselves, around main functions written by hand: what they take, make, raise and leave alone.

make("double %x = …")        ->    entry(1.5) is NO_MATCH, or the result
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import sys
import threading
import types

import numpy as np
import pytest

import jaxlite
from jaxlite import jit, make_jaxpr
from jaxlite.array import Array
from jaxlite.codegen.entry import DECLARATIONS, entry_text
from jaxlite.config import disable_jit
from jaxlite.control.jit import NO_MATCH
from jaxlite.counters import counters
from jaxlite.errors import ArgumentError
from jaxlite.ir import ShapedArray
from jaxlite.runtime import call, engine
from jaxlite.runtime.compile import prepare
from jaxlite.trace import aval_of

F64, I32, I64, BOOL, C128 = (np.dtype(name) for name in ("f8", "i4", "i8", "?", "c16"))
_numbers = itertools.count()


class Code:
    """What `Program` asks for of machine code."""

    has_entry = True

    def __init__(self, key: str):
        self.key = key

    def address_of(self, suffix: str = "") -> int:
        return engine.address_of(f"jl_{self.key}{suffix}")


def make(in_avals, out_avals, body: str, *, release_gil: bool = False, explain=None) -> call.Program:
    """Compile ``i64 main(ptr %self, ptr %table)`` with its entry; ``body`` finds addresses in ``%p0``, ``%p1`` …"""
    prepare()
    key = f"hand{next(_numbers)}"
    lines = []
    for k in range(len(in_avals) + len(out_avals) + 1):
        lines += [f"%s{k} = getelementptr ptr, ptr %table, i64 {k}", f"%p{k} = load ptr, ptr %s{k}"]
    main = "\n".join([f"define i64 @jl_{key}(ptr %self, ptr %table) {{", *lines, body, "}"])
    text = "\n".join([DECLARATIONS, main, entry_text(key, in_avals, out_avals, release_gil=release_gil)])
    engine.load_objects(engine.objects_of(engine.build(key, [text])), ())
    code = Code(key)
    recorded = types.SimpleNamespace(in_avals=in_avals, out_avals=out_avals)
    return call.Program(recorded, code, explain)


def aval(dtype, *shape, weak: bool = False) -> ShapedArray:
    return ShapedArray(shape, dtype, weak)


def copies(dtype: np.dtype, count: int) -> str:
    """Copy the only input to the only output."""
    return f"""call void @llvm.memcpy.p0.p0.i64(ptr %p1, ptr %p0, i64 {count * dtype.itemsize}, i1 false)
    ret i64 0
}}
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
define internal void @unused_{next(_numbers)}() {{
    ret void"""


def copier(a: ShapedArray, **options):
    return make((a,), (a.strip_weak_type(),), copies(a.dtype, a.size), **options).entry


SUM = """
    %x = load double, ptr %p0
    %y = load double, ptr %p1
    %z = fadd double %x, %y
    store double %z, ptr %p2
    ret i64 0
"""


@pytest.fixture(scope="module")
def add():
    """The sum of the first elements of f64[3] and a Python float, as f64[]."""
    return make((aval(F64, 3), aval(F64, weak=True)), (aval(F64),), SUM)


# --- what is taken ----------------------------------------------------------------------------------

VALUES = {
    "f64[3]": np.arange(3.0),
    "Array": jaxlite.numpy.arange(3.0),
    "read-only": np.broadcast_to(np.arange(3.0), (3,)),
    "f32[3]": np.arange(3, dtype=np.float32),
    "i64[3]": np.arange(3),
    "u64[3]": np.arange(3, dtype=np.uint64),
    "i32[3]": np.arange(3, dtype=np.int32),
    "bool[3]": np.array([True, False, True]),
    "c128[3]": np.arange(3) * 1j,
    "f64[2,3]": np.arange(6.0).reshape(2, 3),
    "f64[3,2]": np.arange(6.0).reshape(3, 2),
    "f64[0]": np.zeros(0),
    "f64[0,2]": np.zeros((0, 2)),
    "f64[]": np.array(1.5),
    "i64[]": np.array(3),
    "bool[]": np.array(True),
    "float": 2.5,
    "int": -7,
    "largest": 2**63 - 1,
    "smallest": -(2**63),
    "True": True,
    "False": False,
    "complex": 1.0 - 2.0j,
    **{np.dtype(c).name: np.dtype(c).type(1) for c in "?bhiqBHIQefdFD"},
}
AVALS = sorted({aval_of(v) for v in VALUES.values()}, key=str)


@pytest.mark.parametrize("a", AVALS, ids=str)
def test_an_entry_takes_the_values_of_its_aval_and_no_others(a):
    entry = copier(a)
    for name, value in VALUES.items():
        if type(value) is np.longlong is not np.int64 or type(value) is np.ulonglong is not np.uint64:
            continue  # another C type than the preferred one of its size: left to the general way
        out = entry(value)
        if aval_of(value) != a:
            assert out is NO_MATCH, name
            continue
        assert type(out) is Array, name
        assert out.dtype is np.dtype(a.dtype.name) and out.shape == a.shape
        np.testing.assert_array_equal(out, value)


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6.0)[::2],
        np.arange(3.0)[::-1],
        np.broadcast_to(1.0, (3,)),
        np.arange(3.0).astype(">f8"),
        np.frombuffer(bytes(25), np.uint8)[1:].view(F64),
        np.arange(3.0).view(np.memmap),
        np.ma.arange(3.0),
        [0.0, 1.0, 2.0],
        "abc",
        None,
        2**63,
        -(2**200),
        type("Float", (float,), {})(1.0),
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_other_layouts_and_objects_are_left_alone(value):
    for a in (aval(F64, 3), aval(F64, weak=True), aval(I64, weak=True)):
        assert copier(a)(value) is NO_MATCH


def test_columns_and_rows():
    entry = copier(aval(F64, 3, 2))
    assert entry(np.zeros((2, 3)).T) is NO_MATCH
    assert entry(np.zeros((3, 2))).shape == (3, 2)


def test_the_number_of_arguments(add):
    x = np.ones(3)
    assert add.entry(x, 2.0) == 3.0
    for arguments in ((), (x,), (x, 2.0, 2.0), (2.0, x)):
        assert add.entry(*arguments) is NO_MATCH
    with pytest.raises(TypeError):
        add.entry(x, y=2.0)


def test_nothing_runs_while_a_function_is_traced(add):
    x, seen = np.ones(3), []
    make_jaxpr(lambda t: seen.append((add.entry(x, 2.0), add.entry(t, 2.0))) or t)(x)
    assert seen == [(NO_MATCH, NO_MATCH)]
    assert add.entry(x, 2.0) == 3.0


def test_nothing_runs_while_jit_is_disabled(add):
    with disable_jit():
        assert add.entry(np.ones(3), 2.0) is NO_MATCH
        with disable_jit(False):
            assert add.entry(np.ones(3), 2.0) == 3.0
    assert add.entry(np.ones(3), 2.0) == 3.0


# --- what is made -----------------------------------------------------------------------------------


def test_results_are_new_and_own_their_memory(add):
    first, second = add.entry(np.ones(3), 2.0), add.entry(np.ones(3), 2.0)
    assert type(first) is Array and first.shape == () and first.dtype is np.dtype("f8")
    assert first.flags.owndata and first.base is None and not np.may_share_memory(first, second)
    np.asarray(first)[...] = 9.0
    assert (first, second) == (9.0, 3.0)


def test_many_results_are_a_tuple_and_none_an_empty_one():
    two = make((aval(I32, 2),), (aval(I32), aval(BOOL)), """
        %second = getelementptr i32, ptr %p0, i64 1
        %x = load i32, ptr %second
        store i32 %x, ptr %p1
        store i8 1, ptr %p2
        ret i64 0
    """)  # fmt: skip
    out = two.entry(np.array([4, 5], np.int32))
    assert type(out) is tuple and out == (5, True) and [x.dtype for x in out] == [I32, BOOL]
    assert make((aval(F64),), (), "ret i64 0").entry(np.array(1.0)) == ()
    assert make((), (aval(F64, 2, 0, 3),), "ret i64 0").entry().shape == (2, 0, 3)


# --- what is raised ---------------------------------------------------------------------------------

FAILS = """
    %second = getelementptr i64, ptr %p2, i64 1
    store i64 -5, ptr %p2
    store i64 12345678901, ptr %second
    ret i64 8
"""


@pytest.mark.parametrize("release_gil", [False, True])
def test_a_failed_check_asks_the_program(release_gil):
    told = []

    def explain(program, site, details):
        told.append((program, site, details[:2]))
        return IndexError("out")

    program = make((aval(F64, 3),), (aval(F64, 3),), FAILS, release_gil=release_gil, explain=explain)
    for run in (program.entry, program.__call__, lambda *leaves: program.ordinary_call(leaves)):
        with pytest.raises(IndexError, match="out"):
            run(np.ones(3))
    assert told == 3 * [(program, 7, (-5, 12345678901))]


# --- what is left behind ----------------------------------------------------------------------------


def test_references_balance(add):
    def explain(program, site, details):
        return IndexError("out")

    fails = make((aval(F64, 3),), (aval(F64, 3),), FAILS, explain=explain)
    x, number, scalar = np.ones(3), 2.5, np.float64(1.0)
    tracked = (x, number, scalar, NO_MATCH, Array, add, fails, jaxlite.trace.EVAL, np.dtype("f8"))
    before = [sys.getrefcount(o) for o in tracked]
    for _ in range(10_000):
        add.entry(x, number)
        add.entry(x, scalar)
        add.entry(number)
        with contextlib.suppress(IndexError):
            fails.entry(x)
    after = [sys.getrefcount(o) for o in tracked]
    assert all(abs(a - b) < 5 for a, b in zip(after, before)), list(zip(before, after))


def test_memory_stays_the_same(add):
    resource = pytest.importorskip("resource")
    pair = make((), (aval(F64, 16), aval(F64)), "ret i64 0")
    x = np.ones(3)

    def run(count):
        for _ in range(count):
            add.entry(x, 1.5)
            add.entry(x, x)
            pair.entry()

    run(10_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run(300_000)
    # One word lost a call would be 2 MiB and more; macOS counts bytes.
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < (2 << 20 if sys.platform == "darwin" else 2 << 10)


def test_an_entry_keeps_its_program_and_both_go_together():
    import gc
    import weakref

    program = make((), (aval(F64),), "ret i64 0")
    entry, alive = program.entry, weakref.ref(program)
    del program
    gc.collect()
    assert alive() is not None and entry().shape == ()
    del entry
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("release_gil", [False, True])
def test_threads_call_at_once(release_gil):
    entry = make((aval(F64, 3), aval(F64, weak=True)), (aval(F64),), SUM, release_gil=release_gil).entry
    wrong = []

    def work(k):
        x = np.full(3, float(k))
        wrong.extend(i for i in range(20_000) if entry(x, float(i)) != k + i)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_others_run_while_a_long_program_does():
    """The main function waits for a word that another thread sets."""
    wait = """
        br label %again
    again:
        %word = load atomic i64, ptr %p0 seq_cst, align 8
        %set = icmp ne i64 %word, 0
        br i1 %set, label %done, label %again
    done:
        store i64 %word, ptr %p1
        ret i64 0
    """
    entry = make((aval(I64, 1),), (aval(I64),), wait, release_gil=True).entry
    word = np.zeros(1, np.int64)
    timer = threading.Timer(0.05, word.__setitem__, (0, 42))
    timer.start()
    assert entry(word) == 42
    timer.join()


# --- the general way --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "number"),
    [
        (np.arange(6.0)[::2] + 1.0, 2.0),
        (np.ones(3).astype(">f8"), 2),
        (np.ones(3).view(np.memmap), np.float64(2.0)),
        (np.frombuffer(b"x" + np.ones(3).tobytes(), np.uint8)[1:].view(F64), np.array(2.0)),
    ],
    ids=["strided", "byte-swapped", "memmap", "unaligned"],
)
def test_a_program_brings_values_into_the_form_of_its_entry(add, array, number):
    before = counters.num_ordinary_calls
    assert add(array, number) == (3.0,)
    assert counters.num_ordinary_calls == before
    assert add.ordinary_call((array, number)) == (3.0,)
    assert counters.num_ordinary_calls == before + 1


@pytest.mark.parametrize(
    ("array", "number"),
    [
        (np.ones(2), 2.0),
        (np.ones(1), 2.0),
        (1.0, 2.0),
        (np.arange(3), 2.0),
        (np.ones(3), 2j),
        (np.ones(3) * 1j, 2.0),
    ],
    ids=["short", "one", "number", "integers", "complex number", "complex"],
)
def test_a_program_refuses_what_it_would_misread(add, array, number):
    for run in (add, lambda *leaves: add.ordinary_call(leaves)):
        with pytest.raises(ArgumentError, match="was compiled for"):
            run(array, number)


def test_compiled_stages_refuse_other_shapes():
    compiled = jit(lambda x: x * 2.0).lower(np.ones(5)).compile()
    with pytest.raises(ArgumentError, match=r"f64\[3\], but the program was compiled for f64\[5\]"):
        compiled(np.ones(3))


def test_the_ordinary_way_agrees(add):
    with disable_jit():
        before = counters.num_ordinary_calls
        (out,) = add(np.ones(3), 2.0)
        assert counters.num_ordinary_calls == before + 1
    assert type(out) is Array and out == 3.0


def test_integers_of_another_c_type_reach_the_entry():
    f = jit(lambda x: x + 1)
    before = counters.num_ordinary_calls
    for value in (np.arange(3, dtype=np.longlong), np.arange(3, dtype=np.int_), np.arange(3, dtype=">i8")):
        np.testing.assert_array_equal(f(value), [1, 2, 3])
    assert counters.num_ordinary_calls == before


# --- the self-test ----------------------------------------------------------------------------------


def test_this_interpreter_is_known():
    assert call.entries_work()
    assert counters.num_failed_self_tests == 0


@pytest.mark.parametrize(
    ("name", "elsewhere"),
    [
        ("DATA", call.DESCR),
        ("NDIM", call.FLAGS),
        ("DIMENSIONS", call.DATA),
        ("DESCR", call.DATA),
        ("FLAGS", call.NDIM),
    ],
)
def test_a_field_that_lies_elsewhere_is_noticed(monkeypatch, name, elsewhere):
    monkeypatch.setattr(call, name, elsewhere)
    assert not call._lies_as_expected()


def test_without_entries_programs_still_run(monkeypatch):
    monkeypatch.setattr(call, "entries_work", lambda: False)
    program = make((aval(F64, 3), aval(F64, weak=True)), (aval(F64),), SUM)
    assert program.entry is None
    assert program(np.ones(3), 2.0) == (3.0,)


def test_functions_of_python_stay_as_others_use_them():
    prepare()
    assert call._arrays_are_made()
    assert ctypes.pythonapi.PyCFunction_NewEx.argtypes is None
