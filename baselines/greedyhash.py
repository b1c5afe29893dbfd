"""GreedyHash (Su, Zhang, Han and Tian, NeurIPS 2018).

    b = sgn(h),  dL/dh := dL/db,   L = cross-entropy(W b, y) + alpha || h - sgn(h) ||_3^3

The sign is taken in the forward pass and its gradient passed through as it is; the cubic term keeps h near the signs,
where that is accurate.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from hashbench.models import CodeBatch, DeepMethod
from hashbench.models.deep import require
from hashbench_baselines.pairwise import signs


class GreedyHash(DeepMethod):
    """A linear classifier without bias on the signs, with straight-through gradient.

    As in the authors' code (ssppp/GreedyHash) the cubic term is a mean over samples and bits; h comes from a linear
    layer. The paper treats samples of one class only.

    Args:
        alpha: weight of the cubic term; the authors use 0.1 for CIFAR-10 and 1 for ImageNet.
    """

    multilabel = False

    def __init__(self, *, bits: int, num_classes: int, num_train: int, alpha: float = 0.1) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        require(alpha >= 0, f"greedyhash: alpha = {alpha} must not be negative")
        self.alpha = alpha
        self.classifier = nn.Linear(bits, num_classes, bias=False)

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        codes = batch.codes
        through = signs(codes) + (codes - codes.detach())
        return {
            "classification": cross_entropy(self.classifier(through), batch.labels),
            "quantization": self.alpha * (codes.abs() - 1).abs().pow(3).mean(),
        }
