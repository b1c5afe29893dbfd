"""Tuning curves as CSV: one line for each method, code length and number of trials."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

from hashbench.foreign_text import csv_cell
from hashbench.tuning.tuning_curves import CurveGroup

COLUMNS = (
    "protocol", "conditions", "metric", "bits", "method", "preset", "studies", "seeds", "trials", "failed",
    "stopped_early", "n", "epochs", "expected_best", "std", "std_over_studies", "place",
)  # fmt: skip
"""`trials` are those of all studies together, as `failed` and `stopped_early`; `epochs` is the expected cost of n of
them; `place` among the methods that have so many."""


def to_csv(groups: Sequence[CurveGroup]) -> str:
    """The curves; numbers with 6 significant digits, empty where there is none."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for group in groups:
        shared = (group.protocol, group.conditions, group.metric, group.bits)
        places = [
            {curve.label: place for place, curve in enumerate(group.order(budget), 1)}
            for budget in range(1, max(curve.trials for curve in group.curves) + 1)
        ]
        for curve in group.curves:
            own = (curve.method, curve.preset, len(curve.files), " ".join(map(str, curve.seeds)))
            counts = (curve.total, curve.failed, curve.stopped)
            numbers = zip(curve.cost, curve.mean, curve.std, curve.over_studies, strict=True)
            for n, values in enumerate(numbers, 1):
                cells = (*shared, *own, *counts, n, *map(_number, values), places[n - 1][curve.label])
                writer.writerow(map(csv_cell, cells))
    return out.getvalue()


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"
