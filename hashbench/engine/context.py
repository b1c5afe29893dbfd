"""What a method is shown of the training set; implements `hashbench.models.FitContext`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hashbench.data import BatchLoader
from hashbench.engine.model import DeepModel


class TrainingView:
    """The training samples and the network under training. No query is reachable from here.

    Args:
        model: the deep model.
        optimizer: what steps it.
        loader: the training loader (for its length).
        plain_loader: the same samples, unshuffled and not augmented.
        epochs: epochs planned.
        generator: the method's stream at the start.
    """

    def __init__(
        self,
        model: DeepModel,
        optimizer: torch.optim.Optimizer,
        loader: BatchLoader,
        plain_loader: BatchLoader,
        epochs: int,
        generator: torch.Generator,
    ) -> None:
        self._model = model
        self._plain = plain_loader
        self.network = model.network
        self.optimizer = optimizer
        self.labels = plain_loader.labels
        self.epochs = epochs
        self.steps_per_epoch = len(loader)
        self.epoch = 0
        self.step = 0
        self.generator = generator

    def features(self) -> Tensor:
        """(N, d) float32 backbone features in index order, evaluation mode, on the labels' device."""
        return self._collect(self.network.backbone)

    def codes(self) -> Tensor:
        """(N, K) float32 codes in index order, evaluation mode, on the labels' device."""
        return self._collect(self._model.encode)

    def _collect(self, function: Any) -> Tensor:
        was_training = self._model.training
        self._model.eval()
        with torch.no_grad():
            rows = torch.cat([function(data["inputs"]).float() for data in self._plain])
        self._model.train(was_training)
        return rows
