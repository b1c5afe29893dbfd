"""DPSH: deep pairwise-supervised hashing (Li, Wang and Kang, IJCAI 2016).

    Theta_ij = <u_i, u_j> / 2,   J = sum_ij [log(1 + e^Theta_ij) - s_ij Theta_ij] + eta sum_i ||sgn(u_i) - u_i||^2

u is the output of a linear layer.
"""

from __future__ import annotations

from torch import Tensor

from hashbench.models import CodeBatch, DeepMethod
from hashbench.models.deep import require
from hashbench_baselines.pairwise import distinct_pairs, logit_scale, mean_over, pair_nll, sign_error


class DPSH(DeepMethod):
    """Negative log-likelihood of the pairs plus the squared distance of the outputs to their signs.

    The harness minimises J / N^2 in expectation over batches, with means for sums:

        mean over pairs i != j of [log(1 + e^Theta_ij) - s_ij Theta_ij]  +  eta * mean over i of ||sgn(u_i) - u_i||^2,

    so `eta` here is the paper's divided by N, and by default it weighs the mean over bits. The authors' group (its
    PyTorch version, jiangqy/DPSH-pytorch) has lambda = 50 with N = 5,000 training images and divides as above, but
    takes the gradient of a pair from one of its sides only: in the preset `paper` eta is 2 * 50 / 5,000 and the rate
    half of theirs, which makes the same steps.

    Args:
        max_logit: Theta of two equal codes in {-1, +1}^K, the same at every length; 8 is the paper's at 16 bits.
            Outputs are not bounded, and the quantisation term draws them there.
        scale: Theta = scale * <u_i, u_j>; None: max_logit / K. The paper has 1/2, whose logits reach K/2 and saturate
            for long codes.
        eta: weight of the quantisation term; 0.1 as in swuxyj/DeepHash-pytorch, which averages over bits too.
        mean_over_bits: average the quantisation term over bits instead of summing it.
    """

    def __init__(
        self,
        *,
        bits: int,
        num_classes: int,
        num_train: int,
        max_logit: float = 8.0,
        scale: float | None = None,
        eta: float = 0.1,
        mean_over_bits: bool = True,
    ) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        require(eta >= 0, f"dpsh: eta = {eta} must not be negative")
        self.scale = logit_scale("dpsh", bits, max_logit, scale)
        self.weight = eta if mean_over_bits else eta * bits

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        theta = self.scale * (batch.codes @ batch.codes.T)
        return {
            "likelihood": mean_over(pair_nll(theta, batch.similarity), distinct_pairs(batch.codes)),
            "quantization": self.weight * sign_error(batch.codes),
        }
