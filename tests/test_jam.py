"""Loops that become one: which do, and that they compute what they did."""

import numpy as np
import pytest

import jaxlite.numpy as jnp
from jaxlite import grad, hessian, vmap
from jaxlite.codegen import nests
from jaxlite.codegen.builder import Builder
from jaxlite.codegen.jam import jam
from jaxlite.codegen.loops import INT, Affine, Buffer, Const, For, Kernel, Load, LoopProgram, walk
from jaxlite.codegen.render_python import namespace
from tests.test_kernels import check, loops_of

F64 = np.dtype(np.float64)
N = 6
ZERO = Const(0.0, F64)


def buffers(*names: str, size=4 * N):
    return [Buffer(name, F64, size, "output") for name in names]


def program_of(b: Builder, *outputs: Buffer) -> LoopProgram:
    return LoopProgram("program", [], list(outputs), [], [Kernel("k0", b.statements, False)])


def long_loops(program: LoopProgram) -> int:
    return sum(isinstance(s, For) and (s.indices is None or len(s.indices) == N) for s in walk(program.body))


def results(program: LoopProgram) -> list[np.ndarray]:
    arrays = [np.zeros(buffer.size) for buffer in program.outputs]
    _, space = namespace(program)
    space[program.name](*arrays)
    return arrays


def filled(b: Builder, t: Buffer, start=0) -> None:
    with b.loop(N, kind="parallel") as k:
        b.store(t, Affine.of(k) + start, b.convert(k, F64))


def test_sums_of_short_loops_read_what_a_loop_writes():
    (t, y), b = buffers("t", "y"), Builder()
    filled(b, t)
    with b.loop(3, kind="parallel") as coordinate:
        total = b.carry(ZERO)
        with b.loop(N, [total], kind="reduce") as k:
            scaled = b.let("mul", b.load(t, k), b.convert(coordinate, F64))
            total.next = b.let("add", total.inside, scaled)
        b.store(y, coordinate, total.result)
    program = jam(program_of(b, t, y))
    assert long_loops(program) == 1
    assert not any(isinstance(s, Load) for s in walk(program.body))
    np.testing.assert_array_equal(results(program)[1][:3], [0, 15, 30])


def _elsewhere(b, t, y, k):
    b.store(y, k, b.load(t, Affine.of(k) * -1 + (N - 1)))


def _neighbour(b, t, y, k):
    b.store(y, k, b.load(t, Affine.of(k) + 1))


def _always_one(b, t, y, k):
    b.store(y, k, b.load(t, 3))


def _overwritten(b, t, y, k):
    b.store(y, k, b.load(t, k))
    b.store(t, Affine.of(k) + 1, ZERO)


@pytest.mark.parametrize("step", [_elsewhere, _neighbour, _always_one, _overwritten])
def test_what_another_step_writes_is_waited_for(step):
    def make():
        (t, y), b = buffers("t", "y"), Builder()
        filled(b, t)
        with b.loop(N, kind="parallel") as k:
            step(b, t, y, k)
        return program_of(b, t, y)

    program = jam(make())
    assert long_loops(program) == 2
    np.testing.assert_array_equal(results(program), results(make()))


def test_a_sum_is_waited_for():
    (t, y), b = buffers("t", "y"), Builder()
    total = b.carry(ZERO)
    with b.loop(N, [total], kind="reduce") as k:
        value = b.convert(k, F64)
        b.store(t, k, value)
        total.next = b.let("add", total.inside, value)
    with b.loop(N, kind="parallel") as k:
        b.store(y, k, b.let("div", b.load(t, k), total.result))
    program = jam(program_of(b, t, y))
    assert long_loops(program) == 2
    np.testing.assert_allclose(results(program)[1][:N], np.arange(N) / 15)


def test_loops_without_a_common_value_stay():
    (t, y), b = buffers("t", "y"), Builder()
    filled(b, t)
    filled(b, y)
    assert long_loops(jam(program_of(b, t, y))) == 2


def test_what_stands_between_moves_out_of_the_way():
    (t, y, z), b = buffers("t", "y", "z"), Builder()
    filled(b, t)
    b.store(z, 0, Const(2.0, F64))
    factor = b.load(z, 0)
    with b.loop(N, kind="parallel") as k:
        b.store(y, k, b.let("mul", b.load(t, k), factor))
    program = jam(program_of(b, t, y, z))
    assert long_loops(program) == 1
    np.testing.assert_array_equal(results(program)[1][:N], 2.0 * np.arange(N))


def random_block(seed: int) -> LoopProgram:
    """Make loops, loops in short loops, and statements between them, over the same few arrays."""
    rng, b = np.random.default_rng(seed), Builder()
    arrays = buffers("t", "u", "v", "y")
    known: list = [Const(1.5, F64)]

    def pick(items):
        return items[rng.integers(len(items))]

    def place(k, coordinate):
        offset = Affine(int(pick([0, 0, 0, 1, N]))) if coordinate is None else Affine.of(coordinate) * N
        return Affine.of(k) + offset

    def body(k, values, coordinate, depth=0):
        for _ in range(rng.integers(1, 4)):
            choice = rng.integers(5)
            if choice == 0 and depth == 0:
                total = b.carry(pick(values))
                with b.loop(int(rng.integers(1, 4)), [total], kind="reduce") as short:
                    element = b.load(pick(arrays), place(k, short))
                    total.next = b.let("add", total.inside, element)
                values.append(total.result)
            elif choice <= 1:
                values.append(b.load(pick(arrays), place(k, coordinate)))
            elif choice <= 2:
                values.append(b.let("add", b.let("mul", pick(values), Const(0.5, F64)), pick(values)))
            else:
                b.store(pick(arrays), place(k, coordinate), pick(values))

    def in_spans(coordinate=None):
        total, part = b.carry(pick(known)), b.carry(ZERO)
        with b.loop(N, [total], step=4, kind="reduce", within=(0, N - 1)) as first:
            end = b.let("min", b.let("add", first, Const(4, INT)), Const(N, INT))
            with b.loop(end, [part], start=first, kind="reduce", last=N - 1, within=(0, N - 1)) as k:
                values = [*known, b.convert(k, F64)]
                body(k, values, coordinate)
                part.next = b.let("add", part.inside, values[-1])
            total.next = b.let("add", total.inside, part.result)
        return [total.result]

    def long_loop(coordinate=None):
        if rng.integers(3) == 0:
            return in_spans(coordinate)
        carries = [b.carry(pick(known))] if rng.integers(2) else []
        with b.loop(N, carries, kind="reduce" if carries else "parallel") as k:
            values = [*known, b.convert(k, F64)]
            body(k, values, coordinate)
            for carry in carries:
                carry.next = b.let("add", carry.inside, values[-1])
        return [carry.result for carry in carries]

    for _ in range(rng.integers(2, 6)):
        choice = rng.integers(4)
        if choice == 0:
            with b.loop(int(rng.integers(1, 5)), kind="parallel") as coordinate:
                for result in long_loop(coordinate):
                    b.store(pick(arrays), coordinate, result)
        elif choice == 1:
            b.store(pick(arrays), int(rng.integers(N)), pick(known))
        else:
            known += long_loop()
    return program_of(b, *arrays)


def test_random_blocks_compute_what_they_did():
    fewer = 0
    for seed in range(600):
        before, after = random_block(seed), random_block(seed)
        expected = results(before)
        jam(after)
        np.testing.assert_allclose(results(after), expected, rtol=1e-13, err_msg=str(seed))
        fewer += long_loops(after) < long_loops(before)
    assert fewer > 20


# --- as programs need them --------------------------------------------------------------------------


def potential(x):
    eye = jnp.eye(len(x))
    squares = jnp.sum((x[:, None] - x[None]) ** 2, -1) + eye + 0.1
    sixth = 1.0 / squares**3
    return jnp.sum(4.0 * (sixth * sixth - sixth) * (1.0 - eye)) / 2.0


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_forces_of_pairs(rng, kind):
    for n, d in [(40, 3), (7, 2), (9, 1), (12, 4), (12, 5), (3, 3), (1, 3), (0, 3)]:
        check(grad(potential), ((3 * rng.random((n, d))).astype(kind),))
    check(vmap(grad(potential)), ((3 * rng.random((3, 8, 3))).astype(kind),))
    check(hessian(potential), ((3 * rng.random((6, 2))).astype(kind),))


def test_forces_of_many_pairs_are_summed_in_spans(rng, monkeypatch):
    monkeypatch.setattr(nests, "SPAN", 8)
    for n, d in [(40, 3), (17, 2), (16, 1), (23, 4)]:
        check(grad(potential), (3 * rng.random((n, d)),))
    loops = loops_of(grad(potential), rng.random((40, 3)))
    assert not any(b.size == 40 for b in loops.buffers)
    # Coordinates are read in order.
    assert any(isinstance(s, Kernel) and s.comment == "in order" for s in walk(loops.body))


def test_one_loop_over_pairs_keeps_nothing_in_memory(rng):
    loops = loops_of(grad(potential), rng.random((40, 3)))
    inside = [s for s in walk(loops.body) if isinstance(s, For) and any(isinstance(t, For) for t in s.body)]
    rows = inside[-1]
    assert sum(isinstance(s, For) and len(s.indices) > 4 for s in rows.body) == 1
    assert sum(b.size for b in loops.buffers) <= 3 * 40 + 3
