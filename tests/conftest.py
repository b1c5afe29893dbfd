"""Settings of the whole test run, and results that look like real ones, made without a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# One thread a test process: tests run side by side, and threads that wait for each other on too few cores stand still.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# No limit of time an example: a busy machine, or a function that numba compiles at its first call, is no failure.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def _record(method: str = "dsh", bits: int = 16, seed: int = 0, value: float = 0.5, **changes: Any):
    """A `ResultRecord` with a mAP of `value`."""
    from hashbench.results.record import ResultRecord  # not before the threads are settled

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


def _store(root: Path, result, protocol_dir: str | None = None):
    """The `RunFolder` of a finished run."""
    from hashbench.results.folder import RunFolder
    from hashbench.results.layout import method_dir_name

    method_dir = method_dir_name(result.method, result.preset)
    folder = RunFolder.at(root, protocol_dir or result.protocol, method_dir, result.bits, result.seed)
    with folder.claim():
        folder.write_spec({"method": result.method})
        folder.write_result(result)
    return folder


@pytest.fixture
def cli(capfd, tmp_path, monkeypatch) -> Callable[..., tuple[int, str, str]]:
    """cli(*words) -> (exit code, standard output, standard error), from an empty folder, with a cache of its own."""
    from hashbench.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: object) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        captured = capfd.readouterr()
        return ended.value.code, captured.out, captured.err  # type: ignore[return-value]

    return call


@pytest.fixture
def as_before(monkeypatch, tmp_path) -> Iterator[None]:
    """Nothing that a test registers by a decorator, or imports from its folder, outlives it."""
    from hashbench import registry
    from hashbench.catalog.registered import registered

    kept = {(one.section, one.name) for one in registered()}
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    registries = {one.section: one for one in vars(registry).values() if isinstance(one, registry.Registry)}
    for one in registered():
        if (one.section, one.name) not in kept:
            registries[one.section].unregister(one.name)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def make_record() -> Callable[..., Any]:
    return _record


@pytest.fixture
def store_record() -> Callable[..., Any]:
    return _store


@pytest.fixture
def metric_table():
    """The table of metrics; what a test adds to it is gone after the test."""
    from hashbench.evaluation.metrics import TABLE

    before = dict(TABLE)
    yield TABLE
    TABLE.clear()
    TABLE.update(before)
