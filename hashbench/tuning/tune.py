"""Choosing hyper-parameters on validation: as many trials for every method, the test queries sealed throughout."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from hashbench.catalog import load_catalog
from hashbench.catalog.request import RunSpec
from hashbench.errors import Interrupted, RunFailedError, UserError
from hashbench.evaluation.metrics import find
from hashbench.results.atomic import explained
from hashbench.sweeps.estimate import in_words
from hashbench.sweeps.executors import Ended, Executor
from hashbench.sweeps.task import compute_features, no_room, reason, sharing_features
from hashbench.tuning.study import Study, Trial

if TYPE_CHECKING:
    from hashbench.tuning.samplers import Search


@dataclass(frozen=True)
class Lost:
    """A trial that says nothing about its setting: the request was wrong, or its process or the disk failed."""

    failure: str
    wrong_request: bool = False


def tune(
    study: Study,
    path: Path,
    make_spec: Callable[[dict[str, Any]], RunSpec],
    trials: int,
    executor: Callable[[], Executor],
    tell: Callable[[str], None],
) -> None:
    """Try settings until the study has `trials` of them, each trained and validated but never tested.

    Args:
        study: grows by one trial at a time.
        path: its file, written after every trial; a search that was killed is completed by the same call.
        make_spec: values of the search space -> the run that tries them.
        executor: makes what the trials are done with.
        tell: called with a line for each trial that is over.

    Raises:
        UserError: the request is wrong, Optuna is missing, or another process is at work on this study.
        RunFailedError: trials were lost to a process that died or to a full disk; the others are kept.
        Interrupted: Ctrl-C; the trials that are over are kept.
    """
    over = {trial.number for trial in study.trials}
    if all(number in over for number in range(trials)):
        return
    defaults = make_spec({})
    _check_direction(defaults.settings.primary)
    search = _search(study, defaults)
    with _working_folder(path) as folder:
        work = _Tuning(study, path, make_spec, trials, search, folder, tell)
        try:
            with executor() as workers:
                work.off(workers)
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted: {len(study.trials)} trials are kept in {path}; the same command goes on"
            ) from None
    if work.lost:
        raise RunFailedError(
            f"{len(work.lost)} trials were lost: {work.lost[0]}; the others are kept, the same command goes on"
        )


def _check_direction(primary: str) -> None:
    """Scores are compared by size, largest first, in the study, in Optuna and in figures."""
    member = find(primary)
    if member is not None and not member.metric.higher_is_better:
        raise UserError(
            f"protocol field primary: less of {primary!r} is better, and a search looks for more: name another metric "
            "to tune by"
        )


class _Tuning:
    """A search under way."""

    def __init__(
        self,
        study: Study,
        path: Path,
        make_spec: Callable[[dict[str, Any]], RunSpec],
        trials: int,
        search: Search,
        folder: Path,
        tell: Callable[[str], None],
    ) -> None:
        self.study, self.path, self.make_spec, self.trials = study, path, make_spec, trials
        self.search, self.folder, self.tell = search, folder, tell
        self.known = {trial.number: trial for trial in study.trials}
        self.next = 0
        self.running: dict[int, tuple[dict[str, Any], RunSpec]] = {}
        self.deaths: Counter[int] = Counter()
        self.lost: list[str] = []
        self.seconds: list[float] = []

    def off(self, workers: Executor) -> None:
        """Do all trials that are missing."""
        missing = self.trials - sum(number in self.known for number in range(self.trials))
        self.tell(f"{missing} trials to do, {len(self.known)} done before, {workers.workers} at a time")
        defaults = self.make_spec({})
        if workers.workers > 1 and sharing_features([defaults, defaults]):
            workers.start(-1, compute_features, defaults, workers.threads)
            workers.wait()
        while True:
            self._fill(workers, defaults)
            if not self.running:
                return
            for ended in workers.wait():
                self._take(ended, workers)

    def _fill(self, workers: Executor, defaults: RunSpec) -> None:
        while self.next < self.trials and len(self.running) < workers.workers and not self.lost:
            if self.next in self.known:
                self.search.add(self.known[self.next])
            else:
                number, values = self.search.ask()
                self.running[number] = values, self.make_spec(values)
                self._start(number, workers)
            self.next += 1

    def _start(self, number: int, workers: Executor) -> None:
        values, spec = self.running[number]
        workers.start(number, try_setting, number, values, spec, self.make_spec({}), self.folder)

    def _take(self, ended: Ended, workers: Executor) -> None:
        answer = ended.value if ended.death is None else Lost(ended.death)
        if isinstance(answer, Lost):
            if answer.wrong_request:
                raise UserError(answer.failure)
            self.deaths[ended.key] += 1
            if ended.death is not None and self.deaths[ended.key] == 1:
                self.tell(f"trial {ended.key}: {answer.failure}; it is tried again")
                self._start(ended.key, workers)
                return
            self.running.pop(ended.key)
            self.lost.append(f"trial {ended.key}: {answer.failure}")
            self.tell(self.lost[-1])
            return
        self.running.pop(ended.key)
        self.search.tell(answer)
        self.study.add(answer)
        if 0 not in self.running:  # should the defaults be refused, the request is wrong and nothing was tried
            self.study.save(self.path)
        self._progress(answer, workers)

    def _progress(self, trial: Trial, workers: Executor) -> None:
        missing = self.trials - len([t for t in self.study.trials if t.number < self.trials])
        self.seconds.append(trial.seconds)
        left = sum(self.seconds) / len(self.seconds) * missing / workers.workers
        words = " ".join(f"{name}={value}" for name, value in trial.values.items()) or "defaults"
        result = trial.failure or f"{trial.score:.4f} (epoch {trial.epoch}, {trial.seconds:.1f} s)"
        more = f", about {in_words(left)} left" if missing else ""
        self.tell(f"[{self.trials - missing}/{self.trials}{more}] {words}: {result}")


def try_setting(number: int, values: dict[str, Any], spec: RunSpec, defaults: RunSpec, folder: Path) -> Trial | Lost:
    """One trial. A setting that diverges or is refused is a trial that failed; never raises.

    Args:
        defaults: trial 0; what is refused of it too is wrong with the request and not with the setting.
        folder: for checkpoints while the trial lasts.
    """
    from hashbench.engine.config import make_config
    from hashbench.engine.experiment import prepare
    from hashbench.engine.model import DeepModel
    from hashbench.engine.reporter import Reporter
    from hashbench.engine.runner import HashRunner

    started = time.perf_counter()
    own = folder / f"trial{number}-{os.getpid()}"
    try:
        own.mkdir(parents=True, exist_ok=True)
        catalog = load_catalog(spec.plugins, imports=spec.imports)
        experiment = prepare(spec, catalog, Reporter())
        config = make_config(spec, "deep" if isinstance(experiment.model, DeepModel) else "shallow")
        runner = HashRunner(experiment, config, own, Reporter(), False, f"{own.name}-{time.monotonic_ns()}")
        runner.train()
    except UserError as error:
        if spec == defaults or _is_refused(defaults):
            return Lost(str(error), wrong_request=True)
        return _failed(number, values, started, str(error))
    except Exception as error:
        if no_room(error) or isinstance(error, (OSError, MemoryError)) or "OutOfMemory" in type(error).__name__:
            return Lost(reason(error))
        return _failed(number, values, started, reason(error))
    finally:
        shutil.rmtree(own, ignore_errors=True)
    state = runner.state
    if not math.isfinite(state.best_value):
        return _failed(number, values, started, f"validation {spec.settings.primary} is NaN")
    seconds = time.perf_counter() - started
    return Trial(number=number, values=values, score=state.best_value, epoch=state.best_epoch, seconds=seconds)


def _failed(number: int, values: dict[str, Any], started: float, failure: str) -> Trial:
    return Trial(number=number, values=values, seconds=time.perf_counter() - started, failure=failure)


def _is_refused(spec: RunSpec) -> bool:
    from hashbench.engine.experiment import prepare
    from hashbench.engine.reporter import Reporter

    try:
        prepare(spec, load_catalog(spec.plugins, imports=spec.imports), Reporter())
    except UserError:
        return True
    return False


def _search(study: Study, defaults: RunSpec) -> Search:
    try:
        from hashbench.tuning.samplers import Search
    except ImportError as error:
        raise UserError('Optuna is not installed here: pip install "hashbench[tune]"') from error
    values = {**defaults.hparams}
    values |= {f"optimizer.{name}": value for name, value in defaults.optimizer.items()}
    values |= {f"schedule.{name}": value for name, value in defaults.schedule.items()}
    return Search(
        study.search,
        {name: values[name] for name in study.search if name in values},
        study.sampler,
        study.seed,
        study.method,
    )


@contextmanager
def _working_folder(path: Path) -> Iterator[Path]:
    """A folder for checkpoints beside the study, held by one process, gone at the end."""
    folder = path.with_name(f".{path.name}.work")
    lock = filelock.FileLock(str(path.with_name(f".{path.name}.lock")))
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise UserError(f"{path} is in use by another process: wait for it, or give another --out") from None
    try:
        shutil.rmtree(folder, ignore_errors=True)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
