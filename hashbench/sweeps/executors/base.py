"""What an executor is: it does tasks side by side, and each ends with a value or with the reason why there is none.

One executor is one class in one file. To add one, write a class with the four methods of `Executor` and register it
with `hashbench.registry.EXECUTORS` (see docs/adding_an_executor.md); `--executor NAME` then knows it, and
`--executor-option KEY=VALUE` fills the keyword arguments of its constructor.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar

from hashbench.engine.crash import in_a_line
from hashbench.errors import UserError


@dataclass(frozen=True)
class Ended:
    """A task that is over.

    Attributes:
        key: what it was started under.
        value: what its function returned.
        death: why it did not return, in one line: what killed its process, or what its function raised.
    """

    key: int
    value: Any = None
    death: str | None = None


class Executor(ABC):
    """Does tasks side by side.

    It is made by `Class(jobs=..., device=..., **options)` and used as a context: leaving it lets idle workers go, and
    leaving it by an exception stops what is under way. Everything between runs in one thread.

    Constructor arguments, all of them given by keyword:
        jobs: tasks at a time, at least 1; None: as many as fit.
        device: `--device` of the runs: `auto`, `cpu`, `cuda`, `cuda:1`, ...
        any other: an option of this executor, given with `--executor-option KEY=VALUE`. Values arrive as YAML reads
            them. A wrong one is refused by a `UserError` of one line.

    Attributes:
        workers: tasks at a time; nobody starts more.
        threads: that one task may use while it is alone; None: as many as its process has.
        in_this_process: whether tasks are done within this process, and so may use classes that no other process can
            import, such as those of a notebook.
    """

    workers: int
    threads: int | None = None
    in_this_process: ClassVar[bool] = False

    @abstractmethod
    def start(self, key: int, function: Callable[..., Any], *arguments: Any) -> None:
        """Begin `function(*arguments)` and return at once. Fewer than `workers` tasks are under way.

        Args:
            key: of the `Ended` by which `wait` answers.
            function: one of a module, so that it can be pickled by its name, as can its arguments and its value.
        """

    @abstractmethod
    def wait(self, timeout: float | None = None) -> list[Ended]:
        """What has ended since the last call: at least one task, unless `timeout` seconds pass first."""

    def __enter__(self) -> Executor:
        return self

    def __exit__(  # noqa: B027 - not abstract: there may be nothing to let go of
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of all workers; stop the tasks that are under way, whose runs go on from their checkpoints later."""


def attempt(key: int, function: Callable[..., Any], arguments: Sequence[Any]) -> Ended:
    """Do a task where this is called. What its function raises is its end, in one line."""
    try:
        return Ended(key, function(*arguments))
    except UserError as error:
        return Ended(key, death=str(error))
    except Exception as error:
        return Ended(key, death=in_a_line(error))


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
