"""KSH: the residual operator equals the dense matrix, the refinement descends, the residual falls when it must."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from scipy.optimize import check_grad

from hashbench_baselines.ksh import KSH, Residual, nesterov

IDS = np.array([0, 1, 0, 2, 1, 0, 2, 2, 1, 0])
MULTI = np.array(
    [[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 1], [1, 0, 0], [0, 1, 0]]
)


def dense_similarity(y):
    y = np.eye(3, dtype=int)[y] if y.ndim == 1 else y
    return np.array([[1.0 if (a * b).any() else -1.0 for b in y] for a in y])


def phi(t):
    return 2 / (1 + np.exp(-t)) - 1


@pytest.mark.parametrize("y", [IDS, MULTI], ids=["single", "multi"])
def test_residual_is_the_dense_matrix(y):
    rng = np.random.default_rng(0)
    K, R, dense = rng.normal(size=(10, 4)), Residual(y, 5), 5 * dense_similarity(y)
    for _ in range(3):
        v = rng.normal(size=10)
        np.testing.assert_allclose(R(v), dense @ v, atol=1e-12)
        np.testing.assert_allclose(R.sandwich(K), K.T @ dense @ K, atol=1e-12)
        assert R.squared_norm == pytest.approx(np.sum(dense**2), rel=1e-12)
        bits = np.where(rng.normal(size=10) >= 0, 1.0, -1.0)
        R.subtract(bits)
        dense -= np.outer(bits, bits)


def test_nesterov_has_the_right_gradient_and_descends():
    rng = np.random.default_rng(1)
    K, R = rng.normal(size=(10, 4)), Residual(IDS, 5)
    dense = 5 * dense_similarity(IDS)

    def objective(a):
        return -phi(K @ a) @ dense @ phi(K @ a)

    def gradient(a):
        return -K.T @ ((dense @ phi(K @ a)) * (1 - phi(K @ a) ** 2))

    start = rng.normal(size=4)
    assert check_grad(objective, gradient, start) < 1e-4
    end = nesterov(K, R, start, iterations=500, tolerance=1e-9)
    assert objective(end) < objective(start)
    # One step from rest is a gradient step of length 1 / beta, beta the first power of two whose bound holds.
    step = nesterov(K, R, start, iterations=1, tolerance=0.0)
    beta = 2.0 ** round(np.log2(np.linalg.norm(gradient(start)) / np.linalg.norm(step - start)))
    np.testing.assert_allclose(step, start - gradient(start) / beta, atol=1e-12)
    assert objective(step) <= objective(start) - gradient(start) @ gradient(start) / (2 * beta)


@pytest.mark.parametrize("tolerance", [0.0, 0.02, 0.2])
def test_nesterov_equals_a_slow_version(tolerance):
    rng = np.random.default_rng(6)
    K, R = rng.normal(size=(10, 4)), Residual(IDS, 5)
    dense = 5 * dense_similarity(IDS)

    def objective(a):
        return -phi(K @ a) @ dense @ phi(K @ a)

    a = before = rng.normal(size=4) * 0.1
    start, deltas, beta = a, [0.0, 1.0], 1.0
    for t in range(25):
        v = a + (deltas[t] - 1) / deltas[t + 1] * (a - before)
        gradient = -K.T @ ((dense @ phi(K @ v)) * (1 - phi(K @ v) ** 2))
        while objective(v - gradient / beta) > objective(v) - gradient @ gradient / (2 * beta):
            beta *= 2
        before, a = a, v - gradient / beta
        deltas.append((1 + np.sqrt(1 + 4 * deltas[t + 1] ** 2)) / 2)
        if abs(objective(a) - objective(before)) <= tolerance * 10:
            break
    assert (t < 24) == (tolerance > 0), "it stopped early where it should"
    np.testing.assert_allclose(nesterov(K, R, start, iterations=25, tolerance=tolerance), a, rtol=1e-9)


@pytest.mark.parametrize("ridge", [1e-9, 0.3])
def test_kernel_first_bit_and_outputs_equal_the_paper(ridge):
    """exp(-||x - a||^2 / 2 s), s the mean squared distance, minus the means of the columns; the first bit without
    refinement is the top generalised eigenvector of K^T R K a = mu K^T K a with a^T K^T K a = l, the ridge within K^T K."""
    rng = np.random.default_rng(7)
    X, new = rng.normal(size=(60, 5)) * 2, rng.normal(size=(8, 5)) * 2
    y = np.arange(60) % 3
    method = KSH(bits=4, random_state=0, anchors=12, labelled=None, iterations=0, ridge=ridge).fit(X, y)
    width = np.mean([[np.sum((x - a) ** 2) for a in method.anchors_] for x in X])

    def kernel(points):
        return np.array([[np.exp(-np.sum((x - a) ** 2) / (2 * width)) for a in method.anchors_] for x in points])

    means = kernel(X).mean(axis=0)
    K, outputs = kernel(X) - means, (kernel(new) - means) @ method.projection_
    assert means.min() > 0.1  # not removed, they would be seen
    np.testing.assert_allclose(method.decision_function(new), outputs, atol=1e-8)
    a = method.projection_[:, 0]
    left, right = K.T @ (4 * dense_similarity(y)) @ K, K.T @ K
    right += ridge * np.mean(np.diag(right)) * np.eye(12)
    mu = (a @ left @ a) / (a @ right @ a)
    np.testing.assert_allclose(left @ a, mu * right @ a, atol=1e-5 * np.abs(left @ a).max())
    assert mu == pytest.approx(scipy.linalg.eigvalsh(left, right)[-1], rel=1e-5)
    assert a @ right @ a == pytest.approx(60, rel=1e-5)


def test_residual_falls_exactly_when_a_bit_explains_enough():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(80, 6)) + np.eye(6)[np.arange(80) % 3] * 3, np.arange(80) % 3
    method = KSH(bits=12, random_state=0, anchors=30, labelled=None).fit(X, y)
    S, codes = 12 * (2.0 * (y[:, None] == y) - 1), method.transform(X).astype(float)
    for k in range(12):
        explained = codes[:, k] @ S @ codes[:, k]
        S -= np.outer(codes[:, k], codes[:, k])
        assert method.residuals_[k + 1] == pytest.approx(np.sum(S**2))
        assert (method.residuals_[k + 1] < method.residuals_[k]) == (explained > 80**2 / 2)
    assert method.residuals_[-1] < 0.6 * method.residuals_[0]


def test_inner_products_follow_the_labels():
    rng = np.random.default_rng(3)
    y = np.arange(90) % 3
    X = np.eye(3)[y] * 4 + rng.normal(size=(90, 3)) * 0.3
    codes = KSH(bits=12, random_state=0, anchors=40).fit(X, y).transform(X).astype(float)
    products = codes @ codes.T / 12
    assert products[y[:, None] == y].mean() > 0.9
    assert products[y[:, None] != y].mean() < 0


def test_refinement_is_taken_only_where_it_is_better():
    gains = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(60, 5)), np.arange(60) % 2
        relaxed, refined = (KSH(bits=1, random_state=0, anchors=30, iterations=n).fit(X, y) for n in (0, 200))
        gains.append(relaxed.residuals_[-1] - refined.residuals_[-1])
    assert min(gains) >= 0
    assert max(gains) > 0


def test_labels_of_some_samples_only():
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(60, 5)), np.arange(60) % 2
    some, all_of_them = (KSH(bits=4, random_state=0, anchors=20, labelled=n).fit(X, y) for n in (30, 60))
    assert some.residuals_[0] == 16 * 30**2
    assert all_of_them.residuals_[0] == 16 * 60**2
    np.testing.assert_allclose(some.means_, all_of_them.means_)  # kernel means come from all samples
