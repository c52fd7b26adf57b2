"""Linear algebra; `T` and `_dot` are helpers of autograd's that its tests call."""

from . import _jnp, _of_lists, _source

norm = _of_lists(_source.linalg.norm)
T = _source.matrix_transpose
_dot = _source.matmul


def __getattr__(name):
    return getattr(_source.linalg, name)
