"""A finished run as an encoder: what it was given goes through its transform, backbone and code layer to packed bits.

A deep run keeps the weights that validation selected. A shallow run keeps none: its hash function is fitted again from
the run's specification, which is deterministic. Either way the encoder is held against codes that the run stored before
anyone uses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from hashbench.catalog import Catalog
from hashbench.data import DataTable, DeviceTransform
from hashbench.engine.checkpoint import CheckpointStore
from hashbench.engine.config import spec_of
from hashbench.engine.crash import in_a_line
from hashbench.engine.experiment import Experiment, prepare
from hashbench.engine.feed import FrozenFeed
from hashbench.engine.learner import Encodes
from hashbench.engine.reporter import Reporter
from hashbench.errors import UserError
from hashbench.evaluation import binarize, pack_codes
from hashbench.protocol import Roles
from hashbench.results.folder import RunFolder

BATCH = 256
COMPARED = 32
"""Database rows that are encoded again to see that the encoder is the run's."""
_TOLERATED = 0.01
"""Share of bits that may differ by rounding, on another machine or with another number of threads."""


class Encoder(nn.Module):
    """Stored rows -> what is binarised: transform, then a frozen backbone if there is one, then the run's model.

    Args:
        transform: the run's, without augmentation.
        backbone: the frozen backbone; None where it is part of the model or there is none.
        precision: of the frozen backbone, `fp32` or `bf16`.
        model: network or hash function.
    """

    def __init__(self, transform: DeviceTransform, backbone: nn.Module | None, precision: str, model: Encodes) -> None:
        super().__init__()
        self.transform, self.backbone, self.precision, self.model = transform, backbone, precision, model
        self.eval()

    def features(self, inputs: Tensor) -> Tensor:
        """What the model is given: (b, C, H, W) float32, or (b, d)."""
        features = self.transform(inputs)
        if self.backbone is None:
            return features
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            return self.backbone(features).float()

    def forward(self, inputs: Tensor) -> Tensor:
        """(b, C, H, W) uint8 images as stored, or (b, d) float32 features -> (b, K) float32; bits are `>= 0`."""
        return self.model.encode(self.features(inputs))


class RunEncoder:
    """Encodes with the weights of a finished run.

    Attributes:
        run: the finished run.
        experiment: its parts, built anew.
        module: the encoder as a torch module, in evaluation mode on the experiment's device.
    """

    def __init__(self, run: RunFolder, experiment: Experiment) -> None:
        self.run, self.experiment = run, experiment
        feed = experiment.feed
        backbone, precision = (feed.backbone, feed.precision) if isinstance(feed, FrozenFeed) else (None, "fp32")
        self.module = Encoder(feed.plain, backbone, precision, experiment.learner.model)

    @property
    def table(self) -> DataTable:
        """The run's data set."""
        return self.experiment.feed.table

    @property
    def roles(self) -> Roles:
        """The run's rows by role."""
        return self.experiment.roles

    def encode(self, inputs: Tensor) -> np.ndarray:
        """(n, C, H, W) uint8 or (n, d) float32 as in the table -> (n, ceil(K/8)) uint8, packed little-endian."""
        return pack_codes(np.concatenate([binarize(outputs) for outputs in self._outputs(inputs)]))

    def _outputs(self, inputs: Tensor) -> Iterator[np.ndarray]:
        with torch.inference_mode():
            for part in inputs.split(BATCH):
                yield self.module(part.to(self.experiment.device)).cpu().numpy()

    def differing_bits(self, rows: int = COMPARED) -> tuple[int, int]:
        """Encode that many rows of the database again: how many bits differ from the stored codes, and of how many."""
        codes = self.run.codes
        places = np.unique(np.linspace(0, len(codes.database_codes) - 1, rows).astype(int))
        inputs = self.table.inputs[torch.from_numpy(codes.database_index[places])]
        differ = np.unpackbits(self.encode(inputs) ^ codes.database_codes[places]).sum()
        return int(differ), len(places) * codes.bits


def load_encoder(
    run: RunFolder, catalog: Catalog, reporter: Reporter, *, weights: Path | None = None, **run_options: Any
) -> RunEncoder:
    """Build the encoder of a finished run.

    Args:
        run: the finished run.
        reporter: who is told what is done.
        weights: file of backbone weights; None takes the one that the run was given.
        run_options: `data_root`, `device` and `plugins`, as of a `RunSpec`.

    Raises:
        UserError: data or weights that are missing or not those of the run, a checkpoint that is missing or does not
            fit, a method that now gives other codes.
    """
    try:
        spec = spec_of(run.identity, out=run.path, **run_options)
    except (KeyError, TypeError, ValidationError) as error:
        raise UserError(f"{run.spec_path}: not what a run keeps ({in_a_line(error)}): run it again") from error
    spec = replace(spec, weights=weights or spec.weights, compile=False)
    experiment = prepare(spec, catalog, reporter, features=False)
    _check_protocol(run, experiment)
    store = CheckpointStore(run.checkpoints_path)
    experiment.learner.recall(experiment, store, run.record.selection.get("epoch", 0), reporter)
    encoder = RunEncoder(run, experiment)
    differ, bits = encoder.differing_bits()
    if differ > _TOLERATED * bits:
        raise UserError(
            f"{run.path}: {differ} of {bits} bits of its database come out otherwise now: the method's code or "
            "a library has changed since; run it again"
        )
    if differ:
        reporter.warning(f"{differ} of {bits} bits of the database come out otherwise here: rounding differs")
    experiment.roles.unseal(f"epoch {run.record.selection.get('epoch')}, of a finished run")
    return encoder


def _check_protocol(run: RunFolder, experiment: Experiment) -> None:
    """Data, weights and transform must be those of the run."""
    was, now = run.record.protocol_description, experiment.description
    changed = sorted(key for key in was if was[key] != now.get(key))
    if changed:
        advice = {"data": "give its data with --data-root", "weights": "give its weights with --weights"}
        todo = [advice[key] for key in changed if key in advice] or ["run it again"]
        raise UserError(f"{run.path}: {', '.join(changed)} not those of this run: {' and '.join(todo)}")
