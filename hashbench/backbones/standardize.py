"""Features minus their mean, over their deviation: of a frozen backbone, or of a data set of features."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn


class Standardize(nn.Module):
    """Hands rows on standardised. Mean and deviation are buffers: a checkpoint and an exported encoder have them.

    Args:
        in_features: values per row.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.out_features = in_features
        self.register_buffer("mean", torch.zeros(in_features))
        self.register_buffer("deviation", torch.ones(in_features))

    def learn(self, mean: Tensor, deviation: Tensor) -> None:
        """Take over (in_features,) values of any float type."""
        self.mean.copy_(mean)
        self.deviation.copy_(deviation)

    def forward(self, inputs: Tensor) -> Tensor:
        """(b, in_features), or (b, ...) with as many values -> (b, in_features) float32."""
        return (inputs.flatten(1) - self.mean) / self.deviation


def mean_and_deviation(batches: Callable[[], Iterable[Tensor]]) -> tuple[Tensor, Tensor]:
    """Of the columns of all rows, in float64 on the CPU. The deviation divides by N; of a constant column it is 1.

    Args:
        batches: gives all rows in (b, ...) parts; called twice, since the squares are of what the mean leaves.

    Returns:
        (d,) and (d,) float64.
    """
    count, total, low, high = 0, torch.zeros(()), torch.tensor(torch.inf), torch.tensor(-torch.inf)
    for rows in _wide(batches()):
        count += len(rows)
        total = total + rows.sum(0)
        low, high = torch.minimum(low, rows.amin(0)), torch.maximum(high, rows.amax(0))
    mean = total / count
    squares = sum(((rows - mean).square().sum(0) for rows in _wide(batches())), torch.zeros(()))
    # By its range: the rounding of a mean gives a constant column a deviation above 0, and dividing by it makes noise.
    return mean, torch.where(low == high, 1.0, (squares / count).sqrt())


def _wide(batches: Iterable[Tensor]) -> Iterable[Tensor]:
    return (rows.flatten(1).cpu().double() for rows in batches)
