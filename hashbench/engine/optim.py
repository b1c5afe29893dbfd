"""Optimizers and learning-rate schedules from the words of a registry entry, through mmengine's registries."""

from __future__ import annotations

import inspect
import math
from typing import Any

import torch
from mmengine.optim.scheduler import CosineAnnealingLR, MultiStepLR, StepLR
from mmengine.optim.scheduler.param_scheduler import _ParamScheduler
from mmengine.registry import OPTIMIZERS, PARAM_SCHEDULERS

from hashbench.errors import UserError, did_you_mean
from hashbench.models import HashNetwork


def build_optimizer(options: dict[str, Any], network: HashNetwork) -> torch.optim.Optimizer:
    """The optimizer `{type, lr, head_lr_mult, ...}`; `head_lr_mult` multiplies lr outside the backbone.

    Raises:
        UserError: an optimizer that is not registered, an option it does not take, a value it refuses.
    """
    rest = dict(options)
    name, lr = rest.pop("type"), rest.pop("lr")
    multiplier = rest.pop("head_lr_mult", 1.0)
    if not isinstance(lr, int | float) or not 0 < lr < math.inf:
        raise UserError(f"optimizer.lr must be a positive number, got {lr!r}")
    cls = OPTIMIZERS.get(name)
    if cls is None:
        raise UserError(f"optimizer.type: no optimizer {name!r}. {did_you_mean(name, OPTIMIZERS.module_dict)}")
    parameters = inspect.signature(cls).parameters
    if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        known = [*list(parameters)[1:], "type", "head_lr_mult"]
        for option in rest:
            if option not in known:
                raise UserError(f"optimizer.{option}: {name} has no such option. {did_you_mean(option, known)}")
    try:
        return cls(network.groups(lr, multiplier), lr=lr, **rest)
    except (TypeError, ValueError) as error:
        raise UserError(f"optimizer {name}: {error}") from error


@PARAM_SCHEDULERS.register_module()
class PowerLR(_ParamScheduler):
    """lr_k = lr_0 * (k + 1) ** exponent, k the number of steps taken."""

    def __init__(self, optimizer: torch.optim.Optimizer, exponent: float = -1.0 / 3.0, **options: Any) -> None:
        self.exponent = exponent
        super().__init__(optimizer, param_name="lr", **options)

    def _get_value(self) -> list[float]:
        return [base * (self.last_step + 1) ** self.exponent for base in self.base_values]


def build_schedule(
    options: dict[str, Any], optimizer: torch.optim.Optimizer, epochs: int, steps_per_epoch: int
) -> list[_ParamScheduler]:
    """The schedule `{type, ...}`.

    constant. step: times `gamma` (0.5) every ceil(epochs / `steps` (10)) epochs. multistep: times `gamma` (0.1) at the
    shares `at` of all epochs. cosine: to `final` (0) times the initial value, a step at a time. power: (k + 1) **
    `exponent` (-1/3), a step at a time.

    Raises:
        UserError: an unknown type or option.
    """
    rest = dict(options)
    kind = rest.pop("type", "constant")
    defaults: dict[str, dict[str, Any]] = {
        "constant": {},
        "step": {"steps": 10, "gamma": 0.5},
        "multistep": {"at": [0.6, 0.8], "gamma": 0.1},
        "cosine": {"final": 0.0},
        "power": {"exponent": -1.0 / 3.0},
    }
    if kind not in defaults:
        raise UserError(f"schedule.type: no schedule {kind!r}. {did_you_mean(str(kind), defaults)}")
    for key in rest:
        if key not in defaults[kind]:
            raise UserError(f"schedule.{key}: schedule {kind} has no such option. {did_you_mean(key, defaults[kind])}")
    values = {**defaults[kind], **rest}
    total = epochs * steps_per_epoch
    if kind == "step":
        return [StepLR(optimizer, step_size=math.ceil(epochs / values["steps"]), gamma=values["gamma"])]
    if kind == "multistep":
        milestones = [max(1, round(share * epochs)) for share in values["at"]]
        return [MultiStepLR(optimizer, milestones=milestones, gamma=values["gamma"])]
    if kind == "cosine":
        return [CosineAnnealingLR(optimizer, T_max=total, eta_min_ratio=values["final"], by_epoch=False, end=total)]
    if kind == "power":
        return [PowerLR(optimizer, exponent=values["exponent"], by_epoch=False)]
    return []
