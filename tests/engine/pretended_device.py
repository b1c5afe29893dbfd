"""A device beside the CPU on a machine that has none: what mixes the two fails as it would with a GPU.

Its tensors compute on the CPU, with their real values, and say that they are elsewhere, on `meta`. An operation that is
given one of them and a tensor of the CPU with more than one value is refused, as CUDA refuses it; so is `.numpy()`.
What a GPU does otherwise (its random numbers, its rounding, its kernels) is not pretended.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only

DEVICE = torch.device("meta")
_BETWEEN = {"_to_copy", "copy_", "_local_scalar_dense"}
"""Operations that take tensors of both devices."""
_INDEXED = {"index", "index_put", "index_put_", "_unsafe_index"}
"""CUDA takes indices from the CPU."""


class Elsewhere(Tensor):
    """A tensor that says it is not on the CPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Elsewhere:
        made = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
            requires_grad=False,
        )
        made.held = held
        return made

    def tolist(self) -> Any:
        """As values of Python, which a tensor of a GPU gives too."""
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(function, args, kwargs or {})


class PretendedDevice(TorchDispatchMode):
    """While it is in force, `device="meta"` makes tensors that have values."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(function, args, kwargs or {})


def _run(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    leaves, _ = tree_flatten((args, kwargs))
    there = [leaf for leaf in leaves if isinstance(leaf, Elsewhere)]
    here = [leaf for leaf in leaves if isinstance(leaf, Tensor) and not isinstance(leaf, Elsewhere)]
    name = function._schema.name.removeprefix("aten::")
    if there and name not in _BETWEEN | _INDEXED and any(one.dim() for one in here):
        raise RuntimeError(f"Expected all tensors to be on the same device, but found two: {name}")
    asked = kwargs.get("device")
    to = there[0].device if asked is None and there else asked
    if name == "copy_":
        to = args[0].device
    if asked is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    plain_args, plain_kwargs = tree_map_only(Elsewhere, lambda one: one.held, (args, kwargs))
    out = function(*plain_args, **plain_kwargs)
    if to is None or torch.device(to) != DEVICE:
        return out
    same = {id(one.held): one for one in there}  # what works in place gives back what it was given
    return tree_map_only(Tensor, lambda one: same[id(one)] if id(one) in same else Elsewhere(one), out)


def move(module: torch.nn.Module) -> None:
    """All parameters and buffers of a module to the pretended device, as `module.to` would."""
    for part in module.modules():
        for name, value in part._parameters.items():
            if value is not None:
                part._parameters[name] = torch.nn.Parameter(Elsewhere(value.detach().clone()), value.requires_grad)
        for name, value in part._buffers.items():
            if value is not None:
                part._buffers[name] = Elsewhere(value.clone())
