"""A backbone from its class, the shape of the data and the request: seeded, with its weights loaded, and tried once."""

from __future__ import annotations

import inspect
import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hashbench.backbones.checksum import state_checksum
from hashbench.backbones.evaluation_mode import evaluation_mode
from hashbench.backbones.folded import refuse_to_train_folded
from hashbench.backbones.weights import WeightsReport, load_weights
from hashbench.data.seeding import derive_seed
from hashbench.errors import UserError, did_you_mean, shown


@dataclass(frozen=True)
class BuiltBackbone:
    """A backbone and where its weights come from.

    Attributes:
        module: the backbone, on the CPU, in training mode.
        report: what became of the weights file; None without one.
        weights_checksum: `state_checksum` of the initial weights if they are pretrained, else None: random initial
            weights vary with the seed.
    """

    module: nn.Module
    report: WeightsReport | None
    weights_checksum: str | None


def build_backbone(
    cls: type[nn.Module],
    *,
    in_shape: tuple[int, ...],
    hparams: dict[str, Any],
    pretrained: bool = False,
    weights: Path | None = None,
    seed: int = 0,
    trained: bool = False,
) -> BuiltBackbone:
    """Build a backbone under a random stream of its own; torch's global generator is left as it was.

    Args:
        cls: the backbone's class, see `hashbench.backbones`.
        in_shape: (C, H, W) of the images after resizing, or (d,) of feature rows.
        hparams: constructor arguments. `in_channels` and `in_features` follow from the data unless they are given here.
        pretrained: published weights, downloaded; not needed with `weights`, which then take their place.
        weights: a local file of weights.
        seed: of the run; the initial weights use the stream (seed, 'backbone').
        trained: the weights are trained further.

    Raises `UserError` for arguments that the class does not take, weights that cannot be had, do not fit or cannot be
    trained further, and data of a shape that the backbone does not take.
    """
    arguments = _arguments(cls, in_shape, hparams, pretrained=pretrained and weights is None)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(seed, "backbone"))
        module = _constructed(cls, arguments)
    report = load_weights(module, weights) if weights is not None else None
    if trained and (pretrained or report is not None):
        _refuse_folded(module, report)
    _try_once(module, in_shape)
    checksum = state_checksum(module.state_dict()) if pretrained or weights is not None else None
    return BuiltBackbone(module, report, checksum)


@lru_cache(maxsize=1)
def frozen_backbone(cls: type[nn.Module], *, hparams: str, files: str, **given: Any) -> BuiltBackbone:
    """As `build_backbone` for a backbone that nothing changes: kept for the next run of a sweep.

    Args:
        hparams: as JSON.
        files: `hashbench.data.signature` of the weights: a file that was changed meanwhile is read again.
        given: other arguments of `build_backbone`.
    """
    return build_backbone(cls, hparams=json.loads(hparams), **given)


def _arguments(
    cls: type[nn.Module], in_shape: tuple[int, ...], hparams: dict[str, Any], pretrained: bool
) -> dict[str, Any]:
    """The constructor's arguments, checked against its signature."""
    signature = inspect.signature(cls)
    known = signature.parameters
    if "pretrained" in hparams:
        raise UserError(f"backbone {cls.__name__}: pretrained is a choice of the protocol, not a hyper-parameter")
    arguments = dict(hparams)
    if "in_features" in known:
        arguments.setdefault("in_features", math.prod(in_shape))
    elif len(in_shape) != 3:
        raise UserError(f"backbone {cls.__name__} takes images, the data are rows of shape {in_shape}: use identity")
    elif "in_channels" in known:
        arguments.setdefault("in_channels", in_shape[0])
    if pretrained:
        if "pretrained" not in known:
            raise UserError(f"backbone {cls.__name__} has no published weights: give --weights FILE, or none")
        arguments["pretrained"] = True
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values())
    for name in arguments:
        if name not in known and not open_ended:
            known_ones = did_you_mean(name, known)
            raise UserError(f"backbone {cls.__name__} has no hyper-parameter {shown(name)}. {known_ones}")
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise UserError(f"backbone {cls.__name__}: {error}") from error
    return arguments


def _constructed(cls: type[nn.Module], arguments: dict[str, Any]) -> nn.Module:
    try:
        return cls(**arguments)
    except UserError:
        raise
    except Exception as error:  # a value of another kind, a width beyond all memory: a class may fail in any way
        reason = (str(error).splitlines() or [""])[0][:120]
        given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())[:80]
        raise UserError(
            f"backbone {cls.__name__} cannot be built with {given} ({type(error).__name__}: {reason}): "
            "correct its hyper-parameters"
        ) from error


def _refuse_folded(module: nn.Module, report: WeightsReport | None) -> None:
    """Of a file, only what it brought counts; of a download, all but what the backbone adds."""
    target: nn.Module = getattr(module, "weights_target", module)
    state = target.state_dict()
    if report is not None:
        refuse_to_train_folded(state, report.loaded, report.source)
    else:
        added: frozenset[str] = getattr(module, "optional_weights", frozenset())
        refuse_to_train_folded(state, [name for name in state if name not in added], f"of {type(module).__name__}")


def _try_once(module: nn.Module, in_shape: tuple[int, ...]) -> None:
    """One blank sample through the backbone, so that a wrong image size is explained here and not in the first step."""
    try:
        with evaluation_mode(module), torch.no_grad():
            shape = tuple(module(torch.zeros(1, *in_shape)).shape)
    except Exception as error:  # a network may fail in any way on a shape, or a hyper-parameter, that it does not take
        reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise UserError(
            f"backbone {type(module).__name__} does not take data of shape {in_shape} ({reason}): "
            f"choose another image size or backbone, or correct its hyper-parameters"
        ) from error
    expected = (1, module.out_features)
    if shape != expected:
        raise UserError(
            f"backbone {type(module).__name__} gives {shape} for one sample where its out_features says {expected}: "
            f"choose a pooled output"
        )
