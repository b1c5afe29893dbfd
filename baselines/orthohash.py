"""OrthoHash: one loss for all (Hoe et al., NeurIPS 2021).

    v = BN(W x),   L = cross-entropy of softmax_j( s (cos(v, c_j) - m y_j) ) against y

c_j in {-1, +1}^K are fixed codewords, one per class. The cosine pulls v to a vertex of the cube: no quantisation term
is needed; batch normalisation balances the bits. Several labels: y / sum(y) as soft target, the margin on each of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, normalize

from hashbench.models import CodeBatch, DeepMethod, FitContext
from hashbench.models.deep import require

CODEBOOKS = ("bernoulli", "separated")


def separated_codebook(
    num_classes: int,
    bits: int,
    generator: torch.Generator,
    start: float = 0.61,
    relax: float = 0.01,
    tries: int = 10_000,
) -> Tensor:
    """Random codewords that keep a distance, by rejection: (C, K) float32 in {-1, +1}.

    Candidates nearer to an accepted codeword than `start` (Hamming distance / K) are rejected; after every `tries`
    candidates without success the bound falls by `relax`, to 0 in the end.
    """
    book = torch.empty(0, bits)
    bound, failed = start, 0
    while len(book) < num_classes:
        candidates = torch.randint(2, (1000, bits), generator=generator) * 2.0 - 1.0
        nearest = (0.5 - candidates @ book.T / (2 * bits)).amin(1) if len(book) else torch.ones(1000)
        accepted = candidates[nearest >= bound - 1e-6]
        if len(accepted):
            book, failed = torch.cat([book, accepted[:1]]), 0
        else:
            failed += 1000
        if failed >= tries:
            bound, failed = bound - relax, 0
    return book


class OrthoHash(DeepMethod):
    """Cosine cross-entropy with margin against a fixed codebook.

    The codebook is drawn at the start of training from the run's seed, so its luck is part of the spread over seeds.

    Args:
        s: scale of the cosines; 8 in the authors' code (kamwoh/orthohash).
        m: margin on the cosine of the right class; 0.2 in their code, 0.3 in the paper for CIFAR-10.
        codebook: `separated`: by rejection, the authors' option O; `bernoulli`: fair coins, their default, which at
            short codes puts classes next to each other. The time of `separated` grows as the square of the classes:
            0.2 s for 100, 10 s for 1,000 (64 bits, one core).
    """

    codewords: Tensor

    def __init__(
        self,
        *,
        bits: int,
        num_classes: int,
        num_train: int,
        s: float = 8.0,
        m: float = 0.3,
        codebook: str = "separated",
    ) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        require(s > 0, f"orthohash: s = {s} must be positive")
        require(codebook in CODEBOOKS, f"orthohash: codebook = {codebook!r} must be one of {', '.join(CODEBOOKS)}")
        self.s = s
        self.m = m
        self.codebook = codebook
        self.register_buffer("codewords", torch.empty(num_classes, bits))
        self._draw(torch.Generator().manual_seed(0))

    def _draw(self, generator: torch.Generator) -> None:
        if self.codebook == "separated":
            self.codewords.copy_(separated_codebook(self.num_classes, self.bits, generator))
        else:
            self.codewords.copy_(torch.randint(2, (self.num_classes, self.bits), generator=generator) * 2 - 1)

    def begin_fit(self, fit: FitContext) -> None:
        self._draw(fit.generator)

    def code_layer(self, in_features: int) -> nn.Module:
        """Linear without bias, weights N(0, 0.01^2), then batch normalisation; needs two samples in training."""
        linear = nn.Linear(in_features, self.bits, bias=False)
        nn.init.normal_(linear.weight, std=0.01)
        return nn.Sequential(linear, nn.BatchNorm1d(self.bits, momentum=0.1))

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        cosines = normalize(batch.codes) @ self.codewords.to(batch.codes.dtype).T / self.bits**0.5
        log_p = log_softmax(self.s * (cosines - self.m * batch.targets), dim=1)
        target = batch.targets / batch.targets.sum(1, keepdim=True).clamp(min=1)
        return {"cosine": -(target * log_p).sum(1).mean()}
