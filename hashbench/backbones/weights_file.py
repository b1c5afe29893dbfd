"""A file of weights, as a plain dict of names and tensors. Nothing in a file is ever executed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from hashbench.errors import UserError
from hashbench.paths import is_file

_CONTAINERS = ("state_dict", "model_state_dict", "model", "net")


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of a .pth/.pt file read with `weights_only=True`.

    A checkpoint that keeps the weights under 'state_dict', 'model_state_dict', 'model' or 'net' is unwrapped.

    Raises `UserError` for a file that is missing, truncated, holds objects other than tensors, or holds none.
    """
    if not is_file(path):
        raise UserError(f"weights {path}: no such file; give the path of a .pth, .pt or .safetensors file")
    try:
        content: Any
        if path.suffix == ".safetensors":
            content = safetensors.torch.load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # parsers of damaged files raise nearly anything, AssertionError and struct.error too
        raise UserError(
            f"weights {path} cannot be read ({_reason(error)}): truncated, or not a state dict of tensors; "
            f"fetch it again, or write it with torch.save(model.state_dict(), FILE)"
        ) from error
    state = _unwrap(content)
    if not state:
        raise UserError(f"weights {path}: no tensors in it; write it with torch.save(model.state_dict(), FILE)")
    return state


def _reason(error: Exception) -> str:
    """What is wrong with the file, without torch's advice to load it unsafely."""
    refused = re.search(r"WeightsUnpickler error:\s*([^\n]*)", str(error))
    text = refused[1] if refused else str(error)
    first = text.strip().split("\n")[0].split(". ")[0]
    return f"{type(error).__name__}: {first[:120] or 'ends too early'}"


def _unwrap(content: Any) -> dict[str, Tensor]:
    while isinstance(content, dict):
        tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
        inner = next((content[name] for name in _CONTAINERS if isinstance(content.get(name), dict)), None)
        if inner is None:
            return tensors
        content = inner
    return {}
