"""A study that is being done: which trials are due, what became of them, what is on disk."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from hashbench.catalog.request import RunSpec
from hashbench.errors import UserError
from hashbench.evaluation.metrics import find
from hashbench.sweeps.estimate import Durations, Kinds
from hashbench.sweeps.executors import Ended
from hashbench.sweeps.scheduler import Call, Task, Verdict
from hashbench.tuning.halving import Due, Rung, brackets_of, due
from hashbench.tuning.settings import settings_of
from hashbench.tuning.study import Study, Trial
from hashbench.tuning.trial import Lost, Stretch, try_setting

Answer = Trial | Lost
_NUMBER = re.compile(r"trial(\d+)-")


@dataclass
class Search:
    """A study that is asked for.

    Attributes:
        study: as it is on disk, or new.
        path: its file.
        make_spec: values of the search space -> the run that tries them.
        trials: how many it is to have.
        whole: names of what is drawn as a whole number; see `search_space.whole_numbers`.
        label: what lines of progress call it; empty where it is the only one.
    """

    study: Study
    path: Path
    make_spec: Callable[[dict[str, Any]], RunSpec]
    trials: int
    whole: Collection[str] = field(default=())
    label: str = ""

    @property
    def work(self) -> Path:
        """Folder of the checkpoints of its trials."""
        return self.path.with_name(f".{self.path.name}.work")

    @property
    def lock(self) -> Path:
        """Held while it is done."""
        return self.path.with_name(f".{self.path.name}.lock")

    def plan(self) -> None:
        """Give a study with halving its brackets.

        Raises:
            UserError: fewer trials than those that have begun to compete.
        """
        if not self.study.halving:
            return
        begun = sum(self.study.brackets)
        if self.trials < begun and not self.is_complete():
            raise UserError(
                f"{self.path}: {begun} trials compete in this study and {self.trials} are asked for: a rung is decided "
                f"among all of them. Give --trials {begun}, or another --out"
            )
        if self.trials > begun:
            self.study.brackets = [*self.study.brackets, self.trials - begun]

    def is_complete(self) -> bool:
        """Whether nothing is left to do."""
        return not any(True for _ in self.due())

    def due(self) -> Iterator[tuple[list[Rung], Due]]:
        """What each bracket that is not over waits for; a study without halving is one bracket of one rung."""
        known = {trial.number: trial for trial in self.study.trials}
        if not self.study.halving:
            missing = [number for number in range(self.trials) if number not in known]
            if missing:
                yield [], Due(missing, 0)
            return
        for numbers, rungs in brackets_of(self.study):
            if (waiting := due(numbers, rungs, known)) is not None:
                yield rungs, waiting


class UnderWay:
    """A search in progress.

    Args:
        search: with at least one trial to do.
        durations: is told how long trials take.

    Attributes:
        refused: why the request is wrong, whatever the setting; nothing more is then done for it.
        lost: trials that say nothing about their settings, a line each.

    Raises:
        UserError: Optuna is missing, or the metric cannot be compared.
    """

    def __init__(self, search: Search, durations: Durations) -> None:
        self.search, self.study = search, search.study
        self.defaults = search.make_spec({})
        _check_direction(self.defaults.settings.primary)
        self.known = {trial.number: trial for trial in self.study.trials}
        self.settings = settings_of(self.study, self.defaults, search.whole, self.known)
        self.refused = ""
        self.lost: list[str] = []
        self._durations = durations
        self._handed_out: set[tuple[int, int]] = set()

    @property
    def kept(self) -> int:
        """Trials in the file."""
        return len(self.study.trials) if 0 in self.known else 0

    def tasks(self) -> list[TrialTask]:
        """What has become due since the last call, in order of numbers."""
        found = []
        for rungs, (numbers, rung) in self.search.due():
            new = [number for number in numbers if (number, rung) not in self._handed_out]
            self._handed_out |= {(number, rung) for number in new}
            found += [TrialTask(self, number, rungs[: rung + 1]) for number in new]
        return found

    def later(self) -> list[Kinds]:
        """Kinds of what will be due if no more trials fail."""
        if self.refused:
            return []
        return [
            self.kinds(rungs[: number + 1])
            for rungs, waiting in self.search.due()
            for number in range(waiting.rung + 1, len(rungs))
            for _ in range(rungs[number].entrants)
        ]

    def kinds(self, rungs: list[Rung]) -> Kinds:
        """Groups of runs that take about the same time: as many epochs of the same study, method, kind."""
        return self._kinds(_length(rungs, self.defaults))

    def _kinds(self, epochs: int) -> Kinds:
        return ((self.search.path, epochs), (self.study.method, epochs), (bool(self.defaults.recipe), epochs))

    def stretch(self, number: int, rungs: list[Rung]) -> Stretch:
        """The run of a trial on a rung."""
        before = self.known.get(number)
        values = self.settings.draw(number) if before is None else before.values
        return Stretch(
            number,
            values,
            _for(self.search.make_spec(values), rungs),
            _for(self.defaults, rungs),
            self.search.work,
            before,
        )

    def take(self, answer: Answer, rungs: list[Rung]) -> None:
        """What became of a stretch; the file is written, and checkpoints that nobody needs any more are deleted.

        Until trial 0 is over, nothing is written: should the defaults be refused, the request is wrong.
        """
        if self.refused:
            return
        if isinstance(answer, Lost):
            if answer.wrong_request:
                self.refused = answer.failure
            else:
                self.lost.append(f"trial {answer.number}: {answer.failure}")
            return
        before = self.known.get(answer.number)
        if before is None:
            self.settings.learn(answer)
        seconds, length = answer.seconds - (before.seconds if before else 0.0), _length(rungs, self.defaults)
        lengths = {rung.epochs for bracket in brackets_of(self.study) for rung in bracket.rungs}
        for planned in {length, *lengths}:
            if not answer.failure:
                self._durations.add(self._kinds(planned), seconds * planned / length)
        self.known[answer.number] = answer
        self.study.put(answer)
        if 0 in self.known:
            self.study.save(self.search.path)
        self.tidy()

    def tidy(self) -> None:
        """Delete the checkpoints of trials that are over or out."""
        if not self.search.work.is_dir():
            return
        needed: set[int] = set()
        for _, (numbers, _rung) in self.search.due():
            needed |= set(numbers)
        failed = {number for number, trial in self.known.items() if trial.failure is not None}
        for folder in self.search.work.iterdir():
            match = _NUMBER.match(folder.name)
            if match is None or int(match[1]) not in needed - failed:
                shutil.rmtree(folder, ignore_errors=True)


class TrialTask(Task[tuple["TrialTask", Answer]]):
    """A run of a trial.

    Args:
        owner: the study.
        number: of the trial.
        rungs: up to the one whose run it is; none: the only one.
    """

    def __init__(self, owner: UnderWay, number: int, rungs: list[Rung]) -> None:
        self.owner, self.number, self.rungs = owner, number, rungs
        self.kinds = owner.kinds(rungs)
        self._stretch: Stretch | None = None

    def look(self) -> Literal["to do", "found", "held"]:
        """See `Task`. What a refused study still had to do is no longer wanted."""
        return "found" if self.owner.refused else "to do"

    def call(self) -> Call:
        """See `Task`. The setting is drawn once, when it is first asked for."""
        if self._stretch is None:
            self._stretch = self.owner.stretch(self.number, self.rungs)
        return try_setting, (self._stretch,)

    def judge(self, ended: Ended) -> Verdict[tuple[TrialTask, Answer]]:
        """See `Task`. A trial that is lost ends the search: the next would meet the same disk or memory."""
        answer: Answer = ended.value if ended.death is None else Lost(self.number, ended.death)
        label = f"{self.owner.search.label}: " if self.owner.search.label else ""
        if isinstance(answer, Trial):
            return Verdict("over", (self, answer), label + _line(answer))
        state: Literal["crashed", "over"] = "over" if ended.death is None else "crashed"
        line = f"{label}trial {self.number}: {answer.failure}"
        return Verdict(state, (self, answer), line, stop=not answer.wrong_request)


def _line(trial: Trial) -> str:
    words = " ".join(f"{name}={value}" for name, value in trial.values.items()) or "defaults"
    return f"{words}: " + (trial.failure or f"{trial.score:.4f} (epoch {trial.epoch}, {trial.seconds:.1f} s)")


def _length(rungs: list[Rung], defaults: RunSpec) -> int:
    """Epochs of a run."""
    return rungs[-1].epochs if rungs else defaults.settings.epochs


def _for(spec: RunSpec, rungs: list[Rung]) -> RunSpec:
    """The run with the epochs of the last of these rungs, and a schedule of that length."""
    return replace(spec, settings=spec.settings.model_copy(update={"epochs": _length(rungs, spec)}))


def _check_direction(primary: str) -> None:
    """Scores are compared by size, largest first, in the study, in Optuna and in figures."""
    member = find(primary)
    if member is not None and not member.metric.higher_is_better:
        raise UserError(
            f"protocol field primary: less of {primary!r} is better, and a search looks for more: name another metric "
            "to tune by"
        )
