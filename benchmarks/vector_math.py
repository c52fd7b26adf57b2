"""Functions such as exp and sin over arrays, beside NumPy and JAX: nanoseconds for each element, on one thread.

    python -m benchmarks.vector_math            float64
    python -m benchmarks.vector_math float32 exp tanh

Peers alternate, and the median of several runs counts. JAX gets its own arrays. SciPy stands for NumPy where
NumPy has no such function. The last row is a gradient: of the sum of tanh(x)·exp(x) + log1p(x²)·sin(x).
"""

from __future__ import annotations

import os

os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import functools
import sys

import numpy as np
import scipy.special

import jaxlite
import jaxlite.numpy as jnp
from benchmarks.timing import medians, seconds

try:
    import jax
    import jax.numpy as peer_numpy
except ImportError:
    jax = peer_numpy = None

SIZES, REPEATS = (1_000, 1_000_000), 9

# Names in NumPy's namespaces, in lax or in SciPy's, and where arguments lie.
ROWS = [
    ("exp", (-5, 5)), ("exp2", (-5, 5)), ("expm1", (-1, 1)), ("log", (0.1, 10)), ("log1p", (0, 1)),
    ("sin", (-5, 5)), ("cos", (-5, 5)), ("tan", (-1, 1)), ("sinh", (-3, 3)), ("cosh", (-3, 3)), ("tanh", (-3, 3)),
    ("arcsin", (-1, 1)), ("arccos", (-1, 1)), ("arctan", (-3, 3)), ("arcsinh", (-3, 3)), ("arccosh", (1, 5)),
    ("arctanh", (-1, 1)), ("cbrt", (-3, 3)), ("erf", (-3, 3)), ("erfc", (-3, 3)), ("erf_inv", (-1, 1)),
    ("lgamma", (0.5, 10)), ("digamma", (0.5, 10)), ("logistic", (-5, 5)), ("power", (0.1, 5)), ("arctan2", (-3, 3)),
    ("hypot", (-3, 3)),
]  # fmt: skip
BINARY = ("power", "arctan2", "hypot")
SCIPY = {"erf_inv": "erfinv", "lgamma": "gammaln", "logistic": "expit"}


def chain(np_):
    return lambda x: np_.sum(np_.tanh(x) * np_.exp(x) + np_.log1p(x * x) * np_.sin(x))


def functions(name: str) -> dict:
    """Return the function of each peer."""
    if name == "gradient":
        peers = {"jaxlite": jaxlite.jit(jaxlite.grad(chain(jnp)))}
        if jax:
            peers["JAX"] = jax.jit(jax.grad(chain(peer_numpy)))
        return peers
    of = {"jaxlite": jaxlite.jit(getattr(jnp, name, None) or getattr(jaxlite.lax, name))}
    of["NumPy"] = getattr(np, name, None) or getattr(scipy.special, SCIPY.get(name, name))
    if jax:
        of["JAX"] = jax.jit(getattr(peer_numpy, name, None) or getattr(jax.lax, name))
    return of


def main() -> None:
    dtype = np.dtype(sys.argv[1] if len(sys.argv) > 1 else "float64")
    rng = np.random.default_rng(0)
    names = ["jaxlite", "NumPy", *(["JAX"] if jax else [])]
    titles = "".join(f"{f'{name} {n:.0e}':>16}" for n in SIZES for name in names)
    print(f"{f'{dtype}, ns':<14}{titles}")
    wanted = sys.argv[2:]
    for name, (low, high) in [*ROWS, ("gradient", (-3, 3))]:
        if wanted and name not in wanted:
            continue
        line = f"{name:<14}"
        for n in SIZES:
            arity = 2 if name in BINARY else 1
            args = [rng.uniform(low, high, n).astype(dtype) for _ in range(arity)]
            calls = max(1, 2_000_000 // n // 20)
            with np.errstate(all="ignore"):
                peers = functions(name)
                given = {
                    peer: tuple(map(jax.numpy.asarray, args)) if peer == "JAX" else args for peer in peers
                }
                for peer, f in peers.items():
                    f(*given[peer])
                measures = [functools.partial(seconds, f, given[peer], calls) for peer, f in peers.items()]
                times = dict(zip(peers, medians(measures, REPEATS), strict=True))
            for peer in names:
                line += f"{1e9 * times[peer] / n:>16.2f}" if peer in times else f"{'':>16}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
