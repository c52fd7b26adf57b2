"""``contract``: tiles of the result, pieces of columns, and machine code against the definition in NumPy."""

from __future__ import annotations

import ctypes
import itertools
import math

import numpy as np
import pytest

import jaxlite
from jaxlite import lax
from jaxlite.codegen import array_helpers, tiles
from jaxlite.codegen.cost import cost_of
from jaxlite.codegen.emit_llvm import emit
from jaxlite.codegen.loops import INT, Address, Buffer, Call, Const, LoopProgram
from jaxlite.codegen.tiles import Nest, columns, groups_of, tile_of
from jaxlite.counters import counters
from jaxlite.runtime import engine, symbols


@pytest.mark.parametrize("lanes", [2, 4, 16])
def test_pieces_cover_the_columns(lanes):
    for n in range(1, 70):
        pieces = columns(n, lanes)
        assert {k for start, size in pieces for k in range(start, start + size)} == set(range(n))
        for group, other in itertools.pairwise(groups_of(pieces, 2)):
            # What is computed twice is added once: both are read before one of them is written.
            assert sum(group[-1]) <= other[0][0]


def test_tiles_are_alike():
    assert tile_of(28, 5, 14) == (14, 1)
    assert tile_of(16, 16, 14) == (8, 1)
    assert tile_of(3, 9, 14) == (3, 3)
    assert tile_of(16, 64, 24, across=True) == (4, 6)


ROW, TERM = (1, 0, 0, 0), (1, 0, 0)
NESTS = [
    Nest(False, 5, 0, 1, 0, 0, (ROW, ROW, (3, 9, 0, 40), (7, 1, 0, 5)), (TERM, TERM, (3, 9, 10), (2, 1, 5))),
    Nest(
        True, 37, 0, 1, 0, 0, (ROW, (2, 50, 0, 400), ROW, (5, 2, 0, 37)), (TERM, (2, 0, 9), (6, 3, 37), TERM)
    ),
    Nest(True, 12, 1, 1, 0, 0, (ROW, ROW, (2, 12, 0, 24), (2, 1, 12, 12)), (TERM, TERM, TERM, (100, 2, 1))),
    Nest(
        False,
        20,
        1,
        0,
        0,
        6,
        ((2, 1, 1, 800), ROW, (4, 0, 7, 200), (9, 30, 0, 20)),
        (TERM, TERM, TERM, (3, 1, -3)),
    ),
    Nest(False, 1, 0, 0, 0, 0, (ROW,) * 4, (TERM, TERM, TERM, (0, 1, 1))),
]


@pytest.mark.parametrize("name", ["scontract", "dcontract"])
@pytest.mark.parametrize("nest", NESTS, ids=range(len(NESTS)))
def test_machine_code(rng, name, nest):
    """For each width of registers that this processor has; the widest ones by a program."""
    dtype = np.dtype("f4" if name[0] == "s" else "f8")
    a, b, start = (rng.standard_normal(2000).astype(dtype) for _ in range(3))
    expected = start.copy()
    array_helpers.dcontract(*nest.numbers, a, b, expected)
    buffers = [Buffer(n, dtype, 2000, "output") for n in "abc"]
    call = Call(None, name, (*(Const(k, INT) for k in nest.numbers), *map(Address, buffers)))
    program = LoopProgram("tile", [], buffers, [], [call])
    key = f"tile{name}{NESTS.index(nest)}"
    module = emit(program, key)
    symbols.register(set(module.external))
    engine.load_objects(engine.objects_of(engine.build(key, module.texts())), ())
    table = (ctypes.c_void_p * 4)()
    routines = {"program": (engine.address_of(f"jl_{key}"), table)}
    (symbol,) = module.external
    for register in (r for r in (16, 32, 64) if r < max(engine.registers())):
        other = f"{symbol}_of_{register}"
        code = engine.object_code(tiles.text(symbol, register).replace(symbol, other))
        routines[register] = (engine.load_objects([code], (other,))[other], None)
    for address, table in routines.values():
        c = start.copy()
        places = [x.ctypes.data for x in (a, b, c)]
        if table is None:
            ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)(address)(*places)
        else:
            table[:3] = places
            assert (
                ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * 2)(address)(
                    None, ctypes.addressof(table)
                )
                == 0
            )
        np.testing.assert_allclose(c, expected, rtol=1e-4 if dtype == np.float32 else 1e-12, atol=1e-5)
    terms = math.prod(k for k, *_ in nest.terms)
    assert cost_of(program).flops == 2 * nest.n * math.prod(m for m, *_ in nest.rows) * terms


def test_a_convolution_makes_no_array_of_all_windows():
    image, kernel = np.zeros((4, 64, 64, 8)), np.zeros((5, 5, 8, 16))
    numbers = ("NHWC", "HWIO", "NHWC")

    def loss(x, k):
        return (lax.conv_general_dilated(x, k, (1, 1), "SAME", dimension_numbers=numbers) ** 2).sum()

    before = counters.num_host_calls
    step = jaxlite.jit(jaxlite.grad(loss, (0, 1)))
    step(image, kernel)
    assert counters.num_host_calls == before
    results = 4 * 64 * 64 * 16 * 8
    assert step.lower(image, kernel).compile().memory_analysis().temp_size_in_bytes < 5 * results
