"""Commands in processes of their own, killed by SIGKILL at random times; the same command completes them."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kill_states import contents, leftovers
from whole import assert_whole_runs, runs_below, store_with_codes

from hashbench.results.folder import RunFolder
from hashbench.tuning.study import load_study

pytestmark = pytest.mark.slow

TIMES = 8
"""Kills of each command."""
TOY = ("--bits", "8", "--epochs", "4", "--batch-size", "64", "--device", "cpu")
PAGES = ("--csv", "l.csv", "--markdown", "l.md", "--html", "l.html", "--latex", "l.tex")
COMMANDS = {
    "run": ("run", "--method", "toy", *TOY),
    "overwrite": ("run", "--method", "toy", "--overwrite", *TOY),
    "sweep": ("sweep", "--methods", "toy_shallow,toy", "--seeds", "0-1", "--jobs", "2", *TOY),
    "tune": ("tune", "toy", "--search", "alpha=log 0.5 2", "--trials", "3", "--jobs", "2", "--out", "s.json", *TOY),
    "leaderboard": ("leaderboard", "stored", *PAGES),
    "figures": ("figures", "stored", "--out", "f", "--format", "png"),
    "export": ("export", "runs/digits/lsh/8bit/seed0", "--out", "e"),
}


@pytest.fixture
def call(plugin: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """call(folder, words, kill_after=None): a command in a folder, whatever it started killed with it."""
    environment = {**os.environ, "HASHBENCH_CACHE": str(tmp_path / "cache")}

    def run(folder: Path, words: tuple[str, ...], kill_after: float | None = None):
        plugins = () if words[0] in ("leaderboard", "figures", "export") else ("--plugin", str(plugin))
        command = [sys.executable, "-m", "hashbench", *words, *plugins]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **pipes)
        try:
            out, err = process.communicate(timeout=kill_after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    return run


def prepare(name: str, folder: Path, call, make_record) -> None:
    """What a command finds."""
    folder.mkdir()
    history = [{"epoch": epoch, "loss": 1 / epoch, "val_map": epoch / 10} for epoch in (1, 2)]
    if name in ("leaderboard", "figures"):
        store_with_codes(folder / "stored", make_record(history=history))
        assert call(folder, COMMANDS[name]).returncode == 0
        for seed in range(5):
            store_with_codes(folder / "stored", make_record("csq", seed=seed, history=history))
    if name == "overwrite":
        assert call(folder, COMMANDS["run"]).returncode == 0
    if name == "export":
        assert call(folder, ("run", "--method", "lsh", "--bits", "8")).returncode == 0


def assert_old_or_new(name: str, folder: Path, before: Path, after: Path) -> None:
    """No half of anything."""
    if name == "tune":
        if (folder / "s.json").exists():
            whole = {trial.number: trial.score for trial in load_study(after / "s.json").trials}
            for trial in load_study(folder / "s.json").trials:
                assert trial.score == whole[trial.number]
    elif name in ("run", "overwrite", "sweep"):
        assert_whole_runs(folder / "runs", runs_below(after / "runs"))
    elif name == "leaderboard":
        old, new = contents(before), contents(after)
        assert all(text in (old.get(key), new[key]) for key, text in contents(folder).items() if ".tmp" not in key)
    else:
        place, mark = ("f", "index.md") if name == "figures" else ("e", "manifest.json")
        old, new = contents(before / place), contents(after / place)
        found = {key: text for key, text in contents(folder / place).items() if ".tmp" not in key}
        assert found in (old, new) or mark not in found
        assert all(text in (old.get(key), new[key]) for key, text in found.items())


def completed(name: str, folder: Path, call) -> None:
    """The same command after a kill, or what it says is to be called."""
    words = COMMANDS[name]
    if name in ("run", "overwrite"):
        states = [RunFolder(path.parent).state for path in folder.rglob("spec.json")]
        if states:
            words = (*COMMANDS["run"], "--resume")
    if name == "export" and (folder / "e" / "manifest.json").exists():
        return
    done = call(folder, words)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_sigkill_at_random_times(name: str, tmp_path: Path, call, make_record) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    prepare(name, before, call, make_record)
    for _ in range(2):  # the second time, with all caches filled, is measured
        shutil.rmtree(after, ignore_errors=True)
        shutil.copytree(before, after, symlinks=True)
        started = time.monotonic()
        done = call(after, COMMANDS[name])
        seconds = time.monotonic() - started
        assert done.returncode == 0, done.stdout + done.stderr
    at, killed = random.Random(name), 0
    for number in range(TIMES):
        folder = Path(shutil.copytree(before, tmp_path / f"killed{number}", symlinks=True))
        killed += call(folder, COMMANDS[name], seconds * at.uniform(0.4, 1.0)).returncode == -signal.SIGKILL
        assert_old_or_new(name, folder, before, after)
        completed(name, folder, call)
        assert_old_or_new(name, folder, after, after)
        assert not leftovers(folder)
        if name in ("run", "overwrite", "sweep"):
            assert runs_below(folder / "runs").keys() == runs_below(after / "runs").keys()
    assert killed, "all were over before they were to be killed"
