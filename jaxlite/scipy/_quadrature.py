"""`GaussKronrod`: adaptive quadrature of functions with one or many components, as one native loop.

    starts  ends   values  errors  levels       the interval with the largest error is halved, until the sum of the
    0.0     0.5    0.24    1e-11   1            errors is small enough, or the sum of the values, extrapolated from
    0.5     1.0    0.18    3e-07   1            how it changed from level to level, is known well enough

Each component has to be as exact as if it were integrated by itself.

References
----------
.. [1] R. Piessens, E. de Doncker-Kapenga, C. Überhuber, D. Kahaner, "QUADPACK", Springer 1983: QAGS, QAGP, QAGI.
.. [2] P. Wynn, "On a device for computing the e_m(S_n) transformation", Math. Tables Aids Comp. 10, 1956.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import jaxlite.numpy as jnp
from jaxlite.control.cond import cond
from jaxlite.control.while_loop import fori_loop, while_loop
from jaxlite.trace import Tracer

__all__ = ["GaussKronrod", "kind_of_line"]

# Kronrod's rule of 21 points, of which every second is one of Gauss's of 10 (computed in 60 digits: exact for t³⁰).
_POINTS = np.array([
    0.0, 0.14887433898163121088, 0.29439286270146019813, 0.4333953941292471908, 0.56275713466860468334,
    0.67940956829902440623, 0.78081772658641689706, 0.86506336668898451073, 0.930157491355708226,
    0.97390652851717172008, 0.99565716302580808074,
])  # fmt: skip
_KRONROD = np.array([
    0.14944555400291690566, 0.14773910490133849137, 0.1427759385770600808, 0.13470921731147332593,
    0.12349197626206585108, 0.1093871588022976419, 0.093125454583697605535, 0.075039674810919952767,
    0.054755896574351996031, 0.032558162307964727479, 0.011694638867371874278,
])  # fmt: skip
_GAUSS = np.array([
    0.0, 0.29552422471475287017, 0.0, 0.26926671930999635509, 0.0, 0.219086362515982044, 0.0,
    0.14945134915058059315, 0.0, 0.066671344308688137594, 0.0,
])  # fmt: skip
# Operands of a program: an array written into it would keep it from the disk.
_TABLES = [
    np.concatenate([sign * half[:0:-1], half])
    for sign, half in ((-1.0, _POINTS), (1.0, _KRONROD), (1.0, _GAUSS))
]
# Columns of the table of extrapolation.
_COLUMNS = 50


class _State(NamedTuple):
    """Where the loop is.

    Attributes
    ----------
    starts, ends, levels : f64[limit] and i64[limit]
        Intervals, and how often each was halved.
    values, errors : f64[limit, m]
        Integrals over them, and estimates of their errors.
    count : i64[]
        How many intervals there are.
    total, error : f64[m]
        The sums.
    stuck : i64[3]
        How often halving changed neither value nor error: while all intervals were open to it, while the large ones
        were; and how often it made the error larger.
    depth : i64[]
        Intervals halved more often than this are small ones.
    rest : bool[]
        Whether large intervals are to be halved until their errors are small, before the next extrapolation.
    table : _Table
    done : bool[]
    """

    starts: Any
    ends: Any
    levels: Any
    values: Any
    errors: Any
    count: Any
    total: Any
    error: Any
    stuck: Any
    depth: Any
    rest: Any
    table: Any
    done: Any


class _Table(NamedTuple):
    """Wynn's epsilon algorithm for a sequence of sums.

    Attributes
    ----------
    diagonal : f64[1 + columns, m]
        Its last one, after a row of zeros.
    length : i64[]
        How many elements of it there are.
    results : f64[3, m]
        What the last extrapolations gave.
    best, error : f64[m]
        The best of them, and an estimate of its error.
    times, idle : i64[]
        Extrapolations, and how many in a row improved nothing.
    """

    diagonal: Any
    length: Any
    results: Any
    best: Any
    error: Any
    times: Any
    idle: Any


def kind_of_line(a, b) -> str:
    """Return what is known of the limits: ``"finite"``, ``"half"`` or ``"whole"`` line, or ``"any"`` of them."""
    if isinstance(a, Tracer) or isinstance(b, Tracer):
        return "any"
    return ("finite", "half", "whole")[int(np.isinf(a)) + int(np.isinf(b) and a != b)]


def _line(kind: str, a, b):
    """Return sign, knots on a line of t, t(x), and x(t) with its slope.

    x = t between finite limits; beyond, x = base ± (1 − |t|) / |t|, t in (0, 1] or [−1, 0) or both.
    """
    low, high = jnp.minimum(a, b), jnp.maximum(a, b)
    sign = jnp.where(b < a, -1.0, 1.0).astype(low.dtype)
    if kind == "finite":
        return sign, [low, high], lambda x: x, lambda t: (t, jnp.ones_like(t))
    below, above = low == -jnp.inf, high == jnp.inf
    infinite = below | above
    base = jnp.where(below, jnp.where(above, 0.0, high), low).astype(low.dtype)
    first = jnp.where(infinite, jnp.where(below, -1.0, 0.0), low).astype(low.dtype)
    last = jnp.where(infinite, jnp.where(above, 1.0, 0.0), high).astype(low.dtype)
    # One of the two intervals is empty, if the line is not the whole one.
    middle = jnp.where(below, jnp.where(above, 0.0, first), last).astype(low.dtype)

    def inverse(x):
        far = x - base
        return jnp.where(infinite, jnp.sign(far) / (1.0 + jnp.abs(far)), x)

    def forward(t):
        size = jnp.where(infinite, jnp.abs(t), 1.0)
        x = base + jnp.sign(t) * ((1.0 - size) / size)
        return jnp.where(infinite, x, t), 1.0 / size**2

    return sign, [first, last] if kind == "half" else [first, middle, last], inverse, forward


@dataclass(frozen=True)
class GaussKronrod:
    """Halve the interval with the largest error, and extrapolate.

    Parameters
    ----------
    epsabs, epsrel : float
        The absolute or the relative error that is small enough.
    limit : int
        The most intervals.
    line : {"finite", "half", "whole", "any"}
        What `kind_of_line` says of the limits.
    """

    epsabs: float
    epsrel: float
    limit: int
    line: str

    def first_intervals(self, num_cuts: int) -> int:
        """Return how many intervals there are before one is halved."""
        return num_cuts + (1 if self.line in ("finite", "half") else 2)

    @staticmethod
    def tables(dtype: np.dtype) -> list[np.ndarray]:
        """Return the points of Kronrod's rule on [-1, 1], its weights, and Gauss's, f64[21] each."""
        return [table.astype(dtype) for table in _TABLES]

    def integrate(self, f: Callable, a, b, points, kronrod, gauss, *cuts) -> tuple[list, list]:
        """Integrate a function.

        Parameters
        ----------
        f : callable
            ``f64[n]`` to a list of ``[n, ...]``, floating or complex.
        a, b : f64[]
            Limits, finite or not.
        points, kronrod, gauss : f64[21]
            What `tables` returns.
        *cuts : f64[]
            Where to cut at first; those that are not between the limits count for nothing.

        Returns
        -------
        values : list of Array
            ``[...]``
        rest : list of Array
            The largest estimate of an error, ``f64[]``; how many intervals there were, i64[]; their starts, ends,
            ``f64[limit]``, values and errors, ``f64[limit, m]``; whether the error is small enough, bool[].
        """
        sign, knots, inverse, forward = _line(self.line, a, b)
        if cuts:
            inside = [jnp.clip(inverse(cut), knots[0], knots[-1]) for cut in cuts]
            knots = list(jnp.sort(jnp.stack([*knots, *inside])))
        shapes, joined = [], None

        def components(t):
            nonlocal shapes, joined
            x, slope = forward(t)
            results = f(x)
            shapes = [(y.shape[1:], y.dtype) for y in results]
            joined = jnp.result_type(*results)
            flat = jnp.concatenate([jnp.reshape(y, (t.size, -1)).astype(joined) for y in results], axis=1)
            if not flat.shape[1]:
                # Of no components, none is the worst.
                flat = jnp.zeros((t.size, 1), joined)
            return flat * slope[:, None]

        rule = functools.partial(_rule, components, points, kronrod, gauss)
        state = self._refine(rule, jnp.stack(knots[:-1]), jnp.stack(knots[1:]))
        value, error = self._outcome(state)
        # Also where the integrand is not finite.
        empty = a == b
        value, error = jnp.where(empty, 0.0, sign * value), jnp.where(empty, 0.0, error)
        values, start = [], 0
        for shape, dtype in shapes:
            size = int(np.prod(shape))
            part = value[start : start + size]
            values.append(jnp.reshape(part if dtype.kind == "c" else part.real, shape).astype(dtype))
            start += size
        converged = jnp.all(error <= self._bound(value))
        largest = jnp.max(error, initial=0.0)
        return values, [
            largest, state.count, state.starts, state.ends, state.values, state.errors, converged
        ]  # fmt: skip

    def _bound(self, value):
        return jnp.maximum(self.epsabs, self.epsrel * jnp.abs(value))

    def _relative(self, errors, total):
        """Return errors in units of what is asked for."""
        bound = self._bound(total)
        return errors / jnp.where(bound > 0.0, bound, 1.0)

    def _worst(self, errors, total):
        """Return how large the error of each interval is, in its worst component."""
        return jnp.max(self._relative(errors, total), axis=-1, initial=0.0)

    def _refine(self, rule: Callable, starts, ends) -> _State:
        first = starts.size
        value, error, spread, size = rule(starts, ends)
        total, sum_of_errors = jnp.sum(value, axis=0), jnp.sum(error, axis=0)
        eps = np.finfo(error.dtype).eps
        bound = self._bound(total)
        # An error as large as the function itself is no estimate.
        unsure = jnp.any((error == spread) & (error > 0.0), axis=0)
        small = (sum_of_errors <= bound) & ~unsure
        rounding = (sum_of_errors <= 100.0 * eps * jnp.sum(size, axis=0)) & (sum_of_errors > bound)
        done = jnp.all(small | rounding | (sum_of_errors == 0.0)) | ~jnp.all(jnp.isfinite(total))
        rest = self.limit - first

        def padded(x):
            return jnp.concatenate([x, jnp.zeros((rest, *x.shape[1:]), x.dtype)])

        state = _State(
            padded(starts), padded(ends), jnp.zeros(self.limit, np.int64), padded(value), padded(error),
            np.int64(first), total, sum_of_errors, jnp.zeros(3, np.int64), np.int64(1), np.bool_(False),
            _new_table(total), done,
        )  # fmt: skip
        return while_loop(
            lambda s: ~s.done & (s.count < self.limit), lambda s: self._halve(rule, s, first), state
        )

    def _halve(self, rule: Callable, s: _State, first: int) -> _State:
        worst = self._worst(s.errors, s.total)
        k = jnp.argmax(jnp.where(s.rest & (s.levels > s.depth), -1.0, worst))
        start, end, old_value, old_error = s.starts[k], s.ends[k], s.values[k], s.errors[k]
        middle = 0.5 * (start + end)
        halves = jnp.stack([start, middle]), jnp.stack([middle, end])
        value, error, spread, _ = rule(*halves)
        both, both_error = value[0] + value[1], error[0] + error[1]
        place = jnp.stack([k, s.count])
        state = s._replace(
            starts=s.starts.at[place].set(halves[0]),
            ends=s.ends.at[place].set(halves[1]),
            levels=s.levels.at[place].set(s.levels[k] + 1),
            values=s.values.at[place].set(value),
            errors=s.errors.at[place].set(error),
            count=s.count + 1,
            total=s.total + (both - old_value),
            error=s.error + (both_error - old_error),
        )
        eps, tiny = np.finfo(error.dtype).eps, np.finfo(error.dtype).tiny
        # Of the component that had this interval halved.
        c = jnp.argmax(self._relative(old_error, s.total))
        sure = jnp.all(error[:, c] != spread[:, c])
        same = jnp.abs(old_value[c] - both[c]) <= 1e-5 * jnp.abs(both[c])
        no_better = sure & same & (both_error[c] >= 0.99 * old_error[c])
        worse = sure & (state.count > 10) & (both_error[c] > old_error[c])
        stuck = s.stuck + jnp.stack([no_better & ~s.rest, no_better & s.rest, worse]).astype(np.int64)
        farthest = jnp.maximum(jnp.abs(start), jnp.abs(end))
        too_narrow = farthest <= (1.0 + 100.0 * eps) * (jnp.abs(middle) + 1000.0 * tiny)
        bound = self._bound(state.total)
        small = jnp.all(state.error <= bound) | ~jnp.all(jnp.isfinite(state.total))
        done = small | too_narrow | (stuck[0] + stuck[1] >= 10) | (stuck[2] >= 20)
        state = state._replace(stuck=stuck, done=done)
        return cond(
            done,
            lambda s: s,
            lambda s: cond(s.count == first + 1, _first_of_table, self._look_farther, s),
            state,
        )

    def _look_farther(self, s: _State) -> _State:
        """Extrapolate if the worst interval is a small one, and those that are not add little to the error."""
        large = (s.levels <= s.depth) & (jnp.arange(self.limit) < s.count)
        rest = s.rest | (s.levels[jnp.argmax(self._worst(s.errors, s.total))] > s.depth)
        of_large = jnp.sum(jnp.where(large[:, None], s.errors, 0.0), axis=0)
        first_large = jnp.any(of_large > self._bound(s.total)) & (s.stuck[1] < 5)
        return cond(rest & ~first_large, self._extrapolate, lambda s: s._replace(rest=rest), s)

    def _extrapolate(self, s: _State) -> _State:
        table = _extended(s.table, s.total)
        good = jnp.all(table.error <= self._bound(table.best))
        hopeless = (table.idle > 5) & jnp.all(table.error < 1e-3 * s.error)
        return s._replace(table=table, depth=s.depth + 1, rest=np.bool_(False), done=good | hopeless)

    def _outcome(self, s: _State):
        """Return the sum of the values, or its extrapolation where that is known better."""
        total = jnp.sum(s.values, axis=0)
        enough = jnp.all(s.error <= self._bound(total))
        extrapolated = ~enough & (s.table.error < s.error)
        return jnp.where(extrapolated, s.table.best, total), jnp.where(extrapolated, s.table.error, s.error)


def _rule(f: Callable, points, kronrod, gauss, starts, ends):
    """Return the integrals over intervals, ``[n, m]``, with estimates of their errors, of f − mean and of |f|."""
    half = 0.5 * (ends - starts)
    t = (0.5 * (starts + ends))[:, None] + half[:, None] * points
    y = jnp.reshape(f(jnp.reshape(t, -1)), (*t.shape, -1))
    half = half[:, None]
    # An empty interval may lie at a pole.
    y = jnp.where(half[:, None] == 0.0, 0.0, y)

    def weighted(weights, y):
        return jnp.sum(weights[:, None] * y, axis=1)

    value = weighted(kronrod, y)
    size = weighted(kronrod, jnp.abs(y)) * jnp.abs(half)
    spread = weighted(kronrod, jnp.abs(y - 0.5 * value[:, None])) * jnp.abs(half)
    error = jnp.abs((value - weighted(gauss, y)) * half)
    # The difference is that of the coarser rule: Kronrod's is about its power 1.5 (QUADPACK, section 2.2.1.3).
    part = error / jnp.where(spread == 0.0, 1.0, spread)
    error = jnp.where(
        (spread != 0.0) & (error != 0.0), spread * jnp.minimum(1.0, (200.0 * part) ** 1.5), error
    )
    eps, tiny = np.finfo(error.dtype).eps, np.finfo(error.dtype).tiny
    error = jnp.where(size > tiny / (50.0 * eps), jnp.maximum(50.0 * eps * size, error), error)
    return value * half, error, spread, size


def _new_table(total) -> _Table:
    """Return the table of a sequence with one element."""
    m = total.size
    diagonal = jnp.zeros((1 + _COLUMNS, m), total.dtype).at[1].set(total)
    never = jnp.full(m, jnp.inf, total.real.dtype)
    return _Table(
        diagonal, np.int64(1), jnp.zeros((3, m), total.dtype), total, never, np.int64(0), np.int64(0)
    )


def _next_diagonal(table: _Table, total):
    """Return the diagonal that a new element of the sequence gives, and its length.

    ε(j) = ε'(j − 2) + 1 / (ε(j − 1) − ε'(j − 1)), primes for the last diagonal; even columns converge.
    """
    eps = np.finfo(total.real.dtype).eps
    before = table.diagonal
    length = jnp.minimum(table.length + 1, _COLUMNS)

    def column(j, diagonal):
        new, old = diagonal[j], before[j]
        gap = new - old
        regular = jnp.abs(gap) > eps * jnp.maximum(jnp.abs(new), jnp.abs(old))
        value = before[j - 1] + 1.0 / jnp.where(regular, gap, 1.0)
        return diagonal.at[j + 1].set(jnp.where(regular, value, jnp.nan))

    start = jnp.full_like(before, jnp.nan).at[0].set(0.0).at[1].set(total)
    return fori_loop(1, length, column, start), length


def _first_of_table(s: _State) -> _State:
    diagonal, length = _next_diagonal(s.table, s.total)
    return s._replace(table=s.table._replace(diagonal=diagonal, length=length))


def _extended(table: _Table, total) -> _Table:
    """Extrapolate with one more element of the sequence."""
    diagonal, length = _next_diagonal(table, total)
    even, before = diagonal[1::2], table.diagonal[1::2]
    # How far a column is from the one before it, and how much that one changed.
    doubt = jnp.abs(even[1:] - even[:-1]) + jnp.abs(even[:-1] - before[:-1])
    doubt = jnp.where(jnp.isnan(doubt), jnp.inf, doubt)
    column = jnp.argmin(doubt, axis=0)
    columns = jnp.arange(total.size)
    found = jnp.isfinite(doubt[column, columns])
    result = jnp.where(found, even[1 + column, columns], total)
    # It is what the last three were, or it is not to be trusted.
    change = jnp.sum(jnp.abs(table.results - result), axis=0)
    eps = np.finfo(change.dtype).eps
    error = jnp.where(found & (table.times >= 3), jnp.maximum(change, 5.0 * eps * jnp.abs(result)), jnp.inf)
    better = error < table.error
    return _Table(
        diagonal,
        length,
        jnp.concatenate([table.results[1:], result[None]]),
        jnp.where(better, result, table.best),
        jnp.where(better, error, table.error),
        table.times + 1,
        jnp.where(jnp.any(better), 0, table.idle + 1),
    )
