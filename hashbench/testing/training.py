"""A training of a few steps on Gaussian clouds, stepped through the engine as a run would step it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from hashbench.backbones.identity import Identity
from hashbench.data import DataTable, DeviceTransform
from hashbench.data.seeding import derive_seed
from hashbench.engine.distributed import rank, with_global_batch_norm, world_size
from hashbench.engine.epoch import Training
from hashbench.engine.feed import Feed
from hashbench.engine.model import DeepModel
from hashbench.engine.optim import build_optimizer
from hashbench.models import CodeBatch, DeepMethod, HashNetwork, ShallowMethod
from hashbench.testing.subject import Subject

BITS, CLASSES, PER_CLASS, FEATURES, BATCH = 16, 5, 12, 20, 20
"""16 bits: codes of -1 and +1 have length 4, so the cosine of equal ones is 1 without rounding."""
EPOCHS = 30
"""Planned. A training here makes the first epochs and the last one, so that terms that begin late are seen too."""
FIRST, LAST = 0, EPOCHS - 1

FACTS = {"deep": {"num_classes": CLASSES, "num_train": CLASSES * PER_CLASS}, "shallow": {"random_state": 0}}
"""What the harness hands a constructor beside `bits`."""


def clouds(multilabel: bool = False) -> DataTable:
    """60 samples of 20 features around five points; with several labels: the class, for half of them the next too.

    With several labels, the last sample has none.
    """
    draw = torch.Generator().manual_seed(0)
    classes = torch.arange(CLASSES * PER_CLASS) % CLASSES
    inputs = 2 * torch.randn(CLASSES, FEATURES, generator=draw)[classes]
    inputs += torch.randn(len(classes), FEATURES, generator=draw)
    labels = classes
    if multilabel:
        labels = torch.nn.functional.one_hot(classes, CLASSES)
        labels[::2] |= labels[::2].roll(1, dims=1)
        labels[-1] = 0
        labels = labels.to(torch.uint8)
    return DataTable("conformance", inputs, labels, CLASSES)


def build_method(subject: Subject, hparams: dict[str, Any], bits: int = BITS) -> DeepMethod | ShallowMethod:
    """The method as the harness builds it, with these hyper-parameters."""
    return subject.method_class(bits=bits, **FACTS[subject.entry.kind], **hparams)


def build_network(subject: Subject, hparams: dict[str, Any], seed: int = 0) -> HashNetwork:
    """Features, one shared hidden layer, and the method with its code layer, each from its own random stream."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "method"))
        method = build_method(subject, hparams)
        torch.manual_seed(derive_seed(seed, "weights"))
        network = HashNetwork(Identity(FEATURES), method, hidden=[16])  # type: ignore[arg-type]
    with_global_batch_norm(network)
    return network


class ShortTraining:
    """A deep method in training. `begin`, then `epoch` as often as wanted.

    Args:
        subject: the method, with its default hyper-parameters and optimizer.
        multilabel: train on samples with several labels.
        precision: as in a protocol, 'fp32' or 'bf16'.
        seed: of every random stream.
        optimizer: in place of the method's.

    Attributes:
        losses: the terms of each step so far.
    """

    def __init__(
        self,
        subject: Subject,
        *,
        multilabel: bool = False,
        precision: str = "fp32",
        seed: int = 0,
        optimizer: dict[str, Any] | None = None,
    ) -> None:
        self.table = clouds(multilabel)
        self.network = build_network(subject, subject.quick_hparams, seed)
        self.method = self.network.method
        self.model = DeepModel(self.network, CLASSES, precision)
        plain = DeviceTransform("feature")
        feed = Feed(self.table, plain, plain, BATCH, "cpu", seed, rank(), world_size())
        self.training = Training(
            self.model,
            build_optimizer(optimizer or subject.configuration().optimizer, self.network, subject.catalog),
            feed,
            np.arange(len(self.table)),
            epochs=EPOCHS,
            seed=seed,
        )
        self.losses: list[dict[str, float]] = []

    def begin(self) -> ShortTraining:
        """The start of a new run."""
        self.training.begin()
        return self

    def epoch(self, number: int) -> ShortTraining:
        """One epoch as the harness trains it; `number` epochs count as done before."""

        def keep(position: int, data: dict[str, Tensor], terms: dict[str, Tensor]) -> None:
            self.losses.append({name: float(value) for name, value in terms.items()})

        self.training.epoch(number, after_step=keep)
        return self

    def gradients(self) -> dict[str, Tensor]:
        """Gradients of the first batch with respect to every parameter; nothing is stepped."""
        self.training.begin_epoch(FIRST)
        self.model.backward(next(iter(self.training.loader)), self.training.optimizer)
        return {name: p.grad.clone() for name, p in self.network.named_parameters() if p.grad is not None}

    def batch(self, rows: Tensor, logits: Tensor) -> CodeBatch:
        """What the loss would be given for some training samples whose logits are these."""
        inputs = self.table.inputs[rows] if getattr(self.method, "needs_inputs", False) else None
        return CodeBatch(self.method.activation(logits), logits, self.table.labels[rows], rows, CLASSES, inputs)

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {"model": self.model.state_dict(), "optimizer": self.training.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> ShortTraining:
        """As a resumed run does it: `begin` is not called."""
        self.model.load_state_dict(state["model"])
        self.training.optimizer.load_state_dict(state["optimizer"])
        return self


def trained(subject: Subject, **options: Any) -> ShortTraining:
    """A method after its first epoch and its last; the same each time it is asked for."""
    return ShortTraining(subject, **options).begin().epoch(FIRST).epoch(LAST)
