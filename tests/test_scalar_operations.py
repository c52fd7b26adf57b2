"""Every elementwise primitive, one element at a time: NumPy's implementation, the expansion in Python, machine code.

For each primitive one loop program holds a loop for each choice of dtypes:

    for i0 in range(500): y3[i0] = np.int8(x3[i0] + x4[i0])         add of int8
    for i0 in range(500): y4[i0] = (x5[i0] | x6[i0])                add of bool
"""

from __future__ import annotations

import ctypes
import functools
import itertools
from dataclasses import dataclass, field

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
from jaxlite.codegen import elementwise, helpers
from jaxlite.codegen.builder import Builder
from jaxlite.codegen.emit_llvm import emit
from jaxlite.codegen.loops import Affine, Buffer, LoopProgram, Scalar
from jaxlite.codegen.operations import llvm_const, python_const
from jaxlite.codegen.render_python import namespace
from jaxlite.codegen.values import storage
from jaxlite.counters import counters
from jaxlite.dtypes import is_inexact
from jaxlite.errors import DtypeError
from jaxlite.ir import PRIMITIVES, ShapedArray
from jaxlite.lowering import Elementwise
from jaxlite.runtime import engine, symbols

BOOL = np.dtype(np.bool_)
F64 = np.dtype(np.float64)
INTEGERS = [np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)]
FLOATS = [np.dtype(np.float32), F64]
COMPLEX = [np.dtype(np.complex64), np.dtype(np.complex128)]
DTYPES = [BOOL, *INTEGERS, *FLOATS, *COMPLEX]

ELEMENTWISE = sorted(p.name for p in PRIMITIVES.values() if isinstance(p.lower, Elementwise))
BINARY = """add add_any sub mul div rem mod floor_div max min nextafter atan2 eq ne lt le gt ge and or xor
    shift_left shift_right_logical shift_right_arithmetic complex logaddexp hypot"""
HYPERGEOMETRIC = {"hyp1f1": 3, "hyp2f1": 4}


# --- what is asked of each primitive ----------------------------------------------------------------


@dataclass
class Case:
    """One primitive for one choice of dtypes and parameters."""

    name: str
    dtypes: tuple[np.dtype, ...]
    params: dict = field(default_factory=dict)

    @property
    def out_dtype(self) -> np.dtype:
        avals = [ShapedArray((), dtype) for dtype in self.dtypes]
        (aval,) = PRIMITIVES[self.name].abstract_eval(*avals, **self.params)
        return aval.dtype

    def __str__(self) -> str:
        params = [f"{k}={v}" for k, v in self.params.items()]
        return f"{self.name}({', '.join([*map(str, self.dtypes), *params])})"


def cases(name: str) -> list[Case]:
    found = []
    for case in _candidates(name):
        try:
            case.out_dtype  # noqa: B018
        except DtypeError:
            continue
        found.append(case)
    return found


def _candidates(name: str):
    same = [(dtype,) * (2 if name in BINARY.split() else 1) for dtype in DTYPES]
    if name == "clamp":
        same = [(dtype,) * 3 for dtype in DTYPES]
    elif name == "pow":
        same = [*itertools.product(INTEGERS, INTEGERS), *itertools.product(FLOATS + COMPLEX, INTEGERS)]
        same += [(dtype, dtype) for dtype in FLOATS + COMPLEX]
    elif name == "polygamma":
        same = [(dtype, dtype) for dtype in FLOATS]
    elif name in HYPERGEOMETRIC:
        same = [(dtype,) * HYPERGEOMETRIC[name] for dtype in FLOATS]
    elif name == "select_n":
        same = [(which, *[dtype] * n) for dtype in DTYPES for which, n in ((BOOL, 2), (BOOL, 1))]
        same += [(which, F64, F64, F64) for which in INTEGERS]
    params = {
        "integer_pow": [{"y": y} for y in (0, 1, 2, 3, 4, 7, 10, 20, -1, -2, -3, -5, -20)],
        "round": [{"rounding_method": method} for method in (0, 1)],
        "convert_element_type": [{"new_dtype": dtype, "weak_type": False} for dtype in DTYPES],
        "reduce_precision": [
            {"exponent_bits": e, "mantissa_bits": m} for e, m in ((5, 2), (8, 7), (5, 10), (1, 0))
        ],
        "bitcast_convert_type": [{"new_dtype": dtype} for dtype in DTYPES],
    }.get(name, [{}])
    return [Case(name, dtypes, p) for dtypes in same for p in params]


# --- operands ---------------------------------------------------------------------------------------


def numbers(dtype: np.dtype, rng) -> np.ndarray:
    """Return numbers of a dtype, those first that are special."""
    if dtype == BOOL:
        return np.array([False, True])
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        special = [0, 1, 2, 3, 5, 7, info.max, info.max - 1, info.min, info.min + 1, 8 * dtype.itemsize - 1]
        special += [-1, -2, -3, -7] if dtype.kind == "i" else [info.max // 2, info.max // 2 + 1]
        some = rng.integers(info.min, info.max, 30, dtype=dtype, endpoint=True)
        few = rng.integers(max(info.min, -20), 70, 30).astype(dtype)
        return np.concatenate([np.array(special, dtype), some, few])
    if dtype.kind == "c":
        part = np.dtype(f"f{dtype.itemsize // 2}")
        few = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0], part)
        grid = [complex(x, y) for x in few for y in few]
        grid += [
            complex(np.inf, 1),
            complex(1, -np.inf),
            complex(np.nan, 1),
            complex(1, np.nan),
            complex(-np.inf, np.inf),
        ]
        some = rng.normal(size=(40, 2)) * 10.0 ** rng.integers(-2, 2, (40, 1))
        return np.concatenate([np.array(grid, dtype), (some[:, 0] + 1j * some[:, 1]).astype(dtype)])
    info = np.finfo(dtype)
    special = [0.0, 1.0, 0.5, 2.0, 3.0, 1.5, 2.5, 10.25, 0.999, 1e-3, 700.5, np.inf, info.max, info.tiny]
    special += [info.smallest_subnormal, np.nextafter(dtype.type(0.5), dtype.type(0)), 2.0**23 + 1, 5e8 + 0.5]
    some = rng.normal(size=60) * 10.0 ** rng.integers(-3, 3, 60)
    return np.concatenate([np.array([*special, *(-x for x in special), np.nan], dtype), some.astype(dtype)])


def operands(case: Case) -> list[np.ndarray]:
    """Return arrays of one length: all pairs of special numbers, and pairs of any."""
    rng = np.random.default_rng(len(case.name))
    pools = [numbers(dtype, rng) for dtype in case.dtypes]
    if case.name == "polygamma":
        pools[0] = np.arange(6).astype(case.dtypes[0])
        # Far below 0 the sum has as many terms; far above, SciPy rounds to float32 in between.
        pools[1] = pools[1][~(np.abs(pools[1]) > 1e4)]
    if case.name in HYPERGEOMETRIC:
        # SciPy's functions do not come back from some of the infinite and of the large ones.
        pools = [pool[np.abs(pool) < 5] for pool in pools]
        pools[-1] = pools[-1][pools[-1] < 1]
    if case.name == "convert_element_type":
        pools[0] = _in_range(pools[0], case.params["new_dtype"])
    if len(pools) == 1:
        return pools
    heads = [pool[: {2: 40, 3: 12, 4: 6}[len(pools)]] for pool in pools]
    grids = [grid.ravel() for grid in np.meshgrid(*heads)]
    return [np.concatenate([grid, rng.choice(pool, 200)]) for grid, pool in zip(grids, pools)]


def _known_wrong(case: Case, args) -> np.ndarray:
    """Where the reference is at fault or arbitrary.

    SciPy's lgamma next to 0; NumPy's powers of uint64, which are floats; large and infinite powers of complex numbers;
    numbers to the power of ½.
    """
    if case.name == "lgamma":
        return np.abs(args[0]) < np.finfo(args[0].dtype).tiny
    if "pow" in case.name and case.out_dtype.kind == "c":
        exponent = np.asarray(case.params.get("y", args[-1])).astype(complex)
        return ~(np.isfinite(args[0]) & (np.abs(exponent) <= 10))
    if case.name == "pow" and case.out_dtype.kind == "f":
        # For one exponent of ½ NumPy takes the square root.
        return (args[1] == 0.5) & np.isin(args[0], [0.0, -np.inf])
    kinds = {dtype.kind for dtype in case.dtypes}
    as_floats = np.dtype(np.uint64) in case.dtypes and (case.name == "integer_pow" or kinds == {"i", "u"})
    return np.full(len(args[0]), "pow" in case.name and as_floats)


def _in_range(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Leave out what an integer type does not hold: its conversion is unspecified."""
    if dtype.kind not in "iu" or x.dtype.kind not in "fc":
        return x
    info, real = np.iinfo(dtype), x.real.astype(np.float64)
    bound = np.float64(info.max) if dtype.itemsize < 8 else np.nextafter(np.float64(info.max), 0)
    return x[(real >= info.min) & (real <= bound)]


# --- comparison -------------------------------------------------------------------------------------

# In units of the last place, where it is not 4; NumPy's own functions are off by as many, SciPy's erfc by hundreds.
ULPS = {
    "integer_pow": 20,
    "pow": 10,
    "erfc": 1000,
    "polygamma": 30,
    "digamma": 8,
    "lgamma": 8,
    "logistic": 8,
    "tan": 8,
}
# Zeros of either sign are equal to them.
NO_SIGN_OF_ZERO = ("max", "min", "clamp", "erf_inv")


def check(case: Case, got: np.ndarray, args, what: str) -> None:
    with np.errstate(all="ignore"):
        (want,) = PRIMITIVES[case.name].impl(*args, **case.params)
    want = np.asarray(want)
    assert got.dtype == want.dtype, f"{case}, {what}"
    if is_inexact(want.dtype):
        with np.errstate(all="ignore"):
            wrong = _wrong(case, got, want, args)
    else:
        wrong = got != want
    wrong &= ~_known_wrong(case, args)
    if what == "numba" and case.dtypes[0].kind == "c":
        # Numba writes these functions itself: at infinities, and on the lower side of the cut of acosh, otherwise.
        (x, *_) = args
        wrong &= np.isfinite(x) & ~((case.name == "acosh") & (x.imag == 0))
    if wrong.any():
        at = np.flatnonzero(wrong)[:5]
        lines = [f"  {[x[k] for x in args]}: {got[k]!r}, not {want[k]!r}" for k in at]
        pytest.fail("\n".join([f"{case}, {what}: {wrong.sum()} of {len(wrong)} differ", *lines]))


def _wrong(case: Case, got, want, args) -> np.ndarray:
    if want.dtype.kind == "c":
        bound = 100 if "pow" in case.name else 16
        size = np.maximum(np.abs(want.real), np.abs(want.imag))
        finite = np.isfinite(size)
        off = np.abs(got - want) > bound * np.finfo(want.dtype).eps * size
        return np.where(finite, off, _apart(got.real, want.real) | _apart(got.imag, want.imag))
    info = np.finfo(want.dtype)
    bound = ULPS.get(case.name, 4) * np.maximum(np.spacing(np.abs(want)), info.smallest_subnormal)
    if case.name in ("lgamma", "digamma"):
        # Near their zeros, and at negative numbers, SciPy has as many places as the terms that cancel there.
        bound = np.maximum(bound, 40 * info.eps * np.where(args[0] < 2.5, np.maximum(1, np.abs(want)), 0.1))
    if case.name == "digamma":
        # Next to its poles SciPy loses places.
        bound = np.where(args[0] < 0, 300 * info.eps * np.maximum(1, np.abs(want)), bound)
    if case.name == "logaddexp":
        # Where the result is small beside the operands.
        bound = np.maximum(bound, 2 * info.eps * np.where(np.isfinite(args[0]), np.abs(args[0]), 0))
    if case.name == "polygamma":
        # Left of 0 large terms cancel.
        bound = np.where(args[1] < 0, 5000 * info.eps * np.maximum(1, np.abs(want)), bound)
    off = ~(np.abs(got - want) <= bound)
    off = np.where(np.isfinite(want), off, _apart(got, want))
    if case.name not in NO_SIGN_OF_ZERO:
        off |= (want == 0) & (np.signbit(got) != np.signbit(want))
    return off


def _apart(got, want):
    return ~((got == want) | (np.isnan(got) & np.isnan(want)))


# --- programs ---------------------------------------------------------------------------------------


@functools.cache
def program(name: str) -> tuple[LoopProgram, list[tuple[Case, list[np.ndarray]]], list[Case]]:
    """Return the loops of all cases, what they are, and the cases that have no native form."""
    b, inputs, outputs, done, left = Builder(), [], [], [], []
    for case in cases(name):
        args = operands(case)
        loop = _loop(b, case, args, len(inputs), len(outputs))
        if loop is None:
            left.append(case)
            continue
        inputs += loop[0]
        outputs.append(loop[1])
        done.append((case, args))
    return LoopProgram(f"{name}_all", inputs, outputs, body=b.statements), done, left


def _loop(b: Builder, case: Case, args, first: int, number: int):
    """Write the loop of one case; returns the buffers that it reads and the one that it writes."""
    rule, size = elementwise.rule_for(PRIMITIVES[case.name].lower.word), len(args[0])
    stored = [storage(x.dtype) for x in args]
    places = [Buffer(f"x{first + k}", dtype, size * n, "input") for k, (dtype, n) in enumerate(stored)]
    dtype, count = storage(case.out_dtype)
    target = Buffer(f"y{number}", dtype, size * count, "output")
    written: list = []
    with b.into(written), b.loop(size, kind="parallel") as i:
        elements = [
            tuple(b.load(place, Affine.of(i) * n + k) for k in range(n))
            for place, (_, n) in zip(places, stored)
        ]
        result = rule(b, case.out_dtype, case.dtypes, *elements, **case.params)
        for k, component in enumerate(result or ()):
            assert component.dtype == dtype, case
            b.store(target, Affine.of(i) * count + k, component)
    if result is None:
        return None
    assert len(result) == count, case
    b.statements += written
    return places, target


def results(done) -> list[np.ndarray]:
    return [np.zeros(len(args[0]), case.out_dtype) for case, args in done]


def _flat(x: np.ndarray) -> np.ndarray:
    x = np.ascontiguousarray(x)
    return x.view(f"f{x.dtype.itemsize // 2}") if x.dtype.kind == "c" else x


every_primitive = pytest.mark.parametrize("name", ELEMENTWISE)


def test_every_primitive_has_a_rule():
    assert {PRIMITIVES[name].lower.word for name in ELEMENTWISE} <= set(elementwise.ELEMENTWISE)


@every_primitive
def test_every_case_has_a_native_form(name):
    _, _, left = program(name)
    reinterpreted = [c for c in left if name == "bitcast_convert_type" and c.out_dtype != c.dtypes[0]]
    assert [str(c) for c in left if c not in reinterpreted] == []


@every_primitive
def test_python_text(name):
    loops, done, _ = program(name)
    outputs = results(done)
    _, space = namespace(loops)
    with np.errstate(all="ignore"):
        space[loops.name](*[_flat(x) for _, args in done for x in args], *map(_flat, outputs))
    for (case, args), got in zip(done, outputs):
        check(case, got, args, "Python")


@every_primitive
def test_machine_code(name):
    loops, done, _ = program(name)
    outputs = results(done)
    run = machine_code(f"scalar_{name}", loops)
    run([*[x for _, args in done for x in args], *outputs])
    for (case, args), got in zip(done, outputs):
        check(case, got, args, "machine code")


def machine_code(key: str, loops: LoopProgram):
    """Compile a program; returns a function of the arrays that it reads and writes."""
    module = emit(loops, key)
    symbols.register(module.external)
    engine.load_objects(engine.objects_of(engine.build(f"jl_{key}", module.texts())), ())
    entry = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)(engine.address_of(f"jl_{key}"))

    def run(arrays) -> None:
        arrays = [*arrays, np.zeros(8, np.int64)]
        assert all(x.flags.c_contiguous for x in arrays)
        table = np.array([x.ctypes.data for x in arrays], np.uint64)
        assert entry(None, table.ctypes.data) == 0

    return run


# --- numba and constants ----------------------------------------------------------------------------


@pytest.mark.slow
@every_primitive
def test_python_text_under_numba(name):
    import numba

    loops, done, _ = program(name)
    outputs = results(done)
    _, space = namespace(loops)
    function = numba.njit(error_model="numpy")(space[loops.name])
    function(*[_flat(x) for _, args in done for x in args], *map(_flat, outputs))
    for (case, args), got in zip(done, outputs):
        check(case, got, args, "numba")


@pytest.mark.parametrize(
    "value",
    [0.0, -0.0, 0.1, -2.5, 1e-310, 5e-324, 1.7e308, np.inf, -np.inf, np.nan, 1 / 3],
    ids=str,
)
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_constants_of_floats_keep_their_bits(dtype, value):
    with np.errstate(all="ignore"):
        value = dtype.type(value)
    text = python_const(value, dtype)
    assert dtype.type(eval(text, {"np": np})).tobytes() == value.tobytes()
    (bits,) = np.array([int(llvm_const(value, dtype), 16)], np.uint64).view(np.float64)
    assert dtype.type(bits).tobytes() == value.tobytes()


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_constants_of_integers(dtype):
    for value in (np.iinfo(dtype).min, np.iinfo(dtype).max, 7):
        assert dtype.type(eval(python_const(value, dtype), {"np": np})) == value
        assert int(llvm_const(value, dtype)) == value


def test_an_expression_is_a_rule_of_real_operands():
    b = Builder()
    x = (Scalar(F64),)
    rule = elementwise.rule_for(lambda b, x: b.let("mul", x, b.let("sin", x)))
    (result,) = rule(b, F64, (F64,), x)
    assert result.dtype == F64
    assert [let.op for let in b.statements] == ["sin", "mul"]


@pytest.mark.parametrize("name", elementwise.COMBINERS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_what_reductions_start_with_changes_nothing(name, dtype):
    identity, combine = elementwise.COMBINERS[name]
    if not cases(name) or dtype not in [case.dtypes[0] for case in cases(name)]:
        return
    x = numbers(dtype, np.random.default_rng(0))
    start = np.array([c.value for c in identity(dtype)], storage(dtype)[0]).view(dtype)
    with np.errstate(all="ignore"):
        (y,) = PRIMITIVES[name].impl(np.broadcast_to(start, x.shape), x)
    at = np.isfinite(x)
    np.testing.assert_array_equal(y[at], x[at])


# --- float16 ------------------------------------------------------------------------------------------

HALVES = np.arange(2**16, dtype=np.uint16).view(np.float16)


def assert_same_numbers(got, expected) -> None:
    """Compare bit by bit, but for which nan it is."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)
    numbers = expected == expected
    np.testing.assert_array_equal(np.signbit(got[numbers]), np.signbit(expected[numbers]))


def near_halves() -> np.ndarray:
    """Return float64 where rounding to float16 is decided: the numbers themselves, what lies between, neighbours."""
    exact = HALVES[np.isfinite(HALVES)].astype(np.float64)
    between = (exact[:-1] + exact[1:]) / 2
    wide = np.concatenate([exact, between, [1e300, -1e300, 65519.999, 65520, np.inf, np.nan]])
    return np.concatenate([wide, np.nextafter(wide, 0), np.nextafter(wide, np.inf)])


@pytest.mark.filterwarnings("ignore")
def test_float16_in_machine_code_is_numpys():
    """Every number is converted, and combined with another one, to the last bit and without a call of NumPy."""
    x, y = HALVES, np.random.default_rng(5).permutation(HALVES)
    wide = near_halves()
    calls = [
        (lambda x: (x.astype(np.float32), x.astype(np.float64), x.astype(bool), x.view(np.int16)), (x,)),
        (lambda x: (x.astype(np.float16), x.astype(np.float32).astype(np.float16)), (wide,)),
        (lambda i: i.astype(np.float16), (np.arange(-70000, 70000, 7),)),
        (lambda x, y: (x + y, x - y, x * y, x / y, np.maximum(x, y), x < y, x == y), (x, y)),
        (lambda x, y: (x * y + x - y / np.float16(3), np.where(x > y, x, y), np.remainder(x, y)), (x, y)),
        (lambda x: (np.sqrt(x), abs(x), -x, np.sign(x), np.floor(x), np.rint(x), np.isnan(x), x * 2), (x,)),
        (lambda x: jnp.arange(5, dtype=np.float16) + x, (np.float16(2047),)),
    ]
    for function, args in calls:
        program = jaxlite.jit(function)
        before = counters.num_host_calls
        got, expected = program(*args), function(*map(jnp.asarray, args))
        assert counters.num_host_calls == before
        for one, other in zip(jaxlite.tree.leaves(got), jaxlite.tree.leaves(expected), strict=True):
            assert_same_numbers(one, other)


@pytest.mark.filterwarnings("ignore")
def test_float16_in_python():
    """What the Python form of a loop program calls does the same as the machine code."""
    for bits in range(0, 2**16, 37):
        assert_same_numbers(np.float32(helpers.float_of_half(np.uint16(bits))), np.float32(HALVES[bits]))
    for x in near_halves()[::97]:
        for number in (x, np.float32(x)):
            got = np.array(helpers.bits_of_half(number), np.uint16).view(np.float16)
            assert_same_numbers(got, np.asarray(number).astype(np.float16))
