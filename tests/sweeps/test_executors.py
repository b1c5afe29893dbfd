"""Executors of this machine: workers keep what they know, die alone, never outlive their parent, share cores and GPUs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import executor_helpers as tasks
import pytest

from hashbench.errors import UserError
from hashbench.sweeps.executors import base
from hashbench.sweeps.executors.inline import InlineExecutor
from hashbench.sweeps.executors.local import LocalExecutor


def run_all(workers, calls):
    """Answers in the order of the calls."""
    answers, waiting, running = {}, list(enumerate(calls)), 0
    while waiting or running:
        while waiting and running < workers.workers:
            key, (function, *arguments) = waiting.pop(0)
            workers.start(key, function, *arguments)
            running += 1
        for ended in workers.wait():
            answers[ended.key] = ended
            running -= 1
    return [answers[key] for key in sorted(answers)]


def test_answers_come_back_and_workers_keep_their_state():
    with LocalExecutor(2) as workers:
        assert [ended.value for ended in run_all(workers, [(tasks.times, n, 10) for n in range(5)])] == [
            0,
            10,
            20,
            30,
            40,
        ]
        assert workers.wait(0.01) == []
    with LocalExecutor(1) as workers:
        (first, one), (second, two) = (ended.value for ended in run_all(workers, [(tasks.count,)] * 2))
    assert (first, one, two) == (second, 1, 2)
    assert first != os.getpid()
    tasks.wait_until(lambda: not tasks.is_alive(first), 10, "the worker ends with its executor")


def test_a_worker_that_dies_takes_only_its_own_task_with_it():
    with LocalExecutor(2) as workers:
        ended = run_all(workers, [(tasks.die,), (tasks.times, 2, 3), (tasks.leave, 3), (tasks.times, 3, 3)])
    assert ended[0].death == "its process was killed by SIGKILL"
    assert ended[2].death == "its process ended with exit code 3"
    assert [ended[1].value, ended[3].value] == [6, 9]


def test_what_a_task_raises_is_its_end_and_the_worker_goes_on(tmp_path, monkeypatch):
    (tmp_path / "not_there.py").write_text("def unknown():\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    import not_there

    with LocalExecutor(1) as workers:
        first, _ = run_all(workers, [(tasks.count,)] * 2)
        (tmp_path / "not_there.py").unlink()
        ended = run_all(workers, [(divmod, 1, 0), (tasks.refuse,), (not_there.unknown,), (tasks.count,)])
    assert ended[0].death == "ZeroDivisionError: integer division or modulo by zero"
    assert ended[1].death == "it was refused"
    assert ended[2].death.startswith("ModuleNotFoundError: No module named 'not_there'")
    assert ended[3].value == (first.value[0], 3)


def test_inline_does_one_task_at_a_time_in_this_process():
    with InlineExecutor() as workers:
        ended = run_all(workers, [(os.getpid,), (divmod, 1, 0), (tasks.times, 2, 3)])
        assert workers.wait(0.01) == []
    assert (ended[0].value, ended[2].value) == (os.getpid(), 6)
    assert ended[1].death == "ZeroDivisionError: integer division or modulo by zero"
    with pytest.raises(UserError, match="--jobs 2 with --executor inline: it does one run at a time"):
        InlineExecutor(jobs=2)


def test_ctrl_c_does_not_reach_workers():
    with LocalExecutor(1) as workers:
        (ended,) = run_all(workers, [(tasks.interrupt_me,)])
    assert ended.value == "alive"


def test_leaving_by_an_error_stops_what_is_under_way(tmp_path):
    def interrupted():
        with LocalExecutor(2) as workers:
            for key in range(2):
                workers.start(key, tasks.work_for_ever, str(tmp_path))
            tasks.wait_until(lambda: len(list(tmp_path.iterdir())) == 2, 60, "two workers at work")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not any(tasks.is_alive(int(path.name)) for path in tmp_path.iterdir())


ORPHANS = """
import sys
sys.path.insert(0, sys.argv[2])
import executor_helpers as tasks
from hashbench.sweeps.executors.local import LocalExecutor

if __name__ == "__main__":
    with LocalExecutor(2) as workers:
        for key in range(2):
            workers.start(key, tasks.work_for_ever, sys.argv[1])
        workers.wait()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent(tmp_path, how):
    (tmp_path / "parent.py").write_text(ORPHANS)
    (tmp_path / "at_work").mkdir()
    here = str(Path(__file__).parent)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "parent.py"), str(tmp_path / "at_work"), here])
    tasks.wait_until(lambda: len(list((tmp_path / "at_work").iterdir())) == 2, 60, "two workers at work")
    workers = [int(path.name) for path in (tmp_path / "at_work").iterdir()]
    assert all(tasks.is_alive(worker) for worker in workers)
    parent.send_signal(how)
    parent.wait()
    tasks.wait_until(lambda: not any(map(tasks.is_alive, workers)), 2, "no orphan")


def test_cores_are_shared_and_a_smaller_limit_stays(monkeypatch):
    monkeypatch.setattr("hashbench.sweeps.executors.local.cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    with LocalExecutor(2) as workers:
        asked = [(tasks.environment, name) for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")]
        assert [ended.value for ended in run_all(workers, asked)] == ["4", "1"]
    monkeypatch.setenv("OMP_NUM_THREADS", "not a number")
    assert base.thread_limits(3)["OMP_NUM_THREADS"] == "3"


def test_workers_are_dealt_out_over_the_gpus():
    with LocalExecutor(3, gpus="0,GPU-b") as workers:
        for key in range(3):
            workers.start(key, tasks.environment, "CUDA_VISIBLE_DEVICES")
        seen = []
        while len(seen) < 3:
            seen += workers.wait()
    assert [ended.value for ended in sorted(seen, key=lambda ended: ended.key)] == ["0", "GPU-b", "0"]


def test_one_process_a_gpu_is_the_default(monkeypatch):
    monkeypatch.setattr("hashbench.sweeps.executors.gpus._has_driver", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,7")
    with LocalExecutor(device="cuda") as workers:
        assert workers.workers == 3
        assert [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in workers._slots] == ["4", "5", "7"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    with LocalExecutor(4) as workers:
        assert [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in workers._slots] == ["0", "1", "2", "0"]
    for device in ("cpu", "cuda:1"):
        with LocalExecutor(1, device) as workers:
            assert "CUDA_VISIBLE_DEVICES" not in workers._slots[0].environment


@pytest.mark.parametrize("given", ["0,GPU-b", "0, GPU-b,", [0, "GPU-b"]])
def test_gpus_are_named_in_a_list_or_with_commas(given):
    with LocalExecutor(device="cuda", gpus=given) as workers:
        assert [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in workers._slots] == ["0", "GPU-b"]


@pytest.mark.parametrize(("given", "device", "match"), [("", "cuda", "name at least one"), (0, "cpu", "--device cpu")])
def test_gpus_that_cannot_be_used_are_refused(given, device, match):
    with pytest.raises(UserError, match=match):
        LocalExecutor(device=device, gpus=given)
