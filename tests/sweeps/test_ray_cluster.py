"""A Ray cluster of two nodes, of which whatever may die does die while a sweep runs; the same command completes it."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from executor_helpers import wait_until

pytestmark = [
    pytest.mark.slow,  # two minutes
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason='needs Ray: pip install "hashbench[ray]"'),
]

SWEEP = ["sweep", "--methods", "toy", "--bits", "8", "--seeds", "0-3", "--epochs", "12", "--device", "cpu"]
COMPARED = ("fingerprint", "method", "hparams", "bits", "seed", "metrics", "selection")


class Cluster:
    """Nodes of Ray on this machine, each a process group of its own.

    Args:
        folder: of the logs.
        slow_while: file; while it is there, an epoch of a toy method takes half a second.
    """

    def __init__(self, folder: Path, slow_while: Path) -> None:
        self.port = _free_port()
        self._logs, self._nodes = folder, dict[str, subprocess.Popen]()
        self._sessions = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # sockets have short names
        # Nodes may listen on more than loopback, so nobody gets in without the token of this one test.
        self.login = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        self._environment = {
            **os.environ,
            **self.login,
            "TOY_SLOW_WHILE": str(slow_while),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")])),
        }

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self, name: str) -> None:
        """A node with one core; the first is the head."""
        words = ["--address", self.address]
        if name == "head":
            words = ["--head", f"--port={self.port}", "--include-dashboard=false", f"--temp-dir={self._sessions}"]
            words += ["--ray-client-server-port", str(_free_port())]
        words = ["start", "--block", "--num-cpus=1", "--node-ip-address=127.0.0.1", *words]
        words += ["--object-store-memory=100000000", "--min-worker-port=0", "--max-worker-port=0"]
        ray = [sys.executable, "-c", "from ray.scripts.scripts import main; main()"]
        log = self._logs / f"{name}.log"
        with open(log, "wb") as out:
            self._nodes[name] = subprocess.Popen(
                [*ray, *words], stdout=out, stderr=out, env=self._environment, start_new_session=True
            )
        wait_until(lambda: "block forever" in log.read_text(), 90, f"ray start of {name}")

    def kill(self, name: str) -> None:
        """SIGKILL to all that belongs to a node."""
        node = self._nodes.pop(name)
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()

    def tasks(self, name: str) -> list[int]:
        """Processes of a node that do a task at this moment."""
        rows = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,sid=,args="], capture_output=True, text=True, check=True)
        found = [row.split(None, 2) for row in rows.stdout.splitlines()]
        group = self._nodes[name].pid
        return [int(pid) for pid, session, words in found if int(session) == group and "attempt_in_folder" in words]

    def close(self) -> None:
        for name in list(self._nodes):
            self.kill(name)
        shutil.rmtree(self._sessions, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "slow").touch()
    made = Cluster(tmp_path, tmp_path / "slow")
    try:
        made.start("head")
        made.start("second")
        yield made
    finally:
        made.close()


def sweep(plugin: Path, folder: Path, login: dict[str, str], *words: str, err: IO[bytes]) -> subprocess.Popen:
    """A sweep from a folder, its results in `runs` there."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "hashbench", *SWEEP, "--plugin", str(plugin), *words]
    environment = {**os.environ, **login}
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=err, env=environment, start_new_session=True
    )


def results(folder: Path) -> dict[str, dict]:
    paths = sorted((folder / "runs").rglob("result.json"))
    records = {str(path.relative_to(folder)): json.loads(path.read_text()) for path in paths}
    return {path: {name: record[name] for name in COMPARED} for path, record in records.items()}


def test_a_worker_a_node_and_the_head_die_and_the_same_command_completes(
    plugin: Path, tmp_path: Path, cluster: Cluster
) -> None:
    words = ("--executor", "ray", "--executor-option", f"address={cluster.address}")
    folder, said = tmp_path / "ray", tmp_path / "said.txt"
    with open(said, "wb") as err:
        process = sweep(plugin, folder, cluster.login, *words, err=err)
    try:
        wait_until(lambda: len(list(folder.rglob("epoch_*.pth"))) >= 2, 180, "checkpoints")

        worker = (cluster.tasks("head") + cluster.tasks("second"))[0]
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: said.read_text().count("it is tried again") >= 1, 60, "news of the worker's death")

        wait_until(lambda: cluster.tasks("second"), 120, "a task on the second node")
        cluster.kill("second")
        wait_until(lambda: said.read_text().count("it is tried again") >= 2, 120, "news of the node's death")

        wait_until(lambda: cluster.tasks("head"), 120, "a task on the head")
        cluster.kill("head")
        process.wait(timeout=300)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode not in (0, None)
    print(said.read_text())
    assert len(results(folder)) < 4, "not all was done before"

    (tmp_path / "slow").unlink()
    cluster.start("head")
    cluster.start("second")
    with open(said, "wb") as err:
        completed = sweep(plugin, folder, cluster.login, *words, err=err)
    out = completed.communicate(timeout=300)[0].decode()
    assert completed.returncode == 0, said.read_text()
    assert " 0 failed" in out.splitlines()[0]
    with open(tmp_path / "local.txt", "wb") as err:
        local = sweep(plugin, tmp_path / "local", {}, "--jobs", "2", err=err)
        assert local.wait(timeout=300) == 0
    assert results(folder) == results(tmp_path / "local")
    assert len(results(folder)) == 4
    assert not list(folder.rglob("*.tmp"))
