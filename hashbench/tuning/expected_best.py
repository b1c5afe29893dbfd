"""What a search of n trials can be expected to find: the best of n scores drawn from those of a longer search.

The estimator of Dodge, Gururangan, Card, Schwartz & Smith, "Show Your Work: Improved Reporting of Experimental Results"
(EMNLP 2019), section 3: the n trials are independent draws, **with replacement**, from the empirical distribution of
the N scores that are there. With v_1 <= ... <= v_N these scores in order, the best of n draws is at most v_i with
probability (i/N)^n, so that

    P(best = v_i) = (i/N)^n - ((i-1)/N)^n,    E[best] = sum_i v_i P(best = v_i),    Var[best] = E[best^2] - E[best]^2

are exact; nothing is simulated. Since draws repeat, E[best] of n = N lies below the largest score, and E[best] is on
average below what n new trials find (Tang et al., "Showing Your Work Doesn't Always Work", ACL 2020): little for n far
below N, most at n = N. All methods of one N share this, so their order is little touched.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class Best(NamedTuple):
    """The best of n draws, for n = 1, 2, ..., M.

    Attributes:
        mean: (M,) its expectation.
        std: (M,) its standard deviation.
    """

    mean: Floats
    std: Floats


def chances(total: int, draws: int) -> Floats:
    """Which of the scores in ascending order is the best of n draws with replacement.

    Args:
        total: N, how many scores there are.
        draws: n.

    Returns:
        (N,) P(best = v_i) for i = 1, ..., N; equal scores share theirs in any way.
    """
    return np.diff((np.arange(total + 1, dtype=np.float64) / total) ** draws)


def expected_best(scores: ArrayLike, most: int | None = None) -> Best:
    """Expectation and spread of the best of n of the scores, n = 1, ..., M.

    Args:
        scores: (N,) finite, at least one, larger is better: see `worst_for_failed`.
        most: M, the largest n; None: N.

    Raises:
        ValueError: no score, one that is not finite, or `most` below 1.
    """
    values = np.sort(np.asarray(scores, dtype=np.float64))
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError("scores: expected one finite number or more in a row")
    most = len(values) if most is None else most
    if most < 1:
        raise ValueError(f"most: {most}, expected 1 or more")
    scale = np.abs(values).max() or 1.0  # so that no square is too large for a float
    values = values / scale
    mean, std = np.empty(most), np.empty(most)
    for n in range(1, most + 1):
        weights = chances(len(values), n)
        mean[n - 1] = weights @ values
        # Around the mean, not E[best^2] - mean^2: scores are close to each other, and the difference of squares is not.
        std[n - 1] = math.sqrt(weights @ (values - mean[n - 1]) ** 2)
    return Best(mean * scale, std * scale)


def worst_for_failed(scores: ArrayLike) -> Floats:
    """(N,) scores, of trials that failed (NaN) the worst value.

    The worst value is 0, below which no share such as mAP can be: a setting that diverges leaves no codes at all. Where
    a metric of one's own has scores below 0, it is the lowest of them.
    """
    values = np.asarray(scores, dtype=np.float64)
    finite = values[np.isfinite(values)]
    return np.where(np.isfinite(values), values, min(0.0, *finite) if len(finite) else 0.0)
