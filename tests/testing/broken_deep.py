"""A deep method that keeps the contract, and others that break it in one point each."""

from __future__ import annotations

import os
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from hashbench.errors import UserError
from hashbench.models import DeepMethod


class Good(DeepMethod):
    def __init__(self, *, bits: int, num_classes: int, num_train: int, alpha: float = 1.0) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        if alpha <= 0:
            raise UserError(f"alpha = {alpha} must be > 0")
        self.alpha = alpha
        self.register_buffer("centre", torch.zeros(bits))

    def activation(self, logits):
        return logits.tanh()

    def base(self, batch):
        theta = 0.5 * self.alpha * batch.codes @ batch.codes.T
        return (F.softplus(theta) - batch.similarity * theta).mean()

    def loss(self, batch):
        return {"pairs": self.base(batch), "pull": (batch.codes - self.centre.to(batch.codes.dtype)).square().mean()}

    def after_step(self, fit, batch):
        self.centre.lerp_(batch.codes.mean(0), 0.1)


class VarKeyword(Good):
    def __init__(self, *, bits: int, num_classes: int, num_train: int, alpha: float = 1.0, **more: float) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train, alpha=alpha)


class Positional(Good):
    def __init__(self, bits: int, num_classes: int, num_train: int, alpha: float = 1.0) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train, alpha=alpha)


class Untyped(Good):
    def __init__(self, *, bits: int, num_classes: int, num_train: int, alpha=1.0) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train, alpha=alpha)


class NoDefault(Good):
    def __init__(self, *, bits: int, num_classes: int, num_train: int, alpha: float) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train, alpha=alpha)


class Detached(Good):
    def loss(self, batch):
        return {"pairs": self.base(batch).detach()}


class WithoutGradient(Good):
    def loss(self, batch):
        return {"pairs": self.base(batch).detach() + 0 * batch.codes.sum()}


class Vector(Good):
    def loss(self, batch):
        return {"pairs": batch.codes.square().mean(1)}


class NoTerms(Good):
    def loss(self, batch):
        return {}


class ReservedName(Good):
    def loss(self, batch):
        return {"lr": self.base(batch)}


class TensorDiagnostic(Good):
    def diagnostics(self):
        return {"centre": self.centre.mean()}


class NanForOneClass(Good):
    def loss(self, batch):
        apart = 1 - batch.similarity
        return {"apart": (batch.codes @ batch.codes.T * apart).sum() / apart.sum()}


class NanForAllDifferent(Good):
    def loss(self, batch):
        pairs = batch.similarity - torch.eye(len(batch.codes))
        return {"together": -(batch.codes @ batch.codes.T * pairs).sum() / pairs.sum()}


class NanForOne(Good):
    def loss(self, batch):
        return {"spread": self.base(batch) - batch.codes.std(0).mean()}


class TwoLineRefusal(Good):
    def loss(self, batch):
        if len(batch.codes) == 1:
            raise UserError("a batch of one\nhas no pairs")
        return super().loss(batch)


class InfiniteWhenSaturated(Good):
    def loss(self, batch):
        return {"barrier": self.base(batch) - torch.log(1 - batch.codes.square()).mean()}


class InfiniteForEqualCodes(Good):
    """The paper's loss of DCH as it is printed."""

    def loss(self, batch):
        cosine = F.normalize(batch.codes) @ F.normalize(batch.codes).T
        distance = self.bits / 2 * (1 - cosine)
        apart = torch.log(1 + 1 / distance)[batch.similarity == 0]
        return {"apart": self.base(batch) + apart.sum() / max(1, len(apart))}


class NanAtZero(Good):
    def loss(self, batch):
        return {"norm": self.base(batch) + (batch.codes / batch.codes.norm(dim=1, keepdim=True)).sum()}


class SingleLabelOnly(Good):
    def loss(self, batch):
        return {"class": F.cross_entropy(batch.codes[:, : batch.num_classes], batch.labels)}


class RefusesSeveral(Good):
    def begin_fit(self, fit):
        if fit.labels.ndim == 2:
            raise UserError("one label a sample, please")


class SaysSingleLabel(SingleLabelOnly):
    multilabel = False


class OrderMatters(Good):
    def loss(self, batch):
        return {"weighted": (torch.arange(len(batch.codes))[:, None] * batch.codes).mean()}


class OrderMattersInGradient(Good):
    """The value is the same in every order; only the first sample has a gradient of its own."""

    def loss(self, batch):
        return {"pairs": self.base(batch), "first": batch.codes[0].sum() - batch.codes[0].sum().detach()}


class TooFewBits(Good):
    def activation(self, logits):
        return logits[:, :4].tanh()

    def loss(self, batch):
        return {"pairs": self.base(batch)}

    def after_step(self, fit, batch):
        pass


class CodesOfTheBatch(Good):
    def activation(self, logits):
        return (logits - logits.mean(0)).tanh()


class GlobalRandomNumbers(Good):
    def loss(self, batch):
        return {"noise": self.base(batch) * np.random.rand()}


class ForgetsItsState(Good):
    def __init__(self, *, bits: int, num_classes: int, num_train: int, alpha: float = 1.0) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train, alpha=alpha)
        del self.centre
        self.centre = torch.zeros(bits)


class NeedsItsStart(Good):
    def begin_fit(self, fit):
        self.scale = 2.0

    def loss(self, batch):
        return {"pairs": self.scale * self.base(batch)}


class SavesAnObject(Good):
    def get_extra_state(self):
        return os.stat_result(range(10))

    def set_extra_state(self, state):
        pass


class CannotBeLoaded(Good):
    def begin_fit(self, fit):
        self.register_buffer("late", torch.zeros(3))


class NoReducedPrecision(Good):
    def activation(self, logits):
        if logits.dtype != torch.float32:
            raise TypeError(f"float32 wanted, got {logits.dtype}")
        return logits.tanh()


class KnowsItsRank(Good):
    def loss(self, batch):
        distributed = torch.distributed.is_initialized()
        return {"pairs": self.base(batch) * (2.0 if distributed else 1.0)}


class GradientOfItsRank(Good):
    """The right value, and a gradient that every process doubles."""

    def loss(self, batch):
        value = self.base(batch)
        return {"pairs": 2 * value - value.detach() if torch.distributed.is_initialized() else value}


class HangsOnTwo(Good):
    def loss(self, batch):
        if torch.distributed.is_initialized():
            time.sleep(600)
        return super().loss(batch)


class NotAMethod(nn.Module):
    pass
