"""What an executor is: tasks are started where there is room, and end with a value or with their process's death."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol


@dataclass(frozen=True)
class Ended:
    """A task that is over.

    Attributes:
        key: what it was started under.
        value: what its function returned.
        death: why its process is gone, in words, where it did not return.
    """

    key: int
    value: Any = None
    death: str | None = None


class Executor(Protocol):
    """Does tasks side by side. A context: leaving it by an exception stops what is under way.

    Attributes:
        workers: tasks at a time.
        threads: that one task may use while it is alone; None to leave that to the executor.
    """

    workers: int
    threads: int | None

    def start(self, key: int, function: Callable[..., Any], *arguments: Any) -> None:
        """Begin `function(*arguments)`, a function of a module, with fewer than `workers` tasks under way."""

    def wait(self, timeout: float | None = None) -> list[Ended]:
        """What has ended, at least one unless `timeout` seconds pass."""

    def __enter__(self) -> Executor: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_limits(threads: int) -> dict[str, str]:
    """Environment that keeps a process to its share of the cores; a smaller limit of the user's stays."""
    limits = {}
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        given = os.environ.get(name, "")
        limits[name] = str(min(threads, int(given)) if given.isdecimal() and int(given) > 0 else threads)
    return limits
