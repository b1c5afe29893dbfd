"""Metrics inside a Hamming ball. A ball takes whole groups, so ties do not matter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ball:
    """What lies inside a ball around each query: arrays `(Q,)` for one radius, `(Q, K + 1)` for every radius 0..K.

    A query without a relevant item has NaN in every metric.

    Attributes:
        items, hits: int64, items inside and relevant ones among them.
        relevant: `(Q,)` int64, R.
    """

    items: np.ndarray
    hits: np.ndarray
    relevant: np.ndarray

    def precision(self) -> np.ndarray:
        """Relevant / returned; 0 for an empty ball."""
        precision = np.divide(self.hits, self.items, out=np.zeros(self.items.shape), where=self.items > 0)
        precision[self.relevant == 0] = np.nan
        return precision

    def recall(self) -> np.ndarray:
        """Share of the relevant items that is inside."""
        relevant = self.relevant.reshape(-1, *[1] * (self.hits.ndim - 1))
        return np.divide(self.hits, relevant, out=np.full(self.hits.shape, np.nan), where=relevant > 0)

    def empty(self) -> np.ndarray:
        """1.0 where the ball holds no item at all, else 0.0."""
        empty = (self.items == 0).astype(np.float64)
        empty[self.relevant == 0] = np.nan
        return empty

    def f1(self) -> float:
        """Harmonic mean of the mean precision and the mean recall, as published tables form it; 0 if both are 0."""
        precision, recall = float(np.nanmean(self.precision())), float(np.nanmean(self.recall()))
        return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
