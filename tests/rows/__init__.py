"""The rows of all files, put together: what every primitive is tested on, and what it refuses."""

from tests.rows import (
    composite,
    contraction,
    control,
    cumulative,
    elementwise,
    fft,
    indexing,
    linalg,
    random_bits,
    reductions,
    reflections,
    schur,
    sorting,
    special,
    structural,
    windows,
)

_FILES = (
    elementwise,
    special,
    composite,
    structural,
    reductions,
    cumulative,
    contraction,
    windows,
    indexing,
    sorting,
    fft,
    linalg,
    schur,
    reflections,
    random_bits,
    control,
)

CASES = [row for file in _FILES for row in file.ROWS]
ERRORS = [row for file in _FILES for row in file.ERRORS]
