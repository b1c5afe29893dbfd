"""Parameter-sensitive hashing: of many hashes x -> [phi(x) >= T], the K that best tell similar from dissimilar pairs.

    TP(T) = P[same bit | similar],  FP(T) = P[same bit | dissimilar];  T of phi minimises (1 - TP) + FP

phi are the features themselves (axis-parallel decision stumps, as in the paper) or random projections of them. The
minimum over T is exact on a sample of pairs; the K functions phi with the smallest minima are kept, each once.
G. Shakhnarovich, P. Viola and T. Darrell, "Fast pose estimation with parameter-sensitive hashing", ICCV 2003.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from hashbench.models import ShallowMethod
from hashbench_baselines.limits import whole
from hashbench_baselines.linear import Matrix
from hashbench_baselines.scaling import Scaling
from hashbench_baselines.similarity import Similarity
from hashbench_baselines.thresholds import best_thresholds

BLOCK = 128
"""Functions examined at a time: bounds the memory to pairs x BLOCK."""


class PSH(ShallowMethod):
    """Parameter-sensitive hashing, without the paper's hash tables: codes are compared by Hamming distance.

    Args:
        bits: K, at most the number of functions to choose from.
        random_state: seed of pairs and projections.
        pairs: similar pairs sampled, and as many dissimilar ones.
        projections: phi are so many Gaussian random projections; 0: the d features.
        scale: of the features first: 'none', 'unit' or 'standard', see `scaling`.

    Attributes:
        scaling_: what is done to features; directions_: (d, K) phi as columns; thresholds_: (K,).
        costs_: (K,) (1 - TP) + FP of each bit, ascending.
    """

    check_hparams = {"pairs": 50, "projections": 16}  # noqa: RUF012 - the base class declares it a class variable

    def __init__(
        self,
        bits: int = 32,
        random_state: int | None = None,
        pairs: int = 5000,
        projections: int = 1000,
        scale: str = "none",
    ) -> None:
        super().__init__(bits, random_state)
        self.pairs = pairs
        self.projections = projections
        self.scale = scale

    def _fit(self, X: Matrix, y: Any) -> None:
        whole(self, 1, "pairs")
        whole(self, 0, "projections")
        self.scaling_ = Scaling(self.scale, X)
        X = self.scaling_(X)
        rng = check_random_state(self.random_state)
        width = X.shape[1]
        phi = rng.standard_normal((width, self.projections)) if self.projections else np.eye(width)
        if self.bits > phi.shape[1]:
            raise ValueError(
                f"PSH keeps one threshold a function: {self.bits} bits asked of {phi.shape[1]} functions "
                f"(n_features = {width}); ask for fewer bits, or give projections={4 * self.bits} or more"
            )
        similarity = Similarity(y)
        similar, dissimilar = (similarity.sample_pairs(same, self.pairs, rng) for same in (True, False))
        thresholds, costs = [], []
        for start in range(0, phi.shape[1], BLOCK):
            values = X @ phi[:, start : start + BLOCK]
            threshold, cost = best_thresholds(values, similar, dissimilar)
            thresholds.append(threshold)
            costs.append(cost)
        kept = np.argsort(np.concatenate(costs), kind="stable")[: self.bits]
        self.directions_, self.costs_ = phi[:, kept], np.concatenate(costs)[kept]
        self.thresholds_ = np.concatenate(thresholds)[kept]

    def _project(self, X: Matrix) -> Matrix:
        return self.scaling_(X) @ self.directions_ - self.thresholds_
