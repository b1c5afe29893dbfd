"""Commands in processes of their own, killed by SIGKILL at random times; the same command completes them."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from kill_states import contents, leftovers
from whole import assert_whole_runs, runs_below, store_with_codes

from hashbench.results.folder import RunFolder
from hashbench.tuning.study import load_study

pytestmark = pytest.mark.slow

TIMES = 4
"""Kills of each command."""
TOY = ("--bits", "8", "--epochs", "4", "--batch-size", "64", "--device", "cpu")
INLINE = ("--executor", "inline")  # workers that die are met in tests/sweeps/test_sweep_signals.py
PAGES = ("--csv", "l.csv", "--markdown", "l.md", "--html", "l.html", "--latex", "l.tex")
COMMANDS = {
    "run": ("run", "--method", "toy", *TOY),
    "overwrite": ("run", "--method", "toy", "--overwrite", *TOY),
    "sweep": ("sweep", "--methods", "toy_shallow,toy", "--seeds", "0-1", *INLINE, *TOY),
    "tune": ("tune", "toy", "--search", "alpha=log 0.5 2", "--trials", "3", "--out", "s.json", *INLINE, *TOY),
    "leaderboard": ("leaderboard", "stored", *PAGES),
    "figures": ("figures", "stored", "--out", "f", "--format", "png"),
    "export": ("export", "runs/digits/lsh/8bit/seed0", "--out", "e"),
}


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    said: str


class Commands:
    """Commands, each in a process of its own that has the program loaded already.

    Args:
        folder: for what they say.
        environment: of all of them.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._said = folder / "said.txt"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._server = subprocess.Popen([sys.executable, "-c", SERVER], env=environment, **pipes)

    def __call__(self, folder: Path, words: Sequence[str], kill_after: float | None = None) -> Done:
        """Give a command in a folder; kill it after so many seconds."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        asked = [str(folder), str(self._said), list(words), kill_after]
        self._server.stdin.write(json.dumps(asked) + "\n")
        self._server.stdin.flush()
        return Done(int(self._server.stdout.readline()), self._said.read_text())

    def close(self) -> None:
        self._server.kill()
        self._server.communicate()


SERVER = """
import json, os, signal, sys, threading
import hashbench.api, hashbench.engine.run, hashbench.tuning.tune, hashbench.report.figures.draw, hashbench.deploy.export_run
from hashbench.cli import main

for line in sys.stdin:
    folder, said, words, kill_after = json.loads(line)
    child = os.fork()
    if child == 0:
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.chdir(folder)
        try:
            main(words)
        except SystemExit as ended:
            sys.stdout.flush()
            os._exit(ended.code)
    timer = threading.Timer(kill_after or 1e6, os.kill, (child, signal.SIGKILL))
    timer.daemon = True
    timer.start()
    status = os.waitpid(child, 0)[1]
    timer.cancel()
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


@pytest.fixture(scope="module")
def call(plugin: Path, tmp_path_factory) -> Iterator[Commands]:
    folder = tmp_path_factory.mktemp("commands")
    path = os.pathsep.join(filter(None, [str(plugin), os.environ.get("PYTHONPATH")]))
    made = Commands(folder, {**os.environ, "HASHBENCH_CACHE": str(folder / "cache"), "PYTHONPATH": path})
    yield made
    made.close()


def words_of(name: str, plugin: Path) -> tuple[str, ...]:
    """A command, with the toy methods where it needs them."""
    return (*COMMANDS[name], *(("--plugin", str(plugin)) if "toy" in "".join(COMMANDS[name]) else ()))


def prepare(name: str, folder: Path, call: Commands, plugin: Path, make_record) -> None:
    """What a command finds."""
    folder.mkdir()
    history = [{"epoch": epoch, "loss": 1 / epoch, "val_map": epoch / 10} for epoch in (1, 2)]
    if name in ("leaderboard", "figures"):
        store_with_codes(folder / "stored", make_record(history=history))
        assert call(folder, words_of(name, plugin)).returncode == 0
        for seed in range(5):
            store_with_codes(folder / "stored", make_record("csq", seed=seed, history=history))
    if name == "overwrite":
        assert call(folder, words_of("run", plugin)).returncode == 0
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


def completed(name: str, folder: Path, call: Commands, plugin: Path) -> None:
    """The same command after a kill, or what it says is to be called."""
    words = words_of(name, plugin)
    if name in ("run", "overwrite"):
        states = [RunFolder(path.parent).state for path in folder.rglob("spec.json")]
        if states:
            words = (*words_of("run", plugin), "--resume")
    if name == "export" and (folder / "e" / "manifest.json").exists():
        return
    done = call(folder, words)
    assert done.returncode == 0, done.said


@pytest.mark.parametrize("name", COMMANDS)
def test_sigkill_at_random_times(name: str, tmp_path: Path, call: Commands, plugin: Path, make_record) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    prepare(name, before, call, plugin, make_record)
    for _ in range(2):  # the second time, with all caches filled, is measured
        shutil.rmtree(after, ignore_errors=True)
        shutil.copytree(before, after, symlinks=True)
        started = time.monotonic()
        done = call(after, words_of(name, plugin))
        seconds = time.monotonic() - started
        assert done.returncode == 0, done.said
    at, killed = random.Random(name), 0
    for number in range(TIMES):
        folder = Path(shutil.copytree(before, tmp_path / f"killed{number}", symlinks=True))
        killed += call(folder, words_of(name, plugin), seconds * at.uniform(0.1, 1.0)).returncode == -signal.SIGKILL
        assert_old_or_new(name, folder, before, after)
        completed(name, folder, call, plugin)
        assert_old_or_new(name, folder, after, after)
        assert not leftovers(folder)
        if name in ("run", "overwrite", "sweep"):
            assert runs_below(folder / "runs").keys() == runs_below(after / "runs").keys()
    assert killed, "all were over before they were to be killed"
