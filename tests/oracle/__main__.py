"""Print the figures of the differential test over every row: ``python -m tests.oracle``; it takes minutes."""

import os

os.environ["JAX_ENABLE_X64"] = "1"
os.environ["JAXLITE_CACHE"] = "0"

import warnings

import jax

from tests.oracle.differential import compare_all, report
from tests.oracle.test_differential import EVERYTHING

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(report(compare_all(EVERYTHING, jax)))
