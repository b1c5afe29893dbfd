"""Statistics over seeds: mean, standard deviation, and which methods may be put in an order.

Two methods are *separable* when Welch's t-test on their seeds (unequal variances) rejects equal means at level 0.05
after Holm's correction over all pairs of the group (one fingerprint, one number of bits). Methods are sorted by their
mean; a line between two neighbours is drawn only where every method above it is separable from every method below it.
What lies between two lines is a rank group: methods that are not separable never have different ranks. The rank is one
more than the number of methods in better groups (1, 1, 3). Where a method of the group has fewer than three seeds, no
order is claimed for any of it. A method without spread over seeds (closed-form methods) counts as known exactly.
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


def rank_groups(samples: Sequence[ArrayLike], *, higher_is_better: bool = True) -> list[int | None]:
    """Rank of each method of one group, as the module's head defines it.

    Args:
        samples: one array (seeds,) a method.
        higher_is_better: whether a larger value is the better one.

    Returns:
        One rank a method, in the given order; None for all where one has fewer than three seeds, and for a method that
        has a NaN among its values (it takes no part).
    """
    arrays = [np.asarray(sample, dtype=np.float64) for sample in samples]
    ranks: list[int | None] = [None] * len(arrays)
    if any(len(array) < MIN_SEEDS for array in arrays):
        return ranks
    sign = -1.0 if higher_is_better else 1.0
    measured = sorted((i for i, a in enumerate(arrays) if not np.isnan(a).any()), key=lambda i: sign * arrays[i].mean())
    if not measured:
        return ranks
    separable = _separable([arrays[i] for i in measured])
    rank = 1
    for place, method in enumerate(measured):
        if separable[:place, place:].all():
            rank = place + 1
        ranks[method] = rank
    return ranks


def _separable(samples: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
    """(M, M) bool, by Welch's test with Holm's correction over the pairs."""
    pairs = np.triu_indices(len(samples), k=1)
    means, variances = [a.mean() for a in samples], [a.var(ddof=1) for a in samples]
    p = welch(means, variances, [len(a) for a in samples])
    separable = np.zeros(p.shape, dtype=bool)
    separable[pairs] = holm(p[pairs]) <= LEVEL
    return separable | separable.T
