"""The mmengine Config of a run, and config.py, which runs it again: `hashbench run --config config.py`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from hashbench.catalog import ProtocolEntry
from hashbench.catalog.request import RunSpec
from hashbench.errors import UserError


def make_config(spec: RunSpec, kind: str) -> Config:
    """Loops, optimizer, schedule and the request that they come from."""
    train_cfg: dict[str, Any] = {"type": "ShallowFitLoop"}
    if kind == "deep":
        train_cfg = {
            "type": "DeepTrainLoop",
            "max_epochs": spec.settings.epochs,
            "val_interval": spec.settings.validate_every,
        }
    return Config({"run": spec.identity(), "train_cfg": train_cfg, "val_cfg": {"type": "RetrievalValLoop"}})


def read_config(path: Path, **run_options: Any) -> RunSpec:
    """The RunSpec of a config.py.

    Raises:
        UserError: no such file, or one that is not the config of a run.
    """
    if not path.is_file():
        raise UserError(f"--config {path}: no such file; give the config.py of a run's folder")
    try:
        return spec_of(Config.fromfile(str(path)).run.to_dict(), **run_options)
    except Exception as error:  # the file is run as Python, and may fail in any way
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"--config {path}: not the config.py of a run ({reason})") from error


def spec_of(identity: Mapping[str, Any], **run_options: Any) -> RunSpec:
    """The RunSpec whose `identity()` was kept, in config.py or in spec.json."""
    values = dict(identity)
    weights = values.pop("weights")
    settings = ProtocolEntry.model_validate(values.pop("settings"))
    return RunSpec(**values, settings=settings, weights=Path(weights) if weights else None, **run_options)
