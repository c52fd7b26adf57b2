"""Rows of the primitives in ``jaxlite/ops/windows.py``: the references are the definitions, window by window."""

import itertools

import numpy as np

from jaxlite.errors import DtypeError, ShapeError
from jaxlite.ops.windows import ConvDimensionNumbers
from tests.cases import Case, ErrorCase

RNG = np.random.default_rng(0)
FIRST = ConvDimensionNumbers((0, 1, 2, 3), (0, 1, 2, 3), (0, 1, 2, 3))
LAST = ConvDimensionNumbers((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))
LINE = ConvDimensionNumbers((0, 1, 2), (0, 1, 2), (0, 1, 2))


def counts_of(sizes, window, strides, padding, dilation, base):
    """Return how many windows there are along each axis."""
    axes = zip(sizes, window, strides, padding, dilation, base, strict=True)
    return tuple(
        max((((n - 1) * b + 1 if n else 0) + low + high - (w - 1) * d - 1) // s + 1, 0)
        for n, w, s, (low, high), d, b in axes
    )


def source_of(place, tap, sizes, strides, padding, dilation, base):
    """Return the element that a window sees, None where it sees padding or what lies between elements."""
    at = [
        p * s + q * d - low
        for p, q, s, (low, _), d in zip(place, tap, strides, padding, dilation, strict=True)
    ]
    inside = all(t % b == 0 and 0 <= t // b < n for t, b, n in zip(at, base, sizes, strict=True))
    return tuple(t // b for t, b in zip(at, base, strict=True)) if inside else None


def convolution(
    lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers, feature_group_count,
    batch_group_count,
):  # fmt: skip
    """Sum over what is there of each window, one number of the result after the other."""
    lhs_spec, rhs_spec, out_spec = dimension_numbers
    x, k = lhs.transpose(lhs_spec), rhs.transpose(rhs_spec)
    (n, _, *space), (o, i, *window) = x.shape, k.shape
    steps = window_strides, padding, rhs_dilation, lhs_dilation
    counts = counts_of(space, window, *steps)
    batch, per_group = n // batch_group_count, o // (feature_group_count * batch_group_count)
    out = np.zeros((batch, o, *counts), lhs.dtype)
    for m, f, *place in np.ndindex(*out.shape):
        group = f // per_group
        image = m + (group * batch if batch_group_count > 1 else 0)
        first = group * i if feature_group_count > 1 else 0
        for tap in np.ndindex(*window):
            source = source_of(place, tap, space, *steps)
            if source is not None:
                element = x[(image, slice(first, first + i), *source)]
                out[(m, f, *place)] += element @ k[(f, slice(None), *tap)]
    return out.transpose(np.argsort(out_spec))


def conv(
    x, k, numbers=FIRST, strides=None, padding=None, lhs=None, rhs=None, by_feature=1, by_batch=1, **options
):
    rank = x.ndim - 2
    params = {
        "window_strides": strides or (1,) * rank,
        "padding": padding or ((0, 0),) * rank,
        "lhs_dilation": lhs or (1,) * rank,
        "rhs_dilation": rhs or (1,) * rank,
        "dimension_numbers": numbers,
        "feature_group_count": by_feature,
        "batch_group_count": by_batch,
    }
    return Case("conv_general_dilated", (x, k), params, convolution, **options)


def normal(*shape, dtype="f8"):
    return RNG.standard_normal(shape).astype(dtype)


def windows_of(x, fill, window_dimensions, window_strides, padding, window_dilation, base_dilation=None):
    """Yield each window's place, and its elements in their order as (place in x or None, value)."""
    steps = window_strides, padding, window_dilation, base_dilation or (1,) * x.ndim
    counts = counts_of(x.shape, window_dimensions, *steps)
    for place in np.ndindex(*counts):
        elements = []
        for tap in itertools.product(*map(range, window_dimensions)):
            source = source_of(place, tap, x.shape, *steps)
            elements.append((source, fill if source is None else x[source]))
        yield place, elements
    yield None, counts


def reducing(ufunc, fill):
    def reference(x, **params):
        *windows, (_, counts) = windows_of(x, fill, **params)
        out = np.empty(counts, x.dtype)
        for place, elements in windows:
            out[place] = ufunc.reduce(np.array([value for _, value in elements], x.dtype))
        return out

    return reference


def chosen(x, select_prim, **params):
    """Yield each window's place, and where its first extreme element stands."""
    sign = 1 if select_prim == "ge" else -1
    *windows, (_, counts) = windows_of(x, -sign * np.inf, **params)
    for place, elements in windows:
        yield place, elements[int(np.argmax([sign * value for _, value in elements]))][0]
    yield None, counts


def gathering(tangents, x, **params):
    *windows, (_, counts) = chosen(x, **params)
    out = np.zeros(counts, x.dtype)
    for place, source in windows:
        out[place] = 0 if source is None else tangents[source]
    return out


def scattering(cts, x, **params):
    *windows, _ = chosen(x, **params)
    out = np.zeros_like(x)
    for place, source in windows:
        if source is not None:
            out[source] += cts[place]
    return out


def window_params(x, window, strides=None, padding=None, dilation=None, **more):
    return {
        "window_dimensions": window,
        "window_strides": strides or (1,) * x.ndim,
        "padding": padding or ((0, 0),) * x.ndim,
        "window_dilation": dilation or (1,) * x.ndim,
        **more,
    }


GRID, BOX, LONG = normal(5, 6), normal(2, 5, 6, 3), normal(19)
TIES = np.array([[1.0, 2.0, 2.0, 1.0], [2.0, 2.0, 1.0, 1.0], [0.0, 0.0, 2.0, 2.0]])
INTS = np.array([[3, -1, 7], [5, 0, -4]])
POOL = {"window": (1, 2, 2, 1), "strides": (1, 2, 2, 1)}
SAME = {"window": (1, 3, 3, 1), "padding": ((0, 0), (1, 1), (1, 1), (0, 0))}
SHAPES = [
    (GRID, {"window": (2, 3)}, "inside"),
    (GRID, {"window": (3, 2), "strides": (2, 1), "padding": ((1, 1), (0, 1))}, "padded"),
    (GRID, {"window": (2, 2), "dilation": (2, 3)}, "dilated"),
    (BOX, POOL, "pool"),
    (BOX, SAME, "same"),
    (LONG, {"window": (7,), "padding": ((6, 0),)}, "cumulative"),
    (normal(9, 9), {"window": (5, 5), "strides": (2, 1)}, "axis by axis"),
    (normal(80), {"window": (70,)}, "a long window"),
    (GRID, {"window": (9, 2)}, "no window"),
    (GRID[:0], {"window": (1, 2)}, "nothing"),
]


def _pools(name, ufunc, fill, **more):
    rows = []
    for x, options, label in SHAPES:
        rows.append(
            Case(name, (x,), window_params(x, **options, **more), reducing(ufunc, fill), label=label, order=1)
        )
    return rows


def _selections():
    rows = []
    for x, options, label in SHAPES[:6]:
        for select in ("ge", "le"):
            params = window_params(x, **options, select_prim=select)
            counts = counts_of(x.shape, *window_params(x, **options).values(), base=(1,) * x.ndim)
            tangents, cts = normal(*x.shape), normal(*counts)
            options_of_row = {"label": f"{label} {select}", "derivatives": (0,), "order": 1}
            rows.append(Case("select_and_gather_add", (tangents, x), params, gathering, **options_of_row))
            rows.append(Case("select_and_scatter_add", (cts, x), params, scattering, **options_of_row))
    params = window_params(TIES, (2, 2), select_prim="ge")
    options_of_row = {"label": "ties", "derivatives": (0,)}
    rows.append(Case("select_and_gather_add", (normal(3, 4), TIES), params, gathering, **options_of_row))
    rows.append(Case("select_and_scatter_add", (normal(2, 3), TIES), params, scattering, **options_of_row))
    for pads, count in ((-20, 5), 3), ((-20, -1), 0):
        params = window_params(LONG, (2,), padding=(pads,), select_prim="ge")
        options_of_row = {"label": f"nothing left {count}", "derivatives": (0,)}
        rows.append(
            Case("select_and_scatter_add", (np.ones(count), LONG), params, scattering, **options_of_row)
        )
    return rows


BASE = {"base_dilation": (1, 1)}
F4 = np.dtype("f4")
SPACE = ConvDimensionNumbers(*[(0, 1, 2, 3, 4)] * 3)
NONE = ConvDimensionNumbers(*[(0, 1)] * 3)


def _sums():
    for x, options, label in SHAPES:
        params = window_params(x, **options, base_dilation=(1,) * x.ndim)
        yield Case("reduce_window_sum", (x,), params, reducing(np.add, 0), label=label, order=1)
    spread = window_params(GRID, (3, 2), (2, 1), ((1, 2), (0, 1)), base_dilation=(2, 3))
    yield Case("reduce_window_sum", (GRID,), spread, reducing(np.add, 0), label="spread")
    for x in (GRID + 1j * GRID[::-1], INTS):
        yield Case("reduce_window_sum", (x,), window_params(x, (2, 2), **BASE), reducing(np.add, 0))


def _extremes_of_integers():
    params = window_params(INTS, (1, 2), padding=((0, 0), (1, 0)))
    yield Case("reduce_window_max", (INTS,), params, reducing(np.maximum, np.iinfo("i8").min))
    yield Case("reduce_window_min", (INTS.astype("u1"),), params, reducing(np.minimum, 255))


ROWS = [
    conv(normal(2, 3, 5, 4), normal(4, 3, 3, 2), label="channels first"),
    conv(normal(2, 5, 4, 3), normal(3, 2, 3, 4), LAST, padding=((1, 1), (1, 0)), label="channels last"),
    conv(
        normal(2, 6, 7, 2, dtype=F4), normal(3, 3, 2, 17, dtype=F4), LAST, (2, 3), ((1, 1), (0, 2)), order=1,
        label="strides",
    ),
    conv(
        normal(1, 5, 6, 2), normal(2, 3, 2, 2), LAST, rhs=(2, 2), padding=((2, 1), (2, 2)),
        label="spread window",
    ),
    conv(
        normal(1, 3, 4, 2), normal(3, 2, 2, 2), LAST, lhs=(2, 3), padding=((1, 2), (0, 1)),
        label="spread image",
    ),
    conv(
        normal(1, 3, 4, 2), normal(3, 2, 2, 2), LAST, (2, 3), ((3, 2), (2, 1)), (3, 2), (2, 1), order=1,
        label="all spread",
    ),
    conv(normal(2, 5, 4, 6), normal(2, 2, 1, 6), LAST, by_feature=6, label="depthwise"),
    conv(normal(2, 4, 4, 4), normal(4, 2, 2, 2), by_feature=2, label="groups of features"),
    conv(normal(4, 2, 4, 3), normal(4, 2, 2, 2), by_batch=2, label="groups of the batch"),
    conv(normal(2, 1, 6, 5), normal(1, 1, 3, 3), padding=((-1, 1), (1, -1)), label="cut off"),
    conv(normal(2, 3, 9), normal(2, 3, 4), LINE, strides=(2,), label="a line"),
    conv(normal(1, 2, 3, 4, 3), normal(2, 2, 2, 2, 2), SPACE, label="space", order=1),
    conv(normal(3, 4), normal(2, 4), NONE, label="no space"),
    conv(normal(2, 3, 2, 2), normal(4, 3, 3, 2), label="no window"),
    conv(normal(0, 3, 4, 4), normal(4, 3, 3, 2), label="no image"),
    conv(normal(2, 0, 4, 4), normal(4, 0, 3, 2), label="no features"),
    *_pools("reduce_window_max", np.maximum, -np.inf),
    *_pools("reduce_window_min", np.minimum, np.inf),
    *_sums(),
    *_extremes_of_integers(),
    *_selections(),
]  # fmt: skip


def conv_error(lhs, rhs, error, match, **changes):
    case = conv(lhs, rhs)
    return ErrorCase("conv_general_dilated", (lhs, rhs), {**case.params, **changes}, error, match)


def pool_error(name, args, error, match, window=(2, 2), **more):
    return ErrorCase(name, args, window_params(GRID, window, **more), error, match)


GE = {"select_prim": "ge"}
ERRORS = [
    conv_error(normal(1, 2, 4, 4), normal(1, 2, 2, 2, dtype="f4"), DtypeError, "conv_general_dilated"),
    conv_error(np.ones((1, 2, 4, 4), int), np.ones((1, 2, 2, 2), int), DtypeError, "of float32 and float64"),
    conv_error(normal(1, 2, 4, 4), normal(1, 3, 2, 2), ShapeError, "are 2 features, the kernel takes 3"),
    conv_error(normal(3, 2, 4, 4), normal(4, 2, 2, 2), ShapeError, "and 2 of the batch", batch_group_count=2),
    pool_error("reduce_window_sum", (GRID > 0,), DtypeError, "reduce_window_sum", **BASE),
    pool_error("reduce_window_max", (GRID * 1j,), DtypeError, "reduce_window_max"),
    pool_error("reduce_window_min", (GRID,), ShapeError, "window_dimensions has 3 entries", (2, 2, 2)),
    pool_error("select_and_gather_add", (GRID[1:], GRID), ShapeError, "shapes must be equal", **GE),
    pool_error("select_and_gather_add", (GRID, GRID), ShapeError, "is 'ge' or 'le'", select_prim="gt"),
    pool_error("select_and_scatter_add", (GRID, GRID), ShapeError, r"there are \(4, 5\) windows", **GE),
]
