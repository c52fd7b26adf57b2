"""SciPy's own, which refuses traced values."""

import scipy.stats


def __getattr__(name):
    return getattr(scipy.stats, name)
