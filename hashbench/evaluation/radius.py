"""Metrics inside a Hamming ball. A ball takes whole groups, so ties do not matter."""

from __future__ import annotations

import numpy as np

from hashbench.evaluation.counts import Counts


def precision_by_radius(counts: Counts) -> np.ndarray:
    """`(Q, K + 1)` relevant / returned inside each radius; 0 for an empty ball, NaN where nothing is relevant."""
    n, p = np.cumsum(counts.n, axis=1), np.cumsum(counts.p, axis=1)
    precision = np.divide(p, n, out=np.zeros(n.shape), where=n > 0)
    precision[counts.relevant == 0] = np.nan
    return precision


def recall_by_radius(counts: Counts) -> np.ndarray:
    """`(Q, K + 1)` relevant items inside each radius over R; NaN for a query without relevant items."""
    p = np.cumsum(counts.p, axis=1)
    relevant = np.broadcast_to(counts.relevant[:, None], p.shape)
    return np.divide(p, relevant, out=np.full(p.shape, np.nan), where=relevant > 0)


def empty_by_radius(counts: Counts) -> np.ndarray:
    """`(Q, K + 1)` 1.0 where the ball holds no item at all, else 0.0; NaN for a query without relevant items."""
    empty = (np.cumsum(counts.n, axis=1) == 0).astype(np.float64)
    empty[counts.relevant == 0] = np.nan
    return empty


def harmonic_mean(precision: float, recall: float) -> float:
    """F1 of a mean precision and a mean recall, as published tables form it; 0 if both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
