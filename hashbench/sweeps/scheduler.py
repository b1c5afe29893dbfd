"""The loop that a sweep and a search share: many tasks through one executor.

It starts a task wherever there is room, tries again what crashed, leaves alone what another process is doing, says how
long the rest takes, and begins no more once nothing more can succeed. What a task does and what its end means, the task
says itself.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from hashbench.errors import Interrupted
from hashbench.sweeps.estimate import Durations, Kinds, in_words
from hashbench.sweeps.executors import Ended, Executor

Result = TypeVar("Result")

Call = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function of a module and its arguments."""

_LOOK_AGAIN = 1.0
"""Seconds between two looks at tasks that another process is doing."""


@dataclass(frozen=True)
class Verdict(Generic[Result]):
    """What the end of a task means.

    Attributes:
        state: `over` for good, well or badly; `crashed`: it may be tried again; `found`: another process has done it;
            `held`: another process is doing it.
        result: what the task gave; what `Scheduler.run` yields.
        line: the same for people.
        seconds: that tasks of its kinds take; None where this one does not tell.
        stop: whether no further task can succeed, as on a full disk.
    """

    state: Literal["over", "crashed", "found", "held"]
    result: Result
    line: str
    seconds: float | None = None
    stop: bool = False


class Task(ABC, Generic[Result]):
    """One thing to be done.

    Attributes:
        kinds: groups of tasks that take about the same time; see `Durations`.
    """

    kinds: Kinds = ()

    @abstractmethod
    def call(self) -> Call:
        """What an executor is to do, asked for when there is room; again when the task is tried again."""

    @abstractmethod
    def judge(self, ended: Ended) -> Verdict[Result]:
        """What its end means. Changes nothing."""

    def look(self) -> Literal["to do", "found", "held"]:
        """Whether it is still to be done: another process may have done it, or be at it."""
        return "to do"


@dataclass(frozen=True)
class _Running(Generic[Result]):
    task: Task[Result]
    since: float


class Scheduler(Generic[Result]):
    """Tasks on their way through an executor.

    Args:
        tasks: in the order in which they are begun.
        tell: called with one line for each task that is over, with the time left.
        noun: what tasks are called in these lines.
        retry: times that a crashed task is tried again. One whose process died is tried again once in any case.
        over: tasks of the same list that were over before; they are counted in the lines.
        durations: of such tasks.

    Attributes:
        found: tasks that another process has done meanwhile.
        stopped: whether a task said that no further one can succeed.
        not_begun: tasks that were then left alone.
        later: kinds of tasks that are likely to be added, for what is said of the time left.
    """

    def __init__(
        self,
        tasks: Iterable[Task[Result]],
        tell: Callable[[str], None],
        *,
        noun: str,
        retry: int = 0,
        over: int = 0,
        durations: Durations | None = None,
    ) -> None:
        self.found = 0
        self.stopped = False
        self.not_begun = 0
        self.later: list[Kinds] = []
        self._tell, self._noun, self._retry, self._over = tell, noun, retry, over
        self._durations = durations or Durations()
        self._waiting = deque(tasks)
        self._held: list[Task[Result]] = []
        self._running: dict[int, _Running[Result]] = {}
        self._tries: Counter[Task[Result]] = Counter()
        self._started = 0
        self._total = over + len(self._waiting)

    def announce(self, executor: Executor) -> None:
        """Say what there is to do."""
        left = self._seconds_left(executor)
        about = "" if left is None else f", about {in_words(left)}"
        self._tell(f"{len(self._waiting) + len(self.later)} {self._noun} to do, {executor.workers} at a time{about}")

    def add(self, tasks: Iterable[Task[Result]]) -> None:
        """More tasks, made by what has ended, to be begun before all others; called while `run` is under way."""
        more = list(tasks)
        if self.stopped:
            self.not_begun += len(more)
        else:
            self._total += len(more)
            self._waiting.extendleft(reversed(more))

    def run(self, executor: Executor) -> Iterator[Result]:
        """Do all tasks; yields the result of each that is over, as it ends. Errors of `Task.judge` end it."""
        while self._waiting or self._held or self._running:
            if not self._waiting:
                self._look_at_held()
            self._fill(executor)
            if not self._running and not self._held:
                continue
            idle = len(self._running) < executor.workers
            for ended in executor.wait(_LOOK_AGAIN if self._held and idle else None):
                yield from self._take(ended, executor)

    def _look_at_held(self) -> None:
        """What another process held: done by now, or to be taken over."""
        held, self._held = self._held, []
        for task in held:
            (self._held if task.look() == "held" else self._waiting).append(task)

    def _fill(self, executor: Executor) -> None:
        while self._waiting and len(self._running) < executor.workers:
            task = self._waiting.popleft()
            state = task.look()
            if state == "found":
                self._was_found()
            elif state == "held":
                self._leave(task)
            else:
                function, arguments = task.call()
                self._started += 1
                self._running[self._started] = _Running(task, time.perf_counter())
                executor.start(self._started, function, *arguments)

    def _take(self, ended: Ended, executor: Executor) -> Iterator[Result]:
        task = self._running.pop(ended.key).task
        verdict = task.judge(ended)
        if verdict.state == "found":
            self._was_found()
        elif verdict.state == "held":
            self._leave(task)
        elif verdict.state == "crashed" and self._may_try_again(task, died=ended.death is not None):
            self._waiting.appendleft(task)
            self._tell(f"{verdict.line}; it is tried again")
        else:
            self._over += 1
            if verdict.seconds is not None:
                self._durations.add(task.kinds, verdict.seconds)
            if verdict.stop and not self.stopped:
                self._stop()
            yield verdict.result
            self._progress(verdict, executor)

    def _may_try_again(self, task: Task[Result], died: bool) -> bool:
        self._tries[task] += 1
        return not self.stopped and self._tries[task] <= (max(self._retry, 1) if died else self._retry)

    def _stop(self) -> None:
        self.stopped = True
        self.not_begun = len(self._waiting) + len(self._held)
        self._waiting.clear()
        self._held.clear()

    def _was_found(self) -> None:
        self.found += 1
        self._total -= 1

    def _leave(self, task: Task[Result]) -> None:
        if not self._held:
            self._tell(f"another process is doing some of these {self._noun}: they are left to it")
        self._held.append(task)

    def _progress(self, verdict: Verdict[Result], executor: Executor) -> None:
        left = self._seconds_left(executor)
        total = self._total + len(self.later)
        about = "" if left is None or self._over == total else f", about {in_words(left)} left"
        self._tell(f"[{self._over}/{total}{about}] {verdict.line}")

    def _seconds_left(self, executor: Executor) -> float | None:
        now = time.perf_counter()
        running = [(running.task.kinds, now - running.since) for running in self._running.values()]
        waiting = [*(task.kinds for task in (*self._waiting, *self._held)), *self.later]
        return self._durations.left(waiting, running, executor.workers)


@contextmanager
def interruptible(make_executor: Callable[[], Executor], kept: Callable[[], str]) -> Iterator[Executor]:
    """The executor; Ctrl-C stops what is under way and says in one line what is kept and how to go on.

    Args:
        kept: that line.

    Raises:
        Interrupted: Ctrl-C.
    """
    try:
        with make_executor() as executor:
            yield executor
    except (KeyboardInterrupt, Interrupted):  # the latter from a run within this process
        raise Interrupted(f"interrupted: {kept()}") from None
