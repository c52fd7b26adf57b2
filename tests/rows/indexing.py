"""Rows of the primitives in ``jaxlite/ops/indexing.py``; the references go from window to window."""

import numpy as np

from jaxlite.errors import DtypeError, ShapeError
from jaxlite.ops.indexing import GatherDimensionNumbers, ScatterDimensionNumbers
from tests.cases import Case, ErrorCase

RNG = np.random.default_rng(0)
VECTOR = RNG.standard_normal(5)
MATRIX = RNG.standard_normal((4, 3))
BOX = RNG.standard_normal((2, 4, 3))
SCALAR = np.float64(1.5)
DTYPES = ("f8", "f4", "f2", "c16", "i8", "u1", "?")


def of_dtype(x, dtype):
    return x + 1j * x[::-1] if dtype == "c16" else (3 * np.abs(x)).astype(dtype)


def index(*starts, dtype="i8"):
    return tuple(np.dtype(dtype).type(i) for i in starts)


# --- slices -----------------------------------------------------------------------------------------


def box(starts, sizes, shape):
    starts = [min(max(int(i), 0), m - n) for i, m, n in zip(starts, shape, sizes)]
    return tuple(slice(i, i + n) for i, n in zip(starts, sizes))


def dynamic_slice(operand, *starts, slice_sizes):
    return operand[box(starts, slice_sizes, operand.shape)]


def dynamic_update_slice(operand, update, *starts):
    out = np.array(operand)
    out[box(starts, update.shape, operand.shape)] = update
    return out


def slice_row(operand, starts, sizes, label="", **options):
    return Case(
        "dynamic_slice", (operand, *starts), {"slice_sizes": sizes}, dynamic_slice, label=label, **options
    )


def update_row(operand, update, starts, label="", **options):
    return Case(
        "dynamic_update_slice", (operand, update, *starts), {}, dynamic_update_slice, label=label, **options
    )


SLICES = [
    *(slice_row(of_dtype(MATRIX, dtype), index(1, 0), (2, 3)) for dtype in DTYPES),
    slice_row(VECTOR, index(2), (2,)),
    slice_row(VECTOR, index(9), (2,), "moved inside"),
    slice_row(VECTOR, index(-9), (2,), "not from the end"),
    slice_row(MATRIX, (np.int32(3), np.uint8(1)), (2, 2)),
    slice_row(BOX, index(1, 2, 0), (1, 2, 3)),
    slice_row(MATRIX, index(4, 1), (0, 2), "nothing"),
    slice_row(MATRIX[:0], index(0, 1), (0, 2)),
    slice_row(SCALAR, (), ()),
    *(update_row(of_dtype(MATRIX, dtype), of_dtype(BOX[0, :2], dtype), index(1, 0)) for dtype in DTYPES),
    update_row(VECTOR, MATRIX[0, :2], index(9), "moved inside"),
    update_row(VECTOR, MATRIX[0, :2], index(-9), "not from the end"),
    update_row(MATRIX, BOX[0, :2, :2], (np.int32(3), np.uint8(1))),
    update_row(BOX, BOX[:1, :2, 1:] + 1, index(1, 2, 0)),
    update_row(MATRIX, MATRIX[:0], index(1, 0)),
    update_row(MATRIX[:0], MATRIX[:0], index(1, 0)),
    update_row(SCALAR, np.float64(2.5), ()),
]


# --- windows ----------------------------------------------------------------------------------------


def place(n, indices, numbers, sizes, shape, mode):
    """Return where window ``n`` lies in the operand, and whether that counts."""
    _, _, index_map, batching, index_batching = numbers
    starts = [0] * len(shape)
    for d, i in zip(index_map, indices[n]):
        starts[d] = int(i)
    for d, i in zip(batching, index_batching):
        starts[d] = n[i]
    inside = all(0 <= i <= m - k for i, m, k in zip(starts, shape, sizes))
    assert inside or mode != "raise"
    return box(starts, sizes, shape), inside or mode != "fill"


def gather(operand, indices, dimension_numbers, slice_sizes, mode, fill_value, **flags):
    hidden = (*dimension_numbers.collapsed_slice_dims, *dimension_numbers.operand_batching_dims)
    index_shape = indices.shape[:-1]
    windows = np.empty(
        index_shape + tuple(n for d, n in enumerate(slice_sizes) if d not in hidden), operand.dtype
    )
    for n in np.ndindex(index_shape):
        where, counts = place(n, indices, dimension_numbers, slice_sizes, operand.shape, mode)
        windows[n] = operand[where].reshape(windows.shape[len(index_shape) :]) if counts else fill_value
    return np.moveaxis(windows, range(len(index_shape), windows.ndim), dimension_numbers.offset_dims)


def scatter_reference(combine):
    def scatter(operand, indices, updates, dimension_numbers, mode, **flags):
        out = np.array(operand)
        hidden = (*dimension_numbers.inserted_window_dims, *dimension_numbers.operand_batching_dims)
        window_dims = dimension_numbers.update_window_dims
        windows = np.moveaxis(updates, window_dims, range(updates.ndim - len(window_dims), updates.ndim))
        of_window = iter(windows.shape[windows.ndim - len(window_dims) :])
        sizes = [1 if d in hidden else next(of_window) for d in range(out.ndim)]
        for n in np.ndindex(indices.shape[:-1]):
            where, counts = place(n, indices, dimension_numbers, sizes, out.shape, mode)
            if counts:
                out[where] = combine(out[where], windows[n].reshape(sizes))
        return out

    return scatter


SCATTERS = {
    "scatter": scatter_reference(lambda old, new: new),
    "scatter_add": scatter_reference(np.add),
    "scatter_mul": scatter_reference(np.multiply),
    "scatter_min": scatter_reference(np.minimum),
    "scatter_max": scatter_reference(np.maximum),
}


def gather_row(operand, indices, numbers, sizes, mode="raise", fill=None, unique=False, label="", **options):
    params = {
        "dimension_numbers": GatherDimensionNumbers(*numbers),
        "slice_sizes": sizes,
        "mode": mode,
        "fill_value": fill,
        "unique_indices": unique,
        "indices_are_sorted": False,
    }
    return Case("gather", (operand, indices), params, gather, label=label, **options)


def scatter_row(name, operand, indices, updates, numbers, mode="raise", unique=False, label="", **options):
    params = {
        "dimension_numbers": ScatterDimensionNumbers(*numbers),
        "mode": mode,
        "unique_indices": unique,
        "indices_are_sorted": False,
    }
    return Case(name, (operand, indices, updates), params, SCATTERS[name], label=label, **options)


ELEMENTS = ((), (0,), (0,))  # x[i]
LINES = ((1,), (0,), (0,))  # x[i, :]
COLUMNS = ((0,), (1,), (1,))  # x[:, i]
PAIRS = ((), (0, 1), (1, 0))  # x[j, i] for index vectors (i, j)
PATCHES = ((1, 2), (), (0, 1))  # x[i : i + m, j : j + n]
ALONG = ((), (0,), (0,), (1,), (1,))  # take_along_axis(x, i, 0)
I5 = np.array([[2], [0], [2], [4]])
I4 = np.array([[3], [1], [3]])
CORNERS = np.array([[0, 1], [2, 0], [1, 1]])
WILD = np.array([[7], [1], [-1]])
GRID = np.array([[[1], [0]], [[3], [3]], [[0], [2]]])
DISTINCT = np.array([[3], [0], [1]])
ONE = np.array([[2]])

GATHERS = [
    *(gather_row(of_dtype(VECTOR, dtype), I5, ELEMENTS, (1,)) for dtype in DTYPES),
    *(gather_row(VECTOR, I5.astype(dtype), ELEMENTS, (1,)) for dtype in ("i1", "u4", "u8")),
    gather_row(MATRIX, I4, LINES, (1, 3)),
    gather_row(MATRIX, I4 % 3, COLUMNS, (4, 1), label="columns"),
    gather_row(MATRIX, GRID, ((1,), (0,), (0,)), (1, 3), label="grid"),
    gather_row(MATRIX, CORNERS, PAIRS, (1, 1), label="pairs"),
    gather_row(MATRIX, CORNERS, PATCHES, (2, 2), label="patches"),
    gather_row(MATRIX, CORNERS, ((0, 2), (), (0, 1)), (2, 2), label="patches around"),
    gather_row(MATRIX, I4[:, :0], ((1,), (0,), ()), (1, 2), label="all the same"),
    gather_row(BOX, I4, ((0, 2), (1,), (1,)), (2, 1, 2), label="part of a dimension"),
    gather_row(MATRIX, np.concatenate([GRID] * 2, 1)[:, :3], ALONG, (1, 1), label="along"),
    gather_row(BOX, GRID[:2], ((2,), (1,), (1,), (0,), (0,)), (1, 1, 3), label="batched"),
    gather_row(MATRIX, ONE, LINES, (1, 3)),
    gather_row(MATRIX, ONE[0], ((0,), (0,), (0,)), (1, 3)),
    gather_row(MATRIX, I4[:0], LINES, (1, 3)),
    gather_row(MATRIX[:, :0], I4, LINES, (1, 0)),
    gather_row(SCALAR, I4[:, :0], ((), (), ()), ()),
    gather_row(VECTOR, WILD, ELEMENTS, (1,), "clip"),
    gather_row(VECTOR, WILD, ELEMENTS, (1,), "promise_in_bounds", label="promised"),
    gather_row(VECTOR, WILD, ELEMENTS, (1,), "fill", 0.5, label="filled"),
    gather_row(BOX, WILD, ((0, 2), (1,), (1,)), (2, 1, 3), "fill", 2, label="filled"),
    gather_row(MATRIX, CORNERS + 1, PATCHES, (2, 2), "fill", 0.0, label="filled"),
    gather_row(MATRIX, np.array([[9]]), LINES, (1, 3), "fill", 0.0, label="filled"),
    Case(
        "gather",
        (VECTOR, WILD),
        gather_row(VECTOR, WILD, ELEMENTS, (1,), "fill").params,
        expected=np.array([np.nan, VECTOR[1], np.nan]),
        derivatives=None,  # nan has no differences
        label="filled by default",
    ),
    Case(
        "gather",
        (VECTOR.astype("i4"), WILD),
        gather_row(VECTOR, WILD, ELEMENTS, (1,), "fill").params,
        expected=np.array([-(2**31), int(VECTOR[1]), -(2**31)], "i4"),
        label="filled by default",
    ),
    gather_row(MATRIX, DISTINCT, LINES, (1, 3), unique=True, batch=False, label="unique"),
]

NUMERIC = [
    row
    for name in SCATTERS
    for dtype in (DTYPES if name in ("scatter", "scatter_add", "scatter_mul") else ("f8", "f4", "i8", "u1"))
    for row in [
        scatter_row(name, of_dtype(VECTOR, dtype), I5, of_dtype(VECTOR[:4] * 1.1, dtype), ELEMENTS),
    ]
]
UPDATES = [
    row
    for name in SCATTERS
    for row in [
        scatter_row(name, MATRIX, I4, BOX[0, :3], LINES),
        scatter_row(name, MATRIX, CORNERS, BOX[:, :3, :2].swapaxes(0, 1), PATCHES, label="patches overlap"),
        scatter_row(name, VECTOR, WILD, BOX[0, 0], ELEMENTS, "fill", label="dropped"),
        scatter_row(name, VECTOR, WILD, BOX[0, 0], ELEMENTS, "clip"),
        scatter_row(name, MATRIX, ONE, BOX[0, :1], LINES),
        scatter_row(name, MATRIX, DISTINCT, BOX[0, :3], LINES, unique=True, batch=False, label="unique"),
        scatter_row(name, MATRIX, I4[:0], BOX[0, :0], LINES),
    ]
]
LAYOUTS = [
    scatter_row("scatter", MATRIX, I4 % 3, BOX[0, :, :3], COLUMNS, label="columns"),
    scatter_row("scatter", MATRIX, CORNERS, VECTOR[:3], PAIRS, label="pairs"),
    scatter_row("scatter", MATRIX, I4[:, :0], BOX[0, :3, :2], ((1,), (0,), ()), label="all the same"),
    scatter_row("scatter", BOX, I4, BOX[:, :3, :2] + 1, ((0, 2), (1,), (1,)), label="part of a dimension"),
    scatter_row("scatter", MATRIX, np.array([[9]]), BOX[0, :1], LINES, "fill", label="dropped"),
    scatter_row("scatter", SCALAR, np.zeros((2, 0), int), VECTOR[:2], ((), (), ())),
    scatter_row(
        "scatter_add", BOX, GRID[:2], BOX[:, :2] + 1, ((2,), (1,), (1,), (0,), (0,)), label="batched"
    ),
    scatter_row(
        "scatter_mul", BOX, GRID[:2], BOX[:, :2] + 1, ((2,), (1,), (1,), (0,), (0,)), label="batched"
    ),
    scatter_row("scatter_mul", VECTOR, I5, np.array([0.0, 1.5, -2.0, 0.0]), ELEMENTS, label="a zero"),
    scatter_row("scatter_mul", VECTOR, I5 // 2, np.array([0.0, 1.5, 0.0, 0.5]), ELEMENTS, label="two zeros"),
    scatter_row(
        "scatter_max",
        np.ones(5),
        I5,
        np.array([1.0, 2.0, 1.0, 0.0]),
        ELEMENTS,
        derivatives=None,
        label="equal",
    ),
]

ROWS = [*SLICES, *GATHERS, *NUMERIC, *UPDATES, *LAYOUTS]


def gather_error(operand, indices, numbers, sizes, error, match):
    return ErrorCase(
        "gather", (operand, indices), gather_row(VECTOR, I5, numbers, sizes).params, error, match
    )


def scatter_error(name, operand, indices, updates, numbers, error, match):
    params = scatter_row(name, VECTOR, I5, VECTOR, numbers).params
    return ErrorCase(name, (operand, indices, updates), params, error, match)


ERRORS = [
    ErrorCase(
        "dynamic_slice", (MATRIX, *index(1)), {"slice_sizes": (1, 1)}, ShapeError, "one scalar index for each"
    ),
    ErrorCase(
        "dynamic_slice", (VECTOR, VECTOR.astype(int)), {"slice_sizes": (1,)}, ShapeError, "one scalar index"
    ),
    ErrorCase("dynamic_slice", (VECTOR, SCALAR), {"slice_sizes": (1,)}, DtypeError, "indices are integers"),
    ErrorCase(
        "dynamic_slice", (VECTOR, *index(1)), {"slice_sizes": (6,)}, ShapeError, r"sizes \(6,\) does not fit"
    ),
    ErrorCase(
        "dynamic_slice", (VECTOR, *index(1)), {"slice_sizes": (1, 1)}, ShapeError, "does not fit into f64"
    ),
    ErrorCase(
        "dynamic_update_slice",
        (VECTOR, VECTOR.astype("f4"), *index(1)),
        {},
        DtypeError,
        "operands of one dtype",
    ),
    ErrorCase("dynamic_update_slice", (VECTOR, MATRIX, *index(1)), {}, ShapeError, "does not fit into f64"),
    gather_error(VECTOR, VECTOR[:, None], ELEMENTS, (1,), DtypeError, "indices are integers"),
    gather_error(VECTOR, np.array(1), ELEMENTS, (1,), ShapeError, "holds index vectors"),
    gather_error(VECTOR, CORNERS, ELEMENTS, (1,), ShapeError, "index vectors have 2 entries"),
    gather_error(
        MATRIX, I4, ((2,), (0,), (0,)), (1, 3), ShapeError, r"offset_dims = \(2,\) must be between 0"
    ),
    gather_error(SCALAR, I4, ELEMENTS, (), ShapeError, r"collapsed_slice_dims = \(0,\) must be empty"),
    gather_error(
        MATRIX, CORNERS, ((), (0, 0), (0, 1)), (1, 1), ShapeError, "must not name a dimension twice"
    ),
    gather_error(MATRIX, CORNERS, ((2, 1), (), (0, 1)), (2, 2), ShapeError, "must be in ascending order"),
    gather_error(MATRIX, I4, ((), (0,), (0,), (0,), (0,)), (1, 1), ShapeError, "must not share dimensions"),
    gather_error(MATRIX, I4, ((), (0,), (0,), (1,), ()), (1, 1), ShapeError, "go in pairs"),
    gather_error(BOX, GRID, ALONG, (1, 1, 1), ShapeError, "batching dimension 1 of the operand has size 4"),
    gather_error(MATRIX, I4, ELEMENTS, (1, 1), ShapeError, "must name the operand's 2 dimensions"),
    gather_error(MATRIX, I4, LINES, (1,), ShapeError, "must be one for each of the 2 dimensions"),
    gather_error(MATRIX, I4, LINES, (2, 3), ShapeError, "window size of dimension 0 is 2, but must be 1"),
    gather_error(MATRIX, I4, LINES, (1, 4), ShapeError, "dimension 1 is 4, but must be at most 3"),
    *(
        scatter_error(
            name, VECTOR, I5, VECTOR[:4].astype("f4"), ELEMENTS, DtypeError, "operands of one dtype"
        )
        for name in SCATTERS
    ),
    scatter_error("scatter", VECTOR, I5, VECTOR, ELEMENTS, ShapeError, r"need updates of shape \(4,\)"),
    scatter_error("scatter", MATRIX, I4, BOX[0, :3, 0], LINES, ShapeError, r"need updates of shape \(3, 3\)"),
    scatter_error("scatter", VECTOR, VECTOR[:, None], VECTOR, ELEMENTS, DtypeError, "indices are integers"),
    scatter_error("scatter_max", VECTOR + 0j, I5, VECTOR[:4] + 0j, ELEMENTS, DtypeError, "are not ordered"),
]
