"""jaxlite's functions; those that it lacks are SciPy's, which refuse traced values."""

import scipy.linalg

import jaxlite.scipy.linalg


def __getattr__(name):
    return getattr(jaxlite.scipy.linalg, name, None) or getattr(scipy.linalg, name)
