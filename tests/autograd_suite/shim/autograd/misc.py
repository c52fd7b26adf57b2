"""One vector for a tree, and programs recorded once."""

from jaxlite import jit as const_graph
from jaxlite.flatten_util import ravel_pytree as flatten
