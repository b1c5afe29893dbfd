"""Optuna's tree-structured Parzen estimator: a study of Optuna in memory, rebuilt from our own file.

This module needs Optuna; everything else of hashbench does without.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.trial import Trial as OptunaTrial
from optuna.trial import TrialState, create_trial

from hashbench.data.seeding import derive_seed
from hashbench.tuning.halving import brackets_of
from hashbench.tuning.search_space import checked
from hashbench.tuning.settings import Settings, first_settings
from hashbench.tuning.study import Study, Trial


class LearningSettings(Settings):
    """Settings drawn from what the trials before have shown.

    Every trial has a sampler of its own, made from its number, so a search that was killed goes on with the draws that
    it would have had. It learns the score of a trial's first rung, the only one that all trials have.

    Args:
        study: what is searched.
        defaults: values of the method's defaults; trial 0 has those that lie within the space.
        whole: names of what is drawn as a whole number.
        known: trials that are over, by number; read when a later one is drawn.
    """

    def __init__(
        self,
        study: Study,
        defaults: Mapping[str, Any],
        whole: Collection[str] = (),
        known: Mapping[int, Trial] | None = None,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study, self._known = study, known or {}
        self._distributions = {name: _distribution(name, entry, name in whole) for name, entry in study.search.items()}
        self._first = first_settings(study)
        self._defaults = self._within(defaults)
        self._optuna = optuna.create_study(direction="maximize")
        self._open: dict[int, OptunaTrial] = {}

    def draw(self, number: int) -> dict[str, Any]:
        """See `Settings`."""
        for before in range(len(self._optuna.trials), number):
            self._add(self._known[before])
        seed = derive_seed(self._study.seed, "tune", self._study.method, "tpe", number) % 2**32
        self._optuna.sampler = TPESampler(seed=seed)
        names: Collection[str] = self._distributions
        if number < len(self._first):
            given = self._started(self._first[number])
            self._optuna.enqueue_trial(given)
            names = given
        trial = self._optuna.ask({name: self._distributions[name] for name in names})
        self._open[number] = trial
        return self._first[number] if number < len(self._first) else {name: trial.params[name] for name in names}

    def learn(self, trial: Trial) -> None:
        """See `Settings`."""
        value = self._learnt(trial)
        state = TrialState.FAIL if value is None else TrialState.COMPLETE
        self._optuna.tell(self._open.pop(trial.number), value, state=state)

    def _add(self, trial: Trial) -> None:
        """The next trial, which was over before."""
        first = trial.number < len(self._first)
        params = self._started(self._first[trial.number]) if first else self._within(trial.values)
        value = self._learnt(trial)
        self._optuna.add_trial(
            create_trial(
                state=TrialState.FAIL if value is None else TrialState.COMPLETE,
                value=value,
                params=params,
                distributions={name: self._distributions[name] for name in params},
            )
        )

    def _learnt(self, trial: Trial) -> float | None:
        """The score on the first rung, which later ones do not change; None where there is none."""
        for bracket in brackets_of(self._study):
            if trial.number in bracket.numbers:
                return trial.scores[0] if trial.scores else None
        return None if trial.failure is not None or not math.isfinite(trial.score) else trial.score

    def _started(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The defaults with some changes, as far as they lie within the space."""
        return self._defaults | self._within(changes)

    def _within(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What Optuna can know of values: those within the space."""
        known = self._distributions
        return {name: value for name, value in values.items() if name in known and _lies_in(known[name], value)}


def _distribution(name: str, entry: Any, whole: bool) -> BaseDistribution:
    kind, options = checked(entry, f"search space: {name}")
    if kind == "choice":
        return CategoricalDistribution(options)
    if whole:
        return IntDistribution(int(options[0]), int(options[1]), log=kind == "log")
    return FloatDistribution(float(options[0]), float(options[1]), log=kind == "log")


def _lies_in(distribution: BaseDistribution, value: Any) -> bool:
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and isinstance(distribution, IntDistribution) and not float(value).is_integer():
        return False
    return number and distribution.low <= value <= distribution.high  # type: ignore[attr-defined]
