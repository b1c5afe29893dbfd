"""Curves of the ranking: precision at T, precision and recall within a radius, precision over recall."""

from __future__ import annotations

import numpy as np

from hashbench.report.figures.lines import LineSheet, Panel
from hashbench.report.figures.measured import MeasuredCodes
from hashbench.report.figures.series import SeriesGroup
from hashbench.report.figures.sheet import Curve, over_seeds


def topk(group: SeriesGroup, codes: MeasuredCodes) -> list[LineSheet]:
    """Expected precision among the first T items."""
    caption = (
        "Precision among the first T items, expected over the order of ties; mean over seeds, the band is ± one "
        "standard deviation (DualHash, Figs. 5a, 5c and 12)."
    )
    panels = {("T, items retrieved", "precision@T"): ("cutoffs", "precision_at")}
    return _sheets("topk", caption, panels, group, codes)


def radius(group: SeriesGroup, codes: MeasuredCodes) -> list[LineSheet]:
    """Precision and recall within each Hamming radius."""
    caption = (
        "Precision and recall within a Hamming radius, mean over queries (an empty ball has precision 0) and seeds; "
        "the band is ± one standard deviation (DualHash, Figs. 5b and 5d, at every radius)."
    )
    panels = {
        ("Hamming radius", "precision within radius"): ("radius", "precision_by_radius"),
        ("Hamming radius", "recall within radius"): ("radius", "recall_by_radius"),
    }
    return _sheets("radius", caption, panels, group, codes)


def precision_recall(group: SeriesGroup, codes: MeasuredCodes) -> list[LineSheet]:
    """Interpolated precision over recall."""
    caption = (
        "Precision over recall: a query's largest precision at any radius that reaches the recall, mean over queries "
        "and seeds; the band is ± one standard deviation (DualHash, Fig. 12)."
    )
    panels = {("recall", "interpolated precision"): ("recall_levels", "precision_interpolated")}
    return _sheets("pr", caption, panels, group, codes)


def _sheets(
    kind: str, caption: str, panels: dict[tuple[str, str], tuple[str, str]], group: SeriesGroup, codes: MeasuredCodes
) -> list[LineSheet]:
    """One sheet per code length; `panels` says for each pair of axis labels which arrays of `all_curves` it shows."""
    sheets = []
    for bits in group.bits:
        series = [one for one in group.at(bits) if codes.curves(one)]
        shown = [
            Panel(*labels, {one.label: _curve(codes.curves(one), *arrays) for one in series})
            for labels, arrays in panels.items()
        ]
        if series:
            name, heading = f"{kind}-{group.name}-{bits}bit", f"{group.heading} · {bits} bits"
            sheets.append(LineSheet(name, heading, caption, {s.label: [s] for s in series}, shown, len(shown)))
    return sheets


def _curve(curves: list[dict[str, np.ndarray]], x: str, y: str) -> Curve:
    return over_seeds(curves[0][x], [one[y] for one in curves])
