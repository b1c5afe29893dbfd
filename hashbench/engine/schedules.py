"""Learning-rate schedules: functions of an optimizer and the length of a run that return mmengine's schedulers.

A schedule is told the whole length, so that its options are shares of a run and mean the same at any number of epochs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.optim.scheduler import CosineAnnealingLR, MultiStepLR, StepLR

from hashbench.engine.mmengine_internals import ParamScheduler


def constant(optimizer: torch.optim.Optimizer, *, epochs: int, steps_per_epoch: int) -> list[ParamScheduler]:
    """The rates stay as they are."""
    return []


def step(
    optimizer: torch.optim.Optimizer, *, epochs: int, steps_per_epoch: int, steps: int = 10, gamma: float = 0.5
) -> ParamScheduler:
    """Times `gamma` every ceil(epochs / `steps`) epochs."""
    return StepLR(optimizer, step_size=math.ceil(epochs / steps), gamma=gamma)


def multistep(
    optimizer: torch.optim.Optimizer,
    *,
    epochs: int,
    steps_per_epoch: int,
    at: Sequence[float] = (0.6, 0.8),
    gamma: float = 0.1,
) -> ParamScheduler:
    """Times `gamma` at the shares `at` of all epochs."""
    return MultiStepLR(optimizer, milestones=[max(1, round(share * epochs)) for share in at], gamma=gamma)


def cosine(
    optimizer: torch.optim.Optimizer, *, epochs: int, steps_per_epoch: int, final: float = 0.0
) -> ParamScheduler:
    """Half a cosine down to `final` times the initial rate, step by step."""
    total = epochs * steps_per_epoch
    return CosineAnnealingLR(optimizer, T_max=total, eta_min_ratio=final, by_epoch=False, end=total)


def power(
    optimizer: torch.optim.Optimizer, *, epochs: int, steps_per_epoch: int, exponent: float = -1.0 / 3.0
) -> ParamScheduler:
    """The initial rate times (k + 1) ** `exponent`, k the number of steps taken."""
    return PowerLR(optimizer, exponent=exponent, by_epoch=False)


class PowerLR(ParamScheduler):
    """lr_k = lr_0 * (k + 1) ** exponent, k the number of steps taken."""

    def __init__(self, optimizer: torch.optim.Optimizer, exponent: float, **options: Any) -> None:
        self.exponent = exponent
        super().__init__(optimizer, param_name="lr", **options)

    def _get_value(self) -> list[float]:
        return [base * (self.last_step + 1) ** self.exponent for base in self.base_values]
