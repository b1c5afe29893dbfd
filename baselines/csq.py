"""CSQ: central similarity quantization (Yuan et al., CVPR 2020).

    L = mean_ik BCE((u_ik + 1) / 2, (c_ik + 1) / 2) + lambda * mean_ik log cosh(|u_ik| - 1),   u = tanh(logits)

c_i in {-1, +1}^K is the hash centre of a sample's class; of several labels, the majority of their centres, bit by bit.
"""

from __future__ import annotations

import math

import torch
from scipy.linalg import hadamard
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from hashbench.models import CodeBatch, DeepMethod, FitContext
from hashbench.models.deep import require
from hashbench_baselines.codewords import first_of_equals, smallest_distance
from hashbench_baselines.pairwise import log_cosh


def hash_centers(num_classes: int, bits: int, generator: torch.Generator, tries: int = 100) -> Tensor:
    """Algorithm 1 of CSQ: (C, K) float32 in {-1, +1}, far apart in the Hamming metric.

    K a power of two and C <= 2K: rows of the Hadamard matrix H_K, then of -H_K; any two are K/2 apart, a row and its
    negative K. Otherwise different balanced random rows (K/2 entries -1), of `tries` draws the one of largest minimum
    distance; where there are fewer balanced words than classes, any C different words.

    Raises:
        UserError: more classes than there are words of K bits.
    """
    require(
        num_classes <= 1 << bits,
        f"{num_classes} classes need as many codewords, and {bits} bits give {1 << bits}: take more bits",
    )
    if bits & (bits - 1) == 0 and num_classes <= 2 * bits:
        rows = torch.from_numpy(hadamard(bits)).float()
        return torch.cat([rows, -rows])[:num_classes].clone()
    if num_classes > math.comb(bits, bits // 2):
        words = torch.randperm(1 << bits, generator=generator)[:num_classes]
        return (words[:, None] >> torch.arange(bits)) % 2 * 2.0 - 1
    best, best_distance = torch.empty(0), 0
    for _ in range(tries):
        centers = balanced_words(num_classes, bits, generator)
        distance = smallest_distance(centers.numpy(), stop_at=best_distance)
        if distance > best_distance:
            best, best_distance = centers, distance
    return best


def balanced_words(count: int, bits: int, generator: torch.Generator) -> Tensor:
    """`count` different random words, (count, K) float32, each with K/2 entries -1; there must be so many."""
    words = torch.empty(0, bits)
    while len(words) < count:
        ranks = torch.rand(count, bits, generator=generator).argsort(1)
        drawn = torch.cat([words, torch.where(ranks < bits // 2, -1.0, 1.0)])
        words = drawn[torch.from_numpy(first_of_equals(drawn.numpy()))][:count]
    return words


class CSQ(DeepMethod):
    """Binary cross-entropy to the hash centre of the sample.

    (tanh(z) + 1) / 2 = sigmoid(2z), so the cross-entropy is computed from the logits and stays exact where tanh is 1 in
    floating point. Random centres and the random vector that breaks ties between labels are drawn at the start of
    training, from the run's seed.

    Note of the construction: the first column of a Hadamard matrix is constant, so with C <= K one bit carries nothing.

    Args:
        lam: lambda, weight of the quantisation term; 0.0001 as in swuxyj/DeepHash-pytorch, where the authors' commands
            use 0.05.
    """

    centers: Tensor
    tie: Tensor

    def __init__(self, *, bits: int, num_classes: int, num_train: int, lam: float = 0.0001) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        require(lam >= 0, f"csq: lam = {lam} must not be negative")
        self.lam = lam
        self.register_buffer("centers", torch.empty(num_classes, bits))
        self.register_buffer("tie", torch.empty(bits))
        self._draw(torch.Generator().manual_seed(0))

    def _draw(self, generator: torch.Generator) -> None:
        self.centers.copy_(hash_centers(self.num_classes, self.bits, generator))
        self.tie.copy_(torch.randint(2, (self.bits,), generator=generator) * 2 - 1)

    def begin_fit(self, fit: FitContext) -> None:
        self._draw(fit.generator)

    def activation(self, logits: Tensor) -> Tensor:
        return logits.tanh()

    def sample_centers(self, batch: CodeBatch) -> Tensor:
        """(b, K) in {-1, +1}: the centre of each sample."""
        votes = batch.targets @ self.centers.to(batch.codes.dtype)
        return torch.where(votes == 0, self.tie.to(votes.dtype), votes.sign())

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        wanted = (self.sample_centers(batch) + 1) / 2
        return {
            "center": binary_cross_entropy_with_logits(2 * batch.logits, wanted),
            "quantization": self.lam * log_cosh(batch.codes.abs() - 1).mean(),
        }
