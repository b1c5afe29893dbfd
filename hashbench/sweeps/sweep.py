"""Many runs: each of a list of RunSpecs in its own folder, side by side, finished ones skipped.

Nothing is kept but the run folders: a sweep that was killed at any moment is completed by the same call, and several
sweeps over one list share the work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from hashbench.catalog.registered import Registered
from hashbench.catalog.request import RunSpec
from hashbench.errors import UserError
from hashbench.results.folder import RunFolder
from hashbench.sweeps.estimate import Durations, Kinds
from hashbench.sweeps.executors import Ended, Executor
from hashbench.sweeps.features import compute_shared_features
from hashbench.sweeps.importable import check_importable, without_file
from hashbench.sweeps.known_runs import KnownRuns
from hashbench.sweeps.run_one import Finished, do_run
from hashbench.sweeps.scheduler import Call, Scheduler, Task, Verdict, interruptible

_NOT_OVER: dict[str, Literal["crashed", "found", "held"]] = {"crashed": "crashed", "found": "found", "held": "held"}
"""States of a run that a scheduler treats in its own way."""


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


def sweep(
    specs: Sequence[RunSpec],
    make_executor: Callable[[], Executor],
    tell: Callable[[str], None],
    *,
    retry: int = 0,
) -> SweepOutcome:
    """Do many runs.

    Args:
        make_executor: called if there is anything to do.
        tell: called with one line for each run that is over, with the time left.
        retry: times that a crashed run is tried again, going on from its last checkpoint. One whose process died is
            tried again once in any case; a request that was refused never is.

    Raises:
        Interrupted: Ctrl-C; finished runs are kept, those under way go on from their checkpoints with the next call.
        UserError: whatever the executor finds wrong, or a class that its processes cannot import.
    """
    outcome, durations, waiting = SweepOutcome(), Durations(), []
    known = KnownRuns()
    of_this_session: dict[str, Registered] = {}
    for spec in specs:
        run = known.finished(spec)
        if run is None:
            waiting.append(spec)
            continue
        outcome.skipped += 1
        if one := without_file(spec):
            of_this_session.setdefault(one.name, one)
        if seconds := _seconds_of(run):
            durations.add(kinds_of(spec), seconds)
    if outcome.skipped:
        tell(f"{outcome.skipped} runs were finished before")
    for one in of_this_session.values():
        tell(
            f"warning: finished runs with {one.section[:-1]} {one.name!r} are used as they are, though its code may "
            "have changed in this session: give another out, or do them again with hashbench.run"
        )
    if not waiting:
        return outcome
    for note in dict.fromkeys(note for spec in waiting for note in spec.notes):
        tell(f"warning: {note}")

    def kept() -> str:
        done = f"{len(outcome.done)} runs finished in this call, all finished ones are kept"
        return f"{done}; the same command goes on with the rest"

    tasks = [RunTask(spec, known) for spec in waiting]
    scheduler = Scheduler(tasks, tell, noun="runs", retry=retry, durations=durations)
    with interruptible(make_executor, kept) as executor:
        check_importable(waiting, executor)
        scheduler.announce(executor)
        compute_shared_features(waiting, executor, tell)
        for finished in scheduler.run(executor):
            (outcome.done if finished.state == "done" else outcome.failed).append(finished)
    outcome.skipped += scheduler.found
    outcome.no_room, outcome.not_begun = scheduler.stopped, scheduler.not_begun
    return outcome


class RunTask(Task[Finished]):
    """A run of a sweep."""

    def __init__(self, spec: RunSpec, known: KnownRuns) -> None:
        self.spec = spec
        self._known = known
        self.kinds = kinds_of(spec)

    def look(self) -> Literal["to do", "found", "held"]:
        """See `Task`."""
        run = self._known.find(self.spec)
        if run is None:
            return "to do"
        return "found" if run.state == "finished" else "held" if run.is_in_use else "to do"

    def call(self) -> Call:
        """See `Task`."""
        return do_run, (self.spec,)

    def judge(self, ended: Ended) -> Verdict[Finished]:
        """See `Task`."""
        finished: Finished = ended.value
        if ended.death is not None:
            finished = Finished(self.spec, "crashed", failure=ended.death)
        return Verdict(
            _NOT_OVER.get(finished.state, "over"),
            finished,
            str(finished),
            seconds=finished.seconds if finished.state == "done" else None,
            stop=finished.state == "no room",
        )


def kinds_of(spec: RunSpec) -> Kinds:
    """Its method at its code length, its method, its protocol, any: such runs take about the same time."""
    return (
        (spec.protocol, spec.method, spec.preset, spec.bits),
        (spec.protocol, spec.method),
        (spec.protocol,),
        (),
    )


def _seconds_of(run: RunFolder) -> float:
    """What a finished run took; 0 where its result does not say."""
    try:
        seconds = run.record.timing.get("total_seconds", 0.0)
    except UserError:  # a result that cannot be read: whoever makes a leaderboard of it is told
        return 0.0
    return seconds if math.isfinite(seconds) else 0.0
