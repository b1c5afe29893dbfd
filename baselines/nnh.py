"""NNH, neural-network hashing: a plain siamese network of tanh layers with the contrastive loss.

    u = tanh(A_3 tanh(A_2 tanh(A_1 y)))

Masci, Bronstein, Bronstein, Schmidhuber, Multimodal similarity-preserving hashing (TPAMI 2014), with the depth and the
layers without bias that Deep l-infinity (IJCAI 2016) gives it in its comparison.
"""

from __future__ import annotations

from itertools import chain

from torch import Tensor, nn

from hashbench.models import CodeBatch, DeepMethod
from hashbench.models.deep import require
from hashbench_baselines.contrastive import contrastive


class NNH(DeepMethod):
    """NNH. Weights start from PyTorch's default for linear layers.

    Args:
        margin: m > 0 of the loss. Codes lie in [-1, 1]^K, so distances are at most 2 sqrt(K).
        layers: tanh layers, 3 as in the comparison: in_features -> K, then K -> K.
    """

    def __init__(self, *, bits: int, num_classes: int, num_train: int, margin: float = 5.0, layers: int = 3) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        require(margin > 0, f"nnh: margin = {margin} must be > 0")
        require(layers >= 1, f"nnh: layers = {layers} must be >= 1")
        self.margin, self.layers = margin, layers

    def code_layer(self, in_features: int) -> nn.Module:
        """All layers but the last tanh, which is the activation."""
        first = nn.Linear(in_features, self.bits, bias=False)
        more = ((nn.Tanh(), nn.Linear(self.bits, self.bits, bias=False)) for _ in range(self.layers - 1))
        return nn.Sequential(first, *chain.from_iterable(more))

    def activation(self, logits: Tensor) -> Tensor:
        """tanh."""
        return logits.tanh()

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        """The contrastive loss over all pairs of the batch."""
        return contrastive(batch.codes, batch.similarity, self.margin)
