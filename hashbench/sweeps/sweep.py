"""Many runs: a list of RunSpecs worked off side by side, each run in its own folder, finished ones skipped.

Nothing is kept but the run folders: a sweep that was killed at any moment is completed by the same call, and several
sweeps over one list share the work.
"""

from __future__ import annotations

import json
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hashbench.catalog.request import RunSpec
from hashbench.errors import Interrupted
from hashbench.results.folder import RESULT, is_in_use
from hashbench.sweeps.estimate import Durations, in_words
from hashbench.sweeps.executors import Ended, Executor, executor
from hashbench.sweeps.task import Finished, compute_features, do_run, sharing_features

_LOOK_AGAIN = 1.0
"""Seconds between two looks at runs that another process is doing."""


@dataclass
class SweepOutcome:
    """What became of a sweep.

    Attributes:
        done: runs done now.
        skipped: runs found finished.
        failed: runs without a result.
        no_room: whether the disk was full; runs that had not begun were then left alone.
        not_begun: their number.
    """

    done: list[Finished] = field(default_factory=list)
    skipped: int = 0
    failed: list[Finished] = field(default_factory=list)
    no_room: bool = False
    not_begun: int = 0


def find_run(spec: RunSpec) -> tuple[Path, bool] | None:
    """The folder in which exactly this run was begun and whether it is finished; None if it was never begun."""
    wanted = spec.identity()
    for path in spec.out.glob(f"{spec.protocol}*/{spec.method}*/{spec.bits}bit/seed{spec.seed}/spec.json"):
        try:
            found = json.loads(path.read_text())
        except ValueError:
            continue
        found.pop("fingerprint", None)
        if found == wanted:
            return path.parent, (path.parent / RESULT).exists()
    return None


def sweep(
    specs: Sequence[RunSpec],
    jobs: int | Callable[[], Executor] | None,
    tell: Callable[[str], None],
    *,
    retry: int = 0,
) -> SweepOutcome:
    """Work off a list of runs.

    Args:
        jobs: processes on this machine; None: as many as fit the devices. Or what makes another executor, called if
            there is anything to do.
        tell: called with one line for each run that is over, with the time left.
        retry: times that a crashed run is tried again, going on from its last checkpoint. One whose process died is
            tried again once in any case; a request that was refused never is.

    Raises:
        Interrupted: Ctrl-C; finished runs are kept, those under way go on from their checkpoints with the next call.
        UserError: whatever the executor finds wrong.
    """
    work = _Sweep(tell, retry)
    work.look_at(specs)
    if work.outcome.skipped:
        tell(f"{work.outcome.skipped} runs were finished before")
    if work.waiting:
        try:
            with jobs() if callable(jobs) else executor(jobs=jobs, device=work.waiting[0].device) as workers:
                work.off(workers)
        except KeyboardInterrupt:
            done = f"{len(work.outcome.done)} runs finished in this call, all finished ones are kept"
            raise Interrupted(f"interrupted: {done}; the same command goes on with the rest") from None
    return work.outcome


class _Sweep:
    """The state of a sweep under way.

    Attributes:
        waiting: runs to be started.
        elsewhere: runs that another process is doing.
        running: runs under way, with the time at which they were started.
    """

    def __init__(self, tell: Callable[[str], None], retry: int) -> None:
        self.tell = tell
        self.retry = retry
        self.outcome = SweepOutcome()
        self.waiting: deque[RunSpec] = deque()
        self.elsewhere: list[RunSpec] = []
        self.running: dict[int, tuple[RunSpec, float]] = {}
        self.durations = Durations()
        self.tries: Counter[str] = Counter()
        self.started = 0
        self.total = 0

    def look_at(self, specs: Iterable[RunSpec]) -> None:
        """Take in the list: what is finished is skipped, and tells how long its like takes."""
        for spec in specs:
            found = find_run(spec)
            if found and found[1]:
                self.outcome.skipped += 1
                if seconds := _seconds_of(found[0]):
                    self.durations.add(spec, seconds)
            else:
                self.waiting.append(spec)
        self.total = len(self.waiting)

    def off(self, workers: Executor) -> None:
        """Do all that is waiting."""
        left = self.durations.left(self.waiting, (), workers.workers)
        words = "" if left is None else f", about {in_words(left)}"
        self.tell(f"{self.total} runs to do, {workers.workers} at a time{words}")
        self._compute_features(workers)
        while self.waiting or self.elsewhere or self.running:
            if not self.waiting:
                self._look_elsewhere()
            self._fill(workers)
            if not self.running and not self.elsewhere:
                continue
            idle = len(self.running) < workers.workers
            for ended in workers.wait(_LOOK_AGAIN if self.elsewhere and idle else None):
                self._take(ended, workers)

    def _compute_features(self, workers: Executor) -> None:
        """Features that several runs share are computed before them, not by one while the others wait for it."""
        if workers.workers == 1:
            return
        for spec in sharing_features(self.waiting):
            self.tell(f"features of the frozen {spec.settings.backbone} for {spec.protocol}: computed or read once")
            workers.start(-1, compute_features, spec, workers.threads)
            workers.wait()

    def _look_elsewhere(self) -> None:
        """Runs that another process held: finished by now, or to be taken over."""
        held, self.elsewhere = self.elsewhere, []
        for spec in held:
            (self.elsewhere if _is_held(spec) else self.waiting).append(spec)

    def _fill(self, workers: Executor) -> None:
        while self.waiting and len(self.running) < workers.workers:
            spec = self.waiting.popleft()
            found = find_run(spec)
            if found and found[1]:
                self._found()
            elif found and is_in_use(found[0]):
                self._leave(spec)
            else:
                self.started += 1
                self.running[self.started] = spec, time.perf_counter()
                workers.start(self.started, do_run, spec)

    def _take(self, ended: Ended, workers: Executor) -> None:
        spec, _ = self.running.pop(ended.key)
        finished = ended.value if ended.death is None else Finished(spec, "crashed", failure=ended.death)
        if finished.state == "done":
            self.outcome.done.append(finished)
            self.durations.add(spec, finished.seconds)
        elif finished.state == "found":
            self._found()
            return
        elif finished.state == "in use":
            self._leave(spec)
            return
        elif self._may_try_again(finished, died=ended.death is not None):
            self.waiting.append(spec)
            self.tell(f"{finished}; it is tried again")
            return
        else:
            self.outcome.failed.append(finished)
        self._progress(finished, workers)
        if finished.state == "no room" and not self.outcome.no_room:
            self.outcome.no_room = True
            self.outcome.not_begun = len(self.waiting) + len(self.elsewhere)
            self.waiting.clear()
            self.elsewhere.clear()

    def _may_try_again(self, finished: Finished, died: bool) -> bool:
        name = json.dumps(finished.spec.identity(), sort_keys=True)
        self.tries[name] += 1
        allowed = max(self.retry, 1) if died else self.retry
        return finished.state == "crashed" and not self.outcome.no_room and self.tries[name] <= allowed

    def _found(self) -> None:
        """One run was finished by another process since the list was looked at."""
        self.outcome.skipped += 1
        self.total -= 1

    def _leave(self, spec: RunSpec) -> None:
        if not self.elsewhere:
            self.tell("another process is doing some of these runs: they are left to it")
        self.elsewhere.append(spec)

    def _progress(self, finished: Finished, workers: Executor) -> None:
        over = len(self.outcome.done) + len(self.outcome.failed)
        now = time.perf_counter()
        running = [(spec, now - started) for spec, started in self.running.values()]
        left = self.durations.left([*self.waiting, *self.elsewhere], running, workers.workers)
        words = "" if left is None or over == self.total else f", about {in_words(left)} left"
        self.tell(f"[{over}/{self.total}{words}] {finished}")


def _is_held(spec: RunSpec) -> bool:
    found = find_run(spec)
    return found is not None and not found[1] and is_in_use(found[0])


def _seconds_of(folder: Path) -> float:
    """What a finished run took; 0 where its result does not say."""
    try:
        seconds = float(json.loads((folder / RESULT).read_bytes())["timing"]["total_seconds"])
    except (OSError, ValueError, LookupError, TypeError):
        return 0.0
    return seconds if math.isfinite(seconds) else 0.0
