"""This very process, one task at a time: for debuggers, and for notebooks, whose classes no other process imports."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from hashbench.errors import UserError
from hashbench.sweeps.executors.base import Ended, Executor, attempt


class InlineExecutor(Executor):
    """Does a task when somebody waits for it.

    Args:
        jobs: 1 or None.
        device: `--device` of the runs; they choose by themselves.

    Raises:
        UserError: more than one job.
    """

    in_this_process = True

    def __init__(self, jobs: int | None = None, device: str = "auto") -> None:
        if jobs not in (None, 1):
            raise UserError(f"--jobs {jobs} with --executor inline: it does one run at a time; use --executor local")
        self.workers = 1
        self._task: tuple[int, Callable[..., Any], tuple[Any, ...]] | None = None

    def start(self, key: int, function: Callable[..., Any], *arguments: Any) -> None:
        """See `Executor`. The task begins with the next `wait`."""
        self._task = key, function, arguments

    def wait(self, timeout: float | None = None) -> list[Ended]:
        """See `Executor`. A task that has begun is done to its end, however short `timeout` is."""
        if self._task is None:
            time.sleep(timeout or 0)
            return []
        (key, function, arguments), self._task = self._task, None
        return [attempt(key, function, arguments)]
