"""What `hashbench tuning-curves` prints: the methods at a few numbers of trials, and where their order changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hashbench.cli.say import put
from hashbench.cli.tables import console_for_tables, print_table
from hashbench.report.figures.names import quantity
from hashbench.results.record import VALIDATION
from hashbench.tuning.tuning_curves import crossings

if TYPE_CHECKING:
    from hashbench.tuning.tuning_curves import CurveGroup, TuningCurve

_CLEAR = 0.0005
"""Of expected values: where the lead is smaller on either side, nothing is said of a change of order."""

_LEGEND = (
    "Place and expected best of n trials ± its standard deviation: draws with replacement from the trials of the "
    "studies (Dodge et al. 2019), failed trials as 0. Validation, and each trial a single seed."
)


def show_curves(groups: Sequence[CurveGroup]) -> None:
    """Print a table for each group of curves, and the changes of order below it."""
    console = console_for_tables()
    for group in groups:
        counts = ["method", "studies", "trials", "failed", "stopped early", "epochs a trial"]
        columns = [*counts, *(f"n = {budget}" for budget in group.budgets)]
        several = any(len(curve.files) > 1 for curve in group.curves)
        rows = [
            [*_counts(curve), *_cells(group, curve), *([_over_studies(curve)] if several else [])]
            for curve in group.curves
        ]
        title = f"{group.name} · {group.bits} bits · {quantity(f'{VALIDATION}{group.metric}')}"
        shown = [*columns, *(["± over studies"] if several else [])]
        print_table(console, title, " ".join(_notes(group)), shown, rows, left=("method",), whole=shown)
        _show_crossings(group)


def _counts(curve: TuningCurve) -> list[str]:
    epochs = "–" if math.isnan(curve.epochs) else f"{curve.epochs:.1f}"
    return [
        curve.label,
        *map(str, (len(curve.files), curve.total, curve.failed, curve.stopped)),
        epochs,
    ]


def _cells(group: CurveGroup, curve: TuningCurve) -> list[str]:
    cells = []
    for budget in group.budgets:
        if curve.trials < budget:
            cells.append("–")
            continue
        place = 1 + [one.label for one in group.order(budget)].index(curve.label)
        cells.append(f"{place:>2}. {curve.mean[budget - 1]:.4f} ± {curve.std[budget - 1]:.4f}")
    return cells


def _over_studies(curve: TuningCurve) -> str:
    """Of the last number of trials that the curve reaches."""
    spread = curve.over_studies[-1]
    return "–" if math.isnan(spread) else f"{spread:.4f} (n = {curve.trials})"


def _notes(group: CurveGroup) -> list[str]:
    notes = [_LEGEND]
    if any(curve.stopped for curve in group.curves):
        notes.append(
            "A trial that was stopped early counts with the best that it had reached, so the curve is a lower bound."
        )
    if group.by_tpe:
        notes.append("Studies of the sampler tpe draw by what they have seen: for these, the curve only describes.")
    if len({curve.trials for curve in group.curves}) > 1:
        notes.append("The studies are of different lengths: places at n are among those that reach it.")
    return notes


def _show_crossings(group: CurveGroup) -> None:
    """One line for each method that passes others: `csq passes hashnet, dtsh at n = 2, class_codes at n = 6`."""
    clear = [one for one in crossings(group) if min(one.before, one.after) >= _CLEAR]
    for curve in group.curves:
        passed: dict[int, list[str]] = {}
        for one in sorted(clear, key=lambda one: one.budget):
            if one.ahead == curve.label:
                passed.setdefault(one.budget, []).append(one.behind)
        if passed:
            put(f"{curve.label} passes " + ", ".join(f"{', '.join(names)} at n = {n}" for n, names in passed.items()))
    if len(group.curves) > 1 and not clear:
        put(f"No method passes another one by {_CLEAR} or more at any number of trials.")
    put()
