"""Products of matrices in tiles: sums against NumPy's, for each width of registers, and what is handed on to BLAS."""

from __future__ import annotations

import ctypes
import itertools
import mmap

import numpy as np
import pytest

from jaxlite import jit
from jaxlite.codegen import boundary, products, thread_pool
from jaxlite.runtime import engine, symbols, threads

POINTER = ctypes.c_void_p
ROUTINE = ctypes.CFUNCTYPE(None, *[POINTER] * 13)
NUMBERS = {"s": (ctypes.c_float, np.float32, 1e-4), "d": (ctypes.c_double, np.float64, 1e-12)}


class Routine:
    """A library's product of row-major matrices, and how often it was handed on."""

    def __init__(self, letter: str, registers: int):
        self.kind, self.dtype, self.tolerance = NUMBERS[letter]
        self.handed_on = 0
        symbol, other = f"jl_{letter}gemm", f"jl_{letter}gemm{registers}"
        engine.add_symbol("jl_threads", threads.address_of_words())
        self._blas = ROUTINE(self._count)
        engine.add_symbol(boundary.blas_symbol(other), ctypes.cast(self._blas, POINTER).value)
        text = products.text(symbol, registers).replace(symbol, other)
        text = text.replace(boundary.blas_symbol(symbol), boundary.blas_symbol(other))
        self._routine = ROUTINE(engine.load_objects([engine.object_code(text)], (other,))[other])

    def _count(self, *_):
        self.handed_on += 1

    def __call__(self, x, y, z, flags="NN", alpha=1.0, beta=0.0):
        """Compute z = alpha·x·y + beta·z; "T" stands for an operand that is kept transposed."""
        (rows, k), cols = x.shape, y.shape[1]
        kept = [m if f == "N" else np.ascontiguousarray(m.T) for m, f in zip((x, y), flags, strict=True)]
        steps = [m.shape[1] for m in kept]
        sizes = [ctypes.c_int(n) for n in (cols, rows, k, steps[1], steps[0], z.strides[0] // z.itemsize)]
        letters = [ctypes.c_char(f.encode()) for f in flags]
        scalars = [self.kind(alpha), self.kind(beta)]
        at = ctypes.addressof
        self._routine(
            at(letters[1]), at(letters[0]), *map(at, sizes[:3]), at(scalars[0]), kept[1].ctypes.data, at(sizes[3]),
            kept[0].ctypes.data, at(sizes[4]), at(scalars[1]), z.ctypes.data, at(sizes[5]),
        )  # fmt: skip


@pytest.fixture(scope="module")
def routines():
    """The library of each dtype for each width of registers that this machine has."""
    widths = [r for r in (16, 32, 64) if r <= max(engine.registers())]
    return {(letter, r): Routine(letter, r) for letter in NUMBERS for r in widths}


@pytest.fixture
def openblas():
    """Make OpenBLAS say that it has so many threads."""
    kept, getters = threads._words[thread_pool.GET_BLAS], []

    def says(number: int) -> None:
        getters.append(ctypes.CFUNCTYPE(ctypes.c_int)(lambda: number))
        threads._words[thread_pool.GET_BLAS] = ctypes.cast(getters[-1], POINTER).value

    yield says
    threads._words[thread_pool.GET_BLAS] = kept


def operands(dtype, rows, cols, k, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(dtype) for shape in ((rows, k), (k, cols))]


@pytest.mark.parametrize("flags", ["NN", "NT", "TN", "TT"])
def test_sums_of_products(routines, flags):
    sizes = itertools.product((1, 2, 5, 14, 29), (32, 33, 37, 40, 47, 63, 64, 95), (1, 7, 16, 33))
    for (routine, (rows, cols, k)), beta in itertools.product(
        itertools.product(routines.values(), sizes), (0.0, 1.0)
    ):
        x, y = operands(routine.dtype, rows, cols, k)
        # What lies beside the result stays as it is.
        around = np.full((rows + 2, cols + 3), 7.0, routine.dtype)
        z = around[1:-1, 1:-2]
        routine(x, y, z, flags, beta=beta)
        expected = np.full_like(around, 7.0)
        expected[1:-1, 1:-2] = x.astype(float) @ y.astype(float) + 7.0 * beta
        np.testing.assert_allclose(around, expected, atol=routine.tolerance * (1 + k))
    assert not any(routine.handed_on for routine in routines.values())


@pytest.mark.parametrize("flags", ["NN", "NT", "TN"])
def test_sums_over_several_blocks(routines, openblas, flags):
    openblas(1)
    for routine in routines.values():
        x, y = operands(routine.dtype, 150, 75, 600)
        z = np.ones((150, 75), routine.dtype)
        routine(x, y, z, flags, beta=1.0)
        np.testing.assert_allclose(z, x.astype(float) @ y.astype(float) + 1.0, atol=600 * routine.tolerance)


def test_a_result_that_was_not_there_is_not_read(routines):
    for routine in routines.values():
        x, y = operands(routine.dtype, 15, 37, 300)
        z = np.full((15, 37), np.nan, routine.dtype)
        routine(x, y, z)
        np.testing.assert_allclose(z, x.astype(float) @ y.astype(float), atol=300 * routine.tolerance)


@pytest.fixture
def at_the_end():
    """Copy arrays to the end of a page that no readable one follows."""
    libc, size, maps = ctypes.CDLL(None), mmap.PAGESIZE, []

    def copied(array):
        pages = -(-array.nbytes // size) * size
        maps.append(mmap.mmap(-1, pages + size))
        start = ctypes.addressof(ctypes.c_char.from_buffer(maps[-1]))
        assert libc.mprotect(POINTER(start + pages), ctypes.c_size_t(size), 0) == 0
        copy = np.frombuffer(maps[-1], array.dtype, array.size, pages - array.nbytes).reshape(array.shape)
        copy[:] = array
        return copy

    return copied


@pytest.mark.skipif(
    not hasattr(mmap, "PROT_READ"), reason="Windows has no mprotect, which forbids a page to be read"
)
@pytest.mark.parametrize("flags", ["NN", "NT", "TN"])
def test_nothing_beyond_an_operand_is_read(routines, at_the_end, flags):
    for routine, cols in itertools.product(routines.values(), (37, 41, 50)):
        x, y = operands(routine.dtype, 9, cols, 19)
        kept_x, kept_y = (at_the_end(m if f == "N" else m.T) for m, f in zip((x, y), flags, strict=True))
        z = at_the_end(np.ones((9, cols), routine.dtype))
        routine(
            *(m if f == "N" else m.T for m, f in zip((kept_x, kept_y), flags, strict=True)),
            z,
            flags,
            beta=1.0,
        )
        np.testing.assert_allclose(z, x.astype(float) @ y.astype(float) + 1.0, atol=19 * routine.tolerance)


@pytest.mark.parametrize(
    ("rows", "cols", "k", "options"),
    [
        (8, 64, 8, {"alpha": 2.0}),
        (8, 64, 8, {"beta": 0.5}),
        (8, 3, 8, {}),
        (400, 400, 400, {}),
        # Elements that are a page apart.
        (8, 1024, 8, {}),
    ],
)
def test_what_blas_is_for(routines, rows, cols, k, options):
    for routine in routines.values():
        before = routine.handed_on
        x, y = operands(routine.dtype, rows, cols, k)
        routine(x, y, np.zeros((rows, cols), routine.dtype), **options)
        assert routine.handed_on == before + 1


def test_large_products_are_for_blas_where_it_has_threads(routines, openblas):
    openblas(2)
    for routine in routines.values():
        for rows, handed_on in ((16, 0), (128, 1)):
            before = routine.handed_on
            x, y = operands(routine.dtype, rows, 60, 60)
            routine(x, y, np.zeros((rows, 60), routine.dtype))
            assert routine.handed_on == before + handed_on


def test_programs_call_it():
    x, y = operands(np.float64, 40, 50, 60)
    assert symbols.address_of("jl_dgemm") != symbols._exported("scipy.linalg.cython_blas", "dgemm")
    np.testing.assert_allclose(jit(lambda a, b: a @ b)(x, y), x @ y, rtol=1e-12)
