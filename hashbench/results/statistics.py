"""Statistics over seeds: mean, standard deviation, and which methods may be put in an order.

One method is *better* than another where its mean is the better one and Welch's t-test on their seeds (unequal
variances) rejects equal means at level 0.05 after Holm's correction over all pairs of the group (one fingerprint, one
number of bits). Where neither is better the two are not separable. The rank of a method is an interval: from one more
than the number of methods better than it, to the number of methods that it is not better than, itself included. So the
intervals of methods that are not separable overlap: 1-2, 1-2, 3. Where a method of the group has fewer than three
seeds, no order is claimed for any of it. A method without spread over its seeds (closed-form methods) counts as known
exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

MIN_SEEDS = 3
LEVEL = 0.05


class Summary(NamedTuple):
    """Over n seeds: mean and standard deviation (ddof = 1; NaN for one seed), scalars or one a column."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    n: int


def summarize(values: ArrayLike) -> Summary:
    """Mean and standard deviation over the first axis: (n,) or (n, M). A NaN among the seeds makes its column NaN."""
    array = np.asarray(values, dtype=np.float64)
    n = len(array)
    std = np.std(array, axis=0, ddof=1) if n > 1 else np.full(array.shape[1:], np.nan)
    return Summary(np.mean(array, axis=0), std, n)


def welch(means: ArrayLike, variances: ArrayLike, counts: ArrayLike) -> NDArray[np.float64]:
    """Two-sided p-values of Welch's t-test for all pairs.

    Args:
        means, variances, counts: (M,) each, variances with ddof = 1, counts at least 2.

    Returns:
        (M, M) symmetric. Where neither of a pair has spread, 1 for equal means and 0 for others.
    """
    from scipy.special import stdtr  # a quarter of the import time of scipy.stats

    mean, variance = np.asarray(means, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    count = np.asarray(counts, dtype=np.float64)
    error = variance / count
    total = error[:, None] + error[None, :]
    share = error**2 / (count - 1)
    difference = np.abs(mean[:, None] - mean[None, :])
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stdtr(total**2 / (share[:, None] + share[None, :]), -difference / np.sqrt(total))
    return np.where(total > 0, p, np.where(difference > 0, 0.0, 1.0))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's adjusted p-values, (m,) -> (m,): reject where at most the level; the family-wise error stays below it."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


class Rank(NamedTuple):
    """Interval of ranks, both ends included, 1 is the best."""

    first: int
    last: int


def rank_groups(samples: Sequence[ArrayLike], *, higher_is_better: bool = True) -> list[Rank | None]:
    """Rank of each method of one group, as the module's head defines it.

    Args:
        samples: one array (seeds,) a method.
        higher_is_better: whether a larger value is the better one.

    Returns:
        One rank a method, in the given order; None for all where one has fewer than three seeds, and for a method that
        has a NaN among its values (it takes no part).
    """
    arrays = [np.asarray(sample, dtype=np.float64) for sample in samples]
    ranks: list[Rank | None] = [None] * len(arrays)
    if any(len(array) < MIN_SEEDS for array in arrays):
        return ranks
    measured = [place for place, array in enumerate(arrays) if not np.isnan(array).any()]
    if measured:
        better = _better([arrays[place] for place in measured], 1.0 if higher_is_better else -1.0)
        first, last = 1 + better.sum(axis=0), len(measured) - better.sum(axis=1)
        for place, begin, end in zip(measured, first.tolist(), last.tolist(), strict=True):
            ranks[place] = Rank(begin, end)
    return ranks


def _better(samples: Sequence[NDArray[np.float64]], sign: float) -> NDArray[np.bool_]:
    """(M, M) bool: whether the method of the row is better than that of the column."""
    means = np.array([sample.mean() for sample in samples])
    p = welch(means, [sample.var(ddof=1) for sample in samples], [len(sample) for sample in samples])
    pairs = np.triu_indices(len(samples), k=1)
    separable = np.zeros(p.shape, dtype=bool)
    separable[pairs] = holm(p[pairs]) <= LEVEL
    return (separable | separable.T) & (sign * means[:, None] > sign * means[None, :])
