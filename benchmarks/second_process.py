"""What a second process pays for a program that the first one compiled, beside JAX with its cache on disk.

    python -m benchmarks.second_process

A chain of 200 equations over f64[1000]. Time is from the call of a new `jit` to its first result. Before that a jaxlite
process has imported numba and started its code generator (an empty module goes through it), and a process of either
library has imported it; with ``trivial`` it has also run a program of one equation from the cache. Processes take
turns; the median and the fastest count.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import numpy as np

PROCESSES = 15

COMMON = """
import sys, time
import numpy as np

def chain(x):
    values = [x, x * 1.37, x + 1.0]
    for k in range(197):
        u, v = values[-1], values[(7 * k + 3) % len(values)]
        values.append(u + v if k % 3 == 0 else u - v if k % 3 == 1 else u * v * 0.1)
    return values[-1]

x = np.linspace(0.1, 0.9, 1000)

def measure(jit):
    if "trivial" in sys.argv:
        np.asarray(jit(lambda x: x + 1.0)(x))
    start = time.perf_counter()
    np.asarray(jit(chain)(x))
    return 1e3 * (time.perf_counter() - start)
"""

OURS = (
    COMMON
    + """
import jaxlite
from jaxlite.counters import counters
from numba.core.registry import cpu_target

cpu_target.target_context.codegen()._engine.finalize_object()
print(measure(jaxlite.jit), counters.num_compiles)
"""
)

JAX = (
    COMMON
    + """
import os
import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_compilation_cache_dir", os.environ["PEER_CACHE"])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
jax.devices()
print(measure(jax.jit), 0)
"""
)


def run(script: str, folder: str, *args: str) -> tuple[float, int]:
    env = os.environ | {"JAXLITE_CACHE": "1", "JAXLITE_CACHE_DIR": folder, "PEER_CACHE": folder + "/peer"}
    # Byte code is kept, as it is for users.
    env["PYTHONPYCACHEPREFIX"] = folder + "/bytecode"
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", script, *args], env=env, capture_output=True, text=True, check=True
    )
    milliseconds, compiles = done.stdout.split()
    return float(milliseconds), int(compiles)


def main() -> None:
    peers = {"jaxlite": OURS}
    try:
        import jax  # noqa: F401
    except ImportError:
        pass
    else:
        peers["JAX"] = JAX
    print(
        f"{'200 equations from disk, ms':<30}"
        + "".join(f"{name + ', median':>18}{'fastest':>10}" for name in peers)
    )
    with tempfile.TemporaryDirectory() as folder:
        for args in ((), ("trivial",)):
            for script in peers.values():
                run(script, folder, *args)
            found = {name: [] for name in peers}
            for _ in range(PROCESSES):
                for name, script in peers.items():
                    milliseconds, compiles = run(script, folder, *args)
                    assert compiles == 0, "a program was not found on disk"
                    found[name].append(milliseconds)
            cells = "".join(f"{np.median(t):>18.1f}{min(t):>10.1f}" for t in found.values())
            print(f"{'after a trivial program' if args else 'the first program':<30}{cells}", flush=True)


if __name__ == "__main__":
    main()
