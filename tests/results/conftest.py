"""A run's folder, and programs in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hashbench.results.folder import RunFolder


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


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Where a run would lie; nothing is there yet."""
    return RunFolder.at(tmp_path / "runs", "digits", "dsh", 16, 0)
