"""``jaxlite.scipy.sparse``: `linalg`, solvers for systems whose matrix is a function."""

from jaxlite.scipy.sparse import linalg

__all__ = ["linalg"]
