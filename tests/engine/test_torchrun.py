"""Processes of one run that lose each other, or torchrun: the others end too, in one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from hashbench.engine import distributed
from hashbench.errors import RunFailedError, UserError

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(
            "[../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:24671"
        ),
        torch.distributed.DistNetworkError("The client socket has failed to connect: Connection refused"),
        torch.distributed.DistBackendError("NCCL error in: ProcessGroupNCCL.cpp, remote process exited"),
        ConnectionResetError(104, "Connection reset by peer"),
    ],
)
def test_a_process_that_lost_another_says_so_in_one_line(monkeypatch, error):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RunFailedError) as raised, distributed.lost_peers_in_one_line():
        raise error
    assert str(raised.value).startswith("another process of this run has ended")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("error", [UserError("gloo"), ValueError("x"), RunFailedError("nccl is in the words")])
def test_other_errors_stay_what_they_are(monkeypatch, error):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(type(error)) as raised, distributed.lost_peers_in_one_line():
        raise error
    assert raised.value is error


def test_a_single_process_has_nobody_to_lose(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert not distributed.is_lost_peer(RuntimeError("gloo: Connection closed by peer"))


DIES = """
import os
import hashbench.engine.experiment as experiment
from hashbench.cli import main
join = experiment.launch_if_asked

def join_and_leave(device):
    join(device)
    os._exit(9)

if os.environ["RANK"] == "1":
    experiment.launch_if_asked = join_and_leave
main()
"""


@pytest.mark.slow
def test_a_process_that_dies_before_training_ends_the_other_in_one_line(tmp_path):
    """Without torchrun, which would end the other before it finds out."""
    (tmp_path / "dies.py").write_text(DIES)
    words = [
        sys.executable,
        str(tmp_path / "dies.py"),
        "run",
        "-m",
        "dsh",
        "--bits",
        "8",
        "--out",
        str(tmp_path / "runs"),
    ]
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    processes = [
        subprocess.Popen(words, env={**os.environ, **meeting, "RANK": str(rank)}, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    first, second = (process.communicate(timeout=300)[1] for process in processes)
    assert [process.returncode for process in processes] == [1, 9], first + second
    assert first.splitlines()[-1].startswith("error: another process of this run has ended")
    assert "Traceback" not in first


def free_port():
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked for in /proc")
def test_processes_end_with_torchrun_however_it_ends(tmp_path):
    out = tmp_path / "runs"
    words = ["run", "-m", "dsh", "--bits", "8", "--epochs", "100000", "--out", str(out)]
    torchrun = subprocess.Popen([*TORCHRUN, "-m", "hashbench", *words], stderr=subprocess.DEVNULL)
    wait_until(lambda: list(out.rglob("epoch_*.pth")), 300)
    workers = [int(stat.parent.name) for stat in Path("/proc").glob("[0-9]*/stat") if parent(stat) == torchrun.pid]
    assert len(workers) == 2
    torchrun.send_signal(signal.SIGKILL)
    torchrun.wait()
    wait_until(lambda: not any(is_alive(worker) for worker in workers), 30)


def parent(stat):
    """Whose child a process is; None if it has just ended."""
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
