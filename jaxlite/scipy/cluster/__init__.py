"""``jaxlite.scipy.cluster``: `vq`, which code is nearest to an observation."""

from jaxlite.scipy.cluster import vq

__all__ = ["vq"]
