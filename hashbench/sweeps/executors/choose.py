"""From the command line's words to an executor, and the GPUs of this machine that its processes are spread over."""

from __future__ import annotations

import os
from pathlib import Path

from hashbench.errors import UserError, did_you_mean
from hashbench.sweeps.executors.base import Executor, cores

NAMES = ("local", "ray")


def executor(
    name: str = "local", address: str | None = None, jobs: int | None = None, device: str = "auto"
) -> Executor:
    """The executor `name`.

    Args:
        address: of a Ray cluster; None starts Ray on this machine.
        jobs: runs at a time; None: one a core, or one a GPU where GPUs are used.
        device: `--device` of the runs.

    Raises:
        UserError: what `check` refuses, or whatever Ray finds wrong.
    """
    check(name, address, jobs)
    if name == "ray":
        from hashbench.sweeps.executors.ray_cluster import RayExecutor

        return RayExecutor(address, jobs, device)
    from hashbench.sweeps.executors.local import LocalExecutor

    gpus = visible_gpus(device)
    return LocalExecutor(jobs or len(gpus) or cores(), gpus)


def check(name: str, address: str | None, jobs: int | None) -> None:
    """Refuse words that make no executor, without making one.

    Raises:
        UserError: an unknown name, a Ray address without Ray, no job at all.
    """
    if name not in NAMES:
        raise UserError(f"--executor {name}: no such executor. {did_you_mean(name, NAMES)}")
    if name != "ray" and address is not None:
        raise UserError(f"--ray-address {address}: give --executor ray with it")
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs {jobs}: at least one is needed")


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
