"""What may be done to features before a shallow method sees them, where its paper leaves it open: `scale`."""

from __future__ import annotations

import numpy as np

from hashbench_baselines.linear import Matrix

SCALES = ("none", "unit", "standard")


class Scaling:
    """Features as they are, or scaled one of the usual ways; statistics are those of the training samples.

    Args:
        scale: 'none'; 'unit': every sample divided by its length; 'standard': every feature has mean 0 and variance 1
            (one that is constant is only centred).
        X: (N, d) training samples.

    Raises:
        ValueError: another `scale`.
    """

    def __init__(self, scale: str, X: Matrix) -> None:
        if scale not in SCALES:
            raise ValueError(f"scale = {scale!r} must be one of {', '.join(SCALES)}")
        self._scale = scale
        if scale == "standard":
            self._mean = X.mean(axis=0)
            deviation = X.std(axis=0)
            self._deviation = np.where(deviation > 1e-6 * np.maximum(np.abs(self._mean), 1e-6), deviation, 1.0)

    def __call__(self, X: Matrix) -> Matrix:
        """(n, d) -> (n, d); X itself where nothing is to be done."""
        if self._scale == "standard":
            return (X - self._mean) / self._deviation
        return unit_length(X) if self._scale == "unit" else X


def unit_length(X: Matrix) -> Matrix:
    """(n, d) -> (n, d), every row divided by its Euclidean length; a row of length 0 stays 0."""
    lengths = np.sqrt(np.einsum("nd,nd->n", X, X))[:, None]
    return X / np.where(lengths > 0, lengths, 1.0)
