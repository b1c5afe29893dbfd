"""Training of deep methods on separable Gaussian classes: what the tests of several methods share."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hashbench.backbones.identity import Identity
from hashbench.data import DataTable, DeviceTransform
from hashbench.engine.context import TrainingView
from hashbench.engine.epoch import Training
from hashbench.engine.feed import Feed
from hashbench.engine.model import DeepModel
from hashbench.evaluation import evaluate
from hashbench.models import CodeBatch, DeepMethod, HashNetwork


def gaussian_classes(samples: int = 160, features: int = 24, classes: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    """(N, d) float32 features whose classes are apart in 4 coordinates, 2.2 standard deviations each, and (N,) ids."""
    generator = torch.Generator().manual_seed(seed)
    means = torch.zeros(classes, features)
    means[:, :4] = 2.2 * torch.randn(classes, 4, generator=torch.Generator().manual_seed(77))
    labels = torch.arange(samples) % classes
    return means[labels] + torch.randn(samples, features, generator=generator), labels


def build(method: DeepMethod, features: int, seed: int = 0) -> HashNetwork:
    """The method behind an identity backbone, first weights from the seed."""
    torch.manual_seed(seed)
    return HashNetwork(Identity(features), method)


def training_on(
    network: HashNetwork,
    inputs: Tensor,
    labels: Tensor,
    *,
    lr: float = 0.05,
    momentum: float = 0.9,
    epochs: int = 1,
    batch_size: int = 40,
    seed: int = 0,
) -> Training:
    """The harness's training of a network by SGD on features held in memory."""
    plain = DeviceTransform("feature")
    table = DataTable("in memory", inputs, labels, network.method.num_classes)
    feed = Feed(table, plain, plain, batch_size, "cpu", seed)
    optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=momentum)
    model = DeepModel(network, table.num_classes)
    return Training(model, optimizer, feed, np.arange(len(table)), epochs=epochs, seed=seed)


def view_of(network: HashNetwork, inputs: Tensor, labels: Tensor, seed: int = 0) -> TrainingView:
    """What a method is shown at the start of a training on these samples."""
    return training_on(network, inputs, labels, seed=seed).view


def train(
    method: DeepMethod, epochs: int = 15, lr: float = 0.05, batch_size: int = 40, seed: int = 0
) -> tuple[list[float], TrainingView]:
    """Train on `gaussian_classes`; the mean loss of each epoch, and the view of the trained network."""
    inputs, labels = gaussian_classes()
    network = build(method, inputs.shape[1], seed)
    training = training_on(network, inputs, labels, lr=lr, epochs=epochs, batch_size=batch_size, seed=seed)
    training.begin()
    return [training.epoch(number)["loss"] for number in range(epochs)], training.view


def retrieval_map(view: TrainingView) -> float:
    """mAP of 200 new samples as queries against the training samples."""
    queries, query_labels = gaussian_classes(samples=200, seed=1)
    view.network.eval()
    with torch.no_grad():
        query_bits = view.network(queries).codes >= 0
    return evaluate(query_bits, view.codes() >= 0, query_labels, view.labels).metrics["map"]


def random_batch(
    bits: int, classes: int, samples: int, *, num_train: int, multilabel: bool = False, seed: int = 0
) -> CodeBatch:
    """A float64 batch whose codes are a leaf with gradient."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(samples, bits, generator=generator, dtype=torch.float64)
    if multilabel:
        labels = (torch.rand(samples, classes, generator=generator) < 0.4).long()
        labels[torch.arange(samples), torch.randint(classes, (samples,), generator=generator)] = 1
    else:
        labels = torch.randint(classes, (samples,), generator=generator)
    index = torch.randperm(num_train, generator=generator)[:samples]
    return CodeBatch(logits.requires_grad_(), logits, labels, index, classes)


def slow_similarity(labels: Tensor, i: int, j: int) -> bool:
    """Whether two samples share a label, read off the labels one by one."""
    if labels.ndim == 1:
        return int(labels[i]) == int(labels[j])
    return any(int(a) and int(b) for a, b in zip(labels[i], labels[j], strict=True))


def numeric_gradient(function, codes: Tensor, step_size: float = 1e-6) -> Tensor:
    """Central differences of a scalar function of a (b, K) float64 tensor."""
    gradient = torch.zeros_like(codes)
    for position in range(codes.numel()):
        shift = torch.zeros(codes.numel(), dtype=codes.dtype)
        shift[position] = step_size
        shift = shift.reshape(codes.shape)
        gradient.view(-1)[position] = (function(codes + shift) - function(codes - shift)) / (2 * step_size)
    return gradient


def assert_finite(method: nn.Module, batch: CodeBatch) -> None:
    """The loss and its gradient with respect to the codes are finite."""
    terms = method.loss(batch)
    total = sum(terms.values())
    (gradient,) = torch.autograd.grad(total, batch.codes)
    assert torch.isfinite(total)
    assert torch.isfinite(gradient).all()


def degenerate_batches(bits: int, classes: int, num_train: int) -> dict[str, CodeBatch]:
    """One class only, all different, one sample, saturated codes, several labels; float32."""
    torch.manual_seed(3)

    def batch(codes: Tensor, labels: Tensor) -> CodeBatch:
        codes = codes.float().requires_grad_()
        return CodeBatch(codes, codes, labels, torch.arange(len(codes)), classes)

    many = torch.randn(classes, bits)
    return {
        "one class": batch(many, torch.zeros(classes, dtype=torch.long)),
        "all different": batch(many, torch.arange(classes)),
        "one sample": batch(many[:1], torch.tensor([1])),
        "identical codes": batch(torch.ones(classes, bits), torch.arange(classes)),
        "saturated": batch(1e3 * torch.sign(many), torch.arange(classes)),
        "zero codes": batch(torch.zeros(classes, bits), torch.arange(classes) % 2),
        "several labels": batch(many, (torch.rand(classes, classes) < 0.5).long()),
        "all labels": batch(many, torch.ones(classes, classes, dtype=torch.long)),
    }
