"""SciPy's own, which refuses traced values."""

import scipy.linalg


def __getattr__(name):
    return getattr(scipy.linalg, name)
