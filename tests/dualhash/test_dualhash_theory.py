"""Does the theory hold: descent of the Lagrangian and the Lyapunov value where it should, and the rates (slow)."""

from __future__ import annotations

import importlib.util
import warnings
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from hashbench_dualhash.diagnostics import lyapunov
from hashbench_dualhash.stom import StoM

_spec = importlib.util.spec_from_file_location(
    "dualhash_rates", Path(__file__).parents[2] / "benchmarks" / "dualhash_rates.py"
)
rates = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(rates)


@torch.no_grad()
def deterministic(eta_u: float, tau: float, iterations: int = 1500) -> tuple[float, float, float, float]:
    """Full gradients, beta = gamma = 0.5: final dist^2, total rise of L and of the Lyapunov value, share of y not 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem = rates.Problem(seeds=1, eta_u=eta_u, tau=tau)
    optimizer = StoM([problem.x], lr=0.2, beta=0.5)
    values, energies = [], []
    for _ in range(iterations):
        problem.x.grad = problem.gradient(problem.x, problem.dual.u)
        optimizer.step()
        iterate = optimizer.iterate(problem.x)
        problem.update_dual(iterate)
        value = problem.value(iterate)[0]
        values.append(float(value))
        energies.append(float(lyapunov(value, optimizer.inertia(), problem.dual.moved, eta_u)))
    active = float((problem.dual.y != 0).double().mean())
    return problem.stationarity(iterate), rise(values), rise(energies), active


def rise(values: list[float]) -> float:
    """The sum of all upward moves."""
    return sum(max(b - a, 0.0) for a, b in pairwise(values))


def test_the_gradient_of_the_toy_problem_is_that_of_its_lagrangian():
    problem = rates.Problem(seeds=2)
    problem.dual.start(torch.randn(2 * rates.SAMPLES, rates.BITS, dtype=torch.float64))
    x = torch.randn(2, rates.WIDTH, rates.BITS, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(problem.value(x).sum(), x)
    torch.testing.assert_close(problem.gradient(x.detach(), problem.dual.u), expected)
    everyone = torch.arange(rates.SAMPLES).expand(2, -1)
    torch.testing.assert_close(problem.gradient(x.detach(), problem.dual.u, everyone), expected)


@pytest.mark.parametrize(("eta_u", "tau"), [(0.3, 0.3), (0.3, 1.0), (0.3, 3.0), (0.9, 0.3)])
def test_lagrangian_and_lyapunov_value_fall_where_tau_eta_u_is_moderate(eta_u, tau):
    distance, rise_l, rise_phi, active = deterministic(eta_u, tau)
    assert distance < 1e-4
    assert rise_l < 1e-10
    assert rise_phi < 1e-10
    assert active > 0.2


def test_no_convergence_beyond_tau_eta_u_1():
    distance, rise_l, _, _ = deterministic(0.3, 10.0)
    assert distance > 1e-3
    assert rise_l > 1e-2


def test_the_lagrangian_rises_at_times_where_tau_is_small_and_converges_all_the_same():
    distance, rise_l, _, _ = deterministic(0.05, 0.01)
    assert distance < 1e-4
    assert rise_l > 1e-5


@pytest.mark.slow
def test_stom_needs_eps_to_the_minus_4_sampled_gradients():
    growing = {k * k: rates.stom(k, batch=k) for k in (256, 512, 1024, 2048)}
    assert -0.6 < rates.slope(growing) < -0.4
    single = {k: rates.stom(k, batch=1) for k in (512, 2048)}
    assert single[2048] > 0.5 * single[512]
    assert single[2048] > 4 * growing[2048 * 2048]


@pytest.mark.slow
def test_storm_gets_by_with_fewer():
    assert rates.slope({2 * k: rates.storm(k) for k in (1024, 4096, 16384)}) < -0.52


@pytest.mark.slow
def test_plain_sgd_is_ahead_of_storm_at_equal_numbers_of_sampled_gradients():
    plain = {samples: rates.sgd(samples) for samples in (2048, 8192)}
    assert -0.6 < rates.slope(plain) < -0.4
    assert all(value < 0.7 * rates.storm(samples // 2) for samples, value in plain.items())
