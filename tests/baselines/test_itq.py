"""ITQ: the loss never rises, the rotation stays one, a slow version agrees."""

from __future__ import annotations

import numpy as np
import pytest

from hashbench_baselines.itq import ITQ, quantization_loss
from hashbench_baselines.linear import principal_directions


@pytest.fixture
def samples():
    return np.random.default_rng(0).normal(size=(200, 12)) * np.linspace(3, 0.5, 12)


def test_loss_never_rises_and_the_rotation_is_one(samples):
    method = ITQ(bits=8, random_state=0, iterations=50).fit(samples)
    assert len(method.losses_) == 51
    assert (np.diff(method.losses_) <= 1e-9 * method.losses_[0]).all()
    assert method.losses_[-1] < 0.95 * method.losses_[0]
    np.testing.assert_allclose(method.rotation_.T @ method.rotation_, np.eye(8), atol=1e-12)


def test_loss_is_the_distance_to_the_codes(samples):
    method = ITQ(bits=8, random_state=0, iterations=3).fit(samples)
    outputs = method.decision_function(samples)
    slow = sum((code - value) ** 2 for row in outputs for value in row for code in [1 if value >= 0 else -1])
    assert method.losses_[-1] == pytest.approx(slow)
    V = outputs @ method.rotation_.T
    assert quantization_loss(V, method.rotation_) == pytest.approx(slow)


def test_rotation_is_the_best_for_its_codes(samples):
    """Procrustes: no small turn of the converged rotation lowers ||B - V R||^2 for its codes B."""
    method = ITQ(bits=4, random_state=0, iterations=300).fit(samples)
    V = method.decision_function(samples) @ method.rotation_.T
    B = method.transform(samples)
    best = np.sum((B - V @ method.rotation_) ** 2)
    for i in range(4):
        for j in range(i):
            for angle in (-0.01, 0.01):
                turn = np.eye(4)
                turn[[i, j], [i, j]] = np.cos(angle)
                turn[i, j], turn[j, i] = np.sin(angle), -np.sin(angle)
                assert np.sum((B - V @ method.rotation_ @ turn) ** 2) >= best - 1e-9


@pytest.mark.parametrize("shape", [(60, 9), (9, 60), (10, 10)])
def test_principal_directions_equal_the_svd(shape):
    X = np.random.default_rng(1).normal(size=shape)
    centred = X - X.mean(axis=0)
    count = min(shape) - 1
    directions = principal_directions(centred, count)
    _, _, rows = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(np.sum(directions * rows[:count].T, axis=0)), 1, atol=1e-8)
    np.testing.assert_allclose(directions.T @ directions, np.eye(count), atol=1e-8)


def test_as_many_bits_as_samples_and_one_more():
    X = np.random.default_rng(2).normal(size=(9, 60))
    assert ITQ(bits=9, random_state=0).fit(X).transform(X).shape == (9, 9)
    with pytest.raises(ValueError, match="10 bits asked"):
        ITQ(bits=10).fit(X)
