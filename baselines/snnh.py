"""SNNH, sparse neural-network hashing: a siamese network whose encoder is LISTA, with the contrastive loss.

    z_0 = h(W y),   z_k = h(W y + S_k z_{k-1}), k = 1, 2,   h(u) = sgn(u) max(|u| - theta, 0)

A bit is 1 where the sparse code is positive, so the many zeros count as 0. Masci, Bronstein, Bronstein, Sprechmann, Sapiro,
Sparse similarity-preserving hashing (ICLR 2014), with the depth that Deep l-infinity (IJCAI 2016) gives it in its comparison.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hashbench.models import CodeBatch, DeepMethod, FitContext
from hashbench.models.deep import require
from hashbench_baselines.contrastive import contrastive
from hashbench_baselines.ksvd import ksvd
from hashbench_baselines.unfolded import SoftThreshold, Unfolded, code_layer_inputs, shrinkage_matrices


class SNNH(DeepMethod):
    """SNNH; S_k is a stage's own, as in the encoder it is compared with, and theta is learned.

    The first values are LISTA's for a K-SVD dictionary. W is then scaled so that the root mean square of z_0 is that of codes
    of +-m / sqrt(2 K), half of whose bits are different at distance m; theta is the quantile `zeros` of |W y|.

    Args:
        margin: m > 0 of the loss.
        stages: unfolded iterations after the first.
        output: 'sparse' for z_2 as the code, or 'tanh' for one more layer, tanh(A z_2 + a).
        zeros: share of zeros that z_0 starts with, in (0, 1).
        init: 'ksvd', or 'random' for PyTorch's own first values.
        sparsity, ksvd_iterations, ksvd_samples: as in `DeepLinf`.
    """

    def __init__(
        self,
        *,
        bits: int,
        num_classes: int,
        num_train: int,
        margin: float = 5.0,
        stages: int = 2,
        output: str = "sparse",
        zeros: float = 0.5,
        init: str = "ksvd",
        sparsity: int = 8,
        ksvd_iterations: int = 10,
        ksvd_samples: int = 2000,
    ) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        require(margin > 0, f"snnh: margin = {margin} must be > 0")
        require(stages >= 0, f"snnh: stages = {stages} must be >= 0")
        require(output in ("sparse", "tanh"), f"snnh: output = {output!r} must be sparse or tanh")
        require(0 < zeros < 1, f"snnh: zeros = {zeros} must be in (0, 1): it is a share of the code")
        require(init in ("ksvd", "random"), f"snnh: init = {init!r} must be ksvd or random")
        require(sparsity >= 1, f"snnh: sparsity = {sparsity} must be >= 1")
        require(ksvd_iterations >= 1, f"snnh: ksvd_iterations = {ksvd_iterations} must be >= 1")
        require(
            init == "random" or bits <= min(num_train, ksvd_samples),
            f"snnh: K-SVD needs at least as many samples as bits, and {min(num_train, ksvd_samples)} training samples are "
            f"fewer than {bits}: take fewer bits, raise ksvd_samples, or set init=random",
        )
        self.margin, self.stages, self.output, self.zeros, self.init = margin, stages, output, zeros, init
        self.sparsity, self.ksvd_iterations, self.ksvd_samples = sparsity, ksvd_iterations, ksvd_samples

    def code_layer(self, in_features: int) -> nn.Module:
        """LISTA, (b, in_features) -> (b, K), and the linear part of the tanh layer if there is one."""
        encoder = Unfolded(in_features, self.bits, self.stages, SoftThreshold(self.bits, 0.1), bias=False)
        return (
            nn.Sequential(encoder, nn.Linear(self.bits, self.bits)) if self.output == "tanh" else nn.Sequential(encoder)
        )

    def activation(self, logits: Tensor) -> Tensor:
        """tanh, or the code itself with its zeros made the smallest negative number: the harness reads a bit as code >= 0."""
        if self.output == "tanh":
            return logits.tanh()
        return torch.where(logits > 0, logits, logits - torch.finfo(logits.dtype).tiny)

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        """The contrastive loss over all pairs of the batch."""
        return contrastive(batch.codes, batch.similarity, self.margin)

    def begin_fit(self, fit: FitContext) -> None:
        """First values of W, S_k and theta from a K-SVD dictionary."""
        if self.init == "random":
            return
        rng = np.random.default_rng(int(torch.randint(2**63 - 1, (), generator=fit.generator)))
        samples = code_layer_inputs(fit, self.ksvd_samples)
        dictionary = ksvd(samples, self.bits, self.sparsity, self.ksvd_iterations, rng)
        size = self.margin / (2 * self.bits) ** 0.5
        initialise(fit.network.code_layer[0], dictionary, samples, size, self.zeros)


def initialise(encoder: nn.Module, dictionary: np.ndarray, samples: np.ndarray, size: float, zeros: float) -> None:
    """Set an `Unfolded` encoder to LISTA for a dictionary D (n, N), with z_0 of root mean square `size` on (M, n) samples."""
    analysis, feedback = shrinkage_matrices(dictionary)
    base = np.abs(samples @ analysis.T)
    threshold = float(np.quantile(base, zeros))
    shrunk = np.maximum(base - threshold, 0)
    scale = size / max(float(np.sqrt((shrunk**2).mean())), 1e-12)
    encoder.set(scale * analysis, feedback, [], max(scale * threshold, 1e-6))
