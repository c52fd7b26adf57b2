"""Special functions: jaxlite's; those that it lacks are SciPy's, which refuse traced values."""

import scipy.special

from jaxlite import bessel, lax, nn

digamma = psi = lax.digamma
erf, erfc, erfinv = lax.erf, lax.erfc, lax.erf_inv
expit = nn.sigmoid
gammaln = lax.lgamma
i0, i1 = bessel.bessel_i0, bessel.bessel_i1


def polygamma(n, x):
    return lax.polygamma(float(n), x)


def __getattr__(name):
    return getattr(scipy.special, name)
