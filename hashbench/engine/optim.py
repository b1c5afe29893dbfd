"""Optimizers and learning-rate schedules from the words of a request: the catalogue's, or mmengine's by their names."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch

from hashbench.catalog import Catalog, load_catalog
from hashbench.engine.mmengine_internals import ParamScheduler
from hashbench.errors import UserError, did_you_mean, shown
from hashbench.models import HashNetwork
from hashbench.registry import OPTIMIZERS, SCHEDULES, Registry

FUSED: dict[type, tuple[str, ...]] = {
    torch.optim.Adam: ("cpu", "cuda"),
    torch.optim.AdamW: ("cpu", "cuda"),
    torch.optim.SGD: ("cpu", "cuda"),
    torch.optim.Adagrad: ("cpu",),
}
"""Optimizers of torch whose whole step is one kernel on some devices: the same numbers, up to rounding, in less time.

How a step is computed is no part of what a run is: its identity and its fingerprint do not say it.
"""


def build_optimizer(
    options: dict[str, Any], network: HashNetwork, catalog: Catalog | None = None
) -> torch.optim.Optimizer:
    """The optimizer `{type, lr, head_lr_mult, ...}`; `head_lr_mult` multiplies lr outside the backbone.

    It steps with torch's fused kernel where there is one (`FUSED`), unless `fused` or `foreach` is among the options.

    Args:
        catalog: in which the type is looked up before mmengine's registry; None: without plugins of the command line.

    Raises:
        UserError: an optimizer that there is not, an option that it does not take, a value that it refuses.
    """
    rest = dict(options)
    name, lr = rest.pop("type"), rest.pop("lr")
    multiplier = rest.pop("head_lr_mult", 1.0)
    if not isinstance(lr, int | float) or not 0 < lr < math.inf:
        raise UserError(f"optimizer.lr must be a positive number, got {shown(lr)}")
    if not isinstance(multiplier, int | float) or not 0 < multiplier < math.inf:
        raise UserError(f"optimizer.head_lr_mult must be a positive number, got {shown(multiplier)}")
    cls = _found(catalog, OPTIMIZERS, name)
    if not (isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer)):
        raise UserError(f"optimizer.type: {name} is no subclass of torch.optim.Optimizer")
    _check_options("optimizer", name, cls, rest, given=("params",), more=("type", "head_lr_mult"))

    groups = network.groups(lr, multiplier)
    if _has_fused(cls, groups) and not {"fused", "foreach", "differentiable"} & rest.keys():
        rest["fused"] = True
    try:
        make: Any = cls  # its constructor takes more than that of torch's base class
        return make(groups, lr=lr, **rest)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"optimizer {name}: {error}") from error


def _has_fused(cls: type, groups: list[dict[str, Any]]) -> bool:
    parameters = [parameter for group in groups for parameter in group["params"]]
    return all(p.device.type in FUSED.get(cls, ()) and p.is_floating_point() for p in parameters)


def resumable(state: dict[str, Any], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The saved state of such an optimizer for `load_state_dict`, wherever it was saved.

    A run goes on with the kernel that it began with, fused or not, so that it repeats an uninterrupted one to the bit;
    but for a fused one that its new device has not.
    """
    fused = [group.get("fused") for group in optimizer.param_groups]
    saved = state["param_groups"]
    groups = [{**g, "fused": g["fused"] and own} if "fused" in g else g for g, own in zip(saved, fused, strict=True)]
    return {**state, "param_groups": groups}


def build_schedule(
    options: dict[str, Any],
    optimizer: torch.optim.Optimizer,
    epochs: int,
    steps_per_epoch: int,
    catalog: Catalog | None = None,
) -> list[ParamScheduler]:
    """The schedulers of a schedule `{type, ...}`; of mmengine's own, by their class's name, the options are mmengine's.

    Raises:
        UserError: a schedule that there is not, an option that it does not take, a value that it refuses.
    """
    rest = dict(options)
    name = rest.pop("type", "constant")
    make = _found(catalog, SCHEDULES, name)
    of_mmengine = isinstance(make, type)
    length = {} if of_mmengine else {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    _check_options("schedule", name, make, rest, given=("optimizer", *length))
    try:
        made = make(optimizer, **length, **rest)
    except (TypeError, ValueError, AssertionError, KeyError) as error:
        raise UserError(f"schedule {name}: {error}") from error
    return list(made) if isinstance(made, list | tuple) else [made]


def _found(catalog: Catalog | None, registry: Registry, name: Any) -> Callable[..., Any]:
    """What a name means, in the catalogue in force or else in mmengine's registry of the kind."""
    catalog = catalog or load_catalog()
    if name in catalog.section(registry.section):
        return catalog.load_class(registry.section, name)
    found = registry.get(str(name))
    if found is None:
        kind = registry.section[:-1]
        known = catalog.section(registry.section)
        raise UserError(f"{kind}.type: no {kind} {shown(name)}. {did_you_mean(str(name), known)}")
    return found


def _check_options(
    section: str,
    name: str,
    function: Callable[..., Any],
    options: dict[str, Any],
    given: tuple[str, ...],
    more: tuple[str, ...] = (),
) -> None:
    parameters = inspect.signature(function).parameters
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    known = [*(parameter for parameter in parameters if parameter not in given), *more]
    for option in options:
        if option not in known:
            raise UserError(f"{section}.{option}: {name} has no such option. {did_you_mean(option, known)}")
