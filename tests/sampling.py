"""Rows of tests of which the default suite takes a part, and ``-m slow`` the rest."""

from __future__ import annotations

from collections.abc import Iterable

import pytest


def one_in(n: int, rows: Iterable) -> list:
    """Return the rows as params, all but each ``n``-th marked slow; a row that is a tuple is several values."""
    params = []
    for k, row in enumerate(rows):
        values = row if isinstance(row, tuple) else (row,)
        params.append(pytest.param(*values, marks=[] if k % n == 0 else [pytest.mark.slow]))
    return params
