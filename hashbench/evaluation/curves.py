"""Curves and distance distributions: what a figure shows, each from the counts alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hashbench.evaluation.counts import Counts
from hashbench.evaluation.numbers import whole_number
from hashbench.evaluation.ranking import Ranking


@dataclass(frozen=True)
class Distances:
    """Hamming distances of similar and dissimilar pairs, summed over queries.

    Attributes:
        similar: `(K + 1,)` int64, relevant pairs at each distance.
        dissimilar: `(K + 1,)` int64, the other pairs.
    """

    similar: np.ndarray
    dissimilar: np.ndarray

    @property
    def mean_similar(self) -> float:
        """Mean distance of similar pairs in bits, NaN if there are none."""
        return _mean_distance(self.similar)

    @property
    def mean_dissimilar(self) -> float:
        """Mean distance of dissimilar pairs in bits, NaN if there are none."""
        return _mean_distance(self.dissimilar)

    @property
    def separability(self) -> float:
        """Mean distance of dissimilar minus that of similar pairs, in bits."""
        return self.mean_dissimilar - self.mean_similar


def _mean_distance(pairs: np.ndarray) -> float:
    return float(np.arange(len(pairs)) @ pairs / pairs.sum()) if pairs.any() else float("nan")


def distances(counts: Counts) -> Distances:
    """Distance distributions over all pairs of a query and a database item."""
    return Distances(counts.p.sum(axis=0), (counts.n - counts.p).sum(axis=0))


def precision_recall_by_radius(counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """Mean recall and mean precision inside each radius 0..K: two arrays `(K + 1,)`. An empty ball has precision 0."""
    balls = counts.within_each()
    return np.nanmean(balls.recall(), axis=0), np.nanmean(balls.precision(), axis=0)


def interpolated_precision(counts: Counts, levels: int = 11) -> np.ndarray:
    """Mean interpolated precision at recall 0, 1/(levels - 1), ..., 1.

    A query's interpolated precision at a level is the largest precision at any radius whose recall reaches the level.

    Args:
        counts: histograms.
        levels: 11 or 101 by habit; at least 2.

    Returns:
        `(levels,)` float64.
    """
    valid, balls = counts.relevant > 0, counts.within_each()
    recall, precision = balls.recall()[valid], balls.precision()[valid]
    ceiling = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    rows = np.arange(len(recall))
    wanted = np.linspace(0, 1, whole_number(levels, "levels", 2, "levels of recall"))
    return np.array([ceiling[rows, np.argmax(recall >= level - 1e-12, axis=1)].mean() for level in wanted])


def precision_at_curve(counts: Counts, length: int) -> np.ndarray:
    """Mean expected precision at T = 1..length: `(min(length, N),)` float64."""
    length = min(whole_number(length, "length", 1, "items"), counts.database_size)
    lengths = np.arange(1, length + 1)
    valid = counts.relevant > 0
    return Ranking(Counts(counts.n[valid], counts.p[valid])).expected_hits(lengths) / lengths


def all_curves(counts: Counts, length: int) -> dict[str, np.ndarray]:
    """Every curve by name, as `Evaluation.curves` holds them.

    Returns:
        radius, recall_by_radius, precision_by_radius: `(K + 1,)`;
        recall_levels, precision_interpolated: `(101,)`;
        cutoffs, precision_at: `(min(length, N),)`;
        distance_similar, distance_dissimilar: `(K + 1,)` pairs at each distance.
    """
    recall, precision = precision_recall_by_radius(counts)
    at = precision_at_curve(counts, length)
    pairs = distances(counts)
    return {
        "radius": np.arange(counts.bits + 1),
        "recall_by_radius": recall,
        "precision_by_radius": precision,
        "recall_levels": np.linspace(0, 1, 101),
        "precision_interpolated": interpolated_precision(counts, 101),
        "cutoffs": np.arange(1, len(at) + 1),
        "precision_at": at,
        "distance_similar": pairs.similar,
        "distance_dissimilar": pairs.dissimilar,
    }
