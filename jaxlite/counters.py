"""Counts of the work that ``jit`` does, for tests and for users who wonder why something is slow. Layer 0.

>>> from jaxlite.counters import counters
>>> before = counters.num_traces
"""

from __future__ import annotations

from collections.abc import Callable

from jaxlite.locks import new_lock


class Counters:
    """Process-wide counts since the start.

    Attributes
    ----------
    num_traces : int
        Functions recorded by ``jit``: each is one run of Python code.
    num_compiles : int
        Programs that went through the code generator.
    num_cache_hits, num_cache_misses, num_cache_errors : int
        Looks into the cache on disk: programs found, not found, and files that were damaged or out of reach.
    num_host_calls : int
        Equations that compiled programs left to NumPy or to a user's Python function.
    num_ordinary_calls : int
        Calls of compiled programs that did not go through their machine entry.
    num_interpreted_calls : int
        Calls of programs that have no compiled form.
    num_failed_self_tests : int
        Whether this Python lays out objects otherwise than machine entries expect.
    num_launches : int
        Loops whose parts ran in several threads; counted by the machine code.
    """

    def __init__(self):
        self._lock = new_lock()
        self.num_traces = 0
        self.num_compiles = 0
        self.num_cache_hits = 0
        self.num_cache_misses = 0
        self.num_cache_errors = 0
        self.num_host_calls = 0
        self.num_ordinary_calls = 0
        self.num_interpreted_calls = 0
        self.num_failed_self_tests = 0
        # Set by `runtime.threads`.
        self.read_launches: Callable[[], int] = int

    @property
    def num_launches(self) -> int:
        return self.read_launches()

    def add(self, name: str, amount: int = 1) -> None:
        with self._lock:
            setattr(self, name, getattr(self, name) + amount)


counters = Counters()
