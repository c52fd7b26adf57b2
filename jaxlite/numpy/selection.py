"""Choosing elements: where, select, clip, nan_to_num, and the parts of complex numbers.

    jnp.where(x > 0, x, 0)   ->   select_n (x > 0) 0.0 x
"""

from __future__ import annotations

import numpy as np

from jaxlite.errors import ArgumentError
from jaxlite.numpy import ufuncs
from jaxlite.numpy.promotion import (
    broadcast,
    broadcast_shapes_of,
    common_dtype,
    convert,
    is_weak,
    operand,
    strip_weak,
)
from jaxlite.numpy.registry import implements
from jaxlite.ops import elementwise, structural
from jaxlite.trace import aval_of
