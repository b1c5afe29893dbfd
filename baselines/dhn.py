"""DHN: deep hashing network (Zhu, Long, Wang and Cao, AAAI 2016).

Theta_ij = <z_i, z_j> / 2,   L = sum_ij [log(1 + e^Theta_ij) - s_ij Theta_ij]
Q = sum_ij sum_k [log cosh(|z_ik| - 1) + log cosh(|z_jk| - 1)],   C = L + lambda Q,   z = tanh(logits)
"""

from __future__ import annotations

from torch import Tensor

from hashbench.models import CodeBatch, DeepMethod
from hashbench.models.deep import require
from hashbench_baselines.pairwise import distinct_pairs, log_cosh, logit_scale, mean_over, pair_nll


class DHN(DeepMethod):
    """Negative log-likelihood of the pairs plus a smooth bimodal prior on the codes.

    Sums over pairs are means over the pairs i != j of the batch. Every sample is in as many pairs as any other, so Q is
    2 * mean over i of sum_k log cosh(|z_ik| - 1). There is no weighting of similar pairs in the paper, and none here.

    Args:
        max_logit: the largest |Theta|, the same at every length; 8 is the paper's at 16 bits.
        scale: Theta = scale * <z_i, z_j>; None: max_logit / K. The paper has 1/2, whose logits reach K/2 and saturate
            for long codes.
        lam: lambda, weight of the prior; the paper selects it by cross-validation and prints no value. 0.05 is the 0.1
            of swuxyj/DeepHash-pytorch, where each sample counts once.
        mean_over_bits: average the prior over bits instead of summing it.
    """

    def __init__(
        self,
        *,
        bits: int,
        num_classes: int,
        num_train: int,
        max_logit: float = 8.0,
        scale: float | None = None,
        lam: float = 0.05,
        mean_over_bits: bool = True,
    ) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        require(lam >= 0, f"dhn: lam = {lam} must not be negative")
        self.scale = logit_scale("dhn", bits, max_logit, scale)
        self.weight = lam if mean_over_bits else lam * bits

    def activation(self, logits: Tensor) -> Tensor:
        return logits.tanh()

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        theta = self.scale * (batch.codes @ batch.codes.T)
        prior = 2 * log_cosh(batch.codes.abs() - 1).mean()
        return {
            "likelihood": mean_over(pair_nll(theta, batch.similarity), distinct_pairs(batch.codes)),
            "quantization": self.weight * prior,
        }
