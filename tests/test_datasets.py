"""The shipped data is complete, of the promised types, and says where it comes from."""

import numpy as np
import pytest

from jaxlite import datasets


@pytest.fixture(scope="module")
def data():
    return datasets.breast_cancer()


def test_breast_cancer_has_the_promised_shapes_and_dtypes(data):
    assert data.features.shape == (569, 30) and data.features.dtype == np.float64
    assert data.labels.shape == (569,) and data.labels.dtype == np.float64
    assert data.features.flags.c_contiguous and data.labels.flags.c_contiguous
    assert type(data.features) is np.ndarray


def test_breast_cancer_has_the_published_values(data):
    # First and last row; class counts as the description of the data gives them.
    assert data.features[0, :4].tolist() == [17.99, 10.38, 122.8, 1001.0]
    assert data.features[0, -1] == 0.1189 and data.labels[0] == 0.0
    assert data.features[-1, :4].tolist() == [7.76, 24.54, 47.92, 181.0] and data.labels[-1] == 1.0
    assert np.count_nonzero(data.labels == 1.0) == 357 and np.count_nonzero(data.labels == 0.0) == 212
    assert np.isfinite(data.features).all() and (data.features >= 0).all()


def test_breast_cancer_names_stand_over_their_columns(data):
    column = dict(zip(data.feature_names, data.features.T))
    assert len(column) == 30 and "benign" not in column
    for measure in ("radius", "area", "concave_points", "fractal_dimension"):
        mean, worst = column[f"{measure}_mean"], column[f"{measure}_worst"]
        assert (worst >= mean).all(), measure
        assert column[f"{measure}_se"].mean() < mean.mean(), measure
    ranges = {"radius_mean": (6.981, 28.11), "area_se": (6.802, 542.2), "symmetry_worst": (0.1565, 0.6638)}
    for name, expected in ranges.items():
        assert (column[name].min(), column[name].max()) == expected, name


def test_breast_cancer_names_source_and_licence(data):
    assert "10.24432/C5DW2B" in data.source and "Wolberg" in data.source
    assert data.licence == "CC BY 4.0"


def test_breast_cancer_returns_new_arrays_on_every_call(data):
    data_again = datasets.breast_cancer()
    assert not np.shares_memory(data.features, data_again.features)
    assert not np.shares_memory(data_again.features, data_again.labels)
