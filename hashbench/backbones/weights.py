"""Weights into a backbone: loaded and reported if they fit, refused as a whole if of another architecture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import torch
from torch import Tensor, nn

from hashbench.backbones.checksum import state_checksum
from hashbench.backbones.weights_file import read_weights
from hashbench.errors import UserError

# What data-parallel, compiled and composed models put before the names of the network within.
_WRAPPERS = frozenset({"module", "backbone", "model", "_orig_mod", "encoder"})
# Where networks keep what comes after the features.
_HEADS = frozenset(
    {"classifier", "fc", "head", "heads", "head_dist", "last_linear", "logits", "aux1", "aux2", "AuxLogits"}
)
_BOOKKEEPING = "num_batches_tracked"


@dataclass(frozen=True)
class WeightsReport:
    """What became of the weights.

    Attributes:
        source: the file or the name of the published weights.
        loaded: names that were loaded.
        missing: names the backbone has and the weights lack: batch-norm counters and added batch norm only.
        unexpected: names in the weights that have no place here: classifiers, and parts outside the backbone.
        checksum: `state_checksum` of the backbone after loading, hex.
    """

    source: str
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    checksum: str

    def __str__(self) -> str:
        parts = [f"{len(self.loaded)} tensors loaded from {self.source}"]
        parts += [f"{len(self.missing)} missing ({_first(self.missing)})"] if self.missing else []
        parts += [f"{len(self.unexpected)} left out ({_first(self.unexpected)})"] if self.unexpected else []
        return ", ".join(parts)


def load_weights(module: nn.Module, path: Path) -> WeightsReport:
    """Load a .pth, .pt or .safetensors file into a backbone.

    Raises `UserError`, with the backbone unchanged, if the file cannot be read or belongs to another architecture.
    """
    return fit_state(module, read_weights(Path(path)), source=str(path))


def fit_state(module: nn.Module, state: Mapping[str, Tensor], source: str) -> WeightsReport:
    """Load a state dict into a backbone (its `weights_target`, where it has one).

    Leading 'module.', 'backbone.' and the like are dropped from the names as far as that makes them fit. Every tensor
    of the backbone must be there with its shape, except batch-norm counters and `optional_weights`, of which all or
    none must be there. Tensors beyond the backbone's must belong to a classifier or stand outside the prefix dropped.
    A backbone with `own_names` renames them first.

    Raises `UserError` otherwise, and for values that are not finite; the backbone is then unchanged.
    """
    target: nn.Module = getattr(module, "weights_target", module)
    own = target.state_dict()
    if (own_names := getattr(module, "own_names", None)) is not None:
        state = own_names(state)
    prefix = _prefix(state, own)
    given = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    optional: frozenset[str] = getattr(module, "optional_weights", frozenset())
    if any(name in given for name in optional):
        optional = frozenset()

    loaded = [name for name in own if name in given and _fits(given[name], own[name])]
    reshaped = [name for name in own if name in given and not _fits(given[name], own[name])]
    missing = [name for name in own if name not in given]
    needed = [name for name in missing if name not in optional and not name.endswith(_BOOKKEEPING)]
    unexpected = [name for name in given if name not in own]
    foreign = [name for name in unexpected if name.split(".")[0] not in _HEADS]
    if needed or reshaped or foreign:
        raise UserError(_misfit(module, source, len(loaded), len(own), needed, reshaped, foreign, given, own))
    broken = [name for name in loaded if not torch.isfinite(given[name]).all()]
    if broken:
        raise UserError(
            f"weights {source}: {len(broken)} tensors hold NaN or infinity, first {broken[0]}; fetch them again"
        )

    target.load_state_dict({name: given[name] for name in loaded}, strict=False)
    outside = [name for name in state if not name.startswith(prefix)]
    checksum = state_checksum(module.state_dict())
    return WeightsReport(source, tuple(loaded), tuple(missing), tuple(unexpected + outside), checksum)


def _prefix(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> str:
    """The run of wrapper names which, dropped, makes most names fit."""
    candidates = {""}
    for name in state:
        prefix = ""
        for wrapper in takewhile(_WRAPPERS.__contains__, name.split(".")[:-1]):
            prefix += wrapper + "."
            candidates.add(prefix)
    return max(sorted(candidates), key=lambda prefix: sum(prefix + name in state for name in own))


def _fits(given: Tensor, own: Tensor) -> bool:
    return given.shape == own.shape and given.is_floating_point() == own.is_floating_point()


def _misfit(
    module: nn.Module,
    source: str,
    loaded: int,
    total: int,
    needed: list[str],
    reshaped: list[str],
    foreign: list[str],
    given: Mapping[str, Tensor],
    own: Mapping[str, Tensor],
) -> str:
    faults = [f"{len(needed)} missing, first {needed[0]}"] if needed else []
    if reshaped:
        name = reshaped[0]
        shapes = f"{tuple(given[name].shape)} for {tuple(own[name].shape)}"
        faults.append(f"{len(reshaped)} of another shape or type, first {name}: {shapes}")
    if foreign:
        faults.append(f"{len(foreign)} unexpected, first {foreign[0]}")
    return (
        f"weights {source} are of another architecture than {type(module).__name__}: {loaded} of {total} tensors fit "
        f"({'; '.join(faults)}); give weights of this backbone, or choose the backbone they belong to"
    )


def _first(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]}, ..."
