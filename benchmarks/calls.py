"""The price of a call, beside JAX: arguments of a few numbers, so that nothing but the call takes time.

    python -m benchmarks.calls

Peers alternate; the median of several runs of many calls counts. JAX gets NumPy arrays and gives its own.
"""

from __future__ import annotations

import os

os.environ.setdefault("JAX_ENABLE_X64", "1")

import functools
import resource

import numpy as np

import jaxlite
from benchmarks.timing import medians, seconds

try:
    import jax
except ImportError:
    jax = None

CALLS, REPEATS = 20_000, 7


def rows():
    a = np.arange(4.0)
    tree = {f"k{i}": np.full(3, float(i)) for i in range(10)}
    yield "a number", lambda x: 2.0 * x + 1.0, (1.5,)
    yield "4 arrays in, 2 out", lambda a, b, c, d: (a + b * c, c - d), (a, a, a, a)
    yield "tree of 10, in and out", lambda d: {k: 2.0 * v for k, v in d.items()}, (tree,)


def main() -> None:
    peers = [("jaxlite", jaxlite)] + ([("JAX", jax)] if jax else [])
    print(f"{'a call, us':<24}" + "".join(f"{name:>12}" for name, _ in peers) + f"{'ratio':>10}")
    for name, function, args in rows():
        compiled = {peer: library.jit(function) for peer, library in peers}
        for f in compiled.values():
            f(*args)
        times = medians(
            [
                functools.partial(seconds, f, args, CALLS if peer == "jaxlite" else CALLS // 10)
                for peer, f in compiled.items()
            ],
            REPEATS,
        )
        ratio = f"{times[0] / times[1]:>10.3f}" if len(times) > 1 else ""
        print(f"{name:<24}" + "".join(f"{1e6 * t:>12.2f}" for t in times) + ratio, flush=True)
    f, x = jaxlite.jit(lambda x: (x * 2.0, x + 1.0)), np.arange(4.0)
    f(x)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(1_000_000):
        f(x)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"memory after 1,000,000 calls: +{grown} KiB")


if __name__ == "__main__":
    main()
