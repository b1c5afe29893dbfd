"""Results that look like real ones, made without a run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hashbench.results.folder import RunFolder, method_dir_name
from hashbench.results.record import ResultRecord

MakeRecord = Callable[..., ResultRecord]


def record(method: str = "dsh", bits: int = 16, seed: int = 0, value: float = 0.5, **changes: Any) -> ResultRecord:
    values: dict[str, Any] = {
        "fingerprint": "a1b2c3d4e5f6",
        "protocol": "digits",
        "protocol_description": {"epochs": 5, "split": {"seed": 0}},
        "method": method,
        "hparams": {"alpha": 0.01, "optimizer": {"lr": 0.1}},
        "bits": bits,
        "seed": seed,
        "metrics": {"map": value, "map_worst": value - 0.03, "map_best": value + 0.02, "precision@r2": 0.25},
        "history": [{"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": 1.5, "map": value}],
        "timing": {"seconds_per_epoch": 1.5, "total_seconds": 8.0},
        "peak_memory_mb": 300.0,
        "backbone": "small_conv",
        "dataset": "digits",
    }
    return ResultRecord.model_validate(values | changes)


def store(root: Path, result: ResultRecord, protocol_dir: str | None = None) -> RunFolder:
    method_dir = method_dir_name(result.method, result.preset)
    folder = RunFolder(root, protocol_dir or result.protocol, method_dir, result.bits, result.seed)
    with folder.claim():
        folder.write_spec({"method": result.method})
        folder.write_result(result)
    return folder


@pytest.fixture
def make_record() -> MakeRecord:
    return record


@pytest.fixture
def store_record() -> Callable[..., RunFolder]:
    return store


@pytest.fixture
def start_python() -> Any:
    """Start a Python program in a process of its own; whatever still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
