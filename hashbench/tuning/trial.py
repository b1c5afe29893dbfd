"""What an executor does with one setting: train it and score it on validation queries, the test queries sealed."""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashbench.catalog import load_catalog
from hashbench.catalog.request import RunSpec
from hashbench.engine.crash import ends_the_program
from hashbench.errors import UserError
from hashbench.results.record import to_json
from hashbench.sweeps.failure import no_room, reason
from hashbench.tuning.study import Trial

if TYPE_CHECKING:
    from hashbench.tuning.trial_runner import TrialRunner


@dataclass(frozen=True)
class Stretch:
    """A run of a trial, the one of a rung or its only one.

    Attributes:
        number, values: of the trial.
        spec: the run.
        defaults: the run of trial 0; what is refused of it too is wrong with the request and not with the setting.
        work: folder for the checkpoints of all trials of the study.
        before: the trial as the rungs before have left it.
    """

    number: int
    values: dict[str, Any]
    spec: RunSpec
    defaults: RunSpec
    work: Path
    before: Trial | None = None

    @property
    def folder(self) -> Path:
        """Of this run's checkpoints: of its number and all that decides it, so that it goes on from no other's."""
        return self.work / f"trial{self.number}-{digest(self.spec)}"


@dataclass(frozen=True)
class Lost:
    """A trial that says nothing about its setting: the request was wrong, or its process or the disk failed."""

    number: int
    failure: str
    wrong_request: bool = False


def digest(spec: RunSpec) -> str:
    """Of all that decides a run."""
    return hashlib.sha256(to_json(spec.identity(), compact=True).encode()).hexdigest()[:12]


def try_setting(stretch: Stretch) -> Trial | Lost:
    """Do a run of a trial. A setting that diverges or is refused is a trial that failed; never raises."""
    started = time.perf_counter()
    runner: TrialRunner | None = None
    before = stretch.before or Trial(number=stretch.number, values=stretch.values)

    def seen(failure: str | None) -> Trial:
        seconds = round(before.seconds + time.perf_counter() - started, 3)
        if runner is None:
            return before.model_copy(update={"seconds": seconds, "failure": failure, "score": math.nan})
        trained = {"seconds": seconds, "epochs": before.epochs + runner.epoch_done, "curve": runner.curve}
        if failure:
            return before.model_copy(update=trained | {"failure": failure, "score": math.nan, "epoch": 0})
        value, epoch = runner.state.best_value, runner.state.best_epoch
        return before.model_copy(update=trained | {"scores": [*before.scores, value], "score": value, "epoch": epoch})

    try:
        from hashbench.tuning.trial_runner import TrialRunner

        runner = TrialRunner(stretch.spec, stretch.folder)
        runner.train()
    except UserError as error:
        if not stretch.values or _is_refused(stretch.defaults):
            return Lost(stretch.number, str(error), wrong_request=True)
        ended = seen(str(error))
    except BaseException as error:
        if ends_the_program(error):
            raise
        if no_room(error) or isinstance(error, (OSError, MemoryError)) or "OutOfMemory" in type(error).__name__:
            return Lost(stretch.number, reason(error))
        ended = seen(reason(error))
    else:
        scored = math.isfinite(runner.state.best_value)
        ended = seen(None if scored else f"validation {stretch.spec.settings.primary} is NaN")
    return ended


def _is_refused(spec: RunSpec) -> bool:
    from hashbench.engine.experiment import prepare
    from hashbench.engine.reporter import Reporter

    try:
        prepare(spec, load_catalog(spec.plugins, imports=spec.imports), Reporter())
    except UserError:
        return True
    return False
