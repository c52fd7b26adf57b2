"""jaxlite's functions; those that it lacks are SciPy's, which refuse traced values."""

import scipy.stats

import jaxlite.scipy.stats


class _Distribution:
    """A distribution of SciPy whose functions are jaxlite's where it has them."""

    def __init__(self, name):
        self.ours, self.theirs = getattr(jaxlite.scipy.stats, name, None), getattr(scipy.stats, name)

    def __getattr__(self, name):
        return getattr(self.ours, name, None) or getattr(self.theirs, name)


def __getattr__(name):
    return _Distribution(name)
