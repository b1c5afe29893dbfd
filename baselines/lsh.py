"""Locality-sensitive hashing by random hyperplanes: the floor that every learned method must leave behind.

    b(x) = sgn(W^T (x - mean)),  W ~ N(0, 1)^(d x K),  P[bits differ] = angle(x, x') / pi

M. S. Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from hashbench.models import ShallowMethod
from hashbench_baselines.linear import Matrix
from hashbench_baselines.scaling import Scaling


class LSH(ShallowMethod):
    """Signs of random projections.

    Args:
        bits: K.
        random_state: seed of the projections.
        center: subtract the mean of the training samples. Without it, features that are all positive (histograms, GIST)
            lie in one orthant, and most hyperplanes split off few of them.
        scale: of the features first: 'none', 'unit' or 'standard', see `scaling`.

    Attributes:
        scaling_: what is done to features; mean_: (d,) what is then subtracted.
        projection_: (d, K).
    """

    supervised = False

    def __init__(
        self, bits: int = 32, random_state: int | None = None, center: bool = True, scale: str = "none"
    ) -> None:
        super().__init__(bits, random_state)
        self.center = center
        self.scale = scale

    def _fit(self, X: Matrix, y: NDArray | None) -> None:
        self.scaling_ = Scaling(self.scale, X)
        X = self.scaling_(X)
        self.mean_ = X.mean(axis=0) if self.center else np.zeros(X.shape[1])
        self.projection_ = check_random_state(self.random_state).standard_normal((X.shape[1], self.bits))

    def _project(self, X: Matrix) -> Matrix:
        return (self.scaling_(X) - self.mean_) @ self.projection_
