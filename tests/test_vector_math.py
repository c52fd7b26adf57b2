"""The vector mathematics: worst errors against mpmath, special values, all widths of registers, and who calls it."""

from __future__ import annotations

import ctypes
import functools
import math
import platform

import llvmlite.binding as llvm
import mpmath
import numpy as np
import pytest
import scipy.special
from mpmath import mp

import jaxlite
import jaxlite.numpy as jnp
from jaxlite import lax
from jaxlite.codegen import boundary, helpers, vector_math
from jaxlite.codegen.emit_llvm import emit
from jaxlite.codegen.source import loop_program
from jaxlite.passes.pipeline import optimize
from jaxlite.runtime import engine, symbols
from jaxlite.scipy import special

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
BOTH_DTYPES = pytest.mark.parametrize("dtype", [F64, F32], ids=str)

# --- what is asked of each function -----------------------------------------------------------------

# Ranges: linear (low, high), or of both signs and logarithmic ("log", low, high).
TINY = ("log", 1e-320, 1.0)
RANGES = {
    "exp": [(-1, 1), (-20, 20), (-745, 709.7), TINY],
    "exp2": [(-1, 1), (-20, 20), (-1074, 1024), TINY],
    "expm1": [(-1, 1), (-40, 40), (-745, 709.7), TINY],
    "sinh": [(-1, 1), (-5, 5), (-710.4, 710.4), TINY],
    "cosh": [(-1, 1), (-5, 5), (-710.4, 710.4), TINY],
    "tanh": [(-1, 1), (-5, 5), (-40, 40), TINY],
    "log": [(0.5, 2), (0.99, 1.01), (0, 100), ("log", 5e-324, 1e308)],
    "log1p": [(-1, 1), (-0.35, 0.5), ("log", 1e-10, 1e308), TINY],
    "asinh": [(-1, 1), (-5, 5), ("log", 1.0, 1e308), TINY],
    "acosh": [(1, 1.001), (1, 2), (1, 10), ("log", 1.0, 1e308)],
    "atanh": [(-1, 1), (-0.5, 0.5), (0.999, 1), TINY],
    "cbrt": [(-4, 4), ("log", 5e-324, 1e308)],
    "sin": [(-4, 4), ("log", 1.0, 1e9), ("log", 1e9, 1e300), TINY],
    "cos": [(-4, 4), ("log", 1.0, 1e9), ("log", 1e9, 1e300), TINY],
    "tan": [(-1, 1), (-4, 4), ("log", 1.0, 1e9), ("log", 1e9, 1e300), TINY],
    "asin": [(-1, 1), (0.4, 0.6), (0.99, 1), TINY],
    "acos": [(-1, 1), (0.4, 0.6), (0.99, 1), (-1, -0.99), TINY],
    "atan": [(-1, 1), (-5, 5), ("log", 1.0, 1e300), TINY],
    "erf": [(-1, 1), (-6, 6), (0.9, 1.1), TINY],
    "erfc": [(-1, 1), (-6, 6), (5, 27.2), (0.4, 0.6), TINY],
    "erfinv": [(-1, 1), (0.99, 1), (0.9999, 1), TINY],
    "lgamma": [(0.5, 2.5), (1.9, 2.1), (0.99, 1.01), (2.5, 10), ("log", 10.0, 1e305)],
    "psi": [(1, 10), ("log", 10.0, 1e305)],
    "trigamma": [(-0.5, 0.5), (0.5, 5), (4.4, 4.6), (5, 20), (-1, -0.5), (-30, -1), (0, 1e-100), (20, 1e6),
                 (1e6, 1e300)],
    "pow": [((0, 10), (-50, 50)), ((0.3, 3), (-600, 600)), ((0.99, 1.01), (-7e4, 7e4)),
            (("log", 1e-320, 1e300), (-2, 2))],
    "atan2": [((-2, 2), (-2, 2)), (("log", 1e-300, 1e300), ("log", 1e-300, 1e300)),
              (("log", 1e-5, 1e5), ("log", 1e-5, 1e5))],
    "hypot": [((-2, 2), (-2, 2)), (("log", 1e-320, 1e308), ("log", 1e-320, 1e308)),
              (("log", 1e-5, 1e5), ("log", 1e-5, 1e5))],
}  # fmt: skip
RANGES["rem"] = [((-20, 20), (-3, 3)), ((-20, 20), (-1e-13, 1e-13)), (("log", 1e-320, 1e308), ("log", 1e-320, 1e308)),
                 (("log", 1e5, 1e10), (-3, 3))]  # fmt: skip
# In units of the last place, where it is not 2.
BOUND = {"rem": 0, "pow": 4, "erfc": 4, "lgamma": 4, "psi": 4, "trigamma": 3}

EXACT = {
    "exp2": lambda x: mp.power(2, x),
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "pow": mp.power,
    "rem": lambda x, y: mpmath.mpf(math.fmod(x, y)),
    "lgamma": lambda x: mp.re(mp.loggamma(x)),
    "psi": mp.digamma,
    "trigamma": lambda x: mp.zeta(2, x) if abs(x) < 1e6 else (1 + (0.5 + 1 / (6 * x)) / x) / x,
}
NUMPY = {
    "cbrt": np.cbrt, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh,
    "acosh": np.arccosh, "atanh": np.arctanh, "pow": np.power, "rem": np.fmod, "atan2": np.arctan2,
    "erf": scipy.special.erf,
    "erfc": scipy.special.erfc, "erfinv": scipy.special.erfinv, "lgamma": scipy.special.gammaln,
    "psi": scipy.special.psi, "trigamma": lambda x: scipy.special.polygamma(1, x).astype(x.dtype),
}  # fmt: skip


def sample(limits, count: int, rng) -> np.ndarray:
    if isinstance(limits[0], str):
        _, low, high = limits
        x = 10.0 ** rng.uniform(np.log10(low), np.log10(high), count)
        return x * rng.choice([-1, 1], count)
    return rng.uniform(*limits, count)


def samples(name: str, dtype, count: int, rng) -> list[np.ndarray]:
    """Return arguments, as doubles that the dtype holds, in the domain of the function."""
    parts = []
    for limits in RANGES[name]:
        one = vector_math.FUNCTIONS[name].arity == 1
        with np.errstate(over="ignore"):
            parts.append([sample(s, count, rng).astype(dtype) for s in ([limits] if one else limits)])
    xs = [np.concatenate(x).astype(np.float64) for x in zip(*parts, strict=True)]
    if name in ("log", "acosh", "lgamma", "psi", "pow"):
        xs[0] = np.abs(xs[0])
    kept = np.all([np.isfinite(x) & (x != 0) for x in xs], axis=0)
    if name in ("atanh", "erfinv"):
        kept &= np.abs(xs[0]) < 1
    if name == "log1p":
        kept &= xs[0] > -1
    return [x[kept] for x in xs]


def ulps_from_exact(name: str, got: np.ndarray, xs: list[np.ndarray]) -> np.ndarray:
    """Return how many units in the last place results are off."""
    info = np.finfo(got.dtype)
    exact = EXACT.get(name) or getattr(mp, name)
    off = np.empty(len(got))
    largest = mpmath.mpf(float(info.max))
    with mp.workprec(120):
        for k, y in enumerate(got):
            want = exact(*(mpmath.mpf(float(x[k])) for x in xs))
            if abs(want) >= largest * (1 + mpmath.mpf(2) ** (-2 - info.nmant)):
                off[k] = 0 if np.isinf(y) and (y > 0) == (want > 0) else np.inf
            elif not np.isfinite(y):
                off[k] = np.inf
            else:
                exponent = max(mp.frexp(want)[1] - 1, info.minexp)
                off[k] = abs(mpmath.mpf(float(y)) - want) / mpmath.mpf(2) ** (exponent - info.nmant)
    return off


# --- running ----------------------------------------------------------------------------------------

_CALL = """
declare RESULT @SYMBOL(TYPES)
define void @KEY(ptr %x, ptr %y, ptr %o, i64 %n) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %j, %loop ]
  %px = getelementptr ELEMENT, ptr %x, i64 %i
  %py = getelementptr ELEMENT, ptr %y, i64 %i
  %po = getelementptr ELEMENT, ptr %o, i64 %i
  %vx = load TYPE, ptr %px, align 4
  %vy = load TYPE, ptr %py, align 4
  %r = call TYPE @SYMBOL(ARGS)
  store TYPE %r, ptr %po, align 4
  %j = add i64 %i, LANES
  %more = icmp slt i64 %j, %n
  br i1 %more, label %loop, label %done
done:
  ret void
}
"""


def loop_text(symbol: str, lanes: int, dtype, arity: int) -> str:
    element = "double" if dtype == F64 else "float"
    kind = element if lanes == 1 else f"<{lanes} x {element}>"
    words = {
        "RESULT": kind, "SYMBOL": boundary.variant(symbol, lanes), "TYPES": ", ".join([kind] * arity),
        "KEY": f"test_{symbol}_{lanes}", "ELEMENT": element, "LANES": str(lanes), "TYPE": kind,
        "ARGS": f"{kind} %vx" + (f", {kind} %vy" if arity == 2 else ""),
    }  # fmt: skip
    text = _CALL
    for word, value in words.items():
        text = text.replace(word, value)
    return text


class Runner:
    """A function compiled for one processor, called for one number at a time and for registers."""

    def __init__(self, name: str, dtype, registers, cpu: str | None = None):
        self.dtype, self.arity = dtype, vector_math.FUNCTIONS[name].arity
        symbol = boundary.symbol_of(name, dtype)
        self.lanes = (1, *boundary.lanes_of(dtype, registers))
        symbols.register({boundary.FAR})
        definitions = [vector_math.text(boundary.variant(symbol, lanes)) for lanes in self.lanes]
        loops = [loop_text(symbol, lanes, dtype, self.arity) for lanes in self.lanes]
        loops = [t.replace(t[t.index("declare") : t.index("\n", t.index("declare"))], "") for t in loops]
        names = tuple(f"test_{symbol}_{lanes}" for lanes in self.lanes)
        # Beside the library that programs call.
        lines = "\n".join(definitions).splitlines()
        declared = {line: None for line in lines if line.startswith("declare")}
        text = "\n".join([*declared, *(line for line in lines if line not in declared), *loops])
        text = text.replace(f"@{symbol}", f"@tested_{symbol}")
        if cpu is None:
            address = engine.load_objects([engine.object_code(text)], names).get
        else:
            machine = llvm.Target.from_default_triple().create_target_machine(cpu=cpu, opt=2, jit=True)
            self.library = llvm.create_mcjit_compiler(llvm.parse_assembly(text), machine)
            self.library.finalize_object()
            address = self.library.get_function_address
        kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_int64)
        self.functions = [kind(address(name)) for name in names]

    def __call__(self, *xs: np.ndarray) -> list[np.ndarray]:
        """Return results, one array for each width."""
        count = len(xs[0])
        with np.errstate(over="ignore"):
            xs = [np.resize(x, count + max(self.lanes)).astype(self.dtype) for x in xs]
        results = []
        for function, lanes in zip(self.functions, self.lanes, strict=True):
            out = np.empty_like(xs[0])
            function(xs[0].ctypes.data, xs[-1].ctypes.data, out.ctypes.data, -(-count // lanes) * lanes)
            results.append(out[:count])
        return results


@functools.cache
def native(name: str, dtype) -> Runner:
    return Runner(name, dtype, engine.registers())


def same_bits(results: list[np.ndarray]) -> None:
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])
        numbers = ~np.isnan(other)
        np.testing.assert_array_equal(np.signbit(other[numbers]), np.signbit(results[0][numbers]))


# --- errors -----------------------------------------------------------------------------------------


def check_errors(name: str, dtype, count: int, rng, run=None) -> None:
    xs = samples(name, dtype, count, rng)
    results = (run or native(name, dtype))(*xs)
    same_bits(results)
    off = ulps_from_exact(name, results[0], xs)
    worst = int(np.argmax(off))
    at = ", ".join(repr(float(x[worst])) for x in xs)
    assert off[worst] <= BOUND.get(name, 2), (
        f"{name}({at}) is off by {off[worst]:.2f} units in the last place"
    )


@BOTH_DTYPES
@pytest.mark.parametrize("name", RANGES)
def test_errors(name, dtype, rng):
    check_errors(name, dtype, 150, rng)


@pytest.mark.slow
@pytest.mark.parametrize("name", RANGES)
def test_errors_at_many_points(name, rng):
    check_errors(name, F64, 2000, rng)


@BOTH_DTYPES
def test_lgamma_on_the_left(dtype, rng):
    x = np.concatenate([rng.uniform(-30, 0.5, 600), -np.arange(1, 15) + 1e-9, sample(TINY, 100, rng)])
    x = x.astype(dtype).astype(np.float64)
    x = x[(x != 0) & ((x > 0) | (x != np.floor(x)))]
    (got, *_) = native("lgamma", dtype)(x)
    with mp.workprec(150):
        exact = [mp.log(abs(mp.gamma(mpmath.mpf(float(v))))) for v in x]
        gap = np.array([float(abs(mpmath.mpf(float(y)) - e)) for y, e in zip(got, exact, strict=True)])
    bound = 4 * np.finfo(dtype).eps * np.maximum(1, np.abs(np.array(exact, float)))
    assert (gap <= bound).all(), x[gap > bound]


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_arguments_next_to_multiples_of_a_quarter_turn(name, rng):
    k = np.unique(np.concatenate([np.arange(1, 60), rng.integers(1, 2**29, 200)]))
    with mp.workprec(200):
        x = np.array([float(mpmath.mpf(int(i)) * mp.pi / 2) for i in k])
    # The double that comes nearest to a multiple of π/2.
    x = np.concatenate([x, np.nextafter(x, 0), [6381956970095103 * 2.0**797]])
    (got, *_) = native(name, F64)(x)
    with mp.workprec(1300):
        exact = [getattr(mp, name)(mpmath.mpf(float(v))) for v in x]
        off = [float(abs(mpmath.mpf(float(y)) / e - 1)) for y, e in zip(got, exact, strict=True)]
    assert max(off) <= 2 * 2.0**-52


# --- special values ---------------------------------------------------------------------------------

SPECIAL = np.array(
    [0.0, np.inf, np.nan, 5e-324, 1e-310, 2.3e-308, 1e-20, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 27.5, 88.9, 104.5, 710.0,
     711.0, 746.0, 1023.5, 1024.0, 1075.0, 1e20, 2.0**52 + 1, 2.0**53 + 2, 1e300, 1.7976931348623157e308]
)  # fmt: skip


def reference(name: str, dtype, xs) -> np.ndarray:
    with np.errstate(all="ignore"):
        want = (NUMPY.get(name) or getattr(np, name))(*(x.astype(dtype) for x in xs))
    if name == "lgamma":
        # SciPy's has no values at subnormal numbers, and another one at -inf.
        small = (np.abs(xs[0].astype(dtype)) < np.finfo(dtype).tiny) & (xs[0].astype(dtype) != 0)
        near = -np.log(np.where(small, np.abs(xs[0]), 1.0))
        want = np.where(small, near, np.where(xs[0] == -np.inf, np.inf, want)).astype(dtype)
    return want


@BOTH_DTYPES
@pytest.mark.parametrize("name", RANGES)
def test_special_values(name, dtype):
    xs = [np.concatenate([SPECIAL, -SPECIAL])]
    if native(name, dtype).arity == 2:
        xs = [x.ravel() for x in np.meshgrid(*xs, *xs)]
    with np.errstate(over="ignore"):
        xs = [x.astype(dtype).astype(np.float64) for x in xs]
        want = reference(name, dtype, xs)
    results = native(name, dtype)(*xs)
    same_bits(results)
    (got, *_) = results
    exact = ~np.isfinite(want) | (want == 0) | (np.abs(want) == 1)
    np.testing.assert_array_equal(np.where(exact, got, 0), np.where(exact, want, 0), str(xs))
    tiny = np.finfo(dtype).smallest_subnormal
    with np.errstate(all="ignore"):
        # SciPy's erfc and digamma are off by a hundred places.
        ulps = 200 if name in ("erfc", "psi", "lgamma") else 4
        near = np.abs(got - want) <= ulps * np.maximum(np.spacing(np.abs(want)), tiny)
    assert (near | exact).all(), [(x[~(near | exact)]) for x in xs]
    if name not in ("erfinv", "psi"):
        signs = np.signbit(got) == np.signbit(want)
        assert (signs | np.isnan(want)).all()


# --- other processors -------------------------------------------------------------------------------


def processors():
    if platform.machine() not in ("x86_64", "AMD64"):
        return []
    features = llvm.get_host_cpu_features()
    found = [("x86-64", (16,))]
    if features.get("avx2") and features.get("fma"):
        found.append(("haswell", (32,)))
    if features.get("avx512f") and features.get("avx512dq") and features.get("avx512vl"):
        found.append(("skylake-avx512", (32, 64)))
    return found


@pytest.mark.parametrize("cpu, registers", processors())
@pytest.mark.parametrize("name", ["exp", "log1p", "sin", "tanh", "atan2", "pow", "erfinv", "erfc"])
def test_other_processors(name, cpu, registers, rng):
    """Without fused multiply-add, which the C library stands in for, results keep their places."""
    check_errors(name, F64, 40, rng, Runner(name, F64, registers, cpu))


@pytest.mark.slow
@pytest.mark.parametrize("cpu, registers", processors()[:1])
@pytest.mark.parametrize("name", RANGES)
def test_every_function_without_fused_multiply_add(name, cpu, registers, rng):
    check_errors(name, F64, 150, rng, Runner(name, F64, registers, cpu))


# --- who calls it -----------------------------------------------------------------------------------


def calls_of(f, *args, registers=(64,)) -> str:
    """Return the optimised text of a program, for a processor with AVX-512."""
    engine.registers()
    loops = loop_program(optimize(jaxlite.make_jaxpr(f)(*args).jaxpr))
    (text,) = emit(loops, "calls", registers=registers).texts()
    module = llvm.parse_assembly(text)
    machine = llvm.Target.from_triple("x86_64-unknown-linux-gnu").create_target_machine(cpu="znver4", opt=3)
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return "\n".join(line for line in str(module).splitlines() if "call" in line)


needs_x86 = pytest.mark.skipif(not processors(), reason="LLVM here knows no x86")


@needs_x86
def test_loops_call_the_functions_of_registers():
    def loss(x):
        return jnp.sum(jnp.tanh(x) * jnp.exp(x) + jnp.log1p(x * x) * jnp.arctan2(x, 2.0))

    text = calls_of(jaxlite.grad(loss), np.zeros(1003))
    for name in ("tanh", "exp", "log1p", "atan2"):
        assert f"@jl_{name}_f64_v8(" in text
    text = calls_of(lambda x: jnp.exp(x) + 1, np.zeros(1003, np.float32))
    assert "@jl_exp_f32_v16(" in text


@needs_x86
def test_floats_beside_integers_fill_half_a_register():
    indices = np.arange(1000) % 7
    text = calls_of(lambda x, i: jnp.exp(x[i]), np.ones(7, np.float32), indices)
    assert "@jl_exp_f32_v8(" in text


@needs_x86
def test_sine_and_cosine_of_one_number_are_one_call():
    text = calls_of(lambda x: jnp.sin(x * 2) + jnp.cos(x * 2), np.zeros(64))
    assert "@jl_sincos_f64_v8(" in text and "@jl_sin_" not in text and "@jl_cos_" not in text
    text = calls_of(lambda x: jnp.sin(x) + jnp.cos(x * 2), np.zeros(64))
    assert "@jl_sincos" not in text and "@jl_sin_f64_v8(" in text and "@jl_cos_f64_v8(" in text


@needs_x86
def test_derivatives_of_digamma_know_their_order():
    """The first one has a function of its own; so have the first two of lgamma."""
    x = np.linspace(-3.3, 9.0, 1003)
    for f in (jaxlite.grad(lambda x: jnp.sum(special.digamma(x))), lambda x: special.polygamma(1, x)):
        text = calls_of(f, x)
        assert "@jl_trigamma_f64_v8(" in text and "@pow(" not in text
    assert "trigamma" not in calls_of(lambda x: special.polygamma(2, x), x)


@pytest.mark.filterwarnings("ignore")
def test_trigamma_in_python():
    x = np.concatenate([SPECIAL[:-3], -SPECIAL[:-3], np.linspace(-5.3, 12.0, 200)])
    got = np.array([helpers.trigamma(v) for v in x])
    np.testing.assert_allclose(got, scipy.special.polygamma(1, x), rtol=2e-14)


@needs_x86
def test_sequential_loops_call_the_c_library():
    text = calls_of(lambda x: lax.fori_loop(0, 1000, lambda i, v: jnp.exp(-v), x), 0.5)
    assert "@exp(double" in text and "@jl_exp" not in text
    text = calls_of(lambda x: lax.fori_loop(0, 1000, lambda i, v: jnp.exp(-v), x), np.zeros(64))
    assert "@jl_exp_f64_v8(" in text


@BOTH_DTYPES
@pytest.mark.parametrize("count", [7, 9, 1003])
def test_an_element_does_not_depend_on_its_neighbours(count, dtype):
    value = np.full(count, 0.7, dtype)
    for f in (jnp.exp, jnp.sin, jnp.tanh, jnp.arctan):
        out = np.asarray(jaxlite.jit(f)(value))
        assert (out == out[0]).all()
    out = np.asarray(jaxlite.jit(lambda x: jnp.sin(x) ** 2 + jnp.cos(x) ** 2)(value))
    np.testing.assert_allclose(out, 1.0, rtol=4 * np.finfo(dtype).eps)


def test_names_and_libraries():
    assert boundary.function_of("jl_exp_f64_v8") == ("exp", F64, 8)
    assert boundary.function_of("jl_log1p_f32") == ("log1p", np.float32, 1)
    assert boundary.function_of("jl_dgemm") is boundary.function_of("jl_host") is None
