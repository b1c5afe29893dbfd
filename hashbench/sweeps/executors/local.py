"""Processes on this machine. One that dies takes its own task with it and nothing else."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any

from hashbench.errors import UserError
from hashbench.process import starting_safely
from hashbench.sweeps.executors.base import Ended, Executor, cores, thread_limits
from hashbench.sweeps.executors.gpus import visible_gpus
from hashbench.sweeps.executors.worker import serve


class LocalExecutor(Executor):
    """Worker processes that are started when first needed and keep what they have loaded for their next task.

    Args:
        jobs: processes at a time, each with an equal share of the cores; None: one a GPU where GPUs are used, else one
            a core.
        device: `--device` of the runs; with `auto` and `cuda` the processes are dealt out over the GPUs in turn.
        gpus: GPUs to use, as CUDA_VISIBLE_DEVICES names them: a list, or one text with commas; None: all that this
            process sees.

    Raises:
        UserError: `gpus` without a name in it, or beside `cpu` or one chosen GPU.
    """

    def __init__(
        self, jobs: int | None = None, device: str = "auto", *, gpus: str | int | Sequence[str | int] | None = None
    ) -> None:
        names = visible_gpus(device) if gpus is None else _named(gpus, device)
        self.workers = jobs or len(names) or cores()
        self.threads = int(thread_limits(cores())["OMP_NUM_THREADS"])
        limits = thread_limits(max(1, cores() // self.workers))
        self._slots = [
            _Slot(limits | ({"CUDA_VISIBLE_DEVICES": names[number % len(names)]} if names else {}))
            for number in range(self.workers)
        ]

    def start(self, key: int, function: Callable[..., Any], *arguments: Any) -> None:
        """See `Executor`."""
        idle = [slot for slot in self._slots if slot.key is None]
        # One that has worked before holds its data already.
        slot = next((slot for slot in idle if slot.process is not None), idle[0])
        slot.start(key, function, arguments)

    def wait(self, timeout: float | None = None) -> list[Ended]:
        """See `Executor`."""
        busy = {slot.pipe: slot for slot in self._slots if slot.key is not None and slot.pipe is not None}
        if not busy:
            time.sleep(timeout or 0)
            return []
        ready = multiprocessing.connection.wait(busy, timeout)
        return [slot.end() for pipe, slot in busy.items() if pipe in ready]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let idle workers go. Those with a task are stopped: what they have written is whole, and can be resumed."""
        for slot in self._slots:
            slot.dismiss()
        for slot in self._slots:
            slot.join()


class _Slot:
    """One worker process, or the place of one."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.process: SpawnProcess | None = None
        self.pipe: Connection | None = None
        self.key: int | None = None

    def start(self, key: int, function: Callable[..., Any], arguments: Sequence[Any]) -> None:
        pickled = pickle.dumps((function, arguments))
        if self.process is None or not self.process.is_alive():
            self._launch()
        assert self.pipe is not None
        self.key = key
        with suppress(OSError):  # it has died just now: `end` will find that out
            self.pipe.send((key, pickled))

    def end(self) -> Ended:
        """What came through the pipe: the answer, or its end."""
        assert self.pipe is not None
        assert self.process is not None
        assert self.key is not None
        key, self.key = self.key, None
        try:
            ended: Ended = self.pipe.recv()
            return ended
        except (EOFError, OSError):
            self.process.join()
            death = _cause(self.process.exitcode)
            self.process = None
            return Ended(key, death=death)

    def dismiss(self) -> None:
        if self.process is None or self.pipe is None:
            return
        if self.key is not None:
            self.process.terminate()
        self.pipe.close()  # an idle worker ends by itself

    def join(self) -> None:
        if self.process is None:
            return
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()

    def _launch(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=serve, args=(theirs, os.getcwd(), self.environment), name="hashbench worker"
        )
        with _without_ctrl_c(), starting_safely():
            self.process.start()
        theirs.close()


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """A process that is started here ignores Ctrl-C from its first moment on, before it can say so itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        try:
            return f"its process was killed by {signal.Signals(-exitcode).name}"
        except ValueError:
            return f"its process was killed by signal {-exitcode}"
    return f"its process ended with exit code {exitcode}"


def _named(gpus: object, device: str) -> list[str]:
    """The GPUs of the option, each as CUDA_VISIBLE_DEVICES names it."""
    words = gpus if isinstance(gpus, list | tuple) else str(gpus).split(",")
    names = [str(word).strip() for word in words if str(word).strip()]
    if not names:
        raise UserError("--executor-option gpus: name at least one GPU, such as gpus=0,1")
    if device not in ("auto", "cuda"):
        raise UserError(f"--executor-option gpus={','.join(names)} with --device {device}: give --device cuda with it")
    return names
