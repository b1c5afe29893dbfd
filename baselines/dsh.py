"""DSH: deep supervised hashing (Liu, Wang, Shan and Chen, CVPR 2016).

    L = sum over pairs of  s/2 ||u_i - u_j||^2 + (1 - s)/2 max(m - ||u_i - u_j||^2, 0)
                           + alpha (|| |u_i| - 1 ||_1 + || |u_j| - 1 ||_1)

u is the output of a linear layer. The margin is on the *squared* distance, which is four times the Hamming distance for
codes in {-1, +1}: m = 2K asks for a Hamming distance of K/2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hashbench.models import CodeBatch, DeepMethod
from hashbench.models.deep import require
from hashbench_baselines.pairwise import distinct_pairs, mean_over


class DSH(DeepMethod):
    """Contrastive loss on squared distances plus an absolute-value regulariser.

    The sum over pairs is a mean over the pairs i != j of the batch, in which every sample occurs equally often, so the
    regulariser is 2 alpha * mean over i of sum_k ||u_ik| - 1|. Where it has a kink, at u = 0 and |u| = 1, the
    subgradient is 0.

    Args:
        margin_per_bit: m / K; 2 in the paper.
        alpha: weight of the regulariser; 0.01 in the paper. Distances, margin and regulariser all grow as K, so their
            balance is the same at every length.
    """

    def __init__(
        self, *, bits: int, num_classes: int, num_train: int, margin_per_bit: float = 2.0, alpha: float = 0.01
    ) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        require(margin_per_bit > 0, f"dsh: margin_per_bit = {margin_per_bit} must be positive")
        require(alpha >= 0, f"dsh: alpha = {alpha} must not be negative")
        self.margin = margin_per_bit * bits
        self.alpha = alpha

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        codes, pairs = batch.codes, distinct_pairs(batch.codes)
        norms = codes.square().sum(1)
        distance = norms[:, None] + norms[None, :] - 2 * codes @ codes.T
        return {
            "similar": mean_over(batch.similarity * distance / 2, pairs),
            "dissimilar": mean_over((1 - batch.similarity) * torch.relu(self.margin - distance) / 2, pairs),
            "quantization": 2 * self.alpha * (codes.abs() - 1).abs().sum(1).mean(),
        }
