"""A search on disk: what was asked and every trial that is over. Plain JSON, always whole, read without Optuna."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from hashbench.catalog.set_words import as_set
from hashbench.errors import UserError, cut, listed, shown
from hashbench.paths import exists
from hashbench.plain import PlainError, read_bytes
from hashbench.results.atomic import write_text
from hashbench.results.flat import flatten
from hashbench.results.record import to_json
from hashbench.tuning.search_space import checked

SCHEMA = 2
"""Version of the file. Files of version 1, without rates, halving, epochs and curves, are read too."""


class Trial(BaseModel):
    """One setting that was tried.

    Attributes:
        number: 0 for the method's defaults.
        values: hyper-parameters that differ from the start of the search; {} in trial 0.
        score: best validation metric of its last run; NaN where the setting failed.
        epoch: that had it.
        epochs: trained in all its runs; 1 for a method that is fitted, 0 in files of version 1, which do not tell.
        curve: epoch -> metric of each validation of its last run.
        scores: of its run on each rung of successive halving that it has passed.
        seconds: that the trial took.
        failure: why there is no score.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int = Field(ge=0, lt=2**31)
    values: dict[str, Any]
    score: float = math.nan
    epoch: int = Field(default=0, ge=0, lt=2**63)
    epochs: int = Field(default=0, ge=0, lt=2**63)
    curve: dict[int, float] = Field(default_factory=dict)
    scores: list[float] = Field(default_factory=list)
    seconds: float = 0.0
    failure: str | None = None

    @field_validator("score", mode="before")
    @classmethod
    def _null_is_nan(cls, value: object) -> object:
        return math.nan if value is None else value

    @field_validator("curve", mode="before")
    @classmethod
    def _nulls_are_nan(cls, value: object) -> object:
        return {key: cls._null_is_nan(one) for key, one in value.items()} if isinstance(value, dict) else value

    @property
    def rung(self) -> int:
        """How many rungs of successive halving it has passed; without halving, 1 once it is over."""
        return len(self.scores)


class Study(BaseModel):
    """A search for the hyper-parameters of one method under one protocol.

    Attributes:
        method, preset, sets: where it started; `sets` are `--set` words for hyper-parameters.
        sampler, seed, search: how settings are drawn.
        rates: learning rates that trials 1, 2, ... try before any setting is drawn.
        halving: whether trials are compared on the way and only the better ones go on; see `hashbench.tuning.halving`.
        brackets: sizes of the groups in which they are; of 24 trials to which 24 were added, [24, 24].
        run: `RunSpec.identity()` of trial 0, with the name of the weights for their path.
        content: checksums of what it was done on, `data`, `split` and `weights`; empty in files that older versions
            wrote, which are then taken to fit.
        trials: those that are over, in order of their numbers.
    """

    model_config = ConfigDict(extra="forbid")

    study: int = SCHEMA
    method: str
    preset: str | None
    sets: list[str]
    sampler: str
    seed: int = Field(ge=0, lt=2**31)
    search: dict[str, dict[str, list[Any]]]
    rates: list[float] = Field(default_factory=list)
    halving: bool = False
    brackets: list[Annotated[int, Field(ge=1, lt=2**31)]] = Field(default_factory=list)
    run: dict[str, Any]
    content: dict[str, str | None] = Field(default_factory=dict)
    trials: list[Trial] = Field(default_factory=list)

    @field_validator("trials")
    @classmethod
    def _numbers_stand_once(cls, value: list[Trial]) -> list[Trial]:
        if len({trial.number for trial in value}) < len(value):
            raise ValueError("two trials have one number")
        return sorted(value, key=lambda trial: trial.number)

    @field_validator("search")
    @classmethod
    def _can_be_drawn_from(cls, value: dict[str, dict[str, list[Any]]]) -> dict[str, dict[str, list[Any]]]:
        for name, entry in value.items():
            checked(entry, f"search space: {name}")
        return value

    @field_validator("run")
    @classmethod
    def _is_a_run(cls, value: dict[str, Any]) -> dict[str, Any]:
        """Of `RunSpec.identity()`, what those who read a study look at."""
        wanted = {"protocol": str, "bits": int, "seed": int, "preset": str, "settings": dict}
        wanted |= dict.fromkeys(("hparams", "optimizer", "schedule"), dict)
        wrong = [name for name, kind in wanted.items() if not isinstance(value.get(name), kind)]
        if not wrong:
            inner = {"primary": str, "epochs": int}
            wrong = [
                f"settings.{name}" for name, kind in inner.items() if not isinstance(value["settings"].get(name), kind)
            ]
        if wrong:
            raise ValueError(f"{listed(wrong)} missing, or of another kind")
        return value

    def best(self) -> Trial:
        """The trial with the highest score, the earliest of equals.

        Raises:
            UserError: none has a score.
        """
        scored = [trial for trial in self.trials if math.isfinite(trial.score)]
        if not scored:
            raise UserError(f"no trial of {self.method} has a score ({len(self.trials)} were tried): tune it first")
        return max(scored, key=lambda trial: trial.score)

    def best_sets(self) -> list[str]:
        """The best setting as `--set` words."""
        return [*self.sets, *(as_set(name, value) for name, value in self.best().values.items())]

    @property
    def name(self) -> str:
        """The method, with the preset from which the search started: `csq`, `csq@paper`."""
        return f"{self.method}@{self.preset}" if self.preset not in (None, "default") else self.method

    @property
    def epochs(self) -> int:
        """Trained in all trials together."""
        return sum(trial.epochs for trial in self.trials)

    def put(self, trial: Trial) -> None:
        """Take in a trial that is over, or that has come further."""
        others = [known for known in self.trials if known.number != trial.number]
        self.trials = sorted([*others, trial], key=lambda known: known.number)

    def to_json(self) -> str:
        """The text of the file, a trial a line."""
        head = to_json(self.model_dump(exclude={"trials"})).removesuffix("\n}\n")
        lines = ",\n  ".join(to_json(trial.model_dump(exclude_defaults=True), compact=True) for trial in self.trials)
        return f'{head},\n "trials": [\n  {lines}\n ]\n}}\n'

    def save(self, path: Path) -> None:
        """Replace the file in one step; errors as in `hashbench.results.atomic.write_text`."""
        write_text(path, self.to_json())


def load_study(path: Path) -> Study:
    """Read a study.

    Raises:
        UserError: no such file, or no study of this version.
    """
    try:
        study = Study.model_validate_json(read_bytes(path))
    except PlainError as error:
        raise UserError(f"{path}: cannot be read: {error}; name a file of `hashbench tune --out`") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        reason = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{path}: not a study of `hashbench tune`: {cut(where, 60)}: {cut(reason, 120)}") from error
    if study.study not in (1, SCHEMA):
        raise UserError(f"{path}: a study of version {study.study}, this hashbench reads {SCHEMA}: tune again")
    study.study = SCHEMA
    return study


def continued(asked: Study, path: Path, free: Collection[str] = ()) -> Study:
    """The study in `path` if it is the one that is asked for, with its trials; `asked` where there is no file.

    Args:
        free: fields that may be as the file says.

    Raises:
        UserError: the file holds another study; the message names what differs.
    """
    if not exists(path):
        return asked
    kept = load_study(path)
    compared = {"trials", "brackets", *free} | (set() if kept.content else {"content"})
    before, now = (flatten(study.model_dump(exclude=compared)) for study in (kept, asked))
    differing = [key for key in now | before if _plain(before.get(key)) != _plain(now.get(key))]
    if differing:
        words = "; ".join(
            f"{cut(key, 40)} was {shown(before.get(key), 40)}, now {shown(now.get(key), 40)}" for key in differing[:3]
        )
        raise UserError(f"{path} holds another study: {words}. Ask for the same, or give another --out")
    return kept


def _plain(value: Any) -> str:
    return to_json(value, compact=True)
