"""LSH: the collision probability that gives it its name."""

from __future__ import annotations

import numpy as np

from hashbench_baselines.lsh import LSH


def test_bits_differ_with_probability_of_the_angle():
    angles = np.linspace(0, np.pi, 7)
    X = np.concatenate([np.stack([np.cos(angles), np.sin(angles)], axis=1), -np.ones((1, 2))])
    codes = LSH(bits=20000, random_state=0, center=False).fit(X).transform(X)
    share = (codes[:7] != codes[0]).mean(axis=1)
    np.testing.assert_allclose(share, angles / np.pi, atol=0.015)


def test_centring_balances_positive_features():
    X = np.random.default_rng(0).uniform(1, 2, size=(500, 30))
    centred, raw = (
        np.abs(LSH(bits=200, random_state=0, center=c).fit(X).transform(X).mean(axis=0)) for c in (True, False)
    )
    assert centred.mean() < 0.1
    assert raw.mean() > 0.8


def test_centring_makes_a_shift_irrelevant():
    X = np.random.default_rng(1).normal(size=(50, 4))
    one, other = (LSH(bits=16, random_state=0).fit(data).decision_function(data) for data in (X, X + 7))
    np.testing.assert_allclose(one, other, atol=1e-12)
