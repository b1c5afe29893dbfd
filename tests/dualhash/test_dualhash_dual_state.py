"""u and y: order of the updates, saddle points in closed form, the dead zone, addressing by index, and bad input."""

from __future__ import annotations

import warnings
from inspect import signature

import pytest
import torch

from hashbench.errors import UserError
from hashbench_dualhash import split_state
from hashbench_dualhash.diagnostics import ACTIVE
from hashbench_dualhash.dual_state import DualState, RememberingDualState
from hashbench_dualhash.method import DualHashStoM
from hashbench_dualhash.prox import prox_conjugate, prox_envelope, prox_w, prox_weakly_convex
from hashbench_dualhash.split import SplitHash
from hashbench_dualhash.split_state import PrimalState, WeaklyConvexState

OPTIONS = {"sigma": 0.8, "lam": 0.3, "eta_u": 0.4, "tau": 0.2}


def random_rows(*shape: int, seed: int = 0, scale: float = 2.0) -> torch.Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def started(cls=DualState, rows: int = 10, bits: int = 4, **options):
    state = cls(rows, bits, **(options or OPTIONS))
    state.start(random_rows(rows, bits, seed=9, scale=1.0))
    return state


def solve(t: float, tau: float, eta_u: float, sigma=2.0, lam=0.5, steps=3000) -> tuple[float, float, float]:
    """x, u, y for f = (x - t)^2 / 2 and h(x) = x, x minimised exactly in every iteration."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = DualState(1, 1, sigma=sigma, lam=lam, eta_u=eta_u, tau=tau).double()
    state.start(torch.full((1, 1), 0.2))
    u, y = state.u, state.y
    for _ in range(steps):
        x = (t + sigma * u) / (1 + sigma)
        u, y = state.advance(x, u, y)
    return float(x), float(u), float(y)


@pytest.mark.parametrize(
    ("t", "expected"),
    [
        (0.3, (0.3, 0.3, 0)),
        (0.95, (0.95, 0.95, 0)),
        (1.3, (1.1, 1, 0.2)),
        (1.8, (1.3, 1.05, 0.5)),
        (4.0, (3.5, 3.25, 0.5)),
        (-1.5, (-7 / 6, -1, -1 / 3)),
    ],
)
@pytest.mark.parametrize("tau", [0.05, 0.3, 2.0])
def test_scalar_saddle_points_in_closed_form(t, expected, tau):
    sigma, lam = 2.0, 0.5
    u = float(prox_envelope(torch.tensor(t, dtype=torch.float64), (1 + sigma) / sigma, lam))
    x = (t + sigma * u) / (1 + sigma)
    assert (x, u, sigma * (x - u)) == pytest.approx(expected, abs=1e-12)
    assert solve(t, tau, eta_u=0.2) == pytest.approx(expected, abs=1e-8)


def test_beyond_tau_eta_u_1_the_iteration_cycles():
    assert abs(solve(1.3, tau=20.0, eta_u=0.2)[2] - 0.2) > 1e-2


def test_one_update_is_u_then_y_with_extrapolation():
    state = started()
    state.update(None, random_rows(10, 4, seed=1))  # so that some y are not zero
    u, y, h = state.u.clone(), state.y.clone(), random_rows(10, 4, seed=2)
    assert (y != 0).any()
    state.update(None, h)
    new = u - 0.4 * (0.8 * (u - h) + y)
    torch.testing.assert_close(state.u, new)
    torch.testing.assert_close(state.y, prox_conjugate(y + 0.2 * (2 * new - u), 0.2, 0.3))
    torch.testing.assert_close(state.moved, (new - u).square().sum(dim=1).mean())


def test_sweeps_are_updates_in_a_row():
    once, twice = started(), started(sweeps=2, **OPTIONS)
    h = random_rows(10, 4, seed=2)
    once.update(None, h)
    once.update(None, h)
    twice.update(None, h)
    assert torch.equal(once.u, twice.u)
    assert torch.equal(once.y, twice.y)


@pytest.mark.parametrize("rate", [0.02, 0.4, 0.999])
def test_the_dual_stays_at_zero_in_the_box(rate):
    """2 eta_u sigma <= 1, |h| <= 1, |u_0| <= 1, y_0 = 0: y = 0 and |u| <= 1 for ever."""
    state = DualState(50, 8, sigma=4.0, lam=0.05, eta_u=rate / 8, tau=1e-3)
    state.start(random_rows(50, 8).sign())
    for k in range(1000):
        state.update(None, torch.tanh(random_rows(50, 8, seed=k, scale=5.0)))
    assert (state.y == 0).all()
    assert state.u.abs().max() <= 1


def test_on_the_edge_of_the_box_the_dual_is_rounding_and_no_more():
    """The defaults: 2 eta_u sigma = 1, where 2 u+ - u is h, and so 1 where h is, only up to rounding."""
    defaults = {p.name: p.default for c in (SplitHash, DualHashStoM) for p in signature(c).parameters.values()}
    options = {name: defaults[name] for name in ("sigma", "lam", "eta_u", "tau")}
    assert 2 * options["eta_u"] * options["sigma"] == 1
    state = DualState(50, 8, **options)
    state.start(random_rows(50, 8).sign())
    largest = 0.0
    for k in range(1000):
        state.update(None, torch.tanh(random_rows(50, 8, seed=k, scale=20.0)))
        largest = max(largest, float(state.y.abs().max()))
        assert state.u.abs().max() <= 1
    assert 0 < largest <= torch.finfo(torch.float32).eps * options["tau"]
    assert largest < ACTIVE * options["lam"]


@pytest.mark.parametrize(("rate", "reach"), [(1.6, 1.0), (0.4, 3.0)])
def test_the_dual_wakes_up_with_large_steps_or_outputs_outside_the_box(rate, reach):
    state = DualState(50, 8, sigma=4.0, lam=0.05, eta_u=rate / 8, tau=1e-3)
    state.start(random_rows(50, 8).sign())
    for k in range(50):
        state.update(None, reach * torch.tanh(random_rows(50, 8, seed=k, scale=5.0)))
    assert (state.y != 0).any()


@pytest.mark.parametrize("cls", [DualState, RememberingDualState])
def test_rows_by_index_are_those_of_the_whole_update(cls):
    whole, part, h = started(cls), started(cls), random_rows(10, 4, seed=2)
    whole.update(None, h)
    index = torch.tensor([7, 2, 5])
    before = part.u.clone()
    part.update(index, h[index])
    assert torch.equal(part.u[index], whole.u[index])
    assert torch.equal(part.y[index], whole.y[index])
    others = torch.tensor([0, 1, 3, 4, 6, 8, 9])
    assert torch.equal(part.u[others], before[others])
    if cls is RememberingDualState:
        assert torch.equal(part.u_previous, before)


def test_a_repeated_sample_is_updated_once_with_its_last_outputs():
    once, repeated, h = started(), started(), random_rows(5, 4, seed=2)
    once.update(torch.tensor([3, 8]), h[[3, 4]])
    repeated.update(torch.tensor([3, 8, 3, 3, 8]), h[[0, 1, 2, 3, 4]])
    assert torch.equal(once.u, repeated.u)
    assert torch.equal(once.y, repeated.y)


def test_many_rows_are_advanced_in_parts(monkeypatch):
    whole, parts, h = started(), started(), random_rows(10, 4, seed=2)
    whole.update(None, h)
    monkeypatch.setattr(split_state, "CHUNK", 12)  # three rows
    parts.update(None, h)
    for name in ("u", "y", "moved"):
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name))


def test_memory_is_eight_bytes_a_sample_and_bit():
    state = DualState(1000, 64, **OPTIONS)
    held = sum(b.numel() * b.element_size() for b in state.state_dict().values())
    assert held == 8 * 1000 * 64 + 4  # and the scalar `moved`


def test_half_precision_outputs_advance_single_precision_state():
    state = started()
    state.update(None, random_rows(10, 4).bfloat16())
    assert state.u.dtype == state.y.dtype == torch.float32


def test_primal_and_weakly_convex_steps():
    h = random_rows(10, 4, seed=2)
    primal = started(PrimalState, sigma=0.8, lam=0.3, eta_u=0.4)
    u = primal.u.clone()
    primal.update(None, h)
    torch.testing.assert_close(primal.u, prox_w(u - 0.4 * 0.8 * (u - h), 0.4, 0.3))
    inertial = started(WeaklyConvexState, sigma=0.8, lam=0.3, eta_u=0.4, inertia=0.6)
    before = u = inertial.u.clone()
    for _ in range(3):
        inertial.update(None, h)
        w = u + 0.6 * (u - before)
        before, u = u, prox_weakly_convex(w - 0.4 * 0.8 * (w - h), 0.4, 0.3)
        torch.testing.assert_close(inertial.u, u)
    assert "u_previous" not in started(WeaklyConvexState, sigma=0.8, lam=0.3, eta_u=0.4, inertia=0.0).state_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sigma": -1.0}, "sigma = -1.0"),
        ({"lam": -0.1}, "lam = -0.1 must be >= 0"),
        ({"eta_u": -0.5}, "eta_u = -0.5"),
        ({"tau": 0.0}, "tau = 0.0"),
        ({"sweeps": 0}, "inner_sweeps = 0"),
    ],
)
def test_refuses_bad_values_in_one_line(change, message):
    with pytest.raises(UserError, match=message) as caught:
        DualState(4, 2, **(OPTIONS | change))
    assert "\n" not in str(caught.value)


def test_warns_of_step_sizes_with_the_reason():
    with pytest.warns(UserWarning, match=r"tau \* eta_u = 2 > 1: .* limit cycle"):
        DualState(4, 2, sigma=1.0, lam=20.0, eta_u=0.2, tau=10.0)
    with pytest.warns(UserWarning, match=r"lam = 0\.1 <= tau = 0\.2"):
        DualState(4, 2, sigma=1.0, lam=0.1, eta_u=0.2, tau=0.2)
    with pytest.warns(UserWarning, match=r"eta_u \* sigma = 2 >= 2: .* does not converge"):
        PrimalState(4, 2, sigma=4.0, lam=0.1, eta_u=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DualState(4, 2, **OPTIONS)
        DualState(4, 2, sigma=1.0, lam=20.0, eta_u=0.1, tau=3.0)  # the product counts, and it is 0.3


def test_weakly_convex_condition_and_inertia_are_checked():
    with pytest.raises(UserError, match=r"2 \* lam \* eta_u = 1 must be < 1"):
        WeaklyConvexState(4, 2, sigma=1.0, lam=1.0, eta_u=0.5)
    with pytest.raises(UserError, match=r"inertia = 1\.0"):
        WeaklyConvexState(4, 2, sigma=1.0, lam=0.1, eta_u=0.5, inertia=1.0)


def test_latest_names_each_sample_once_with_its_last_outputs():
    index, outputs = split_state.latest(torch.tensor([8, 3, 8, 5, 3]), torch.arange(5.0)[:, None])
    assert index.tolist() == [3, 5, 8]
    assert outputs.flatten().tolist() == [4, 3, 2]
