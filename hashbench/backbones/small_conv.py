"""A small convolutional net for small images (8 x 8 to 64 x 64), quick enough to train from scratch on two cores."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from hashbench.errors import UserError

MOST_CHANNELS = 65_536


class SmallConv(nn.Module):
    """Conv 3x3 - batch norm - (max pool 2x2) - ELU blocks, then the mean over positions.

    Every block but the last halves the image while it is at least 4 pixels on its shorter side. Pooling comes before
    ELU: ELU is increasing, so the values are the same, and a quarter of the exponentials are computed.

    Args:
        in_channels: channels of the images; 1 and 3 are usual.
        widths: channels of each block but the last.
        out_features: channels of the last block, the width of the features.

    Weights: Kaiming-normal convolutions without bias. Raises `UserError` for a width below 1.
    """

    def __init__(self, in_channels: int = 3, widths: Sequence[int] = (32, 64, 128), out_features: int = 256) -> None:
        super().__init__()
        sizes = [in_channels, *widths, out_features]
        if any(type(size) is not int or not 1 <= size <= MOST_CHANNELS for size in sizes):
            raise UserError(f"SmallConv: channels and widths are whole numbers from 1 to {MOST_CHANNELS}, got {sizes}")
        self.out_features = out_features
        self.blocks = nn.ModuleList(_block(a, b) for a, b in pairwise(sizes))

    def forward(self, images: Tensor) -> Tensor:
        """(b, in_channels, H, W) -> (b, out_features)."""
        maps = images
        for number, block in enumerate(self.blocks, start=1):
            maps = block(maps)
            if number < len(self.blocks) and min(maps.shape[-2:]) >= 4:
                maps = F.max_pool2d(maps, 2)
            maps = F.elu(maps, inplace=True)
        return maps.mean(dim=(2, 3))


def _block(channels: int, width: int) -> nn.Sequential:
    conv = nn.Conv2d(channels, width, kernel_size=3, padding=1, bias=False)
    nn.init.kaiming_normal_(conv.weight)
    return nn.Sequential(conv, nn.BatchNorm2d(width))
