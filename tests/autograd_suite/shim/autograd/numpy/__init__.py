"""autograd's NumPy: the functions of `jaxlite.numpy`, and NumPy's own where there is none.

With ``AUTOGRAD_SHIM=numpy`` in the environment they are NumPy's own, which answer for traced values too.
"""

from __future__ import annotations

import functools
import os

import numpy as _numpy

import jaxlite.numpy as _jnp

_source = _numpy if os.environ.get("AUTOGRAD_SHIM") == "numpy" else _jnp


def _of_lists(f):
    """autograd makes arrays of lists with traced values in them; jaxlite, as JAX, wants an array."""

    def array(x):
        return _jnp.array(x) if isinstance(x, list | tuple) else x

    @functools.wraps(f)
    def g(*args, axis=None, **kwargs):
        given = {} if axis is None else {"axis": axis}
        return f(*map(array, args), **{key: array(x) for key, x in kwargs.items()}, **given)

    return g


append, mean, std, var = map(_of_lists, (_source.append, _source.mean, _source.std, _source.var))


def where(condition, x=None, y=None):
    """autograd's takes its arguments by name too, and lists."""
    given = (condition,) if x is None else (condition, x, y)
    return _source.where(*map(_jnp.asarray, given))


array = _jnp.array
row_stack = _source.vstack


def make_diagonal(x, offset=0, axis1=0, axis2=1):
    """autograd's own: matrices with ``x`` on their diagonal, for the last two axes as its tests ask."""
    if (offset, axis1, axis2) != (0, -1, -2):
        raise NotImplementedError("autograd's tests ask for axis1=-1, axis2=-2 only")
    return x[..., None] * _numpy.eye(x.shape[-1])


def __getattr__(name):
    if name in ("fft", "linalg", "random"):
        raise AttributeError(name)  # the modules of this folder, once they are imported
    return getattr(_source, name) if hasattr(_source, name) else getattr(_numpy, name)


from . import fft, linalg, random  # noqa: E402
