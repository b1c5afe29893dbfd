"""EfficientNet-Lite, timm's, with the names that other conversions of the same weights give to its layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from hashbench.backbones.timm_model import TimmModel

# The names of the EfficientNet-PyTorch family (a leading underscore, blocks counted through) -> timm's.
_AROUND = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_EXPANDED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_NOT_EXPANDED = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
"""Of the first block, whose expansion is 1."""


class EfficientNetLite(TimmModel):
    """timm's `tf_efficientnet_lite*` without classifier: (b, in_channels, H, W) -> (b, 1280).

    EfficientNet (Tan and Le, arXiv 1905.11946) without squeeze-and-excitation and with ReLU6, so that plain CPUs and
    fixed-point chips run it well. Padding is TensorFlow's, as the weights want it.

    Args:
        version: 0 to 4, of growing depth, width and image size.
        in_channels: channels of the images.

    Raises `UserError` for another version.
    """

    def __init__(self, version: int = 0, in_channels: int = 3) -> None:
        super().__init__(f"tf_efficientnet_lite{version}", in_channels=in_channels)

    def own_names(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights under timm's names; those that have them, and names that are neither's, stay as they are."""
        renamed = self._timm_names()
        named = ((*name.rpartition("."), value) for name, value in state.items())
        return {f"{renamed.get(layer, layer)}{dot}{last}": value for layer, dot, last, value in named}

    def _timm_names(self) -> dict[str, str]:
        """The other family's name of every layer -> timm's."""
        names = dict(_AROUND)
        stages: Any = self.model.blocks
        blocks = [(f"blocks.{s}.{b}", block) for s, stage in enumerate(stages) for b, block in enumerate(stage)]
        for number, (place, block) in enumerate(blocks):
            layers = _EXPANDED if hasattr(block, "conv_pwl") else _NOT_EXPANDED
            names |= {f"_blocks.{number}.{theirs}": f"{place}.{ours}" for theirs, ours in layers.items()}
        return names
