"""DTSH: deep supervised hashing with triplet labels (Wang, Shi and Kitani, ACCV 2016).

    Theta_ij = <u_i, u_j> / 2
    L = - sum over triplets (q, p, n) of [Theta_qp - Theta_qn - a - log(1 + e^(Theta_qp - Theta_qn - a))]
        + lambda sum_i ||sgn(u_i) - u_i||^2

p is similar to q, n is not; u is the output of a linear layer.
"""

from __future__ import annotations

from torch import Tensor

from hashbench.models import CodeBatch, DeepMethod
from hashbench.models.deep import require
from hashbench_baselines.pairwise import logit_scale, sign_error
from hashbench_baselines.triplets import triplet_mean


class DTSH(DeepMethod):
    """Triplet likelihood over all triplets of the batch.

    The term of a triplet is log(1 + e^-(Theta_qp - Theta_qn - a)). Sums are means, over the triplets with p != q and
    over the samples; a batch without a triplet gives 0 with a gradient of 0. Time grows with the number of
    similar pairs times the batch.

    In means, the authors' lambda = 100 is 100 / 22,500 = 0.0044: their code (Minione/DTSH) sums 50 x 50 triplets for
    each of 9 other classes a query. In the same way their step 5e-4 / N with N = 5,000 is a rate of 0.0045.

    Args:
        max_logit: Theta of two equal codes in {-1, +1}^K, the same at every length; 8 is the paper's at 16 bits.
            Outputs are not bounded, and the quantisation term draws them there.
        scale: Theta = scale * <u_i, u_j>; None: max_logit / K. 1/2 in the paper, 1 in swuxyj/DeepHash-pytorch and in
            DualHash's runs.
        margin_share: a as a share of the Theta of equal codes; 1 is K/2 at the paper's scale, as in the authors' code.
        margin: a itself, in units of Theta; None: by margin_share.
        lam: lambda, weight of the quantisation term; 0.07 is the authors' at 16 bits.
        mean_over_bits: average the quantisation term over bits, as DualHash's runs do, instead of summing it.
    """

    def __init__(
        self,
        *,
        bits: int,
        num_classes: int,
        num_train: int,
        max_logit: float = 8.0,
        scale: float | None = None,
        margin_share: float = 1.0,
        margin: float | None = None,
        lam: float = 0.07,
        mean_over_bits: bool = True,
    ) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        require(lam >= 0, f"dtsh: lam = {lam} must not be negative")
        self.scale = logit_scale("dtsh", bits, max_logit, scale)
        self.margin = margin_share * self.scale * bits if margin is None else margin
        self.weight = lam if mean_over_bits else lam * bits

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        theta = self.scale * (batch.codes @ batch.codes.T)
        return {
            "triplet": triplet_mean(theta, batch.similarity, batch.labels, self.margin),
            "quantization": self.weight * sign_error(batch.codes),
        }
