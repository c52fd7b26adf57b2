"""The Python form of loop programs built by hand: its text, and what it computes, as plain Python and under numba."""

from __future__ import annotations

import ast
import textwrap
import traceback

import numba
import numpy as np
import pytest

from jaxlite.codegen.builder import Builder
from jaxlite.codegen.loops import (
    BOOL,
    INT,
    POINTER,
    Address,
    Affine,
    Buffer,
    Const,
    Host,
    Kernel,
    LoopProgram,
    Scalar,
)
from jaxlite.codegen.operations import OPERATIONS
from jaxlite.codegen.render_python import MOST_NUMBERS, WIDTH, namespace, render, run

F64, F32, I32, U8 = (np.dtype(t) for t in (np.float64, np.float32, np.int32, np.uint8))


def array(name: str, size: int, place: str, dtype=F64, **options) -> Buffer:
    return Buffer(name, np.dtype(dtype), size, place, **options)


def number(value, dtype=F64) -> Const:
    return Const(value, np.dtype(dtype))


def program_of(b: Builder, inputs, outputs, buffers=()) -> LoopProgram:
    return LoopProgram("program", list(inputs), list(outputs), list(buffers), b.statements)


def compile_njit(source: str, name: str = "program"):
    """Return the function of a source compiled by numba."""
    space: dict = {}
    exec(source, space)
    return numba.njit(error_model="numpy")(space[name])


def run_both(program: LoopProgram, *arrays) -> list[np.ndarray]:
    """Run a program as plain Python, and compare with what numba makes of it."""
    results = run(program, *arrays)
    compiled = [np.empty(b.size, b.dtype) for b in program.outputs]
    compile_njit(render(program))(*arrays, *compiled)
    for got, expected in zip(compiled, results, strict=True):
        if got.dtype.kind == "f":
            eps = np.finfo(got.dtype).eps
            np.testing.assert_allclose(got, expected, rtol=50 * eps, atol=4 * eps)
        else:
            np.testing.assert_array_equal(got, expected)
    return list(results)


def body_of(program: LoopProgram) -> str:
    """Return the statements of the function."""
    return textwrap.dedent(render(program).split("):\n", 1)[1])


# --- loops and expressions ----------------------------------------------------------------------------


def elementwise() -> LoopProgram:
    x, y = array("x", 4, "input"), array("y", 4, "output")
    b = Builder()
    with b.loop(4) as i:
        b.store(y, i, b.let("mul", b.let("sin", b.load(x, i)), number(2.0)))
    return program_of(b, [x], [y])


def test_golden_text():
    assert render(elementwise()) == (
        "import numpy as np\n"
        "\n"
        "\n"
        "def program(x, y):\n"
        "    for i in range(4):\n"
        "        y[i] = np.float64(np.sin(x[i])) * 2.0\n"
    )


def test_elementwise_loop():
    x = np.array([0.5, -1.0, np.inf, 3.0])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(run_both(elementwise(), x)[0], 2 * np.sin(x))


def test_text_is_the_same_every_time():
    program = elementwise()
    assert render(program) == render(program) == render(elementwise())


def test_nested_reduction():
    x, y = array("x", 12, "input"), array("y", 3, "output")
    b = Builder()
    with b.loop(3) as i:
        total = b.carry(number(0.0))
        with b.loop(4, [total], kind="reduce") as j:
            total.next = b.let("add", total.inside, b.load(x, Affine.of(i) * 4 + j))
        b.store(y, i, total.result)
    program = program_of(b, [x], [y])
    assert body_of(program).splitlines() == [
        "for i in range(3):",
        "    c0 = np.float64(0.0)",
        "    for j in range(4):",
        "        c0 += x[4 * i + j]",
        "    y[i] = c0",
    ]
    data = np.arange(12.0)
    np.testing.assert_array_equal(run_both(program, data)[0], data.reshape(3, 4).sum(1))


def test_loop_downwards():
    y, b = array("y", 5, "output", INT), Builder()
    count = b.carry(number(0, INT))
    with b.loop(Const(-1, INT), [count], start=4, step=-2) as i:
        b.store(y, i, count.inside)
        count.next = b.let("add", count.inside, Const(1, INT))
    with b.loop(4, start=1, step=2) as i:
        b.store(y, i, b.let("neg", i))
    assert "range(4, -1, -2)" in render(program_of(b, [], [y]))
    np.testing.assert_array_equal(run_both(program_of(b, [], [y]))[0], [2, -1, 1, -3, 0])


def test_loops_without_steps_and_without_statements():
    y, b = array("y", 1, "output"), Builder()
    total = b.carry(number(3.0))
    with b.loop(0, [total]):
        total.next = b.let("add", total.inside, number(1.0))
    with b.loop(5):
        pass
    b.store(y, 0, total.result)
    np.testing.assert_array_equal(run_both(program_of(b, [], [y]))[0], [3.0])


def test_arrays_without_elements():
    x, y, t = array("x", 0, "input"), array("y", 0, "output"), array("t", 0, "arena")
    k = array("k", 0, "data", data=np.zeros(0))
    b = Builder()
    with b.loop(0) as i:
        b.store(y, i, b.let("add", b.load(k, i), b.load(t, i)))
    assert run_both(program_of(b, [x], [y], [t, k]), np.zeros(0))[0].size == 0


def test_program_without_statements():
    assert run_both(program_of(Builder(), [], [])) == []


def test_bounds_known_only_at_run_time():
    n, y = array("n", 1, "input", INT), array("y", 4, "output", INT)
    b = Builder()
    with b.loop(4) as i:
        b.store(y, i, Const(0, INT))
    with b.loop(b.load(n, 0), start=1) as i:
        b.store(y, i, b.let("mul", i, i))
    np.testing.assert_array_equal(run_both(program_of(b, [n], [y]), np.array([3]))[0], [0, 1, 4, 0])


# --- carries ------------------------------------------------------------------------------------------


def fibonacci(steps: int, dtype=INT) -> LoopProgram:
    y, b = array("y", 2, "output", dtype), Builder()
    old, new, k = b.carry(number(0, dtype)), b.carry(number(1, dtype)), b.carry(Const(0, INT))

    def body():
        old.next = new.inside
        new.next = b.let("add", old.inside, new.inside)
        k.next = b.let("add", k.inside, Const(1, INT))

    b.while_([old, new, k], lambda: b.let("lt", k.inside, Const(steps, INT)), body)
    b.store(y, 0, old.result)
    b.store(y, 1, new.result)
    return program_of(b, [], [y])


def wrapped_fibonacci(steps: int, bits: int) -> list[int]:
    a, b = 0, 1
    for _ in range(steps):
        a, b = b, a + b
    return [(x + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1) for x in (a, b)]


def test_while_with_carries_that_exchange_values():
    program = fibonacci(10)
    assert body_of(program).splitlines()[3:5] == ["while c2 < 10:", "    c0, c1, c2 = c1, c0 + c1, c2 + 1"]
    np.testing.assert_array_equal(run_both(program)[0], [55, 89])


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.int8])
def test_carried_integers_wrap(dtype):
    expected = wrapped_fibonacci(100, 8 * np.dtype(dtype).itemsize)
    np.testing.assert_array_equal(run_both(fibonacci(100, np.dtype(dtype)))[0], expected)


def test_rotation_of_many_carries():
    """A long simultaneous assignment is folded."""
    size = 30
    y, b = array("y", size, "output"), Builder()
    carries = [b.carry(number(float(k))) for k in range(size)]
    with b.loop(7, carries):
        for k, carry in enumerate(carries):
            carry.next = carries[(k + 1) % size].inside
    for k, carry in enumerate(carries):
        b.store(y, k, carry.result)
    program = program_of(b, [], [y])
    assert max(map(len, render(program).splitlines())) <= WIDTH
    np.testing.assert_array_equal(run_both(program)[0], (np.arange(size) + 7) % size)


def test_while_whose_test_has_statements():
    x, y = array("x", 6, "input"), array("y", 1, "output", INT)
    b = Builder()
    at = b.carry(Const(0, INT))

    def test():
        total = b.carry(number(0.0))
        with b.loop(at.inside, [total]) as i:
            total.next = b.let("add", total.inside, b.load(x, i))
        return b.let("lt", total.result, number(5.0))

    b.while_([at], test, lambda: setattr(at, "next", b.let("add", at.inside, Const(1, INT))))
    b.store(y, 0, at.result)
    program = program_of(b, [x], [y])
    assert "while True:" in render(program)
    np.testing.assert_array_equal(run_both(program, np.arange(6.0))[0], [4])


def test_while_body_reads_what_its_test_computed():
    y, b = array("y", 1, "output"), Builder()
    x = b.carry(number(1.0))
    squares = []

    def test():
        squares.append(b.let("mul", x.inside, x.inside))
        return b.let("lt", squares[0], number(100.0))

    b.while_([x], test, lambda: setattr(x, "next", b.let("add", squares[0], number(1.0))))
    b.store(y, 0, x.result)
    np.testing.assert_array_equal(run_both(program_of(b, [], [y]))[0], [26.0])


def test_value_of_a_carry_is_kept_over_an_inner_loop():
    """``before`` is what the outer carry was when the step began."""
    y, b = array("y", 2, "output", INT), Builder()
    outer, last = b.carry(Const(1, INT)), b.carry(Const(0, INT))
    with b.loop(3, [outer, last]):
        before = b.let("mul", outer.inside, Const(10, INT))
        inner = b.carry(outer.inside)
        with b.loop(2, [inner]):
            inner.next = b.let("add", inner.inside, Const(1, INT))
        outer.next, last.next = inner.result, before
    b.store(y, 0, outer.result)
    b.store(y, 1, last.result)
    np.testing.assert_array_equal(run_both(program_of(b, [], [y]))[0], [7, 50])


def exchanged(steps: int, second: Buffer) -> LoopProgram:
    """Two buffers take turns: each step writes twice the elements of one into the other."""
    x, y = array("x", 3, "input"), array("y", 3, "output")
    first = array("a", 3, "arena")
    b = Builder()
    with b.loop(3) as i:
        b.store(first, i, b.load(x, i))
    p, q = b.carry(b.base(first)), b.carry(b.base(second))
    source = array("source", 0, "pointer", base=p.inside, origins=(first, second))
    target = array("target", 0, "pointer", base=q.inside, origins=(first, second))
    with b.loop(steps, [p, q]):
        with b.loop(3) as i:
            b.store(target, i, b.let("mul", b.load(source, i), number(2.0)))
        p.next, q.next = q.inside, p.inside
    result = array("result", 0, "pointer", base=p.result, origins=(first, second))
    with b.loop(3) as i:
        b.store(y, i, b.load(result, i))
    return program_of(b, [x], [y], [first, second])


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
@pytest.mark.parametrize("place", ["arena", "data"])
def test_loop_that_exchanges_pointers(steps, place):
    data = {"data": np.zeros(3)} if place == "data" else {}
    program = exchanged(steps, array("b", 3, place, **data))
    assert "c0, c1 = c1, c0" in render(program)
    x = np.array([1.0, 2.0, 3.0])
    for _ in range(2):
        np.testing.assert_array_equal(run_both(program, x)[0], x * 2**steps)


def test_base_within_a_buffer():
    x, y = array("x", 5, "input"), array("y", 1, "output")
    b = Builder()
    view = array("view", 0, "pointer", base=b.base(x, 3))
    deeper = array("deeper", 0, "pointer", base=b.base(view, 1))
    b.store(y, 0, b.let("sub", b.load(deeper, 0), b.load(view, 0)))
    program = program_of(b, [x], [y])
    assert "p0 = x[3:]" in render(program)
    np.testing.assert_array_equal(run_both(program, np.arange(5.0) ** 2)[0], [7.0])


# --- choices and checks -------------------------------------------------------------------------------


def test_switch_with_results():
    x, y = array("x", 1, "input", INT), array("y", 2, "output")
    b = Builder()
    branches = [
        lambda: (number(1.0), number(-1.0)),
        lambda: (b.let("sqrt", number(2.0)), number(0.5)),
        lambda: (number(3.0), b.let("exp", number(0.0))),
    ]
    for k, value in enumerate(b.switch(b.load(x, 0), branches, (F64, F64))):
        b.store(y, k, value)
    program = program_of(b, [x], [y])
    assert "elif v0 == 1:" in render(program)
    for k, expected in enumerate([(1.0, -1.0), (np.sqrt(2.0), 0.5), (3.0, 1.0)]):
        np.testing.assert_array_equal(run_both(program, np.array([k]))[0], expected)


def test_switch_on_a_bool_reads_as_an_if():
    x, y = array("x", 1, "input"), array("y", 1, "output")
    b = Builder()
    positive = b.let("gt", b.load(x, 0), number(0.0))
    (size,) = b.if_(
        positive, lambda: [b.let("sqrt", b.load(x, 0))], lambda: [b.let("neg", b.load(x, 0))], (F64,)
    )
    b.store(y, 0, size)
    program = program_of(b, [x], [y])
    assert body_of(program).splitlines() == [
        "if x[0] > 0.0:",
        "    v0 = np.float64(np.sqrt(x[0]))",
        "else:",
        "    v0 = -x[0]",
        "y[0] = v0",
    ]
    for value, expected in ((4.0, 2.0), (-3.0, 3.0)):
        np.testing.assert_array_equal(run_both(program, np.array([value]))[0], [expected])


@pytest.mark.parametrize("then, otherwise", [(True, False), (False, True), (False, False)])
def test_if_with_an_empty_branch(then, otherwise):
    x, y = array("x", 1, "input", BOOL), array("y", 1, "output", INT)
    b = Builder()
    b.store(y, 0, Const(0, INT))
    branches = [
        (lambda k=k: b.store(y, 0, Const(k, INT))) if on else tuple for k, on in ((1, then), (2, otherwise))
    ]
    b.if_(b.load(x, 0), *branches)
    for value in (True, False):
        expected = int(then) if value else 2 * int(otherwise)
        np.testing.assert_array_equal(run_both(program_of(b, [x], [y]), np.array([value]))[0], [expected])


def test_switch_with_one_branch_and_integers():
    y, b = array("y", 3, "output", INT), Builder()
    with b.loop(3) as i:
        (value,) = b.switch(Const(0, INT), [lambda: [b.let("mul", i, Const(5, INT))]], (INT,))
        b.store(y, i, b.let("neg", value))
    np.testing.assert_array_equal(run_both(program_of(b, [], [y]))[0], [0, -5, -10])


def checked() -> LoopProgram:
    n, y = array("n", 1, "input", INT), array("y", 1, "output", INT)
    b = Builder()
    index = b.load(n, 0)
    b.check(b.let("lt", index, Const(5, INT)), 7, index, Const(2, INT))
    b.store(y, 0, index)
    return program_of(b, [n], [y])


def test_check_that_holds():
    np.testing.assert_array_equal(run_both(checked(), np.array([4]))[0], [4])


def test_check_that_fails():
    program = checked()
    for function in (namespace(program)[1]["program"], compile_njit(render(program))):
        with pytest.raises(IndexError, match="equation 7") as caught:
            function(np.array([6]), np.zeros(1, int))
        assert caught.value.args[1:] == (6, 2)


def test_tracebacks_show_the_text():
    with pytest.raises(IndexError) as caught:
        run(checked(), np.array([6]))
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert frame.filename == "<jaxlite program>"
    assert frame.line.startswith('raise IndexError("equation 7')


# --- numbers ------------------------------------------------------------------------------------------


def test_int32_wraps():
    x, y = array("x", 3, "input", I32), array("y", 3, "output", I32)
    b = Builder()
    with b.loop(3) as i:
        v = b.load(x, i)
        b.store(y, i, b.let("add", b.let("mul", v, v), number(2**31 - 1, I32)))
    data = np.array([2, 70000, -(2**31)], np.int32)
    expected = ((data.astype(object) ** 2 + 2**31 - 1 + 2**31) % 2**32 - 2**31).astype(np.int32)
    np.testing.assert_array_equal(run_both(program_of(b, [x], [y]), data)[0], expected)


def test_arithmetic_of_indices_wraps():
    """Indices are Python's integers, which do not wrap by themselves."""
    y, z, w = array("y", 4, "output", INT), array("z", 4, "output", U8), array("w", 4, "output", I32)
    b = Builder()
    with b.loop(4) as i:
        far = b.let("mul", i, Const(6364136223846793005, INT))
        b.store(y, i, b.let("add", far, far))
        b.store(z, i, b.convert(b.let("sub", i, Const(2, INT)), U8))
        b.store(w, i, b.convert(b.let("mul", i, Const(2**30, INT)), I32))
    got = run_both(program_of(b, [], [y, z, w]))
    steps = np.arange(4)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(got[0], steps * np.int64(6364136223846793005) * np.int64(2))
    np.testing.assert_array_equal(got[1], (steps - 2).astype(np.uint8))
    np.testing.assert_array_equal(got[2], (steps * 2**30).astype(np.int32))


@pytest.mark.parametrize("op", ["neg", "div", "rem", "shl", "lshr", "ashr", "popcount", "not", "abs", "max"])
def test_operations_on_indices(op):
    y, b = array("y", 5, "output", INT), Builder()
    with b.loop(3, start=-2) as i:
        args = [i] if op in ("neg", "popcount", "not", "abs") else [i, Const(-1 if op == "div" else 3, INT)]
        b.store(y, Affine.of(i) + 2, b.let("add", b.let(op, *args), Const(2**63 - 1, INT)))
    steps = np.arange(-2, 3)
    expected = {
        "neg": lambda: -steps,
        "div": lambda: -steps,
        "rem": lambda: np.fmod(steps, 3),
        "shl": lambda: steps << 3,
        "lshr": lambda: (steps.view(np.uint64) >> np.uint64(3)).view(np.int64),
        "ashr": lambda: steps >> 3,
        "popcount": lambda: np.bitwise_count(steps.view(np.uint64)).astype(np.int64),
        "not": lambda: ~steps,
        "abs": lambda: abs(steps),
        "max": lambda: np.maximum(steps, 3),
    }[op]()
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(run_both(program_of(b, [], [y]))[0], expected + np.int64(2**63 - 1))


def test_float32_stays_float32():
    x, y = array("x", 1, "input", F32), array("y", 1, "output", F32)
    b = Builder()
    b.store(y, 0, b.let("div", b.let("add", b.load(x, 0), number(0.1, F32)), number(3.0, F32)))
    value = np.array([1.7], np.float32)
    expected = (value + np.float32(0.1)) / np.float32(3.0)
    np.testing.assert_array_equal(run_both(program_of(b, [x], [y]), value)[0], expected)


def test_division_by_a_constant_zero():
    """Constants are not Python's floats, whose division by zero is an error."""
    x, y = array("x", 1, "input"), array("y", 2, "output")
    b = Builder()
    b.store(y, 0, b.let("div", number(1.0), number(0.0)))
    b.store(y, 1, b.let("div", b.load(x, 0), number(0.0)))
    np.testing.assert_array_equal(run_both(program_of(b, [x], [y]), np.array([-1.0]))[0], [np.inf, -np.inf])


def test_stored_constants():
    values = [
        (np.inf, F64),
        (-0.0, F64),
        (0.1, F32),
        (-3, np.int8),
        (2**64 - 1, np.uint64),
        (True, BOOL),
        (np.nan, F32),
    ]
    b, outputs = Builder(), []
    for k, (value, dtype) in enumerate(values):
        outputs.append(array(f"y{k}", 1, "output", dtype))
        b.store(outputs[-1], 0, number(value, dtype))
    for got, (value, dtype) in zip(run_both(program_of(b, [], outputs)), values, strict=True):
        np.testing.assert_array_equal(got, np.array([value], dtype))
        assert np.signbit(got[0]) == np.signbit(np.array(value, dtype))


def test_complex_product():
    """Complex numbers are pairs; the arrays are views of twice the length."""
    x, y = array("x", 6, "input"), array("y", 6, "output")
    b = Builder()
    with b.loop(3) as i:
        at = Affine.of(i) * 2
        re, im = b.load(x, at), b.load(x, at + 1)
        b.store(y, at, b.let("sub", b.let("mul", re, re), b.let("mul", im, im)))
        b.store(y, at + 1, b.let("mul", number(2.0), b.let("mul", re, im)))
    program = program_of(b, [x], [y])
    z = np.array([1 + 2j, -3j, 0.5])
    np.testing.assert_allclose(run_both(program, z.view(float))[0].view(complex), z * z)
    np.testing.assert_allclose(run(program, z)[0].view(complex), z * z)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16, np.uint64, np.bool_])
@pytest.mark.parametrize("size", [1, 20, MOST_NUMBERS, MOST_NUMBERS + 1, 1000])
def test_constants(dtype, size, rng):
    data = (100 * rng.normal(size=size)).astype(np.int64).astype(dtype)
    if data.dtype.kind == "f":
        data = (data / 3).astype(dtype)
        data[0] = -np.inf
    k, y = array("k", size, "data", dtype, data=data), array("y", size, "output", dtype)
    b = Builder()
    with b.loop(size) as i:
        b.store(y, i, b.load(k, i))
    program = program_of(b, [], [y], [k])
    assert max(map(len, render(program).splitlines())) <= WIDTH
    np.testing.assert_array_equal(run_both(program)[0], data)


# --- order of statements ------------------------------------------------------------------------------


def test_load_comes_before_a_later_store():
    """A swap: what is loaded first must not become part of the second store."""
    x, y, t = array("x", 2, "input"), array("y", 2, "output"), array("t", 2, "stack")
    b = Builder()
    with b.loop(2) as i:
        b.store(t, i, b.load(x, i))
    first, second = b.load(t, 0), b.let("mul", b.load(t, 1), number(10.0))
    b.store(t, 0, second)
    b.store(t, 1, first)
    with b.loop(2) as i:
        b.store(y, i, b.load(t, i))
    np.testing.assert_array_equal(
        run_both(program_of(b, [x], [y], [t]), np.array([1.0, 2.0]))[0], [20.0, 1.0]
    )


def test_load_comes_before_a_store_through_a_pointer():
    x, y, t = array("x", 1, "input"), array("y", 2, "output"), array("t", 1, "stack")
    b = Builder()
    b.store(t, 0, b.load(x, 0))
    alias = array("alias", 0, "pointer", base=b.base(t), origins=(t,))
    old = b.load(t, 0)
    b.store(alias, 0, number(5.0))
    b.store(y, 0, old)
    older = b.load(alias, 0)
    b.store(t, 0, number(6.0))
    b.store(y, 1, older)
    np.testing.assert_array_equal(run_both(program_of(b, [x], [y], [t]), np.array([1.0]))[0], [1.0, 5.0])


def test_load_comes_before_a_loop_and_a_call():
    x, y, t = array("x", 1, "input"), array("y", 2, "output"), array("t", 1, "stack")
    b = Builder()
    b.store(t, 0, b.load(x, 0))
    old = b.load(t, 0)
    with b.loop(3):
        b.store(t, 0, b.let("add", b.load(t, 0), number(1.0)))
    b.store(y, 0, old)
    old = b.load(t, 0)
    n = Const(1, INT)
    flag, one, zero = Const(ord("N"), np.dtype(np.int8)), number(1.0), number(0.0)
    b.call("dgemm", flag, flag, n, n, n, one, Address(x), n, Address(x), n, zero, Address(t), n)
    b.store(y, 1, b.let("sub", b.load(t, 0), old))
    np.testing.assert_array_equal(run_both(program_of(b, [x], [y], [t]), np.array([3.0]))[0], [3.0, 3.0])


def test_long_expressions_become_variables():
    size = 40
    x, y = array("x", size, "input"), array("y", 1, "output")
    b = Builder()
    total = b.load(x, 0)
    for k in range(1, size):
        total = b.let("add", total, b.let("sin", b.load(x, k)))
    b.store(y, 0, total)
    program = program_of(b, [x], [y])
    assert max(map(len, render(program).splitlines())) <= WIDTH
    data = np.linspace(0.0, 1.0, size)
    np.testing.assert_allclose(run_both(program, data)[0], data[0] + np.sin(data[1:]).sum(), rtol=1e-14)


def test_operand_that_the_text_repeats_is_a_variable():
    """max of integers names its operands twice."""
    x, y = array("x", 2, "input", I32), array("y", 1, "output", I32)
    b = Builder()
    b.store(y, 0, b.let("max", b.let("neg", b.load(x, 0)), b.load(x, 1)))
    program = program_of(b, [x], [y])
    assert render(program).count("x[0]") == render(program).count("x[1]") == 1
    np.testing.assert_array_equal(run_both(program, np.array([-9, 4], np.int32))[0], [9])


def test_index_from_memory():
    x, n, y = array("x", 4, "input"), array("n", 4, "input", INT), array("y", 4, "output")
    b = Builder()
    with b.loop(4) as i:
        b.store(y, i, b.load(x, b.load(n, i)))
    program = program_of(b, [x, n], [y])
    assert "y[i] = x[n[i]]" in render(program)
    np.testing.assert_array_equal(run_both(program, np.arange(4.0), np.array([3, 0, 0, 1]))[0], [3, 0, 0, 1])


# --- names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["np", "v0", "c0", "i", "j", "p0", "lambda", "erf", "program", "range", "host"]
)
def test_buffers_of_any_name(name):
    x, y = array(name, 6, "input"), array("y", 3, "output")
    b = Builder()
    with b.loop(3) as i:
        total = b.carry(number(0.0))
        with b.loop(2, [total]) as j:
            v = b.let("erf", b.load(x, Affine.of(i) * 2 + j))
            total.next = b.let("add", total.inside, b.let("mul", v, v))
        b.store(y, i, total.result)
    program = program_of(b, [x], [y])
    ast.parse(render(program))
    assert render(program).count("import erf\n") == 1
    assert (run_both(program, np.ones(6))[0] > 1.4).all()


def test_more_loops_than_letters():
    y, b = array("y", 1, "output", INT), Builder()
    count = depth = 13

    def nest(level: int, carry):
        if level == depth:
            return b.let("add", carry, Const(1, INT))
        inner = b.carry(carry)
        with b.loop(2 if level % 6 == 0 else 1, [inner]):
            inner.next = nest(level + 1, inner.inside)
        return inner.result

    b.store(y, 0, nest(0, b.let("neg", Const(count, INT))))
    np.testing.assert_array_equal(run_both(program_of(b, [], [y]))[0], [2**3 - count])


# --- kernels, calls, the host -------------------------------------------------------------------------


def test_kernels_are_comments():
    x, y, t = array("x", 3, "input"), array("y", 3, "output"), array("t", 3, "arena")
    b = Builder()
    for name, source, target, comment in (("k0", x, t, "sin, sum\nof x"), ("k1", t, y, "")):
        body: list = []
        with b.into(body), b.loop(3) as i:
            b.store(target, i, b.let("add", b.load(source, i), number(1.0)))
        b.add(Kernel(name, body, outlined=True, comment=comment))
    program = program_of(b, [x], [y], [t])
    lines = body_of(program).splitlines()
    assert lines[:2] == ["t = np.empty(3, np.float64)", "# k0: sin, sum of x"]
    assert "# k1" in lines
    np.testing.assert_array_equal(run_both(program, np.arange(3.0))[0], np.arange(3.0) + 2)


def test_kernel_with_results():
    x, y = array("x", 3, "input"), array("y", 1, "output")
    b, body = Builder(), []
    with b.into(body):
        total = b.carry(number(0.0))
        with b.loop(3, [total]) as i:
            total.next = b.let("add", total.inside, b.load(x, i))
        mean = b.let("div", total.result, number(3.0))
    b.add(Kernel("k0", body, outlined=True, results=(mean,)))
    b.store(y, 0, mean)
    np.testing.assert_array_equal(run_both(program_of(b, [x], [y]), np.arange(3.0))[0], [1.0])


def test_kernel_without_statements():
    b = Builder()
    b.add(Kernel("k0", [], outlined=False))
    assert run_both(program_of(b, [], [])) == []


@pytest.mark.parametrize("flag_a, flag_b", ["NN", "NT", "TN", "TT"])
@pytest.mark.parametrize("letter", "dszc")
def test_call_of_a_matrix_product(letter, flag_a, flag_b, rng):
    """Matrices are column-major, inside of larger arrays."""
    dtype = np.dtype({"d": "f8", "s": "f4", "z": "c16", "c": "c8"}[letter])
    real, pair = dtype.type().real.dtype, 2 if dtype.kind == "c" else 1
    m, n, k = 3, 4, 2

    def random(rows, columns):
        matrix = rng.normal(size=(rows, columns)) + (
            1j * rng.normal(size=(rows, columns)) if pair == 2 else 0
        )
        return np.asfortranarray(matrix.astype(dtype))

    a = random(*((m, k) if flag_a == "N" else (k, m)))
    c = random(*((k, n) if flag_b == "N" else (n, k)))
    x, z = array("x", pair * a.size, "input", real), array("z", pair * c.size, "input", real)
    y = array("y", pair * (m * n + 2), "output", real)
    b = Builder()
    with b.loop(pair * 2) as i:
        b.store(y, i, number(0.0, real))
    char = [Const(ord(f), np.dtype(np.int8)) for f in (flag_a, flag_b)]
    sizes = [Const(v, INT) for v in (m, n, k)]
    one, zero = number(1.0, real), number(0.0, real)
    lda, ldb, ldc = (Const(v, INT) for v in (a.shape[0], c.shape[0], m))
    place = Address(y, Affine(2 * pair))
    b.call(f"{letter}gemm", *char, *sizes, one, Address(x), lda, Address(z), ldb, zero, place, ldc)
    program = program_of(b, [x, z], [y])
    text = render(program)
    assert f"from jaxlite.runtime.printed import {letter}gemm" in text
    flat_a, flat_c = (v.ravel("F").view(real) for v in (a, c))
    got = run_both(program, flat_a, flat_c)[0]
    left, right = (v if f == "N" else v.T for v, f in ((a, flag_a), (c, flag_b)))
    product = got.view(dtype)[2:].reshape(n, m).T
    np.testing.assert_allclose(
        product, left @ right, rtol=1e-12 if real == F64 else 1e-5, atol=1e-5 * (real == F32)
    )


def test_host_call():
    x, y, t = array("x", 4, "input"), array("y", 4, "output"), array("t", 4, "arena")
    b = Builder()
    b.add(Host(3, (Address(x), Address(x, Affine(2))), (Address(t),)))
    with b.loop(4) as i:
        b.store(y, i, b.let("add", b.load(t, i), number(1.0)))
    program = program_of(b, [x], [y], [t])
    assert "def program(x, y, host):" in render(program)
    assert "host(3, (x, x[2:]), (t,))" in render(program)
    calls = []

    def host(site, operands, results):
        calls.append((site, [v.copy() for v in operands]))
        results[0][:] = operands[0][::-1]

    data = np.arange(4.0)
    np.testing.assert_array_equal(run(program, data, host=host)[0], data[::-1] + 1)
    assert calls[0][0] == 3
    np.testing.assert_array_equal(calls[0][1][1], [2.0, 3.0])


# --- all operations -----------------------------------------------------------------------------------


def test_select_of_pointers():
    """Pointers are values like others."""
    x, z, y = array("x", 2, "input"), array("z", 2, "input"), array("y", 2, "output")
    b = Builder()
    p, q = b.base(x), b.base(z)
    (chosen,) = b.switch(Const(1, INT), [lambda: [p], lambda: [q]], (POINTER,))
    view = array("view", 0, "pointer", base=chosen)
    with b.loop(2) as i:
        b.store(y, i, b.load(view, i))
    got = run_both(program_of(b, [x, z], [y]), np.zeros(2), np.array([4.0, 5.0]))
    np.testing.assert_array_equal(got[0], [4.0, 5.0])


@pytest.mark.parametrize("op", sorted(OPERATIONS))
def test_every_operation_takes_expressions(op):
    """The text of an operation is one atom or in parentheses, so that it can stand inside of any other."""
    texts = ("(a + b)", "(c + d)", "(e + f)", "(g + h)")
    for dtype in (F64, np.dtype(np.int64), I32, BOOL):
        for number_of in range(1, 5):
            args = (BOOL, dtype, dtype) if op == "select" else (dtype,) * number_of
            try:
                text = OPERATIONS[op].python(dtype, args, texts[: len(args)])
            except (IndexError, ValueError, TypeError):
                continue
            tree = ast.parse(f"1 ** {text} ** 1", mode="eval")
            assert isinstance(tree.body, ast.BinOp) and isinstance(tree.body.op, ast.Pow), text
            assert isinstance(tree.body.right.op, ast.Pow), text


def test_scalars_without_a_use_are_kept():
    x, b = array("x", 1, "input"), Builder()
    assert isinstance(b.load(x, 0), Scalar)
    assert "v0 = x[0]" in render(program_of(b, [x], []))
