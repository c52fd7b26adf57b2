"""The rows of ``jaxlite.numpy`` and ``jaxlite.lax`` for the differential test, and what has none.

`EXCLUDED` names every public function without a row, with the reason; it counts as failures in the second
figure. `function_names` is what must be covered.
"""

from __future__ import annotations

import functools
import inspect

import numpy as np

import jaxlite
from tests.oracle.rows import Sample, each, modulus_of, row

# --- arrays -----------------------------------------------------------------------------------------

V = Sample((3,))
W = Sample((3,), seed=1)
A = Sample((2, 3))
B = Sample((2, 3), seed=1)
C = Sample((2, 3), seed=2)
BOX = Sample((2, 3, 4))
SQUARE = Sample((3, 3))
OTHER_SQUARE = Sample((3, 3), seed=1)
REGULAR = Sample((3, 3), form="regular")
DEFINITE = Sample((3, 3), form="definite")
LOWER = Sample((3, 3), form="lower")
STACK = Sample((2, 3, 3), form="regular")
S = Sample(())
T = Sample((), seed=1)
LONG = Sample((7,))
UNIT = Sample((2, 3), -0.9, 0.9)
POSITIVE = Sample((2, 3), 0.3, 3.0)
POSITIVE_OTHER = Sample((2, 3), 0.3, 3.0, seed=1)
POSITIVE_S = Sample((), 0.3, 3.0)
ABOVE_ONE = Sample((2, 3), 1.2, 3.0)
SMALL = Sample((2, 3), 0, 5)  # shift counts, exponents
EMPTY = Sample((0, 3))
SORTED = np.array([-1.5, -0.2, 0.4, 1.7])
MASK = np.array([[True, False, True], [False, False, True]])
MASK3 = np.array([True, False, True])
INDEX = np.array([2, 0, 0])
INDEX2 = np.array([[0, 2], [1, 1]])
NANS = np.array([[0.5, np.nan, 1.5], [np.nan, -2.0, 3.0]])
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -2.5])
INTS = np.array([-3, 1, 4, 1])

ALL = "dfibc"
REAL = "dfib"
NUMBERS = "dfic"
FLOATS = "df"
INEXACT = "dfc"
INTEGERS = "ib"


def _each(names: str, *args, module: str = "numpy", **options):
    return each(module, names, *args, **options)


TALL = Sample((3, 2))

# --- numpy ------------------------------------------------------------------------------------------

UNARY = [
    *_each("sin cos tan sinh cosh tanh exp expm1 exp2 arcsinh asinh sinc", UNIT, on=ALL),
    *_each("arctan atan arcsin asin arctanh atanh log1p", UNIT, on=INEXACT),
    *_each("arctan atan arcsin asin log1p", UNIT, on="i"),
    *_each("arccos acos", UNIT, on="dfi"),
    *_each("log log2 log10 sqrt reciprocal", POSITIVE, on="dfc"),
    *_each("log sqrt log10 log2", POSITIVE, on="i"),
    *_each("cbrt", A, on="dfi"),
    *_each("arccosh acosh", ABOVE_ONE, on="dfi"),
    *_each("abs absolute square sign positive conj conjugate real imag", A, on=NUMBERS),
    *_each("negative", A, on=NUMBERS),
    *_each("abs absolute positive conj real imag", A, on="b"),
    *_each("fabs deg2rad radians rad2deg degrees", A, on="dfi"),
    *_each("floor ceil trunc rint", A, on=REAL),
    *_each("round around", A, on="dfic"),
    row("numpy.round", A, decimals=1),
    row("numpy.fix", A, oracle=lambda jax, x: jax.numpy.trunc(x), on=REAL),
    *_each("isfinite isinf isnan isreal iscomplex logical_not", A, on=ALL),
    *_each("isfinite isinf isnan signbit isneginf isposinf sign nan_to_num floor", SPECIAL, on="d"),
    *_each("signbit", A, on="dfi"),
    *_each("isneginf isposinf", A, on="dfi"),
    *_each("angle", A, on=NUMBERS),
    row("numpy.angle", A, on="c", deg=True),
    *_each("nan_to_num", A, on=ALL),
    row("numpy.nan_to_num", NANS, on="d", nan=1.5),
    *_each("modf", A, on=FLOATS),
    *_each("invert bitwise_not bitwise_count", A, on="i"),
    *_each("invert bitwise_not", A, on="b"),
    *_each("sin abs exp square", S, on=NUMBERS, label="rank 0"),
    *_each("log sqrt", POSITIVE_S, on=INEXACT, label="rank 0"),
    *_each("sin abs sqrt", EMPTY, on=NUMBERS, label="empty"),
    row("numpy.unwrap", Sample((7,), -6.0, 6.0)),
]

BINARY = [
    *_each("add subtract multiply divide true_divide", A, POSITIVE, on=NUMBERS),
    *_each("add multiply divide", A, B, on="b"),
    *_each("maximum minimum fmax fmin", A, B, on=REAL),
    *_each("arctan2 atan2 hypot logaddexp logaddexp2 copysign heaviside", A, B, on="dfi"),
    *_each("nextafter", A, B, on="df"),
    *_each("equal not_equal less less_equal greater greater_equal", A, B, on=REAL),
    *_each("equal not_equal", A, B, on="c"),
    *_each("logical_and logical_or logical_xor", A, B, on=ALL),
    *_each("bitwise_and bitwise_or bitwise_xor", A, B, on=INTEGERS),
    *_each("left_shift right_shift", A, SMALL, on="i"),
    *_each("floor_divide mod remainder fmod divmod", A, ABOVE_ONE, on="dfi"),
    *_each("floor_divide mod remainder fmod divmod", ABOVE_ONE, Sample((2, 3), -3.0, -0.5), on="df"),
    *_each("power pow float_power", POSITIVE, B, on="dfc"),
    *_each("power pow", A, SMALL, on="i"),
    row("numpy.ldexp", A, np.array([[1, 2, -1], [0, 3, 1]])),
    *_each("add multiply maximum power", POSITIVE, S, on="d", label="rank 0"),
    *_each("add multiply divide hypot less", A, V, on="d", label="broadcast"),
    *_each("subtract divide", Sample((2, 1)), V, on="d", label="broadcast both"),
    *_each("add multiply divide maximum less equal", A, 2, on=REAL, label="int"),
    *_each("add multiply divide maximum less equal subtract", A, 2.5, on="dfi", label="float"),
    *_each("add multiply subtract equal", A, 1.5 + 2j, on="dic", label="complex"),
    *_each("add multiply equal", A, True, on="dfi", label="bool"),
    *_each("power", A, 2, on=NUMBERS, label="square"),
    *_each("power", A, 3, on=NUMBERS, label="cube"),
    *_each("power", A, 0, on=NUMBERS, label="zero"),
    *_each("power", POSITIVE, -2, on=INEXACT, label="negative"),
    *_each("power", POSITIVE, 0.5, on=INEXACT, label="half"),
    *_each("add multiply divide maximum", A, np.array([2, -1, 3]), on="dfc", label="with i64"),
    *_each("add multiply", A, np.array([2, -1, 3], np.int32), on="df", label="with i32"),
    *_each("add multiply", A, np.array([2, 1, 3], np.uint8), on="dfi", label="with u8"),
    *_each("add multiply power", POSITIVE, np.array([0.5, 2.0, -1.0]), on="fic", label="with f64"),
    *_each("add multiply", A, MASK3, on=NUMBERS, label="with bool"),
    *_each("floor_divide remainder fmod", INTS, np.array([0, 2, -2, 0]), on="d", label="by zero"),
    *_each("add hypot", EMPTY, V, on="d", label="empty"),
]

REDUCTIONS = [
    *_each("sum prod mean", A, on=ALL),
    *_each("max min amax amin ptp", A, on="dfi"),
    *_each("max min amax amin", A, on="b"),
    *_each("sum prod mean max min var std", A, on="df", axis=0),
    *_each("sum prod mean max min var std", A, on="d", axis=(0, 1), keepdims=True),
    *_each("sum prod mean max min", A, on="di", axis=-1),
    *_each("sum mean", S, on="df", label="rank 0"),
    *_each("sum prod any all", EMPTY, on="dib", axis=0),
    *_each("var std", A, on=ALL),
    row("numpy.var", A, ddof=1, axis=1),
    row("numpy.std", A, ddof=1, axis=1),
    *_each("sum prod mean var std", A, on="d", where=MASK, axis=1),
    *_each("max min", A, on="d", where=MASK, initial=0.5),
    *_each("sum prod max min", A, on="d", initial=0.5),
    row("numpy.sum", A, on="di", dtype=np.float32),
    row("numpy.mean", A, on="di", dtype=np.float32),
    *_each("all any count_nonzero", A, on=ALL),
    *_each("all any count_nonzero", A, on="di", axis=1),
    *_each("argmax argmin", A, on=REAL),
    *_each("argmax argmin", A, on="di", axis=1, keepdims=True),
    *_each("cumsum cumprod", A, on=ALL),
    *_each("cumsum cumprod", A, on="di", axis=1),
    *_each("cumulative_sum cumulative_prod", A, on="di", axis=1),
    *_each("cumulative_sum cumulative_prod", A, on="d", axis=0, include_initial=True),
    *_each("nansum nanprod nanmean nanvar nanstd nanmax nanmin", NANS, on="d", axis=1),
    *_each("nansum nanprod nanmean nanvar nanstd nanmax nanmin", NANS, on="d"),
    *_each("nansum nanprod nanmean nanmax nanmin", A, on="dfi"),
    *_each("nancumsum nancumprod nanargmax nanargmin", NANS, on="d", axis=1),
    *_each("nancumsum nancumprod nanargmax nanargmin", A, on="di"),
    row("numpy.average", A, on="dfi"),
    row("numpy.average", A, on="d", axis=1, call=lambda jx, a, **k: jx.numpy.average(a, **k)),
    row("numpy.average", A, POSITIVE, call=lambda jx, a, w: jx.numpy.average(a, weights=w)),
    *_each("diff ediff1d", A, on=NUMBERS),
    row("numpy.diff", A, on="di", n=2, axis=1),
    row("numpy.diff", A, on="b"),
    row("numpy.trapezoid", A, on="dfi"),
    row("numpy.trapezoid", A, POSITIVE, on="d", label="x"),
    *_each("median nanmedian", A, on="dfi"),
    *_each("median nanmedian", A, on="d", axis=1, keepdims=True),
    *_each("nanmedian", NANS, on="d", axis=1),
    *_each("quantile nanquantile", A, 0.3, on="df"),
    *_each("quantile nanquantile", A, 0.3, on="d", axis=1, method="nearest"),
    *_each("percentile nanpercentile", A, 30.0, on="df", axis=0),
    row("numpy.quantile", A, np.array([0.1, 0.55]), on="d", axis=1, label="two"),
    row("numpy.nanquantile", NANS, 0.3, on="d", axis=0),
    row("numpy.percentile", NANS, 30.0, on="d", axis=0, label="nan"),
    row("numpy.corrcoef", A, on="df"),
    row("numpy.cov", A, on="dfc"),
    row("numpy.cov", A, on="d", ddof=0, rowvar=False),
]

CHOICE = [
    row("numpy.where", MASK, A, B, on=ALL),
    row("numpy.where", MASK, A, 0, on=NUMBERS, label="int"),
    row("numpy.where", MASK, A, 1.5, on="dfi", label="float"),
    row("numpy.where", MASK3, A, V, on="d", label="broadcast"),
    row("numpy.select", [MASK, MASK3], [A, B], 0.5, on="di"),
    row("numpy.clip", A, -0.5, 1.0, on="df"),
    row("numpy.clip", A, -1, 1, on="dfi", label="int"),
    row("numpy.clip", A, B, None, on="dfi", label="lower"),
    row("numpy.clip", A, Sample((2, 3), -2, -1), Sample((2, 3), 1, 2), on="di", label="arrays"),
    *_each("isclose allclose array_equal", A, B, on=NUMBERS),
    *_each("isclose allclose array_equal", A, A, on="di", label="itself"),
    row("numpy.isclose", SPECIAL, SPECIAL, on="d", equal_nan=True),
    row("numpy.isin", A, INTS, on="i"),
    row("numpy.isin", A, SORTED, on="d", invert=True),
    row("numpy.nonzero", A, on="di", size=4, fill_value=-1),
    row("numpy.nonzero", MASK, on="d", eager=True, label="eager"),
    row("numpy.argwhere", MASK, on="d", eager=True),
    row("numpy.flatnonzero", MASK, on="d", eager=True),
    row("numpy.compress", MASK3, A, on="d", eager=True, axis=1),
    row("numpy.extract", MASK, A, on="d", eager=True),
    row("numpy.compress", MASK3, A, on="di", axis=1, size=4, fill_value=7),
    row("numpy.extract", MASK, A, on="d", size=2),
    row("numpy.unique", A, on="ib", eager=True),
    row("numpy.unique", INTS, on="d", eager=True, return_counts=True, return_inverse=True, return_index=True),
    row("numpy.unique", INTS, on="d", size=5, fill_value=9),
    row("numpy.take", A, INDEX, on=ALL, axis=1),
    row("numpy.take", A, INDEX, on="d", label="flat"),
    row("numpy.take", A, np.array([7, -1]), on="d", mode="clip"),
    row("numpy.take", A, np.array([7, -1]), on="d", mode="wrap"),
    row("numpy.take_along_axis", A, INDEX2, on=NUMBERS, axis=1),
    row("numpy.sort", A, on=ALL),
    row("numpy.sort", A, on="d", axis=0, descending=True),
    row("numpy.sort", SPECIAL, on="d", label="special"),
    row("numpy.argsort", A, on=REAL),
    row("numpy.argsort", SPECIAL, on="d", label="special"),
    row("numpy.argsort", A, on="d", axis=0, descending=True),
    row("numpy.lexsort", (V, W), on="di"),
    row("numpy.partition", LONG, 3, on="di", call=lambda jx, a, k: jx.numpy.sort(jx.numpy.partition(a, k)[:k])),
    row("numpy.argpartition", LONG, 3, on="d",
        call=lambda jx, a, k: jx.numpy.sort(a[jx.numpy.argpartition(a, k)[:k]])),
    row("numpy.searchsorted", SORTED, A, on="df"),
    row("numpy.searchsorted", SORTED, A, on="d", side="right"),
    row("numpy.digitize", A, SORTED, on="d"),
    row("numpy.bincount", np.array([0, 2, 2, 1]), on="d", length=4),
    row("numpy.bincount", np.array([0, 2, 2, 1]), SORTED, on="d", length=4, label="weights"),
    row("numpy.histogram", LONG, 4, on="d"),
    row("numpy.histogram", LONG, SORTED, on="d", label="edges"),
    row("numpy.histogram_bin_edges", LONG, 4, on="d"),
]  # fmt: skip

SHAPES = [
    *_each("ravel transpose flip flipud fliplr squeeze matrix_transpose", A, on=ALL),
    row("numpy.reshape", BOX, (4, -1), on=ALL),
    row("numpy.reshape", BOX, (6, 4), order="F", on="d"),
    row("numpy.ravel", A, order="F", on="d"),
    row("numpy.transpose", BOX, (1, 2, 0), on="d"),
    row("numpy.permute_dims", BOX, (1, 2, 0), on="d"),
    row("numpy.swapaxes", BOX, 0, -1, on="d"),
    row("numpy.moveaxis", BOX, 0, -1, on="di"),
    row("numpy.moveaxis", BOX, (0, 1), (-1, 0), on="d", label="two"),
    row("numpy.rollaxis", BOX, 2, on="d"),
    row("numpy.matrix_transpose", BOX, on="d", label="stack"),
    row("numpy.squeeze", Sample((1, 3, 1)), axis=0),
    row("numpy.expand_dims", A, 1, on="dic"),
    row("numpy.expand_dims", A, (0, -1), on="d", label="two"),
    *_each("atleast_1d atleast_2d atleast_3d", A, on="di"),
    *_each("atleast_1d atleast_2d atleast_3d", S, on="d", label="rank 0"),
    row("numpy.broadcast_to", V, (2, 3), on=ALL),
    row("numpy.broadcast_arrays", V, Sample((2, 1)), on="di"),
    row("numpy.broadcast_shapes", (2, 1), (3,), on="d", only=("evaluate",), eager=True),
    *_each("concatenate concat stack vstack hstack dstack column_stack", [A, B], on=ALL),
    *_each("concatenate stack concat", [A, B], on="d", axis=1),
    row("numpy.concatenate", [A, V], on="d", axis=None),
    row("numpy.concatenate", [A, np.array([[1, 2, 3]])], on="dfi", label="with i64"),
    row("numpy.stack", [S, T], on="d", label="rank 0"),
    row("numpy.hstack", [V, LONG], on="d", label="vectors"),
    row("numpy.column_stack", [V, W], on="d", label="vectors"),
    row("numpy.append", A, V, on="di"),
    row("numpy.append", A, B, on="d", axis=1),
    row("numpy.insert", LONG, 2, 1.5, on="d"),
    row("numpy.delete", LONG, 2, on="di"),
    row("numpy.delete", A, 1, on="d", axis=1),
    row("numpy.block", [[A, B], [B, A]], on="di"),
    row("numpy.split", LONG, (2, 5), on="di"),
    row("numpy.split", BOX, 2, on="d", axis=2),
    row("numpy.array_split", LONG, 3, on="di"),
    row("numpy.hsplit", BOX, 3, on="d"),
    row("numpy.vsplit", BOX, 2, on="d"),
    row("numpy.dsplit", BOX, 2, on="d"),
    row("numpy.unstack", A, on="di"),
    row("numpy.unstack", A, on="d", axis=1),
    row("numpy.tile", A, (2, 1), on="di"),
    row("numpy.tile", A, 2, on="d", label="int"),
    row("numpy.repeat", A, 2, on="di"),
    row("numpy.repeat", A, 2, on="d", axis=1),
    row("numpy.repeat", A, np.array([1, 0, 2]), on="d", axis=1, total_repeat_length=3),
    row("numpy.roll", A, 1, on="di"),
    row("numpy.roll", A, (1, -2), on="d", axis=(0, 1)),
    row("numpy.flip", A, on="d", axis=0),
    row("numpy.rot90", A, on="di"),
    row("numpy.rot90", A, 3, on="d", label="3"),
    row("numpy.pad", A, 1, on="di"),
    row("numpy.pad", A, ((1, 0), (0, 2)), on="d", constant_values=1.5),
    *[row("numpy.pad", A, ((1, 1), (2, 1)), on="d", mode=mode)
      for mode in ("edge", "reflect", "symmetric", "wrap", "mean", "maximum", "linear_ramp", "minimum")],
    row("numpy.copy", A, on=ALL),
    *_each("diag", V, on=ALL),
    *_each("diag diagonal trace", SQUARE, on=NUMBERS),
    *_each("diag diagonal trace", SQUARE, 1, on="d", label="k=1"),
    row("numpy.trace", BOX, on="d", axis1=1, axis2=2),
    row("numpy.diagonal", BOX, on="d", axis1=1, axis2=2),
    row("numpy.diagflat", V, on="di"),
    *_each("tril triu", SQUARE, on=ALL),
    *_each("tril triu", BOX, on="d", k=1),
    row("numpy.vander", V, on="d"),
    row("numpy.vander", V, on="di", N=4, increasing=True),
    row("numpy.meshgrid", V, LONG, on="d"),
    row("numpy.meshgrid", V, LONG, on="d", indexing="ij", sparse=True),
    row("numpy.gradient", LONG, on="df"),
    row("numpy.gradient", BOX, 0.5, on="d", axis=(0, 2), label="step"),
    row("numpy.interp", A, SORTED, Sample((4,)), on="d"),
    row("numpy.interp", A, SORTED, Sample((4,)), on="d", left=0.0, right=1.0),
    row("numpy.polyval", V, A, on="di"),
    row("numpy.polyadd", V, Sample((2,)), on="di"),
    row("numpy.polymul", V, Sample((2,)), on="di"),
    row("numpy.polyder", LONG, on="di"),
]  # fmt: skip

PRODUCTS = [
    *_each("dot matmul inner outer vdot vecdot", V, W, on=ALL),
    *_each("dot matmul", A, SQUARE, on=ALL),
    *_each("dot matmul", A, V, on="d", label="matrix-vector"),
    *_each("dot matmul", Sample((2,)), A, on="d", label="vector-matrix"),
    row("numpy.matmul", Sample((2, 2, 3)), Sample((2, 3, 2)), on="dic", label="stacks"),
    row("numpy.matmul", Sample((2, 3)), Sample((2, 3, 2)), on="d", label="broadcast"),
    row("numpy.dot", BOX, Sample((4, 2)), on="d", label="stacks"),
    row("numpy.dot", S, A, on="d", label="rank 0"),
    row("numpy.inner", A, B, on="di", label="matrices"),
    row("numpy.outer", A, V, on="d", label="matrix"),
    row("numpy.vecdot", A, B, on="dc", axis=0),
    row("numpy.tensordot", BOX, Sample((4, 3)), on="di", axes=((2, 1), (0, 1))),
    row("numpy.tensordot", A, SQUARE, on="d", axes=1),
    row("numpy.tensordot", A, V, on="d", axes=0),
    *[row("numpy.einsum", spec, *operands, on=on, label=spec)
      for spec, operands, on in [
          ("ij,jk->ik", (A, SQUARE), "dfic"), ("ij,ij->", (A, B), "d"), ("ii->i", (SQUARE,), "d"),
          ("ii", (SQUARE,), "di"), ("ijk->kji", (BOX,), "d"), ("ij,ij->i", (A, B), "dc"),
          ("ij,jk,k->i", (A, SQUARE, V), "d"), ("...j,j->...", (BOX, Sample((4,))), "d"), ("i,j", (V, W), "d"),
      ]],
    row("numpy.kron", A, SQUARE, on="di"),
    row("numpy.cross", V, W, on="dic"),
    row("numpy.cross", A, B, on="d", label="matrices"),
    *[row(f"numpy.{name}", LONG, V, on="dic" if mode == "full" else "d", mode=mode)
      for name in ("convolve", "correlate") for mode in ("full", "same", "valid")],
    row("linalg.norm", A, on="dfic"),
    row("linalg.norm", A, on="d", axis=1),
    *[row("linalg.norm", A, on="d", ord=order, axis=1) for order in (1, 2, 3, 0, np.inf, -np.inf)],
    *[row("linalg.norm", SQUARE, on="d", ord=order) for order in ("fro", 1, -1, np.inf)],
    row("linalg.vector_norm", A, on="d", axis=1, keepdims=True),
    row("linalg.matrix_norm", BOX, on="d"),
    row("linalg.solve", REGULAR, V, on=INEXACT),
    row("linalg.solve", REGULAR, V, on="i"),
    row("linalg.solve", STACK, Sample((2, 3, 2)), on="d", label="stack"),
    row("linalg.inv", REGULAR, on=INEXACT),
    row("linalg.inv", STACK, on="d", label="stack"),
    row("linalg.det", REGULAR, on=INEXACT),
    row("linalg.det", Sample((2, 2)), on="d", label="2"),
    row("linalg.det", Sample((4, 4)), on="d", label="4"),
    row("linalg.det", STACK, on="d", label="stack"),
    row("linalg.slogdet", REGULAR, on=INEXACT),
    row("linalg.slogdet", SQUARE, on="d", label="any sign"),
    row("linalg.cholesky", DEFINITE, on=INEXACT),
    row("linalg.cholesky", DEFINITE, on="d", upper=True),
    *[row("linalg.matrix_power", SQUARE, n, on="d", label=str(n)) for n in (0, 1, 2, 3, 5, -1)],
    row("linalg.multi_dot", [A, SQUARE, V], on="dc"),
    *_each("cross outer", V, W, module="linalg", on="dc"),
    *_each("diagonal trace matrix_transpose", SQUARE, module="linalg", on="d"),
    row("linalg.matmul", A, SQUARE, on="d"),
    *[row("linalg.norm", SQUARE, on="d", ord=order) for order in (2, -2, "nuc")],
    row("linalg.norm", BOX, on="d", ord=2, axis=(2, 0), keepdims=True),
    row("linalg.qr", SQUARE, on="dfic"),
    row("linalg.qr", TALL, on="d"),
    row("linalg.qr", A, on="d", mode="r", only=("evaluate", "jit", "vmap")),
    row("linalg.qr", TALL, on="d", mode="complete", only=("evaluate", "jit", "vmap")),
    *[row("linalg.qr", x, on="dfc", mode="raw", label=f"raw, {label}", only=("evaluate", "jit", "vmap"))
      for x, label in ((TALL, "tall"), (A, "wide"), (STACK, "stack"))],
    row("linalg.qr", SQUARE, on="i", mode="raw", only=("evaluate", "jit", "vmap")),
    row("linalg.eigh", SQUARE, on="dfic", call=modulus_of("linalg.eigh")),
    row("linalg.eigh", DEFINITE, on="d", UPLO="U", symmetrize_input=False, call=modulus_of("linalg.eigh"),
        only=("evaluate", "jit", "vmap")),
    row("linalg.eigvalsh", SQUARE, on="dfic"),
    row("linalg.eigvalsh", STACK, on="d", label="stack"),
    row("linalg.eig", SQUARE, on="dc", call=lambda jx, a: jx.numpy.linalg.eig(a)[0]),
    row("linalg.eig", SQUARE, on="dfic", call=modulus_of("linalg.eig"), only=("evaluate", "jit", "vmap")),
    row("linalg.eigvals", SQUARE, on="dfic"),
    row("linalg.svd", A, on="dfic", full_matrices=False, call=modulus_of("linalg.svd")),
    row("linalg.svd", TALL, on="dc", full_matrices=False, call=modulus_of("linalg.svd")),
    row("linalg.svd", SQUARE, on="d", call=modulus_of("linalg.svd")),
    row("linalg.svd", SQUARE, on="d", compute_uv=False, hermitian=True),
    row("linalg.svd", A, on="dc", compute_uv=False),
    row("linalg.svdvals", STACK, on="dfic"),
    *[row("linalg.pinv", x, on="dc", label=label) for x, label in ((A, "wide"), (TALL, "tall"), (STACK, "stack"))],
    row("linalg.pinv", A, on="fi"),
    row("linalg.matrix_rank", A, on=ALL),
    row("linalg.matrix_rank", SQUARE, on="d", tol=1.0, hermitian=True),
    row("linalg.lstsq", TALL, V, on="df"),
    row("linalg.lstsq", TALL, SQUARE, on="dc", label="matrix"),
    row("linalg.lstsq", A, np.array([0.5, -1.0]), on="d", label="wide"),
    *[row("linalg.cond", SQUARE, on="dc", p=p) for p in (None, 2, -2, 1, np.inf, "fro")],
    row("linalg.tensorinv", Sample((2, 3, 6)), on="d"),
    row("linalg.tensorsolve", Sample((2, 3, 6)), Sample((2, 3)), on="d"),
    row("linalg.tensordot", A, SQUARE, on="d", axes=1),
    row("linalg.vecdot", V, W, on="dc"),
]  # fmt: skip

MORE = [
    *_each("bitwise_invert", A, on="ib"),
    *_each("bitwise_left_shift bitwise_right_shift", A, SMALL, on="i"),
    row("numpy.array_equiv", A, V, on="di"),
    row("numpy.matvec", A, V, on="dic"),
    row("numpy.vecmat", Sample((2,)), A, on="dic"),
    row("numpy.polysub", V, Sample((2,)), on="di"),
    row("numpy.polyint", V, on="di"),
    row("numpy.polyint", V, on="d", m=2),
    row("numpy.ravel_multi_index", (INDEX % 2, INDEX), (2, 3), on="d"),
    row("numpy.unravel_index", np.array([5, 0, 3]), (2, 3), on="d"),
    row("numpy.ix_", INDEX, np.array([0, 1]), on="d"),
    row("numpy.put_along_axis", A, INDEX2[:, :1], Sample((2, 1)), on="d",
        call=lambda jx, *a: jx.numpy.put_along_axis(*a, axis=1, inplace=False)),
    row("numpy.fill_diagonal", SQUARE, S, on="di",
        call=lambda jx, *a: jx.numpy.fill_diagonal(*a, inplace=False)),
    row("numpy.piecewise", A, on="di",
        call=lambda jx, x: jx.numpy.piecewise(x, [x < 0, x > 1], [lambda v: v * v, 2, lambda v: 3 * v])),
    row("numpy.apply_along_axis", A, on="di",
        call=lambda jx, x: jx.numpy.apply_along_axis(lambda v: jx.numpy.cumsum(v) * v[0], 1, x)),
    row("numpy.apply_over_axes", BOX, on="di", call=lambda jx, x: jx.numpy.apply_over_axes(jx.numpy.sum, x, [0, 2])),
    row("numpy.vectorize", A, V, on="di",
        call=lambda jx, x, y: jx.numpy.vectorize(lambda a, b: jx.numpy.dot(a, b) + a, signature="(n),(n)->(n)")(x, y)),
]  # fmt: skip

SETS_A = np.array([3, 1, 4, 1, 5])
SETS_B = np.array([5, 9, 1, 1])
FEW = Sample((4,), -1, 1)
SETS = [
    *_each("union1d intersect1d setdiff1d setxor1d", SETS_A, SETS_B, on="d", eager=True),
    *_each("union1d intersect1d setdiff1d setxor1d", SETS_A, SETS_B, on="d", size=6, fill_value=-1),
    *_each("union1d setdiff1d setxor1d", V, FEW, on="d", size=8),
    row("numpy.intersect1d", SETS_A, SETS_B, on="d", eager=True, return_indices=True),
    row("numpy.intersect1d", SETS_A, SETS_B, on="d", size=3, return_indices=True),
    row("numpy.setdiff1d", SETS_A, SETS_B, on="d", assume_unique=True, size=4),
    *_each("unique_all unique_counts unique_inverse unique_values", SETS_A, on="d", eager=True),
    *_each("unique_all unique_counts unique_inverse unique_values", NANS, on="d", size=7),
    row("numpy.unique", NANS, on="d", size=7, return_counts=True),
    row("numpy.unique", NANS, on="d", size=7, equal_nan=False),
    row("numpy.unique", np.array([[1, 2], [0, 5], [1, 2]]), on="d", size=3, axis=0, return_index=True,
        return_inverse=True, return_counts=True),
    row("numpy.unique", np.array([[1, 2, 1], [0, 5, 0]]), on="d", size=2, axis=1),
    row("numpy.unique", np.array([[1, 2, 1], [0, 5, 0]]), on="d", axis=1, eager=True),
]  # fmt: skip
ROOTS = np.array([1.0, -6.0, 11.5, -6.5])
POLYNOMIALS = [
    row("numpy.poly", V, on="dc"),
    row("numpy.poly", SQUARE, on="d", label="matrix",
        oracle=lambda jax, a: _characteristic(jax, a)),
    row("numpy.polydiv", LONG, V, on="d"),
    row("numpy.polydiv", np.array([1.0, 3.0, 4.0]), np.array([1.0, 1.0]), on="d", eager=True,
        trim_leading_zeros=True),
    row("numpy.polymul", np.array([0, 1, 2]), V, on="d", eager=True, trim_leading_zeros=True),
    row("numpy.polyint", V, on="d", k=2.5),
    row("numpy.polyint", V, SORTED[:2], on="d", label="constants",
        call=lambda jx, p, k: jx.numpy.polyint(p, 2, k)),
    row("numpy.polyder", LONG, on="d", m=2),
    row("numpy.polyfit", np.arange(1.0, 8.0), LONG, on="d", label="2", call=lambda jx, x, y: jx.numpy.polyfit(x, y, 2)),
    row("numpy.polyfit", np.arange(1.0, 8.0), LONG, on="d", label="cov",
        call=lambda jx, x, y: jx.numpy.polyfit(x, y, 1, cov=True)),
    row("numpy.polyfit", np.arange(1.0, 8.0), Sample((7, 2)), np.arange(2.0, 9.0), on="d", label="weights",
        call=lambda jx, x, y, w: jx.numpy.polyfit(x, y, 2, w=w, cov="unscaled")),
    row("numpy.roots", ROOTS, on="d",
        call=lambda jx, p: jx.numpy.sort(abs(jx.numpy.roots(p, strip_zeros=False)))),
    row("numpy.roots", np.array([0.0, 2.0, -3.0, 1.0, 0.0]), on="d", eager=True, label="zeros",
        call=lambda jx, p: jx.numpy.sort(jx.numpy.roots(p))),
    row("numpy.trim_zeros", np.array([0, 0, 1, 0, 2, 0]), on="d", eager=True),
    row("numpy.trim_zeros", np.array([0, 0, 1, 0, 2, 0]), on="d", eager=True, trim="b"),
]  # fmt: skip


def _characteristic(jax, a):
    identity = jax.numpy.eye(3)
    return jax.numpy.stack([1.0 + 0 * a[0, 0], -jax.numpy.trace(a), (jax.numpy.trace(a) ** 2
        - jax.numpy.trace(a @ a)) / 2, -jax.numpy.linalg.det(a @ identity)])  # fmt: skip


_RESERVED = dict(on="d", only=("evaluate",), eager=True)
PLACES = [
    *[row("numpy.pad", A, ((1, 1), (2, 1)), on="d", label=label, **options)
      for label, options in {
          "odd": dict(mode="reflect", reflect_type="odd"), "odd symmetric": dict(mode="symmetric", reflect_type="odd"),
          "length": dict(mode="mean", stat_length=2), "median": dict(mode="median"),
          "ends": dict(mode="linear_ramp", end_values=((1.0, 2.0), (3.0, 4.0))),
          "lengths": dict(mode="maximum", stat_length=((1, 2), (2, 1))),
      }.items()],
    *[row("numpy.pad", A, 1, on="i", mode=mode) for mode in ("mean", "minimum", "edge", "linear_ramp", "median")],
    row("numpy.pad", A, ((3, 4), (5, 7)), on="d", mode="reflect", label="wide"),
    row("numpy.pad", A, 2, on="d", label="function", call=lambda jx, x, w: jx.numpy.pad(
        x, w, lambda v, width, axis, options: v.at[: width[0]].set(v[width[0]] * (axis + 2)))),
    row("numpy.gradient", LONG, on="d", edge_order=2, oracle=lambda jax, f, edge_order: jax.numpy.concatenate(
        [jax.numpy.array([-1.5 * f[0] + 2 * f[1] - 0.5 * f[2]]), (f[2:] - f[:-2]) / 2,
         jax.numpy.array([1.5 * f[-1] - 2 * f[-2] + 0.5 * f[-3]])])),
    row("numpy.interp", A, SORTED, Sample((4,)), on="d", left="extrapolate", right="extrapolate"),
    row("numpy.cross", Sample((2, 2)), Sample((2, 2), seed=1), on="d", label="plane"),
    row("numpy.cross", Sample((2, 2)), A, on="d", label="plane and space"),
    row("numpy.choose", np.array([[0, 1, 1], [1, 0, 0]]), [A, B], on="di", eager=True),
    row("numpy.choose", np.array([0, 5, -1]), [A, V], on="d", mode="clip"),
    row("numpy.choose", np.array([0, 5, -1]), [A, V], on="d", mode="wrap"),
    row("numpy.put", A, np.array([0, 4, 2]), V, on="di",
        call=lambda jx, a, i, v: jx.numpy.put(a, i, v, inplace=False)),
    row("numpy.put", A, np.array([0, 4, 2]), S, on="d", label="repeated",
        call=lambda jx, a, i, v: jx.numpy.put(a, i, v, inplace=False)),
    row("numpy.place", A, MASK, V, on="di", call=lambda jx, a, m, v: jx.numpy.place(a, m, v, inplace=False)),
    row("numpy.resize", A, (3, 5), on="di"),
    row("numpy.resize", A, 4, on="d", label="vector"),
    row("numpy.sort_complex", A, on="dic"),
    row("numpy.mask_indices", 3, **_RESERVED, call=lambda jx, n: jx.numpy.mask_indices(n, jx.numpy.triu, 1)),
    row("numpy.gcd", np.array([12, -8, 0, 7]), np.array([18, 6, 0, 21]), on="d"),
    row("numpy.lcm", np.array([12, -8, 0, 7]), np.array([18, 6, 0, 21]), on="d"),
    row("numpy.frexp", A, on="df", only=("evaluate", "jit", "vmap")),
    row("numpy.frexp", SPECIAL, on="d", only=("evaluate", "jit", "vmap"), label="special"),
    row("numpy.spacing", A, on="df", only=("evaluate", "jit", "vmap")),
    row("numpy.i0", A, on="df"),
    row("numpy.i0", Sample((3,), 6.0, 20.0), on="d", label="large"),
    row("lax.bessel_i0e", Sample((5,), -20.0, 20.0), on="df"),
    row("lax.bessel_i1e", Sample((5,), -20.0, 20.0), on="df"),
    row("numpy.packbits", MASK, on="d"),
    row("numpy.packbits", MASK, on="d", axis=1, bitorder="little"),
    row("numpy.unpackbits", np.array([[3, 200], [1, 255]], np.uint8), on="d"),
    row("numpy.unpackbits", np.array([[3, 200], [1, 255]], np.uint8), on="d", axis=0, count=11, bitorder="little"),
    *_each("bartlett blackman hamming hanning", 6, **_RESERVED),
    row("numpy.kaiser", 6, S, on="d"),
    row("numpy.histogram", LONG, 3, on="d", label="weights",
        call=lambda jx, x, n: jx.numpy.histogram(x, n, weights=x * x, density=True)),
    row("numpy.histogram_bin_edges", LONG, 3, on="d", range=(-1.0, 2.5)),
    row("numpy.histogram2d", LONG, FEW, on="d", call=lambda jx, x, y: jx.numpy.histogram2d(x[:4], y, 3, density=True)),
    row("numpy.histogramdd", Sample((9, 2)), on="d", only=("evaluate", "jit", "vmap"),
        call=lambda jx, x: jx.numpy.histogramdd(x, [2, SORTED])),
    row("numpy.frompyfunc", A, V, on="d",
        call=lambda jx, x, y: jx.numpy.frompyfunc(lambda a, b: a * b + 1, 2, 1)(x, y)),
    row("numpy.frombuffer", np.arange(3.0).tobytes(), **_RESERVED),
    row("numpy.fromiter", (1, 2, 3), np.float64, **_RESERVED),
    row("numpy.fromstring", "1 2 3", **_RESERVED, sep=" "),
    row("numpy.iterable", (1, 2), **_RESERVED),
    row("ufunc.methods", A, on="dfi", call=lambda jx, x: (
        jx.numpy.add.reduce(x), jx.numpy.multiply.reduce(x, axis=1), jx.numpy.add.accumulate(x, axis=1),
        jx.numpy.maximum.reduce(x, axis=1, keepdims=True), jx.numpy.subtract.outer(x, x),
        jx.numpy.add.reduceat(x, np.array([0, 2]), axis=1))),
    row("ufunc.methods", A, on="d", label="any function", call=lambda jx, x: (
        jx.numpy.hypot.reduce(x), jx.numpy.logaddexp.reduce(x, axis=1), jx.numpy.hypot.accumulate(x, axis=1)),
        oracle=lambda jax, x: (jax.numpy.hypot(*x), functools.reduce(jax.numpy.logaddexp, x.T), jax.numpy.stack(
            [x[:, 0], jax.numpy.hypot(*x.T[:2]), functools.reduce(jax.numpy.hypot, x.T)], 1))),
    row("ufunc.at", A, V, on="d", call=lambda jx, x, y: (
        jx.numpy.add.at(x, np.array([0, 1, 1]), y, inplace=False), jx.numpy.maximum.at(x, 0, y, inplace=False),
        jx.numpy.sin.at(x, 1, inplace=False)),
        oracle=lambda jax, x, y: (
            x.at[np.array([0, 1, 1])].add(y), x.at[0].max(y), x.at[1].set(jax.numpy.sin(x[1])))),
    row("brackets.r_", V, on="d", call=lambda jx, x: (
        jx.numpy.r_[1:4, x, 0.0], jx.numpy.r_["0,2", x, x], jx.numpy.r_["-1", x, x], jx.numpy.r_[0:1:5j])),
    row("brackets.c_", V, W, on="d", call=lambda jx, x, y: jx.numpy.c_[x, y]),
]  # fmt: skip

_ONCE = dict(on="d", only=("evaluate",), eager=True)
CREATION = [
    row("numpy.arange", 5, **_ONCE),
    row("numpy.arange", 1.0, 2.0, 0.3, **_ONCE, label="float"),
    row("numpy.arange", 5, 1, -2, **_ONCE, label="down"),
    row("numpy.linspace", 0.0, 1.0, 5, **_ONCE),
    row("numpy.linspace", S, T, 4, on="dc", label="arrays"),
    row("numpy.linspace", V, W, 4, on="d", endpoint=False, axis=1),
    row("numpy.logspace", 0.0, 2.0, 4, **_ONCE),
    row("numpy.geomspace", 1.0, 8.0, 4, **_ONCE),
    *[row(f"numpy.{name}", (2, 3), **_ONCE, dtype=dtype)
      for name in ("zeros", "ones") for dtype in (None, np.float32, np.int64, np.bool_)],
    row("numpy.full", (2, 3), 7, **_ONCE),
    row("numpy.full", (2, 3), S, on="di", label="traced"),
    row("numpy.full", (2, 3), V, on="d", label="array"),
    row("numpy.empty", (2, 3), **_ONCE, call=lambda jx, shape: jx.numpy.empty(shape).dtype),
    row("numpy.empty_like", A, on="df", only=("evaluate",), eager=True,
        call=lambda jx, a: 0 * jx.numpy.empty_like(a).shape[0]),
    *_each("zeros_like ones_like", A, on=ALL),
    row("numpy.full_like", A, 2, on=ALL),
    row("numpy.full_like", A, 2.5, on="d", dtype=np.float32, shape=(2,)),
    row("numpy.eye", 3, **_ONCE),
    row("numpy.eye", 3, 4, k=1, **_ONCE, dtype=np.int64),
    row("numpy.identity", 3, **_ONCE),
    row("numpy.tri", 3, 4, 1, **_ONCE),
    row("numpy.indices", (2, 3), **_ONCE),
    row("numpy.fromfunction", lambda i, j: i + 2 * j, (2, 3), **_ONCE),
    row("numpy.tril_indices", 3, **_ONCE),
    row("numpy.triu_indices", 3, 1, **_ONCE),
    row("numpy.diag_indices", 3, **_ONCE),
    *_each("tril_indices_from triu_indices_from diag_indices_from", SQUARE, **_ONCE),
    row("numpy.array", [S, T], on="di"),
    row("numpy.array", [[1, 2.5], [3, 4]], **_ONCE, label="nested"),
    row("numpy.asarray", A, on=ALL),
    row("numpy.asarray", [1, 2, 3], **_ONCE, dtype=np.float32),
    *[row("numpy.astype", A, dtype, on=ALL, label=np.dtype(dtype).name) for dtype in (np.float32, np.int32)],
    *[row("numpy.astype", A, dtype, on=REAL, label=np.dtype(dtype).name) for dtype in (np.bool_, np.complex128)],
    *[row(f"numpy.{name}", A, on="di", call=lambda jx, a, name=name: getattr(jx.numpy, name)(a))
      for name in ("float32", "float64", "float16", "int64", "int32", "complex128", "complex64", "int8", "uint8")],
    row("numpy.bool_", A, on="di"),
    *[row(f"numpy.{name}", 3, **_ONCE) for name in ("int16", "uint16", "uint32", "uint64", "float_", "int_", "uint",
      "complex_", "double", "single", "csingle", "cdouble")],
    *_each("shape ndim size", A, **_ONCE),
    *_each("iscomplexobj isrealobj isscalar", A, on="dc", only=("evaluate",), eager=True),
    row("numpy.isscalar", 2.5, **_ONCE),
    row("numpy.result_type", np.float32, np.float64, **_ONCE),
    row("numpy.promote_types", np.int32, np.float64, **_ONCE),
    row("numpy.can_cast", np.float64, np.float32, **_ONCE),
    row("numpy.issubdtype", np.float32, np.floating, **_ONCE),
    row("numpy.isdtype", np.dtype(np.float32), "real floating", **_ONCE),
    row("numpy.finfo", np.float32, **_ONCE, call=lambda jx, t: float(jx.numpy.finfo(t).eps)),
    row("numpy.iinfo", np.int32, **_ONCE, call=lambda jx, t: int(jx.numpy.iinfo(t).max)),
    row("numpy.dtype", "float32", **_ONCE),
    row("numpy.einsum_path", "ij,jk,kl->il", np.ones((2, 3)), np.ones((3, 4)), np.ones((4, 2)), **_ONCE,
        call=lambda jx, *a: [step for step in jx.numpy.einsum_path(*a)[0] if step != "einsum_path"]),
]  # fmt: skip

FOURIER = [
    row("numpy.from_dlpack", A, on="dfi", eager=True, only=("evaluate",)),
    *_each("fft ifft rfft ihfft irfft hfft", A, module="fft", on="dfi"),
    *_each("fft ifft irfft hfft", A, module="fft", on="c"),
    *_each("fft ifft irfft hfft", BOX, module="fft", on="c", n=3, axis=1, norm="ortho"),
    *_each("rfft ihfft", BOX, module="fft", on="d", n=5, axis=0, norm="forward"),
    *_each("fftn ifftn rfftn irfftn fft2 ifft2 rfft2 irfft2", BOX, module="fft", on="d"),
    *_each("fftn ifftn irfftn fft2 ifft2 irfft2", BOX, module="fft", on="c"),
    *_each("fftn ifftn irfftn", BOX, module="fft", on="c", s=(2, 5), axes=(2, 0), norm="ortho"),
    *_each("fftshift ifftshift", BOX, module="fft", on=ALL),
    *_each("fftshift ifftshift", LONG, module="fft", on="d"),
    row("fft.fftfreq", S, on="d", call=lambda jx, d: jx.numpy.fft.fftfreq(5, d)),
    row("fft.rfftfreq", S, on="d", call=lambda jx, d: jx.numpy.fft.rfftfreq(6, d)),
]

# --- lax --------------------------------------------------------------------------------------------

LAX_ELEMENTS = [
    *_each("sin cos tan sinh cosh tanh exp expm1 exp2 asinh logistic", UNIT, module="lax", on=INEXACT),
    *_each("atan asin atanh log1p", UNIT, module="lax", on=INEXACT),
    *_each("acos erf erfc erf_inv", UNIT, module="lax", on=FLOATS),
    *_each("log sqrt rsqrt reciprocal", POSITIVE, module="lax", on=INEXACT),
    *_each("lgamma digamma", POSITIVE, module="lax", on=FLOATS),
    row("lax.lgamma", A, on="d", label="negative"),
    row("lax.digamma", A, on="d", label="negative"),
    row("lax.acosh", ABOVE_ONE, on=FLOATS),
    row("lax.acosh", ABOVE_ONE, on="c"),
    row("lax.acos", UNIT, on="c"),
    row("lax.cbrt", A, on=FLOATS),
    *_each("abs neg sign square", A, module="lax", on=NUMBERS),
    *_each("floor ceil is_finite", A, module="lax", on=FLOATS),
    row("lax.round", Sample((2, 3), -3.0, 3.0), on=FLOATS),
    row("lax.round", np.array([0.5, 1.5, -2.5]), 1, on="d", label="to even",
        call=lambda jx, x, m: jx.lax.round(x, jx.lax.RoundingMethod(m))),
    row("lax.round", np.array([0.5, 1.5, -2.5]), on="d", label="away"),
    *_each("real imag", A, module="lax", on="c"),
    row("lax.conj", A, on="dfc"),
    row("lax.complex", A, B, on=FLOATS),
    *_each("bitwise_not", A, module="lax", on=INTEGERS),
    *_each("population_count clz", A, module="lax", on="i"),
    *_each("add sub mul div", A, POSITIVE, module="lax", on=NUMBERS),
    row("lax.div", np.array([-7, 7, 5]), np.array([2, -2, 0]), on="d", label="by zero"),
    row("lax.rem", np.array([-7, 7, 5]), np.array([2, -2, 0]), on="d", label="by zero"),
    *_each("max min", A, B, module="lax", on="dfib"),
    row("lax.rem", A, ABOVE_ONE, on="dfi"),
    row("lax.pow", POSITIVE, B, on=INEXACT),
    row("lax.pow", A, SMALL, on="i", oracle=lambda jax, x, y: jax.numpy.power(x, y)),
    row("lax.pow", POSITIVE, np.array([[1, 2, 0], [3, -1, 2]]), on="dc", label="int exponent"),
    *[row("lax.integer_pow", A, n, on=NUMBERS if n >= 0 else INEXACT, label=str(n)) for n in (0, 1, 2, 3, 7, -1, -3)],
    *_each("atan2 nextafter", A, B, module="lax", on=FLOATS),
    *_each("eq ne lt le gt ge", A, B, module="lax", on=REAL),
    *_each("eq ne", A, B, module="lax", on="c"),
    *_each("bitwise_and bitwise_or bitwise_xor", A, B, module="lax", on=INTEGERS),
    *_each("shift_left shift_right_arithmetic shift_right_logical", A, SMALL, module="lax", on="i"),
    row("lax.mod", A, ABOVE_ONE, on="dfi", oracle=lambda jax, x, y: jax.numpy.mod(x, y)),
    row("lax.floor_div", A, ABOVE_ONE, on="dfi", oracle=lambda jax, x, y: jax.numpy.floor_divide(x, y)),
    row("lax.hypot", A, B, on=FLOATS, oracle=lambda jax, x, y: jax.numpy.hypot(x, y)),
    row("lax.logaddexp", A, B, on=FLOATS, oracle=lambda jax, x, y: jax.numpy.logaddexp(x, y)),
    row("lax.add_any", A, B, on="dc", oracle=lambda jax, x, y: x + y),
    row("lax.clamp", np.float64(-0.5), Sample((2, 3)), np.float64(1.0), on="d"),
    row("lax.clamp", Sample((2, 3), -2, -1), A, Sample((2, 3), 1, 2), on="dfi", label="arrays"),
    row("lax.select", MASK, A, B, on=ALL),
    row("lax.select_n", MASK, A, B, on=ALL),
    row("lax.select_n", np.array([[0, 1, 2], [2, 1, 0]]), A, B, C, on="di", label="three"),
    row("lax.polygamma", POSITIVE, on="d", call=lambda jx, x: jx.lax.polygamma(1.0 + 0.0 * jx.lax.stop_gradient(x), x)),
    row("lax.bitcast_convert_type", A, np.int64, on="d"),
    *[row("lax.convert_element_type", A, dtype, on=REAL, label=np.dtype(dtype).name)
      for dtype in (np.float32, np.int32, np.complex128, np.bool_)],
    row("lax.convert_element_type", A, np.complex64, on="c", label="c64"),
    row("lax.stop_gradient", A, on=NUMBERS, call=lambda jx, a: a * jx.lax.stop_gradient(a)),
    row("lax.optimization_barrier", A, on="di"),
]  # fmt: skip

_DOT = (((2,), (1,)), ((0,), (0,)))
_GATHER = ((1,), (0,), (0,))
_SCATTER = ((1,), (0,), (0,))
_ROWS = np.array([[1], [0], [1]])


def _gather(jx, a, i, **options):
    numbers = jx.lax.GatherDimensionNumbers(*_GATHER)
    return jx.lax.gather(a, i, numbers, (1, 3), **options)


def _scatter(name):
    def call(jx, a, i, u, **options):
        return getattr(jx.lax, name)(a, i, u, jx.lax.ScatterDimensionNumbers(*_SCATTER), **options)

    return call


LAX_SHAPES = [
    row("lax.reshape", BOX, (4, 6), on=ALL),
    row("lax.transpose", BOX, (1, 2, 0), on=ALL),
    row("lax.broadcast", A, (2,), on="di"),
    row("lax.broadcast_in_dim", A, (2, 4, 3), (0, 2), on="di"),
    row("lax.broadcast_in_dim", Sample((1, 3)), (2, 3), (0, 1), on="d", label="stretch"),
    row("lax.broadcast_shapes", (2, 1), (1, 3), **_ONCE),
    row("lax.squeeze", Sample((1, 3, 1)), (0, 2), on="di"),
    row("lax.expand_dims", A, (0, 2), on="di"),
    row("lax.collapse", BOX, 0, 2, on="di"),
    row("lax.slice", BOX, (0, 1, 0), (2, 3, 4), (1, 1, 2), on="dic"),
    row("lax.slice_in_dim", A, 0, 3, 2, 1, on="di"),
    row("lax.index_in_dim", A, 1, 1, False, on="di"),
    row("lax.rev", A, (1,), on="di"),
    row("lax.pad", A, S, ((1, 2, 0), (0, 1, 2)), on="dic"),
    row("lax.pad", A, S, ((-1, 2, 0), (0, -1, 1)), on="d", label="negative"),
    row("lax.concatenate", [A, B], 1, on=ALL, call=lambda jx, xs, d: jx.lax.concatenate(xs, dimension=d)),
    row("lax.full", (2, 3), 2.5, **_ONCE),
    row("lax.full", (2, 3), S, on="di", label="traced"),
    row("lax.full_like", A, 2, on="dic"),
    row("lax.iota", np.int64, 4, **_ONCE),
    row("lax.broadcasted_iota", np.float32, (2, 3), 1, **_ONCE),
    row("lax.dynamic_slice", A, (np.array(1), np.array(0)), (1, 2), on="di"),
    row("lax.dynamic_slice", A, (np.array(5), np.array(2)), (1, 2), on="d", label="beyond"),
    row("lax.dynamic_slice", A, (np.array(-1), np.array(-2)), (1, 2), on="d", label="negative"),
    row("lax.dynamic_slice_in_dim", A, np.array(1), 2, 1, on="d"),
    row("lax.dynamic_index_in_dim", A, np.array(1), 1, False, on="d"),
    row("lax.dynamic_update_slice", A, Sample((1, 2)), (np.array(1), np.array(0)), on="di"),
    row("lax.dynamic_update_slice", A, Sample((1, 2)), (np.array(7), np.array(7)), on="d", label="beyond"),
    row("lax.dynamic_update_slice_in_dim", A, Sample((2, 1)), np.array(1), 1, on="d"),
    row("lax.dynamic_update_index_in_dim", A, Sample((2,)), np.array(1), 1, on="d"),
    row("lax.gather", A, _ROWS, on="di", call=_gather),
    row("lax.gather", A, np.array([[1], [5], [-9]]), on="d", mode="clip", call=_gather),
    row("lax.gather", A, np.array([[1], [5], [-9]]), on="d", mode="fill", fill_value=0.5, call=_gather),
    *[row(f"lax.{name}", A, _ROWS, SQUARE, on="di", call=_scatter(name))
      for name in ("scatter_add", "scatter_sub", "scatter_max", "scatter_min")],
    *[row(f"lax.{name}", A, np.array([[1], [0]]), B, on="di", call=_scatter(name), unique_indices=True)
      for name in ("scatter", "scatter_mul")],
    *[row(f"lax.{name}", A, np.array([[1], [7]]), B, on="d", call=_scatter(name), mode=mode)
      for name in ("scatter", "scatter_add") for mode in ("drop", "clip") if (name, mode) != ("scatter", "clip")],
    row("lax.index_take", A, [INDEX], (1,), on="d"),
    row("lax.sort", A, on=REAL, call=lambda jx, a: jx.lax.sort(a, dimension=0)),
    row("lax.sort", [A, B], on="di", label="two", call=lambda jx, xs: jx.lax.sort(tuple(xs), num_keys=1),
        oracle=lambda jax, xs: jax.lax.sort(tuple(xs), num_keys=1)),
    row("lax.sort_key_val", A, B, on="di"),
    row("lax.argsort", A, on="di", oracle=lambda jax, a: jax.numpy.argsort(a)),
    row("lax.top_k", A, 2, on="dfi"),
    row("lax.take_along_dim", A, INDEX2, 1, on="d", oracle=lambda jax, a, i, d: jax.numpy.take_along_axis(a, i, d)),
    row("lax.put_along_dim_add", Sample((2, 2)), INDEX2, 1, 3, on="d",
        oracle=lambda jax, u, i, d, n: jax.numpy.zeros((2, n)).at[np.arange(2)[:, None], i].add(u)),
    row("lax.dtype", A, on="df", only=("evaluate",), eager=True),
    row("lax.padtype_to_pads", (5, 5), (2, 3), (1, 2), "SAME", **_ONCE),
    row("lax.copy", A, on="dib", oracle=lambda jax, a: a + 0 if a.dtype != bool else a),
    row("lax.name", A, "x", on="d", oracle=lambda jax, a, n: a),
    row("lax.with_sharding_constraint", A, on="d", oracle=lambda jax, a: a),
]  # fmt: skip

LAX_REDUCTIONS = [
    *_each("reduce_sum reduce_prod", A, module="lax", on=NUMBERS, axes=(1,)),
    *_each("reduce_max reduce_min", A, module="lax", on=REAL, axes=(0,)),
    *_each("reduce_sum reduce_max", BOX, module="lax", on="d", axes=(0, 2)),
    *_each("reduce_and reduce_or reduce_xor", A, module="lax", on=INTEGERS, axes=(1,)),
    *_each("argmax argmin", A, 1, np.int32, module="lax", on="di",),
    *_each("cumsum cumprod", A, module="lax", on=NUMBERS, axis=1),
    *_each("cummax cummin", A, module="lax", on="dfi", axis=1),
    *_each("cumsum cumprod cummax cummin cumlogsumexp", A, module="lax", on="d", axis=0, reverse=True),
    row("lax.cumlogsumexp", A, on="df", axis=1),
    row("lax.linear_recurrence", A, B, on="d", axis=1,
        oracle=lambda jax, f, a, axis: jax.numpy.moveaxis(jax.lax.scan(
            lambda c, x: (x[0] * c + x[1],) * 2, jax.numpy.zeros(2), (f.T, a.T))[1], 0, 1)),
    row("lax.dot", A, V, on="dic"),
    row("lax.dot", A, SQUARE, on="d", label="matrices"),
    row("lax.dot_general", BOX, Sample((2, 4, 2)), _DOT, on="dfic"),
    row("lax.dot_general", A, SQUARE, (((1,), (0,)), ((), ())), on="f", preferred_element_type=np.float64),
    row("lax.batch_matmul", Sample((2, 2, 3)), Sample((2, 3, 2)), on="dc"),
    row("lax.cholesky", DEFINITE, on=INEXACT, oracle=lambda jax, a: jax.lax.linalg.cholesky(a)),
    row("lax.lu", REGULAR, on="dc", call=lambda jx, a: jx.lax.lu(a), oracle=lambda jax, a: jax.lax.linalg.lu(a)),
    row("lax.solve", REGULAR, SQUARE, on="dc", oracle=lambda jax, a, b: jax.numpy.linalg.solve(a, b)),
    row("lax.triangular_solve", LOWER, SQUARE, on="dc", left_side=True, lower=True,
        oracle=lambda jax, a, b, **k: jax.lax.linalg.triangular_solve(a, b, **k)),
    row("lax.triangular_solve", LOWER, SQUARE, on="d", lower=True, transpose_a=True, unit_diagonal=True,
        oracle=lambda jax, a, b, **k: jax.lax.linalg.triangular_solve(a, b, **k)),
    row("lax.qr", TALL, on="dc", full_matrices=False, oracle=lambda jax, a, **k: jax.lax.linalg.qr(a, **k)),
    row("lax.eigh", SQUARE, on="dfc", call=modulus_of("lax.eigh"), oracle=modulus_of("lax.linalg.eigh")),
    row("lax.eig", SQUARE, on="dc", call=lambda jx, a: jx.lax.eig(a)[0],
        oracle=lambda jax, a: jax.lax.linalg.eig(a, compute_left_eigenvectors=False)[0]),
    row("lax.svd", TALL, on="dfc", full_matrices=False, call=modulus_of("lax.svd"),
        oracle=modulus_of("lax.linalg.svd")),
    row("lax.fft", A, "FFT", (3,), on="c"),
    row("lax.fft", BOX, "IFFT", (3, 4), on="c"),
    row("lax.fft", BOX, "RFFT", (3, 4), on="df"),
    row("lax.fft", A, "IRFFT", (5,), on="c"),
    row("lax.lu_solve", REGULAR, V, on="d", call=lambda jx, a, b: _by_lu(jx, a, b),
        oracle=lambda jax, a, b: jax.numpy.linalg.solve(a, b)),
]  # fmt: skip


def _by_lu(jx, a, b):
    lu, _, permutation = jx.lax.lu(a)
    return jx.lax.lu_solve(lu, permutation, b)


IMAGE = Sample((2, 4, 7, 6))
KERNEL = Sample((6, 4, 3, 2))
GROUPED = Sample((6, 2, 3, 2))
WINDOWS = [
    row("lax.conv", IMAGE, KERNEL, (2, 1), "SAME", on="df"),
    row("lax.conv_with_general_padding", IMAGE, KERNEL, (1, 2), [(1, 0), (2, -1)], (2, 1), (1, 2), on="d"),
    row("lax.conv_general_dilated", IMAGE, GROUPED, (2, 1), "VALID", on="d", feature_group_count=2),
    row("lax.conv_general_dilated", IMAGE, KERNEL, (1, 1), "SAME_LOWER", on="d", batch_group_count=2),
    row("lax.conv_general_dilated", Sample((2, 7, 6, 4)), Sample((3, 2, 4, 5)), (1, 1), "SAME", on="d",
        dimension_numbers=("NHWC", "HWIO", "NCHW")),
    row("lax.conv_general_dilated", Sample((1, 1, 40)), Sample((1, 1, 20)), (3,), "SAME", on="d", label="wide"),
    row("lax.conv_transpose", Sample((2, 4, 3, 2)), Sample((3, 2, 2, 5)), (2, 3), "SAME", on="d"),
    row("lax.conv_transpose", Sample((2, 4, 3, 2)), Sample((3, 2, 5, 2)), (1, 3), "VALID", on="d",
        transpose_kernel=True),
    row("lax.conv_general_dilated_patches", IMAGE, (3, 2), (1, 2), "SAME", on="d"),
    row("lax.conv_general_dilated_local", Sample((2, 4, 7, 6)), Sample((3, 24, 5, 5)), (1, 1), "VALID", (3, 2), on="d"),
    row("lax.conv_general_dilated_local", Sample((2, 7, 6, 2)), Sample((4, 3, 12, 3)), (2, 2), "SAME", (3, 2), on="d",
        dimension_numbers=("NHWC", "HWIO", "NCHW"), label="axes"),
    row("lax.conv_general_permutations", ("NHC", "HIO", "NCH"), **_ONCE,
        call=lambda jx, *a: list(map(list, jx.lax.conv_general_permutations(a)))),
    row("lax.conv_shape_tuple", (4, 3, 7, 6), (4, 3, 3, 3), (1, 2), [(0, 1), (1, 1)], **_ONCE,
        call=lambda jx, *a: list(map(int, jx.lax.conv_shape_tuple(*a, batch_group_count=2)))),
    *[row(f"lax.{name}_shape_tuple", (2, 7, 6, 3), (3, 3, 3, 4), (1, 2), padding, **_ONCE, label=str(padding),
          call=lambda jx, *a, name=name: list(map(int, getattr(jx.lax, f"{name}_shape_tuple")(
              *a, ("NHWC", "HWIO", "NCHW")))))
      for name in ("conv_general", "conv_transpose") for padding in ("SAME", "VALID", [(1, 2), (0, 1)])],
    row("lax.conv_dimension_numbers", (1, 2, 3), (1, 2, 3), ("NHC", "HIO", "NCH"), **_ONCE,
        call=lambda jx, *a: list(map(list, _specs(jx.lax.conv_dimension_numbers(*a))))),
    *[row("lax.reduce_window", IMAGE, init, on="d" if name == "max" else "df", label=name,
          call=lambda jx, x, init, name=name: jx.lax.reduce_window(
              x, init, getattr(jx.lax, name), (1, 2, 3, 1), (1, 2, 1, 1), "SAME"))
      for name, init in (("max", -np.inf), ("min", np.inf), ("add", 0.0))],
    row("lax.reduce_window", IMAGE, on="d", label="dilated", call=lambda jx, x: jx.lax.reduce_window(
        x, 0.0, jx.lax.add, (1, 1, 2, 2), (1, 1, 2, 1), [(0, 0), (0, 0), (1, 1), (0, 1)], (1, 1, 1, 2), (1, 1, 2, 1))),
    *[row("lax.mulhi", x, y, only=("evaluate", "jit", "vmap"), on="d", label=str(x.dtype)) for x, y in (
        np.array([[-1, 2**62 + 5, -(2**63), 2**63 - 1, 123456789123], [-1, -77, -(2**63), 2**63 - 1, -98765432198]]),
        np.array([[2**64 - 1, 2**63 + 5, 2**40 + 3], [2**64 - 1, 7, 2**50 + 9]], np.uint64),
        np.array([[-1, -(2**31), 2**31 - 1], [1, -(2**31), -12345]], np.int32),
        np.array([[255, 16, 3], [255, 17, 4]], np.uint8),
    )],
    *[row(f"lax.{name}", *arrays, on="d") for name, arrays in {
        "betainc": (Sample((3,), 0.5, 2.0), Sample((3,), 0.6, 2.5, 1), Sample((3,), 0.1, 0.9)),
        "igamma": (Sample((3,), 0.5, 2.0), Sample((3,), 0.6, 2.5, 1)),
        "igammac": (Sample((3,), 0.5, 2.0), Sample((3,), 0.6, 2.5, 1)),
        "zeta": (Sample((3,), 1.2, 3.0), Sample((3,), 0.6, 2.5, 1)),
    }.items()],
    *[row("lax.reduce_window", IMAGE, on="di", label=f"{name} from 3", only=("evaluate", "jit", "vmap"),
          call=lambda jx, x, name=name: jx.lax.reduce_window(
              x, x.dtype.type(3), getattr(jx.lax, name), (1, 2, 3, 1), (1, 2, 1, 1), "SAME"))
      for name in ("add", "mul", "max", "min")],
    row("lax.reduce_window", A, on="d", label="too wide", only=("evaluate", "jit", "vmap"),
        call=lambda jx, x: jx.lax.reduce_window(x, 1.0, lambda a, b: a + 2 * b, (1, 9), (1, 1), "VALID")),
    row("lax.reduce_window", A, on="d", label="any function", only=("evaluate", "jit", "vmap"),
        call=lambda jx, x: jx.lax.reduce_window(x, 1.0, lambda a, b: a * b, (1, 2), (1, 1), "VALID")),
    row("lax.reduce_window_shape_tuple", (5, 6), (2, 3), (1, 2), [(0, 1), (1, 1)], **_ONCE,
        oracle=lambda jax, *a: [5, 3]),
    row("lax.reduce", BOX, on="dfi", call=lambda jx, x: jx.lax.reduce(x, x.dtype.type(0), jx.lax.add, (0, 2))),
    row("lax.reduce", BOX, on="d", label="several", only=("evaluate", "jit", "vmap"), call=lambda jx, x: jx.lax.reduce(
        (x, 2 * x), (0.0, -np.inf), lambda a, b: (a[0] + b[0], jx.lax.max(a[1], b[1])), (0, 2))),
    row("lax.ragged_dot", Sample((6, 4)), Sample((3, 4, 5)), np.array([2, 0, 3]), on="d",
        only=("evaluate", "jit", "jvp", "grad", "jit_grad")),
    *[row(f"lax.linalg.{name}", *args, on="dc", call=call)
      for name, args, call in [
          ("cholesky", (DEFINITE,), lambda jx, a: jx.lax.linalg.cholesky(a)),
          ("triangular_solve", (LOWER, SQUARE), lambda jx, a, b: jx.lax.linalg.triangular_solve(
              a, b, left_side=True, lower=True)),
          ("lu", (REGULAR,), lambda jx, a: jx.lax.linalg.lu(a)),
          ("qr", (REGULAR,), lambda jx, a: abs(jx.lax.linalg.qr(a, full_matrices=False)[1])),
          ("eigh", (DEFINITE,), lambda jx, a: jx.lax.linalg.eigh(a)[1]),
          ("svd", (REGULAR,), lambda jx, a: jx.lax.linalg.svd(a, compute_uv=False)),
          ("tridiagonal_solve", (Sample((2, 4), -1, 1), Sample((2, 4), 3, 5), Sample((2, 4), -1, 1, seed=1),
                                 Sample((2, 4, 3))),
           lambda jx, low, d, up, b: jx.lax.linalg.tridiagonal_solve(
               low.at[:, 0].set(0.0), d, up.at[:, -1].set(0.0), b)),
      ]],
    # Any numbers below the diagonal and any factors, as LAPACK does not ask whether they are those of reflections.
    row("lax.linalg.householder_product", TALL, Sample((2,), seed=1), on="dfc", only=("evaluate", "jit", "vmap")),
    row("lax.linalg.householder_product", STACK, Sample((2, 2), seed=1), on="dc", label="stack",
        only=("evaluate", "jit", "vmap")),
    *[row("lax.linalg.ormqr", TALL, Sample((2,), seed=1), SQUARE, on="dfc", left=left, transpose=transpose,
          only=("evaluate", "jit", "vmap")) for left in (True, False) for transpose in (True, False)],
    *[row(f"lax.linalg.{name}", Sample((2, 4, 4)), on="dfc", only=("evaluate", "jit", "vmap"), **options)
      for name, options in (("hessenberg", {}), ("schur", {}), ("schur", {"compute_schur_vectors": False}),
                            ("tridiagonal", {}), ("tridiagonal", {"lower": False}))],
    # Signs of real vectors are LAPACK's, which is the same; those of float32 are of vectors computed in double.
    row("lax.linalg.eig", SQUARE, on="dc", only=("evaluate", "jit", "vmap")),
    row("lax.linalg.eig", SQUARE, on="f", call=modulus_of("lax.linalg.eig"), only=("evaluate", "jit", "vmap")),
    row("lax.linalg.eig", SQUARE, on="dc", enable_eigvec_derivs=True, only=("jvp", "grad", "jit_grad", "vmap_grad")),
    row("lax.linalg.eig", STACK, on="dfc", compute_left_eigenvectors=False, compute_right_eigenvectors=False),
    row("lax.linalg.qr", TALL, on="dfc", pivoting=True),
    row("lax.linalg.qr", STACK, on="d", pivoting=True, full_matrices=False, label="stack"),
    row("lax.linalg.eigh", STACK, on="dfc", lower=False, sort_eigenvalues=False, call=modulus_of("lax.linalg.eigh")),
    row("lax.linalg.svd", BOX, on="dfc", full_matrices=False, subset_by_index=(0, 2), only=("evaluate", "jit", "vmap"),
        call=modulus_of("lax.linalg.svd")),
    row("lax.linalg.svd", BOX, on="d", compute_uv=False, subset_by_index=(1, 2), only=("evaluate", "jit", "vmap")),
    *[row("lax.linalg.lu_pivots_to_permutation", np.array(pivots, np.int32), size, on="d", label=str(size))
      for pivots, size in (([2, 2, 2], 5), ([[1, 1], [0, 2]], 3))],
    row("lax.linalg.symmetric_product", BOX, Sample((2, 3, 3)), on="df", alpha=0.5, beta=-2.0,
        only=("evaluate", "jit", "vmap")),
    row("lax.linalg.symmetric_product", A, Sample((2, 2)), on="d", beta=0.5, symmetrize_output=True,
        only=("evaluate", "jit", "vmap")),
    row("lax.linalg.cholesky_update", LOWER, V, on="df", only=("evaluate", "jit"),
        call=lambda jx, r, w: jx.lax.linalg.cholesky_update(r.T, w)),
    row("lax.linalg.cholesky_update", LOWER, np.array([0.0, 1.5, 0.0]), on="d", only=("evaluate", "jit"),
        label="zeros", call=lambda jx, r, w: jx.lax.linalg.cholesky_update(r.T, w)),
    *[row("lax.reduce_precision", A, *bits, on="df", label=str(bits)) for bits in ((5, 10), (8, 7), (3, 1), (11, 52))],
    *[row("lax.reduce_precision", np.concatenate([SPECIAL, [1e-300, 1e39, 1.5, 3.0]]), *bits, on="d",
          label=f"special {bits}", only=("evaluate", "jit")) for bits in ((8, 23), (5, 0), (1, 3))],
    row("lax.split", A, (1, 2), on="di", call=lambda jx, x, sizes: jx.lax.split(x, sizes, 1)),
    row("lax.stack", [A, B], on="d", call=lambda jx, xs: jx.lax.stack(xs, 1)),
    row("lax.unstack", A, on="d", axis=1),
    row("lax.tile", A, (2, 1), on="di"),
    row("lax.broadcast_to_rank", A, 4, on="d"),
    row("lax.broadcast_like", V, A, on="d"),
    row("lax.empty", (2, 3), np.float32, **_ONCE, call=lambda jx, *a: jx.lax.empty(*a).dtype),
    *_each("approx_max_k approx_min_k", A, 2, module="lax", on="df"),
    row("lax.approx_max_k", A, 1, on="d", reduction_dimension=0),
    row("lax.platform_dependent", V, on="d", call=lambda jx, x: jx.lax.platform_dependent(
        x, cpu=jx.numpy.sin, default=jx.numpy.cos)),
    row("lax.composite", V, on="d", call=lambda jx, x: jx.lax.composite(lambda y: y * jx.numpy.sin(y), "test.f")(x),
        only=("evaluate", "jit")),
]  # fmt: skip


def _specs(numbers):
    return numbers.lhs_spec, numbers.rhs_spec, numbers.out_spec


# --- programs: operators, methods, indexing, control flow, transformations inside -------------------

OPERATORS = [
    row("operators.arithmetic", POSITIVE, POSITIVE_OTHER, on="dfic",
        call=lambda jx, x, y: (x + y, x - y, x * y, x / y, -x, +x, abs(x), x**2, 2 * x, 1 / y, 3 - x)),
    row("operators.modulo", A, ABOVE_ONE, on="dfi", call=lambda jx, x, y: (x // y, x % y, divmod(x, y), 7 % y, 7 // y)),
    row("operators.compare", A, B, on="dfi",
        call=lambda jx, x, y: (x < y, x <= y, x > y, x >= y, x == y, x != y, x < 0)),
    row("operators.bits", A, B, on="ib", call=lambda jx, x, y: (x & y, x | y, x ^ y, ~x, x & True)),
    row("operators.shifts", A, SMALL, on="i", call=lambda jx, x, y: (x << y, x >> y, 2 << y, x >> 1)),
    row("operators.matmul", A, SQUARE, on="dfc", call=lambda jx, x, y: x @ y),
    row("operators.power", POSITIVE, B, on="dfc", call=lambda jx, x, y: (x**y, x**0.5, 2.0**y, x**-1)),
    row("methods.reductions", A, on="dfic",
        call=lambda jx, x: (x.sum(), x.mean(axis=0), x.prod(), x.var(), x.std(), x.any(), x.all(), x.cumsum())),
    row("methods.order", A, on="dfi", call=lambda jx, x: (x.max(), x.min(axis=1), x.argmax(), x.argmin(axis=1))),
    row("methods.shape", A, on="dfic",
        call=lambda jx, x: (x.T, x.reshape(3, 2), x.ravel(), x.flatten(), x.transpose(1, 0), x.swapaxes(0, 1))),
    row("methods.other", A, on="dfi",
        call=lambda jx, x: (x.astype(np.float32), x.clip(-1, 1), x.round(), x.conj(), x.real, x.imag, x.dot(x.T))),
    row("methods.diagonal", SQUARE, on="di", call=lambda jx, x: (x.diagonal(), x.trace(), x.squeeze(), x.repeat(2))),
    row("methods.sizes", A, on="d", only=("evaluate",), eager=True,
        call=lambda jx, x: (jx.numpy.sin(x).shape, x.ndim, x.size, len(x))),
]  # fmt: skip

_READS = {
    "scalar": lambda x: x[1, 2],
    "row": lambda x: x[1],
    "negative": lambda x: x[-1, -2],
    "slice": lambda x: x[:, 1:],
    "step": lambda x: x[::-1, ::2],
    "newaxis": lambda x: x[None, :, None, 1],
    "ellipsis": lambda x: x[..., 0],
    "array": lambda x: x[:, INDEX],
    "two arrays": lambda x: x[np.array([0, 1]), np.array([2, 0])],
    "split arrays": lambda x: x[np.array([0, 1, 1]), None, np.array([2, 0, 0])],
    "matrix of indices": lambda x: x[:, INDEX2],
    "boolean mask": lambda x: x[MASK],
    "boolean row": lambda x: x[:, MASK3],
    "slice and array": lambda x: x[1:, INDEX],
}
_WRITES = {
    "set": lambda x, y: x.at[0].set(y[1]),
    "set scalar": lambda x, y: x.at[1, 2].set(3),
    "set slice": lambda x, y: x.at[:, ::2].set(y[:, :2]),
    "set mask": lambda x, y: x.at[MASK].set(0),
    "add": lambda x, y: x.at[0].add(y[1]),
    "add repeated": lambda x, y: x.at[:, INDEX].add(y),
    "multiply": lambda x, y: x.at[1].multiply(y[0]),
    "max": lambda x, y: x.at[0].max(y[0]),
    "min": lambda x, y: x.at[:, 1].min(y[:, 0]),
    "power": lambda x, y: x.at[0].power(2),
    "subtract": lambda x, y: x.at[:, INDEX].subtract(y),
    "get": lambda x, y: x.at[1].get() * y,
    "get fill": lambda x, y: x.at[np.array([0, 5])].get(mode="fill", fill_value=0) + y,
    "get clip": lambda x, y: x.at[np.array([0, 5])].get(mode="clip") + y,
    "set drop": lambda x, y: x.at[np.array([0, 5])].set(y, mode="drop"),
    "apply": lambda x, y: x.at[0].apply(lambda v: v * v),
}
INDEXING = [
    *[row("indexing.read", A, on="dic", label=label, call=lambda jx, x, read=read: read(x))
      for label, read in _READS.items()],
    *[row("indexing.at", A, B, on="di", label=label,
          call=lambda jx, x, y, write=write: write(x, y))
      for label, write in _WRITES.items()],
    row("indexing.at", A, POSITIVE, on="d", label="divide", call=lambda jx, x, y: x.at[0].divide(y[1])),
    row("indexing.traced", A, np.array(1), on="di", call=lambda jx, x, i: (x[i], x.at[i].add(2))),
    row("indexing.traced", A, INDEX, on="di", label="array",
        call=lambda jx, x, i: (x[:, i], x.at[:, i].add(1))),
    row("indexing.outside", LONG, on="d", label="read", call=lambda jx, x: x[np.array([9])]),
    row("indexing.outside", LONG, on="d", label="write", call=lambda jx, x: x.at[9].set(1.0)),
    row("indexing.outside", LONG, on="d", label="take", call=lambda jx, x: jx.numpy.take(x, np.array([9]))),
]  # fmt: skip


def _newton(jx, x):
    return jx.lax.while_loop(lambda s: s[1] < 4, lambda s: (0.5 * (s[0] + x / s[0]), s[1] + 1), (x + 1.0, 0))[
        0
    ]


def _data_dependent(jx, x):
    return jx.lax.while_loop(
        lambda y: jx.numpy.sum(y * y) > 0.3, lambda y: 0.6 * jx.numpy.sin(y) * (1.0 + 0.1 * x), x
    )


def _nested(jx, x):
    def step(carry, t):
        carry = jx.lax.cond(t > 0.5, lambda y: jx.lax.fori_loop(0, 2, lambda i, z: jx.numpy.sin(z) + i, y),
                            lambda y: y * t, carry)  # fmt: skip
        return carry + jx.numpy.sin(t), carry * x[0]

    return jx.lax.scan(step, 1.3, x)


def _custom_jvp(jx, x):
    @jx.custom_jvp
    def f(y):
        return jx.numpy.sin(y)

    @f.defjvp
    def rule(primals, tangents):
        return f(*primals), 3.0 * tangents[0] * primals[0]

    return f(x)


def _custom_vjp(jx, x, y):
    @jx.custom_vjp
    def f(a, b):
        return jx.numpy.sin(a) * b

    f.defvjp(lambda a, b: (f(a, b), (a, b)), lambda res, ct: (ct * res[1] * 2.0, ct * res[0]))
    return f(x, y)


def _custom_root(jx, x):
    def solve(f, guess):
        return jx.lax.fori_loop(0, 20, lambda _, y: y - f(y) / (3 * y * y), guess)

    return jx.lax.custom_root(lambda y: y**3 - x, 1.0, solve, lambda g, y: y / g(1.0))


def _custom_linear_solve(jx, a, b):
    return jx.lax.custom_linear_solve(
        lambda v: a @ v,
        b,
        lambda _, v: jx.numpy.linalg.solve(a, v),
        lambda _, v: jx.numpy.linalg.solve(a.T, v),
    )


# Reverse mode of a while loop is an error in JAX.
_FORWARD = ("evaluate", "jit", "jvp", "linearize", "vmap")

CONTROL = [
    row("lax.scan", V, on="dfc", call=lambda jx, x: jx.lax.scan(lambda c, t: (c * t + 1, c * t), x[0], x)),
    row("lax.scan", A, on="d", label="reverse",
        call=lambda jx, x: jx.lax.scan(lambda c, t: (jx.numpy.sin(c) + t, c * t), x[0], x, reverse=True)),
    row("lax.scan", V, on="di", label="integer carry",
        call=lambda jx, x: jx.lax.scan(lambda c, t: ({"n": c["n"] + 1, "s": c["s"] + t}, c["n"] * t),
                                       {"n": 0, "s": 0.0 * x[0]}, x)),
    row("lax.scan", V, on="d", label="length",
        call=lambda jx, x: jx.lax.scan(lambda c, _: (c * x, jx.numpy.sum(c)), x, None, length=3)),
    row("lax.scan", EMPTY, V, on="d", label="empty", call=lambda jx, e, x: jx.lax.scan(lambda c, t: (c + t, t), x, e)),
    row("lax.scan", V, on="d", label="weak carry", call=lambda jx, x: jx.lax.scan(lambda c, t: (c + t, c), 0, x)),
    row("lax.scan", A, on="d", label="unroll",
        call=lambda jx, x: jx.lax.scan(lambda c, t: (c * t, c + t), x[0], x, unroll=2)),
    row("lax.scan", V, on="d", label="nested", call=_nested),
    row("lax.while_loop", POSITIVE, on="df", only=_FORWARD, call=_newton),
    row("lax.while_loop", V, on="d", only=_FORWARD, label="data dependent", call=_data_dependent),
    row("lax.while_loop", np.array(5), on="d", only=("evaluate", "jit", "vmap"), label="integer",
        call=lambda jx, n: jx.lax.while_loop(lambda s: s[0] > 0, lambda s: (s[0] - 1, s[1] * s[0]), (n, 1))),
    row("lax.fori_loop", V, on="dfic", call=lambda jx, x: jx.lax.fori_loop(0, 3, lambda i, y: y * x[i], x)),
    row("lax.fori_loop", V, on="dfic", label="index in arithmetic",
        call=lambda jx, x: jx.lax.fori_loop(0, 3, lambda i, y: y * x + i, x)),
    row("lax.fori_loop", V, np.array(3), on="d", only=_FORWARD, label="traced bound",
        call=lambda jx, x, n: jx.lax.fori_loop(0, n, lambda i, y: jx.numpy.sin(y) * x, x)),
    row("lax.cond", V, on="dc", call=lambda jx, x: jx.lax.cond(abs(x[0]) > 0.1, jx.numpy.sin, lambda y: y * y, x)),
    row("lax.cond", S, V, on="dfi", label="batched",
        call=lambda jx, p, x: jx.lax.cond(p > 0, lambda y: y * y, lambda y: y * p, x)),
    row("lax.cond", V, on="d", label="nan in the other branch",
        call=lambda jx, x: jx.lax.cond(x[0] > -9, lambda y: y * y, lambda y: jx.numpy.log(y - 99.0), x)),
    row("lax.switch", V, on="di",
        call=lambda jx, x: jx.lax.switch(jx.numpy.argmax(x), [lambda y: y * 2, lambda y: y * y, lambda y: y * x], x)),
    *[row("lax.switch", V, np.array(i), on="d", label=f"index {i}",
          call=lambda jx, x, i: jx.lax.switch(i, [lambda y: y * 2, lambda y: y * y, lambda y: y * x], x))
      for i in (-3, 1, 7)],
    row("lax.map", A, on="dfi", call=lambda jx, x: jx.lax.map(lambda t: t * t[0], x)),
    row("lax.map", LONG, on="d", label="all at once",
        call=lambda jx, x: jx.lax.map(lambda t: t * jx.numpy.sin(t), x, batch_size=0)),
    row("lax.map", LONG, on="d", label="batches",
        call=lambda jx, x: jx.lax.map(lambda t: jx.numpy.sin(t) * t, x, batch_size=3)),
    row("lax.associative_scan", LONG, on="dfi", call=lambda jx, x: jx.lax.associative_scan(lambda a, b: a * b, x)),
    row("lax.associative_scan", A, on="d", label="reverse",
        call=lambda jx, x: jx.lax.associative_scan(lambda a, b: a + b * a, x, reverse=True, axis=1)),
    row("lax.custom_root", POSITIVE_S, on="d", call=_custom_root),
    row("lax.custom_linear_solve", REGULAR, V, on="d", call=_custom_linear_solve),
]  # fmt: skip

_I = "i"
COLLECTIVES = [
    *[row(f"lax.{name}", A, on="di" if name != "pmean" else "d", label="vmap",
          call=lambda jx, x, name=name: jx.vmap(
              lambda t: t * getattr(jx.lax, name)(t, _I), axis_name=_I)(x))
      for name in ("psum", "pmean", "pmax", "pmin")],
    row("lax.all_to_all", STACK, on="di", call=lambda jx, x: jx.vmap(
        lambda t: jx.lax.all_to_all(t * t, _I, 0, 1), axis_name=_I)(x[:, :2])),
    row("lax.all_to_all", STACK, on="d", label="tiled", call=lambda jx, x: jx.vmap(
        lambda t: jx.lax.all_to_all(t, _I, 0, 1, tiled=True), axis_name=_I)(x[:, :2])),
    row("lax.pswapaxes", STACK, on="d", call=lambda jx, x: jx.vmap(
        lambda t: t * jx.lax.pswapaxes(t, _I, 0), axis_name=_I)(x[:, :2])),
    row("lax.pshuffle", A, on="d", call=lambda jx, x: jx.vmap(
        lambda t: t * jx.lax.pshuffle(t, _I, [1, 0]), axis_name=_I)(x)),
    row("lax.psum_scatter", STACK, on="d", call=lambda jx, x: jx.vmap(
        lambda t: jx.lax.psum_scatter(t, _I), axis_name=_I)(x[:, :2])),
    row("lax.psum_scatter", STACK, on="d", label="tiled", call=lambda jx, x: jx.vmap(
        lambda t: jx.lax.psum_scatter(t, _I, tiled=True), axis_name=_I)(x[:, :2])),
    row("lax.pbroadcast", A, on="d", call=lambda jx, x: jx.vmap(
        lambda t: t * jx.lax.pbroadcast(t, _I, 1), axis_name=_I)(x),
        oracle=lambda jax, x: x * x[1]),
    row("lax.axis_index", A, on="d", call=lambda jx, x: jx.vmap(lambda t: t * jx.lax.axis_index(_I), axis_name=_I)(x)),
    row("lax.axis_size", A, on="d", call=lambda jx, x: jx.vmap(lambda t: t * jx.lax.axis_size(_I), axis_name=_I)(x)),
    row("lax.all_gather", A, on="d", call=lambda jx, x: jx.vmap(lambda t: jx.lax.all_gather(t, _I), axis_name=_I)(x)),
    row("lax.ppermute", A, on="d",
        call=lambda jx, x: jx.vmap(lambda t: jx.lax.ppermute(t, _I, [(0, 1), (1, 0)]), axis_name=_I)(x)),
]  # fmt: skip


def _energy(jx, x):
    return jx.numpy.sum(jx.numpy.sin(x) * x[::-1] ** 2)


INSIDE = [
    row("transformations.grad", V, on="df", call=lambda jx, x: jx.grad(lambda y: _energy(jx, y))(x)),
    row("transformations.value_and_grad", V, on="d", call=lambda jx, x: jx.value_and_grad(lambda y: _energy(jx, y))(x)),
    row("transformations.hessian", V, on="d", call=lambda jx, x: jx.hessian(lambda y: _energy(jx, y))(x)),
    row("transformations.jacfwd", V, on="dc", call=lambda jx, x: jx.jacfwd(
        lambda y: jx.numpy.cumprod(y), holomorphic=jx.numpy.iscomplexobj(x))(x)),
    row("transformations.jacrev", V, on="dc", call=lambda jx, x: jx.jacrev(
        lambda y: jx.numpy.cumprod(y), holomorphic=jx.numpy.iscomplexobj(x))(x)),
    row("transformations.jacobian", V, on="d", call=lambda jx, x: jx.jacobian(lambda y: jx.numpy.outer(y, y * y))(x)),
    row("transformations.holomorphic", S, on="c",
        call=lambda jx, z: jx.grad(lambda w: w**3 * jx.numpy.exp(w), holomorphic=True)(z)),
    row("transformations.real_of_complex", S, on="c",
        call=lambda jx, z: jx.grad(lambda w: jx.numpy.abs(w) ** 2 + w.real)(z)),
    row("transformations.perturbation", S, on="d", call=lambda jx, x: x * jx.grad(lambda y: x * y * y)(2.0 * x)),
    row("transformations.jvp", V, W, on="d", call=lambda jx, x, t: jx.jvp(jx.numpy.sin, (x,), (t,))),
    row("transformations.vjp", V, W, on="d", call=lambda jx, x, t: jx.vjp(jx.numpy.sin, x)[1](t)),
    row("transformations.linearize", V, W, on="d", call=lambda jx, x, t: jx.linearize(jx.numpy.sin, x)[1](t)),
    row("transformations.linear_transpose", V, W, on="d",
        call=lambda jx, x, t: jx.linear_transpose(lambda y: jx.numpy.cumsum(2.0 * y), x)(t)),
    row("transformations.vmap", A, V, on="di", call=lambda jx, x, y: jx.vmap(lambda a, b: a * b, (1, 0), 1)(x, y)),
    row("transformations.vmap", A, V, on="d", label="nested",
        call=lambda jx, x, y: jx.vmap(jx.vmap(lambda a, b: a * b, (0, None)), (1, 0))(x, y)),
    row("transformations.jit", A, on="di", call=lambda jx, x: jx.jit(lambda y: y * 2 + x)(x)),
    row("transformations.checkpoint", V, on="d",
        call=lambda jx, x: jx.checkpoint(lambda y: jx.numpy.sin(jx.numpy.sin(y)) * x)(x)),
    row("transformations.custom_jvp", V, on="d", call=_custom_jvp),
    row("transformations.custom_vjp", V, W, on="d", only=("evaluate", "jit", "grad", "jit_grad", "vmap", "vmap_grad"),
        call=_custom_vjp),
    row("transformations.closure_convert", V, on="d",
        call=lambda jx, x: (lambda f, consts: f(x, *consts))(*jx.closure_convert(lambda y: jx.numpy.sin(y), x))),
    row("transformations.pytrees", V, S, on="d",
        call=lambda jx, x, s: jx.grad(lambda p: jx.numpy.sum(p["w"] * p["b"][0] ** 2))({"w": x, "b": (s, None)})),
    row("programs.softmax", A, on="df",
        call=lambda jx, x: jx.numpy.exp(x - jx.numpy.max(x, 1, keepdims=True))
        / jx.numpy.sum(jx.numpy.exp(x), 1, keepdims=True)),
    row("programs.network", A, SQUARE, V, on="df",
        call=lambda jx, x, w, b: jx.numpy.mean(jx.numpy.tanh(x @ w + b) ** 2)),
    row("programs.gaussian", V, DEFINITE, on="d",
        call=lambda jx, x, s: -0.5 * x @ jx.numpy.linalg.solve(s, x) - 0.5 * jx.numpy.linalg.slogdet(s)[1]),
    row("programs.masked_mean", A, on="d",
        call=lambda jx, x: jx.numpy.sum(jx.numpy.where(x > 0, x, 0.0)) / jx.numpy.sum(x > 0)),
    row("programs.fibonacci", S, on="d",
        call=lambda jx, x: jx.lax.fori_loop(0, 5, lambda _, s: (s[1], s[0] + s[1]), (x, x * x))),
]  # fmt: skip

ROWS = [
    *UNARY,
    *BINARY,
    *REDUCTIONS,
    *CHOICE,
    *SHAPES,
    *PRODUCTS,
    *CREATION,
    *MORE,
    *SETS,
    *POLYNOMIALS,
    *PLACES,
    *WINDOWS,
    *FOURIER,
    *LAX_ELEMENTS,
    *LAX_SHAPES,
    *LAX_REDUCTIONS,
    *OPERATORS,
    *INDEXING,
    *CONTROL,
    *COLLECTIVES,
    *INSIDE,
]

# Public functions without a row.
EXCLUDED = {
    **dict.fromkeys(
        ("numpy.get_printoptions", "numpy.set_printoptions", "numpy.printoptions"),
        "settings of NumPy's printing",
    ),
    **dict.fromkeys(("numpy.load", "numpy.save", "numpy.savez"), "files: NumPy's own functions"),
    **dict.fromkeys(("numpy.array_repr", "numpy.array_str"), "text: NumPy's own functions"),
    "numpy.fromfile": "files: NumPy's own function",
    "lax.apply": "re-applies an equation by name: a tool of jaxlite's printed programs, not in JAX",
    "lax.constant": "an array in a printed program: a tool of jaxlite's printed programs, not in JAX",
    "lax.aval": "a type written as text: a tool of jaxlite's printed programs, not in JAX",
    "lax.program": "a jaxpr written as Python: a tool of jaxlite's printed programs, not in JAX",
    "lax.aval_of": "a helper of jaxlite, not in JAX",
    "lax.as_dtype": "a helper of jaxlite, not in JAX",
    "lax.random_bits": "the primitive below random.bits, not in JAX; its streams are compared in test_random.py",
    **dict.fromkeys(("lax.hyp1f1", "lax.hyp2f1"), "compared as scipy.special's, under the same names"),
    **dict.fromkeys(("lax.schur", "lax.hessenberg"), "not unique: compared with SciPy in test_linalg.py"),
    **dict.fromkeys(
        ("lax.column_pivots", "lax.triangular_sylvester"), "LAPACK's, not in JAX: compared in rows/schur.py"
    ),
    **dict.fromkeys(
        ("lax.householder_product", "lax.ormqr"), "compared as lax.linalg's, under the same names"
    ),
    **dict.fromkeys(
        ("lax.geqrf", "lax.gehrd", "lax.tridiagonal"),
        "LAPACK's, compared as numpy.linalg.qr, lax.linalg.hessenberg and lax.linalg.tridiagonal",
    ),
    "lax.DotDimensionNumbers": "a type, for annotations",
    "lax.left_eigenvectors": "LAPACK's, compared as lax.linalg.eig",
    "lax.random_gamma_grad": "compared with JAX and mpmath in test_random.py",
    **dict.fromkeys(
        (
            *(f"lax.reduce_window_{name}" for name in ("max", "min", "sum")),
            *(f"lax.select_and_{name}_add" for name in ("gather", "scatter")),
        ),
        "the primitives below reduce_window, no functions of JAX; tested by their own rows and through reduce_window",
    ),
    "lax.solve_with_lu": "the primitive below solve, not in JAX; tested by its own row and through solve",
}


def function_names() -> set[str]:
    """Return the public functions of ``jaxlite.numpy``, ``jaxlite.lax`` and their ``linalg``, and of ``fft``."""
    modules = {
        "numpy": jaxlite.numpy,
        "linalg": jaxlite.numpy.linalg,
        "fft": jaxlite.numpy.fft,
        "lax": jaxlite.lax,
        "lax.linalg": jaxlite.lax.linalg,
    }
    found = set()
    for where, module in modules.items():
        for name in (
            getattr(module, "__all__", vars(module)) if where not in ("numpy", "lax") else vars(module)
        ):
            value = getattr(module, name)
            if not name.startswith("_") and callable(value) and not inspect.isclass(value):
                found.add(f"{where}.{name}")
    return found
