"""Rows of the primitive in ``jaxlite/ops/contraction.py``."""

import numpy as np

from jaxlite.errors import DtypeError, ShapeError
from tests.cases import Case, ErrorCase

RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((2, 3)), RNG.standard_normal((3, 4))
U, V = RNG.standard_normal(3), RNG.standard_normal(3)
STACK, OTHER = RNG.standard_normal((5, 2, 3)), RNG.standard_normal((3, 4, 5))
BOX = RNG.standard_normal((2, 3, 4, 2))
SCALAR = np.float64(1.5)
MATMUL = (((1,), (0,)), ((), ()))
OUTER = (((), ()), ((), ()))


def dot_general(lhs, rhs, dimension_numbers, preferred_element_type):
    (lhs_contract, rhs_contract), (lhs_batch, rhs_batch) = dimension_numbers
    lhs_labels, rhs_labels = list(range(lhs.ndim)), list(range(lhs.ndim, lhs.ndim + rhs.ndim))
    for i, j in zip((*lhs_contract, *lhs_batch), (*rhs_contract, *rhs_batch)):
        rhs_labels[j] = lhs_labels[i]
    out = [lhs_labels[i] for i in lhs_batch]
    out += [label for i, label in enumerate(lhs_labels) if i not in (*lhs_contract, *lhs_batch)]
    out += [label for j, label in enumerate(rhs_labels) if j not in (*rhs_contract, *rhs_batch)]
    dtype = preferred_element_type or lhs.dtype
    return np.einsum(lhs.astype(dtype), lhs_labels, rhs.astype(dtype), rhs_labels, out)


def row(lhs, rhs, dimension_numbers, preferred=None, label="", **options):
    params = {
        "dimension_numbers": dimension_numbers,
        "preferred_element_type": None if preferred is None else np.dtype(preferred),
    }
    return Case("dot_general", (lhs, rhs), params, dot_general, label=label, **options)


ROWS = [
    *(
        row((2 * A).astype(dtype), (2 * B).astype(dtype), MATMUL)
        for dtype in ("f8", "f4", "f2", "i8", "i1", "u1", "?")
    ),
    row(A + 1j * A[::-1], B - 1j, MATMUL),
    row((A + 1j).astype("c8"), (B - 2j).astype("c8"), MATMUL),
    row(U, V, (((0,), (0,)), ((), ()))),
    row(A, U, MATMUL),
    row(U, V, OUTER, label="outer"),
    row(U, V, (((), ()), ((0,), (0,))), label="elementwise"),
    row(SCALAR, A, OUTER),
    row(SCALAR, SCALAR, OUTER),
    row(STACK, OTHER, (((2,), (0,)), ((0,), (2,)))),
    row(STACK, OTHER, (((2, 0), (0, 2)), ((), ())), label="two pairs"),
    row(BOX, BOX, (((1,), (1,)), ((3, 0), (0, 3))), label="batch dimensions crossed"),
    row(BOX, STACK, (((1, 3), (2, 1)), ((), ())), label="contracted dimensions crossed"),
    row(A[:0], B, MATMUL),
    row(A[:, :0], B[:0], MATMUL, label="nothing to sum"),
    row(STACK[:0], OTHER[..., :0], (((2,), (0,)), ((0,), (2,)))),
    row(A.astype("f4"), B.astype("f4"), MATMUL, "f8", label="wider"),
    row(A.astype("f4"), B.astype("f4"), (((1,), (0,)), ((), ())), "f4", label="of its own dtype"),
    row((20 * A).astype("i1"), (20 * B).astype("i1"), MATMUL, "i4", label="wider"),
    row((20 * A).astype("u1"), (20 * B).astype("u1"), MATMUL, "f8", label="floating"),
]


def error(lhs, rhs, dimension_numbers, kind, match, preferred=None):
    params = {
        "dimension_numbers": dimension_numbers,
        "preferred_element_type": None if preferred is None else np.dtype(preferred),
    }
    return ErrorCase("dot_general", (lhs, rhs), params, kind, match)


ERRORS = [
    error(A, B, (((0,), (0,)), ((), ())), ShapeError, "dimension 0 of lhs has size 2, 0 of rhs has size 3"),
    error(
        A, B, (((0,), (0,)), ((), ())), ShapeError, r"types f64\[2,3\] and f64\[3,4\]; contracted .* \(0,\)"
    ),
    error(STACK, OTHER, (((2,), (0,)), ((0,), (1,))), ShapeError, "batch dimension 0 of lhs has size 5"),
    error(A, B, (((1,), ()), ((), ())), ShapeError, "contracted dimensions come in pairs"),
    error(A, B, (((1,), (0,)), ((), (1,))), ShapeError, "batch dimensions come in pairs"),
    error(A, B, (((2,), (0,)), ((), ())), ShapeError, "lhs has no dimension 2"),
    error(A, B, (((1,), (-1,)), ((), ())), ShapeError, "rhs has no dimension -1"),
    error(A, A, (((1, 1), (0, 1)), ((), ())), ShapeError, "a dimension of lhs is named twice"),
    error(A, A, (((1,), (1,)), ((0,), (1,))), ShapeError, "a dimension of rhs is named twice"),
    error(A, B.astype("f4"), MATMUL, DtypeError, "takes operands of one dtype"),
    error(A, B, MATMUL, DtypeError, "preferred_element_type f32 does not go with operands", "f4"),
    error(A, B, MATMUL, DtypeError, "of the operands' kind that is at least as wide", "c16"),
]
