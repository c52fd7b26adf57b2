"""``jaxlite.numpy`` against NumPy, row by row: eager, jitted, by NumPy's own name, batched, differentiated.

    Row("var", (F23,), dict(axis=0, ddof=1))

Arrays among the arguments are traced, everything else is static.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import jaxlite.numpy as jnp
from jaxlite import jit, vmap
from jaxlite.array import Array
from jaxlite.numpy.registry import FUNCTIONS, UFUNCS
from jaxlite.test_util import check_grads

R = np.random.default_rng(1)
F3 = np.array([0.55, -1.25, 2.125])
G3 = np.array([1.5, 0.375, -0.75])
P3 = np.array([0.5, 1.25, 2.0])  # positive
U3 = np.array([0.5, -0.25, 0.125])  # inside (-1, 1)
F23 = R.normal(size=(2, 3))
F234 = R.normal(size=(2, 3, 4))
F33 = R.normal(size=(3, 3))
S33 = F33 @ F33.T + np.eye(3)
TURNING = np.array(
    [[0.2, -1.5, 0.3], [1.1, 0.4, -0.2], [0.1, 0.6, -0.8]]
)  # with a pair of complex eigenvalues
F44 = R.normal(size=(4, 4))
F5 = R.normal(size=5)
X5 = np.array([0.5, 1.0, 2.5, 3.0, 4.75])
E03 = np.zeros((0, 3))
I4 = np.array([3, -1, 2, -1])
U8 = np.array([7, 1, 255], np.uint8)
B3 = np.array([True, False, True])
C3 = np.array([0.55 + 1j, -1.0 + 0.25j, 2 - 0.625j])
C33 = R.normal(size=(3, 3)) + 1j * R.normal(size=(3, 3))
N4 = np.array([1.0, np.nan, 3.0, -np.inf])
H3 = np.array([0.5, 1.5, -2.0], np.float16)


@dataclass(frozen=True, eq=False)
class Row:
    """One call; ``grad``: whether to check derivatives, ``numpy``: another function than ``np.<name>``."""

    name: str
    args: tuple
    kwargs: dict = field(default_factory=dict)
    grad: bool = True
    numpy: Any = None

    @property
    def id(self) -> str:
        def text(x):
            if isinstance(x, np.ndarray):
                return f"{x.dtype.str[1:]}{list(x.shape)}"
            return (
                str(x) if isinstance(x, int | float | str | tuple | list | type(None)) else type(x).__name__
            )

        parts = [text(a)[:40] for a in self.args] + [f"{k}={v}"[:30] for k, v in self.kwargs.items()]
        return f"{self.name}({','.join(parts)})".replace(" ", "")

    def resolve(self, module):
        for part in self.name.split("."):
            module = getattr(module, part)
        return module

    @property
    def ours(self):
        return self.resolve(jnp)

    @property
    def reference(self):
        return self.numpy or self.resolve(np)


UNARY = [
    (
        F3,
        "negative positive absolute fabs sign square exp exp2 expm1 sin cos tan sinh cosh tanh arctan",
    ),
    (
        F3,
        "arcsinh cbrt reciprocal floor ceil trunc rint isfinite isnan isinf signbit deg2rad rad2deg",
    ),
    (
        F3,
        "degrees radians conjugate conj fix sinc real imag angle isneginf isposinf nan_to_num modf isreal",
    ),
    (P3, "log log2 log10 log1p sqrt"),
    (P3 + 1, "arccosh"),
    (U3, "arcsin arccos arctanh"),
    (C3, "negative absolute square exp sin cos tanh log sqrt conj real imag angle isnan isfinite iscomplex"),
    (I4, "negative absolute sign square sin sqrt floor isfinite invert bitwise_count signbit real imag rint"),
    (B3, "logical_not invert exp isnan absolute"),
    (N4, "isnan isinf isfinite nan_to_num isneginf sign floor"),
]
BINARY = [
    (
        (F3, G3),
        "add subtract multiply divide maximum minimum fmax fmin arctan2 hypot logaddexp logaddexp2 copysign",
    ),
    (
        (F3, G3),
        "remainder mod fmod floor_divide divmod less less_equal greater greater_equal equal not_equal",
    ),
    ((F3, G3), "logical_and logical_or logical_xor heaviside nextafter true_divide"),
    ((P3, G3), "power float_power"),
    ((F23, F3), "add multiply maximum hypot"),
    ((F23[:, :1], F3), "subtract divide"),
    (
        (I4, I4[::-1].copy()),
        "add floor_divide remainder bitwise_and bitwise_or bitwise_xor maximum divide less",
    ),
    ((I4, np.array([0, 2, 0, 3])), "power left_shift right_shift floor_divide remainder fmod divmod"),
    ((U8, np.uint8(9)), "add subtract multiply left_shift right_shift"),
    ((U8, I4[:3]), "add divide less equal"),
    ((F3.astype(np.float32), 2), "add power multiply divide"),
    ((F3.astype(np.float32), np.float64(2)), "add power multiply divide"),
    ((C3, F3), "add multiply divide equal power"),
    ((np.uint64(2**63), np.array([-1, 5])), "less greater equal"),
]

ROWS = [
    *[Row(name, (x,)) for x, names in UNARY for name in names.split()],
    *[Row(name, args) for args, names in BINARY for name in names.split()],
    Row("sign", (C3,), grad=False),  # its derivative is zero by convention
    Row("square", (H3,), grad=False),
    Row("ldexp", (F3, np.array([1, 2, -1]))),
    Row("power", (F3, 2)),
    Row("power", (F3, 3)),
    Row("power", (F3, -1)),
    Row("power", (F3, 0)),
    Row("power", (P3, 0.5)),
    Row("power", (I4, 3)),
    Row("round", (F3,)),
    Row("round", (F3 * 7.1, 1)),
    Row("round", (I4 * 17, -1)),
    Row("round", (C3 * 3,)),
    # reductions
    *[Row(name, (F23,), kw) for name in ["sum", "prod", "max", "min", "mean", "var", "std"]
      for kw in ({}, {"axis": 0}, {"axis": (0, 1), "keepdims": True}, {"axis": -1})],
    *[Row(name, (F23,), kw) for name in ["argmax", "argmin", "ptp", "count_nonzero", "any", "all"]
      for kw in ({}, {"axis": 0})],
    *[Row(name, (x,))
      for name in ["sum", "prod", "max", "min", "mean", "any", "all", "cumsum", "cumprod", "argmax"]
      for x in (I4, U8, B3)],
    *[Row(name, (C3,)) for name in ["sum", "prod", "mean", "var", "std", "cumsum"]],
    *[Row(name, (H3,), grad=False) for name in ["sum", "mean", "var", "std", "max"]],
    *[Row(name, (E03,), {"axis": 0}, grad=False) for name in ["sum", "prod", "any", "all"]],
    Row("sum", (F23,), dict(where=np.array([True, False, True]))),
    Row("sum", (F23,), dict(initial=2.5, axis=1)),
    Row("sum", (F3,), dict(dtype=np.float32), grad=False),
    Row("prod", (F23,), dict(where=np.array([True, False, True]), axis=1)),
    Row("mean", (F23,), dict(where=np.array([True, False, True]), axis=1)),
    Row("var", (F23,), dict(where=np.array([True, False, True]), axis=1)),
    Row("max", (F23,), dict(where=np.array([True, False, True]), initial=-9.0)),
    Row("max", (E03,), dict(axis=0, initial=1.0), grad=False),
    Row("var", (F23,), dict(axis=0, ddof=1)),
    Row("std", (I4,)),
    Row("argmax", (F23,), dict(axis=1, keepdims=True)),
    Row("average", (F23,), dict(axis=1)),
    Row("average", (F23,), dict(axis=1, weights=np.array([1.0, 2.0, 0.5]))),
    Row("average", (F23,), dict(weights=np.abs(F23))),
    *[Row(name, (N4[:3],))
      for name in ["nansum", "nanprod", "nanmax", "nanmin", "nanmean", "nanvar", "nanstd", "nanargmax"]],
    *[Row(name, (N4[:3],)) for name in ["nanargmin", "nancumsum", "nancumprod", "nanmedian"]],
    *[Row(name, (F23,), kw) for name in ("cumsum", "cumprod") for kw in ({}, {"axis": 1})],
    Row("diff", (F5,)),
    Row("diff", (F23,), dict(n=2, axis=1)),
    Row("diff", (F23,), dict(axis=0, prepend=0.0, append=F23[:1])),
    Row("diff", (B3,)),
    Row("ediff1d", (F23,)),
    # choosing
    Row("where", (B3, F3, G3)),
    Row("where", (B3, F3, 0)),
    Row("where", (B3, F3.astype(np.float32), 1.5), grad=False),
    Row("where", (B3, I4[:3], 1.5)),
    Row("where", (F23 > 0, F3, F23)),
    Row("select", ([F3 > 1, F3 > 0], [F3, G3], -1.0)),
    Row("clip", (F3, -1.0, 1.0)),
    Row("clip", (F3, None, G3)),
    Row("clip", (I4, 0, 2)),
    Row("isclose", (F3, F3 + 1e-9)),
    Row("allclose", (F3, G3)),
    Row("array_equal", (F3, F3)),
    Row("array_equal", (F3, F5)),
    # shapes
    Row("reshape", (F234, (4, -1))),
    Row("reshape", (F234, (6, 4)), dict(order="F")),
    Row("ravel", (F23,)),
    Row("ravel", (F23,), dict(order="F")),
    Row("transpose", (F234,)),
    Row("transpose", (F234, (1, 0, 2))),
    Row("swapaxes", (F234, 0, -1)),
    Row("moveaxis", (F234, 0, -1)),
    Row("moveaxis", (F234, (0, 1), (-1, 0))),
    Row("rollaxis", (F234, 2)),
    Row("matrix_transpose", (F234,)),
    Row("squeeze", (F23[:, :1],)),
    Row("squeeze", (F23[None, :, :1], 0)),
    Row("expand_dims", (F23, 1)),
    Row("expand_dims", (F23, (0, -1))),
    Row("atleast_1d", (np.float64(2.0),)),
    Row("atleast_2d", (F3,)),
    Row("atleast_3d", (F23,)),
    Row("broadcast_to", (F3, (2, 3))),
    Row("broadcast_arrays", (F3, F23)),
    Row("concatenate", ([F23, F33],)),
    Row("concatenate", ([F23, I4[:2, None]],), dict(axis=1)),
    Row("concatenate", ([F23, F3],), dict(axis=None)),
    Row("stack", ([F3, G3],)),
    Row("stack", ([F3, G3],), dict(axis=-1)),
    Row("vstack", ([F3, F23],)),
    Row("hstack", ([F3, F5],)),
    Row("hstack", ([F23, F23[:, :1]],)),
    Row("dstack", ([F23, F23],)),
    Row("column_stack", ([F3, F33],)),
    Row("append", (F3, G3)),
    Row("append", (F23, F23[:1]), dict(axis=0)),
    Row("block", ([[F33, F33[:, :1]], [F33[:1], F33[:1, :1]]],)),
    Row("split", (F44, 2)),
    Row("split", (F44, [1, 3]), dict(axis=1)),
    Row("array_split", (F5, 3)),
    Row("hsplit", (F44, 2)),
    Row("vsplit", (F44, 2)),
    Row("dsplit", (F234, 2)),
    Row("tile", (F23, 2)),
    Row("tile", (F3, (2, 2))),
    Row("repeat", (F23, 2)),
    Row("repeat", (F23, 2), dict(axis=1)),
    Row("repeat", (F3, [1, 0, 2])),
    Row("flip", (F23,)),
    Row("flip", (F23, 1)),
    Row("flipud", (F23,)),
    Row("fliplr", (F23,)),
    *[Row("rot90", (F23, k)) for k in range(4)],
    Row("roll", (F23, 2)),
    Row("roll", (F23, 1), dict(axis=1)),
    Row("roll", (F23, (1, -2)), dict(axis=(0, 1))),
    Row("pad", (F23, 1)),
    Row("pad", (F23, ((1, 0), (0, 2))), dict(constant_values=3)),
    *[Row("pad", (F23, (1, 1)), dict(mode=mode)) for mode in ("edge", "reflect", "symmetric", "wrap")],
    # products
    Row("dot", (F3, G3)),
    Row("dot", (F23, F3)),
    Row("dot", (F234, F44)),
    Row("dot", (2.0, F23)),
    Row("dot", (I4, F44)),
    Row("matmul", (F23, F33)),
    Row("matmul", (F3, F33)),
    Row("matmul", (F33, F3)),
    Row("matmul", (F3, G3)),
    Row("matmul", (F23, F234)),
    Row("matmul", (F3, F234)),
    Row("matmul", (F234, F44)),
    Row("matmul", (F234[:, None], F234.swapaxes(1, 2))),
    Row("vdot", (C3, F3)),
    Row("vdot", (F23, F23)),
    Row("inner", (F23, F33)),
    Row("outer", (F3, F5)),
    Row("vecdot", (C33, C3)),
    Row("tensordot", (F234, F33), dict(axes=([1], [0]))),
    Row("tensordot", (F234, F44), dict(axes=1)),
    Row("tensordot", (F234, F23), dict(axes=([0, 1], [0, 1]))),
    Row("kron", (F23, F33)),
    Row("kron", (F3, F23)),
    Row("cross", (F3, G3)),
    Row("cross", (F23, F3)),
    *[Row("einsum", (text, *args)) for text, args in [
        ("i,i", (F3, G3)), ("i,i->i", (F3, G3)), ("i,j->ji", (F3, G3)), ("ij,jk", (F23, F33)), ("ii", (F33,)),
        ("ii->i", (F33,)), ("ij->ji", (F23,)), ("ij->", (F23,)), ("ijk,jl,li->k", (F234, F33, F23.T)),
        ("...ij,...jk", (F234, F44)), ("bij,bjk->bik", (F234, F234.swapaxes(1, 2))), ("...k->k...", (F234,)),
        ("ab,cd->abcd", (F23, F33)), ("iij->j", (np.stack([F33] * 3),)), ("i...,i...->...", (F23, F23)),
        ("ij,kj->ik", (F23, F33[:, :1])),
    ]],
    Row("einsum", (F23, [0, 1], F33, [1, 2], [0, 2])),
    Row("trace", (F33,)),
    Row("trace", (F234,), dict(offset=1)),
    Row("diagonal", (F23,)),
    Row("diagonal", (F234,), dict(offset=-1, axis1=1, axis2=2)),
    *[Row(name, (F5, F3), dict(mode=mode)) for name in ("convolve", "correlate")
      for mode in ("full", "same", "valid")],
    *[Row(name, (F3, F5), dict(mode=mode)) for name in ("convolve", "correlate")
      for mode in ("full", "same", "valid")],
    Row("convolve", (F5, X5[:4]), dict(mode="same")),
    Row("correlate", (C3, C3 * 1j), dict(mode="full")),
    # making
    Row("zeros_like", (F23,)),
    Row("ones_like", (I4,)),
    Row("full_like", (I4, 7)),
    Row("full_like", (F23, 7), dict(dtype=int, shape=(2,))),
    Row("linspace", (F3, 2.0, 4)),
    Row("linspace", (0, 10, 5), dict(dtype=int)),
    Row("linspace", (0.0, F3, 5), dict(endpoint=False, axis=-1)),
    Row("linspace", (0.0, np.float64(1), 3), dict(retstep=True)),
    Row("logspace", (F3, 1.0, 3)),
    Row("geomspace", (P3, 4.0, 3)),
    Row("tril", (F33,)),
    Row("triu", (F234,), dict(k=1)),
    Row("diag", (F3,)),
    Row("diag", (F3, 1)),
    Row("diag", (F3,), dict(k=-2)),
    Row("diag", (F23, 1)),
    Row("diagflat", (F23,)),
    Row("meshgrid", (F3, F5)),
    Row("meshgrid", (F3, F5), dict(indexing="ij", sparse=True)),
    Row("vander", (F3,)),
    Row("vander", (F3, 2), dict(increasing=True)),
    Row("copy", (F3,)),
    # indexing
    Row("take", (F23, np.array([0, -1, 3]))),
    Row("take", (F23, np.array([[0, -1], [1, 1]])), dict(axis=1)),
    Row("take", (F5, np.array([7, -9, 2])), dict(mode="clip")),
    Row("take", (F5, np.array([7, -9, 2])), dict(mode="wrap")),
    Row("take_along_axis", (F23, np.array([[0, 2], [1, -1]])), dict(axis=1)),
    Row("take_along_axis", (F23, np.array([[0, 1, 0]])), dict(axis=0)),
    # sorting and searching
    Row("sort", (F23,)),
    Row("sort", (F23, 0)),
    Row("sort", (F23, None)),
    Row("argsort", (F23,)),
    Row("argsort", (I4,), dict(stable=True)),
    Row("lexsort", ((F3, B3),)),
    Row("searchsorted", (X5, F5)),
    Row("searchsorted", (X5, X5), dict(side="right")),
    Row("searchsorted", (X5, np.array([np.nan, -1, 9.0]))),
    Row("digitize", (F5, X5)),
    Row("digitize", (X5, X5[::-1].copy()), dict(right=True)),
    *[Row(name, (F23,), kw) for name in ("median",)
      for kw in ({}, {"axis": 1}, {"axis": 0, "keepdims": True})],
    Row("median", (I4,)),
    Row("quantile", (F5, 0.3)),
    Row("quantile", (F23, np.array([0.25, 0.55])), dict(axis=1)),
    *[Row("quantile", (F5, 0.37), dict(method=m)) for m in ("lower", "higher", "nearest", "midpoint")],
    Row("percentile", (F5, 40)),
    Row("nanquantile", (N4[:3], 0.4)),
    Row("isin", (I4, np.array([2, 3]))),
    # elements
    Row("unwrap", (np.cumsum(F5) * 4,)),
    Row("interp", (F5, X5, F5)),
    Row("gradient", (F5,)),
    Row("gradient", (F44, 2.0), dict(axis=1)),
    Row("gradient", (F44,)),
    Row("gradient", (F5, X5)),
    Row("trapezoid", (F5,)),
    Row("trapezoid", (F5, X5)),
    Row("trapezoid", (F44,), dict(dx=0.5, axis=0)),
    Row("polyval", (F3, F5)),
    Row("polyder", (F5,)),
    Row("polymul", (F3, F5)),
    Row("polyadd", (F3, F5)),
    Row("cov", (F44,)),
    Row("cov", (F5,)),
    Row("cov", (F44,), dict(rowvar=False, bias=True)),
    Row("cov", (F5, X5)),
    Row("corrcoef", (F44,)),
    Row("delete", (F5, 1)),
    Row("delete", (F23, [0, 2], 1)),
    Row("insert", (F5, 1, 9.0)),
    Row("insert", (F23, [0, 2], 9.0), dict(axis=1)),
    # linear algebra
    Row("linalg.cholesky", (S33,)),
    Row("linalg.solve", (F33, F3)),
    Row("linalg.solve", (F33, F33)),
    Row("linalg.solve", (np.stack([F33, S33]), F33)),
    Row("linalg.inv", (F33,)),
    *[Row("linalg.det", (x,)) for x in (F33[:1, :1], F33[:2, :2], F33, F44)],
    Row("linalg.slogdet", (F44,)),
    Row("linalg.matrix_power", (F33, 3)),
    Row("linalg.matrix_power", (F33, -2)),
    Row("linalg.multi_dot", ([F23, F33, F3],)),
    *[Row("linalg.norm", (F3, order)) for order in (None, 1, 2, 3, np.inf, -np.inf, 0)],
    *[Row("linalg.norm", (F23, order)) for order in (None, "fro", 1, -1, np.inf, -np.inf)],
    Row("linalg.norm", (F23,), dict(axis=1)),
    Row("linalg.norm", (C33,), dict(axis=0, keepdims=True)),
    *[Row("linalg.norm", (F23, order)) for order in (2, -2, "nuc")],
    Row("linalg.norm", (F234, 2), dict(axis=(2, 0), keepdims=True)),
    Row("linalg.matrix_norm", (F234,), dict(ord="nuc", keepdims=True)),
    *[Row("linalg.qr", (x,)) for x in (F33, F23, F23.T, F234)],
    Row("linalg.qr", (F23.T,), dict(mode="complete"), grad=False),
    Row("linalg.qr", (F33,), dict(mode="r")),
    *[Row("linalg.qr", (x,), dict(mode="raw"), grad=False) for x in (F33, F23, F23.T, F234)],
    Row("linalg.eigh", (S33,)),
    *[Row(f"linalg.{f}", (x,)) for f in ("eig", "eigvals") for x in (TURNING, C33)],
    Row("linalg.eigvals", (np.array([[1.0, 2.0], [-3.0, 1.0]]),)),
    Row("linalg.eigvalsh", (S33,)),
    Row("linalg.eigvalsh", (S33,), dict(UPLO="U")),
    Row("linalg.svd", (F23,), grad=False),
    Row("linalg.svd", (F234,), dict(full_matrices=False)),
    Row("linalg.svd", (S33,), dict(compute_uv=False)),
    Row("linalg.svd", (S33 - 2 * np.eye(3),), dict(compute_uv=False, hermitian=True)),
    *[Row("linalg.svdvals", (x,)) for x in (F23, C33)],
    *[Row("linalg.pinv", (x,)) for x in (F33, F23, F23.T, F234)],
    Row("linalg.pinv", (S33,), dict(hermitian=True)),
    *[Row("linalg.matrix_rank", (x,)) for x in (F23, F234, np.zeros((2, 2)), F3)],
    Row("linalg.matrix_rank", (np.diag([1.0, 1e-3]),), dict(rtol=0.01)),
    Row("linalg.matrix_rank", (np.diag([100.0, 0.1]),), dict(tol=0.5)),
    Row("linalg.matrix_rank", (S33,), dict(hermitian=True)),
    *[Row("linalg.cond", (F33, p)) for p in (None, 2, -2, 1, -np.inf, "fro")],
    Row("linalg.cond", (np.zeros((2, 2)),), grad=False),
    Row("linalg.lstsq", (F23.T, F3)),
    Row("linalg.lstsq", (F23.T, F33)),
    Row("linalg.tensorinv", (F44.reshape(2, 2, 4),)),
    Row("linalg.tensorsolve", (F44.reshape(2, 2, 4), F44[:2, :2])),
    Row("linalg.tensorsolve", (F44.reshape(2, 4, 2), F44[:2, :2]), dict(axes=(1,))),
    Row("linalg.diagonal", (F234,), dict(offset=1)),
    Row("linalg.trace", (F234,), dict(offset=-1)),
    Row("linalg.outer", (F3, X5)),
    Row("linalg.cross", (F33, G3)),
    Row("linalg.cross", (F33, F33 + 1), dict(axis=0)),
    Row("linalg.vector_norm", (F23,), dict(axis=0)),
    Row("linalg.matrix_norm", (F234,)),
]  # fmt: skip


def leaves_of(args):
    """Return the arrays among (nested) arguments, and a function that puts others in their place."""
    arrays = []

    def find(x):
        if isinstance(x, list | tuple):
            items = [find(item) for item in x]
            return lambda given: type(x)(item(given) for item in items)
        if isinstance(x, np.ndarray):
            arrays.append(x)
            return next
        return lambda given: x

    build = find(tuple(args))
    return arrays, lambda *given: build(iter(given))


def parts(result):
    return list(result) if isinstance(result, list | tuple) else [result]


def assert_same(result, expected):
    result, expected = parts(result), parts(expected)
    assert len(result) == len(expected)
    for r, e in zip(result, expected, strict=True):
        assert type(r) is Array
        e = np.asarray(e)
        assert (r.shape, r.dtype) == (e.shape, e.dtype)
        if e.dtype.kind in "fc":
            tol = {2: 2e-3, 4: 1e-6}.get(e.dtype.itemsize, 1e-6 if e.dtype == np.complex64 else 1e-12)
            np.testing.assert_allclose(r, e, rtol=tol, atol=tol)
        else:
            np.testing.assert_array_equal(r, e)


rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)


def expected_of(row):
    with np.errstate(all="ignore"):
        return row.reference(*row.args, **row.kwargs)


@rows
def test_eager(row):
    assert_same(row.ours(*row.args, **row.kwargs), expected_of(row))


@rows
def test_jit(row):
    arrays, put = leaves_of(row.args)
    assert_same(jit(lambda *xs: row.ours(*put(*xs), **row.kwargs))(*arrays), expected_of(row))


def has_arrays(row) -> bool:
    return bool(leaves_of(row.args)[0])


rows_with_arrays = pytest.mark.parametrize("row", list(filter(has_arrays, ROWS)), ids=lambda row: row.id)


@rows_with_arrays
def test_numpy_function_on_tracers(row):
    reference = row.reference
    if reference not in FUNCTIONS and reference not in UFUNCS:
        pytest.fail(f"np.{row.name} is in neither table")
    arrays, put = leaves_of(row.args)
    assert_same(jit(lambda *xs: reference(*put(*xs), **row.kwargs))(*arrays), expected_of(row))


@rows_with_arrays
def test_vmap(row):
    arrays, put = leaves_of(row.args)

    def once(*xs):
        return tuple(parts(row.ours(*put(*xs), **row.kwargs)))

    batches = [np.stack([x, x[::-1]]) for x in arrays]
    result = vmap(once)(*batches)
    for i in range(2):
        for r, e in zip(result, once(*[x[i] for x in batches]), strict=True):
            np.testing.assert_allclose(r[i], e, rtol=1e-10, atol=1e-10)


def differentiable(row) -> list[int]:
    """Return which arrays of a row have derivatives that finite differences can check.

    None where a row says so, where arguments are infinite or in single precision, and where no result is floating.
    """
    arrays, _ = leaves_of(row.args)
    inexact = [i for i, x in enumerate(arrays) if x.dtype in (np.float64, np.complex128)]
    single = any(x.dtype in (np.float32, np.float16) for x in arrays)
    if not row.grad or single or not all(np.all(np.isfinite(arrays[i])) for i in inexact):
        return []
    return inexact if any(np.asarray(y).dtype.kind in "fc" for y in parts(expected_of(row))) else []


@pytest.mark.parametrize("row", list(filter(differentiable, ROWS)), ids=lambda row: row.id)
def test_derivatives(row):
    arrays, put = leaves_of(row.args)
    inexact = differentiable(row)

    def function(*xs):
        full = list(arrays)
        for i, x in zip(inexact, xs, strict=True):
            full[i] = x
        results = parts(row.ours(*put(*full), **row.kwargs))
        return tuple(r for r in results if r.dtype.kind in "fc")

    chosen = tuple(arrays[i] for i in inexact)
    check_grads(function, chosen, order=1)


@pytest.mark.parametrize("other", ["f8", "c16", "i8"])
@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "f2", "f4"])
def test_einsum_adds_in_the_common_type(dtype, other):
    large, counts = np.full((40, 6, 6), 100).astype(dtype), np.arange(1, 7).astype(other)
    common = np.result_type(large, counts)
    for text, args in [("i,kij->j", (counts, large)), ("kij,i->j", (large, counts))]:
        expected = np.einsum(text, *(x.astype(common) for x in args))
        for got in (jnp.einsum(text, *args), jit(lambda *xs, text=text: jnp.einsum(text, *xs))(*args)):
            assert got.dtype == common
            np.testing.assert_allclose(got, expected, rtol=1e-12)
    three = jnp.einsum("kij,i,j->", large, counts, counts)
    expected = np.einsum("kij,i,j->", *(x.astype(common) for x in (large, counts, counts)))
    assert three.dtype == common
    np.testing.assert_allclose(three, expected, rtol=1e-12)
