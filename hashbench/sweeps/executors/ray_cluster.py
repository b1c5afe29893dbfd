"""Ray: the same tasks on this machine or on a cluster whose machines share the folders that the command names."""

from __future__ import annotations

import os
import platform
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from hashbench.errors import UserError
from hashbench.sweeps.executors.base import Ended, cores, thread_limits

_OBJECT_STORE = 100 * 2**20
"""Bytes of shared memory for Ray on this machine: requests and answers are small, results go to their folders."""

_KNOCK = 10.0
"""Seconds in which a cluster must take a connection."""


class RayExecutor:
    """Tasks on Ray.

    Args:
        address: of a running cluster (`HOST:PORT`, `ray://HOST:PORT`, or `auto`); None starts Ray on this machine.
        jobs: tasks at a time; None: as many as there are cores (GPUs, where GPUs are used).
        device: `--device`; with `cuda`, or `auto` where the cluster has GPUs, each task asks for its share of a GPU.

    Raises:
        UserError: Ray is not installed, no cluster answers at the address, or it has no GPU where one is asked for.
    """

    def __init__(self, address: str | None, jobs: int | None, device: str) -> None:
        ray = _import_ray()
        self._ray = ray
        if address is not None:
            _knock(address)
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if address is None:
            options |= {"num_cpus": jobs or cores(), "include_dashboard": False, "object_store_memory": _OBJECT_STORE}
        try:
            ray.init(address=address or "local", **options)
        except Exception as error:  # Ray raises that very class where it does not come up in time
            ray.shutdown()
            reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
            where = f"--ray-address {address}" if address else "--executor ray on this machine"
            raise UserError(f"{where}: Ray does not start: {reason}") from error
        self._running: dict[Any, int] = {}
        try:
            self.workers, request = _shares(ray.nodes(), jobs, device)
        except UserError:
            ray.shutdown()
            raise
        self.threads: int | None = None
        kept = {name: os.environ[name] for name in ("HASHBENCH_CACHE",) if name in os.environ}
        self._environment = thread_limits(request["num_cpus"]) | kept
        self._remote = ray.remote(max_retries=0, **request)(_in_folder)

    def start(self, key: int, function: Callable[..., Any], *arguments: Any) -> None:
        """See `Executor`."""
        self._running[self._remote.remote(os.getcwd(), self._environment, function, arguments)] = key

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
            return Ended(key, self._ray.get(reference))
        except self._ray.exceptions.RayTaskError as error:
            return Ended(key, death=str(error).strip().splitlines()[-1])
        except self._ray.exceptions.RayError as error:
            words = (str(error).splitlines() or [""])[0]
            return Ended(key, death=f"its process died ({type(error).__name__}): {words}")

    def __enter__(self) -> RayExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what is under way, and Ray if it was started here."""
        for reference in self._running:
            self._ray.cancel(reference, force=True)
        self._ray.shutdown()


def _knock(address: str) -> None:
    """Find out at once that nobody listens: Ray itself tries for minutes.

    Raises:
        UserError: no connection, or an address of another form.
    """
    if address == "auto":
        return
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not host or not port.isdecimal():
        raise UserError(f"--ray-address {address}: expected HOST:PORT, ray://HOST:PORT or auto")
    try:
        socket.create_connection((host, int(port)), timeout=_KNOCK).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"--ray-address {address}: no Ray cluster answers there: {error}") from error


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


def _in_folder(
    folder: str, environment: Mapping[str, str], function: Callable[..., Any], arguments: Sequence[Any]
) -> Any:
    """On the machine that Ray chose: relative paths mean what they mean where the command was given."""
    os.environ.update(environment)
    try:
        os.chdir(folder)
    except OSError as error:
        raise UserError(f"{folder} is not on machine {platform.node()}: Ray needs a shared file system") from error
    return function(*arguments)
