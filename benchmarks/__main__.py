"""Gradients beside JAX, one table: ``python -m benchmarks``.

    python -m benchmarks [--threads 1|all] [--loops | --windows | --families] [--peers] [--quick] [--only TEXT]
                         [--runs 7] [--save FILE]

Both libraries run in one process and take turns; medians count. ``first`` is record, compile and run, after a trivial
program on both sides, with nothing kept on disk. JAX gets its own arrays and is waited for; jaxlite gets NumPy's.
Some rows have a gradient written by hand for Numba beside them: ``hand`` is jaxlite's time divided by its.
With ``--families``, ``scipy`` is the time of the compiled loss divided by that of the same lines by NumPy and SciPy.
``--quick`` runs every row once and checks that the libraries agree.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from benchmarks.timing import on_one_core

os.environ["JAXLITE_CACHE"] = "0"
os.environ.setdefault("JAX_ENABLE_X64", "1")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--threads", choices=["1", "all"], default="1")
    parser.add_argument("--quick", action="store_true", help="run every row once and compare the results")
    parser.add_argument("--only", default="", help="rows whose name contains this text")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--loops", action="store_true", help="the loops instead of the kernels")
    chosen.add_argument(
        "--windows", action="store_true", help="convolutions and pooling instead of the kernels"
    )
    chosen.add_argument(
        "--families", action="store_true", help="functions of linear algebra, statistics, … instead"
    )
    parser.add_argument(
        "--peers", action="store_true", help="autograd and CasADi as well, where they are installed"
    )
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--save", type=Path, help="write FILE.json and FILE.png")
    return parser.parse_args()


def main() -> int:
    options = parse()
    if options.threads == "1":
        on_one_core()
    import jaxlite
    from benchmarks import table

    # OpenBLAS included; JAX takes all CPUs of the process by itself.
    jaxlite.set_num_threads(len(os.sched_getaffinity(0)))
    results = table.measure(options)
    if options.save:
        options.save.with_suffix(".json").write_text(json.dumps(results, indent=1))
        table.plot(results, options.save.with_suffix(".png"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
