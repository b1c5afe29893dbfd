"""Features of a backbone, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from hashbench.backbones.evaluation_mode import evaluation_mode


def extract_features(
    module: nn.Module, batches: Iterable[Tensor], device: torch.device | str, precision: str = "fp32"
) -> Iterator[np.ndarray]:
    """Features of batches, in evaluation mode and without gradient.

    Args:
        module: a backbone, already on `device`; each of its parts is back in its own mode when the batches end.
        batches: (b, C, H, W) or (b, d), on any device.
        device: where the computation happens.
        precision: 'fp32', or 'bf16' for autocast.

    Yields (b, out_features) float32, one array per batch.
    """
    device = torch.device(device)
    with evaluation_mode(module):
        for batch in batches:
            # Entered for each batch: what a generator has entered stays so for its consumer between two items.
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                features = module(batch.to(device, non_blocking=True)).float()
            yield features.cpu().numpy()
