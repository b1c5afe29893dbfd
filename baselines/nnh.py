"""NNH, neural-network hashing: a plain siamese network of tanh layers with the contrastive loss.

    u = tanh(A_3 tanh(A_2 tanh(A_1 y)))

Masci, Bronstein, Bronstein, Schmidhuber, Multimodal similarity-preserving hashing (TPAMI 2014), with the depth and the
layers without bias that Deep l-infinity (IJCAI 2016) gives it in its comparison.
"""

from __future__ import annotations

from itertools import chain
from typing import cast

import torch
from torch import Tensor, nn

from hashbench.models import CodeBatch, DeepMethod, FitContext
from hashbench.models.deep import require
from hashbench_baselines.contrastive import contrastive, margin_of
from hashbench_baselines.dictionary_start import code_layer_inputs
from hashbench_baselines.standardise import Standardise


class NNH(DeepMethod):
    """NNH. Weights start from PyTorch's default for linear layers.

    Args:
        margin_share: m / sqrt(2 K), the distance of codes half of whose bits are different; 0.5 is about the m = 5 of
            the comparison at its 48 and 64 bits.
        margin: m > 0 of the loss itself; None: by margin_share. Codes lie in [-1, 1]^K, so distances are at most
            2 sqrt(K).
        layers: tanh layers, 3 as in the comparison: in_features -> K, then K -> K.
        share: weight of similar pairs, in (0, 1): 1/2 as in the equation, 1/C as pairs drawn at random from C classes.
        standardise: give the layers features of mean 0 and variance 1 over the training samples. Without it and without
            biases, features that are all positive, such as GIST, start with nearly one code for all.
    """

    def __init__(
        self,
        *,
        bits: int,
        num_classes: int,
        num_train: int,
        margin_share: float = 0.5,
        margin: float | None = None,
        layers: int = 3,
        share: float = 0.5,
        standardise: bool = False,
    ) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        require(layers >= 1, f"nnh: layers = {layers} must be >= 1")
        require(0 < share < 1, f"nnh: share = {share} must be in (0, 1): it is the weight of similar pairs")
        self.margin = margin_of("nnh", bits, margin_share, margin)
        self.layers, self.share, self.standardise = layers, share, standardise

    def code_layer(self, in_features: int) -> nn.Module:
        """All layers but the last tanh, which is the activation."""
        before = (Standardise(in_features),) if self.standardise else ()
        first = nn.Linear(in_features, self.bits, bias=False)
        more = ((nn.Tanh(), nn.Linear(self.bits, self.bits, bias=False)) for _ in range(self.layers - 1))
        return nn.Sequential(*before, first, *chain.from_iterable(more))

    def begin_fit(self, fit: FitContext) -> None:
        """Mean and variance of the features."""
        if self.standardise:
            inputs = code_layer_inputs(fit, self.num_train)
            cast(Standardise, cast(nn.Sequential, fit.network.code_layer)[0]).fit(torch.from_numpy(inputs))

    def activation(self, logits: Tensor) -> Tensor:
        """tanh."""
        return logits.tanh()

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        """The contrastive loss over all pairs of the batch."""
        return contrastive(batch.codes, batch.similarity, self.margin, self.share)
