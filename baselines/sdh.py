"""Supervised discrete hashing: codes that a linear classifier can tell apart, found bit by bit without relaxation.

    J = ||Y - B W||^2 + lam ||W||^2 + nu (||B - Phi P||^2 + lam_f ||P||^2)

B in {-1, +1}^(N x K) are the codes, Y (N, C) the one-hot or multi-hot targets, W (K, C) the classifier, Phi (N, m + 1)
Gaussian kernels to m anchors and a column of ones, P the hash function: codes of any x are sgn(Phi(x) P). Three steps
in turn, none of which increases J:

    B: b_k = sgn(q_k - B_{-k} W_{-k} w_k^T),  Q = nu Phi P + Y W^T      (discrete cyclic coordinate descent)
    W = (B^T B + lam I)^-1 B^T Y
    P = (Phi^T Phi + lam_f I)^-1 Phi^T B

F. Shen, C. Shen, W. Liu and H. T. Shen, "Supervised discrete hashing", CVPR 2015.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
from sklearn.utils import check_random_state

from hashbench.models import ShallowMethod
from hashbench_baselines.anchors import gaussian, mean_or_one, sample_anchors, squared_distances
from hashbench_baselines.limits import not_negative, positive, whole
from hashbench_baselines.linear import Matrix, sign
from hashbench_baselines.scaling import unit_length
from hashbench_baselines.similarity import indicator


class SDH(ShallowMethod):
    """Supervised discrete hashing with the least-squares classifier.

    On the features of a network this is the row that papers call SDH-CNN: the same estimator, the protocol's backbone.

    Args:
        bits: K.
        random_state: seed of the anchors and of the first codes.
        anchors: m, drawn from the training samples; all of them where there are fewer.
        sigma: width of the kernel exp(-||x - a||^2 / (2 sigma^2)). None: sigma^2 is half the mean squared distance
            between samples and anchors. The authors' 0.4 is for GIST of unit length.
        width_factor: of the kernel's squared width.
        unit_length: scale every sample to length 1 first, as the authors do.
        lam: weight of the ridge on the classifier.
        nu: weight of the hash function's fit against the classifier's.
        lam_f: ridge of the hash function.
        iterations: rounds of B, W, P, fewer if B and with it all else has stopped.
        sweeps: at most so many passes over the bits in a round's B step.

    Attributes:
        anchors_: (m, d); sigma_: the width used; projection_: (m + 1, K), P.
        codes_: (N, K) the learned training codes B, which differ from `transform` of the training samples.
        objective_: J at the start (random B, its W and P), then after every B, W and P.
    """

    def __init__(
        self,
        bits: int = 32,
        random_state: int | None = None,
        anchors: int = 1000,
        sigma: float | None = None,
        unit_length: bool = True,
        lam: float = 1.0,
        nu: float = 1e-5,
        lam_f: float = 1e-2,
        iterations: int = 5,
        sweeps: int = 10,
        width_factor: float = 1.0,
    ) -> None:
        super().__init__(bits, random_state)
        self.anchors = anchors
        self.sigma = sigma
        self.unit_length = unit_length
        self.lam = lam
        self.nu = nu
        self.lam_f = lam_f
        self.iterations = iterations
        self.sweeps = sweeps
        self.width_factor = width_factor

    def _fit(self, X: Matrix, y: Any) -> None:
        whole(self, 1, "anchors", "iterations", "sweeps")
        positive(self, "lam", "lam_f", "width_factor", *(("sigma",) if self.sigma is not None else ()))
        not_negative(self, "nu")
        rng = check_random_state(self.random_state)
        Y = indicator(y)
        X = self._scaled(X)
        self.anchors_ = sample_anchors(X, self.anchors, rng)
        distances = squared_distances(X, self.anchors_)
        squared = self.sigma**2 if self.sigma is not None else mean_or_one(distances) / 2
        self.sigma_ = np.sqrt(self.width_factor * squared)
        phi = with_ones(gaussian(distances, self.sigma_**2))
        solve_phi = Ridge(phi, self.lam_f)

        B = sign(rng.standard_normal((len(X), self.bits)))
        W, P = Ridge(B, self.lam)(Y), solve_phi(B)
        fitted = phi @ P
        objective = [self._objective(Y, B, W, P, fitted)]
        for _ in range(self.iterations):
            before, B = B, dcc(B, W, self.nu * fitted + Y @ W.T, self.sweeps)
            objective.append(self._objective(Y, B, W, P, fitted))
            if np.array_equal(B, before):
                break
            W = Ridge(B, self.lam)(Y)
            objective.append(self._objective(Y, B, W, P, fitted))
            P = solve_phi(B)
            fitted = phi @ P
            objective.append(self._objective(Y, B, W, P, fitted))
        self.codes_, self.projection_, self.objective_ = B.astype(np.int8), P, np.array(objective)

    def _objective(self, Y: Matrix, B: Matrix, W: Matrix, P: Matrix, fitted: Matrix) -> float:
        fit = np.sum((B - fitted) ** 2) + self.lam_f * np.sum(P**2)
        return float(np.sum((Y - B @ W) ** 2) + self.lam * np.sum(W**2) + self.nu * fit)

    def _scaled(self, X: Matrix) -> Matrix:
        return unit_length(X) if self.unit_length else X

    def _project(self, X: Matrix) -> Matrix:
        distances = squared_distances(self._scaled(X), self.anchors_)
        return with_ones(gaussian(distances, self.sigma_**2)) @ self.projection_


class Ridge:
    """targets -> (A^T A + weight I)^-1 A^T targets, factorised once."""

    def __init__(self, A: Matrix, weight: float) -> None:
        self._A = A
        self._factor = scipy.linalg.cho_factor(A.T @ A + weight * np.eye(A.shape[1]))

    def __call__(self, targets: Matrix) -> Matrix:
        return scipy.linalg.cho_solve(self._factor, self._A.T @ targets)


def with_ones(phi: Matrix) -> Matrix:
    """(N, m) -> (N, m + 1), a last column of ones: the bias."""
    return np.concatenate([phi, np.ones((len(phi), 1))], axis=1)


def dcc(B: Matrix, W: Matrix, Q: Matrix, sweeps: int) -> Matrix:
    """Discrete cyclic coordinate descent on  ||B W||^2 - 2 tr(B^T Q),  B in {-1, +1}.

    Each bit of all samples is set to its exact minimiser given the other bits, in order, until a sweep changes nothing.

    Args:
        B: (N, K) where to start; not changed.
        W: (K, C).
        Q: (N, K).
        sweeps: at most so many passes over the bits.

    Returns:
        (N, K).
    """
    coupling = W @ W.T
    np.fill_diagonal(coupling, 0.0)
    B = np.asfortranarray(B).copy(order="F")
    for _ in range(sweeps):
        changed = False
        for k in range(B.shape[1]):
            bit = sign(Q[:, k] - B @ coupling[:, k])
            changed |= not np.array_equal(bit, B[:, k])
            B[:, k] = bit
        if not changed:
            break
    return B
