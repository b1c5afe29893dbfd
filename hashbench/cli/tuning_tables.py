"""What `hashbench tuning-curves` prints: the methods at a few numbers of trials, and where their order changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hashbench.cli.say import put
from hashbench.cli.tables import console_for_tables, print_table
from hashbench.report.tuning_words import LEGEND, heading, notes
from hashbench.tuning.crossings import changes

if TYPE_CHECKING:
    from hashbench.tuning.tuning_curves import CurveGroup, TuningCurve


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
        shown = [*columns, *(["± over studies"] if several else [])]
        print_table(
            console, heading(group), " ".join([LEGEND, *notes(group)]), shown, rows, left=("method",), whole=shown
        )
        for line in changes(group):
            put(line)
        put()


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
