"""How far a mean over queries can be trusted: its bootstrap interval, and that of a paired difference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hashbench.evaluation.errors import EvaluationInputError
from hashbench.evaluation.numbers import whole_number

_DRAWS = 1 << 22


@dataclass(frozen=True)
class Interval:
    """A mean and its bootstrap percentile interval."""

    mean: float
    low: float
    high: float
    level: float
    queries: int


@dataclass(frozen=True)
class Difference:
    """The mean of first minus second on the same queries, with its interval.

    `p_value` is two-sided: twice the share of resampled means on the rarer side of 0, the observed one counted in, so
    it is never below 2 / (samples + 1). `separable` says whether the interval leaves out 0.
    """

    mean: float
    low: float
    high: float
    level: float
    queries: int
    p_value: float

    @property
    def separable(self) -> bool:
        """Whether the data tell the two apart at this level."""
        return self.low > 0 or self.high < 0


def bootstrap(values: np.ndarray, *, level: float = 0.95, samples: int = 2000, seed: int = 0) -> Interval:
    """Interval of a mean over queries.

    Args:
        values: `(Q,)` per-query values, such as `Evaluation.per_query["ap"]`; NaN (no relevant item) is left out.
        level: coverage.
        samples: bootstrap resamples.
        seed: of the resampling.

    Raises:
        EvaluationInputError: nothing but NaN, or a level outside (0, 1).
    """
    values = np.asarray(values, dtype=np.float64)
    values = values[~np.isnan(values)]
    low, high = _percentiles(_resampled_means(values, level, samples, seed), level)
    return Interval(float(values.mean()), low, high, level, len(values))


def paired_bootstrap(
    first: np.ndarray, second: np.ndarray, *, level: float = 0.95, samples: int = 2000, seed: int = 0
) -> Difference:
    """Interval of the mean difference of two methods on the same queries, in the same order.

    Args:
        first, second: `(Q,)` per-query values; a query that is NaN in either is left out.
        level, samples, seed: as for `bootstrap`.

    Raises:
        EvaluationInputError: different lengths, or as for `bootstrap`.
    """
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if first.shape != second.shape:
        raise EvaluationInputError(
            f"the two results have {first.shape} and {second.shape} queries: pair results on the same queries"
        )
    differences = first - second
    differences = differences[~np.isnan(differences)]
    means = _resampled_means(differences, level, samples, seed)
    low, high = _percentiles(means, level)
    rarer = min(int((means <= 0).sum()), int((means >= 0).sum()))
    p_value = min(1.0, 2 * (rarer + 1) / (samples + 1))
    return Difference(float(differences.mean()), low, high, level, len(differences), p_value)


def _resampled_means(values: np.ndarray, level: float, samples: int, seed: int) -> np.ndarray:
    if not 0 < level < 1:
        raise EvaluationInputError(f"level is {level}: give a coverage between 0 and 1, such as 0.95")
    if len(values) == 0:
        raise EvaluationInputError("no query has a value to resample: every one is NaN or there are none")
    samples = whole_number(samples, "samples", 1, "resamples")
    rng = np.random.default_rng(seed)
    rows = max(1, _DRAWS // len(values))
    means = [
        values[rng.integers(0, len(values), size=(min(rows, samples - start), len(values)))].mean(axis=1)
        for start in range(0, samples, rows)
    ]
    return np.concatenate(means)


def _percentiles(means: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
