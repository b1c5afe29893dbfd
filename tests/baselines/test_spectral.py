"""Spectral hashing: modes and bits equal a slow version that enumerates eigenfunctions one by one."""

from __future__ import annotations

import numpy as np
import pytest

from hashbench_baselines.spectral import SpectralHashing


def slow_bits(X, queries, bits):
    """Eigenfunctions of every component and mode, sorted by eigenvalue; values of the first `bits` at the queries."""
    mean = X.mean(axis=0)
    _, _, directions = np.linalg.svd(X - mean, full_matrices=False)
    directions = directions[: min(bits, X.shape[1])]
    directions *= np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)])[:, None]
    functions = []
    for direction in directions:
        values = (X - mean) @ direction
        low, high = values.min(), values.max()
        for mode in range(1, bits + 1):
            frequency = mode * np.pi / (high - low)
            at_queries = np.sin(frequency * ((queries - mean) @ direction - low) + np.pi / 2)
            functions.append((frequency**2, at_queries))
    return np.stack([values for _, values in sorted(functions, key=lambda item: item[0])[:bits]], axis=1)


@pytest.mark.parametrize("bits", [1, 5, 16, 40])
def test_equals_a_slow_version(bits):
    rng = np.random.default_rng(0)
    X, queries = rng.uniform(size=(300, 6)) * [5, 4, 2.5, 1.3, 0.7, 0.1] + 3, rng.normal(size=(50, 6))
    np.testing.assert_allclose(
        SpectralHashing(bits).fit(X).decision_function(queries), slow_bits(X, queries, bits), atol=1e-8
    )


def test_units_do_not_matter():
    X = np.random.default_rng(2).normal(size=(100, 4))
    small = SpectralHashing(bits=9).fit(1e-3 * X).transform(1e-3 * X)
    np.testing.assert_array_equal(small, SpectralHashing(bits=9).fit(X).transform(X))


def test_wide_components_get_more_bits():
    X = np.random.default_rng(1).uniform(size=(500, 2)) * [8, 1]
    method = SpectralHashing(bits=8).fit(X)
    assert (method.component_ == 0).sum() >= 7
    assert (np.diff(method.frequency_) >= -1e-12).all()


def test_first_bit_halves_the_widest_component():
    X = np.linspace(0, 10, 100)[:, None]
    codes = SpectralHashing(bits=2).fit(X).transform(X)
    np.testing.assert_array_equal(codes[:, 0], np.where(X[:, 0] <= 5, 1, -1))
    np.testing.assert_array_equal(codes[:, 1], np.where((X[:, 0] <= 2.5) | (X[:, 0] >= 7.5), 1, -1))


def test_equal_samples_are_refused():
    with pytest.raises(ValueError, match="all rows are equal"):
        SpectralHashing(bits=2).fit(np.ones((5, 3)))
