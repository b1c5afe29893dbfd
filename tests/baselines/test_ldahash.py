"""LDAHash: covariances equal loops over pairs, projections solve their eigenproblems, thresholds err least."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hashbench_baselines.ldahash import LDAHash, pair_covariance
from hashbench_baselines.similarity import Similarity

MULTI = np.array([[1, 0], [1, 1], [0, 1], [0, 0], [1, 0], [0, 1], [0, 0]])
IDS = np.array([0, 1, 1, 2, 0, 1, 2])


@pytest.mark.parametrize("similar", [True, False])
@pytest.mark.parametrize("y", [IDS, MULTI], ids=["single", "multi"])
def test_covariance_equals_a_loop_over_pairs(y, similar):
    X = np.random.default_rng(0).normal(size=(7, 3)) + 100
    targets = np.eye(3)[y] if y.ndim == 1 else y
    pairs = [
        np.outer(X[i] - X[j], X[i] - X[j])
        for i, j in itertools.permutations(range(7), 2)
        if (targets[i] @ targets[j] > 0) == similar
    ]
    np.testing.assert_allclose(pair_covariance(X, Similarity(y), similar), np.mean(pairs, axis=0), atol=1e-9)


@pytest.fixture
def samples():
    rng = np.random.default_rng(1)
    y = np.arange(150) % 3
    X = rng.normal(size=(150, 5)) * [1, 1, 1, 8, 1]
    X[:, :2] += np.array([[0, 0], [5, 0], [0, 5]])[y]
    return X, y


@pytest.mark.parametrize("ridge", [0.0, 0.7])
def test_lda_directions_have_the_largest_ratios(samples, ridge):
    X, y = samples
    method = LDAHash(bits=3, random_state=0, ridge=ridge).fit(X, y)
    near, far = (pair_covariance(X, Similarity(y), same) for same in (True, False))
    near = near + ridge * np.mean(np.diag(near)) * np.eye(5)
    every = np.sort(np.linalg.eigvals(np.linalg.solve(near, far)).real)[::-1]
    ratios = [(v @ far @ v) / (v @ near @ v) for v in method.projection_.T]
    np.testing.assert_allclose(ratios, every[:3], rtol=1e-8)
    assert ridge or np.abs(method.projection_[:2, :2]).sum() > np.abs(method.projection_[2:, :2]).sum()


def test_the_ridge_makes_a_constant_feature_possible(samples):
    X, y = samples
    method = LDAHash(bits=2, random_state=0, ridge=1e-3).fit(np.c_[X, np.full(len(X), 3.0)], y)
    assert np.isfinite(method.projection_).all()


def test_dif_directions_have_the_smallest_differences(samples):
    X, y = samples
    method = LDAHash(bits=2, random_state=0, variant="dif", alpha=3.0).fit(X, y)
    difference = 3 * pair_covariance(X, Similarity(y), True) - pair_covariance(X, Similarity(y), False)
    values = [v @ difference @ v for v in method.projection_.T]
    np.testing.assert_allclose(values, np.linalg.eigvalsh(difference)[:2], rtol=1e-8)


def test_variants_differ(samples):
    lda, dif = (LDAHash(bits=2, random_state=0, variant=v).fit(*samples) for v in ("lda", "dif"))
    assert not np.allclose(np.abs(lda.projection_), np.abs(dif.projection_), rtol=0.1)


def test_thresholds_separate_better_than_means(samples):
    X, y = samples
    method = LDAHash(bits=2, random_state=0, pairs=4000).fit(X, y)
    bits = method.transform(X) > 0
    same = y[:, None] == y
    off_diagonal = ~np.eye(len(y), dtype=bool)
    for k in range(2):
        equal = bits[:, [k]] == bits[:, k]
        errors = np.mean(~equal[same & off_diagonal]) + np.mean(equal[~same])
        assert errors == pytest.approx(method.costs_[k], abs=0.05)
        centred = X @ method.projection_[:, k] >= (X @ method.projection_[:, k]).mean()
        equal = centred[:, None] == centred
        assert errors <= np.mean(~equal[same & off_diagonal]) + np.mean(equal[~same]) + 0.02
