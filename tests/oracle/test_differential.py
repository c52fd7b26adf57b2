"""jaxlite against JAX: functions × transformations × dtypes. See `differential.py` for what is counted.

The default suite takes a seeded sample of the rows; ``-m slow`` takes all of them, in blocks;
``python -m tests.oracle`` prints the figures of the whole.
"""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.oracle.compare import difference
from tests.oracle.differential import compare_all, figures, report
from tests.oracle.parts import PARTS
from tests.oracle.transformations import TRANSFORMATIONS

# Of each part: rows of the sample, and blocks that all of them are tested in.
SIZES = {"functions": (90, 24), "mathematics": (10, 32), "libraries": (12, 16)}


def everything(part: str) -> list:
    return [(row, letter) for row in PARTS[part].rows for letter in row.dtypes]


def check_names(part: str, jax=None) -> None:
    rows, excluded, names = PARTS[part]
    tested, names = {row.name for row in rows}, names(jax)
    assert not names - tested - excluded.keys(), "public functions without a row"
    assert not tested & excluded.keys(), "both a row and an exclusion"
    assert not excluded.keys() - names, "exclusions of functions that are gone"


def test_every_function_has_a_row_or_a_reason():
    check_names("functions")


@pytest.mark.parametrize("part", ["mathematics", "libraries"])
def test_every_function_that_both_have_has_a_row_or_a_reason(oracle, part):
    check_names(part, oracle)


def test_comparison_sees_differences():
    x = np.array([1.0, np.nan, 0.0])
    assert difference([x], [x + 1e-13]) == ""
    assert "results" in difference([x], [])
    assert "float32" in difference([x], [x.astype(np.float32)])
    assert difference([x], [x[None]])
    assert difference([x], [np.array([1.0, np.nan, 1e-9])])
    assert difference([x], [np.array([1.0, 2.0, 0.0])])
    assert difference([np.array(1j)], [np.array(1j + 1e-9)])
    assert difference([3], [4])
    assert difference([x], [x + 1e-13], lambda dtype: 1e-14)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("part", PARTS)
def test_sample(oracle, request, part):
    size, _ = SIZES[part]
    chosen = random.Random(request.config.getoption("seed")).sample(everything(part), size)
    outcomes = compare_all(chosen, oracle)
    # One row may be among those that are known to differ; the rate is for the whole.
    assert figures(outcomes).rate >= 0.97, report(outcomes)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("part", "block"), [(part, k) for part in PARTS for k in range(SIZES[part][1])])
def test_everything(oracle, part, block):
    outcomes = compare_all(everything(part)[block :: SIZES[part][1]], oracle)
    compared = {outcome.transformation for outcome in outcomes if outcome.status == "agrees"}
    assert compared == TRANSFORMATIONS.keys()
    assert figures(outcomes).rate >= 0.99, report(outcomes)
