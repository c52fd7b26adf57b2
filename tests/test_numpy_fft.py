"""``jaxlite.numpy.fft`` against NumPy in every mode, and its derivatives against JAX's."""

import importlib
import os
import subprocess
import sys
import textwrap
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import jaxlite
import jaxlite.numpy as jnp
import jaxlite.scipy.fft
import jaxlite.scipy.signal
from jaxlite import lax
from jaxlite.codegen import transforms
from jaxlite.codegen.render_python import flat
from jaxlite.codegen.render_python import run as run_python
from jaxlite.codegen.source import loop_program
from jaxlite.counters import counters
from jaxlite.errors import ArgumentError, DtypeError
from jaxlite.ops.fft import FftType
from jaxlite.passes.pipeline import optimize
from jaxlite.test_util import check_grads
from tests.test_compiled import njit_form
from tests.tolerances import assert_close

R = np.random.default_rng(3)
X = R.normal(size=(3, 4, 6))
Z = X + 1j * R.normal(size=X.shape)

CALLS = [
    ("fft", Z, {}),
    ("fft", X, {"n": 4, "axis": 1}),
    ("fft", X, {"n": 9, "axis": 0, "norm": "ortho"}),
    ("fft", np.arange(5), {}),
    ("fft", X.astype(np.float16), {}),
    ("fft", Z.astype(np.complex64), {"norm": "forward"}),
    ("irfft", X.astype(np.float16), {}),
    ("hfft", X.astype(np.float16), {}),
    ("irfftn", X.astype(np.float16), {}),
    ("fft", X[..., :1], {}),
    ("fft", X[..., :2], {"norm": "ortho"}),
    ("fft", X.astype(np.float32), {"n": 6}),
    ("ifft", X, {"axis": 1}),
    ("ifft", X.astype(np.float32), {"n": 7, "norm": "forward"}),
    ("ifft", Z, {"norm": "forward"}),
    ("ifft", Z, {"n": 3, "norm": "ortho"}),
    ("rfft", X, {"n": 7}),
    ("rfft", X.astype(np.float32), {"axis": 0}),
    ("rfft", X > 0, {"norm": "forward"}),
    ("irfft", Z, {}),
    ("irfft", Z, {"n": 7, "axis": 1, "norm": "ortho"}),
    ("irfft", X, {"n": 4}),
    ("irfft", Z.astype(np.complex64), {"norm": "forward"}),
    ("hfft", Z, {}),
    ("hfft", Z, {"n": 5, "norm": "forward"}),
    ("hfft", X, {"norm": "ortho", "axis": 0}),
    ("ihfft", X, {}),
    ("ihfft", X, {"n": 5, "axis": 1, "norm": "forward"}),
    ("fftn", X, {}),
    ("fftn", X, {"axes": (2, 0)}),
    ("fftn", X, {"s": (1, 2, 5), "axes": (0, 1, 2)}),
    ("fftn", X, {"s": (6, 3), "axes": (0, -1), "norm": "ortho"}),
    ("fftn", X, {"axes": (1, 1)}),
    ("ifftn", X, {"axes": (0, 2)}),
    ("fft2", X.astype(np.float32), {"s": (4, 4)}),
    ("ifft2", X, {"norm": "ortho"}),
    ("fftn", Z, {}),
    ("fftn", Z, {"axes": (2, 0)}),
    ("fftn", Z, {"s": (5, 3), "axes": (0, -1), "norm": "ortho"}),
    ("fftn", Z, {"axes": (1, 1)}),
    ("fftn", Z, {"axes": ()}),
    ("ifftn", Z, {"s": (2, -1), "axes": (1, 2)}),
    ("ifftn", Z, {"norm": "forward"}),
    ("rfftn", X, {"axes": (1, 0)}),
    ("rfftn", X, {"axes": (1, 1)}),
    ("rfftn", X, {"s": (3, 9), "axes": (0, 1), "norm": "forward"}),
    ("irfftn", Z, {}),
    ("irfftn", Z, {"axes": (1, 1)}),
    ("irfftn", Z, {"s": (3, 9), "axes": (0, 1), "norm": "forward"}),
    ("fft2", Z, {"s": (3, 9)}),
    ("ifft2", Z, {"axes": (0, 1)}),
    ("rfft2", X, {"norm": "ortho"}),
    ("irfft2", Z, {"s": (3, 5)}),
    ("fftshift", X, {}),
    ("fftshift", X, {"axes": 1}),
    ("ifftshift", X, {"axes": (0, 2)}),
    ("ifftshift", np.arange(5), {}),
]


@pytest.mark.parametrize(
    ("name", "x", "options"), CALLS, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(CALLS)]
)
def test_as_numpy(name, x, options):
    ours, theirs = getattr(jnp.fft, name), getattr(np.fft, name)
    expected = theirs(x, **options)
    for f in (
        lambda x: ours(x, **options),
        jaxlite.jit(lambda x: ours(x, **options)),
        jaxlite.jit(lambda x: theirs(x, **options)),
        lambda x: jaxlite.vmap(lambda x: ours(x, **options))(np.stack([x, x]))[1],
    ):
        result = f(x)
        assert type(result) is jaxlite.Array
        assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
        tolerance = {np.float32: 2e-6, np.complex64: 2e-6}.get(result.dtype.type, 1e-12)
        tolerance = 2e-3 if x.dtype == np.float16 else tolerance
        np.testing.assert_allclose(result, expected, rtol=tolerance, atol=10 * tolerance)


@pytest.mark.parametrize(
    ("name", "x", "options"),
    [call for call in CALLS if call[1] is X or call[1] is Z][::3],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_derivatives(name, x, options):
    check_grads(lambda x: getattr(jnp.fft, name)(x, **options), (x[:2],), order=2)


def test_lengths_of_all_the_last_axes():
    """``s`` without ``axes`` counts from the end, as the array API standard says."""
    expected = np.fft.fftn(Z, s=(2, 3), axes=(1, 2))
    assert_close(jnp.fft.fftn(Z, s=(2, 3)), expected)
    assert_close(jaxlite.jit(lambda z: jnp.fft.fftn(z, s=(2, 3)))(Z), expected)


@pytest.mark.parametrize("dtype", ["f4", "c8", "f8", "c16"])
@pytest.mark.parametrize("name", ["irfft", "hfft", "irfft2", "irfftn"])
def test_no_points_are_padded_with_zeros(name, dtype):
    # Memory that NumPy may be given, with numbers in it.
    for _ in range(3):
        freed = [np.full(size, np.nan) for size in (1, 3, 15, 30)]
        del freed
        options = {"n": 4} if name.endswith("fft") else {"s": (5, 4), "axes": (0, 1)}
        got = getattr(jnp.fft, name)(np.zeros((3, 0), dtype), **options)
        assert got.shape == ((3, 4) if name.endswith("fft") else (5, 4)) and not np.asarray(got).any()


def test_frequencies():
    for n in (1, 2, 5, 8):
        for d in (1.0, 0.25):
            np.testing.assert_array_equal(jnp.fft.fftfreq(n, d), np.fft.fftfreq(n, d))
            np.testing.assert_array_equal(jnp.fft.rfftfreq(n, d), np.fft.rfftfreq(n, d))
            assert_close(jaxlite.jit(lambda d: jnp.fft.fftfreq(n, d))(d), np.fft.fftfreq(n, d))  # noqa: B023
    assert jnp.fft.rfftfreq(4, dtype=jnp.float32).dtype == np.float32


def test_a_program_without_padding_is_one_equation():
    jaxpr = jaxlite.make_jaxpr(lambda z: jnp.fft.fftn(z, s=Z.shape, axes=(0, 1, 2)))(Z)
    assert [eqn.primitive.name for eqn in jaxpr.eqns] == ["fft"]


def test_real_arrays_take_the_transform_of_real_arrays():
    for f in (jnp.fft.fft2, lambda x: jnp.fft.ifft(x, axis=0)):
        loss = jaxlite.grad(lambda x: jnp.sum(jnp.abs(f(x)) ** 2))  # noqa: B023
        jaxpr = jaxlite.make_jaxpr(loss)(X)
        kinds = [eqn.params["fft_type"] for eqn in jaxpr.eqns if eqn.primitive.name == "fft"]
        assert kinds == ["RFFT", "IRFFT"]


def test_lax_takes_names_and_members():
    expected = np.fft.rfft(X)
    for kind in (FftType.RFFT, jaxlite.lax.FftType.RFFT, "RFFT", "rfft"):
        assert_close(jaxlite.lax.fft(X, kind, (6,)), expected)
    with pytest.raises(ArgumentError, match="'DCT' is not one of FFT, IFFT, RFFT, IRFFT"):
        jaxlite.lax.fft(X, "DCT", (6,))


@pytest.mark.parametrize(
    ("f", "error", "match"),
    [
        (lambda: jnp.fft.rfft(Z), DtypeError, r"fft.rfft: the operand has type c128\[3,4,6\]"),
        (lambda: jnp.fft.fft(X, 0), ArgumentError, "a transform has at least one point"),
        (lambda: jnp.fft.fft(X, norm="no"), ArgumentError, "norm 'no' is not known"),
        (lambda: jnp.fft.hfft(X, norm="no"), ArgumentError, "norm 'no' is not known"),
        (lambda: jnp.fft.fftn(X, (1, 2), (0,)), ArgumentError, "2 lengths and 1 axes"),
        (lambda: jnp.fft.rfftn(X, axes=()), ArgumentError, "no axes"),
        (lambda: jnp.fft.fftfreq(0), ArgumentError, "0 points"),
        (lambda: jnp.fft.fft(X, axis=5), ValueError, "out of bounds"),
    ],
)
def test_errors(f, error, match):
    with pytest.raises(error, match=match):
        f()


def test_derivatives_agree_with_jax(oracle):
    jax, theirs = oracle, oracle.numpy.fft
    for name, x in (("rfft", X), ("irfft", Z), ("fftn", Z), ("rfftn", X), ("irfftn", Z), ("hfft", Z)):

        def loss(module, numpy, x, name=name):
            y = getattr(module, name)(x)
            return (numpy.sin(y.real) * numpy.cos(y.imag)).sum()

        ours = jaxlite.grad(lambda x, loss=loss: loss(jnp.fft, jnp, x))(x)
        expected = jax.grad(lambda x, loss=loss: loss(theirs, oracle.numpy, x))(x)
        np.testing.assert_allclose(ours, np.asarray(expected), rtol=1e-10, atol=1e-10)


# --- compiled ---------------------------------------------------------------------------------------

NATIVE = {
    "fft": lambda x: jnp.fft.fft(x + 1j * x[::-1]),
    "ifft": lambda x: jnp.fft.ifft(x + 1j * x[::-1], axis=0),
    "rfft": jnp.fft.rfft,
    "irfft": jnp.fft.irfft,
    "fft2": jnp.fft.fft2,
    "fftn": lambda x: jnp.fft.fftn(x + 1j * x),
    "rfftn": jnp.fft.rfftn,
    "irfftn": lambda x: jnp.fft.irfftn(x, s=(5, 7), axes=(0, 1)),
    "hfft": jnp.fft.hfft,
    "ihfft": jnp.fft.ihfft,
    "dct": jaxlite.scipy.fft.dct,
    "idctn": jaxlite.scipy.fft.idctn,
    "fftconvolve": lambda x: jaxlite.scipy.signal.fftconvolve(x, x[:2]),
    "welch": lambda x: jaxlite.scipy.signal.welch(x, nperseg=4)[1],
    "of a reversed axis": lambda x: jnp.fft.rfft(jnp.flip(x, 1)),
    "of one line for all": lambda x: jnp.fft.rfft(jnp.broadcast_to(x[0], (4, 8))),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NATIVE)
def test_no_transform_is_a_host_call(name, dtype, rng):
    """Nor one of its derivatives; loops and eager code agree."""
    f, x = NATIVE[name], rng.normal(size=(6, 8)).astype(dtype)

    def loss(x):
        return jnp.sum(jnp.abs(f(x) * jnp.arange(1, f(x).shape[-1] + 1)))

    stack = np.stack([x, 2 * x, x[::-1]])
    before = counters.num_host_calls, counters.num_interpreted_calls
    for compiled, args in (
        (jaxlite.jit(f), x),
        (jaxlite.jit(jaxlite.grad(loss)), x),
        (jaxlite.jit(jaxlite.vmap(f)), stack),
        (jaxlite.jit(jaxlite.vmap(jaxlite.grad(loss))), stack),
        (jaxlite.jit(lambda x: jaxlite.jvp(jaxlite.grad(loss), (x,), (x,))[1]), x),
        (jaxlite.jit(lambda x: lax.scan(lambda c, _: (jnp.sin(c), f(c)), x, None, 3)[1]), x),
    ):
        got = compiled(args)
        with jaxlite.disable_jit():
            expected = compiled(args)
        tolerance = 1e-3 if dtype == np.float32 else 1e-9
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)
    assert (counters.num_host_calls, counters.num_interpreted_calls) == before


def check_bits(name, x, **options):
    got = jaxlite.jit(lambda x: getattr(jnp.fft, name)(x, **options))(x)
    expected = getattr(np.fft, name)(x, **options)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected, err_msg=f"{name} {x.dtype}{x.shape} {options}")


def operand(rng, name, shape, dtype):
    x = rng.normal(size=shape) + (1j * rng.normal(size=shape) if not name.startswith("rfft") else 0)
    return x.astype(dtype if name.startswith("rfft") else np.result_type(dtype, np.complex64))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft"])
def test_compiled_transforms_are_numpys_bits(name, dtype, rng):
    # Powers, composite and prime numbers, and primes so large that pocketfft goes by Bluestein's way.
    for n in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 30, 64, 97, 211, 360, 1009, 4096):
        points = n // 2 + 1 if name == "irfft" else n
        for lines in ((), (1,), (2,), (5,), (17,)):
            check_bits(name, operand(rng, name, (*lines, points), dtype), n=n)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
def test_compiled_transforms_of_any_axes_are_numpys_bits(name, dtype, rng):
    for shape, axes in (
        ((3, 4, 6), (0, 1, 2)), ((3, 4, 6), (1,)), ((3, 4, 6), (2, 0)), ((2, 3, 1, 5), (1, 3)),
        ((5, 2, 3, 4), (1, 2, 3)), ((64, 33, 32), (1,)), ((64, 33, 32), (0, 2)), ((3000, 33), (1,)), ((33, 3000), (0,)),
    ):  # fmt: skip
        check_bits(name, operand(rng, name, shape, dtype), axes=axes)
        check_bits(name, operand(rng, name, shape, dtype), axes=axes, s=[5] * len(axes))
    for shape in ((0, 4), (3, 0, 4)):
        check_bits(name, operand(rng, name, shape, dtype), axes=(-1,))


def test_many_lines_are_shared_among_threads(rng):
    z = operand(rng, "fft", (600, 300), np.float64)
    for axis in (0, 1):
        f = jaxlite.jit(lambda z: jnp.fft.ifft(jnp.fft.fft(z, axis=axis), axis=1 - axis))  # noqa: B023
        assert "threads may share" in f.lower(z).as_text("loops")
        expected = np.fft.ifft(np.fft.fft(z, axis=axis), axis=1 - axis)
        before = jaxlite.get_num_threads()
        try:
            for threads in (1, 2, 5):
                jaxlite.set_num_threads(threads)
                np.testing.assert_array_equal(f(z), expected)
        finally:
            jaxlite.set_num_threads(before)
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda _: np.array_equal(f(z), expected), range(12)))


def test_the_python_form_is_the_machine_code():
    for dtype in (np.float32, np.float64):
        for f in (jnp.fft.fftn, jnp.fft.ifft, jnp.fft.rfftn, lambda x: jnp.fft.irfft(x, 7)):
            x = X.astype(dtype)
            jaxpr = jaxlite.make_jaxpr(f)(x).jaxpr
            loops = loop_program(optimize(jaxpr))
            (got,) = run_python(loops, x, out_avals=jaxpr.out_avals)
            np.testing.assert_array_equal(got, jaxlite.jit(f)(x))
            (y,) = (np.empty(a.shape, a.dtype) for a in jaxpr.out_avals)
            njit_form(loops)(flat(x, loops.inputs[0]), flat(y, loops.outputs[0]))
            np.testing.assert_array_equal(got, y)


def test_where_numpys_loops_are_not_found_python_is_called(monkeypatch, rng):
    z = operand(rng, "fft", (4, 12), np.float64)

    def run():
        before = counters.num_host_calls
        np.testing.assert_array_equal(jaxlite.jit(lambda z: jnp.fft.fft(z))(z), np.fft.fft(z))
        return counters.num_host_calls - before

    assert run() == 0
    monkeypatch.setattr(transforms, "addresses", dict)
    # Recorded anew, and found under another key.
    assert run() == 1
    monkeypatch.undo()
    assert run() == 0


@pytest.mark.parametrize("what", ["no module", "no ufunc", "other types", "other signature", "other data"])
def test_only_what_is_as_expected_is_called(what, monkeypatch):
    real = importlib.import_module("numpy.fft._pocketfft_umath")
    names = {name: getattr(real, name) for name in ("fft", "ifft", "rfft_n_even", "rfft_n_odd", "irfft")}
    replaced = {
        "no module": None,
        "no ufunc": {k: v for k, v in names.items() if k != "irfft"},
        "other types": names | {"irfft": names["fft"]},
        "other signature": names | {"fft": np.add},
        "other data": names | {"rfft_n_odd": names["irfft"]},
    }[what]
    module = None if replaced is None else types.SimpleNamespace(**replaced)
    monkeypatch.setitem(sys.modules, "numpy.fft._pocketfft_umath", module)
    assert transforms.addresses.__wrapped__() == {}
    monkeypatch.undo()
    assert transforms.addresses.__wrapped__() == transforms.addresses() != {}


@pytest.mark.skipif(
    sys.platform != "linux", reason="macOS does not keep to limits of memory, and Windows has none"
)
@pytest.mark.parametrize("threads", [1, 2])
def test_no_room_for_a_transform_is_an_error(threads, tmp_path):
    """Not a result of which some lines are missing; with room again it runs."""
    script = f"""
        import resource
        import numpy as np, jaxlite, jaxlite.numpy as jnp
        jaxlite.set_num_threads({threads})
        f = jaxlite.jit(lambda z: jnp.sum(jnp.abs(jnp.fft.ifft(z, axis=-1))))
        few, many = np.ones((3, 1 << 20), complex), np.ones((32, 1 << 17), complex)
        for z in (few, many):
            f(z)
        limit = resource.getrlimit(resource.RLIMIT_AS)
        pages = int(open("/proc/self/statm").read().split()[0])
        for z in (few, many):
            resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize(), limit[1]))
            try:
                f(z)
            except MemoryError:
                print("no room")
            resource.setrlimit(resource.RLIMIT_AS, limit)
            np.testing.assert_allclose(f(z), len(z))
    """
    environment = os.environ | {"JAXLITE_CACHE_DIR": str(tmp_path), "MALLOC_MMAP_THRESHOLD_": "65536"}
    run = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "no room\nno room\n", done.stderr
