"""SciPy's own, which refuses traced values."""

import scipy.integrate


def __getattr__(name):
    return getattr(scipy.integrate, name)
