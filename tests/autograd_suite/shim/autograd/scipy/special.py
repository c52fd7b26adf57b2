"""jaxlite's functions; those that it lacks are SciPy's, which refuse traced values."""

import scipy.special

import jaxlite.scipy.special


def __getattr__(name):
    return getattr(jaxlite.scipy.special, name, None) or getattr(scipy.special, name)
