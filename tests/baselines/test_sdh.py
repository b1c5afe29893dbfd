"""SDH: the objective falls at every step, the steps are exact minimisers, and a slow version gives the same codes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hashbench_baselines.sdh import SDH, Ridge, dcc


@pytest.fixture
def problem() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "B": np.where(rng.normal(size=(30, 6)) >= 0, 1.0, -1.0),
        "W": rng.normal(size=(6, 4)),
        "Q": rng.normal(size=(30, 6)),
    }


def cost(B, W, Q):
    """What the B step minimises, a sum over samples."""
    return np.sum((B @ W) ** 2) - 2 * np.sum(B * Q)


def test_dcc_equals_a_loop_over_the_equation(problem):
    B, W, Q = problem["B"].copy(), problem["W"], problem["Q"]
    for _ in range(3):
        for k in range(6):
            others = [j for j in range(6) if j != k]
            for n in range(30):
                value = Q[n, k] - sum(B[n, j] * (W[j] @ W[k]) for j in others)
                B[n, k] = 1.0 if value >= 0 else -1.0
    np.testing.assert_array_equal(dcc(problem["B"], W, Q, sweeps=3), B)


def test_every_bit_of_dcc_lowers_the_cost(problem):
    start, W, Q = problem["B"], problem["W"], problem["Q"]
    values = [cost(start, W, Q)]
    for sweeps in range(1, 6):
        values.append(cost(dcc(start, W, Q, sweeps), W, Q))
    assert (np.diff(values) <= 1e-9).all()
    assert values[-1] < values[0] - 1


def test_dcc_ends_where_no_single_bit_helps(problem):
    B, W, Q = dcc(problem["B"], problem["W"], problem["Q"], sweeps=100), problem["W"], problem["Q"]
    for n, k in itertools.product(range(30), range(6)):
        flipped = B.copy()
        flipped[n, k] *= -1
        assert cost(flipped, W, Q) >= cost(B, W, Q) - 1e-9


def test_dcc_sign_of_zero_is_plus():
    np.testing.assert_array_equal(dcc(-np.ones((2, 3)), np.zeros((3, 1)), np.zeros((2, 3)), sweeps=1), np.ones((2, 3)))


def test_ridge_is_the_minimiser():
    rng = np.random.default_rng(1)
    A, targets = rng.normal(size=(20, 5)), rng.normal(size=(20, 3))
    solution = Ridge(A, 0.7)(targets)
    gradient = A.T @ (A @ solution - targets) + 0.7 * solution
    np.testing.assert_allclose(gradient, 0, atol=1e-12)


@pytest.mark.parametrize(("nu", "lam_f"), [(1e-5, 1e-2), (1.0, 1e-2), (1.0, 10.0)])
@pytest.mark.parametrize("multilabel", [False, True])
def test_objective_never_rises(nu, lam_f, multilabel):
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(200, 10)), rng.integers(0, 5, 200)
    if multilabel:
        y = rng.integers(0, 2, (200, 5))
    fitted = SDH(bits=12, random_state=0, anchors=50, nu=nu, lam_f=lam_f).fit(X, y)
    values = np.array(fitted.objective_)
    assert len(values) > 3
    assert (np.diff(values) <= 1e-9 * values[0]).all()
    assert values[-1] < 0.9 * values[0]


def test_objective_is_the_papers():
    """J of the fitted parts, by its definition: the last value after W and P were solved from the final codes."""
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(40, 4)), np.arange(40) % 3
    method = SDH(bits=5, random_state=0, anchors=10, nu=0.3, lam=0.5, lam_f=0.2, sigma=0.6).fit(X, y)
    Z = X / np.linalg.norm(X, axis=1, keepdims=True)
    phi = np.array([[np.exp(-np.sum((x - a) ** 2) / (2 * 0.6**2)) for a in method.anchors_] + [1.0] for x in Z])
    B, Y = method.codes_.astype(float), np.eye(3)[y]
    W = np.linalg.solve(B.T @ B + 0.5 * np.eye(5), B.T @ Y)
    P = np.linalg.solve(phi.T @ phi + 0.2 * np.eye(11), phi.T @ B)
    np.testing.assert_allclose(method.projection_, P, atol=1e-9)
    np.testing.assert_allclose(method.decision_function(X), phi @ P, atol=1e-9)
    J = np.sum((Y - B @ W) ** 2) + 0.5 * np.sum(W**2) + 0.3 * (np.sum((B - phi @ P) ** 2) + 0.2 * np.sum(P**2))
    assert method.objective_[-1] == pytest.approx(J, rel=1e-9)


@pytest.mark.parametrize(("nu", "lam", "lam_f"), [(3.0, 0.5, 0.2), (0.3, 7.0, 2.0)])
def test_fit_equals_a_slow_version(nu, lam, lam_f):
    """B by trying both values of each bit in J itself, then W and P where their gradients are zero, twice over."""
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(40, 4)), np.arange(40) % 3
    options = {"nu": nu, "lam": lam, "lam_f": lam_f, "sigma": 0.6, "anchors": 10, "iterations": 2, "sweeps": 2}
    method = SDH(bits=5, random_state=0, **options).fit(X, y)

    drawn = np.random.RandomState(0)
    Z = X / np.linalg.norm(X, axis=1, keepdims=True)
    anchors = Z[drawn.choice(40, size=10, replace=False)]
    np.testing.assert_allclose(method.anchors_, anchors)
    phi = np.array([[np.exp(-np.sum((x - a) ** 2) / (2 * 0.6**2)) for a in anchors] + [1.0] for x in Z])
    B, Y = np.where(drawn.standard_normal((40, 5)) >= 0, 1.0, -1.0), np.eye(3)[y]

    def solved():
        W = np.linalg.inv(B.T @ B + lam * np.eye(5)) @ B.T @ Y
        return W, np.linalg.inv(phi.T @ phi + lam_f * np.eye(11)) @ phi.T @ B

    W, P = solved()
    for _ in range(2):
        for _ in range(2):
            for k, n in itertools.product(range(5), range(40)):
                tried = {}
                for bit in (1.0, -1.0):
                    B[n, k] = bit
                    tried[bit] = np.sum((Y[n] - B[n] @ W) ** 2) + nu * np.sum((B[n] - phi[n] @ P) ** 2)
                B[n, k] = min(tried, key=tried.get)
        W, P = solved()
    np.testing.assert_array_equal(method.codes_, B)
    np.testing.assert_allclose(method.projection_, P, atol=1e-9)


def test_width_of_the_kernel_follows_the_data():
    X = np.random.default_rng(6).normal(size=(30, 4))
    method = SDH(bits=3, random_state=0, anchors=7).fit(X, np.arange(30) % 3)
    Z = X / np.linalg.norm(X, axis=1, keepdims=True)
    mean = np.mean([[np.sum((x - a) ** 2) for a in method.anchors_] for x in Z])
    assert method.sigma_**2 == pytest.approx(mean / 2)


def test_scale_of_samples_does_not_matter_at_unit_length():
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(60, 5)), np.arange(60) % 3
    scaled = X * rng.uniform(0.5, 2, size=(60, 1))
    one, other = (SDH(bits=6, random_state=0).fit(data, y) for data in (X, scaled))
    np.testing.assert_array_equal(one.transform(X), other.transform(scaled))
    raw = SDH(bits=6, random_state=0, unit_length=False).fit(X, y)
    assert (raw.transform(X) != raw.transform(3 * X)).any()
