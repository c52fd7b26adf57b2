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
from tests.oracle.functions import EXCLUDED, ROWS, function_names
from tests.oracle.transformations import TRANSFORMATIONS

SAMPLE = 90
EVERYTHING = [(row, letter) for row in ROWS for letter in row.dtypes]


def test_every_function_has_a_row_or_a_reason():
    tested = {row.name for row in ROWS}
    assert not function_names() - tested - EXCLUDED.keys(), "public functions without a row"
    assert not tested & EXCLUDED.keys(), "both a row and an exclusion"
    assert not EXCLUDED.keys() - function_names(), "exclusions of functions that are gone"


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


@pytest.mark.filterwarnings("ignore")
def test_sample(oracle, request):
    chosen = random.Random(request.config.getoption("seed")).sample(EVERYTHING, SAMPLE)
    outcomes = compare_all(chosen, oracle)
    # One row may be among those that are known to differ; the rate is for the whole.
    assert figures(outcomes).rate >= 0.97, report(outcomes)


BLOCKS = 24


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("block", range(BLOCKS))
def test_everything(oracle, block):
    outcomes = compare_all(EVERYTHING[block::BLOCKS], oracle)
    compared = {outcome.transformation for outcome in outcomes if outcome.status == "agrees"}
    assert compared == TRANSFORMATIONS.keys()
    assert figures(outcomes).rate >= 0.99, report(outcomes)
