"""``jaxlite.scipy``: functions of SciPy, for arrays and for traced values.

    cluster       vq: the nearest code   integrate  quad, fixed_quad, rules for points
    fft           cosine transforms      optimize   minimize by BFGS
    ndimage       map_coordinates
    interpolate   CubicSpline, PchipInterpolator and other piecewise polynomials, RegularGridInterpolator
    signal        convolutions, spectra  sparse     linalg: cg, bicgstab, gmres
    spatial       transform: Rotation, Slerp
    linalg        factorisations, functions of matrices, matrices with a structure
    special       gamma, beta, erf and their families, with derivatives by every real parameter
    stats         distributions, and a few statistics

A part is imported when it is first asked for, so that programs which need none of them do not pay for it; SciPy itself
is imported when one of its functions first runs.

>>> jaxlite.scipy.special.gammaln(5.0)
Array(3.17805383, dtype=float64)
"""

from importlib import import_module

_PARTS = (
    "cluster",
    "fft",
    "integrate",
    "interpolate",
    "linalg",
    "ndimage",
    "optimize",
    "signal",
    "sparse",
    "spatial",
    "special",
    "stats",
)

__all__ = list(_PARTS)  # imported on demand


def __getattr__(name: str):
    if name in _PARTS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"jaxlite.scipy has no {name}; it has {', '.join(_PARTS)}")


def __dir__():
    return sorted([*globals(), *_PARTS])
