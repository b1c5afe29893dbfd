"""Sweeps finish what was begun, skip what is done and report what fails; tuning never sees the test queries."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from hashbench.engine.spec import resolve
from hashbench.engine.sweep import find_run, sweep
from hashbench.engine.tune import draw, tune
from hashbench.errors import UserError
from hashbench.results.collect import collect

SMALL = {"epochs": 2, "validate_every": 1}


@pytest.fixture
def specs(catalog, plugin, tmp_path):
    def make(*methods, seeds=(0,), **options):
        return [
            resolve(
                catalog,
                method=method,
                seed=seed,
                bits=8,
                changes=SMALL,
                out=tmp_path / "runs",
                plugins=(plugin,),
                **options,
            )
            for method in methods
            for seed in seeds
        ]

    return make


def test_sweep_runs_skips_reports_and_completes(specs, plugin, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(plugin))
    said: list[str] = []
    first = sweep(specs("toy", "toy_diverging", seeds=(0, 1)), jobs=2, tell=said.append)
    assert (len(first.done), first.skipped, len(first.failed)) == (2, 0, 2)
    assert all("loss is nan" in str(failure.failure) for failure in first.failed)
    assert "left]" in said[-1]
    again = sweep(specs("toy", seeds=(0, 1, 2)), jobs=1, tell=said.append)
    assert (len(again.done), again.skipped) == (1, 2)
    collected = collect(tmp_path / "runs")
    assert len(collected.records) == 3
    assert collected.problems == []


def test_a_run_is_found_only_if_it_is_the_same(specs, plugin, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(plugin))
    (spec,) = specs("toy_shallow")
    assert find_run(spec) is None
    sweep([spec], jobs=1, tell=lambda text: None)
    folder, finished = find_run(spec)
    assert finished
    assert folder.name == "seed0"
    (other,) = specs("toy_shallow", sets=["protocol.topk=[7]"])
    assert find_run(other) is None


def test_a_worker_that_is_killed_is_tried_again_and_loses_nothing(specs, plugin, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(plugin))
    monkeypatch.setenv("TOY_MAY_DIE", "1")
    said: list[str] = []
    outcome = sweep(specs("toy", sets=["kill_at=9"]), jobs=1, tell=said.append)
    # Killed in the second epoch, then resumed past the fatal step? No: the step comes again, and it dies again.
    assert [failure.failure for failure in outcome.failed] == ["its process died twice"]
    monkeypatch.delenv("TOY_MAY_DIE")
    assert len(sweep(specs("toy", sets=["kill_at=9"]), jobs=1, tell=said.append).done) == 1


def test_killed_parent_leaves_whole_results_and_the_next_call_completes(plugin, tmp_path):
    words = [
        "sweep",
        "--methods",
        "toy,toy_shallow",
        "--bits",
        "8",
        "--seeds",
        "0-2",
        "--jobs",
        "1",
        "--plugin",
        str(plugin),
    ]
    command = [sys.executable, "-m", "hashbench", *words, "--epochs", "2", "--out", str(tmp_path / "runs")]
    environment = {**os.environ, "PYTHONPATH": str(plugin)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("[2/"):
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.wait()
    assert 2 <= len(collect(tmp_path / "runs").records) < 6
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    collected = collect(tmp_path / "runs")
    assert len(collected.records) == 6
    assert collected.problems == []


def test_draws_are_named_by_method_and_hyper_parameter():
    space = {"alpha": {"log": [0.1, 10.0]}, "kind": {"choice": ["a", "b", "c"]}, "share": {"uniform": [2.0, 3.0]}}
    assert draw(space, 0, "m", 0) == {}
    drawn = [draw(space, 0, "m", number) for number in range(1, 200)]
    assert all(0.1 <= d["alpha"] <= 10 and 2 <= d["share"] <= 3 for d in drawn)
    assert {d["kind"] for d in drawn} == {"a", "b", "c"}
    assert 0.3 < sum(d["alpha"] < 1 for d in drawn) / len(drawn) < 0.7
    more = {**space, "new": {"uniform": [0.0, 1.0]}}
    assert {k: v for k, v in draw(more, 0, "m", 5).items() if k != "new"} == drawn[4]
    assert draw(space, 0, "other", 5) != drawn[4]
    with pytest.raises(UserError, match="normal"):
        draw({"alpha": {"normal": [0, 1]}}, 0, "m", 1)


def test_tuning_keeps_the_test_queries_sealed(specs, plugin, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(plugin))
    tried = [({}, spec) for spec in specs("toy", "toy_diverging")]
    trials = tune(tried, jobs=1, tell=lambda text: None)
    assert trials[0].score > 0.15  # chance is 0.1
    assert trials[1].failure is not None
    assert not (tmp_path / "runs").exists()
