"""Rows of the primitives in ``jaxlite/ops/structural.py``."""

import numpy as np

from jaxlite.errors import DtypeError, ShapeError
from jaxlite.ir import ArrayConstant
from tests.cases import Case, ErrorCase

F64, F32, F16, I64, I32, I8, U8, BOOL, C128, C64 = (
    np.dtype(t)
    for t in ("f8", "f4", "f2", "i8", "i4", "i1", "u1", "?", "c16", "c8")
)  # fmt: skip

X = np.array([[-2.5, -0.7, 0.1], [0.6, 1.3, 3.2]])
BOX = np.arange(24.0).reshape(2, 3, 4) / 7
ROW = X[0]
EMPTY = X[:0]
SCALAR = np.float64(1.5)
INTS = np.arange(6).reshape(2, 3)
BOOLS = np.array([[True, False, True], [False, False, True]])
COMPLEX = X + 1j * X[::-1]


def of_dtypes(name, params, reference, x=X):
    """The same row for every kind of dtype."""
    return [Case(name, (x.astype(dtype),), params, reference) for dtype in (F32, F16, I64, U8, BOOL, C128)]


def broadcast_in_dim(x, shape, broadcast_dimensions):
    return np.einsum(x, broadcast_dimensions, np.ones(shape), range(len(shape)), range(len(shape)))


def reshape(x, new_sizes):
    return np.reshape(x, new_sizes)


def squeeze(x, dimensions):
    return np.squeeze(x, dimensions)


def expand_dims(x, dimensions):
    return np.expand_dims(x, dimensions)


def transpose(x, permutation):
    return np.transpose(x, permutation)


def rev(x, dimensions):
    return np.flip(x, dimensions)


def slice_(x, start_indices, limit_indices, strides):
    strides = strides or [1] * x.ndim
    return x[tuple(slice(*bounds) for bounds in zip(start_indices, limit_indices, strides))]


def pad(x, padding_value, padding_config):
    """One element after the other: element i goes to lo + i·(interior + 1), if that exists."""
    sizes = [n + max(n - 1, 0) * gap + lo + hi for n, (lo, hi, gap) in zip(x.shape, padding_config)]
    out = np.full(sizes, padding_value, x.dtype)
    for i in np.ndindex(x.shape):
        j = tuple(lo + k * (gap + 1) for k, (lo, _, gap) in zip(i, padding_config))
        if all(0 <= k < n for k, n in zip(j, sizes)):
            out[j] = x[i]
    return out


def concatenate(*operands, dimension):
    return np.concatenate(operands, dimension)


def iota(dtype, shape, dimension):
    return np.indices(shape)[dimension].astype(dtype)


def identity(*operands, **params):
    return operands


def iota_row(dtype, shape, dimension):
    params = {"dtype": np.dtype(dtype), "shape": shape, "dimension": dimension}
    return Case("iota", (), params, iota, label=f"{dtype}{shape}{dimension}")


def broadcast_row(x, shape, broadcast_dimensions, label=""):
    params = {"shape": shape, "broadcast_dimensions": broadcast_dimensions}
    return Case("broadcast_in_dim", (x,), params, broadcast_in_dim, label=label)


def slice_row(x, start_indices, limit_indices, strides=None, label=""):
    params = {"start_indices": start_indices, "limit_indices": limit_indices, "strides": strides}
    return Case("slice", (x,), params, slice_, label=label)


def pad_row(x, *padding_config, value=0.5, label=""):
    return Case("pad", (x, x.dtype.type(value)), {"padding_config": padding_config}, pad, label=label)


BROADCAST = {"shape": (2, 4, 3), "broadcast_dimensions": (0, 2)}
SHAPES = [
    *(
        Case(
            "broadcast_in_dim", (X.astype(dtype),), BROADCAST, expected=X.astype(dtype)[:, None].repeat(4, 1)
        )
        for dtype in (F64, F32, F16, I64, U8, BOOL, C128)
    ),
    broadcast_row(X[:, :1], (2, 3), (0, 1), "stretched"),
    broadcast_row(X[:1, :1], (1, 5, 1), (0, 2), "ones"),
    broadcast_row(ROW, (3, 2), (0,), "behind"),
    broadcast_row(SCALAR, (2, 3), ()),
    broadcast_row(SCALAR, (), (), "nothing"),
    broadcast_row(SCALAR, (2, 0), (), "to nothing"),
    broadcast_row(EMPTY, (4, 0, 3), (1, 2)),
    *of_dtypes("reshape", {"new_sizes": (3, 2)}, reshape),
    Case("reshape", (BOX,), {"new_sizes": (4, 6)}, reshape),
    Case("reshape", (BOX[0, :1, :1],), {"new_sizes": ()}, reshape),
    Case("reshape", (SCALAR,), {"new_sizes": (1, 1)}, reshape),
    Case("reshape", (EMPTY,), {"new_sizes": (2, 0, 5)}, reshape),
    *of_dtypes("squeeze", {"dimensions": (1,)}, squeeze, X[:, None]),
    Case("squeeze", (BOX[:, :1, :1],), {"dimensions": (1, 2)}, squeeze),
    Case("squeeze", (BOX[:1, :, :1],), {"dimensions": (2, 0)}, squeeze),
    Case("squeeze", (BOX[:1, :, :1],), {"dimensions": (0,)}, squeeze, label="one of two"),
    Case("squeeze", (EMPTY[:, :1],), {"dimensions": (1,)}, squeeze),
    *of_dtypes("expand_dims", {"dimensions": (1,)}, expand_dims),
    Case("expand_dims", (X,), {"dimensions": (0, 3)}, expand_dims, label="outside"),
    Case("expand_dims", (X,), {"dimensions": (1, 2, 4)}, expand_dims, label="between"),
    Case("expand_dims", (SCALAR,), {"dimensions": (0, 1)}, expand_dims),
    Case("expand_dims", (EMPTY,), {"dimensions": (2,)}, expand_dims),
    *of_dtypes("transpose", {"permutation": (1, 0)}, transpose),
    Case("transpose", (BOX,), {"permutation": (1, 2, 0)}, transpose),
    Case("transpose", (BOX,), {"permutation": (0, 1, 2)}, transpose, label="identity"),
    Case("transpose", (SCALAR,), {"permutation": ()}, transpose),
    Case("transpose", (EMPTY,), {"permutation": (1, 0)}, transpose),
    *of_dtypes("rev", {"dimensions": (1,)}, rev),
    Case("rev", (BOX,), {"dimensions": (0, 2)}, rev),
    Case("rev", (SCALAR,), {"dimensions": ()}, rev),
    Case("rev", (EMPTY,), {"dimensions": (0,)}, rev),
]

PARTS = [
    *of_dtypes("slice", {"start_indices": (0, 1), "limit_indices": (2, 3), "strides": None}, slice_),
    slice_row(BOX, (0, 1, 0), (2, 3, 4), (1, 1, 3), "strided"),
    slice_row(BOX, (1, 0, 1), (2, 3, 4), (1, 2, 2), "strided, part"),
    slice_row(np.arange(10.0), (1,), (9,), (3,)),
    slice_row(np.arange(10.0), (4,), (4,), (3,), "nothing"),
    slice_row(SCALAR, (), ()),
    slice_row(EMPTY, (0, 0), (0, 2)),
    *(pad_row(X.astype(dtype), (1, 2, 0), (0, 1, 2), value=1) for dtype in (F32, F16, I64, U8, BOOL, C128)),
    pad_row(X, (0, 0, 0), (0, 0, 0), label="nothing"),
    pad_row(X, (1, 0, 0), (2, 1, 1), label="gaps"),
    pad_row(X, (0, -1, 0), (-1, 2, 0), label="cropped"),
    pad_row(X, (-1, 3, 2), (-3, -1, 2), label="cropped gaps"),
    pad_row(ROW, (-5, 4, 0), label="nothing left"),
    pad_row(ROW, (5, -7, 0), label="cropped margin"),
    pad_row(SCALAR),
    pad_row(EMPTY, (1, 1, 3), (0, 0, 1)),
    *(
        Case("concatenate", (X.astype(dtype), X[:, :2].astype(dtype)), {"dimension": 1}, concatenate)
        for dtype in (F64, F32, F16, I64, U8, BOOL, C128)
    ),
    Case("concatenate", (X, EMPTY, X[1:]), {"dimension": 0}, concatenate),
    Case("concatenate", (ROW,), {"dimension": 0}, concatenate),
    Case("concatenate", (BOX, BOX[:, :1], BOX[:, :2]), {"dimension": 1}, concatenate),
    Case("concatenate", (EMPTY, EMPTY), {"dimension": 1}, concatenate),
    iota_row("int64", (4,), 0),
    iota_row("int32", (2, 3), 0),
    iota_row("float64", (2, 3), 1),
    iota_row("float32", (2, 0, 2), 2),
    iota_row("complex128", (3,), 0),
    iota_row("uint8", (3,), 0),
]

MARKERS = [
    *of_dtypes("copy", {}, identity),
    *(Case("copy", (x,), {}, identity) for x in (X, SCALAR, EMPTY)),
    # Finite differences see what the derivative is told not to see.
    *(Case("stop_gradient", (x,), {}, identity, derivatives=None) for x in (X, SCALAR, EMPTY, COMPLEX, INTS)),
    *of_dtypes("name", {"name": "saved"}, identity),
    *(Case("name", (x,), {"name": "saved"}, identity) for x in (X, SCALAR, EMPTY)),
    Case("optimization_barrier", (X,), {}, identity),
    Case("optimization_barrier", (X, SCALAR, EMPTY, INTS), {}, identity),
    Case("optimization_barrier", (COMPLEX, X.astype(F32), BOOLS), {}, identity),
]

CONSTANTS = [
    Case("constant", (), {"value": ArrayConstant(array)}, lambda value: value.value, label=str(array.shape))
    for array in (np.arange(3.0), np.zeros((0, 2), np.int64))
]

ROWS = [*SHAPES, *PARTS, *MARKERS, *CONSTANTS]

ERRORS = [
    ErrorCase(
        "broadcast_in_dim",
        (X,),
        {"shape": (2, 4), "broadcast_dimensions": (0, 1)},
        ShapeError,
        r"f64\[2,3\] does not broadcast to shape \(2, 4\) along \(0, 1\)",
    ),
    ErrorCase(
        "broadcast_in_dim",
        (X,),
        {"shape": (3, 2), "broadcast_dimensions": (1, 0)},
        ShapeError,
        "each operand dimension goes to one result dimension, in order",
    ),
    ErrorCase(
        "broadcast_in_dim",
        (X,),
        {"shape": (2, 3), "broadcast_dimensions": (0,)},
        ShapeError,
        "does not broadcast",
    ),
    ErrorCase(
        "reshape",
        (X,),
        {"new_sizes": (4, 2)},
        ShapeError,
        r"reshape: f64\[2,3\] cannot become shape \(4, 2\)",
    ),
    ErrorCase("reshape", (X,), {"new_sizes": (3, -1)}, ShapeError, "jnp.reshape computes one size"),
    ErrorCase("reshape", (X,), {"new_sizes": (-3, -2)}, ShapeError, "6 elements do not fill that shape"),
    ErrorCase(
        "squeeze", (X,), {"dimensions": (0,)}, ShapeError, r"squeeze: dimensions \(0,\) of f64\[2,3\] cannot"
    ),
    ErrorCase(
        "squeeze", (X[:1],), {"dimensions": (0, 0)}, ShapeError, "do not exist in .*, or are named twice"
    ),
    ErrorCase(
        "squeeze", (X[:1],), {"dimensions": (2,)}, ShapeError, r"dimensions \(2,\) do not exist in f64\[1,3\]"
    ),
    ErrorCase(
        "expand_dims",
        (X,),
        {"dimensions": (4,)},
        ShapeError,
        r"f64\[2,3\] cannot get new dimensions at \(4,\)",
    ),
    ErrorCase(
        "expand_dims", (X,), {"dimensions": (1, 1)}, ShapeError, "positions in the result, each once, below 4"
    ),
    ErrorCase(
        "transpose",
        (X,),
        {"permutation": (0, 0)},
        ShapeError,
        r"\(0, 0\) is no permutation of the dimensions",
    ),
    ErrorCase(
        "transpose", (X,), {"permutation": (0,)}, ShapeError, "the numbers below 2 must stand there once each"
    ),
    ErrorCase(
        "rev", (X,), {"dimensions": (2,)}, ShapeError, r"rev: dimensions \(2,\) do not exist in f64\[2,3\]"
    ),
    ErrorCase(
        "slice",
        (ROW,),
        {"start_indices": (0,), "limit_indices": (4,), "strides": None},
        ShapeError,
        "0 <= start <= limit <= size and stride >= 1",
    ),
    ErrorCase(
        "slice",
        (ROW,),
        {"start_indices": (0,), "limit_indices": (3,), "strides": (-1,)},
        ShapeError,
        r"slice: f64\[3\] from \(0,\) to \(3,\), strides \(-1,\)",
    ),
    ErrorCase(
        "slice",
        (X,),
        {"start_indices": (0,), "limit_indices": (2,), "strides": None},
        ShapeError,
        "each dimension of the operand needs a start, a limit",
    ),
    ErrorCase(
        "pad", (ROW, np.float32(0)), {"padding_config": ((0, 1, 0),)}, DtypeError, "operands of one dtype"
    ),
    ErrorCase(
        "pad", (ROW, ROW), {"padding_config": ((0, 1, 0),)}, ShapeError, r"type f64\[3\].*\n.*\n.*a scalar"
    ),
    ErrorCase("pad", (X, SCALAR), {"padding_config": ((0, 1, 0),)}, ShapeError, "each dimension needs one"),
    ErrorCase("pad", (ROW, SCALAR), {"padding_config": ((-4, 0, 0),)}, ShapeError, "must not be negative"),
    ErrorCase("pad", (ROW, SCALAR), {"padding_config": ((0, 0, -1),)}, ShapeError, "must not be negative"),
    ErrorCase("concatenate", (), {"dimension": 0}, ShapeError, "there are no operands"),
    ErrorCase(
        "concatenate",
        (X, ROW),
        {"dimension": 0},
        ShapeError,
        r"concatenate: operands f64\[2,3\], f64\[3\] along",
    ),
    ErrorCase(
        "concatenate", (X, X[:, :2]), {"dimension": 0}, ShapeError, "differ in size along that dimension only"
    ),
    ErrorCase(
        "concatenate", (SCALAR, SCALAR), {"dimension": 0}, ShapeError, "jnp.stack joins along a new dimension"
    ),
    ErrorCase(
        "concatenate", (X, X.astype(F32)), {"dimension": 0}, DtypeError, r"have types f64\[2,3\], f32\[2,3\]"
    ),
    ErrorCase(
        "iota", (), {"dtype": BOOL, "shape": (3,), "dimension": 0}, DtypeError, "dtype bool does not count"
    ),
    ErrorCase(
        "iota",
        (),
        {"dtype": I64, "shape": (3,), "dimension": 1},
        ShapeError,
        r"shape \(3,\) has no dimension 1",
    ),
    ErrorCase(
        "iota", (), {"dtype": I64, "shape": (-3,), "dimension": 0}, ShapeError, "sizes must not be negative"
    ),
]
