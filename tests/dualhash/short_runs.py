"""A small training problem and a loop that calls a method as the engine does, for the tests of this folder."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn

from hashbench.models import CodeBatch, DeepMethod, HashNetwork
from hashbench_dualhash.method import StoM, StoRM

SAMPLES, WIDTH, CLASSES, BITS = 60, 12, 3, 8


class Features(nn.Module):
    """Feature rows as they are."""

    out_features = WIDTH

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def data(multilabel: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """(60, 12) features in three clusters, and (60,) ids or (60, 3) multi-hot labels."""
    made = torch.Generator().manual_seed(0)
    labels = torch.arange(SAMPLES) % CLASSES
    centres = 2 * torch.randn(CLASSES, WIDTH, generator=made)
    features = centres[labels] + torch.randn(SAMPLES, WIDTH, generator=made)
    if multilabel:
        hot = nn.functional.one_hot(labels, CLASSES)
        hot[torch.rand(SAMPLES, generator=made) < 0.3, 0] = 1
        return features, hot
    return features, labels


class Run:
    """Trains a method epoch by epoch; `fit` is what the method is shown.

    Args:
        cls, options: the method.
        optimizer: 'StoM' or 'StoRM', with `optimizer_options`.
        batch: batch size.
        multilabel: labels as multi-hot rows.
    """

    def __init__(self, cls, optimizer="StoM", optimizer_options=None, batch=20, multilabel=False, **options):
        torch.manual_seed(0)
        self.features, self.labels = data(multilabel)
        self.batch = batch
        self.method: DeepMethod = cls(bits=BITS, num_classes=CLASSES, num_train=SAMPLES, **options)
        self.network = HashNetwork(Features(), self.method, hidden=[16])
        factory = {"StoM": StoM, "StoRM": StoRM}[optimizer]
        self.optimizer = factory(self.network.groups(0.05), **({"lr": 0.05} | (optimizer_options or {})))
        self.fit = SimpleNamespace(
            network=self.network,
            optimizer=self.optimizer,
            labels=self.labels,
            epochs=4,
            steps_per_epoch=-(-SAMPLES // batch),
            epoch=0,
            step=0,
            generator=torch.Generator().manual_seed(7),
            features=lambda: self.features,
            codes=self.codes,
        )

    @torch.no_grad()
    def codes(self) -> torch.Tensor:
        self.network.eval()
        codes = self.network(self.features).codes
        self.network.train()
        return codes

    def forward(self, index: torch.Tensor) -> CodeBatch:
        output = self.network(self.features[index])
        return CodeBatch(output.codes, output.logits, self.labels[index], index, CLASSES, inputs=self.features[index])

    def backward(self, index: torch.Tensor) -> CodeBatch:
        self.optimizer.zero_grad()
        batch = self.forward(index)
        sum(self.method.loss(batch).values()).backward()
        return batch

    def step(self, index: torch.Tensor) -> CodeBatch:
        batch = self.backward(index)
        statistics = {n: b.clone() for n, b in self.network.named_buffers() if "running" in n or "tracked" in n}
        if getattr(self.optimizer, "uses_closure", False):
            self.optimizer.step(lambda: self.backward(index))
            with torch.no_grad():
                for name, value in self.network.named_buffers():
                    if name in statistics:
                        value.copy_(statistics[name])
        else:
            self.optimizer.step()
        self.fit.step += 1
        batch.codes, batch.logits = batch.codes.detach(), batch.logits.detach()
        self.method.after_step(self.fit, batch)
        return batch

    def epoch(self) -> dict[str, float]:
        order = torch.randperm(SAMPLES, generator=torch.Generator().manual_seed(100 + self.fit.epoch))
        self.network.train()
        self.method.begin_epoch(self.fit)
        for index in order.split(self.batch):
            self.step(index)
        self.fit.epoch += 1
        self.method.end_epoch(self.fit)
        return self.method.diagnostics()

    def train(self, epochs: int) -> dict[str, float]:
        """From the start."""
        self.method.begin_fit(self.fit)
        report: dict[str, float] = {}
        for _ in range(epochs):
            report = self.epoch()
        return report
