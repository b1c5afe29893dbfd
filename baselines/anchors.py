"""Anchors: a few points that stand for all samples, and kernels of the distances to them."""

from __future__ import annotations

import numpy as np

from hashbench_baselines.linear import Matrix


def squared_distances(points: Matrix, anchors: Matrix) -> Matrix:
    """(N, d) and (m, d) -> (N, m) squared Euclidean distances."""
    distances = points @ anchors.T
    distances *= -2.0
    distances += np.einsum("nd,nd->n", points, points)[:, None]
    distances += np.einsum("md,md->m", anchors, anchors)
    return np.maximum(distances, 0.0, out=distances)


def sample_anchors(points: Matrix, count: int, rng: np.random.RandomState) -> Matrix:
    """`count` rows drawn without repetition; all rows where there are fewer."""
    return points[rng.choice(len(points), size=min(count, len(points)), replace=False)]


def gaussian(distances: Matrix, squared_width: float) -> Matrix:
    """exp(-distances / (2 squared_width)), in place of the squared distances."""
    distances *= -0.5 / squared_width
    return np.exp(distances, out=distances)


def mean_or_one(distances: Matrix) -> float:
    """Mean of distances, squared or not; 1 where they are all zero, so that it can be a kernel's width."""
    mean = float(distances.mean())
    return mean if mean > 0 else 1.0
