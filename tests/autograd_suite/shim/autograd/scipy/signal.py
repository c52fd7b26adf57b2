"""jaxlite's functions; those that it lacks are SciPy's, which refuse traced values."""

import scipy.signal

import jaxlite.scipy.signal


def __getattr__(name):
    return getattr(jaxlite.scipy.signal, name, None) or getattr(scipy.signal, name)
