"""What a run ran on: versions, processor, devices, the commit of hashbench. No host, no user, no path."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import hashbench

PACKAGES = ("torch", "torchvision", "timm", "mmengine", "numpy", "scipy", "scikit-learn", "numba", "pandas")
"""Distributions whose versions are recorded, beside Python's and hashbench's own."""

_GIT_TIMEOUT_S = 10


def environment(*, devices: bool = False) -> dict[str, Any]:
    """Describe this process's environment as nested plain values.

    Args:
        devices: import torch to name the GPUs; without it they are named only where torch is imported already.

    Returns:
        `date` (UTC), `platform`, `versions` (None: not installed), `cpu` (`model`, `cores`, `usable_cores`), `threads`
        (torch's, else OMP_NUM_THREADS; None: unknown), `gpus` (names; None: not looked), `commit` and `dirty` (None:
        not a git checkout).
    """
    if devices:
        import torch  # noqa: F401
    commit, dirty = _git_state(Path(hashbench.__file__).resolve().parent.parent)
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "platform": f"{platform.system()} {platform.machine()}",
        "versions": _versions(),
        "cpu": {"model": _cpu_model(), "cores": os.cpu_count(), "usable_cores": _usable_cores()},
        "threads": _threads(),
        "gpus": _gpus(),
        "commit": commit,
        "dirty": dirty,
    }


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {"python": platform.python_version(), "hashbench": hashbench.__version__}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def _cpu_model() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or None


def _usable_cores() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _threads() -> int | None:
    torch = sys.modules.get("torch")
    if torch is not None:
        return int(torch.get_num_threads())
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() else None


def _gpus() -> list[str] | None:
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]


def _git_state(root: Path) -> tuple[str | None, bool | None]:
    """Commit checked out in `root`, and whether tracked files differ from it. Changes nothing, takes no lock."""
    if not (root / ".git").exists():
        return None, None
    commit = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    return (commit, bool(changes)) if commit and changes is not None else (None, None)


def _git(root: Path, *arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):  # no git here, or a disk too slow to ask
        return None
    return done.stdout.strip() if done.returncode == 0 else None
