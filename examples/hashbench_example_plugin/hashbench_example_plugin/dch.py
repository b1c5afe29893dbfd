"""DCH: deep Cauchy hashing for Hamming space retrieval (Cao, Long, Liu and Wang, CVPR 2018).

    L = sum_ij w_ij [ s_ij log(d_ij / gamma) + log(1 + gamma / d_ij) ] + lambda sum_i log(1 + d(|u_i|, 1) / gamma)
    d(u, v) = K/2 (1 - cos(u, v)),   u = tanh(logits)
    w_ij = |S| / |S_1| for similar pairs, |S| / |S_0| for the others

The Cauchy distribution gamma / (gamma + d) stands for the probability that a pair is similar. Unlike a sigmoid of the
inner product it falls steeply at small d, so similar samples are drawn into a Hamming ball of small radius.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from hashbench.models import CodeBatch, DeepMethod
from hashbench.models.deep import require

NEAREST = 1e-3
"""Distance in bits below which a dissimilar pair counts as at this distance: at 0 the loss would be infinite."""


class DCH(DeepMethod):
    """Cauchy cross-entropy over the pairs of a batch, and the Cauchy quantisation loss.

    Divided by |S|, the sum over pairs i != j is the mean over similar plus the mean over dissimilar pairs; the
    quantisation loss is a mean over samples.

    Args:
        gamma: scale > 0 of the Cauchy distribution, in bits.
        lam: weight lambda >= 0 of the quantisation loss.
    """

    def __init__(self, *, bits: int, num_classes: int, num_train: int, gamma: float = 20.0, lam: float = 0.1) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        require(gamma > 0, f"dch: gamma = {gamma} must be positive: it is the scale of the Cauchy distribution")
        require(lam >= 0, f"dch: lam = {lam} must not be negative: it weighs the quantisation loss")
        self.gamma = gamma
        self.lam = lam

    def activation(self, logits: Tensor) -> Tensor:
        """tanh."""
        return logits.tanh()

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        """The terms of similar and of dissimilar pairs, and of quantisation; a kind without pairs gives 0."""
        codes, similar = batch.codes, batch.similarity > 0
        directions = normalize(codes)
        distance = self.bits / 2 * (1 - directions @ directions.T).clamp(min=0)
        others = ~torch.eye(len(codes), dtype=torch.bool, device=codes.device)
        # log(d / gamma) + log(1 + gamma / d) is log(1 + d / gamma), which is finite at d = 0.
        together = torch.log1p(distance / self.gamma)
        apart = torch.log1p(self.gamma / distance.clamp(min=NEAREST))
        to_ones = self.bits / 2 * (1 - cosine_similarity(codes.abs(), torch.ones_like(codes), dim=1))
        return {
            "similar": _mean(together, similar & others),
            "dissimilar": _mean(apart, ~similar & others),
            "quantization": self.lam * torch.log1p(to_ones.clamp(min=0) / self.gamma).mean(),
        }


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of the chosen entries; over none it is 0 with a gradient of 0."""
    return (values * chosen).sum() / chosen.sum().clamp(min=1)
