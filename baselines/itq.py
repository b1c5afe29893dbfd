"""Iterative quantisation: rotate the leading principal components so that their signs lose least.

    min over B in {-1, +1}^(N x K) and R^T R = I of  ||B - V R||^2

V = (X - mean) W with W the K leading principal directions. B = sgn(V R) and R = S' S^T, where B^T V = S Omega S'^T, in
turn: each step is the exact minimum, so the loss never increases.
Y. Gong and S. Lazebnik, "Iterative quantization: a Procrustean approach to learning binary codes", CVPR 2011.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from hashbench.models import ShallowMethod
from hashbench_baselines.limits import whole
from hashbench_baselines.linear import Matrix, principal_directions, sign
from hashbench_baselines.scaling import Scaling


class ITQ(ShallowMethod):
    """Iterative quantisation.

    Codes are those of the final rotation; the authors' code returns those from before the last update.

    Args:
        bits: K, at most the number of features and of samples.
        random_state: seed of the first rotation.
        iterations: alternations (authors: 50).
        scale: of the features first: 'none', 'unit' or 'standard', see `scaling`.

    Attributes:
        scaling_: what is done to features; mean_: (d,), of the scaled ones; projection_: (d, K), W R.
        rotation_: (K, K), R.
        losses_: (iterations + 1,) ||B - V R||^2 after each R, with B = sgn(V R) of that R.
    """

    supervised = False

    def __init__(
        self, bits: int = 32, random_state: int | None = None, iterations: int = 50, scale: str = "none"
    ) -> None:
        super().__init__(bits, random_state)
        self.iterations = iterations
        self.scale = scale

    def _fit(self, X: Matrix, y: NDArray | None) -> None:
        whole(self, 0, "iterations")
        if self.bits > min(X.shape):
            raise ValueError(
                f"ITQ takes one principal component a bit: {self.bits} bits asked, n_samples = {X.shape[0]} and "
                f"n_features = {X.shape[1]} give {min(X.shape)}; ask for fewer bits"
            )
        self.scaling_ = Scaling(self.scale, X)
        X = self.scaling_(X)
        self.mean_ = X.mean(axis=0)
        centred = X - self.mean_
        directions = principal_directions(centred, self.bits)
        V = centred @ directions
        gauss = check_random_state(self.random_state).standard_normal((self.bits, self.bits))
        R = scipy.linalg.svd(gauss)[0]
        losses = [quantization_loss(V, R)]
        for _ in range(self.iterations):
            S, _, S_hat = scipy.linalg.svd(sign(V @ R).T @ V)
            R = (S @ S_hat).T
            losses.append(quantization_loss(V, R))
        self.rotation_, self.losses_ = R, np.array(losses)
        self.projection_ = directions @ R

    def _project(self, X: Matrix) -> Matrix:
        return (self.scaling_(X) - self.mean_) @ self.projection_


def quantization_loss(V: Matrix, R: Matrix) -> float:
    """||sgn(V R) - V R||^2."""
    rotated = V @ R
    return float(np.sum((np.abs(rotated) - 1.0) ** 2))
