"""ResNet-18 and ResNet-50 with ELU in place of ReLU, as the DualHash paper uses them (arXiv 2510.18218)."""

from __future__ import annotations

import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from hashbench.backbones.download import torchvision_state
from hashbench.backbones.weights import fit_state
from hashbench.errors import UserError

_BLOCKS: dict[int, tuple[type[BasicBlock] | type[Bottleneck], list[int]]] = {
    18: (BasicBlock, [2, 2, 2, 2]),
    50: (Bottleneck, [3, 4, 6, 3]),
}


class ResNet(torchvision.models.ResNet):
    """torchvision's ResNet without its last layer: (b, 3, H, W) -> (b, 512) for depth 18, (b, 2048) for depth 50.

    Args:
        depth: 18 or 50.
        elu: ELU in place of every ReLU; False: as torchvision.
        pretrained: download torchvision's first ImageNet weights (IMAGENET1K_V1: those that papers on hashing used).

    Raises `UserError` for another depth and if the weights cannot be downloaded.
    """

    def __init__(self, depth: int = 18, elu: bool = True, pretrained: bool = False) -> None:
        if depth not in _BLOCKS:
            raise UserError(f"ResNet: depth must be one of {', '.join(map(str, _BLOCKS))}, got {depth!r}")
        block, layers = _BLOCKS[depth]
        super().__init__(block, layers)
        self.out_features = 512 * block.expansion
        self.fc = nn.Identity()  # type: ignore[assignment]
        if elu:
            for module in list(self.modules()):
                if isinstance(getattr(module, "relu", None), nn.ReLU):
                    module.relu = nn.ELU(inplace=True)
        if pretrained:
            enum = torchvision.models.ResNet18_Weights if depth == 18 else torchvision.models.ResNet50_Weights
            fit_state(self, torchvision_state(enum.IMAGENET1K_V1), source=str(enum.IMAGENET1K_V1))
