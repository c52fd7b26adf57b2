"""Random numbers under ``jit``, beside JAX's under its own and NumPy's Generator, on one core.

    python -m benchmarks.random            a million numbers of each, a tenth where they are rejected and drawn again
    python -m benchmarks.random --only normal

Peers alternate; the median of several runs counts. NumPy's Generator draws others by other methods, from a state.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import jaxlite
from benchmarks.timing import medians, on_one_core, seconds

try:
    import jax
except ImportError:
    jax = None

N, FEW, REPEATS = 1_000_000, 100_000, 15


class Row(NamedTuple):
    """``draw(random, key, size)`` for jaxlite and JAX, ``by_numpy(generator, size)``."""

    name: str
    size: int
    draw: Callable
    by_numpy: Callable | None = None


ROWS = [
    Row("bits, u64", N, lambda r, k, n: r.bits(k, (n,)), lambda g, n: g.integers(0, 2**64, n, np.uint64)),
    Row("bits, u32", N, lambda r, k, n: r.bits(k, (n,), "uint32"), lambda g, n: g.integers(0, 2**32, n, np.uint32)),
    Row("uniform", N, lambda r, k, n: r.uniform(k, (n,)), lambda g, n: g.random(n)),
    Row("uniform, f32", N, lambda r, k, n: r.uniform(k, (n,), "float32"), lambda g, n: g.random(n, np.float32)),
    Row("normal", N, lambda r, k, n: r.normal(k, (n,)), lambda g, n: g.standard_normal(n)),
    Row("normal, f32", N, lambda r, k, n: r.normal(k, (n,), "float32"), lambda g, n: g.standard_normal(n, np.float32)),
    Row("sum of normal", N, lambda r, k, n: r.normal(k, (n,)).sum(), lambda g, n: g.standard_normal(n).sum()),
    Row("truncated_normal", N, lambda r, k, n: r.truncated_normal(k, -2.0, 2.0, (n,))),
    Row("exponential", N, lambda r, k, n: r.exponential(k, (n,)), lambda g, n: g.standard_exponential(n)),
    Row("gumbel", N, lambda r, k, n: r.gumbel(k, (n,)), lambda g, n: g.gumbel(size=n)),
    Row("randint", N, lambda r, k, n: r.randint(k, (n,), 0, 100), lambda g, n: g.integers(0, 100, n)),
    Row("bernoulli", N, lambda r, k, n: r.bernoulli(k, 0.3, (n,)), lambda g, n: g.random(n) < 0.3),
    Row("gamma", FEW, lambda r, k, n: r.gamma(k, 2.0, (n,)), lambda g, n: g.standard_gamma(2.0, n)),
    Row("beta", FEW, lambda r, k, n: r.beta(k, 2.0, 3.0, (n,)), lambda g, n: g.beta(2.0, 3.0, n)),
    Row("poisson, 4", FEW, lambda r, k, n: r.poisson(k, 4.0, (n,)), lambda g, n: g.poisson(4.0, n)),
    Row("poisson, 40", FEW, lambda r, k, n: r.poisson(k, 40.0, (n,)), lambda g, n: g.poisson(40.0, n)),
    Row("binomial", FEW, lambda r, k, n: r.binomial(k, 100, 0.3, (n,)), lambda g, n: g.binomial(100, 0.3, n)),
    Row("permutation", FEW, lambda r, k, n: r.permutation(k, n), lambda g, n: g.permutation(n)),
    Row("split", FEW, lambda r, k, n: r.split(k, n)),
]  # fmt: skip


def peers(row: Row) -> dict[str, tuple[Callable, object]]:
    """Return for each library a function and its argument."""
    found = {}
    for name, library in (("jaxlite", jaxlite), ("JAX", jax)):
        if library is not None:
            draw = library.jit(lambda key, r=library.random: row.draw(r, key, row.size))
            found[name] = draw, library.random.PRNGKey(0)
    if row.by_numpy is not None:
        found["NumPy"] = lambda g: row.by_numpy(g, row.size), np.random.default_rng(0)
    return found


def measure(row: Row) -> dict[str, float]:
    """Return the median times in milliseconds."""
    drawn = peers(row)
    for draw, argument in drawn.values():
        draw(argument)
    measures = [functools.partial(seconds, draw, (argument,)) for draw, argument in drawn.values()]
    return {name: 1e3 * t for name, t in zip(drawn, medians(measures, REPEATS), strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="", metavar="TEXT")
    options = parser.parse_args()
    on_one_core()
    jaxlite.set_num_threads(1)
    print(f"{'ms':<20}{'numbers':>10}{'jaxlite':>10}{'JAX':>10}{'NumPy':>10}{'of JAX':>10}{'of NumPy':>10}")
    ratios = []
    for row in ROWS:
        if options.only not in row.name:
            continue
        times = measure(row)
        text = f"{row.name:<20}{row.size:>10}"
        for name in ("jaxlite", "JAX", "NumPy"):
            text += f"{times[name]:>10.2f}" if name in times else f"{'':>10}"
        for name in ("JAX", "NumPy"):
            text += f"{times['jaxlite'] / times[name]:>10.2f}" if name in times else f"{'':>10}"
        if "JAX" in times:
            ratios.append(times["jaxlite"] / times["JAX"])
        print(text, flush=True)
    if ratios:
        print(f"geometric mean of JAX's time: {np.exp(np.mean(np.log(ratios))):.2f}")


if __name__ == "__main__":
    main()
