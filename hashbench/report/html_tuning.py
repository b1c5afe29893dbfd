"""What the leaderboard page shows of studies, as plain JSON values: tuning curves and the order of methods."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hashbench.report.tuning_words import LEGEND, heading, notes
from hashbench.tuning.crossings import changes
from hashbench.tuning.tuning_curves import CurveGroup, TuningCurve

_DIGITS = 5


def tuning_data(groups: Sequence[CurveGroup]) -> dict[str, Any]:
    """Gather what the page needs.

    Args:
        groups: of `hashbench.tuning.tuning_curves.tuning_curves`.

    Returns:
        `legend`, and `groups`, each with its `heading`, `note`, `changes` of order, `budgets` and `curves`. A curve has
        the `mean` and `std` of the best of 1, 2, ... trials, and its `places` at the budgets, None beyond its end.
    """
    return {"legend": LEGEND, "groups": [_group(group) for group in groups]}


def _group(group: CurveGroup) -> dict[str, Any]:
    orders = [[curve.label for curve in group.order(budget)] for budget in group.budgets]
    return {
        "heading": heading(group),
        "protocol": group.protocol,
        "bits": group.bits,
        "note": " ".join(notes(group)),
        "changes": changes(group),
        "budgets": group.budgets,
        "curves": [_curve(curve, orders) for curve in group.curves],
    }


def _curve(curve: TuningCurve, orders: Sequence[Sequence[str]]) -> dict[str, Any]:
    return {
        "name": curve.label,
        "studies": len(curve.files),
        "trials": curve.total,
        "failed": curve.failed,
        "stopped": curve.stopped,
        "epochs": None if math.isnan(curve.epochs) else round(curve.epochs, 2),
        "mean": curve.mean.round(_DIGITS).tolist(),
        "std": curve.std.round(_DIGITS).tolist(),
        "over_studies": None if math.isnan(curve.over_studies[-1]) else round(float(curve.over_studies[-1]), _DIGITS),
        "places": [order.index(curve.label) + 1 if curve.label in order else None for order in orders],
    }
