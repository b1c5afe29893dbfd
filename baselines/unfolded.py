"""Encoders that are a few iterations of a solver with every matrix set free, and their first values.

Bounded least squares by ADMM (Deep l-infinity Encoder, IJCAI 2016, equations (2) to (11)):

    minimise |D x - y|^2 / 2  subject to |x|_inf <= lam
    x+ = A (D'y + beta z + p),   z+ = clip(x+ - p / beta, -lam, lam),   p+ = p + beta (z+ - x+),   A = (D'D + beta I)^-1
    z+ = clip(W y + S z + b, -lam, lam),   W = A D',   S = beta A,   b = (A - I / beta) p

Sparse coding by iterated shrinkage (LISTA, ICML 2010):

    z+ = shrink(W y + S z, theta),   W = D' / L,   S = I - D'D / L,   L the largest eigenvalue of D'D
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import softplus

Matrix = NDArray[np.float64]


class Scaled(nn.Module, ABC):
    """A neuron with a threshold of its own for every unit: t * f(u / t), f having the threshold 1.

    t = softplus(raw) stays positive whatever the optimizer does.

    Args:
        units: N.
        threshold: first value of all t, > 0.
    """

    def __init__(self, units: int, threshold: float = 1.0) -> None:
        super().__init__()
        self.raw = nn.Parameter(torch.empty(units))
        self.set(threshold)

    @torch.no_grad()
    def set(self, threshold: float) -> None:
        """Give all units one threshold > 0."""
        self.raw.fill_(threshold + math.log(-math.expm1(-threshold)))

    @property
    def threshold(self) -> Tensor:
        """t, (N,)."""
        return softplus(self.raw)

    @abstractmethod
    def unit(self, u: Tensor) -> Tensor:
        """f, elementwise."""

    def forward(self, u: Tensor) -> Tensor:
        """(b, N) -> (b, N)."""
        threshold = self.threshold
        return threshold * self.unit(u / threshold)


class BoundedLinear(Scaled):
    """BLU, equation (10): clip(u, -lam, lam)."""

    def unit(self, u: Tensor) -> Tensor:
        """clip(u, -1, 1)."""
        return u.clamp(-1, 1)


class SoftThreshold(Scaled):
    """SHeLU: sgn(u) max(|u| - theta, 0)."""

    def unit(self, u: Tensor) -> Tensor:
        """u - clip(u, -1, 1)."""
        return u - u.clamp(-1, 1)


class Unfolded(nn.Module):
    """z_0 = f(W y), z_k = f(W y + S_k z_{k-1} + b_k), k = 1 .. stages: S_k and b_k a stage's own, f shared.

    Args:
        in_features: n, length of y.
        units: N, length of z.
        stages: iterations unfolded after the first.
        neuron: f.
        bias: whether there are b_k.
    """

    def __init__(self, in_features: int, units: int, stages: int, neuron: Scaled, bias: bool) -> None:
        super().__init__()
        self.analysis = nn.Linear(in_features, units, bias=False)
        self.stages = nn.ModuleList(nn.Linear(units, units, bias=bias) for _ in range(stages))
        self.neuron = neuron

    def forward(self, y: Tensor) -> Tensor:
        """(b, n) -> (b, N)."""
        base = self.analysis(y)
        z = self.neuron(base)
        for stage in self.stages:
            z = self.neuron(base + stage(z))
        return z

    @torch.no_grad()
    def set(self, analysis: Matrix, feedback: Matrix, biases: Sequence[Matrix], threshold: float) -> None:
        """Give W (N, n), one S (N, N) for all stages, b_k (N,) where there are biases, and the threshold."""
        self.analysis.weight.copy_(torch.from_numpy(analysis))
        for k, stage in enumerate(cast(Iterable[nn.Linear], self.stages)):
            stage.weight.copy_(torch.from_numpy(feedback))
            if biases:
                stage.bias.copy_(torch.from_numpy(biases[k]))
        self.neuron.set(threshold)


def admm_matrices(dictionary: Matrix, beta: float) -> tuple[Matrix, Matrix, Matrix]:
    """W (N, n), S (N, N) and A - I / beta (N, N) of a dictionary D (n, N), equation (11)."""
    units = dictionary.shape[1]
    inverse = np.linalg.inv(dictionary.T @ dictionary + beta * np.eye(units))
    return inverse @ dictionary.T, beta * inverse, inverse - np.eye(units) / beta


def admm(
    dictionary: Matrix, samples: Matrix, bound: float, beta: float, iterations: int
) -> list[tuple[Matrix, Matrix, Matrix]]:
    """Equations (6) to (8) from z = p = 0: x, z, p after each iteration, each (M, N) for M samples of length n."""
    units = dictionary.shape[1]
    inverse = np.linalg.inv(dictionary.T @ dictionary + beta * np.eye(units))
    z = p = np.zeros((len(samples), units))
    states = []
    for _ in range(iterations):
        x = (samples @ dictionary + beta * z + p) @ inverse
        z = np.clip(x - p / beta, -bound, bound)
        p = p + beta * (z - x)
        states.append((x, z, p))
    return states


def shrinkage_matrices(dictionary: Matrix) -> tuple[Matrix, Matrix]:
    """W (N, n) and S (N, N) of LISTA for a dictionary D (n, N)."""
    gram = dictionary.T @ dictionary
    lipschitz = np.linalg.eigvalsh(gram)[-1]
    return dictionary.T / lipschitz, np.eye(len(gram)) - gram / lipschitz
