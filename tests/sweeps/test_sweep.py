"""Sweeps finish what was begun, skip what is done, and report, retry or leave alone what fails."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

import faulty_plugin
import pytest
from scripted_executor import ScriptedExecutor

from hashbench.catalog import load_catalog
from hashbench.catalog.request import resolve
from hashbench.engine.run import run
from hashbench.errors import Interrupted
from hashbench.results.find import find_runs
from hashbench.sweeps.estimate import Durations, in_words
from hashbench.sweeps.executors.local import LocalExecutor
from hashbench.sweeps.known_runs import KnownRuns
from hashbench.sweeps.sweep import kinds_of, sweep

SMALL = {"epochs": 2, "validate_every": 1}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "registry.yaml").write_text(faulty_plugin.REGISTRY)
    (folder / "faulty_methods.py").write_text(faulty_plugin.METHODS)
    return folder


@pytest.fixture
def specs(plugin, faulty, tmp_path, monkeypatch):
    """specs(*methods, seeds=..., changes=..., **resolve arguments): methods innermost, as the command has them."""
    notes = tmp_path / "notes"
    notes.mkdir()
    monkeypatch.setenv("FAULTY_NOTES", str(notes))
    catalog = load_catalog([plugin, faulty], folder=tmp_path)

    def make(*methods, seeds=(0,), changes=None, **options):
        return [
            resolve(
                catalog,
                method=method,
                seed=seed,
                changes=SMALL | (changes or {}),
                out=tmp_path / "runs",
                plugins=(plugin, faulty),
                **{"bits": 8, **options},
            )
            for seed in seeds
            for method in methods
        ]

    return make


@pytest.fixture
def said():
    return []


@pytest.fixture
def inline(said):
    """inline(specs, retry=..., **how the executor behaves) -> outcome: a sweep within this process."""

    def go(specs, retry=0, **behaviour):
        return sweep(specs, lambda: ScriptedExecutor(**behaviour), said.append, retry=retry)

    return go


def test_processes_run_skip_report_and_complete(specs, said, tmp_path):
    first = sweep(specs("toy", "toy_diverging", seeds=(0, 1)), lambda: LocalExecutor(2), said.append)
    assert (len(first.done), first.skipped, len(first.failed)) == (2, 0, 2)
    assert all("loss is nan" in str(failure.failure) for failure in first.failed)
    assert said[0] == "4 runs to do, 2 at a time"
    assert any(line.startswith("[3/4, about ") and " left] " in line for line in said)
    assert "left" not in said[-1]
    again = sweep(specs("toy", seeds=(0, 1, 2)), lambda: LocalExecutor(1), said.append)
    assert (len(again.done), again.skipped) == (1, 2)
    collected = find_runs(tmp_path / "runs")
    assert len(collected.records) == 3
    assert collected.problems == []


def test_nothing_to_do_starts_nothing(specs, inline, said):
    inline(specs("toy_shallow"))
    outcome = sweep(specs("toy_shallow"), lambda: pytest.fail("an executor was made"), said.append)
    assert (outcome.done, outcome.skipped, outcome.failed) == ([], 1, [])
    assert said[-1] == "1 runs were finished before"


def test_dropped_options_are_said_once(specs, inline, said):
    swapped = specs("toy", seeds=(0, 1), sets=["optimizer.type=Adam"])
    inline(swapped)
    assert [line for line in said if line.startswith("warning: ")] == [f"warning: {note}" for note in swapped[0].notes]
    assert swapped[0].notes


def test_a_run_is_found_only_if_it_is_the_same(specs, inline):
    (spec,) = specs("toy_shallow")
    assert KnownRuns().find(spec) is None
    inline([spec])
    run = KnownRuns().find(spec)
    assert run.state == "finished"
    assert run.path.name == "seed0"
    (other,) = specs("toy_shallow", sets=["protocol.topk=[7]"])
    assert KnownRuns().find(other) is None


def test_a_crash_is_reported_with_its_reason_and_the_log_has_the_rest(specs, inline, said):
    (spec,) = specs("crashing")
    outcome = inline([spec])
    (failure,) = outcome.failed
    run = KnownRuns().find(spec)
    (line,) = [number for number, text in enumerate(faulty_plugin.METHODS.splitlines(), 1) if "out of luck" in text]
    log = run.path / "log.txt"
    assert failure.failure == f"RuntimeError: out of luck (faulty_methods.py, line {line}; traceback in {log})"
    assert run.state == "unfinished"
    assert "Traceback" in log.read_text()
    assert len(inline([spec]).done) == 1, "the next call tries it again"


def test_retry_tries_crashed_runs_again_in_the_same_call(specs, inline, said, tmp_path):
    (spec,) = specs("crashing", sets=["times=2"])
    assert len(inline([spec], retry=1).failed) == 1
    assert sum("it is tried again" in line for line in said) == 1
    (tmp_path / "notes" / "crashes").unlink()
    assert len(inline([spec], retry=2).done) == 1


def test_what_was_refused_is_never_tried_again(specs, inline, tmp_path):
    outcome = inline(specs("refusing", "toy_shallow"), retry=5)
    assert [failure.failure for failure in outcome.failed] == ["method refusing: cannot give so many bits"]
    assert len(outcome.done) == 1
    assert (tmp_path / "notes" / "refusals").read_text() == "x"


def test_a_run_whose_process_died_is_tried_once_more(specs, inline, said):
    assert len(inline(specs("toy_shallow"), deaths=1).done) == 1
    assert "killed by SIGKILL; it is tried again" in said[-2]
    outcome = inline(specs("toy_shallow", bits=9), deaths=2)
    assert [failure.failure for failure in outcome.failed] == ["its process was killed by SIGKILL"]
    assert len(inline(specs("toy_shallow", bits=9), deaths=3, retry=3).done) == 1


def test_ctrl_c_keeps_what_is_finished(specs, inline, tmp_path):
    todo = specs("toy_shallow", seeds=(0, 1, 2))
    with pytest.raises(Interrupted, match=r"2 runs finished in this call.*the same command goes on"):
        inline(todo, interrupt_after=2)
    assert len(find_runs(tmp_path / "runs").records) == 2
    outcome = inline(todo)
    assert (len(outcome.done), outcome.skipped) == (1, 2)


def test_a_run_that_another_process_holds_is_left_to_it(specs, inline, said, catalog):
    (spec,) = specs("toy_shallow")
    run(spec, catalog)
    ran = KnownRuns().find(spec)
    folder = ran.path
    (folder / "result.json").rename(folder / "kept")
    with ran.claim():
        assert ran.is_in_use
        # The other process is done when this one comes to look again.
        outcome = inline(
            [spec, *specs("toy_shallow", seeds=(1,))],
            on_idle=lambda: (folder / "kept").exists() and (folder / "kept").rename(folder / "result.json"),
        )
    assert not ran.is_in_use
    assert (len(outcome.done), outcome.skipped, outcome.failed) == (1, 1, [])
    assert "another process is doing some of these runs: they are left to it" in said


def test_a_full_disk_stops_the_sweep_and_spoils_nothing(specs, inline, said, tmp_path, monkeypatch):
    todo = specs("toy_shallow", "toy", seeds=(0, 1))
    fsync = os.fsync

    def full(descriptor):
        if len(find_runs(tmp_path / "runs").records) >= 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        outcome = inline(todo, retry=3)
    assert (len(outcome.done), len(outcome.failed), outcome.no_room, outcome.not_begun) == (1, 1, True, 2)
    assert "No space left on device" in str(outcome.failed[0])
    assert not list((tmp_path / "runs").rglob("*.tmp"))
    collected = find_runs(tmp_path / "runs")
    assert len(collected.records) == 1
    assert collected.problems == []
    outcome = inline(todo)
    assert (len(outcome.done), outcome.skipped, outcome.no_room) == (3, 1, False)


def test_frozen_features_are_computed_once_for_all_runs_of_all_processes(specs, said, tmp_path):
    todo = [
        spec
        for bits in (8, 9)
        for spec in specs("toy_shallow", "toy", bits=bits, backbone="counting", changes={"frozen": True})
    ]
    assert len(sweep(todo, lambda: LocalExecutor(2), said.append).done) == 4
    images = [int(line) for line in (tmp_path / "notes" / "images").read_text().split()]
    assert sum(images) == 1297 + 500  # train and validation, then the test queries: each image once
    assert said[1].startswith("features of the frozen counting for digits")


def test_a_process_reads_features_once_for_all_its_runs(specs, inline, monkeypatch):
    from hashbench.cache import FeatureCache

    reads = []
    get = FeatureCache.get_or_compute
    monkeypatch.setattr(
        FeatureCache,
        "get_or_compute",
        lambda self, key, rows, *rest: reads.append(len(rows)) or get(self, key, rows, *rest),
    )
    todo = [s for b in (8, 9, 10) for s in specs("toy_shallow", bits=b, backbone="counting", changes={"frozen": True})]
    assert len(inline(todo).done) == 3
    assert reads == [1297, 500]


def test_time_left_is_that_of_the_methods_and_not_of_the_mean(specs):
    durations = Durations()
    slow_run, quick_run = specs("toy", "toy_shallow")
    slow, quick = kinds_of(slow_run), kinds_of(quick_run)
    assert durations.expected(slow) is None
    assert durations.left([slow], [], 1) is None
    durations.add(quick, 1.0)
    assert durations.left([slow], [], 1) == 1.0  # nothing better is known
    durations.add(slow, 99.0)
    assert durations.expected(kinds_of(replace(slow_run, bits=64, seed=5))) == 99.0
    assert durations.expected(kinds_of(replace(quick_run, seed=5))) == 1.0
    assert durations.expected(kinds_of(replace(quick_run, method="unknown"))) == 50.0
    assert durations.left([quick] * 10, [], 2) == 5.0
    assert durations.left([slow, quick], [], 2) == 99.0  # no sooner than the longest
    assert durations.left([], [(slow, 90.0)], 2) == 9.0
    assert durations.left([], [(slow, 50.0), (quick, 5.0)], 1) == 49.5, "the quick one is overdue, not over"
    assert [in_words(s) for s in (5, 119, 600, 9000)] == ["5 s", "119 s", "10 min", "2.5 h"]


def test_finished_runs_tell_how_long_their_like_takes(specs, inline, said):
    inline(specs("toy_shallow"))
    said.clear()
    inline(specs("toy_shallow", seeds=(0, 1)))
    assert said[1].startswith("1 runs to do, 1 at a time, about ")
