"""The threshold of a one-bit hash on a line: similar pairs on one side of it, dissimilar pairs on two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hashbench_baselines.linear import Matrix

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Row numbers of the first and of the second samples."""


def best_thresholds(values: Matrix, similar: Pairs, dissimilar: Pairs) -> tuple[Matrix, Matrix]:
    """The exact minimum over T of FN(T) + FP(T), for every axis by itself.

    A pair is split when its smaller value is < T and its larger is >= T. FN is the share of similar pairs that are
    split, FP the share of dissimilar pairs that are not. Both change only at values of the pairs: one sort finds T.

    Args:
        values: (N, K) samples on K axes.
        similar, dissimilar: sampled pairs of rows.

    Returns:
        (K,) thresholds and (K,) FN + FP there. An axis on which all values are equal splits nothing: T = value and
        FN + FP = 1.
    """
    ends, weights = [], []
    axes = np.ascontiguousarray(values.T)  # sorts run along memory
    for (first, second), weight in ((similar, 1.0 / len(similar[0])), (dissimilar, -1.0 / len(dissimilar[0]))):
        ends += [np.minimum(axes[:, first], axes[:, second]), np.maximum(axes[:, first], axes[:, second])]
        weights += [np.full(len(first), weight), np.full(len(first), -weight)]
    points, steps = np.concatenate(ends, axis=1), np.concatenate(weights)
    order = np.argsort(points, axis=1)
    points = np.take_along_axis(points, order, axis=1)
    # After point i, T in (points[i], points[i + 1]]; between equal points there is no T.
    cost = 1.0 + np.cumsum(steps[order], axis=1)[:, :-1]
    cost[points[:, :-1] == points[:, 1:]] = np.inf
    best, rows = cost.argmin(axis=1), np.arange(len(points))
    low, high = points[rows, best], points[rows, best + 1]
    middle = low + (high - low) / 2
    return np.where(middle > low, middle, high), np.minimum(cost[rows, best], 1.0)
