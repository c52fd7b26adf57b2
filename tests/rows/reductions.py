"""Rows of the primitives in ``jaxlite/ops/reductions.py``."""

import numpy as np

from jaxlite.errors import DtypeError, ShapeError
from tests.cases import Case, ErrorCase

F32, F16, I64, I32, I8, U8 = (np.dtype(t) for t in ("f4", "f2", "i8", "i4", "i1", "u1"))

X = np.array([[-2.5, -0.7, 0.1], [0.6, 1.3, 3.2]])
BOX = np.sin(np.arange(24.0)).reshape(2, 3, 4)
EMPTY = X[:0]
SCALAR = np.float64(1.5)
INTS = np.array([[3, -1, 7], [5, 0, -4]])
BOOLS = np.array([[True, False, True], [False, False, True]])
COMPLEX = X + 1j * X[::-1]
ZEROS = np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 4.0]])
TIES = np.array([[1.0, 2.0, 2.0], [3.0, 3.0, 3.0], [-0.0, 0.0, -1.0]])
NANS = np.array([[1.0, np.nan, 2.0], [np.inf, -np.inf, 0.0]])
FEW = np.array([1, 2, 3])


def reduction(name, ufunc, special=()):
    """Rows of a reduction over numbers."""

    @np.errstate(invalid="ignore")
    def reference(x, axes):
        return ufunc.reduce(x, axis=axes, dtype=x.dtype)

    return [
        Case(name, (X,), {"axes": (0,)}, reference, label="0"),
        Case(name, (X,), {"axes": (1,)}, reference, label="1"),
        Case(name, (X,), {"axes": (0, 1)}, reference, label="all"),
        Case(name, (X,), {"axes": ()}, reference, label="none"),
        Case(name, (BOX,), {"axes": (0, 2)}, reference, label="0,2"),
        Case(name, (BOX,), {"axes": (2, 0)}, reference, label="2,0"),
        Case(name, (X.astype(F32),), {"axes": (1,)}, reference, order=1),
        Case(name, (X.astype(F16),), {"axes": (1,)}, reference, derivatives=None),
        Case(name, (SCALAR,), {"axes": ()}, reference),
        Case(name, (EMPTY,), {"axes": (1,)}, reference, label="empty result"),
        Case(name, (COMPLEX,), {"axes": (1,)}, reference),
        *(Case(name, (INTS.astype(t),), {"axes": (1,)}, reference) for t in (I64, I32, I8)),
        *(
            Case(name, (x,), {"axes": (1,)}, reference, derivatives=None, label=f"special {i}")
            for i, x in enumerate((ZEROS, TIES, NANS))
        ),
        *(
            Case(name, args, {"axes": axes}, reference, label=f"also {i}")
            for i, (axes, *args) in enumerate(special)
        ),
    ]


def of_bits(name, ufunc):
    """Rows of a reduction over bits."""

    def reference(x, axes):
        return ufunc.reduce(x, axis=axes)

    return [
        Case(name, (x,), {"axes": axes}, reference, label=str(axes))
        for x in (BOOLS, INTS, INTS.astype(U8), EMPTY.astype(bool), EMPTY.astype(I64))
        for axes in ((0,), (0, 1), ())
    ]


def index_reduction(name, function):
    """Rows of argmax or argmin."""

    def reference(x, axes, index_dtype):
        return function(x, axes[0]).astype(index_dtype)

    def row(x, axis, index_dtype=I64, label=""):
        return Case(name, (x,), {"axes": (axis,), "index_dtype": index_dtype}, reference, label=label)

    return [
        row(X, 0),
        row(X, 1, I32, "i32"),
        row(BOX, 1),
        row(X.astype(F32), 1),
        row(INTS, 1),
        row(BOOLS, 1),
        row(COMPLEX, 1),
        row(TIES, 1),
        row(NANS, 1, label="nan"),
        row(EMPTY, 1),
    ]


ROWS = [
    # Several zeros, in the sum over two axes too.
    *reduction("reduce_sum", np.add, [((0,), EMPTY)]),
    *reduction(
        "reduce_prod", np.multiply, [((0,), EMPTY), ((1,), ZEROS), ((0, 1), ZEROS), ((0,), BOX[0, :0])]
    ),
    *reduction("reduce_max", np.maximum),
    *reduction("reduce_min", np.minimum),
    *(
        Case(name, (BOOLS,), {"axes": (1,)}, lambda x, axes, f=f: f(x, axes))
        for name, f in (("reduce_max", np.any), ("reduce_min", np.all))
    ),
    *of_bits("reduce_and", np.bitwise_and),
    *of_bits("reduce_or", np.bitwise_or),
    *of_bits("reduce_xor", np.bitwise_xor),
    *index_reduction("argmax", np.argmax),
    *index_reduction("argmin", np.argmin),
]

INDEX = {"index_dtype": I64}
ERRORS = [
    ErrorCase(
        "reduce_sum", (X,), {"axes": (2,)}, ShapeError, r"reduce_sum: axes \(2,\) do not exist in f64\[2,3\]"
    ),
    ErrorCase("reduce_sum", (X,), {"axes": (0, 0)}, ShapeError, "or are named twice"),
    ErrorCase("reduce_sum", (BOOLS,), {"axes": (0,)}, DtypeError, "reduce_sum takes .* operands, not bool"),
    ErrorCase("reduce_prod", (BOOLS,), {"axes": (0,)}, DtypeError, "reduce_prod takes .* operands, not bool"),
    ErrorCase("reduce_max", (EMPTY,), {"axes": (0,)}, ShapeError, r"f64\[0,3\] is empty along axes \(0,\)"),
    ErrorCase("reduce_min", (EMPTY,), {"axes": (0, 1)}, ShapeError, "reduce_min of no elements has no value"),
    ErrorCase(
        "reduce_and", (X,), {"axes": (0,)}, DtypeError, "reduce_and takes .* integer operands, not f64"
    ),
    ErrorCase("reduce_or", (X,), {"axes": (0,)}, DtypeError, "reduce_or takes .* integer operands, not f64"),
    ErrorCase(
        "reduce_xor", (X,), {"axes": (0,)}, DtypeError, "reduce_xor takes .* integer operands, not f64"
    ),
    ErrorCase("argmax", (EMPTY,), {"axes": (0,), **INDEX}, ShapeError, "argmax of no elements has no value"),
    ErrorCase("argmax", (X,), {"axes": (0, 1), **INDEX}, ShapeError, "it looks along one axis"),
    ErrorCase("argmax", (X,), {"axes": (0,), "index_dtype": F32}, DtypeError, "indices are integers"),
    ErrorCase("argmin", (X,), {"axes": (2,), **INDEX}, ShapeError, r"argmin: axes \(2,\) do not exist"),
]
