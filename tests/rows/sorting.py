"""Rows of the primitives in ``jaxlite/ops/sorting.py``."""

import numpy as np

from jaxlite.errors import DtypeError, ShapeError
from tests.cases import Case, ErrorCase

F32, F16, I64, I32, I8 = (np.dtype(t) for t in ("f4", "f2", "i8", "i4", "i1"))

X = np.array([[0.3, -0.7, 2.1, 1.0], [0.6, 1.3, -3.2, 0.1]])
BOX = np.sin(np.arange(24.0)).reshape(2, 3, 4)
EMPTY = X[:0]
INTS = np.array([[3, -1, 7, 3], [5, 0, -4, 0]])
BOOLS = INTS > 2
COMPLEX = np.array([1 + 2j, 0.9 - 1j, 0.5 + 9j, -2j])
COMPLEX_TIES = np.array([1 + 2j, 1 - 1j, 1 + 2j, -2j])
TIES = np.array([1.0, 0.0, 1.0, -0.0, 0.0, 1.0])
NANS = np.array([np.nan, 1.0, np.inf, np.nan, -np.inf, 0.5])
SCALAR = np.float64(1.0)
PAYLOAD = np.arange(6.0)


def sort(*operands, dimension, is_stable, num_keys):
    """Python's sort of tuples, one line at a time, with nan behind all numbers."""

    def key(value):
        parts = (value.real, value.imag) if np.iscomplexobj(value) else (value,)
        return [(bool(np.isnan(part)), part) for part in parts]

    outs = [np.array(x) for x in operands]
    lines = [np.moveaxis(x, dimension, -1) for x in outs]
    for i in np.ndindex(lines[0].shape[:-1]):
        rows = sorted(zip(*(x[i] for x in lines)), key=lambda row: [key(v) for v in row[:num_keys]])
        for x, column in zip(lines, zip(*rows)):
            x[i] = column
    return tuple(outs)


def sort_row(*operands, dimension=0, num_keys=1, is_stable=True, **options):
    params = {"dimension": dimension, "is_stable": is_stable, "num_keys": num_keys}
    return Case("sort", operands, params, sort, **options)


def top_k(x, k):
    order = np.lexsort((np.broadcast_to(np.arange(x.shape[-1]), x.shape), -x.astype(float)), axis=-1)
    # lexsort puts nan last; here it comes first.
    for i in np.ndindex(x.shape[:-1]):
        nans = np.flatnonzero(np.isnan(x[i].astype(float)))
        order[i] = np.concatenate([nans, [j for j in order[i] if j not in nans]])
    order = order[..., :k]
    return np.take_along_axis(x, order, -1), order.astype(np.int32)


def take_along_dim(x, indices, dimension):
    return np.take_along_axis(x, indices, dimension)


def put_along_dim_add(updates, indices, dimension, size):
    out = np.zeros((*updates.shape[:dimension], size, *updates.shape[dimension + 1 :]), updates.dtype)
    for i in np.ndindex(updates.shape):
        j = (*i[:dimension], indices[i], *i[dimension + 1 :])
        out[j] += updates[i]
    return out


REPEATED = np.array([[1, 3, 1], [0, 0, 3]])
ONE_ROW = np.array([[1, 0, 0, 1]])

SORTS = [
    sort_row(X),
    sort_row(X, dimension=1, label="1"),
    sort_row(X, dimension=1, is_stable=False, label="unstable"),
    sort_row(BOX, dimension=1),
    sort_row(X.astype(F32), dimension=1, order=1),
    sort_row(X.astype(F16), dimension=1, derivatives=None),
    sort_row(INTS, dimension=1),
    sort_row(INTS.astype(I8), dimension=1),
    sort_row(BOOLS, dimension=1),
    sort_row(COMPLEX),
    sort_row(COMPLEX_TIES, label="ties", derivatives=None),
    sort_row(EMPTY),
    sort_row(EMPTY, dimension=1, label="1"),
    sort_row(TIES, PAYLOAD, label="ties", derivatives=(1,)),
    sort_row(NANS, PAYLOAD, label="nan", derivatives=None),
    sort_row(X, X[::-1].copy(), INTS, dimension=1),
    sort_row(INTS, X, dimension=1, label="integer keys"),
    sort_row(INTS, X, INTS, dimension=1, num_keys=2),
    sort_row(TIES, -PAYLOAD, PAYLOAD.astype(F32), num_keys=2, derivatives=(1, 2), order=1),
    sort_row(EMPTY, EMPTY, dimension=1),
    *(Case("top_k", (x,), {"k": k}, top_k, label=str(k)) for x in (X, BOX, INTS, BOOLS) for k in (0, 2, 4)),
    Case("top_k", (X.astype(F32),), {"k": 3}, top_k, order=1),
    Case("top_k", (EMPTY,), {"k": 2}, top_k),
    Case("top_k", (TIES,), {"k": 4}, top_k, derivatives=None, label="ties"),
    Case("top_k", (NANS,), {"k": 3}, top_k, derivatives=None, label="nan"),
]

PLACES = [
    Case("take_along_dim", (X, REPEATED), {"dimension": 1}, take_along_dim),
    Case("take_along_dim", (X, ONE_ROW), {"dimension": 0}, take_along_dim),
    Case("take_along_dim", (X.astype(F32), ONE_ROW.astype(I32)), {"dimension": 0}, take_along_dim),
    Case("take_along_dim", (INTS, REPEATED), {"dimension": 1}, take_along_dim),
    Case("take_along_dim", (BOOLS, REPEATED), {"dimension": 1}, take_along_dim),
    Case("take_along_dim", (COMPLEX, np.array([3, 3, 0])), {"dimension": 0}, take_along_dim),
    Case("take_along_dim", (EMPTY, EMPTY.astype(I64)), {"dimension": 1}, take_along_dim),
    Case("take_along_dim", (X, EMPTY.astype(I64)), {"dimension": 0}, take_along_dim),
    Case("put_along_dim_add", (X[:, :3], REPEATED), {"dimension": 1, "size": 4}, put_along_dim_add),
    Case("put_along_dim_add", (X[:1], ONE_ROW), {"dimension": 0, "size": 2}, put_along_dim_add),
    Case("put_along_dim_add", (X[:1].astype(F32), ONE_ROW), {"dimension": 0, "size": 2}, put_along_dim_add),
    Case("put_along_dim_add", (INTS[:, :3], REPEATED), {"dimension": 1, "size": 4}, put_along_dim_add),
    Case(
        "put_along_dim_add",
        (COMPLEX[:3], np.array([3, 3, 0])),
        {"dimension": 0, "size": 4},
        put_along_dim_add,
    ),
    Case("put_along_dim_add", (EMPTY, EMPTY.astype(I64)), {"dimension": 0, "size": 2}, put_along_dim_add),
]

ROWS = [*SORTS, *PLACES]

SORT = {"dimension": 0, "is_stable": True, "num_keys": 1}
ERRORS = [
    ErrorCase("sort", (X, X[0]), SORT, ShapeError, r"sort: operands f64\[2,4\], f64\[4\] along dimension 0"),
    ErrorCase("sort", (SCALAR,), SORT, ShapeError, "all of one shape that has that dimension"),
    ErrorCase("sort", (), SORT, ShapeError, "there must be at least one"),
    ErrorCase("sort", (X,), {**SORT, "num_keys": 2}, ShapeError, "2 keys of operands"),
    ErrorCase("sort", (X,), {**SORT, "num_keys": 0}, ShapeError, "0 keys of operands"),
    ErrorCase("top_k", (X,), {"k": 5}, ShapeError, r"top_k: k = 5 of f64\[2,4\]"),
    ErrorCase("top_k", (SCALAR,), {"k": 0}, ShapeError, "must not exceed the size of the last dimension"),
    ErrorCase("top_k", (COMPLEX,), {"k": 1}, DtypeError, "top_k takes .* operands, not c128"),
    ErrorCase("take_along_dim", (X, X), {"dimension": 0}, DtypeError, "indices are integers"),
    ErrorCase("take_along_dim", (X, INTS[:, :2]), {"dimension": 0}, ShapeError, "along that dimension only"),
    ErrorCase(
        "take_along_dim", (X, INTS[0]), {"dimension": 0}, ShapeError, r"operands f64\[2,4\] and i64\[4\]"
    ),
    ErrorCase("take_along_dim", (X, INTS), {"dimension": 2}, ShapeError, "dimension 2 does not exist"),
    ErrorCase(
        "put_along_dim_add", (X, INTS[:1]), {"dimension": 0, "size": 2}, ShapeError, "shapes must be equal"
    ),
    ErrorCase("put_along_dim_add", (X, X), {"dimension": 0, "size": 2}, DtypeError, "indices are integers"),
]
