"""Schur and Hessenberg forms, Sylvester's equation of triangles, and the order of columns of a pivoted QR.

    t:f64[3,3] z:f64[3,3] = schur a
    h:f64[3,3] q:f64[3,3] = hessenberg a
    x:f64[3,2] = triangular_sylvester[adjoint_a=False] t s c
    p:i32[2] = column_pivots a

Operands are stacks of matrices, as everywhere in linear algebra. What ``jaxlite.scipy.linalg`` computes with these is
composed of them.
"""

from __future__ import annotations

import numpy as np

from jaxlite.errors import RuleError, ShapeError
from jaxlite.ir import ShapedArray
from jaxlite.lowering import Library
from jaxlite.ops.elementwise import neg
from jaxlite.ops.families import sum_terms
from jaxlite.ops.linalg import (
    adjoint,
    check_dtypes,
    check_matrix,
    check_square,
    conjugated,
    each_or_nan,
    lapack,
    matmul,
    room_by_query,
    stack_front,
    upper_triangle,
)
from jaxlite.ops.structural import bind_checked, move_dim
from jaxlite.primitive import NOT_LINEAR, PURE, RECORD, Primitive, Zero, is_linear, zero_tangent
from jaxlite.trace import aval_of


def room(routine: str, dtype: np.dtype, *shape: int) -> int:
    """Ask LAPACK for the workspace of a routine that has no query of its own: `room_by_query` is for the others.

    Parameters
    ----------
    routine : {"gees", "geqp3"}
    dtype : dtype
    *shape : int
        Of the matrix.

    Returns
    -------
    int
        In elements.
    """
    chooses = (_choose,) if routine == "gees" else ()
    return int(lapack(routine, dtype)(*chooses, np.empty(shape, dtype), lwork=-1)[-2][0].real)


def _choose(*eigenvalue):
    """Nothing is selected, but SciPy's form of gees asks by what."""


# --- schur ------------------------------------------------------------------------------------------


def _two_matrices(name: str):
    def abstract_eval(a):
        check_square(name, a)
        check_dtypes(name, a)
        return a.strip_weak_type(), a.strip_weak_type()

    return abstract_eval


def _no_derivative(name: str, why: str):
    def jvp(primals, tangents):
        raise RuleError(
            f"{name} of a matrix of type {aval_of(primals[0])} cannot be differentiated.",
            why=why,
            fix="keep it constant: jaxlite.lax.stop_gradient; or differentiate what does not depend on the factors.",
        )

    return jvp


_schur_abstract_eval = _two_matrices("schur")
_schur_jvp = _no_derivative(
    "schur", "the order of the eigenvalues and the phases of the vectors are LAPACK's choice."
)


def _schur_impl(a):
    gees = lapack("gees", a.dtype)

    def factor(a):
        t, z = np.empty_like(a), np.empty_like(a)
        for i in np.ndindex(a.shape[:-2]):
            if a[i].size:
                t[i], z[i] = _schur_of_one(gees, a[i])
        return t, z

    return each_or_nan(factor, a, _schur_abstract_eval(aval_of(a)))


def _schur_of_one(gees, a):
    if not np.isfinite(a).all():
        raise np.linalg.LinAlgError
    t, *_, z, _, info = gees(_choose, a, lwork=room("gees", a.dtype, *a.shape))
    if info:
        raise np.linalg.LinAlgError
    return t, z


def _schur_batch(axis, args, dims):
    return schur(move_dim(args[0], dims[0], 0)), (0, 0)


schur_p = Primitive(
    name="schur",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_schur_abstract_eval,
    impl=_schur_impl,
    jvp=_schur_jvp,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_schur_batch,
    lower=Library("gees"),
    doc="A = Z·T·Zᴴ, Z unitary, T upper triangular; of real A with blocks of two rows for complex eigenvalues",
)


def schur(a):
    """Factor a square matrix into a unitary matrix and a triangle.

    Parameters
    ----------
    a : array [..., n, n]

    Returns
    -------
    t : array [..., n, n]
        Upper triangular; of a real matrix, a pair of complex eigenvalues is a block of two rows on the diagonal.
    z : array [..., n, n]
        ``a = z @ t @ zᴴ``. Both are nan where LAPACK does not converge, and where ``a`` is not finite.
    """
    return bind_checked(schur_p, a)


# --- hessenberg -------------------------------------------------------------------------------------

_hessenberg_abstract_eval = _two_matrices("hessenberg")
_hessenberg_jvp = _no_derivative("hessenberg", "signs and phases of its vectors are LAPACK's choice.")


def _hessenberg_impl(a):
    n = a.shape[-1]
    h, q = np.array(a), np.empty_like(a)
    q[...] = np.eye(n, dtype=a.dtype)
    if n > 2:
        gehrd, orghr = (lapack(name, a.dtype) for name in ("gehrd", "orghr"))
        for i in np.ndindex(a.shape[:-2]):
            factors, tau, _ = gehrd(a[i], lwork=room_by_query("gehrd", a.dtype, n))
            h[i] = np.triu(factors, -1)
            q[i], _ = orghr(factors, tau, lwork=room_by_query("orghr", a.dtype, n))
    return h, q


def _hessenberg_batch(axis, args, dims):
    return hessenberg(move_dim(args[0], dims[0], 0)), (0, 0)


hessenberg_p = Primitive(
    name="hessenberg",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_hessenberg_abstract_eval,
    impl=_hessenberg_impl,
    jvp=_hessenberg_jvp,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_hessenberg_batch,
    lower=Library("gehrd"),
    doc="A = Q·H·Qᴴ, Q unitary, H zero below its first subdiagonal",
)


def hessenberg(a):
    """Factor a square matrix into a unitary matrix and one that is zero below its first subdiagonal.

    Parameters
    ----------
    a : array [..., n, n]

    Returns
    -------
    h, q : array [..., n, n]
        ``a = q @ h @ qᴴ``
    """
    return bind_checked(hessenberg_p, a)


# --- triangular_sylvester ---------------------------------------------------------------------------


def _triangular_sylvester_abstract_eval(a, b, c, *, adjoint_a):
    for aval in (a, b):
        check_square("triangular_sylvester", aval)
    check_dtypes("triangular_sylvester", a, b, c)
    if c.shape != (*a.shape[:-1], b.shape[-1]) or a.shape[:-2] != b.shape[:-2]:
        raise ShapeError(
            f"triangular_sylvester: operands have types {a}, {b} and {c}.",
            why="they are [..., m, m], [..., n, n] and [..., m, n], in stacks of equal shapes.",
        )
    return (c.strip_weak_type(),)


def _triangular_sylvester_impl(a, b, c, *, adjoint_a):
    trsyl = lapack("trsyl", c.dtype)
    operations = {"trana": "C" if adjoint_a else "N", "tranb": "N" if adjoint_a else "C"}
    out = np.empty_like(c)
    for i in np.ndindex(c.shape[:-2]):
        if c[i].size:
            x, scale, _ = trsyl(a[i], b[i], c[i], **operations)
            out[i] = scale * x
    return (out,)


def _triangular_sylvester_jvp(primals, tangents, *, adjoint_a):
    # A·X + X·Bᴴ = C  =>  A·Ẋ + Ẋ·Bᴴ = Ċ - Ȧ·X - X·Ḃᴴ; what is not read of A and B has no tangent either.
    (a, b, _), (a_dot, b_dot, c_dot) = primals, tangents
    x = triangular_sylvester(*primals, adjoint_a)
    below = 0 if aval_of(a).dtype.kind == "c" else -1
    terms = [] if type(c_dot) is Zero else [c_dot]
    if type(a_dot) is not Zero:
        a_dot = upper_triangle(a_dot, below)
        terms.append(neg(matmul(_adjoint_if(adjoint_a, a_dot), x)))
    if type(b_dot) is not Zero:
        b_dot = upper_triangle(b_dot, below)
        terms.append(neg(matmul(x, _adjoint_if(not adjoint_a, b_dot))))
    return (x,), (triangular_sylvester(a, b, sum_terms(terms, x), adjoint_a),)


def _adjoint_if(condition: bool, x):
    return adjoint(x) if condition else x


def _triangular_sylvester_transpose(cts, a, b, c, *, adjoint_a):
    if is_linear(a) or is_linear(b):
        return NOT_LINEAR
    # Aᵀ·Y + Y·conj(B) = C̄ is the conjugate of an equation with Aᴴ and B.
    return None, None, conjugated(triangular_sylvester(a, b, conjugated(cts[0]), not adjoint_a))


def _triangular_sylvester_batch(axis, args, dims, *, adjoint_a):
    return (triangular_sylvester(*stack_front(axis.size, args, dims), adjoint_a),), (0,)


triangular_sylvester_p = Primitive(
    name="triangular_sylvester",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_triangular_sylvester_abstract_eval,
    impl=_triangular_sylvester_impl,
    jvp=_triangular_sylvester_jvp,
    partial_eval=RECORD,
    transpose=_triangular_sylvester_transpose,
    batch=_triangular_sylvester_batch,
    lower=Library("trsyl"),
    doc="A·X + X·Bᴴ = C (adjoint_a: Aᴴ·X + X·B = C);  A·Ẋ + Ẋ·Bᴴ = Ċ - Ȧ·X - X·Ḃᴴ",
)


def triangular_sylvester(a, b, c, adjoint_a: bool = False):
    """Solve ``a @ x + x @ bᴴ = c`` for matrices in the form that `schur` gives.

    Parameters
    ----------
    a : array [..., m, m]
    b : array [..., n, n]
    c : array [..., m, n]
    adjoint_a : bool
        Whether to solve ``aᴴ @ x + x @ b = c`` instead.

    Returns
    -------
    array [..., m, n]
        Where ``a`` and ``-bᴴ`` have a common eigenvalue, LAPACK changes it a little.
    """
    return bind_checked(triangular_sylvester_p, a, b, c, adjoint_a=bool(adjoint_a))


# --- column_pivots ----------------------------------------------------------------------------------

_PIVOT_DTYPE = np.dtype(np.int32)


def _column_pivots_abstract_eval(a):
    check_matrix("column_pivots", a)
    return (ShapedArray((*a.shape[:-2], a.shape[-1]), _PIVOT_DTYPE),)


def _column_pivots_impl(a):
    out = np.empty((*a.shape[:-2], a.shape[-1]), _PIVOT_DTYPE)
    out[...] = np.arange(a.shape[-1])
    if a.shape[-2] and a.shape[-1]:
        geqp3 = lapack("geqp3", a.dtype)
        for i in np.ndindex(a.shape[:-2]):
            # LAPACK counts from 1.
            out[i] = geqp3(a[i], lwork=room("geqp3", a.dtype, *a.shape[-2:]))[1] - 1
    return (out,)


def _column_pivots_batch(axis, args, dims):
    return (column_pivots(move_dim(args[0], dims[0], 0)),), (0,)


column_pivots_p = Primitive(
    name="column_pivots",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_column_pivots_abstract_eval,
    impl=_column_pivots_impl,
    jvp=zero_tangent,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_column_pivots_batch,
    lower=Library("geqp3"),
    doc="the permutation p for which the diagonal of R falls in A[:, p] = Q·R",
)


def column_pivots(a):
    """Return the order of columns in which a QR factorisation takes the longest of those that are left.

    Parameters
    ----------
    a : array [..., m, n]

    Returns
    -------
    int32 array [..., n]
    """
    return bind_checked(column_pivots_p, a)
