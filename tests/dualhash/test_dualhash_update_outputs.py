"""Which outputs the update of u sees: (IV.3) has h(x_{k+1}), where StoM's parameters hold z_{k+1}."""

from __future__ import annotations

import pytest
import torch
from short_runs import BITS, SAMPLES, Run

from hashbench_dualhash.ablations import PrimalHash, StoMHashWCR
from hashbench_dualhash.method import DualHashStoM, DualHashStoRM
from hashbench_dualhash.outputs import at_the_iterate

SIGMA, LAM, ETA_U, TAU, RATE, MOMENTUM = 0.5, 0.3, 0.7, 0.2, 0.05, 0.9
OPTIONS = {"sigma": SIGMA, "lam": LAM, "eta_u": ETA_U, "tau": TAU, "alpha": 0.6, "output": "linear"}
OPTIONS |= {"reduction": "sum_over_bits"}  # the text's


def run_of(cls=DualHashStoM, **options) -> Run:
    """A run, at its rate of 0.05, whose whole network is one linear layer."""
    return Run(cls, optimizer_options={"beta": MOMENTUM, "gamma": MOMENTUM}, hidden=(), **options)


def objective_gradient(
    weights: tuple[torch.Tensor, torch.Tensor], inputs: torch.Tensor, labels: torch.Tensor, u: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """Of the mean over all pairs of a batch of softplus(T) - s T, T = 0.3 <h_i, h_j>, plus the coupling to u."""
    leaves = tuple(w.detach().clone().requires_grad_() for w in weights)
    h = inputs @ leaves[0].T + leaves[1]
    value, count = h.new_zeros(()), len(h)
    for i in range(count):
        t = 0.3 * (h @ h[i])
        value = value + (torch.log1p(t.exp()) - (labels == labels[i]) * t).sum() / count**2
        value = value + SIGMA / 2 * ((u[i] - h[i]) ** 2).sum() / count
    return torch.autograd.grad(value, leaves)


def papers_iterates(run: Run, batches: list[torch.Tensor], dual_update: str) -> tuple[torch.Tensor, torch.Tensor]:
    """u and y after (IV.5), (IV.6), (IV.3), (IV.4), written as in the paper, in float64, from where the run starts."""
    layer, features = run.network.code_layer, run.features.double()
    x = [layer.weight.detach().double(), layer.bias.detach().double()]
    before = x
    u, y = run.method.state.u.double().clone(), torch.zeros(SAMPLES, BITS, dtype=torch.float64)
    for step, rows in enumerate(batches, start=1):
        z = tuple(new + MOMENTUM * (new - old) for new, old in zip(x, before, strict=True))
        w = [new + MOMENTUM * (new - old) for new, old in zip(x, before, strict=True)]
        slope = objective_gradient(z, features[rows], run.labels[rows], u[rows])
        before, x = x, [point - RATE * g for point, g in zip(w, slope, strict=True)]
        if dual_update == "epoch" and step % 3:
            continue
        for i in rows.tolist() if dual_update == "batch" else range(SAMPLES):
            h = x[0] @ features[i] + x[1]
            new = u[i] - ETA_U * (SIGMA * (u[i] - h) + y[i])
            ascent = y[i] + TAU * (2 * new - u[i])
            y[i] = torch.stack([(max(v - TAU, 0 * v) + min(v + TAU, 0 * v)).clamp(-LAM, LAM) for v in ascent])
            u[i] = new
    return u, y


@pytest.mark.parametrize("dual_update", ["full", "batch", "epoch"])
def test_fresh_outputs_are_the_papers_at_large_gamma(dual_update):
    run = run_of(dual_update=dual_update, update_outputs="fresh", batch_norm=False, **OPTIONS)
    run.method.begin_fit(run.fit)
    shuffled = torch.randperm(SAMPLES, generator=torch.Generator().manual_seed(5))
    batches = [shuffled[20 * k : 20 * k + 20] for k in (0, 1, 2)] * 17
    u, y = papers_iterates(run, batches, dual_update)
    for step, rows in enumerate(batches):
        if step % 3 == 0:
            run.method.begin_epoch(run.fit)
        run.step(rows)
        if step % 3 == 2:
            run.method.end_epoch(run.fit)
    assert (y.abs() == LAM).any(), "the duals act"
    assert ((y != 0) & (y.abs() < LAM)).any()
    torch.testing.assert_close(run.method.state.u.double(), u, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(run.method.state.y.double(), y, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cls", [DualHashStoM, PrimalHash, StoMHashWCR])
@pytest.mark.parametrize("dual_update", ["full", "batch", "epoch"])
def test_a_fresh_update_leaves_parameters_and_statistics_as_they_were(cls, dual_update):
    """With sigma = 0 the network does not see u, so two runs train alike whichever outputs their updates compute."""
    plain, fresh = Run(cls, sigma=0.0), Run(cls, sigma=0.0, dual_update=dual_update, update_outputs="fresh")
    plain.train(2)
    fresh.train(2)
    trained = fresh.network.state_dict()
    for name, value in plain.network.state_dict().items():
        assert name.startswith("method.") or torch.equal(trained[name], value), name


def test_only_an_optimizer_that_keeps_another_point_is_asked_for_x():
    run = Run(DualHashStoRM, optimizer="StoRM")
    run.train(2)
    held = [p.detach().clone() for p in run.network.parameters()]
    with at_the_iterate(run.optimizer):
        assert all(torch.equal(a, b) for a, b in zip(held, run.network.parameters(), strict=True))


def test_the_parameters_come_back_after_an_error():
    run = Run(DualHashStoM)
    run.train(1)
    held = [p.detach().clone() for p in run.network.parameters()]

    def fail():
        with at_the_iterate(run.optimizer):
            assert not all(torch.equal(a, b) for a, b in zip(held, run.network.parameters(), strict=True))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert all(torch.equal(a, b) for a, b in zip(held, run.network.parameters(), strict=True))
