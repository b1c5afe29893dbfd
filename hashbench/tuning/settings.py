"""The setting of each trial: the defaults, then the protocol's learning rates, then draws."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

from hashbench.catalog.request import RunSpec
from hashbench.errors import UserError
from hashbench.tuning.search_space import draw_one
from hashbench.tuning.study import Study, Trial


class Settings(ABC):
    """Gives the values of a trial, {} for the defaults; one that learns from trials is told what became of them."""

    @abstractmethod
    def draw(self, number: int) -> dict[str, Any]:
        """Values of a trial that is not known; those before it are known or drawn."""

    def learn(self, trial: Trial) -> None:  # noqa: B027 - not abstract: named draws learn nothing
        """What became of a trial that was drawn."""


class NamedSettings(Settings):
    """Each value from a stream of its own, named by (seed, method, hyper-parameter, trial); see `draw_one`.

    Args:
        study: what is searched.
        whole: names of what is drawn as a whole number.
    """

    def __init__(self, study: Study, whole: Collection[str] = ()) -> None:
        self._study, self._whole, self._first = study, whole, first_settings(study)

    def draw(self, number: int) -> dict[str, Any]:
        """See `Settings`."""
        if number < len(self._first):
            return self._first[number]
        study = self._study
        return {
            name: draw_one(entry, study.seed, study.method, name, number, whole=name in self._whole)
            for name, entry in study.search.items()
        }


def first_settings(study: Study) -> list[dict[str, Any]]:
    """What is tried before anything is drawn: the defaults, and these with each of the protocol's rates."""
    return [{}, *({"optimizer.lr": rate} for rate in study.rates)]


def settings_of(study: Study, defaults: RunSpec, whole: Collection[str], known: Mapping[int, Trial]) -> Settings:
    """How the settings of a study come about.

    Args:
        defaults: the run of trial 0.
        whole: names of what is drawn as a whole number.
        known: trials that are over, by number.

    Raises:
        UserError: Optuna is missing, which the sampler `tpe` needs.
    """
    if study.sampler == "named":
        return NamedSettings(study, whole)
    try:
        from hashbench.tuning.samplers import LearningSettings
    except ImportError as error:
        raise UserError(
            f'--sampler {study.sampler}: Optuna is not installed here: pip install "hashbench[tune]"'
        ) from error
    values = {**defaults.hparams}
    values |= {f"optimizer.{name}": value for name, value in defaults.optimizer.items()}
    values |= {f"schedule.{name}": value for name, value in defaults.schedule.items()}
    return LearningSettings(study, values, whole, known)
