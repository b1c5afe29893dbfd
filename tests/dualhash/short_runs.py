"""A small training problem, trained by the harness's own code, for the tests of this folder."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from hashbench.backbones.identity import Identity
from hashbench.data import DataTable, DeviceTransform
from hashbench.engine.epoch import Training
from hashbench.engine.feed import Feed
from hashbench.engine.model import DeepModel
from hashbench.models import CodeBatch, DeepMethod, HashNetwork
from hashbench_dualhash.stom import StoM
from hashbench_dualhash.storm import StoRM

SAMPLES, WIDTH, CLASSES, BITS = 60, 12, 3, 8


def data(multilabel: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """(60, 12) features in three clusters, and (60,) ids or (60, 3) multi-hot labels."""
    made = torch.Generator().manual_seed(0)
    labels = torch.arange(SAMPLES) % CLASSES
    centres = 2 * torch.randn(CLASSES, WIDTH, generator=made)
    features = centres[labels] + torch.randn(SAMPLES, WIDTH, generator=made)
    if multilabel:
        hot = nn.functional.one_hot(labels, CLASSES)
        hot[torch.rand(SAMPLES, generator=made) < 0.3, 0] = 1
        return features, hot.to(torch.uint8)
    return features, labels


class Run:
    """Trains a method epoch by epoch; `fit` is what the method is shown.

    Args:
        cls, options: the method.
        optimizer: 'StoM' or 'StoRM', with `optimizer_options`.
        batch: batch size.
        multilabel: labels as multi-hot rows.
        hidden: units of the hidden layers.
    """

    def __init__(
        self, cls, optimizer="StoM", optimizer_options=None, batch=20, multilabel=False, hidden=(16,), **options
    ):
        torch.manual_seed(0)
        self.features, self.labels = data(multilabel)
        self.method: DeepMethod = cls(bits=BITS, num_classes=CLASSES, num_train=SAMPLES, **options)
        self.network = HashNetwork(Identity(WIDTH), self.method, hidden=hidden)
        self.model = DeepModel(self.network, CLASSES)
        factory = {"StoM": StoM, "StoRM": StoRM}[optimizer]
        self.optimizer = factory(self.network.groups(0.05), **({"lr": 0.05} | (optimizer_options or {})))
        plain = DeviceTransform("feature")
        feed = Feed(DataTable("clusters", self.features, self.labels, CLASSES), plain, plain, batch, "cpu", seed=0)
        self.training = Training(self.model, self.optimizer, feed, np.arange(SAMPLES), epochs=4, seed=0)
        self.fit = self.training.view

    def codes(self) -> torch.Tensor:
        return self.fit.codes()

    def samples(self, index: torch.Tensor) -> dict[str, torch.Tensor]:
        """These samples as a batch of the loader."""
        return {"inputs": self.features[index], "labels": self.labels[index], "index": index}

    def forward(self, index: torch.Tensor) -> CodeBatch:
        return self.model.batch(self.samples(index))

    def backward(self, index: torch.Tensor) -> CodeBatch:
        return self.model.backward(self.samples(index), self.optimizer)[0]

    def step(self, index: torch.Tensor) -> CodeBatch:
        return self.training.step(self.samples(index))[0]

    def epoch(self) -> dict[str, float]:
        self.training.epoch(self.fit.epoch)
        return self.method.diagnostics()

    def train(self, epochs: int) -> dict[str, float]:
        """From the start."""
        self.training.begin()
        report: dict[str, float] = {}
        for _ in range(epochs):
            report = self.epoch()
        return report
