"""DPSH: deep pairwise-supervised hashing (Li, Wang and Kang, IJCAI 2016).

    Theta_ij = <u_i, u_j> / 2,   J = sum_ij [log(1 + e^Theta_ij) - s_ij Theta_ij] + eta sum_i ||sgn(u_i) - u_i||^2

u is the output of a linear layer.
"""

from __future__ import annotations

from torch import Tensor

from hashbench.models import CodeBatch, DeepMethod
from hashbench.models.deep import require
from hashbench_baselines.pairwise import distinct_pairs, mean_over, pair_nll, sign_error


class DPSH(DeepMethod):
    """Negative log-likelihood of the pairs plus the squared distance of the outputs to their signs.

    The harness minimises J / N^2 in expectation over batches, with means for sums:

        mean over pairs i != j of [log(1 + e^Theta_ij) - s_ij Theta_ij]  +  eta * mean over i of ||sgn(u_i) - u_i||^2,

    so `eta` here is the paper's divided by N. The authors' group (its PyTorch version, jiangqy/DPSH-pytorch) has
    lambda = 50 with N = 5,000 training images and divides as above, but takes the gradient of a pair from one of its
    sides only: in the preset `paper` eta is 2 * 50 / 5,000 and the rate half of theirs, which makes the same steps.

    Args:
        scale: Theta = scale * <u_i, u_j>; the paper has 1/2, whose logits reach K/2 and saturate for long codes.
        eta: weight of the quantisation term.
    """

    def __init__(
        self, *, bits: int, num_classes: int, num_train: int, scale: float = 0.04595, eta: float = 0.001526
    ) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        require(scale > 0, f"dpsh: scale = {scale} must be positive")
        require(eta >= 0, f"dpsh: eta = {eta} must not be negative")
        self.scale = scale
        self.eta = eta

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        theta = self.scale * (batch.codes @ batch.codes.T)
        return {
            "likelihood": mean_over(pair_nll(theta, batch.similarity), distinct_pairs(batch.codes)),
            "quantization": self.eta * sign_error(batch.codes),
        }
