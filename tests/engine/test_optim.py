"""Schedules have the values that their names promise; optimizers refuse what they do not know."""

from __future__ import annotations

import math

import pytest
import torch

from hashbench.engine import optim
from hashbench.engine.optim import build_optimizer, build_schedule, resumable
from hashbench.errors import UserError
from hashbench.models import DeepMethod, HashNetwork

EPOCHS, STEPS = 20, 5


class Backbone(torch.nn.Linear):
    out_features = 4


def network(frozen=False):
    return HashNetwork(Backbone(3, 4), DeepMethod(bits=2, num_classes=2, num_train=4), [6], frozen)


def rates(options):
    """Learning rate of the head at each of all steps."""
    optimizer = build_optimizer({"type": "SGD", "lr": 0.1, "head_lr_mult": 10.0}, network())
    schedules = build_schedule(options, optimizer, EPOCHS, STEPS)
    seen = []
    for _ in range(EPOCHS):
        for _ in range(STEPS):
            seen.append(optimizer.param_groups[-1]["lr"])
            optimizer.step()
            for schedule in schedules:
                if not schedule.by_epoch:
                    schedule.step()
        for schedule in schedules:
            if schedule.by_epoch:
                schedule.step()
    return seen


def test_groups_have_their_own_rates():
    optimizer = build_optimizer({"type": "SGD", "lr": 0.1, "head_lr_mult": 10.0}, network())
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 1.0]
    frozen = build_optimizer({"type": "SGD", "lr": 0.1, "head_lr_mult": 10.0}, network(frozen=True))
    assert [group["lr"] for group in frozen.param_groups] == [1.0]


def test_constant():
    assert set(rates({"type": "constant"})) == {1.0}


def test_step_halves_every_tenth_of_the_epochs():
    expected = [0.5 ** (step // STEPS // 2) for step in range(EPOCHS * STEPS)]
    assert rates({"type": "step"}) == pytest.approx(expected)


def test_multistep_at_shares_of_the_epochs():
    values = rates({"type": "multistep", "at": [0.5], "gamma": 0.1})
    assert values == pytest.approx([1.0] * 50 + [0.1] * 50)


def test_cosine_goes_down_to_its_final_share():
    total = EPOCHS * STEPS
    expected = [0.2 + 0.8 * (1 + math.cos(math.pi * k / total)) / 2 for k in range(total)]
    assert rates({"type": "cosine", "final": 0.2}) == pytest.approx(expected, rel=1e-6)


def test_power_is_the_cube_root_of_the_step_number():
    assert rates({"type": "power"}) == pytest.approx([(k + 1) ** (-1 / 3) for k in range(EPOCHS * STEPS)])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"type": "SGDD", "lr": 0.1}, "Did you mean SGD"),
        ({"type": "SGD", "lr": -1}, "positive"),
        ({"type": "SGD", "lr": 0.1, "momentun": 0.9}, "momentun"),
        ({"type": "SGD", "lr": 0.1, "momentum": -1.0}, "momentum"),
    ],
)
def test_wrong_optimizers_are_refused(options, match):
    with pytest.raises(UserError, match=match):
        build_optimizer(options, network())


def stepped(options, steps=30):
    """Weights after some steps down the same loss from the same start, and the optimizer."""
    torch.manual_seed(0)
    # No batch norm: biases before one have gradients of rounding alone, which Adam makes large.
    trained = HashNetwork(Backbone(3, 4), DeepMethod(bits=2, num_classes=2, num_train=4))
    optimizer = build_optimizer({"lr": 0.01, **options}, trained)
    inputs = torch.randn(16, 3)
    for _ in range(steps):
        optimizer.zero_grad()
        trained(inputs).logits.square().mean().backward()
        optimizer.step()
    return torch.cat([p.detach().flatten() for p in trained.parameters()]), optimizer


@pytest.mark.parametrize(
    "options",
    [
        {"type": "Adam", "weight_decay": 0.01},
        {"type": "AdamW"},
        {"type": "SGD", "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
        {"type": "Adagrad"},
    ],
)
def test_steps_are_fused_and_the_same_but_for_rounding(options):
    weights, optimizer = stepped(options)
    assert all(group["fused"] for group in optimizer.param_groups)
    plain, unfused = stepped({**options, "fused": False})
    assert not any(group["fused"] for group in unfused.param_groups)
    assert torch.allclose(weights, plain, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("wish", [{"fused": False}, {"foreach": True}, {"differentiable": True}])
def test_a_wish_about_how_steps_are_computed_wins(wish):
    optimizer = build_optimizer({"type": "Adam", "lr": 0.1, **wish}, network())
    assert all(not group["fused"] and group.items() >= wish.items() for group in optimizer.param_groups)


def test_what_torch_cannot_combine_is_refused():
    with pytest.raises(UserError, match="cannot be `True` together"):
        build_optimizer({"type": "Adam", "lr": 0.1, "fused": True, "foreach": True}, network())


def test_other_optimizers_are_left_as_they_are():
    optimizer = build_optimizer({"type": "RMSprop", "lr": 0.1}, network())
    assert "fused" not in optimizer.param_groups[0]
    assert resumable(optimizer.state_dict(), optimizer) == optimizer.state_dict()


@pytest.mark.parametrize("began", [True, None])
def test_a_run_goes_on_with_the_kernel_that_it_began_with(began, monkeypatch):
    saved = stepped({"type": "Adam", "fused": began})[1].state_dict()
    fused = stepped({"type": "Adam"}, steps=1)[1]
    fused.load_state_dict(resumable(saved, fused))
    assert {group["fused"] for group in fused.param_groups} == {began}
    monkeypatch.setattr(optim, "FUSED", {})  # as on a device that has no such kernel
    plain = stepped({"type": "Adam"}, steps=1)[1]
    plain.load_state_dict(resumable(saved, plain))
    assert not any(group["fused"] for group in plain.param_groups)


@pytest.mark.parametrize(
    ("options", "match"), [({"type": "cosin"}, "Did you mean cosine"), ({"type": "step", "gama": 1}, "gamma")]
)
def test_wrong_schedules_are_refused(options, match):
    optimizer = build_optimizer({"type": "SGD", "lr": 0.1}, network())
    with pytest.raises(UserError, match=match):
        build_schedule(options, optimizer, 2, 2)
