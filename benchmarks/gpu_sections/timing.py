"""Seconds on the wall of what a device does: all work before is waited for, warm-up is not counted."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch


def wait(device: str) -> None:
    """Until the device has done all it was given; a CPU has."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(work: Callable[[], object], device: str) -> float:
    """Seconds of one call, with all that it leaves to the device."""
    wait(device)
    started = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - started


def median_seconds(work: Callable[[], object], device: str, *, repeats: int, warm_up: int = 1) -> float:
    """Median seconds of a call."""
    for _ in range(warm_up):
        work()
    return statistics.median(seconds_of(work, device) for _ in range(repeats))
