"""Choosing hyper-parameters on validation: as many trials for every method, the test queries sealed throughout."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import filelock

from hashbench.catalog.request import RunSpec
from hashbench.errors import RunFailedError, UserError
from hashbench.evaluation.metrics import find
from hashbench.results.atomic import write_errors_explained
from hashbench.sweeps.executors import Ended, Executor
from hashbench.sweeps.features import compute_shared_features
from hashbench.sweeps.importable import check_importable
from hashbench.sweeps.scheduler import Call, Scheduler, Task, Verdict, interruptible
from hashbench.tuning.study import Study, Trial
from hashbench.tuning.trial import Lost, try_setting

if TYPE_CHECKING:
    from hashbench.tuning.samplers import Search

Answer = Trial | Lost


def tune(
    study: Study,
    path: Path,
    make_spec: Callable[[dict[str, Any]], RunSpec],
    trials: int,
    make_executor: Callable[[], Executor],
    tell: Callable[[str], None],
    whole: Collection[str] = (),
) -> None:
    """Try settings until the study has `trials` of them, each trained and validated but never tested.

    Args:
        study: grows by one trial at a time.
        path: its file, written after every trial; a search that was killed is completed by the same call.
        make_spec: values of the search space -> the run that tries them.
        make_executor: makes what the trials are done with.
        tell: called with a line for each trial that is over.
        whole: names of what is drawn as a whole number; see `search_space.whole_numbers`.

    Raises:
        UserError: the request is wrong, Optuna is missing, or another process is at work on this study.
        RunFailedError: trials were lost to a process that died or to a full disk; the others are kept.
        Interrupted: Ctrl-C; the trials that are over are kept.
    """
    known = {trial.number: trial for trial in study.trials}
    missing = [number for number in range(trials) if number not in known]
    if not missing:
        if _work_of(path).exists():  # a call that was killed after its last trial
            with suppress(UserError), _working_folder(path):
                pass
        return
    defaults = make_spec({})
    _check_direction(defaults.settings.primary)
    settings = _Settings(_search(study, defaults, whole), known)
    for note in defaults.notes:
        tell(f"warning: {note}")
    done_before = trials - len(missing)
    if done_before:
        tell(f"{done_before} trials were done before")
    lost: list[str] = []
    defaults_over = 0 in known  # until then nothing is written: should they be refused, the request is wrong

    def kept() -> str:
        return f"{len(study.trials) if defaults_over else 0} trials are kept in {path}; the same command goes on"

    with _working_folder(path) as folder:
        tasks = [TrialTask(number, settings, make_spec, defaults, folder) for number in missing]
        scheduler = Scheduler[Answer](tasks, tell, noun="trials", over=done_before)
        with interruptible(make_executor, kept) as executor:
            check_importable([defaults], executor)
            scheduler.announce(executor)
            compute_shared_features([defaults] * len(missing), executor, tell)
            for answer in scheduler.run(executor):
                defaults_over |= answer.number == 0
                if isinstance(answer, Lost):
                    lost.append(f"trial {answer.number}: {answer.failure}")
                else:
                    settings.learn(answer)
                    study.add(answer)
                if defaults_over and study.trials:
                    study.save(path)
    if lost:
        raise RunFailedError(f"{len(lost)} trials were lost: {lost[0]}; the others are kept, the same command goes on")


def _check_direction(primary: str) -> None:
    """Scores are compared by size, largest first, in the study, in Optuna and in figures."""
    member = find(primary)
    if member is not None and not member.metric.higher_is_better:
        raise UserError(
            f"protocol field primary: less of {primary!r} is better, and a search looks for more: name another metric "
            "to tune by"
        )


class _Settings:
    """The settings of all trials, drawn in the order of their numbers from what the trials before have shown.

    Args:
        search: a new one.
        known: trials that are over, by number.
    """

    def __init__(self, search: Search, known: dict[int, Trial]) -> None:
        self._search, self._known, self._next = search, known, 0

    def draw(self, number: int) -> dict[str, Any]:
        """Values of a trial that is not known; those before it are known or drawn."""
        while self._next < number:
            self._search.add(self._known[self._next])
            self._next += 1
        self._next += 1
        return self._search.ask()[1]

    def learn(self, trial: Trial) -> None:
        """What became of a trial that was drawn."""
        self._search.tell(trial)


class TrialTask(Task[Answer]):
    """A trial of a study.

    Args:
        number: of the trial.
        settings: where its values come from, drawn once when it begins.
        make_spec: values -> the run that tries them.
        defaults: the run of trial 0.
        folder: for checkpoints.
    """

    kinds = ("trial",)

    def __init__(
        self,
        number: int,
        settings: _Settings,
        make_spec: Callable[[dict[str, Any]], RunSpec],
        defaults: RunSpec,
        folder: Path,
    ) -> None:
        self.number, self.defaults, self.folder = number, defaults, folder
        self._settings, self._make_spec = settings, make_spec
        self._values: dict[str, Any] | None = None

    def call(self) -> Call:
        """See `Task`."""
        if self._values is None:
            self._values = self._settings.draw(self.number)
        return try_setting, (self.number, self._values, self._make_spec(self._values), self.defaults, self.folder)

    def judge(self, ended: Ended) -> Verdict[Answer]:
        """See `Task`. A trial that is lost ends the search: the next would meet the same disk or memory.

        Raises:
            UserError: the request is wrong, whatever the setting.
        """
        answer: Answer = ended.value if ended.death is None else Lost(self.number, ended.death)
        if isinstance(answer, Trial):
            return Verdict("over", answer, _line(answer), seconds=answer.seconds)
        if answer.wrong_request:
            raise UserError(answer.failure)
        state: Literal["crashed", "over"] = "over" if ended.death is None else "crashed"
        return Verdict(state, answer, f"trial {self.number}: {answer.failure}", stop=True)


def _line(trial: Trial) -> str:
    words = " ".join(f"{name}={value}" for name, value in trial.values.items()) or "defaults"
    return f"{words}: " + (trial.failure or f"{trial.score:.4f} (epoch {trial.epoch}, {trial.seconds:.1f} s)")


def _search(study: Study, defaults: RunSpec, whole: Collection[str]) -> Search:
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
        whole,
    )


def _work_of(path: Path) -> Path:
    """Folder of the checkpoints of a study's trials."""
    return path.with_name(f".{path.name}.work")


@contextmanager
def _working_folder(path: Path) -> Iterator[Path]:
    """A folder for checkpoints beside the study, held by one process, gone at the end."""
    folder = _work_of(path)
    lock = filelock.FileLock(str(path.with_name(f".{path.name}.lock")))
    with write_errors_explained(path):
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
