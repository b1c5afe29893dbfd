"""What an executor does with one setting: train it and score it on validation queries, the test queries sealed."""

from __future__ import annotations

import math
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashbench.catalog import load_catalog
from hashbench.catalog.request import RunSpec
from hashbench.engine.crash import ends_the_program
from hashbench.errors import UserError
from hashbench.results.folder import RunFolder
from hashbench.sweeps.failure import no_room, reason
from hashbench.tuning.study import Trial

if TYPE_CHECKING:
    from hashbench.engine.state import TrainingState


@dataclass(frozen=True)
class Lost:
    """A trial that says nothing about its setting: the request was wrong, or its process or the disk failed."""

    number: int
    failure: str
    wrong_request: bool = False


def try_setting(number: int, values: dict[str, Any], spec: RunSpec, defaults: RunSpec, folder: Path) -> Trial | Lost:
    """One trial. A setting that diverges or is refused is a trial that failed; never raises.

    Args:
        number, values: of the trial.
        spec: the run with this setting.
        defaults: trial 0; what is refused of it too is wrong with the request and not with the setting.
        folder: for checkpoints while the trial lasts.
    """
    started = time.perf_counter()

    def failed(failure: str) -> Trial:
        return Trial(number=number, values=values, seconds=time.perf_counter() - started, failure=failure)

    own = folder / f"trial{number}-{os.getpid()}"
    try:
        state = _train(spec, own)
    except UserError as error:
        if spec == defaults or _is_refused(defaults):
            return Lost(number, str(error), wrong_request=True)
        return failed(str(error))
    except BaseException as error:
        if ends_the_program(error):
            raise
        if no_room(error) or isinstance(error, (OSError, MemoryError)) or "OutOfMemory" in type(error).__name__:
            return Lost(number, reason(error))
        return failed(reason(error))
    finally:
        shutil.rmtree(own, ignore_errors=True)
    if not math.isfinite(state.best_value):
        return failed(f"validation {spec.settings.primary} is NaN")
    seconds = time.perf_counter() - started
    return Trial(number=number, values=values, score=state.best_value, epoch=state.best_epoch, seconds=seconds)


def _train(spec: RunSpec, folder: Path) -> TrainingState:
    """Train and validate; the test queries stay sealed. Errors are those of a run."""
    from hashbench.engine.experiment import prepare
    from hashbench.engine.reporter import Reporter
    from hashbench.engine.runner import HashRunner

    folder.mkdir(parents=True, exist_ok=True)
    experiment = prepare(spec, load_catalog(spec.plugins, imports=spec.imports), Reporter())
    runner = HashRunner(experiment, RunFolder(folder))
    runner.train()
    return runner.state


def _is_refused(spec: RunSpec) -> bool:
    from hashbench.engine.experiment import prepare
    from hashbench.engine.reporter import Reporter

    try:
        prepare(spec, load_catalog(spec.plugins, imports=spec.imports), Reporter())
    except UserError:
        return True
    return False
