"""The toy methods, and the command line without a cache of its own a test: what is computed once is not what is killed."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_runs import plugin  # noqa: F401 - a fixture


@pytest.fixture
def work(tmp_path: Path, cli, monkeypatch, tmp_path_factory) -> Path:
    """The folder that the commands work in; relative paths name the same in each copy of it."""
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
