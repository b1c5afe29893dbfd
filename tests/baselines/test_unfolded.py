"""Bounded and soft-threshold neurons, ADMM and shrinkage, and encoders that equal their first iterations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hashbench_baselines.unfolded import (
    BoundedLinear,
    SoftThreshold,
    Unfolded,
    admm,
    admm_matrices,
    shrinkage_matrices,
)


def problem(seed: int = 0, features: int = 12, atoms: int = 6, samples: int = 40):
    rng = np.random.default_rng(seed)
    dictionary = rng.standard_normal((features, atoms))
    dictionary /= np.linalg.norm(dictionary, axis=0)
    return dictionary, rng.standard_normal((samples, features))


def test_one_iteration_equals_the_rewritten_form():
    dictionary, samples = problem()
    beta, bound = 0.6, 0.3
    analysis, feedback, to_bias = admm_matrices(dictionary, beta)
    z = p = np.zeros((40, 6))
    for _, next_z, next_p in admm(dictionary, samples, bound, beta, 8):
        form = np.clip(samples @ analysis.T + z @ feedback.T + p @ to_bias.T, -bound, bound)  # equation (11)
        assert np.abs(form - next_z).max() < 1e-12
        z, p = next_z, next_p


def test_iterations_solve_each_subproblem():
    dictionary, samples = problem(1)
    beta, bound = 0.6, 0.3
    z = p = np.zeros((40, 6))
    for x, next_z, next_p in admm(dictionary, samples, bound, beta, 3):
        gradient = (x @ dictionary.T - samples) @ dictionary - p + beta * (x - z)  # equation (4)
        assert np.abs(gradient).max() < 1e-12
        assert np.array_equal(next_z, np.minimum(np.maximum(x - p / beta, -bound), bound))  # (8)
        assert np.array_equal(next_p, p + beta * (next_z - x))  # (6)
        z, p = next_z, next_p


def test_iterations_converge_to_the_bounded_least_squares_solution_which_is_nearly_antipodal():
    dictionary, samples = problem(2)
    bound = 0.2
    x, z, _ = admm(dictionary, samples, bound, 0.6, 3000)[-1]
    assert np.abs(x - z).max() < 1e-8
    gradient = (z @ dictionary.T - samples) @ dictionary
    at_bound = np.abs(z) > bound - 1e-9
    assert np.abs(gradient[~at_bound]).max() < 1e-6  # optimality: zero inside, pointing outwards at the bound
    assert (gradient * np.sign(z))[at_bound].max() < 1e-6
    assert at_bound.mean() > 0.6


def test_bounded_linear_unit():
    unit = BoundedLinear(3, 0.5).double()
    unit.raw.data += torch.tensor([0.0, 0.3, -0.3])
    lam = unit.threshold.detach()
    u = torch.tensor([[0.1, -0.2, 0.05], [9.0, -9.0, 9.0]], dtype=torch.float64, requires_grad=True)
    z = unit(u)
    assert torch.allclose(z, u.clamp(-lam, lam))
    assert torch.allclose(unit(z), z)  # a projection
    assert torch.allclose(unit(-u), -z)
    into_u, into_raw = torch.autograd.grad(z.sum(), [u, unit.raw])
    assert torch.allclose(into_u, torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]], dtype=torch.float64))
    slope = torch.sigmoid(unit.raw.detach())  # of the threshold in raw; an entry at the bound moves with it
    assert torch.allclose(into_raw, torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64) * slope)


def test_soft_threshold_unit():
    unit = SoftThreshold(2, 0.5).double()
    u = torch.tensor([[0.3, -2.0], [0.8, 0.5]], dtype=torch.float64, requires_grad=True)
    z = unit(u)
    assert torch.allclose(z, torch.sign(u) * (u.abs() - 0.5).clamp(min=0), atol=1e-7)
    (gradient,) = torch.autograd.grad(z.sum(), u)
    assert gradient.tolist()[0] == [0.0, 1.0]


@pytest.mark.parametrize("threshold", [1e-4, 0.3, 5.0, 80.0])
def test_thresholds_are_what_was_set_and_stay_positive(threshold):
    unit = BoundedLinear(2, 1.0)
    unit.set(threshold)
    assert unit.threshold.tolist() == pytest.approx([threshold] * 2, rel=1e-3)
    unit.raw.data -= 90
    assert (unit.threshold > 0).all()


def test_encoder_set_to_admm_equals_two_iterations_with_the_mean_multiplier():
    dictionary, samples = problem(3)
    beta, bound = 0.6, 0.3
    analysis, feedback, to_bias = admm_matrices(dictionary, beta)
    states = admm(dictionary, samples, bound, beta, 2)
    encoder = Unfolded(12, 6, 2, BoundedLinear(6), bias=True).double()
    encoder.set(analysis, feedback, [to_bias @ p.mean(axis=0) for _, _, p in states], bound)
    z = states[0][1]  # z_0 = B(W y) is the first iterate
    for _, _, p in states:
        z = np.clip(samples @ analysis.T + z @ feedback.T + p.mean(axis=0) @ to_bias.T, -bound, bound)
    assert np.allclose(encoder(torch.from_numpy(samples)).detach().numpy(), z, atol=1e-7)
    assert encoder.stages[0].weight is not encoder.stages[1].weight


def test_encoder_set_to_shrinkage_equals_iterations_that_lower_the_l1_objective():
    dictionary, samples = problem(4)
    analysis, feedback = shrinkage_matrices(dictionary)
    lipschitz, alpha = np.linalg.eigvalsh(dictionary.T @ dictionary)[-1], 0.2
    encoder = Unfolded(12, 6, 2, SoftThreshold(6), bias=False).double()
    encoder.set(analysis, feedback, [], alpha / lipschitz)
    z, values = np.zeros((40, 6)), []
    for _ in range(3):
        step = z - (z @ dictionary.T - samples) @ dictionary / lipschitz
        z = np.sign(step) * np.maximum(np.abs(step) - alpha / lipschitz, 0)
        values.append(0.5 * ((z @ dictionary.T - samples) ** 2).sum() + alpha * np.abs(z).sum())
    assert np.allclose(encoder(torch.from_numpy(samples)).detach().numpy(), z, atol=1e-6)
    assert values == sorted(values, reverse=True)
