"""The data shipped with jaxlite, as NumPy arrays. Layer 7; must import nothing but numpy.

>>> data = breast_cancer()
>>> data.features.shape, data.labels.shape, data.feature_names[0], float(data.features[0, 0])
((569, 30), (569,), 'radius_mean', 17.99)
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

__all__ = ["Dataset", "breast_cancer"]

_FOLDER = Path(__file__).with_name("data")


class Dataset(NamedTuple):
    """A table of features with one label per row, and where it comes from."""

    features: np.ndarray  # f64[n, d]
    labels: np.ndarray  # f64[n], values 0.0 and 1.0
    feature_names: tuple[str, ...]  # d names
    source: str
    licence: str


def breast_cancer() -> Dataset:
    """Load the Breast Cancer Wisconsin (Diagnostic) data.

    Returns
    -------
    Dataset
        ``features : f64[569, 30]`` as published (not scaled), ``labels : f64[569]`` with 1.0 for benign and
        0.0 for malignant, ``feature_names``, ``source`` and ``licence``. Every call returns new arrays.

    Notes
    -----
    Ten measures of the cell nuclei in an image, each as mean, standard error and mean of the three largest
    values. The source gives no units.

    References
    ----------
    .. [1] W. Wolberg, O. Mangasarian, N. Street, W. Street, "Breast Cancer Wisconsin (Diagnostic)", UCI
       Machine Learning Repository, 1993, doi:10.24432/C5DW2B. CC BY 4.0.

    Examples
    --------
    >>> data = breast_cancer()
    >>> int(data.labels.sum())
    357
    """
    path = _FOLDER / "breast_cancer_wisconsin_diagnostic.csv"
    with path.open(encoding="utf-8") as file:
        *feature_names, _ = file.readline().strip().split(",")
        table = np.loadtxt(file, delimiter=",", dtype=np.float64)
    return Dataset(
        # Copies: slices of the table would be strided, and each would keep the whole table alive.
        features=table[:, :-1].copy(),
        labels=table[:, -1].copy(),
        feature_names=tuple(feature_names),
        source=(
            "W. Wolberg, O. Mangasarian, N. Street, W. Street: Breast Cancer Wisconsin (Diagnostic), "
            "UCI Machine Learning Repository, 1993, doi:10.24432/C5DW2B"
        ),
        licence="CC BY 4.0",
    )
