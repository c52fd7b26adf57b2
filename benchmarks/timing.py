"""How the other modules measure: peers take turns, results are waited for, medians count.

    ours, theirs = medians([lambda: seconds(f, args, 100), lambda: seconds(g, args, 100)], 7)

Imports no library: what it measures must first find its environment as the module that asks for it set it.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence

# Seconds that one measurement should take: short programs are called many times.
SLICE = 0.005


def on_one_core() -> None:
    """Keep the process on one processor, where the system can; before anything starts threads of its own."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def wait(out) -> None:
    """Wait for all arrays of a result."""
    if isinstance(out, tuple | list):
        for item in out:
            wait(item)
    elif isinstance(out, dict):
        wait(list(out.values()))
    elif hasattr(out, "block_until_ready"):
        out.block_until_ready()


def seconds(f: Callable, args: Sequence = (), calls: int = 1) -> float:
    """Return the time of one call, of so many in a row, until the last result is there."""
    start = time.perf_counter()
    for _ in range(calls):
        out = f(*args)
    wait(out)
    return (time.perf_counter() - start) / calls


def medians(peers: Sequence[Callable[[], float]], repeats: int) -> list[float]:
    """Return the median of what each of several functions measures, which take turns."""
    times = [[measure() for measure in peers] for _ in range(repeats)]
    return [statistics.median(of_peer) for of_peer in zip(*times, strict=True)]


def alternating(candidates: Sequence[tuple[Callable, Sequence]], repeats: int) -> list[float]:
    """Return the median seconds of each ``(function, args)``, called as often as fills a `SLICE`."""
    peers = []
    for f, args in candidates:
        seconds(f, args)
        calls = max(1, int(SLICE / max(seconds(f, args), 1e-7)))
        peers.append(lambda f=f, args=args, calls=calls: seconds(f, args, calls))
    return medians(peers, repeats)
