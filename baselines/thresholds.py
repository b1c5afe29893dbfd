"""The threshold of a one-bit hash on a line: similar pairs on one side of it, dissimilar pairs on two."""

from __future__ import annotations

import numpy as np

from hashbench_baselines.linear import Matrix


def best_thresholds(similar: tuple[Matrix, Matrix], dissimilar: tuple[Matrix, Matrix]) -> tuple[Matrix, Matrix]:
    """The exact minimum over T of FN(T) + FP(T), for every axis by itself.

    A pair is split when its smaller value is < T and its larger is >= T. FN is the share of similar pairs that are split, FP the
    share of dissimilar pairs that are not. Both change only at the values of the pairs, so one sort finds the best T.

    Args:
        similar, dissimilar: the two sides of the pairs, (P, K) values on K axes each.

    Returns:
        (K,) thresholds and (K,) FN + FP there. An axis on which all values are equal splits nothing: T = value, FN + FP = 1.
    """
    values, weights = [], []
    for (a, b), weight in ((similar, 1.0 / len(similar[0])), (dissimilar, -1.0 / len(dissimilar[0]))):
        values += [np.minimum(a, b), np.maximum(a, b)]
        weights += [np.full(len(a), weight), np.full(len(a), -weight)]
    points, steps = np.concatenate(values), np.concatenate(weights)
    order = np.argsort(points, axis=0)
    points = np.take_along_axis(points, order, axis=0)
    # After point i, T in (points[i], points[i + 1]]; between equal points there is no T.
    cost = 1.0 + np.cumsum(steps[order], axis=0)[:-1]
    cost[points[:-1] == points[1:]] = np.inf
    best, axes = cost.argmin(axis=0), np.arange(points.shape[1])
    low, high = points[best, axes], points[best + 1, axes]
    middle = low + (high - low) / 2
    return np.where(middle > low, middle, high), np.minimum(cost[best, axes], 1.0)
