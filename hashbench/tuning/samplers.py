"""Optuna as hashbench uses it: a study in memory, rebuilt from our own file, whose samplers draw by name.

This module needs Optuna; everything else of hashbench does without.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study as OptunaStudy
from optuna.trial import FrozenTrial, TrialState, create_trial
from optuna.trial import Trial as OptunaTrial

from hashbench.data.seeding import derive_seed
from hashbench.tuning.search_space import Space, checked, draw_one
from hashbench.tuning.study import Trial


class NamedSampler(BaseSampler):
    """Each value from a stream of its own, named by (seed, method, hyper-parameter, trial); see `draw_one`.

    Args:
        space: the search space.
        seed, method: the rest of the name.
        whole: names of what is drawn as a whole number.
    """

    def __init__(self, space: Space, seed: int, method: str, whole: Collection[str] = ()) -> None:
        self.space, self.seed, self.method, self.whole = space, seed, method, whole

    def infer_relative_search_space(self, study: OptunaStudy, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Nothing is drawn together."""
        return {}

    def sample_relative(
        self, study: OptunaStudy, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing is drawn together."""
        return {}

    def sample_independent(
        self, study: OptunaStudy, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The draw of this name."""
        entry, whole = self.space[param_name], param_name in self.whole
        return draw_one(entry, self.seed, self.method, param_name, trial.number, whole=whole)


class Search:
    """Gives the settings of trial 0, 1, 2, ... and learns what became of them.

    Trials are asked for or added in the order of their numbers. Every trial has a sampler of its own, made from its
    number, so a search that was killed goes on with the draws that it would have had.

    Args:
        space: the search space.
        defaults: values of the method's defaults; trial 0 has those that lie within the space.
        sampler: `named`, or `tpe` for Optuna's tree-structured Parzen estimator.
        seed, method: name the streams.
        whole: names of what is drawn as a whole number.
    """

    def __init__(
        self,
        space: Space,
        defaults: dict[str, Any],
        sampler: str,
        seed: int,
        method: str,
        whole: Collection[str] = (),
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.space, self.sampler, self.seed, self.method, self.whole = space, sampler, seed, method, whole
        self._distributions = {name: _distribution(name, entry, name in whole) for name, entry in space.items()}
        self._defaults = {name: value for name, value in defaults.items() if _lies_in(self._distributions[name], value)}
        self._study = optuna.create_study(direction="maximize")
        self._open: dict[int, OptunaTrial] = {}

    def ask(self) -> tuple[int, dict[str, Any]]:
        """Number and values of the next trial; {} for trial 0."""
        number = len(self._study.trials)
        self._study.sampler = self._sampler(number)
        if number == 0:
            self._study.enqueue_trial(self._defaults)
        trial = self._study.ask({name: self._distributions[name] for name in self._params_of(number, None)})
        self._open[number] = trial
        return number, {} if number == 0 else {name: trial.params[name] for name in self.space}

    def tell(self, trial: Trial) -> None:
        """What became of a trial that was asked for."""
        scored = math.isfinite(trial.score)
        self._study.tell(
            self._open.pop(trial.number),
            trial.score if scored else None,
            state=TrialState.COMPLETE if scored else TrialState.FAIL,
        )

    def add(self, trial: Trial) -> None:
        """The next trial, which was over before."""
        params = self._params_of(trial.number, trial.values)
        scored = math.isfinite(trial.score)
        self._study.add_trial(
            create_trial(
                state=TrialState.COMPLETE if scored else TrialState.FAIL,
                value=trial.score if scored else None,
                params=params,
                distributions={name: self._distributions[name] for name in params},
            )
        )

    def _params_of(self, number: int, values: dict[str, Any] | None) -> dict[str, Any]:
        """What Optuna knows of a trial: of the defaults, or of values drawn before, only those within the space."""
        if number == 0:
            return self._defaults
        if values is None:
            return dict.fromkeys(self.space)
        return {name: value for name, value in values.items() if _lies_in(self._distributions[name], value)}

    def _sampler(self, number: int) -> BaseSampler:
        if self.sampler == "named":
            return NamedSampler(self.space, self.seed, self.method, self.whole)
        return TPESampler(seed=derive_seed(self.seed, "tune", self.method, "tpe", number) % 2**32)


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
