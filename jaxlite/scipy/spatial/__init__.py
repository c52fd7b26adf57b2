"""``jaxlite.scipy.spatial``: `transform`, rotations in three dimensions."""

from jaxlite.scipy.spatial import transform

__all__ = ["transform"]
