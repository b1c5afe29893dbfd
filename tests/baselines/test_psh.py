"""PSH: the best thresholds are found exactly, the best functions are kept, pairs are drawn evenly."""

from __future__ import annotations

import numpy as np
import pytest

from hashbench_baselines.psh import PSH
from hashbench_baselines.similarity import Similarity
from hashbench_baselines.thresholds import best_thresholds


def errors(values, similar, dissimilar, threshold):
    """FN + FP by their definition."""
    bits = values >= threshold
    return np.mean(bits[similar[0]] != bits[similar[1]]) + np.mean(bits[dissimilar[0]] == bits[dissimilar[1]])


@pytest.mark.parametrize("levels", [None, 5], ids=["continuous", "many equal values"])
def test_threshold_is_the_best_of_all(levels):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 4)) if levels is None else rng.integers(0, levels, size=(50, 4)).astype(float)
    similar, dissimilar = (tuple(rng.integers(0, 50, size=(2, 30))) for _ in range(2))
    thresholds, costs = best_thresholds(values, similar, dissimilar)
    for k in range(4):
        candidates = np.concatenate([np.unique(values[:, k]), [values[:, k].max() + 1]])
        best = min(errors(values[:, k], similar, dissimilar, t) for t in candidates)
        assert costs[k] == pytest.approx(best, abs=1e-12)
        assert errors(values[:, k], similar, dissimilar, thresholds[k]) == pytest.approx(best, abs=1e-12)


def test_threshold_of_a_constant_axis():
    pairs = (np.array([0, 1]), np.array([1, 2]))
    thresholds, costs = best_thresholds(np.full((3, 1), 2.0), pairs, pairs)
    assert thresholds[0] == 2.0
    assert costs[0] == 1.0


def test_perfect_threshold_costs_nothing():
    values = np.array([0.0, 1.0, 5.0, 6.0])[:, None]
    similar, dissimilar = (np.array([0, 2]), np.array([1, 3])), (np.array([0, 1]), np.array([2, 3]))
    thresholds, costs = best_thresholds(values, similar, dissimilar)
    assert costs[0] == pytest.approx(0, abs=1e-12)
    assert thresholds[0] == 3.0


@pytest.mark.parametrize("similar", [True, False])
def test_pairs_are_uniform_over_all_pairs(similar):
    targets = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 0, 0]])
    allowed = {(i, j) for i in range(6) for j in range(6) if i != j and bool(targets[i] @ targets[j]) == similar}
    draws = 400 * len(allowed)
    first, second = Similarity(targets).sample_pairs(similar, draws, np.random.RandomState(0))
    found, counts = np.unique(np.stack([first, second]), axis=1, return_counts=True)
    assert {tuple(pair) for pair in found.T.tolist()} == allowed
    assert Similarity(targets).pair_counts(similar).sum() == len(allowed)
    assert abs(counts - 400).max() < 6 * np.sqrt(400)


def test_keeps_the_functions_that_tell_classes_apart():
    rng = np.random.default_rng(1)
    y = np.arange(200) % 2
    X = rng.normal(size=(200, 10))
    X[:, [2, 7]] += 6 * y[:, None]
    method = PSH(bits=2, random_state=0, pairs=500, projections=0).fit(X, y)
    assert set(np.abs(method.directions_).argmax(axis=0)) == {2, 7}
    assert (method.costs_ < 0.1).all()
    np.testing.assert_array_equal(
        method.transform(X)[:, 0], np.where(X[:, 2 if method.directions_[2, 0] else 7] > 3, 1, -1)
    )


def test_costs_ascend_and_functions_are_distinct():
    rng = np.random.default_rng(2)
    method = PSH(bits=20, random_state=0, pairs=200, projections=300).fit(rng.normal(size=(90, 6)), np.arange(90) % 3)
    assert (np.diff(method.costs_) >= 0).all()
    assert len(np.unique(method.directions_.round(9), axis=1).T) == 20
