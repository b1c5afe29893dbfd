"""Statistics over seeds and queries: mean, standard deviation, and which methods may be put in an order.

One method is *better* than another where its mean is the better one and both of these tests reject equal means, at
level 0.05 after Holm's correction over all pairs of the group (one fingerprint, one number of bits):

1. Welch's t-test on their seeds (unequal variances). It asks whether other trainings would turn the order round on
   these test queries; test queries are a sample too, and on few of them its answer is worth little.
2. The same with the variance of the queries added to that of the seeds: that of the two methods' paired difference,
   averaged over seeds, over Q. Degrees of freedom after Satterthwaite, Biometrics Bulletin 2 (1946) 110-114. What
   seeds and queries vary together is counted in both terms, which is the cautious side.

Why both: with equal methods, the first alone separates far too often where queries vary as much as seeds do, and three
seeds are too few for the second alone at the small levels of Holm's correction (benchmarks/rank_errors.py). That the
choice of test samples is often the larger part of what benchmarks vary by: Bouthillier et al., Accounting for Variance
in Machine Learning Benchmarks, MLSys 2021.

Where neither is better the two are not separable. The rank of a method is an interval: from one more than the number
of methods better than it, to the number of methods that it is not better than, itself included. So the intervals of
methods that are not separable overlap: 1-2, 1-2, 3. Where a method of the group has fewer than three seeds, no order is
claimed for any of it. A method without spread over its seeds (closed-form methods) has no variance of trainings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

MIN_SEEDS = 3
LEVEL = 0.05


class Summary(NamedTuple):
    """Over n seeds: mean and standard deviation (ddof = 1; NaN for one seed), scalars or one per column."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    n: int


def summarize(values: ArrayLike) -> Summary:
    """Mean and standard deviation over the first axis: (n,) or (n, M). A NaN among the seeds makes its column NaN."""
    array = np.asarray(values, dtype=np.float64)
    n = len(array)
    std = np.std(array, axis=0, ddof=1) if n > 1 else np.full(array.shape[1:], np.nan)
    return Summary(np.mean(array, axis=0), std, n)


def welch(
    means: ArrayLike, variances: ArrayLike, counts: ArrayLike, queries: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Two-sided p-values of Welch's t-test for all pairs.

    Args:
        means, variances, counts: (M,) each over seeds, variances with ddof = 1, counts at least 2.
        queries: (M, Q) values per query, Q at least 2: adds the variance of the mean of their paired differences.

    Returns:
        (M, M) symmetric. Where a pair has no spread at all, 1 for equal means and 0 for others.
    """
    from scipy.special import stdtr  # a quarter of the import time of scipy.stats

    mean, variance = np.asarray(means, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    count = np.asarray(counts, dtype=np.float64)
    error = variance / count
    total = error[:, None] + error[None, :]
    share = error**2 / (count - 1)
    shares = share[:, None] + share[None, :]
    if queries is not None:
        of_queries = _variance_of_differences(np.asarray(queries, dtype=np.float64))
        total = total + of_queries
        shares = shares + of_queries**2 / (np.shape(queries)[1] - 1)
    difference = np.abs(mean[:, None] - mean[None, :])
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stdtr(total**2 / shares, -difference / np.sqrt(total))
    return np.where(total > 0, p, np.where(difference > 0, 0.0, 1.0))


def _variance_of_differences(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, Q) -> (M, M): variance of the mean over queries of the difference of each pair."""
    covariance = np.cov(values)
    own = np.diag(covariance)
    variance = np.maximum(own[:, None] + own[None, :] - 2 * covariance, 0.0)
    return variance / values.shape[1]


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


def rank_groups(
    samples: Sequence[ArrayLike], *, queries: Sequence[ArrayLike | None] | None = None, higher_is_better: bool = True
) -> list[Rank | None]:
    """Rank of each method of one group, as the module's head defines it.

    Args:
        samples: one array (seeds,) per method.
        queries: one array (Q,) per method, its values per query, mean over its seeds (anything for a method that takes
            no part); a query that is NaN for any is left out. None: only the first test is made, and the order is
            claimed for these queries alone.
        higher_is_better: whether a larger value is the better one.

    Returns:
        One rank per method, in the given order; None for all where one has fewer than three seeds, and for a method
        that has a NaN among its values (it takes no part).
    """
    arrays = [np.asarray(sample, dtype=np.float64) for sample in samples]
    ranks: list[Rank | None] = [None] * len(arrays)
    if any(len(array) < MIN_SEEDS for array in arrays):
        return ranks
    measured = [place for place, array in enumerate(arrays) if not np.isnan(array).any()]
    if measured:
        values = None if queries is None else np.array([queries[place] for place in measured], dtype=np.float64)
        better = _better([arrays[place] for place in measured], values, 1.0 if higher_is_better else -1.0)
        first, last = 1 + better.sum(axis=0), len(measured) - better.sum(axis=1)
        for place, begin, end in zip(measured, first.tolist(), last.tolist(), strict=True):
            ranks[place] = Rank(begin, end)
    return ranks


def _better(
    samples: Sequence[NDArray[np.float64]], queries: NDArray[np.float64] | None, sign: float
) -> NDArray[np.bool_]:
    """(M, M) bool: whether the method of the row is better than that of the column."""
    means = np.array([sample.mean() for sample in samples])
    over_seeds = means, [sample.var(ddof=1) for sample in samples], [len(sample) for sample in samples]
    p = welch(*over_seeds)
    if queries is not None and len(samples) > 1:
        p = np.maximum(p, welch(*over_seeds, queries[:, ~np.isnan(queries).any(axis=0)]))
    pairs = np.triu_indices(len(samples), k=1)
    separable = np.zeros(p.shape, dtype=bool)
    separable[pairs] = holm(p[pairs]) <= LEVEL
    return (separable | separable.T) & (sign * means[:, None] > sign * means[None, :])
