"""Locks that a forked child finds free: a fork waits until no other thread is inside. Layer 0.

A child has the thread that forked and no other, so a lock that another thread held would stay shut for ever.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

_held: list[tuple[Callable[[], object], Callable[[], object]]] = []


def new_lock():
    """Return a `threading.RLock` that is held while this process forks.

    Forks take the locks that were made last first: make a lock before those whose holders take it.

    Examples
    --------
    >>> lock = new_lock()
    >>> with lock:
    ...     pass
    """
    lock = threading.RLock()
    _held.insert(0, (lock.acquire, lock.release))
    return lock


def hold_across_forks(acquire: Callable[[], object], release: Callable[[], object]) -> None:
    """Hold a lock of another library while this process forks; it is taken after all those before it."""
    _held.append((acquire, release))


def _before() -> None:
    for acquire, _ in _held:
        acquire()


def _after() -> None:
    for _, release in reversed(_held):
        release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
