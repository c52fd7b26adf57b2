"""jaxlite's densities, of covariances that are not singular; SciPy's entropy, which refuses traced values."""

import scipy.stats

from jaxlite.scipy.stats import multivariate_normal


def _density(name):
    def density(x, mean=None, cov=1, allow_singular=False):
        if allow_singular:
            return getattr(scipy.stats.multivariate_normal, name)(x, mean, cov, allow_singular=True)
        return getattr(multivariate_normal, name)(x, mean, cov)

    return density


pdf, logpdf = _density("pdf"), _density("logpdf")
entropy = scipy.stats.multivariate_normal.entropy
