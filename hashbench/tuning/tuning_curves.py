"""Tuning curves: for each method, the validation value that a search of n trials can be expected to reach.

Curves stand beside each other where their studies had the same protocol, data, split, weights and code length. Several
studies of one method, which differ in their seed, make one curve:

- its mean and standard deviation are those of the **pooled** trials. They estimate the distribution that trials come
  from better than one study can, and for studies of one length the expectation that follows is never below the mean of
  the studies' own (P(best <= v) = F(v)^n is convex in F), which on average lies below the truth;
- beside it stands the standard deviation **over studies** of each study's own expectation, which says how far the curve
  would move if the search were done once more. It is not defined for one study.

A trial that failed counts with the worst value (`worst_for_failed`). A trial that successive halving stopped counts
with the best value that it had reached: a lower bound of what its setting reaches, so that the curve is one too (the
best of n draws only grows with the scores, and a search of n trials would have stopped fewer of these n).
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hashbench.errors import UserError, listed
from hashbench.paths import brief
from hashbench.results.naming import display_name
from hashbench.results.record import to_json
from hashbench.tuning.expected_best import Best, Floats, expected_best, worst_for_failed
from hashbench.tuning.study import Study

Named = tuple[Path, Study]
"""A study and its file."""

BUDGETS = (1, 4, 12, 24)
"""Numbers of trials at which the order of methods is shown."""
_LONGEST = 1000
"""Points of a curve."""


@dataclass(frozen=True)
class TuningCurve:
    """One method at one code length.

    Attributes:
        label: method and preset, as the leaderboard names a row.
        method, preset: where its search started.
        files: of its studies.
        seeds: of its studies.
        trials: M, the trials of the shortest study, at most 1,000: the curve ends there.
        total, failed, stopped: the trials of all studies, those of them without a score, and those stopped early.
        epochs: mean epochs of a trial, of those that say it; NaN where none does: shallow methods have no epochs, and
            older studies do not keep them.
        mean, std: (M,) of the best of n trials; see the module's head.
        over_studies: (M,) standard deviation over studies (n - 1), NaN for one.
        ends: lowest and highest score of any trial.
    """

    label: str
    method: str
    preset: str
    files: tuple[Path, ...]
    seeds: tuple[int, ...]
    trials: int
    total: int
    failed: int
    stopped: int
    epochs: float
    mean: Floats
    std: Floats
    over_studies: Floats
    ends: tuple[float, float]

    @property
    def cost(self) -> Floats:
        """(M,) epochs that n trials are expected to take."""
        return np.arange(1, self.trials + 1, dtype=np.float64) * np.float64(self.epochs)


@dataclass(frozen=True)
class CurveGroup:
    """Curves that may be compared.

    Attributes:
        protocol, bits: of the studies.
        conditions: digest of protocol, data, split and weights.
        ambiguous: whether another group has this protocol's name and other conditions.
        metric: that was validated.
        curves: the best at their ends first.
        by_tpe: whether any study drew by what it had seen, so that its trials are no independent draws.
    """

    protocol: str
    bits: int
    conditions: str
    ambiguous: bool
    metric: str
    curves: tuple[TuningCurve, ...]
    by_tpe: bool

    @property
    def name(self) -> str:
        """The protocol, with its conditions where that is needed to tell two apart."""
        return f"{self.protocol} ({self.conditions})" if self.ambiguous else self.protocol

    @property
    def budgets(self) -> list[int]:
        """Numbers of trials at which to look: those of `BUDGETS` that any curve reaches, and the largest of all."""
        most = max(curve.trials for curve in self.curves)
        return [*(budget for budget in BUDGETS if budget < most), most]

    def order(self, budget: int) -> list[TuningCurve]:
        """The curves that reach so many trials, the best first."""
        there = [curve for curve in self.curves if curve.trials >= budget]
        return sorted(there, key=lambda curve: (-curve.mean[budget - 1], curve.label))


def tuning_curves(studies: Sequence[Named]) -> list[CurveGroup]:
    """Arrange studies into curves that may be compared.

    Returns:
        By protocol, conditions and bits.

    Raises:
        UserError: a study without a trial, or two of one method that have one seed or differ in more than the seed.
    """
    groups: dict[tuple[str, str, int], list[Named]] = {}
    for path, study in studies:
        if not study.trials:
            raise UserError(f"{brief(path)}: no trial is over yet: go on with `hashbench tune`")
        groups.setdefault((study.run["protocol"], _conditions(study), study.run["bits"]), []).append((path, study))
    of_name: dict[str, set[str]] = {}
    for protocol, conditions, _ in groups:
        of_name.setdefault(protocol, set()).add(conditions)
    return [
        CurveGroup(
            protocol,
            bits,
            conditions,
            len(of_name[protocol]) > 1,
            here[0][1].run["settings"]["primary"],
            tuple(sorted(_curves(here), key=lambda curve: (-curve.mean[-1], curve.label))),
            any(study.sampler == "tpe" for _, study in here),
        )
        for (protocol, conditions, bits), here in sorted(groups.items())
    ]


def _conditions(study: Study) -> str:
    shared = {"settings": study.run["settings"], "content": study.content}
    return hashlib.sha256(to_json(shared, compact=True).encode()).hexdigest()[:8]


def _curves(studies: Sequence[Named]) -> list[TuningCurve]:
    """Of studies under the same conditions."""
    by_label: dict[str, list[Named]] = {}
    for path, study in studies:
        by_label.setdefault(display_name(study.method, study.run["preset"], "defaults"), []).append((path, study))
    return [_curve(label, sorted(own, key=lambda one: one[1].seed)) for label, own in by_label.items()]


def _curve(label: str, studies: Sequence[Named]) -> TuningCurve:
    _check_repeats(label, studies)
    every = [trial for _, study in studies for trial in study.trials]
    most = min(_LONGEST, *(len(study.trials) for _, study in studies))
    filled = worst_for_failed([trial.score for trial in every])
    pooled = expected_best(filled, most)
    ends = np.cumsum([len(study.trials) for _, study in studies])[:-1]
    own: list[Best] = [expected_best(part, most) for part in np.split(filled, ends)]
    spread = np.std([best.mean for best in own], axis=0, ddof=1) if len(own) > 1 else np.full(most, math.nan)
    study = studies[0][1]
    return TuningCurve(
        label,
        study.method,
        study.run["preset"],
        tuple(path for path, _ in studies),
        tuple(study.seed for _, study in studies),
        most,
        len(every),
        sum(not math.isfinite(trial.score) for trial in every),
        sum(_stopped(study) for _, study in studies),
        _mean([epochs for _, study in studies for epochs in _epochs(study) if epochs]),
        pooled.mean,
        pooled.std,
        spread,
        (float(filled.min()), float(filled.max())),
    )


def _check_repeats(label: str, studies: Sequence[Named]) -> None:
    """Repeats of a study differ in their seed and in nothing else of the search."""
    for (path, study), (other_path, other) in itertools.pairwise(studies):
        where = f"{brief(path, 60)} and {brief(other_path, 60)}: two studies of {label} at {study.run['bits']} bits"
        if study.seed == other.seed:
            raise UserError(f"{where} with seed {study.seed}: name one of them; repeated studies have other seeds")
        before, now = _search(study), _search(other)
        differing = [name for name in before if to_json(before[name]) != to_json(now[name])]
        if differing:
            raise UserError(f"{where} that differ in {listed(differing)}: they make no common curve; name one of them")


def _search(study: Study) -> Mapping[str, Any]:
    """What repeats of a study have in common."""
    return {
        "sampler": study.sampler,
        "search space": study.search,
        "rates that are tried first": study.rates,
        "successive halving": study.halving,
        "the settings that they start from": [study.run[name] for name in ("hparams", "optimizer", "schedule")],
    }


def _epochs(study: Study) -> list[int]:
    """For which each trial was trained; 0 where it is not known, and of methods that are fitted."""
    trained = bool(study.run["optimizer"])
    return [trial.epochs if trained else 0 for trial in study.trials]


def _stopped(study: Study) -> int:
    """Trials that were trained for fewer epochs than the longest, and did not fail."""
    trials = zip(study.trials, _epochs(study), strict=True)
    epochs = [number for trial, number in trials if math.isfinite(trial.score)]
    return sum(0 < number < max(epochs) for number in epochs)


def _mean(numbers: Sequence[int]) -> float:
    return sum(numbers) / len(numbers) if numbers else math.nan
