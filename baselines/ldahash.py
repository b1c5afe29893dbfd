"""LDAHash: projections that keep similar samples together and move dissimilar ones apart, each cut where it errs least.

    Sigma_P = E[(x - x')(x - x')^T | similar],  Sigma_N = E[(x - x')(x - x')^T | dissimilar]
    LDA: the K generalised eigenvectors of Sigma_N v = mu Sigma_P v with the largest mu
    DIF: the K eigenvectors of alpha Sigma_P - Sigma_N with the smallest eigenvalues
    bit k = [v_k^T x >= t_k],  t_k minimises FN(t) + FP(t), the shares of similar pairs split and dissimilar ones not

C. Strecha, A. M. Bronstein, M. M. Bronstein and P. Fua, "LDAHash: improved matching with smaller descriptors", TPAMI
2012.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
from sklearn.utils import check_random_state

from hashbench.models import ShallowMethod
from hashbench_baselines.limits import not_negative, whole
from hashbench_baselines.linear import Matrix, orient
from hashbench_baselines.scaling import Scaling
from hashbench_baselines.similarity import Similarity
from hashbench_baselines.thresholds import best_thresholds


class LDAHash(ShallowMethod):
    """LDAHash. The covariances are exact over all pairs of training samples, the thresholds over a sample of pairs.

    Args:
        bits: K, at most the number of features. LDA's directions beyond C - 1 for C classes hardly separate them.
        random_state: seed of the pairs.
        variant: 'lda' or 'dif'.
        alpha: weight of the similar pairs in DIF.
        ridge: added to Sigma_P in LDA, relative to its mean diagonal entry.
        pairs: similar pairs sampled for the thresholds, and as many dissimilar ones.
        scale: of the features first: 'none', 'unit' or 'standard', see `scaling`.

    Attributes:
        scaling_: what is done to features; projection_: (d, K).
        thresholds_: (K,); costs_: (K,) FN + FP at the thresholds.
    """

    def __init__(
        self,
        bits: int = 32,
        random_state: int | None = None,
        variant: str = "lda",
        alpha: float = 1.0,
        ridge: float = 1e-3,
        pairs: int = 20000,
        scale: str = "none",
    ) -> None:
        super().__init__(bits, random_state)
        self.variant = variant
        self.alpha = alpha
        self.ridge = ridge
        self.pairs = pairs
        self.scale = scale

    def _fit(self, X: Matrix, y: Any) -> None:
        whole(self, 1, "pairs")
        not_negative(self, "alpha", "ridge")
        width = X.shape[1]
        if self.variant not in ("lda", "dif"):
            raise ValueError(f"LDAHash has the variants 'lda' and 'dif', got variant={self.variant!r}")
        if self.bits > width:
            raise ValueError(
                f"LDAHash takes one eigenvector a bit: {self.bits} bits asked, n_features = {width}; ask for fewer bits"
            )
        self.scaling_ = Scaling(self.scale, X)
        X = self.scaling_(X)
        similarity = Similarity(y)
        rng = check_random_state(self.random_state)
        similar, dissimilar = (similarity.sample_pairs(same, self.pairs, rng) for same in (True, False))
        near, far = (pair_covariance(X, similarity, same) for same in (True, False))
        if self.variant == "lda":
            near[np.diag_indices(width)] += max(self.ridge * np.trace(near) / width, 1e-12)
            _, vectors = scipy.linalg.eigh(far, near, subset_by_index=[width - self.bits, width - 1])
            vectors = vectors[:, ::-1]
        else:
            _, vectors = scipy.linalg.eigh(self.alpha * near - far, subset_by_index=[0, self.bits - 1])
        self.projection_ = orient(vectors)
        values = X @ self.projection_
        self.thresholds_, self.costs_ = best_thresholds(values, similar, dissimilar)

    def _project(self, X: Matrix) -> Matrix:
        return self.scaling_(X) @ self.projection_ - self.thresholds_


def pair_covariance(X: Matrix, similarity: Similarity, similar: bool) -> Matrix:
    """(d, d) mean of (x - x')(x - x')^T over all (dis)similar pairs of two samples, without a loop over pairs."""
    X = X - X.mean(axis=0)
    related = (similarity.shared == similar).astype(np.float64)
    partners = related @ similarity.sizes  # a sample may count as its own partner: that pair adds 0
    sums = similarity.group_sums(X)
    scatter = (X * partners[similarity.groups, None]).T @ X - sums.T @ related @ sums
    return 2 * scatter / similarity.pair_counts(similar).sum()
