"""Convolutions and reductions over windows: against loops written in NumPy, in size and in derivatives; errors."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest

import jaxlite
from jaxlite import lax
from jaxlite.counters import counters
from jaxlite.errors import ArgumentError, ShapeError
from jaxlite.test_util import check_grads

RNG = np.random.default_rng(12)
IMAGE, KERNEL = RNG.normal(size=(2, 4, 7, 6)), RNG.normal(size=(6, 4, 3, 2))


def by_hand(x, k, strides, pads, dilation=(1, 1)):
    """Convolve ``[n, c, h, w]`` with ``[o, c, kh, kw]`` by the definition."""
    x = np.pad(x, ((0, 0), (0, 0), *pads))
    reach = [(n - 1) * d + 1 for n, d in zip(k.shape[2:], dilation)]
    counts = [(n - r) // s + 1 for n, r, s in zip(x.shape[2:], reach, strides)]
    out = np.zeros((x.shape[0], k.shape[0], *counts))
    for i, j in itertools.product(*map(range, counts)):
        corner = [a * s for a, s in zip((i, j), strides)]
        window = x[
            :,
            :,
            corner[0] : corner[0] + reach[0] : dilation[0],
            corner[1] : corner[1] + reach[1] : dilation[1],
        ]
        out[:, :, i, j] = np.einsum("nchw,ochw->no", window, k)
    return out


@pytest.mark.parametrize(
    ("strides", "pads", "dilation"), [((1, 1), ((0, 0), (0, 0)), (1, 1)), ((2, 1), ((1, 2), (0, 3)), (2, 3))]
)
def test_convolution_by_the_definition(strides, pads, dilation):
    before = counters.num_host_calls
    f = functools.partial(
        lax.conv_general_dilated, window_strides=strides, padding=pads, rhs_dilation=dilation
    )
    np.testing.assert_allclose(jaxlite.jit(f)(IMAGE, KERNEL), by_hand(IMAGE, KERNEL, strides, pads, dilation))
    assert counters.num_host_calls == before
    check_grads(lambda x, k: f(x, k), (IMAGE[:1, :, :5, :5], KERNEL[:1]), order=1)


def test_programs_grow_with_the_sum_of_the_sizes_of_a_window():
    def equations(n):
        f = lambda x, k: lax.conv(x, k, (1, 1), "VALID")  # noqa: E731
        image, kernel = (np.zeros((1, 1, size, size), int) for size in (20, n))
        return len(jaxlite.make_jaxpr(f)(image, kernel).jaxpr.eqns)

    assert equations(8) - equations(4) <= 2 * 2 * (8 - 4)
    # A wide one is a gather for each axis.
    assert equations(20) < equations(8)


def test_reductions_over_windows():
    x = RNG.normal(size=(5, 6))
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 3))[::2]
    for name, init, reduce in (("max", -np.inf, np.max), ("add", 0.0, np.sum), ("mul", 1.0, np.prod)):
        f = functools.partial(
            lax.reduce_window,
            init_value=init,
            computation=getattr(lax, name),
            window_dimensions=(2, 3),
            window_strides=(2, 1),
        )
        np.testing.assert_allclose(jaxlite.jit(f)(x), reduce(windows, axis=(2, 3)))
        check_grads(lambda x: f(x), (x,), order=1)  # noqa: B023


def test_reductions_by_any_function():
    x = RNG.normal(size=(3, 5))
    got = jaxlite.jit(lambda x: lax.reduce(x, 1.5, lambda a, b: a * b, (1,)))(x)
    np.testing.assert_allclose(got, 1.5 * x.prod(1))

    # The largest element and its place, as a pair.
    def larger(a, b):
        wins = a[0] >= b[0]
        return tuple(jaxlite.numpy.where(wins, p, q) for p, q in zip(a, b))

    values, places = jaxlite.jit(
        lambda x: lax.reduce((x, lax.iota(np.int64, shape=x.shape, dimension=1)), (-np.inf, -1), larger, (1,))
    )(x)
    np.testing.assert_array_equal(values, x.max(1))
    np.testing.assert_array_equal(places, x.argmax(1))
    assert lax.reduce(x[:, :0], 2.0, lambda a, b: a * b, (0, 1)) == 2.0
    check_grads(lambda x: lax.reduce(x, 1.5, lambda a, b: a * b, (1,)), (x,), order=2)


def random_convolution(rng):
    """Return operands and keywords of a convolution: groups, dilations, paddings and any order of the axes."""
    rank = int(rng.integers(1, 4))
    space = "DHW"[-rank:]
    by_feature, by_batch = [(1, 1), (1, 1), (3, 1), (1, 2)][rng.integers(4)]
    i, o = int(rng.choice([1, 2, 5])), int(rng.choice([1, 3, 18])) * by_feature * by_batch
    sizes = {"N": 2 * by_batch, "C": i * by_feature, "I": i, "O": o}
    image = sizes | {letter: int(rng.integers(4, [20, 10, 6][rank - 1])) for letter in space}
    kernel = sizes | {letter: int(rng.integers(1, 5)) for letter in space}

    def shuffled(letters):
        return "".join(rng.permutation(list(letters))) if rng.random() < 0.5 else letters

    numbers = shuffled(f"N{space}C"), shuffled(f"{space}IO"), shuffled(f"NC{space}")
    dtype = [np.float32, np.float64][rng.integers(2)]
    x, k = (
        rng.standard_normal([table[letter] for letter in letters]).astype(dtype)
        for table, letters in ((image, numbers[0]), (kernel, numbers[1]))
    )
    dilation = [int(d) for d in rng.choice([1, 1, 2, 3], rank)]
    pairs = [(int(low), int(high)) for low, high in rng.integers(-1, 4, (rank, 2))]
    named = max(dilation) == 1 and rng.random() < 0.5
    return (x, k), {
        "window_strides": tuple(int(n) for n in rng.integers(1, 4, rank)),
        "padding": str(rng.choice(["SAME", "VALID", "SAME_LOWER"])) if named else pairs,
        "lhs_dilation": dilation,
        "rhs_dilation": [int(d) for d in rng.choice([1, 1, 2], rank)],
        "dimension_numbers": numbers,
        "feature_group_count": by_feature,
        "batch_group_count": by_batch,
    }


def random_reduction(rng):
    """Return an array and keywords of a reduction over windows."""
    rank = int(rng.integers(1, 5))
    x = rng.standard_normal(rng.integers(3, [30, 12, 8, 6][rank - 1], rank))
    name, init = [("max", -np.inf), ("min", np.inf), ("add", 0.0)][rng.integers(3)]
    dilated = {}
    if name == "add":
        dilated = {
            key: [int(d) for d in rng.choice([1, 1, 2], rank)] for key in ("base_dilation", "window_dilation")
        }
    return (x,), {
        "init_value": init,
        "computation": name,
        "window_dimensions": tuple(int(n) for n in rng.choice([1, 2, 3, 6], rank)),
        "window_strides": tuple(int(n) for n in rng.integers(1, 4, rank)),
        "padding": str(rng.choice(["SAME", "VALID"])),
        **dilated,
    }


def with_derivatives(library, name, args, kwargs, cts):
    """Return the value, the cotangents of the operands, and the tangent along the operands themselves."""
    if "computation" in kwargs:
        kwargs = {**kwargs, "computation": getattr(library.lax, kwargs["computation"])}
    f = functools.partial(getattr(library.lax, name), **kwargs)

    def run(*args):
        y, pull_back = library.vjp(f, *args)
        return y, *pull_back(cts(y)), library.jvp(f, args, args)[1]

    return library.jit(run)(*args)


@pytest.mark.parametrize("name", ["conv_general_dilated", "reduce_window"])
@pytest.mark.parametrize("number", range(20))
def test_values_and_derivatives_against_jax(name, number, rng, oracle):
    args, kwargs = (random_convolution if name[0] == "c" else random_reduction)(rng)

    def cts(y):
        return np.cos(np.arange(y.size)).reshape(y.shape).astype(y.dtype)

    before = counters.num_host_calls
    got = with_derivatives(jaxlite, name, args, kwargs, cts)
    assert counters.num_host_calls == before
    wanted = with_derivatives(oracle, name, args, kwargs, cts)
    tolerance = 1e-4 if args[0].dtype == np.float32 else 1e-11
    for x, y in zip(got, wanted, strict=True):
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance * max(1, np.abs(y).max(initial=0)))


COMPUTATIONS = {
    **{name: lambda jx, name=name: getattr(jx.lax, name) for name in ("add", "mul", "max", "min")},
    # The elements of a window in any order, but neither a neutral element nor associative.
    "any function": lambda jx: lambda x, y: x + 2 * y,
}
WINDOWS = [
    {"window_dimensions": (2, 2), "window_strides": (1, 2), "padding": ((1, 0), (0, 3))},
    {"window_dimensions": (2, 3), "window_strides": (2, 1), "padding": "SAME", "window_dilation": (1, 2)},
    {"window_dimensions": (2, 2), "window_strides": (2, 1), "padding": "VALID", "base_dilation": (2, 3)},
    {"window_dimensions": (3, 3), "window_strides": (1, 1), "padding": ((-1, 4), (2, -1))},
    {"window_dimensions": (5, 2), "window_strides": (1, 1), "padding": ((3, 3), (0, 0))},
    {"window_dimensions": (3, 6), "window_strides": (1, 1), "padding": ((1, 1), (4, 1))},
    {"window_dimensions": (4, 2), "window_strides": (2, 1), "padding": "VALID"},
    {"window_dimensions": (1, 20), "window_strides": (1, 3), "padding": "VALID"},
]


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
@pytest.mark.parametrize("init", [0, 1, 3])
@pytest.mark.parametrize("name", COMPUTATIONS)
def test_the_initial_value_counts_once_and_padding_not_at_all(name, init, dtype, rng, oracle):
    x = np.round(4 * rng.standard_normal((3, 5))).astype(dtype)

    def run(jx, options):
        f = functools.partial(jx.lax.reduce_window, computation=COMPUTATIONS[name](jx), **options)
        # A known initial value, a traced one, and both mapped.
        return f(x, dtype(init)), jx.jit(f)(x, dtype(init)), jx.vmap(lambda x: f(x, dtype(init)))(x[None])

    for options in WINDOWS:
        for got, wanted in zip(run(jaxlite, options), run(oracle, options), strict=True):
            assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
            np.testing.assert_allclose(got, wanted, rtol=1e-14)


def test_elements_of_a_window_are_combined_in_order(rng, oracle):
    """XLA promises no order; along one axis it goes from left to right."""
    x, y = rng.standard_normal((2, 1, 25))

    def run(jx, window):
        step = lambda a, b: (a[0] * 1.5 + b[0], a[1] + a[0] * b[1])  # noqa: E731
        return jx.lax.reduce_window((x, y), (2.0, 1.0), step, window, (1, 2), "SAME")

    for window in ((1, 3), (1, 20)):
        for got, wanted in zip(run(jaxlite, window), run(oracle, window), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.int32, np.float64, np.complex128])
def test_windows_that_fit_nowhere(dtype):
    x, kernel = np.ones((1, 1, 3, 4), dtype), np.ones((2, 1, 4, 2), dtype)
    assert lax.conv(x, kernel, (1, 1), "VALID").shape == (1, 2, 0, 3)
    for computation in (lax.add, lax.mul, lambda x, y: 2 * x - y):
        pooled = lax.reduce_window(x, dtype(0), computation, (1, 1, 4, 2), (1, 1, 1, 1), "VALID")
        assert (pooled.shape, pooled.dtype) == ((1, 1, 0, 3), dtype)


def test_derivatives_of_a_reduction_by_any_function(rng):
    x = rng.standard_normal((3, 5))
    for window in ((2, 2), (3, 7)):
        f = lambda x, init, window=window: lax.reduce_window(  # noqa: E731
            x, init, lambda a, b: jaxlite.numpy.sin(a) + b * b, window, (1, 2), ((1, 0), (1, 2))
        )
        check_grads(f, (x, 0.7), order=2)


@pytest.mark.parametrize("computation", [lax.mul, lax.add, lambda a, b: a * b + 0 * a])
@pytest.mark.parametrize("shape", [(2, 4), (0, 4), (1, 0)])
def test_windows_without_room(shape, computation):
    """A dilated window reaches further than the axis, by more than one of its elements."""
    for function in (lambda f: f, jaxlite.jit, lambda f: lambda x: jaxlite.vmap(f)(x[None])[0]):
        f = function(lambda x: lax.reduce_window(x, 3.0, computation, (1, 3), (1, 2), "VALID", None, (1, 3)))
        assert f(np.ones(shape)).shape == (shape[0], 0)
    image = np.ones((1, 1, *shape))
    patches = lax.conv_general_dilated_patches(image, (1, 3), (1, 2), "VALID", rhs_dilation=(1, 3))
    assert patches.shape == (1, 3, shape[0], 0)


def test_a_program_reads_as_that_of_jax(oracle):
    image, kernel = np.zeros((2, 5, 5, 3)), np.zeros((3, 3, 3, 4))

    def loss(library):
        numbers = {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}
        f = lambda x, k: library.lax.conv_general_dilated(x, k, (1, 1), "SAME", **numbers).sum()  # noqa: E731
        return library.grad(f, (0, 1))

    def lines(library):
        text = str(library.make_jaxpr(loss(library))(image, kernel))
        return [line for line in text.splitlines() if "=None" not in line and "reduce_sum" not in line]

    def told(library, words):
        return [line.split(":")[-1] for line in lines(library) if any(word in line for word in words)]

    # JAX has params that say nothing here: out_sharding, precision, preferred_element_type.
    words = "conv_general", "Numbers", "padding", "strides", "dilation", "count"
    assert told(jaxlite, words) == told(oracle, words)
    assert len(told(jaxlite, words)) == 3 * 8


LAYOUTS = {
    "kernels in panels": ((1, 14, 14, 8), (3, 3, 8, 512), {"padding": "SAME"}),
    "phases of lines": ((1, 30, 34, 3), (5, 5, 3, 16), {"window_strides": (2, 2), "padding": "SAME"}),
    "bands of rows": ((1, 40, 36, 32), (3, 3, 32, 64), {"padding": "VALID"}),
    "bands of terms": ((1, 70, 70, 16), (3, 3, 16, 16), {"padding": "SAME"}),
    "images that are summed": ((3, 9, 9, 4), (3, 3, 4, 20), {"padding": "VALID", "window_strides": (2, 1)}),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_ways_to_compute(rng, name):
    image, kernel, options = LAYOUTS[name]
    options = {"window_strides": (1, 1), "dimension_numbers": ("NHWC", "HWIO", "NHWC"), **options}
    x, k = rng.standard_normal(image), rng.standard_normal(kernel)

    def run(x, k):
        y, pull_back = jaxlite.vjp(lambda x, k: lax.conv_general_dilated(x, k, **options), x, k)
        return y, *pull_back(np.cos(y))

    for compiled, evaluated in zip(jaxlite.jit(run)(x, k), run(x, k), strict=True):
        np.testing.assert_allclose(compiled, evaluated, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float16, np.int32, np.complex64, np.complex128])
def test_other_types(dtype):
    x, k = (np.round(4 * a).astype(dtype) for a in (IMAGE, KERNEL))
    f = functools.partial(lax.conv, window_strides=(1, 2), padding="VALID")
    before = counters.num_host_calls
    got = jaxlite.jit(f)(x, k)
    assert (got.dtype, counters.num_host_calls) == (dtype, before)
    wide = complex if np.dtype(dtype).kind == "c" else float
    parts = [by_hand(x.astype(wide).real, k.astype(wide).real, (1, 2), ((0, 0), (0, 0)))]
    np.testing.assert_allclose(got.real, parts[0], rtol=1e-2 if dtype == np.float16 else 1e-5)
    pooled = jaxlite.jit(
        lambda x: lax.reduce_window(x, dtype(0), lax.add, (1, 1, 2, 2), (1, 1, 1, 1), "VALID")
    )(x)
    sums = np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(2, 3)).sum((4, 5))
    np.testing.assert_allclose(pooled, sums)
    assert counters.num_host_calls == before


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: lax.conv(IMAGE, KERNEL.astype(np.float32), (1, 1), "SAME"), "operands have types"),
        (lambda: lax.conv(IMAGE, KERNEL[:, :3], (1, 1), "SAME"), "there are 4 features, the kernel takes 3"),
        (lambda: lax.conv(IMAGE, KERNEL, (1,), "SAME"), "window_strides has 1 entries for 2 axes"),
        (lambda: lax.conv(IMAGE, KERNEL, (1, 1), "NONE"), "padding must be 'SAME'"),
        (lambda: lax.conv(IMAGE, KERNEL[0], (1, 1), "SAME"), "the same number of axes of space"),
        (lambda: lax.conv_general_dilated(IMAGE, KERNEL, (1, 1), [(0, 0)]), "1 paddings for 2 axes"),
        (lambda: lax.conv_general_dilated(IMAGE, KERNEL, (1, 1), "SAME", dimension_numbers=("NCHH", "OIHW", "NCHW")),
         "does not name 4 axes"),
        (lambda: lax.conv_general_dilated(IMAGE, KERNEL, (1, 1), "SAME", dimension_numbers=("NCHX", "OIHW", "NCHW")),
         "different axes of space"),
        (lambda: lax.conv_general_dilated(IMAGE, KERNEL, (1, 1), "SAME", feature_group_count=2, batch_group_count=2),
         "cannot both be grouped"),
        (lambda: lax.conv_transpose(IMAGE[0, 0], KERNEL[0, 0], (), "SAME"), "need dimension_numbers"),
        (lambda: lax.reduce((), (), lax.add, (0,)), "0 operands and 0 initial values"),
        (lambda: lax.reduce(IMAGE, np.zeros(2), lax.add, (0,)), "it is one number"),
        (lambda: lax.split(IMAGE, (1, 2)), "do not add up to 2"),
        (lambda: lax.tile(IMAGE, (1, 2)), "there is one for each dimension"),
        (lambda: lax.broadcast_to_rank(IMAGE, 2), "more than 2 dimensions"),
        (lambda: lax.platform_dependent(IMAGE, tpu=abs), "there is a function for tpu alone"),
        (lambda: lax.linalg.tridiagonal_solve(IMAGE, IMAGE, IMAGE, KERNEL), "right-hand sides"),
        (lambda: jaxlite.vmap(lambda x: lax.all_to_all(x, "i", 0, 0), axis_name="i")(IMAGE), "one part for each"),
        (lambda: jaxlite.vmap(lambda x: lax.psum_scatter(x, "i"), axis_name="i")(IMAGE), "for 2 members"),
    ],
)  # fmt: skip
def test_errors(call, match):
    with pytest.raises((ArgumentError, ShapeError), match=match):
        call()
