"""Gradients of some rows written by hand for Numba, one thread: what a compiler of the same programs should come near.

    HAND["Rosenbrock"](x)  ->  the gradient, of row "Rosenbrock 10000" too

Each is what one writes who has derived the gradient on paper: one pass over the data where one is enough, no
temporary arrays. Sums may be reassociated and products fused, as jaxlite does; nothing else of fastmath. exp is
arithmetic that LLVM vectorises; sin, cos, log and log1p are those of the C library, as there is nothing better at hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numba as nb
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

HAND: dict[str, Callable] = {}
kernel = nb.njit(fastmath={"contract", "reassoc"}, error_model="numpy")


def by_hand(name: str):
    """Register the gradient of the rows of a name, whatever their sizes."""

    def register(function):
        HAND[name] = function
        return function

    return register


def hand_for(row_name: str) -> Callable | None:
    """Return the gradient by hand of a row, None where nobody wrote one."""
    return next((f for name, f in HAND.items() if row_name.rpartition(" ")[0] == name), None)


@intrinsic
def _bits_to_float(context, x):
    return types.float64(types.int64), lambda c, b, s, args: b.bitcast(args[0], ir.DoubleType())


@intrinsic
def _float_to_int(context, x):
    return types.int64(types.float64), lambda c, b, s, args: b.bitcast(args[0], ir.IntType(64))


@nb.njit(inline="always")
def _exp(x):
    x = min(max(x, -708.0), 709.0)
    shifted = x * 1.4426950408889634 + 6755399441055744.0
    n = shifted - 6755399441055744.0
    r = x - n * 6.93147180369123816490e-01
    r = r - n * 1.90821492927058770002e-10
    p = 1.6059043836821613e-10
    p = p * r + 2.08767569878681e-09
    p = p * r + 2.505210838544172e-08
    p = p * r + 2.755731922398589e-07
    p = p * r + 2.7557319223985893e-06
    p = p * r + 2.48015873015873e-05
    p = p * r + 0.0001984126984126984
    p = p * r + 0.001388888888888889
    p = p * r + 0.008333333333333333
    p = p * r + 0.041666666666666664
    p = p * r + 0.16666666666666666
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return p * _bits_to_float((_float_to_int(shifted) + np.int64(1023)) << np.int64(52))


@nb.njit(inline="always")
def _tanh(x):
    return 1.0 - 2.0 / (_exp(2.0 * x) + 1.0)


@by_hand("math chain")
@kernel
def _math_chain(x):
    g = np.empty_like(x)
    for i in range(x.size):
        v = x[i]
        t, e, s = _tanh(v), _exp(-v * v), v * v
        g[i] = (
            (1.0 - t * t) * e
            - 2.0 * v * t * e
            + 2.0 * v / (1.0 + s) * math.sin(v)
            + math.log1p(s) * math.cos(v)
        )
    return g


@nb.njit(inline="always")
def _normal_cdf(x):
    """Return the approximation of the row, and its derivative."""
    k = 1.0 / (1.0 + 0.2316419 * abs(x))
    poly = k * (0.31938153 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))))
    slope = 0.31938153 + k * (
        2 * -0.356563782 + k * (3 * 1.781477937 + k * (4 * -1.821255978 + k * 5 * 1.330274429))
    )
    bell = 0.3989422804014327 * _exp(-0.5 * x * x)
    sign = 1.0 if x > 0 else -1.0
    tail = bell * poly
    d_tail = -x * tail - bell * slope * 0.2316419 * sign * k * k
    return (1.0 - tail if x > 0 else tail), (-d_tail if x > 0 else d_tail)


@by_hand("Black-Scholes")
@kernel
def _black_scholes(spot, strike, years, rate, vol):
    g = np.empty_like(spot)
    for i in range(spot.size):
        root = vol[i] * math.sqrt(years[i])
        d1 = (math.log(spot[i] / strike[i]) + (rate[i] + 0.5 * vol[i] * vol[i]) * years[i]) / root
        p1, q1 = _normal_cdf(d1)
        p2, q2 = _normal_cdf(d1 - root)
        discounted = strike[i] * _exp(-rate[i] * years[i])
        g[i] = p1 + (spot[i] * q1 - discounted * q2) / (spot[i] * root)
    return g


@by_hand("Rosenbrock")
@kernel
def _rosenbrock(x):
    n = x.size
    g = np.empty_like(x)
    g[0] = -400.0 * x[0] * (x[1] - x[0] * x[0]) - 2.0 * (1.0 - x[0])
    for i in range(1, n - 1):
        left, here = x[i] - x[i - 1] * x[i - 1], x[i + 1] - x[i] * x[i]
        g[i] = 200.0 * left - 400.0 * x[i] * here - 2.0 * (1.0 - x[i])
    g[n - 1] = 200.0 * (x[n - 1] - x[n - 2] * x[n - 2])
    return g


@by_hand("logistic regression")
@kernel
def _logistic_regression(w, x, y):
    n, d = x.shape
    g = 0.02 * w
    for i in range(n):
        z = 0.0
        for j in range(d):
            z += x[i, j] * w[j]
        c = -y[i] / (1.0 + _exp(y[i] * z)) / n
        for j in range(d):
            g[j] += c * x[i, j]
    return g


@by_hand("embedding gather")
@kernel
def _embedding(table, index):
    # The derivative once for each row of the table, not once for each row that is gathered.
    rows, d = table.shape
    count = np.zeros(rows)
    for k in range(index.size):
        count[index[k]] += 1.0
    g = np.empty_like(table)
    for i in range(rows):
        c = 2.0 * count[i]
        for j in range(d):
            t = _tanh(table[i, j])
            g[i, j] = c * t * (1.0 - t * t)
    return g


@by_hand("Lennard-Jones")
@kernel
def _lennard_jones(x):
    n = x.shape[0]
    g = np.empty_like(x)
    columns = np.ascontiguousarray(x.T)
    for i in range(n):
        a, b, c = x[i, 0], x[i, 1], x[i, 2]
        ga = gb = gc = 0.0
        for j in range(n):
            da, db, dc = a - columns[0, j], b - columns[1, j], c - columns[2, j]
            other = 0.0 if i == j else 1.0
            inverse = 1.0 / (da * da + db * db + dc * dc + 0.1 + (1.0 - other))
            sixth = inverse * inverse * inverse
            f = other * 8.0 * (2.0 * sixth - 1.0) * (-3.0 * sixth * inverse)
            ga += f * da
            gb += f * db
            gc += f * dc
        g[i, 0], g[i, 1], g[i, 2] = ga, gb, gc
    return g


@nb.njit(inline="always")
def _around(u, out, cubed):
    n = u.shape[0]
    for i in range(n):
        up, down = (i - 1 if i > 0 else n - 1), (i + 1 if i < n - 1 else 0)
        s = 0.6 * u[i, 0] + 0.1 * (u[up, 0] + u[down, 0] + u[i, n - 1] + u[i, 1])
        out[i, 0] = 4.0 * s * s * s if cubed else s
        for j in range(1, n - 1):
            s = 0.6 * u[i, j] + 0.1 * (u[up, j] + u[down, j] + u[i, j - 1] + u[i, j + 1])
            out[i, j] = 4.0 * s * s * s if cubed else s
        s = 0.6 * u[i, n - 1] + 0.1 * (u[up, n - 1] + u[down, n - 1] + u[i, n - 2] + u[i, 0])
        out[i, n - 1] = 4.0 * s * s * s if cubed else s


@by_hand("stencil")
@kernel
def _stencil(u):
    # The step is its own adjoint.
    slope, g = np.empty_like(u), np.empty_like(u)
    _around(u, slope, True)
    _around(slope, g, False)
    return g


@by_hand("heat stencil, 100 steps")
@kernel
def _heat(u):
    # No step stores anything: the adjoint of a step is the step.
    now, after = u.copy(), np.empty_like(u)
    for sweep in range(2):
        for _ in range(100):
            _around(now, after, False)
            now, after = after, now
        if sweep == 0:
            for i in range(u.shape[0]):
                for j in range(u.shape[1]):
                    now[i, j] = 4.0 * now[i, j] ** 3
    return now
