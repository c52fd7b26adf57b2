"""Time to the first result: recording, compiling and one call, beside JAX, each program compiled for the first time.

    python -m benchmarks.compile

Programs of 10 to 5,000 equations over f64[1000], and a few gradients. XLA makes one loop of such a program, and needs
minutes for that of 5,000 equations: it is left out there. Peers alternate, and the median of several runs
counts, each with a program that was never seen before. Both have run a trivial program before. Nothing is read from or
written to a cache.
"""

from __future__ import annotations

import os

os.environ["JAXLITE_CACHE"] = "0"
os.environ.setdefault("JAX_ENABLE_X64", "1")

import functools

import numpy as np

import jaxlite
import jaxlite.numpy as jnp
from benchmarks.timing import medians, seconds

try:
    import jax
    import jax.numpy as peer_numpy
except ImportError:
    jax = peer_numpy = None

REPEATS = 5


def chain(np_, equations: int, seed: float):
    """Return a function of about so many equations: additions and products of earlier values."""

    def f(x):
        values = [x, x * seed, x + 1.0]
        for k in range(equations):
            u, v = values[-1], values[(7 * k + 3) % len(values)]
            values.append(u + v if k % 3 == 0 else u - v if k % 3 == 1 else u * v * 0.1)
        return values[-1] * seed

    return f


def mlp(np_, seed: float):
    def loss(w1, w2, x):
        return np_.sum(np_.tanh(np_.tanh(x @ w1) @ w2) ** 2) * seed

    return loss


def elements(np_, seed: float):
    return lambda x: np_.sum(np_.sin(x) ** 2 * np_.exp(-x)) * seed


def first_result(library, make, args) -> float:
    return seconds(lambda: library.jit(make())(*args))


def rows():
    x = np.linspace(0.1, 0.9, 1000)
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(10, 32)), rng.normal(size=(32, 1)), rng.normal(size=(64, 10))
    for n in (10, 200, 1000):
        yield f"{n} equations", lambda lib, np_, s, n=n: chain(np_, n, s), (x,)
    yield "gradient of sin, exp", lambda lib, np_, s: lib.grad(elements(np_, s)), (x,)
    yield "gradient of an MLP", lambda lib, np_, s: lib.grad(mlp(np_, s), (0, 1)), weights


def main() -> None:
    seeds = iter(np.random.default_rng().uniform(1.0, 2.0, 10_000).tolist())
    peers = [("jaxlite", jaxlite, jnp)] + ([("JAX", jax, peer_numpy)] if jax else [])
    for _, library, _ in peers:
        library.jit(lambda x: x + 1.0)(np.ones(3))
    print(f"{'first result, ms':<24}" + "".join(f"{name:>12}" for name, _, _ in peers) + f"{'ratio':>10}")
    for name, make, args in rows():

        def first(library, np_, make=make, args=args) -> float:
            return first_result(library, lambda: make(library, np_, next(seeds)), args)

        times = medians([functools.partial(first, library, np_) for _, library, np_ in peers], REPEATS)
        ratio = f"{times[0] / times[1]:>10.2f}" if len(times) > 1 else ""
        print(f"{name:<24}" + "".join(f"{1e3 * t:>12.1f}" for t in times) + ratio, flush=True)
    alone = first_result(jaxlite, lambda: chain(jnp, 5000, next(seeds)), (np.linspace(0.1, 0.9, 1000),))
    print(f"{'5000 equations':<24}{1e3 * alone:>12.1f}", flush=True)


if __name__ == "__main__":
    main()
