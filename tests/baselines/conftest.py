"""Batches, and the comparison of a loss with a slow loop over its equation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from hashbench.models import CodeBatch, DeepMethod

BITS, CLASSES = 4, 3
SINGLE = torch.tensor([0, 1, 0, 2, 1, 0])
MULTI = torch.tensor([[1, 1, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 1], [1, 0, 1]])

MakeBatch = Callable[[DeepMethod, Tensor, Tensor], CodeBatch]
Build = Callable[..., DeepMethod]
Slow = Callable[[Tensor, Tensor], Tensor]


@pytest.fixture(params=["single", "multi"])
def labels(request: pytest.FixtureRequest) -> Tensor:
    """Six samples of three classes: (6,) ids, or (6, 3) multi-hot with pairs that share one label of several."""
    return SINGLE if request.param == "single" else MULTI


@pytest.fixture
def build() -> Build:
    """A method class and its hyper-parameters to a float64 instance of 4 bits and 3 classes."""

    def make(cls: type[DeepMethod], bits: int = BITS, num_classes: int = CLASSES, **hparams: object) -> DeepMethod:
        return cls(bits=bits, num_classes=num_classes, num_train=100, **hparams).double()  # type: ignore[arg-type]

    return make


@pytest.fixture
def batch_of() -> MakeBatch:
    """(method, logits, labels) to what the harness would hand to the loss."""

    def make(method: DeepMethod, logits: Tensor, labels: Tensor) -> CodeBatch:
        return CodeBatch(
            codes=method.activation(logits),
            logits=logits,
            labels=labels,
            index=torch.arange(len(labels)),
            num_classes=method.num_classes,
        )

    return make


@pytest.fixture
def value(batch_of: MakeBatch) -> Callable[[DeepMethod, Sequence[Sequence[float]], Sequence], float]:
    """The loss of given logits and labels, as a number."""

    def compute(method: DeepMethod, logits: Sequence[Sequence[float]], labels: Sequence) -> float:
        rows = torch.tensor(logits, dtype=torch.float64)
        return float(sum(method.loss(batch_of(method, rows, torch.tensor(labels))).values()))

    return compute


@pytest.fixture
def equals_slow_loop(batch_of: MakeBatch) -> Callable[[DeepMethod, Slow, Tensor], None]:
    """Check value and gradient against `slow(logits, targets)`, a loop over the paper's equation, in float64."""

    def check(method: DeepMethod, slow: Slow, labels: Tensor, width: int = BITS) -> None:
        targets = labels if labels.ndim == 2 else torch.nn.functional.one_hot(labels, method.num_classes)
        for seed in range(3):
            generator = torch.Generator().manual_seed(seed)
            logits = torch.randn(len(labels), width, generator=generator, dtype=torch.float64, requires_grad=True)
            ours = sum(method.loss(batch_of(method, logits, labels)).values())
            theirs = slow(logits, targets.double())
            torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
            gradients = [torch.autograd.grad(total, logits)[0] for total in (ours, theirs)]
            torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-11, atol=1e-12)

    return check
