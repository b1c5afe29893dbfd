"""Schedules have the values that their names promise; optimizers refuse what they do not know."""

from __future__ import annotations

import math

import pytest
import torch

from hashbench.engine.optim import build_optimizer, build_schedule
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


@pytest.mark.parametrize(
    ("options", "match"), [({"type": "cosin"}, "Did you mean cosine"), ({"type": "step", "gama": 1}, "gamma")]
)
def test_wrong_schedules_are_refused(options, match):
    optimizer = build_optimizer({"type": "SGD", "lr": 0.1}, network())
    with pytest.raises(UserError, match=match):
        build_schedule(options, optimizer, 2, 2)
