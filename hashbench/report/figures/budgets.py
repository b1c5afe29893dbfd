"""Tuning curves: the expected best validation value over the number of trials, and over the epochs that these cost.

After Dodge et al., "Show Your Work" (EMNLP 2019), Fig. 1; the numbers are those of `hashbench.tuning.tuning_curves`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hashbench.report.figures.lines import LineSheet, Panel
from hashbench.report.figures.names import quantity
from hashbench.report.figures.sheet import Curve
from hashbench.results.record import VALIDATION
from hashbench.tuning.tuning_curves import CurveGroup, TuningCurve

_CAPTION = (
    "Expected best {metric} of n trials of a search, over n and over the epochs that n trials take: exact for draws "
    "with replacement from the trials of the studies, failed ones as 0 (Dodge et al. 2019). The band is ± one standard "
    "deviation of the best, within the scores that there are."
)
_STOPPED = " Trials that were stopped early count with the best that they had reached, so the curves are lower bounds."
_WITHOUT_EPOCHS = " Not over epochs, which they do not have or do not keep: {methods}."
_STEEP = 2
"""Trials of each curve that may lie below the axis: a setting that fails counts as 0."""


@dataclass(frozen=True)
class BudgetSheet(LineSheet):
    """Panels over trials and over epochs.

    Attributes:
        files: label -> the studies that its curves come from.
    """

    files: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def made_from(self, labels: Sequence[str]) -> str:
        """The studies behind some of the labels: `3 studies: csq; 1 study: dsh`."""
        counts: dict[int, list[str]] = {}
        for label in labels:
            counts.setdefault(len(self.files[label]), []).append(label)
        return "; ".join(f"{n} {'study' if n == 1 else 'studies'}: {', '.join(names)}" for n, names in counts.items())


def budget_sheets(groups: Sequence[CurveGroup]) -> list[BudgetSheet]:
    """One sheet for each protocol and conditions, with a row of panels for each code length.

    Args:
        groups: of `tuning_curves`.
    """
    by_name: dict[str, list[CurveGroup]] = {}
    for group in groups:
        by_name.setdefault(group.name, []).append(group)
    return [_sheet(name, own) for name, own in by_name.items()]


def _sheet(name: str, groups: Sequence[CurveGroup]) -> BudgetSheet:
    every = [curve for group in groups for curve in group.curves]
    best: dict[str, float] = {}
    for curve in every:
        best[curve.label] = max(curve.mean[-1], best.get(curve.label, -math.inf))
    labels = sorted(best, key=lambda label: (-best[label], label))
    metric = quantity(f"{VALIDATION}{groups[0].metric}")
    panels = []
    for group in groups:
        y_label = f"{metric}, {group.bits} bits"
        panels.append(Panel("trials n", y_label, _drawn(group.curves, over_epochs=False), steep=_STEEP))
        panels.append(Panel("epochs of n trials", y_label, _drawn(group.curves, over_epochs=True), steep=_STEEP))
    caption = _CAPTION.format(metric=metric)
    caption += _STOPPED if any(curve.stopped for curve in every) else ""
    without = sorted({curve.label for curve in every if math.isnan(curve.epochs)})
    if len(without) == len(labels):
        panels = [panel for panel in panels if panel.curves]
    if without:
        caption += _WITHOUT_EPOCHS.format(methods=", ".join(without))
    return BudgetSheet(
        "tuning-" + re.sub(r"[^\w.@+-]+", "_", name).strip("_"),
        f"{name} · validation",
        caption,
        dict.fromkeys(labels, ()),
        panels,
        2,
        {label: _files(curve for curve in every if curve.label == label) for label in labels},
    )


def _drawn(curves: Iterable[TuningCurve], *, over_epochs: bool) -> dict[str, Curve]:
    return {
        curve.label: Curve(
            curve.cost if over_epochs else np.arange(1.0, curve.trials + 1), curve.mean, curve.std, within=curve.ends
        )
        for curve in curves
        if not (over_epochs and math.isnan(curve.epochs))
    }


def _files(curves: Iterable[TuningCurve]) -> list[str]:
    return [str(path) for curve in curves for path in curve.files]
