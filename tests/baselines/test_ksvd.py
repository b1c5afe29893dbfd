"""K-SVD: its pursuit against scikit-learn's, its error that never increases, the atoms that it recovers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import orthogonal_mp

from hashbench.errors import UserError
from hashbench_baselines.ksvd import ksvd, pursuit, rank_one


def error(samples, dictionary, sparsity):
    return ((samples.T - dictionary @ pursuit(dictionary, samples.T, sparsity)) ** 2).sum()


def test_pursuit_equals_scikit_learn():
    rng = np.random.default_rng(0)
    dictionary = rng.standard_normal((12, 8))
    dictionary /= np.linalg.norm(dictionary, axis=0)
    signals = rng.standard_normal((12, 30))
    for sparsity in (1, 3, 8):
        expected = orthogonal_mp(dictionary, signals, n_nonzero_coefs=sparsity)
        assert np.allclose(pursuit(dictionary, signals, sparsity), expected, atol=1e-8)
    assert np.allclose(pursuit(dictionary, signals, 99), pursuit(dictionary, signals, 8))


@pytest.mark.parametrize("shape", [(5, 9), (9, 5)])
def test_rank_one_equals_the_first_singular_pair(shape):
    matrix = np.random.default_rng(1).standard_normal(shape)
    left, singular, right = np.linalg.svd(matrix)
    u, v = rank_one(matrix)
    assert np.linalg.norm(u) == pytest.approx(1)
    assert np.allclose(np.outer(u, v), singular[0] * np.outer(left[:, 0], right[0]))
    u, v = rank_one(np.zeros(shape))
    assert np.linalg.norm(u) == pytest.approx(1)
    assert not v.any()


def test_more_turns_are_never_worse_and_much_better_than_samples_as_atoms():
    rng = np.random.default_rng(2)
    truth = rng.standard_normal((16, 10))
    truth /= np.linalg.norm(truth, axis=0)
    codes = np.zeros((10, 400))
    for column in codes.T:
        column[rng.choice(10, 2, replace=False)] = rng.standard_normal(2)
    samples = (truth @ codes).T + 0.01 * rng.standard_normal((400, 16))
    errors = [error(samples, ksvd(samples, 10, 2, turns, np.random.default_rng(3)), 2) for turns in (1, 2, 4, 8, 16)]
    assert all(later <= earlier * 1.0001 for earlier, later in pairwise(errors))
    dictionary = ksvd(samples, 10, 2, 16, np.random.default_rng(3))
    assert np.allclose(np.linalg.norm(dictionary, axis=0), 1)
    assert (np.abs(truth.T @ dictionary).max(axis=1) > 0.99).sum() >= 8  # most true atoms are found


def test_one_sample_an_atom_and_repeated_samples():
    rng = np.random.default_rng(4)
    exact = ksvd(rng.standard_normal((6, 9)), 6, 1, 3, rng)
    assert exact.shape == (9, 6)
    repeated = ksvd(np.repeat(rng.standard_normal((2, 9)), 5, axis=0), 6, 1, 3, rng)
    assert np.isfinite(repeated).all()


def test_an_atom_that_nobody_uses_becomes_the_direction_of_the_worst_sample():
    samples = np.zeros((21, 4))
    samples[:20, 0] = np.arange(1, 21)
    samples[20, 2] = 3.0  # not among the first atoms with this seed, and at a right angle to them
    first = ksvd(samples, 2, 1, 0, np.random.default_rng(0))
    np.testing.assert_array_equal(first, [[1, 1], [0, 0], [0, 0], [0, 0]])
    found = ksvd(samples, 2, 1, 1, np.random.default_rng(0))
    np.testing.assert_allclose(np.abs(found), [[1, 0], [0, 0], [0, 1], [0, 0]], atol=1e-12)


def test_too_few_samples_are_refused():
    samples = np.ones((5, 4))
    samples[2:] = 0
    with pytest.raises(UserError, match=r"dictionary of 3 atoms .* 2 that are not zero"):
        ksvd(samples, 3, 1, 1, np.random.default_rng(0))
