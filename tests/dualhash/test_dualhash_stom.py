"""StoM: the iPALM recursion, its two special cases in torch, Proposition 3, and its state."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hashbench.errors import UserError
from hashbench.registry import OPTIMIZERS
from hashbench_dualhash.stom import StoM


def curved(x: torch.Tensor) -> torch.Tensor:
    """A nonconvex function of a vector."""
    return (x.square() / (1 + x.square())).sum() + 0.3 * (x[:-1] * x[1:]).sum() + 0.05 * x.pow(4).sum()


def start(seed: int = 0) -> nn.Parameter:
    return nn.Parameter(torch.randn(7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))


def steps(parameter: nn.Parameter, optimizer: torch.optim.Optimizer, count: int) -> list[torch.Tensor]:
    seen = []
    for _ in range(count):
        optimizer.zero_grad()
        curved(parameter).backward()
        optimizer.step()
        seen.append(parameter.detach().clone())
    return seen


@pytest.mark.parametrize("nesterov", [True, False])
def test_equals_torch_sgd_at_a_constant_rate(nesterov):
    ours, theirs = start(), start()
    gamma = 0.9 if nesterov else 0.0
    found = steps(ours, StoM([ours], lr=0.03, beta=0.9, gamma=gamma, weight_decay=0.01), 60)
    sgd = torch.optim.SGD([theirs], lr=0.03, momentum=0.9, nesterov=nesterov, weight_decay=0.01)
    for a, b in zip(found, steps(theirs, sgd, 60), strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=0)


def test_follows_the_recursion_and_proposition_3_with_any_beta_gamma_and_rates():
    beta, gamma, decay = 0.8, 0.35, 0.02
    parameter = start()
    optimizer = StoM([parameter], lr=0.05, beta=beta, gamma=gamma, weight_decay=decay)
    x = before = parameter.detach().clone()
    move = torch.zeros_like(x)
    for k in range(40):
        lr = 0.05 if k < 15 else 0.02
        optimizer.param_groups[0]["lr"] = lr
        z, w = x + gamma * (x - before), x + beta * (x - before)
        torch.testing.assert_close(parameter.detach(), z, atol=1e-12, rtol=0)
        torch.testing.assert_close(optimizer.iterate(parameter), x, atol=1e-12, rtol=0)
        steps(parameter, optimizer, 1)
        point = z.requires_grad_()
        (gradient,) = torch.autograd.grad(curved(point), point)
        before, x = x, (w - lr * (gradient + decay * z)).detach()
        found = optimizer.iterate(parameter)
        torch.testing.assert_close(found, x, atol=1e-12, rtol=0)
        # Proposition 3 on the optimizer's own iterates
        new_move = found - before
        assert torch.allclose((before - w).square().sum(), beta**2 * move.square().sum(), atol=1e-12)
        assert torch.allclose((before - z).square().sum(), gamma**2 * move.square().sum(), atol=1e-12)
        lower = (1 - beta) * new_move.square().sum() - beta * (1 - beta) * move.square().sum()
        assert (found - w).square().sum() >= lower - 1e-12
        move = new_move


def test_gamma_may_change_on_the_way():
    parameter = start()
    optimizer = StoM([parameter], lr=0.05, beta=0.8, gamma=0.5)
    steps(parameter, optimizer, 3)
    x = optimizer.iterate(parameter)
    optimizer.param_groups[0]["gamma"] = 0.1
    torch.testing.assert_close(optimizer.iterate(parameter), x)
    steps(parameter, optimizer, 1)
    move = optimizer.state[parameter]["displacement"]
    torch.testing.assert_close(optimizer.iterate(parameter) - x, move)
    torch.testing.assert_close(parameter.detach(), optimizer.iterate(parameter) + 0.1 * move)


def test_state_dict_resumes_bit_for_bit():
    straight = start()
    wanted = steps(straight, StoM([straight], lr=0.03, beta=0.9, gamma=0.4), 20)[-1]
    first = start()
    optimizer = StoM([first], lr=0.03, beta=0.9, gamma=0.4)
    steps(first, optimizer, 11)
    second = nn.Parameter(first.detach().clone())
    resumed = StoM([second], lr=1.0, beta=0.1)
    resumed.load_state_dict(optimizer.state_dict())
    assert torch.equal(steps(second, resumed, 9)[-1], wanted)


def test_groups_measurement_and_parameters_without_gradient():
    used, unused = start(), start(1)
    optimizer = StoM([{"params": [unused], "lr": 0.5}, {"params": [used], "beta": 0.5}], lr=0.1, beta=0.9)
    still = unused.detach().clone()
    optimizer.measure_gradient = True
    point = used.detach().clone().requires_grad_()
    steps(used, optimizer, 1)
    (gradient,) = torch.autograd.grad(curved(point), point)
    torch.testing.assert_close(optimizer.gradient_norm, gradient.norm())
    assert optimizer.measure_gradient is False
    assert torch.equal(unused, still)
    move = optimizer.iterate(used) - point.detach()
    torch.testing.assert_close(optimizer.inertia(), 0.5 / (2 * 0.1) * move.square().sum())


def test_a_closure_supplies_loss_and_gradient():
    with_closure, without = start(), start()
    optimizer = StoM([with_closure], lr=0.1)

    def closure() -> torch.Tensor:
        loss = curved(with_closure)
        loss.backward()
        return loss

    expected = float(curved(without).detach())
    assert float(optimizer.step(closure).detach()) == expected
    steps(without, StoM([without], lr=0.1), 1)
    assert torch.equal(with_closure, without)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -0.1}, "lr = -0.1"),
        ({"beta": 1.0}, "beta = 1.0"),
        ({"gamma": -0.2}, "gamma"),
        ({"weight_decay": -1}, "decay"),
    ],
)
def test_refuses_bad_values_in_one_line(options, message):
    with pytest.raises(UserError, match=message) as caught:
        StoM([start()], **options)
    assert "\n" not in str(caught.value)


def test_registered_with_mmengine():
    assert OPTIMIZERS.get("StoM") is StoM
