"""Where jaxlite differs from JAX on purpose: what it gives instead, and why.

Each entry names rows and checks the result itself, so that an expected difference is as exact as an
agreement:

    numpy.sin b evaluate         NumPy's dtype, JAX's values in it
    numpy.floor_divide[by zero]  the values written below
    indexing.outside[read]       an IndexError
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tests.oracle.compare import is_inexact, values_agree
from tests.oracle.transformations import wave

_NUMPY = types.SimpleNamespace(__name__="numpy", numpy=np)


def _flat(tree) -> list:
    if isinstance(tree, list | tuple):
        return [leaf for item in tree for leaf in _flat(item)]
    return [tree]


def of_numpy(row, letter) -> list | Exception:
    """Return what NumPy gives for the row, or its exception."""
    try:
        with np.errstate(all="ignore"):
            return [np.asarray(leaf) for leaf in _flat(row.function(_NUMPY)(*row.arrays(letter)))]
    except Exception as error:
        return error


def has_numpys_dtypes(row, letter, transformation, got, expected) -> bool:
    """Whether the dtypes are NumPy's and the values JAX's, as far as the coarser of the two dtypes tells."""
    reference = of_numpy(row, letter)
    if isinstance(reference, Exception):
        refused = isinstance(got, TypeError) and "did not contain a loop" in str(reference)
        return refused and transformation in ("evaluate", "jit", "vmap")
    if isinstance(got, Exception) or transformation in ("grad", "jit_grad", "vmap_grad", "hvp"):
        return False
    dtypes = [leaf.dtype for leaf in reference]
    if transformation in ("jvp", "linearize"):
        # A result that JAX makes a float and NumPy an integer has no tangent here.
        expected = [y for y, dtype in zip(_of_inexact(expected, dtypes), dtypes) if is_inexact(dtype)]
        dtypes = [dtype for dtype in dtypes if is_inexact(dtype)]
    if len(got) != len(dtypes) or [np.asarray(x).dtype for x in got] != dtypes:
        return False
    return all(_agree_in_coarser(np.asarray(x), np.asarray(y)) for x, y in zip(got, expected))


def _of_inexact(expected, dtypes):
    return expected if len(expected) == len(dtypes) else [None] * len(dtypes)


def _agree_in_coarser(x, y) -> bool:
    if x.shape != y.shape:
        return False
    if is_inexact(x.dtype) and is_inexact(y.dtype):
        coarser = min(x.dtype, y.dtype, key=lambda dtype: np.finfo(dtype).precision)
        return values_agree(x.astype(coarser), y.astype(coarser))
    return np.array_equal(x, y)


def _raises(kind: type[Exception]) -> Callable:
    return lambda row, letter, transformation, got, expected: isinstance(got, kind)


def _zero_where_divided_by_zero(row, letter, transformation, got, expected) -> bool:
    """0 for x // 0 and x % 0, JAX's values elsewhere."""
    if isinstance(got, Exception) or transformation not in ("evaluate", "jit", "vmap", "vmap_first"):
        return False
    _, divisor = row.arrays(letter)
    if transformation == "vmap":
        divisor = np.stack([divisor, np.flip(divisor)])
    return all(
        x.dtype == y.dtype and np.array_equal(x, np.where(np.broadcast_to(divisor, x.shape) == 0, 0, y))
        for x, y in zip(map(np.asarray, got), map(np.asarray, expected), strict=True)
    )


def _results(check: Callable) -> Callable:
    """Make a condition on each result of jaxlite and JAX's, of equal shapes and dtypes."""

    def holds(row, letter, transformation, got, expected) -> bool:
        if isinstance(got, Exception) or len(got) != len(expected):
            return False
        pairs = [(np.asarray(x), np.asarray(y)) for x, y in zip(got, expected)]
        return all((x.shape, x.dtype) == (y.shape, y.dtype) and check(x, y) for x, y in pairs)

    return holds


# JAX's results are nan where these are not, and equal elsewhere.
_where_jax_has_numbers = _results(lambda x, y: values_agree(np.where(np.isnan(y), y, x), y))


def _within_where_jax_has_numbers(tolerance: float) -> Callable:
    return _results(lambda x, y: values_agree(np.where(np.isnan(y), y, x), y, lambda dtype: tolerance))


def _within(tolerance: float) -> Callable:
    """Equal up to an error of JAX's."""
    return _results(lambda x, y: values_agree(x, y, lambda dtype: tolerance))


def _but_at(*points: float) -> Callable:
    """Equal but for the elements where the first argument is one of these points."""

    def holds(row, letter, transformation, got, expected) -> bool:
        x = row.arrays(letter)[0]
        is_point = np.any([np.isnan(x) if np.isnan(point) else x == point for point in points], axis=0)
        if transformation.startswith("vmap"):
            is_point = np.stack([is_point, np.flip(is_point)])
        return _results(lambda x, y: values_agree(np.where(is_point, y, x), y))(
            row, letter, transformation, got, expected
        )

    return holds


def _in_dtypes(**dtypes: str) -> Callable:
    """JAX's values in other dtypes, those under the dtype's letter."""

    def holds(row, letter, transformation, got, expected) -> bool:
        if isinstance(got, Exception) or len(got) != len(expected):
            return False
        pairs = [(np.asarray(x), np.asarray(y)) for x, y in zip(got, expected)]
        return letter in dtypes and all(
            x.dtype == dtypes[letter] and _agree_in_coarser(x, y) for x, y in pairs
        )

    return holds


def _takes_steps_alike(row, letter, transformation, got, expected) -> bool:
    """Counts of steps differ by less than half, what is found by less than the tolerance asked for."""
    if not isinstance(got, Exception) and row.id.endswith(("[nit]", "[nfev]", "[njev]")):
        return 0.5 * expected[0] < got[0] < 1.5 * expected[0]
    return _within(1e-5)(row, letter, transformation, got, expected)


def _eigenvalues_move_with_vectors(row, letter, transformation, got, expected) -> bool:
    """The tangents of eigenvalues λ = vᵀ·A·v are vᵀ·Ȧ·v."""
    if isinstance(got, Exception) or transformation not in ("jvp", "linearize"):
        return False
    diagonals = row.arrays(letter)
    matrix, tangent = (
        np.diag(d) + np.diag(e, 1) + np.diag(e, -1)
        for d, e in (diagonals, [wave(x.shape, x.dtype, 1.0 + i) for i, x in enumerate(diagonals)])
    )
    vectors = np.linalg.eigh(matrix)[1]
    first, last = row.kwargs["select_range"] if row.kwargs.get("select") == "i" else (0, len(matrix) - 1)
    wanted = np.einsum("ik,ij,jk->k", vectors, tangent, vectors)[first : last + 1]
    return values_agree(np.asarray(got[0]), wanted)


def _is_gradient_of_solve(row, letter, transformation, got, expected) -> bool:
    """With w the cotangent of x = A⁻¹·b, b̄ = A⁻ᵀ·w, and Ā is the Hermitian part of -b̄·xᵀ."""
    if isinstance(got, Exception) or transformation not in ("grad", "jit_grad"):
        return False
    a, b = row.arrays(letter)
    b_bar = np.linalg.solve(a.T, wave(b.shape, b.dtype, 2.0))
    a_bar = -b_bar @ np.linalg.solve(a, b).T
    return values_agree(got[0], (a_bar + a_bar.T.conj()) / 2) and values_agree(got[1], b_bar)


def _symmetric_parts_agree(row, letter, transformation, got, expected) -> bool:
    """The derivative by the matrix is by one of its triangles or by both, and the same by a symmetric matrix."""
    if transformation not in ("grad", "jit_grad"):
        return False

    def symmetric(x):
        return x + np.conj(np.swapaxes(x, -1, -2)) if x.ndim == 2 and x.shape[0] == x.shape[1] else x

    return _results(lambda x, y: values_agree(symmetric(x), symmetric(y)))(
        row, letter, transformation, got, expected
    )


class Expected(NamedTuple):
    """A deviation: the rows (by id, or by name for all of its labels), why, and what must hold instead."""

    rows: tuple[str, ...]
    reason: str
    holds: Callable  # (row, letter, transformation, got, expected) -> bool


_COUNTS = ("bernoulli", "betabinom", "binom", "geom", "nbinom", "poisson")

EXPECTED = (
    Expected(
        ("numpy.floor_divide", "numpy.remainder", "numpy.fmod", "lax.div", "lax.rem"),
        "integers divided by zero give 0, as in NumPy",
        _zero_where_divided_by_zero,
    ),
    Expected(
        ("indexing.outside",),
        "an index out of range is an IndexError, not clamped or dropped",
        _raises(IndexError),
    ),
    Expected(
        ("numpy.*", "linalg.*", "fft.*", "operators.*", "methods.*", "indexing.*"),
        "dtypes are NumPy's",
        has_numpys_dtypes,
    ),
    Expected(
        (
            "scipy.special.polygamma",
            "scipy.special.expn",
            *(f"scipy.stats.{name}.*" for name in _COUNTS),
        ),
        "dtypes are NumPy's: float32 and int64 are computed in float64",
        _in_dtypes(f="float64"),
    ),
    Expected(
        ("scipy.special.owens_t", "scipy.stats.norm.ppf", "scipy.stats.norm.isf"),
        "JAX's result is float64, whatever it is given",
        _in_dtypes(f="float32"),
    ),
    Expected(
        tuple(f"scipy.signal.{name}[int]" for name in ("convolve", "correlate", "convolve2d", "correlate2d")),
        "integers stay integers, as in SciPy",
        _in_dtypes(i="int64"),
    ),
    Expected(
        ("scipy.special.sph_harm_y",),
        "JAX computes it in complex128, whatever it is given",
        _in_dtypes(f="complex64"),
    ),
    Expected(("scipy.linalg.pascal",), "JAX's is float32 also where 64 bits are on", _in_dtypes(d="float64")),
    Expected(
        (
            "scipy.special.log_ndtr[special]",
            "scipy.special.xlogy[zero]",
            "scipy.special.spence",
            "scipy.special.entr",
        ),
        "JAX's derivative is nan where there is one, or its limit",
        _where_jax_has_numbers,
    ),
    Expected(
        ("scipy.stats.gumbel_l.pdf[edges]", "scipy.stats.gumbel_l.logpdf[edges]"),
        "JAX's value at inf is nan; the density is 0 there",
        _where_jax_has_numbers,
    ),
    Expected(("nn.log1mexp[special]",), "JAX's second derivative is nan for large x", _where_jax_has_numbers),
    Expected(
        tuple(f"scipy.special.{name}" for name in ("digamma", "loggamma", "expi", "gammainc", "gammaincc")),
        "JAX's value is nan at 0 or inf, where SciPy has the limit",
        _where_jax_has_numbers,
    ),
    Expected(
        tuple(f"scipy.special.{name}[special]" for name in ("gamma", "gammaln", "digamma")),
        "values at 0, inf and -inf are SciPy's, derivatives there the limits; many of JAX's are nan",
        _but_at(0.0, np.inf, -np.inf),
    ),
    Expected(
        tuple(f"scipy.special.{name}[special]" for name in ("i0", "i1", "i1e")),
        "JAX's derivatives at 0 are those of |x| at 0 from the right, and that of i1e at nan is a number",
        _but_at(0.0, np.nan),
    ),
    Expected(
        ("scipy.special.ndtri[special]",), "JAX's derivative at 0 and 1 is 0; it is inf", _but_at(0.0, 1.0)
    ),
    Expected(
        ("scipy.special.bernoulli",),
        "JAX's series is short: errors up to 1e-7, as mpmath says",
        _within(1e-6),
    ),
    Expected(
        ("scipy.stats.betabinom.*", "scipy.stats.poisson.entropy"),
        "JAX's have errors up to 2e-6, as SciPy says",
        _within(1e-5),
    ),
    Expected(
        ("scipy.special.log_ndtr[negative]",),
        "JAX's series has three terms: errors of derivatives up to 2e-6, as mpmath says",
        _within(1e-5),
    ),
    Expected(
        ("scipy.special.hyp2f1",), "JAX's derivatives have errors up to 3e-10, as mpmath says", _within(1e-8)
    ),
    Expected(
        ("nn.celu[kinks]",),
        "the second derivative at 0 is that from below; JAX's is of halves of a maximum and a minimum",
        _but_at(0.0),
    ),
    Expected(
        ("experimental.ode.odeint",),
        "times may decrease; where they do JAX's results are nan",
        _where_jax_has_numbers,
    ),
    *(
        Expected(
            rows,
            "the adjoint goes on with its last step, JAX's begins anew at each time: equal to the errors asked for",
            _within_where_jax_has_numbers(tolerance),
        )
        for rows, tolerance in (
            (("experimental.ode.odeint[tolerances]",), 1e-5),
            (("experimental.ode.odeint",), 1e-7),
        )
    ),
    Expected(
        ("example_libraries.optimizers.polynomial_decay",),
        "results of functions of Python numbers are float64, JAX's weak float64 gives way to float32",
        _in_dtypes(f="float64"),
    ),
    Expected(
        ("nn.dot_product_attention",), "JAX's softmax is one of float32, whatever it is given", _within(3e-6)
    ),
    Expected(("scipy.special.bessel_jn",), "JAX's recurrence overflows in float32", _where_jax_has_numbers),
    Expected(
        ("scipy.linalg.solve[complex,pos]",),
        "JAX solves with the matrix where its transpose, the conjugate, is due",
        _is_gradient_of_solve,
    ),
    Expected(("scipy.optimize.minimize",), "another line search, the same minimum", _takes_steps_alike),
    Expected(
        ("scipy.linalg.eigh_tridiagonal",),
        "JAX differentiates the steps of a bisection",
        _eigenvalues_move_with_vectors,
    ),
    Expected(
        tuple(f"scipy.linalg.{name}[triangle]" for name in ("cholesky", "cho_factor", "solve")),
        "derivatives are by the triangle that is read, or by symmetric matrices; JAX's are by both triangles",
        _symmetric_parts_agree,
    ),
)


class Precision(NamedTuple):
    """How close the values of rows must be, if not as in `compare.py`: relative errors by size of the dtype."""

    rows: tuple[str, ...]
    reason: str
    double: float
    single: float
    half: float = 5e-3

    def tolerance(self, dtype) -> float:
        real = np.zeros((), dtype).real.dtype
        return {8: self.double, 4: self.single, 2: self.half}[real.itemsize]


PRECISIONS = (
    Precision(
        ("random.*", "nn.initializers.*"),
        "the same bits; functions of two libraries, a few units in the last place apart",
        double=1e-12,
        single=5e-6,
    ),
)


def precision(row) -> Precision | None:
    """Return how close the results of a row must be to JAX's; None for the tolerances of `compare.py`."""
    return next((entry for entry in PRECISIONS if is_named(row, entry.rows)), None)


def is_named(row, rows: tuple[str, ...]) -> bool:
    """Whether a row is among the rows of an entry: by id, by name, or by a module and a star."""
    modules = {row.name[: i + 1] + "*" for i, letter in enumerate(row.name) if letter == "."}
    return row.id in rows or row.name in rows or not modules.isdisjoint(rows)


def expectation(row, letter, transformation, got, expected) -> str:
    """Return the reason if this difference is one that is expected, and is exactly that; empty otherwise."""
    for entry in EXPECTED:
        if is_named(row, entry.rows) and entry.holds(row, letter, transformation, got, expected):
            return entry.reason
    return ""
