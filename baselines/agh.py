"""Anchor graph hashing: signs of smooth eigenvectors of a neighbourhood graph that is kept small by anchors.

    Z_ij = exp(-||x_i - u_j||^2 / sigma^2) / sum over the s nearest anchors, 0 for the others
    A = Z Lambda^-1 Z^T,  Lambda = diag(Z^T 1)         (the N x N graph, never formed)
    M = Lambda^-1/2 Z^T Z Lambda^-1/2 = V Sigma V^T    (m x m, the eigenvalues of A)
    Y = Z W,  W = sqrt(N) Lambda^-1/2 V Sigma^-1/2     (eigenvectors of A: Y^T Y = N I, 1^T Y = 0)

One layer: bits are the signs of the r eigenvectors of largest eigenvalue below 1. Two layers: r/2 eigenvectors, and
each gives a second bit: its positive and its negative side are split again at the thresholds b+ and b- that cut the
graph least.
W. Liu, J. Wang, S. Kumar and S.-F. Chang, "Hashing with graphs", ICML 2011.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.sparse
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.utils import check_random_state

from hashbench.models import ShallowMethod
from hashbench_baselines.anchors import mean_or_one, squared_distances
from hashbench_baselines.limits import positive, whole
from hashbench_baselines.linear import Matrix, orient
from hashbench_baselines.scaling import Scaling

TRIVIAL = 1e-3
"""Eigenvalues above 1 - TRIVIAL belong to the constant vector and to unconnected parts: dropped, as the authors do."""
NEGLIGIBLE = 1e-9
"""Eigenvalues below this are rounding errors of zero; the authors' code takes every positive one."""


class AGH(ShallowMethod):
    """Anchor graph hashing with one or two layers.

    Args:
        bits: r; even with two layers. The graph must have r (two layers: r / 2) useful eigenvectors, at most m - 1.
        random_state: seed of k-means.
        layers: 1 or 2.
        anchors: m, centres of k-means; as many as distinct samples where there are fewer. Centres that are no sample's
            neighbour are dropped.
        nearest: s, anchors each sample is connected to (the paper tunes 2 .. m / 10).
        clustering_iterations: of k-means.
        width_factor: of the squared width sigma^2; sigma is the mean distance to the s-th nearest anchor.
        scale: of the features first: 'none', 'unit' or 'standard', see `scaling`.

    Attributes:
        scaling_: what is done to features; anchors_: (m, d), of the scaled ones; sigma_: the width used.
        projection_: (m, r) or (m, r / 2), W; eigenvalues_: those used, descending.
        thresholds_: (2, r / 2), b+ and b-; two layers only.
    """

    supervised = False

    def __init__(
        self,
        bits: int = 32,
        random_state: int | None = None,
        layers: int = 1,
        anchors: int = 300,
        nearest: int = 2,
        clustering_iterations: int = 20,
        width_factor: float = 1.0,
        scale: str = "none",
    ) -> None:
        super().__init__(bits, random_state)
        self.layers = layers
        self.anchors = anchors
        self.nearest = nearest
        self.clustering_iterations = clustering_iterations
        self.width_factor = width_factor
        self.scale = scale

    def _fit(self, X: Matrix, y: NDArray | None) -> None:
        whole(self, 1, "anchors", "nearest", "clustering_iterations")
        positive(self, "width_factor")
        if self.layers not in (1, 2):
            raise ValueError(f"AGH has 1 or 2 layers, got layers={self.layers!r}")
        if self.bits % self.layers:
            raise ValueError(
                f"AGH with two layers gives two bits an eigenvector: {self.bits} bits are odd, ask for an even number"
            )
        self.scaling_ = Scaling(self.scale, X)
        X = self.scaling_(X)
        clusters = KMeans(
            distinct_rows(X, most=self.anchors),
            n_init=1,
            max_iter=self.clustering_iterations,
            random_state=check_random_state(self.random_state),
        )
        self.anchors_ = clusters.fit(X).cluster_centers_
        distances = squared_distances(X, self.anchors_)
        s = min(self.nearest, len(self.anchors_))
        self.sigma_ = mean_or_one(np.sqrt(np.partition(distances, s - 1, axis=1)[:, s - 1]))
        self.sigma_ *= np.sqrt(self.width_factor)
        Z = anchor_weights(distances, s, self.sigma_)
        used = np.asarray(Z.sum(axis=0)).ravel() > 0
        self.anchors_, Z = self.anchors_[used], Z[:, used]
        self.eigenvalues_, self.projection_ = graph_eigenvectors(Z, self.bits // self.layers)
        if self.layers == 2:
            self.thresholds_ = second_layer(Z, Z @ self.projection_)

    def _project(self, X: Matrix) -> Matrix:
        s = min(self.nearest, len(self.anchors_))
        weights = anchor_weights(squared_distances(self.scaling_(X), self.anchors_), s, self.sigma_)
        first = weights @ self.projection_
        if self.layers == 1:
            return first
        positive, negative = self.thresholds_
        return np.concatenate([first, np.where(first >= 0, first - positive, negative - first)], axis=1)


def distinct_rows(X: Matrix, most: int) -> int:
    """How many distinct rows there are, counted up to `most`: as a rule the first rows settle it, without a sort."""
    seen: set[bytes] = set()
    for row in X:
        seen.add((row + 0.0).tobytes())  # -0.0 and 0.0 are one value
        if len(seen) == most:
            break
    return len(seen)


def anchor_weights(distances: Matrix, nearest: int, sigma: float) -> scipy.sparse.csr_matrix:
    """(N, m) squared distances -> Z, (N, m) with `nearest` positive entries per row that sum to 1."""
    columns = np.argpartition(distances, nearest - 1, axis=1)[:, :nearest]
    exponents = -np.take_along_axis(distances, columns, axis=1) / sigma**2
    weights = np.exp(exponents - exponents.max(axis=1, keepdims=True))  # far from all anchors exp alone would be 0 / 0
    weights /= weights.sum(axis=1, keepdims=True)
    rows = np.arange(len(distances) + 1) * nearest
    return scipy.sparse.csr_matrix((weights.ravel(), columns.ravel(), rows), shape=distances.shape)


def graph_eigenvectors(Z: scipy.sparse.csr_matrix, count: int) -> tuple[Matrix, Matrix]:
    """(count,) eigenvalues below 1, descending, and (m, count) W with Y = Z W.

    Raises:
        ValueError: the graph has fewer.
    """
    root = np.sqrt(np.asarray(Z.sum(axis=0)).ravel())
    values, vectors = scipy.linalg.eigh((Z.T @ Z).toarray() / np.outer(root, root))
    useful = np.flatnonzero((values > NEGLIGIBLE) & (values < 1 - TRIVIAL))[::-1]
    if count > len(useful):
        raise ValueError(
            f"AGH needs {count} eigenvectors for these bits, and the graph of n_samples = {Z.shape[0]} on {Z.shape[1]} "
            f"anchors has {len(useful)}; ask for fewer bits, or raise anchors or nearest"
        )
    chosen = useful[:count]
    scale = np.sqrt(Z.shape[0] / values[chosen])
    return values[chosen], orient(vectors[:, chosen]) * scale / root[:, None]


def second_layer(Z: scipy.sparse.csr_matrix, Y: Matrix) -> Matrix:
    """The thresholds b+ and b- that split each side of an eigenvector y again.

    With p and q the indicators of y >= 0 and y < 0, v = |y| - b+ p + b- q minimises v^T (I - A) v subject to 1^T v = 0.

    Args:
        Z: (N, m).
        Y: (N, c) eigenvectors, of mean zero.

    Returns:
        (2, c): b+, then b-.
    """
    mass = np.asarray(Z.sum(axis=0)).ravel()[:, None]
    positive = (Y >= 0).astype(np.float64)
    n, n1 = len(Y), positive.sum(axis=0)
    n2 = n - n1
    left, right = Z.T @ positive, Z.T @ np.abs(Y) / mass
    s1, s3 = np.sum(left * right, axis=0), np.sum(positive * Y, axis=0)
    s2 = n1 - np.sum(left**2 / mass, axis=0)
    cut = s2 > NEGLIGIBLE * n  # no edge between the two sides: every pair of thresholds that balances them is as good
    ratio = np.divide(s3 - s1, s2, out=np.zeros_like(s2), where=cut)
    return np.stack([(2 * s3 + n2 * ratio) / n, (n1 * ratio - 2 * s3) / n])
