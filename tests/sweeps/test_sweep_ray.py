"""Ray does what the local processes do: the same rows; skipped where Ray is not installed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.slow,  # starting Ray takes longer than the runs
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason='needs Ray: pip install "hashbench[ray]"'),
]

WORDS = ["sweep", "--methods", "toy,toy_shallow", "--bits", "8", "--seeds", "0-1", "--epochs", "2", "--jobs", "2"]


def sweep(plugin, folder, *more):
    """A sweep from an empty folder with a relative --out; its results by path."""
    folder.mkdir()
    command = [sys.executable, "-m", "hashbench", *WORDS, "--plugin", str(plugin), *more]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    paths = sorted((folder / "runs").rglob("result.json"))
    return done, {str(path.relative_to(folder)): json.loads(path.read_text()) for path in paths}


def test_ray_with_two_workers_gives_the_rows_of_local_processes(plugin, tmp_path):
    local, expected = sweep(plugin, tmp_path / "local")
    assert local.returncode == 0, local.stderr
    ray, found = sweep(plugin, tmp_path / "ray", "--executor", "ray")
    assert ray.returncode == 0, ray.stderr
    assert len(expected) == 4
    assert ray.stdout.startswith("4 done, 0 finished before, 0 failed")
    assert found.keys() == expected.keys()
    for path, record in expected.items():
        for name in ("fingerprint", "method", "hparams", "bits", "seed", "metrics", "selection"):
            assert found[path][name] == record[name], (path, name)


def test_a_task_on_ray_may_raise_or_die_without_harm_to_the_next():
    from hashbench.sweeps.executors.ray_cluster import RayExecutor

    with RayExecutor(jobs=1, device="cpu") as workers:
        deaths = []
        for key, call in enumerate([(os._exit, 1), (divmod, 1, 0), (os.getcwd,)]):
            workers.start(key, *call)
            (ended,) = workers.wait()
            assert ended.key == key
            deaths.append(ended.death)
    assert deaths[0].startswith("its process died (WorkerCrashedError)")
    assert deaths[1].startswith("ZeroDivisionError")
    assert deaths[2] is None
    assert ended.value == os.getcwd()


def test_a_crash_on_ray_is_reported_as_elsewhere(plugin, tmp_path):
    done, found = sweep(plugin, tmp_path / "ray", "--executor", "ray", "--methods", "toy_shallow,toy_diverging")
    assert done.returncode == 1
    assert "loss is nan" in done.stdout
    assert len(found) == 2
