"""One checksum for a set of weights, the same whatever file they came in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import torch
from torch import Tensor


def state_checksum(state: Mapping[str, Tensor]) -> str:
    """sha256 (hex) of a state dict's content.

    Canonical form: for each tensor in the order of its name, the JSON list [name, dtype, shape] in UTF-8, a line feed,
    then its values in C order, little-endian. `num_batches_tracked` is left out: files differ in having it, outputs do
    not.
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        if name.endswith("num_batches_tracked"):
            continue
        tensor = state[name].detach().cpu().contiguous()
        head = [name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape)]
        digest.update(json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
