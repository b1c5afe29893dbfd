"""The regulariser, its conjugate and envelope, and every prox, against a grid search of their definitions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hashbench.errors import UserError
from hashbench_dualhash import prox

GRID = torch.linspace(-6, 6, 120_001, dtype=torch.float64)
STEP = float(GRID[1] - GRID[0])
POINTS = torch.tensor([-3.1, -1.4, -1.02, -0.7, -0.2, -0.01, 0.03, 0.3, 0.8, 0.99, 1.05, 1.3, 2.7], dtype=torch.float64)
SETTINGS = [(0.3, 0.5), (0.05, 0.2), (1.5, 0.4), (0.9, 2.0)]


def argmin_of(function, v: torch.Tensor, tau: float) -> torch.Tensor:
    """argmin_z function(z) + (z - v)^2 / (2 tau), by exhaustion."""
    values = function(GRID)[None, :] + (GRID[None, :] - v[:, None]).square() / (2 * tau)
    return GRID[values.argmin(dim=1)]


@pytest.mark.parametrize(("tau", "lam"), SETTINGS)
def test_each_prox_is_the_minimiser_of_its_definition(tau, lam):
    for function, solution in (
        (prox.w_conjugate, prox.prox_conjugate),
        (prox.w_value, prox.prox_w),
        (prox.w_envelope, prox.prox_envelope),
    ):
        found = solution(POINTS, tau, lam)
        torch.testing.assert_close(found, argmin_of(lambda z, f=function: f(z, lam), POINTS, tau), atol=STEP, rtol=0)


@pytest.mark.parametrize(("tau", "lam"), [(0.3, 0.5), (0.05, 0.2), (0.9, 0.5)])
def test_the_weakly_convex_prox_is_the_minimiser_under_its_condition(tau, lam):
    expected = argmin_of(lambda z: lam * (z.square() - 1).abs(), POINTS, tau)
    torch.testing.assert_close(prox.prox_weakly_convex(POINTS, tau, lam), expected, atol=STEP, rtol=0)


def test_the_weakly_convex_prox_refuses_what_has_several_solutions():
    with pytest.raises(UserError, match=r"2 \* lam \* step = 1 must be in \[0, 1\)"):
        prox.prox_weakly_convex(POINTS, 1.0, 0.5)


@pytest.mark.parametrize("lam", [0.05, 0.7])
def test_conjugate_and_biconjugate_by_their_suprema(lam):
    u = torch.linspace(-4, 4, 4001, dtype=torch.float64)
    y = torch.linspace(-lam, lam, 201, dtype=torch.float64)
    conjugate = (y[:, None] * u[None, :] - prox.w_value(u, lam)[None, :]).amax(dim=1)
    torch.testing.assert_close(prox.w_conjugate(y, lam), conjugate, atol=1e-12, rtol=0)
    biconjugate = (u[:, None] * y[None, :] - prox.w_conjugate(y, lam)[None, :]).amax(dim=1)
    torch.testing.assert_close(prox.w_envelope(u, lam), biconjugate, atol=1e-12, rtol=0)
    assert torch.isinf(prox.w_conjugate(torch.tensor(lam * 1.01), lam))


@given(st.floats(-8, 8), st.floats(0.01, 4), st.floats(0.01, 4))
def test_moreau_holds_with_the_envelope(v, tau, lam):
    point = torch.tensor(v, dtype=torch.float64)
    by_envelope = point - tau * prox.prox_envelope(point / tau, 1 / tau, lam)
    torch.testing.assert_close(prox.prox_conjugate(point, tau, lam), by_envelope, atol=1e-12, rtol=0)


def test_moreau_fails_with_the_regulariser_itself():
    point = torch.tensor(0.03, dtype=torch.float64)
    assert abs(float(point - 0.1 * prox.prox_w(point / 0.1, 10.0, 0.5) - prox.prox_conjugate(point, 0.1, 0.5))) > 0.05


@given(st.floats(-8, 8), st.floats(-8, 8), st.floats(0.01, 4), st.floats(0.01, 4))
def test_the_dual_prox_is_nonexpansive_odd_dead_and_bounded(v, w, tau, lam):
    a, b = (float(prox.prox_conjugate(torch.tensor(x, dtype=torch.float64), tau, lam)) for x in (v, w))
    assert abs(a - b) <= abs(v - w) + 1e-12
    assert float(prox.prox_conjugate(torch.tensor(-v, dtype=torch.float64), tau, lam)) == -a
    assert a == 0 or abs(v) > tau
    assert abs(a) <= lam
    if abs(v) >= tau + lam + 1e-12:
        assert abs(a) == pytest.approx(lam)


def test_distance_to_the_subgradient_of_the_conjugate():
    lam = 0.5
    u = torch.tensor([0.4, -1.3, 1.2, -0.9, 0.7, -1.5, 1.4])
    y = torch.tensor([0.0, 0.0, 0.1, -0.2, 0.5, -0.5, -0.5])
    expected = torch.tensor([0.0, 0.3, 0.2, 0.1, 0.3, 0.0, 2.4])
    torch.testing.assert_close(prox.distance_to_conjugate_subgradient(u, y, lam), expected)
