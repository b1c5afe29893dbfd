"""Whatever ends a sweep, what is finished stays, nothing is half-written, no process is left, the next call completes."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys

import pytest
from executor_helpers import is_alive, wait_until

from hashbench.results.find import find_runs

# One process works off: the shallow method in no time, then the deep one, slow enough to be hit in the middle.
SWEEP = ["sweep", "--methods", "toy_shallow,toy", "--bits", "8", "--seeds", "0", "--jobs", "1", "--epochs", "25"]


def start(plugin, out, words, **options):
    command = [sys.executable, "-m", "hashbench", *words, "--plugin", str(plugin), "--out", str(out)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # Shells start background jobs with Ctrl-C ignored, and the tests may be one.
    options = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)} | options
    return subprocess.Popen(command, start_new_session=True, **pipes, **options)


def finish(process):
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def children(pid):
    """Processes whose parent is `pid`."""
    rows = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return [int(row.split()[0]) for row in rows.splitlines() if int(row.split()[1]) == pid]


@pytest.fixture
def sweeping(plugin, tmp_path):
    """A sweep whose first run is finished and whose second has saved a checkpoint: (process, its children)."""
    slow = tmp_path / "slow"
    slow.touch()
    process = start(plugin, tmp_path / "runs", SWEEP, env={**os.environ, "TOY_SLOW_WHILE": str(slow)})
    try:
        wait_until(lambda: list((tmp_path / "runs").rglob("toy/**/epoch_*.pth")), 180, "a checkpoint")
        below = children(process.pid)
        assert below
        yield process, below
    finally:
        process.kill()


def assert_next_call_completes(plugin, out):
    assert len(find_runs(out).records) == 1, "the first run was finished and stays so"
    assert find_runs(out).problems == []
    code, said, err = finish(start(plugin, out, SWEEP))
    assert (code, said.splitlines()[0]) == (0, "1 done, 1 finished before, 0 failed"), err
    assert_whole(out)


def assert_whole(out):
    collected = find_runs(out)
    assert sorted(record.method for record in collected.records) == ["toy", "toy_shallow"]
    assert collected.problems == []
    (log,) = out.rglob("toy/**/log.txt")
    assert "resumed after epoch" in log.read_text()
    assert not [path for path in out.rglob("*.tmp") if "checkpoints" not in path.parts]


def test_sigkill_to_the_parent_stops_the_workers_and_the_next_call_completes(sweeping, plugin, tmp_path):
    process, below = sweeping
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not any(map(is_alive, below)), 10, "no orphan")
    assert_next_call_completes(plugin, tmp_path / "runs")


def test_ctrl_c_ends_in_one_line_with_130_and_the_next_call_completes(sweeping, plugin, tmp_path):
    process, below = sweeping
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    code, _, err = finish(process)
    assert code == 130
    last = err.strip().splitlines()[-1]
    assert last.startswith("error: interrupted: 1 runs finished in this call")
    assert "the same command goes on" in last
    assert "Traceback" not in err
    # Workers are joined before the sweep ends; multiprocessing's own helper leaves when it finds its parent gone.
    wait_until(lambda: not any(map(is_alive, below)), 10, "no orphan")
    assert_next_call_completes(plugin, tmp_path / "runs")


def test_sigkill_to_a_worker_costs_that_run_its_last_steps_and_no_more(sweeping, plugin, tmp_path):
    process, below = sweeping
    (worker,) = [pid for pid in below if is_worker(pid)]
    os.kill(worker, signal.SIGKILL)
    (tmp_path / "slow").unlink()
    code, said, err = finish(process)
    assert code == 0, err
    assert "toy 8 bits seed 0: failed: its process was killed by SIGKILL; it is tried again" in err
    assert said.startswith("2 done, 0 finished before, 0 failed")
    assert_whole(tmp_path / "runs")


def is_worker(pid):
    """Whether a child is a worker and not multiprocessing's own helper; `ww`: however long the path of Python is."""
    words = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    command = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return "spawn_main" in command


def test_files_that_cannot_grow_stop_the_sweep_and_the_next_call_completes(plugin, tmp_path):
    out, words = (
        tmp_path / "runs",
        ["sweep", "--methods", "toy_shallow,toy", "--bits", "8", "--epochs", "1", "--jobs", "1"],
    )
    # What is compiled once and kept on disk must not meet the limit.
    assert finish(start(plugin, out, [*words, "--seeds", "0", "--methods", "toy_shallow"]))[0] == 0
    limit = 60_000  # bytes a file: enough for codes, not for a checkpoint
    full = start(
        plugin,
        out,
        [*words, "--seeds", "0-1"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    code, said, err = finish(full)
    assert code == 1
    assert said.splitlines()[0] == "0 done, 1 finished before, 1 failed"
    last = err.strip().splitlines()[-1]
    assert re.fullmatch(r"error: no room to write in .*: 2 runs were not begun; .* the same command goes on", last)
    assert "Traceback" not in err
    assert len(find_runs(out).records) == 1
    code, said, _ = finish(start(plugin, out, [*words, "--seeds", "0-1"]))
    assert (code, said.splitlines()[0]) == (0, "3 done, 1 finished before, 0 failed")
    assert len(find_runs(out).records) == 4
    assert find_runs(out).problems == []


@pytest.mark.parametrize("number", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_sweeps_over_one_folder_share_the_work_and_lose_nothing(plugin, tmp_path, number):
    words = ["sweep", "--methods", "toy_shallow,toy", "--bits", "8", "--seeds", "0-2", "--epochs", "2", "--jobs", "1"]
    sweeps = [start(plugin, tmp_path / "runs", words) for _ in range(number)]
    ends = [finish(process) for process in sweeps]
    assert [code for code, _, _ in ends] == [0] * number, ends
    done = [re.match(r"(\d+) done, (\d+) finished before, 0 failed", out) for _, out, _ in ends]
    assert sum(int(match[1]) for match in done) == 6, "every run was done by exactly one of them"
    assert all(int(match[1]) + int(match[2]) == 6 for match in done)
    collected = find_runs(tmp_path / "runs")
    assert len(collected.records) == 6
    assert collected.problems == []
