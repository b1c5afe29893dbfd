"""Ray: the same tasks on this machine or on a cluster whose machines share the folders that the command names."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from hashbench.errors import UserError
from hashbench.sweeps.executors.base import Ended, Executor, cores
from hashbench.sweeps.executors.remote import attempt_in_folder, remote_environment

_OBJECT_STORE = 100 * 2**20
"""Bytes of shared memory for Ray on this machine: requests and answers are small, results go to their folders."""

_CONNECTION_SECONDS = 10.0
"""In which a cluster must take a connection."""


class RayExecutor(Executor):
    """Tasks on Ray.

    Args:
        jobs: tasks at a time; None: as many as there are cores (GPUs, where GPUs are used).
        device: `--device`; with `cuda`, or `auto` where the cluster has GPUs, each task asks for its share of a GPU.
        address: of a running cluster (`HOST:PORT`, `ray://HOST:PORT`, or `auto`); None starts Ray on this machine.

    Raises:
        UserError: Ray is not installed, no cluster answers at the address, or it has no GPU where one is asked for.
    """

    def __init__(self, jobs: int | None = None, device: str = "auto", *, address: str | None = None) -> None:
        ray = _import_ray()
        self._ray = ray
        if address is not None:
            _check_that_somebody_listens(str(address))
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if address is None:
            options |= {"num_cpus": jobs or cores(), "include_dashboard": False, "object_store_memory": _OBJECT_STORE}
        try:
            ray.init(address=address or "local", **options)
        except Exception as error:  # Ray raises that very class where it does not come up in time
            ray.shutdown()
            reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
            where = f"--executor-option address={address}" if address else "--executor ray on this machine"
            raise UserError(f"{where}: Ray does not start: {reason}") from error
        self._running: dict[Any, int] = {}
        try:
            self.workers, request = _shares(ray.nodes(), jobs, device)
        except UserError:
            ray.shutdown()
            raise
        self._environment = remote_environment(request["num_cpus"])
        self._remote = ray.remote(max_retries=0, **request)(attempt_in_folder)

    def start(self, key: int, function: Callable[..., Any], *arguments: Any) -> None:
        """See `Executor`."""
        self._running[self._remote.remote(os.getcwd(), self._environment, key, function, arguments)] = key

    def wait(self, timeout: float | None = None) -> list[Ended]:
        """See `Executor`."""
        if not self._running:
            time.sleep(timeout or 0)
            return []
        ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=timeout)
        return [self._end(reference) for reference in ready]

    def _end(self, reference: Any) -> Ended:
        key = self._running.pop(reference)
        try:
            ended: Ended = self._ray.get(reference)
            return ended
        except self._ray.exceptions.RayTaskError as error:  # hashbench, or a module of the task, is not there
            return Ended(key, death=str(error).strip().splitlines()[-1])
        except self._ray.exceptions.RayError as error:
            words = (str(error).splitlines() or [""])[0].partition(". ")[0][:160]  # what follows is advice on Ray
            return Ended(key, death=f"its process died ({type(error).__name__}): {words}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what is under way, and Ray if it was started here."""
        for reference in self._running:
            self._ray.cancel(reference, force=True)
        self._ray.shutdown()


def _check_that_somebody_listens(address: str) -> None:
    """Find out at once that nobody does: Ray itself tries for minutes.

    Raises:
        UserError: no connection, or an address of another form.
    """
    if address == "auto":
        return
    option = f"--executor-option address={address}"
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not host or not port.isdecimal():
        raise UserError(f"{option}: expected HOST:PORT, ray://HOST:PORT or auto")
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECTION_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"{option}: no Ray cluster answers there: {error}") from error


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise UserError('--executor ray: Ray is not installed here: pip install "hashbench[ray]"') from error
    return ray


def _shares(nodes: Sequence[Mapping[str, Any]], jobs: int | None, device: str) -> tuple[int, dict[str, Any]]:
    """Tasks at a time, and what each asks for: `num_cpus` (at most what one machine has) and `num_gpus`.

    Raises:
        UserError: `--device cuda` where no machine has a GPU, or a number in it.
    """
    resources = [node["Resources"] for node in nodes if node.get("Alive")]
    cpus = [int(machine.get("CPU", 0)) for machine in resources]
    gpus = int(sum(machine.get("GPU", 0) for machine in resources))
    if device.startswith("cuda:"):
        raise UserError(f"--device {device} with --executor ray: Ray chooses the GPU; use --device cuda")
    if device == "cuda" and not gpus:
        raise UserError("--device cuda with --executor ray: no machine of the cluster has a GPU; use auto or cpu")
    on_gpu = gpus > 0 and device in ("auto", "cuda")
    workers = jobs or (gpus if on_gpu else sum(cpus)) or 1
    share = max(1, min(sum(cpus) // workers, max(cpus, default=1)))
    return workers, {"num_cpus": share, "num_gpus": min(1.0, gpus / workers) if on_gpu else 0}
