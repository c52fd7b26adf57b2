"""Factorisations as LAPACK leaves them, in Householder's reflections, and the products of such reflections.

    r:f64[5,3] tau:f64[3] = geqrf a
    q:f64[5,3] = householder_product r tau
    y:f64[5,2] = ormqr[left=True transpose=True] r tau c
    h:f64[4,4] tau:f64[3] = gehrd a
    t:f64[4,4] d:f64[4] e:f64[3] tau:f64[3] = tridiagonal[lower=True] a

A reflection is H = 1 - τ·v·vᴴ, where v is zero above some element, 1 there, and stands in the matrix below it. Routines
have the workspace that they ask for, here and in machine code: blocks depend on it, and rounding with them.
"""

from __future__ import annotations

import numpy as np

from jaxlite.dtypes import real_dtype
from jaxlite.errors import RuleError, ShapeError
from jaxlite.ir import ShapedArray
from jaxlite.lowering import Library
from jaxlite.ops.linalg import (
    check_dtypes,
    check_matrix,
    check_square,
    conjugated,
    lapack,
    room_by_query,
    stack_front,
)
from jaxlite.ops.structural import bind_checked
from jaxlite.primitive import NOT_LINEAR, PURE, RECORD, Primitive, Zero, is_linear
from jaxlite.trace import aval_of


def room_of_product(dtype: np.dtype, m: int, n: int, k: int) -> int:
    """Ask LAPACK for the workspace of orgqr, in elements."""
    _, work, _ = lapack("orgqr", dtype)(np.empty((m, n), dtype, "F"), np.empty(k, dtype), lwork=-1)
    return max(int(work[0].real), 1)


def room_of_ormqr(
    dtype: np.dtype, rows: int, shape: tuple[int, int], k: int, left: bool, adjoint: bool
) -> int:
    """Ask LAPACK for the workspace of ormqr on matrices of a shape, in elements."""
    factors, tau, c = np.empty((rows, k), dtype, "F"), np.empty(k, dtype), np.empty(shape, dtype, "F")
    _, work, _ = lapack("ormqr", dtype)(side_of(left), operation_of(dtype, adjoint), factors, tau, c, -1)
    return max(int(work[0].real), 1)


def side_of(left: bool) -> str:
    """Return LAPACK's letter."""
    return "L" if left else "R"


def operation_of(dtype: np.dtype, adjoint: bool) -> str:
    """Return LAPACK's letter: the adjoint has another name where matrices are real."""
    return ("C" if dtype.kind == "c" else "T") if adjoint else "N"


def tridiagonal_routine(dtype: np.dtype) -> str:
    """Return LAPACK's name, which complex matrices have another of."""
    return "hetrd" if dtype.kind == "c" else "sytrd"


def _no_derivative(name: str):
    def jvp(primals, tangents, **params):
        raise RuleError(
            f"{name} of operands of type {', '.join([str(aval_of(x)) for x in primals])} cannot be differentiated.",
            why="it has reflections as LAPACK chooses them.",
            fix='use jaxlite.numpy.linalg.qr(x, mode="complete"), jaxlite.numpy.linalg.eigh(x), '
            "or keep it constant: jaxlite.lax.stop_gradient(x).",
        )

    return jvp


def _each_to_front(bind):
    def batch(axis, args, dims, **params):
        outs = bind(*stack_front(axis.size, args, dims), **params)
        return (outs, (0,) * len(outs)) if isinstance(outs, tuple) else ((outs,), (0,))

    return batch


# --- geqrf ------------------------------------------------------------------------------------------


def _geqrf_abstract_eval(a):
    check_matrix("geqrf", a)
    *stack, m, n = a.shape
    return a.strip_weak_type(), ShapedArray((*stack, min(m, n)), a.dtype)


def _geqrf_impl(a):
    *stack, m, n = a.shape
    factors, tau = np.empty_like(a), np.empty((*stack, min(m, n)), a.dtype)
    if a.size:
        geqrf, size = lapack("geqrf", a.dtype), room_by_query("geqrf", a.dtype, m, n)
        for i in np.ndindex(*stack):
            factors[i], tau[i], *_ = geqrf(a[i], lwork=size)
    return factors, tau


def geqrf(a):
    """Factor a matrix into reflections and an upper triangle, as LAPACK's routine does.

    Parameters
    ----------
    a : array [..., m, n]

    Returns
    -------
    factors : array [..., m, n]
        The upper triangle, and below it the vectors of the reflections.
    tau : array [..., min(m, n)]
        The factors of the reflections.
    """
    return bind_checked(geqrf_p, a)


geqrf_p = Primitive(
    name="geqrf",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_geqrf_abstract_eval,
    impl=_geqrf_impl,
    jvp=_no_derivative("geqrf"),
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_each_to_front(geqrf),
    lower=Library("geqrf"),
    doc="A = H₁·…·H_k·R; R in the upper triangle, the vectors of H below it",
)


# --- gehrd ------------------------------------------------------------------------------------------


def _gehrd_abstract_eval(a):
    check_square("gehrd", a)
    check_dtypes("gehrd", a)
    return a.strip_weak_type(), ShapedArray((*a.shape[:-2], max(a.shape[-1] - 1, 0)), a.dtype)


def _gehrd_impl(a):
    n = a.shape[-1]
    factors, tau = np.array(a), np.zeros((*a.shape[:-2], max(n - 1, 0)), a.dtype)
    if n > 1:
        routine, size = lapack("gehrd", a.dtype), room_by_query("gehrd", a.dtype, n)
        for i in np.ndindex(a.shape[:-2]):
            factors[i], tau[i], _ = routine(a[i], lwork=size)
    return factors, tau


def gehrd(a):
    """Reduce a square matrix to Hessenberg's form by reflections, as LAPACK's routine does.

    Parameters
    ----------
    a : array [..., n, n]

    Returns
    -------
    factors : array [..., n, n]
        The upper triangle and the first diagonal below it; further below, the vectors of the reflections.
    tau : array [..., n - 1]
        The factors of the reflections.
    """
    return bind_checked(gehrd_p, a)


gehrd_p = Primitive(
    name="gehrd",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_gehrd_abstract_eval,
    impl=_gehrd_impl,
    jvp=_no_derivative("gehrd"),
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_each_to_front(gehrd),
    lower=Library("gehrd"),
    doc="A = Q·H·Qᴴ, Q = H₁·…·H_{n-1}; H down to its first subdiagonal, the vectors of H_i below it",
)


# --- tridiagonal ------------------------------------------------------------------------------------


def _tridiagonal_abstract_eval(a, *, lower):
    check_square("tridiagonal", a)
    check_dtypes("tridiagonal", a)
    if not a.shape[-1]:
        raise ShapeError(f"tridiagonal: operand has type {a}.", why="a matrix without rows has no diagonals.")
    *stack, n, _ = a.shape
    real = real_dtype(a.dtype)
    beside = (*stack, n - 1)
    diagonals = ShapedArray((*stack, n), real), ShapedArray(beside, real)
    return a.strip_weak_type(), *diagonals, ShapedArray(beside, a.dtype)


def _tridiagonal_impl(a, *, lower):
    avals = _tridiagonal_abstract_eval(aval_of(a), lower=lower)
    outs = tuple(np.empty(aval.shape, aval.dtype) for aval in avals)
    if a.size:
        name = tridiagonal_routine(a.dtype)
        size = room_by_query(name, a.dtype, a.shape[-1], lower=lower)
        for i in np.ndindex(a.shape[:-2]):
            *results, _ = lapack(name, a.dtype)(a[i], lower=lower, lwork=size)
            for out, result in zip(outs, results, strict=True):
                out[i] = result
    return outs


def tridiagonal(a, lower: bool = True):
    """Reduce a Hermitian matrix to three diagonals by reflections, as LAPACK's routine does.

    Parameters
    ----------
    a : array [..., n, n]
    lower : bool
        Which triangle to read; the other one stays as it is.

    Returns
    -------
    factors : array [..., n, n]
        The diagonal and the first one beside it; further off, the vectors of the reflections.
    d : real array [..., n]
        The diagonal.
    e : real array [..., n - 1]
        The first diagonal beside it.
    tau : array [..., n - 1]
        The factors of the reflections.
    """
    return bind_checked(tridiagonal_p, a, lower=bool(lower))


tridiagonal_p = Primitive(
    name="tridiagonal",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_tridiagonal_abstract_eval,
    impl=_tridiagonal_impl,
    jvp=_no_derivative("tridiagonal"),
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_each_to_front(tridiagonal),
    lower=Library("sytrd"),
    doc="A = Q·T·Qᴴ, T of the diagonals d and e, Q the product of reflections whose vectors stand beside them",
)


# --- householder_product ----------------------------------------------------------------------------


def _check_reflections(name: str, a, taus):
    check_matrix(name, a)
    check_dtypes(name, a, taus)
    *stack, m, n = a.shape
    if taus.ndim != a.ndim - 1 or taus.shape[:-1] != tuple(stack) or taus.shape[-1] > min(m, n):
        raise ShapeError(
            f"{name}: reflections have types {a} and {taus}.",
            why="they are [..., m, n] and [..., k], where k is at most m and n, in stacks of equal shapes.",
        )


def _householder_product_abstract_eval(a, taus):
    _check_reflections("householder_product", a, taus)
    if a.shape[-2] < a.shape[-1]:
        raise ShapeError(
            f"householder_product: the vectors have type {a}.",
            why="a matrix with orthonormal columns has at least as many rows.",
        )
    return (a.strip_weak_type(),)


def _householder_product_impl(a, taus):
    out = np.empty_like(a)
    if a.size:
        orgqr, size = lapack("orgqr", a.dtype), room_of_product(a.dtype, *a.shape[-2:], taus.shape[-1])
        for i in np.ndindex(a.shape[:-2]):
            out[i], *_ = orgqr(a[i], taus[i], lwork=size)
    return (out,)


def householder_product(a, taus):
    """Return the first columns of a product of reflections.

    Parameters
    ----------
    a : array [..., m, n]
        The vectors of the reflections below its diagonal, m ≥ n.
    taus : array [..., k]
        The factors of the reflections, k ≤ n.

    Returns
    -------
    array [..., m, n]
        With orthonormal columns.
    """
    return bind_checked(householder_product_p, a, taus)


householder_product_p = Primitive(
    name="householder_product",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_householder_product_abstract_eval,
    impl=_householder_product_impl,
    jvp=_no_derivative("householder_product"),
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_each_to_front(householder_product),
    lower=Library("orgqr"),
    doc="the first n columns of H₁·…·H_k",
)


# --- ormqr ------------------------------------------------------------------------------------------


def _ormqr_abstract_eval(a, taus, c, *, left, transpose):
    _check_reflections("ormqr", a, taus)
    check_matrix("ormqr", c)
    check_dtypes("ormqr", a, c)
    if c.shape[:-2] != a.shape[:-2] or c.shape[-2 if left else -1] != a.shape[-2]:
        raise ShapeError(
            f"ormqr: reflections of {a.shape[-2]} elements do not fit {c} from the {'left' if left else 'right'}.",
            why="they are [..., m, n], and the matrix is [..., m, p] from the left, [..., p, m] from the right.",
        )
    return (c.strip_weak_type(),)


def _ormqr_impl(a, taus, c, *, left, transpose):
    out, k = np.array(c), taus.shape[-1]
    if c.size and k:
        ormqr, (rows, dtype) = lapack("ormqr", c.dtype), (a.shape[-2], c.dtype)
        size = room_of_ormqr(dtype, rows, c.shape[-2:], k, left, transpose)
        letters = side_of(left), operation_of(dtype, transpose)
        for i in np.ndindex(c.shape[:-2]):
            # LAPACK writes ones on the diagonal, for as long as it needs them.
            vectors = np.array(a[i][:, :k], order="F")
            out[i], *_ = ormqr(*letters, vectors, taus[i], c[i], size)
    return (out,)


def _ormqr_jvp(primals, tangents, **params):
    (a, taus, _), (a_dot, taus_dot, c_dot) = primals, tangents
    if not (type(a_dot) is Zero and type(taus_dot) is Zero):
        return _no_derivative("ormqr")(primals, tangents)
    return (ormqr(*primals, **params),), (ormqr(a, taus, c_dot, **params),)


def _ormqr_transpose(cts, a, taus, c, *, left, transpose):
    if is_linear(a) or is_linear(taus):
        return NOT_LINEAR
    # The transpose of Q is the conjugate of its adjoint.
    return None, None, conjugated(ormqr(a, taus, conjugated(cts[0]), left=left, transpose=not transpose))


def ormqr(a, taus, c, *, left: bool = True, transpose: bool = False):
    """Multiply a matrix by a product of reflections, one after the other.

    Parameters
    ----------
    a : array [..., m, n]
        The vectors of the reflections below its diagonal, as `geqrf` and ``numpy.linalg.qr(x, "raw")[0].mT`` have them.
    taus : array [..., k]
        The factors of the reflections.
    c : array [..., m, p] or [..., p, m]
    left : bool
        Whether ``Q`` stands on the left.
    transpose : bool
        Whether to multiply by the adjoint of ``Q``.

    Returns
    -------
    array
        ``Q @ c``, ``Qᴴ @ c``, ``c @ Q`` or ``c @ Qᴴ``.

    Notes
    -----
    It can be differentiated with respect to ``c``.
    """
    return bind_checked(ormqr_p, a, taus, c, left=bool(left), transpose=bool(transpose))


ormqr_p = Primitive(
    name="ormqr",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_ormqr_abstract_eval,
    impl=_ormqr_impl,
    jvp=_ormqr_jvp,
    partial_eval=RECORD,
    transpose=_ormqr_transpose,
    batch=_each_to_front(ormqr),
    lower=Library("ormqr"),
    doc="y = Q·c, Qᴴ·c, c·Q or c·Qᴴ with Q = H₁·…·H_k;  ẏ likewise of ċ",
)
