"""The contract of a deep method: a loss on the output of the hash layer, and what else it needs.

A method is one file with one class. Only `loss` must be written; everything else has a default that does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor, nn

from hashbench.errors import UserError

if TYPE_CHECKING:
    from hashbench.models.batch import CodeBatch
    from hashbench.models.network import HashNetwork


class FitContext(Protocol):
    """What the harness offers a method during training. It reaches the training samples only, never a query.

    Attributes:
        network: the network under training (backbone, shared layers, code layer, the method itself).
        optimizer: the optimizer that steps it.
        labels: (N,) class ids or (N, C) multi-hot of all training samples, in index order, on the device.
        epochs: epochs planned in all.
        steps_per_epoch: optimizer steps in one epoch.
        epoch: epochs finished.
        step: optimizer steps finished.
        generator: this method's own random stream (CPU), derived from the run's seed; no other stream depends on it.
    """

    network: HashNetwork
    optimizer: torch.optim.Optimizer
    labels: Tensor
    epochs: int
    steps_per_epoch: int
    epoch: int
    step: int
    generator: torch.Generator

    def features(self) -> Tensor:
        """(N, d) float32: the backbone's features of all training samples in index order, evaluation mode."""

    def codes(self) -> Tensor:
        """(N, K) float32: the present codes of all training samples in index order, evaluation mode."""


class DeepMethod(nn.Module):
    """Base class of deep methods.

    Hyper-parameters are typed keyword arguments of the constructor, with defaults; the harness hands in the three facts
    that it knows. State that must survive a checkpoint is a registered buffer (or parameter).

    Args:
        bits: code length K.
        num_classes: C.
        num_train: N, number of training samples.
    """

    kind: ClassVar[Literal["deep"]] = "deep"

    multilabel: bool = True
    """Whether the loss is defined for samples with several labels; where False, the harness refuses such data."""

    check_hparams: ClassVar[dict[str, Any]] = {}
    """Hyper-parameters with which `hashbench check` builds the method, where its defaults would take long."""

    needs_inputs: bool = False
    """Whether the method reads `batch.inputs`; under several processes the harness then gathers them too."""

    def __init__(self, *, bits: int, num_classes: int, num_train: int) -> None:
        super().__init__()
        self.bits = bits
        self.num_classes = num_classes
        self.num_train = num_train

    def code_layer(self, in_features: int) -> nn.Module:
        """The layer from features to logits: (b, in_features) -> (b, K). One linear layer unless a method differs."""
        return nn.Linear(in_features, self.bits)

    def activation(self, logits: Tensor) -> Tensor:
        """(b, K) logits -> (b, K) codes. Bits are 1 where the code is >= 0."""
        return logits

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        """The terms of the objective as named scalars; their sum is minimised."""
        raise TypeError(f"{type(self).__name__} defines no loss(batch)")

    def begin_fit(self, fit: FitContext) -> None:
        """Once, before the first step of a new run (not on resume: state comes back from the checkpoint)."""

    def begin_epoch(self, fit: FitContext) -> None:
        """Before each epoch, on resume too: set what follows from `fit.epoch` alone (schedules)."""

    def after_step(self, fit: FitContext, batch: CodeBatch) -> None:
        """After each optimizer step, with the batch that made it (codes from before the step, detached)."""

    def end_epoch(self, fit: FitContext) -> None:
        """After each epoch: updates of per-sample state, centres, dual variables."""

    def diagnostics(self) -> dict[str, float]:
        """Scalars kept in the history after each epoch."""
        return {}


def require(condition: bool, what: str) -> None:
    """Raise `UserError(what)` unless the condition holds: for checks of hyper-parameters in constructors."""
    if not condition:
        raise UserError(what)
