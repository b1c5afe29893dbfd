"""Shallow methods: a hash function is fitted once to all training features, which is quick enough to be done again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmengine.model import BaseDataPreprocessor, BaseModel
from mmengine.optim import OptimWrapperDict
from torch import Tensor, nn

from hashbench.backbones.standardize import Standardize
from hashbench.catalog import ProtocolEntry
from hashbench.data import BatchLoader, DataTable
from hashbench.data.seeding import derive_seed
from hashbench.engine.checkpoint import CheckpointStore
from hashbench.engine.crash import ends_the_program
from hashbench.engine.feed import Feed
from hashbench.engine.learner import Given, Learner, not_built
from hashbench.engine.reporter import Reporter
from hashbench.engine.standardizing import learn
from hashbench.errors import UserError
from hashbench.models import ShallowMethod
from hashbench.models.affine import Affine, affine_form

if TYPE_CHECKING:
    from hashbench.engine.experiment import Experiment


class ShallowModel(BaseModel):
    """Encodes with a fitted `ShallowMethod`. It is never stepped.

    Args:
        method: the estimator; fitted before anything is encoded.
        standardize: what features go through before; None: nothing.
    """

    def __init__(self, method: ShallowMethod, standardize: Standardize | None = None) -> None:
        super().__init__(BaseDataPreprocessor())  # given, mmengine does not look it up in its registries
        self.method, self.standardize = method, standardize
        self.ranking = method.ranking

    def forward(self, inputs: Tensor, **_: Any) -> Tensor:
        """As `encode`."""
        return self.encode(inputs)

    def encode(self, inputs: Tensor) -> Tensor:
        """(b, ...) features or images (flattened) -> (b, K) float32 outputs, whose signs are the bits if there are."""
        rows = self.seen(inputs).cpu().numpy().astype(np.float64)
        return torch.from_numpy(np.ascontiguousarray(self.method.decision_function(rows), dtype=np.float32))

    def seen(self, inputs: Tensor) -> Tensor:
        """(b, ...) features or images -> (b, d) float32, what the method fits and encodes."""
        return inputs.flatten(1) if self.standardize is None else self.standardize(inputs)


class StandardizedAffine(nn.Module):
    """An affine map behind the standardisation of its features.

    Args:
        standardize: features -> standardised features.
        affine: what follows.
    """

    def __init__(self, standardize: Standardize, affine: Affine) -> None:
        super().__init__()
        self.standardize, self.affine = standardize, affine

    def encode(self, inputs: Tensor) -> Tensor:
        """(b, d) features as they come -> (b, K) float64."""
        return self.affine.encode(self.standardize(inputs))


class ShallowLearner(Learner):
    """Fits a `ShallowMethod`."""

    resumable = False
    model: ShallowModel
    method: ShallowMethod

    def __init__(self, given: Given) -> None:
        spec, cls = given.spec, given.method_class
        if not issubclass(cls, ShallowMethod):
            raise UserError(f"method {spec.method}: {cls.__name__} is neither a DeepMethod nor a ShallowMethod")
        try:
            self.method = cls(bits=spec.bits, random_state=derive_seed(spec.seed, "method") % 2**32, **spec.hparams)
        except BaseException as error:  # a plugin's constructor may fail in any way
            if ends_the_program(error):
                raise
            raise not_built(spec, cls, error) from error
        self.name = spec.method
        self.model = ShallowModel(self.method, given.backbone if isinstance(given.backbone, Standardize) else None)

    @staticmethod
    def backbone_name(settings: ProtocolEntry, table: DataTable) -> str:
        """The protocol's where it is frozen or the data are features; else `raw`: the inputs as they are."""
        return settings.backbone if settings.frozen or table.kind == "feature" else "raw"

    @staticmethod
    def train_cfg(settings: ProtocolEntry) -> dict[str, Any]:
        """A single fit."""
        return {"type": "hashbench.ShallowFitLoop"}

    def begin(self, feed: Feed, rows: np.ndarray) -> dict[str, Any]:
        """The samples in order, and mmengine's word for no optimizer: it wants one beside a training loader."""
        learn(self.model.standardize, feed, rows)
        return {"train_dataloader": feed.ordered(rows), "optim_wrapper": OptimWrapperDict()}

    def fit(self, loader: BatchLoader) -> float:
        """Fit to all samples of a loader. Returns the seconds that the fit took, without the loading.

        Raises:
            UserError: the method refuses the samples.
        """
        rows, labels = [], []
        for data in loader:
            rows.append(self.model.seen(data["inputs"]).cpu().numpy())
            labels.append(data["labels"].cpu().numpy())
        started = time.perf_counter()
        try:
            self.method.fit(np.concatenate(rows).astype(np.float64), np.concatenate(labels))
        except ValueError as error:
            raise UserError(f"method {self.name}: {str(error).splitlines()[0]}") from error
        return time.perf_counter() - started

    def state(self) -> dict[str, Any]:
        """Nothing: there is no state between begin and end."""
        return {}

    def restore(self, saved: dict[str, Any]) -> None:
        """Nothing to restore."""

    def save_best(self, store: CheckpointStore, epoch: int) -> None:
        """Nothing: a fit is repeated from its seed."""

    def load_best(self, store: CheckpointStore, epoch: int) -> None:
        """The only fit is the best."""

    def recall(self, experiment: Experiment, store: CheckpointStore, epoch: int, reporter: Reporter) -> None:
        """Fit again, which is deterministic."""
        rows = experiment.roles.train
        experiment.compute_features(reporter)
        reporter.message(f"fitting {self.name} again on {len(rows)} rows: a shallow run keeps its codes only")
        learn(self.model.standardize, experiment.feed, rows)
        self.fit(experiment.feed.ordered(rows))

    def traceable(self, features: Tensor) -> Affine | StandardizedAffine | None:
        """The affine map that the method computes, if it computes one."""
        affine = affine_form(self.method, self.model.seen(features).double().cpu().numpy())
        if affine is None or self.model.standardize is None:
            return affine
        return StandardizedAffine(self.model.standardize, affine)
