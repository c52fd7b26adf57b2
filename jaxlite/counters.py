"""Counts of the work that ``jit`` does, for tests and for users who wonder why something is slow. Layer 0.

>>> from jaxlite.counters import counters
>>> before = counters.num_traces
"""

from __future__ import annotations

import threading


class Counters:
    """Process-wide counts since the start.

    Attributes
    ----------
    num_traces : int
        Functions recorded by ``jit``: each is one run of Python code.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self.num_traces = 0

    def add(self, name: str, amount: int = 1) -> None:
        with self._lock:
            setattr(self, name, getattr(self, name) + amount)


counters = Counters()
