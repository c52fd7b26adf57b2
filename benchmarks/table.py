"""The table of `python -m benchmarks`: measure the rows, print them, draw them."""

from __future__ import annotations

import jax
import numpy as np

import jaxlite
from benchmarks.by_hand import hand_for
from benchmarks.family_rows import FAMILY_ROWS
from benchmarks.loop_rows import LOOP_ROWS
from benchmarks.peers import PEERS, by_scipy, peer
from benchmarks.rows import ROWS, Lib, Row
from benchmarks.timing import alternating, seconds, wait
from benchmarks.window_rows import WINDOW_ROWS
from jaxlite.counters import counters


def libraries() -> list[Lib]:
    def solve_lower_jax(factor, b):
        return jax.scipy.linalg.solve_triangular(factor, b, lower=True)

    def solve_lower(factor, b):
        return jaxlite.lax.triangular_solve(factor, b[:, None], left_side=True, lower=True)[:, 0]

    def lib(name, module, solve):
        return Lib(
            name,
            module.numpy,
            module.lax,
            module.jit,
            module.grad,
            module.jvp,
            module.vmap,
            module.hessian,
            module.value_and_grad,
            solve,
        )

    return [lib("jaxlite", jaxlite, solve_lower), lib("JAX", jax, solve_lower_jax)]


def derivative_of(lib: Lib, row: Row, loss):
    """Return the function that is timed as the derivative."""
    if row.derivative == "none":
        return loss
    if row.derivative == "hessian":
        return lib.hessian(loss)
    if row.derivative == "per example":
        return lib.vmap(lib.grad(loss), in_axes=(None, 0, 0))
    if row.derivative == "of each element":
        if lib.name == "JAX":
            # Reverse mode of loops of unknown length is not there: by one input, forward mode gives the same.
            return lib.vmap(
                lambda x, *rest: lib.jvp(lambda x: loss(x, *rest), (x,), (lib.np.ones_like(x),))[1]
            )
        return lib.vmap(lib.grad(loss))
    if row.derivative == "tangent":
        return lambda *args: lib.jvp(loss, args, args)[1]
    return lib.grad(loss)


def own_arrays(lib: Lib, args):
    return args if lib.name == "jaxlite" else jax.tree.map(jax.numpy.asarray, args)


def leaves(tree) -> list[np.ndarray]:
    return [np.asarray(x) for x in jax.tree.leaves(tree)]


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.max(np.abs(a - b)) / max(np.max(np.abs(b)), 1e-300))


def _host_calls(derivative, args) -> int:
    """Return how often one call of a compiled function leaves its machine code."""
    before = counters.num_host_calls
    derivative(*args)
    return counters.num_host_calls - before


def _memory(derivative, args) -> int:
    """Return the bytes of results and of what a compiled function computes on the way."""
    analysis = derivative.lower(*args).compile().memory_analysis()
    return analysis.temp_size_in_bytes + analysis.output_size_in_bytes


def measure_row(row: Row, options) -> dict:
    libs = libraries()
    primals, gradients, first, results = [], [], [], []
    for lib in libs:
        loss, args = row.make(lib, np.random.default_rng(0))
        args = own_arrays(lib, args)
        derivative = lib.jit(derivative_of(lib, row, loss))
        first.append(seconds(derivative, args))
        results.append(leaves(derivative(*args)))
        primals.append((lib.jit(lib.vmap(loss) if row.derivative == "of each element" else loss), args))
        gradients.append((derivative, args))
    error = max(map(_difference, *results))
    loss, plain = row.make(libs[0], np.random.default_rng(0))
    hand = hand_for(row.name) if row.derivative == "grad" else None
    if hand is not None:
        error = max(error, *map(_difference, leaves(hand(*plain)), results[1]))
    beside = by_scipy(row)
    if beside is not None:
        error = max(error, *map(_difference, *(leaves(f(*args)) for f, args in (primals[0], beside))))
    tolerance = row.tolerance or (1e-3 if results[0][0].dtype == np.float32 else 1e-8)
    assert error < tolerance, f"{row.name}: the results differ by {error:.1e}"
    record = {"row": row.name, "error": error, "first": first, "host": _host_calls(*gradients[0])}
    if not options.quick:
        record["primal"] = alternating(primals, options.runs)
        record["gradient"] = alternating(gradients, options.runs)
        record["memory"] = [_memory(*gradient) for gradient in gradients]
        if hand is not None:
            record["hand"] = alternating([gradients[0], (hand, plain)], options.runs)
        if beside is not None:
            record["scipy"] = alternating([primals[0], beside], options.runs)
        if options.peers:
            record["peers"] = {}
            for name in PEERS:
                candidate = peer(name, row)
                if candidate is not None:
                    (record["peers"][name],) = alternating([candidate], options.runs)
    return record


def geometric_mean(values) -> float:
    return float(np.exp(np.mean(np.log(list(values))))) if values else float("nan")


def _rows(options) -> list[Row]:
    if options.families:
        return FAMILY_ROWS
    return LOOP_ROWS if options.loops else WINDOW_ROWS if options.windows else ROWS


def measure(options) -> list[dict]:
    """Measure all rows and print the table."""
    for lib in libraries():
        wait(lib.jit(lambda x: x + 1.0)(1.0))
    rows = [row for row in _rows(options) if options.only in row.name]
    head = f"{'times in us':<42}{'primal':>10}{'gradient':>11}{'JAX':>11}{'ratio':>7}{'g/p':>6}"
    head += f"{'first':>8}{'ratio':>7}{'memory':>8}{'scipy' if options.families else 'hand':>7}"
    head += "".join(f"{name:>11}" for name in PEERS if options.peers)
    print(head, flush=True)
    records = []
    for row in rows:
        record = measure_row(row, options)
        records.append(record)
        ours, theirs = record["first"]
        if options.quick:
            print(f"{row.name:<42} agrees, error {record['error']:.0e}", flush=True)
            continue
        (p, _), (g, j) = record["primal"], record["gradient"]
        print(
            f"{row.name:<42}{1e6 * p:>10.1f}{1e6 * g:>11.1f}{1e6 * j:>11.1f}{g / j:>7.2f}{g / p:>6.1f}"
            f"{1e3 * ours:>6.0f}ms{ours / theirs:>7.2f}{_memory_ratio(record):>8.2f}"
            + _beside(record, options),
            flush=True,
        )
    if not options.quick:
        ratios = [r["gradient"][0] / r["gradient"][1] for r in records]
        long = [q for q, r in zip(ratios, records, strict=True) if r["gradient"][1] > 1e-4]
        print(f"geometric mean of gradient / JAX's            {geometric_mean(ratios):.3f}")
        print(f"  of the rows where JAX takes over 100 us     {geometric_mean(long):.3f}")
        print(
            f"  of gradient / primal                        "
            f"{geometric_mean([r['gradient'][0] / r['primal'][0] for r in records]):.2f}"
        )
        print(
            f"  of the first call / JAX's                   "
            f"{geometric_mean([r['first'][0] / r['first'][1] for r in records]):.2f}"
        )
        by = [r["scipy"][0] / r["scipy"][1] for r in records if "scipy" in r]
        if by:
            print(f"  of primal / SciPy's                         {geometric_mean(by):.3f}")
        hands = {r["row"]: r["hand"][0] / r["hand"][1] for r in records if "hand" in r}
        if hands:
            worst = max(hands, key=hands.get)
            print(f"  of gradient / by hand                       {geometric_mean(hands.values()):.2f}")
            print(f"  the worst of these                          {hands[worst]:.2f} ({worst})")
    if not options.quick:
        larger = [r["row"] for r in records if _memory_ratio(r) > 1.0]
        print(f"rows that take more memory than JAX's: {', '.join(larger) or 'none'}")
    leaving = [f"{r['row']} ({r['host']})" for r in records if r["host"]]
    if leaving:
        print(f"gradients that call NumPy, and how often: {', '.join(leaving)}")
    return records


def _memory_ratio(record: dict) -> float:
    ours, theirs = record["memory"]
    return ours / max(theirs, 1)


def _beside(record: dict, options) -> str:
    """Return the columns of what is compared besides JAX."""
    pair = record.get("hand") or record.get("scipy")
    text = f"{pair[0] / pair[1]:>7.2f}" if pair else " " * 7
    for name in PEERS if options.peers else ():
        median = record["peers"].get(name)
        text += " " * 11 if median is None else f"{1e6 * median:>11.1f}"
    return text.rstrip()


def plot(records: list[dict], path) -> None:
    """Draw the ratios of gradients as bars on a logarithmic axis."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = [r["row"] for r in records][::-1]
    ratios = [r["gradient"][0] / r["gradient"][1] for r in records][::-1]
    figure, axes = plt.subplots(figsize=(8, 0.26 * len(names) + 1.2), layout="constrained")
    axes.barh(names, ratios, color=["#2a6f97" if q <= 1 else "#c1121f" for q in ratios])
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("time of the gradient, jaxlite / JAX")
    figure.savefig(path, dpi=120)
