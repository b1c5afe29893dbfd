"""Supervised hashing with kernels: inner products of codes follow a pairwise similarity, one bit after the other.

    min over A of  || r^-1 B B^T - S ||_F^2,   B = sgn(K A)

S_ij = 1 for samples that share a label, else -1; K (l, m) Gaussian kernels between l labelled samples and m anchors,
every column less its mean. Greedily, with R_1 = r S and R_{k+1} = R_k - b_k b_k^T, bit k maximises b^T R_k b over
b = sgn(K a): first relaxed to the top eigenvector of K^T R_k K a = mu K^T K a, then with sgn replaced by
phi(t) = 2 / (1 + e^-t) - 1 and climbed by Nesterov's method; the smoothed solution is taken if its bits are better.
W. Liu, J. Wang, R. Ji, Y.-G. Jiang and S.-F. Chang, "Supervised hashing with kernels", CVPR 2012.

S is not formed: it is a small matrix between groups of equal targets, so a product with R costs O(l k) and not O(l^2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.utils import check_random_state

from hashbench.models import ShallowMethod
from hashbench_baselines.anchors import gaussian, mean_or_one, sample_anchors, squared_distances
from hashbench_baselines.limits import not_negative, positive, whole
from hashbench_baselines.linear import Matrix, orient, sign
from hashbench_baselines.scaling import Scaling
from hashbench_baselines.similarity import Similarity


class KSH(ShallowMethod):
    """Supervised hashing with kernels.

    Args:
        bits: K (the paper's r).
        random_state: seed of the anchors and of the labelled samples.
        anchors: m, drawn from the training samples; all of them where there are fewer.
        labelled: l, samples whose labels are used; None: all. The kernel's width and means come from all samples.
        iterations: at most so many steps of Nesterov's method a bit.
        tolerance: it stops when a step changes the smoothed objective by less than this, per labelled sample.
        ridge: added to K^T K, relative to its mean diagonal entry, so that the eigenproblem is well posed.
        width_factor: of the kernel's squared width, which is the mean squared distance between samples and anchors.
        scale: of the features first: 'none', 'unit' or 'standard', see `scaling`.

    Attributes:
        scaling_: what is done to features; anchors_: (m, d), of the scaled ones.
        width_: the squared width used; means_: (m,) kernel means.
        projection_: (m, K), A.
        residuals_: (K + 1,) ||R_k||_F^2, before the first bit and after each; bit k lowers it iff b^T R_k b > l^2 / 2.
    """

    def __init__(
        self,
        bits: int = 32,
        random_state: int | None = None,
        anchors: int = 300,
        labelled: int | None = 2000,
        iterations: int = 500,
        tolerance: float = 1e-2,
        ridge: float = 1e-6,
        width_factor: float = 1.0,
        scale: str = "none",
    ) -> None:
        super().__init__(bits, random_state)
        self.anchors = anchors
        self.labelled = labelled
        self.iterations = iterations
        self.tolerance = tolerance
        self.ridge = ridge
        self.width_factor = width_factor
        self.scale = scale

    def _fit(self, X: Matrix, y: Any) -> None:
        whole(self, 1, "anchors", *(("labelled",) if self.labelled is not None else ()))
        whole(self, 0, "iterations")
        not_negative(self, "tolerance", "ridge")
        positive(self, "width_factor")
        self.scaling_ = Scaling(self.scale, X)
        X = self.scaling_(X)
        rng = check_random_state(self.random_state)
        self.anchors_ = sample_anchors(X, self.anchors, rng)
        distances = squared_distances(X, self.anchors_)
        self.width_ = self.width_factor * mean_or_one(distances)
        kernel = gaussian(distances, self.width_)
        self.means_ = kernel.mean(axis=0)
        kernel -= self.means_
        if self.labelled is not None and self.labelled < len(X):
            rows = rng.choice(len(X), size=self.labelled, replace=False)
            kernel, y = kernel[rows], y[rows]
        self.projection_, self.residuals_ = self._learn(kernel, Residual(y, self.bits))

    def _learn(self, K: Matrix, R: Residual) -> tuple[Matrix, Matrix]:
        count, width = K.shape
        gram = K.T @ K
        gram[np.diag_indices(width)] += self.ridge * max(np.trace(gram) / width, 1e-12)
        projection, residuals = np.empty((width, self.bits)), [R.squared_norm]
        for k in range(self.bits):
            _, top = scipy.linalg.eigh(R.sandwich(K), gram, subset_by_index=[width - 1, width - 1])
            a = orient(top)[:, 0]
            a *= np.sqrt(count / (a @ gram @ a))
            refined = nesterov(K, R, a, self.iterations, self.tolerance)
            bits, refined_bits = sign(K @ a), sign(K @ refined)
            if refined_bits @ R(refined_bits) > bits @ R(bits):
                a, bits = refined, refined_bits
            R.subtract(bits)
            projection[:, k] = a
            residuals.append(R.squared_norm)
        return projection, np.array(residuals)

    def _project(self, X: Matrix) -> Matrix:
        distances = squared_distances(self.scaling_(X), self.anchors_)
        return (gaussian(distances, self.width_) - self.means_) @ self.projection_


class Residual:
    """R = r S - sum of b b^T, as an operator.

    A sample without any label is dissimilar to all, itself included.

    Args:
        y: (l,) ids or (l, C) multi-hot.
        r: number of bits.

    Attributes:
        squared_norm: ||R||_F^2.
    """

    def __init__(self, y: NDArray, r: int) -> None:
        self._similarity = Similarity(y)
        self._between = r * np.where(self._similarity.shared, 1.0, -1.0)
        self._bits = np.empty((len(y), 0))
        self.squared_norm = float(r) ** 2 * len(y) ** 2

    def __call__(self, v: Matrix) -> Matrix:
        """R v."""
        spread = self._between @ self._similarity.group_sums(v)
        return spread[self._similarity.groups] - self._bits @ (self._bits.T @ v)

    def sandwich(self, K: Matrix) -> Matrix:
        """K^T R K."""
        sums, projected = self._similarity.group_sums(K), self._bits.T @ K
        return sums.T @ self._between @ sums - projected.T @ projected

    def subtract(self, bits: Matrix) -> None:
        """R <- R - b b^T."""
        self.squared_norm += len(bits) ** 2 - 2 * float(bits @ self(bits))
        self._bits = np.concatenate([self._bits, bits[:, None]], axis=1)


def nesterov(K: Matrix, R: Callable[[Matrix], Matrix], a: Matrix, iterations: int, tolerance: float) -> Matrix:
    """Minimise -phi(K a)^T R phi(K a), phi(t) = 2 / (1 + e^-t) - 1, by Nesterov's accelerated gradient from `a`.

    The step 1 / beta halves until the quadratic bound at the probe point holds, and never grows again.

    Args:
        K: (l, m).
        R: v -> R v, symmetric.
        a: (m,) where to start.
        iterations, tolerance: stop after so many steps, or when a step changes the objective by at most tolerance * l.

    Returns:
        (m,) the last point.
    """

    def evaluate(outputs: Matrix) -> tuple[float, Matrix, Matrix]:
        phi = 2 * expit(outputs) - 1
        moved = R(phi)
        return -float(phi @ moved), phi, moved

    # Beside every point its outputs K a: they follow by linearity, so backtracking needs no product with K.
    outputs = K @ a
    previous, previous_outputs, cost = a, outputs, evaluate(outputs)[0]
    momentum, next_momentum, beta = 0.0, 1.0, 1.0
    for _ in range(iterations):
        ahead = (momentum - 1) / next_momentum
        probe, probe_outputs = a + ahead * (a - previous), outputs + ahead * (outputs - previous_outputs)
        at_probe, phi, moved = evaluate(probe_outputs)
        # phi' = (1 - phi^2) / 2, and the form is quadratic in phi: no factor is left.
        gradient = K.T @ (moved * (phi**2 - 1))  # the sign in the vector: -K.T would copy the matrix
        gradient_outputs = K @ gradient
        slope = gradient @ gradient
        for doubling in range(51):
            step = beta * 2.0**doubling
            candidate_outputs = probe_outputs - gradient_outputs / step
            reached = evaluate(candidate_outputs)[0]
            if reached <= at_probe - slope / (2 * step):
                break
        else:
            return a
        beta = step
        previous, previous_outputs = a, outputs
        a, outputs = probe - gradient / step, candidate_outputs
        momentum, next_momentum = next_momentum, (1 + np.sqrt(1 + 4 * next_momentum**2)) / 2
        if abs(reached - cost) <= tolerance * len(K):
            break
        cost = reached
    return a
