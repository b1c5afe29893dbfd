"""Features scaled before a method sees them: as slow loops say, by training statistics, and as it was by default."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from hashbench_baselines.agh import AGH, distinct_rows
from hashbench_baselines.itq import ITQ
from hashbench_baselines.ksh import KSH
from hashbench_baselines.ldahash import LDAHash
from hashbench_baselines.lsh import LSH
from hashbench_baselines.psh import PSH
from hashbench_baselines.scaling import Scaling
from hashbench_baselines.sdh import SDH
from hashbench_baselines.spectral import SpectralHashing

SCALED = [
    LSH(),
    ITQ(),
    SpectralHashing(),
    AGH(anchors=30),
    PSH(pairs=200, projections=50),
    LDAHash(pairs=200),
    KSH(anchors=30, iterations=5),
]
WIDE = [AGH(anchors=30), KSH(anchors=30, iterations=5), SDH(anchors=30)]


def name(method):
    return type(method).__name__


@pytest.fixture
def samples():
    """(60, 6) samples of three classes, features of very different scales; labels; (5, 6) others."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    X = (rng.normal(size=(3, 6))[y] + rng.normal(size=(60, 6))) * [1, 1, 50, 0.1, 1, 1] + 3
    return X, y, rng.normal(size=(5, 6)) + 3


def test_scaling_equals_slow_loops(samples):
    X, _, others = samples
    X[:, 5] = 7.0
    assert Scaling("none", X)(others) is others
    for row, scaled in zip(others, Scaling("unit", X)(others), strict=True):
        np.testing.assert_allclose(scaled, row / sum(value**2 for value in row) ** 0.5, rtol=1e-12)
    standard = Scaling("standard", X)
    for column in range(5):
        mean = sum(X[:, column]) / 60
        deviation = (sum((value - mean) ** 2 for value in X[:, column]) / 60) ** 0.5
        np.testing.assert_allclose(standard(others)[:, column], (others[:, column] - mean) / deviation, rtol=1e-10)
    np.testing.assert_allclose(standard(others)[:, 5], others[:, 5] - 7.0)  # constant: only centred


def test_a_sample_of_length_zero_stays_zero():
    assert (Scaling("unit", np.ones((2, 3)))(np.zeros((1, 3))) == 0).all()


@pytest.mark.parametrize("method", SCALED, ids=name)
@pytest.mark.parametrize("scale", ["unit", "standard"])
def test_a_scaled_method_is_the_method_of_scaled_features(method, scale, samples):
    X, y, others = samples
    scaling = Scaling(scale, X)
    made = clone(method).set_params(bits=4, random_state=0)
    within = clone(made).set_params(scale=scale).fit(X, y).decision_function(others)
    before = made.fit(scaling(X), y).decision_function(scaling(others))
    np.testing.assert_allclose(within, before, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", SCALED, ids=name)
def test_another_scale_is_refused_in_one_line(method, samples):
    with pytest.raises(ValueError, match=r"^scale = 'l2' must be one of none, unit, standard$"):
        clone(method).set_params(bits=4, scale="l2").fit(*samples[:2])


@pytest.mark.parametrize("method", WIDE, ids=name)
def test_the_width_factor_multiplies_the_squared_width_of_the_data(method, samples):
    X, y, _ = samples
    plain, wide = (clone(method).set_params(bits=4, random_state=0, width_factor=f).fit(X, y) for f in (1.0, 4.0))
    if isinstance(method, KSH):
        assert wide.width_ == pytest.approx(4 * plain.width_)
    else:
        assert wide.sigma_ == pytest.approx(2 * plain.sigma_)
    with pytest.raises(ValueError, match=r"^width_factor = 0 must be a number > 0$"):
        clone(method).set_params(bits=4, width_factor=0).fit(X, y)


def test_a_factor_of_the_width_is_free_of_the_features_unit(samples):
    X, y, others = samples
    small, large = (
        KSH(bits=4, random_state=0, anchors=30, iterations=5, width_factor=0.5)
        .fit(X * unit, y)
        .transform(others * unit)
        for unit in (1.0, 1024.0)
    )
    np.testing.assert_array_equal(small, large)


@pytest.mark.parametrize("most", [1, 3, 5, 100])
def test_distinct_rows_are_counted_as_a_sort_counts_them(most):
    rows = np.array([[0.0, 1.0], [-0.0, 1.0], [2.0, 1.0], [0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [5.0, 5.0]])
    assert distinct_rows(rows, most) == min(most, len(np.unique(rows, axis=0)))
