"""AGH: eigenvectors are those of the full graph, the second layer solves its problem, useless vectors are dropped."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse

from hashbench_baselines.agh import AGH, anchor_weights, graph_eigenvectors, second_layer
from hashbench_baselines.anchors import mean_or_one, squared_distances


@pytest.fixture
def graph():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 3))
    return anchor_weights(squared_distances(points, points[:15]), nearest=4, sigma=1.0)


def test_weights_equal_a_slow_loop():
    rng = np.random.default_rng(1)
    X, anchors = rng.normal(size=(12, 3)), rng.normal(size=(60, 3))
    slow = np.zeros((12, 60))
    for i, x in enumerate(X):
        squared = np.array([np.sum((x - u) ** 2) for u in anchors])
        nearest = np.argsort(squared)[:2]
        slow[i, nearest] = np.exp(-squared[nearest] / 0.7**2) / np.exp(-squared[nearest] / 0.7**2).sum()
    np.testing.assert_allclose(anchor_weights(squared_distances(X, anchors), 2, 0.7).toarray(), slow, atol=1e-12)


def test_a_width_of_nothing_but_zeros_is_one():
    assert mean_or_one(np.zeros((3, 2))) == 1
    assert mean_or_one(np.array([[1.0, 2.0]])) == 1.5


def test_rows_sum_to_one_even_far_away():
    weights = anchor_weights(np.array([[1e6, 1e6 + 1, 4e6]]), nearest=2, sigma=1.0).toarray()
    np.testing.assert_allclose(weights, [[1 / (1 + np.exp(-1)), np.exp(-1) / (1 + np.exp(-1)), 0]])


def test_eigenvectors_of_the_full_graph(graph):
    Z = graph.toarray()
    A = Z @ np.diag(1 / Z.sum(axis=0)) @ Z.T
    np.testing.assert_allclose(A.sum(axis=1), 1)  # the trivial eigenvector: constant, eigenvalue 1
    values, W = graph_eigenvectors(graph, 8)
    Y = Z @ W
    np.testing.assert_allclose(A @ Y, Y * values, atol=1e-10)
    np.testing.assert_allclose(values, scipy.linalg.eigvalsh(A)[::-1][1:9], atol=1e-10)
    np.testing.assert_allclose(Y.T @ Y, 60 * np.eye(8), atol=1e-8)
    np.testing.assert_allclose(Y.sum(axis=0), 0, atol=1e-8)


def test_second_layer_solves_the_constrained_problem(graph):
    """v = |y| - b+ p + b- q minimises v^T (I - A) v subject to 1^T v = 0: the KKT system of a quadratic in b+, b-."""
    Z = graph.toarray()
    L = np.eye(60) - Z @ np.diag(1 / Z.sum(axis=0)) @ Z.T
    Y = Z @ graph_eigenvectors(graph, 5)[1]
    thresholds = second_layer(graph, Y)
    for k, y in enumerate(Y.T):
        p, q = (y >= 0) * 1.0, (y < 0) * 1.0
        D, constant = np.stack([-p, q], axis=1), np.abs(y)
        ones = np.ones(60)
        system = np.block([[2 * D.T @ L @ D, (D.T @ ones)[:, None]], [(ones @ D)[None], np.zeros((1, 1))]])
        right = -np.concatenate([2 * D.T @ L @ constant, [ones @ constant]])
        np.testing.assert_allclose(thresholds[:, k], np.linalg.solve(system, right)[:2], atol=1e-8)


def test_second_bits_are_thresholds_of_the_first_outputs():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(200, 4))
    one, two = AGH(bits=4, random_state=0, anchors=40).fit(X), AGH(bits=8, layers=2, random_state=0, anchors=40).fit(X)
    first, outputs = one.decision_function(X), two.decision_function(X)
    np.testing.assert_allclose(outputs[:, :4], first, atol=1e-9)
    upper, lower = two.thresholds_
    expected = np.where(first >= 0, first >= upper, first <= lower)
    np.testing.assert_array_equal(two.transform(X)[:, 4:] > 0, expected)


def test_parts_without_connection_give_no_bits():
    """Two far clusters: eigenvalue 1 twice. The vector that separates them is dropped with the constant one."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(100, 2)) + 1000 * (np.arange(100) % 2)[:, None]
    method = AGH(bits=4, random_state=0, anchors=12).fit(X)
    assert (method.eigenvalues_ < 1 - 1e-3).all()
    with pytest.raises(ValueError, match="has 10"):
        AGH(bits=11, random_state=0, anchors=12).fit(X)


@pytest.mark.parametrize(("between", "useful"), [(1, False), (4, True), (400, True)])
def test_an_eigenvalue_counts_as_one_beyond_0_999_and_no_earlier(between, useful):
    """Two anchors with 1,000 samples each and a few halfway: eigenvalues 1 and 1000 / (1000 + between / 2)."""
    rows = np.repeat([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]], [1000, 1000, between], axis=0)
    graph = scipy.sparse.csr_matrix(rows)
    if not useful:
        with pytest.raises(ValueError, match="has 0"):
            graph_eigenvectors(graph, 1)
        return
    values, _ = graph_eigenvectors(graph, 1)
    assert values[0] == pytest.approx(1000 / (1000 + between / 2))


def test_width_is_the_mean_distance_to_the_last_of_the_nearest():
    X = np.random.default_rng(5).normal(size=(150, 3))
    method = AGH(bits=2, random_state=0, anchors=60, nearest=3).fit(X)
    assert len(method.anchors_) == 60  # each is a neighbour of some sample, however little weight it has
    mass = anchor_weights(squared_distances(X, method.anchors_), 3, method.sigma_).sum(axis=0)
    assert mass.min() < 1
    each = [sorted(np.linalg.norm(x - u) for u in method.anchors_)[2] for x in X]
    assert method.sigma_ == pytest.approx(np.mean(each))


def test_anchors_nobody_is_near_are_dropped():
    rng = np.random.default_rng(4)
    X = np.repeat(rng.normal(size=(10, 2)), 5, axis=0)
    method = AGH(bits=2, random_state=0, anchors=30, nearest=3).fit(X)
    assert len(method.anchors_) <= 10
    assert np.isfinite(method.decision_function(X)).all()
