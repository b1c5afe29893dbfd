"""Metrics inside a Hamming ball, at one radius or at all. A ball takes whole groups, so ties do not matter.

A query without relevant items has NaN in all of them.
"""

from __future__ import annotations

import numpy as np

from hashbench.evaluation.counts import Counts


def precision_within(counts: Counts, radius: int) -> np.ndarray:
    """`(Q,)` relevant / returned inside the ball; 0 for an empty one."""
    return _precision(*counts.within(radius), counts)


def recall_within(counts: Counts, radius: int) -> np.ndarray:
    """`(Q,)` relevant items inside the ball over R."""
    return _recall(counts.within(radius)[1], counts)


def empty_within(counts: Counts, radius: int) -> np.ndarray:
    """`(Q,)` 1.0 where the ball holds no item at all, else 0.0."""
    empty = (counts.within(radius)[0] == 0).astype(np.float64)
    empty[counts.relevant == 0] = np.nan
    return empty


def f1_within(counts: Counts, radius: int) -> float:
    """Harmonic mean of the mean precision and the mean recall, as published tables form it; 0 if both are 0."""
    precision, recall = (float(np.nanmean(of(counts, radius))) for of in (precision_within, recall_within))
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def precision_by_radius(counts: Counts) -> np.ndarray:
    """`(Q, K + 1)` `precision_within` every radius 0..K."""
    return _precision(np.cumsum(counts.n, axis=1), np.cumsum(counts.p, axis=1), counts)


def recall_by_radius(counts: Counts) -> np.ndarray:
    """`(Q, K + 1)` `recall_within` every radius 0..K."""
    return _recall(np.cumsum(counts.p, axis=1), counts)


def _precision(n: np.ndarray, p: np.ndarray, counts: Counts) -> np.ndarray:
    """From items and relevant items inside, `(Q,)` or `(Q, K + 1)`."""
    precision = np.divide(p, n, out=np.zeros(n.shape), where=n > 0)
    precision[counts.relevant == 0] = np.nan
    return precision


def _recall(p: np.ndarray, counts: Counts) -> np.ndarray:
    """From relevant items inside, `(Q,)` or `(Q, K + 1)`."""
    relevant = np.broadcast_to(counts.relevant if p.ndim == 1 else counts.relevant[:, None], p.shape)
    return np.divide(p, relevant, out=np.full(p.shape, np.nan), where=relevant > 0)
