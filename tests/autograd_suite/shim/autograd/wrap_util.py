"""The choice of an argument."""

from . import of_argument as unary_to_nary
