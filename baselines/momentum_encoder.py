"""A second encoder that follows a network slowly: the exponential moving average of its weights (MoCo, CVPR 2020).

theta_k <- m theta_k + (1 - m) theta_q
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from hashbench.models import HashNetwork


class MomentumEncoder(nn.Module):
    """The averaged trainable weights of a network, and codes computed with them.

    The weights are buffers made by `start`, or by loading a checkpoint that has them: their names and shapes are the
    network's and are not known to a constructor. Everything else (frozen weights, the modules) is borrowed from the
    network that `attach` names. Batch norm uses the statistics of the batch, as in training, and keeps no running ones.

    Args:
        momentum: m in [0, 1).
    """

    def __init__(self, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self._network: tuple[HashNetwork, ...] = ()  # in a tuple: not a submodule, the network contains this

    def start(self, network: HashNetwork) -> None:
        """theta_k = theta_q."""
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                self.register_buffer(_buffer_name(name), parameter.detach().clone())

    def attach(self, network: HashNetwork) -> None:
        """Name the network to follow; averages that a checkpoint brought are moved to its device."""
        self._network = (network,)
        self.to(next(network.parameters()).device)

    @property
    def ready(self) -> bool:
        """Whether there are averages and a network."""
        return bool(self._network and self._buffers)

    @torch.no_grad()
    def update(self) -> None:
        """theta_k <- m theta_k + (1 - m) theta_q."""
        theirs = dict(self._network[0].named_parameters())
        averages = dict(self.named_buffers())
        present: list[Tensor] = [theirs[_parameter_name(name)] for name in averages]
        torch._foreach_lerp_(list(averages.values()), present, 1 - self.momentum)

    @torch.no_grad()
    def forward(self, inputs: Tensor) -> Tensor:
        """(b, ...) inputs -> (b, K) codes under the averaged weights. Changes nothing."""
        (network,) = self._network
        own = {_parameter_name(name): value for name, value in self.named_buffers()}
        scratch = {name: value.clone() for name, value in network.named_buffers() if not name.startswith("method.")}
        return functional_call(network, {**own, **scratch}, (inputs,)).codes

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        for key, value in state_dict.items():
            name = key[len(prefix) :]
            if key.startswith(prefix) and name not in self._buffers:
                self.register_buffer(name, torch.empty_like(value))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _buffer_name(name: str) -> str:
    return name.replace(".", "/")


def _parameter_name(name: str) -> str:
    return name.replace("/", ".")
