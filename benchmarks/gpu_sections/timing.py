"""Seconds on the wall of what a device does, all work before waited for and warm-up not counted; and its memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

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


def peak_memory(device: str) -> dict[str, float]:
    """`peak_memory_mb`: MiB held on a GPU at most since an experiment was prepared or a section begun."""
    if torch.device(device).type != "cuda":
        return {}
    return {"peak_memory_mb": torch.cuda.max_memory_allocated(device) / 2**20}


def most_memory(section: Mapping[str, Any], now: Mapping[str, float]) -> dict[str, float]:
    """The largest peak of a section: of its rows, or `now`."""
    rows = [row for rows in section.values() if isinstance(rows, list) for row in rows if isinstance(row, dict)]
    peaks = [one["peak_memory_mb"] for one in (*rows, now) if "peak_memory_mb" in one]
    return {"peak_memory_mb": max(peaks)} if peaks else {}
