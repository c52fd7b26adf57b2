"""Rows of the primitives in ``jaxlite/control``: used through the functions that users call."""

import numpy as np

from tests.cases import Case, ErrorCase

ROWS: list[Case] = []

ERRORS: list[ErrorCase] = []
