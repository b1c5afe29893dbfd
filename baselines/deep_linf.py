"""Deep l-infinity siamese network: nearly antipodal codes, by an encoder that solves bounded least squares.

The encoder is two unfolded ADMM iterations of  min |D x - y|^2 / 2,  |x|_inf <= lam  (see `unfolded`), with everything
learned:

    z_0 = B(W y),   z_k = B(W y + S_k z_{k-1} + b_k), k = 1, 2,   B(u) = lam * clip(u / lam, -1, 1)

It starts from a K-SVD dictionary and is trained with the contrastive loss. Wang, Yang, Chang, Ling, Huang, Learning a
Deep l-infinity Encoder for Hashing (IJCAI 2016), equations (1) to (12). Equation (12) is printed with a minus between
its terms, which would draw dissimilar pairs together; a plus is meant (Hadsell et al., 2006).
"""

from __future__ import annotations

from typing import cast

import numpy as np
from torch import Tensor, nn

from hashbench.models import CodeBatch, DeepMethod, FitContext
from hashbench.models.deep import require
from hashbench_baselines.contrastive import contrastive, margin_of
from hashbench_baselines.dictionary_start import DictionaryStart, Matrix
from hashbench_baselines.unfolded import BoundedLinear, Unfolded, admm, admm_matrices


class DeepLinf(DeepMethod):
    """Deep l-infinity siamese network; logits and codes are z_2.

    The paper leaves open the bound lam, the scale of the input beside the margin, and K-SVD's settings. Here lam starts
    at m / sqrt(2 N), so that codes with half their bits different are m apart, and W is scaled so that the median
    absolute entry of the least-squares solution equals lam, so that about half of all entries start at the bound. D is
    found on up to `ksvd_samples` training samples.

    Args:
        margin_share: m / sqrt(2 N), which is also the first lam; 0.5 is about the paper's m = 5 at its 48 and 64 bits.
        margin: m > 0 itself; None: by margin_share.
        stages: unfolded iterations after the first, 2 in the paper (3 and 4 are mentioned).
        beta: penalty > 0 of ADMM, for the first values.
        init: 'ksvd', or 'random' for PyTorch's own first values (then lam starts at m / sqrt(2 N) too).
        sparsity: atoms a sample may use in K-SVD.
        ksvd_iterations: turns of K-SVD.
        ksvd_samples: training samples it is given, at most.
        share: weight of similar pairs, in (0, 1): 1/2 as in the equation, 1/C as pairs drawn at random from C classes.
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
        beta: float = 0.6,
        init: str = "ksvd",
        sparsity: int = 8,
        ksvd_iterations: int = 10,
        ksvd_samples: int = 2000,
        share: float = 0.5,
    ) -> None:
        super().__init__(bits=bits, num_classes=num_classes, num_train=num_train)
        require(0 < share < 1, f"deep_linf: share = {share} must be in (0, 1): it is the weight of similar pairs")
        require(stages >= 0, f"deep_linf: stages = {stages} must be >= 0")
        require(beta > 0, f"deep_linf: beta = {beta} must be > 0: it is the penalty of ADMM")
        require(init in ("ksvd", "random"), f"deep_linf: init = {init!r} must be ksvd or random")
        self.margin = margin_of("deep_linf", bits, margin_share, margin)
        self.stages, self.beta, self.share = stages, beta, share
        self.start: DictionaryStart | None = None
        if init == "ksvd":
            self.start = DictionaryStart("deep_linf", bits, num_train, sparsity, ksvd_iterations, ksvd_samples)

    @property
    def first_bound(self) -> float:
        """First value of lam, m / sqrt(2 N)."""
        return self.margin / (2 * self.bits) ** 0.5

    def code_layer(self, in_features: int) -> nn.Module:
        """The encoder, (b, in_features) -> (b, K)."""
        return Unfolded(in_features, self.bits, self.stages, BoundedLinear(self.bits, self.first_bound), bias=True)

    def loss(self, batch: CodeBatch) -> dict[str, Tensor]:
        """Equation (12) over all pairs of the batch, with a plus; weighed by `share`."""
        return contrastive(batch.codes, batch.similarity, self.margin, self.share)

    def begin_fit(self, fit: FitContext) -> None:
        """First values of W, S_k and b_k from a K-SVD dictionary and the multipliers of ADMM, equation (11)."""
        if self.start is not None:
            dictionary, samples = self.start.learn(fit)
            initialise(cast(Unfolded, fit.network.code_layer), dictionary, samples, self.first_bound, self.beta)


def initialise(encoder: Unfolded, dictionary: Matrix, samples: Matrix, bound: float, beta: float) -> None:
    """Set an encoder to ADMM for a dictionary D (n, N), with b_k from the mean multiplier over (M, n) samples."""
    solution = np.linalg.lstsq(dictionary, samples.T, rcond=None)[0]
    scale = bound / max(float(np.median(np.abs(solution))), 1e-12)
    analysis, feedback, to_bias = admm_matrices(dictionary, beta)
    states = admm(dictionary, scale * samples, bound, beta, len(encoder.stages))
    encoder.set(scale * analysis, feedback, [to_bias @ p.mean(axis=0) for _, _, p in states], bound)
