"""Shallow methods whose function is affine, as a torch module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from hashbench.models.shallow import ShallowMethod

WIDEST = 8192
"""Features up to which a method is tried for being affine: the trial takes a square matrix of that side."""


class Affine(nn.Module):
    """features -> features @ weight + bias in float64.

    Args:
        weight: (d, K) float64; bias: (K,) float64.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: np.ndarray, bias: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("weight", torch.from_numpy(weight))
        self.register_buffer("bias", torch.from_numpy(bias))

    def encode(self, inputs: Tensor) -> Tensor:
        """(b, ...) images (flattened) or features -> (b, K) float64."""
        return inputs.flatten(1).double() @ self.weight + self.bias


def affine_form(method: ShallowMethod, rows: np.ndarray) -> Affine | None:
    """The affine map that a fitted method computes, or None if it computes another function.

    The map is read off at 0 and at the unit vectors, and must then agree at `rows`.

    Args:
        rows: (n, d) float64, real features.
    """
    if rows.shape[1] > WIDEST:
        return None
    bias = method.decision_function(np.zeros((1, rows.shape[1])))[0]
    weight = method.decision_function(np.eye(rows.shape[1])) - bias
    expected, found = method.decision_function(rows), rows @ weight + bias
    if not np.allclose(found, expected, rtol=1e-6, atol=1e-8 * np.abs(expected).max()):
        return None
    return Affine(weight, bias)
