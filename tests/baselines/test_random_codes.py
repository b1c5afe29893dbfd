import numpy as np
import pytest

from hashbench.evaluation import evaluate
from hashbench_baselines.random_codes import RandomCodes


def rows(n=400, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 5))


@pytest.mark.parametrize("bits", [1, 7, 32, 600])
def test_bits_are_fair_and_independent(bits):
    codes = RandomCodes(bits=bits, random_state=3).fit(rows()).transform(rows())
    assert codes.shape == (400, bits)
    assert np.abs(codes.mean(axis=0)).max() < 0.25
    covariance = codes.T.astype(float) @ codes / 400 - np.eye(bits)
    assert np.abs(covariance).max() < 0.3


def test_codes_depend_on_the_row_and_the_seed_alone():
    X = rows()
    method = RandomCodes(bits=32, random_state=3).fit(X)
    order = np.random.default_rng(1).permutation(400)
    np.testing.assert_array_equal(method.transform(X[order]), method.transform(X)[order])
    np.testing.assert_array_equal(method.transform(X[:1]), RandomCodes(32, 3).fit(X[5:]).transform(X)[:1])
    assert (method.transform(X) != RandomCodes(32, 4).fit(X).transform(X)).mean() == pytest.approx(0.5, abs=0.05)


def test_minus_zero_is_zero():
    method = RandomCodes(bits=32, random_state=0).fit(rows())
    np.testing.assert_array_equal(method.transform(np.zeros((1, 5))), method.transform(-np.zeros((1, 5))))


def test_retrieval_is_at_chance():
    labels = np.arange(400) % 4
    method = RandomCodes(bits=32, random_state=0).fit(rows())
    metrics = evaluate(
        method.transform(rows()[:100]), method.transform(rows()[100:]), labels[:100], labels[100:]
    ).metrics
    assert metrics["map"] == pytest.approx(0.25, abs=0.03)
