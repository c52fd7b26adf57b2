"""Rows of tests of which the default suite takes a part, and ``-m slow`` the rest."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

# One in how many rows each test takes in the default suite, where it has more than so many; by file.
MANY, ONE_IN_MANY = 12, 2
ONE_IN = {
    "test_closure.py": 4,
    "test_numpy_functions.py": 3,
    "test_primitives.py": 4,
    "test_random_programs.py": 3,
    "test_rules_indexing.py": 3,
    "test_rules_linalg.py": 5,
}


def one_in(n: int, rows: Iterable) -> list:
    """Return the rows as params, all but each ``n``-th marked slow; a row that is a tuple is several values."""
    params = []
    for k, row in enumerate(rows):
        values = row if isinstance(row, tuple) else (row,)
        params.append(pytest.param(*values, marks=[] if k % n == 0 else [pytest.mark.slow]))
    return params


def leave_out(items: Iterable[pytest.Item]) -> None:
    """Mark the rows slow that the default suite does without; the tests of a file take different ones.

    Tests that say themselves which of their rows are slow are left alone.
    """
    tests: dict[tuple, list[pytest.Item]] = {}
    for item in items:
        if hasattr(item, "callspec"):
            tests.setdefault((item.path, item.originalname), []).append(item)
    for number, ((path, _), rows) in enumerate(tests.items()):
        if len(rows) > MANY and not any(row.get_closest_marker("slow") for row in rows):
            n = ONE_IN.get(path.name, ONE_IN_MANY)
            for k, row in enumerate(rows):
                if k % n != number % n:
                    row.add_marker(pytest.mark.slow)
