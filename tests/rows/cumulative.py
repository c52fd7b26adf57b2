"""Rows of the primitives in ``jaxlite/ops/cumulative.py``."""

import numpy as np

from jaxlite.errors import DtypeError, ShapeError
from tests.cases import Case, ErrorCase

F32, F16, I64, I8 = (np.dtype(t) for t in ("f4", "f2", "i8", "i1"))

X = np.array([[-2.5, -0.7, 0.1], [0.6, 1.3, 3.2]])
UP_AND_DOWN = np.array([0.3, 1.7, -0.4, 0.9, 2.2, 1.1])
BOX = np.sin(np.arange(24.0)).reshape(2, 3, 4)
EMPTY = X[:0]
INTS = np.array([[3, -1, 7], [5, 0, -4]])
COMPLEX = X + 1j * X[::-1]
ZEROS = np.array([2.0, 0.0, 3.0, 0.0, 4.0])
TIES = np.array([1.0, 2.0, 2.0, 1.0, 2.0, 3.0])
NANS = np.array([1.0, np.nan, 2.0])
INFINITE = np.array([-np.inf, 0.0, np.inf, 1.0])
SCALAR = np.float64(1.0)


def cumulative(name, ufunc, also=(), special=()):
    """Rows of a cumulative operation."""

    @np.errstate(invalid="ignore")
    def reference(x, axis, reverse):
        x = np.flip(x, axis) if reverse else x
        out = ufunc.accumulate(x, axis=axis, dtype=x.dtype)
        return np.flip(out, axis) if reverse else out

    def row(x, axis=0, reverse=False, label="", **options):
        label = f"{label}{axis}{'reverse' if reverse else ''}"
        return Case(name, (x,), {"axis": axis, "reverse": reverse}, reference, label=label, **options)

    return [
        *(row(UP_AND_DOWN, reverse=reverse) for reverse in (False, True)),
        *(row(X, axis, reverse) for axis in (0, 1) for reverse in (False, True)),
        row(BOX, 1),
        row(X[:1]),
        row(EMPTY, 0),
        row(EMPTY, 1, True),
        row(X.astype(F32), 1, order=1),
        row(X.astype(F16), 1, derivatives=None),
        *(row(x, label=f"also {i} ") for i, x in enumerate(also)),
        *(
            row(x, label=f"special {i} ", derivatives=None)
            for i, x in enumerate((*special, TIES, NANS, INFINITE))
        ),
    ]


def linear_recurrence(factor, addend, axis, reverse):
    """By matrices: z = (1 - shifted factors)⁻¹·addend, one line at a time."""

    def line(factor_and_addend):
        f, g = np.split(factor_and_addend, 2)
        f, g = (f[::-1], g[::-1]) if reverse else (f, g)
        z = np.linalg.solve(np.eye(len(f)) - np.diag(f[1:], -1), g)
        return z[::-1] if reverse else z

    if not addend.size:
        return addend
    both = np.concatenate([factor, addend], axis)
    return np.apply_along_axis(line, axis, both).astype(addend.dtype)


def recurrence_row(factor, addend, axis=0, reverse=False, **options):
    label = f"{axis}{'reverse' if reverse else ''}"
    params = {"axis": axis, "reverse": reverse}
    return Case("linear_recurrence", (factor, addend), params, linear_recurrence, label=label, **options)


ROWS = [
    *cumulative("cumsum", np.add, [COMPLEX, INTS, INTS.astype(I8)]),
    *cumulative("cumprod", np.multiply, [COMPLEX, INTS, INTS.astype(I8), ZEROS, ZEROS[1:2]]),
    *cumulative("cummax", np.maximum, [COMPLEX, INTS, INTS.astype(I8)]),
    *cumulative("cummin", np.minimum, [COMPLEX, INTS, INTS.astype(I8)]),
    *cumulative("cumlogsumexp", np.logaddexp, special=[X * 1000]),
    *(recurrence_row(X, np.cos(X), axis, reverse) for axis in (0, 1) for reverse in (False, True)),
    recurrence_row(BOX, np.cos(BOX), 1),
    recurrence_row(X.astype(F32), X.astype(F32), 1, order=1),
    recurrence_row(COMPLEX, COMPLEX[::-1], 1, True),
    recurrence_row(X[:1], X[1:]),
    recurrence_row(EMPTY, EMPTY),
    recurrence_row(EMPTY, EMPTY, 1),
]

PARAMS = {"axis": 0, "reverse": False}
NAMES = ("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp")
ERRORS = [
    *(
        ErrorCase(name, (SCALAR,), PARAMS, ShapeError, rf"{name}: axis 0 does not exist in f64\[\]")
        for name in NAMES
    ),
    *(ErrorCase(name, (X > 0,), PARAMS, DtypeError, f"{name} takes .* operands, not bool") for name in NAMES),
    ErrorCase("cumlogsumexp", (INTS,), PARAMS, DtypeError, "cumlogsumexp takes floating operands, not i64"),
    ErrorCase("linear_recurrence", (X, X[0]), PARAMS, ShapeError, "their shapes must be equal"),
    ErrorCase("linear_recurrence", (X, X.astype(F32)), PARAMS, DtypeError, "operands of one dtype"),
    ErrorCase(
        "linear_recurrence", (INTS, INTS), PARAMS, DtypeError, "takes floating, complex operands, not i64"
    ),
    ErrorCase("linear_recurrence", (SCALAR, SCALAR), PARAMS, ShapeError, "axis 0 does not exist"),
]
