"""Type names for annotations.

``ArrayLike`` is what functions take: arrays, traced values and numbers. ``DTypeLike`` is what names a dtype.
"""

from __future__ import annotations

from typing import Any, Union

import numpy as np

from jaxlite.array import Array
from jaxlite.trace import Tracer

ArrayLike = Union[Array, Tracer, np.ndarray, np.generic, bool, int, float, complex]  # noqa: UP007
DTypeLike = Any
