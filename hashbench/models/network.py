"""The network every deep method shares: backbone, hidden layers of the protocol, the method's code layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from hashbench.models.deep import DeepMethod


class Output(NamedTuple):
    """logits (b, K): output of the code layer; codes (b, K): the method's activation of them."""

    logits: Tensor
    codes: Tensor


class HashNetwork(nn.Module):
    """backbone -> hidden layers -> code layer -> activation.

    Args:
        backbone: a module with an integer attribute `out_features`; (b, ...) -> (b, out_features).
        method: the method, which owns the activation and builds the code layer.
        hidden: units of each shared hidden layer: Linear, BatchNorm1d, ELU, Kaiming-normal weights, zero bias.
        frozen: keep the backbone's parameters and running statistics as they are.
    """

    def __init__(
        self, backbone: nn.Module, method: DeepMethod, hidden: Sequence[int] = (), frozen: bool = False
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.frozen = frozen
        width = int(backbone.out_features)  # type: ignore[arg-type]
        layers: list[nn.Module] = []
        for units in hidden:
            linear = nn.Linear(width, units)
            nn.init.kaiming_normal_(linear.weight)
            nn.init.zeros_(linear.bias)
            layers += [linear, nn.BatchNorm1d(units), nn.ELU()]
            width = units
        self.hidden = nn.Sequential(*layers)
        self.code_layer = method.code_layer(width)
        self.method = method
        if frozen:
            self.backbone.requires_grad_(False)

    def train(self, mode: bool = True) -> HashNetwork:
        """As `nn.Module.train`, but a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def forward(self, inputs: Tensor) -> Output:
        """(b, C, H, W) images or (b, d) features -> logits and codes, both (b, K) float32 outside autocast."""
        logits = self.code_layer(self.hidden(self.backbone(inputs)))
        return Output(logits, self.method.activation(logits))

    def groups(self, lr: float, head_lr_mult: float = 1.0) -> list[dict]:
        """Parameter groups for an optimizer: the backbone at `lr`, all else at `lr * head_lr_mult`; none empty."""
        body = [p for p in self.backbone.parameters() if p.requires_grad]
        own = {id(p) for p in self.backbone.parameters()}
        head = [p for p in self.parameters() if p.requires_grad and id(p) not in own]
        groups = [{"params": body, "lr": lr}, {"params": head, "lr": lr * head_lr_mult}]
        return [group for group in groups if group["params"]]
