"""Features of mean 0 and variance 1, by the statistics of the training samples."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """(y - mean) / deviation, feature by feature; passes y on as it is until `fit`. Mean and deviation are buffers.

    Args:
        features: n.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))

    @torch.no_grad()
    def fit(self, samples: Tensor) -> None:
        """Take mean and deviation of (M, n) samples; a feature that is constant among them is only centred."""
        deviation, mean = torch.std_mean(samples, dim=0, correction=0)
        self.mean.copy_(mean)
        self.deviation.copy_(torch.where(deviation > 1e-6 * mean.abs().clamp(min=1e-6), deviation, 1.0))

    def forward(self, y: Tensor) -> Tensor:
        """(b, n) -> (b, n)."""
        return (y - self.mean) / self.deviation
