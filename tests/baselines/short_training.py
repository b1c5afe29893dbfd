"""A bare training loop for deep methods on separable Gaussian classes: what the tests of several methods share."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from hashbench.backbones.identity import Identity
from hashbench.evaluation import evaluate
from hashbench.models import CodeBatch, DeepMethod, HashNetwork


@dataclass
class Fit:
    """A FitContext over features held in memory."""

    network: HashNetwork
    inputs: Tensor
    labels: Tensor
    optimizer: torch.optim.Optimizer | None = None
    epochs: int = 1
    steps_per_epoch: int = 1
    epoch: int = 0
    step: int = 0
    generator: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(0))

    def features(self) -> Tensor:
        return self.inputs

    def codes(self) -> Tensor:
        was_training = self.network.training
        self.network.eval()
        with torch.no_grad():
            codes = self.network(self.inputs).codes
        self.network.train(was_training)
        return codes


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


def step(fit: Fit, rows: Tensor) -> float:
    """One optimizer step on some rows with the method's hooks; the loss."""
    network, optimizer = fit.network, fit.optimizer
    output = network(fit.inputs[rows])
    batch = CodeBatch(
        codes=output.codes,
        logits=output.logits,
        labels=fit.labels[rows],
        index=rows,
        num_classes=network.method.num_classes,
        inputs=fit.inputs[rows],
    )
    loss = sum(network.method.loss(batch).values())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    batch.codes, batch.logits = batch.codes.detach(), batch.logits.detach()
    fit.step += 1
    network.method.after_step(fit, batch)
    return loss.item()


def train(
    method: DeepMethod, epochs: int = 15, lr: float = 0.05, batch_size: int = 40, seed: int = 0
) -> tuple[list[float], Fit]:
    """Train on `gaussian_classes`; the mean loss of each epoch, and the context with the trained network."""
    inputs, labels = gaussian_classes()
    network = build(method, inputs.shape[1], seed)
    fit = Fit(network, inputs, labels, torch.optim.SGD(network.parameters(), lr=lr, momentum=0.9), epochs=epochs)
    method.begin_fit(fit)
    losses = []
    order = torch.Generator().manual_seed(seed)
    for epoch in range(epochs):
        fit.epoch = epoch
        network.train()
        method.begin_epoch(fit)
        batches = torch.randperm(len(labels), generator=order).split(batch_size)
        losses.append(sum(step(fit, rows) for rows in batches) / len(batches))
        fit.epoch = epoch + 1
        method.end_epoch(fit)
    return losses, fit


def retrieval_map(fit: Fit) -> float:
    """mAP of 200 new samples as queries against the training samples."""
    queries, query_labels = gaussian_classes(samples=200, seed=1)
    fit.network.eval()
    with torch.no_grad():
        query_bits = fit.network(queries).codes >= 0
    return evaluate(query_bits, fit.codes() >= 0, query_labels, fit.labels).metrics["map"]


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
