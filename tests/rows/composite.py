"""Rows of the primitives in ``jaxlite/ops/composite.py``."""

import numpy as np

from jaxlite.errors import DtypeError
from tests.cases import Case, ErrorCase

X = np.array([-3.0, -0.5, 0.25, 2.0])
Y = np.array([1.5, -0.5, -4.0, 2.5])

ROWS = [
    Case("logaddexp", (X, Y), reference=np.logaddexp),
    Case("logaddexp", (X.astype(np.float32), Y.astype(np.float32)), reference=np.logaddexp),
    Case("logaddexp", (X, np.float64(0.0)), reference=np.logaddexp),
    Case("logaddexp", (np.float64(1.0), np.float64(1.0)), reference=np.logaddexp),
    Case("logaddexp", (np.zeros((0, 2)), np.zeros((0, 2))), reference=np.logaddexp),
    Case(
        "logaddexp",
        (np.array([-np.inf, 0.0, np.inf, np.nan, 1000.0]), np.array([-np.inf, -np.inf, 1.0, 0.0, 1000.0])),
        reference=np.logaddexp,
        derivatives=None,
        label="infinite",
    ),
    Case("hypot", (X, Y), reference=np.hypot),
    Case("hypot", (X.astype(np.float32), Y.astype(np.float32)), reference=np.hypot),
    Case("hypot", (np.float64(3.0), Y), reference=np.hypot),
    Case("hypot", (np.float64(3.0), np.float64(-4.0)), reference=np.hypot),
    Case("hypot", (np.zeros((2, 0)), np.zeros((2, 0))), reference=np.hypot),
    Case(
        "hypot",
        (np.array([0.0, 1e300, np.inf]), np.array([0.0, 1e300, np.nan])),
        reference=np.hypot,
        derivatives=None,
        label="extreme",
    ),
]

ERRORS = [
    ErrorCase("logaddexp", (np.arange(3), np.arange(3)), {}, DtypeError, "logaddexp takes floating operands"),
    ErrorCase("hypot", (np.arange(3), np.arange(3)), {}, DtypeError, "hypot takes floating operands"),
]
