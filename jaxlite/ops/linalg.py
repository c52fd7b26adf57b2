"""Dense linear algebra: cholesky, triangular_solve, lu and what is solved with them; qr, eigh, eig, svd.

    b:f64[3,3] = cholesky[symmetrize_input=True] a
    c:f64[3,3] d:i32[3] e:i32[3] = lu a
    f:f64[3,2] = solve_with_lu[transpose_a=False] a c d y
    v:f64[3,3] w:f64[3] = eigh[compute_v=True lower=True symmetrize_input=True] a

Operands are stacks of matrices: leading dimensions are independent problems, equal in all operands. What
cannot be factored or solved gives inf or nan, never an exception, so that compiled and eager code agree and
one bad matrix of a stack spoils nothing but itself. LAPACK comes from SciPy, imported at the first use.
"""

from __future__ import annotations

import functools

import numpy as np

from jaxlite.dtypes import complex_dtype, real_dtype
from jaxlite.errors import DtypeError, RuleError, ShapeError
from jaxlite.ir import ShapedArray
from jaxlite.lowering import Library
from jaxlite.ops.contraction import dot_general
from jaxlite.ops.elementwise import (
    abs,
    add,
    complex,
    conj,
    convert_element_type,
    div,
    eq,
    ge,
    imag,
    mul,
    neg,
    real,
    select_n,
    sub,
)
from jaxlite.ops.families import check_same_dtype, scalar_like, sum_terms
from jaxlite.ops.reductions import argmax, reduce_sum
from jaxlite.ops.sorting import put_along_dim_add, take_along_dim
from jaxlite.ops.structural import (
    bind_checked,
    broadcast_dim,
    broadcast_in_dim,
    concatenate,
    expand_dims,
    iota,
    move_dim,
    pad,
    reshape,
    slice_in_dim,
    squeeze,
    stop_gradient,
    transpose,
)
from jaxlite.primitive import NOT_LINEAR, PURE, RECORD, Primitive, Zero, is_linear
from jaxlite.trace import aval_of

_LAPACK_DTYPES = frozenset(map(np.dtype, ("float32", "float64", "complex64", "complex128")))
_PIVOT_DTYPE = np.dtype(np.int32)


@functools.cache
def _blas(routine: str, dtype: np.dtype):
    from scipy.linalg import get_blas_funcs

    return get_blas_funcs((routine,), dtype=dtype)[0]


@functools.cache
def lapack(routine: str, dtype: np.dtype):
    from scipy.linalg import get_lapack_funcs

    return get_lapack_funcs((routine,), dtype=dtype)[0]


def check_dtypes(name: str, *avals: ShapedArray) -> None:
    check_same_dtype(name, avals)
    if avals[0].dtype not in _LAPACK_DTYPES:
        raise DtypeError(
            f"{name}: operands have types {', '.join(map(str, avals))}.",
            why="LAPACK computes in f32, f64, c64 and c128.",
            fix="convert with x.astype(np.float64).",
        )


def check_square(name: str, a: ShapedArray) -> None:
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(
            f"{name}: operand has type {a}.", why="it must be a square matrix, or a stack of them."
        )


# --- matrices, in primitives ------------------------------------------------------------------------


def matmul(x, y):
    """Multiply stacks of matrices of equal stack shape."""
    ndim = len(aval_of(x).shape)
    stack = tuple(range(ndim - 2))
    return dot_general(x, y, (((ndim - 1,), (ndim - 2,)), (stack, stack)))


def _transposed(x):
    ndim = len(aval_of(x).shape)
    return transpose(x, (*range(ndim - 2), ndim - 1, ndim - 2))


def conjugated(x):
    return conj(x) if aval_of(x).dtype.kind == "c" else x


def adjoint(x):
    return conjugated(_transposed(x))


def _on_matrices(mask, x):
    """Broadcast a matrix over the stack of ``x``."""
    shape = aval_of(x).shape
    return broadcast_in_dim(mask, shape, (len(shape) - 2, len(shape) - 1))


def _places(shape):
    """Return the row and the column of each element of a matrix."""
    return iota(np.int64, shape, 0), iota(np.int64, shape, 1)


def _lower_triangle(x, diagonal: int = 0):
    """Keep what lies on or below a diagonal, as ``np.tril``."""
    rows, columns = _places(aval_of(x).shape[-2:])
    return select_n(_on_matrices(ge(add(rows, diagonal), columns), x), scalar_like(x, 0), x)


def upper_triangle(x, diagonal: int = 0):
    """Keep what lies on or above a diagonal, as ``np.triu``."""
    rows, columns = _places(aval_of(x).shape[-2:])
    return select_n(_on_matrices(ge(columns, add(rows, diagonal)), x), scalar_like(x, 0), x)


def _half_lower_triangle(x):
    """Keep the lower triangle and half of the diagonal: y + yᴴ = x for Hermitian x."""
    return _halve_diagonal(_lower_triangle(x))


def _halve_diagonal(x):
    rows, columns = _places(aval_of(x).shape[-2:])
    return select_n(_on_matrices(eq(rows, columns), x), x, mul(x, 0.5))


def _diagonal(x):
    """Return the diagonals of square matrices."""
    rows, columns = _places(aval_of(x).shape[-2:])
    kept = select_n(_on_matrices(eq(rows, columns), x), scalar_like(x, 0), x)
    return reduce_sum(kept, (len(aval_of(x).shape) - 1,))


def _on_diagonal(vector):
    """Return square matrices with these diagonals and zeros elsewhere."""
    *stack, n = aval_of(vector).shape
    rows, columns = _places((n, n))
    spread = _along_rows(vector, (*stack, n, n))
    return select_n(_on_matrices(eq(rows, columns), spread), scalar_like(vector, 0), spread)


def _along_rows(vector, shape):
    """Repeat a vector as the rows of matrices: multiplying by it scales columns."""
    last = len(shape) - 1
    return broadcast_in_dim(vector, shape, (*range(last - 1), last))


def _along_columns(vector, shape):
    """Repeat a vector as the columns of matrices: multiplying by it scales rows."""
    return broadcast_in_dim(vector, shape, tuple(range(len(shape) - 1)))


def _as_dtype(x, dtype):
    return x if aval_of(x).dtype == dtype else convert_element_type(x, dtype)


def each_or_nan(factor, a, avals) -> tuple:
    """Factor a stack; where LAPACK gives up, matrix by matrix, with nan for those that it cannot factor."""
    try:
        return factor(a)
    except np.linalg.LinAlgError:
        pass
    outs = tuple(np.full(aval.shape, np.nan, aval.dtype) for aval in avals)
    for i in np.ndindex(a.shape[:-2]):
        try:
            for out, result in zip(outs, factor(a[i]), strict=True):
                out[i] = result
        except np.linalg.LinAlgError:
            pass
    return outs


def _add_to_diagonal(x, first: int):
    """Add 1 to the diagonal from element ``first`` on."""
    rows, columns = _places(aval_of(x).shape[-2:])
    ones = convert_element_type(eq(rows, columns), aval_of(x).dtype)
    if first:
        ones = mul(ones, convert_element_type(ge(rows, first), aval_of(x).dtype))
    return add(x, _on_matrices(ones, x))


def _pad_matrices(x, rows: int, columns: int):
    """Append zero rows and columns."""
    ndim = len(aval_of(x).shape)
    return pad(x, 0, [(0, 0, 0)] * (ndim - 2) + [(0, rows, 0), (0, columns, 0)])


def stack_front(size: int, args, dims):
    """Bring the mapped dimension of operands of any rank to the front; operands without one get it."""
    return [
        broadcast_dim(x, 0, size) if d is None else move_dim(x, d, 0) for x, d in zip(args, dims, strict=True)
    ]


# --- cholesky ---------------------------------------------------------------------------------------


def _cholesky_abstract_eval(a, *, symmetrize_input):
    check_square("cholesky", a)
    check_dtypes("cholesky", a)
    return (a.strip_weak_type(),)


def _cholesky_impl(a, *, symmetrize_input):
    if symmetrize_input:
        a = (a + np.conj(np.swapaxes(a, -1, -2))) * a.dtype.type(0.5)
    try:
        return (np.linalg.cholesky(a),)
    except np.linalg.LinAlgError:
        pass
    out = np.empty(a.shape, a.dtype)
    for i in np.ndindex(a.shape[:-2]):
        try:
            out[i] = np.linalg.cholesky(a[i])
        except np.linalg.LinAlgError:
            out[i] = np.tril(np.full(a.shape[-2:], np.nan, a.dtype))
    return (out,)


def _cholesky_jvp(primals, tangents, *, symmetrize_input):
    (a,), (a_dot,) = primals, tangents
    ans = cholesky(a, symmetrize_input)
    # What is factored is y + yᴴ: of the whole input, or of its lower triangle alone. Differs from JAX, which
    # in the second case takes ȧ as it is and so is right for Hermitian ȧ only.
    y = mul(a_dot, 0.5) if symmetrize_input else _half_lower_triangle(a_dot)
    symmetric_dot = add(y, conjugated(_transposed(y)))
    right = triangular_solve(ans, symmetric_dot, lower=True, transpose_a=True, conjugate_a=True)
    both = triangular_solve(ans, right, left_side=True, lower=True)
    return (ans,), (matmul(ans, _half_lower_triangle(both)),)


def _cholesky_batch(axis, args, dims, *, symmetrize_input):
    return (cholesky(move_dim(args[0], dims[0], 0), symmetrize_input),), (0,)


cholesky_p = Primitive(
    name="cholesky",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_cholesky_abstract_eval,
    impl=_cholesky_impl,
    jvp=_cholesky_jvp,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_cholesky_batch,
    lower=Library("potrf"),
    doc="L·Lᴴ = A;  L̇ = L·Φ(L⁻¹·Ȧ·L⁻ᴴ), Φ the lower triangle with half of the diagonal",
)


def cholesky(a, symmetrize_input: bool = True):
    """Return the lower triangular factor of a Hermitian positive definite matrix.

    Parameters
    ----------
    a : array [..., n, n]
    symmetrize_input : bool
        Whether to factor (a + aᴴ)/2, which makes the derivative symmetric; otherwise only the lower triangle
        of ``a`` is read.

    Returns
    -------
    array [..., n, n]
        The factor; nan on and below the diagonal where the matrix is not positive definite.
    """
    return bind_checked(cholesky_p, a, symmetrize_input=bool(symmetrize_input))


# --- triangular_solve -------------------------------------------------------------------------------


def _triangular_solve_abstract_eval(a, b, *, left_side, lower, transpose_a, conjugate_a, unit_diagonal):
    check_square("triangular_solve", a)
    check_dtypes("triangular_solve", a, b)
    if b.ndim != a.ndim or a.shape[:-2] != b.shape[:-2] or b.shape[-2 if left_side else -1] != a.shape[-1]:
        raise ShapeError(
            f"triangular_solve: operands have types {a} and {b}, left_side={left_side}.",
            why="stacks must have equal shapes, and b as many rows (left_side) or columns as a.",
            fix="a vector b is a matrix of one column, b[:, None].",
        )
    return (b.strip_weak_type(),)


def _triangular_solve_impl(a, b, *, left_side, lower, transpose_a, conjugate_a, unit_diagonal):
    if not b.size:
        return (np.array(b),)
    if conjugate_a and not transpose_a:
        a = np.conj(a)
    # BLAS, not LAPACK's trtrs, which refuses singular matrices.
    trsm = _blas("trsm", b.dtype)
    options = {
        "side": not left_side,
        "lower": lower,
        "trans_a": 2 if transpose_a and conjugate_a else int(transpose_a),
        "diag": unit_diagonal,
    }
    out = np.empty(b.shape, b.dtype)
    for i in np.ndindex(b.shape[:-2]):
        out[i] = trsm(1.0, a[i], b[i], **options)
    return (out,)


def _triangular_solve_jvp(primals, tangents, **params):
    (a, b), (a_dot, b_dot) = primals, tangents
    ans = triangular_solve(a, b, **params)
    terms = [] if type(b_dot) is Zero else [b_dot]
    if type(a_dot) is not Zero:
        off = 1 if params["unit_diagonal"] else 0
        a_dot = _lower_triangle(a_dot, -off) if params["lower"] else upper_triangle(a_dot, off)
        a_dot = conjugated(a_dot) if params["conjugate_a"] else a_dot
        a_dot = neg(_transposed(a_dot) if params["transpose_a"] else a_dot)
        terms.append(matmul(a_dot, ans) if params["left_side"] else matmul(ans, a_dot))
    return (ans,), (triangular_solve(a, sum_terms(terms, ans), **params),)


def _triangular_solve_transpose(cts, a, b, *, transpose_a, **params):
    if is_linear(a):
        return NOT_LINEAR
    return None, triangular_solve(a, cts[0], transpose_a=not transpose_a, **params)


def _triangular_solve_batch(axis, args, dims, *, left_side, **params):
    (a, b), (a_dim, b_dim) = args, dims
    if a_dim is not None or len(aval_of(a).shape) > 2:
        a, b = stack_front(axis.size, args, dims)
        return (triangular_solve(a, b, left_side=left_side, **params),), (0,)
    # One matrix for all: a single solve with the right-hand sides side by side.
    b = move_dim(b, b_dim, 2 if left_side else 0)
    shape = aval_of(b).shape
    merged = (shape[0], shape[1] * shape[2]) if left_side else (shape[0] * shape[1], shape[2])
    out = triangular_solve(a, reshape(b, merged), left_side=left_side, **params)
    return (reshape(out, shape),), (2 if left_side else 0,)


triangular_solve_p = Primitive(
    name="triangular_solve",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_triangular_solve_abstract_eval,
    impl=_triangular_solve_impl,
    jvp=_triangular_solve_jvp,
    partial_eval=RECORD,
    transpose=_triangular_solve_transpose,
    batch=_triangular_solve_batch,
    lower=Library("trsm"),
    doc="op(A)·X = B (or X·op(A) = B);  op(A)·Ẋ = Ḃ - op(Ȧ)·X",
)


def triangular_solve(
    a,
    b,
    left_side: bool = False,
    lower: bool = False,
    transpose_a: bool = False,
    conjugate_a: bool = False,
    unit_diagonal: bool = False,
):
    """Solve ``op(a) @ x = b`` (left_side) or ``x @ op(a) = b`` for a triangular matrix.

    Parameters
    ----------
    a : array [..., n, n]
        Only one triangle is read.
    b : array [..., n, k] if ``left_side``, else [..., k, n]
    left_side : bool
        Which side of ``x`` the matrix stands on.
    lower : bool
        Which triangle of ``a`` to use.
    transpose_a, conjugate_a : bool
        Whether ``op`` transposes and conjugates.
    unit_diagonal : bool
        Whether to take the diagonal as ones without reading it.

    Returns
    -------
    array
        Of the shape of ``b``; inf or nan where ``a`` is singular.
    """
    return bind_checked(
        triangular_solve_p,
        a,
        b,
        left_side=bool(left_side),
        lower=bool(lower),
        transpose_a=bool(transpose_a),
        conjugate_a=bool(conjugate_a),
        unit_diagonal=bool(unit_diagonal),
    )


# --- lu ---------------------------------------------------------------------------------------------


def _lu_abstract_eval(a):
    check_dtypes("lu", a)
    if a.ndim < 2:
        raise ShapeError(f"lu: operand has type {a}.", why="it must be a matrix, or a stack of them.")
    *stack, m, n = a.shape
    pivots = ShapedArray((*stack, min(m, n)), _PIVOT_DTYPE)
    return a.strip_weak_type(), pivots, ShapedArray((*stack, m), _PIVOT_DTYPE)


def _lu_impl(a):
    *stack, m, n = a.shape
    lu = np.empty(a.shape, a.dtype)
    pivots = np.empty((*stack, min(m, n)), _PIVOT_DTYPE)
    permutation = np.empty((*stack, m), _PIVOT_DTYPE)
    permutation[...] = np.arange(m)
    if lu.size:
        getrf = lapack("getrf", a.dtype)
        for i in np.ndindex(*stack):
            lu[i], pivots[i], _ = getrf(a[i])
            rows = permutation[i]
            for row, other in enumerate(pivots[i].tolist()):
                rows[row], rows[other] = rows[other], rows[row]
    return lu, pivots, permutation


def _take_rows(x, permutation):
    shape = aval_of(x).shape
    rows = broadcast_in_dim(permutation, shape, tuple(range(len(shape) - 1)))
    return take_along_dim(x, rows, len(shape) - 2)


def _put_rows(x, permutation):
    shape = aval_of(x).shape
    rows = broadcast_in_dim(permutation, shape, tuple(range(len(shape) - 1)))
    return put_along_dim_add(x, rows, len(shape) - 2, shape[-2])


def _lu_jvp(primals, tangents):
    factors, pivots, permutation = lu(*primals)
    *stack, m, n = aval_of(factors).shape
    k = min(m, n)
    row, column = len(stack), len(stack) + 1
    # Both factors completed to square matrices by ones on the diagonal.
    lower = _lower_triangle(slice_in_dim(factors, 0, k, axis=column), -1)
    lower = _add_to_diagonal(_pad_matrices(lower, 0, m - k), 0)
    upper = upper_triangle(slice_in_dim(factors, 0, k, axis=row))
    upper = _pad_matrices(upper, n - k, 0)
    upper = _add_to_diagonal(upper, k) if n > k else upper
    moved = _take_rows(tangents[0], permutation)
    left = triangular_solve(lower, moved, left_side=True, lower=True, unit_diagonal=True)
    both = triangular_solve(upper, left)
    lower_dot = matmul(lower, _lower_triangle(both, -1))
    upper_dot = matmul(upper_triangle(both), upper)
    return (factors, pivots, permutation), (
        add(lower_dot, upper_dot),
        Zero.like(pivots),
        Zero.like(permutation),
    )


def _lu_batch(axis, args, dims):
    return lu(move_dim(args[0], dims[0], 0)), (0, 0, 0)


lu_p = Primitive(
    name="lu",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_lu_abstract_eval,
    impl=_lu_impl,
    jvp=_lu_jvp,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_lu_batch,
    lower=Library("getrf"),
    doc="A permuted = L·U;  L̇ = L·tril(M, -1), U̇ = triu(M)·U with M = L⁻¹·(Ȧ permuted)·U⁻¹",
)


def lu(a):
    """Factor a matrix into lower and upper triangle with partial pivoting.

    Parameters
    ----------
    a : array [..., m, n]

    Returns
    -------
    lu : array [..., m, n]
        ``U`` on and above the diagonal, ``L`` (whose diagonal is ones) below.
    pivots : i32[..., min(m, n)]
        Row ``i`` was exchanged with row ``pivots[i]``, one after the other.
    permutation : i32[..., m]
        ``a[permutation] == L @ U``.
    """
    return bind_checked(lu_p, a)


# --- solving with the factors -----------------------------------------------------------------------


def _solve_with_lu_abstract_eval(a, factors, pivots, b, *, transpose_a):
    check_square("solve_with_lu", a)
    check_dtypes("solve_with_lu", a, factors, b)
    if a.shape != factors.shape or pivots.shape != a.shape[:-1] or b.shape[:-1] != a.shape[:-1]:
        raise ShapeError(
            f"solve: operands have types {a} and {b}.",
            why="stacks must have equal shapes, and b as many rows as a.",
            fix="jnp.linalg.solve broadcasts stacks.",
        )
    return (b.strip_weak_type(),)


def _solve_with_lu_impl(a, factors, pivots, b, *, transpose_a):
    out = np.empty(b.shape, b.dtype)
    if out.size:
        # getrs does not check for zeros on the diagonal.
        getrs = lapack("getrs", b.dtype)
        for i in np.ndindex(b.shape[:-2]):
            out[i] = getrs(factors[i], pivots[i], b[i], trans=int(transpose_a))[0]
    return (out,)


def _solve_with_lu_jvp(primals, tangents, *, transpose_a):
    a, factors, pivots, b = primals
    a_dot, _, _, b_dot = tangents
    ans = solve_with_lu(a, factors, pivots, b, transpose_a)
    terms = [] if type(b_dot) is Zero else [b_dot]
    if type(a_dot) is not Zero:
        terms.append(matmul(neg(_transposed(a_dot) if transpose_a else a_dot), ans))
    if not terms:
        return (ans,), (Zero.like(ans),)
    return (ans,), (solve_with_lu(a, factors, pivots, sum_terms(terms, ans), transpose_a),)


def _solve_with_lu_transpose(cts, a, factors, pivots, b, *, transpose_a):
    if is_linear(a) or is_linear(factors):
        return NOT_LINEAR
    return None, None, None, solve_with_lu(a, factors, pivots, cts[0], not transpose_a)


def _solve_with_lu_batch(axis, args, dims, *, transpose_a):
    *matrix, b = args
    *matrix_dims, b_dim = dims
    if any(d is not None for d in matrix_dims) or len(aval_of(b).shape) > 3:
        return (solve_with_lu(*stack_front(axis.size, args, dims), transpose_a),), (0,)
    b = move_dim(b, b_dim, 2)
    n, k, size = aval_of(b).shape
    return (reshape(solve_with_lu(*matrix, reshape(b, (n, k * size)), transpose_a), (n, k, size)),), (2,)


solve_with_lu_p = Primitive(
    name="solve_with_lu",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_solve_with_lu_abstract_eval,
    impl=_solve_with_lu_impl,
    jvp=_solve_with_lu_jvp,
    partial_eval=RECORD,
    transpose=_solve_with_lu_transpose,
    batch=_solve_with_lu_batch,
    lower=Library("getrs"),
    doc="op(A)·X = B, given the factors of A;  op(A)·Ẋ = Ḃ - op(Ȧ)·X, with the same factors",
)


def solve_with_lu(a, lu, pivots, b, transpose_a: bool = False):
    """Solve ``a @ x = b`` (or with the transpose of ``a``) given the factors that `lu` made of ``a``.

    Derivatives go through ``a``; the factors count as constants, and serve derivatives of every order.
    """
    return bind_checked(solve_with_lu_p, a, lu, pivots, b, transpose_a=bool(transpose_a))


def solve(a, b):
    """Solve ``a @ x = b`` for square matrices.

    Parameters
    ----------
    a : array [..., n, n]
    b : array [..., n, k], or [n]

    Returns
    -------
    array
        Of the shape of ``b``; inf or nan where ``a`` is singular.
    """
    if len(aval_of(b).shape) == 1:
        return squeeze(solve(a, expand_dims(b, (1,))), (1,))
    factors, pivots, _ = lu(stop_gradient(a))
    return solve_with_lu(a, factors, pivots, b)


def lu_solve(lu, permutation, b, trans: int = 0):
    """Solve ``op(a) @ x = b`` given factors of ``a``, differentiably in the factors.

    Parameters
    ----------
    lu : array [..., n, n]
    permutation : integer array [..., n]
        As `lu` returns them.
    b : array [..., n, k], or [n]
    trans : {0, 1, 2}
        Whether ``op`` does nothing, transposes, or transposes and conjugates.
    """
    if len(aval_of(b).shape) == 1:
        return squeeze(lu_solve(lu, permutation, expand_dims(b, (1,)), trans), (1,))
    lower = {"left_side": True, "lower": True, "unit_diagonal": True}
    upper = {"left_side": True, "lower": False}
    if trans == 0:
        return triangular_solve(lu, triangular_solve(lu, _take_rows(b, permutation), **lower), **upper)
    op = {"transpose_a": True, "conjugate_a": trans == 2}
    return _put_rows(triangular_solve(lu, triangular_solve(lu, b, **upper, **op), **lower, **op), permutation)


# --- qr ---------------------------------------------------------------------------------------------


def check_matrix(name: str, a: ShapedArray) -> None:
    check_dtypes(name, a)
    if a.ndim < 2:
        raise ShapeError(f"{name}: operand has type {a}.", why="it must be a matrix, or a stack of them.")


def _qr_abstract_eval(a, *, full_matrices):
    check_matrix("qr", a)
    *stack, m, n = a.shape
    k = m if full_matrices else min(m, n)
    return ShapedArray((*stack, m, k), a.dtype), ShapedArray((*stack, k, n), a.dtype)


def _qr_impl(a, *, full_matrices):
    return tuple(np.linalg.qr(a, "complete" if full_matrices else "reduced"))


def _qr_jvp(primals, tangents, *, full_matrices):
    q, r = qr(*primals, full_matrices)
    (a_dot,) = tangents
    *stack, m, n = aval_of(a_dot).shape
    k, last = min(m, n), len(stack) + 1
    is_completed = full_matrices and m > n
    columns = slice_in_dim(q, 0, k, axis=last) if is_completed else q
    r_square = slice_in_dim(slice_in_dim(r, 0, k, axis=last), 0, k, axis=last - 1)
    square_dot = slice_in_dim(a_dot, 0, k, axis=last)
    # Q̇ = Q·Ω + the part that leaves the span of Q. Ω is anti-Hermitian, and Ṙ·R⁻¹ = Qᴴ·Ȧ·R⁻¹ - Ω upper
    # triangular with a real diagonal, as LAPACK's R has.
    scaled = triangular_solve(r_square, square_dot)
    inner = matmul(adjoint(columns), scaled)
    below = _lower_triangle(inner, -1)
    omega = sub(below, adjoint(below))
    if aval_of(inner).dtype.kind == "c":
        turned = imag(_diagonal(inner))
        omega = add(omega, _on_diagonal(complex(mul(turned, 0.0), turned)))
    q_dot = add(matmul(columns, sub(omega, inner)), scaled)
    r_dot = matmul(sub(inner, omega), r_square)
    if is_completed:
        q_dot = concatenate([q_dot, _complement_dot(q, q_dot)], dimension=last)
        r_dot = _pad_matrices(r_dot, m - n, 0)
    if n > m:
        # The columns beyond the square are R₂ = Qᴴ·A₂ = R's own, so Ṙ₂ = Qᴴ·Ȧ₂ - Ω·R₂.
        r_rest, rest_dot = (slice_in_dim(x, k, n, axis=last) for x in (r, a_dot))
        rest = sub(matmul(adjoint(q), rest_dot), matmul(omega, r_rest))
        r_dot = concatenate([r_dot, rest], dimension=last)
    return (q, r), (q_dot, r_dot)


def _complement_dot(q, columns_dot):
    """Return the tangents of the last columns of Q from those of the first, k of m.

    They are the ones that Householder's reflections leave, which the first columns determine: with Q₁₁ the first k
    rows of these, Q₂₁ the others and Z = Q₂₁·(Q₁₁ - 1)⁻¹, equations 32 and 33 of arXiv:2409.13374.
    """
    *stack, m, k = aval_of(columns_dot).shape
    last = len(stack) + 1

    def parts(x):
        return slice_in_dim(x, 0, k, axis=last - 1), slice_in_dim(x, k, m, axis=last - 1)

    columns, rest = slice_in_dim(q, 0, k, axis=last), slice_in_dim(q, k, m, axis=last)
    (top, bottom), (top_dot, bottom_dot) = parts(columns), parts(columns_dot)
    z_adjoint = neg(solve(adjoint(_add_to_diagonal(neg(top), 0)), adjoint(bottom)))
    z = adjoint(z_adjoint)
    reflected = adjoint(sub(bottom_dot, matmul(z, top_dot)))
    return sub(matmul(columns_dot, z_adjoint), matmul(add(columns, matmul(rest, z)), reflected))


def _qr_batch(axis, args, dims, *, full_matrices):
    return qr(move_dim(args[0], dims[0], 0), full_matrices), (0, 0)


qr_p = Primitive(
    name="qr",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_qr_abstract_eval,
    impl=_qr_impl,
    jvp=_qr_jvp,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_qr_batch,
    lower=Library("geqrf"),
    doc="A = Q·R;  Q̇ = Q·(Ω - M) + Ȧ·R⁻¹, Ṙ = (M - Ω)·R with M = Qᴴ·Ȧ·R⁻¹, Ω = tril(M, -1) - tril(M, -1)ᴴ",
)


def qr(a, full_matrices: bool = True):
    """Factor a matrix into one with orthonormal columns and an upper triangle.

    Parameters
    ----------
    a : array [..., m, n]
    full_matrices : bool
        Whether ``q`` is square; otherwise it has ``min(m, n)`` columns.

    Returns
    -------
    q : array [..., m, k]
    r : array [..., k, n]
    """
    return bind_checked(qr_p, a, full_matrices=bool(full_matrices))


# --- eigh -------------------------------------------------------------------------------------------


def _eigh_abstract_eval(a, *, lower, symmetrize_input, compute_v):
    check_square("eigh", a)
    check_dtypes("eigh", a)
    w = ShapedArray(a.shape[:-1], real_dtype(a.dtype))
    return (a.strip_weak_type(), w) if compute_v else (w,)


def _eigh_impl(a, *, lower, symmetrize_input, compute_v):
    if symmetrize_input:
        a = (a + np.conj(np.swapaxes(a, -1, -2))) * a.dtype.type(0.5)
    triangle = "L" if lower else "U"

    def factor(a):
        return tuple(np.linalg.eigh(a, triangle))[::-1] if compute_v else (np.linalg.eigvalsh(a, triangle),)

    avals = _eigh_abstract_eval(
        aval_of(a), lower=lower, symmetrize_input=symmetrize_input, compute_v=compute_v
    )
    return each_or_nan(factor, a, avals)


def _gaps(values):
    """Return 1/(λ_j - λ_i), and 0 on the diagonal; inf where values coincide."""
    *stack, n = aval_of(values).shape
    shape = (*stack, n, n)
    rows, columns = _places((n, n))
    same = _on_matrices(eq(rows, columns), _along_rows(values, shape))
    difference = sub(_along_rows(values, shape), _along_columns(values, shape))
    inverse = div(scalar_like(values, 1), select_n(same, difference, scalar_like(values, 1)))
    return select_n(same, inverse, scalar_like(values, 0))


def _eigh_jvp(primals, tangents, *, lower, symmetrize_input, compute_v):
    (a,), (a_dot,) = primals, tangents
    v, w = eigh(a, lower, symmetrize_input)
    # Differs from JAX, which without symmetrising takes ȧ as it is: right for Hermitian ȧ only, as in cholesky.
    if symmetrize_input:
        y = mul(a_dot, 0.5)
    else:
        y = _half_lower_triangle(a_dot) if lower else _halve_diagonal(upper_triangle(a_dot))
    inner = matmul(matmul(adjoint(v), add(y, adjoint(y))), v)
    w_dot = _diagonal(inner)
    w_dot = real(w_dot) if aval_of(w_dot).dtype.kind == "c" else w_dot
    if not compute_v:
        return (w,), (w_dot,)
    v_dot = matmul(v, mul(inner, _as_dtype(_gaps(w), aval_of(inner).dtype)))
    return (v, w), (v_dot, w_dot)


def _eigh_batch(axis, args, dims, **params):
    outs = eigh_p.bind(move_dim(args[0], dims[0], 0), **params)
    return outs, (0,) * len(outs)


eigh_p = Primitive(
    name="eigh",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_eigh_abstract_eval,
    impl=_eigh_impl,
    jvp=_eigh_jvp,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_eigh_batch,
    lower=Library("syevd"),
    doc="A·V = V·diag(w);  ẇ = diag(M), V̇ = V·(F∘M) with M = Vᴴ·Ȧ·V, F_ij = 1/(w_j - w_i)",
)


def eigh(a, lower: bool = True, symmetrize_input: bool = True, compute_v: bool = True):
    """Return the eigenvectors and eigenvalues of a Hermitian matrix.

    Parameters
    ----------
    a : array [..., n, n]
    lower : bool
        Which triangle to read, where the input is not symmetrised.
    symmetrize_input : bool
        Whether to use (a + aᴴ)/2, which makes the derivative symmetric.
    compute_v : bool
        Whether to return the vectors too.

    Returns
    -------
    v : array [..., n, n]
        The eigenvectors, in columns. Returned where ``compute_v``; otherwise a tuple of ``w`` alone is.
    w : real array [..., n]
        The eigenvalues, ascending. Both are nan where LAPACK does not converge.

    Notes
    -----
    Where eigenvalues coincide, the derivative of the vectors is nan, that of the values is not.
    """
    return bind_checked(
        eigh_p, a, lower=bool(lower), symmetrize_input=bool(symmetrize_input), compute_v=bool(compute_v)
    )


def room_by_query(routine: str, dtype: np.dtype, *shape: int, **options) -> int:
    """Ask LAPACK for the workspace of a routine, in elements: blocks depend on it, and rounding with them."""
    size, _ = lapack(f"{routine}_lwork", dtype)(*shape, **options)
    return max(int(size.real), 1)


# --- eig --------------------------------------------------------------------------------------------


def _eig_abstract_eval(a):
    check_square("eig", a)
    check_dtypes("eig", a)
    dtype = complex_dtype(a.dtype)
    return ShapedArray(a.shape[:-1], dtype), ShapedArray(a.shape, dtype)


def _eig_impl(a):
    avals = _eig_abstract_eval(aval_of(a))

    def factor(a):
        # The real routine for real matrices: their eigenvalues are pairs exactly.
        return tuple(x.astype(aval.dtype) for x, aval in zip(np.linalg.eig(a), avals))

    return each_or_nan(factor, a, avals)


def _eig_jvp(primals, tangents):
    w, v = eig(*primals)
    return (w, v), _eig_tangents(w, v, _as_dtype(tangents[0], aval_of(v).dtype))


def _eig_tangents(w, v, a_dot):
    inner = solve(v, matmul(a_dot, v))
    turned = matmul(v, mul(inner, _gaps(w)))
    if not aval_of(v).shape[-1]:
        return _diagonal(inner), turned  # no element is the largest
    # Vectors keep the length 1, and LAPACK turns them so that their largest element is real.
    row = len(aval_of(v).shape) - 2
    largest = expand_dims(argmax(abs(v), row, np.int64), (row,))
    phase = imag(div(take_along_dim(turned, largest, row), take_along_dim(v, largest, row)))
    growth = expand_dims(reduce_sum(real(mul(conj(v), turned)), (row,)), (row,))
    excess = squeeze(complex(growth, phase), (row,))
    return _diagonal(inner), sub(turned, mul(v, _along_rows(excess, aval_of(v).shape)))


def _eig_batch(axis, args, dims):
    return eig(move_dim(args[0], dims[0], 0)), (0, 0)


eig_p = Primitive(
    name="eig",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_eig_abstract_eval,
    impl=_eig_impl,
    jvp=_eig_jvp,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_eig_batch,
    lower=Library("geev"),
    doc="A·V = V·diag(w);  ẇ = diag(M), V̇ = V·(F∘M) kept normal, with M = V⁻¹·Ȧ·V, F_ij = 1/(w_j - w_i)",
)


def eig(a):
    """Return the eigenvalues and eigenvectors of a square matrix.

    Parameters
    ----------
    a : array [..., n, n]

    Returns
    -------
    w : complex array [..., n]
        The eigenvalues, in no order.
    v : complex array [..., n, n]
        The eigenvectors, in columns of length 1, the largest element of each being real. Both are nan where
        LAPACK does not converge.

    Notes
    -----
    Where eigenvalues coincide, the derivative of the vectors is nan.
    """
    return bind_checked(eig_p, a)


# --- left_eigenvectors ------------------------------------------------------------------------------


def _left_eigenvectors_abstract_eval(a):
    check_square("left_eigenvectors", a)
    check_dtypes("left_eigenvectors", a)
    return (ShapedArray(a.shape, complex_dtype(a.dtype)),)


def _left_eigenvectors_impl(a):
    (aval,) = avals = _left_eigenvectors_abstract_eval(aval_of(a))
    # In double precision, as NumPy computes the eigenvalues whose order this is.
    wide = a.astype(np.result_type(a.dtype, np.float64))
    geev = lapack("geev", wide.dtype)

    def factor(a):
        out, size = (
            np.empty(a.shape, aval.dtype),
            room_by_query("geev", wide.dtype, a.shape[-1], compute_vr=False),
        )
        for i in np.ndindex(a.shape[:-2]):
            if not np.isfinite(a[i]).all():
                raise np.linalg.LinAlgError
            if a.shape[-1]:
                *w, v, _, info = geev(a[i], compute_vl=1, compute_vr=0, lwork=size)
                if info:
                    raise np.linalg.LinAlgError
                out[i] = v if len(w) == 1 else _from_pairs(w[1], v)
        return (out,)

    return each_or_nan(factor, wide, avals)


def _from_pairs(imaginary, v):
    """Put vectors together of which LAPACK leaves the real parts, then the imaginary ones, in two columns."""
    out = v.astype(np.complex128)
    for j in np.flatnonzero(imaginary > 0):
        out[:, j] = v[:, j] + 1j * v[:, j + 1]
        out[:, j + 1] = out[:, j].conj()
    return out


def _left_eigenvectors_jvp(primals, tangents):
    # They are the right ones of the adjoint.
    v, (w, _) = left_eigenvectors(*primals), eig(*primals)
    _, v_dot = _eig_tangents(conj(w), v, adjoint(_as_dtype(tangents[0], aval_of(v).dtype)))
    return (v,), (v_dot,)


def _left_eigenvectors_batch(axis, args, dims):
    return (left_eigenvectors(move_dim(args[0], dims[0], 0)),), (0,)


left_eigenvectors_p = Primitive(
    name="left_eigenvectors",
    multiple_results=False,
    effects=PURE,
    abstract_eval=_left_eigenvectors_abstract_eval,
    impl=_left_eigenvectors_impl,
    jvp=_left_eigenvectors_jvp,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_left_eigenvectors_batch,
    lower=Library("geev"),
    doc="Vᴴ·A = diag(w)·Vᴴ;  V̇ as that of the right eigenvectors of Aᴴ",
)


def left_eigenvectors(a):
    """Return the left eigenvectors of a square matrix.

    Parameters
    ----------
    a : array [..., n, n]

    Returns
    -------
    complex array [..., n, n]
        In columns of length 1, in the order that `eig` gives the eigenvalues; the largest element of each is real.
        They are nan where LAPACK does not converge.

    Notes
    -----
    Where eigenvalues coincide, the derivative is nan.
    """
    return bind_checked(left_eigenvectors_p, a)


# --- svd --------------------------------------------------------------------------------------------


def _svd_abstract_eval(a, *, full_matrices, compute_uv):
    check_matrix("svd", a)
    *stack, m, n = a.shape
    k = min(m, n)
    s = ShapedArray((*stack, k), real_dtype(a.dtype))
    if not compute_uv:
        return (s,)
    u = ShapedArray((*stack, m, m if full_matrices else k), a.dtype)
    return u, s, ShapedArray((*stack, n if full_matrices else k, n), a.dtype)


def _svd_impl(a, *, full_matrices, compute_uv):
    def factor(a):
        result = np.linalg.svd(a, full_matrices, compute_uv)
        return tuple(result) if compute_uv else (result,)

    avals = _svd_abstract_eval(aval_of(a), full_matrices=full_matrices, compute_uv=compute_uv)
    return each_or_nan(factor, a, avals)


def _svd_jvp(primals, tangents, *, full_matrices, compute_uv):
    (a,), (a_dot,) = primals, tangents
    *stack, m, n = aval_of(a).shape
    dtype = aval_of(a).dtype
    if compute_uv and full_matrices and m != n:
        raise RuleError(
            f"svd with full_matrices=True of a matrix of type {aval_of(a)} cannot be differentiated.",
            why=f"the last {abs(m - n)} singular vectors are any basis of what the others leave.",
            fix="full_matrices=False.",
        )
    u, s, vh = svd(a, full_matrices=False)
    # M = Uᴴ·Ȧ·V holds ṡ on its diagonal, and how the vectors turn beside it.
    left = matmul(adjoint(u), a_dot)
    inner = matmul(left, adjoint(vh))
    s_dot = _diagonal(inner)
    is_complex = dtype.kind == "c"
    s_dot, phase = (real(s_dot), imag(s_dot)) if is_complex else (s_dot, None)
    if not compute_uv:
        return (s,), (s_dot,)
    shape = aval_of(inner).shape
    scale = _as_dtype(s, dtype)
    gaps = _as_dtype(_gaps(mul(s, s)), dtype)
    columns_scaled = mul(inner, _along_rows(scale, shape))
    rows_scaled = mul(inner, _along_columns(scale, shape))
    turn_u = mul(gaps, add(columns_scaled, adjoint(columns_scaled)))
    turn_v = mul(gaps, add(rows_scaled, adjoint(rows_scaled)))
    if is_complex:
        # A common phase of both vectors is free; it is the left one that turns.
        turned = div(phase, s)
        turn_u = add(turn_u, _on_diagonal(complex(mul(turned, 0.0), turned)))
    u_dot, vh_dot = matmul(u, turn_u), matmul(adjoint(turn_v), vh)
    if m > n:
        image = matmul(a_dot, adjoint(vh))
        outside = sub(image, matmul(u, inner))
        u_dot = add(u_dot, div(outside, _along_rows(scale, aval_of(outside).shape)))
    if n > m:
        outside = sub(left, matmul(inner, vh))
        vh_dot = add(vh_dot, div(outside, _along_columns(scale, aval_of(outside).shape)))
    return (u, s, vh), (u_dot, s_dot, vh_dot)


def _svd_batch(axis, args, dims, **params):
    outs = svd_p.bind(move_dim(args[0], dims[0], 0), **params)
    return outs, (0,) * len(outs)


svd_p = Primitive(
    name="svd",
    multiple_results=True,
    effects=PURE,
    abstract_eval=_svd_abstract_eval,
    impl=_svd_impl,
    jvp=_svd_jvp,
    partial_eval=RECORD,
    transpose=NOT_LINEAR,
    batch=_svd_batch,
    lower=Library("gesdd"),
    doc="A = U·diag(s)·Vᴴ;  ṡ = Re diag(M), U̇ = U·(F∘(M·s + (M·s)ᴴ)) + …, M = Uᴴ·Ȧ·V, F_ij = 1/(s_j² - s_i²)",
)


def svd(a, full_matrices: bool = True, compute_uv: bool = True):
    """Return the singular values of a matrix and its singular vectors.

    Parameters
    ----------
    a : array [..., m, n]
    full_matrices : bool
        Whether ``u`` and ``vh`` are square; otherwise they hold ``k = min(m, n)`` vectors each.
    compute_uv : bool
        Whether to return the vectors too.

    Returns
    -------
    u : array [..., m, m] or [..., m, k]
        Returned where ``compute_uv``, as ``vh`` is; otherwise a tuple of ``s`` alone is.
    s : real array [..., k]
        Descending.
    vh : array [..., n, n] or [..., k, n]
        All are nan where LAPACK does not converge.

    Notes
    -----
    Where singular values coincide, the derivative of the vectors is nan, that of the values is not.
    """
    return bind_checked(svd_p, a, full_matrices=bool(full_matrices), compute_uv=bool(compute_uv))
