"""SNNH, sparse neural-network hashing: a siamese network whose encoder is LISTA, with the contrastive loss.

    z_0 = h(W y),   z_k = h(W y + S_k z_{k-1}), k = 1, 2,   h(u) = sgn(u) max(|u| - theta, 0)

One more layer, tanh(A z_2 + a), gives the codes. Without it z_2 is the code, a bit is 1 where it is positive, and its
many zeros count as 0. Masci, Bronstein, Bronstein, Sprechmann, Sapiro, Sparse similarity-preserving hashing (ICLR
2014), with the depth that Deep l-infinity (IJCAI 2016) gives it in its comparison.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from hashbench.models import CodeBatch, DeepMethod, FitContext
from hashbench.models.deep import require
from hashbench_baselines.contrastive import contrastive, margin_of
from hashbench_baselines.dictionary_start import DictionaryStart, Matrix
from hashbench_baselines.unfolded import SoftThreshold, Unfolded, shrinkage_matrices


class SNNH(DeepMethod):
    """SNNH; S_k is a stage's own, as in the encoder it is compared with, and theta is learned.

    The first values are LISTA's for a K-SVD dictionary. W is then scaled so that the root mean square of z_0 is that of
    codes of +-m / sqrt(2 K), half of whose bits are different at distance m; theta is the quantile `zeros` of |W y|.

    Args:
        margin_share, margin: m > 0 of the loss, as in `NNH`.
        stages: unfolded iterations after the first.
        output: 'tanh' for the layer tanh(A z_2 + a) after z_2, as in the SNNH paper; 'sparse' for z_2 itself, as the
            comparison in Deep l-infinity shows it.
        zeros: share of zeros that z_0 starts with, in (0, 1).
        init: 'ksvd', or 'random' for PyTorch's own first values.
        sparsity, ksvd_iterations, ksvd_samples, share: as in `DeepLinf`.
    """

    def __init__(
        self,
        *,
        bits: int,
        num_classes: int,
        num_train: int,
        margin_share: float = 0.5,
        margin: float | None = None,
        stages: int = 2,
        output: str = "tanh",
        zeros: float = 0.5,
        init: str = "ksvd",
        sparsity: int = 8,
        ksvd_iterations: int = 10,
        ksvd_samples: int = 2000,
        share: float = 0.5,
    ) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        require(0 < share < 1, f"snnh: share = {share} must be in (0, 1): it is the weight of similar pairs")
        require(stages >= 0, f"snnh: stages = {stages} must be >= 0")
        require(output in ("sparse", "tanh"), f"snnh: output = {output!r} must be sparse or tanh")
        require(0 < zeros < 1, f"snnh: zeros = {zeros} must be in (0, 1): it is a share of the code")
        require(init in ("ksvd", "random"), f"snnh: init = {init!r} must be ksvd or random")
        self.margin = margin_of("snnh", bits, margin_share, margin)
        self.stages, self.output, self.zeros, self.share = stages, output, zeros, share
        self.start: DictionaryStart | None = None
        if init == "ksvd":
            self.start = DictionaryStart("snnh", bits, num_train, sparsity, ksvd_iterations, ksvd_samples)

    def code_layer(self, in_features: int) -> nn.Module:
        """LISTA, (b, in_features) -> (b, K), and the linear part of the tanh layer if there is one."""
        encoder = Unfolded(in_features, self.bits, self.stages, SoftThreshold(self.bits, 0.1), bias=False)
        return (
            nn.Sequential(encoder, nn.Linear(self.bits, self.bits)) if self.output == "tanh" else nn.Sequential(encoder)
        )

    def activation(self, logits: Tensor) -> Tensor:
        """tanh, or z_2 with its zeros made the smallest negative number: the harness reads a bit as code >= 0."""
        if self.output == "tanh":
            return logits.tanh()
        return torch.where(logits > 0, logits, logits - torch.finfo(logits.dtype).tiny)

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        """The contrastive loss over all pairs of the batch."""
        return contrastive(batch.codes, batch.similarity, self.margin, self.share)

    def begin_fit(self, fit: FitContext) -> None:
        """First values of W, S_k and theta from a K-SVD dictionary."""
        if self.start is not None:
            dictionary, samples = self.start.learn(fit)
            encoder = cast(Unfolded, cast(nn.Sequential, fit.network.code_layer)[0])
            initialise(encoder, dictionary, samples, self.margin / (2 * self.bits) ** 0.5, self.zeros)


def initialise(encoder: Unfolded, dictionary: Matrix, samples: Matrix, size: float, zeros: float) -> None:
    """Set an encoder to LISTA for a dictionary D (n, N), with z_0 of root mean square `size` on (M, n) samples."""
    analysis, feedback = shrinkage_matrices(dictionary)
    base = np.abs(samples @ analysis.T)
    threshold = float(np.quantile(base, zeros))
    shrunk = np.maximum(base - threshold, 0)
    scale = size / max(float(np.sqrt((shrunk**2).mean())), 1e-12)
    encoder.set(scale * analysis, feedback, [], max(scale * threshold, 1e-6))
