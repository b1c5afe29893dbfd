"""No backbone: for data sets of ready-made features, and for methods on raw pixels."""

from __future__ import annotations

from torch import Tensor, nn


class Identity(nn.Module):
    """Hands its input on, flattened to rows.

    Args:
        in_features: values per row: the feature's length, or C * H * W for images.
    """

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.out_features = in_features

    def forward(self, inputs: Tensor) -> Tensor:
        """(b, d) or (b, C, H, W) -> (b, in_features)."""
        return inputs.flatten(1)
