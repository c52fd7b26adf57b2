"""The programs that are timed: one source for every library that has NumPy's functions and ``grad``.

Each row makes a loss and its arguments; the gradient is taken by the first. `Lib` says where a library has what.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Lib:
    """Where a library keeps what rows need: ``np``, ``lax``, ``jit``, ``grad``, ``jvp``, ``vmap``, …"""

    name: str
    np: Any
    lax: Any
    jit: Callable
    grad: Callable
    jvp: Callable
    vmap: Callable
    hessian: Callable
    value_and_grad: Callable
    solve_lower: Callable


@dataclass(frozen=True)
class Row:
    """One row: ``make(lib, rng)`` returns the loss and its arguments.

    ``derivative`` says what is timed as such; ``scipy``, whether the loss runs by NumPy and SciPy as it stands;
    ``tolerance``, how far the libraries may be from one another where their precision is not the measure.
    """

    name: str
    make: Callable[[Lib, np.random.Generator], tuple[Callable, tuple]]
    derivative: str = "grad"
    scipy: bool = False
    tolerance: float | None = None


ROWS: list[Row] = []


def registering(rows: list[Row], name: str, *sizes, **options):
    """Register a row, once for each of its sizes; the options are fields of `Row`."""

    def register(make):
        for size in sizes or ((),):
            args = size if isinstance(size, tuple) else (size,)
            label = f"{name} {'x'.join(map(str, args))}".strip()
            rows.append(Row(label, lambda lib, rng, args=args: make(lib, rng, *args), **options))
        return make

    return register


row = functools.partial(registering, ROWS)


# --- elementwise ------------------------------------------------------------------------------------


@row("math chain", 10**3, 10**6)
def math_chain(lib, rng, n):
    xp = lib.np
    return lambda x: xp.sum(xp.tanh(x) * xp.exp(-x * x) + xp.log1p(x * x) * xp.sin(x)), (rng.normal(size=n),)


def _black_scholes(lib):
    xp = lib.np

    def normal_cdf(x):
        # Abramowitz & Stegun 26.2.17, as the classic benchmark has it.
        k = 1.0 / (1.0 + 0.2316419 * xp.abs(x))
        poly = k * (
            0.31938153 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429)))
        )
        tail = 0.3989422804014327 * xp.exp(-0.5 * x * x) * poly
        return xp.where(x > 0, 1.0 - tail, tail)

    def price(spot, strike, years, rate, vol):
        root = vol * xp.sqrt(years)
        d1 = (xp.log(spot / strike) + (rate + 0.5 * vol * vol) * years) / root
        return spot * normal_cdf(d1) - strike * xp.exp(-rate * years) * normal_cdf(d1 - root)

    return price


def _options(rng, n):
    return (
        rng.uniform(10, 50, n),
        rng.uniform(10, 50, n),
        rng.uniform(0.2, 2.0, n),
        rng.uniform(0.01, 0.05, n),
        rng.uniform(0.1, 0.5, n),
    )


@row("Black-Scholes", 10**3, 10**5)
def black_scholes(lib, rng, n):
    price = _black_scholes(lib)
    return lambda spot, *rest: lib.np.sum(price(spot, *rest)), _options(rng, n)


@row("five Greeks", 10**6, derivative="all")
def greeks(lib, rng, n):
    price = _black_scholes(lib)
    return lambda options: lib.np.sum(price(*options)), (_options(rng, n),)


@row("Rosenbrock", 10, 10**4)
def rosenbrock(lib, rng, n):
    xp = lib.np
    return lambda x: xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2), (rng.normal(size=n),)


row("Rosenbrock Hessian", 100, derivative="hessian")(rosenbrock)


@row("cumulative sums", 10**5)
def cumulative_sums(lib, rng, n):
    xp = lib.np
    return lambda x: xp.sum(xp.cumsum(x) ** 2), (rng.normal(size=n),)


@row("stencil", 256, 1024)
def stencil(lib, rng, n):
    xp = lib.np

    def loss(u):
        around = xp.roll(u, 1, 0) + xp.roll(u, -1, 0) + xp.roll(u, 1, 1) + xp.roll(u, -1, 1)
        return xp.sum((u + 0.1 * (around - 4.0 * u)) ** 4)

    return loss, (rng.normal(size=(n, n)),)


# --- models -----------------------------------------------------------------------------------------


@row("logistic regression", (10**3, 50), (10**5, 50))
def logistic_regression(lib, rng, n, d):
    xp = lib.np
    x, y = rng.normal(size=(n, d)), rng.integers(0, 2, n) * 2.0 - 1.0

    def loss(w, x, y):
        return xp.mean(xp.logaddexp(0.0, -y * (x @ w))) + 0.01 * xp.sum(w * w)

    return loss, (rng.normal(size=d) * 0.1, x, y)


def _mlp(lib, rng, sizes, batch, dtype=np.float64):
    xp = lib.np
    weights = [
        (rng.normal(size=(m, n)).astype(dtype) / dtype(np.sqrt(m)), np.zeros(n, dtype))
        for m, n in zip(sizes, sizes[1:], strict=False)
    ]
    x = rng.normal(size=(batch, sizes[0])).astype(dtype)
    y = rng.normal(size=(batch, sizes[-1])).astype(dtype)

    def loss(weights, x, y):
        for w, b in weights[:-1]:
            x = xp.tanh(x @ w + b)
        w, b = weights[-1]
        return xp.mean((x @ w + b - y) ** 2)

    return loss, (weights, x, y)


@row("MLP 10-32-32-1, batch 64")
def small_mlp(lib, rng):
    return _mlp(lib, rng, (10, 32, 32, 1), 64)


@row("MLP 784-256-128-10, batch 128")
def large_mlp(lib, rng):
    return _mlp(lib, rng, (784, 256, 128, 10), 128)


@row("MLP 784-256-128-10, batch 128, float32")
def large_mlp_single(lib, rng):
    return _mlp(lib, rng, (784, 256, 128, 10), 128, np.float32)


@row("per-example gradients, 128 x MLP 10-32-1", derivative="per example")
def per_example(lib, rng):
    loss, (weights, x, y) = _mlp(lib, rng, (10, 32, 1), 128)
    return loss, (weights, x, y)


@row("attention", (64, 64), (512, 64))
def attention(lib, rng, n, d):
    xp = lib.np

    def loss(qkv):
        q, k, v = qkv
        scores = q @ k.T / np.sqrt(d)
        scores = xp.exp(scores - xp.max(scores, axis=1, keepdims=True))
        return xp.sum((scores / xp.sum(scores, axis=1, keepdims=True) @ v) ** 2)

    return loss, (tuple(rng.normal(size=(n, d)) for _ in range(3)),)


@row("layer normalisation", (512, 256))
def layer_normalisation(lib, rng, n, d):
    xp = lib.np

    def loss(x, scale, shift):
        mean = xp.mean(x, axis=1, keepdims=True)
        var = xp.mean((x - mean) ** 2, axis=1, keepdims=True)
        return xp.sum(((x - mean) / xp.sqrt(var + 1e-5) * scale + shift) ** 3)

    return loss, (rng.normal(size=(n, d)), rng.normal(size=d), rng.normal(size=d))


@row("matrix factorisation", (1000, 500, 20))
def matrix_factorisation(lib, rng, n, m, rank):
    xp = lib.np
    ratings, known = rng.normal(size=(n, m)), (rng.uniform(size=(n, m)) < 0.1) * 1.0

    def loss(factors, ratings, known):
        u, v = factors
        return xp.sum(known * (ratings - u @ v.T) ** 2) + 0.1 * (xp.sum(u * u) + xp.sum(v * v))

    return loss, ((rng.normal(size=(n, rank)), rng.normal(size=(m, rank))), ratings, known)


@row("k-means", (10**4, 8, 10))
def k_means(lib, rng, n, d, k):
    xp = lib.np

    def loss(centres, x):
        squares = xp.sum((x[:, None, :] - centres[None, :, :]) ** 2, axis=2)
        return xp.sum(xp.min(squares, axis=1))

    return loss, (rng.normal(size=(k, d)), rng.normal(size=(n, d)))


@row("Gaussian mixture", (1000, 2, 5), (1000, 10, 25), (1000, 10, 100))
def gaussian_mixture(lib, rng, n, d, k):
    """The first objective of ADBench (Srajer, Kukelova, Fitzgibbon, 2018), without its Wishart prior."""
    xp = lib.np
    below = d * (d - 1) // 2
    rows_, columns = np.tril_indices(d, -1)
    x = rng.normal(size=(n, d))

    def loss(params, x):
        alphas, means, logs, lower = params
        factor = xp.zeros((k, d, d)).at[:, rows_, columns].set(lower)
        factor = factor + xp.exp(logs)[:, :, None] * xp.eye(d)
        centred = x[:, None, :] - means[None, :, :]
        whitened = xp.einsum("kij,nkj->nki", factor, centred)
        inner = alphas + xp.sum(logs, axis=1) - 0.5 * xp.sum(whitened**2, axis=2)
        top = xp.max(inner, axis=1)
        return xp.sum(top + xp.log(xp.sum(xp.exp(inner - top[:, None]), axis=1))) - n * xp.log(
            xp.sum(xp.exp(alphas))
        )

    params = (
        rng.normal(size=k),
        rng.normal(size=(k, d)),
        0.1 * rng.normal(size=(k, d)),
        rng.normal(size=(k, below)),
    )
    return loss, (params, x)


# --- gathers, segments, sorting ---------------------------------------------------------------------


@row("embedding gather", (10**3, 16), (2 * 10**5, 16))
def embedding(lib, rng, n, d):
    xp = lib.np
    table, index = rng.normal(size=(max(n // 4, 10), d)), rng.integers(0, max(n // 4, 10), n)
    return lambda table, index: xp.sum(xp.tanh(table[index]) ** 2), (table, index)


@row("segment sums", 10**5)
def segment_sums(lib, rng, n):
    xp = lib.np
    index = rng.integers(0, n // 100, n)

    def loss(x, index):
        return xp.sum(xp.zeros(n // 100).at[index].add(x * x) ** 2)

    return loss, (rng.normal(size=n), index)


@row("sorted loss", 10**3, 10**5)
def sorted_loss(lib, rng, n):
    xp = lib.np
    weights = np.linspace(-1.0, 1.0, n)
    return lambda x, weights: xp.sum(xp.sort(x) ** 2 * weights), (rng.normal(size=n), weights)


# --- physics and geometry ---------------------------------------------------------------------------


@row("Lennard-Jones", 32, 400)
def lennard_jones(lib, rng, n):
    xp = lib.np

    def energy(x):
        eye = xp.eye(n)
        squares = xp.sum((x[:, None] - x[None]) ** 2, -1) + eye + 0.1
        sixth = 1.0 / squares**3
        return xp.sum(4.0 * (sixth * sixth - sixth) * (1.0 - eye)) / 2.0

    return energy, (rng.uniform(0, 9, (n, 3)),)


@row("7-joint arm, unrolled")
def arm(lib, rng):
    xp = lib.np
    lengths = rng.uniform(0.2, 0.5, 7)

    def loss(angles, target):
        frame, place = xp.eye(3), xp.zeros(3)
        for k in range(7):
            c, s = xp.cos(angles[k]), xp.sin(angles[k])
            if k % 2:
                turn = xp.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
            else:
                turn = xp.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
            frame = frame @ turn
            place = place + frame @ xp.array([0.0, 0.0, lengths[k]])
        return xp.sum((place - target) ** 2)

    return loss, (rng.normal(size=7), rng.normal(size=3))


@row("bundle adjustment residuals", 10**4)
def bundle_adjustment(lib, rng, n):
    xp = lib.np

    def residual(camera, point, seen):
        rotation, shift, focal, k1, k2 = camera[:3], camera[3:6], camera[6], camera[7], camera[8]
        squared = xp.sum(rotation * rotation)
        angle = xp.sqrt(squared)
        axis = rotation / angle
        cross = xp.stack(
            [
                axis[1] * point[2] - axis[2] * point[1],
                axis[2] * point[0] - axis[0] * point[2],
                axis[0] * point[1] - axis[1] * point[0],
            ]
        )
        turned = (
            point * xp.cos(angle)
            + cross * xp.sin(angle)
            + axis * xp.sum(axis * point) * (1.0 - xp.cos(angle))
        )
        moved = turned + shift
        flat = -moved[:2] / moved[2]
        radius = xp.sum(flat * flat)
        return focal * (1.0 + k1 * radius + k2 * radius * radius) * flat - seen

    def loss(cameras, points, seen):
        return xp.sum(lib.vmap(residual)(cameras, points, seen) ** 2)

    cameras = rng.normal(size=(n, 9)) * 0.1 + np.array([0.1, 0.2, 0.3, 0, 0, 5.0, 1.0, 0.01, 0.01])
    return loss, (cameras, rng.normal(size=(n, 3)), rng.normal(size=(n, 2)))


# --- linear algebra ---------------------------------------------------------------------------------


@row("batched Gaussians", (100, 3), (10**4, 4))
def batched_gaussians(lib, rng, n, d):
    xp = lib.np
    root = rng.normal(size=(n, d, d))

    def log_density(covariance, x):
        factor = xp.linalg.cholesky(covariance)
        z = lib.solve_lower(factor, x)
        return -0.5 * xp.sum(z * z) - xp.sum(xp.log(xp.diagonal(factor)))

    def loss(covariances, xs):
        return xp.sum(lib.vmap(log_density)(covariances, xs))

    return loss, (root @ np.swapaxes(root, 1, 2) + d * np.eye(d), rng.normal(size=(n, d)))


@row("Gaussian process", 50, 300)
def gaussian_process(lib, rng, n):
    xp = lib.np

    def loss(theta, x, y):
        squares = (x[:, None] - x[None, :]) ** 2
        kernel = xp.exp(theta[0]) * xp.exp(-0.5 * squares / xp.exp(theta[1])) + (
            xp.exp(theta[2]) + 1e-6
        ) * xp.eye(n)
        factor = xp.linalg.cholesky(kernel)
        z = lib.solve_lower(factor, y)
        return 0.5 * xp.sum(z * z) + xp.sum(xp.log(xp.diagonal(factor)))

    return loss, (np.array([0.1, -0.5, -1.0]), np.sort(rng.uniform(0, 5, n)), rng.normal(size=n))


@row("log-determinant", 5, 50)
def log_determinant(lib, rng, n):
    return lambda a: lib.np.linalg.slogdet(a)[1], (rng.normal(size=(n, n)) + n * np.eye(n),)
