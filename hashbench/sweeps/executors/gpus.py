"""The GPUs of this machine that worker processes are spread over."""

from __future__ import annotations

import os
from pathlib import Path


def visible_gpus(device: str) -> list[str]:
    """GPUs that `--device` lets runs use, as CUDA_VISIBLE_DEVICES names them; none for `cpu` and for one chosen GPU."""
    if device not in ("auto", "cuda") or not _has_driver():
        return []
    import torch

    named = [word.strip() for word in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if word.strip()]
    count = torch.cuda.device_count()
    return named[:count] if named else [str(number) for number in range(count)]


def _has_driver() -> bool:
    """Whether it is worth importing torch to count GPUs."""
    return Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists() or os.name == "nt"
