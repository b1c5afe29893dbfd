"""SqueezeNet: ImageNet features for little computation and 3 to 5 MB of weights."""

from __future__ import annotations

import torchvision
from torch import Tensor, nn

from hashbench.backbones.download import torchvision_state
from hashbench.backbones.weights import fit_state
from hashbench.errors import UserError

_WEIGHTS = {
    "1_0": torchvision.models.SqueezeNet1_0_Weights.IMAGENET1K_V1,
    "1_1": torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1,
}


class SqueezeNet(nn.Module):
    """The `.features` of torchvision's SqueezeNet (Iandola et al., arXiv 1602.07360) and the mean over positions.

    Args:
        version: '1_0' or '1_1' (2.4 times less computation).
        pretrained: download torchvision's ImageNet weights.

    Raises `UserError` for another version and if the weights cannot be downloaded.
    """

    def __init__(self, version: str = "1_1", pretrained: bool = False) -> None:
        super().__init__()
        if version not in _WEIGHTS:
            raise UserError(f"SqueezeNet: version must be one of {', '.join(_WEIGHTS)}, got {version!r}")
        self.out_features = 512
        self.features = torchvision.models.SqueezeNet(version, num_classes=1).features
        if pretrained:
            fit_state(self, torchvision_state(_WEIGHTS[version]), source=str(_WEIGHTS[version]))

    def forward(self, images: Tensor) -> Tensor:
        """(b, 3, H, W) -> (b, 512)."""
        return self.features(images).mean(dim=(2, 3))
