"""jaxlite's densities and entropy, with autograd's defaults."""

from jaxlite.scipy.stats import multivariate_normal


def _density(name):
    def density(x, mean=None, cov=1, allow_singular=False):
        return getattr(multivariate_normal, name)(x, mean, cov, allow_singular or None)

    return density


pdf, logpdf = _density("pdf"), _density("logpdf")
entropy = multivariate_normal.entropy
