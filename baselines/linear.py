"""Small linear algebra that several shallow methods share."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def sign(values: Matrix) -> Matrix:
    """-1 or +1; 0 gives +1, as everywhere in the harness."""
    return np.where(values >= 0, 1.0, -1.0)


def orient(vectors: Matrix) -> Matrix:
    """Columns turned so that the entry of largest magnitude is positive: LAPACK leaves an eigenvector's sign open."""
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    return vectors * sign(largest)


def principal_directions(centred: Matrix, count: int) -> Matrix:
    """(N, d) rows of mean zero -> (d, count) orthonormal directions of largest variance, the largest first.

    Works on whichever of the d x d and the N x N moment matrix is smaller.
    """
    rows, width = centred.shape
    if width <= rows:
        _, vectors = scipy.linalg.eigh(centred.T @ centred, subset_by_index=[width - count, width - 1])
        return orient(vectors[:, ::-1])
    _, vectors = scipy.linalg.eigh(centred @ centred.T, subset_by_index=[rows - count, rows - 1])
    # N centred rows span at most N - 1 directions: QR completes the basis instead of dividing by a length of zero.
    directions, _ = scipy.linalg.qr(centred.T @ vectors[:, ::-1], mode="economic")
    return orient(directions)
