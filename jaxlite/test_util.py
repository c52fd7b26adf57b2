"""Checks of derivatives, batching and retracing that users can call in their own tests.

`check_grads` compares the derivatives of a function with finite differences along random directions;
`check_jvp` and `check_vjp` do so for a derivative made by hand; `check_batch` compares ``vmap`` with a Python
loop; `assert_max_traces` counts how often ``jit`` traces. All raise AssertionError and say what differed::

    AssertionError: check_jvp: the jvp of f disagrees with finite differences.
      where      output[0] (f64[3]), element (1,): the jvp gives 2.0, the quotient gives 3.0
      error      1; allowed 4e-06
      at         [0.5 1.  1.5]
      direction  [ 0.12573022 -0.13210486  0.64042265]
      random     seed=0
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxlite import api
from jaxlite.counters import counters
from jaxlite.dtypes import float0, is_inexact, real_dtype, short_name
from jaxlite.errors import ArgumentError
from jaxlite.tree_util import keystr, tree_flatten, tree_flatten_with_path, tree_unflatten

__all__ = ["assert_max_traces", "check_batch", "check_grads", "check_jvp", "check_vjp"]


class Tolerance(NamedTuple):
    """What two computations of one quantity may differ by, absolute and relative.

    ``rounding``: the same operations in another order. ``derivative``: a derivative against central
    differences. ``step``: their step, the cube root of the machine precision, where truncation and rounding
    balance.
    """

    rounding: float
    derivative: float
    step: float


_OF_PRECISION = {
    np.dtype(np.float16): Tolerance(rounding=1e-2, derivative=1e-1, step=1e-1),
    np.dtype(np.float32): Tolerance(rounding=1e-5, derivative=2e-3, step=5e-3),
    np.dtype(np.float64): Tolerance(rounding=1e-13, derivative=1e-6, step=6e-6),
}
_EXACT = Tolerance(rounding=0.0, derivative=0.0, step=0.0)


def tolerance_of(*dtypes: np.dtype) -> Tolerance:
    """Return the tolerance of the coarsest of some dtypes; integers and bools are exact."""
    found = [_OF_PRECISION.get(real_dtype(np.dtype(dtype)), _EXACT) for dtype in dtypes]
    return max(found, default=_EXACT)


def check_grads(
    f: Callable,
    args: Sequence,
    order: int,
    modes: Sequence[str] = ("fwd", "rev"),
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
    *,
    seed: int = 0,
) -> None:
    """Check the derivatives of a function, up to some order, against finite differences.

    Parameters
    ----------
    f : callable
        Takes and returns pytrees of arrays. It must be smooth around ``args``.
    args : sequence
        Positional arguments. Integers and bools among their leaves are held fixed.
    order : int
        Highest order of derivative; an order above 1 checks each mode of each mode.
    modes : sequence of {'fwd', 'rev'}
        Whether to check ``jvp``, ``vjp`` or both.
    atol, rtol : float, optional
        Absolute and relative tolerance; by default 1e-6 for float64, 2e-3 for float32, and ``atol`` grows
        with the rounding noise of the differences.
    eps : float, optional
        Step of the central differences; 6e-6 for float64, 5e-3 for float32.
    seed : int, default 0
        Of the random directions.

    Raises
    ------
    AssertionError
        If a derivative disagrees; the message names the derivative, the worst element, the direction and the
        seed.

    Examples
    --------
    >>> import jaxlite.numpy as jnp
    >>> check_grads(lambda x: jnp.sin(x) * x, (2.0,), order=2)
    """
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    if order < 1 or not modes or not set(modes) <= {"fwd", "rev"}:
        raise ArgumentError(
            f"check_grads got order={order} and modes={modes}.",
            fix="order is at least 1, modes are 'fwd' and 'rev'.",
        )
    f, leaves = _inexact_part(f, tuple(args))
    _check_order(f, leaves, order, modes, "f", _Settings.make(atol, rtol, eps, seed))


class _Settings(NamedTuple):
    """How a check is made: tolerances, step, and where its random directions come from."""

    atol: float | None
    rtol: float | None
    eps: float | None
    seed: int
    rng: np.random.Generator

    @staticmethod
    def make(atol, rtol, eps, seed) -> _Settings:
        return _Settings(atol, rtol, eps, seed, np.random.default_rng(seed))


def _inexact_part(f: Callable, args: tuple) -> tuple[Callable, list]:
    """Return ``f`` as a function of its differentiable leaves, giving a tuple of leaves, and those leaves."""
    all_leaves, treedef = tree_flatten(args)
    wanted = [is_inexact(_dtype(leaf)) for leaf in all_leaves]
    if not any(wanted):
        raise ArgumentError(
            "check_grads: no argument is of floating or complex dtype.",
            why="integers and bools have no derivative.",
            fix="pass floats: x.astype(np.float64).",
        )

    def g(*leaves):
        given = iter(leaves)
        merged = [next(given) if w else leaf for w, leaf in zip(wanted, all_leaves)]
        outs, _ = tree_flatten(f(*tree_unflatten(treedef, merged)))
        return tuple(out for out in outs if is_inexact(_dtype(out)))

    return g, [leaf for w, leaf in zip(wanted, all_leaves) if w]


def _check_order(f, args, order, modes, name, settings) -> None:
    n = len(args)

    def f_jvp(*xs):
        return api.jvp(f, xs[:n], xs[n:])[1]

    def f_vjp(*xs):
        return api.vjp(f, *xs[:n])[1](xs[n:])

    if "fwd" in modes:
        _check_jvp(f, functools.partial(api.jvp, f), args, name, settings)
        if order > 1:
            tangents = [_random_like(x, settings.rng) for x in args]
            _check_order(f_jvp, [*args, *tangents], order - 1, modes, f"the jvp of {name}", settings)
    if "rev" in modes:
        _check_vjp(f, functools.partial(api.vjp, f), args, name, settings)
        if order > 1:
            cts = [_random_like(y, settings.rng) for y in f(*args)]
            _check_order(f_vjp, [*args, *cts], order - 1, modes, f"the vjp of {name}", settings)


def check_jvp(
    f: Callable,
    f_jvp: Callable,
    args: Sequence,
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
    err_msg: str = "",
    *,
    seed: int = 0,
) -> None:
    """Check a forward derivative against central differences along one random direction.

    Parameters
    ----------
    f : callable
    f_jvp : callable
        ``(primals, tangents) -> (out, tangent_out)``, for example ``partial(jaxlite.jvp, f)``.
    args : sequence
        Positional arguments of ``f``, pytrees of arrays; the tangents of integers are zeros of dtype float0.
    atol, rtol, eps, seed
        As for `check_grads`.
    err_msg : str, optional
        Stands in the message in the place of ``f``.

    Raises
    ------
    AssertionError
        If values or derivatives disagree, or a tangent has another shape or dtype than its output.

    Examples
    --------
    >>> import functools
    >>> import jaxlite
    >>> f = lambda x: x * x
    >>> check_jvp(f, functools.partial(jaxlite.jvp, f), (3.0,))
    """
    _check_jvp(f, f_jvp, args, err_msg or "f", _Settings.make(atol, rtol, eps, seed))


def _check_jvp(f, f_jvp, args, name, settings) -> None:
    args = tuple(args)
    tangents = _map_leaves(lambda x: _random_like(x, settings.rng), args)
    out, differences = _central_differences(f, args, tangents, settings.eps)
    context = _Context(f"check_jvp: the jvp of {name}", args, tangents, settings.seed)
    result = f_jvp(args, tangents)
    if not isinstance(result, tuple) or len(result) != 2:
        context.fail("returns no pair (out, tangent_out).", ("got", repr(result)))
    context.compare("returns another value than the function.", ("the jvp", result[0]), ("the function", out))
    context.check_types("tangent", result[1], out)
    context.compare(
        "disagrees with finite differences.",
        ("the jvp", result[1]),
        ("the quotient", differences.out_dot),
        differences.tolerances(settings),
    )


def check_vjp(
    f: Callable,
    f_vjp: Callable,
    args: Sequence,
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
    err_msg: str = "",
    *,
    seed: int = 0,
) -> None:
    """Check a reverse derivative against central differences: ⟨ȳ, J ẋ⟩ = ⟨x̄, ẋ⟩ for one random ẋ and ȳ.

    Parameters
    ----------
    f : callable
    f_vjp : callable
        ``(*primals) -> (out, pullback)`` where ``pullback(cotangent)`` is a tuple with one entry per primal,
        for example ``partial(jaxlite.vjp, f)``.
    args : sequence
        Positional arguments of ``f``, pytrees of arrays.
    atol, rtol, eps, seed
        As for `check_grads`.
    err_msg : str, optional
        Stands in the message in the place of ``f``.

    Raises
    ------
    AssertionError
        If values or derivatives disagree, or a cotangent has another shape or dtype than its argument.

    Notes
    -----
    ⟨a, b⟩ is the real part of Σ aᵢ·bᵢ, without conjugation.

    Examples
    --------
    >>> import functools
    >>> import jaxlite
    >>> f = lambda x: x * x
    >>> check_vjp(f, functools.partial(jaxlite.vjp, f), (3.0,))
    """
    _check_vjp(f, f_vjp, args, err_msg or "f", _Settings.make(atol, rtol, eps, seed))


def _check_vjp(f, f_vjp, args, name, settings) -> None:
    args = tuple(args)
    tangents = _map_leaves(lambda x: _random_like(x, settings.rng), args)
    out, differences = _central_differences(f, args, tangents, settings.eps)
    context = _Context(f"check_vjp: the vjp of {name}", args, tangents, settings.seed)
    value, pullback = f_vjp(*args)
    context.compare("returns another value than the function.", ("the vjp", value), ("the function", out))
    out_bar = _map_leaves(lambda y: _random_like(y, settings.rng), out)
    args_bar = pullback(out_bar)
    context.check_types("cotangent", args_bar, args)
    # Each element of J ẋ may be off by its tolerance, so the inner product may be off by their weighted sum.
    allowed = 0.0
    bars, dots = _inexact_leaves(out_bar), _inexact_leaves(differences.out_dot)
    for y_bar, y_dot, a, r in zip(bars, dots, *differences.tolerances(settings), strict=True):
        allowed += float(np.sum(np.abs(y_bar) * (a + r * np.abs(y_dot))))
    expected, got = inner_product(out_bar, differences.out_dot), inner_product(args_bar, tangents)
    if not abs(got - expected) <= allowed:
        context.fail(
            "disagrees with finite differences.",
            ("where", f"⟨x̄, ẋ⟩ is {got} by the vjp, ⟨ȳ, J ẋ⟩ is {expected} by differences"),
            ("error", f"{abs(got - expected):.3g}; allowed {allowed:.3g}"),
            ("cotangent", _text(out_bar)),
        )


class _Differences(NamedTuple):
    """Finite differences of the outputs, and what they can be trusted to."""

    out_dot: Any
    noise: list[float]
    default: Tolerance

    def tolerances(self, settings: _Settings) -> tuple[list[float], list[float]]:
        """Return absolute and relative tolerances, one per inexact leaf."""
        default, (atol, rtol, *_) = self.default.derivative, settings
        atols = [default + noise if atol is None else atol for noise in self.noise]
        return atols, [default if rtol is None else rtol] * len(atols)


def _central_differences(f, args, tangents, eps) -> tuple[Any, _Differences]:
    """Return ``f(*args)`` and ``(f(x + εẋ) - f(x - εẋ)) / 2ε`` with its rounding noise."""
    out = f(*args)
    dtypes = [_dtype(leaf) for leaf in _inexact_leaves(args) + _inexact_leaves(out)]
    default = tolerance_of(*dtypes)
    step = default.step if eps is None else eps

    def shifted(sign):
        moved = _map_leaves(lambda x, x_dot: _shift(x, x_dot, sign * step), args, tangents)
        return tree_flatten(f(*moved))[0]

    leaves, treedef = tree_flatten(out)
    out_dot, noise = [], []
    for y, above, below in zip(leaves, shifted(1.0), shifted(-1.0), strict=True):
        if not is_inexact(_dtype(y)):
            out_dot.append(np.zeros(np.shape(y), float0))
            continue
        y = np.asarray(y)
        out_dot.append(np.asarray((np.asarray(above) - np.asarray(below)) / y.dtype.type(2 * step)))
        largest = float(np.max(np.abs(y), initial=0.0, where=np.isfinite(y)))
        noise.append(16 * float(np.finfo(y.dtype).eps) * largest / step)
    return out, _Differences(tree_unflatten(treedef, out_dot), noise, default)


def _shift(x, x_dot, step: float):
    if not is_inexact(_dtype(x)):
        return x
    x = np.asarray(x)
    return x + x.dtype.type(step) * x_dot


def inner_product(left: Any, right: Any) -> float:
    """Return the real part of Σ left·right over the inexact leaves of two trees (no conjugation)."""
    total = 0.0
    for a, b in zip(_inexact_leaves(left), _inexact_leaves(right), strict=True):
        wide = np.complex128 if "c" in (a.dtype.kind, b.dtype.kind) else np.float64
        total += float(np.real(np.sum(a.astype(wide) * b.astype(wide))))
    return total


def check_batch(
    f: Callable,
    args: Sequence,
    atol: float | None = None,
    rtol: float | None = None,
    *,
    batch_size: int = 3,
    max_combinations: int = 30,
    seed: int = 0,
) -> None:
    """Check ``vmap(f)`` against a Python loop, for every way to map the arguments.

    Parameters
    ----------
    f : callable
    args : sequence
        Arguments of one call, pytrees of arrays. Each leaf is mapped along every axis it can be, or not at
        all. The other elements of a batch are made from it: floating values are reversed and scaled down,
        integers divided towards zero, bools flipped, so that indices stay in range.
    atol, rtol : float, optional
        By default 1e-13 for float64 and 1e-5 for float32, relative to the largest element.
    batch_size : int, default 3
        A batch of size 0 is checked as well.
    max_combinations : int, default 30
        Above this many ways to map the arguments, a random sample of them is checked.
    seed : int, default 0
        Of that sample.

    Raises
    ------
    AssertionError
        If a value, shape or dtype differs; the message names ``in_axes`` and the element.

    Examples
    --------
    >>> import jaxlite.numpy as jnp
    >>> check_batch(jnp.dot, (np.arange(6.0).reshape(2, 3), np.arange(3.0)))
    """
    leaves, treedef = tree_flatten(tuple(args))

    def g(*xs):
        return f(*tree_unflatten(treedef, xs))

    one = _map_leaves(np.asarray, g(*leaves))

    @functools.cache
    def loop(mapped: tuple[bool, ...]) -> list:
        def element(k):
            return [batch_element(x, k) if m else x for x, m in zip(leaves, mapped)]

        return [_map_leaves(np.asarray, g(*element(k))) for k in range(batch_size)]

    ranks = [np.ndim(x) for x in leaves]
    for in_axes in batch_combinations(ranks, max_combinations, np.random.default_rng(seed)):
        for size in (batch_size, 0):
            got = api.vmap(g, in_axes)(*batched_args(leaves, in_axes, size))
            elements = loop(tuple(axis is not None for axis in in_axes))[:size]
            expected = _map_leaves(stack_like, one, *elements)
            subject = f"check_batch: vmap(f, in_axes={in_axes}) with batch size {size}"
            context = _Context(subject, leaves, None, seed)
            context.compare("differs from a loop.", ("vmap", got), ("the loop", expected), None, (atol, rtol))


def stack_like(one: np.ndarray, *elements: np.ndarray) -> np.ndarray:
    """Stack the elements of a batch, which may be none, of results like ``one``."""
    return np.stack(elements) if elements else np.zeros((0, *one.shape), one.dtype)


def batch_combinations(
    ndims: Sequence[int], limit: int, rng: np.random.Generator
) -> list[tuple[int | None, ...]]:
    """Return the ``in_axes`` (at most ``limit``) that map at least one of some arguments of given ranks."""
    counts = [n + 2 for n in ndims]
    total = int(np.prod(counts, dtype=object)) - 1
    if total <= limit:
        choices: Iterator = itertools.product(*[(None, *range(n + 1)) for n in ndims])
        return [axes for axes in choices if any(axis is not None for axis in axes)]
    # Always there: everything mapped in front, and one argument mapped alone, for each.
    first = [(0,) * len(ndims)]
    first += [tuple(0 if i == j else None for j in range(len(ndims))) for i in range(len(ndims))]
    sample = dict.fromkeys(first)
    while len(sample) < limit:
        axes = tuple(None if (k := int(rng.integers(count))) == 0 else k - 1 for count in counts)
        if any(axis is not None for axis in axes):
            sample[axes] = None
    return list(sample)


def batch_element(x: Any, k: int) -> np.ndarray:
    """Return the ``k``-th element of a batch whose first is ``x``; see `check_batch`."""
    x = np.asarray(x)
    if k == 0:
        return x
    if x.dtype.kind == "b":
        return x ^ bool(k % 2)
    if x.dtype.kind in "iu":
        return np.trunc(x / (k + 1)).astype(x.dtype)
    # Reversing every axis keeps a symmetric matrix symmetric and a positive definite one so.
    flipped = np.flip(x) if k % 2 else x
    return flipped * x.dtype.type(1 - k / 16)


def batched_args(args: Sequence, in_axes: Sequence[int | None], size: int) -> list:
    """Stack ``size`` elements along the mapped axes; unmapped arguments stay."""
    batched = []
    for x, axis in zip(args, in_axes, strict=True):
        if axis is None:
            batched.append(x)
        elif size == 0:
            shape = np.shape(x)
            batched.append(np.zeros((*shape[:axis], 0, *shape[axis:]), _dtype(x)))
        else:
            batched.append(np.stack([batch_element(x, k) for k in range(size)], axis))
    return batched


@contextlib.contextmanager
def assert_max_traces(n: int) -> Iterator[None]:
    """Fail when ``jit`` traces more than ``n`` times in this context, or in a call of the decorated function.

    Parameters
    ----------
    n : int

    Raises
    ------
    AssertionError
        On leaving the context.

    Examples
    --------
    >>> import jaxlite
    >>> f = jaxlite.jit(lambda x: x * 2.0)
    >>> with assert_max_traces(1):
    ...     y = f(1.0), f(2.0), f(3.0)
    """
    before = counters.num_traces
    yield
    made = counters.num_traces - before
    if made > n:
        raise AssertionError(
            f"assert_max_traces({n}): jit traced {made} times.\n"
            "  why arguments of another shape, dtype or structure, another static argument, or a new "
            "function object (a lambda or closure made anew) each need a trace.\n"
            "  fix JAXLITE_DEBUG=2 prints the reason of every retrace."
        )


class _Context(NamedTuple):
    """What a failure message says besides the numbers."""

    subject: str
    args: Any
    direction: Any
    seed: int

    def fail(self, complaint: str, *lines: tuple[str, str]) -> None:
        lines = [*lines, ("at", _text(self.args))]
        if self.direction is not None:
            lines.append(("direction", _text(self.direction)))
        lines.append(("random", f"seed={self.seed}"))
        listed = "\n".join(f"  {label:<10} {text}" for label, text in lines)
        raise AssertionError(f"{self.subject} {complaint}\n{listed}")

    def compare(self, complaint, got, expected, leaf_tolerances=None, default=(None, None)) -> None:
        """Compare two labelled trees leaf by leaf, by default up to rounding."""
        (got_label, got_tree), (expected_label, expected_tree) = got, expected
        pairs = _paired_leaves(self, got_label, got_tree, expected_label, expected_tree)
        inexact = 0
        for path, x, y in pairs:
            if y.dtype == float0:
                continue
            atol, rtol = default
            if leaf_tolerances is not None and is_inexact(y.dtype):
                atol, rtol = leaf_tolerances[0][inexact], leaf_tolerances[1][inexact]
                inexact += 1
            allowed = _allowed(y, atol, rtol)
            worst = _worst_element(x, y, allowed)
            if worst is None:
                continue
            values = f"{got_label} gives {x[worst]}, {expected_label} gives {y[worst]}"
            error = np.abs(_wide(x[worst]) - _wide(y[worst]))
            self.fail(
                complaint,
                ("where", f"output{path} ({_type_text(y)}), element {worst}: {values}"),
                ("error", f"{error:.3g}; allowed {allowed[worst]:.3g}"),
            )

    def check_types(self, noun: str, derivatives, primals) -> None:
        """Check that (co)tangents have the structure, shapes and dtypes of what they belong to."""
        leaves, treedef = tree_flatten(derivatives)
        with_paths, expected = tree_flatten_with_path(primals)
        if treedef != expected:
            self.fail(f"returns a {noun} of another structure.", ("structure", f"{treedef}, not {expected}"))
        for (path, primal), leaf in zip(with_paths, leaves):
            dtype = _dtype(primal)
            wanted = (np.shape(primal), dtype if is_inexact(dtype) else float0)
            if (np.shape(leaf), _dtype(leaf)) != wanted:
                types = f"{noun}{keystr(path)} is {_type_text(leaf)}, its primal is {_type_text(primal)}"
                self.fail(f"returns a {noun} of another type.", ("type", types))


def _allowed(y: np.ndarray, atol: float | None, rtol: float | None) -> np.ndarray:
    """Return what each element may be off by; by default the rounding of the largest element."""
    size = np.abs(_wide(y))
    default = tolerance_of(y.dtype).rounding
    largest = np.max(size, initial=0.0, where=np.isfinite(size))
    size = np.where(np.isfinite(size), size, 0.0)
    relative = default * largest if rtol is None else rtol * size
    return relative + (0.0 if atol is None else atol) + np.zeros(y.shape)


def _worst_element(x: np.ndarray, y: np.ndarray, allowed: np.ndarray) -> tuple[int, ...] | None:
    """Return the index where two arrays differ most, or None if they agree; nan agrees with nan."""
    with np.errstate(invalid="ignore", over="ignore"):
        wide_x, wide_y = _wide(x), _wide(y)
        same = (wide_x == wide_y) | (np.isnan(wide_x) & np.isnan(wide_y))
        excess = np.where(same, 0.0, np.abs(wide_x - wide_y) - allowed)
    excess = np.where(np.isnan(excess), np.inf, excess)
    if not np.any(excess > 0):
        return None
    return tuple(int(i) for i in np.unravel_index(np.argmax(excess), y.shape))


def _wide(x) -> np.ndarray:
    """Widen, so that differences of float16 or unsigned integers do not overflow."""
    x = np.asarray(x)
    if x.dtype.kind == "c":
        return x.astype(np.complex128)
    return x.astype(np.longdouble if x.dtype.kind in "iu" else np.float64)


def _paired_leaves(context: _Context, got_label, got, expected_label, expected) -> list[tuple]:
    """Return ``(path, got, expected)`` for each leaf, after checking structure, shapes and dtypes."""
    got_leaves, got_treedef = tree_flatten(got)
    with_paths, treedef = tree_flatten_with_path(expected)
    if got_treedef != treedef:
        context.fail(
            "has another structure.",
            ("structure", f"{got_label} gives {got_treedef}, {expected_label} gives {treedef}"),
        )
    pairs = []
    for (path, y), x in zip(with_paths, got_leaves):
        x, y = np.asarray(x), np.asarray(y)
        if (x.shape, x.dtype) != (y.shape, y.dtype):
            types = f"{got_label} gives {_type_text(x)}, {expected_label} gives {_type_text(y)}"
            context.fail("has another type.", ("type", f"output{keystr(path)}: {types}"))
        pairs.append((keystr(path), x, y))
    return pairs


def _random_like(x, rng: np.random.Generator) -> np.ndarray:
    """Return a random tangent of ``x``: normal, or a zero of dtype float0."""
    dtype, shape = _dtype(x), np.shape(x)
    if not is_inexact(dtype):
        return np.zeros(shape, float0)
    values = rng.standard_normal(shape)
    if dtype.kind == "c":
        values = values + 1j * rng.standard_normal(shape)
    return np.asarray(values, dtype)


def _map_leaves(function: Callable, tree: Any, *rest: Any) -> Any:
    leaves, treedef = tree_flatten(tree)
    others = [tree_flatten(other)[0] for other in rest]
    return tree_unflatten(treedef, [function(*group) for group in zip(leaves, *others, strict=True)])


def _inexact_leaves(tree: Any) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in tree_flatten(tree)[0] if is_inexact(_dtype(leaf))]


def _dtype(x) -> np.dtype:
    return x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype


def _type_text(x) -> str:
    return f"{short_name(_dtype(x))}[{','.join(map(str, np.shape(x)))}]"


def _text(tree: Any) -> str:
    """Write the leaves of a tree, shortened."""
    leaves = [np.array2string(np.asarray(leaf), threshold=24) for leaf in tree_flatten(tree)[0]]
    return "; ".join(leaves).replace("\n", " ")
