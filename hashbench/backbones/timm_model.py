"""Any model of timm by name: https://huggingface.co/docs/timm."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import timm
from torch import Tensor, nn

from hashbench.backbones.download import cannot_download, hub_tried_once
from hashbench.errors import UserError, did_you_mean


class TimmModel(nn.Module):
    """A timm model without its classifier, with its own global pooling: (b, in_channels, H, W) -> (b, out_features).

    Args:
        name: a name of `timm.list_models()`, with a tag of weights if wanted: 'mobilenetv2_100', 'resnet50.a1_in1k'.
        pretrained: download the weights (timm adapts them where `in_channels` is not 3).
        in_channels: channels of the images.
        **kwargs: handed to `timm.create_model`, e.g. `pad_type='same'`, `img_size=96`.

    Raises `UserError` for an unknown name or argument, and if the weights cannot be downloaded.
    """

    def __init__(self, name: str, pretrained: bool = False, in_channels: int = 3, **kwargs: Any) -> None:
        super().__init__()
        if not timm.is_model(name):
            raise UserError(f"timm has no model {name!r}. {_nearest(name)}")
        try:
            with hub_tried_once() if pretrained else nullcontext():
                self.model = timm.create_model(
                    name, pretrained=pretrained, in_chans=in_channels, num_classes=0, **kwargs
                )
        except TypeError as error:
            first = (str(error).splitlines() or [""])[0][:160]
            raise UserError(f"timm model {name!r} does not take these arguments: {first}") from error
        except (OSError, RuntimeError) as error:
            if not pretrained:
                raise
            raise cannot_download(f"timm's weights of {name!r}", error) from error
        self.out_features = _width(self.model)

    @property
    def weights_target(self) -> nn.Module:
        """The timm model: published weights carry its names."""
        return self.model

    def forward(self, images: Tensor) -> Tensor:
        """(b, in_channels, H, W) -> (b, out_features)."""
        return self.model(images)


def _width(model: nn.Module) -> int:
    """Features per row: some models (MobileNetV3) widen them once more after pooling."""
    return getattr(model, "head_hidden_size", None) or model.num_features  # type: ignore[return-value]


def _nearest(name: str) -> str:
    """The nearest names only: timm has more than a thousand."""
    return did_you_mean(name, timm.list_models()).split("Known:")[0] + "timm.list_models() has them all"
