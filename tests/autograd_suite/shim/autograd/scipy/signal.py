"""SciPy's own, which refuses traced values."""

import scipy.signal


def __getattr__(name):
    return getattr(scipy.signal, name)
