"""Rows of the primitives in ``jaxlite/ops/special.py``."""

import numpy as np
from scipy import special

from jaxlite.errors import DtypeError
from tests.cases import Case, ErrorCase

ANYWHERE = np.array([[-2.5, -0.7, 0.1], [0.6, 1.3, 3.2]])
INSIDE_ONE = np.array([[-0.9, -0.3, 0.05], [0.2, 0.5, 0.8]])
# Away from the poles at 0, -1, -2 …
OFF_POLES = np.array([[-1.6, -0.5, 0.4], [0.9, 2.5, 7.0]])
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, -2.0, 1e-300, 30.0, -30.0, np.inf, -np.inf, np.nan])


def differentiable(name, reference, x):
    return [
        Case(name, (x,), reference=reference),
        Case(name, (x[0].astype(np.float32),), reference=reference, order=1),
        Case(name, (x[1, 1],), reference=reference),
        Case(name, (x[:0],), reference=reference),
        Case(name, (SPECIAL,), reference=reference, derivatives=None, label="special"),
        Case(name, (np.array([0.25, 0.5], np.float16),), derivatives=None,
             reference=lambda x: reference(x.astype(np.float32)).astype(np.float16)),
    ]  # fmt: skip


def hypergeometric(name, reference, parameters):
    """Return rows of a function that has no derivative by its parameters."""
    numbers = [np.float64(p) for p in (0.7, 1.6, 2.3)[-parameters:]]
    arrays = [np.full((2, 3), p) for p in numbers]
    x = np.array([[-3.2, -0.7, 0.1], [0.3, 0.6, 0.8]])
    last = (parameters,)
    edges = [np.repeat(p, 4) for p in numbers]
    return [
        Case(name, (*arrays, x), reference=reference, derivatives=last),
        Case(name, (*numbers, x), reference=reference, derivatives=last, label="numbers"),
        Case(name, (*[a.astype(np.float32) for a in arrays], x.astype(np.float32)), reference=reference,
             derivatives=last, order=1),
        Case(name, (*[a[:0] for a in arrays], x[:0]), reference=reference, derivatives=last),
        Case(name, (*edges, np.array([0.0, 1.0, -np.inf, np.nan])), reference=reference, derivatives=None,
             label="special"),
    ]  # fmt: skip


ROWS = [
    *differentiable("erf", special.erf, ANYWHERE),
    *differentiable("erfc", special.erfc, ANYWHERE),
    *differentiable("erf_inv", special.erfinv, INSIDE_ONE),
    *differentiable("lgamma", special.gammaln, OFF_POLES),
    *differentiable("digamma", special.psi, OFF_POLES),
    Case("polygamma", (np.float64(1.0), OFF_POLES), reference=special.polygamma, derivatives=(1,)),
    Case(
        "polygamma",
        (np.array([0.0, 1.0, 4.0]), np.array([0.5, 2.5, 7.0])),
        reference=special.polygamma,
        derivatives=(1,),
    ),
    Case("polygamma", (np.array([1.0, 2.0]), np.float64(0.7)), reference=special.polygamma, derivatives=(1,)),
    Case(
        "polygamma",
        (np.float32(2.0), np.float32(1.5)),
        reference=lambda m, x: special.polygamma(2, 1.5).astype(np.float32),
        derivatives=(1,),
        order=1,
    ),
    Case("polygamma", (np.float64(1.0), np.zeros((0, 2))), reference=special.polygamma, derivatives=(1,)),
    *hypergeometric("hyp1f1", special.hyp1f1, 2),
    *hypergeometric("hyp2f1", special.hyp2f1, 3),
]

ERRORS = [
    ErrorCase("erf", (np.arange(3),), {}, DtypeError, "erf takes floating operands, not i64"),
    ErrorCase(
        "hyp1f1", (ANYWHERE, ANYWHERE, ANYWHERE + 0j), {}, DtypeError, "hyp1f1 takes floating operands"
    ),
    ErrorCase("hyp2f1", (np.arange(2),) * 4, {}, DtypeError, "hyp2f1 takes floating operands, not i64"),
    ErrorCase("lgamma", (ANYWHERE + 0j,), {}, DtypeError, "lgamma takes floating operands, not c128"),
]
