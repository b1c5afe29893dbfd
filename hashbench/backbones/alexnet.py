"""AlexNet as the DualHash paper uses it: ELU in place of ReLU, batch norm after every layer if asked for, no dropout.

Source: torchvision's AlexNet (A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014);
ELU: DualHash (arXiv 2510.18218), text; batch norm after every convolution and fully connected layer: the authors' code.
"""

from __future__ import annotations

import torchvision
from torch import Tensor, nn

from hashbench.backbones.download import torchvision_state
from hashbench.backbones.weights import fit_state

_Norm = type[nn.BatchNorm1d] | type[nn.BatchNorm2d]


class AlexNet(nn.Module):
    """torchvision's AlexNet without its last layer; images of 63 x 63 pixels or more, made for 224 x 224.

    Module names are torchvision's, so its state dict loads as it is. Batch norm sits with the activation in the place
    of torchvision's ReLU (`features.1.norm`), is not part of the published weights, and then starts as the identity.

    Args:
        batch_norm: batch norm between every convolution or fully connected layer and its activation.
        elu: ELU; False: ReLU, as torchvision.
        dropout: torchvision's dropout (0.5) before both fully connected layers.
        pretrained: download torchvision's ImageNet weights; otherwise Kaiming-normal weights and zero biases.

    Raises `UserError` if the weights cannot be downloaded.
    """

    def __init__(
        self, batch_norm: bool = False, elu: bool = True, dropout: bool = False, pretrained: bool = False
    ) -> None:
        super().__init__()
        self.out_features = 4096
        original = torchvision.models.AlexNet(num_classes=1)
        self.features = original.features
        self.avgpool = original.avgpool
        self.classifier = original.classifier[:6]
        activation = nn.ELU if elu else nn.ReLU
        _adapt(self.features, activation, nn.BatchNorm2d if batch_norm else None, dropout)
        _adapt(self.classifier, activation, nn.BatchNorm1d if batch_norm else None, dropout)
        self.optional_weights = frozenset(name for name in self.state_dict() if ".norm." in name)
        if pretrained:
            weights = torchvision.models.AlexNet_Weights.IMAGENET1K_V1
            fit_state(self, torchvision_state(weights), source=str(weights))
        else:
            for layer in self.modules():
                if isinstance(layer, nn.Conv2d | nn.Linear):
                    nn.init.kaiming_normal_(layer.weight)
                    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> Tensor:
        """(b, 3, H, W) -> (b, 4096)."""
        return self.classifier(self.avgpool(self.features(images)).flatten(1))


def _adapt(layers: nn.Sequential, activation: type[nn.ELU] | type[nn.ReLU], norm: _Norm | None, dropout: bool) -> None:
    """Replace activations (and norm and dropout with them) in their places, so that no other layer changes its name."""
    width = 0
    for place, layer in enumerate(layers):
        if isinstance(layer, nn.Conv2d):
            width = layer.out_channels
        elif isinstance(layer, nn.Linear):
            width = layer.out_features
        elif isinstance(layer, nn.ReLU):
            act = activation(inplace=True)
            layers[place] = nn.Sequential() if norm else act
            if norm:
                layers[place].add_module("norm", norm(width))
                layers[place].add_module("act", act)
        elif isinstance(layer, nn.Dropout) and not dropout:
            layers[place] = nn.Identity()
