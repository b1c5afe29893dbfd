"""Similarity of training samples: two are similar when they share a label.

The N x N matrix is never formed. Samples with equal targets form a group, and similarity is a matrix between groups: L
groups for L classes, or for L distinct label sets.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from hashbench_baselines.linear import Matrix


def indicator(y: NDArray) -> Matrix:
    """(N,) class ids or (N, C) multi-hot -> (N, C) of 0 and 1; classes that do not occur among ids get no column."""
    if y.ndim == 1:
        classes, ids = np.unique(y, return_inverse=True)
        return np.eye(len(classes))[ids]
    if not np.isin(y, (0, 1)).all():
        raise ValueError("targets (N, C) must be multi-hot, 0 and 1 only; give class ids as (N,)")
    return y.astype(np.float64)


class Similarity:
    """Which of N samples share a label.

    Attributes:
        groups: (N,) the group of each sample.
        sizes: (L,) samples in each group.
        shared: (L, L) bool, whether samples of two groups share a label. A sample without labels shares with none.
    """

    def __init__(self, y: NDArray) -> None:
        targets = indicator(y)
        patterns, groups = np.unique(targets, axis=0, return_inverse=True)
        self.groups = groups.reshape(-1)
        self.sizes = np.bincount(self.groups)
        self.shared = patterns @ patterns.T > 0
        self._members = scipy.sparse.csr_matrix((np.ones(len(y)), (self.groups, np.arange(len(y)))))

    def group_sums(self, values: Matrix) -> Matrix:
        """(N, ...) -> (L, ...) sums over the samples of each group."""
        return self._members @ values

    def pair_counts(self, similar: bool) -> Matrix:
        """(L, L) number of ordered pairs of two different samples in each pair of groups that are (dis)similar."""
        pairs = np.outer(self.sizes, self.sizes) - np.diag(self.sizes)
        return np.where(self.shared == similar, pairs, 0.0)

    def sample_pairs(self, similar: bool, count: int, rng: np.random.RandomState) -> tuple[NDArray, NDArray]:
        """`count` pairs, each uniform over all (dis)similar pairs of two different samples.

        Returns:
            (count,) row numbers of the first and of the second samples.

        Raises:
            ValueError: there is no such pair.
        """
        cumulative = np.cumsum(self.pair_counts(similar))
        if not cumulative[-1]:
            what = "no two samples share a label" if similar else "all samples share a label"
            raise ValueError(f"{what}: this method learns from similar and dissimilar pairs, give both")
        cells = np.searchsorted(cumulative, rng.random_sample(count) * cumulative[-1], side="right")
        first, second = np.divmod(cells, len(self.sizes))
        order, starts = np.argsort(self.groups, kind="stable"), np.cumsum(self.sizes) - self.sizes
        i = (rng.random_sample(count) * self.sizes[first]).astype(np.int64)
        same = first == second
        j = (rng.random_sample(count) * (self.sizes[second] - same)).astype(np.int64)
        j += same & (j >= i)
        return order[starts[first] + i], order[starts[second] + j]
