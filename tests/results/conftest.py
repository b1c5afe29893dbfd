"""Programs in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest


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
